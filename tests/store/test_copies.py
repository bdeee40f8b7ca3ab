"""Copied, moved and restored files: no two writers ever share a site id, and nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import ExitStack
from pathlib import Path

import apsw
import pytest

import crdtsql
from crdtsql import Replica, errors, sync
from tests.support.command import execute, make, ok, open_folder, query, run, run_unprivileged
from tests.support.shortage import descriptors

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT)"
SHOWN = "SELECT id, title FROM task ORDER BY id"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Give a replica with one row."""
    path = make(tmp_path / "app.db", SCHEMA, [("first", "one")])
    with Replica.open(path) as opened:
        opened.enable("task")
    return path


@pytest.fixture
def peer(app: Path, tmp_path: Path) -> Path:
    """Give a second replica, made with `clone`."""
    with Replica.open(app) as opened:
        opened.clone(tmp_path / "peer.db")
    return tmp_path / "peer.db"


def site(path: Path) -> str:
    """Return a file's site id as it is stored, without any look at where the file lives."""
    ((found,),) = query(
        path, "SELECT lower(hex(id)) FROM _crdt_site JOIN _crdt_meta ON name = 'self' AND value = ordinal"
    )
    return str(found)


def open_with(path: Path, expected: str | None) -> None:
    """Open a file twice: the first time says on stderr that it is a new site if that is expected, the second never."""
    before = site(path)
    ((waiting,),) = query(path, "SELECT count(*) FROM _crdt_log")
    first = run("vector", path)
    assert first.returncode == 0, first.stderr
    lines = first.stderr.decode().splitlines()
    if expected is None:
        assert lines == []
        assert site(path) == before
    else:
        assert len(lines) == 1, lines
        assert expected in lines[0]
        assert "goes on as a new site" in lines[0]
        assert ("nothing is lost" in lines[0]) == (waiting == 0 and "restored" not in lines[0])
        assert ("count once" in lines[0]) == (waiting > 0)
        assert site(path) in lines[0] and before in lines[0]
        assert site(path) != before
    after = site(path)
    with Replica.open(path) as opened:
        assert opened.notices == []
        assert opened.site == after


def write(path: Path, key: str, title: str = "x") -> None:
    """Write a row as another program does."""
    execute(path, f"INSERT INTO task VALUES ('{key}', '{title}')")


def converge(*paths: Path) -> set[str]:
    """Sync all files with each other; return the keys that all of them show."""
    with ExitStack() as stack:
        replicas = [stack.enter_context(Replica.open(path)) for path in paths]
        for _ in range(2):
            for other in replicas[1:]:
                sync(replicas[0], other)
        rows = replicas[0].connection.execute(SHOWN).fetchall()
        for replica in replicas:
            assert replica.connection.execute(SHOWN).fetchall() == rows
            assert replica.connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return {key for key, _ in rows}


def test_a_copy_becomes_a_new_site(app: Path, tmp_path: Path) -> None:
    """A file copied with cp is a new site, said once; the original keeps its own."""
    write(app, "before")
    shutil.copy(app, tmp_path / "copy.db")
    write(app, "original")
    write(tmp_path / "copy.db", "copy")
    open_with(app, None)
    open_with(tmp_path / "copy.db", "it is a copy")
    assert converge(app, tmp_path / "copy.db") == {"first", "before", "original", "copy"}


def test_copies_written_before_anyone_looked_are_told_apart(app: Path, peer: Path, tmp_path: Path) -> None:
    """Many copies, all written before crdtsql opens any of them, lose nothing, even for one key."""
    copies = [shutil.copy(app, tmp_path / f"copy{n}.db") for n in range(3)]
    for number, copy in enumerate(copies):
        execute(
            copy,
            f"INSERT INTO task VALUES ('of {number}', 'x'); UPDATE task SET title = 'copy {number}' WHERE id = 'first'",
        )
    write(app, "original")
    assert converge(peer, *copies, app) == {"first", "of 0", "of 1", "of 2", "original"}
    assert len({site(path) for path in (app, peer, *copies)}) == 5


def test_a_copy_over_the_same_file_is_noticed(app: Path, peer: Path, tmp_path: Path) -> None:
    """A backup copied over the file, same inode, is an older state: a new site, which gets back what its peers had."""
    shutil.copy(app, tmp_path / "backup.db")
    inode = app.stat().st_ino
    write(app, "later")
    ok("sync", app, peer)
    write(app, "lost for ever")
    ok("vector", app)
    shutil.copyfile(tmp_path / "backup.db", app)
    assert app.stat().st_ino == inode
    write(app, "after")
    open_with(app, "an older state of it was restored")
    assert converge(app, peer) == {"first", "later", "after"}


def test_a_rename_over_the_file_is_noticed(app: Path, peer: Path, tmp_path: Path) -> None:
    """A backup renamed over the file is a copy: a new site."""
    shutil.copy(app, tmp_path / "backup.db")
    write(app, "later")
    ok("sync", app, peer)
    os.replace(tmp_path / "backup.db", app)
    write(app, "after")
    open_with(app, "it is a copy")
    assert converge(app, peer) == {"first", "later", "after"}


