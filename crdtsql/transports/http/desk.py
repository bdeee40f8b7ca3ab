"""Desks: one for each file that is served: the one thread that works on it, what waits for that, and who wants to hear of news.

So no client holds a lock: a request comes here when it is whole, and what is answered leaves here as a whole too.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from crdtsql.base import CrdtsqlError
from crdtsql.replica import Replica, data_version
from crdtsql.transports.http.agreed import mark_of
from crdtsql.transports.interface import Response
from crdtsql.transports.watch.idle import Idle
from crdtsql.transports.watch.pace import pause_s

SHARE = 0.2
"""How much of the time taking note of what others write may take."""

LEAST_S = 0.01
"""So long work is waited for at least."""

T = TypeVar("T")
Job = tuple["Future[Any]", Callable[[Replica], Any]]


class Full(Exception):  # noqa: N818 - it is no error of crdtsql's: a queue has no room
    """More waits for a file than may."""


class Desk:
    """The thread that works on one file; it begins with the first work."""

    def __init__(self, path: str, lock_timeout: float, most_waiting: int) -> None:
        self.path = path
        self._lock_timeout = lock_timeout
        self._jobs: queue.Queue[Job | None] = queue.Queue(most_waiting)
        self._listeners: set[Callable[[str | None], None]] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._replica: Replica | None = None
        self._file: tuple[int, int] | None = None
        self._version: int | None = None
        self._mark: str | None = None
        self._look_at = self._written_at = 0.0
        self._idle = Idle(time.monotonic)

    def submit(self, work: Callable[[Replica], T]) -> Future[T]:
        """Have work done; at most so much waits for it.

        Raises:
            Full: there is no room for more.
        """
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise Full
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"crdtsql {self.path}", daemon=True)
                self._thread.start()
        try:
            self._jobs.put_nowait((future, work))
        except queue.Full as error:
            raise Full from error
        return future

    def listen(self, told: Callable[[str | None], None]) -> Callable[[], None]:
        """Tell somebody of news, from the desk's thread: the mark of what the file has; None when the desk closes.

        Return what ends that.
        """
        with self._lock:
            self._listeners.add(told)
            if self._closed:
                told(None)
        with suppress(Full):
            self.submit(lambda replica: self._tell(self._read_mark(replica), told))
        return lambda: self._listeners.discard(told)

    def tell(self, response: Response) -> None:
        """Tell of what the file has after an answer; called by work that was submitted."""
        if self._listeners:
            self._tell(mark_of(response.vector, response.lanes))

    @property
    def is_closed(self) -> bool:
        """Tell whether nothing is taken any more."""
        return self._closed

    def silence(self) -> None:
        """Tell all who listen that nothing comes any more."""
        with self._lock:
            self._closed = True
            for told in list(self._listeners):
                told(None)

    def close(self) -> None:
        """Finish what waits, and let go of the file."""
        self.silence()
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        try:
            while (job := self._next()) is not None:
                future, work = job
                if not future.set_running_or_notify_cancel():
                    continue
                try:
                    found = work(self._opened())
                except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the work
                    future.set_exception(error)
                else:
                    future.set_result(found)
                self._idle.disturbed()
                del future, work, job
        finally:
            if self._replica is not None:
                self._replica.close()

    def _next(self) -> Job | None:
        """Wait for work; meanwhile look for news if anybody wants to hear of them, and use the time."""
        while True:
            try:
                return self._jobs.get(timeout=self._wait_s())
            except queue.Empty:
                with suppress(CrdtsqlError, OSError):
                    if self._listeners:
                        self._look()
                    if not self._idle.pause_s():
                        self._be_idle()

    def _wait_s(self) -> float | None:
        """Return how long to wait for work at most; for ever before there was any."""
        if self._listeners:
            return pause_s(time.monotonic() - self._written_at)
        return None if self._replica is None else max(LEAST_S, self._idle.pause_s())

    def _be_idle(self) -> None:
        replica = self._opened()
        if self._idle.work(replica):
            self._tell(self._read_mark(replica))

    def _opened(self) -> Replica:
        """Return the replica, opened anew if the file is another one by now."""
        with suppress(OSError):
            status = os.stat(self.path)
            now = (status.st_dev, status.st_ino)
            if self._replica is not None and now != self._file:
                self._replica.close()
                self._replica = None
            self._file = now
        if self._replica is None:
            self._replica = Replica.open(self.path, lock_timeout=self._lock_timeout)
            self._version = None
        return self._replica

    def _look(self) -> None:
        """Notice what any program wrote to the file, fold it, and tell of it."""
        if time.monotonic() < self._look_at:
            return
        replica = self._opened()
        version = data_version(replica)
        if version == self._version:
            return
        began = time.monotonic()
        try:
            mark = self._read_mark(replica)
        finally:
            ended = time.monotonic()
            self._look_at = ended + (ended - began) / SHARE
        self._version = version
        self._tell(mark)

    @staticmethod
    def _read_mark(replica: Replica) -> str:
        standing = replica.standing()
        return mark_of(standing.vector, standing.lanes)

    def _tell(self, mark: str, told: Callable[[str | None], None] | None = None) -> None:
        with self._lock:
            if told is not None:
                told(mark)
            elif mark != self._mark:
                self._written_at = time.monotonic()
                for one in list(self._listeners):
                    one(mark)
            self._mark = mark
