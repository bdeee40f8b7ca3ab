"""Streams as stores, on a real NATS server: what is a store, what is told, and what is said where something is wrong."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from nats.js.api import DiscardPolicy, StreamConfig

from crdtsql import Replica, SyncReport, errors, sync
from crdtsql.replica import SyncOptions
from crdtsql.transports.addresses import parse
from crdtsql.transports.interface import Context
from crdtsql.transports.services import broker, listing, stream
from crdtsql.transports.services.stream import Stream, open_stream
from crdtsql.transports.stores.rest import sync_with_store
from crdtsql.transports.syncing import _with_open
from crdtsql.transports.watch.watching import Watcher
from crdtsql.ui.cli import cli
from tests.machines.stores.world import RULES
from tests.support import peers
from tests.support.brokers import Server

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)"
NAME = "a1" * 16 + "/file.crdt"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server."""
    found = Server(tmp_path_factory.mktemp("nats"))
    yield found
    found.kill()


@pytest.fixture
def team(server: Server, request: pytest.FixtureRequest) -> str:
    """Give the address of a stream that is not there yet."""
    return server.address("".join(letter if letter.isalnum() else "-" for letter in request.node.name)[-60:])


def opened(address: str) -> Stream:
    """Open an address."""
    return open_stream(parse(address), Context(1.0))


def call(*words: object) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(cli, [str(word) for word in words])


def keys(replica: Replica) -> list[str]:
    """Return the keys of the rows that are shown."""
    return [key for (key,) in replica.connection.execute("SELECT id FROM task ORDER BY id")]


def write(replica: Replica, *keys: str) -> None:
    """Insert rows."""
    for key in keys:
        replica.connection.execute("INSERT INTO task VALUES (?, 'x')", (key,))


def publish(store: Stream, subject: str, data: bytes) -> None:
    """Publish as another program does."""
    store._connected().ask(lambda: store._connected().jetstream.publish(subject, data))


def test_two_replicas_meet_in_a_stream(tmp_path: Path, team: str) -> None:
    """What one puts into a stream another one takes from there, and back; the stream is made by the first that puts something there."""
    one, other = peers.two(tmp_path, SCHEMA)
    write(one, "a")
    write(other, "b")
    with pytest.raises(errors.TransportError, match="is empty"):
        one.sync(team, push=False)
    assert one.sync(team).sent == 1
    report = other.sync(team)
    assert (report.sent, report.received) == (1, 1)
    assert one.sync(team).received == 1 and keys(one) == keys(other) == ["a", "b"]
    assert (one.sync(team).received, other.sync(team).sent) == (0, 0)
    assert f"store {team}, last seen" in call("status", tmp_path / "1.db").stdout


def test_names_and_what_is_under_them(team: str) -> None:
    """A stream keeps one message for each name; one that is put again replaces it, and one that is not there is None to read, and nothing to delete."""
    with opened(team) as store, opened(team) as other:
        assert not store.exists()
        store.begin()
        assert store.exists() and other.exists()
        store.put(NAME, b"data")
        assert (list(other.names()), other.get(NAME), other.entries()[NAME].size) == ([NAME], b"data", 4)
        before = other.entries()[NAME].mark
        store.put(NAME, memoryview(b"again"))
        assert other.get(NAME) == b"again" and other.entries()[NAME].mark != before
        assert list(other.get_many([NAME, "b2" * 16 + "/no.crdt", NAME])) == [b"again", None, b"again"]
        store.delete(NAME)
        store.delete(NAME)
        assert (other.get(NAME), list(store.names())) == (None, [])


