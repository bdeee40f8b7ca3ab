"""Visits of a store, one thing at a time; tests/machines/stores has random ones."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from crdtsql import Replica, errors, sync
from crdtsql.replica import SyncOptions, SyncReport
from crdtsql.transports import cards, known_stores
from crdtsql.transports.stores import known, segments
from crdtsql.transports.stores.rest import sync_with_store
from crdtsql.transports.stores.upkeep import Rules
from tests.machines.stores.world import Depot, Killed
from tests.support import peers, state

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)"
EAGER = Rules(
    grace_ms=1_000, others_grace_ms=4_000, most_short=4, eagerness=1.0, snapshot_bytes=1 << 20, look_closer_ms=100
)
LAZY = Rules(grace_ms=1_000, others_grace_ms=4_000, eagerness=0.0, look_closer_ms=100)


@pytest.fixture
def depot() -> Depot:
    """Give a store in memory."""
    return Depot("depot:x", iter(range(1, 1_000_000)))  # type: ignore[arg-type]


@pytest.fixture
def trio(tmp_path: Path) -> list[Replica]:
    """Give three replicas without rows."""
    return peers.three(tmp_path, SCHEMA, now=peers.Clock(step=1))


def visit(
    replica: Replica, depot: Depot, rules: Rules = LAZY, at_ms: int = peers.START_MS, **options: int
) -> SyncReport:
    """Sync with the store."""
    return sync_with_store(replica, depot, SyncOptions(**options), rules=rules, now=lambda: at_ms)  # type: ignore[arg-type]


def write(replica: Replica, *keys: str) -> None:
    """Insert rows."""
    for key in keys:
        replica.connection.execute("INSERT INTO task VALUES (?, 'x')", (key,))


def keys(replica: Replica) -> list[str]:
    """Return the keys of the rows that are shown."""
    return [key for (key,) in replica.connection.execute("SELECT id FROM task ORDER BY id")]


def test_nothing_new_is_a_listing(trio: list[Replica], depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    """A visit with nothing new reads and writes no file; now and then one looks whether the files are as they were."""
    one, other, _ = trio
    write(one, "a")
    visit(one, depot)
    for _ in range(3):
        visit(other, depot)
    asked: list[str] = []
    monkeypatch.setattr(Depot, "get", lambda self, name: asked.append(name))
    entries = Depot.entries
    monkeypatch.setattr(Depot, "entries", lambda self: asked.append("entries") or entries(self))
    before = cards.place(other, depot.identity, "stores").stat().st_mtime_ns
    for _ in range(9):
        assert visit(other, depot).received == 0
    assert asked == [] and cards.place(other, depot.identity, "stores").stat().st_mtime_ns == before
    for at_ms in (99, 100, 101, 199, 200):
        assert visit(other, depot, at_ms=peers.START_MS + at_ms).received == 0
    assert asked == ["entries"] * 2


def test_what_comes_while_one_puts(trio: list[Replica], depot: Depot) -> None:
    """What somebody else puts there during a visit that puts something too is taken by the next visit."""
    one, other, _ = trio
    write(other, "b")
    visit(other, depot)
    late = dict(depot.files)
    depot.files.clear()
    write(one, "a")
    depot.on_put = lambda name, data: depot.files.update(late)
    assert visit(one, depot).sent == 1
    assert visit(one, depot).received == 1 and keys(one) == ["a", "b"]


def test_a_restored_replica_is_told_by_the_store(trio: list[Replica], depot: Depot) -> None:
    """An older state of a file that was put back is proved by what the store has of it, before anything new is folded: it goes on as a new site."""
    one, other, _ = trio
    write(one, "a")
    visit(one, depot)
    older = one.connection.serialize("main")
    write(one, "b")
    visit(one, depot)
    write(other, "d")
    visit(other, depot)  # so that what was known of the store says nothing
    restored = Replica.on(state.opened(older), now=peers.Clock(step=1), make_site=lambda: b"r" * 16)
    write(restored, "c")
    assert restored.site == one.site
    visit(restored, depot)
    assert restored.site == (b"r" * 16).hex() and keys(restored) == ["a", "b", "c", "d"]
    visit(other, depot)
    assert keys(other) == ["a", "b", "c", "d"]


def test_what_is_too_large_for_a_segment_is_not_read(
    trio: list[Replica], depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is larger than any file of a segment is no part of one, and nobody reads it into memory."""
    one, other, _ = trio
    write(one, "a")
    visit(one, depot)
    (name,) = depot.files
    monkeypatch.setattr(segments, "PIECE_BYTES", len(depot.files[name][0]) - 1)
    monkeypatch.setattr(Depot, "get", lambda self, name: pytest.fail("it was read"))
    assert visit(other, depot).received == 0


