"""Walking: go through the rows that are to be purged in steps, each of which purges some rows as a whole.

Whoever is cut off between two steps has purged fewer rows, and the same purge again does the others. Each step runs inside a write
transaction of the caller's, on a folded registry.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from crdtsql.base import Now, clock
from crdtsql.compaction import Stride
from crdtsql.purge import choosing, erasing
from crdtsql.purge.choosing import Chosen, Key, Scope
from crdtsql.purge.purging import PurgeReport, purge_noted
from crdtsql.store import Registry, Table

MOST_LOOKED = 10_000
"""So many rows a step looks at, to find those that are to be purged."""


@dataclass(slots=True)
class PurgeWalk:
    """Goes through the rows that were chosen, until it finds none that is to be purged.

    Attributes:
        report: what the steps did.
        purged: whether the last step purged any row.
        scopes: which rows the last step looked at: those of them that are deleted are purged now, or were before.
        stride: how many rows a step purges.
    """

    registry: Registry
    chosen: Chosen
    now: Now
    report: PurgeReport = field(default_factory=PurgeReport)
    purged: bool = False
    scopes: list[Scope] = field(default_factory=list)
    stride: Stride = field(default_factory=Stride)
    _steps: int = 0
    _tables: list[str] = field(default_factory=list)
    _before: int = 0
    _after: Key | None = None
    _comes_again: bool = False
    _goes_again: bool = False
    _given: list[Key] = field(default_factory=list)
    _named: list[Key] = field(default_factory=list)

    def step(self) -> bool:
        """Purge the next rows; return whether there may be more.

        All rows that are named are looked up before any is purged. What is deleted later than the first step is left.

        Raises:
            NotEnabledError: the table is not replicated.
            UnknownRowError: there is no such row.
            NotDeletedError: a named row is not deleted.
            CannotPurgeError: a named row is shown because others refer to it, or nothing of the table can be purged.
            UsageError: a key has another number of parts.
        """
        if not self._steps:
            self._begin()
        self._steps += 1
        self.purged, self.scopes = False, []
        return self._step_by_time() if self.chosen.before_ms is not None else self._step_by_name()

    def _begin(self) -> None:
        chosen, registry = self.chosen, self.registry
        if chosen.table is None:
            self._tables = [table.name for table in registry.tables() if not table.absent]
        else:
            table = registry.present_table(chosen.table)
            choosing.check_table(table)
            self._tables = [table.name]
            self._given = list(dict.fromkeys(choosing.whole(table, chosen.keys)))[::-1]
        if chosen.before_ms is not None:
            self._before = min(clock.from_ms(chosen.before_ms), registry.number("clock") + 1)

    # -- rows that are named ----------------------------------------------------------------------

    def _step_by_name(self) -> bool:
        table, most = self.registry.present_table(str(self.chosen.table)), self.stride.rows
        if self._given:
            some = self._given[: -most - 1 : -1]
            self._given = self._given[: -len(some)]
            self._named += [choosing.find(self.registry, table, key) for key in some]
            if self._given:
                return True
            self._named = list(dict.fromkeys(self._named))[::-1]
        some = self._named[: -most - 1 : -1]
        self._named = self._named[: len(self._named) - len(some)]
        with erasing.noting(self.registry):
            rows = sum([self._note(choosing.one(table, key), None, 1)[0] for key in some])
            self._purge(table, rows)
        return bool(self._named)

    # -- rows that were deleted before some time --------------------------------------------------

    def _step_by_time(self) -> bool:
        table = self.registry.find(self._tables[0]) if self._tables else None
        if table is None or table.absent or not choosing.can_purge(table):
            return self._next_table()
        after = self._after if self._after is None or len(self._after) == len(table.key) else None
        end = choosing.end_of_step(self.registry, table, after, MOST_LOOKED)
        with erasing.noting(self.registry):
            rows, last = self._note(choosing.between(table, after, end), self._before, self.stride.rows)
            self.scopes = [choosing.between(table, after, last or end)]
            self._purge(table, rows)
        self._after = end if last is None else last
        return True if self._after is not None else self._next_table()

    def _next_table(self) -> bool:
        """Go on with the next table; after the last one with the first, if rows may have come to a place that was passed."""
        self._after = None
        del self._tables[:1]
        if not self._tables and self._comes_again and not self.report.dry_run:
            self._tables = [table.name for table in self.registry.tables() if self._is_chosen(table)]
            self._comes_again, self._goes_again = False, True
        return bool(self._tables)

    def _is_chosen(self, table: Table) -> bool:
        return not table.absent and self.chosen.table in (None, table.name)

    # -- a step -----------------------------------------------------------------------------------

    def _note(self, scope: Scope, before: int | None, most: int) -> tuple[int, Key | None]:
        noted, last = choosing.note(self.registry, scope, before, most)
        self.scopes.append(scope)
        if not self._goes_again:
            self.report.already += noted.already
            self.report.referenced += noted.referenced
        return noted.rows, last

    def _purge(self, table: Table, rows: int) -> None:
        if rows:
            self.report.conflicts += purge_noted(self.registry, table, rows, self.now)
            self.report.tables[table.name] = self.report.tables.get(table.name, 0) + rows
            self.purged = self._comes_again = True
