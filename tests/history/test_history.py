"""What a history keeps, and what it says of it: writes of plain clients, on all replicas, through changes of the schema."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import CrdtsqlError, Replica, sync
from crdtsql.base.errors import UsageError
from crdtsql.capture import enable
from crdtsql.history import HistoryEntry
from tests.history.conftest import SCHEMA
from tests.support import peers


def client(replica: Replica, *statements: str) -> None:
    """Write as another program does, in one transaction."""
    connection = apsw.Connection(replica.path)
    connection.execute("BEGIN")
    for statement in statements:
        connection.execute(statement)
    connection.execute("COMMIT")
    connection.close()


def told(replica: Replica, *key: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(entry.did, entry.values) for entry in replica.history("task", *key)]


def rows(replica: Replica, table: str = "task") -> list[Any]:
    return replica.connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()


def past(replica: Replica, ms: int, *key: Any) -> list[Any]:
    found = replica.as_of("task", datetime.fromtimestamp(ms / 1000, UTC), *key)
    return sorted(tuple(row.values.values()) for row in found)


def test_every_value_is_kept_that_was_ever_written(app: Replica) -> None:
    """Also those that were replaced in one transaction, before any command of crdtsql saw them."""
    client(
        app,
        "UPDATE task SET title = x'0001' WHERE id = 't1'",
        "UPDATE task SET title = NULL, n = 5 WHERE id = 't1'",
        "UPDATE task SET title = 'last' WHERE id = 't1'",
        "INSERT INTO task VALUES ('t3', 'made', 1)",
        "UPDATE task SET n = 2.5 WHERE id = 't3'",
        "DELETE FROM task WHERE id = 't3'",
        "INSERT INTO task VALUES ('t3', 'again', 4)",
    )
    assert told(app, "t1") == [
        ("before", {"title": "one", "n": 1}),
        ("updated", {"title": b"\x00\x01"}),
        ("updated", {"title": None, "n": 5}),
        ("updated", {"title": "last"}),
    ]
    assert told(app, "t3") == [
        ("inserted", {"title": "made", "n": 1}),
        ("updated", {"n": 2.5}),
        ("deleted", {}),
        ("inserted", {"title": "again", "n": 4}),
    ]
    assert told(app, "t2") == []


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("INSERT OR REPLACE INTO task VALUES ('t1', 'new', 7)", ("inserted", {"title": "new", "n": 7})),
        ("INSERT INTO task VALUES ('t1', 'x', 7) ON CONFLICT DO UPDATE SET title = 'up'", ("updated", {"title": "up"})),
        ("DELETE FROM task WHERE id = 't1'", ("deleted", {})),
        ("UPDATE task SET id = 't9' WHERE id = 't1'", ("deleted", {})),
        ("UPDATE task SET title = title || '!'", ("updated", {"title": "one!"})),
    ],
)
def test_the_first_write_brings_along_how_the_row_was(statement: str, expected: Any, app: Replica) -> None:
    """Whatever it is; nothing is kept of it that a statement which wrote nothing would have written."""
    client(app, statement, "INSERT OR IGNORE INTO task VALUES ('t2', 'ignored', 0)")
    assert told(app, "t1") == [("before", {"title": "one", "n": 1}), expected]
    assert "ignored" not in [entry.values.get("title") for entry in app.history("task")]


def test_it_says_who_wrote(app: Replica) -> None:
    """The actor and the run stand in the entry, also after a compaction, and a row that was there before is nobody's."""
    with app.acting_as("bot", run="r1", note="why"):
        client(app, "UPDATE task SET n = 3 WHERE id = 't1'")
    app.compact(keep_ms=0)
    before, update = app.history("task", "t1")
    assert before.by is None and update.by is not None
    assert (update.by.actor, update.by.run, update.by.note) == ("bot", "r1", "why")


def test_all_who_hear_of_it_keep_it(app: Replica, tmp_path: Path) -> None:
    """What is written on any of them is told on all."""
    with app.clone(tmp_path / "b.db") as b, b.clone(tmp_path / "c.db") as c:
        client(b, "UPDATE task SET n = 7 WHERE id = 't1'")
        sync(b, c), sync(app, b), sync(app, c)
        client(c, "UPDATE task SET title = 'of c' WHERE id = 't1'")
        sync(c, b), sync(b, app)
        assert told(app, "t1")[1:] == [("updated", {"n": 7}), ("updated", {"title": "of c"})]
        assert app.history("task") == b.history("task")


