"""Comparing what two replicas hold, and mending what differs."""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from crdtsql import Replica, sync
from crdtsql.base.errors import TransportError, UsageError
from crdtsql.transports import Request, Response
from crdtsql.ui.cli import cli
from crdtsql.verify import digests
from tests.machines.simulation import histories
from tests.support import peers, state
from tests.support.peers import Clock, write
from tests.verify.comparing import SCHEMA, Wire, damage, told


def test_replicas_with_the_same_changes_are_equal(met: list[Replica]) -> None:
    """Replicas that have the same changes are equal, with held, deleted, renumbered rows and counters; two questions find that."""
    for one in met:
        for other in met:
            if one is not other:
                report = one.verify(other)
                assert report.equal and report.questions == 2 and report.rows == []
                assert [table.name for table in report.tables] == ["note", "pair", "tag", "task"]


def test_vectors_come_first(met: list[Replica]) -> None:
    """Where one side lacks changes nothing is compared, and that is said; with `sync` both get them first."""
    one, other, _ = met
    write(one, "UPDATE task SET title = 'new' WHERE id = 't1'")
    report = one.verify(other)
    assert (report.equal, report.compared, report.missing_here, report.missing_there) == (False, False, 0, 1)
    assert (other.verify(one).missing_here, report.tables) == (1, [])
    assert one.verify(other, sync=True).equal


DAMAGE = {
    "UPDATE task SET title = 'bad' WHERE id = 't2'": ("task", ("t2",), "values", ("title",)),
    "UPDATE task SET n = 1.0 WHERE id = 't1'": ("task", ("t1",), "values", ("n",)),
    "UPDATE task SET n = '' WHERE id = 't2'": ("task", ("t2",), "values", ("n",)),
    "UPDATE pair SET v = x'33'": ("pair", ("B", 1), "values", ("v",)),
    "DELETE FROM task WHERE id = 't2'": ("task", ("t2",), "values", ("title", "votes")),
    "INSERT INTO task VALUES ('t9', 'n', 1, 1)": ("task", ("t9",), "there", ("n", "title", "votes")),
    "INSERT INTO task VALUES ('t3', 'zombie', 1, 1)": ("task", ("t3",), "shown", ()),
    "UPDATE _crdt_clock_task SET c0_t = c0_t + 1 WHERE k1 = 't1'": ("task", ("t1",), "stamps", ("title",)),
    "UPDATE _crdt_clock_task SET t = t + 1 WHERE k1 = 't2'": ("task", ("t2",), "stamps", ("n", "title", "votes")),
    "UPDATE _crdt_clock_task SET dot_t = dot_t + 1 WHERE k1 = 't3'": ("task", ("t3",), "stamps", ()),
    "DELETE FROM _crdt_clock_task WHERE k1 = 't3'; DELETE FROM _crdt_held_task WHERE k1 = 't3'": (
        "task",
        ("t3",),
        "here",
        ("n", "title", "votes"),
    ),
    "UPDATE _crdt_held_tag SET v0 = 'z'": ("tag", ("c",), "values", ("name",)),
    "UPDATE _crdt_parts_task SET v = 99 WHERE part = '+'": ("task", ("t1",), "stamps", ("votes",)),
    "INSERT INTO note VALUES (7, 'x')": ("note", (7,), "there", ("body",)),
    "DELETE FROM note WHERE id = 1": ("note", (1,), "values", ("body",)),
}
"""What is done to a file -> what another one finds."""
LEFT = ("_crdt_held_tag", "_crdt_parts_task")
"""Of what no write can be made that mends it."""


