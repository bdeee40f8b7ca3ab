"""How the tables of the families are written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crdtsql import Replica
from tests.machines.oracle.rules import Check, Record, Reference, Rules
from tests.machines.simulation.tables import Shape


@dataclass(frozen=True)
class Constrained(Shape):
    """A table with constraints.

    Attributes:
        rules: its constraints, for the model.
        values: column -> the values that programs write.
        indexes: the statements that create its indexes.
    holds: column -> the table whose automatic ids it holds, for columns of the key too.
    """

    rules: Rules = field(default_factory=Rules)
    values: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    indexes: str = ""
    holds: Mapping[str, str] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, Any]:
        """Return what `enable` must be told."""
        return super().options | ({"identity": "row"} if self.rules.numbered else {})


def table(
    create: str,
    pool: tuple[Any, ...],
    values: Mapping[str, tuple[Any, ...]],
    *,
    key: tuple[str, ...] = ("id",),
    types: Mapping[str, str] | None = None,
    indexes: str = "",
    holds: Mapping[str, str] | None = None,
    **rules: Any,
) -> Constrained:
    """Write down a table: its columns, the keys and values that programs write, and its rules."""
    keys = tuple(found if isinstance(found, tuple) else (found,) for found in pool)
    kinds = {column: (types or {}).get(column, "lww") for column in values}
    return Constrained(
        create, key, kinds, keys, rules=Rules(key=key, **rules), values=values, indexes=indexes, holds=holds or {}
    )


def refers(column: str, parent: str, on_delete: str = "NO ACTION", to: str = "id") -> Reference:
    """Write down a foreign key of one column."""
    return Reference((column,), parent, (to,), on_delete)


def follows(columns: str, parent: str, to: str = "id") -> Reference:
    """Write down a reference, of one column or several, that is followed and not enforced."""
    return Reference(tuple(columns.split(",")), parent, tuple(to.split(",")), enforced=False)


def is_active(record: Record) -> bool:
    """Say which accounts an index has."""
    return bool(record["active"] == 1)


def not_null(table: str, column: str) -> Check:
    """Write down that a column is NOT NULL."""
    return Check(f"NOT NULL {table}.{column}", lambda record: record[column] is not None)


V = (0, 1, 2)


def agree(replica: Replica, name: str, rules: Rules) -> None:
    """Say what becomes of rows of a table that lost UNIQUE values, and what refers to what that the schema does not declare."""
    for unique in rules.uniques:
        if unique.policy != "hold":
            replica.set_unique(name, unique.columns, unique.policy)
    for reference in rules.references:
        if not reference.enforced:
            parent = f"{reference.parent}.{','.join(reference.parent_columns)}"
            replica.set_reference(f"{name}.{','.join(reference.columns)}", parent)
