"""A replica that missed a compaction takes another one's state, and writes anew on top what only it has."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica, errors, sync
from crdtsql.rejoin import RejoinReport
from tests.support.peers import Clock, read
from tests.support.settled import assert_settled

SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT, mark TEXT UNIQUE, n INTEGER CHECK (n < 1000));
CREATE TABLE note (id INTEGER PRIMARY KEY, task TEXT REFERENCES task(id), up INTEGER REFERENCES note(id), body TEXT);
"""
ROWS = """
INSERT INTO task VALUES ('t1', 'one', 'm1', 1), ('t2', 'two', 'm2', 2), ('t3', 'three', 'm3', 3);
INSERT INTO note VALUES (1, 't1', NULL, 'first'), (2, NULL, 1, 'second');
"""
TASKS, NOTES = "SELECT * FROM task ORDER BY id", "SELECT * FROM note ORDER BY id"
Make = Callable[..., tuple[Replica, Replica]]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Give what makes two replicas of a schema with rows; a write of either is later than all before it."""

    def pair(schema: str = SCHEMA, rows: str = ROWS, **options: Any) -> tuple[Replica, Replica]:
        connection = apsw.Connection(str(tmp_path / "app.db"))
        connection.execute(schema + rows)
        connection.close()
        app = Replica.open(tmp_path / "app.db", now=Clock(step=5))
        app.enable(all=True, **options)
        return app, app.clone(tmp_path / "peer.db")

    return pair


def rejoined(app: Replica, peer: Replica, **options: Any) -> RejoinReport:
    """Let one replica rejoin another; afterwards both sync as any."""
    report = app.rejoin(peer.export(), **options)
    assert_settled(app)
    sync(app, peer)
    for name in (table.name for table in app.registry.tables()):
        rows = f'SELECT * FROM "{name}" ORDER BY 1, 2'
        assert read(app, rows) == read(peer, rows)
    assert app.vector() == peer.vector()
    return report


def told(report: RejoinReport) -> list[tuple[str, Any, str, dict[str, Any], str]]:
    """Return what was not made again."""
    return [(one.table, one.key[0], one.did, dict(one.values), one.why) for one in report.logged]


def test_a_file_with_nothing_unsent(make: Make) -> None:
    """A file that has nothing of its own just has the other one's state, as a new site, and a copy of itself beside it."""
    app, peer = make()
    peer.connection.execute("UPDATE task SET title = 'peer' WHERE id = 't1'; DELETE FROM task WHERE id = 't2'")
    before = app.site
    report = rejoined(app, peer)
    assert (report.before, report.site, report.tables, report.logged, report.others) == (before, app.site, {}, [], [])
    assert app.site != before
    copy = Path(report.copy)
    assert copy.parent == Path(app.path).parent
    assert copy.name.startswith("app.db.before-rejoin-")
    with Replica.open(copy) as old:
        assert [row[0] for row in read(old, TASKS)] == ["t1", "t2", "t3"]


def test_inserts_and_updates(make: Make) -> None:
    """Rows that were inserted are inserted, and of rows that are there the columns are written that were written here."""
    app, peer = make()
    app.connection.execute(
        "INSERT INTO task VALUES ('new', 'N', 'mn', 5); UPDATE task SET title = 'ours' WHERE id = 't1'"
    )
    peer.connection.execute("UPDATE task SET mark = 'theirs' WHERE id = 't1'")
    report = rejoined(app, peer)
    assert report.to_json()["tables"] == {"task": {"inserted": 1, "updated": 1, "deleted": 0, "counted": 0}}
    assert read(app, TASKS)[:2] == [("new", "N", "mn", 5), ("t1", "ours", "theirs", 1)]
    assert not report.logged
    assert not app.conflicts()


def test_writes_that_wait_in_the_log(make: Make) -> None:
    """Writes that no command has seen yet are unsent too."""
    app, peer = make()
    sync(app, peer)
    app.connection.execute("INSERT INTO task VALUES ('new', 'N', NULL, 5)")
    assert rejoined(app, peer).tables["task"].inserted == 1