def test_one_that_was_there_before_joins(tmp_path: Path, clock: peers.Clock) -> None:
    """It had no history; a changeset that brings some makes it keep one too."""
    with peers.replica(tmp_path / "app.db", SCHEMA, now=clock, site=1) as app, app.clone(tmp_path / "b.db") as b:
        client(b, "UPDATE task SET n = 3 WHERE id = 't2'")
        app.keep_history("task")
        client(app, "UPDATE task SET n = 2 WHERE id = 't1'")
        sync(app, b)
        assert f"{b.path}: another replica keeps the history of 'task', and so does this one from now on" in b.notices
        client(b, "UPDATE task SET n = 9 WHERE id = 't1'")
        sync(app, b)
        assert [values for _, values in told(app, "t1")] == [{"title": "one", "n": 1}, {"n": 2}, {"n": 9}]
        assert app.history("task") == b.history("task")
        assert not b.doctor().broken and not app.doctor().broken
        assert b.end_history("task", drop=True)
        client(b, "UPDATE task SET n = 10 WHERE id = 't1'")
        client(app, "UPDATE task SET n = 11 WHERE id = 't1'")
        sync(app, b)
        assert [one.is_on for one in b.histories()] == [False]  # who ended it is not asked again
        assert [values["n"] for did, values in told(b, "t1") if did != "before"] == [11]
        with pytest.raises(UsageError, match="begins at"):
            app.as_of("task", timedelta(seconds=20))


def test_the_others_hear_of_it_with_the_next_sync(tmp_path: Path, clock: peers.Clock) -> None:
    """Also if nothing was written since it began: what they write is kept from then on."""
    with peers.replica(tmp_path / "app.db", SCHEMA, now=clock, site=1) as app, app.clone(tmp_path / "b.db") as b:
        app.keep_history("task")
        sync(app, b)
        assert [notice for notice in b.notices if "history" in notice] == [
            f"{b.path}: another replica keeps the history of 'task', and so does this one from now on"
        ]
        for n in (3, 4):
            client(b, f"UPDATE task SET n = {n} WHERE id = 't1'")
        sync(app, b)
        assert told(app, "t1")[1:] == [("updated", {"n": 3}), ("updated", {"n": 4})]
        assert past(app, clock.ms + 5, "t1") == [("t1", "one", 4)]
        assert not app.keep_history("task") and not b.doctor().broken


def test_a_new_column_is_not_one_that_is_gone(app: Replica, clock: peers.Clock) -> None:
    """A column was dropped, and another one got its name: the past of the one is not that of the other."""
    client(app, "UPDATE task SET n = 4 WHERE id = 't1'")
    app.alter("ALTER TABLE task DROP COLUMN n")
    app.alter("ALTER TABLE task ADD COLUMN n DEFAULT 7")
    clock.ms += 5
    between = clock.ms
    clock.ms += 5
    said = (
        "INSERT INTO crdt_actor (actor) VALUES ('bot')",
        "UPDATE task SET n = 9 WHERE id = 't1'",
        "DELETE FROM crdt_actor",
    )
    client(app, *said)
    assert [values for _, values in told(app, "t1")] == [{"title": "one", "n (gone)": 1}, {"n (gone)": 4}, {"n": 9}]
    assert past(app, between, "t1") == [("t1", "one", 7)]  # its default, as the table showed it
    statement = 'SELECT "column", value FROM crdt_history WHERE "key" = \'t1\' AND "column" LIKE \'n%\' ORDER BY hlc'
    assert app.connection.execute(statement).fetchall() == [("n (gone)", 1), ("n (gone)", 4), ("n", 9)]
    (left,) = app.undo(actor="bot").left
    assert (left.column, left.why) == ("n", "the history does not have the value before")
    assert rows(app)[0] == ("t1", "one", 9)


