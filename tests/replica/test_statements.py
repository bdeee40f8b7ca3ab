"""Statements of programs that hold no connection: one at a time, within limits, and nothing is overwritten that they have not seen."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random

import apsw
import pytest

from crdtsql import CrdtsqlError, Expected, ReadLimits, Replica
from crdtsql.base.errors import NotEnabledError, RevisionError, StatementError, UsageError
from tests.support import seeds
from tests.support.peers import come_to_rest, read, two, write

SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title, code TEXT UNIQUE, votes INTEGER, owner REFERENCES person);
CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE secret (id INTEGER PRIMARY KEY, word);
CREATE TABLE other (id INTEGER PRIMARY KEY, v);
CREATE TABLE child (id INTEGER PRIMARY KEY, task REFERENCES task DEFERRABLE INITIALLY DEFERRED);
CREATE TRIGGER counted AFTER UPDATE OF title ON task BEGIN UPDATE person SET name = name || '+' WHERE id = 1; END;
CREATE VIEW everything AS SELECT id, title FROM task UNION ALL SELECT id, word FROM secret;
INSERT INTO task VALUES ('t1', 'one', 'c1', 0, NULL), ('t2', 'two', 'c2', 0, NULL);
INSERT INTO person VALUES (1, 'Ann');
"""


def make(folder: Path) -> list[Replica]:
    """Make two replicas of five tables, one of which is not replicated."""
    connection = apsw.Connection(str(folder / "a.db"))
    connection.execute(SCHEMA)
    connection.close()
    sites, hours = count(1), count(1_700_000_000_000, 1000)
    one = Replica.open(folder / "a.db", now=lambda: next(hours), make_site=lambda: bytes([next(sites)] * 16))
    one.enable("task", types={"votes": "counter"})
    one.enable("person", "secret", "child")
    return [one, one.clone(folder / "b.db")]


@pytest.fixture
def one(tmp_path: Path) -> Replica:
    """Give a replica."""
    return make(tmp_path)[0]


@pytest.fixture
def both(tmp_path: Path) -> list[Replica]:
    """Give two replicas."""
    return make(tmp_path)


def test_a_query_gives_rows_and_says_whether_there_are_more(one: Replica) -> None:
    """Names, values and parameters are as SQLite has them; names are there without rows too."""
    found = one.query("SELECT id, votes AS n FROM task WHERE title = :title", {"title": "one"})
    assert (found.columns, found.rows, found.complete) == (("id", "n"), (("t1", 0),), True)
    found = one.query("SELECT id FROM task ORDER BY id", limits=ReadLimits(rows=1))
    assert (found.rows, found.complete) == ((("t1",),), False)
    assert one.query("SELECT id FROM task WHERE 0; -- none").columns == ("id",)
    assert one.query("SELECT x'00ff', 1.5, NULL").to_json()["rows"] == [[{"blob": "00ff"}, 1.5, None]]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM task",
        "SELECT 1; SELECT 2",
        "SELECT 1; DELETE FROM task",
        "PRAGMA user_version = 3",
        "PRAGMA query_only",
        "ATTACH ':memory:' AS more",
        "BEGIN",
        "COMMIT",
        "VACUUM",
        "CREATE TABLE more (a)",
        "CREATE TEMP TABLE more (a)",
        "SELECT load_extension('x')",
        "INSERT INTO task (id) VALUES ('t3') RETURNING id",
        "SELECT * FROM nothing",
        "SELECT FROM",
        "",
        "-- nothing",
    ],
)
def test_a_query_does_nothing_but_read(one: Replica, statement: str) -> None:
    """Whatever else is given is refused, and nothing is left of it."""
    before = read(one, "SELECT * FROM task"), read(one, "PRAGMA user_version")
    with pytest.raises(StatementError):
        one.query(statement)
    assert not one.connection.in_transaction
    assert (read(one, "SELECT * FROM task"), read(one, "PRAGMA user_version")) == before
    one.connection.execute("BEGIN; DELETE FROM task; ROLLBACK")  # whoever has the connection may do as ever


