"""Commands hold the write lock no longer than they must."""

from __future__ import annotations

import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import apsw
import pytest

from crdtsql import Replica
from crdtsql.replica import session
from tests.support.command import execute, make, ok
from tests.support.peers import Clock, replica

SCHEMA = "CREATE TABLE t (id TEXT PRIMARY KEY, a)"
TOLD = """
import sys
from contextlib import contextmanager
from crdtsql.replica.session import Session
from crdtsql.ui.cli import main

writing = Session._writing

@contextmanager
def noted(self, **options):
    with writing(self, **options):
        before = {*sys.modules}
        yield
        print("imported:", sorted(name for name in {*sys.modules} - before if name.startswith("crdtsql")))

Session._writing = noted
main()
"""


def in_wal(folder: Path) -> tuple[Replica, apsw.Connection]:
    """Give a replica in WAL mode, and a connection of another program."""
    a = replica(folder / "a.db", SCHEMA, now=Clock(step=1000))
    a.connection.execute("PRAGMA journal_mode = WAL")
    return a, apsw.Connection(a.path)


def test_others_write_while_somebody_looks(tmp_path: Path) -> None:
    """What waits in the log is folded in a transaction of its own: who looks or exports then keeps nobody from writing."""
    a, other = in_wal(tmp_path)
    other.execute("INSERT INTO t VALUES ('x', 1)")
    with a._folded():
        other.execute("INSERT INTO t VALUES ('y', 1)")
        assert a.connection.execute("SELECT count(*) FROM t").get == 1


def test_somebody_who_writes_all_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If others write again each time before anything is read, the file stays locked for them after some attempts."""
    a, other = in_wal(tmp_path)
    reading, count = session.reading, [0]

    def write_before(connection: apsw.Connection) -> AbstractContextManager[None]:
        count[0] += 1
        other.execute("INSERT INTO t VALUES (?, 1)", (count[0],))
        return reading(connection)

    monkeypatch.setattr(session, "reading", write_before)
    with a._folded():
        assert a.connection.execute("SELECT count(*) FROM _crdt_log").get == 0
        with pytest.raises(apsw.BusyError):
            other.execute("INSERT INTO t VALUES ('y', 1)")
    assert 1 < count[0] < 10


@pytest.mark.parametrize(
    "words",
    [["undelete", "{}", "t", "x"], ["purge", "{}", "t", "x"], ["status", "{}"], ["members", "{}"], ["compact", "{}"]],
    ids=lambda words: words[0],
)
def test_nothing_is_imported_under_the_lock(tmp_path: Path, words: list[str]) -> None:
    """What a command needs is imported before it locks the file, because others would wait for that."""
    app = make(tmp_path / "app.db", SCHEMA)
    ok("enable", app, "t")
    execute(app, "INSERT INTO t VALUES ('x', 1), ('y', 1)")
    execute(app, "DELETE FROM t WHERE id = 'x'")
    words = [one.format(app) for one in words]
    done = subprocess.run([sys.executable, "-c", TOLD, *words], capture_output=True, text=True, check=True)
    told = [line for line in done.stdout.splitlines() if line.startswith("imported:")]
    assert {*told} == {"imported: []"}
