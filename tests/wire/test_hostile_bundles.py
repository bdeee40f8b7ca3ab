"""Hostile bundles: cut off, damaged, nested, too many, too large; each is refused with an error of ours, in time and in memory."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crdtsql import Replica, errors
from crdtsql.transports import scope
from crdtsql.wire import Bundle, bundles, pack_bundle, parts_of, read_bundle
from crdtsql.wire.envelope import BUNDLE, MAGIC, PREFIX
from tests.support import command, forge, links, peers
from tests.support.peers import rows, write
from tests.support.state import content

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)"


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Replica, Replica]:
    """Give two replicas that require proofs, and have nothing in common yet."""
    one, other = peers.two(tmp_path, SCHEMA, now=peers.Clock(step=1))
    links.introduced(one, other)
    return one, other


def sealed(head: Any, body: bytes, *, lengths: tuple[int, int, int] | None = None, raw: bytes | None = None) -> bytes:
    """Pack a bundle with a correct checksum, whatever is said."""
    return links.sealed(json.dumps(head).encode() if raw is None else raw, body, lengths)


def refuses(replica: Replica, data: bytes) -> str:
    """Check that nothing of a bundle is taken, and that an error of ours says why; by whatever verb it comes."""
    before = content(replica.connection)
    with pytest.raises(errors.InvalidChangesetError) as caught:
        replica.merge(data)
    assert content(replica.connection) == before
    return str(caught.value)


def written(one: Replica, other: Replica, *keys: str) -> bytes:
    """Let a replica write rows, each in a link of its own; return the bundle of them."""
    for key in keys:
        write(one, f"INSERT INTO task VALUES ('{key}', 'x')")
        one.export({})
    return one.export(other.vector())


def test_cut_off_and_damaged(pair: tuple[Replica, Replica]) -> None:
    """Wherever a bundle is cut off, or a bit of it turned, nothing of it is taken."""
    one, other = pair
    data, chance = written(one, other, "a", "b"), random.Random(7)
    for end in (1, 8, 12, 63, 64, 65, 200, len(data) // 2, len(data) - 1):
        refuses(other, data[:end])
    refuses(other, data + b"x")
    for _ in range(60):
        spoiled = bytearray(data)
        spoiled[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        refuses(other, bytes(spoiled))
    assert not other.merge(data).known


HEADS: list[Any] = [
    [], {}, 1, None, "x", {"changesets": []}, {"changesets": [], "heads": []}, {"changesets": {}, "heads": []},
    {"changesets": 7, "heads": []}, {"changesets": [[None]], "heads": []}, {"changesets": [[None, -1]], "heads": []},
    {"changesets": [[None, True]], "heads": []}, {"changesets": [[None, 1.0]], "heads": []},
    {"changesets": [[None, 2**63]], "heads": []}, {"changesets": [[None, 2**62], [None, 2**62]], "heads": []},
    {"changesets": [[None, 0]], "heads": []}, {"changesets": [[[], 0]], "heads": []},
    {"changesets": [["0123456", 0]], "heads": []}, {"changesets": [[None, 0]], "heads": {"a": 1}},
    {"changesets": [[None, 0]], "heads": "x"}, {"changesets": [[None, 0]], "heads": [None]},
    {"changesets": [[None, 0]], "heads": [["00"] * 7]}, {"changesets": [[None, 0]] * 10_001, "heads": []},
    {"changesets": [[None, 0]], "heads": [["00"] * 7] * 20_001},
]  # fmt: skip


@pytest.mark.parametrize("head", HEADS)
def test_headers_that_are_none(pair: tuple[Replica, Replica], head: Any) -> None:
    """What is no header of a bundle, or says what can't be, is refused."""
    refuses(pair[1], sealed(head, b""))


def test_headers_that_can_not_be_read(pair: tuple[Replica, Replica]) -> None:
    """Depth, numbers of many digits, and what is no JSON are refused, as are lengths that no bundle can have."""
    for raw in (b"", b"{", b"[" * 100_000, b'{"changesets": [[null, ' + b"9" * 5_000 + b"]]}", b"\xff\xfe", b"NaN"):
        refuses(pair[1], sealed(None, b"", raw=raw))
    for lengths in ((2**32 - 1, 0, 0), (2, 2**64 - 1, 0), (2, 0, 2**64 - 1), (0, 2, 2)):
        refuses(pair[1], sealed({}, b"", lengths=lengths))


