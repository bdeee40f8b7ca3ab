"""Holding: move rows between the user's table and the held rows, as sets.

Decides nothing. A held row is the truth of a row that the table does not show, or shows otherwise (a stand-in); the clock row
leads to it. Runs inside the caller's write transaction, with capture off and foreign keys not enforced.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import apsw

from crdtsql.base import EMPTY, Sql, SqliteValue, caseless, identifier, joined, naming, query, reasons, sql
from crdtsql.sqlite import TableShape, writing
from crdtsql.store import Registry, Table

CREATE_REFUSED = "CREATE TEMP TABLE _crdt_refused (tbl, id, PRIMARY KEY (tbl, id)) WITHOUT ROWID"
CREATE_RESTORED = "CREATE TEMP TABLE _crdt_restored (tbl, id, PRIMARY KEY (tbl, id)) WITHOUT ROWID"


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

    @property
    def create_out(self) -> str:
        """Define the temporary table of keys of rows that are taken out of the user's table."""
        return f"CREATE TEMP TABLE _crdt_out ({self.key_definitions}, PRIMARY KEY ({self.table.keys})) WITHOUT ROWID"


def any_kept(connection: apsw.Connection, table: Table) -> bool:
    """Tell whether a table has held rows that are there for another reason than a plain delete."""
    return query.first(connection, f"SELECT 1 FROM {table.held} WHERE {reasons.IS_KEPT} LIMIT 1") is not None


def any_waits(connection: apsw.Connection, table: Table) -> bool:
    """Tell whether a table has held rows of which nobody has decided whether they can be shown."""
    statement = f"SELECT 1 FROM {table.held} WHERE {reasons.IS_KEPT} AND reason IN ('{reasons.WAITING}', '{reasons.DELETED_WAITING}')"
    return query.first(connection, statement) is not None


def count_kept(connection: apsw.Connection, table: Table) -> int:
    """Count the rows that a table can't show, or not as they are."""
    (count,) = query.first(connection, f"SELECT count(*) FROM {table.held} WHERE {reasons.IS_KEPT}")
    return int(count)


def lift(connection: apsw.Connection, side: Side) -> bool:
    """Take the stand-ins out of the user's table, so that all held rows wait to be shown again; tell whether there may be any."""
    table = side.table
    if not any_kept(connection, table):
        return False
    connection.execute(
        sql(
            "shown/holding/remove_stand_ins",
            table=table.quoted,
            key_columns=table.key_columns,
            keys=table.keys,
            held=table.held,
        )
    )
    connection.execute(sql("shown/holding/rename_stand_ins", held=table.held))
    return True


def take_out(registry: Registry, side: Side, reason: str = reasons.WAITING) -> list[int]:
    """Hold the rows whose keys `temp._crdt_out` has, as they are shown; return the ids of their held rows.

    The truth of a stand-in is held already, and only waits again.
    """
    connection, table = registry.connection, side.table
    stand_ins = _stand_ins_out(connection, table)
    (base,) = query.first(connection, f"SELECT ifnull(max(id), 0) FROM {table.held}")
    genesis_t, genesis_s = table.genesis or (None, None)
    hold = sql(
        "shown/holding/hold_out",
        held=table.held,
        held_columns=joined(side.held_columns),
        shown_columns=joined(Sql(f"shown.{column}") for column in side.columns),
        table=table.quoted,
        shown_is_out=table.row_has_key_of("shown", "out"),
    )
    connection.execute(hold, {"reason": reason})
    link_held(registry, table, int(base), (genesis_t, genesis_s))
    connection.execute(
        sql("shown/holding/remove_out", table=table.quoted, key_columns=table.key_columns, keys=table.keys)
    )
    new = query.rows(connection, f"SELECT id FROM {table.held} WHERE id > ?", (base,))
    return stand_ins + [number for (number,) in new]


