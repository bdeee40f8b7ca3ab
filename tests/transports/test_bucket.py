"""Buckets as stores, on a real S3 server: what may become one, what a visit costs, what is said where something is wrong."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import obstore
import pytest
from click.testing import CliRunner, Result

from crdtsql import Replica, SyncReport, errors, sync
from crdtsql.replica import SyncOptions
from crdtsql.transports.addresses import parse
from crdtsql.transports.interface import Context
from crdtsql.transports.services import bucket, complaints, objects
from crdtsql.transports.services.bucket import Bucket, open_bucket
from crdtsql.transports.stores import segments
from crdtsql.transports.stores.rest import sync_with_store
from crdtsql.ui.cli import cli
from tests.machines.stores.world import RULES
from tests.support import buckets, peers
from tests.support.buckets import BUCKET, Server

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)"
NAME = "a1" * 16 + "/file.crdt"


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    """Run the server."""
    with buckets.running() as found:
        yield found


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    """Give the server, in order."""
    running.asked.clear()
    yield running
    running.chance = running.refused = running.before = None


@pytest.fixture
def team(server: Server, tmp_path: Path) -> str:
    """Give an address under which nothing is."""
    return f"s3://{BUCKET}/{tmp_path.name}/team"


def opened(address: str) -> Bucket:
    """Open an address."""
    return open_bucket(parse(address), Context(1.0))


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


def test_two_replicas_meet_in_a_bucket(tmp_path: Path, team: str) -> None:
    """What one puts into a bucket another one takes from there, and back, each under a prefix of its own."""
    one, other = peers.two(tmp_path, SCHEMA)
    write(one, "a")
    write(other, "b")
    assert one.sync(team).sent == 1
    report = other.sync(team)
    assert (report.sent, report.received) == (1, 1)
    assert one.sync(team).received == 1 and keys(one) == keys(other) == ["a", "b"]
    with opened(team) as store:
        assert {name[:32] for name in store.names()} == {one.site, other.site}
    assert f"store {team}, last seen" in call("status", tmp_path / "1.db").stdout


def test_what_a_visit_costs(tmp_path: Path, team: str, server: Server) -> None:
    """A visit lists once; one with nothing new reads the mark once for each opening, and nothing else. A glance is used by the visit after it."""
    one, other = peers.two(tmp_path, SCHEMA)
    write(one, "a")
    one.sync(team)
    with opened(team) as store:
        other.sync(store)
        other.sync(store)
        server.asked.clear()
        other.sync(store)
        assert [method for method, _ in server.asked] == ["GET"] and "list-type" in server.asked[0][1]
        store.glance()
        write(other, "b")
        assert other.sync(store).sent == 1
        assert [method for method, _ in server.asked] == ["GET", "GET", "PUT"]
        server.asked.clear()
        assert len(store.names()) == len(store.entries()) == 2


def test_many_segments_are_read_at_a_time(tmp_path: Path, team: str) -> None:
    """A newcomer reads many segments ahead, and merges them in order; what goes meanwhile is None in its place."""
    one, other = peers.two(tmp_path, SCHEMA)
    with opened(team) as store:
        for number in range(12):
            write(one, f"k{number:02}")
            one.sync(store)
        assert other.sync(store).received == 12 and keys(other) == keys(one)
        names = list(store.names())
        store.delete(names[3])
        store.delete(names[3])
        found = list(store.get_many([*names, NAME]))
        assert [data is None for data in found] == [number in (3, 12) for number in range(13)]
        assert next(store.get_many(names)) is not None  # and whoever stops early leaves nothing behind


def test_only_an_empty_prefix_becomes_a_store(tmp_path: Path, team: str) -> None:
    """A prefix with other files is refused, and so is a store of another version; an empty one is none until something is put there."""
    one = peers.replica(tmp_path / "1.db", SCHEMA)
    write(one, "a")
    with pytest.raises(errors.TransportError, match="is empty"):
        one.sync(team, push=False)
    with opened(team) as store:
        obstore.put(store._store, "holiday.jpg", b"x")
        with pytest.raises(errors.TransportError, match=r"is no store: .*'holiday.jpg'"):
            one.sync(team)
        obstore.delete(store._store, "holiday.jpg")
        assert one.sync(team).sent == 1
        obstore.put(store._store, "holiday.jpg", b"x")
        assert one.sync(team).sent == 0
        obstore.put(store._store, objects.MARK, b"crdtsql store 2\n")
        with pytest.raises(errors.TransportError, match="of another version"):
            one.sync(team)


def test_what_is_larger_than_any_file_of_ours_is_not_read(team: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too large for a file of ours is not downloaded."""
    with opened(team) as store:
        store.put(NAME, b"1234")
        assert store.get(NAME) == b"1234"
        monkeypatch.setattr(bucket, "PIECE_BYTES", 3)
        assert store.get(NAME) is None


