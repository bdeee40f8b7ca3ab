"""Columns that one replica has and another has not."""

from __future__ import annotations

import shutil
from pathlib import Path

import apsw
import pytest

from crdtsql import Replica, sync
from crdtsql.base.errors import SchemaMismatchError
from crdtsql.export import parkedcells
from tests.support.forge import with_header
from tests.support.peers import exchange, read, write
from tests.support.versions import CLOCK, NEW, OLD, TYPES, is_at_rest, make, told

ALL = "SELECT * FROM task ORDER BY id"
ADDED = [
    "ALTER TABLE task ADD COLUMN prio TEXT DEFAULT 'low'",
    "ALTER TABLE task ADD COLUMN votes INTEGER DEFAULT 0",
    "ALTER TABLE task ADD COLUMN tags TEXT",
    "ALTER TABLE task ADD COLUMN setup TEXT",
    "ALTER TABLE task ADD COLUMN owner TEXT",
]
ROW = """INSERT INTO task VALUES ('1', 'one', 'high', 5, '["x"]', '{"a":1}', 'Ada')"""


def chain(folder: Path) -> tuple[Replica, Replica, Replica]:
    """Give a replica of the new schema, one of the old, and another of the new."""
    return (
        make(folder / "a.db", NEW, types=TYPES),
        make(folder / "b.db", OLD),
        make(folder / "c.db", NEW, types=TYPES),
    )


def grow(replica: Replica) -> None:
    for statement in ADDED:
        replica.alter(statement)


def test_a_replica_of_the_old_schema_passes_everything_on(tmp_path: Path) -> None:
    """From a new schema over an old one to a new one every cell comes, whatever its type."""
    a, b, c = chain(tmp_path)
    write(a, ROW)
    write(a, "INSERT INTO task (id) VALUES ('2')")
    exchange(a, b, c)
    assert read(c, ALL) == read(a, ALL)
    assert read(b, ALL) == [("1", "one"), ("2", None)]
    assert told(a) == told(c)
    assert is_at_rest(a, b, c)


def test_concurrent_writes_merge_on_their_way(tmp_path: Path) -> None:
    """Writes of both sides to a column that the replica between them lacks come to the same as if it had it."""
    a, b, c = chain(tmp_path)
    write(a, ROW)
    exchange(a, b, c)
    write(
        a,
        """UPDATE task SET votes = votes + 2, tags = '["x","a"]', setup = '{"a":1,"b":2}', prio = 'A', owner = 'Bob'""",
    )
    write(c, """UPDATE task SET votes = votes + 3, tags = '["x","c"]', setup = '{"c":3}', prio = 'C', owner = 'Cy'""")
    sync(a, b)
    sync(c, b)
    grow(b)
    exchange(a, b, c)
    assert read(b, ALL) == [("1", "one", "C", 10, '["a","c","x"]', '{"b":2,"c":3}', "Cy")]
    assert told(a) == told(b) == told(c)
    assert is_at_rest(a, b, c)


@pytest.mark.parametrize("way", ["alter", "behind"])
def test_an_added_column_shows_what_others_wrote(tmp_path: Path, way: str) -> None:
    """A replica that adds the column shows all that was ever written to it, of deleted rows too, and its own default elsewhere."""
    a, b, _ = chain(tmp_path)
    write(a, ROW)
    write(a, ROW.replace("'1'", "'2'"))
    write(b, "INSERT INTO task VALUES ('b', 'bee')")
    exchange(a, b)
    write(b, "DELETE FROM task WHERE id = '2'")
    if way == "alter":
        grow(b)
    else:
        for statement in ADDED:
            b.connection.execute(statement)
        b.fold()
    assert read(b, ALL) == [
        ("1", "one", "high", 5, '["x"]', '{"a":1}', "Ada"),
        ("b", "bee", "low", 0, None, None, None),
    ]
    b.undelete("task", "2")
    assert read(b, "SELECT prio, votes FROM task WHERE id = '2'") == [("high", 5)]
    assert not read(b, "SELECT 1 FROM sqlite_schema WHERE name GLOB '_crdt_parked*'")
    write(b, "UPDATE task SET votes = votes + 1 WHERE id = '1'")
    exchange(a, b)
    assert read(a, ALL) == read(b, ALL)
    assert told(a) == told(b)


def test_a_row_that_comes_back_has_the_cells_that_it_had(tmp_path: Path) -> None:
    """A row that was deleted and inserted by a replica without the column keeps its cell there on all replicas."""
    a, b, c = chain(tmp_path)
    write(a, ROW)
    exchange(a, b, c)
    write(b, "DELETE FROM task")
    write(b, "INSERT INTO task VALUES ('1', 'again')")
    write(c, "UPDATE task SET prio = 'late'")
    exchange(a, b, c)
    assert read(a, "SELECT title, prio, votes FROM task") == [("again", "late", 5)]
    assert told(a) == told(c)


