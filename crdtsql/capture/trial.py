"""Trial: would SQLite run here every statement with which a merge writes a table?

A column, CHECK, index or trigger may call a function, or compare by a collation, that only the application has; or name what is
not there any more. Then nobody else can write the table, and a merge would fail half-way. SQLite says so while it compiles a
statement, with all triggers that it fires; nothing is executed. Only reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import apsw

from crdtsql.base import Sql, caseless, identifier, joined, naming, query, sql
from crdtsql.sqlite import TableShape, schema, tablesql, usertriggers

_MISSING = re.compile(r"(?:no such|unknown) (function|collation sequence|table|column): (?:main\.)?(.*?)(?:\(\))?$")
_ONLY_PROGRAMS_HAVE = {"function": ("calls", "a function"), "collation sequence": ("compares by", "a collation")}


def refusal(connection: apsw.Connection, shape: TableShape) -> str | None:
    """Say why no merge could write a table here, None if one can."""
    columns = [column.name for column in shape.columns if not column.generated]
    listed = joined(identifier(name) for name in columns)
    table = identifier(shape.name)
    insert = sql("capture/trial/insert_itself", table=table, columns=listed)
    return _refusal(connection, shape.name, [insert, *usertriggers.statements(shape.name, columns)])


class Followers:
    """Which tables refer to which, and whether references could follow the rows that they refer to; asked while the schema stays."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._children: dict[str, dict[str, list[str]]] | None = None
        self._refused: dict[tuple[str, tuple[str, ...]], str | None] = {}

    def refusal(self, table: str) -> str | None:
        """Say why references to a table, or to a table that refers to it, and so on, could not follow, None if they can."""
        for name, columns in self._referring(table).items():
            reason = self._refusal_of((name, tuple(columns)))
            if reason is not None:
                return (
                    f"rows may get other numbers, and {name}, which refers to them, could not follow: {reason}; "
                    "with the identity key rows keep their numbers"
                )
        return None

    def _refusal_of(self, one: tuple[str, tuple[str, ...]]) -> str | None:
        if one not in self._refused:
            name, columns = one
            settings = joined(Sql(f"{identifier(column)} = {identifier(column)}") for column in columns)
            self._refused[one] = _refusal(self._connection, name, [f"UPDATE {identifier(name)} SET {settings}"])
        return self._refused[one]

    def _referring(self, table: str) -> dict[str, list[str]]:
        """Return the columns that refer to a table, or to a table that refers to it, and so on; nearest first."""
        if self._children is None:
            self._children = _children(self._connection)
        found: dict[str, list[str]] = {}
        reached, newest = {caseless(table)}, [caseless(table)]
        while newest:
            new: dict[str, list[str]] = {}
            for parent in newest:
                for name, columns in self._children.get(parent, {}).items():
                    if name not in found:
                        new.setdefault(name, []).extend(columns)
            found |= dict(sorted(new.items()))
            newest = [name for name in map(caseless, new) if name not in reached]
            reached.update(newest)
        return found


def _children(connection: apsw.Connection) -> dict[str, dict[str, list[str]]]:
    """Return the tables with foreign keys: lower-case parent -> table -> columns that refer to it."""
    found: dict[str, dict[str, list[str]]] = {}
    for name in schema.tables_with_foreign_keys(connection):
        for key in () if naming.is_ours(name) else schema.foreign_keys(connection, name):
            found.setdefault(caseless(key.parent), {}).setdefault(name, []).extend(key.columns)
    return found


def _refusal(connection: apsw.Connection, table: str, statements: list[str]) -> str | None:
    for statement in statements:
        try:
            query.compile_only(connection, statement)
        except apsw.SQLError as error:
            return _explain(connection, table, str(error).removeprefix("SQLError: "))
    return None


def _explain(connection: apsw.Connection, table: str, message: str) -> str:
    """Say in our words what SQLite says, and in which trigger, index, view or table the name stands."""
    found = _MISSING.search(message)
    named = found and ", ".join(sorted(_naming(connection, table, found[2])))
    if not found or not named:
        return f"no merge could write it: {message}"
    if found[1] not in _ONLY_PROGRAMS_HAVE:
        return f"no merge could write it: {message}, which {named} names"
    verb, kind = _ONLY_PROGRAMS_HAVE[found[1]]
    return f"{named} {verb} {found[2]}, {kind} that only the program that defines it has, so no merge could write it"


def _naming(connection: apsw.Connection, table: str, name: str) -> Iterator[str]:
    """Yield the objects that have a name in their statement, among those that a write of a table can reach."""
    reached, waiting = set[str](), {caseless(table)}
    found = [
        (f"{kind} {called}", {caseless(called), caseless(on)} if kind != "view" else {caseless(called)}, tablesql.names(statement))
        for kind, called, on, statement in query.rows(
            connection, "SELECT type, name, tbl_name, sql FROM main.sqlite_schema WHERE sql IS NOT NULL"
        )
        if not naming.is_ours(called)
    ]  # fmt: skip
    every = set().union(*(names for _, names, _ in found))
    while waiting:
        reached |= waiting
        waiting = set().union(*(words & every for _, names, words in found if names & reached)) - reached
    yield from (what for what, names, words in found if names & reached and caseless(name) in words)
