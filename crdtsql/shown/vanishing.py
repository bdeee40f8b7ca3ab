"""Vanishing: how many rows disappear from the user's tables by a merge, which is asked before it is committed.

What counts is what a person sees: a row that the table showed before and does not show afterwards, whether somebody deleted it, or it
went with another one, or a constraint refuses it now. A row that has another number now has not disappeared, nor one in whose place
the row is shown that has its UNIQUE value. What this side deleted
itself has gone before the merge begins. Entries of histories don't count: they go when their time is over, or with a purge.

A merge pays for a bound alone: so many rows were deleted, so many are held for another reason. Only where this bound is beyond
the limit, the merge is undone and done again with the keys of the rows noted before, and these are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import apsw

from crdtsql.base import (
    DeleteLimit,
    Sql,
    SqliteValue,
    TemporaryTable,
    TooManyDeletesError,
    fragment,
    query,
    reasons,
    show_key,
    sql,
)
from crdtsql.shown import moved
from crdtsql.shown.holding import Side
from crdtsql.sqlite import schema
from crdtsql.store import Registry, Table

BEFORE = TemporaryTable("_crdt_before", "shown/vanishing/create_before")
MOST_SITES = 3
Counts = Callable[[str], tuple[int, int]]


class DoubtError(Exception):
    """A merge may be beyond the limit: it is to be undone, and done again with the rows of these tables noted before."""

    def __init__(self, tables: frozenset[str]) -> None:
        self.tables = tables
        super().__init__("the rows that disappear are to be counted")


class Allowed(NamedTuple):
    """How many rows may disappear by a merge.

    Attributes:
        limit: of each table; None: all.
        noted: names of the tables whose rows are to be noted before, so that those that disappear can be counted.
    """

    limit: DeleteLimit | None = None
    noted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Guard:
    """What is known before a merge.

    Attributes:
        kept: table -> how many rows it showed otherwise than they are, and how many it could not show, with these.
        noted: names of the tables whose rows were noted.
    """

    registry: Registry
    limit: DeleteLimit | None
    tables: tuple[Table, ...] = ()
    kept: dict[str, tuple[int, int]] = field(default_factory=dict)
    noted: frozenset[str] = frozenset()

    def check(self, counts: Counts) -> None:
        """Check, when all is settled, that no table lost more rows than it may.

        Args:
            counts: returns of a table how many rows the merge deleted, and how many it inserted.

        Raises:
            TooManyDeletesError: one did.
            DoubtError: one may have, and its rows were not noted.
        """
        if self.limit is None:
            return
        doubtful = {table.name for table in self.tables if self._may_exceed(self.limit, table, counts)}
        if doubtful - self.noted:
            raise DoubtError(self.noted | doubtful)
        self.count(doubtful)

    def _may_exceed(self, limit: DeleteLimit, table: Table, counts: Counts) -> bool:
        """Tell from what is cheap to know whether a table may have lost too many rows."""
        connection, (deleted, inserted) = self.registry.connection, counts(table.name)
        (stood_in, held), (stand_in, holds) = self.kept[table.name], _count_kept(connection, table)
        gone = deleted + stood_in + holds - stand_in
        if limit.allows(gone, gone):
            return False
        (shown,) = query.first(connection, f"SELECT count(*) FROM {table.quoted}")
        came = inserted + held + stand_in
        return not limit.allows(gone, max(0, shown - came) + gone)

    def count(self, names: Collection[str]) -> None:
        """Count the rows that disappeared from tables whose rows were noted.

        Raises:
            TooManyDeletesError: they are too many.
        """
        connection = self.registry.connection
        rows: dict[str, tuple[int, int]] = {}
        keys = {}
        sites: Counter[str] = Counter()
        for table in self.tables:
            if table.name not in names:
                continue
            vanished = _vanished(table)
            (gone,) = query.first(connection, f"SELECT count(*) FROM ({vanished})")
            (of,) = query.first(connection, f"SELECT count(*) FROM {BEFORE.of(table.id).quoted}")
            if self.limit is None or self.limit.allows(gone, of):
                continue
            rows[table.name] = gone, of
            first = sql("shown/vanishing/first", keys=table.keys, vanished=vanished)
            keys[table.name] = [tuple(key) for key in query.rows_to_show(connection, first)]
            for site, count in query.rows(connection, sql("shown/vanishing/by_site", vanished=vanished)):
                sites[self.registry.site_id(site).hex()] += count
        if self.limit is not None and rows:
            told = _tell(self.registry.path, self.limit, rows, keys, sites)
            raise TooManyDeletesError(told, rows, keys, dict(sites.most_common()))


@contextmanager
def guarded(registry: Registry, allowed: Allowed, tables: Iterable[Table]) -> Iterator[Guard]:
    """Look at tables before a merge, which is the block."""
    if allowed.limit is None:
        yield Guard(registry, None)
        return
    connection = registry.connection
    shapes = {table: schema.read(connection, table.name) for table in tables if not (table.absent or table.is_history)}
    sides = [Side(table, shape) for table, shape in shapes.items() if shape is not None]
    with ExitStack() as stack:
        for side in sides:
            if side.table.name in allowed.noted:
                before = BEFORE.of(side.table.id)
                slots = {"before": before.quoted, "key_definitions": side.key_definitions}
                stack.enter_context(before.created(connection, **slots))
                connection.execute(_note(registry, side.table))
        kept = {side.table.name: _count_kept(connection, side.table) for side in sides}
        noted = allowed.noted & kept.keys()
        yield Guard(registry, allowed.limit, tuple(side.table for side in sides), kept, noted)


def _count_kept(connection: apsw.Connection, table: Table) -> tuple[int, int]:
    """Count the rows that a table shows otherwise than they are, and with these the ones that it can't show."""
    statement = sql("shown/vanishing/count_kept", held=table.held, is_kept=Sql(reasons.IS_KEPT))
    stand_ins, kept = query.first(connection, statement)
    return stand_ins, kept


def _note(registry: Registry, table: Table) -> str:
    return sql(
        "shown/vanishing/note",
        before=BEFORE.of(table.id).quoted,
        keys=table.keys,
        key_columns=table.key_columns_of("shown"),
        table=table.quoted,
        is_moved=moved.is_moved(registry.connection, table, "shown"),
    )


def _vanished(table: Table) -> Sql:
    return fragment(
        "shown/vanishing/vanished",
        keys=table.keys_of("before"),
        before=BEFORE.of(table.id).quoted,
        clock=table.clock,
        clock_is_before=table.same_keys("clock", "before"),
        held=table.held,
        table=table.quoted,
        shown_is_before=table.row_has_key_of("shown", "before"),
    )


def _tell(
    path: str,
    limit: DeleteLimit,
    rows: dict[str, tuple[int, int]],
    keys: dict[str, list[tuple[SqliteValue, ...]]],
    sites: Counter[str],
) -> str:
    named = "; ".join(
        f"{gone:,} of {of:,} rows of table {table!r} "
        f"({', '.join(map(show_key, keys[table]))}{', ...' if gone > len(keys[table]) else ''})"
        for table, (gone, of) in rows.items()
    )
    deleters = ", ".join(f"site {site} ({count:,} rows)" for site, count in sites.most_common(MOST_SITES))
    others = f" and {len(sites) - MOST_SITES} others" if len(sites) > MOST_SITES else ""
    whose = f"deleted by {deleters}{others}" if sites else "because of rows that were deleted or changed elsewhere"
    return f"{path} would lose {named}, {whose}, and no more than {limit} may go at once: nothing was changed there"
