"""Revisions: another one after each write of a row, and the same for as long as nobody writes it."""

from __future__ import annotations

import sqlite3
import time
from itertools import count
from pathlib import Path
from random import Random

import apsw
import pytest
from click.testing import CliRunner

from crdtsql import Replica, sync
from crdtsql.base.errors import RevisionError, UnknownRowError, UsageError, WriteRefusedError
from crdtsql.ui.cli import cli
from tests.support import peers, seeds
from tests.support.peers import read, write

SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT, code TEXT UNIQUE, votes INTEGER CHECK (votes < 100), tags TEXT);
CREATE TABLE pair (a INTEGER NOT NULL, b TEXT NOT NULL, v, PRIMARY KEY (b, a)) WITHOUT ROWID;
CREATE TABLE ticket (id INTEGER PRIMARY KEY, subject TEXT, task TEXT REFERENCES task ON DELETE CASCADE);
INSERT INTO task VALUES ('old', 'was there', 'c0', 0, '[]'), ('older', 'was there', 'c1', 0, '[]');
"""
Revisions = dict[tuple[str, object], str]


def now() -> int:
    """Return the machine's time: what waits in the log was written by it."""
    return time.time_ns() // 1_000_000


def make(folder: Path) -> list[Replica]:
    """Make two replicas of three tables, one of which has rows from before."""
    connection = apsw.Connection(str(folder / "a.db"))
    connection.execute(SCHEMA)
    connection.close()
    sites = count(1)
    one = Replica.open(folder / "a.db", now=now, make_site=lambda: bytes([next(sites)] * 16))
    one.enable("task", types={"votes": "counter", "tags": "set"})
    one.enable("pair")
    one.enable("ticket", identity="key")
    return [one, one.clone(folder / "b.db")]


@pytest.fixture
def both() -> list[Replica]:
    """Give two replicas in memory."""
    return peers.in_memory("revisions", make, now)


def revisions(replica: Replica) -> Revisions:
    """Return what the view says."""
    return {
        (table, key): found for table, key, found in read(replica, 'SELECT tbl, "key", revision FROM crdt_revision')
    }


def content(replica: Replica) -> dict[tuple[str, object], tuple[object, ...]]:
    """Return all rows by table and key, as the view names them."""
    found: dict[tuple[str, object], tuple[object, ...]] = {}
    for table, key in (("task", "id"), ("pair", "quote(b) || ', ' || quote(a)"), ("ticket", "id")):
        found |= {(table, row[0]): row for row in read(replica, f"SELECT {key}, * FROM {table}")}
    return found


def statement(random: Random) -> str:
    """Return a statement of a program; some change nothing, and some are refused."""
    key, code, number = random.choice(("old", "x", "y", "z")), random.randrange(3), random.randrange(1, 4)
    return random.choice(
        (
            f"INSERT INTO task VALUES ('{key}', 'new', 'c{code}', 1, '[]')",
            f"INSERT OR REPLACE INTO task VALUES ('{key}', 'new', 'c{code}', 1, '[1]')",
            f"INSERT INTO task VALUES ('{key}', 'n', NULL, 0, '[]') ON CONFLICT (id) DO UPDATE SET title = title || '+'",
            f"UPDATE task SET title = title || '.' WHERE id = '{key}'",
            f"UPDATE task SET votes = votes + 1, tags = '[{code}]' WHERE id = '{key}'",
            f"UPDATE task SET title = title WHERE id = '{key}'",
            f"UPDATE task SET id = 'moved' WHERE id = '{key}'",
            f"DELETE FROM task WHERE id = '{key}'",
            f"INSERT OR REPLACE INTO pair VALUES ({number}, 'b', {code})",
            f"UPDATE pair SET v = ifnull(v, 0) + 1 WHERE a = {number}",
            f"DELETE FROM pair WHERE a = {number}",
            f"INSERT INTO ticket VALUES ({number}, 's', NULL)",
            f"UPDATE ticket SET subject = subject || '!' WHERE id = {number}",
            f"DELETE FROM ticket WHERE id = {number}",
        )
    )


