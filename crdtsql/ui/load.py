"""SQL functions: everything that can be done with a replica, on an apsw connection, from SQL.

    crdt_enable(table)      make a table replicated; returns its name
    crdt_enable(table, options)
                            with options as JSON: {"columns": {"votes": "counter"}, "rows": "delete-wins", "granularity": "row",
                            "identity": "key", "add_key": true, "if_needed": true}
    crdt_type(table, column, type)
                            give a column another type; returns 1 if it had another one before
    crdt_rows(table, policy)
                            give a table another row policy; returns how many rows went or came back
    crdt_blame(table, key...)
                            who wrote each cell of a row, and when, as JSON
    crdt_disable(table)     take everything of ours off it
    crdt_site()             the local site's id, as hex
    crdt_vector()           the version vector, as JSON
    crdt_export(vector)     a changeset (BLOB) for a receiver with this vector; NULL for everything
    crdt_import(changeset)  merge a changeset; returns the report as JSON
    crdt_resolve(id, take)  resolve a conflict of the view crdt_conflicts with the value 'ours' or 'theirs'; returns its id
    crdt_resolve(id, 'value', value)
                            resolve it with any other value
    crdt_resolve_all(take)  resolve all open conflicts so, in one go; returns the report as JSON
    crdt_resolve_all(take, options)
                            those that fit the options, as JSON: {"table": "task", "column": "title", "site": "7f..."}
    crdt_undelete(table, key...)
    crdt_purge(table, key...)
                            bring a deleted row back; returns the table's name
    crdt_changes(since)     table-valued: one row per cell that crdt_export(since) would carry, with the columns
                            "table", "key", "column", value, hlc, time, site, deleted

They work inside a transaction of the caller's too, and are then part of it. Only statements of the caller's can call them, never a
view, trigger, CHECK, DEFAULT, generated column or index of the file: who sends a file does not get to run them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import apsw

from crdtsql.base import DatabaseError, SqliteValue, UsageError, dumps, parse_vector, vector_to_json
from crdtsql.export import Change
from crdtsql.replica import Replica, verb


def load(connection: apsw.Connection) -> Replica:
    """Register the SQL functions on a connection; return the replica that they work on.

    Raises:
        DatabaseError: the file was copied, and taking a new site id failed; or its schema calls one of the functions.
    """
    from apsw.ext import make_virtual_module

    replica = Replica.on(connection)

    def enable(table: SqliteValue, options: SqliteValue = None) -> str:
        name = _text(table, "crdt_enable")
        return (replica.enable(name, **_options(options)) or [name])[0]

    def disable(table: SqliteValue) -> str:
        replica.disable(_text(table, "crdt_disable"))
        return str(table)

    def site() -> str:
        return replica.site

    def vector() -> str:
        return dumps(vector_to_json(replica.vector()), None)

    def export(since: SqliteValue = None) -> bytes:
        return replica.export(_vector(since, "crdt_export"))

    def import_(data: SqliteValue) -> str:
        if not isinstance(data, bytes):
            raise UsageError("crdt_import(changeset) takes a BLOB")
        return dumps(replica.merge(data).to_json(), None)

    functions: dict[str, tuple[Callable[..., SqliteValue], int]] = {
        "crdt_enable": (enable, -1),
        "crdt_type": (_type(replica), 3),
        "crdt_rows": (_rows(replica), 2),
        "crdt_blame": (_blame(replica), -1),
        "crdt_disable": (disable, 1),
        "crdt_site": (site, 0),
        "crdt_vector": (vector, 0),
        "crdt_export": (export, 1),
        "crdt_import": (import_, 1),
        "crdt_resolve": (_resolve(replica), -1),
        "crdt_resolve_all": (_resolve_all(replica), -1),
        "crdt_undelete": (_undelete(replica), -1),
        "crdt_purge": (_purge(replica), -1),
    }
    for name, (function, arguments) in functions.items():
        connection.create_scalar_function(name, function, arguments, flags=apsw.SQLITE_DIRECTONLY)
    make_virtual_module(_DirectOnly(connection), "crdt_changes", _changes_table(replica))  # type: ignore[arg-type]
    _refuse_callers_in_the_file(replica, connection)
    return replica


@verb
def _refuse_callers_in_the_file(replica: Replica, connection: apsw.Connection) -> None:
    """Have SQLite read the schema anew: what it read before the functions were there may call them (docs/SQLITE_FACTS.md, 23)."""
    try:
        connection.execute("PRAGMA writable_schema = RESET; SELECT 1 FROM sqlite_schema").fetchall()
    except apsw.CorruptError as error:
        what = str(error).removeprefix("CorruptError: ")
        raise DatabaseError(
            f"{replica.path}: {what}: a CHECK, a generated column or an index of this file calls a "
            "function that only programs may call; was the file sent by somebody? Drop that table with sqlite3, or use another file"
        ) from error


class _DirectOnly:
    """A connection that makes virtual tables which views and triggers can't use."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection

    def create_module(self, name: str, module: Any, **options: Any) -> None:
        """Register a module."""
        create = module.Create

        def connect(connection: apsw.Connection, *arguments: Any) -> Any:
            connection.vtab_config(apsw.SQLITE_VTAB_DIRECTONLY)
            return create(connection, *arguments)

        module.Create = module.Connect = connect
        self.connection.create_module(name, module, **options)


