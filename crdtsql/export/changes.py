"""Changes: the cells of a changeset, one by one, for people and programs that want to read them in SQL.

Reads an image (attached, just exported), not the live tables, so it lists exactly what an export would carry.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import apsw

from crdtsql.base import WORD_BITS, Sql, SqliteValue, clock, joined, key_to_json, query, value_to_json
from crdtsql.wire import Header, TableHeader, image


class CompositeKey(str):
    """A key of several columns as SQL sees it: a JSON array.

    Attributes:
        parts: the values of its columns.
    """

    __slots__ = ("parts",)
    parts: tuple[SqliteValue, ...]

    @classmethod
    def of(cls, parts: tuple[SqliteValue, ...]) -> CompositeKey:
        """Write the values as an array."""
        key = cls(key_to_json(parts))
        key.parts = parts
        return key


class Change(NamedTuple):
    """One cell. A deleted row is one change without column and value; so is a row that has a key alone, or whose
    cells are all known to the receiver."""

    table: str
    key: SqliteValue
    column: str | None
    value: SqliteValue
    hlc: int
    time: str
    site: str
    deleted: bool

    @property
    def key_parts(self) -> tuple[SqliteValue, ...]:
        """Return the values of the key's columns."""
        return self.key.parts if isinstance(self.key, CompositeKey) else (self.key,)

    def to_json(self) -> dict[str, Any]:
        """Return the cell as `--json` prints it."""
        key = [value_to_json(part) for part in self.key_parts]
        return {**self._asdict(), "key": key, "value": value_to_json(self.value), "hlc": str(self.hlc)}


def changes(connection: apsw.Connection, header: Header, database: str) -> Iterator[Change]:
    """Yield the cells of an attached image: by table, row and column.

    `key` is the key itself for a single column, else a JSON array.
    """
    sites = {site.ordinal: site.id.hex() for site in header.sites}
    for number, table in enumerate(header.tables, 1):
        yield from _table_changes(connection, table, number, database, sites)


def _table_changes(
    connection: apsw.Connection, table: TableHeader, number: int, database: str, sites: dict[int, str]
) -> Iterator[Change]:
    keys = [Sql(f"k{position}") for position in range(1, len(table.key) + 1)]
    words = image.words(len(table.columns))
    cells = [part for position in range(len(table.columns)) for part in image.cell(position)]
    columns = joined([*keys, Sql("t"), Sql("s"), Sql("dot_t"), Sql("dot_s"), Sql("gone"), *words, *cells])
    first_cell = len(keys) + 5 + len(words)
    for row in query.each_to_show(
        connection, f"SELECT {columns} FROM {database}.{image.row_table(number)} ORDER BY rowid"
    ):
        key = row[0] if len(keys) == 1 else CompositeKey.of(row[: len(keys)])
        t, s, dot_t, dot_s, gone = row[len(keys) : len(keys) + 5]
        masks = row[len(keys) + 5 : first_cell]
        head_t, head_s = (t, s) if dot_t is None else (dot_t, s if dot_s is None else dot_s)
        sent = [
            position
            for position in range(len(table.columns))
            if masks[position // WORD_BITS] >> (position % WORD_BITS) & 1
        ]
        if gone or not sent:
            yield Change(table.name, key, None, None, head_t, clock.show_time(head_t), sites[head_s], bool(gone))
        for position in [] if gone else sent:
            value, own_t, own_s = row[first_cell + 3 * position : first_cell + 3 * position + 3]
            cell_t = t if own_t is None else own_t
            site = sites[s if own_s is None else own_s]
            yield Change(
                table.name, key, table.columns[position][0], value, cell_t, clock.show_time(cell_t), site, False
            )
