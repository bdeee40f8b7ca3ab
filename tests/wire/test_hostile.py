"""Changesets from strangers: each is refused with one clear error and changes nothing, or leaves the replica sound."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import apsw
import msgpack
import pytest
import zstandard

from crdtsql import Replica
from crdtsql.base.errors import InvalidChangesetError
from crdtsql.wire.envelope import MAXIMUM_IMAGE_BYTES, MAXIMUM_ROWS_BYTES, PREFIX, ROWS, unpack
from tests.support import command
from tests.support.forge import as_image, parts, rows_of, seal, seal_rows
from tests.support.victim import keep, pair_of


@pytest.fixture(scope="module", params=["rows", "image"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Replica, bytes]]:
    """Give a replica that every test of this file must leave as it was, and a valid changeset for it, in either format."""
    folder = tmp_path_factory.mktemp("hostile")
    os.environ["CRDTSQL_STATE_DIR"] = str(folder / "state")
    victim, peer = pair_of(folder)
    data = peer.export(victim.vector())
    peer.close()
    yield victim, data if request.param == "rows" else as_image(data)
    victim.close()


def test_the_changeset_itself_is_sound(tmp_path: Path) -> None:
    """The changeset that the other tests spoil is accepted as it is."""
    victim, peer = pair_of(tmp_path)
    assert keep(victim, peer.export(victim.vector())) is None


def test_a_cut_off_changeset_is_refused(shared: tuple[Replica, bytes]) -> None:
    """A changeset cut off anywhere is refused, and the message says that it is cut off."""
    victim, data = shared
    lengths = [*range(70), *range(70, len(data), 37), *range(len(data) - 20, len(data))]
    for length in lengths:
        error = keep(victim, data[:length])
        assert isinstance(error, InvalidChangesetError), length
        assert length == 0 or "cut off" in str(error), (length, error)


def test_a_changeset_with_a_flipped_bit_is_refused(shared: tuple[Replica, bytes]) -> None:
    """One flipped bit anywhere makes a changeset invalid."""
    victim, data = shared
    choice = random.Random(1)
    for position in [*range(64), *(choice.randrange(len(data)) for _ in range(400))]:
        spoiled = bytearray(data)
        spoiled[position] ^= 1 << choice.randrange(8)
        with pytest.raises(InvalidChangesetError):
            unpack(bytes(spoiled))
    assert isinstance(keep(victim, bytes(spoiled)), InvalidChangesetError)


@pytest.mark.parametrize("extra", [b"\0", b"x" * 1000])
def test_bytes_after_the_end_are_refused(shared: tuple[Replica, bytes], extra: bytes) -> None:
    """A changeset with anything behind its end is refused."""
    victim, data = shared
    assert "follow its end" in str(keep(victim, data + extra))
    assert isinstance(keep(victim, data + data), InvalidChangesetError)


@pytest.mark.parametrize(("version", "flags"), [(0, 0), (3, 1), (4, 0), (65535, 0), (1, 128), (2, 129)])
def test_an_unknown_format_version_is_refused(shared: tuple[Replica, bytes], version: int, flags: int) -> None:
    """A changeset of another format version is refused, and the message says which versions are at hand."""
    victim, data = shared
    spoiled = bytearray(data)
    spoiled[8:12] = version.to_bytes(2, "little") + flags.to_bytes(2, "little")
    assert f"has format {version}.{flags}, this version of crdtsql reads 1.0 to 1.127, 2.0 to 2.127 and 3.0:" in str(
        keep(victim, bytes(spoiled))
    )


def _announcing(data: bytes, head: int | None = None, body: int | None = None, image: int | None = None) -> bytes:
    magic, version, flags, *lengths, digest = PREFIX.unpack_from(data)
    lengths = [new if new is not None else old for new, old in zip((head, body, image), lengths, strict=True)]
    return PREFIX.pack(magic, version, flags, *lengths, digest) + data[PREFIX.size :]


@pytest.mark.parametrize(
    "lengths",
    [{"head": 2**32 - 1}, {"body": 2**64 - 1}, {"image": 2**64 - 1}, {"head": 0}, {"body": 0}, {"image": 0},
     {"body": MAXIMUM_IMAGE_BYTES}, {"image": MAXIMUM_IMAGE_BYTES}],
)  # fmt: skip
def test_announced_sizes_are_not_believed(shared: tuple[Replica, bytes], lengths: dict[str, int]) -> None:
    """A changeset that announces other sizes than it has is refused, without room being made for them."""
    victim, data = shared
    assert isinstance(keep(victim, _announcing(data, **lengths)), InvalidChangesetError)


def test_an_announced_gigabyte_takes_no_memory(shared: tuple[Replica, bytes], tmp_path: Path) -> None:
    """A small file that announces gigabytes is refused in a process that may not have them."""
    _, data = shared
    most = MAXIMUM_ROWS_BYTES if PREFIX.unpack_from(data)[1] == ROWS else MAXIMUM_IMAGE_BYTES
    (tmp_path / "huge.crdt").write_bytes(_announcing(data, body=MAXIMUM_IMAGE_BYTES, image=most))
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20));"
        "from crdtsql.ui.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "inspect", tmp_path / "huge.crdt"], capture_output=True, timeout=20, check=False
    )
    assert done.returncode == 1
    assert b"cut off" in done.stderr, done.stderr


def test_a_body_that_unfolds_to_far_more_is_refused(shared: tuple[Replica, bytes]) -> None:
    """A compression bomb is refused before it is unfolded, whether its size is announced or not."""
    victim, data = shared
    head = json.dumps(parts(data)[0]).encode()
    bomb = zstandard.ZstdCompressor().compress(bytes(300 << 20))
    assert "taken for an attack" in str(keep(victim, seal(head, b"", 300 << 20, bomb)))
    assert "not as long as its header says" in str(keep(victim, seal(head, b"", 4096, bomb)))
    endless = b"".join([zstandard.ZstdCompressor(write_content_size=False).compress(bytes(1 << 20))] * 50)
    assert "not as long as its header says" in str(keep(victim, seal(head, b"", 60 << 20, endless)))


def test_a_body_that_is_no_compressed_data_is_refused(shared: tuple[Replica, bytes]) -> None:
    """A body that is no Zstandard frame, or asks for a huge window, is refused."""
    victim, data = shared
    head, image = json.dumps(parts(data)[0]).encode(), parts(data)[1]
    frame = zstandard.ZstdCompressor().compress(image)
    window = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(window_log=30, write_content_size=0)
    )
    stream = window.compressobj()
    wide = stream.compress(image) + stream.flush()
    for body in (b"", b"\0" * 100, frame[:-5], frame[:10], image, frame[5:] + frame[:5], wide):
        assert isinstance(keep(victim, seal(head, image, body=body)), InvalidChangesetError)


def test_rows_that_unfold_to_far_more_are_refused(shared: tuple[Replica, bytes]) -> None:
    """Rows have a limit of their own, because they are read into memory as a whole."""
    victim, data = shared
    head = json.dumps(parts(data)[0]).encode()
    assert "too large" in str(keep(victim, seal_rows(head, bytes(5 << 20))))
    assert "longer than the whole" in str(keep(victim, seal_rows(head, b"", len(head) + 1)))


NOT_ROWS = {
    "nothing": b"",
    "no MessagePack": b"\xc1",
    "a list": msgpack.packb([1, 2]),
    "a map of numbers": msgpack.packb({1: []}),
    "a table that is not there": msgpack.packb({"row_9": []}),
    "a table of SQLite's": msgpack.packb({"sqlite_schema": [["table", "x", "x", 0, ""]]}),
    "a name that is SQL": msgpack.packb({"row_1; DROP TABLE task": []}),
    "no list of rows": msgpack.packb({"merged": 1}),
    "rows that are maps": msgpack.packb({"merged": [{"site": 1}]}),
    "rows that are text": msgpack.packb({"merged": ["abcd"]}),
    "a row that is too short": msgpack.packb({"merged": [[1, 2, 3]]}),
    "a row that is too long": msgpack.packb({"merged": [[1, 2, 3, 4, 5]]}),
    "a value that is a list": msgpack.packb({"merged": [[1, 2, 3, [4]]]}),
    "a value that is true": msgpack.packb({"merged": [[1, 2, 3, True]]}),
    "a number that SQLite has not": msgpack.packb({"merged": [[1, 2, 3, 1 << 63]]}),
    "a time": msgpack.packb({"merged": [[1, 2, 3, msgpack.Timestamp(1)]]}),
    "text that is not UTF-8": b"\x81\xa6merged\x91\x94\x01\x02\x03\xa1\xff",
    "an endless list": b"\xdd\xff\xff\xff\xff",
    "deep lists": b"\x91" * 100_000,
    "rows and more": msgpack.packb({}) + b"\x00",
}


@pytest.mark.parametrize("name", NOT_ROWS)
def test_what_is_not_rows_is_refused(shared: tuple[Replica, bytes], name: str) -> None:
    """Rows that are not those of tables that the header announces are refused."""
    victim, data = shared
    head = json.dumps(parts(data)[0]).encode()
    assert isinstance(keep(victim, seal_rows(head, NOT_ROWS[name])), InvalidChangesetError)


def test_rows_of_tables_that_have_none_are_refused(shared: tuple[Replica, bytes]) -> None:
    """What the header does not count is not taken."""
    victim, data = shared
    header = parts(data)[0]
    for table in header["tables"]:
        table |= {"rows": 0, "gone": 0}
    assert isinstance(
        keep(victim, seal_rows(json.dumps(header).encode(), msgpack.packb(rows_of(data)))), InvalidChangesetError
    )


def test_rows_of_thousands_of_tables_cost_nothing(shared: tuple[Replica, bytes]) -> None:
    """A small file that announces rows of very many tables is refused before any of them is laid out."""
    victim, data = shared
    header = parts(data)[0]
    header["tables"] = [
        {"name": f"t{n}", "key": ["a"], "columns": [], "genesis": None, "rows": 1, "gone": 0} for n in range(3_000)
    ]
    header.pop("others", None)
    statements: list[str] = []
    victim.connection.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: statements.append(event["sql"]))
    try:
        refused = keep(victim, seal_rows(json.dumps(header).encode(), msgpack.packb({})))
    finally:
        victim.connection.trace_v2(0, None)
    assert "it has rows of 3,000 tables" in str(refused)
    assert not [statement for statement in statements if statement.startswith("CREATE")]


ALIENS = {
    "empty": b"",
    "text": b"hello world\n" * 100,
    "an SQLite file": b"SQLite format 3\0" + bytes(8000),
    "zip": b"PK\x03\x04" + bytes(200),
    "the magic alone": b"\x89CRDT\r\n\x1a",
    "a text-mode transfer": b"\x89CRDT\n\x1a" + bytes(300),
    "zeros": bytes(10_000),
}


@pytest.mark.parametrize("name", ALIENS)
def test_a_file_of_another_kind_is_refused(shared: tuple[Replica, bytes], name: str) -> None:
    """A file that is no changeset is refused, and the message says so."""
    error = keep(shared[0], ALIENS[name])
    assert isinstance(error, InvalidChangesetError)
    assert "not a changeset" in str(error) or "cut off" in str(error)


def test_the_command_line_refuses_strange_files_in_one_line(tmp_path: Path) -> None:
    """Importing or inspecting a stranger's file ends with one line and exit code 1, even if the stream never ends."""
    app = command.make(tmp_path / "app.db", "CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT)")
    command.ok("enable", app, "task")
    command.ok("export", app, "-o", tmp_path / "good.crdt")
    good = (tmp_path / "good.crdt").read_bytes()
    other = tmp_path / "other.crdt"
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE t (a)").connection.close()
    for content in [
        *ALIENS.values(),
        (tmp_path / "other.db").read_bytes(),
        good[:-3],
        good[:70],
        _announcing(good, body=1 << 40),
    ]:
        other.write_bytes(content)
        command.refused("import", app, other)
    command.refused("inspect", other)
    for source in ("/dev/zero", "/dev/urandom"):
        with open(source, "rb") as endless:
            assert "not a changeset" in command.refused("import", app, "-", stdin=endless, timeout=15)
    producer = subprocess.Popen(["sh", "-c", f"cat {other}; exec cat /dev/zero"], stdout=subprocess.PIPE)
    try:
        command.refused("import", app, "-", stdin=producer.stdout, timeout=15)
    finally:
        producer.kill()
        producer.communicate()
    assert "is not a version vector" in command.refused(
        "export", app, "--for", tmp_path / "good.crdt", "-o", "-", code=2
    )
