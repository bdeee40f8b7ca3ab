"""ssh: a replica on another machine, answered for by `crdtsql serve --stdio` there, which the system's ssh starts.

So keys, agents, jump hosts and host names are those of the user's ssh. No shell of this machine sees the address; the shell of the
other one gets the path in quotes.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from typing import IO, Any, NamedTuple, Self

from crdtsql.base import TransportError, UsageError, printable
from crdtsql.transports import messages, pipe
from crdtsql.transports.addresses import Address
from crdtsql.transports.interface import Context, Peer, Request, Response

OPTIONS = ("-T", "-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4")
LAST_SECONDS = 5
"""So long an ssh that was told to end may take."""
FIRST_PATIENCE_S, PATIENCE_S = 180.0, 30.0
"""So long nothing may be heard: at first a person may be asked for a password or a touch."""
_PLACE = re.compile(
    r"//(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9._-]*)@)?(?:\[(?P<literal>[0-9A-Fa-f:.%]+)\]|(?P<host>[A-Za-z0-9_][A-Za-z0-9._-]*))"
    r"(?::(?P<port>[0-9]{1,5}))?/(?P<path>[^\0\n]+)"
)


class Place(NamedTuple):
    """What an address of ssh says.

    Attributes:
        path: of the file there; relative ones begin where ssh does, in the home of the user.
    """

    user: str | None
    host: str
    port: str | None
    path: str

    @property
    def options(self) -> list[str]:
        """Return what tells ssh the user and the port."""
        return [*(["-l", self.user] if self.user else []), *(["-p", self.port] if self.port else [])]


def place_of(address: Address) -> Place:
    """Take an address apart: `ssh://user@host:22/srv/app.db`, `ssh://host/~/app.db`.

    Raises:
        UsageError: it is no such address.
    """
    found = _PLACE.fullmatch(address.rest)
    if found is None or (found["port"] and not 0 < int(found["port"]) < 1 << 16):
        raise UsageError(
            f"{address.text!r} is no address of ssh: write ssh://host/srv/app.db, or ssh://user@host:22/~/app.db"
        )
    path = found["path"]
    path = f"./{path[2:]}" if path.startswith("~/") else f"/{path}"
    return Place(found["user"], found["literal"] or found["host"], found["port"], path)


class Patience:
    """Ends a process of which nothing was heard for too long, so that nobody waits for it for ever.

    Attributes:
        ended: what was the matter, if it did.
    """

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self._process, self._seconds = process, seconds
        self._heard = time.monotonic()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.ended: str | None = None

    def moved(self) -> None:
        """Hear that something went or came."""
        self._heard = time.monotonic()

    def _watch(self) -> None:
        while not self._done.wait(max(0.0, left := self._heard + self._seconds - time.monotonic())):
            if left <= 0:
                self.ended = f"the other side said nothing for {self._seconds:g} s"
                self._process.kill()
                return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


class SshPeer(Peer):
    """A replica that `crdtsql serve --stdio` answers for; the connection stays until it is closed."""

    def __init__(self, address: str, place: Place) -> None:
        self.address, self._place = address, place
        self._process: subprocess.Popen[bytes] | None = None
        self._answered = False
        self._said: IO[Any] | None = None

    @property
    def command(self) -> list[str]:
        """Return what is run here."""
        there = shlex.join(["crdtsql", "serve", "--stdio", "--", self._place.path])
        return ["ssh", *OPTIONS, *self._place.options, "--", self._place.host, there]

    def exchange(self, request: Request) -> Response:
        """Send a request, and wait for the response."""
        if self._process is None:
            self._start()
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None  # noqa: PT018, S101 - both are pipes
        with Patience(process, PATIENCE_S if self._answered else FIRST_PATIENCE_S) as patience:
            try:
                pipe.write(process.stdin, messages.pack_request(request), patience.moved)
                response = pipe.read(process.stdout, patience.moved)
            except (OSError, TransportError) as error:
                raise self._failed(patience.ended or str(error)) from error
        if response is None:
            raise self._failed(patience.ended or "it ended without an answer")
        self._answered = True
        return messages.unpack_response(response, self.address)

    def _start(self) -> None:
        self._answered = False
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the connection
        try:
            self._process = subprocess.Popen(  # noqa: S603 - a list, of what `place_of` let through
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said
            )
        except OSError as error:
            self._said.close()
            raise TransportError(
                f"{self.address}: the program ssh can't be run here ({error}): install OpenSSH"
            ) from error

    def _failed(self, why: str) -> TransportError:
        """End the connection, and say what went wrong in ssh's own words if it has any."""
        said = self._said
        code = self._end()
        last = ""
        if said is not None:
            said.seek(0)
            lines = said.read(100_000).decode(errors="replace").strip().splitlines()
            last = printable(lines[-1])[:500] if lines else ""
            said.close()
        self._said = None
        check = shlex.join(["ssh", *self._place.options, self._place.host, "crdtsql --version"])
        return TransportError(f"{self.address}: {last or why} (ssh ended with {code}); try `{check}`")

    def _end(self) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        try:
            return process.wait(LAST_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def close(self) -> None:
        """End the connection."""
        self._end()
        if self._said is not None:
            self._said.close()
            self._said = None


def open_ssh(address: Address, context: Context) -> SshPeer:  # noqa: ARG001 - the other side waits for its file itself
    """Open a file of another machine; it is connected to when it is asked first."""
    return SshPeer(address.text, place_of(address))
