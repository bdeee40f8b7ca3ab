"""Tables without a usable key get one, and stay what they were."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica, sync
from crdtsql.base.errors import CannotEnableError
from tests.support import state

SCHEMA = """
CREATE TABLE other (id INTEGER PRIMARY KEY, mail TEXT REFERENCES note (mail), n);
CREATE TABLE note (
  title TEXT NOT NULL DEFAULT 'none', mail TEXT COLLATE NOCASE UNIQUE, loud AS (upper(title)), -- shout, loudly
  at REAL CHECK (note.at > 0), body, up TEXT REFERENCES note (mail), /* the end */
  CONSTRAINT some CHECK (title <> 'x'), UNIQUE (title, mail)
);
CREATE INDEX note_title ON note (title) WHERE at > 1;
CREATE TABLE audit (what);
CREATE VIEW loud AS SELECT title, loud FROM note;
CREATE VIRTUAL TABLE found USING fts5 (title, content = 'note', content_rowid = 'rowid');
CREATE TRIGGER note_in AFTER INSERT ON note BEGIN
  INSERT INTO audit VALUES (NEW.title); INSERT INTO found (rowid, title) VALUES (NEW.rowid, NEW.title);
END;
CREATE TRIGGER other_in AFTER INSERT ON other BEGIN UPDATE note SET body = NEW.n WHERE mail = NEW.mail; END;
INSERT INTO note (rowid, title, mail, at, body, up) VALUES
  (3, 'one', 'a@x', 1.5, x'00ff', NULL), (7, 'two', 'b@x', 2, 'text', 'A@X'), (8, 'dup', NULL, NULL, 1, 'nobody'),
  (9, 'dup', NULL, NULL, 1, 'nobody'), (12, 'dup', NULL, NULL, 1.0, 'nobody');
