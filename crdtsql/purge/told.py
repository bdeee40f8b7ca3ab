"""Told: purges that their rows do not show any more, because somebody wrote the row since then.

A row tells that it was purged by a delete that stamped cells too. A later event takes the place of that delete, so a replica that gets
both at once would not know that its conflict log has values of the row which are to be forgotten. So such purges stand in a list,
the fact `purged`, which travels in the header of changesets, each with the row's key; of a numbered row, whose number may change,
with the number that it asked for, and its root. A file that never saw a purge has no such fact, and pays nothing for all this.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate

from crdtsql.base import (
    Sql,
    SqliteValue,
    fragment,
    from_json,
    identifier,
    is_utf8,
    joined,
    naming,
    query,
    sql,
    value_to_json,
)
from crdtsql.store import Registry, Table
from crdtsql.wire import PurgedRow

MOST_ROWS = 10_000
MOST_BYTES = 500_000
"""Of how many rows a replica remembers that, and how long they may be as JSON: the newest."""

Purge = tuple[tuple[SqliteValue, ...], tuple[int, int]]
"""The key of a row as the file has it, and the stamp of its purge."""


def any_known(registry: Registry) -> bool:
    """Tell whether this file ever saw a purge."""
    return registry.get("purged") is not None


def note_shown(registry: Registry, table: Table, rows: Sql) -> None:
    """Note the purges that rows of a table show in `temp._crdt_purge`.

    Args:
        rows: a table, or a subquery, of the keys to look at.
    """
    if table.fields:
        statement = sql("purge/told/note_shown", keys=table.keys, shown=_shown(table, rows))
        registry.connection.execute(statement, {"tbl": table.id})


def _find_shown(registry: Registry, table: Table, rows: Sql) -> set[Purge]:
    """Find the purges that rows of a table show."""
    return _purges(registry, table, str(_shown(table, rows))) if table.fields else set()


def _purges(registry: Registry, table: Table, statement: str) -> set[Purge]:
    """Read purges, but for those of rows whose keys are no UTF-8, which can't be told."""
    found = query.rows_to_show(registry.connection, statement, {"tbl": table.id})
    return {(tuple(key), (t, s)) for t, s, *key in found if all(map(is_utf8, key))}


def _shown(table: Table, rows: Sql) -> Sql:
    """Render the purges that rows show: stamp and key."""
    return fragment(
        "purge/told/shown",
        keys=table.keys_of("clock"),
        rows=rows,
        clock=table.clock,
        heads=table.heads,
        clock_is_row=table.same_keys("clock", "one"),
        head_is_clock=table.same_keys("head", "clock"),
        first_stamps_cells=_stamps_cells(table, "clock.dot_t", "clock.dot_s"),
        further_stamps_cells=_stamps_cells(table, "head.t", "head.s"),
    )


def _stamps_cells(table: Table, t: str, s: str) -> Sql:
    cells = (
        Sql(f"(clock.{naming.stamp_t(field.id)} = {t} AND clock.{naming.stamp_s(field.id)} = {s})")
        for field in table.fields
    )
    return joined(cells, " OR ")


def note_folded(registry: Registry, tables: Iterable[Table]) -> None:
    """Put the purges of the rows that the events in `temp._crdt_event` write into the list; clocks are still as they were."""
    if any_known(registry):
        for table in tables:
            rows = Sql(f"(SELECT DISTINCT {table.keys} FROM temp._crdt_event WHERE tbl = :tbl)")
            remember(registry, _listed(registry, table, _find_shown(registry, table, rows)))


def note_hidden(registry: Registry, table: Table) -> None:
    """Put the purges of `temp._crdt_purge` into the list that their rows do not show."""
    of_table = Sql(f"(SELECT {table.keys} FROM temp._crdt_purge WHERE tbl = :tbl)")
    noted = sql(
        "purge/told/list_noted",
        keys=table.keys_of("clock"),
        clock=table.clock,
        clock_is_purge=table.same_keys("clock", "purge"),
    )
    hidden = _purges(registry, table, noted) - _find_shown(registry, table, of_table)
    remember(registry, _listed(registry, table, hidden))


