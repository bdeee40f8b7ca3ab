"""Previews: what a sync would do is what it then does, and looking changes nothing."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import apsw
import pytest

from crdtsql import Replica, errors, sync
from crdtsql.replica import SidePreview, SyncPreview, rehearse_file
from crdtsql.replica.opening import now_ms
from tests.machines.simulation.constrained import tables as constrained_tables
from tests.machines.simulation.constrained.test_any_verb import Play
from tests.support import hub, peers, seeds
from tests.support.command import ok

SEEDS = seeds.chosen(1, "CRDTSQL_PREVIEWS")
STEPS, LOOKS = 14, 4
SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT UNIQUE, n)"


def digests(folder: Path) -> dict[str, str]:
    """Return what every file in a folder holds, but for those that SQLite shares with other processes, empty logs, and caches of stores."""
    found = {}
    for path in sorted(set(folder.rglob("*")) - set(folder.glob("state/stores/**/*"))):
        if (
            path.is_file()
            and not path.name.endswith("-shm")
            and not (path.name.endswith("-wal") and not path.stat().st_size)
        ):
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def shown(path: Path, tables: list[str]) -> dict[tuple[object, ...], dict[str, tuple[str, object]]]:
    """Return what tables show: (table, key) -> columns with type and value."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    found = {}
    for table in tables:
        names = [
            (name, key)
            for _, name, _, _, _, key, hidden in connection.execute(f"PRAGMA table_xinfo({table})")
            if not hidden
        ]
        key = [name for name, place in sorted(names, key=lambda one: one[1]) if place]
        rest = [name for name, place in names if not place]
        typed = ", ".join(f"typeof({name}), {name}" for name in (*key, *rest))
        for row in connection.execute(f"SELECT {typed} FROM {table}"):
            cells = list(zip(row[::2], row[1::2], strict=True))
            columns = dict(zip(rest, cells[len(key) :], strict=True))
            found[table, *(value for _, value in cells[: len(key)])] = columns
    connection.close()
    return found


def changes(before: dict, after: dict) -> dict[tuple[object, ...], tuple[str, dict[str, object]]]:
    """Return which rows are other ones: (table, key) -> what was done, and the columns."""
    found = {}
    for row in before.keys() | after.keys():
        was, now = before.get(row), after.get(row)
        if was is None:
            found[row] = "inserted", {name: value for name, (_, value) in now.items()}
        elif now is None:
            found[row] = "deleted", {name: value for name, (_, value) in was.items()}
        elif was != now:
            found[row] = "updated", {name: cell[1] for name, cell in now.items() if cell != was[name]}
    return found


def told(side: SidePreview) -> dict[tuple[object, ...], tuple[str, dict[str, object]]]:
    return {(row.table, *row.key): (row.did, row.columns) for row in side.rows}


def names(held: list) -> Counter:
    return Counter((row.table, row.key, row.reason, row.detail, row.shown) for row in held)


def assert_exact(one: Replica, other: Replica, tables: list[str], found: SyncPreview, state: Path) -> Counter:
    """Sync two replicas, and compare what happens with what was foretold; return what did."""
    occurred: Counter = Counter()
    paths = [Path(str(each.path)) for each in (one, other)]
    before = [shown(path, tables) for path in paths]
    for each in (one, other):
        each.fold()
    held = [names(each.held()) for each in (one, other)]
    clashes = [{conflict.id for conflict in each.conflicts()} for each in (one, other)]
    report = sync(one, other, max_deletes=None)
    for each, path, was, had, known, side, merged in zip(
        (one, other), paths, before, held, clashes, (found.here, found.there), report, strict=True
    ):
        assert side is not None
        happened = changes(was, shown(path, tables))
        assert told(side) == happened
        assert side.row_count == len(happened) == len(side.rows)
        new = names(each.held())
        assert names(side.held) == new - had
        assert names(side.released) == had - new
        assert (side.held_count, side.released_count) == (len(side.held), len(side.released))
        came = [conflict for conflict in each.conflicts() if conflict.id not in known]
        assert side.conflicts == came and side.conflict_count == len(came)
        assert side.merged.to_json() == merged.to_json()
        occurred += Counter(did for did, _ in happened.values())
        occurred["held"] += len(side.held)
        occurred["released"] += len(side.released)
        occurred["collided"] += len(came)
    return occurred


