"""Columns: which type would merge a column better than `lww`, as its name, its values and its conflicts say. Only reads.

What is said here must never be nonsense: a column is named only if two signs agree, or one that can mean nothing else, and only with a
type that `type` accepts for it as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

import apsw

from crdtsql.base import ColumnTypeError, SqliteValue, caseless, identifier, query, sql
from crdtsql.conflicts import Conflict, conflict_log
from crdtsql.look.advice import NOTE, WATCH, Finding, World, counted_by_triggers
from crdtsql.look.undeclared import words_of
from crdtsql.sqlite import Column, TableShape, schema, tablesql
from crdtsql.store import Registry, Table
from crdtsql.types import columntype

MOST_VALUES = 100
MOST_BYTES = 10_000
"""How many values of a column are looked at, and how long they may be."""

_CHANGED = {"update", "updated", "modify", "modified", "modification", "change", "changed", "edit", "edited"}
_USED = {
    "seen", "access", "accessed", "login", "active", "activity", "visit", "visited", "played", "used", "opened", "read",
    "sync", "synced",
}  # fmt: skip
_TIME = {"at", "on", "time", "date", "datetime", "timestamp", "ts", "ms"}
_TALLIES = {
    "votes", "upvotes", "downvotes", "hits", "views", "likes", "clicks", "downloads", "visits", "plays", "shares",
    "retries",
}  # fmt: skip
_ACTS = {
    "vote", "view", "hit", "like", "click", "download", "visit", "play", "share", "use", "usage", "access", "open", "retry",
    "login", "read", "skip", "launch", "error", "failure",
}  # fmt: skip
_NO_TALLIES = {
    "id", "no", "nr", "number", "key", "ref", "position", "order", "rank", "ranking", "rating", "priority", "level", "year",
    "month", "day", "status", "state", "size", "length", "version", "revision", "port", "seq", "index",
}  # fmt: skip
_ORDERED = {
    "order", "steps", "path", "history", "log", "logs", "lines", "vector", "embedding", "coordinates", "points", "queue",
    "messages", "args", "argv", "params", "parameters", "stack", "sequence", "playlist", "ranking",
}  # fmt: skip
"""Words of names."""

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_EPOCH = 100_000_000
"""Numbers from here on may be seconds since 1970; smaller ones are counts."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What there is to judge a column by.

    Attributes:
        words: its name's words, in lower case.
        values: some of its values, no NULLs.
        clashes: its entries in the conflict log, oldest first.
    """

    column: Column
    words: tuple[str, ...]
    values: Sequence[SqliteValue]
    clashes: Sequence[Conflict]


def of_columns(registry: Registry, world: World, shape: TableShape, table: Table | None) -> Iterator[Finding]:
    """Yield the columns of a table that another type would merge better, each with the command that gives it that type.

    Cost: looks at some values of each column; at all of a column that is named, to be sure that they are of the type.
    """
    clashes = {} if table is None else _clashes(registry, table)
    typed = {caseless(field.name) for field in table.typed_fields} if table is not None else set()
    taken = {*typed, *_in_unique_indexes(world, shape), *counted_by_triggers(world, shape.name)}
    found: list[tuple[Column, str, str, int]] = []
    for column in shape.values:
        if column.generated or caseless(column.name) in taken or "." in column.name:
            continue
        values = _sample(world, shape, column)
        if values is None:
            continue
        signs = Signs(column, tuple(words_of(column.name)), values, clashes.get(caseless(column.name), []))
        kind, why = _judge(signs)
        if kind and _may_be(world, shape, column, kind):
            found.append((column, kind, why, len(signs.clashes)))
    given = [word for column, kind, _, _ in found for word in ("-c", f"{column.name}={kind}")]
    for column, kind, why, count in found:
        so_far = f" ({count:,} conflict{'' if count == 1 else 's'} so far)" if count else ""
        yield Finding(
            WATCH if count else NOTE,
            "type",
            f"{column.name} {why}{so_far}; do the same on every replica",
            world.command(
                *(["type", f"{shape.name}.{column.name}", kind] if table else ["enable", shape.name, *given])
            ),
        )


def _clashes(registry: Registry, table: Table) -> dict[str, list[Conflict]]:
    """Return the entries of a table in the conflict log by column, in lower case; none where they can't be read."""
    found: dict[str, list[Conflict]] = {}
    with suppress(apsw.SQLError, UnicodeDecodeError):
        for entry in conflict_log.read(registry, table.name):
            found.setdefault(caseless(entry.column), []).append(entry)
    return found


def _sample(world: World, shape: TableShape, column: Column) -> list[SqliteValue] | None:
    """Return some values of a column, None if they are no text that can be read."""
    statement = sql("look/columns/sample", column=identifier(column.name), table=identifier(shape.name))
    limits = {"rows": 10 * MOST_VALUES, "bytes": MOST_BYTES, "most": MOST_VALUES}
    try:
        return [value for (value,) in query.rows(world.connection, statement, limits)]
    except UnicodeDecodeError:
        return None


