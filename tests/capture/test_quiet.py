"""Writes of crdtsql's own to the user's tables, which no trigger of ours may capture while the user's triggers fire."""

from __future__ import annotations

import apsw
import pytest

from crdtsql import Replica, sync
from crdtsql.base import DamagedError, naming
from crdtsql.capture import without_capture
from tests.support.judge import fold

INDEXED = """
CREATE TABLE note (id INTEGER PRIMARY KEY, title UNIQUE, votes INTEGER, tags);
CREATE VIRTUAL TABLE words USING fts5 (title);
CREATE TRIGGER words_of_new AFTER INSERT ON note BEGIN INSERT INTO words (rowid, title) VALUES (NEW.id, NEW.title); END;
CREATE TRIGGER words_of_changed AFTER UPDATE OF title ON note BEGIN UPDATE words SET title = NEW.title WHERE rowid = NEW.id; END;
CREATE TRIGGER words_of_gone AFTER DELETE ON note BEGIN DELETE FROM words WHERE rowid = OLD.id; END;
"""
PLAIN = "CREATE TABLE note (id INTEGER PRIMARY KEY, title UNIQUE, votes INTEGER, tags)"
WRITES = (
    "INSERT INTO note VALUES (1, 'one', 1, '[1]'), (2, 'two', 2, '[2]')",
    "UPDATE note SET title = 'uno', votes = votes + 1, tags = '[1, 2]' WHERE id = 1",
    "DELETE FROM note WHERE id = 2",
    "REPLACE INTO note VALUES (3, 'uno', 3, '[]')",
    "UPDATE note SET id = 4 WHERE id = 3",
)


def replicas(schema: str) -> tuple[Replica, Replica]:
    """Return two replicas of a table, in memory."""
    found = []
    for _ in range(2):
        connection = apsw.Connection(":memory:")
        connection.execute(schema)
        found.append(Replica.on(connection))
        found[-1].enable("note", types={"votes": "counter", "tags": "set"})
    return found[0], found[1]


def schema_version(replica: Replica) -> int:
    """Return what SQLite counts up whenever the schema changes."""
    return int(replica.connection.execute("PRAGMA schema_version").get)


def wrote_nothing(replica: Replica) -> bool:
    """Tell whether a replica has no event of its own, folded or not."""
    pending = replica.connection.execute("SELECT count(*) FROM _crdt_log").get
    return pending == 0 and replica.vector().get(replica.site, 0) == 0


@pytest.mark.parametrize("schema", [PLAIN, INDEXED], ids=["plain", "indexed"])
def test_a_merge_is_not_captured_and_leaves_the_schema_alone(schema: str) -> None:
    """Rows that arrive are written without an entry in the log or a change of the schema; the user's triggers fire for them."""
    one, other = replicas(schema)
    other.merge(one.export(other.vector()))
    before = schema_version(other)
    for statement in WRITES:
        one.connection.execute(statement)
        other.merge(one.export(other.vector()))
        assert wrote_nothing(other)
        assert other.connection.execute("SELECT count(*) FROM _crdt_quiet").get == 0
        if schema == INDEXED:
            shown, words = (
                other.connection.execute(f"SELECT rowid, title FROM {name} ORDER BY rowid").fetchall()
                for name in ("note", "words")
            )
            assert shown == words
    assert schema_version(other) == before
    assert (
        one.connection.execute("SELECT * FROM note").fetchall()
        == other.connection.execute("SELECT * FROM note").fetchall()
    )


