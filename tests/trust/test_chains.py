"""Chains: what sites signed of their own changes is passed on as they signed it, and who says two things is found out."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from crdtsql import Replica, errors, sync
from crdtsql.replica.opening import now_ms
from crdtsql.trust import chains
from crdtsql.wire import Bundle, is_bundle, pack_bundle, parts_of, read_bundle, unpack
from tests.support import peers
from tests.support.command import ok, refused
from tests.support.links import introduced, keeping_chains, secret, signed
from tests.support.peers import rows, write

SCHEMA = (
    "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title, votes INTEGER);"
    "CREATE TABLE ticket (id INTEGER PRIMARY KEY, body, parent REFERENCES ticket (id) ON DELETE CASCADE)"
)


def clones(folder: Path, count: int, now: Callable[[], int] | None = None) -> list[Replica]:
    """Give a replica that has rows, and clones of it."""
    path = folder / "hub.db"
    apsw.Connection(str(path)).execute(SCHEMA + "; INSERT INTO task VALUES ('old', 'x', 0)")
    hub = Replica.open(path, now=now or peers.Clock(step=1))
    hub.enable("task", "ticket", types={"task.votes": "counter"})
    return [hub, *(hub.clone(folder / f"{n}.db") for n in range(1, count))]


@pytest.fixture
def three(tmp_path: Path) -> Iterator[list[Replica]]:
    """Give a hub and two clones, which sync with the hub alone; all require proofs."""
    found = clones(tmp_path, 3)
    introduced(*found)
    yield found
    for replica in found:
        replica.close()


def links(replica: Replica) -> list[tuple[str, int]]:
    """Return the links that a file keeps with their changesets: site and number, in order."""
    statement = "SELECT lower(hex(site)), number FROM _crdt_link WHERE data IS NOT NULL ORDER BY id"
    return list(replica.connection.execute(statement))


def level(*replicas: Replica) -> None:
    """Sync all with the first one, until all have everything."""
    for _ in range(2):
        for other in replicas[1:]:
            assert sync(other, replicas[0]).skipped == []


def alike(*replicas: Replica) -> bool:
    """Tell whether all show the same, and have seen the same."""
    shown = [(replica.vector(), rows(replica, "task"), rows(replica, "ticket")) for replica in replicas]
    return all(one == shown[0] for one in shown)


def test_a_hub_passes_on_what_others_signed(three: list[Replica]) -> None:
    """What one wrote reaches another by way of a hub that may not speak for it: rows, counters, numbers, deletes, references."""
    hub, one, other = three
    write(one, "INSERT INTO task VALUES ('a', 'x', 1)", "INSERT INTO ticket VALUES (1, 'one', NULL), (2, 'its', 1)")
    write(other, "UPDATE task SET votes = votes + 2", "INSERT INTO ticket VALUES (1, 'other', NULL)")
    level(*three)
    assert alike(*three) and len(rows(hub, "ticket")) == 3
    write(one, "UPDATE task SET votes = votes + 5, title = 'y'", "DELETE FROM ticket WHERE body = 'one'")
    write(other, "DELETE FROM task WHERE id = 'a'", "INSERT OR REPLACE INTO task VALUES ('old', 'z', 9)")
    write(hub, "INSERT INTO ticket (body) VALUES ('hub')")
    level(*three)
    assert alike(*three)
    assert all(found.level != "broken" for replica in three for found in replica.doctor().findings)


def test_a_hub_without_chains_passes_nothing_on(tmp_path: Path) -> None:
    """Where proofs are required, what a hub sends of others as its own word waits, and the report says why."""
    hub, one, other = clones(tmp_path, 3)
    introduced(one, other)
    key = hub.sign().key.hex()
    for replica in (one, other):
        replica.trust(hub.site, key)
    write(one, "INSERT INTO task VALUES ('a', 'x', 1)")
    sync(one, hub)
    report = sync(other, hub)
    assert "its own changes alone" in report.skipped[0] and len(rows(other, "task")) == 1
    sync(other, one)
    assert rows(other, "task") == rows(one, "task")
    assert sync(other, hub).skipped == []


def test_whoever_requires_nothing_takes_a_bundle(tmp_path: Path) -> None:
    """A replica that signs nothing, or keeps no chains, merges what one sends that does."""
    hub, one, other, plain = clones(tmp_path, 4)
    introduced(hub, one, other)
    write(one, "INSERT INTO task VALUES ('a', 'x', 1)")
    write(other, "INSERT INTO task VALUES ('b', 'x', 1)")
    level(hub, one, other)
    data = hub.export(plain.vector())
    assert is_bundle(data) and len(parts_of(data)) == 3
    plain.merge(data)
    assert rows(plain, "task") == rows(hub, "task") and plain.vector() == hub.vector()
    assert plain.merge(data).known


def test_what_was_written_before_chains_is_no_part_of_them(tmp_path: Path) -> None:
    """A chain begins when it is asked for: what is passed on of what came before is the sender's word."""
    hub, one, other = clones(tmp_path, 3)
    write(one, "INSERT INTO task VALUES ('a', 'x', 1)")
    keeping_chains(hub, one, other)
    write(one, "INSERT INTO task VALUES ('b', 'x', 1)")
    sync(one, hub)
    assert links(one) == [(one.site, 1)]
    first = unpack(parts_of(hub.export(other.vector()))[0]).header
    assert first.sender.hex() == hub.site  # a link that builds on what is no link can't be taken first
    sync(other, hub)
    assert rows(other, "task") == rows(one, "task")


