"""Figures: what a server has done, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

TEXT_TYPE = CONTENT_TYPE_LATEST


class Figures:
    """Counts for each file."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = self._counter("crdtsql_http_requests", "requests, by the status of the answer", "status")
        self._carried = self._counter("crdtsql_http_bytes", "bytes of messages", "direction")
        took = "how long a request with changes took to be merged and answered"
        self._merge_seconds = Histogram("crdtsql_http_request_seconds", took, ["file"], registry=self._registry)
        waiting = "clients that wait for news"
        self._listeners = Gauge("crdtsql_http_listeners", waiting, ["file"], registry=self._registry)

    def answered(self, name: str, status: int, size: int = 0) -> None:
        """Count an answer."""
        self._requests.labels(name, str(status)).inc()
        self._carried.labels(name, "out").inc(size)

    def received(self, name: str, size: int) -> None:
        """Count a request's bytes."""
        self._carried.labels(name, "in").inc(size)

    def merged(self, name: str, seconds: float) -> None:
        """Count a request that brought changes."""
        self._merge_seconds.labels(name).observe(seconds)

    def listening(self, name: str, more: int) -> None:
        """Count who waits for news."""
        self._listeners.labels(name).inc(more)

    def text(self, names: Collection[str]) -> bytes:
        """Return the figures of some files."""
        shown = CollectorRegistry()
        shown.register(_OfFiles(self._registry, names))
        return generate_latest(shown)

    def _counter(self, name: str, what: str, by: str) -> Counter:
        return Counter(name, what, ["file", by], registry=self._registry)


class _OfFiles(Collector):
    """The figures of some files alone."""

    def __init__(self, registry: CollectorRegistry, names: Collection[str]) -> None:
        self._registry, self._names = registry, names

    def collect(self) -> Iterator[Metric]:
        """Yield them."""
        for metric in self._registry.collect():
            metric.samples = [one for one in metric.samples if one.labels.get("file") in self._names]
            yield metric
