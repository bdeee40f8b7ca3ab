"""Vectors of segments: where they lead, which to take, and which are superfluous."""

from __future__ import annotations

import random
from itertools import permutations

from crdtsql.transports.stores import reach
from crdtsql.transports.stores.reach import covered, covers, includes, join, meet, plan, walk
from crdtsql.transports.stores.segments import Segment

A, B = b"a" * 16, b"b" * 16


def segment(needs: dict[bytes, int], upto: dict[bytes, int], digest: str = "0", size: int = 100) -> Segment:
    """Make a segment of these vectors."""
    highest = f"{max(upto.values()):016x}"
    return Segment(f"{'1' * 32}/{highest}-{'0' * 16}-{'0' * 16}-{digest:>032}", needs, upto, size)


def test_join_and_meet() -> None:
    """The join includes all vectors, all include the meet."""
    vectors = [{A: 1, B: 5}, {A: 3}, {A: 2, B: 9}]
    assert join(*vectors) == {A: 3, B: 9}
    assert meet(vectors) == {A: 1}
    assert meet([{A: 2, B: 1}]) == {A: 2, B: 1}
    assert all(includes(join(*vectors), one) and includes(one, meet(vectors)) for one in vectors)


def test_reach_is_not_the_maximum() -> None:
    """A segment that builds on what is not there leads nowhere, whatever it says it leads to."""
    first, lost, last = segment({}, {A: 1}), segment({A: 1}, {A: 2}), segment({A: 2}, {A: 3})
    assert reach.reach([first, last], {}) == {A: 1}
    assert reach.reach([last, lost, first], {}) == {A: 3}
    assert reach.reach([first, last], {A: 2}) == {A: 3}


def test_the_order_can_be_merged() -> None:
    """Segments are taken in an order in which each builds on what is there, however they are listed."""
    chain = [segment({}, {A: 9}), segment({A: 9}, {A: 9, B: 3}), segment({A: 9, B: 3}, {A: 10, B: 3})]
    for listed in permutations(chain):
        assert walk(listed, {})[1] == chain


def test_what_is_known_is_not_taken() -> None:
    """A segment without news is not taken, and neither is one that brings what others bring."""
    one, two, both = segment({}, {A: 1}), segment({A: 1}, {A: 2}), segment({}, {A: 2}, "1", 150)
    assert plan([one, two, both], {A: 1}) == [two]
    assert plan([one, two, both], {A: 2}) == []
    assert plan([one, two, both], {}) == [both]


def test_a_newcomer_takes_the_snapshot() -> None:
    """The newest snapshot comes first where it is needed, or is smaller than the chain."""
    chain = [segment({A: n} if n else {}, {A: n + 1}) for n in range(10)]
    snapshot, late = segment({}, {A: 9}, "1", 300), segment({A: 9, B: 1}, {A: 9, B: 2})
    assert plan([*chain, snapshot, late], {}) == [snapshot, chain[9]]
    assert plan([*chain, snapshot, late], {A: 8}) == [chain[8], chain[9]]
    assert plan([chain[9], snapshot], {A: 3}) == [snapshot, chain[9]]


def test_covering_is_a_strict_order() -> None:
    """Covering is transitive and never mutual, so of segments that cover each other in a row one is covered by none."""
    rng = random.Random(7)
    found = []
    for number in range(60):
        needs = {A: rng.randrange(3), B: rng.randrange(3)}
        upto = {site: needs[site] + rng.randrange(1, 3) for site in needs}
        found.append(segment({site: n for site, n in needs.items() if n}, upto, f"{number:x}"))
    pairs = {(x, y) for x, one in enumerate(found) for y, other in enumerate(found) if covers(one, other)}
    assert not any((y, x) in pairs for x, y in pairs)
    assert all((x, z) in pairs for x, y in pairs for y2, z in pairs if y == y2)
    assert {found.index(one) for one in found if one.stem not in covered(found)} == {
        y for y in range(60) if not any((x, y) in pairs for x in range(60))
    }


def test_what_is_found_covered_without_comparing_all() -> None:
    """Who covers whom is found as if all were compared with all: a chain, those that stand for parts of it, and some that do the same."""
    rng = random.Random(8)
    for _ in range(40):
        ends = [(0, 0), *sorted((rng.randrange(20), rng.randrange(20)) for _ in range(8))]
        found = []
        for number in range(24):
            begin, end = sorted(rng.sample(range(len(ends)), 2)) if number % 3 else (number % 8, number % 8 + 1)
            needs, upto = ({A: ends[at][0], B: ends[at][1] + 1} for at in (begin, end))
            found.append(segment(needs, upto, f"{rng.randrange(1 << 40):x}"))
        found.sort(key=lambda one: (one.highest, one.stem))
        all_pairs = {one.stem: next((wide for wide in reversed(found) if covers(wide, one)), None) for one in found}
        assert covered(found) == {stem: wide for stem, wide in all_pairs.items() if wide is not None}


def test_two_that_do_the_same() -> None:
    """Of two segments with the same vectors the one with the lower hash stays, for everybody."""
    low, high = segment({A: 1}, {A: 2}, "1"), segment({A: 1}, {A: 2}, "2")
    assert covers(low, high) and not covers(high, low) and not covers(low, low)


def test_covering_needs_less() -> None:
    """What needs more covers nothing that can be taken without that, however far it leads."""
    assert not covers(segment({A: 5}, {A: 9}), segment({A: 4}, {A: 6}))
    assert covers(segment({A: 4}, {A: 9}), segment({A: 5}, {A: 6}))
