"""Enable and disable: make a user's table a replicated one, and take everything off again.

Enabling looks at no row but to find NULL keys, so it takes the same time for ten rows and for ten million: rows that are
there already become the table's genesis and need no clock rows. Both run inside the caller's write transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import apsw

from crdtsql.base import (
    CannotEnableError,
    NotEnabledError,
    Now,
    Sql,
    UsageError,
    caseless,
    clock,
    identifier,
    naming,
    policy,
    query,
    suggest,
)
from crdtsql.capture import placing, shadows, trial, triggers, views
from crdtsql.sqlite import Column, TableShape, schema
from crdtsql.store import Registry, Table, catalogue
from crdtsql.types import columntype

BUILT_IN_COLLATIONS = ("BINARY", "NOCASE", "RTRIM")
MAXIMUM_COLUMNS = 600
"""A changeset has three columns per value column, and SQLite allows 2,000 columns."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a table that can be replicated will be."""

    shape: TableShape
    types: Mapping[str, str]
    rows: str
    granularity: str
    identity: str


def enable(
    registry: Registry,
    name: str,
    now: Now,
    types: Mapping[str, str] | None = None,
    rows: str = policy.ADD_WINS,
    granularity: str = policy.BY_COLUMN,
    identity: str | None = None,
) -> Table:
    """Make one table replicated; what was begun when this raises is the caller's to undo.

    Args:
        types: column name -> type; the others are `lww`.
        identity: what a row is; None for what the table's key suggests.

    Raises:
        CannotEnableError: the table is missing, enabled already, or of a kind that can't be replicated.
        ColumnTypeError: a column can't have the type.
        UsageError: there is no such row policy or granularity.
    """
    followers = trial.Followers(registry.connection)
    (table,) = carry_out(registry, [plan(registry, name, followers, types, rows, granularity, identity)], now)
    return table


def plan(
    registry: Registry,
    name: str,
    followers: trial.Followers,
    types: Mapping[str, str] | None = None,
    rows: str = policy.ADD_WINS,
    granularity: str = policy.BY_COLUMN,
    identity: str | None = None,
) -> Plan:
    """Find out whether a table can be replicated as asked for; changes nothing. Raises as `enable` does."""
    check_policies(rows, granularity)
    connection = registry.connection
    shape = check(connection, name)
    if registry.find(shape.name) is not None:
        raise CannotEnableError(shape.name, "it is enabled already")
    chosen = columntype.choose(connection, shape, types or {})
    identified = _identity(connection, shape, identity)
    _refuse(shape, followers.refusal(shape.name) if identified == policy.BY_BIRTH else None)
    return Plan(shape, chosen, rows, granularity, identified)


def carry_out(registry: Registry, plans: Sequence[Plan], now: Now) -> list[Table]:
    """Make tables replicated, step by step for all of them: SQLite compiles little anew while its schema stays as it is.

    Raises:
        CannotEnableError: one can't be after all; what was begun is the caller's to undo.
        apsw.SQLError, apsw.CorruptError: the same, of many.
    """
    connection = registry.connection
    registry.widen_log(max(len(one.shape.key) for one in plans))
    tables = [_register(registry, one, now) for one in plans]
    statements = [
        (table, list(triggers.trigger_statements(connection, table, one.shape)))
        for one, table in zip(plans, tables, strict=True)
    ]
    shadows.create_tables(registry, [(table, one.shape) for one, table in zip(plans, tables, strict=True)])
    placing.place(connection, statements)
    for one in plans:
        _refuse(one.shape, trial.refusal(connection, one.shape))
    return tables


def _register(registry: Registry, one: Plan, now: Now) -> Table:
    genesis = None
    if query.exists(registry.connection, identifier(one.shape.name)):
        hlc = registry.tick(now())
        registry.record_merged(hlc)
        registry.raise_vector(registry.next_batch(), [(registry.self_ordinal, hlc)])
        genesis = (hlc - clock.GENESIS_OFFSET, registry.self_ordinal)
    table = registry.add_table(one.shape, genesis, one.types, one.identity)
    if (one.rows, one.granularity) != (table.rows, table.granularity):
        table = registry.set_policies(table, one.rows, one.granularity)
    return table


