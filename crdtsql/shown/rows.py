"""Rows: change how a replicated table's rows live, later than when it was enabled.

Runs inside the caller's write transaction, on a folded registry, with foreign keys not enforced. No event comes of it: a row's
heads stay what they are, and another one of them may be the first now, so that the row goes or comes back. Hence replicas with
equal vectors and equal policies have equal tables, whenever each of them changed its policy.
"""

from __future__ import annotations

from dataclasses import dataclass

import apsw

from crdtsql.base import NotEnabledError, Sql, SqliteValue, TemporaryTable, joined, policy, query, sql
from crdtsql.capture import create_triggers, drop_triggers, enable, without_capture
from crdtsql.shown import settling, strangers
from crdtsql.shown.holding import Side
from crdtsql.sqlite import TableShape, schema, writing
from crdtsql.store import Registry, Table

TURNED = TemporaryTable("_crdt_turned", "shown/rows/create_turned")


@dataclass(frozen=True, slots=True)
class RowsReport:
    """What another row policy did to a table.

    Attributes:
        table: the table's name as the database spells it.
        deleted: rows that went from the user's table to the held rows.
        revived: rows that came back from there; those that a constraint does not allow are held.
    """

    table: str
    deleted: int = 0
    revived: int = 0


def set_rows(registry: Registry, name: str, rows: str, granularity: str | None) -> RowsReport:
    """Change a table's row policy, and its granularity if one is given.

    Raises:
        NotEnabledError: the table is not replicated.
        UsageError: there is no such row policy or granularity.
        ConstraintViolationError: a table that is not replicated refers to rows that would go.
    """
    connection, table = registry.connection, registry.table(name)
    stamps = granularity or table.granularity
    enable.check_policies(rows, stamps)
    shape = schema.read(connection, table.place)
    if shape is None:
        raise NotEnabledError(
            f"table {table.name!r} is not in {registry.path} any more: restore it, then run this again"
        )
    report = RowsReport(table.name)
    if (rows == policy.DELETE_WINS) != (table.rows == policy.DELETE_WINS):
        report = _turn(registry, table, shape, rows)
    if table.absent:
        registry.set_policies(table, rows, stamps)
    elif (rows, stamps) != (table.rows, table.granularity):
        drop_triggers(connection, table.name)
        create_triggers(connection, registry.set_policies(table, rows, stamps), shape)
    return report


def _turn(registry: Registry, table: Table, shape: TableShape, rows: str) -> RowsReport:
    """Make the newest head of the kind that decides now the first one, and show or hold the rows accordingly."""
    connection, side = registry.connection, Side(table, shape)
    gone = 1 if rows == policy.DELETE_WINS else None
    ours = {"clock": table.clock, "heads": table.heads, "keys": table.keys}
    scene = settling.Scene(registry, {table.id})
    concerned = {found.table.id: found.table for found in (side, *scene.sides)}
    with (
        TURNED.created(connection, key_definitions=side.key_definitions),
        settling.noting(registry),
        without_capture(connection, list(concerned.values())),
        strangers.kept(registry, concerned.values()),
    ):
        scene.lift()
        (held_base,) = query.first(connection, f"SELECT ifnull(max(id), 0) FROM {table.held}")
        values: dict[str, SqliteValue] = {"gone": gone, "old_gone": None if gone else 1, "held_base": held_base}
        found = sql(
            "shown/rows/find_turned",
            clock_keys=table.keys_of("clock"),
            clock_is_heads=table.same_keys("clock", "heads"),
            **ours,
        )
        connection.execute(found, values)
        (count,) = query.first(connection, "SELECT count(*) FROM temp._crdt_turned")
        connection.execute(sql("shown/rows/forget_first_heads", heads=table.heads, keys=table.keys))
        connection.execute(sql("shown/rows/store_old_heads", heads=table.heads, keys=table.keys), values)
        if gone:
            _hide(connection, side, values)
        connection.execute(sql("shown/rows/wait", held=table.held), values)
        clocks = sql("shown/rows/turn_clocks", clock=table.clock, clock_is_turned=table.same_keys("clock", "turned"))
        connection.execute(clocks, values)
        connection.execute(sql("shown/rows/note_turned", keys=table.keys), {"tbl": table.id})
        settling.settle(registry)
        slots = {"table": table.quoted, "shown_is_turned": table.row_has_key_of("shown", "turned")}
        (shown,) = query.first(connection, sql("shown/rows/count_shown", **slots))
    return RowsReport(table.name, deleted=count if gone else 0, revived=0 if gone else shown)


def _hide(connection: apsw.Connection, side: Side, values: dict[str, SqliteValue]) -> None:
    table = side.table
    hold = sql(
        "shown/rows/hold_turned",
        held=table.held,
        held_columns=joined(side.held_columns),
        shown_columns=joined(Sql(f"shown.{column}") for column in side.columns),
        table=table.quoted,
        shown_is_turned=table.row_has_key_of("shown", "turned"),
    )
    connection.execute(hold, values)
    statement = sql("shown/rows/remove_turned", table=table.quoted, key_columns=table.key_columns, keys=table.keys)
    writing.remove(connection, table.key_columns, table.quoted, statement)
