"""Log: which rows show what came from others, the newest arrivals first. Only reads a folded registry.

Nothing is written for it. The stamp of a cell says who wrote it, and `_crdt_progress` in which batch of this file that write
arrived. So the log tells of what is there now: what was overwritten since then is not in it, and each cell at most once.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from operator import itemgetter
from typing import Any

from crdtsql.base import (
    EMPTY,
    Sql,
    SqliteValue,
    clock,
    identifier,
    joined,
    naming,
    query,
    reasons,
    sql,
    value_to_json,
)
from crdtsql.history import HistoryEntry
from crdtsql.look.blame import CellOrigin
from crdtsql.shown import moved
from crdtsql.store import PROGRESS_DETAIL, Actor, Field, Registry, Table, Writers, acting

NOBODY = 0
"""The ordinal of no site."""
INSERTED, UPDATED, DELETED = "inserted", "updated", "deleted"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """What one site did to one row, as it arrived here.

    Attributes:
        batch: the number of the merge that brought it, which rises; those of long ago are rounded down.
        key: the row's key, in the order of the table's.
        did: inserted, updated or deleted.
        columns: which value columns that site wrote; none of a deleted row.
        site: id of the writing site, as hex; it may have come by way of another one.
        hlc: stamp of the newest of these writes; negative if the row was there before its table was enabled.
        by: who wrote the newest of them, and in which run, as the writer said it; None if nobody did.
        held: why the table does not show the row, or not as it is, None if it does: a reason as `held` has it, and its detail.
    """

    batch: int
    table: str
    key: tuple[SqliteValue, ...]
    did: str
    columns: tuple[str, ...]
    site: str
    hlc: int
    held: str | None = None
    by: Actor | None = None

    @property
    def time(self) -> str:
        """Return when it was written, by the writer's clock, UTC, ISO 8601."""
        return clock.show_time(self.hlc)

    def to_json(self) -> dict[str, Any]:
        """Return the entry as `--json` prints it."""
        return {
            "batch": self.batch,
            "table": self.table,
            "key": [value_to_json(part) for part in self.key],
            "did": self.did,
            "columns": list(self.columns),
            "site": self.site,
            "hlc": str(self.hlc),
            "time": self.time,
            "held": self.held,
            **({"by": self.by.to_json()} if self.by else {}),
        }


def writer(one: LogEntry | CellOrigin | HistoryEntry, names: Mapping[str, str], digits: int | None = None) -> str:
    """Name the replica that wrote something, and the actor, where somebody said it, as `writer_at` does."""
    return writer_at(one.site, one.by, names, digits)


def writer_at(site: str, by: Actor | None, names: Mapping[str, str], digits: int | None = None) -> str:
    """Name a replica, and the actor that wrote there, where somebody said it.

    Args:
        digits: so many of a site's id are shown where it has no name.
    """
    named = names.get(site, site[:digits])
    return named if by is None else f"{by} at {named}"


@dataclass(frozen=True, slots=True)
class MergedRows:
    """What came in with one merge.

    Attributes:
        batch: its number.
        time: when the newest of it was written.
        rows: site -> how many rows show what it wrote; in the order of the graph's sites, the others last.
    """

    batch: int
    time: str
    rows: dict[str, int]


@dataclass(frozen=True, slots=True)
class Graph:
    """Whose writes came in with which merge.

    Attributes:
        sites: those that have a lane, in the order of their first arrival from the newest on.
        arrivals: the newest first.
    """

    sites: tuple[str, ...]
    arrivals: tuple[MergedRows, ...]


def graph(entries: Iterable[LogEntry], lanes: int) -> Graph:
    """Lay out entries of the log.

    Args:
        lanes: so many sites have one of their own.
    """
    batches: dict[int, list[LogEntry]] = {}
    for one in entries:
        batches.setdefault(one.batch, []).append(one)
    newest_first = sorted(batches.items(), reverse=True)
    order = list(
        dict.fromkeys(one.site for _, found in newest_first for one in sorted(found, key=lambda one: -one.hlc))
    )
    arrivals = []
    for batch, found in newest_first:
        counted = Counter(one.site for one in found)
        rows = {site: counted[site] for site in order if site in counted}
        arrivals.append(MergedRows(batch, max(found, key=lambda one: one.hlc).time, rows))
    return Graph(tuple(order[:lanes]), tuple(arrivals))