@pytest.mark.parametrize("statement", DAMAGE)
def test_damage_is_found_and_mended(met: list[Replica], statement: str) -> None:
    """Whatever differs between replicas with the same changes is found, and mended from one side or the other for all replicas alike."""
    one, other, third = met
    damage(other, statement)
    report = one.verify(other)
    assert report.compared and not report.equal and report.differing == 1
    assert told(report) == [DAMAGE[statement]]
    assert one.verify(third).equal
    mended = one.verify(other, repair=True)
    if not mended.equal and not any(name in statement for name in LEFT):
        assert mended.mended == 0 and "verify with --repair from the other side" in mended.left[0]
        mended = other.verify(one, repair=True)
    assert mended.equal == (not any(name in statement for name in LEFT)), mended.left
    if not mended.equal:
        assert mended.mended == 0 and len(mended.left) == 1
        return
    sync(one, third)
    shared = [state.shared(replica.connection) for replica in met]
    assert shared[0] == shared[1] == shared[2]


def test_the_later_write_counts(met: list[Replica]) -> None:
    """Where one side lost a write whose stamp the other one has, that write counts, on whichever side it is."""
    one, other, _ = met
    write(one, "UPDATE task SET title = 'later' WHERE id = 't2'")
    sync(one, other)
    damage(
        one,
        "UPDATE task SET title = 'two' WHERE id = 't2'; UPDATE _crdt_clock_task SET c0_t = NULL, c0_s = NULL WHERE k1 = 't2'",
    )
    assert told(one.verify(other)) == [("task", ("t2",), "values", ("title",))]
    assert one.verify(other, repair=True).equal
    for replica in (one, other):
        assert replica.connection.execute("SELECT title FROM task WHERE id = 't2'").get == "later"


def test_a_row_lives_if_its_latest_event_says_so(met: list[Replica]) -> None:
    """A delete that one side lost counts, for its writer had seen the row; a row that came back after it does, too."""
    one, other, _ = met
    before = one.connection.execute("SELECT * FROM _crdt_clock_task WHERE k1 = 't2'").fetchall()
    write(one, "DELETE FROM task WHERE id = 't2'")
    sync(one, other)
    marks = ", ".join("?" * len(before[0]))
    damage(other, "INSERT INTO task VALUES ('t2', 'two', 2, NULL); DELETE FROM _crdt_clock_task WHERE k1 = 't2'")
    damage(other, "DELETE FROM _crdt_held_task WHERE k1 = 't2'")
    other.connection.execute(f"INSERT INTO _crdt_clock_task VALUES ({marks})", before[0])
    assert told(one.verify(other))[0][:3] == ("task", ("t2",), "stamps")
    assert one.verify(other, repair=True).equal
    assert other.connection.execute("SELECT count(*) FROM task WHERE id = 't2'").get == 0
    assert state.shared(one.connection) == state.shared(other.connection)


def test_nothing_decides_between_values_of_one_write_of_a_third(met: list[Replica]) -> None:
    """Two values under one stamp of a third site are left as they are, until somebody says which one counts."""
    one, other, third = met
    write(third, "UPDATE task SET title = 'third' WHERE id = 't2'")
    sync(one, third)
    sync(one, other)
    damage(other, "UPDATE task SET title = 'bad' WHERE id = 't2'")
    report = one.verify(other, repair=True)
    assert not report.equal and report.mended == 0
    assert "title is 'third' or 'bad'" in report.left[0] and "--take" in report.left[0]
    assert one.verify(other, repair=True, take="ours").equal
    assert other.connection.execute("SELECT title FROM task WHERE id = 't2'").get == "third"
    with pytest.raises(UsageError, match="take ours or theirs"):
        one.verify(other, take="mine")
    with pytest.raises(UsageError, match="repair too"):
        one.verify(other, take="ours")
    done = CliRunner().invoke(cli, ["verify", one.path, other.path, "--take", "ours"])
    assert done.exit_code == 2 and f"crdtsql verify {one.path} {other.path} --repair --take ours" in done.stderr


def test_a_later_write_wins_over_what_was_mended(met: list[Replica]) -> None:
    """Mending is a write like any other: what somebody writes without knowing of it is a concurrent write, not lost unseen."""
    one, other, third = met
    damage(other, "UPDATE task SET title = 'bad' WHERE id = 't2'")
    assert one.verify(other, repair=True).mended == 1
    write(third, "UPDATE task SET title = 'newest' WHERE id = 't2'")
    sync(one, third)
    sync(one, other)
    assert one.verify(other).equal and one.verify(third).equal
    values = {replica.connection.execute("SELECT title FROM task WHERE id = 't2'").get for replica in met}
    assert values == {"newest"} and [entry.lost_value for entry in one.conflicts("task", column="title")][-1:] == [
        "two"
    ]


