"""The conflict log: which entries are resolved, on every replica, by whatever way the write that resolved them came."""

from __future__ import annotations

import json
import os
import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import pytest

from crdtsql import Replica
from crdtsql.base.errors import ConflictError, MissingChangesError, NotDeletedError
from crdtsql.store import Registry, began
from tests.support import seeds, state
from tests.support.peers import Clock, come_to_rest, fast_directory, replica, rows, send, three, write

SCHEMA = "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)"
Stamp = tuple[int, str]


def by_one_clock(directory: Path, schema: str = SCHEMA) -> list[Replica]:
    """Make three replicas whose clock goes on by a second with each look."""
    return three(directory, schema, now=Clock(step=1000))


def resolved(of: Replica) -> list[bool]:
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


# -- what resolves ---------------------------------------------------------------------------------


def test_who_took_what(tmp_path: Path) -> None:
    """`took` says for each replica whether the incoming value won there; `ours` is what it had before, `theirs` what came in."""
    a, b, _ = by_one_clock(tmp_path)
    collide(a, b)
    (of_a,), (of_b,) = a.conflicts(), b.conflicts()
    assert (of_a.took, of_a.ours, of_a.theirs) == ("theirs", "of a", "of b")
    assert (of_b.took, of_b.ours, of_b.theirs) == ("ours", "of b", "of a")
    assert (of_a.won_value, of_a.lost_value, of_a.key, of_a.column) == ("of b", "of a", (1,), "a")
    assert (of_a.won_site, of_a.lost_site) == (b.site, a.site)
    assert not of_a.resolved and of_a.to_json()["resolved_time"] is None


def test_any_write_that_had_seen_both_resolves(tmp_path: Path) -> None:
    """An ordinary write by a replica that has both values resolves the conflict there and wherever it arrives, by a relay too."""
    a, b, c = by_one_clock(tmp_path)
    collide(a, b, c)
    assert (resolved(a), resolved(b)) == ([False], [False])
    send(a, c)
    write(c, "UPDATE t SET a = 'resolved by c'")
    send(c, a)
    assert (resolved(a), resolved(b)) == ([True], [False])
    assert a.conflicts()[0].resolved_site == c.site
    send(a, b)
    assert resolved(b) == [True]
    assert b.conflicts()[0].resolved_hlc == a.conflicts()[0].resolved_hlc


def test_a_write_of_another_cell_settles_nothing(tmp_path: Path) -> None:
    """Writing another column of the row, or another row, leaves a conflict open."""
    a, b, _ = by_one_clock(tmp_path)
    collide(a, b)
    write(a, "UPDATE t SET b = 'other'; INSERT INTO t VALUES (2, 'x', 'x')")
    assert resolved(a) == [False]


def test_a_leaf_is_not_what_has_leaves_below_it(tmp_path: Path) -> None:
    """A concurrent map with a leaf below that of an entry does not have the leaf, so it does not hide the write that resolved it."""
    a, b, c = by_one_clock(tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY, m)")
    for one in (a, b, c):
        one.set_type("t", "m", "map")
    write(c, """INSERT INTO t VALUES (1, '{"b": {"c": 3}}')""")
    write(a, """INSERT INTO t VALUES (1, '{"b": 1}')""")
    write(b, """INSERT INTO t VALUES (1, '{"b": 2}')""")
    send(a, b)
    assert resolved(b) == [False]
    write(b, "DELETE FROM t", "INSERT INTO t VALUES (1, '{}')")
    assert resolved(b) == [True]
    send(c, b)
    assert rows(b) == [(1, '{"b":{"c":3}}')]
    assert resolved(b) == [True]


@pytest.mark.parametrize("leaf", ["b", 'x"y', "\\", "a.b", "[0]", "\u00e9", ""])
def test_a_concurrent_map_with_the_leaf_opens_its_entry_again(tmp_path: Path, leaf: str) -> None:
    """The value of a leaf, whatever its name, is what the map wrote that has it: who had not seen the others resolved nothing."""
    a, b, c = by_one_clock(tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY, m)")
    for one in (a, b, c):
        one.set_type("t", "m", "map")
    for number, one in enumerate((c, a, b)):
        one.connection.execute("INSERT INTO t VALUES (1, json_object(?, ?))", (leaf, number))
        one.vector()
    send(a, b)
    assert resolved(b) == [False]
    write(b, "DELETE FROM t", "INSERT INTO t VALUES (1, '{}')")
    assert resolved(b) == [True]
    send(c, b)
    assert rows(b) == [(1, json.dumps({leaf: 0}, separators=(",", ":"), ensure_ascii=False))]
    assert resolved(b) == [False]


