"""Compaction: what files forget, what they show afterwards, and who is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from crdtsql import Replica, errors, sync
from crdtsql.compaction import settled, stride
from crdtsql.numbers import archive
from crdtsql.ui.cli import cli
from tests.support import peers
from tests.support.peers import Clock, exchange, rows, write

SCHEMA = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, v, w DEFAULT 'x')"
NUMBERED = "CREATE TABLE t (id INTEGER PRIMARY KEY, v, w DEFAULT 'x')"


def call(*words: object) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(cli, [str(word) for word in words])


def counts(replica: Replica) -> tuple[int, int]:
    """Count the clock rows and the held rows of the table."""
    return tuple(
        replica.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("_crdt_clock_t", "_crdt_held_t")
    )  # type: ignore[return-value]


def pair(directory: Path, schema: str = SCHEMA, **options: object) -> tuple[Replica, Replica]:
    """Make two replicas that have some rows, changed and deleted ones among them."""
    clock = Clock(step=1_000)
    one = peers.replica(directory / "1.db", schema, now=clock, site=1, **options)  # type: ignore[arg-type]
    other = one.clone(directory / "2.db")
    for n in range(6):
        write(one, f"INSERT INTO t (id, v) VALUES ({n if 'INTEGER' in schema else repr(f'k{n}')}, {n})")
    exchange(one, other)
    write(other, "UPDATE t SET v = v + 10 WHERE v > 3", "DELETE FROM t WHERE v < 2")
    exchange(one, other)
    return one, other


def agree(*replicas: Replica) -> None:
    """Let replicas agree, and forget."""
    for _ in range(3):
        for replica in replicas:
            replica.compact(keep_ms=0)
        exchange(*replicas)
    for replica in replicas:
        replica.compact(keep_ms=0)


def test_a_file_that_never_exchanged_anything_agrees_with_itself(tmp_path: Path) -> None:
    """Its deleted rows are forgotten at once, and its live ones need no clock."""
    one = peers.replica(tmp_path / "1.db", SCHEMA, now=Clock(step=1_000))
    write(
        one,
        *(
            f"INSERT INTO t VALUES ('k{n}', hex(randomblob(500)), n)".replace("n)", f"{n})", 1).replace(
                ", n)", f", {n})"
            )
            for n in range(100)
        ),
    )
    write(one, "DELETE FROM t WHERE id <> 'k7'")
    report = one.compact(keep_ms=0)
    assert (report.tables["t"].forgotten, report.tables["t"].settled, report.missing) == (99, 1, [])
    assert counts(one) == (0, 0) and len(rows(one)) == 1
    write(one, "UPDATE t SET v = 1", "INSERT INTO t VALUES ('k3', 3, 3)")
    assert counts(one) == (2, 0) and not one.doctor().broken


def test_replicas_agree_by_their_syncs(tmp_path: Path) -> None:
    """Nothing is forgotten before both have agreed; then each forgets for itself, and what they write afterwards merges as ever."""
    one, other = pair(tmp_path)
    assert [member.compaction for member in one.members()] == [None, None]
    report = one.compact(keep_ms=0)
    assert report.missing == [other.site] and report.floor_ms == 0 and counts(one) == (6, 2)
    assert [member.compaction for member in one.members()] == ["agreed", "awaited"]
    exchange(one, other)
    assert one.compact(keep_ms=0).tables["t"].forgotten == 2 and counts(one) == (0, 0) and counts(other) == (6, 2)
    write(
        one,
        "UPDATE t SET v = 'one' WHERE id = 'k3'",
        "DELETE FROM t WHERE id = 'k4'",
        "INSERT INTO t (id, v) VALUES ('k0', 'back')",
    )
    write(
        other,
        "UPDATE t SET w = 'other' WHERE id = 'k3'",
        "UPDATE t SET v = 'kept' WHERE id = 'k4'",
        "DELETE FROM t WHERE id = 'k5'",
    )
    assert one.verify(other).compared is False
    exchange(one, other)
    assert (
        rows(one) == rows(other) == [("k0", "back", "x"), ("k2", 2, "x"), ("k3", "one", "other"), ("k4", "kept", "x")]
    )
    assert one.verify(other).equal and not one.doctor().broken and not other.doctor().broken


@pytest.mark.parametrize("schema", [SCHEMA, NUMBERED])
def test_verify_finds_equal_what_one_side_has_forgotten(tmp_path: Path, schema: str) -> None:
    """Stamps and deleted rows below the floor of either side don't count; what differs does."""
    one, other = pair(tmp_path, schema, identity="row" if schema == NUMBERED else "key")
    one.compact(keep_ms=0)
    exchange(one, other)
    one.compact(keep_ms=0)
    exchange(one, other)
    assert one.verify(other).equal and other.verify(one).equal
    one.connection.execute("INSERT INTO _crdt_quiet VALUES (1)")
    one.connection.execute("UPDATE t SET v = 'damaged' WHERE v = 3")
    one.connection.execute("DELETE FROM _crdt_quiet")
    assert one.verify(other).differing == 1


