"""Strangers: rows of tables that are not replicated, and refer to rows that a merge or settling takes away.

They can't be held, because nothing of ours stands beside them; so what would leave them without the row they refer to is
refused as a whole. Runs inside the transaction, before anything was taken and after everything was settled. Rows that dangled
before are nobody's fault here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from crdtsql.base import (
    ConstraintViolationError,
    Sql,
    SqliteValue,
    caseless,
    identifier,
    joined,
    query,
    show_key,
    sql,
    suggest,
)
from crdtsql.sqlite import ForeignKey, schema
from crdtsql.store import Registry, Table

MOST_ROWS_NAMED = 5


@contextmanager
def kept(registry: Registry, tables: Iterable[Table]) -> Iterator[None]:
    """Check after a block that it left no row of a table that is not replicated without the row it refers to.

    Args:
        tables: those from which the block may take rows.

    Raises:
        ConstraintViolationError: it left one.
    """
    links = [*_links(registry, tables)]
    before = [{*_dangling(registry, *link)} for link in links]
    yield
    for link, known in zip(links, before, strict=True):
        rows = [row for row in _dangling(registry, *link) if row not in known]
        if rows:
            raise _violated(registry, link[0], link[1], rows)


def _links(registry: Registry, tables: Iterable[Table]) -> Iterator[tuple[str, ForeignKey, Table]]:
    """Yield the foreign keys of tables that are not replicated to some that are."""
    connection = registry.connection
    touched = {caseless(table.name): table for table in tables if not table.absent}
    if not touched:
        return
    for child in schema.tables_with_foreign_keys(connection):
        if registry.find(child) is not None:
            continue
        for key in schema.foreign_keys(connection, child):
            parent = touched.get(caseless(key.parent))
            if parent is not None and key.parent_columns:
                yield child, key, parent


def _dangling(registry: Registry, child: str, key: ForeignKey, parent: Table) -> list[tuple[SqliteValue, ...]]:
    """Name the rows that refer to a row that is not there: by their keys if they have one."""
    connection = registry.connection
    same = joined(
        (
            Sql(f"parent.{identifier(target)} = +child.{identifier(column)}")
            for target, column in zip(key.parent_columns, key.columns, strict=True)
        ),
        " AND ",
    )
    references = joined(Sql(f"child.{identifier(column)}") for column in key.columns)
    set_ = joined((Sql(f"child.{identifier(column)} IS NOT NULL") for column in key.columns), " AND ")
    shape = schema.read(connection, child)
    named = (
        joined(Sql(f"child.{identifier(column.name)}") for column in shape.key) if shape and shape.key else references
    )
    slots = {
        "named": named,
        "child": identifier(child),
        "is_set": set_,
        "parent": parent.quoted,
        "parent_is_meant": same,
    }
    return query.rows(connection, sql("shown/strangers/find_dangling", **slots))


def _violated(
    registry: Registry, child: str, key: ForeignKey, rows: list[tuple[SqliteValue, ...]]
) -> ConstraintViolationError:
    constraint = f"FOREIGN KEY ({', '.join(key.columns)}) REFERENCES {key.parent} ({', '.join(key.parent_columns)})"
    named = rows[:MOST_ROWS_NAMED]
    return ConstraintViolationError(
        f"this would leave rows of table {child!r}, which is not replicated, without the row they refer to ({constraint}; "
        f"rows {', '.join(show_key(row) for row in named)}): nothing was changed; replicate {child!r} too with "
        f"{suggest.command('enable', registry.path, child)}, or change these rows, then run this again",
        child,
        constraint,
        [*named],
    )
