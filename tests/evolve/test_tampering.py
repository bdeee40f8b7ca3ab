"""Somebody drops, empties or alters tables of ours: every verb says so or goes on, nothing of the user's is lost, and there is a way out."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica, sync
from crdtsql.base.errors import CrdtsqlError, DamagedError, NotEnabledError
from crdtsql.base.sqltext import identifier
from tests.support.peers import fast_directory

SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT UNIQUE, votes INTEGER, list TEXT);
CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT);
CREATE TABLE pair (a TEXT NOT NULL, b INTEGER NOT NULL, v, PRIMARY KEY (b, a));
CREATE TABLE plain (x);
INSERT INTO task VALUES ('t1', 'one', 1, '["a"]'), ('t2', 'two', 2, '["b"]'), ('t3', 'three', 3, '["c"]');
INSERT INTO note VALUES (1, 'first');
INSERT INTO pair VALUES ('x', 1, 'old');
INSERT INTO plain VALUES ('mine');
"""
TABLES = ("task", "note", "pair", "plain")
WRITES = (
    "INSERT INTO task VALUES ('t9', 'nine', 9, '[]')", "UPDATE task SET votes = votes + 1", "DELETE FROM task WHERE id = 't1'",
    "INSERT OR REPLACE INTO note VALUES (1, 'again')", "UPDATE pair SET v = 'new'",
)  # fmt: skip


@pytest.fixture(scope="module")
def world() -> Iterator[Path]:
    """Make two replicas in which everything occurs that we keep: typed, numbered, parked, absent, held, concurrent, conflicts."""
    with fast_directory() as folder:
        connection = apsw.Connection(str(folder / "a.db"))
        connection.execute(SCHEMA)
        connection.close()
        with Replica.open(folder / "a.db") as one:
            one.enable("task", types={"votes": "counter", "list": "set"})
            one.enable("note", "pair")
            with one.clone(folder / "b.db") as other:
                other.connection.execute(
                    "CREATE TABLE far (k TEXT PRIMARY KEY NOT NULL, v); ALTER TABLE pair ADD COLUMN more"
                )
                other.enable("far")
                other.connection.execute(
                    "INSERT INTO far VALUES ('f', 1); UPDATE pair SET more = 'parked', v = 'theirs'"
                )
                other.connection.execute(
                    "UPDATE task SET title = 'held' WHERE id = 't2'; INSERT INTO note VALUES (2, 'other two')"
                )
                other.connection.execute(
                    "DELETE FROM task WHERE id = 't3'; UPDATE task SET votes = 10, list = '[\"z\"]'"
                )
                one.connection.execute(
                    "UPDATE task SET title = 'held', votes = 5 WHERE id = 't1'; INSERT INTO note VALUES (2, 'my two')"
                )
                one.connection.execute("UPDATE task SET votes = 7 WHERE id = 't3'; UPDATE pair SET v = 'ours'")
                sync(one, other)
                one.connection.execute("UPDATE note SET body = 'waits' WHERE id = 1")
        yield folder


def open_copy(world: Path, folder: Path) -> apsw.Connection:
    """Copy both replicas, and open the first one as another program does."""
    for name in ("a.db", "b.db"):
        shutil.copy(world / name, folder / name)
    return apsw.Connection(str(folder / "a.db"))


def ours(connection: apsw.Connection, *kinds: str) -> list[str]:
    """List what is of ours in the schema."""
    rows = connection.execute(
        "SELECT name, type FROM sqlite_schema WHERE name GLOB '_crdt_*' OR name GLOB 'crdt_*' ORDER BY 1"
    ).fetchall()
    return [name for name, kind in rows if kind in kinds]


def content(connection: apsw.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Return what the user's tables hold."""
    return {name: connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() if name != "plain"
            else connection.execute("SELECT x FROM plain").fetchall() for name in TABLES}  # fmt: skip


def _columns(connection: apsw.Connection, table: str) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))]


def drops(connection: apsw.Connection) -> Iterator[str]:
    """Yield statements that drop a table, view, index or trigger of ours."""
    for kind in ("table", "view", "index", "trigger"):
        yield from (f"DROP {kind} {identifier(name)}" for name in ours(connection, kind))


def empties(connection: apsw.Connection) -> Iterator[str]:
    """Yield statements that empty a table of ours, or take a row out of it."""
    for name in ours(connection, "table"):
        yield f"DELETE FROM {identifier(name)}"
        first = identifier(_columns(connection, name)[0])
        for order in ("ASC", "DESC"):
            yield f"DELETE FROM {identifier(name)} WHERE {first} = (SELECT {first} FROM {identifier(name)} ORDER BY {first} {order} LIMIT 1)"


def facts(connection: apsw.Connection) -> Iterator[str]:
    """Yield statements that take one fact, one site, one table or one column out of the registration."""
    for table, column in (
        ("_crdt_meta", "name"),
        ("_crdt_site", "ordinal"),
        ("_crdt_table", "id"),
        ("_crdt_column", "id"),
    ):
        for (value,) in connection.execute(f"SELECT DISTINCT quote({column}) FROM {table}").fetchall():
            yield f"DELETE FROM {table} WHERE {column} = {value}"
    yield "UPDATE _crdt_meta SET value = NULL WHERE name = 'clock'"
    yield "UPDATE _crdt_meta SET value = 'x' WHERE name = 'self'"


