"""What a hostile peer can do where proofs are required: a hub that forges, an author that says two things, a thief, a stranger."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

import crdtsql.trust
from crdtsql import Replica, errors, sync
from crdtsql.transports.http import permission
from crdtsql.transports.http.bodies import Refusal
from crdtsql.transports.http.tokens import Token
from crdtsql.transports.interface import Request
from crdtsql.trust import chains
from crdtsql.wire import ChainLink, bytes_of, unpack
from tests.support import command, forge, links, peers
from tests.support.command import execute
from tests.support.peers import rows, write
from tests.support.state import content

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title, votes INTEGER); CREATE TABLE note (id TEXT PRIMARY KEY NOT NULL, body)"


@pytest.fixture
def group(tmp_path: Path) -> list[Replica]:
    """Give a hub and two others; all require proofs."""
    found = peers.three(tmp_path, SCHEMA, now=peers.Clock(step=1))
    links.introduced(*found)
    return found


def put(replica: Replica, key: str, title: str = "x") -> None:
    """Write a row."""
    write(replica, f"INSERT INTO task VALUES ('{key}', '{title}', 1) ON CONFLICT DO UPDATE SET title = excluded.title")


def is_believed(replica: Replica, site: str) -> bool:
    """Tell whether a replica takes what a site wrote."""
    return next(one.until is None for one in replica.trusted() if one.site.hex() == site)


def test_old_links_that_come_back_change_no_chain(group: list[Replica]) -> None:
    """Who brings a site its own old links back does not have it sign others in the place of those that it signed since."""
    hub, author, other = group
    for key in ("a", "b", "c"):
        put(author, key)
        sync(author, hub)
    author.merge(links.bundle(links.of_site(hub.export({}), author.site)[:1]))
    for key in ("d", "e"):
        put(author, key)
        sync(author, hub)
        sync(hub, other)
    assert [link.number for link, _ in links.of_site(hub.export({}), author.site)] == [1, 2, 3, 4, 5]
    assert hub.notices == other.notices == [] and is_believed(hub, author.site) and is_believed(other, author.site)
    assert len(rows(other, "task")) == 5


def written(author: Replica, receiver: Replica, *keys: str) -> list[tuple[ChainLink, bytes]]:
    """Let an author write rows, each in a link of its own; return the links that a receiver lacks, which nobody got yet."""
    for key in keys:
        put(author, key)
        author.export({})
    return links.of_site(author.export(receiver.vector()), author.site)


def told_otherwise(
    author: Replica, item: tuple[ChainLink, bytes], value: str, **fields: Any
) -> tuple[ChainLink, bytes]:
    """Return another link with other values, which the author signs too."""
    return links.resigned(
        item, links.secret(author), forge.with_sql(item[1], f"UPDATE row_1 SET v0 = '{value}'"), **fields
    )


def is_found_out(replica: Replica, author: Replica, number: int = 1) -> bool:
    """Tell whether an author is named as a liar in all places, and believed no more."""
    (one,) = [found for found in replica.trusted() if found.site.hex() == author.site]
    if one.until is None:
        return False
    assert one.forked == number and not one.trusted
    assert any(f"site {author.site} has signed two things as link {number}" in one for one in replica.notices)
    assert any(found.about == "fork" and author.site in found.text for found in replica.doctor().findings)
    return True


def hears(replica: Replica, *told: ChainLink) -> None:
    """Let a replica hear of links, in a bundle that has nothing else that is new."""
    replica.merge(links.bundle([(None, replica.export(replica.vector()))], told))


@pytest.mark.parametrize("first", ["in the heads", "with its changeset"])
def test_nothing_that_is_told_beside_it_hides_a_fork(group: list[Replica], first: str) -> None:
    """A hub that helps a liar can't hide its second link behind one that nobody signed: what is not signed is not looked at."""
    hub, author, other = group
    (item,) = written(author, hub, "a")
    hub.merge(links.bundle([item]))
    second = told_otherwise(author, item, "second")
    junk = replace(second[0], content=bytes(32))
    if first == "in the heads":
        hears(hub, junk, second[0], junk)
    else:
        with pytest.raises(errors.UntrustedError):
            hub.merge(links.bundle([second], [junk, replace(second[0], signature=bytes(64))]))
    assert is_found_out(hub, author)
    hears(other, junk, replace(item[0], number=2))
    assert is_believed(other, author.site)


