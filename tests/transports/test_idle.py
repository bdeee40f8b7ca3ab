"""Watchers and servers compact their files by themselves, once somebody asked for it, while nothing else is to be done."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from crdtsql import Replica, errors
from crdtsql.compaction import due
from crdtsql.transports.file import FilePeer
from crdtsql.transports.http.desk import Desk
from crdtsql.transports.syncing import _with_open
from crdtsql.transports.watch import idle
from crdtsql.transports.watch.watching import Watcher
from tests.support import peers
from tests.support.peers import Clock, rows, write

SCHEMA = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, v)"
DAY_MS = 24 * 3600 * 1000


class World:
    """Two replicas, a watcher of the first one, and the time."""

    def __init__(self, folder: Path) -> None:
        self.now, self.syncs = 100.0, 0
        self.clock = Clock(step=1)
        self.one = peers.replica(folder / "1.db", SCHEMA, now=self.clock, site=1)
        write(self.one, *(f"INSERT INTO t VALUES ('k{n}', {n})" for n in range(9)))
        self.other = self.one.clone(folder / "2.db")
        write(self.other, "UPDATE t SET v = 9 WHERE id = 'k2'")
        self.watcher = Watcher(
            self.one,
            {"other": lambda: FilePeer(self.other)},
            self._sync,  # type: ignore[arg-type]
            now=lambda: self.now,
            chance=random.Random(1),
        )

    def _sync(self, *arguments: object) -> object:
        self.syncs += 1
        return _with_open(*arguments)  # type: ignore[arg-type]

    def go(self, seconds: float, also: Callable[[], object] = lambda: None) -> int:
        """Let time pass; return how many syncs there were."""
        before, end = self.syncs, self.now + seconds
        while self.now < end:
            also()
            passed = self.watcher.step()
            self.now += passed
        self.clock.ms += int(1000 * seconds)
        return self.syncs - before


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Give a replica that is watched."""
    return World(tmp_path)


def clocks(replica: Replica) -> int:
    """Count the clock rows of the table."""
    return int(replica.connection.execute("SELECT count(*) FROM _crdt_clock_t").fetchone()[0])  # type: ignore[index]


def test_a_watcher_compacts_once_somebody_asked_for_it(world: World) -> None:
    """Nothing is forgotten before; then it is, without a further command, and the watcher comes to rest."""
    world.go(60)
    assert clocks(world.one) == 9 and world.one.status().compaction is None
    world.one.compact(keep_ms=0)
    assert clocks(world.one) == 9
    world.go(60)
    assert clocks(world.one) == 0 and world.one.status().compaction is not None
    generation = world.one.registry.number("generation")
    assert world.go(60) <= 9 and world.one.registry.number("generation") == generation


def test_a_watcher_begins_rounds_by_itself(world: World) -> None:
    """A round begins once there is news of an hour; where nobody writes none does."""
    world.go(1)
    world.one.compact(keep_ms=0)
    world.go(30)
    write(world.one, "UPDATE t SET v = 77 WHERE id = 'k1'")
    world.go(30)
    assert clocks(world.one) == 1
    world.clock.ms += due.SHORTEST_MS
    write(world.other, "DELETE FROM t WHERE id = 'k3'")
    world.go(60)
    assert clocks(world.one) == 0 and len(rows(world.one)) == 8
    number = world.one.status().to_json()["compaction"]["floor_ms"]
    world.clock.ms += 9 * DAY_MS
    world.go(60)
    assert world.one.status().to_json()["compaction"]["floor_ms"] == number


