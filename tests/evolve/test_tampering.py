"""Somebody drops, empties or alters tables of ours: every verb says so or goes on, nothing of the user's is lost, and there is a way out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica, sync
from crdtsql.base.errors import CrdtsqlError, DamagedError, NotEnabledError, SchemaDriftError
from crdtsql.base.sqltext import identifier
from tests.support.command import ok, refused, run
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


MOST = int(os.environ.get("CRDTSQL_TAMPERINGS", "24"))
VERBS = int(os.environ.get("CRDTSQL_TAMPERING_VERBS", "1"))
"""How many statements of a kind are tried, and how many verbs after each."""
KINDS = (drops, empties, facts, columns, renames, several)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_tampering_is_a_fault_or_a_dead_end(kind: Callable[[apsw.Connection], Iterator[str]], world: Path) -> None:
    """Whatever was done to our tables, each verb works or refuses in our words, the user's rows stay, and repair or disable gets out."""
    with fast_directory() as folder:
        connection = open_copy(world, folder)
        statements = list(kind(connection))
        connection.close()
        assert statements
        for number, statement in list(enumerate(statements))[
            :: 1 if kind in (drops, several) else len(statements) // MOST + 1
        ]:
            every = list(verbs(folder).items())
            for turn in range(VERBS * (3 if kind is several else 1)):
                name, verb = every[(number + 4 * turn) % len(every)]
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


def alters(connection: apsw.Connection) -> Iterator[str]:
    """Yield statements that put a trigger that does nothing in the place of one of ours."""
    rows = connection.execute(
        "SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'trigger' AND name GLOB '_crdt_*' AND tbl_name NOT GLOB 'crdt_*'"
    ).fetchall()
    for name, table, statement in rows:
        event = "INSERT" if " INSERT ON " in statement else "DELETE" if " DELETE ON " in statement else "UPDATE"
        yield f"DROP TRIGGER {identifier(name)}; CREATE TRIGGER {identifier(name)} AFTER {event} ON {table} BEGIN SELECT 1; END"


def test_an_altered_trigger_is_noticed(world: Path) -> None:
    """A capture trigger that says something else than when it was created makes doctor say so, stops syncs, and is created anew by repair."""
    with fast_directory() as folder:
        for statement in alters(open_copy(world, folder)):
            connection = open_copy(world, folder)
            connection.execute(statement)
            connection.close()
            with Replica.open(folder / "a.db") as replica, Replica.open(folder / "b.db") as other:
                if "evict" in statement or "replace" in statement:  # hints, which the next operation creates anew
                    sync(replica, other)
                else:
                    assert replica.doctor().broken
                    with pytest.raises(SchemaDriftError, match="was altered"):
                        sync(replica, other)
                    assert replica.repair(accept=["task", "note", "pair"]).mended
                assert not replica.doctor().broken
                sync(replica, other)


def spoils(connection: apsw.Connection) -> Iterator[tuple[str, str]]:
    """Yield the name of each view of ours and of each trigger on one, with statements that alter it."""
    rows = connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE type = 'view' AND name GLOB 'crdt_*' "
        "OR type = 'trigger' AND name GLOB '_crdt_*' AND tbl_name GLOB 'crdt_*'"
    ).fetchall()
    triggers = [row for row in rows if row[0] == "trigger"]
    for kind, name, view, statement in rows:
        again = "; ".join(text for _, _, on, text in triggers if on == name)
        if kind == "view":
            yield name, f"DROP VIEW {name}; {statement} LIMIT 0; {again}"
        else:
            yield name, f"DROP TRIGGER {name}"
            event = next(event for event in ("INSERT", "UPDATE", "DELETE") if f"INSTEAD OF {event} ON" in statement)
            yield name, f"DROP TRIGGER {name}; CREATE TRIGGER {name} INSTEAD OF {event} ON {view} BEGIN SELECT 1; END"


def test_an_altered_view_is_noticed(world: Path) -> None:
    """A view of ours, or a trigger on one, that is gone or says something else is named by doctor; repair, or the next command, makes it anew."""
    with fast_directory() as folder:
        open_copy(world, folder).close()
        with Replica.open(folder / "a.db") as replica:
            replica.release("some/thing", replica.claim("some/thing").token)
            cases = [*spoils(replica.connection)]
            whole = replica.connection.execute(
                "SELECT name, sql FROM sqlite_schema WHERE name GLOB '*crdt_*'"
            ).fetchall()
        assert {"crdt_actor", "crdt_log", "crdt_claims", "_crdt_acting_insert", "_crdt_token_delete"} <= {
            name for name, _ in cases
        }
        for number, (name, statement) in enumerate(cases):
            apsw.Connection(str(folder / "a.db")).execute(statement)
            with Replica.open(folder / "a.db") as replica:
                assert f"{name} " in " ".join(
                    finding.text for finding in replica.doctor().findings if finding.about == "damage"
                )
                if number % 2:
                    assert any(name in finding.problem for finding in replica.repair().findings)
                else:
                    replica.fold()
                    assert not replica.repair().findings
                assert not [finding for finding in replica.doctor().findings if finding.about == "damage"]
                found = replica.connection.execute(
                    "SELECT name, sql FROM sqlite_schema WHERE name GLOB '*crdt_*'"
                ).fetchall()
                assert sorted(found) == sorted(whole)


