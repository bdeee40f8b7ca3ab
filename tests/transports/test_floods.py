"""Syncs by which many rows would disappear, over every kind of way."""

from __future__ import annotations

import random
import re
import shlex
from pathlib import Path

import pytest

from crdtsql import CrdtsqlError, Replica, SyncReport, errors, sync
from crdtsql.replica import SyncOptions
from crdtsql.transports.file import FilePeer
from crdtsql.transports.syncing import _with_open
from crdtsql.transports.watch.watching import Watcher
from tests.support import hub, peers
from tests.support.command import ok, refused
from tests.support.peers import rows, write
from tests.transports.test_exchange import Wire

SCHEMA = "CREATE TABLE task (id INTEGER PRIMARY KEY, title)"
FILL = "WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) INSERT INTO task SELECT i, 'x' FROM n"


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Replica, Replica]:
    """Give two replicas with a hundred rows; the first one has deleted most of them since they met."""
    one = peers.replica(tmp_path / "one.db", SCHEMA, site=1, now=hub.now_ms)
    write(one, FILL)
    other = one.clone(tmp_path / "other.db")
    write(one, "DELETE FROM task WHERE id > 20")
    return one, other


def count(replica: Replica) -> int:
    """Count the rows that are shown."""
    return len(rows(replica, "task"))


@pytest.mark.parametrize("way", ["file", "wire"])
def test_either_side_of_a_peer(pair: tuple[Replica, Replica], way: str) -> None:
    """Who asks is stopped, and so is who is asked, which says so as the same exception."""
    one, other = pair
    for first, second in (pair, pair[::-1]):
        peer = second if way == "file" else Wire(second)
        with pytest.raises(errors.TooManyDeletesError) as caught:
            first.sync(peer)
        assert caught.value.rows == {"task": (80, 100)} and caught.value.sites == {one.site: 80}
        assert caught.value.keys == {"task": [(21,), (22,), (23,), (24,), (25,)]}
        assert re.escape(other.path) in re.escape(str(caught.value)) and count(other) == 100
    one.sync(other if way == "file" else Wire(other), max_deletes=80)
    assert count(other) == 20


def test_a_server(pair: tuple[Replica, Replica]) -> None:
    """A server is stopped as a file is, whoever sends it deletes, and lets them through if it is told to."""
    one, other = pair
    path = Path(other.path)
    other.close()
    with hub.serving(path) as server:
        server.grant(path)
        with pytest.raises(errors.TooManyDeletesError) as caught:
            one.sync(server.address(path))
        assert caught.value.rows == {"task": (80, 100)} and hub.execute(path, "SELECT count(*) FROM task") == [(100,)]
        one.sync(server.address(path), max_deletes="off")
        assert hub.execute(path, "SELECT count(*) FROM task") == [(20,)]


def test_several_changesets_of_a_store(pair: tuple[Replica, Replica], tmp_path: Path) -> None:
    """What several changesets of a store take together counts, none of which takes too much: nothing of them is taken."""
    one, other = pair
    (tmp_path / "team").mkdir()
    team = f"dir:{tmp_path / 'team'}"
    write(one, FILL.replace("INSERT", "INSERT OR IGNORE"))
    for first in range(1, 80, 20):
        write(one, f"DELETE FROM task WHERE id BETWEEN {first} AND {first + 19}")
        one.sync(team)
    third = other.clone(tmp_path / "third.db")
    for _ in range(2):
        with pytest.raises(errors.TooManyDeletesError) as caught:
            other.sync(team)
        assert caught.value.rows == {"task": (80, 100)} and count(other) == 100
    assert other.sync(team, max_deletes="80%").received == 4 and count(other) == 20
    write(one, FILL.replace("INSERT", "INSERT OR IGNORE"))
    one.sync(team)
    assert third.sync(team, max_deletes="10%").received == 5 and count(third) == 100, "they came back"


def test_one_changeset_of_a_store(pair: tuple[Replica, Replica], tmp_path: Path) -> None:
    """A changeset of a store that takes too much stops the sync; it is not left out in favour of others."""
    one, other = pair
    (tmp_path / "team").mkdir()
    team = f"dir:{tmp_path / 'team'}"
    one.sync(team)
    with pytest.raises(errors.TooManyDeletesError):
        other.sync(team)
    assert count(other) == 100 and other.sync(team, max_deletes=80).received == 1 and count(other) == 20


def test_a_watcher_goes_on_with_others(pair: tuple[Replica, Replica], tmp_path: Path) -> None:
    """A remote with too many deletes is left alone, and told of; all others are synced with."""
    one, other = pair
    third = other.clone(tmp_path / "third.db")
    told: list[tuple[str, SyncReport | CrdtsqlError]] = []
    now = [0.0]
    watcher = Watcher(
        other,
        {"flood": lambda: FilePeer(one), "calm": lambda: FilePeer(third)},
        _with_open,
        options=SyncOptions(),
        told=lambda name, what: told.append((name, what)),
        now=lambda: now[0],
        chance=random.Random(1),
    )
    write(third, "INSERT INTO task VALUES (500, 'new')")
    while now[0] < 30:
        now[0] += watcher.step()
    watcher.close()
    refusals = [what for name, what in told if name == "flood"]
    assert refusals and all(isinstance(what, errors.TooManyDeletesError) for what in refusals)
    assert not any(isinstance(what, CrdtsqlError) for name, what in told if name == "calm")
    assert rows(other, "task")[-1] == (500, "new") and count(other) == 101


@pytest.mark.parametrize("verb", ["sync", "import", "reconcile"])
def test_the_message_has_the_command_that_lets_it_through(
    pair: tuple[Replica, Replica], tmp_path: Path, verb: str
) -> None:
    """A command is stopped in one line, with what would go and whose it is, and a command that can be pasted."""
    one, other = pair
    one.set_name("laptop")
    (tmp_path / "all.crdt").write_bytes(one.export())
    for each in pair:
        each.close()
    source = {"sync": one.path, "import": str(tmp_path / "all.crdt"), "reconcile": one.path}[verb]
    told = refused(verb, other.path, source, "--max-deletes", "79")
    assert "80 of 100 rows of table 'task' (21, 22, 23, 24, 25, ...)" in told and "79 rows of a table" in told
    assert refused(verb, other.path, source) and "laptop" in told or verb != "sync"
    (command,) = re.findall("`crdtsql ([^`]*)`", told)
    assert command.endswith("--max-deletes off")
    ok(*shlex.split(command))
    with Replica.open(other.path) as opened:
        assert count(opened) == 20


def test_a_comparison_that_syncs_is_stopped_too(pair: tuple[Replica, Replica]) -> None:
    """`verify --sync` names the sync that lets deletes through."""
    one, other = pair
    for each in pair:
        each.close()
    told = refused("verify", other.path, one.path, "--sync")
    assert "80 of 100 rows" in told and f"run `crdtsql sync {other.path} {one.path} --max-deletes off`" in told


def test_a_rehearsal_shows_what_would_go(pair: tuple[Replica, Replica]) -> None:
    """--dry-run is not stopped: it shows what would go, row by row."""
    one, other = pair
    report = other.sync(one, dry_run=True)
    assert sum(row.did == "deleted" for row in report.rows) == 80
    assert sync(one, other, max_deletes="off").there and count(other) == 20
