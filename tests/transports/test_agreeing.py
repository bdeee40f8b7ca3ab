"""Replicas that meet in a store alone agree on what may be forgotten, also where nobody writes anything, and come to rest."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from crdtsql import Replica
from crdtsql.compaction import floor
from crdtsql.replica import SyncOptions
from crdtsql.transports.folder import Folder
from crdtsql.transports.stores.rest import sync_with_store
from crdtsql.transports.stores.upkeep import Rules
from crdtsql.transports.syncing import _with_open
from crdtsql.transports.watch.watching import Watcher
from tests.machines.stores.world import Depot
from tests.support import peers
from tests.support.peers import Clock, rows, write

SCHEMA = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, v)"
LAZY = Rules(grace_ms=1_000, others_grace_ms=4_000, eagerness=0.0, look_closer_ms=100)
EAGER = Rules(grace_ms=1, others_grace_ms=1, most_short=2, eagerness=1.0, snapshot_bytes=1, look_closer_ms=1)


@pytest.fixture
def depot() -> Depot:
    """Give a store in memory."""
    return Depot("depot:x", iter(range(1, 1_000_000)))  # type: ignore[arg-type]


def replicas(folder: Path, count: int) -> list[Replica]:
    """Make replicas of one file, each of which wrote something."""
    clock = Clock(step=1_000)
    one = peers.replica(folder / "1.db", SCHEMA, now=clock, site=1)
    write(one, *(f"INSERT INTO t VALUES ('k{n}', {n})" for n in range(9)), "DELETE FROM t WHERE id = 'k8'")
    others = [one.clone(folder / f"{n}.db") for n in range(2, count + 1)]
    for number, other in enumerate(others):
        write(other, f"UPDATE t SET v = 'other' WHERE id = 'k{number}'")
    return [one, *others]


def clocks(replica: Replica) -> int:
    """Count the clock rows of the table."""
    return int(replica.connection.execute("SELECT count(*) FROM _crdt_clock_t").fetchone()[0])  # type: ignore[index]


def visit_all(all_: Sequence[Replica], depot: Depot, rules: Rules = LAZY, at: Iterator[int] | None = None) -> int:
    """Let each one sync with the store; return how many segments were put there."""
    reports = [
        sync_with_store(one, depot, SyncOptions(), rules=rules, now=lambda: peers.START_MS + (next(at) if at else 0))
        for one in all_
    ]
    assert not any(report.skipped for report in reports)
    return sum(report.sent for report in reports)


@pytest.mark.parametrize("count", [2, 5])
def test_a_round_needs_no_changes(count: int, tmp_path: Path, depot: Depot) -> None:
    """Each replica puts one segment there to agree; then all know the floor, forget, and put nothing more."""
    all_ = replicas(tmp_path, count)
    while visit_all(all_, depot):
        pass
    one = all_[0]
    assert one.compact(keep_ms=0).missing
    put = visit_all(all_, depot) + visit_all(all_, depot)
    assert put == count
    assert all(visit_all(all_, depot) == 0 for _ in range(3))
    assert len({floor.read(each.registry).fingerprint for each in all_}) == 1
    for each in all_:
        each.compact(keep_ms=10**12)
        assert clocks(each) == 0 and rows(each) == rows(one)


def test_two_watchers_come_to_rest(tmp_path: Path) -> None:
    """Two that watch a folder agree by themselves within seconds, forget, and leave no more files there than each had to say."""
    (tmp_path / "team").mkdir()
    now = [100.0]
    all_ = replicas(tmp_path, 2)
    watchers = [
        Watcher(
            one,
            {"team": lambda: Folder("dir:team", str(tmp_path / "team"))},
            _with_open,
            now=lambda: now[0],
            chance=random.Random(1),
        )
        for one in all_
    ]

    def go(seconds: float) -> int:
        end = now[0] + seconds
        while now[0] < end:
            now[0] += min(watcher.step() for watcher in watchers)
        return len(list((tmp_path / "team").glob("*/*.crdt")))

    before = go(30)
    all_[0].compact(keep_ms=0)
    after = go(60)
    assert after <= before + 2 and clocks(all_[0]) == 0
    all_[1].compact()
    assert go(30) <= before + 4 and clocks(all_[1]) == 0
    rest = go(30)
    assert go(200) == rest
    for watcher in watchers:
        watcher.close()


def test_what_was_agreed_on_outlives_old_files(tmp_path: Path, depot: Depot) -> None:
    """A segment that says more than the others stays until one says as much, also where its changes stand in others."""
    one, other = replicas(tmp_path, 2)
    at = iter(range(1, 10**9, 5_000))
    while visit_all([one, other], depot, EAGER, at):
        pass
    one.compact(keep_ms=0)
    for _ in range(5):
        visit_all([one], depot, EAGER, at)
    visit_all([other], depot, EAGER, at)
    visit_all([one], depot, EAGER, at)
    assert one.compact(keep_ms=10**12).floor_ms > 0
    for _ in range(9):
        visit_all([one, other], depot, EAGER, at)
    assert len(depot.files) <= 2
    fresh = peers.replica(tmp_path / "9.db", SCHEMA, now=Clock(peers.START_MS + 10**7, step=1_000), site=9)
    visit_all([fresh], depot, EAGER, at)
    assert floor.read(fresh.registry).floor == floor.read(one.registry).floor


def test_who_only_takes_says_nothing(tmp_path: Path, depot: Depot) -> None:
    """A sync that only takes agrees, and the next one that gives says so, though nothing else is new."""
    one, other = replicas(tmp_path, 2)
    while visit_all([one, other], depot):
        pass
    one.compact(keep_ms=0)
    visit_all([one], depot)
    for _ in range(2):
        report = sync_with_store(other, depot, SyncOptions(push=False), rules=LAZY, now=lambda: peers.START_MS)
        assert report.sent == 0
    assert floor.read(other.registry).floor
    assert visit_all([other], depot) == 1
    visit_all([one], depot)
    assert one.compact(keep_ms=10**12).floor_ms > 0
