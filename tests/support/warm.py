"""A Python that has crdtsql loaded, and forks a process of its own for each command: `python -m tests.support.warm SOCKET`.

Starting Python and loading everything takes several times as long as most commands do; here it is done once. A request
says the arguments, the folder and the environment, and brings the three standard files; the child goes on as
`python -m crdtsql` does. The server opens no database and starts no thread, so there is nothing that a fork could spoil.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import pkgutil
import runpy
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import crdtsql
from crdtsql.base.sqltext import template
from crdtsql.ui.cli import main

NUMBER = struct.Struct("<q")
NOBODY = 65534
LATE = (
    "click._textwrap",
    "difflib",
    "encodings.ascii",
    "encodings.idna",
    "importlib.readers",
    "rich._emoji_codes",
    "rich.console",
    "rich.progress",
    "rich.table",
    "rich.text",
)
"""What commands load only when they need it."""


# -- in the process of the tests ------------------------------------------------------------------


class Server:
    """The loaded Python, which ends when this process does."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.channel, theirs = socket.socketpair()
        path = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.warm", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": path},
        )
        theirs.close()

    def begin(
        self, arguments: Sequence[str], files: Sequence[int], folder: str, *, unprivileged: bool = False
    ) -> Running:
        """Begin `crdtsql ARGUMENTS` with these standard files; the next one can begin when it has ended."""
        environment = dict(os.environ)
        request = json.dumps(
            {"arguments": arguments, "folder": folder, "environment": environment, "unprivileged": unprivileged}
        ).encode()
        self.lock.acquire()
        socket.send_fds(self.channel, [NUMBER.pack(len(request))], files)
        self.channel.sendall(request)
        return Running(self, _number(self.channel))

    def run(
        self,
        arguments: Sequence[str],
        files: Sequence[int],
        folder: str,
        seconds: float,
        *,
        unprivileged: bool = False,
    ) -> int:
        """Run `crdtsql ARGUMENTS` to its end; return its exit code."""
        running = self.begin(arguments, files, folder, unprivileged=unprivileged)
        code = running.wait(seconds)
        if code is None:
            running.kill()
            raise subprocess.TimeoutExpired(["crdtsql", *arguments], seconds)
        return code


@dataclass
class Running:
    """A command that was begun."""

    server: Server
    process: int

    def wait(self, seconds: float | None = None) -> int | None:
        """Return its exit code as `subprocess` gives it; None if it goes on for longer."""
        self.server.channel.settimeout(seconds)
        try:
            status = _number(self.server.channel)
        except TimeoutError:
            return None
        finally:
            self.server.channel.settimeout(None)
        self.server.lock.release()
        return os.waitstatus_to_exitcode(status)

    def kill(self) -> int:
        """Kill it; return its exit code, which tells whether it had ended before."""
        with suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)
        code = self.wait()
        assert code is not None
        return code


@cache
def server() -> Server:
    """Give the server of this process."""
    return Server()


def _number(channel: socket.socket) -> int:
    (number,) = NUMBER.unpack(_bytes(channel, NUMBER.size))
    return int(number)


def _bytes(channel: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = channel.recv(size - len(data))
        if not piece:
            raise EOFError("the server has ended")
        data += piece
    return data


# -- in the server --------------------------------------------------------------------------------


def serve(channel: socket.socket) -> dict[str, Any] | None:
    """Fork a child for each request until the channel is closed; return the request in the child, else None."""
    while True:
        head, files, _, _ = socket.recv_fds(channel, NUMBER.size, 3)
        if not head:
            return None
        (size,) = NUMBER.unpack(head + _bytes(channel, NUMBER.size - len(head)))
        request = json.loads(_bytes(channel, size))
        process = os.fork()
        if process == 0:
            become(files, request["folder"], request["environment"])
            return dict(request)
        for file in files:
            os.close(file)
        channel.sendall(NUMBER.pack(process))
        _, status = os.waitpid(process, 0)
        channel.sendall(NUMBER.pack(status))


def become(files: Sequence[int], folder: str, environment: dict[str, str]) -> None:
    """Take over the standard files, the folder and the environment of a command."""
    for standard, file in enumerate(files):
        os.dup2(file, standard)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.stdin = open(0, encoding=sys.stdin.encoding, errors=sys.stdin.errors, closefd=False)
    sys.stdout = open(1, "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors, closefd=False)
    sys.stderr = open(2, "w", buffering=1, encoding=sys.stderr.encoding, errors=sys.stderr.errors, closefd=False)


def load() -> None:
    """Load all of crdtsql, its SQL too, and what it loads late."""
    for module in pkgutil.walk_packages(crdtsql.__path__, "crdtsql."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    for name in LATE:
        import_module(name)
    folder = Path(crdtsql.__file__).parent / "sql"
    for path in folder.rglob("*.sql"):
        template(path.relative_to(folder).with_suffix("").as_posix())


def end_as_nobody() -> None:
    """Run the command where file permissions count: the superuser, who may do everything, becomes nobody first.

    Nobody may perhaps not read the folder of the interpreter, so whatever is loaded must be loaded by now.
    """
    if os.geteuid() == 0:
        os.setuid(NOBODY)
    main()


def run_command() -> None:
    """Run the command as `python -m crdtsql` does, and end at once.

    Python takes itself apart when it ends, and would so copy most of the memory that it shares with the server.
    """
    try:
        runpy.run_module("crdtsql", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if not isinstance(end.code, int | None) or threading.active_count() > 1 or not _flushed():
            raise
        atexit._run_exitfuncs()
        os._exit(end.code or 0)


def _flushed() -> bool:
    """Write what is left of the output; tell whether somebody takes it."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    load()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        given = serve(channel)
    if given is not None:
        sys.argv = ["crdtsql", *given["arguments"]]
        if given["unprivileged"]:
            end_as_nobody()
        run_command()
