"""Undo: what a run, an actor or a site wrote is taken back where it is on top, and the rest is named."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica, sync
from crdtsql.base.errors import UsageError
from crdtsql.store import Actor
from tests.support import peers

SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT UNIQUE, n INTEGER DEFAULT 0, tags TEXT DEFAULT '[]', meta TEXT, best INTEGER);
CREATE TABLE step (id TEXT PRIMARY KEY NOT NULL, task TEXT REFERENCES task (id) ON DELETE CASCADE, words TEXT);
CREATE TABLE other (id TEXT PRIMARY KEY NOT NULL, v);
INSERT INTO task (id, title, n, tags, meta) VALUES ('t1', 'one', 1, '["a"]', '{"k":1}'), ('t2', 'two', 2, '[]', '{}');
INSERT INTO step VALUES ('s1', 't1', 'first');
INSERT INTO other VALUES ('o1', 1);
"""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Replica]:
    """Give a replica that keeps the history of two of its three tables."""
    with peers.replica(tmp_path / "app.db", SCHEMA, now=peers.Clock(step=1), site=1) as replica:
        for column, kind in (("n", "counter"), ("tags", "set"), ("meta", "map"), ("best", "max")):
            replica.set_type("task", column, kind)
        replica.keep_history("task")
        replica.keep_history("step")
        yield replica


def run(replica: Replica, *statements: str, name: str = "r1") -> None:
    """Write in a run, as another program does."""
    connection = apsw.Connection(replica.path)
    connection.execute("PRAGMA foreign_keys = ON; BEGIN")
    if name:
        connection.execute("INSERT INTO crdt_actor (actor, run) VALUES ('bot', ?)", (name,))
    for statement in statements:
        connection.execute(statement)
    connection.execute("DELETE FROM crdt_actor; COMMIT")
    connection.close()
    replica.fold()


def rows(replica: Replica) -> dict[str, list[Any]]:
    statement = "SELECT * FROM {} ORDER BY 1"
    return {name: replica.connection.execute(statement.format(name)).fetchall() for name in ("task", "step")}


@pytest.mark.parametrize(
    "statements",
    [
        ("UPDATE task SET title = id",),
        ("DELETE FROM task",),
        ("DELETE FROM task", "INSERT INTO task (id, title) VALUES ('t1', 'two')"),
        ("INSERT INTO task (id, title) VALUES ('t3', 'three')", "INSERT INTO step VALUES ('s3', 't3', 'of t3')"),
        ("UPDATE task SET title = 'x' WHERE id = 't1'", "UPDATE task SET title = 'one' WHERE id = 't2'", "UPDATE task SET title = 'two' WHERE id = 't1'"),
        ("UPDATE task SET n = n + 5, tags = '[\"b\"]', meta = '{\"k\":2,\"l\":3}'",),
        ("INSERT OR REPLACE INTO task (id, title) VALUES ('t1', 'replaced')",),
        ("UPDATE step SET words = x'00ff'", "DELETE FROM step", "DELETE FROM task WHERE id = 't1'"),
        ("UPDATE task SET id = 't9' WHERE id = 't2'",),
    ],
)  # fmt: skip
def test_a_run_is_taken_back(statements: tuple[str, ...], app: Replica, tmp_path: Path) -> None:
    """As a whole, on another replica than that on which it wrote; rows refer to each other, and titles are exchanged."""
    before = rows(app)
    run(app, *statements)
    with app.clone(tmp_path / "b.db") as b:
        report = b.undo(run="r1")
        assert report.undone and not report.left and not report.unrecorded
        assert rows(b) == before
        sync(app, b)
        assert rows(app) == before


