"""Live over HTTP: a server says that there is news, a watcher brings it; both end when they are told to."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from crdtsql import CrdtsqlError, Replica, SyncReport, errors
from crdtsql.transports import http
from crdtsql.transports.http import client
from tests.support import command, hub, peers
from tests.support.hub import execute

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)"


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Give the paths of two replicas."""
    with peers.replica(tmp_path / "here.db", SCHEMA, site=1, now=hub.now_ms) as here:
        here.clone(tmp_path / "app.db").close()
    yield tmp_path / "here.db", tmp_path / "app.db"


@contextmanager
def watching(path: Path, address: str) -> Iterator[list[SyncReport | CrdtsqlError]]:
    """Watch in a thread; give what is told."""
    stop, told = threading.Event(), []

    def run() -> None:
        with Replica.open(path) as replica:
            replica.watch(address, stop=stop, told=lambda _, what: told.append(what))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield told
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


def has(path: Path, key: str) -> bool:
    """Tell whether a row is there."""
    return bool(execute(path, f"SELECT 1 FROM task WHERE id = '{key}'"))


def test_news_come_by_themselves(two: tuple[Path, Path]) -> None:
    """What another program writes to either file is in the other one soon, much sooner than a watcher asks by itself."""
    here, path = two
    with hub.serving(path) as server:
        server.grant(path)
        with watching(here, server.address(path)) as told:
            execute(here, "INSERT INTO task VALUES ('first', 1)")
            hub.until(lambda: has(path, "first"))
            began = time.monotonic()
            for number in range(5):
                execute(path, f"INSERT INTO task VALUES ('there {number}', 1)")
                hub.until(lambda key=f"there {number}": has(here, key))
                execute(here, f"INSERT INTO task VALUES ('here {number}', 1)")
                hub.until(lambda key=f"here {number}": has(path, key))
            assert time.monotonic() - began < 10
            assert all(isinstance(what, SyncReport) for what in told)


def test_an_own_answer_is_no_news(two: tuple[Path, Path]) -> None:
    """A watcher that has just got something does not ask once more because the server tells everybody of it."""
    here, path = two
    with hub.serving(path) as server, Replica.open(here) as replica:
        server.grant(path)
        woken = threading.Event()
        with client.HttpPeer(
            server.address(path), client.place_of(client.Address("", "http", server.address(path)[5:]))
        ) as peer:
            peer.listen(woken.set)
            replica.sync(peer)
            assert woken.wait(20)
            assert peer.glance() is None
            for number in range(3):
                woken.clear()
                execute(here, f"INSERT INTO task VALUES ('{number}', 1)")
                replica.sync(peer)
                assert woken.wait(20)
                assert peer.glance() is None
            woken.clear()
            execute(path, "INSERT INTO task VALUES ('there', 1)")
            hub.until(lambda: peer.glance() is not None)
            assert replica.sync(peer).received == 1


def test_a_server_that_goes_and_comes_back(two: tuple[Path, Path]) -> None:
    """A watcher whose server is away says so, tries again, and goes on when it is back."""
    here, path = two
    with hub.serving(path) as server:
        server.grant(path)
        port, address = server.port, server.address(path)
        watcher = watching(here, address)
        told = watcher.__enter__()
        execute(here, "INSERT INTO task VALUES ('a', 1)")
        hub.until(lambda: has(path, "a"))
    try:
        execute(here, "INSERT INTO task VALUES ('b', 1)")
        execute(path, "INSERT INTO task VALUES ('c', 1)")
        hub.until(lambda: any(isinstance(what, errors.TransportError) for what in told))
        with hub.serving(path, port=port):
            hub.until(lambda: has(path, "b") and has(here, "c"))
            execute(path, "INSERT INTO task VALUES ('d', 1)")
            hub.until(lambda: has(here, "d"))
    finally:
        watcher.__exit__(None, None, None)


def events(server: hub.Hub, token: str) -> httpx2.Client:
    """Return a client with a token."""
    return httpx2.Client(base_url=server.base, headers={"Authorization": f"Bearer {token}"}, timeout=20)


def test_who_hears_of_news(two: tuple[Path, Path]) -> None:
    """The stream is for whoever may take all changes; it says at once what there is, has a heartbeat, and ends with its token."""
    _, path = two
    with hub.serving(path, limits=http.Limits(heartbeat_s=0.1)) as server:
        for name, scope in (("writer", {"read": False}), ("some", {"tables": ["task"]})):
            with events(server, http.Tokens(path).add(name, **scope)) as some:
                assert some.get("/app/news").status_code == 403
        assert httpx2.get(f"{server.base}/app/news").status_code == 401
        with events(server, server.grant(path, "mine")) as mine, mine.stream("GET", "/app/news") as response:
            lines = response.iter_lines()
            assert next(lines).startswith("data: ")
            assert next(line for line in lines if line).startswith(": ping")
            http.Tokens(path).revoke("mine")
            list(lines)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_told_to_end(two: tuple[Path, Path], number: signal.Signals) -> None:
    """`serve` ends with 0 at a signal, also while somebody listens to its news; what was written is there."""
    here, path = two
    token = http.Tokens(path).add("me")
    with command.start("serve", path, "--listen", "127.0.0.1:0", "--json") as process:
        assert process.stdout and process.stderr
        text = ""
        while not text.endswith("}\n"):
            text += process.stdout.readline().decode()
        address = text.split('"')[3]
        http.keys.keep(address, token)
        with watching(here, address) as told:
            execute(path, "INSERT INTO task VALUES ('a', 'x')")
            hub.until(lambda: has(here, "a"))
            process.send_signal(number)
            assert (process.wait(timeout=60), process.stderr.read()) == (0, b"")
            hub.until(lambda: any(isinstance(what, errors.TransportError) for what in told))
