"""Faults of HTTP: connections that are cut, programs that are killed, clients that are slow. A retry gives what no fault would have given."""

from __future__ import annotations

import contextlib
import os
import random
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from crdtsql import Replica, errors
from crdtsql.transports import http, messages
from crdtsql.transports.addresses import parse
from crdtsql.transports.http import bodies
from crdtsql.transports.http.client import HttpPeer
from crdtsql.transports.http.places import place_of
from crdtsql.transports.interface import Request
from tests.support import command, hub, peers
from tests.support.cutting import Cutter
from tests.support.hub import execute

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)"
CUTS = int(os.environ.get("CRDTSQL_CUTS", "30"))
KILLS = max(2, CUTS // 20)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Replica, Path]]:
    """Give a replica and the path of another one, which nobody has open."""
    with peers.replica(tmp_path / "here.db", SCHEMA, site=1, now=hub.now_ms) as here:
        here.clone(tmp_path / "app.db").close()
        yield here, tmp_path / "app.db"


def rows(of: Replica | Path) -> list[tuple[str, int]]:
    """Return what is shown, with the lengths of the titles."""
    path = of.path if isinstance(of, Replica) else of
    return execute(path, "SELECT id, length(title) FROM task ORDER BY id")


def test_connections_that_are_cut_anywhere(two: tuple[Replica, Path]) -> None:
    """However a connection is cut, the sync says so in one line or has succeeded; the next one leaves both sides with all that both wrote."""
    here, path = two
    chance, expected, cut = random.Random(f"cuts {CUTS}"), {}, 0
    with hub.serving(path) as server, Cutter(server.port) as proxy:
        address = f"http://127.0.0.1:{proxy.port}/app"
        http.keys.keep(address, server.grant(path))
        here.sync(address)
        for number in range(CUTS):
            for side, file in (("here", here.path), ("there", path)):
                length = chance.choice([1, 1, 50, 50_000])
                expected[f"{side} {number}"] = length
                execute(file, f"INSERT INTO task VALUES ('{side} {number}', hex(randomblob({length})))")
            at = int(chance.choice([10, 300, 1_500, 70_000]) * chance.random()) + 1
            proxy.cut(**{chance.choice(["there", "back"]): at})
            with HttpPeer(address, place_of(parse(address))) as peer, suppress(errors.TransportError):
                try:
                    here.sync(peer)
                except errors.TransportError as error:
                    assert len(str(error).splitlines()) == 1
                    cut += 1
                    raise
            proxy.cut()
            here.sync(address)
            assert rows(here) == rows(path) == sorted((key, 2 * length) for key, length in expected.items())
        assert cut >= CUTS // 4 and proxy.cuts >= cut
        assert here.sync(address).here.known


@contextmanager
def a_server(path: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run `crdtsql serve` in a process of its own."""
    with command.start("serve", path, "--listen", f"127.0.0.1:{port}") as process:
        try:
            assert process.stdout
            assert process.stdout.readline().startswith(str(path).encode())
            yield process
        finally:
            process.kill()
            process.communicate()


def free_port() -> int:
    """Return a port where nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_a_server_that_is_killed(two: tuple[Replica, Path]) -> None:
    """A server that is killed in the middle of syncs and started again has all that was acknowledged, and gets the rest."""
    here, path = two
    port, chance, number = free_port(), random.Random(4), 0
    address = f"http://127.0.0.1:{port}/app"
    http.keys.keep(address, http.Tokens(path).add("tests"))
    for _ in range(KILLS):
        with a_server(path, port) as process:
            end, acknowledged = chance.uniform(0.01, 0.1), number
            begun = time.monotonic()
            with suppress(errors.TransportError):
                while True:
                    number += 1
                    execute(here.path, f"INSERT INTO task VALUES ('{number}', hex(randomblob(20000)))")
                    if time.monotonic() - begun > end:
                        process.send_signal(signal.SIGKILL)
                    here.sync(address)
                    acknowledged = number
        assert {str(one) for one in range(1, acknowledged + 1)} <= {key for key, _ in rows(path)}
    with a_server(path, port):
        here.sync(address)
    assert rows(here) == rows(path) and len(rows(path)) == number


def test_a_client_that_is_killed(two: tuple[Replica, Path]) -> None:
    """A client that is killed at any moment of a sync leaves both files whole, and the next sync finishes the work."""
    here, path = two
    file, chance = Path(here.path), random.Random(5)
    here.close()
    with hub.serving(path) as server:
        server.grant(path)
        for number in range(3 * KILLS):
            execute(file, f"INSERT INTO task VALUES ('here {number}', hex(randomblob(30000)))")
            execute(path, f"INSERT INTO task VALUES ('there {number}', hex(randomblob(30000)))")
            running = command.begin("sync", file, server.address(path))
            time.sleep(chance.uniform(0.0, 0.12))
            running.kill()
        with Replica.open(file) as again:
            again.sync(server.address(path))
            assert rows(again) == rows(path) and len(rows(path)) == 6 * KILLS


PATIENCE_S = 0.7
IMPATIENT = http.Limits(patience_s=PATIENCE_S, slowest_bytes=1_000_000, body_bytes=100_000)


def drip(port: int, data: bytes, begin: int = 0) -> float:
    """Send bytes one by one, the first ones at once; return how long the server put up with it."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port)) as connection, suppress(OSError):
        connection.sendall(data[:begin])
        connection.settimeout(0.02)
        for byte in data[begin:]:
            connection.sendall(bytes([byte]))
            with suppress(TimeoutError):
                if not connection.recv(100):
                    break
    return time.monotonic() - began


def test_a_client_that_sends_slowly(two: tuple[Replica, Path]) -> None:
    """Who sends headers or a body slowly is left after a while, and keeps nobody else waiting meanwhile; nor does it hold a lock."""
    here, path = two
    with hub.serving(path, limits=IMPATIENT) as server:
        token = server.grant(path)
        head = (
            f"POST /app HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 9000\r\n\r\n".encode()
        )
        here.sync(server.address(path))
        with socket.create_connection(("127.0.0.1", server.port)) as slow:
            slow.sendall(head + b"CRDTSYN1")
            execute(path, "INSERT INTO task VALUES ('there', 1)")
            assert here.sync(server.address(path)).received == 1
            slow.settimeout(20)
            assert b"408" in slow.recv(1_000)
        for data, begin in ((head, 0), (head + b"x" * 1_000, len(head))):
            assert PATIENCE_S * 0.9 < drip(server.port, data, begin) < 15
        with socket.create_connection(("127.0.0.1", server.port)) as silent:
            silent.settimeout(20)
            assert silent.recv(1) == b""
        here.sync(server.address(path))


def test_a_client_that_takes_slowly(two: tuple[Replica, Path]) -> None:
    """Who does not take an answer is left after a while, and its bytes are forgotten; the others go on."""
    here, path = two
    execute(path, "INSERT INTO task VALUES ('large', randomblob(6000000))")
    with hub.serving(path, limits=IMPATIENT) as server:
        token = server.grant(path)
        body = messages.pack_request(Request(here.site, here.vector()))
        head = f"POST /app HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            slow.connect(("127.0.0.1", server.port))
            slow.sendall(head.encode() + body)
            hub.until(lambda: len(server.running.server_state.tasks) == 1)
            hub.until(lambda: not server.running.server_state.tasks)
        assert here.sync(server.address(path)).received == 1
    assert rows(here) == [("large", 6_000_000)]


def test_too_much(two: tuple[Replica, Path]) -> None:
    """A request that is too long, and one of a token that asks too often, are refused in one line that says what to do; nothing is changed."""
    here, path = two
    with hub.serving(path, limits=http.Limits(body_bytes=100_000, requests=3, requests_per_s=0.01)) as server:
        server.grant(path)
        here.sync(server.address(path))
        execute(here.path, "INSERT INTO task VALUES ('large', hex(randomblob(200000)))")
        with pytest.raises(errors.TransportError, match="longer than 100,000 bytes.*--max-bytes"):
            here.sync(server.address(path))
        assert rows(path) == []
        with pytest.raises(errors.TransportError, match="token tests made too many requests"):
            here.sync(server.address(path))
        server.grant(path, "other")
        here.sync(server.address(path), push=False)
    with hub.serving(path, limits=http.Limits(waiting_bytes=1_000)) as server:
        token = server.grant(path, "more")
        head = f"POST /app HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\n"
        with socket.create_connection(("127.0.0.1", server.port)) as chunks:
            chunks.sendall(head.encode() + b"800\r\n" + b"x" * 2_048 + b"\r\n0\r\n\r\n")
            assert b"503" in chunks.recv(1_000)
        here.sync(server.address(path), push=False)


def test_a_file_that_is_locked(two: tuple[Replica, Path]) -> None:
    """While another program holds the server's file, a sync is told that it is busy; the server goes on."""
    here, path = two
    with hub.serving(path, lock_timeout=0.05) as server:
        server.grant(path)
        here.sync(server.address(path))
        execute(here.path, "INSERT INTO task VALUES ('a', 1)")
        with subprocess.Popen(["sqlite3", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as shell:
            assert shell.stdin and shell.stdout
            shell.stdin.write(b"BEGIN EXCLUSIVE;\nSELECT 1;\n")
            shell.stdin.flush()
            assert shell.stdout.readline() == b"1\n"
            with pytest.raises(errors.TransportError, match="locked"):
                here.sync(server.address(path))
            shell.stdin.close()
        here.sync(server.address(path))
    assert rows(path) == [("a", 1)]


def test_a_server_without_room(two: tuple[Replica, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A server whose disk is full says so, keeps nothing of the request, and takes the next one when there is room."""
    here, path = two
    execute(here.path, "INSERT INTO task VALUES ('a', 1)")

    def no_room(body: bodies.Body, piece: bytes, write=bodies.Body.write) -> None:
        if piece.startswith(messages.ASKS):
            raise OSError(28, "No space left on device")
        write(body, piece)

    with hub.serving(path) as server:
        server.grant(path)
        with monkeypatch.context() as full, pytest.raises(errors.TransportError, match=r"no room here .*No space left"):
            full.setattr(bodies.Body, "write", no_room)
            here.sync(server.address(path))
        here.sync(server.address(path))
    assert rows(path) == [("a", 1)]


def test_a_fault_of_the_server(
    two: tuple[Replica, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What nobody thought of is told the client in one line without details, which are in the server's log; the server goes on."""
    here, path = two

    def broken(*_: object) -> None:
        raise RuntimeError("of nobody's business")

    with hub.serving(path) as server:
        server.grant(path)
        for place in ("crdtsql.transports.http.app.answer", "crdtsql.transports.http.app.Incoming.receive"):
            with (
                monkeypatch.context() as now,
                pytest.raises(errors.TransportError, match="a fault in crdtsql itself, w") as caught,
            ):
                now.setattr(place, broken)
                here.sync(server.address(path))
            assert "business" not in str(caught.value)
        here.sync(server.address(path))
    assert caplog.text.count("RuntimeError: of nobody's business") == 2


def test_many_connections(two: tuple[Replica, Path]) -> None:
    """Connections beyond the most that are taken are closed at once, and those that are there go on."""
    here, path = two
    with hub.serving(path, limits=http.Limits(connections=4)) as server, contextlib.ExitStack() as opened:
        server.grant(path)
        peer = opened.enter_context(HttpPeer(server.address(path), place_of(parse(server.address(path)))))
        here.sync(peer)
        idle = [opened.enter_context(socket.create_connection(("127.0.0.1", server.port))) for _ in range(6)]
        hub.until(lambda: len(select.select(idle, [], [], 0)[0]) == 3)
        assert len(server.running.server_state.connections) == 4
        assert here.sync(peer).here.known


def test_no_proxy_is_asked_for_this_machine(two: tuple[Replica, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that the environment names is used for other machines alone."""
    here, path = two
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with hub.serving(path) as server:
        server.grant(path)
        here.sync(server.address(path))
    with pytest.raises(errors.TransportError, match="Connection refused"):
        here.sync("http://host.invalid/app")
