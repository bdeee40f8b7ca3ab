"""Constraints: tables that are not replicated, and refer to rows that a merge takes away.

Their rows can't be held, because nothing of ours stands beside them; so such a merge is refused as a whole. Runs inside the
merge's transaction, after everything was settled.
"""

from __future__ import annotations

from collections.abc import Iterable

from crdtsql.base import ConstraintViolationError, Sql, caseless, identifier, joined, query, show_key
from crdtsql.sqlite import ForeignKey, schema
from crdtsql.store import Registry, Table

MOST_ROWS_NAMED = 5


def check_children(registry: Registry, tables: Iterable[Table]) -> None:
    """Check the rows of tables that are not replicated and refer to tables that a merge touched.

    Raises:
        ConstraintViolationError: a row is left without the row it refers to.
    """
    connection = registry.connection
    replicated = {caseless(table.name) for table in registry.tables()}
    touched = {caseless(table.name): table for table in tables}
    for child in schema.tables_with_foreign_keys(connection):
        if caseless(child) in replicated:
            continue
        for key in schema.foreign_keys(connection, child):
            parent = touched.get(caseless(key.parent))
            if parent is not None and key.parent_columns:
                _check(registry, child, key, parent)


def _check(registry: Registry, child: str, key: ForeignKey, parent: Table) -> None:
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
    rows = query.rows(
        connection,
        f"SELECT {named} FROM {identifier(child)} AS child WHERE {set_} "
        f"AND NOT EXISTS (SELECT 1 FROM {parent.quoted} AS parent WHERE {same}) AND {_was_there(key, parent)} "
        f"LIMIT {MOST_ROWS_NAMED}",
    )
    if rows:
        constraint = f"FOREIGN KEY ({', '.join(key.columns)}) REFERENCES {key.parent} ({', '.join(key.parent_columns)})"
        raise ConstraintViolationError(
            f"merging would leave rows of table {child!r}, which is not replicated, without the row they refer to ({constraint}; "
            f"rows {', '.join(show_key(row) for row in rows)}): nothing was changed; replicate {child!r} too with `crdtsql "
            f"enable {registry.path} {child}`, or change these rows, then merge again",
            child,
            constraint,
            rows,
        )


def _was_there(key: ForeignKey, parent: Table) -> Sql:
    """Say that the row that a child refers to was known, where that can be told: what was broken before is no reason to refuse."""
    keys = dict(zip(map(caseless, parent.key), parent.key_names, strict=True))
    if sorted(keys) != sorted(map(caseless, key.parent_columns)):
        return Sql("1")
    pairs = zip(key.parent_columns, key.columns, strict=True)
    same = joined(
        (Sql(f"known.{keys[caseless(target)]} = +child.{identifier(column)}") for target, column in pairs), " AND "
    )
    return Sql(f"EXISTS (SELECT 1 FROM {parent.clock} AS known WHERE {same})")