def test_a_later_link_can_not_take_the_place_of_those_before(group: list[Replica]) -> None:
    """A link says after which event it begins: who tells one replica both, and another one the second alone, as if it were all, is found out."""
    hub, author, other = group
    items = written(author, hub, "a", "b")
    hub.merge(links.bundle(items))
    alone = forge.with_header(items[1][1], lambda header: _begin_at(header, author.site))
    forged = links.resigned(items[1], links.secret(author), alone, since=0)
    other.merge(links.bundle([forged]))
    assert rows(other, "task") == [("b", "x", 1)] and other.vector()[author.site] == hub.vector()[author.site]
    hears(hub, forged[0])
    assert is_found_out(hub, author, 2)


def _begin_at(header: Any, site: str, since: int = 0) -> None:
    for one in header["sites"]:
        if one["id"] == site:
            one["needs"] = since


@pytest.mark.parametrize("fields", [{"number": 7}, {"number": 3}, {"before": bytes(32)}, {"since": 0}])
def test_numbers_and_beginnings_are_without_gaps(group: list[Replica], fields: dict[str, Any]) -> None:
    """A link that begins where another one ends is the next one and names it, whatever number it has: no gap hides two beginnings."""
    hub, author, other = group
    first, second = written(author, hub, "a", "b")
    hub.merge(links.bundle([first]))
    hears(other, second[0])
    hears(hub, links.signed(replace(second[0], **fields), links.secret(author)))
    assert is_found_out(hub, author)


def test_who_is_believed_again_can_not_do_it_again(group: list[Replica]) -> None:
    """`trust` pardons what was signed until then, and the same proof counts no more; two other links do, whatever number they have."""
    hub, author, _ = group
    first, second = written(author, hub, "a", "b")
    forged = told_otherwise(author, second, "second")
    hub.merge(links.bundle([first, second]))
    hears(hub, forged[0])
    assert is_found_out(hub, author, 2)
    hub.trust(author.site)
    for _ in range(2):
        hears(hub, forged[0], second[0])
        hub.merge(links.bundle([first, second], [forged[0]]))
    assert is_believed(hub, author.site)
    (third,) = written(author, hub, "c")
    hub.merge(links.bundle([third]))
    assert is_believed(hub, author.site) and len(rows(hub, "task")) == 3
    hears(hub, links.signed(replace(third[0], number=1), links.secret(author)))
    assert not is_believed(hub, author.site)


def test_a_chain_goes_on_after_a_pardon(group: list[Replica]) -> None:
    """Where two files went on with one chain, and an operator believes the site again, links of both are taken from then on."""
    hub, author, other = group
    first, second, third = written(author, hub, "a", "b", "c")
    forged = told_otherwise(author, first, "otherwise")
    hub.merge(links.bundle([forged]))
    with pytest.raises(errors.UntrustedError):
        hub.merge(links.bundle([first, second]))
    assert is_found_out(hub, author)
    hub.trust(author.site)
    hub.merge(links.bundle([second, third]))
    assert is_believed(hub, author.site) and len(rows(hub, "task")) == 3
    put(hub, "h")
    assert [one[0].number for one in links.of_site(hub.export(other.vector()), author.site)] == [1, 2, 3]


def restored(replica: Replica, image: bytes, state: Path, before: Path) -> Replica:
    """Put the bytes of an earlier state in the place of a file, and the state directory of that time; open it."""
    path = replica.path
    replica.close()
    for suffix in ("-wal", "-shm"):
        Path(path + suffix).unlink(missing_ok=True)
    Path(path).write_bytes(image)
    shutil.rmtree(state)
    shutil.copytree(before, state)
    return Replica.open(path, now=peers.Clock(peers.START_MS + 5_000, step=1))


@pytest.fixture
def backed_up(group: list[Replica], tmp_path: Path) -> list[Replica]:
    """Give a hub, and an author whose file was restored from a backup of the whole machine, after it had synced with the hub."""
    state = Path(os.environ["CRDTSQL_STATE_DIR"])
    hub, author, _ = group
    put(author, "a")
    sync(author, hub)
    image = author.connection.serialize("main")
    shutil.copytree(state, tmp_path / "before")
    put(author, "b")
    sync(author, hub)
    return [hub, restored(author, image, state, tmp_path / "before")]


