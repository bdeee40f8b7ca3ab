"""Which rows the last syncs changed."""

from __future__ import annotations

import json
import random
import sqlite3
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner

from crdtsql import Replica, sync
from crdtsql.base import query
from crdtsql.look import LogEntry
from crdtsql.store import damage
from crdtsql.ui.cli import cli
from tests.support import peers
from tests.support.peers import write

SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT UNIQUE, votes INTEGER);
CREATE TABLE pair (a INTEGER, b TEXT, v, w, PRIMARY KEY (b, a)) WITHOUT ROWID;
"""


def make(folder: Path) -> list[Replica]:
    """Make three replicas that have met."""
    one, other, third = peers.three(folder, SCHEMA)
    write(one, "INSERT INTO task VALUES ('t1', 'one', 1), ('t2', 'two', 2)", "INSERT INTO pair VALUES (1, 'b', 1, 1)")
    sync(one, other)
    sync(one, third)
    return [one, other, third]


@pytest.fixture
def met() -> list[Replica]:
    """Give three replicas in memory that have met, with a clock that goes on."""
    return peers.in_memory("log", make, peers.Clock(step=1))


def seen(entries: list[LogEntry]) -> list[tuple[str, tuple[object, ...], str, tuple[str, ...], int]]:
    """Return what entries say, with sites by their number."""
    return [(one.table, one.key, one.did, one.columns, int(one.site[:2])) for one in entries]


def check_view(replica: Replica) -> None:
    """Check that the view `crdt_log` has what `log` has."""
    viewed = peers.read(
        replica, 'SELECT batch, "table", "key", did, "columns", site, "time", held, actor, run FROM crdt_log'
    )
    said = [
        (
            one.batch,
            one.table,
            one.key[0] if len(one.key) == 1 else ", ".join(map(apsw.format_sql_value, one.key)),
            one.did,
            json.dumps(one.columns, separators=(",", ":")),
            one.site,
            one.time[:19].replace("T", " "),
            one.held,
            one.by and one.by.actor,
            one.by and one.by.run,
        )
        for one in replica.log(limit=None)
    ]
    assert sorted(map(repr, viewed)) == sorted(map(repr, said))


def test_it_says_what_came_and_nothing_else(met: list[Replica]) -> None:
    """Rows that others inserted, updated and deleted are listed with the columns that these wrote; own writes are not."""
    one, other, _ = met
    position = one.position()
    write(one, "INSERT INTO task VALUES ('mine', 'mine', 0)", "UPDATE pair SET w = 7")
    write(other, "UPDATE task SET votes = 5 WHERE id = 't1'", "DELETE FROM task WHERE id = 't2'")
    write(other, "INSERT INTO task VALUES ('t3', 'three', 3)", "UPDATE pair SET v = 9")
    assert one.log(after=position) == []
    sync(one, other)
    found = one.log(after=position)
    assert sorted(seen(found)) == [
        ("pair", ("b", 1), "updated", ("v",), 2),
        ("task", ("t1",), "updated", ("votes",), 2),
        ("task", ("t2",), "deleted", (), 2),
        ("task", ("t3",), "inserted", ("title", "votes"), 2),
    ]
    assert {entry.batch for entry in found} == {one.position()}
    assert one.log(after=one.position()) == [] and len(one.log("pair", after=position)) == 1


def test_the_writer_is_named_not_the_carrier(met: list[Replica]) -> None:
    """What came by way of another replica is that of the site that wrote it; two sites' writes of a row are two entries."""
    one, other, third = met
    write(third, "UPDATE pair SET v = 'third'")
    sync(third, other)
    write(other, "UPDATE pair SET w = 'other'")
    position = one.position()
    sync(one, other)
    assert sorted(seen(one.log(after=position))) == [
        ("pair", ("b", 1), "updated", ("v",), 3),
        ("pair", ("b", 1), "updated", ("w",), 2),
    ]


def test_what_was_overwritten_is_not_listed_any_more(met: list[Replica]) -> None:
    """The log tells of what is there: an own write over what came takes that out of it."""
    one, other, _ = met
    position = one.position()
    write(other, "UPDATE task SET title = 'theirs', votes = 8 WHERE id = 't1'")
    sync(one, other)
    write(one, "UPDATE task SET title = 'mine' WHERE id = 't1'")
    assert seen(one.log(after=position)) == [("task", ("t1",), "updated", ("votes",), 2)]
    write(one, "DELETE FROM task WHERE id = 't1'")
    assert one.log(after=position) == []


