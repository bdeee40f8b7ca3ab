"""Verbs as an actor's: what writes no entry of the log, or says for one write who writes, is told like any other write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crdtsql import Replica, errors, sync
from crdtsql.store import Actor
from tests.store.test_acting import END, SAY, SCHEMA, attributions, inserted, who
from tests.support import peers
from tests.support.command import ok
from tests.support.peers import read, write

ANN = Actor("ann", None, "r1", None)
BEN = Actor("ben", "s", "r2", "because")


@pytest.fixture
def pair(tmp_path: Path) -> list[Replica]:
    """Give two replicas that have met, with two rows."""
    found = [*peers.two(tmp_path, SCHEMA, now=peers.Clock(step=1))]
    write(found[0], inserted("t1", "t2"))
    sync(*found)
    return found


def test_one_write_as_somebody_is_one_transaction(pair: list[Replica]) -> None:
    """`write`, `delete` and `resolve` with an actor write once, as that one alone; afterwards whoever it was before goes on."""
    a, b = pair
    with a.acting_as("base"):
        before = a.finished
        a.write("task", "t1", values={"title": "of ann"}, actor=ANN)
        a.write("task", "t3", values={"title": "new"}, actor=BEN)
        a.delete("task", "t2", actor=BEN)
        assert a.finished == before + 3
        a.write("task", "t4", values={"title": "x"})
        assert a.acting() == Actor("base")
    assert [who(a, key) for key in ("t1", "t3", "t4")] == ["ann (run r1)", "ben (run r2)", "base"]
    assert [str(row.by) for row in a.held(deleted=True)] == ["ben (run r2)"]
    write(b, "UPDATE task SET title = 'of b' WHERE id = 't1'")
    sync(a, b)
    (entry,) = a.conflicts(open_only=True)
    a.resolve(entry.id, value="of both", actor=BEN)
    assert a.acting() is None
    write(a, inserted("t5"))
    sync(a, b)
    for replica in pair:
        assert (who(replica, "t1"), who(replica, "t5")) == ("ben (run r2)", None)
    assert attributions(a) == attributions(b)


def test_the_command_writes_once(tmp_path: Path) -> None:
    """`write --as` is as many transactions as `write` is, so nobody else's write can come between the name and its write."""
    path = tmp_path / "app.db"
    peers.replica(path, SCHEMA).close()
    counts, found = [_transactions(path)], []
    for words in ([], ["--as", "ann", "--run", "r1"]):
        ok("write", path, "task", "t1", f"title={words}", *words)
        counts.append(_transactions(path))
        with Replica.open(path) as replica:
            found.append((who(replica, "t1"), replica.acting()))
    assert found == [(None, None), ("ann (run r1)", None)]
    assert counts[1] - counts[0] == counts[2] - counts[1] > 0


def _transactions(path: Path) -> int:
    """Return how many transactions changed a file, as its header counts them where it has no write-ahead log."""
    return int.from_bytes(path.read_bytes()[24:28])


def test_a_purge_has_an_actor(pair: list[Replica]) -> None:
    """Who purges is told as who deletes is, on every replica; a purge by nobody is nobody's, also right after an actor's writes."""
    a, b = pair
    write(a, SAY.format("ann", "r1"), "DELETE FROM task", END)
    a.purge("task", ["t1"])
    with a.acting_as("ben", run="r2"):
        a.purge("task", ["t2"])
        write(a, inserted("t3"))
    sync(a, b)
    for replica in pair:
        by = {row.key[0]: row.by and str(row.by) for row in replica.held(deleted=True)}
        assert by == {"t1": None, "t2": "ben (run r2)"}
        assert who(replica, "t3") == "ben (run r2)"
    assert len(attributions(a)) == 2, "the purge and the write after it are one range"
    assert attributions(a) == attributions(b)


def test_what_nobody_wrote_before_a_purge_stays_nobodys(pair: list[Replica]) -> None:
    """A purge does not take what was written between two writes of its actor into the actor's range."""
    a, b = pair
    write(a, SAY.format("ann", "r1"), "DELETE FROM task WHERE id = 't1'", END, inserted("t4"))
    a.fold()
    with a.acting_as("ann", session="s1", run="r1", note="because"):
        a.purge("task", ["t1"])
    sync(a, b)
    assert [who(replica, "t4") for replica in pair] == [None, None] and len(attributions(a)) == 2


