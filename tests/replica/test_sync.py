"""What `sync` does where there is nothing to send."""

from __future__ import annotations

from typing import NoReturn

import apsw
import pytest

from crdtsql import Replica, sync
from tests.support.peers import START_MS


def replicas(schema: str) -> tuple[Replica, Replica]:
    """Return two replicas of a table, in memory."""
    found = []
    for number in (1, 2):
        connection = apsw.Connection(":memory:")
        connection.execute(schema)
        found.append(Replica.on(connection, now=lambda: START_MS, make_site=lambda number=number: bytes([number] * 16)))
        found[-1].enable("task")
    return found[0], found[1]


def refuse(*_: object) -> NoReturn:
    """Stand for a method that must not be called."""
    raise AssertionError("a changeset was made")


def test_no_changeset_is_made_where_nothing_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two replicas that know the same exchange no changesets, and say so; one new write makes one, for the one that lacks it."""
    one, other = replicas("CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)")
    one.connection.execute("INSERT INTO task VALUES ('a', 'x')")
    sync(one, other)
    with monkeypatch.context() as patched:
        patched.setattr(Replica, "export", refuse)
        into_one, into_other = sync(one, other)
    assert (into_one.known, into_other.known) == (True, True)
    assert (into_one.sender, into_other.sender) == (other.site, one.site)
    other.connection.execute("UPDATE task SET title = 'y'")
    monkeypatch.setattr(one, "export", refuse)
    into_one, into_other = sync(one, other)
    assert into_one.total.updated == 1
    assert into_other.known


def test_blocks_of_ids_are_told_without_an_event() -> None:
    """Replicas of an AUTOINCREMENT table that have no rows yet learn of each other's blocks, and hand out different ids."""
    one, other = replicas("CREATE TABLE task (id INTEGER PRIMARY KEY AUTOINCREMENT, title)")
    for _ in range(2):
        sync(one, other)
    for replica in (one, other):
        replica.connection.execute("INSERT INTO task (title) VALUES ('new')")
    before = [replica.connection.execute("SELECT id FROM task").get for replica in (one, other)]
    assert before[0] != before[1]
    sync(one, other)
    assert [len(replica.renumbered()) for replica in (one, other)] == [0, 0]
