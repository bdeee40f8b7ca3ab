"""Reshape: let what crdtsql keeps of a table follow a change of the table.

Each function makes one change of the registration and of our tables; whether the user's table has changed already is its
caller's business. Runs inside the caller's write transaction. Invariants: no row is looked at, so that a new column costs nothing,
whatever the size of the table (docs/decisions/0013); an id and a uid are never given twice.
"""

from __future__ import annotations

import apsw

from crdtsql.base import (
    SchemaDriftError,
    Sql,
    caseless,
    clock,
    identifier,
    integer,
    naming,
    query,
    sql,
    suggest,
    verbatim,
)
from crdtsql.capture import create_triggers, drop_triggers, shadows, trigger_statements, views
from crdtsql.export import parkedcells
from crdtsql.merge import parking
from crdtsql.sqlite import TableShape, default_value, schema
from crdtsql.store import Field, Registry, Table, columns


def shape_of(registry: Registry, name: str) -> TableShape:
    """Read the shape of a table that must be there.

    Raises:
        SchemaDriftError: it is gone.
    """
    shape = schema.read(registry.connection, name)
    if shape is None:
        raise SchemaDriftError(f"replicated table {name!r} is gone: run {suggest.command('repair', registry.path)}")
    return shape


def core_triggers(table: Table) -> list[str]:
    """List the capture triggers without which writes to a table would go unseen."""
    what = ["insert", "delete", "rekey", *(f"typed{field.id}" for field in table.typed_fields)]
    words = sorted({table.stamped_with(field).word for field in table.plain_fields})
    what += ["update" if word == 0 else f"update{word}" for word in words]
    return [naming.trigger(table.name, name) for name in what]


def add_columns(registry: Registry, table: Table, shape: TableShape) -> list[Field]:
    """Register the columns that the user's table has and the registration has not; return them."""
    connection = registry.connection
    views.drop(registry)
    known = {field.name for field in table.fields}
    added = []
    for column in shape.values:
        if column.name in known:
            continue
        field = columns.add_column(registry, table, column.name)
        (written,) = query.first(connection, "SELECT quote(?)", (default_value(connection, column, shape.strict),))
        for ours, name, default in (
            (table.clock, Sql(f"{naming.stamp_t(field.id)} INTEGER"), integer(clock.ABSENT)),
            (table.clock, Sql(f"{naming.stamp_s(field.id)} INTEGER"), integer(registry.self_ordinal)),
            (table.held, naming.value(field.id), verbatim(written)),
        ):
            connection.execute(sql("evolve/reshape/add_column", table=ours, column=name, default=default))
        added.append(field)
    return added


def park_column(registry: Registry, table: Table, field: Field, *, lost: bool = False) -> tuple[Table, int]:
    """Keep the cells of a column that leaves the user's table; return the table with it parked, and how many there are.

    Args:
        lost: the column is gone already, so that only the values of held rows are left.
    """
    table = parking.park(registry, table, field, lost=lost)
    kept = next(known for known in table.parked if known.uid == field.uid)
    return table, parkedcells.count_cells(registry.connection, table, kept)


def drop_column(registry: Registry, table: Table, field: Field) -> None:
    """Register that a column is not in the table any more, and forget its stamps, parts and held values."""
    connection = registry.connection
    views.drop(registry)
    columns.drop_column(registry, table, field)
    connection.execute(
        "UPDATE _crdt_conflict SET resolved = ?, resolved_s = ? WHERE tbl = ? AND col = ? AND resolved IS NULL",
        (registry.number("clock"), registry.self_ordinal, table.id, field.id),
    )
    if field.type != "lww":
        connection.execute(f"DELETE FROM {table.parts} WHERE col = ?", (field.id,))
    for ours, name in (
        (table.clock, naming.stamp_t(field.id)),
        (table.clock, naming.stamp_s(field.id)),
        (table.held, naming.value(field.id)),
    ):
        connection.execute(sql("evolve/reshape/drop_column", table=ours, column=name))


def rename_table(registry: Registry, table: Table, name: str) -> Table:
    """Register a table's new name, and give it to our tables too.

    Raises:
        SchemaDriftError: rows of another table of that name are kept for other replicas.
    """
    connection = registry.connection
    if any(caseless(other.name) == caseless(name) and other.id != table.id for other in registry.tables()):
        raise SchemaDriftError(
            f"table {table.name!r} can't be called {name!r} in {registry.path}, because rows of another table of that name are kept "
            "for other replicas: give it another name"
        )
    views.drop(registry)
    indexes = [naming.clock_index(table.name), naming.kept_index(table.name), naming.born_index(table.name)]
    for index in indexes:
        connection.execute(f"DROP INDEX IF EXISTS {index}")
    for old, new in zip(naming.tables_of(table.name), naming.tables_of(name), strict=True):
        if query.exists(connection, "sqlite_schema", "type = 'table' AND name = ?", (old,)):
            connection.execute(sql("evolve/reshape/rename_table", old=identifier(old), new=identifier(new)))
    renamed = columns.rename_table(registry, table, name)
    shadows.create_indexes(registry, renamed)
    return renamed


def our_triggers(connection: apsw.Connection, table: str) -> dict[str, str]:
    """Return the capture triggers that are on a table of the user's: name -> statement."""
    return {name: statement for name, statement in schema.triggers(connection, table).items() if naming.is_ours(name)}


def are_outdated(connection: apsw.Connection, table: Table, shape: TableShape) -> bool:
    """Tell whether a table's triggers are not those that it should have now, or come after one of the user's.

    A newer trigger of the user's fires first, and RAISE(IGNORE) in it would cut ours off.
    """
    expected, present = trigger_statements(connection, table, shape), our_triggers(connection, table.name)
    if sorted(expected) != sorted(present.values()):
        return True
    newest, ours = query.first(connection, sql("evolve/reshape/trigger_order"), (table.name,))
    return newest is not None and ours is not None and newest > ours


def renew_triggers(registry: Registry, table: Table) -> None:
    """Create a table's triggers anew, and remember its columns as they are now."""
    shape = shape_of(registry, table.name)
    drop_triggers(registry.connection, table.name)
    create_triggers(registry.connection, table, shape)
    columns.see_columns(registry, table, shape)
