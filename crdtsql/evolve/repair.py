"""Repair: mend what somebody did to replicated tables behind our back, and find the writes that no trigger saw.

Runs inside the caller's write transaction. While the triggers of a table were missing, writes went unseen. Of these, rows that
no clock speaks of are new, and rows that are missing were deleted. A changed value can't be told from an old one, nor a row that
came from one that was there before the table was enabled: such rows are in doubt, and keep their stamps unless `restamp` says
that what this file shows counts as written now. So nobody else's write is overwritten by a value that is merely old.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from crdtsql.base import LOG_TIME, Sql, caseless, fragment, identifier, query, show, show_key, sql, suggest
from crdtsql.capture import enable
from crdtsql.evolve import drift, reshape
from crdtsql.evolve.drift import State
from crdtsql.evolve.rebuild import hold_values_lost, look, rebuild
from crdtsql.shown import moved, settle_anew
from crdtsql.sqlite import schema
from crdtsql.store import Damage, Registry, Remedy, Table, columns, damage
from crdtsql.types import TYPES, columntype


@dataclass(frozen=True, slots=True)
class Repair:
    """Something that was found, and what was done about it.

    Attributes:
        table: the table's name now.
        problem: what was found.
        done: what was done about it, or must be done by hand.
        mended: it is in order now.
        rows: how many rows it is about, where it is about rows.
    """

    table: str
    problem: str
    done: str
    mended: bool = True
    rows: int = 0


@dataclass(slots=True)
class RepairReport:
    """What a repair found.

    Attributes:
        dry_run: nothing was changed; this is what would be done.
    """

    findings: list[Repair] = field(default_factory=list)
    dry_run: bool = False

    @property
    def mended(self) -> bool:
        """Tell whether everything is in order now."""
        return all(finding.mended for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return the report as `--json` prints it."""
        return {
            "dry_run": self.dry_run,
            "mended": self.mended,
            "findings": [asdict(finding) for finding in self.findings],
        }


def repair(
    registry: Registry, restamp: Collection[str], accept: Collection[str], fold: Callable[[], object]
) -> RepairReport:
    """Mend what can be mended.

    Args:
        restamp: tables of which all rows count as written now, in this file.
        accept: tables of which all rows count as they are, because nobody wrote to them unseen.
        fold: folds what was written.

    Raises:
        NotEnabledError: a table to restamp or to accept is not replicated.
    """
    report = RepairReport()
    rebuilt = _rebuild(registry, report)
    if not report.mended:
        return report
    states = [drift.look(registry, table) for table in registry.tables() if not table.absent]
    states = [_found_again(registry, state) if state.shape is None else state for state in states]
    rekeyed = [state.table.name for state in states if state.rekeyed]
    if rekeyed:
        problem = "its primary key was changed"
        return RepairReport([Repair(name, problem, _anew(registry.path, name), mended=False) for name in rekeyed])
    untaken = [*_untaken(registry, states, {caseless(name) for name in (*restamp, *accept)})]
    if untaken:
        return RepairReport(untaken)
    blind: list[Table] = []
    for state in states:
        blind += _mend(registry, state, report)
    if not registry.exists:
        return report
    if any(one.lost and one.what in ("_crdt_log", "_crdt_quiet") for one in rebuilt):
        blind = [table for table in registry.tables() if not table.absent]
    fold()
    moved.take_in(registry)
    for table in blind:
        if caseless(table.name) not in {caseless(name) for name in restamp}:
            _find_writes(registry, table, report)
    _decide(registry, restamp, accept, report)
    fold()
    _settle_anew(registry, report)
    drift.mark_seen(registry)
    return report


def _decide(registry: Registry, restamp: Collection[str], accept: Collection[str], report: RepairReport) -> None:
    for name in restamp:
        _restamp(registry, name, report)
    for name in accept:
        _accept(registry, name, report)


def _untaken(registry: Registry, states: Sequence[State], named: set[str]) -> Iterator[Repair]:
    """Find values that came while no trigger looked and that the types of their columns don't take: nobody could merge them."""
    for state in states:
        if state.shape is None or (state.captured and caseless(state.table.name) not in named):
            continue
        by_name = {caseless(column.name): column for column in state.shape.columns}
        for typed in state.table.typed_fields:
            column, kind = by_name.get(caseless(typed.name)), TYPES[typed.type]
            found = columntype.find_invalid(registry.connection, state.shape, column, kind) if column else None
            if found is not None:
                problem = f"{typed.name} is a {kind.name} and must be {kind.takes}, and row {show_key(found[1:])} has {show(found[0])}"
                done = f"nothing was changed; UPDATE that row, and run {suggest.command('repair', registry.path)} again"
                yield Repair(state.shape.name, problem, done, mended=False)


