"""Blame: who wrote each cell of a row, and when. Only reads a folded registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from crdtsql.base import (
    Sql,
    SqliteValue,
    UnknownRowError,
    clock,
    identifier,
    joined,
    naming,
    query,
    show_key,
    sql,
    value_to_json,
)
from crdtsql.shown import moved
from crdtsql.sqlite import schema
from crdtsql.store import Actor, Field, Registry, Table, Writers
from crdtsql.types import TYPES, Kind, exact

ONE = Sql("1")
"""A first result column, so that a table of nothing but keys has one."""


@dataclass(frozen=True, slots=True)
class PartOrigin:
    """A part of a typed cell, and who wrote it last (docs/TYPES.md).

    Attributes:
        part: `whole` for what an insert wrote, `added` for what a site added to a counter in all, else an element of a set
            as JSON, or the path of a map's leaf as JSON strings joined by commas.
        value: the value; None for an element of a set.
        removed: the element or leaf was removed.
        by: who wrote it, as the writer said it.
    """

    part: str
    value: SqliteValue
    removed: bool
    hlc: int
    site: str
    by: Actor | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the part as `--json` prints it."""
        return {
            "part": self.part,
            "value": value_to_json(self.value),
            "removed": self.removed,
            "hlc": str(self.hlc),
            "time": clock.show_time(self.hlc),
            "site": self.site,
        } | ({"by": self.by.to_json()} if self.by else {})


@dataclass(frozen=True, slots=True)
class CellOrigin:
    """A cell and its last writer.

    Attributes:
        parts: of a typed cell that several writes contributed to, these writes; empty for all others.
        hlc: the stamp's time; negative if the value was there before the table was enabled.
        site: id of the writing site, as hex.
        by: who wrote it, and in which run, as the writer said it; None if nobody did.
        shown: False if the row is deleted or held, so that the table does not show it.
    """

    column: str
    value: SqliteValue
    hlc: int
    site: str
    shown: bool
    parts: tuple[PartOrigin, ...] = ()
    by: Actor | None = None

    @property
    def time(self) -> str:
        """Return when it was written, UTC, ISO 8601, or `never`: then it holds the default of a column that was added later."""
        return "never" if self.hlc == clock.ABSENT else clock.show_time(self.hlc)

    @property
    def genesis(self) -> bool:
        """Tell whether the value was there before the table was enabled; `time` and `site` are then the enabling's."""
        return clock.ABSENT < self.hlc < 0

    def to_json(self) -> dict[str, Any]:
        """Return the cell as `--json` prints it."""
        return {
            "column": self.column,
            "value": value_to_json(self.value),
            "hlc": str(self.hlc),
            "time": self.time,
            "site": self.site,
            "genesis": self.genesis,
            "shown": self.shown,
            **({"parts": [part.to_json() for part in self.parts]} if self.parts else {}),
            **({"by": self.by.to_json()} if self.by else {}),
        }


def blame(registry: Registry, name: str, key: Sequence[SqliteValue]) -> list[CellOrigin]:
    """List the value columns of a row with their writers, in the table's order.

    Key parts given as text are compared with the key's own type, so `"7"` finds the integer 7.

    Raises:
        UnknownRowError: there is no such row, shown or held.
        UsageError: the key has another number of parts.
    """
    table = registry.table(name)
    table.check_width(key)
    key = moved.own_key(registry.connection, table, key)
    shape = schema.read(registry.connection, table.place)
    columns = [identifier(field.name) for field in table.fields]
    statement = f"SELECT {joined([ONE, *columns])} FROM {table.quoted} WHERE {table.has_given_key}"
    shown = _first(registry, statement, tuple(key))
    stamps = joined(
        [Sql("t"), Sql("s"), Sql("held")]
        + [naming.stamp_t(field.id) for field in table.fields]
        + [naming.stamp_s(field.id) for field in table.fields]
    )
    where = joined((Sql(f"{part} = ?{n}") for n, part in enumerate(table.key_names, 1)), " AND ")
    found = query.first(registry.connection, f"SELECT {stamps} FROM {table.clock} WHERE {where}", tuple(key))
    values = shown[1:] if shown else None
    if values is None and found and found[2] is not None:
        held = joined([ONE, *(naming.value(field.id) for field in table.fields)])
        row = _first(registry, f"SELECT {held} FROM {table.held} WHERE id = ?", (found[2],))
        values = row[1:] if row else None
    if values is None or shape is None:
        raise UnknownRowError(f"table {table.name!r} has no row {show_key(tuple(key))}, shown or held")
    split = {field.id: _parts(registry, table, field, key) for field in table.typed_fields}
    return _origins(registry, table, values, found, shown is not None, split)


def _first(registry: Registry, statement: str, values: tuple[SqliteValue, ...]) -> Any:
    return next(iter(query.rows_to_show(registry.connection, statement, values)), None)


def _parts(registry: Registry, table: Table, field: Field, key: Sequence[SqliteValue]) -> tuple[PartOrigin, ...]:
    where = joined((Sql(f"part.{name} = ?{n}") for n, name in enumerate(table.key_names, 2)), " AND ")
    statement = sql("look/blame/list_parts", parts=table.parts, is_row=where)
    found = query.rows_to_show(registry.connection, statement, (field.id, *key))
    counts = TYPES[field.type].kind is Kind.TOTAL
    number = exact.number if counts else lambda v: v
    writers = Writers(registry)

    def name(part: str) -> str:
        return "added" if counts and part.startswith("+") else part or "whole"

    return tuple(
        PartOrigin(name(part), number(v), gone == 1, t, site, writers.of(t, site)) for part, v, gone, t, site in found
    )


def _origins(
    registry: Registry,
    table: Table,
    values: tuple[Any, ...],
    found: tuple[Any, ...] | None,
    shown: bool,
    split: dict[int, tuple[PartOrigin, ...]],
) -> list[CellOrigin]:
    count = len(table.fields)
    t, s = found[:2] if found else (table.genesis or (clock.ABSENT, registry.self_ordinal))
    cell_t = found[3 : 3 + count] if found else [clock.ABSENT if field.late else None for field in table.fields]
    cell_s = found[3 + count :] if found else [None] * count
    writers, origins = Writers(registry), []
    for field, value, own_t, own_s in zip(table.fields, values, cell_t, cell_s, strict=True):
        hlc, ordinal = t if own_t is None else own_t, s if own_s is None else own_s
        site, by = registry.site_id(ordinal).hex(), writers.of(hlc, ordinal)
        origins.append(CellOrigin(field.name, value, hlc, site, shown, split.get(field.id, ()), by))
    return origins
