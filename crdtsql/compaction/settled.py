"""Settled: rows of which nobody will ever ask when they were written, because every event that can still come has seen all of it.

Such a row is forgotten if it is deleted, or becomes one of the genesis again, or is written shorter. Only whole rows: one that is not
wholly below the floor keeps all of its stamps. Runs in steps, each inside the caller's write transaction; writes nothing to the
user's tables.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from zlib import crc32

import apsw

from crdtsql.base import (
    ABSENT,
    Sql,
    SqliteValue,
    TemporaryTable,
    caseless,
    clock,
    fragment,
    joined,
    naming,
    query,
    sql,
)
from crdtsql.compaction import alone, floor, referred, retiring
from crdtsql.compaction.report import TableCompacted
from crdtsql.compaction.stride import Stride
from crdtsql.numbers import archive
from crdtsql.sqlite import schema
from crdtsql.store import Field, Registry, Table, columns
from crdtsql.types import split

FLOOR = TemporaryTable("_crdt_floor", "compaction/settled/create_floor")
SETTLED = TemporaryTable("_crdt_settled", "compaction/settled/create_settled")
_NEVER, _ANY = Sql("0"), Sql("1")
_GONE, _EMPTY, _GENESIS, _SHORTER = "gone", "empty", "genesis", "shorter"
"""What becomes of a row: nothing is left of it, or its number alone, or it is one of the genesis again, or fewer stamps are kept."""

_WHICH = {"dead": Sql("clock.gone"), "live": Sql("clock.gone IS NULL"), "all": _ANY}

_LOOKED_FOR_LATE = 10_000
"""Among so many rows it is looked whether anybody wrote a late column."""


@dataclass(slots=True)
class Sweep:
    """Goes through the clock rows of a table, from the first to the last: of deleted rows first, then of the others.

    Each step looks for rivals of live rows among all that are not shown, so those of them that can go should be gone.

    Attributes:
        stride: how many rows a step looks at.
        which: of which rows: `dead`, `live` or `all`.
        done: what the steps did so far.
        is_tried: each step is undone, so what it notes is not there for the next one.
        may_rest: whether rows can become rows of the genesis, once that was looked at.
    """

    registry: Registry
    name: str
    stride: Stride = field(default_factory=Stride)
    which: str = "dead"
    done: TableCompacted = field(default_factory=TableCompacted)
    is_tried: bool = False
    may_rest: bool | None = None
    _last: tuple[SqliteValue, ...] | None = None
    _looked: bool = False
    _births_since: int = -(1 << 63)

    def skip(self, rows: int) -> None:
        """Begin after so many rows, at least one, of a table that has more."""
        self._last = self._end_of_step(self.registry.table(self.name), rows, _ANY, {})

    def step(self) -> bool:
        """Look at the next rows; return whether there are more."""
        table = self.registry.find(self.name)
        if table is None or table.absent or table.parked or table.places or table.unsure is not None:
            self.done.kept = "" if table is None else "columns or rows of it are kept for other replicas, or are unsure"
            return False
        self._looked = self._looked or not query.exists(self.registry.connection, table.clock)
        connection, forgotten = self.registry.connection, floor.read(self.registry).floor
        with FLOOR.created(connection), archive.looked_up(self.registry):
            ordinals = self.registry.ordinals()
            below = floor.with_retired(self.registry, forgotten)
            known = [(ordinals[site], hlc) for site, hlc in below.items() if site in ordinals]
            query.insert_all(connection, "temp._crdt_floor", known)
            rule = _Rule.of(connection, self.registry, table)
            if rule.rests is not None and not self._can_rest(table):
                rule = replace(rule, rests=None)
            elif rule.rests is not None and self._last is None and self._take_in(connection, table, rule):
                rule = _Rule.of(connection, self.registry, self.registry.table(self.name))
            self.done.kept = "rows refer to them, or their keys to rows" if rule.keeps_deleted else ""
            if not self._looked:
                more = self._step(connection, self.registry.table(self.name), rule)
                if more or self.which == "dead":
                    self.which = self.which if more else "live"
                    return True
                self._looked = True
                return table.is_numbered
            return self._put_births_away(connection, table)

    def _put_births_away(self, connection: apsw.Connection, table: Table) -> bool:
        """Put births away that came with changesets, of rows without clocks; return whether there may be more."""
        if not table.is_numbered or not query.exists(connection, table.born):
            return False
        most, slots = (
            self.stride.rows,
            {"born": table.born, "clock": table.clock, "is_below": _is_below("born.born_t", "born.born_s")},
        )
        births = query.rows(
            connection,
            sql("compaction/settled/list_births_alone", **slots),
            {"since": self._births_since, "most": most},
        )
        archive.put_away(self.registry, table, births)
        connection.executemany(f"DELETE FROM {table.born} WHERE k1 = ?", [(number,) for number, _, _ in births])
        self._births_since = min(births[-1][0], (1 << 63) - 2) + 1 if births else 0
        return len(births) == most

    def _can_rest(self, table: Table) -> bool:
        """Tell whether rows of a table can become rows of its genesis, of those that could by themselves.

        All rows are looked at for that, so not in each step: if they may, that is noted, and if not, it stands until the next sweep.
        """
        if not self._has_genesis(table):
            return False
        if self.may_rest is None or (self.may_rest and not self.is_tried):
            self.may_rest = self._may_forget_references(table)
        return self.may_rest

    def _may_forget_references(self, table: Table) -> bool:
        return alone.may_forget_references(self.registry.connection, self.registry, self.registry.table(table.name))

    def _has_genesis(self, table: Table) -> bool:
        """Give a table a genesis that the floor covers, if it has none; tell whether it has one."""
        vector = floor.read(self.registry).floor
        if table.genesis is None and vector:
            hlc, site = min((hlc, site) for site, hlc in vector.items())
            self.registry.adopt_genesis(table, (hlc - clock.GENESIS_OFFSET, self.registry.add_site(site)))
            return True
        return table.genesis is not None and floor.covers(self.registry, vector, *table.genesis)

    def _take_in(self, connection: apsw.Connection, table: Table, rule: _Rule) -> bool:
        """Let late columns that somebody wrote be columns of the genesis from now on; return whether there were any.

        Then a cell of a row without stamps that nobody wrote counts as written by the genesis, with what it shows (decision 0043).
        """
        some = Sql(f"(SELECT * FROM {table.clock} LIMIT {_LOOKED_FOR_LATE})")
        found = [
            one
            for one in rule.shortened
            if one.late and query.exists(connection, some, Sql(f"{naming.stamp_t(one.id)} IS NOT {ABSENT}"))
        ]
        columns.be_of_genesis(self.registry, table, found)
        return bool(found)

    def _step(self, connection: apsw.Connection, table: Table, rule: _Rule) -> bool:
        after, values = _compare(table, ">", "after", self._last)
        self._last = self._end_of_step(table, self.stride.rows, after, values)
        until, more = _compare(table, "<=", "until", self._last)
        within, bound = joined([after, until], " AND "), values | more
        with (
            rule.settled.created(connection, settled=rule.settled.quoted, keys=rule.key_definitions),
            split.found(connection, table, within, bound, self._remembered())
            if rule.rests and self.which != "dead"
            else nullcontext() as says_more,
        ):
            genesis_t, genesis_s = table.genesis or (None, None)
            bound |= {"tbl": table.id, "child_t": genesis_t, "child_s": genesis_s}
            connection.execute(rule.collect(joined([within, _WHICH[self.which]], " AND "), says_more), bound)
            self.done.add(rule.apply(connection))
        return self._last is not None

    def _end_of_step(
        self, table: Table, rows: int, after: Sql, values: dict[str, SqliteValue]
    ) -> tuple[SqliteValue, ...] | None:
        """Return the key of the last one of so many rows, None if there are fewer."""
        ends = sql("compaction/settled/end_of_step", keys=table.keys, clock=table.clock, after=after)
        found = query.rows_to_show(self.registry.connection, ends, values | {"others": rows - 1})
        return tuple(found[0]) if found else None

    def _remembered(self) -> list[int]:
        """Return the ordinals of ended sites that may come back with more than they are known to have added to counters."""
        kept = retiring.ended(self.registry)
        return [ordinal for ordinal, site, _ in self.registry.sites() if kept.get(site)]


def _compare(
    table: Table, how: str, name: str, key: tuple[SqliteValue, ...] | None
) -> tuple[Sql, dict[str, SqliteValue]]:
    """Compare the keys of rows with one that `rows_to_show` returned, and return what binds it; None: all rows."""
    if key is None:
        return _ANY, {}
    marks, values = query.binding(name, key)
    return Sql(f"({table.keys}) {how} ({marks})"), values


@dataclass(frozen=True, slots=True)
class _Rule:
    """What may be done to the rows of a table.

    Attributes:
        keeps_deleted: its deleted rows stay: a reference may bring them back, or their key may come to say something else.
        may_go: says of a clock row that nothing means its row, which is deleted.
        rests: says of a clock row that its row, which is live, needs none; None if that can't be.
        shortened: the columns whose stamps may be as old as their row.
    """

    registry: Registry
    table: Table
    key_definitions: Sql
    keeps_deleted: bool
    may_go: Sql
    rests: Sql | None
    shortened: tuple[Field, ...]

    @staticmethod
    def of(connection: apsw.Connection, registry: Registry, table: Table) -> _Rule:
        """Find out what a table's rows depend on."""
        shape = schema.read(connection, table.name)
        assert shape is not None  # noqa: S101 - the table is in the file
        bound, is_plain = _bound_columns(connection, table)
        rests = None
        if is_plain and alone.can_be(connection, registry, table):
            terms = [*_is_written(table, bound), _has_own_number(table), alone.is_alone(connection, registry, table)]
            rests = joined(terms, " AND ")
        keeps_deleted = referred.keeps_deleted(connection, registry, table)
        keeps_deleted = keeps_deleted or not bound.isdisjoint(map(caseless, table.key))
        return _Rule(
            registry,
            table,
            shape.define_key(table.key_names),
            keeps_deleted,
            _NEVER if keeps_deleted else referred.is_not_meant(connection, registry, table),
            rests,
            tuple(one for one in table.plain_fields if is_plain and caseless(one.name) not in bound),
        )

    @property
    def settled(self) -> TemporaryTable:
        """Return the temporary table for rows of this form."""
        return SETTLED.of(crc32(str(self.key_definitions).encode()))

    def collect(self, within: Sql, says_more: Sql | None) -> str:
        """Write the statement that finds the rows of a step; `says_more` says of a clock row that its row must keep its parts."""
        table, rests = self.table, self.rests or _NEVER
        if says_more is not None:
            rests = Sql(f"{rests} AND NOT {says_more}")
        return sql(
            "compaction/settled/collect",
            settled=self.settled.quoted,
            keys=table.keys,
            clock_keys=table.keys_of("clock"),
            clock=table.clock,
            within=within,
            is_below=_is_below("ifnull(clock.dot_t, clock.t)", "ifnull(clock.dot_s, clock.s)"),
            heads=table.heads,
            head_is_clock=table.same_keys("head", "clock"),
            head_is_below=_is_below("head.t", "head.s"),
            entry_is_clock=table.same_keys("entry", "clock"),
            dead=self._dead(self.may_go),
            has_own_number=_has_own_number(table),
            has_values=self._dead(self._has_values()),
            rests=rests,
            is_longer=self._is_longer(),
        )

    def _dead(self, has_more: Sql) -> Sql:
        if self.keeps_deleted:
            return _NEVER
        return fragment("compaction/settled/is_deleted", held=self.table.held, has_more=has_more)

    def _has_values(self) -> Sql:
        more = [Sql(f"held.{naming.value(one.id)} IS NOT NULL") for one in self.table.plain_fields]
        return Sql(f"({joined(more, ' OR ')})") if more and self.table.is_numbered else _NEVER

    def _is_longer(self) -> Sql:
        """Say that a live row has stamps that it can do without."""
        stamped = [Sql(f"ifnull(clock.{naming.stamp_t(one.id)}, {ABSENT}) <> {ABSENT}") for one in self.shortened]
        longer = Sql(f"({joined([Sql('clock.dot_t IS NOT NULL'), Sql('clock.many'), *stamped], ' OR ')})")
        return Sql(f"{longer} AND NOT {self._has_parts()}") if self.table.may_have_parts else longer

    def _has_parts(self) -> Sql:
        """Say that a row has parts: a receiver that takes it for one of the genesis would have no place for them."""
        return fragment(
            "compaction/settled/has_parts",
            parts=self.table.parts,
            part_is_clock=self.table.same_keys("part", "clock"),
        )

    def apply(self, connection: apsw.Connection) -> TableCompacted:
        """Forget what was found, or write it shorter; return how much that was."""
        counted = query.rows(connection, f"SELECT becomes, count(*) FROM {self.settled.quoted} GROUP BY becomes")
        found: dict[str, int] = dict(counted)
        counts, table = TableCompacted(), self.table
        if not found:
            return counts
        connection.execute(
            sql("compaction/settled/forget_entries", keys=table.keys, settled=self.settled.quoted), {"tbl": table.id}
        )
        if table.is_numbered:
            self._put_births_away(connection)
        if _EMPTY in found:
            counts.emptied = found[_EMPTY]
            nothing = joined(Sql(f"{naming.value(one.id)} = NULL") for one in table.plain_fields)
            connection.execute(
                sql("compaction/settled/empty", held=table.held, nothing=nothing, settled=self.settled.quoted)
            )
        if _GONE in found:
            counts.forgotten = found[_GONE]
            connection.execute(sql("compaction/settled/forget_held", held=table.held, settled=self.settled.quoted))
            self._forget(connection, _GONE)
        if _GENESIS in found:
            counts.settled = found[_GENESIS]
            self._forget(connection, _GENESIS)
        if _SHORTER in found:
            counts.shortened = found[_SHORTER]
            self._shorten(connection)
        return counts

    def _put_births_away(self, connection: apsw.Connection) -> None:
        """Put the births of rows away of which no clock is left."""
        table = self.table
        slots = {"settled": self.settled.quoted, "clock": table.clock, "born": table.born}
        births = query.rows(connection, sql("compaction/settled/list_births", **slots))
        archive.put_away(self.registry, table, births)
        connection.executemany(f"DELETE FROM {table.born} WHERE k1 = ?", [(number,) for number, _, _ in births])

    def _forget(self, connection: apsw.Connection, those: str) -> None:
        table = self.table
        for target in [table.clock, table.heads, *([table.parts] if table.may_have_parts else [])]:
            self._forget_in(connection, target, those)

    def _forget_in(self, connection: apsw.Connection, target: Sql, those: str) -> None:
        slots = {"target": target, "keys": self.table.keys, "settled": self.settled.quoted}
        connection.execute(sql("compaction/settled/forget", **slots), {"becomes": those})

    def _shorten(self, connection: apsw.Connection) -> None:
        table = self.table
        stamps = [
            Sql(f", {name} = CASE WHEN {naming.stamp_t(one.id)} = {ABSENT} THEN {name} END")
            for one in self.shortened
            for name in (naming.stamp_s(one.id), naming.stamp_t(one.id))
        ]
        self._forget_in(connection, table.heads, _SHORTER)
        connection.execute(
            sql(
                "compaction/settled/shorten",
                clock=table.clock,
                stamps=joined(stamps, ""),
                keys=table.keys,
                settled=self.settled.quoted,
            )
        )