def test_of_numbered_rows_the_numbers_stay(tmp_path: Path) -> None:
    """The values of deleted rows go; their numbers stay used, so that a row which gets one again is another row."""
    one, other = pair(tmp_path, NUMBERED, identity="row")
    agree(one, other)
    assert counts(one) == (0, 0) and one.connection.execute("SELECT count(*) FROM _crdt_born_t").fetchone() == (0,)
    births = [(number, t) for number, t, _ in archive.read(one.registry, one.registry.table("t"))]
    assert [number for number, _ in births] == [0, 1, 2, 3, 4, 5] and all(t > 0 for _, t in births)
    write(one, "INSERT INTO t (id, v) VALUES (0, 'again')", "UPDATE t SET v = 'more' WHERE id = 5")
    write(other, "INSERT INTO t (id, v) VALUES (0, 'other')")
    assert one.connection.execute("SELECT k1, generation FROM _crdt_born_t").fetchall() == [(0, 1), (5, 0)]
    exchange(one, other)
    assert rows(one) == rows(other) and len(rows(one)) == 6 and one.verify(other).equal
    assert not one.doctor().broken
    agree(one, other)
    assert one.connection.execute("SELECT k1, generation FROM _crdt_born_t ORDER BY k1").fetchone() == (0, 1)


def test_a_row_takes_the_number_of_one_that_is_forgotten_where_no_row_is_shown(tmp_path: Path) -> None:
    """Its line goes on from the forgotten row everywhere, also where nothing but that one's birth is left of the table."""
    clock = Clock(step=1_000)
    one = peers.replica(tmp_path / "1.db", NUMBERED, now=clock, site=1, identity="row")
    write(one, "INSERT INTO t (id, v) VALUES (3, 'old')")
    other = one.clone(tmp_path / "2.db")
    exchange(one, other)
    write(one, "DELETE FROM t")
    exchange(one, other)
    agree(one, other)
    for replica in (one, other):
        assert counts(replica) == (0, 0) and rows(replica, "t") == []
    write(one, "INSERT INTO t (id, v) VALUES (3, 'new')")
    exchange(one, other)
    lines = [
        replica.connection.execute("SELECT k1, generation FROM _crdt_born_t").fetchall() for replica in (one, other)
    ]
    assert lines == [[(3, 1)], [(3, 1)]]
    agree(one, other)
    write(one, "UPDATE t SET v = 'here'")
    write(other, "UPDATE t SET w = 'there'")
    exchange(one, other)
    assert rows(one, "t") == rows(other, "t") == [(3, "here", "there")]


def test_what_is_younger_is_kept(tmp_path: Path) -> None:
    """With `keep`, only what is older is forgotten."""
    clock = Clock(step=1_000)
    one = peers.replica(tmp_path / "1.db", SCHEMA, now=clock)
    write(one, "INSERT INTO t VALUES ('old', 1, 1), ('new', 1, 1)", "DELETE FROM t WHERE id = 'old'")
    clock.ms += 100_000_000
    write(one, "DELETE FROM t WHERE id = 'new'")
    assert one.compact(keep_ms=50_000_000).tables["t"].forgotten == 1
    assert [row.key for row in one.held(deleted=True)] == [("new",)]
    with pytest.raises(errors.UsageError, match="negative"):
        one.compact(keep_ms=-1)


def test_a_dry_run_says_what_would_go(tmp_path: Path) -> None:
    """It changes nothing, also of what was agreed on."""
    one = peers.replica(tmp_path / "1.db", SCHEMA, now=Clock(step=1_000))
    write(one, "INSERT INTO t VALUES ('k', 1, 1), ('l', 1, 1)", "DELETE FROM t WHERE id = 'k'")
    report = one.compact(keep_ms=0, dry_run=True)
    assert (report.tables["t"].forgotten, report.tables["t"].settled) == (1, 1)
    assert counts(one) == (2, 1) and one.registry.get("agreement") is None


