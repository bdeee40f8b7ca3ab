"""Turns: a replica does one thing at a time, for one thread, in the process that opened it.

What SQLite would answer with damage, or with an error about tables of ours, is refused here in words. Who stands above a replica
touches neither its registry nor its connection, but asks with `asked`, which takes a turn as a verb does. Knows no verb.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import apsw

from crdtsql.base import BusyError, DamagedError, UnsafeUseError, UsageError, memory, query
from crdtsql.replica.transactions import Explained, reading
from crdtsql.store import Registry, damage


class Turnstile:
    """Lets one thread at a time through to one connection, and none of a forked process."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._owner = 0

    @contextmanager
    def take(self, path: str) -> Iterator[None]:
        """Hold the replica for a block, as `begin` and `end` do."""
        self.begin(path)
        try:
            yield
        finally:
            self.end()

    def is_foreign(self) -> bool:
        """Tell whether this process was forked with the replica open."""
        return os.getpid() != self._process

    def begin(self, path: str) -> None:
        """Hold the replica until `end`; wait so many seconds for another thread that does.

        Raises:
            BusyError: another thread held it for longer.
            UnsafeUseError: a verb was called within another one, or in a process that was forked with the replica open.
        """
        if os.getpid() != self._process:
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

    def end(self) -> None:
        """Let others have it."""
        self._owner = 0
        self._lock.release()


class _HasTurns(Protocol):
    connection: apsw.Connection
    registry: Registry
    _turns: Turnstile

    def _explained(self) -> Explained: ...

    @property
    def path(self) -> str:
        """Return the file's path as given to people."""


Owner = TypeVar("Owner", bound=_HasTurns)
P = ParamSpec("P")
R = TypeVar("R")


def verb(method: Callable[Concatenate[Owner, P], R]) -> Callable[Concatenate[Owner, P], R]:
    """Make a method one that takes its turn.

    What was read before it is forgotten, and after it too, if it runs inside a transaction of the caller's, which may be rolled back.
    """

    @wraps(method)
    def taking_turns(self: Owner, /, *arguments: P.args, **options: P.kwargs) -> R:
        # Without managers of contexts: a sync with nothing new calls a dozen verbs, and each is hardly more than this.
        connection, nested = self.connection, False
        self._turns.begin(self.path)
        try:
            nested = connection.in_transaction
            if nested:
                memory.forget(connection)
            return method(self, *arguments, **options)
        except (apsw.Error, UnicodeError, OverflowError) as error:
            told = _too_large(error) if isinstance(error, OverflowError) else self._explained().explanation(error)
            if told is None:
                raise
            raise told from error
        finally:
            if nested:
                memory.forget(connection)
            self._turns.end()

    return taking_turns


def _too_large(error: OverflowError) -> UsageError:
    return UsageError(f"SQLite's integers have 64 bits, and one that was given has more ({error})")


@contextmanager
def undamaged(connection: apsw.Connection, path: str) -> Iterator[None]:
    """Look whether something of ours is gone, where a block fails and nothing else explains it.

    Raises:
        DamagedError: it is.
    """
    try:
        yield
    except (apsw.SQLError, LookupError, TypeError, ValueError, AttributeError) as error:
        lost = damage.look(connection, deep=True)
        if lost:
            raise DamagedError(path, [str(one) for one in lost], damage.advice(lost, path)) from error
        raise


@verb
def asked(
    replica: _HasTurns, question: Callable[Concatenate[Registry, P], R], /, *given: P.args, **options: P.kwargs
) -> R:
    """Ask what stands in our tables: all that the answer is made of is one state of the file."""
    with undamaged(replica.connection, replica.path), reading(replica.connection):
        return question(replica.registry, *given, **options)


@verb
def data_version(replica: _HasTurns) -> int:
    """Return what changes when another connection commits to the file."""
    (found,) = query.first(replica.connection, "PRAGMA data_version")
    return int(found)


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
