"""Undoing: write back how rows were before some writes, where those are still on top (decision 0051).

Runs inside the caller's write transaction, on a folded registry, with foreign keys enforced. What it writes are ordinary writes of
this site, captured by the triggers, so that they travel, and can be undone themselves. What somebody wrote since then stays, and is
listed.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import apsw

from crdtsql.base import Sql, SqliteValue, UsageError, caseless, identifier, joined, query, sql, value_to_json
from crdtsql.history import reading, replaying, tables
from crdtsql.history.reading import HistoryEntry
from crdtsql.sqlite import schema
from crdtsql.store import Field, Registry, Table, acting

Key = tuple[SqliteValue, ...]
Values = dict[str, tuple[SqliteValue, SqliteValue]]
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


@dataclass(frozen=True, slots=True)
class UndoneRow:
    """A row that is as it was.

    Attributes:
        did: updated; deleted, because the writes had made it; inserted, because they had deleted it.
        values: column -> what it was until now, and what it is: None for a row that is not there.
    """

    table: str
    key: Key
    did: str
    values: Values

    def to_json(self) -> dict[str, Any]:
        """Return the row as `--json` prints it."""
        values = {
            name: {"from": value_to_json(was), "to": value_to_json(now)} for name, (was, now) in self.values.items()
        }
        return {"table": self.table, "key": [value_to_json(one) for one in self.key], "did": self.did, "values": values}


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """Something that the writes had written and that stays as it is.

    Attributes:
        column: None for the row itself.
    """

    table: str
    key: Key
    column: str | None
    why: str

    def to_json(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        return asdict(self) | {"key": [value_to_json(one) for one in self.key]}


@dataclass(slots=True)
class UndoneWrites:
    """What an undo did, or would do.

    Attributes:
        undone: the rows that are as they were.
        left: what is not, and why.
        unrecorded: table -> how many of its rows the writes were the last ones of, though it has no history that says how they were
        before.
        dry_run: nothing was changed.
    """

    undone: list[UndoneRow] = field(default_factory=list)
    left: list[LeftAlone] = field(default_factory=list)
    unrecorded: dict[str, int] = field(default_factory=dict)
    dry_run: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the report as `--json` prints it."""
        return {
            "undone": [one.to_json() for one in self.undone],
            "left": [one.to_json() for one in self.left],
            "unrecorded": dict(self.unrecorded),
            "dry_run": self.dry_run,
        }


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
    _carry_out(registry, planned, report)
    return report


def _plan(registry: Registry, table: Table, writes: Writes, report: UndoneWrites) -> list[tuple[Table, UndoneRow]]:
    """Say what must become of the rows of a table; what must stay goes into the report."""
    same = tables.same_key(registry.connection, table)
    keys = {same(entry.key): entry.key for entry in reading.entries(registry, table, None, writes.where, writes.values)}
    planned = []
    for key in filter(_is_key, keys.values()):
        row = _WrittenRow(
            table, key, reading.entries(registry, table, key), reading.present(registry, table, key), writes
        )
        found = row.plan(report.left)
        if found is not None:
            planned.append((table, found))
    return planned


def _is_key(key: Key) -> bool:
    """Tell whether a row can have a key: an entry, which anybody may add, may name none, or text that is no UTF-8."""
    with suppress(UnicodeEncodeError):
        return None not in key and all(one.encode() is not None for one in key if isinstance(one, str))
    return False


class _WrittenRow:
    """A row that some of the writes wrote."""

    def __init__(
        self,
        table: Table,
        key: Key,
        entries: Sequence[HistoryEntry],
        present: dict[str, SqliteValue] | None,
        writes: Writes,
    ) -> None:
        self.table, self.key, self.entries, self.present = table, key, entries, present
        self.chosen = [entry for entry in entries if writes.has(entry)]
        self.others = [entry for entry in entries if not writes.has(entry)]
        began = any(entry.did in ("before", "inserted") for entry in self.others)
        self.past = replaying.state(table, self.others) if began else None
        self.is_known = began or any(entry.did == "inserted" for entry in self.chosen)

    def plan(self, left: list[LeftAlone]) -> UndoneRow | None:
        """Say what must become of it, if anything."""
        later = [one for one in self.others if one.did != "before" and one.place > self.chosen[0].place]
        if self.present is None:
            if self.past is None:
                return None
            deleted = next((one for one in later if one.did == "deleted"), None)
            if deleted is not None:
                left.append(self._left(None, f"{_who(deleted)} deleted it too"))
                return None
            came: Values = {name: (None, value) for name, value in (self.past or {}).items() if name in self._names}
            return UndoneRow(self.table.name, self.key, "inserted", came)
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
        updates = [
            (entry.replaced[column.name], entry.values[column.name])
            for entry in self.chosen
            if column.name in entry.replaced and column.name in entry.values
        ]
        if column.type in replaying.ADDED_TO and updates:
            return (replaying.taken_back(column, present, updates),)
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

    def _left(self, column: str | None, why: str) -> LeftAlone:
        return LeftAlone(self.table.name, self.key, column, why)


