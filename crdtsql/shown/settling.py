"""Settle: make the user's tables show what the merged state comes to, as far as their constraints allow.

A pure function of the merged state (docs/decisions/0011): it writes no stamp and raises no clock, so replicas with equal
clocks show equal tables. Runs after each fold and merge, inside its write transaction, with foreign keys not enforced. What
may have changed is in `temp._crdt_dirty`. Tables that hold nothing but deleted rows, and whose references all lead to something,
cost a look.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import apsw

from crdtsql.base import caseless, integer, joined, naming, query, reasons, sql, text
from crdtsql.capture import without_capture
from crdtsql.shown import holding, references, strangers
from crdtsql.shown.contest import Choice, Contest
from crdtsql.shown.holding import Side
from crdtsql.shown.references import Reference
from crdtsql.sqlite import schema
from crdtsql.store import Causality, Registry, temporary

_UNIQUE = (apsw.SQLITE_CONSTRAINT_UNIQUE, apsw.SQLITE_CONSTRAINT_PRIMARYKEY, apsw.SQLITE_CONSTRAINT_ROWID)


@contextmanager
def noting(registry: Registry) -> Iterator[None]:
    """Keep note of rows that may have changed, for the length of a block."""
    keys = joined(naming.key(position) for position in range(1, registry.log_key_count() + 1))
    with temporary(registry.connection, "_crdt_dirty", f"CREATE TEMP TABLE _crdt_dirty (tbl, {keys})"):
        yield


def note_folded(registry: Registry) -> None:
    """Note the rows that the log has events of."""
    keys = joined(naming.key(position) for position in range(1, registry.log_key_count() + 1))
    registry.connection.execute(sql("shown/settling/mark_folded", log_keys=keys))


class Scene:
    """The tables that a change may concern: those that it touched, and all that foreign keys connect with them."""

    def __init__(self, registry: Registry, touched: set[int] | None = None) -> None:
        self.registry = registry
        self.connection = registry.connection
        tables = [table for table in registry.tables() if not table.absent]
        shapes = schema.read_all(self.connection, (table.name for table in tables))
        every = [Side(table, shapes[caseless(table.name)]) for table in tables if caseless(table.name) in shapes]
        every_reference = references.read(registry, every)
        near = {side.table.id for side in every} if touched is None else _connected(touched, every_reference)
        self.references = [found for found in every_reference if found.child.table.id in near]
        linked = {side.table.id for found in self.references for side in (found.child, found.parent) if side}
        self.sides = [
            side
            for side in every
            if side.table.id in near and (side.table.id in linked or holding.any_kept(self.connection, side.table))
        ]

    def lift(self) -> None:
        """Take all stand-ins out of the user's tables; whoever does owes a settling of these tables."""
        for side in self.sides:
            if holding.lift(self.connection, side):
                self.connection.execute("INSERT INTO temp._crdt_dirty (tbl) VALUES (?)", (side.table.id,))

    def needs_settling(self) -> bool:
        """Tell whether a table has rows that wait, or shows rows that refer to nothing shown."""
        if any(holding.any_kept(self.connection, side.table) for side in self.sides):
            return True
        return any(self.find_dangling(reference) for reference in self.references)

    def find_dangling(self, reference: Reference) -> bool:
        """Tell whether a table shows rows that refer to nothing shown."""
        with temporary(self.connection, "_crdt_out", reference.child.create_out):
            references.find_dangling(self.connection, reference, waiting_count=False)
            return query.first(self.connection, "SELECT 1 FROM temp._crdt_out LIMIT 1") is not None


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


def settle(registry: Registry, *, everything: bool = False) -> None:
    """Settle what may have changed; with `everything`, all tables that have held rows, whatever changed.

    Raises:
        ConstraintViolationError: rows of a table that is not replicated refer to rows that can't be shown.
    """
    (enforced,) = query.first(registry.connection, "PRAGMA foreign_keys")
    if enforced:
        # Inside a transaction of the caller's it can't be switched off, and would carry out actions of its own.
        registry.set("unsettled", 1)
        return
    dirty = {table for (table,) in query.rows(registry.connection, "SELECT DISTINCT tbl FROM temp._crdt_dirty")}
    scene = Scene(registry, None if everything else dirty)
    if scene.sides and scene.needs_settling():
        tables = [side.table for side in scene.sides]
        with without_capture(registry.connection, tables), strangers.kept(registry, tables):
            _Settling(scene, everything).run()


