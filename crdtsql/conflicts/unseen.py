"""Unseen: writes that took the place of values that their writer's table did not show.

A row that is held has values that nobody sees in the table. Who inserts a row under its key, or writes a column that is masked,
overwrites them unknowingly; by the stamps that is a later write like any other. So fold puts the values into the conflict log, and a
changeset says which of its writes were such, so that other replicas, whose tables may show these values, do the same.
Runs inside the caller's write transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping

from crdtsql.base import Sql, SqliteValue, identifier, naming, query, sql
from crdtsql.conflicts import conflict_log
from crdtsql.shown import any_kept
from crdtsql.store import FIRST_UPDATE_OP, Registry, Table

MOST_WRITES = 10_000
"""How many such writes a replica remembers, and a changeset tells of: the newest."""

UnseenWrite = tuple[int, int, str]
"""The hlc of a write of a cell, the local ordinal of its site, and the uid of the column."""


def record(registry: Registry, tables: Iterable[Table], site_of: Callable[[str], Sql]) -> None:
    """Log the values that the events in `temp._crdt_event` took the place of unseen; held rows are still as they were.

    Args:
        site_of: renders the ordinal of the site of an event, given its hlc.
    """
    last = registry.number("conflicts_last")
    changed = [table for table in tables if _record(registry, table, site_of)]
    if changed:
        remember(registry, query.rows(registry.connection, sql("conflicts/unseen/list_recorded"), {"last": last}))
        conflict_log.prune(registry, changed)


def _record(registry: Registry, table: Table, site_of: Callable[[str], Sql]) -> int:
    connection = registry.connection
    if not any_kept(connection, table) and not query.exists(connection, table.heads):
        return 0
    tables = {"clock": table.clock, "held": table.held, "clock_is_event": table.same_keys("clock", "event")}
    if query.first(connection, sql("conflicts/unseen/find", **tables), {"tbl": table.id}) is None:
        return 0
    recorded = 0
    genesis_t, genesis_s = table.genesis or (None, None)
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
            "genesis_t": genesis_t,
            "genesis_s": genesis_s,
        }
        recorded += conflict_log.record(registry, statement, values)
    return recorded


def remember(registry: Registry, writes: Iterable[UnseenWrite]) -> None:
    """Keep such writes, also where nothing was lost by them here, to pass them on to replicas that may lose something."""
    told = set(writes)
    before = _known(registry) if told else []
    new = told - set(before)
    if new:
        kept = sorted([*before, *new])[-MOST_WRITES:]
        registry.set("unseen", json.dumps([list(write) for write in kept]))


def news(registry: Registry, receiver: Mapping[int, int]) -> tuple[UnseenWrite, ...]:
    """List the writes that a receiver lacks, whose vector is given by local ordinals."""
    return tuple(write for write in _known(registry) if write[0] > receiver.get(write[1], 0))


def _known(registry: Registry) -> list[UnseenWrite]:
    found = json.loads(str(registry.get("unseen") or "[]"))
    return [(hlc, ordinal, uid) for hlc, ordinal, uid in found]
