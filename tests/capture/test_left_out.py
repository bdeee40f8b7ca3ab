"""Tables that no merge could write: `enable` tries every statement first, and what it leaves out is left out wholly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from crdtsql import Replica, sync
from crdtsql.base.errors import CannotAdoptError, CannotAlterError, CannotEnableError, CrdtsqlError

KEY = "id TEXT PRIMARY KEY NOT NULL"
U = f"CREATE TABLE u ({KEY}, s)"
ONLY_THE_APPLICATION_CAN = {
    "trigger": f"{U}; CREATE TRIGGER x AFTER INSERT ON u BEGIN UPDATE u SET s = title_sort(s) WHERE id = NEW.id; END",
    "trigger's condition": f"{U}; CREATE TRIGGER x BEFORE UPDATE OF s ON u WHEN title_sort(NEW.s) BEGIN SELECT 1; END",
    "trigger for deletes": f"{U}; CREATE TABLE w (a); CREATE TRIGGER x AFTER DELETE ON u BEGIN INSERT INTO w VALUES (title_sort(OLD.s)); END",
    "trigger of a trigger": f"""{U}; CREATE TABLE w (a); CREATE TRIGGER x AFTER INSERT ON u BEGIN INSERT INTO w VALUES (1); END;
        CREATE TRIGGER y AFTER INSERT ON w BEGIN UPDATE w SET a = title_sort(a); END""",
    "view in a trigger": f"""{U}; CREATE TABLE w (a); CREATE VIEW v AS SELECT title_sort(s) AS s FROM u;
        CREATE TRIGGER x AFTER INSERT ON u BEGIN INSERT INTO w SELECT s FROM v; END""",
    "check": f"CREATE TABLE u ({KEY}, s CHECK (title_sort(s) <> ''))",
    "check of a written table": f"""{U}; CREATE TABLE w (a CHECK (title_sort(a) <> ''));
        CREATE TRIGGER x AFTER INSERT ON u BEGIN INSERT INTO w VALUES (1); END""",
    "default": f"CREATE TABLE u ({KEY}, s DEFAULT (title_sort('x')))",
    "generated column": f"CREATE TABLE u ({KEY}, s, g AS (title_sort(s)))",
    "stored column": f"CREATE TABLE u ({KEY}, s, g AS (title_sort(s)) STORED)",
    "index": f"{U}; CREATE INDEX i ON u (title_sort(s))",
    "partial index": f"{U}; CREATE INDEX i ON u (s) WHERE title_sort(s) IS NOT NULL",
    "unique index": f"{U}; CREATE UNIQUE INDEX i ON u (title_sort(s))",
    "collation of a column": f"CREATE TABLE u ({KEY}, s COLLATE title)",
    "collation of a key": "CREATE TABLE u (id TEXT PRIMARY KEY NOT NULL COLLATE title, s)",
    "collation of an index": f"{U}; CREATE INDEX i ON u (s COLLATE title)",
    "collation in a trigger": f"{U}; CREATE TRIGGER x AFTER UPDATE ON u WHEN NEW.s < OLD.s COLLATE title BEGIN SELECT 1; END",
    "strict": f"CREATE TABLE u ({KEY}, s ANY CHECK (title_sort(s) <> '')) STRICT",
    "without rowid": f"CREATE TABLE u ({KEY}, s CHECK (title_sort(s) <> '')) WITHOUT ROWID",
    "numbered": "CREATE TABLE u (id INTEGER PRIMARY KEY, s CHECK (title_sort(s) <> ''))",
    "child that must follow numbers": """CREATE TABLE u (id INTEGER PRIMARY KEY, s); CREATE TABLE w (u REFERENCES u (id), k);
        CREATE TRIGGER x AFTER UPDATE OF u ON w BEGIN UPDATE w SET k = title_sort(k); END""",
    "missing table": f"{U}; CREATE TABLE w (a); CREATE TRIGGER x AFTER INSERT ON u BEGIN INSERT INTO w VALUES (1); END; DROP TABLE w",
}


@contextmanager
def application(path: Path) -> Iterator[apsw.Connection]:
    """Open a file as the application does, which has functions and collations of its own."""
    connection = apsw.Connection(str(path))
    connection.create_scalar_function("title_sort", lambda text: str(text), 1, deterministic=True)
    connection.create_collation("title", lambda one, other: (one > other) - (one < other))
    try:
        yield connection
    finally:
        connection.close()


def make(path: Path, script: str) -> None:
    """Create a table `t` that can be replicated, and what a script says."""
    with application(path) as connection:
        connection.execute(f"CREATE TABLE t ({KEY}, v); {script}; INSERT INTO t VALUES ('t0', 'before')")


def schema_of(replica: Replica) -> list[tuple[object, ...]]:
    """Return everything that stands in a file's schema."""
    return replica.connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2").fetchall()


