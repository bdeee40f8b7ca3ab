"""Who is known to a file: its own site and the others, when they were heard of, and what they lack."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from crdtsql import Replica, errors, sync
from crdtsql.base import clock
from crdtsql.transports import contacts
from crdtsql.ui.cli import cli
from tests.support import peers

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)"


@pytest.fixture
def trio(tmp_path: Path) -> list[Replica]:
    """Give three replicas without rows."""
    return peers.three(tmp_path, SCHEMA, now=peers.Clock(step=1))


def write(replica: Replica, key: str) -> None:
    """Insert a row."""
    replica.connection.execute("INSERT INTO task VALUES (?, 'x')", (key,))


def show(*words: str) -> str:
    """Run `members`, and return what it prints."""
    done = CliRunner().invoke(cli, ["members", *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_members_are_the_sites_that_are_known(trio: list[Replica]) -> None:
    """A file lists itself first, then the others, those that were heard of last first, also those that it knows by way of others."""
    one, other, third = trio
    write(third, "c")
    sync(third, other)
    write(other, "b")
    other.set_name("desk")
    sync(other, one)
    write(one, "a")
    found = one.members()
    assert [member.site for member in found] == [one.site, other.site, third.site]
    assert [member.is_this_file for member in found] == [True, False, False]
    assert [member.name for member in found] == [None, "desk", None]
    assert [member.wrote_hlc for member in found] == [one.vector()[member.site] for member in found]
    assert found[0].heard_hlc > found[1].heard_hlc > found[2].heard_hlc > 0


def test_what_a_member_lacks_is_what_it_told(trio: list[Replica]) -> None:
    """What a member lacks goes by what it told this file itself; of one that is known by way of others it is unknown, and so of itself."""
    one, other, third = trio
    write(third, "c")
    sync(third, other)
    sync(other, one)
    write(one, "a")
    write(one, "b")
    by_site = {member.site: member.peer for member in one.members()}
    assert by_site[one.site] is None and by_site[third.site] is None
    peer = by_site[other.site]
    assert peer is not None and (peer.missing_sites, peer.missing_rows) == (1, 2) and peer.behind_ms > 0
    sync(one, other)
    peer = {member.site: member.peer for member in one.members()}[other.site]
    assert peer is not None and (peer.missing_sites, peer.missing_rows) == (0, 0)


def test_who_only_reads_is_heard_of(trio: list[Replica]) -> None:
    """A member that never wrote anything is known by what it took, and was there when the newest of that was written, or later."""
    one, other, _ = trio
    write(one, "a")
    sync(one, other)
    mine, reader = one.members()
    assert (reader.site, reader.wrote_hlc) == (other.site, 0)
    assert reader.heard_hlc == mine.wrote_hlc > 0


def test_a_site_before_stays_a_member(trio: list[Replica], tmp_path: Path) -> None:
    """A copy lists the site that it was, of which nothing is known but what it wrote."""
    one = trio[0]
    write(one, "a")
    one.fold()
    shutil.copy(one.path, tmp_path / "copy.db")
    with Replica.open(tmp_path / "copy.db") as copy:
        mine, before = copy.members()
        assert (mine.site, mine.wrote_hlc, mine.heard_hlc) == (copy.site, 0, 0)
        assert before.site == one.site and before.peer is None and before.wrote_hlc == one.vector()[one.site]


def test_what_waits_to_be_folded_counts(trio: list[Replica]) -> None:
    """The time of this file's newest write is that of the newest that any program did."""
    one = trio[0]
    write(one, "a")
    before = one.members()[0].wrote_hlc
    write(one, "b")
    assert one.members()[0].wrote_hlc > before > 0


def test_the_command_is_for_people(trio: list[Replica]) -> None:
    """`members` calls sites by their names, and says what is unknown; a file that knows no other site says what to do."""
    one, other, third = trio
    alone = show(one.path)
    assert "(this file)" in alone and f"crdtsql sync {one.path} REMOTE" in alone
    write(third, "c")
    sync(third, other)
    other.set_name("desk")
    write(other, "b")
    sync(other, one)
    write(one, "a")
    _, mine, desk, unknown = (line.rstrip() for line in show(one.path).splitlines())
    assert mine.startswith(f"{one.site} (this file)  {clock.show_time(one.vector()[one.site])}")
    assert desk.startswith(f"desk ({other.site[:8]})") and "1 rows, " in desk
    assert unknown.startswith(third.site) and unknown.endswith("unknown")


def test_the_command_speaks_json(trio: list[Replica]) -> None:
    """With --json stamps are strings of digits, with their times beside them, None where there is none."""
    one, other, _ = trio
    write(one, "a")
    sync(one, other)
    mine, reader = json.loads(show(one.path, "--json"))
    assert (mine["site"], mine["is_this_file"], mine["peer"]) == (one.site, True, None)
    assert (mine["wrote_hlc"], mine["wrote_time"]) == (
        str(one.vector()[one.site]),
        clock.show_time(one.vector()[one.site]),
    )
    assert (reader["wrote_hlc"], reader["wrote_time"], reader["contacts"]) == ("0", None, [])
    assert reader["peer"]["missing_rows"] == 0


def test_a_peer_from_afar_is_named_by_its_address(trio: list[Replica]) -> None:
    """Of a peer that was reached at an address the list says which one, and when; what is damaged of that is left out."""
    from crdtsql.transports import cards
    from crdtsql.transports.interface import Response

    one, other, _ = trio
    write(one, "a")
    sync(one, other)
    cards.write(one, "ssh://host/app.db", Response(other.site, other.vector(), {}))
    cards.place(one, "elsewhere", "peers").write_text("{")
    (contact,) = contacts(one)
    assert (contact.site, contact.address) == (other.site, "ssh://host/app.db")
    assert f"ssh://host/app.db {clock.show_time(clock.from_ms(contact.seen_ms))}" in show(one.path)
    assert json.loads(show(one.path, "--json"))[1]["contacts"][0]["address"] == "ssh://host/app.db"


def test_a_file_that_is_not_replicated_has_none(tmp_path: Path) -> None:
    """A file in which nothing is replicated is refused, with what to do."""
    path = tmp_path / "plain.db"
    path.touch()
    with Replica.open(path) as plain, pytest.raises(errors.NotEnabledError, match="crdtsql enable"):
        plain.members()
