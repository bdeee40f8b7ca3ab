"""The command resolve: one by one, as a program answers, or many at once. No SQL and no rules here."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import click

from crdtsql.base import ConflictError, CrdtsqlError, from_json, printable, suggest
from crdtsql.conflicts import Conflict, ResolveReport, check_open, read_answer
from crdtsql.replica import UNSET, Replica
from crdtsql.ui.cli.running.commands import answer_of
from crdtsql.ui.outcome import one_line
from crdtsql.ui.sites import found as found_site
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_replica, print_json


def register(group: click.Group) -> None:
    """Add the command to a group."""
    group.add_command(resolve)


@click.command()
@DATABASE
@click.argument("ids", nargs=-1, type=int)
@click.option(
    "--take",
    type=click.Choice(["ours", "theirs"]),
    help="theirs: the value that came in; ours: the one from before.",
)
@click.option("--value", "json_value", help='The value as JSON: "ours", 7, null, {"blob": "00ff"}.')
@click.option("--with", "command", help="Ask this shell command, conflict by conflict.")
@click.option("--all", "every", is_flag=True, help="All open conflicts.")
@click.option("--table", help="The open ones of this table.")
@click.option("--column", help="The open ones of this column: COLUMN or TABLE.COLUMN.")
@click.option("--site", help="The open ones whose incoming value this site wrote, by its id or name.")
@click.option("--dry-run", is_flag=True, help="With --take and no ID: say what would be done, and change nothing.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=60,
    show_default=True,
    help="Seconds that the command may take.",
)
@click.option("--again", is_flag=True, help="Write the cells of these IDs also if they are resolved.")
@LOCK_TIMEOUT
@JSON
@click.pass_context
def resolve(
    ctx: click.Context,
    database: str,
    ids: tuple[int, ...],
    take: Literal["ours", "theirs"] | None,
    json_value: str | None,
    command: str | None,
    every: bool,
    table: str | None,
    column: str | None,
    site: str | None,
    dry_run: bool,
    timeout: float,
    again: bool,
    as_json: bool,
) -> None:
    """Resolve conflicts by a write that has seen both values, so that it wins on every replica.

    Name conflicts by their IDs, or choose the open ones with --all, --table, --column and --site, which can be combined; of several
    conflicts of one cell, the first `ours` is taken, or the last `theirs`. Those chosen are resolved in one transaction, IDs in one
    each. Those in deleted rows are left out.

    --with runs a shell command per conflict, which gets the conflict as JSON on standard input, as `conflicts --json` prints
    it, and answers on standard output with {"take": "ours"}, {"take": "theirs"}, {"value": ...} or {"skip": true}. Each
    conflict is a transaction of its own then; without IDs and choice it is asked about all open ones.

    A failure leaves that conflict as it was; the exit code is then 1.
    """
    chosen = {"table": table, "column": column, "site": site}
    choice = every or any(option is not None for option in chosen.values())
    _check_usage(database, ids, choice=choice, given=(take, json_value, command), dry_run=dry_run, again=again)
    value = UNSET if json_value is None else _from_json_option(json_value)
    with open_replica(database) as replica:
        chosen["site"] = found_site(replica, site)
        if take is not None and choice:
            report = replica.resolve_all(take, **chosen, dry_run=dry_run)
            print_json(report.to_json()) if as_json else _show(report, database)
            failed = bool(report.failed)
        else:
            resolver = _Resolver(replica, again=again, as_json=as_json)
            for number in ids or resolver.find_open(**chosen):
                with resolver.reporting(number):
                    if command is None:
                        resolver.write(number, _Decision(take, value))
                    else:
                        resolver.ask(number, command, timeout)
            if as_json:
                print_json(resolver.done)
            failed = bool(resolver.done["failed"])
    if failed:
        ctx.exit(1)


def _check_usage(
    database: str,
    ids: Sequence[int],
    given: Sequence[str | None],
    *,
    choice: bool,
    dry_run: bool,
    again: bool,
) -> None:
    """Check that the options go together.

    Raises:
        UsageError: they don't.
    """
    take, json_value, command = given
    if sum(option is not None for option in given) != 1:
        raise click.UsageError("give one of --take, --value and --with")
    if ids and choice:
        raise click.UsageError("give either IDs, or --all, --table, --column and --site")
    if not ids and not choice and command is None:
        raise click.UsageError(
            f"name the conflicts by their IDs, as {suggest.command('conflicts', database)} shows them, or choose with --all, --table, "
            "--column and --site"
        )
    if choice and json_value is not None:
        raise click.UsageError("--value goes with IDs; to write one value to many cells, UPDATE them")
    if dry_run and not (choice and take is not None):
        raise click.UsageError("--dry-run goes with --take and one of --all, --table, --column and --site")
    if again and choice:
        raise click.UsageError("--again goes with IDs")


@dataclass(frozen=True, slots=True)
class _Decision:
    """A side, or a value, or neither: the conflict is left for later."""

    take: Literal["ours", "theirs"] | None = None
    value: Any = UNSET


def _from_json_option(written: str) -> Any:
    try:
        return from_json(json.loads(written))
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"--value takes JSON, such as '\"text\"', 7 or null: {one_line(error)}") from error


def _show(report: ResolveReport, database: str) -> None:
    for number, error in report.failed.items():
        click.echo(f"Error: conflict {number} is left as it was: {one_line(error)}", err=True)
    if report.deleted:
        click.echo(f"left out: {len(report.deleted):,} conflicts in deleted rows")
    columns = ", ".join(f"{name}: {count:,}" for name, count in report.columns.items())
    click.echo(printable(f"resolved {len(report.resolved):,} conflicts{f' ({columns})' if columns else ''}"))
    if report.resolved and not report.dry_run:
        other = {"ours": "theirs", "theirs": "ours"}[report.take]
        first = suggest.plain_command(
            "resolve", database, str(report.resolved[0]), options=["--take", other, "--again"]
        )
        click.echo(f"  to take one back, with its number as {suggest.command('conflicts', database)} shows it: {first}")
    if report.dry_run:
        click.echo("nothing was changed (--dry-run)")


class _Resolver:
    """Resolves conflicts one by one, each in a transaction of its own, and says what becomes of each, or keeps it for JSON."""

    def __init__(self, replica: Replica, *, again: bool, as_json: bool) -> None:
        self.replica = replica
        self.again = again
        self.as_json = as_json
        self.done: dict[str, list[Any]] = {"resolved": [], "skipped": [], "failed": [], "deleted": []}
        self.written: set[tuple[object, ...]] = set()

    def _say(self, line: str) -> None:
        if not self.as_json:
            click.echo(line)

    def find_open(self, *, table: str | None, column: str | None, site: str | None) -> list[int]:
        """List the open conflicts that are meant, those in deleted rows left out."""
        found = self.replica.conflicts(table, open_only=True, column=column, site=site)
        self.done["deleted"] = [conflict.id for conflict in found if conflict.deleted]
        if self.done["deleted"]:
            self._say(f"left out: {len(self.done['deleted']):,} conflicts in deleted rows")
        return [conflict.id for conflict in found if not conflict.deleted]

    @contextmanager
    def reporting(self, number: int) -> Iterator[None]:
        """Report what fails in a line of its own, and go on."""
        try:
            yield
        except CrdtsqlError as error:
            self.done["failed"].append({"id": number, **error.to_json()})
            if not self.as_json:
                click.echo(f"Error: {one_line(error)}", err=True)

    def write(self, number: int, decision: _Decision, seen: Conflict | None = None) -> None:
        """Resolve a conflict."""
        done = self.replica.resolve(number, decision.take, value=decision.value, again=self.again, seen=seen)
        self.written.add((done.table, done.key, done.column, done.part))
        self.done["resolved"].append(number)
        self._say(f"resolved conflict {number}")

    def ask(self, number: int, command: str, timeout: float) -> None:
        """Resolve a conflict as a command says; nothing is locked while it runs."""
        conflict = self.replica.conflict(number)
        if conflict.resolved and (conflict.table, conflict.key, conflict.column, conflict.part) in self.written:
            self.done["resolved"].append(number)
            self._say(f"conflict {number} was resolved together with another one of its cell")
            return
        check_open(conflict, self.replica.path, again=self.again)
        decision = _answer(conflict, command, timeout)
        if decision == _Decision():
            self.done["skipped"].append(number)
            self._say(f"skipped conflict {number}")
        else:
            self.write(number, decision, conflict)


def _answer(conflict: Conflict, command: str, timeout: float) -> _Decision:
    """Ask a command what a cell is to hold.

    Raises:
        ConflictError: it fails, takes too long, or says something else.
    """
    try:
        found = read_answer(answer_of(conflict, command, timeout))
    except subprocess.TimeoutExpired as error:
        why = f"the command took longer than {timeout:g} seconds (--timeout)"
        raise ConflictError(f"conflict {conflict.id} is left as it was: {why}") from error
    return _Decision() if found is None else _Decision(found.take, UNSET if found.take else found.value)
