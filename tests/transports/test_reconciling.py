"""What `reconcile` takes from copies of a file, and what it leaves alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner

from crdtsql import Replica, errors
from crdtsql.ui.cli import cli
from tests.support import peers

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Give a replica with a row, and three copies of it, each of which somebody wrote to; two copies no command has seen since."""
    path = tmp_path / "app.db"
    with peers.replica(path, SCHEMA) as one:
        one.connection.execute("INSERT INTO task VALUES ('a', 'x')")
        one.fold()
    for number in (1, 2, 3):
        shutil.copyfile(path, tmp_path / f"app.sync-conflict-{number}.db")
        write(tmp_path / f"app.sync-conflict-{number}.db", f"c{number}")
    with Replica.open(tmp_path / "app.sync-conflict-3.db") as seen:
        seen.fold()
    write(path, "mine")
    return path


def write(path: Path, key: str) -> None:
    """Insert a row as a program does."""
    connection = apsw.Connection(str(path))
    connection.execute("INSERT INTO task VALUES (?, 'x')", (key,))
    connection.close()


def keys(replica: Replica) -> list[str]:
    """Return the keys of the rows that are shown."""
    return [key for (key,) in replica.connection.execute("SELECT id FROM task ORDER BY id")]


def copies(app: Path) -> list[Path]:
    """Return the copies."""
    return sorted(app.parent.glob("app.sync-conflict-*.db"))


def test_all_copies_are_taken_in(app: Path) -> None:
    """Rows of all copies come in, also those that no command had seen, and the copies are byte for byte as they were."""
    before = [copy.read_bytes() for copy in copies(app)]
    files = sorted(app.parent.iterdir())
    with Replica.open(app) as replica:
        found = replica.reconcile(*copies(app))
        assert [report.total.inserted for report in found.values()] == [1, 1, 1]
        assert keys(replica) == ["a", "c1", "c2", "c3", "mine"]
    assert [copy.read_bytes() for copy in copies(app)] == before
    assert [file for file in sorted(app.parent.iterdir()) if file.name != "state"] == [
        file for file in files if file.name != "state"
    ]


def test_again_brings_nothing(app: Path) -> None:
    """To reconcile the same copies again brings nothing, doubles nothing, and makes no sites."""
    with Replica.open(app) as replica:
        replica.reconcile(*copies(app))
        before = replica.vector(), len(replica.registry.sites()), len(replica.status().peers)
        assert all(report.known for report in replica.reconcile(*copies(app)).values())
        assert (replica.vector(), len(replica.registry.sites()), len(replica.status().peers)) == before


def test_what_waits_in_a_wal_counts(app: Path, tmp_path: Path) -> None:
    """What was written to a copy and lies in its WAL is taken too, and the WAL stays."""
    copy = copies(app)[0]
    connection = apsw.Connection(str(copy))
    script = "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; INSERT INTO task VALUES ('wal', 'x')"
    connection.execute(script).fetchall()
    target = tmp_path / "elsewhere.db"
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{copy}{suffix}", f"{target}{suffix}")
    connection.close()
    size = Path(f"{target}-wal").stat().st_size
    with Replica.open(app) as replica:
        replica.reconcile(target)
        assert "wal" in keys(replica)
    assert Path(f"{target}-wal").stat().st_size == size > 0


def test_a_backup_has_nothing_new(app: Path, tmp_path: Path) -> None:
    """An older state of the file brings nothing; a newer one, where this file was restored, brings what was lost."""
    shutil.copyfile(app, tmp_path / "backup.db")
    with Replica.open(app) as replica:
        replica.connection.execute("INSERT INTO task VALUES ('late', 'x')")
        replica.fold()
        assert replica.reconcile(tmp_path / "backup.db")[str(tmp_path / "backup.db")].total.inserted == 0
    shutil.copyfile(app, tmp_path / "newer.db")
    shutil.copyfile(tmp_path / "backup.db", app)
    with Replica.open(app) as replica:
        assert "late" not in keys(replica)
        replica.reconcile(tmp_path / "newer.db")
        assert keys(replica).count("late") == 1 and "mine" in keys(replica)


