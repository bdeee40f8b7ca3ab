"""Files of earlier formats are brought up to the present one."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from crdtsql import Replica
from crdtsql.base.errors import DatabaseError
from crdtsql.store.registry import FORMAT
from tests.support import state
from tests.support.command import execute, open_folder, refused, run_unprivileged
from tests.support.peers import START_MS, come_to_rest

DUMP = Path(__file__).parents[1] / "golden" / "file_v1.sql"
"""A file of format 1, as the version that wrote it left it: four conflicts, a deleted row, one write not folded yet."""
LOG = """SELECT "table", "key", "column", won_value, lost_value, took, resolved FROM crdt_conflicts ORDER BY id"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Give a file of format 1."""
    path = tmp_path / "old.db"
    connection = apsw.Connection(str(path))
    connection.execute(DUMP.read_text(encoding="utf-8"))
    assert connection.execute("SELECT value FROM _crdt_meta WHERE name = 'format'").get == 1
    connection.close()
    return path


def test_a_file_of_format_1_is_brought_up(old: Path) -> None:
    """Opening a file of format 1 keeps its conflicts, says which side won and which are settled, and captures on."""
    with Replica.open(old, now=lambda: START_MS + 3_600_000) as replica:
        connection = replica.connection
        assert connection.execute(LOG).fetchall() == [
            ("pair", "1, 'x'", "v", "of b", "of a", "theirs", 1),
            ("task", "t1", "title", "of b", "of a", "theirs", 1),
            ("task", "t2", "title", "late of a", "of b", "ours", 0),
            ("task", "t3", "n", 30, 10, "theirs", 0),
        ]
        assert replica.status().log_rows == 1
        assert [conflict.deleted for conflict in replica.conflicts()] == [False, False, False, True]
        replica.resolve(3, "theirs")
        replica.undelete("task", "T3")
        assert connection.execute("SELECT * FROM task ORDER BY id").fetchall() == [
            ("t1", "settled", 10),
            ("t2", "of b", 5),
            ("t3", "of a", 30),
        ]
        with replica.clone(old.with_name("clone.db")) as clone:
            come_to_rest([replica, clone])
            assert state.shared(connection) == state.shared(clone.connection)


def test_a_file_is_brought_up_once(old: Path, tmp_path: Path) -> None:
    """What was brought up has the tables of a new file, and opening it again changes nothing."""
    Replica.open(old).close()
    connection = apsw.Connection(str(tmp_path / "new.db"))
    connection.execute("CREATE TABLE pair (a INTEGER, b TEXT, v, PRIMARY KEY (a, b)) WITHOUT ROWID")
    Replica.on(connection).enable("pair")
    with Replica.open(old) as replica:
        content = state.content(replica.connection)
        assert replica.registry.number("format") == FORMAT
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE name IN ('crdt_conflicts', '_crdt_log', '_crdt_conflict')"
        ):
            columns = [
                {row[1:3] for row in c.execute(f"PRAGMA table_info({name})")} for c in (connection, replica.connection)
            ]
            assert columns[0] == columns[1], name
        facts = [
            {name.partition(":")[0] for (name,) in c.execute("SELECT name FROM _crdt_meta")}
            for c in (connection, replica.connection)
        ]
        assert facts[0] <= facts[1]
    connection.close()
    with Replica.open(old) as replica:
        assert state.content(replica.connection) == content


def test_an_old_file_on_a_connection_of_the_callers(old: Path) -> None:
    """A file of format 1, also one in memory, is brought up inside of the caller's transaction."""
    connection = apsw.Connection(":memory:")
    connection.execute(DUMP.read_text(encoding="utf-8"))
    connection.execute("BEGIN")
    assert Replica.on(connection).registry.number("format") == FORMAT
    connection.execute("ROLLBACK")
    assert connection.execute("SELECT value FROM _crdt_meta WHERE name = 'format'").get == 1
    assert len(Replica.on(connection).conflicts()) == 4


def test_other_programs_write_meanwhile(old: Path) -> None:
    """The triggers of a file that was brought up go on working for programs that know nothing of it."""
    Replica.open(old).close()
    execute(old, "UPDATE task SET n = 99 WHERE id = 't1'; DELETE FROM pair")
    with Replica.open(old) as replica:
        cells = {cell.column: cell for cell in replica.blame("task", "t1")}
        assert cells["n"].value == 99 and cells["n"].site == replica.site
        assert not replica.blame("pair", 1, "x")[0].shown


def test_an_old_file_that_cannot_be_written() -> None:
    """A file of format 1 that can only be read is refused in one line that says what to do."""
    with open_folder() as folder:
        path = folder / "old.db"
        connection = apsw.Connection(str(path))
        connection.execute(DUMP.read_text(encoding="utf-8"))
        connection.close()
        path.chmod(0o444)
        done = run_unprivileged("status", path)
        assert done.returncode == 1
        assert b"has crdtsql format 1 and can't be written" in done.stderr and b"\n" not in done.stderr.strip()


def test_a_newer_format_is_refused(old: Path) -> None:
    """A file of a format that this version does not know is refused, and not touched."""
    connection = apsw.Connection(str(old))
    connection.execute("UPDATE _crdt_meta SET value = 99 WHERE name = 'format'")
    content = state.content(connection)
    assert "install a newer crdtsql" in refused("status", old)
    with pytest.raises(DatabaseError, match="has crdtsql format 99"):
        Replica.on(connection)
    assert state.content(connection) == content
    connection.close()