def test_limits_stop_what_is_too_much(one: Replica) -> None:
    """A query that never ends is stopped, and so is one that gives too much; the connection works on."""
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"
    with pytest.raises(StatementError, match=r"more than 0\.1 seconds"):
        one.query(endless, limits=ReadLimits(seconds=0.1))
    with pytest.raises(StatementError, match="more than 1,000 bytes"):
        one.query("SELECT zeroblob(2000)", limits=ReadLimits(size=1000))
    with pytest.raises(StatementError, match="seconds"):
        one.execute(f"UPDATE task SET votes = ({endless})", limits=ReadLimits(seconds=0.1))
    assert one.query("SELECT sum(votes) FROM task").rows == ((0,),)
    found = one.execute("UPDATE task SET votes = 1 RETURNING id", limits=ReadLimits(rows=1))
    assert (len(found.rows), found.complete, found.changes) == (1, False, 2)
    assert one.query("SELECT sum(votes) FROM task").rows == ((2,),)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("INSERT INTO _crdt_quiet VALUES (1)", "_crdt_quiet"),
        ("DELETE FROM _crdt_log", "_crdt_log"),
        ("UPDATE _crdt_site SET upto = 1", "_crdt_site"),
        ("DROP TABLE task", "one SELECT, INSERT, UPDATE or DELETE"),
        ("ALTER TABLE task ADD COLUMN more", "one SELECT, INSERT, UPDATE or DELETE"),
        ("PRAGMA foreign_keys = OFF", "one SELECT, INSERT, UPDATE or DELETE"),
        ("UPDATE task SET id = NULL", "NOT NULL"),
        ("INSERT INTO task (id, owner) VALUES ('t9', 7)", "FOREIGN KEY"),
        ("INSERT INTO child VALUES (1, 'nobody')", "FOREIGN KEY"),
        ("INSERT INTO task (id) VALUES ('t3'); DELETE FROM task", "more than one statement"),
        ("UPDATE sqlite_schema SET sql = ''", "sqlite_master may not be modified"),
    ],
)
def test_a_write_writes_rows_and_nothing_else(one: Replica, statement: str, named: str) -> None:
    """What crdtsql keeps, the schema and the settings are beyond it, and constraints hold, those that wait included."""
    before = read(one, "SELECT * FROM task"), one.vector()
    with pytest.raises(StatementError, match=named):
        one.execute(statement)
    assert (read(one, "SELECT * FROM task"), one.vector()) == before


def test_tables_that_may_be_touched(one: Replica) -> None:
    """Neither views, triggers, counts nor the schema lead to others."""
    only = ("TASK", "person")
    assert one.query("SELECT id FROM task ORDER BY id", tables=only).rows == (("t1",), ("t2",))
    assert one.execute("UPDATE task SET title = 'x' WHERE id = 't1'", tables=only).changes == 1
    for statement in (
        "SELECT * FROM secret",
        "SELECT count(*) FROM secret",
        "SELECT * FROM everything",
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM secret)",
        "SELECT sql FROM sqlite_schema",
        "SELECT * FROM crdt_conflicts",
        "SELECT * FROM _crdt_clock_secret",
    ):
        with pytest.raises(StatementError, match="may touch person, task alone"):
            one.query(statement, tables=only)
    with pytest.raises(StatementError, match="may touch task alone, not 'person'"):
        one.execute("UPDATE task SET title = 'y'", tables=["task"])
    for statement in (
        "INSERT INTO secret VALUES (1, 'x')",
        "UPDATE task SET title = (SELECT max(word) FROM secret)",
        "UPDATE task SET title = x.word FROM secret AS x",
    ):
        with pytest.raises(StatementError):
            one.execute(statement, tables=only)


def test_parameters_that_do_not_fit(one: Replica) -> None:
    """Their number and their names are checked."""
    for parameters in ((1,), {"b": 1}):
        with pytest.raises(UsageError):
            one.query("SELECT ?, :a", parameters)


def test_a_write_says_what_it_wrote(one: Replica) -> None:
    """Rows that triggers wrote are named too, deleted ones as absent, and the revisions are those of `revision`."""
    found = one.execute("UPDATE task SET title = 'new' WHERE id = 't1' RETURNING title")
    assert (found.rows, found.changes) == ((("new",),), 1)
    assert {(table, key) for table, key, _ in found.written} == {("task", ("t1",)), ("person", (1,))}
    assert all(one.revision(table, *key) == revision for table, key, revision in found.written)
    gone = one.execute("DELETE FROM task WHERE id = 't1'")
    assert [tuple(row) for row in gone.written] == [("task", ("t1",), "absent")]
    assert one.execute("UPDATE task SET title = 'x' WHERE 0").written == ()
    assert one.execute("UPDATE task SET title = 'x' WHERE 0").changes == 0
    assert one.execute("INSERT INTO other VALUES (1, 2)").written == ()


