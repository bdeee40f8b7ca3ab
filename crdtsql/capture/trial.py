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


def refusal_of_followers(connection: apsw.Connection, shape: TableShape) -> str | None:
    """Say why references to a table could not follow its rows to other numbers, None if they can."""
    for name, columns in _referring(connection, shape.name).items():
        settings = joined(Sql(f"{identifier(column)} = {identifier(column)}") for column in columns)
        reason = _refusal(connection, name, [f"UPDATE {identifier(name)} SET {settings}"])
        if reason is not None:
            return (
                f"rows may get other numbers, and {name}, which refers to them, could not follow: {reason}; "
                "with the identity key rows keep their numbers"
            )
    return None


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


def _referring(connection: apsw.Connection, table: str) -> dict[str, list[str]]:
    """Return the columns that refer to a table, or to a table that refers to it, and so on."""
    keys = {name: schema.foreign_keys(connection, name) for name in schema.tables_with_foreign_keys(connection)}
    found: dict[str, list[str]] = {}
    reached = {caseless(table)}
    while True:
        new = {
            name: [column for key in declared if caseless(key.parent) in reached for column in key.columns]
            for name, declared in keys.items()
            if name not in found and not naming.is_ours(name)
        }
        new = {name: columns for name, columns in new.items() if columns}
        if not new:
            return found
        found |= new
        reached |= {caseless(name) for name in new}
