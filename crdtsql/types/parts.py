"""Parts: the temporary tables on which typed cells are split, compared and shown (docs/decisions/0009).

Used by fold and by merge. Executes the statements that both share; knows neither the log nor a changeset. `PART` has the
heads of parts of the cells at work, `SHOWN` what these cells must show.

A whole write of a set or map is stored as one row with its value; that implies a head of each part of that value, unless the
cell has rows for this part, which then are all of its heads.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from crdtsql.base import Sql, SqliteValue, TemporaryTable, fragment, query, sql
from crdtsql.sqlite import TableShape
from crdtsql.store import Field, Table
from crdtsql.types.celltypes import TYPES, CellType, Kind

PART = TemporaryTable(
    "_crdt_part",
    "types/parts/create_part",
    written_by=("fold/foldparts", "merge/mergeparts", "types/split"),
    read_by=("types/celltypes", "types/celltypes/base"),
)
SHOWN = TemporaryTable(
    "_crdt_shown",
    "types/parts/create_shown",
    written_by=("fold/foldparts", "merge/mergeparts"),
    read_by=("types/split",),
)
WHOLE = TemporaryTable("_crdt_whole", "types/parts/create_whole")


ALL = Sql("1")


def leaves(connection: apsw.Connection, value: SqliteValue) -> dict[str, str]:
    """Split a map's value: path -> JSON text."""
    split = TYPES["map"].explode_sql(Sql("(SELECT 1 AS id, ?1 AS value)"))
    return {path: leaf for _, path, leaf in query.rows(connection, str(split), (value,))}


def join_leaves(connection: apsw.Connection, found: dict[str, str]) -> str:
    """Build a map's value of its leaves."""
    (value,) = query.first(
        connection, "SELECT CAST(_crdt_object(CAST(? AS BLOB)) AS TEXT)", (json.dumps(found, ensure_ascii=False),)
    )
    return str(value)


def kind_of(field: Field) -> CellType:
    """Return a column's type."""
    return TYPES[field.type]


@contextmanager
def working(connection: apsw.Connection) -> Iterator[None]:
    """Keep the temporary tables for one column, for the length of a block."""
    with PART.created(connection), SHOWN.created(connection):
        yield


def have_parts(connection: apsw.Connection, table: Table) -> bool:
    """Tell whether any cell of a table has parts."""
    if not table.may_have_parts:
        return False
    return query.exists(connection, table.parts)


def imply(connection: apsw.Connection, kind: CellType, whose: str, which: Sql = ALL) -> None:
    """Add the heads that whole writes imply; `whose` is `mine` or `theirs`, `which` a condition on their rows of `_crdt_part`."""
    wholes = Sql("(SELECT id, value FROM temp._crdt_whole)")
    split = kind.explode_sql(wholes)
    if split is None:
        return
    with WHOLE.created(connection):
        connection.execute(sql("types/parts/find_wholes", whose=Sql(whose), which=which))
        connection.execute(sql("types/parts/imply", split=split, whose=Sql(whose)))


def show(connection: apsw.Connection, field: Field, shape: TableShape) -> None:
    """Fill `_crdt_shown` from `_crdt_part`."""
    kind, real = kind_of(field), is_real(shape, field)
    exactly = kind.kind is Kind.TOTAL and (
        real or query.exists(connection, "temp._crdt_part", fragment("types/parts/is_large"))
    )
    select = kind.show_sql(exactly=exactly)
    connection.execute(f"INSERT OR REPLACE INTO temp._crdt_shown (id, value) {select}", {"real": real})


def is_real(shape: TableShape, field: Field) -> bool:
    """Tell whether a column makes real numbers of all numbers. Held rows have no affinity, and must hold what the table would."""
    return next(column.affinity for column in shape.columns if column.name == field.name) == "REAL"
