"""A folder as a store: what may become one, how files get there, and what is said where that fails."""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from crdtsql import Replica, errors
from crdtsql.transports import folder
from crdtsql.transports.folder import Folder
from crdtsql.ui.cli import cli
from tests.support import peers

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)"
NAME = "a1" * 16 + "/file.crdt"


def call(*words: object) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(cli, [str(word) for word in words])


@pytest.fixture
def team(tmp_path: Path) -> Path:
    """Give an empty folder."""
    found = tmp_path / "team"
    found.mkdir()
    return found


@pytest.fixture
def one(tmp_path: Path) -> Replica:
    """Give a replica with a row."""
    found = peers.replica(tmp_path / "1.db", SCHEMA, site=1)
    found.connection.execute("INSERT INTO task VALUES ('a', 'x')")
    return found


def test_two_replicas_meet_in_a_folder(tmp_path: Path, team: Path, one: Replica) -> None:
    """What one puts into a folder another one takes from there, and back; the commands say what was done."""
    other = peers.replica(tmp_path / "2.db", SCHEMA, site=2)
    other.connection.execute("INSERT INTO task VALUES ('b', 'y')")
    one.close()
    other.close()
    first = call("sync", tmp_path / "1.db", f"dir:{team}")
    assert first.exit_code == 0 and "0 changesets taken (0 bytes), 1 put there" in first.stdout
    second = call("sync", tmp_path / "2.db", f"dir:{team}", "--json")
    told = json.loads(second.stdout)
    assert told[str(tmp_path / "2.db")]["tables"]["task"]["inserted"] == 1
    assert (told[f"dir:{team}"]["received"], told[f"dir:{team}"]["sent"]) == (1, 1)
    assert "1 rows inserted" in call("sync", tmp_path / "1.db", f"dir:{team}").stdout
    assert "nothing new" in call("sync", tmp_path / "1.db", f"dir:{team}").stdout
    assert f"store dir:{team}, last seen" in call("status", tmp_path / "1.db").stdout


def test_who_is_refused_is_told_what_to_run(tmp_path: Path, team: Path, one: Replica) -> None:
    """Where rows were filled separately nothing is put there, whichever way, and the command that merges all the same has the options that were given."""
    other = peers.replica(tmp_path / "2.db", SCHEMA, site=2)
    other.connection.execute("INSERT INTO task VALUES ('a', 'y')")
    one.sync(f"dir:{team}")
    before = sorted(team.rglob("*"))
    for words in ([], ["--push"], ["--pull", "--tables", "task"]):
        refused = call("sync", other.path, f"dir:{team}", *words)
        again = " ".join(["crdtsql", "sync", other.path, f"dir:{team}", *words, "--yes"])
        assert refused.exit_code == 1 and f"{other.path} and the replica" in refused.stderr
        assert "nothing was changed" in refused.stderr and f"`{again}`" in refused.stderr
        assert sorted(team.rglob("*")) == before
    assert call("sync", one.path, f"dir:{team}").exit_code == 0