def test_a_row_of_the_old_schema_begins_with_the_defaults(tmp_path: Path) -> None:
    """Rows of a replica without the column begin with the default of each replica that has it, also after a detour."""
    a, b, c = chain(tmp_path)
    write(a, ROW)
    write(b, "INSERT INTO task VALUES ('b', 'bee')")
    exchange(a, b, c)
    assert read(c, "SELECT prio, votes FROM task WHERE id = 'b'") == [("low", 0)]
    write(a, "UPDATE task SET votes = votes + 1 WHERE id = 'b'")
    exchange(a, b, c)
    assert read(c, "SELECT prio, votes FROM task WHERE id = 'b'") == [("low", 1)]
    assert told(a) == told(c)


def test_rows_from_before_enabling_are_parked_too(tmp_path: Path) -> None:
    """The cells of rows that were there before `enable` come through a replica without the column as well."""
    a = make(tmp_path / "a.db", f"{NEW}; {ROW}", types=TYPES)
    b, c = make(tmp_path / "b.db", OLD), make(tmp_path / "c.db", NEW, types=TYPES)
    exchange(a, b, c)
    assert read(c, ALL) == read(a, ALL)
    grow(b)
    assert read(b, ALL) == read(a, ALL)
    exchange(a, b, c)
    assert told(a) == told(b) == told(c)


def test_a_dropped_column_stays_away(tmp_path: Path) -> None:
    """A replica that dropped a column does not get it back, though others write it and it passes that on."""
    a, b, c = (make(tmp_path / f"{name}.db", NEW, types=TYPES) for name in "abc")
    write(b, ROW)
    write(b, ROW.replace("'1'", "'2'"))
    exchange(a, b, c)
    b.alter("ALTER TABLE task DROP COLUMN prio")
    b.alter("ALTER TABLE task DROP COLUMN votes")
    write(a, "UPDATE task SET prio = 'A', votes = votes + 1 WHERE id = '1'")
    exchange(a, b, c)
    assert [row[1] for row in read(b, "PRAGMA table_info(task)")] == ["id", "title", "tags", "setup", "owner"]
    assert read(c, "SELECT id, prio, votes FROM task ORDER BY id") == [("1", "A", 6), ("2", "high", 5)]
    fresh = make(tmp_path / "d.db", NEW, types=TYPES)
    sync(fresh, b)
    assert read(fresh, ALL) == read(a, ALL)
    assert is_at_rest(a, b, c, fresh)


def test_a_restored_backup_learns_again_what_it_kept(tmp_path: Path) -> None:
    """A replica that is restored to before it kept cells gets them again."""
    a, b, c = chain(tmp_path)
    sync(a, b)
    b.close()
    shutil.copy(tmp_path / "b.db", tmp_path / "backup.db")
    with Replica.open(tmp_path / "b.db", now=CLOCK) as later:
        write(a, ROW)
        sync(a, later)
        write(later, "UPDATE task SET title = 'lost'")
        sync(a, later)
    shutil.copy(tmp_path / "backup.db", tmp_path / "b.db")
    with Replica.open(tmp_path / "b.db", now=CLOCK) as restored:
        sync(a, restored)
        sync(restored, c)
        assert read(c, ALL) == read(a, ALL)
        assert read(restored, ALL) == [("1", "lost")]


def test_keys_that_change_take_parked_cells_along(tmp_path: Path) -> None:
    """Parked cells follow their row to another key."""
    a, b, _ = chain(tmp_path)
    write(a, ROW)
    exchange(a, b)
    table = b.registry.table("task")
    before = read(b, "SELECT col, v, t, s FROM _crdt_parked_task ORDER BY col")
    parkedcells.rekey(b.connection, table, ("1",), ("9",))
    assert read(b, "SELECT DISTINCT k1 FROM _crdt_parked_task") == [("9",)]
    assert read(b, "SELECT col, v, t, s FROM _crdt_parked_task ORDER BY col") == before


def test_keys_are_compared_as_the_table_does(tmp_path: Path) -> None:
    """Parked cells of one row are one cell each, however a NOCASE key is spelled."""
    a = make(tmp_path / "a.db", "CREATE TABLE t (id TEXT COLLATE NOCASE PRIMARY KEY, x, y)", "t")
    b = make(tmp_path / "b.db", "CREATE TABLE t (id TEXT COLLATE NOCASE PRIMARY KEY, x)", "t")
    write(a, "INSERT INTO t VALUES ('a', 1, 1)")
    exchange(a, b)
    write(a, "DELETE FROM t")
    write(a, "INSERT INTO t VALUES ('A', 2, 2)")
    exchange(a, b)
    assert read(b, "SELECT v FROM _crdt_parked_t") == [(2,)]
    b.alter("ALTER TABLE t ADD COLUMN y")
    assert read(b, "SELECT * FROM t") == [("A", 2, 2)]


