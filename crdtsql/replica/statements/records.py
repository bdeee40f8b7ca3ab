"""What statements gave back, and what they wrote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from crdtsql.base import SqliteValue, value_to_json


class Expected(NamedTuple):
    """A row that must still be what a writer looked at.

    Attributes:
        table: its table.
        key: its key.
        revision: what `Replica.revision` said of it.
    """

    table: str
    key: tuple[SqliteValue, ...]
    revision: str


class RowRevision(NamedTuple):
    """A row that was written, and its revision afterwards; `absent` if it was deleted.

    Attributes:
        table: its table.
        key: its key.
        revision: its revision.
    """

    table: str
    key: tuple[SqliteValue, ...]
    revision: str

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"table": self.table, "key": [value_to_json(part) for part in self.key], "revision": self.revision}


@dataclass(frozen=True, slots=True)
class QueryResult:
    """What a query gave back.

    Attributes:
        columns: their names.
        rows: a tuple for each row.
        complete: there were no more rows than were asked for.
        seen: what the reader has seen now: give it to `Replica.execute`, and no row is written that somebody wrote since.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[SqliteValue, ...], ...]
    complete: bool
    seen: str

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        rows = [[value_to_json(value) for value in row] for row in self.rows]
        return {"columns": list(self.columns), "rows": rows, "complete": self.complete, "seen": self.seen}


@dataclass(frozen=True, slots=True)
class Executed:
    """What a statement did.

    Attributes:
        columns: names of the columns that RETURNING gave back.
        rows: what it gave back.
        complete: there were no more rows than were asked for.
        changes: so many rows were inserted, updated or deleted, as SQLite counts them: without those that triggers wrote.
        written: replicated rows that were written, triggers included, with their revisions; at most a thousand.
        seen: what the writer has seen now, its own write included.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[SqliteValue, ...], ...]
    complete: bool
    changes: int
    written: tuple[RowRevision, ...]
    seen: str

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "columns": list(self.columns),
            "rows": [[value_to_json(value) for value in row] for row in self.rows],
            "complete": self.complete,
            "changes": self.changes,
            "written": [one.to_json() for one in self.written],
            "seen": self.seen,
        }
