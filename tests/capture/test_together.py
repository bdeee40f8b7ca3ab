"""Many tables enabled at once: step by step for all of them, and their triggers written as rows; the file is as if one after the other."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import apsw
import pytest

from crdtsql import Replica
from crdtsql.base.errors import CannotEnableError, SchemaDriftError
from crdtsql.capture import placing
from crdtsql.evolve import Enabling
from crdtsql.sqlite import schemarows

SCHEMA = """
CREATE TABLE "o""dd tab'le" (k1 TEXT, k2 INTEGER, "or""der" TEXT COLLATE NOCASE, x REAL DEFAULT 3, PRIMARY KEY (k2, k1));
CREATE TABLE number (id INTEGER PRIMARY KEY AUTOINCREMENT, a, b UNIQUE ON CONFLICT REPLACE, c INTEGER DEFAULT 5);
CREATE TABLE child (id INTEGER PRIMARY KEY, p REFERENCES number ON DELETE SET NULL, q REFERENCES child (id));
CREATE TABLE old (id TEXT PRIMARY KEY, v UNIQUE) WITHOUT ROWID;
CREATE TABLE strict (id INTEGER PRIMARY KEY, v TEXT, g TEXT AS (v || 'x')) STRICT;
CREATE UNIQUE INDEX expression ON strict (lower(v)) WHERE v IS NOT NULL;
CREATE TABLE keyless (a); CREATE TABLE broken (id TEXT PRIMARY KEY NOT NULL, s UNIQUE);
CREATE TRIGGER x AFTER INSERT ON broken BEGIN UPDATE broken SET s = nobody_has(s); END;
INSERT INTO number (a, b) VALUES (1, 1);
""" + "".join(f"CREATE TABLE plain{number} (id TEXT PRIMARY KEY NOT NULL, v, w);" for number in range(12))
TYPES = {"number.c": "counter", "child.q": "lww", "strict.v": "register"}


def make(folder: Path, name: str) -> Replica:
    """Make a file with tables of all kinds, and open it; times and site are the same in each."""
    connection = apsw.Connection(str(folder / name))
    connection.execute(SCHEMA)
    connection.close()
    times, sites = count(1_700_000_000_000), random.Random(1)
    return Replica.open(folder / name, now=lambda: next(times), make_site=lambda: sites.randbytes(16))


@pytest.fixture
def replica(tmp_path: Path) -> Iterator[Replica]:
    """Give an open file with tables of all kinds."""
    with make(tmp_path, "a.db") as made:
        yield made


def content(replica: Replica) -> list[object]:
    """Return a file's schema, the order in which triggers fire, and all that crdtsql keeps but for where the file is."""
    run = replica.connection.execute
    schema = run("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2").fetchall()
    order = run("SELECT tbl_name, name FROM sqlite_schema WHERE type = 'trigger' ORDER BY tbl_name, rowid").fetchall()
    kept = run("SELECT * FROM _crdt_table"), run("SELECT * FROM _crdt_column"), run("SELECT upto FROM _crdt_site")
    facts = run("SELECT name, value FROM _crdt_meta WHERE name GLOB '*:*' OR name IN ('batch', 'columns', 'clock')")
    return [schema, order, *(sorted(map(repr, rows)) for rows in (*kept, facts))]