def test_what_was_not_seen_is_not_overwritten(both: list[Replica]) -> None:
    """Writes of this file's programs and merged ones count alike, and only those of the rows that are written."""
    one, other = both
    seen = one.query("SELECT * FROM task").seen
    write(other, "UPDATE task SET votes = votes + 1 WHERE id = 't1'")
    one.merge(other.export(one.vector()))
    with pytest.raises(RevisionError, match="'t1' of table 'task' was written since it was seen"):
        one.execute("UPDATE task SET code = NULL", seen=seen)
    assert read(one, "SELECT code FROM task") == [("c1",), ("c2",)]
    later = one.execute("UPDATE task SET code = 'c3' WHERE id = 't2'", seen=seen).seen
    one.execute("UPDATE task SET code = 'c4' WHERE id = 't2'", seen=later)
    with pytest.raises(RevisionError):
        one.execute("DELETE FROM task WHERE id = 't2'", seen=later)
    write(one, "INSERT INTO task (id) VALUES ('t3')")
    with pytest.raises(RevisionError):
        one.execute("INSERT OR REPLACE INTO task (id) VALUES ('t3')", seen=later)
    with pytest.raises(RevisionError):  # by a trigger
        later = one.query("SELECT 1").seen
        write(one, "UPDATE person SET name = 'Bea'")
        one.execute("UPDATE task SET title = 'x' WHERE id = 't3'", seen=later)


def test_expected_revisions(one: Replica) -> None:
    """A write that rests on other rows names them."""
    held = Expected("person", (1,), one.revision("person", 1))
    one.execute("UPDATE task SET owner = 1 WHERE id = 't1'", expect=[held])
    write(one, "UPDATE person SET name = 'Bea'")
    with pytest.raises(RevisionError):
        one.execute("UPDATE task SET owner = 1 WHERE id = 't2'", expect=[held])
    assert read(one, "SELECT owner FROM task") == [(1,), (None,)]
    with pytest.raises(NotEnabledError):
        one.execute("UPDATE task SET owner = 1", expect=[Expected("other", (1,), "0")])


def test_who_has_seen_nothing_writes_new_rows_alone(one: Replica) -> None:
    """Whatever was there is not touched, by REPLACE, an upsert or a trigger neither; rows that are expected count as seen."""
    assert one.execute("INSERT INTO secret VALUES (1, 'x')", seen="").changes == 1
    for statement in (
        "UPDATE secret SET word = 'y'",
        "DELETE FROM secret",
        "INSERT OR REPLACE INTO secret VALUES (1, 'y')",
        "INSERT INTO secret VALUES (1, 'y') ON CONFLICT DO UPDATE SET word = excluded.word",
        "INSERT OR REPLACE INTO task (id, code) VALUES ('t9', 'c1')",
        "UPDATE task SET votes = votes + 1 WHERE id = 't1'",
    ):
        with pytest.raises(RevisionError, match="was not seen before it was written"):
            one.execute(statement, seen="")
    assert read(one, "SELECT word FROM secret") == [("x",)]
    assert read(one, "SELECT id, code FROM task") == [("t1", "c1"), ("t2", "c2")]
    expected = [Expected("secret", (1,), one.revision("secret", 1))]
    assert one.execute("UPDATE secret SET word = 'z'", seen="", expect=expected).changes == 1
    expected = [Expected("task", ("t1",), one.revision("task", "t1"))]
    with pytest.raises(RevisionError, match="'t2'"):
        one.execute("UPDATE task SET votes = votes + 1", seen="", expect=expected)
    with pytest.raises(RevisionError, match="1 of table 'person'"):
        one.execute("UPDATE task SET title = 'x' WHERE id = 't1'", seen="", expect=expected)


def test_marks_that_say_nothing_here(both: list[Replica]) -> None:
    """One of another file, of a time to come, or from before a compaction is refused, not believed."""
    one, other = both
    seen = one.query("SELECT 1").seen
    refused: list[tuple[str, type[CrdtsqlError]]] = [
        (other.query("SELECT 1").seen, StatementError),
        ("x", UsageError),
        (seen.replace("-", "-9", 1), StatementError),
    ]
    for mark, error in refused:
        with pytest.raises(error):
            one.execute("UPDATE task SET votes = 3", seen=mark)
    write(one, "UPDATE task SET votes = votes + 1")
    other.merge(one.export(other.vector()))
    for _ in range(4):
        one.compact()
        other.merge(one.export(other.vector()))
        other.compact()
        one.merge(other.export(one.vector()))
    with pytest.raises((StatementError, RevisionError)):
        one.execute("UPDATE task SET votes = 3", seen=seen)
    assert read(one, "SELECT sum(votes) FROM task") == [(2,)]


def test_rows_of_a_large_batch_count_as_written_in_it(one: Replica) -> None:
    """Of a batch that changes most of a table no row is indexed; each was written all the same."""
    many = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 6000)"
    write(one, f"{many} INSERT INTO secret SELECT x, 'w' FROM n")
    seen = one.query("SELECT 1").seen
    write(one, "UPDATE secret SET word = 'v'")
    with pytest.raises(RevisionError):
        one.execute("DELETE FROM secret WHERE id = 17", seen=seen)
    assert one.execute("DELETE FROM secret WHERE id = 17", seen=one.query("SELECT 1").seen).changes == 1