@pytest.mark.parametrize("what", ONLY_THE_APPLICATION_CAN)
def test_what_enable_all_leaves_out_hinders_nobody(what: str, tmp_path: Path) -> None:
    """A table that only its application can write is left out with the reason, nothing of ours stays on it, and the others sync."""
    make(tmp_path / "a.db", ONLY_THE_APPLICATION_CAN[what])
    with Replica.open(tmp_path / "a.db") as one:
        assert "t" in one.enable("t", all=True)
        assert any(notice.startswith("left out: cannot enable 'u': ") for notice in one.notices), one.notices
        assert "u" not in [table.name for table in one.registry.tables()]
        ours = [row[1:3] for row in schema_of(one) if "crdt_" in str(row[1])]
        assert not [row for row in ours if str(row[0]).endswith("_u") or row[1] == "u"]
        assert not any(finding.level == "broken" for table in one.doctor().tables for finding in table.findings)
        with one.clone(tmp_path / "b.db") as other, application(tmp_path / "a.db") as writer:
            writer.execute("INSERT INTO t VALUES ('t1', 'x')")
            if what != "missing table":
                writer.execute("INSERT INTO u (s) VALUES ('The X')" if "INTEGER" in ONLY_THE_APPLICATION_CAN[what]
                               else "INSERT INTO u (id, s) VALUES ('u1', 'The X')")  # fmt: skip
            sync(one, other)
            assert other.connection.execute("SELECT id FROM t").fetchall() == [("t0",), ("t1",)]


@pytest.mark.parametrize("what", ONLY_THE_APPLICATION_CAN)
def test_naming_such_a_table_changes_nothing(what: str, tmp_path: Path) -> None:
    """To enable a table that only its application can write is refused, the message says why, and the file stays as it was."""
    make(tmp_path / "a.db", ONLY_THE_APPLICATION_CAN[what])
    with Replica.open(tmp_path / "a.db") as one:
        before = schema_of(one)
        with pytest.raises(CannotEnableError, match="title_sort|collation|no such table: main.w"):
            one.enable("u", add_key=True)
        assert schema_of(one) == before
        (found,) = [table for table in one.doctor().tables if table.name == "u"]
        if what != "child that must follow numbers":  # as rows under their keys, it can be replicated
            assert not found.can_enable and found.findings[0].level == "refused"
        one.enable("t")
        with pytest.raises(CannotEnableError):
            one.enable("u")
        assert [table.name for table in one.registry.tables()] == ["t"]


def test_the_reason_names_what_calls_the_function(tmp_path: Path) -> None:
    """The message names the trigger, index or table in which the function is called that nobody else has."""
    make(tmp_path / "a.db", ONLY_THE_APPLICATION_CAN["trigger of a trigger"] + "; CREATE INDEX i ON t (title_sort(v))")
    with Replica.open(tmp_path / "a.db") as one:
        with pytest.raises(CannotEnableError, match="trigger y calls title_sort.*only the program that defines it"):
            one.enable("u")
        with pytest.raises(CannotEnableError, match="index i calls title_sort"):
            one.enable("t")