@pytest.mark.parametrize("family", constrained_tables.FAMILIES)
def test_what_is_foretold_is_what_happens(family: str) -> None:
    """Over random histories with constraints, numbers and deletes a preview says row by row what a sync then does, and changes no byte."""
    for seed in SEEDS:
        with peers.fast_directory() as directory, pytest.MonkeyPatch.context() as patch:
            patch.setenv("CRDTSQL_STATE_DIR", str(directory / "state"))
            play = Play(directory, family, seed)
            try:
                for _ in range(LOOKS):
                    for _ in range(STEPS):
                        play.now += play.random.choice((0, 1, 40, 2000))
                        play.random.choices((play.write, play.send, play.purge), (12, 4, 1))[0]()
                    one, other = play.random.sample(play.replicas, 2)
                    files = digests(directory)
                    found = one.preview(other, max_deletes=None, limit=None)
                    assert digests(directory) == files
                    assert_exact(one, other, list(play.habits.tables), found, directory)
            except BaseException:
                print(f"family {family!r}, seed {seed}")
                raise
            finally:
                play.close()


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Replica, Replica]:
    """Give two replicas that share a row; each then wrote it, and a value that is UNIQUE."""
    one = peers.replica(tmp_path / "1.db", SCHEMA, site=1, now=now_ms)
    one.connection.execute("INSERT INTO task VALUES ('a', 'x', 1), ('b', NULL, 1)")
    other = one.clone(tmp_path / "2.db")
    one.connection.execute("UPDATE task SET n = 'one' WHERE id = 'a'; INSERT INTO task VALUES ('c', 'same', 1)")
    other.connection.execute("UPDATE task SET n = 'two' WHERE id = 'a'; INSERT INTO task VALUES ('d', 'same', 1)")
    other.connection.execute("UPDATE task SET n = 1.0 WHERE id = 'b'")
    return one, other


def test_a_preview_tells_all_kinds(pair: tuple[Replica, Replica]) -> None:
    """Rows that change, also in their type alone, overwrites that collide, and rows that would be held: of both sides."""
    one, other = pair
    found = one.preview(other)
    assert told(found.here) == {("task", "a"): ("updated", {"n": "two"}), ("task", "b"): ("updated", {"n": 1.0})}
    assert isinstance(found.here.rows[1].columns["n"], float)
    assert found.here.tables == {"task": (0, 2, 0)}
    assert [(clash.column, clash.ours, clash.theirs) for clash in found.here.conflicts] == [("n", "one", "two")]
    assert [(row.key, row.reason) for row in found.here.held] == [(("d",), "unique")]
    assert found.there is not None
    assert [(row.key, row.reason) for row in found.there.held] == [(("d",), "unique")]
    assert found.there.tables == {"task": (1, 0, 1)}
    assert found.stopped is None and not found.here.more


def test_counts_are_whole(pair: tuple[Replica, Replica]) -> None:
    """Lists end at the limit that is asked for; counts do not."""
    one, other = pair
    found = one.preview(other, limit=1)
    assert (len(found.here.rows), found.here.row_count, found.here.more, len(found.cells)) == (1, 2, True, 1)
    assert found.cell_count == len(one.changes(other.vector()))
    none = one.preview(other, limit=0)
    assert not (none.here.rows or none.here.conflicts or none.here.held or none.cells)
    assert (none.here.conflict_count, none.here.held_count) == (1, 1)


def test_one_way_alone(pair: tuple[Replica, Replica]) -> None:
    """A preview of a pull changes nothing there, that of a push nothing here."""
    one, other = pair
    pull, push = one.preview(other, push=False), one.preview(other, pull=False)
    assert pull.here.row_count and not pull.cell_count
    assert push.there is not None and push.there.row_count and not push.here.row_count
    assert pull.there is not None and not pull.there.row_count


def test_what_would_be_refused(tmp_path: Path) -> None:
    """Where a sync would be refused a preview says why, and what it would do if it were let through."""
    one = peers.replica(tmp_path / "1.db", SCHEMA, site=1, now=now_ms)
    one.connection.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) INSERT INTO task SELECT 't' || i, NULL, i FROM n"
    )
    other = one.clone(tmp_path / "2.db")
    one.connection.execute("DELETE FROM task WHERE n <= 80")
    found = other.preview(one)
    assert found.stopped is not None and "80 of 100 rows" in found.stopped
    assert found.here.tables == {"task": (0, 0, 80)}
    assert other.preview(one, max_deletes=None).stopped is None
    third = peers.replica(tmp_path / "3.db", SCHEMA, site=3, now=now_ms)
    fourth = peers.replica(tmp_path / "4.db", SCHEMA, site=4, now=now_ms)
    for each, value in ((third, "x"), (fourth, "y")):
        each.connection.execute("INSERT INTO task VALUES ('t', ?, 1)", (value,))
        each.fold()
    assert third.preview(fourth).stopped is None
    stopped = third.preview(fourth, refuse_unrelated=True)
    assert stopped.stopped is not None and stopped.here.conflict_count == 1
    with pytest.raises(errors.CrdtsqlError, match="are the same replica"):
        one.preview(one)