def test_what_is_no_copy(app: Path, tmp_path: Path) -> None:
    """The file itself, a file that is not there, one that is no database and one that is not replicated are refused; nothing was merged."""
    (tmp_path / "text.db").write_text("no database " * 100)
    apsw.Connection(str(tmp_path / "plain.db")).execute(SCHEMA).close()
    with Replica.open(app) as replica:
        with pytest.raises(errors.UsageError, match="is the file itself"):
            replica.reconcile(app)
        with pytest.raises(errors.DatabaseError, match="no such file"):
            replica.reconcile(copies(app)[0], tmp_path / "gone.db")
        with pytest.raises(errors.DatabaseError, match="is not an SQLite database"):
            replica.reconcile(tmp_path / "text.db")
        with pytest.raises(errors.NotEnabledError):
            replica.reconcile(tmp_path / "plain.db")
        assert keys(replica) == ["a", "mine"]


@pytest.mark.parametrize("waits", [False, True])
def test_a_copy_of_a_later_format(app: Path, waits: bool) -> None:
    """The error names the copy, and a command about it, not where it was copied to."""
    copy = copies(app)[0]
    connection = apsw.Connection(str(copy))
    if waits:
        connection.execute("INSERT INTO task (id) VALUES ('waits')")
    connection.execute("UPDATE _crdt_meta SET value = 99 WHERE name = 'format'").close()
    connection.close()
    with Replica.open(app) as replica, pytest.raises(errors.DatabaseError, match="has crdtsql format 99") as caught:
        replica.reconcile(copy)
    assert str(caught.value).startswith(f"{copy} has") and f"`crdtsql downgrade {copy} --to" in str(caught.value)


def test_the_command(app: Path) -> None:
    """The command says of each copy what it brought."""
    given = [str(copy) for copy in copies(app)]
    done = CliRunner().invoke(cli, ["reconcile", str(app), *given, "--json"])
    assert done.exit_code == 0 and done.stderr == ""
    assert [json.loads(done.stdout)[copy]["inserted"] for copy in given] == [1, 1, 1]
    assert CliRunner().invoke(cli, ["reconcile", str(app), *given]).stdout.count("nothing new") == 3


def test_nothing_is_merged_where_one_is_no_copy(app: Path, tmp_path: Path) -> None:
    """All copies are looked at first: where one is no database, or no replica, none is merged, and the error names that one."""
    first = str(copies(app)[0])
    (rubbish := tmp_path / "rubbish.db").write_text("no database " * 100)
    apsw.Connection(str(tmp_path / "plain.db")).execute(SCHEMA).close()
    done = CliRunner().invoke(cli, ["reconcile", str(app), first, str(rubbish)])
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"{rubbish} is not an SQLite database" in done.stderr and "not an error" not in done.stderr
    done = CliRunner().invoke(cli, ["reconcile", str(app), first, str(tmp_path / "plain.db")])
    assert (done.exit_code, done.stdout) == (1, "") and "plain.db" in done.stderr
    with Replica.open(app) as replica:
        assert keys(replica) == ["a", "mine"]


def test_what_was_merged_is_said(app: Path, tmp_path: Path) -> None:
    """Where a copy fails that looked well, what was merged before it is said, then the error."""
    first, other = str(copies(app)[0]), tmp_path / "other.db"
    with peers.replica(other, SCHEMA) as stranger:
        stranger.connection.execute("INSERT INTO task VALUES ('a', 'of a stranger')")
        stranger.fold()
    before = app.read_bytes()
    done = CliRunner().invoke(cli, ["reconcile", str(app), first, str(other)])
    assert done.exit_code == 1 and done.stdout.startswith(f"from {first}:\n{app}: 1 rows inserted")
    assert "crdtsql reconcile" in done.stderr
    app.write_bytes(before)
    done = CliRunner().invoke(cli, ["reconcile", str(app), first, str(other), "--json"])
    *_, notice, error = done.stderr.splitlines()
    assert first in json.loads(notice)["notice"] and json.loads(error)["error"]["exit_code"] == 1 and done.stdout == ""
