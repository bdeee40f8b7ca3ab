"""The tables of the simulation: every column type, every policy, keys of text, of integers and of two columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.machines.oracle.events import Table

Key = tuple[Any, ...]

ROWS = {"add-wins": 5, "delete-wins": 3, "grow-only": 1}
GRANULARITIES = {"column": 3, "row": 1}
"""How often the tables of a history have a policy."""


@dataclass(frozen=True)
class Shape:
    """A table: how it is created and enabled, and the keys that programs use.

    Attributes:
        types: column -> type, in the order of the columns.
        required: columns that must not be NULL.
    """

    create: str
    key: tuple[str, ...]
    types: Mapping[str, str]
    pool: tuple[Key, ...]
    rows: str = "add-wins"
    granularity: str = "column"
    required: frozenset[str] = frozenset()
    reals: frozenset[str] = field(default_factory=frozenset)

    @property
    def order(self) -> str:
        """Return the order in which statements visit rows."""
        by_rowid = "WITHOUT ROWID" not in self.create
        return "rowid" if by_rowid else ", ".join(self.key)

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the value columns."""
        return tuple(self.types)

    @property
    def blanks(self) -> dict[str, Any]:
        """Return what a purge writes: NULL, or where that is not allowed 0 in a column of numbers, or an empty text."""
        found = {}
        for column in self.types:
            declared = re.search(rf"\b{column}\b [^,]*\bNOT NULL[^,]*", self.create)
            is_number = declared is not None and re.search(r" INTEGER\b| DEFAULT 0", declared[0])
            found[column] = None if declared is None else 0 if is_number else ""
        return found

    @property
    def typed(self) -> dict[str, str]:
        """Return the columns that are not last-writer-wins."""
        return {column: kind for column, kind in self.types.items() if kind != "lww"}

    @property
    def stamps_together(self) -> bool:
        """Tell whether an update stamps all last-writer-wins columns of a row."""
        return self.granularity == "row" and "lww" in self.types.values()

    @property
    def options(self) -> dict[str, Any]:
        """Return what `enable` must be told."""
        found: dict[str, Any] = {"types": self.typed, "rows": self.rows, "granularity": self.granularity}
        usual = {"types": {}, "rows": "add-wins", "granularity": "column"}
        return {name: value for name, value in found.items() if value != usual[name]} | {"identity": "key"}


TABLES = {
    "note": Shape(
        "(id TEXT NOT NULL PRIMARY KEY, a, b, c) WITHOUT ROWID",
        ("id",),
        {"a": "lww", "b": "lww", "c": "lww"},
        (("n1",), ("n2",), ("n3",), ("it's",)),
    ),
    "item": Shape(
        "(id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE, b NOT NULL DEFAULT 0)",
        ("id",),
        {"a": "lww", "b": "lww"},
        ((1,), (2,), (3,), (-7,)),
        required=frozenset({"b"}),
    ),
    "link": Shape(
        "(x TEXT NOT NULL, y INT NOT NULL, a REAL, PRIMARY KEY (y, x)) WITHOUT ROWID",
        ("y", "x"),
        {"a": "lww"},
        ((1, "p"), (1, "q"), (2, "p")),
    ),
    "doc": Shape(
        "(id TEXT NOT NULL PRIMARY KEY, title, tags TEXT, m TEXT, r, n INTEGER) WITHOUT ROWID",
        ("id",),
        {"title": "lww", "tags": "set", "m": "map", "r": "register", "n": "counter"},
        (("d1",), ("d2",)),
    ),
    "tally": Shape(
        "(id INTEGER PRIMARY KEY, n INTEGER NOT NULL DEFAULT 0, up INTEGER, x REAL, hi, lo, seen TEXT)",
        ("id",),
        {"n": "counter", "up": "grow-counter", "x": "counter", "hi": "max", "lo": "min", "seen": "grow-set"},
        ((1,), (-2,)),
        required=frozenset({"n"}),
        reals=frozenset({"x"}),
    ),
    "task": Shape(
        "(id TEXT PRIMARY KEY NOT NULL, title TEXT, tags TEXT, n INTEGER)",
        ("id",),
        {"title": "lww", "tags": "set", "n": "counter"},
        (("t1",), ("t2",)),
    ),
    "entry": Shape(
        "(id INTEGER PRIMARY KEY, body, m TEXT, hi)",
        ("id",),
        {"body": "lww", "m": "map", "hi": "max"},
        ((1,), (2,), (3,)),
    ),
    "place": Shape(
        "(x TEXT NOT NULL, y INT NOT NULL, lat, lon, n INTEGER, m TEXT, PRIMARY KEY (y, x)) WITHOUT ROWID",
        ("y", "x"),
        {"lat": "lww", "lon": "lww", "n": "counter", "m": "map"},
        ((1, "p"), (1, "q")),
    ),
}


def schema(names: Iterable[str]) -> str:
    """Return the statements that create some of the tables."""
    return "".join(f"CREATE TABLE {name} {TABLES[name].create};\n" for name in names)


def for_model(shapes: Mapping[str, Shape]) -> dict[str, Table]:
    """Return what the model must know of tables."""
    return {name: Table(shape.typed, shape.rows, shape.granularity, shape.reals) for name, shape in shapes.items()}


def stored(shape: Shape, column: str, value: Any) -> Any:
    """Return a value as the column holds it."""
    return float(value) if isinstance(value, int) and column in shape.reals else value