def test_another_replica_copied_over_the_file_is_noticed(app: Path, peer: Path) -> None:
    """A peer's file copied over this one is a copy of the peer, not this one's restored state."""
    write(peer, "of peer")
    ok("vector", peer)
    shutil.copyfile(peer, app)
    write(app, "here")
    write(peer, "there")
    open_with(app, "it is a copy")
    open_with(peer, None)
    assert converge(app, peer) == {"first", "of peer", "here", "there"}


def test_a_moved_file_stays_the_site(app: Path, tmp_path: Path) -> None:
    """A file that is moved or renamed keeps its site id."""
    (tmp_path / "a folder").mkdir()
    moved = tmp_path / "a folder" / "moved.db"
    app.rename(moved)
    write(moved, "after")
    open_with(moved, None)
    os.link(moved, tmp_path / "link.db")
    (tmp_path / "symlink.db").symlink_to(moved)
    open_with(tmp_path / "link.db", None)
    open_with(tmp_path / "symlink.db", None)


def test_vacuum_changes_nothing(app: Path) -> None:
    """VACUUM keeps the site id; a write after it is captured."""
    write(app, "before")
    execute(app, "DELETE FROM task WHERE id = 'first'; VACUUM")
    write(app, "after")
    open_with(app, None)


def test_vacuum_into_makes_a_copy(app: Path, peer: Path, tmp_path: Path) -> None:
    """What VACUUM INTO writes is a new site."""
    write(app, "before")
    execute(app, f"VACUUM INTO '{tmp_path}/vacuumed.db'")
    write(tmp_path / "vacuumed.db", "copy")
    open_with(tmp_path / "vacuumed.db", "it is a copy")
    assert converge(peer, app, tmp_path / "vacuumed.db") == {"first", "before", "copy"}


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_backup_and_restore_through_sqlite_are_noticed(app: Path, peer: Path, tmp_path: Path, journal: str) -> None:
    """A backup by SQLite's own means is a copy; restoring it into the same file is an older state."""
    execute(app, f"PRAGMA journal_mode = {journal}")
    write(app, "before")
    execute(app, f".backup '{tmp_path}/backup.db'")
    open_with(app, None)
    write(app, "later")
    ok("sync", app, peer)
    inode = app.stat().st_ino
    execute(app, f".restore '{tmp_path}/backup.db'")
    assert app.stat().st_ino == inode
    write(app, "after")
    open_with(app, "an older state of it was restored")
    write(tmp_path / "backup.db", "in the backup")
    open_with(tmp_path / "backup.db", "it is a copy")
    assert converge(app, peer, tmp_path / "backup.db") == {"first", "before", "later", "after", "in the backup"}


@pytest.mark.parametrize("fold_first", [False, True], ids=["unfolded", "folded"])
@pytest.mark.parametrize("carry", ["sync", "sync from the peer", "changesets"])
def test_a_peer_that_knows_more_proves_a_restore(
    app: Path, peer: Path, tmp_path: Path, fold_first: bool, carry: str
) -> None:
    """Without any note, a peer that knows later changes of a file makes it a new site, and nothing is lost."""
    shutil.copy(app, tmp_path / "backup.db")
    write(app, "later")
    ok("sync", app, peer)
    write(peer, "of peer")
    shutil.copyfile(tmp_path / "backup.db", app)
    shutil.rmtree(os.environ["CRDTSQL_STATE_DIR"])
    if not fold_first:
        write(app, "after")
    before = site(app)
    if carry == "sync":
        done = run("sync", app, peer)
    elif carry == "sync from the peer":
        done = run("sync", peer, app)
    else:
        (tmp_path / "peer.vv").write_text(ok("vector", peer))
        done = run("export", app, "--for", tmp_path / "peer.vv", "-o", tmp_path / "news.crdt")
    assert done.returncode == 0, done.stderr
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    assert "a peer has later changes of it, so an older state of it was restored" in lines[0]
    assert site(app) != before
    if carry == "changesets":
        ok("import", peer, tmp_path / "news.crdt")
    write(app, "last")
    expected = {"first", "later", "of peer", "last"} | (set() if fold_first else {"after"})
    assert converge(app, peer) == expected


def test_a_refused_changeset_makes_no_new_site(app: Path, peer: Path, tmp_path: Path) -> None:
    """A changeset that is refused leaves even the site id as it was, and says nothing of a new one."""
    shutil.copy(app, tmp_path / "backup.db")
    write(app, "later")
    ok("sync", app, peer)
    shutil.copyfile(tmp_path / "backup.db", app)
    shutil.rmtree(os.environ["CRDTSQL_STATE_DIR"])
    ok("export", peer, "-o", tmp_path / "all.crdt")
    execute(app, "DROP TABLE task")
    before = site(app)
    done = run("import", app, tmp_path / "all.crdt")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert site(app) == before


