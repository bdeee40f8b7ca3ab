"""The catalogue: the replicated tables as they are registered, read in three statements however many there are."""

from __future__ import annotations

import json
from functools import lru_cache, partial
from typing import Any
from weakref import ref

import apsw

from crdtsql.base import (
    Declared,
    OldNumbers,
    Sql,
    SqliteValue,
    caseless,
    is_ours,
    joined,
    memory,
    policy,
    query,
    sql,
    suggest,
)
from crdtsql.store.tables import Fact, Field, Table

READ: tuple[Fact, ...] = (
    "absent",
    "unsure",
    "places",
    "rests",
    "history",
    "parked",
    "unique",
    "references",
    "old_numbers",
)
"""The facts that a table is made of."""


class Registered:
    """The replicated tables.

    Attributes:
        tables: all of them, by name.
        by_name, by_uid, by_id: the same by caseless name, by uid and by id.
        plain: identity -> uids of the tables that have it, and are as usual otherwise.
        unusual: the others.
        absent: those that are not in this file.
        changed_since: statements that find those of which clocks changed in a batch, or later (`query.asking`).
        histories: those that have the history of another one.
        recorded: those of which all that is written is kept.
        numbered: those of which the key is only a number under which a row is shown.
    """

    def __init__(self, tables: list[Table]) -> None:
        self.tables = tables
        self.by_name = {caseless(table.name): table for table in tables}
        self.by_uid = {table.uid: table for table in tables}
        self.unusual = [table for table in tables if not table.is_plain]
        self.by_id = {table.id: table for table in tables}
        self.absent = [table for table in tables if table.absent]
        self.changed_since = query.asking([(table.id, table.clock) for table in tables], "seq >= :start")
        self.histories = [table for table in tables if table.is_history]
        self.recorded = [table for table in tables if table.history is not None and not table.absent]
        self.numbered = [table for table in tables if table.is_numbered]
        plain = [table for table in tables if table.is_plain]
        self.plain = {name: frozenset(one.uid for one in plain if one.identity == name) for name in policy.IDENTITIES}