LOSES_NOTHING = (
    "DROP VIEW crdt_conflicts", "DROP VIEW crdt_renumbered", "DROP INDEX _crdt_seq_task", "DROP INDEX _crdt_kept_pair", "DROP INDEX _crdt_was_note",
    "DROP INDEX _crdt_conflict_row", "DROP TABLE _crdt_peer", "DROP TABLE _crdt_progress", "DELETE FROM _crdt_progress", "DROP TABLE _crdt_heads_note",
    "DELETE FROM _crdt_meta WHERE name IN ('clock', 'batch', 'unsettled', 'conflicts_total', 'conflicts_per_cell', 'conflicts_bytes')",
    "DELETE FROM _crdt_meta WHERE name GLOB 'absent:*'; CREATE TABLE x (y)", "DELETE FROM _crdt_meta WHERE name IN ('home', 'nonce', 'generation', 'schema_version')",
)  # fmt: skip


@pytest.mark.parametrize("statement", LOSES_NOTHING)
def test_what_can_be_rebuilt_is_rebuilt_by_the_next_operation(statement: str, world: Path) -> None:
    """Where nothing is lost with a table, index, view or fact of ours, the next operation makes it anew, and replicas come to rest alike."""
    with fast_directory() as folder:
        connection = open_copy(world, folder)
        connection.execute(statement)
        connection.execute("UPDATE task SET votes = votes + 1; INSERT INTO note VALUES (7, 'seven'); DELETE FROM pair")
        connection.close()
        with Replica.open(folder / "a.db") as one, Replica.open(folder / "b.db") as other:
            sync(one, other)
            sync(one, other)
            with one.clone(folder / "c.db") as third:
                third.merge(other.export())
                assert content(one.connection) == content(other.connection) == content(third.connection)
            assert not one.doctor().broken
            assert not one.repair().findings


LOST = {
    "DROP TABLE _crdt_clock_task": ("who wrote what, and when", "disable a.db task"),
    "DROP TABLE _crdt_held_task": ("the values of deleted and held rows", "disable a.db task"),
    "DROP TABLE _crdt_parts_task": ("what the values of typed columns are made of", "disable a.db task"),
    "DROP TABLE _crdt_born_note": ("which row has which number", "disable a.db note"),
    "DROP TABLE _crdt_parked_pair": ("values of columns that this file lacks", "disable a.db pair"),
    "DROP TABLE _crdt_absent_far": ("rows of a table that is not in this file", "disable a.db far"),
    "DELETE FROM _crdt_column WHERE id = 2": ("what its columns are", "disable a.db task"),
    "DELETE FROM _crdt_table WHERE name = 'pair'": ("that it is replicated, and how", "disable a.db pair"),
    "DELETE FROM _crdt_clock_task": ("who wrote what, and when", "disable a.db task"),
    "DROP TABLE _crdt_log": ("writes that no operation had folded yet", "repair a.db"),
    "DROP TABLE _crdt_conflict": ("the conflict log", "repair a.db"),
    "DROP TABLE _crdt_merged": ("which writes had seen which others", "disable a.db --all"),
    "DROP TABLE _crdt_meta": ("what all the others mean", "disable a.db --all"),
    "DELETE FROM _crdt_site WHERE ordinal = 2": ("who wrote what", "disable a.db --all"),
    "ALTER TABLE _crdt_table RENAME COLUMN uid TO guid": ("what all the others mean", "disable a.db --all"),
}


@pytest.mark.parametrize("statement", LOST)
def test_what_is_lost_is_said_with_the_way_out(statement: str, world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Doctor calls it broken and says what was lost, and the command that it names is the way out."""
    lost, command = LOST[statement]
    with fast_directory() as folder:
        connection = open_copy(world, folder)
        connection.execute(statement)
        connection.close()
        monkeypatch.chdir(folder)
        assert run("doctor", "a.db").returncode == 1
        said = run("doctor", "a.db").stdout.decode()
        assert lost in said and f"`crdtsql {command}`" in said, said
        if (
            statement != "DELETE FROM _crdt_clock_task"
        ):  # that they were there is known to doctor alone, which reads all rows
            assert "damaged" in refused("export", "a.db", "-o", "x.crdt")
        ok(*command.split())
        if statement == "DROP TABLE _crdt_log":  # what the tables show is in doubt then
            assert "in doubt" in run("doctor", "a.db").stdout.decode()
            ok("repair", "a.db", "--accept", "task", "--accept", "note", "--accept", "pair")
        if "--all" not in command:
            assert run("doctor", "a.db").returncode == 0
            ok("export", "a.db", "-o", "x.crdt")


def test_after_the_log_was_dropped_repair_finds_the_writes(world: Path) -> None:
    """Rows of which only the log knew are found by repair, as after triggers were missing."""
    with fast_directory() as folder:
        connection = apsw.Connection(str(folder / "a.db"))
        connection.execute("CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, n INT)")
        with Replica.open(folder / "a.db") as one:
            one.enable("task")
            with one.clone(folder / "b.db") as other:
                connection.execute("INSERT INTO task VALUES ('t1', 1); DROP TABLE _crdt_log")
                with pytest.raises(DamagedError, match="crdtsql repair"):
                    sync(one, other)
                assert one.repair().mended
                sync(one, other)
                assert other.connection.execute("SELECT * FROM task").fetchall() == [("t1", 1)]
        connection.close()
