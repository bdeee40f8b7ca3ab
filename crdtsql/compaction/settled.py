"""Settled: rows of which nobody will ever ask when they were written, because every event that can still come has seen all of it.

Such a row is forgotten if it is deleted, or becomes one of the genesis again, or is written shorter. Only whole rows: one that is not
wholly below the floor keeps all of its stamps. Runs in steps, each inside the caller's write transaction; writes nothing to the
user's tables.
"""

from __future__ import annotations

from dataclasses import dataclass, field
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
from crdtsql.compaction import floor
from crdtsql.compaction.report import TableCompacted
from crdtsql.sqlite import schema
from crdtsql.store import Field, Registry, Table

FLOOR = TemporaryTable("_crdt_floor", "compaction/settled/create_floor")
SETTLED = TemporaryTable("_crdt_settled", "compaction/settled/create_settled")
STEP_ROWS = 2_000
"""So many clock rows are looked at in one transaction, so that no writer waits for long."""
_NEVER = Sql("0")
_IS_DEAD, _IS_LIVE, _ANY = Sql("dead"), Sql("NOT dead"), Sql("1")


@dataclass(slots=True)
class Sweep:
    """Goes through the clock rows of a table, from the first to the last.

    Attributes:
        done: what the steps did so far.
    """

    registry: Registry
    name: str
    done: TableCompacted = field(default_factory=TableCompacted)
    _last: tuple[SqliteValue, ...] | None = None

    def step(self) -> bool:
        """Look at the next rows; return whether there are more."""
        table = self.registry.find(self.name)
        if table is None or table.absent or table.parked or table.places or table.unsure is not None:
            self.done.kept = "" if table is None else "columns or rows of it are kept for other replicas, or are unsure"
            return False
        if not query.exists(self.registry.connection, table.clock, "1"):
            return False
        connection, forgotten = self.registry.connection, floor.read(self.registry).floor
        with FLOOR.created(connection):
            ordinals = {site: ordinal for ordinal, site, _ in self.registry.sites()}
            known = [(ordinals[site], hlc) for site, hlc in forgotten.items() if site in ordinals]
            query.insert_all(connection, "temp._crdt_floor", known)
            rule = _Rule.of(connection, self.registry, table)
            if rule.returns_to_genesis and not self._has_genesis(table):
                rule = _Rule.of(connection, self.registry, table, shorten=True)
            self.done.kept = "rows refer to them, or their keys to rows" if rule.keeps_deleted else ""
            return self._step(connection, self.registry.table(self.name), rule)

    def _has_genesis(self, table: Table) -> bool:
        """Give a table a genesis that the floor covers, if it has none; tell whether it has one."""
        vector = floor.read(self.registry).floor
        if table.genesis is None and vector:
            hlc, site = min((hlc, site) for site, hlc in vector.items())
            self.registry.adopt_genesis(table, (hlc - clock.GENESIS_OFFSET, self.registry.add_site(site)))
            return True
        return table.genesis is not None and floor.covers(self.registry, vector, *table.genesis)

    def _step(self, connection: apsw.Connection, table: Table, rule: _Rule) -> bool:
        after, values = _ANY if self._last is None else _compare(table, ">", "after"), _named("after", self._last)
        ends = sql("compaction/settled/end_of_step", keys=table.keys, clock=table.clock, after=after)
        self._last = query.first(connection, ends, values | {"others": STEP_ROWS - 1})
        until = _ANY if self._last is None else _compare(table, "<=", "until")
        with rule.settled.created(connection, settled=rule.settled.quoted, keys=rule.key_definitions):
            bound = values | _named("until", self._last) | {"tbl": table.id}
            connection.execute(rule.collect(joined([after, until], " AND ")), bound)
            self.done.add(rule.apply(connection))
        return self._last is not None


def _compare(table: Table, how: str, name: str) -> Sql:
    marks = joined(Sql(f":{name}{n}") for n in range(len(table.key)))
    return Sql(f"({table.keys}) {how} ({marks})")


def _named(name: str, key: tuple[SqliteValue, ...] | None) -> dict[str, SqliteValue]:
    return {f"{name}{n}": value for n, value in enumerate(key or ())}


