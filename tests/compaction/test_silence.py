"""Replicas of which nothing was heard for so long that nobody waits for them any more, if an operator wants that."""

from __future__ import annotations

from pathlib import Path

import pytest

from crdtsql import errors
from crdtsql.base import memory
from tests.support import peers
from tests.support.peers import Clock, exchange, write

SCHEMA = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, v)"
DAY_MS = 24 * 3600 * 1000


class World:
    """Three replicas, of which the third one stays away."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock(step=1_000)
        self.one = peers.replica(folder / "1.db", SCHEMA, now=self.clock, site=1)
        self.other, self.third = self.one.clone(folder / "2.db"), self.one.clone(folder / "3.db")
        for number, replica in enumerate((self.one, self.other, self.third)):
            write(replica, f"INSERT INTO t VALUES ('k{number}', {number})")
        exchange(self.one, self.other, self.third)
        exchange(self.one, self.other, self.third)

    def go(self, days: int, *, sync: bool = True, silent_ms: int | None = None) -> list[str]:
        """Let days pass, on each of which one is compacted, and syncs with the other one, which writes; return who was ended."""
        ended = []
        for _ in range(days):
            self.clock.ms += DAY_MS
            ended += self.one.compact(keep_ms=0, silent_ms=silent_ms).ended
            if sync:
                write(self.other, "UPDATE t SET v = v + 1 WHERE id = 'k1'")
                exchange(self.one, self.other)
        return ended


def test_one_that_is_silent_is_ended(tmp_path: Path) -> None:
    """Nobody is ended unless it was asked for; then who did not agree for so long is, is named, and must rejoin; the others go on."""
    world = World(tmp_path)
    one, third = world.one, world.third
    assert world.go(40) == []
    (member,) = [member for member in one.members() if member.site == third.site]
    assert member.compaction == "awaited" and member.awaited_since_ms is not None
    assert 38 * DAY_MS < world.clock.ms - member.awaited_since_ms < 41 * DAY_MS
    assert one.compact(keep_ms=0, silent_ms=50 * DAY_MS, dry_run=True).ended == []
    assert one.compact(keep_ms=0, silent_ms=30 * DAY_MS, dry_run=True).ended == [third.site]
    assert "ends" not in str(one.registry.get("agreement")), "a dry run ends nobody"
    assert world.go(9, silent_ms=50 * DAY_MS) == []
    one.compact(keep_ms=0)
    assert world.go(5) == [third.site], "what was said once is remembered"
    world.go(5)
    assert third.site not in one.compact(keep_ms=0).missing and third.site not in one.vector()
    write(third, "UPDATE t SET v = 77 WHERE id = 'k2'")
    with pytest.raises(errors.RejoinError):
        exchange(third, one)


def test_who_agrees_is_never_ended(tmp_path: Path) -> None:
    """One that only reads, and syncs now and then, agrees by that; whatever it wrote last."""
    world = World(tmp_path)
    for _ in range(5):
        assert world.go(15, silent_ms=20 * DAY_MS) == []
        exchange(world.other, world.third)
        exchange(world.one, world.other)
    assert world.go(15) == []


def test_who_wrote_is_not_ended_though_it_did_not_agree(tmp_path: Path) -> None:
    """A changeset of a version that knows of no rounds says at least that somebody is there."""
    world = World(tmp_path)
    world.go(19, silent_ms=20 * DAY_MS)
    write(world.third, "UPDATE t SET v = 78 WHERE id = 'k2'")
    world.third.fold()
    ordinal = {site: number for number, site, _ in world.one.registry.sites()}[bytes.fromhex(world.third.site)]
    heard = world.third.known()[bytes.fromhex(world.third.site)]
    world.one.connection.execute("UPDATE _crdt_site SET upto = ? WHERE ordinal = ?", (heard, ordinal))
    memory.forget(world.one.connection)
    assert world.go(10, sync=False) == []


def test_one_that_is_cut_off_ends_nobody(tmp_path: Path) -> None:
    """Where nothing was heard of half of all it may be this one that lost its network; a person says `forget`."""
    world = World(tmp_path)
    world.go(1)
    assert world.go(60, sync=False, silent_ms=20 * DAY_MS) == []
    world.one.forget(world.third.site)
    assert world.go(60, sync=False) == [], "of two, half is one"


def test_time_in_which_a_file_was_not_looked_at_does_not_count(tmp_path: Path) -> None:
    """A replica that was off for a year ends nobody when it is on again."""
    world = World(tmp_path)
    world.go(3, silent_ms=20 * DAY_MS)
    world.clock.ms += 365 * DAY_MS
    assert world.go(5) == []
    assert world.go(20) == [world.third.site]


def test_it_is_done_by_itself(tmp_path: Path) -> None:
    """Whoever compacts a little at a time heeds it too; a negative time is none, and 0 ends it."""
    world = World(tmp_path)
    world.go(2, silent_ms=20 * DAY_MS)
    for _ in range(40):
        world.clock.ms += DAY_MS
        while world.one.compact_some():
            pass
        exchange(world.one, world.other)
    assert [one.site for one in world.one.members() if one.compaction == "ended"] == [world.third.site] or (
        world.third.site not in world.one.vector()
    )
    with pytest.raises(errors.UsageError, match="negative"):
        world.one.compact(silent_ms=-1)
    world.one.compact(silent_ms=0)
    assert world.one.registry.get("compact_silent_ms") is None


def test_members_say_who_would_be_ended(tmp_path: Path) -> None:
    """Before the next compaction it is said which ones it ends."""
    world = World(tmp_path)
    world.go(20, silent_ms=20 * DAY_MS)
    world.clock.ms += 2 * DAY_MS
    standing = {one.site: one.compaction for one in world.one.members()}
    assert standing[world.third.site] == "silent"
    assert world.one.compact(keep_ms=0).ended == [world.third.site]
