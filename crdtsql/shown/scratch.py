"""Scratch: settle as if nothing had ever been settled, and tell what was shown or held otherwise.

What tables show follows from the merged state alone (decision 0017), so there is nothing to tell, unless somebody changed our tables
or there is a fault in crdtsql. Runs inside the caller's write transaction, with foreign keys not enforced.
"""

from __future__ import annotations

from dataclasses import dataclass

from crdtsql.base import Sql, SqliteValue, joined, query, sql
from crdtsql.shown import moved
from crdtsql.shown.holding import Side
from crdtsql.shown.settling import noting, settle
from crdtsql.sqlite import schema
from crdtsql.store import Registry

Seen = dict[tuple[str, tuple[SqliteValue, ...]], tuple[SqliteValue, ...]]


@dataclass(frozen=True, slots=True)
class Difference:
    """Rows of a table that were shown or held otherwise than they must be.

    Attributes:
        keys: their keys.
    """

    table: str
    keys: tuple[tuple[SqliteValue, ...], ...]


def settle_anew(registry: Registry) -> list[Difference]:
    """Settle from scratch; return what was shown or held otherwise before."""
    before = _look(registry)
    with noting(registry):
        settle(registry, scratch=True)
    after = _look(registry)
    differing = sorted((row for row in before.keys() | after.keys() if before.get(row) != after.get(row)), key=repr)
    tables = dict.fromkeys(table for table, _ in differing)
    return [Difference(name, tuple(key for table, key in differing if table == name)) for name in tables]


def find_differences(registry: Registry) -> list[Difference]:
    """Find out what is shown or held otherwise than it must be; changes nothing."""
    connection = registry.connection
    connection.execute("SAVEPOINT crdt_scratch")
    try:
        return settle_anew(registry)
    finally:
        query.roll_back_to(connection, "crdt_scratch")


def _look(registry: Registry) -> Seen:
    """Return why rows are held, or shown although they are deleted, and the values of both; row by row, by table and key."""
    found: Seen = {}
    for table in registry.tables():
        shape = None if table.absent else schema.read(registry.connection, table.name)
        if shape is None:
            continue
        side = Side(table, shape)
        key_count = len(table.key)
        statement = sql(
            "shown/scratch/look",
            keys=joined(Sql(f"held.{name}") for name in table.key_names),
            values=joined(Sql(f"typeof(held.{name}), held.{name}") for name in side.held_columns),
            shown=joined(Sql(f"typeof(shown.{column}), shown.{column}") for column in side.columns),
            held=table.held,
            clock=table.clock,
            clock_is_held=table.same_keys("clock", "held"),
            table=table.quoted,
            shown_is_held=moved.stands_for(registry.connection, table, "shown", "held"),
            row_marker=Sql(f"shown.{side.columns[0]}"),
        )
        for row in query.rows_to_show(registry.connection, statement):
            found[table.name, tuple(row[:key_count])] = tuple(row[key_count:])
    return found
