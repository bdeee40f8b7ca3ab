"""The book: which writes were folded under which site, kept outside of the file.

A write that waits in the log has no identity yet; who folds it gives it one. A file that is copied with such writes in it has
them twice, and both must give them the same one. So whoever folds a log first writes down, before the commit, what was in it and
under which sites; a file whose log begins with the same entries folds these under the same sites, and only the rest under its
own (decision 0015). Entries carry chance, so the place where two logs part is exact. A book that is lost costs rows that are there
twice; it never costs a write.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sys
import time
from array import array
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import BinaryIO

from crdtsql.store.identity import state_directory
from crdtsql.store.logged import Logged
from crdtsql.store.registry import Registry

KEPT_S = 90 * 24 * 3600
KEPT_BYTES = 64 << 20
KEPT_LOGS = 4_000
"""How long books are kept, and how much of them. What is dropped counts twice where it is in another file too."""
FORGET_EVERY = 256
"""Old ones are looked for once in so many times, by chance, more often where books are large; a look costs what writing many does."""
LARGE = 1_024


@dataclass(frozen=True, slots=True)
class Folded:
    """A part of a log that was folded under one site.

    Attributes:
        site: the site's id.
        now_ms: what the machine's clock said then.
        count: how many entries it has.
    """

    site: bytes
    now_ms: int
    count: int


@dataclass(slots=True)
class Book:
    """What is written down of logs that begin as this file's log does; locked until it is closed.

    Attributes:
        logged: when the entries of this log were written.
    """

    logged: Logged
    _path: str | None = None
    _file: BinaryIO | None = None
    _records: list[tuple[list[Folded], array[int]]] = field(default_factory=list)

    @staticmethod
    def open(registry: Registry) -> Book:
        """Look up what is written down of the log; the caller holds the write lock and closes the book after the commit."""
        found = Book(Logged.read(registry.connection))
        file = registry.connection.filename
        if found.times and (file or registry.stands_for):
            begin = f"{registry.number('clock')} {found.logged.seqs[0]} {found.times[0]}"
            name = hashlib.blake2b(begin.encode(), digest_size=16).hexdigest()
            with suppress(OSError):
                found._open(os.path.join(state_directory(), "logs", name), keeps=bool(file))
        return found

    @property
    def times(self) -> array[int]:
        """Return the times of the entries, with their chance; ends before the first that has none."""
        return self.logged.times

    def _open(self, path: str, *, keeps: bool) -> None:
        """Open what is written down, to add to it unless it is only looked up for a copy."""
        if not keeps:
            self._file = open(path, "rb")  # noqa: SIM115 - it is closed by `close`
            self._read()
            return
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        try:
            handle = os.open(path, flags, 0o600)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True, mode=0o700)
            handle = os.open(path, flags, 0o600)
        self._file, self._path = os.fdopen(handle, "r+b"), path
        self._read()

    def _read(self) -> None:
        """Read what is written down, and keep others from adding to it until it is closed."""
        if self._file is None:
            return
        _lock(self._file)
        with suppress(OSError, ValueError, KeyError, TypeError):  # a damaged end is as good as none
            self._file.seek(0)
            while line := self._file.readline():
                head = json.loads(line)
                times = array("q")
                times.frombytes(self._file.read(8 * int(head["count"])))
                if sys.byteorder == "big":
                    times.byteswap()
                if len(times) == head["count"]:
                    pieces = [Folded(bytes.fromhex(site), int(now), int(n)) for site, now, n in head["pieces"]]
                    self._records.append((pieces, times))

    def begins(self) -> list[Folded]:
        """Return the parts of this log that were folded before, by this file or another one, from its beginning on."""
        pieces, shared = max(
            ((pieces, self._shared(times)) for pieces, times in self._records),
            key=lambda found: found[1],
            default=([], 0),
        )
        found = []
        for piece in pieces:
            count = min(piece.count, shared)
            if count > 0:
                found.append(Folded(piece.site, piece.now_ms, count))
            shared -= count
        return found

    def went_on_as(self, site: bytes) -> bool:
        """Tell whether another file, or this one in a state that is lost, folded other entries under a site after these."""
        for pieces, times in self._records:
            place, shared = 0, self._shared(times)
            for piece in pieces:
                place += piece.count
                if piece.site == site and place > shared:
                    return True
        return False

    def _shared(self, times: array[int]) -> int:
        """Return how many entries both logs begin with."""
        low, high = 0, min(len(times), len(self.times))
        if times[:high] == self.times[:high]:
            return high
        while low < high - 1:
            middle = (low + high) // 2
            low, high = (middle, high) if times[:middle] == self.times[:middle] else (low, middle)
        return low

    def write(self, pieces: Sequence[Folded]) -> None:
        """Write down what the log is folded under; before the commit, so that no other file can be the first after it."""
        if self._file is None or self._path is None:
            return
        if any(len(times) == len(self.times) and self._shared(times) == len(times) for _, times in self._records):
            return
        told = [[piece.site.hex(), piece.now_ms, piece.count] for piece in pieces]
        times = array("q", self.times)
        if sys.byteorder == "big":
            times.byteswap()
        line = json.dumps({"pieces": told, "count": len(times)}).encode()
        with suppress(OSError):
            self._file.write(line + b"\n" + times.tobytes())
            self._file.flush()
            os.fsync(self._file.fileno())
        if secrets.randbelow(FORGET_EVERY) <= len(times) // LARGE:
            with suppress(OSError):
                _forget_old(self._path)

    def close(self) -> None:
        """Let others read it."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _lock(file: BinaryIO) -> None:
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)


def _forget_old(kept: str) -> None:
    """Drop the oldest books beyond what is kept."""
    found = [
        (status.st_mtime, status.st_size, entry.path)
        for entry in os.scandir(os.path.dirname(kept))
        if (status := entry.stat())
    ]
    size, oldest = 0, time.time() - KEPT_S
    for place, (written, length, path) in enumerate(sorted(found, reverse=True)):
        size += length
        if path != kept and (place >= KEPT_LOGS or size > KEPT_BYTES or written < oldest):
            os.unlink(path)
