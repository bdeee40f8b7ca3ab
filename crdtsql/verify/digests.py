"""Digests: sums over the rows of tables, by ranges of the hashes of their keys, and the answers to questions about them.

The hash of a key has 64 bits; its first 16 say in which of 65,536 buckets the row is. What stands for a range is how many items there
are, and the sum of their hashes modulo 2^128: so it does not matter in which order they are read, and ranges add up. The buckets of a
table are summed up in one pass when somebody asks, and kept until the next comparison begins, or somebody writes to the file.

A question is a JSON object with one of these members; tables are called by their uids, ranges by the first hex digits of the hash:

    {"about": true}                     which tables there are, and which columns they have
    {"totals": {table: [column, ...]}}  the digest of all rows, over these columns
    {"totals": {table: [column, ...]}, "since": mark}
                                        that of the rows that were written since, if the mark counts still (`marks.py`)
    {"ranges": {table: [[column, ...], [range, ...]]}}
                                        the digests of the 16 parts of each range of less than 4 digits
    {"rows": {table: [[column, ...], [range, ...]]}}
                                        of each range of 4 digits: the hashes of the keys, and the last 64 bits of the sums
    {"items": {table: [[column, ...], [key hash, ...]]}}
                                        what is true of these rows

The answer about tables says too what its side may have forgotten (`floor`, a vector); each further question says so of both sides
together, and what lies wholly below that is compared without its stamps.

Whoever asks is a stranger: what is out of bounds is refused. Runs inside the caller's transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

import apsw

from crdtsql.base import Sql, UsageError, by_id, query, value_to_json, vector_to_json
from crdtsql.compaction import floor, retiring
from crdtsql.store import Registry, Table
from crdtsql.verify import marks
from crdtsql.verify.reading import ContentReading, Found, Row, Wants

DIGITS = 4
"""How many hex digits name a bucket."""
MOST_KEPT = 50_000
"""The rows of at most so many items are kept for the next question."""
MODULUS = 1 << 128
MOST_RANGES = 4_096
"""So many ranges are asked about at once."""
MOST_ITEMS = 1_000
"""So many rows are told at once."""
_HALF = (1 << 64) - 1
_COUNT_AT = 192
_ONE = 1 << _COUNT_AT
Digest = tuple[int, int]
T = TypeVar("T")
Items = Iterator[Found]


class Asked(NamedTuple):
    """Over which columns of a table somebody asks, and what either side may have forgotten."""

    uids: tuple[str, ...]
    forgotten: Mapping[bytes, int]


@dataclass(slots=True)
class Sums:
    """The digests of one table: range -> number of items, and the sum of their hashes; ranges without rows are left out."""

    levels: list[dict[str, Digest]] = field(default_factory=list)

    @staticmethod
    def of(buckets: Mapping[int, Digest]) -> Sums:
        """Add up buckets."""
        levels = [{f"{bucket:0{DIGITS}x}": digest for bucket, digest in buckets.items()}]
        for _ in range(DIGITS):
            above: dict[str, Digest] = {}
            for name, (items, total) in levels[0].items():
                before = above.get(name[:-1], (0, 0))
                above[name[:-1]] = (before[0] + items, (before[1] + total) % MODULUS)
            levels.insert(0, above)
        return Sums(levels)

    def at(self, name: str) -> Digest:
        """Return the digest of a range."""
        return self.levels[len(name)].get(name, (0, 0))


@dataclass(slots=True)
class _Kept:
    """What was found out about a table while it is compared, over one choice of its columns.

    Attributes:
        buckets, items: which buckets were asked about row by row last, and what is in them: whoever asks for that wants to know
            more of some of these rows.
    """

    asked: Asked
    sums: Sums | None = None
    buckets: set[int] = field(default_factory=set)
    items: dict[int, list[Found]] = field(default_factory=dict)


@dataclass(slots=True)
class _OfFile:
    """What is kept of a file while it is as it was: of each table that over which somebody asked last."""

    state: tuple[int, int]
    tables: dict[str, _Kept] = field(default_factory=dict)


_MEMORY: WeakKeyDictionary[apsw.Connection, _OfFile] = WeakKeyDictionary()


def _kept(connection: apsw.Connection, table: Table, asked: Asked) -> _Kept:
    """Return what is known of a table of a file as it is now."""
    (version,) = query.first(connection, "PRAGMA data_version")
    state = (int(version), connection.total_changes())
    memory = _MEMORY.get(connection)
    if memory is None or memory.state != state:
        memory = _MEMORY[connection] = _OfFile(state)
    kept = memory.tables.get(table.uid)
    if kept is None or kept.asked != asked:
        kept = memory.tables[table.uid] = _Kept(asked)
    return kept


def answer(registry: Registry, question: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a question about the content of a file.

    Raises:
        UsageError: it is none.
    """
    if question.get("about") is True:
        _MEMORY.pop(registry.connection, None)  # whoever begins to compare wants to know what lies there now
        tables = {table.uid: _about(table) for table in registry.tables() if not table.absent}
        forgotten = {site.hex(): hlc for site, hlc in floor.read(registry).floor.items()}
        told = {"floor": vector_to_json(forgotten)} if forgotten else {}
        return {"tables": tables, "mark": marks.mark(registry), **told}
    forgotten_by_both = retiring.full(registry, by_id(question.get("floor", {})))
    since = marks.honoured(registry, question.get("since"))
    if since is not None and isinstance(asked := question.get("totals"), dict):
        totals = {
            uid: _total_since(registry, _table(registry, uid), (one, forgotten_by_both), since)
            for uid, one in asked.items()
        }
        return {"totals": totals, "since": since}
    for kind, of_table in _KINDS.items():
        if isinstance(asked := question.get(kind), dict):
            return {
                kind: {
                    uid: of_table(registry, _table(registry, uid), (one, forgotten_by_both))
                    for uid, one in asked.items()
                }
            }
    raise UsageError("not a question about the content of a file that this version of crdtsql knows")


