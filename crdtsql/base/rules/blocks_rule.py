"""Blocks: which automatic numbers of AUTOINCREMENT tables are a site's own (decision 0019).

Pure: knows no file. The numbers are cut into blocks of `SIZE`; each block belongs to one lane for ever, and each site has a lane.
Lanes with small numbers have more blocks, so that few sites have small ids: a prefix code over the digits of a block's number.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

SIZE = 1_000
RESERVE = 10
"""How many ids of a block are left when the next one is chosen: statements that insert nothing use up ids, and fire no trigger."""
HIGHEST = (1 << 63) - 1
GROUPS = (9, 99, 999, 9_999)
"""How many lanes share one digit of a block's number, two digits more, three, four; one value of these leads on to the next group."""
LANES = sum(GROUPS)
APART = (0, 5, 2, 7, 3, 8, 1, 6, 4)
"""Which digit each lane of the first group has: the first ones lie far apart, so that what runs out of a block hits nobody."""


class Lane(NamedTuple):
    """The lane of a site, and how often the site has chosen one."""

    number: int
    chosen: int


class Blocks(NamedTuple):
    """The blocks of a lane: one begins at `first`, and one at every `every` numbers after it."""

    first: int
    every: int

    @property
    def facts(self) -> dict[str, int]:
        """Return what the triggers of a file are told: name of the fact -> value."""
        return {"block_first": self.first, "block_every": self.every}

    def hold(self, number: int) -> bool:
        """Tell whether a number is in one of the blocks."""
        return (number - self.first) % self.every < SIZE

    def after(self, number: int) -> int | None:
        """Return where the first block begins that lies above a number as a whole, None if there is no room."""
        start = self.first + ((number - self.first) // self.every + 1) * self.every
        return start if start + SIZE <= HIGHEST else None


def of_lane(lane: int) -> Blocks:
    """Return the blocks of a lane.

    >>> [of_lane(lane) for lane in (0, 1, 9)]
    [Blocks(first=0, every=10000), Blocks(first=5000, every=10000), Blocks(first=9000, every=1000000)]
    """
    prefix, unit, rest = 0, 1, lane
    for group, size in enumerate(GROUPS):
        if rest < size:
            digit = APART[rest] if group == 0 else rest
            return Blocks((prefix + unit * digit) * SIZE, unit * (size + 1) * SIZE)
        prefix, unit, rest = prefix + unit * size, unit * (size + 1), rest - size
    raise ValueError(f"there is no lane {lane}")


def free_lane(taken: Collection[int], *, start: int = 0, back: bool = False, skip: int = 0) -> int:
    """Return a lane that is not taken, of the first group that has one; any if all are taken.

    Args:
        start: where in a group the search begins, so that those who search at the same time begin elsewhere.
        back: the search goes backwards.
        skip: how many free ones are left for others.

    >>> free_lane({0, 1}), free_lane({0, 1}, skip=1), free_lane({0}, start=8), free_lane(range(9), start=100)
    (2, 3, 8, 10)
    """
    base, known = 0, set(taken)
    for size in GROUPS:
        order = [base + (start - place if back else start + place) % size for place in range(size)]
        free = [lane for lane in order if lane not in known]
        if skip < len(free):
            return free[skip]
        base, skip = base + size, skip - len(free)
    return start % LANES
