"""Settle: make the user's tables show what the merged state comes to, as far as their constraints allow.

A pure function of the merged state (decisions 0011 and 0017): it writes no stamp and raises no clock, so replicas with equal
clocks show equal tables. Runs after each fold and merge, inside its write transaction, with foreign keys not enforced. What
may have changed is in `temp._crdt_dirty`. Tables that hold nothing but deleted rows, and whose references all lead to something,
cost a look.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import apsw

from crdtsql.base import Sql, TemporaryTable, caseless, integer, joined, memory, naming, query, reasons, sql
from crdtsql.capture import without_capture
from crdtsql.shown import holding, references, strangers
from crdtsql.shown.deciding import Ends, Group, components
from crdtsql.shown.holding import Side
from crdtsql.shown.references import Reference
from crdtsql.sqlite import schema
from crdtsql.store import Causality, Registered, Registry, Table

DIRTY = TemporaryTable(
    "_crdt_dirty",
    "shown/settling/create_dirty",
    written_by=("merge/merging", "shown/left", "shown/rows"),
    read_by=("fold/folding", "shown/references"),
)
RESTORED = TemporaryTable(
    "_crdt_restored",
    "shown/settling/create_restored",
    read_by=("shown/deciding/candidates", "shown/deciding/reading", "shown/references"),
)


@contextmanager
def noting(registry: Registry) -> Iterator[None]:
    """Keep note of rows that may have changed, for the length of a block."""
    keys = joined(naming.key(position) for position in range(1, registry.log_key_count() + 1))
    with DIRTY.created(registry.connection, log_keys=keys):
        yield


def note_folded(registry: Registry) -> None:
    """Note the rows that the log has events of."""
    keys = joined(naming.key(position) for position in range(1, registry.log_key_count() + 1))
    registry.connection.execute(sql("shown/settling/mark_folded", log_keys=keys))


@memory.of_schema
def _everything(connection: apsw.Connection, registered: Registered) -> tuple[list[Side], list[Reference]]:
    """Return all replicated tables that are in the file, and the references between them."""
    present = [table for table in registered.tables if not table.absent]
    shapes = schema.read_all(connection, (table.name for table in present))
    every = [Side(table, shapes[caseless(table.name)]) for table in present if caseless(table.name) in shapes]
    return every, references.read(connection, every)


def references_of(registry: Registry, table: Table) -> list[Reference]:
    """Return the references from a table, and to it."""
    _, found = _everything(registry.connection, registry.registered())
    return [one for one in found if table.id in {side.table.id for side in (one.child, one.parent) if side is not None}]


class Scene:
    """The tables that a change may concern: those that it touched, and all that references connect with them."""

    def __init__(self, registry: Registry, touched: set[int] | None = None) -> None:
        self.registry = registry
        self.connection = registry.connection
        every, every_reference = _everything(self.connection, registry.registered())
        near = {side.table.id for side in every} if touched is None else _connected(touched, every_reference)
        self.references = [found for found in every_reference if found.child.table.id in near]
        linked = {side.table.id for found in self.references for side in (found.child, found.parent) if side}
        self.sides = [
            side
            for side in every
            if side.table.id in near and (side.table.id in linked or holding.any_kept(self.connection, side.table))
        ]
        self.sides += self._placeholders(touched)

    def _placeholders(self, touched: set[int] | None) -> Iterator[Side]:
        """Yield the placeholders of tables that are not in this file, whose rows come and go too, with nothing in their way."""
        for table in self.registry.registered().absent:
            if (touched is None or table.id in touched) and holding.any_kept(self.connection, table):
                shape = schema.read(self.connection, table.place)
                if shape is not None:
                    yield Side(table, shape)

    def lift(self) -> None:
        """Take all stand-ins out of the user's tables; whoever does owes a settling of these tables."""
        for side in self.sides:
            if holding.lift(self.connection, side):
                self.connection.execute("INSERT INTO temp._crdt_dirty (tbl) VALUES (?)", (side.table.id,))

    def needs_settling(self) -> bool:
        """Tell whether a table has rows that wait, or shows rows that refer to nothing shown."""
        if any(holding.any_kept(self.connection, side.table) for side in self.sides):
            return True
        return any(self.find_dangling(reference) for reference in self.references if reference.enforced)

    def find_dangling(self, reference: Reference) -> bool:
        """Tell whether a table shows rows that refer to nothing shown."""
        with reference.child.out(self.connection):
            references.find_dangling(self.connection, reference, waiting_count=False)
            return query.exists(self.connection, reference.child.out_table)


def _connected(touched: set[int], found: Sequence[Reference]) -> set[int]:
    near = set(touched)
    while True:
        more = set()
        for reference in found:
            ids = {side.table.id for side in (reference.child, reference.parent) if side is not None}
            if ids & near:
                more |= ids - near
        if not more:
            return near
        near |= more


