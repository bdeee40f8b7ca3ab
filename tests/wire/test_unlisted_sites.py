"""Sites that a changeset does not list: whoever knows them by their digest, and whoever reads the list, gets the same; lies are refused."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import zstandard

from crdtsql import Replica, sync
from crdtsql.base import PackedVector, Rest, by_id
from crdtsql.base.errors import CrdtsqlError, InvalidChangesetError, MissingChangesError
from crdtsql.export import listing
from crdtsql.store import sites
from crdtsql.wire import Header, header_bytes
from crdtsql.wire.envelope import MAGIC, PREFIX, REST, ROWS, Changeset, _digest, _list, unpack
from tests.support import state
from tests.support.changes import pair
from tests.support.library import large

SITES = 60


def crowd(replica: Replica, count: int = SITES) -> None:
    """Have so many other sites write a row each."""
    chance = random.Random(7)
    for number in range(count):
        with replica.connection:
            replica.registry.become(chance.randbytes(16))
            replica.connection.execute("INSERT INTO task (id, title) VALUES (?, 'visited')", (f"s{number}",))
        replica.fold()


@contextmanager
def crowded(folder: Path) -> Iterator[tuple[Replica, Replica]]:
    """Give two replicas that know many sites, and have the same."""
    with pair(folder) as (one, other):
        crowd(one)
        sync(one, other)
        yield one, other


def write(replica: Replica, row: str = "s3", title: str = "new") -> None:
    replica.connection.execute("UPDATE task SET title = ? WHERE id = ?", (title, row))
    replica.fold()


def flags_of(data: bytes) -> int:
    return int(PREFIX.unpack_from(data)[2])


def taken_apart(data: bytes) -> tuple[dict[str, Any], bytes, bytes]:
    """Return a changeset's header, the list of sites that it does not list, decompressed, and its rows."""
    *_, head_length, _, unfolded, _ = PREFIX.unpack_from(data)
    (length,) = struct.unpack_from("<I", data, PREFIX.size)
    start = PREFIX.size + 4
    listed = zstandard.ZstdDecompressor().decompress(data[start : start + length], max_output_size=1 << 20)
    content = zstandard.ZstdDecompressor().decompress(data[start + length :], max_output_size=unfolded)
    return json.loads(content[:head_length]), listed, content[head_length:]


def put_together(header: dict[str, Any], listed: bytes, rows: bytes, flags: int = REST) -> bytes:
    """Make a changeset of whatever is given, with a correct checksum."""
    head, frame = json.dumps(header).encode(), zstandard.ZstdCompressor().compress(listed)
    return sealed(head, struct.pack("<I", len(frame)) + frame, rows, flags)


def sealed(head: bytes, listed: bytes, rows: bytes, flags: int = REST) -> bytes:
    body = listed + zstandard.ZstdCompressor().compress(head + rows)
    prefix = PREFIX.pack(MAGIC, ROWS, flags, len(head), len(body), len(head) + len(rows), b"")[:-32]
    return prefix + _digest(prefix, body) + body


def with_entries(data: bytes, change: Callable[[dict[bytes, int]], None]) -> bytes:
    """Change the entries that are not listed, so that list, digest and count agree."""
    header, _, rows = taken_apart(data)
    entries = {**unpack(data).header.vector}
    for site in header["sites"]:
        del entries[bytes.fromhex(site["id"])]
    change(entries)
    rest = Rest(MappingProxyType(entries))
    header["rest"] = {"sites": len(entries), "hash": rest.digest.hex()}
    return sealed(json.dumps(header).encode(), _list(rest.content), rows)


# -- what it says -----------------------------------------------------------------------------------------


def test_a_changeset_lists_what_it_is_about(tmp_path: Path) -> None:
    """For a receiver with most of many sites a changeset lists the sender and those that it names, and says of all what a full list says."""
    with crowded(tmp_path) as (one, other):
        write(one)
        since = other.vector()
        data, full = one.export(since), _full(one, since)
        assert flags_of(data) == REST and not flags_of(full)
        header, listed, _ = taken_apart(data)
        ids = {site["id"] for site in header["sites"]}
        assert one.site in ids and len(ids) <= 3
        assert header["rest"]["sites"] == len(listed) // 24 == len(one.vector()) - len(ids)
        for known in (None, sites.packed_before(other.connection), PackedVector(one.registry.vector())):
            found, whole = unpack(data, known).header, unpack(full).header
            assert (found.vector, found.needs, found.highest) == (whole.vector, whole.needs, whole.highest)
            assert found.sender == whole.sender and found.has_news_for(by_id(since))
            assert (found.rest is None) == (known is None)
        assert len(unpack(data).header.sites) == len(one.vector())
        assert len(data) < len(full)