def check_same(
    registry: Registry,
    table: Table,
    types: Mapping[str, str],
    rows: str | None,
    granularity: str | None,
    identity: str | None,
) -> None:
    """Check that a table is enabled just so; what is None, and the columns that are not named, may be as they are.

    Raises:
        CannotEnableError: it is enabled in another way.
        ColumnTypeError: there is no such column or type, or the column can't have it.
        UsageError: there is no such policy or granularity.
    """
    policies = (table.rows if rows is None else rows, table.granularity if granularity is None else granularity)
    check_policies(*policies)
    shape = schema.read(registry.connection, table.name)
    wanted = types if shape is None else columntype.choose(registry.connection, shape, types)
    present = {field.name: field.type for field in table.fields}
    problems = [
        f"column {name!r} is {present.get(name, 'lww')}, not {kind}: "
        f"{suggest.command('type', registry.path, f'{table.name}.{name}', kind)}"
        for name, kind in wanted.items()
        if present.get(name, "lww") != kind
    ]
    if policies != (table.rows, table.granularity):
        options = ["--granularity", policies[1]]
        problems.append(
            f"it is {table.rows} by {table.granularity}, not {policies[0]} by {policies[1]}: "
            f"{suggest.command('rows', registry.path, table.name, policies[0], options=options)}"
        )
    if identity not in (None, table.identity):
        problems.append(f"its identity is {table.identity}, not {identity}: that stays until it is disabled")
    if problems:
        raise CannotEnableError(
            table.name, f"it is enabled already in another way; {'; '.join(problems)}; do the same on every replica"
        )


def _identity(connection: apsw.Connection, shape: TableShape, asked: str | None) -> str:
    """Choose what a row of a table is: `row` where the key is an automatic number, else `key`.

    A key that refers to a row of another table (a profile under its user's number) is no number of its own.
    """
    if asked is not None and asked not in policy.IDENTITIES:
        raise UsageError(f"there is no identity {asked!r}; use one of: {', '.join(policy.IDENTITIES)}")
    reason = None
    if not shape.has_rowid_key:
        reason = "its key is not one INTEGER PRIMARY KEY, whose numbers SQLite hands out"
    elif any(
        caseless(column) == caseless(shape.key[0].name)
        for key in schema.foreign_keys(connection, shape.name)
        for column in key.columns
    ):
        reason = f"its key {shape.key[0].name!r} refers to a row of another table"
    if asked == policy.BY_BIRTH and reason is not None:
        raise CannotEnableError(
            shape.name, f"{reason}, so the key is the row: enable it with the identity key, or leave the identity out"
        )
    return asked or (policy.BY_KEY if reason else policy.BY_BIRTH)


def check_policies(rows: str, granularity: str) -> None:
    """Check the names of a row policy and a granularity.

    Raises:
        UsageError: there is no such row policy or granularity.
    """
    for what, given, known in (
        ("row policy", rows, policy.ROW_POLICIES),
        ("granularity", granularity, policy.GRANULARITIES),
    ):
        if given not in known:
            raise UsageError(f"there is no {what} {given!r}; use one of: {', '.join(known)}")


def disable(registry: Registry, name: str) -> None:
    """Take everything of ours off a table; with the last one, off the file.

    Raises:
        NotEnabledError: the table is not replicated.
    """
    known = registry.find(name)
    uid = caseless(name) if known is None else known.uid
    if known is not None:
        shadows.forget(registry, known)
    elif not shadows.forget_unregistered(registry, name):
        raise NotEnabledError(catalogue.not_replicated(registry.connection, registry.path, name, wanted=False))
    if registry.tables():
        views.create(registry)
        registry.set_era(uid, registry.eras().get(uid, 0) + 1)
    else:
        registry.drop()


def left(name: str) -> str:
    """Say what the other replicas must do when a table is not replicated in one file any more."""
    return f"{suggest.verb('disable')} for {name!r} on the other replicas too, before they exchange changes with this one again"


