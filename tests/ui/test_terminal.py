"""What surrounds a command: terminals, pipes, signals, permissions and odd paths."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import warm
from tests.support.command import execute, make, ok, open_folder, query, refused, run, run_unprivileged, start
from tests.support.forge import with_header

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT UNIQUE, votes INTEGER)"
MANY = 60_000
SHOWN = "SELECT count(*), sum(votes), max(title) FROM task"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Give a small replica."""
    path = make(tmp_path / "app.db", SCHEMA, [("t1", "one", 1), ("t2", "two", 2)])
    ok("enable", path, "task")
    return path


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a database of many rows, a replica that changed all of them, and a changeset of that."""
    folder = tmp_path_factory.mktemp("large")
    os.environ["CRDTSQL_STATE_DIR"] = str(folder / "state")
    make(folder / "app.db", SCHEMA, [(f"{n:06x}", f"title {n}", n) for n in range(MANY)])
    ok("enable", folder / "app.db", "task")
    ok("clone", folder / "app.db", folder / "peer.db")
    execute(folder / "peer.db", "UPDATE task SET votes = votes + 1, title = title || '!'")
    ok("export", folder / "peer.db", "-o", folder / "all.crdt")
    return folder


def _on_terminal(*arguments: str | Path, typed: bytes = b"") -> tuple[int | None, str]:
    """Run a command with a terminal for all of its output, and its input."""
    parent, child = pty.openpty()
    os.write(parent, typed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERM", "xterm")
        patch.setenv("COLUMNS", "120")
        running = warm.server().begin([os.fspath(word) for word in arguments], [child] * 3, str(Path.cwd()))
        os.close(child)
        shown = b""
        while True:
            ready, _, _ = select.select([parent], [], [], 60)
            assert ready, "nothing for a minute"
            try:
                piece = os.read(parent, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not piece:
                break
            shown += piece
    os.close(parent)
    return running.wait(60), shown.decode(errors="replace")


def test_progress_and_colours_are_for_terminals_only(large: Path) -> None:
    """Long work shows its progress on a terminal, and leaves no trace of it in a pipe."""
    code, shown = _on_terminal("export", large / "peer.db", "-o", large / "terminal.crdt")
    assert code == 0, shown
    assert "export task" in shown or "compress" in shown
    assert "\x1b[" in shown
    done = run("export", large / "peer.db", "-o", large / "pipe.crdt")
    assert (done.stdout, done.stderr) == (b"", b"")
    assert b"\x1b" not in run("status", large / "peer.db").stdout
    code, shown = _on_terminal("status", large / "peer.db")
    assert code == 0
    assert "60,000" in shown


def test_a_question_says_what_can_be_answered(app: Path, tmp_path: Path) -> None:
    """A question shows which answers there are and which one counts without a word, also where progress is shown."""
    other = tmp_path / "other.db"
    make(other, SCHEMA, [("a", "of a stranger", 1)])
    ok("enable", other, "task")
    mine = tmp_path / "mine.db"
    make(mine, SCHEMA, [("a", "mine", 2)])
    ok("enable", mine, "task")
    code, shown = _on_terminal("sync", mine, other, typed=b"n\n")
    assert code == 1 and "Merge them all the same? [y/N]: " in shown and "nothing was changed" in shown
    code, shown = _on_terminal("sync", mine, other, typed=b"y\n")
    assert code == 0 and "1 updated" in shown, shown


def test_a_changeset_is_not_poured_onto_a_terminal(app: Path) -> None:
    """`export` without -o asks for a file if its output is a terminal."""
    code, shown = _on_terminal("export", app)
    assert code == 2
    assert "name a file with -o" in shown


def test_a_reader_that_leaves_early_is_no_error_to_speak_of(large: Path) -> None:
    """When the reader of a pipe goes away, a command ends without a word."""
    for command in ("export", "status", "vector"):
        process = start(command, large / "peer.db")
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        process.stderr.close()
        assert process.wait(60) in (0, 141)
    script = f"'{sys.executable}' -m crdtsql export '{large}/peer.db' | head -c 8"
    done = subprocess.run(["sh", "-c", script], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"\x89CRDT\r\n\x1a", b"")


@pytest.mark.parametrize("delay", [0.45, 0.6, 0.8, 1.1])
def test_an_interrupt_leaves_nothing_half_done(large: Path, delay: float) -> None:
    """Ctrl-C during an import prints no traceback, and leaves the file as before or after."""
    before, after = query(large / "app.db", SHOWN), query(large / "peer.db", SHOWN)
    process = start("import", large / "app.db", large / "all.crdt")
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    found = query(large / "app.db", SHOWN)
    assert query(large / "app.db", "PRAGMA integrity_check") == [("ok",)]
    if b"fromlist" not in errors and b"<frozen" not in errors:  # else Python itself was still starting
        assert b"Traceback" not in errors, errors.decode()
    if process.returncode == 0:
        assert found == after
        ok("import", large / "app.db", large / "all.crdt")
    else:
        assert found in (before, after)


def test_an_interrupt_leaves_no_part_of_an_output(large: Path, tmp_path: Path) -> None:
    """Ctrl-C during export and clone leaves no part of the output (all of it or nothing), and no temporary file."""
    for delay in (0.5, 0.7):
        for arguments in (
            ["export", large / "peer.db", "-o", tmp_path / "out"],
            ["clone", large / "peer.db", tmp_path / "out"],
        ):
            process = start(*arguments)
            time.sleep(delay)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
            if b"<frozen" not in errors:
                assert b"Traceback" not in errors, errors.decode()
            left = {path.name for path in tmp_path.iterdir()} - {"state"}
            assert left == {"out"} if process.returncode == 0 else left <= {"out"}
            if left and arguments[0] == "clone":
                assert query(tmp_path / "out", "PRAGMA integrity_check") == [("ok",)]
            elif left:
                assert ok("inspect", tmp_path / "out")
            (tmp_path / "out").unlink(missing_ok=True)


@pytest.mark.parametrize(
    "name",
    [
        "with space.db",
        "quote'.db",
        'double".db',
        "-dash.db",
        "percent%20.db",
        "quest?x=1.db",
        "hash#.db",
        "naïve 数据 🦊.db",
        "new\nline.db",
    ],
)
def test_odd_paths_work(tmp_path: Path, name: str) -> None:
    """Paths with any characters work, relative or absolute, as database, clone and output."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    make(folder / "plain.db", SCHEMA, [("t1", "one", 1)])
    (folder / "plain.db").rename(folder / name)
    here = f"./{name}"
    assert ok("enable", here, "task", cwd=folder) == "enabled task\n"
    ok("clone", here, f"./2{name}", cwd=folder)
    execute(folder / name, "UPDATE task SET votes = 7")
    ok("export", folder / name, "-o", f"./out {name}", cwd=folder)
    ok("import", f"./2{name}", f"./out {name}", cwd=folder)
    ok("sync", here, folder / f"2{name}", cwd=folder)
    assert query(folder / f"2{name}", "SELECT votes FROM task") == [(7,)]
    assert {path.name for path in folder.iterdir()} == {name, f"2{name}", f"out {name}"}
    assert len(refused("blame", here, "task", "nobody", cwd=folder).splitlines()) == 1


