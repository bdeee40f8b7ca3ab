"""Late: references that are declared, or taken back, when rows have lost their numbers already (decision 0022).

A reference that nothing follows holds what its writer wrote, on all replicas; one that is followed holds the number that the row has
here. Each is computed from the other: which row a number meant follows from the stamp of the reference's cell, the births of the rows
and what the writer had seen (decision 0016). So it makes no difference when a replica declares a reference.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator

from crdtsql.base import EMPTY, NO_SITE, Birth, Contender, Sql, assign, clock, naming, query, sql
from crdtsql.numbers import renumber
from crdtsql.numbers.contenders import Contenders
from crdtsql.numbers.followers import Follower
from crdtsql.numbers.moves import Span
from crdtsql.store import FIRST_PARKED, Causality, Registry, Stamp, Table


def has_lost(registry: Registry, table: Table) -> bool:
    """Tell whether a row of a table with automatic numbers has another number than the one that it was inserted under."""
    return query.exists(registry.connection, table.born, "was IS NOT NULL")


def follow(registry: Registry, table: Table, follower: Follower) -> None:
    """Give the references of a column the numbers that the rows have here which they mean."""
    meanings = _Meanings(registry, table)
    _change(registry, follower, {cell: meanings.here(*cell) for cell in _cells(registry, follower, meanings.lost)})


def unfollow(registry: Registry, table: Table, follower: Follower) -> None:
    """Give the references of a column back what was written."""
    meanings = _Meanings(registry, table)
    _change(
        registry, follower, {cell: meanings.written(*cell) for cell in _cells(registry, follower, meanings.derived)}
    )


class _Meanings:
    """Which rows the numbers of one table meant, whenever somebody wrote them.

    Attributes:
        lost: the numbers that rows asked for and did not get.
        derived: the numbers that these rows have.
    """

    def __init__(self, registry: Registry, table: Table) -> None:
        self.causality = Causality(registry.connection)
        found = self._contenders = Contenders(registry, table)
        lost = query.rows(registry.connection, f"SELECT was FROM {table.born} WHERE was IS NOT NULL")
        asking = [number for (number,) in lost]
        while asking:
            for number in asking:
                found.load(number)
            known = {number for row in found.contenders.values() for number in _asked(row)}
            asking = [number for number in known if found.load(number)]
        self.rows: dict[int, list[Contender]] = defaultdict(list)
        for row in found.contenders.values():
            for number in (*_asked(row), row.here):
                if number is not None:
                    self.rows[number].append(row)
        self.lost = {number for row in found.contenders.values() for number in _asked(row)}
        self.derived = {row.here for row in found.contenders.values() if _asked(row) and row.here is not None}

    def here(self, number: int, written: Stamp) -> int:
        """Return the number that the row has here which a reference means."""
        shown_there = assign(self._known_to(written, number)).items()
        meant = [row for row, shown in shown_there if shown == number] or sorted(
            (row for row in self.rows.get(number, ()) if row.number == number and _is_after(row.birth, written)),
            key=lambda row: row.birth,
        )
        return number if not meant or meant[0].here is None else meant[0].here

    def _known_to(self, written: Stamp, number: int) -> list[Contender]:
        """Return the rows near a number that the writer of a reference knew.

        It knew a row of the genesis if it had seen one that had it. If it knew no other row that claims the number, nor began a line
        of its own under it later, that may be its own, of which nothing else is kept here: then such a row is meant in any case.
        """
        near = self._near(number)
        known = [row for row in near if any(self._had_seen(written, birth) for birth in self._contenders.births(row))]
        claimed = {row.number for row in known if row.root.t > 0} - {row.number for row in known if row.root.t < 0}
        claimed |= {row.number for row in near if row.root.t > 0 and _is_after(row.birth, written)}
        return known + [row for row in near if row.birth.t < 0 and row not in known and row.number not in claimed]

    def _had_seen(self, written: Stamp, birth: Birth) -> bool:
        """Tell whether the writer of a reference had seen a row's insert, which may be its own, as of a row that refers to itself."""
        row = birth.t & clock.EVENT_MASK, birth.s
        return row == written or self.causality.has_seen(written, row)

    def written(self, number: int, written: Stamp) -> int:
        """Return what was written in a reference that has a number here."""
        asked = (old for row in self.rows.get(number, ()) if row.here == number for old in _asked(row))
        return next((old for old in asked if self.here(old, written) == number), number)

    def _near(self, number: int) -> list[Contender]:
        """Return the rows that may have asked for a number, and those by which they may have lost the ones before."""
        found, numbers = dict[int, Contender](), [number]
        for one in numbers:
            for row in self.rows.get(one, ()):
                if found.setdefault(id(row), row) and row.number not in numbers:
                    numbers.append(row.number)
        return [*found.values()]


def _asked(row: Contender) -> list[int]:
    """List the numbers that a row asked for and did not get."""
    return [] if row.here is None else [row.wanted(attempt) for attempt in range(row.attempts(row.here))]


def _is_after(birth: Birth, written: Stamp) -> bool:
    """Tell whether the writer of a reference inserted a row later."""
    return birth.s == written[1] and birth.t > written[0]


def _cells(registry: Registry, follower: Follower, numbers: set[int]) -> set[tuple[int, Stamp]]:
    """List what stands in a column of some numbers, and when each was written; what nobody wrote means no row."""
    found = set()
    for slots in _places(follower) if numbers else ():
        statement = sql("numbers/late/list_cells", **slots)
        for number, t, s in query.rows(registry.connection, statement, {"numbers": json.dumps(sorted(numbers))}):
            if t != clock.ABSENT & clock.EVENT_MASK:
                found.add((number, (t, s)))
    return found


def _places(follower: Follower) -> Iterator[dict[str, Sql]]:
    """Yield where cells of a column stand, and their stamps."""
    table, field = follower.table, follower.field
    if table is None or field is None:
        return
    target = {"clock": EMPTY, "t": Sql("target.t"), "s": Sql("target.s")}
    if field.id >= FIRST_PARKED:
        yield target | {"source": table.cells_parked, "column": Sql("v"), "scope": Sql(f"target.col = {field.id}")}
        return
    t, s = renumber.stamp_by_clock(table, field)
    for source, column, same in (
        (table.quoted, follower.column, table.row_has_key_of("target", "clock")),
        (table.held, naming.value(field.id), table.same_keys("clock", "target")),
    ):
        clocks = Sql(f"LEFT JOIN {table.clock} AS clock ON {same}")
        yield {"source": source, "column": column, "clock": clocks, "t": t, "s": s, "scope": Sql("1")}
    for logged in ("won", "lost"):
        yield {
            "source": Sql("main._crdt_conflict"),
            "column": Sql(logged),
            "clock": EMPTY,
            "t": Sql(f"target.{logged}_t"),
            "s": Sql(f"target.{logged}_s"),
            "scope": Sql(f"target.tbl = {table.id} AND target.col = {field.id}"),
        }


def _change(registry: Registry, follower: Follower, numbers: dict[tuple[int, Stamp], int]) -> None:
    spans = [Span(old, new, Birth(t, NO_SITE, s)) for (old, (t, s)), new in numbers.items() if new != old]
    if spans:
        renumber.references_alone(registry, follower, spans)