def test_what_a_link_builds_on_comes_before_it(tmp_path: Path) -> None:
    """A link that builds on what is in no link is not sent ahead of that: the whole comes as its sender's word then."""
    hub, one, other, late = clones(tmp_path, 4)
    write(one, "INSERT INTO task VALUES ('a', 'x', 1)")
    level(hub, one, other)
    keeping_chains(hub, one, other, late)
    write(other, "INSERT INTO task VALUES ('b', 'x', 1)")
    sync(other, hub)
    assert links(hub) == [(other.site, 1)]
    late.merge(hub.export(late.vector()))
    assert rows(late, "task") == rows(hub, "task")


def test_a_link_has_its_authors_changes_alone(three: list[Replica]) -> None:
    """However much came from others, each link has what its author wrote since the one before, and is the same everywhere."""
    hub, one, other = three
    for n in range(3):
        write(one, f"INSERT INTO task VALUES ('a{n}', 'x', 1)")
        write(other, f"INSERT INTO task VALUES ('b{n}', 'x', 1)")
        level(*three)
    assert (
        sorted(links(hub))
        == sorted(links(one))
        == sorted((site, n) for site in (one.site, other.site) for n in (1, 2, 3))
    )
    kept = [dict(replica.connection.execute("SELECT content, data FROM _crdt_link")) for replica in three]
    assert kept[0] == kept[1] == kept[2]
    for data in kept[0].values():
        header = unpack(data).header
        assert all(site.upto == site.needs for site in header.sites if site.id != header.sender)


def test_who_signs_two_things_is_believed_no_more(three: list[Replica]) -> None:
    """A site that signed two links of one number is named and quarantined where both are heard of, and the proof goes on from there."""
    hub, one, other = three
    write(one, "INSERT INTO task VALUES ('a', 'x', 1)")
    level(*three)
    (link,) = [found for found in chains.heads(hub.registry) if found.site.hex() == one.site]
    forged = dataclasses.replace(link, content=bytes(32))
    unproven = Bundle(((None, hub.export(other.vector())),), (forged,))
    other.merge(pack_bundle(unproven))
    assert not any(found.forked for found in other.trusted())  # anybody can say that
    forged = signed(forged, secret(one))
    hub.merge(pack_bundle(Bundle(((None, other.export(hub.vector())),), (forged,))))
    assert "signed two things as link 1" in hub.notices[-1]
    write(hub, "INSERT INTO task VALUES ('h', 'x', 1)")
    write(one, "INSERT INTO task VALUES ('b', 'x', 1)")
    sync(other, hub)
    for replica in (hub, other):
        (named,) = [found for found in replica.trusted() if found.forked]
        assert named.site.hex() == one.site and named.until is not None and not named.trusted
        assert any(found.about == "fork" for found in replica.doctor().findings)
        with pytest.raises(errors.UntrustedError, match="because it signed two things as link 1"):
            replica.merge(one.export(replica.vector()))
    hub.trust(one.site)
    sync(other, hub)  # which tells of the same two links again
    hub.merge(one.export(hub.vector()))
    assert ("b", "x", 1) in rows(hub, "task")


