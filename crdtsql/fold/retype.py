"""Retype: give a replicated column another type, and keep what is there.

Runs inside the caller's write transaction, on a folded registry. A cell that has parts becomes an ordinary one with the value
that it shows, by a new write of the local site: two replicas that retype on their own may have known different parts, and only
a write of its own lets one of the values win everywhere.
"""

from __future__ import annotations

from dataclasses import replace

from crdtsql.base import (
    LOG_TIME,
    ColumnTypeError,
    Now,
    SchemaDriftError,
    caseless,
    naming,
    query,
    show,
    show_key,
    sql,
    suggest,
)
from crdtsql.capture import create_triggers, drop_triggers, shadows
from crdtsql.fold import folding
from crdtsql.sqlite import schema
from crdtsql.store import FIRST_UPDATE_OP, Field, Registry, Table
from crdtsql.types import TYPES, blank, columntype


def retype(registry: Registry, name: str, column: str, wanted: str, now: Now) -> bool:
    """Change a column's type; return whether it was another one before.

    Raises:
        NotEnabledError: the table is not replicated.
        ColumnTypeError: there is no such column, or it can't have the type.
    """
    table = registry.present_table(name)
    shape = schema.read(registry.connection, table.name)
    if shape is None:
        raise SchemaDriftError(
            f"replicated table {table.name!r} is gone: run {suggest.command('repair', registry.path)}"
        )
    chosen = columntype.choose(registry.connection, shape, {column: wanted})
    field = next(field for field in table.fields if caseless(field.name) == caseless(column))
    if field.type == chosen[field.name]:
        return False
    if any(field.uid in one.columns for one in table.references):
        raise ColumnTypeError(
            table.name,
            field.name,
            f"it was declared that it refers to other rows, which a {wanted} can't do; take that back first with "
            f"{suggest.command('reference', registry.path, f'{table.name}.{field.name}', options=['--drop'])}",
        )
    _check_held(registry, table, field, shape, wanted)
    if not _same_parts(field.type, wanted):
        _join_parts(registry, table, field, now)
        registry.connection.execute(
            "UPDATE _crdt_conflict SET resolved = ?, resolved_s = ? WHERE tbl = ? AND col = ? AND part <> '' AND resolved IS NULL",
            (registry.number("clock"), registry.self_ordinal, table.id, field.id),
        )
    table = registry.set_type(registry.table(table.name), field, wanted)
    if table.typed_fields:
        shadows.create_table(registry, table, shape, "parts")
    drop_triggers(registry.connection, table.name)
    create_triggers(registry.connection, table, shape)
    return True


def _same_parts(old: str, new: str) -> bool:
    one, other = TYPES[old], TYPES[new]
    return (one.kind, one.explode, one.show, one.show_order) == (
        other.kind,
        other.explode,
        other.show,
        other.show_order,
    )


def _check_held(registry: Registry, table: Table, field: Field, shape: schema.TableShape, wanted: str) -> None:
    """Check the values of deleted rows, which may come back."""
    kind = TYPES[wanted]
    if kind.invalid is None:
        return
    affinity = next(column.affinity for column in shape.columns if column.name == field.name)
    value = naming.value(field.id)
    slots = {"value": value, "keys": table.keys, "held": table.held, "invalid": kind.invalid(value, affinity)}
    ours = {"held": table.held, "clock": table.clock, "is_purged": table.is_purged}
    blanked = sql("fold/retype/blank_purged", value=value, invalid=slots["invalid"], **ours)
    registry.connection.execute(blanked, {"blank": blank(registry.connection, shape, field.name, wanted)})
    found = query.first(registry.connection, sql("fold/retype/find_invalid", **slots))
    if found is not None:
        undelete = suggest.row_command("undelete", registry.path, table.name, found[1:])
        raise ColumnTypeError(
            table.name,
            field.name,
            f"a {kind.name} must be {kind.takes}, and the deleted row {show_key(found[1:])} has {show(found[0])}: bring it back "
            f"with {undelete}, change it, and delete it again",
        )


def _join_parts(registry: Registry, table: Table, field: Field, now: Now) -> None:
    """Make ordinary cells of those that have parts, by a write that each of them gets."""
    if field.type == "lww":
        return
    connection = registry.connection
    stamping = registry.set_type(table, field, "lww").stamped_with(replace(field, type="lww"))
    values = {"tbl": table.id, "col": field.id, "op": FIRST_UPDATE_OP + stamping.word, "mask": 1 << stamping.bit}
    written = sql(
        "fold/retype/log_joined",
        keys=table.keys,
        clock_keys=table.keys_of("clock"),
        clock=table.clock,
        parts=table.parts,
        part_is_clock=table.same_keys("part", "clock"),
        log_time=LOG_TIME,
    )
    connection.execute(written, values)
    connection.execute(f"DELETE FROM {table.parts} WHERE col = ?", (field.id,))
    folding.fold(registry, now)
