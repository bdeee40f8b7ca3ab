"""Two replicas that answer each other: over any way that carries a request there and a response back."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from crdtsql import Replica, errors
from crdtsql.transports import cards, messages
from crdtsql.transports.exchange import answer
from crdtsql.transports.interface import Peer, Request, Response
from tests.support import peers

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title, done)"


class Wire(Peer):
    """A peer that is reached through the bytes of messages, as over a network; counts round trips."""

    def __init__(self, replica: Replica, address: str = "wire:other") -> None:
        self.address, self.replica, self.trips = address, replica, 0

    def exchange(self, request: Request) -> Response:
        """Carry the bytes there and back."""
        self.trips += 1
        there = messages.pack_request(request)
        try:
            back = messages.pack_response(answer(self.replica, messages.unpack_request(there)))
        except errors.CrdtsqlError as error:
            back = messages.pack_error(error)
        return messages.unpack_response(back, self.address)


def rows(replica: Replica) -> list[tuple[object, ...]]:
    """Return what a replica shows."""
    return list(replica.connection.execute("SELECT id, title, done FROM task ORDER BY id"))


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Replica, Wire]:
    """Give two replicas, the second behind a wire."""
    one, other = peers.two(tmp_path, SCHEMA, now=peers.Clock(step=1))
    return one, Wire(other)


def test_one_round_trip(pair: tuple[Replica, Wire]) -> None:
    """Peers that have met exchange both ways in one round trip, also where there is nothing new; the first time takes two."""
    one, wire = pair
    one.connection.execute("INSERT INTO task VALUES ('a', 'x', 0)")
    wire.replica.connection.execute("INSERT INTO task VALUES ('b', 'y', 0)")
    trips = []
    for statement in ("SELECT 1", "UPDATE task SET done = 1 WHERE id = 'a'", "SELECT 1"):
        one.connection.execute(statement)
        before = wire.trips
        one.sync(wire)
        trips.append(wire.trips - before)
        assert rows(one) == rows(wire.replica)
    assert trips == [2, 1, 1]
    assert one.status().peers[0].missing_rows == 0


def test_both_sides_log_what_collided(pair: tuple[Replica, Wire]) -> None:
    """Both changesets are made before either is merged, so both sides log a concurrent overwrite."""
    one, wire = pair
    one.connection.execute("INSERT INTO task VALUES ('a', 'x', 0)")
    one.sync(wire)
    one.connection.execute("UPDATE task SET title = 'of one'")
    wire.replica.connection.execute("UPDATE task SET title = 'of other'")
    report = one.sync(wire)
    assert report.here.total.concurrent == 1 and report.there and report.there.total.concurrent == 1
    assert rows(one) == rows(wire.replica)


def test_pull_and_push_alone(pair: tuple[Replica, Wire]) -> None:
    """With `pull` alone nothing goes there, with `push` alone nothing comes."""
    one, wire = pair
    one.connection.execute("INSERT INTO task VALUES ('a', 'x', 0)")
    wire.replica.connection.execute("INSERT INTO task VALUES ('b', 'y', 0)")
    one.sync(wire, push=False)
    assert [len(rows(replica)) for replica in (one, wire.replica)] == [2, 1]
    wire.replica.connection.execute("INSERT INTO task VALUES ('c', 'z', 0)")
    one.sync(wire, pull=False)
    assert [len(rows(replica)) for replica in (one, wire.replica)] == [2, 3]


def test_a_peer_that_was_restored(tmp_path: Path, pair: tuple[Replica, Wire]) -> None:
    """A peer that has less than it had is found out by its answer, and gets all that it lacks in the same sync."""
    one, wire = pair
    empty = wire.replica.connection.serialize("main")
    one.connection.execute("INSERT INTO task VALUES ('a', 'x', 0)")
    one.sync(wire)
    connection = apsw.Connection(":memory:")
    connection.deserialize("main", empty)
    wire.replica = Replica.on(connection, now=peers.Clock(peers.START_MS + 1000, step=1))
    one.connection.execute("INSERT INTO task VALUES ('b', 'y', 0)")
    wire.trips = 0
    one.sync(wire)
    assert wire.trips == 2
    assert rows(one) == rows(wire.replica) and len(rows(one)) == 2


@pytest.mark.parametrize("text", ["", "{}", '{"site": 1}', '{"site": "ab", "vector": [], "lanes": {}}', "[1]"])
def test_a_card_that_is_damaged(pair: tuple[Replica, Wire], text: str) -> None:
    """What is remembered of a peer may be damaged: then it is asked what it has."""
    one, wire = pair
    one.sync(wire)
    cards.place(one, wire.address, "peers").write_text(text)
    one.connection.execute("INSERT INTO task VALUES ('a', 'x', 0)")
    one.sync(wire)
    assert len(rows(wire.replica)) == 1


def test_a_dry_run_changes_nothing(pair: tuple[Replica, Wire]) -> None:
    """A dry run says which rows would change here and which cells would be sent, and changes neither side's rows or vector."""
    one, wire = pair
    one.connection.execute("INSERT INTO task VALUES ('a', 'x', 0), ('b', 'y', 0)")
    one.sync(wire)
    wire.replica.connection.execute(
        "UPDATE task SET done = 1 WHERE id = 'a'; DELETE FROM task WHERE id = 'b'; INSERT INTO task VALUES ('c', 'z', 0)"
    )
    one.connection.execute("INSERT INTO task VALUES ('d', 'w', 0)")
    before = rows(one), rows(wire.replica), one.vector(), wire.replica.vector()
    report = one.sync(wire, dry_run=True)
    assert [(row.key, row.did, row.columns) for row in report.rows] == [
        (("a",), "updated", {"done": 1}),
        (("b",), "deleted", {"title": "y", "done": 0}),
        (("c",), "inserted", {"title": "z", "done": 0}),
    ]
    assert {change.key for change in report.cells} == {"d"}
    assert (rows(one), rows(wire.replica), one.vector(), wire.replica.vector()) == before
    one.sync(wire)
    assert [row[0] for row in rows(one)] == ["a", "c", "d"]


