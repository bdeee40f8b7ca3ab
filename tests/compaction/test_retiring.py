"""Retiring: ended sites of which all have everything are named no more, and whoever meets them again is not misled."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from crdtsql import Replica, errors, sync
from crdtsql.store import Causality
from crdtsql.store.registry import FORMAT
from crdtsql.wire import unpack
from crdtsql.wire.parsing import read_header
from tests.support import peers
from tests.support.peers import Clock, exchange, rows, write

SCHEMA = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, v, w DEFAULT 'x')"
NUMBERED = "CREATE TABLE t (id INTEGER PRIMARY KEY, v, w DEFAULT 'x')"
ALL = "00" * 16
"""By what a vector names all ended sites."""


def pair(directory: Path, schema: str = SCHEMA) -> tuple[Replica, Replica, Clock]:
    """Make two replicas that have asked for a compaction."""
    clock = Clock(step=1_000)
    one = peers.replica(directory / "1.db", schema, now=clock, site=1, identity="row" if schema == NUMBERED else "key")
    other = one.clone(directory / "2.db")
    write(one, "INSERT INTO t (id, v) VALUES (1, 'one')")
    exchange(one, other)
    write(other, "UPDATE t SET w = 'x' || w WHERE id = 1", "UPDATE t SET w = 'x' WHERE id = 1")
    exchange(one, other)
    agree(one, other)
    return one, other, clock


def agree(*replicas: Replica, times: int = 4) -> None:
    """Let replicas agree, and forget."""
    for _ in range(times):
        for replica in replicas:
            replica.compact(keep_ms=0)
        exchange(*replicas)
    for replica in replicas:
        replica.compact(keep_ms=0)


def guest(home: Replica, path: Path, statement: str) -> str:
    """Let a replica come, write, sync, and be forgotten; return its site."""
    new = home.clone(path)
    write(new, statement)
    exchange(new, home)
    site = new.site
    home.forget(site)
    new.close()
    return site


def known(replica: Replica) -> set[str]:
    """Return the sites that have an ordinal in a file."""
    return {bytes(site).hex() for (site,) in replica.connection.execute("SELECT id FROM _crdt_site")}


@pytest.mark.parametrize("schema", [SCHEMA, NUMBERED])
def test_a_forgotten_site_is_named_no_more(tmp_path: Path, schema: str) -> None:
    """Once all have agreed that they have all it wrote, no vector, changeset, round or list of peers names it; what it wrote stays."""
    one, other, _ = pair(tmp_path, schema)
    gone = guest(one, tmp_path / "3.db", "INSERT INTO t (id, v) VALUES (3, 'three')")
    assert gone in one.vector()
    agree(one, other)
    for replica in (one, other):
        assert replica.vector().keys() == {one.site, ALL} | ({other.site} & other.vector().keys())
        assert gone not in {member.site for member in replica.members()} and gone not in str(replica.registry.peers())
        header = unpack(replica.export(replica.vector())).header
        assert gone not in str(header.to_json()) and ALL in {site.id.hex() for site in header.sites}
        assert rows(replica)[-1][1:] == ("three", "x") and not replica.doctor().broken
        # A row with an automatic number is its birth, which names its writer.
        assert (gone in known(replica)) == (schema == NUMBERED)
    write(other, "UPDATE t SET w = 'changed' WHERE v = 'three'")
    exchange(one, other)
    assert rows(one) == rows(other) and rows(one)[-1][1:] == ("three", "changed") and one.verify(other).equal
    assert not one.conflicts() and not other.conflicts()


def test_it_stays_named_until_all_have_agreed(tmp_path: Path) -> None:
    """One that has not heard of the end holds it back, and so does one that has not said that it has all."""
    one, other, _ = pair(tmp_path)
    third = one.clone(tmp_path / "4.db")
    gone = guest(one, tmp_path / "3.db", "INSERT INTO t (id, v) VALUES (3, 'three')")
    for _ in range(5):
        agree(one, other)
        assert gone in one.vector() and ALL not in one.vector()
    exchange(one, third)
    agree(one, other, third)
    assert gone not in one.vector() and ALL in third.vector() and rows(third) == rows(one)


def test_a_newcomer_never_hears_of_it(tmp_path: Path) -> None:
    """Who comes afterwards takes all rows, is admitted, and can tell what is old of a changeset that still names the site."""
    one, other, clock = pair(tmp_path)
    new = one.clone(tmp_path / "3.db")
    write(new, "INSERT INTO t (id, v) VALUES (3, 'three')")
    exchange(new, one)
    old = new.export()
    one.forget(new.site)
    agree(one, other)
    fresh = peers.replica(tmp_path / "5.db", SCHEMA, now=clock, site=5)
    fresh.merge(one.export())
    assert new.site not in fresh.vector() and rows(fresh) == rows(one)
    for replica in (fresh, one, other):
        assert replica.merge(old).known is True, "an old changeset of it brings nothing"
    write(fresh, "INSERT INTO t (id, v) VALUES (5, 'five')")
    exchange(fresh, one, other)
    assert rows(fresh) == rows(other) and len(rows(other)) == 3
    agree(one, other, fresh)
    assert not one.conflicts() and one.verify(fresh).equal


def test_one_that_comes_back_must_rejoin(tmp_path: Path) -> None:
    """Its sync is refused, also where it has written, and rejoining brings what it wrote, once."""
    one, other, _ = pair(tmp_path)
    new = one.clone(tmp_path / "3.db")
    write(new, "INSERT INTO t (id, v) VALUES (3, 'three')")
    exchange(new, one)
    one.forget(new.site)
    agree(one, other)
    write(new, "INSERT INTO t (id, v) VALUES (4, 'four')", "UPDATE t SET w = 'mine' WHERE id = 3")
    data = new.export()
    with pytest.raises(errors.RejoinError, match="it lacks what was forgotten here"):
        one.merge(data)
    with pytest.raises(errors.RejoinError, match="it was ended"):
        new.merge(one.export())
    new.rejoin(one.export())
    sync(new, one)
    assert rows(one) == rows(new) == [("1", "one", "x"), ("3", "three", "mine"), ("4", "four", "x")]
    agree(one, other, new)
    assert rows(other) == rows(one) and not one.conflicts()


def test_a_restored_backup_that_knew_less_of_it(tmp_path: Path) -> None:
    """A file that goes on from a state in which the site was a member is not taken for one that has all."""
    one, other, clock = pair(tmp_path)
    shutil.copy(tmp_path / "2.db", tmp_path / "old.db")
    guest(one, tmp_path / "3.db", "INSERT INTO t (id, v) VALUES (3, 'three')")
    agree(one, other)
    restored = Replica.open(tmp_path / "old.db", now=clock)
    assert restored.site != other.site
    with pytest.raises(errors.RejoinError):
        one.export(restored.vector())
    write(restored, "INSERT INTO t (id, v) VALUES (9, 'nine')")
    with pytest.raises(errors.RejoinError):
        one.merge(restored.export())


def test_what_a_retired_site_wrote_was_seen_by_whoever_writes_later(tmp_path: Path) -> None:
    """A write over its row is no conflict, wherever the row's stamps are still kept, also by one who never heard of the site."""
    one, other, clock = pair(tmp_path)
    guest(one, tmp_path / "3.db", "INSERT INTO t (id, v) VALUES (3, 'three')")
    for _ in range(4):  # the other one agrees by its syncs, and keeps all stamps
        one.compact(keep_ms=0)
        exchange(one, other)
    one.compact(keep_ms=0)
    assert len(known(other) - known(one)) == 1, "the other one names it still"
    fresh = peers.replica(tmp_path / "5.db", SCHEMA, now=clock, site=5)
    fresh.merge(one.export())
    write(fresh, "UPDATE t SET v = 'seen' WHERE id = 3")
    other.merge(fresh.export(other.vector()))
    assert rows(other)[-1] == ("3", "seen", "x") and not other.conflicts()


