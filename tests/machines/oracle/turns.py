"""Turns: who is shown of some rows, and how, one after the other (decision 0017), for given readings of their references (0018)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from tests.machines.oracle.events import Row
from tests.machines.oracle.rules import KINDS, Mark, Record, Reference, Unique, circles, refers

if TYPE_CHECKING:
    from tests.machines.oracle.shown import Shown


class Turns:
    """One run.

    Attributes:
        order: the rows that have a turn, the best claim first.
        before: what other tables show.
        barred: further rows, which can't be shown, and why.
        may_lead: the tables whose rows lead to others where they are united; until that is known, a reference to such a row counts
            as one that leads somewhere.
        shown, dangling, reasons: the result.
    """

    def __init__(
        self,
        now: Shown,
        order: list[Row],
        may_lead: Collection[str],
        loose: Collection[Row],
        barred: Mapping[Row, set[str]],
    ) -> None:
        self.now = now
        self.order = order
        self.before = dict(now.view.shown)
        self.may_lead = may_lead
        self.loose = loose
        self.shown: dict[Row, Record] = {}
        self.present: dict[Row, Record] = {}
        self.dangling: set[Row] = set()
        self.reasons: dict[Row, set[str]] = dict(barred)
        self._note_present(barred)
        self._take_turns()

    def _take_turns(self) -> None:
        """Let all rows have their turn, and those that may refer to each other in a circle one together.

        A row waits for those that it may refer to, and for better ones that may have one of its values. Of rows that all wait for one
        another, the best of those that only wait for better ones goes all the same. What had its turn is decided for good.
        """
        units = circles({row: self.now.parents[row] & set(self.order) for row in self.order})
        above = {u: {v for row in u for v in units if v & self.now.parents[row]} - {u} for u in units}
        better = {u: {v for v in units if self._is_better(v, u)} - {u} for u in units}
        rank = {u: min(self.order.index(row) for row in u) for u in units}
        waiting = set(units)
        while waiting:
            turns = [u for u in waiting if not (above[u] | better[u]) & waiting]
            if not turns:
                knots = circles({u: (above[u] | better[u]) & waiting for u in waiting})
                last = next(k for k in knots if all((above[u] | better[u]) & waiting <= k for u in k))
                turns = [min((u for u in last if not above[u] & waiting), key=lambda u: rank[u])]
            for unit in turns:
                self._turn(unit)
            waiting -= set(turns)

    def _is_better(self, unit: frozenset[Row], other: frozenset[Row]) -> bool:
        """Tell whether a row of a unit comes before one of another and may have one of its values."""
        return any(
            self.now.values[one] & self.now.values[two] and self.order.index(one) < self.order.index(two)
            for one in unit
            for two in other
        )

    def _turn(self, unit: frozenset[Row]) -> None:
        """Decide what is shown of some rows, beside what was decided before.

        All are shown as they are; then rounds, of which each does the first of these that there is to do: references that lead to
        nothing are marked, or take their row out if they can't be or were; the best row of which others have values is marked, if it
        can do without all of these; rows go out of which a row that was decided before has a value; rows that a CHECK refuses go
        out; so does the best row of which a better one of the same turn has a value. Marks and rows that are out only grow.
        """
        marks: dict[Row, set[Mark]] = {row: set() for row in unit}
        out: dict[Row, set[str]] = {}
        while True:
            found = {row: self.now._record(row, marks[row]) for row in self.order if row in unit and row not in out}
            gone = set(out)
            nowhere = self._dangling(found, marks)
            for row, reference in nowhere:
                if self.now._may_mark(row, reference) and reference not in marks[row]:
                    marks[row].add(reference)
                else:
                    out.setdefault(row, set()).add(f"foreign key: {reference.parent}")
            if nowhere or self._give_up(found, marks):
                self._note_present(set(out) - gone)
                continue
            late = {row: lost for row in found for _, lost in self._losers({row: found[row]})}
            failed = {
                row: {c.reason for c in self.now.rules[row[0]].checks if not c.holds(found[row])} for row in found
            }
            broken = {} if late else {row: reasons for row, reasons in failed.items() if reasons}
            losers = late or ({} if broken else dict([*self._losers(found)][:1]))
            if not broken and not losers:
                break
            out |= broken or {row: {f"unique: {unique.name}" for unique in lost} for row, lost in losers.items()}
            self._note_present(set(out) - gone)
        self.shown |= found
        self.dangling |= {row for row, _ in self._leading_nowhere(found)}
        self.reasons |= out

    def _note_present(self, gone: Iterable[Row]) -> None:
        """Let rows that go out count as there for those that refer to them, as long as they may be one with rows that are shown."""
        for row in gone:
            record = self.now.records[row]
            if row[0] in self.may_lead and row not in self.loose and self.now.uniting(row, record):
                self.present[row] = record

    def _give_up(self, found: dict[Row, Record], marks: dict[Row, set[Mark]]) -> bool:
        """Mark the best row of which others have values, if it can be shown without all of them."""
        for row, lost in self._losers(found):
            if all(self.now._may_mark(row, unique) and unique not in marks[row] for unique in lost):
                marks[row] |= lost
                return True
        return False

    def _losers(self, found: dict[Row, Record]) -> Iterable[tuple[Row, set[Unique]]]:
        """Yield the rows that have a value of a better one, the best first, and in which indexes."""
        taken = {value for row, record in self.shown.items() for value in self.now._values(row, record)}
        for row, record in found.items():
            values = self.now._values(row, record)
            names = {name for _, name, _ in values & taken}
            if names:
                yield row, {unique for unique in self.now.uniques(row[0]) if unique.name in names}
            taken |= values

    def _dangling(self, shown: dict[Row, Record], marks: dict[Row, set[Mark]]) -> set[tuple[Row, Reference]]:
        """Return the references of shown rows that refer to nothing shown, but for those that were found so and show it."""
        return {
            (row, reference)
            for row, reference in self._leading_nowhere(shown)
            if not self.now._was_found_so(row, reference)
            or any(
                set(self.now._marked(row, mark, kind)) & set(reference.columns) for mark in marks[row] for kind in KINDS
            )
        }

    def _leading_nowhere(self, shown: dict[Row, Record]) -> set[tuple[Row, Reference]]:
        everything = {**self.before, **self.shown, **shown, **self.present}
        return {
            (row, reference)
            for row, record in shown.items()
            for reference in self.now.rules[row[0]].references
            if reference.enforced
            and all(record[column] is not None for column in reference.columns)
            and not any(refers(record, reference, parent, found) for parent, found in everything.items())
        }
