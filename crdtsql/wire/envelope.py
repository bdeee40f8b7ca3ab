"""The envelope: the bytes of a changeset, one file that carries changes from one replica to another.

A changeset is, in this order (all numbers little-endian, unsigned):

    offset  bytes  content
         0      8  magic: 89 43 52 44 54 0D 0A 1A ("\\x89CRDT\\r\\n\\x1a"; a text-mode transfer breaks it visibly)
         8      2  format version: 1 for an image, 2 for rows
        10      2  flags: 1 if keys have foretold numbers (decision 0031), 2 if its sender has forgotten what all members had,
                  4 if its vector has one entry for all ended sites (decision 0035), 8 if it is signed (decision 0039), 16 if it has
                  rows of typed columns, and somebody asked for a compaction (decision 0041), 32 if it says who wrote
                  events (decision 0048), 64 if its header does not list all sites (decision 0052)
        12      4  length of the header, at most 16 MiB
        16      8  length of the body
        24      8  length of the body after decompression
        32     32  BLAKE2b-256 of everything but these 32 bytes and the signature
        64      -  format 1: the header: JSON, UTF-8
         -      -  body, as one Zstandard frame (RFC 8878): format 1: the image; format 2: the header, then the rows. With the flag 64
                  there is before it, and counted with it, the list of the sites that the header does not list: its length in 4
                  bytes, and a frame of its own, which is read only where it must be
         -     64  if it is signed: the Ed25519 signature over the words "crdtsql changeset 1\\n" and the 32 bytes above

The image is an SQLite database with the tables that `image.py` describes; rows are what these tables hold, as `rows.py` writes it.
Everything in either is data: names of tables and columns stand in the header only, where they are looked up, never executed. A reader
that meets an unknown format version must refuse the file; unknown keys of the header are ignored. docs/FORMAT.md says the same at
greater length.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import chain
from typing import Any

import zstandard

from crdtsql.base import HLC_BYTES, ID_BYTES, RETIRED, InvalidChangesetError, PackedVector, Rest, suggest
from crdtsql.wire.header import Header
from crdtsql.wire.parsing import read_header, read_rest
from crdtsql.wire.room import having_room, temporary
from crdtsql.wire.spilled import Spilled, Unnamed, unless_little, view_of

MAGIC = b"\x89CRDT\r\n\x1a"
IMAGE, ROWS, BUNDLE = 1, 2, 3
"""The format versions: large changesets have an image, small ones rows; a bundle holds several (`bundles.py`)."""
FORETOLD, FORGOT, NAMELESS, SIGNED, TYPED, ACTED, REST = 1, 2, 4, 8, 16, 32, 64
"""The flags of changesets whose header says which rows numbers in keys stand for that are not theirs; whose sender has forgotten what
all members had; whose vector speaks of ended sites without naming them; that are signed; with rows of typed columns, once somebody
asked for a compaction; that say who wrote events; and that do not list all sites. A reader who knows nothing of that must refuse
them."""
FLAGS = FORETOLD | FORGOT | NAMELESS | SIGNED | TYPED | ACTED | REST
SIGNATURE_BYTES = 64
Sign = Callable[[bytes], bytes]
"""Signs the checksum of a changeset."""
PREFIX = struct.Struct("<8sHHIQQ32s")
LENGTH = struct.Struct("<I")
MAXIMUM_HEADER_BYTES = 16 << 20
"""As objects, a hostile header takes some thirty times its size in memory."""
MAXIMUM_IMAGE_BYTES = 8 << 30
"""Images above this are refused, whatever the file claims; a replica of that size is better copied with `clone`."""
MAXIMUM_RATIO = 400
"""Decompressed by compressed size, above which a body of more than 64 MiB is taken for an attack."""
IN_MEMORY_BYTES = 16 << 20
"""Larger images are decompressed into a temporary file."""
MAXIMUM_ROWS_BYTES = 4 << 20
"""Header and rows of format 2 are read into memory, where what is hostile takes some ten times as much."""
COMPRESSION_LEVEL = 3
COMPRESSION_LEVEL_OF_LARGE = 6
COMPRESSION_JOB_BYTES = 2 << 20
"""Images of several such pieces are compressed harder, on two threads: smaller, and done in the same time."""
SMALL_BYTES = 64 << 10
"""Up to so many, each thread keeps its compressor and decompressor: to make one takes 25 times as long as to use it for a few rows."""
_of_thread = threading.local()


def pack(header: Header, image: bytes, sign: Sign | None = None) -> bytes:
    """Write a changeset that has an image; `sign` is there if its header has keys."""
    head = header_bytes(header)
    return _sealed(IMAGE, _flags(header), head, _compressed(image), (len(head), len(image)), sign)


def pack_file(header: Header, path: str, sign: Sign | None = None) -> bytes | Spilled:
    """Write a changeset whose image stands in a file; little of either is in memory at once."""
    head, size, unnamed = header_bytes(header), os.path.getsize(path), Unnamed()
    with having_room(), open(path, "rb") as image:
        target = unnamed.file
        target.write(bytes(PREFIX.size) + head)
        _compressor(size).copy_stream(image, target, size=size)
        length = target.tell() - PREFIX.size - len(head)
        prefix = PREFIX.pack(MAGIC, IMAGE, _flags(header), len(head), length, size, b"")[:-32]
        target.seek(PREFIX.size)
        digest = digest_of(chain([prefix], iter(partial(target.read, 1 << 20), b"")))
        target.write(sign(digest) if sign and header.keys else b"")
        target.seek(0)
        target.write(prefix + digest)
    return unless_little(unnamed.whole())


def pack_rows(header: Header, head: bytes, rows: bytes, sign: Sign | None = None) -> bytes:
    """Write a changeset that has rows; `head` is its header as `header_bytes` writes it, and `sign` is there if it has keys."""
    lengths = len(head), len(head) + len(rows)
    listed = b"" if header.rest is None else _list(header.rest.content)
    return _sealed(ROWS, _flags(header), b"", listed + _compressed(head + rows), lengths, sign)


@lru_cache(maxsize=4)
def _list(content: bytes) -> bytes:
    """Write the list of the sites that a header does not list, from their bytes; it is the same one for many changesets."""
    end = len(content) // (ID_BYTES + HLC_BYTES) * ID_BYTES
    # Of the hlcs the first bytes of all come first, then the second ones, and so on: most of those are alike.
    frame = _compressed(b"".join((content[:end], *(content[end + place :: HLC_BYTES] for place in range(HLC_BYTES)))))
    return LENGTH.pack(len(frame)) + frame


def _read_list(listed: memoryview, count: int) -> bytes:
    """Return the bytes of the sites of a list, of which there are so many."""
    found = _unfold(listed, (ID_BYTES + HLC_BYTES) * count)
    end, hlcs = ID_BYTES * count, bytearray(HLC_BYTES * count)
    for place in range(HLC_BYTES):
        hlcs[place::HLC_BYTES] = found[end + place * count : end + (place + 1) * count]
    return found[:end] + hlcs


def _flags(header: Header) -> int:
    nameless = RETIRED in header.ids.values()
    typed = any(kind != "lww" for table in header.tables if table.rows for _, kind in table.columns)
    flags = FORETOLD * bool(header.foretold) | FORGOT * bool(header.compaction.floor) | NAMELESS * nameless
    flags |= SIGNED * bool(header.keys) | TYPED * (typed and bool(header.compaction))
    return flags | ACTED * bool(header.acted) | REST * (header.rest is not None)


def header_bytes(header: Header) -> bytes:
    """Write a header as changesets have it."""
    others = json.dumps(replace(header, sites=()).to_json(), separators=(",", ":"), ensure_ascii=False)
    # There may be thousands of sites, and JSON takes three times as long to find out what each of them is made of.
    sites = ",".join(
        f'{{"ordinal":{ordinal},"id":"{site.hex()}","upto":{upto},"needs":{needs}}}'
        for ordinal, site, upto, needs in header.sites
    )
    return others.replace('"sites":[]', f'"sites":[{sites}]', 1).encode()


def _compressed(content: bytes) -> bytes:
    return (_small_compressor() if len(content) <= SMALL_BYTES else _compressor(len(content))).compress(content)


def _compressor(size: int) -> zstandard.ZstdCompressor:
    large = size > 2 * COMPRESSION_JOB_BYTES
    parameters = zstandard.ZstdCompressionParameters.from_level(
        COMPRESSION_LEVEL_OF_LARGE if large else COMPRESSION_LEVEL,
        source_size=size,
        threads=2 if large else 0,
        job_size=COMPRESSION_JOB_BYTES if large else 0,
    )
    return zstandard.ZstdCompressor(compression_params=parameters)


def _small_compressor() -> zstandard.ZstdCompressor:
    """Return this thread's compressor, which no other may use meanwhile."""
    found: zstandard.ZstdCompressor | None = getattr(_of_thread, "compressor", None)
    if found is None:
        found = _of_thread.compressor = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL)
    return found


