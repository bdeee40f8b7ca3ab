"""Ids: find out, before anything is merged, which number each row of both sides has (decision 0012).

Runs inside the merge's transaction, with the checked image attached and its sites mapped. Rows here that lose their number are
renumbered, and the image is translated to the numbers of this replica. What the sender showed under a number follows from the
rows that its vector covers. Invariant: the numbers of a replica depend on the set of rows that it knows alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from crdtsql.base import Contender, InvalidChangesetError, Sql, assign, identifier, policy, query, sql
from crdtsql.numbers import archive, renumber
from crdtsql.numbers.contenders import BothSides
from crdtsql.numbers.moves import Moves, Span
from crdtsql.store import Registry, Table, unlisted
from crdtsql.wire import Header, TableHeader, image, workbench


def meet(registry: Registry, header: Header, database: str, local: Mapping[int, int]) -> dict[str, int]:
    """Give every row of both sides its number; return table -> rows that have another one now.

    Args:
        local: site of the changeset -> ordinal here.

    Raises:
        InvalidChangesetError: the changeset says what can't be of a row's number.
    """
    numbered = {table.uid: table for table in registry.registered().numbered}
    header = replace(header, tables=header.tables + _unlisted(registry, header, numbered))
    renumbered = {}
    for number, theirs in enumerate(header.tables, 1):
        table = numbered.get(theirs.uid)
        if table is None:
            continue
        _take_out(registry, table, theirs, number, database)
        contested = _contested(registry, table, theirs, number, database)
        if contested:
            workbench.provide(registry.connection, header, number, database)
            sides = BothSides(registry, table, theirs, number, database, local, header.vector)
            renumbered[table.name] = _assign(registry, header, database, sides, contested)
            registry.add_old_numbers(table, sides.old_numbers())
        elif theirs.old_numbers:
            registry.add_old_numbers(table, (one._replace(s=local[one.s]) for one in theirs.old_numbers))
        if theirs.rows or database != workbench.NAME:
            slots = {"image": Sql(database), "born_table": image.born_table(number), "born": table.born}
            registry.connection.execute(sql("numbers/ids/store_incoming_born", **slots))
    return renumbered


def _take_out(registry: Registry, table: Table, theirs: TableHeader, number: int, database: str) -> None:
    """Give the rows here that incoming ones may be their births back."""
    if (theirs.rows or database != workbench.NAME) and archive.is_there(registry.connection):
        slots = {"image": Sql(database), "row_table": image.row_table(number), "born_table": image.born_table(number)}
        incoming = query.rows(registry.connection, sql("numbers/ids/list_incoming_numbers", **slots))
        archive.take_out(registry, table, [one for (one,) in incoming])


def _unlisted(registry: Registry, header: Header, numbered: Mapping[str, Table]) -> tuple[TableHeader, ...]:
    """Describe the tables without rows in the changeset of which rows here have another number than they ask for."""
    uids = header.others.get(policy.BY_BIRTH, frozenset()) & numbered.keys()
    tables = [numbered[uid] for uid in sorted(uids)]
    moved = query.having_rows(registry.connection, [(table.id, table.born) for table in tables])
    return tuple(unlisted.describe(table, header, policy.BY_BIRTH) for table in tables if table.id in moved)


def _contested(registry: Registry, table: Table, theirs: TableHeader, number: int, database: str) -> list[int]:
    """Find the numbers that may mean different rows on both sides."""
    connection = registry.connection
    genesis_t, genesis_s = table.genesis or (None, None)
    values = {"genesis_t": genesis_t, "genesis_s": genesis_s}
    found: set[int] = set()
    slots = {
        "image": Sql(database),
        "row_table": image.row_table(number),
        "born_table": image.born_table(number),
        "clock": table.clock,
        "born": table.born,
    }
    # Of rows that were deleted and forgotten the births alone may be here.
    if theirs.rows and any(query.exists(connection, here) for here in (table.clock, table.quoted, table.born)):
        statement = sql("numbers/ids/find_contested", table=table.quoted, key_column=identifier(table.key[0]), **slots)
        found.update(asked for (asked,) in query.rows(connection, statement, values))
    if (
        theirs.rows and registry.vector()
    ):  # also if no row of the table is here, because references to its numbers may be
        slots = {name: slots[name] for name in ("image", "born_table", "born")}
        for pair in query.rows(connection, sql("numbers/ids/find_renumbered_there", **slots)):
            found.update(pair)
    if query.exists(connection, table.born):
        statement = sql("numbers/ids/find_unknown_there", born=table.born, clock=table.clock)
        found.update(asked for (asked,) in query.rows(connection, statement, values))
    return sorted(found)


def _assign(registry: Registry, header: Header, database: str, sides: BothSides, contested: list[int]) -> int:
    table = sides.table
    for number in contested:
        sides.load(number)
    mine = assign(list(sides.contenders.values()), sides.load)
    theirs = _shown_there(sides.known_there)
    incoming = _incoming(table, mine, theirs, share_genesis=sides.share_genesis)
    changed = sum(
        new != (contender.there if contender.here is None else contender.here) for contender, new in mine.items()
    )
    moving = [(row.here, row, new) for row, new in mine.items() if row.here is not None and row.here != new]
    renumber.awaited(registry, Moves(table, tuple(_awaited_before_old_rows(mine))))
    renumber.here(registry, Moves(table, tuple(Span(old, new, row.birth) for old, row, new in moving)))
    renumber.awaited(registry, Moves(table, tuple(_awaited(mine))))
    renumber.followers_alone(registry, Moves(table, tuple(_old(mine))), keys=False)
    renumber.unclaimed(registry, header, database, Moves(table, tuple(_unclaimed(mine, theirs))))
    renumber.incoming(registry, header, database, Moves(table, incoming))
    for contender, new in mine.items():
        if new != contender.number:
            renumber.store(registry, table, contender, new)
    return changed


def _awaited(mine: Mapping[Contender, int]) -> Iterator[Span]:
    """Yield the rows that are new here and lost their number: references may have been written to it before them."""
    holders = {number: row for row, number in mine.items()}
    for row, number in mine.items():
        holder = holders.get(row.number)
        if row.here is None and number != row.number and holder is not None and _is_awaited(row):
            yield Span(row.number, number, row.birth, holder=holder.birth)


def _awaited_before_old_rows(mine: Mapping[Contender, int]) -> Iterator[Span]:
    """Yield those of them whose number a row of the genesis asked for, with the number that it has here: it took them along.

    Where another row has that number here, it did not: what does not follow that row awaits the next one, as elsewhere.
    """
    old = {row.number: row for row in mine if row.birth.t < 0}
    others = {row.here for row in mine if row.birth.t > 0}
    for row, number in mine.items():
        holder = old.get(row.number)
        if row.here is None and number != row.number and holder is not None and _is_awaited(row):
            there = row.number if holder.here is None else holder.here
            if there not in others:
                yield Span(there, number, row.birth, holder=holder.birth)


def _old(mine: Mapping[Contender, int]) -> Iterator[Span]:
    """Yield rows of the genesis that are new here and lost their number: what still refers to it means them.

    Where who has it is here already, they are not new: that one's writer knew them, so this file did, and forgot them (decision 0034).
    """
    holders = {number: row for row, number in mine.items()}
    for row, number in mine.items():
        holder = holders.get(row.number)
        was_here = row.here is not None or (holder is not None and holder.here == row.number)
        if not was_here and row.birth.t < 0 and number != row.number:
            yield Span(row.number, number, row.birth, known=False)


def _unclaimed(mine: Mapping[Contender, int], theirs: Mapping[Contender, int]) -> Iterator[Span]:
    """Yield such rows that the sender does not know, with who has their number there: who had not seen that one either meant them."""
    holders = {number: row for row, number in theirs.items()}
    for row, number in mine.items():
        holder = holders.get(row.number)
        if row.birth.t < 0 and row not in theirs and number != row.number and holder is not None:
            yield Span(row.number, number, row.birth, holder=holder.birth)


def _is_awaited(row: Contender) -> bool:
    """Tell whether a reference that its site had written before may mean a row.

    Who used the number of a row of the genesis again knew that one: what it wrote before means the old row.
    """
    return row.root.t > 0


def _shown_there(covered: list[Contender]) -> Mapping[Contender, int]:
    """Compute the numbers of the rows that the sender knows.

    It may lack a row of the genesis that its vector covers, which was deleted there while no trigger looked: then another row is
    under its number there, though no deleted row gave it up.
    """
    found = assign(covered)
    taken = {contender.there for contender in covered if contender.there is not None}
    lacking = {row for row, number in found.items() if row.birth.t < 0 and row.there is None and number in taken}
    return assign([row for row in covered if row not in lacking]) if lacking else found


def _incoming(
    table: Table, mine: Mapping[Contender, int], theirs: Mapping[Contender, int], *, share_genesis: bool
) -> tuple[Span, ...]:
    """Say which number of the sender's is which of ours, where they differ.

    A row may have been refused its number there, and not here, by a row that seems to be of the genesis that both have, and that
    came while no trigger looked.
    """
    found: dict[int, Span] = {}
    for contender, computed in theirs.items():
        there = computed if contender.there is None else contender.there
        refused, here = contender.attempts(there), contender.attempts(mine[contender])
        if there in found or (refused > here and not (share_genesis and (refused, here) == (1, 0))):
            raise InvalidChangesetError(
                f"not a sound changeset: rows of table {table.name!r} can't have the numbers that it gives them"
            )
        found[there] = Span(there, mine[contender], contender.birth)
    return tuple(span for span in found.values() if span.old != span.new)
