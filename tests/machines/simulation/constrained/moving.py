"""Families of tables whose keys hold references to rows that are united, so that their rows stand under other keys (decision 0023)."""

from __future__ import annotations

from tests.machines.oracle.rules import Reference, Unique
from tests.machines.simulation.constrained.making import Constrained, V, follows, refers, table

MOVING: dict[str, dict[str, Constrained]] = {
    "themes": {
        "theme": table(
            "(id TEXT PRIMARY KEY NOT NULL, name TEXT, v)",
            ("t1", "t2", "t3"),
            {"name": ("x", "x", "x", "y"), "v": V},
            indexes="CREATE UNIQUE INDEX theme_name ON theme (name);",
            uniques=(Unique("name", ("name",), policy="same"),),
        ),
        "memo_theme": table(
            "(memo TEXT NOT NULL, theme TEXT NOT NULL REFERENCES theme ON DELETE CASCADE ON UPDATE CASCADE, n INTEGER, v,"
            " PRIMARY KEY (memo, theme)) WITHOUT ROWID",
            (("m1", "t1"), ("m1", "t2"), ("m1", "t3"), ("m2", "t1"), ("m2", "t2")),
            {"n": (1, 2, 3, None), "v": V},
            key=("memo", "theme"),
            indexes="CREATE UNIQUE INDEX memo_theme_n ON memo_theme (n);",
            uniques=(Unique("n", ("n",)),),
            references=(refers("theme", "theme", "CASCADE"),),
        ),
        "gloss": table(
            "(id TEXT PRIMARY KEY NOT NULL, memo TEXT, theme TEXT, v,"
            " FOREIGN KEY (memo, theme) REFERENCES memo_theme ON DELETE SET NULL)",
            ("r1", "r2"),
            {"memo": ("m1", "m2", None), "theme": ("t1", "t2", "t3"), "v": V},
            references=(Reference(("memo", "theme"), "memo_theme", ("memo", "theme"), "SET NULL"),),
        ),
        "cover": table(
            "(theme TEXT PRIMARY KEY NOT NULL REFERENCES theme, v)",
            ("t1", "t2", "t3"),
            {"v": V},
            key=("theme",),
            references=(refers("theme", "theme"),),
        ),
    },
    "clubs": {
        "club": table(
            "(id TEXT PRIMARY KEY NOT NULL, name TEXT, at TEXT, head TEXT,"
            " FOREIGN KEY (at, head) REFERENCES membership ON DELETE SET NULL)",
            ("c1", "c2", "c3"),
            {"name": ("x", "x", "y"), "at": ("c1", "c2", None), "head": ("p", "q")},
            indexes="CREATE UNIQUE INDEX club_name ON club (name);",
            uniques=(Unique("name", ("name",), policy="same"),),
            references=(Reference(("at", "head"), "membership", ("club", "person"), "SET NULL"),),
        ),
        "membership": table(
            "(club TEXT NOT NULL REFERENCES club ON DELETE CASCADE, person TEXT NOT NULL, v, PRIMARY KEY (club, person))",
            (("c1", "p"), ("c2", "p"), ("c3", "p"), ("c1", "q"), ("c2", "q")),
            {"v": V},
            key=("club", "person"),
            references=(refers("club", "club", "CASCADE"),),
        ),
    },
    "users": {
        "login": table(
            "(id INTEGER PRIMARY KEY, name TEXT, v)",
            (1, 2, 3),
            {"name": ("x", "x", "y"), "v": V},
            indexes="CREATE UNIQUE INDEX login_name ON login (name);",
            uniques=(Unique("name", ("name",), policy="same"),),
            numbered=True,
        ),
        "profile": table(
            "(login INTEGER PRIMARY KEY REFERENCES login ON DELETE CASCADE, v)",
            (1, 2, 3),
            {"v": V},
            key=("login",),
            holds={"login": "login"},
            references=(refers("login", "login", "CASCADE"),),
        ),
        "right_": table(
            "(login INTEGER NOT NULL REFERENCES login, kind TEXT NOT NULL, v, PRIMARY KEY (login, kind)) WITHOUT ROWID",
            ((1, "r"), (2, "r"), (3, "r"), (1, "w")),
            {"v": V},
            key=("login", "kind"),
            holds={"login": "login"},
            references=(refers("login", "login"),),
        ),
        "grant_": table(
            "(id TEXT PRIMARY KEY NOT NULL, login INTEGER, kind TEXT, v,"
            " FOREIGN KEY (login, kind) REFERENCES right_ ON DELETE SET NULL)",
            ("g1", "g2"),
            {"login": (1, 2, 3, None), "kind": ("r", "w"), "v": V},
            holds={"login": "login"},
            references=(Reference(("login", "kind"), "right_", ("login", "kind"), "SET NULL"),),
        ),
    },
    "stops": {
        "stop": table(
            "(id TEXT PRIMARY KEY NOT NULL, code TEXT, v)",
            ("s1", "s2", "s3"),
            {"code": ("x", "x", "y"), "v": V},
            indexes="CREATE UNIQUE INDEX stop_code ON stop (code);",
            uniques=(Unique("code", ("code",), policy="same"),),
        ),
        "halt": table(
            "(line TEXT NOT NULL, stop TEXT NOT NULL, v, PRIMARY KEY (line, stop))",
            (("a", "s1"), ("a", "s2"), ("a", "s9"), ("b", "s1"), ("b", "s3")),
            {"v": V},
            key=("line", "stop"),
            references=(follows("stop", "stop"),),
        ),
        "shelter": table(
            "(id TEXT PRIMARY KEY NOT NULL, line TEXT, stop TEXT, v,"
            " FOREIGN KEY (line, stop) REFERENCES halt ON DELETE CASCADE)",
            ("h1", "h2"),
            {"line": ("a", "b"), "stop": ("s1", "s2", "s9"), "v": V},
            references=(Reference(("line", "stop"), "halt", ("line", "stop"), "CASCADE"),),
        ),
    },
}
"""Families with references in keys."""
