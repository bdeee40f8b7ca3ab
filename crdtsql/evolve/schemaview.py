"""What a replica's schema is, for people: the statements of its replicated tables, and what is kept for what is not in the file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from crdtsql.base import caseless, policy, query, sql, suggest
from crdtsql.export import parkedcells
from crdtsql.numbers import reference
from crdtsql.store import Registry, Table


@dataclass(frozen=True, slots=True)
class TableSchema:
    """One replicated table.

    Attributes:
        uid: what it is called in changesets.
        absent: it is not in this file, which keeps its rows for others.
        statements: those that create it and its indexes.
        types: column -> type, of those that are not `lww`.
        references: what columns refer to that was declared to crdtsql alone, a line each.
        kept: what is kept for columns and tables that are not in this file, a line each.
    """

    name: str
    uid: str
    absent: bool
    row_policy: str
    granularity: str
    types: dict[str, str]
    statements: list[str]
    references: list[str]
    kept: list[str]

    @property
    def summary(self) -> str:
        """Say in one line how the table is replicated."""
        facts = [f"{name}={kind}" for name, kind in self.types.items()]
        facts += [] if self.row_policy == policy.ADD_WINS else [self.row_policy]
        facts += [] if self.granularity == policy.BY_COLUMN else [f"by {self.granularity}"]
        facts += [] if self.uid == caseless(self.name) else [f"called {self.uid!r} in changesets"]
        state = "is not in this file" if self.absent else "is replicated"
        return f"{self.name} {state}{': ' if facts else ''}{', '.join(facts)}"

    def to_json(self) -> dict[str, Any]:
        """Return the table as `--json` prints it."""
        return asdict(self)


def describe(registry: Registry) -> list[TableSchema]:
    """Describe the replicated tables of a file."""
    return [_describe(registry, table) for table in registry.tables()]


def _describe(registry: Registry, table: Table) -> TableSchema:
    connection = registry.connection
    statements = query.rows(connection, sql("evolve/schemaview/list_statements"), (table.name,))
    kept = []
    if table.absent:
        (count,) = query.first(connection, f"SELECT count(*) FROM {table.quoted}")
        kept.append(
            f"{count:,} rows are kept and passed on; {suggest.verb('schema pull')} from a file that has the table shows them"
        )
    for field in table.parked:
        count = parkedcells.count_cells(connection, table, field)
        kind = "" if field.type == "lww" else f" ({field.type})"
        kept.append(f"column {field.name!r}{kind} is not in this table: {count:,} cells are kept and passed on")
    return TableSchema(
        table.name,
        table.uid,
        table.absent,
        table.rows,
        table.granularity,
        {field.name: field.type for field in table.typed_fields},
        [] if table.absent else [statement for (statement,) in statements],
        [" refers to ".join(reference.describe(registry, table, one).names) for one in table.references],
        kept,
    )
