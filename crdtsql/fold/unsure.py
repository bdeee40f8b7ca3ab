"""Unsure: rows that may have come, or been changed, while no trigger looked, and that are written later.

Until somebody says what they are (`repair --restamp` or `--accept`), a table of which writes went unseen is unsure. A row without a
clock row seems to be of the genesis, which every replica has; perhaps no other one has it, or with other values. So with its
first event all its cells get stamps of this site that are newer than the genesis and older than any write: the row goes out
whole, and nobody's write is overwritten by a value that is merely old. Runs on stamped events before any table is folded.
"""

from __future__ import annotations

from crdtsql.base import Sql, SqliteValue, clock, joined, naming, sql
from crdtsql.sqlite import schema
from crdtsql.store import Registry, Table


def write_down(registry: Registry, table: Table) -> None:
    """Give the rows of an unsure table that are about to be folded clock rows, if they have none."""
    connection = registry.connection
    shape = schema.read(connection, table.name)
    if table.unsure is None or table.genesis is None or shape is None:
        return
    stamps = [name for field in table.fields for name in (naming.stamp_t(field.id), naming.stamp_s(field.id))]
    values: dict[str, SqliteValue] = {"tbl": table.id, "offset": clock.GENESIS_OFFSET}
    statement = sql(
        "fold/unsure/write_down",
        clock=table.clock,
        keys=table.keys,
        event_keys=table.keys_of("event"),
        stamps=joined((Sql(f", {name}") for name in stamps), ""),
        nulls=Sql(", NULL" * len(stamps)),
        clock_is_event=table.same_keys("clock", "event"),
        grouping=joined(
            Sql(f"event.{key} COLLATE {column.collation}")
            for key, column in zip(table.key_names, shape.key, strict=True)
        ),
    )
    connection.execute(statement, values)
    if table.is_numbered and connection.changes():
        values["genesis_t"], values["genesis_s"] = table.genesis
        connection.execute(sql("fold/unsure/keep_births", born=table.born, clock=table.clock), values)