def test_large_segments_go_on_where_they_were_cut_off(
    tmp_path: Path, team: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A segment of several pieces whose upload was cut off goes on with the pieces that are missing."""
    monkeypatch.setattr(segments, "PIECE_BYTES", 1_000)
    one, other = peers.two(tmp_path, SCHEMA)
    one.connection.execute("INSERT INTO task VALUES ('a', hex(randomblob(4000)))")
    puts: list[str] = []
    whole = Bucket.put

    def cut(self: Bucket, name: str, data: bytes) -> None:
        if len(puts) == 3:
            server.refused = "500 Internal Server Error"
        puts.append(name)
        whole(self, name, data)

    monkeypatch.setattr(Bucket, "put", cut)
    with pytest.raises(errors.TransportError, match=r"does not do what it should \(500 .*sync again later"):
        one.sync(team)
    server.refused = None
    begun, count = puts[:3], len(puts)
    assert one.sync(team).sent == 1 and not set(begun) & set(puts[count:])
    assert other.sync(team).received == 1 and keys(other) == ["a"]


def test_remote_add_says_what_a_bucket_can_do(tmp_path: Path, team: str, server: Server) -> None:
    """`remote add` tries the bucket out, says what it found in one line, and leaves nothing there but the mark."""
    peers.replica(tmp_path / "1.db", SCHEMA).close()
    said = call("remote", "add", tmp_path / "1.db", "team", team).stdout
    assert said == (
        f"team: {team}, a new store: lists what was just put, If-None-Match is honoured (not needed), deletes\n"
    )
    with opened(team) as store:
        assert [one["path"] for one in obstore.list(store._store).collect()] == [objects.MARK]
    assert "a store: lists" in call("remote", "add", tmp_path / "1.db", "team", team).stdout


def test_what_is_said_of_weaker_servers(team: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that ignores conditions, lists late, or lets nobody delete is a store all the same, and that is said."""
    with opened(team) as store:
        monkeypatch.setattr(bucket.obstore, "list", lambda *_, **__: iter([]))
        put = obstore.put
        monkeypatch.setattr(bucket.obstore, "put", lambda *given, mode=None, **more: put(*given, **more))

        def refuse(*_: object) -> None:
            raise bucket.BaseError("403 Forbidden")

        monkeypatch.setattr(bucket.obstore, "delete", refuse)
        assert store.probe() == (
            "lists late, so changes arrive late, If-None-Match is ignored (not needed), nothing may be deleted, so it grows"
        )
        monkeypatch.setattr(Bucket, "get", lambda self, name: b"other")
        with pytest.raises(errors.TransportError, match="does not give back what was just put there"):
            store.probe()


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("403 Forbidden", "it is not allowed .*set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of somebody who may"),
        ("301 Moved Permanently", "in another region, or on another server .*set AWS_REGION, or AWS_ENDPOINT_URL"),
        ("503 Slow Down", "does not do what it should .*sync again later"),
    ],
)
def test_what_a_server_refuses(tmp_path: Path, team: str, server: Server, status: str, advice: str) -> None:
    """What the server refuses is told in one line with what to do, and nothing is changed here."""
    one = peers.replica(tmp_path / "1.db", SCHEMA)
    write(one, "a")
    server.refused = status
    with pytest.raises(errors.TransportError, match=advice) as caught:
        one.sync(team)
    assert "\n" not in str(caught.value) and str(caught.value).startswith(team)