def _full(replica: Replica, since: dict[str, int]) -> bytes:
    fewest, listing.FEWEST = listing.FEWEST, 1_000_000
    try:
        return replica.export(since)
    finally:
        listing.FEWEST = fewest


def test_small_groups_list_all_sites(tmp_path: Path) -> None:
    """Where less than 32 sites would be left out, all are listed; so they are for who has nothing, and where there are rows of most."""
    with pair(tmp_path) as (one, other):
        sync(one, other)
        write(one)
        assert not flags_of(one.export(other.vector()))
        crowd(one)
        assert not flags_of(one.export())
        assert not flags_of(one.export(other.vector()))
        sync(one, other)
        one.connection.execute("UPDATE task SET title = 'all'")
        since = other.vector()
        assert not flags_of(one.export(since)), "each row names the site that inserted it"
        with large():
            assert not flags_of(one.export(since))
            write(one)
            assert not flags_of(one.export(other.vector()))


def test_large_changesets_list_all_sites(tmp_path: Path) -> None:
    """An image has an entry for each site."""
    with crowded(tmp_path) as (one, other):
        write(one)
        with large():
            data = one.export(other.vector())
        assert not flags_of(data) and other.merge(data).total.updated == 1


# -- who reads it -----------------------------------------------------------------------------------------


def test_who_knows_the_sites_does_not_read_the_list(tmp_path: Path) -> None:
    """A receiver that has what is not listed takes the changeset whatever the list is; any other refuses what is not the list."""
    with crowded(tmp_path) as (one, other):
        write(one)
        header, _, rows = taken_apart(one.export(other.vector()))
        for listed in (b"", b"\4\0\0\0junk", b"\0\0\0\0"):
            data = sealed(json.dumps(header).encode(), listed or b"\0\0\0\0", rows)
            with pytest.raises(InvalidChangesetError):
                unpack(data)
        assert other.merge(data).total.updated == 1
        assert state.shared(one.connection) == state.shared(other.connection)


def test_any_receiver_takes_it(tmp_path: Path) -> None:
    """Who has more than was asked for, or something else, takes the changeset too, and gets the same from it as from a full one."""
    with crowded(tmp_path) as (one, other):
        third, fourth = (one.clone(tmp_path / f"{name}.db") for name in ("third", "fourth"))
        with third, fourth:
            since = other.vector()
            write(one)
            data, full = one.export(since), _full(one, since)
            for mine in (third, fourth):
                write(mine, "s3", "at the same time")
                write(mine, "s9", "mine")
            assert third.merge(data).total == fourth.merge(full).total
            assert _rows(third) == _rows(fourth)
            assert third.merge(data).known and len(third.conflicts()) == len(fourth.conflicts()) == 1
            newcomer = one.clone(tmp_path / "new.db")
            with newcomer:
                newcomer.sync(third)
                assert newcomer.merge(data).known


def _rows(replica: Replica) -> list[Any]:
    return replica.connection.execute("SELECT id, title FROM task ORDER BY id").fetchall()


def _change_and_delete(replica: Replica, title: str, since: dict[str, int]) -> bytes:
    """Change row s5 and delete row s6; return the changeset."""
    write(replica, "s5", title)
    replica.connection.execute("DELETE FROM task WHERE id = 's6'")
    replica.fold()
    return replica.export(since)


def test_what_waits_in_the_log_is_folded_first(tmp_path: Path) -> None:
    """A receiver that wrote since its sites were looked at last still tells what the sender had not seen."""
    with crowded(tmp_path) as (one, other):
        for replica in (other, one):  # then what comes next says no more what had been seen of the other one
            write(replica, "s9", f"known to {replica.site}")
            sync(one, other)
        data = _change_and_delete(one, "theirs", since=other.vector())
        assert flags_of(data) == REST and other.site not in {site["id"] for site in taken_apart(data)[0]["sites"]}
        other.connection.execute("UPDATE task SET title = 'ours, not folded' WHERE id IN ('s5', 's6')")
        other.merge(data)
        assert ("s6", "ours, not folded") in _rows(other), "no delete had seen it"
        (conflict,) = [found for found in other.conflicts() if found.key == ("s5",)]
        assert {conflict.won_value, conflict.lost_value} == {"theirs", "ours, not folded"}
        sync(one, other)
        assert state.shared(one.connection) == state.shared(other.connection)


