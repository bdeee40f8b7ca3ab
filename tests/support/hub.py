"""A server of HTTP in a thread of this process, and what clients need to reach it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import apsw

from crdtsql.mcp import endpoint
from crdtsql.page import page_of
from crdtsql.transports import http
from crdtsql.transports.http import server


class Hub:
    """A server that runs."""

    def __init__(self, running: server.HttpServer, base: str) -> None:
        self.running, self.base = running, base

    @property
    def port(self) -> int:
        """Return where it listens."""
        return int(self.base.rpartition(":")[2])

    def address(self, path: str | Path) -> str:
        """Return the address of a file."""
        return f"{self.base}/{Path(path).stem}"

    def grant(self, path: str | Path, name: str = "tests", **scope: Any) -> str:
        """Make a token for a file, and have clients of this process show it."""
        token = http.Tokens(path).add(name, **scope)
        http.keys.keep(self.address(path), token)
        return token


@contextmanager
def serving(
    *paths: str | Path,
    limits: http.Limits | None = None,
    unix: str | None = None,
    certificate: str | None = None,
    port: int = 0,
    lock_timeout: float = 5.0,
    rooms: bool = False,
) -> Iterator[Hub]:
    """Serve files until the end of the block; with `rooms`, to agents too."""
    with ExitStack() as opened:
        app = http.serve(
            *paths,
            limits=limits,
            lock_timeout=lock_timeout,
            needs_no_token=(lambda scope: server.comes_by(unix, scope)) if unix else None,
            rooms={"mcp": endpoint, "page": page_of} if rooms else None,
        )
        listening = opened.enter_context(server.listen(f"127.0.0.1:{port}"))
        local = opened.enter_context(server.listen_locally(unix)) if unix else None
        running = server.HttpServer(app, [listening], local, certificate=certificate)
        hub = Hub(running, f"http{'s' if certificate else ''}://{server.name_of(listening)}")
        thread = threading.Thread(target=running.run_until_told)
        thread.start()
        try:
            until(lambda: running.started)
            yield hub
        finally:
            running.end()
            thread.join(20)
            assert not thread.is_alive()


def now_ms() -> int:
    """Return the present: a server has no other clock."""
    return time.time_ns() // 1_000_000


def until(true: Any, seconds: float = 20.0) -> None:
    """Wait until something is true, as long as a slow machine may need."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.002)


def execute(path: str | Path, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement as another program does, which waits for locks."""
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(20_000)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def state() -> Path:
    """Return the state directory of the test."""
    return Path(os.environ["CRDTSQL_STATE_DIR"])
