"""The report of a compaction."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class TableCompacted:
    """What a compaction did to a table.

    Attributes:
        forgotten: deleted rows of which nothing is left.
        emptied: deleted rows of automatic numbers, of which the number is left.
        settled: rows that have no clock of their own any more.
        shortened: rows of which fewer stamps are kept.
        kept: why deleted rows of the table are kept, "" if they are not.
        freed_bytes: of a dry run, about how many bytes of the file go, once VACUUM has given them back; None if that is not known.
    """

    forgotten: int = 0
    emptied: int = 0
    settled: int = 0
    shortened: int = 0
    kept: str = ""
    freed_bytes: int | None = None

    def count(self) -> int:
        """Count the rows to which anything was done."""
        return self.forgotten + self.emptied + self.settled + self.shortened

    def add(self, other: TableCompacted) -> None:
        """Count what another step did."""
        self.forgotten += other.forgotten
        self.emptied += other.emptied
        self.settled += other.settled
        self.shortened += other.shortened


@dataclass(slots=True)
class CompactReport:
    """What a compaction did.

    Attributes:
        floor_ms: up to which time all replicas have everything, in milliseconds since 1970; 0 if they never agreed.
        raised: whether that has risen.
        missing: the sites that have not agreed yet, as hex: who holds the next round back.
        ended: the sites of which nothing was heard for so long that nobody waits for them any more, as hex.
        tables: what was done, by table.
    """

    floor_ms: int = 0
    raised: bool = False
    missing: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    tables: dict[str, TableCompacted] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the report as `--json` prints it."""
        return {
            "floor_ms": self.floor_ms,
            "raised": self.raised,
            "missing": self.missing,
            "ended": self.ended,
            "tables": {name: asdict(counts) for name, counts in self.tables.items()},
        }
