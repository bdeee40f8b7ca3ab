"""Turns: a replica does one thing at a time, for one thread, in the process that opened it.

What SQLite would answer with damage, or with an error about tables of ours, is refused here in words. Knows no verb.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import apsw

from crdtsql.base import BusyError, UnsafeUseError, UsageError, memory


class Turnstile:
    """Lets one thread at a time through to one connection, and none of a forked process."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._owner = 0

    @contextmanager
    def take(self, path: str, *, closing: bool = False) -> Iterator[None]:
        """Hold the replica; wait so many seconds for another thread that does.

        Raises:
            BusyError: another thread held it for longer.
            UnsafeUseError: a verb was called within another one, or in a process that was forked with the replica open.
        """
        if os.getpid() != self._process:
            if closing:
                yield
                return
            raise UnsafeUseError(
                f"{path} was opened before this process was forked: open it anew in each process, after the fork; nothing was done"
            )
        if self._owner == threading.get_ident():
            raise UnsafeUseError(
                f"{path}: a verb was called while another one runs, from a callback: call it afterwards"
            )
        if not self._lock.acquire(timeout=self._seconds):
            raise BusyError(
                f"{path} is in use by another thread for more than {self._seconds:g} seconds: a Replica does one thing at "
                "a time; run this again, or open a Replica in each thread"
            )
        self._owner = threading.get_ident()
        try:
            yield
        finally:
            self._owner = 0
            self._lock.release()


class _HasTurns(Protocol):
    connection: apsw.Connection
    _turns: Turnstile

    def _explained(self) -> AbstractContextManager[None]: ...

    @property
    def path(self) -> str:
        """Return the file's path as given to people."""


@contextmanager
def _fresh(connection: apsw.Connection) -> Iterator[None]:
    """Forget what was read before a verb, and after it if it ran inside a transaction of the caller's, which may be rolled back."""
    nested = connection.in_transaction
    if nested:
        memory.forget(connection)
    try:
        yield
    finally:
        if nested:
            memory.forget(connection)


Owner = TypeVar("Owner", bound=_HasTurns)
P = ParamSpec("P")
R = TypeVar("R")


def verb(method: Callable[Concatenate[Owner, P], R]) -> Callable[Concatenate[Owner, P], R]:
    """Make a method one that takes its turn."""

    @wraps(method)
    def taking_turns(self: Owner, /, *arguments: P.args, **options: P.kwargs) -> R:
        try:
            with self._turns.take(self.path), self._explained(), _fresh(self.connection):
                return method(self, *arguments, **options)
        except OverflowError as error:
            raise UsageError(f"SQLite's integers have 64 bits, and one that was given has more ({error})") from error

    return taking_turns


@verb
def check_committed(replica: _HasTurns) -> None:
    """Check that no transaction of the caller's is open: what it wrote may still be taken back, so nobody else may get it.

    Raises:
        UsageError: one is.
    """
    if replica.connection.in_transaction:
        raise UsageError(
            f"a transaction is open on the connection to {replica.path}, and what it wrote could still be rolled back when others "
            "have it: COMMIT or ROLLBACK first; nothing was exchanged"
        )
