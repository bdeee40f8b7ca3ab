"""Row policies and granularities: what concurrent writes make of a row, in whatever order they meet."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from itertools import permutations, product
from pathlib import Path
from typing import Any

import pytest

from crdtsql import Replica, sync
from tests.machines.simulation.simulation import Simulation
from tests.support import seeds, state
from tests.support.library import undone
from tests.support.peers import (
    START_MS,
    Clock,
    all_equal,
    come_to_rest,
    fast_directory,
    in_memory,
    replica,
    rows,
    send,
    write,
)

SCHEMA = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, a, b)"
POLICIES = ("add-wins", "delete-wins", "grow-only")
Sides = dict[str, str]


def made(path: Path, site: int, schema: str = SCHEMA, now: Any = lambda: START_MS, **policies: Any) -> Replica:
    """Make a replica whose tables have a policy."""
    opened = replica(
        path, "CREATE TABLE first (id INTEGER PRIMARY KEY);" + schema, tables=("first",), site=site, now=now
    )
    names = [name for name in opened.status().not_enabled if not name.startswith("plain")]
    opened.enable(*names, **policies)
    return opened


def of_one_row(schema: str = SCHEMA, **policies: str) -> list[Replica]:
    """Give three replicas that share row x."""

    def make(folder: Path) -> list[Replica]:
        found = [made(folder / f"{n}.db", n, schema, **policies) for n in (1, 2, 3)]
        write(found[0], "INSERT INTO t VALUES ('x', 'old', 'old')")
        come_to_rest(found)
        return found

    return in_memory(("one row", schema, *policies.items()), make, lambda: START_MS)


# -- against the model ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "granularity"), [("delete-wins", "column"), ("delete-wins", "row"), ("add-wins", "row")]
)
@pytest.mark.parametrize("seed", seeds.chosen(7))
def test_replicas_hold_what_the_model_says(policy: str, granularity: str, seed: int) -> None:
    """Whatever is written and in whatever order changes arrive, a replica holds what its policy and the causal history define."""
    occurred: Counter[str] = Counter()
    with fast_directory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRDTSQL_STATE_DIR", str(folder / "state"))
        Simulation(seed, folder, occurred, policy, granularity).run(range(30))
    assert sum(occurred.values())


class Turning(Simulation):
    """A run that changes the policy of every replica in the end, and back."""

    def _end(self) -> None:
        before = self.rows
        for peer in self.peers:
            self.check(peer)
        for policy in ({"add-wins", "delete-wins"} - {before}).pop(), "grow-only", before:
            self.turn(str(policy))
            for peer, table in product(self.peers, self.habits.tables):
                report = peer.replica.set_rows(table, policy)
                self.occurred["rows went"] += report.deleted
                self.occurred["rows came back"] += report.revived
            for peer in self.peers:
                self.check(peer)
        super()._end()


@pytest.mark.parametrize("policy", ["add-wins", "delete-wins"])
def test_a_policy_can_be_changed_at_any_time(policy: str) -> None:
    """Another policy shows what would be there if it had been the policy from the beginning; changing it is no event."""
    occurred: Counter[str] = Counter()
    for seed in range(100, 112):
        with fast_directory() as folder, pytest.MonkeyPatch.context() as patch:
            patch.setenv("CRDTSQL_STATE_DIR", str(folder / "state"))
            Turning(seed, folder, occurred, policy).run(range(25))
    assert occurred["rows went"]
    assert occurred["rows came back"]


# -- a delete and concurrent writes ---------------------------------------------------------------

WRITES = {
    "update": "UPDATE t SET a = 'new' WHERE id = 'x'",
    "replace": "INSERT OR REPLACE INTO t VALUES ('x', 'whole', 'whole')",
    "again": "DELETE FROM t WHERE id = 'x'; INSERT INTO t VALUES ('x', 'again', 'again')",
    "delete": "DELETE FROM t WHERE id = 'x'",
    "nothing": "SELECT 1",
}


def send_around(replicas: list[Replica], order: tuple[int, ...]) -> None:
    """Send around in an order, then until all have all."""
    for sender, receiver in zip(order, order[1:] + order[:1], strict=True):
        send(replicas[sender], replicas[receiver])
    come_to_rest(replicas)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("policy", ["add-wins", "delete-wins"])
def test_a_delete_meets_writes_in_every_order(policy: str, order: tuple[int, ...]) -> None:
    """Under delete-wins a concurrent delete takes a row along, whatever two others did to it; under add-wins any write keeps it."""
    replicas = of_one_row(rows=policy)
    for second, third in product(("update", "replace", "again", "delete", "nothing"), repeat=2):
        with ExitStack() as all_undone:
            for one in replicas:
                all_undone.enter_context(undone(one.connection))
            for one, name in zip(replicas, ("delete", second, third), strict=True):
                write(one, WRITES[name])
            send_around(replicas, order)
            adds = {second, third} - {"delete", "nothing"}
            assert [bool(rows(one)) for one in replicas] == [bool(adds) and policy == "add-wins"] * 3, (second, third)
            assert all_equal(replicas)
    for one in replicas:
        one.close()


def test_a_row_that_a_delete_took_along_keeps_its_values() -> None:
    """The values of a row that went with a delete are those of the concurrent update, on every replica."""
    replicas = of_one_row(rows="delete-wins")
    write(replicas[0], "DELETE FROM t")
    write(replicas[1], "UPDATE t SET a = 'new'")
    write(replicas[2], "UPDATE t SET b = 'newer'")
    come_to_rest(replicas)
    for one in replicas:
        held = one.connection.execute("SELECT k1, v0, v1 FROM _crdt_held_t").fetchall()
        assert held == [("x", "new", "newer")]
        assert [cell.value for cell in one.blame("t", "x") if cell.column != "id"] == ["new", "newer"]


def test_an_insert_that_saw_the_delete_brings_the_row_back() -> None:
    """A row that is inserted by somebody who saw the delete lives again, also when an update from before arrives late."""
    replicas = of_one_row(rows="delete-wins")
    write(replicas[0], "DELETE FROM t")
    write(replicas[1], "UPDATE t SET a = 'late'")
    send(replicas[0], replicas[2])
    write(replicas[2], "INSERT INTO t VALUES ('x', 'born', 'again')")
    send(replicas[2], replicas[0])
    assert rows(replicas[0]) == [("x", "born", "again")]
    send(replicas[1], replicas[0])
    come_to_rest(replicas)
    assert {len(rows(one)) for one in replicas} == {1}
    assert all_equal(replicas)


def test_a_local_write_of_a_row_that_went_is_an_insert() -> None:
    """A row of several heads that went can be inserted here, and the insert settles all of them everywhere."""
    replicas = of_one_row(rows="delete-wins")
    write(replicas[0], "DELETE FROM t")
    write(replicas[1], "UPDATE t SET a = 'new'")
    write(replicas[2], "INSERT OR REPLACE INTO t VALUES ('x', 'whole', NULL)")
    come_to_rest(replicas)
    assert rows(replicas[1]) == []
    write(replicas[1], "INSERT INTO t VALUES ('x', 'last', 'word')")
    come_to_rest(replicas)
    assert [rows(one) for one in replicas] == [[("x", "last", "word")]] * 3
    assert replicas[0].connection.execute("SELECT count(*) FROM _crdt_heads_t").fetchall() == [(0,)]
    assert all_equal(replicas)


def test_a_relay_passes_on_what_a_delete_took_along(tmp_path: Path) -> None:
    """A replica that never saw the row alive learns from a relay all that decides whether it lives."""
    replicas = of_one_row(rows="delete-wins")
    write(replicas[0], "DELETE FROM t")
    write(replicas[1], "UPDATE t SET a = 'new'")
    send(replicas[0], replicas[1])
    fourth = made(tmp_path / "4.db", 4, rows="delete-wins")
    send(replicas[1], fourth)
    assert rows(fourth) == []
    write(replicas[2], "UPDATE t SET b = 'third'")
    send(replicas[2], fourth)
    send(fourth, replicas[2])
    send(replicas[2], replicas[0])
    assert rows(fourth) == rows(replicas[2]) == rows(replicas[0]) == []
    assert state.rows(fourth.connection) == state.rows(replicas[2].connection)


def test_rows_of_a_genesis_can_be_deleted(tmp_path: Path) -> None:
    """A delete also wins over a concurrent update of a row that was there when the table was enabled."""
    schema = SCHEMA + "; INSERT INTO t VALUES ('x', 'old', 'old'), ('y', 'old', 'old')"
    first = made(tmp_path / "1.db", 1, schema, rows="delete-wins")
    second = first.clone(tmp_path / "2.db")
    write(first, "DELETE FROM t WHERE id = 'x'")
    write(second, "UPDATE t SET a = 'new'")
    sync(first, second)
    assert rows(first) == rows(second) == [("y", "new", "old")]


# -- grow-only ------------------------------------------------------------------------------------


def test_rows_of_a_grow_only_table_gather() -> None:
    """Rows that anybody added are in all replicas of a grow-only table, and their columns merge as ever."""
    replicas = of_one_row(rows="grow-only")
    write(replicas[0], "UPDATE t SET a = 'one'; INSERT INTO t VALUES ('y', 1, 1)")
    write(replicas[1], "UPDATE t SET b = 'two'; INSERT INTO t VALUES ('z', 2, 2)")
    write(replicas[2], "INSERT OR REPLACE INTO t VALUES ('y', 3, 3)")
    come_to_rest(replicas)
    assert [rows(one)[0] for one in replicas] == [("x", "one", "two")] * 3
    assert [len(rows(one)) for one in replicas] == [3] * 3
    assert all_equal(replicas)


def test_a_merge_may_exchange_unique_values_of_a_grow_only_table() -> None:
    """A merge takes rows out and puts them back where UNIQUE values are exchanged, though programs can't delete any."""
    schema = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, a UNIQUE, b); CREATE TABLE plain_log (note)"
    for number, more in enumerate(
        ("", "; CREATE TRIGGER mine AFTER UPDATE ON t BEGIN INSERT INTO plain_log VALUES (NEW.id); END")
    ):
        replicas = of_one_row(schema + more, rows="grow-only")
        write(replicas[0], "INSERT INTO t VALUES ('y', 'why', NULL)")
        come_to_rest(replicas)
        write(
            replicas[0],
            "UPDATE t SET a = NULL WHERE id = 'x'; UPDATE t SET a = 'old' WHERE id = 'y'; UPDATE t SET a = 'why' WHERE id = 'x'",
        )
        come_to_rest(replicas)
        assert [rows(one) for one in replicas] == [[("x", "why", "old"), ("y", "old", None)]] * 3
        with pytest.raises(Exception, match="can only be added"):
            write(replicas[1], "DELETE FROM t")


