"""Outcome: how a command ends: its exit code, and what is said of a failure, in one line or as JSON. Knows no command."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any

import click

from crdtsql.base import BusyError, ClaimedError, CrdtsqlError, RevisionError, UsageError, dumps, printable
from crdtsql.ui.interrupts import INTERRUPTS

FAILED, WRONG_USAGE, NOTHING_DONE, LOCKED, INTERRUPTED, READER_LEFT = 1, 2, 3, 4, 130, 141
EXIT_CODES = {
    0: "It is done, also where there was nothing to do.",
    FAILED: "It failed, and says why. Or it tells of something that is not as it must be: `doctor` of what is broken, `repair` of "
    "what is in doubt, `resolve` of conflicts that it left as they were, `schema pull` and `push` of what must be done by hand.",
    WRONG_USAGE: "It was called in a wrong way: an option, a name of a column or a type that there is not, "
    "or an address that is misspelt. A remote whose address is sound, but can't be reached, is a failure: 1.",
    NOTHING_DONE: "Nothing was done. `write --if-revision`: somebody wrote the row since. `claim`, `renew`, `release`, "
    "`complete`, `write --token`: somebody else has the claim, or it is not held any more. `export --skip-empty`: the receiver has "
    "everything, and no file was written.",
    LOCKED: "Another program kept the file locked for longer than `--lock-timeout`. The same command may work later.",
    INTERRUPTED: "Ctrl-C ended it, as a signal: this is what a shell makes of it.",
    READER_LEFT: "Whoever read its output left, as `| head` does; nothing is said.",
}
_CODES = {UsageError: WRONG_USAGE, BusyError: LOCKED, RevisionError: NOTHING_DONE, ClaimedError: NOTHING_DONE}
_AS_JSON = "crdtsql.json"


class Commands(click.Group):
    """A group that shows our errors as one line, or as JSON, with their exit codes; never as a traceback."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse the arguments of the group itself."""
        as_json = "--json" in _options(args)
        with _failing(as_json):
            context = super().make_context(info_name, args, parent, **extra)
        context.meta[_AS_JSON] = as_json
        return context

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        INTERRUPTS.begin()
        with _failing(as_json=wants_json()):
            return super().invoke(ctx)


def _options(arguments: Sequence[str]) -> Sequence[str]:
    """Return the arguments that may be options."""
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def wants_json() -> bool:
    """Tell whether the command that runs was given --json, also one that could not be parsed."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(_AS_JSON))


class _Failure(click.ClickException):
    """How a command failed, in words and as data."""

    def __init__(self, kind: str, message: str, code: int, details: Any = None) -> None:
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc]
        self.found = {"kind": kind, "message": message, "details": details or {}, "exit_code": code}
        self.as_json = False

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it to standard error."""
        if self.as_json:
            click.echo(dumps({"error": self.found}, None), file=file, err=True)
        else:
            super().show(file)


@contextmanager
def _failing(as_json: bool) -> Iterator[None]:
    """End the command with an exit code and a message whatever a block raises."""
    try:
        yield
    except (click.exceptions.Exit, _Failure):
        raise
    except BrokenPipeError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.exceptions.Exit(READER_LEFT) from None
    except (Exception, KeyboardInterrupt) as error:
        failure = _failure_of(error)
        if failure is None or (isinstance(error, click.ClickException) and not as_json):
            raise
        if failure.exit_code == WRONG_USAGE and not as_json:
            raise click.UsageError(failure.message) from error
        failure.as_json = as_json
        raise failure from error


def _failure_of(error: BaseException) -> _Failure | None:
    """Say what an exception means for a user; None if it is to be seen as it is."""
    kind, message, code, details = type(error).__name__, one_line(error), FAILED, None
    if isinstance(error, CrdtsqlError):
        code = next((code for kind_of, code in _CODES.items() if isinstance(error, kind_of)), FAILED)
        details = error.to_json()["details"]
    elif isinstance(error, click.ClickException):
        kind = "UsageError" if isinstance(error, click.UsageError) else "CrdtsqlError"
        message, code = " ".join(error.format_message().split()), error.exit_code
    elif isinstance(error, OSError):
        kind = "OSError"
    elif isinstance(error, MemoryError):
        message = "out of memory; nothing was changed"
    elif isinstance(error, (click.Abort, KeyboardInterrupt)):
        kind, message, code = "Interrupted", INTERRUPTS.message(), INTERRUPTED
    elif os.environ.get("CRDTSQL_DEBUG"):
        return None
    else:
        message = (
            f"a fault in crdtsql itself, nothing was changed: {kind}: {message}; please report it with the "
            "output of the same command under CRDTSQL_DEBUG=1"
        )
        kind = "Fault"
    return _Failure(kind, message, code, details)


def one_line(error: BaseException) -> str:
    """Write an error's message in one line that a terminal can take."""
    return printable(" ".join(str(error).splitlines())).strip()


def show_notice(text: str) -> None:
    """Tell a person of something that happened, on standard error."""
    line = one_line(Exception(text))
    click.echo(dumps({"notice": line}, None) if wants_json() else f"crdtsql: {line}", err=True)
