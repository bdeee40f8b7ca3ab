"""Quiet: write to the user's tables without capturing it.

Runs inside the caller's write transaction; the user's own triggers fire. Our triggers look whether `_crdt_quiet` has a row, which
costs them next to nothing, while to switch triggers off or on makes SQLite compile every statement of the connection anew.
Invariant: after the block that row is gone, and all triggers are there as before, and fire in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress

import apsw

from crdtsql.base import caseless, identifier, memory, naming, query
from crdtsql.sqlite import indexsql, schema, usertriggers
from crdtsql.store import Table


@memory.of_schema
def _that_must_not_refuse(connection: apsw.Connection, table: str) -> set[str]:
    """Find the triggers of the user's that may refuse what a merge writes for another reason than the row itself.

    A DELETE was allowed where the row was deleted. And what a trigger finds in other rows depends on what arrived first, so that
    replicas would not agree; what it says of NEW alone, they do.
    """
    found = set()
    for name, statement in schema.triggers(connection, table).items():
        if naming.is_ours(name):
            continue
        words = {word.lower() for word in indexsql.words(statement)}
        if "raise" in words and ("from" in words or indexsql.trigger_event(statement) == "DELETE"):
            found.add(name)
    return found


@contextmanager
def without_capture(connection: apsw.Connection, tables: list[Table] | None, *, many: bool = False) -> Iterator[None]:
    """Keep our triggers from logging what is written in a block.

    The user's triggers (full-text indexes, say) still fire; but for those that write to replicated tables themselves, whose
    effects arrive with the changeset, and for those that may refuse a row for what they find elsewhere: these are dropped inside
    the transaction and created again. A row that a trigger refuses for itself is held: RAISE(ROLLBACK) is RAISE(ABORT) meanwhile.

    Args:
        tables: the replicated tables that are written; None for one that is not replicated, none of whose triggers fires then.
        many: so many rows may be written that it pays to switch all triggers off on this connection, if none are the user's.
    """
    watched = schema.tables_with_other_triggers(connection)
    if tables and any(caseless(table.name) in watched for table in tables):
        with _quiet(connection), _without(connection, _unwanted(connection, tables)):
            yield
    elif many or tables is None or schema.has_temporary_triggers(connection) or _loud(connection):
        before = connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, -1)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        try:
            yield
        finally:
            connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, before)
    else:
        with _quiet(connection):
            yield


@contextmanager
def without_effects(connection: apsw.Connection, tables: list[Table]) -> Iterator[None]:
    """Capture what is written in a block, but not what the user's triggers add to it.

    For writes that are made a second time: what triggers wrote to replicated tables was captured the first time. The user's others
    fire, as in `without_capture`.
    """
    gentle, _ = _aborting(connection)
    unwanted = _unwanted(connection, tables)
    stand_ins = [statement for name, statement in gentle.items() if name not in unwanted]
    statements = _take_off(connection, unwanted | gentle.keys())
    for statement in stand_ins:
        connection.execute(statement)
    yield
    if statements:
        _take_off(connection, gentle.keys() - unwanted)
        for statement in [*statements, *_take_off(connection, _ours(connection, tables))]:
            connection.execute(statement)


def _ours(connection: apsw.Connection, tables: list[Table]) -> set[str]:
    """Return our triggers on some tables."""
    return {name for table in tables for name in schema.triggers(connection, table.name) if naming.is_ours(name)}


@contextmanager
def _quiet(connection: apsw.Connection) -> Iterator[None]:
    """Tell our triggers to do nothing; a block within another one leaves that to the outer one."""
    connection.execute("INSERT OR IGNORE INTO main._crdt_quiet (id) VALUES (1)")
    if not connection.changes():
        yield
        return
    try:
        yield
    except BaseException:
        with suppress(apsw.Error):  # the whole transaction may be gone, and the row with it
            connection.execute("DELETE FROM main._crdt_quiet")
        raise
    connection.execute("DELETE FROM main._crdt_quiet")


@contextmanager
def _without(connection: apsw.Connection, unwanted: AbstractSet[str]) -> Iterator[None]:
    """Take triggers off, and make those gentle that would end the transaction; what fails undoes it, and so all of this."""
    gentle, beside = _aborting(connection)
    stand_ins = [statement for name, statement in gentle.items() if name not in unwanted]
    statements = _take_off(connection, unwanted | gentle.keys() | beside)
    for statement in stand_ins:
        connection.execute(statement)
    yield
    _take_off(connection, gentle.keys() - unwanted)
    for statement in statements:
        connection.execute(statement)


def _unwanted(connection: apsw.Connection, tables: list[Table]) -> set[str]:
    """Return the triggers that must not fire when some tables are written, though the user's others do.

    A table that is not in this file has none.
    """
    tables = [table for table in tables if not table.absent]
    found = set().union(*(_triggers_that_write_replicated(connection, table.name, table.names) for table in tables))
    found |= set().union(*(_that_must_not_refuse(connection, table.name) for table in tables))
    return found | _loud(connection)


@memory.of_schema
def _loud(connection: apsw.Connection) -> set[str]:
    """Return the triggers of ours that don't look at `_crdt_quiet`: an earlier version's, or somebody altered them."""
    rows = query.rows(connection, "SELECT name, sql FROM main.sqlite_schema WHERE type = 'trigger'")
    return {name for name, statement in rows if naming.is_ours(name) and "_crdt_quiet" not in statement}


def _take_off(connection: apsw.Connection, names: AbstractSet[str]) -> list[str]:
    """Drop triggers, and return their statements; ours come last, because the trigger that is created last fires first."""
    statements = []
    for name in sorted(names, key=naming.is_ours):
        statement = schema.definition(connection, "trigger", name)
        if statement:
            statements.append(statement)
            connection.execute(f"DROP TRIGGER {identifier(name)}")
    return statements


@memory.of_schema
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


@memory.of_schema
def _triggers_that_write_replicated(connection: apsw.Connection, table: str, columns: tuple[str, ...]) -> set[str]:
    """Find the user's triggers that write to a table with capture triggers, or to tables of ours, when `table` is written.

    SQLite's authorizer is told, while a statement compiles, which trigger writes to which table; triggers that fire
    triggers are included.
    """
    captured = {
        caseless(name)
        for (name,) in connection.execute("SELECT tbl_name FROM sqlite_schema WHERE name GLOB '_crdt_delete_*'")
    }
    statements = usertriggers.statements(table, columns)
    written = usertriggers.writes_of(connection, statements)
    return {
        name
        for name, targets in written.items()
        if not naming.is_ours(name) and any(t in captured or naming.is_ours(t) for t in targets)
    }
