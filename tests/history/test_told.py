"""Histories are no tables of the user's: reports, previews and advice tell of the tables that the user has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crdtsql import Replica, sync
from crdtsql.base import TooManyDeletesError
from tests.support import peers

SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title, n INTEGER DEFAULT 0);
INSERT INTO task VALUES ('t1', 'one', 1), ('t2', 'two', 2);
"""


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Replica, Replica]]:
    """Give two replicas that keep the history of their table."""
    clock = peers.Clock(step=1)
    with peers.replica(tmp_path / "app.db", SCHEMA, now=clock, site=1) as app:
        app.keep_history("task")
        app.clone(tmp_path / "other.db")
        with Replica.open(tmp_path / "other.db", now=clock) as other:
            sync(app, other)
            yield app, other


def test_a_merge_counts_rows_of_tables(pair: tuple[Replica, Replica]) -> None:
    """The totals of a report are of what the user has; entries of histories are counted beside."""
    app, other = pair
    app.connection.execute("UPDATE task SET title = 'new' WHERE id = 't1'")
    app.connection.execute("DELETE FROM task WHERE id = 't2'")
    report = sync(app, other).there
    assert report is not None
    assert (report.total.inserted, report.total.updated, report.total.deleted, report.entries) == (0, 1, 1, 4)
    assert report.to_json()["entries"] == 4
    assert report.of("crdt_history_task").inserted == 4


def test_a_history_that_was_ended_here_gets_new_columns(pair: tuple[Replica, Replica]) -> None:
    """What others wrote to a column that came later is told also where the history was ended."""
    app, other = pair
    other.end_history("task")
    for one in pair:
        one.alter("ALTER TABLE task ADD COLUMN late")
    app.connection.execute("UPDATE task SET late = 'new' WHERE id = 't1'")
    sync(app, other)
    assert [entry.values for entry in other.history("task", "t1")] == [
        entry.values for entry in app.history("task", "t1")
    ]
    assert other.history("task", "t1")[-1].values == {"late": "new"}


def test_a_purge_of_entries_alone_counts_as_one(pair: tuple[Replica, Replica]) -> None:
    """A merge that overwrites values of histories empties the write-ahead log too."""
    app, other = pair
    app.connection.execute("UPDATE task SET title = 'secret' WHERE id = 't1'")
    app.connection.execute("DELETE FROM task WHERE id = 't1'")
    sync(app, other)
    app.purge("task", ["t1"])
    report = sync(app, other).there
    assert report is not None
    assert report.of("crdt_history_task").purged
    assert not report.total.purged - report.of("task").purged


def test_a_preview_lists_rows_of_tables(pair: tuple[Replica, Replica]) -> None:
    """Entries of histories are in no list of rows or cells, nor in its count."""
    app, other = pair
    app.connection.execute("UPDATE task SET title = 'new' WHERE id = 't1'")
    other.connection.execute("INSERT INTO task VALUES ('t3', 'three', 3)")
    found = app.preview(other)
    assert found.there is not None
    for side, row in ((found.here, ("inserted", "t3")), (found.there, ("updated", "t1"))):
        assert [(one.table, one.did, one.key) for one in side.rows] == [("task", row[0], (row[1],))]
        assert side.row_count == 1 and [*side.tables] == ["task"]
    assert {cell.table for cell in found.cells} == {"task"} and found.cell_count == len(found.cells)


def test_nobody_is_advised_about_a_history(pair: tuple[Replica, Replica]) -> None:
    """What columns suit, or what keys mean, is no question there."""
    app, _ = pair
    for number in range(12):
        app.connection.execute(f"UPDATE task SET title = 'x{number}', n = {number} WHERE id = 't1'")
        app.connection.execute(f"UPDATE task SET title = 'y{number}' WHERE id = 't2'")
    app.fold()
    (table,) = [table for table in app.doctor().tables if table.name == "crdt_history_task"]
    assert [(one.level, one.about) for one in table.findings] == [("note", "history")]


def test_entries_that_leave_are_no_flood_of_deletes(pair: tuple[Replica, Replica]) -> None:
    """They leave by themselves when their time is over; no sync stops because of that, whatever the limit."""
    app, other = pair
    for number in range(80):
        app.connection.execute(f"UPDATE task SET n = {number} WHERE id = 't1'")
    sync(app, other)
    app.end_history("task", drop=True)
    report = other.merge(app.export(other.vector()), max_deletes=0)
    assert report.of("crdt_history_task").deleted >= 80
    app.connection.execute("DELETE FROM task WHERE id = 't1'")
    with pytest.raises(TooManyDeletesError, match="1 of 2 rows of table 'task'"):
        other.merge(app.export(other.vector()), max_deletes=0)


def test_what_arrived_is_rows_of_tables(pair: tuple[Replica, Replica]) -> None:
    """`log`, the views of arrivals and of revisions list no entries of histories; who asks for one by name gets them."""
    app, other = pair
    app.connection.execute("UPDATE task SET title = 'new' WHERE id = 't1'")
    sync(app, other)
    assert [(entry.table, entry.key) for entry in other.log()] == [("task", ("t1",))]
    assert {entry.table for entry in other.log("crdt_history_task")} == {"crdt_history_task"}
    assert other.connection.execute('SELECT DISTINCT "table" FROM crdt_log').fetchall() == [("task",)]
    assert other.connection.execute("SELECT DISTINCT tbl FROM crdt_revision").fetchall() == [("task",)]
    assert not other.doctor().broken
