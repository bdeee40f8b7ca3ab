"""Add key: give a table without a usable primary key one, so that it can be enabled.

Runs inside the caller's write transaction, with foreign keys not enforced. The key of a row that is there is computed from its
content, so that copies of one file, each given its key by itself, name equal rows alike. Whatever fails leaves the table as it was.
"""

from __future__ import annotations

import hashlib
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import apsw

from crdtsql.base import (
    EMPTY,
    CannotEnableError,
    Sql,
    SqliteValue,
    caseless,
    fragment,
    identifier,
    joined,
    naming,
    query,
    sql,
    text,
)
from crdtsql.capture import enable
from crdtsql.capture.triggers import ROWID_NAMES
from crdtsql.sqlite import Column, TableShape, schema, tablesql, usertriggers, writing

KEY_NAMES = ("id", "crdt_id", *(f"crdt_id{number}" for number in range(2, 100)))
DEFINITION = "TEXT PRIMARY KEY NOT NULL DEFAULT (lower(hex(randomblob(16))))"
COLUMNS_PER_DIGEST = 50
"""A function takes two arguments per column, and SQLite allows 127 in all."""
LEAST_NUMBER = 1 << 52
"""Integer keys are made above this, where automatic numbers do not come, and below 2^53, where they stay exact everywhere."""


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """How a table gets its key.

    Attributes:
        columns: the key's columns that are added, or filled.
        adds_column: the table is rebuilt with a new column; else NULLs are filled.
        statements: what is executed, in order.
        meaning: what a person should know before, a sentence each.
    """

    table: str
    columns: tuple[str, ...]
    adds_column: bool
    statements: list[str]
    meaning: list[str]


def plan(connection: apsw.Connection, name: str) -> KeyPlan | None:
    """Plan how a table gets a key; None if it has one, or can't have one (then `enable` says why).

    Raises:
        CannotEnableError: its key can't be made, and why.
    """
    try:
        shape = schema.read(connection, name)
    except apsw.SQLError:
        return None
    if shape is None or shape.kind != "table":
        return None
    if not shape.key:
        return _plan_column(connection, shape)
    empty = enable.null_keys(connection, shape)
    return _plan_fill(connection, shape, empty) if empty else None


def add_key(connection: apsw.Connection, name: str) -> KeyPlan | None:
    """Give a table a key if it needs one; return what was done.

    Raises:
        CannotEnableError: it can't be done; the table is as it was.
    """
    found = plan(connection, name)
    if found is None:
        return None
    with _savepoint(connection, found.table):
        before = _references(connection), usertriggers.broken(connection)
        _register_functions(connection)
        query.first(connection, "SELECT crdt_row_key(NULL)")
        for statement in found.statements:
            connection.execute(statement)
        query.first(connection, "SELECT crdt_row_key(NULL)")
        _verify(connection, found, *before)
    return found


@contextmanager
def _savepoint(connection: apsw.Connection, table: str) -> Iterator[None]:
    """Undo everything that a block did if it fails, and say so in our words."""
    try:
        with query.savepoint(connection, "crdt_add_key"):
            yield
    except (apsw.SQLError, apsw.ConstraintError, apsw.MismatchError, apsw.LockedError) as error:
        reason = str(error).removeprefix(f"{type(error).__name__}: ")
        raise CannotEnableError(
            table, f"it can't be given a key ({reason}); nothing was changed, add one by hand"
        ) from error


# -- a table without primary key ------------------------------------------------------------------


