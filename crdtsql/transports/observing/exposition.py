"""Exposition: what monitoring reads of replicas, in the text format of Prometheus. Needs prometheus_client."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate, chain
from typing import Any

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from crdtsql.base import naming
from crdtsql.look import Measures
from crdtsql.replica import Replica
from crdtsql.transports.observing import counting
from crdtsql.transports.stores.looking import StoreStatus, known_stores

PREFIX = "crdtsql_"
HELP = {
    "replication_lag_seconds": "age of the oldest change that this file has and the peer lacks, or the other way round; 0 at rest",
    "vector_divergence_events": "rows with changes that the peer lacks (way: there), and sites of which it has changes that are not "
    "here (way: here); 0 at rest",
    "pending_changesets": "changesets in a store that build on changes which are not there yet",
    "conflicts": "concurrent overwrites in the conflict log, resolved and open; falls when it forgets some",
    "conflicts_open": "concurrent overwrites that nobody has resolved",
    "conflicts_forgotten": "concurrent overwrites that the conflict log has forgotten to stay within its limits",
    "held_rows": "rows that a table can't show, or not as they are",
    "metadata_bytes": "pages of what crdtsql keeps for a table",
    "merge_seconds": "how long the merges of syncs took",
    "bytes": "changesets that syncs moved",
    "clock_skew_seconds": "how far the clock of a site was ahead of this one when they last spoke, as far as that is certain",
    "verify_mismatch": "rows that differed when verify last compared",
}
"""Name without its prefix -> what it is."""
COUNTERS = ("conflicts", "conflicts_forgotten", "bytes")
LABELS = {
    "replication_lag_seconds": ("peer",),
    "vector_divergence_events": ("peer", "way"),
    "pending_changesets": ("peer",),
    "conflicts": ("table",),
    "conflicts_open": ("table",),
    "conflicts_forgotten": (),
    "held_rows": ("table", "reason"),
    "metadata_bytes": ("table",),
    "merge_seconds": (),
    "bytes": ("direction",),
    "clock_skew_seconds": ("peer",),
    "verify_mismatch": ("peer",),
}
"""Name -> its labels, beside `file`."""
_SIZES: dict[str, dict[str, int]] = {}
_SIZES_DUE_AT: dict[str, float] = {}
"""Path -> table -> bytes as they were found last, and when to look again."""


Gathered = list[tuple[str, tuple[str, ...], Any]]
"""Samples: a name, what its labels are, and the value; of a histogram its classes and their sum."""


def gather(file: str, replica: Replica, *, sizes: bool = True) -> Gathered:
    """Return what is known of a replica, under a name for its file; to be called where the replica may be used.

    Args:
        sizes: also how many bytes crdtsql keeps. For that every page of the file is looked at, so it is done a hundredth of the time
            at most, and what was found last is told meanwhile.
    """
    return _Gathering(file, replica).all(sizes)


def text(gathered: Iterable[Gathered]) -> str:
    """Return what Prometheus reads of what was gathered. Peers are called by their names where they have some."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(gathered))
    return generate_latest(registry).decode()


class _Collected(Collector):
    """What is known of replicas at one moment."""

    def __init__(self, gathered: Iterable[Gathered]) -> None:
        self._families = {name: _family(name) for name in HELP}
        for name, labels, value in chain.from_iterable(gathered):
            self._families[name].add_metric(labels, *(value if isinstance(value, tuple) else (value,)))

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        yield from self._families.values()


def _family(name: str) -> Any:
    labels = ("file", *LABELS[name])
    if name == "merge_seconds":
        return HistogramMetricFamily(PREFIX + name, HELP[name], labels=labels)
    kind = CounterMetricFamily if name in COUNTERS else GaugeMetricFamily
    return kind(PREFIX + name, HELP[name], labels=labels)


class _Gathering:
    """Gathers the samples of one replica."""

    def __init__(self, file: str, replica: Replica) -> None:
        self._file, self._replica = file, replica
        self._names = replica.names()
        self._stores: list[StoreStatus] = known_stores(replica)
        self._found: Gathered = []

    def all(self, sizes: bool) -> Gathered:
        path, began = self._replica.path, time.monotonic()
        anew = sizes and began >= _SIZES_DUE_AT.get(path, 0.0)
        found = self._replica.measures({one.address: one.vector for one in self._stores}, sizes=anew)
        if anew:
            now = time.monotonic()
            _SIZES_DUE_AT[path] = now + 100 * (now - began)
            _SIZES[path] = {table.name: table.clock_bytes or 0 for table in found.tables}
        self._add_peers(found)
        self._add_tables(found, _SIZES[path] if sizes else {})
        self._add_counts(counting.read(self._replica))
        return self._found

    def _sample(self, name: str, value: float, *labels: str) -> None:
        self._found.append((name, (self._file, *labels), value))

    def _called(self, peer: str) -> str:
        """Name a site for a person, so that no two have one name."""
        return naming.call_site(peer, self._names)

    def _add_peers(self, found: Measures) -> None:
        now_ms = self._replica.time_ms()
        for peer, lag in found.peers.items():
            called = self._called(peer)
            seconds = 0.0 if lag.oldest_ms is None else max(0, now_ms - lag.oldest_ms) / 1000
            self._sample("replication_lag_seconds", seconds, called)
            self._sample("vector_divergence_events", lag.missing_there, called, "there")
            self._sample("vector_divergence_events", lag.missing_here, called, "here")
        for store in self._stores:
            self._sample("pending_changesets", store.waiting, store.address)

    def _add_tables(self, found: Measures, sizes: Mapping[str, int]) -> None:
        for table in found.tables:
            self._sample("conflicts", table.conflicts, table.name)
            self._sample("conflicts_open", table.open_conflicts, table.name)
            for reason, rows in table.held.items():
                self._sample("held_rows", rows, table.name, reason)
            if table.name in sizes:
                self._sample("metadata_bytes", sizes[table.name], table.name)
        self._sample("conflicts_forgotten", found.conflicts_pruned)

    def _add_counts(self, counts: counting.Counts) -> None:
        bounds = [*map(str, counting.BOUNDS_S), "+Inf"]
        buckets = list(zip(bounds, accumulate(counts.merges), strict=True))
        self._found.append(("merge_seconds", (self._file,), (buckets, counts.seconds)))
        self._sample("bytes", counts.received_bytes, "received")
        self._sample("bytes", counts.sent_bytes, "sent")
        for site, skew_ms in counts.skew_ms.items():
            self._sample("clock_skew_seconds", skew_ms / 1000, self._called(site))
        for address, rows in counts.mismatches.items():
            self._sample("verify_mismatch", rows, address)
