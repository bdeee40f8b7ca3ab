"""The log's events by row: when each row was last inserted, written and removed, and each of its columns updated.

Knows nothing of clocks. Events are grouped where they are needed; where typed columns were written, which need them as well,
they are grouped once and kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from crdtsql.base import EMPTY, Sql, TemporaryTable, fragment, integer, joined, sql
from crdtsql.sqlite import schema
from crdtsql.store import FIRST_UPDATE_OP, Field, Registry, Table

ROW = TemporaryTable("_crdt_row", "fold/byrow/create_row", written_by=("fold/foldparts",), read_by=("fold/folding",))


@dataclass(frozen=True, slots=True)
class Events:
    """What the log has of one table.

    Attributes:
        count: how many events.
        inserts: whether any of them inserts a row.
        removals: whether any of them removes a row, or may have.
        updates: whether any of them updates a column.
    """

    count: int
    inserts: bool
    removals: bool
    updates: bool


def update_name(field: Field) -> Sql:
    """Return the column with the hlc of the last update of a column."""
    return Sql(f"u{field.id}")


def grouped(table: Table, shape: schema.TableShape, events: Events) -> Sql:
    """Render a subquery with a row for each row of a table that the log has events of."""
    latest = EMPTY
    if events.updates:
        latest = joined(
            (
                fragment(
                    "fold/byrow/latest_update",
                    op=integer(FIRST_UPDATE_OP + table.stamped_with(field).word),
                    bit=integer(table.stamped_with(field).bit),
                    update=update_name(field),
                )
                for field in table.fields
            ),
            "\n",
        )
    found = fragment(
        "fold/byrow/group_events",
        event_keys=table.keys_of("event"),
        grouping=joined(
            Sql(f"event.{key} COLLATE {column.collation}")
            for key, column in zip(table.key_names, shape.key, strict=True)
        ),
        removals=fragment("fold/byrow/with_removals") if events.removals else fragment("fold/byrow/without_removals"),
        latest_updates=latest,
    )
    return Sql(f"({found})")


def update_names(table: Table, events: Events) -> Sql:
    """Return the columns of the last updates, each after a comma; nothing if nothing was updated."""
    return joined((Sql(f", {update_name(field)}") for field in table.fields), "") if events.updates else EMPTY


@contextmanager
def kept(registry: Registry, table: Table, shape: schema.TableShape, events: Events) -> Iterator[Sql]:
    """Keep the groups in a table for the length of a block; return what to read them from."""
    connection = registry.connection
    updates = update_names(table, events)
    with ROW.created(connection, keys=shape.define_key(table.key_names), updates=updates):
        statement = sql(
            "fold/byrow/store_rows", keys=table.keys, updates=updates, events_by_row=grouped(table, shape, events)
        )
        connection.execute(statement, {"tbl": table.id})
        yield ROW.quoted
