"""Spilled: bytes that are too many for memory stand in a temporary file without a name, which nobody else can change."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, cast

from crdtsql.wire.room import having_room

SPILLED_BYTES = 4 << 20
"""What is shorter stays in memory."""
PIECE_BYTES = 1 << 20


class Unnamed:
    """A temporary file that goes when nothing has it any more.

    Attributes:
        file: it, to be read and written.
    """

    def __init__(self) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile(prefix="crdtsql-")  # noqa: SIM115 - closed below

    def __del__(self) -> None:
        if hasattr(self, "file"):
            self.file.close()

    def whole(self) -> Spilled:
        """Return all that was written to it.

        Raises:
            DatabaseError: there is no room for it in the folder of temporary files.
        """
        with having_room():
            self.file.flush()
        return Spilled(self, 0, os.fstat(self.file.fileno()).st_size)


class Spilled:
    """Bytes in a temporary file, or a part of them; the file goes when nothing has any part of it any more.

    It has a length, so it is true if it holds anything, as bytes are. One thread at a time may read it.
    """

    __slots__ = ("_begin", "_end", "_held")

    def __init__(self, held: Unnamed, begin: int, end: int) -> None:
        self._held, self._begin, self._end = held, begin, end

    def __len__(self) -> int:
        return self._end - self._begin

    def part(self, begin: int, end: int | None = None) -> Spilled:
        """Return the part from one place to another, without reading it."""
        last = self._end if end is None else min(self._begin + end, self._end)
        return Spilled(self._held, min(self._begin + begin, last), last)

    def read(self, begin: int = 0, end: int | None = None) -> bytes:
        """Read the bytes from one place to another; all by default."""
        self._held.file.seek(self._begin + begin)
        return self._held.file.read(len(self.part(begin, end)))

    def pieces(self, size: int = PIECE_BYTES) -> Iterator[bytes]:
        """Read all, in pieces of a size."""
        for begin in range(0, len(self), size):
            yield self.read(begin, begin + size)

    def stream(self) -> IO[bytes]:
        """Return a stream of all."""
        return cast(IO[bytes], _Stream(self))


class _Stream(io.RawIOBase):
    """Reads what is spilled from its beginning."""

    def __init__(self, content: Spilled) -> None:
        self._content, self._at = content, 0

    def read(self, size: int = -1) -> bytes:
        """Read so many bytes, or what is left."""
        found = self._content.read(self._at, None if size < 0 else self._at + size)
        self._at += len(found)
        return found


class Spill:
    """Takes bytes piece by piece: as long as they are few, they stay in memory.

    Attributes:
        size: how many came.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = SPILLED_BYTES if most is None else most
        self._pieces: list[bytes] = []
        self._held: Unnamed | None = None
        self.size = 0

    def write(self, piece: bytes | memoryview) -> int:
        """Add bytes; return how many.

        Raises:
            DatabaseError: there is no room for them in the folder of temporary files.
        """
        self.size += len(piece)
        if self._held is None and self.size <= self._most:
            self._pieces.append(bytes(piece))
            return len(piece)
        with having_room():
            if self._held is None:
                self._held, pieces, self._pieces = Unnamed(), self._pieces, []
                for one in pieces:
                    self._held.file.write(one)
            self._held.file.write(piece)
        return len(piece)

    def whole(self) -> bytes | Spilled:
        """Return all that was written: bytes if it is little."""
        return b"".join(self._pieces) if self._held is None else self._held.whole()

    def forget(self) -> None:
        """Let go of all; what `whole` returned stays."""
        self._pieces, self._held = [], None


def put_together(pieces: Iterable[bytes | memoryview], most: int | None = None) -> bytes | Spilled:
    """Put pieces together: bytes if that are few.

    Raises:
        DatabaseError: there is no room for them in the folder of temporary files.
    """
    spill = Spill(most)
    for piece in pieces:
        spill.write(piece)
    return spill.whole()


def unless_little(whole: Spilled) -> bytes | Spilled:
    """Return what is spilled, or its bytes if that are few."""
    return whole if len(whole) > SPILLED_BYTES else whole.read()


def pieces_of(data: bytes | memoryview | Spilled, size: int = PIECE_BYTES) -> Iterator[bytes | memoryview]:
    """Return content in pieces of a size."""
    if isinstance(data, Spilled):
        return data.pieces(size)
    view = memoryview(data)
    return (view[begin : begin + size] for begin in range(0, len(view), size))


def view_of(data: memoryview | Spilled) -> memoryview:
    """Return content as it is in memory, where it is read to if it is not."""
    return memoryview(data.read()) if isinstance(data, Spilled) else data


def bytes_of(data: bytes | Spilled) -> bytes:
    """Return content as bytes, however many."""
    return data if isinstance(data, bytes) else data.read()
