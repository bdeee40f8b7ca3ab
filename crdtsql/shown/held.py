"""Held: the rows that the user's tables can't show, or not as they are, why, and what would release them.

Only reads a folded registry.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from crdtsql.base import (
    Sql,
    SqliteValue,
    caseless,
    identifier,
    is_utf8,
    joined,
    query,
    reasons,
    show,
    show_key,
    sql,
    suggest,
    value_to_json,
)
from crdtsql.shown import foretold
from crdtsql.shown.holding import Side
from crdtsql.shown.references import followed_keys
from crdtsql.sqlite import schema
from crdtsql.store import Actor, Registry, Table, Writers


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A row that the table can't show as it is.

    Attributes:
        key: the row's key, in the order of the table's.
        reason: `unique`, `united` (it is one with the row that has its value), `check` (CHECK, NOT NULL, a STRICT type, or an
            expression that fails), `trigger`, `foreign key`, `masked` (it is shown with other values in the columns that `detail`
            names), `referenced` (it is deleted, and shown because rows refer to it), `table` (the table is not in this file), or
            `deleted`.
        detail: the columns, the constraint in SQLite's words, or the table it refers to.
        release: what a person can do about it.
        shown: whether the table shows the row, though not as it is.
        values: column -> value of the row as it is.
        by: who wrote or deleted it last, and in which run, as the writer said it; None if nobody did.
    """

    table: str
    key: tuple[SqliteValue, ...]
    reason: str
    detail: str
    release: str
    shown: bool
    values: dict[str, SqliteValue]
    by: Actor | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the row as `--json` prints it."""
        return {
            "table": self.table,
            "key": [value_to_json(part) for part in self.key],
            "reason": self.reason,
            "detail": self.detail,
            "release": self.release,
            "shown": self.shown,
            "values": {name: value_to_json(value) for name, value in self.values.items()},
            **({"by": self.by.to_json()} if self.by else {}),
        }


def held(registry: Registry, name: str | None = None, *, deleted: bool = False) -> list[HeldRow]:
    """List the held rows of a table, or of all; those that are only deleted if asked for.

    Raises:
        NotEnabledError: the table is not replicated.
    """
    tables = [registry.table(name)] if name else registry.tables()
    return [row for table in tables for row in _of_table(registry, table, deleted)]


def _of_table(registry: Registry, table: Table, deleted: bool) -> Iterator[HeldRow]:
    connection = registry.connection
    shape = schema.read(connection, table.name)
    written = [foretold.as_written(Sql(f"held.{key}")) for key in table.key_names]
    columns = [table.keys_of("held"), *written, *(Sql(f"held.v{field.id}") for field in table.fields)]
    scope = Sql("1" if deleted else reasons.IS_KEPT)
    slots = {"columns": joined(columns), "held": table.held, "scope": scope, "keys": joined(written)}
    slots |= {"clock": table.clock, "clock_is_held": table.same_keys("clock", "held")}
    width, writers = len(table.key), Writers(registry)
    for found, t, s, *row in query.rows_to_show(connection, sql("shown/held/list", **slots)):
        reason, detail = reasons.read(found)
        own, key = tuple(row[:width]), tuple(row[width : 2 * width])
        values = dict(zip((field.name for field in table.fields), row[2 * width :], strict=True))
        side = Side(table, shape) if shape else None
        release = _release(registry, table, side, reason, detail, key, values, own)
        shown = reasons.is_stand_in(found)
        by = None if t is None else writers.of(t, s)
        yield HeldRow(table.name, key, reason, detail, release, shown, values, by)


def _release(
    registry: Registry,
    table: Table,
    side: Side | None,
    reason: str,
    detail: str,
    key: tuple[SqliteValue, ...],
    values: dict[str, SqliteValue],
    own: tuple[SqliteValue, ...] | None = None,
) -> str:
    """Say how a row can be shown; `own` is its key in tables of ours, if that is not the one that was written."""
    row = dict(zip(table.key, key, strict=True)) | values
    anew = f"INSERT a row with the key {show_key(key)} into {table.name!r} to write it anew with other values"
    if reason in (reasons.UNIQUE, reasons.UNITED):
        rival = _rival(registry, side, detail, row) if side else None
        other = f"row {show_key(rival)}" if rival else "the row that has its value"
        if reason == reasons.UNITED:
            return f"it counts as one with {other}, and rows that refer to it show that one; change or delete it to part them"
        return f"change or delete {other}; or {anew}"
    if reason == reasons.FOREIGN_KEY:
        keys = [link for link in _foreign_keys(registry, table) if caseless(link.parent) == caseless(detail)]
        return "; or ".join([*_parents(registry, keys, row), anew])
    if reason == reasons.MASKED:
        masked = detail.split(", ")
        if own is not None and own != key and not set(masked) - set(table.key):
            return "it awaits the row that its writer inserts next under that number, and is shown with the one that has it meanwhile"
        shown = ", ".join(f"{name} = {show(row.get(name))}" for name in masked if name in row)
        keys = [link for link in _foreign_keys(registry, table) if set(link.columns) & set(masked)]
        ways = _parents(registry, keys, row) or ["change or delete the row that has it"]
        return f"its own value is {shown}: {'; '.join(ways)}; or set {detail} to another value"
    undelete = suggest.row_command("undelete", registry.path, table.name, own or key)
    was_purged = reason == reasons.DELETED and _was_purged(registry, table, own or key)
    return {
        reasons.CHECK: anew,
        reasons.MOVED: f"the key that it would be shown under is that of another row, which is held itself: release that; or {anew}",
        reasons.TRIGGER: f"change the trigger, or {anew}",
        reasons.REFERENCED: f"it goes once nothing refers to it; to keep it, UPDATE it or run {undelete}",
        "table": f"create the table {table.name!r} and enable it",
        reasons.DELETED: f"its values were purged; {anew}" if was_purged else undelete,
    }.get(reason, f"run {suggest.command('status', registry.path)}")


def _was_purged(registry: Registry, table: Table, key: Sequence[SqliteValue]) -> bool:
    """Tell whether the values of a deleted row were purged."""
    if not all(map(is_utf8, key)):
        return False
    is_row = joined((Sql(f"clock.{part} = ?{n}") for n, part in enumerate(table.key_names, 1)), " AND ")
    where = Sql(f"{is_row} AND {table.is_purged}")
    return query.exists(registry.connection, Sql(f"{table.clock} AS clock"), where, tuple(key))


def _foreign_keys(registry: Registry, table: Table) -> list[schema.ForeignKey]:
    found = schema.foreign_keys(registry.connection, table.name)
    if table.references:
        found += [key for _, key in followed_keys(table, {other.uid: other for other in registry.tables()})]
    return found


def _parents(registry: Registry, keys: list[schema.ForeignKey], row: dict[str, SqliteValue]) -> list[str]:
    """Say how the rows that a row refers to, and that their tables don't show, can be shown."""
    ways = []
    for key in keys:
        wanted = tuple(row.get(name) for name in key.columns)
        if None in wanted:
            continue
        columns = joined((Sql(f"{identifier(name)} = ?") for name in key.parent_columns), " AND ")
        if not all(map(is_utf8, wanted)):
            ways.append(f"insert the row {show_key(wanted)} of {key.parent!r} that it refers to")
            continue
        is_there = schema.read(registry.connection, key.parent) is not None
        if is_there and query.exists(registry.connection, identifier(key.parent), columns, wanted):
            continue
        ways.append(_way_back(registry, key, wanted))
    return ways


