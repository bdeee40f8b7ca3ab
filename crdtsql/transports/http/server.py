"""The server that `crdtsql serve` runs: sockets, TLS, signals, and clients that send their headers slowly.

It ends when a signal comes: nothing new is taken, streams of news end, and what is under way is finished.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import HANDLED_SIGNALS

from crdtsql.base import CrdtsqlError, UsageError
from crdtsql.transports.http.app import HttpApp
from crdtsql.transports.http.limits import Limits

KEPT_S = 75
"""So long a connection is kept that nothing comes over; longer than clients of ours keep one."""
ENDING_S = 60
"""So long what is under way may take when the server is told to end."""


class PatientProtocol(H11Protocol):
    """Closes connections whose next request does not get as far as its body in time, and those that are too many."""

    patience_s, most = Limits().patience_s, Limits().connections
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for headers."""
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > self.most:
            transport.close()

    def data_received(self, data: bytes) -> None:
        """Stop waiting when a request is there; begin to wait when a part of one is."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
        elif self._waiting is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Let the kept connection be closed by its own timer."""
        self._stop_waiting()
        super().on_response_complete()

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(self.patience_s, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


class HttpServer(uvicorn.Server):
    """Serves an app on sockets until a signal comes, or it is told to `end`."""

    def __init__(
        self,
        app: HttpApp,
        listening: Sequence[socket.socket],
        local: socket.socket | None = None,
        *,
        certificate: str | None = None,
        key: str | None = None,
    ) -> None:
        protocol = type(
            "Protocol", (PatientProtocol,), {"patience_s": app.limits.patience_s, "most": app.limits.connections}
        )
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol,
                ws="none",
                lifespan="on",
                log_config=None,
                log_level="critical",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEPT_S,
                timeout_graceful_shutdown=ENDING_S,
                ssl_certfile=certificate,
                ssl_keyfile=key,
            )
        )
        self._served, self._listening, self._local = app, list(listening), local
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = asyncio.Event()
        try:
            self.config.load()
        except (OSError, ValueError) as error:
            raise UsageError(_no_certificate(certificate, key, error)) from error

    def run_until_told(self) -> None:
        """Serve."""
        _allow_connections(self._served.limits.connections)
        self.run(sockets=self._listening)

    def end(self) -> None:
        """Have it end, from any thread."""
        self.should_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._told.set)

    async def main_loop(self) -> None:
        """Wait until it is told to end; what uvicorn does in each tenth of a second is needed once a second."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), 1)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, on the socket of this machine without TLS."""
        await super().startup(sockets=sockets)
        if self._local is not None:
            loop = asyncio.get_running_loop()
            config = self.config

            def protocol() -> asyncio.Protocol:
                return config.http_protocol_class(  # type: ignore[call-arg]
                    config=config, server_state=self.server_state, app_state=self.lifespan.state
                )

            self.servers.append(await loop.create_unix_server(protocol, sock=self._local, backlog=config.backlog))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams of news first: they would never end by themselves."""
        self._served.silence()
        await super().shutdown(sockets=sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take signals; that one came is no failure."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: Any) -> None:  # noqa: ARG002 - as signals call it
        """End; the second time at once."""
        self.force_exit = self.should_exit
        self.end()


def _no_certificate(certificate: str | None, key: str | None, error: Exception) -> str:
    """Say which of the files of --tls-cert and --tls-key is wrong, and how."""
    for path in filter(None, (certificate, key)):
        try:
            with open(path, "rb"):
                pass
        except OSError as unreadable:
            return f"{path} can't be read ({unreadable.strerror}): name a file with a certificate or key (PEM)"
    if key is None:
        advice = "if the key is in another file, name it with --tls-key"
        return f"no certificate and key can be read from {certificate} ({error}): {advice}"
    return f"no certificate and key that belong together can be read from {certificate} and {key} ({error})"


def listen(text: str) -> socket.socket:
    """Listen on `host:port`, `[::1]:port` or `:port`; port 0 is any that is free.

    Raises:
        UsageError: it is no such thing.
        CrdtsqlError: one can't listen there.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not port.isdecimal() or int(port) > 65_535:
        raise UsageError(f"{text!r:.100} is nothing to listen on: write HOST:PORT, such as 127.0.0.1:7700")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio sends at once on those that say TCP
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host or "0.0.0.0", int(port)))  # noqa: S104 - whoever writes no host means all
        made.listen()
    except OSError as error:
        made.close()
        raise CrdtsqlError(
            f"can't listen on {text} ({error.strerror or error}): take another address or port"
        ) from error
    return made


@contextmanager
def listen_locally(path: str) -> Iterator[socket.socket]:
    """Listen on a unix socket that only this user can reach, for the length of a block; one that nobody listens on is replaced.

    Raises:
        CrdtsqlError: something else is there.
    """
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _make_way(path)
        before = os.umask(0o177)
        try:
            made.bind(path)
        finally:
            os.umask(before)
        made.listen()
    except OSError as error:
        made.close()
        raise CrdtsqlError(f"can't listen on {path} ({error.strerror or error}): take another path") from error
    try:
        yield made
    finally:
        made.close()
        with suppress(OSError):
            os.unlink(path)


def _allow_connections(count: int) -> None:
    """Let this process have so many connections open, as far as the system lets it."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = count + 256
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard < 0 else min(wanted, hard), hard))


def name_of(listening: socket.socket) -> str:
    """Return where a socket listens, as it stands in an address."""
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(listening: socket.socket) -> bool:
    """Tell whether a socket can be reached from this machine alone."""
    host = str(listening.getsockname()[0])
    return host.startswith("127.") or host == "::1"


def _make_way(path: str) -> None:
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise CrdtsqlError(f"{path} is there and no socket: take another path")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            if probe.connect_ex(path) == 0:
                raise CrdtsqlError(f"{path}: another server listens there: end it first, or take another path")
        os.unlink(path)


def comes_by(path: str | None, scope: Mapping[str, Any]) -> bool:
    """Tell whether a request came by the unix socket of this path."""
    return path is not None and scope.get("server") == (path, None)
