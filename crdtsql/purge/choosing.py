"""Choosing: which deleted rows are to be purged. Writes nothing but the list of them, `temp._crdt_purge`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from crdtsql.base import (
    CannotPurgeError,
    NotDeletedError,
    Sql,
    SqliteValue,
    UnknownRowError,
    UsageError,
    identifier,
    is_utf8,
    joined,
    policy,
    query,
    reasons,
    show,
    show_key,
    sql,
    suggest,
)
from crdtsql.store import Registry, Table

_MOST_KEYS = 1_000
"""So many keys of deleted rows are looked at for one that was perhaps meant."""
Key = tuple[SqliteValue, ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which rows are to be purged: those of these keys, or, where `before_ms` is given, all that were deleted before that time.

    Where the key has several columns, its parts may also be given one after the other.
    """

    table: str | None = None
    keys: tuple[tuple[SqliteValue, ...], ...] = ()
    before_ms: int | None = None


class Scope(NamedTuple):
    """Some rows of a table.

    Attributes:
        within: says of a clock row, called `clock`, that it is one of them.
        values: what that binds.
    """

    table: Table
    within: Sql
    values: dict[str, SqliteValue]


@dataclass(slots=True)
class Noted:
    """What was found in a scope.

    Attributes:
        rows: how many rows are noted.
        already: rows that were purged before, and not written since.
        referenced: rows that are shown because others refer to them.
    """

    rows: int = 0
    already: int = 0
    referenced: int = 0


def check_table(table: Table) -> None:
    """Check that rows of a table can be deleted, and have values.

    Raises:
        CannotPurgeError: they can't.
    """
    if table.rows == policy.GROW_ONLY:
        raise CannotPurgeError(f"table {table.name!r} is grow-only: its rows can't be deleted, and so not be purged")
    if not table.fields:
        raise CannotPurgeError(
            f"table {table.name!r} has no columns but its key, which stays: there is nothing to purge"
        )


def can_purge(table: Table) -> bool:
    """Tell whether rows of a table can be deleted, and have values."""
    return table.rows != policy.GROW_ONLY and bool(table.fields)


def whole(table: Table, keys: Sequence[Key]) -> Iterable[Key]:
    """Put keys together that were given part by part.

    Raises:
        UsageError: a key has another number of parts.
    """
    width = len(table.key)
    if all(len(key) == 1 for key in keys) and len(keys) % width == 0:
        parts_in_turn = iter([part for (part,) in keys])
        return zip(*[parts_in_turn] * width, strict=True)
    if any(len(key) != width for key in keys):
        raise UsageError(f"the key of {table.name!r} is ({', '.join(table.key)}): give {width} value(s) for each row")
    return keys


def find(registry: Registry, table: Table, key: Key) -> Key:
    """Return the key of a deleted row as the file has it.

    A part given as text is compared with the key's own type, so `"7"` finds the integer 7.

    Raises:
        UnknownRowError: there is no such row.
        NotDeletedError: it is not deleted.
        CannotPurgeError: it is shown because others refer to it.
    """
    connection = registry.connection
    what = f"row {show_key(key)} of table {table.name!r}"
    is_row = joined((Sql(f"clock.{part} = ?{n}") for n, part in enumerate(table.key_names, 1)), " AND ")
    slots = {"keys": table.keys_of("clock"), "clock": table.clock, "held": table.held}
    row = query.first(connection, sql("purge/choosing/find_row", is_row=is_row, **slots), key)
    gone, reason, *own = row or (None, None)
    if gone and reason == reasons.RESTORED:
        held = suggest.command("held", registry.path, options=["--table", table.name])
        raise CannotPurgeError(
            f"{what} can't be purged: rows refer to it that its delete had not seen, so it is shown still ({held}); change or delete "
            "these rows first"
        )
    if gone:
        return tuple(own)
    if query.exists(connection, table.quoted, table.has_given_key, key):
        equal = " AND ".join(
            f"{identifier(name)} = {show(part, 1000)}" for name, part in zip(table.key, key, strict=True)
        )
        delete = suggest.sqlite(f"DELETE FROM {table.quoted} WHERE {equal}", registry.path)
        raise NotDeletedError(f"{what} is not deleted: nothing was purged; delete it first: {delete}")
    if row is not None:
        held = suggest.command("held", registry.path, options=["--table", table.name])
        raise NotDeletedError(f"{what} is not deleted, only held: nothing was purged; {held} says what releases it")
    raise UnknownRowError(
        f"table {table.name!r} has no row {show_key(key)}, deleted or not{_meant(registry, table, key)}"
    )