def _about(table: Table) -> dict[str, Any]:
    return {
        "name": table.name,
        "key": list(table.key_uids),
        "columns": {one.uid: [one.type, one.name] for one in table.fields},
        "is": [table.identity, table.rows, table.granularity],
    }


def _table(registry: Registry, uid: str) -> Table:
    table = registry.find_uid(uid)
    if table is None or table.absent:
        raise UsageError(f"there is no table {uid!r} to compare")
    return table


Question = tuple[Any, Mapping[bytes, int]]
"""What is asked about a table, and what either side may have forgotten."""


def _uids(table: Table, question: Question) -> Asked:
    asked, forgotten = question
    known = {one.uid for one in table.fields}
    is_list = isinstance(asked, list) and all(isinstance(one, str) for one in asked)
    if not is_list or not known.issuperset(asked) or len({*asked}) < len(asked):
        raise UsageError(f"table {table.name!r} has other columns than those that are asked about")
    return Asked(tuple(asked), forgotten)


def _asked(table: Table, question: Question, most: int, digits: range) -> tuple[Asked, list[str]]:
    """Read what is asked about a table: columns, and names of ranges or hashes."""
    asked, forgotten = question
    if not isinstance(asked, list) or len(asked) != 2 or not isinstance(asked[1], list) or len(asked[1]) > most:
        raise UsageError(f"not a question about rows of {table.name!r}")
    names = asked[1]
    if not all(isinstance(one, str) and len(one) in digits and not one.strip("0123456789abcdef") for one in names):
        raise UsageError(f"not a range of rows of {table.name!r}")
    return _uids(table, (asked[0], forgotten)), names


def _totals(registry: Registry, table: Table, asked: Question) -> list[Any]:
    return _told(_sums(registry, table, _uids(table, asked)).at(""))


def _total_since(registry: Registry, table: Table, asked: Question, since: int) -> list[Any]:
    only = marks.changed_since(table, since)
    return _told(_read(registry, table, _uids(table, asked), _summed, only=only).at(""))


def _ranges(registry: Registry, table: Table, asked: Question) -> dict[str, list[list[Any]]]:
    uids, names = _asked(table, asked, MOST_RANGES, range(DIGITS))
    sums = _sums(registry, table, uids)
    return {name: [_told(sums.at(f"{name}{digit:x}")) for digit in range(16)] for name in names}


def _told(digest: Digest) -> list[Any]:
    return [digest[0], f"{digest[1]:032x}"]


