"""Rows that stand under another key than their own (decision 0023): which row it is that a program writes there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.machines.oracle import model
from tests.machines.oracle.events import Row
from tests.machines.simulation.writes import Rows

Writes = list[tuple[str, Row, dict[str, Any]]]
Place = tuple[str, Row]
"""What the log says of a write: its kind, and where it was; a row that REPLACE evicted is none that was deleted there."""
NOWHERE: Row = ("", ())


@dataclass(frozen=True)
class Own:
    """A row that stands elsewhere: its key as people see it, and what the model calls it."""

    key: Row
    name: Row


@dataclass
class Named:
    """Writes by the rows that they are of, what the log says of each, and what the model calls those that stand elsewhere.

    `left` has what it calls rows that stood there until they were inserted elsewhere: whoever writes there sees what they showed.
    """

    writes: Writes
    places: list[Place]
    names: list[Row | None]
    left: list[Row | None]


def named(standing: Mapping[Row, Own], pending: Sequence[model.Entry], found: Writes, now: Mapping[str, Rows]) -> Named:
    """Say of which rows some writes are.

    A row stands where it is shown until it is deleted there, or inserted under its own key. From then on what is there is a row of its
    own: if its row was inserted elsewhere, it begins with the first update, and a delete before that is none.
    """
    rows, parted = dict(standing), set[Row]()
    for entry in pending:
        _pass(rows, parted, *(entry.place or ("nothing", NOWHERE)))
    result = Named([], [], [], [])
    for kind, row, values in found:
        write, own = (kind, row, values), None
        if row in parted and kind == "delete":
            write = ("nothing", NOWHERE, {})
        elif row in parted and kind == "update":
            write = ("insert", row, dict(now[row[0]].get(row[1], values)))
        elif kind != "nothing" and (own := rows.get(row)) is not None:
            write = (kind, own.key, values)
        place = "evicted" if values.get("evicted") else kind
        result.writes.append(write)
        result.places.append((place, row))
        result.names.append(None if own is None else own.name)
        result.left.append(standing[row].name if row in parted and row in standing else None)
        _pass(rows, parted, place, row)
    return result


def _pass(rows: dict[Row, Own], parted: set[Row], kind: str, place: Row) -> None:
    """Take a write into account, for those that come after it."""
    if kind in ("delete", "insert", "update"):
        parted.discard(place)
    if kind == "delete":
        rows.pop(place, None)
    if kind == "insert":
        for other in [other for other, own in rows.items() if own.key == place]:
            del rows[other]
            parted.add(other)
