"""Tables with constraints for the simulation, a few families of them: as SQL, and as the model must know them."""

from __future__ import annotations

from collections.abc import Mapping

from tests.machines.oracle.rules import Check, Reference, Unique
from tests.machines.simulation.constrained.following import FOLLOWING
from tests.machines.simulation.constrained.making import Constrained, V, is_active, not_null, refers, table
from tests.machines.simulation.constrained.moving import MOVING
from tests.machines.simulation.constrained.numbered import NUMBERED
from tests.machines.simulation.tables import Shape
from tests.support.clauses import with_clauses, with_constraints

FAMILIES: dict[str, dict[str, Constrained]] = {
    "accounts": {
        "account": table(
            "(id TEXT PRIMARY KEY NOT NULL, email TEXT COLLATE NOCASE, org TEXT, nick TEXT, active INTEGER, v)",
            ("a1", "a2", "a3", "a4"),
            {
                "email": ("x", "x", "X", "y", None),
                "org": ("o", "p", None),
                "nick": ("a", "b"),
                "active": (1, 1, 0),
                "v": V,
            },
            indexes="CREATE UNIQUE INDEX account_email ON account (email) WHERE active = 1;"
            "CREATE UNIQUE INDEX account_nick ON account (org, nick);",
            uniques=(
                Unique(
                    "account_email",
                    ("email",),
                    nocase=True,
                    where=is_active,
                    where_columns=("active",),
                ),
                Unique("org, nick", ("org", "nick")),
            ),
        ),
    },
    "shop": {
        "customer": table(
            "(id TEXT PRIMARY KEY NOT NULL, code TEXT, v)",
            ("k1", "k2", "k3"),
            {"code": ("x", "y", "z", None), "v": V},
            indexes="CREATE UNIQUE INDEX customer_code ON customer (code);",
            uniques=(Unique("code", ("code",)),),
        ),
        "purchase": table(
            "(id TEXT PRIMARY KEY NOT NULL, customer TEXT REFERENCES customer ON DELETE RESTRICT ON UPDATE CASCADE, v)",
            ("p1", "p2", "p3"),
            {"customer": ("k1", "k2", "k2", "k3", None), "v": V},
            references=(refers("customer", "customer", "RESTRICT"),),
        ),
        "voucher": table(
            "(id TEXT PRIMARY KEY NOT NULL, code TEXT REFERENCES customer (code) ON UPDATE CASCADE"
            " DEFERRABLE INITIALLY DEFERRED, v)",
            ("v1", "v2"),
            {"code": ("x", "y", None), "v": V},
            references=(refers("code", "customer", to="code"),),
        ),
    },
    "world": {
        "continent": table("(id TEXT PRIMARY KEY NOT NULL, v)", ("c1", "c2"), {"v": V}),
        "country": table(
            "(id TEXT PRIMARY KEY NOT NULL, continent TEXT REFERENCES continent ON DELETE CASCADE, name TEXT)",
            ("l1", "l2", "l3"),
            {"continent": ("c1", "c2", None), "name": ("x", "y", None)},
            indexes="CREATE UNIQUE INDEX country_name ON country (name);",
            uniques=(Unique("name", ("name",)),),
            references=(refers("continent", "continent", "CASCADE"),),
        ),
        "city": table(
            "(id TEXT PRIMARY KEY NOT NULL, country TEXT REFERENCES country, v)",
            ("t1", "t2"),
            {"country": ("l1", "l2", "l2", "l3"), "v": V},
            references=(refers("country", "country"),),
        ),
        "person": table(
            "(id TEXT PRIMARY KEY NOT NULL, city TEXT REFERENCES city ON DELETE RESTRICT, v)",
            ("q1", "q2"),
            {"city": ("t1", "t2"), "v": V},
            references=(refers("city", "city", "RESTRICT"),),
        ),
    },
    "masks": {
        "team": table("(id TEXT PRIMARY KEY NOT NULL, v)", ("m0", "m1", "m2"), {"v": V}),
        "player": table(
            "(id TEXT PRIMARY KEY NOT NULL, team TEXT REFERENCES team ON DELETE SET NULL ON UPDATE CASCADE, shirt, v)",
            ("r1", "r2", "r3"),
            {"team": ("m0", "m1", "m1", "m2", None), "shirt": (1, 2), "v": V},
            indexes="CREATE UNIQUE INDEX player_shirt ON player (team, shirt);",
            uniques=(Unique("team, shirt", ("team", "shirt")),),
            references=(refers("team", "team", "SET NULL"),),
        ),
        "fan": table(
            "(id TEXT PRIMARY KEY NOT NULL, team TEXT DEFAULT 'm0' REFERENCES team ON DELETE SET DEFAULT, v)",
            ("f1", "f2"),
            {"team": ("m0", "m1", "m2"), "v": V},
            references=(refers("team", "team", "SET DEFAULT"),),
            defaults={"team": "m0"},
        ),
        "coach": table(
            "(id TEXT PRIMARY KEY NOT NULL, team TEXT NOT NULL REFERENCES team ON DELETE SET NULL, v)",
            ("h1", "h2"),
            {"team": ("m1", "m2"), "v": V},
            references=(refers("team", "team", "SET NULL"),),
            required=frozenset({"team"}),
        ),
    },
    "tree": {
        "folder": table(
            "(id TEXT PRIMARY KEY NOT NULL, up TEXT REFERENCES folder ON DELETE CASCADE, name TEXT, v)",
            ("d1", "d2", "d3", "d4"),
            {"up": ("d1", "d2", "d3", None, None), "name": ("x", "x", "y"), "v": V},
            indexes="CREATE UNIQUE INDEX folder_name ON folder (name, up);",
            uniques=(Unique("name, up", ("name", "up")),),
            references=(refers("up", "folder", "CASCADE"),),
        ),
        "page": table(
            "(id TEXT PRIMARY KEY NOT NULL, before TEXT REFERENCES page ON DELETE SET NULL, slug TEXT, v)",
            ("e1", "e2", "e3"),
            {"before": ("e1", "e2", "e3", None), "slug": ("x", "y"), "v": V},
            indexes="CREATE UNIQUE INDEX page_slug ON page (slug);",
            uniques=(Unique("slug", ("slug",)),),
            references=(refers("before", "page", "SET NULL"),),
        ),
        "step": table(
            "(id TEXT PRIMARY KEY NOT NULL, after TEXT REFERENCES step DEFERRABLE INITIALLY DEFERRED, v)",
            ("s1", "s2", "s3"),
            {"after": ("s1", "s2", "s3", None), "v": V},
            references=(refers("after", "step"),),
        ),
    },
    "circle": {
        "boss": table(
            "(id TEXT PRIMARY KEY NOT NULL, office TEXT REFERENCES office ON DELETE SET NULL, name TEXT)",
            ("b1", "b2"),
            {"office": ("w1", "w2", None), "name": ("x", "y")},
            indexes="CREATE UNIQUE INDEX boss_name ON boss (name);",
            uniques=(Unique("name", ("name",)),),
            references=(refers("office", "office", "SET NULL"),),
        ),
        "office": table(
            "(id TEXT PRIMARY KEY NOT NULL, boss TEXT REFERENCES boss ON DELETE CASCADE, v)",
            ("w1", "w2"),
            {"boss": ("b1", "b2", None), "v": V},
            references=(refers("boss", "boss", "CASCADE"),),
        ),
    },
    "bills": {
        "bill": table(
            "(id INTEGER PRIMARY KEY, number TEXT, v)",
            (1, 2, 3),
            {"number": ("x", "y", None), "v": V},
            indexes="CREATE UNIQUE INDEX bill_number ON bill (number);",
            uniques=(Unique("number", ("number",)),),
        ),
        "line": table(
            "(bill INTEGER NOT NULL REFERENCES bill ON DELETE CASCADE ON UPDATE CASCADE, n INTEGER NOT NULL, v,"
            " PRIMARY KEY (bill, n)) WITHOUT ROWID",
            ((1, 1), (1, 2), (2, 1), (3, 1)),
            {"v": V},
            key=("bill", "n"),
            references=(refers("bill", "bill", "CASCADE"),),
        ),
        "remark": table(
            "(id INTEGER PRIMARY KEY, bill INTEGER NOT NULL, n INTEGER, v,"
            " FOREIGN KEY (bill, n) REFERENCES line (bill, n) ON UPDATE CASCADE)",
            (1, 2),
            {"bill": (1, 2, 3), "n": (1, 1, 2, None), "v": V},
            references=(Reference(("bill", "n"), "line", ("bill", "n")),),
            checks=(not_null("remark", "bill"),),
        ),
    },
    "numbers": {
        "client": table(
            "(id INTEGER PRIMARY KEY, code TEXT, v)",
            (1, 2, 3),
            {"code": ("x", "y", None, None), "v": V},
            indexes="CREATE UNIQUE INDEX client_code ON client (code);",
            uniques=(Unique("code", ("code",)),),
            numbered=True,
        ),
        "project": table(
            "(id INTEGER PRIMARY KEY, client INTEGER REFERENCES client ON DELETE CASCADE, v)",
            (1, 2, 3),
            {"client": (1, 2, 3, None), "v": V},
            holds={"client": "client"},
            references=(refers("client", "client", "CASCADE"),),
            numbered=True,
        ),
        "share": table(
            "(client INTEGER NOT NULL REFERENCES client, n INTEGER NOT NULL, v, PRIMARY KEY (client, n)) WITHOUT ROWID",
            ((1, 1), (1, 2), (2, 1), (3, 1)),
            {"v": V},
            key=("client", "n"),
            holds={"client": "client"},
            references=(refers("client", "client"),),
        ),
        "post": table(
            "(id INTEGER PRIMARY KEY, re INTEGER REFERENCES post ON DELETE SET NULL, v)",
            (1, 2, 3),
            {"re": (1, 2, 3, None), "v": V},
            holds={"re": "post"},
            references=(refers("re", "post", "SET NULL"),),
            numbered=True,
        ),
    },
    "threads": {
        "topic": table("(id INTEGER PRIMARY KEY, v)", (1, 2), {"v": V}, numbered=True),
        "reply": table(
            "(id TEXT PRIMARY KEY NOT NULL, topic INTEGER REFERENCES topic, v)",
            ("a1", "a2", "a3", "a4"),
            {"topic": (1, 1, 2, None), "v": V},
            holds={"topic": "topic"},
            references=(refers("topic", "topic"),),
        ),
    },
    "stocks": {
        "stock": table(
            "(id TEXT PRIMARY KEY NOT NULL, n INTEGER NOT NULL DEFAULT 0 CHECK (n >= 0), low INTEGER, high INTEGER,"
            " bin TEXT, CONSTRAINT bounds CHECK (low <= high)) STRICT",
            ("s1", "s2"),
            {"n": (0, 1, 2, 3), "low": (0, 5, 7, None), "high": (4, 6, 9, None), "bin": ("x", "y", None)},
            types={"n": "counter"},
            indexes="CREATE UNIQUE INDEX stock_bin ON stock (bin);",
            uniques=(Unique("bin", ("bin",)),),
            checks=(
                Check("CHECK stock.n", lambda record: record["n"] >= 0),
                Check("CHECK bounds", lambda r: r["low"] is None or r["high"] is None or r["low"] <= r["high"]),
            ),
        ),
        "order_": table(
            "(id TEXT PRIMARY KEY NOT NULL, stock TEXT REFERENCES stock ON DELETE RESTRICT, v)",
            ("o1", "o2"),
            {"stock": ("s1", "s2"), "v": V},
            references=(refers("stock", "stock", "RESTRICT"),),
        ),
    },
    "people": {
        "mate": table(
            "(id TEXT PRIMARY KEY NOT NULL, boss TEXT REFERENCES mate ON DELETE SET NULL, deputy TEXT DEFAULT 'u0'"
            " REFERENCES mate ON DELETE SET DEFAULT, mail TEXT)",
            ("u0", "u1", "u2", "u3"),
            {"boss": ("u1", "u2", "u3", None), "deputy": ("u0", "u1", "u2", None), "mail": ("x", "x", "y", None)},
            indexes="CREATE UNIQUE INDEX mate_mail ON mate (mail);",
            uniques=(Unique("mail", ("mail",)),),
            references=(refers("boss", "mate", "SET NULL"), refers("deputy", "mate", "SET DEFAULT")),
            defaults={"deputy": "u0"},
        ),
        "desk": table(
            "(id TEXT PRIMARY KEY NOT NULL, mate TEXT DEFAULT 'u0' REFERENCES mate ON DELETE SET DEFAULT,"
            " other TEXT REFERENCES mate ON DELETE SET NULL) WITHOUT ROWID",
            ("d1", "d2", "d3"),
            {"mate": ("u0", "u1", "u2", None), "other": ("u1", "u2", None)},
            indexes="CREATE UNIQUE INDEX desk_mate ON desk (mate);",
            uniques=(Unique("mate", ("mate",)),),
            references=(refers("mate", "mate", "SET DEFAULT"), refers("other", "mate", "SET NULL")),
            defaults={"mate": "u0"},
        ),
    },
    "guests": {
        "room": table("(id TEXT PRIMARY KEY NOT NULL, v)", ("r0", "r1", "r2"), {"v": V}),
        "guest": table(
            "(id TEXT PRIMARY KEY NOT NULL, room TEXT REFERENCES room ON DELETE SET NULL, paid INTEGER, v,"
            " CONSTRAINT housed CHECK (typeof(room) <> 'null' OR paid = 1))",
            ("g1", "g2", "g3"),
            {"room": ("r1", "r2", "r2", None), "paid": (0, 0, 1), "v": V},
            indexes="CREATE UNIQUE INDEX guest_v ON guest (v);",
            uniques=(Unique("v", ("v",)),),
            references=(refers("room", "room", "SET NULL"),),
            checks=(Check("CHECK housed", lambda r: r["room"] is not None or r["paid"] in (None, 1)),),
        ),
        "key_": table(
            "(id INTEGER PRIMARY KEY, room TEXT DEFAULT 'r0' REFERENCES room ON DELETE SET DEFAULT, n INTEGER,"
            " CONSTRAINT front CHECK (room <> 'r0' OR n < 2))",
            (1, 2),
            {"room": ("r0", "r1", "r2", None), "n": (1, 2)},
            references=(refers("room", "room", "SET DEFAULT"),),
            defaults={"room": "r0"},
            checks=(
                Check("CHECK front", lambda r: r["room"] in (None, *("r1", "r2")) or r["n"] is None or r["n"] < 2),
            ),
        ),
    },
    "crew": {
        "ship": table(
            "(id TEXT PRIMARY KEY NOT NULL, captain TEXT DEFAULT 's1' REFERENCES sailor ON DELETE SET DEFAULT, name TEXT)",
            ("h1", "h2"),
            {"captain": ("s1", "s2", "s3", None), "name": ("x", "y")},
            indexes="CREATE UNIQUE INDEX ship_name ON ship (name); CREATE UNIQUE INDEX ship_captain ON ship (captain);",
            uniques=(Unique("captain", ("captain",)), Unique("name", ("name",))),
            references=(refers("captain", "sailor", "SET DEFAULT"),),
            defaults={"captain": "s1"},
        ),
        "sailor": table(
            "(id TEXT PRIMARY KEY NOT NULL, ship TEXT REFERENCES ship ON DELETE SET NULL,"
            " mate TEXT REFERENCES sailor ON DELETE CASCADE, rank INTEGER)",
            ("s1", "s2", "s3"),
            {"ship": ("h1", "h2", None), "mate": ("s1", "s2", None, None), "rank": (1, 2)},
            indexes="CREATE UNIQUE INDEX sailor_rank ON sailor (ship, rank);",
            uniques=(Unique("ship, rank", ("ship", "rank")),),
            references=(refers("ship", "ship", "SET NULL"), refers("mate", "sailor", "CASCADE")),
        ),
    },
    "grid": {
        "cell": table(
            "(x INTEGER NOT NULL, y INTEGER NOT NULL, code TEXT, PRIMARY KEY (x, y)) WITHOUT ROWID",
            ((1, 1), (1, 2), (2, 2)),
            {"code": ("p", "q", None)},
            key=("x", "y"),
            indexes="CREATE UNIQUE INDEX cell_code ON cell (code);",
            uniques=(Unique("code", ("code",)),),
        ),
        "pin": table(
            "(id TEXT PRIMARY KEY NOT NULL, x INTEGER DEFAULT 1, y INTEGER DEFAULT 1, code TEXT, z INTEGER,"
            " FOREIGN KEY (x, y) REFERENCES cell ON DELETE SET DEFAULT, FOREIGN KEY (code) REFERENCES cell (code)"
            " ON DELETE SET NULL, FOREIGN KEY (z, y) REFERENCES cell (x, y) ON DELETE SET NULL)",
            ("n1", "n2", "n3"),
            {"x": (1, 2, None), "y": (1, 2, 2), "code": ("p", "q", None), "z": (1, 2, None, None)},
            indexes="CREATE UNIQUE INDEX pin_at ON pin (x, y);",
            uniques=(Unique("x, y", ("x", "y")),),
            references=(
                Reference(("x", "y"), "cell", ("x", "y"), "SET DEFAULT"),
                Reference(("code",), "cell", ("code",), "SET NULL"),
                Reference(("z", "y"), "cell", ("x", "y"), "SET NULL"),
            ),
            defaults={"x": 1, "y": 1},
        ),
    },
    "kin": {
        "elder": table("(id TEXT PRIMARY KEY NOT NULL, v)", ("e1", "e2"), {"v": V}),
        "parent": table(
            "(id TEXT PRIMARY KEY NOT NULL, elder TEXT REFERENCES elder ON DELETE RESTRICT,"
            " friend TEXT REFERENCES elder ON DELETE SET NULL, v)",
            ("p1", "p2"),
            {"elder": ("e1", "e2", None), "friend": ("e1", "e2", None), "v": V},
            references=(refers("elder", "elder", "RESTRICT"), refers("friend", "elder", "SET NULL")),
        ),
        "child": table(
            "(id TEXT PRIMARY KEY NOT NULL, parent TEXT REFERENCES parent, twin TEXT REFERENCES child ON DELETE SET NULL)",
            ("c1", "c2", "c3"),
            {"parent": ("p1", "p2", None), "twin": ("c1", "c2", None)},
            references=(refers("parent", "parent"), refers("twin", "child", "SET NULL")),
        ),
    },
    "marked": {
        "user": table(
            "(id TEXT PRIMARY KEY NOT NULL, name TEXT, mail TEXT, n INTEGER)",
            ("a1", "a2", "a3", "a4"),
            {"name": ("x", "x", "y", "x#00", None), "mail": ("m", "m", "o"), "n": (1, 2)},
            indexes="CREATE UNIQUE INDEX user_name ON user (name); CREATE UNIQUE INDEX user_mail ON user (mail);"
            "CREATE UNIQUE INDEX user_n ON user (n, name);",
            uniques=(
                Unique("mail", ("mail",), policy="null"),
                Unique("n, name", ("n", "name")),
                Unique("name", ("name",), policy="suffix"),
            ),
        ),
        "note": table(
            "(id TEXT PRIMARY KEY NOT NULL, mail TEXT REFERENCES user (mail) ON DELETE SET NULL,"
            " re TEXT REFERENCES note ON DELETE CASCADE, title)",
            ("n1", "n2", "n3"),
            {"mail": ("m", "o", None), "re": ("n1", "n2", None, None), "title": ("x", "x", 7, 7, -1, 9_000_001)},
            indexes="CREATE UNIQUE INDEX note_title ON note (title);",
            uniques=(Unique("title", ("title",), policy="suffix"),),
            references=(refers("mail", "user", "SET NULL", to="mail"), refers("re", "note", "CASCADE")),
        ),
    },
    "kept": {
        "top": table("(id TEXT PRIMARY KEY NOT NULL, v)", ("t1", "t2"), {"v": V}),
        "mid": table(
            "(id TEXT PRIMARY KEY NOT NULL, top TEXT REFERENCES top ON DELETE RESTRICT)",
            ("m1", "m2"),
            {"top": ("t1", "t2")},
            references=(refers("top", "top", "RESTRICT"),),
        ),
        "low": table(
            "(id TEXT PRIMARY KEY NOT NULL, mid TEXT REFERENCES mid)",
            ("l1", "l2"),
            {"mid": ("m1", "m2")},
            references=(refers("mid", "mid"),),
        ),
    },
}
"""The families; in each, a table comes after those that it refers to, where that is possible."""