def test_what_is_missing(tmp_path: Path, team: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No bucket, no server and no credentials are told apart, each with what to do."""
    one = peers.replica(tmp_path / "1.db", SCHEMA)
    with pytest.raises(errors.TransportError, match=r"there is no such bucket \(404 Not Found NoSuchBucket\): make it"):
        one.sync("s3://nobody-has-it/team")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(errors.TransportError, match="can't be reached .*: check the network and AWS_ENDPOINT_URL"):
        one.sync(team)
    with pytest.raises(errors.TransportError, match="says not who asks .*set AZURE_STORAGE_ACCOUNT_NAME and"):
        one.sync("az://container/team")
    assert "says not who asks" in complaints.explain(
        team, "Error performing PUT http://169.254.169.254/latest/api/token"
    )


@pytest.mark.parametrize("rest", ["", "//", "//x", "//bucket/a?b", "//bucket/../a", "//bucket/é", "bucket/team"])
def test_addresses_that_are_none(rest: str) -> None:
    """What is no bucket with a prefix is refused with what to write."""
    with pytest.raises(errors.UsageError, match="is no address of a bucket: write s3://bucket/prefix"):
        opened(f"s3:{rest}")


def test_credentials_in_an_address() -> None:
    """Credentials stand in the environment: addresses are kept in files and shown."""
    with pytest.raises(errors.UsageError, match="credentials stand in the environment"):
        opened("s3://key:secret@bucket/team")


def test_one_bucket_by_two_addresses(team: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prefix is the same one with slashes at its end, and another one on another server; gs: is read in the same way."""
    assert opened(team).identity == opened(f"{team}//").identity
    before = opened(team).identity
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://other")
    assert opened(team).identity != before
    assert opened("gs://bucket/a/b").identity.startswith("gs://bucket/a/b")


def test_two_that_publish_the_same(tmp_path: Path, team: str) -> None:
    """Two replicas with the same changes that see nothing of each other's both put them, which does no harm; one goes later."""
    one, other = peers.two(tmp_path, SCHEMA)
    write(one, "a")
    sync(one, other)
    with opened(team) as store, opened(team) as early:
        store.begin()
        assert early.exists()
        assert (one.sync(store).sent, early.names(), early.entries()) == (1, [], {})
        early._listing = objects._Listing({})
        assert other.sync(early).sent == 1 and len(store.names()) == 2
        late = peers.replica(tmp_path / "late.db", SCHEMA, site=9)
        assert late.sync(store).received == 1 and keys(late) == ["a"]


@pytest.mark.parametrize("seed", range(3))
def test_a_bucket_that_fails(tmp_path: Path, team: str, server: Server, seed: int) -> None:
    """Servers that answer 409, 500 and 503, list what was there before, cut what they send, and fail after they did it: all become equal."""
    rng, clock = random.Random(seed), peers.Clock(step=1)
    replicas = [peers.replica(tmp_path / f"{number}.db", SCHEMA, site=number, now=clock) for number in range(1, 5)]
    stores = [bucket.Bucket(team, opened(team)._store, team, ahead=1) for _ in replicas]

    def visit(which: int) -> SyncReport:
        return sync_with_store(
            replicas[which], stores[which], SyncOptions(), rules=RULES, now=clock, chance=random.Random(seed)
        )

    visit(0)
    server.chance, failed = random.Random(seed), 0
    for number in range(25):
        which = rng.randrange(4)
        write(replicas[which], f"{number:02}")
        if rng.random() < 0.2:
            sync(replicas[which], replicas[which - 1])
        try:
            visit(which)
        except errors.TransportError:
            failed += 1
    assert failed
    server.chance = None
    for store in stores:
        store._listing = None
    sent = [sum(visit(which).sent for which in range(4)) for _ in range(6)]
    assert sent[-1] == 0, "they do not come to rest"
    assert [keys(replica) for replica in replicas] == [[f"{number:02}" for number in range(25)]] * 4
    late = peers.replica(tmp_path / "late.db", SCHEMA, site=9)
    assert late.sync(team).sent == 0 and keys(late) == keys(replicas[0])
