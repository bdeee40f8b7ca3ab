"""Turns: which of some rows are shown, and how, one after the other; what had its turn is decided for good (decision 0017).

A row waits for the rows that it may come to refer to, and for better ones that may have one of its UNIQUE values; rows that may
refer to each other in a circle have one turn together. Why it ends: each turn decides at least one row, so there are no more
turns than rows; within a turn each round adds a mark to a row, or takes one out, and neither is ever undone. Knows no SQL: what
there is to know about the rows is `Facts`.
"""

from __future__ import annotations

import heapq
from collections import ChainMap, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from operator import or_
from typing import Protocol, TypeVar

Row = tuple[int, int]
"""The id of its table, and that of its held row."""
Value = tuple[int, int, int]
"""Table, index, and a number that is the same for equal values."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row: shown under some marks, or out for a reason; `winner` is the shown row that it is united with."""

    marks: int = 0
    why: str | None = None
    winner: Row | None = None


class Facts(Protocol):
    """What turns are decided by."""

    @property
    def rows(self) -> Sequence[Row]:
        """All rows, the best claim first."""

    @property
    def barred(self) -> Mapping[Row, str]:
        """Further rows, which are out from the beginning, and why."""

    def above(self, row: Row) -> Iterable[Row]:
        """Return the rows that a row may come to refer to."""

    def may_have(self, row: Row) -> Iterable[Value]:
        """Return the values that a row may come to have."""

    def values(self, row: Row, marks: int) -> Mapping[Value, tuple[int, str]]:
        """Return the values that a row has under some marks, each with the mark that gives it up (0: none), and why it is held."""

    def lost(self, row: Row, marks: int, shown: Mapping[Row, int]) -> Iterable[tuple[int, str]]:
        """Return the references that lead to nothing beside rows shown under some marks: what masks each (0: nothing), and why."""

    def refuses(self, row: Row, marks: int, *, surely: bool) -> str | None:
        """Say why SQLite does not take a row by itself; None if it does, or, unless `surely`, if that was not found out yet.

        What was not found out is when the row is shown; then everything is decided again.
        """

    def most_marks(self, row: Row) -> int:
        """Return how many marks a row may have at most."""

    def uniting(self, row: Row) -> Mapping[Value, str]:
        """Return the values of a row, as it is, by which it is one with whoever has them, and how its held row says so."""

    def may_lead(self, row: Row) -> bool:
        """Tell whether a row that is out counts as there for rows that refer to it, since it may be one with another."""


