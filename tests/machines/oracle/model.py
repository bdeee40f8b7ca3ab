"""The model: what crdtsql promises, in plain Python, with the full causal history of every event.

Written from the design (sections 3, 4, 6, 8, 9) and the theory (2.1, 2.2), never from the SQL, and it imports nothing of
crdtsql. It is slow and obvious on purpose:

- An event knows exactly which events its writer had seen. A replica is the set of events that it knows, nothing else.
- A row's *heads* are its known events that no other known event of the row has seen. It is alive iff a head is an add.
- A cell shows the value of the greatest stamp (hlc, site id) among the known events that wrote it.
- A cell of a typed column is a set of parts (`parts.py`). A part's heads are the known events on it that no known later
  event on it, or later write of the whole cell, has seen; totals only yield to later totals of their site.
- Merging is the union of two sets.

Sets of events are Python integers, bit n for event n, so that union is `|` and "has seen" is one bit.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar, cast

from tests.machines.oracle import cells, parts
from tests.machines.oracle.events import GENESIS, Cell, Event, Row, Table, Write
from tests.machines.oracle.parts import GONE, WHOLE, Head, Stamp

DRIFT_MS = 5 * 60 * 1000

Vector = dict[bytes, int]
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class RowState:
    """What a replica holds of one row; `cells` has column -> (value, stamp), `heads_of` typed column -> heads of parts."""

    alive: bool
    born: Stamp
    heads: frozenset[tuple[int, bytes, bool]]
    cells: Mapping[str, tuple[Any, Stamp]]
    heads_of: Mapping[str, frozenset[Head]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changeset:
    """What a replica knew when it exported, the vector that the receiver must have, and how many rows travel."""

    sender: bytes
    known: int
    vector: Vector
    needs: Vector
    rows: int


class Clash(NamedTuple):
    """Two values of a cell, or of a part of it, that were written concurrently: the stamps of the one shown and the other."""

    row: Row
    column: str
    part: str
    won: Stamp
    lost: Stamp


class Entry(tuple[str, Row, dict[str, Any]]):  # noqa: SLOT001 - it has attributes
    """A write that waits in a log: (kind, row, values). Copies of a file share it, for it will be the same event in all of them.

    Attributes:
        first: the site that folded it first, and when; also if that was taken back.
        event: number of the event that came of it.
        place: what the log says of it, where that is something else: kind and row.
    """

    first: tuple[bytes, int] | None = None
    event: int | None = None
    place: tuple[str, Row] | None = None


class World:
    """All events that ever happened, and how the tables are enabled; those that are not named have no types."""

    def __init__(self, tables: Mapping[str, Table] | None = None) -> None:
        self.events: list[Event] = []
        self.tables = tables or {}
        self._found: dict[Hashable, Any] = {}
        self._found_of: tuple[object, object] = (None, None)

    def table(self, row: Row) -> Table:
        """Return how the table of a row is enabled."""
        return self.tables.get(row[0], Table())

    def type_of(self, row: Row, column: str) -> str:
        """Return a column's type."""
        return self.table(row).types.get(column, "lww")

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

    def add(
        self,
        site: bytes,
        hlc: int,
        kind: str,
        writes: Mapping[Row, Mapping[str, Any]],
        seen: int,
        typed: Mapping[Cell, Write],
    ) -> Event:
        """Let something happen."""
        event = Event(len(self.events), site, hlc, kind, writes, seen, typed)
        self.events.append(event)
        return event

    def take_back(self, number: int) -> None:
        """Let the events from a number on never have happened."""
        del self.events[number:]
        self._found.clear()

    def once(self, what: Hashable, find: Callable[[], Found]) -> Found:
        """Return what follows from a set of events, which is worked out once as long as the tables stay as they are."""
        if self._found_of[0] is not self.tables or self._found_of[1] is not self.events:
            self._found_of = self.tables, self.events
            self._found.clear()
        if what not in self._found:
            self._found[what] = find()
        return cast(Found, self._found[what])

    def vector(self, known: int) -> Vector:
        """Return the highest hlc of each site in a set."""
        found: Vector = {}
        for event in self.of(known):
            found[event.site] = max(event.hlc, found.get(event.site, 0))
        return found

    def winners(self, known: int) -> dict[Cell, Event]:
        """Return the last writer of every cell that is not typed."""
        found: dict[Cell, Event] = {}
        for event in self.of(known):
            for row, values in event.writes.items():
                for column in values:
                    held = found.get((row, column))
                    if held is None or event.stamp > held.stamp:
                        found[row, column] = event
        return found

    def typed(self, known: int) -> dict[Cell, list[Event]]:
        """Return the events on each typed cell."""
        found: dict[Cell, list[Event]] = {}
        for event in self.of(known):
            for cell in event.typed:
                found.setdefault(cell, []).append(event)
        return found

    def rows(self, known: int) -> dict[Row, RowState]:
        """Return the state of every row that any event of a set touched."""
        return dict(self.once(("rows", known), lambda: self._rows(known)))

    def _rows(self, known: int) -> dict[Row, RowState]:
        by_row: dict[Row, list[Event]] = {}
        for event in self.of(known):
            for row in event.writes:
                by_row.setdefault(row, []).append(event)
        values: dict[Row, dict[str, tuple[Any, Stamp]]] = {}
        for (row, column), event in self.winners(known).items():
            values.setdefault(row, {})[column] = event.writes[row][column], event.stamp
        heads: dict[Row, dict[str, frozenset[Head]]] = {}
        for (row, column), events in self.typed(known).items():
            column_type = self.type_of(row, column)
            found = cells.heads((row, column), events)
            heads.setdefault(row, {})[column] = found
            shown = cells.shown(column_type, (row, column), events, found, column in self.table(row).reals)
            values.setdefault(row, {})[column] = shown, max(event.stamp for event in events)
        return {row: self._row(row, events, values.get(row, {}), heads.get(row, {})) for row, events in by_row.items()}

    def retype(self, table: str, column: str, kind: str, known: int) -> dict[Row, Any]:
        """Give a column another type where all know the same, and nobody will ever know less.

        Returns:
            What the cells show that had parts: every replica writes these anew, and then their parts are gone.
        """
        rows = {row: state for row, state in self.rows(known).items() if row[0] == table}
        held = self.tables.get(table, Table())
        old = held.types.get(column, "lww")
        types = {name: found for name, found in {**held.types, column: kind}.items() if found != "lww"}
        self.tables = {**self.tables, table: replace(held, types=types)}
        if any({old, kind} == set(family) for family in (parts.SETS, parts.COUNTERS)):
            return {}
        split = {row for row, state in rows.items() if old != "lww" and not parts.is_implicit(state.heads_of[column])}
        kept: dict[Stamp, dict[Row, Any]] = {}
        for row, state in rows.items():
            if row not in split:
                value, stamp = state.cells[column]
                kept.setdefault(stamp, {})[row] = value
        self.events = [self._retyped(event, table, column, kind, kept.get(event.stamp, {})) for event in self.events]
        return {row: rows[row].cells[column][0] for row in split}

    def _retyped(self, event: Event, table: str, column: str, kind: str, kept: Mapping[Row, Any]) -> Event:
        """Let an event be the one write of the cells in `kept`, and none of any other cell of the column."""
        writes = {
            row: {name: value for name, value in values.items() if (row[0], name) != (table, column)}
            | ({column: kept[row]} if kind == "lww" and row in kept else {})
            for row, values in event.writes.items()
        }
        typed = {cell: write for cell, write in event.typed.items() if (cell[0][0], cell[1]) != (table, column)}
        if kind != "lww":
            typed |= {(row, column): cells.whole(kind, (row, column), [], value) for row, value in kept.items()}
        return replace(event, writes=writes, typed=typed)

    def _row(
        self,
        row: Row,
        events: list[Event],
        cells: Mapping[str, tuple[Any, Stamp]],
        heads_of: Mapping[str, frozenset[Head]],
    ) -> RowState:
        superseded = 0
        for event in events:
            superseded |= event.seen
        heads = [event for event in events if not superseded >> event.number & 1]
        alive = all if self.table(row).rows == "delete-wins" else any
        return RowState(
            alive=alive(event.is_add for event in heads),
            born=max(event.stamp for event in events if event.kind in ("insert", "undelete anew", "genesis")),
            heads=frozenset((*event.stamp, not event.is_add) for event in heads),
            cells=cells,
            heads_of=heads_of,
        )


