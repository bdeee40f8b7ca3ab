"""Reports: what combining did, and what undoing it did. Data only."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class CombinedTable:
    """What became of the rows that the other file has of one table.

    Attributes:
        rows: how many there are in the other file.
        inserted: rows that came in.
        held: rows that the table can't show now, or not as they are, because of a constraint.
        same: rows that were here already under the same key, with equal values.
        differing: rows that were here already under the same key, with other values.
        alike: rows that equal one here under the same automatic number, and came in all the same, as another row.
        added: what was added to automatic numbers, so that none means two rows.
        left_out: column that is not here -> how many values it has there.
    """

    rows: int = 0
    inserted: int = 0
    held: int = 0
    same: int = 0
    differing: int = 0
    alike: int = 0
    added: int = 0
    left_out: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class CombineReport:
    """What combining a file with another one did.

    Attributes:
        other: the other file.
        site: the site that its rows belong to now, as hex.
        take: which values rows have that are in both files with other ones.
        tables: table name -> counts.
        left_out: table that is not replicated here -> how many rows it has there.
        held_there: rows that the other file, a replica, can't show, or not as they are; what it does not show stays there.
        dry_run: all of it was undone.
    """

    other: str
    site: str
    take: str
    tables: dict[str, CombinedTable] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    held_there: int = 0
    dry_run: bool = False

    @property
    def inserted(self) -> int:
        """Return how many rows came in."""
        return sum(table.inserted for table in self.tables.values())

    def to_json(self) -> dict[str, Any]:
        """Return the report as `--json` prints it."""
        return asdict(self) | {"inserted": self.inserted}


@dataclass(slots=True)
class UndoReport:
    """What taking back the last combination did.

    Attributes:
        other: the file whose rows went.
        deleted: table name -> rows that are deleted now.
        changed: table name -> rows that were changed since, and stay for that reason.
        restored: cells that had taken the other file's values, and have the earlier ones again.
        failed: cells that keep the other file's values, because their rows are held, or a constraint refuses the earlier value; their
            conflicts are open, and have `site`.
        kept: columns, as table.column, whose cells merged with the other file's without a conflict (counters, sets, max, min) if any
            row took its values: they stay as they are.
        site: the site under which the other file's values came in; "" if none did.
        dry_run: all of it was undone.
    """

    other: str
    deleted: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    restored: int = 0
    failed: int = 0
    kept: list[str] = field(default_factory=list)
    site: str = ""
    dry_run: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the report as `--json` prints it."""
        return asdict(self)
