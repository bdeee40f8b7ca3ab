"""Permissions: what a site may write here, and what becomes of a changeset that breaks that."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from crdtsql import Replica, errors, sync
from crdtsql.base import Agreement
from crdtsql.transports import messages
from crdtsql.transports.exchange import answer
from crdtsql.transports.interface import Peer, Request, Response
from crdtsql.trust import aside, permissions
from crdtsql.wire.envelope import unpack
from tests.support import forge, peers
from tests.support.peers import rows, write
from tests.support.state import content

SCHEMA = (
    "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title, votes INTEGER); CREATE TABLE note (id TEXT PRIMARY KEY NOT NULL, body);"
    "CREATE TABLE ticket (id INTEGER PRIMARY KEY, body)"
)


@pytest.fixture
def three(tmp_path: Path) -> list[Replica]:
    """Give three replicas that have met; of the third one the first takes only what it writes to `note`."""
    found = peers.three(tmp_path, SCHEMA, now=peers.Clock(step=1))
    write(found[0], "INSERT INTO task VALUES ('a', 'x', 1), ('b', 'y', 1)", "INSERT INTO note VALUES ('n', 'x')")
    for other in found[1:]:
        sync(found[0], other)
    found[0].allow(found[2].site, tables=["NOTE"])
    return found


def refuses(replica: Replica, data: bytes, match: str) -> errors.NotAllowedError:
    """Check that a changeset is refused because of a permission, and that nothing changes but for what is set aside."""
    before = shown(replica)
    with pytest.raises(errors.NotAllowedError, match=match) as caught:
        replica.merge(data)
    assert shown(replica) == before
    return caught.value


def shown(replica: Replica) -> Any:
    """Return all that a file holds, but for what is set aside, and its facts; and its vector."""
    held = content(replica.connection).tables
    return replica.vector(), {
        name: found for name, found in held.items() if name not in ("schema", "_crdt_aside", "_crdt_meta")
    }


def delta(sender: Replica, receiver: Replica, *statements: str) -> bytes:
    """Write statements, and return what a receiver lacks then."""
    write(sender, *statements)
    return sender.export(receiver.vector())


@pytest.mark.parametrize("who", ["this one", "another"])
@pytest.mark.parametrize("wish", ["a permission", "signatures", "a revocation"])
def test_what_was_said_counts_at_once(tmp_path: Path, wish: str, who: str) -> None:
    """A replica that has taken changesets refuses the next one, whichever connection to the file said that it must."""
    one, other = peers.two(tmp_path, SCHEMA, now=peers.Clock(step=1))
    for key in ("a", "b"):
        one.merge(delta(other, one, f"INSERT INTO task VALUES ('{key}', 'x', 1)"))
    with nullcontext(one) if who == "this one" else Replica.open(tmp_path / "1.db", now=peers.Clock(step=1)) as saying:
        if wish == "a permission":
            saying.allow(other.site, tables=["note"])
        elif wish == "signatures":
            saying.set_requires_signed(True)
        else:
            saying.revoke(other.site)
    data = delta(other, one, "INSERT INTO task VALUES ('c', 'x', 1)")
    with pytest.raises(errors.NotAllowedError if wish == "a permission" else errors.UntrustedError):
        one.merge(data)
    assert rows(one, "task") == [("a", "x", 1), ("b", "x", 1)]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO task VALUES ('c', 'z', 1)",
        "UPDATE task SET title = 'other' WHERE id = 'a'",
        "DELETE FROM task WHERE id = 'a'",
        "INSERT INTO ticket (body) VALUES ('x')",
        "UPDATE note SET body = 'fine'; UPDATE task SET votes = 7",
    ],
)
def test_other_tables(three: list[Replica], statement: str) -> None:
    """A changeset that writes another table is refused as a whole, sent by its site or passed on by another."""
    one, other, limited = three
    refuses(one, delta(limited, one, statement), "writes table '(task|ticket)'")
    sync(limited, other)
    error = refuses(one, other.export(one.vector()), f"which site {limited.site} may not")
    assert error.site == limited.site and rows(one, "note") == [("n", "x")]


def test_what_is_allowed(three: list[Replica]) -> None:
    """What a site may write is taken, from itself and from others; others may write anything."""
    one, other, limited = three
    one.merge(delta(limited, one, "UPDATE note SET body = 'own'", "INSERT INTO note VALUES ('m', 'x')"))
    sync(limited, other)
    one.merge(delta(other, one, "DELETE FROM task WHERE id = 'a'", "INSERT INTO note VALUES ('o', 'x')"))
    assert [row[0] for row in rows(one, "note")] == ["m", "n", "o"] and len(rows(one, "task")) == 1
    one.merge(delta(limited, one, "DELETE FROM note WHERE id = 'm'"))
    assert [row[0] for row in rows(one, "note")] == ["n", "o"]


@pytest.mark.parametrize("purged", [False, True])
def test_deletes(three: list[Replica], purged: bool) -> None:
    """Who may not delete may do all else; a purge is a delete, also when the row was written since."""
    one, other, limited = three
    one.allow(limited.site, deletes=False)
    one.merge(delta(limited, one, "UPDATE task SET title = 'fine'", "INSERT INTO task VALUES ('c', 'z', 1)"))
    sync(one, other)
    write(limited, "DELETE FROM task WHERE id = 'c'")
    if purged:
        limited.purge("task", ["c"])
        write(limited, "INSERT INTO task VALUES ('c', 'again', 1)")
    refuses(one, limited.export(one.vector()), "deletes rows of table 'task'")
    sync(limited, other)
    write(other, "UPDATE task SET title = 'written too'")
    refuses(one, other.export(one.vector()), "deletes rows of table 'task'")


def test_a_delete_beside_an_add(three: list[Replica]) -> None:
    """A delete counts too where another site wrote the row at the same time, so that it lives."""
    one, other, limited = three
    one.allow(limited.site, deletes=False)
    write(limited, "DELETE FROM task WHERE id = 'a'")
    write(other, "UPDATE task SET title = 'at once' WHERE id = 'a'")
    sync(limited, other)
    assert len(rows(other, "task")) == 2
    refuses(one, other.export(one.vector()), "deletes rows of table 'task'")


def test_typed_columns(tmp_path: Path) -> None:
    """A write that left nothing but a part of a cell counts."""
    found = peers.three(tmp_path, SCHEMA, now=peers.Clock(step=1))
    one, other, limited = found
    write(one, "INSERT INTO task VALUES ('a', 'x', 1)")
    for replica in found:
        replica.set_type("task", "votes", "counter")
    for replica in found[1:]:
        sync(one, replica)
    one.allow(limited.site, tables=["note"])
    sync(other, limited)
    write(limited, "UPDATE task SET votes = votes + 1")
    sync(other, limited)
    write(other, "UPDATE task SET votes = votes + 5")
    refuses(one, other.export(one.vector()), "writes table 'task'")
    one.allow(limited.site)
    one.merge(other.export(one.vector()))
    assert rows(one, "task") == [("a", "x", 7)]


def test_a_genesis(tmp_path: Path) -> None:
    """The rows that were there when a site enabled a table are its writes."""
    one, limited = peers.two(tmp_path, SCHEMA, now=peers.Clock(step=1))
    write(limited, "CREATE TABLE more (id TEXT PRIMARY KEY NOT NULL, x); INSERT INTO more VALUES ('a', 1)")
    limited.enable("more")
    one.allow(limited.site, tables=["task"])
    refuses(one, limited.export(), "writes table 'more'")


def test_many_columns(tmp_path: Path) -> None:
    """Tables of many columns are looked at as a whole."""
    columns = ", ".join(f"c{n}" for n in range(400))
    schema = f"CREATE TABLE wide (id TEXT PRIMARY KEY NOT NULL, {columns}); {SCHEMA}"
    one, other, limited = peers.three(tmp_path, schema, now=peers.Clock(step=1))
    write(other, "INSERT INTO wide (id) VALUES ('a')")
    for replica in (one, limited):
        sync(other, replica)
    one.allow(limited.site, tables=["task"])
    write(limited, "UPDATE wide SET c399 = 1")
    sync(other, limited)
    write(other, "UPDATE wide SET c0 = 1")
    refuses(one, other.export(one.vector()), "writes table 'wide'")
    one.allow(limited.site)
    data = forge.with_sql(
        delta(limited, one, "UPDATE wide SET c398 = 2"),
        "UPDATE row_1 SET p6 = p6 | 1 << 38, v398 = 'forged', t398 = 5, s398 = 2",
    )
    refuses(one, data, "others are said to have written")


def test_it_speaks_for_itself_alone(three: list[Replica]) -> None:
    """What a limited site sends may bring nothing that others wrote; once these have brought it, its own changes are taken."""
    one, other, limited = three
    write(other, "INSERT INTO note VALUES ('of other', 'x')")
    sync(limited, other)
    write(limited, "INSERT INTO note VALUES ('own', 'x')")
    refuses(
        one,
        limited.export(one.vector()),
        f"changes of other sites, the first of them {other.site}.* once .* has got these",
    )
    sync(other, one)
    one.merge(limited.export())
    assert [row[0] for row in rows(one, "note")] == ["n", "of other", "own"]


def test_numbers_are_given_once(three: list[Replica]) -> None:
    """No number is given to two changesets, also where the file was opened anew meanwhile: a command that somebody noted takes no other one."""
    one, _, limited = three
    numbers = []
    for key in "cde":
        error = refuses(one, delta(limited, one, f"INSERT INTO task VALUES ('{key}', 'z', 1)"), "set aside as")
        numbers.append(error.number)
        with Replica.open(one.path) as again:
            again.drop_aside(*(found.number for found in again.aside()))
    assert numbers == [1, 2, 3]


@pytest.mark.parametrize("way", ["file", "messages"])
@pytest.mark.parametrize("who", ["it", "the other"])
def test_a_sync_goes_both_ways(three: list[Replica], who: str, way: str) -> None:
    """A sync with a limited site that knows what others wrote brings what can be brought, says what waits, and ends well; what waits comes
    once the others have brought theirs.
    """
    one, other, limited = three
    write(other, "INSERT INTO note VALUES ('of other', 'x')")
    sync(limited, other)
    write(limited, "INSERT INTO note VALUES ('own', 'x')")
    write(one, "INSERT INTO task VALUES ('c', 'z', 1)")
    first, second = (limited, one) if who == "it" else (one, limited)
    remote = second if way == "file" else Carried(second)
    report = sync(first, remote)
    assert [f"brings changes of other sites, the first of them {other.site}" in why for why in report.skipped] == [True]
    assert [row[0] for row in rows(limited, "task")] == ["a", "b", "c"] and [*map(tuple, rows(one, "note"))] == [
        ("n", "x")
    ]
    assert one.aside() == []
    sync(other, one)
    assert sync(first, remote).skipped == []
    assert [row[0] for row in rows(one, "note")] == ["n", "of other", "own"] and rows(limited, "task") == rows(
        one, "task"
    )
    assert one.vector() == limited.vector()


def test_what_waits_is_an_error_for_who_does_not_know(three: list[Replica]) -> None:
    """Who does not understand that a changeset waits hears of an error, as ever; and what a limited site may not write stays one."""
    one, other, limited = three
    write(other, "INSERT INTO note VALUES ('of other', 'x')")
    sync(limited, other)
    write(limited, "INSERT INTO note VALUES ('own', 'x')")
    request = Request(limited.site, limited.vector(), changeset=limited.export(one.vector()))
    with pytest.raises(errors.NotAllowedError, match="changes of other sites"):
        answer(one, request)
    assert "changes of other sites" in str(answer(one, request._replace(hears_waits=True)).waits)
    sync(other, one)
    write(limited, "INSERT INTO task VALUES ('c', 'z', 1)")
    with pytest.raises(errors.NotAllowedError, match="writes table 'task'"):
        sync(limited, one)


class Carried(Peer):
    """A replica that is asked by messages."""

    address = "carried"

    def __init__(self, replica: Replica) -> None:
        self.replica = replica

    def exchange(self, request: Request) -> Response:
        """Carry the bytes there and back."""
        response = answer(self.replica, messages.unpack_request(messages.pack_request(request)))
        return messages.unpack_response(messages.pack_response(response), self.address)


def test_it_can_not_write_as_another(three: list[Replica]) -> None:
    """A cell under the name of another site, one that this replica has later events of too, is refused."""
    one, other, limited = three
    write(other, "UPDATE note SET body = 'later'")
    sync(one, other)
    sync(one, limited)
    data = delta(limited, one, "INSERT INTO note VALUES ('own', 'x')")
    ordinal = next(site["ordinal"] for site in forge.parts(data)[0]["sites"] if site["id"] == other.site)
    upto = int(one.vector()[other.site])
    forged = forge.with_sql(data, f"UPDATE row_1 SET v0 = 'forged', t0 = {upto}, s0 = {ordinal}, p0 = 1")
    refuses(one, forged, "others are said to have written")


def test_it_can_not_leave_itself_out(three: list[Replica]) -> None:
    """Nor by a changeset that does not list its sender among the sites, as that of one that wrote nothing."""
    one, other, limited = three
    data = delta(other, one, "UPDATE note SET body = 'later'")
    assert limited.site not in [site["id"] for site in forge.parts(data)[0]["sites"]]

    def know_all(header: Any) -> None:
        for site in header["sites"]:
            site["needs"] = site["upto"]

    named = forge.with_header(data, lambda header: header | {"sender": limited.site})
    forged = forge.with_sql(named, "UPDATE row_1 SET v0 = 'forged', p0 = 1")
    for tables in (["note"], None):
        one.allow(limited.site, tables=tables)
        refuses(one, forged, f"brings changes of other sites, the first of them {other.site}")
    upto = int(other.vector()[other.site])
    sync(other, one)
    write(other, "UPDATE note SET body = 'later still'")
    sync(other, one)
    known = forge.with_header(forged, know_all)
    assert one.merge(known).known and unpack(known).header.vector[bytes.fromhex(other.site)] == upto
    assert ("n", "later still") in rows(one, "note")


def test_it_can_not_claim_what_others_have(three: list[Replica]) -> None:
    """A claim to have later changes of another site is refused, so that those are still asked for."""
    one, other, limited = three
    data = delta(limited, one, "INSERT INTO note VALUES ('own', 'x')")

    def claim(header: Any) -> None:
        for site in header["sites"]:
            if site["id"] == other.site:
                site["upto"] += 10**12

    refuses(one, forge.with_header(data, claim), f"changes of other sites, the first of them {other.site}")
    write(other, "INSERT INTO note VALUES ('of other', 'x')")
    sync(one, other)
    assert ("of other", "x") in rows(one, "note")


def test_it_can_not_make_another_a_new_site(three: list[Replica]) -> None:
    """What a limited site claims of this file's own changes is no proof that the file was rolled back."""
    one, _, limited = three
    one.allow(limited.site)
    site, data = one.site, delta(limited, one, "INSERT INTO note VALUES ('own', 'x')")

    def claim(header: Any) -> None:
        for known in header["sites"]:
            if known["id"] == site:
                known["upto"] += 65536

    with pytest.raises(errors.ChangesetError):
        one.merge(forge.with_header(data, claim))
    assert one.site == site


