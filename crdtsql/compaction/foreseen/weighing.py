"""Weighing: how many bytes of the file rows have that statements delete or write shorter, whatever rule they follow.

SQLite tells of each row before it changes (its preupdate hook), so what is undone afterwards can be weighed. How much room rows take
beside their values is worked out from the pages of their table.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import apsw

from crdtsql.base import Sql, SqliteValue, identifier, joined, query, sql

_INTEGERS = ((1 << 7, 1), (1 << 15, 2), (1 << 23, 3), (1 << 31, 4), (1 << 47, 6))
Values = tuple[SqliteValue, ...]


class Weighing:
    """Weighs what happens to what is kept for a table, inside of its block.

    Attributes:
        rows: by table or index of ours: how many rows it has fewer.
        payload: by table of ours: how many bytes of values it has fewer.
    """

    def __init__(self, connection: apsw.Connection, table: str) -> None:
        self._connection = connection
        self.rows: dict[str, float] = defaultdict(float)
        self.payload: dict[str, float] = defaultdict(float)
        self._usual: dict[str, int] = {}
        self._aside = apsw.Connection("")  # a hook must not ask the connection itself
        self._partial: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for name, index, condition in query.rows(
            connection, sql("compaction/foreseen/weighing/partial_indexes"), {"table": table}
        ):
            columns = query.rows(connection, "SELECT name FROM pragma_table_info(?)", (name,))
            marks = joined(Sql(f"?{number} AS {identifier(column)}") for number, (column,) in enumerate(columns, 1))
            self._partial[name].append((index, f"SELECT {condition} FROM (SELECT {marks})"))

    def __enter__(self) -> Self:
        self._connection.preupdate_hook(self._hear, id=self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.preupdate_hook(None, id=self)

    def _hear(self, change: apsw.PreUpdate) -> None:
        if change.database_name != "main":
            return
        for which, times in (("old", 1), ("new", -1)):
            try:
                self._weigh(change.table_name, getattr(change, which), times)
            except UnicodeDecodeError:  # text that is no UTF-8 is not told: then the row counts as the one before it
                self._count(change.table_name, self._usual.get(change.table_name, 0), times)

    def _weigh(self, table: str, values: Values | None, times: int) -> None:
        if values is None:
            return
        self._usual[table] = 1 + sum(map(_value_bytes, values))
        self._count(table, self._usual[table], times)
        for index, statement in self._partial.get(table, ()):
            self.rows[index] += times * bool(query.first(self._aside, statement, values)[0])

    def _count(self, table: str, size: int, times: int) -> None:
        self.rows[table] += times
        self.payload[table] += times * size

    def scale(self, by: float) -> None:
        """Let what was weighed stand for so many times as much."""
        for weights in (self.rows, self.payload):
            for name in weights:
                weights[name] *= by


def _value_bytes(value: SqliteValue) -> int:
    """Return how many bytes SQLite writes a value with, but for very long ones."""
    if value is None or value in (0, 1):
        return 1
    if isinstance(value, int):
        return 1 + next((size for limit, size in _INTEGERS if -limit <= value < limit), 8)
    if isinstance(value, float):
        return 9
    size = len(value.encode(errors="surrogatepass") if isinstance(value, str) else value)
    return size + (1 if size < 58 else 2)


def can_weigh(connection: apsw.Connection) -> bool:
    """Tell whether this SQLite tells of changes."""
    return hasattr(connection, "preupdate_hook")


def file_bytes(connection: apsw.Connection, weighings: Mapping[str, Weighing]) -> dict[str, int]:
    """Return about how many bytes of the file go, for each that was weighed. Cost: reads the size of every page run."""
    shapes = query.rows(connection, sql("compaction/foreseen/weighing/shapes"))
    counts = {name: count for name, table, *_, count in shapes if name == table}
    return {
        name: int(sum(shape[3] * _share(weighing, counts, *shape) for shape in shapes))
        for name, weighing in weighings.items()
    }


def _share(
    weighing: Weighing,
    counts: Mapping[str, int],
    name: str,
    table: str,
    partial: int,
    _size: int,
    used: int,
    payload: int,
    count: int,
) -> float:
    """Return which part of a table or index goes."""
    if not count or table not in weighing.rows:
        return 0.0
    if name == table:
        gone = (weighing.payload[table] + weighing.rows[table] * (used - payload) / count) / used
    else:
        gone = weighing.rows.get(name, 0) / count if partial else weighing.rows[table] / counts[table]
    return max(0.0, min(1.0, gone))