class _Catalogue:
    """What was read of the registration: all tables, or those that were asked for by name. It must not keep the connection."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = ref(connection)
        self._every: Registered | None = None
        self._found: dict[str, Table | None] = {}

    def every(self) -> Registered:
        """Return all tables."""
        connection = self._connection()
        if connection is None:
            return Registered([])
        if self._every is None:
            self._every = _read_every(connection)
        return self._every

    def find(self, name: str) -> Table | None:
        """Return the table of a caseless name; while many are changed one by one, only that one is read."""
        connection = self._connection()
        if connection is None or self._every is not None:
            return self.every().by_name.get(name)
        if name not in self._found:
            self._found[name] = next(iter(_read(connection, name)), None)
        return self._found[name]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Catalogue) and self.every().tables == other.every().tables

    __hash__ = None  # type: ignore[assignment]


def _catalogue(connection: apsw.Connection) -> _Catalogue:
    return memory.of_transaction(connection, "catalogue", partial(_Catalogue, connection))


def read(connection: apsw.Connection) -> list[Table]:
    """Read all tables by name."""
    return [*registered(connection).tables]


def registered(connection: apsw.Connection) -> Registered:
    """Read all tables; what is returned is not to be changed."""
    return _catalogue(connection).every()


def find(connection: apsw.Connection, name: str) -> Table | None:
    """Read the table of a name, None if there is none."""
    return _catalogue(connection).find(caseless(name))


def find_uid(connection: apsw.Connection, uid: str) -> Table | None:
    """Read the table with a uid, None if there is none."""
    return registered(connection).by_uid.get(uid)


def changed(connection: apsw.Connection) -> None:
    """Have the tables read anew: whoever changes what is registered of a table says so."""
    memory.forget_row(connection, "catalogue")


def _read_every(connection: apsw.Connection) -> Registered:
    answer = _ask(connection, None)
    return memory.of_answer(connection, "catalogue", answer, lambda: Registered(_tables(*answer)))


def _read(connection: apsw.Connection, name: str) -> list[Table]:
    return _tables(*_ask(connection, name))


def _ask(connection: apsw.Connection, name: str | None) -> tuple[str, str, str]:
    """Return the rows of the tables, of their columns, and of the facts about them, as JSON; of one table if a name is given."""
    (tables,) = query.first(connection, sql("store/catalogue/list_tables"), {"name": name})
    only = None if name is None else next((row[0] for row in json.loads(tables)), None)
    (columns,) = query.first(connection, sql("store/catalogue/list_columns"), {"tbl": only})
    (facts,) = query.first(connection, _list_facts(only))
    return tables, columns, facts


def _tables(*answer: str) -> list[Table]:
    tables, all_columns, all_facts = map(json.loads, answer)
    columns: dict[int, list[tuple[Any, ...]]] = {}
    for number, *column in all_columns:
        columns.setdefault(number, []).append(tuple(column))
    facts = dict(all_facts)
    return [
        _table(tuple(row), tuple(columns.get(row[0], ())), *(facts.get(f"{word}:{row[0]}") for word in READ))
        for row in tables
    ]


@lru_cache(maxsize=1024)
def _list_facts(number: int | None) -> str:
    """Write the statement that reads what tables are made of, or the one with a number."""
    which = [Sql(f"name GLOB '{word}:*'" if number is None else f"name = '{word}:{number}'") for word in READ]
    return sql("store/catalogue/list_facts", about_a_table=joined(which, " OR "))


@lru_cache(maxsize=1024)
def _table(
    row: tuple[Any, ...],
    columns: tuple[tuple[Any, ...], ...],
    absent: SqliteValue,
    unsure: SqliteValue,
    places: SqliteValue,
    rests: SqliteValue,
    history: SqliteValue,
    *lists: SqliteValue,
) -> Table:
    """Make a table of its registration, its columns (id, name, type, uid, since) by id, and facts: the same as before of the same."""
    number, name, genesis_t, genesis_s, bulk, rows, granularity, identity, uid = row
    key = [column for column in reversed(columns) if column[0] < 0]
    parked, unique, references, old = (json.loads(str(found or "[]")) for found in lists)
    return Table(
        id=number,
        name=name,
        key=tuple(column for _, column, *_ in key),
        fields=tuple(
            Field(id_, column, kind, uid, since == 1) for id_, column, kind, uid, since in columns if id_ >= 0
        ),
        genesis=None if genesis_t is None or genesis_s is None else (genesis_t, genesis_s),
        bulk=bulk,
        rows=rows,
        granularity=granularity,
        identity=identity,
        uid=uid,
        key_uids=tuple(uid for _, _, _, uid, _ in key),
        parked=tuple(Field(*column) for column in parked),
        absent=absent is not None,
        places=places is not None,
        rests=rests is not None,
        unique={tuple(uids): found for uids, found in unique},
        history=history if isinstance(history, int) and history >= 0 else None,
        unsure=unsure if isinstance(unsure, int) else None,
        references=tuple(Declared(tuple(own), parent, tuple(targets)) for own, parent, targets in references),
        old_numbers=tuple(OldNumbers(t, s, tuple((first, last) for first, last in ranges)) for t, s, ranges in old),
    )


def not_replicated(connection: apsw.Connection, path: str, name: str, *, wanted: bool = True) -> str:
    """Say of a name that it is not that of a replicated table, and what to do if that is `wanted`."""
    from crdtsql.sqlite import schema

    kinds = {caseless(known): (known, kind) for known, kind in schema.user_tables(connection)}
    spelled, kind = kinds.get(caseless(name), (name, None))
    if kind == "table" and not wanted:
        return f"table {spelled!r} is not replicated: nothing of crdtsql is on it"
    if kind == "table":
        return f"table {spelled!r} is not replicated: run {suggest.command('enable', path, spelled)} first"
    if is_ours(name) or caseless(name).startswith("sqlite_"):
        return f"table {name!r} is not replicated: it is none of yours, crdtsql or SQLite keeps it"
    if kind is not None:
        kind += " table" if kind in ("virtual", "shadow") else ""
        return f"{spelled!r} is a {kind}, and only tables can be replicated"
    known = suggest.instead(name, [table.name for table in read(connection)], "replicated tables")
    return f"table {name!r} is not replicated, and {path} has none of that name; {known}"