def test_what_was_purged_stands_in_no_link(three: list[Replica]) -> None:
    """A purge takes the changesets of links away, here and wherever it comes to: they have what must be forgotten."""
    hub, one, other = three
    write(one, "INSERT INTO task VALUES ('s', 'secret words', 1)")
    level(*three)
    write(hub, "DELETE FROM task WHERE id = 's'")
    level(*three)
    hub.purge("task", "s")
    level(*three)
    for replica in three:
        assert not any(number == 1 and site == one.site for site, number in links(replica))
    write(other, "INSERT INTO task VALUES ('c', 'x', 1)")
    level(*three)
    assert alike(*three)


def test_a_chain_goes_on_where_it_was(three: list[Replica]) -> None:
    """Ended and begun again, or without its table, a chain goes on after its last link: nobody takes that for two chains."""
    hub, one, other = three
    write(one, "INSERT INTO task VALUES ('a', 'x', 1)")
    level(*three)
    one.set_requires_proofs(False)
    one.set_chains(False)
    write(one, "INSERT INTO task VALUES ('b', 'x', 1)")
    sync(one, hub)
    one.set_requires_proofs(True)
    write(one, "INSERT INTO task VALUES ('c', 'x', 1)")
    one.connection.execute("DROP TABLE _crdt_link")
    one.repair()
    sync(one, hub)
    assert links(one) == [(one.site, 2)]
    sync(other, one)
    level(*three)
    assert alike(*three) and not any(found.forked for replica in three for found in replica.trusted())


def test_proofs_need_signatures(tmp_path: Path) -> None:
    """A file that does not sign can't require proofs, nor keep chains, and says what to do first; one that requires them keeps them."""
    hub, _ = clones(tmp_path, 2)
    for ask in (lambda: hub.set_requires_proofs(True), lambda: hub.set_chains(True)):
        with pytest.raises(errors.UsageError, match="crdtsql sign"):
            ask()
    hub.sign()
    hub.set_requires_proofs(True)
    assert hub.chains() and hub.requires_proofs() and hub.requires_signed()
    with pytest.raises(errors.UsageError, match="--no-require-proofs"):
        hub.set_chains(False)


def test_heads_travel_with_bundles(three: list[Replica]) -> None:
    """A bundle tells the last link of each chain that its sender knows."""
    hub, one, other = three
    write(one, "INSERT INTO task VALUES ('a', 'x', 1)")
    write(other, "INSERT INTO task VALUES ('b', 'x', 1)")
    sync(one, hub)
    sync(other, hub)
    heads = read_bundle(hub.export(one.vector())).heads
    assert {(head.site.hex(), head.number) for head in heads} == {(one.site, 1), (other.site, 1)}
    assert all(chains.is_signed(one.registry, head) for head in heads)


def test_links_never_wait_for_each_other(tmp_path: Path) -> None:
    """What a copy of a file has seen of it was signed before anything of the copy comes back, so both can be passed on."""
    hub, one, other = clones(tmp_path, 3)
    introduced(hub, one, other)
    write(one, "INSERT INTO task VALUES ('a', 'x', 1)")
    one.fold()
    one.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(tmp_path / "1.db", tmp_path / "copy.db")
    with Replica.open(tmp_path / "copy.db", now=peers.Clock(step=1)) as copy:
        assert copy.site != one.site
        introduced(hub, one, other, copy)
        write(copy, "INSERT INTO task VALUES ('c', 'x', 1)")
        one.merge(copy.export(one.vector()))
        write(one, "INSERT INTO task VALUES ('b', 'x', 1)")
        sync(one, hub)
        assert sync(other, hub).skipped == []
        assert rows(other, "task") == rows(one, "task") and len(rows(one, "task")) == 4