def test_odd_values_differ(met: list[Replica]) -> None:
    """Values that print alike differ: types, text behind a NUL, the last bit of a real, text that is no UTF-8."""
    one, other, _ = met
    values = [
        "1",
        "1.0",
        "'1'",
        "x'31'",
        "NULL",
        "''",
        "'a'",
        "'a' || char(0)",
        "0.1 + 0.2",
        "0.3",
        "CAST(x'ff' AS TEXT)",
    ]
    for first, second in zip(values, values[1:] + values[:1], strict=True):
        for replica, value in ((one, first), (other, second)):
            damage(replica, f"UPDATE task SET n = {value} WHERE id = 't1'")
        assert told(one.verify(other)) == [("task", ("t1",), "values", ("n",))], (first, second)
        damage(other, f"UPDATE task SET n = {first} WHERE id = 't1'")
        assert one.verify(other).equal


def many(folder: Path) -> list[Replica]:
    """Make two replicas of many rows."""
    one, other = peers.two(folder, SCHEMA)
    numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"
    write(one, f"{numbers} INSERT INTO task SELECT 'row ' || i, 'title of ' || i, i, i FROM n")
    sync(one, other)
    return [one, other]


def test_one_row_of_many_costs_kilobytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """One row of many that differs is found with some kilobytes; where very many do, some are told, and all are mended."""
    one, other = peers.in_memory("verify many", many, Clock())
    wire = Wire(other)
    damage(other, "UPDATE task SET title = 'bad' WHERE id = 'row 77'")
    assert told(one.verify(wire)) == [("task", ("row 77",), "values", ("title",))]
    assert sum(wire.sizes) < 9_000 and max(wire.sizes) < 1_300
    monkeypatch.setattr(sys.modules["crdtsql.verify.compare"], "MOST_BUCKETS", 100)
    damage(other, "UPDATE task SET title = 'bad' WHERE votes % 4 = 0")
    report = one.verify(wire, limit=5)
    assert report.more and len(report.rows) == 5 and 100 <= report.differing < 250
    report = one.verify(other, repair=True)
    assert report.equal and report.mended == 251


def test_what_changes_meanwhile_is_compared_anew(met: list[Replica]) -> None:
    """Rows that are written while both sides are compared are no difference; if that goes on and on it is said."""
    one, other, _ = met
    left = [3]

    class Busy(Wire):
        def exchange(self, request: Request) -> Response:
            if request.question is not None and "totals" in request.question and left[0]:
                left[0] -= 1
                write(self.replica, f"UPDATE task SET title = {left[0]} WHERE id = 't1'")
            return super().exchange(request)

    left[0] = 1
    assert not one.verify(Busy(other)).compared
    assert one.verify(Busy(other), sync=True).equal
    left[0] = 99
    with pytest.raises(TransportError, match="faster than they can be compared"):
        one.verify(Busy(other), sync=True)


def test_what_is_no_answer_is_refused(met: list[Replica]) -> None:
    """An earlier version says nothing of its content, and what a stranger answers is not trusted: one line says so."""
    one, other, _ = met
    given: list[Any] = [None]

    class Liar(Wire):
        def changed(self, request: Request, found: Response) -> Response:
            if request.question is None:
                return found
            content = given[0](found.answer) if callable(given[0]) else given[0]
            return Response(found.site, found.vector, answer=content)

    with pytest.raises(TransportError, match="install a later crdtsql there"):
        one.verify(Liar(other))
    damage(other, "UPDATE task SET title = 'bad'")
    lies: list[Any] = [
        {},
        {"tables": 3},
        {"tables": {"task": {}}},
        {"tables": {"task": {"name": "task", "key": ["id"], "is": ["key", "add-wins", "column"], "columns": 3}}},
    ]
    lies += [
        lambda real, kind=kind: real | ({kind: {}} if kind in real else {})
        for kind in ("totals", "ranges", "rows", "items")
    ]
    lies += [
        lambda real, kind=kind: real | ({kind: {"task": 7}} if kind in real else {})
        for kind in ("ranges", "rows", "items")
    ]
    for lie in lies:
        given[0] = lie
        with pytest.raises(TransportError, match="answer"):
            one.verify(Liar(other))


