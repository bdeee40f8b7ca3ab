"""Unseen: writes that took the place of values that their writer's table did not show.

A row that is held has values that nobody sees in the table. Who inserts a row under its key, or writes a column that is masked,
overwrites them unknowingly; by the stamps that is a later write like any other. So fold puts the values into the conflict log, and a
changeset says which of its writes were such, so that other replicas, whose tables may show these values, do the same. Who writes over
such a write has seen that one alone: so the cell stays in the list, under its present write, for replicas that get no other.
Runs inside the caller's write transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from crdtsql.base import Sql, SqliteValue, identifier, naming, query, sql
from crdtsql.conflicts import conflict_log
from crdtsql.shown import any_kept, moved
from crdtsql.store import FIRST_UPDATE_OP, Field, Registry, Table
from crdtsql.wire import UnseenWrite

MOST_WRITES = 10_000
"""How many such writes a replica remembers, and a changeset tells of: the newest."""

Found = list[tuple[Table, Field, dict[int, tuple[int, int]]]]
"""Columns, and for cells in the list that the log has events of: one of these -> the stamp of the cell's present write."""


def record(
    registry: Registry, tables: Iterable[Table], site_of: Callable[[str], Sql], is_another: moved.IsAnother
) -> None:
    """Log the values that the events in `temp._crdt_event` took the place of unseen; held rows are still as they were.

    Args:
        site_of: renders the ordinal of the site of an event, given its hlc.
        is_another: tells of an insert under the key of a held row whether it began another row.
    """
    found = [(table, _record(registry, table, site_of, is_another)) for table in tables]
    changed = [table for table, writes in found if writes]
    if changed:
        remember(registry, [one for _, writes in found for one in writes])
        conflict_log.prune(registry, changed)


def _record(
    registry: Registry, table: Table, site_of: Callable[[str], Sql], is_another: moved.IsAnother
) -> list[UnseenWrite]:
    connection = registry.connection
    if not any_kept(connection, table) and not query.exists(connection, table.heads):
        return []
    tables = {"clock": table.clock, "held": table.held, "clock_is_event": table.same_keys("clock", "event")}
    if query.first(connection, sql("conflicts/unseen/find", **tables), {"tbl": table.id}) is None:
        return []
    inserted = sql("conflicts/unseen/inserted", held_keys=table.keys_of("held"), **tables)
    others = [
        held for held, hlc, *key in query.rows(connection, inserted, {"tbl": table.id}) if is_another(table, key, hlc)
    ]
    writes: list[UnseenWrite] = []
    for field in table.fields:
        stamped = table.stamped_with(field)
        lost_t, lost_s = field.full_stamp
        statement = sql(
            "conflicts/unseen/record",
            keys=table.keys,
            site_of_won=site_of("won_t"),
            clock_keys=table.keys_of("clock"),
            row_marker=identifier(table.key[0]),
            column=identifier(field.name),
            value=naming.value(field.id),
            lost_t=lost_t,
            lost_s=lost_s,
            table=table.quoted,
            shown_is_clock=table.row_has_key_of("shown", "clock"),
            heads=table.heads,
            head_is_clock=table.same_keys("head", "clock"),
            **tables,
        )
        values: dict[str, SqliteValue] = {
            "tbl": table.id,
            "col": field.id,
            "name": field.name,
            "op": FIRST_UPDATE_OP + stamped.word,
            "bit": stamped.bit,
            "numbered": table.is_numbered,
            "others": json.dumps(others),
            **_local(registry, table),
        }
        count = conflict_log.record(registry, statement, values)
        if count:
            values["last"] = registry.number("conflicts_last") - count
            writes += _recorded(registry, table, field, site_of, values)
    return writes


def _recorded(
    registry: Registry, table: Table, field: Field, site_of: Callable[[str], Sql], values: Mapping[str, SqliteValue]
) -> Iterator[UnseenWrite]:
    """Give the writes of the entries after `:last`; of several in the log the first took the value's place."""
    statement = sql(
        "conflicts/unseen/list_recorded",
        clock=table.clock,
        clock_is_entry=table.same_keys("clock", "entry"),
        clock_is_event=table.same_keys("clock", "event"),
        site_of_first=site_of("min(event.hlc)"),
    )
    for t, s, first_t, first_s, lost_t, lost_s in query.rows(registry.connection, statement, values):
        yield UnseenWrite(t, s, field.uid, (first_t, first_s), (lost_t, lost_s))


