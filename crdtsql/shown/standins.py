"""Stand-ins: rows that the user's table shows otherwise than they are, and that a program wrote.

A masked row shows NULL in place of a reference that leads nowhere; a restored one is deleted and shown all the same. Their
truth is a held row, which must learn what was written, for fold looks at the user's table.
"""

from __future__ import annotations

import json
from itertools import takewhile

from crdtsql.base import Sql, identifier, naming, query, reasons, sql
from crdtsql.shown import holding, moved
from crdtsql.shown.holding import Side
from crdtsql.store import FIRST_UPDATE_OP, Registry, Table

INSERT = 1
DELETES = (2, 3)


def learn(registry: Registry, side: Side) -> list[int]:
    """Have the stand-ins learn what `temp._crdt_event` says of them; return the held rows that stay the truth of theirs.

    A stand-in that a program replaced or deleted is an ordinary row again; what it hid stays with the row that was deleted, which may
    be another one than what was inserted after it. A restored row that was updated lives, and is masked as
    long as nothing is settled, since what it shows need not be all true.
    """
    connection, table = registry.connection, side.table
    if not holding.any_kept(connection, table):
        return []
    statement = sql("shown/standins/find_written", held=table.held, held_is_event=table.same_keys("held", "event"))
    kept = []
    for number, masks in query.rows(connection, statement, {"tbl": table.id}):
        if _learn(registry, table, number, json.loads(masks) if masks else None):
            kept.append(number)
            continue
        unlink = sql(
            "shown/standins/unlink", clock=table.clock, held=table.held, clock_is_held=table.same_keys("clock", "held")
        )
        connection.execute(unlink, {"id": number})
        connection.execute(f"DELETE FROM {table.held} WHERE id = ?", (number,))
    return kept


def _learn(registry: Registry, table: Table, number: int, masks: list[str] | None) -> bool:
    """Have one stand-in learn what was written, until a row was inserted under its key; return whether its held row stays.

    Args:
        masks: the columns that show something else than the truth; None of a restored row, where any may.
    """
    connection = registry.connection
    same = table.same_keys("held", "event")
    events = query.rows(
        connection, sql("shown/standins/events", held=table.held, held_is_event=same), {"tbl": table.id, "id": number}
    )
    inserted = any(op == INSERT for op, _ in events)
    events = [*takewhile(lambda event: event[0] != INSERT, events)]
    removed = [held for op, held in events if op in DELETES]
    masked = [field.name for field in table.fields] if masks is None else masks
    pairs = Sql(f"{table.held} AS held JOIN {table.quoted} AS shown ON {table.row_has_key_of('shown', 'held')}")
    is_shown = not inserted and query.exists(connection, pairs, "held.id = ?", (number,))
    for field in table.fields:
        updated = moved.is_written(table, field, events)
        value, column = naming.value(field.id), identifier(field.name)
        if updated and is_shown:
            statement = sql(
                "shown/standins/learn",
                held=table.held,
                value=value,
                column=column,
                table=table.quoted,
                shown_is_held=table.row_has_key_of("shown", table.held.text),
            )
            connection.execute(statement, {"id": number})
        elif field.name in masked and not updated:
            truth = Sql(f"(SELECT {value} FROM {table.held} WHERE id = ?1)")
            connection.executemany(
                f"UPDATE {table.held} SET {value} = {truth} WHERE id = ?2", [(number, held) for held in removed]
            )
    if masks is None and is_shown and any(op >= FIRST_UPDATE_OP for op, _ in events):
        reason = reasons.because(reasons.MASKED, json.dumps(sorted(masked)))
        connection.execute(f"UPDATE {table.held} SET reason = ? WHERE id = ?", (reason, number))
    return is_shown


def relink(registry: Registry, side: Side, kept: list[int]) -> None:
    """Have the clock rows lead to the held rows again that stay the truth, after fold took their rows for ordinary ones."""
    table = side.table
    if not kept:
        return
    statement = sql(
        "shown/standins/relink", clock=table.clock, held=table.held, clock_is_held=table.same_keys("clock", "held")
    )
    registry.connection.executemany(statement, [{"id": number} for number in kept])
