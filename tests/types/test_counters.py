"""Counters at the edge of what SQLite counts, and counters whose sums are not exact."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crdtsql import Replica
from tests.support import edges
from tests.support.peers import START_MS, all_equal, come_to_rest, in_memory, merged_in_all_orders, send

ONCE = settings(deadline=None, max_examples=20, suppress_health_check=list(HealthCheck))
WHERE = {
    "INTEGER": st.sampled_from(edges.COUNTS),
    "REAL": st.one_of(st.sampled_from(edges.REAL_COUNTS), st.floats(-edges.MOST_REAL, edges.MOST_REAL)),
}


def steps(declared: str) -> st.SearchStrategy[list[tuple[int, str, float]]]:
    """Give what happens: (replica, what, number)."""
    what = st.sampled_from(["add", "add", "set", "insert", "fold", "send"])
    return st.lists(st.tuples(st.integers(0, 2), what, WHERE[declared]), max_size=14)


def of_counter(declared: str) -> list[Replica]:
    """Give four replicas of a counter, with a row that nobody counts in."""

    def make(folder: Path) -> list[Replica]:
        connection = apsw.Connection(str(folder / "0.db"))
        connection.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, n {declared}, note TEXT)")
        connection.execute("INSERT INTO t VALUES (1, 0, ''), (2, 0, '')")
        connection.close()
        first = Replica.open(folder / "0.db", now=lambda: START_MS)
        first.enable("t", types={"n": "counter"})
        return [first, *(first.clone(folder / f"{n}.db") for n in (1, 2, 3))]

    return in_memory(("counter", declared), make, lambda: START_MS)


def shown(one: Replica) -> float:
    one.fold()
    value = one.connection.execute("SELECT n FROM t WHERE id = 1").get
    assert isinstance(value, (int, float))
    return value


def limited(exact: Fraction, declared: str) -> float:
    """Return what a counter of that exact value shows."""
    if declared == "INTEGER":
        return int(max(-edges.LIMIT, min(exact, edges.LIMIT)))
    return (
        edges.MOST_REAL if exact > edges.MOST_REAL else -edges.MOST_REAL if exact < -edges.MOST_REAL else float(exact)
    )


def play(replicas: list[Replica], declared: str, script: list[tuple[int, str, float]]) -> Fraction | None:
    """Run a script; return what was added in all, None if the row was inserted anew, which begins another count."""
    exact: Fraction | None = Fraction(0)
    for n, what, number in script:
        one, other = replicas[n], replicas[(n + 1) % 3]
        if what == "send":
            send(one, other)
        elif what == "fold":
            one.fold()
        elif what == "insert":
            one.connection.execute("INSERT OR REPLACE INTO t VALUES (1, ?, '')", (number,))
            exact = None
        else:
            before = one.connection.execute("SELECT n FROM t WHERE id = 1").get
            expression = "?" if what == "set" else "n + ?"
            try:
                one.connection.execute(f"UPDATE t SET n = {expression} WHERE id = 1", (number,))
            except apsw.ConstraintError as error:
                assert "must be a number within plus and minus" in str(error)
                continue
            after = one.connection.execute("SELECT n FROM t WHERE id = 1").get
            exact = None if exact is None else exact + Fraction(after) - Fraction(before)
        one.connection.execute("UPDATE t SET note = note || 'x' WHERE id = 2")
    return exact


@pytest.mark.parametrize("declared", WHERE)
def test_no_counter_stops_a_sync(declared: str) -> None:
    """Counters take what a writer may write, at the edge and in any order; all replicas show the exact sum, as near as its limit lets them."""

    @given(script=steps(declared))
    @ONCE
    def run(script: list[tuple[int, str, float]]) -> None:
        *replicas, _ = of_counter(declared)
        exact = play(replicas, declared, script)
        come_to_rest(replicas)
        assert all_equal(replicas)
        found = [shown(one) for one in replicas]
        assert len({(type(value), struct.pack("<d", value), value) for value in found}) == 1
        if exact is not None:
            assert found[0] == limited(exact, declared)
        for one in replicas:
            one.close()

    run()


@pytest.mark.parametrize("declared", WHERE)
def test_what_one_site_wrote_is_shown_as_it_is(declared: str) -> None:
    """While nobody else adds, a counter shows what was written last, to the last bit, however it came there."""

    @given(numbers=st.lists(st.tuples(WHERE[declared], st.booleans()), min_size=1, max_size=8))
    @ONCE
    def run(numbers: list[tuple[float, bool]]) -> None:
        first, second, *_ = of_counter(declared)
        for number, is_insert in numbers:
            statement = (
                "INSERT OR REPLACE INTO t VALUES (1, ?1, '')" if is_insert else "UPDATE t SET n = ?1 WHERE id = 1"
            )
            first.connection.execute(statement, (number,))
            assert shown(first) == number
        send(first, second)
        assert shown(second) == numbers[-1][0]
        first.close()
        second.close()

    run()


APART = {"INTEGER": (edges.LIMIT, edges.LIMIT - 3, -edges.LIMIT), "REAL": (edges.MOST_REAL, 1.5e308, -1e308)}


@pytest.mark.parametrize("declared", WHERE)
def test_the_limit_is_met_at_the_end_alone(declared: str) -> None:
    """What is beyond a counter's limit is kept: in whatever order additions arrive, those that take it back count in full."""
    receiver, *writers = of_counter(declared)
    changes = []
    for writer, number in zip(writers, APART[declared], strict=True):
        writer.connection.execute("UPDATE t SET n = ? WHERE id = 1", (number,))
        changes.append(writer.export({}))
    receiver.connection.execute("UPDATE t SET note = 'mine' WHERE id = 2")
    receiver.fold()
    exact = sum((Fraction(number) for number in APART[declared]), Fraction(0))
    found = {order: shown(one) for order, one in merged_in_all_orders(receiver, changes, lambda: START_MS)}
    assert len(found) == 6
    assert set(found.values()) == {limited(exact, declared)}


def test_a_real_counter_that_became_an_integer_counts_on() -> None:
    """The totals keep their fractions, and what they add up to is shown as a whole number everywhere."""
    one, two, *_ = replicas = of_counter("REAL")
    one.connection.execute("UPDATE t SET n = n + 0.5")
    come_to_rest(replicas)
    for replica in replicas:
        replica.connection.execute("UPDATE t SET n = CAST(n AS INTEGER)")
        replica.fold()
        replica.connection.execute(
            "CREATE TABLE t2 (id INTEGER PRIMARY KEY, n INTEGER, note TEXT);"
            "INSERT INTO t2 SELECT * FROM t; DROP TABLE t; ALTER TABLE t2 RENAME TO t"
        )
        replica.repair()
    come_to_rest(replicas)
    assert all_equal(replicas)
    assert shown(one) == -1
    for replica in (one, two):
        replica.connection.execute("UPDATE t SET n = n + 1")
    come_to_rest(replicas)
    assert {shown(replica) for replica in replicas} == {1}