UNITING: dict[str, dict[str, Constrained]] = {
    "tags": {
        "tag": table(
            "(id TEXT PRIMARY KEY NOT NULL, name TEXT COLLATE NOCASE, v)",
            ("t1", "t2", "t3"),
            {"name": ("x", "x", "X", "y"), "v": V},
            indexes="CREATE UNIQUE INDEX tag_name ON tag (name);",
            uniques=(Unique("name", ("name",), nocase=True, policy="same"),),
        ),
        "entry": table(
            "(id TEXT PRIMARY KEY NOT NULL, tag TEXT REFERENCES tag ON DELETE CASCADE ON UPDATE CASCADE, title TEXT, v)",
            ("n1", "n2", "n3"),
            {"tag": ("t1", "t2", "t3"), "title": ("a", "a", "b"), "v": V},
            indexes="CREATE UNIQUE INDEX entry_title ON entry (tag, title);",
            uniques=(Unique("tag, title", ("tag", "title"), policy="same"),),
            references=(refers("tag", "tag", "CASCADE"),),
        ),
        "answer": table(
            "(id TEXT PRIMARY KEY NOT NULL, entry TEXT REFERENCES entry)",
            ("y1", "y2"),
            {"entry": ("n1", "n2", "n3")},
            references=(refers("entry", "entry"),),
        ),
    },
    "brands": {
        "brand": table(
            "(id TEXT PRIMARY KEY NOT NULL, name TEXT, code TEXT, n INTEGER, CONSTRAINT few CHECK (n < 3 OR code = 'p'))",
            ("b1", "b2", "b3"),
            {"name": ("x", "x", "y", None), "code": ("p", "q", None), "n": (1, 2, 3)},
            indexes="CREATE UNIQUE INDEX brand_name ON brand (name); CREATE UNIQUE INDEX brand_code ON brand (code);",
            uniques=(Unique("code", ("code",)), Unique("name", ("name",), policy="same")),
            checks=(Check("CHECK few", lambda r: r["n"] is None or r["n"] < 3 or r["code"] in (None, "p")),),
        ),
        "pick": table(
            "(id TEXT PRIMARY KEY NOT NULL, brand TEXT REFERENCES brand ON DELETE SET NULL, code TEXT REFERENCES brand (code)"
            " ON DELETE RESTRICT, n INTEGER, mail)",
            ("p1", "p2", "p3"),
            {"brand": ("b1", "b2", "b3"), "code": ("p", "q", None, None), "n": (1, 2), "mail": ("m", 0, 0, 1)},
            indexes="CREATE UNIQUE INDEX pick_n ON pick (n, brand); CREATE UNIQUE INDEX pick_mail ON pick (mail);",
            uniques=(Unique("mail", ("mail",), policy="suffix"), Unique("n, brand", ("n", "brand"), policy="null")),
            references=(refers("brand", "brand", "SET NULL"), refers("code", "brand", "RESTRICT", to="code")),
        ),
    },
    "subjects": {
        "subject": table(
            "(id TEXT PRIMARY KEY NOT NULL, up TEXT REFERENCES subject ON DELETE CASCADE, name TEXT, nick TEXT)",
            ("t1", "t2", "t3", "t4"),
            {"up": ("t1", "t2", "t3", None), "name": ("x", "x", "y"), "nick": ("a", "a", "b", None)},
            indexes="CREATE UNIQUE INDEX subject_name ON subject (up, name); CREATE UNIQUE INDEX subject_nick ON subject (nick);",
            uniques=(
                Unique("nick", ("nick",), policy="same"),
                Unique("up, name", ("up", "name"), policy="same"),
            ),
            references=(refers("up", "subject", "CASCADE"),),
        ),
        "like": table(
            "(id TEXT PRIMARY KEY NOT NULL, subject TEXT DEFAULT 't1' REFERENCES subject ON DELETE SET DEFAULT,"
            " nick TEXT REFERENCES subject (nick) ON DELETE SET NULL, n, v)",
            ("l1", "l2"),
            {"subject": ("t1", "t2", "t3", "t4"), "nick": ("a", "b", None), "n": (1, 1, 2), "v": V},
            indexes="CREATE UNIQUE INDEX like_subject ON like (subject, n);",
            uniques=(Unique("subject, n", ("subject", "n")),),
            references=(
                refers("nick", "subject", "SET NULL", to="nick"),
                refers("subject", "subject", "SET DEFAULT"),
            ),
            defaults={"subject": "t1"},
        ),
    },
    "kinds": {
        "kind": table(
            "(id TEXT PRIMARY KEY NOT NULL, name TEXT, up TEXT REFERENCES kind ON DELETE SET NULL)",
            ("k1", "k2", "k3", "k4", "k5"),
            {"name": ("x", "x", "y", "z", None), "up": ("k1", "k1", "k2", "k3", None)},
            indexes="CREATE UNIQUE INDEX kind_name ON kind (name);",
            uniques=(Unique("name", ("name",), policy="same"),),
            references=(refers("up", "kind", "SET NULL"),),
        ),
    },
    "squads": {
        "squad": table(
            "(id TEXT PRIMARY KEY NOT NULL, name TEXT, lead TEXT REFERENCES member ON DELETE SET NULL)",
            ("q1", "q2", "q3"),
            {"name": ("x", "x", "y"), "lead": ("w1", "w2", None)},
            indexes="CREATE UNIQUE INDEX squad_name ON squad (name);",
            uniques=(Unique("name", ("name",), policy="same"),),
            references=(refers("lead", "member", "SET NULL"),),
        ),
        "member": table(
            "(id TEXT PRIMARY KEY NOT NULL, squad TEXT REFERENCES squad ON DELETE CASCADE, place INTEGER)",
            ("w1", "w2", "w3"),
            {"squad": ("q1", "q2", "q3", None), "place": (1, 1, 2)},
            indexes="CREATE UNIQUE INDEX member_place ON member (squad, place);",
            uniques=(Unique("squad, place", ("squad", "place"), policy="same"),),
            references=(refers("squad", "squad", "CASCADE"),),
        ),
    },
    "blocks": {
        "block": table(
            "(x INTEGER NOT NULL, y INTEGER NOT NULL, code TEXT, PRIMARY KEY (x, y)) WITHOUT ROWID",
            ((1, 1), (1, 2), (2, 2)),
            {"code": ("p", "p", "q", None)},
            key=("x", "y"),
            indexes="CREATE UNIQUE INDEX block_code ON block (code);",
            uniques=(Unique("code", ("code",), policy="same"),),
        ),
        "peg": table(
            "(id TEXT PRIMARY KEY NOT NULL, x INTEGER DEFAULT 1, y INTEGER DEFAULT 1, z INTEGER,"
            " FOREIGN KEY (x, y) REFERENCES block ON DELETE SET DEFAULT, FOREIGN KEY (z, y) REFERENCES block (x, y)"
            " ON DELETE SET NULL)",
            ("n1", "n2", "n3"),
            {"x": (1, 2, None), "y": (1, 2, 2), "z": (1, 2, None, None)},
            indexes="CREATE UNIQUE INDEX peg_at ON peg (x, y);",
            uniques=(Unique("x, y", ("x", "y"), policy="same"),),
            references=(
                Reference(("x", "y"), "block", ("x", "y"), "SET DEFAULT"),
                Reference(("z", "y"), "block", ("x", "y"), "SET NULL"),
            ),
            defaults={"x": 1, "y": 1},
        ),
    },
    "labels": {
        "label": table(
            "(id INTEGER PRIMARY KEY, name TEXT, v)",
            (1, 2, 3),
            {"name": ("x", "x", "y"), "v": V},
            indexes="CREATE UNIQUE INDEX label_name ON label (name);",
            uniques=(Unique("name", ("name",), policy="same"),),
            numbered=True,
        ),
        "item": table(
            "(id INTEGER PRIMARY KEY, label INTEGER NOT NULL REFERENCES label, v)",
            (1, 2, 3),
            {"label": (1, 2, 3), "v": V},
            holds={"label": "label"},
            references=(refers("label", "label"),),
            required=frozenset({"label"}),
            numbered=True,
        ),
        "tie": table(
            "(label INTEGER NOT NULL REFERENCES label ON DELETE CASCADE, n INTEGER NOT NULL, v, PRIMARY KEY (label, n))",
            ((1, 1), (2, 1), (3, 1), (1, 2)),
            {"v": V},
            key=("label", "n"),
            holds={"label": "label"},
            references=(refers("label", "label", "CASCADE"),),
        ),
    },
}
"""Families whose rows are united (decision 0018)."""

