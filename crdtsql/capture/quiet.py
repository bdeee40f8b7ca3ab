"""Quiet: write to the user's tables without capturing it.

Runs inside the caller's write transaction; the user's own triggers fire. Invariant: after the block all triggers are there
as before, and fire in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager

import apsw

from crdtsql.base import caseless, identifier, naming, policy, query
from crdtsql.capture import triggers
from crdtsql.sqlite import indexsql, schema, usertriggers
from crdtsql.store import Table


def _that_must_not_refuse(connection: apsw.Connection, table: Table) -> set[str]:
    """Find the triggers of the user's that may refuse what a merge writes for another reason than the row itself.

    A DELETE was allowed where the row was deleted. And what a trigger finds in other rows depends on what arrived first, so that
    replicas would not agree; what it says of NEW alone, they do.
    """
    found = set()
    for name, statement in schema.triggers(connection, table.name).items():
        if naming.is_ours(name):
            continue
        words = {word.lower() for word in indexsql.words(statement)}
        if "raise" in words and ("from" in words or indexsql.trigger_event(statement) == "DELETE"):
            found.add(name)
    return found


@contextmanager
def without_capture(connection: apsw.Connection, tables: list[Table]) -> Iterator[None]:
    """Keep our triggers from logging what is written in a block.

    Without triggers of the user's, all triggers are switched off on this connection. Else ours are dropped inside the
    transaction and created again, so that the user's (full-text indexes, say) still fire; but for those that write to
    replicated tables themselves, whose effects arrive with the changeset, and for those that may refuse a row for what
    they find elsewhere. A row that a trigger refuses for itself is held: RAISE(ROLLBACK) is RAISE(ABORT) meanwhile.
    """
    watched = schema.tables_with_other_triggers(connection)
    if not any(caseless(table.name) in watched for table in tables):
        before = connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, -1)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        try:
            yield
        finally:
            connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, before)
        return
    writers = set().union(*(_triggers_that_write_replicated(connection, table) for table in tables))
    writers |= set().union(*(_that_must_not_refuse(connection, table) for table in tables))
    refusing = [table for table in tables if table.rows == policy.GROW_ONLY]
    writers |= {naming.trigger(table.name, what) for table in refusing for what in triggers.REFUSING}
    gentle, beside = _aborting(connection)
    stand_ins = [statement for name, statement in gentle.items() if name not in writers]
    statements = _take_off(connection, writers | gentle.keys() | beside)
    for statement in stand_ins:
        connection.execute(statement)
    yield
    _take_off(connection, gentle.keys() - writers)
    for statement in statements:
        connection.execute(statement)


def _take_off(connection: apsw.Connection, names: AbstractSet[str]) -> list[str]:
    """Drop triggers, and return their statements; ours come last, because the trigger that is created last fires first."""
    statements = []
    for name in sorted(names, key=naming.is_ours):
        statement = schema.definition(connection, "trigger", name)
        if statement:
            statements.append(statement)
            connection.execute(f"DROP TRIGGER {identifier(name)}")
    return statements


def _aborting(connection: apsw.Connection) -> tuple[dict[str, str], set[str]]:
    """Return the user's triggers that would end a merge, as they refuse a row alone; and ours on the same tables."""
    every = query.rows(connection, "SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'trigger'")
    found = [
        (name, table, gentle)
        for name, table, statement in every
        if not naming.is_ours(name) and (gentle := usertriggers.aborting(statement)) is not None
    ]
    on = {caseless(table) for _, table, _ in found}
    ours = {name for name, table, _ in every if naming.is_ours(name) and caseless(table) in on}
    return {name: gentle for name, _, gentle in found}, ours


def _triggers_that_write_replicated(connection: apsw.Connection, table: Table) -> set[str]:
    """Find the triggers that write to a table with capture triggers, or to tables of ours, when `table` is written.

    SQLite's authorizer is told, while a statement compiles, which trigger writes to which table; triggers that fire
    triggers are included.
    """
    captured = {
        caseless(name)
        for (name,) in connection.execute("SELECT tbl_name FROM sqlite_schema WHERE name GLOB '_crdt_delete_*'")
    }
    statements = usertriggers.statements(table.name, [*table.key, *(field.name for field in table.fields)])
    written = usertriggers.writes_of(connection, statements)
    return {
        name
        for name, targets in written.items()
        if naming.is_ours(name) or any(t in captured or naming.is_ours(t) for t in targets)
    }
