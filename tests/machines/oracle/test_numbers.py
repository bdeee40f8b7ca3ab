"""Which number a row with an automatic id is shown under, against cases made by hand from decision 0012."""

from __future__ import annotations

import itertools

from tests.machines.oracle.model import Replica, World
from tests.machines.oracle.numbers import FIRST_DERIVED, Birth, numbers

NOW = 1_000_000


def network() -> tuple[World, list[Replica]]:
    world = World()
    return world, [Replica(world, bytes([n] * 16)) for n in (1, 2, 3)]


def insert(replica: Replica, birth: Birth, now: int = NOW) -> Birth:
    replica.write("insert", ("t", (birth,)), {"v": 0})
    replica.fold(now)
    return birth


def shown(world: World, *replicas: Replica) -> dict[Birth, int]:
    known = 0
    for replica in replicas:
        known |= replica.known
    return {row[1][0]: number for row, number in numbers(world, known, "t").items()}


def test_the_older_row_keeps_the_number() -> None:
    """Of two rows with one number the one that was inserted first keeps it; the other gets one above 2^52."""
    world, (a, b, _) = network()
    late, early = insert(a, Birth("t", 7, 1), NOW + 5), insert(b, Birth("t", 7, 2))
    found = shown(world, a, b)
    assert found[early] == 7
    assert FIRST_DERIVED <= found[late] < 2 * FIRST_DERIVED


def test_genesis_rows_of_one_number_are_one_row() -> None:
    """A row of genesis is older than every other, and its number names it on all replicas."""
    world, (a, b, c) = network()
    for replica in (a, b):
        replica.enable({("t", (Birth("t", 7),)): {"v": 0}}, NOW + 50)
    other = insert(c, Birth("t", 7, 1))
    found = shown(world, a, b, c)
    assert found[Birth("t", 7)] == 7
    assert found[other] > FIRST_DERIVED
    assert len(found) == 2


def test_a_number_that_is_used_again_stays_with_the_new_row() -> None:
    """The row that uses a number again keeps it, whatever comes back; rows of another line are older or younger as a whole."""
    world, (a, b, c) = network()
    old = insert(a, Birth("t", 7, 1))
    new = insert(a, Birth("t", 7, 2, old), NOW + 9)
    between = insert(b, Birth("t", 7, 3), NOW + 5)
    before = insert(c, Birth("t", 7, 4), NOW - 5)
    assert shown(world, a, b)[new] == 7
    found = shown(world, a, b, c)
    assert found[before] == 7
    assert sorted(found.values())[1] >= FIRST_DERIVED
    assert len(set(found.values())) == 4
    assert found[old] == shown(world, a, b)[old], "a number that follows from the birth stays"
    assert between in found


def test_a_derived_number_can_be_used_again() -> None:
    """A row that is inserted under another one's derived number begins a line of its own there."""
    world, (a, b, _) = network()
    first, second = insert(a, Birth("t", 7, 1)), insert(b, Birth("t", 7, 2), NOW + 1)
    a.known = b.known = a.known | b.known
    derived = shown(world, a)[second]
    third = insert(a, Birth("t", derived, 3, second), NOW + 9)
    assert shown(world, a)[third] == derived or shown(world, a)[second] == derived
    assert len(set(shown(world, a).values())) == 3
    assert shown(world, a)[first] == 7


def test_no_order_matters() -> None:
    """Whichever rows are known, the numbers are a function of them, and no two rows share one."""
    world, replicas = network()
    births = [insert(replicas[n % 3], Birth("t", 7 + n % 2, n + 1), NOW + n) for n in range(6)]
    for some in itertools.combinations(replicas, 2):
        found = shown(world, *some)
        assert len(set(found.values())) == len(found)
    assert shown(world, *replicas)[births[0]] == 7