@dataclass(frozen=True, slots=True)
class _Rule:
    """What may be done to the rows of a table.

    Attributes:
        keeps_deleted: its deleted rows stay: a reference may bring them back, or their key may come to say something else.
        returns_to_genesis: its live rows need no clock row.
        shortened: the columns whose stamps may be as old as their row.
    """

    table: Table
    key_definitions: Sql
    keeps_deleted: bool
    returns_to_genesis: bool
    shortened: tuple[Field, ...]

    @staticmethod
    def of(connection: apsw.Connection, registry: Registry, table: Table, *, shorten: bool = False) -> _Rule:
        """Find out what a table's rows depend on."""
        shape = schema.read(connection, table.name)
        assert shape is not None  # noqa: S101 - the table is in the file
        bound, is_plain = _bound_columns(connection, table)
        return _Rule(
            table,
            shape.define_key(table.key_names),
            _is_referred_to(connection, registry, table) or not bound.isdisjoint(map(caseless, table.key)),
            not (shorten or table.is_numbered or bound or table.may_have_parts) and is_plain,
            tuple(one for one in table.plain_fields if is_plain and caseless(one.name) not in bound),
        )

    @property
    def settled(self) -> TemporaryTable:
        """Return the temporary table for rows of this form."""
        return SETTLED.of(crc32(str(self.key_definitions).encode()))

    def collect(self, within: Sql) -> str:
        """Write the statement that finds the rows of a step."""
        table = self.table
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
            dead=self._dead(),
            live=self._live(),
        )

    def _dead(self) -> Sql:
        if self.keeps_deleted:
            return _NEVER
        more = [Sql(f"held.{naming.value(one.id)} IS NOT NULL") for one in self.table.plain_fields]
        has_more = (Sql(f"({joined(more, ' OR ')})") if more else _NEVER) if self.table.is_numbered else _ANY
        return fragment(
            "compaction/settled/is_deleted",
            held=self.table.held,
            has_more=has_more,
        )

    def _live(self) -> Sql:
        if not self.returns_to_genesis:
            stamped = [Sql(f"ifnull(clock.{naming.stamp_t(one.id)}, {ABSENT}) <> {ABSENT}") for one in self.shortened]
            shorter = Sql(f"({joined([Sql('clock.dot_t IS NOT NULL'), Sql('clock.many'), *stamped], ' OR ')})")
            return Sql(f"{shorter} AND NOT {self._has_parts()}") if self.table.may_have_parts else shorter
        terms = [
            Sql(f"clock.{naming.stamp_t(one.id)} {'IS' if one.late else 'IS NOT'} {ABSENT}")
            for one in self.table.fields
        ]
        return joined(terms, " AND ") if terms else _ANY

    def _has_parts(self) -> Sql:
        """Say that a row has parts: a receiver that takes it for one of the genesis would have no place for them."""
        return fragment(
            "compaction/settled/has_parts",
            parts=self.table.parts,
            part_is_clock=self.table.same_keys("part", "clock"),
        )

    def apply(self, connection: apsw.Connection) -> TableCompacted:
        """Forget what was found, or write it shorter; return how much that was."""
        live, dead = query.first(connection, f"SELECT total(NOT dead), total(dead) FROM {self.settled.quoted}")
        counts, table = TableCompacted(), self.table
        if not live and not dead:
            return counts
        connection.execute(
            sql("compaction/settled/forget_entries", keys=table.keys, settled=self.settled.quoted), {"tbl": table.id}
        )
        if dead and table.is_numbered:
            counts.emptied = int(dead)
            nothing = joined(Sql(f"{naming.value(one.id)} = NULL") for one in table.plain_fields)
            connection.execute(
                sql("compaction/settled/empty", held=table.held, nothing=nothing, settled=self.settled.quoted)
            )
        elif dead:
            counts.forgotten = int(dead)
            connection.execute(sql("compaction/settled/forget_held", held=table.held, settled=self.settled.quoted))
            self._forget(connection, _IS_DEAD)
        if live and self.returns_to_genesis:
            counts.settled = int(live)
            self._forget(connection, _IS_LIVE)
        elif live:
            counts.shortened = int(live)
            self._shorten(connection)
        return counts

    def _forget(self, connection: apsw.Connection, which: Sql) -> None:
        table = self.table
        targets = [table.clock, table.heads, *([table.parts] if table.may_have_parts else [])]
        for target in targets:
            connection.execute(
                sql(
                    "compaction/settled/forget",
                    target=target,
                    keys=table.keys,
                    settled=self.settled.quoted,
                    which=which,
                )
            )

    def _shorten(self, connection: apsw.Connection) -> None:
        table = self.table
        stamps = [
            Sql(f", {name} = CASE WHEN {naming.stamp_t(one.id)} = {ABSENT} THEN {name} END")
            for one in self.shortened
            for name in (naming.stamp_s(one.id), naming.stamp_t(one.id))
        ]
        connection.execute(
            sql(
                "compaction/settled/forget",
                target=table.heads,
                keys=table.keys,
                settled=self.settled.quoted,
                which=_IS_LIVE,
            )
        )
        connection.execute(
            sql(
                "compaction/settled/shorten",
                clock=table.clock,
                stamps=joined(stamps, ""),
                keys=table.keys,
                settled=self.settled.quoted,
            )
        )


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


def _is_referred_to(connection: apsw.Connection, registry: Registry, table: Table) -> bool:
    """Tell whether any table, replicated or not, has rows that may refer to those of a table."""
    declared = any(
        caseless(key.parent) == caseless(table.name)
        for name in schema.tables_with_foreign_keys(connection)
        for key in schema.foreign_keys(connection, name)
    )
    return declared or any(one.parent == table.uid for other in registry.tables() for one in other.references)
