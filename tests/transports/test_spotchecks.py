"""Two replicas that have the same changes and other rows notice that, whoever told one of them something wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crdtsql import Replica, sync
from crdtsql.base.clock import from_ms as hlc_from_ms
from crdtsql.replica import SyncOptions
from crdtsql.transports.exchange import answer, sync_with_peer
from crdtsql.transports.interface import Request, Response
from crdtsql.transports.messages import pack_request, pack_response, unpack_request, unpack_response
from crdtsql.transports.observing import spotchecks
from tests.support.forge import with_header
from tests.support.peers import START_MS, Clock, replica

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT)"
LATER = spotchecks.EVERY_MS + 1


class Afar:
    """A peer behind messages, as over HTTP or ssh; counts what it is asked."""

    asks_first = False

    def __init__(self, there: Replica) -> None:
        self.there, self.known, self.asked = there, None, 0
        self.address = f"afar:{there.path}"

    def exchange(self, request: Request) -> Response:
        """Answer."""
        self.asked += 1
        found = answer(self.there, unpack_request(pack_request(request)))
        return unpack_response(pack_response(found), self.address)

    def acknowledge(self, site: str, vector: Any) -> None:
        """Do nothing."""


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
    world: tuple[Clock, Replica, Replica, Replica], peer: Afar | None = None
) -> tuple[Clock, Replica, Replica]:
    """Have the liar say to one replica that it has what the other one has just written; then sync these."""
    clock, one, other, liar = world
    other.connection.execute("INSERT INTO task VALUES ('lost', 'x')")
    _lie(liar, other, one, other.vector()[other.site])
    sync(one, other) if peer is None else sync_with_peer(one, peer, SyncOptions())
    assert one.vector() == other.vector()
    assert one.connection.execute("SELECT count(*) FROM task WHERE id = 'lost'").get == 0
    return clock, one, other


def test_a_vector_that_lies_is_noticed_by_both_sides(world: tuple[Clock, Replica, Replica, Replica]) -> None:
    """What one replica ignores because somebody said that it has it is found at the next spot check, and both sides say so."""
    clock, one, other = _held_back(world)
    assert not one.differing()
    clock.ms += LATER
    report = sync(one, other)
    assert report.differing == 1
    assert one.differing()[other.site].rows == other.differing()[one.site].rows == {"task": 1}
    assert (one.differing()[other.site].told, other.differing()[one.site].told) == (False, True)
    assert one.doctor().broken
    assert any(finding.about == "differing" for finding in other.doctor().findings)
    assert any("have the same changes, but not the same rows (task: 1)" in notice for notice in one.notices)
    assert any("as that one says" in notice for notice in other.notices)


def test_a_claim_about_the_future_is_noticed_too(world: tuple[Clock, Replica, Replica, Replica]) -> None:
    """What a replica writes while another one was told that it has all of it up to then is found, and mended."""
    clock, one, other, liar = world
    _lie(liar, other, one, hlc_from_ms(clock.ms + 240_000))
    other.connection.execute("INSERT INTO task VALUES ('lost', 'x')")
    assert other.vector()
    sync(one, other)
    assert one.vector() == other.vector()
    assert one.connection.execute("SELECT count(*) FROM task WHERE id = 'lost'").get == 0
    clock.ms += LATER
    assert sync(one, other).differing == 1
    assert other.differing()
    assert other.verify(one, repair=True).equal
    assert one.connection.execute("SELECT count(*) FROM task WHERE id = 'lost'").get == 1
    assert not other.differing()
    clock.ms += LATER
    sync(one, other)
    assert not one.differing()


def test_verify_with_repair_mends_that(world: tuple[Clock, Replica, Replica, Replica]) -> None:
    """Once it is mended, both have the row, and nothing is said any more; the liar's claim stands in nobody's way."""
    clock, one, other = _held_back(world)
    clock.ms += LATER
    sync(one, other)
    one.verify(other, repair=True)
    for side in (one, other):
        assert side.connection.execute("SELECT count(*) FROM task WHERE id = 'lost'").get == 1
    assert not one.differing()
    clock.ms += LATER
    sync(other, one)
    assert not other.differing()
    assert not other.doctor().broken


def test_a_spot_check_over_messages(world: tuple[Clock, Replica, Replica, Replica]) -> None:
    """Over a transport it is the same, and what is asked for it is asked rarely."""
    clock, one, other = _held_back(world)
    peer = Afar(other)
    for _ in range(3):
        sync_with_peer(one, peer, SyncOptions())
    usual = peer.asked
    sync_with_peer(one, peer, SyncOptions())
    assert peer.asked == usual + 1
    clock.ms += LATER
    sync_with_peer(one, peer, SyncOptions())
    assert one.differing()
    assert other.differing()
    looked = peer.asked
    sync_with_peer(one, peer, SyncOptions())
    assert peer.asked == looked + 1


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
    _held_back(world, peer)
    assert not one.differing()
    clock.ms += LATER
    assert sync_with_peer(one, peer, SyncOptions()).differing == 1
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
    clock, one, other = _held_back(world)
    clock.ms += LATER
    sync(one, other)
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