def _is_written(table: Table, bound: set[str]) -> list[Sql]:
    """Say which cells of a row were ever written: a row of the genesis wrote all but late ones.

    Of columns whose stamps say nothing else, those that nobody wrote may count as written by the genesis.
    """
    free = {one.id for one in table.plain_fields if caseless(one.name) not in bound}
    return [
        Sql(f"clock.{naming.stamp_t(one.id)} {'IS' if one.late else 'IS NOT'} {ABSENT}")
        for one in table.fields
        if one.late or one.id not in free
    ]


def _has_own_number(table: Table) -> Sql:
    """Say of a row with an automatic number that it is the only one that ever asked for it, as far as it is known."""
    return fragment("compaction/settled/has_own_number", born=table.born) if table.is_numbered else _ANY


def _is_below(t: str, s: str) -> Sql:
    return fragment("compaction/settled/is_below", t=Sql(t), s=Sql(s))


def _bound_columns(connection: apsw.Connection, table: Table) -> tuple[set[str], bool]:
    """Return the columns whose stamps say what a row refers to, or how old its claim on a UNIQUE value is.

    Also whether these are all: an index over an expression may depend on any.
    """
    bound, is_plain = set(), True
    for key in schema.foreign_keys(connection, table.name):
        bound |= {caseless(column) for column in key.columns}
    for declared in table.references:
        bound |= {caseless(name) for name in table.names_of(declared.columns) or ()}
    known = {caseless(name) for name in table.names}
    for index in schema.unique_indexes(connection, table.name):
        columns = {caseless(column) for column in index.columns if column is not None}
        is_plain = is_plain and index.is_plain and columns <= known
        bound |= columns
    return bound, is_plain
