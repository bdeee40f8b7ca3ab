"""Dangling: does a row refer to one that is not there, or does one refer to it? As the schema's foreign keys say, enforced or not."""

from __future__ import annotations

from collections.abc import Iterator

from crdtsql.base import Sql, SqliteValue, caseless, identifier, joined, query, sql
from crdtsql.sqlite import ForeignKey, schema
from crdtsql.store import Registry, Table


def parents_missing(
    registry: Registry, table: Table, key: tuple[SqliteValue, ...]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the columns of a row, and the table, where what it refers to is not there."""
    for foreign in schema.foreign_keys(registry.connection, table.name):
        if not _is_whole(registry, foreign):
            continue
        statement = sql(
            "rejoin/dangling/lacks_parent",
            child=table.quoted,
            parent=identifier(foreign.parent),
            child_is_row=_is_row(table, "child"),
            refers=joined((Sql(f"child.{identifier(name)} IS NOT NULL") for name in foreign.columns), " AND "),
            matches=_matches(foreign),
        )
        if query.first(registry.connection, statement, key):
            yield foreign.columns, foreign.parent


def child_of(registry: Registry, table: Table, key: tuple[SqliteValue, ...]) -> str | None:
    """Return a table with another row that refers to a row, None if none does."""
    connection = registry.connection
    for name in schema.tables_with_foreign_keys(connection):
        is_own = caseless(name) == caseless(table.name)
        for foreign in schema.foreign_keys(connection, name):
            if caseless(foreign.parent) != caseless(table.name) or not _is_whole(registry, foreign):
                continue
            same = joined((Sql(f"child.{identifier(one)} = parent.{identifier(one)}") for one in table.key), " AND ")
            statement = sql(
                "rejoin/dangling/has_child",
                parent=table.quoted,
                child=identifier(name),
                matches=_matches(foreign),
                parent_is_row=_is_row(table, "parent"),
                is_another=Sql(f"NOT ({same})") if is_own else Sql("1"),
            )
            if query.first(connection, statement, key):
                return name
    return None


def _is_whole(registry: Registry, foreign: ForeignKey) -> bool:
    """Tell whether the table that it refers to is there, with the columns that it means."""
    shape = schema.read(registry.connection, foreign.parent)
    return shape is not None and len(foreign.columns) == len(foreign.parent_columns) > 0


def _matches(foreign: ForeignKey) -> Sql:
    pairs = zip(foreign.parent_columns, foreign.columns, strict=True)
    return joined((Sql(f"parent.{identifier(target)} = child.{identifier(name)}") for target, name in pairs), " AND ")


def _is_row(table: Table, alias: str) -> Sql:
    return joined((Sql(f"{alias}.{identifier(name)} = ?") for name in table.key), " AND ")
