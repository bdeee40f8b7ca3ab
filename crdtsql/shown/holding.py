"""Holding: move rows between the user's table and the held rows, as sets.

Decides nothing. A held row is the truth of a row that the table does not show, or shows otherwise (a stand-in); the clock row
leads to it. Runs inside the caller's write transaction, with capture off and foreign keys not enforced.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

import apsw

from crdtsql.base import (
    Sql,
    SqliteValue,
    TemporaryTable,
    caseless,
    identifier,
    joined,
    naming,
    query,
    reasons,
    rendered,
    sql,
)
from crdtsql.shown import moved
from crdtsql.sqlite import TableShape, writing
from crdtsql.store import Registry, Table

OUT = TemporaryTable("_crdt_out", "shown/holding/create_out")


@dataclass(frozen=True, slots=True)
class Side:
    """A replicated table and its shape now."""

    table: Table
    shape: TableShape

    @property
    def key_definitions(self) -> Sql:
        """Return the key's columns as tables of ours define them: type and collation of the user's."""
        return self.shape.define_key(self.table.key_names)

    @property
    def columns(self) -> list[Sql]:
        """Return the user's key and value columns, quoted."""
        return [identifier(name) for name in (*self.table.key, *(field.name for field in self.table.fields))]

    @property
    def held_columns(self) -> list[Sql]:
        """Return the same columns as the held rows call them."""
        return [*self.table.key_names, *(naming.value(field.id) for field in self.table.fields)]

    @property
    def definitions(self) -> Sql:
        """Define all columns as the held rows call them, with type and collation of the user's."""
        columns = {caseless(column.name): column for column in self.shape.columns}
        names = (*self.table.key, *(field.name for field in self.table.fields))
        return joined(
            Sql(f"{held} {columns[caseless(name)].affinity} COLLATE {columns[caseless(name)].collation}")
            for held, name in zip(self.held_columns, names, strict=True)
        )

    def held_name(self, column: str) -> Sql | None:
        """Return what the held rows call a column of the user's, None if its value is not kept."""
        names = [caseless(name) for name in (*self.table.key, *(field.name for field in self.table.fields))]
        return self.held_columns[names.index(caseless(column))] if caseless(column) in names else None

    def stamp_of(self, column: str, alias: str) -> tuple[Sql, Sql]:
        """Return the hlc and site of a column's cell in a clock row; a column of the key has those of the insert."""
        for field in self.table.fields:
            if caseless(field.name) == caseless(column):
                t, s = naming.stamp_t(field.id), naming.stamp_s(field.id)
                return Sql(f"ifnull({alias}.{t}, {alias}.t)"), Sql(f"ifnull({alias}.{s}, {alias}.s)")
        return Sql(f"{alias}.t"), Sql(f"{alias}.s")

    def out(self, connection: apsw.Connection) -> AbstractContextManager[None]:
        """Keep the temporary table of keys of rows that are taken out of the user's table, for the length of a block."""
        slots = {"out": self.out_table, "key_definitions": self.key_definitions, "keys": self.table.keys}
        return OUT.of(self.table.id).created(connection, **slots)

    @property
    def out_table(self) -> Sql:
        """Return that temporary table."""
        return OUT.of(self.table.id).quoted


def any_kept(connection: apsw.Connection, table: Table) -> bool:
    """Tell whether a table has held rows that are there for another reason than a plain delete."""
    return query.exists(connection, table.held, Sql(reasons.IS_KEPT))


def any_waits(connection: apsw.Connection, table: Table) -> bool:
    """Tell whether a table has held rows of which nobody has decided whether they can be shown."""
    which = Sql(f"{reasons.IS_KEPT} AND reason IN ('{reasons.WAITING}', '{reasons.DELETED_WAITING}')")
    return query.exists(connection, table.held, which)


def count_kept(connection: apsw.Connection, table: Table) -> int:
    """Count the rows that a table can't show, or not as they are."""
    (count,) = query.first(connection, f"SELECT count(*) FROM {table.held} WHERE {reasons.IS_KEPT}")
    return int(count)


