"""A large changeset stands in a temporary file, and whoever writes, reads, sends or merges it sees no difference."""

from __future__ import annotations

import io
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica
from crdtsql.base.errors import DatabaseError, InvalidChangesetError
from crdtsql.export import collecting
from crdtsql.transports import messages, pipe
from crdtsql.transports.interface import Request, Response
from crdtsql.wire import Spill, Spilled, envelope, files, laid_open, ordering, spilled, unpack
from tests.support import hub
from tests.support.peers import Clock, replica, write
from tests.support.shortage import room
from tests.support.state import content

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, body BLOB)"
ROWS = "WITH n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO task SELECT hex(randomblob(8)), randomblob(300) FROM n"


@pytest.fixture
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Replica:
    """Give a replica with rows that counts as large, as do its changesets."""
    monkeypatch.setattr(collecting, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(envelope, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(spilled, "SPILLED_BYTES", 1000)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    opened = replica(tmp_path / "one.db", SCHEMA, site=1, now=Clock(step=0))
    write(opened, *[ROWS] * 3)
    return opened


def _spilled(one: Replica) -> Spilled:
    found = one.export_spilled()
    assert isinstance(found, Spilled)
    return found


def _other(tmp_path: Path) -> Replica:
    return replica(tmp_path / "other.db", SCHEMA, site=2, now=Clock(step=0))


def _rows(one: Replica) -> list[tuple[object, ...]]:
    return list(one.connection.execute("SELECT * FROM task ORDER BY id"))


@pytest.mark.parametrize("signed", [False, True])
def test_it_has_the_same_bytes(one: Replica, signed: bool, tmp_path: Path) -> None:
    """What is spilled is the changeset that `export` returns, byte by byte, and is merged like it; no file is left."""
    if signed:
        one.sign()
    data, whole, other = _spilled(one), one.export(), _other(tmp_path)
    assert (data.read(), len(data), b"".join(data.pieces(1000)), data.stream().read()) == (
        whole,
        len(whole),
        whole,
        whole,
    )
    kept, inside = unpack(data), unpack(whole)
    assert (kept.header, kept.digest, kept.signature) == (inside.header, inside.digest, inside.signature)
    assert bool(kept.signature) is signed
    other.merge(data)
    assert _rows(other) == _rows(one)
    assert not list((tmp_path / "tmp").iterdir())


def test_little_stays_in_memory(one: Replica) -> None:
    """A small changeset is bytes, whichever way it is asked for."""
    vector = one.vector()
    assert isinstance(one.export_spilled(vector), bytes)
    assert one.export_spilled(vector, skip_empty=True) == b""


def test_what_is_damaged_is_refused(one: Replica, tmp_path: Path) -> None:
    """A changeset in a file is checked as one in memory is: cut off, longer, or changed in one place, it is refused in the same words."""
    whole, other = one.export(), _other(tmp_path)
    before = content(other.connection)
    middle = len(whole) // 2
    wrong = [
        whole[:-1],
        whole[:5],
        whole + b"x",
        b"x" + whole,
        whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        whole[:70] + bytes([whole[70] ^ 1]) + whole[71:],
    ]
    for data in wrong:
        spill = Spill(0)
        spill.write(data)
        said = []
        for form in (data, spill.whole()):
            with pytest.raises(InvalidChangesetError) as caught:
                other.merge(form)
            said.append(str(caught.value))
        assert said[0] == said[1]
    assert content(other.connection) == before


def test_files_and_messages(one: Replica, tmp_path: Path) -> None:
    """It goes through files, messages and pipes, and what comes out of them is spilled too."""
    data, whole, path = _spilled(one), one.export(), str(tmp_path / "file.crdt")
    files.write_file(path, data)
    assert Path(path).read_bytes() == whole
    read = files.read_changeset(path)
    assert isinstance(read, Spilled)
    assert read.read() == whole
    site = {"site": "00" * 16, "vector": {}}
    stream = io.BytesIO()
    for message in (
        messages.pack_request(Request(**site, changeset=data)),
        messages.pack_response(Response(**site, changeset=data)),
    ):
        assert isinstance(message, Spilled)
        pipe.write(stream, message)
    assert stream.getvalue().count(whole) == 2
    stream.seek(0)
    asked, answered = pipe.read(stream), pipe.read(stream)
    assert asked is not None
    assert answered is not None
    for found in (messages.unpack_request(asked).changeset, messages.unpack_response(answered, "there").changeset):
        assert isinstance(found, Spilled)
        assert found.read() == whole
        assert messages.unpack_request(messages.pack_request(Request(**site, changeset=whole))).changeset == whole


def test_it_goes_both_ways_over_http(one: Replica, tmp_path: Path) -> None:
    """A sync over HTTP brings large changesets in both directions."""
    other = _other(tmp_path)
    write(other, ROWS)
    with hub.serving(Path(other.path)) as server:
        server.grant(Path(other.path))
        report = one.sync(server.address(Path(other.path)))
    assert min(report.sent_bytes, report.received_bytes) > 100_000
    assert _rows(other) == _rows(one)
    assert len(_rows(one)) == 2000


def test_no_room_is_said(one: Replica, tmp_path: Path) -> None:
    """Where it can't be spilled, whoever reads it says so, and nothing is changed."""
    path = str(tmp_path / "file.crdt")
    files.write_file(path, _spilled(one))
    with room(1 << 16), pytest.raises(DatabaseError, match="a temporary file can't be written there: .*set TMPDIR"):
        files.read_changeset(path)


def test_it_is_not_held_in_memory(tmp_path: Path) -> None:
    """Neither an export nor a merge of a changeset of 40 MB holds more than a few of them."""
    one = replica(tmp_path / "one.db", SCHEMA, site=1, now=Clock(step=0))
    write(
        one,
        "WITH n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1200) INSERT INTO task SELECT 'k' || i, randomblob(35000) FROM n",
    )
    other = _other(tmp_path)
    tracemalloc.start()
    try:
        data = one.export_spilled()
        files.write_file(str(tmp_path / "file.crdt"), data)
        other.merge(files.read_changeset(str(tmp_path / "file.crdt")))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(data) > 40_000_000
    assert most < 12_000_000
    assert _rows(other) == _rows(one)


@pytest.mark.parametrize("in_order", [False, True])
def test_rows_are_put_in_order(one: Replica, in_order: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many rows of an image stand in the order of their keys before they are merged; where they do already, nothing is written."""
    monkeypatch.setattr(ordering, "MOST_ROWS", 100)
    rows = ROWS.replace("i < 500", "i < 1500")
    filled = replica(
        tmp_path / "filled.db", f"{SCHEMA}; {rows} ORDER BY {1 if in_order else 2}", site=3, now=Clock(step=0)
    )
    received, other = unpack(filled.export_spilled()), _other(tmp_path)
    with received.image() as path:
        assert isinstance(path, str)
        before = Path(path).read_bytes()
        ordering.put_in_order(received.header, path)
        assert (Path(path).read_bytes() == before) is in_order
    with laid_open(other.connection, received) as database:
        found = other.connection.execute(f"SELECT k1, v0 FROM {database}.row_1 ORDER BY rowid").fetchall()
        assert found == sorted(_rows(filled))
        assert len(found) == 1500
        tables = {name for (name,) in other.connection.execute(f"SELECT name FROM {database}.sqlite_schema")}
        assert "unordered" not in tables
    other.merge(filled.export())
    assert _rows(other) == _rows(filled)


def test_it_is_put_in_order_without_waiting_for_the_disk(
    one: Replica, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that were checked are put in order in a file that nobody keeps: no check a second time, no journal, no waiting for the disk."""
    found: list[tuple[object, ...]] = []
    sort = ordering._sort

    def noting(connection: apsw.Connection, *arguments: Any) -> None:
        names = ("journal_mode", "synchronous", "ignore_check_constraints")
        found.append(tuple(value for name in names for (value,) in connection.execute(f"PRAGMA {name}")))
        sort(connection, *arguments)

    monkeypatch.setattr(ordering, "MOST_ROWS", 1)
    monkeypatch.setattr(ordering, "_sort", noting)
    _other(tmp_path).merge(_spilled(one))
    assert found == [("off", 0, 1)]
