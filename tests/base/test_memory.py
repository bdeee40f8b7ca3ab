"""What was read is kept while it can't have changed, and no longer."""

from __future__ import annotations

import gc
from contextlib import suppress
from pathlib import Path
from weakref import ref

import apsw
import pytest

from crdtsql import Replica
from crdtsql.base import memory, query
from crdtsql.sqlite import schema


@pytest.fixture
def connection() -> apsw.Connection:
    """Give a connection with a table."""
    opened = apsw.Connection(":memory:")
    opened.execute("CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)")
    return opened


def columns(connection: apsw.Connection) -> list[str]:
    """Return the columns of the table, as what is kept says."""
    shape = schema.read(connection, "task")
    assert shape is not None
    return [column.name for column in shape.columns]


def test_a_changed_schema_is_read(connection: apsw.Connection) -> None:
    """A column that was added is seen, whoever added it."""
    assert columns(connection) == ["id", "title"]
    connection.execute("ALTER TABLE task ADD COLUMN done")
    assert columns(connection) == ["id", "title", "done"]


def test_a_schema_change_that_is_rolled_back(connection: apsw.Connection) -> None:
    """After a ROLLBACK TO, SQLite numbers the next schema as it did the one that is gone; it is read anew."""
    with suppress(ZeroDivisionError), query.savepoint(connection, "trial"):
        connection.execute("ALTER TABLE task ADD COLUMN gone")
        assert columns(connection) == ["id", "title", "gone"]
        raise ZeroDivisionError
    connection.execute("ALTER TABLE task ADD COLUMN stays")
    assert columns(connection) == ["id", "title", "stays"]


def test_a_transaction_of_the_callers_that_is_rolled_back(connection: apsw.Connection) -> None:
    """What a verb saw inside a transaction that its caller rolled back, the next verb does not take for true."""
    replica = Replica.on(connection)
    replica.enable("task")
    connection.execute("BEGIN; CREATE TABLE more (id TEXT PRIMARY KEY NOT NULL)")
    replica.enable("more")
    replica.set_rows("task", "grow-only")
    connection.execute("ROLLBACK; CREATE TABLE other (id TEXT PRIMARY KEY NOT NULL)")
    assert [table.name for table in replica.status().tables] == ["task"]
    replica.enable("other")
    connection.execute("INSERT INTO task VALUES ('a', 'x'); DELETE FROM task; INSERT INTO other VALUES ('b')")
    assert {(change.table, change.key) for change in replica.changes()} == {("task", "a"), ("other", "b")}


def test_a_row_that_was_changed(connection: apsw.Connection) -> None:
    """An answer from rows stands in its transaction until it is said to have changed; outside of one nothing is kept."""
    answers = iter(range(10))

    def ask() -> int:
        return memory.of_transaction(connection, "answer", lambda: next(answers))

    assert [ask(), ask()] == [0, 1]
    connection.execute("BEGIN")
    assert [ask(), ask()] == [2, 2]
    memory.forget_row(connection, "answer")
    assert [ask(), ask()] == [3, 3]


def test_what_holds(connection: apsw.Connection) -> None:
    """What held is asked again in the next transaction; what did not hold is asked each time."""
    answers = iter([False, True, False])

    def ask() -> bool:
        return memory.holds(connection, "sound", lambda: next(answers))

    connection.execute("BEGIN")
    assert [ask(), ask(), ask()] == [False, True, True]
    memory.forget_rows(connection)
    assert not ask()


def test_what_is_kept_until_somebody_commits(tmp_path: Path) -> None:
    """What was read of a file stands until anybody commits to it, here or in another connection; inside a transaction all is read."""
    one, other = (apsw.Connection(str(tmp_path / "app.db")) for _ in range(2))
    answers = iter(range(20))

    def ask() -> int:
        return memory.of_content(one, "answer", lambda: next(answers))

    assert [ask(), ask()] == [0, 0]
    one.execute("CREATE TABLE task (id)")
    assert [ask(), ask()] == [1, 1]
    other.execute("INSERT INTO task VALUES (1)")
    assert [ask(), ask()] == [2, 2]
    one.execute("BEGIN")
    assert [ask(), ask()] == [3, 4]
    one.execute("INSERT INTO task VALUES (2); ROLLBACK")
    assert ask() == 2
    with one:
        one.execute("DELETE FROM task")
    assert [ask(), ask()] == [5, 5]


def test_what_is_given_is_the_callers(connection: apsw.Connection) -> None:
    """Whoever changes a list that was kept changes only its own."""
    schema.triggers(connection, "task")["x"] = "y"
    assert schema.triggers(connection, "task") == {}


def test_what_is_kept_of_a_connection_does_not_keep_it() -> None:
    """A connection that nobody uses any more goes, with all that was kept of it, whatever its replica did last."""
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE task (id INTEGER PRIMARY KEY, title UNIQUE, up REFERENCES task (id))")
    replica = Replica.on(connection)
    replica.enable("task")
    connection.execute(
        "INSERT INTO task VALUES (1, 'one', NULL), (2, 'two', 1); UPDATE task SET title = 'uno' WHERE id = 1"
    )
    replica.merge(replica.export())
    replica.doctor()
    watched = ref(connection)
    del connection, replica
    gc.collect()
    assert watched() is None


def test_answers_are_not_kept_without_end(connection: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the arguments change and the schema does not, old answers go, and what is asked again is read again."""
    monkeypatch.setattr(memory, "MOST_ANSWERS", 10)
    for number in range(50):
        assert schema.read(connection, f"missing{number}") is None
        assert columns(connection) == ["id", "title"]
        assert len(memory._of(connection).schema) <= 10
