"""The model: what crdtsql promises, in plain Python, with the full causal history of every event.

Written from the design (sections 3, 4, 6, 8, 9) and the theory (2.1, 2.2), never from the SQL, and it imports nothing of
crdtsql. It is slow and obvious on purpose:

- An event knows exactly which events its writer had seen. A replica is the set of events that it knows, nothing else.
- A row's *heads* are its known events that no other known event of the row has seen. It is alive iff a head is an add; where
  deletes win, iff no head is a delete.
- A cell shows the value of the greatest stamp (hlc, site id) among the known events that wrote it.
- Merging is the union of two sets.

Sets of events are Python integers, bit n for event n, so that union is `|` and "has seen" is one bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

GENESIS = 1 << 62
DRIFT_MS = 5 * 60 * 1000

Row = tuple[str, tuple[Any, ...]]
Stamp = tuple[int, bytes]
Vector = dict[bytes, int]


def same(left: Any, right: Any) -> bool:
    """Tell whether two stored values are the same value of the same type; 0.0 and -0.0 differ."""
    return type(left) is type(right) and repr(left) == repr(right)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at one site.

    Attributes:
        number: its bit.
        kind: "insert", "update", "delete" or "genesis".
        writes: row -> column -> value; one row, but for a genesis, which has every row that was there.
        seen: the events that its writer knew, itself left out.
    """

    number: int
    site: bytes
    hlc: int
    kind: str
    writes: Mapping[Row, Mapping[str, Any]]
    seen: int

    @property
    def stamp(self) -> Stamp:
        """Return what last-writer-wins compares: a genesis is older than every write."""
        return (self.hlc - GENESIS if self.kind == "genesis" else self.hlc), self.site

    @property
    def is_add(self) -> bool:
        return self.kind != "delete"


@dataclass(frozen=True, slots=True)
class RowState:
    """What a replica holds of one row; `cells` has column -> (value, stamp)."""

    alive: bool
    born: Stamp
    heads: frozenset[tuple[int, bytes, bool]]
    cells: Mapping[str, tuple[Any, Stamp]]


@dataclass(frozen=True, slots=True)
class Changeset:
    """What a replica knew when it exported, the vector that the receiver must have, and how many rows travel."""

    sender: bytes
    known: int
    vector: Vector
    needs: Vector
    rows: int


class World:
    """All events that ever happened, and what the tables' policies are."""

    def __init__(self, rows: str = "add-wins", granularity: str = "column") -> None:
        self.events: list[Event] = []
        self.row_policy = rows
        self.granularity = granularity

    def of(self, known: int) -> Iterable[Event]:
        """Return the events of a set."""
        return (event for event in self.events if known >> event.number & 1)

    def happened_before(self, first: Event, second: Event) -> bool:
        """Tell whether the writer of the second event had seen the first."""
        return bool(second.seen >> first.number & 1)

    def concurrent(self, first: Event, second: Event) -> bool:
        """Tell whether neither event's writer had seen the other."""
        return (
            first.number != second.number
            and not self.happened_before(first, second)
            and not self.happened_before(second, first)
        )

    def add(self, site: bytes, hlc: int, kind: str, writes: Mapping[Row, Mapping[str, Any]], seen: int) -> Event:
        """Let something happen."""
        event = Event(len(self.events), site, hlc, kind, writes, seen)
        self.events.append(event)
        return event

    def vector(self, known: int) -> Vector:
        """Return the highest hlc of each site in a set."""
        found: Vector = {}
        for event in self.of(known):
            found[event.site] = max(event.hlc, found.get(event.site, 0))
        return found

    def winners(self, known: int) -> dict[tuple[Row, str], Event]:
        """Return the last writer of every cell."""
        found: dict[tuple[Row, str], Event] = {}
        for event in self.of(known):
            for row, values in event.writes.items():
                for column in values:
                    held = found.get((row, column))
                    if held is None or event.stamp > held.stamp:
                        found[row, column] = event
        return found

    def rows(self, known: int) -> dict[Row, RowState]:
        """Return the state of every row that any event of a set touched."""
        by_row: dict[Row, list[Event]] = {}
        for event in self.of(known):
            for row in event.writes:
                by_row.setdefault(row, []).append(event)
        winners = self.winners(known)
        cells: dict[Row, dict[str, tuple[Any, Stamp]]] = {}
        for (row, column), event in winners.items():
            cells.setdefault(row, {})[column] = event.writes[row][column], event.stamp
        return {row: self._row(events, cells.get(row, {})) for row, events in by_row.items()}

    def _row(self, events: list[Event], cells: Mapping[str, tuple[Any, Stamp]]) -> RowState:
        superseded = 0
        for event in events:
            superseded |= event.seen
        heads = [event for event in events if not superseded >> event.number & 1]
        alive = all if self.row_policy == "delete-wins" else any
        return RowState(
            alive=alive(event.is_add for event in heads),
            born=max(event.stamp for event in events if event.kind in ("insert", "genesis")),
            heads=frozenset((*event.stamp, not event.is_add) for event in heads),
            cells=cells,
        )