def columns(connection: apsw.Connection) -> Iterator[str]:
    """Yield statements that drop or rename a column of ours."""
    for name in ours(connection, "table"):
        for column in _columns(connection, name):
            yield f"ALTER TABLE {identifier(name)} DROP COLUMN {identifier(column)}"
            yield f"ALTER TABLE {identifier(name)} RENAME COLUMN {identifier(column)} TO other"


def renames(connection: apsw.Connection) -> Iterator[str]:
    """Yield statements that give a table of ours another name."""
    for name in ours(connection, "table"):
        yield f"ALTER TABLE {identifier(name)} RENAME TO other"


def several(connection: apsw.Connection) -> Iterator[str]:
    """Yield what migration tools do: drop all, all of one table, all triggers; views and indexes with them."""
    for keep in ("_crdt_meta", "_crdt_log", "_crdt_clock_task", "nothing"):
        yield "; ".join(f"DROP TABLE {identifier(name)}" for name in ours(connection, "table") if name != keep)
    for table in ("task", "note", "pair", "far"):
        yield "; ".join(
            f"DROP TABLE {identifier(name)}" for name in ours(connection, "table") if name.endswith(f"_{table}")
        )
    yield "; ".join(f"DROP TRIGGER {identifier(name)}" for name in ours(connection, "trigger"))
    yield "; ".join(f"DROP {kind} {identifier(name)}" for kind in ("view", "index") for name in ours(connection, kind))
    yield "DROP TABLE _crdt_log; DROP TABLE _crdt_conflict; DROP TABLE _crdt_progress; DELETE FROM _crdt_meta WHERE name = 'batch'"


def verbs(folder: Path) -> dict[str, Callable[[Replica], object]]:
    """Return what can be asked of a replica, each in a process's first breath."""

    def exchange(replica: Replica) -> None:
        with Replica.open(folder / "b.db") as other:
            sync(replica, other)

    def clone(replica: Replica) -> None:
        (folder / "c.db").unlink(missing_ok=True)
        replica.clone(folder / "c.db").close()

    return {
        "doctor": lambda replica: replica.doctor(),
        "status": lambda replica: replica.status().to_json(),
        "export": lambda replica: replica.export(),
        "held": lambda replica: replica.held(deleted=True),
        "conflicts": lambda replica: replica.conflicts(),
        "renumbered": lambda replica: replica.renumbered(),
        "blame": lambda replica: replica.blame("task", "t2"),
        "enable": lambda replica: replica.enable(all=True),
        "sync": exchange,
        "clone": clone,
        "schema": lambda replica: replica.describe_schema(),
        "alter": lambda replica: replica.alter("CREATE INDEX mine ON plain (x)"),
        "set_type": lambda replica: replica.set_type("pair", "v", "register"),
        "rows": lambda replica: replica.set_rows("pair", "delete-wins"),
        "repair": lambda replica: replica.repair(),
    }  # fmt: skip


def ask(folder: Path, verb: Callable[[Replica], object]) -> str | None:
    """Run a verb on a file that was just opened; return what it says if it refuses. Anything but our own errors is a fault."""
    try:
        with Replica.open(folder / "a.db") as replica:
            verb(replica)
    except CrdtsqlError as error:
        return str(error)
    return None


KINDS = (drops, empties, facts, columns, renames, several)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_tampering_is_a_fault_or_a_dead_end(kind: Callable[[apsw.Connection], Iterator[str]], world: Path) -> None:
    """Whatever was done to our tables, each verb works or refuses in our words, the user's rows stay, and repair or disable gets out."""
    with fast_directory() as folder:
        connection = open_copy(world, folder)
        statements = list(kind(connection))
        connection.close()
        assert statements
        for number, statement in enumerate(statements):
            every = list(verbs(folder).items())
            for name, verb in (
                every if kind in (drops, several) else [every[(number + turn) % len(every)] for turn in (0, 7)]
            ):
                connection = open_copy(world, folder)
                before = content(connection)
                try:
                    connection.execute(statement)
                except apsw.SQLError as error:
                    assert "drop column" in str(error) or "PRIMARY KEY" in str(error) or "UNIQUE" in str(error), error
                    connection.close()
                    break
                connection.close()
                try:
                    ask(folder, verb)
                    check_way_out(folder, None if name == "sync" else before)
                except Exception as error:
                    raise AssertionError(f"{statement}; {name}: {type(error).__name__}: {error}") from error


def check_way_out(folder: Path, before: dict[str, list[tuple[Any, ...]]] | None) -> None:
    """Check that repair or disable gets out, that doctor told the difference, and that the user's tables are as they were."""
    with Replica.open(folder / "a.db") as replica:
        said = replica.doctor().broken
        mended = False
        with suppress(DamagedError, NotEnabledError):
            mended = replica.repair().mended
        assert said or mended or not replica.registry.exists
        if not mended:
            replica.disable(all=True)
        elif not replica.doctor().broken:
            with Replica.open(folder / "b.db") as other:
                with suppress(CrdtsqlError):
                    sync(replica, other)
    connection = apsw.Connection(str(folder / "a.db"))
    if before is not None and not mended:
        assert content(connection) == before
    for statement in WRITES:
        with suppress(apsw.ConstraintError):
            connection.execute(statement)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    with Replica.open(folder / "a.db") as replica:
        with suppress(NotEnabledError):
            replica.disable(all=True)
        assert not [name for name in ours(replica.connection, "table", "trigger", "view", "index")]
        replica.enable("task")
