"""Moved: rows that the user's table shows under another key than their own (decision 0023).

A reference in their key is read as one to another row. To everybody else such a row is a held one, and what stands in the user's table
is nobody's row: whatever looks for rows there takes it out first, or leaves it aside. Runs inside the caller's write transaction, with
foreign keys not enforced. Invariant: no row stands under the key of a live row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import apsw

from crdtsql.base import (
    ConstraintViolationError,
    Sql,
    SqliteValue,
    fragment,
    identifier,
    joined,
    memory,
    naming,
    query,
    show_key,
    sql,
)
from crdtsql.capture import without_capture
from crdtsql.sqlite import writing
from crdtsql.store import FIRST_UPDATE_OP, Field, Registry, Table, facts

if TYPE_CHECKING:
    from crdtsql.shown.holding import Side

INSERTED, DELETED, PERHAPS_EVICTED = 1, 2, 3
LAST = (1 << 63) - 1
"""After all events."""


@memory.of_schema
def _kept(connection: apsw.Connection) -> set[str]:
    """Name the tables of ours that have moved rows, or had some."""
    found = query.rows(connection, "SELECT name FROM main.sqlite_schema WHERE name GLOB '_crdt_moved_*'")
    return {name for (name,) in found}


def may_have(connection: apsw.Connection, table: Table) -> bool:
    """Tell whether a table has moved rows, or had some."""
    return f"_crdt_moved_{table.name}" in _kept(connection)


def any_moved(connection: apsw.Connection, table: Table) -> bool:
    """Tell whether a table shows rows under another key than their own."""
    return may_have(connection, table) and query.exists(connection, Sql(f"main.{table.moved}"))


def is_moved(connection: apsw.Connection, table: Table, alias: str) -> Sql:
    """Say that what stands in the user's table is a row of another key."""
    if not may_have(connection, table):
        return Sql("0")
    return fragment("shown/moved/is_moved", moved=table.moved, row_is_moved=table.row_has_key_of(alias, "moved"))


def stands_for(connection: apsw.Connection, table: Table, shown: str, held: str) -> Sql:
    """Say that what stands in the user's table is shown for a held row, under whichever key."""
    if not may_have(connection, table):
        return table.row_has_key_of(shown, held)
    keys = [fragment("shown/moved/shown_key", moved=table.moved, held=Sql(held), key=key) for key in table.key_names]
    pairs = zip(map(identifier, table.key), keys, strict=True)
    return joined((Sql(f"{shown}.{column} = {key}") for column, key in pairs), " AND ")


def keep(connection: apsw.Connection, side: Side, candidates: Sql, numbers: Collection[int]) -> None:
    """Write down under which keys the chosen ones of some candidates are shown."""
    table = side.table
    if not may_have(connection, table):
        definitions = side.key_definitions
        connection.execute(sql("shown/moved/create", moved=table.moved, key_definitions=definitions, keys=table.keys))
        facts.put(connection, table.fact("places"), 1)
    statement = sql("shown/moved/keep", moved=table.moved, keys=table.keys, candidate=candidates)
    connection.execute(statement, {"moved": json.dumps(sorted(numbers))})


def lift(connection: apsw.Connection, table: Table) -> None:
    """Take the moved rows out of the user's table; with their held rows they wait to be shown again. Capture is off."""
    if not any_moved(connection, table):
        return
    slots = {"table": table.quoted, "key_columns": table.key_columns, "keys": table.keys, "moved": table.moved}
    writing.remove(connection, table.key_columns, table.quoted, sql("shown/moved/remove", **slots))
    connection.execute(f"DELETE FROM main.{table.moved}")


def take_in(registry: Registry) -> None:
    """Take all moved rows out of the user's tables, until everything is settled at the end of the operation.

    For verbs that look at tables whose rows they can't tell by the clocks.

    Raises:
        ConstraintViolationError: foreign keys are enforced, so that what refers to such a row would go with it.
    """
    connection = registry.connection
    if not _kept(connection):
        return
    tables = [table for table in registry.tables() if not table.absent and any_moved(connection, table)]
    if tables and query.enforces_keys(connection):
        raise ConstraintViolationError(
            f"table {tables[0].name!r} shows rows under other keys than their own, which this has to take out for a moment, and "
            "foreign keys are enforced on this connection: nothing was changed; run PRAGMA foreign_keys = OFF, then run this again",
            tables[0].name,
            "foreign keys",
            [],
        )
    if tables:
        with without_capture(connection, tables):
            for table in tables:
                connection.execute(sql("shown/moved/wait", held=table.held, moved=table.moved), {"held": None})
                lift(connection, table)
        registry.set("unsettled", 1)