def _meant(registry: Registry, table: Table, key: Key) -> str:
    """Say which deleted row was perhaps meant."""
    deleted = query.rows_to_show(
        registry.connection, f"SELECT {table.keys} FROM {table.clock} WHERE gone = 1 LIMIT {_MOST_KEYS}"
    )
    near = suggest.meant(show_key(key), [show_key(tuple(other)) for other in deleted])
    return f": did you mean {near}?" if near else ""


def one(table: Table, key: Key) -> Scope:
    """Return the scope of a single row, by its key as the file has it."""
    marks, values = query.binding("k", key)
    return Scope(table, Sql(f"({table.keys_of('clock')}) = ({marks})"), values)


def between(table: Table, after: Key | None, upto: Key | None) -> Scope:
    """Return the scope of the rows whose keys come after one, up to another one, in the order of the index; None: all."""
    parts, values = list[Sql](), dict[str, SqliteValue]()
    for key, how, name in ((after, ">", "after"), (upto, "<=", "upto")):
        if key is not None:
            marks, given = query.binding(name, key)
            parts.append(Sql(f"({table.keys_of('clock')}) {how} ({marks})"))
            values |= given
    return Scope(table, joined(parts, " AND ") if parts else Sql("1"), values)


def end_of_step(registry: Registry, table: Table, after: Key | None, looked: int) -> Key | None:
    """Return the key of the row so many rows after another one, or from the first one on; None if there are fewer."""
    scope = between(table, after, None)
    statement = sql("purge/choosing/end_of_step", keys=table.keys_of("clock"), clock=table.clock, after=scope.within)
    found = query.rows_to_show(registry.connection, statement, scope.values | {"others": looked - 1})
    return tuple(found[0]) if found else None


def _list(registry: Registry, table: Table, keys: Sequence[Key]) -> None:
    into = f"INSERT INTO temp._crdt_purge (tbl, {table.keys})"
    plain = [key for key in keys if all(map(is_utf8, key))]
    marks = joined(Sql("?") for _ in table.key)
    registry.connection.executemany(f"{into} VALUES ({table.id}, {marks})", plain)
    for key in keys if len(plain) < len(keys) else ():
        if not all(map(is_utf8, key)):
            marks, values = query.binding("k", key)
            registry.connection.execute(f"{into} VALUES ({table.id}, {marks})", values)


def note(registry: Registry, scope: Scope, before: int | None, most: int) -> tuple[Noted, Key | None]:
    """Note the rows of a scope that are deleted and not purged, in the order of their keys.

    Args:
        before: only those that were deleted before that hlc.
        most: note so many at most.

    Returns:
        what was found, and the key of the last row that was looked at, None if there are no more in the scope.
    """
    table, noted, last = scope.table, Noted(), None
    slots = {"keys": table.keys_of("clock"), "clock": table.clock, "held": table.held, "is_purged": table.is_purged}
    statement = sql("purge/choosing/look", within=scope.within, **slots)
    values = scope.values | {"before": before, "limit": 2 * most}
    found = query.rows_to_show(registry.connection, statement, values)
    keys: list[Key] = []
    for is_referenced, is_purged, *key in found:
        last = tuple(key)
        noted.referenced += is_referenced
        noted.already += is_purged and not is_referenced
        if not (is_referenced or is_purged):
            keys.append(last)
            if len(keys) == most:
                break
    else:
        last = last if len(found) == 2 * most else None
    _list(registry, table, keys)
    noted.rows = len(keys)
    return noted, last