def _way_back(registry: Registry, link: schema.ForeignKey, wanted: tuple[SqliteValue, ...]) -> str:
    parent = registry.find(link.parent)
    named = f"row {show_key(wanted)} of {link.parent!r} that it refers to"
    if parent is None:
        return f"insert the {named}"
    kept = dict(zip(parent.key, parent.key_names, strict=True))
    kept |= {field.name: Sql(f"v{field.id}") for field in parent.fields}
    where = joined((Sql(f"{kept[name]} = ?") for name in link.parent_columns if name in kept), " AND ")
    found = query.first(registry.connection, f"SELECT reason, {parent.keys} FROM {parent.held} WHERE {where}", wanted)
    if found is None:
        return f"insert the {named}"
    reason, _ = reasons.read(found[0])
    if reason == reasons.DELETED and not _was_purged(registry, parent, found[1:]):
        undelete = suggest.row_command("undelete", registry.path, parent.name, found[1:])
        return f"bring back the {named} with {undelete}"
    if reason == reasons.UNITED:
        return f"the {named} is one with the row that is shown (united)"
    return f"the {named} is held itself ({reason}): release that one, and this one comes back with it"


def _rival(
    registry: Registry, side: Side, columns: str, values: dict[str, SqliteValue]
) -> tuple[SqliteValue, ...] | None:
    """Find the shown row that has a held row's value in a UNIQUE index over columns."""
    for index in schema.unique_indexes(registry.connection, side.table.name):
        if not index.is_plain or ", ".join(map(str, index.columns)) != columns:
            continue
        if not all(name in values and is_utf8(values[str(name)]) for name in index.columns):
            return None
        same = " AND ".join(
            f"{identifier(str(name))} = ? COLLATE {identifier(collation)}"
            for name, collation in zip(index.columns, index.collations, strict=True)
        )
        found = query.first(
            registry.connection,
            f"SELECT {side.table.key_columns} FROM {side.table.quoted} WHERE {same}",
            [values[str(name)] for name in index.columns],
        )
        return tuple(found) if found else None
    return None
