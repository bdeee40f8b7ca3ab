"""Severed: references that SQLite itself set to NULL, because the row that they led to was deleted.

Where that delete turns out not to count, since somebody had written the row without knowing of it, the row is there and the
reference is not. Nobody wrote that, so the conflict log has it. An entry is noted wherever the NULL is known, resolved for the time
being by the write itself, as is right while the row is gone; it is opened once the row that the delete had seen is shown again.
Runs inside the caller's write transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from crdtsql.base import Sql, SqliteValue, caseless, fragment, identifier, integer, joined, naming, query, sql
from crdtsql.conflicts import conflict_log
from crdtsql.sqlite import ForeignKey, schema
from crdtsql.store import FIRST_UPDATE_OP, Field, Registry, Table


@dataclass(frozen=True, slots=True)
class Severable:
    """A column that SQLite sets to NULL, or to its default, when the row that it refers to is deleted."""

    table: Table
    field: Field
    parent: Table
    key: ForeignKey

    @property
    def referenced(self) -> str:
        """Return the parent's column."""
        return self.key.parent_columns[self.key.columns.index(self.field.name)]

    def is_lost(self, of_held: bool) -> Sql:
        """Compare the parent's row, `kept` among the held rows or `shown`, with what an `entry` lost."""
        fields = {caseless(field.name): field for field in self.table.fields}
        terms = []
        for column, referenced in zip(self.key.columns, self.key.parent_columns, strict=True):
            field = fields[caseless(column)]
            row = (
                Sql(f"kept.{_held_name(self.parent, referenced)}")
                if of_held
                else Sql(f"shown.{identifier(referenced)}")
            )
            lost = Sql("entry.lost")
            if field.id != self.field.id:
                same = self.table.same_keys("other", "entry")
                lost = fragment("conflicts/severed/other_lost", column_id=integer(field.id), other_is_entry=same)
            terms.append(Sql(f"{row} = {lost}"))
        return joined(terms, " AND ")


def severable(registry: Registry, table: Table) -> Iterator[Severable]:
    """Yield the columns of a table that lose their reference when its row is deleted."""
    if table.absent:
        return
    fields = {caseless(field.name): field for field in table.fields}
    for key in schema.foreign_keys(registry.connection, table.name):
        if not key.severs or not {caseless(column) for column in key.columns} <= fields.keys():
            continue
        parent = registry.find(key.parent)
        known = (
            {caseless(name) for name in (*parent.key, *(field.name for field in parent.fields))} if parent else set()
        )
        if parent is None or parent.absent or not {caseless(column) for column in key.parent_columns} <= known:
            continue
        for column in key.columns:
            yield Severable(table, fields[caseless(column)], parent, key)


def _held_name(table: Table, column: str) -> Sql:
    """Return what the held rows call a column."""
    for key, name in zip(table.key_names, table.key, strict=True):
        if caseless(name) == caseless(column):
            return key
    return next(naming.value(field.id) for field in table.fields if caseless(field.name) == caseless(column))


def record_folded(registry: Registry, table: Table, site_of: Callable[[str], Sql]) -> None:
    """Note the references of a table that the events in `temp._crdt_event` severed; clocks are as they were before.

    Args:
        site_of: renders the ordinal of the site of an event, given its hlc.
    """
    genesis_t, genesis_s = table.genesis or (None, None)
    shape = schema.read(registry.connection, table.name)
    if shape is None:
        return
    grouping = joined(
        Sql(f"{name} COLLATE {part.collation}") for name, part in zip(table.key_names, shape.key, strict=True)
    )
    for found in severable(registry, table):
        lost_t, lost_s = found.field.full_stamp
        statement = sql(
            "conflicts/severed/record_folded",
            keys=table.keys,
            site_of_won=site_of("won_t"),
            site_of_before=site_of("written.before"),
            written_keys=table.keys_of("written"),
            grouping=grouping,
            column=identifier(found.field.name),
            lost_t=lost_t,
            lost_s=lost_s,
            table=table.quoted,
            shown_is_written=table.row_has_key_of("shown", "written"),
            clock=table.clock,
            clock_is_written=table.same_keys("clock", "written"),
            parent_held=found.parent.held,
            referenced=_held_name(found.parent, found.referenced),
            collation=_collation(registry, found),
        )
        values: dict[str, SqliteValue] = {
            "tbl": table.id,
            "col": found.field.id,
            "op": FIRST_UPDATE_OP + found.field.word,
            "bit": found.field.bit,
            "parent": found.parent.id,
            "genesis_t": genesis_t,
            "genesis_s": genesis_s,
        }
        if conflict_log.record(registry, statement, values):
            registry.set("severed", 1)
            conflict_log.prune(registry, [table])


def _collation(registry: Registry, found: Severable) -> Sql:
    shape = schema.read(registry.connection, found.parent.name)
    columns = shape.columns if shape else ()
    return Sql(next((c.collation for c in columns if caseless(c.name) == caseless(found.referenced)), "BINARY"))


def forget_others(registry: Registry, tables: Iterable[Table], last: int) -> None:
    """Forget what a merge noted after the entry `last`, where nobody deleted the row that the reference led to."""
    for table in tables:
        for found in severable(registry, table):
            parent = found.parent
            statement = sql(
                "conflicts/severed/forget_others",
                parent=parent.quoted,
                parent_held=parent.held,
                parent_clock=parent.clock,
                parent_heads=parent.heads,
                gone_is_kept=parent.same_keys("gone", "kept"),
                head_is_shown=parent.row_has_key_of("shown", "head"),
                kept_is_lost=found.is_lost(of_held=True),
                shown_is_lost=found.is_lost(of_held=False),
            )
            registry.connection.execute(statement, {"tbl": table.id, "col": found.field.id, "last": last})
    registry.set("severed", 1)
    conflict_log.prune(registry, tables)


def open_again(registry: Registry) -> None:
    """Open the noted entries whose row is shown again; tables are settled. Costs a look at a fact where there are none."""
    if not registry.number("severed"):
        return
    noted = set(query.rows(registry.connection, sql("conflicts/severed/list_noted")))
    if not noted:
        registry.set("severed", 0)
    tables = {number for number, _ in noted}
    for table in registry.tables():
        for found in severable(registry, table) if table.id in tables else ():
            if (table.id, found.field.id) in noted:
                _open(registry, found)


def _open(registry: Registry, found: Severable) -> None:
    table, parent = found.table, found.parent
    genesis_t, genesis_s = parent.genesis or (None, None)
    statement = sql(
        "conflicts/severed/open",
        clock=table.clock,
        clock_is_entry=table.same_keys("clock", "entry"),
        t=naming.stamp_t(found.field.id),
        s=naming.stamp_s(found.field.id),
        parent=parent.quoted,
        parent_clock=parent.clock,
        born_is_shown=parent.row_has_key_of("shown", "born"),
        shown_is_lost=found.is_lost(of_held=False),
        has_seen_born=conflict_log.has_seen(Sql("born_t"), Sql("born_s")),
    )
    values = {"tbl": table.id, "col": found.field.id, "genesis_t": genesis_t, "genesis_s": genesis_s}
    registry.connection.execute(statement, values)