def test_an_older_state_of_a_replica_must_rejoin(tmp_path: Path) -> None:
    """What it has not seen was forgotten: it is refused, and so is what is sent to it; nothing changes anywhere."""
    one, other = pair(tmp_path)
    other.close()
    shutil.copy(tmp_path / "2.db", tmp_path / "3.db")
    other = Replica.open(tmp_path / "2.db", now=Clock(peers.START_MS + 10**6, step=1_000))
    write(one, "DELETE FROM t WHERE id = 'k2'")
    exchange(one, other)
    agree(one, other)
    old = Replica.open(tmp_path / "3.db", now=Clock(peers.START_MS + 10**7, step=1_000))
    write(old, "UPDATE t SET v = 'unsent' WHERE id = 'k2'")
    before = rows(one)
    with pytest.raises(errors.RejoinError, match="missed a compaction") as refused:
        one.merge(old.export(one.vector()))
    assert not refused.value.here and rows(one) == before
    with pytest.raises(errors.RejoinError, match="run crdtsql's `rejoin` there"):
        one.export(old.vector())
    with pytest.raises(errors.RejoinError, match="crdtsql rejoin") as refused:
        old.merge(one.export())
    assert refused.value.here and ("k2", "unsent", "x") in rows(old)
    for first, second in ((one, old), (old, one)):
        with pytest.raises(errors.CrdtsqlError, match="missed a compaction"):
            sync(first, second)
    fresh = peers.replica(tmp_path / "4.db", SCHEMA, now=Clock(peers.START_MS + 10**7, step=1_000))
    fresh.merge(one.export())
    assert rows(fresh) == before


def test_an_old_changeset_is_skipped(tmp_path: Path) -> None:
    """It brings nothing back."""
    one, other = pair(tmp_path)
    old = other.export()
    agree(one, other)
    before = rows(one)
    assert one.merge(old).known and rows(one) == before and counts(one) == (0, 0)


def test_a_site_that_was_ended_is_waited_for_no_more(tmp_path: Path) -> None:
    """What it wrote before stays; what it writes afterwards is refused, and it is told to rejoin."""
    one, other = pair(tmp_path)
    assert call("forget", one.path, other.site).exit_code == 0
    report = one.compact(keep_ms=0)
    assert [member.compaction for member in one.members()] == [None, "ended"]
    assert report.missing == [] and counts(one) == (0, 0) and ("k4", 14, "x") in rows(one)
    write(other, "INSERT INTO t VALUES ('late', 1, 1)")
    with pytest.raises(errors.RejoinError, match="the sender.*missed a compaction"):
        one.merge(other.export(one.vector()))
    with pytest.raises(errors.RejoinError, match="was ended"):
        other.merge(one.export())
    for wrong, said in (("ff" * 16, "no site"), (one.site, "itself"), (other.site, "already")):
        result = call("forget", one.path, wrong)
        assert result.exit_code == 1 and said in result.output


def test_a_clone_is_a_member_before_it_writes(tmp_path: Path) -> None:
    """A clone that has written nothing yet is waited for, because what it will write may be concurrent to anything."""
    one = peers.replica(tmp_path / "1.db", SCHEMA, now=Clock(step=1_000), site=1)
    write(one, "INSERT INTO t VALUES ('k', 1, 1)")
    one.compact(keep_ms=0)
    clone = one.clone(tmp_path / "2.db")
    write(one, "DELETE FROM t")
    assert one.compact(keep_ms=0).missing == [clone.site] and counts(one) == (1, 1)
    write(clone, "UPDATE t SET v = 2")
    exchange(one, clone)
    assert rows(one) == rows(clone) == [("k", 2, "1")] or rows(one) == [("k", 2, 1)]


def test_a_copy_that_nobody_knew_of_is_refused(tmp_path: Path) -> None:
    """A file that was copied begins to write without knowing what was agreed on: nobody vouches for it."""
    one, other = pair(tmp_path)
    one.close()
    shutil.copy(tmp_path / "1.db", tmp_path / "3.db")
    one = Replica.open(tmp_path / "1.db", now=Clock(peers.START_MS + 10**5, step=1_000))
    write(one, "INSERT INTO t VALUES ('n', 1, 1)")
    exchange(one, other)
    copy = Replica.open(tmp_path / "3.db", now=Clock(peers.START_MS + 10**5, step=1_000))
    write(copy, "UPDATE t SET v = 'copy' WHERE id = 'k5'")
    one.compact(keep_ms=0)  # it agrees, and others may finish without the copy
    with pytest.raises(errors.RejoinError, match="began to write without knowing"):
        one.merge(copy.export(one.vector()))


