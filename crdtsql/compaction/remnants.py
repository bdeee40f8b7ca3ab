"""Remnants: what is kept only as long as a stamp asks for it: what sites had seen, the names of retired ones
(decision 0040), and who wrote what (decision 0048).

Goes through all stamps of a file in steps, each inside the caller's write transaction, and forgets afterwards. Stamps may move
meanwhile, so it begins anew once another batch was written: a stamp of which it knows nothing must not lose what it needs.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crdtsql.base import Sql, SqliteValue, clock, identifier, joined, memory, query, sql
from crdtsql.compaction import floor, retiring
from crdtsql.compaction.stride import Stride
from crdtsql.numbers import archive
from crdtsql.store import Registry, acting, retired

MOST_ATTEMPTS = 20
"""So often it begins in vain because somebody writes; then it is left for the next floor."""
EXACT_BATCHES = 64
"""Of so many batches it is remembered what came in each, for whoever reads the log of arrivals."""
_MERGED = ("site", "peer", "at")


@dataclass(slots=True)
class Remnants:
    """One look at all stamps of a file, and what goes after it.

    Attributes:
        stride: how many rows a step looks at.
    """

    registry: Registry
    stride: Stride = field(default_factory=Stride)
    _attempts: int = 0
    _batch: int = -1
    _steps: Iterator[None] = field(default_factory=lambda: iter(()))

    def step(self) -> bool:
        """Look at the next rows, or forget some; return whether there are more."""
        batch = self.registry.number("batch")
        if batch != self._batch:
            if self._attempts == MOST_ATTEMPTS:
                return False
            self._attempts, self._batch, self._steps = self._attempts + 1, batch, _look(self.registry, self.stride)
        for _ in self._steps:
            return True
        return False


@dataclass(slots=True)
class _Asked:
    """Which records of what a site had seen stamps ask for: of each peer the last one at or before the stamp.

    Attributes:
        below: ordinal -> up to which event of a site the floor covers it.
        over: the ordinals of retired sites, which write no more.
        times: ordinal -> when a site had noted, below the floor, that it had seen more of any other one.
        stamps: ordinal -> places in `times` after which, and before the next one, a stamp of the site is.
        acted: ordinal -> first and last event of its attributions that are below the floor.
        written: which of these, by ordinal and first event, a stamp is in.
    """

    below: dict[int, int]
    over: set[int]
    times: dict[int, list[int]] = field(default_factory=dict)
    stamps: dict[int, set[int]] = field(default_factory=dict)
    acted: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    written: set[tuple[int, int]] = field(default_factory=set)
    _sorted: dict[int, list[int]] = field(default_factory=dict)

    def note_record(self, site: int, at: int) -> None:
        """Hear of a record, by site and time."""
        times = self.times.setdefault(site, [])
        if at <= self.below.get(site, 0) and (not times or times[-1] != at):
            times.append(at)

    def note_all_records(self) -> None:
        """Hear that this was all, so that stamps can be looked at."""
        self.times = {site: sorted({*times}) for site, times in self.times.items() if times}

    def note_stamps(self, stamps: Iterable[tuple[int | None, int | None]]) -> None:
        """Hear of stamps that are kept, by site and time; NULL where there is none."""
        for site, t in stamps:
            if site is None or t is None:
                continue
            if site in self.acted:
                self._note_written(site, t)
            times = self.times.get(site)
            if times is None:
                continue
            place = bisect_right(times, clock.to_event(t)) - 1
            if place >= 0:
                self.stamps.setdefault(site, set()).add(place)

    def _note_written(self, site: int, t: int) -> None:
        """Hear that somebody may ask who wrote the event of a stamp."""
        ranges = self.acted[site]
        place = bisect_right(ranges, t, key=lambda one: one[0]) - 1
        if place >= 0 and t <= ranges[place][1]:
            self.written.add((site, ranges[place][0]))

    def note_time(self, t: int) -> None:
        """Hear of a stamp of which it is not known whose it is."""
        self.note_stamps((site, t) for site in self.times.keys() | self.acted.keys())

    def is_asked_for(self, record: Sequence[int], following: Sequence[int] | None) -> bool:
        """Tell whether a record must stay; `following` is the next one, of whatever site and peer."""
        site, peer, at = record
        until = self.below.get(site, 0)
        if at > until:
            return True
        is_last = following is None or (following[0], following[1]) != (site, peer) or following[2] > until
        if is_last and site not in self.over:
            return True  # whoever writes next has seen it
        if site not in self._sorted:
            self._sorted[site] = sorted(self.stamps.get(site, ()))
        stamps, times = self._sorted[site], self.times.get(site, [])
        first = bisect_left(stamps, bisect_left(times, at))
        return first < len(stamps) and (
            is_last or following is None or stamps[first] < bisect_left(times, following[2])
        )


def _look(registry: Registry, stride: Stride) -> Iterator[None]:
    """Look at all records, then at all stamps, then at the records again, and forget what none asks for; a step at a time."""
    sites = registry.ordinals()
    known, agreement = retired.named(registry), floor.read(registry)
    below = floor.with_retired(registry, agreement.floor)
    asked = _Asked(
        {ordinal: below[site] for site, ordinal in sites.items() if site in below},
        {sites[site] for site in known if site in sites},
    )
    names = {sites[site] for site in known if site in sites and site not in agreement.named}
    names.discard(registry.self_ordinal)
    kept = 0
    for records in _pages(registry, stride, "_crdt_merged", _MERGED, ()):
        for site, _, at in records:
            asked.note_record(site, at)
        kept += len(records)
        yield
    asked.note_all_records()
    asked.acted = acting.ranges_up_to(registry, asked.below)
    _join_batches(registry, asked.below)
    yield
    if not kept and not names and not asked.acted:
        return
    for _ in _stamps(registry, stride, asked, names):
        yield
    for _ in _unasked(registry, stride, asked):
        yield
    ranges_below = {(site, since) for site, ranges in asked.acted.items() for since, _ in ranges}
    acting.forget(registry, ranges_below - asked.written)
    over = sorted(names)
    for start in range(0, len(over), stride.rows):
        retiring.forget_names(registry, over[start : start + stride.rows])
        yield


def _join_batches(registry: Registry, below: Mapping[int, int]) -> None:
    """Let one entry say in which batches all came that the floor covers: whoever lacks any of it is sent all, or nothing."""
    connection, before = registry.connection, registry.number("batch") - EXACT_BATCHES
    for site, upto in below.items():
        values = {"site": site, "before": before, "below": upto}
        found = query.first(connection, sql("compaction/remnants/find_batches"), values)
        if found is not None:
            first, last, reached = found
            connection.execute(sql("compaction/remnants/join_batches"), {"site": site, "first": first, "upto": reached})
            connection.execute(
                "DELETE FROM _crdt_progress WHERE site = ? AND seq > ? AND seq <= ?", (site, first, last)
            )


def _stamps(registry: Registry, stride: Stride, asked: _Asked, names: set[int]) -> Iterator[None]:
    """Look at all stamps, and take the sites of which there is one out of `names`."""
    for table in retiring.stamped(registry):
        first = len(table.key)
        for rows in _pages(registry, stride, table.name, table.key, [*table.sites, *table.times]):
            for row in rows:
                sites, times = row[first : first + len(table.sites)], row[first + len(table.sites) :]
                names.difference_update(sites)
                asked.note_stamps(zip(sites, times, strict=False))
            yield
    for name in ("unseen", "purged"):
        for number in _numbers(json.loads(str(registry.get(name) or "[]"))):
            names.discard(number)
            asked.note_time(number)
    for replicated in registry.tables():
        for one in replicated.old_numbers:
            names.discard(one.s)
            asked.note_stamps([(one.s, one.t)])
        # A birth is asked about, and never what its writer had seen.
        for births in archive.read_blobs(registry, replicated) if names else ():
            names.difference_update(site for _, _, site in births)
            yield


def _unasked(registry: Registry, stride: Stride, asked: _Asked) -> Iterator[None]:
    """Forget the records that no stamp asks for."""
    before: Sequence[int] | None = None
    statement = "DELETE FROM _crdt_merged WHERE site = ? AND peer = ? AND at = ?"
    for records in _pages(registry, stride, "_crdt_merged", _MERGED, ()):
        over = []
        for record in records:
            if before is not None and not asked.is_asked_for(before, record):
                over.append(before)
            before = record
        registry.connection.executemany(statement, over)
        memory.forget_rows(registry.connection)
        yield
    if before is not None and not asked.is_asked_for(before, None):
        registry.connection.execute(statement, before)
        memory.forget_rows(registry.connection)


def _pages(
    registry: Registry, stride: Stride, table: str, key: Sequence[str], columns: Sequence[str]
) -> Iterator[list[Any]]:
    """Yield the rows of a table in the order of its key, as many at once as a step looks at; first the key, then the columns."""
    names = joined(map(identifier, key))
    slots = {"columns": joined(map(identifier, (*key, *columns))), "table": identifier(table), "key": names}
    after, values = Sql("1"), dict[str, SqliteValue]()
    while True:
        statement, most = sql("compaction/remnants/list_rows", after=after, **slots), stride.rows
        rows = query.rows_to_show(registry.connection, statement, values | {"most": most})
        if rows:
            yield rows
        if len(rows) < most:
            return
        marks, values = query.binding("last", rows[-1][: len(key)])
        after = Sql(f"({names}) > ({marks})")


def _numbers(found: Any) -> Iterator[int]:
    if isinstance(found, list):
        for one in found:
            yield from _numbers(one)
    elif type(found) is int:
        yield found
