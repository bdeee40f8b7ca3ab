"""The conflict log: which entries are settled, on every replica, by whatever way the write that settled them came."""

from __future__ import annotations

import os
import random
import shutil
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path

import apsw
import pytest

from crdtsql import Replica
from crdtsql.errors import (
    ConflictError,
    ConflictResolvedError,
    MissingChangesError,
    NotDeletedError,
    UnknownConflictError,
    WriteRefusedError,
)
from tests.support import state
from tests.support.peers import START_MS, come_to_rest, fast_directory, replica, send

SCHEMA = "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)"
Stamp = tuple[int, str]


class Clock:
    """A machine's clock that goes on by a second with each look."""

    def __init__(self, ms: int = START_MS) -> None:
        self.ms = ms

    def __call__(self) -> int:
        self.ms += 1000
        return self.ms


def three(directory: Path, schema: str = SCHEMA) -> list[Replica]:
    now = Clock()
    return [replica(directory / f"{n}.db", schema, site=n, now=now) for n in (1, 2, 3)]


def write(to: Replica, statement: str) -> None:
    """Write like any program, on a connection of its own, and let crdtsql take note."""
    connection = apsw.Connection(to.connection.filename)
    connection.execute(statement)
    connection.close()
    to.vector()


def rows(of: Replica, table: str = "t") -> list[tuple[object, ...]]:
    return of.connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()


def settled(of: Replica) -> list[bool]:
    of.vector()
    shown = [bool(flag) for (flag,) in of.connection.execute("SELECT resolved FROM crdt_conflicts ORDER BY id")]
    assert shown == [conflict.resolved for conflict in of.conflicts()]
    return shown


def collide(a: Replica, b: Replica, *others: Replica) -> None:
    """Let a and b write one cell of a row that all have, b later, and let both know it."""
    write(a, "INSERT INTO t VALUES (1, 'first', 'first')")
    for other in (b, *others):
        send(a, other)
    write(a, "UPDATE t SET a = 'of a'")
    write(b, "UPDATE t SET a = 'of b'")
    for_a = b.export(a.vector())
    send(a, b)
    a.merge(for_a)


# -- what settles ---------------------------------------------------------------------------------


def test_who_took_what(tmp_path: Path) -> None:
    """`took` says for each replica whether the incoming value won there; `ours` is what it had before, `theirs` what came in."""
    a, b, _ = three(tmp_path)
    collide(a, b)
    (of_a,), (of_b,) = a.conflicts(), b.conflicts()
    assert (of_a.took, of_a.ours, of_a.theirs) == ("theirs", "of a", "of b")
    assert (of_b.took, of_b.ours, of_b.theirs) == ("ours", "of b", "of a")
    assert (of_a.won_value, of_a.lost_value, of_a.key, of_a.column) == ("of b", "of a", (1,), "a")
    assert (of_a.won_site, of_a.lost_site) == (b.site, a.site)
    assert not of_a.resolved and of_a.to_json()["resolved_time"] is None


def test_any_write_that_had_seen_both_settles(tmp_path: Path) -> None:
    """An ordinary write by a replica that has both values settles the conflict there and wherever it arrives, by a relay too."""
    a, b, c = three(tmp_path)
    collide(a, b, c)
    assert (settled(a), settled(b)) == ([False], [False])
    send(a, c)
    write(c, "UPDATE t SET a = 'settled by c'")
    send(c, a)
    assert (settled(a), settled(b)) == ([True], [False])
    assert a.conflicts()[0].resolved_site == c.site
    send(a, b)
    assert settled(b) == [True]
    assert b.conflicts()[0].resolved_hlc == a.conflicts()[0].resolved_hlc


def test_a_write_of_another_cell_settles_nothing(tmp_path: Path) -> None:
    """Writing another column of the row, or another row, leaves a conflict open."""
    a, b, _ = three(tmp_path)
    collide(a, b)
    write(a, "UPDATE t SET b = 'other'; INSERT INTO t VALUES (2, 'x', 'x')")
    assert settled(a) == [False]


