"""What a sync over HTTP costs on this machine: live, with nothing to do, with many rows, and with many clients at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from benchmarks.stores import arrival
from benchmarks.workloads import Bench, Result, timed
from crdtsql import Replica
from crdtsql.transports import http
from crdtsql.transports.addresses import parse
from crdtsql.transports.http.client import HttpPeer
from crdtsql.transports.http.places import place_of

ROWS = 100_000
TRIES = 200
CLIENTS, SECONDS = 200, 60.0


def hub(bench: Bench) -> Iterator[Result]:
    """A server of its own process, and clients of other ones."""
    before = os.environ.get("CRDTSQL_STATE_DIR")
    os.environ["CRDTSQL_STATE_DIR"] = str(bench.path().with_suffix(".state"))
    try:
        yield from _live(bench)
        yield from _nothing_to_do(bench)
        yield from _many_rows(bench)
        yield from _many_clients(bench)
    finally:
        os.environ["CRDTSQL_STATE_DIR"] = before or ""


def made(path: Path, rows: int = 0) -> Path:
    """Make a file with a replicated table."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute("CREATE TABLE task (id INTEGER PRIMARY KEY, title TEXT, status TEXT, rank REAL, body TEXT)")
    connection.close()
    with Replica.open(path) as replica:
        replica.enable("task", identity="key")
        with replica.connection:
            replica.connection.executemany(
                "INSERT INTO task VALUES (?, ?, 'open', ?, ?)",
                ((number, f"title {number}", number / 7, "x" * 40) for number in range(rows)),
            )
    return path


@contextmanager
def serving(*paths: Path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Serve files in a process; give it and their addresses, for which this process has tokens."""
    command = [sys.executable, "-m", "crdtsql", "serve", *map(str, paths), "--listen", "127.0.0.1:0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        text = ""
        while not text.endswith("}\n"):
            text += process.stdout.readline()
        addresses = [json.loads(text)[str(path)][0] for path in paths]
        for path, address in zip(paths, addresses, strict=True):
            http.keys.keep(address, http.Tokens(path).add("bench"))
        try:
            yield process, addresses
        finally:
            process.terminate()


@contextmanager
def _watching(path: Path, address: str) -> Iterator[None]:
    command = [sys.executable, "-m", "crdtsql", "sync", str(path), address, "--watch"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def _connection(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(10_000)
    return connection


def _live(bench: Bench) -> Iterator[Result]:
    """How long a row takes from its commit by another program to being readable elsewhere."""
    server, one, other = made(bench.path()), bench.path(), bench.path()
    with Replica.open(server) as replica:
        replica.clone(one).close()
        replica.clone(other).close()
    with serving(server) as (_, (address,)), _watching(one, address), _watching(other, address):
        connections = [_connection(path) for path in (one, server, other)]
        number = 0
        for what, source, target, limit in (
            ("from a client to the server", 0, 1, 20.0),
            ("from the server to a client", 1, 2, 20.0),
            ("from a client to a client", 0, 2, float("inf")),
        ):
            found = []
            for _ in range(TRIES + 10):
                number += 1
                found.append(1000 * arrival(connections[source], connections[target], number))
                time.sleep(0.013)
            found = sorted(found[10:])
            detail = f"p99 {found[int(TRIES * 0.99)]:.0f} ms"
            yield Result(f"a write of another program, HTTP, watch: {what}", found[TRIES // 2], "ms", limit, detail)


def _nothing_to_do(bench: Bench) -> Iterator[Result]:
    """A sync on a kept connection."""
    server, mine = made(bench.path(), 1_000), bench.path()
    with Replica.open(server) as replica, replica.clone(mine):
        pass
    with (
        serving(server) as (_, (address,)),
        Replica.open(mine) as replica,
        HttpPeer(address, place_of(parse(address))) as peer,
    ):
        replica.sync(peer)
        found = sorted(1000 * timed(lambda: replica.sync(peer)) for _ in range(TRIES))
    yield Result(
        "nothing to do, HTTP, kept connection", found[TRIES // 2], "ms", 2.0, f"p99 {found[int(TRIES * 0.99)]:.1f} ms"
    )


def _many_rows(bench: Bench) -> Iterator[Result]:
    """All rows over HTTP, against export and import by a file."""
    server = made(bench.path(), ROWS)
    with serving(server) as (_, (address,)):
        ratios = []
        for _ in range(3):
            by_file, by_http = made(bench.path()), made(bench.path())
            parcel = bench.path()

            def carry(path: Path = by_file, parcel: Path = parcel) -> None:
                with Replica.open(server) as there:
                    parcel.write_bytes(there.export())
                with Replica.open(path) as here:
                    here.merge(parcel.read_bytes())

            def sync(path: Path = by_http) -> None:
                with Replica.open(path) as here:
                    here.sync(address)

            base = timed(carry)
            ratios.append((timed(sync) / base, base))
    ratio, base = min(ratios)
    yield Result(
        f"{ROWS:,} rows over HTTP, against export and import by file", ratio, "x", 1.3, f"by file {base:.2f} s"
    )


def _many_clients(bench: Bench) -> Iterator[Result]:
    """Clients that write a row and sync, again and again; nothing may be lost."""
    server = made(bench.path())
    paths = [bench.path() for _ in range(CLIENTS)]
    with Replica.open(server) as replica:
        for path in paths:
            replica.clone(path).close()
    with serving(server) as (_, (address,)):
        end = time.monotonic() + SECONDS
        took: list[float] = []
        written: list[int] = []
        failed: list[str] = []
        threads = [
            threading.Thread(target=_client, args=(path, address, end, number, took, written, failed))
            for number, path in enumerate(paths)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    there = _connection(server).execute("SELECT id FROM task").fetchall()
    lost = set(written) - {number for (number,) in there}
    if lost or failed:
        raise RuntimeError(f"{len(lost)} rows are lost, {len(failed)} syncs failed: {failed[:1]}")
    took.sort()
    detail = f"p50 {1000 * took[len(took) // 2]:.0f} ms, p99 {1000 * took[int(len(took) * 0.99)]:.0f} ms; nothing lost"
    yield Result(
        f"{CLIENTS} clients of one process, one-row syncs of one file", len(took) / SECONDS, "/s", float("inf"), detail
    )


def _client(
    path: Path, address: str, end: float, number: int, took: list[float], written: list[int], failed: list[str]
) -> None:
    with Replica.open(path) as replica, HttpPeer(address, place_of(parse(address))) as peer:
        key = number * 1_000_000
        while time.monotonic() < end:
            key += 1
            replica.connection.execute("INSERT INTO task (id, title) VALUES (?, 'x')", (key,))
            written.append(key)
            began = time.monotonic()
            try:
                replica.sync(peer, pull=False)
            except Exception as error:  # noqa: BLE001 - told in the end
                failed.append(str(error))
                return
            took.append(time.monotonic() - began)