def test_a_row_that_stands_under_another_key_is_seen_where_it_stands(tmp_path: Path) -> None:
    """Its key holds a reference that is read as one to the winner; who wrote it elsewhere wrote it under its own key."""
    one, other = two(
        tmp_path,
        "CREATE TABLE tag (id TEXT PRIMARY KEY NOT NULL, name TEXT UNIQUE);"
        "CREATE TABLE link (note TEXT NOT NULL, tag TEXT NOT NULL REFERENCES tag, v, PRIMARY KEY (note, tag))",
    )
    for replica, key in ((one, "a"), (other, "b")):
        replica.set_unique("tag", ["name"], "same")
        write(replica, f"INSERT INTO tag VALUES ('{key}', 'work'); INSERT INTO link VALUES ('n{key}', '{key}', 1)")
    come_to_rest([one, other])
    assert read(one, "SELECT note, tag FROM link") == [("na", "a"), ("nb", "a")]
    seen = one.query("SELECT * FROM link").seen
    write(other, "UPDATE link SET v = 2 WHERE note = 'nb'")
    one.merge(other.export(one.vector()))
    with pytest.raises(RevisionError):
        one.execute("UPDATE link SET v = 3 WHERE note = 'nb'", seen=seen)
    assert one.execute("UPDATE link SET v = 3 WHERE note = 'na'", seen=seen).changes == 1


def _statement(random: Random) -> tuple[str, str]:
    """Return a statement that writes one row at most, and the condition for which."""
    key = random.choice(("t1", "t2", "x", "y"))
    return random.choice(
        (
            ("task", f"UPDATE task SET votes = votes + 1 WHERE id = '{key}'"),
            ("task", f"UPDATE task SET code = 'c{random.randrange(4)}' WHERE id = '{key}'"),
            ("task", f"INSERT INTO task (id, title) VALUES ('{key}', 'new')"),
            ("task", f"INSERT OR REPLACE INTO task (id, code) VALUES ('{key}', 'c{random.randrange(4)}')"),
            ("task", f"DELETE FROM task WHERE id = '{key}'"),
            ("person", f"INSERT INTO person VALUES ({random.randrange(4)}, 'p')"),
            ("person", f"UPDATE person SET name = name || '.' WHERE id = {random.randrange(4)}"),
            ("person", "INSERT INTO person (name) VALUES ('next')"),
        )
    )


def _revisions(replica: Replica) -> dict[tuple[str, object], str]:
    """Return what is called what of all rows that are there."""
    keys = [(table, key) for table in ("task", "person") for (key,) in read(replica, f"SELECT id FROM {table}")]
    return {(table, key): replica.revision(table, key) for table, key in keys}


@pytest.mark.parametrize("seed", seeds.chosen(30))
def test_marks_agree_with_revisions(both: list[Replica], seed: int) -> None:
    """Of rows that were there when they were seen, those are refused whose revision is another one, and no others."""
    random, accepted = Random(seed), count()
    marks: list[tuple[Replica, str, dict[tuple[str, object], str]]] = []
    for _ in range(60):
        one, other = random.sample(both, 2)
        if random.random() < 0.3:
            one.merge(other.export(one.vector()))
        if random.random() < 0.4:
            marks.append((one, one.query("SELECT 1").seen, _revisions(one)))
        _, statement = _statement(random)
        if not marks or random.random() < 0.3:
            try:
                one.execute(statement)
            except StatementError:
                continue
            continue
        one, seen, revisions = random.choice(marks)
        _judge(one, statement, seen, revisions, lambda: next(accepted))
    assert next(accepted) > 0


def _judge(
    one: Replica, statement: str, seen: str, revisions: dict[tuple[str, object], str], accept: Callable[[], object]
) -> None:
    now, content = _revisions(one), read(one, "SELECT * FROM task ORDER BY id")
    try:
        found = one.execute(statement, seen=seen)
    except StatementError:
        return
    except RevisionError as error:
        assert read(one, "SELECT * FROM task ORDER BY id") == content
        changed = {row for row in now if now[row] != revisions.get(row)} | (revisions.keys() - now.keys())
        there = [row for row in now if row in revisions]
        assert changed or not there, error
        return
    for table, key, _ in found.written:
        accept()
        row = (table, key[0])
        assert row not in revisions or now.get(row, "absent") == revisions[row], f"{row} was written unseen"
        assert row in revisions or row not in now, f"{row} came since and was overwritten"