def log(registry: Registry, name: str | None, after: int, limit: int | None, run: str | None = None) -> list[LogEntry]:
    """List what arrived after a batch, the newest first; of histories only if one is named.

    Args:
        name: of a table, None for all but histories, whose entries tell of rows that are listed.
        run: list what was written in a run instead, whether it arrived or was written here.

    Cost: reads the rows that changed since then, and of tables that were changed in large part at once all of them.

    Raises:
        NotEnabledError: the table is not replicated.
    """
    tables = [registry.table(name)] if name else [table for table in registry.tables() if not table.is_history]
    found = _Newest(limit)
    begin = _rounded(after, registry.number("batch"))
    if run is None:
        arrivals = _Arrivals(registry, max(begin, registry.number("log_from")), registry.self_ordinal)
    else:
        arrivals = _OfRun(registry, begin, acting.ranges_of_run(registry, run))
    for table in tables:
        _Rows(registry, table, arrivals, found).read()
    return found.entries()


def _rounded(after: int, batch: int) -> int:
    """Return the batch after which to begin, so that nothing is left out where arrivals of long ago share a number."""
    width = max((width for age, width in PROGRESS_DETAIL if after < batch - age), default=1)
    return after if width == 1 else after // width * width - 1


class _Newest:
    """The newest entries, at most so many."""

    def __init__(self, limit: int | None) -> None:
        self.limit, self._numbers = limit, count()
        self._heap: list[tuple[int, int, int, LogEntry]] = []

    def add(self, entry: LogEntry) -> None:
        item = (entry.batch, clock.to_event(entry.hlc), -next(self._numbers), entry)
        if self.limit is None or len(self._heap) < self.limit:
            heapq.heappush(self._heap, item)
        elif self._heap:
            heapq.heappushpop(self._heap, item)

    def wants(self, batch: int) -> bool:
        """Tell whether an entry of a batch, or of an earlier one, could be among them."""
        if self.limit is None or len(self._heap) < self.limit:
            return True
        return bool(self._heap) and self._heap[0][0] < batch

    def entries(self) -> list[LogEntry]:
        return [entry for *_, entry in sorted(self._heap, key=lambda item: item[:3], reverse=True)]


class _Arrivals:
    """In which batch the events of others arrived.

    Attributes:
        floor: what arrived in this batch, or earlier, does not count.
        without: nor what the site of this ordinal wrote.
    """

    def __init__(self, registry: Registry, floor: int, without: int) -> None:
        self.floor, self.without = floor, without
        self._rose: dict[int, tuple[list[int], list[int]]] = {}
        for site, upto, seq in query.rows(registry.connection, sql("look/log/arrivals"), {"without": without}):
            uptos, batches = self._rose.setdefault(site, ([], []))
            uptos.append(upto)
            batches.append(seq)

    def of(self, t: int, site: int) -> int | None:
        """Return the batch of a stamp, None if it does not count."""
        if site == self.without or t == clock.ABSENT:
            return None
        uptos, batches = self._rose.get(site, ([], []))
        position = bisect_left(uptos, clock.to_event(t))
        batch = batches[position] if position < len(batches) else 0
        return batch if batch > self.floor else None


class _OfRun(_Arrivals):
    """In which batch the events of a run arrived, or were folded."""

    def __init__(self, registry: Registry, floor: int, ranges: Mapping[int, Sequence[tuple[int, int]]]) -> None:
        super().__init__(registry, floor, NOBODY)
        self._ranges = ranges

    def of(self, t: int, site: int) -> int | None:
        ranges = self._ranges.get(site, ())
        place = bisect_right(ranges, t, key=itemgetter(0)) - 1
        return super().of(t, site) if place >= 0 and t <= ranges[place][1] else None


@dataclass(slots=True)
class _Written:
    """What one site wrote to one row, of what arrived in one batch."""

    hlc: int
    did: str = UPDATED
    columns: list[Field] = field(default_factory=list)


