"""Known: what a replica has seen of a store, kept outside of the user's file, so that a poll reads nothing twice.

All of it may be lost, damaged, or another store's that now lies at the same address: then segments are read again. It has no more rows
than the store has segments.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

from crdtsql.base import SqliteValue, sql
from crdtsql.transports.stores.fingerprints import Vector

if TYPE_CHECKING:
    from crdtsql.transports.stores.segments import Segment

FORMAT = 2
BUSY_MS = 1000
"""So long another process is waited for."""
_ENTRY = struct.Struct(">16sq")
_DAMAGE = (apsw.Error, OSError, ValueError, TypeError, RecursionError, struct.error)
"""What comes of reading what is no such file, or not whole."""


@dataclass(slots=True)
class Seen:
    """What was seen of a segment.

    Attributes:
        segment: its vectors; None if it was not whole.
        marks: what the store said of its files when it was read.
        covered_by, covered_ms: the segment that covers it, and since when that was seen; "" and 0 if none does.
    """

    segment: Segment | None
    marks: str
    covered_by: str = ""
    covered_ms: int = 0

    @property
    def content(self) -> tuple[Segment | None, str, str, int]:
        """Return all of it."""
        return self.segment, self.marks, self.covered_by, self.covered_ms


class StoreCache:
    """What was seen of one store by one replica.

    Attributes:
        seen: stem -> what was seen of it.
        facts: the rest, by name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: apsw.Connection | None = None
        self._before: dict[str, tuple[Segment | None, str, str, int]] = {}
        self._facts_before: dict[str, Any] = {}
        self.seen: dict[str, Seen] = {}
        self.facts: dict[str, Any] = {}
        self._said_before: set[str] = set()
        try:
            self._open()
        except apsw.BusyError:  # another process is at it: this visit goes without
            return
        except _DAMAGE:
            for suffix in ("", "-journal"):
                with suppress(OSError):
                    Path(f"{path}{suffix}").unlink()
            with suppress(*_DAMAGE):
                self._open()

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = apsw.Connection(str(self.path))
        try:
            connection.set_busy_timeout(BUSY_MS)
            facts = _read_facts(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self.facts, self._facts_before = connection, facts | {"format": FORMAT}, facts

    def load(self) -> None:
        """Read what was seen of the segments; until then only the facts are here."""
        if self._connection is None or self.seen:
            return
        from crdtsql.transports.stores.segments import NOTHING, Segment, told_in

        with suppress(*_DAMAGE):
            said = {name: told_in(text) for name, text in self._connection.execute("SELECT name, text FROM told")}
            self._said_before = {*said}
            statement = "SELECT stem, needs, upto, size, marks, covered_by, covered_ms, told FROM segment"
            for row in self._connection.execute(statement):
                stem, needs, upto, size, marks, covered_by, covered_ms, told = row
                known = NOTHING if told is None else said[told]
                segment = None if upto is None else Segment(stem, _read(needs), _read(upto), size, known)
                self.seen[stem] = Seen(segment, marks, covered_by or "", covered_ms or 0)
                self._before[stem] = self.seen[stem].content

    def save(self) -> None:
        """Write what differs from what was read; that this fails does no harm."""
        if self._connection is None:
            return
        with suppress(apsw.Error), self._connection:
            self._save_told(self._connection)
            for stem, seen in self.seen.items():
                before = self._before.get(stem)
                if before is None or before[0] is not seen.segment or before[1:] != seen.content[1:]:
                    self._connection.execute(sql("transports/stores/known/put_segment"), _row(stem, seen))
                    self._before[stem] = seen.content
            for stem in self._before.keys() - self.seen.keys():
                self._connection.execute("DELETE FROM segment WHERE stem = ?", (stem,))
                del self._before[stem]
            for name, value in self.facts.items():
                if self._facts_before.get(name) != value:
                    self._connection.execute(
                        "INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)", (name, json.dumps(value))
                    )
            self._facts_before = dict(self.facts)

    def _save_told(self, connection: apsw.Connection) -> None:
        """Write what segments tell of what may be forgotten: mostly many tell the same."""
        if not self.seen and not self._said_before:
            return
        from crdtsql.transports.stores.segments import as_text

        told = {id(seen.segment.told): seen.segment.told for seen in self.seen.values() if seen.segment}
        texts = {_name(text): text for text in map(as_text, told.values()) if text}
        for name in texts.keys() - self._said_before:
            connection.execute("INSERT OR REPLACE INTO told (name, text) VALUES (?, ?)", (name, texts[name]))
        for name in self._said_before - texts.keys():
            connection.execute("DELETE FROM told WHERE name = ?", (name,))
        self._said_before = {*texts}

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _read_facts(connection: apsw.Connection) -> dict[str, Any]:
    """Read the facts, in a file that is made one of ours if it is new.

    Raises:
        ValueError: it is of another version, or damaged.
    """
    connection.execute(
        "PRAGMA synchronous = NORMAL; CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT)"
    )
    connection.execute(sql("transports/stores/known/create_segment"))
    connection.execute(sql("transports/stores/known/create_told"))
    facts = {name: json.loads(value) for name, value in connection.execute("SELECT name, value FROM fact")}
    if facts.get("format", FORMAT) != FORMAT:
        raise ValueError("of another version")
    return facts


def _row(stem: str, seen: Seen) -> dict[str, SqliteValue]:
    segment = seen.segment
    return {
        "stem": stem,
        "needs": None if segment is None else _written(segment.needs),
        "upto": None if segment is None else _written(segment.upto),
        "size": 0 if segment is None else segment.size,
        "marks": seen.marks,
        "covered_by": seen.covered_by or None,
        "covered_ms": seen.covered_ms or None,
        "told": _name_of(segment),
    }


def _name_of(segment: Segment | None) -> str | None:
    from crdtsql.transports.stores.segments import as_text

    text = "" if segment is None else as_text(segment.told)
    return _name(text) if text else None


def _name(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _written(vector: Mapping[bytes, int]) -> bytes:
    return b"".join(_ENTRY.pack(site, upto) for site, upto in sorted(vector.items()))


@lru_cache(maxsize=4096)
def _read(blob: bytes) -> Vector:
    """Return a vector, which nobody changes; a watcher reads the same ones at each visit."""
    return dict(_ENTRY.iter_unpack(blob))
