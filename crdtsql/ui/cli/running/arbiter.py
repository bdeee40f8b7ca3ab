"""The command that has a program answer conflicts as they come: `arbitrate`."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from typing import Any, Self

import click

from crdtsql.base import ConflictError, CrdtsqlError, StopEvent, dumps, printable
from crdtsql.conflicts import ArbitrateReport, Conflict
from crdtsql.replica import Replica, data_version
from crdtsql.transports import named
from crdtsql.ui.cli.running.commands import answer_of
from crdtsql.ui.interrupts import until_signal
from crdtsql.ui.outcome import FAILED, one_line
from crdtsql.ui.sites import found as found_site
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_replica, print_json

RESOURCE = "arbiter"
LOOK_S, RENEW_S, SPARE_S = 0.05, 20.0, 60.0


def register(group: click.Group) -> None:
    """Add the command to the others."""
    group.add_command(arbitrate)


@click.command()
@DATABASE
@click.option(
    "--with", "command", required=True, metavar="COMMAND", help="Ask this shell command, conflict by conflict."
)
@click.option("--watch", is_flag=True, help="Go on: ask about conflicts as they come, until a signal ends it.")
@click.option("--table", help="Only conflicts of this table.")
@click.option("--column", help="Only conflicts of this column: COLUMN or TABLE.COLUMN.")
@click.option("--site", help="Only conflicts whose incoming value this site wrote: its id, or its name.")
@click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True), metavar="N", help="Ask at most so many times a minute."
)
@click.option(
    "--budget", type=click.IntRange(0), metavar="N", help="Ask at most so many times in 24 hours; earlier runs count."
)
@click.option("--timeout", type=float, default=60.0, show_default=True, help="How many seconds the command may take.")
@click.option(
    "--retry", is_flag=True, help="Ask again about conflicts that it skipped, or where it failed or was interrupted."
)
@click.option("--dry-run", is_flag=True, help="Ask, and show the answers, but note nothing and change nothing.")
@click.option("--via", metavar="REMOTE", help="Be the one arbiter of all replicas that claim that from this remote.")
@LOCK_TIMEOUT
@JSON
def arbitrate(
    database: str,
    command: str,
    watch: bool,
    table: str | None,
    column: str | None,
    site: str | None,
    rate: float | None,
    budget: int | None,
    timeout: float,
    retry: bool,
    dry_run: bool,
    via: str | None,
    as_json: bool,
) -> None:
    """Have a program answer open conflicts, each once, and resolve them as it says; it may ask a model, or a person.

    COMMAND gets a conflict as JSON on standard input, and answers as for `resolve --with`: {"take": "ours"}, {"take": "theirs"},
    {"value": ...} or {"skip": true}. It is asked about no conflict twice, also if this is killed at any moment, unless with --retry.
    One that fails, takes too long or answers something else changes nothing, and is named; the exit code is then 1.

    Run it on one replica: it claims `arbiter`, in DATABASE, or with --via at a remote that all replicas share. While somebody else
    has that claim, the exit code is 3.
    """
    if watch and (dry_run or retry):
        raise click.UsageError(
            "--watch goes on with what comes, --dry-run and --retry are for what is there: give one of them"
        )
    stop = StopEvent()
    with open_replica(database) as replica, until_signal(stop.set):
        chosen: dict[str, Any] = {"table": table, "column": column, "site": found_site(replica, site)}
        chosen |= {"most_per_day": budget, "retry": retry, "dry_run": dry_run}
        there = None if via is None else named(replica.remotes(), via)
        with nullcontext() if dry_run else _Post(replica, there, timeout) as post:
            keep = post.keep if post is not None else _nothing
            pace = _Pace(rate, keep, stop)
            failed = False
            while not stop.is_set():
                version = data_version(replica)
                report = replica.arbitrate(_Asking(command, timeout), **chosen, go_on=pace)
                failed |= bool(report.failed)
                if not watch or report.asked or report.resolved or report.failed:
                    print_json(report.to_json()) if as_json and not watch else _show(report, as_json=as_json)
                if not watch:
                    break
                _wait(replica, version, keep, stop)
    click.get_current_context().exit(FAILED if failed and not watch else 0)


def _nothing() -> None:
    """Keep no claim."""


class _Post:
    """The claim of the one who arbitrates."""

    def __init__(self, replica: Replica, via: object, timeout: float) -> None:
        self._replica, self._via = replica, via
        self._length = timedelta(seconds=timeout + SPARE_S)
        self._token = replica.claim(RESOURCE, length=self._length, via=via).token

    def keep(self) -> None:
        """Keep it; it fails if somebody else has it by now."""
        self._replica.renew(RESOURCE, self._token, length=self._length, via=self._via)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let others have it."""
        try:
            self._replica.release(RESOURCE, self._token, via=self._via)
        except CrdtsqlError:  # somebody has it by now, or it lapses by itself
            return


class _Pace:
    """Waits before each question, and says whether to go on; only as long as nobody else arbitrates."""

    def __init__(self, rate: float | None, keep: Callable[[], None], stop: StopEvent) -> None:
        self._keep, self._stop = keep, stop
        self._pause_s = 60.0 / rate if rate else 0.0
        self._next = time.monotonic()

    def __call__(self) -> bool:
        while (left_s := self._next - time.monotonic()) > 0 and not self._stop.wait(min(left_s, RENEW_S)):
            self._keep()
        if self._stop.is_set():
            return False
        self._keep()
        self._next = time.monotonic() + self._pause_s
        return True


class _Asking:
    """Asks the command."""

    def __init__(self, command: str, timeout: float) -> None:
        self._command, self._timeout = command, timeout

    def __call__(self, conflict: Conflict) -> Any:
        try:
            return answer_of(conflict, self._command, self._timeout)
        except subprocess.TimeoutExpired as error:
            why = f"the command took longer than {self._timeout:g} seconds (--timeout)"
            raise ConflictError(f"conflict {conflict.id} is left as it was: {why}") from error


def _wait(replica: Replica, version: int, keep: Callable[[], None], stop: StopEvent) -> None:
    """Wait until somebody else has committed, and keep the claim meanwhile."""
    since = time.monotonic()
    while not stop.wait(LOOK_S) and data_version(replica) == version:
        if time.monotonic() - since >= RENEW_S:
            keep()
            since = time.monotonic()


def _show(report: ArbitrateReport, *, as_json: bool) -> None:
    if as_json:
        click.echo(dumps(report.to_json(), None))
        return
    for number, error in report.failed.items():
        click.echo(f"Error: conflict {number}: {one_line(error)}", err=True)
    for number, answer in report.answers.items():
        click.echo(f"conflict {number} would be answered: {printable(dumps(answer, None))}")
    click.echo(
        f"asked {report.asked:,} times: {len(report.resolved):,} conflicts resolved, {len(report.skipped):,} skipped, "
        f"{len(report.failed):,} failed; {len(report.left):,} left that were asked about before"
        f"{'; nothing was changed (--dry-run)' if report.dry_run else ''}"
    )
    if report.spent:
        click.echo("no more may be asked today (--budget)")
