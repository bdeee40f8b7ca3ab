"""Undone: what an undo did, or would do."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from crdtsql.base import SqliteValue, value_to_json

Key = tuple[SqliteValue, ...]
Values = dict[str, tuple[SqliteValue, SqliteValue]]


@dataclass(frozen=True, slots=True)
class UndoneRow:
    """A row that is as it was.

    Attributes:
        did: updated; deleted, because the writes had made it; inserted, because they had deleted it.
        values: column -> what it was until now, and what it is: None for a row that is not there.
    """

    table: str
    key: Key
    did: str
    values: Values

    def to_json(self) -> dict[str, Any]:
        """Return the row as `--json` prints it."""
        values = {
            name: {"from": value_to_json(was), "to": value_to_json(now)} for name, (was, now) in self.values.items()
        }
        return {"table": self.table, "key": [value_to_json(one) for one in self.key], "did": self.did, "values": values}


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """Something that the writes had written and that stays as it is.

    Attributes:
        column: None for the row itself.
    """

    table: str
    key: Key
    column: str | None
    why: str

    def to_json(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        return asdict(self) | {"key": [value_to_json(one) for one in self.key]}


@dataclass(slots=True)
class UndoneWrites:
    """What an undo did, or would do.

    Attributes:
        undone: the rows that are as they were.
        left: what is not, and why.
        unrecorded: table -> how many of its rows the writes were the last ones of, though it has no history that says how they were
        before.
        dry_run: nothing was changed.
    """

    undone: list[UndoneRow] = field(default_factory=list)
    left: list[LeftAlone] = field(default_factory=list)
    unrecorded: dict[str, int] = field(default_factory=dict)
    dry_run: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the report as `--json` prints it."""
        return {
            "undone": [one.to_json() for one in self.undone],
            "left": [one.to_json() for one in self.left],
            "unrecorded": dict(self.unrecorded),
            "dry_run": self.dry_run,
        }