@pytest.mark.parametrize("who", ["this one", "another"])
def test_its_claims_stop_to_count_at_once(tmp_path: Path, who: str) -> None:
    """Nor is it one on a connection that has just taken changes of the site as those of one that may write anything."""
    one, other = peers.two(tmp_path, SCHEMA, now=peers.Clock(step=1))
    for key in ("a", "b"):
        other.merge(delta(one, other, f"INSERT INTO note VALUES ('mine {key}', 'x')"))
        one.merge(delta(other, one, f"INSERT INTO note VALUES ('{key}', 'x')"))
    site, data = one.site, delta(other, one, "INSERT INTO note VALUES ('own', 'x')")
    with nullcontext(one) if who == "this one" else Replica.open(one.path, now=peers.Clock(step=1)) as saying:
        saying.allow(other.site)

    def claim(header: Any) -> None:
        for known in header["sites"]:
            if known["id"] == site:
                known["upto"] += 65536

    with pytest.raises(errors.ChangesetError):
        one.merge(forge.with_header(data, claim))
    assert one.site == site


def test_what_it_says_of_others(three: list[Replica]) -> None:
    """Names of others, what they knew, and what they agreed to forget, are not believed from a limited site."""
    one, other, limited = three
    one.allow(limited.site)
    write(other, "UPDATE note SET body = 'late'")
    for replica in (one, limited):
        sync(other, replica)
    data = delta(limited, one, "INSERT INTO note VALUES ('more', 'x')")
    floor = {other.site: 1}

    def say(header: Any) -> None:
        header["names"] = {other.site: ["forged", 7], limited.site: ["own", 1]}
        header["compaction"] = {
            "round": 3,
            "cut": floor,
            "acks": [other.site, limited.site],
            "ends": {other.site: [1, limited.site]},
        }

    numbers = {site["id"]: site["ordinal"] for site in forge.parts(data)[0]["sites"]}
    mine, theirs = numbers[limited.site], numbers[other.site]
    forged = forge.with_header(data, say)
    one.merge(forge.with_sql(forged, f"INSERT INTO merged VALUES ({mine}, {theirs}, 1, 1)"))
    assert one.names() == {limited.site: "own"}
    member = {one_.site: one_.compaction for one_ in one.members()}
    assert member[limited.site] == "agreed" and member.get(other.site) in (None, "awaited")