def test_what_others_wrote_is_relayed(trio: list[Replica], depot: Depot) -> None:
    """A replica puts into a store what it got by another way; with patience only after some polls, in which the writer may do it."""
    one, relay, other = trio
    write(one, "a")
    sync(one, relay)
    waiting = [visit(relay, depot, patience=9) for _ in range(3)]
    assert [(report.sent, report.put_off) for report in waiting] == [(0, True)] * 3
    report = visit(relay, depot)
    assert report.sent == 1 and not report.put_off
    assert visit(other, depot).received == 1 and keys(other) == ["a"]


def test_own_changes_are_put_at_once(trio: list[Replica], depot: Depot) -> None:
    """Patience is for what others wrote: own changes go with the first visit, once."""
    one, _, _ = trio
    write(one, "a")
    assert [visit(one, depot, patience=9).sent for _ in range(2)] == [1, 0]


def test_segments_that_wait(trio: list[Replica], depot: Depot) -> None:
    """A segment whose forerunner is not there yet waits, is counted, and is told by `status`; it is merged once the gap is filled."""
    one, other, _ = trio
    write(one, "a")
    visit(one, depot)
    (gap,) = depot.files
    write(one, "b")
    visit(one, depot)
    content = depot.files.pop(gap)
    assert visit(other, depot).waiting == 1 and keys(other) == []
    (told,) = known_stores(other)
    assert (told.address, told.waiting, told.waiting_since_ms) == ("depot:x", 1, peers.START_MS)
    assert list(told.missing) == [one.site] and told.to_json()["missing"][one.site].isdigit()
    assert visit(other, depot, at_ms=peers.START_MS + 5).waiting == 1
    assert known_stores(other)[0].waiting_since_ms == peers.START_MS
    depot.files[gap] = content
    assert visit(other, depot).received == 2 and keys(other) == ["a", "b"]
    assert known_stores(other)[0].waiting_since_ms is None


def put_one_of_another_policy(trio: list[Replica], depot: Depot, key: str) -> None:
    """Have the first put a segment that the second can't merge, and the third one that it can, with a row of a key."""
    one, _, third = trio
    one.set_rows("task", "grow-only")
    write(one, "a")
    visit(one, depot)
    write(third, key)
    visit(third, depot)


def test_what_can_not_be_merged_is_left_out(trio: list[Replica], depot: Depot) -> None:
    """A segment that this replica can't merge is named, with the reason; others are taken, and nothing of the store is tidied up."""
    one, other, _ = trio
    put_one_of_another_policy(trio, depot, "b")
    report = visit(other, depot, EAGER)
    assert len(report.skipped) == 1 and "grow-only" in report.skipped[0] and one.site in report.skipped[0]
    assert keys(other) == ["b"]
    other.set_rows("task", "grow-only")
    assert not visit(other, depot).skipped and keys(other) == ["a", "b"]


