"""Cells: what an unsent write of a cell sets it to, on top of what the other replica has there. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crdtsql.base import Sql, SqliteValue, identifier, is_utf8, joined, query, sql
from crdtsql.compaction import retiring
from crdtsql.rejoin.present import PresentRow
from crdtsql.rejoin.unsent import Parts, Reach, UnsentRow
from crdtsql.sqlite import schema
from crdtsql.store import Field, Registry, Table
from crdtsql.types import TYPES, exact, parts


class Unknown(Exception):  # noqa: N818 - it ends one cell
    """It can't be told how much of what was added to a counter was sent."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """How a column is set: an expression, and the values that it takes."""

    field: Field
    expression: Sql
    values: Sequence[SqliteValue]


def bound(value: SqliteValue) -> tuple[Sql, SqliteValue]:
    """Return how a value stands in a statement, and what is bound; text that is no UTF-8 goes in as its bytes."""
    if isinstance(value, str) and not is_utf8(value):
        return Sql("CAST(? AS TEXT)"), value.encode(errors="surrogateescape")
    return Sql("?"), value


class Cells:
    """What is written to the cells of rows."""

    def __init__(self, registry: Registry, reach: Reach) -> None:
        self._registry, self._reach = registry, reach

    def assign(
        self, row: UnsentRow, field: Field, value: SqliteValue, key: tuple[SqliteValue, ...], present: PresentRow
    ) -> Assignment | None:
        """Say what a column is set to, None if it is that already.

        Args:
            value: what it was set to, if it was, with the numbers of now.
            key: of the row, now.

        Raises:
            Unknown: that can't be told.
        """
        now = (present.values or {}).get(field)
        if field in row.values:
            if same(now, value):
                return None
            mark, given = bound(value)
            if TYPES[field.type].takes_best:  # the better one of both
                column, function = identifier(field.name), Sql(field.type)
                return Assignment(field, Sql(f"ifnull({function}({column}, {mark}), {mark})"), (given, given))
            return Assignment(field, mark, (given,))
        if field in row.parts:
            text = self._joined(field, row.parts[field], now)
            return None if same(now, text) else Assignment(field, Sql("?"), (text,))
        added = self.added(row, field, key, present)
        return Assignment(field, Sql(f"ifnull({identifier(field.name)}, 0) + ?"), (added,)) if added else None

    def added(
        self, row: UnsentRow, field: Field, key: tuple[SqliteValue, ...], present: PresentRow | None
    ) -> int | float:
        """Return what was added to a counter and not sent.

        Raises:
            Unknown: the row began anew there since then, or its parts were forgotten: nobody there knows what had been sent of it.
        """
        table, units = row.table, 0
        shape = schema.read(self._registry.connection, table.name)
        statement = sql("rejoin/cells/known_totals", parts=table.parts, part_is_row=_part_is_row(table))
        for (site, part), total in row.totals[field].items():
            (ordinal,) = self._registry.add_sites([site])
            seen = site.hex() + (part if part != "+" else "")
            known = query.first(self._registry.connection, statement, (*key, field.id, part, ordinal, seen))
            if known is not None or present is None:
                pass
            elif self._began_anew(present, site) or self._was_forgotten(table, present, field, key, site, part):
                raise Unknown
            units += exact.read(total) - exact.read(known[0] if known else None)
        return exact.shown(units, shape is not None and parts.is_real(shape, field))

    def _was_forgotten(
        self, table: Table, present: PresentRow, field: Field, key: tuple[SqliteValue, ...], site: bytes, part: str
    ) -> bool:
        """Tell whether what a site added before may be in the value of a row that is of the genesis since then.

        A total that goes on can't be, unless its site was ended long ago.
        """
        if retiring.ended(self._registry, site).get(site, True) or self._reach.sent.get(site, 0) < int(part[1:] or 1):
            return False
        statement = sql("rejoin/cells/base", parts=table.parts, part_is_row=_part_is_row(table))
        base = query.first(self._registry.connection, statement, (*key, field.id))
        return (present.stamps[field][0] if base is None else base[0]) < 0

    def _began_anew(self, present: PresentRow, site: bytes) -> bool:
        """Tell whether a row is one that this file had not seen, though something of the site's was sent before."""
        if present.born is None or not self._reach.sent.get(site):
            return False
        t, born = present.born
        return t >= 0 and self._reach.had.get(self._registry.site_id(born), 0) < t

    def _joined(self, field: Field, written: Parts, now: SqliteValue) -> SqliteValue:
        """Return a set or map with what was added, and without what was removed."""
        connection = self._registry.connection
        split = TYPES[field.type].explode_sql(Sql("(SELECT 1 AS id, ?1 AS value)"))
        leaves = {part: leaf for _, part, leaf in query.rows(connection, str(split), (now,))}
        kept = {part: leaf for part, leaf in leaves.items() if part not in written.removed} | written.added
        if kept == leaves:
            return now
        if field.type == "map":
            return parts.join_leaves(connection, {part: str(leaf) for part, leaf in kept.items()})
        return f"[{','.join(kept)}]"


def _part_is_row(table: Table) -> Sql:
    return joined((Sql(f"part.{name} = ?") for name in table.key_names), " AND ")


def same(one: SqliteValue, other: SqliteValue) -> bool:
    """Tell whether two values are stored alike."""
    return type(one) is type(other) and one == other