def test_what_was_combined_has_an_actor(pair: list[Replica], tmp_path: Path) -> None:
    """Rows that came by `combine`, and deletes of `undo_combine`, are whose that was, here and elsewhere."""
    a, b = pair
    other = peers.replica(tmp_path / "other.db", SCHEMA)
    write(other, inserted("t8"))
    other.fold()
    other.close()
    with a.acting_as("ann", run="r1"):
        a.combine(tmp_path / "other.db")
    sync(a, b)
    assert [who(replica, "t8") for replica in pair] == ["ann (run r1)"] * 2
    with a.acting_as("ben"):
        a.undo_combine()
    sync(a, b)
    for replica in pair:
        assert [str(row.by) for row in replica.held(deleted=True)] == ["ben"]


def test_whoever_ends_a_site_is_told(pair: list[Replica]) -> None:
    """The event by which `forget` ends another site is the actor's."""
    a, b = pair
    site = b.site
    a.compact(once=True)
    with a.acting_as("ann", run="r1"):
        a.forget(site)
    assert [row[3:6] for row in attributions(a)] == [("ann", None, "r1")]


def test_the_view_of_the_log_says_who(pair: list[Replica]) -> None:
    """`crdt_log` has the actor and the run of the newest write of each entry, as `log` has."""
    a, b = pair
    write(
        b,
        SAY.format("ann", "r1"),
        "UPDATE task SET n = 2 WHERE id = 't1'",
        END,
        "UPDATE task SET n = 3 WHERE id = 't2'",
    )
    write(b, SAY.format("ben", "r2"), inserted("t3"), "DELETE FROM task WHERE id = 't2'", END)
    sync(a, b)
    found = read(a, 'SELECT "key", did, actor, run FROM crdt_log WHERE batch = (SELECT max(batch) FROM crdt_log)')
    assert sorted(found) == [
        ("t1", "updated", "ann", "r1"),
        ("t2", "deleted", "ben", "r2"),
        ("t3", "inserted", "ben", "r2"),
    ]
    assert sorted(found) == sorted((one.key[0], one.did, one.by.actor, one.by.run) for one in a.log() if one.by)


def test_status_says_as_whom_writes_count(pair: list[Replica]) -> None:
    """`status` tells who acts on the file now, in words and as JSON; nothing once it ended."""
    a, _ = pair
    assert a.status().acting is None
    write(a, SAY.format("ann", "r1"))
    assert a.status().acting == Actor("ann", "s1", "r1", "because")
    assert "what is written to it now counts as ann (run r1)'s" in ok("status", a.path)
    assert json.loads(ok("status", "--json", a.path))["acting"]["run"] == "r1"
    write(a, END)
    assert "counts as" not in ok("status", a.path) and json.loads(ok("status", "--json", a.path))["acting"] is None


def test_who_overwrote_is_told_to_whom_is_refused(pair: list[Replica]) -> None:
    """The error of a write that is refused because the row moved on says which actor wrote it."""
    a, _ = pair
    seen = a.revision("task", "t1")
    a.write("task", "t1", values={"title": "later"}, actor=ANN)
    with pytest.raises(errors.RevisionError, match=r"title by ann \(run r1\) at "):
        a.write("task", "t1", values={"title": "y"}, if_revision=seen)


def test_a_name_is_forgotten(pair: list[Replica]) -> None:
    """`purge_actor` leaves what an actor wrote, as `forgotten`'s; what others send later does not bring the name, and new writes have one."""
    a, b = pair
    write(b, SAY.format("ann", "r1"), inserted("t8"))
    sync(a, b)
    assert a.purge_actor("ann", dry_run=True).attributions == 1 and who(a, "t8") == "ann (run r1)"
    assert a.purge_actor("ann", vacuum=True).attributions == 1 and a.purge_actor("ann").attributions == 0
    assert b"ann" not in Path(a.path).read_bytes()
    write(b, inserted("t9"))  # in the same range
    sync(a, b)
    assert (who(a, "t8"), who(a, "t9"), who(b, "t9")) == ("forgotten (run r1)", "forgotten (run r1)", "ann (run r1)")
    assert a.log(run="r1") and read(a, "SELECT session, note FROM crdt_attributions") == [(None, None)]
    with pytest.raises(errors.UsageError, match="counts as ann's now"):
        b.purge_actor("ann")
    write(b, END)
    assert "run this on every replica" in ok("purge", b.path, "--actor", "ann")
    assert "nobody wrote to" in ok("purge", b.path, "--actor", "ann")
    write(b, SAY.format("ann", "r2"), inserted("t7"), END)
    sync(a, b)
    assert who(a, "t7") == who(b, "t7") == "ann (run r2)"
    assert [who(replica, "t9") for replica in pair] == ["forgotten (run r1)"] * 2
