"""Reading: what was written to a row, and how rows were at a time (decision 0051). Only reads a folded registry.

A row at a time is what merging the writes up to it gives: of each cell the latest one; the row is there while one of its latest
writes, which no other one had seen, is no delete. Of columns with parts the changes are carried out one after the other. A row that
is not in the history was not written since that began, and was as it is.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crdtsql.base import (
    Sql,
    SqliteValue,
    UsageError,
    clock,
    fragment,
    identifier,
    integer,
    joined,
    naming,
    query,
    sql,
    suggest,
    value_to_json,
)
from crdtsql.history import replaying, tables
from crdtsql.store import Actor, Registry, Table

DID = {tables.BEFORE: "before", tables.INSERTED: "inserted", tables.DELETED: "deleted", tables.UPDATED: "updated"}


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One write to one row, or how the row was before the first one that the history has.

    Attributes:
        key: the row's key, in the order of the table's.
        did: inserted, updated or deleted; before: not a write, but what was there when the history first heard of the row.
        values: column -> what it wrote; of one that is gone from the table the name is that of then.
        site: id of the writing site, as hex; of `before` that of who wrote next.
        hlc: its stamp; of `before` that of the row's last write then, 0 if that is not known.
        by: who wrote it, and in which run, as the writer said it; None if nobody did.
        replaced: column -> what a typed column was before an update.
        seen: of which other sites it had seen a write as the row's latest: site -> hlc.
        place: what puts the entries of a row in order.
    """

    table: str
    key: tuple[SqliteValue, ...]
    did: str
    values: dict[str, SqliteValue]
    site: str
    hlc: int
    by: Actor | None = None
    replaced: dict[str, SqliteValue] = field(default_factory=dict, repr=False)
    seen: dict[str, int] = field(default_factory=dict, repr=False)
    place: tuple[int, str, int] = field(default=(0, "", 0), repr=False)

    @property
    def time(self) -> str:
        """Return when it was written, by the writer's clock, UTC, ISO 8601; `earlier` if that is not known."""
        return clock.show_time(self.hlc) if self.hlc else "earlier"

    def to_json(self) -> dict[str, Any]:
        """Return the entry as `--json` prints it."""
        return {
            "table": self.table,
            "key": [value_to_json(part) for part in self.key],
            "did": self.did,
            "values": {name: value_to_json(value) for name, value in self.values.items()},
            "site": self.site,
            "hlc": str(self.hlc),
            "time": self.time,
            **({"by": self.by.to_json()} if self.by else {}),
        }


def entries(
    registry: Registry,
    table: Table,
    key: Sequence[SqliteValue] | None = None,
    where: Sql | None = None,
    values: Any = None,
) -> list[HistoryEntry]:
    """List the history of a table, or of the row with a key, in the order of the stamps.

    Args:
        where: only entries of which that holds.

    Raises:
        UsageError: the table has no history, or the key another number of parts.
    """
    history = require(registry, table)
    names = {field.uid: field.name for field in table.fields}
    kept = [field.name for field in history.fields if field.name.startswith(("v_", "o_"))]
    bound: dict[str, SqliteValue] = dict(values or {})
    conditions = [where] if where is not None else []
    if key is not None:
        table.check_width(key)
        bound |= {f"key{n}": part for n, part in enumerate(key)}
        conditions += [Sql(f"{identifier(naming.kept_key(uid))} = :key{n}") for n, uid in enumerate(table.key_uids)]
    statement = sql(
        "history/reading/list",
        keys=tables.keys(table, "entry"),
        values=joined((Sql(f", entry.{identifier(name)}") for name in kept), ""),
        history=history.quoted,
        is_sound=is_sound(*DID),
        where=joined(conditions, " AND ") if conditions else Sql("1"),
    )
    width = len(table.key)
    return [
        _entry(table, names, kept, row[:10], row[10 : 10 + width], row[10 + width :])
        for row in query.rows_to_show(registry.connection, statement, bound)
    ]