OTHERS = tuple(FAMILIES)
FAMILIES |= UNITING | FOLLOWING | MOVING

SEEN = """
CREATE TABLE seen_{table} (k PRIMARY KEY, what);
CREATE TRIGGER insert_{table} AFTER INSERT ON {table} BEGIN INSERT OR IGNORE INTO seen_{table} VALUES (NEW.{key}, 'new'); END;
CREATE TRIGGER update_{table} AFTER UPDATE ON {table} BEGIN INSERT OR REPLACE INTO seen_{table} VALUES (NEW.{key}, 'old'); END;
"""
"""A derived table, for whose triggers a conflict is nothing special."""

OTHER = {"other": table("(id TEXT PRIMARY KEY NOT NULL, v)", ("o1", "o2"), {"v": V})}
"""A table that has nothing to do with the others."""

TABLES = {name: table for family in (*FAMILIES.values(), *NUMBERED.values(), OTHER) for name, table in family.items()}


def schema(names: Mapping[str, Shape], clauses: str = "", *, triggers: bool = False) -> str:
    """Return the statements that create some of the tables.

    Args:
        clauses: the conflict clauses of their constraints, in turn.
        triggers: whether they have triggers of the user's, which meet conflicts of their own.
    """
    found = []
    for name in names:
        create, indexes = TABLES[name].create, TABLES[name].indexes
        if clauses:
            create, indexes = with_constraints(create, indexes)
        found.append(f"{with_clauses(f'CREATE TABLE {name} {create};', clauses)}\n{indexes}\n")
        if triggers:
            found.append(SEEN.format(table=name, key=TABLES[name].key[0]))
    return "".join(found)