def test_a_key_that_was_added_in_vain_goes_with_the_table(tmp_path: Path) -> None:
    """`enable --all --add-key` gives no key to a table that it leaves out all the same."""
    make(
        tmp_path / "a.db",
        "CREATE TABLE u (s); CREATE TABLE p (s); CREATE TRIGGER x AFTER UPDATE ON u BEGIN SELECT title_sort(NEW.s); END",
    )
    with Replica.open(tmp_path / "a.db") as one:
        (before,) = one.connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'u'").fetchall()
        assert one.enable(all=True, add_key=True) == ["p", "t"]
        assert one.connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'u'").fetchall() == [before]


def test_tables_of_an_unknown_module_are_left_out(tmp_path: Path) -> None:
    """Tables that may belong to a virtual table whose module is not here are not enabled by --all, but by name."""
    make(tmp_path / "a.db", f"CREATE VIRTUAL TABLE vec USING fts5 (a); CREATE TABLE vec_chunks ({KEY}, data)")
    connection = apsw.Connection(str(tmp_path / "a.db"))
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
    connection.execute(
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE VIRTUAL TABLE vec USING vec0 (a)' WHERE name = 'vec'"
    )
    connection.close()
    with Replica.open(tmp_path / "a.db") as one:
        assert one.enable(all=True) == ["t"]
        assert any("'vec_chunks'" in notice and "vec0" in notice for notice in one.notices)
        assert one.enable("vec_chunks") == ["vec_chunks"]


LATER = {
    "trigger": "CREATE TRIGGER x AFTER INSERT ON u BEGIN UPDATE u SET s = title_sort(s) WHERE id = NEW.id; END",
    "index": "CREATE INDEX i ON u (title_sort(s))",
    "stored column": "CREATE TABLE x AS SELECT 1; ALTER TABLE u ADD COLUMN g AS (title_sort(s))",
}


@pytest.mark.parametrize("what", LATER)
def test_a_function_that_comes_later_stops_only_merges_of_its_table(what: str, tmp_path: Path) -> None:
    """Once only the application can write a table, doctor says so, other tables sync, its writes go out, and merges of it say why not."""
    make(tmp_path / "a.db", U)
    with Replica.open(tmp_path / "a.db") as one:
        one.enable(all=True)
        with one.clone(tmp_path / "b.db") as other:
            with application(tmp_path / "b.db") as writer:
                writer.execute(LATER[what])
                writer.execute("INSERT INTO u (id, s) VALUES ('u1', 'b')")
            one.connection.execute("INSERT INTO t VALUES ('t1', 'x')")
            sync(one, other)
            assert one.connection.execute("SELECT id, s FROM u").fetchall() == [("u1", "b")]
            assert other.connection.execute("SELECT id FROM t").fetchall() == [("t0",), ("t1",)]
            report = other.doctor()
            assert report.broken
            assert any(
                "title_sort" in finding.text
                for table in report.tables
                if table.name == "u"
                for finding in table.findings
            )
            one.connection.execute("INSERT INTO u VALUES ('u2', 'a')")
            with pytest.raises(CrdtsqlError, match="title_sort.*crdtsql doctor"):
                sync(one, other)
            other.connection.execute("DROP TRIGGER IF EXISTS x; DROP INDEX IF EXISTS i")
            if what != "stored column":
                sync(one, other)
                assert other.connection.execute("SELECT id FROM u ORDER BY 1").fetchall() == [("u1",), ("u2",)]
            other.disable("u")
            assert [table.name for table in other.registry.tables()] == ["t"]


def test_alter_refuses_what_makes_a_table_unwritable(tmp_path: Path) -> None:
    """`alter` leaves everything as it was if a merge could not write the table afterwards."""
    make(
        tmp_path / "a.db",
        f"{U}; CREATE TABLE w (a); CREATE TRIGGER x AFTER INSERT ON w BEGIN INSERT INTO u SELECT 'x', title_sort(a) FROM w; END",
    )
    with Replica.open(tmp_path / "a.db") as one:
        one.enable("u")
        before = schema_of(one)
        for statement in ("ALTER TABLE u ADD COLUMN g AS (title_sort(s))", "CREATE INDEX i ON u (title_sort(s))"):
            with pytest.raises(CannotAlterError, match="title_sort"):
                one.alter(statement)
        assert schema_of(one) == before