def _rows(registry: Registry, table: Table, asked: Question) -> dict[str, dict[str, str]]:
    uids, names = _asked(table, asked, MOST_RANGES, range(DIGITS, DIGITS + 1))
    wanted = {int(name, 16): name for name in names}

    def consume(items: Items) -> dict[str, dict[int, int]]:
        found: dict[str, dict[int, int]] = {name: defaultdict(int) for name in names}
        kept: dict[int, list[Found]] = defaultdict(list)
        count = 0
        for count, one in enumerate(items, 1):
            where, _, content = one
            found[wanted[where >> 48]][where] += content
            if count <= MOST_KEPT:
                kept[where].append(one)
        memory = _kept(registry.connection, table, uids)
        memory.items = kept if count <= MOST_KEPT else {}
        memory.buckets = {*wanted} if count <= MOST_KEPT else set()
        return found

    return {
        name: {f"{where:016x}": f"{total & _HALF:016x}" for where, total in rows.items()}
        for name, rows in _read(registry, table, uids, consume, lambda where: where >> 48 in wanted).items()
    }


def _items(registry: Registry, table: Table, asked: Question) -> dict[str, dict[str, Any]]:
    uids, names = _asked(table, asked, MOST_ITEMS, range(16, 17))
    wanted = {int(name, 16) for name in names}

    def consume(items: Items) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for where, item, content in items:
            told = found.setdefault(f"{where:016x}", {"rows": [], "parts": []})
            if isinstance(item, Row):
                told["rows"].append(_row_to_json(item, uids.uids))
            else:
                told["parts"].append([item.uid, f"{content:032x}"])
        return found

    kept = _kept(registry.connection, table, uids)
    if {where >> 48 for where in wanted} <= kept.buckets:
        found = consume(one for where in wanted for one in kept.items.get(where, ()))
    else:
        found = _read(registry, table, uids, consume, wanted.__contains__)
    return {where: {"rows": told["rows"], "parts": sorted(told["parts"])} for where, told in found.items()}


_KINDS: dict[str, Callable[[Registry, Table, Any], Any]] = {
    "totals": _totals,
    "ranges": _ranges,
    "rows": _rows,
    "items": _items,
}


def _row_to_json(row: Row, uids: tuple[str, ...]) -> dict[str, Any]:
    """Tell what is true of a row; stamps are strings of digits with the id of a site."""
    cells = {
        uid: [value_to_json(value), *_stamp_to_json(row.born if stamp is None else stamp)]
        for uid, value, stamp in zip(uids, row.values, row.stamps, strict=True)
    }
    shows = row.seen.otherwise
    otherwise = shows and dict(zip(uids, map(value_to_json, shows), strict=True))
    return {
        "key": [value_to_json(part) for part in row.key],
        "deleted": row.seen.deleted,
        "shown": row.seen.shown,
        "held": row.seen.held,
        "moved": row.seen.moved,
        "born": _stamp_to_json(row.born),
        "heads": [[*_stamp_to_json((t, site)), gone] for t, site, gone in row.heads],
        "cells": cells,
        "otherwise": otherwise,
    }


def _stamp_to_json(stamp: tuple[int, bytes]) -> list[str]:
    return [str(stamp[0]), stamp[1].hex()]


def _read(
    registry: Registry,
    table: Table,
    asked: Asked,
    consume: Callable[[Items], T],
    wants: Wants | None = None,
    only: Sql | None = None,
) -> T:
    """Read the items of a table; once more, as bytes, if some text is no UTF-8."""
    try:
        return consume(ContentReading(registry, table, asked.uids, only, forgotten=asked.forgotten).items(wants))
    except UnicodeDecodeError:
        reading = ContentReading(registry, table, asked.uids, only, forgotten=asked.forgotten, exact=True)
        return consume(reading.items(wants))


def _sums(registry: Registry, table: Table, asked: Asked) -> Sums:
    """Return the digests of a table; they are kept while it is compared, and nobody writes to the file."""
    kept = _kept(registry.connection, table, asked)
    if kept.sums is None:
        kept.sums = _read(registry, table, asked, _summed)
    return kept.sums


def _summed(items: Items) -> Sums:
    """Sum up buckets; what is counted stands above the sums, so that there is one number to add to."""
    buckets: dict[int, int] = {}
    for where, _, content in items:
        bucket = where >> 48
        buckets[bucket] = buckets.get(bucket, 0) + content + _ONE
    return Sums.of({at: (found >> _COUNT_AT, found % MODULUS) for at, found in buckets.items()})