def test_a_deleted_row_that_others_may_have_forgotten_is_not_undeleted(tmp_path: Path) -> None:
    """Its values would not come with it."""
    one, other = pair(tmp_path)
    one.compact(keep_ms=0)
    with pytest.raises(errors.NotDeletedError, match="insert it anew"):
        one.undelete("t", "k0")
    write(one, "DELETE FROM t WHERE id = 'k5'")
    one.undelete("t", "k5")
    exchange(one, other)
    assert ("k5", 15, "x") in rows(other)


def test_a_row_whose_key_awaits_another_one_is_undeleted(tmp_path: Path) -> None:
    """Whether its delete was agreed on is asked of the row itself, whose key is another one in the clocks than the one that was written."""
    one = peers.replica(
        tmp_path / "1.db",
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (p INTEGER REFERENCES p (id), n INTEGER, v, PRIMARY KEY (p, n))",
        now=Clock(step=1_000),
        tables=("p",),
        identity="row",
    )
    one.enable("t")
    write(one, "INSERT INTO p VALUES (1)")
    one.compact(keep_ms=0)
    write(one, "INSERT INTO t VALUES (7, 1, 'x')", "DELETE FROM t")
    with pytest.raises(errors.WriteRefusedError, match="FOREIGN KEY"):
        one.undelete("t", 7, 1)


def test_parents_and_rows_with_open_conflicts_are_kept(tmp_path: Path) -> None:
    """A reference may bring a deleted row back; a conflict is there until somebody settles it."""
    schema = "CREATE TABLE p (id TEXT PRIMARY KEY NOT NULL); CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, v REFERENCES p (id), w)"
    clock = Clock(step=1_000)
    one = peers.replica(tmp_path / "1.db", schema, now=clock, site=1)
    other = one.clone(tmp_path / "2.db")
    write(
        one,
        "INSERT INTO p VALUES ('a'), ('b')",
        "INSERT INTO t VALUES ('k', 'a', 1), ('l', 'a', 1), ('m', NULL, 1)",
        "DELETE FROM p WHERE id = 'b'",
    )
    exchange(one, other)
    write(one, "UPDATE t SET w = 2 WHERE id = 'k'", "DELETE FROM t WHERE id = 'm'")
    write(other, "UPDATE t SET w = 3 WHERE id = 'k'")
    exchange(one, other)
    agree(one, other)
    assert one.connection.execute("SELECT count(*), sum(gone) FROM _crdt_clock_p").fetchone() == (1, 1)
    assert one.connection.execute("SELECT k1, c1_t IS NULL FROM _crdt_clock_t ORDER BY k1").fetchall() == [("k", 0)]
    assert one.verify(other).equal and len(other.conflicts()) == 1


CODES = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, code TEXT COLLATE NOCASE UNIQUE, w)"


def test_a_row_whose_unique_value_another_one_has_keeps_its_stamps(tmp_path: Path) -> None:
    """Of two rows with one value the older claim counts, whatever was compacted; a row that has its values alone needs no stamps."""
    clock = Clock(step=1_000)
    one = peers.replica(tmp_path / "1.db", CODES, now=clock, site=1)
    other, third = one.clone(tmp_path / "2.db"), one.clone(tmp_path / "3.db")
    write(one, "INSERT INTO t VALUES ('free', 'c', 1), ('first', 'a', 1)")
    write(other, "INSERT INTO t VALUES ('later', 'A', 2)")
    write(third, "INSERT INTO t VALUES ('gone', 'C', 2)", "DELETE FROM t WHERE id = 'gone'")
    for _ in range(2):
        exchange(one, other, third)
    agree(one, other, third)
    assert one.connection.execute("SELECT k1 FROM _crdt_clock_t ORDER BY k1").fetchall() == [("first",), ("later",)]
    write(one, "UPDATE t SET code = 'b' WHERE id = 'first'")
    write(third, "UPDATE t SET w = 3 WHERE id = 'free'")
    for _ in range(2):
        exchange(one, other, third)
    expected = [("first", "b", 1), ("free", "c", 3), ("later", "A", 2)]
    assert rows(one) == rows(other) == rows(third) == expected
    assert one.verify(other).equal and not one.doctor().broken


