"""What somebody has got must get on to everybody else, in whatever order it came, and however."""

from __future__ import annotations

from pathlib import Path

from crdtsql import sync
from crdtsql.wire import Bundle, bytes_of, pack_bundle, read_bundle
from tests.support.peers import write
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
