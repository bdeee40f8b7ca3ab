"""A file that can't be read any more while it is synced: whoever asked says so of the file, and goes on where it can."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Never

import apsw
import pytest

from crdtsql import Replica, errors
from crdtsql.merge import unrelated
from crdtsql.replica.trying import differences
from crdtsql.shown import vanishing
from crdtsql.store import Registry
from crdtsql.transports import Store, cards, syncing
from crdtsql.transports.file import FilePeer
from crdtsql.transports.secrecy import sealed
from crdtsql.transports.stores import known
from crdtsql.transports.stores.known import StoreCache
from crdtsql.transports.watch.watching import Watcher
from tests.support import peers
from tests.support.peers import write

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)"


def unreadable(*_: object, **__: object) -> Never:
    """Fail as a read does."""
    raise apsw.IOError("disk I/O error")


@pytest.fixture
def stranger(tmp_path: Path) -> Replica:
    """Give a replica that has not met those who have put something into a store, some of it in pieces that delete much."""
    (tmp_path / "store").mkdir()
    one, other = peers.two(tmp_path, SCHEMA)
    for number in range(3):
        write(one, f"INSERT INTO task VALUES ('a{number}', 'x')")
        one.sync(f"dir:{tmp_path / 'store'}")
    write(other, "INSERT INTO task VALUES ('b', 'x')")
    return other


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (unrelated, "may_be"),
        (unrelated, "find"),
        (differences, "copy_all"),
        (Registry, "sites"),
        (Registry, "table"),
    ],
    ids=lambda found: str(getattr(found, "__name__", found)),
)
def test_a_read_that_fails_in_a_visit_is_said_of_the_file(
    stranger: Replica, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    """Whatever a visit of a store asks a file, a read that fails is an error of the file, and no fault of ours."""
    monkeypatch.setattr(owner, name, unreadable)
    with pytest.raises(
        errors.DatabaseError, match=rf"^{re.escape(stranger.path)} can't be opened or read: disk I/O error$"
    ):
        stranger.sync(f"dir:{tmp_path / 'store'}", refuse_unrelated=True, tables=["task"])


def test_a_read_that_fails_while_deletes_are_counted_is_said_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is one that fails in the copy in which changesets are merged that delete much together."""
    one = peers.replica(tmp_path / "one.db", SCHEMA, site=1)
    write(one, *(f"INSERT INTO task VALUES ('a{number}', 'x')" for number in range(100)))
    other, store = one.clone(tmp_path / "other.db"), f"dir:{tmp_path / 'store'}"
    (tmp_path / "store").mkdir()
    for number in range(0, 90, 10):
        write(one, *(f"DELETE FROM task WHERE id = 'a{n}'" for n in range(number, number + 10)))
        one.sync(store)
    with monkeypatch.context() as patched:
        patched.setattr(vanishing, "_vanished", unreadable)
        with pytest.raises(errors.DatabaseError, match="disk I/O error"):
            other.sync(store)
    with pytest.raises(errors.TooManyDeletesError):
        other.sync(store)


def test_a_remote_that_cannot_be_read_is_tried_again(tmp_path: Path) -> None:
    """A watcher tells of a file that can't be glanced at, and tries it again later; one that can't read its own file does not end."""
    one, other = peers.two(tmp_path, SCHEMA)
    told: list[object] = []
    peer = FilePeer(other)
    watcher = Watcher(
        one,
        {"other": lambda: peer},
        lambda replica, remote, _: replica.sync(remote),
        told=lambda _, what: told.append(what),
        now=iter(range(1_000)).__next__,
    )
    watcher.step()
    other.connection.close()
    watcher.step()
    assert isinstance(told[-1], errors.DatabaseError) and watcher.lines[0].failures
    one.connection.close()
    watcher.step()
    watcher.close()


@contextmanager
def nothing_left_open() -> Iterator[None]:
    """Check that a block closes the connections that it opens, and leaves none to whoever collects garbage."""
    before = apsw.connections()
    yield
    left = [one.filename for one in apsw.connections() if not any(one is other for other in before)]
    assert left == []


def test_what_is_known_of_a_store_is_closed_whatever_happens(
    stranger: Replica, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection to what is known of a store is closed, also where that can be written as little as read."""

    def fails(*_: object) -> Never:
        raise MemoryError

    address = f"dir:{tmp_path / 'store'}"
    stranger.sync(address)
    write(stranger, "INSERT INTO task VALUES ('c', 'x')")
    for owner, name in ((StoreCache, "save"), (StoreCache, "load"), (known.json, "loads")):
        with monkeypatch.context() as patched, nothing_left_open():
            patched.setattr(owner, name, fails)
            with pytest.raises(MemoryError) as caught:
                stranger.sync(address)
        assert caught.tb, "what was under way is still held"
    stranger.sync(address)


def test_what_is_known_of_a_store_may_nest_too_deep(stranger: Replica, tmp_path: Path) -> None:
    """What nobody can read, however it is damaged, is as good as nothing."""
    address = f"dir:{tmp_path / 'store'}"
    stranger.sync(address)
    (path,) = cards.folder(stranger.site, "stores").iterdir()
    connection = apsw.Connection(str(path))
    connection.execute("UPDATE fact SET value = ?", ("[" * 1_000_000,))
    connection.close()
    with nothing_left_open():
        stranger.sync(address)


def test_a_store_is_closed_if_its_keys_cannot_be_read(
    stranger: Replica, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that was reached, and whose keys on this machine can't be read then, is let go of."""
    closed = []
    found = syncing.opener(syncing.parse(f"dir:{tmp_path / 'store'}"))

    def opened(*given: Any) -> Store:
        store: Any = found(*given)
        monkeypatch.setattr(store, "close", lambda: closed.append(store))
        return store

    monkeypatch.setattr(syncing, "opener", lambda _: opened)
    monkeypatch.setattr(sealed.device, "find", unreadable)
    with pytest.raises(apsw.IOError):
        stranger.sync(f"dir:{tmp_path / 'store'}")
    assert len(closed) == 1
