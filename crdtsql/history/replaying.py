"""Replaying: what a row is after some writes, and what is left of the present value once some are taken back. Reads no file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from crdtsql.base import SqliteValue, policy
from crdtsql.store import Field, Table

if TYPE_CHECKING:
    from crdtsql.history.reading import HistoryEntry

COUNTERS, SETS, MAPS = ("counter", "grow-counter"), ("set", "grow-set"), ("map",)
ADDED_TO = (*COUNTERS, *SETS, *MAPS)
"""The types of columns of which each update is a change, and not a value."""
Memo = dict[tuple[tuple[int, str, int], str], SqliteValue]
"""Entry and column -> what the entry replaced there."""
_MOST = (1 << 63) - 1


def state(table: Table, entries: Sequence[HistoryEntry], memo: Memo | None = None) -> dict[str, SqliteValue] | None:
    """Return the values of a row after writes, given in the order of their stamps; None if it is not there then.

    Args:
        memo: what is known already of updates of this row.
    """
    writes = [entry for entry in entries if entry.did != "before"]
    if not entries or (writes and not is_live(table, writes)):
        return None
    found: dict[str, SqliteValue] = {}
    fields = {field.name: field for field in table.fields}
    memo, seen = {} if memo is None else memo, _Seen()
    for entry in sorted(entries, key=lambda entry: (entry.hlc, entry.did != "before", entry.place)):
        had_seen_all = seen.all_by(entry)
        for name, value in entry.values.items():
            field = fields.get(name)
            if entry.did == "before" and name in found:
                continue
            if field is not None and name in entry.replaced and name in found and field.type in ADDED_TO:
                if had_seen_all:
                    memo.setdefault((entry.place, name), found[name])
                found[name] = changed(field.type, found[name], replaced(table, entries, entry, name, memo), value)
            elif field is not None and name in found and field.type in ("max", "min") and entry.did == "updated":
                best = max if field.type == "max" else min
                found[name] = best((found[name], value), key=_order)
            else:
                found[name] = value
    return found


class _Seen:
    """Which of the writes so far each site had seen."""

    def __init__(self) -> None:
        self._latest: dict[str, int] = {}
        self._of: dict[str, dict[str, int]] = {}

    def all_by(self, entry: HistoryEntry) -> bool:
        """Tell whether an entry's writer had seen all entries so far, and count it in."""
        of = self._of.setdefault(entry.site, {})
        for site, hlc in entry.seen.items():
            of[site] = max(hlc, of.get(site, 0))
        whole = all(hlc <= of.get(site, -1) for site, hlc in self._latest.items() if site != entry.site)
        self._latest[entry.site] = max(entry.hlc, self._latest.get(entry.site, 0))
        return whole


def replaced(
    table: Table, entries: Sequence[HistoryEntry], entry: HistoryEntry, name: str, memo: Memo | None = None
) -> SqliteValue:
    """Return what an update of a typed column replaced.

    An entry does not say it if that was NULL, or if the column had no type yet: then it is what the writes give that its writer
    had seen.

    Args:
        memo: what is known already of updates of this row: else each of many would be found by all before it.
    """
    if entry.replaced[name] is not None:
        return entry.replaced[name]
    memo = {} if memo is None else memo
    spot = entry.place, name
    if spot not in memo:
        memo[spot] = _seen_by(table, entries, entry, memo).get(name)
    return memo[spot]


def _seen_by(table: Table, entries: Sequence[HistoryEntry], entry: HistoryEntry, memo: Memo) -> dict[str, SqliteValue]:
    """Return the values of a row as the writer of an entry had them before it."""
    own = [one for one in entries if one.site == entry.site and one.place < entry.place]
    seen: dict[str, int] = {}
    for one in (*own, entry):
        for site, hlc in one.seen.items():
            seen[site] = max(hlc, seen.get(site, 0))
    others = [one for one in entries if one.site != entry.site and one.hlc <= seen.get(one.site, -1)]
    known = sorted((*own, *others), key=lambda one: one.place)
    return state(table, known, memo) or {}