def test_the_file_is_as_if_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All at once, one by one, and under DEFENSIVE: the same schema byte for byte, the same registration, and the same notices."""
    with make(tmp_path, "a.db") as together, make(tmp_path, "b.db") as alone, make(tmp_path, "c.db") as careful:
        enabled = together.enable(all=True, types=TYPES)
        assert len(enabled) == 17
        careful.connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        assert careful.enable(all=True, types=TYPES) == enabled
        with monkeypatch.context() as patch:
            patch.setattr(Enabling, "_together", lambda _: None)
            patch.setattr(schemarows, "create_triggers", None)
            assert alone.enable(all=True, types=TYPES) == enabled
        assert content(together) == content(alone) == content(careful)
        assert len(together.notices) == len(alone.notices) == 2
        for one in (together, alone, careful):
            assert one.connection.execute("PRAGMA integrity_check").get == "ok"
            assert not one.doctor().broken


def test_triggers_are_written_as_rows_where_they_are_many(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    """From some number of triggers on, and only then, the schema is read once for all of them."""
    written = []
    plain = schemarows.create_triggers
    monkeypatch.setattr(schemarows, "create_triggers", lambda *given: written.append(len(given[1])) or plain(*given))
    replica.enable("plain0", "plain1")
    assert not written
    replica.enable(all=True)
    assert len(written) == 1
    assert written[0] >= placing.MANY


def test_what_turns_out_late_leaves_out_one_table_alone(replica: Replica) -> None:
    """A table that seemed sound until its triggers, or what we keep for it, were to be created is left out, and the others are not."""
    replica.connection.execute("CREATE INDEX _crdt_seq_plain3 ON plain3 (v)")
    enabled = replica.enable(all=True)
    assert len(enabled) == 16
    assert "plain3" not in enabled
    assert any(notice.startswith("left out: cannot enable 'plain3': ") for notice in replica.notices)
    ours = "SELECT count(*) FROM sqlite_schema WHERE name GLOB '_crdt_*_plain3' OR (tbl_name = 'plain3' AND type = 'trigger')"
    assert replica.connection.execute(ours).get == 1
    assert not replica.doctor().broken
    with pytest.raises(CannotEnableError, match="plain3"):
        replica.enable("plain3", all=True)


def test_a_trigger_that_sqlite_does_not_take_names_its_table(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    """If SQLite can't read a schema that was written, all of it is undone and created one by one, so that the error names the table."""
    plain = placing.trigger_statements
    ours = "crdtsql.capture.triggers.trigger_statements"
    monkeypatch.setattr(
        ours,
        lambda *given: [
            text.replace("BEGIN\n", "BEGIN !\n") if given[1].name == "plain5" else text for text in plain(*given)
        ],
    )
    before = replica.connection.execute("SELECT * FROM sqlite_schema").fetchall()
    with pytest.raises(CannotEnableError, match="cannot enable 'plain5': its triggers would not work"):
        replica.enable("plain5", all=True)
    assert replica.connection.execute("SELECT * FROM sqlite_schema").fetchall() == before
    assert len(replica.enable(all=True)) == 16


def test_inside_a_transaction_of_the_callers(tmp_path: Path) -> None:
    """In a caller's transaction, with foreign keys enforced and a statement that still runs, its ROLLBACK takes all of it back."""
    make(tmp_path, "a.db").close()
    connection = apsw.Connection(str(tmp_path / "a.db"))
    connection.execute("PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON").fetchall()
    before = connection.execute("SELECT * FROM sqlite_schema").fetchall()
    running = connection.execute("WITH n (i) AS (VALUES (1), (2), (3)) SELECT i FROM number, n")
    assert next(running) == (1,)
    connection.execute("BEGIN; INSERT INTO plain0 VALUES ('x', 1, 2)")
    replica = Replica.on(connection)
    assert len(replica.enable(all=True)) == 17
    assert running.fetchall() == [(2,), (3,)]
    connection.execute("INSERT INTO plain0 VALUES ('y', 1, 2)")
    assert connection.execute("SELECT count(*) FROM _crdt_log").get == 1
    for suffix in ("", "-wal"):  # as a kill at this moment would leave the file
        shutil.copy(tmp_path / f"a.db{suffix}", tmp_path / f"killed.db{suffix}")
    connection.execute("ROLLBACK")
    killed = apsw.Connection(str(tmp_path / "killed.db"))
    for one in (connection, killed):
        assert one.execute("SELECT * FROM sqlite_schema").fetchall() == before
        one.execute("INSERT INTO plain0 VALUES ('z', 1, 2)")
    killed.close()
    assert len(replica.enable(all=True)) == 17
    connection.close()


def test_other_programs_capture_at_once(replica: Replica, tmp_path: Path) -> None:
    """A connection that had read the schema before writes through the triggers as soon as they are committed."""
    other = apsw.Connection(str(tmp_path / "a.db"))
    other.execute("INSERT INTO plain1 VALUES ('x', 1, 2)")
    replica.enable(all=True)
    other.execute("INSERT INTO plain1 VALUES ('y', 1, 2); UPDATE number SET a = 2")
    assert other.execute("SELECT count(*) FROM _crdt_log").get == 2
    other.close()


def test_what_is_altered_beside_it_is_noticed(replica: Replica) -> None:
    """Where a table was altered, others can be enabled, and it still is reported; a table that is altered later is noticed too."""
    replica.enable("plain0", "plain1")
    replica.connection.execute("DROP TRIGGER _crdt_update_plain0")
    replica.enable(all=True)
    with pytest.raises(SchemaDriftError, match="'plain0' was altered"):
        replica.export()
    assert replica.repair().mended
    replica.connection.execute("ALTER TABLE plain7 ADD COLUMN later; UPDATE plain7 SET later = 1")
    replica.fold()
    assert [field.name for field in replica.registry.table("plain7").fields] == ["v", "w", "later"]