def test_rows_that_are_held_are_listed_with_the_reason(met: list[Replica]) -> None:
    """A row that came and can't be shown says why; one that came and took its place says nothing of that."""
    one, other, _ = met
    positions = [one.position(), other.position()]
    write(one, "INSERT INTO task VALUES ('mine', 'same', 0)")
    write(other, "INSERT INTO task VALUES ('other', 'same', 0)")
    sync(one, other)
    entries = [replica.log("task", after=after)[0] for replica, after in zip((one, other), positions, strict=True)]
    (row,) = one.held()
    assert {entry.key: entry.held for entry in entries} == {("mine",): None, ("other",): None} | {
        row.key: "unique: title"
    }
    check_view(one)
    check_view(other)


def test_a_clone_begins_with_an_empty_log(tmp_path: Path) -> None:
    """What a file had when it became a replica of its own came from no sync."""
    with peers.replica(tmp_path / "app.db", SCHEMA, site=1) as app:
        write(app, "INSERT INTO task VALUES ('t1', 'one', 1)")
        with app.clone(tmp_path / "clone.db") as clone:
            assert clone.log() == []
            write(app, "UPDATE task SET votes = 2")
            sync(app, clone)
            assert [entry.columns for entry in clone.log()] == [("votes",)]


def test_rows_that_were_there_before_enable_arrive_too(tmp_path: Path) -> None:
    """Rows that nobody wrote since another replica enabled their table are listed once they come, at most so many as asked for."""
    app = apsw.Connection(str(tmp_path / "app.db"))
    app.execute(f"{SCHEMA} INSERT INTO task VALUES ('t1', 'one', 1), ('t2', 'two', 2)")
    app.close()
    with (
        Replica.open(tmp_path / "app.db", now=peers.Clock()) as app,
        peers.replica(tmp_path / "new.db", SCHEMA, site=2) as new,
    ):
        app.enable("task", "pair")
        position = new.position()
        sync(app, new)
        found = new.log(after=position)
        assert [(entry.key, entry.did, entry.site) for entry in found] == [
            (("t1",), "inserted", app.site),
            (("t2",), "inserted", app.site),
        ]
        assert found[0].hlc < 0 and len(new.log(limit=1)) == 1


def test_the_newest_come_first_whatever_the_size_of_a_merge(met: list[Replica]) -> None:
    """A merge of many rows, which stands in no index, is listed like any other, after those that came later."""
    one, other, _ = met
    write(
        other,
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000) INSERT INTO pair SELECT i, 'x', i, i FROM n",
    )
    position = one.position()
    sync(one, other)
    middle = one.position()
    write(other, "UPDATE task SET votes = 9 WHERE id = 't1'")
    sync(one, other)
    assert len(one.log(after=position, limit=None)) == 6001
    assert seen(one.log(limit=1)) == [("task", ("t1",), "updated", ("votes",), 2)]
    assert [entry.table for entry in one.log(limit=3)] == ["task", "pair", "pair"]
    assert len(one.log(after=middle)) == 1
    check_view(one)


def test_nothing_is_left_out_after_a_long_time(met: list[Replica]) -> None:
    """Where arrivals of long ago share a number, too much is listed after a batch among them, never too little."""
    one, other, _ = met
    positions = []
    for turn in range(20):
        positions.append(one.position())
        write(other, f"INSERT INTO pair VALUES ({turn}, 'late', 0, 0)")
        sync(one, other)
    with one._changing():
        for _ in range(6000):
            one.registry.next_batch()
    for turn, position in enumerate(positions):
        late = {entry.key for entry in one.log(after=position, limit=None)}
        assert late >= {("late", later) for later in range(turn, 20)}


def test_the_view_follows_the_tables(met: list[Replica]) -> None:
    """After tables and columns came and went, the view has what `log` has; with very many tables there is none, and that is no damage."""
    one, other, _ = met
    for statement in (
        "ALTER TABLE task ADD COLUMN note",
        "ALTER TABLE pair DROP COLUMN v",
        "ALTER TABLE pair RENAME COLUMN w TO width",
        "ALTER TABLE pair RENAME TO couple",
    ):
        one.alter(statement)
    sync(one, other)
    write(other, "UPDATE task SET votes = 77")
    sync(one, other)
    check_view(one)
    one.disable("task")
    check_view(one)
    names = [f"t{number}" for number in range(damage.MOST_LOGGED)]
    one.connection.execute("; ".join(f"CREATE TABLE {name} (id TEXT PRIMARY KEY NOT NULL)" for name in names))
    one.enable(*names[:-1])
    assert query.exists(one.connection, "sqlite_schema", "name = 'crdt_log'")
    one.enable(names[-1])
    assert not query.exists(one.connection, "sqlite_schema", "name = 'crdt_log'")
    assert damage.look(one.connection) == []