def test_a_disabled_table_takes_its_history_along(app: Replica) -> None:
    """It would not know what is written meanwhile; what it has stays as a table, and is in nobody's way."""
    client(app, "UPDATE task SET n = 4 WHERE id = 't1'")
    assert app.disable("task") == ["task", "crdt_history_task"]
    client(app, "UPDATE task SET n = 5 WHERE id = 't1'")
    app.enable("task")
    with pytest.raises(CrdtsqlError, match="already, as it is where") as refused:
        app.keep_history("task")
    (command,) = re.findall("`sqlite3 .* '(ALTER TABLE .*)'`", str(refused.value))
    client(app, command)
    app.keep_history("task")
    client(app, "UPDATE task SET n = 6 WHERE id = 't1'")
    assert told(app, "t1") == [("before", {"title": "one", "n": 5}), ("updated", {"n": 6})]
    assert len(rows(app, "crdt_history_task_before")) == 3 and not app.doctor().broken
    app.disable("crdt_history_task")
    client(app, "UPDATE task SET n = 7 WHERE id = 't1'")
    assert app.histories() == [] and not app.doctor().broken


def test_it_follows_the_schema(app: Replica, tmp_path: Path) -> None:
    """New columns, by crdtsql or by another program, other names and other types; on a replica that has the column later, too."""
    with app.clone(tmp_path / "b.db") as b:
        app.alter("ALTER TABLE task ADD COLUMN owner TEXT DEFAULT 'nobody'")
        client(app, "UPDATE task SET owner = 'ann' WHERE id = 't1'")
        client(app, "ALTER TABLE task ADD COLUMN place", "UPDATE task SET place = 'here' WHERE id = 't1'")
        app.fold()
        client(app, "UPDATE task SET place = 'there' WHERE id = 't1'")
        app.alter("ALTER TABLE task RENAME COLUMN title TO name")
        client(app, "UPDATE task SET name = 'named' WHERE id = 't1'")
        app.set_type("task", "n", "counter")
        client(app, "UPDATE task SET n = n + 1 WHERE id = 't1'")
        expected = [
            ("before", {"name": "one", "n": 1}),
            ("updated", {"owner": "ann"}),
            ("updated", {"place": "here"}),
            ("updated", {"place": "there"}),
            ("updated", {"name": "named"}),
            ("updated", {"n": 2}),
        ]
        assert [(did, {k: v for k, v in values.items() if (did, k) not in {("before", "owner"), ("before", "place")}})
                for did, values in told(app, "t1")] == expected  # fmt: skip
        b.set_type("task", "n", "counter")
        sync(app, b)
        b.alter("ALTER TABLE task ADD COLUMN owner TEXT DEFAULT 'nobody'")
        assert ("updated", {"owner": "ann"}) in told(b, "t1")
        b.alter("ALTER TABLE task ADD COLUMN place")
        b.alter("ALTER TABLE task RENAME TO job")
        client(b, "UPDATE job SET place = 'of b' WHERE id = 't1'")
        sync(app, b)
        assert told(app, "t1")[-1] == ("updated", {"place": "of b"})
        assert [entry.values for entry in b.history("job", "t1")][-1] == {"place": "of b"}
        for replica in (app, b):
            assert not replica.doctor().broken


def test_no_program_changes_it(app: Replica) -> None:
    """Neither by UPDATE nor DELETE, nor by taking the triggers away unnoticed."""
    client(app, "UPDATE task SET n = 3")
    app.fold()
    for statement in ("UPDATE crdt_history_task SET v_n = 4", "DELETE FROM crdt_history_task"):
        with pytest.raises(apsw.ConstraintError, match="is a history"):
            client(app, statement)
    client(app, 'DROP TRIGGER "_crdt_kept_delete_crdt_history_task"')
    assert any(one.about == "capture" for table in app.doctor().tables for one in table.findings)
    client(app, "UPDATE task SET n = 4")
    app.fold()
    with pytest.raises(apsw.ConstraintError, match="is a history"):
        client(app, "DELETE FROM crdt_history_task")