def test_what_others_deleted_is_noticed_by_counting(team: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is told that a message was deleted; the listing begins anew when the number of messages is another one."""
    with opened(team) as store, opened(team) as other:
        store.begin()
        store.put(NAME, b"data")
        assert other.exists() and list(other.names()) == [NAME]
        store.delete(NAME)
        assert list(other.names()) == [NAME]
        monkeypatch.setattr(stream, "COUNT_S", 0.0)
        assert list(other.names()) == []
        store.put(NAME, b"data")
        assert list(other.names()) == [NAME]


def test_what_came_last_and_was_deleted_is_not_waited_for(team: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last number of a stream may be that of a message that was deleted before it was told."""

    async def nothing(_: listing.Listing) -> None:
        return

    with opened(team) as store, opened(team) as other:
        store.begin()
        monkeypatch.setattr(listing.Listing, "_ask", nothing)
        assert other.exists()
        store.put(NAME, b"data")
        store.delete(NAME)
        assert list(other.names()) == []


def test_what_was_put_is_listed_at_once(team: str) -> None:
    """What was put before somebody asks is in the answer: the server says that it is stored before it tells those who listen."""
    with opened(team) as store, opened(team) as other:
        store.begin()
        assert other.exists()
        for number in range(300):
            store.put(f"{number:032x}/file.crdt", b"data")
            assert len(other.names()) == number + 1


def test_news_are_told_without_asking(team: str) -> None:
    """Who listens is woken by what others put there, and not by what it put there itself; then a glance is another one."""
    with opened(team) as store, opened(team) as other:
        store.begin()
        assert other.exists()
        woken = threading.Event()
        other.listen(woken.set)
        before = other.glance()
        other.put(NAME, b"own")
        other.names()
        assert other.glance() == before and not woken.is_set()
        store.put("b2" * 16 + "/file.crdt", b"data")
        assert woken.wait(30) and other.glance() != before


def test_requests_are_made_again(team: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that has run out, or is used up, is followed by the next one, so that nothing stays untold."""
    monkeypatch.setattr(listing, "BATCH", 3)
    monkeypatch.setattr(listing, "ASK_S", 0.02)
    monkeypatch.setattr(listing, "HEARTBEAT_S", 0.005)
    with opened(team) as store, opened(team) as other:
        store.begin()
        names = sorted(f"{number:032x}/file.crdt" for number in range(10))
        for name in names[:5]:
            store.put(name, b"data")
        assert other.exists() and sorted(other.names()) == names[:5]
        asked = threading.Event()
        ask = listing.Listing._ask

        async def noted(self: listing.Listing) -> None:
            await ask(self)
            asked.set()

        monkeypatch.setattr(listing.Listing, "_ask", noted)
        assert asked.wait(30)
        for name in names[5:]:
            store.put(name, b"data")
        assert sorted(other.names()) == names


def test_silence_is_an_error(team: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that says nothing for long, not even that it is there, is taken for one that is gone."""
    with opened(team) as store:
        store.begin()
        monkeypatch.setattr(listing, "SILENT_S", -1.0)
        with pytest.raises(errors.TransportError, match="nothing was heard of the stream for long.*sync again"):
            store.glance()


def test_messages_of_others(tmp_path: Path, team: str) -> None:
    """Messages that are none of crdtsql's are told of once, and left alone."""
    one, other = peers.two(tmp_path, SCHEMA)
    write(one, "a")
    with opened(team) as store:
        one.sync(store)
        publish(store, f"{store._prefix}hello", b"who is there?")
        publish(store, f"{store._prefix}{'a' * 32}.UPPER", b"who is there?")
        report = other.sync(store)
        assert report.received == 1 and keys(other) == ["a"]
        (said,) = report.skipped
        assert "2 messages that are none of crdtsql's, such as one of the subject 'crdtsql." in said
        write(other, "b")
        assert other.sync(store).skipped == []


def test_streams_that_are_no_stores(tmp_path: Path, server: Server, team: str) -> None:
    """A stream of that name that somebody else made is refused, and so is one whose subjects belong to another stream."""
    one = peers.replica(tmp_path / "1.db", SCHEMA)
    write(one, "a")
    with opened(team) as store:
        made = StreamConfig(name=store._stream, subjects=[f"{store._prefix}>"], description="holiday")
        store._connected().ask(lambda: store._connected().jetstream.add_stream(made))
        with pytest.raises(errors.TransportError, match="is no store of this version .*'crdtsql store 1'"):
            one.sync(team)
    with opened(server.address("taken")) as store:
        made = StreamConfig(name="elsewhere", subjects=["crdtsql.taken.>"])
        store._connected().ask(lambda: store._connected().jetstream.add_stream(made))
        with pytest.raises(errors.TransportError, match="another stream has these subjects already .*use another name"):
            one.sync(server.address("taken"))


def test_large_segments_are_put_in_pieces(tmp_path: Path, team: str) -> None:
    """What is larger than a message may be goes in several, and is one merge at the receiver."""
    one, other = peers.two(tmp_path, SCHEMA)
    one.connection.execute("INSERT INTO task VALUES ('a', hex(randomblob(2200000)))")
    with opened(team) as store:
        assert one.sync(store).sent == 1
        assert len(store.names()) == 3
        assert other.sync(store).received == 1 and keys(other) == ["a"]


def test_remote_add_says_what_it_found(tmp_path: Path, team: str) -> None:
    """`remote add` makes the stream, and says of which server."""
    peers.replica(tmp_path / "1.db", SCHEMA).close()
    said = call("remote", "add", tmp_path / "1.db", "team", team).stdout
    assert said.startswith(f"team: {team}, a new store: a stream of nats-server 2.")
    assert "a store: a stream" in call("remote", "add", tmp_path / "1.db", "team", team).stdout


@pytest.mark.parametrize(
    "rest", ["", "//", "//host", "//host/", "//host/a/b", "//host:99999/a", "//host/a b", "//-x/a", "host/a"]
)
def test_addresses_that_are_none(rest: str) -> None:
    """What is no host with a name is refused with what to write."""
    with pytest.raises(errors.UsageError, match="is no address of a stream: write nats://host/team"):
        opened(f"nats:{rest}")


def test_who_asks_stands_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address with a password is refused; the environment has it, and what is wrong with it is said."""
    with pytest.raises(errors.UsageError, match="stands in the environment"):
        opened("nats://ada:secret@host/team")
    rights = 'permissions: { publish: ["$JS.API.>", "crdtsql.>", "_INBOX.>"] }'
    users = (
        f'{{ user: ada, password: secret, {rights} }}, {{ user: bob, password: x, permissions: {{ publish: ["y"] }} }}'
    )
    found = Server(tmp_path / "nats", f"authorization {{ users: [ {users} ] }}")
    try:
        one = peers.replica(tmp_path / "1.db", SCHEMA)
        write(one, "a")
        with pytest.raises(errors.TransportError, match="lets nobody in like that .*set NATS_USER"):
            one.sync(found.address("team"))
        monkeypatch.setenv("NATS_USER", "bob")
        monkeypatch.setenv("NATS_PASSWORD", "x")
        with pytest.raises(errors.TransportError, match="is not allowed .*use an account that may"):
            one.sync(found.address("team"))
        monkeypatch.setenv("NATS_USER", "ada")
        monkeypatch.setenv("NATS_PASSWORD", "secret")
        assert one.sync(found.address("team")).sent == 1
    finally:
        found.kill()


def test_what_is_missing(tmp_path: Path) -> None:
    """No server and no JetStream are told apart, each with what to do."""
    one = peers.replica(tmp_path / "1.db", SCHEMA)
    with pytest.raises(errors.TransportError, match="can't be reached .*is nats-server running there"):
        one.sync("nats://127.0.0.1:1/team")
    found = Server(tmp_path / "nats", jetstream="# none")
    try:
        with pytest.raises(errors.TransportError, match="JetStream is not there, or not yet: start the server with it"):
            one.sync(found.address("team"))
    finally:
        found.kill()


def test_a_full_stream(tmp_path: Path, team: str) -> None:
    """A stream that somebody gave a limit says that it is full, and keeps what it has; nothing is lost here."""
    one = peers.replica(tmp_path / "1.db", SCHEMA)
    one.connection.execute("INSERT INTO task VALUES ('a', hex(randomblob(3000)))")
    with opened(team) as store:
        limited = StreamConfig(
            name=store._stream,
            description=stream.MARK,
            subjects=[f"{store._prefix}>"],
            max_bytes=1_000,
            discard=DiscardPolicy.NEW,
        )
        store._connected().ask(lambda: store._connected().jetstream.add_stream(limited))
        with pytest.raises(errors.TransportError, match="there is no room .*then sync again"):
            one.sync(store)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ImportError("No module named 'nkeys'"), "pip install nkeys"),
        (broker.ssl.SSLError(1, "self-signed certificate"), "set NATS_CA"),
        (TimeoutError(), "does not answer as it should .TimeoutError.: sync again"),
    ],
)
def test_other_troubles(error: Exception, said: str) -> None:
    """Each kind of trouble is told in one line with what to do."""
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(broker.explain(error))


def lose_something(rng: random.Random, address: str) -> None:
    """Delete a message, as if the server had lost it."""
    with opened(address) as store:
        if store.exists() and store.names():
            store.delete(rng.choice(sorted(store.names())))


def test_watching_goes_on_after_a_restart(tmp_path: Path) -> None:
    """A watcher whose server is killed says so, connects again when it is back, and has missed nothing."""
    found, now = Server(tmp_path / "nats"), [100.0]
    one, other = peers.two(tmp_path, SCHEMA, now=peers.Clock(step=1))
    told: list[object] = []
    watcher = Watcher(
        one,
        {"team": lambda: opened(found.address("team"))},
        _with_open,
        told=lambda name, what: told.append(what),
        now=lambda: now[0],
        chance=random.Random(1),
    )

    def go(seconds: float) -> None:
        end = now[0] + seconds
        while now[0] < end:
            now[0] += max(watcher.step(), 0.05)

    try:
        write(one, "a")
        go(1)
        other.sync(found.address("team"))
        found.kill()
        write(one, "b")
        go(20)
        assert isinstance(told[-1], errors.TransportError)
        found.start()
        write(other, "c")
        other.sync(found.address("team"))
        go(60)
        assert keys(one) == ["a", "b", "c"]
        other.sync(found.address("team"))
        assert keys(other) == ["a", "b", "c"]
    finally:
        watcher.close()
        found.kill()


@pytest.mark.parametrize("seed", range(3))
def test_a_server_that_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """A server is killed between any two requests, and may have lost what it acknowledged: who syncs again brings all of it, and all are equal."""
    rng, clock = random.Random(seed), peers.Clock(step=1)
    found = Server(tmp_path / "nats")
    replicas = [peers.replica(tmp_path / f"{number}.db", SCHEMA, site=number, now=clock) for number in range(1, 5)]
    stores = [opened(found.address("team")) for _ in replicas]
    ask, ends = broker.Broker.ask, []

    def end_in_between(self: broker.Broker, *given: Any) -> Any:
        """Kill the server once it was asked often enough."""
        if ends:
            ends[:] = [left - 1 for left in ends if left > 0]
            if not ends:
                found.kill()
        return ask(self, *given)

    monkeypatch.setattr(broker.Broker, "ask", end_in_between)

    def visit(which: int) -> SyncReport:
        return sync_with_store(
            replicas[which], stores[which], SyncOptions(), rules=RULES, now=clock, chance=random.Random(seed)
        )

    try:
        visit(0)
        failed = 0
        for number in range(40):
            which = rng.randrange(4)
            write(replicas[which], f"{number:02}")
            if rng.random() < 0.2:
                sync(replicas[which], replicas[which - 1])
            if rng.random() < 0.2:
                ends.append(rng.randrange(9))
            try:
                visit(which)
            except errors.TransportError:
                failed += 1
                stores[which].close()
                if not found.runs and rng.random() < 0.5:
                    found.start()
                    if rng.random() < 0.5:
                        lose_something(rng, found.address("team"))
        ends.clear()
        found.kill()
        found.start()
        for store in stores:
            store.close()
        sent = [sum(visit(which).sent for which in range(4)) for _ in range(8)]
        assert failed and sent[-1] == 0, "they do not come to rest"
        assert [keys(replica) for replica in replicas] == [[f"{number:02}" for number in range(40)]] * 4
        late = peers.replica(tmp_path / "late.db", SCHEMA, site=9)
        assert late.sync(found.address("team")).sent == 0 and keys(late) == keys(replicas[0])
    finally:
        for store in stores:
            store.close()
        found.kill()
