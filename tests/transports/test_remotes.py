"""Remotes that a file calls by names."""

from __future__ import annotations

import json
import threading
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from crdtsql import Replica, errors
from crdtsql.ui.cli import cli
from tests.support import peers

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)"


def call(*words: object) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(cli, [str(word) for word in words])


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with two replicas, each with a row, and an empty folder; be in it."""
    for number, key in ((1, "a"), (2, "b")):
        with peers.replica(tmp_path / f"{number}.db", SCHEMA, site=number) as replica:
            replica.connection.execute("INSERT INTO task VALUES (?, 'x')", (key,))
    (tmp_path / "team").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def keys(path: Path) -> list[str]:
    """Return the keys of a file's rows."""
    with Replica.open(path) as replica:
        return [key for (key,) in replica.connection.execute("SELECT id FROM task ORDER BY id")]


def test_a_file_syncs_with_all_that_it_names(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sync` without a remote goes to all remotes that have names, from whatever folder; an empty folder became a store by its name."""
    assert "a new store" in call("remote", "add", "1.db", "team", "dir:team").stdout
    assert (
        f"other: file:{files}/2.db, a replica, site {'02':0<32}"
        in call("remote", "add", "1.db", "other", "2.db").stdout
    )
    listed = json.loads(call("remote", "list", "1.db", "--json").stdout)
    assert [one["name"] for one in listed] == ["other", "team"]
    monkeypatch.chdir("/")
    done = call("sync", files / "1.db", "--json")
    assert done.exit_code == 0 and json.loads(done.stdout).keys() == {"other", "team"}
    assert keys(files / "1.db") == keys(files / "2.db") == ["a", "b"]
    assert "last seen" in call("remote", "show", files / "1.db", "team").stdout
    with Replica.open(files / "1.db") as replica:
        assert replica.sync("team").sent == 0


def test_one_that_fails_keeps_no_other_from_it(files: Path) -> None:
    """A remote that can't be reached is named, the others are synced all the same, and the exit code says that one failed."""
    call("remote", "add", "1.db", "away", "dir:team")
    call("remote", "add", "1.db", "other", "2.db")
    (files / "team").rename(files / "elsewhere")
    done = call("sync", "1.db")
    assert done.exit_code == 1 and "away: dir:" in done.stderr and "no such folder" in done.stderr
    assert keys(files / "2.db") == ["a", "b"]
    told = json.loads(call("sync", "1.db", "--json").stdout)
    assert told["away"]["error"]["kind"] == "TransportError" and "1.db" in told["other"]


def test_names_stay_in_the_file(files: Path) -> None:
    """Names go with a copy of the file and to no other replica."""
    call("remote", "add", "1.db", "other", "2.db")
    call("sync", "1.db", "other")
    with Replica.open("1.db") as one, Replica.open("2.db") as other, one.clone("3.db") as copy:
        assert (other.remotes(), copy.remotes()) == ({}, one.remotes())


@pytest.mark.parametrize("name", ["", "dir:x", "a/b", "x" * 65, "é", "-x", ".x"])
def test_names_that_are_none(files: Path, name: str) -> None:
    """What could be a path, an address or an option is no name."""
    with Replica.open("1.db") as replica, pytest.raises(errors.UsageError, match="is no name for a remote"):
        replica.add_remote(name, "dir:/x")


def test_wrong_uses_of_names(files: Path) -> None:
    """A name that is taken, one that is not there, a password in an address, and a file without remotes are refused with what to do."""
    assert (
        "say with what to sync, or name one with `crdtsql remote add 1.db NAME ADDRESS`" in call("sync", "1.db").stderr
    )
    with Replica.open("1.db") as replica:
        replica.add_remote("team", "dir:/x")
        replica.add_remote("team", "dir:/x")
        with pytest.raises(errors.UsageError, match="is dir:/x already: .*`crdtsql remote remove 1.db team`"):
            replica.add_remote("team", "dir:/y")
        with pytest.raises(errors.UsageError, match="a password stands in the address"):
            replica.add_remote("server", "https://ada:secret@host/app")
        with pytest.raises(errors.UsageError, match="did you mean 'team'"):
            replica.remove_remote("taem")
        for use in (replica.sync, partial(replica.watch, stop=threading.Event())):
            with pytest.raises(errors.UsageError, match="no remote 'taem', and no such file: did you mean 'team'"):
                use("taem")
        replica.remove_remote("team")
        assert replica.remotes() == {}
        replica.add_remote("team", "dir:/x")
    assert "did you mean 'team'" in call("sync", "1.db", "taem", "--dry-run").stderr
    call("remote", "remove", "1.db", "team")
    assert "there is no remote 'team'" in call("remote", "show", "1.db", "team").stderr
    assert call("remote", "add", "1.db", "gone", "dir:gone").exit_code == 1
    assert call("remote", "list", "1.db").stdout.split() == ["name", "address"]
