"""Files that can't be written: what can be read of them is read, and the rest says what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import execute, make, ok, open_folder, query, run_unprivileged

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY, n INTEGER)"


@pytest.fixture(params=[("delete", 0o777), ("wal", 0o555)], ids=str)
def app(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Give a replica in a folder of its own, folded, to which `close` gives the permissions of the case."""
    with open_folder() as folder:
        (folder / "shelf").mkdir()
        path = make(folder / "shelf" / "app.db", SCHEMA, [("a", 1)], journal=request.param[0])
        ok("enable", path, "task")
        execute(path, "INSERT INTO task VALUES ('b', 2)")
        ok("vector", path)
        path.with_name("mode").write_text(str(request.param[1]))
        yield path
        path.parent.chmod(0o777)


def close(path: Path) -> None:
    """Take the permission to write the file away, and that of its folder if the case says so."""
    path.chmod(0o444)
    path.parent.chmod(int(path.with_name("mode").read_text()))


def test_what_is_folded_can_be_read(app: Path) -> None:
    """Of a file where nothing waits in the log everything can be read, exported and cloned."""
    close(app)
    out = app.parent.parent
    for words in (
        ["export", str(app), "-o", str(out / "all.crdt")],
        ["clone", str(app), str(out / "copy.db")],
        ["vector", str(app)],
        ["blame", str(app), "task", "b"],
    ):
        done = run_unprivileged(*words)
        assert done.returncode == 0, (words, done.stderr)
    assert query(out / "copy.db", "SELECT * FROM task ORDER BY id") == [("a", 1), ("b", 2)]
    assert [table["rows"] for table in json.loads(ok("inspect", out / "all.crdt", "--json"))["tables"]] == [2]
    (out / "have.vv").write_bytes(run_unprivileged("vector", out / "copy.db").stdout)
    done = run_unprivileged("export", app, "--for", out / "have.vv", "-o", out / "none.crdt")
    assert done.returncode == 0, done.stderr
    assert [table["rows"] for table in json.loads(ok("inspect", out / "none.crdt", "--json"))["tables"]] == []


def test_what_waits_needs_a_place_that_can_be_written(app: Path) -> None:
    """Where writes wait in the log, what would leave them out is refused with what to do; a copy elsewhere does it."""
    execute(app, "INSERT INTO task VALUES ('c', 3)")
    close(app)
    for words in (["export", app, "-o", "-"], ["held", app]):
        done = run_unprivileged(*words)
        line = done.stderr.decode().strip()
        assert done.returncode == 1 and "holds writes that no command has seen yet" in line and "on a copy" in line, (
            line
        )
    copy = app.parent.parent / "copy.db"
    copy.write_bytes(app.read_bytes())
    copy.chmod(0o666)
    assert run_unprivileged("vector", copy).returncode == 0


def test_what_changes_the_file_says_why_it_cannot(app: Path) -> None:
    """A command that would change the file is refused in one line, and leaves it as it was."""
    close(app)
    before = app.read_bytes()
    for words in (
        ["disable", app, "task"],
        ["rows", app, "task", "delete-wins"],
        ["alter", app, "ALTER TABLE task ADD x"],
    ):
        done = run_unprivileged(*words)
        assert done.returncode == 1 and b"can't be written" in done.stderr, done.stderr
    assert app.read_bytes() == before