def test_a_write_that_had_seen_one_value_settles_nothing(tmp_path: Path) -> None:
    """A later write wins over both, but leaves the conflict open if its writer had seen one of them only."""
    a, b, c = three(tmp_path)
    write(a, "INSERT INTO t VALUES (1, 'first', 'first')")
    for other in (b, c):
        send(a, other)
    write(a, "UPDATE t SET a = 'of a'")
    write(b, "UPDATE t SET a = 'of b'")
    send(a, c)
    write(c, "UPDATE t SET a = 'of c, who has seen a'")
    send(b, a)
    assert settled(a) == [False]
    send(c, a)
    assert rows(a) == [(1, "of c, who has seen a", "first")]
    assert settled(a) == [False, False]
    write(a, "UPDATE t SET a = 'seen them all'")
    assert settled(a) == [True, True]


def test_a_write_that_knew_nothing_opens_it_again(tmp_path: Path) -> None:
    """A conflict that was settled is open again when a later write that knew of neither value takes the cell."""
    a, b, c = three(tmp_path)
    collide(a, b, c)
    a.resolve(1, "ours")
    assert settled(a) == [True]
    write(c, "UPDATE t SET a = 'c knows nothing'")
    send(c, a)
    assert rows(a) == [(1, "c knows nothing", "first")]
    assert settled(a) == [False, False]
    a.resolve(2, "ours")
    assert rows(a) == [(1, "of a", "first")]
    assert settled(a) == [True, True]


def test_a_row_that_was_inserted_again_settles(tmp_path: Path) -> None:
    """A deleted row's conflicts stay open; when it is inserted again, its cells are written by somebody who had seen them."""
    a, b, _ = three(tmp_path)
    collide(a, b)
    write(a, "DELETE FROM t")
    assert settled(a) == [False] and a.conflicts()[0].deleted
    send(a, b)
    assert settled(b) == [False] and b.conflicts()[0].deleted
    with pytest.raises(ConflictError, match="crdtsql undelete"):
        a.resolve(1, "ours")
    write(b, "INSERT OR REPLACE INTO t VALUES (1, 'again', 'again')")
    send(b, a)
    assert (settled(a), settled(b)) == ([True], [True])


def test_a_conflict_of_two_beginnings(tmp_path: Path) -> None:
    """Values from before two files were enabled collide like writes, and are settled like these."""
    now = Clock()
    replicas = []
    for n in (1, 2):
        connection = apsw.Connection(str(tmp_path / f"{n}.db"))
        connection.execute(f"{SCHEMA}; INSERT INTO t VALUES (1, 'of {n}', 'same')")
        connection.close()
        replicas.append(Replica.open(tmp_path / f"{n}.db", now=now))
        replicas[-1].enable("t")
    a, b = replicas
    send(a, b)
    send(b, a)
    assert (settled(a), settled(b)) == ([False], [False])
    a.resolve(1, "ours")
    send(a, b)
    assert rows(a) == rows(b) == [(1, "of 1", "same")]
    assert (settled(a), settled(b)) == ([True], [True])


