"""Differences: what tables, conflict log and held rows have that they had not before; compared in SQL, with types and bytes.

Reads two states of one file: a copy of what it was, and the connection on which something was done since.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import apsw

from crdtsql.base import Sql, SqliteValue, identifier, joined, query, sql
from crdtsql.replica.reports import RowChange
from crdtsql.replica.trying.previews import ForetoldCounts, SidePreview

if TYPE_CHECKING:
    from crdtsql.replica.replica import Replica
    from crdtsql.shown import HeldRow
    from crdtsql.store import Table

_NOW, _BEFORE = Sql("main"), Sql("crdtsql_before")
_TOGETHER = 100
"""So many columns are compared in one pair of brackets: SQLite takes expressions of a thousand levels."""


def copy_all(source: apsw.Connection, target: apsw.Connection) -> None:
    """Copy what a connection shows into another one's database."""
    with target.backup("main", source, "main") as backup:
        while not backup.done:
            backup.step(1000)


@dataclass(slots=True)
class Before:
    """What a replica was like before.

    Attributes:
        is_noted: what was held, and what had collided, is known too.
    """

    place: str
    is_noted: bool = False
    _held: set[tuple[object, ...]] = field(default_factory=set)
    _rows: list[HeldRow] = field(default_factory=list)
    _conflicts: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, replica: Replica, folder: str) -> Before:
        """Copy what a replica shows into a file in a folder."""
        before = cls(os.path.join(folder, f"{len(os.listdir(folder))}.db"))
        target = apsw.Connection(before.place)
        try:
            copy_all(replica.connection, target)
        finally:
            target.close()
        return before

    def note(self, replica: Replica) -> None:
        """Note what is held and what has collided, with all folded that was written."""
        self._rows = replica.held()
        self._held = set(map(_named, self._rows))
        self._conflicts = {conflict.id for conflict in replica.conflicts()}
        self.is_noted = True

    def compare(self, replica: Replica, side: SidePreview, limit: int | None) -> None:
        """Say what is otherwise now in the user's tables; list at most so many of each kind."""
        connection = replica.connection
        connection.execute("ATTACH ? AS crdtsql_before", (self.place,))
        try:
            for table in sorted(replica.registry.tables(), key=lambda table: table.name):
                if not (table.absent or table.is_history):
                    _compare(connection, table, side, limit)
        finally:
            connection.execute("DETACH crdtsql_before")
        if not self.is_noted:
            return
        held = replica.held()
        new = [row for row in held if _named(row) not in self._held]
        names = set(map(_named, held))
        gone = [row for row in self._rows if _named(row) not in names]
        came = [conflict for conflict in replica.conflicts() if conflict.id not in self._conflicts]
        side.held, side.held_count = new[:limit], len(new)
        side.released, side.released_count = gone[:limit], len(gone)
        side.conflicts, side.conflict_count = came[:limit], len(came)


def _named(row: HeldRow) -> tuple[object, ...]:
    return row.table, tuple((type(part), part) for part in row.key), row.reason, row.detail, row.shown


def _compare(connection: apsw.Connection, table: Table, side: SidePreview, limit: int | None) -> None:
    """Compare the rows of a table."""
    found = {
        "inserted": _only(table, _NOW, _BEFORE),
        "updated": _updated(table),
        "deleted": _only(table, _BEFORE, _NOW),
    }
    counts = ForetoldCounts(*(query.first(connection, f"SELECT count(*) FROM ({one})")[0] for one in found.values()))
    if not any(counts):
        return
    side.tables[table.name] = counts
    left = None if limit is None else max(0, limit - len(side.rows))
    changed: list[RowChange] = []
    for did, statement in found.items():
        if getattr(counts, did) and left != 0:
            end = "" if left is None else f" LIMIT {left}"
            changed += _told(table, did, query.rows_to_show(connection, f"{statement} ORDER BY {_keys(table)}{end}"))
    changed.sort(key=lambda row: tuple(map(_order, row.key)))
    side.rows += changed[:left]


def _order(value: SqliteValue) -> tuple[int, str | bytes | float]:
    """Order values as SQLite does."""
    if value is None:
        return 0, 0
    if isinstance(value, (int, float)):
        return 1, value
    return (2, value) if isinstance(value, str) else (3, value)


def _told(table: Table, did: str, rows: Sequence[tuple[SqliteValue, ...]]) -> Iterator[RowChange]:
    names, width = table.names, len(table.key)
    for row in rows:
        key, now = row[:width], row[width : len(names)]
        cells = dict(zip(names[width:], now, strict=True))
        if did == "updated":
            was = dict(zip(names[width:], row[len(names) :], strict=True))
            cells = {name: value for name, value in cells.items() if not _is_same(value, was[name])}
        yield RowChange(table.name, key, did, cells)


def _is_same(one: SqliteValue, other: SqliteValue) -> bool:
    return type(one) is type(other) and one == other


def _keys(table: Table) -> Sql:
    return joined(Sql(str(n)) for n in range(1, len(table.key) + 1))


def _only(table: Table, one: Sql, other: Sql) -> str:
    """Select the rows that one state shows and the other one does not."""
    return sql(
        "replica/trying/differences/only_in",
        columns=joined(Sql(f"shown.{identifier(name)}") for name in table.names),
        one=one,
        other=other,
        table=table.quoted,
        same_key=_same_key(table),
    )


def _updated(table: Table) -> str:
    """Select the rows that both states show, and not alike, as they are and as they were."""
    width = len(table.key)
    names = [*(f"shown.{identifier(name)}" for name in table.names)]
    names += [f"old.{identifier(name)}" for name in table.names[width:]]
    same = list(_same(table.names[width:])) or [Sql("1")]
    groups = [Sql(f"({joined(same[at : at + _TOGETHER], ' AND ')})") for at in range(0, len(same), _TOGETHER)]
    return sql(
        "replica/trying/differences/updated",
        columns=joined(map(Sql, names)),
        table=table.quoted,
        same_key=_same_key(table),
        same_cells=joined(groups, " AND "),
    )


def _same_key(table: Table) -> Sql:
    looked_up = (Sql(f"old.{identifier(name)} = shown.{identifier(name)}") for name in table.key)
    return joined([*looked_up, *_same(table.key)], " AND ")


def _same(names: Sequence[str]) -> Iterator[Sql]:
    for name in names:
        column = identifier(name)
        yield Sql(f"old.{column} IS shown.{column} COLLATE BINARY AND typeof(old.{column}) = typeof(shown.{column})")
