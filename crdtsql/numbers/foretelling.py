"""Foretelling: let keys await rows that were not known to who wrote them (decision 0031).

A key of which a column refers to a table with automatic numbers, under a number that no row had, gets a foretold number in its
place: in the log before it is folded, and in rows of before. It gets the number of the row that it awaits once that is known. Runs
inside the caller's write transaction, with foreign keys not enforced.

Invariant: a number in a key is foretold, or that of a row which is known here.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import apsw

from crdtsql.base import (
    NO_SITE,
    Birth,
    ConstraintViolationError,
    Sql,
    SqliteValue,
    identifier,
    joined,
    memory,
    query,
    sql,
)
from crdtsql.capture import without_capture
from crdtsql.numbers import births, followers, renumber
from crdtsql.numbers.followers import Follower
from crdtsql.numbers.moves import Moves, Span
from crdtsql.shown import Foretold, Side, foretold, noting, settle, take_out
from crdtsql.sqlite import schema, writing
from crdtsql.store import Registered, Registry, Table
from crdtsql.wire import Header, TableHeader, image

Keyed = list[tuple[Follower, Table]]


def _numbered(registry: Registry) -> list[tuple[Table, Keyed]]:
    """List the tables whose numbers keys hold, with the columns that do."""
    registered = registry.registered()
    if not registered.numbered:
        return []
    return _in_keys(registry.connection, registered, followers.learned(registry))


@memory.of_schema
def _in_keys(connection: apsw.Connection, registered: Registered, learned: Hashable) -> list[tuple[Table, Keyed]]:
    del learned  # what else the answer depends on
    followed = followers.to_tables(Registry(connection), registered.numbered)
    found = []
    for table in registered.tables:
        keyed = [(one, one.table) for one in followed.get(table.id, ()) if one.table is not None and one.position]
        found += [(table, keyed)] if keyed else []
    return found


# -- the log --------------------------------------------------------------------------------------


@dataclass
class Foretelling:
    """The keys in a log; one object for one fold.

    Attributes:
        tables: those whose rows have foretold numbers in the user's table until the log is folded.
    """

    registry: Registry
    tables: dict[int, Table] = field(default_factory=dict)

    def begin(self, touched: Iterable[int]) -> None:
        """Before anything else looks at the log: give keys foretold numbers that await rows, and numbers those whose row it begins.

        Args:
            touched: the tables that have events.
        """
        numbers = {*touched}
        for table, keyed in _numbered(self.registry):
            if table.id in numbers and foretold.any_foretold(self.registry.connection):
                self._resolve(table, "numbers/foretelling/find_begun", {"tbl": table.id})
            for follower, child in keyed:
                if child.id in numbers and not child.absent:
                    self._foretell(table, follower, child)
                    self._note(child)

    def end(self, touched: Iterable[int]) -> None:
        """Once rows have their numbers: give these to keys that await a row which the log began under a number used before."""
        if not foretold.any_foretold(self.registry.connection):
            return
        numbers = {*touched}
        for table, _ in _numbered(self.registry):
            if table.id in numbers:
                self._resolve(table, "numbers/foretelling/find_born", {})

    def hold(self) -> None:
        """Once the tables are folded: take the rows with foretold numbers out of them, to be shown as people wrote them."""
        connection = self.registry.connection
        for table in self.tables.values():
            shape = schema.read(connection, table.name)
            if shape is None:
                continue
            side = Side(table, shape)
            with without_capture(connection, [table]), side.out(connection):
                is_foretold = foretold.is_in_key(connection, table, "event")
                slots = {"out": side.out_table, "keys": table.keys, "is_foretold": is_foretold}
                connection.execute(sql("numbers/foretelling/list_out", **slots), {"tbl": table.id})
                take_out(self.registry, side)

    def _resolve(self, table: Table, statement: str, values: Mapping[str, SqliteValue]) -> None:
        _resolve(self.registry, table, _first(self._find(table, statement, values)), folding=True)

    def _find(self, table: Table, statement: str, values: Mapping[str, SqliteValue]) -> list[tuple[int, int, int]]:
        slots = {"clock": table.clock, "born": table.born} if statement.endswith("born") else {"clock": table.clock}
        return query.rows(self.registry.connection, sql(statement, **slots), {"uid": table.uid, **values})

    def _foretell(self, table: Table, follower: Follower, child: Table) -> None:
        connection = self.registry.connection
        statement = sql(
            "numbers/foretelling/find_unknown",
            key=child.key_names[follower.position - 1],
            clock=table.clock,
            table=table.quoted,
            key_column=identifier(table.key[0]),
        )
        found = query.rows(connection, statement, {"child": child.id, "tbl": table.id})
        if not found:
            return
        if query.enforces_keys(connection):
            raise ConstraintViolationError(
                f"a row of table {child.name!r} was written whose key refers to row {found[0][0]} of {table.name!r}, which is not "
                "there yet: nothing was folded; end your transaction, switch PRAGMA foreign_keys off, and run this again",
                child.name,
                "foreign keys",
                [],
            )
        awaited = foretold.keep(self.registry, [Foretold(table.uid, s, number) for number, s, _, _ in found])
        spans = [(number, first, last, awaited[Foretold(table.uid, s, number)]) for number, s, first, last in found]
        try:
            self._name(follower, child, spans)
        except (apsw.ConstraintError, apsw.MismatchError) as error:
            raise ConstraintViolationError(
                f"table {child.name!r} refuses what stands for a row of {table.name!r} that is not there yet "
                f"({writing.said(error)}): nothing was folded; insert the row {found[0][0]} of {table.name!r} first",
                child.name,
                writing.said(error),
                [],
            ) from error

    def _name(self, follower: Follower, child: Table, spans: Sequence[tuple[int, int, int, int]]) -> None:
        """Give the rows of some entries foretold numbers: where they stand, where they were deleted, and in the log."""
        connection, key, shape = (
            self.registry.connection,
            child.key_names[follower.position - 1],
            schema.read(self.registry.connection, child.name),
        )
        if shape is None:
            return
        collated = zip(child.key_names, shape.key, strict=True)
        keys = joined(Sql(f"event.{name} COLLATE {column.collation}") for name, column in collated)
        statement = sql("numbers/foretelling/find_entries", key=key, keys=keys)
        entries = query.rows(connection, statement, {"spans": json.dumps(spans), "tbl": child.id})
        slots = {
            "table": child.quoted,
            "column": follower.column,
            "key_columns": child.key_columns_of("shown"),
            "keys": child.keys,
        }
        with without_capture(connection, [child]), writing.unchecked(connection):
            write = writing.prepare(connection, child.name, partial(sql, "numbers/foretelling/name_shown", **slots))
            for seq, _, stands, number in entries:
                if stands:
                    write.execute_apart(connection, (number, seq))
        removed = ((number, held) for _, held, _, number in entries if held is not None)
        connection.executemany(f"UPDATE {child.held} SET {key} = ? WHERE id = ?", removed)
        named = ((number, seq) for seq, _, _, number in entries)
        connection.executemany(f"UPDATE temp._crdt_event SET {key} = ? WHERE seq = ?", named)

    def _note(self, child: Table) -> None:
        """Note whether the log has entries of rows with foretold numbers, which may be in the user's table then."""
        is_foretold = foretold.is_in_key(self.registry.connection, child, "event")
        slots = Sql("temp._crdt_event AS event"), Sql(f"event.tbl = ? AND ({is_foretold})")
        if is_foretold.text != "0" and query.exists(self.registry.connection, *slots, (child.id,)):
            self.tables[child.id] = child


