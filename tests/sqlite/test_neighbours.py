"""Who has a file open in this process: connections of apsw, and anybody else."""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path

import apsw
import pytest

from crdtsql.sqlite import neighbours


@pytest.fixture(params=["delete", "wal"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give a file with a table."""
    name = str(tmp_path / "a.db")
    connection = apsw.Connection(name)
    connection.execute(
        f"PRAGMA journal_mode = {request.param}; CREATE TABLE t (x); INSERT INTO t VALUES (1)"
    ).fetchall()
    connection.close()
    return name


def reader(path: str, flags: int = apsw.SQLITE_OPEN_READWRITE) -> apsw.Connection:
    """Open a connection that has read, and so holds its lock under WAL."""
    connection = apsw.Connection(path, flags=flags)
    connection.set_busy_timeout(10_000)
    connection.execute("SELECT * FROM t").fetchall()
    return connection


def test_apsw_alone_is_no_stranger(path: str) -> None:
    """Any number of apsw connections, attached databases, other files and closed ones are no strangers."""
    assert not neighbours.has_strangers(path)
    open_ones = [reader(path) for _ in range(3)] + [reader(path, apsw.SQLITE_OPEN_READONLY)]
    other = apsw.Connection(":memory:")
    other.execute("ATTACH ? AS a", (path,))
    assert not neighbours.has_strangers(path)
    for connection in open_ones:
        connection.close()
    assert not neighbours.has_strangers(path)


def test_descriptors_that_sqlite_keeps_are_no_strangers(path: str) -> None:
    """While a lock is held, closed connections leave their descriptors behind: they are apsw's all the same."""
    holder = reader(path)
    holder.execute("BEGIN; SELECT * FROM t").fetchall()
    for flags in (apsw.SQLITE_OPEN_READWRITE, apsw.SQLITE_OPEN_READONLY):
        for connection in [reader(path, flags) for _ in range(4)]:
            connection.close()
    assert not neighbours.has_strangers(path)
    assert not neighbours.has_strangers(path)
    holder.close()


def test_another_library_is_a_stranger(path: str) -> None:
    """Python's sqlite3, and an ordinary open file, are found beside apsw and alone, under any name, until they are closed."""
    link = f"{path}.link"
    os.link(path, link)
    for ours in (None, reader(path)):
        connection = sqlite3.connect(link)
        assert neighbours.has_strangers(path)
        connection.close()
        assert not neighbours.has_strangers(path)
        with open(path, "rb"):
            assert neighbours.has_strangers(path)
        assert not neighbours.has_strangers(path)
        if ours:
            ours.close()


def test_looking_drops_no_lock_of_the_other_library(path: str) -> None:
    """A stranger that is found in a transaction still has its lock afterwards."""
    ours, stranger = reader(path), sqlite3.connect(path, isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    for _ in range(3):
        assert neighbours.has_strangers(path)
    writer = (
        "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None).execute('BEGIN IMMEDIATE')"
    )
    done = os.spawnlp(os.P_WAIT, "python3", "python3", "-c", f"{writer}", path)
    assert done != 0
    stranger.close()
    ours.close()


def test_threads_that_open_and_close_are_no_strangers(path: str) -> None:
    """Connections of apsw that come and go in other threads are not taken for somebody else."""
    stop, wrong = threading.Event(), []

    def come_and_go() -> None:
        while not stop.is_set():
            reader(path).close()

    def look() -> None:
        for _ in range(30):
            if neighbours.has_strangers(path):
                wrong.append(path)

    threads = [threading.Thread(target=come_and_go) for _ in range(2)] + [
        threading.Thread(target=look) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads[2:]:
        thread.join()
    stop.set()
    for thread in threads[:2]:
        thread.join()
    assert not wrong


def test_a_connection_that_was_forked_with_is_noticed(path: str) -> None:
    """A child process knows that its parent's connections are not its own, until it closes them."""
    connection = reader(path)
    assert not neighbours.was_inherited(path)
    child = os.fork()
    if not child:
        first = neighbours.was_inherited(path)
        connection.close()
        os._exit(0 if first and not neighbours.was_inherited(path) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    connection.close()
