"""Resolve: resolve an entry of the conflict log by a write that has seen both values.

Runs inside the caller's write transaction on a folded registry; the caller folds afterwards. It is an ordinary write: the
user's triggers fire, ours capture it, and a value that stays as it is gets a new stamp all the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from crdtsql.base import (
    LOG_TIME,
    ConflictError,
    ConflictResolvedError,
    Sql,
    SqliteValue,
    UsageError,
    clock,
    identifier,
    query,
    show_key,
    sql,
    suggest,
    to_json,
)
from crdtsql.conflicts import conflict_log, rowwrite
from crdtsql.conflicts.conflict_log import Conflict
from crdtsql.shown import moved
from crdtsql.store import FIRST_UPDATE_OP, Field, Registry, Table
from crdtsql.types import parts


@dataclass(frozen=True, slots=True)
class Answer:
    """What the cell is to hold: the value of one side (`take`), or `value` where `take` is None."""

    take: Literal["ours", "theirs"] | None = None
    value: SqliteValue = None

    def __post_init__(self) -> None:
        if self.take not in (None, "ours", "theirs"):
            raise UsageError(f"a conflict has the sides 'ours' and 'theirs', not {self.take!r}")


def resolve(
    registry: Registry,
    number: int,
    answer: Answer,
    fold: Callable[[], object],
    *,
    again: bool = False,
    seen: Conflict | None = None,
) -> None:
    """Write the cell of a conflict.

    Args:
        fold: folds what was written so far.
        again: also if the conflict is resolved.
        seen: the entry as it was when the answer was found; what came in between must not be overwritten.

    Raises:
        UnknownConflictError: there is no such entry.
        ConflictResolvedError: it is resolved.
        ConflictError: the row is deleted, or the cell was written since the answer was found.
        WriteRefusedError: a constraint of the table does not allow the value.
    """
    entry = conflict_log.find(registry, number)
    if seen is not None and seen.present != entry.present:
        raise ConflictError(
            f"conflict {number} is left as it was: {entry.column!r} of row {show_key(entry.key)} of table {entry.table!r} was "
            f"written meanwhile, so the answer may be out of date; look at "
            f"{suggest.command('conflicts', registry.path)}, and answer again"
        )
    rest = answer_entry(registry, entry, answer, again=again)
    if rest is not None:
        fold()
        rest()


def answer_entry(
    registry: Registry, entry: Conflict, answer: Answer, *, again: bool = False
) -> Callable[[], None] | None:
    """Write the cell of an entry that was read in this transaction; return what is left to do after a fold, None if nothing is.

    Raises:
        ConflictResolvedError: it is resolved.
        ConflictError: the row is deleted, or held.
        WriteRefusedError: a constraint of the table does not allow the value; so may what is left to do.
    """
    check_open(entry, registry.path, again=again)
    connection, table = registry.connection, registry.present_table(entry.table)
    field = next(field for field in table.fields if field.name == entry.column)
    shown = Sql(f"_crdt_conflict AS entry JOIN {table.quoted} AS shown ON {table.row_has_key_of('shown', 'entry')}")
    place = moved.place_of(connection, table, entry.key)
    if place is not None:
        raise ConflictError(
            f"conflict {entry.id} is left as it was: row {show_key(entry.key)} of table {entry.table!r} is shown under the key "
            f"{show_key(place)}, because what it refers to is one with another row; write the value that is to stay there by an UPDATE"
        )
    if not query.exists(connection, shown, "entry.id = ?", (entry.id,)):
        raise ConflictError(
            f"conflict {entry.id} is left as it was: row {show_key(entry.key)} of table {entry.table!r} is held, so that nothing can "
            f"write it; `{suggest.command('held', registry.path, '--table', entry.table)}` says what releases it"
        )
    if entry.part:
        return _write_leaf(registry, table, field, entry, answer)
    value = Sql(":value")
    if answer.take is not None:
        value = Sql("entry.won" if answer.take == entry.took else "entry.lost")
    _write(registry, table, field, entry, value, answer.value)
    statement = sql(
        "conflicts/resolve/log",
        keys=table.keys,
        user_keys=table.key_columns_of("shown"),
        table=table.quoted,
        shown_is_entry=table.row_has_key_of("shown", "entry"),
        log_time=LOG_TIME,
    )
    stamped = table.stamped_with(field) if field.type == "lww" else field
    values = {"id": entry.id, "tbl": table.id, "op": FIRST_UPDATE_OP + stamped.word, "mask": 1 << stamped.bit}
    connection.execute(statement, values)
    return None


def _write(registry: Registry, table: Table, field: Field, entry: Conflict, value: Sql, bound: SqliteValue) -> None:
    statement = partial(
        sql,
        "conflicts/resolve/write",
        table=table.quoted,
        column=identifier(field.name),
        value=value,
        target_is_entry=table.row_has_key_of("target", "entry"),
    )
    rowwrite.write(registry.connection, table, entry.key, statement, {"id": entry.id, "value": bound})


def _write_leaf(registry: Registry, table: Table, field: Field, entry: Conflict, answer: Answer) -> Callable[[], None]:
    """Take one leaf out of a map; return what puts it in again after a fold, because a value that stays as it is makes no event."""
    if field.type != "map":
        raise ConflictError(
            f"conflict {entry.id} is about a leaf of a map, and {entry.table}.{entry.column} is a {field.type} now: write the cell"
        )
    if answer.take is None:
        leaf = answer.value if isinstance(answer.value, str) else _leaf(answer.value)
    else:
        leaf = str(entry.ours if answer.take == "ours" else entry.theirs)
    if not query.first(registry.connection, "SELECT json_valid(?)", (leaf,))[0]:
        raise UsageError(
            f"conflict {entry.id} is about a leaf of a JSON object: give its value as JSON, not {leaf!r:.40}"
        )
    _write_leaves(registry, table, field, entry, {})
    return partial(_write_leaves, registry, table, field, entry, {entry.part: leaf})


def _write_leaves(registry: Registry, table: Table, field: Field, entry: Conflict, instead: dict[str, str]) -> None:
    """Write a map with other leaves in place of those that an entry is about."""
    connection = registry.connection
    where = table.row_has_key_of("shown", "entry")
    statement = sql(
        "conflicts/resolve/present_value", column=identifier(field.name), table=table.quoted, shown_is_entry=where
    )
    (present,) = query.first(connection, statement, (entry.id,))
    leaves = parts.leaves(connection, present)
    leaves = {path: text for path, text in leaves.items() if not f"{path},".startswith(f"{entry.part},")}
    _write(registry, table, field, entry, Sql(":value"), parts.join_leaves(connection, leaves | instead))


def _leaf(value: SqliteValue) -> str:
    return json.dumps(value if isinstance(value, int) else to_json(value), ensure_ascii=False)


def check_open(entry: Conflict, path: str, *, again: bool = False) -> None:
    """Check that a conflict can be resolved.

    Raises:
        ConflictResolvedError: it is resolved.
        ConflictError: its row is deleted.
    """
    row = f"row {show_key(entry.key)} of table {entry.table!r}"
    if entry.present is None:
        raise ConflictError(f"conflict {entry.id} is about column {entry.column!r} of {row}, which was dropped here")
    if entry.deleted:
        undelete = suggest.row_command("undelete", path, entry.table, entry.key)
        raise ConflictError(
            f"conflict {entry.id} can't be resolved while {row} is deleted: bring it back with {undelete} first"
        )
    if entry.resolved_hlc is not None and not again:
        raise ConflictResolvedError(
            f"conflict {entry.id} is resolved already: {entry.column!r} of {row} was written at "
            f"{clock.show_time(entry.resolved_hlc)} by site {entry.resolved_site}, which had seen both values; to write it once "
            "more, add --again (in Python again=True)"
        )