def test_a_value_that_nobody_here_had_seen(make: Make) -> None:
    """An update wins over what was written there meanwhile, and that value is in the conflict log, open, until somebody writes the cell."""
    app, peer = make()
    app.connection.execute("UPDATE task SET title = 'ours' WHERE id = 't1'")
    peer.connection.execute("UPDATE task SET title = 'theirs' WHERE id = 't1'")
    assert rejoined(app, peer).collided == 1
    (entry,) = app.conflicts(open_only=True)
    assert (entry.ours, entry.theirs, entry.won_site) == ("ours", "theirs", app.site)
    app.connection.execute("UPDATE task SET n = 7 WHERE id = 't1'")
    assert app.conflicts(open_only=True)
    app.resolve(entry.id, "theirs")
    assert not app.conflicts(open_only=True)
    assert read(app, "SELECT title FROM task WHERE id = 't1'") == [("theirs",)]


def test_an_update_of_a_row_that_is_gone(make: Make) -> None:
    """A row that was deleted there does not come back; what was written to it here is in the report and in the conflict log."""
    app, peer = make()
    app.connection.execute("UPDATE task SET title = 'ours', n = 9 WHERE id = 't2'")
    peer.connection.execute("DELETE FROM task WHERE id = 't2'")
    report = rejoined(app, peer)
    assert told(report) == [("task", "t2", "update", {"title": "ours", "n": 9}, "the row is not there any more")]
    assert "t2" not in [row[0] for row in read(app, TASKS)]
    logged = {entry.id: (entry.key, entry.column, entry.lost_value, entry.resolved) for entry in app.conflicts()}
    assert logged == dict(
        zip(report.logged[0].conflicts, [(("t2",), "title", "ours", False), (("t2",), "n", 9, False)], strict=True)
    )


def test_deletes(make: Make) -> None:
    """A row that was deleted here is deleted, unless somebody wrote to it there, or refers to it."""
    app, peer = make(rows=ROWS + "INSERT INTO task VALUES ('t4', 'four', 'm4', 4);")
    app.connection.execute("DELETE FROM task WHERE id IN ('t2', 't3', 't4')")
    peer.connection.execute("UPDATE task SET n = 8 WHERE id = 't3'; INSERT INTO note VALUES (3, 't4', NULL, 'x')")
    report = rejoined(app, peer)
    assert [row[0] for row in read(app, TASKS)] == ["t1", "t3", "t4"]
    assert report.tables["task"].deleted == 1
    assert sorted(one[1:] for one in told(report)) == [
        ("t3", "delete", {}, "somebody wrote to the row meanwhile"),
        ("t4", "delete", {}, "a row of table 'note' refers to it"),
    ]


def test_parents_and_children_that_were_deleted(make: Make) -> None:
    """A parent goes with its children where all of them were deleted here, in whatever order the tables come."""
    app, peer = make(rows=ROWS + "INSERT INTO note VALUES (3, 't3', 2, 'third');")
    app.connection.execute("DELETE FROM note WHERE id > 1; DELETE FROM task WHERE id = 't3'")
    report = rejoined(app, peer)
    assert not report.logged
    assert (read(app, "SELECT id FROM note"), read(app, "SELECT id FROM task")) == ([(1,)], [("t1",), ("t2",)])


def test_a_key_that_is_there_now(make: Make) -> None:
    """A row whose key somebody else inserted meanwhile is updated; what that took away is in the conflict log."""
    app, peer = make()
    app.connection.execute("INSERT INTO task VALUES ('new', 'ours', 'a', 5)")
    peer.connection.execute("INSERT INTO task VALUES ('new', 'theirs', 'b', 5)")
    report = rejoined(app, peer)
    assert report.tables["task"].updated == 1
    assert {(entry.column, entry.theirs) for entry in app.conflicts(open_only=True)} == {
        ("title", "theirs"),
        ("mark", "b"),
    }


def test_numbers(make: Make) -> None:
    """A row whose number another row has there gets one that is free, and references from unsent rows follow."""
    app, peer = make()
    app.connection.execute(
        "INSERT INTO note VALUES (3, NULL, NULL, 'ours'), (4, NULL, 3, 'child'); UPDATE note SET up = 3 WHERE id = 2"
    )
    peer.connection.execute("INSERT INTO note VALUES (3, NULL, NULL, 'theirs')")
    report = rejoined(app, peer)
    assert report.tables["note"].inserted == 2
    names = "SELECT note.body, up.body FROM note LEFT JOIN note AS up ON up.id = note.up ORDER BY 1"
    assert read(app, names) == [
        ("child", "ours"),
        ("first", None),
        ("ours", None),
        ("second", "ours"),
        ("theirs", None),
    ]
    assert read(app, "SELECT id FROM note WHERE body IN ('theirs', 'child') ORDER BY id") == [(3,), (4,)]


