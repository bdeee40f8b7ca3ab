"""Files: what the command line reads and writes besides databases: vectors, changesets."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import click

from crdtsql.base import DatabaseError, InvalidChangesetError, UsageError, suggest
from crdtsql.wire import envelope
from crdtsql.wire.spilled import PIECE_BYTES, Spill, Spilled, pieces_of


def no_such_file(path: str) -> str:
    """Say that a file is not there, with the one beside it that was perhaps meant."""
    if not path:
        return "the name of a file is empty"
    folder, name = os.path.split(path)
    with suppress(OSError):
        if os.path.isdir(path):
            return f"{path}: it is a folder, not a file"
        near = suggest.meant(name, [entry.name for entry in os.scandir(folder or ".") if entry.is_file()])
        if near is not None:
            return f"{path}: no such file; did you mean {os.path.join(folder, near)}?"
        return f"{path}: no such file"
    return f"{path}: no such file; there is no folder {folder}"


@contextmanager
def _opened(path: str, mode: str, encoding: str | None = None) -> Iterator[IO[Any]]:
    """Open a file to read, standard input for -.

    Raises:
        DatabaseError: there is no such file, or it can't be read.
    """
    try:
        opened = click.open_file(path, mode, encoding=encoding)
    except FileNotFoundError as error:
        raise DatabaseError(no_such_file(path)) from error
    except OSError as error:
        raise DatabaseError(f"{path}: it can't be read: {error.strerror}") from error
    with opened as file:
        yield file


def read_text(path: str, what: str = "a version vector") -> str:
    """Read a file of text; `what` says what it should be.

    Raises:
        UsageError: it is not text.
    """
    try:
        with _opened(path, "r", "utf-8") as file:
            return str(file.read())
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not {what}: it is not text") from error


def write_file(path: str, data: bytes | Spilled) -> None:
    """Write a file so that a reader sees all of it or nothing; - is standard output.

    Raises:
        DatabaseError: it can't be written.
    """
    target = Path(path)
    if path == "-":
        with click.open_file(path, "wb") as stream:
            stream.writelines(pieces_of(data))
            stream.flush()
        return
    if target.is_file() and _is_database(target):
        raise DatabaseError(
            f"{path}: it is an SQLite database, which would be lost: write to another file, or delete it first"
        )
    if target.is_dir():
        raise DatabaseError(f"{path}: it can't be written: it is a folder")
    if target.exists() and not target.is_file():
        with open(target, "wb") as device:  # or a pipe
            device.writelines(pieces_of(data))
        return
    try:
        _write_whole(target, data)
    except FileNotFoundError as error:
        raise DatabaseError(f"{path}: it can't be written: there is no folder {target.parent}") from error
    except OSError as error:
        raise DatabaseError(f"{path}: it can't be written: {error.strerror}") from error


def _is_database(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except OSError:
        return False


def _write_whole(target: Path, data: bytes | Spilled) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(pieces_of(data))
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def read_changeset(path: str) -> bytes | Spilled:
    """Read a changeset's file; - is standard input.

    Raises:
        InvalidChangesetError: it does not begin like a changeset, or is longer than it says.
    """
    with _opened(path, "rb") as stream:
        return read_stream(stream)


def move_to_new(source: Path, target: Path) -> None:
    """Give a file its name, unless there is a file of that name already."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if target.exists():
            raise FileExistsError(target) from None
        source.rename(target)


def read_stream(stream: IO[bytes]) -> bytes | Spilled:
    """Read a changeset from a stream, refusing early what is none, so that endless input ends.

    Raises:
        InvalidChangesetError: the stream does not begin like a changeset, or is longer than it says.
    """
    prefix = stream.read(envelope.PREFIX.size)
    if len(prefix) < envelope.PREFIX.size or prefix[:8] != envelope.MAGIC:
        envelope.unpack(prefix)
        raise InvalidChangesetError("not a changeset")
    _, version, flags, head_length, body_length, unfolded, _ = envelope.PREFIX.unpack(prefix)
    if (version, flags) != (envelope.BUNDLE, 0):
        envelope.check_version(version, flags)
    if head_length > envelope.MAXIMUM_HEADER_BYTES or body_length > envelope.MAXIMUM_IMAGE_BYTES:
        announced = head_length, body_length, max(unfolded, body_length)
        envelope.check_lengths(envelope.PREFIX.size, version, flags, announced)
    length = envelope.body_start(version, head_length) + body_length - envelope.PREFIX.size
    length += envelope.signature_bytes(flags)
    spill = Spill()
    spill.write(prefix)
    left = length + 1  # piece by piece, because it is a stranger's word and no reason to make room
    while left > 0 and (piece := stream.read(min(left, PIECE_BYTES))):
        spill.write(piece)
        left -= len(piece)
    return spill.whole()
