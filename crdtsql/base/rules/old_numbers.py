"""Old numbers: which genesis had a row of a number that rows born since asked for too (decision 0016).

All genesis rows of one number are one row, and a file remembers one genesis of it. Of the others it must be known that they had the
row, or a writer that knew it there, and a newer row of that number too, could have meant either. Pure: knows no database.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Any, NamedTuple

LOWEST, HIGHEST = -(1 << 63), (1 << 63) - 1
MAXIMUM_RANGES = 20_000
"""How many ranges of numbers are kept of one table, beyond any measure."""

Range = tuple[int, int]


class OldNumbers(NamedTuple):
    """The numbers, of those that rows born since asked for too, that one genesis had.

    Attributes:
        t, s: stamp of the genesis; the site by its ordinal.
        ranges: first and last of each, rising and apart.
    """

    t: int
    s: int
    ranges: tuple[Range, ...]

    def has(self, number: int) -> bool:
        """Tell whether a number is among them.

        >>> [OldNumbers(-1, 1, ((1, 3), (7, 7))).has(number) for number in (0, 1, 3, 4, 7, 8)]
        [False, True, True, False, True, False]
        """
        place = bisect_right(self.ranges, (number, HIGHEST))
        return place > 0 and self.ranges[place - 1][1] >= number

    def to_json(self) -> list[Any]:
        """Return them as JSON has them."""
        return [self.t, self.s, [list(one) for one in self.ranges]]


def united(found: Iterable[OldNumbers]) -> tuple[OldNumbers, ...]:
    """Put together what is known, one entry for each genesis, as much as is kept.

    >>> united([OldNumbers(-2, 1, ((4, 5),)), OldNumbers(-9, 2, ((1, 1),)), OldNumbers(-2, 1, ((6, 6), (1, 1)))])
    (OldNumbers(t=-9, s=2, ranges=((1, 1),)), OldNumbers(t=-2, s=1, ranges=((1, 1), (4, 6))))
    """
    by_genesis: dict[tuple[int, int], list[Range]] = {}
    for one in found:
        by_genesis.setdefault((one.t, one.s), []).extend(one.ranges)
    known, left = [], MAXIMUM_RANGES
    for (t, s), ranges in sorted(by_genesis.items()):
        known.append(OldNumbers(t, s, _joined(ranges)[:left]))
        left -= len(known[-1].ranges)
    return tuple(one for one in known if one.ranges)


def _joined(ranges: list[Range]) -> tuple[Range, ...]:
    found: list[Range] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return tuple(found)
