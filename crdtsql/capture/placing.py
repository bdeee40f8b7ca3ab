"""Placing: put capture triggers on tables of the user's, take them off, and note what they say.

A few are created one by one. Many are written at once (`sqlite/schemarows.py`), because one CREATE costs more the more there are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import apsw

from crdtsql.base import CannotEnableError, caseless, identifier, naming, query
from crdtsql.capture.triggers import BLOCK, block_trigger, trigger_statements
from crdtsql.sqlite import TableShape, schema, schemarows
from crdtsql.store import Table, facts

MANY = 100
"""Fewer triggers are sooner created than the schema is read anew."""


def create_triggers(connection: apsw.Connection, table: Table, shape: TableShape) -> None:
    """Create a table's capture triggers.

    Raises:
        CannotEnableError: SQLite takes none of them, or not all.
    """
    place(connection, [(table, list(trigger_statements(connection, table, shape)))])


def place(connection: apsw.Connection, triggers: Sequence[tuple[Table, Sequence[str]]]) -> None:
    """Create the capture triggers of tables, as `trigger_statements` wrote them.

    Raises:
        CannotEnableError: SQLite does not take one of them.
        apsw.SQLError, apsw.CorruptError: it does not take one of many.
    """
    every = [(table.name, statement) for table, statements in triggers for statement in statements]
    if len(every) < MANY or not schemarows.create_triggers(connection, every):
        for table, statements in triggers:
            _create(connection, table, statements)
    note_triggers(connection, *(table for table, _ in triggers))


def _create(connection: apsw.Connection, table: Table, statements: Sequence[str]) -> None:
    try:
        for statement in statements:
            connection.execute(statement)
    except apsw.SQLError as error:
        raise CannotEnableError(table.name, f"its triggers would not work: {error}") from error


def create_block_triggers(connection: apsw.Connection, tables: list[Table]) -> None:
    """Create the triggers for blocks of ids on those of some tables that lack theirs."""
    found = query.rows(
        connection, "SELECT name FROM main.sqlite_schema WHERE type = 'trigger' AND name GLOB '_crdt_block_*'"
    )
    present = {name for (name,) in found}
    for table in tables:
        if naming.trigger(table.name, BLOCK) not in present:
            connection.execute(block_trigger(table))
            note_triggers(connection, table)


def note_triggers(connection: apsw.Connection, *tables: Table) -> None:
    """Write down what tables' capture triggers say now, so that it is noticed if somebody alters them."""
    every = schema.triggers_by_table(connection) if len(tables) > 1 else {}
    for table in tables:
        present = every.get(caseless(table.name), {}) if every else schema.triggers(connection, table.name)
        prints = {name: fingerprint(statement) for name, statement in present.items() if naming.is_ours(name)}
        facts.put(connection, table.fact("triggers"), json.dumps(prints))


def fingerprint(statement: str) -> str:
    """Return a few digits that tell statements apart."""
    return hashlib.blake2b(statement.encode(), digest_size=6).hexdigest()


def drop_triggers(connection: apsw.Connection, table: str) -> None:
    """Drop the capture triggers of a table."""
    for name in schema.triggers(connection, table):
        if naming.is_ours(name):
            connection.execute(f"DROP TRIGGER {identifier(name)}")
