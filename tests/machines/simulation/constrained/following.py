"""Families of tables with references that are followed and not enforced."""

from __future__ import annotations

from tests.machines.oracle.rules import Unique
from tests.machines.simulation.constrained.making import Constrained, V, follows, refers, table

FOLLOWING: dict[str, dict[str, Constrained]] = {
    "chats": {
        "chat": table(
            "(id INTEGER PRIMARY KEY, name TEXT, v)",
            (1, 2, 3),
            {"name": ("x", "x", "y"), "v": V},
            indexes="CREATE UNIQUE INDEX chat_name ON chat (name);",
            uniques=(Unique("name", ("name",), policy="same"),),
            numbered=True,
        ),
        "message": table(
            "(id INTEGER PRIMARY KEY, chat INTEGER, re INTEGER, v)",
            (1, 2, 3),
            {"chat": (1, 2, 3), "re": (1, 2, 3, None), "v": V},
            holds={"chat": "chat", "re": "message"},
            references=(follows("chat", "chat"), follows("re", "message")),
            numbered=True,
        ),
        "draft": table(
            "(id TEXT PRIMARY KEY NOT NULL, chat INTEGER, message INTEGER REFERENCES message ON DELETE SET NULL, v)",
            ("d1", "d2"),
            {"chat": (1, 2, 3, 4), "message": (1, 2, 3, None), "v": V},
            holds={"chat": "chat", "message": "message"},
            references=(follows("chat", "chat"), refers("message", "message", "SET NULL")),
        ),
    },
    "kits": {
        "kit": table(
            "(id TEXT PRIMARY KEY NOT NULL, up TEXT, name TEXT, code TEXT)",
            ("k1", "k2", "k3", "k4"),
            {"up": ("k1", "k1", "k2", "k9", None), "name": ("x", "x", "y"), "code": ("p", "p", "q", None)},
            indexes="CREATE UNIQUE INDEX kit_name ON kit (up, name); CREATE UNIQUE INDEX kit_code ON kit (code);",
            uniques=(Unique("code", ("code",)), Unique("up, name", ("up", "name"), policy="same")),
            references=(follows("up", "kit"),),
        ),
        "piece": table(
            "(id TEXT PRIMARY KEY NOT NULL, kit TEXT, code TEXT, n INTEGER)",
            ("p1", "p2", "p3"),
            {"kit": ("k1", "k2", "k3", "k9"), "code": ("p", "q", None), "n": (1, 1, 2)},
            indexes="CREATE UNIQUE INDEX piece_kit ON piece (kit, n);",
            uniques=(Unique("kit, n", ("kit", "n"), policy="null"),),
            references=(follows("code", "kit", to="code"), follows("kit", "kit")),
        ),
        "usage": table(
            "(id TEXT PRIMARY KEY NOT NULL, piece TEXT REFERENCES piece ON DELETE CASCADE, kit TEXT REFERENCES kit ON DELETE RESTRICT)",
            ("u1", "u2"),
            {"piece": ("p1", "p2"), "kit": ("k1", "k2", None)},
            references=(refers("kit", "kit", "RESTRICT"), refers("piece", "piece", "CASCADE")),
        ),
    },
    "spots": {
        "spot": table(
            "(x INTEGER NOT NULL, y INTEGER NOT NULL, code TEXT, PRIMARY KEY (x, y)) WITHOUT ROWID",
            ((1, 1), (1, 2), (2, 2)),
            {"code": ("p", "p", "q", None)},
            key=("x", "y"),
            indexes="CREATE UNIQUE INDEX spot_code ON spot (code);",
            uniques=(Unique("code", ("code",), policy="same"),),
        ),
        "marker": table(
            "(id TEXT PRIMARY KEY NOT NULL, x INTEGER, y INTEGER, z INTEGER)",
            ("n1", "n2", "n3"),
            {"x": (1, 2, None), "y": (1, 2, 2), "z": (1, 2, None, None)},
            indexes="CREATE UNIQUE INDEX marker_at ON marker (x, y);",
            uniques=(Unique("x, y", ("x", "y"), policy="same"),),
            references=(follows("x,y", "spot", to="x,y"), follows("z,y", "spot", to="x,y")),
        ),
        "flag": table(
            "(id TEXT PRIMARY KEY NOT NULL, marker TEXT, v)",
            ("f1", "f2"),
            {"marker": ("n1", "n2", "n3"), "v": V},
            references=(follows("marker", "marker"),),
        ),
    },
}
"""Families with references that are followed and not enforced (decision 0022)."""
