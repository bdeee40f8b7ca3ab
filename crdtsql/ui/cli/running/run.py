"""The command that runs another one as an actor: `run`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import click

from crdtsql.base import CrdtsqlError, UsageError
from crdtsql.replica import Replica
from crdtsql.store import Actor
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_replica, print_json

ENDING = ("SIGINT", "SIGTERM", "SIGHUP")
"""What ends a command from outside; it is told to the child, and the actor ends after it."""
AROUND = "CRDTSQL_RUN_FILES"
"""The variable that tells a command, and what it runs, which files a `run` is about."""


def register(group: click.Group) -> None:
    """Add the command to the others."""
    group.add_command(run)


def acting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say who writes."""
    for option in (
        click.option("--note", help="Why, up to 2,000 characters."),
        click.option("--run", help="Name of the run that it belongs to."),
        click.option("--session", help="Name of the session that it belongs to."),
        click.option("--as", "actor", metavar="ACTOR", help="Who writes."),
    ):
        command = option(command)
    return command


@click.command(context_settings={"allow_interspersed_args": False})
@acting_options
@DATABASE
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@LOCK_TIMEOUT
@JSON
@click.pass_context
def run(
    ctx: click.Context,
    actor: str | None,
    session: str | None,
    run: str | None,
    note: str | None,
    database: str,
    command: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run COMMAND, and let what is written to DATABASE meanwhile count as the actor's; exit as COMMAND does.

    \b
      crdtsql run --as agent-7 --run r42 app.db -- python agent.py

    It holds for the file: what other programs write to it meanwhile counts as the actor's too. Where several agents write at once,
    give each a replica of its own. The actor ends with COMMAND, however that ends, and within another `run` of the file that one's
    goes on; only if crdtsql itself is killed does it stay,
    until the next `run`, or DELETE FROM crdt_actor. Interrupts and SIGTERM go on to COMMAND.
    """
    if actor is None:
        raise UsageError("say who writes, with --as ACTOR")
    words = command[1:] if command[0] == "--" else command
    if not words:
        raise UsageError("say which command to run, after --")
    with (
        _passing_on() as started,
        open_replica(database) as replica,
        replica.acting_as(actor, session=session, run=run, note=note, inside=_around(replica)),
    ):
        code = _run(words, started, {**os.environ, AROUND: json.dumps([*_files(), os.path.realpath(replica.path)])})
    if as_json:
        print_json({"actor": actor, "session": session, "run": run, "exit_code": code})
    ctx.exit(code)


def _files() -> list[str]:
    """Return the files that a `run` around this one is about."""
    try:
        found = json.loads(os.environ.get(AROUND, "[]"))
    except (ValueError, RecursionError):
        return []
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _around(replica: Replica) -> Actor | None:
    """Return as whom writes count around this run, if another one runs it: that one goes on afterwards."""
    return replica.acting() if os.path.realpath(replica.path) in _files() else None


def _run(
    command: Sequence[str], started: Callable[[subprocess.Popen[bytes]], None], environment: Mapping[str, str]
) -> int:
    """Run a command to its end; return its exit code, 128 and more if a signal ended it, as a shell does."""
    try:
        child = subprocess.Popen(command, env=environment)
    except OSError as error:
        raise CrdtsqlError(f"{command[0]} can't be run ({error.strerror}): nothing was done; give its path") from error
    started(child)
    code = child.wait()
    return 128 - code if code < 0 else code


@contextmanager
def _passing_on() -> Iterator[Callable[[subprocess.Popen[bytes]], None]]:
    """Pass signals that end a command on to a child, once it is told which; one that came before reaches it then."""
    children: list[subprocess.Popen[bytes]] = []
    came: list[int] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        # A terminal sends Ctrl-C to both of us.
        for child in children:
            if number != signal.SIGINT:
                child.send_signal(number)

    def started(child: subprocess.Popen[bytes]) -> None:
        children.append(child)
        for number in came:
            child.send_signal(number)

    numbers = [getattr(signal, name) for name in ENDING if hasattr(signal, name)]
    before = {number: signal.signal(number, pass_on) for number in numbers}
    try:
        yield started
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