# -- granularity ----------------------------------------------------------------------------------

WIDE = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, " + ", ".join(f"c{n}" for n in range(130)) + ")"


@pytest.mark.parametrize("granularity", ["column", "row"])
def test_concurrent_updates_mix_by_column_only(tmp_path: Path, granularity: str) -> None:
    """Of concurrent updates of one row, the later one wins as a whole if the granularity is the row; else both stay."""
    clocks = [Clock(), Clock(), Clock()]
    replicas = [made(tmp_path / f"{n}.db", n, now=clock, granularity=granularity) for n, clock in enumerate(clocks, 1)]
    write(replicas[0], "INSERT INTO t VALUES ('x', 'old', 'old')")
    come_to_rest(replicas)
    clocks[0].ms += 2000
    clocks[1].ms += 1000
    write(replicas[0], "UPDATE t SET a = 'late'")
    write(replicas[1], "UPDATE t SET b = 'early'")
    come_to_rest(replicas)
    expected = ("x", "late", "early") if granularity == "column" else ("x", "late", "old")
    assert [rows(one) for one in replicas] == [[expected]] * 3
    logged = replicas[0].connection.execute('SELECT "column", won_value, lost_value FROM crdt_conflicts').fetchall()
    assert logged == ([] if granularity == "column" else [("a", "late", "old"), ("b", "old", "early")])


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_wide_rows_don_t_mix(tmp_path: Path, order: tuple[int, ...]) -> None:
    """A row of more columns than a mask word has does not mix either, at one and the same time, with inserts too."""
    replicas = [made(tmp_path / f"{n}.db", n, WIDE, granularity="row") for n in (1, 2, 3)]
    values = ", ".join(["0"] * 130)
    write(replicas[0], f"INSERT INTO t VALUES ('x', {values})")
    come_to_rest(replicas)
    write(replicas[0], "UPDATE t SET c0 = 'one'")
    write(replicas[1], "UPDATE t SET c100 = 'two'; UPDATE t SET c1 = 'two'")
    write(
        replicas[2], f"INSERT OR REPLACE INTO t VALUES ('x', {values.replace('0', '3')}); UPDATE t SET c129 = 'three'"
    )
    candidates = [rows(one)[0] for one in replicas]
    send_around(replicas, order)
    assert rows(replicas[0])[0] in candidates
    assert all_equal(replicas)


