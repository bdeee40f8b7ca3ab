"""Conflicts and deleted rows from SQL."""

from __future__ import annotations

import apsw
import pytest

import crdtsql
from crdtsql.base.errors import ConflictError, NotDeletedError, UnknownConflictError, UnknownRowError, UsageError
from tests.support.library import connect

SCHEMA = (
    "CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT, n INTEGER); CREATE TABLE pair (a, b, v, PRIMARY KEY (a, b))"
)


@pytest.fixture
def a() -> apsw.Connection:
    """Give a replica in memory with two open conflicts, ours on column title and theirs on column n."""
    a, b = connect(), connect()
    for connection in (a, b):
        connection.execute(SCHEMA)
        crdtsql.load(connection)
        connection.execute("SELECT crdt_enable('task'), crdt_enable('pair')").fetchall()
    a.execute("INSERT INTO task VALUES ('x', 'X', 1); INSERT INTO pair VALUES (1, 2, 3)")
    b.execute("SELECT crdt_import(?)", (a.execute("SELECT crdt_export(NULL)").get,)).fetchall()
    b.execute("UPDATE task SET title = 'of b', n = 2")
    changeset = b.execute("SELECT crdt_export(NULL)").get
    a.execute("UPDATE task SET title = 'of a', n = 3")
    a.execute("SELECT crdt_import(?)", (changeset,)).fetchall()
    return a


def test_settling_in_sql(a: apsw.Connection) -> None:
    """crdt_resolve resolves the conflicts of crdt_conflicts with a side, or with any value."""
    found = a.execute("""SELECT id, "column" FROM crdt_conflicts WHERE NOT resolved ORDER BY id""").fetchall()
    assert [column for _, column in found] == ["title", "n"]
    (title, _), (n, _) = found
    assert a.execute("SELECT crdt_resolve(?, 'theirs')", (title,)).get == title
    assert a.execute("SELECT crdt_resolve(?, 'value', 7)", (n,)).get == n
    assert a.execute("SELECT title, n FROM task").fetchall() == [("of b", 7)]
    assert a.execute("SELECT count(*) FROM crdt_conflicts WHERE NOT resolved").get == 0
    assert a.execute("SELECT count(*) FROM _crdt_log").get == 0


def test_settling_all_in_one_statement(a: apsw.Connection) -> None:
    """One SELECT over the view resolves everything that is open."""
    ids = a.execute("SELECT crdt_resolve(id, 'ours') FROM crdt_conflicts WHERE NOT resolved").fetchall()
    assert len(ids) == 2
    assert a.execute("SELECT title, n FROM task").fetchall() == [("of a", 3)]


def test_undelete_in_sql(a: apsw.Connection) -> None:
    """crdt_undelete takes the table and the key's parts, and is part of the caller's transaction."""
    a.execute("DELETE FROM task; DELETE FROM pair")
    assert a.execute("SELECT crdt_undelete('pair', 1, 2)").get == "pair"
    a.execute("BEGIN")
    assert a.execute("SELECT crdt_undelete('task', 'x')").get == "task"
    assert a.execute("SELECT count(*) FROM task").get == 1
    a.execute("ROLLBACK")
    assert a.execute("SELECT count(*) FROM task").get == 0
    a.execute("SELECT crdt_undelete('task', 'x')").fetchall()
    assert a.execute("SELECT * FROM pair").fetchall() == [(1, 2, 3)]
    a.execute("UPDATE task SET n = 9")
    assert a.execute("SELECT count(*) FROM _crdt_log").get == 1


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("SELECT crdt_resolve(99, 'ours')", UnknownConflictError), ("SELECT crdt_resolve('1', 'ours')", UsageError),
        ("SELECT crdt_resolve(1, 'both')", UsageError), ("SELECT crdt_resolve(1, 'ours', 1)", UsageError),
        ("SELECT crdt_resolve(1, 'value', 1, 2)", UsageError), ("SELECT crdt_resolve(1, 'value')", UsageError),
        ("SELECT crdt_resolve(1, NULL)", UsageError), ("SELECT crdt_undelete(7)", UsageError), ("SELECT crdt_undelete()", UsageError),
        ("SELECT crdt_undelete('task')", UsageError), ("SELECT crdt_undelete('task', 'x')", NotDeletedError),
        ("SELECT crdt_undelete('task', 'y')", UnknownRowError),
    ],
)  # fmt: skip
def test_wrong_arguments(a: apsw.Connection, statement: str, error: type[Exception]) -> None:
    """A wrong argument raises the same error as the Python API, and the connection goes on working."""
    with pytest.raises(error):
        a.execute(statement).fetchall()
    assert a.in_transaction is False
    assert a.execute("SELECT crdt_resolve(1, 'ours')").get == 1


def test_python_words(a: apsw.Connection) -> None:
    """resolve takes either a side or a value, None among them."""
    replica = crdtsql.Replica.on(a)
    for options in ({}, {"take": "ours", "value": None}, {"take": "both"}):
        with pytest.raises(UsageError):
            replica.resolve(1, **options)
    assert replica.resolve(1, value=None).resolved
    assert a.execute("SELECT title FROM task").fetchall() == [(None,)]
    with pytest.raises(ConflictError):
        replica.resolve(1, value=None)
    with pytest.raises(UsageError):
        replica.limit_conflicts(total=-1)
