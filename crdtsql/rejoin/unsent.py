"""Unsent: which writes of this file another replica lacks, row by row, read off a changeset that was made for it.

Reads an image that was just exported for the other replica's vector, so values of rows that the tables do not show are there too. Only
writes of this file's own site count: those of others are theirs to bring. Of a table that the other replica never had, all writes do,
because nobody else can be asked for them there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import apsw

from crdtsql.base import WORD_BITS, Sql, SqliteValue, clock, integer, joined, naming, query, sql
from crdtsql.history import tables
from crdtsql.store import Field, Registry, Table
from crdtsql.types import TYPES, Kind
from crdtsql.wire import Header, TableHeader, image

Did = Literal["insert", "update", "delete", "undelete"]


@dataclass(frozen=True, slots=True)
class Reach:
    """What of this file's writes counts as unsent.

    Attributes:
        own: the ids of the sites whose events only this file made.
        sent: the other replica's vector.
        tables: uids of the tables that it has.
        had: what this file had seen, a vector.
    """

    own: frozenset[bytes]
    sent: Mapping[bytes, int]
    tables: frozenset[str]
    had: Mapping[bytes, int]

    def lacks(self, uid: str, site: bytes, hlc: int) -> bool:
        """Tell whether an event is to be made again."""
        event = hlc & clock.EVENT_MASK
        return event > self.sent.get(site, 0) and (site in self.own or uid not in self.tables)


@dataclass(slots=True)
class Parts:
    """What was done to the elements of a set or the leaves of a map: part -> its value, None for an element; and what was removed."""

    added: dict[str, SqliteValue] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)


@dataclass(slots=True)
class UnsentRow:
    """What is unsent of one row.

    Attributes:
        key: as it is in this file.
        values: what cells were set to: all of a row that was inserted.
        parts: what was done to sets and maps that were not written as a whole.
        totals: all that sites ever added to counters, by the site's id and the part that has it.
        shown: what the cells that were written show here; of a row that was deleted, what it had last.
    """

    table: Table
    key: tuple[SqliteValue, ...]
    did: Did
    values: dict[Field, SqliteValue] = field(default_factory=dict)
    parts: dict[Field, Parts] = field(default_factory=dict)
    totals: dict[Field, dict[tuple[bytes, str], SqliteValue]] = field(default_factory=dict)
    shown: dict[Field, SqliteValue] = field(default_factory=dict)

    @property
    def fields(self) -> list[Field]:
        """List the columns that were written."""
        return [*self.values, *self.parts, *self.totals]


@dataclass(frozen=True, slots=True)
class _Part:
    part: str
    site: bytes
    hlc: int
    gone: bool
    value: SqliteValue


def collect(registry: Registry, header: Header, database: str, reach: Reach) -> list[UnsentRow]:
    """List the unsent writes by row.

    Args:
        header: of the image, which was exported with typed cells as people see them.
    """
    found: list[UnsentRow] = []
    for number, table in enumerate(header.tables, 1):
        known = registry.find_uid(table.uid)
        if known is not None and table.rows:
            found += _Image(registry.connection, header, table, known, number, database, reach).rows()
    return found


class _Image:
    """The rows of one table in the image."""

    def __init__(
        self,
        connection: apsw.Connection,
        header: Header,
        told: TableHeader,
        table: Table,
        number: int,
        database: str,
        reach: Reach,
    ) -> None:
        self.connection, self.table, self.told, self.reach = connection, table, told, reach
        self.number, self.database = number, database
        self.sites = {site.ordinal: site.id for site in header.sites}
        by_uid = {one.uid: one for one in (*table.fields, *table.parked)}
        self.fields = [by_uid[uid] for uid in told.uids]
        self.key_count = len(told.key)
        self.keys = joined(Sql(f"k{position}") for position in range(1, self.key_count + 1))

    def rows(self) -> Iterator[UnsentRow]:
        """Yield the rows of which something is unsent."""
        words = image.words(len(self.fields))
        cells = [part for position in range(len(self.fields)) for part in image.cell(position)]
        columns = joined([self.keys, *(Sql(name) for name in ("t", "s", "dot_t", "dot_s", "gone")), *words, *cells])
        heads, parts, births = self._deletes(), self._parts(), self._births()
        for row in self._read(image.row_table(self.number), columns):
            key, rest = row[: self.key_count], row[self.key_count :]
            t, s, dot_t, dot_s, gone = rest[:5]
            masks, values = rest[5 : 5 + len(words)], rest[5 + len(words) :]
            born, first = births.get(key, (t, s)), (t, s) if dot_t is None else (dot_t, dot_s)
            if gone:
                is_deleted = self._lacks(first) or heads.get(key)
                if is_deleted and not (self.table.is_numbered and self._lacks(born)):
                    yield UnsentRow(self.table, key, "delete", shown=self._last_values(key))
            else:
                found = self._alive(key, (t, s), self._lacks(born), (masks, values), parts.get(key, {}))
                if found.did == "insert" and self.table.is_history:
                    found.key = self._entry_key(key)
                if found.did == "insert" or found.fields:
                    yield found
                elif self._lacks(first) or heads.get(key) is False:
                    yield UnsentRow(self.table, key, "undelete")

    def _alive(
        self,
        key: tuple[SqliteValue, ...],
        stamp: tuple[int, int],
        born: bool,
        cells: tuple[Any, Any],
        parts: Mapping[int, list[_Part]],
    ) -> UnsentRow:
        masks, values = cells
        found = UnsentRow(self.table, key, "insert" if born else "update")
        for position, one in enumerate(self.fields):
            value, t, s = values[3 * position : 3 * position + 3]
            if born and one not in self.table.parked:
                found.values[one] = value
            elif masks[position // WORD_BITS] >> (position % WORD_BITS) & 1:
                found.shown[one] = value
                written = (stamp[0] if t is None else t, stamp[1] if s is None else s)
                self._cell(found, one, value, self._lacks(written), parts.get(position, []))
        return found

    def _entry_key(self, key: tuple[SqliteValue, ...]) -> tuple[SqliteValue, ...]:
        """Return the key of an entry of a history: of a write that is made anew, one that says so."""
        match key:
            case (int(at), bytes(site), (tables.INSERTED | tables.DELETED | tables.UPDATED) as op):
                lacks = self.reach.lacks(naming.with_history(self.table.uid), site, at)
                return (at, site, op + tables.ANEW) if lacks else key
        return key

    def _cell(self, row: UnsentRow, one: Field, value: SqliteValue, lacks: bool, parts: list[_Part]) -> None:
        """Note what is unsent of a cell."""
        kind = TYPES[one.type].kind
        if kind is Kind.LWW or not parts:
            if lacks:
                row.values[one] = value
            return
        mine = [part for part in parts if self.reach.lacks(self.table.uid, part.site, part.hlc)]
        whole = [part for part in mine if part.part == ""]
        if whole and kind is Kind.WHOLE:
            row.values[one] = max(whole, key=lambda part: part.hlc).value
        elif whole:
            row.values[one] = value
        elif kind is Kind.TOTAL:
            totals = {(part.site, part.part): part.value for part in mine if part.part.startswith("+")}
            row.totals |= {one: totals} if totals else {}
        elif mine:
            shown = Parts()
            lives = {part.part for part in parts if not part.gone}
            shown.added = {part.part: part.value for part in mine if not part.gone}
            shown.removed = [part.part for part in mine if part.gone and part.part not in lives]
            row.parts[one] = shown

    def _lacks(self, stamp: tuple[int, int]) -> bool:
        return self.reach.lacks(self.table.uid, self.sites[stamp[1]], stamp[0])

    def _deletes(self) -> dict[tuple[SqliteValue, ...], bool]:
        """Tell of which rows a further head is unsent, and whether it is a delete."""
        found: dict[tuple[SqliteValue, ...], bool] = {}
        for *key, t, s, gone in self._read(image.head_table(self.number), joined([self.keys, Sql("t, s, gone")])):
            if self._lacks((t, s)):
                found[tuple(key)] = found.get(tuple(key), False) or bool(gone)
        return found

    def _parts(self) -> dict[tuple[SqliteValue, ...], dict[int, list[_Part]]]:
        found: dict[tuple[SqliteValue, ...], dict[int, list[_Part]]] = {}
        if not image.typed_columns(self.told):
            return found
        columns = joined([self.keys, Sql("col, part, s, t, gone, v")])
        for *key, col, part, s, t, gone, value in self._read(image.part_table(self.number), columns):
            one = _Part(part, self.sites[s], t, bool(gone), value)
            found.setdefault(tuple(key), {}).setdefault(col, []).append(one)
        return found

    def _last_values(self, key: tuple[SqliteValue, ...]) -> dict[Field, SqliteValue]:
        """Return what a deleted row had last."""
        clock_key = joined((Sql(f"clock.{name} = ?") for name in self.table.key_names), " AND ")
        names = [Sql(f"held.{naming.value(one.id)}") for one in self.table.fields]
        statement = sql(
            "rejoin/unsent/last_values",
            held=self.table.held,
            clock=self.table.clock,
            values=joined([integer(1), *names]),
            clock_is_row=clock_key,
        )
        found = query.rows_to_show(self.connection, statement, key)
        return dict(zip(self.table.fields, found[0][1:], strict=True)) if found else {}

    def _births(self) -> dict[tuple[SqliteValue, ...], tuple[int, int]]:
        if not self.table.is_numbered:
            return {}
        rows = self._read(image.born_table(self.number), Sql("k1, born_t, born_s"))
        return {(number,): (t, s) for number, t, s in rows}

    def _read(self, table: Sql, columns: Sql) -> list[Any]:
        return query.rows_to_show(self.connection, f"SELECT {columns} FROM {self.database}.{table}")