def test_values_that_are_exchanged_leave_nothing_else_behind(tmp_path: Path) -> None:
    """An undo exchanges UNIQUE values of any kind, also under CHECKs and where rows refer to them; no history has others."""
    schema = """
    CREATE TABLE place (id INTEGER PRIMARY KEY, word TEXT UNIQUE CHECK (length(word) = 1), note TEXT) STRICT;
    CREATE TABLE weight (id INTEGER PRIMARY KEY, grams REAL UNIQUE, hash BLOB UNIQUE) STRICT;
    CREATE TABLE user (id INTEGER PRIMARY KEY, word TEXT REFERENCES place (word) ON UPDATE CASCADE);
    INSERT INTO place VALUES (1, 'a', 'x'), (2, 'b', 'y'), (3, NULL, 'z');
    INSERT INTO weight VALUES (1, 1.5, x'01'), (2, 2.5, x'02');
    INSERT INTO user VALUES (1, 'a'), (2, 'b');
    """
    tables = ("place", "weight", "user")

    def shown(replica: Replica) -> list[list[Any]]:
        return [replica.connection.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall() for name in tables]

    with peers.replica(tmp_path / "a.db", schema, now=peers.Clock(step=1), site=1) as app:
        run(app, "UPDATE place SET note = note || '!'")
        for name in tables:
            app.keep_history(name)
        before = shown(app)
        run(
            app,
            "UPDATE place SET word = 'c' WHERE id = 1",
            "UPDATE place SET word = 'a' WHERE id = 2",
            "UPDATE place SET word = 'b' WHERE id = 1",
            "UPDATE weight SET grams = -id, hash = CAST('was' || id AS BLOB)",
            "UPDATE weight SET grams = 3.5 - id, hash = CASE id WHEN 1 THEN x'02' ELSE x'01' END",
            name="r2",
        )
        with app.clone(tmp_path / "silent.db") as silent:
            silent.end_history("place")
            run(silent, "UPDATE place SET note = id", name="")
            sync(app, silent)
        before[0] = [(number, word, str(number)) for number, word, _ in before[0]]
        with app.clone(tmp_path / "b.db") as b:
            report = b.undo(run="r2")
            assert report.undone and not report.left, report.left
            assert shown(b) == before
            sync(app, b)
            assert shown(app) == before
            for replica in (app, b):
                found = {
                    str(value) for name in tables for one in replica.history(name) for value in one.values.values()
                }
                known = r"a b c x! y! z! 1 2 3 None 1.5 2.5 -1.0 -2.0 b'\x01' b'\x02' b'was1' b'was2'"
                assert found <= {*known.split()}, found
                undone = [
                    one.values for one in replica.history("place", 1) if one.site == b.site and one.did == "updated"
                ]
                assert undone == [{"word": "a"}]
                assert not replica.doctor().broken


@pytest.mark.parametrize(
    ("bot", "later", "expected"),
    [
        # A run that adds to a row, and then writes it all anew: what the replaced row had is there again, with what came later.
        ("UPDATE task SET n = n + 3; INSERT OR REPLACE INTO task (id, n, tags) VALUES ('t1', 2, '[]')", "", (1, ["a"])),
        ("INSERT OR REPLACE INTO task (id, title, n) VALUES ('t1', 'x', 5)", "UPDATE task SET n = n + 10", (11, ["a"])),
        # Somebody else writes it all anew after the run: nothing of the run is in it.
        ("UPDATE task SET n = n + 3, tags = '[\"bot\"]'", "INSERT OR REPLACE INTO task (id, n) VALUES ('t1', 7)", (7, [])),
        ("UPDATE task SET n = n + 3", "DELETE FROM task WHERE id = 't1'; INSERT INTO task (id, n) VALUES ('t1', 7); UPDATE task SET n = 8", (8, [])),
        # In between.
        ("UPDATE task SET n = n + 3, tags = '[\"a\",\"b\"]'", "UPDATE task SET n = n * 2, tags = '[\"c\",\"b\",\"a\"]'", (5, ["a", "c"])),
    ],
)  # fmt: skip
def test_what_was_added_to_a_row_that_is_written_anew(bot: str, later: str, expected: Any, app: Replica) -> None:
    """Of counters and sets an undo takes off what is still in the value, and no more."""
    run(app, bot)
    run(app, later, name="")
    app.undo(run="r1")
    (found,) = app.connection.execute("SELECT n, tags FROM task WHERE id = 't1'").fetchall()
    assert (found[0], sorted(json.loads(found[1]))) == expected


def test_a_row_comes_back_under_its_name(tmp_path: Path) -> None:
    """As it was spelled before the run, of equal keys."""
    schema = "CREATE TABLE tag (id TEXT COLLATE NOCASE PRIMARY KEY NOT NULL, v); INSERT INTO tag VALUES ('Red', 1)"
    with peers.replica(tmp_path / "a.db", schema, now=peers.Clock(step=1), site=1) as app:
        app.keep_history("tag")
        again = "INSERT INTO tag VALUES ('RED', 2)"
        run(app, "DELETE FROM tag", again, "DELETE FROM tag WHERE id = 'red'")
        assert [one.key for one in app.undo(run="r1").undone] == [("Red",)]
        assert app.connection.execute("SELECT * FROM tag").fetchall() == [("Red", 1)]