def test_a_row_that_has_another_number_there(make: Make) -> None:
    """Updates, deletes and references find a row by its birth, whatever number it has there."""
    app, peer = make()
    peer.connection.execute("INSERT INTO note VALUES (3, NULL, NULL, 'theirs'), (4, NULL, NULL, 'theirs too')")
    peer.fold()
    app.connection.execute("INSERT INTO note VALUES (3, NULL, NULL, 'ours'), (4, NULL, NULL, 'ours too')")
    data = app.export()
    app.connection.execute(
        "UPDATE note SET body = 'ours, later' WHERE id = 3; INSERT INTO note VALUES (5, NULL, 3, 'child'); DELETE FROM note WHERE id = 4"
    )
    peer.merge(data)
    assert not rejoined(app, peer).logged
    names = "SELECT note.body, up.body FROM note LEFT JOIN note AS up ON up.id = note.up ORDER BY 1"
    assert read(app, names) == [
        ("child", "ours, later"), ("first", None), ("ours, later", None), ("second", "first"), ("theirs", None), ("theirs too", None)
    ]  # fmt: skip
    assert read(app, "SELECT id FROM note WHERE body = 'theirs'") == [(3,)]


def test_references_to_rows_that_are_gone(make: Make) -> None:
    """What refers to a row that was deleted there is not written, so that the row does not come back for its sake."""
    app, peer = make()
    app.connection.execute(
        "INSERT INTO note VALUES (3, 't3', NULL, 'x'), (4, NULL, 3, 'y'); UPDATE note SET task = 't3', body = 'z' WHERE id = 1"
    )
    peer.connection.execute("DELETE FROM task WHERE id = 't3'")
    report = rejoined(app, peer)
    assert ("t3",) not in read(app, "SELECT id FROM task")
    assert read(app, NOTES) == [(1, "t1", None, "z"), (2, None, 1, "second")]
    gone = "it refers to a row of table 'task' that is not there"
    assert sorted(one[1:] for one in told(report)) == [
        (1, "update", {"task": "t3"}, gone),
        (3, "insert", {"task": "t3", "up": None, "body": "x"}, gone),
        (4, "insert", {"task": None, "up": 3, "body": "y"}, "it refers to a row of table 'note' that is not there"),
    ]


def test_what_constraints_refuse(make: Make) -> None:
    """A row that a constraint refuses is told of, with its values; of an update, the columns that it allows are written."""
    app, peer = make()
    app.connection.execute(
        "INSERT INTO task VALUES ('new', 'N', 'taken', 5); UPDATE task SET title = 'ours', mark = 'used' WHERE id = 't1'"
    )
    peer.connection.execute("INSERT INTO task VALUES ('p', 'P', 'taken', 6), ('q', 'Q', 'used', 6)")
    report = rejoined(app, peer)
    refused = "UNIQUE constraint failed: task.mark"
    assert told(report) == [
        ("task", "new", "insert", {"title": "N", "mark": "taken", "n": 5}, refused),
        ("task", "t1", "update", {"mark": "used"}, refused),
    ]
    assert read(app, "SELECT title, mark FROM task WHERE id = 't1'") == [("ours", "m1")]
    assert {(entry.key[0], entry.column, entry.lost_value) for entry in app.conflicts()} >= {
        ("new", "title", "N"), ("new", "mark", "taken"), ("t1", "mark", "used")
    }  # fmt: skip


def test_unique_values_that_move(make: Make) -> None:
    """A value that a row gave up here can be had by another one, in whatever order both come."""
    app, peer = make()
    app.connection.execute("UPDATE task SET mark = 'free' WHERE id = 't3'; UPDATE task SET mark = 'm3' WHERE id = 't1'")
    app.connection.execute("DELETE FROM task WHERE id = 't2'; INSERT INTO task VALUES ('a', 'A', 'm2', 5)")
    report = rejoined(app, peer)
    assert not report.logged
    assert read(app, "SELECT id, mark FROM task ORDER BY id") == [("a", "m2"), ("t1", "m3"), ("t3", "free")]


