"""Which automatic numbers belong to which lane."""

from __future__ import annotations

from crdtsql.base import blocks_rule
from crdtsql.base.rules.blocks_rule import GROUPS, HIGHEST, LANES, SIZE, free_lane, of_lane


def test_each_block_belongs_to_one_lane() -> None:
    """No number is in blocks of two lanes, and each of the first hundred thousand blocks is somebody's."""
    lanes = [of_lane(lane) for lane in range(sum(GROUPS[:3]))]
    owners: dict[int, int] = {}
    for lane, blocks in enumerate(lanes):
        for start in range(blocks.first, 100_000 * SIZE, blocks.every):
            assert owners.setdefault(start, lane) == lane
            assert blocks.hold(start)
            assert blocks.hold(start + SIZE - 1)
            assert not blocks.hold(start + SIZE)
    assert len(owners) == 100_000
    assert len({*map(of_lane, range(LANES))}) == LANES


def test_the_first_lanes_are_near_and_stay_dense() -> None:
    """Nine sites have a block among the first ten thousand ids, and in each further ten thousand."""
    assert sorted(of_lane(lane).first for lane in range(9)) == [n * SIZE for n in range(9)]
    assert {of_lane(lane).every for lane in range(9)} == {10 * SIZE}


def test_the_next_block_lies_above_as_a_whole() -> None:
    """The block that follows a number begins above it, and is the first such one; there is none where it would end above 2^63."""
    for lane in (0, 1, 8, 9, 107, 108, LANES - 1):
        blocks = of_lane(lane)
        for number in (0, 1, blocks.first, blocks.first + 1, blocks.first + SIZE, 1 << 52, (1 << 60) + 12_345):
            start = blocks.after(number)
            assert start is not None
            assert number < start <= max(number, blocks.first) + blocks.every
            assert blocks.hold(start)
            assert not blocks.hold(start - 1)
        assert blocks.after(HIGHEST - 1) is None


def test_free_lanes() -> None:
    """A lane that is not taken is found while there is one, the small ones first, and those who search elsewhere find others."""
    taken: set[int] = set()
    for _ in range(200):
        lane = free_lane(taken, start=7)
        assert lane not in taken
        assert lane < 9 or taken >= set(range(9))
        taken.add(lane)
    assert len({free_lane(set(), start=start) for start in range(9)}) == 9
    assert [free_lane({8}, start=-1, back=True), free_lane(range(9), start=-1, back=True)] == [7, 107]
    assert [free_lane({0, 2}, skip=skip) for skip in range(4)] == [1, 3, 4, 5]
    assert free_lane(range(LANES), start=3) == 3
    assert blocks_rule.LANES == 11_106