def _small_decompressor() -> zstandard.ZstdDecompressor:
    """Return this thread's decompressor, which keeps no more room than a small changeset takes."""
    found: zstandard.ZstdDecompressor | None = getattr(_of_thread, "decompressor", None)
    if found is None:
        found = _of_thread.decompressor = zstandard.ZstdDecompressor(max_window_size=2 * SMALL_BYTES)
    return found


def _sealed(
    version: int, flags: int, head: bytes, body: bytes, lengths: tuple[int, int], sign: Sign | None = None
) -> bytes:
    prefix = PREFIX.pack(MAGIC, version, flags, lengths[0], len(body), lengths[1], b"")[:-32]
    digest = _digest(prefix, head, body)
    return b"".join((prefix, digest, head, body, sign(digest) if sign and flags & SIGNED else b""))


def _digest(*parts: bytes | memoryview) -> bytes:
    return digest_of(parts)


def digest_of(parts: Iterable[bytes | memoryview]) -> bytes:
    """Return the checksum of what stands in parts."""
    digest = hashlib.blake2b(digest_size=32)
    for part in parts:
        digest.update(part)
    return digest.digest()


@dataclass(frozen=True, slots=True)
class Changeset:
    """A changeset whose envelope was checked: length, version, checksum, header. What it holds was not looked at.

    Attributes:
        version: its format: `IMAGE` or `ROWS`.
        body: the image, compressed, or the rows.
        unfolded_bytes: length of the body after decompression.
        size_bytes: length of the whole.
        digest: its checksum, which is what was signed.
        signature: b"" if it is not signed. Whether it is right was not looked at.
    """

    version: int
    header: Header
    body: memoryview | Spilled
    unfolded_bytes: int
    size_bytes: int
    digest: bytes = b""
    signature: bytes = b""

    @contextmanager
    def image(self) -> Iterator[bytes | str]:
        """Decompress the image for the length of a block: bytes, or the path of a temporary file if it is large.

        Raises:
            InvalidChangesetError: the body is not a Zstandard frame of the announced length.
        """
        if self.unfolded_bytes <= IN_MEMORY_BYTES:
            yield _unfold(view_of(self.body), self.unfolded_bytes)
            return
        source = _reader(self.body)
        with temporary() as file:
            with _sound_frame(), having_room():
                if self._copy(source, file) != self.unfolded_bytes or source.read(1):
                    raise _other_length()
                file.flush()
            yield file.name

    def _copy(self, source: zstandard.ZstdDecompressionReader, file: Any) -> int:
        copied = 0
        while copied < self.unfolded_bytes:
            chunk = source.read(min(1 << 20, self.unfolded_bytes - copied))
            if not chunk:
                break
            file.write(chunk)
            copied += len(chunk)
        return copied


