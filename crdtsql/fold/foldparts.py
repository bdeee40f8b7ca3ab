"""Fold for typed columns: turn what was written to a cell into events on its parts (docs/decisions/0009).

Runs inside of fold, after the log's events were stamped and before the clocks are written, because a cell that was never
split has its stamp in the clock. Afterwards the user's table shows what the parts say. Cost: a few statements per typed
column that was written; none for rows that were only inserted.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import apsw

from crdtsql.base import EMPTY, Sql, SqliteValue, TemporaryTable, fragment, identifier, joined, naming, query, sql
from crdtsql.capture import without_capture
from crdtsql.fold.pieces import Stamped
from crdtsql.sqlite import schema, writing
from crdtsql.store import FIRST_UPDATE_OP, Field, Registry, Table
from crdtsql.types import CellType, Kind, parts

CELL = TemporaryTable("_crdt_cell", "fold/foldparts/create_cell")
WRITE = TemporaryTable("_crdt_write", "fold/foldparts/create_write")
SPLIT = TemporaryTable("_crdt_split", "fold/foldparts/create_split")
CHANGE = TemporaryTable("_crdt_change", "fold/foldparts/create_change")

MOST_ADDED = 1 << 20
"""Of so many updates between plus and minus 2^40 (`is_large.sql`) SQLite adds the differences exactly."""


def fold_parts(registry: Registry, table: Table, shape: schema.TableShape, stamped: Stamped, updates: bool) -> None:
    """Fold the typed columns of one table."""
    for field in table.typed_fields:
        _Fold(registry, table, shape, field, stamped).run(updates)


@dataclass
class _Fold:
    """The fold of one typed column."""

    registry: Registry
    table: Table
    shape: schema.TableShape
    field: Field
    stamped: Stamped

    def __post_init__(self) -> None:
        self.connection: apsw.Connection = self.registry.connection
        self.kind: CellType = parts.kind_of(self.field)
        genesis_t, genesis_s = self.table.genesis or (None, None)
        self.values: dict[str, SqliteValue] = {
            "tbl": self.table.id,
            "col": self.field.id,
            "op": FIRST_UPDATE_OP + self.field.word,
            "bit": self.field.bit,
            "self": self.registry.self_ordinal,
            "genesis_t": genesis_t,
            "genesis_s": genesis_s,
            "real": parts.is_real(self.shape, self.field),
        }
        self.shared = {"parts": self.table.parts, "keys": self.table.keys, "cell_keys": self.table.keys_of("cell")}
        self.part_is_cell = self.table.same_keys("part", "cell")
        self.found_next = fragment("fold/foldparts/found_next")
        self.was_updated = fragment("fold/foldparts/was_updated")

    def _execute(self, name: str, **slots: Sql) -> None:
        self.connection.execute(sql(name, **slots), self.values)

    def run(self, updates: bool) -> None:
        """Fold the column, if anything that was written concerns its parts."""
        if not (updates and self._was_updated()) and not parts.have_parts(self.connection, self.table):
            return
        keys = self.shape.define_key(self.table.key_names)
        with (
            parts.working(self.connection),
            CELL.created(self.connection, keys=keys),
            WRITE.created(self.connection),
            SPLIT.created(self.connection),
            CHANGE.created(self.connection),
        ):
            self._collect()
            if not query.exists(self.connection, "temp._crdt_cell"):
                return
            match self.kind.kind:
                case Kind.WHOLE:
                    self._fold_whole()
                case Kind.TOTAL:
                    self._fold_total()
                case _:
                    self._fold_each()
            self._show()

    def _was_updated(self) -> bool:
        which = "tbl = :tbl AND op = :op AND (detail >> :bit) & 1"
        return query.exists(self.connection, "temp._crdt_event", which, self.values)

    def _collect(self) -> None:
        table = self.table
        stamp_t, stamp_s = self.field.full_stamp
        self._execute(
            "fold/foldparts/collect_cells",
            row_marker=identifier(table.key[0]),
            site_of_whole=self.stamped.site_of("cell.whole"),
            column=identifier(self.field.name),
            held_value=naming.value(self.field.id),
            stamp_t=stamp_t,
            stamp_s=stamp_s,
            event_keys=table.keys_of("event"),
            grouping=joined(
                Sql(f"event.{key} COLLATE {column.collation}")
                for key, column in zip(table.key_names, self.shape.key, strict=True)
            ),
            table=table.quoted,
            held_table=table.held,
            clock=table.clock,
            shown_is_cell=table.row_has_key_of("shown", "cell"),
            clock_is_cell=table.same_keys("clock", "cell"),
            part_is_cell=self.part_is_cell,
            **self.shared,
        )

    def _collect_writes(self, new: Sql, which: str = "1", place: Sql | None = None) -> None:
        """List the updates of the cells; `new` is the value that each of them wrote, `place` its number if none is needed."""
        self._execute(
            "fold/foldparts/collect_writes",
            new=new,
            place=Sql("row_number() OVER log") if place is None else place,
            which=Sql(which),
            cell_is_event=self.table.same_keys("cell", "event"),
        )

    def _forget_parts(self, cells: str, which: str = "1") -> None:
        self._execute(
            "fold/foldparts/forget_parts",
            parts=self.table.parts,
            keys=self.table.keys,
            cells=Sql(cells),
            which=Sql(which),
        )

    def _load_parts(self, cells: Sql) -> None:
        self._execute("fold/foldparts/load_parts", parts=self.table.parts, part_is_cell=self.part_is_cell, cells=cells)

    def _fold_whole(self) -> None:
        """Let each write replace the cell; of values that have an order, take the first."""
        self._forget_parts("1")
        if self.kind.takes_best:
            self._collect_writes(self.found_next, "event.hlc > ifnull(cell.whole, 0)")
            self._execute("fold/foldparts/find_values")
            self._execute("fold/foldparts/collect_written", was_updated=self.was_updated)
            self._show_parts()

    def _fold_total(self) -> None:
        """Add what a counter grew by to its site's total; let an insert begin from the totals that it saw."""
        aged = query.exists(
            self.connection, "temp._crdt_event", "aged"
        )  # triggers of an older format did not log the new value
        new = Sql(f"CASE WHEN event.aged THEN {self.found_next} ELSE event.new END") if aged else Sql("event.new")
        self._collect_writes(new, place=Sql("NULL"))
        self._execute("fold/foldparts/find_values")
        self._execute("fold/foldparts/count_totals")
        self._forget_unchanged()
        adding = {"added": self._added(), **self.shared}
        total_is_cell = self.table.same_keys("total", "cell")
        if query.exists(self.connection, "temp._crdt_cell", "whole IS NOT NULL"):
            self._forget_parts("whole IS NOT NULL", "part <> '+'")
            self._execute("fold/foldparts/add_to_totals", which=Sql("write.hlc < cell.whole"), **adding)
            self._execute("fold/foldparts/note_bases_seen", total_is_cell=total_is_cell, **self.shared)
        self._execute(
            "fold/foldparts/note_base",
            was_updated=self.was_updated,
            base_is_cell=self.table.same_keys("base", "cell"),
            total_is_cell=total_is_cell,
            **self.shared,
        )
        self._execute("fold/foldparts/add_to_totals", which=Sql("write.hlc > ifnull(cell.whole, 0)"), **adding)
        self._load_parts(Sql("1"))
        self._show_parts()

    def _added(self) -> Sql:
        """Render the sum of what the updates of a cell added, in SQLite's own numbers unless some are reals, or too large."""
        (count,) = query.first(self.connection, "SELECT count(*) FROM temp._crdt_write")
        large = count > MOST_ADDED or query.exists(
            self.connection, "temp._crdt_write", fragment("fold/foldparts/is_large")
        )
        return fragment("fold/foldparts/added_exactly" if large else "fold/foldparts/added")

    def _fold_each(self) -> None:
        """Compare the parts before and after each write; a value that takes the place of NULL is a whole write."""
        self._collect_writes(self.found_next, "event.hlc > ifnull(cell.whole, 0)")
        self._execute("fold/foldparts/find_wholes")
        self._execute("fold/foldparts/forget_overwritten")
        if self.connection.changes():
            self.connection.execute("UPDATE temp._crdt_write SET i = NULL")
            self._execute("fold/foldparts/number_writes")
        self._execute("fold/foldparts/find_values")
        self._forget_parts("whole IS NOT NULL")
        self._load_parts(self.was_updated)
        self._execute("fold/foldparts/load_wholes", was_updated=self.was_updated)
        parts.imply(self.connection, self.kind, "mine")
        self._execute("fold/foldparts/find_before")
        split = self.kind.explode_sql(Sql("(SELECT seq AS id, new AS value FROM temp._crdt_write)"))
        self._execute("fold/foldparts/split_writes", split=EMPTY if split is None else split)
        self._execute("fold/foldparts/carry_hidden")
        self._execute("fold/foldparts/find_changes")
        self._execute("fold/foldparts/count_changes")
        self._forget_unchanged()
        self._execute("fold/foldparts/keep_last_changes")
        self._execute("fold/foldparts/make_explicit", **self.shared)
        self._execute("fold/foldparts/forget_changed_parts", **self.shared)
        self._execute("fold/foldparts/store_changed_parts", **self.shared)
        self._execute("fold/foldparts/forget_loaded")
        self._execute("fold/foldparts/add_changes")
        self._show_parts()

    def _forget_unchanged(self) -> None:
        """Forget the updates of a cell that changed the spelling alone, and show the value before again."""
        if not query.exists(self.connection, "temp._crdt_write", "NOT counts"):
            return
        self._execute("fold/foldparts/forget_unchanged")
        self._execute("fold/foldparts/restore_unchanged", was_updated=self.was_updated)

    def _show_parts(self) -> None:
        parts.show(self.connection, self.field, self.shape)

    def _show(self) -> None:
        """Write what the parts say where the user's table, or the held row, shows something else."""
        self._execute("fold/foldparts/forget_shown")
        if not query.exists(self.connection, "temp._crdt_shown"):
            return
        with without_capture(self.connection, [self.table]):
            self._show_in_table()
        self._execute("fold/foldparts/show_held", held=self.table.held, value=naming.value(self.field.id))

    def _show_in_table(self) -> None:
        """Write the user's table; what was written stays where the table does not allow what must be shown."""
        statement = partial(
            sql,
            "fold/foldparts/show_table",
            table=self.table.quoted,
            column=identifier(self.field.name),
            target_is_cell=self.table.row_has_key_of("target", "cell"),
        )
        write = writing.prepare(self.connection, self.table.name, statement)
        with suppress(apsw.ConstraintError, apsw.MismatchError), query.savepoint(self.connection, "crdt_show"):
            write.execute(self.connection, {"first": 0, "last": 2**62})
            return
        for (cell,) in query.rows(self.connection, "SELECT id FROM temp._crdt_shown ORDER BY id"):
            with suppress(apsw.ConstraintError, apsw.MismatchError):
                writing.warn(self.table.name, write.execute_apart(self.connection, {"first": cell, "last": cell}))
