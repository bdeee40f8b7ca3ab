"""By which ways a replica rejoins: another file, HTTP, a program at the other end of a pipe, a store; and the command."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from crdtsql import Replica, errors, sync
from crdtsql.transports import whole
from crdtsql.ui.cli import cli
from tests.support import hub, peers
from tests.support.peers import read, write

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)"
BOTH = [("g", "old"), ("here", "1"), ("there", "2")]
ROWS = "SELECT id, title FROM task ORDER BY id"


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Replica, Path]]:
    """Give a replica and the path of another one, which nobody has open; each has a row that the other lacks."""
    with peers.replica(tmp_path / "here.db", SCHEMA, now=hub.now_ms) as here:
        write(here, "INSERT INTO task VALUES ('g', 'old'), ('gone', 'old')")
        with here.clone(tmp_path / "app.db") as there:
            write(there, "INSERT INTO task VALUES ('there', '2'); DELETE FROM task WHERE id = 'gone'")
        write(here, "INSERT INTO task VALUES ('here', '1'); UPDATE task SET title = 'late' WHERE id = 'gone'")
        yield here, tmp_path / "app.db"


def test_another_file(two: tuple[Replica, Path]) -> None:
    """A path, a replica that is open, and the name of a remote all give what the other replica has."""
    here, path = two
    here.add_remote("office", str(path))
    with Replica.open(path) as there:
        states = [whole(here, remote) for remote in (str(path), there, "office")]
    for state in states:
        here.rejoin(state)
        assert read(here, ROWS) == BOTH


def test_over_http(two: tuple[Replica, Path]) -> None:
    """A server answers with all that it has."""
    here, path = two
    with hub.serving(path) as server:
        server.grant(path)
        here.rejoin(whole(here, server.address(path)))
    assert read(here, ROWS) == BOTH


def test_through_a_pipe(two: tuple[Replica, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So does a program at the other end of a pipe, as ssh starts it."""
    here, path = two
    program = tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    command = shlex.join(
        [sys.executable, "-c", "from crdtsql.ui.cli import main; main()", "serve", str(path), "--stdio"]
    )
    program.write_text(f"#!/bin/sh\nexec {command}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    here.rejoin(whole(here, f"ssh://host{path}"))
    assert read(here, ROWS) == BOTH


def test_from_a_store(two: tuple[Replica, Path], tmp_path: Path) -> None:
    """A store gives what a replica has that is made of all that is there."""
    here, path = two
    (tmp_path / "store").mkdir()
    with Replica.open(path) as there:
        sync(there, f"dir:{tmp_path / 'store'}")
    report = here.rejoin(whole(here, f"dir:{tmp_path / 'store'}"))
    assert [one.key for one in report.logged] == [("gone",)]
    assert read(here, ROWS) == BOTH


def test_who_has_nothing(tmp_path: Path) -> None:
    """A remote without any changes, or that is this file itself, is nothing to rejoin."""
    with peers.replica(tmp_path / "here.db", SCHEMA) as here, peers.replica(tmp_path / "there.db", SCHEMA) as there:
        write(here, "INSERT INTO task VALUES ('here', '1')")
        with pytest.raises(errors.CannotRejoinError, match="no changes at all"):
            whole(here, there)
        with pytest.raises(errors.CrdtsqlError, match="the same replica"):
            whole(here, here.path)
        assert read(here, ROWS) == [("here", "1")]


def test_the_command(two: tuple[Replica, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """`rejoin` says what was written anew, what was not, and where the file as it was is; it asks first."""
    here, path = two
    here.close()
    monkeypatch.chdir(path.parent)
    refused = CliRunner().invoke(cli, ["rejoin", "here.db", "app.db"])
    assert (refused.exit_code, "--yes" in refused.output) == (2, True)
    done = CliRunner().invoke(cli, ["rejoin", "here.db", "app.db", "--yes"])
    assert done.exit_code == 0, done.output
    assert "task: written anew: 1 rows inserted, 0 updated, 0 deleted" in done.output
    assert "not made again: update of row 'gone' of table 'task': the row is not there any more" in done.output
    assert "the file as it was:" in done.output
    again = CliRunner().invoke(cli, ["rejoin", "here.db", "app.db", "--yes", "--json"])
    found = json.loads(again.output)
    assert found["tables"] == {"task": {"inserted": 1, "updated": 0, "deleted": 0, "counted": 0}}
    assert Path(found["copy"]).exists()


def test_a_large_state(tmp_path: Path) -> None:
    """A state of many rows comes as a whole database, which stays there until all of it was taken."""
    series = "WITH series (value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM series WHERE value < 5000)"
    app = peers.replica(tmp_path / "app.db", SCHEMA, now=peers.Clock(step=5))
    app.connection.execute(f"INSERT INTO task {series} SELECT hex(value), randomblob(8) FROM series")
    peer = app.clone(tmp_path / "peer.db")
    app.connection.execute("INSERT INTO task VALUES ('mine', 1)")
    peer.connection.execute("DELETE FROM task WHERE rowid % 3 = 0")
    report = app.rejoin(peer.export())
    assert report.tables["task"].inserted == 1
    sync(app, peer)
    assert read(app, "SELECT * FROM task ORDER BY id") == read(peer, "SELECT * FROM task ORDER BY id")