def test_a_folder_that_may_only_be_read(
    tmp_path: Path, team: Path, one: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in a folder that may only be read is taken, and the command fails with what could not be put, and how to go on; `--pull` does not fail."""
    other = peers.replica(tmp_path / "2.db", SCHEMA, site=2)
    other.connection.execute("INSERT INTO task VALUES ('b', 'y')")
    one.sync(f"dir:{team}")

    def refuse(path: str, **_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", path)

    monkeypatch.setattr(folder.os, "makedirs", refuse)
    for table in ("", "--tables task "):
        found = call("sync", other.path, f"dir:{team}", *table.split())
        assert found.exit_code == 1 and "Read-only file system" in found.stderr and "the right to" in found.stderr
        assert found.stderr.count("\n") == 1
        again = f"crdtsql sync {other.path} dir:{team} --pull {table}".strip()
        assert f"`{again}` only takes what is there" in found.stderr
        assert list(other.connection.execute("SELECT count(*) FROM task")) == [(2,)]
    assert call(*again.split()[1:]).exit_code == 0


def test_a_dry_run_leaves_no_trace(tmp_path: Path, team: Path, one: Replica) -> None:
    """A dry run says what would change here and what would be put there, and writes nothing into the folder."""
    other = peers.replica(tmp_path / "2.db", SCHEMA, site=2)
    other.connection.execute("INSERT INTO task VALUES ('b', 'y')")
    one.sync(f"dir:{team}")
    before = sorted(path for path in team.rglob("*"))
    report = other.sync(f"dir:{team}", dry_run=True)
    assert [(row.key, row.did) for row in report.rows] == [(("a",), "inserted")]
    assert [change.key for change in report.cells] == ["b"]
    assert sorted(path for path in team.rglob("*")) == before
    assert list(other.connection.execute("SELECT id FROM task")) == [("b",)]
    shown = call("sync", tmp_path / "2.db", f"dir:{team}", "--dry-run").stdout
    assert "task 'a' would be inserted: title = 'x'" in shown and "would be sent: title = 'y'" in shown


def test_only_an_empty_folder_becomes_a_store(tmp_path: Path, team: Path, one: Replica) -> None:
    """A folder with other files is refused, one that is missing is not made, and an empty one is none until something is put there."""
    with pytest.raises(errors.TransportError, match="there is no such folder: mount it, or make an empty one first"):
        one.sync(f"dir:{tmp_path / 'gone'}")
    with pytest.raises(errors.TransportError, match=f"mkdir -p '{tmp_path / 'g o'}'$"):
        one.sync(f"dir:{tmp_path / 'g o'}")
    with pytest.raises(
        errors.TransportError, match="is no folder but an SQLite database: .* path without dir:"
    ) as caught:
        one.sync(f"dir:{tmp_path / '1.db'}")
    assert "mkdir" not in str(caught.value)
    (tmp_path / "text").touch()
    with pytest.raises(errors.TransportError, match="is no folder but a file"):
        one.sync(f"dir:{tmp_path / 'text'}")
    for options in ({"push": False}, {"dry_run": True}):
        with pytest.raises(errors.TransportError, match="is empty"):
            one.sync(f"dir:{team}", **options)
    assert not list(team.iterdir())
    (team / ".stfolder").mkdir()
    (team / "holiday.jpg").touch()
    with pytest.raises(errors.TransportError, match=r"is no store: .*'holiday.jpg'"):
        one.sync(f"dir:{team}")
    (team / "holiday.jpg").unlink()
    assert one.sync(f"dir:{team}").sent == 1
    (team / "holiday.jpg").touch()
    assert one.sync(f"dir:{team}").sent == 0


def test_a_folder_that_is_not_mounted(tmp_path: Path, team: Path, one: Replica) -> None:
    """Where a store was and an empty folder is now, nothing is begun anew: it is probably not mounted."""
    one.sync(f"dir:{team}")
    team.rename(tmp_path / "away")
    team.mkdir()
    with pytest.raises(errors.TransportError, match="was a store when it was last seen, and is empty now: mount it"):
        one.sync(f"dir:{team}")
    assert not list(team.iterdir())


def test_a_store_of_another_version(team: Path, one: Replica) -> None:
    """A store of another version is left alone."""
    one.sync(f"dir:{team}")
    (team / folder.MARK).write_text("crdtsql store 2\n")
    with pytest.raises(errors.TransportError, match="of another version"):
        one.sync(f"dir:{team}")


def test_one_folder_by_two_addresses(tmp_path: Path, team: Path) -> None:
    """A folder is the same one by a link, so what is known of it is kept once."""
    (tmp_path / "link").symlink_to(team)
    assert Folder("x", str(tmp_path / "link")).identity == Folder("y", str(team)).identity


def test_files_appear_whole(team: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is written under a temporary name and renamed after it is on disk; what fails leaves nothing."""
    store, done = Folder("dir:team", str(team)), []
    monkeypatch.setattr(os, "fsync", lambda handle: done.append(sorted(path.name for path in team.rglob("*.crdt"))))
    store.put(NAME, b"data")
    assert done[-2:] == [[], ["file.crdt"]]
    assert store.get(NAME) == b"data" and list(store.names()) == list(store.entries()) == [NAME]

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(errors.TransportError, match="No space left on device .*: make room there, then sync again"):
        store.put("a1" * 16 + "/other.crdt", b"data")
    assert [path.name for path in team.rglob("*.*")] == ["file.crdt"]


def test_what_a_killed_process_left_goes(team: Path) -> None:
    """Temporary files that are a day old are deleted by the next put of their writer; younger ones may be somebody's."""
    store = Folder("dir:team", str(team))
    store.put(NAME, b"data")
    old, young = (team / ("a1" * 16) / f".{name}.tmp" for name in ("old", "young"))
    for path in (old, young):
        path.touch()
    os.utime(old, (1, 1))
    store.put(NAME, b"data")
    assert (old.exists(), young.exists()) == (False, True)


def test_files_that_go_meanwhile(team: Path) -> None:
    """A file that is not there is None to read, and nothing to delete."""
    store = Folder("dir:team", str(team))
    assert store.get(NAME) is None
    store.delete(NAME)
    (team / ("b2" * 16)).touch()
    assert (list(store.names()), dict(store.entries())) == ([], {})


def listening() -> bool:
    """Tell whether a thread listens to a folder."""
    return any(thread.name == "crdtsql-folder" for thread in threading.enumerate())


def test_a_folder_tells_of_changes(team: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With watchfiles a file that comes wakes who listens; closing ends that, and what can't be watched is as good as silent."""
    woken, other = threading.Event(), Folder("dir:team", str(team))
    with Folder("dir:team", str(team)) as watched:
        watched.listen(woken.set)
        for number in range(200):  # the first ones may come before it listens
            other.put(f"{'a1' * 16}/{number}.crdt", b"x")
            if woken.wait(0.05):
                break
    assert woken.is_set() and not listening()
    with Folder("dir:gone", str(team / "gone")) as gone:
        gone.listen(woken.set)
    monkeypatch.delitem(sys.modules, "crdtsql.transports.noticing", raising=False)
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with Folder("dir:team", str(team)) as unwatched:
        unwatched.listen(woken.set)
        assert not listening()