def test_rows_as_they_were(app: Replica, clock: peers.Clock) -> None:
    """At each time, whether they were written since, made since, deleted since, or never written."""
    clock.ms += 10
    began = clock.ms
    clock.ms += 10
    client(app, "UPDATE task SET n = 5 WHERE id = 't1'", "INSERT INTO task VALUES ('t3', 'three', 3)")
    app.fold()
    clock.ms += 10
    middle = clock.ms
    clock.ms += 10
    client(app, "DELETE FROM task WHERE id = 't1'", "UPDATE task SET title = NULL WHERE id = 't3'")
    assert past(app, began) == [("t1", "one", 1), ("t2", "two", 2)]
    assert past(app, middle) == [("t1", "one", 5), ("t2", "two", 2), ("t3", "three", 3)]
    assert past(app, middle, "t1") == [("t1", "one", 5)] and past(app, clock.ms + 9, "t1") == []
    assert past(app, clock.ms + 9) == [("t2", "two", 2), ("t3", None, 3)]
    with pytest.raises(UsageError, match="begins at"):
        app.as_of("task", datetime.fromtimestamp(began / 1000 - 60, UTC))


def test_a_compaction_changes_nothing_of_it(app: Replica, clock: peers.Clock, tmp_path: Path) -> None:
    """Stamps go, and what sites had seen; entries say all that is needed themselves."""
    with app.clone(tmp_path / "b.db") as b:
        for number in range(4):
            client(app, f"UPDATE task SET n = {number} WHERE id = 't1'")
            client(b, f"UPDATE task SET title = 'b{number}' WHERE id = 't1'", "DELETE FROM task WHERE id = 't2'")
            client(app, f"INSERT OR REPLACE INTO task VALUES ('t2', 'of app {number}', 0)")
            sync(app, b)
        clock.ms += 10
        moment = clock.ms
        clock.ms += 10
        expected = past(app, moment)
        assert expected == rows(app)
        for _ in range(3):
            for replica in (app, b):
                replica.compact(keep_ms=0)
            sync(app, b)
        client(app, "UPDATE task SET n = 99", "DELETE FROM task WHERE id = 't1'")
        sync(app, b)
        assert past(app, moment) == past(b, moment) == expected
        assert app.history("task") == b.history("task")


def test_a_write_says_what_it_had_seen_of_a_row_whose_stamps_are_gone(
    app: Replica, clock: peers.Clock, tmp_path: Path
) -> None:
    """Who deletes a row once a compaction forgot who wrote it has seen these writes all the same: it is not there afterwards."""
    with app.clone(tmp_path / "b.db") as b:
        client(b, "INSERT INTO task VALUES ('t8', 'one', 1), ('t9', 'two', 2)")
        sync(app, b)
        client(app, "UPDATE task SET title = 'of app' WHERE id = 't9'")
        client(b, "UPDATE task SET n = 3 WHERE id = 't9'")
        for _ in range(3):
            sync(app, b)
            for replica in (app, b):
                replica.compact(keep_ms=0)
        client(app, "DELETE FROM task WHERE id IN ('t8', 't9')")
        sync(app, b)
        clock.ms += 10
        assert past(app, clock.ms) == past(b, clock.ms) == rows(app) == rows(b)
        assert not app.as_of("task", timedelta(0), "t8")


def test_old_entries_stay_while_rows_need_them(app: Replica, clock: peers.Clock, tmp_path: Path) -> None:
    """What was added on two sides at once, and a row that was written while another replica deleted it, are as they were."""
    app.set_type("task", "n", "counter")
    app.keep_history("task", keep=timedelta(seconds=1))
    with app.clone(tmp_path / "b.db") as b:
        client(app, "UPDATE task SET n = n + 1 WHERE id = 't1'", "UPDATE task SET title = 'of app' WHERE id = 't2'")
        client(b, "UPDATE task SET n = n + 10 WHERE id = 't1'", "DELETE FROM task WHERE id = 't2'")
        sync(app, b)
    expected = rows(app)
    assert len(expected) == 2
    clock.ms += 1500
    moment = clock.ms
    clock.ms += 10
    client(app, "UPDATE task SET n = n + 100, title = 'later'")
    for _ in range(2):
        app.compact(keep_ms=0)
    assert past(app, moment) == expected
    clock.ms += 1500
    app.compact(keep_ms=0)
    assert len(told(app, "t1")) == 2  # each column's last write, as nobody wrote at once with these
    assert past(app, clock.ms) == rows(app)