def last_key(entries: Sequence[HistoryEntry]) -> tuple[SqliteValue, ...]:
    """Return the key of a row as it was spelled last: equal keys need not be the same text."""
    named = [entry for entry in entries if entry.did in ("before", "inserted")] or [*entries]
    return max(named, key=lambda entry: (entry.hlc, entry.did != "before", entry.place)).key


def is_live(table: Table, writes: Sequence[HistoryEntry]) -> bool:
    """Tell whether a row is there after writes: what its latest ones say that no other one had seen."""
    latest = {entry.site: entry for entry in writes}
    seen: dict[str, int] = {}
    for entry in writes:
        for site, hlc in entry.seen.items():
            seen[site] = max(hlc, seen.get(site, 0))
    heads = [entry for site, entry in latest.items() if entry.hlc > seen.get(site, -1)]
    gone = [entry.did == "deleted" for entry in heads]
    return not any(gone) if table.rows == policy.DELETE_WINS else not all(gone)


def changed(kind: str, value: SqliteValue, old: SqliteValue, new: SqliteValue) -> SqliteValue:
    """Carry out on a value of a type what an update made of another one."""
    if kind in COUNTERS:
        numbers = [0 if one is None else one for one in (value, old, new)]
        if not all(isinstance(one, (int, float)) for one in numbers):
            return new
        present, before, after = numbers
        return _within(present + after - before)  # type: ignore[operator]
    if kind in SETS:
        return _on_json(value, old, new, list, _set_changed)
    return _on_json(value, old, new, dict, _map_changed)


def _within(value: float) -> float:
    """Return the nearest number that SQLite stores."""
    return max(-_MOST - 1, min(_MOST, value)) if isinstance(value, int) else value


def alike(field: Field, one: SqliteValue, other: SqliteValue) -> bool:
    """Tell whether two values of a column that is added to are the same: sets and maps have no order."""
    if one is None or other is None or field.type in COUNTERS:
        return one == other
    try:
        some, others = json.loads(str(one)), json.loads(str(other))
    except (ValueError, RecursionError):
        return one == other
    if isinstance(some, list) and isinstance(others, list):
        return {_name(each) for each in some} == {_name(each) for each in others}
    return _name(some) == _name(others)


def taken_back(field: Field, present: SqliteValue, updates: Iterable[tuple[SqliteValue, SqliteValue]]) -> SqliteValue:
    """Return what is left of the present value once updates (old, new) are taken back, the last of them first."""
    for old, new in reversed([*updates]):
        present = changed(field.type, present, new, old)
    return present


def _on_json(
    value: SqliteValue, old: SqliteValue, new: SqliteValue, kind: type, change: Callable[[Any, Any, Any], Any]
) -> SqliteValue:
    """Carry out a change on JSON. What is none, or nested deeper than Python reads, is taken as it is."""
    try:
        found = [json.loads(str(one)) if one is not None else kind() for one in (value, old, new)]
        if all(isinstance(one, kind) for one in found):
            return json.dumps(change(*found), ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        pass
    return new


def _set_changed(value: list[Any], old: list[Any], new: list[Any]) -> list[Any]:
    before, after = {_name(one) for one in old}, {_name(one) for one in new}
    left = [one for one in value if _name(one) not in before - after]
    here = {_name(one) for one in left}
    return left + [one for one in new if _name(one) in after - before - here]


def _map_changed(value: dict[str, Any], old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    found = dict(value)
    for key in {*old, *new}:
        if _name(old.get(key)) == _name(new.get(key)) and (key in old) == (key in new):
            continue
        if key in new:
            found[key] = new[key]
        else:
            found.pop(key, None)
    return found


def _name(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _order(value: SqliteValue) -> tuple[int, Any]:
    """Put values in the order of SQLite."""
    if value is None:
        return 0, 0
    if isinstance(value, (int, float)):
        return 1, value
    return (2, value.encode(errors="surrogateescape")) if isinstance(value, str) else (3, value)