def settle(registry: Registry, *, everything: bool = False, scratch: bool = False) -> None:
    """Settle what may have changed.

    Args:
        everything: settle all tables that have held rows, whatever changed, and try again what SQLite refused.
        scratch: look at all rows besides.

    Raises:
        ConstraintViolationError: rows of a table that is not replicated refer to rows that can't be shown.
    """
    if query.enforces_keys(registry.connection):
        # Inside a transaction of the caller's it can't be switched off, and would carry out actions of its own.
        registry.set("unsettled", 1)
        return
    dirty = {table for (table,) in query.rows(registry.connection, "SELECT DISTINCT tbl FROM temp._crdt_dirty")}
    if not dirty and not everything and not scratch:
        return
    scene = Scene(registry, None if everything or scratch else dirty)
    if scene.sides and (scratch or scene.needs_settling()):
        tables = [side.table for side in scene.sides if not side.table.absent]
        with without_capture(registry.connection, tables), strangers.kept(registry, tables):
            _Settling(scene, everything or scratch, scratch).run()


class _Settling:
    """One run over the tables of a scene."""

    def __init__(self, scene: Scene, everything: bool, scratch: bool) -> None:
        self.scene = scene
        self.registry = scene.registry
        self.connection = scene.connection
        self.everything = everything
        self.scratch = scratch
        self.causality = Causality(self.connection)

    def run(self) -> None:
        self.scene.lift()
        if self.scratch:
            for side in self.scene.sides:
                holding.remove_deleted(self.connection, side.table)
        ends = Ends(self.registry, self.scene.sides, self.scene.references)
        with RESTORED.created(self.connection), ends.kept():
            self._restore()
            for sides in self._groups():
                group = Group(
                    self.registry, sides, self.scene.references, ends, everything=self.everything, scratch=self.scratch
                )
                group.settle()
            for side in self.scene.sides:
                self.connection.execute(sql("shown/settling/forget_waiting", held=side.table.held))
        if any(self._awaits_strangers(reference) for reference in self.scene.references):
            self.registry.set("unsettled", 1)
        for side in self.scene.sides:
            if holding.any_waits(self.connection, side.table):
                raise RuntimeError(f"rows of table {side.table.name!r} were left undecided")

    def _groups(self) -> list[list[Side]]:
        """Put the tables into groups that refer to each other in a circle, referenced groups first."""
        by_id = {side.table.id: side for side in self.scene.sides}
        parents: dict[int, list[int]] = {number: [] for number in by_id}
        for reference in self.scene.references:
            if reference.parent is not None and reference.child.table.id in parents:
                parents[reference.child.table.id].append(reference.parent.table.id)
        return [[by_id[number] for number in group] for group in components(parents)]

    def _awaits_strangers(self, reference: Reference) -> bool:
        """Tell whether rows wait for a table that is not replicated, of whose changes nobody tells us."""
        reason = reasons.because(reasons.FOREIGN_KEY, reference.key.parent)
        which = Sql(f"{reasons.IS_KEPT} AND reason = ?")
        held = reference.child.table.held
        return reference.parent is None and query.exists(self.connection, held, which, (reason,))

    # -- deleted rows that are referred to ---------------------------------------------------------

    def _restore(self) -> None:
        """Mark the deleted rows that must be shown, because rows that their deletes had not seen refer to them."""
        keeping = [
            found
            for found in self.scene.references
            if found.enforced and found.parent is not None and found.key.on_delete in references.KEEPS_PARENT
        ]
        restored: set[tuple[int, int]] = set()
        while True:
            found = {
                (reference.parent.table.id, dead)
                for reference in keeping
                if reference.parent is not None
                for dead in self._dead_parents(reference)
                if (reference.parent.table.id, dead) not in restored and self._keeps(reference, dead)
            }
            if not found:
                break
            restored |= found
            self.connection.executemany("INSERT INTO temp._crdt_restored VALUES (?, ?)", sorted(found))
            for side in self.scene.sides:  # at once, so that what these refer to is looked for next
                statement = sql("shown/settling/await_restored", held=side.table.held, table_id=integer(side.table.id))
                self.connection.execute(statement)

    def _dead_parents(self, reference: Reference) -> set[int]:
        with reference.child.out(self.connection):
            references.find_dangling(self.connection, reference, waiting_count=False, scratch=self.scratch)
            return references.dead_parents(self.connection, reference)

    def _keeps(self, reference: Reference, dead: int) -> bool:
        """Tell whether a reference to a deleted row was written by somebody of whom none of its deletes knew."""
        if reference.parent is None:
            return False
        found = references.deletes(self.connection, reference.parent, dead)
        return any(
            not any(self.causality.has_seen(delete, stamp) for delete in found)
            for stamp in references.reference_stamps(self.connection, reference, dead)
        )