def _who(entry: HistoryEntry) -> str:
    return str(entry.by) if entry.by is not None else f"site {entry.site[:8]}"


def _same(one: SqliteValue, other: SqliteValue) -> bool:
    return type(one) is type(other) and one == other


def _carry_out(registry: Registry, planned: Sequence[tuple[Table, UndoneRow]], report: UndoneWrites) -> None:
    """Write rows, in an order that the constraints allow; what no order allows goes into the report."""
    waiting, why = [*planned], dict[int, str]()
    while waiting:
        again = []
        for table, row in waiting:
            problem = _write(registry, table, row)
            if problem is None:
                report.undone.append(row)
            else:
                again.append((table, row))
                why[id(row)] = problem
        if len(again) == len(waiting):
            break
        waiting = again
    updates = [(table, row) for table, row in waiting if row.did == "updated"]
    if len(updates) > 1 and _exchanged(registry, updates):
        report.undone += [row for _, row in updates]
        waiting = [one for one in waiting if one not in updates]
    report.left += [LeftAlone(table.name, row.key, None, why[id(row)]) for table, row in waiting]


def _exchanged(registry: Registry, updates: Sequence[tuple[Table, UndoneRow]]) -> bool:
    """Update rows that must have each other's UNIQUE values, all or none; return whether that was possible."""
    with suppress(apsw.ConstraintError), query.savepoint(registry.connection, "crdt_exchange"):
        if not _exchange(registry, updates):
            raise apsw.ConstraintError
        return True
    return False


def _exchange(registry: Registry, updates: Sequence[tuple[Table, UndoneRow]]) -> bool:
    """Update them by way of other values, which they have in between."""
    for table, row in updates:
        unique = {name for index in schema.unique_indexes(registry.connection, table.name) for name in index.columns}
        meanwhile = {name: (was, _another(was)) for name, (was, _) in row.values.items() if name in unique}
        if meanwhile and _write(registry, table, replace(row, values=meanwhile)) is not None:
            return False
    return all(_write(registry, table, row) is None for table, row in updates)


def _another(value: SqliteValue) -> SqliteValue:
    """Return a value like another one that nobody has."""
    return -secrets.randbits(62) if isinstance(value, int) else f"crdtsql-{secrets.token_hex(16)}"


def _write(registry: Registry, table: Table, row: UndoneRow) -> str | None:
    """Write a row as it was; return why not, if it can't be."""
    connection = registry.connection
    if row.did == "deleted":
        referring = next(_referring(registry, table, row.key), None)
        if referring is not None:
            return f"rows of {referring!r} refer to it"
    names = [identifier(name) for name in row.values]
    new = [now for _, now in row.values.values()]
    if row.did == "deleted":
        statement, values = f"DELETE FROM {table.quoted} WHERE {table.has_given_key}", [*row.key]
    elif row.did == "inserted":
        columns = joined([*map(identifier, table.key), *names])
        marks = ", ".join("?" * (len(row.key) + len(new)))
        statement, values = f"INSERT INTO {table.quoted} ({columns}) VALUES ({marks})", [*row.key, *new]
    else:
        width = len(row.key)
        settings = joined(Sql(f"{name} = ?{n}") for n, name in enumerate(names, width + 1))
        statement = f"UPDATE {table.quoted} SET {settings} WHERE {table.has_given_key}"
        values = [*row.key, *new]
    try:
        with query.savepoint(connection, "crdt_undo"):
            connection.execute(statement, values)
    except (apsw.ConstraintError, apsw.MismatchError, apsw.SQLError, UnicodeEncodeError) as error:
        return f"it can't be written: {str(error).partition(': ')[2] or error}"
    return None


def _referring(registry: Registry, table: Table, key: Key) -> Iterator[str]:
    """Name the tables of which rows refer to a row, by foreign keys."""
    connection = registry.connection
    of_row = joined((Sql(f"parent.{identifier(name)} = ?{n}") for n, name in enumerate(table.key, 1)), " AND ")
    for name, kind in schema.user_tables(connection):
        for one in schema.foreign_keys(connection, name) if kind == "table" else ():
            if caseless(one.parent) != caseless(table.name):
                continue
            pairs = zip(one.columns, one.parent_columns or table.key, strict=False)
            same = joined(
                (Sql(f"child.{identifier(own)} = parent.{identifier(their)}") for own, their in pairs), " AND "
            )
            joint = Sql(f"{identifier(name)} AS child JOIN {table.quoted} AS parent ON {same}")
            if query.exists(connection, joint, of_row, key):
                yield name


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