@contextmanager
def _sound_frame() -> Iterator[None]:
    try:
        yield
    except zstandard.ZstdError as error:
        raise InvalidChangesetError(f"not a sound changeset: its content can't be decompressed ({error})") from error


def unpack(data: bytes | Spilled, known: PackedVector | None = None) -> Changeset:
    """Check a changeset's envelope and read its header. An image is not decompressed.

    Args:
        known: any vector; if what the header does not list is a part of it, it stays so (`Header.rest`). Else all is listed.

    Raises:
        InvalidChangesetError: the bytes are not a whole changeset of a known version.
    """
    first = data.read(0, PREFIX.size) if isinstance(data, Spilled) else data
    if len(data) < PREFIX.size or first[:8] != MAGIC:
        if data and first[:8] == MAGIC[: len(data)]:
            raise InvalidChangesetError(f"the changeset is cut off: {len(data)} bytes are not even its first part")
        raise InvalidChangesetError("not a changeset: it does not begin as one; was another file given?")
    _, version, flags, head_length, body_length, unfolded, digest = PREFIX.unpack_from(first)
    check_version(version, flags)
    check_lengths(len(data), version, flags, (head_length, body_length, unfolded))
    if version == ROWS and isinstance(data, Spilled):
        data = data.read()
    end = len(data) - signature_bytes(flags)
    head: bytes | memoryview
    body: memoryview | Spilled
    pieces: Iterable[bytes | memoryview]
    if isinstance(data, Spilled):
        signature, pieces = data.read(end), data.part(PREFIX.size, end).pieces()
        head, body = data.read(PREFIX.size, PREFIX.size + head_length), data.part(PREFIX.size + head_length, end)
    else:
        view, signature = memoryview(data)[PREFIX.size : end], data[end:]
        pieces, head, body = [view], view[:head_length], view[head_length:]
    if digest_of(chain([first[: PREFIX.size - 32]], pieces)) != digest:
        raise InvalidChangesetError("the changeset was damaged on its way (its checksum differs): send it again")
    finder = None
    if version == ROWS:
        listed, frame = _split(view, flags)
        content = memoryview(_unfold(frame, unfolded))
        head, body = content[:head_length], content[head_length:]
        finder = _Finder(listed, known) if flags & REST else None
    header = read_header(bytes(head), None if finder is None else finder.find)
    if flags != _flags(header):
        raise InvalidChangesetError("not a sound changeset: its header and its flags differ")
    if version == IMAGE and (header.others or header.geneses):
        raise InvalidChangesetError(
            "not a sound changeset: an image has all tables of its sender, and no list of others"
        )
    if finder is not None:
        header = header.in_full() if finder.part_of is None else replace(header, part_of=finder.part_of)
    return Changeset(version, header, body, unfolded, len(data), digest, signature)


