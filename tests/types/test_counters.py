"""Counters at the edge of what SQLite counts, and counters whose sums are not exact."""

from __future__ import annotations

import math
import struct
from itertools import permutations
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crdtsql import Replica
from crdtsql.base.errors import CounterOverflowError
from tests.support import state
from tests.support.peers import START_MS, come_to_rest, in_memory, send

LIMIT = 1 << 62
LARGE = LIMIT - (1 << 40)
REALS = st.one_of(
    st.sampled_from([0.1, 0.2, 0.3, -0.1, 1e16, 1.0, -1e16, 1e300, -1e300, 1e-300, 5e-324, 2.0**53, 1 / 3]),
    st.floats(-1e300, 1e300, allow_nan=False),
)
SMALL = st.tuples(st.integers(0, 2), st.sampled_from(["add", "send", "send"]), st.integers(-(1 << 30), 1 << 30))
LARGE_STEPS = st.tuples(*[st.sampled_from([0, LARGE, -LARGE, LARGE // 2, 1 - LARGE // 2])] * 3)
REAL_WRITES = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["add", "add", "set", "send"]), REALS), max_size=12)
ONCE = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))


def of_counter(declared: str, value: float) -> list[Replica]:
    """Give three replicas of a counter."""

    def make(folder: Path) -> list[Replica]:
        connection = apsw.Connection(str(folder / "0.db"))
        connection.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, n {declared})")
        connection.execute("INSERT INTO t VALUES (1, ?)", (value,))
        connection.close()
        first = Replica.open(folder / "0.db", now=lambda: START_MS)
        first.enable("t", types={"n": "counter"})
        return [first, *(first.clone(folder / f"{n}.db") for n in (1, 2))]

    return in_memory(("counter", declared, value), make, lambda: START_MS)


def shown(one: Replica) -> float:
    one.vector()
    value = one.connection.execute("SELECT n FROM t").get
    assert isinstance(value, (int, float))
    return value


def was_taken(sender: Replica, receiver: Replica) -> bool:
    """Send; tell whether the receiver took it. One that did not is as it was."""
    data = sender.export(receiver.vector())
    receiver.export(receiver.vector())
    content = state.content(receiver.connection)
    try:
        receiver.merge(data)
    except CounterOverflowError as error:
        assert "nothing was changed; bring it down on one replica" in str(error)
        assert state.content(receiver.connection) == content
        return False
    return True


def add(one: Replica, number: int) -> bool:
    """Add to the counter; tell whether it was taken."""
    before = shown(one)
    if abs(before + number) > LIMIT:
        with pytest.raises(apsw.ConstraintError, match="must be a number within plus and minus 2"):
            one.connection.execute("UPDATE t SET n = n + ?", (number,))
        assert shown(one) == before
        return False
    one.connection.execute("UPDATE t SET n = n + ?", (number,))
    assert shown(one) == before + number
    return True


def bring_down(replicas: list[Replica], large: list[int]) -> None:
    """Take the large steps back, each where it was made, as soon as it can be; then all can exchange everything."""
    left = {n for n, number in enumerate(large) if number}
    while left:
        done = {n for n in left if add(replicas[n], -large[n])}
        assert done, "no replica can be brought down"
        left -= done
        for pair in permutations(replicas, 2):
            was_taken(*pair)
    assert all([was_taken(*pair) for pair in [*permutations(replicas, 2)] * 2])


@given(small=st.lists(SMALL, max_size=10), large=LARGE_STEPS, at=st.integers(0, 10), begin=st.sampled_from([0, 7]))
@ONCE
def test_beyond_the_limit_a_merge_changes_nothing(
    small: list[tuple[int, str, int]], large: tuple[int, ...], at: int, begin: int
) -> None:
    """A sum beyond plus and minus 2^62 is refused and changes nothing; once the counter was brought down, replicas go on."""
    replicas = of_counter("INTEGER", begin)
    added, expected = list(large), begin
    for number, (n, action, step) in enumerate([*small, (0, "send", 0)]):
        if number == min(at, len(small)):
            added = [step if add(one, step) else 0 for one, step in zip(replicas, large, strict=True)]
        if action == "send":
            was_taken(replicas[n], replicas[(n + 1 + step % 2) % 3])
        elif add(replicas[n], step):
            expected += step
    bring_down(replicas, added)
    assert {shown(one) for one in replicas} == {expected}
    found = [state.shared(one.connection) for one in replicas]
    assert found[0] == found[1] == found[2]
    for one in replicas:
        one.close()


def test_a_refused_sum_can_be_brought_down() -> None:
    """Of two counters near the limit neither replica takes the other's; lowering one of them lets both go on, with the sum."""
    first, second, _ = of_counter("INTEGER", 0)
    first.connection.execute("UPDATE t SET n = ?", (LIMIT - 5,))
    second.connection.execute("UPDATE t SET n = 10")
    assert not was_taken(first, second)
    assert not was_taken(second, first)
    second.connection.execute("UPDATE t SET n = n - 7")
    assert was_taken(second, first)
    assert was_taken(first, second)
    assert shown(first) == shown(second) == LIMIT - 2


def parts_of(one: Replica) -> set[tuple[object, ...]]:
    """Return the parts of the counter, their numbers as bits."""
    statement = (
        "SELECT part, site.id, t, v, n FROM _crdt_parts_t AS part JOIN _crdt_site AS site ON site.ordinal = part.s"
    )
    found = one.connection.execute(statement).fetchall()
    return {(part, site, t, None if v is None else struct.pack("<d", v), n) for part, site, t, v, n in found}


@given(script=REAL_WRITES, order=st.permutations(range(3)))
@ONCE
def test_real_counters_are_equal_to_the_last_bit(script: list[tuple[int, str, float]], order: list[int]) -> None:
    """Sums that floating-point numbers can't hold exactly are rounded in the same way on every replica, in any order of merges."""
    replicas = of_counter("REAL", 0.1)
    for n, action, number in script:
        if action == "send":
            send(replicas[n], replicas[order[n]])
        elif math.isfinite(new := shown(replicas[n]) + number if action == "add" else number):
            replicas[n].connection.execute("UPDATE t SET n = ?", (new,))
    for n in order:
        for m in order:
            if n != m:
                send(replicas[n], replicas[m])
    come_to_rest(replicas)
    assert len({struct.pack("<d", shown(one)) for one in replicas}) == 1
    assert all(parts_of(one) == parts_of(replicas[0]) for one in replicas)
    for one in replicas:
        one.close()