def test_the_same_replica(pair: tuple[Replica, Wire]) -> None:
    """A replica does not sync with itself, over no way."""
    one, _ = pair
    with pytest.raises(errors.CrdtsqlError, match="are the same replica"):
        one.sync(one)
    with pytest.raises(errors.TransportError, match="wire:other answers: .* are the same replica"):
        one.sync(Wire(one))


def test_refusals_arrive_as_what_they_are(tmp_path: Path) -> None:
    """A peer that refuses rows that were filled separately says so as the exception that a command asks about."""
    one, other = peers.two(tmp_path, SCHEMA)
    wire = Wire(other)
    one.connection.execute("INSERT INTO task VALUES ('a', 'x', 0)")
    other.connection.execute("INSERT INTO task VALUES ('a', 'other', 0)")
    with pytest.raises(errors.FilledSeparatelyError) as caught:
        one.sync(wire, refuse_unrelated=True)
    assert caught.value.rows == {"task": 1} and caught.value.wholly


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 502 Bad Gateway",
        messages.ANSWERS + b"\xff\xff\xff\x7f{}",
        messages.ANSWERS + b"\x02\0\0\0{",
        messages.ANSWERS + b"\x02\0\0\0[]",
        messages.ANSWERS + b"\x02\0\0\0{}",
        messages.ANSWERS + b"\x02\0\0\0{[",
        messages.ANSWERS + b'\x29\0\0\0{"site":"zz","vector":{},"lanes":{"a":1}}',
        messages.ANSWERS + b'\x0b\0\0\0{"error":1}',
    ],
)
def test_answers_that_are_none(data: bytes) -> None:
    """What does not answer as crdtsql does is refused in one line."""
    with pytest.raises(errors.TransportError) as caught:
        messages.unpack_response(data, "wire:x")
    assert "\n" not in str(caught.value)


def test_flags_and_reports_of_strangers() -> None:
    """A flag that is no flag and a report that is none are refused, where they are read."""
    head = {"site": "a1" * 16, "vector": {}, "lanes": {}}
    for extra in ({"missing": 1}, {"merged": {"tables": 3}}, {"merged": [1]}):
        with pytest.raises(errors.TransportError):
            messages.unpack_response(messages._pack(messages.ANSWERS, head | extra, b""), "wire:x")
    with pytest.raises(errors.TransportError):
        messages.unpack_request(messages._pack(messages.ASKS, head | {"pull": "yes"}, b""))
