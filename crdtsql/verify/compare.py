"""Compare: find the rows in which two replicas differ, by asking both the same questions.

It asks for the digests of ranges, and goes on only where they differ, sixteen parts at a time; so two tables of millions of rows
that differ in one exchange some kilobytes. What each side answers is a function of what it holds, so this module needs no file: the
two sides are functions from a question to an answer (`digests.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from crdtsql.base import TransportError, UsageError, by_id, rounds_rule, vector_to_json
from crdtsql.verify import distrust
from crdtsql.verify.digests import DIGITS

Ask = Callable[[Mapping[str, Any]], Mapping[str, Any]]
MOST_BUCKETS = 256
"""In so many buckets the rows that differ are looked for at a time; where more differ, that is said."""
AT_ONCE = 100
"""So many rows are asked for at a time."""
_NOTHING: Mapping[str, Any] = {"rows": [], "parts": []}
"""What is told of a hash that no row has."""


@dataclass(frozen=True, slots=True)
class RowDifference:
    """A row in which the two sides differ.

    Attributes:
        key: the parts of the key as JSON, in the order of the table's.
        what: `here` or `there` if only that side has the row; else `values`, `stamps` (who wrote it and when, or what a counter is
            made of) or `shown` (whether and how the table shows it), the first of these that differs.
        columns: names of the columns whose values or stamps differ.
        parts: names of those of them of which what they are made of differs.
        here, there: what is true of it on each side, as `digests.py` tells it; empty where it is not known at all.
    """

    table: str
    key: tuple[Any, ...]
    what: str
    columns: tuple[str, ...]
    here: Mapping[str, Any] = field(repr=False)
    there: Mapping[str, Any] = field(repr=False)
    parts: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the row as `--json` prints it: of each column that differs the value, stamp and site on both sides."""
        return {
            "table": self.table,
            "key": list(self.key),
            "what": self.what,
            "columns": list(self.columns),
            "here": self._side(self.here),
            "there": self._side(self.there),
        }

    def _side(self, told: Mapping[str, Any]) -> dict[str, Any] | None:
        if not told:
            return None
        cells = {name: dict(zip(("value", "hlc", "site"), told["cells"][name], strict=True)) for name in self.columns}
        return {"shown": told["shown"], "deleted": told["deleted"], "cells": cells}


@dataclass(frozen=True, slots=True)
class TableComparison:
    """How the two sides' tables compare.

    Attributes:
        differing: how many rows differ, as far as that was looked at.
        left_out: why the tables were not compared, None if they were.
    """

    name: str
    differing: int = 0
    left_out: str | None = None


@dataclass(slots=True)
class Comparison:
    """What was found.

    Attributes:
        tables: those of both sides.
        rows: those that differ.
        more: more differ than were looked at.
        questions: how many were asked.
        looked: what to look at the next time only what was written since; None if a side says nothing of that.
        partly: only what was written since the look that was given.
    """

    tables: list[TableComparison] = field(default_factory=list)
    rows: list[RowDifference] = field(default_factory=list)
    more: bool = False
    questions: int = 0
    looked: Look | None = None
    partly: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """A look at both sides that found them equal.

    Attributes:
        here, there: the sides' marks (`marks.py`).
        columns: by table, which were compared.
    """

    here: Mapping[str, Any]
    there: Mapping[str, Any]
    columns: Mapping[str, Sequence[str]]


def compare(
    here: Ask, there: Ask, most_rows: int, since: Look | None = None, *, unless_unknown: bool = False
) -> Comparison:
    """Compare two sides; tell of at most so many rows what differs in them.

    Args:
        since: if both sides' marks still count, and what was written since is equal on both, look at no more than that.
        unless_unknown: look at nothing where they don't count any more.

    Raises:
        TransportError: the other side does not answer as it must.
    """
    return _Search(here, there, most_rows).found(since, unless_unknown)


def begin(here: Ask, there: Ask) -> Look | None:
    """Return a look that takes two sides for equal as they are now, and reads no rows; None if a side does not say where it stands.

    Raises:
        TransportError: the other side does not answer as it must.
    """
    search = _Search(here, there, 0)
    search.meet()
    return search.looked


def _joined(*floors: Any) -> dict[str, str]:
    """Return what either side may have forgotten."""
    try:
        ours, theirs = map(by_id, floors)
    except UsageError as error:
        raise _no_answer() from error
    return vector_to_json({site.hex(): hlc for site, hlc in rounds_rule.most(ours, theirs).items()})


