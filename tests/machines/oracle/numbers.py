"""Numbers of rows with automatic integer ids: a pure function of the known events (decision 0012).

A row of such a table is named by its birth, ("t", (Birth(...),)), and a reference to it holds the birth as well: the writer
meant the row that it saw under a number. Which numbers people see in their place follows from the rows that are known, dead
ones included.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from tests.machines.oracle.events import Event, Row
from tests.machines.oracle.model import World

FIRST_DERIVED = 1 << 52
Age = tuple[int, bytes]
OLDEST: Age = (-1, b"")


@dataclass(frozen=True)
class Birth:
    """Names a row with an automatic id, in its table.

    Attributes:
        claimed: the number that it was inserted under.
        token: tells it from others of that number; 0 for the rows of genesis, which are one row for one number.
        reused: the row that had the number before and was gone.
    """

    table: str
    claimed: int
    token: int = 0
    reused: Birth | None = None


@dataclass(frozen=True)
class Foretold:
    """A reference to a number under which its writer knew no row, where nothing keeps programs from that (decision 0016).

    Attributes:
        token: tells it from others.
    """

    table: str
    number: int
    token: int


def numbers(world: World, known: int, table: str) -> dict[Row, int]:
    """Return the number that each row of a table is shown under, dead rows included.

    Every row asks for the number that it claims, then for the numbers that follow from its birth; each number keeps the best that
    ever asked for it.
    """
    born = _ages(world, known, table)
    attempts = dict.fromkeys(born, 0)
    while True:
        asking: dict[int, list[Row]] = {}
        for row in born:
            asking.setdefault(_wanted(row, born, attempts[row]), []).append(row)
        lost = [
            row
            for number, rows in asking.items()
            for row in sorted(rows, key=lambda row: _rank(row, born, number))[1:]  # noqa: B023 - used at once
        ]
        if not lost:
            return {row: _wanted(row, born, attempt) for row, attempt in attempts.items()}
        for row in lost:
            attempts[row] += 1


def _ages(world: World, known: int, table: str) -> dict[Row, Age]:
    """Return the births of all rows; genesis is older than everything."""
    found: dict[Row, Age] = {}
    for event in world.of(known):
        for row in event.writes:
            if row[0] == table:
                found.setdefault(row, event.stamp if row[1][0].token else OLDEST)
    return found


def _wanted(row: Row, born: dict[Row, Age], attempt: int) -> int:
    """Return the number that a row asks for after so many refusals."""
    birth: Birth = row[1][0]
    if attempt == 0:
        return birth.claimed
    hlc, site = born[row] if birth.token else (birth.claimed, bytes(16))
    digest = blake2b(site + hlc.to_bytes(8, "big", signed=True), digest_size=8).digest()
    return FIRST_DERIVED + (int.from_bytes(digest, "big") >> 13) + attempt - 1


def _line(birth: Birth, table: str, born: dict[Row, Age]) -> tuple[Age, int]:
    """Return the root of a row's line of re-used numbers, and how often the number was used again."""
    if birth.reused is None:
        return born[table, (birth,)], 0
    if birth.reused.claimed == birth.claimed:
        root, generation = _line(birth.reused, table, born)
        return root, generation + 1
    return born[table, (birth.reused,)], 1


def _rank(row: Row, born: dict[Row, Age], number: int) -> tuple[Any, ...]:
    """Return a row's place among those that ask for a number: the first keeps it."""
    birth: Birth = row[1][0]
    if number != birth.claimed:
        return born[row], 0, born[row], birth.claimed
    root, generation = _line(birth, row[0], born)
    return root, -generation, born[row], birth.claimed


def translate(value: Any, labels: dict[Birth, int]) -> Any:
    """Return what people see of a value: a number in place of a row."""
    return labels[value] if isinstance(value, (Birth, Foretold)) else value


def labels(world: World, known: int, tables: Iterable[str]) -> dict[Birth | Foretold, int]:
    """Return the numbers of all rows with automatic ids, and what people see in place of numbers that were written before."""
    found: dict[Birth | Foretold, int] = {
        row[1][0]: number for table in tables for row, number in numbers(world, known, table).items()
    }
    for event in world.of(known):
        for cells in event.writes.values():
            for value in cells.values():
                if isinstance(value, Foretold):
                    meant = _meant(world, known, value, event)
                    found[value] = value.number if meant is None else found[meant]
    return found


def _meant(world: World, known: int, foretold: Foretold, wrote: Event) -> Birth | None:
    """Return the row that was meant: the next one that the same site inserted under the number, or one of the genesis.

    Who uses the number of a row of the genesis again knew that one: then it is taken to have known it before.
    """
    born = _ages(world, known, foretold.table)
    genesis = Birth(foretold.table, foretold.number)
    later = {
        age: row[1][0]
        for row, age in born.items()
        if row[1][0].claimed == foretold.number and age[1] == wrote.site and age[0] > wrote.hlc
    }
    meant = later[min(later)] if later else None
    if (foretold.table, (genesis,)) in born and (meant is None or _line(meant, foretold.table, born)[0] == OLDEST):
        return genesis
    return meant