@pytest.mark.parametrize("seed", range(6))
def test_every_change_of_a_merge_is_listed(met: list[Replica], seed: int) -> None:
    """Every row that a merge changes is in the log after it, with every column that differs."""
    chance = random.Random(seed)
    columns = {"task": ("title", "votes"), "pair": ("v", "w")}
    for _ in range(40):
        replica = chance.choice(met)
        table = chance.choice(["task", "pair"])
        row = chance.randrange(5)
        where = f"id = 'r{row}'" if table == "task" else f"a = {row} AND b = 'r'"
        values = f"('r{row}', {chance.random()}, 1)" if table == "task" else f"({row}, 'r', {chance.random()}, 1)"
        column = chance.choice(columns[table])
        write(
            replica,
            chance.choice(
                (
                    f"INSERT OR REPLACE INTO {table} VALUES {values}",
                    f"UPDATE {table} SET {column} = {chance.random()} WHERE {where}",
                    f"DELETE FROM {table} WHERE {where}",
                )
            ),
        )
        one, other = chance.sample(met, 2)
        before, position = contents(one), one.position()
        one.merge(other.export(one.vector()))
        after = contents(one)
        check_view(one)
        listed: dict[tuple[str, tuple[object, ...]], set[str]] = {}
        for entry in one.log(after=position):
            listed.setdefault((entry.table, entry.key), set()).update(entry.columns or {entry.did})
        for key in before.keys() | after.keys():
            old, new = before.get(key), after.get(key)
            if new is None and old is not None:
                assert listed[key] == {"deleted"}
            elif old is not None and new is not None:
                differing = {name for name, was, now in zip(columns[key[0]], old, new, strict=True) if was != now}
                assert differing <= listed.get(key, set()), key
            elif new is not None:
                assert key in listed


def contents(replica: Replica) -> dict[tuple[str, tuple[object, ...]], tuple[object, ...]]:
    """Return the rows that the tables show."""
    tasks = {("task", (row[0],)): row[1:] for row in peers.read(replica, "SELECT id, title, votes FROM task")}
    return tasks | {("pair", row[:2]): row[2:] for row in peers.read(replica, "SELECT b, a, v, w FROM pair")}


def test_commands_and_sql_tell_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sync --json` and `import --json` say which rows changed, `log` goes on after their position, the view `crdt_log` is the same for any program."""
    monkeypatch.chdir(tmp_path)

    def told(*words: str) -> dict[str, object]:
        done = CliRunner().invoke(cli, [*words, "--json"])
        assert done.exit_code == 0, done.output
        found: dict[str, object] = json.loads(done.stdout)
        return found

    with peers.replica(tmp_path / "app.db", SCHEMA, site=1) as app, peers.replica(tmp_path / "b.db", SCHEMA) as other:
        other.set_name("laptop")
        write(other, "INSERT INTO task VALUES ('t1', 'one', 1)")
        changed = told("sync", "app.db", "b.db")["app.db"]["changed"]  # type: ignore[index]
        assert [(one["key"], one["did"]) for one in changed["entries"]] == [(["t1"], "inserted")]
        write(other, "DELETE FROM task")
        (tmp_path / "new.crdt").write_bytes(other.export(app.vector()))
        entries = told("import", "app.db", "new.crdt")["changed"]["entries"]  # type: ignore[index]
        assert [one["did"] for one in entries] == ["deleted"]
        again = told("log", "app.db", "--after", str(changed["position"]), "--limit", "1")
        assert again["entries"] == entries and not again["more"]
        shown = CliRunner().invoke(cli, ["log", "app.db"]).stdout
        assert "laptop" in shown and "deleted" in shown
        statement = (
            f'SELECT "table", "key", did, "columns", site_name FROM crdt_log WHERE batch > {changed["position"]}'
        )
        shell = sqlite3.connect(tmp_path / "app.db")
        assert shell.execute(statement).fetchall() == [("task", "t1", "deleted", "[]", f"laptop ({other.site[:8]})")]
        shell.close()
