"""Temporary tables stay on the connection, and are as good as new each time."""

from __future__ import annotations

import apsw

from crdtsql.base import Sql, TemporaryTable, query

RECEIVER = TemporaryTable("_crdt_receiver", "export/exporting/create_receiver")
OUT = TemporaryTable("_crdt_out", "shown/holding/create_out")


def columns(connection: apsw.Connection, table: str) -> list[str]:
    """Return the columns of a temporary table."""
    return [name for (name,) in query.rows(connection, "SELECT name FROM pragma_table_info(?, 'temp')", (table,))]


def out(*keys: str) -> dict[str, Sql]:
    """Return the slots of a table whose columns are the keys of some table."""
    return {"out": OUT.quoted, "key_definitions": Sql(", ".join(keys)), "keys": Sql(", ".join(keys))}


def test_it_is_empty_at_first_each_time() -> None:
    """Rows of the last time are gone, also those that a ROLLBACK brought back."""
    connection = apsw.Connection(":memory:")
    connection.execute("BEGIN; SAVEPOINT before")
    with RECEIVER.created(connection):
        connection.execute("INSERT INTO temp._crdt_receiver VALUES (1, 1); SAVEPOINT within")
    connection.execute("ROLLBACK TO within; COMMIT")
    assert query.rows(connection, "SELECT * FROM temp._crdt_receiver") == [(1, 1)]
    with RECEIVER.created(connection):
        assert query.rows(connection, "SELECT * FROM temp._crdt_receiver") == []


def test_it_has_its_columns_whatever_was_rolled_back() -> None:
    """A ROLLBACK brings back the table as it was before it was made anew with other columns, and takes a new one away."""
    connection = apsw.Connection(":memory:")
    with OUT.created(connection, **out("k1", "k2")):
        pass
    connection.execute("BEGIN")
    with OUT.created(connection, **out("k1")):
        assert columns(connection, "_crdt_out") == ["k1"]
    connection.execute("ROLLBACK")
    with OUT.created(connection, **out("k1")):
        assert columns(connection, "_crdt_out") == ["k1"]
    connection.execute("BEGIN")
    with RECEIVER.created(connection):
        connection.execute("ROLLBACK")
    with RECEIVER.created(connection):
        assert columns(connection, "_crdt_receiver") == ["ordinal", "upto"]


def test_statements_stay_compiled() -> None:
    """A statement on it needs not be compiled again the next time, which is what it stays for."""
    connection = apsw.Connection(":memory:")
    compiled = []
    connection.trace_v2(
        apsw.SQLITE_TRACE_PROFILE, lambda event: compiled.append(event["stmt_status"]["SQLITE_STMTSTATUS_REPREPARE"])
    )
    for _ in range(3):
        with RECEIVER.created(connection), OUT.created(connection, **out("k1")):
            query.rows(connection, "SELECT count(*) FROM temp._crdt_receiver, temp._crdt_out")
    misses = connection.cache_stats()["misses"]
    with RECEIVER.created(connection), OUT.created(connection, **out("k1")):
        query.rows(connection, "SELECT count(*) FROM temp._crdt_receiver, temp._crdt_out")
    assert connection.cache_stats()["misses"] == misses
    assert not any(compiled[-9:])
