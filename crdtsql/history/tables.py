"""Tables: what a history is stored in, an ordinary replicated table of its own for each table that has one (decision 0051).

Its columns are called after the uids of the table's columns, so that a history says the same on all replicas, whatever they call
these. Rows are only added. Knows what such a table has, and nothing of what stands in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import apsw

from crdtsql.base import Sql, SqliteValue, caseless, identifier, joined, naming, sql, text
from crdtsql.sqlite import TableShape, schema
from crdtsql.store import Field, Registry, Table

BEFORE, INSERTED, DELETED, UPDATED, TRIMMED = 0, 1, 2, 4, 9
"""What an entry says: how the row was before the history knew of it, what was done to it; of no row: earlier ones were taken out."""
ANEW = 10
"""What is added to that of a write which a replica made once more as it rejoined: nobody has it as it was at first."""
KEY, SAID = ("at", "site", "op"), ("columns", "seen", "since", "actor", "session", "run", "note")
"""The columns that a history has whatever its table has: those of its key, and the others."""
OWN_COLUMNS = len(KEY) + len(SAID)
"""How many columns a history has beside those of its table."""


def of(registry: Registry, table: Table) -> Table | None:
    """Return the table with the history of a table, None if this file has none; what is only called like one is none."""
    found = registry.find(table.history_name)
    if found is None or found.absent or found.key != KEY:
        return None
    present = {field.name for field in found.fields}
    return found if present.issuperset((*SAID, *map(naming.kept_key, table.key_uids))) else None


def base_of(registry: Registry, history: Table) -> Table | None:
    """Return the table whose history a table has, None if it is not in this file."""
    found = registry.find_uid(naming.with_history(history.uid)) if history.is_history else None
    return None if found is None or found.absent else found


def create_statements(table: Table, shape: TableShape) -> list[str]:
    """Write the statements that create an empty history of a table."""
    keys = [identifier(naming.kept_key(uid)) for uid in table.key_uids]
    definitions = [
        Sql(f"{name} {column.affinity} COLLATE {column.collation}")
        for name, column in zip(keys, shape.key, strict=True)
    ]
    slots = {"history": identifier(table.history_name)}
    return [
        sql(
            "history/tables/create",
            keys=joined((Sql(f"\n  {one},") for one in definitions), ""),
            values=joined(
                (Sql(f"\n  {identifier(name)},") for field in table.fields for name in columns_of(field)), ""
            ),
            **slots,
        ),
        sql(
            "history/tables/create_index",
            index=index(table),
            keys=joined(keys),
            **slots,
        ),
    ]


def index(table: Table) -> Sql:
    """Return the name of the index of a table's history."""
    return identifier(f"{table.history_name}_row")


def columns_of(field: Field) -> list[str]:
    """List what a history has for a column: its value, and of a typed one what it was before."""
    before = [] if field.type == "lww" else [naming.kept_before(field.uid)]
    return [naming.kept_value(field.uid), *before]


def lacking(registry: Registry, table: Table) -> list[str]:
    """List the columns that a table's history lacks; none if there is no history."""
    history = of(registry, table)
    if history is None:
        return []
    present = {field.name for field in history.fields}
    return [name for field in table.fields for name in columns_of(field) if name not in present]


def keys(table: Table, alias: str) -> Sql:
    """Return the key's columns in the history."""
    return joined(Sql(f"{alias}.{identifier(naming.kept_key(uid))}") for uid in table.key_uids)


def key_is(table: Table, alias: str, other: str) -> Sql:
    """Compare the key of an entry with that of a table of ours."""
    pairs = zip(table.key_uids, table.key_names, strict=True)
    return joined((Sql(f"{alias}.{identifier(naming.kept_key(uid))} = {other}.{key}") for uid, key in pairs), " AND ")


def entry_is_shown(table: Table) -> Sql:
    """Compare the key of an `entry` with that of a row that the table shows, `shown`."""
    pairs = zip(table.key_uids, table.key, strict=True)
    same = (Sql(f"entry.{identifier(naming.kept_key(uid))} = shown.{identifier(name)}") for uid, name in pairs)
    return joined(same, " AND ")


def kept(history: Table, fields: tuple[Field, ...]) -> list[Field]:
    """Return those of a table's columns that its history has."""
    present = {field.name for field in history.fields}
    return [field for field in fields if naming.kept_value(field.uid) in present]


def listed(fields: list[Field]) -> Sql:
    """Write the uids of columns as a JSON array."""
    return text(json.dumps([field.uid for field in fields], ensure_ascii=False))


def same_key(connection: apsw.Connection, table: Table) -> Callable[[tuple[SqliteValue, ...]], tuple[SqliteValue, ...]]:
    """Return what makes keys of one row equal in Python, which knows no collations."""
    shape = schema.read(connection, table.place)
    collations = [column.collation for column in shape.key] if shape is not None else ["BINARY"] * len(table.key)

    def same(key: tuple[SqliteValue, ...]) -> tuple[SqliteValue, ...]:
        return tuple(_folded(part, collation) for part, collation in zip(key, collations, strict=True))

    return same


def _folded(part: SqliteValue, collation: str) -> SqliteValue:
    if not isinstance(part, str) or collation == "BINARY":
        return part
    return caseless(part) if collation == "NOCASE" else part.rstrip(" ")
