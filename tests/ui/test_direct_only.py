"""The SQL functions belong to the program that loaded them, not to what stands in the file."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

import crdtsql
from crdtsql import Replica
from crdtsql.base.errors import DatabaseError

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT); CREATE TABLE other (x);"
CALLS = [
    "crdt_vector()", "crdt_site()", "crdt_export(NULL)", "crdt_import(x'00')", "crdt_enable('other')", "crdt_disable('task')",
    "crdt_type('task', 'title', 'register')", "crdt_rows('task', 'delete-wins')", "crdt_blame('task', 'a')",
    "crdt_resolve(1, 'ours')", "crdt_undelete('task', 'a')", "crdt_purge('task', 'a')", "(SELECT count(*) FROM crdt_changes)", "(SELECT count(*) FROM crdt_changes(NULL))",
]  # fmt: skip


def hostile(path: Path, statement: str) -> apsw.Connection:
    """Give a connection with the functions to a file into which somebody has put a statement unseen."""
    sender = apsw.Connection(str(path))
    sender.execute(SCHEMA + "INSERT INTO task VALUES ('a', 'x')")
    sender.close()
    with Replica.open(path) as replica:
        replica.enable("task")
    sender = apsw.Connection(str(path))
    for name in (
        "site",
        "vector",
        "export",
        "import",
        "enable",
        "disable",
        "type",
        "rows",
        "blame",
        "resolve",
        "undelete",
        "purge",
    ):
        # the sender's own functions of these names, so that SQLite takes the statement
        sender.create_scalar_function(f"crdt_{name}", lambda *_: None, -1, deterministic=True)
    sender.execute(statement)
    sender.close()
    connection = apsw.Connection(str(path))
    crdtsql.load(connection)
    return connection


@pytest.mark.parametrize("call", CALLS)
def test_views_and_triggers_of_the_file_cannot_call_them(tmp_path: Path, call: str) -> None:
    """A view that was put into a file can't run them when it is read, a trigger not when a table is written."""
    connection = hostile(
        tmp_path / "a.db",
        f"CREATE VIEW news AS SELECT {call} AS x; CREATE TRIGGER other_written AFTER INSERT ON other BEGIN SELECT {call}; END",
    )
    before = connection.execute("SELECT group_concat(name) FROM sqlite_schema").get
    for statement in ("SELECT * FROM news", "INSERT INTO other VALUES (1)"):
        with pytest.raises(apsw.SQLError, match="unsafe use of"):
            connection.execute(statement).fetchall()
    assert connection.execute("SELECT count(*) FROM other").get == 0
    assert connection.execute("SELECT group_concat(name) FROM sqlite_schema").get == before
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE trap (x CHECK (crdt_vector() IS NULL))",
        "CREATE TABLE trap (x, y AS (crdt_disable('task')))",
        "CREATE TABLE trap (x); CREATE INDEX trapped ON trap (crdt_disable('task'))",
        "CREATE TABLE trap (x); CREATE INDEX trapped ON trap (x) WHERE crdt_disable('task')",
    ],
)
def test_tables_of_the_file_cannot_call_them(tmp_path: Path, statement: str) -> None:
    """A file with a CHECK, a generated column or an index that calls them is refused when they are loaded."""
    with pytest.raises(DatabaseError, match=r"trap.*(unsafe use|prohibited).*Drop that table"):
        hostile(tmp_path / "a.db", statement)


def test_defaults_of_the_file_cannot_call_them(tmp_path: Path) -> None:
    """A DEFAULT that calls them stops the INSERT that needs it, and nothing else."""
    connection = hostile(tmp_path / "a.db", "CREATE TABLE trap (x, y DEFAULT (crdt_disable('task')))")
    with pytest.raises(apsw.SQLError, match="unsafe use of"):
        connection.execute("INSERT INTO trap (x) VALUES (1)")
    connection.execute("INSERT INTO task VALUES ('b', 'y')")
    assert connection.execute("SELECT count(*) FROM crdt_changes").get == 2
    connection.close()


def test_statements_call_them_as_ever(tmp_path: Path) -> None:
    """The program's own statements call them, in a CTE, in an INSERT, and of a temporary view."""
    connection = hostile(tmp_path / "a.db", "SELECT 1")
    assert connection.execute("WITH v AS (SELECT crdt_vector() AS x) SELECT x FROM v").get
    connection.execute("INSERT INTO other VALUES (crdt_site())")
    connection.execute("CREATE TEMP VIEW mine AS SELECT crdt_site() AS site")
    assert connection.execute("SELECT site FROM mine").get == connection.execute("SELECT x FROM other").get
    connection.close()
