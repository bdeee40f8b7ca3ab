"""The terminal: what all commands share: tables, notices, progress, questions, and options. Knows no command."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from crdtsql.base import CrdtsqlError, UsageError, dumps, printable
from crdtsql.replica import LOCK_TIMEOUT_S
from crdtsql.ui.interrupts import INTERRUPTS
from crdtsql.ui.outcome import show_notice, wants_json
from crdtsql.ui.sites import named

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from crdtsql.replica import Replica

MOST_WIDE = 1 << 30
"""No line of a table is longer."""
_BARS: list[Progress] = []
_LOCK_TIMEOUT = "crdtsql.lock_timeout"


def can_ask() -> bool:
    """Tell whether there is somebody to answer a question."""
    return not wants_json() and sys.stdin.isatty()


def console() -> Console:
    """Return standard output for tables."""
    from rich.console import Console

    class Output(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Output(highlight=False, markup=False, width=None if sys.stdout.isatty() else 200, quiet=wants_json())


def print_json(found: Any) -> None:
    """Print what a command has to say, for programs."""
    click.echo(dumps(found))


def print_table(columns: list[str], rows: list[list[str]]) -> None:
    """Print rows below their columns' names; a name that begins with > is set to the right.

    Beyond a terminal each row is one line, however long: who reads it looks for words, and pastes keys and commands.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.lstrip(">"), justify="right" if column.startswith(">") else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    out = console()
    if not sys.stdout.isatty():
        out.width = MOST_WIDE
    out.print(table)


def ask(deed: str) -> None:
    """Ask a person whether to do something, as `add these keys`.

    Raises:
        UsageError: nobody can be asked.
        CrdtsqlError: the answer is no.
    """
    if not can_ask():
        raise UsageError(f"nothing was changed: give --yes to {deed} (nobody can be asked here)")
    for bar in _BARS:
        bar.stop()  # what is shown meanwhile goes through rich, which takes [y/N] for a style
    try:
        agreed = click.confirm(f"{deed[0].upper()}{deed[1:]}?")
    finally:
        for bar in _BARS:
            bar.start()
    if not agreed:
        raise CrdtsqlError("nothing was changed, as you say")


class _StderrNotices(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        show_notice(record.getMessage())


_NOTICES = _StderrNotices()


@contextmanager
def open_replica(path: str) -> Iterator[Replica]:
    """Open a file, with its notices on stderr and long work shown; wait for its locks as the command's options say."""
    from crdtsql.replica import Replica

    with _watched(partial(Replica.open, path, lock_timeout=lock_timeout())) as replica:
        yield replica


@contextmanager
def open_rehearsed(path: str) -> Iterator[Replica]:
    """Open a copy of a file that nobody keeps, as `open_replica` does; the file is only read."""
    from crdtsql.replica import rehearse_file

    with _watched(partial(rehearse_file, path, lock_timeout=lock_timeout())) as replica:
        yield replica


@contextmanager
def _watched(opening: Callable[[], AbstractContextManager[Replica]]) -> Iterator[Replica]:
    """Hold what is opened; notices are heard before, because to open a file may have to tell of something."""
    logger = logging.getLogger("crdtsql")
    if _NOTICES not in logger.handlers:
        logger.addHandler(_NOTICES)
        logger.propagate = False
    with (
        opening() as replica,
        named(replica),
        INTERRUPTS.watching(replica),
        _progress(replica),
    ):
        yield replica


@contextmanager
def _among(bars: list[Progress], bar: Progress) -> Iterator[None]:
    """Have a bar among those that stop while a person is asked."""
    bars.append(bar)
    try:
        yield
    finally:
        bars.remove(bar)


@contextmanager
def _progress(replica: Replica) -> Iterator[None]:
    """Show long work on stderr, on a terminal only."""
    if not sys.stderr.isatty() or wants_json():
        replica.on_progress = INTERRUPTS.check
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True, markup=False, highlight=False)
    with Progress(*columns, console=console, transient=True) as bar, _among(_BARS, bar):
        task = bar.add_task("", total=None, visible=False)

        def show_step(what: str, done: int, total: int) -> None:
            INTERRUPTS.check()
            bar.update(task, description=what, completed=done, total=total or None, visible=True)

        replica.on_progress = show_step
        yield


def lock_timeout() -> float:
    """Return how many seconds the command is to wait for a file that another program has locked."""
    return float(click.get_current_context().meta.get(_LOCK_TIMEOUT, LOCK_TIMEOUT_S))


def _remember_lock_timeout(context: click.Context, _option: click.Parameter, seconds: float) -> None:
    context.meta[_LOCK_TIMEOUT] = seconds


DATABASE = click.argument("database", type=click.Path(dir_okay=False, readable=False))
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
LOCK_TIMEOUT = click.option(
    "--lock-timeout",
    type=float,
    default=LOCK_TIMEOUT_S,
    show_default=True,
    metavar="SECONDS",
    expose_value=False,
    callback=_remember_lock_timeout,
    help="How long to wait for a file that another program has locked.",
)
