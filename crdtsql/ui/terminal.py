"""The terminal: what all commands share: errors in one line, tables, notices, progress. Knows no command."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from crdtsql.base import CrdtsqlError, UsageError, printable
from crdtsql.replica import Replica

if TYPE_CHECKING:
    from rich.console import Console


class Commands(click.Group):
    """A group that shows our errors as one line with exit code 1 (2 for wrong usage), never as a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        _INTERRUPTS.begin()
        try:
            return super().invoke(ctx)
        except UsageError as error:
            raise click.UsageError(one_line(error)) from error
        except CrdtsqlError as error:
            raise click.ClickException(one_line(error)) from error
        except BrokenPipeError:
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(1)
        except OSError as error:
            raise click.ClickException(one_line(error)) from error
        except MemoryError as error:
            raise click.ClickException("out of memory; nothing was changed") from error
        except (click.Abort, KeyboardInterrupt) as error:
            raise click.ClickException(_INTERRUPTS.message()) from error
        except (click.ClickException, click.exceptions.Exit):
            raise
        except Exception as error:
            if os.environ.get("CRDTSQL_DEBUG"):
                raise
            kind = type(error).__name__
            raise click.ClickException(
                f"a fault in crdtsql itself, nothing was changed: {kind}: {one_line(error)}; please report it with the "
                "output of the same command under CRDTSQL_DEBUG=1"
            ) from error


def one_line(error: BaseException) -> str:
    """Write an error's message in one line that a terminal can take."""
    return printable(" ".join(str(error).splitlines())).strip()


def console() -> Console:
    """Return standard output for tables."""
    from rich.console import Console

    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 200)


def print_table(columns: list[str], rows: list[list[str]]) -> None:
    """Print rows below their columns' names; a name that begins with > is set to the right."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.lstrip(">"), justify="right" if column.startswith(">") else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console().print(table)


class _StderrNotices(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        click.echo(f"crdtsql: {one_line(Exception(record.getMessage()))}", err=True)


_NOTICES = _StderrNotices()


class _Interrupts:
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


_INTERRUPTS = _Interrupts()


@contextmanager
def uninterrupted() -> Iterator[Callable[[], None]]:
    """Let Ctrl-C wait in a block until it calls what is yielded, which ends the command if it came."""

    def release() -> None:
        _INTERRUPTS.held = False
        _INTERRUPTS.check()

    _INTERRUPTS.held = True
    try:
        yield release
    finally:
        _INTERRUPTS.held = False


@contextmanager
def open_replica(path: str) -> Iterator[Replica]:
    """Open a file, with its notices on stderr and long work shown."""
    logger = logging.getLogger("crdtsql")
    if _NOTICES not in logger.handlers:
        logger.addHandler(_NOTICES)
        logger.propagate = False
    with Replica.open(path) as replica, _INTERRUPTS.watching(replica), _progress(replica):
        yield replica


@contextmanager
def _progress(replica: Replica) -> Iterator[None]:
    """Show long work on stderr, on a terminal only."""
    if not sys.stderr.isatty():
        replica.on_progress = _INTERRUPTS.check
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, visible=False)

        def show_step(what: str, done: int, total: int) -> None:
            _INTERRUPTS.check()
            bar.update(task, description=what, completed=done, total=total or None, visible=True)

        replica.on_progress = show_step
        yield


DATABASE = click.argument("database", type=click.Path(dir_okay=False, readable=False))
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
