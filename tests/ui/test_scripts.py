"""What scripts rely on: exit codes that say how a command ended, and commands that can be run again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner, Result

from crdtsql import Replica, errors, load
from crdtsql.ui.cli import cli
from crdtsql.ui.cli.group import console
from tests.support import state, warm

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT, votes INTEGER, tags TEXT); CREATE TABLE note (id INTEGER PRIMARY KEY, n)"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a file with a table task that is enabled in a way of its own, and a table note that is not; be in its folder."""
    connection = apsw.Connection(str(tmp_path / "app.db"))
    connection.execute(SCHEMA)
    connection.close()
    with Replica.open(tmp_path / "app.db") as app:
        app.enable("task", types={"votes": "counter"}, rows="delete-wins", granularity="row")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "app.db"


def call(*words: str | Path) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(cli, [str(word) for word in words])


# -- enable --if-needed ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        "",
        "-c votes=counter",
        "-c VOTES=counter -c title=lww",
        "--rows delete-wins",
        "--granularity row --rows delete-wins --identity key",
    ],
)
def test_what_is_enabled_so_is_left_alone(app: Path, options: str) -> None:
    """`enable --if-needed` does nothing to a table that is enabled already, if all that it says is so; twice as well as once."""
    with Replica.open(app) as replica:
        before = state.content(replica.connection)
        generation = replica.registry.number("generation")
    for _ in range(2):
        done = call("enable", app, "task", "--if-needed", *options.split())
        assert (done.exit_code, done.output) == (0, "task is enabled already\n")
    with Replica.open(app) as replica:
        assert state.content(replica.connection) == before
        assert replica.registry.number("generation") == generation


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("-c votes=max", "column 'votes' is counter, not max: `crdtsql type app.db task.votes max`"),
        ("-c votes=lww", "column 'votes' is counter, not lww"),
        ("-c tags=set -c votes=counter", "column 'tags' is lww, not set: `crdtsql type app.db task.tags set`"),
        ("--rows add-wins", "it is delete-wins by row, not add-wins by row: `crdtsql rows app.db task add-wins"),
        ("--granularity column", "`crdtsql rows app.db task delete-wins --granularity column`"),
    ],
)
def test_what_is_enabled_in_another_way_is_an_error(app: Path, options: str, told: str) -> None:
    """`enable --if-needed` fails where something differs from what it says, and names the command that changes it."""
    done = call("enable", "app.db", "task", "note", "--if-needed", *options.replace("-c ", "-c task.").split())
    assert done.exit_code == 1
    assert "cannot enable 'task': it is enabled already in another way" in done.stderr and told in done.stderr
    with Replica.open(app) as replica:
        assert [table.name for table in replica.status().tables] == ["task"], "nothing was changed"


def test_an_identity_stays(app: Path) -> None:
    """`enable --if-needed` with another identity says that it can't be changed."""
    assert call("enable", app, "note").exit_code == 0
    assert call("enable", app, "note", "--identity", "row", "--if-needed").exit_code == 0
    assert (
        "its identity is row, not key: that stays"
        in call("enable", app, "note", "--identity", "key", "--if-needed").stderr
    )


@pytest.mark.parametrize("words", [["-c", "titel=set"], ["-c", "votes=sum"], ["-c", "id=counter"], ["--rows", "all"]])
def test_wrong_options_are_errors_also_then(app: Path, words: list[str]) -> None:
    """A column, type or policy that there is not is an error also where a table is enabled already."""
    assert call("enable", app, "task", "--if-needed", *words).exit_code in (1, 2)


def test_the_rest_is_enabled(app: Path) -> None:
    """`enable --if-needed` enables the tables that are not yet, and JSON tells the two apart; so do Python and SQL."""
    done = call("enable", app, "TASK", "note", "--if-needed", "--json")
    assert json.loads(done.stdout) == {"enabled": ["note"], "already": ["TASK"]}
    assert "enabled already" in call("enable", app, "task").stderr
    with Replica.open(app) as replica:
        assert replica.enable("task", if_needed=True) == []
        with pytest.raises(errors.CannotEnableError, match="in another way"):
            replica.enable("task", types={"votes": "max"}, if_needed=True)
    connection = apsw.Connection(str(app))
    load(connection)
    assert connection.execute("SELECT crdt_enable('task', ?)", ('{"if_needed": true}',)).get == "task"
    with pytest.raises(errors.UsageError):
        connection.execute("SELECT crdt_enable('task', ?)", ('{"if_needed": 1}',)).fetchall()
    connection.close()


# -- export --skip-empty ---------------------------------------------------------------------------


