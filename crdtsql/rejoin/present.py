"""Present: how a row stands in the other replica's state, now that it is in this file. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crdtsql.base import ABSENT, Sql, SqliteValue, clock, identifier, joined, naming, query
from crdtsql.store import Field, Registry, Stamp, Table


@dataclass(frozen=True, slots=True)
class PresentRow:
    """A row as it stands.

    Attributes:
        values: what the table shows, by column; None if it does not show the row.
        stamps: of the cells, by column.
        born: stamp of its insert.
        heads: stamps of its latest events.
        gone: it is deleted, though it may be shown for the sake of others.
    """

    values: Mapping[Field, SqliteValue] | None
    stamps: Mapping[Field, Stamp]
    born: Stamp | None
    heads: Sequence[Stamp]
    gone: bool


@dataclass(frozen=True, slots=True)
class SeenBefore:
    """What this file had seen before it took the other replica's state.

    Attributes:
        vector: by ordinal.
        geneses: of its tables, by id.
        compacted: the other replica has compacted, so that stamps of the genesis may stand for any event.
    """

    vector: Mapping[int, int]
    geneses: Mapping[int, Stamp | None]
    compacted: bool

    def has(self, table: Table, stamp: Stamp) -> bool:
        """Tell whether this file had certainly seen an event."""
        t, site = stamp
        if t == ABSENT:
            return True
        if t < 0 and (self.compacted or self.geneses.get(table.id) != stamp):
            return False
        return t & clock.EVENT_MASK <= self.vector.get(site, 0)


def where_key(columns: Sequence[Sql]) -> Sql:
    """Compare key columns with bound values."""
    return joined((Sql(f"{column} = ?") for column in columns), " AND ")


def look(registry: Registry, table: Table, key: tuple[SqliteValue, ...]) -> PresentRow:
    """Look how a row stands."""
    connection, fields = registry.connection, table.fields
    names = joined([*(identifier(name) for name in table.key), *(identifier(one.name) for one in fields)])
    where = where_key([identifier(name) for name in table.key])
    shown = query.rows_to_show(connection, f"SELECT {names} FROM {table.quoted} WHERE {where}", key)
    stamps = [Sql(f"{naming.stamp_t(one.id)}, {naming.stamp_s(one.id)}") for one in fields]
    columns = joined([Sql("t, s, dot_t, dot_s, gone"), *stamps])
    found = query.first(connection, f"SELECT {columns} FROM {table.clock} WHERE {where_key(table.key_names)}", key)
    values = dict(zip(fields, shown[0][len(key) :], strict=True)) if shown else None
    if found is None:
        return _of_genesis(table, values)
    return _with_clock(registry, table, key, values, found)


def _of_genesis(table: Table, values: Mapping[Field, SqliteValue] | None) -> PresentRow:
    if values is None or table.genesis is None:
        return PresentRow(None, {}, None, [], False)
    stamps = {one: (ABSENT, 0) if one.late else table.genesis for one in table.fields}
    return PresentRow(values, stamps, table.genesis, [table.genesis], False)


def _with_clock(
    registry: Registry,
    table: Table,
    key: tuple[SqliteValue, ...],
    values: Mapping[Field, SqliteValue] | None,
    found: tuple[Any, ...],
) -> PresentRow:
    t, s, dot_t, dot_s, gone = found[:5]
    rest = found[5:]
    stamps = {
        one: (
            t if rest[2 * place] is None else rest[2 * place],
            s if rest[2 * place + 1] is None else rest[2 * place + 1],
        )
        for place, one in enumerate(table.fields)
    }
    statement = f"SELECT t, s FROM {table.heads} WHERE {where_key(table.key_names)}"
    heads = [(t, s) if dot_t is None else (dot_t, dot_s), *query.rows(registry.connection, statement, key)]
    return PresentRow(values, stamps, (t, s), heads, bool(gone))
