"""Syncs for some tables alone: nothing is left out of what is given or taken; what has other tables too is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from crdtsql import Replica, errors, sync
from crdtsql.transports.file import FilePeer
from crdtsql.transports.folder import Folder
from crdtsql.ui.cli import cli
from tests.support import peers
from tests.support.peers import read, write

SCHEMA = (
    "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title); CREATE TABLE note (id TEXT PRIMARY KEY NOT NULL, text)"
)
COUNTS = "SELECT (SELECT count(*) FROM task), (SELECT count(*) FROM note)"


@pytest.fixture
def two(tmp_path: Path) -> tuple[Replica, Replica]:
    """Give two replicas that each have a task that the other one lacks."""
    one, other = peers.two(tmp_path, SCHEMA, now=peers.Clock(step=1))
    write(one, "INSERT INTO task VALUES ('a', 1)")
    write(other, "INSERT INTO task VALUES ('b', 2)")
    return one, other


def call(*words: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(cli, words)


def by_file(_: Path, one: Replica, other: Replica) -> Callable[[], object]:
    """Let the two sync with each other."""
    return lambda: one.sync(FilePeer(other), tables=["Task"])


def by_folder(folder: Path, one: Replica, other: Replica) -> Callable[[], object]:
    """Let the other one put what it has into a folder, with which the first syncs."""
    (folder / "team").mkdir(exist_ok=True)
    team = Folder("dir:team", str(folder / "team"))

    def carry() -> None:
        other.sync(team)
        one.sync(team, tables=["Task"])
        other.sync(team)

    return carry


@pytest.mark.parametrize("way", [by_file, by_folder])
def test_changes_of_other_tables_are_refused(
    two: tuple[Replica, Replica], tmp_path: Path, way: Callable[..., Callable[[], object]]
) -> None:
    """Changes of the named tables go both ways; where one side has written another table too, nothing goes that way, and it is named."""
    one, other = two
    carry = way(tmp_path, one, other)
    carry()
    assert read(one, COUNTS) == read(other, COUNTS) == [(2, 0)]
    write(one, "INSERT INTO note VALUES ('of one', 1)", "INSERT INTO task VALUES ('c', 1)")
    with pytest.raises(errors.TransportError, match=r"has changes of note too, and this sync is for Task alone"):
        carry()
    assert read(other, COUNTS) == [(2, 0)]
    sync(one, other, pull=False)
    write(other, "INSERT INTO note VALUES ('of other', 1)")
    with pytest.raises(errors.TransportError, match="has changes of note too"):
        carry()
    assert read(one, COUNTS) == [(3, 1)]


def test_a_table_that_is_none(two: tuple[Replica, Replica]) -> None:
    """A name of no replicated table is refused before anything is sent."""
    with pytest.raises(errors.NotEnabledError, match="tsk"):
        two[0].sync(two[1], tables=["task", "tsk"])
    assert read(two[1], COUNTS) == [(1, 0)]


def test_the_command(two: tuple[Replica, Replica]) -> None:
    """`sync --tables` says so in one line, and a rehearsal does as well."""
    one, other = two
    write(one, "INSERT INTO note VALUES ('of one', 1)")
    for more in ([], ["--dry-run"]):
        done = call("sync", other.path, one.path, "--tables", "task", *more)
        assert done.exit_code == 1 and "sync without --tables" in done.stderr
        assert read(other, COUNTS) == [(1, 0)]
    assert call("sync", one.path, other.path, "--tables", ",").exit_code == 2
    assert call("sync", one.path, other.path, "--tables", "task, note").exit_code == 0
    assert read(one, COUNTS) == read(other, COUNTS) == [(2, 1)]
