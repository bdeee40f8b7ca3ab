"""References of which one end follows a row that gets another number, and the other end does not: they are not shown as if they led somewhere."""

from __future__ import annotations

import pytest

from crdtsql import Replica
from tests.fold.test_homomorphism import compare, give
from tests.numbers.test_meant import make, rest, rows
from tests.support.settled import assert_settled

SCHEMA = """
CREATE TABLE p (id INTEGER PRIMARY KEY, name);
CREATE TABLE k (p TEXT NOT NULL REFERENCES p (id), n INTEGER NOT NULL, v, PRIMARY KEY (p, n));
CREATE TABLE d (id TEXT PRIMARY KEY NOT NULL, p TEXT, n INTEGER, FOREIGN KEY (p, n) REFERENCES k (p, n) ON DELETE SET NULL);
CREATE TABLE kk (p TEXT NOT NULL, n INTEGER NOT NULL, m TEXT NOT NULL, PRIMARY KEY (m, n, p), FOREIGN KEY (p, n) REFERENCES k (p, n));
CREATE TABLE u (id TEXT PRIMARY KEY NOT NULL, p INTEGER UNIQUE REFERENCES p (id));
CREATE TABLE w (id TEXT PRIMARY KEY NOT NULL, p INTEGER REFERENCES u (p) ON DELETE SET NULL);
CREATE TABLE x (p INTEGER NOT NULL REFERENCES u (p), q INTEGER NOT NULL REFERENCES p (id), PRIMARY KEY (q, p));
"""


def met(*replicas: Replica) -> None:
    """Let all come to the same, and check on the way that nothing dangles."""
    for sender in replicas:
        for receiver in replicas:
            if receiver is not sender:
                give(sender, receiver)
                assert_settled(receiver)
    rest(*replicas)
    compare([], *replicas)
    for replica in replicas:
        assert_settled(replica)
        assert replica.connection.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (0, 2, 1)])
def test_a_key_goes_and_what_refers_to_it_stays(order: tuple[int, ...]) -> None:
    """A row whose writer knew neither of two rows of a number refers to the older one, and the key that it led to goes with the other."""
    replicas = make(2, 3, 1, schema=SCHEMA)
    replicas[0].connection.execute("INSERT INTO d VALUES ('a', 1, 1)")
    replicas[1].connection.execute("INSERT INTO p VALUES (1, 'younger'); INSERT INTO k VALUES (1, 1, 'of the younger')")
    replicas[2].connection.execute("INSERT INTO p VALUES (1, 'older')")
    give(replicas[1], replicas[0])
    assert rows(replicas[0], "SELECT p, n FROM d") == [("1", 1)]
    met(*(replicas[number] for number in order))
    assert rows(replicas[0], "SELECT p, n FROM d") == [(None, None)]
    assert [row.table for row in replicas[0].held()] == ["d"]


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (0, 2, 1)])
@pytest.mark.parametrize("child", ["w VALUES ('w', 1)", "x VALUES (1, 7)"])
@pytest.mark.parametrize("declared", [False, True])
def test_a_reference_goes_and_the_value_stays(declared: bool, child: str, order: tuple[int, ...]) -> None:
    """A row whose writer knew the younger row follows it, and the value that it led to means the older one, because its writer knew neither."""
    schema = SCHEMA.replace("UNIQUE REFERENCES p (id)", "UNIQUE") if declared else SCHEMA
    a, b, c = make(1, 3, 2, schema=schema)
    for replica in (a, b, c) if declared else ():
        replica.set_reference("u.p", "p.id")
    c.connection.execute("INSERT INTO u VALUES ('u', 1)")
    give(c, b)
    b.connection.execute(f"INSERT INTO p VALUES (1, 'younger'), (7, 'other'); INSERT INTO {child}")
    b.fold()
    assert rows(b, f"SELECT p FROM {child[0]}") == [(1,)]
    a.connection.execute("INSERT INTO p VALUES (1, 'older'), (7, 'older too')")
    met(*((a, b, c)[number] for number in order))
    assert rows(a, f"SELECT p FROM {child[0]}") == ([(None,)] if child.startswith("w") else [])


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (0, 2, 1)])
@pytest.mark.parametrize("child", ["d VALUES ('d', 1, 1)", "kk VALUES (1, 1, 'm')"])
def test_a_reference_goes_and_the_key_stays(child: str, order: tuple[int, ...]) -> None:
    """The same where what it led to is a key whose writer knew neither row of the number."""
    a, b, c = make(1, 3, 2, schema=SCHEMA)
    c.connection.execute("INSERT INTO k VALUES (1, 1, 'k')")
    give(c, b)
    b.connection.execute(f"INSERT INTO p VALUES (1, 'younger'); INSERT INTO {child}")
    b.fold()
    assert rows(b, f"SELECT p, n FROM {child.split()[0]}") == [("1", 1)]
    a.connection.execute("INSERT INTO p VALUES (1, 'older')")
    met(*((a, b, c)[number] for number in order))
    assert rows(a, f"SELECT p, n FROM {child.split()[0]}") == ([(None, None)] if child.startswith("d") else [])
