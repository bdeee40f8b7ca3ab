"""Families of tables that compaction has most to do with, beside those of the simulation: rows with automatic numbers."""

from __future__ import annotations

from tests.machines.oracle.rules import Unique
from tests.machines.simulation.constrained.making import Constrained, V, refers, table

NUMBERED: dict[str, dict[str, Constrained]] = {
    "notes": {
        "jotting": table(
            "(id INTEGER PRIMARY KEY, slug TEXT, v)",
            (1, 2, 3),
            {"slug": ("x", "y", "z", None), "v": V},
            indexes="CREATE UNIQUE INDEX jotting_slug ON jotting (slug);",
            uniques=(Unique("slug", ("slug",)),),
            numbered=True,
        ),
        "shelf": table("(id TEXT PRIMARY KEY NOT NULL, v)", ("s1", "s2"), {"v": V}),
        "copy": table(
            "(id INTEGER PRIMARY KEY, shelf TEXT REFERENCES shelf ON DELETE SET NULL, v)",
            (1, 2, 3),
            {"shelf": ("s1", "s2", None), "v": V},
            references=(refers("shelf", "shelf", "SET NULL"),),
            numbered=True,
        ),
    },
    "orders": {
        "buyer": table(
            "(id INTEGER PRIMARY KEY, code TEXT, v)",
            (1, 2, 3),
            {"code": ("x", "y", "z", None), "v": V},
            indexes="CREATE UNIQUE INDEX buyer_code ON buyer (code);",
            uniques=(Unique("code", ("code",)),),
            numbered=True,
        ),
        "sale": table(
            "(id INTEGER PRIMARY KEY, buyer INTEGER REFERENCES buyer ON DELETE SET NULL, v)",
            (1, 2, 3),
            {"buyer": (1, 2, 3, None), "v": V},
            holds={"buyer": "buyer"},
            references=(refers("buyer", "buyer", "SET NULL"),),
            numbered=True,
        ),
        "gift": table(
            "(id TEXT PRIMARY KEY NOT NULL, buyer INTEGER REFERENCES buyer ON DELETE CASCADE, v)",
            ("g1", "g2"),
            {"buyer": (1, 2, 3, None), "v": V},
            holds={"buyer": "buyer"},
            references=(refers("buyer", "buyer", "CASCADE"),),
        ),
    },
}
