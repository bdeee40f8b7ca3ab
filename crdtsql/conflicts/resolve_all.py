"""Resolve all: take one side of many entries of the conflict log at once.

Runs inside the caller's write transaction on a folded registry. What a table refuses is left as it was and reported; the other
answers stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from crdtsql.base import CrdtsqlError, SqliteValue, query
from crdtsql.conflicts import conflict_log
from crdtsql.conflicts.conflict_log import Conflict
from crdtsql.conflicts.resolve import Answer, answer_entry
from crdtsql.conflicts.selection import Selection, select
from crdtsql.store import Registry

Cell = tuple[str, tuple[SqliteValue, ...], str, str]
"""Table, key, column, and which part of the cell."""

Cells = dict[Cell, list[Conflict]]


@dataclass
class ResolveReport:
    """What became of the entries that were selected.

    Attributes:
        take: which side was taken.
        resolved: the numbers of the entries that are resolved now; others of the same cells are among them.
        columns: table.column -> how many of them.
        failed: number -> what stands against it, of those that are left as they were.
        deleted: the numbers of those that were left out because their row is deleted.
        dry_run: all of it was undone.
    """

    take: str
    resolved: list[int] = field(default_factory=list)
    columns: dict[str, int] = field(default_factory=dict)
    failed: dict[int, CrdtsqlError] = field(default_factory=dict)
    deleted: list[int] = field(default_factory=list)
    dry_run: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the report as `--json` prints it."""
        return {
            "take": self.take,
            "resolved": self.resolved,
            "columns": self.columns,
            "failed": [{"id": number, **error.to_json()} for number, error in self.failed.items()],
            "deleted": self.deleted,
            "dry_run": self.dry_run,
        }


def resolve_all(registry: Registry, side: Answer, wanted: Selection, fold: Callable[[], object]) -> ResolveReport:
    """Take one side of all open entries that are selected; fold in the end.

    Of several entries of one cell, `ours` is the value that was here before the first of them, `theirs` the one that came in last.
    What was refused is tried again after the others, which may have made way for it.

    Args:
        fold: folds what was written so far.

    Raises:
        NotEnabledError: the table is not replicated.
        UsageError: no table has such a column, or no such site is known here.
    """
    report = ResolveReport(str(side.take))
    before = {entry.id: entry for entry in conflict_log.read(registry, open_only=True)}
    cells: Cells = {}
    for entry in select(registry, replace(wanted, open_only=True)):
        if entry.deleted:
            report.deleted.append(entry.id)
        else:
            cells.setdefault((entry.table, entry.key, entry.column, entry.part), []).append(entry)
    waiting, count = {*cells}, len(cells) + 1
    while 0 < len(waiting) < count:
        count = len(waiting)
        waiting = _answer(registry, {cell: cells[cell] for cell in cells if cell in waiting}, side, fold, report)
    fold()
    still_open = query.rows(registry.connection, "SELECT id FROM _crdt_conflict WHERE resolved IS NULL")
    report.resolved = sorted(before.keys() - {number for (number,) in still_open})
    report.failed = {number: error for number, error in sorted(report.failed.items()) if number not in report.resolved}
    report.columns = dict(Counter(f"{before[number].table}.{before[number].column}" for number in report.resolved))
    return report


class _HalfDoneError(Exception):
    """Maps refuse what was to be put into them, after something was taken out: all must be undone and tried without them."""

    def __init__(self, cells: set[Cell]) -> None:
        super().__init__()
        self.cells = cells


def _answer(
    registry: Registry, cells: Cells, side: Answer, fold: Callable[[], object], report: ResolveReport
) -> set[Cell]:
    """Write the cells that their tables take as things are; return the others."""
    refused: set[Cell] = set()
    while True:
        wanted = {cell: entries for cell, entries in cells.items() if cell not in refused}
        try:
            with query.savepoint(registry.connection, "crdtsql_answers"):
                return refused | _attempt(registry, wanted, side, fold, report)
        except _HalfDoneError as error:
            refused |= error.cells


def _attempt(
    registry: Registry, cells: Cells, side: Answer, fold: Callable[[], object], report: ResolveReport
) -> set[Cell]:
    """Write cells, those that need a fold in between all at once; return those that are refused."""
    refused: set[Cell] = set()
    half_done: set[Cell] = set()
    rest = {}
    for cell, entries in cells.items():
        with _reporting(registry, entries, report, refused, cell):
            rest[cell] = answer_entry(registry, entries[0] if side.take == "ours" else entries[-1], side)
    if any(rest.values()):
        fold()
    for cell, finish in rest.items():
        if finish is not None:
            with _reporting(registry, cells[cell], report, half_done, cell):
                finish()
    if half_done:
        raise _HalfDoneError(half_done)
    return refused


@contextmanager
def _reporting(
    registry: Registry, entries: Sequence[Conflict], report: ResolveReport, refused: set[Cell], cell: Cell
) -> Iterator[None]:
    """Undo what a block did to a cell if its table refuses that, and report it."""
    try:
        with query.savepoint(registry.connection, "crdtsql_answer"):
            yield
    except CrdtsqlError as error:
        report.failed |= {entry.id: error for entry in entries}
        refused.add(cell)
