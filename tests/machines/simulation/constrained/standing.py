"""Rows that stand under another key than their own (decision 0023): which row it is that a program writes there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.machines.oracle import model
from tests.machines.oracle.events import Row
from tests.machines.simulation.writes import Rows

Write = tuple[str, Row, dict[str, Any]]
Place = tuple[str, Row]
"""What the log says of a write: its kind, and where it was; a row that REPLACE evicted is none that was deleted there."""
NOWHERE: Row = ("", ())


@dataclass(frozen=True)
class Own:
    """A row that stands elsewhere: its key as people see it, and what the model calls it."""

    key: Row
    name: Row


@dataclass(frozen=True)
class Named:
    """A write by the row that it is of.

    Attributes:
        write: what it is of that row.
        place: what the log says of it.
        name: what the model calls the row, if it stands elsewhere.
        left: what it calls the row that stood there until it was inserted elsewhere: whoever writes there sees what that showed.
    """

    write: Write
    place: Place
    name: Row | None = None
    left: Row | None = None


class Standing:
    """Which rows stand elsewhere, as a log goes on.

    A row stands where it is shown until it is deleted there, or inserted under its own key. From then on what is there is a row of its
    own: if its row was inserted elsewhere, it begins with the first update, and a delete before that is none. But what is inserted
    under its key once a number in that was used again is another row, and it stands where it stood.

    Args:
        standing: the rows that stand elsewhere before the log, by where they do.
        pending: what is in the log so far.
    """

    def __init__(self, standing: Mapping[Row, Own], pending: Sequence[model.Entry]) -> None:
        self._before = standing
        self._rows = dict(standing)
        self._parted: set[Row] = set()
        for entry in pending:
            self._pass(entry.place or ("nothing", NOWHERE), entry[1])

    def take(self, found: Write, meant: Row, now: Mapping[str, Rows]) -> Named:
        """Say of which row a write is, and take it into account for those that come after it.

        Args:
            meant: what the model calls the row of that key.
            now: what the tables show.
        """
        kind, row, values = found
        write, own = found, None
        if row in self._parted and kind == "delete":
            write = ("nothing", NOWHERE, {})
        elif row in self._parted and kind == "update":
            write = ("insert", row, dict(now[row[0]].get(row[1], values)))
        elif kind != "nothing" and (own := self._rows.get(row)) is not None:
            write = (kind, own.key, values)
        place = "evicted" if values.get("evicted") else kind, row
        left = self._before[row].name if row in self._parted and row in self._before else None
        self._pass(place, meant if own is None else own.name)
        return Named(write, place, None if own is None else own.name, left)

    def _pass(self, entry: Place, name: Row) -> None:
        kind, place = entry
        if kind in ("delete", "insert", "update"):
            self._parted.discard(place)
        if kind == "delete":
            self._rows.pop(place, None)
        if kind == "insert":
            for other in [other for other, own in self._rows.items() if (own.key, own.name) == (place, name)]:
                del self._rows[other]
                self._parted.add(other)