def test_nothing_to_send(app: Path) -> None:
    """`export --skip-empty` writes no file and exits with 3 if the receiver has everything; else it is as without."""
    assert call("clone", app, "peer.db").exit_code == 0
    Path("peer.vv").write_text(call("vector", "peer.db").stdout)
    done = call("export", app, "--for", "peer.vv", "-o", "delta.crdt", "--skip-empty")
    assert (done.exit_code, done.stdout) == (3, "") and "nothing to send" in done.stderr
    done = call("export", app, "--for", "peer.vv", "-o", "delta.crdt", "--skip-empty", "--json")
    assert (done.exit_code, done.stderr) == (3, "")
    assert json.loads(done.stdout) == {"file": None, "bytes": 0, "rows": 0, "empty": True}
    assert not Path("delta.crdt").exists()
    done = call("export", app, "--for", "peer.vv", "-o", "delta.crdt", "--json")
    size = Path("delta.crdt").stat().st_size
    assert json.loads(done.stdout) == {"file": "delta.crdt", "bytes": size, "rows": 0, "empty": True}
    with Replica.open(app) as replica:
        replica.connection.execute("INSERT INTO task (id) VALUES ('t1')")
        have = replica.vector()
        assert replica.export(have, skip_empty=True) == b""
        replica.connection.execute("DELETE FROM task")
        assert len(replica.export(have, skip_empty=True)) > 100
    done = call("export", app, "--for", "peer.vv", "-o", "delta.crdt", "--skip-empty", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) | {"bytes": 0} == {"file": "delta.crdt", "bytes": 0, "rows": 1, "empty": False}
    assert call("import", "peer.db", "delta.crdt").exit_code == 0


def test_json_and_a_changeset_are_not_mixed(app: Path) -> None:
    """`export --json` needs a file, because the changeset would be on standard output too."""
    for words in ([], ["-o", "-"]):
        done = call("export", app, "--json", *words)
        assert (done.exit_code, done.stdout) == (2, "")


# -- locks, interrupts, pipes ----------------------------------------------------------------------


def test_a_lock_timeout_is_kept_by_all_files(app: Path) -> None:
    """The lock timeout holds for every file of a command, and is said when it is over; 0 does not wait at all."""
    assert call("clone", app, "peer.db").exit_code == 0
    connection = apsw.Connection("peer.db")
    connection.execute("INSERT INTO task (id) VALUES ('t1'); BEGIN IMMEDIATE")
    began = time.monotonic()
    done = call("sync", app, "peer.db", "--lock-timeout", "0.2")
    assert done.exit_code == 4 and 0.2 <= time.monotonic() - began < 5
    assert "peer.db is locked by another program for more than 0.2 seconds: close its transaction" in done.stderr
    assert "--lock-timeout" in done.stderr
    assert call("vector", "peer.db", "--lock-timeout", "0").exit_code == 4
    connection.close()
    assert call("sync", app, "peer.db", "--lock-timeout", "0").exit_code == 0


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 1e7])
def test_a_lock_timeout_is_a_number_of_seconds(app: Path, seconds: float) -> None:
    """A lock timeout that is no number of seconds is wrong usage, in Python too."""
    assert call("vector", app, "--lock-timeout", str(seconds)).exit_code == 2
    with pytest.raises(errors.UsageError, match="lock timeout"):
        Replica.open(app, lock_timeout=seconds)


def test_an_interrupt_ends_the_wait_for_a_lock(app: Path) -> None:
    """Ctrl-C ends a command that waits for a lock at once, by that signal, so that the shell's loop around it ends too."""
    connection = apsw.Connection(str(app))
    connection.execute("INSERT INTO task (id) VALUES ('t1'); BEGIN IMMEDIATE")
    waiting = "import crdtsql.replica.transactions as t; p = t.time.sleep\nt.time.sleep = lambda s: (print(flush=True), p(s))\n"
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"{waiting}from crdtsql.ui.cli import main; main()",
            "vector",
            str(app),
            "--lock-timeout",
            "100",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=50)
    assert (process.returncode, told) == (-signal.SIGINT, b"Error: interrupted; nothing was changed\n")
    connection.close()


@pytest.mark.parametrize(
    "words",
    [
        ["vector", "app.db"],
        ["status", "app.db"],
        ["export", "app.db"],
        ["status", "app.db", "--json"],
        ["-h"],
        ["status", "-h"],
    ],
)
def test_a_reader_that_left_is_told_by_the_exit_code(app: Path, words: list[str]) -> None:
    """When the reader of its output is gone, a command says nothing and exits with 141, whatever it prints with, help too."""
    reader, output = os.pipe()
    os.close(reader)
    with open(os.devnull, "rb") as nothing, open("told", "wb") as told:
        code = warm.server().run(words, [nothing.fileno(), output, told.fileno()], str(app.parent), 60)
    os.close(output)
    assert (code, Path("told").read_bytes()) == (141, b"")


def test_the_tables_of_rich_do_not_hide_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that nobody reads any more raises what other output raises."""
    with pytest.raises(BrokenPipeError):
        console().on_broken_pipe()
