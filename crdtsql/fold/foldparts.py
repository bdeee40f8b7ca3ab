"""Fold for typed columns: turn what was written to a cell into events on its parts (docs/decisions/0009).

Runs inside of fold, after the log's events were stamped and before the clocks are written, because a cell that was never
split has its stamp in the clock. Afterwards the user's table shows what the parts say. Cost: a few statements per typed
column that was written; none for rows that were only inserted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial

import apsw

from crdtsql.base import EMPTY, Sql, SqliteValue, TemporaryTable, fragment, identifier, naming, query, sql
from crdtsql.capture import without_capture
from crdtsql.fold import byrow
from crdtsql.fold.byrow import Events
from crdtsql.fold.pieces import Stamped
from crdtsql.shown import Side, take_out
from crdtsql.sqlite import schema, writing
from crdtsql.store import FIRST_UPDATE_OP, Field, Registry, Table
from crdtsql.types import CellType, Kind, parts

CELL = TemporaryTable("_crdt_cell", "fold/foldparts/create_cell")
WRITE = TemporaryTable("_crdt_write", "fold/foldparts/create_write")
SPLIT = TemporaryTable("_crdt_split", "fold/foldparts/create_split")
CHANGE = TemporaryTable("_crdt_change", "fold/foldparts/create_change")
REFUSED = TemporaryTable("_crdt_refused", "fold/foldparts/create_refused")

MOST_ADDED = 1 << 20
"""Of so many updates between plus and minus 2^40 (`is_large.sql`) SQLite adds the differences exactly."""


def concerned(registry: Registry, table: Table, events: Events) -> list[Field]:
    """Return the typed columns of which something was written that concerns their parts."""
    if events.inserts and parts.have_parts(registry.connection, table):
        return list(table.typed_fields)
    return [field for field in events.of(table) if field in table.typed_fields]


@contextmanager
def refusing(registry: Registry, table: Table, shape: schema.TableShape) -> Iterator[None]:
    """Keep note, for the length of a block, of what the table does not allow to be shown."""
    with REFUSED.created(registry.connection, keys=shape.define_key(table.key_names)):
        yield


def hold_refused(registry: Registry, table: Table, shape: schema.TableShape) -> bool:
    """Once the clocks are written: hold the rows that the table does not allow to show what their parts say, as all replicas do.

    Returns:
        whether there were any; they wait to be settled.
    """
    connection = registry.connection
    if not query.exists(connection, "temp._crdt_refused"):
        return False
    side = Side(table, shape)
    with without_capture(connection, [table]), side.out(connection):
        connection.execute(sql("fold/foldparts/list_refused", out=side.out_table, keys=table.keys))
        take_out(registry, side)
    slots = {"held": table.held, "clock": table.clock, "clock_is_refused": table.same_keys("clock", "refused")}
    slots["refused_is_target"] = table.same_keys("refused", "target")
    for field in table.typed_fields:
        show = sql("fold/foldparts/show_refused", value=naming.value(field.id), **slots)
        connection.execute(show, {"col": field.id})
    return True


def fold_parts(
    registry: Registry,
    table: Table,
    shape: schema.TableShape,
    fields: Sequence[Field],
    stamped: Stamped,
    events: Events,
) -> None:
    """Fold typed columns of one table; its events are grouped by row."""
    for field in fields:
        _Fold(registry, table, shape, field, stamped, events).run()


@dataclass
class _Fold:
    """The fold of one typed column."""

    registry: Registry
    table: Table
    shape: schema.TableShape
    field: Field
    stamped: Stamped
    events: Events

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
            "closed": self.registry.number("totals_closed"),
            "genesis_t": genesis_t,
            "genesis_s": genesis_s,
            "real": parts.is_real(self.shape, self.field),
        }
        self.shared = {"parts": self.table.parts, "keys": self.table.keys, "cell_keys": self.table.keys_of("cell")}
        self.cell_is_event = self.table.same_keys("cell", "event")
        self.part_is_cell = self.table.same_keys("part", "cell")
        self.found_next = fragment("fold/foldparts/found_next")
        self.was_updated = fragment("fold/foldparts/was_updated")

    def _execute(self, name: str, **slots: Sql) -> None:
        self.connection.execute(sql(name, **slots), self.values)

    def run(self) -> None:
        """Fold the column."""
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

    def _collect(self) -> None:
        table = self.table
        stamp_t, stamp_s = self.field.full_stamp
        self._execute(
            "fold/foldparts/collect_cells",
            row_marker=identifier(table.key[0]),
            site_of_whole=self.stamped.site_of("event.inserted"),
            column=identifier(self.field.name),
            held_value=naming.value(self.field.id),
            stamp_t=stamp_t,
            stamp_s=stamp_s,
            updated=self._was_updated(),
            keys=table.keys,
            event_keys=table.keys_of("event"),
            table=table.quoted,
            held_table=table.held,
            clock=table.clock,
            parts=table.parts,
            shown_is_event=table.row_has_key_of("shown", "event"),
            clock_is_event=table.same_keys("clock", "event"),
            part_is_event=table.same_keys("part", "event"),
        )

    def _collect_writes(self) -> None:
        """List and number the updates of the cells since their rows were inserted."""
        writes = self._writes(self.found_next, "row_number() OVER log", "event.hlc > ifnull(cell.whole, 0)")
        self._execute("fold/foldparts/collect_writes", writes=writes)

    def _was_updated(self) -> Sql:
        """Say that a row's cell was updated."""
        updated = self.field in self.events.of(self.table)
        return Sql(f"event.{byrow.update_name(self.field)} IS NOT NULL") if updated else Sql("0")

    def _writes(self, new: Sql, place: str, which: str) -> Sql:
        """Render the updates of the cells; `new` is the value that each of them wrote, `place` its number."""
        slots = {"new": new, "place": Sql(place), "which": Sql(which), "cell_is_event": self.cell_is_event}
        return fragment("fold/foldparts/writes", **slots)

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
            self._collect_writes()
            self._execute("fold/foldparts/find_values")
            self._execute("fold/foldparts/collect_written", was_updated=self.was_updated)
            self._show_parts()

    def _fold_total(self) -> None:
        """Add what a counter grew by to its site's total; let an insert begin from the totals that it saw."""
        # Triggers of an older format did not log the new value.
        aged = query.exists(self.connection, "temp._crdt_event", "aged")
        new = Sql(f"CASE WHEN event.aged THEN {self.found_next} ELSE event.new END") if aged else Sql("event.new")
        writes = self._writes(new, "NULL", "1")
        counted = {"writes": writes, "is_counted": fragment("fold/foldparts/is_counted")}
        self._execute("fold/foldparts/sum_writes", added=self._added(aged), **counted)
        self._execute("fold/foldparts/find_values")
        self._forget_unchanged(fragment("fold/foldparts/counted", **counted))
        total_is_cell = self.table.same_keys("total", "cell")
        if query.exists(self.connection, "temp._crdt_cell", "whole IS NOT NULL"):
            self._forget_parts("whole IS NOT NULL", "NOT (part >= '+' AND part < ',')")
            self._add_to_totals("write.hlc < cell.whole", total_is_cell)
            self._execute("fold/foldparts/note_bases_seen", total_is_cell=total_is_cell, **self.shared)
        self._execute(
            "fold/foldparts/note_base",
            was_updated=self.was_updated,
            base_is_cell=self.table.same_keys("base", "cell"),
            total_is_cell=total_is_cell,
            **self.shared,
        )
        self._add_to_totals("write.hlc > ifnull(cell.whole, 0)", total_is_cell)
        self._load_parts(Sql("1"))
        self._show_parts()

    def _add_to_totals(self, which: str, total_is_cell: Sql) -> None:
        """Add what was written to totals of its site: those that no replica may have forgotten yet."""
        slots = {"which": Sql(which), "total_is_cell": total_is_cell, **self.shared}
        self._execute("fold/foldparts/add_to_totals", **slots)

    def _added(self, aged: bool) -> Sql:
        """Render the sum of what updates added, in SQLite's own numbers unless some are reals, or too large."""
        which = fragment("fold/foldparts/is_large")
        exactly = aged or self.events.count > MOST_ADDED
        if exactly or query.exists(self.connection, "temp._crdt_event", which, self.values):
            return fragment("fold/foldparts/added_exactly")
        return fragment("fold/foldparts/added")

    def _fold_each(self) -> None:
        """Compare the parts before and after each write; a value that takes the place of NULL is a whole write."""
        self._collect_writes()
        self._execute("fold/foldparts/find_wholes")
        self._execute("fold/foldparts/forget_overwritten")
        if self.connection.changes():
            self.connection.execute("UPDATE temp._crdt_write SET i = NULL")
            self._execute("fold/foldparts/number_writes")
        self._execute("fold/foldparts/find_values")
        self._forget_parts("whole IS NOT NULL")
        names = self.kind.names_sql(Sql("write.new"))
        self._load_parts(self.was_updated if names is None else Sql(f"{self.was_updated} AND part.part = ''"))
        slots = {"parts": self.table.parts, "part_is_cell": self.part_is_cell, "was_updated": self.was_updated}
        self._execute("fold/foldparts/load_wholes", **slots)
        if names is None:
            self._split_all()
        else:
            before = self.kind.names_sql(Sql("part.v"))
            self._execute("fold/foldparts/split_differing", names_before=before or EMPTY, names_after=names, **slots)
        self._execute("fold/foldparts/find_changes")
        self._execute("fold/foldparts/count_changes")
        self._forget_unchanged(Sql("temp._crdt_write"))
        self._execute("fold/foldparts/keep_last_changes")
        self._execute("fold/foldparts/make_explicit", **self.shared)
        self._execute("fold/foldparts/forget_changed_parts", **self.shared)
        self._execute("fold/foldparts/store_changed_parts", **self.shared)
        if names is None:
            self._execute("fold/foldparts/forget_loaded")
            self._execute("fold/foldparts/add_changes")
            self._show_parts()
        else:
            self._execute("fold/foldparts/show_written", names=names)

    def _split_all(self) -> None:
        """Split the values before and after each write into all of their parts."""
        parts.imply(self.connection, self.kind, "mine")
        self._execute("fold/foldparts/find_before")
        split = self.kind.explode_sql(Sql("(SELECT seq AS id, new AS value FROM temp._crdt_write)"))
        self._execute("fold/foldparts/split_writes", split=EMPTY if split is None else split)
        self._execute("fold/foldparts/carry_hidden")

    def _forget_unchanged(self, writes: Sql) -> None:
        """Forget the updates of a cell that changed the spelling alone, and show the value before again."""
        if not query.exists(self.connection, "temp._crdt_write", "NOT counts"):
            return
        self._execute("fold/foldparts/forget_unchanged", writes=writes)
        self._execute("fold/foldparts/restamp_rows", update=byrow.update_name(self.field))
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
        """Write the user's table, and note the rows that it does not allow to show that."""
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
            try:
                writing.warn(self.table.name, write.execute_apart(self.connection, {"first": cell, "last": cell}))
            except (apsw.ConstraintError, apsw.MismatchError):
                slots = {"keys": self.table.keys, "cell_keys": self.table.keys_of("cell")}
                self.connection.execute(sql("fold/foldparts/note_refused", **slots), {"id": cell, "col": self.field.id})
