"""What happens in the model: events, what they write, and how tables are enabled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.machines.oracle.parts import Stamp

GENESIS = 1 << 62

Row = tuple[str, tuple[Any, ...]]
Cell = tuple[Row, str]


@dataclass(frozen=True, slots=True)
class Table:
    """How a table is enabled: the types of its columns that are not last-writer-wins, which are REAL, and its policies."""

    types: Mapping[str, str] = field(default_factory=dict)
    rows: str = "add-wins"
    granularity: str = "column"
    reals: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Write:
    """What an event did to a typed cell: it wrote the whole, or some parts.

    Attributes:
        whole: whether it took the place of everything that its writer had seen there, but for totals.
        value: what it wrote as a whole.
        parts: part -> value or GONE; of a whole write of a set or map, all there are.
        noted: of a base, site -> (total, its hlc) as its writer knew them.
    """

    whole: bool
    value: Any = None
    parts: Mapping[str, Any] = field(default_factory=dict)
    noted: Mapping[bytes, tuple[Any, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at one site.

    Attributes:
        number: its bit.
        kind: "insert", "update", "delete", "purge" (a delete that writes every cell), "undelete", "undelete anew" (which
            writes every cell) or "genesis".
        writes: row -> column -> value; one row, but for a genesis, which has every row that was there.
        seen: the events that its writer knew, itself left out.
        typed: what it did to typed cells, which `writes` leaves out.
    """

    number: int
    site: bytes
    hlc: int
    kind: str
    writes: Mapping[Row, Mapping[str, Any]]
    seen: int
    typed: Mapping[Cell, Write] = field(default_factory=dict)

    @property
    def stamp(self) -> Stamp:
        """Return what last-writer-wins compares: a genesis is older than every write."""
        return (self.hlc - GENESIS if self.kind == "genesis" else self.hlc), self.site

    @property
    def is_add(self) -> bool:
        return self.kind not in ("delete", "purge")
