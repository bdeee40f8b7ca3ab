"""Small changesets are made and merged on the workbench; what arrives is what arrived by an attached image."""

from __future__ import annotations

from pathlib import Path

import pytest

from crdtsql import Replica
from crdtsql.base import query
from crdtsql.wire import workbench
from tests.support.peers import replica, write

TASK = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title, n INTEGER DEFAULT 0)"


def rows(one: Replica, table: str = "task") -> list[tuple[object, ...]]:
    """Return all rows of a table, text as the bytes that it has."""
    return query.rows(one.connection, f"SELECT id, typeof(title), CAST(title AS BLOB), n FROM {table} ORDER BY id")


@pytest.mark.parametrize("most", [0, 1_000])
def test_both_ways_are_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, most: int) -> None:
    """Whether a changeset counts as small or as large, its receiver shows the same."""
    monkeypatch.setattr(workbench, "MOST_ROWS", most)
    a, b = replica(tmp_path / "a.db", TASK), replica(tmp_path / "b.db", TASK)
    write(
        a,
        "INSERT INTO task VALUES ('a', 'x', 1), ('b', x'00ff', 2), ('c', 1.5, 3), ('d', NULL, 4), ('e', 'z' || char(0) || 'y', 5)",
    )
    write(a, "UPDATE task SET title = 'changed' WHERE id = 'a'", "DELETE FROM task WHERE id = 'd'")
    b.merge(a.export(b.vector()))
    write(b, "UPDATE task SET n = 7 WHERE id = 'b'", "INSERT INTO task VALUES ('d', 'back', 0)")
    a.merge(b.export(a.vector()))
    assert rows(a) == rows(b)
    assert len(rows(a)) == 5
    on_bench = [name for _, name, _ in query.rows(a.connection, "PRAGMA database_list") if name == workbench.NAME]
    assert bool(on_bench) == bool(most)


def test_text_that_is_no_utf_8_is_sent_as_it_is(tmp_path: Path) -> None:
    """Python can't read such text, so its changeset goes the way of a large one."""
    a, b = replica(tmp_path / "a.db", TASK), replica(tmp_path / "b.db", TASK)
    write(a, "INSERT INTO task VALUES ('a', CAST(x'ff' AS TEXT), 1)")
    b.merge(a.export(b.vector()))
    assert rows(b) == rows(a) == [("a", "text", b"\xff", 1)]


def test_one_statement_merges_changesets_of_other_tables(tmp_path: Path) -> None:
    """While a statement of the caller's runs, SQLite drops no table; changesets with other columns are merged all the same."""
    a, b = (
        replica(tmp_path / "a.db", TASK),
        replica(tmp_path / "b.db", "CREATE TABLE other (id TEXT PRIMARY KEY NOT NULL, title, n, more)"),
    )
    c = replica(tmp_path / "c.db", f"{TASK}; CREATE TABLE other (id TEXT PRIMARY KEY NOT NULL, title, n, more)")
    write(a, "INSERT INTO task VALUES ('a', 'x', 1)")
    write(b, "INSERT INTO other VALUES ('b', 'y', 2, 3)")
    c.connection.create_scalar_function("take", lambda data: bool(c.merge(data).tables), 1)
    c.connection.execute("CREATE TEMP TABLE inbox (body)")
    c.connection.executemany("INSERT INTO temp.inbox VALUES (?)", [(a.export(),), (b.export(),), (a.export(),)])
    assert query.rows(c.connection, "SELECT take(body) FROM temp.inbox") == [(1,), (1,), (0,)]
    assert rows(c) == rows(a)
    assert rows(c, "other") == rows(b, "other")


def test_nothing_stays_on_it(tmp_path: Path) -> None:
    """After a merge, or one that failed, its tables are empty."""
    a, b = replica(tmp_path / "a.db", TASK), replica(tmp_path / "b.db", TASK)
    write(a, "INSERT INTO task VALUES ('a', 'x', 1)")
    b.merge(a.export(b.vector()))
    for one in (a, b):
        tables = query.rows(one.connection, f"SELECT name FROM {workbench.NAME}.sqlite_schema WHERE type = 'table'")
        assert tables
        for (name,) in tables:
            assert not query.exists(one.connection, f"{workbench.NAME}.{name}")  # type: ignore[arg-type]


def test_a_connection_that_lost_it_gets_it_again(tmp_path: Path) -> None:
    """Somebody detached it: the next operation attaches it again."""
    a, b = replica(tmp_path / "a.db", TASK), replica(tmp_path / "b.db", TASK)
    for number in range(2):
        write(a, f"INSERT INTO task VALUES ('{number}', 'x', 1)")
        b.merge(a.export(b.vector()))
        for one in (a, b):
            one.connection.execute(f"DETACH {workbench.NAME}")
    assert rows(b) == rows(a)
