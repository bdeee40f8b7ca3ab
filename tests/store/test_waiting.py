"""Writes that wait in the log when a file is copied, backed up or restored: they are the same events in every copy."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica, sync
from crdtsql.store import copies
from crdtsql.store.book import Book
from tests.support import seeds

SEEDS = seeds.chosen(12)
SCHEMA = """
CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT);
CREATE TABLE reply (id INTEGER PRIMARY KEY AUTOINCREMENT, note INTEGER REFERENCES note (id), body TEXT);
CREATE TABLE tally (k TEXT PRIMARY KEY NOT NULL, n INTEGER, x REAL, tags TEXT, meta TEXT, best INTEGER, who TEXT, plain TEXT);
INSERT INTO tally VALUES ('hits', 0, 0.0, '[]', '{}', 0, 'nobody', 'nothing');
"""
TYPES = {"n": "counter", "x": "counter", "tags": "set", "meta": "map", "best": "max", "who": "register"}


def write(path: Path, *statements: str) -> None:
    """Execute statements as any program does, each in a transaction of its own."""
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def read(path: Path, statement: str) -> list[tuple[Any, ...]]:
    """Read rows as any program does."""
    connection = sqlite3.connect(path)
    found = connection.execute(statement).fetchall()
    connection.close()
    return found


def create(path: Path, journal: str = "delete") -> Path:
    """Make a replica."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {journal}")
    connection.executescript(SCHEMA)
    connection.close()
    with Replica.open(path) as opened:
        opened.enable("note", "reply")
        opened.enable("tally", types=TYPES)
    return path


def scribble(path: Path, word: str) -> None:
    """Write a word everywhere: a row of its own and its child, an increment, an element, a leaf, and to plain cells."""
    write(
        path,
        f"INSERT INTO note (body) VALUES ('{word}')",
        f"INSERT INTO reply (note, body) SELECT id, 'to ' || body FROM note WHERE body = '{word}'",
        "UPDATE tally SET n = n + 1, x = x + 0.5",
        f"UPDATE tally SET tags = json_insert(tags, '$[#]', 'gone {word}'), meta = json_set(meta, '$.{word}', 1)",
        f"UPDATE tally SET tags = json_remove(json_insert(tags, '$[#]', '{word}'), '$[#-2]'), who = '{word}'",
        f"UPDATE tally SET best = best + 1, plain = '{word}'",
    )