def test_a_row_that_refers_to_one_which_is_deleted_keeps_its_stamps(tmp_path: Path) -> None:
    """Whether the delete had seen the reference says whether that row comes back."""
    schema = "CREATE TABLE p (id TEXT PRIMARY KEY NOT NULL); CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, v REFERENCES p (id), w)"
    clock = Clock(step=1_000)
    one = peers.replica(tmp_path / "1.db", schema, now=clock, site=1)
    other = one.clone(tmp_path / "2.db")
    write(one, "INSERT INTO p VALUES ('a'), ('b')", "INSERT INTO t VALUES ('to a', 'a', 1), ('to none', NULL, 1)")
    exchange(one, other)
    write(one, "INSERT INTO t VALUES ('to b', 'b', 1)")
    write(other, "DELETE FROM p WHERE id = 'b'")
    exchange(one, other)
    agree(one, other)
    assert one.connection.execute("SELECT k1 FROM _crdt_clock_t").fetchall() == [("to b",)]
    assert one.connection.execute("SELECT id FROM p ORDER BY id").fetchall() == [("a",), ("b",)]
    write(one, "DELETE FROM t WHERE id = 'to b'")
    write(other, "UPDATE t SET w = 2 WHERE id = 'to a'")
    exchange(one, other)
    assert rows(one) == rows(other) == [("to a", "a", 2), ("to none", None, 1)]
    assert one.connection.execute("SELECT id FROM p").fetchall() == [("a",)]


def test_a_value_that_was_written_over_unseen_is_logged_where_its_stamp_was_forgotten(tmp_path: Path) -> None:
    """Who shows the row may have forgotten when it was written; who does not show it writes over it without seeing it."""
    schema = "CREATE TABLE p (id TEXT PRIMARY KEY NOT NULL); CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, v REFERENCES p (id), w)"
    clock = Clock(step=1_000)
    one = peers.replica(tmp_path / "1.db", schema, now=clock, site=1)
    other = one.clone(tmp_path / "2.db")
    write(other, "INSERT INTO t VALUES ('k', 'a', 1)")
    exchange(one, other)
    agree(one, other)
    write(one, "INSERT INTO p VALUES ('a')")
    assert one.compact(keep_ms=0).tables["t"].settled == 1 and rows(other) == []
    write(other, "INSERT INTO t VALUES ('k', NULL, 2)")
    exchange(one, other)
    assert rows(one) == rows(other) == [("k", None, 2)]
    assert {entry.lost_value for entry in one.conflicts()} == {"a", 1}
    assert len(one.conflicts()) == 2


SHELVES = "CREATE TABLE shelf (id TEXT PRIMARY KEY NOT NULL, v); CREATE TABLE copy (id TEXT PRIMARY KEY NOT NULL, shelf REFERENCES shelf (id) ON DELETE SET NULL, v)"


def test_a_reference_is_not_reported_as_severed_of_a_row_that_came_later(tmp_path: Path) -> None:
    """That the row under the key is another one than the delete had seen, its birth says, which stays as long as that may be asked."""
    one = peers.replica(
        tmp_path / "1.db", f"{SHELVES}; INSERT INTO shelf VALUES ('a', 0)", now=Clock(step=1_000), site=1
    )
    other = one.clone(tmp_path / "2.db")
    write(one, "INSERT INTO shelf VALUES ('s', 1)", "INSERT INTO copy VALUES ('c', 's', 1)")
    exchange(one, other)
    write(one, "DELETE FROM shelf", "INSERT INTO shelf VALUES ('s', 2)", foreign_keys=True)
    write(one, "UPDATE copy SET v = 2")
    write(other, "UPDATE copy SET v = 3")
    exchange(one, other)
    agree(one, other)
    write(one, "INSERT INTO shelf VALUES ('r', 3)")
    exchange(one, other)
    assert rows(one, "copy") == rows(other, "copy") == [("c", None, 3)]
    assert {entry.column for replica in (one, other) for entry in replica.conflicts(open_only=True)} == {"v"}


