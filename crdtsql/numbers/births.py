"""Births: keep, while the log is folded, what tells a row from others that had its number (decision 0012).

Runs on stamped events before any table is folded. A row that REPLACE wrote over a shown one is the same row still. A row
inserted under the number of one that was not shown any more is a new one, the next generation under that number, and the old
one goes on under a number that follows from its birth.
"""

from __future__ import annotations

from collections.abc import Iterable

from crdtsql.base import Birth, Contender, assign, query, sql
from crdtsql.numbers import renumber
from crdtsql.numbers.contenders import Contenders
from crdtsql.numbers.renumber import Moves
from crdtsql.store import Registry, Table


def keep(registry: Registry, changed: Iterable[tuple[Table, bool]]) -> None:
    """Look after the rows of the tables in which something happened.

    Args:
        changed: tables, and whether rows went from them, if only for a moment.
    """
    given = []
    for table, removals in changed:
        if not table.is_numbered:
            continue
        connection = registry.connection
        connection.execute(sql("numbers/births/keep_replaced", born=table.born, clock=table.clock), {"tbl": table.id})
        if removals and table.genesis:
            t, s = table.genesis
            values = {"tbl": table.id, "genesis_t": t, "genesis_s": s}
            connection.execute(sql("numbers/births/keep_genesis", born=table.born, clock=table.clock), values)
        if query.first(registry.connection, f"SELECT 1 FROM {table.held} LIMIT 1") is not None:
            given.append(_give_way(registry, table))
    for moves in given:  # once all rows have moved, because a row that moves may hold the number of another one
        renumber.followers_alone(registry, moves)


def _give_way(registry: Registry, table: Table) -> Moves:
    """Let rows that are not shown give their numbers to rows that were inserted under them; return which did."""
    again = query.rows(registry.connection, sql("numbers/births/find_used_again", clock=table.clock), {"tbl": table.id})
    if not again:
        return Moves(table, {})
    me = registry.self_ordinal
    site = registry.site_id(me)
    contenders = Contenders(registry, table)
    successors: list[Contender] = []
    for number, hlc in again:
        contenders.load(number)
        before = next(contender for contender in contenders.contenders.values() if contender.here == number)
        successors.append(before.successor(Birth(hlc, site, me), number))
    for successor in successors:
        contenders.add(successor)
    assigned = assign(list(contenders.contenders.values()), contenders.load)
    moved = {contender: new for contender, new in assigned.items() if contender.here not in (None, new)}
    numbers = {contender.here: new for contender, new in moved.items() if contender.here is not None}
    moves = Moves(table, numbers, {successor.number for successor in successors}, folding=True)
    renumber.rows_alone(registry, moves)
    for contender, new in moved.items():
        renumber.store(registry, table, contender, new)
    for successor in successors:
        renumber.store(registry, table, successor, assigned[successor])
    return moves