TYPED = """
CREATE TABLE typed (id TEXT PRIMARY KEY NOT NULL, plain, reg, top INTEGER, low INTEGER, n INTEGER, r REAL, g INTEGER, s TEXT, gs TEXT, m TEXT);
"""
OF = {
    "typed.reg": "register", "typed.top": "max", "typed.low": "min", "typed.n": "counter", "typed.r": "counter",
    "typed.g": "grow-counter", "typed.s": "set", "typed.gs": "grow-set", "typed.m": "map",
}  # fmt: skip
ROW = """'p', 'r', 5, 5, 10, 0.5, 1, '["a","b"]', '["a"]', '{"x":1,"y":{"z":2}}'"""


def test_all_column_types(make: Make) -> None:
    """What both sides add is merged: counters get what was added and not sent, sets and maps what was added and removed."""
    app, peer = make(TYPED, f"INSERT INTO typed VALUES ('k', {ROW});", types=OF)
    app.connection.execute("UPDATE typed SET n = n + 100, g = g + 1 WHERE id = 'k'")
    sync(app, peer)
    app.connection.execute(
        """UPDATE typed SET plain = x'00ff', reg = 'R', top = 9, low = 4, n = n + 7, r = r + 0.25, g = g + 2,
        s = '["b","c"]', gs = '["a","q"]', m = '{"x":1,"w":"new"}' WHERE id = 'k'"""
    )
    app.connection.execute("UPDATE typed SET n = n - 2")
    app.connection.execute(f"INSERT INTO typed VALUES ('new', {ROW})")
    peer.connection.execute(
        """UPDATE typed SET top = 20, low = 1, n = n + 1000, r = r + 1, g = g + 10, s = '["a","b","d"]', gs = '["a","t"]',
        m = '{"x":7,"y":{"z":2}}' WHERE id = 'k'"""
    )
    report = rejoined(app, peer)
    assert not report.logged
    assert report.tables["typed"].counted == 3
    k, new = read(app, "SELECT * FROM typed ORDER BY id")
    assert k == ("k", b"\x00\xff", "R", 20, 1, 1115, 1.75, 14, '["b","c","d"]', '["a","q","t"]', '{"w":"new","x":7}')
    assert new == ("new", "p", "r", 5, 5, 10, 0.5, 1, '["a","b"]', '["a"]', '{"x":1,"y":{"z":2}}')


def test_what_was_added_to_a_counter_that_is_gone(make: Make) -> None:
    """What was added to a counter of a row that is gone is told of, as what was added."""
    app, peer = make(TYPED, f"INSERT INTO typed VALUES ('k', {ROW});", types=OF)
    app.connection.execute("UPDATE typed SET n = n + 100")
    sync(app, peer)
    app.connection.execute("UPDATE typed SET n = n + 7")
    peer.connection.execute("DELETE FROM typed")
    assert told(rejoined(app, peer)) == [("typed", "k", "update", {"n": 7}, "the row is not there any more")]


def test_a_second_time(make: Make) -> None:
    """Who rejoined can do so again, and only what came since then is written anew."""
    app, peer = make()
    app.connection.execute("INSERT INTO task VALUES ('a', 'A', NULL, 5)")
    first = app.rejoin(peer.export())
    second = rejoined(app, peer)
    assert (first.tables["task"].inserted, second.tables["task"].inserted) == (1, 1)
    app.connection.execute("UPDATE task SET title = 'AA' WHERE id = 'a'")
    third = rejoined(app, peer)
    assert third.to_json()["tables"] == {"task": {"inserted": 0, "updated": 1, "deleted": 0, "counted": 0}}
    assert first.copy != second.copy


def test_an_actor_whose_writes_were_sent_in_part(make: Make) -> None:
    """Who wrote what is made anew is not told as of events that nobody has any more: what the file exports is taken."""
    app, peer = make()
    for title in ("sent", "unsent"):
        app.connection.execute("INSERT INTO crdt_actor (actor) VALUES ('bot')")
        app.connection.execute("UPDATE task SET title = ? WHERE id = 't1'", (title,))
        app.connection.execute("DELETE FROM crdt_actor")
        if title == "sent":
            sync(app, peer)
        app.fold()
    app.rejoin(peer.export())
    peer.merge(app.export())
    assert read(peer, "SELECT title FROM task WHERE id = 't1'") == [("unsent",)]