@pytest.mark.parametrize("way", ["folder", "file"])
def test_ways_alike(pair: tuple[Replica, Replica], way: str, tmp_path: Path) -> None:
    """By a folder, and by a path, the same is foretold of this side, and it is what happens; nothing is put there."""
    one, other = pair
    (tmp_path / "team").mkdir()
    if way == "folder":
        other.sync(f"dir:{tmp_path / 'team'}")
    remote = f"dir:{tmp_path / 'team'}" if way == "folder" else str(other.path)
    files = digests(tmp_path)
    found = one.preview(remote)
    assert digests(tmp_path) == files
    before = shown(tmp_path / "1.db", ["task"])
    one.sync(remote)
    assert told(found.here) == changes(before, shown(tmp_path / "1.db", ["task"]))
    assert found.here.conflicts == one.conflicts() and found.here.held == one.held()
    assert (found.there is None) == (way == "folder")
    assert {cell.key for cell in found.cells} == {"a", "c"}


def test_the_file_is_only_read(pair: tuple[Replica, Replica], tmp_path: Path) -> None:
    """`diff` and `sync --dry-run` leave both files as they are, byte for byte: with writes that no command saw, in WAL mode or not."""
    one, other = pair
    one.connection.execute("PRAGMA journal_mode = WAL")
    for each in pair:
        each.close()
    writer = apsw.Connection(str(tmp_path / "1.db"))
    writer.execute("INSERT INTO task VALUES ('e', 'late', 1)")
    wal = (tmp_path / "1.db-wal").read_bytes()
    assert wal
    (tmp_path / "k").mkdir()
    for name in ("1.db", "1.db-wal"):
        (tmp_path / "k" / name).write_bytes((tmp_path / name).read_bytes())  # as a process leaves them that was killed
    writer.close()
    (tmp_path / "1.db").write_bytes((tmp_path / "k" / "1.db").read_bytes())
    (tmp_path / "1.db-wal").write_bytes(wal)
    files = digests(tmp_path)
    for words in (["diff"], ["sync", "--dry-run"]):
        text = ok(words[0], tmp_path / "1.db", tmp_path / "2.db", *words[1:])
        assert "2.db: task 'e' would be inserted: title = 'late', n = 1" in text
        assert "1.db: task 'a' n would collide: " in text and "1.db: task 'd' would be held: unique (title)" in text
        assert digests(tmp_path) == files


def test_a_file_that_was_copied(pair: tuple[Replica, Replica], tmp_path: Path) -> None:
    """A copy of a file is looked at as the site that it would go on as, and no note of that is left."""
    one, _ = pair
    one.fold()
    one.close()
    copy = tmp_path / "copy.db"
    copy.write_bytes((tmp_path / "1.db").read_bytes())
    peers.write(copy, "UPDATE task SET n = 7 WHERE id = 'b'")
    files = digests(tmp_path)
    with rehearse_file(tmp_path / "1.db") as here:
        found = here.preview(copy)
        assert here.site == bytes([1, *([0] * 15)]).hex()
    assert digests(tmp_path) == files
    assert told(found.here) == {("task", "b"): ("updated", {"n": 7})}


def test_writes_that_two_files_have_waiting(pair: tuple[Replica, Replica], tmp_path: Path) -> None:
    """Writes that waited in a file when it was copied, and were folded in one of both, are the same writes in a preview too."""
    one, _ = pair
    one.fold()
    one.close()
    peers.write(tmp_path / "1.db", "INSERT INTO task VALUES ('w', 'waited', 1)")
    copy = tmp_path / "copy.db"
    copy.write_bytes((tmp_path / "1.db").read_bytes())
    with Replica.open(tmp_path / "1.db") as first:
        first.fold()
        found = first.preview(copy)
        assert not found.here.row_count and not found.here.conflict_count
        assert found.here.merged.known and not found.cell_count
        assert found.there is not None and not found.there.row_count


def test_over_http(pair: tuple[Replica, Replica], tmp_path: Path) -> None:
    """By a server it is what happens here, and nothing is merged there; what would be sent is listed cell by cell."""
    one, other = pair
    other.close()
    with hub.serving(tmp_path / "2.db") as server:
        server.grant(tmp_path / "2.db")
        address = server.address(tmp_path / "2.db")
        there, before = shown(tmp_path / "2.db", ["task"]), shown(tmp_path / "1.db", ["task"])
        file = (tmp_path / "1.db").read_bytes()
        found = one.preview(address)
        assert (tmp_path / "1.db").read_bytes() == file and shown(tmp_path / "2.db", ["task"]) == there
        assert found.there is None and {cell.key for cell in found.cells} == {"a", "c"}
        one.sync(address)
        assert told(found.here) == changes(before, shown(tmp_path / "1.db", ["task"]))
        assert found.here.conflicts == one.conflicts() and found.here.held == one.held()