def _json_object(given: SqliteValue) -> dict[str, Any] | None:
    """Read options that are given as JSON, {} for NULL; return None if they are none."""
    try:
        found = {} if given is None else json.loads(given) if isinstance(given, str) else None
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else None


def _options(given: SqliteValue) -> dict[str, Any]:
    """Read the options of crdt_enable."""
    found = _json_object(given)
    names = {name: name for name in ("rows", "granularity", "identity", "add_key", "if_needed")} | {"columns": "types"}
    if found is None or found.keys() - names.keys():
        raise UsageError(f"crdt_enable(table, options) takes a JSON object with {', '.join(names)}")
    columns = found.get("columns", {})
    if not isinstance(columns, dict) or not all(isinstance(kind, str) for kind in columns.values()):
        raise UsageError("crdt_enable(table, options): columns is an object of column: type")
    for name in ("add_key", "if_needed"):
        if not isinstance(found.get(name, False), bool):
            raise UsageError(f"crdt_enable(table, options): {name} is true or false")
    return {names[name]: value for name, value in found.items()}


def _type(replica: Replica) -> Callable[..., SqliteValue]:
    def type_(table: SqliteValue, column: SqliteValue, kind: SqliteValue) -> int:
        return int(replica.set_type(*(_text(name, "crdt_type") for name in (table, column, kind))))

    return type_


def _blame(replica: Replica) -> Callable[..., SqliteValue]:
    def blame(table: SqliteValue, *key: SqliteValue) -> str:
        return dumps([cell.to_json() for cell in replica.blame(_text(table, "crdt_blame"), *key)])

    return blame


def _rows(replica: Replica) -> Callable[..., SqliteValue]:
    def rows(table: SqliteValue, policy: SqliteValue) -> int:
        report = replica.set_rows(_text(table, "crdt_rows"), _text(policy, "crdt_rows"))
        return report.deleted + report.revived

    return rows


def _resolve(replica: Replica) -> Callable[..., SqliteValue]:
    def resolve(number: SqliteValue, take: SqliteValue, *value: SqliteValue) -> int:
        if not isinstance(number, int) or len(value) > 1:
            raise UsageError("crdt_resolve(id, take) takes the number of a conflict, and what to take")
        if value and take == "value":
            return replica.resolve(number, value=value[0]).id
        if value or take not in ("ours", "theirs"):
            raise UsageError("crdt_resolve(id, take) takes 'ours' or 'theirs', or 'value' and then the value")
        return replica.resolve(number, "ours" if take == "ours" else "theirs").id

    return resolve


def _resolve_all(replica: Replica) -> Callable[..., SqliteValue]:
    def resolve_all(*arguments: SqliteValue) -> str:
        take, options = (*arguments, None, None)[:2]
        if len(arguments) not in (1, 2) or take not in ("ours", "theirs"):
            raise UsageError("crdt_resolve_all(take) and crdt_resolve_all(take, options) take 'ours' or 'theirs'")
        chosen = _json_object(options)
        names = ("table", "column", "site")
        if chosen is None or chosen.keys() - {*names} or not all(isinstance(name, str) for name in chosen.values()):
            raise UsageError(f"crdt_resolve_all(take, options) takes a JSON object of strings with {', '.join(names)}")
        return dumps(replica.resolve_all("ours" if take == "ours" else "theirs", **chosen).to_json(), None)

    return resolve_all


def _undelete(replica: Replica) -> Callable[..., SqliteValue]:
    def undelete(*names: SqliteValue) -> str:
        table = _text(names[0] if names else None, "crdt_undelete")
        replica.undelete(table, *names[1:])
        return table

    return undelete


def _purge(replica: Replica) -> Callable[..., SqliteValue]:
    def purge(*names: SqliteValue) -> str:
        table = _text(names[0] if names else None, "crdt_purge")
        return dumps(replica.purge(table, [names[1:]]).to_json(), None)

    return purge


def _changes_table(replica: Replica) -> Any:
    from apsw.ext import VTColumnAccess

    def crdt_changes(since: SqliteValue = None) -> Iterator[Change]:
        yield from replica.changes(_vector(since, "crdt_changes"))

    crdt_changes.columns = Change._fields  # type: ignore[attr-defined]
    crdt_changes.column_access = VTColumnAccess.By_Index  # type: ignore[attr-defined]
    return crdt_changes


def _text(value: SqliteValue, function: str) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{function}(table) takes the name of a table as text")
    return value


def _vector(value: SqliteValue, function: str) -> dict[str, int] | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise UsageError(f"{function}(vector) takes a version vector as JSON text, or NULL")
    return parse_vector(value)
