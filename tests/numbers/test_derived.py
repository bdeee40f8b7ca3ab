"""What programs insert under derived numbers, which rows have that lost another one: a restored row, and those that are numbered after it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

import apsw
import pytest

from crdtsql import Replica
from crdtsql.base import DERIVED, MOST_ATTEMPTS
from tests.fold.test_homomorphism import give
from tests.support import state
from tests.support.library import connect
from tests.support.peers import START_MS

SCHEMA = """
CREATE TABLE t (id INTEGER PRIMARY KEY, v);
CREATE TABLE link (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t (id));
"""


def open_on(connection: apsw.Connection, number: int) -> Replica:
    """Open a replica in memory whose sites begin with a number."""
    sites = count()
    return Replica.on(connection, now=lambda: START_MS, make_site=lambda: bytes([number, *([0] * 14), next(sites)]))


def make() -> tuple[Replica, Replica, int]:
    """Make two replicas of which each inserted a row 1; return them and the number that one of these got."""
    opened = []
    for number in (1, 2):
        connection = connect()
        connection.execute(SCHEMA)
        opened.append(open_on(connection, number))
        opened[-1].enable("t", "link")
        connection.execute("INSERT INTO t VALUES (1, ?)", (f"of {number}",))
        opened[-1].fold()
    exchange(*opened)
    ((number,),) = opened[0].connection.execute("SELECT id FROM t WHERE id > 1").fetchall()
    assert number >= DERIVED
    return opened[0], opened[1], number


def exchange(one: Replica, other: Replica) -> None:
    """Give both all, and check that they are alike."""
    give(one, other)
    give(other, one)
    give(one, other)
    assert state.shared(one.connection) == state.shared(other.connection)


def run(replica: Replica, statements: Iterable[str], *, apart: bool) -> None:
    """Let a program run statements, and fold after each, or once."""
    for statement in statements:
        replica.connection.execute(statement)
        if apart:
            replica.fold()
    replica.fold()


def rows(replica: Replica) -> dict[str, int]:
    """Return value -> number."""
    return {v: number for number, v in replica.connection.execute("SELECT id, v FROM t")}


def kept(replica: Replica) -> str:
    """Return which of both rows kept the number 1."""
    return next(v for v, number in rows(replica).items() if number == 1)


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("folded", [False, True])
def test_rows_that_are_inserted_again_keep_their_numbers(apart: bool, folded: bool) -> None:
    """Rows under a derived number and those after it, deleted and inserted again in the order of their numbers, keep these everywhere."""
    one, other, number = make()
    run(one, [f"INSERT INTO t VALUES ({number + 1}, 'a'), ({number + 2}, 'b')"], apart=apart)
    exchange(one, other)
    one.connection.execute("DELETE FROM t WHERE id > 1")
    if folded:
        exchange(one, other)
    run(one, [f"INSERT INTO t VALUES ({number + place}, 'again {place}')" for place in range(3)], apart=apart)
    assert rows(one).items() >= {f"again {place}": number + place for place in range(3)}.items()
    exchange(one, other)
    assert rows(other) == rows(one)


@pytest.mark.parametrize("apart", [False, True])
def test_a_row_that_loses_its_number_within_the_log_is_moved(apart: bool) -> None:
    """A row that has its number again before an older one is pushed there gets another one, with what refers to it."""
    one, other, number = make()
    run(one, [f"INSERT INTO t VALUES ({number + 1}, 'a')"], apart=apart)
    exchange(one, other)
    one.connection.execute("DELETE FROM t WHERE id > 1")
    exchange(one, other)
    run(
        one,
        [
            f"INSERT INTO t VALUES ({number + 1}, 'again')",
            f"INSERT INTO link VALUES (1, {number + 1})",
            f"INSERT INTO t VALUES ({number}, 'first')",
        ],
        apart=apart,
    )
    assert rows(one)["first"] == number
    assert rows(one)["again"] not in (number, number + 1)
    exchange(one, other)
    for replica in (one, other):
        assert replica.connection.execute("SELECT v FROM link JOIN t ON t.id = link.t").fetchall() == [("again",)]


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("late", [False, True])
def test_a_row_begun_where_a_deleted_one_is_pushed_is_another_row(apart: bool, late: bool) -> None:
    """A row that is numbered after a restored one is not the deleted one that had that number: an update of that one leaves it alone."""
    one, other, number = make()
    one.connection.execute(f"DELETE FROM t WHERE id = {number}")
    one.fold()
    other.connection.execute(f"UPDATE t SET v = 'updated' WHERE id = {number}")
    inserts = [f"INSERT INTO t VALUES ({number}, 'restored')", f"INSERT INTO t VALUES ({number + 1}, 'next')"]
    run(one, reversed(inserts) if late else inserts, apart=apart)
    exchange(one, other)
    assert rows(one).keys() == {kept(one), "restored", "next", "updated"}
    assert rows(one)["restored"] == number
    assert rows(one)["next"] == number + 1 or late


def test_a_copy_that_folds_a_part_of_the_log_has_the_same_rows() -> None:
    """Of a row that is inserted after a restored one, then deleted and inserted again, a copy that folded the log up to there agrees."""
    one, other, number = make()
    one.connection.execute(f"DELETE FROM t WHERE id = {number}")
    exchange(one, other)
    one.connection.execute(f"INSERT INTO t VALUES ({number}, 'restored'), ({number + 1}, 'next')")
    connection = connect()
    connection.deserialize("main", one.connection.serialize("main"))
    copy = open_on(connection, 9)
    copy.fold()
    one.connection.execute(f"DELETE FROM t WHERE id = {number + 1}; INSERT INTO t VALUES ({number + 1}, 'after next')")
    give(copy, other)
    one.fold()
    exchange(one, copy)
    exchange(one, other)
    assert rows(one).keys() == {kept(one), "restored", "after next"}


@pytest.mark.parametrize("apart", [False, True])
def test_a_deleted_row_is_not_pushed_beyond_what_it_can_have(apart: bool) -> None:
    """However many rows are numbered after a restored one, what is sent is sound: the last number that a row can have stays its own."""
    one, other, number = make()
    one.connection.execute(f"DELETE FROM t WHERE id = {number}")
    exchange(one, other)
    places = range(MOST_ATTEMPTS + 6)
    run(one, [f"INSERT INTO t VALUES ({number + place}, {place})" for place in places], apart=apart)
    exchange(one, other)
    moved = [place for place in places if rows(one)[place] != number + place]
    assert moved == [MOST_ATTEMPTS - 1]