def test_links_go_once_all_have_had_them_for_a_month(tmp_path: Path) -> None:
    """The changesets of links go a month after they came, if all who were heard of have them; what was signed of them stays."""
    clock = peers.Clock(step=1)
    hub, one, other = clones(tmp_path, 3, clock)
    introduced(hub, one, other)
    write(one, "INSERT INTO task VALUES ('a', 'x', 1)")
    write(other, "INSERT INTO task VALUES ('b', 'x', 1)")
    level(hub, one, other)
    write(one, "INSERT INTO task VALUES ('late', 'x', 1)")
    sync(one, hub)
    clock.ms += chains.KEPT_MS + 1000
    write(hub, "INSERT INTO task VALUES ('h', 'x', 1)")
    hub.export()
    assert links(hub) == [(one.site, 2), (hub.site, 1)]
    kept = [number for (number,) in hub.connection.execute("SELECT number FROM _crdt_link ORDER BY id")]
    assert kept == [1, 1, 2, 1]
    sync(other, hub)
    assert rows(other, "task") == rows(hub, "task")


def test_a_hub_that_writes_nothing_forgets_links_too(tmp_path: Path) -> None:
    """Who only passes links on forgets them as those do who write."""
    clock = peers.Clock(step=1)
    hub, one, other = clones(tmp_path, 3, clock)
    introduced(hub, one, other)
    for site in (one, other):
        write(site, f"INSERT INTO task VALUES ('{site.site}', 'x', 1)")
    level(hub, one, other)
    clock.ms += chains.KEPT_MS + 1000
    for site in (one, other):
        write(site, "UPDATE task SET title = title || 'y'")
        level(hub, one, other)
    assert links(hub) == [(one.site, 2), (other.site, 2)]


def test_an_older_format_knows_no_chain(three: list[Replica]) -> None:
    """A file that keeps chains is not written in an earlier format before that is ended, and says how."""
    hub, _, _ = three
    with pytest.raises(errors.CrdtsqlError, match="--no-chain"):
        hub.downgrade(10)
    hub.set_requires_proofs(False)
    hub.set_chains(False)
    hub.downgrade(10)
    assert not list(hub.connection.execute("SELECT 1 FROM sqlite_schema WHERE name = '_crdt_link'"))


def test_the_commands_say_and_list_it(tmp_path: Path) -> None:
    """`sign --chain` and `trust --require-proofs` switch it, and both say how it stands, for people and as JSON."""
    hub, _ = clones(tmp_path, 2)
    path = tmp_path / "hub.db"
    assert "in a chain of links" in ok("sign", path, "--chain")
    assert json.loads(ok("sign", path, "--no-chain", "--json"))["chain"] is False
    assert "as it signed it" in ok("trust", path, "--require-proofs")
    found = json.loads(ok("trust", path, "--json"))
    assert (found["required"], found["proofs"], found["sites"][0]["forked"]) == (True, True, 0)
    assert "--no-require-proofs" in refused("sign", path, "--no-chain", code=2)
    assert hub.requires_proofs()


def test_a_bundle_can_be_looked_at_and_imported(tmp_path: Path) -> None:
    """`export` writes a bundle where there are links, `inspect` shows each changeset of it, `import` takes it."""
    hub, one, other = clones(tmp_path, 3, now_ms)
    introduced(hub, one, other)
    write(one, "INSERT INTO task VALUES ('a', 'x', 1)")
    sync(one, hub)
    write(hub, "INSERT INTO task VALUES ('h', 'x', 1)")
    (tmp_path / "vector").write_text(ok("vector", tmp_path / "2.db"))
    file = tmp_path / "b.crdt"
    written = json.loads(ok("export", tmp_path / "hub.db", "--for", tmp_path / "vector", "-o", file, "--json"))
    assert (written["rows"], written["empty"]) == (2, False)
    assert "bundle of 3 changesets" in ok("inspect", file)
    told = json.loads(ok("inspect", file, "--json"))
    assert [found["sender"] for found in told["changesets"]] == [one.site, hub.site, hub.site]
    ok("import", tmp_path / "2.db", file)
    assert rows(other, "task") == rows(hub, "task")