def _first(found: Iterable[tuple[int, int, int]]) -> dict[int, int]:
    """Return the number of the first row of those that a foretold number may stand for; `found` says (foretold, number, hlc)."""
    return {awaited: number for awaited, number, _ in sorted(found, key=lambda one: one[2], reverse=True)}


def _resolve(registry: Registry, table: Table, numbers: Mapping[int, int], *, folding: bool) -> Moves:
    """Give keys the numbers of rows that are known now; return what was."""
    moves = Moves(table, tuple(Span(old, new, Birth(0, NO_SITE, 0)) for old, new in numbers.items()), folding=folding)
    if numbers:
        if folding:
            births.index_events(registry.connection)
        renumber.foretold_here(registry, moves)
        foretold.forget(registry, numbers)
    return moves


# -- changesets -----------------------------------------------------------------------------------


def told(connection: apsw.Connection, tables: Sequence[TableHeader], database: str) -> tuple[tuple[str, int, int], ...]:
    """List what the foretold numbers in an image stand for, as its header says it."""
    if not foretold.any_foretold(connection):
        return ()
    found: set[tuple[str, int, int]] = set()
    for number, table in enumerate(tables, 1):
        for position in range(1, len(table.key) + 1) if table.rows else ():
            rows = Sql(f"{database}.{image.row_table(number)}")
            found.update(query.rows(connection, sql("numbers/foretelling/told", rows=rows, key=Sql(f"k{position}"))))
    return tuple(sorted(found))


