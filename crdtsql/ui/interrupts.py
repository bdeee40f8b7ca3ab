"""Interrupts: what Ctrl-C does to a command: it ends it, but never in the middle of what can't be told afterwards."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crdtsql.replica import Replica


class Interrupts:
    """What Ctrl-C does: it ends the command, but not while a commit is under way, so that we know what was changed."""

    def __init__(self) -> None:
        self.replicas: list[Replica] = []
        self.held = False
        self.pending = False

    def begin(self) -> None:
        """Forget earlier commands of this process."""
        self.replicas, self.held, self.pending = [], False, False

    def handle(self, _signal: int, _frame: object) -> None:
        """Take a signal."""
        if self.held or any(replica.finishing for replica in self.replicas):
            self.pending = True
        else:
            raise KeyboardInterrupt

    def check(self, *_progress: object) -> None:
        """End the command if a signal came while it had to wait."""
        if self.pending:
            self.pending = False
            raise KeyboardInterrupt

    def message(self) -> str:
        """Say what a command that was ended has done."""
        if any(replica.finished for replica in self.replicas):
            return "interrupted: what was finished before stays, the rest was not done; run the same command again"
        return "interrupted; nothing was changed"

    @contextmanager
    def watching(self, replica: Replica) -> Iterator[None]:
        """Take signals while a replica is open."""
        self.replicas.append(replica)
        before = signal.getsignal(signal.SIGINT)
        ours = threading.current_thread() is threading.main_thread() and before in (
            signal.default_int_handler,
            self.handle,
        )
        if ours:
            signal.signal(signal.SIGINT, self.handle)
        try:
            yield
        finally:
            if ours:
                signal.signal(signal.SIGINT, before)


INTERRUPTS = Interrupts()


@contextmanager
def uninterrupted() -> Iterator[Callable[[], None]]:
    """Let Ctrl-C wait in a block until it calls what is yielded, which ends the command if it came."""

    def release() -> None:
        INTERRUPTS.held = False
        INTERRUPTS.check()

    INTERRUPTS.held = True
    try:
        yield release
    finally:
        INTERRUPTS.held = False


def end_by_interrupt() -> None:
    """End this process as Ctrl-C does, so that a shell ends the loop or the script around it too."""
    if os.name == "posix":
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)


def ignore_interrupts() -> None:
    """Have Ctrl-C do nothing any more: all is done, and what Python does at its end is not to be cut off with a traceback."""
    with suppress(ValueError):  # only a program's main thread may say so
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def until_signal(end: Callable[[], None]) -> Iterator[None]:
    """Have SIGINT and SIGTERM end what a block does by calling a function; a second one ends the process at once."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, _frame: object) -> None:
        signal.signal(number, before[signal.Signals(number)])
        end()

    try:
        for number in before:
            signal.signal(number, stop)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