def lift(connection: apsw.Connection, side: Side) -> bool:
    """Take the stand-ins out of the user's table, so that all held rows wait to be shown again; tell whether there may be any."""
    table = side.table
    if not any_kept(connection, table):
        return False
    moved.lift(connection, table)
    statement = sql(
        "shown/holding/remove_stand_ins",
        table=table.quoted,
        key_columns=table.key_columns,
        keys=table.keys,
        held=table.held,
    )
    writing.remove(connection, table.key_columns, table.quoted, statement)
    connection.execute(sql("shown/holding/rename_stand_ins", held=table.held))
    return True


def remove_deleted(connection: apsw.Connection, table: Table) -> None:
    """Take rows out of the user's table that are deleted; there are none but after a fault."""
    slots = {"table": table.quoted, "key_columns": table.key_columns, "keys": table.keys, "clock": table.clock}
    writing.remove(connection, table.key_columns, table.quoted, sql("shown/holding/remove_deleted", **slots))


def take_out(registry: Registry, side: Side, reason: str = reasons.WAITING) -> list[int]:
    """Hold the rows whose keys `side.out_table` has, as they are shown; return the ids of their held rows.

    The truth of a stand-in is held already, and only waits again.
    """
    connection, table = registry.connection, side.table
    stand_ins = _stand_ins_out(connection, side)
    (base,) = query.first(connection, f"SELECT ifnull(max(id), 0) FROM {table.held}")
    genesis_t, genesis_s = table.genesis or (None, None)
    hold = sql(
        "shown/holding/hold_out",
        held=table.held,
        held_columns=joined(side.held_columns),
        shown_columns=joined(Sql(f"shown.{column}") for column in side.columns),
        table=table.quoted,
        out=side.out_table,
        shown_is_out=table.row_has_key_of("shown", "out"),
    )
    connection.execute(hold, {"reason": reason})
    link_held(registry, table, int(base), (genesis_t, genesis_s))
    slots = {"table": table.quoted, "key_columns": table.key_columns, "keys": table.keys, "out": side.out_table}
    statement = sql("shown/holding/remove_out", **slots)
    writing.remove(connection, table.key_columns, table.quoted, statement)
    new = query.rows(connection, f"SELECT id FROM {table.held} WHERE id > ?", (base,))
    return stand_ins + [number for (number,) in new]


def _stand_ins_out(connection: apsw.Connection, side: Side) -> list[int]:
    """Let the truths of stand-ins among the rows in `side.out_table` wait again, and take these out; return the held rows' ids."""
    table = side.table
    slots = {"table": table.quoted, "key_columns": table.key_columns, "keys": table.keys, "held": table.held}
    find = sql(
        "shown/holding/find_stand_ins_out",
        held=table.held,
        clock=table.clock,
        out=side.out_table,
        clock_is_out=table.same_keys("clock", "out"),
    )
    found = [number for (number,) in query.rows(connection, find)]
    for number in found:
        statement = sql("shown/holding/remove_stand_in", **slots)
        writing.remove(connection, table.key_columns, table.quoted, statement, (number,))
    for statement in (
        sql("shown/holding/forget_out", keys=table.keys, held=table.held, out=side.out_table),
        sql("shown/holding/await_stand_in", held=table.held),
    ):
        connection.executemany(statement, [(number,) for number in found])
    return found


def link_held(registry: Registry, table: Table, base: int, genesis: tuple[SqliteValue, SqliteValue]) -> None:
    """Have the clock rows lead to the held rows with ids above `base`."""
    values: dict[str, SqliteValue] = {
        "base": base,
        "genesis_t": genesis[0],
        "genesis_s": genesis[1],
        "batch": registry.number("batch"),
    }
    note, link = _link_held(table)
    if genesis[0] is not None:
        registry.connection.execute(note, values)
    registry.connection.execute(link, values)


@rendered
def _link_held(table: Table) -> tuple[str, str]:
    """Write the statements that give held rows of the genesis a clock row, and that have clock rows lead to held ones."""
    clock_is_held = table.same_keys("clock", "held")
    note = sql(
        "shown/holding/note_genesis",
        clock=table.clock,
        keys=table.keys,
        held_keys=table.keys_of("held"),
        held=table.held,
        clock_is_held=clock_is_held,
    )
    return note, sql("shown/holding/link_held", clock=table.clock, held=table.held, clock_is_held=clock_is_held)