def test_a_restored_file_hears_of_it_by_its_own_links(backed_up: list[Replica], tmp_path: Path) -> None:
    """What it signed later proves to a file that it was restored, whoever brings it, before what waits in its log is stamped."""
    hub, author = backed_up
    site = author.site
    execute(Path(author.path), "INSERT INTO task VALUES ('w', 'x', 1)")
    with pytest.raises(errors.UntrustedError, match="takes nobody's word for that without a signature"):
        sync(author, hub)
    command.ok("export", hub.path, "-o", tmp_path / "all")
    author.merge((tmp_path / "all").read_bytes())
    assert author.site != site and [row[0] for row in rows(author, "task")] == ["a", "b", "w"]
    hub.trust(author.site, author.sign().key.hex())
    assert sync(author, hub).skipped == [] and hub.notices == []
    assert rows(hub, "task") == rows(author, "task") and is_believed(hub, site)


def test_a_restored_file_that_wrote_has_said_two_things(backed_up: list[Replica]) -> None:
    """Who signed another link before that was heard of is believed no more, and it hears that too."""
    hub, author = backed_up
    put(author, "w")
    author.export({})
    with pytest.raises(errors.UntrustedError):
        hub.merge(author.export(hub.vector()))
    assert is_found_out(hub, author, 2)
    with pytest.raises(
        errors.UntrustedError, match="two files sign as site .* a copy of it was restored, or its key stolen"
    ):
        author.merge(hub.export({}))


def test_a_restored_file_signs_nothing_before_it_hears_of_it(backed_up: list[Replica]) -> None:
    """Where proofs are not required, whoever is believed proves it too: what waits in the log then is stamped, and signed, as by a new site."""
    hub, author = backed_up
    site = author.site
    author.set_requires_proofs(False)
    (signed,) = [one.upto for one in chains.heads(author.registry) if one.site.hex() == site]
    execute(Path(author.path), "INSERT INTO task VALUES ('w', 'x', 1)")
    author.merge(hub.export())
    assert author.site != site
    assert [one.upto for one in chains.heads(author.registry) if one.site.hex() == site] == [signed]


