"""Reading: what was written to a row, and how rows were at a time (decision 0051). Only reads a folded registry.

A row at a time is what merging the writes up to it gives: of each cell the latest one; the row is there while one of its latest
writes, which no other one had seen, is no delete. Of columns with parts the changes are carried out one after the other. A row that
is not in the history was not written since that began, and was as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

from crdtsql.base import (
    EMPTY,
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
from crdtsql.sqlite import default_value, schema
from crdtsql.store import Actor, Registry, Table

DID = {tables.BEFORE: "before", tables.INSERTED: "inserted", tables.DELETED: "deleted", tables.UPDATED: "updated"}
MADE_ANEW = {op + tables.ANEW: did for op, did in DID.items() if op != tables.BEFORE}
"""What was made once more by a replica that rejoined counts as that: what it was at first is told, and gives no row of the past."""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One write to one row, or how the row was before the first one that the history has.

    Attributes:
        key: the row's key, in the order of the table's.
        did: inserted, updated or deleted; before: not a write, but what was there when the history first heard of the row.
        values: column -> what it wrote; of one that is gone from the table the name is that of then, with `(gone)` if another column
            has it now.
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
    registry: Registry, table: Table, key: Sequence[SqliteValue] | None = None, limit: int | None = None
) -> list[HistoryEntry]:
    """List the history of a table, or of the row with a key, in the order of the stamps.

    Args:
        limit: the last so many, None for all.

    Raises:
        UsageError: the table has no history, or the key another number of parts.
    """
    way = (
        Sql("entry.at, entry.site, entry.op") if limit is None else Sql("entry.at DESC, entry.site DESC, entry.op DESC")
    )
    where, bound = _has_key(table, key)
    reader = _Reader(registry, table, shown=False)
    bound |= {"limit": -1 if limit is None else limit}
    found = [reader.entry(row) for row in reader.rows(where, bound, way, DID | MADE_ANEW)]
    return found if limit is None else found[::-1]


def made_anew(registry: Registry, table: Table, writes: ChosenWrites) -> Iterator[HistoryEntry]:
    """Give those of some writes that a replica made once more when it rejoined."""
    reader = _Reader(registry, table, shown=False)
    for row in reader.rows(writes.where, writes.values | {"limit": -1}, Sql("entry.at, entry.site"), MADE_ANEW):
        yield reader.entry(row)


def rows(
    registry: Registry, table: Table, key: Sequence[SqliteValue] | None = None, writes: ChosenWrites | None = None
) -> Iterator[WrittenRow]:
    """Give the rows of which a history tells, each with all of its entries; nobody may write meanwhile.

    Args:
        key: only the row with that.
        writes: only rows that one of these writes wrote.

    Cost: keeps the entries of one row at a time.

    Raises:
        UsageError: the table has no history, or the key another number of parts.
    """
    where, bound = _has_key(table, key)
    reader = _Reader(registry, table, shown=True)
    if writes is not None:
        where, bound = reader.wrote(writes.where), bound | writes.values
    same = tables.same_key(registry.connection, table)
    width = len(table.key)
    known, found = None, WrittenRow([], None)
    order = joined([tables.keys(table, "entry"), Sql("entry.at, entry.site, entry.op")])
    for row in reader.rows(where, bound | {"limit": -1}, order, DID):
        row_key = row[10 : 10 + width]
        if same(row_key) != known:
            if known is not None:
                yield found
            known, found = same(row_key), WrittenRow([], reader.present(row))
        found.entries.append(reader.entry(row))
    if known is not None:
        yield found


@dataclass(frozen=True, slots=True)
class WrittenRow:
    """A row of which a history tells.

    Attributes:
        entries: in the order of the stamps.
        present: column -> value as the table shows the row now, but for the key's; None if it does not.
    """

    entries: list[HistoryEntry]
    present: dict[str, SqliteValue] | None


class ChosenWrites(Protocol):
    """Some of the writes of a history."""

    @property
    def where(self) -> Sql:
        """Say of an `entry` of a history that it is one of them."""

    @property
    def values(self) -> dict[str, SqliteValue]:
        """Return what that binds."""


def _has_key(table: Table, key: Sequence[SqliteValue] | None) -> tuple[Sql, dict[str, SqliteValue]]:
    """Say of an `entry` that it is of the row with a key, and what that binds."""
    if key is None:
        return Sql("1"), {}
    table.check_width(key)
    pairs = [Sql(f"entry.{identifier(naming.kept_key(uid))} = :key{n}") for n, uid in enumerate(table.key_uids)]
    return joined(pairs, " AND "), {f"key{n}": part for n, part in enumerate(key)}


class _Reader:
    """How the entries of one history are read, and with them what the table shows of each one's row if wanted."""

    def __init__(self, registry: Registry, table: Table, *, shown: bool) -> None:
        self._connection, self._table, self._shown = registry.connection, table, shown
        self._history = require(registry, table)
        self._names = {field.uid: field.name for field in table.fields}
        self._kept = [field.name for field in self._history.fields if field.name.startswith(("v_", "o_"))]
        self._width = len(table.key)

    def rows(
        self, where: Sql, values: dict[str, SqliteValue], order: Sql, did: Mapping[int, str]
    ) -> Iterator[tuple[Any, ...]]:
        """Give the rows that `entry` and `present` read, of entries of some kinds."""
        table = self._table
        beside = fragment("history/reading/beside", table=table.quoted, entry_is_shown=tables.entry_is_shown(table))
        statement = sql(
            "history/reading/list",
            keys=tables.keys(table, "entry"),
            values=joined((Sql(f", entry.{identifier(name)}") for name in self._kept), ""),
            shown=joined((Sql(f", shown.{identifier(name)}") for name in table.names), "") if self._shown else EMPTY,
            history=self._history.quoted,
            beside=beside if self._shown else EMPTY,
            is_sound=is_sound(*did),
            where=where,
            order=order,
        )
        return query.each_to_show(self._connection, statement, values)

    def wrote(self, where: Sql) -> Sql:
        """Say of an entry that one of its row has something."""
        keys = tables.keys(self._table, "entry")
        return fragment(
            "history/reading/of_rows", keys=keys, history=self._history.quoted, is_sound=is_sound(*DID), where=where
        )

    def entry(self, row: tuple[Any, ...]) -> HistoryEntry:
        """Return the entry that a row says."""
        first = 10 + self._width
        values = row[first : first + len(self._kept)]
        return _entry(self._table, self._names, self._kept, row[:10], row[10:first], values)

    def present(self, row: tuple[Any, ...]) -> dict[str, SqliteValue] | None:
        """Return what the table shows."""
        shown = dict(zip(self._table.names, row[10 + self._width + len(self._kept) :], strict=True))
        if shown[self._table.key[0]] is None:
            return None
        return {field.name: shown[field.name] for field in self._table.fields}


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
    wrote = () if columns is None else _texts(columns)
    return HistoryEntry(
        table=table.name,
        key=key,
        did=(DID | MADE_ANEW)[op],
        values={
            names.get(uid) or naming.gone(uid, names.values()): found[naming.kept_value(uid)]
            for uid in wrote
            if naming.kept_value(uid) in found
        },
        site=site,
        hlc=since if op == tables.BEFORE and since is not None else at,
        by=_actor(*said),
        replaced={
            names[uid]: found[naming.kept_before(uid)]
            for uid in wrote
            if uid in names and naming.kept_before(uid) in found and op == tables.UPDATED
        },
        seen=dict(_pairs(seen)),
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


@lru_cache(maxsize=1024)
def _texts(columns: str) -> tuple[str, ...]:
    """Read the columns of an entry, of which many have the same; a peer may say anything."""
    try:
        found = json.loads(columns)
    except (ValueError, RecursionError):
        return ()
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()


@lru_cache(maxsize=1024)
def _pairs(seen: str | None) -> tuple[tuple[str, int], ...]:
    try:
        found = json.loads(seen or "[]")
        return tuple((str(site), int(hlc)) for hlc, site in found)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return ()


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
    found, defaults = _unknown(registry, table, hlc, key), _defaults(registry, table)
    for row in rows(registry, table, key):
        earlier = [entry for entry in row.entries if entry.hlc <= hlc]
        past = replaying.state(table, earlier)
        if past is not None:
            written = {name for entry in row.entries for name in entry.values}
            now = {**(row.present or {}), **{name: defaults.get(name) for name in written}}
            values = {field.name: past.get(field.name, now.get(field.name)) for field in table.fields}
            spelled = replaying.last_key(earlier)
            found.append(PastRow(table.name, spelled, dict(zip(table.key, spelled, strict=True)) | values))
    return found


def _trimmed(registry: Registry, history: Table) -> int:
    """Return from when on entries are there, 0 if none were taken out; no honest mark is of a time that nobody has reached yet."""
    statement = f"SELECT max(at) FROM {history.quoted} AS entry WHERE {is_sound(tables.TRIMMED)} AND at <= ?"
    latest = max(registry.vector().values(), default=0)
    return query.first(registry.connection, statement, (latest,))[0] or 0


def _defaults(registry: Registry, table: Table) -> dict[str, SqliteValue]:
    """Return what rows had in columns before anybody wrote these: they were added since the history knows the rows."""
    shape = schema.read(registry.connection, table.name)
    if shape is None:
        return {}
    return {one.name: default_value(registry.connection, one, shape.strict) for one in shape.columns}


def _unknown(registry: Registry, table: Table, hlc: int, key: Sequence[SqliteValue] | None) -> list[PastRow]:
    """Return the rows of which the history does not tell, and that were there at a stamp: they were as they are."""
    pairs = [Sql(f"shown.{identifier(name)} = :key{n}") for n, name in enumerate(table.key)]
    statement = sql(
        "history/reading/list_unknown",
        columns=joined(Sql(f"shown.{identifier(name)}") for name in table.names),
        table=table.quoted,
        clock=table.clock,
        clock_is_shown=table.row_has_key_of("shown", "clock"),
        history=require(registry, table).quoted,
        entry_is_shown=tables.entry_is_shown(table),
        where=Sql("1") if key is None else joined(pairs, " AND "),
    )
    bound = {"hlc": hlc} | {f"key{n}": part for n, part in enumerate(key or ())}
    width = len(table.key)
    return [
        PastRow(table.name, tuple(row[:width]), dict(zip(table.names, row, strict=True)))
        for row in query.rows_to_show(registry.connection, statement, bound)
    ]