def test_typed_columns_merge_whatever_the_row_policy(tmp_path: Path) -> None:
    """Of granularity `row` typed columns merge by their type, a deleted row keeps what they gathered, and a type can be changed."""
    clocks = [Clock(START_MS + 2000), Clock(START_MS + 1000)]
    schema = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, n INTEGER NOT NULL DEFAULT 0, a, b)"
    policies = {"rows": "delete-wins", "granularity": "row", "types": {"n": "counter"}}
    first, second = (made(tmp_path / f"{n}.db", n, schema, clock, **policies) for n, clock in enumerate(clocks, 1))
    write(first, "INSERT INTO t VALUES ('x', 5, 'old', 'old')")
    sync(first, second)
    clocks[0].ms += 2000
    write(first, "UPDATE t SET n = n + 1, a = 'late'")
    write(second, "UPDATE t SET n = n + 2, b = 'early'")
    sync(first, second)
    assert rows(first) == rows(second) == [("x", 8, "late", "old")]
    write(first, "DELETE FROM t")
    write(second, "UPDATE t SET n = n + 4")
    sync(first, second)
    assert rows(first) == rows(second) == []
    assert all_equal([first, second])
    for one in (first, second):
        assert one.set_rows("t", "add-wins").revived == 1
        assert rows(one) == [("x", 12, "late", "old")]
    for one in (first, second):
        one.set_type("t", "n", "lww")
    sync(first, second)
    write(second, "UPDATE t SET n = 1")
    sync(first, second)
    assert rows(first) == rows(second) == [("x", 1, "late", "old")]
    assert all_equal([first, second])


def test_an_update_that_changes_nothing_stamps_nothing(tmp_path: Path) -> None:
    """Of granularity `row` too, a statement that leaves all values as they are is no event."""
    one = made(tmp_path / "1.db", 1, granularity="row")
    write(one, "INSERT INTO t VALUES ('x', 1, 2)")
    before = one.vector()
    write(one, "UPDATE t SET a = 1, b = 2")
    assert one.vector() == before