@pytest.mark.parametrize(
    "question",
    [
        {}, {"about": 1}, {"totals": 1}, {"totals": {"none": []}}, {"totals": {"task": ["none"]}}, {"totals": {"task": [1]}}, {"totals": {"task": ["n", "n"]}}, {"ranges": {"task": []}},
        {"ranges": {"task": [["n"], ["abcd"]]}}, {"ranges": {"task": [["n"], ["x"]]}}, {"ranges": {"task": [["n"], [1]]}},
        {"ranges": {"task": [["n"], ["a"] * 5000]}}, {"rows": {"task": [["n"], ["a"]]}}, {"items": {"task": [["n"], ["ab"]]}},
        {"items": {"task": [["n"], ["0" * 16] * 1001]}}, {"items": {"task": "n"}}, {"rows": {"task": [["n"], "abcd"]}},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_question_is_refused(met: list[Replica], question: Mapping[str, Any]) -> None:
    """Whoever asks is a stranger: questions about what is not there, out of bounds, or too large are refused."""
    with pytest.raises(UsageError):
        met[0].content(question)


def test_ranges_add_up(met: list[Replica]) -> None:
    """The digest of a range is the sum of its parts', of the whole table that of all; order makes no difference."""
    replica = met[0]
    columns = ["n", "title", "votes"]
    items, total = replica.content({"totals": {"task": columns}})["totals"]["task"]
    for digits in range(digests.DIGITS):
        names = [""] if not digits else [f"{n:0{digits}x}" for n in range(16**digits)]
        found = replica.content({"ranges": {"task": [columns, names]}})["ranges"]["task"]
        assert sum(count for parts in found.values() for count, _ in parts) == items
        assert sum(int(part, 16) for parts in found.values() for _, part in parts) % digests.MODULUS == int(total, 16)


def test_tables_that_are_not_alike_are_left_out(met: list[Replica]) -> None:
    """A table that is only on one side, or has another policy or type there, is named and not compared; columns that both have are."""
    one, other, _ = met
    other.alter("ALTER TABLE task ADD COLUMN more DEFAULT 'x'")
    write(other, "CREATE TABLE alone (id TEXT PRIMARY KEY NOT NULL)")
    other.enable("alone")
    other.set_rows("tag", "delete-wins")
    other.set_type("pair", "v", "max")
    one.fold()
    left_out = {table.name: table.left_out for table in one.verify(other).tables}
    assert left_out == {
        "alone": "it is only there",
        "note": None,
        "pair": "columns have another type there: v",
        "tag": "it has another key or another policy there",
        "task": None,
    }


def test_a_store_is_compared_by_rebuilding_from_it(met: list[Replica], tmp_path: Path) -> None:
    """What a store has is what a replica would show that is made of nothing else; it can't be repaired, and says how that is done."""
    one = met[0]
    (tmp_path / "team").mkdir()
    store = f"dir:{tmp_path / 'team'}"
    one.sync(store)
    assert one.verify(store).equal
    damage(one, "UPDATE task SET title = 'bad' WHERE id = 't2'")
    assert told(one.verify(store)) == [("task", ("t2",), "values", ("title",))]
    write(one, "DELETE FROM note")
    assert one.verify(store).missing_there == 1
    with pytest.raises(UsageError, match="writes no rows"):
        one.verify(store, repair=True)


@pytest.mark.parametrize("seed", range(8))
def test_random_damage_is_found(met: list[Replica], seed: int) -> None:
    """After random writes and syncs, damage to random cells of random rows is found, each row, and nothing else."""
    chance = random.Random(seed)
    one, other, _ = met
    for _ in range(12):
        row = chance.randrange(8)
        write(
            chance.choice((one, other)),
            chance.choice(
                (
                    f"INSERT OR REPLACE INTO task VALUES ('r{row}', {chance.random()}, 1, 1)",
                    f"UPDATE task SET votes = votes + 1, n = {row} WHERE id = 'r{row}'",
                    f"DELETE FROM task WHERE id = 'r{row}'",
                    f"INSERT OR IGNORE INTO note (body) VALUES ({row})",
                    f"INSERT OR IGNORE INTO pair VALUES ({row}, 'p', {chance.random()})",
                )
            ),
        )
        if chance.random() < 0.3:
            sync(one, other)
    sync(one, other)
    sync(one, other)
    assert one.verify(other).equal
    shown = [row for (row,) in peers.read(other, "SELECT id FROM task")]
    broken = chance.sample(shown, chance.randint(1, len(shown)))
    for row in broken:
        damage(other, f"UPDATE task SET {chance.choice(['title', 'n'])} = 'broken' WHERE id = '{row}'")
    report = one.verify(other)
    assert {row.key for row in report.rows} == {(row,) for row in broken} and report.differing == len(broken)
    assert one.verify(other, repair=True, take="ours").equal
    assert state.shared(one.connection) == state.shared(other.connection)


def test_a_row_under_another_key_is_compared_by_what_it_shows() -> None:
    """Rows that stand under other keys than theirs, in tables that were filled on several replicas, are equal on all of them."""
    assert histories.run(104, constrained=True).failure is None


def test_the_command_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`verify` ends with 0 if both are equal, else with 1, and says which cells differ, for people and as JSON."""
    monkeypatch.chdir(tmp_path)
    with peers.replica(tmp_path / "app.db", SCHEMA, site=1) as app:
        app.set_name("desk")
        write(app, "INSERT INTO task VALUES ('t1', 'one', 1, 1)")
        with app.clone(tmp_path / "b.db") as other:
            damage(other, "UPDATE task SET title = 'bad'")

    def call(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli, ["verify", "app.db", "b.db", *words])
        return done.exit_code, done.output

    code, printed = call()
    assert (
        code == 1 and "task 't1': other values" in printed and "title here: 'one'" in printed and "by desk (" in printed
    )
    assert "1 rows differ" in printed and "crdtsql verify app.db b.db --repair" in printed
    code, printed = call("--json")
    found = json.loads(printed)
    assert code == 1 and found["rows"][0]["there"]["cells"]["title"]["value"] == "bad"
    code, printed = call("--repair")
    assert code == 0 and "1 rows were written anew" in printed and "equal" in printed
    assert call() == (0, "4 tables compared: equal\n")
    text = CliRunner().invoke(cli, ["metrics", "app.db"]).stdout
    assert re.search(r'crdtsql_verify_mismatch\{file="app.db",peer="b.db"\} 0.0', text)
    with Replica.open("app.db") as app:
        write(app, "UPDATE task SET title = 'new'")
    code, printed = call()
    assert code == 1 and "not compared: b.db lacks changes of 1 sites" in printed and "--sync" in printed


def test_that_nobody_wrote_a_cell_is_the_same_everywhere(tmp_path: Path) -> None:
    """A counter in a column that its row's writer lacks began with a value that nobody wrote, whoever knew whom first."""
    now = Clock(step=1_000)
    one, other = peers.two(tmp_path, "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, v)", now=now)
    one.alter("ALTER TABLE t ADD COLUMN n INTEGER NOT NULL DEFAULT 0")
    one.set_type("t", "n", "counter")
    third = one.clone(tmp_path / "3.db")
    write(one, "INSERT INTO t VALUES ('a', 1, 1)")
    sync(one, other)
    write(other, "INSERT INTO t VALUES ('b', 1)")
    sync(one, other)
    for replica in (one, third):
        sync(replica, other)
        write(replica, "UPDATE t SET n = n + 1")
    sync(one, third)
    sync(one, third)
    assert [row for _, _, row in peers.rows(one)] == [3, 2]
    assert one.verify(third).equal