def meet(registry: Registry, header: Header, database: str, local: Mapping[int, int]) -> None:
    """Once all rows have their numbers: give these to keys on both sides that await them, and keep what the others await.

    Args:
        local: site of the changeset -> ordinal here.
    """
    connection = registry.connection
    foretold.keep(registry, [Foretold(uid, local[site], number) for uid, site, number in header.foretold])
    if not foretold.any_foretold(connection):
        return
    listed = {theirs.uid: number for number, theirs in enumerate(header.tables, 1) if theirs.rows}
    for table, _ in _numbered(registry):
        slots = {"clock": table.clock, "born": table.born}
        found = query.rows(connection, sql("numbers/foretelling/find_born", **slots), {"uid": table.uid})
        if table.uid in listed:
            number = listed[table.uid]
            slots = {
                "image": Sql(database),
                "row_table": image.row_table(number),
                "born_table": image.born_table(number),
            }
            found += query.rows(connection, sql("numbers/foretelling/find_born_there", **slots), {"uid": table.uid})
        if found:
            moves = _resolve(registry, table, _first(found), folding=False)
            renumber.foretold_there(registry, header, database, moves)


# -- rows of before -------------------------------------------------------------------------------


def adopt(registry: Registry, names: Collection[str] | None = None) -> bool:
    """Give keys of rows that are here foretold numbers where their writers knew no row of the number; return whether there were any.

    These rows wait to be settled then.

    For tables that were enabled, whose `names` are given, and files that an earlier version wrote; reads all keys that hold numbers.
    """
    adopted = False
    for table, keyed in _numbered(registry):
        for follower, child in keyed:
            if names is None or table.name in names or child.name in names:
                adopted |= _adopt(registry, table, follower, child)
    return adopted


def adopt_and_settle(registry: Registry, names: Collection[str]) -> None:
    """Do so for tables that were enabled, and show these rows on."""
    with noting(registry):
        if adopt(registry, names):
            settle(registry, everything=True)


def settle_owed(registry: Registry) -> None:
    """Settle everything, in a file of an earlier format with its keys as those of this one are."""
    registry.set("unsettled", 0)
    with noting(registry):
        if registry.get("unforetold"):
            registry.set("unforetold", None)
            adopt(registry)
        settle(registry, everything=True)


def _adopt(registry: Registry, table: Table, follower: Follower, child: Table) -> bool:
    connection = registry.connection
    shape = schema.read(connection, child.place)
    if shape is None:
        return False
    genesis_t, genesis_s = table.genesis or (None, None)
    child_t, child_s = child.genesis or (None, None)
    key = child.key_names[follower.position - 1]
    statement = sql(
        "numbers/foretelling/find_unseen",
        key=key,
        child_clock=child.clock,
        clock=table.clock,
        born=table.born,
        table=table.quoted,
        key_column=identifier(table.key[0]),
        child=child.quoted,
        child_column=identifier(child.key[follower.position - 1]),
        clock_is_shown=child.row_has_key_of("shown", "clock"),
        seen_of_it=renumber.seen_of(Sql("holder.s")),
    )
    values = {"genesis_t": genesis_t, "genesis_s": genesis_s, "child_t": child_t, "child_s": child_s}
    found = query.rows(connection, statement, values)
    if not found:
        return False
    awaited = foretold.keep(registry, [Foretold(table.uid, s, number) for number, _, s in found])
    spans = [Span(n, awaited[Foretold(table.uid, s, n)], Birth(t, NO_SITE, s)) for n, t, s in found]
    side = Side(child, shape)
    with without_capture(connection, [child]), side.out(connection):
        numbers = json.dumps(sorted({number for number, _, _ in found}))
        slots = {"keys": child.keys, "key_columns": child.key_columns_of("shown"), "child": child.quoted}
        column = Sql(f"shown.{identifier(child.key[follower.position - 1])}")
        list_unseen = sql("numbers/foretelling/list_unseen", out=side.out_table, column=column, **slots)
        connection.execute(list_unseen, {"numbers": numbers})
        take_out(registry, side)
    renumber.written_in_keys(registry, follower, child, spans)
    return True
