"""What is asked of a comparison with a remote, and what it found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crdtsql.verify import RowDifference, TableComparison


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """How to compare.

    Attributes:
        sync: sync first if one side lacks changes.
        repair: write rows that differ anew.
        take: `ours` or `theirs`: what counts where stamps don't say which value is right.
        limit: look at no more rows at a time.
        since_last: look at no more than what was written since both were last found equal.
    """

    sync: bool = False
    repair: bool = False
    take: str | None = None
    limit: int = 1_000
    since_last: bool = False


@dataclass(slots=True)
class VerifyReport:
    """What comparing a replica with a remote found.

    Attributes:
        remote: the remote's address.
        missing_here, missing_there: of how many sites one side lacks changes that the other has; if of any, nothing was compared.
        tables: those of both sides, with how many rows differ.
        rows: the rows that differ, and in what, after what was mended.
        more: more rows differ than were looked at.
        mended: how many rows were written anew.
        left: which rows were not, and why.
        questions: how many times the remote was asked.
        since: when all rows were last read, if only those that were written since were compared; None if all were read now.
    """

    remote: str
    missing_here: int = 0
    missing_there: int = 0
    tables: list[TableComparison] = field(default_factory=list)
    rows: list[RowDifference] = field(default_factory=list)
    more: bool = False
    mended: int = 0
    left: list[str] = field(default_factory=list)
    questions: int = 0
    since: str | None = None

    @property
    def compared(self) -> bool:
        """Tell whether both sides had the same changes, so that their content could be compared."""
        return not (self.missing_here or self.missing_there)

    @property
    def differing(self) -> int:
        """Return how many rows differ, as far as that was looked at."""
        return sum(table.differing for table in self.tables)

    @property
    def equal(self) -> bool:
        """Tell whether both sides have the same changes, and the same content in all tables that could be compared."""
        return self.compared and not self.differing

    def to_json(self) -> dict[str, Any]:
        """Return the report as `--json` prints it."""
        tables = [{"name": one.name, "differing": one.differing, "left_out": one.left_out} for one in self.tables]
        return {
            "remote": self.remote,
            "equal": self.equal,
            "compared": self.compared,
            "missing_here": self.missing_here,
            "missing_there": self.missing_there,
            "differing": self.differing,
            "more": self.more,
            "since": self.since,
            "mended": self.mended,
            "left": self.left,
            "tables": tables,
            "rows": [row.to_json() for row in self.rows],
        }
