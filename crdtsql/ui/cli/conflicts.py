"""The commands that look at what collided and what was deleted: conflicts, resolve, undelete. No SQL and no rules here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

import click

from crdtsql.base import ConflictError, CrdtsqlError, clock, dumps, from_json, printable, show, show_key, suggest
from crdtsql.conflicts import Conflict, check_open
from crdtsql.replica import UNSET, Replica
from crdtsql.ui.terminal import DATABASE, JSON, one_line, open_replica


def register(group: click.Group) -> None:
    """Add the commands to a group."""
    for command in (conflicts, resolve, undelete):
        group.add_command(command)


@click.command()
@DATABASE
@click.option("--table", help="Of this table only.")
@click.option("--open", "open_only", is_flag=True, help="Those only that nobody has resolved.")
@click.option("--keep-per-cell", type=click.IntRange(min=0), help="Keep at most so many entries of one cell.")
@click.option("--keep-total", type=click.IntRange(min=0), help="Keep at most so many entries in all.")
@click.option("--keep-bytes", type=click.IntRange(min=0), help="Keep at most so many bytes of values.")
@JSON
def conflicts(
    database: str,
    table: str | None,
    open_only: bool,
    keep_per_cell: int | None,
    keep_total: int | None,
    keep_bytes: int | None,
    as_json: bool,
) -> None:
    """List the concurrent overwrites: both values, who wrote them and when, and whether somebody resolved it.

    With --keep-per-cell, --keep-total or --keep-bytes, say how many are kept from now on instead; resolved ones are forgotten
    first, then the oldest.
    """
    with open_replica(database) as replica:
        if (keep_per_cell, keep_total, keep_bytes) != (None, None, None):
            pruned = replica.limit_conflicts(per_cell=keep_per_cell, total=keep_total, size=keep_bytes)
            click.echo(f"{pruned:,} entries forgotten now")
            return
        found = replica.conflicts(table, open_only=open_only)
        me = replica.site
    if as_json:
        click.echo(dumps([conflict.to_json() for conflict in found]))
        return
    for conflict in found:
        _show(conflict, me)
    still_open = sum(not conflict.resolved for conflict in found)
    click.echo(f"{len(found):,} concurrent overwrites, {still_open:,} open")
    first = next((str(conflict.id) for conflict in found if not conflict.resolved and not conflict.deleted), None)
    if first:
        take = suggest.plain_command("resolve", database, first, options=["--take", "theirs"])
        click.echo(f"  resolve the first: {take} (or ours; or --value and any other as JSON)")


def _show(conflict: Conflict, me: str) -> None:
    if conflict.resolved_hlc is not None:
        mine = " (this file)" if conflict.resolved_site == me else ""
        state = f"resolved {clock.show_time(conflict.resolved_hlc)} by {conflict.resolved_site}{mine}"
    else:
        state = f"open, took {conflict.took}{', row deleted' if conflict.deleted else ''}"
    column = conflict.column + (f" {conflict.part}" if conflict.part else "")
    click.echo(printable(f"{conflict.id}: {conflict.table} {show_key(conflict.key)} {column}: {state}"))
    for what, value, hlc, site in (
        ("won ", conflict.won_value, conflict.won_hlc, conflict.won_site),
        ("lost", conflict.lost_value, conflict.lost_hlc, conflict.lost_site),
    ):
        before = "before " if hlc < 0 else ""
        click.echo(
            f"  {what} {show(value)}  {before}{clock.show_time(hlc)} by {site}{' (this file)' if site == me else ''}"
        )


@click.command()
@DATABASE
@click.argument("ids", nargs=-1, type=int)
@click.option(
    "--take",
    type=click.Choice(["ours", "theirs"]),
    help="theirs: the value that came in; ours: the one from before.",
)
@click.option("--value", "json_value", help='The value as JSON: "ours", 7, null, {"blob": "00ff"}.')
@click.option(
    "--with", "command", help="Ask this shell command, conflict by conflict; all open ones if no ID is given."
)
@click.option("--table", help="With --with and no ID: the open ones of this table only.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=60,
    show_default=True,
    help="Seconds that the command may take.",
)
@click.option("--again", is_flag=True, help="Write the cell also if the conflict is resolved.")
@click.pass_context
def resolve(
    ctx: click.Context,
    database: str,
    ids: tuple[int, ...],
    take: Literal["ours", "theirs"] | None,
    json_value: str | None,
    command: str | None,
    table: str | None,
    timeout: float,
    again: bool,
) -> None:
    """Resolve conflicts by a write that has seen both values, so that it wins on every replica.

    --with runs a shell command per conflict, which gets the conflict as JSON on standard input, as `conflicts --json` prints
    it, and answers on standard output with {"take": "ours"}, {"take": "theirs"}, {"value": ...} or {"skip": true}. Each
    conflict is a transaction of its own. A failure leaves that conflict as it was; the exit code is then 1.
    """
    if sum(option is not None for option in (take, json_value, command)) != 1:
        raise click.UsageError("give one of --take, --value and --with")
    if not ids and command is None:
        raise click.UsageError(
            f"name the conflicts by their IDs, as {suggest.command('conflicts', database)} shows them"
        )
    if table is not None and (ids or command is None):
        raise click.UsageError("--table goes with --with, and without IDs")
    fixed = (
        None if command is not None else _from_json_option(json_value) if json_value is not None else _Decision(take)
    )
    with open_replica(database) as replica:
        resolver = _Resolver(replica, again)
        for number in ids or _open_ids(replica, table):
            with resolver.reporting():
                if fixed is not None:
                    resolver.write(number, fixed)
                elif command is not None:
                    resolver.ask(number, command, timeout)
    if resolver.failures:
        ctx.exit(1)


@dataclass(frozen=True, slots=True)
class _Decision:
    """A side, or a value, or neither: the conflict is left for later."""

    take: Literal["ours", "theirs"] | None = None
    value: Any = UNSET


def _from_json_option(written: str) -> _Decision:
    try:
        return _Decision(value=from_json(json.loads(written)))
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"--value takes JSON, such as '\"text\"', 7 or null: {one_line(error)}") from error


def _open_ids(replica: Replica, table: str | None) -> list[int]:
    found = replica.conflicts(table, open_only=True)
    if deleted := sum(conflict.deleted for conflict in found):
        click.echo(f"left out: {deleted:,} conflicts in deleted rows")
    return [conflict.id for conflict in found if not conflict.deleted]


class _Resolver:
    """Resolves conflicts one by one, each in a transaction of its own, and counts the failures."""

    def __init__(self, replica: Replica, again: bool) -> None:
        self.replica = replica
        self.again = again
        self.failures = 0
        self.written: set[tuple[object, ...]] = set()

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Report what fails in a line of its own, and go on."""
        try:
            yield
        except CrdtsqlError as error:
            self.failures += 1
            click.echo(f"Error: {one_line(error)}", err=True)

    def write(self, number: int, decision: _Decision, seen: Conflict | None = None) -> None:
        """Resolve a conflict."""
        done = self.replica.resolve(number, decision.take, value=decision.value, again=self.again, seen=seen)
        self.written.add((done.table, done.key, done.column, done.part))
        click.echo(f"resolved conflict {number}")

    def ask(self, number: int, command: str, timeout: float) -> None:
        """Resolve a conflict as a command says; nothing is locked while it runs."""
        conflict = self.replica.conflict(number)
        if conflict.resolved and (conflict.table, conflict.key, conflict.column, conflict.part) in self.written:
            click.echo(f"conflict {number} was resolved together with another one of its cell")
            return
        check_open(conflict, self.replica.path, again=self.again)
        decision = _answer(conflict, command, timeout)
        if decision == _Decision():
            click.echo(f"skipped conflict {number}")
        else:
            self.write(number, decision, conflict)


