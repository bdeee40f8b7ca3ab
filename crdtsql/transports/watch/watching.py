"""Watching: sync again and again, as soon as there is news on either side, for hours, at next to no cost while there is none.

Local writes of any program are noticed by `PRAGMA data_version`, which costs microseconds; what is new in a remote by its `glance`, as
often as that is cheap, and at once where a remote wakes the watcher. A remote that fails is tried again later and later, and keeps no
other one from being synced. One thread does all of it, and only that thread uses the remotes.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import apsw

from crdtsql.base import CrdtsqlError, DatabaseError, query
from crdtsql.replica import Replica, SyncOptions, SyncReport, Told, data_version
from crdtsql.transports.interface import Peer, Store
from crdtsql.transports.watch import gossip
from crdtsql.transports.watch.idle import Idle
from crdtsql.transports.watch.pace import pause_s

DEBOUNCE_S, LONGEST_DEBOUNCE_S = 0.002, 0.1
"""How often to look whether more is written, and after how long at the latest it goes."""
GLANCE_S = 0.02
"""How often to glance at a remote at most."""
SHARE = 0.004
"""How much of the time a glance at a remote may take."""
LONGEST_GLANCE_S = 5.0
EVERY_S = 10.0
"""So often a remote is synced with though nothing seems new."""
RARELY = 6
"""Where glances cost money, that comes after so many pauses at the earliest."""
FIRST_RETRY_S, LONGEST_RETRY_S = 0.5, 60.0
PATIENCE, AGAIN_S = 2, 0.1
"""At how many visits of a store a watcher waits for others to put there what they wrote, and about how soon it looks again."""

Reach = Callable[[], Peer | Store]
SyncWith = Callable[[Replica, Peer | Store, SyncOptions], SyncReport]


@dataclass(slots=True)
class Line:
    """One remote that is watched.

    Attributes:
        reach: opens it.
        remote: it, while it is open.
        seen: its last glance.
        glance_at, due_at: when to glance at it again, and when to sync with it in any case.
        written_at: when the first write came that did not go there yet.
        failures: how often it failed in a row.
        cost: seconds that the last glance took.
        woken: the remote says that there is news.
    """

    name: str
    reach: Reach
    remote: Peer | Store | None = None
    seen: str | None = None
    glance_at: float = 0.0
    due_at: float = 0.0
    written_at: float | None = None
    failures: int = 0
    cost: float = 0.0
    woken: bool = False

    def is_settled(self, now: float, last_at: float) -> bool:
        """Tell whether what was written can go."""
        gather_s = self.remote.gather_s if self.remote is not None else DEBOUNCE_S
        return self.written_at is not None and (
            now - last_at >= gather_s or now - self.written_at >= LONGEST_DEBOUNCE_S
        )


def _silent(_name: str, _what: SyncReport | CrdtsqlError) -> None:
    """Tell nobody."""


class Watcher:
    """Keeps a replica and its remotes in step.

    Args:
        told: is called with a remote's name, and what a sync did that moved anything, or why it failed.
    """

    def __init__(
        self,
        replica: Replica,
        remotes: Mapping[str, Reach],
        sync_with: SyncWith,
        *,
        options: SyncOptions | None = None,
        told: Told | None = None,
        now: Callable[[], float] = time.monotonic,
        chance: random.Random | None = None,
    ) -> None:
        self._replica, self._sync_with, self._now = replica, sync_with, now
        self._told: Told = told or _silent
        self._options = replace(options or SyncOptions(), patience=PATIENCE)
        self._chance = chance or random.Random()  # noqa: S311 - it only spreads work
        self.lines = [Line(name, reach) for name, reach in remotes.items()]
        self._file = replica.connection.filename
        self._reader: apsw.Connection | None = None
        self._version = self._look()
        # A SimpleQueue waits at half of the cost, and for ever if a signal comes just as its time ends.
        self._woken = threading.Event()
        self._chosen: list[Line] = []
        self._last_at = 0.0
        self._idle = Idle(now)
        self._idle.disturbed()

    def run(self, stop: threading.Event) -> None:
        """Watch until somebody sets the event; a sync that is under way is finished."""
        try:
            while not stop.is_set():
                self._woken.wait(self.step())
        finally:
            self.close()

    def step(self) -> float:
        """Do what is due; return after how many seconds to look again."""
        self._woken.clear()
        now = self._now()
        version = self._look()
        if version != self._version:
            self._version, self._last_at = version, now
            self._note_write(now)
            self._idle.disturbed()
        for line in self.lines:
            if line.is_settled(now, self._last_at):
                line.written_at = None
                line.due_at = line.due_at if line.failures else now
            if now >= line.due_at or (
                not line.failures and (line.woken or now >= line.glance_at) and self._has_news(line, self._now())
            ):
                self._sync(line)
        waits = any(line.written_at is not None for line in self.lines)
        if not waits:
            self._be_idle()
        return DEBOUNCE_S if waits else pause_s(now - self._last_at)

    def _be_idle(self) -> None:
        """Use the time; of what is done here nobody else need hear, unless something was agreed on.

        What another program commits meanwhile must not be taken for ours, so our own connection is asked too: it tells only of others.
        """
        if self._idle.pause_s() or self._replica.connection.in_transaction:
            return
        with suppress(DatabaseError):  # it can't be read now, so nothing is known of it: look again later
            others = data_version(self._replica)
            if self._look() != self._version or self._idle.work(self._replica):
                return
            version = self._look()
            if data_version(self._replica) == others:
                self._version = version

    def _note_write(self, now: float) -> None:
        """Have those told who are told of what is written now; of writes in quick succession the same ones are."""
        if all(line.written_at is None for line in self._chosen):
            self._chosen = gossip.to_tell([line for line in self.lines if not line.failures], self._chance)
        for line in self._chosen:
            line.written_at = now if line.written_at is None else line.written_at

    def close(self) -> None:
        """Let go of the remotes."""
        for line in self.lines:
            self._drop(line)
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _look(self) -> tuple[int, ...]:
        """Return what changes when anybody has written to the file; for one in memory, when this connection has."""
        try:
            if self._reader is None and self._file:
                self._reader = apsw.Connection(self._file, flags=apsw.SQLITE_OPEN_READONLY)
            if self._reader is not None:
                return (int(query.first(self._reader, "PRAGMA data_version")[0]),)
        except apsw.Error:  # it is locked, or was replaced: look again later
            if self._reader is not None:
                self._reader.close()
                self._reader = None
            return (-1,)
        return (self._replica.connection.total_changes(),)

    def _wake(self, line: Line) -> None:
        """Hear, in whatever thread, that a glance at a remote is worth it."""
        line.woken = True
        self._woken.set()

    def _has_news(self, line: Line, now: float) -> bool:
        line.woken = False
        try:
            found = line.remote.glance() if line.remote is not None else None
        except CrdtsqlError as error:
            self._failed(line, error)
            return False
        cost = self._now() - now
        soonest_s = max(GLANCE_S, 2 * pause_s(now - self._last_at))
        wait_s = min(LONGEST_GLANCE_S, max(soonest_s, min(cost, line.cost) / SHARE))
        line.glance_at = now + max(wait_s, line.remote.pause_s if line.remote is not None else 0)
        line.cost = cost  # one that was slow by chance makes nobody wait
        changed, line.seen = found is not None and found != line.seen, found
        return changed

    def _sync(self, line: Line) -> None:
        try:
            if line.remote is None:
                line.remote = line.reach()
                line.remote.listen(partial(self._wake, line))
                line.seen = line.remote.glance()  # before the sync, so that what comes meanwhile is news
            report = self._sync_with(self._replica, line.remote, self._options)
        except CrdtsqlError as error:
            self._failed(line, error)
            return
        line.failures = 0
        wait_s = AGAIN_S if report.put_off else max(EVERY_S, RARELY * line.remote.pause_s)
        line.due_at = self._now() + max(wait_s, line.remote.pause_s) * self._chance.uniform(0.7, 1.3)
        if report.received or report.sent or report.skipped:
            self._idle.disturbed()
            self._told(line.name, report)

    def _failed(self, line: Line, error: CrdtsqlError) -> None:
        """Try again later, and later each time; the remote is opened anew."""
        self._drop(line)
        wait_s = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** min(line.failures, 16)) * self._chance.uniform(0.5, 1.0)
        line.failures += 1
        line.due_at = self._now() + wait_s
        self._told(line.name, error)

    @staticmethod
    def _drop(line: Line) -> None:
        if line.remote is not None:
            with suppress(CrdtsqlError):
                line.remote.close()
            line.remote = None