INSERT INTO other VALUES (1, 'a@x', 5);
"""
READ = "SELECT rowid, title, mail, loud, at, typeof(at), body, typeof(body), up FROM note ORDER BY rowid"


def make(path: Path, schema: str = SCHEMA) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.execute(schema)
    return connection


def enable(path: Path, *tables: str, **options: Any) -> Replica:
    replica = Replica.open(path)
    replica.enable(*tables, add_key=True, **options)
    return replica


def test_a_table_without_key_is_rebuilt_with_one(tmp_path: Path) -> None:
    """Rows, rowids, types of values, indexes, triggers, views and foreign keys stay; programs insert without knowing the key."""
    connection = make(tmp_path / "a.db")
    before = connection.execute(READ).fetchall()
    violations = connection.execute("PRAGMA foreign_key_check").fetchall()
    names = (
        "SELECT type, name, sql FROM sqlite_schema "
        "WHERE name NOT GLOB '*crdt_*' AND sql IS NOT NULL AND type <> 'table' ORDER BY 1, 2"
    )
    schema = connection.execute(names).fetchall()
    connection.close()
    with enable(tmp_path / "a.db", "note") as replica:
        connection = replica.connection
        assert connection.execute(READ).fetchall() == before
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == violations
        assert connection.execute(names).fetchall() == schema
        assert connection.execute("SELECT count(*) FROM audit").fetchall() == [(5,)]
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("INSERT INTO note (title, mail) VALUES ('new', 'c@x')")
        connection.execute("INSERT INTO other VALUES (2, 'c@x', 'by trigger')")
        assert connection.execute("SELECT body, length(id) FROM note WHERE mail = 'C@X'").fetchall() == [
            ("by trigger", 32)
        ]
        connection.execute("INSERT INTO found (found) VALUES ('integrity-check')")
        with pytest.raises(apsw.ConstraintError, match="CHECK"):
            connection.execute("INSERT INTO note (title) VALUES ('x')")
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_copies_give_equal_rows_equal_keys(tmp_path: Path) -> None:
    """Copies that add a key each by itself name equal rows alike, duplicates too; a row that differs is another row."""
    make(tmp_path / "a.db", f"{SCHEMA}; UPDATE note SET up = NULL").close()
    shutil.copy(tmp_path / "a.db", tmp_path / "b.db")
    make(
        tmp_path / "b.db", "UPDATE note SET title = 'edited' WHERE rowid = 12; DELETE FROM note WHERE rowid = 9; VACUUM"
    ).close()
    with enable(tmp_path / "a.db", "note") as one, enable(tmp_path / "b.db", "note") as two:
        sync(one, two)
        assert state.shared(one.connection) == state.shared(two.connection)
        titles = one.connection.execute("SELECT title, count(*) FROM note GROUP BY title ORDER BY title").fetchall()
        assert titles == [("dup", 3), ("edited", 1), ("one", 1), ("two", 1)]


@pytest.mark.parametrize(
    ("schema", "key"),
    [
        ("CREATE TABLE t (a)", "id"),
        ("CREATE TABLE t (ID TEXT)", "crdt_id"),
        ("CREATE TABLE t (id, crdt_id)", "crdt_id2"),
        ("CREATE TABLE t (a); CREATE TABLE u (id); CREATE VIEW v AS SELECT (SELECT a FROM t WHERE a = id) FROM u", "crdt_id"),
        ("CREATE TABLE t (a); CREATE TABLE u (id); CREATE VIEW v AS SELECT * FROM t NATURAL JOIN u", "crdt_id"),
        ('CREATE TABLE t (a CHECK (a <> "id"))', "crdt_id"),
        ("CREATE TABLE t (a); CREATE TABLE u (id INTEGER PRIMARY KEY); CREATE VIEW v AS SELECT id FROM u", "id"),
        ("CREATE TABLE t (rowid, oid, _rowid_); INSERT INTO t VALUES (1, 2, 3)", "id"),
        ("CREATE TABLE t AS SELECT 1 AS a, 'b' AS b", "id"),
        ("CREATE TABLE t (a INTEGER, b ANY) STRICT; INSERT INTO t VALUES (1, 1), (1, '1'), (1, x'31')", "id"),
        ('CREATE TABLE t ("check", [unique], `primary` DEFAULT \',\', "con""straint" DECIMAL(10, 2) -- end\n)', "id"),
        (f"CREATE TABLE t ({', '.join(f'c{n}' for n in range(300))}); INSERT INTO t (c299) VALUES (1), (2)", "id"),
    ],
)  # fmt: skip
def test_tables_of_every_shape_get_a_key(tmp_path: Path, schema: str, key: str) -> None:
    """The column is called id, or crdt_id where id is taken or could be taken for something else in the schema."""
    make(tmp_path / "a.db", schema).close()
    with Replica.open(tmp_path / "a.db") as replica:
        assert [(plan.table, plan.columns) for plan in replica.key_plans("t")] == [("t", (key,))]
        before = replica.connection.execute("SELECT * FROM t").fetchall()
        replica.enable("t", add_key=True)
        found = replica.connection.execute("SELECT * FROM t").fetchall()
        assert [row[:-1] for row in found] == before
        assert len({row[-1] for row in found}) == len(found)
        names = [name for (name,) in replica.connection.execute("SELECT name FROM pragma_table_info('t')")]
        assert names[-1] == key
        assert replica.key_plans("t") == []


def test_null_keys_are_filled(tmp_path: Path) -> None:
    """Rows whose key is NULL get one, the same in each copy; other rows and the table's definition stay."""
    schema = """
    CREATE TABLE t (id TEXT PRIMARY KEY, v); INSERT INTO t VALUES (NULL, 1), (NULL, 1), ('a', 2);
    CREATE TABLE n (id INTEGER PRIMARY KEY DESC, v); INSERT INTO n VALUES (NULL, 1), (3, 1);
    CREATE TABLE p (a TEXT, b INT, v, PRIMARY KEY (a, b)); INSERT INTO p VALUES (NULL, NULL, 1), (NULL, 5, 1), ('x', NULL, 2);
    """
    replicas = []
    for name in ("a.db", "b.db"):
        make(tmp_path / name, schema).close()
        replicas.append(enable(tmp_path / name, all=True))
    one, two = replicas
    sync(one, two)
    assert state.shared(one.connection) == state.shared(two.connection)
    assert one.connection.execute("SELECT count(*), count(DISTINCT id), sum(id = 'a') FROM t").fetchall() == [(3, 3, 1)]
    assert one.connection.execute("SELECT typeof(id), id > 1 << 52 FROM n").fetchall() == [
        ("integer", 1),
        ("integer", 0),
    ]
    assert one.connection.execute("SELECT count(*), count(a), count(b) FROM p").fetchall() == [(3, 3, 3)]
    for replica in replicas:
        replica.close()