def test_the_history_of_what_is_made_anew(make: Make) -> None:
    """It says of each write what it was at first, and by whom; what was made anew counts once, for rows of the past and for an undo."""
    app, peer = make(types={"task.n": "counter"})
    app.keep_history("task")
    sync(app, peer)
    for number in (10, 100):
        app.connection.execute("INSERT INTO crdt_actor (actor, run) VALUES ('bot', 'r1')")
        app.connection.execute("UPDATE task SET n = n + ? WHERE id = 't1'", (number,))
        app.connection.execute("INSERT INTO task (id) VALUES (?)", (f"t{number}",))
        app.connection.execute("DELETE FROM crdt_actor")
        app.fold()
    rejoined(app, peer)
    for one in (app, peer):
        assert one.as_of("task", timedelta(0), "t1")[0].values["n"] == 111
        told = [
            (entry.did, entry.values["n"], None if entry.by is None else entry.by.run)
            for entry in one.history("task", "t1")
        ]
        assert told == [("before", 1, None), ("updated", 11, "r1"), ("updated", 111, "r1"), ("updated", 111, None)]
    report = peer.undo(run="r1")
    assert not report.undone
    assert [(one.key, "as it rejoined" in one.why) for one in report.left] == [
        (("t1",), True),
        (("t10",), True),
        (("t100",), True),
    ]


def test_entries_that_were_taken_out(make: Make) -> None:
    """What a history was relieved of while nobody heard of it goes there too."""
    app, peer = make()
    app.keep_history("task")
    app.connection.execute("UPDATE task SET n = 7 WHERE id = 't1'")
    sync(app, peer)
    app.end_history("task", drop=True)
    app.fold()
    assert not rejoined(app, peer).logged
    assert app.history("task") == peer.history("task") == []


def test_a_restored_backup(make: Make, tmp_path: Path) -> None:
    """A file that was restored rejoins with what was written since then; what it had sent before comes from the other replica."""
    app, peer = make()
    app.close()
    shutil.copy(tmp_path / "app.db", tmp_path / "backup.db")
    with Replica.open(tmp_path / "app.db", now=Clock(step=5)) as app:
        app.connection.execute("INSERT INTO task VALUES ('sent', 'S', NULL, 5); DELETE FROM task WHERE id = 't3'")
        sync(app, peer)
    shutil.copy(tmp_path / "backup.db", tmp_path / "app.db")
    app = Replica.open(tmp_path / "app.db", now=Clock(step=5))
    app.connection.execute("INSERT INTO task VALUES ('since', 'S', NULL, 5)")
    report = rejoined(app, peer)
    assert report.tables["task"].inserted == 1
    assert [row[0] for row in read(app, TASKS)] == ["sent", "since", "t1", "t2"]


def test_what_a_third_replica_has(make: Make, tmp_path: Path) -> None:
    """Writes that a third replica would bring once more are not written anew, unless it never will."""
    app, peer = make()
    third = peer.clone(tmp_path / "third.db")
    app.connection.execute("INSERT INTO note VALUES (3, NULL, NULL, 'ours')")
    sync(app, third)
    before = read(app, NOTES), app.site, sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(errors.CannotRejoinError, match="would bring them"):
        app.rejoin(peer.export())
    assert (read(app, NOTES), app.site, sorted(path.name for path in tmp_path.iterdir())) == before
    assert rejoined(app, peer, anyway=True).tables["note"].inserted == 1


def test_writes_of_others(make: Make, tmp_path: Path) -> None:
    """Writes of third sites are theirs to bring: they are gone here until then, named in the report, and in the copy."""
    app, peer = make()
    third = peer.clone(tmp_path / "third.db")
    third.connection.execute("INSERT INTO task VALUES ('third', 'T', NULL, 5)")
    app.merge(third.export())
    report = app.rejoin(peer.export())
    assert report.others == [third.site]
    assert "third" not in [row[0] for row in read(app, TASKS)]
    with Replica.open(report.copy) as old:
        assert "third" in [row[0] for row in read(old, TASKS)]
    sync(app, third)
    assert "third" in [row[0] for row in read(app, TASKS)]


def test_a_table_that_the_other_one_lacks(make: Make) -> None:
    """All rows of a table that the other replica never had are kept."""
    app, peer = make()
    app.connection.execute("CREATE TABLE own (id INTEGER PRIMARY KEY, v); INSERT INTO own VALUES (1, 'x'), (2, 'y')")
    app.enable("own")
    app.connection.execute("UPDATE own SET v = 'z' WHERE id = 2")
    report = app.rejoin(peer.export())
    assert report.tables["own"].inserted == 2
    assert read(app, "SELECT * FROM own") == [(1, "x"), (2, "z")]