def test_a_site_that_is_named_again_was_seen_by_all_that_comes(tmp_path: Path) -> None:
    """Where a row comes back with stamps of a retired site, what others write over it is no conflict: they had agreed to have it."""
    one, other, _ = pair(tmp_path)
    third = one.clone(tmp_path / "4.db")
    gone = guest(one, tmp_path / "3.db", "INSERT INTO t (id, v) VALUES (3, 'three')")
    exchange(one, other, third)
    write(third, "INSERT INTO t (id, v) VALUES (7, 'seven')")
    for _ in range(5):  # the others agree by their syncs, and keep all stamps
        one.compact(keep_ms=0)
        exchange(one, other, third)
    one.compact(keep_ms=0)
    write(third, "INSERT INTO t (id, v) VALUES (8, 'eight')")  # says that it had seen all, and will not say so again
    exchange(one, other, third)
    assert gone not in known(one) and gone in known(other) & known(third)
    write(other, "UPDATE t SET w = 'other' WHERE id = 3")
    write(third, "UPDATE t SET v = 'third' WHERE id = 3")
    one.merge(other.export(one.vector()))
    assert gone in known(one) and gone not in one.vector()
    ordinals = {site.hex(): ordinal for ordinal, site, _ in one.registry.sites()}
    upto = dict(one.connection.execute("SELECT ordinal, upto FROM _crdt_site"))
    next_of_third = upto[ordinals[third.site]] + 1, ordinals[third.site]
    assert Causality(one.connection).has_seen(next_of_third, (upto[ordinals[gone]], ordinals[gone]))
    one.merge(third.export(one.vector()))
    assert rows(one)[1] == ("3", "third", "other") and not one.conflicts()
    exchange(one, other, third)
    agree(one, other, third)
    assert rows(one) == rows(other) == rows(third) and gone not in known(one) | known(other) | known(third)