def test_old_entries_go_where_they_are_not_kept(app: Replica, clock: peers.Clock) -> None:
    """What is older goes with a compaction, but for what says how rows were at the beginning of the time that is kept."""
    app.keep_history("task", keep=timedelta(seconds=1))
    for number in range(5):
        client(
            app, f"UPDATE task SET n = {number} WHERE id = 't1'", f"UPDATE task SET title = 'x{number}' WHERE id = 't2'"
        )
        app.fold()
    client(app, "DELETE FROM task WHERE id = 't2'")
    app.fold()
    clock.ms += 10
    moment = clock.ms
    expected = past(app, moment)
    clock.ms += 1500
    client(app, "UPDATE task SET n = 77 WHERE id = 't1'")
    app.compact(keep_ms=0)
    assert [values for _, values in told(app, "t1")] == [{"title": "one", "n": 1}, {"n": 4}, {"n": 77}]
    app.compact(keep_ms=0)
    assert told(app, "t2") == []
    assert past(app, moment + 600) == expected
    with pytest.raises(UsageError, match="begins at"):
        past(app, moment)  # from before the time that is kept
    with pytest.raises(UsageError, match="some time"):
        app.keep_history("task", keep=timedelta(0))


def test_a_purge_takes_entries_along(app: Replica, tmp_path: Path) -> None:
    """Of the row that was purged, on all replicas; its values are not in the files any more."""
    with app.clone(tmp_path / "b.db") as b:
        client(app, "UPDATE task SET title = 'a secret of some length' WHERE id = 't1'", "UPDATE task SET n = 9")
        sync(app, b)
        client(app, "DELETE FROM task WHERE id = 't1'")
        app.purge("task", ["t1"], vacuum=True)
        sync(app, b)
        assert told(app, "t1") == told(b, "t1") == []
        assert len(told(b, "t2")) == 2
        b.connection.execute("VACUUM")
        b.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for replica in (app, b):
            assert b"a secret of some" not in Path(replica.path).read_bytes()


def test_the_views_say_the_same(app: Replica) -> None:
    """Each value with when and by whom, and from when until when it was there."""
    with app.acting_as("bot", run="r1"):
        client(app, "UPDATE task SET title = 'two values', n = 5 WHERE id = 't1'", "DELETE FROM task WHERE id = 't2'")
    app.fold()
    view = 'SELECT "key", did, "column", value, actor FROM crdt_history ORDER BY hlc, "key", "column"'
    found = app.connection.execute(view).fetchall()
    assert ("t1", "updated", "title", "two values", "bot") in found and ("t2", "deleted", None, None, "bot") in found
    assert ("t1", "before", "title", "one", None) in found
    asof = """SELECT value, until IS NULL FROM crdt_asof WHERE tbl = 'task' AND "key" = 't1' AND "column" = 'title' ORDER BY since"""
    assert app.connection.execute(asof).fetchall() == [("one", 0), ("two values", 1)]
    gone = """SELECT value FROM crdt_asof WHERE "key" = 't2' AND until IS NULL"""
    assert app.connection.execute(gone).fetchall() == []


def test_it_ends_and_goes_back_a_format(app: Replica) -> None:
    """A file with a history can't be one of an earlier format; what the message says takes it off."""
    client(app, "UPDATE task SET n = 3")
    assert app.end_history("task") and not app.end_history("task")
    client(app, "UPDATE task SET n = 4")
    assert all(entry.values.get("n") != 4 for entry in app.history("task", "t1"))
    assert app.end_history("task", drop=True)
    assert app.history("task") == []
    with pytest.raises(CrdtsqlError, match="disable .*crdt_history_task"):
        app.downgrade(10)
    app.disable("crdt_history_task")
    client(app, "DROP TABLE crdt_history_task")
    assert app.downgrade(10)


def test_it_has_no_history_itself(app: Replica) -> None:
    """Nor is there one of a table that is not replicated."""
    with pytest.raises(UsageError, match="history of another"):
        app.keep_history("crdt_history_task")
    with pytest.raises(CrdtsqlError, match="not replicated"):
        app.keep_history("nothing")
    assert isinstance(app.histories()[0].to_json()["entries"], int)
    assert not isinstance(app.histories()[0], HistoryEntry)


