"""Undelete: bring a deleted row back with the values that it had last.

Runs inside the caller's write transaction on a folded registry; the caller folds afterwards. The row gets a new head that has
seen the delete, and its cells keep their stamps: an INSERT would stamp them anew, and so beat writes that did not know of it. They
are stamped anew only where others may have forgotten the values without asking this site.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from crdtsql.base import (
    LOG_TIME,
    NotDeletedError,
    PurgedError,
    Sql,
    SqliteValue,
    UnknownRowError,
    identifier,
    joined,
    query,
    reasons,
    show_key,
    sql,
    suggest,
)
from crdtsql.capture import without_capture
from crdtsql.compaction import floor
from crdtsql.conflicts import rowwrite
from crdtsql.shown import foretold
from crdtsql.store import FIRST_UPDATE_OP, INSERT_OP, Registry, Table, began


def undelete(registry: Registry, name: str, key: Sequence[SqliteValue]) -> None:
    """Show a held row again.

    Key parts given as text are compared with the key's own type, so `"7"` finds the integer 7.

    Raises:
        UnknownRowError: there is no such row, shown or held.
        NotDeletedError: the table shows it.
        PurgedError: its values were purged.
        WriteRefusedError: a constraint of the table does not allow it.
        UsageError: the key has another number of parts.
    """
    connection, table = registry.connection, registry.present_table(name)
    values = {"held": _held_row(registry, table, tuple(key)), "tbl": table.id, "op": FIRST_UPDATE_OP, "detail": 0}
    heads = _heads(registry, table, values["held"])
    _check_kept(registry, table, heads, tuple(key))
    awaits = query.exists(
        connection,
        Sql(f"{table.held} AS held"),
        Sql(f"id = ? AND ({foretold.is_in_key(connection, table, 'held')})"),
        (values["held"],),
    )
    keys = (Sql(f"held.{part}") for part in table.key_names)
    held = [*map(foretold.as_written, keys)] if awaits else [*keys]
    held += [Sql(f"held.v{field.id}") for field in table.fields]
    show = partial(
        sql,
        "conflicts/undelete/show",
        table=table.quoted,
        key_columns=table.key_columns,
        columns=joined((Sql(f", {identifier(field.name)}") for field in table.fields), ""),
        held=table.held,
        held_columns=joined(held),
    )
    if awaits:  # who brings it back means the row that has the number now
        rowwrite.write(connection, table, tuple(key), show, values)
        return
    (reason,) = query.first(connection, f"SELECT reason FROM {table.held} WHERE id = ?", (values["held"],))
    log = sql(
        "conflicts/undelete/log", log_time=LOG_TIME, keys=table.keys, held=table.held, held_keys=table.keys_of("held")
    )
    if reason == reasons.RESTORED:  # its held row stays its truth: what is shown need not be all true
        connection.execute(log, values)
        return
    if _may_be_forgotten(registry, heads):
        values |= {"op": INSERT_OP, "detail": 1}
    with without_capture(connection, [table]):
        rowwrite.write(connection, table, tuple(key), show, values)
    connection.execute(log, values)
    connection.execute(f"DELETE FROM {table.held} WHERE id = ?", (values["held"],))


def _heads(registry: Registry, table: Table, held: int) -> list[tuple[int, int]]:
    same = table.same_keys("head", "clock")
    statement = sql("conflicts/undelete/heads", clock=table.clock, heads=table.heads, head_is_clock=same)
    return query.rows(registry.connection, statement, {"held": held})


def _check_kept(registry: Registry, table: Table, heads: list[tuple[int, int]], key: tuple[SqliteValue, ...]) -> None:
    """Check that this site did not agree that others may forget the values of a deleted row."""
    promised = floor.promised(registry)
    if promised and all(floor.covers(registry, promised, t, s) for t, s in heads):
        raise NotDeletedError(
            f"row {show_key(key)} of table {table.name!r} was deleted before {registry.path} agreed to a compaction, so others "
            f"may have forgotten its values: insert it anew; {suggest.command('held', registry.path, table.name)} shows what it was"
        )


def _may_be_forgotten(registry: Registry, heads: list[tuple[int, int]]) -> bool:
    """Tell whether others may have forgotten the values of a deleted row without asking this site, because they did not know of it.

    Who takes the first event of a site checks that it had seen all that was agreed on there, and waits for the site from then on. So
    what others forgot unasked was deleted elsewhere before that event.
    """
    first = began.first_event(registry)
    return all(s != registry.self_ordinal and t < first for t, s in heads)


def _held_row(registry: Registry, table: Table, key: tuple[SqliteValue, ...]) -> int:
    """Return the id of the held row of a key."""
    table.check_width(key)
    where = joined((Sql(f"{part} = ?{n}") for n, part in enumerate(table.key_names, 1)), " AND ")
    found = query.first(
        registry.connection,
        f"SELECT held, {table.is_purged} FROM {table.clock} AS clock WHERE gone = 1 AND held IS NOT NULL AND {where}",
        key,
    )
    if found is None and foretold.any_foretold(registry.connection):
        written = (foretold.as_written(Sql(f"clock.{part}")) for part in table.key_names)
        where = joined((Sql(f"{part} = ?{n}") for n, part in enumerate(written, 1)), " AND ")
        clock = f"SELECT held, {table.is_purged} FROM {table.clock} AS clock WHERE gone = 1 AND held IS NOT NULL AND {where}"
        found = query.first(registry.connection, clock, key)
    if found is not None:
        if found[1]:
            raise PurgedError(
                f"row {show_key(key)} of table {table.name!r} was purged: its values are gone; insert a row of this key anew"
            )
        return int(found[0])
    if query.exists(registry.connection, table.quoted, table.has_given_key, key):
        raise NotDeletedError(f"row {show_key(key)} of table {table.name!r} is not deleted: the table shows it")
    raise UnknownRowError(f"table {table.name!r} has no row {show_key(key)}, shown or held")