class _Rows:
    """The rows of one table."""

    def __init__(self, registry: Registry, table: Table, arrivals: _Arrivals, found: _Newest) -> None:
        self._registry, self._table, self._arrivals, self._found = registry, table, arrivals, found
        self._writers = Writers(registry)
        self._sites = {ordinal: site.hex() for ordinal, site, _ in registry.sites()}

    def read(self) -> None:
        """Read those that may count."""
        table, floor = self._table, self._arrivals.floor
        self._read("clock.seq > :floor", 0)
        if table.bulk > floor and self._found.wants(table.bulk):
            self._read("clock.seq IS NULL", table.bulk)
        if table.genesis and (batch := self._arrivals.of(*table.genesis)) and self._found.wants(batch):
            self._read_genesis(batch, *table.genesis)

    def _read(self, scope: str, bulk: int) -> None:
        """Read rows of a scope, until those that follow can't be among the newest any more."""
        table = self._table
        stamps = [(naming.stamp_t(one.id), naming.stamp_s(one.id)) for one in table.fields]
        statement = sql(
            "look/log/changed_rows",
            reason=query.as_bytes(Sql("held.reason")),
            keys=joined(query.as_bytes(Sql(f"clock.{key}")) for key in table.key_names),
            stamps=joined((Sql(f", clock.{t}, clock.{s}") for t, s in stamps), ""),
            clock=table.clock,
            held=table.held,
            scope=Sql(scope),
            others_cells=joined((Sql(f" OR clock.{s} <> :without") for _, s in stamps), "") if stamps else EMPTY,
        )
        values = {"without": self._arrivals.without, "floor": self._arrivals.floor}
        for row in self._registry.connection.execute(statement, values):
            if not self._found.wants(bulk if row[0] is None else row[0]):
                return
            for entry in self._entries(row):
                self._found.add(entry)

    def _entries(self, row: tuple[Any, ...]) -> Iterator[LogEntry]:
        _, gone, reason_kind, reason, t, s, dot_t, dot_s, *rest = row
        width = 2 * len(self._table.key)
        head = (t if dot_t is None else dot_t, s if dot_s is None else dot_s)
        written: dict[tuple[int, int], _Written] = {}
        if gone:
            _note(self._arrivals, written, *head, did=DELETED)
        else:
            self._note_cells(written, t, s, rest[width:])
            _note(self._arrivals, written, *head)
        if written:
            key = tuple(map(query.to_show, rest[0:width:2], rest[1:width:2]))
            held = None if gone or reason is None else _why(query.to_show(reason_kind, reason))
            yield from (self._entry(batch, site, one, key, held) for (batch, site), one in written.items())

    def _note_cells(self, written: dict[tuple[int, int], _Written], t: int, s: int, stamps: list[int | None]) -> None:
        _note(self._arrivals, written, t, s, did=INSERTED)
        for one, own_t, own_s in zip(self._table.fields, stamps[::2], stamps[1::2], strict=True):
            cell = (t if own_t is None else own_t, s if own_s is None else own_s)
            _note(self._arrivals, written, *cell, column=one)

    def _entry(self, batch: int, site: int, one: _Written, key: tuple[SqliteValue, ...], held: str | None) -> LogEntry:
        columns = tuple(column.name for column in one.columns)
        by = self._writers.of(one.hlc, site)
        return LogEntry(batch, self._table.name, key, one.did, columns, self._sites[site], one.hlc, held, by)

    def _read_genesis(self, batch: int, t: int, s: int) -> None:
        """Read rows that were there when another replica enabled the table, and that nobody wrote since then."""
        table = self._table
        columns = [identifier(name) for name in table.key]
        statement = sql(
            "look/log/genesis_rows",
            keys=joined(query.as_bytes(Sql(f"shown.{column}")) for column in columns),
            table=table.quoted,
            clock=table.clock,
            shown_is_clock=table.row_has_key_of("shown", "clock"),
            stands_elsewhere=moved.is_moved(self._registry.connection, table, "shown"),
        )
        limit = -1 if self._found.limit is None else self._found.limit
        written = _Written(t, INSERTED, [one for one in table.fields if not one.late])
        for row in self._registry.connection.execute(statement, {"limit": limit}):
            self._found.add(self._entry(batch, s, written, tuple(map(query.to_show, row[::2], row[1::2])), None))


def _note(
    arrivals: _Arrivals,
    written: dict[tuple[int, int], _Written],
    t: int,
    s: int,
    *,
    did: str = UPDATED,
    column: Field | None = None,
) -> None:
    """Note a write, if it counts, beside what the same site wrote of what arrived with it."""
    batch = arrivals.of(t, s)
    if batch is None:
        return
    one = written.setdefault((batch, s), _Written(t, did))
    if clock.to_event(t) > clock.to_event(one.hlc):
        one.hlc = t
    if column is not None:
        one.columns.append(column)


def _why(reason: str) -> str:
    """Write a reason as people see it."""
    kind, detail = reasons.read(reason)
    return f"{kind}: {detail}" if detail else kind