def test_a_folder_beside_peers(tmp_path: Path) -> None:
    """Where two sync with each other and all by way of a folder, each puts its own changes there, and everybody gets everything."""
    hub, one, other = clones(tmp_path, 3, now_ms)
    introduced(hub, one, other)
    (tmp_path / "store").mkdir()
    store = f"dir:{tmp_path / 'store'}"
    for n in range(3):
        write(one, f"INSERT INTO task VALUES ('o{n}', 'x', 1)")
        sync(one, hub)
        write(hub, f"INSERT INTO task VALUES ('h{n}', 'x', 1)")
        sync(hub, one)
    for _ in range(3):
        for replica in (one, hub, other):
            assert sync(replica, store).skipped == []
    assert alike(hub, one, other) and len(rows(other, "task")) == 7
    before = sorted(path.name for path in (tmp_path / "store").rglob("*"))
    for replica in (one, hub, other):
        sync(replica, store)
    assert sorted(path.name for path in (tmp_path / "store").rglob("*")) == before


def test_a_key_that_was_replaced_counts_for_what_it_signed(tmp_path: Path) -> None:
    """Who was told the newest key of a site alone takes the links that it signed with the one before."""
    hub, one, other = clones(tmp_path, 3)
    introduced(hub, one)
    key = hub.sign().key.hex()
    write(one, "INSERT INTO task VALUES ('a', 'x', 1)")
    sync(one, hub)
    newest = one.sign(rotate=True).key.hex()
    write(one, "INSERT INTO task VALUES ('b', 'x', 1)")
    sync(one, hub)
    other.sign()
    other.trust(hub.site, key)
    other.trust(one.site, newest)
    hub.trust(other.site, other.sign().key.hex())
    other.set_requires_proofs(True)
    assert sync(other, hub).skipped == []
    assert rows(other, "task") == rows(one, "task")


def test_what_was_written_after_a_purge_is_passed_on(tmp_path: Path) -> None:
    """A purge takes links away once: what is signed later goes on from one to the next along a line."""
    first, second, third, last = clones(tmp_path, 4)
    introduced(first, second, third, last)
    write(first, "INSERT INTO task VALUES ('s', 'secret', 1)")
    line = [(first, second), (second, third), (third, last)]
    for pair in line:
        sync(*pair)
    write(first, "DELETE FROM task WHERE id = 's'")
    first.purge("task", "s")
    for pair in line:
        assert sync(*pair).skipped == []
    write(first, "INSERT INTO task VALUES ('t', 'x', 1)")
    sync(first, second)
    write(first, "INSERT INTO task VALUES ('s', 'again', 1)")
    for pair in line:
        assert sync(*pair).skipped == []
    assert rows(last, "task") == rows(first, "task") and len(rows(last, "task")) == 3


def test_a_copy_passes_on_what_a_later_key_signed(tmp_path: Path) -> None:
    """A link that its site signed with a key which the one that is known leads to is passed on, also by who never merged it."""
    hub, one, other = clones(tmp_path, 3)
    introduced(hub, one, other)
    first = one.trusted()[[found.site.hex() for found in one.trusted()].index(one.site)].key.hex()
    one.sign(rotate=True)
    write(one, "INSERT INTO task VALUES ('a', 'x', 1)")
    one.export({})
    one.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(tmp_path / "1.db", tmp_path / "copy.db")
    with Replica.open(tmp_path / "copy.db", now=peers.Clock(step=1)) as copy:
        key = copy.sign().key.hex()
        copy.trust(one.site, first)
        other.trust(copy.site, key)
        assert sync(other, copy).skipped == []
        assert rows(other, "task") == rows(one, "task")