def _entry(
    table: Table,
    names: Mapping[str, str],
    kept: list[str],
    own: tuple[Any, ...],
    key: tuple[Any, ...],
    values: tuple[Any, ...],
) -> HistoryEntry:
    at, site, op, columns, seen, since, *said = own
    found = dict(zip(kept, values, strict=True))
    wrote = [] if columns is None else _texts(columns)
    told = _pairs(seen)
    return HistoryEntry(
        table=table.name,
        key=key,
        did=DID.get(op, "updated"),
        values={names.get(uid, uid): found[naming.kept_value(uid)] for uid in wrote if naming.kept_value(uid) in found},
        site=site,
        hlc=since if op == tables.BEFORE and since is not None else at,
        by=_actor(*said),
        replaced={
            names[uid]: found[naming.kept_before(uid)]
            for uid in wrote
            if uid in names and naming.kept_before(uid) in found and op == tables.UPDATED
        },
        seen=told,
        place=(at, site, op),
    )


def is_sound(*ops: int) -> Sql:
    """Say of an `entry` that it is of one of these kinds, and of the form that crdtsql gives it.

    A history is a table, to which any program and any peer may add. What has another form says nothing, wherever entries are read.
    """
    return fragment("history/reading/is_sound", ops=joined(map(integer, ops)), highest=integer(clock.HIGHEST_HLC))


def _actor(actor: str | None, *others: str | None) -> Actor | None:
    """Return who wrote, in a form that can be printed, also where what was said is no UTF-8."""
    if actor is None:
        return None
    return Actor(_printable(actor), *(None if said is None else _printable(said) for said in others))


def _printable(said: str) -> str:
    return said.encode(errors="surrogateescape").decode(errors="replace")


def _texts(columns: str) -> list[str]:
    """Read the columns of an entry; a peer may say anything."""
    try:
        found = json.loads(columns)
    except (ValueError, RecursionError):
        return []
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _pairs(seen: str | None) -> dict[str, int]:
    try:
        found = json.loads(seen or "[]")
        return {str(site): int(hlc) for hlc, site in found}
    except (ValueError, TypeError, OverflowError, RecursionError):
        return {}


def require(registry: Registry, table: Table) -> Table:
    """Return the table with a table's history.

    Raises:
        UsageError: it has none.
    """
    history = tables.of(registry, table)
    if history is None:
        raise UsageError(
            f"table {table.name!r} has no history: {suggest.command('history', registry.path, table.name, 'on')} keeps what is "
            "written from then on"
        )
    return history


