"""The constraints of tables, and what tables show, as the model has them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.machines.oracle.events import Row

Record = Mapping[str, Any]

KEEPS_PARENT = ("RESTRICT", "NO ACTION")
MASKS = ("SET NULL", "SET DEFAULT")
KINDS = ("suffix", "SET DEFAULT", "null")


@dataclass(frozen=True)
class Unique:
    """A UNIQUE index: `where` says which records it has, `policy` what becomes of a row that lost its value: hold, null, suffix or same."""

    name: str
    columns: tuple[str, ...]
    nocase: bool = False
    where: Callable[[Record], bool] = lambda record: True
    where_columns: tuple[str, ...] = ()
    policy: str = "hold"

    def value(self, record: Record) -> tuple[Any, ...] | None:
        """Return what no two shown rows may share; None if the index has no entry that could collide."""
        found = tuple(comparable(record[column], self.nocase) for column in self.columns)
        return None if any(value is None for value in found) or not self.where(record) else found


@dataclass(frozen=True)
class Reference:
    """A foreign key; or, if it is not enforced, a reference that was declared to crdtsql alone (decision 0022)."""

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...] = ("id",)
    on_delete: str = "NO ACTION"
    enforced: bool = True


@dataclass(frozen=True)
class Check:
    """What a row must fulfil by itself: a CHECK, a NOT NULL, a STRICT column's type; `reason` as the held row gives it."""

    reason: str
    holds: Callable[[Record], bool]


@dataclass(frozen=True)
class Rules:
    """The constraints of a table; `required` has the columns that are NOT NULL, `numbered` says that its ids are automatic."""

    key: tuple[str, ...] = ("id",)
    uniques: tuple[Unique, ...] = ()
    references: tuple[Reference, ...] = ()
    checks: tuple[Check, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    numbered: bool = False


@dataclass(frozen=True)
class Held:
    """A row whose truth the table does not show.

    Attributes:
        reasons: the reason; several where more than one thing is in its way and either may be named.
    """

    reasons: frozenset[str]
    truth: Record


@dataclass
class View:
    """What tables show, and the truths that they don't; a row that is in both has a stand-in.

    Attributes:
        dangling: the rows whose reference was found so at genesis and stays.
    """

    shown: dict[Row, Record] = field(default_factory=dict)
    held: dict[Row, Held] = field(default_factory=dict)
    dangling: set[Row] = field(default_factory=set)


def comparable(value: Any, nocase: bool = False) -> Any:
    """Return a value as SQLite compares it for equality: 1 is 1.0, and text is never a number."""
    if isinstance(value, (int, float)):
        return "number", value
    if isinstance(value, str):
        return "text", value.translate(_LOWER) if nocase else value
    return value


_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


Mark = Reference | Unique
"""What a row may show otherwise: where a reference leads, or the value in an index."""


def refers(record: Record, reference: Reference, parent: Row, found: Record) -> bool:
    """Tell whether a record refers to a row; one that has a NULL there refers to nothing."""
    if parent[0] != reference.parent:
        return False
    pairs = zip(reference.columns, reference.parent_columns, strict=True)
    return all(record[c] is not None and comparable(record[c]) == comparable(found[p]) for c, p in pairs)


Node = TypeVar("Node", bound=Hashable)


def circles(graph: Mapping[Node, Iterable[Node]]) -> set[frozenset[Node]]:
    """Group what leads to one another in a circle; what does not is a group of its own."""
    reach = {node: {other for other in nodes if other in graph} for node, nodes in graph.items()}
    while True:
        wider = {node: found.union(*(reach[other] for other in found)) for node, found in reach.items()}
        if wider == reach:
            return {frozenset({node} | {o for o in found if node in reach[o]}) for node, found in reach.items()}
        reach = wider
