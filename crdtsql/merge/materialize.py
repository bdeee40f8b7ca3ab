"""Materialize: make the user's table show the merged state.

Applies what `meet` decided, with a few statements over whole sets of rows: rows that go are moved to the held rows, rows that
come back wait there, cells that won are written. The caller has switched capture off and foreign keys are not enforced
meanwhile; `settle` looks at them, and at the rows that wait, afterwards. Tables with a UNIQUE index take changed rows out and
put them back, because two rows may exchange their keys.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import apsw

from crdtsql.base import (
    EMPTY,
    Sql,
    TemporaryTable,
    fragment,
    identifier,
    joined,
    naming,
    query,
    reasons,
    rendered,
    sql,
    text,
)
from crdtsql.merge.arrival import Arrival
from crdtsql.merge.meet import ArrivedRows, RowCounts, Values, met_of
from crdtsql.shown import foretold, link_held
from crdtsql.sqlite import schema, writing
from crdtsql.store import Registry

_NONE = Sql("0")
STAGED = TemporaryTable("_crdt_staged", "merge/materialize/create_staged")


def materialize(registry: Registry, arrival: Arrival, values: Values, arrived: ArrivedRows, counted: RowCounts) -> int:
    """Write the result of a merge to the user's table and its held rows; what the table does not take waits there.

    Args:
        arrived: how many incoming rows are new here, and how many are not.
        counted: what becomes of these rows.

    Returns:
        How many rows that the table showed, and that go on living, changed.
    """
    connection, table = registry.connection, arrival.table
    updated, in_place = 0, None
    if arrived.known:
        if counted.deleted:
            _hide(connection, arrival, values)
        if counted.deleted or counted.held:
            _update_held(connection, arrival, values)
        if counted.held:
            connection.execute(sql("merge/materialize/wait", met=met_of(arrival), held=table.held))
        exchanging = _exchanges_unique(connection, arrival)
        in_place = None if exchanging.text else _update_in_place(connection, arrival)
        apart = exchanging if exchanging.text else Sql(f"({arrival.changed})")
        updated = _replace_shown(connection, arrival, values, apart) if in_place is None else in_place
    waiting = arrived.fresh > 0 and not _show_fresh(connection, arrival, values, arrived)
    if waiting or (arrived.known and (counted.deleted or in_place is None)):
        genesis = (values["genesis_t"], values["genesis_s"])
        link_held(registry, table, int(str(values["held_base"])), genesis)
    return updated


def _hide(connection: apsw.Connection, arrival: Arrival, values: Values) -> None:
    table = arrival.table
    connection.execute(_hold_hidden(arrival), values)
    if connection.changes():
        statement = sql(
            "merge/materialize/remove_hidden",
            met=met_of(arrival),
            table=table.quoted,
            key_columns=table.key_columns,
            met_keys=table.keys_of("met"),
        )
        writing.remove(connection, table.key_columns, table.quoted, statement)


@rendered
def _hold_hidden(arrival: Arrival) -> str:
    table = arrival.table
    columns = [Sql(f"shown.{identifier(field.name)}") for field in table.fields]
    held = [Sql(f"v{field.id}") for field in table.fields]
    return sql(
        "merge/materialize/hide",
        met=met_of(arrival),
        held=table.held,
        held_columns=joined([*table.key_names, *held]),
        shown_columns=joined([table.key_columns_of("shown"), *columns]),
        table=table.quoted,
        shown_is_met=arrival.is_key_of("shown", "met"),
    )


@rendered
def _settings(arrival: Arrival, of_held: bool) -> Sql:
    """Render what the winning cells, and the key if it is spelled anew, are set to."""
    settings = [
        fragment(
            "merge/materialize/set_value",
            column=pair.held if of_held else pair.column,
            won=pair.won,
            bit=pair.bit,
            value=pair.slots["value"],
        )
        for pair in arrival.winning
    ]
    if arrival.respells:
        for key, name in zip(arrival.table.key_names, arrival.table.key, strict=True):
            settings.append(fragment("merge/materialize/set_key", column=key if of_held else identifier(name), key=key))
    return joined(settings, ",\n  ")


def _update_held(connection: apsw.Connection, arrival: Arrival, values: Values) -> None:
    settings = _settings(arrival, True)
    if settings.text:
        connection.execute(_write_held(arrival, settings), values)


@rendered
def _write_held(arrival: Arrival, settings: Sql) -> str:
    return sql(
        "merge/materialize/update_held",
        met=met_of(arrival),
        held=arrival.table.held,
        settings=settings,
        **arrival.image_slots,
    )


def _exchanges_unique(connection: apsw.Connection, arrival: Arrival) -> Sql:
    """Say which met rows change a column that a UNIQUE index depends on; nothing if none can."""
    indexes = schema.unique_indexes(connection, arrival.table.name)
    if not indexes:
        return EMPTY
    named = {name.lower() for index in indexes for name in index.columns if name is not None}
    every = not all(index.is_plain for index in indexes)
    masks: dict[Sql, int] = {}
    for pair in arrival.winning:
        if every or pair.field.name.lower() in named:
            masks[pair.won] = masks.get(pair.won, 0) | 1 << pair.field.bit
    conditions = [Sql(f"(met.{word} & {mask}) <> 0") for word, mask in masks.items()]
    if arrival.respells:
        conditions.append(Sql("met.t <> met.old_t OR met.s <> met.old_s"))
    return joined(conditions, " OR ")


def _update_in_place(connection: apsw.Connection, arrival: Arrival, apart: Sql = _NONE) -> int | None:
    """Write the won cells in place, but for rows that are taken apart; return how many rows changed.

    None, and nothing is written, if the table does not take all of them.
    """
    connection.execute("SAVEPOINT crdt_update")
    try:
        updated = _update_shown(connection, arrival, apart)
    except (apsw.ConstraintError, apsw.MismatchError):
        connection.execute("ROLLBACK TO crdt_update; RELEASE crdt_update")
        return None
    connection.execute("RELEASE crdt_update")
    return updated


def _update_shown(connection: apsw.Connection, arrival: Arrival, apart: Sql) -> int:
    settings = _settings(arrival, False)
    if not settings.text:
        return 0
    writing.prepare(connection, arrival.table.name, partial(_write_shown, arrival, settings, apart)).execute(connection)
    return connection.changes()


@rendered
def _write_shown(arrival: Arrival, settings: Sql, apart: Sql, on_conflict: Sql) -> str:
    return sql(
        "merge/materialize/update_shown",
        met=met_of(arrival),
        table=arrival.table.quoted,
        settings=settings,
        target_is_met=arrival.is_key_of("target", "met"),
        changed=Sql(f"({arrival.changed}) AND NOT ({apart})"),
        differs=arrival.differs,
        on_conflict=on_conflict,
        **arrival.image_slots,
    )


def _replace_shown(connection: apsw.Connection, arrival: Arrival, values: Values, exchanging: Sql) -> int:
    """Take the rows that change a UNIQUE column out of the table, write the others, and put them back changed.

    Where the table does not take the others in place, these are taken out too. Returns how many rows changed.
    """
    staged = STAGED.of(arrival.table.id)
    with staged.created(connection, staged=staged.quoted, staged_columns=joined(arrival.staged_columns)):
        return _exchange(connection, arrival, values, exchanging)


def _exchange(connection: apsw.Connection, arrival: Arrival, values: Values, exchanging: Sql) -> int:
    table, staged = arrival.table, STAGED.of(arrival.table.id).quoted
    columns = joined(arrival.staged_columns)
    _stage(connection, arrival, exchanging)
    updated = _update_in_place(connection, arrival, exchanging)
    if updated is None:
        _stage(connection, arrival, Sql(f"({arrival.changed}) AND NOT ({exchanging})"))
    (count,) = query.first(connection, f"SELECT count(*) FROM {staged}")

    insert = partial(
        sql,
        "merge/materialize/insert_staged",
        table=table.quoted,
        key_columns=table.key_columns,
        columns=joined((Sql(f", {identifier(field.name)}") for field in table.fields), ""),
        staged=staged,
        staged_columns=columns,
    )
    if not _inserts(connection, arrival, insert, count):
        hold = sql(
            "merge/materialize/hold_staged",
            held=table.held,
            staged=staged,
            staged_columns=columns,
            table=table.quoted,
            shown_is_staged=arrival.is_key_of("shown", "staged"),
        )
        connection.execute(hold, values)
    return int(count) + (updated or 0)


def _stage(connection: apsw.Connection, arrival: Arrival, changed: Sql) -> None:
    """Take shown rows out of the table, as they are after the merge."""
    table = arrival.table
    stage = sql(
        "merge/materialize/stage",
        met=met_of(arrival),
        staged=STAGED.of(table.id).quoted,
        staged_columns=joined(arrival.staged_columns),
        values=joined(arrival.merged_values),
        table=table.quoted,
        target_is_met=arrival.is_key_of("target", "met"),
        changed=changed,
        differs=arrival.differs,
        **arrival.image_slots,
    )
    connection.execute(stage)
    remove = sql(
        "merge/materialize/remove_staged",
        staged=STAGED.of(table.id).quoted,
        table=table.quoted,
        key_columns=table.key_columns,
        staged_keys=table.keys_of("staged"),
    )
    writing.remove(connection, table.key_columns, table.quoted, remove)


def _inserts(connection: apsw.Connection, arrival: Arrival, insert: Callable[..., str], count: int) -> bool:
    """Insert rows; return False if the table did not take all of them.

    OR IGNORE would change what statements in the user's triggers do, so such a table gets all rows or none.
    """
    connection.execute("SAVEPOINT crdt_insert")
    name = arrival.table.name
    forms = [writing.prepare(connection, name, insert)]
    if not schema.other_triggers(connection, name):
        forms.append(writing.Write(insert(on_conflict=writing.OR_IGNORE), None))
    for form in forms:
        with suppress(apsw.ConstraintError, apsw.MismatchError):
            form.execute(connection)
            all_taken = connection.changes() == count
            connection.execute("RELEASE crdt_insert")
            return all_taken
        connection.execute("ROLLBACK TO crdt_insert")
    connection.execute("RELEASE crdt_insert")
    return False


def _show_fresh(connection: apsw.Connection, arrival: Arrival, values: Values, arrived: ArrivedRows) -> bool:
    """Show the rows that are new here, and hold those that are deleted; return False if some of the others wait."""
    table = arrival.table

    show = partial(
        sql,
        "merge/materialize/show_fresh",
        arrived=arrival.arrived,
        table=table.quoted,
        key_columns=table.key_columns,
        columns=arrival.user_columns,
        incoming_values=arrival.incoming_values,
        awaits=foretold.is_in_key(connection, table, "incoming"),
        **arrival.image_slots,
    )
    all_taken = _inserts(connection, arrival, show, arrived.living)
    is_missing = Sql(
        f"incoming.gone IS NULL AND NOT EXISTS (SELECT 1 FROM {table.quoted} AS shown WHERE {arrival.is_key_of('shown', 'incoming')})"
    )
    held = [
        (reasons.DELETED, Sql("incoming.gone = 1"), arrived.fresh > arrived.living),
        (reasons.WAITING, is_missing, not all_taken),
    ]
    for reason, is_held in [(reason, is_held) for reason, is_held, there_are in held if there_are]:
        hold = sql(
            "merge/materialize/hold_fresh",
            arrived=arrival.arrived,
            held=table.held,
            held_columns=joined([arrival.held_columns, *(naming.value(field.id) for field in arrival.local_only)]),
            reason=text(reason),
            incoming_values=joined([arrival.incoming_values, *arrival.local_defaults]),
            is_held=is_held,
            **arrival.image_slots,
        )
        connection.execute(hold, values)
    return all_taken