def test_a_path_that_is_not_utf8_is_refused_or_works(tmp_path: Path, app: Path) -> None:
    """A path that is no UTF-8 gives one line, or works; outputs may have any name."""
    odd = os.fsencode(tmp_path) + b"/caf\xe9.db"
    try:
        os.link(app, odd)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    done = run("status", odd)
    assert done.returncode in (0, 1)
    if done.returncode:
        assert b"not valid UTF-8" in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
        assert "not valid UTF-8" in refused("clone", app, os.fsencode(tmp_path) + b"/\xff.db")
    out = os.fsencode(tmp_path) + b"/out\xe9.crdt"
    assert run("export", app, "-o", out).returncode == 0
    assert run("inspect", out).returncode == 0
    assert run("inspect", out + b"x").returncode == 1


def test_the_missing_permission_is_named() -> None:
    """Files and folders that may not be read or written give one line each, and reading what may be read works."""
    with open_folder() as folder:
        app = make(folder / "app.db", SCHEMA, [("t1", "one", 1)])
        ok("enable", app, "task")
        ok("clone", app, folder / "peer.db")
        ok("export", app, "-o", folder / "all.crdt")
        execute(folder / "peer.db", "UPDATE task SET votes = 3")
        app.chmod(0o444)
        (folder / "all.crdt").chmod(0)
        folder.chmod(0o555)
        for arguments, expected in (
            (["enable", app, "--all"], "can't be written"),
            (["export", app, "-o", folder / "new.crdt"], "ermission"),
            (["clone", app, folder / "copy.db"], "can't be"),
            (["import", folder / "peer.db", folder / "all.crdt"], "ermission"),
            (["vector", folder / "peer.db"], "can't be"),
        ):
            done = run_unprivileged(*arguments)
            text = done.stderr.decode()
            assert done.returncode == 1, (arguments, text)
            assert len(text.splitlines()) == 1, text
            assert text.startswith("Error: ") and expected in text, text
            assert "fault in crdtsql" not in text
        done = run_unprivileged("status", app)
        assert done.returncode == 0, done.stderr
        done = run_unprivileged("vector", app)
        assert done.returncode == 0, done.stderr
        (folder / "peer.db").chmod(0)
        assert b"no permission to read it" in run_unprivileged("status", folder / "peer.db").stderr


def test_names_from_strangers_cannot_command_the_terminal(app: Path, tmp_path: Path) -> None:
    """Control characters in what a changeset says are shown as replacements, never sent to the terminal."""
    ok("export", app, "-o", tmp_path / "all.crdt")
    evil = "task\x1b]0;owned\x07\x1b[2J\r\n\u202e"
    columns = [{"name": name + "\x1b[31m\x9b", "type": "lww"} for name in ("title", "votes")]
    data = with_header(
        (tmp_path / "all.crdt").read_bytes(),
        lambda header: header | {"tables": [header["tables"][0] | {"name": evil, "columns": columns}]},
    )
    (tmp_path / "evil.crdt").write_bytes(data)
    shown = ok("inspect", tmp_path / "evil.crdt")
    assert not any(character in shown for character in "\x1b\x07\r\x9b\u202e"), shown
    other = make(tmp_path / "other.db", SCHEMA)
    ok("enable", other, "task")
    done = run("import", other, tmp_path / "evil.crdt")
    said = (done.stdout + done.stderr).decode()
    assert "its rows are kept" in said
    assert not any(character in said for character in "\x1b\x07\r\x9b\u202e"), said