@dataclass
class World:
    """Three replicas beside a record of which write had seen which."""

    chance: random.Random
    directory: Path
    now: Clock = field(default_factory=Clock)
    seen: dict[Stamp, set[Stamp]] = field(default_factory=dict)
    known: list[set[Stamp]] = field(default_factory=lambda: [set(), set(), set()])
    backups: dict[int, tuple[Path, set[Stamp]]] = field(default_factory=dict)
    parcels: list[tuple[bytes, set[Stamp]]] = field(default_factory=list)
    met: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.replicas = [replica(self.directory / f"{n}.db", SCHEMA, now=self.now) for n in range(3)]
        self.execute(0, "INSERT INTO t VALUES (1, 'x', 'x'), (2, 'x', 'x')")
        for n in (1, 2):
            self.send(0, n)
        for n in (0, 1):
            self.execute(n, f"UPDATE t SET a = {n}")
        self.send(1, 0)

    def cells(self, n: int) -> dict[tuple[int, str], Stamp]:
        found = {}
        for key in (1, 2):
            for cell in self.replicas[n].blame("t", key):
                found[key, cell.column] = (cell.hlc, cell.site)
        return found

    def note(self, n: int) -> None:
        """Note which cells were written by this replica, and that they had seen all that it knew."""
        new = [stamp for stamp in self.cells(n).values() if stamp not in self.known[n]]
        for stamp in new:
            self.seen[stamp] = set(self.known[n])
        self.known[n] |= set(new)

    def execute(self, n: int, statement: str) -> None:
        write(self.replicas[n], statement)
        self.note(n)

    def send(self, sender: int, receiver: int) -> None:
        data = self.replicas[sender].export(self.replicas[receiver].vector())
        if self.chance.random() < 0.3:
            self.parcels.append((data, set(self.known[sender])))
        self.replicas[receiver].merge(data)
        self.known[receiver] |= self.known[sender]

    def step(self) -> None:
        n, other = self.chance.sample(range(3), 2)
        one = self.replicas[n]
        key, column = self.chance.choice((1, 2)), self.chance.choice("ab")
        kind = self.chance.choice(
            ("write",) * 5
            + ("send",) * 5
            + ("resolve",) * 2
            + ("insert", "delete", "undelete", "post", "backup", "restore")
        )
        if kind == "write":
            self.execute(n, f"UPDATE t SET {column} = {self.chance.randrange(10**9)} WHERE id = {key}")
        elif kind == "send":
            self.send(n, other)
        elif kind == "insert":
            self.execute(n, f"INSERT OR IGNORE INTO t VALUES ({key}, {self.chance.randrange(10**9)}, 0)")
        elif kind == "delete":
            self.execute(n, f"DELETE FROM t WHERE id = {key}")
        elif kind == "undelete":
            try:
                one.undelete("t", key)
                self.met.add("undeleted")
            except NotDeletedError:
                pass
            before = dict(self.seen)
            self.note(n)
            assert before == self.seen, "bringing a row back stamped a cell"
        elif kind == "resolve" and (found := one.conflicts(open_only=True)):
            conflict = self.chance.choice(found)
            if not conflict.deleted:
                one.resolve(conflict.id, self.chance.choice(("ours", "theirs")))
                self.met.add("resolved")
            self.note(n)
        elif kind == "post" and self.parcels:
            data, known = self.chance.choice(self.parcels)
            try:
                one.merge(data)
            except MissingChangesError:
                return
            self.known[n] |= known
        elif kind == "backup":
            path = self.directory / f"{n}.backup"
            shutil.copyfile(one.connection.filename, path)
            self.backups[n] = (path, set(self.known[n]))
        elif kind == "restore" and n in self.backups:
            path, known = self.backups.pop(n)
            one.close()
            os.replace(path, self.directory / f"{n}.db")
            self.replicas[n] = Replica.open(self.directory / f"{n}.db", now=self.now)
            self.known[n] = known
            self.met.add("restored")

    def check(self) -> None:
        """Compare what each log says with what the present value of each cell had seen."""
        for n, one in enumerate(self.replicas):
            cells = self.cells(n)
            flags = settled(one)
            for conflict, flag in zip(one.conflicts(), flags, strict=True):
                both = {(conflict.won_hlc, conflict.won_site), (conflict.lost_hlc, conflict.lost_site)}
                present = cells[conflict.key[0], conflict.column]
                assert conflict.present == present
                assert flag == (both <= self.seen[present]), conflict
                self.met.add("settled" if flag else "open")
                if flag:
                    assert both <= self.seen[conflict.resolved_hlc, conflict.resolved_site]


@pytest.mark.parametrize("seed", range(int(os.environ.get("CRDTSQL_SEEDS", "12"))))
def test_settled_is_exact(seed: int) -> None:
    """An entry is settled exactly while the write of the cell's present value had seen both values, whatever came by which way."""
    with fast_directory() as directory:
        world = World(random.Random(seed), directory)
        for _ in range(60):
            world.step()
            world.check()
        come_to_rest(world.replicas)
        found = [state.shared(one.connection) for one in world.replicas]
        assert found[0] == found[1] == found[2]
        assert "open" in world.met
        for one in world.replicas:
            one.close()


# -- settling -------------------------------------------------------------------------------------


@pytest.mark.parametrize("take", ["ours", "theirs"])
def test_an_answer_wins_everywhere(tmp_path: Path, take: str) -> None:
    """An answer beats both values on every replica, also when it is the value that is shown already."""
    a, b, c = three(tmp_path)
    collide(a, b, c)
    send(b, c)
    before = {(cell.hlc, cell.site) for cell in a.blame("t", 1)}
    done = a.resolve(1, take)
    assert done.resolved and done.resolved_site == a.site
    after = {cell.column: (cell.hlc, cell.site) for cell in a.blame("t", 1)}
    assert after["a"] not in before and after["b"] in before
    expected = {"ours": "of a", "theirs": "of b"}[take]
    come_to_rest([a, b, c])
    assert [rows(one) for one in (a, b, c)] == [[(1, expected, "first")]] * 3
    assert settled(a) == settled(b) == [True]
    assert not [conflict for conflict in c.conflicts() if not conflict.resolved]


