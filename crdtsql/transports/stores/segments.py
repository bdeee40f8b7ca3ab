"""Segments: what a store keeps: changesets under names that say who wrote them, from where to where they lead, and what is in them.

    <writer>/<highest hlc>-<fingerprint of needs>-<fingerprint of upto>-<hash>.crdt
    <writer>/<highest hlc>-<fingerprint of needs>-<fingerprint of upto>-<hash>.<i>-<k>-<hash of the piece>.part

A *stem* is the name without its ending. A changeset of more than 8 MiB, or of more than the store takes as one file, is kept in k
pieces, so that putting it resumes where it was cut off. A name is one of these or no segment: conflict copies and temporary files are
none. What is under a name is believed only once its hash and its vectors are those of the name.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from crdtsql.base import Agreement, InvalidChangesetError, TransportError
from crdtsql.transports.stores.fingerprints import Vector, fingerprint
from crdtsql.wire import unpack

PIECE_BYTES = 8 << 20
"""No file is larger; stores may take smaller ones only."""
MOST_PIECES = 9_999
NOTHING = Agreement()

_STEM = r"(?P<stem>[0-9a-f]{32}/(?:[0-9a-f]{16}-){3}[0-9a-f]{32})"
_PIECE = r"(?P<number>\d{1,4})-(?P<count>\d{1,4})-(?P<piece>[0-9a-f]{32})"
_FILE = re.compile(rf"{_STEM}(?:\.crdt|\.{_PIECE}\.part)", re.ASCII)


class Segment(NamedTuple):
    """A segment that was found whole.

    Attributes:
        stem: its name without the ending.
        needs, upto: the vectors between which it leads.
        size: in bytes.
        told: what its writer had agreed on that may be forgotten; the same object where it is the same.
    """

    stem: str
    needs: Vector
    upto: Vector
    size: int
    told: Agreement = NOTHING

    @property
    def writer(self) -> str:
        """Return the site that put it there, as hex."""
        return self.stem[:32]

    @property
    def highest(self) -> str:
        """Return the highest stamp in it, as it stands in the name."""
        return self.stem[33:49]


def told_in(text: str) -> Agreement:
    """Return what a text of JSON says of what may be forgotten."""
    return _told_in(text) if text else NOTHING


@lru_cache(maxsize=256)
def _told_in(text: str) -> Agreement:
    return Agreement.from_json(json.loads(text))


def as_text(told: Agreement) -> str:
    """Return the text for what is told, "" for nothing."""
    return json.dumps(told.to_json(), sort_keys=True, separators=(",", ":")) if told is not NOTHING and told else ""


def _hash(data: bytes | memoryview) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def stem_of(writer: str, data: bytes) -> str:
    """Return the stem of a changeset that a site puts into a store."""
    header = unpack(data).header
    return f"{writer}/{header.highest:016x}-{fingerprint(header.needs)}-{fingerprint(header.vector)}-{_hash(data)}"


def files_of(stem: str, data: bytes, most_bytes: int | None = None) -> dict[str, memoryview | bytes]:
    """Return the files in which a segment is kept, none larger than that: name -> bytes."""
    most_bytes = min(most_bytes or PIECE_BYTES, PIECE_BYTES)
    if len(data) <= most_bytes:
        return {f"{stem}.crdt": data}
    view = memoryview(data)
    pieces = [view[begin : begin + most_bytes] for begin in range(0, len(data), most_bytes)]
    if len(pieces) > MOST_PIECES:
        raise TransportError(
            f"a changeset of {len(data):,} bytes needs more than {MOST_PIECES:,} files of {most_bytes:,} bytes"
        )
    return {f"{stem}.{number}-{len(pieces)}-{_hash(piece)}.part": piece for number, piece in enumerate(pieces, 1)}


def gather(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Find the segments in a listing: stem -> names of its files in order, if all of them are there; nothing else is one."""
    whole: dict[str, tuple[str, ...]] = {}
    pieces: dict[tuple[str, int], dict[int, str]] = {}
    for name in names:
        found = _FILE.fullmatch(name)
        if found is None:
            continue
        if found["piece"] is None:
            whole[found["stem"]] = (name,)
            continue
        number, count = int(found["number"]), int(found["count"])
        if 1 <= number <= count <= MOST_PIECES:
            pieces.setdefault((found["stem"], count), {})[number] = name
    for (stem, count), files in pieces.items():
        if len(files) == count:
            whole.setdefault(stem, tuple(files[number] for number in range(1, count + 1)))
    return whole


def checked(stem: str, data: bytes) -> Segment:
    """Check that bytes are the segment of that name.

    Raises:
        InvalidChangesetError: they are cut off, damaged, or another segment's.
    """
    if _hash(data) != stem.rpartition("-")[2]:
        raise InvalidChangesetError("it is cut off or damaged: its hash is not that of its name")
    header = unpack(data).header
    if stem_of(stem[:32], data) != stem:
        raise InvalidChangesetError("its vectors are not those of its name")
    return Segment(stem, header.needs, header.vector, len(data), told_in(as_text(header.compaction)))
