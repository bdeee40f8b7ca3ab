"""Counting: what syncs of a replica did on this machine, in all processes together; kept outside of the user's file.

A process counts in memory, and adds to the file at most once a second and when it ends: so a sync pays next to nothing. What is
kept may be lost at any time: counters then begin anew, which whoever reads them must expect of counters.
"""

from __future__ import annotations

import atexit
import json
import os
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crdtsql.merge import MergeReport
from crdtsql.replica import Replica, SyncReport
from crdtsql.store import state_directory

if TYPE_CHECKING:
    from crdtsql.wire import Spilled

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the classes in which merges are counted by how long they took; one more has the rest."""
EVERY_S = 1.0
"""A process adds to a file at most so often."""


@dataclass(slots=True)
class Counts:
    """What was counted of one replica.

    Attributes:
        merges: how many merges took how long, by class; seconds: all of them together.
        sent_bytes, received_bytes: changesets.
        skew_ms: site -> how far its clock was ahead of ours when it was last asked, as far as that is certain.
        mismatches: address -> rows that differed there when that was last verified.
    """

    merges: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    seconds: float = 0.0
    sent_bytes: int = 0
    received_bytes: int = 0
    skew_ms: dict[str, int] = field(default_factory=dict)
    mismatches: dict[str, int] = field(default_factory=dict)

    def add(self, later: Counts) -> None:
        """Count in what was counted later."""
        self.merges = [one + other for one, other in zip(self.merges, later.merges, strict=True)]
        self.seconds += later.seconds
        self.sent_bytes += later.sent_bytes
        self.received_bytes += later.received_bytes
        self.skew_ms |= later.skew_ms
        self.mismatches |= later.mismatches

    @staticmethod
    def of(found: Any) -> Counts:
        """Read what a file has.

        Raises:
            ValueError, TypeError, KeyError: it is none of ours.
        """
        counts = Counts(**{one.name: type(getattr(Counts(), one.name))(found[one.name]) for one in fields(Counts)})
        if len(counts.merges) != len(BOUNDS_S) + 1:
            raise ValueError("of another version")
        return counts


_PENDING: dict[Path, Counts] = {}
_WRITTEN_AT: dict[Path, float] = {}
_LOCK = threading.Lock()


def merge(replica: Replica, data: bytes | Spilled, **limits: Any) -> MergeReport:
    """Merge a changeset, within the limits that `Replica.merge` takes, and count how long that took if it brought anything."""
    began = time.perf_counter()
    report = replica.merge(data, **limits)
    took = time.perf_counter() - began
    if not report.known:
        with _counting(replica) as counts:
            counts.merges[bisect_left(BOUNDS_S, took)] += 1
            counts.seconds += took
    return report


def answered(replica: Replica, *, received: int, sent: int) -> None:
    """Count what a replica was sent, and sent back."""
    if received or sent:
        with _counting(replica) as counts:
            counts.received_bytes += received
            counts.sent_bytes += sent
        if replica.connection.filename:
            write(replica, only_if_due=True)


def synced(replica: Replica, report: SyncReport) -> None:
    """Count what a sync moved."""
    if report.received_bytes or report.sent_bytes:
        answered(replica, received=report.received_bytes, sent=report.sent_bytes)


def clock_seen(replica: Replica, site: str, theirs_ms: int | None, ours_ms: tuple[int, int]) -> None:
    """Note how far the clock of another site is certainly ahead: it was read between two looks at ours."""
    if theirs_ms is not None:
        least, most = theirs_ms - ours_ms[1], theirs_ms - ours_ms[0]
        with _counting(replica) as counts:
            counts.skew_ms[site] = least if least > 0 else min(most, 0)


def verified(replica: Replica, address: str, rows: int) -> None:
    """Note how many rows differed from those of a remote."""
    with _counting(replica) as counts:
        counts.mismatches[address] = rows
    write(replica)


def read(replica: Replica) -> Counts:
    """Return all that was counted of a replica, here and by other processes."""
    write(replica)
    return _read(_place(replica))


def write(replica: Replica, *, only_if_due: bool = False) -> None:
    """Add what this process counted to the file."""
    place = _place(replica)
    if not only_if_due or time.monotonic() - _WRITTEN_AT.get(place, 0.0) >= EVERY_S:
        _write(place)


def _place(replica: Replica) -> Path:
    return state_directory() / "counts" / f"{replica.site}.json"


@contextmanager
def _counting(replica: Replica) -> Iterator[Counts]:
    """Give what this process counted and has not written yet; of a file in memory nothing is kept."""
    if not replica.connection.filename:
        yield Counts()
        return
    place = _place(replica)
    with _LOCK:
        yield _PENDING.setdefault(place, Counts())


def _read(place: Path) -> Counts:
    with suppress(OSError, ValueError, TypeError, KeyError):
        return Counts.of(json.loads(place.read_text(encoding="utf-8")))
    return Counts()


def _write(place: Path) -> None:
    """Add what is pending to a file; that this fails does no harm."""
    import secrets

    with _LOCK:
        pending = _PENDING.pop(place, None)
        _WRITTEN_AT[place] = time.monotonic()
    if pending is None:
        return
    with suppress(OSError), _locked(place):
        counts = _read(place)
        counts.add(pending)
        temporary = place.with_name(f".{place.name}.{secrets.token_hex(4)}.tmp")
        temporary.write_text(json.dumps(asdict(counts)), encoding="utf-8")
        os.replace(temporary, place)


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    """Keep other processes from adding to a file at the same time, where the system can do that."""
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(place.parent / "lock", "ab") as lock:
        with suppress(ImportError):
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@atexit.register
def _write_all() -> None:
    """Add what is left when the process ends, where there is a place for it."""
    for place in [*_PENDING]:
        if place.parent.parent.is_dir():
            _write(place)