def _in_unique_indexes(world: World, shape: TableShape) -> Iterator[str]:
    """Yield the columns on which UNIQUE indexes depend, also in expressions and conditions."""
    for index in schema.unique_indexes(world.connection, shape.name):
        yield from (caseless(name) for name in index.columns if name)
        if index.parts is not None:
            for text in (*index.parts.terms, index.parts.where or ""):
                yield from tablesql.names(text)


def _may_be(world: World, shape: TableShape, column: Column, kind: str) -> bool:
    """Tell whether a column can have a type as it is."""
    try:
        columntype.check(world.connection, shape, column, kind)
    except ColumnTypeError:
        return False
    return True


def _judge(signs: Signs) -> tuple[str, str]:
    """Return the type that suits a column, and why; "" if there is no reason for another one."""
    if _is_moment_of_change(signs):
        kind = "max"
        why = (
            "looks like the time of the latest change: of concurrent writes that of the later writer stays, which need not be the "
            "latest time, unless the column is a max"
        )
    elif _holds_sets(signs):
        kind = "set"
        why = (
            "holds JSON arrays of different texts: of concurrent changes only one array stays, unless the column is a set, which "
            "keeps what both sides added, but no order"
        )
    elif _is_tally(signs) or _was_counted(signs):
        kind, name = "counter", identifier(signs.column.name)
        sign = "looks like a count" if _is_tally(signs) else "was counted on both sides of its conflicts"
        why = f"{sign}: of concurrent counts (SET {name} = {name} + 1) only one stays, unless the column is a counter"
    else:
        kind = why = ""
    return kind, why


def _is_moment_of_change(signs: Signs) -> bool:
    """Tell whether a column is one like updated_at or last_seen, with moments in it that are in the order of their values."""
    named = {*signs.words} - _TIME
    changed = named <= {*_CHANGED, "last"} and bool(named & _CHANGED)
    used = "last" in named and named <= {*_USED, "last"} and bool(named & _USED)
    explicit = bool({*signs.words} & {*_TIME, "last"}) or bool(
        re.search("date|time", signs.column.declared, re.IGNORECASE)
    )
    if not ((changed and explicit) or used):
        return False
    numbers = [value for value in signs.values if isinstance(value, (int, float))]
    if len(numbers) == len(signs.values):
        return all(number >= _EPOCH for number in numbers)
    forms = {_form(value) for value in signs.values}
    return len(forms) == 1 and None not in forms


def _form(value: SqliteValue) -> str | None:
    """Return how a moment is written, None if it is none, or one of a form that does not sort by time."""
    found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if found is None or found[1] not in (None, "Z", "+00:00", "+0000"):
        return None
    return re.sub(r"\d", "0", str(value))


def _holds_sets(signs: Signs) -> bool:
    """Tell whether all values are arrays of different texts, and no word of the name speaks of an order."""
    if {*signs.words} & _ORDERED:
        return False
    seen = [
        *signs.values,
        *(value for entry in signs.clashes for value in (entry.ours, entry.theirs) if value is not None),
    ]
    arrays = [_texts(value) for value in seen]
    if not all(array is not None for array in arrays):
        return False
    return any(arrays) or (signs.column.default or "").strip("()'\" ") == "[]"


def _texts(value: SqliteValue) -> list[str] | None:
    """Return the elements of a JSON array of different texts, None if a value is none."""
    if not isinstance(value, str) or not value.lstrip().startswith("["):
        return None
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    texts = all(isinstance(element, str) for element in found)
    return found if texts and len(set(found)) == len(found) else None


def _is_tally(signs: Signs) -> bool:
    """Tell whether a column is one like votes or play_count, with small whole numbers in it."""
    last = signs.words[-1:]
    named = (last and last[0] in _TALLIES) or (last == ("count",) and len(signs.words) > 1 and signs.words[-2] in _ACTS)
    return bool(named) and all(isinstance(value, int) and 0 <= value < _EPOCH for value in signs.values)


def _was_counted(signs: Signs) -> bool:
    """Tell whether the numbers of all cells went only up, or only down, through several of their conflicts."""
    if {*signs.words} & _NO_TALLIES:
        return False
    cells: dict[object, list[Conflict]] = {}
    for entry in signs.clashes:
        both = (entry.won_value, entry.lost_value)
        if not all(isinstance(value, int) and abs(value) < _EPOCH for value in both) or entry.part:
            return False
        cells.setdefault(entry.key, []).append(entry)
    steps = [_direction(*pair) for entries in cells.values() for pair in pairwise(entries)]
    return len(steps) > 2 and len({*steps}) == 1 and steps[0] != 0


def _direction(before: Conflict, after: Conflict) -> int:
    """Return 1 if both sides of a conflict went up from what won the one before, -1 if both went down, else 0."""
    won, *sides = (int(str(value)) for value in (before.won_value, after.won_value, after.lost_value))
    return 1 if all(side > won for side in sides) else -1 if all(side < won for side in sides) else 0
