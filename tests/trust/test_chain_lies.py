"""What a member can do with links of its own that looks like what an honest one does: keys replaced at odd times, old links anew, junk."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crdtsql import Replica, errors, sync
from crdtsql.trust import chains, ed25519, signers
from crdtsql.wire import ChainLink, KeyStep, unpack
from tests.support import forge, links, peers
from tests.support.peers import rows, write
from tests.support.state import content

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)"


@pytest.fixture
def group(tmp_path: Path) -> list[Replica]:
    """Give a hub and two others; all require proofs."""
    found = peers.three(tmp_path, SCHEMA, now=peers.Clock(step=1))
    links.introduced(*found)
    return found


def written(author: Replica, receiver: Replica, *keys: str) -> list[tuple[ChainLink, bytes]]:
    """Let an author write rows, each in a link of its own; return the links that a receiver lacks."""
    for key in keys:
        write(author, f"INSERT INTO task VALUES ('{key}', 'x')")
        author.export({})
    return links.of_site(author.export(receiver.vector()), author.site)


def is_believed(replica: Replica, site: str) -> bool:
    """Tell whether a replica takes what a site wrote."""
    return next(one.until is None for one in replica.trusted() if one.site.hex() == site)


def replaced_before(author: Replica, since: int) -> tuple[bytes, tuple[KeyStep, ...]]:
    """Return another private key of an author's, and its keys with that, which it says to have taken after an event of long ago."""
    secret, site = ed25519.new_secret(), bytes.fromhex(author.site)
    public = ed25519.public_of(secret)
    proof = ed25519.sign(links.secret(author), ed25519.KEY, signers.statement(site, since, public))
    return secret, (KeyStep(ed25519.public_of(links.secret(author))), KeyStep(public, since, proof))


def with_key(
    item: tuple[ChainLink, bytes], secret: bytes, steps: tuple[KeyStep, ...], script: str, **fields: Any
) -> tuple[ChainLink, bytes]:
    """Return a link with other values, signed by its author with another key."""
    data = forge.signed(forge.with_sql(item[1], script), secret, steps)
    return links.signed(replace(item[0], content=unpack(data).digest, **fields), secret), data


def test_a_key_that_is_said_to_be_older_hides_no_fork(group: list[Replica]) -> None:
    """Who tells two replicas two things, each with another key, is found out once the first one gets what is signed with the later one."""
    hub, author, other = group
    items = written(author, hub, "a", "b", "c")
    hub.merge(links.bundle(items[:2]))
    secret, steps = replaced_before(author, items[0][0].upto)
    second = with_key(items[1], secret, steps, "UPDATE row_1 SET v0 = 'otherwise'")
    third = with_key(items[2], secret, steps, "UPDATE row_1 SET v0 = 'third'", before=second[0].hash)
    other.merge(links.bundle([items[0], second]))
    assert ("b", "otherwise") in rows(other, "task") and ("b", "x") in rows(hub, "task")
    with pytest.raises(errors.UntrustedError):
        hub.merge(links.bundle([third]))
    assert not is_believed(hub, author.site) and is_believed(other, author.site)
    assert "signed two things as link 2" in hub.notices[-1]


def test_a_key_that_is_replaced_while_a_link_is_signed(group: list[Replica], monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program takes another key between the changeset of a link and its signature: both are signed with one key, and are taken."""
    hub, author, other = group
    following = Replica._changeset
    with Replica.open(author.path, now=author._now) as program:

        def meanwhile(self: Replica, *given: Any, **options: Any) -> Any:
            data = following(self, *given, **options)
            if self is author and not program.trusted()[1].steps[1:]:
                program.sign(rotate=True)
            return data

        monkeypatch.setattr(Replica, "_changeset", meanwhile)
        write(author, "INSERT INTO task VALUES ('a', 'x')")
        assert sync(author, hub).skipped == []
    assert sync(hub, other).skipped == [] and rows(other, "task") == [("a", "x")]


def test_a_link_of_what_is_here_is_checked_before_it_is_kept(group: list[Replica]) -> None:
    """A site brings what it wrote without a link, and then a link of it that nobody can take: the hub does not pass that on."""
    hub, author, other = group
    (item,) = written(author, hub, "a")
    hub.merge(item[1])
    spoiled = links.resigned(item, links.secret(author), forge.with_sql(item[1], "UPDATE row_1 SET many = 1"))
    before = content(hub.connection)
    with pytest.raises(errors.InvalidChangesetError):
        hub.merge(links.bundle([spoiled]))
    assert content(hub.connection) == before and links.of_site(hub.export({}), author.site) == []
    assert hub.merge(links.bundle([item])).known
    assert sync(other, hub).skipped == [] and rows(other, "task") == [("a", "x")]


def test_links_that_are_told_cost_little(group: list[Replica], monkeypatch: pytest.MonkeyPatch) -> None:
    """However many links that nobody signed are told of a site, and however many keys that has had, few signatures are looked at."""
    hub, author, _ = group
    for _ in range(5):
        author.sign(rotate=True)
    written(author, hub, "a", "b")
    sync(author, hub)
    looked: list[ChainLink] = []
    is_signed_with = chains.is_signed_with

    def counting(key: bytes, link: ChainLink) -> bool:
        looked.append(link)
        return is_signed_with(key, link)

    monkeypatch.setattr(chains, "is_signed_with", counting)
    (junk, data) = links.of_site(author.export({}), author.site)[0]
    told = [replace(junk, number=number, since=0, upto=1, content=os.urandom(32)) for number in range(3, 2_000)]
    hub.merge(links.bundle([(None, author.export(hub.vector()))], told))
    assert is_believed(hub, author.site) and len(looked) < 200
    looked.clear()
    with pytest.raises(errors.ChangesetError):
        hub.merge(
            links.bundle([(replace(junk, number=number, content=junk.content), data) for number in range(3, 100)])
        )
    assert is_believed(hub, author.site) and len(looked) < 500


def test_a_number_that_was_pardoned_may_come_again(group: list[Replica]) -> None:
    """Of two files that went on with one chain, one has signed fewer links: once the site is believed again, its next one counts."""
    hub, author, _ = group
    first, second = written(author, hub, "a", "b")
    hub.merge(links.bundle([first, second]))
    forged = links.signed(replace(second[0], content=bytes(32)), links.secret(author))
    hub.merge(links.bundle([(None, hub.export(hub.vector()))], [forged]))
    assert not is_believed(hub, author.site)
    hub.trust(author.site)
    (third,) = written(author, hub, "c")
    hub.merge(links.bundle([links.resigned(third, links.secret(author), number=2, before=first[0].hash)]))
    assert is_believed(hub, author.site) and ("c", "x") in rows(hub, "task")