def test_without_the_package(group: list[Replica], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who can't check signatures, and knows of none, takes a bundle as if nothing in it were signed, and keeps no link that nobody checked."""
    hub, author, _ = group
    plain = peers.replica(tmp_path / "plain.db", SCHEMA, site=9, now=peers.Clock(step=1))
    written(author, hub, "a")
    sync(author, hub)
    data = hub.export({})
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    monkeypatch.delitem(sys.modules, "crdtsql.trust.ed25519")
    monkeypatch.delattr(crdtsql.trust, "ed25519")
    crdtsql.trust.check.__globals__["_check_signature"].cache_clear()
    plain.merge(data)
    assert rows(plain, "task") == rows(hub, "task") and not chains.is_there(plain.connection)


def test_one_liar_stops_nobody_else(group: list[Replica], tmp_path: Path) -> None:
    """What a site wrote that is believed no more is left out of a bundle, and told; the rest is taken, and both sides get what others wrote."""
    hub, author, other = group
    (first,) = written(author, hub, "a")
    third = hub.clone(tmp_path / "third.db")
    for replica in group:
        replica.trust(third.site, third.sign().key.hex())
    hub.merge(links.bundle([first]))
    other.merge(links.bundle([told_otherwise(author, first, "otherwise")]))
    put(third, "t")
    sync(third, hub)
    written(author, hub, "b")
    sync(author, hub)
    put(other, "o")
    report = sync(hub, other)
    assert [f"is by site {author.site}" in reason or author.site in reason for reason in report.skipped] == [
        True
    ] * len(report.skipped)
    assert report.skipped and is_found_out(other, author)
    assert ("t", "x", 1) in rows(other, "task") and ("o", "x", 1) in rows(hub, "task")
    put(other, "o2")
    put(hub, "h")
    for one, another in ((other, hub), (hub, other), (third, hub)):
        sync(one, another)
    assert is_found_out(hub, author) and is_found_out(third, author)
    assert ("o2", "x", 1) in rows(third, "task") and {row[0] for row in rows(hub, "task")} == {
        "a",
        "b",
        "t",
        "o",
        "o2",
        "h",
    }


def test_what_is_wrong_by_itself_stays_an_error(group: list[Replica]) -> None:
    """A bundle whose sender is not believed, or that has what a permission refuses, fails, and the rest of it is taken all the same."""
    hub, author, other = group
    written(author, hub, "a")
    sync(author, hub)
    write(author, "INSERT INTO note VALUES ('n', 'x')")
    sync(author, hub)
    put(hub, "h")
    other.revoke(hub.site)
    with pytest.raises(errors.UntrustedError, match=f"by site {hub.site}"):
        other.merge(hub.export(other.vector()))
    assert [row[0] for row in rows(other, "task")] == ["a"]
    other.trust(hub.site)
    other.allow(author.site, tables=["task"])
    write(author, "INSERT INTO note VALUES ('m', 'x')")
    sync(author, hub)
    with pytest.raises(errors.NotAllowedError, match="writes table 'note'.*set aside as 1"):
        sync(other, hub)


def test_proofs_go_on_to_need_signatures(group: list[Replica]) -> None:
    """Where proofs are required, signatures can't be let go of: without them whoever says to be a site would speak for it."""
    hub, author, _ = group
    written(author, hub, "a")
    with pytest.raises(errors.UsageError, match="--no-require-proofs"):
        hub.set_requires_signed(False)
    with pytest.raises(errors.UntrustedError):
        hub.merge(forge.stripped(author.export()))
    hub.set_requires_proofs(False)
    hub.set_requires_signed(False)


def test_a_new_key_that_nothing_leads_to(group: list[Replica], tmp_path: Path) -> None:
    """After `sign --anew` and `trust` nothing counts that the stolen key signs, and nobody is sent what it signed before: the author brings that."""
    hub, author, other = group
    stolen, (first,) = links.secret(author), written(author, hub, "a")
    hub.merge(links.bundle([first]))
    key = author.sign(anew=True).key.hex()
    for replica in (hub, other):
        replica.trust(author.site, key)
    (second,) = written(author, hub, "b")
    forged = links.resigned(second, stolen, forge.with_sql(second[1], "UPDATE row_1 SET v0 = 'forged'"))
    for replica in (hub, other):
        with pytest.raises(errors.UntrustedError):
            replica.merge(links.bundle([forged]))
        hears(replica, forged[0], links.signed(replace(first[0], content=bytes(32)), stolen))
        assert is_believed(replica, author.site)
    assert author.export({}) and sync(author, other).skipped == []
    assert sync(author, hub).skipped == [] and sync(other, hub).skipped == []
    assert rows(other, "task") == rows(hub, "task") == [("a", "x", 1), ("b", "x", 1)]
    assert links.of_site(hub.export({}), author.site) == []


@pytest.mark.parametrize("late", [False, True])
def test_a_key_that_was_replaced(group: list[Replica], late: bool) -> None:
    """A chain goes on after a rotation, and old links are passed on; the key before signs nothing that comes later."""
    hub, author, other = group
    old, (first,) = links.secret(author), written(author, hub, "a")
    if not late:
        hub.merge(links.bundle([first]))
    author.sign(rotate=True)
    second = written(author, hub, "b")[-1]
    forged = links.resigned(second, old, forge.with_sql(second[1], "UPDATE row_1 SET v0 = 'forged'"))
    sync(author, hub)
    sync(hub, other)
    for replica in (hub, other):
        hears(replica, forged[0], links.signed(replace(second[0], number=9), old))
        assert rows(replica, "task") == [("a", "x", 1), ("b", "x", 1)] and is_believed(replica, author.site)
    with pytest.raises(errors.UntrustedError):
        hub.merge(links.bundle([forged]))


@pytest.mark.parametrize(
    "script",
    [
        "UPDATE _crdt_link SET data = x'00'",
        "UPDATE _crdt_link SET data = zeroblob(64)",
        "UPDATE _crdt_link SET content = x'00'",
        "UPDATE _crdt_link SET signature = zeroblob(64)",
        "UPDATE _crdt_link SET before = randomblob(32), signature = x''",
        "UPDATE _crdt_link SET number = -number",
        "UPDATE _crdt_link SET number = 9223372036854775807 - number",
        "UPDATE _crdt_link SET upto = 9223372036854775807, since = -1",
        "UPDATE _crdt_link SET site = randomblob(15)",
        "UPDATE _crdt_link SET at = -9223372036854775808",
        "UPDATE _crdt_meta SET value = 'x' WHERE name GLOB 'chain:*'",
        "UPDATE _crdt_meta SET value = '[[]]' WHERE name GLOB 'fork:*'",
        "DELETE FROM _crdt_link",
    ],
)
def test_whoever_writes_to_our_table_stops_nothing(group: list[Replica], script: str) -> None:
    """What somebody wrote to the table of links in a hub is not passed on as if it were signed; what is written from then on goes its way."""
    hub, author, other = group
    written(author, hub, "a", "b")
    sync(author, hub)
    put(hub, "h")
    hub.export({})
    hub.connection.execute(script)
    put(hub, "i")
    for one, another in ((hub, other), (author, other), (author, hub), (hub, other), (author, other), (other, hub)):
        sync(one, another)
    assert {row[0] for row in rows(other, "task")} >= {"a", "b"} and not hub.doctor().broken
    if "chain:" not in script:
        assert rows(other, "task") == rows(hub, "task") == rows(author, "task") and len(rows(hub, "task")) == 4


def test_no_other_types_fit_into_our_table(group: list[Replica]) -> None:
    """SQLite itself refuses what is no number, or no bytes."""
    written(group[1], group[0], "a")
    for column in ("site", "number", "upto", "data"):
        with pytest.raises(apsw.ConstraintError):
            group[1].connection.execute(f"UPDATE _crdt_link SET {column} = 'x'")


def test_links_that_were_set_aside(group: list[Replica]) -> None:
    """A link that breaks a permission is set aside as the link that it is: once it is taken, it is passed on."""
    hub, author, other = group
    hub.allow(author.site, tables=["task"], deletes=False)
    items = written(author, hub, "a")
    write(author, "DELETE FROM task WHERE id = 'a'", "INSERT INTO note VALUES ('n', 'x')")
    for _ in range(2):
        with pytest.raises(errors.NotAllowedError, match="set aside as 1"):
            hub.merge(author.export({}))
    written(author, hub, "b")
    with pytest.raises(errors.NotAllowedError, match="set aside as 1"):
        hub.merge(author.export({}))
    assert [row[0] for row in rows(hub, "task")] == ["a"] and len(hub.aside()) == 1
    with pytest.raises(errors.NotAllowedError):
        hub.take_aside(1)
    assert len(hub.aside()) == 1
    hub.allow_all(author.site)
    assert hub.take_aside(1).total.deleted == 1 and hub.aside() == []
    sync(author, hub)
    assert [link.number for link, _ in links.of_site(hub.export({}), author.site)] == [1, 2, 3]
    assert sync(hub, other).skipped == [] and rows(other, "task") == rows(hub, "task") and rows(other, "note")
    assert items[0][0].number == 1


def test_who_finds_out_and_when(group: list[Replica], tmp_path: Path) -> None:
    """Of two that were told different things the first one that hears of the other's link finds it out, and all whom it tells."""
    hub, author, other = group
    third = hub.clone(tmp_path / "third.db")
    for replica in group:
        replica.trust(third.site, third.sign().key.hex())
    (item,) = written(author, hub, "a")
    hub.merge(links.bundle([item]))
    other.merge(links.bundle([told_otherwise(author, item, "otherwise")]))
    sync(third, hub)
    assert not any(is_found_out(replica, author) for replica in (hub, other, third))
    put(hub, "h")
    sync(other, hub)
    assert is_found_out(other, author) and is_believed(third, author.site)
    put(other, "o")
    sync(other, hub)
    assert is_found_out(hub, author)
    put(hub, "h2")
    sync(third, hub)
    assert is_found_out(third, author) and len(third.notices) == 1


def test_what_a_hub_can_do_to_a_link(group: list[Replica]) -> None:
    """A link that a hub changed, signed itself, gave to another one, or put to another changeset, is refused, and the honest one taken."""
    hub, author, other = group
    first, second = written(author, hub, "a", "b")
    own, text = links.secret(hub), "UPDATE row_1 SET v0 = 'forged'"
    forged = [
        links.resigned(first, own, forge.with_sql(first[1], text)),
        links.resigned(first, own),
        (replace(first[0], content=unpack(second[1]).digest, upto=second[0].upto, since=second[0].since), second[1]),
        (second[0], first[1]),
        (first[0], second[1]),
        (links.signed(replace(first[0], site=bytes.fromhex(hub.site)), own), first[1]),
        (None, forge.with_sql(first[1], text)),
        (None, forge.signed(forge.with_sql(first[1], text), own)),
        (first[0], first[1][:-64] + bytes(64)),
    ]
    before = content(other.connection)
    for item in forged:
        with pytest.raises(errors.ChangesetError):
            other.merge(links.bundle([item]))
        assert content(other.connection) == before
    other.merge(links.bundle([first, first, second, first]))
    assert rows(other, "task") == rows(author, "task") and is_believed(other, author.site)


def test_links_of_another_order_or_with_gaps(group: list[Replica]) -> None:
    """A link that comes before what it builds on waits for it, and what does not is taken."""
    hub, author, other = group
    first, second = written(author, hub, "a", "b")
    with pytest.raises(errors.MissingChangesError):
        other.merge(links.bundle([second, first]))
    assert rows(other, "task") == [("a", "x", 1)]
    other.merge(links.bundle([second]))
    assert len(rows(other, "task")) == 2 and is_believed(other, author.site)


def test_a_vector_that_is_too_high_hides_nothing(group: list[Replica]) -> None:
    """What a hub says of others in a changeset of its own, to have all of it or more, keeps none of it away."""
    hub, author, other = group
    written(author, hub, "a")
    sync(author, hub)
    put(hub, "h")
    sync(other, hub)
    item = written(author, hub, "late")[-1]

    def claim(header: Any) -> None:
        for site in header["sites"]:
            if site["id"] == author.site:
                site["upto"] = site["needs"] = item[0].upto

    put(hub, "h2")
    plain = bytes_of(hub.export_spilled(other.vector(), bundled=False))
    for change in (claim, lambda header: [site.update(upto=site["upto"] + 2**40) for site in header["sites"]] and None):
        with pytest.raises(errors.ChangesetError):
            other.merge(forge.signed(forge.with_header(plain, change), links.secret(hub)))
    assert other.vector()[author.site] == hub.vector()[author.site]
    other.merge(links.bundle([item]))
    assert ("late", "x", 1) in rows(other, "task")


def test_deletes_of_several_links_count_together(group: list[Replica]) -> None:
    """Each link takes less than may go, all together more: nothing is taken, and of less everything."""
    hub, author, other = group
    write(author, *(f"INSERT INTO task VALUES ('k{n}', 'x', 1)" for n in range(60)))
    sync(author, hub)
    put(hub, "h")
    sync(other, hub)
    for n in range(0, 40, 10):
        write(author, *(f"DELETE FROM task WHERE id = 'k{m}'" for m in range(n, n + 10)))
        author.export({})
    data = author.export(other.vector())
    assert len(links.of_site(data, author.site)) == 4
    for limit in (25, "50%"):
        with pytest.raises(errors.TooManyDeletesError):
            other.merge(data, max_deletes=limit)
        assert len(rows(other, "task")) == 61
    other.merge(data, max_deletes=40)
    assert len(rows(other, "task")) == 21


def test_in_memory(group: list[Replica]) -> None:
    """A replica in memory keeps chains as one in a file does."""
    hub = group[0]
    held = Replica.on(apsw.Connection(":memory:"), now=peers.Clock(step=1))
    held.connection.execute(SCHEMA)
    held.enable("task", "note")
    links.introduced(held, hub)
    written(held, hub, "m")
    assert links.of_site(held.export({}), held.site) and sync(held, hub).skipped == []
    assert ("m", "x", 1) in rows(hub, "task")


def test_verbs_that_take_a_bundle(group: list[Replica]) -> None:
    """A sync for some tables, a preview, and a token for some tables look at all that a bundle has."""
    hub, author, other = group
    written(author, hub, "a")
    sync(author, hub)
    write(author, "INSERT INTO note VALUES ('n', 'x')")
    sync(author, hub)
    put(hub, "h")
    with pytest.raises(errors.TransportError, match="has changes of note too"):
        sync(other, hub, tables=["task"])
    found = other.preview(hub, push=False)
    assert rows(other, "task") == [] and found.here.rows
    token = Token("some", tables=("task",))
    asked = Request(hub.site, {}, changeset=hub.export(other.vector()), pull=False)
    for shown, sent, match in (
        (token, asked, "changes of note to give"),
        (Token("all"), asked._replace(changeset=b"x"), "not a changeset"),
    ):
        with pytest.raises(Refusal) as caught:
            permission.check(shown, sent, other, "db")
        assert match in str(caught.value.error)
    assert sync(other, hub, dry_run=True) and rows(other, "task") == []
