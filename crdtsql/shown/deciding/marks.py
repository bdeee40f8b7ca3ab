"""Marks: what a row shows in place of values that it can't have.

A reference that leads nowhere is marked with NULL or the default, a lost UNIQUE value with NULL or a suffix, as they are declared.
A set of marks is a number with a bit for each; a *form* of a row is its truth under some marks. Decides nothing and reads no row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from crdtsql.base import Sql, caseless, fragment, integer, policy
from crdtsql.shown.holding import Side
from crdtsql.shown.references import MASKS, Reference
from crdtsql.sqlite import Column, UniqueIndex

Kind = Literal["NULL", "DEFAULT", "SUFFIX"]
SUFFIX_DIGITS = 8
"""Of the digest of a row's key: two rows with one value and one suffix are as likely as that, and then one of them is held."""
POWER = 10**9
"""A whole number gets as many digits behind its own as this has zeros, about as many as a text gets."""
LARGEST = 9_000_000
"""Greater numbers get none: with them they would not be exact in JavaScript (2^53)."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing that a row may show otherwise than it is, in some columns.

    Attributes:
        cause: the reference that leads nowhere, or the index whose value is taken.
    """

    bit: int
    kind: Kind
    columns: tuple[str, ...]
    cause: Reference | UniqueIndex


class Marks:
    """All marks of one table."""

    def __init__(self, side: Side, references: Sequence[Reference], indexes: Sequence[UniqueIndex]) -> None:
        self.side = side
        self.every: list[Mark] = []
        own = [found for found in references if found.child is side]
        for reference in own:
            if _may_mask(reference):
                kind: Kind = "NULL" if reference.key.on_delete == "SET NULL" else "DEFAULT"
                self._add(kind, reference.key.columns, reference)
        used = {caseless(column) for reference in own for column in reference.key.columns}
        used |= {caseless(name) for found in references if found.parent is side for name in found.key.parent_columns}
        for index in indexes:
            self._add_index(index, used)

    def unites(self, index: UniqueIndex) -> bool:
        """Tell whether rows with one value in an index are one thing."""
        chosen = self.side.table.unique.get(self.side.table.uids_of(map(str, index.columns)))
        return index.is_plain and chosen == policy.SAME

    def _add(self, kind: Kind, columns: Sequence[str], cause: Reference | UniqueIndex) -> None:
        self.every.append(Mark(1 << len(self.every), kind, tuple(map(caseless, columns)), cause))

    def _add_index(self, index: UniqueIndex, used: Collection[str]) -> None:
        columns = {caseless(column.name): column for column in self.side.shape.values}
        names = [name for name in map(caseless, map(str, index.columns)) if name in columns]
        chosen = self.side.table.unique.get(self.side.table.uids_of(map(str, index.columns)))
        nullable = [name for name in names if not columns[name].not_null]
        if not index.is_plain:
            return
        if chosen == policy.NULL and nullable:
            self._add("NULL", nullable, index)
        elif chosen == policy.SUFFIX and names and names[-1] not in used:
            self._add("SUFFIX", names[-1:], index)

    def of(self, cause: Reference | UniqueIndex) -> Mark | None:
        """Return the mark of a reference or an index, None if it has none."""
        return next((mark for mark in self.every if mark.cause is cause), None)

    def among(self, marks: int) -> list[Mark]:
        """Return the marks of a set."""
        return [mark for mark in self.every if mark.bit & marks]

    def touching(self, columns: Iterable[str], *kinds: Kind) -> int:
        """Return the marks of some kinds, all if none is named, that change one of some columns."""
        found, names = 0, {*map(caseless, columns)}
        for mark in self.every:
            if names & {*mark.columns} and (not kinds or mark.kind in kinds):
                found |= mark.bit
        return found

    def shown(self, marks: int) -> dict[str, Kind]:
        """Return what is shown in which column under a set of marks: NULL before a default, and that before a suffix."""
        found: dict[str, Kind] = {}
        for kind in ("SUFFIX", "DEFAULT", "NULL"):
            found |= {column: mark.kind for mark in self.among(marks) if mark.kind == kind for column in mark.columns}
        return found

    def expression(self, column: Column, kind: Kind | None, alias: str) -> Sql:
        """Say what a column shows, of a row of candidates."""
        name = Sql(f"{alias}.{self.side.held_name(column.name)}")
        if kind is None:
            return name
        if kind == "SUFFIX":
            slots = {"value": name, "row": Sql(alias), "limit": integer(LARGEST), "power": integer(POWER)}
            return fragment("shown/deciding/marks/suffixed", **slots)
        return column.default_value if kind == "DEFAULT" else Sql("NULL")


def defaults(marks: Marks, names: Collection[str]) -> list[dict[str, Sql]]:
    """Return in which of some columns rows may show their defaults together, first in none: column -> default."""
    columns = {caseless(column.name): column for column in marks.side.shape.columns}
    found: list[dict[str, Sql]] = [{}]
    for form in subsets(marks.touching(names, "DEFAULT")):
        kinds = marks.shown(form)
        shown = {
            name: columns[caseless(name)].default_value for name in names if kinds.get(caseless(name)) == "DEFAULT"
        }
        if shown not in found:
            found.append(shown)
    return found


def subsets(marks: int) -> Iterator[int]:
    """Yield all subsets of a set of marks."""
    found = marks
    while True:
        yield found
        if not found:
            return
        found = (found - 1) & marks


def suffix(key: Sequence[str]) -> str:
    """Return the suffix of a row, from the types and bytes of its key."""
    return "#" + _digest(key)[:SUFFIX_DIGITS]


def digits(key: Sequence[str]) -> int:
    """Return the digits that go behind a whole number, from the types and bytes of a row's key: nine, the first of which is not 0."""
    return POWER // 10 + int(_digest(key), 16) % (POWER - POWER // 10)


def _digest(key: Sequence[str]) -> str:
    return hashlib.blake2b("\n".join(key).encode(), digest_size=16).hexdigest()


def _may_mask(reference: Reference) -> bool:
    """Tell whether the columns of a reference can show NULL, or their defaults."""
    if reference.key.on_delete not in MASKS or not reference.is_kept:
        return False
    columns = {caseless(column.name): column for column in reference.child.shape.columns}
    found = [columns[caseless(name)] for name in reference.key.columns]
    if any(column.key_position for column in found):
        return False
    return reference.key.on_delete == "SET DEFAULT" or not any(column.not_null for column in found)
