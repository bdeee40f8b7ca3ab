"""Growth: what folding a log costs rises with its length, and not with its square. Counted are the instructions of SQLite's machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from crdtsql import Replica
from tests.support import peers

COUNT = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {n})"
NUMBERED = "CREATE TABLE task (id INTEGER PRIMARY KEY, name, n DEFAULT 0)"
KEYED = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, name, n DEFAULT 0)"
PARENT = "CREATE TABLE part (id INTEGER PRIMARY KEY, task INTEGER REFERENCES task (id) ON DELETE {action})"
INSERT = f"INSERT INTO task (id, name) {COUNT} SELECT i, 'x' || i FROM n"
AGAIN = INSERT.replace("'x'", "'y'")
REPLACE = INSERT.replace("INSERT", "INSERT OR REPLACE").replace("'x'", "'z'")
UPDATE, DELETE = "UPDATE task SET n = n + 1", "DELETE FROM task"
UPSERT = f"INSERT INTO task (id, name) {COUNT} SELECT i, 'u' FROM n WHERE true ON CONFLICT DO UPDATE SET name = excluded.name"
RENUMBER = "UPDATE task SET id = id + 1000000"
CHILDREN = f"INSERT INTO part (id, task) {COUNT} SELECT i, i FROM n"
LOGS = {
    "insert, delete": (INSERT, DELETE),
    "insert, delete, insert": (INSERT, DELETE, AGAIN),
    "insert, replace": (INSERT, REPLACE),
    "insert, upsert": (INSERT, UPSERT),
    "insert, update, delete": (INSERT, UPDATE, DELETE),
    "insert, delete, insert, update, delete": (INSERT, DELETE, AGAIN, UPDATE, DELETE),
}
EARLIER = {
    "delete": (DELETE,),
    "delete, insert": (DELETE, AGAIN),
    "replace": (REPLACE,),
    "update": (UPDATE, UPDATE),
    "delete, insert, delete": (DELETE, AGAIN, DELETE),
}


def steps(path: Path, schema: str, before: tuple[str, ...], log: tuple[str, ...], n: int) -> int:
    """Return how many thousand instructions the fold of a log takes, in a file with rows that were folded before."""
    peers.write(path, *schema.split("; "))
    counted = 0

    def count() -> bool:
        nonlocal counted
        counted += 1
        return False

    with Replica.open(path) as replica:
        replica.enable(all=True)
        for statement in before:
            replica.connection.execute(statement.format(n=n))
        replica.vector()
        for statement in log:
            replica.connection.execute(statement.format(n=n))
        replica.connection.set_progress_handler(count, 1_000)
        replica.vector()
        replica.connection.set_progress_handler(None)
    return counted


@pytest.mark.parametrize(
    "schema", [NUMBERED, KEYED, f"{NUMBERED}; {PARENT.format(action='CASCADE')}"], ids=["numbered", "keyed", "parent"]
)
@pytest.mark.parametrize(
    ("before", "log"),
    [((), log) for log in LOGS.values()] + [((INSERT,), log) for log in EARLIER.values()],
    ids=[*LOGS, *EARLIER],
)
def test_a_fold_costs_as_much_as_its_log_is_long(
    tmp_path: Path, schema: str, before: tuple[str, ...], log: tuple[str, ...]
) -> None:
    """A log of four times as many entries takes about four times as long, whatever they say."""
    few, many = (steps(tmp_path / f"{n}.db", schema, before, log, n) for n in (250, 1_000))
    assert many < 6 * few + 100, (few, many)


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL"])
def test_so_does_one_with_rows_that_follow(tmp_path: Path, action: str) -> None:
    """The same where rows of another table go with those that are deleted, or lose their reference."""
    schema = (
        f"PRAGMA foreign_keys = ON; {NUMBERED}; {PARENT.format(action=action)}; CREATE INDEX by_task ON part (task)"
    )
    log = (
        "PRAGMA foreign_keys = ON",
        INSERT,
        CHILDREN,
        DELETE,
        AGAIN,
        CHILDREN.replace("INSERT", "INSERT OR REPLACE"),
        UPDATE,
    )
    few, many = (steps(tmp_path / f"{n}.db", schema, (), log, n) for n in (250, 1_000))
    assert many < 6 * few + 100, (few, many)


def test_so_does_one_with_keys_that_await_rows(tmp_path: Path) -> None:
    """The same where keys refer to rows that are not there, and where these come."""
    schema = f"{NUMBERED}; CREATE TABLE tag (task INTEGER NOT NULL REFERENCES task (id), n INTEGER NOT NULL, PRIMARY KEY (task, n))"
    tags = f"INSERT OR REPLACE INTO tag {COUNT} SELECT i, i FROM n"
    for before, log in (((), (tags, tags)), ((tags,), (INSERT, "UPDATE tag SET n = n + 1"))):
        few, many = (steps(tmp_path / f"{len(log)}{len(before)} {n}.db", schema, before, log, n) for n in (250, 1_000))
        assert many < 6 * few + 100, (few, many)
