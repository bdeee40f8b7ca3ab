"""Ctrl-C: the command ends in one line that says what was changed, and that is true."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import apsw
import pytest

from crdtsql import Replica, sync
from tests.support.command import COMMAND, ok, query

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT)"
ENDED = -signal.SIGINT
STAYS = "interrupted: what was finished before stays, the rest was not done; run the same command again"
INSIDE = """
import os, signal
from contextlib import contextmanager
from crdtsql.replica.session import Session
from crdtsql.ui.cli import main
plain = Session._finishing
@contextmanager
def interrupted(self, *options):
    with plain(self, *options):
        os.kill(os.getpid(), signal.SIGINT)
        yield
Session._finishing = interrupted
main()
"""
AT_THE_END = """
import atexit, os, signal
from crdtsql.ui.cli import main
atexit.register(os.kill, os.getpid(), signal.SIGINT)
main()
"""
STARTING = """
import os, signal, subprocess
from crdtsql.ui.cli import main
plain = subprocess.Popen.__init__
def interrupted(self, *arguments, **options):
    plain(self, *arguments, **options)
    os.kill(os.getpid(), signal.SIGINT)
subprocess.Popen.__init__ = interrupted
main()
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Give a replica with two open conflicts, beside its peer peer.db, to both of which something was written since."""
    path = tmp_path / "app.db"
    connection = apsw.Connection(str(path))
    connection.execute(SCHEMA + "; INSERT INTO task VALUES ('a', 'x'), ('b', 'x')")
    connection.close()
    with Replica.open(path) as replica:
        replica.enable("task")
        with replica.clone(tmp_path / "peer.db") as peer:
            for each in (replica, peer):
                time.sleep(0.003)
                each.connection.execute("UPDATE task SET title = ?", (each.path,))
            sync(replica, peer)
            replica.connection.execute("INSERT INTO task VALUES ('of app', 'x')")
            peer.connection.execute("INSERT INTO task VALUES ('of peer', 'x')")
    return path


def interrupted(*words: str | Path) -> tuple[int, str]:
    """Run a command that Ctrl-C can reach, also where the test run ignores it; return exit code and the last line of its errors."""
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    lines = done.stderr.decode().strip().splitlines()
    assert len(lines) <= 1, lines
    return done.returncode, lines[0] if lines else ""


def rows(path: Path) -> list[tuple[object, ...]]:
    return query(path, "SELECT * FROM task ORDER BY id")


def test_nothing_was_changed_is_said_where_it_is_so(app: Path) -> None:
    """A command that is ended before its commit says that nothing was changed; folding what was there is no change."""
    before = rows(app)
    assert interrupted(*COMMAND, "resolve", app, "--with", "kill -INT $PPID; sleep 10") == (
        ENDED,
        "Error: interrupted; nothing was changed",
    )
    assert rows(app) == before and len(json.loads(ok("conflicts", app, "--open", "--json"))) == 2


def test_what_was_finished_is_told(app: Path) -> None:
    """A command of several transactions that is ended between them says that what was finished stays."""
    script = f'if [ -e {app}.once ]; then kill -INT $PPID; sleep 10; fi; touch {app}.once; echo \'{{"take": "ours"}}\''
    code, line = interrupted(*COMMAND, "resolve", app, "--with", script)
    assert (code, line) == (ENDED, f"Error: {STAYS}")
    assert len(json.loads(ok("conflicts", app, "--open", "--json"))) == 1


def test_an_interrupt_during_a_commit_waits_for_its_end(app: Path) -> None:
    """Ctrl-C while a commit is under way does not hide that it happened: the command ends after it, in words that are true."""
    peer, copy = app.with_name("peer.db"), app.with_name("copy.db")
    ok("vector", app)
    ok("export", app, "-o", app.with_name("x.crdt"))
    ok("vector", peer)
    # the copy's own commit, before it gets its name, may be given up
    ended = interrupted(sys.executable, "-c", INSIDE, "clone", peer, copy)
    assert ended == (ENDED, "Error: interrupted; nothing was changed") and not copy.exists()
    ok("clone", peer, copy)
    assert interrupted(sys.executable, "-c", INSIDE, "import", copy, app.with_name("x.crdt")) == (0, "")
    assert ("of app", "x") in rows(copy)
    before = rows(app)
    code, line = interrupted(sys.executable, "-c", INSIDE, "sync", app, peer)
    assert (code, line) == (ENDED, f"Error: {STAYS}")
    assert ("of app", "x") in rows(peer) and rows(app) == before


def test_an_interrupt_while_a_command_starts_ends_it_too(app: Path) -> None:
    """Ctrl-C while the command that is to answer is being started ends it as well: nothing of it is left running."""
    ended = interrupted(sys.executable, "-c", STARTING, "resolve", app, "--with", "sleep 100")
    assert ended == (ENDED, "Error: interrupted; nothing was changed")


@pytest.mark.parametrize("delay", [0.3, 0.5, 0.7, 0.9, 1.2])
def test_whenever_it_comes_the_words_are_true(app: Path, delay: float) -> None:
    """At any moment of a sync, "nothing was changed" is said only if neither file shows anything else than before."""
    peer = app.with_name("peer.db")
    ok("vector", app)
    ok("vector", peer)
    before = [rows(app), rows(peer)]
    process = subprocess.Popen(
        [*COMMAND, "sync", str(app), str(peer)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    if b"nothing was changed" in errors:
        assert [rows(app), rows(peer)] == before
    if process.returncode == 0:
        assert ("of app", "x") in rows(peer) and ("of peer", "x") in rows(app)


def test_after_the_end(tmp_path: Path) -> None:
    """Ctrl-C while Python ends, when all is done and said, changes nothing of that."""
    done = subprocess.run([sys.executable, "-c", AT_THE_END, "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("crdtsql")