@dataclass(frozen=True, slots=True)
class KeptHistory:
    """The history of a table.

    Attributes:
        is_on: what is written to the table in this file is kept.
        keep_ms: for how many milliseconds, 0 for ever.
        began_hlc: the stamp after which it was begun in this file.
        entries: how many it has.
    """

    table: str
    is_on: bool
    keep_ms: int
    began_hlc: int
    entries: int

    @property
    def began(self) -> str:
        """Return when it was begun in this file, UTC, ISO 8601."""
        return clock.show_time(self.began_hlc)

    def to_json(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        return {
            "table": self.table,
            "on": self.is_on,
            "keep_ms": self.keep_ms,
            "began": self.began,
            "entries": self.entries,
        }


def histories(registry: Registry) -> list[KeptHistory]:
    """List the histories that a file has, by table."""
    found = []
    for table in registry.tables():
        history = None if table.absent or table.is_history else tables.of(registry, table)
        if history is not None:
            (count,) = query.first(
                registry.connection, f"SELECT count(*) FROM {history.quoted} AS entry WHERE {is_sound(*DID)}"
            )
            began = registry.number(table.fact("recorded"))
            found.append(KeptHistory(table.name, table.history is not None, table.history or 0, began, int(count)))
    return found


@dataclass(frozen=True, slots=True)
class PastRow:
    """A row as it was.

    Attributes:
        values: column -> value, the key's columns first; of columns that are in the table now.
    """

    table: str
    key: tuple[SqliteValue, ...]
    values: dict[str, SqliteValue]

    def to_json(self) -> dict[str, Any]:
        """Return the row as `--json` prints it."""
        return {
            "table": self.table,
            "key": [value_to_json(part) for part in self.key],
            "values": {name: value_to_json(value) for name, value in self.values.items()},
        }


def as_of(registry: Registry, table: Table, hlc: int, key: Sequence[SqliteValue] | None = None) -> list[PastRow]:
    """Return the rows of a table, or the one with a key, as they were once all writes up to a stamp had been merged.

    Raises:
        UsageError: the table has no history, or that begins later.
    """
    history = require(registry, table)
    began = max(registry.number(table.fact("recorded")), _trimmed(registry, history))
    if hlc < began:
        raise UsageError(
            f"the history of {table.name!r} begins at {clock.show_time(began)} in {registry.path}: ask for a time since then"
        )
    shown = _present(registry, table, key)
    by_row: dict[tuple[SqliteValue, ...], list[HistoryEntry]] = defaultdict(list)
    same = tables.same_key(registry.connection, table)
    for entry in entries(registry, table, key):
        by_row[same(entry.key)].append(entry)
    found = [
        PastRow(table.name, row.key, row.values)
        for known, row in shown.items()
        if known not in by_row and row.inserted <= hlc
    ]
    for known, every in by_row.items():
        earlier = [entry for entry in every if entry.hlc <= hlc]
        past = replaying.state(table, earlier)
        if past is not None:
            written = {name for entry in every for name in entry.values}
            now = shown[known].values if known in shown else {}
            values = {
                field.name: past.get(field.name, None if field.name in written else now.get(field.name))
                for field in table.fields
            }
            spelled = replaying.last_key(earlier)
            found.append(PastRow(table.name, spelled, dict(zip(table.key, spelled, strict=True)) | values))
    return found


def _trimmed(registry: Registry, history: Table) -> int:
    """Return from when on entries are there, 0 if none were taken out; no honest mark is of a time that nobody has reached yet."""
    statement = f"SELECT max(at) FROM {history.quoted} AS entry WHERE {is_sound(tables.TRIMMED)} AND at <= ?"
    latest = max(registry.vector().values(), default=0)
    return query.first(registry.connection, statement, (latest,))[0] or 0


@dataclass(frozen=True, slots=True)
class _PresentRow:
    """A row that the table shows, with the hlc of its insert, 0 if that is not known."""

    key: tuple[SqliteValue, ...]
    values: dict[str, SqliteValue]
    inserted: int


def present(registry: Registry, table: Table, key: Sequence[SqliteValue]) -> dict[str, SqliteValue] | None:
    """Return the values of the row with a key but for the key's, None if the table does not show it."""
    found = next(iter(_present(registry, table, key).values()), None)
    return None if found is None else {field.name: found.values[field.name] for field in table.fields}


def _present(
    registry: Registry, table: Table, key: Sequence[SqliteValue] | None
) -> dict[tuple[SqliteValue, ...], _PresentRow]:
    statement = sql(
        "history/reading/list_shown",
        columns=joined((Sql(f", shown.{identifier(name)}") for name in table.names), ""),
        table=table.quoted,
        clock=table.clock,
        clock_is_shown=table.row_has_key_of("shown", "clock"),
        where=Sql("1")
        if key is None
        else joined((Sql(f"shown.{identifier(name)} = :key{n}") for n, name in enumerate(table.key)), " AND "),
    )
    bound = {f"key{n}": part for n, part in enumerate(key or ())}
    same, width = tables.same_key(registry.connection, table), len(table.key)
    found = {}
    for inserted, *values in query.rows_to_show(registry.connection, statement, bound):
        row_key = tuple(values[:width])
        found[same(row_key)] = _PresentRow(row_key, dict(zip(table.names, values, strict=True)), inserted)
    return found
