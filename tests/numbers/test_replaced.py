"""REPLACE over a row with an automatic id keeps the row, whatever else of its table the statement changes on the way (decision 0016)."""

from __future__ import annotations

import pytest

from crdtsql import Replica
from tests.fold.test_homomorphism import give
from tests.support import state
from tests.support.library import connect
from tests.support.peers import START_MS

ACTIONS = ("SET NULL", "SET DEFAULT", "CASCADE")


def make(schema: str, fill: str = "") -> list[Replica]:
    """Make two replicas of one table t, the first one filled."""
    opened = []
    for number in (1, 2):
        connection = connect()
        connection.execute(schema)
        replica = Replica.on(
            connection, now=lambda: START_MS, make_site=lambda number=number: bytes([number, *([0] * 15)])
        )
        replica.enable("t")
        opened.append(replica)
    opened[0].connection.execute(fill)
    give(opened[0], opened[1])
    return opened


def tree(action: str, unique: str = "") -> str:
    """Return a table whose rows refer to each other."""
    return (
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, up INTEGER DEFAULT 9 REFERENCES t ON DELETE {action} ON UPDATE CASCADE,"
        f" code TEXT {unique}, name TEXT)"
    )


def run(replica: Replica, recursive: int, *statements: str) -> None:
    """Run statements with foreign keys enforced, in one transaction."""
    replica.connection.execute(f"PRAGMA foreign_keys = 1; PRAGMA recursive_triggers = {recursive}; BEGIN")
    for statement in statements:
        replica.connection.execute(statement)
    replica.connection.execute("COMMIT; PRAGMA foreign_keys = 0; PRAGMA recursive_triggers = 0")


def born(replica: Replica, number: int) -> tuple[int, bytes]:
    """Return the birth of the row that is shown under a number."""
    replica.vector()
    table = replica.registry.table("t")
    found = replica.connection.execute(
        f"SELECT ifnull(born.born_t, clock.t), ifnull(born.born_s, clock.s) FROM {table.clock} AS clock "
        f"LEFT JOIN {table.born} AS born ON born.k1 = clock.k1 WHERE clock.k1 = ?",
        (number,),
    ).fetchone()
    assert found is not None
    return found[0], found[1]


FILL = """
INSERT INTO t VALUES (9, NULL, 'nine', 'nine'), (1, NULL, 'one', 'one'), (2, NULL, 'two', 'two'), (3, 2, 'three', 'three'), (4, 3, 'four', 'four');
"""


@pytest.mark.parametrize(
    "statement",
    [
        "REPLACE INTO t VALUES (2, NULL, 'new', 'new')",
        "REPLACE INTO t VALUES (2, NULL, 'two', 'new')",
        "REPLACE INTO t VALUES (2, NULL, 'one', 'new')",
        "UPDATE OR REPLACE t SET id = 2, name = 'new' WHERE id = 1",
    ],
    ids=["a new value", "its own value", "a value of another row", "another row moves there"],
)
@pytest.mark.parametrize("unique", ["", "UNIQUE"])
@pytest.mark.parametrize("recursive", [0, 1])
@pytest.mark.parametrize("action", ACTIONS)
def test_replacing_a_row_of_a_tree_keeps_it(statement: str, unique: str, recursive: int, action: str) -> None:
    """REPLACE over a row that others of its table refer to keeps it; what becomes of those is a write like any other."""
    first, second = make(tree(action, unique), FILL)
    before = born(first, 2)
    run(first, recursive, statement)
    assert born(first, 2) == before
    run(second, 0, "UPDATE t SET code = 'mine' WHERE id = 2")
    give(first, second)
    give(second, first)
    assert state.shared(first.connection) == state.shared(second.connection)
    assert first.connection.execute("SELECT name FROM t WHERE id = 2").fetchall() == [("new",)]
    assert not first.renumbered()


@pytest.mark.parametrize(
    "statements",
    [
        ("INSERT OR IGNORE INTO t VALUES (2, NULL, 'x', 'x')", "UPDATE OR REPLACE t SET code = 'two' WHERE id = 1"),
        ("UPDATE OR REPLACE t SET code = 'two' WHERE id = 1",),
        ("REPLACE INTO t VALUES (5, NULL, 'two', 'five')",),
        ("UPDATE t SET up = NULL", "DELETE FROM t WHERE id = 2", "UPDATE t SET name = 'x' WHERE id = 1"),
    ],
    ids=["after an insert that was ignored", "an update", "an insert", "a delete"],
)
def test_a_row_inserted_after_another_one_took_its_value_is_a_new_one(statements: tuple[str, ...]) -> None:
    """A row that REPLACE deleted for another row is gone; what is inserted under its number next is a row of its own."""
    first, _ = make(tree("SET NULL", "UNIQUE"), FILL)
    before = born(first, 2)
    run(first, 0, *statements, "INSERT INTO t VALUES (2, NULL, 'again', 'again')")
    assert born(first, 2) != before
    state.rows(first.connection)


def test_a_new_row_is_not_taken_for_one_that_was_there_before_enabling() -> None:
    """A row that a log inserts, updates, and never meets nor deletes is a new one, whatever happened to others of its table."""
    both = []
    for number, name in ((1, "one"), (2, "two")):
        connection = connect()
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO t VALUES (1, 'old')")
        replica = Replica.on(
            connection, now=lambda: START_MS, make_site=lambda number=number: bytes([number, *([0] * 15)])
        )
        replica.enable("t")
        connection.execute("INSERT INTO t VALUES (3, 'new'); DELETE FROM t WHERE id = 1")
        connection.execute("UPDATE t SET name = ? WHERE id = 3", (name,))
        both.append(replica)
    first, second = both
    give(first, second)
    give(second, first)
    assert state.shared(first.connection) == state.shared(second.connection)
    assert sorted(first.connection.execute("SELECT name FROM t").fetchall()) == [("one",), ("two",)]
