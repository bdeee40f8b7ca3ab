"""Mend: write the rows in which two replicas with equal vectors differ anew, so that an ordinary sync makes them equal.

What is right follows from the stamps, as in a merge: of each cell the later write counts, and a row lives if its latest events say so.
What both sides say under one stamp can't both be what was written: that of the site of the stamp counts, if it is one of the two; else
somebody must say. The row is then written here, as a program would write it, and as a whole, so that all of its stamps are new, and
every replica takes it. A later write of anybody goes on to win. Runs inside the caller's write transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from crdtsql.base import (
    LOG_TIME,
    Sql,
    SqliteValue,
    WriteRefusedError,
    from_json,
    identifier,
    is_foretold,
    joined,
    policy,
    query,
    show,
    sql,
    suggest,
)
from crdtsql.capture import without_capture
from crdtsql.conflicts import rowwrite
from crdtsql.store import Causality, Registry
from crdtsql.verify.compare import RowDifference

OURS = "ours"
_ELSEWHERE = "verify with --repair from the other side"


@dataclass(slots=True)
class Mended:
    """What was mended.

    Attributes:
        rows: how many were written anew.
        left: those that were not, each with the reason.
    """

    rows: int = 0
    left: list[tuple[RowDifference, str]] = field(default_factory=list)


class _Undecided(Exception):  # noqa: N818 - it ends one row, and is told
    """A row can't be mended here, for the reason that it says."""


def mend(registry: Registry, differences: Sequence[RowDifference], their_site: str, take: str | None) -> Mended:
    """Write rows anew.

    Args:
        their_site: the other side.
        take: `ours` or `theirs`: what counts where stamps don't say it.
    """
    mended = Mended()
    for one in differences:
        try:
            with query.savepoint(registry.connection, "crdt_mend"):
                _Row(registry, one, their_site, take).write()
            mended.rows += 1
        except (_Undecided, WriteRefusedError) as error:
            mended.left.append((one, str(error)))
    return mended