def _plan_column(connection: apsw.Connection, shape: TableShape) -> KeyPlan:
    statement = schema.definition(connection, "table", shape.name)
    key = _free_name(connection, shape)
    others = query.rows(connection, sql("capture/addkey/list_objects"), (shape.name,))
    stored = [column for column in shape.columns if not column.generated]
    moved = identifier(f"_crdt_moved_{shape.name}")
    places = [Sql(f"c{number}") for number in range(len(stored))]
    taken = {caseless(column.name) for column in shape.columns}
    rowid = next((name for name in ROWID_NAMES if name not in taken), None)
    slots = {
        "moved": moved,
        "table": identifier(shape.name),
        "columns": joined(places),
        "user_columns": joined(identifier(column.name) for column in stored),
        "rowid": Sql(f"{rowid}, ") if rowid else EMPTY,
    }
    content = _content("text", [(column.name, place) for column, place in zip(stored, places, strict=True)])
    statements = [
        sql("capture/addkey/create_moved", moved=moved, columns=slots["columns"]),
        sql("capture/addkey/move", **slots),
        f"DROP TABLE {identifier(shape.name)}",
        tablesql.split(statement).with_column(f"{identifier(key)} {DEFINITION}"),
        sql(
            "capture/addkey/put_back",
            key=identifier(key),
            content=content,
            from_rowid=Sql("rowid, ") if rowid else EMPTY,
            from_order=Sql("rowid"),
            **slots,
        ),
        f"DROP TABLE {moved}",
        *(other for (other,) in others),
    ]
    return KeyPlan(shape.name, (key,), True, statements, _meaning_of_column(shape, key))


def _free_name(connection: apsw.Connection, shape: TableShape) -> str:
    """Choose the key's name: one that neither the table has, nor anything in the schema that might then mean this column."""
    taken = {caseless(column.name) for column in shape.columns}
    for kind, name, on, statement in query.rows(
        connection, "SELECT type, name, tbl_name, sql FROM main.sqlite_schema WHERE sql IS NOT NULL"
    ):
        if naming.is_ours(name):
            continue
        named = tablesql.names(statement)
        concerns = caseless(on) == caseless(shape.name) or (
            kind in ("view", "trigger") and caseless(shape.name) in named
        )
        if concerns:
            taken |= named | ({"id"} if "natural" in named else set())
    return next(name for name in KEY_NAMES if name not in taken)


def _meaning_of_column(shape: TableShape, key: str) -> list[str]:
    table, width = shape.name, sum(not column.generated for column in shape.columns)
    return [
        (
            f"it has no primary key, so it is rebuilt in one transaction with a last column {key!r}; its rows, rowids, indexes and "
            f"triggers stay, and so do views and foreign keys that name it"
        ),
        (
            f"programs need not know of {key!r}: an INSERT that names its columns gets a random key; but SELECT * shows one column "
            f"more, and INSERT INTO {table} VALUES (...) with {width} values and no column names fails until it names them"
        ),
        (
            "rows that are there get a key made of their content, equal rows one after the other: copies of this file that do the "
            "same get the same keys for equal rows; rows that differ stay two rows"
        ),
        "the rows are copied twice, so the file grows; VACUUM makes it small again",
    ]


# -- a key with NULLs -----------------------------------------------------------------------------


def _plan_fill(connection: apsw.Connection, shape: TableShape, empty: list[Column]) -> KeyPlan:
    referring = {caseless(column) for key in schema.foreign_keys(connection, shape.name) for column in key.columns}
    for column in empty:
        if caseless(column.name) in referring:
            raise CannotEnableError(
                shape.name,
                f"its primary key column {column.name!r} is NULL in some rows and refers to another table, so no value can "
                f"be made up; give these rows one, or delete them: DELETE FROM {shape.name} WHERE {column.name} IS NULL",
            )
    content = [(column.name, identifier(column.name)) for column in shape.columns if not column.generated]
    statements = [
        sql(
            "capture/addkey/fill_null",
            on_conflict=EMPTY if schema.other_triggers(connection, shape.name) else writing.OR_ABORT,
            table=identifier(shape.name),
            key=identifier(column.name),
            content=_content("number" if column.affinity in ("INTEGER", "NUMERIC", "REAL") else "text", content),
        )
        for column in empty
    ]
    names = tuple(column.name for column in empty)
    meaning = [
        (
            f"its primary key {', '.join(names)} is NULL in some rows: these get a key made of their content, so that copies of this "
            "file that do the same get the same keys for equal rows; your triggers fire as for any UPDATE"
        ),
        "from then on a row without a key is refused",
    ]
    return KeyPlan(shape.name, names, False, statements, meaning)