@pytest.mark.parametrize(
    "change",
    [
        {"number": 0}, {"number": -1}, {"number": 2**63}, {"number": 1.0}, {"number": True}, {"upto": 2**63}, {"upto": 0}, {"since": -1},
        {"since": "0"}, {"before": "00"}, {"content": "zz"}, {"signature": ""}, {"site": "00"}, {"site": None},
    ],
)  # fmt: skip
def test_links_that_are_none(pair: tuple[Replica, Replica], change: dict[str, Any]) -> None:
    """A link with a field that none can have is refused, with its changeset or in the heads."""
    one, other = pair
    ((link, data), *_) = links.of_site(written(one, other, "a"), one.site)
    names = ("site", "number", "since", "upto", "before", "content", "signature")
    spoiled = [change.get(name, value) for name, value in zip(names, link.to_json(), strict=True)]
    refuses(other, sealed({"changesets": [[spoiled, len(data)]], "heads": []}, data))
    refuses(other, sealed({"changesets": [[None, len(data)]], "heads": [spoiled]}, data))


def test_a_bundle_in_a_bundle(pair: tuple[Replica, Replica]) -> None:
    """No bundle holds another one, however deep."""
    one, other = pair
    data = written(one, other, "a")
    for _ in range(3):
        data = links.bundle([(None, data)])
        assert "where one is wanted" in refuses(other, data)
    (item, *_) = links.of_site(written(one, other, "b"), one.site)
    refuses(other, links.bundle([(item[0], data)]))


def test_what_unfolds_to_too_much(pair: tuple[Replica, Replica], tmp_path: Path) -> None:
    """Changesets that may unfold to 4 MiB each are no attack, many of them in a few bytes are; nothing of them is unfolded."""
    one, other = pair
    header, _ = forge.parts(links.items(written(one, other, "a"))[-1][1])
    bomb = forge.seal_rows(json.dumps(header).encode(), bytes(4_000_000))
    assert len(bomb) < 2_000
    data = links.bundle([(None, bomb)] * 5_000)
    tracemalloc.start()
    assert "taken for an attack" in refuses(other, data)
    assert tracemalloc.get_traced_memory()[1] < 100 << 20
    tracemalloc.stop()
    (tmp_path / "bomb").write_bytes(data)
    assert "taken for an attack" in command.refused("inspect", tmp_path / "bomb")


def test_one_changeset_of_a_bundle_is_unfolded_at_a_time(pair: tuple[Replica, Replica]) -> None:
    """However many changesets come at once, and however large they are, memory has one of them."""
    one, other = pair
    header, _ = forge.parts(links.items(written(one, other, "a"))[-1][1])
    large = forge.seal_rows(json.dumps(header).encode(), random.Random(1).randbytes(11_000) + bytes(3_900_000))
    data = links.bundle([(None, large)] * 30)
    tracemalloc.start()
    refuses(other, data)
    with pytest.raises(errors.CrdtsqlError):
        scope.check(data, _Only("note"), "x")
    assert tracemalloc.get_traced_memory()[1] < 40 << 20
    tracemalloc.stop()


class _Only:
    def __init__(self, *tables: str) -> None:
        self.tables = tables


def test_no_more_is_sent_than_is_taken(pair: tuple[Replica, Replica], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are more links than fit, the next exchanges bring the others."""
    one, other = pair
    written(one, other, *(f"a{n}" for n in range(7)))
    monkeypatch.setattr(bundles, "MAXIMUM_LINKS", 3)
    counts = []
    while not other.merge(data := one.export(other.vector())).known:
        counts.append(len(parts_of(data)))
    assert max(counts) <= 3 and len(rows(other, "task")) == 7
    monkeypatch.undo()
    monkeypatch.setattr(bundles, "is_bearable", lambda size, unfolded: unfolded < 1_000)
    room = bundles.Capacity()
    assert room.takes(bytes(64)) and not room.takes(_of_unfolded(1_000)) and room.takes(_of_unfolded(999))
    assert not room.takes(_of_unfolded(1))


def _of_unfolded(count: int) -> bytes:
    return PREFIX.pack(MAGIC, BUNDLE, 0, 0, 0, count, b"")


@pytest.mark.parametrize("wanted", [lambda one, data: one.rejoin(data), lambda one, data: read_bundle(data[:-1])])
def test_where_a_changeset_is_wanted(pair: tuple[Replica, Replica], wanted: Callable[[Replica, bytes], Any]) -> None:
    """Whatever takes one changeset says that this is a bundle, or that it is cut off."""
    one, other = pair
    with pytest.raises(errors.InvalidChangesetError, match="where one is wanted|cut off"):
        wanted(other, written(one, other, "a"))


def test_what_is_packed_is_read_again(pair: tuple[Replica, Replica]) -> None:
    """A bundle says the same after it was read."""
    data = written(*pair, "a", "b")
    found = read_bundle(data)
    assert pack_bundle(Bundle(found.changesets, found.heads)) == data and len(found.changesets) == 3
