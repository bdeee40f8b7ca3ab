"""What a preview tells: what a sync would do to each side, row by row, with counts that are whole however much is listed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from crdtsql.merge import MergeReport
from crdtsql.replica.reports import RowChange, SyncReport

if TYPE_CHECKING:
    from crdtsql.conflicts import Conflict
    from crdtsql.export import Change
    from crdtsql.shown import HeldRow


class ForetoldCounts(NamedTuple):
    """How many rows of a table would be other ones."""

    inserted: int
    updated: int
    deleted: int


@dataclass(slots=True)
class SidePreview:
    """What a sync would do to one file. Lists are cut off at the limit that was asked for; counts are whole.

    Attributes:
        path: the file.
        merged: what the merge itself would report.
        tables: table -> how many of its rows would be inserted, updated and deleted, as a program sees it.
        rows: those rows, by table and key.
        conflicts: the concurrent overwrites that would be logged, oldest first.
        held: the rows that the tables could not show any more, or not as they are; with another reason than before, too.
        released: the rows that are held now, and would not be, or not for that reason.
    """

    path: str
    merged: MergeReport
    tables: dict[str, ForetoldCounts] = field(default_factory=dict)
    rows: list[RowChange] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    conflict_count: int = 0
    held: list[HeldRow] = field(default_factory=list)
    held_count: int = 0
    released: list[HeldRow] = field(default_factory=list)
    released_count: int = 0

    @property
    def row_count(self) -> int:
        """Return how many rows would be other ones."""
        return sum(map(sum, self.tables.values()))

    @property
    def more(self) -> bool:
        """Tell whether there is more than is listed."""
        listed = (self.rows, self.row_count), (self.conflicts, self.conflict_count), (self.held, self.held_count)
        return any(len(found) < count for found, count in (*listed, (self.released, self.released_count)))

    def to_json(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        return {
            "path": self.path,
            "merged": self.merged.to_json(),
            "more": self.more,
            "row_count": self.row_count,
            "conflict_count": self.conflict_count,
            "held_count": self.held_count,
            "released_count": self.released_count,
            "tables": {name: counts._asdict() for name, counts in self.tables.items()},
            "rows": [row.to_json() for row in self.rows],
            "conflicts": [conflict.to_json() for conflict in self.conflicts],
            "held": [row.to_json() for row in self.held],
            "released": [row.to_json() for row in self.released],
        }


@dataclass(slots=True)
class SyncPreview:
    """What a sync would do.

    Attributes:
        remote: the remote's address.
        here: what it would do to this replica.
        there: what it would do to the remote, if that is a file of this machine; None if nobody can look into it from here.
        cells: what would be sent, cut off at the limit; `cell_count`: how many cells in all.
        stopped: why the sync would be refused as it is asked for; the rest then says what it would do if it were let through.
        skipped: changesets of a store that could not be merged, and why.
    """

    remote: str
    here: SidePreview
    there: SidePreview | None = None
    cells: list[Change] = field(default_factory=list)
    cell_count: int = 0
    stopped: str | None = None
    skipped: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        return {
            "remote": self.remote,
            "stopped": self.stopped,
            "here": self.here.to_json(),
            "there": None if self.there is None else self.there.to_json(),
            "cell_count": self.cell_count,
            "cells": [cell.to_json() for cell in self.cells],
            "skipped": self.skipped,
        }

    def as_report(self) -> SyncReport:
        """Return it as a sync that only tries reports it."""
        report = SyncReport(self.remote, self.here.merged, skipped=self.skipped, preview=self)
        report.there = None if self.there is None else self.there.merged
        report.rows, report.cells = self.here.rows, self.cells
        return report
