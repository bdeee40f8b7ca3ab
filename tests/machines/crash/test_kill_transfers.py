"""Processes that sync by some way, killed at any moment: the next sync leaves both sides as if nothing had happened.

`CRDTSQL_KILLS` says how many processes are killed in all; the delays are spread over a sync's own duration, which is measured first.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from crdtsql import Replica
from tests.support import buckets, hub
from tests.support.brokers import Server as Broker
from tests.support.buckets import BUCKET
from tests.support.command import make
from tests.support.hub import execute

KILLS = int(os.environ.get("CRDTSQL_KILLS", "40"))
WAYS = ("file", "dir", "ssh", "s3", "nats", "http")
EACH = max(2, KILLS // 10)
SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title, votes INTEGER NOT NULL DEFAULT 0)"
FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(["tests.machines.crash.test_kill_transfers"])
CRDTSQL = "import sys; from crdtsql.ui.cli import main; main()"


def sync(path: str, address: str, environment: dict[str, str]) -> None:
    """Sync, in a process of its own, which was forked from one with another test's environment."""
    os.environ.clear()
    os.environ.update(environment)
    with Replica.open(path) as replica:
        replica.sync(address)


def started(path: Path, address: str) -> BaseProcess:
    """Begin to sync."""
    process = FORKING.Process(target=sync, args=(str(path), address, dict(os.environ)))
    process.start()
    return process


def finish(*pairs: tuple[Path, str]) -> None:
    """Sync until all is everywhere."""
    for path, address in pairs:
        process = started(path, address)
        process.join()
        assert process.exitcode == 0


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Make two files, which no process has open."""
    paths = [make(tmp_path / "one.db", SCHEMA), tmp_path / "two.db"]
    with Replica.open(paths[0]) as replica:
        replica.enable("task", types={"votes": "counter"})
        replica.connection.execute("INSERT INTO task VALUES ('both', '', 0)")
        replica.clone(paths[1]).close()
    return paths


@pytest.fixture
def ends(
    request: pytest.FixtureRequest, files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[tuple[Path, str]]]:
    """Give each file with the address that leads to the other one, or to the place where both meet."""
    one, two = files
    way = request.param
    if way == "s3":
        with buckets.running():
            yield [(path, f"s3://{BUCKET}/team") for path in files]
    elif way == "nats":
        broker = Broker(tmp_path / "nats")
        yield [(path, broker.address("team")) for path in files]
        broker.kill()
    elif way == "http":
        with hub.serving(two) as server:
            server.grant(two)
            yield [(one, server.address(two))]
    elif way == "dir":
        (tmp_path / "team").mkdir()
        yield [(path, f"dir:{tmp_path / 'team'}") for path in files]
    elif way == "ssh":
        for name, script in {
            "ssh": 'for last; do :; done; exec sh -c "$last"',
            "crdtsql": f"exec {sys.executable} -c '{CRDTSQL}' \"$@\"",
        }.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
            (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        yield [(one, f"ssh://here{two}")]
    else:
        yield [(one, f"file://{two}")]


@pytest.mark.parametrize("ends", WAYS, indirect=True)
def test_a_sync_that_is_killed_is_done_by_the_next_one(
    ends: list[tuple[Path, str]], files: list[Path], request: pytest.FixtureRequest
) -> None:
    """Whatever moment a process dies in while it syncs, nothing that was written is lost or counted twice, and both files are sound."""
    chance = random.Random(f"{request.node.name} {KILLS}")
    expected = {"both": 0}
    finish(*ends)  # so that all is loaded
    for path in files:
        execute(path, "UPDATE task SET title = '' WHERE id = 'both'")
    begin = time.monotonic()
    finish(*ends)
    duration, killed = (time.monotonic() - begin) / len(ends), 0
    for number in range(EACH):
        for path in files:
            size = chance.choice([1, 1_000, 300_000])
            expected[f"{path.stem} {number}"] = 2 * size
            execute(path, f"INSERT INTO task VALUES ('{path.stem} {number}', hex(randomblob({size})), 0)")
            execute(path, "UPDATE task SET votes = votes + 1")
        process = started(*chance.choice(ends))
        process.join(duration * (number + chance.random()) / EACH)
        killed += process.exitcode is None
        process.kill()
        process.join()
    finish(*ends, *ends)
    assert killed > 0
    votes = "SELECT votes FROM task WHERE id = 'both'"
    for path in files:
        assert execute(path, "PRAGMA integrity_check") == [("ok",)]
        assert dict(execute(path, "SELECT id, length(title) FROM task")) == expected
        assert execute(path, votes) == [(2 * EACH,)]
    assert execute(files[0], "SELECT * FROM task ORDER BY id") == execute(files[1], "SELECT * FROM task ORDER BY id")