def test_schema_pull_takes_no_table_that_only_its_application_can_write(tmp_path: Path) -> None:
    """A table that could not be merged here is not taken over from another file; then nothing is."""
    make(tmp_path / "a.db", U)
    make(tmp_path / "b.db", "CREATE TABLE y (a)")
    with Replica.open(tmp_path / "a.db") as one, Replica.open(tmp_path / "b.db") as other:
        one.enable("t", "u")
        other.enable("t")
        with application(tmp_path / "a.db") as writer:
            writer.execute("CREATE INDEX i ON u (title_sort(s))")
        before = schema_of(other)
        with pytest.raises((CannotAdoptError, CannotAlterError, CannotEnableError), match="title_sort"):
            other.adopt_schema(one)
        assert schema_of(other) == before


RAISES = {
    "rollback": "BEFORE INSERT ON u WHEN NEW.s = 'x' BEGIN SELECT RAISE(ROLLBACK, 'no x'); END",
    "rollback, in other words": "BEFORE INSERT ON u BEGIN SELECT CASE NEW.s WHEN 'x' THEN raise /* !*/ ( RollBack , 'no x') END; END",
    "fail": "BEFORE INSERT ON u WHEN NEW.s = 'x' BEGIN SELECT RAISE(FAIL, 'no x'); END",
    "in another table": "AFTER INSERT ON u WHEN NEW.s = 'x' BEGIN INSERT INTO w VALUES (NEW.s); END",
}


@pytest.mark.parametrize("what", RAISES)
def test_a_trigger_that_rolls_back_refuses_only_its_row(what: str, tmp_path: Path) -> None:
    """RAISE(ROLLBACK) in a trigger of the user's holds the row that it refuses, and ends no merge; the trigger stays as it was."""
    make(tmp_path / "a.db", f"{U}; CREATE TABLE w (a)")
    with Replica.open(tmp_path / "a.db") as one:
        one.enable("t", "u")
        with one.clone(tmp_path / "b.db") as other:
            script = f"""CREATE TRIGGER y BEFORE INSERT ON w BEGIN SELECT RAISE(ROLLBACK, 'no x'); END; CREATE TRIGGER x {RAISES[what]}"""
            other.connection.execute(script)
            before = other.connection.execute(
                "SELECT name, sql FROM sqlite_schema WHERE name IN ('x', 'y') ORDER BY 1"
            ).fetchall()
            one.connection.execute("INSERT INTO u VALUES ('u1', 'x'), ('u2', 'y'); INSERT INTO t VALUES ('t1', 'z')")
            sync(one, other)
            assert other.connection.execute("SELECT id FROM u").fetchall() == [("u2",)]
            assert [(row.key, row.reason) for row in other.held()] == [(("u1",), "trigger")]
            assert other.connection.execute("SELECT id FROM t").fetchall() == [("t0",), ("t1",)]
            after = other.connection.execute(
                "SELECT name, sql FROM sqlite_schema WHERE name IN ('x', 'y') ORDER BY 1"
            ).fetchall()
            assert after == before


def test_a_table_that_got_a_key_and_is_left_out_has_it_no_more(tmp_path: Path) -> None:
    """With --add-key a table that turns out not to be one for the identity asked for is left out wholly: without the key too."""
    make(tmp_path / "a.db", "CREATE TABLE u (s); CREATE TABLE w (id INTEGER PRIMARY KEY)")
    with Replica.open(tmp_path / "a.db") as one:
        before = [row for row in schema_of(one) if row[2] == "u"]
        assert one.enable(all=True, add_key=True, identity="row") == ["w"]
        assert any(notice.startswith("left out: cannot enable 'u': ") for notice in one.notices), one.notices
        assert [row for row in schema_of(one) if row[2] == "u"] == before