def _stand_ins_out(connection: apsw.Connection, table: Table) -> list[int]:
    """Let the truths of stand-ins among the rows in `temp._crdt_out` wait again, and take these out; return the held rows' ids."""
    slots = {"table": table.quoted, "key_columns": table.key_columns, "keys": table.keys, "held": table.held}
    find = sql(
        "shown/holding/find_stand_ins_out",
        held=table.held,
        clock=table.clock,
        clock_is_out=table.same_keys("clock", "out"),
    )
    found = [number for (number,) in query.rows(connection, find)]
    for statement in (
        sql("shown/holding/remove_stand_in", **slots),
        sql("shown/holding/forget_out", keys=table.keys, held=table.held),
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
    clock_is_held = table.same_keys("clock", "held")
    if genesis[0] is not None:
        note = sql(
            "shown/holding/note_genesis",
            clock=table.clock,
            keys=table.keys,
            held_keys=table.keys_of("held"),
            held=table.held,
            clock_is_held=clock_is_held,
        )
        registry.connection.execute(note, values)
    link = sql("shown/holding/link_held", clock=table.clock, held=table.held, clock_is_held=clock_is_held)
    registry.connection.execute(link, values)


def list_candidates(connection: apsw.Connection, side: Side) -> list[int]:
    """Fill `temp._crdt_candidate` with the held rows that the table might show; return their ids."""
    columns = joined((Sql(f", {name}") for name in side.held_columns[len(side.table.key) :]), "")
    statement = sql(
        "shown/holding/list_candidates",
        keys=side.table.keys,
        value_columns=columns if side.table.fields else EMPTY,
        held_columns=joined(Sql(f"held.{name}") for name in side.held_columns),
        held=side.table.held,
        table_id=Sql(str(side.table.id)),
    )
    connection.execute("DELETE FROM temp._crdt_candidate")
    connection.execute(statement)
    return [number for (number,) in query.rows(connection, "SELECT id FROM temp._crdt_candidate")]


def create_candidates(side: Side) -> str:
    """Define the temporary table of held rows that the table might show, with the values that it would show."""
    return (
        "CREATE TEMP TABLE _crdt_candidate (id INTEGER PRIMARY KEY, dead INTEGER NOT NULL, chosen INTEGER NOT NULL DEFAULT 0, "
        f"refused INTEGER NOT NULL DEFAULT 0, masks TEXT, why TEXT, {side.definitions})"
    )


def _put_back(connection: apsw.Connection, side: Side) -> writing.Write:
    statement = partial(
        sql,
        "shown/holding/put_back",
        table=side.table.quoted,
        columns=joined(side.columns),
        candidate_columns=joined(Sql(f"candidate.{name}") for name in side.held_columns),
    )
    return writing.prepare(connection, side.table.name, statement)


def probe(connection: apsw.Connection, side: Side) -> dict[int, tuple[int, str]]:
    """Find out what SQLite says to each candidate by itself, showing none: id -> (extended error code, what it says).

    It looks at CHECK, NOT NULL and types before UNIQUE; so a candidate that lost a UNIQUE value before needs no look.
    """
    statement = sql("shown/holding/list_unprobed", held=side.table.held)
    unprobed = [number for (number,) in query.rows(connection, statement)]
    if not unprobed:
        return {}
    connection.execute("SAVEPOINT crdt_probe")
    try:
        refused: dict[int, tuple[int, str]] = {}
        insert = _put_back(connection, side)
        for number in unprobed:
            found = _put_back_one(connection, insert, number)
            refused |= found
            if not found:
                connection.execute("ROLLBACK TO crdt_probe")
        return refused
    finally:
        connection.execute("ROLLBACK TO crdt_probe; RELEASE crdt_probe")


def put_back(connection: apsw.Connection, side: Side) -> dict[int, tuple[int, str]]:
    """Show the chosen candidates; return those that SQLite refuses: id -> (extended error code, what it says)."""
    insert = _put_back(connection, side)
    (count,) = query.first(connection, "SELECT count(*) FROM temp._crdt_candidate WHERE chosen")
    connection.execute("SAVEPOINT crdt_put_back")
    with suppress(apsw.ConstraintError, apsw.MismatchError):
        insert.execute(connection, {"first": 0, "last": 2**62})
        if connection.changes() == count:
            connection.execute("RELEASE crdt_put_back")
            return {}
    connection.execute("ROLLBACK TO crdt_put_back; RELEASE crdt_put_back")
    return _put_back_one_by_one(connection, insert)


def _put_back_one_by_one(connection: apsw.Connection, insert: writing.Write) -> dict[int, tuple[int, str]]:
    refused: dict[int, tuple[int, str]] = {}
    for (number,) in query.rows(connection, "SELECT id FROM temp._crdt_candidate WHERE chosen ORDER BY id"):
        refused |= _put_back_one(connection, insert, number)
    return refused


def _put_back_one(connection: apsw.Connection, insert: writing.Write, number: int) -> dict[int, tuple[int, str]]:
    try:
        insert.execute(connection, {"first": number, "last": number})
    except (apsw.ConstraintError, apsw.MismatchError) as error:
        message = str(error).removeprefix("ConstraintError: ").removeprefix("MismatchError: ")
        return {number: (getattr(error, "extendedresult", apsw.SQLITE_MISMATCH), message)}
    if connection.changes() != 1:
        return {number: (apsw.SQLITE_CONSTRAINT_TRIGGER, "a trigger of the table ignored the row")}
    return {}


def settle_shown(connection: apsw.Connection, side: Side) -> None:
    """Forget the held rows of what is shown as it is, and say of the others why they are held."""
    table = side.table
    connection.execute(
        sql("shown/holding/unlink_shown", clock=table.clock, clock_is_candidate=table.same_keys("clock", "candidate"))
    )
    connection.execute(sql("shown/holding/forget_shown", held=table.held))
    connection.execute(sql("shown/holding/set_reasons", held=table.held))