def test_rows_that_were_filled_separately(trio: list[Replica], depot: Depot) -> None:
    """Where rows would be taken for one that were filled separately, a visit may refuse: then nothing is put there, and none is changed."""
    one, other, third = trio
    one.connection.execute("INSERT INTO task VALUES ('a', 'of one')")
    other.connection.execute("INSERT INTO task VALUES ('a', 'of other')")
    visit(one, depot)
    before = dict(depot.files)
    for ways in ({}, {"pull": False}, {"push": False}):
        with pytest.raises(errors.FilledSeparatelyError, match=re.escape(other.path)):
            visit(other, depot, refuse_unrelated=True, **ways)
        assert depot.files == before and list(other.connection.execute("SELECT title FROM task")) == [("of other",)]
    assert not other.notices and visit(one, depot, refuse_unrelated=True).received == 0
    write(third, "b")
    assert (report := visit(third, depot, refuse_unrelated=True)).sent == report.received == 1
    visit(other, depot)
    visit(one, depot)
    assert list(one.connection.execute("SELECT title FROM task")) == list(
        other.connection.execute("SELECT title FROM task")
    )


def test_a_table_that_was_filled_separately(trio: list[Replica], depot: Depot) -> None:
    """So it is with one table of replicas that have met, if both sides filled it before they enabled it, until they have met in it too."""
    one, other, _ = trio
    write(one, "a")
    for replica in (one, other):
        visit(replica, depot, refuse_unrelated=True)
    for replica in (one, other):
        replica.connection.execute("CREATE TABLE tag (id INTEGER PRIMARY KEY, name)")
        replica.connection.execute("INSERT INTO tag VALUES (1, ?)", (replica.path,))
        replica.enable("tag")
    visit(one, depot, refuse_unrelated=True)
    before = dict(depot.files)
    for ways in ({}, {"pull": False}):
        with pytest.raises(errors.FilledSeparatelyError) as caught:
            visit(other, depot, refuse_unrelated=True, **ways)
        assert caught.value.rows == {"tag": 1} and not caught.value.wholly and depot.files == before
    visit(other, depot)
    write(other, "b")
    assert visit(other, depot, refuse_unrelated=True).sent == 1
    with pytest.raises(errors.FilledSeparatelyError):
        visit(one, depot, refuse_unrelated=True)
    assert visit(one, depot).received == 2 and visit(one, depot, refuse_unrelated=True).received == 0


