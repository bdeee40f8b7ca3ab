"""The report of a merge: what it did, table by table."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from crdtsql.base import naming


@dataclass(slots=True)
class TableReport:
    """What a merge did to one table.

    Attributes:
        inserted: rows that are new in the user's table, or came back.
        updated: rows whose shown values changed.
        deleted: rows that went from the user's table to the held rows.
        cells_won: cells of known rows that the incoming value replaced.
        cells_lost: incoming cells of known rows that the local value outlived.
        concurrent: cells written on both sides without knowing of each other, with different values.
        renumbered: rows that have another number now than where they were before, because another row keeps theirs.
        purged: deleted rows whose values somebody had purged, so that they were overwritten here.
        held: rows that the table can't show now, or not as they are, because of a constraint; `crdtsql held` lists them.
    """

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    cells_won: int = 0
    cells_lost: int = 0
    concurrent: int = 0
    renumbered: int = 0
    purged: int = 0
    held: int = 0

    def add(self, later: TableReport) -> None:
        """Count in what a later merge did to the same table."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(later, name))


COUNTS = tuple(one.name for one in fields(TableReport))


@dataclass(slots=True)
class MergeReport:
    """What a merge did.

    Attributes:
        sender: site id of the exporting replica, as hex.
        known: the changeset held nothing new.
        repeated: some of it was here already, which the sender did not know.
        tables: table name -> counts, for the tables in which anything changed.
        unrelated: table name -> how many rows had equal keys and other values, where both sides had filled the table separately.
        notices: what a person should know, such as which columns are not in this file.
    """

    sender: str
    known: bool = False
    tables: dict[str, TableReport] = field(default_factory=dict)
    unrelated: dict[str, int] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    repeated: bool = False

    def of(self, table: str) -> TableReport:
        """Return the counts of one table."""
        return self.tables.get(table, TableReport())

    @property
    def total(self) -> TableReport:
        """Return the counts over all tables but histories, whose rows are no rows of the user's."""
        total = TableReport()
        for name, report in self.tables.items():
            if not naming.is_history(name):
                total.add(report)
        return total

    @property
    def entries(self) -> int:
        """Return how many entries came into histories."""
        return sum(report.inserted for name, report in self.tables.items() if naming.is_history(name))

    @staticmethod
    def from_json(found: dict[str, Any]) -> MergeReport:
        """Read what another machine says of a merge there; keys that are not known are ignored.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: it is no report.
        """
        tables = {
            str(table): TableReport(**{name: int(count) for name, count in counts.items() if name in COUNTS})
            for table, counts in found["tables"].items()
        }
        unrelated = {str(table): int(rows) for table, rows in found.get("unrelated", {}).items()}
        notices = [str(notice) for notice in found.get("notices", [])]
        repeated = found.get("repeated") is True
        return MergeReport(str(found["sender"]), found["known"] is True, tables, unrelated, notices, repeated)

    def add(self, later: MergeReport) -> None:
        """Count in what a later merge did."""
        self.sender, self.known = later.sender, self.known and later.known
        self.repeated |= later.repeated
        for name, report in later.tables.items():
            self.tables.setdefault(name, TableReport()).add(report)
        for name, rows in later.unrelated.items():
            self.unrelated[name] = self.unrelated.get(name, 0) + rows
        self.notices += [notice for notice in later.notices if notice not in self.notices]

    def to_json(self) -> dict[str, Any]:
        """Return the report as the command line's `--json` prints it."""
        tables = {name: asdict(report) for name, report in self.tables.items()}
        return {
            "sender": self.sender,
            "known": self.known,
            **asdict(self.total),
            "entries": self.entries,
            "tables": tables,
            "unrelated": self.unrelated,
            "notices": self.notices,
        }
