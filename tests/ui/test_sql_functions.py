"""Everything from SQL."""

from __future__ import annotations

import json
from pathlib import Path

import apsw
import pytest

import crdtsql
from crdtsql.base.errors import CannotEnableError, InvalidChangesetError, UsageError

SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT, n INTEGER);
CREATE TABLE pair (a INTEGER, b BLOB, v, PRIMARY KEY (b, a)) WITHOUT ROWID;
"""


def connect(path: str = ":memory:") -> apsw.Connection:
    """Open a database with two replicated tables."""
    connection = apsw.Connection(path)
    connection.execute(SCHEMA)
    crdtsql.load(connection)
    enabled = connection.execute("SELECT crdt_enable('task'), crdt_enable('pair')").fetchone()
    assert enabled == ("task", "pair")
    return connection


def value(connection: apsw.Connection, statement: str, *values: object) -> object:
    """Return a statement's only value."""
    return connection.execute(statement, values).get


def test_exchange_in_sql(tmp_path: Path) -> None:
    """A file and an in-memory database exchange their changes by SQL alone."""
    a, b = connect(str(tmp_path / "a.db")), connect()
    a.execute("INSERT INTO task VALUES ('x', 'X', 1), ('y', 'Y', 2)")
    a.execute("INSERT INTO pair VALUES (1, x'00ff', 'v'), (2, x'', NULL)")
    changeset = value(a, "SELECT crdt_export(?)", value(b, "SELECT crdt_vector()"))
    report = json.loads(str(value(b, "SELECT crdt_import(?)", changeset)))
    assert report["inserted"] == 4
    for table in ("task", "pair"):
        rows = [c.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for c in (a, b)]
        assert rows[0] == rows[1] != []
    assert value(a, "SELECT crdt_site()") != value(b, "SELECT crdt_site()")
    assert (
        json.loads(str(value(a, "SELECT crdt_vector()"))).items()
        <= json.loads(str(value(b, "SELECT crdt_vector()"))).items()
    )


def test_changes_lists_cells(tmp_path: Path) -> None:
    """crdt_changes gives one row per changed cell, and one per deleted row, with key, value, stamp and site."""
    a = connect(str(tmp_path / "a.db"))
    a.execute("INSERT INTO task VALUES ('x', 'X', 1), ('y', 'Y', 2)")
    before = value(a, "SELECT crdt_vector()")
    a.execute("UPDATE task SET n = 5 WHERE id = 'x'")
    a.execute("DELETE FROM task WHERE id = 'y'")
    found = a.execute(
        'SELECT "table", "key", "column", value, site, deleted, hlc >> 16 FROM crdt_changes(?) ORDER BY "key"',
        (before,),
    ).fetchall()
    site = value(a, "SELECT crdt_site()")
    assert [row[:6] for row in found] == [
        ("task", "x", "n", 5, site, 0),
        ("task", "y", None, None, site, 1),
    ]
    now = value(a, "SELECT CAST(strftime('%s', 'now') AS INTEGER) * 1000")
    assert all(abs(int(row[6]) - int(str(now))) < 60_000 for row in found)
    assert value(a, "SELECT count(*) FROM crdt_changes(crdt_vector())") == 0
    assert value(a, "SELECT count(*) FROM crdt_changes") == 3


def test_functions_work_while_a_statement_reads() -> None:
    """Changesets kept in a table are merged by one SELECT over it."""
    a, b = connect(), connect()
    b.execute("CREATE TABLE inbox (body BLOB)")
    since = None
    for number in range(3):
        a.execute("INSERT INTO task VALUES (?, 'of a', ?)", (str(number), number))
        a.execute("INSERT INTO pair VALUES (?, x'01', 'v')", (number,))
        b.execute("INSERT INTO inbox VALUES (?)", (value(a, "SELECT crdt_export(?)", since),))
        since = value(a, "SELECT crdt_vector()")
    reports = b.execute("SELECT crdt_import(body) FROM inbox").fetchall()
    assert [json.loads(report)["inserted"] for (report,) in reports] == [2, 2, 2]
    assert value(b, "SELECT count(*) FROM task") == 3


def test_functions_are_part_of_the_callers_transaction() -> None:
    """What a function did is undone when the caller's transaction is rolled back."""
    a, b = connect(), connect()
    a.execute("INSERT INTO task VALUES ('x', 'X', 1)")
    changeset = value(a, "SELECT crdt_export(NULL)")
    b.execute("BEGIN")
    b.execute("INSERT INTO task VALUES ('mine', 'M', 1)")
    value(b, "SELECT crdt_import(?)", changeset)
    assert value(b, "SELECT count(*) FROM task") == 2
    b.execute("ROLLBACK")
    assert value(b, "SELECT count(*) FROM task") == 0
    assert value(b, "SELECT crdt_vector()") == "{}"
    value(b, "SELECT crdt_import(?)", changeset)
    assert value(b, "SELECT count(*) FROM task") == 1


def test_foreign_keys_stay_on() -> None:
    """A merge on a connection that enforces foreign keys leaves that setting as it was, and does not cascade."""
    a, b = connect(), connect()
    for connection in (a, b):
        connection.execute("PRAGMA foreign_keys = ON")
    a.execute("INSERT INTO task VALUES ('x', 'X', 1)")
    value(b, "SELECT crdt_import(?)", value(a, "SELECT crdt_export(NULL)"))
    assert value(b, "PRAGMA foreign_keys") == 1


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("SELECT crdt_enable('nothing')", CannotEnableError),
        ("SELECT crdt_enable(7)", UsageError),
        ("SELECT crdt_import(x'00')", InvalidChangesetError),
        ("SELECT crdt_import('text')", UsageError),
        ("SELECT crdt_export('no vector')", UsageError),
        ("SELECT count(*) FROM crdt_changes(3)", UsageError),
    ],
)
def test_wrong_arguments(statement: str, error: type[Exception]) -> None:
    """A wrong argument raises the same error as the Python API, and the connection goes on working."""
    a = connect()
    with pytest.raises(error):
        a.execute(statement).fetchall()
    assert value(a, "SELECT crdt_disable('pair')") == "pair"
