"""Parked: cells of columns that other replicas have and the user's table does not (docs/decisions/0013).

Knows where they are and how they are sent on; `parking` puts them there and takes them out. Invariants: the table of parked cells
is there exactly if `Table.parked` names a column; a cell is parked with the stamp that it has everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import apsw

from crdtsql.base import WORD_BITS, Sql, SqliteValue, caseless, integer, joined, query, sql
from crdtsql.store import Field, Registry, Table
from crdtsql.wire import image


def listed(table: Table) -> list[Field]:
    """Return the parked columns under names that no other column of the table has."""
    taken = {caseless(name) for name in (*table.key, *(field.name for field in table.fields))}
    found = []
    for field in table.parked:
        name = field.name
        while caseless(name) in taken:
            name = f"{name}~"
        taken.add(caseless(name))
        found.append(Field(field.id, name, field.type, field.uid))
    return found


def register(registry: Registry, table: Table, columns: Iterable[Field]) -> Table:
    """Register which columns of other replicas the user's table does not have."""
    values = [[field.id, field.name, field.type, field.uid] for field in columns]
    registry.set(table.fact("parked"), json.dumps(values))
    return registry.table(table.name)


def count_cells(connection: apsw.Connection, table: Table, field: Field) -> int:
    """Count the parked cells of a column."""
    (count,) = query.first(connection, f"SELECT count(*) FROM {table.cells_parked} WHERE col = ?", (field.id,))
    return int(count)


def send(connection: apsw.Connection, table: Table, number: int, database: str) -> None:
    """Put the parked cells that the receiver lacks into the rows of an image."""
    for position, field in enumerate(table.parked, len(table.fields)):
        value, t, s = image.cell(position)
        statement = sql(
            "export/parkedcells/send",
            image=Sql(database),
            row_table=image.row_table(number),
            value=value,
            t=t,
            s=s,
            word=Sql(f"p{position // WORD_BITS}"),
            bit=integer(position % WORD_BITS),
            parked=table.cells_parked,
            parked_is_sent=table.same_keys("parked", "sent"),
        )
        connection.execute(statement, {"col": field.id})


def rekey(connection: apsw.Connection, table: Table, old: Sequence[SqliteValue], new: Sequence[SqliteValue]) -> None:
    """Move the parked cells of a row to another key."""
    if not table.parked:
        return
    count = len(table.key_names)
    statement = sql(
        "export/parkedcells/rekey",
        parked=table.cells_parked,
        new_keys=joined(Sql(f"{key} = ?{n}") for n, key in enumerate(table.key_names, 1)),
        old_keys=joined((Sql(f"{key} = ?{n + count}") for n, key in enumerate(table.key_names, 1)), " AND "),
    )
    connection.execute(statement, (*new, *old))