def test_every_capture_trigger_can_be_quieted() -> None:
    """No trigger of ours does anything while `_crdt_quiet` has a row, whatever the table is like."""
    connection = apsw.Connection(":memory:")
    connection.execute(
        "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, u UNIQUE, votes INTEGER, tags, up REFERENCES a ON DELETE SET NULL);"
        "CREATE UNIQUE INDEX lowered ON a (lower(u)) WHERE votes > 0;"
        "CREATE TABLE b (x TEXT, y INTEGER, v, PRIMARY KEY (x, y)); CREATE TABLE c (id TEXT PRIMARY KEY, v UNIQUE)"
    )
    replica = Replica.on(connection)
    replica.enable("a", "b", types={"a.votes": "counter", "a.tags": "set"})
    replica.enable("c", rows="grow-only")
    found = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    assert len(found) > 20
    assert [name for name, statement in found if naming.is_ours(name) and "FROM _crdt_quiet)" not in statement] == []
    connection.execute("INSERT INTO _crdt_quiet VALUES (1)")
    connection.execute(
        "INSERT INTO a VALUES (NULL, 'u', 1, '[]', NULL), (9, 'v', 1, '[]', 1); UPDATE a SET u = 'w', votes = 'x', tags = 5 WHERE id = 9;"
        "REPLACE INTO a VALUES (9, 'u', 1, NULL, NULL); DELETE FROM a; INSERT INTO b VALUES ('x', 1, 1); UPDATE b SET y = 2;"
        "INSERT INTO c VALUES ('c', 1); UPDATE c SET id = 'd'; DELETE FROM c"
    )
    assert connection.execute("SELECT count(*) FROM _crdt_log").get == 0


@pytest.mark.parametrize("schema", [PLAIN, INDEXED], ids=["plain", "indexed"])
def test_triggers_of_an_earlier_version_are_taken_off(schema: str) -> None:
    """Triggers that know nothing of `_crdt_quiet`, as while a file is brought up whose schema had moved, capture none of our writes."""
    replica, _ = replicas(schema)
    connection = replica.connection
    found = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY rowid").fetchall()
    for name, statement in found:
        connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute(statement.replace("NOT EXISTS (SELECT 1 FROM _crdt_quiet)", "1"))
    connection.execute("BEGIN")
    with without_capture(connection, [replica.registry.table("note")]):
        connection.execute("INSERT INTO note VALUES (1, 'one', 1, '[]'); UPDATE note SET votes = 5; DELETE FROM note")
    connection.execute("COMMIT")
    assert wrote_nothing(replica)
    connection.execute("INSERT INTO note VALUES (1, 'one', 1, '[]')")
    assert not wrote_nothing(replica)


def test_a_row_that_was_left_behind_is_found() -> None:
    """Where somebody put a row into `_crdt_quiet`, `doctor` says that nothing was captured, and `repair` finds the writes."""
    one, other = replicas(PLAIN)
    one.connection.execute("INSERT INTO note VALUES (1, 'captured', 1, '[]')")
    fold(one)
    one.connection.execute("INSERT INTO _crdt_quiet VALUES (7)")
    one.connection.execute("INSERT INTO note VALUES (2, 'not captured', 1, '[]')")
    assert one.doctor().broken
    with pytest.raises(DamagedError, match="_crdt_quiet has a row, so that nothing is captured"):
        one.export()
    one.repair()
    one.export()
    one.repair(accept=["note"])
    assert not one.doctor().broken
    one.connection.execute("UPDATE note SET votes = 5 WHERE id = 1")
    sync(one, other)
    assert other.connection.execute("SELECT id, title, votes FROM note ORDER BY id").fetchall() == [
        (1, "captured", 5),
        (2, "not captured", 1),
    ]


def test_triggers_on_columns_that_did_not_arrive_stay_still() -> None:
    """A merge writes the columns that won and no others, so that a trigger `UPDATE OF title` of the user's fires for titles alone."""
    one, other = replicas(
        "CREATE TABLE note (id INTEGER PRIMARY KEY, title, votes INTEGER, tags, done); CREATE TABLE seen (what);"
        "CREATE TRIGGER titled AFTER UPDATE OF title ON note BEGIN INSERT INTO seen VALUES ('title'); END;"
        "CREATE TRIGGER ended AFTER UPDATE OF done ON note BEGIN INSERT INTO seen VALUES ('done'); END"
    )
    one.connection.execute("INSERT INTO note VALUES (1, 'one', 1, '[]', 0)")
    sync(one, other)
    for change, fired in (("done = 1", ["done"]), ("title = 'uno'", ["title"]), ("votes = 7, tags = '[1]'", [])):
        one.connection.execute(f"UPDATE note SET {change}")
        other.connection.execute("DELETE FROM seen")
        sync(one, other)
        assert [what for (what,) in other.connection.execute("SELECT what FROM seen")] == fired
    assert one.connection.execute("SELECT * FROM note").get == other.connection.execute("SELECT * FROM note").get
