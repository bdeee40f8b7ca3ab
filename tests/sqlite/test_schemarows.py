"""Triggers that are written as rows of the schema: the same file as by CREATE TRIGGER, or nothing."""

from __future__ import annotations

import apsw
import pytest

from crdtsql.base import query
from crdtsql.sqlite import schemarows

MADE = [
    ("t", 'CREATE TRIGGER "a" AFTER INSERT ON "t"\nBEGIN\n  INSERT INTO u VALUES (1);\nEND'),
    ("o'dd \"t", 'CREATE TRIGGER "of ""odd""" BEFORE DELETE ON "o\'dd ""t"\nBEGIN\n  SELECT \'END\'; -- END\nEND'),
    ("t", 'CREATE TRIGGER "b" AFTER INSERT ON "t"\nBEGIN\n  INSERT INTO u VALUES (2);\nEND'),
]


def fresh() -> apsw.Connection:
    """Make a database with tables that triggers can be put on, in a transaction."""
    connection = apsw.Connection(":memory:")
    connection.execute("""CREATE TABLE t (x); CREATE TABLE "o'dd ""t" (x); CREATE TABLE u (x); BEGIN""")
    return connection


def schema_of(connection: apsw.Connection) -> list[tuple[object, ...]]:
    """Return the schema as it stands in the file."""
    return query.rows(connection, "SELECT rowid, type, name, tbl_name, rootpage, sql FROM sqlite_schema")


def test_the_rows_are_those_that_create_trigger_writes() -> None:
    """What stands in the schema is the same byte for byte, in the same order, and the triggers fire in the same order."""
    written, created = fresh(), fresh()
    assert schemarows.create_triggers(written, MADE)
    for _, statement in MADE:
        created.execute(statement)
    assert schema_of(written) == schema_of(created)
    for connection in (written, created):
        connection.execute("INSERT INTO t VALUES (1)")
    assert query.rows(written, "SELECT x FROM u") == query.rows(created, "SELECT x FROM u") == [(2,), (1,)]
    assert query.first(written, "PRAGMA writable_schema") == (0,)
    written.execute("ROLLBACK")
    assert len(schema_of(written)) == 3
    written.close()
    created.close()


@pytest.mark.parametrize(
    "statement",
    [
        'CREATE TRIGGER "c" AFTER INSERT ON "nowhere"\nBEGIN\n  SELECT 1;\nEND',
        'CREATE TRIGGER "c" AFTER INSERT ON "t"\nBEGIN\n  SELECT;;\nEND',
        'CREATE TRIGGER "a" AFTER INSERT ON "t"\nBEGIN\n  SELECT 1;\nEND',
    ],
)
def test_what_sqlite_does_not_take_is_an_error(statement: str) -> None:
    """A statement that CREATE TRIGGER refuses is refused, and a rollback to a savepoint leaves no trace of the others."""
    connection = fresh()
    with (
        pytest.raises((apsw.SQLError, apsw.CorruptError), match="malformed database schema"),
        query.savepoint(connection, "x"),
    ):
        schemarows.create_triggers(connection, [*MADE, ("t", statement)])
    assert len(schema_of(connection)) == 3
    assert schemarows.create_triggers(connection, MADE)
    assert query.first(connection, "PRAGMA integrity_check") == ("ok",)
    connection.close()


def test_nothing_is_done_where_it_must_be_done_one_by_one() -> None:
    """Under DEFENSIVE, where somebody had the schema writable, or with a statement that SQLite would keep in another form, nothing is."""
    for settings, triggers in (
        ("PRAGMA writable_schema = ON", MADE),
        ("", [*MADE, ("t", 'CREATE TRIGGER IF NOT EXISTS "c" AFTER INSERT ON t\nBEGIN\n  SELECT 1;\nEND')]),
        ("", [*MADE, ("t", 'CREATE TRIGGER main."c" AFTER INSERT ON t\nBEGIN\n  SELECT 1;\nEND')]),
        ("", [*MADE, ("t", 'CREATE TRIGGER "c" AFTER INSERT ON t\nBEGIN\n  SELECT 1;\nEND;')]),
        ("DEFENSIVE", MADE),
    ):
        connection = fresh()
        if settings == "DEFENSIVE":
            connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        else:
            connection.execute(settings)
        before = query.first(connection, "PRAGMA writable_schema")
        assert not schemarows.create_triggers(connection, triggers)
        assert len(schema_of(connection)) == 3
        assert query.first(connection, "PRAGMA writable_schema") == before
        connection.close()