@dataclass
class Replica:
    """One file: the events it knows, its clock, and the writes that were not folded yet."""

    world: World
    site: bytes
    known: int = 0
    clock: int = 0
    pending: list[tuple[str, Row, dict[str, Any]]] = field(default_factory=list)

    @property
    def vector(self) -> Vector:
        return self.world.vector(self.known)

    @property
    def rows(self) -> dict[Row, RowState]:
        return self.world.rows(self.known)

    def _happen(self, hlc: int, kind: str, writes: Mapping[Row, Mapping[str, Any]]) -> None:
        event = self.world.add(self.site, hlc, kind, writes, self.known)
        self.known |= 1 << event.number
        self.clock = hlc

    def enable(self, rows: Mapping[Row, Mapping[str, Any]], now_ms: int) -> None:
        """Enable a table: the rows that are there are one event; an empty table makes none."""
        if rows:
            self._happen(max(self.clock + 1, now_ms << 16), "genesis", rows)

    def write(self, kind: str, row: Row, values: Mapping[str, Any]) -> None:
        """Let a program change one row: an insert names every column, an update those that it stamps."""
        self.pending.append((kind, row, dict(values)))

    def fold(self, now_ms: int) -> None:
        """Give what was written its stamps: later than everything known, not earlier than now, each one later."""
        for kind, row, values in self.pending:
            self._happen(max(self.clock + 1, now_ms << 16), kind, {row: values})
        self.pending = []

    def copy(self, site: bytes) -> Replica:
        """Copy the file; the copy is a site of its own, which goes on with what was written and not folded."""
        return Replica(self.world, site, self.known, self.clock, list(self.pending))

    def export(self, since: Vector) -> Changeset:
        """Export for a receiver with the vector `since`: the rows of which a head is new to it."""
        vector = self.vector
        needs = {site: min(upto, since.get(site, 0)) for site, upto in vector.items()}
        new = [
            row for row in self.rows.values() if any(hlc % GENESIS > since.get(site, 0) for hlc, site, _ in row.heads)
        ]
        return Changeset(self.site, self.known, vector, needs, len(new))

    def verdict(self, changeset: Changeset, now_ms: int) -> str:
        """Say what a merge must do: "missing", "drift", "known" or "merge"."""
        mine = self.vector
        if any(mine.get(site, 0) < needed for site, needed in changeset.needs.items()):
            return "missing"
        if (max(changeset.vector.values(), default=0) >> 16) - now_ms > DRIFT_MS:
            return "drift"
        if all(mine.get(site, 0) >= upto for site, upto in changeset.vector.items()):
            return "known"
        return "merge"

    def clashes(self, changeset: Changeset) -> set[tuple[Row, str, Stamp, Stamp]]:
        """Return the concurrent overwrites that a merge makes meet here: row, column, winning and losing stamp."""
        found = set()
        mine = self.world.winners(self.known)
        for (row, column), theirs in self.world.winners(changeset.known).items():
            ours = mine.get((row, column))
            if ours is None or self.known >> theirs.number & 1 or not self.world.concurrent(ours, theirs):
                continue
            left, right = ours.writes[row][column], theirs.writes[row][column]
            if same(left, right) or (
                left == right and isinstance(left, (int, float)) and isinstance(right, (int, float))
            ):
                continue  # SQL finds no difference between 1 and 1.0
            won, lost = max(ours.stamp, theirs.stamp), min(ours.stamp, theirs.stamp)
            found.add((row, column, won, lost))
        return found

    def merge(self, changeset: Changeset) -> None:
        """Learn what the sender knew; the clock rises to it."""
        self.known |= changeset.known
        self.clock = max(self.clock, *changeset.vector.values(), 0)
