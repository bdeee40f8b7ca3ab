"""Two replicas that have the same changes and other rows notice that, whoever told one of them something wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crdtsql import Replica, sync
from crdtsql.base import TransportError
from crdtsql.base.clock import from_ms as hlc_from_ms
from crdtsql.replica import SyncOptions, SyncReport
from crdtsql.transports.exchange import answer, sync_with_peer
from crdtsql.transports.interface import Request, Response
from crdtsql.transports.messages import pack_request, pack_response, unpack_request, unpack_response
from crdtsql.transports.observing import spotchecks
from tests.support.forge import with_header
from tests.support.peers import START_MS, Clock, replica

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT)"
LATER = spotchecks.EVERY_MS + 1


class Afar:
    """A peer behind messages, as over HTTP or ssh; counts what it is asked.

    Args:
        silent: it does not say that some of what it was sent was there already, as earlier versions.
    """

    asks_first = False

    def __init__(self, there: Replica, *, silent: bool = False) -> None:
        self.there, self.known, self.asked, self.silent = there, None, 0, silent
        self.address = f"afar:{there.path}"

    def exchange(self, request: Request) -> Response:
        """Answer."""
        self.asked += 1
        found = answer(self.there, unpack_request(pack_request(request)))
        if self.silent and found.merged is not None:
            found.merged.repeated = False
        return unpack_response(pack_response(found), self.address)

    def acknowledge(self, site: str, vector: Any) -> None:
        """Do nothing."""


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a spot check for which there is reason not wait for longer than the one before took, however slow the machine is."""
    monkeypatch.setattr(spotchecks, "SHORT_MS", 60_000)


@pytest.fixture
def world(tmp_path: Path) -> tuple[Clock, Replica, Replica, Replica]:
    """Give a clock, and three replicas that know each other: two honest ones and a liar."""
    clock = Clock(START_MS)
    made = [replica(tmp_path / f"{n}.db", SCHEMA, site=n, now=clock) for n in (1, 2, 3)]
    for number, one in enumerate(made):
        one.connection.execute("INSERT INTO task VALUES (?, 'x')", (f"of {number}",))
    for _ in range(2):
        for one in made[1:]:
            sync(made[0], one)
    clock.ms += LATER
    sync(made[0], made[1])
    return clock, *made


def _lie(liar: Replica, about: Replica, to: Replica, hlc: int) -> None:
    """Let a replica hear that all events of another one up to an hlc are in what it gets."""

    def claim(header: dict[str, Any]) -> None:
        for site in header["sites"]:
            if site["id"] == about.site:
                site["upto"] = hlc

    liar.connection.execute("INSERT INTO task VALUES ('bait', 'x')")
    to.merge(with_header(liar.export(to.vector()), claim))


def _held_back(
    world: tuple[Clock, Replica, Replica, Replica], peer: Afar | None = None, options: SyncOptions | None = None
) -> tuple[SyncReport, Replica, Replica]:
    """Have the liar say to one replica that it has what the other one has just written; then sync these."""
    _, one, other, liar = world
    other.connection.execute("INSERT INTO task VALUES ('lost', 'x')")
    _lie(liar, other, one, other.vector()[other.site])
    report = sync(one, other) if peer is None else sync_with_peer(one, peer, options or SyncOptions())
    assert one.connection.execute("SELECT count(*) FROM task WHERE id = 'lost'").get == 0
    return report, one, other


def _noted(report: SyncReport, one: Replica, other: Replica) -> None:
    """Check that a difference was found, and that both sides say so."""
    assert one.vector() == other.vector()
    assert report.differing == 1
    assert one.differing()[other.site].rows == other.differing()[one.site].rows == {"task": 1}
    assert (one.differing()[other.site].told, other.differing()[one.site].told) == (False, True)


