"""Group: settle tables that refer to each other in a circle, or one that does not, after all that they refer to.

Takes out what can't stay as it is, until the candidates are all rows that may matter to one another; lets `turns` decide; shows
what came of it. Then rows may be left that refer to what is not shown any more: they become candidates too, and all begins
again. Why it ends: each time there are more candidates, or SQLite refused a form of a row that is not tried again.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import ExitStack

from crdtsql.base import Sql, joined, query, reasons, sql
from crdtsql.shown import holding, references
from crdtsql.shown.deciding import between
from crdtsql.shown.deciding.candidates import Candidates
from crdtsql.shown.deciding.contest import Contest
from crdtsql.shown.deciding.ends import End, Ends
from crdtsql.shown.deciding.facts import Known, Shape, why_refused
from crdtsql.shown.deciding.turns import Outcome, Row, Turns
from crdtsql.shown.deciding.unions import Unions
from crdtsql.shown.holding import Side
from crdtsql.shown.references import Reference
from crdtsql.store import Causality, Registry


class Group:
    """One run over the tables of a group.

    Args:
        every_reference: those of all tables that matter, whoever declares them.
        everything: try again what SQLite refused before.
        scratch: look for rows that refer to nothing among all rows.
    """

    def __init__(
        self,
        registry: Registry,
        sides: list[Side],
        every_reference: list[Reference],
        ends: Ends,
        *,
        everything: bool,
        scratch: bool,
    ) -> None:
        self.registry = registry
        self.connection = registry.connection
        self.sides = sides
        self.every_reference = every_reference
        self.ends = ends
        self.everything = everything
        self.scratch = scratch
        ids = {side.table.id for side in sides}
        self.own = [found for found in every_reference if found.child.table.id in ids]
        self.inner = [found for found in self.own if found.parent is not None and found.parent.table.id in ids]
        self.enforced = [found for found in self.own if found.enforced]
        self.enforced_inner = [found for found in self.inner if found.enforced]
        self.candidates: dict[int, Candidates] = {}
        self.causality = Causality(self.connection)
        self.refused: dict[Shape, str] = {}
        self.suspects: set[Row] = set()
        self.stack = ExitStack()
        self.count = -1

    def settle(self) -> None:
        """Decide what the tables show, and show it."""
        with self.stack:
            while self._gather():
                if self._show(*self._decide()):
                    return

    def _decide(self) -> tuple[Known, dict[Row, Outcome]]:
        """Let the rows have their turns, until all unions are assumed that come of it.

        Rows that join the candidates on the way would have been shown as they are in the stages before.
        """
        unions = Unions(
            {found.parent.table.id for found in self.inner if found.parent and found in self.ends.references}
        )
        while True:
            known = Known(
                self.registry, self.candidates, self.enforced, self.causality, self.refused, self.suspects, unions
            )
            turns = Turns(known)
            outcomes = turns.decide()
            changed = unions.learn(outcomes, turns.present)
            if not changed:
                return known, outcomes | unions.assumed
            self._assume(known, unions)
            for reference in self.inner:
                self._take_children_out(reference, changed)
            while self._take_more_out():
                pass

    # -- gathering --------------------------------------------------------------------------------

    def _gather(self) -> bool:
        """List the rows that must be decided, taking shown ones out that may not stay as they are; tell whether there are any."""
        for side in self.sides:
            if side.table.id in self.ends.sides:
                self.connection.execute(f"DELETE FROM {self.ends.of(side)}")
        while True:
            for reference in self.own:
                if reference.enforced:
                    self._take_dangling_out(reference)
                else:
                    self._take_led_out(reference)
            if not self._take_more_out():
                break
        count = sum(len(candidates.rows()) for candidates in self.candidates.values()) + len(self.refused)
        if count == self.count:
            raise RuntimeError(f"settling {', '.join(side.table.name for side in self.sides)} did not come further")
        self.count = count
        return any(candidates.rows() for candidates in self.candidates.values())

    def _take_more_out(self) -> bool:
        """List the candidates, and take the shown rows out that may have to be decided with them; tell whether there are any."""
        self._fill()
        rivals = [self._take_rivals_out(candidates) for candidates in self.candidates.values()]
        if any(rivals):
            return True
        return bool(self.enforced_inner) and between.take_out(
            self.registry, self.candidates, self.enforced_inner, self.own
        )

    def _fill(self) -> None:
        """List the candidates, with their references read as it is known, or assumed, now."""
        for side in self.sides:
            if side.table.id not in self.candidates and holding.any_kept(self.connection, side.table):
                self._open(side)
        for candidates in self.candidates.values():
            candidates.begin()
        for inner in (False, True):
            for candidates in self.candidates.values():
                for reference in candidates.reading.references:
                    if (reference in self.inner) == inner:
                        candidates.reading.read(reference, self._parents(reference) if inner else None)
        for candidates in self.candidates.values():
            candidates.complete()

    def _parents(self, reference: Reference) -> Sql | None:
        parent = self.candidates.get(reference.parent.table.id) if reference.parent else None
        return parent.name if parent else None

    def _assume(self, known: Known, unions: Unions) -> None:
        """Let the rows that are assumed to be united lead to their winners."""
        rank = {row: number for number, row in enumerate(known.order)}
        for table in unions.tables & self.candidates.keys():
            candidates = self.candidates[table]
            found = (
                End(row[1], rank[row], end.winner[1])
                for row, end in unions.assumed.items()
                if row[0] == table and end.winner
            )
            self.ends.put(candidates.side, candidates.name, found)

    def _take_children_out(self, reference: Reference, changed: Collection[Row]) -> None:
        """Take the shown rows out that refer to rows of which something else is assumed now."""
        ids = [row for table, row in changed if reference.parent and table == reference.parent.table.id]
        with reference.child.out(self.connection):
            references.find_children(self.connection, reference, ids)
            if query.exists(self.connection, reference.child.out_table):
                holding.take_out(self.registry, reference.child)

    def _take_rivals_out(self, candidates: Candidates) -> bool:
        """Take the shown rows out that have a value that candidates may come to have; tell whether there are any."""
        side = candidates.side
        with side.out(self.connection):
            found = Contest(self.registry, candidates, self.causality).find_rivals()
            if found:
                holding.take_out(self.registry, side)
        return bool(found)

    def _open(self, side: Side) -> None:
        candidates = Candidates(self.registry, side, self.every_reference, self.ends)
        self.stack.enter_context(candidates.kept())
        self.candidates[side.table.id] = candidates
        if self.everything:
            return
        held = f"SELECT id, reason FROM {side.table.held} WHERE {reasons.IS_KEPT}"
        for number, reason in query.rows(self.connection, held):
            if reasons.read(reason)[0] in (reasons.CHECK, reasons.TRIGGER):
                if candidates.marks.every or candidates.reading.references:
                    self.suspects.add((side.table.id, number))
                else:  # there is one form of it, so SQLite says the same again
                    self.refused[(side.table.id, number), 0, ()] = reason

    def _take_dangling_out(self, reference: Reference) -> None:
        """Hold the shown rows that refer to nothing that is shown; a row of these tables that waits may yet be shown."""
        with reference.child.out(self.connection):
            inner = reference in self.inner
            references.find_dangling(self.connection, reference, waiting_count=inner, scratch=self.scratch)
            if query.exists(self.connection, reference.child.out_table):
                holding.take_out(self.registry, reference.child)

    def _take_led_out(self, reference: Reference) -> None:
        """Hold the shown rows that refer to a row that leads to another one; if nothing does, a followed reference stays as it is."""
        if reference.parent is None or reference not in self.ends.read_by(reference.child):
            return
        ends = self.ends.of(reference.parent)
        if not query.exists(self.connection, ends):
            return
        with reference.child.out(self.connection):
            references.find_led(self.connection, reference, ends)
            if query.exists(self.connection, reference.child.out_table):
                holding.take_out(self.registry, reference.child)

    # -- showing ----------------------------------------------------------------------------------

    def _show(self, known: Known, outcomes: dict[Row, Outcome]) -> bool:
        """Show what was decided; return False if there is more to decide, and nothing is shown."""
        self.connection.execute("SAVEPOINT crdt_show")
        refused = [found for table in self.candidates for found in self._put_back(table, known, outcomes)]
        left = [] if refused else self._find_left()
        if refused or left:
            self.connection.execute("ROLLBACK TO crdt_show; RELEASE crdt_show")
            self.refused |= refused
            for side, keys in left:
                self._take_left_out(side, keys)
            return False
        self.connection.execute("RELEASE crdt_show")
        for candidates in self.candidates.values():
            candidates.settle_shown()
            self._keep_ends(candidates, known, outcomes)
        return True

    def _keep_ends(self, candidates: Candidates, known: Known, outcomes: dict[Row, Outcome]) -> None:
        """Tell the tables that refer to this one which rows lead to others, or show otherwise what may be referred to."""
        table = candidates.side.table.id
        if table not in self.ends.sides:
            return
        found = []
        for rank, row in enumerate(known.order):
            outcome = outcomes[row]
            if row[0] == table and outcome.winner is not None:
                found.append(End(row[1], rank, outcome.winner[1]))
            elif row[0] == table and outcome.why is None and row[1] in candidates.read:
                found.append(End(row[1], rank, row[1]))
        self.ends.put(candidates.side, candidates.name, found)

    def _put_back(self, table: int, known: Known, outcomes: dict[Row, Outcome]) -> list[tuple[Shape, str]]:
        mine = {row: found for (number, row), found in outcomes.items() if number == table}
        chosen = {row: found.marks for row, found in mine.items() if found.why is None}
        candidates = self.candidates[table]
        candidates.choose(chosen, {row: found.why for row, found in mine.items() if found.why is not None})
        refused = candidates.put_back()
        return [(known.shape((table, row), chosen[row]), why_refused(*found)) for row, found in refused.items()]

    def _find_left(self) -> list[tuple[Side, list[tuple[object, ...]]]]:
        """Find the keys of shown rows that refer to what is not shown any more."""
        found = []
        for reference in self.enforced_inner:
            with reference.child.out(self.connection):
                references.find_dangling(self.connection, reference, waiting_count=False, scratch=self.scratch)
                self._leave_moved(reference.child)
                keys = query.rows(
                    self.connection, f"SELECT {reference.child.table.keys} FROM {reference.child.out_table}"
                )
            if keys:
                found.append((reference.child, keys))
        return found

    def _leave_moved(self, side: Side) -> None:
        """Forget of the rows that are left those that stand under another key than their own: they were decided on, as they stand."""
        found = self.candidates.get(side.table.id)
        if found is not None and found.moved:
            slots = {"keys": side.table.keys, "out": side.out_table, "candidate": found.name}
            statement = sql("shown/deciding/group/leave_moved", **slots)
            self.connection.execute(statement, {"moved": json.dumps(sorted(found.moved))})

    def _take_left_out(self, side: Side, keys: list[tuple[object, ...]]) -> None:
        with side.out(self.connection):
            marks = joined([Sql("?")] * len(side.table.key))
            self.connection.executemany(f"INSERT INTO {side.out_table} ({side.table.keys}) VALUES ({marks})", keys)
            holding.take_out(self.registry, side)