def test_what_is_no_state(make: Make) -> None:
    """What is not all that another replica has is refused, and nothing changes: a delta, this file's own, nothing at all, damage."""
    app, peer = make()
    peer.connection.execute("UPDATE task SET n = 7")
    state = read(app, TASKS), app.site
    for data, error in (
        (peer.export(app.vector()), errors.CannotRejoinError),
        (app.export(), errors.CannotRejoinError),
        (b"", errors.InvalidChangesetError),
        (peer.export()[:-1], errors.InvalidChangesetError),
    ):
        with pytest.raises(error):
            app.rejoin(data)
    assert (read(app, TASKS), app.site) == state


def test_open_conflicts_stay_open(make: Make) -> None:
    """Entries of the conflict log that were open stay so, those that were resolved too, until somebody writes the cell."""
    app, peer = make()
    for column in ("title", "mark"):
        app.connection.execute(f"UPDATE task SET {column} = 'ours' WHERE id = 't1'")
        peer.connection.execute(f"UPDATE task SET {column} = 'theirs' WHERE id = 't1'")
        app.fold(), peer.fold()
    app.merge(peer.export(app.vector()))
    first, second = app.conflicts()
    app.resolve(first.id, "ours")
    assert [entry.resolved for entry in app.conflicts()] == [True, False]
    app.rejoin(peer.export())
    assert [entry.resolved for entry in app.conflicts()][:2] == [True, False]
    app.connection.execute("UPDATE task SET n = 7 WHERE id = 't1'")
    sync(app, peer)
    assert [entry.resolved for entry in app.conflicts()][:2] == [True, False]
    app.resolve(second.id, "ours")
    assert [entry.resolved for entry in app.conflicts()][:2] == [True, True]


def test_an_open_conflict_that_ours_had_won(make: Make) -> None:
    """An entry whose winner is written anew stays open, because nobody has decided yet."""
    app, peer = make()
    peer.connection.execute("UPDATE task SET title = 'theirs' WHERE id = 't1'")
    peer.fold()
    app.connection.execute("UPDATE task SET title = 'ours' WHERE id = 't1'")
    app.fold(), app.merge(peer.export(app.vector()))
    rejoined(app, peer)
    (entry,) = app.conflicts()
    assert (entry.ours, entry.theirs, entry.resolved) == ("ours", "theirs", False)
    assert entry.present == (entry.won_hlc, entry.won_site)


def test_conflicts_that_somebody_resolved_there(make: Make) -> None:
    """An entry is resolved by a write of the other replica that had seen both of its values."""
    app, peer = make()
    app.connection.execute("UPDATE task SET title = 'ours' WHERE id = 't1'")
    peer.connection.execute("UPDATE task SET title = 'theirs' WHERE id = 't1'")
    app.fold(), sync(app, peer)
    assert [entry.resolved for entry in app.conflicts()] == [False]
    peer.connection.execute("UPDATE task SET title = 'both' WHERE id = 't1'")
    app.rejoin(peer.export())
    assert [entry.resolved for entry in app.conflicts()] == [True]


def test_triggers_of_the_users(make: Make) -> None:
    """What the user's triggers wrote to replicated tables was captured the first time; those for other tables fire again."""
    extra = """
    CREATE TABLE total (id INTEGER PRIMARY KEY, n INTEGER); CREATE VIRTUAL TABLE words USING fts5 (id, body);
    CREATE TRIGGER counts AFTER INSERT ON note BEGIN UPDATE total SET n = n + 1; END;
    CREATE TRIGGER finds AFTER INSERT ON note BEGIN INSERT INTO words VALUES (new.id, new.body); END;
    CREATE TRIGGER loses AFTER DELETE ON note BEGIN DELETE FROM words WHERE id = old.id; END;
    """
    app, peer = make(SCHEMA + extra, "INSERT INTO total VALUES (1, 0);" + ROWS, types={"total.n": "counter"})
    app.connection.execute("INSERT INTO note VALUES (7, NULL, NULL, 'seventh')")
    peer.connection.execute("INSERT INTO note VALUES (8, NULL, NULL, 'eighth')")
    rejoined(app, peer)
    assert read(app, "SELECT n FROM total") == [(4,)]
    assert read(app, "SELECT body FROM words ORDER BY id") == read(app, "SELECT body FROM note ORDER BY id")
    app.connection.execute("INSERT INTO note VALUES (9, NULL, NULL, 'ninth')")
    assert read(app, "SELECT n FROM total") == [(5,)]
    sync(app, peer)
    assert read(peer, "SELECT n FROM total") == [(5,)]