def test_what_others_wrote_on_top_stays_and_is_named(app: Replica) -> None:
    """Column by column; a row that somebody wrote to since is not deleted."""
    run(app, "UPDATE task SET title = 'bot', n = 7, tags = '[]' WHERE id = 't1'", "INSERT INTO task (id) VALUES ('t3')")
    run(
        app,
        "UPDATE task SET title = 'ann', n = n + 1 WHERE id = 't1'",
        "UPDATE task SET n = 5 WHERE id = 't3'",
        name="",
    )
    report = app.undo(run="r1")
    assert {(one.key, one.column) for one in report.left} == {(("t1",), "title"), (("t3",), None)}
    assert all("site" in one.why for one in report.left)
    found = {row[0]: row[1:4] for row in rows(app)["task"]}
    assert found["t1"] == ("ann", 2, '["a"]') and found["t3"][1] == 5


def test_what_constraints_refuse_is_named(app: Replica) -> None:
    """A UNIQUE value that somebody has now; a row to which rows refer."""
    run(app, "UPDATE task SET title = 'gone' WHERE id = 't1'", "INSERT INTO task (id) VALUES ('t3')")
    run(app, "UPDATE task SET title = 'one' WHERE id = 't2'", "INSERT INTO step VALUES ('s3', 't3', '')", name="")
    before = rows(app)
    report = app.undo(run="r1")
    assert {(one.key, one.why.partition(":")[0]) for one in report.left} == {
        (("t1",), "it can't be written"),
        (("t3",), "rows of 'step' refer to it"),
    }
    assert rows(app) == before and not report.undone


def test_what_only_grows_and_what_has_no_history_is_named(app: Replica) -> None:
    """A `max` keeps what it has; a table without a history is counted."""
    run(app, "UPDATE task SET best = 9 WHERE id = 't1'", "UPDATE other SET v = 2")
    report = app.undo(run="r1")
    assert [(one.column, one.why) for one in report.left] == [("best", "a max keeps its highest value")]
    assert report.unrecorded == {"other": 1} and not report.undone


def test_a_dry_run_writes_nothing(app: Replica) -> None:
    """And says what the undo then does."""
    run(app, "UPDATE task SET title = id")
    before = rows(app)
    told = app.undo(run="r1", dry_run=True)
    assert rows(app) == before and told.dry_run
    done = app.undo(run="r1", by=Actor("ann", None, "back", None))
    assert [one.to_json() for one in done.undone] == [one.to_json() for one in told.undone]
    assert {entry.by.run for entry in app.history("task") if entry.by is not None} == {"r1", "back"}
    app.undo(run="back")
    assert rows(app) == before


def test_whose_writes(app: Replica, tmp_path: Path) -> None:
    """Those of an actor, of a site by its name, and from a time on; somebody must be named."""
    with app.clone(tmp_path / "b.db") as b:
        b.set_name("mate")
        run(b, "UPDATE task SET title = 'early' WHERE id = 't1'", name="")
        time.sleep(0.01)
        run(b, "UPDATE task SET title = 'late' WHERE id = 't1'", name="r9")
        sync(app, b)
        assert app.undo(actor="nobody").undone == []
        (row,) = app.undo(site="mate", dry_run=True).undone
        assert row.values == {"title": ("late", "one")}
        (row,) = app.undo(actor="bot", site="mate", dry_run=True).undone
        assert row.values == {"title": ("late", "early")}
        assert app.undo(site="mate", since=timedelta(0)).undone == []
        assert app.undo(site="mate", tables=["step"]).undone == []
        for given in ({}, {"since": timedelta(1)}, {"site": "stranger"}):
            with pytest.raises(UsageError, match="say whose|knows no site"):
                app.undo(**given)