def _split(content: memoryview, flags: int) -> tuple[memoryview, memoryview]:
    """Split what follows the first part of a changeset that has rows into its list and its body."""
    if not flags & REST:
        return content[:0], content
    if len(content) < LENGTH.size:
        raise _other_length()
    (length,) = LENGTH.unpack_from(content)
    if length > len(content) - LENGTH.size:
        raise _other_length()
    return content[LENGTH.size : LENGTH.size + length], content[LENGTH.size + length :]


class _Finder:
    """Finds what a header does not list: in a vector that is known here, if it is a part of it, else in the list.

    Attributes:
        part_of: that vector, once it was found there.
    """

    def __init__(self, listed: memoryview, known: PackedVector | None) -> None:
        self._listed = listed
        self._known = known
        self.part_of: Mapping[bytes, int] | None = None

    def find(self, count: int, digest: bytes, sites: AbstractSet[bytes]) -> Rest:
        """Find so many entries, given their digest, and which sites are not among them."""
        if self._known is not None:
            rest = self._known.without(sites)
            if rest.digest == digest and len(rest.vector) == count:
                self.part_of = self._known.vector
                return rest
        return read_rest(_read_list(self._listed, count), digest, sites)


def _other_length() -> InvalidChangesetError:
    return InvalidChangesetError("not a sound changeset: its content is not as long as its header says")


