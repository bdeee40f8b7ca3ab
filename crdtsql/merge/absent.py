"""Absent: tables that other replicas have and this file does not (docs/decisions/0013).

A placeholder with the names and collations of the others, without any constraint but the key, takes the place of the table, so that
such a table is merged and exported like any other. Nothing is captured from it. `appear` moves its rows once the table is enabled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import apsw

from crdtsql.base import SchemaMismatchError, Sql, identifier, joined, naming, query, sql, suggest
from crdtsql.capture import enable, shadows
from crdtsql.sqlite import schema
from crdtsql.store import Registry, Table, catalogue
from crdtsql.types import TYPES
from crdtsql.wire import TableHeader

MAXIMUM_TABLES = 400
"""How many tables a file keeps for others: whoever lacks more of them has another program's file."""
MAXIMUM_NAME = 1_000


def admit(registry: Registry, header: TableHeader, era: int, notices: list[str]) -> Table:
    """Register a table of a changeset that is not in this file.

    Args:
        era: how often its sender disabled it.

    Raises:
        SchemaMismatchError: it can't be kept; the message says why.
    """
    connection = registry.connection
    _check(registry, header, era)
    name = header.name
    while query.exists(connection, "_crdt_table", "name = ?", (name,)):
        name = f"{name}~"
    _create_placeholder(registry, header, name)
    shape = schema.read(connection, naming.absent(name))
    if shape is None:
        raise SchemaMismatchError(f"no placeholder can be made for {name!r} in {registry.path}")
    shape = replace(shape, name=name)
    registry.widen_log(len(header.key))
    table = _register(registry, shape, header)
    shadows.create_tables(registry, [(table, shape)])
    if naming.is_history(name) and registry.find_uid(naming.with_history(header.uid)) is not None:
        return table  # the session begins it here too
    notices.append(
        f"table {name!r} is not in {registry.path}: its rows are kept and passed on; to see them, get it with "
        f"{suggest.verb('schema pull')}, or create it and run {suggest.command('enable', registry.path, name)}"
    )
    return table


def _check(registry: Registry, header: TableHeader, era: int) -> None:
    name = header.name
    if naming.is_ours(name) or name.lower().startswith("sqlite_") or not 0 < len(name) <= MAXIMUM_NAME:
        raise SchemaMismatchError(
            f"the changeset has a table {name!r:.100}, which can be no table of a user: nothing was changed"
        )
    if registry.eras().get(header.uid, 0) > era:
        raise SchemaMismatchError(
            f"table {name!r} was disabled on this replica and forgot its history, on the sender not: nothing was changed; "
            "disable it and enable it again on the other side too"
        )
    if len(header.key) + len(header.columns) > enable.MAXIMUM_COLUMNS:
        raise SchemaMismatchError(
            f"table {name!r} of the changeset has {len(header.columns)} columns, at most {enable.MAXIMUM_COLUMNS} are possible: "
            "nothing was changed"
        )
    unknown = [kind for _, kind in header.columns if kind not in TYPES]
    if unknown or not set(header.collations) <= set(enable.BUILT_IN_COLLATIONS):
        raise SchemaMismatchError(
            f"table {name!r} of the changeset has a type or collation that this version of crdtsql does not know "
            f"({', '.join([*unknown, *header.collations])[:100]}): nothing was changed; install the version that wrote it"
        )
    kept = sum(table.absent for table in registry.tables())
    if kept >= MAXIMUM_TABLES:
        raise SchemaMismatchError(
            f"the changeset has table {name!r}, which is not in this file, and {kept} such tables are kept already: nothing was "
            f"changed; was this changeset meant for another file? If not, use {suggest.verb('schema pull')} first, or see them with "
            f"{suggest.command('strangers', registry.path)}"
        )


def _create_placeholder(registry: Registry, header: TableHeader, name: str) -> None:
    collations = header.collations or ("BINARY",) * len(header.key)
    columns = [
        Sql(f"{identifier(column)} NOT NULL COLLATE {identifier(collation)}")
        for column, collation in zip(header.key, collations, strict=True)
    ]
    columns += [identifier(column) for column, _ in header.columns]
    statement = sql(
        "merge/absent/create_absent",
        placeholder=identifier(naming.absent(name)),
        columns=joined(columns, ",\n  "),
        keys=joined(identifier(column) for column in header.key),
    )
    try:
        registry.connection.execute(statement)
    except apsw.SQLError as error:
        raise SchemaMismatchError(
            f"the changeset has a table {name!r:.100} that SQLite can't keep ({error}): nothing was changed"
        ) from error


def _register(registry: Registry, shape: schema.TableShape, header: TableHeader) -> Table:
    table = registry.add_table(shape, None, dict(header.columns), header.identity)
    set_uids(registry, table, header.uid, (*header.key_uids, *header.uids))
    registry.set(table.fact("absent"), 1)
    for columns, name in header.unique:
        registry.set_unique(registry.table(table.name), columns, name)
    return registry.set_policies(table, header.row_policy, header.granularity)


def set_uids(registry: Registry, table: Table, uid: str, uids: Sequence[str]) -> None:
    """Give a table, its key columns and its value columns the uids that they have on other replicas."""
    registry.connection.execute("UPDATE _crdt_table SET uid = ? WHERE id = ?", (uid, table.id))
    ids = [*range(-1, -len(table.key) - 1, -1), *(field.id for field in table.fields)]
    registry.connection.executemany(
        "UPDATE _crdt_column SET uid = ? WHERE tbl = ? AND id = ?",
        [(column, table.id, id_) for column, id_ in zip(uids, ids, strict=True)],
    )
    catalogue.changed(registry.connection)