def test_an_answer_is_any_value(tmp_path: Path) -> None:
    """Any value can settle a conflict: NULL, numbers, blobs, and the very words ours and theirs."""
    a, b, _ = three(tmp_path)
    collide(a, b)
    for value in (None, 7, 1.5, b"\0\xff", "ours", "theirs", ""):
        a.resolve(1, value=value, again=True)
        assert rows(a) == [(1, value, "first")]
        send(a, b)
        assert rows(b) == rows(a)


def test_an_answer_comes_once(tmp_path: Path) -> None:
    """A conflict that anybody settled is not settled again, unless that is asked for; an unknown one never."""
    a, b, _ = three(tmp_path)
    collide(a, b)
    b.resolve(1, "theirs")
    send(b, a)
    content = state.content(a.connection)
    with pytest.raises(ConflictResolvedError, match=f"settled already.*{b.site}"):
        a.resolve(1, "ours")
    with pytest.raises(UnknownConflictError, match="has no conflict 7"):
        a.resolve(7, "ours")
    assert state.content(a.connection) == content
    a.resolve(1, "theirs", again=True)
    assert rows(a) == [(1, "of b", "first")]


def test_two_answers_collide_again(tmp_path: Path) -> None:
    """Two replicas that settle a conflict without knowing of each other get a new conflict, and one more answer ends it."""
    a, b, _ = three(tmp_path)
    collide(a, b)
    a.resolve(1, "ours")
    b.resolve(1, value="by b")
    send(a, b)
    send(b, a)
    assert rows(a) == rows(b) == [(1, "by b", "first")]
    assert settled(a) == [True, False]
    a.resolve(2, "ours")
    send(a, b)
    assert rows(b) == [(1, "of a", "first")]
    assert settled(a) == settled(b) == [True, True]


def test_an_answer_to_an_old_question_is_refused(tmp_path: Path) -> None:
    """An answer is discarded if its cell was written since the conflict was read, be it by a merge that left it open."""
    a, b, c = three(tmp_path)
    collide(a, b, c)
    (seen,) = a.conflicts()
    write(c, "UPDATE t SET a = 'meanwhile'")
    send(c, a)
    with pytest.raises(ConflictError, match="was written meanwhile"):
        a.resolve(1, "ours", seen=seen)
    assert rows(a) == [(1, "meanwhile", "first")]
    a.resolve(1, "ours", seen=a.conflict(1))
    assert rows(a) == [(1, "of a", "first")]


STRICT = """
CREATE TABLE parent (id INTEGER PRIMARY KEY, name);
CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER NOT NULL CHECK (a < 100) UNIQUE {clause}, p INTEGER REFERENCES parent {deferred});
CREATE TABLE audit (note);
CREATE TRIGGER follow AFTER UPDATE OF a ON t BEGIN INSERT OR IGNORE INTO audit VALUES (NEW.a); END;
CREATE TRIGGER veto BEFORE UPDATE OF a ON t WHEN NEW.a = 66 BEGIN SELECT RAISE(IGNORE); END;
"""


@pytest.mark.parametrize("clause", ["", "ON CONFLICT REPLACE", "ON CONFLICT IGNORE"])
@pytest.mark.parametrize("deferred", ["", "DEFERRABLE INITIALLY DEFERRED"])
def test_an_answer_keeps_the_constraints(tmp_path: Path, clause: str, deferred: str) -> None:
    """An answer that a constraint does not allow is refused with the constraint, and changes nothing."""
    now = Clock()
    schema = STRICT.format(clause=clause, deferred=deferred)
    a, b = (replica(tmp_path / f"{n}.db", schema, tables=("parent", "t"), now=now) for n in (1, 2))
    write(a, "INSERT INTO parent VALUES (1, 'one'); INSERT INTO t VALUES (1, 1, 1), (2, 2, 1)")
    send(a, b)
    write(a, "UPDATE t SET a = 11, p = NULL WHERE id = 1")
    write(b, "UPDATE t SET a = 12, p = NULL WHERE id = 1; UPDATE t SET p = 1 WHERE id = 1")
    send(b, a)
    numbers = {conflict.column: conflict.id for conflict in a.conflicts()}
    content = state.content(a.connection)
    for column, value, why in (
        ("a", 2, "UNIQUE"),
        ("a", 100, "CHECK"),
        ("a", None, "NOT NULL"),
        ("a", 66, "a trigger of the table ignored"),
        ("p", 9, "FOREIGN KEY"),
    ):
        with pytest.raises(WriteRefusedError, match=f"{why}.*nothing was changed") as refusal:
            a.resolve(numbers[column], value=value)
        assert refusal.value.table == "t" and why in refusal.value.constraint
    assert state.content(a.connection) == content
    a.resolve(numbers["a"], value=3)
    assert ("3",) in a.connection.execute("SELECT CAST(note AS TEXT) FROM audit").fetchall()
    assert a.connection.execute("PRAGMA foreign_keys").get == 0


