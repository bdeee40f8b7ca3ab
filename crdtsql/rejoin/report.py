"""Reports: what rejoining did. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from crdtsql.base import SqliteValue, value_to_json


@dataclass(frozen=True, slots=True)
class Unwritten:
    """A write of one row that was not made again.

    Attributes:
        key: the row's key as it was in this file, in the key's order.
        did: `insert`, `update`, `delete` or `undelete`.
        values: column -> the value that it wrote; of counters, what it added; empty for a delete.
        why: why it was not made again.
        conflicts: the numbers of the entries of the conflict log that have these values.
    """

    table: str
    key: tuple[SqliteValue, ...]
    did: str
    values: Mapping[str, SqliteValue]
    why: str
    conflicts: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as `--json` prints it; a key of one column is the value itself."""
        key = [value_to_json(part) for part in self.key]
        return {
            "table": self.table,
            "key": key[0] if len(key) == 1 else key,
            "did": self.did,
            "values": {column: value_to_json(value) for column, value in self.values.items()},
            "why": self.why,
            "conflicts": list(self.conflicts),
        }


@dataclass(slots=True)
class RejoinedTable:
    """What was written anew to one table.

    Attributes:
        inserted: rows that were inserted; those that were there already under their key are among `updated`.
        updated: rows of which cells were written.
        deleted: rows that were deleted.
        counted: cells of counters to which was added what had not been sent.
    """

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    counted: int = 0


@dataclass(slots=True)
class RejoinReport:
    """What rejoining did.

    Attributes:
        site: the site id that this file has now, as hex.
        before: the one that it had before.
        remote: the site id of the replica whose state it took.
        copy: the path of the copy of the file as it was; "" for a database in memory.
        tables: table name -> what was written anew.
        collided: entries of the conflict log for values that what was written anew took the place of, unseen.
        logged: the writes that were not made again.
        others: site ids whose writes the other replica does not have in full; they are theirs to bring, and in the copy.
    """

    site: str
    before: str
    remote: str
    copy: str = ""
    tables: dict[str, RejoinedTable] = field(default_factory=dict)
    collided: int = 0
    logged: list[Unwritten] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    def of(self, table: str) -> RejoinedTable:
        """Return the counts of a table."""
        return self.tables.setdefault(table, RejoinedTable())

    def to_json(self) -> dict[str, Any]:
        """Return the report as `--json` prints it."""
        return {
            "site": self.site,
            "before": self.before,
            "remote": self.remote,
            "copy": self.copy,
            "tables": {name: asdict(table) for name, table in self.tables.items()},
            "collided": self.collided,
            "logged": [one.to_json() for one in self.logged],
            "others": self.others,
        }