def test_a_row_with_an_automatic_number_comes_back_as_itself(tmp_path: Path) -> None:
    """What refers to it, and was inserted elsewhere meanwhile, refers to it again: an INSERT would make another row."""
    schema = """
    CREATE TABLE list (id INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE item (id INTEGER PRIMARY KEY, list INTEGER REFERENCES list (id) ON DELETE CASCADE);
    """
    with (
        peers.replica(tmp_path / "app.db", schema, now=peers.Clock(step=1), site=1, identity="row") as app,
        app.clone(tmp_path / "b.db") as b,
    ):
        app.keep_history("list")
        run(app, "INSERT INTO list VALUES (1, 'first'), (2, 'second')", name="")
        sync(app, b)
        run(app, "UPDATE list SET name = 'wrong'", "DELETE FROM list WHERE id = 1")
        run(b, "INSERT INTO item VALUES (1, 1)", name="")
        sync(app, b)
        assert not app.connection.execute("SELECT * FROM item").fetchall()
        assert {(one.key, one.did) for one in app.undo(run="r1", by=Actor("ann", None, "back", None)).undone} == {
            ((1,), "inserted"),
            ((2,), "updated"),
        }
        sync(app, b)
        for replica in (app, b):
            assert replica.connection.execute("SELECT * FROM list ORDER BY id").fetchall() == [
                (1, "first"),
                (2, "second"),
            ]
            assert replica.connection.execute("SELECT * FROM item").fetchall() == [(1, 1)]
        (left,) = b.undo(run="back").left
        assert (left.key, left.why) == ((1,), "rows of 'item' refer to it")


def test_what_was_added_before_a_column_counted(tmp_path: Path) -> None:
    """An entry from before a column was a counter does not say what it replaced; the entries before it do."""
    with (
        peers.replica(tmp_path / "app.db", SCHEMA, now=peers.Clock(step=1), site=1) as app,
        app.clone(tmp_path / "b.db") as b,
    ):
        app.keep_history("task")
        run(app, "UPDATE task SET n = 8 WHERE id = 't2'")
        sync(app, b)
        for replica in (app, b):
            replica.set_type("task", "n", "counter")
        run(b, "UPDATE task SET n = n + 3 WHERE id = 't2'", name="")
        sync(app, b)
        app.undo(run="r1")
        assert app.connection.execute("SELECT n FROM task WHERE id = 't2'").fetchall() == [(5,)]


def test_what_several_added_to_nothing(tmp_path: Path) -> None:
    """Two replicas add to a counter that is NULL: the past has both, and what one added can be taken off."""
    with (
        peers.replica(tmp_path / "app.db", SCHEMA, now=peers.Clock(step=1), site=1) as app,
        app.clone(tmp_path / "b.db") as b,
    ):
        for replica in (app, b):
            replica.set_type("task", "best", "counter")
        app.keep_history("task")
        sync(app, b)
        run(app, "UPDATE task SET best = ifnull(best, 0) + 5 WHERE id = 't1'")
        run(b, "UPDATE task SET best = ifnull(best, 0) + 2 WHERE id = 't1'", name="")
        sync(app, b)
        (row,) = app.as_of("task", timedelta(0), "t1")
        assert row.values["best"] == 7
        app.undo(run="r1")
        assert app.connection.execute("SELECT best FROM task WHERE id = 't1'").fetchall() == [(2,)]


def test_a_row_that_is_held_is_named(app: Replica, tmp_path: Path) -> None:
    """A run made it, and an older row has its UNIQUE value: it is in no table, so it can't be deleted, and may come back."""
    with app.clone(tmp_path / "b.db") as b:
        run(app, "INSERT INTO task (id, title) VALUES ('t3', 'same')", name="")
        run(b, "INSERT INTO task (id, title) VALUES ('t4', 'same')")
        sync(app, b)
        (left,) = app.undo(run="r1").left
        assert (left.key, left.why) == (("t4",), "it is held, and would be shown once it can be")


def test_many_writes_from_before_a_column_became_a_counter(tmp_path: Path) -> None:
    """What each of them replaced is found in one pass, also where two replicas wrote at the same time."""
    clock = peers.Clock(step=1)
    with peers.replica(
        tmp_path / "app.db", "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, n INT)", now=clock, site=1
    ) as a:
        a.keep_history("t")
        run(a, "INSERT INTO t VALUES ('r', 0)", name="")
        a.clone(tmp_path / "other.db").close()
        with Replica.open(tmp_path / "other.db", now=clock) as b:
            for one in (a, b):
                run(one, *(f"UPDATE t SET n = {number} WHERE id = 'r'" for number in range(400)))
                one.set_type("t", "n", "counter")
            sync(a, b)
            run(b, "UPDATE t SET n = n + 5 WHERE id = 'r'", name="")
            sync(a, b)
            began = time.process_time()
            (now,) = a.as_of("t", datetime.fromtimestamp(clock.ms / 1000, UTC), "r")
            a.undo(run="r1", dry_run=True)
            assert time.process_time() - began < 5
            assert now.values["n"] == 399 + 399 + 5  # as if it had been a counter all along