def place_of(connection: apsw.Connection, table: Table, key: Sequence[SqliteValue]) -> tuple[SqliteValue, ...] | None:
    """Return the key under which a row is shown, if that is not its own."""
    if not may_have(connection, table):
        return None
    slots = {"moved": table.moved, "clock": table.clock, "moved_keys": table.keys_of("moved")}
    marks = joined([Sql("?")] * len(table.key))
    statement = sql("shown/moved/place_of", clock_keys=table.keys_of("clock"), marks=marks, **slots)
    found = query.first(connection, statement, tuple(key))
    return None if found is None else tuple(found)


def own_key(connection: apsw.Connection, table: Table, key: Sequence[SqliteValue]) -> tuple[SqliteValue, ...]:
    """Return the own key of the row that stands under a key."""
    if not may_have(connection, table):
        return tuple(key)
    slots = {"moved": table.moved, "held": table.held, "held_keys": table.keys_of("held")}
    conditions = joined((Sql(f"moved.{name} = ?{n}") for n, name in enumerate(table.key_names, 1)), " AND ")
    found = query.first(connection, sql("shown/moved/own_key", stands=conditions, **slots), tuple(key))
    return tuple(key) if found is None else tuple(found)


IsAnother = Callable[[Table, Sequence[SqliteValue], int], bool]
"""Tells whether what was inserted under a key at an hlc is another row than the one that had the key before the log."""


@dataclass(slots=True)
class _Apart:
    """A moved row that lost its own key to another row: the number in it was given out again.

    Attributes:
        number: its held row.
        later: the events where it stands since then, up to its delete: entry, kind, held row of a delete.
        deleted: whether it was deleted there, or evicted.
        reason: why it was held.
    """

    table: Table
    number: int
    later: list[tuple[int, int, int | None]]
    deleted: bool
    reason: str


class Homecoming:
    """The moved rows of which there are events; one object for one fold.

    A row stands under another key until it is deleted there; what is inserted under that key before is written over it. Then it is a
    stand-in like others. Who inserts its own key writes it anew: what stands under the other one is no row of its any more. But if
    the number in that key means another row by then, the two have one key until both have their numbers. So the moved one waits
    out of sight until then, and what was written where it stands is said of it after that.

    Attributes:
        came: whether any row came home, or went; who folds owes a settling then.
    """

    def __init__(self, registry: Registry, is_another: IsAnother) -> None:
        self._registry = registry
        self._is_another = is_another
        self._apart: list[_Apart] = []
        self.came = False

    def begin(self) -> None:
        """Let what `temp._crdt_event` says of moved rows be said of their own keys, and let those that were written stand there."""
        if not _kept(self._registry.connection):
            return
        for table in self._registry.tables():
            if any_moved(self._registry.connection, table):
                rows = _Homecomers(self._registry, table, self._is_another)
                self.came |= rows.run() > 0
                self._apart += rows.apart

    def show(self) -> None:
        """Before rows get their numbers: have those that wait out of sight follow them."""
        for row in self._apart:
            self._link(row)

    def name(self) -> list[Table]:
        """Once rows have their numbers: say of those that waited what was written where they stood; return tables of deleted ones."""
        connection = self._registry.connection
        for row in self._apart:
            values = {"held": row.number, "reason": row.reason, "later": json.dumps(row.later)}
            slots = {"held": row.table.held, "keys": row.table.keys}
            connection.execute(sql("shown/moved/name_later", **slots), values)
            if row.deleted:
                connection.execute(f"UPDATE {row.table.held} SET reason = :reason WHERE id = :held", values)
        return [row.table for row in self._apart if row.deleted]

    def held_on(self, table: Table) -> list[int]:
        """List the held rows of a table that stay the truth of those that wait, though these were written anew."""
        return [row.number for row in self._apart if row.table.id == table.id and not row.deleted]

    def hold(self, table: Table) -> None:
        """Once a table is folded: have those that are not deleted be held on."""
        for row in self._apart:
            if row.table.id == table.id and not row.deleted:
                self._link(row)

    def _link(self, row: _Apart) -> None:
        slots = {"clock": row.table.clock, "held": row.table.held, "keys": row.table.keys}
        self._registry.connection.execute(sql("shown/moved/link", **slots), {"held": row.number})