def test_a_stranger_can_spoil_nothing(tmp_path: Path, clock: peers.Clock) -> None:
    """A peer's table that is called like a history and is none, and entries that no crdtsql wrote, stop no sync and no look."""
    with peers.replica(tmp_path / "app.db", SCHEMA, now=clock, site=1) as app, app.clone(tmp_path / "b.db") as b:
        b.keep_history("task")
        client(b, "UPDATE task SET n = 2")
        b.fold()
        b.connection.execute("INSERT INTO crdt_history_task (at, site, op) VALUES (5, 'no blob', 7)")
        row = "INSERT INTO crdt_history_task (at, site, op, k_id, columns, seen, actor) VALUES (6, x'', 4, 't1', ?, ?, x'00')"
        b.connection.execute(row, ('{"a": [', "[[1]]"))
        b.connection.execute(row.replace("(6,", "(7,"), ('["title", 5, "nothing"]', '{"x": 1}'))
        b.connection.execute(row.replace("(6,", "(8,"), ("[" * 50_000, '[[1e999, "x"]]'))
        b.connection.execute(row.replace("(6,", "(9,"), ("[]", "[" * 50_000))
        sync(app, b)
        (joined,) = (notice for notice in app.notices if "keeps the history" in notice)
        assert joined.endswith("another replica keeps the history of 'task', and so does this one from now on")
        assert app.history("task") and app.history("task", "t1")
        assert app.connection.execute("SELECT count(*) FROM crdt_history").get > 0
        assert app.undo(actor="bot").undone == []
        assert app.as_of("task", timedelta(0), "t1")
    with peers.replica(tmp_path / "c.db", SCHEMA, now=clock, site=3) as c, c.clone(tmp_path / "d.db") as d:
        client(d, "CREATE TABLE crdt_history_task (id INTEGER PRIMARY KEY, v)")
        with d._changing():
            enable.enable(d.registry, "crdt_history_task", clock, identity="key")
        client(d, "INSERT INTO crdt_history_task VALUES (1, 'x')", "UPDATE task SET n = 8 WHERE id = 't2'")
        c.merge(d.export(c.vector()))
        assert any("can't be kept here" in notice for notice in c.notices)
        assert rows(c)[1][2] == 8 and not c.histories()
        c.merge(d.export())
        assert len(c.notices) == 1


def test_who_may_write_a_table_may_write_its_history(tmp_path: Path, clock: peers.Clock) -> None:
    """A site that is limited to a table sends what its history says; another table's is refused as that table is."""
    with peers.replica(
        tmp_path / "app.db", SCHEMA + "CREATE TABLE note (id TEXT PRIMARY KEY NOT NULL);", now=clock, site=1
    ) as app:
        app.keep_history("task")
        with app.clone(tmp_path / "b.db") as b:
            app.allow(b.site, tables=["task"])
            client(b, "UPDATE task SET n = 2")
            sync(app, b)
            assert not app.aside() and len(told(app, "t1")) == 2
        with pytest.raises(CrdtsqlError, match="history of another"):
            app.enable("crdt_history_note")


def test_nobody_is_advised_to_change_it(tmp_path: Path, clock: peers.Clock) -> None:
    """Doctor says of columns of a history nothing that it says of the user's, and their types and policies are nobody's choice."""
    schema = "CREATE TABLE doc (id TEXT PRIMARY KEY NOT NULL, tags TEXT)"
    with peers.replica(tmp_path / "app.db", schema, now=clock) as app:
        app.keep_history("doc")
        for number in range(20):
            client(app, f"INSERT INTO doc VALUES ('d{number}', '[\"a\",\"b{number}\"]')")
        found = {table.name: [finding.about for finding in table.findings] for table in app.doctor().tables}
        assert "type" in found["doc"] and "type" not in found["crdt_history_doc"]
        for change in (
            lambda: app.set_type("crdt_history_doc", "v_tags", "set"),
            lambda: app.set_rows("crdt_history_doc", "grow-only"),
        ):
            with pytest.raises(UsageError, match="is the history of another table"):
                change()


def test_what_came_in_is_not_listed_twice(app: Replica, tmp_path: Path) -> None:
    """Entries of a history are no news beside the rows that they tell of; who names the history gets them."""
    with app.clone(tmp_path / "b.db") as b:
        with b.acting_as("bot", run="r1"):
            client(b, "UPDATE task SET title = 'x' WHERE id = 't1'", "UPDATE task SET title = 'y' WHERE id = 't1'")
        sync(app, b)
    for run in (None, "r1"):
        assert [(one.table, one.key) for one in app.log(run=run)] == [("task", ("t1",))]
    assert {one.table for one in app.log("crdt_history_task")} == {"crdt_history_task"}