def test_a_first_write_is_folded_first(tmp_path: Path) -> None:
    """Nor does the sender know a receiver that had never written when its sites were looked at last."""
    with crowded(tmp_path) as (one, _), one.clone(tmp_path / "new.db") as new:
        new.sync(one)
        data = _change_and_delete(one, "theirs", since=new.vector())
        assert flags_of(data) == REST
        new.connection.execute("UPDATE task SET title = 'ours, not folded' WHERE id IN ('s5', 's6')")
        new.merge(data)
        assert ("s6", "ours, not folded") in _rows(new), "no delete had seen it"
        assert [found.key for found in new.conflicts()] == [("s5",)]


def test_what_is_missing_is_noticed(tmp_path: Path) -> None:
    """A receiver that lacks an entry that is not listed is told so, and stays as it was."""
    with crowded(tmp_path) as (one, other):
        behind = other.clone(tmp_path / "behind.db")
        with behind:
            write(other, "s1", "first")
            sync(one, other)
            for title in ("second", "third"):
                write(one, "s2", title)
                data = one.export(other.vector())
                sync(one, other)
            assert flags_of(data) == REST and other.site not in {site["id"] for site in taken_apart(data)[0]["sites"]}
            before = behind.vector()
            with pytest.raises(MissingChangesError) as error:
                behind.merge(data)
            assert other.site in error.value.missing and behind.vector() == before


def test_another_connection_that_writes_is_noticed(tmp_path: Path) -> None:
    """What is kept of sites is not taken for what they are once another process folded, merged, or noted a peer."""
    with crowded(tmp_path) as (one, other), Replica.open(one.path, now=one.time_ms) as again:
        for number in range(4):
            write(again if number % 2 else one, "s1", f"by {number}")
            assert one.vector() == again.vector()
            again.remember_peer(random.Random(number).randbytes(16).hex(), {})
            write(other, "s2", f"other {number}")
            one.sync(other)
            assert one.vector() == again.vector() == other.vector()
            assert state.shared(one.connection) == state.shared(other.connection)
            assert sites.packed_before(one.connection).content == PackedVector(one.registry.vector()).content  # type: ignore[union-attr]


# -- lies -------------------------------------------------------------------------------------------------


@pytest.fixture
def honest(tmp_path: Path) -> Iterator[tuple[Replica, bytes]]:
    """Give a replica that has none of the sites, and a changeset that does not list them."""
    (tmp_path / "apart").mkdir()
    with crowded(tmp_path) as (one, other), pair(tmp_path / "apart") as (stranger, _):
        write(one)
        yield stranger, one.export(other.vector())


def refused(replica: Replica, data: bytes) -> str:
    before = replica.vector()
    with pytest.raises(CrdtsqlError) as error:
        replica.merge(data)
    assert replica.vector() == before
    return str(error.value)


def test_a_list_that_is_not_the_one_is_refused(honest: tuple[Replica, bytes]) -> None:
    """A list of other entries, of more or fewer, cut off, or in another order is refused."""
    stranger, data = honest
    header, listed, rows = taken_apart(data)
    assert "MissingChanges" in type(_error(stranger, put_together(header, listed, rows))).__name__
    flipped = bytes([listed[0] ^ 1]) + listed[1:]
    for wrong in (flipped, listed[:-1], listed + b"\0", listed[:-24], b"", listed[16:32] + listed[:16] + listed[32:]):
        assert isinstance(_error(stranger, put_together(header, wrong, rows)), InvalidChangesetError), len(wrong)
    for listed_too in (b"", b"\1", struct.pack("<I", 1 << 31), struct.pack("<I", 5) + b"abc"):
        assert isinstance(_error(stranger, sealed(json.dumps(header).encode(), listed_too, b"")), InvalidChangesetError)


def _error(replica: Replica, data: bytes) -> CrdtsqlError:
    with pytest.raises(CrdtsqlError) as error:
        replica.merge(data)
    return error.value


@pytest.mark.parametrize(
    "rest",
    [
        None,
        [],
        {},
        {"sites": 1},
        {"sites": "1", "hash": "00" * 32},
        {"sites": -1, "hash": "00" * 32},
        {"sites": True, "hash": "00" * 32},
        {"sites": 20_000, "hash": "00" * 32},
        {"sites": 1 << 61, "hash": "00" * 32},
        {"sites": 1, "hash": "00" * 31},
        {"sites": 1, "hash": "G0" * 32},
    ],
)
def test_what_is_said_of_the_rest_is_checked(honest: tuple[Replica, bytes], rest: Any) -> None:
    """How many sites are not listed, and their digest, are a number in range and 64 hex digits."""
    stranger, data = honest
    header, listed, rows = taken_apart(data)
    assert isinstance(_error(stranger, put_together(header | {"rest": rest}, listed, rows)), InvalidChangesetError)