def check(connection: apsw.Connection, name: str) -> TableShape:
    """Find out whether a table can be replicated, and return its shape.

    Raises:
        CannotEnableError: it can't; the message says why and what to do.
    """
    if naming.is_ours(name) or name.lower().startswith("sqlite_"):
        raise CannotEnableError(name, "it is not a table of yours but one that SQLite or crdtsql keeps")
    (encoding,) = query.first(connection, "PRAGMA main.encoding")
    if encoding != "UTF-8":
        raise CannotEnableError(
            name,
            f"the file stores text as {encoding}, and changesets are UTF-8; copy it into a new file, for example "
            "`sqlite3 old.db .dump | sqlite3 new.db`",
        )
    try:
        shape = schema.read(connection, name)
    except apsw.SQLError as error:
        raise CannotEnableError(name, f"SQLite can't read its columns here: {error}") from error
    if shape is None:
        names = [table for table, kind in schema.user_tables(connection) if kind == "table"]
        raise CannotEnableError(name, f"there is no such table; {suggest.instead(name, names, 'tables in this file')}")
    _check_kind(connection, shape)
    _check_columns(connection, shape)
    _refuse(shape, trial.refusal(connection, shape))
    return shape


def _refuse(shape: TableShape, reason: str | None) -> None:
    if reason is not None:
        raise CannotEnableError(shape.name, reason)


def _check_kind(connection: apsw.Connection, shape: TableShape) -> None:
    if shape.kind == "view":
        raise CannotEnableError(shape.name, "it is a view; enable the tables that it reads from")
    if shape.kind in ("virtual", "shadow"):
        raise CannotEnableError(
            shape.name,
            "it is a virtual table or belongs to one; enable the ordinary table that holds the content, and let "
            "triggers keep the index on each replica",
        )
    if not shape.key:
        raise CannotEnableError(
            shape.name,
            "it has no primary key, so its rows have no name that other replicas could know; let "
            f"{_with_key(connection, shape.name)} give it one, or rebuild it, for example with sqlite-utils' `transform --pk`",
        )


def _with_key(connection: apsw.Connection, name: str) -> str:
    return suggest.command("enable", connection.filename, name, options=["--add-key"])


def _check_columns(connection: apsw.Connection, shape: TableShape) -> None:
    if len(shape.columns) > MAXIMUM_COLUMNS:
        raise CannotEnableError(
            shape.name, f"it has {len(shape.columns)} columns, at most {MAXIMUM_COLUMNS} are possible; split the table"
        )
    for column in shape.columns:
        if column.collation not in BUILT_IN_COLLATIONS:
            raise CannotEnableError(
                shape.name,
                f"column {column.name!r} has the collation {column.collation}, which only the program that defines it "
                "knows; use BINARY, NOCASE or RTRIM",
            )
    indexes = schema.unique_indexes(connection, shape.name)
    if shape.name.lower() in ("old", "new") and any(not index.is_plain for index in indexes):
        raise CannotEnableError(
            shape.name, "a table of this name can't have UNIQUE indexes on expressions or with WHERE; rename the table"
        )
    empty = null_keys(connection, shape)
    if empty:
        raise CannotEnableError(
            shape.name,
            f"its primary key column {empty[0].name!r} is NULL in some rows, and NULL names no row; give these rows a "
            f"key, for example with {_with_key(connection, shape.name)}, or UPDATE {shape.name} SET {empty[0].name} = "
            f"lower(hex(randomblob(16))) WHERE {empty[0].name} IS NULL",
        )


def null_keys(connection: apsw.Connection, shape: TableShape) -> list[Column]:
    """Return the columns of a table's primary key that are NULL in some rows."""
    if shape.without_rowid or shape.has_rowid_key:
        return []
    return [
        column
        for column in shape.key
        if not column.not_null
        and query.exists(connection, identifier(shape.name), Sql(f"{identifier(column.name)} IS NULL"))
    ]


def lacks_key(connection: apsw.Connection, shape: TableShape) -> bool:
    """Tell whether an ordinary table has no primary key, or one that is NULL in some rows."""
    return shape.kind == "table" and (not shape.key or bool(null_keys(connection, shape)))