def test_what_it_says_in_the_header(three: list[Replica]) -> None:
    """Of a limited site's header what it says of others' purges, of tables that are not here, and of those without rows does not count."""
    one, other, limited = three
    one.allow(limited.site)
    data = delta(limited, one, "INSERT INTO note VALUES ('own', 'x')")
    numbers = {site["id"]: site["ordinal"] for site in forge.parts(data)[0]["sites"]}
    mine, theirs = numbers[limited.site], numbers[one.site]

    def say(header: Any) -> None:
        header["eras"] = {"made up": 7}
        header["purges"] = [[1, theirs, "note", "n"], [2, mine, "note", "own"]]
        header["unseen"] = [[1, theirs, "body"], [2, mine, "body"]]

    said = unpack(forge.with_header(data, say)).header
    found = permissions.own_words(one.registry, said, Agreement())
    assert (found.eras, [one_.site for one_ in found.purges], [one_.site for one_ in found.unseen]) == (
        {},
        [mine],
        [mine],
    )
    assert permissions.own_words(other.registry, said, Agreement()) == said


def test_it_can_not_make_up_sites(three: list[Replica]) -> None:
    """Sites that a limited site lists, and of which nobody has anything, are not kept: they would take the room of real ones."""
    hub, limited, other = three
    hub.allow(limited.site)
    data = delta(limited, hub, "INSERT INTO task VALUES ('new', 'x', 1)")

    def more(header: Any) -> None:
        first = len(header["sites"]) + 1
        made_up = [
            {"ordinal": first + n - 1_000, "id": f"{n:032x}", "upto": 0, "needs": 0} for n in range(1_000, 1_100)
        ]
        header["sites"] += made_up

    before = len(hub.registry.sites())
    assert not hub.merge(forge.with_header(data, more)).known
    assert len(hub.registry.sites()) <= before + 1 and rows(hub, "task") == rows(limited, "task")
    other.merge(hub.export())
    assert rows(other, "task") == rows(hub, "task")