@pytest.mark.parametrize("seed", seeds.chosen(20))
def test_each_write_gives_another_revision_and_nothing_else_does(both: list[Replica], seed: int) -> None:
    """Rows that a statement or a merge changed have another revision, all others the one before; a fold changes none.

    A revision that was given once never comes back for other content: that is what a writer relies on who compares it.
    """
    random = Random(seed)
    every: list[dict[tuple[str, object, str], tuple[object, ...]]] = [{}, {}]
    for _ in range(40):
        place = random.randrange(2)
        one = both[place]
        before, rows = revisions(one), content(one)
        if random.random() < 0.2:
            one.merge(both[1 - place].export(one.vector()))
        else:
            for _ in range(random.choice((1, 1, 3))):
                try:
                    one.connection.execute(statement(random))
                except apsw.ConstraintError:
                    continue
        waiting, now = revisions(one), content(one)
        for name, row in now.items():
            if name in rows and rows[name] != row:  # a row that was held and is shown again was not written
                assert waiting[name] != before.get(name), f"{name} was written"
            if name in waiting:
                assert every[place].setdefault((*name, waiting[name]), row) == row, f"{name} had that revision before"
        assert waiting.keys() <= now.keys() | {name for name in waiting if name[0] == "task"}
        if random.random() < 0.5:
            one.fold()
            folded = revisions(one)
            touched = {name for name in folded if folded[name] != waiting.get(name)}
            assert touched <= {
                name for name in waiting if waiting[name] != before.get(name) and now.get(name) == rows.get(name)
            }
            for (table, key), found in folded.items():
                if table != "pair" and (table, key) in now:
                    assert one.revision(table, key) == found  # type: ignore[arg-type]
    assert {name for name in content(both[0]) if name not in revisions(both[0])} <= {("task", "old"), ("task", "older")}


def test_compare_and_swap_in_plain_sql(both: list[Replica]) -> None:
    """A program that knows nothing but SQL writes only what it looked at, rows from before among them."""
    one, other = both
    look = "SELECT ifnull((SELECT revision FROM crdt_revision WHERE tbl = 'task' AND \"key\" = 'old'), '0')"
    swap = f"UPDATE task SET title = ? WHERE id = 'old' AND ({look}) = ?"

    def swapped(title: str, seen: object) -> bool:
        one.connection.execute(swap, (title, seen))
        return bool(one.connection.changes())

    ((seen,),) = read(one, look)
    assert seen == "0" and swapped("mine", seen) and not swapped("again", seen)
    ((waiting,),) = read(one, look)
    one.fold()
    assert swapped("folded meanwhile", waiting)
    ((seen,),) = read(one, look)
    write(other, "UPDATE task SET votes = votes + 1 WHERE id = 'old'")
    one.merge(other.export(one.vector()))
    assert not swapped("unseen", seen)
    assert read(one, "SELECT title, votes FROM task WHERE id = 'old'") == [("folded meanwhile", 1)]


def test_look_ups_use_the_keys(both: list[Replica]) -> None:
    """One row is found by its key, of one column or of several, without looking at others."""
    one = both[0]
    write(one, "INSERT INTO pair VALUES (7, 'b', 1)", "INSERT INTO ticket VALUES (7, 's', NULL)")
    one.fold()
    steps = [0]

    def count() -> bool:
        steps[0] += 1
        return False

    def cost(wanted: str) -> int:
        steps[0] = 0
        one.connection.set_progress_handler(count, 1)
        assert len(read(one, f"SELECT revision FROM crdt_revision WHERE {wanted}")) == 1
        one.connection.set_progress_handler(None)
        return steps[0]

    every = (
        "tbl = 'task' AND \"key\" = 'old'",
        "tbl = 'pair' AND k1 = 'b' AND k2 = 7",
        "tbl = 'ticket' AND \"key\" = 7",
    )
    write(one, "UPDATE task SET title = 'x'")
    one.fold()
    before = [cost(wanted) for wanted in every]
    write(
        one,
        *(f"INSERT INTO task VALUES ('{n}', 't', NULL, 0, '[]')" for n in range(200)),
        *(f"INSERT INTO pair VALUES ({n}, 'c', 0)" for n in range(200)),
        *(f"INSERT INTO ticket VALUES ({n + 100}, 's', NULL)" for n in range(200)),
    )
    one.fold()
    assert [cost(wanted) for wanted in every] == before
    assert read(one, f"SELECT revision FROM crdt_revision WHERE {every[1]}") == [(one.revision("pair", "b", "7"),)]