@dataclass
class Replica:
    """One file: the events it knows, its clock, and the writes that were not folded yet."""

    world: World
    site: bytes
    known: int = 0
    clock: int = 0
    pending: list[Entry] = field(default_factory=list)

    @property
    def vector(self) -> Vector:
        return self.world.vector(self.known)

    @property
    def rows(self) -> dict[Row, RowState]:
        return self.world.rows(self.known)

    def _happen(
        self,
        hlc: int,
        kind: str,
        writes: Mapping[Row, Mapping[str, Any]],
        typed: Mapping[Cell, Write],
        site: bytes | None = None,
    ) -> int:
        event = self.world.add(self.site if site is None else site, hlc, kind, writes, self.known, typed)
        self.known |= 1 << event.number
        self.clock = hlc
        return event.number

    def enable(self, rows: Mapping[Row, Mapping[str, Any]], now_ms: int) -> None:
        """Enable a table: the rows that are there are one event; an empty table makes none."""
        if rows:
            writes = {row: self._untyped(row, values) for row, values in rows.items()}
            typed = {
                (row, column): cells.whole(self.world.type_of(row, column), (row, column), [], value)
                for row, values in rows.items()
                for column, value in values.items()
                if self.world.type_of(row, column) != "lww"
            }
            self._happen(max(self.clock + 1, now_ms << 16), "genesis", writes, typed)

    def write(self, kind: str, row: Row, values: Mapping[str, Any]) -> None:
        """Let a program change one row: an insert names every column, an update those that it changed.

        An "undelete" names none, and an "answer" a typed column: unlike updates, they never stamp other columns. "nothing"
        changes no row, and is an event all the same.
        """
        self.pending.append(Entry((kind, row, dict(values))))

    def fold(self, now_ms: int) -> None:
        """Give what was written its stamps: later than everything known, not earlier than now, each one later.

        What another file with the same log folded before is the event that came of it there.
        """
        values, before = self._written()
        for number, entry in enumerate(self.pending):
            kind, row, written = entry
            if entry.event is not None:
                self.known |= 1 << entry.event
                self.clock = self.world.events[entry.event].hlc
                continue
            site, then_ms = entry.first = entry.first or (self.site, now_ms)
            typed: dict[Cell, Write] = {}
            for column in written.keys() & self.world.table(row).types.keys():
                cell = row, column
                column_type, events = self.world.type_of(*cell), self._events(cell)
                if kind == "insert":
                    typed[cell] = cells.whole(column_type, cell, events, written[column])
                else:
                    values_of = before[number][column], written[column], column in self.world.table(row).reals
                    if (write := cells.changed(column_type, cell, events, site, *values_of)) is not None:
                        typed[cell] = write
            writes = {} if kind == "nothing" else {row: self._untyped(row, values[number])}
            entry.event = self._happen(max(self.clock + 1, then_ms << 16), kind, writes, typed, site)
        self.pending = []

    def undelete(self, row: Row, now_ms: int, *, shown: bool = False) -> None:
        """Bring a deleted row back: a new head that has seen all, and no cell is written, where it is `shown` for other rows' sake.

        Else all are written anew if others deleted it before this site did anything, because they may have forgotten what was in it.
        """
        self.fold(now_ms)
        own = [event.hlc for event in self.world.of(self.known) if event.site == self.site]
        values: dict[str, Any] = {}
        kind = "undelete"
        if not shown and all(
            site != self.site and hlc < min(own, default=GENESIS) for hlc, site, _ in self.rows[row].heads
        ):
            values = {column: value for column, (value, _) in self.rows[row].cells.items()}
            kind = "undelete anew"
        typed = {
            (row, column): cells.whole(column_type, (row, column), self._events((row, column)), values[column])
            for column, column_type in self.world.table(row).types.items()
            if column in values
        }
        self._happen(max(self.clock + 1, now_ms << 16), kind, {row: self._untyped(row, values)}, typed)

    def purge(self, row: Row, blanks: Mapping[str, Any], now_ms: int) -> None:
        """Let a deleted row be forgotten: it is deleted once more, and each of its cells is written as a whole with a blank."""
        self.fold(now_ms)
        typed = {
            (row, column): cells.whole(kind, (row, column), self._events((row, column)), blanks[column])
            for column, kind in self.world.table(row).types.items()
        }
        self._happen(max(self.clock + 1, now_ms << 16), "purge", {row: self._untyped(row, blanks)}, typed)

    def is_purged(self, row: Row) -> bool:
        """Tell whether a row was purged, and nothing was written to it since."""
        state = self.rows[row]
        purges = {event.stamp for event in self.world.of(self.known) if event.kind == "purge" and row in event.writes}
        return len(state.heads) == 1 and all(
            stamp in purges and (*stamp, True) in state.heads for _, stamp in state.cells.values()
        )

    def forgets(self, row: Row, stamp: Stamp) -> bool:
        """Tell whether a purge of a row, which is known here, had seen what an event wrote to it."""
        written = {event.stamp: event for event in self.world.events if row in event.writes}
        return any(
            event.kind == "purge" and row in event.writes and self.world.happened_before(written[stamp], event)
            for event in self.world.of(self.known)
        )

    def rejoin(self, table: str, column: str, values: Mapping[Row, Any], now_ms: int) -> None:
        """Write cells anew whose parts are gone with their type; deleted rows are deleted once more, after all of that."""
        before, kind = self.rows, self.world.table((table, ())).types.get(column, "lww")
        for row, value in values.items():
            together = self.world.table(row).granularity == "row"
            others = {name: held[0] for name, held in before[row].cells.items()} if together else {}
            writes = self._untyped(row, {**others, column: value})
            typed = {} if kind == "lww" else {(row, column): cells.whole(kind, (row, column), [], value)}
            self._happen(max(self.clock + 1, now_ms << 16), "update", {row: writes}, typed)
        for row in values:
            if not before[row].alive:
                self._happen(max(self.clock + 1, now_ms << 16), "delete", {row: {}}, {})

    def settled(self, clashes: Iterable[Clash], rows: Mapping[Row, RowState]) -> set[Clash]:
        """Return the conflicts of which the writer of the cell's present value had seen both values."""
        by_stamp = {event.stamp: event for event in self.world.of(self.known)}
        found = set()
        for clash in clashes:
            state = rows[clash.row]
            stamp = state.cells[clash.column][1]
            if clash.part != WHOLE:
                heads = state.heads_of[clash.column]
                leaf = [head for head in heads if head.part == clash.part]
                whole = [head for head in heads if head.part == WHOLE]
                stamp = parts.latest([head for head in leaf if head.value is not GONE] or leaf or whole).stamp
            seen = by_stamp[stamp].seen
            if all(seen >> by_stamp[other].number & 1 for other in (clash.won, clash.lost)):
                found.add(clash)
        return found

    def _untyped(self, row: Row, values: Mapping[str, Any]) -> dict[str, Any]:
        types = self.world.table(row).types
        return {column: value for column, value in values.items() if column not in types}

    def _written(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Find what the pending writes wrote: per write the values that it stamps, and what the row showed before it."""
        now: dict[Row, dict[str, Any]] = {}
        if any(row[0] in self.world.tables for _, row, _ in self.pending):
            now = {row: {name: value for name, (value, _) in state.cells.items()} for row, state in self.rows.items()}
        stamped, shown = [], []
        for kind, row, values in self.pending:
            shown.append(dict(now.setdefault(row, {})))
            now[row] |= values
            together = kind == "update" and self.world.table(row).granularity == "row"
            stamped.append(self._untyped(row, now[row]) if together else values)
        return stamped, shown

    def _events(self, cell: Cell) -> list[Event]:
        return [event for event in self.world.of(self.known) if cell in event.typed]

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

    def clashes(self, changeset: Changeset) -> set[Clash]:
        """Return the values that a merge makes meet here and of which one is not shown."""
        found = set()
        mine = self.world.winners(self.known)
        for (row, column), theirs in self.world.winners(changeset.known).items():
            ours = mine.get((row, column))
            if ours is None or self.known >> theirs.number & 1 or not self.world.concurrent(ours, theirs):
                continue
            if not parts.alike(ours.writes[row][column], theirs.writes[row][column]):
                won, lost = max(ours.stamp, theirs.stamp), min(ours.stamp, theirs.stamp)
                found.add(Clash(row, column, WHOLE, won, lost))
        return found | self._siblings(changeset)

    def _siblings(self, changeset: Changeset) -> set[Clash]:
        """Return the concurrent values of registers and map leaves, of which one at least is new here."""
        found = set()
        for (row, column), events in self.world.typed(self.known | changeset.known).items():
            new = {event.stamp for event in events if not self.known >> event.number & 1}
            heads = cells.heads((row, column), events)
            for shown, other in parts.siblings(self.world.type_of(row, column), heads):
                if shown.stamp in new or other.stamp in new:
                    found.add(Clash(row, column, shown.part, shown.stamp, other.stamp))
        return found

    def merge(self, changeset: Changeset) -> None:
        """Learn what the sender knew; the clock rises to it."""
        self.known |= changeset.known
        self.clock = max(self.clock, *changeset.vector.values(), 0)