def test_a_reference_that_was_severed_is_reported_once_its_row_is_shown_again(tmp_path: Path) -> None:
    """A table gets another policy after a compaction, and the delete does not count any more."""
    one = peers.replica(tmp_path / "1.db", SHELVES, now=Clock(step=1_000), site=1)
    one.set_rows("shelf", "delete-wins")
    other = one.clone(tmp_path / "2.db")
    write(one, "INSERT INTO shelf VALUES ('s', 1)", "INSERT INTO copy VALUES ('c', 's', 1)")
    exchange(one, other)
    write(one, "DELETE FROM shelf", foreign_keys=True)
    write(other, "UPDATE shelf SET v = 2")
    exchange(one, other)
    agree(one, other)
    assert rows(one, "shelf") == rows(other, "shelf") == []
    for replica in (one, other):
        replica.set_rows("shelf", "add-wins")
    write(one, "INSERT INTO shelf VALUES ('r', 3)")
    exchange(one, other)
    assert rows(one, "shelf") == rows(other, "shelf") == [("r", 3), ("s", 2)]
    assert [entry.column for entry in one.conflicts(open_only=True)] == ["shelf"]


def test_a_value_that_was_written_over_unseen_is_logged_where_its_stamp_is_kept(tmp_path: Path) -> None:
    """Who wrote over it had forgotten the stamp, so it can't say which one it was; here it is still there, below the floor."""
    schema = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, u TEXT UNIQUE, w)"
    one = peers.replica(tmp_path / "1.db", schema, now=Clock(step=1_000), site=1)
    other = one.clone(tmp_path / "2.db")
    write(one, "INSERT INTO t VALUES ('k', 'x', 1), ('m', 'y', 2)")
    exchange(one, other)
    one.compact(keep_ms=0)
    exchange(one, other)
    assert [counts(replica)[0] for replica in (one, other)] == [0, 2]
    write(other, "UPDATE t SET u = 'z' WHERE id = 'k'")
    write(one, "UPDATE t SET u = 'z' WHERE id = 'm'")
    exchange(one, other)
    write(one, "INSERT INTO t VALUES ('m', NULL, 'new')")
    other.merge(one.export(other.vector()))
    assert [entry.lost_value for entry in other.conflicts() if entry.column == "w"] == [2]


def test_a_write_that_was_seen_is_not_logged_though_one_beside_it_took_a_settled_value_unseen(tmp_path: Path) -> None:
    """What was forgotten of is the settled value alone, not what this replica wrote over it later."""
    schema = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, u TEXT UNIQUE, w)"
    clock = Clock(step=1_000)
    one = peers.replica(tmp_path / "1.db", schema, now=clock, site=1)
    other, third = (one.clone(tmp_path / f"{number}.db") for number in (2, 3))
    write(one, "INSERT INTO t VALUES ('k', 'x', 1), ('m', 'y', 2)")
    exchange(one, other, third)
    agree(one, other, third)
    write(one, "UPDATE t SET u = 'z' WHERE id = 'k'")
    write(other, "UPDATE t SET u = 'z' WHERE id = 'm'")
    exchange(one, other, third)
    assert rows(one) == rows(other) == [("k", "z", 1)]
    write(one, "INSERT INTO t VALUES ('m', NULL, 'of one')")
    write(other, "INSERT INTO t VALUES ('m', NULL, 'of other')")
    for source in (one, other):
        third.merge(source.export(third.vector()))
    write(third, "UPDATE t SET w = 'of both' WHERE id = 'm'")
    one.merge(third.export(one.vector()))
    assert ("m", None, "of both") in rows(one)
    assert [entry.lost_value for entry in one.conflicts() if entry.column == "w"] == [2]


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ("CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, up TEXT REFERENCES t (id), name UNIQUE)", "waits for others"),
        (
            "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, up, name UNIQUE); CREATE TABLE u (id TEXT PRIMARY KEY NOT NULL, v REFERENCES t (name))",
            "is known by its values",
        ),
        (
            "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, up, name); CREATE UNIQUE INDEX i ON t (name) WHERE up = 1",
            "has a condition",
        ),
    ],
)
def test_stamps_are_kept_where_more_than_values_counts(tmp_path: Path, schema: str, why: str) -> None:
    """A row of such a table is only written shorter."""
    one = peers.replica(tmp_path / "1.db", schema, now=Clock(step=1_000))
    write(one, "INSERT INTO t VALUES ('k', NULL, 'n')", "UPDATE t SET name = 'm'")
    report = one.compact(keep_ms=0)
    assert (report.tables["t"].settled, report.tables["t"].shortened) == (0, 1), why


