"""Large files: the image of a changeset stands in a temporary file, and nobody sees a difference."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import apsw
import pytest

from crdtsql import Replica
from crdtsql.base.errors import DatabaseError
from crdtsql.export import collecting
from crdtsql.wire import envelope, files, workbench
from tests.support.peers import Clock, replica, write
from tests.support.shortage import room
from tests.support.state import content

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title, votes INTEGER DEFAULT 0)"
ROWS = "WITH n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO task SELECT 'k' || i, hex(randomblob(20)), i FROM n"


@pytest.fixture
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Replica:
    """Give a replica that counts as large, with parts and deleted rows."""
    monkeypatch.setattr(collecting, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    opened = replica(tmp_path / "one.db", SCHEMA, site=1, now=Clock(step=1))
    opened.set_type("task", "votes", "counter")
    write(opened, ROWS, "UPDATE task SET votes = votes + 1 WHERE id < 'k2'", "DELETE FROM task WHERE id < 'k11'")
    return opened


def _other(tmp_path: Path, name: str) -> Replica:
    other = replica(tmp_path / f"{name}.db", SCHEMA, site=2, now=Clock(step=1))
    other.set_type("task", "votes", "counter")
    return other


def _rows(one: Replica) -> list[tuple[object, ...]]:
    return list(one.connection.execute("SELECT * FROM task ORDER BY id"))


@pytest.mark.parametrize("kind", ["plain", "signed", "wal", "waiting"])
def test_an_image_in_a_file_says_the_same(
    one: Replica, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changeset that was collected in a file has what one that was collected in memory has, and no file is left."""
    if kind == "signed":
        one.sign()
    if kind == "wal":
        one.connection.execute("PRAGMA journal_mode = WAL").fetchall()
    if kind == "waiting":
        one.connection.execute("UPDATE task SET title = 'waits' WHERE id = 'k999'")
    from_file = one.export()
    monkeypatch.setattr(collecting, "IN_MEMORY_BYTES", 1 << 40)
    from_memory = one.export()
    assert envelope.unpack(from_file).version == envelope.IMAGE
    assert envelope.unpack(from_file).header.tables == envelope.unpack(from_memory).header.tables
    others = [_other(tmp_path, name) for name in ("file", "memory")]
    for other, data in zip(others, (from_file, from_memory), strict=True):
        other.merge(data)
        assert _rows(other) == _rows(one)
        assert other.vector() == one.vector()
    assert not list((tmp_path / "tmp").iterdir())


def test_a_transaction_of_the_callers_has_it_in_memory(one: Replica, tmp_path: Path) -> None:
    """What a transaction has not committed yet is in no file: an export inside of it has all that it sees."""
    one.connection.execute("BEGIN; UPDATE task SET title = 'inside' WHERE id = 'k999'")
    data = one.export()
    one.connection.execute("COMMIT")
    other = _other(tmp_path, "other")
    other.merge(data)
    assert other.connection.execute("SELECT title FROM task WHERE id = 'k999'").get == "inside"