def test_what_is_kept_is_remembered(world: World) -> None:
    """What `keep` said once counts from then on, also for the command; `once` ends what happens by itself."""
    world.one.compact(keep_ms=DAY_MS)
    world.go(60)
    assert clocks(world.one) == 9
    assert world.one.compact().floor_ms < peers.START_MS
    assert clocks(world.one) == 9
    world.clock.ms += 2 * DAY_MS
    world.go(60)
    assert clocks(world.one) == 0
    world.one.compact(keep_ms=0, once=True)
    write(world.one, "UPDATE t SET v = 77 WHERE id = 'k1'")
    world.clock.ms += 2 * DAY_MS
    world.go(60)
    found = world.one.status().compaction
    assert clocks(world.one) == 1 and found is not None and found.keep_ms is None


def test_nothing_is_compacted_while_somebody_writes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A watcher waits until nobody has written for a moment, and nothing was synced."""
    world.one.compact(keep_ms=0)
    called: list[float] = []
    monkeypatch.setattr(Replica, "compact_some", lambda _: called.append(world.now))
    connection = apsw.Connection(world.one.path)
    world.go(5, lambda: connection.execute("UPDATE t SET v = v + 1 WHERE id = 'k1'"))
    assert called == []
    last = world.now
    world.go(5)
    assert called and called[0] >= last + 0.9 * idle.QUIET_S
    connection.close()


def test_what_is_done_meanwhile_is_no_news(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of a compaction have nobody synced with; what another program writes during one has."""
    world.go(0.5)
    world.one.compact(keep_ms=0)
    world.go(0.5)
    assert world.go(4) == 0 and clocks(world.one) == 0
    some = Replica.compact_some

    def also_write(replica: Replica) -> bool:
        monkeypatch.undo()
        write(Path(replica.path), "INSERT INTO t VALUES ('new', 1)")
        return some(replica)

    world.go(0.5)
    monkeypatch.setattr(Replica, "compact_some", also_write)
    world.go(12)
    assert ("new", 1) in rows(world.other)


def test_a_file_that_fails_is_left_alone_for_long(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said in the log, and the watcher goes on."""
    called: list[float] = []

    def fail(_: Replica) -> bool:
        called.append(world.now)
        raise errors.DatabaseError("the disk is full")

    monkeypatch.setattr(Replica, "compact_some", fail)
    world.go(idle.AFTER_FAILURE_S)
    assert len(called) == 1


def test_a_step_that_fails_is_done_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was looked at in a step that was undone is looked at again."""
    world.go(0.5)
    world.one.compact(keep_ms=0)
    world.go(0.5)
    changing, failed = Replica._changing, []

    def fail(self: Replica, *arguments: object, **options: object) -> object:
        if failed == [] and self is world.one and self._walk is None:
            failed.append(True)
            raise errors.BusyError("locked")
        return changing(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Replica, "_changing", fail)
    world.go(30)
    assert failed and clocks(world.one) == 0


def test_a_served_file_is_compacted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The desk of a file uses the time in which nobody asks for anything."""
    monkeypatch.setattr(idle, "QUIET_S", 0.05)
    monkeypatch.setattr(idle, "REST_S", 0.1)
    one = peers.replica(tmp_path / "1.db", SCHEMA, now=Clock(step=1_000), site=1)
    write(one, "INSERT INTO t VALUES ('k', 1)", "INSERT INTO t VALUES ('l', 1)", "DELETE FROM t WHERE id = 'l'")
    desk = Desk(one.path, 5.0, 9)
    try:
        desk.submit(lambda replica: replica.vector()).result(10)
        time.sleep(0.3)
        assert clocks(one) == 2
        with Replica.open(one.path) as asking:
            asking.compact(keep_ms=0, once=True)
            write(asking, "UPDATE t SET v = 2")
            assert clocks(asking) == 1
            monkeypatch.setattr(due, "SHORTEST_MS", 0)
            asking.registry.set("compact_keep_ms", 0)
        desk.submit(lambda replica: replica.vector()).result(10)
        until = time.monotonic() + 10
        while clocks(one) and time.monotonic() < until:
            time.sleep(0.05)
        assert clocks(one) == 0
    finally:
        desk.close()
        one.close()
