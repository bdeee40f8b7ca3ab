"""Clashes: put into the conflict log what concurrent writes lose, where rows that arrived meet those that are here.

Runs between `meet`, which finds out which cells clash, and whatever writes clocks and tables: values and stamps are as before. Of more
than the log keeps, the last are written; the others are only counted.
"""

from __future__ import annotations

from collections import deque

import apsw

from crdtsql.base import Sql, fragment, identifier, sql
from crdtsql.conflicts import conflict_log, severed
from crdtsql.merge import meet
from crdtsql.merge.arrival import Arrival, Pair
from crdtsql.store import Registry


def record_conflicts(
    registry: Registry, arrival: Arrival, clashing: list[tuple[Pair, int]], values: meet.Values
) -> int:
    """Write the losing values of concurrent writes to the conflict log; return how many differed.

    Of more than the log keeps, the first are only counted.

    Args:
        clashing: columns, and how many concurrent writes each of them has.
    """
    recorded, (_, total, _) = 0, conflict_log.limits(registry)
    for pair, clashes in clashing:
        skipped, first = _first_kept(registry.connection, arrival, pair, total) if clashes > total else (0, 0)
        statement = sql("merge/clashes/record_conflicts", keys=arrival.table.keys, **_logged(arrival, pair))
        recorded += conflict_log.record(registry, statement, values | {"col": pair.field.id, "first": first}, skipped)
    return recorded


def _first_kept(connection: apsw.Connection, arrival: Arrival, pair: Pair, most: int) -> tuple[int, int]:
    """Of the rows in which a column's values differ: return how many come before the last so many, and the first of these."""
    statement = sql(
        "merge/clashes/find_differing",
        clash=pair.clash,
        bit=pair.bit,
        value=pair.slots["value"],
        **_compared(arrival, pair),
    )
    count, last = 0, deque[int](maxlen=most)
    for (number,) in connection.execute(statement):
        count += 1
        last.append(number)
    return count - len(last), last[0] if last else 0


def _logged(arrival: Arrival, pair: Pair) -> dict[str, Sql]:
    """Return the slots that statements share which log the values of one column, theirs and mine."""
    table = arrival.table
    both_values = fragment(
        "merge/clashes/both_values",
        met_keys=table.keys_of("met"),
        won=pair.won,
        bit=pair.bit,
        clock=table.clock,
        clock_is_met=table.same_keys("clock", "met"),
        **pair.slots,
        **_compared(arrival, pair),
    )
    return {"both_values": both_values, "clash": pair.clash, "bit": pair.bit}


def _compared(arrival: Arrival, pair: Pair) -> dict[str, Sql]:
    """Return the slots that statements share which compare the values of one column, theirs and mine."""
    table = arrival.table
    mine = fragment("merge/clashes/mine", row_marker=identifier(table.key[0]), held_value=pair.held, column=pair.column)
    return {
        "met": meet.met_of(arrival),
        "mine": mine,
        "table": table.quoted,
        "held": table.held,
        "shown_is_met": arrival.is_key_of("shown", "met"),
        **arrival.image_slots,
    }


def record_severed(registry: Registry, arrival: Arrival, values: meet.Values) -> int:
    """Note the references that incoming writes set to NULL, or to a default, as SQLite does when their row is deleted."""
    columns = {column.name: column for column in arrival.shape.columns}
    actions = (
        {found.field.id: found.key.on_delete for found in severed.severable(registry, arrival.table)}
        if arrival.winning
        else {}
    )
    recorded = 0
    for pair in arrival.winning:
        action = actions.get(pair.field.id)
        if action is not None:
            nothing = columns[pair.field.name].default_value if action == "SET DEFAULT" else Sql("NULL")
            statement = sql(
                "merge/clashes/record_severed", severed=nothing, keys=arrival.table.keys, **_logged(arrival, pair)
            )
            recorded += conflict_log.record(registry, statement, values | {"col": pair.field.id})
    return recorded
