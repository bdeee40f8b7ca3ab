"""The names and bytes of segments."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from crdtsql import Replica, errors
from crdtsql.transports.stores import segments
from crdtsql.transports.stores.fingerprints import fingerprint
from crdtsql.wire import unpack
from tests.support import peers

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)"


@pytest.fixture
def one(tmp_path: Path) -> Replica:
    """Give a replica with a row."""
    found = peers.replica(tmp_path / "1.db", SCHEMA, now=peers.Clock(step=1))
    found.connection.execute("INSERT INTO task VALUES ('a', 'x')")
    return found


def test_a_name_says_what_is_in_it(one: Replica) -> None:
    """The name has the writer, the highest stamp, both vectors' fingerprints and the content's hash, and bytes that fit it are believed."""
    data = one.export()
    stem = segments.stem_of(one.site, data)
    header = unpack(data).header
    found = segments.checked(stem, data)
    assert (found.needs, found.upto, found.size) == ({}, header.vector, len(data))
    assert (found.writer, found.highest) == (one.site, f"{header.highest:016x}")
    assert stem.split("-")[1:3] == [fingerprint({}), fingerprint(header.vector)]
    assert len(f"{stem}.crdt") == 121


def test_names_sort_as_they_were_written(one: Replica) -> None:
    """Later segments of one writer have later names."""
    stems = []
    for number in range(5):
        one.connection.execute("INSERT INTO task VALUES (?, 'x')", (f"k{number}",))
        stems.append(segments.stem_of(one.site, one.export()))
    assert all(before < after for before, after in pairwise(stems))


def test_what_does_not_fit_is_not_believed(one: Replica) -> None:
    """Bytes that are cut off, changed, or another changeset's are refused, and so are vectors that are not those of the name."""
    before, data = one.vector(), one.export()
    one.connection.execute("INSERT INTO task VALUES ('b', 'x')")
    stem, other = segments.stem_of(one.site, data), one.export(before)
    for wrong in (data[:-1], data[:40], b"", data[:-1] + b"?", other):
        with pytest.raises(errors.InvalidChangesetError):
            segments.checked(stem, wrong)
    lying = stem.replace(fingerprint({}), fingerprint({b"x" * 16: 7}))
    with pytest.raises(errors.InvalidChangesetError, match="vectors are not those"):
        segments.checked(lying, data)


def test_only_whole_segments_are_gathered(one: Replica) -> None:
    """Conflict copies, temporary files, other files and incomplete sets of pieces are no segments."""
    stem = segments.stem_of(one.site, one.export())
    piece = "0" * 32
    odd = [
        f"{stem}.sync-conflict-20261127-101112-ABCDEFG.crdt",
        f"{stem} (conflicted copy).crdt",
        f"{stem}.crdt.tmp",
        f".{stem}.crdt",
        "crdtsql-store.txt",
        f"{stem.upper()}.crdt",
        f"{stem}.1-2-{piece}.part",
        f"{stem}.0-1-{piece}.part",
        f"{stem}.1-9999-{piece}.part",
        f"{stem}.crdt\n",
    ]
    assert segments.gather(odd) == {}
    assert segments.gather([*odd, f"{stem}.crdt"]) == {stem: (f"{stem}.crdt",)}
    second = f"{stem}.2-2-{piece}.part"
    assert segments.gather([second, *odd]) == {stem: (f"{stem}.1-2-{piece}.part", second)}


def test_large_segments_are_kept_in_pieces(monkeypatch: pytest.MonkeyPatch, one: Replica) -> None:
    """A segment above the size of a piece is kept in pieces, which make it whole again, and all names are of the same form."""
    monkeypatch.setattr(segments, "PIECE_BYTES", 100)
    data = one.export()
    stem = segments.stem_of(one.site, data)
    files = segments.files_of(stem, data)
    assert len(files) == -(-len(data) // 100) > 2
    (names,) = segments.gather(reversed(list(files))).values()
    assert segments.checked(stem, b"".join(files[name] for name in names)).size == len(data)