def test_replicas_without_parked_cells_have_nothing_of_it(tmp_path: Path) -> None:
    """A file that has all columns has no table for parked cells, also if others list columns of which nothing was sent."""
    a, b, _ = chain(tmp_path)
    write(b, "INSERT INTO task VALUES ('b', 'bee')")
    exchange(a, b)
    for replica in (a, b):
        assert not read(replica, "SELECT 1 FROM sqlite_schema WHERE name GLOB '_crdt_parked*'")
        assert not read(replica, "SELECT 1 FROM _crdt_meta WHERE name GLOB 'parked:*'")


def test_a_cell_that_the_new_column_does_not_take_is_held(tmp_path: Path) -> None:
    """A kept value that the CHECK of the new column refuses holds its row until a better one comes."""
    a = make(tmp_path / "a.db", "CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER)", "t")
    b = make(tmp_path / "b.db", "CREATE TABLE t (id TEXT PRIMARY KEY)", "t")
    write(a, "INSERT INTO t VALUES ('x', 1), ('y', 99), ('z', 2)")
    exchange(a, b)
    b.alter("ALTER TABLE t ADD COLUMN n INTEGER DEFAULT 1 CHECK (n < 10)")
    assert sorted(read(b, "SELECT * FROM t")) == [("x", 1), ("z", 2)]
    write(a, "UPDATE t SET n = 5 WHERE id = 'y'")
    exchange(a, b)
    assert sorted(read(b, "SELECT * FROM t")) == [("x", 1), ("y", 5), ("z", 2)]
    assert told(a) == told(b)


def test_thousands_of_unknown_columns_are_refused(tmp_path: Path) -> None:
    """More columns than a changeset can carry are not kept, and nothing is changed; neither is a column that is generated here."""
    b = make(tmp_path / "b.db", "CREATE TABLE t (id TEXT PRIMARY KEY, x)", "t")
    for number in range(3):
        names = [f"c{number}x{n}" for n in range(250)]
        path = tmp_path / f"{number}.db"
        a = make(path, f"CREATE TABLE t (id TEXT PRIMARY KEY, {', '.join(names)})", "t")
        write(a, f"INSERT INTO t VALUES ({', '.join(map(str, range(251)))})")
        data = a.export(b.vector())
        if number < 2:
            b.merge(data)
            continue
        before = b.vector()
        with pytest.raises(SchemaMismatchError, match="at most 600"):
            b.merge(data)
        assert b.vector() == before
        assert read(b, "SELECT count(DISTINCT col) FROM _crdt_parked_t") == [(500,)]


def test_a_kept_column_of_another_type_is_refused_clearly(tmp_path: Path) -> None:
    """A column that is kept with parts can't be taken for one of another type."""
    a, b, _ = chain(tmp_path)
    write(a, ROW)
    exchange(a, b)
    write(a, "UPDATE task SET votes = votes + 1")
    exchange(a, b)
    write(a, "UPDATE task SET votes = votes + 1")

    def as_lww(header: dict) -> None:  # type: ignore[type-arg]
        header["tables"][0]["columns"][2]["type"] = "lww"

    with pytest.raises(Exception, match=r"type counter here and lww|parts of table"):
        b.merge(with_header(a.export(b.vector()), as_lww))


def test_an_unknown_type_of_a_kept_column_is_refused(tmp_path: Path) -> None:
    """A cell of a type that this version does not know is not kept as something else."""
    a, b, _ = chain(tmp_path)
    write(a, "INSERT INTO task (id, prio) VALUES ('1', 'x')")

    def renamed(header: dict) -> None:  # type: ignore[type-arg]
        header["tables"][0]["columns"][2]["type"] = "text"

    with pytest.raises(SchemaMismatchError, match="does not know"):
        b.merge(with_header(a.export(b.vector()), renamed))


def test_a_program_that_writes_meanwhile_sees_nothing_of_it(tmp_path: Path) -> None:
    """Keeping cells changes neither the table nor what programs see of the file but our own tables."""
    a, b, _ = chain(tmp_path)
    write(a, ROW)
    exchange(a, b)
    other = apsw.Connection(str(tmp_path / "b.db"))
    names = other.execute("SELECT name FROM sqlite_schema WHERE name NOT GLOB '_crdt_*'").fetchall()
    assert ("task",) in names
    assert all(name.startswith(("crdt_", "sqlite_autoindex", "task")) for (name,) in names)