@pytest.mark.parametrize("begins", ["who was told", "who wrote"])
def test_a_vector_that_lies_is_noticed_by_both_sides(
    world: tuple[Clock, Replica, Replica, Replica], begins: str
) -> None:
    """What one replica ignores because somebody said that it has it is found in the first sync with who wrote it, and both say so."""
    _, first, second, liar = world
    if begins == "who wrote":
        second.connection.execute("INSERT INTO task VALUES ('lost', 'x')")
        _lie(liar, second, first, second.vector()[second.site])
        report, one, other = sync(second, first), second, first
    else:
        report, one, other = _held_back(world)
    _noted(report, one, other)
    assert one.doctor().broken
    assert any(finding.about == "differing" for finding in other.doctor().findings)
    assert any("have the same changes, but not the same rows (task: 1)" in notice for notice in one.notices)
    assert any("as that one says" in notice for notice in other.notices)


def test_a_lie_is_noticed_where_nothing_is_exchanged(world: tuple[Clock, Replica, Replica, Replica]) -> None:
    """Two that have equal vectors before they sync, and did not get them from each other, look too."""
    _, one, other, liar = world
    other.connection.execute("INSERT INTO task VALUES ('lost', 'x')")
    _lie(liar, other, one, other.vector()[other.site])
    other.merge(liar.export(other.vector()))
    assert one.vector() == other.vector()
    report = sync(one, other)
    assert report.sent == report.received == 0
    _noted(report, one, other)


def test_a_claim_about_the_future_is_noticed_too(world: tuple[Clock, Replica, Replica, Replica]) -> None:
    """What a replica writes while another one was told that it has all of it up to then is found, and mended."""
    clock, one, other, liar = world
    _lie(liar, other, one, hlc_from_ms(clock.ms + 240_000))
    other.connection.execute("INSERT INTO task VALUES ('lost', 'x')")
    assert other.vector()
    assert sync(one, other).differing == 1
    assert one.vector() == other.vector()
    assert one.connection.execute("SELECT count(*) FROM task WHERE id = 'lost'").get == 0
    assert other.differing()
    assert other.verify(one, repair=True).equal
    assert one.connection.execute("SELECT count(*) FROM task WHERE id = 'lost'").get == 1
    assert not other.differing()
    clock.ms += LATER
    sync(one, other)
    assert not one.differing()


def test_a_lie_about_a_third_one_is_noticed_between_two_others(
    world: tuple[Clock, Replica, Replica, Replica], tmp_path: Path
) -> None:
    """Who was told to have what a third one wrote is found out by anybody who really has it."""
    clock, one, other, liar = world
    with one.clone(tmp_path / "third.db") as third:
        third.connection.execute("INSERT INTO task VALUES ('before', 'x')")
        for _ in range(2):
            sync(third, other), sync(third, one), sync(one, liar)
        third.connection.execute("INSERT INTO task VALUES ('lost', 'x')")
        sync(third, other)
        _lie(liar, third, one, third.vector()[third.site])
    _noted(sync(one, other), one, other)


def test_clones_that_meet_for_the_first_time(tmp_path: Path) -> None:
    """That two have the same changes when they first meet is no proof that these are there."""
    clock = Clock(START_MS)
    with replica(tmp_path / "1.db", SCHEMA, site=1, now=clock) as one:
        one.connection.execute("INSERT INTO task VALUES ('of 1', 'x')")
        with one.clone(tmp_path / "2.db") as other, one.clone(tmp_path / "3.db") as liar:
            other.connection.execute("INSERT INTO task VALUES ('early', 'x')")
            sync(other, liar)
            other.connection.execute("INSERT INTO task VALUES ('lost', 'x')")
            _lie(liar, other, one, other.vector()[other.site])
            assert one.connection.execute("SELECT count(*) FROM task WHERE id = 'lost'").get == 0
            _noted(sync(one, other), one, other)


def test_verify_with_repair_mends_that(world: tuple[Clock, Replica, Replica, Replica]) -> None:
    """Once it is mended, both have the row, and nothing is said any more; the liar's claim stands in nobody's way."""
    _, one, other = _held_back(world)
    one.verify(other, repair=True)
    for side in (one, other):
        assert side.connection.execute("SELECT count(*) FROM task WHERE id = 'lost'").get == 1
    assert not one.differing()
    world[0].ms += LATER
    sync(other, one)
    assert not other.differing()
    assert not other.doctor().broken