def test_keys_that_have_several_spellings(tmp_path: Path) -> None:
    """A conflict finds its row by the table's own comparison, and settling it leaves the key's spelling alone."""
    now = Clock()
    schema = "CREATE TABLE t (x TEXT COLLATE NOCASE, y INTEGER, a, PRIMARY KEY (x, y)) WITHOUT ROWID"
    a, b = (replica(tmp_path / f"{n}.db", schema, now=now) for n in (1, 2))
    write(a, "INSERT INTO t VALUES ('Key', 1, 'first')")
    send(a, b)
    write(a, "UPDATE t SET a = 'of a'")
    write(b, "UPDATE t SET a = 'of b', x = 'KEY'")
    send(b, a)
    send(a, b)
    assert rows(a) == rows(b)
    (spelled,) = {row[0] for row in rows(a)}
    number = a.conflicts(open_only=True)[0].id
    a.resolve(number, value="settled")
    send(a, b)
    assert rows(a) == rows(b) == [(spelled, 1, "settled")]
    assert a.connection.execute('SELECT "key", "column" FROM crdt_conflicts WHERE id = ?', (number,)).fetchall() in (
        [("'Key', 1", "a")],
        [("'KEY', 1", "a")],
    )


# -- the bounds -----------------------------------------------------------------------------------


def clash(a: Replica, b: Replica, key: int) -> None:
    """Add one conflict to b's log; b settles all of the cell that it has when it writes."""
    write(a, f"UPDATE t SET a = 'of a ' || abs(random()) WHERE id = {key}")
    write(b, f"UPDATE t SET a = 'of b ' || abs(random()) WHERE id = {key}")
    send(a, b)


def test_the_log_keeps_the_newest_of_a_cell(tmp_path: Path) -> None:
    """Of one cell the log keeps the newest twenty entries; what was forgotten is counted; a number is never used twice."""
    a, b, _ = three(tmp_path)
    write(a, "INSERT INTO t VALUES (1, 0, 0), (2, 0, 0)")
    send(a, b)
    clash(a, b, 2)
    for _ in range(23):
        clash(a, b, 1)
    found = b.conflicts()
    assert [conflict.id for conflict in found] == [1, *range(5, 25)]
    assert b.status().conflicts_pruned == 3
    assert [conflict.resolved for conflict in found] == [False] + [True] * 19 + [False]
    b.limit_conflicts(per_cell=0)
    assert (b.conflicts(), b.status().conflicts_pruned) == ([], 24)
    b.limit_conflicts(per_cell=20)
    clash(a, b, 1)
    assert [conflict.id for conflict in b.conflicts()] == [25]


def test_the_log_forgets_settled_entries_first(tmp_path: Path) -> None:
    """Beyond the limit for the file, settled entries go first, then open ones, the oldest first of either kind."""
    a, b, _ = three(tmp_path)
    write(a, "INSERT INTO t SELECT value, 0, 0 FROM json_each('[1, 2, 3, 4, 5]')")
    send(a, b)
    b.limit_conflicts(total=4)
    for key in (1, 2, 3, 4):
        clash(a, b, key)
    b.resolve(2, "ours")
    b.resolve(3, "ours")
    clash(a, b, 5)
    assert [conflict.id for conflict in b.conflicts()] == [1, 3, 4, 5]
    b.resolve(5, "ours")
    assert b.limit_conflicts(total=2) == 2
    assert [conflict.id for conflict in b.conflicts()] == [1, 4]
    assert b.limit_conflicts(total=1) == 1
    assert [conflict.id for conflict in b.conflicts()] == [4]
    assert b.status().conflicts_pruned == 4
    with b.clone(tmp_path / "clone.db") as clone:
        assert (clone.status().conflicts_total, clone.status().conflicts_pruned) == (1, 4)