def test_the_state_directory_can_be_named(app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CRDTSQL_STATE_DIR names the folder of the notes; each note is only readable by its owner and names the file."""
    folder = tmp_path / "elsewhere" / "deep"
    monkeypatch.setenv("CRDTSQL_STATE_DIR", str(folder))
    write(app, "more")
    open_with(app, None)
    (note,) = folder.glob("*.json")
    assert note.name == f"{site(app)}.json"
    assert note.stat().st_mode & 0o077 == 0
    assert json.loads(note.read_text())["path"] == str(app)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'{"generation": "x"}', b"\xff\xfe", b'{"generation": -1, "nonce": null}']
)
def test_a_damaged_note_does_no_harm(app: Path, content: bytes) -> None:
    """A note that can't be read is as good as none."""
    (note,) = Path(os.environ["CRDTSQL_STATE_DIR"]).glob("*.json")
    note.write_bytes(content)
    write(app, "more")
    ok("vector", app)
    assert json.loads(note.read_text())["generation"] > 0


@pytest.mark.parametrize("kind", ["unwritable", "a file", "missing"])
def test_without_a_state_directory_everything_works(
    app: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no note can be kept, commands work, the site id stays, and a copy is still noticed."""
    folder = tmp_path / "nowhere"
    if kind == "a file":
        folder.write_text("")
    elif kind == "unwritable":
        folder = Path("/proc/crdtsql")
    monkeypatch.setenv("CRDTSQL_STATE_DIR", str(folder))
    write(app, "more")
    open_with(app, None)
    shutil.copy(app, tmp_path / "copy.db")
    open_with(tmp_path / "copy.db", "it is a copy")
    assert converge(app, tmp_path / "copy.db") == {"first", "more"}


@pytest.mark.parametrize("home", ["", "{", "[]", "null", "{}", '{"machine": 1}', None])
def test_a_file_that_does_not_know_its_home_is_a_copy(app: Path, home: str | None) -> None:
    """A file whose memory of its home is gone or damaged takes a new site id."""
    execute(app, f"UPDATE _crdt_meta SET value = {'NULL' if home is None else repr(home)} WHERE name = 'home'")
    open_with(app, "so it goes on as a new site")


def test_a_copy_that_cannot_be_written_is_only_read(app: Path) -> None:
    """A read-only copy can be looked at, and nothing claims that it became a site."""
    with open_folder() as folder:
        copy = Path(shutil.copy(app, folder / "copy.db"))
        copy.chmod(0o444)
        folder.chmod(0o555)
        done = run_unprivileged("status", copy)
        assert done.returncode == 0, done.stderr
        assert done.stderr == b""


def test_what_a_caller_takes_back_leaves_no_note(tmp_path: Path) -> None:
    """SQL functions inside a transaction that is rolled back don't make the file look like a restored one."""
    app = make(tmp_path / "app.db", SCHEMA, [("first", "one")])
    ok("enable", app, "task")
    ok("clone", app, tmp_path / "peer.db")
    write(tmp_path / "peer.db", "news")
    ok("export", tmp_path / "peer.db", "-o", tmp_path / "all.crdt")
    before = site(app)
    connection = apsw.Connection(str(app))
    crdtsql.load(connection)
    connection.execute("BEGIN")
    connection.execute("SELECT crdt_import(?)", ((tmp_path / "all.crdt").read_bytes(),)).fetchall()
    connection.execute("ROLLBACK")
    connection.close()
    assert site(app) == before
    open_with(app, None)


def test_a_clone_is_a_site_of_its_own(app: Path, peer: Path) -> None:
    """A clone has its own site id from the beginning, nothing is said, and it has what the original had."""
    assert site(app) != site(peer)
    open_with(peer, None)
    open_with(app, None)
    assert query(peer, SHOWN) == query(app, SHOWN)
    with Replica.open(peer) as opened:
        assert opened.notices == []


def test_a_copy_of_a_copy_and_a_restored_copy_all_converge(app: Path, peer: Path, tmp_path: Path) -> None:
    """Any mixture of copies and restores converges with nothing lost that any file still held."""
    second, third = tmp_path / "second.db", tmp_path / "third.db"
    shutil.copy(app, second)
    write(second, "s1")
    shutil.copy(second, third)
    write(third, "t1")
    ok("sync", third, peer)
    shutil.copyfile(second, third)
    write(third, "t2")
    write(second, "s2")
    write(app, "a1")
    assert converge(peer, third, second, app) == {"first", "s1", "t1", "s2", "t2", "a1"}


def test_what_can_not_be_read_just_now_makes_no_copy(app: Path) -> None:
    """Where this machine's id, or the note, can't be read for lack of descriptors, a file is refused, and taken for no copy."""
    execute(app, "PRAGMA journal_mode = wal")  # which needs none to write, once it is open
    before, refused = site(app), 0
    for count in range(30):
        with descriptors(count):
            try:
                Replica.open(app).close()
            except errors.DatabaseError:
                refused += 1
        with Replica.open(app) as found:
            assert found.site == before.lower(), count
            assert not found.notices
    assert 0 < refused < 30