def test_write_only_what_was_looked_at(both: list[Replica]) -> None:
    """`write` and `delete` refuse what somebody wrote since, say who, and change nothing."""
    one, other = both
    seen = one.revision("task", "old")
    write(other, "UPDATE task SET title = 'theirs' WHERE id = 'old'")
    sync(one, other)
    with pytest.raises(RevisionError, match=r"title by 0202.*--if-revision") as refused:
        one.write("task", "old", values={"title": "mine"}, if_revision=seen)
    assert refused.value.revision == one.revision("task", "old") != seen
    with pytest.raises(RevisionError):
        one.delete("task", "old", if_revision=seen)
    assert read(one, "SELECT title FROM task WHERE id = 'old'") == [("theirs",)]
    after = one.write("task", "old", values={"TITLE": "mine", "votes": 3}, if_revision=refused.value.revision)
    assert after == one.revision("task", "old") != refused.value.revision
    assert one.write("task", "new", values={"title": "n", "tags": "[]"}, if_revision="absent") == one.revision(
        "task", "new"
    )
    with pytest.raises(RevisionError, match="not at revision absent"):
        one.write("task", "new", values={"title": "n"}, if_revision="absent")
    one.delete("task", "new")
    assert one.revision("task", "new") == "absent"
    sync(one, other)
    assert read(other, "SELECT id, title, votes FROM task") == read(one, "SELECT id, title, votes FROM task")


@pytest.mark.parametrize(
    ("values", "error", "said"),
    [
        ({"votes": 100}, WriteRefusedError, "CHECK"),
        ({"code": "c1"}, WriteRefusedError, "UNIQUE"),
        ({"nope": 1}, UsageError, "no column 'nope'"),
        ({"id": "other"}, UsageError, "part of the key"),
        ({}, UsageError, "name the columns"),
    ],
)
def test_bad_writes_are_refused(
    both: list[Replica], values: dict[str, object], error: type[Exception], said: str
) -> None:
    """Bad values are refused in one line, and nothing is changed."""
    before = content(both[0])
    with pytest.raises(error, match=said):
        both[0].write("task", "old", values=values)  # type: ignore[arg-type]
    assert content(both[0]) == before
    with pytest.raises(UnknownRowError):
        both[0].delete("task", "nobody")
    with pytest.raises(UsageError, match=r"give 2 value\(s\)"):
        both[0].revision("pair", "b")


def test_unseen_overwrites(both: list[Replica]) -> None:
    """What was overwritten by somebody who had not seen it is listed with both values, and how far apart the writes were."""
    one, other = both
    write(one, "UPDATE task SET title = 'first' WHERE id = 'old'", "UPDATE task SET title = 'a' WHERE id = 'older'")
    one.fold()
    write(other, "UPDATE task SET title = 'b' WHERE id = 'older'")
    other.fold()
    write(other, "UPDATE task SET title = 'second' WHERE id = 'old'")
    sync(one, other)
    found = read(one, 'SELECT "key", lost_value, won_value, how FROM crdt_unseen_overwrites ORDER BY "key"')
    assert [row[0] for row in found] == ["old", "older"] and found[0][1:3] == ("first", "second")
    assert found[1][3] == "concurrent"


def test_command_line(tmp_path: Path) -> None:
    """The commands print revisions, write, and exit with 3 where somebody was faster."""
    path = str(tmp_path / "a.db")
    with sqlite3.connect(path) as connection:
        connection.executescript(SCHEMA)
    connection.close()

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli, [*words])
        return done.exit_code, done.output.strip()

    assert run("enable", path, "--all")[0] == 0
    assert run("revision", path, "task", "old") == (0, "0")
    code, first = run("write", path, "task", "old", "title=a=b:=c", "votes:=5", "code:=null", "--if-revision", "0")
    assert code == 0 and run("revision", path, "task", "old") == (0, first)
    code, said = run("write", path, "task", "old", "title=late", "--if-revision", "0")
    assert code == 3 and "\n" not in said and f"--if-revision {first}" in said
    assert run("write", path, "pair", "b", "1", "v=x", "--if-revision", "absent")[0] == 0
    for words, told in (("title", "no value"), ("votes:=x", "no value as JSON"), ("votes:=[1]", "no value as JSON")):
        code, said = run("write", path, "task", "old", words)
        assert code == 2 and told in said
    assert run("write", path, "pair", "b", "1", "--delete") == (0, "deleted pair ('b', '1')")
    assert run("write", path, "pair", "b", "1", "--delete")[0] == 1
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT title, votes, code FROM task WHERE id = 'old'").fetchall() == [
            ("a=b:=c", 5, None)
        ]
    connection.close()
