"""The envelope: the bytes of a changeset, one file that carries changes from one replica to another.

A changeset is, in this order (all numbers little-endian, unsigned):

    offset  bytes  content
         0      8  magic: 89 43 52 44 54 0D 0A 1A ("\\x89CRDT\\r\\n\\x1a"; a text-mode transfer breaks it visibly)
         8      2  format version, now 1
        10      2  flags, now 0
        12      4  length of the header, at most 16 MiB
        16      8  length of the body
        24      8  length of the image: the body after decompression
        32     32  BLAKE2b-256 of everything but these 32 bytes
        64      -  header: JSON, UTF-8
         -      -  body: the image, as one Zstandard frame (RFC 8878)

The image is an SQLite database with the tables that `image.py` describes. Everything in it is data: names of tables
and columns stand in the header only, where they are looked up, never executed. A reader that meets an unknown format
version must refuse the file; unknown keys of the header are ignored. docs/FORMAT.md says the same at greater length.
"""

from __future__ import annotations

import hashlib
import json
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import zstandard

from crdtsql.base import InvalidChangesetError, suggest
from crdtsql.wire.header import Header, read_header

MAGIC = b"\x89CRDT\r\n\x1a"
VERSION = 1
PREFIX = struct.Struct("<8sHHIQQ32s")
MAXIMUM_HEADER_BYTES = 16 << 20
"""As objects, a hostile header takes some thirty times its size in memory."""
MAXIMUM_IMAGE_BYTES = 8 << 30
"""Images above this are refused, whatever the file claims; a replica of that size is better copied with `clone`."""
MAXIMUM_RATIO = 400
"""Decompressed by compressed size, above which a body of more than 64 MiB is taken for an attack."""
IN_MEMORY_BYTES = 16 << 20
"""Larger images are decompressed into a temporary file."""
COMPRESSION_LEVEL = 3
COMPRESSION_LEVEL_OF_LARGE = 6
COMPRESSION_JOB_BYTES = 2 << 20
"""Images of several such pieces are compressed harder, on two threads: smaller, and done in the same time."""


def pack(header: Header, image: bytes) -> bytes:
    """Write a changeset."""
    head = json.dumps(header.to_json(), separators=(",", ":"), ensure_ascii=False).encode()
    large = len(image) > 2 * COMPRESSION_JOB_BYTES
    parameters = zstandard.ZstdCompressionParameters.from_level(
        COMPRESSION_LEVEL_OF_LARGE if large else COMPRESSION_LEVEL,
        source_size=len(image),
        threads=2 if large else 0,
        job_size=COMPRESSION_JOB_BYTES if large else 0,
    )
    body = zstandard.ZstdCompressor(compression_params=parameters).compress(image)
    prefix = PREFIX.pack(MAGIC, VERSION, 0, len(head), len(body), len(image), _digest(head, body, len(image)))
    return b"".join((prefix, head, body))


def _digest(head: bytes | memoryview, body: bytes | memoryview, image_length: int) -> bytes:
    digest = hashlib.blake2b(digest_size=32)
    digest.update(PREFIX.pack(MAGIC, VERSION, 0, len(head), len(body), image_length, b"")[:-32])
    digest.update(head)
    digest.update(body)
    return digest.digest()


@dataclass(frozen=True, slots=True)
class Changeset:
    """A changeset whose envelope was checked: length, version, checksum, header. The image was not looked at."""

    header: Header
    body: memoryview
    image_bytes: int
    size_bytes: int

    @contextmanager
    def image(self) -> Iterator[bytes | str]:
        """Decompress the image for the length of a block: bytes, or the path of a temporary file if it is large.

        Raises:
            InvalidChangesetError: the body is not a Zstandard frame of the announced length.
        """
        source = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(self.body)
        if self.image_bytes <= IN_MEMORY_BYTES:
            with _sound_frame():
                image = source.read(self.image_bytes)
                self._check_end(len(image), source)
            yield image
            return
        with tempfile.NamedTemporaryFile(prefix="crdtsql-", suffix=".image") as file:
            with _sound_frame():
                self._check_end(self._copy(source, file), source)
            file.flush()
            yield file.name

    def _copy(self, source: zstandard.ZstdDecompressionReader, file: Any) -> int:
        copied = 0
        while copied < self.image_bytes:
            chunk = source.read(min(1 << 20, self.image_bytes - copied))
            if not chunk:
                break
            file.write(chunk)
            copied += len(chunk)
        return copied

    def _check_end(self, length: int, source: zstandard.ZstdDecompressionReader) -> None:
        if length != self.image_bytes or source.read(1):
            raise InvalidChangesetError("not a sound changeset: its content is not as long as its header says")


@contextmanager
def _sound_frame() -> Iterator[None]:
    try:
        yield
    except zstandard.ZstdError as error:
        raise InvalidChangesetError(f"not a sound changeset: its content can't be decompressed ({error})") from error


def unpack(data: bytes) -> Changeset:
    """Check a changeset's envelope and read its header. Nothing is decompressed.

    Raises:
        InvalidChangesetError: the bytes are not a whole changeset of a known version.
    """
    if len(data) < PREFIX.size or data[:8] != MAGIC:
        if data[:8] == MAGIC[: len(data)] and data:
            raise InvalidChangesetError(f"the changeset is cut off: {len(data)} bytes are not even its first part")
        raise InvalidChangesetError("not a changeset: it does not begin as one; was another file given?")
    _, version, flags, head_length, body_length, image_length, digest = PREFIX.unpack_from(data)
    check_version(version, flags)
    check_lengths(len(data), head_length, body_length, image_length)
    view = memoryview(data)
    head, body = view[PREFIX.size : PREFIX.size + head_length], view[PREFIX.size + head_length :]
    if _digest(head, body, image_length) != digest:
        raise InvalidChangesetError("the changeset was damaged on its way (its checksum differs): send it again")
    return Changeset(read_header(bytes(head)), body, image_length, len(data))


def check_version(version: int, flags: int) -> None:
    """Check that this version of crdtsql reads a format."""
    if version != VERSION or flags:
        raise InvalidChangesetError(
            f"the changeset has format {version}.{flags}, this version of crdtsql reads {VERSION}.0: "
            "install the version that wrote it"
        )


def check_lengths(size: int, head_length: int, body_length: int, image_length: int) -> None:
    """Check that the lengths that a changeset announces are those that it has, and within the limits."""
    expected = PREFIX.size + head_length + body_length
    if head_length > MAXIMUM_HEADER_BYTES or image_length > MAXIMUM_IMAGE_BYTES:
        raise InvalidChangesetError(
            f"the changeset is too large: it announces {image_length:,} bytes, at most {MAXIMUM_IMAGE_BYTES:,} are "
            f"taken; use {suggest.verb('clone')} for a replica of that size"
        )
    if size < expected:
        raise InvalidChangesetError(
            f"the changeset is cut off: {size:,} of {expected:,} bytes are there; send it again"
        )
    if size > expected:
        raise InvalidChangesetError(f"not a sound changeset: {size - expected:,} bytes follow its end")
    if image_length > max(64 << 20, body_length * MAXIMUM_RATIO):
        raise InvalidChangesetError(
            f"not a sound changeset: {body_length:,} bytes that unfold to {image_length:,} are taken for an attack"
        )
