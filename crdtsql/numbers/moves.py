"""Moves: which rows get other numbers, and which entries of the log mean them. Knows no database."""

from __future__ import annotations

from dataclasses import dataclass

from crdtsql.base import Birth
from crdtsql.store import Table

END = (1 << 63) - 1
"""Beyond the last entry of any log."""


@dataclass(frozen=True, slots=True)
class Span:
    """A row that gets another number, and which entries of the log mean it under the old one.

    Attributes:
        first: the entry that began it; 0 if it is older than the log.
        last: the entry that began the next row of that number, which the user's table shows under it then.
        holder: of a row that is new here: the row that has its number.
        known: it was here under the old number.
    """

    old: int
    new: int
    birth: Birth
    first: int = 0
    last: int = END
    holder: Birth | None = None
    known: bool = True


@dataclass(frozen=True, slots=True)
class Moves:
    """Rows that get other numbers.

    Attributes:
        folding: the log's events are not in the clocks yet.
    """

    table: Table
    spans: tuple[Span, ...]
    folding: bool = False