REFUSED = {
    "a view that counts columns": ("CREATE VIEW v (a) AS SELECT * FROM t", "view v would no longer work .*have it name its columns"),
    "a trigger that counts columns": (
        "CREATE TABLE u (id); CREATE TRIGGER r AFTER INSERT ON u BEGIN INSERT INTO t VALUES (1); END",
        "trigger of u would no longer work .*1 values were supplied",
    ),
    "a foreign key without columns": ("CREATE TABLE u (t REFERENCES t); INSERT INTO u VALUES (1)", "foreign keys that refer to it"),
    "a row that breaks a CHECK": (
        "PRAGMA ignore_check_constraints = ON; INSERT INTO t VALUES (-1); PRAGMA ignore_check_constraints = OFF",
        "CHECK constraint failed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_key_would_break_is_refused(tmp_path: Path, case: str) -> None:
    """A table whose rebuild would break something else is refused with the reason, and nothing is changed."""
    more, message = REFUSED[case]
    make(
        tmp_path / "a.db", f"CREATE TABLE t (a CHECK (a > 0)); INSERT INTO t VALUES (1); CREATE TABLE fine (b); {more}"
    ).close()
    with Replica.open(tmp_path / "a.db") as replica:
        before = state.content(replica.connection)
        with pytest.raises(CannotEnableError, match=f"(?s){message}"):
            replica.enable("t", add_key=True)
        assert state.content(replica.connection) == before
        assert "fine" in replica.enable(all=True, add_key=True)
        assert any("left out: cannot enable 't'" in notice for notice in replica.notices)
        after = state.content(replica.connection)
        assert after.tables["t"] == before.tables["t"]


def test_a_key_that_refers_is_not_made_up(tmp_path: Path) -> None:
    """A NULL in a key column that refers to another table is not filled."""
    schema = "CREATE TABLE p (id TEXT PRIMARY KEY); CREATE TABLE t (p REFERENCES p, n, PRIMARY KEY (p, n)); INSERT INTO t VALUES (NULL, 1)"
    make(tmp_path / "a.db", schema).close()
    with (
        Replica.open(tmp_path / "a.db") as replica,
        pytest.raises(CannotEnableError, match="'p' is NULL .* refers to another"),
    ):
        replica.enable("t", add_key=True)


def test_a_key_can_be_added_in_sql(tmp_path: Path) -> None:
    """crdt_enable takes add_key among its options, and adds a key inside a transaction of the caller's."""
    from crdtsql import load

    connection = make(tmp_path / "a.db", "CREATE TABLE t (a); INSERT INTO t VALUES (1), (1)")
    load(connection)
    connection.execute("BEGIN")
    assert connection.execute("""SELECT crdt_enable('t', '{"add_key": true}')""").fetchall() == [("t",)]
    connection.execute("COMMIT")
    assert connection.execute("SELECT count(DISTINCT id) FROM t").fetchall() == [(2,)]
    connection.close()
