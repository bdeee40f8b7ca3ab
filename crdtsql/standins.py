"""Stand-ins: rows that the user's table shows otherwise than they are, and that a program wrote.

A masked row shows NULL in place of a reference that leads nowhere; a restored one is deleted and shown all the same. Their
truth is a held row. Once such a row was written, fold takes its truth from the user's table again, so this puts it there first.
"""

from __future__ import annotations

import json

from crdtsql import holding, naming, query, quiet
from crdtsql.holding import Side
from crdtsql.registry import Registry
from crdtsql.sqltext import Sql, identifier, sql
from crdtsql.tables import FIRST_UPDATE_OP

DELETES = (2, 3)


def drop_written(registry: Registry, side: Side) -> None:
    """Make ordinary rows of the stand-ins that `temp._crdt_event` has events of."""
    connection, table = registry.connection, side.table
    if not holding.any_kept(connection, table):
        return
    statement = sql("standins/find_written", held=table.held, held_is_event=table.same_keys("held", "event"))
    written = query.rows(connection, statement, {"tbl": table.id})
    if not written:
        return
    with quiet.without_capture(connection, [table]):
        for number, masks in written:
            _drop(registry, side, number, json.loads(masks) if masks else [])


def _drop(registry: Registry, side: Side, number: int, masks: list[str]) -> None:
    connection, table = registry.connection, side.table
    events = query.rows(
        connection,
        sql("standins/events", held=table.held, held_is_event=table.same_keys("held", "event")),
        {"tbl": table.id, "id": number},
    )
    if not any(op == 1 for op, _ in events):
        for field in table.fields:
            stamped = table.stamped_with(field)
            op = FIRST_UPDATE_OP + stamped.word
            updated = any(found == op and detail >> stamped.bit & 1 for found, detail in events)
            if field.name in masks and not updated:
                removed = [detail for found, detail in events if found in DELETES]
                _unmask(registry, side, number, field.id, field.name, removed)
    clock = sql("standins/unlink", clock=table.clock, held=table.held, clock_is_held=table.same_keys("clock", "held"))
    connection.execute(clock, {"id": number})
    connection.execute(f"DELETE FROM {table.held} WHERE id = ?", (number,))


def _unmask(registry: Registry, side: Side, number: int, field: int, name: str, removed: list[int]) -> None:
    """Write the true value of a masked cell to the user's table, and to the held rows that a delete has just made."""
    connection, table = registry.connection, side.table
    value = naming.value(field)
    statement = sql(
        "standins/unmask",
        table=table.quoted,
        column=identifier(name),
        value=value,
        held=table.held,
        shown_is_held=table.row_has_key_of("shown", "held"),
    )
    connection.execute(statement, {"id": number})
    truth = Sql(f"(SELECT {value} FROM {table.held} WHERE id = ?1)")
    connection.executemany(
        f"UPDATE {table.held} SET {value} = {truth} WHERE id = ?2", [(number, held) for held in removed]
    )