def test_rows_that_are_one_thing(make: Make) -> None:
    """A row that the UNIQUE policy `same` makes one with a row there is that row, and references from unsent rows follow."""
    app, peer = make(
        "CREATE TABLE tag (id INTEGER PRIMARY KEY, name TEXT UNIQUE); CREATE TABLE of (tag REFERENCES tag(id), x TEXT PRIMARY KEY);",
        "",
    )
    for replica in (app, peer):
        replica.set_unique("tag", ["name"], "same")
    app.connection.execute("INSERT INTO tag VALUES (1, 'home'); INSERT INTO of VALUES (1, 'ours')")
    peer.connection.execute("INSERT INTO tag VALUES (5, 'home'), (1, 'work')")
    assert not rejoined(app, peer).logged
    assert read(app, "SELECT tag, x FROM of") == [(5, "ours")]
    assert read(app, "SELECT id, name FROM tag ORDER BY id") == [(1, "work"), (5, "home")]


def test_schemas_that_differ(make: Make) -> None:
    """A column that this file lacks is kept; what was written to one that it has dropped since is told of."""
    app, peer = make("CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, v, w);", "INSERT INTO t VALUES ('1', 'v', 'w');")
    peer.alter("ALTER TABLE t ADD COLUMN more")
    peer.connection.execute("UPDATE t SET more = 'm'")
    sync(app, peer)
    app.connection.execute("UPDATE t SET v = 'V'; INSERT INTO t VALUES ('2', 'x', 'y')")
    app.alter("ALTER TABLE t DROP COLUMN w")
    assert told(app.rejoin(peer.export())) == [("t", "2", "insert", {"w": "y"}, "its column is not in this file")]
    sync(app, peer)
    assert read(app, "SELECT * FROM t ORDER BY id") == [("1", "V"), ("2", "x")]
    assert read(peer, "SELECT * FROM t ORDER BY id") == [("1", "V", "w", "m"), ("2", "x", None, None)]


def test_rows_of_a_table_that_is_not_replicated(make: Make) -> None:
    """Rows that are not replicated are never left without the row they refer to: then nothing is done, and no copy stays."""
    app, peer = make()
    app.connection.execute("CREATE TABLE own (task TEXT REFERENCES task(id)); INSERT INTO own VALUES ('t3')")
    peer.connection.execute("DELETE FROM task WHERE id = 't3'")
    before = read(app, TASKS), app.site
    with pytest.raises(errors.ConstraintViolationError, match="'own'"):
        app.rejoin(peer.export())
    assert (read(app, TASKS), app.site) == before
    assert not [*Path(app.path).parent.glob("*.before-rejoin-*")]


def test_text_that_is_no_utf_8(make: Make) -> None:
    """Text that is no UTF-8 is written anew as it is."""
    app, peer = make()
    app.connection.execute("INSERT INTO task VALUES ('x', CAST(x'ff41' AS TEXT), NULL, 5)")
    app.rejoin(peer.export())
    assert read(app, "SELECT hex(title), typeof(title) FROM task WHERE id = 'x'") == [("FF41", "text")]


def test_inside_a_transaction(make: Make) -> None:
    """Nothing is done while a transaction is open."""
    app, peer = make()
    app.connection.execute("BEGIN")
    with pytest.raises(errors.UsageError, match="a transaction is open"):
        app.rejoin(peer.export())


def test_rows_that_were_combined(make: Make, tmp_path: Path) -> None:
    """Rows of a file that was combined with this one are this file's to bring, though they are another site's."""
    app, peer = make()
    connection = apsw.Connection(str(tmp_path / "strange.db"))
    connection.execute(SCHEMA + "INSERT INTO note VALUES (1, NULL, NULL, 'strange'), (2, NULL, 1, 'child')")
    connection.close()
    app.combine(tmp_path / "strange.db")
    report = rejoined(app, peer)
    assert (report.tables["note"].inserted, report.others) == (2, [])
    names = "SELECT note.body, up.body FROM note JOIN note AS up ON up.id = note.up ORDER BY 1"
    assert read(peer, names) == [("child", "strange"), ("second", "first")]
    with pytest.raises(errors.CannotCombineError, match="was not combined"):
        app.undo_combine()
