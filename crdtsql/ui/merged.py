"""Merged: what the commands that merge have in common: what they ask, and how they say what was done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import click

from crdtsql.base import HALF, LEAST_ROWS, FilledSeparatelyError, TooManyDeletesError, parse_limit, suggest
from crdtsql.ui.outcome import show_notice
from crdtsql.ui.terminal import ask, can_ask

if TYPE_CHECKING:
    from crdtsql.merge import MergeReport

YES = click.option(
    "--yes",
    is_flag=True,
    help="Don't ask before rows are taken for one that were filled in separately, under equal keys.",
)
REQUIRE_SIGNED = click.option(
    "--require-signed", is_flag=True, help="Take changesets from trusted sites alone, this time (`trust`)."
)
Done = TypeVar("Done")


def _limit(_context: click.Context, _option: click.Parameter, given: str) -> str:
    """Check what is given for --max-deletes."""
    parse_limit(given)
    return given


MAX_DELETES = click.option(
    "--max-deletes",
    metavar="LIMIT",
    default=HALF.text,
    show_default=True,
    callback=_limit,
    help="Change nothing if more rows of a table would disappear: a number of rows, a share of them such as 10%, `half`, "
    f"which lets fewer than {LEAST_ROWS} rows go in any case, or `off`.",
)


def limit_words(max_deletes: str) -> list[str]:
    """Write --max-deletes for a command that is to be run next, if it was given."""
    return [] if max_deletes == HALF.text else ["--max-deletes", max_deletes]


@contextmanager
def letting(command: str) -> Iterator[None]:
    """Have an error of a block that stops too many deletes say with which command they go."""
    try:
        yield
    except TooManyDeletesError as error:
        raise error.advised(f"run {command}") from error


def asking(merge: Callable[[bool], Done], again: str, instead: str, *, yes: bool) -> Done:
    """Merge, and ask first where that takes rows for one that were filled in separately."""
    try:
        return merge(not yes)
    except FilledSeparatelyError as error:
        if not can_ask():
            raise advised(error, again, instead) from error
        show_notice(f"{error}{_other_way(error, instead)}")
    ask("merge them all the same")
    return merge(False)


def advised(error: FilledSeparatelyError, again: str, instead: str) -> FilledSeparatelyError:
    """Return an error that says what to do, for where nobody can be asked."""
    advice = f"{error}{_other_way(error, instead)}; if equal keys do mean one row, run {again}"
    return FilledSeparatelyError(advice, error.rows, wholly=error.wholly)


def _other_way(error: FilledSeparatelyError, instead: str) -> str:
    return f"; to have the rows of both, run {instead}" if error.wholly else ""


def show_report(path: str, report: MergeReport) -> None:
    """Print what merges into a file did, for people."""
    total = report.total
    if report.known or not report.tables:
        click.echo(f"{path}: nothing new")
        return
    click.echo(
        f"{path}: {total.inserted:,} rows inserted, {total.updated:,} updated, {total.deleted:,} deleted; "
        f"{total.cells_won:,} cells won, {total.cells_lost:,} lost, {total.concurrent:,} concurrent overwrites"
    )
    if report.entries:
        click.echo(f"  {report.entries:,} entries came into histories")
    if total.renumbered:
        click.echo(f"  {total.renumbered:,} rows renumbered, see them: {suggest.plain_command('renumbered', path)}")
    if total.concurrent:
        click.echo(f"  see them: {suggest.plain_command('conflicts', path)}")
    if total.held:
        click.echo(
            f"  {total.held:,} rows can't be shown, or not as they are; why: {suggest.plain_command('held', path)}"
        )