def test_what_was_mended_in_between_is_said_no_more(world: tuple[Clock, Replica, Replica, Replica]) -> None:
    """A difference that a later write has mended is gone for both with the sync that brings it."""
    _, one, other = _held_back(world)
    other.connection.execute("UPDATE task SET title = 'again' WHERE id = 'lost'")
    assert sync(one, other).differing == 0
    assert one.connection.execute("SELECT title FROM task WHERE id = 'lost'").get == "again"
    assert not one.differing() and not other.differing()


@pytest.mark.parametrize("begins", ["who was told", "who wrote"])
def test_a_spot_check_over_messages(world: tuple[Clock, Replica, Replica, Replica], begins: str) -> None:
    """Over a transport it is the same, and without reason nothing is asked for it."""
    _, one, other, liar = world
    if begins == "who wrote":
        one, other = other, one
    peer = Afar(other)
    for _ in range(3):
        sync_with_peer(one, peer, SyncOptions())
    usual = peer.asked
    sync_with_peer(one, peer, SyncOptions())
    assert peer.asked == usual + 1
    told, writes = (one, other) if begins == "who was told" else (other, one)
    writes.connection.execute("INSERT INTO task VALUES ('lost', 'x')")
    _lie(liar, writes, told, writes.vector()[writes.site])
    _noted(sync_with_peer(one, peer, SyncOptions()), one, other)
    looked = peer.asked
    sync_with_peer(one, peer, SyncOptions())
    assert peer.asked == looked + 1


def test_who_says_nothing_of_that_is_looked_at_now_and_then(world: tuple[Clock, Replica, Replica, Replica]) -> None:
    """Where there is no reason to be seen, as with an earlier version, the next spot check finds it all the same."""
    clock, one, other, liar = world
    peer = Afar(other, silent=True)
    sync_with_peer(one, peer, SyncOptions())
    clock.ms += LATER
    sync_with_peer(one, peer, SyncOptions())
    report, one, other = _held_back(world, peer)
    assert report.differing == 0
    assert not one.differing()
    clock.ms += LATER
    _noted(sync_with_peer(one, peer, SyncOptions()), one, other)


def test_a_reason_counts_until_there_was_a_spot_check(world: tuple[Clock, Replica, Replica, Replica]) -> None:
    """A sync in one direction can't look; the next one in both does, be it that of another process."""
    _, one, other, _ = world
    peer = Afar(other)
    sync_with_peer(one, peer, SyncOptions())
    report, one, other = _held_back(world, peer, SyncOptions(pull=False))
    assert report.differing == 0
    spotchecks._NEXT.clear()
    _noted(sync_with_peer(one, peer, SyncOptions()), one, other)