def by_cp(source: Path, target: Path) -> None:
    """Copy as `cp` does; over a file that is there, into it."""
    checkpoint(source)
    for suffix in ("-wal", "-shm"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    shutil.copyfile(source, target)


def by_rename(source: Path, target: Path) -> None:
    """Copy as `rsync` does: under another name, then renamed."""
    by_cp(source, target.with_name(".new"))
    target.with_name(".new").rename(target)


def by_backup(source: Path, target: Path) -> None:
    """Copy by SQLite's backup, which is `.backup`, and over a file that is there `.restore`."""
    before, after = sqlite3.connect(source), sqlite3.connect(target)
    before.backup(after)
    before.close()
    after.close()


def by_vacuum(source: Path, target: Path) -> None:
    """Copy by VACUUM INTO."""
    target.unlink(missing_ok=True)
    write(source, f"VACUUM INTO '{target}'")


def by_dump(source: Path, target: Path) -> None:
    """Copy by `.dump`, read into a new file."""
    before = sqlite3.connect(source)
    script = "\n".join(before.iterdump())
    before.close()
    target.unlink(missing_ok=True)
    after = sqlite3.connect(target, isolation_level=None)
    after.executescript(script)
    after.close()


WAYS = (by_cp, by_rename, by_backup, by_vacuum, by_dump)


def checkpoint(path: Path) -> None:
    """Bring the write-ahead log into the file."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def come_to_rest(*paths: Path) -> None:
    """Sync all files with each other until they have the same."""
    with ExitStack() as stack:
        replicas = [stack.enter_context(Replica.open(path)) for path in paths]
        replicas[0].vector()
        for _ in range(2):
            for other in replicas[1:]:
                sync(replicas[0], other)


def check(words: set[str], *paths: Path) -> None:
    """Check that each word is there once, everywhere."""
    for path in paths:
        assert sorted(word for (word,) in read(path, "SELECT body FROM note")) == sorted(words), path.name
        told = read(path, "SELECT reply.body, note.body FROM reply JOIN note ON note.id = reply.note ORDER BY 1")
        assert told == sorted((f"to {word}", word) for word in words), path.name
        assert read(path, "SELECT n, x FROM tally") == [(len(words), len(words) / 2)], path.name
        elements = read(path, "SELECT value FROM tally, json_each(tags) ORDER BY value")
        assert [word for (word,) in elements] == sorted(words), path.name
        leaves = read(path, "SELECT key FROM tally, json_each(meta) ORDER BY key")
        assert [word for (word,) in leaves] == sorted(words), path.name
        assert read(path, "PRAGMA integrity_check") == [("ok",)]
        assert read(path, "PRAGMA foreign_key_check") == []
    shown = {
        str([read(path, f"SELECT * FROM {table} ORDER BY 1") for table in ("note", "reply", "tally")]) for path in paths
    }
    assert len(shown) == 1


@pytest.mark.parametrize("journal", ["delete", "wal"])
@pytest.mark.parametrize("first", ["copy", "original"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_copied_writes_count_once(tmp_path: Path, way: Callable[[Path, Path], None], first: str, journal: str) -> None:
    """Writes that no command had seen when a file was copied count once, whoever folds first, and both go on meanwhile."""
    a, c = create(tmp_path / "a.db", journal), tmp_path / "c.db"
    with Replica.open(a) as opened:
        opened.clone(tmp_path / "b.db").close()
    scribble(a, "both")
    way(a, c)
    scribble(a, "of_a")
    scribble(c, "of_c")
    for path in (c, a) if first == "copy" else (a, c):
        with Replica.open(path) as opened:
            opened.vector()
    come_to_rest(tmp_path / "b.db", a, c)
    check({"both", "of_a", "of_c"}, a, tmp_path / "b.db", c)


@pytest.mark.parametrize("edited", [False, True], ids=["as it was", "edited"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_restored_backup_counts_once(tmp_path: Path, way: Callable[[Path, Path], None], edited: bool) -> None:
    """A backup with such writes that is put back, also one that was edited before, counts them once."""
    a, backup = create(tmp_path / "a.db"), tmp_path / "backup.db"
    with Replica.open(a) as opened:
        opened.clone(tmp_path / "b.db").close()
    scribble(a, "saved")
    way(a, backup)
    scribble(a, "sent")
    come_to_rest(a, tmp_path / "b.db")
    if edited:
        scribble(backup, "edited")
    way(backup, a)
    scribble(a, "after")
    come_to_rest(a, tmp_path / "b.db", backup)
    check({"saved", "sent", "after"} | ({"edited"} if edited else set()), a, tmp_path / "b.db", backup)


def test_a_restored_backup_whose_note_is_gone_is_noticed(tmp_path: Path) -> None:
    """A backup with such writes that is put back and written, while nothing else tells of the time between: the book does."""
    a, b, backup = create(tmp_path / "a.db"), tmp_path / "b.db", tmp_path / "backup.db"
    with Replica.open(a) as opened:
        opened.clone(b).close()
    scribble(a, "saved")
    by_cp(a, backup)
    scribble(a, "sent")
    come_to_rest(a, b)
    by_cp(backup, a)
    for note in (tmp_path / "state").iterdir():
        if note.is_file():
            note.unlink()
    scribble(a, "after")
    with Replica.open(a) as opened:
        opened.vector()
    come_to_rest(a, b)
    check({"saved", "sent", "after"}, a, b)


def test_copies_of_copies_count_once(tmp_path: Path) -> None:
    """A copy of a copy that no command had seen has the writes of the file in between under the site that folds them first."""
    a = create(tmp_path / "a.db")
    paths = [a]
    words = {"word0"}
    scribble(a, "word0")
    for number, way in enumerate(WAYS, 1):
        paths.append(tmp_path / f"{number}.db")
        way(paths[-2], paths[-1])
        words.add(f"word{number}")
        scribble(paths[-1], f"word{number}")
    order = list(paths)
    random.Random(5).shuffle(order)
    for path in order:
        with Replica.open(path) as opened:
            opened.vector()
    come_to_rest(*paths)
    check(words, *paths)


def history(folder: Path, seed: int, *, wipe: bool) -> tuple[set[str], list[Path]]:
    """Let files be written, copied, restored, folded and synced at random; return the words that a file still has, and all files."""
    chance = random.Random(seed)
    paths = [create(folder / "0.db", chance.choice(("delete", "wal")))]
    words: dict[Path, set[str]] = {paths[0]: set()}
    backups: list[tuple[Path, Path, set[str]]] = []
    for number in range(chance.choice((8, 14))):
        path = chance.choice(paths)
        what = chance.choices(("write", "copy", "back up", "restore", "fold", "sync"), (6, 3, 2, 2, 1, 2))[0]
        if what == "write":
            words[path].add(f"w{number}")
            scribble(path, f"w{number}")
        elif what == "copy" and len(paths) < 5:
            paths.append(folder / f"copy{number}.db")
            chance.choice(WAYS)(path, paths[-1])
            words[paths[-1]] = set(words[path])
        elif what == "back up":
            backups.append((folder / f"{number}.backup", path, set(words[path])))
            chance.choice(WAYS)(path, backups[-1][0])
        elif what == "restore" and backups:
            backup, target, saved = chance.choice(backups)
            chance.choice(WAYS)(backup, target)
            words[target] = set(saved)
        elif what == "fold":
            with Replica.open(path) as opened:
                opened.vector()
        elif what == "sync" and len(paths) > 1:
            other = chance.choice([one for one in paths if one != path])
            come_to_rest(path, other)
            both = words[path] | words[other]
            words[path], words[other] = set(both), both
        if wipe and chance.random() < 0.3:
            shutil.rmtree(copies.state_directory() / "logs", ignore_errors=True)
    come_to_rest(*paths)
    return set().union(*words.values()), paths


@pytest.mark.parametrize("seed", SEEDS)
def test_random_copies_count_once(tmp_path: Path, seed: int) -> None:
    """Whatever is copied, restored and synced in whatever order: what a file still has is everywhere, once."""
    words, paths = history(tmp_path, seed, wipe=False)
    check(words, *paths)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_lost_book_doubles_and_never_loses(tmp_path: Path, seed: int) -> None:
    """Where the book was wiped, writes may be there twice, on all replicas alike, and none is lost."""
    words, paths = history(tmp_path, seed, wipe=True)
    shown = {
        str([read(path, f"SELECT * FROM {table} ORDER BY 1") for table in ("note", "reply", "tally")]) for path in paths
    }
    assert len(shown) == 1
    found = [word for (word,) in read(paths[0], "SELECT body FROM note")]
    assert set(found) == words
    ((count,),) = read(paths[0], "SELECT n FROM tally")
    assert count >= len(words)


def test_a_crash_before_the_commit_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fold that ends between the book and the commit: the same writes get the same site and stamps next time, in a copy too."""
    a, c = create(tmp_path / "a.db"), tmp_path / "c.db"
    scribble(a, "both")
    written = Book.write

    def dies(self: Book, *pieces: Any) -> None:
        written(self, *pieces)
        raise KeyboardInterrupt

    monkeypatch.setattr(Book, "write", dies)
    with Replica.open(a) as opened, suppress(KeyboardInterrupt):
        opened.vector()
    monkeypatch.undo()
    monkeypatch.setenv("CRDTSQL_STATE_DIR", str(tmp_path / "state"))
    by_cp(a, c)
    scribble(a, "of_a")
    scribble(c, "of_c")
    with Replica.open(c) as opened:
        opened.vector()
    with Replica.open(a) as opened:
        before = opened.site
        opened.vector()
    come_to_rest(a, c)
    check({"both", "of_a", "of_c"}, a, c)
    with Replica.open(a) as opened:
        assert opened.site == before, "the original needs no new site"


def test_two_that_fold_at_once_count_once(tmp_path: Path) -> None:
    """Of two commands that fold two copies at one moment, one is the first, and the other one waits for it."""
    paths = [create(tmp_path / "0.db")]
    scribble(paths[0], "both")
    for number in (1, 2, 3):
        paths.append(tmp_path / f"{number}.db")
        by_cp(paths[0], paths[-1])

    def fold(path: Path) -> None:
        with Replica.open(path) as opened:
            opened.vector()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fold, paths))
    come_to_rest(*paths)
    check({"both"}, *paths)


