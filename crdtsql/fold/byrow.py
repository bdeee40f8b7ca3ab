"""The log's events by row: when each row was last inserted, written and removed, and each of its columns updated.

Knows nothing of clocks. Events are grouped where they are needed; where typed columns were written, which need them as well,
they are grouped once and kept.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import apsw

from crdtsql.base import Formed, Sql, TemporaryTable, fragment, integer, joined, query, rendered, sql
from crdtsql.sqlite import schema
from crdtsql.store import FIRST_UPDATE_OP, Field, Registry, Table

ROW = TemporaryTable("_crdt_row", "fold/byrow/create_row", written_by=("fold/foldparts",))


@dataclass(slots=True)
class Events(Formed):
    """What the log has of one table.

    Attributes:
        count: how many events.
        masks: for each kind of event (docs/FORMAT.md) the bits that any of them has: of updates the columns that were written, of
            inserts 1 if any of them may have replaced a row.
    """

    count: int
    masks: dict[int, int] = field(default_factory=dict)

    @property
    def form(self) -> Hashable:
        """Return which bits there are."""
        return tuple(sorted(self.masks.items()))

    @property
    def inserts(self) -> bool:
        """Tell whether any of them inserts a row."""
        return 1 in self.masks

    @property
    def removals(self) -> bool:
        """Tell whether any of them removes a row, or may have."""
        return 2 in self.masks or 3 in self.masks or bool(self.masks.get(1))

    @property
    def updates(self) -> bool:
        """Tell whether any of them updates a row."""
        return any(op >= FIRST_UPDATE_OP for op in self.masks)

    def of(self, table: Table) -> list[Field]:
        """Return the columns that were updated."""
        return [
            column
            for column in table.fields
            for stamped in [table.stamped_with(column)]
            if (self.masks.get(FIRST_UPDATE_OP + stamped.word, 0) >> stamped.bit) & 1
        ]


def summarize(connection: apsw.Connection) -> dict[int, Events]:
    """Find out what the log has of each table, by the table's number."""
    found: dict[int, Events] = {}
    statement = sql("fold/byrow/summarize_events", first_update_op=integer(FIRST_UPDATE_OP))
    for number, count, op, mask in query.rows(connection, statement):
        masks = found.setdefault(number, Events(count)).masks
        masks[op] = masks.get(op, 0) | (mask or 0)
    return found


def update_name(column: Field) -> Sql:
    """Return the column with the hlc of the last update of a column."""
    return Sql(f"u{column.id}")


@rendered
def grouped(table: Table, shape: schema.TableShape, events: Events) -> Sql:
    """Render a subquery with a row for each row of a table that the log has events of."""
    latest = joined(
        (
            fragment(
                "fold/byrow/latest_update",
                op=integer(FIRST_UPDATE_OP + table.stamped_with(column).word),
                bit=integer(table.stamped_with(column).bit),
                update=update_name(column),
            )
            for column in events.of(table)
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
    """Return the columns of the last updates, each after a comma."""
    return joined((Sql(f", {update_name(column)}") for column in events.of(table)), "")


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
