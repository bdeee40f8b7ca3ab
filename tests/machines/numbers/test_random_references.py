"""Random histories of references that are declared to crdtsql alone: at the beginning, late, never, or for a while."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from crdtsql import Replica
from tests.fold.test_homomorphism import compare, give
from tests.support import seeds
from tests.support.library import connect
from tests.support.peers import Clock
from tests.support.settled import assert_settled

SEEDS = seeds.chosen(5)
SCHEMA = """
CREATE TABLE p (id INTEGER PRIMARY KEY, name TEXT UNIQUE, up INTEGER);
CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER, what);
CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, p TEXT, same INTEGER);
"""
FILLS = {
    1: "INSERT INTO p VALUES (3, 'x', 3); INSERT INTO c VALUES (1, 3, 'old')",
    2: "INSERT INTO p VALUES (1, 'q', 3), (3, 'r', 1); INSERT INTO c VALUES (2, 1, 'old of 2'); INSERT INTO t VALUES ('7', '2', 2)",
}
"""What the first file has before it is enabled, and sometimes the second one: a row of one number both, and references that lead nowhere."""
DECLARED = (("c.p", "p.id"), ("p.up", "p.id"), ("t.p", "p.id"), ("t.same", "p.id"))
Step = tuple[str, int, str | int]
PLACES = 3


def insert(number: int, name: str, up: str) -> str:
    """Insert a row, if its number is free: a row that is there would count as replaced by one that comes in the same millisecond."""
    return (
        f"INSERT OR IGNORE INTO p SELECT {number}, {name}, {up} WHERE NOT EXISTS (SELECT 1 FROM p WHERE id = {number})"
    )


def choose_write(random: Random) -> str:
    """Choose a statement that writes whole rows, whatever a table shows: so that it is the same event in all histories."""
    number, other = random.randint(1, 3), random.randint(1, 4)
    name = random.choice(("'x'", "'y'", "'z'", "NULL"))
    return random.choice(
        (
            insert(number, name, str(other)),
            insert(other, name, str(number)),
            insert(number, "NULL", "NULL"),
            f"DELETE FROM p WHERE id = {number}",
            f"INSERT OR REPLACE INTO c VALUES ({number}, {other}, '{random.random()}')",
            f"INSERT OR REPLACE INTO c VALUES ({other}, {number}, '{random.random()}')",
            f"INSERT OR REPLACE INTO t VALUES ('{number}', '{other}', {random.choice((number, 'NULL'))})",
            f"DELETE FROM t WHERE id = '{number}'",
        )
    )


def choose_story(random: Random) -> list[Step]:
    """Choose what happens: writes and meetings, then writes while nobody meets and each is told, then both again."""
    story: list[Step] = []
    for together in (True, False, True):
        told = [*range(PLACES)]
        for _ in range(random.choice((10, 20, 30)) if together else 12):
            place = random.randrange(PLACES)
            what = random.choices(("write", "fold", "give" if together else "tell"), (8, 1, 2))[0]
            if what == "give":
                story.append((what, place, random.choice([other for other in range(PLACES) if other != place])))
            elif what == "tell":
                story += [(what, told.pop(), "")] if told else []
            else:
                story.append((what, place, choose_write(random) if what == "write" else ""))
        story += [] if together else [("tell", place, "") for place in told]
    return story


def declare(replica: Replica) -> None:
    """Declare all references."""
    for child, parent in DECLARED:
        replica.set_reference(child, parent)


def drop(replica: Replica) -> None:
    """Take all references back."""
    for child, _ in DECLARED:
        replica.drop_reference(child)


def nothing(replica: Replica) -> None:
    """Leave it as it is."""
    replica.fold()


def open_all(clock: Clock, *, together: bool, filled: int) -> list[Replica]:
    """Make replicas, of which the first ones had rows before, and which one clock tells the time; they have met if they are `together`."""
    opened = []
    for number in range(1, PLACES + 1):
        connection = connect()
        connection.execute(SCHEMA)
        if number <= filled:
            connection.execute(FILLS[number])
        opened.append(Replica.on(connection, now=clock, make_site=lambda number=number: bytes([number] * 16)))
        opened[-1].enable("p", "c", "t", identity=None)
        opened[-1].set_unique("p", ["name"], "same")
        clock.ms += 1000
    if together:
        give(opened[0], *opened[1:])
    return opened


def tell(story: list[Step], first: Callable[[Replica], None], later: Callable[[Replica], None]) -> list[Replica]:
    """Play a history in which each replica is told something first, and something later; return the replicas at rest."""
    clock = Clock()
    replicas = open_all(clock, together=len(story) % 2 == 0, filled=1 + (len(story) % 3 > 0))
    for replica in replicas:
        first(replica)
    for what, place, detail in story:
        clock.ms += 1000
        if what == "write":
            replicas[place].connection.execute(str(detail))
        elif what == "fold":
            replicas[place].fold()
        elif what == "give":
            give(replicas[place], replicas[int(detail)])
        else:
            later(replicas[place])
        if what == "tell":
            assert_settled(replicas[place])
    for _ in range(2):
        for sender in replicas:
            give(sender, *(receiver for receiver in replicas if receiver is not sender))
    for replica in replicas:
        assert_settled(replica)
    return replicas


@pytest.mark.parametrize("seed", SEEDS)
def test_it_makes_no_difference_when_a_reference_is_declared(seed: int) -> None:
    """References that are declared late, by each replica at its own time, lead where they lead that were declared from the beginning."""
    story = choose_story(Random(seed))
    early, late = tell(story, declare, nothing), tell(story, nothing, declare)
    compare([*map(str, story)], *early, *late)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_reference_that_is_taken_back_leaves_nothing(seed: int) -> None:
    """References that are taken back, by each replica at its own time, show what they show that were never declared."""
    story = choose_story(Random(seed))
    never, for_a_while = tell(story, nothing, nothing), tell(story, declare, drop)
    compare([*map(str, story)], *never, *for_a_while)
