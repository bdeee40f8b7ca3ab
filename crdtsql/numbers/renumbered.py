"""Renumbered: list the rows that are shown under another number than they were inserted under. Only reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from crdtsql.base import query, sql, value_to_json
from crdtsql.store import Registry


@dataclass(frozen=True, slots=True)
class Renumbered:
    """A row that lost its number to another one.

    Attributes:
        old: the number that it was inserted under.
        new: the number that it has.
        when: when it was inserted, in UTC to the second.
    """

    table: str
    old: int
    new: int
    when: str

    def to_json(self) -> dict[str, Any]:
        """Return the row as `--json` prints it."""
        return {"table": self.table, "old": value_to_json(self.old), "new": value_to_json(self.new), "when": self.when}


def read(registry: Registry, table: str | None = None) -> list[Renumbered]:
    """List the renumbered rows of one table, or of all, by table and old number.

    Raises:
        NotEnabledError: the table is not replicated.
    """
    wanted = None if table is None else registry.table(table).name
    found = query.rows(registry.connection, sql("numbers/renumbered/list"), (wanted,))
    return [Renumbered(*row) for row in found]
