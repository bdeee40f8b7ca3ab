"""User triggers: which tables the user's own triggers write to, and whether triggers and views still compile.

SQLite's authorizer says it, which is told while a statement compiles what it will do and on behalf of which trigger; nothing
is read out of the text of triggers, and nothing is executed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import apsw

from crdtsql.base import Sql, caseless, identifier, joined, naming, query
from crdtsql.sqlite import indexsql

_WRITES = (apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE)


@dataclass(frozen=True, slots=True)
class UserTrigger:
    """A trigger of the user's: the table or view that it is on, and what it writes: lower-case table -> lower-case columns updated."""

    name: str
    on: str
    statement: str
    writes: dict[str, set[str]] = field(default_factory=dict)


def writes_of(connection: apsw.Connection, statements: Sequence[str]) -> dict[str, dict[str, set[str]]]:
    """Return the triggers that statements can fire: trigger -> lower-case table that it writes -> columns that it updates.

    Triggers that triggers fire are included, each with what it writes itself.
    """
    found: dict[str, dict[str, set[str]]] = {}

    def authorize(action: int, first: str | None, second: str | None, _database: str | None, by: str | None) -> int:
        if action in _WRITES and by and first:
            columns = found.setdefault(by, {}).setdefault(caseless(first), set())
            columns |= {caseless(second)} if second else set()
        return apsw.SQLITE_OK

    before = connection.authorizer
    connection.authorizer = authorize
    try:
        for statement in statements:
            _compile(connection, statement)
    finally:
        connection.authorizer = before
    return found


def aborting(statement: str) -> str | None:
    """Return a CREATE TRIGGER statement that aborts where it would roll back: with RAISE(ABORT, ..), OR ABORT; None if it does not.

    >>> aborting("CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT raise(rollback, 'rollback'); END")
    "CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT raise(ABORT, 'rollback'); END"
    >>> aborting("CREATE TRIGGER x AFTER INSERT ON t BEGIN UPDATE OR ROLLBACK u SET rollback = 1; END")
    'CREATE TRIGGER x AFTER INSERT ON t BEGIN UPDATE OR ABORT u SET rollback = 1; END'
    """
    pieces = indexsql.tokens(statement)
    words = [number for number, piece in enumerate(pieces) if piece != " "]
    for before, opening, here in zip(words, words[1:], words[2:], strict=False):
        three = [pieces[n].upper() for n in (before, opening, here)]
        if three == ["RAISE", "(", "ROLLBACK"] or three[1:] == ["OR", "ROLLBACK"]:
            pieces[here] = "ABORT"
    changed = "".join(pieces)
    return None if changed == "".join(indexsql.tokens(statement)) else changed


def statements(table: str, columns: Sequence[str]) -> list[str]:
    """Return an INSERT, a DELETE and an UPDATE of all given columns, that together fire every trigger of a table or view."""
    quoted = identifier(table)
    settings = joined(Sql(f"{identifier(name)} = {identifier(name)}") for name in columns)
    return [
        f"INSERT INTO {quoted} DEFAULT VALUES",
        f"DELETE FROM {quoted}",
        *([f"UPDATE {quoted} SET {settings}"] if columns else []),
    ]


def of_file(connection: apsw.Connection) -> list[UserTrigger]:
    """List all triggers of the user's. One that doesn't compile writes nothing."""
    found = {
        name: UserTrigger(name, table, statement)
        for name, table, statement in query.rows(
            connection, "SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name"
        )
        if not naming.is_ours(name)
    }
    for table in dict.fromkeys(trigger.on for trigger in found.values()):
        for statement in statements(table, _columns(connection, table)):
            try:
                written = writes_of(connection, [statement])
            except apsw.SQLError:
                continue
            for name in written.keys() & found.keys():
                for target, columns in written[name].items():
                    found[name].writes.setdefault(target, set()).update(columns)
    return list(found.values())


def broken(connection: apsw.Connection) -> dict[str, str]:
    """Return what doesn't compile: `view v`, or `trigger of t`, with SQLite's words."""
    found = {}
    for what, statement in _compiled(connection):
        try:
            _compile(connection, statement)
        except apsw.SQLError as error:
            message = str(error).removeprefix("SQLError: ")
            if not message.startswith("cannot modify"):  # a view that takes no such writes
                found[what] = message
    return found


def _compile(connection: apsw.Connection, statement: str) -> None:
    """Compile a statement afresh: EXPLAIN of one that was kept from before would not see that the schema has changed."""
    connection.execute(f"EXPLAIN {statement}", can_cache=False).fetchall()


def _compiled(connection: apsw.Connection) -> Iterator[tuple[str, str]]:
    for (view,) in query.rows(connection, "SELECT name FROM sqlite_schema WHERE type = 'view'"):
        yield f"view {view}", f"SELECT 1 FROM {identifier(view)}"
    for (table,) in query.rows(connection, "SELECT DISTINCT tbl_name FROM sqlite_schema WHERE type = 'trigger'"):
        for statement in statements(table, _columns(connection, table)):
            yield f"trigger of {table}", statement


def _columns(connection: apsw.Connection, table: str) -> list[str]:
    """Return the columns of a table or view that can be written."""
    try:
        rows = query.rows(
            connection, "SELECT name FROM pragma_table_xinfo(?, 'main') WHERE hidden = 0 ORDER BY cid", (table,)
        )
    except apsw.SQLError:
        return []
    return [name for (name,) in rows]