def _listed(registry: Registry, table: Table, purges: Iterable[Purge]) -> list[PurgedRow]:
    if not table.is_numbered:
        return [PurgedRow(t, s, table.uid, key) for key, (t, s) in purges]
    statement = sql("purge/told/read_root", clock=table.clock, born=table.born)
    found = []
    for key, (t, s) in purges:
        root = query.first(registry.connection, statement, key)
        if root is not None:
            found.append(PurgedRow(t, s, table.uid, tuple(root)))
    return found


def note_told(registry: Registry, purges: Iterable[PurgedRow]) -> Counter[str]:
    """Note rows that a changeset lists in `temp._crdt_purge`, and put them into the list; return how many are here, by table."""
    listed, found = list(purges), Counter[str]()
    for one in listed:
        table = registry.find_uid(one.uid)
        if table is not None:
            found[table.name] += _note(registry, table, one)
    remember(registry, listed)
    return +found


def _note(registry: Registry, table: Table, one: PurgedRow) -> int:
    """Note a row, which may have no clock row yet; return 1 if it is here."""
    connection = registry.connection
    if len(one.key) != (3 if table.is_numbered else len(table.key)):
        return 0
    values = {"tbl": table.id, "t": one.hlc, "s": one.site, **{f"k{n}": part for n, part in enumerate(one.key, 1)}}
    if table.is_numbered:
        connection.execute(sql("purge/told/note_numbered", clock=table.clock, born=table.born), values)
        if connection.changes():
            return 1
        if not isinstance(one.key[1], int) or one.key[1] >= 0:
            return 0
    marks = joined(Sql(f":{part}") for part in table.key_names)
    connection.execute(f"INSERT INTO temp._crdt_purge (tbl, t, s, {table.keys}) VALUES (:tbl, :t, :s, {marks})", values)
    own = joined((Sql(f"{part} = :{part}") for part in table.key_names), " AND ")
    pairs = zip(table.key, table.key_names, strict=True)
    shown = joined((Sql(f"{identifier(name)} = :{part}") for name, part in pairs), " AND ")
    is_here = query.exists(connection, table.clock, own, values) or query.exists(
        connection, table.quoted, shown, values
    )
    return int(is_here)


def remember(registry: Registry, purges: Iterable[PurgedRow]) -> None:
    """Put purges into the list."""
    before = known(registry)
    rows = sorted({*before, *purges}, key=lambda one: (one.hlc, one.site), reverse=True)[:MOST_ROWS]
    texts = [json.dumps(_to_json(one), ensure_ascii=False) for one in rows]
    kept = sum(length <= MOST_BYTES for length in accumulate(map(len, texts)))
    if not any_known(registry) or {*rows[:kept]} != {*before}:
        registry.set("purged", f"[{', '.join(texts[:kept])}]")


def forget(registry: Registry, is_settled: Callable[[int, int], bool]) -> None:
    """Forget the purges, by hlc and site, that all members have carried out."""
    before = known(registry)
    left = [one for one in before if not is_settled(one.hlc, one.site)]
    if left != before:
        registry.set("purged", json.dumps([_to_json(one) for one in left], ensure_ascii=False))


def news(registry: Registry, receiver: Mapping[bytes, int]) -> tuple[PurgedRow, ...]:
    """List those that a receiver with a vector lacks."""
    return tuple(one for one in known(registry) if one.hlc > receiver.get(registry.site_id(one.site), 0))


def known(registry: Registry) -> list[PurgedRow]:
    """Read the list, the newest first."""
    found = json.loads(str(registry.get("purged") or "[]"))
    return [PurgedRow(t, s, uid, tuple(map(from_json, key))) for t, s, uid, *key in found]


def _to_json(one: PurgedRow) -> list[object]:
    return [one.hlc, one.site, one.uid, *map(value_to_json, one.key)]
