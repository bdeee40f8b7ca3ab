"""Recording: write down what the log says was written to tables that have a history (decision 0051).

Runs in fold, on stamped events, before any clock is written. The log says which columns an update wrote, `_crdt_was` what it replaced.
What a write wrote is what the row's next one in the log replaced, or what stands in the table now: so inserts and deletes pay nothing.
The entries are rows of an ordinary replicated table, inserted through its triggers; the caller folds these next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import LiteralString

import apsw

from crdtsql.base import EMPTY, Sql, TemporaryTable, fragment, identifier, integer, joined, naming, query, sql, text
from crdtsql.compaction import floor
from crdtsql.history import reading, tables
from crdtsql.sqlite import TableShape, schema
from crdtsql.store import FIRST_UPDATE_OP, Field, Registry, Table

STEP = TemporaryTable("_crdt_step", "history/recording/create_step")
WROTE = TemporaryTable("_crdt_wrote", "history/recording/create_wrote")
SAID = ("actor", "session", "run", "note")
_NOTHING = Sql("NULL")
_SLOTS: dict[LiteralString, tuple[str, ...]] = {
    "history/recording/from_first": (
        "table",
        "clock",
        "held",
        "history",
        "clock_is_step",
        "shown_is_step",
        "entry_is_step",
    ),
    "history/recording/from_inserts": ("table", "held", "shown_is_step"),
    "history/recording/from_updates": ("table", "held", "shown_is_step"),
    "history/recording/from_deletes": ("table", "shown_is_step"),
}
"""What each source of entries takes."""


def record(registry: Registry, wanted: Iterable[tuple[Table, Sequence[Field], bool]]) -> bool:
    """Write down the events in `temp._crdt_event` of tables with a history; return whether there is anything to fold now.

    Args:
        wanted: tables, each with the columns that were updated, and whether rows were removed.
    """
    if not registry.registered().recorded:
        return False
    recorded = [_record(registry, *one) for one in wanted if one[0].history is not None]
    registry.connection.execute("DELETE FROM main._crdt_was")
    return any(recorded)


def _record(registry: Registry, table: Table, updated: Sequence[Field], removals: bool) -> bool:
    connection, history = registry.connection, tables.of(registry, table)
    shape = None if history is None else schema.read(connection, table.name)
    if history is None or shape is None or schema.read(connection, history.name) is None:
        return False
    acted = query.exists(connection, "_crdt_attribution")
    settled = max(floor.with_retired(registry, floor.read(registry).floor).values(), default=0)
    rendering = _Recording(table, history, shape, updated, removals=removals, acted=acted, forgets=settled > 0)
    genesis_t, genesis_s = table.genesis or (None, None)
    values = {"tbl": table.id, "genesis_t": genesis_t, "genesis_s": genesis_s, "settled": settled}
    with _steps(connection, rendering, values):
        for statement in rendering.every():
            connection.execute(statement, values)
    return True


@contextmanager
def _steps(connection: apsw.Connection, rendering: _Recording, values: Mapping[str, object]) -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(STEP.created(connection, keys=rendering.key_definitions))
        connection.execute(rendering.steps(), values)
        stack.enter_context(WROTE.created(connection))
        for statement in rendering.wrote():
            connection.execute(statement)
        yield


class _Recording:
    """The statements that record the events of one table."""

    def __init__(
        self,
        table: Table,
        history: Table,
        shape: TableShape,
        updated: Sequence[Field],
        *,
        removals: bool,
        acted: bool,
        forgets: bool,
    ) -> None:
        self.table, self.history, self.shape = table, history, shape
        self.updates, self.removals, self.acted, self.forgets = bool(updated), removals, acted, forgets
        self.fields = tables.kept(history, table.fields)
        self.updated = [field for field in self.fields if field in updated]
        self.key_definitions = shape.define_key(table.key_names)
        self.present = {field.name for field in history.fields}

    def steps(self) -> str:
        """Write the statement that finds which events of a row come before and after each."""
        keyed = joined(
            Sql(f"event.{key} COLLATE {column.collation}")
            for key, column in zip(self.table.key_names, self.shape.key, strict=True)
        )
        return sql(
            "history/recording/find_steps", keys=self.table.keys, event_keys=self.table.keys_of("event"), keyed=keyed
        )

    def wrote(self) -> Iterator[str]:
        """Write the statements that note what updates replaced."""
        for field in self.updated:
            part, old = naming.replaced(field.id)
            slots = {"col": integer(field.id), "part": integer(part), "old": old}
            yield sql("history/recording/find_wrote", is_masked=self._is_masked(field), **slots)

    def every(self) -> Iterator[str]:
        """Write the statements that add entries to the history."""
        if self.updates or self.removals:
            since = fragment("history/recording/head", clock=self.table.clock, clock_is_step=self._clock_is_step)
            yield self._add(
                tables.BEFORE,
                "history/recording/from_first",
                self._states(Sql("-1"), Sql("step.first_end")),
                since=since,
            )
        yield self._add(
            tables.INSERTED, "history/recording/from_inserts", self._states(Sql("step.seq"), Sql("step.ended"))
        )
        if self.updates:
            written = "history/recording/from_updates"
            yield self._add(tables.UPDATED, written, self._written(), columns=self._columns_written())
        if self.removals:
            yield self._add(tables.DELETED, "history/recording/from_deletes", {}, columns=Sql("NULL"))

    @property
    def _clock_is_step(self) -> Sql:
        return self.table.same_keys("clock", "step")

    @property
    def _shown_is_step(self) -> Sql:
        return self.table.row_has_key_of("shown", "step")

    def _states(self, after: Sql, until: Sql) -> dict[str, Sql]:
        """Say what the columns were after an event of the row, before what replaced them; by the history's columns."""
        return {naming.kept_value(field.uid): self._state(field, after, until) for field in self.fields}

    def _state(self, field: Field, after: Sql, until: Sql) -> Sql:
        if not (self.updates or self.removals):
            return Sql(f"shown.{identifier(field.name)}")
        replaced = fragment("history/recording/replaced", col=integer(field.id), after=after, until=until)
        removed = fragment("history/recording/removed", value=naming.value(field.id))
        return fragment(
            "history/recording/state",
            replaced=replaced if self.updates else EMPTY,
            removed=removed if self.removals else EMPTY,
            column=identifier(field.name),
        )

    def _written(self) -> dict[str, Sql]:
        """Say what an update wrote, and of typed columns what was there before; by the history's columns."""
        found, after, until = {}, Sql("step.seq"), Sql("step.ended")
        for field in self.updated:
            written = self._is_masked(field)
            found[naming.kept_value(field.uid)] = Sql(
                f"CASE WHEN {written} THEN {self._state(field, after, until)} END"
            )
            if naming.kept_before(field.uid) in self.present:
                was = fragment("history/recording/was", col=integer(field.id))
                found[naming.kept_before(field.uid)] = Sql(f"CASE WHEN {written} THEN {was} END")
        return found

    def _columns_written(self) -> Sql:
        columns = joined(Sql(f"({self._is_masked(field)}, {text(field.uid)})") for field in self.updated)
        return fragment("history/recording/masked", columns=columns)

    def _is_masked(self, field: Field) -> Sql:
        """Say that an update of the log wrote a column."""
        stamped = self.table.stamped_with(field)
        return Sql(f"(step.op = {FIRST_UPDATE_OP + stamped.word} AND (step.mask >> {stamped.bit}) & 1)")

    def _add(
        self,
        op: int,
        source: LiteralString,
        values: dict[str, Sql],
        *,
        columns: Sql | None = None,
        since: Sql = _NOTHING,
    ) -> str:
        slots = {
            "table": self.table.quoted,
            "clock": self.table.clock,
            "held": self.table.held,
            "history": self.history.quoted,
            "clock_is_step": self._clock_is_step,
            "shown_is_step": self._shown_is_step,
            "entry_is_step": tables.key_is(self.table, "entry", "step"),
        }
        wanted = {name: slots[name] for name in _SLOTS[source]}
        said = [
            fragment("history/recording/said", name=identifier(name))
            if self.acted and op != tables.BEFORE
            else _NOTHING
            for name in SAID
        ]
        return sql(
            "history/recording/add",
            history=self.history.quoted,
            kept_keys=joined(identifier(naming.kept_key(uid)) for uid in self.table.key_uids),
            value_columns=joined((Sql(f", {identifier(name)}") for name in values), ""),
            op=integer(op),
            step_keys=self.table.keys_of("step"),
            columns=tables.listed(self.fields) if columns is None else columns,
            seen=self._seen(),
            since=since,
            said=joined(said),
            values=joined((Sql(f",\n  {value}") for value in values.values()), ""),
            source=fragment(source, **wanted),
        )

    def _seen(self) -> Sql:
        forgotten = fragment(
            "history/recording/forgotten",
            clock=self.table.clock,
            clock_is_step=self._clock_is_step,
            history=self.history.quoted,
            entry_is_step=tables.key_is(self.table, "entry", "step"),
            is_sound=reading.is_sound(tables.INSERTED, tables.DELETED, tables.UPDATED),
        )
        return fragment(
            "history/recording/seen",
            clock=self.table.clock,
            clock_is_step=self._clock_is_step,
            heads=self.table.heads,
            heads_is_step=self.table.same_keys("heads", "step"),
            forgotten=forgotten if self.forgets else EMPTY,
        )
