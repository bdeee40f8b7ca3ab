"""A replica inside another program: with other SQLite libraries, with threads, and after a fork."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

import crdtsql
from crdtsql import Replica, sync
from crdtsql.base.errors import BusyError, CrdtsqlError, UnsafeUseError
from tests.support import peers

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY, n INTEGER)"


@pytest.fixture(params=["delete", "wal"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Give a replica's file that nobody has open."""
    name = tmp_path / "app.db"
    connection = apsw.Connection(str(name))
    connection.execute(f"PRAGMA journal_mode = {request.param}; {SCHEMA}; INSERT INTO task VALUES ('a', 1)").fetchall()
    connection.close()
    with Replica.open(name) as replica:
        replica.enable("task")
    return name


def at_once(*calls: Callable[[], object]) -> list[BaseException]:
    """Run calls in threads that begin together; return what they raised."""
    barrier, raised = threading.Barrier(len(calls)), list[BaseException]()

    def run(call: Callable[[], object]) -> None:
        barrier.wait()
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - a thread's errors are what is looked at
            raised.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return raised


def test_a_file_that_another_library_has_open_is_refused(path: Path) -> None:
    """`open`, `load`, and every write of an open replica refuse a file that Python's sqlite3 has open, and work once it is closed."""
    other = sqlite3.connect(path)
    with pytest.raises(
        UnsafeUseError, match=r"app.db is open in this process by something else than apsw.*Close it there"
    ):
        Replica.open(path)
    with pytest.raises(UnsafeUseError, match="something else than apsw"):
        sync(path, path)
    connection = apsw.Connection(str(path))
    with pytest.raises(UnsafeUseError, match="something else than apsw"):
        crdtsql.load(connection)
    other.close()
    crdtsql.load(connection)
    connection.execute("INSERT INTO task VALUES ('b', 2); SELECT crdt_vector()").fetchall()
    with Replica.open(path) as replica:
        replica.connection.execute("INSERT INTO task VALUES ('c', 3)")
        other = sqlite3.connect(path)
        with pytest.raises(UnsafeUseError, match="something else than apsw"):
            replica.vector()
        other.close()
        assert replica.vector()
    connection.close()


def test_apsw_throughout_is_fine(path: Path) -> None:
    """Several replicas and any number of the program's own apsw connections have one file open."""
    connections = [apsw.Connection(str(path)) for _ in range(3)]
    with Replica.open(path) as first, Replica.open(path) as second:
        for number, connection in enumerate(connections):
            connection.set_busy_timeout(5000)
            connection.execute(f"INSERT INTO task VALUES ('{number}', 1)")
            assert first.vector() == second.vector()
            connection.close()
        crdtsql.load(apsw.Connection(str(path)))
        third = Replica.open(path)
        assert third.vector() == first.vector()
        third.close()


def test_two_threads_use_one_replica_in_turns(path: Path) -> None:
    """Verbs that two threads call at once run one after the other, all of them."""
    with Replica.open(path) as replica, peers.replica(path.with_name("b.db"), SCHEMA) as other:
        data = other.export()

        def work() -> None:
            for _ in range(15):
                replica.export()
                replica.merge(data)
                replica.status()
                assert replica.changes() and replica.site and replica.vector()
                replica.enable("task") if not replica.status().tables else replica.doctor()

        assert at_once(work, work, work) == []


def test_a_replica_per_thread(path: Path) -> None:
    """Threads that open a replica each, and close it, all get their answers."""

    def work() -> None:
        for number in range(8):
            with Replica.open(path) as replica:
                replica.connection.execute(
                    "INSERT OR REPLACE INTO task VALUES (?, ?)", (f"{threading.get_ident()}", number)
                )
                replica.export(replica.vector())

    assert at_once(work, work, work) == []
    with Replica.open(path) as replica:
        assert replica.connection.execute("SELECT count(*) FROM task").get == 4


def test_a_thread_that_waits_too_long_is_told_so(path: Path) -> None:
    """A verb that another thread's verb keeps waiting for longer than the lock timeout ends with our error; then all is as before."""
    inside, go_on = threading.Event(), threading.Event()
    with Replica.open(path, lock_timeout=0.05) as replica:

        def stop_there(_what: str, _done: int, _total: int) -> None:
            inside.set()
            go_on.wait(20)

        replica.on_progress = stop_there
        thread = threading.Thread(target=replica.export)
        thread.start()
        inside.wait(20)
        for call in (replica.vector, replica.export, replica.status, replica.close, lambda: replica.site):
            with pytest.raises(BusyError, match="in use by another thread"):
                call()
        go_on.set()
        thread.join()
        assert replica.vector()


def test_a_verb_within_a_verb_is_refused(path: Path) -> None:
    """A callback that calls a verb of the replica that is calling it gets our error, and the outer verb goes on."""
    told: list[CrdtsqlError] = []
    with Replica.open(path) as replica:

        def call_back(_what: str, _done: int, _total: int) -> None:
            with pytest.raises(UnsafeUseError, match="while another one runs") as caught:
                replica.export()
            told.append(caught.value)

        replica.on_progress = call_back
        assert replica.export() and told


def in_child(check: Callable[[], bool]) -> int:
    """Run a check in a forked process; return its exit code, 0 if it holds."""
    child = os.fork()
    if not child:
        try:
            os._exit(0 if check() else 1)
        except BaseException:  # noqa: BLE001 - the child must end here
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def refuses(call: Callable[[], object], words: str) -> bool:
    """Tell whether a call raises our error with certain words."""
    try:
        call()
    except UnsafeUseError as error:
        return words in str(error)
    return False


def test_a_replica_is_not_carried_through_a_fork(path: Path) -> None:
    """In a forked process neither the parent's replica works, nor a new one while the parent's is open there; afterwards a new one does."""
    with Replica.open(path) as replica:
        assert in_child(lambda: refuses(replica.vector, "before this process was forked")) == 0
        assert in_child(lambda: refuses(lambda: Replica.open(path), "was open when this process was forked")) == 0

        def close_first() -> bool:
            replica.close()
            with Replica.open(path) as own:
                own.connection.execute("INSERT INTO task VALUES ('child', 1)")
                return bool(own.vector())

        assert in_child(close_first) == 0
        assert replica.vector() and replica.connection.execute("SELECT count(*) FROM task WHERE id = 'child'").get == 1
    assert in_child(lambda: bool(Replica.open(path).vector())) == 0
