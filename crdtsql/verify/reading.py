"""Reading: the rows of a table in a form that two replicas with the same events have alike, and what they hash to.

A row is what is true of it, shown or held: values by the uid of their column, stamps with the ids of sites, heads; whether the table
shows it, and how, where that is not the truth; and the parts of counters. Local numbers (ordinals, batches, held rows) are left out.
Sets and maps are compared by what their cells show and by their stamps. Reads a folded registry.

The encoding is that of MessagePack: it has a type for each of SQLite's, so 1, 1.0, '1', x'31', NULL and '' differ, and it does not
change with the version of SQLite, as that of `quote()` does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import msgpack

from crdtsql.base import EMPTY, Sql, SqliteValue, clock, fragment, identifier, integer, joined, naming, query, sql
from crdtsql.shown import moved
from crdtsql.store import Field, Registry, Table
from crdtsql.types import TYPES, Kind

Key = tuple[SqliteValue, ...]
Stamp = tuple[int, bytes]
Head = tuple[int, bytes, bool]


class Appearance(NamedTuple):
    """Whether a row lives, and how the table shows it.

    Attributes:
        deleted: it lives nowhere.
        shown: the table shows it as it is; held: its values are among the held rows. If it is neither, they are lost.
        moved: what stands there is another key's row.
        otherwise: what the table shows instead, None if nothing.
    """

    deleted: bool
    shown: bool
    held: bool
    moved: bool
    otherwise: tuple[SqliteValue, ...] | None


IN_PLACE, STANDS_IN = Appearance(False, True, False, False, None), Appearance(False, True, False, True, None)


NOBODY: Stamp = (0, b"")


class Row(NamedTuple):
    """What is true of a row.

    Attributes:
        key: as the row spells it.
        born: stamp of its insert.
        heads: its latest events.
        values, stamps: by the order of the columns that were asked for; a stamp is None where it is `born`.
    """

    key: Key
    born: Stamp
    heads: tuple[Head, ...]
    values: tuple[SqliteValue, ...]
    stamps: tuple[Stamp | None, ...]
    seen: Appearance


class Part(NamedTuple):
    """A part of a cell of a counter, register, max or min."""

    key: Key
    uid: str
    part: str
    stamp: Stamp
    gone: bool
    value: SqliteValue
    noted: int | None


def packer() -> Callable[[Any], bytes]:
    """Make what encodes values with their types, for one thread; text that is no UTF-8 has the bytes that it has."""
    pack: Callable[[Any], bytes] = msgpack.Packer(use_bin_type=True, unicode_errors="surrogateescape").pack
    return pack


Wants = Callable[[int], bool]
"""Whether rows are wanted whose key has that hash."""
Found = tuple[int, Row | Part, int]
"""64 bits that say where a row belongs, for which no order and no collation is needed; what is true of it; 128 bits for that."""


class ContentReading:
    """Reads one table.

    Args:
        uids: of the value columns that count, in this order.
        only: which clock rows count; rows without one are left out then. None: read all.
        forgotten: what either side may have forgotten: of what lies wholly below it, stamps, parts and deleted rows don't count.
        exact: some text is no UTF-8, so that all values are read as bytes, which takes longer.
    """

    def __init__(
        self,
        registry: Registry,
        table: Table,
        uids: Sequence[str],
        only: Sql | None = None,
        *,
        forgotten: Mapping[bytes, int] | None = None,
        exact: bool = False,
    ) -> None:
        self._registry, self._table, self._exact = registry, table, exact
        self._forgotten = forgotten or {}
        self._left_out: set[int] = set()
        self._only = only
        by_uid = {field.uid: field for field in table.fields}
        self._fields: list[Field] = [by_uid[uid] for uid in uids]
        self._sites = {ordinal: site for ordinal, site, _ in registry.sites()}
        self._width = len(table.key)
        self._pack = packer()

    def items(self, wants: Wants | None = None) -> Iterator[Found]:
        """Yield all rows and parts with the hashes of their keys and their own, in no order, or those that are wanted."""
        pack = self._pack
        for where, item in self._read(wants):
            yield where, item, int.from_bytes(blake2b(pack(item), digest_size=16).digest())

    def _read(self, wants: Wants | None) -> Iterator[tuple[int, Row | Part]]:
        yield from self._clocked(wants)
        if self._only is None:
            yield from self._unclocked(wants)
        yield from self._parts(wants)

    def _where(self, key: Key) -> int:
        return int.from_bytes(blake2b(self._pack(key), digest_size=8).digest())

    def _clocked(self, wants: Wants | None) -> Iterator[tuple[int, Row]]:
        table, count, width = self._table, len(self._fields), self._width
        names = [identifier(name) for name in (*table.key, *(field.name for field in self._fields))]
        truth = self._true_keys()
        truth += [
            fragment("verify/reading/truth", shown=Sql(f"shown.{name}"), held=Sql(f"held.{naming.value(field.id)}"))
            for name, field in zip(names[width:], self._fields, strict=True)
        ]
        otherwise = [fragment("verify/reading/otherwise", shown=Sql(f"shown.{name}")) for name in names[width:]]
        stamps = [
            Sql(f"clock.{naming.stamp_t(field.id)}, clock.{naming.stamp_s(field.id)}, ") for field in self._fields
        ]
        statement = sql(
            "verify/reading/clocked",
            row_marker=Sql(f"shown.{names[0]}"),
            heads=table.heads,
            heads_is_clock=table.same_keys("heads", "clock"),
            stamps=joined(stamps, ""),
            columns=self._columns([*truth, *otherwise]),
            **self._joins,
        )
        sites, stamped, own, written_at_once = self._sites, 8 + 2 * count, (None,) * (2 * count), (None,) * count
        for row in self._execute(statement):
            t, s, dot_t, dot_s, gone, is_held, is_shown, more = row[:8]
            found = self._values(row[stamped:])
            key = found[:width]
            where = self._where(key)
            if wants is not None and not wants(where):
                continue
            heads: tuple[Head, ...] = ((dot_t, sites[dot_s], gone == 1),)
            if more is not None:
                others = [(head_t, sites[head_s], head_gone == 1) for head_t, head_s, head_gone in json.loads(more)]
                heads = tuple(sorted([*heads, *others]))
            cells = written_at_once if row[8:stamped] == own else self._stamps(row[8:stamped])
            seen, born = IN_PLACE, (t, sites[s])
            if is_held or gone or not is_shown:
                shows = found[width + count :] if is_held and is_shown else None
                seen = Appearance(gone == 1, bool(is_shown and not is_held), bool(is_held), False, shows)
            if self._forgotten:
                if self._is_settled(heads, gone == 1):
                    if gone and not is_shown:
                        self._left_out.add(where)
                        continue
                    heads = ()
                born, cells = self._unstamped(born, cells)
            yield where, Row(key, born, heads, found[width : width + count], cells, seen)

    def _is_settled(self, heads: tuple[Head, ...], gone: bool) -> bool:
        """Tell whether all heads of a row say the same, and may be forgotten."""
        return all(is_delete == gone and self._may_be_forgotten((hlc, site)) for hlc, site, is_delete in heads)

    def _unstamped(self, born: Stamp, cells: tuple[Stamp | None, ...]) -> tuple[Stamp, tuple[Stamp | None, ...]]:
        """Leave out each stamp that either side may have forgotten, also that nobody wrote a cell."""
        kept = tuple(
            None if cell is not None and (cell[0] == clock.ABSENT or self._may_be_forgotten(cell)) else cell
            for cell in cells
        )
        return NOBODY if self._may_be_forgotten(born) else born, kept

    def _may_be_forgotten(self, stamp: Stamp) -> bool:
        return self._forgotten.get(stamp[1], 0) >= clock.to_event(stamp[0])

    def _stamps(self, found: tuple[Any, ...]) -> tuple[Stamp | None, ...]:
        return tuple(
            None if t is None else (t, b"" if t == clock.ABSENT else self._sites[s])
            for t, s in zip(found[::2], found[1::2], strict=True)
        )

    def _unclocked(self, wants: Wants | None) -> Iterator[tuple[int, Row]]:
        """Yield rows that nobody wrote since the genesis, and rows that stand under another key than theirs."""
        table, width = self._table, self._width
        t, s = table.genesis or (0, 0)
        born = (t, self._sites.get(s, b""))
        stamps = tuple((clock.ABSENT, b"") if field.late else None for field in self._fields)
        names = [identifier(name) for name in (*table.key, *(field.name for field in self._fields))]
        statement = sql(
            "verify/reading/unclocked",
            stands_elsewhere=moved.is_moved(self._registry.connection, table, "shown"),
            columns=self._columns([Sql(f"shown.{name}") for name in names]),
            table=table.quoted,
            clock=table.clock,
            shown_is_clock=table.row_has_key_of("shown", "clock"),
        )
        heads: tuple[Head, ...] = ((*born, False),)
        nothing = (None,) * len(self._fields)
        if self._forgotten and self._is_settled(heads, False):
            heads, (born, stamps) = (), self._unstamped(born, stamps)
        for stands_elsewhere, *rest in self._execute(statement):
            found = self._values(rest)
            key = found[:width]
            where = self._where(key)
            if wants is not None and not wants(where):
                continue
            if stands_elsewhere:  # who wrote it stands with its own key
                yield where, Row(key, NOBODY, (), found[width:], nothing, STANDS_IN)
            else:
                yield where, Row(key, born, heads, found[width:], stamps, IN_PLACE)

    def _parts(self, wants: Wants | None) -> Iterator[tuple[int, Part]]:
        table = self._table
        kept = {
            field.id: field
            for field in self._fields
            if field.type != "lww" and TYPES[field.type].kind is not Kind.PARTS
        }
        if not kept:
            return
        statement = sql(
            "verify/reading/parts",
            columns=self._columns([*self._true_keys(), Sql("part.v")]),
            parts=table.parts,
            clock_is_part=table.same_keys("clock", "part"),
            wanted=joined(map(integer, sorted(kept))),
            **self._joins,
        )
        for col, part, t, s, gone, noted, *rest in self._execute(statement):
            *key, value = self._values(rest)
            where = self._where(tuple(key))
            stamp = t, b"" if t == clock.ABSENT else self._sites[s]
            if where in self._left_out or (wants is not None and not wants(where)):
                continue
            if self._forgotten and t != clock.ABSENT and self._may_be_forgotten(stamp):
                continue
            if value is None and part == "" and TYPES[kept[col].type].kind is Kind.TOTAL:
                value = 0
            yield where, Part(tuple(key), kept[col].uid, part, stamp, gone == 1, value, noted)

    def _true_keys(self) -> list[Sql]:
        """Render the key as the row spells it; where its values are lost, as its clock does."""
        keys = zip((identifier(name) for name in self._table.key), self._table.key_names, strict=True)
        return [
            fragment(
                "verify/reading/true_key",
                shown=Sql(f"shown.{name}"),
                held=Sql(f"held.{key}"),
                clock=Sql(f"clock.{key}"),
            )
            for name, key in keys
        ]

    @property
    def _joins(self) -> dict[str, Sql]:
        table = self._table
        return {
            "clock": table.clock,
            "table": table.quoted,
            "held": table.held,
            "shown_is_clock": table.row_has_key_of("shown", "clock"),
            "scope": self._only or Sql("1"),
        }

    def _execute(self, statement: str) -> Iterator[tuple[Any, ...]]:
        return iter(self._registry.connection.execute(statement))

    def _columns(self, columns: list[Sql]) -> Sql:
        return joined(map(query.as_bytes, columns) if self._exact else columns) if columns else EMPTY

    def _values(self, found: Sequence[Any]) -> Key:
        return tuple(map(query.to_show, found[::2], found[1::2])) if self._exact else tuple(found)
