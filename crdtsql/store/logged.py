"""When the log's entries were written: read once per fold, for the book and for the stamps.

An entry's time is milliseconds since 1970 with 20 bits of chance below them; triggers of older formats wrote a julian day,
without chance.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import apsw

from crdtsql.base import Sql, fragment, query, sql

CHANCE_BITS = 20
CHUNK = 1 << 16


def has_pending(connection: apsw.Connection) -> bool:
    """Tell whether the log holds anything to fold."""
    return query.exists(connection, "main._crdt_log")


@dataclass(frozen=True, slots=True)
class Logged:
    """The times of the log's entries.

    Attributes:
        seqs: the numbers of all entries, rising.
        times: the times of the entries, with their chance; ends before the first that has none.
        aged_ms: milliseconds since 1970 of the entries after these.
    """

    seqs: Sequence[int]
    times: array[int]
    aged_ms: Sequence[int] = ()

    @staticmethod
    def read(connection: apsw.Connection) -> Logged:
        """Read them; cost: a quarter of a microsecond per entry."""
        times, aged, first, last = array("q"), False, 0, -(1 << 63)
        while True:
            values = {"after": last, "most": CHUNK}
            first, reached, has_aged, found = query.first(connection, sql("store/logged/read_entries"), values)
            if reached is None:
                break
            chunk = json.loads(found)
            times.fromlist(chunk)
            last, aged = reached, aged or has_aged
            if len(chunk) < CHUNK:
                break
        seqs: Sequence[int] = range(first, last + 1) if times else range(0)
        if len(seqs) != len(times):
            seqs = [seq for (seq,) in query.rows(connection, "SELECT seq FROM main._crdt_log ORDER BY seq")]
        if not aged:
            return Logged(seqs, times)
        statement = sql("store/logged/read_aged", written_ms=Logged.written_ms())
        aged_ms = [ms for (ms,) in query.rows(connection, statement)]
        return Logged(seqs, times[: len(times) - len(aged_ms)], aged_ms)

    @staticmethod
    def written_ms() -> Sql:
        """Render when an entry was written, in milliseconds since 1970."""
        return fragment("store/logged/written_ms")

    def is_whole(self, connection: apsw.Connection) -> bool:
        """Tell whether nothing was logged since they were read."""
        (last,) = query.first(connection, "SELECT max(seq) FROM main._crdt_log")
        return bool(self.seqs) and self.seqs[-1] == last

    def __len__(self) -> int:
        """Return how many entries there are."""
        return len(self.seqs)

    def moments(self) -> Iterator[int]:
        """Yield the times of all entries; the bits of chance may be anything."""
        return chain(self.times, (ms << CHANCE_BITS for ms in self.aged_ms))
