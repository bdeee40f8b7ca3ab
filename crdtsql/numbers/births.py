"""Births: keep, while the log is folded, what tells a row from others that had its number (decisions 0012 and 0016).

Runs on stamped events before any table is folded. A row that REPLACE wrote over is the same row still. A row inserted under the
number of one that was not there any more is a new one, the next generation under that number, whether the other one went before
the log or within it; the other one goes on under a number that follows from its birth, with what the log says of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush
from itertools import groupby

import apsw

from crdtsql.base import (
    DERIVED,
    Birth,
    Contender,
    Numbering,
    Sql,
    SqliteValue,
    TemporaryTable,
    caseless,
    fragment,
    integer,
    joined,
    query,
    sql,
)
from crdtsql.numbers import archive, followers, renumber
from crdtsql.numbers.contenders import Contenders
from crdtsql.numbers.moves import END, Moves, Span
from crdtsql.sqlite import schema
from crdtsql.store import FIRST_UPDATE_OP, Registry, Table

BIRTH = TemporaryTable("_crdt_birth", "numbers/births/create_birth")

Found = tuple[int, int, int, int, int, int]
"""An insert that began a row: number, entry of the log, hlc, site, whether genesis had the number, whether it was replaced since."""


def take_out(registry: Registry) -> None:
    """Give the rows that the log tells of their births back, as far as these were put away."""
    if not archive.is_there(registry.connection):
        return
    for table in registry.tables():
        if table.is_numbered and not table.absent:
            statement = "SELECT DISTINCT k1 FROM temp._crdt_event WHERE tbl = ? AND typeof(k1) = 'integer'"
            logged = query.rows(registry.connection, statement, (table.id,))
            archive.take_out(registry, table, [number for (number,) in logged])


def keep(registry: Registry, changed: Iterable[tuple[Table, bool]]) -> None:
    """Look after the rows of the tables in which something happened.

    Args:
        changed: tables, and whether rows went from them or were replaced, if only for a moment.
    """
    given = [_of_table(registry, table, removals) for table, removals in changed if table.is_numbered]
    for moves in given:  # once all rows have moved, because a row that moves may hold the number of another one
        renumber.followers_alone(registry, moves)


def _of_table(registry: Registry, table: Table, removals: bool) -> Moves:
    connection = registry.connection
    if not (removals or query.exists(connection, table.held) or query.exists(connection, table.born)):
        return Moves(table, ())
    genesis_t, genesis_s = table.genesis or (None, None)
    values: dict[str, SqliteValue] = {"tbl": table.id, "genesis_t": genesis_t, "genesis_s": genesis_s}
    with BIRTH.created(connection):
        _find(registry, table)
        if removals:
            connection.execute(sql("numbers/births/keep_replaced", born=table.born, clock=table.clock), values)
        if not query.exists(connection, "temp._crdt_birth"):
            return Moves(table, ())
        found: list[Found] = query.rows(connection, sql("numbers/births/list_births", clock=table.clock), values)
    lines = {number: list(births) for number, births in groupby(found, key=lambda one: one[0])}
    return _give_way(registry, table, lines)


def _find(registry: Registry, table: Table) -> None:
    """List in `temp._crdt_birth` the inserts in the log that began a row under a number that another row has, or had."""
    connection = registry.connection
    connection.execute(sql("numbers/births/find_births", clock=table.clock, born=table.born), {"tbl": table.id})
    if query.exists(connection, "temp._crdt_birth"):
        index_events(connection)
        connection.execute(sql("numbers/births/forget_replaced", lets_go=_lets_go(registry, table)))


def index_events(connection: apsw.Connection) -> None:
    """Index the entries of the log by row."""
    connection.execute(sql("numbers/births/index_events"))


class Begun:
    """Tells whether a number in a key meant another row before the log than when something was inserted under that key."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._begun: dict[int, dict[SqliteValue, int]] = {}
        self._numbered: dict[int, list[tuple[int, Table]]] = {}

    def __call__(self, table: Table, key: Sequence[SqliteValue], hlc: int) -> bool:
        """Tell whether the log begins a row under a number of the key up to an hlc."""
        return any(
            self._of(numbered).get(key[position - 1], hlc) < hlc for position, numbered in self._numbers_in(table)
        )

    def _numbers_in(self, table: Table) -> list[tuple[int, Table]]:
        """List the places of a table's key that hold numbers, with the table whose numbers they are."""
        if table.id not in self._numbered:
            self._numbered[table.id] = [
                (follower.position, numbered)
                for numbered in self._registry.tables()
                if numbered.is_numbered and not numbered.absent
                for follower in followers.to_table(self._registry, numbered)
                if follower.position and follower.table is not None and follower.table.id == table.id
            ]
        return self._numbered[table.id]

    def _of(self, table: Table) -> dict[SqliteValue, int]:
        """Return under which numbers the log begins rows, and when the first one."""
        if table.id not in self._begun:
            with BIRTH.created(self._registry.connection):
                _find(self._registry, table)
                found = query.rows(self._registry.connection, "SELECT k1, min(hlc) FROM temp._crdt_birth GROUP BY k1")
            self._begun[table.id] = dict(found)
        return self._begun[table.id]


