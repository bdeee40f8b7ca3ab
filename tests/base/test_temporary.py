"""Temporary tables stay on the connection, and are as good as new each time."""

from __future__ import annotations

import apsw

from crdtsql.base import Sql, TemporaryTable, query

RECEIVER = TemporaryTable("_crdt_receiver", "export/receiving/create_receiver")
OUT = TemporaryTable("_crdt_out", "shown/holding/create_out")
EVENT = TemporaryTable("_crdt_event", "fold/pieces/create_event")
DIRTY = TemporaryTable("_crdt_dirty", "shown/settling/create_dirty")


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


def compiled(connection: apsw.Connection) -> list[object]:
    """Return a list that grows while SQLite compiles statements."""
    asked: list[object] = []
    connection.authorizer = lambda *about: asked.append(about) or apsw.SQLITE_OK
    return asked


def test_statements_stay_compiled() -> None:
    """A statement on it needs not be compiled again the next time, which is what it stays for."""
    connection = apsw.Connection(":memory:")
    asked = compiled(connection)
    for number in range(4):
        asked.clear()
        with RECEIVER.created(connection), OUT.created(connection, **out("k1")):
            query.rows(connection, "SELECT count(*) FROM temp._crdt_receiver, temp._crdt_out")
        assert bool(asked) == (number < 2)  # the first time it came to be, the second time it is emptied
    misses = connection.cache_stats()["misses"]
    with RECEIVER.created(connection), OUT.created(connection, **out("k1")):
        query.rows(connection, "SELECT count(*) FROM temp._crdt_receiver, temp._crdt_out")
    assert connection.cache_stats()["misses"] == misses


def test_those_that_need_no_more_slots_come_together() -> None:
    """Where the second one comes, no statement is compiled anew, for it came with the first."""
    connection = apsw.Connection(":memory:")
    with EVENT.created(connection, log_keys=Sql("k1, k2")):
        query.rows(connection, "SELECT * FROM temp._crdt_event")
    asked = compiled(connection)
    query.rows(connection, "SELECT * FROM temp._crdt_event")
    asked.clear()
    with RECEIVER.created(connection), DIRTY.created(connection, log_keys=Sql("k1, k2")):
        assert columns(connection, "_crdt_dirty")[-2:] == ["k1", "k2"]
        asked.clear()
        query.rows(connection, "SELECT * FROM temp._crdt_event")
    assert not asked
    assert columns(connection, "_crdt_out") == []


def test_one_that_came_along_with_other_columns_is_made_anew() -> None:
    """What a slot was for another table that came first makes no difference."""
    connection = apsw.Connection(":memory:")
    with EVENT.created(connection, log_keys=Sql("k1, k2")), DIRTY.created(connection, log_keys=Sql("k1")):
        assert columns(connection, "_crdt_dirty")[-1] == "k1"
        assert columns(connection, "_crdt_event")[-2:] == ["k1", "k2"]
