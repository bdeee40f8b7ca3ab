"""Materialize: make the user's table show the merged state.

Applies what `meet` decided, with a few statements over whole sets of rows: rows that go are moved to the held rows, rows that
come back are moved from there, cells that won are written. The caller has switched capture off and foreign keys are
not enforced meanwhile; `constraints` looks at them afterwards. Tables with a UNIQUE index take changed rows out and put them
back, because two rows may exchange their keys.
"""

from __future__ import annotations

import apsw

from crdtsql import schema
from crdtsql.arrival import Arrival
from crdtsql.meet import Values
from crdtsql.sqltext import EMPTY, Sql, fragment, identifier, joined, sql


def create_staged(arrival: Arrival) -> str:
    """Write the definition of the temporary table of rows that are taken out and put back."""
    return f"CREATE TEMP TABLE _crdt_staged ({joined(arrival.staged_columns)})"


def materialize(connection: apsw.Connection, arrival: Arrival, values: Values, fresh: int, known: int) -> None:
    """Write the result of a merge to the user's table and its held rows.

    Raises:
        apsw.ConstraintError: the table's constraints don't allow the merged rows.
    """
    if known:
        _hide(connection, arrival, values)
        _update_held(connection, arrival, values)
        exchanging = _exchanges_unique(connection, arrival)
        if exchanging.text:
            _replace_shown(connection, arrival, exchanging)
        else:
            _update_shown(connection, arrival, Sql("0"))
        _revive(connection, arrival)
    if fresh:
        _show_fresh(connection, arrival, values)


def _hide(connection: apsw.Connection, arrival: Arrival, values: Values) -> None:
    table = arrival.table
    columns = [Sql(f"shown.{identifier(field.name)}") for field in table.fields]
    held = [Sql(f"v{field.id}") for field in table.fields]
    statement = sql(
        "merge/hide",
        held=table.held,
        held_columns=joined([*table.key_names, *held]),
        shown_columns=joined([table.key_columns_of("shown"), *columns]),
        table=table.quoted,
        shown_is_met=arrival.is_key_of("shown", "met"),
    )
    connection.execute(statement, values)
    if connection.changes():
        statement = sql(
            "merge/remove_hidden", table=table.quoted, key_columns=table.key_columns, met_keys=table.keys_of("met")
        )
        connection.execute(statement)


def _settings(arrival: Arrival, of_held: bool) -> Sql:
    settings = [
        fragment(
            "merge/set_value",
            column=pair.held if of_held else pair.column,
            won=pair.won,
            bit=pair.bit,
            value=pair.slots["value"],
        )
        for pair in arrival.pairs
    ]
    if arrival.respells:
        for key, name in zip(arrival.table.key_names, arrival.table.key, strict=True):
            settings.append(fragment("merge/set_key", column=key if of_held else identifier(name), key=key))
    return joined(settings, ",\n  ")


def _update_held(connection: apsw.Connection, arrival: Arrival, values: Values) -> None:
    settings = _settings(arrival, of_held=True)
    if settings.text:
        statement = sql("merge/update_held", held=arrival.table.held, settings=settings, **arrival.image_slots)
        connection.execute(statement, values)


def _exchanges_unique(connection: apsw.Connection, arrival: Arrival) -> Sql:
    """Say which met rows change a column that a UNIQUE index depends on; nothing if there is no such index."""
    indexes = schema.unique_indexes(connection, arrival.table.name)
    if not indexes:
        return EMPTY
    named = {name.lower() for index in indexes for name in index.columns if name is not None}
    every = not all(index.is_plain for index in indexes)
    masks: dict[Sql, int] = {}
    for pair in arrival.pairs:
        if every or pair.field.name.lower() in named:
            masks[pair.won] = masks.get(pair.won, 0) | 1 << pair.field.bit
    conditions = [Sql(f"(met.{word} & {mask}) <> 0") for word, mask in masks.items()]
    if arrival.respells:
        conditions.append(Sql("met.t <> met.old_t OR met.s <> met.old_s"))
    return joined(conditions or [Sql("0")], " OR ")


def _update_shown(connection: apsw.Connection, arrival: Arrival, apart: Sql) -> None:
    """Write the won cells in place, but for the rows that are taken apart."""
    settings = _settings(arrival, of_held=False)
    if settings.text:
        statement = sql(
            "merge/update_shown",
            table=arrival.table.quoted,
            settings=settings,
            target_is_met=arrival.is_key_of("target", "met"),
            changed=Sql(f"({arrival.changed}) AND NOT ({apart})"),
            **arrival.image_slots,
        )
        connection.execute(statement)


def _replace_shown(connection: apsw.Connection, arrival: Arrival, exchanging: Sql) -> None:
    """Take the rows that change a UNIQUE column out of the table, write the others, and put them back changed."""
    table = arrival.table
    staged = joined(arrival.staged_columns)
    stage = sql(
        "merge/stage",
        staged_columns=staged,
        values=joined(arrival.merged_values),
        table=table.quoted,
        target_is_met=arrival.is_key_of("target", "met"),
        changed=exchanging,
        **arrival.image_slots,
    )
    connection.execute(stage)
    remove = sql(
        "merge/remove_staged",
        table=table.quoted,
        key_columns=table.key_columns,
        staged_keys=table.keys_of("staged"),
    )
    connection.execute(remove)
    _update_shown(connection, arrival, exchanging)
    insert = sql(
        "merge/insert_staged",
        table=table.quoted,
        key_columns=table.key_columns,
        columns=joined((Sql(f", {identifier(field.name)}") for field in table.fields), ""),
        staged_columns=staged,
    )
    connection.execute(insert)


def _revive(connection: apsw.Connection, arrival: Arrival) -> None:
    table = arrival.table
    held = [*table.key_names, *(Sql(f"v{field.id}") for field in table.fields)]
    statement = sql(
        "merge/show_revived",
        table=table.quoted,
        key_columns=table.key_columns,
        columns=joined((Sql(f", {identifier(field.name)}") for field in table.fields), ""),
        held=table.held,
        held_columns=joined(Sql(f"held.{column}") for column in held),
    )
    connection.execute(statement)
    if connection.changes():
        connection.execute(sql("merge/forget_revived", held=table.held))


def _show_fresh(connection: apsw.Connection, arrival: Arrival, values: Values) -> None:
    table = arrival.table
    shared = {"incoming_values": arrival.incoming_values, **arrival.image_slots}
    show = sql(
        "merge/show_fresh",
        table=table.quoted,
        key_columns=table.key_columns,
        columns=arrival.user_columns,
        **shared,
    )
    connection.execute(show)
    hold = sql("merge/hold_fresh", held=table.held, held_columns=arrival.held_columns, **shared)
    connection.execute(hold, values)
