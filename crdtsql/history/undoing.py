"""Undoing: write back how rows were before some writes, where those are still on top (decision 0051).

Runs inside the caller's write transaction, on a folded registry, with foreign keys enforced. What it writes are ordinary writes of
this site, captured by the triggers, so that they travel, and can be undone themselves. What somebody wrote since then stays, and is
listed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

from crdtsql.base import Sql, SqliteValue, UsageError, joined, query, sql
from crdtsql.history import reading, replaying, tables
from crdtsql.history.reading import HistoryEntry
from crdtsql.history.rewriting import carry_out
from crdtsql.history.undone import Key, LeftAlone, UndoneRow, UndoneWrites, Values
from crdtsql.store import Field, Registry, Table, acting

_GROWING = {
    "grow-counter": "can only grow",
    "grow-set": "can only grow",
    "max": "keeps its highest value",
    "min": "keeps its lowest value",
}


@dataclass(frozen=True, slots=True)
class Writes:
    """Which writes: those of which all that is given holds.

    Attributes:
        site: id of the writing site, as hex.
        since_hlc: from this stamp on.
    """

    run: str | None = None
    actor: str | None = None
    site: str | None = None
    since_hlc: int | None = None

    def check(self) -> None:
        """Check that they are some, and not all.

        Raises:
            UsageError: neither a run, nor an actor, nor a site is given.
        """
        if self.run is None and self.actor is None and self.site is None:
            raise UsageError("say whose writes to undo: a run, an actor or a site")

    @property
    def _conditions(self) -> dict[str, tuple[Sql, SqliteValue]]:
        site = None if self.site is None else bytes.fromhex(self.site)
        found: dict[str, tuple[Sql, SqliteValue]] = {
            "run": (Sql("entry.run = :run AND entry.actor IS NOT NULL"), self.run),
            "actor": (Sql("entry.actor = :actor"), self.actor),
            "site": (Sql("entry.site = :site"), site),
            "since": (Sql("entry.at >= :since"), self.since_hlc),
        }
        return {name: one for name, one in found.items() if one[1] is not None}

    @property
    def where(self) -> Sql:
        """Say of an entry of a history that it is one of them."""
        return joined([Sql("entry.op <> 0"), *(condition for condition, _ in self._conditions.values())], " AND ")

    @property
    def values(self) -> dict[str, SqliteValue]:
        """Return what that binds."""
        return {name: value for name, (_, value) in self._conditions.items()}

    def has(self, entry: HistoryEntry) -> bool:
        """Tell whether an entry is one of them."""
        by = entry.by
        return (
            entry.did != "before"
            and (self.run is None or (by is not None and by.run == self.run))
            and (self.actor is None or (by is not None and by.actor == self.actor))
            and (self.site is None or entry.site == self.site)
            and (self.since_hlc is None or entry.hlc >= self.since_hlc)
        )


def undo(registry: Registry, writes: Writes, only: Collection[str] | None = None) -> UndoneWrites:
    """Undo writes, as far as nobody wrote on top of them.

    Args:
        only: names of the tables to look at; all if None.

    Raises:
        NotEnabledError: a table is not replicated.
        UsageError: neither a run, nor an actor, nor a site is given.
    """
    writes.check()
    report, planned = UndoneWrites(), []
    wanted = None if only is None else {registry.present_table(name).id for name in only}
    for table in registry.tables():
        if table.absent or table.is_history or (wanted is not None and table.id not in wanted):
            continue
        if tables.of(registry, table) is None:
            count = _count_last(registry, table, writes)
            if count:
                report.unrecorded[table.name] = count
            continue
        planned += _plan(registry, table, writes, report)
        report.left += _made_anew(registry, table, writes)
    carry_out(registry, planned, report)
    return report


def _plan(registry: Registry, table: Table, writes: Writes, report: UndoneWrites) -> list[tuple[Table, UndoneRow]]:
    """Say what must become of the rows of a table; what must stay goes into the report."""
    planned = []
    for row in reading.rows(registry, table, None, writes):
        found = _WrittenRow(table, row, writes).plan(report.left) if _is_key(row.entries[0].key) else None
        if found is not None:
            planned.append((table, found))
    return planned


def _made_anew(registry: Registry, table: Table, writes: Writes) -> list[LeftAlone]:
    """List the rows that the writes wrote, and that a replica wrote once more as it rejoined: these are its own writes."""
    found: dict[Key, str] = {}
    for entry in reading.made_anew(registry, table, writes):
        found[entry.key] = entry.site
    why = "what site {} wrote it wrote once more as it rejoined, as nobody's"
    return [LeftAlone(table.name, key, None, why.format(site[:8])) for key, site in found.items() if _is_key(key)]


def _is_key(key: Key) -> bool:
    """Tell whether a row can have a key: an entry, which anybody may add, may name none, or text that is no UTF-8."""
    with suppress(UnicodeEncodeError):
        return None not in key and all(one.encode() is not None for one in key if isinstance(one, str))
    return False


class _WrittenRow:
    """A row that some of the writes wrote."""

    def __init__(self, table: Table, row: reading.WrittenRow, writes: Writes) -> None:
        self.table, self.entries, self.present = table, row.entries, row.present
        self.key = replaying.last_key(row.entries)
        self.chosen = [entry for entry in row.entries if writes.has(entry)]
        self.others = [entry for entry in row.entries if not writes.has(entry)]
        began = any(entry.did in ("before", "inserted") for entry in self.others)
        self.past = replaying.state(table, self.others) if began else None
        self.is_known = began or any(entry.did == "inserted" for entry in self.chosen)

    def plan(self, left: list[LeftAlone]) -> UndoneRow | None:
        """Say what must become of it, if anything."""
        later = [one for one in self.others if one.did != "before" and one.place > self.chosen[0].place]
        if self.present is None:
            return self._absent(later, left)
        if self.past is None:
            if later or not self.is_known:
                unknown = "the history does not have how it was before"
                left.append(self._left(None, f"{_who(later[-1])} wrote to it since then" if later else unknown))
                return None
            return UndoneRow(
                self.table.name, self.key, "deleted", {name: (value, None) for name, value in self.present.items()}
            )
        values: Values = {}
        for column in self._written():
            found = self._column(column, self.present[column.name], left)
            if found is not None and not _same(found[0], self.present[column.name]):
                values[column.name] = (self.present[column.name], found[0])
        return UndoneRow(self.table.name, self.key, "updated", values) if values else None

    def _absent(self, later: Sequence[HistoryEntry], left: list[LeftAlone]) -> UndoneRow | None:
        """Say what must become of a row that the table does not show."""
        if self.past is None:
            if replaying.state(self.table, self.entries) is not None:
                left.append(self._left(None, "it is held, and would be shown once it can be"))
            return None
        deleted = next((one for one in later if one.did == "deleted"), None)
        if deleted is not None:
            left.append(self._left(None, f"{_who(deleted)} deleted it too"))
            return None
        came: Values = {name: (None, value) for name, value in self.past.items() if name in self._names}
        return UndoneRow(self.table.name, replaying.last_key(self.others), "inserted", came)

    @property
    def _names(self) -> set[str]:
        return {column.name for column in self.table.fields}

    def _written(self) -> list[Field]:
        written = {name for entry in self.chosen for name in entry.values}
        return [column for column in self.table.fields if column.name in written]

    def _column(self, column: Field, present: SqliteValue, left: list[LeftAlone]) -> tuple[SqliteValue] | None:
        """Return the value that a column must have, in a tuple; None if it must stay."""
        if column.type in _GROWING:
            if not _same((self.past or {}).get(column.name), present):
                left.append(self._left(column.name, f"a {column.type} {_GROWING[column.type]}"))
            return None
        if column.type in replaying.ADDED_TO:
            return self._less(column, present, left)
        wrote = [entry for entry in self.entries if column.name in entry.values]
        top = max(wrote, key=lambda entry: (entry.hlc, entry.did != "before", entry.place))
        if top not in self.chosen:
            left.append(self._left(column.name, f"{_who(top)} wrote it since then"))
        elif not _same(top.values[column.name], present):
            left.append(self._left(column.name, "its value now is one that the history does not have"))
        elif self.past is None or column.name not in self.past:
            left.append(self._left(column.name, "the history does not have the value before"))
        else:
            return (self.past[column.name],)
        return None

    def _less(self, column: Field, present: SqliteValue, left: list[LeftAlone]) -> tuple[SqliteValue] | None:
        """Return a value that is added to, without what the writes added, as far as that is still in it.

        Where the history says how the present value came about, that is what the rest gives. Where it does not, because somebody
        wrote without one, the changes of the writes are taken back, if no write since their first gave the row all values anew.
        """
        memo: replaying.Memo = {}
        whole, past = replaying.state(self.table, self.entries, memo), self.past or {}
        updates = [
            (replaying.replaced(self.table, self.entries, entry, column.name, memo), entry.values[column.name])
            for entry in self.chosen
            if column.name in entry.replaced and column.name in entry.values
        ]
        back = replaying.taken_back(column, present, updates)
        if whole is not None and column.name in past and replaying.alike(column, whole.get(column.name), present):
            if replaying.alike(column, past[column.name], present):
                return None
            return (back if replaying.alike(column, back, past[column.name]) else past[column.name],)
        since = (entry for entry in self.entries if entry.did != "before" and entry.place >= self.chosen[0].place)
        if any(column.name in entry.values and column.name not in entry.replaced for entry in since):
            left.append(self._left(column.name, "its value now is one that the history does not have"))
            return None
        return (back,)

    def _left(self, column: str | None, why: str) -> LeftAlone:
        return LeftAlone(self.table.name, self.key, column, why)


def _who(entry: HistoryEntry) -> str:
    return str(entry.by) if entry.by is not None else f"site {entry.site[:8]}"


def _same(one: SqliteValue, other: SqliteValue) -> bool:
    return type(one) is type(other) and one == other


def _count_last(registry: Registry, table: Table, writes: Writes) -> int:
    """Count the rows of a table of which the writes were the last ones."""
    ranges = acting.ranges_of(registry, writes.run, writes.actor)
    wanted = None if writes.site is None else registry.ordinals().get(bytes.fromhex(writes.site), 0)
    since = writes.since_hlc or 0
    if ranges is None:
        spans = [] if wanted is None else [(wanted, since, (1 << 62) - 1)]
    else:
        spans = [
            (site, max(first, since), last) for site, first, last in ranges if wanted in (None, site) and last >= since
        ]
    statement = sql("history/undoing/count_last", clock=table.clock)
    return sum(
        int(query.first(registry.connection, statement, {"site": site, "first": first, "last": last})[0])
        for site, first, last in spans
    )
