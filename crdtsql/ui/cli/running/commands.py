"""Commands of the user's: run one with something on its standard input, within a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress
from typing import Any

from crdtsql.base import ConflictError, CrdtsqlError, dumps
from crdtsql.conflicts import Conflict, read_answer
from crdtsql.ui.interrupts import uninterrupted


def run_command(command: str, data: bytes, timeout: float) -> tuple[int, bytes]:
    """Run a shell command to its end; when its time is up, it and all that it started are killed.

    Raises:
        subprocess.TimeoutExpired: its time was up.
    """
    pipe = subprocess.PIPE
    with uninterrupted() as release:  # until we know whom to kill
        process = subprocess.Popen(command, shell=True, stdin=pipe, stdout=pipe, start_new_session=True)
        try:
            release()
            output, _ = process.communicate(data, timeout)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
    return process.returncode, output


def answer_of(conflict: Conflict, command: str, timeout: float) -> Any:
    """Ask a command about a conflict; return what it answers, as JSON has it.

    Raises:
        ConflictError: it fails, or answers no JSON.
        subprocess.TimeoutExpired: its time was up.
    """
    code, output = run_command(command, dumps(conflict.to_json(), None).encode() + b"\n", timeout)
    if code != 0:
        raise ConflictError(f"conflict {conflict.id} is left as it was: the command ended with exit code {code}")
    try:
        found = json.loads(output.decode())
        read_answer(found)
    except (ValueError, RecursionError, CrdtsqlError) as error:
        raise ConflictError(
            f"conflict {conflict.id} is left as it was: the command must answer with one of the JSON objects "
            f'{{"take": "ours"}}, {{"take": "theirs"}}, {{"value": ...}} and {{"skip": true}}, not {output[:60]!r} ({error})'
        ) from error
    return found