def test_set_aside(three: list[Replica]) -> None:
    """What was refused is set aside as a whole, told by `status` and `doctor`, and taken once it may be; one that has all of another takes its place."""
    one, _, limited = three
    first = delta(limited, one, "INSERT INTO task VALUES ('c', 'z', 1)", "INSERT INTO note VALUES ('m', 'x')")
    assert refuses(one, first, "set aside as 1: `crdtsql aside").number == 1
    assert refuses(one, first, "set aside as 1").number == 1
    assert refuses(one, limited.export(one.vector()), "set aside as 1").number == 1
    refuses(one, delta(limited, one, "INSERT INTO task VALUES ('d', 'z', 1)"), "set aside as 2")
    assert [(found.number, found.sender) for found in one.aside()] == [(2, limited.site)] and one.status().aside == 1
    assert any(found.about == "aside" for found in one.doctor().findings)
    with pytest.raises(errors.NotAllowedError):
        one.take_aside(2)
    one.allow(limited.site, tables=["task", "note"])
    assert one.take_aside(2).total.inserted == 3 and one.aside() == []
    with pytest.raises(errors.UsageError, match="has no changeset 2 set aside"):
        one.take_aside(2)


def test_drop_and_bounds(three: list[Replica], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one sender, and in all, so much is set aside; what finds no room is refused all the same, and what is dropped makes some."""
    one, _, limited = three
    monkeypatch.setattr(aside, "MAXIMUM_OF_SENDER", 1)
    write(limited, "INSERT INTO task VALUES ('c', 'z', 1)")
    whole, rest = limited.export(), limited.export(one.vector())
    assert refuses(one, whole, "set aside as 1").number == 1
    assert refuses(one, rest, "no room").number is None and one.aside()[0].size_bytes == len(whole)
    one.drop_aside(1)
    assert refuses(one, rest, "set aside as").number == 2
    assert (
        refuses(one, limited.export(), "set aside as").number == 3
    )  # in its place: who can take the one can take the other
    one.drop_aside(3)
    for bound in ("MAXIMUM_CHANGESETS", "MAXIMUM_BYTES"):
        monkeypatch.setattr(aside, bound, 0)
        refuses(one, rest, "no room")
        monkeypatch.undo()
    with pytest.raises(errors.UsageError):
        one.drop_aside(1)


def test_permissions_are_kept(three: list[Replica]) -> None:
    """A permission is listed, lasts until it is taken back, and what can't be read of one lets nothing through."""
    one, _, limited = three
    (found,) = one.permissions()
    assert (found.site, found.tables, found.deletes) == (limited.site, ("note",), True)
    one.connection.execute("UPDATE _crdt_meta SET value = 'x' WHERE name GLOB 'allow:*'")
    refuses(one, delta(limited, one, "INSERT INTO note VALUES ('m', 'x')"), "no table, no deletes")
    one.allow_all(limited.site)
    assert one.permissions() == [] and one.merge(limited.export(one.vector())).total.inserted == 1
    with pytest.raises(errors.NotEnabledError):
        one.allow(limited.site, tables=["nothing"])
    with pytest.raises(errors.UsageError, match="itself"):
        one.allow(one.site)


def test_a_store(three: list[Replica], tmp_path: Path) -> None:
    """In a store such a changeset is left out, and told; the others are taken."""
    one, other, limited = three
    (tmp_path / "team").mkdir()
    folder = f"dir:{tmp_path / 'team'}"
    one.sync(folder)
    write(limited, "INSERT INTO task VALUES ('c', 'z', 1)")
    limited.sync(folder)
    write(other, "INSERT INTO note VALUES ('of other', 'x')")
    other.sync(folder, pull=False)
    report = one.sync(folder)
    assert ["writes table 'task'" in reason for reason in report.skipped] == [True]
    assert len(one.aside()) == 1 and [row[0] for row in rows(one, "note")] == ["n", "of other"]


def test_what_was_set_aside_and_is_gone_is_missed(three: list[Replica]) -> None:
    """Somebody dropped our table of it: `doctor` says so, `repair` lets it be made anew, and the sender's changes come again."""
    one, _, limited = three
    refuses(one, delta(limited, one, "INSERT INTO task VALUES ('c', 'z', 1)"), "set aside as 1")
    one.connection.execute("DROP TABLE _crdt_aside")
    (finding,) = [found for found in one.doctor().findings if found.level == "broken"]
    assert "_crdt_aside is gone, and with it changesets that were set aside" in finding.text
    assert "crdtsql repair" in finding.text
    with pytest.raises(errors.DamagedError, match="_crdt_aside"):
        one.export()
    assert one.repair().mended and not one.doctor().broken and not one.aside()
    refuses(one, delta(limited, one, "INSERT INTO note VALUES ('m', 'x')"), "set aside as 2")
    assert len(one.aside()) == 1 and not one.doctor().broken


def test_in_a_store_it_takes_nobodys_place(three: list[Replica], tmp_path: Path) -> None:
    """What a limited site puts into a store of others' changes leads nowhere, and covers nothing: those who limit it bring them themselves."""
    one, other, limited = three
    for replica in (one, other):
        replica.allow(limited.site)
    (tmp_path / "team").mkdir()
    folder = f"dir:{tmp_path / 'team'}"
    write(other, "INSERT INTO note VALUES ('of other', 'x')")
    sync(limited, other)
    write(limited, "INSERT INTO note VALUES ('own', 'x')")
    limited.sync(folder)
    report = one.sync(folder)
    assert report.received == 0 and [limited.site in reason for reason in report.skipped] == [True]
    assert other.sync(folder).sent, "what is in the store already, but not for everybody, is put there again"
    assert one.sync(folder).received and [row[0] for row in rows(one, "note")] == ["n", "of other", "own"]
    one.allow_all(limited.site)
    write(one, "INSERT INTO note VALUES ('of one', 'x')")
    report = one.sync(folder)
    assert report.skipped == [] and [row[0] for row in rows(one, "note")] == ["n", "of one", "of other", "own"]


def test_in_a_store_its_own_changes_come(three: list[Replica], tmp_path: Path) -> None:
    """What a limited site has put into one file with what others wrote is taken once that is here, and later files of it too."""
    one, other, limited = three
    for replica in (one, other):
        replica.allow(limited.site)
    (tmp_path / "team").mkdir()
    folder = f"dir:{tmp_path / 'team'}"
    write(other, "INSERT INTO note VALUES ('of other', 'x')", "UPDATE task SET title = 'of other' WHERE id = 'a'")
    sync(limited, other)
    write(limited, "INSERT INTO note VALUES ('own', 'x')", "UPDATE task SET votes = 7 WHERE id = 'a'")
    limited.sync(folder)
    assert one.sync(folder).skipped
    for _ in range(2):
        for replica in (other, one):
            replica.sync(folder)
    assert [row[0] for row in rows(one, "note")] == ["n", "of other", "own"] and one.aside() == []
    write(limited, "INSERT INTO note VALUES ('own2', 'x')")
    for replica in (limited, one, other):
        assert replica.sync(folder).skipped == []
    assert rows(one, "note") == rows(other, "note") == rows(limited, "note")
    assert rows(one, "task") == rows(other, "task") == rows(limited, "task")


def test_what_others_wrote_is_left_out(three: list[Replica]) -> None:
    """What a limited site brings of others that is here already is not looked at, whatever it says of it; what is not here is not taken."""
    one, other, limited = three
    one.allow(limited.site)
    write(other, "UPDATE task SET title = 'of other' WHERE id = 'a'")
    sync(limited, other)
    write(limited, "UPDATE task SET votes = 7")
    ordinals = {site["id"]: site["ordinal"] for site in forge.parts(limited.export())[0]["sites"]}
    latest = {site.id.hex(): site.upto for site in unpack(limited.export()).header.sites}
    forged = forge.with_sql(
        limited.export(),
        f"UPDATE row_2 SET v0 = 'forged', t0 = {latest[other.site]}, s0 = {ordinals[other.site]}",
    )
    assert refuses(one, forged, "brings changes of other sites").waits
    sync(one, other)
    one.merge(forged)
    assert rows(one, "task") == [("a", "of other", 7), ("b", "y", 7)]


def test_in_a_store_it_deletes_no_more_than_others(three: list[Replica], tmp_path: Path) -> None:
    """What a limited site has put into one file with what others wrote is held to the limit of deletes, whatever came before it."""
    one, other, limited = three
    for replica in (one, other):
        replica.allow(limited.site)
    (tmp_path / "team").mkdir()
    (tmp_path / "its own").mkdir()
    folder = f"dir:{tmp_path / 'team'}"
    write(one, *(f"INSERT INTO note VALUES ('{n}', 'x')" for n in range(100)))
    sync(one, limited)
    sync(one, other)
    one.sync(folder)
    for statement in (
        "INSERT INTO task SELECT 'new' || id, body, 1 FROM note",
        "DELETE FROM task WHERE id GLOB 'new*'",
    ):
        write(other, statement)
        other.sync(folder)
    sync(limited, other)
    write(limited, "DELETE FROM note WHERE id <> 'n'")
    limited.sync(f"dir:{tmp_path / 'its own'}")
    shutil.copytree(tmp_path / "its own" / limited.site, tmp_path / "team" / limited.site)
    with pytest.raises(errors.TooManyDeletesError):
        one.sync(folder)
    assert len(rows(one, "note")) == 101
    assert one.sync(folder, max_deletes="off").skipped == [] and len(rows(one, "note")) == 1


def test_whose_changesets_are_taken(three: list[Replica]) -> None:
    """Where signatures are required it is known beforehand whose changesets are not taken, and of a revoked site too."""
    one, other, limited = three
    assert one.takes_from(other.site, others=True) and one.takes_from(limited.site, others=False)
    assert not one.takes_from(limited.site, others=True)
    one.revoke(other.site)
    assert not one.takes_from(other.site, others=False)
    one.allow_all(limited.site)
    one.set_requires_signed(True)
    assert not one.takes_from(limited.site, others=False) and one.takes_from(one.site, others=True)
    one.trust(limited.site, limited.sign().key.hex())
    assert one.takes_from(limited.site, others=True)


def test_it_can_not_say_in_a_history_what_others_wrote(tmp_path: Path) -> None:
    """Entries of a history name a site in a column, which is no stamp: a limited site adds to it for itself alone, and changes none of others."""
    one, two, limited = peers.three(tmp_path, SCHEMA, now=peers.Clock(step=1))
    one.keep_history("task")
    write(one, "INSERT INTO task VALUES ('a', 'x', 1)")
    for other in (two, limited, two):
        sync(one, other)
    one.allow(limited.site, tables=["task"])
    two.allow(limited.site)
    write(limited, "UPDATE task SET title = 'mine' WHERE id = 'a'")
    assert not one.merge(limited.export(one.vector())).known
    entries = one.history("task", "a")
    assert [(entry.did, entry.site) for entry in entries] == [("inserted", one.site), ("updated", limited.site)]
    sync(one, two)
    forged = "INSERT INTO crdt_history_task (at, site, op, k_id, columns, v_title, actor) VALUES ({}, x'{}', 4, 'a', '[\"title\"]', 'y', 'ada')"
    data = delta(limited, one, forged.format(entries[0].hlc + 1, one.site))
    refuses(one, data, "about what others wrote")
    hub = limited.clone(tmp_path / "hub.db")
    refuses(two, forge.stripped(hub.export(two.vector())), "about what others wrote")
    assert [entry.did for entry in two.history("task", "a")] == ["inserted", "updated"]
