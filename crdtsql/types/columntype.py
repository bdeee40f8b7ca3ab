"""Column types chosen: which type a column may have.

Looks at the table's shape and at the values that are there; changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import apsw

from crdtsql.base import (
    ColumnTypeError,
    SqliteValue,
    UsageError,
    caseless,
    identifier,
    joined,
    query,
    show,
    show_key,
    sql,
    suggest,
)
from crdtsql.sqlite import Column, TableShape, schema
from crdtsql.types.celltypes import TYPES, CellType, Kind


def by_table(tables: Sequence[str], types: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Sort types by the tables that they are for: `column` if there is one table, else `table.column`.

    Raises:
        UsageError: it is not clear which table is meant.
    """
    found: dict[str, dict[str, str]] = {table: {} for table in tables}
    for name, kind in types.items():
        owners = [table for table in tables if caseless(name).startswith(f"{caseless(table)}.")]
        if owners:
            owner = max(owners, key=len)
            found[owner][name[len(owner) + 1 :]] = kind
        elif len(tables) == 1:
            found[tables[0]][name] = kind
        else:
            raise UsageError(f"which table has the column {name!r}? with several tables, write TABLE.COLUMN=TYPE")
    return found


def choose(connection: apsw.Connection, shape: TableShape, types: Mapping[str, str]) -> dict[str, str]:
    """Check the types wanted for a table's columns; return them under the columns' names as the table spells them.

    Raises:
        ColumnTypeError: there is no such column or type, or the column can't have it.
    """
    columns = {caseless(column.name): column for column in shape.columns}
    chosen: dict[str, str] = {}
    for name, wanted in types.items():
        column = columns.get(caseless(name))
        if column is None:
            known = suggest.instead(name, [column.name for column in shape.values], "columns that can have a type")
            raise ColumnTypeError(shape.name, name, f"there is no such column; {known}")
        check(connection, shape, column, wanted)
        chosen[column.name] = wanted
    return chosen


def check(connection: apsw.Connection, shape: TableShape, column: Column, wanted: str) -> None:
    """Check that a column may have a type.

    Raises:
        ColumnTypeError: it may not; the message says why.
    """
    kind = TYPES.get(wanted)
    if kind is None:
        raise ColumnTypeError(
            shape.name, column.name, f"there is no type {wanted!r}; {suggest.instead(wanted, list(TYPES), 'types')}"
        )
    if kind.kind is Kind.LWW:
        return
    if column.key_position:
        raise ColumnTypeError(
            shape.name, column.name, "it belongs to the primary key, which names the row and has no type"
        )
    if column.generated:
        raise ColumnTypeError(shape.name, column.name, "it is generated, so it is never written and has no type")
    if kind.affinities and column.affinity not in kind.affinities:
        declared = column.declared or "no type"
        raise ColumnTypeError(
            shape.name,
            column.name,
            f"a {kind.name} needs a column of affinity {' or '.join(kind.affinities)}, and it is declared as {declared} "
            f"(affinity {column.affinity})",
        )
    if kind.kind in (Kind.PARTS, Kind.TOTAL) or kind.takes_best:
        _check_constraints(connection, shape, column, kind)
    _check_values(connection, shape, column, kind)


def _check_constraints(connection: apsw.Connection, shape: TableShape, column: Column, kind: CellType) -> None:
    """Refuse what could not be kept: the value that these types show may be one that nobody wrote, or wrote long ago."""
    name = caseless(column.name)
    for index in schema.unique_indexes(connection, shape.name):
        if any(caseless(part) == name for part in index.columns if part is not None):
            raise ColumnTypeError(
                shape.name,
                column.name,
                f"it is UNIQUE, which merged values of a {kind.name} can't keep; drop that index",
            )
    for key in schema.foreign_keys(connection, shape.name):
        if any(caseless(part) == name for part in key.columns):
            raise ColumnTypeError(shape.name, column.name, f"it is a foreign key, which a {kind.name} can't be")


def _check_values(connection: apsw.Connection, shape: TableShape, column: Column, kind: CellType) -> None:
    found = find_invalid(connection, shape, column, kind)
    if found is not None:
        raise ColumnTypeError(
            shape.name,
            column.name,
            f"a {kind.name} must be {kind.takes}, and row {show_key(found[1:])} has {show(found[0])}: change it first",
        )


def find_invalid(
    connection: apsw.Connection, shape: TableShape, column: Column, kind: CellType
) -> tuple[SqliteValue, ...] | None:
    """Find a value of a column that a type does not take; return it, and its row's key."""
    if kind.invalid is None:
        return None
    quoted = identifier(column.name)
    keys = joined(identifier(part.name) for part in shape.key)
    invalid = kind.invalid(quoted, column.affinity)
    table = identifier(shape.name)
    statement = sql("types/columntype/find_invalid", column=quoted, key_columns=keys, table=table, invalid=invalid)
    return next(iter(query.rows_to_show(connection, statement)), None)