def test_one_large_merge_stays_within_the_bounds(tmp_path: Path) -> None:
    """A merge with more conflicts than the log keeps reports them all, and keeps as many as it may."""
    a, b, _ = three(tmp_path)
    write(a, "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 500) INSERT INTO t SELECT i, 0, 0 FROM n")
    send(a, b)
    b.limit_conflicts(total=100)
    write(a, "UPDATE t SET a = 'of a'")
    write(b, "UPDATE t SET a = 'of b'")
    report = b.merge(a.export(b.vector()))
    assert report.total.concurrent == 500
    assert len(b.conflicts()) == 100 and b.status().conflicts_pruned == 400


# -- undelete -------------------------------------------------------------------------------------


def test_undelete_keeps_the_stamps_of_the_cells(tmp_path: Path) -> None:
    """A row that comes back has its last values with their stamps; a write to it from elsewhere still counts."""
    a, b, _ = three(tmp_path)
    write(a, "INSERT INTO t VALUES (1, 'a', 'b')")
    send(a, b)
    before = a.blame("t", 1)
    write(b, "UPDATE t SET b = 'meanwhile'")
    write(a, "DELETE FROM t")
    a.undelete("t", 1)
    assert rows(a) == [(1, "a", "b")]
    assert a.blame("t", 1) == before
    send(a, b)
    send(b, a)
    assert rows(a) == rows(b) == [(1, "a", "meanwhile")]
    assert not a.conflicts() and not b.conflicts()
    assert state.shared(a.connection) == state.shared(b.connection)


@pytest.mark.parametrize("order", list(permutations(("undelete", "edit", "delete"))))
@pytest.mark.parametrize("meeting", list(permutations(range(3))))
def test_undelete_in_all_orders(tmp_path: Path, order: tuple[str, ...], meeting: tuple[int, ...]) -> None:
    """A row that one replica brings back lives on all, whatever others did who had not seen that, and in whatever order they meet."""
    replicas = three(tmp_path)
    a = replicas[0]
    write(a, "INSERT INTO t VALUES (1, 'a', 'b'), (2, 'other', 'other')")
    come_to_rest(replicas)
    write(a, "DELETE FROM t WHERE id = 1")
    if order[0] != "edit":
        come_to_rest(replicas)
    for one, action in zip(replicas, order, strict=True):
        if action == "undelete":
            if one.connection.execute("SELECT 1 FROM t WHERE id = 1").get is None:
                one.undelete("t", 1)
        elif action == "edit":
            write(one, "INSERT INTO t VALUES (1, 'new', 'new') ON CONFLICT DO UPDATE SET a = 'edited'")
        else:
            write(one, "DELETE FROM t WHERE id = 1")
    for n in meeting:
        for m in meeting:
            if n != m:
                send(replicas[n], replicas[m])
    come_to_rest(replicas)
    found = [state.shared(one.connection) for one in replicas]
    assert found[0] == found[1] == found[2]
    assert [row[0] for row in rows(a)] == [1, 2]


def test_undelete_wins_over_the_delete_it_has_seen(tmp_path: Path) -> None:
    """The row comes back on every replica that has the deletion; a later deletion that had seen it removes it again."""
    a, b, c = three(tmp_path)
    write(a, "INSERT INTO t VALUES (1, 'a', 'b')")
    come_to_rest([a, b, c])
    write(a, "DELETE FROM t")
    write(b, "DELETE FROM t")
    come_to_rest([a, b, c])
    c.undelete("t", 1)
    assert not c.connection.execute("SELECT count(*) FROM _crdt_held_t").get
    come_to_rest([c, a, b])
    assert rows(a) == rows(b) == rows(c) == [(1, "a", "b")]
    write(b, "DELETE FROM t")
    come_to_rest([a, b, c])
    assert rows(a) == rows(b) == rows(c) == []
    a.undelete("t", 1)
    come_to_rest([a, b, c])
    assert rows(c) == [(1, "a", "b")]


