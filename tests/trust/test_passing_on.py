"""What somebody has got must get on to everybody else, in whatever order it came, and however."""

from __future__ import annotations

import shutil
from itertools import combinations
from pathlib import Path

from crdtsql import Replica, sync
from crdtsql.compaction import floor
from crdtsql.wire import Bundle, bytes_of, pack_bundle, read_bundle
from tests.support import peers
from tests.support.peers import rows, write
from tests.trust.test_chains import alike, clones, introduced, level, links


def test_a_link_that_comes_back_is_not_the_last_one(tmp_path: Path) -> None:
    """An old bundle brings a site a link of its own that is not its last one: its chain goes on from the last one all the same."""
    hub, one, other = clones(tmp_path, 3)
    introduced(hub, one, other)
    write(one, "INSERT INTO task VALUES ('a', 'x', 1)")
    old = read_bundle(one.export(hub.vector()))
    write(one, "INSERT INTO task VALUES ('b', 'x', 1)")
    sync(one, hub)
    one.merge(bytes_of(pack_bundle(Bundle(old.changesets[:1], old.heads))))
    write(one, "INSERT INTO task VALUES ('c', 'x', 1)")
    level(hub, one, other)
    assert links(other) == [(one.site, number) for number in (1, 2, 3)]
    assert alike(hub, one, other)


def test_a_link_that_builds_on_one_that_came_later_is_passed_on(tmp_path: Path) -> None:
    """A copied file goes on from what its original had not signed yet: its link comes after that of the original, wherever it was first."""
    hub, one, other = clones(tmp_path, 3)
    introduced(hub, one, other)
    write(one, "INSERT INTO task VALUES ('a', 'x', 1)")
    path = tmp_path / "copy.db"
    shutil.copyfile(_at_rest(one), path)
    copied = Replica.open(path, now=peers.Clock(peers.START_MS + 1000, step=1))
    for replica in (hub, one, other):
        replica.trust(copied.site, copied.sign().key.hex())
    write(copied, "UPDATE task SET title = 'y' WHERE id = 'a'")
    copied.export(hub.vector())
    sync(copied, one)
    assert links(copied) == [(copied.site, 1), (one.site, 1)]
    assert alike(copied, one)
    sync(copied, hub)
    level(hub, other)
    assert links(other) == [(one.site, 1), (copied.site, 1)]
    assert ("a", "y", 1) in rows(other, "task")
    assert alike(hub, other, copied)


def _at_rest(replica: Replica) -> str:
    """Return the path of a replica's file, in which everything is that it has."""
    replica.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return str(replica.path)


def test_a_compaction_is_finished_by_all(tmp_path: Path) -> None:
    """Who has finished a round says of it no more than that; the others, who take from each its own word alone, finish it too."""
    found = clones(tmp_path, 3)
    introduced(*found)
    write(found[0], "DELETE FROM task WHERE id = 'old'")
    for _ in range(2):
        for one, other in combinations(found, 2):
            sync(one, other)
    for _ in range(3):
        for replica in found:
            replica.compact(keep_ms=0)
        for one, other in combinations(found, 2):
            assert sync(one, other).skipped == []
    assert [floor.read(replica.registry).floor for replica in found] == [floor.read(found[0].registry).floor] * 3
    assert floor.read(found[0].registry).floor
    assert [replica.held("task", deleted=True) for replica in found] == [[], [], []]
