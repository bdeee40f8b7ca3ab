"""Archive: births of rows whose clocks were forgotten, packed (decision 0034).

A row's birth says which number it gets if it loses its own, so it can't be forgotten. What is asked for seldom is kept a thousand to a
blob in `_crdt_births`, of which one is a few bytes. It is there as soon as the first birth is put away. Invariant: a birth stands here
or in `_crdt_born_<table>` and the clocks, not in both; whoever may ask for one takes it out first (`take_out`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, pairwise
from zlib import compress, decompress

import apsw
import msgpack

from crdtsql.base import Sql, SqliteValue, identifier, memory, query, sql
from crdtsql.store import Registry, Table

Birth = tuple[int, int, int]
"""Number, hlc, and ordinal of the site."""
PER_BLOB = 1_000
MOST_BLOBS = 200
"""So many are kept unpacked while births are looked up."""


@memory.of_schema
def is_there(connection: apsw.Connection) -> bool:
    """Tell whether any birth was ever put away in this file."""
    return query.exists(connection, "main.sqlite_schema", "type = 'table' AND name = '_crdt_births'")


def put_away(registry: Registry, table: Table, births: Iterable[Birth]) -> None:
    """Keep the births of rows of a table, none of which is kept here yet."""
    connection, new = registry.connection, sorted(births)
    if not new:
        return
    if not is_there(connection):
        connection.execute(sql("numbers/archive/create_births"))
    if registry.get(table.fact("births")) is None:
        registry.set(table.fact("births"), 1)
    around = {"tbl": table.id, "first": new[0][0], "last": new[-1][0]}
    near = query.rows(connection, sql("numbers/archive/find_near"), around)
    kept = [birth for _, packed in near for birth in _unpacked(packed)]
    _forget(connection, table, [first for first, _ in near])
    _store(connection, table, sorted([*kept, *new]))


def take_out(registry: Registry, table: Table, numbers: Iterable[int]) -> None:
    """Give the rows of some numbers their births back, as far as these were put away."""
    connection = registry.connection
    if not is_there(connection):
        return
    spans = query.rows(connection, "SELECT first, last FROM _crdt_births WHERE tbl = ? ORDER BY first", (table.id,))
    firsts = [first for first, _ in spans]
    wanted: dict[int, set[int]] = {}
    for number in numbers:
        place = bisect_right(firsts, number) - 1
        if place >= 0 and number <= spans[place][1]:
            wanted.setdefault(firsts[place], set()).add(number)
    for first, those in wanted.items():
        births = list(_of_blob(connection, table, first))
        found = [birth for birth in births if birth[0] in those]
        if found:
            _forget(connection, table, [first])
            _store(connection, table, [birth for birth in births if birth[0] not in those])
            give(connection, table.born, found)


def give(connection: apsw.Connection, born: Sql, births: Iterable[Birth]) -> None:
    """Write births into a table of births, but for numbers that it has."""
    connection.executemany(sql("numbers/archive/give_back", born=born), births)


@contextmanager
def looked_up(registry: Registry) -> Iterator[None]:
    """Give SQL functions of (table's id, number) for a while: `_crdt_put_away_t` and `_crdt_put_away_s`, NULL if it is not here."""
    connection = registry.connection
    by_id = {table.id: table for table in registry.tables()}
    blobs: dict[tuple[int, int], dict[int, Birth]] = {}
    firsts = {number: _firsts(connection, table) for number, table in by_id.items()} if is_there(connection) else {}

    def find(table_id: SqliteValue, number: SqliteValue) -> Birth | None:
        found = firsts.get(int(str(table_id)), [])
        place = bisect_right(found, number) - 1 if isinstance(number, int) else -1
        if place < 0:
            return None
        blob = int(str(table_id)), found[place]
        if blob not in blobs:
            if len(blobs) >= MOST_BLOBS:
                blobs.clear()
            blobs[blob] = {birth[0]: birth for birth in _of_blob(connection, by_id[blob[0]], blob[1])}
        return blobs[blob].get(int(str(number)))

    def find_t(*asked: SqliteValue) -> SqliteValue:
        found = find(*asked)
        return found and found[1]

    def find_s(*asked: SqliteValue) -> SqliteValue:
        found = find(*asked)
        return found and found[2]

    connection.create_scalar_function("_crdt_put_away_t", find_t, 2)
    connection.create_scalar_function("_crdt_put_away_s", find_s, 2)
    try:
        yield
    finally:
        for name in ("_crdt_put_away_t", "_crdt_put_away_s"):
            connection.create_scalar_function(name, None, 2)


def _firsts(connection: apsw.Connection, table: Table) -> list[int]:
    rows = query.rows(connection, "SELECT first FROM _crdt_births WHERE tbl = ? ORDER BY first", (table.id,))
    return [first for (first,) in rows]


def tidy(registry: Registry) -> None:
    """Forget that rows lost their number of which nothing else is left: their line goes on with the row that has it."""
    connection = registry.connection
    if not is_there(connection):
        return
    for table in registry.tables():
        if table.is_numbered and not table.absent and not table.places:
            slots = {
                "born": table.born,
                "clock": table.clock,
                "table": table.quoted,
                "key_column": identifier(table.key[0]),
            }
            connection.execute(sql("numbers/archive/forget_lost", **slots))


def read(registry: Registry, table: Table) -> Iterator[Birth]:
    """Yield the births of a table that were put away, by number."""
    for births in read_blobs(registry, table):
        yield from births


def read_blobs(registry: Registry, table: Table) -> Iterator[Iterator[Birth]]:
    """Yield the births of a table that were put away, some at a time."""
    connection = registry.connection
    for first in _firsts(connection, table) if is_there(connection) else ():
        yield _of_blob(connection, table, first)


def forget(registry: Registry, table: Table) -> None:
    """Forget the births of a table that is not replicated any more."""
    if is_there(registry.connection):
        registry.connection.execute("DELETE FROM _crdt_births WHERE tbl = ?", (table.id,))


def _of_blob(connection: apsw.Connection, table: Table, first: int) -> Iterator[Birth]:
    found = query.first(connection, "SELECT packed FROM _crdt_births WHERE tbl = ? AND first = ?", (table.id, first))
    return iter(()) if found is None else _unpacked(found[0])


def _forget(connection: apsw.Connection, table: Table, firsts: Sequence[int]) -> None:
    connection.executemany("DELETE FROM _crdt_births WHERE tbl = ? AND first = ?", [(table.id, one) for one in firsts])


def _store(connection: apsw.Connection, table: Table, births: Sequence[Birth]) -> None:
    for start in range(0, len(births), PER_BLOB):
        some = births[start : start + PER_BLOB]
        connection.execute(
            "INSERT INTO _crdt_births (tbl, first, last, packed) VALUES (?, ?, ?, ?)",
            (table.id, some[0][0], some[-1][0], _packed(some)),
        )


def _packed(births: Sequence[Birth]) -> bytes:
    """Pack births as the differences of numbers and of hlc, which are small, and sites.

    >>> list(_unpacked(_packed([(7, -5, 1), (9, 1 << 60, 2)])))
    [(7, -5, 1), (9, 1152921504606846976, 2)]
    """
    numbers, times, sites = zip(*births, strict=True)
    steps = [[column[0], *(after - before for before, after in pairwise(column))] for column in (numbers, times)]
    return compress(msgpack.packb([*steps, sites]), 9)


def _unpacked(packed: bytes) -> Iterator[Birth]:
    numbers, times, sites = msgpack.unpackb(decompress(packed))
    return zip(accumulate(numbers), accumulate(times), sites, strict=True)