class _Row:
    """One row that differs."""

    def __init__(self, registry: Registry, difference: RowDifference, their_site: str, take: str | None) -> None:
        self._registry, self._difference, self._take = registry, difference, take
        self._table = registry.table(difference.table)
        self._our_site = registry.site_id(registry.self_ordinal).hex()
        self._their_site = their_site
        self._here, self._there = difference.here, difference.there
        self._key = _values(difference.key)
        where = (Sql(f"{identifier(name)} = :key{n}") for n, name in enumerate(self._table.key))
        self._is_row = joined(where, " AND ")
        self._bound: dict[str, SqliteValue] = {f"key{n}": part for n, part in enumerate(self._key)}

    def write(self) -> None:
        """Write it as it must be.

        Raises:
            _Undecided: that can't be said, or not be done here.
            WriteRefusedError: the table does not take it.
        """
        self._check()
        here = self._here
        if here and here["deleted"] and here["otherwise"] is not None:
            self._count_as_written(lives=False)  # a row that no trigger saw counts as inserted now, as `repair` has it
            return
        lives = self._lives()
        if not lives:
            self._take = OURS  # what was in a row that goes decides nothing
        values = self._right_values()
        if here.get("shown"):
            self._change(values)
            self._count_as_written()
        elif _is_lost(here) or (not here and int(self._there["born"][0]) < 0):
            self._restore(values)
        elif here and not here["deleted"]:
            held = suggest.command("held", self._registry.path, options=["--table", self._table.name])
            raise _Undecided(f"the table here can't show it, see {held}; {_ELSEWHERE}")
        elif self._table.is_numbered:
            raise _Undecided(f"a row with a number of its own can't be inserted for another one; {_ELSEWHERE}")
        else:
            self._insert(values)
        if not lives:
            statement = sql("verify/mend/delete", table=self._table.quoted, is_row=self._is_row)
            self._registry.connection.execute(statement, self._bound)

    def _check(self) -> None:
        """Check that a write here can mend the row.

        Raises:
            _Undecided: it can't.
        """
        here, there = self._here, self._there
        if any(side.get("moved") for side in (here, there)):
            raise _Undecided(f"the table shows another row under its key; {_ELSEWHERE}")
        if any(map(is_foretold, self._key)):
            raise _Undecided(f"its key awaits a row that its writer has not inserted yet; {_ELSEWHERE}")
        if self._difference.parts:
            columns = ", ".join(self._difference.parts)
            raise _Undecided(
                f"what {columns} is made of differs, which no write makes equal: clone the file that is right"
            )
        if _is_lost(there) and not _is_lost(here):
            raise _Undecided(f"the other file has lost its values; {_ELSEWHERE}")
        if there and there["otherwise"] is not None and (not here or here["otherwise"] is None):
            raise _Undecided(f"a row stands in the table there that no trigger saw; {_ELSEWHERE}")

    def _lives(self) -> bool:
        """Tell whether the row lives by its latest events: those of both sides that no other one had seen."""
        ordinals = {site.hex(): ordinal for ordinal, site, _ in self._registry.sites()}
        heads = {
            ((int(t), ordinals.get(site, 0)), gone)
            for side in (self._here, self._there)
            for t, site, gone in side.get("heads", ())
        }
        causality = Causality(self._registry.connection)
        latest = [
            gone
            for stamp, gone in heads
            if not any(stamp != other and causality.has_seen(other, stamp) for other, _ in heads)
        ]
        return not any(latest) if self._table.rows == policy.DELETE_WINS else not all(latest)

    def _right_values(self) -> dict[str, SqliteValue]:
        """Return what is right of each column that both sides have."""
        ours, theirs = (None if _is_lost(side) else side.get("cells") for side in (self._here, self._there))
        if ours is None or theirs is None:
            names, cells = (ours or theirs or {}).keys(), ours or theirs or {}
            return dict(zip(names, _values([cells[name][0] for name in names]), strict=True))
        return {
            name: _values([(ours if self._counts(name, cell, theirs[name]) else theirs)[name][0]])[0]
            for name, cell in ours.items()
        }

    def _counts(self, name: str, ours: Sequence[Any], theirs: Sequence[Any]) -> bool:
        """Tell whether our value of a cell counts, not theirs."""
        if repr(ours[0]) == repr(theirs[0]):
            return True
        kind = next(one.type for one in self._table.fields if one.name == name)
        stamps = [(int(t), bytes.fromhex(site)) for _, t, site in (ours, theirs)]
        if kind == "lww" and stamps[0] != stamps[1]:
            return stamps[0] > stamps[1]
        if kind == "lww" and ours[2] in (self._our_site, self._their_site):
            return bool(ours[2] == self._our_site)
        if self._take is None:
            why = "each side may lack a part of it" if kind != "lww" else "both say that the same write wrote it"
            values = " or ".join(show(value) for value in _values([ours[0], theirs[0]]))
            raise _Undecided(f"{name} is {values}, and {why}: give --take ours or --take theirs")
        return self._take == OURS

    def _change(self, values: Mapping[str, SqliteValue]) -> None:
        """Write the cells that are not right here."""
        cells = self._here["cells"]
        wrong = [name for name in values if repr(_values([cells[name][0]])[0]) != repr(values[name])]
        if wrong:
            statement = partial(
                sql,
                "verify/mend/update",
                table=self._table.quoted,
                is_row=self._is_row,
                settings=joined(Sql(f"{identifier(name)} = :value{n}") for n, name in enumerate(wrong)),
            )
            bound = self._bound | {f"value{n}": values[name] for n, name in enumerate(wrong)}
            rowwrite.write(self._registry.connection, self._table, self._key, statement, bound)

    def _insert(self, values: Mapping[str, SqliteValue]) -> None:
        names = [*self._table.key, *values]
        bound = {f"value{n}": value for n, value in enumerate((*self._key, *values.values()))}
        columns = joined(map(identifier, names))
        statement = partial(
            sql,
            "verify/mend/insert",
            table=self._table.quoted,
            columns=columns,
            values=joined(Sql(f":{name}") for name in bound),
        )
        rowwrite.write(self._registry.connection, self._table, self._key, statement, bound)

    def _restore(self, values: Mapping[str, SqliteValue]) -> None:
        """Put back a row of which only the values went: it is the same row still."""
        with without_capture(self._registry.connection, [self._table]):
            self._insert(values)
        self._count_as_written()

    def _count_as_written(self, *, lives: bool = True) -> None:
        """Let all cells of the row count as written now; of one that does not live, it counts as inserted."""
        table = self._table
        shared = {
            "log_keys": table.keys,
            "log_time": LOG_TIME,
            "user_keys": table.key_columns_of("shown"),
            "table": table.quoted,
            "is_row": self._is_row,
        }
        clocks = {"clock": table.clock, "shown_is_clock": table.row_has_key_of("shown", "clock")}
        values = self._bound | {"tbl": table.id, "detail": 1 if lives else None}
        self._registry.connection.execute(sql("verify/mend/log_replaced", **shared, **clocks), values)
        self._registry.connection.execute(sql("verify/mend/log_written", **shared), values)


def _is_lost(side: Mapping[str, Any]) -> bool:
    """Tell whether the values of a row that is known are nowhere."""
    return bool(side) and not (side["shown"] or side["held"])


def _values(found: Sequence[Any]) -> tuple[SqliteValue, ...]:
    """Read values that were told as JSON.

    Raises:
        _Undecided: one is text that no statement takes.
    """
    try:
        return tuple(map(from_json, found))
    except ValueError as error:
        raise _Undecided(f"it has text that is no UTF-8 ({error})") from error