def test_a_slow_one_is_not_made_again_at_once(
    world: tuple[Clock, Replica, Replica, Replica], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all reason a spot check waits for some times as long as the last one took."""
    clock, one, other, liar = world
    monkeypatch.setattr(spotchecks, "SHORT_MS", -1)
    monkeypatch.setattr(spotchecks, "SHARE_WITH_REASON", 0)
    passed = iter(range(0, 10_000, 5))
    monkeypatch.setattr("time.monotonic", lambda: float(next(passed)))
    clock.ms += LATER
    assert sync(one, other).differing == 0
    monkeypatch.setattr(spotchecks, "SHARE_WITH_REASON", 20)
    clock.ms += LATER
    assert sync(one, other).differing == 0
    report, one, other = _held_back(world)
    assert report.differing == 0
    clock.ms += 20 * 5_000 - 1
    assert sync(one, other).differing == 0
    spotchecks._NEXT.clear()
    clock.ms += 1
    _noted(sync(one, other), one, other)


class Silent(Afar):
    """A peer that answers no questions about its content, while `mute`."""

    mute = True

    def exchange(self, request: Request) -> Response:
        """Answer anything else."""
        found = super().exchange(request)
        if self.mute and request.question is not None:
            raise TransportError("no")
        return found


def test_a_spot_check_that_fails_forgets_nothing(
    world: tuple[Clock, Replica, Replica, Replica], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the files are too large to read, the next one compares what was written since the last one that was answered."""
    monkeypatch.setattr(spotchecks, "WHOLE_BYTES", 0)
    clock, one, other, _ = world
    peer = Silent(other)
    peer.mute = False
    for _ in range(2):
        clock.ms += LATER
        sync_with_peer(one, peer, SyncOptions())
    peer.mute = True
    assert _held_back(world, peer)[0].differing == 0
    peer.mute = False
    clock.ms += LATER
    _noted(sync_with_peer(one, peer, SyncOptions()), one, other)


def test_who_answers_no_questions_is_not_asked_in_each_sync(world: tuple[Clock, Replica, Replica, Replica]) -> None:
    """Where a spot check can't be made there is none before the time at which one is made without reason."""
    clock, one, other, liar = world
    peer = Silent(other)
    for _ in range(2):
        sync_with_peer(one, peer, SyncOptions())
    before = peer.asked
    _held_back(world, peer)
    assert peer.asked >= before + 2
    for _ in range(3):
        before = peer.asked
        other.connection.execute("UPDATE task SET title = title || '!' WHERE id = 'of 1'")
        sync(other, liar), sync(liar, one)
        sync_with_peer(one, peer, SyncOptions())
        assert peer.asked == before + 1
    clock.ms += LATER
    before = peer.asked
    sync_with_peer(one, peer, SyncOptions())
    assert peer.asked == before + 2


def test_large_files_are_looked_at_since_the_last_spot_check(
    world: tuple[Clock, Replica, Replica, Replica], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a file that is too large to read it is noted where both stand, and what is written from then on is compared."""
    monkeypatch.setattr(spotchecks, "WHOLE_BYTES", 0)
    clock, one, other, _ = world
    peer = Afar(other)
    sync_with_peer(one, peer, SyncOptions())
    clock.ms += LATER
    sync_with_peer(one, peer, SyncOptions())
    report, one, other = _held_back(world, peer)
    _noted(report, one, other)
    one.verify(other, repair=True)
    clock.ms += LATER
    assert sync_with_peer(one, peer, SyncOptions()).differing == 0


def test_equal_replicas_are_not_disturbed(world: tuple[Clock, Replica, Replica, Replica]) -> None:
    """A spot check of equal replicas notes nothing, and writes to neither file."""
    clock, one, other, _ = world
    before = [
        side.connection.execute("SELECT value FROM _crdt_meta WHERE name = 'generation'").get for side in (one, other)
    ]
    for _ in range(3):
        clock.ms += LATER
        assert sync(one, other).differing == 0
    assert not one.differing()
    assert before == [
        side.connection.execute("SELECT value FROM _crdt_meta WHERE name = 'generation'").get for side in (one, other)
    ]


def test_what_was_found_here_stands_against_what_the_other_one_says(
    world: tuple[Clock, Replica, Replica, Replica],
) -> None:
    """Who is found to differ can't have that forgotten here by saying that all is well."""
    _, one, other = _held_back(world)
    answer(one, Request(other.site, {}, pull=False, question={"differing": {}}))
    assert one.differing()[other.site].rows == {"task": 1}


@pytest.mark.parametrize(
    "told", [{"task": "many"}, {"nothing": 3}, {"task": -1}, [], None, {f"t{n}": 1 for n in range(500)}]
)
def test_what_a_stranger_tells_is_distrusted(world: tuple[Clock, Replica, Replica, Replica], told: Any) -> None:
    """A difference is noted only of a known site, in tables that are here, with a number of rows."""
    _, one, other, _ = world
    answer(one, Request(other.site, {}, pull=False, question={"differing": told}))
    answer(one, Request("77" * 16, {}, pull=False, question={"differing": {"task": 1}}))
    assert not one.differing()