def find(registry: Registry, tables: Iterable[Table]) -> Found:
    """Find the cells in the list that the events in `temp._crdt_event` may write over; clocks are still as they were."""
    writes: dict[str, list[tuple[int, int]]] = {}
    for one in _known(registry):
        writes.setdefault(one.uid, []).append((one.hlc, one.site))
    fields = [(table, field) for table in tables for field in table.fields if field.uid in writes]
    found = [(table, field, _written(registry, table, field, writes[field.uid])) for table, field in fields]
    return [(table, field, cells) for table, field, cells in found if cells]


def _written(
    registry: Registry, table: Table, field: Field, writes: list[tuple[int, int]]
) -> dict[int, tuple[int, int]]:
    statement = sql("conflicts/unseen/find_written", **_cell(table, field))
    values = {"tbl": table.id, "writes": json.dumps(writes), **_local(registry, table)}
    return {seq: (t, s) for seq, t, s in query.rows(registry.connection, statement, values)}


def follow(registry: Registry, found: Found) -> None:
    """Let the list name the present writes of cells that were folded."""
    now: dict[tuple[int, int, str], tuple[int, int]] = {}
    for table, field, cells in found:
        statement = sql("conflicts/unseen/list_present", **_cell(table, field))
        values = {"events": json.dumps(list(cells)), **_local(registry, table)}
        for seq, t, s in query.rows(registry.connection, statement, values):
            now[*cells[seq], field.uid] = (t, s)
    known = _known(registry)
    _keep(registry, known, [one._replace(hlc=t, site=s) for one in known for t, s in [now.get(one[:3], one[:2])]])


def _cell(table: Table, field: Field) -> dict[str, Sql]:
    t, s = field.full_stamp
    return {"clock": table.clock, "clock_is_event": table.same_keys("clock", "event"), "t": t, "s": s}


def _local(registry: Registry, table: Table) -> dict[str, SqliteValue]:
    t, s = table.genesis or (None, None)
    return {"self": registry.self_ordinal, "genesis_t": t, "genesis_s": s}


def remember(registry: Registry, writes: Iterable[UnseenWrite]) -> None:
    """Keep such writes, also where nothing was lost by them here, to pass them on to replicas that may lose something."""
    told = set(writes)
    if told:
        known = _known(registry)
        _keep(registry, known, [*known, *told.difference(known)])


def _keep(registry: Registry, before: list[UnseenWrite], writes: list[UnseenWrite]) -> None:
    """Write the list down: of what was overwritten once, only the cell's latest write."""
    latest: dict[tuple[Any, ...], int] = {}
    for one in writes:
        latest[one[2:]] = max(one.hlc, latest.get(one[2:], 0))
    present = {one for one in writes if one.hlc == latest[one[2:]]}
    kept = sorted(present, key=lambda one: (one[:4], one.lost or ()))[-MOST_WRITES:]
    if kept != before:
        registry.set("unseen", json.dumps([[*one[:3], *one.since, *(one.lost or ())] for one in kept]))


def forget(registry: Registry, is_settled: Callable[[int, int], bool]) -> None:
    """Forget the writes, by hlc and site, that all members have, each of which has logged what it lost by them."""
    known = _known(registry)
    if known:
        _keep(registry, known, [one for one in known if not is_settled(one.hlc, one.site)])


def news(registry: Registry, receiver: Mapping[bytes, int]) -> tuple[UnseenWrite, ...]:
    """List the writes that a receiver with a vector lacks."""
    return tuple(one for one in _known(registry) if one.hlc > receiver.get(registry.site_id(one.site), 0))


def _known(registry: Registry) -> list[UnseenWrite]:
    """Read the list; in a file of an earlier format an entry says no more than which write it is."""
    found = []
    for t, s, uid, *more in json.loads(str(registry.get("unseen") or "[]")):
        since, lost = more[:2] or (t, s), more[2:]
        found.append(UnseenWrite(t, s, uid, (since[0], since[1]), (lost[0], lost[1]) if lost else None))
    return found
