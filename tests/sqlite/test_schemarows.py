"""Triggers that are written as rows of the schema, and tables whose rows are put aside: the same file as by CREATE, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

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


def many(count: int) -> list[str]:
    """Return statements that create tables with pages of both kinds, and an index on each."""
    found = []
    for number in range(count):
        found.append(f'CREATE TABLE "n{number}" (\n  k1 TEXT NOT NULL,\n  PRIMARY KEY (k1)\n) WITHOUT ROWID')
        found.append(f"CREATE TABLE r{number} (x INTEGER PRIMARY KEY, y UNIQUE)")
        found.append(f"CREATE INDEX i{number} ON r{number} (y) WHERE y IS NOT NULL")
    return found


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


@pytest.mark.parametrize("vacuum", ["NONE", "FULL", "INCREMENTAL"])
@pytest.mark.parametrize("count", [1, schemarows.AT_ONCE // 3 + 1, schemarows.AT_ONCE])
def test_tables_are_those_that_create_makes(tmp_path: Path, vacuum: str, count: int) -> None:
    """The schema is the same as by CREATE alone, but for the numbers of pages; what was there before is untouched, and others see all."""
    made = []
    for name in ("together", "alone"):
        connection, other = apsw.Connection(str(tmp_path / name)), apsw.Connection(str(tmp_path / name))
        connection.execute(f"PRAGMA auto_vacuum = {vacuum}; PRAGMA journal_mode = WAL").fetchall()
        connection.execute(
            "CREATE TABLE t (x UNIQUE); CREATE TABLE gone (x); INSERT INTO t VALUES (1), (2); DROP TABLE gone"
        )
        connection.execute("CREATE VIEW v AS SELECT x FROM t; CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END")
        assert other.execute("SELECT count(*) FROM t").get == 2
        connection.execute("BEGIN; SAVEPOINT s")
        before = schema_of(connection)
        if name == "together":
            schemarows.create_all(connection, many(count))
        else:
            for statement in many(count):
                connection.execute(statement)
        connection.execute(
            "INSERT INTO r0 (y) VALUES (7); INSERT INTO n0 VALUES ('k'); INSERT INTO t VALUES (3); RELEASE s; COMMIT"
        )
        assert schema_of(connection)[: len(before)] == before
        for one in (connection, other):
            assert query.first(one, "SELECT y FROM r0 INDEXED BY i0 WHERE y IS NOT NULL") == (7,)
            assert query.first(one, "SELECT count(*) FROM t, n0") == (3,)
            assert query.first(one, "PRAGMA integrity_check") == ("ok",)
        assert query.first(connection, "PRAGMA writable_schema") == (0,)
        made.append([(*row[:4], bool(row[4]), row[5]) for row in schema_of(connection)])
        connection.close()
        other.close()
    assert made[0] == made[1]
    assert len(made[0]) == 4 + 4 * count


def test_rows_are_put_aside_where_they_are_many() -> None:
    """A CREATE never finds more rows of others of its own step than are put aside at once, and always all that were there before."""
    connection = fresh()
    before, most = schema_of(connection), 0

    def counted(statements: list[str]) -> Iterator[str]:
        nonlocal most
        for statement in statements:
            most = max(most, len(schema_of(connection)))
            assert schema_of(connection)[:3] == before
            yield statement

    schemarows.create_all(connection, counted(many(schemarows.AT_ONCE)))
    assert 3 < most < 3 + 2 * schemarows.AT_ONCE
    connection.close()


@pytest.mark.parametrize("place", [1, 50, 299])
def test_a_table_that_can_not_be_created_leaves_nothing(place: int) -> None:
    """An error in the middle is SQLite's own, and a rollback to the savepoint brings all of the schema back."""
    connection = fresh()
    statements = many(schemarows.AT_ONCE)
    statements[place] = "CREATE TABLE t (again)"
    with pytest.raises(apsw.SQLError, match="already exists"), query.savepoint(connection, "x"):
        schemarows.create_all(connection, statements)
    assert len(schema_of(connection)) == 3
    connection.execute("INSERT INTO t VALUES (1); CREATE TABLE r0 (x)")
    assert query.first(connection, "PRAGMA writable_schema") == (0,)
    connection.close()


@pytest.mark.parametrize("setting", ["PRAGMA writable_schema = ON", "DEFENSIVE"])
def test_tables_are_created_one_by_one_where_the_schema_must_not_be_written(setting: str) -> None:
    """Under DEFENSIVE, and where somebody had the schema writable, all is created, and nothing put aside."""
    connection = fresh()
    if setting == "DEFENSIVE":
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    else:
        connection.execute(setting)
    before = query.first(connection, "PRAGMA writable_schema")
    schemarows.create_all(connection, many(schemarows.AT_ONCE))
    assert len(schema_of(connection)) == 3 + 4 * schemarows.AT_ONCE
    assert query.first(connection, "PRAGMA writable_schema") == before
    connection.close()