def _settle_anew(registry: Registry, report: RepairReport) -> None:
    """Show what follows from what is known, and say where the tables showed something else."""
    for difference in settle_anew(registry):
        count = len(difference.keys)
        problem = f"{count:,} rows were shown or held otherwise than follows from what is known"
        report.findings.append(Repair(difference.table, problem, "they were settled anew", rows=count))


def _anew(path: str, name: str) -> str:
    disable, enable_ = suggest.command("disable", path, name), suggest.command("enable", path, name)
    return f"nothing was changed; run {disable}, and {enable_}; and the same on every replica"


def _rebuild(registry: Registry, report: RepairReport) -> list[Damage]:
    """Rebuild what is gone of ours; return what was."""
    found = look(registry, deep=True)
    for one in found:
        if one.remedy != Remedy.REBUILD:
            done = f"it can't be rebuilt, and nothing was changed: {damage.advice([one], registry.path)}"
            report.findings.append(Repair(one.table or one.what, str(one), done, mended=False))
    if not report.mended:
        return []
    rebuilt = rebuild(registry, found)
    for one in rebuilt:
        lost = f"it was created anew, without {one.lost}" if one.lost else "it was created anew; nothing is lost"
        report.findings.append(Repair(one.table or one.what, f"{one.what} {one.problem}", lost))
    for table in registry.tables():
        if rows := 0 if table.absent else hold_values_lost(registry, table):
            problem = f"the values of {rows:,} deleted rows are gone"
            report.findings.append(
                Repair(table.name, problem, "they stay deleted, and can't be brought back", rows=rows)
            )
    return rebuilt


def _found_again(registry: Registry, state: State) -> State:
    """Look for a table that went without its triggers: one with the same columns came, and has the rows that are known."""
    connection, table = registry.connection, state.table
    seen = columns.columns_seen(registry, table)
    known = {caseless(other.name) for other in registry.tables()}
    alike = [
        other
        for other in registry.tables()
        if not other.absent and columns.columns_seen(registry, other) == seen and _is_gone(registry, other)
    ]
    found = []
    for name, kind in schema.user_tables(connection):
        if kind != "table" or caseless(name) in known:
            continue
        shape = schema.read(connection, name)
        if shape and [(column.name, column.declared) for column in shape.columns] == seen:
            found.append(shape)
    if len(found) != 1 or len(alike) != 1:
        return state
    statement = sql(
        "evolve/repair/count_matches",
        clock=table.clock,
        table=identifier(found[0].name),
        row_marker=identifier(table.key[0]),
        shown_is_clock=table.row_has_key_of("shown", "clock"),
    )
    expected, present = query.first(connection, statement)
    if expected and not present:
        return state
    return State(table, found[0])


def _is_gone(registry: Registry, table: Table) -> bool:
    return drift.look(registry, table).shape is None


def _mend(registry: Registry, state: State, report: RepairReport) -> list[Table]:
    """Mend one table; return it if its triggers were missing."""
    connection, table = registry.connection, state.table
    if state.shape is None:
        enable.disable(registry, table.name)
        report.findings.append(
            Repair(table.name, state.problems[0], f"it is not replicated any more; run {enable.left(table.name)}")
        )
        return []
    for dropped in state.dropped:
        table, kept = reshape.park_column(registry, table, dropped, lost=True)
        reshape.drop_column(registry, table, dropped)
        done = f"it is registered as dropped; {kept:,} of its values, of deleted rows, are kept"
        report.findings.append(Repair(state.shape.name, f"column {dropped.name!r} was dropped", done, rows=kept))
    outdated = state.captured and not state.problems and reshape.are_outdated(connection, table, state.shape)
    names = dict(zip(table.uids, table.names, strict=True))
    table, cells = drift.mend(registry, state)
    if state.moved:
        report.findings.append(Repair(table.name, f"it was called {state.table.name!r}", "its clocks follow it"))
    for uid, name in state.renamed.items():
        report.findings.append(
            Repair(table.name, f"column {names[uid]!r} is called {name!r} now", "its stamps follow it")
        )
    for column in state.added:
        done = f"it is replicated; {cells:,} cells that hold something else than the default count as written now"
        report.findings.append(Repair(table.name, f"column {column.name!r} was added", done, rows=cells))
    if outdated:
        report.findings.append(Repair(table.name, "its triggers were out of date", "they were created anew"))
    if not state.captured:
        problem = "its capture triggers were altered" if state.altered else "its capture triggers were gone"
        report.findings.append(Repair(table.name, problem, "they were created anew"))
    return [] if state.captured else [table]


