"""What SQLite's own counters say of statements on replicated tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import make, ok, query
from tests.support.command import run as crdtsql

SCHEMA = "CREATE TABLE task (id INTEGER PRIMARY KEY, n INTEGER)"


@pytest.mark.parametrize(
    ("statement", "changes", "total"),
    [
        ("INSERT INTO task (n) VALUES (1), (2)", 2, 4),
        ("UPDATE task SET n = n + 1", 3, 6),
        ("UPDATE task SET n = n", 3, 3),
        ("DELETE FROM task WHERE id < 3", 2, 6),
    ],
)
def test_total_changes_counts_appends(tmp_path: Path, statement: str, changes: int, total: int) -> None:
    """total_changes() counts an append to the log for each written row, two for a deleted one; changes() and the last rowid don't."""
    import sqlite3

    path = make(tmp_path / "a.db", SCHEMA, [(1, 1), (2, 2), (3, 3)])
    ok("enable", path, "task")
    connection = sqlite3.connect(path)
    before = connection.total_changes
    cursor = connection.execute(statement)
    assert (cursor.rowcount, connection.total_changes - before) == (changes, total)
    assert connection.execute("SELECT changes()").fetchone() == (changes,)
    if statement.startswith("INSERT"):
        assert cursor.lastrowid == 5
    connection.commit()
    connection.close()
    assert crdtsql("vector", path).returncode == 0 and query(path, "SELECT count(*) FROM task")
