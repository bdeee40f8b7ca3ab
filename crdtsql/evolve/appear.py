"""Appear: move the rows that were kept for a table that was not in this file into that table, once it is there.

Runs inside the caller's write transaction, on a folded registry. What was kept is exported to an image, as for a replica that has
nothing, and merged into the table, which was just enabled: so its constraints, columns and rows count as in any merge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from crdtsql.base import (
    CannotEnableError,
    ColumnTypeError,
    Now,
    Sql,
    UsageError,
    caseless,
    identifier,
    joined,
    policy,
    query,
    silent,
    sql,
    suggest,
)
from crdtsql.capture import enable, shadows
from crdtsql.export import export
from crdtsql.merge import merge, set_uids
from crdtsql.sqlite import schema
from crdtsql.store import Registry, Table
from crdtsql.types import columntype
from crdtsql.wire import attached


@dataclass(frozen=True, slots=True)
class Options:
    """How a table is to be enabled; what is not given is as on the other replicas."""

    types: Mapping[str, str]
    rows: str | None = None
    granularity: str | None = None
    identity: str | None = None


def waiting(registry: Registry, name: str) -> Table | None:
    """Return the table of this name for which rows are kept because it was not in this file."""
    table = registry.find(name)
    return table if table is not None and table.absent else None


def created(registry: Registry) -> list[tuple[Table, str | None]]:
    """List the tables with kept rows that are in this file now, each with what stands against enabling it unasked."""
    found: list[tuple[Table, str | None]] = []
    for table in registry.tables():
        if not table.absent or schema.read(registry.connection, table.name) is None:
            continue
        problem = None
        try:
            _check(registry, table, table.name)
            if query.exists(registry.connection, identifier(table.name)):
                problem = "it has rows of its own"
        except (CannotEnableError, ColumnTypeError) as error:
            problem = str(error)
        found.append((table, problem))
    return found


def _check(registry: Registry, kept: Table, name: str) -> schema.TableShape:
    """Check that a table can be enabled as the other replicas have it."""
    shape = enable.check(registry.connection, name)
    key, forget = tuple(column.name for column in shape.key), suggest.forget_kept(registry.path, kept.name)
    if tuple(map(caseless, key)) != tuple(map(caseless, kept.key)):
        raise CannotEnableError(
            shape.name,
            f"its primary key is ({', '.join(key)}) here and ({', '.join(kept.key)}) on the replicas whose rows are kept for it; "
            f"create it with that key{forget}",
        )
    try:
        columntype.choose(registry.connection, shape, _types(kept, shape))
    except ColumnTypeError as error:
        raise error.advised(forget) from error
    return shape


def _types(kept: Table, shape: schema.TableShape) -> dict[str, str]:
    names = {caseless(column.name): column.name for column in shape.values}
    every = {caseless(field.name): field.type for field in (*kept.parked, *kept.fields) if field.type != "lww"}
    return {name: every[key] for key, name in names.items() if key in every}


def appear(registry: Registry, kept: Table, now: Now, options: Options, name: str = "") -> Table:
    """Enable a table for which rows are kept, as the other replicas have it, and show the rows.

    Args:
        name: the table's name here, if it is another one than that under which the rows are kept.

    Raises:
        CannotEnableError: the table is missing, or of a kind or with a key that can't be replicated.
        ColumnTypeError: a column can't have the type that it has on the other replicas.
        UsageError: an option is given that differs from what the other replicas have.
    """
    connection = registry.connection
    name = name or kept.name
    types = _types(kept, _check(registry, kept, name))
    _check_options(kept, options, types, suggest.forget_kept(registry.path, kept.name))
    (last,) = query.first(connection, "SELECT ifnull(max(id), 0) FROM _crdt_conflict")
    with attached(connection, "kept", nested=True) as database:
        header = export(registry, {}, now, database, silent, only=kept)
        shadows.forget(registry, kept, with_conflicts=False)
        table = enable.enable(
            registry, name, now, types | dict(options.types), kept.rows, kept.granularity, kept.identity
        )
        table = _take_over(registry, kept, table)
        for columns, chosen in kept.unique.items():
            table = registry.set_unique(table, columns, chosen)
        table = registry.set_references(table, kept.references)
        merge(registry, header, database, silent, again=True)
    same = joined((Sql(f"entry.{key} IS other.{key}") for key in table.key_names), " AND ")
    forget = sql("evolve/appear/forget_repeated", same_keys=same)
    connection.execute(forget, {"tbl": table.id, "last": last})
    return registry.table(table.name)


def _check_options(kept: Table, options: Options, types: dict[str, str], forget: str) -> None:
    differing = {
        "rows": options.rows not in (None, policy.ADD_WINS, kept.rows),
        "granularity": options.granularity not in (None, policy.BY_COLUMN, kept.granularity),
        "identity": options.identity not in (None, kept.identity),
        "type": any(types.get(name, "lww") != kind for name, kind in options.types.items()),
    }
    if any(differing.values()):
        named = ", ".join(f"{name}={kind}" for name, kind in types.items())
        raise UsageError(
            f"table {kept.name!r} has rows of other replicas, on which it is {kept.rows} by {kept.granularity} with identity "
            f"{kept.identity}"
            f"{f' with {named}' if named else ''}: enable it without options, and change it on all replicas afterwards{forget}"
        )


def _take_over(registry: Registry, kept: Table, table: Table) -> Table:
    """Give a table, its columns and its conflicts the uids and numbers under which their rows were kept."""
    every = {caseless(field.name): field for field in (*kept.parked, *kept.fields)}
    taken = {field.uid for field in every.values()}
    uids = []
    for field in table.fields:
        old, uid = every.get(caseless(field.name)), field.uid
        while old is None and uid in taken:
            uid = f"{uid}~"
        uids.append(uid if old is None else old.uid)
    set_uids(registry, table, kept.uid, (*kept.key_uids, *uids))
    registry.connection.executemany(
        "UPDATE _crdt_conflict SET tbl = ?, col = ? WHERE tbl = ? AND col = ?",
        [
            (table.id, field.id, kept.id, every[caseless(field.name)].id)
            for field in table.fields
            if caseless(field.name) in every
        ],
    )
    registry.connection.execute("DELETE FROM _crdt_conflict WHERE tbl = ?", (kept.id,))
    return registry.table(table.name)