class _Settling:
    """One run over the tables of a scene."""

    def __init__(self, scene: Scene, everything: bool) -> None:
        self.scene = scene
        self.registry = scene.registry
        self.connection = scene.connection
        self.everything = everything
        self.causality = Causality(self.connection)
        self.refused: dict[int, dict[int, str]] = defaultdict(dict)
        self.masks: dict[int, dict[int, set[str]]] = defaultdict(dict)

    def run(self) -> None:
        self.scene.lift()
        with (
            temporary(self.connection, "_crdt_restored", holding.CREATE_RESTORED),
            temporary(self.connection, "_crdt_refused", holding.CREATE_REFUSED),
        ):
            self._restore()
            for group in references.grouped(self.scene.sides, self.scene.references):
                self._settle_group(group)
            for side in self.scene.sides:
                self.connection.execute(sql("shown/settling/forget_waiting", held=side.table.held))
        if any(self._awaits_strangers(reference) for reference in self.scene.references):
            self.registry.set("unsettled", 1)
        for side in self.scene.sides:
            if holding.any_waits(self.connection, side.table):
                raise RuntimeError(f"rows of table {side.table.name!r} were left undecided")

    def _awaits_strangers(self, reference: Reference) -> bool:
        """Tell whether rows wait for a table that is not replicated, of whose changes nobody tells us."""
        reason = reasons.because(reasons.FOREIGN_KEY, reference.key.parent)
        held = f"SELECT 1 FROM {reference.child.table.held} WHERE {reasons.IS_KEPT} AND reason = ?"
        return reference.parent is None and query.first(self.connection, held, (reason,)) is not None

    # -- deleted rows that are referred to ---------------------------------------------------------

    def _restore(self) -> None:
        """Mark the deleted rows that must be shown, because rows that their deletes had not seen refer to them."""
        keeping = [
            found
            for found in self.scene.references
            if found.parent is not None and found.key.on_delete in references.KEEPS_PARENT
        ]
        restored: set[tuple[int, int]] = set()
        while True:
            suspects = {
                (reference.parent.table.id, dead)
                for reference in keeping
                if reference.parent is not None
                for dead in self._dead_parents(reference)
            }
            found = {
                (table, dead)
                for table, dead in suspects - restored
                if any(one.parent and one.parent.table.id == table and self._keeps(one, dead) for one in keeping)
            }
            if not found:
                break
            restored |= found
            self.connection.executemany("INSERT INTO temp._crdt_restored VALUES (?, ?)", sorted(found))
            for side in self.scene.sides:  # at once, so that what these refer to is looked for next
                statement = sql("shown/settling/await_restored", held=side.table.held, table_id=integer(side.table.id))
                self.connection.execute(statement)

    def _dead_parents(self, reference: Reference) -> set[int]:
        with temporary(self.connection, "_crdt_out", reference.child.create_out):
            references.find_dangling(self.connection, reference, waiting_count=False)
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

    # -- table by table ----------------------------------------------------------------------------

    def _settle_group(self, group: Sequence[Side]) -> None:
        """Settle tables that refer to each other in a circle, or one that does not.

        Rows whose references lead nowhere are masked or refused, until there are no more such; rows that wait count as shown
        meanwhile. Then the tables choose; what refers to a row that lost is refused for good, and all begins again.
        """
        ids = {side.table.id for side in group}
        own = [found for found in self.scene.references if found.child.table.id in ids]
        inner = [found for found in own if found.parent is not None and found.parent.table.id in ids]
        for side in group:
            self._refuse_impossible(side)
        while True:
            for side in group:
                holding.lift(self.connection, side)
            self._look_for_parents(group, own, inner)
            if not all(self._decide(side) for side in group):
                continue
            broken = [(one, row) for one in inner for row in self._take_dangling_out(one, waiting_count=False)]
            if not broken:
                return
            for reference, number in broken:
                self._refuse_or_mask(reference, number)

    def _refuse_impossible(self, side: Side) -> None:
        """Leave out what was found impossible by itself before; with `everything`, it is tried again."""
        if self.everything:
            return
        rows = query.rows(
            self.connection,
            f"SELECT id, reason FROM {side.table.held} WHERE {reasons.IS_KEPT} "
            f"AND (reason GLOB '{reasons.CHECK}: *' OR reason GLOB '{reasons.TRIGGER}: *')",
        )
        for number, reason in rows:
            self._refuse(side, number, reason)

    def _look_for_parents(self, group: Sequence[Side], own: Sequence[Reference], inner: Sequence[Reference]) -> None:
        """Mask or refuse the rows that refer to nothing that is shown or waits, to a fixpoint."""
        while True:
            changed = False
            for reference in own:
                changed |= bool(self._take_dangling_out(reference, waiting_count=reference in inner))
            for side in group:
                toward = [found for found in own if found.child is side]
                with temporary(self.connection, "_crdt_candidate", holding.create_candidates(side)):
                    if not toward or not self._list(side):
                        continue
                    dangling = [
                        (found, number)
                        for found in toward
                        for number in references.dangling_candidates(self.connection, found, found in inner)
                    ]
                for reference, number in dangling:
                    changed |= self._refuse_or_mask(reference, number)
            if not changed:
                return

    def _list(self, side: Side) -> bool:
        """Fill `temp._crdt_candidate` with the held rows that might be shown, as they would be; tell whether there are any."""
        found = holding.list_candidates(self.connection, side)
        self._apply(side)
        return bool(found)

    def _take_dangling_out(self, reference: Reference, *, waiting_count: bool) -> list[int]:
        """Hold the rows that refer to nothing shown (or waiting); return the ids of their held rows."""
        side = reference.child
        with temporary(self.connection, "_crdt_out", side.create_out):
            references.find_dangling(self.connection, reference, waiting_count)
            if query.first(self.connection, "SELECT 1 FROM temp._crdt_out LIMIT 1") is None:
                return []
            return holding.take_out(self.registry, side)

    def _refuse(self, side: Side, number: int, why: str) -> bool:
        if number in self.refused[side.table.id]:
            return False
        self.refused[side.table.id][number] = why
        self.connection.execute("INSERT INTO temp._crdt_refused VALUES (?, ?)", (side.table.id, number))
        return True

    def _refuse_or_mask(self, reference: Reference, number: int) -> bool:
        """Mask a row's reference, or refuse the row where it can't be masked; return whether that is new."""
        masks = self.masks[reference.child.table.id]
        columns = references.masked_columns(reference)
        if columns is None or masks.get(number, set()) >= set(columns):
            return self._refuse(reference.child, number, reasons.because(reasons.FOREIGN_KEY, reference.key.parent))
        masks[number] = masks.get(number, set()) | set(columns)
        return True

    def _decide(self, side: Side) -> bool:
        """Show what a table can show of the rows that wait; return False if some turned out to be impossible by themselves."""
        with temporary(self.connection, "_crdt_candidate", holding.create_candidates(side)):
            if not self._list(side):
                return True
            contest = Contest(self.registry, side, self.causality)
            if contest.indexes:
                if self._refuse_failed(side, holding.probe(self.connection, side)):
                    return False
                with temporary(self.connection, "_crdt_out", side.create_out):
                    if contest.find_rivals():
                        holding.take_out(self.registry, side)
                        self._list(side)
            choice = contest.choose() if contest.indexes else self._all_candidates()
            if not self._show(side, choice):
                return False
            holding.settle_shown(self.connection, side)
            return True

    def _refuse_failed(self, side: Side, failed: Mapping[int, tuple[int, str]]) -> bool:
        """Refuse rows that are impossible by themselves, whatever else the table shows; return whether there are any."""
        impossible = {number: found for number, found in failed.items() if found[0] not in _UNIQUE}
        for number, (code, message) in impossible.items():
            kind = reasons.TRIGGER if code == apsw.SQLITE_CONSTRAINT_TRIGGER else reasons.CHECK
            self._refuse(side, number, f"{kind}: {message}")
        return bool(impossible)

    def _all_candidates(self) -> Choice:
        rows = query.rows(self.connection, "SELECT id FROM temp._crdt_candidate WHERE NOT refused")
        return Choice({number for (number,) in rows})

    def _apply(self, side: Side) -> None:
        """Write to the candidates which of them are refused, and what is shown in place of their references."""
        connection = self.connection
        connection.executemany(
            "UPDATE temp._crdt_candidate SET refused = 1, chosen = 0, why = ?2 WHERE id = ?1",
            self.refused[side.table.id].items(),
        )
        columns = {column.name: column for column in side.shape.columns}
        for number, names in self.masks[side.table.id].items():
            settings = [f"masks = {text(json.dumps(sorted(names)))}"]
            for name in names:
                shown = columns[name].default_value if self._has_default(side, name) else "NULL"
                settings.append(f"{side.held_name(name)} = {shown}")
            connection.execute(f"UPDATE temp._crdt_candidate SET {', '.join(settings)} WHERE id = ?", (number,))

    def _has_default(self, side: Side, name: str) -> bool:
        """Tell whether a column shows its default where its reference leads nowhere."""
        return any(
            found.key.on_delete == "SET DEFAULT" and name in found.key.columns
            for found in self.scene.references
            if found.child is side
        )

    def _show(self, side: Side, choice: Choice) -> bool:
        """Show the chosen rows; return False if a row turned out to be impossible by itself, so that others may be chosen."""
        connection = self.connection
        connection.execute("UPDATE temp._crdt_candidate SET chosen = 0")
        connection.executemany(
            "UPDATE temp._crdt_candidate SET chosen = 1 WHERE id = ?", [(number,) for number in choice.chosen]
        )
        connection.executemany("UPDATE temp._crdt_candidate SET why = ?2 WHERE id = ?1", choice.lost.items())
        for number, shown in choice.masks.items():
            names = self.masks[side.table.id].get(number, set()) | shown.keys()
            settings = ", ".join(f"{side.held_name(name)} = ?" for name in shown)
            connection.execute(
                f"UPDATE temp._crdt_candidate SET masks = ?, {settings} WHERE id = ?",
                (json.dumps(sorted(names)), *shown.values(), number),
            )
        connection.execute("SAVEPOINT crdt_show")
        failed = holding.put_back(connection, side)
        if self._refuse_failed(side, failed):
            connection.execute("ROLLBACK TO crdt_show; RELEASE crdt_show")
            return False
        connection.execute("RELEASE crdt_show")
        connection.executemany(
            "UPDATE temp._crdt_candidate SET chosen = 0, why = ?2 WHERE id = ?1",
            [(number, reasons.because(reasons.UNIQUE, message)) for number, (_, message) in failed.items()],
        )
        return True