def _lets_go(registry: Registry, table: Table) -> Sql:
    """Say which updates in the log may be what a deleted row's own table lets go of it: those of references to the table alone."""
    columns = {
        caseless(column)
        for key in schema.foreign_keys(registry.connection, table.name)
        if caseless(key.parent) == caseless(table.name)
        for column in key.columns
    }
    others = {table.stamped_with(field) for field in table.fields if caseless(field.name) not in columns}
    masks: dict[int, int] = {}
    for field in table.fields:
        stamped = table.stamped_with(field)
        if caseless(field.name) in columns and stamped not in others:
            masks[stamped.word] = masks.get(stamped.word, 0) | 1 << stamped.bit
    updates = [
        fragment("numbers/births/lets_go", op=integer(FIRST_UPDATE_OP + word), references=integer(mask))
        for word, mask in masks.items()
    ]
    return joined(updates, " OR ") if updates else Sql("0")


class _Lines:
    """The rows that the log begins, in its order: each takes its number from who has it at that moment.

    That may be a row that lost another number to one that the log began earlier. So what the log begins under a number is looked up
    once somebody asks for it.

    Attributes:
        rows: number -> the row that had it before the log, with 0, and those that the log begins under it, with the entries that did.
    """

    def __init__(self, registry: Registry, table: Table) -> None:
        self._registry, self._table = registry, table
        self._contenders = Contenders(registry, table, folding=True)
        self._numbering = Numbering(self._load)
        self._begun: list[tuple[int, int, Birth]] = []
        self._now = 0
        self._looked_up: set[int] = set()
        self.rows: dict[int, list[tuple[int, Contender]]] = {}

    def assign(self, found: dict[int, list[Found]]) -> dict[Contender, int]:
        """Give each row its number."""
        for number, births in found.items():
            self._contenders.load(number)
            before = _before(self._contenders, self._table, number, bool(births[0][4]), self._registry)
            self.rows[number] = [] if before is None else [(0, before)]
            for _, seq, hlc, s, _, _ in births:
                self._begun.append((seq, number, Birth(hlc, self._registry.site_id(s), s)))
        heapify(self._begun)
        self._numbering.add(list(self._contenders.contenders.values()))
        while self._begun:
            self._now, number, birth = heappop(self._begun)
            self._numbering.add([self._begin(self._now, number, birth, self._numbering.holder(number))])
        return self._numbering.numbers

    def _begin(self, seq: int, number: int, birth: Birth, holder: Contender | None) -> Contender:
        new = Contender(birth, birth, 0, number) if holder is None else holder.successor(birth, number)
        self._contenders.add(new)
        self.rows.setdefault(number, []).append((seq, new))
        return new

    def _load(self, number: int) -> list[Contender]:
        found = self._contenders.load(number)
        if number < DERIVED or number in self.rows or number in self._looked_up:
            return found
        self._looked_up.add(number)
        # The log may begin a row there that nobody had anything to do with until now.
        statement = sql("numbers/births/find_alone", clock=self._table.clock)
        values = {"tbl": self._table.id, "number": number}
        for seq, hlc, s in query.rows(self._registry.connection, statement, values):
            birth = Birth(hlc, self._registry.site_id(s), s)
            if seq > self._now:
                heappush(self._begun, (seq, number, birth))
            else:
                found.append(self._begin(seq, number, birth, None))
        return found


def _give_way(registry: Registry, table: Table, found: dict[int, list[Found]]) -> Moves:
    """Let each row that is gone give its number to the one that was inserted under it; return which did."""
    lines = _Lines(registry, table)
    assigned = lines.assign(found)
    moves = Moves(table, tuple(_spans(lines.rows, assigned)), folding=True)
    renumber.rows_alone(registry, moves)
    replaced = {number for number, births in found.items() if births[0][5]}
    kept = {row for number, line in lines.rows.items() if len(line) > 1 or number in replaced for _, row in line}
    for row, number in assigned.items():
        begun_apart = row.here is None and (row.generation or number != row.number)
        if row in kept or begun_apart or row.here not in (None, number):
            renumber.store(registry, table, row, number)
    return moves


def _before(
    contenders: Contenders, table: Table, number: int, of_genesis: bool, registry: Registry
) -> Contender | None:
    """Return the row that had a number before the log."""
    for row in contenders.contenders.values():
        if row.here == number:
            return row
    if not of_genesis or table.genesis is None:
        return None
    t, s = table.genesis
    birth = Birth(t, registry.site_id(s), s)
    row = Contender(birth, birth, 0, number)
    contenders.add(row, here=number)
    return row


def _spans(rows: dict[int, list[tuple[int, Contender]]], assigned: dict[Contender, int]) -> Iterable[Span]:
    """Yield which entries of the log mean a row that has another number now."""
    for number, line in rows.items():
        for place, (following, row) in enumerate(_with_next(line)):
            if assigned[row] != number:
                # What the log wrote to the first row of a number before that was there awaited it.
                first = line[place][0] if place else 0
                yield Span(number, assigned[row], row.birth, first, following, known=not line[place][0])
    listed = {row for line in rows.values() for _, row in line}
    for row, number in assigned.items():
        if row not in listed and row.here not in (None, number) and row.here is not None:
            yield Span(row.here, number, row.birth)


def _with_next(line: Sequence[tuple[int, Contender]]) -> Iterable[tuple[int, Contender]]:
    """Pair each row with the entry at which the next one begins."""
    ends = [seq for seq, _ in line[1:]] + [END]
    return [(end, row) for end, (_, row) in zip(ends, line, strict=True)]
