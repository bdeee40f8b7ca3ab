"""Broker: a connection to a NATS server, with the thread in which nats-py runs, for callers that wait.

Nothing is ever waited for without a limit, and whoever waits hears at once that the connection is gone. It does not come back by
itself: the remote is opened anew, and lists again. Who asks stands in the environment, under the names that the program `nats` uses.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import nats
import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js import JetStreamContext

from crdtsql.base import TransportError, printable

CONNECT_S, ANSWER_S = 10.0, 30.0
"""So long a connection, and an answer, may take."""
PING_S = 10.0
MARGIN_S = 5.0
"""So much longer the caller waits than the work, which ends by itself."""
OVERLAPS, NOT_ENABLED, FULL = 10065, (10039, 10076), (10023, 10047, 10077)
"""Numbers of JetStream's errors."""
_LONGEST = 200
_NOBODY = (nats.errors.NoRespondersError, nats.js.errors.ServiceUnavailableError)

T = TypeVar("T")


class Broker:
    """A connection.

    Args:
        changed: is called, in the connection's thread, when it is lost.
    """

    def __init__(self, address: str, server: str, changed: Callable[[], None]) -> None:
        self.address, self._server, self._changed = address, server, changed
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="crdtsql-nats", daemon=True)
        self._lost: Exception | None = None
        self._waiting: set[asyncio.Task[Any]] = set()
        self._client = Client()
        self._thread.start()
        try:
            self.ask(self._connect, CONNECT_S)
        except BaseException:
            self.close()
            raise

    @property
    def client(self) -> Client:
        """Return nats-py's connection; for use in its thread."""
        return self._client

    @property
    def jetstream(self) -> JetStreamContext:
        """Return nats-py's JetStream; for use in its thread."""
        return self._client.jetstream(timeout=ANSWER_S)

    @property
    def most_bytes(self) -> int:
        """Return how large a message may be."""
        return self._client.max_payload

    @property
    def version(self) -> str:
        """Return the version of the server."""
        found = self._client.connected_server_version
        return f"{found.major}.{found.minor}.{found.patch}"

    async def _connect(self) -> None:
        given = {name: os.environ.get(f"NATS_{name}") for name in ("USER", "PASSWORD", "TOKEN", "CREDS", "NKEY")}
        await self._client.connect(
            self._server,
            name="crdtsql",
            allow_reconnect=False,
            connect_timeout=int(CONNECT_S),
            ping_interval=int(PING_S),
            error_cb=self._hear_error,
            disconnected_cb=self._hear_end,
            user=given["USER"],
            password=given["PASSWORD"],
            token=given["TOKEN"],
            user_credentials=given["CREDS"],
            nkeys_seed=given["NKEY"],
            tls=_tls(),
            tls_handshake_first=bool(os.environ.get("NATS_TLS_FIRST")),
        )

    async def _hear_error(self, error: Exception) -> None:
        self.lose(error)  # nothing is tried again by nats-py

    async def _hear_end(self) -> None:
        self.lose(nats.errors.Error("the connection was cut"))

    def lose(self, why: Exception) -> None:
        """Give the connection up; everybody who waits hears why."""
        if self._lost is None:
            self._lost = why
            for task in self._waiting:
                task.cancel()
            self._changed()

    def check(self) -> None:
        """Raise a TransportError if the connection is lost."""
        if self._lost is not None:
            raise TransportError(f"{self.address}: {explain(self._lost)}") from self._lost

    def ask(self, work: Callable[[], Coroutine[Any, Any, T]], seconds: float = ANSWER_S) -> T:
        """Have work done in the connection's thread, and wait for it.

        Raises:
            TransportError: it failed, took too long, or the connection is lost.
        """
        self.check()
        try:
            return asyncio.run_coroutine_threadsafe(self._limited(work, seconds), self._loop).result(seconds + MARGIN_S)
        except (OSError, ImportError, nats.errors.Error, TimeoutError) as error:
            raise TransportError(f"{self.address}: {explain(error)}") from error

    async def _limited(self, work: Callable[[], Coroutine[Any, Any, T]], seconds: float) -> T:
        task = asyncio.ensure_future(work())
        self._waiting.add(task)
        try:
            return await asyncio.wait_for(task, seconds)
        except asyncio.CancelledError:
            raise (self._lost or nats.errors.ConnectionClosedError()) from None
        finally:
            self._waiting.discard(task)

    def close(self) -> None:
        """End the connection and its thread."""
        if self._loop.is_closed():
            return
        with suppress(Exception):
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(MARGIN_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(MARGIN_S)
        if not self._thread.is_alive():
            self._loop.close()

    async def _end(self) -> None:
        with suppress(Exception):
            await asyncio.wait_for(self._client.close(), MARGIN_S / 2)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def _tls() -> ssl.SSLContext | None:
    """Return what the environment says of certificates; without that TLS is as the system has it, where the server asks for it."""
    trusted, own = os.environ.get("NATS_CA"), os.environ.get("NATS_CERT")
    if not trusted and not own:
        return None
    found = ssl.create_default_context(cafile=trusted or None)
    if own:
        found.load_cert_chain(own, os.environ.get("NATS_KEY") or None)
    return found


def explain(error: BaseException) -> str:
    """Say in one line what is wrong, and what to do."""
    said = printable(str(error).removeprefix("nats: ")).strip("'\"")[:_LONGEST] or type(error).__name__
    return next(advice for holds, advice in _ADVICE if holds(error, said.lower())).format(said=said)


def _number(error: BaseException) -> int:
    return getattr(error, "err_code", None) or 0


_ADVICE: tuple[tuple[Callable[[BaseException, str], bool], str], ...] = (
    (
        lambda _, said: "authorization" in said or "authentication" in said,
        "it lets nobody in like that ({said}): set NATS_USER and NATS_PASSWORD, NATS_TOKEN, or NATS_CREDS (a file)",
    ),
    (
        lambda _, said: "permissions violation" in said,
        "it is not allowed ({said}): use an account that may use JetStream and the subjects crdtsql.>",
    ),
    (
        lambda error, _: _number(error) in FULL,
        "there is no room ({said}): raise the limits of the stream or of the server, then sync again",
    ),
    (
        lambda error, _: isinstance(error, _NOBODY) or _number(error) in NOT_ENABLED,
        "JetStream is not there, or not yet: start the server with it (nats-server -js), then sync again",
    ),
    (
        lambda error, _: _number(error) == OVERLAPS,
        "another stream has these subjects already ({said}): use another name",
    ),
    (lambda error, _: isinstance(error, ssl.SSLError), "its certificate is not trusted ({said}): set NATS_CA"),
    (
        lambda error, _: isinstance(error, ImportError),
        "a package is missing for NATS_CREDS and NATS_NKEY ({said}): pip install nkeys",
    ),
    (
        lambda error, _: (
            isinstance(error, (OSError, nats.errors.NoServersError)) and not isinstance(error, TimeoutError)
        ),
        "it can't be reached ({said}): is nats-server running there?",
    ),
    (lambda *_: True, "it does not answer as it should ({said}): sync again"),
)
"""What is wrong, and what is said then; the first that holds."""