def test_entries_without_chance_are_nobodys_twin(tmp_path: Path) -> None:
    """What triggers of an older format wrote is never taken for what another file folded: it may double, and is not lost."""
    a, c = create(tmp_path / "a.db"), tmp_path / "c.db"
    write(a, "INSERT INTO note (body) VALUES ('old')", "UPDATE _crdt_log SET at = julianday('now')")
    by_cp(a, c)
    come_to_rest(a, c)
    assert read(a, "SELECT body FROM note") == read(c, "SELECT body FROM note") == [("old",), ("old",)]


def notice(path: Path) -> str:
    """Open a file that was copied; return what is said of it."""
    with Replica.open(path) as opened:
        (said,) = opened.notices
        return said


def test_the_notice_says_what_becomes_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The notice says that nothing is lost, that the writes count once, or that they may be there twice: whichever is true."""
    a = create(tmp_path / "a.db")
    by_cp(a, tmp_path / "empty.db")
    assert notice(tmp_path / "empty.db").endswith("nothing is lost")
    write(a, "INSERT INTO note (body) VALUES ('x')")
    for name in ("unseen.db", "seen.db", "elsewhere.db"):
        by_cp(a, tmp_path / name)
    assert "count once if both are used on this machine by this user, else twice" in notice(tmp_path / "unseen.db")
    with Replica.open(a) as opened:
        opened.vector()
    assert "1 of the 1 writes in it that had no stamps yet were folded before, and count once" in notice(
        tmp_path / "seen.db"
    )
    monkeypatch.setattr(copies, "_machine", lambda: "another")
    monkeypatch.setenv("CRDTSQL_STATE_DIR", str(tmp_path / "another"))
    assert "they will be there twice" in notice(tmp_path / "elsewhere.db")


def test_a_program_that_takes_it_back_leaves_no_book(tmp_path: Path) -> None:
    """Inside a transaction of a caller's nothing is written down, because the caller may undo it."""
    a = create(tmp_path / "a.db")
    connection = apsw.Connection(str(a))
    connection.execute("BEGIN; INSERT INTO note (body) VALUES ('x')")
    Replica.on(connection).vector()
    connection.execute("ROLLBACK")
    connection.close()
    scribble(a, "after")
    with Replica.open(a) as opened:
        opened.vector()
        assert opened.notices == []
    check({"after"}, a)
