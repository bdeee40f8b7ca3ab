"""Tables that were altered behind crdtsql's back."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from crdtsql import Replica, sync
from crdtsql.base.errors import SchemaDriftError


def make(path: Path, *statements: str) -> apsw.Connection:
    """Create a replicated table and run statements on it."""
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT, n INTEGER)")
    with Replica.open(path) as replica:
        replica.enable("task")
    for statement in statements:
        connection.execute(statement)
    return connection


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DROP TABLE task", "dropped or renamed"),
        ("DROP TRIGGER _crdt_update_task", "capture triggers are gone"),
    ],
)
def test_what_only_a_person_can_judge_is_reported(tmp_path: Path, statement: str, said: str) -> None:
    """Nothing is exported from a table whose writes may have gone unseen; the error says what to run."""
    make(tmp_path / "a.db", statement).close()
    with Replica.open(tmp_path / "a.db") as replica:
        with pytest.raises(SchemaDriftError, match=f"{said}.*crdtsql repair"):
            replica.export()
        assert said in str(replica.status().tables[0].problem)
        replica.disable("task")
        assert not replica.registry.exists


def test_new_unique_index_is_captured(tmp_path: Path) -> None:
    """After a UNIQUE index was added, the next operation makes the triggers that see what REPLACE evicts through it."""
    connection = make(tmp_path / "a.db", "CREATE UNIQUE INDEX task_n ON task (n)")
    with Replica.open(tmp_path / "a.db") as one:
        one.clone(tmp_path / "b.db")
        connection.execute("INSERT INTO task VALUES ('x', 'one', 1)")
        connection.execute("INSERT OR REPLACE INTO task VALUES ('y', 'two', 1)")
        with Replica.open(tmp_path / "b.db") as other:
            sync(one, other)
            assert other.connection.execute("SELECT id FROM task").fetchall() == [("y",)]
    connection.close()


def test_newer_user_trigger_cuts_nothing_off(tmp_path: Path) -> None:
    """A trigger of the user's that ends a row's statement early hides no write, once crdtsql has seen it."""
    trigger = "CREATE TRIGGER quiet AFTER INSERT ON task BEGIN SELECT RAISE(IGNORE); END"
    connection = make(tmp_path / "a.db", trigger)
    with Replica.open(tmp_path / "a.db") as one:
        one.clone(tmp_path / "b.db")
        connection.execute("INSERT INTO task VALUES ('x', 'one', 1)")
        with Replica.open(tmp_path / "b.db") as other:
            sync(one, other)
            assert other.connection.execute("SELECT id FROM task").fetchall() == [("x",)]
            other.connection.execute("INSERT INTO task VALUES ('y', 'two', 2)")
            sync(one, other)
        assert one.connection.execute("SELECT id FROM task ORDER BY id").fetchall() == [("x",), ("y",)]
    connection.close()