def test_a_write_that_had_seen_one_value_settles_nothing(tmp_path: Path) -> None:
    """A later write wins over both, but leaves the conflict open if its writer had seen one of them only."""
    a, b, c = by_one_clock(tmp_path)
    write(a, "INSERT INTO t VALUES (1, 'first', 'first')")
    for other in (b, c):
        send(a, other)
    write(a, "UPDATE t SET a = 'of a'")
    write(b, "UPDATE t SET a = 'of b'")
    send(a, c)
    write(c, "UPDATE t SET a = 'of c, who has seen a'")
    send(b, a)
    assert resolved(a) == [False]
    send(c, a)
    assert rows(a) == [(1, "of c, who has seen a", "first")]
    assert resolved(a) == [False, False]
    write(a, "UPDATE t SET a = 'seen them all'")
    assert resolved(a) == [True, True]


def test_a_write_that_knew_nothing_opens_it_again(tmp_path: Path) -> None:
    """A conflict that was resolved is open again when a later write that knew of neither value takes the cell."""
    a, b, c = by_one_clock(tmp_path)
    collide(a, b, c)
    a.resolve(1, "ours")
    assert resolved(a) == [True]
    write(c, "UPDATE t SET a = 'c knows nothing'")
    send(c, a)
    assert rows(a) == [(1, "c knows nothing", "first")]
    assert resolved(a) == [False, False]
    a.resolve(2, "ours")
    assert rows(a) == [(1, "of a", "first")]
    assert resolved(a) == [True, True]


def test_a_row_that_was_inserted_again_resolves(tmp_path: Path) -> None:
    """A deleted row's conflicts stay open; when it is inserted again, its cells are written by somebody who had seen them."""
    a, b, _ = by_one_clock(tmp_path)
    collide(a, b)
    write(a, "DELETE FROM t")
    assert resolved(a) == [False] and a.conflicts()[0].deleted
    send(a, b)
    assert resolved(b) == [False] and b.conflicts()[0].deleted
    with pytest.raises(ConflictError, match="crdtsql undelete"):
        a.resolve(1, "ours")
    write(b, "INSERT OR REPLACE INTO t VALUES (1, 'again', 'again')")
    send(b, a)
    assert (resolved(a), resolved(b)) == ([True], [True])


def test_a_conflict_of_two_beginnings(tmp_path: Path) -> None:
    """Values from before two files were enabled collide like writes, and are resolved like these."""
    now = Clock(step=1000)
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
    assert (resolved(a), resolved(b)) == ([False], [False])
    a.resolve(1, "ours")
    send(a, b)
    assert rows(a) == rows(b) == [(1, "of 1", "same")]
    assert (resolved(a), resolved(b)) == ([True], [True])


@dataclass
class World:
    """Three replicas beside a record of which write had seen which."""

    chance: random.Random
    directory: Path
    now: Clock = field(default_factory=lambda: Clock(step=1000))
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
            heads = "SELECT ifnull(dot_t, t) FROM _crdt_clock_t WHERE k1 = ?1 UNION ALL SELECT t FROM _crdt_heads_t WHERE k1 = ?1"
            first = began.first_event(Registry(one.connection))
            anew = all(hlc < first for (hlc,) in one.connection.execute(heads, (key,)))
            try:
                one.undelete("t", key)
                self.met.add("undeleted")
            except NotDeletedError:
                pass
            before = dict(self.seen)
            self.note(n)
            assert before == self.seen or anew, "bringing a row back stamped a cell"
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
            flags = resolved(one)
            for conflict, flag in zip(one.conflicts(), flags, strict=True):
                both = {(conflict.won_hlc, conflict.won_site), (conflict.lost_hlc, conflict.lost_site)}
                present = cells[conflict.key[0], conflict.column]
                assert conflict.present == present
                assert flag == (both <= self.seen[present]), conflict
                self.met.add("resolved" if flag else "open")
                if flag:
                    assert both <= self.seen[conflict.resolved_hlc, conflict.resolved_site]


@pytest.mark.parametrize("seed", seeds.chosen(12))
def test_resolved_is_exact(seed: int) -> None:
    """An entry is resolved exactly while the write of the cell's present value had seen both values, whatever came by which way."""
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
