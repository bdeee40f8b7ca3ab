"""Blanks: what a cell holds of which everything is to be forgotten."""

from __future__ import annotations

import apsw

from crdtsql.base import SqliteValue
from crdtsql.sqlite import TableShape, default_value

_OF_TYPES: dict[str, SqliteValue] = {"set": "[]", "grow-set": "[]", "map": "{}"}
_OF_AFFINITIES: dict[str, SqliteValue] = {"TEXT": "", "BLOB": b""}


def blank(connection: apsw.Connection, shape: TableShape, name: str, kind: str) -> SqliteValue:
    """Return NULL for a column of a type, or where that is not allowed its default, or what says nothing.

    So a row can be shown all the same that comes back with it.
    """
    column = next(column for column in shape.columns if column.name == name)
    if not column.not_null:
        return None
    default = default_value(connection, column, shape.strict)
    if default is not None:
        return default
    return _OF_TYPES.get(kind, _OF_AFFINITIES.get(column.affinity, 0))