def _find_writes(registry: Registry, table: Table, report: RepairReport) -> None:
    """Find the writes that no trigger saw."""
    connection = registry.connection
    table = registry.table(table.name)
    values = {"tbl": table.id, "without_genesis": table.genesis is None}
    shared = {"table": table.quoted, "clock": table.clock, "shown_is_clock": table.row_has_key_of("shown", "clock")}
    logged = {"log_keys": table.keys, "user_keys": table.key_columns_of("shown"), "log_time": LOG_TIME}
    (doubtful,) = query.first(connection, sql("evolve/repair/count_doubtful", **shared), values)
    connection.execute(
        sql("evolve/repair/log_unknown", held=table.held, is_stand_in=_is_stand_in(), **shared, **logged), values
    )
    if new := connection.changes():
        done = "they count as inserted now"
        report.findings.append(Repair(table.name, f"{new:,} rows came that no trigger saw", done, rows=new))
    missing = _log_missing(registry, table)
    if missing:
        done = "they count as deleted now; their last values are not known"
        report.findings.append(Repair(table.name, f"{missing:,} rows went that no trigger saw", done, rows=missing))
    if doubtful or table.genesis is not None:
        registry.set(table.fact("unsure"), max(doubtful, table.unsure or 0))
        problem, done = drift.in_doubt(registry, registry.table(table.name))
        report.findings.append(Repair(table.name, problem, done, rows=doubtful))


def _accept(registry: Registry, name: str, report: RepairReport) -> None:
    """Let everything that a table shows count as what it was before its writes went unseen."""
    table = registry.present_table(name)
    if table.unsure is not None:
        registry.set(table.fact("unsure"), None)
        done = "nobody wrote to them unseen: they count as they are"
        report.findings.append(Repair(table.name, f"{table.unsure:,} rows were in doubt", done, rows=table.unsure))


def _is_stand_in() -> Sql:
    """Say of a held row that its deleted row is shown all the same."""
    return fragment("evolve/repair/is_stand_in")


def _log_missing(registry: Registry, table: Table) -> int:
    connection = registry.connection
    (last,) = query.first(connection, f"SELECT ifnull(max(id), 0) FROM {table.held}")
    hold = sql(
        "evolve/repair/hold_missing",
        held=table.held,
        keys=table.keys,
        clock_keys=table.keys_of("clock"),
        clock=table.clock,
        table=table.quoted,
        shown_is_clock=table.row_has_key_of("shown", "clock"),
    )
    connection.execute(hold)
    missing = connection.changes()
    if missing:
        log = sql("evolve/repair/log_missing", log_time=LOG_TIME, held=table.held, keys=table.keys)
        connection.execute(log, {"tbl": table.id, "last": last})
    return missing


def _restamp(registry: Registry, name: str, report: RepairReport) -> None:
    """Let everything that a table shows count as written now, and what it does not show as deleted."""
    table = registry.table(name)
    missing = _log_missing(registry, table)
    shared = {
        "table": table.quoted,
        "log_keys": table.keys,
        "user_keys": table.key_columns_of("shown"),
        "clock": table.clock,
        "shown_is_clock": table.row_has_key_of("shown", "clock"),
        "log_time": LOG_TIME,
    }
    if table.genesis is not None:
        registry.connection.execute(sql("evolve/repair/log_genesis", **shared), {"tbl": table.id})
    statement = sql(
        "evolve/repair/log_every",
        **shared,
        held=table.held,
        is_stand_in=_is_stand_in(),
    )
    registry.connection.execute(statement, {"tbl": table.id})
    rows = registry.connection.changes()
    if missing:
        done = "they count as deleted now; their last values are not known"
        report.findings.append(Repair(table.name, f"{missing:,} rows went that no trigger saw", done, rows=missing))
    registry.set(table.fact("unsure"), None)
    report.findings.append(Repair(table.name, "restamp", f"{rows:,} rows count as written now", rows=rows))