def test_undelete_does_not_beat_a_deletion_elsewhere_silently(tmp_path: Path) -> None:
    """A deletion that had not seen the row come back loses against it, like against any other write."""
    a, b, _ = three(tmp_path)
    write(a, "INSERT INTO t VALUES (1, 'a', 'b')")
    send(a, b)
    write(a, "DELETE FROM t")
    write(b, "DELETE FROM t")
    a.undelete("t", 1)
    come_to_rest([a, b])
    assert rows(a) == rows(b) == [(1, "a", "b")]


def test_undelete_of_rows_from_before_enabling(tmp_path: Path) -> None:
    """A row from before its table was enabled comes back with the stamps of the enabling, keys of several columns too."""
    connection = apsw.Connection(str(tmp_path / "1.db"))
    connection.execute(
        "CREATE TABLE t (x TEXT COLLATE NOCASE, y INTEGER, v, w AS (v || '!'), PRIMARY KEY (x, y)) WITHOUT ROWID;"
        "INSERT INTO t (x, y, v) VALUES ('Key', 1, x'00')"
    )
    connection.close()
    now = Clock()
    with Replica.open(tmp_path / "1.db", now=now) as a:
        a.enable("t")
        before = a.blame("t", "key", "1")
        with a.clone(tmp_path / "2.db") as b:
            write(a, "DELETE FROM t")
            send(a, b)
            b.undelete("t", "KEY", "1")
            send(b, a)
            assert a.blame("t", "key", "1") == before
            assert before[0].genesis
            assert rows(a) == rows(b) == [("Key", 1, b"\0", "\0!")]
            assert state.shared(a.connection) == state.shared(b.connection)


def test_undelete_fires_the_users_triggers_alone(tmp_path: Path) -> None:
    """A full-text index that triggers keep has the row again; capture logs no insert."""
    schema = """
    CREATE TABLE t (id INTEGER PRIMARY KEY, a);
    CREATE VIRTUAL TABLE found USING fts5 (a, content = 't', content_rowid = 'id');
    CREATE TRIGGER fts_in AFTER INSERT ON t BEGIN INSERT INTO found (rowid, a) VALUES (NEW.id, NEW.a); END;
    CREATE TRIGGER fts_out AFTER DELETE ON t BEGIN INSERT INTO found (found, rowid, a) VALUES ('delete', OLD.id, OLD.a); END;
    """
    a = replica(tmp_path / "1.db", schema, tables=("t",), now=Clock())
    write(a, "INSERT INTO t VALUES (1, 'hello')")
    before = a.blame("t", 1)
    objects = a.connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2").fetchall()
    write(a, "DELETE FROM t")
    search = "SELECT rowid FROM found WHERE found MATCH 'hello'"
    assert a.connection.execute(search).fetchall() == []
    a.undelete("t", 1)
    assert a.connection.execute(search).fetchall() == [(1,)]
    assert a.blame("t", 1) == before
    assert a.connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2").fetchall() == objects
    write(a, "UPDATE t SET a = 'still captured'")
    assert a.blame("t", 1) != before


@pytest.mark.parametrize("clause", ["", "ON CONFLICT REPLACE", "ON CONFLICT IGNORE"])
@pytest.mark.parametrize("deferred", ["", "DEFERRABLE INITIALLY DEFERRED"])
def test_undelete_keeps_the_constraints(tmp_path: Path, clause: str, deferred: str) -> None:
    """A row that would break a constraint stays deleted, with the constraint said, and nothing is changed."""
    a = replica(tmp_path / "1.db", STRICT.format(clause=clause, deferred=deferred), tables=("parent", "t"), now=Clock())
    write(a, "INSERT INTO parent VALUES (1, 'one'); INSERT INTO t VALUES (1, 1, NULL), (2, 2, 1)")
    write(a, "DELETE FROM t; DELETE FROM parent; INSERT INTO t VALUES (3, 1, NULL)")
    content = state.content(a.connection)
    with pytest.raises(WriteRefusedError, match="UNIQUE"):
        a.undelete("t", 1)
    with pytest.raises(WriteRefusedError, match="FOREIGN KEY"):
        a.undelete("t", 2)
    with pytest.raises(NotDeletedError, match="is not deleted"):
        a.undelete("t", 3)
    assert state.content(a.connection) == content
    a.undelete("parent", 1)
    a.undelete("t", 2)
    assert rows(a) == [(2, 2, 1), (3, 1, None)]