class _Homecomers:
    """The moved rows of one table, of which there are events.

    Attributes:
        apart: those that lost their own key to another row.
    """

    def __init__(self, registry: Registry, table: Table, is_another: IsAnother) -> None:
        self.registry = registry
        self.connection = registry.connection
        self.table = table
        self.is_another = is_another
        self.moved_one = {"keys": table.keys, "moved": table.moved}
        self.apart: list[_Apart] = []

    def run(self) -> int:
        """Let all that were written come home; return how many these are."""
        table = self.table
        find = sql(
            "shown/moved/find_written",
            moved=table.moved,
            moved_is_event=table.same_keys("moved", "event"),
            clock=table.clock,
            clock_is_event=table.same_keys("clock", "event"),
        )
        written = query.rows(self.connection, find, {"tbl": table.id})
        for number, deleted, anew in written:
            self._name_events(number, min(deleted or LAST, anew or LAST))
            if anew is not None and anew < (deleted or LAST):
                if self.is_another(table, self._own_key(number), anew):
                    self._set_apart(number, deleted, anew)
                else:
                    self._part(number, anew)
            elif deleted is None:
                self._stand_at_home(number)
            self.connection.execute(f"DELETE FROM main.{table.moved} WHERE held = ?", (number,))
        return len(written)

    def _own_key(self, number: int) -> tuple[SqliteValue, ...]:
        found = query.first(self.connection, f"SELECT {self.table.keys} FROM {self.table.held} WHERE id = ?", (number,))
        return tuple(found)

    def _set_apart(self, number: int, deleted: int | None, anew: int) -> None:
        """Have a row wait out of sight, with what was written to it, until it has its number."""
        table, values = self.table, {"tbl": self.table.id, "held": number, "anew": anew}
        later = query.rows(self.connection, sql("shown/moved/later_events", **self.moved_one), values)
        later = later[: next((place for place, (_, op, _) in enumerate(later, 1) if op == DELETED), len(later))]
        (reason,) = query.first(self.connection, f"SELECT reason FROM {table.held} WHERE id = ?", (number,))
        gone = deleted is not None or not self._stands(number)
        if not gone:
            before = self._before(number, anew)
            self._forget([(seq, op, held) for seq, _, _, op, held in before if op == PERHAPS_EVICTED])
            self._forget([event for event in later if event[1] == PERHAPS_EVICTED])
            later = [event for event in later if event[1] != PERHAPS_EVICTED]
            written = [(op, detail) for *_, op, detail in (*before, *later)]
            for field in table.fields:
                if is_written(table, field, written, anew=True):
                    self._learn_value(number, field)
            self._remove(number)
        self.apart.append(_Apart(table, number, later, gone, reason))
        wait = sql("shown/moved/wait", held=table.held, moved=table.moved)
        self.connection.execute(wait, {"held": number})
        self.connection.execute(f"UPDATE {table.clock} SET held = NULL WHERE held = ?", (number,))

    def _name_events(self, number: int, last: int) -> None:
        """Give the events of a row, and the held rows that they wrote, its own key."""
        values = {"tbl": self.table.id, "held": number, "last": last}
        slots = {"held": self.table.held, **self.moved_one}
        self.connection.execute(sql("shown/moved/name_removed", **slots), values)
        self.connection.execute(sql("shown/moved/name_events", **slots), values)

    def _part(self, number: int, anew: int) -> None:
        """Let what stands under the other key be a row of its own, from its first update on; if there is none, it goes.

        The row itself waits: where its key holds a number, what was inserted under it may turn out to be another row.
        """
        wait = sql("shown/moved/wait", held=self.table.held, moved=self.table.moved)
        self.connection.execute(wait, {"held": number})
        values = {"tbl": self.table.id, "held": number, "anew": anew}
        events = query.rows(self.connection, sql("shown/moved/later_events", **self.moved_one), values)
        first = next((place for place, (_, op, _) in enumerate(events) if op != PERHAPS_EVICTED), len(events))
        of_nobody = events[: first + 1] if events[first:] and events[first][1] == DELETED else events[:first]
        self._forget(of_nobody)
        if not events[first:]:
            self._learn(number, anew)
            self._remove(number)
        elif events[first][1] >= FIRST_UPDATE_OP:
            self.connection.execute(sql("shown/moved/insert_other"), (events[first][0],))

    def _learn(self, number: int, anew: int) -> None:
        """Let the row have what was written to it before its own key was inserted, as if that had been folded by itself.

        So what is overwritten unseen is known.
        """
        table, before = self.table, self._before(number, anew)
        for field in table.plain_fields:
            stamps = [(hlc, s) for _, hlc, s, op, mask in before if is_written(table, field, [(op, mask)], anew=True)]
            if not stamps:
                continue
            self._learn_value(number, field)
            t, s = naming.stamp_t(field.id), naming.stamp_s(field.id)
            stamp = sql("shown/moved/stamp", clock=table.clock, t=t, s=s, keys=table.keys, held=table.held)
            self.connection.execute(stamp, (*max(stamps), number))

    def _before(self, number: int, anew: int) -> list[tuple[int, int, int, int, int | None]]:
        """List the events of a row up to those of its own key: entry, stamp (hlc, site), kind, and what else the log says."""
        find = sql("shown/moved/events_before", keys=self.table.keys, held=self.table.held)
        return query.rows(self.connection, find, {"tbl": self.table.id, "held": number, "anew": anew})

    def _forget(self, events: Iterable[tuple[int, int, int | None]]) -> None:
        """Forget events (entry, kind, held row of a removal) that are of no row, with what they held."""
        for seq, _, removed in events:
            self.connection.execute("DELETE FROM temp._crdt_event WHERE seq = ?", (seq,))
            self.connection.execute(f"DELETE FROM {self.table.held} WHERE id = ?", (removed,))

    def _learn_value(self, number: int, field: Field) -> None:
        slots = {"held": self.table.held, "value": naming.value(field.id), "column": identifier(field.name)}
        self.connection.execute(sql("shown/moved/learn", **slots, **self._standing), (number,))

    def _stands(self, number: int) -> bool:
        """Tell whether anything stands where a row stood before the log."""
        return query.first(self.connection, sql("shown/moved/stands", **self._standing), (number,)) is not None

    @property
    def _standing(self) -> dict[str, Sql]:
        """Name what says where a row stands."""
        return {"table": self.table.quoted, "key_columns": self.table.key_columns_of("shown"), **self.moved_one}

    def _remove(self, number: int) -> None:
        table = self.table
        remove = sql("shown/moved/remove_one", **self._standing)
        with without_capture(self.connection, [table]):
            writing.remove(self.connection, table.key_columns, table.quoted, remove, (number,))

    def _stand_at_home(self, number: int) -> None:
        """Give a row in the user's table its own key."""
        table = self.table
        if query.enforces_keys(self.connection):
            raise self._stuck(number, "foreign keys are enforced")
        statement = partial(
            sql,
            "shown/moved/stand_at_home",
            settings=joined(
                Sql(f"{column} = (SELECT {key} FROM {table.held} WHERE id = :held)")
                for column, key in zip(map(identifier, table.key), table.key_names, strict=True)
            ),
            **self._standing,
        )
        values = {"held": number}
        # A foretold number in the key is not meant for people's checks, and does not stay.
        with without_capture(self.connection, [table]), writing.unchecked(self.connection):
            write = writing.prepare(self.connection, table.name, statement)
            try:
                self.connection.execute("SAVEPOINT crdt_home")
                write.execute_apart(self.connection, values)
            except (apsw.ConstraintError, apsw.MismatchError):
                self.connection.execute("ROLLBACK TO crdt_home")
                try:
                    with writing.untriggered(self.connection):
                        writing.execute(self.connection, statement(on_conflict=writing.OR_ABORT), values)
                except (apsw.ConstraintError, apsw.MismatchError) as error:
                    raise self._stuck(number, writing.said(error)) from error
            finally:
                self.connection.execute("RELEASE crdt_home")

    def _stuck(self, number: int, said: str) -> ConstraintViolationError:
        key = self._own_key(number)
        return ConstraintViolationError(
            f"row {show_key(key)} of table {self.table.name!r} is shown under another key and was written there, and can't have its "
            f"own meanwhile ({said}): nothing was folded; end your transaction, switch PRAGMA foreign_keys off, and run this again",
            self.table.name,
            said,
            [key],
        )


def is_written(table: Table, field: Field, events: Iterable[tuple[int, Any]], *, anew: bool = False) -> bool:
    """Tell whether any of some events of the log (kind, detail) is an update of a column, or an insert, which writes a row `anew`."""
    stamped = table.stamped_with(field)
    return any(
        (anew and op == INSERTED) or (op == FIRST_UPDATE_OP + stamped.word and (detail >> stamped.bit) & 1)
        for op, detail in events
    )
