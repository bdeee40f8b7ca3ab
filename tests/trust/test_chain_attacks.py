"""What a hostile peer can do where proofs are required: a hub that forges, an author that says two things, a thief, a stranger."""

from __future__ import annotations

from pathlib import Path

import pytest

from crdtsql import Replica, sync
from tests.support import links, peers
from tests.support.peers import rows, write

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
