"""Bearing: can a change have any bearing on which rows are held?

What a table shows follows from which rows live, from their values in the columns that references and UNIQUE indexes name, and from the
stamps of these (decisions 0011 and 0017). So an update of other columns, of a row that lives and is shown as it is, changes nothing of
it, and a table with many held rows costs no more than one without. Whatever is not certain has a bearing. Only reads.
"""

from __future__ import annotations

from collections.abc import Sequence

from crdtsql.base import Sql, caseless, integer, joined, policy, query, rendered, sql
from crdtsql.shown.references import Reference
from crdtsql.shown.settling import Scene
from crdtsql.sqlite import schema
from crdtsql.store import FIRST_UPDATE_OP, Field, Table


def constrained(scene: Scene, table: Table) -> list[Field] | None:
    """Return the columns of a table, but for its key, that say which rows can be shown; None if any change may count."""
    indexes = schema.unique_indexes(scene.connection, table.name)
    if table.granularity == policy.BY_ROW or table.absent or not all(index.is_plain for index in indexes):
        return None
    names = {caseless(name) for index in indexes for name in index.columns if name is not None}
    for reference in scene.references:
        names |= _named(reference, table)
    fields = {caseless(field.name): field for field in table.fields}
    named = names - {caseless(name) for name in table.key}
    found = [fields[name] for name in sorted(named & fields.keys())]
    is_certain = named <= fields.keys() and not any(field in table.typed_fields for field in found)
    return found if is_certain else None


def _named(reference: Reference, table: Table) -> set[str]:
    """Return the columns of a table that a reference names, on either side."""
    names = reference.key.columns if reference.child.table.id == table.id else ()
    if reference.parent is not None and reference.parent.table.id == table.id:
        names = (*names, *reference.key.parent_columns)
    return {caseless(name) for name in names}


def of_log(scene: Scene, tables: Sequence[Table]) -> bool:
    """Tell whether the events of a folded log, which some tables have, may have a bearing."""
    return any(_of_log(scene, table) for table in tables)


def _of_log(scene: Scene, table: Table) -> bool:
    fields = constrained(scene, table)
    if fields is None:
        return True
    values = {"tbl": table.id, "first_update": FIRST_UPDATE_OP}
    return query.first(scene.connection, _find_event(table, tuple(fields)), values) is not None


@rendered
def _find_event(table: Table, fields: tuple[Field, ...]) -> str:
    masks: dict[int, int] = {}
    for field in fields:
        masks[field.word] = masks.get(field.word, 0) | 1 << field.bit
    writes = [
        Sql(f"(event.op = {integer(FIRST_UPDATE_OP + word)} AND event.detail & {integer(mask)} <> 0)")
        for word, mask in masks.items()
    ]
    return sql(
        "shown/bearing/event",
        clock=table.clock,
        clock_is_event=table.same_keys("clock", "event"),
        or_writes=joined((Sql(f" OR {one}") for one in writes), ""),
    )