def test_no_place_for_temporary_files_is_said(one: Replica, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no temporary file can be made, or it can't grow, an export says so, changes nothing, and works again later."""
    before = content(one.connection)
    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
        with pytest.raises(DatabaseError, match="gone: a temporary file can't be written there: .*set TMPDIR"):
            one.export()
    with room(1 << 16), pytest.raises(DatabaseError, match="disk I/O error|temporary file"):
        one.export()
    assert content(one.connection) == before
    _other(tmp_path, "other").merge(one.export())


def test_no_place_to_unfold_is_said(one: Replica, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no room to unfold a large changeset, an import says so, and changes nothing."""
    monkeypatch.setattr(envelope, "IN_MEMORY_BYTES", 0)
    data, other = one.export(), _other(tmp_path, "other")
    before = content(other.connection)
    with room(1 << 16), pytest.raises(DatabaseError, match="a temporary file can't be written there: .*set TMPDIR"):
        other.merge(data)
    assert content(other.connection) == before
    other.merge(data)
    assert _rows(other) == _rows(one)


def test_a_changeset_is_read_in_one_piece(one: Replica, tmp_path: Path) -> None:
    """A file is read as far as it should be, whatever follows, and what is cut off is told as such."""
    data = one.export()
    for name, written in (("whole", data), ("long", data + b"x" * 100), ("short", data[:-7])):
        (tmp_path / name).write_bytes(written)
        assert files.read_changeset(str(tmp_path / name)) == written[: len(data) + 1]


def test_little_is_in_memory_at_once(tmp_path: Path) -> None:
    """The most memory that an export takes grows with the length of the changeset, and not with that of its image."""
    program = (
        "import resource, sys, apsw\n"
        "from crdtsql import Replica\n"
        "connection = apsw.Connection(sys.argv[1])\n"
        "connection.execute('CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, v)')\n"
        "connection.execute(\"WITH n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 40000) INSERT INTO t SELECT 'k' || i, hex(zeroblob(1000)) FROM n\")\n"
        "connection.close()\n"
        "with Replica.open(sys.argv[1]) as one:\n"
        "    one.enable('t')\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "    data = one.export()\n"
        "    print(len(data) >> 10, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "t.db")], capture_output=True, text=True, check=True
    )
    length, grown = map(int, done.stdout.split())
    assert grown < length + (100 << 10), f"{grown:,} KiB for a changeset of {length:,} KiB"


def test_few_rows_of_huge_values_are_in_memory_one_at_a_time(tmp_path: Path) -> None:
    """The most memory that an export takes does not grow with all that its few rows hold, only with the longest value."""
    program = (
        "import resource, sys, apsw\n"
        "from crdtsql import Replica\n"
        "connection = apsw.Connection(sys.argv[1])\n"
        "connection.execute('CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL, v)')\n"
        "with Replica.open(sys.argv[1]) as one:\n"
        "    one.enable('t')\n"
        "    for _ in range(3):\n"
        "        connection.execute('INSERT INTO t (v) VALUES (zeroblob(200000000))')\n"
        "        one.fold()\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "    data = one.export()\n"
        "    print(len(data) >> 10, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "t.db")], capture_output=True, text=True, check=True
    )
    length, grown = map(int, done.stdout.split())
    assert grown < length + (450 << 10), f"{grown:,} KiB for three values of 200 MB"


@pytest.mark.parametrize("kind", ["committed", "waiting", "typed"])
def test_few_rows_that_take_much_room_are_an_image(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows that are too long to be collected in memory travel as an image, and nothing of them stays behind."""
    one = replica(tmp_path / "one.db", SCHEMA, site=1, now=Clock(step=1))
    if kind == "typed":
        one.set_type("task", "title", "set")
    other = one.clone(tmp_path / "other.db")
    connection, most = one.connection, one.connection.limit(apsw.SQLITE_LIMIT_LENGTH)
    for number in range(3):
        value = "json_array('a', hex(zeroblob(20000)))" if kind == "typed" else "hex(zeroblob(20000))"
        connection.execute(f"INSERT INTO task VALUES ('k{number}', {value}, {number})")
    if kind == "typed":
        one.fold()
        connection.execute("UPDATE task SET title = json_insert(title, '$[#]', 'b')")
    if kind != "waiting":
        one.fold()
    expected = _rows(one)
    with monkeypatch.context() as patched:
        patched.setattr(workbench, "ROOM_BYTES", 1 << 16)
        data = one.export(other.vector())
    assert envelope.unpack(data).version == envelope.IMAGE
    assert connection.limit(apsw.SQLITE_LIMIT_LENGTH) == most and not connection.in_transaction
    names = connection.execute(f"SELECT name FROM {workbench.NAME}.sqlite_schema WHERE type = 'table'").fetchall()
    assert not [name for (name,) in names if connection.execute(f"SELECT 1 FROM {workbench.NAME}.{name}").fetchall()]
    other.merge(data)
    assert _rows(other) == _rows(one) == expected
    write(one, "UPDATE task SET votes = 7 WHERE id = 'k1'")
    data = one.export(other.vector())
    assert envelope.unpack(data).version == envelope.ROWS
    other.merge(data)
    assert _rows(other) == _rows(one)