def _no_answer() -> TransportError:
    return TransportError("the other side does not answer what it was asked: is its crdtsql another version?")


class _Search:
    """One search."""

    def __init__(self, here: Ask, there: Ask, most_rows: int) -> None:
        self._here, self._there, self._most_rows = here, there, most_rows
        self._comparison = Comparison()
        self._columns: dict[str, list[str]] = {}
        self._names: dict[str, tuple[str, dict[str, str]]] = {}
        self._widths: dict[str, int] = {}
        self._forgotten: dict[str, str] = {}

    @property
    def looked(self) -> Look | None:
        """Return where both sides stood."""
        return self._comparison.looked

    def meet(self) -> None:
        """Find out which tables and columns both sides have, and where they stand."""
        marks = self._both({"about": True}, {"about": True})
        ours, theirs = self._checked(marks, {"about": True}, "tables")
        self._forgotten = _joined(*(one.get("floor", {}) for one in marks))
        for uid in sorted(ours.keys() | theirs.keys()):
            left_out = self._why_left_out(ours.get(uid), theirs.get(uid))
            name = str((ours.get(uid) or theirs[uid])["name"])
            if left_out is not None:
                self._comparison.tables.append(TableComparison(name, left_out=left_out))
                continue
            self._columns[uid] = sorted(ours[uid]["columns"].keys() & theirs[uid]["columns"].keys())
            self._widths[uid] = len(ours[uid]["key"])
            self._names[uid] = (name, {column: told[1] for column, told in ours[uid]["columns"].items()})
        if all(distrust.is_mark(one.get("mark")) for one in marks):
            self._comparison.looked = Look(marks[0]["mark"], marks[1]["mark"], self._columns)

    def found(self, since: Look | None, unless_unknown: bool) -> Comparison:
        """Search."""
        self.meet()
        equal = None if since is None else self._is_equal_since(since)
        self._comparison.partly = bool(equal) or (equal is None and unless_unknown)
        buckets = {} if self._comparison.partly else self._differing_buckets()
        hashes = self._differing_rows(buckets) if buckets else {}
        for uid, (name, _) in self._names.items():
            self._comparison.tables.append(TableComparison(name, len(hashes.get(uid, ()))))
        self._comparison.rows = list(islice(self._told(hashes), self._most_rows))
        self._comparison.more |= sum(map(len, hashes.values())) > self._most_rows
        return self._comparison

    def _ask(self, question: Mapping[str, Any], kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Ask both sides the same."""
        return self._checked(self._both(question, question), question, kind)

    def _both(self, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        self._comparison.questions += 1
        told = {"floor": self._forgotten} if self._forgotten else {}
        return self._here({**ours, **told}), self._there({**theirs, **told})

    @staticmethod
    def _checked(
        found: tuple[Mapping[str, Any], Mapping[str, Any]], question: Mapping[str, Any], kind: str
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Check what a stranger answers as far as it is used."""
        answers = found[0].get(kind), found[1].get(kind)
        asked = question.get(kind)
        for one in answers:
            if not isinstance(one, dict) or (isinstance(asked, dict) and one.keys() != asked.keys()):
                raise _no_answer()
        return answers[0], answers[1]  # type: ignore[return-value]

    @staticmethod
    def _why_left_out(ours: Any, theirs: Any) -> str | None:
        if ours is None or theirs is None:
            return "it is only here" if theirs is None else "it is only there"
        if ours["key"] != theirs["key"] or ours["is"] != theirs["is"]:
            return "it has another key or another policy there"
        types = {uid: kind for uid, (kind, _) in theirs["columns"].items()}
        other = [name for uid, (kind, name) in ours["columns"].items() if types.get(uid, kind) != kind]
        return f"columns have another type there: {', '.join(other)}" if other else None

    def _is_equal_since(self, since: Look) -> bool | None:
        """Tell whether what was written since is equal on both sides; None if they don't know any more what was."""
        if not self._columns or since.columns != self._columns:
            return None
        question = {"totals": self._columns}
        found = self._both({**question, "since": since.here}, {**question, "since": since.there})
        ours, theirs = self._checked(found, question, "totals")
        return ours == theirs if all(one.get("since") is not None for one in found) else None

    def _differing_buckets(self) -> dict[str, list[str]]:
        """Return the buckets that differ, by table, but not more than may be looked at."""
        if not self._columns:
            return {}
        ours, theirs = self._ask({"totals": self._columns}, "totals")
        frontier = {uid: [""] for uid in self._columns if ours[uid] != theirs[uid]}
        for _ in range(DIGITS):
            if not frontier:
                break
            question = {uid: [self._columns[uid], names] for uid, names in frontier.items()}
            ours, theirs = self._ask({"ranges": question}, "ranges")
            differing = [
                (uid, f"{name}{digit:x}")
                for uid, names in frontier.items()
                for name in names
                for digit in range(16)
                if ours[uid][name][digit] != theirs[uid][name][digit]
            ]
            self._comparison.more |= len(differing) > MOST_BUCKETS
            frontier = {}
            for uid, name in differing[:MOST_BUCKETS]:
                frontier.setdefault(uid, []).append(name)
        return frontier

    def _differing_rows(self, buckets: Mapping[str, list[str]]) -> dict[str, list[str]]:
        """Return the hashes of the keys of rows that differ, by table."""
        ours, theirs = self._ask({"rows": {uid: [self._columns[uid], names] for uid, names in buckets.items()}}, "rows")
        found = {}
        for uid, names in buckets.items():
            if not all(distrust.is_hash_in(name, where) for name in names for where in theirs[uid][name]):
                raise _no_answer()
            one, other = ({k: v for name in names for k, v in side[uid][name].items()} for side in (ours, theirs))
            found[uid] = sorted(where for where in one.keys() | other.keys() if one.get(where) != other.get(where))
        return found

    def _told(self, hashes: Mapping[str, Sequence[str]]) -> Iterator[RowDifference]:
        """Say of rows what differs in them; whoever says that more do is not asked for ever."""
        left = self._most_rows
        for uid, all_of_table in hashes.items():
            looked_at = all_of_table[:left]
            left -= len(looked_at)
            for first in range(0, len(looked_at), AT_ONCE):
                some = looked_at[first : first + AT_ONCE]
                ours, theirs = self._ask({"items": {uid: [self._columns[uid], some]}}, "items")
                for where in some:
                    if not distrust.is_told(theirs[uid].get(where, _NOTHING), self._widths[uid], self._columns[uid]):
                        raise _no_answer()
                    sides = [_named(side[uid].get(where, _NOTHING), self._names[uid][1]) for side in (ours, theirs)]
                    yield from _differences(self._names[uid][0], *sides)


def _named(told: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Call the columns by the names that they have here."""
    rows = [
        row
        | {what: row[what] and {names[uid]: cell for uid, cell in row[what].items()} for what in ("cells", "otherwise")}
        for row in told["rows"]
    ]
    return {"rows": rows, "parts": {(names[uid], hashed) for uid, hashed in told["parts"]}}


def _differences(table: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[RowDifference]:
    """Compare what two sides tell of the rows of one hash: nearly always one."""
    by_key: dict[str, list[Any]] = {}
    for side, told in enumerate((ours, theirs)):
        for row in told["rows"]:
            by_key.setdefault(f"{row['key']} {row['moved']}", [{}, {}])[side] = row
    in_parts = {name for name, _ in ours["parts"] ^ theirs["parts"]}
    for one, other in by_key.values():
        found = _difference(table, one, other, in_parts)
        if found is not None:
            yield found


def _difference(
    table: str, one: Mapping[str, Any], other: Mapping[str, Any], in_parts: set[str]
) -> RowDifference | None:
    key = tuple((one or other)["key"])
    if not one or not other:
        cells = tuple((one or other)["cells"])
        return RowDifference(table, key, "here" if one else "there", cells, one, other)
    values = {name for name, cell in one["cells"].items() if repr(cell[0]) != repr(other["cells"][name][0])}
    stamps = {name for name, cell in one["cells"].items() if cell[1:] != other["cells"][name][1:]} | in_parts
    events = one["heads"] != other["heads"] or one["born"] != other["born"]
    shown = any(repr(one[what]) != repr(other[what]) for what in ("deleted", "shown", "held", "otherwise"))
    what = "values" if values else "stamps" if stamps or events else "shown" if shown else None
    if what is None:
        return None
    columns = tuple(name for name in one["cells"] if name in values | stamps)
    return RowDifference(table, key, what, columns, one, other, tuple(sorted(in_parts)))