def test_who_has_met_is_not_asked(trio: list[Replica], depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is merged into a copy once replicas have met."""
    one, other, _ = trio
    write(one, "a")
    write(other, "b")
    for replica in (one, other, one):
        visit(replica, depot, refuse_unrelated=True)
    monkeypatch.setattr(Replica, "rehearsal", lambda self: pytest.fail("a copy was made"))
    write(one, "c")
    visit(one, depot, refuse_unrelated=True)
    write(other, "d")
    assert (report := visit(other, depot, refuse_unrelated=True)).sent == report.received == 1
    write(one, "e")
    assert visit(one, depot, refuse_unrelated=True, pull=False).sent == 1


def test_who_is_asked_puts_though_something_is_left_out(trio: list[Replica], depot: Depot) -> None:
    """A segment that can't be merged for other reasons keeps nobody who may refuse from putting his own."""
    _, other, _ = trio
    put_one_of_another_policy(trio, depot, "c")
    write(other, "b")
    report = visit(other, depot, refuse_unrelated=True)
    assert report.sent == report.received == len(report.skipped) == 1 and keys(other) == ["b", "c"]


def test_short_segments_are_put_together(trio: list[Replica], depot: Depot) -> None:
    """More than so many short segments get one that covers them, and those that it covers go after their grace, own ones first."""
    one, other, _ = trio
    for number in range(7):
        write(one, f"k{number}")
        visit(one, depot)
    visit(other, depot)
    before = list(depot.files)
    write(one, "last")
    assert visit(one, depot, EAGER).sent == 2
    first, *_, wide = depot.files
    visit(one, depot, LAZY, peers.START_MS + 999)
    assert set(before) < set(depot.files)
    visit(one, depot, LAZY, peers.START_MS + 1_000)
    assert list(depot.files) == [first, wide]
    late = trio[2]
    assert visit(late, depot).received == 2 and len(keys(late)) == 8


def test_nobody_waits_where_much_is_due(trio: list[Replica], depot: Depot) -> None:
    """A visit tidies up by chance, so that not all do it at once, but surely where twice as much lies there as should."""
    one, *_ = trio
    rules = Rules(1_000, 4_000, most_short=4, snapshot_bytes=1 << 20, eagerness=0.0, look_closer_ms=100)
    sent = []
    for number in range(10):
        write(one, f"k{number}")
        sent.append(visit(one, depot, rules).sent)
    assert sent == [1] * 8 + [2, 1]


def test_what_another_writer_took_over_goes_at_once(trio: list[Replica], depot: Depot) -> None:
    """Own segments that are covered go without waiting once another writer has put something that includes what covers them."""
    one, other, _ = trio
    for number in range(7):
        write(one, f"k{number}")
        visit(one, depot)
    visit(one, depot, EAGER, peers.START_MS + 100)
    assert len(depot.files) == 8
    visit(other, depot)
    write(other, "o")
    visit(other, depot)
    visit(one, depot)
    assert len(depot.files) == 3


def test_a_snapshot_is_put_when_much_has_come(trio: list[Replica], depot: Depot) -> None:
    """A segment that needs nothing is put once what came since the last one is larger than that, and a limit."""
    one, *_ = trio
    rules = Rules(1_000, 4_000, eagerness=1.0, snapshot_bytes=900, look_closer_ms=100)
    write(one, "a")
    visit(one, depot, rules)
    sent = []
    for number in range(5):
        write(one, f"k{number}")
        sent.append(visit(one, depot, rules).sent)
    assert sorted(sent) == [1, 1, 1, 1, 2]


def test_damage_is_noticed_and_mended(trio: list[Replica], depot: Depot) -> None:
    """A segment that was whole and is damaged later is noticed within some visits, and its content is put again by who has it."""
    one, other, late = trio
    write(one, "a")
    visit(one, depot)
    visit(other, depot)
    (name,) = depot.files
    depot.write(name, depot.files[name][0][:-5])
    assert [visit(other, depot, at_ms=peers.START_MS + at_ms).sent for at_ms in (99, 100)] == [0, 1]
    assert visit(late, depot).received == 1 and keys(late) == ["a"]


def test_own_damaged_segments_go_when_nothing_is_lost_by_that(trio: list[Replica], depot: Depot) -> None:
    """An own segment that is damaged stays until all that its writer has is reachable without it, and its grace is over."""
    one, *_ = trio
    write(one, "a")
    visit(one, depot)
    (name,) = depot.files
    depot.write(name, depot.files[name][0][:-5])
    for at_ms in (500, 9_000):
        visit(one, depot, at_ms=peers.START_MS + at_ms, patience=99)
    assert list(depot.files) == [name]
    for at_ms in (10_000, 11_500):
        visit(one, depot, at_ms=peers.START_MS + at_ms)
    assert name not in depot.files and len(depot.files) == 1


def test_a_store_that_takes_nothing(trio: list[Replica], depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be put, what is there is taken all the same, and it is said how to do that alone; what could not be put goes later."""
    one, other, third = trio
    write(one, "a")
    visit(one, depot)
    write(other, "b")

    def refuse(self: Depot, name: str, *_: object) -> None:
        raise errors.TransportError("depot:x: it is read-only: sync again")

    with monkeypatch.context() as patched:
        patched.setattr(Depot, "put", refuse)
        with pytest.raises(errors.TransportError, match="read-only: sync again; 1 changesets .* taken") as caught:
            visit(other, depot)
        assert type(caught.value) is errors.TransportError
        assert f"`crdtsql sync {other.path} depot:x --pull`" in str(caught.value) and keys(other) == ["a", "b"]
        with pytest.raises(errors.TransportError, match="nothing was taken"):
            visit(other, depot)
        write(third, "c")
        with pytest.raises(errors.TransportError, match="sync again$"):
            visit(third, depot, pull=False)
        assert visit(other, depot, push=False).received == 0
    assert visit(other, depot).sent == 1
    assert visit(one, depot).received == 1 and keys(one) == ["a", "b"]


def test_a_store_in_which_nothing_can_be_tidied_up(
    trio: list[Replica], depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has nothing to give is told, once, that old files could not go; what was there has been taken."""
    one, other, _ = trio
    for number in range(9):
        write(one, f"k{number}")
        visit(one, depot)

    def refuse(self: Depot, name: str, *_: object) -> None:
        raise errors.TransportError("depot:x: it is read-only: sync again")

    monkeypatch.setattr(Depot, "put", refuse)
    with pytest.raises(errors.TransportError, match="9 changesets from there were taken"):
        visit(other, depot, EAGER)
    assert len(keys(other)) == 9 and visit(other, depot, EAGER).received == 0


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep segments in pieces of 100 bytes."""
    monkeypatch.setattr(segments, "PIECE_BYTES", 100)
    return iter(())


def test_putting_resumes(
    small_pieces: None, trio: list[Replica], depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large segment that was cut off goes on where it was: its pieces that are there are not put again."""
    one, other, _ = trio
    write(one, "a")
    depot.kill_after, depot.half = 2, lambda: True
    with pytest.raises(Killed):
        visit(one, depot)
    depot.kill_after = None
    assert len(depot.files) == 3
    assert visit(other, depot).received == 0
    put: list[str] = []
    depot.on_put = lambda name, data: put.append(name)
    assert visit(one, depot).sent == 1
    assert len(put) == len(depot.files) - 2
    assert visit(other, depot).received == 1 and keys(other) == ["a"]
    write(one, "b")
    assert visit(one, depot).sent == 1 and visit(other, depot).received == 1


@pytest.mark.parametrize("damage", [b"", b"SQLite format 3\0" + b"?" * 4_000])
def test_what_is_known_may_be_damaged(trio: list[Replica], depot: Depot, damage: bytes) -> None:
    """What is kept of a store may be lost or damaged: segments are read again, and nothing is put or taken twice."""
    one, *_ = trio
    write(one, "a")
    visit(one, depot)
    path = cards.place(one, depot.identity, "stores")
    path.write_bytes(damage)
    report = visit(one, depot)
    assert (report.sent, report.received) == (0, 0)
    assert visit(one, depot).sent == 0


def test_what_is_known_may_be_in_use(trio: list[Replica], depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another process is writing down what it saw of the store, a visit goes without, and leaves that as it is."""
    one, *_ = trio
    write(one, "a")
    visit(one, depot)
    path = cards.place(one, depot.identity, "stores")
    monkeypatch.setattr(known, "BUSY_MS", 1)
    other = apsw.Connection(str(path))
    other.execute("BEGIN EXCLUSIVE")
    before = path.stat().st_ino
    write(one, "b")
    assert visit(one, depot).sent == 1
    other.close()
    assert path.stat().st_ino == before
    assert visit(one, depot).sent == 0


def test_what_is_known_does_not_grow_for_ever(trio: list[Replica], depot: Depot) -> None:
    """What is kept of a store has a row for each segment that is there, and goes when the store was not visited for long."""
    one, other, _ = trio
    for number in range(5):
        write(one, f"k{number}")
        visit(one, depot)
    path = cards.place(one, depot.identity, "stores")
    depot.files.clear()
    visit(one, depot)
    assert apsw.Connection(str(path)).execute("SELECT count(*) FROM segment").fetchone() == (1,)
    os.utime(path, (1, 1))
    visit(other, depot)
    assert not path.exists()
