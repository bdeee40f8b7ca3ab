"""Keeping: begin and end the history of a table, and let it follow what the table and the other replicas have.

Runs inside the caller's write transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from crdtsql.base import (
    CannotEnableError,
    CrdtsqlError,
    Now,
    UsageError,
    identifier,
    memory,
    naming,
    query,
    sql,
    suggest,
)
from crdtsql.history import forgetting, tables
from crdtsql.store import Registry, Table

OFF = -1
"""What the fact `history` says of a table whose history somebody ended here."""


def begin(registry: Registry, name: str, keep_ms: int, now: Now) -> bool:
    """Keep all that is written to a table from now on; return whether that is another setting than before.

    Args:
        keep_ms: for how long; 0 for ever.

    Raises:
        NotEnabledError: the table is not replicated, or not in this file.
        UsageError: it is a history itself.
        CannotEnableError: it has too many columns.
    """
    table = registry.present_table(name)
    if table.is_history:
        raise UsageError(f"table {table.name!r} is the history of another one, which has none itself")
    if table.history == keep_ms and tables.of(registry, table) is not None:
        return False
    if tables.of(registry, table) is None:
        _create(registry, table, now)
    if table.history is None:
        registry.set(table.fact("recorded"), registry.number("clock"))
    registry.set(table.fact("history"), keep_ms)
    if table.history is None:
        _renew_triggers(registry, registry.table(table.name))
    registry.lacks_views = True
    return True


def leave(registry: Registry, names: Sequence[str]) -> list[str]:
    """Prepare for that tables are replicated no more; return the names of the histories for which that holds, too.

    A table whose history alone goes keeps none any more.
    """
    named = [table for table in map(registry.find, names) if table is not None and not table.absent]
    found = []
    for table in named:
        base = tables.base_of(registry, table)
        if base is not None and base.history is not None and base not in named:
            registry.set(base.fact("history"), OFF)
            _renew_triggers(registry, registry.table(base.name))
        history = None if table.is_history else tables.of(registry, table)
        if history is not None and history not in named:
            found.append(history.name)
    return found


def tell(registry: Registry, name: str) -> None:
    """Let the other replicas hear of the history of a table with the next sync, though nothing was written since it began."""
    history = tables.of(registry, registry.present_table(name))
    if history is not None:
        forgetting.begun(registry, history)


def _renew_triggers(registry: Registry, table: Table) -> None:
    from crdtsql.capture import create_triggers, drop_triggers, note_triggers
    from crdtsql.sqlite import schema

    shape = schema.read(registry.connection, table.name)
    if shape is not None:
        drop_triggers(registry.connection, table.name)
        create_triggers(registry.connection, table, shape)
        note_triggers(registry.connection, table)


def _create(registry: Registry, table: Table, now: Now) -> None:
    from crdtsql.capture import enable
    from crdtsql.evolve import appear
    from crdtsql.sqlite import schema

    shape = schema.read(registry.connection, table.name)
    if shape is None:
        raise CrdtsqlError(f"table {table.name!r} is gone: run {suggest.command('repair', registry.path)}")
    columns = tables.OWN_COLUMNS + len(table.key) + sum(len(tables.columns_of(field)) for field in table.fields)
    if columns > enable.MAXIMUM_COLUMNS:
        raise CannotEnableError(
            table.name, f"its history would have {columns} columns, at most {enable.MAXIMUM_COLUMNS} are possible"
        )
    if schema.read(registry.connection, table.history_name) is not None:
        aside = f"ALTER TABLE {identifier(table.history_name)} RENAME TO {identifier(f'{table.history_name}_before')}"
        raise CrdtsqlError(
            f"a table {table.history_name!r} is in {registry.path} already, as it is where {table.name!r} had a history and was "
            f"disabled: {suggest.sqlite(aside, registry.path)} keeps what it says, and makes room for a new history"
        )
    registry.connection.execute(f"DROP INDEX IF EXISTS {tables.index(table)}")  # of one that was put aside
    for statement in tables.create_statements(table, shape):
        registry.connection.execute(statement)
    kept = appear.waiting(registry, table.history_name)
    if kept is not None:
        appear.appear(registry, kept, now, appear.Options({}))
        follow(registry)
    else:
        enable.enable(registry, table.history_name, now)


def end(registry: Registry, name: str, now: Now, *, drop: bool) -> bool:
    """Keep no more of what is written to a table; return whether anything changed.

    Args:
        drop: take out all entries.
    """
    table = registry.present_table(name)
    history, was_kept = tables.of(registry, table), table.history is not None
    registry.set(table.fact("history"), OFF)
    if was_kept:
        _renew_triggers(registry, registry.table(table.name))
    if history is not None and drop:
        forgetting.everything(registry, history, now())
    return was_kept or (drop and history is not None)


def follow(registry: Registry) -> None:
    """Give the histories the columns that their tables have got, those too that were ended here: others write to them."""
    for history in registry.registered().histories:
        table = tables.base_of(registry, history)
        missing = [] if table is None else tables.lacking(registry, table)
        if missing:
            _widen(registry, history, missing)


def _widen(registry: Registry, history: Table, missing: list[str]) -> None:
    from crdtsql.evolve import alter

    for name in missing:
        statement = sql("replica/past/keeping/add_column", history=history.quoted, column=identifier(name))
        alter.alter(registry, alter.parse(statement))


def join(registry: Registry, now: Now) -> list[str]:
    """Keep the history of tables of which another replica does, or this one did; return what a person should know of it.

    It is kept by all, or what those write who keep none is missing in it. Whoever ended it here is not asked again; where it can't be
    begun, that is not tried again.
    """
    said = []
    for history in registry.registered().histories:
        table = registry.find_uid(naming.with_history(history.uid))
        if table is None or table.absent or registry.get(table.fact("history")) is not None:
            continue
        try:
            with query.savepoint(registry.connection, "crdt_history"):
                begin(registry, table.name, 0, now)
        except (CrdtsqlError, apsw.Error) as error:
            memory.forget_rows(registry.connection)
            registry.set(table.fact("history"), OFF)
            said.append(f"another replica keeps the history of {table.name!r}, which can't be kept here: {error}")
        else:
            said.append(f"another replica keeps the history of {table.name!r}, and so does this one from now on")
    return said