def _reader(body: memoryview | Spilled) -> zstandard.ZstdDecompressionReader:
    source = body.stream() if isinstance(body, Spilled) else body
    return zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(source)


def _unfold(body: memoryview, length: int) -> bytes:
    if length <= SMALL_BYTES:
        with suppress(zstandard.ZstdError):  # a sound frame may ask for more room than it needs
            return _whole(_small_decompressor().stream_reader(body), length)
    with _sound_frame():
        return _whole(_reader(body), length)


def _whole(source: zstandard.ZstdDecompressionReader, length: int) -> bytes:
    content = source.read(length)
    if len(content) != length or source.read(1):
        raise _other_length()
    return content


def check_version(version: int, flags: int) -> None:
    """Check that this version of crdtsql reads a format."""
    if version == BUNDLE and not flags:
        raise InvalidChangesetError("this is a bundle of several changesets, where one is wanted: import it")
    if version not in (IMAGE, ROWS) or flags & ~FLAGS:
        raise unknown_format(version, flags)


def unknown_format(version: int, flags: int) -> InvalidChangesetError:
    """Return the error that says that this version of crdtsql does not know a format."""
    return InvalidChangesetError(
        f"the changeset has format {version}.{flags}, this version of crdtsql reads {IMAGE}.0 to {IMAGE}.{FLAGS}, "
        f"{ROWS}.0 to {ROWS}.{FLAGS} and {BUNDLE}.0: install the version that wrote it"
    )


def body_start(version: int, head_length: int) -> int:
    """Return where the body begins: the header stands before it but in format 2, where it is a part of it."""
    return PREFIX.size + (0 if version == ROWS else head_length)


def signature_bytes(flags: int) -> int:
    """Return how many bytes the signature has, which stands at the end."""
    return SIGNATURE_BYTES if flags & SIGNED else 0


def is_bearable(size: int, unfolded: int) -> bool:
    """Tell whether so many bytes may unfold to so many."""
    return unfolded <= max(64 << 20, size * MAXIMUM_RATIO)


def check_ratio(size: int, unfolded: int) -> None:
    """Check that bytes don't unfold to so many that they are taken for an attack.

    Raises:
        InvalidChangesetError: they do.
    """
    if not is_bearable(size, unfolded):
        raise InvalidChangesetError(
            f"not a sound changeset: {size:,} bytes that unfold to {unfolded:,} are taken for an attack"
        )


def check_lengths(size: int, version: int, flags: int, announced: tuple[int, int, int]) -> None:
    """Check that the lengths that a changeset announces, of header, body, and body after decompression, are those that it has, and
    within the limits.
    """
    head_length, body_length, unfolded = announced
    expected = body_start(version, head_length) + body_length + signature_bytes(flags)
    most = MAXIMUM_ROWS_BYTES if version == ROWS else MAXIMUM_IMAGE_BYTES
    if head_length > MAXIMUM_HEADER_BYTES or unfolded > most:
        raise InvalidChangesetError(
            f"the changeset is too large: it announces {unfolded:,} bytes, at most {most:,} are "
            f"taken; use {suggest.verb('clone')} for a replica of that size"
        )
    if size < expected:
        raise InvalidChangesetError(
            f"the changeset is cut off: {size:,} of {expected:,} bytes are there; send it again"
        )
    if size > expected:
        raise InvalidChangesetError(f"not a sound changeset: {size - expected:,} bytes follow its end")
    check_ratio(body_length, unfolded)
    if version == ROWS and head_length > unfolded:
        raise InvalidChangesetError("not a sound changeset: its header is longer than the whole")