class Turns:
    """One run over all rows."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.rank = {row: number for number, row in enumerate(facts.rows)}
        self.outcomes: dict[Row, Outcome] = {}
        self.shown: dict[Row, int] = {}
        self.present: dict[Row, int] = {}
        self.taken: dict[Value, Row] = {}

    def decide(self) -> dict[Row, Outcome]:
        """Let every row have its turn."""
        self.outcomes |= {row: Outcome(why=why) for row, why in self.facts.barred.items()}
        self.present |= {row: 0 for row in self.facts.barred if self.facts.may_lead(row)}
        above = {row: [parent for parent in self.facts.above(row) if parent in self.rank] for row in self.facts.rows}
        units = components(above)
        queue = _Queue(units, above, self.rank, {row: [*self.facts.may_have(row)] for row in self.facts.rows})
        while (unit := queue.next()) is not None:
            self._turn(unit)
        self._unite()
        return self.outcomes

    def _unite(self) -> None:
        """Find the rows that are out, and one with a row that is shown: with the best of these."""
        for row, outcome in self.outcomes.items():
            if outcome.why is not None and (own := self.facts.uniting(row)):
                found = [(self.rank[self.taken[value]], value) for value in own if value in self.taken]
                if found:
                    _, value = min(found)
                    self.outcomes[row] = Outcome(why=own[value], winner=self.taken[value])

    def _turn(self, unit: Sequence[Row]) -> None:
        """Decide what is shown of some rows that refer to each other, or of one; a round does one thing to all of them."""
        marks = dict.fromkeys(sorted(unit, key=self.rank.__getitem__), 0)
        most = sum(self.facts.most_marks(row) + 1 for row in unit) + 1
        for _ in range(most):
            if not (
                self._lose_parents(marks)
                or self._give_up(marks)
                or self._come_late(marks)
                or self._refuse(marks, surely=len(unit) > 1)
                or self._lose_value(marks)
            ):
                break
        else:
            raise RuntimeError(f"{len(unit)} rows were not decided in {most} rounds")
        self.shown |= marks
        for row, found in marks.items():
            self.outcomes[row] = Outcome(found)
            self.taken |= dict.fromkeys(self.facts.values(row, found), row)

    def _out(self, marks: dict[Row, int], row: Row, why: str) -> None:
        if marks.pop(row, None) is not None:
            self.outcomes[row] = Outcome(why=why)
            if self.facts.may_lead(row):
                self.present[row] = 0

    def _lose_parents(self, marks: dict[Row, int]) -> bool:
        """Mark the references that lead to nothing; where one can't be, or is marked already, its row is out."""
        before, shown = dict(marks), ChainMap(marks, self.shown, self.present)
        found = [(row, mark, why) for row in before for mark, why in self.facts.lost(row, before[row], shown)]
        for row, mark, why in found:
            if not mark or before[row] & mark:
                self._out(marks, row, why)
            elif row in marks:
                marks[row] |= mark
        return bool(found)

    def _give_up(self, marks: dict[Row, int]) -> bool:
        """Mark the best row of which others have values, if it can be shown without all of these."""
        for row, own in marks.items():
            given = [mark for mark, _ in self._blocked(marks, row)]
            if given and all(mark and not own & mark for mark in given):
                marks[row] = own | reduce(or_, given)
                return True
        return False

    def _come_late(self, marks: dict[Row, int]) -> bool:
        """Take out the rows of which a row that was decided before has a value."""
        found = [(row, blocked[0][1]) for row, own in marks.items() if (blocked := self._blocked({row: own}, row))]
        for row, why in found:
            self._out(marks, row, why)
        return bool(found)

    def _refuse(self, marks: dict[Row, int], *, surely: bool) -> bool:
        """Take out the rows that SQLite does not take by themselves.

        A row that has its turn alone is decided by that; rows of a circle may be marked later, so they must be asked now.
        """
        asked = [(row, self.facts.refuses(row, own, surely=surely)) for row, own in marks.items()]
        found = [(row, why) for row, why in asked if why is not None]
        for row, why in found:
            self._out(marks, row, why)
        return bool(found)

    def _lose_value(self, marks: dict[Row, int]) -> bool:
        """Take out the best row of which a better one has a value."""
        for row in marks:
            if blocked := self._blocked(marks, row):
                self._out(marks, row, blocked[0][1])
                return True
        return False

    def _blocked(self, marks: Mapping[Row, int], row: Row) -> list[tuple[int, str]]:
        """Return the values of a row that a row shown before, or a better one of the same turn, has."""
        own = self.facts.values(row, marks[row])
        taken = {value for value in own if value in self.taken}
        if own and len(marks) > 1:
            for other in marks:
                if other == row:
                    break
                taken |= own.keys() & self.facts.values(other, marks[other]).keys()
        return [own[value] for value in sorted(taken)]