# -- keys made of content -------------------------------------------------------------------------


def _content(kind: str, columns: list[tuple[str, Sql]]) -> Sql:
    """Render the arguments of crdt_row_key: `text` or `number`, and digests of the columns in the order of their names."""
    ordered = sorted(columns, key=lambda pair: caseless(pair[0]))
    digests = [text(kind)]
    for start in range(0, max(len(ordered), 1), COLUMNS_PER_DIGEST):
        values = [
            fragment("capture/addkey/value", column=place) for _, place in ordered[start : start + COLUMNS_PER_DIGEST]
        ]
        digests.append(fragment("capture/addkey/content", values=joined(values, ",\n  ")))
    return joined(digests, ",\n  ")


def _digest(*values: SqliteValue) -> bytes:
    """Hash values and their types, each told apart from its neighbours."""
    state = hashlib.blake2b(digest_size=32)
    for value, kind in zip(values[::2], values[1::2], strict=True):
        if isinstance(value, bytes):
            body = value
        elif isinstance(value, float):
            body = struct.pack(">d", value + 0.0)  # SQLite takes -0.0 for 0.0
        else:
            body = str(value).encode()
        state.update(repr((kind, len(body))).encode() + body)
    return state.digest()


def _row_keys() -> Callable[..., SqliteValue]:
    """Make the function that names rows by their content, and the second, third, .. of equal rows by their number too.

    Called with NULL it forgets which rows it has seen.
    """
    seen: set[int] = set()
    repeats: Counter[int] = Counter()

    def row_key(kind: SqliteValue, *digests: SqliteValue) -> SqliteValue:
        if kind is None:
            seen.clear()
            repeats.clear()
            return None
        content = b"".join(part for part in digests if isinstance(part, bytes))
        short = int.from_bytes(hashlib.blake2b(content, digest_size=8).digest())
        if short in seen:
            repeats[short] += 1
            content += repeats[short].to_bytes(8)
        seen.add(short)
        made = hashlib.blake2b(content, digest_size=16).digest()
        return LEAST_NUMBER + (int.from_bytes(made[:8]) >> 13) if kind == "number" else made.hex()

    return row_key


def _register_functions(connection: apsw.Connection) -> None:
    """Give a connection the functions with which keys are made, unless it has them."""
    if query.exists(connection, "pragma_function_list", "name = 'crdt_row_key'"):
        return
    connection.create_scalar_function("crdt_digest", _digest, -1)
    connection.create_scalar_function("crdt_row_key", _row_keys(), -1)


# -- the check afterwards -------------------------------------------------------------------------


def _references(connection: apsw.Connection) -> Counter[tuple[SqliteValue, ...]] | str:
    """Count the rows that violate a foreign key, by child, parent and key."""
    try:
        rows = query.rows(connection, "PRAGMA main.foreign_key_check")
    except apsw.SQLError as error:
        return str(error)
    return Counter((child, parent, number) for child, _, parent, number in rows)


def _verify(
    connection: apsw.Connection,
    found: KeyPlan,
    references: Counter[tuple[SqliteValue, ...]] | str,
    broken: dict[str, str],
) -> None:
    shape = enable.check(connection, found.table)
    if found.adds_column and tuple(column.name for column in shape.key) != found.columns:
        raise CannotEnableError(found.table, "its CREATE statement could not be given a key; add one by hand")
    if _references(connection) != references:
        raise CannotEnableError(
            found.table, "foreign keys that refer to it would be broken by a rebuild; add a key by hand"
        )
    for what, message in usertriggers.broken(connection).items():
        if what not in broken:
            raise CannotEnableError(
                found.table,
                f"with one column more, {what} would no longer work ({message}): have it name its columns, then run this again",
            )