def _answer(conflict: Conflict, command: str, timeout: float) -> _Decision:
    """Ask a command what a cell is to hold.

    Raises:
        ConflictError: it fails, takes too long, or says something else.
    """
    try:
        code, output = _run(command, dumps(conflict.to_json(), None).encode() + b"\n", timeout)
    except subprocess.TimeoutExpired as error:
        why = f"the command took longer than {timeout:g} seconds (--timeout)"
        raise ConflictError(f"conflict {conflict.id} is left as it was: {why}") from error
    if code != 0:
        raise ConflictError(f"conflict {conflict.id} is left as it was: the command ended with exit code {code}")
    try:
        return _parsed(json.loads(output.decode()))
    except (ValueError, RecursionError) as error:
        raise ConflictError(
            f"conflict {conflict.id} is left as it was: the command must answer with one of the JSON objects "
            f'{{"take": "ours"}}, {{"take": "theirs"}}, {{"value": ...}} and {{"skip": true}}, not {output[:60]!r} ({error})'
        ) from error


def _parsed(answer: Any) -> _Decision:
    if answer == {"skip": True}:
        return _Decision()
    if answer in ({"take": "ours"}, {"take": "theirs"}):
        return _Decision(answer["take"])
    if isinstance(answer, dict) and answer.keys() == {"value"}:
        return _Decision(value=from_json(answer["value"]))
    raise ValueError("it is none of them")


def _run(command: str, data: bytes, timeout: float) -> tuple[int, bytes]:
    """Run a shell command to its end; when its time is up, it and all that it started are killed."""
    process = subprocess.Popen(
        command, shell=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        output, _ = process.communicate(data, timeout)
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    return process.returncode, output


@click.command()
@DATABASE
@click.argument("table")
@click.argument("key", nargs=-1, required=True)
def undelete(database: str, table: str, key: tuple[str, ...]) -> None:
    """Bring a deleted row back with its last values.

    The row wins over the deletion on every replica, and nothing else changes: what others wrote to its columns still counts.
    """
    with open_replica(database) as replica:
        replica.undelete(table, *key)
    click.echo(f"undeleted {table} {show_key(key)}")