class _Queue:
    """Says whose turn it is: a unit of rows that waits for nobody, the best one first."""

    def __init__(
        self,
        units: Sequence[tuple[Row, ...]],
        above: Mapping[Row, Iterable[Row]],
        rank: Mapping[Row, int],
        may_have: Mapping[Row, Iterable[Value]],
    ) -> None:
        self.units = units
        self.unit_of = {row: number for number, unit in enumerate(units) for row in unit}
        self.rank = [min(rank[row] for row in unit) for unit in units]
        self.above: list[set[int]] = [
            {self.unit_of[parent] for row in unit for parent in above[row]} - {number}
            for number, unit in enumerate(units)
        ]
        self.below: dict[int, list[int]] = defaultdict(list)
        for number, parents in enumerate(self.above):
            for parent in parents:
                self.below[parent].append(number)
        self.rivals: dict[Value, list[int]] = defaultdict(list)
        for row in sorted(rank, key=rank.__getitem__):
            for value in may_have[row]:
                self.rivals[value].append(self.unit_of[row])
        self.rivals = {value: found for value, found in self.rivals.items() if len({*found}) > 1}
        self.values: dict[int, list[Value]] = defaultdict(list)
        for value, found in self.rivals.items():
            for number in {*found}:
                self.values[number].append(value)
        self.begins = dict.fromkeys(self.rivals, 0)
        self.mixed = {value for value, found in self.rivals.items() if any(len(units[number]) > 1 for number in found)}
        self.waiting = {*range(len(units))}
        self.ready = [(self.rank[number], number) for number in self.waiting if self._is_free(number)]
        heapq.heapify(self.ready)

    def next(self) -> tuple[Row, ...] | None:
        """Return the unit whose turn it is, None if all had theirs."""
        while self.ready:
            _, number = heapq.heappop(self.ready)
            if number in self.waiting:
                return self._take(number)
        return self._take(self._forced()) if self.waiting else None

    def _take(self, number: int) -> tuple[Row, ...]:
        self.waiting.discard(number)
        freed = {*self.below[number]}
        for child in freed:
            self.above[child].discard(number)
        for value in self.values[number]:
            found, begin = self.rivals[value], self.begins[value]
            while begin < len(found) and found[begin] not in self.waiting:
                begin += 1
            self.begins[value] = begin
            freed |= {*found} if value in self.mixed else {*found[begin : begin + 1]}
        for other in freed & self.waiting:
            if self._is_free(other):
                heapq.heappush(self.ready, (self.rank[other], other))
        return self.units[number]

    def _is_free(self, number: int) -> bool:
        if self.above[number]:
            return False
        return not any(self._is_behind(number, value) for value in self.values[number])

    def _is_behind(self, number: int, value: Value) -> bool:
        """Tell whether a unit that waits comes before one of a unit's rows, among those that may have a value."""
        found, begin = self.rivals[value], self.begins[value]
        if found[begin] != number:
            return True
        if len(self.units[number]) == 1:
            return False
        last = len(found) - 1 - found[::-1].index(number)
        return any(other != number and other in self.waiting for other in found[begin:last])

    def _forced(self) -> int:
        """Return who goes although it waits: of units that all wait for one another, the best that only waits for better ones."""
        graph = {number: {*self.above[number]} for number in self.waiting}
        for found in self.rivals.values():
            for better, other in pairwise(number for number in found if number in self.waiting):
                graph[other].add(better)
        for knot in components(graph):
            if all(graph[number] <= {*knot} for number in knot):
                free: list[tuple[int, int]] = [(self.rank[number], number) for number in knot if not self.above[number]]
                return min(free)[1]
        raise RuntimeError(f"{len(self.waiting)} rows wait for one another, and none can go first")


Node = TypeVar("Node", bound=Hashable)


def components(graph: Mapping[Node, Iterable[Node]]) -> list[tuple[Node, ...]]:
    """Group what leads to one another in a circle; what a group leads to comes before it (Tarjan's algorithm, without recursion)."""
    order: dict[Node, int] = {}
    lowest: dict[Node, int] = {}
    path: dict[Node, None] = {}
    found: list[tuple[Node, ...]] = []
    for start in graph:
        work = [(start, iter(graph[start]))] if start not in order else []
        while work:
            node, following = work[-1]
            if node not in order:
                order[node] = lowest[node] = len(order)
                path[node] = None
            for other in following:
                if other in graph and other not in order:
                    work.append((other, iter(graph[other])))
                    break
                if other in path:
                    lowest[node] = min(lowest[node], order[other])
            else:
                work.pop()
                if work:
                    lowest[work[-1][0]] = min(lowest[work[-1][0]], lowest[node])
                if lowest[node] == order[node]:
                    found.append(_cut(path, node))
    return found


def _cut(path: dict[Node, None], node: Node) -> tuple[Node, ...]:
    """Take a node and what follows it off a path."""
    group = [path.popitem()[0]]
    while group[-1] != node:
        group.append(path.popitem()[0])
    return tuple(group)
