"""The command that tells what changes in the result of a query: `observe`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import click

from crdtsql.base import dumps, printable, show
from crdtsql.replica import Observation, ResultChange
from crdtsql.ui.cli.running.commands import run_command
from crdtsql.ui.interrupts import until_signal
from crdtsql.ui.outcome import show_notice
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_replica

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def register(group: click.Group) -> None:
    """Add the command to the others."""
    group.add_command(observe)


@click.command()
@DATABASE
@click.argument("statement")
@click.option("--key", metavar="COLUMN,...", help="The columns of the result that say which row is which.")
@click.option("--initial", is_flag=True, help="Begin with the rows that are there, as added.")
@click.option(
    "--exec",
    "command",
    metavar="COMMAND",
    help="Run this shell command for each change, which it gets as JSON.",
)
@click.option("--timeout", type=float, default=60.0, show_default=True, help="How many seconds the command may take.")
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after so many changes.")
@LOCK_TIMEOUT
@JSON
def observe(
    database: str,
    statement: str,
    key: str | None,
    initial: bool,
    command: str | None,
    timeout: float,
    count: int | None,
    as_json: bool,
) -> None:
    """Print what changes in the result of STATEMENT, a SELECT, as it changes, until a signal ends it.

    Whoever writes: any program, and merges. Rows are told apart by --key, else by the primary key if all rows are of one table and
    have it, else as a whole; then a row that changes is one that goes and one that comes. With --json each change is a line. What
    several commits change may be told as one. A command that fails is named, and the next change is told all the same.
    """
    names = None if key is None else [name.strip() for name in key.split(",")]
    with (
        open_replica(database) as replica,
        replica.observe(statement, key=names, initial=initial) as found,
        until_signal(found.stop),
    ):
        for number, change in enumerate(found, 1):
            _tell(found, change, as_json=as_json)
            if command is not None:
                _run(command, change, timeout)
            if number == count:
                return


def _tell(found: Observation, change: ResultChange, *, as_json: bool) -> None:
    if as_json:
        click.echo(dumps(change.to_json(), None))
    else:
        click.echo(f"{_SIGNS[change.did]} {', '.join(_columns(found, change))}")


def _columns(found: Observation, change: ResultChange) -> Iterator[str]:
    """Write a row's columns; of one that changed the key, and what is another value."""
    for name, value in change.row.items():
        was = value if change.before is None else change.before[name]
        if change.before is None or name in found.key:
            yield f"{printable(name)} = {show(value)}"
        elif type(was) is not type(value) or was != value:
            yield f"{printable(name)} = {show(value)} (was {show(was)})"


def _run(command: str, change: ResultChange, timeout: float) -> None:
    try:
        code, output = run_command(
            command, dumps(change.to_json(), None).encode(errors="surrogateescape") + b"\n", timeout
        )
    except subprocess.TimeoutExpired:
        show_notice(f"the command took longer than {timeout:g} seconds (--timeout), and was ended: {_called(change)}")
        return
    click.echo(output, nl=False, err=True)
    if code:
        show_notice(f"the command ended with exit code {code}: {_called(change)}")


def _called(change: ResultChange) -> str:
    return dumps(change.to_json()["key"], None)
