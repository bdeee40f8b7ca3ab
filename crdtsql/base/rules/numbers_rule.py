"""Numbers: which of the rows that ask for a number keeps it, and which numbers the others get (decision 0012).

Pure: knows no database. A row asks for the number that it was inserted under, and after that for a series of numbers that follow
from its birth. Each number keeps the best of those that ask for it, so the result depends on the set of rows alone, and a row
that lost a number never gets it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

DERIVED = 1 << 52
"""Derived numbers begin here and end before 2^53, so that every program can hold them exactly."""
MOST_ATTEMPTS = 64
"""How far a row's number is at most from the first one that follows from its birth."""
NO_SITE = bytes(16)


def foretell(site: bytes, number: int, parent: str) -> int:
    """Return what stands in a key for the next row that a site inserts under a number of a table, given by its uid.

    It is below -2^62, where no program has its numbers.

    >>> -(1 << 63) <= foretell(bytes(16), 7, "artist") < -(1 << 62), foretell(bytes(16), 7, "a") == foretell(bytes(16), 7, "b")
    (True, False)
    """
    digest = blake2b(site + number.to_bytes(8, "big", signed=True) + parent.encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 2) - (1 << 63)


def is_foretold(number: object) -> bool:
    """Tell whether a number in a key is where foretold ones are.

    >>> is_foretold(foretell(bytes(16), 7, "artist")), is_foretold(-7), is_foretold("7")
    (True, False, False)
    """
    return isinstance(number, int) and number < -(1 << 62)


class Birth(NamedTuple):
    """The event that created a row: hlc, site id, and the site's ordinal in this file."""

    t: int
    site: bytes
    s: int

    @property
    def age(self) -> tuple[int, bytes]:
        """Return what orders events by age; genesis is older than everything, and all geneses are one."""
        return (-1, b"") if self.t < 0 else (self.t, self.site)


def derive(stamp_t: int, site: bytes, asked: int) -> int:
    """Return the first number that a row gets in place of the one that it asks for.

    >>> derive(7, bytes(16), 1) == derive(7, bytes(16), 2), derive(-7, bytes(16), 1) == derive(-7, bytes(16), 2)
    (True, False)
    """
    told = (NO_SITE, asked) if stamp_t < 0 else (site, stamp_t)
    digest = blake2b(told[0] + told[1].to_bytes(8, "big", signed=True), digest_size=8).digest()
    return DERIVED + (int.from_bytes(digest, "big") >> 13)


@dataclass(slots=True, eq=False)
class Contender:
    """A row, and the number that it asks for first.

    Attributes:
        root: birth of the first row in the line of rows that used the number again; its own birth, usually.
        generation: how often the number was used again before.
        number: what it was inserted under.
        here: the number that this replica shows it under, None if it does not know it.
        there: the number that the sender of a changeset shows it under, as far as the changeset says.
        covered: whether the sender knows it.
    """

    birth: Birth
    root: Birth
    generation: int
    number: int
    here: int | None = None
    there: int | None = None
    covered: bool = False

    @property
    def identity(self) -> tuple[tuple[int, bytes], int]:
        """Return what tells the row from others of its table."""
        return self.birth.age, self.number if self.birth.t < 0 else 0

    @property
    def derived(self) -> int:
        """Return the first number that it gets in place of its own."""
        return derive(self.birth.t, self.birth.site, self.number)

    def wanted(self, attempt: int) -> int:
        """Return the number that it asks for after so many refusals."""
        return self.number if attempt == 0 else self.derived + attempt - 1

    def attempts(self, number: int) -> int:
        """Return how many refusals led it to a number."""
        return 0 if number == self.number else number - self.derived + 1

    def rank(self, number: int) -> tuple[tuple[int, bytes], int, tuple[int, bytes], int]:
        """Return its place among those that ask for a number: the least one keeps it."""
        age = self.birth.age
        if number == self.number:
            return self.root.age, -self.generation, age, self.number
        return age, 0, age, self.number

    def successor(self, birth: Birth, number: int) -> Contender:
        """Return a row that was inserted under this row's number, when this one was gone.

        It takes the number from this one, but for the last that this one can have: there it begins a line of its own, and gives way.
        """
        if number == self.number:
            return Contender(birth, self.root, self.generation + 1, number)
        if self.attempts(number) == MOST_ATTEMPTS:
            return Contender(birth, birth, 0, number)
        return Contender(birth, self.birth, 1, number)


class Numbering:
    """Which row has which number, as rows become known: each asks for its numbers in turn, and each number keeps the best that asked.

    The rows may be added in any order, all at once or one by one.
    """

    def __init__(self, load: Callable[[int], Iterable[Contender]] | None = None) -> None:
        """Begin with no rows.

        Args:
            load: tells which other rows ask for or have a number that is asked for; asked before anybody gets the number.
        """
        self._load = load
        self._holders: dict[int, Contender] = {}
        self._attempts: dict[Contender, int] = {}

    def add(self, contenders: Iterable[Contender]) -> None:
        """Give rows their numbers; others may lose theirs to them, and get others."""
        pending = list(contenders)
        while pending:
            contender = pending.pop()
            attempt = self._attempts.setdefault(contender, 0)
            number = contender.wanted(attempt)
            if self._load is not None:
                pending.extend(self._load(number))
            holder = self._holders.get(number)
            if holder is None:
                self._holders[number] = contender
                continue
            if contender.rank(number) < holder.rank(number):
                self._holders[number], contender = contender, holder
            self._attempts[contender] += 1
            pending.append(contender)

    def holder(self, number: int) -> Contender | None:
        """Return the row that has a number."""
        return self._holders.get(number)

    @property
    def numbers(self) -> dict[Contender, int]:
        """Return the number of each row."""
        return {contender: number for number, contender in self._holders.items()}


def assign(
    contenders: Iterable[Contender], load: Callable[[int], Iterable[Contender]] | None = None
) -> dict[Contender, int]:
    """Give every row a number; `load` tells which other rows ask for or have one."""
    numbering = Numbering(load)
    numbering.add(contenders)
    return numbering.numbers