def test_entries_that_nobody_has_are_refused(honest: tuple[Replica, bytes]) -> None:
    """An entry out of range, of a listed site, or of ended sites, is refused though its digest is right."""
    stranger, data = honest
    sender = unpack(data).header.sender
    site = next(iter(unpack(data).header.needs))

    def put(key: bytes, hlc: int) -> Callable[[dict[bytes, int]], None]:
        return lambda entries: entries.update({key: hlc})

    for change in (put(sender, 5), put(bytes(16), 5), put(b"\1" * 16, 0), put(b"\1" * 16, 1 << 62)):
        assert isinstance(_error(stranger, with_entries(data, change)), InvalidChangesetError)
    assert isinstance(_error(stranger, with_entries(data, put(b"\1" * 16, 5))), MissingChangesError), site


def test_the_sender_is_listed(honest: tuple[Replica, bytes]) -> None:
    """A changeset whose sender is among the sites that are not listed is refused: nobody would ask what it may write."""
    stranger, data = honest
    header, listed, rows = taken_apart(data)
    others = [site for site in header["sites"] if site["id"] != header["sender"]]
    spoiled = put_together(header | {"sites": others, "tables": [], "others": {}}, listed, b"\x80")
    assert "must list" in str(_error(stranger, spoiled))


def test_flag_and_header_agree(honest: tuple[Replica, bytes]) -> None:
    """The flag without the key, the key without the flag, and either on an image, are refused."""
    stranger, data = honest
    header, listed, rows = taken_apart(data)
    bare = {key: value for key, value in header.items() if key != "rest"}
    assert isinstance(_error(stranger, put_together(bare, listed, rows)), InvalidChangesetError)
    assert isinstance(_error(stranger, sealed(json.dumps(header).encode(), b"", rows, flags=0)), InvalidChangesetError)


def test_changed_bytes_do_no_harm(tmp_path: Path) -> None:
    """Thousands of changed headers and lists are refused, or say what an honest sender could say; the replica stays sound."""
    chance = random.Random(11)
    with crowded(tmp_path) as (one, other):
        write(one)
        data = one.export(other.vector())
        header, listed, rows = taken_apart(data)
        head = json.dumps(header).encode()
        known = sites.packed_before(other.connection)
        taken = 0
        for _ in range(3_000):
            spoiled_head, spoiled_list = bytearray(head), bytearray(listed)
            target = chance.choice((spoiled_head, spoiled_list))
            for _ in range(chance.randint(1, 3)):
                target[chance.randrange(len(target))] = chance.randrange(256)
            frame = zstandard.ZstdCompressor().compress(bytes(spoiled_list))
            spoiled = sealed(bytes(spoiled_head), struct.pack("<I", len(frame)) + frame, rows)
            for knows in (known, None):
                taken += _is_sound(spoiled, knows)
        assert taken > 100
        assert other.merge(data).total.updated == 1


def _is_sound(data: bytes, known: PackedVector | None) -> bool:
    try:
        found: Changeset = unpack(data, known)
    except InvalidChangesetError:
        return False
    header: Header = found.header.in_full()
    assert all(0 <= site.needs <= site.upto for site in header.sites)
    assert (
        len(header.vector)
        == sum(site.upto > 0 for site in header.sites)
        == len({site.id for site in header.sites if site.upto})
    )
    assert header_bytes(header) == header_bytes(header.in_full())
    return True


# -- what the writer had seen -----------------------------------------------------------------------------


def test_records_go_to_who_may_ask_for_them(tmp_path: Path) -> None:
    """What a site had seen before the events of a changeset comes again only for a receiver that does not know the sender."""
    with crowded(tmp_path) as (one, other):
        write(one)
        sync(one, other)
        write(other, "s7", "seen")
        sync(one, other)
        write(one, "s7", "after that")
        sync(one, other)
        write(one, "s8", "later")
        since = other.vector()
        assert _records(one.export(since)) == 0
        unknown = {site: hlc for site, hlc in since.items() if site != one.site}
        assert _records(one.export(unknown)) > 0


def _records(data: bytes) -> int:
    import msgpack

    return len(msgpack.unpackb(bytes(unpack(data).body)).get("merged", ()))