def test_a_store_in_which_old_changesets_name_it_comes_to_rest(tmp_path: Path) -> None:
    """A sync with a folder finds nothing to do, and a newcomer gets all from there."""
    one, other, clock = pair(tmp_path)
    folder = f"dir:{tmp_path / 'store'}"
    (tmp_path / "store").mkdir()
    new = one.clone(tmp_path / "3.db")
    for replica in (one, other):
        sync(replica, folder)
    write(new, "INSERT INTO t (id, v) VALUES (3, 'three')")
    sync(new, folder)
    for replica in (one, other, one):
        sync(replica, folder)
    one.forget(new.site)
    for n in range(8):
        for replica in (one, other):
            replica.compact(keep_ms=0)
            sync(replica, folder)
            write(replica, f"UPDATE t SET w = {n} WHERE id = 1")  # rounds travel with changes
    for replica in (one, other, one):
        sync(replica, folder)
    assert new.site not in one.vector() and new.site not in other.vector()
    for replica in (one, other, one, other):
        report = sync(replica, folder)
    assert (report.sent, report.received, report.skipped) == (0, 0, [])
    fresh = peers.replica(tmp_path / "5.db", SCHEMA, now=clock, site=5)
    sync(fresh, folder)
    assert rows(fresh) == rows(one) and fresh.vector().items() >= one.vector().items()


def test_older_versions_refuse_such_changesets(tmp_path: Path) -> None:
    """A vector that names ended sites by one entry has a flag in the envelope, without which it is not taken."""
    one, other, _ = pair(tmp_path)
    guest(one, tmp_path / "3.db", "INSERT INTO t (id, v) VALUES (3, 'three')")
    before = one.export()
    agree(one, other)
    after = one.export()
    assert (before[10] & 4, after[10] & 4) == (0, 4)
    header = unpack(after).header.to_json()
    assert header["retired"] and "retired" not in unpack(one.export(other.vector())).header.to_json()
    assert one.registry.number("format") == FORMAT >= 8
    numbers = [site["ordinal"] for site in header["sites"]]
    assert numbers == sorted(numbers)
    header["sites"] = [site for site in header["sites"] if site["id"] != ALL]
    header["sites"][-1]["ordinal"] += 1
    with pytest.raises(errors.InvalidChangesetError):
        read_header(json.dumps(header).encode())


def test_who_knows_that_all_is_there_differs_in_no_change(tmp_path: Path) -> None:
    """Two replicas with the same changes are compared, also where one of them alone has noted yet that it has all of an ended site."""
    one, other, _ = pair(tmp_path)
    guest(one, tmp_path / "3.db", "INSERT INTO t (id, v) VALUES (3, 'three')")
    met = 0
    for _ in range(4):
        for giver, taker in ((one, other), (other, one)):
            giver.compact(keep_ms=0)
            taker.merge(giver.export(taker.vector()))
            here, there = one.vector(), other.vector()
            if here != there and {**here, ALL: 0} == {**there, ALL: 0}:
                met += 1
                report = one.verify(other)
                assert report.compared and report.equal and not report.missing_there
    assert met


def test_one_that_is_revoked_once_it_is_named_no_more(tmp_path: Path) -> None:
    """What it wrote and is here is not refused because of that, whoever brings it: it is known up to when it wrote."""
    one, other, _ = pair(tmp_path)
    new = one.clone(tmp_path / "3.db")
    write(new, "INSERT INTO t (id, v) VALUES (3, 'three')")
    exchange(new, one, other)
    old = other.export()
    one.forget(new.site)
    agree(one, other)
    assert new.site not in known(one)
    one.revoke(new.site)
    assert one.merge(old).known
    write(new, "INSERT INTO t (id, v) VALUES (4, 'four')")
    with pytest.raises(errors.UntrustedError):
        one.merge(new.export())