def test_a_counter_keeps_what_it_was_made_of(tmp_path: Path) -> None:
    """A row of the genesis whose counter was added to is no row of the genesis for who takes it."""
    one = peers.replica(
        tmp_path / "1.db",
        "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, n INTEGER); INSERT INTO t VALUES ('k', 1)",
        now=Clock(step=1_000),
    )
    one.set_type("t", "n", "counter")
    write(one, "UPDATE t SET n = n + 2")
    one.compact(keep_ms=0)
    fresh = peers.replica(
        tmp_path / "2.db", "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, n INTEGER)", now=Clock(step=1_000)
    )
    fresh.set_type("t", "n", "counter")
    fresh.merge(one.export())
    write(fresh, "UPDATE t SET n = n + 4")
    write(one, "UPDATE t SET n = n + 8")
    exchange(one, fresh)
    assert rows(one) == rows(fresh) == [("k", 15)] and one.verify(fresh).equal and not fresh.doctor().broken


def test_steps_are_bounded_and_can_be_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step is a transaction; what is left is done the next time."""
    monkeypatch.setattr(stride, "FEWEST", 3)
    monkeypatch.setattr(stride, "MOST", 3)
    monkeypatch.setattr(stride, "FIRST", 3)
    one, other = pair(tmp_path)
    agree(one, other)
    assert counts(one) == counts(other) == (0, 0)
    write(one, *(f"INSERT INTO t VALUES ('n{n}', 1, 1)" for n in range(10)))
    exchange(one, other)
    step, done = settled.Sweep.step, -100

    def fails(self: settled.Sweep) -> bool:
        nonlocal done
        done += 1
        if done == 7:  # four steps look for deleted rows; the third of those after them fails
            raise OSError("killed")
        return step(self)

    monkeypatch.setattr(settled.Sweep, "step", fails)
    one.compact(keep_ms=0)
    exchange(one, other)
    done = 0
    with pytest.raises(OSError, match="killed"):
        one.compact(keep_ms=0)
    assert counts(one) == (4, 0) and not one.doctor().broken and one.verify(other).equal
    monkeypatch.setattr(settled.Sweep, "step", step)
    one.compact(keep_ms=0)
    assert counts(one) == (0, 0) and one.verify(other).equal


def test_deleted_rows_go_before_others_are_looked_at(tmp_path: Path) -> None:
    """So a row rests at once that shares a UNIQUE value with a deleted one, wherever that one stands."""
    one = peers.replica(tmp_path / "1.db", SCHEMA.replace("v,", "v UNIQUE,"), now=Clock(step=1_000))
    write(one, "INSERT INTO t VALUES ('z', 1, 1)", "DELETE FROM t", "INSERT INTO t VALUES ('a', 1, 1)")
    report = one.compact(keep_ms=0).tables["t"]
    assert (report.forgotten, report.settled) == (1, 1) and counts(one) == (0, 0)


def test_replicas_that_share_a_folder(tmp_path: Path) -> None:
    """What is put there later leads on from what was forgotten; a newcomer begins with a snapshot."""
    one, other = pair(tmp_path)
    folder = f"dir:{tmp_path / 'team'}"
    (tmp_path / "team").mkdir()
    for replica in (one, other, one):
        replica.sync(folder)
    one.compact(keep_ms=0)
    write(one, "INSERT INTO t VALUES ('n1', 1, 1)")
    for replica in (one, other):
        replica.sync(folder)
    write(other, "INSERT INTO t VALUES ('n2', 1, 1)")
    for replica in (other, one):
        replica.sync(folder)
    assert one.compact(keep_ms=0).tables["t"].forgotten == 2
    write(one, "DELETE FROM t WHERE id = 'n1'")
    for replica in (one, other, one):
        replica.sync(folder)
    assert rows(one) == rows(other) and one.verify(other).equal
    fresh = peers.replica(tmp_path / "3.db", SCHEMA, now=Clock(peers.START_MS + 10**7, step=1_000))
    fresh.sync(folder)
    assert rows(fresh) == rows(one)


def test_the_command_says_what_it_did(tmp_path: Path) -> None:
    """It names who is waited for, and what would make that unnecessary."""
    one, other = pair(tmp_path)
    result = call("compact", one.path, "--keep", "0")
    assert result.exit_code == 0 and "have not agreed on anything" in result.output
    assert other.site[:8] in result.output and f"crdtsql forget {one.path} {other.site}" in result.output
    assert '"forgotten": 0' in call("compact", one.path, "--keep", "0", "--json").stdout
    assert call("compact", one.path, "--keep", "soon").exit_code == 2


ORDERS = """
CREATE TABLE p (id INTEGER PRIMARY KEY, code TEXT UNIQUE);
CREATE TABLE t (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p (id), v);
"""


def test_a_reference_without_a_stamp_follows_the_row_that_it_meant(tmp_path: Path) -> None:
    """Once it is forgotten when a reference was written, it means the row that has the number here, wherever that row goes."""
    clock = Clock(step=1_000)
    one = peers.replica(tmp_path / "1.db", ORDERS, now=clock, site=1, tables=("p", "t"), identity="row")
    other, late = one.clone(tmp_path / "2.db"), one.clone(tmp_path / "3.db")
    write(one, "INSERT INTO p VALUES (1, 'a'), (2, 'b')", "INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y')")
    for _ in range(2):
        exchange(one, other, late)
    for replica in (one, other, late):
        replica.compact(keep_ms=0)
    for _ in range(2):
        exchange(one, other, late)
    one.compact(keep_ms=0)
    assert counts(one) == (0, 0) and counts(other) == (2, 0) and one.registry.table("t").rests
    fresh = peers.replica(tmp_path / "4.db", ORDERS, now=clock, site=4, tables=("p", "t"), identity="row")
    fresh.merge(one.export())
    assert counts(fresh) == (0, 0) and fresh.registry.table("t").rests
    write(other, "DELETE FROM p WHERE id = 1", "INSERT INTO p VALUES (1, 'again')")
    write(late, "UPDATE p SET code = 'kept' WHERE id = 1")
    for _ in range(2):
        exchange(one, other, late, fresh)
    shown = [
        replica.connection.execute("SELECT p.code, t.v FROM t JOIN p ON p.id = t.p ORDER BY 1").fetchall()
        for replica in (one, other, late, fresh)
    ]
    assert shown == [[("b", "y"), ("kept", "x")]] * 4
    assert one.verify(other).equal and one.verify(fresh).equal
    assert not any(replica.doctor().broken for replica in (one, other, late, fresh))


def test_deleted_rows_go_that_nothing_refers_to_any_more(tmp_path: Path) -> None:
    """Where the foreign keys let a row go, it is kept as long as a known row refers to it, shown or not; children go before parents."""
    one = peers.replica(
        tmp_path / "1.db",
        ORDERS.replace("p (id)", "p (id) ON DELETE CASCADE"),
        now=Clock(step=1_000),
        tables=("p", "t"),
        identity="row",
    )
    write(one, "INSERT INTO p VALUES (1, 'a'), (2, 'b')", "INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y')")
    write(one, "PRAGMA foreign_keys = OFF", "DELETE FROM p", "DELETE FROM t WHERE id = 2")
    assert one.connection.execute("SELECT count(*) FROM t").fetchone() == (0,) and len(one.held()) == 1
    first, second = one.compact(keep_ms=0).tables, one.compact(keep_ms=0).tables
    assert (first["p"].forgotten, first["t"].forgotten, second["p"].forgotten) == (0, 1, 1)
    assert one.connection.execute("SELECT k1, gone FROM _crdt_clock_p").fetchall() == [(1, 1)]
    write(one, "INSERT INTO p VALUES (2, 'again')")
    assert one.connection.execute("SELECT k1, generation FROM _crdt_born_p").fetchall() == [(2, 1)]


def test_status_says_how_far_a_compaction_is(tmp_path: Path) -> None:
    """What is kept, whether the file is compacted by itself, and who is waited for."""
    one, other = pair(tmp_path)
    assert "compaction" not in call("status", one.path).output
    call("compact", one.path, "--keep", "12h")
    said = call("status", one.path).output
    assert "by itself while it is watched or served, keeps 12h; the replicas have not agreed on anything yet" in said
    assert f"waits for {other.site}" in said
    exchange(one, other)
    assert "rows are still to be looked at" in call("status", one.path).output
    call("compact", one.path, "--once")
    assert "compaction: by itself no more; all replicas had everything by" in call("status", one.path).output
    assert "all rows were looked at since" in call("status", one.path).output
