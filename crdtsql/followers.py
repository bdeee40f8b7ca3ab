"""Followers: which columns hold the numbers of which table, as the declared foreign keys say. Only reads.

A column that refers to a number holds that number too, and so on: the parts of a composite key that refer to rows, the foreign
keys that refer to that composite key. A column that holds the numbers of two tables at once can follow neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import apsw

from crdtsql import schema
from crdtsql.registry import Registry
from crdtsql.sqltext import Sql, identifier
from crdtsql.tables import Field, Table
from crdtsql.values import caseless


@dataclass(frozen=True, slots=True)
class Follower:
    """A column that holds numbers of a table.

    Attributes:
        name: the table that has the column.
        table: the same as registered, None if it is not replicated.
        position: the column's place in the key, from 1; 0 outside of the key.
        field: the column as a value column, None if it is none.
    """

    name: str
    column: Sql
    table: Table | None
    position: int = 0
    field: Field | None = None

    @property
    def quoted(self) -> Sql:
        """Return the quoted name of the user's table."""
        return identifier(self.name)


def to_table(registry: Registry, table: Table) -> list[Follower]:
    """List the columns that hold the numbers of a table, but for its own key."""
    tables = {caseless(known.name): known for known in registry.tables()}
    numbered = [known for known in tables.values() if known.is_numbered]
    holders = _holders(registry.connection, numbered)
    own = (caseless(table.name), caseless(table.key[0]))
    found = []
    for (name, column), held in sorted(holders.items()):
        if held == {table.id} and (name, column) != own:
            follower = _follower(registry.connection, name, column, tables.get(name))
            found += [] if follower is None else [follower]
    return found


def _holders(connection: apsw.Connection, numbered: list[Table]) -> dict[tuple[str, str], set[int]]:
    """Return which tables' numbers each column holds: (table, column) -> ids of tables."""
    holders = {(caseless(table.name), caseless(table.key[0])): {table.id} for table in numbered}
    links = []
    for name, kind in schema.user_tables(connection):
        for key in schema.foreign_keys(connection, name) if kind == "table" else []:
            for column, target in zip(key.columns, key.parent_columns, strict=False):
                links.append(((caseless(name), caseless(column)), (caseless(key.parent), caseless(target))))
    moving = True
    while moving:
        moving = False
        for child, parent in links:
            found = holders.get(parent, set()) - holders.get(child, set())
            if found:
                holders.setdefault(child, set()).update(found)
                moving = True
    return holders


def _follower(connection: apsw.Connection, name: str, column: str, table: Table | None) -> Follower | None:
    """Describe a column; None if its values can't be rewritten: those of typed columns have a life of their own."""
    shape = schema.read(connection, name)
    found = next((part for part in shape.columns if caseless(part.name) == column), None) if shape else None
    if shape is None or found is None or found.generated:
        return None
    quoted = identifier(found.name)
    if table is None:
        return Follower(shape.name, quoted, None)
    for position, part in enumerate(table.key, 1):
        if caseless(part) == column:
            return Follower(shape.name, quoted, table, position)
    field = next((field for field in table.fields if caseless(field.name) == column), None)
    if field is not None and field.type != "lww":
        return None
    return Follower(shape.name, quoted, table, field=field)
