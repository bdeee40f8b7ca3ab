"""Blocks: let AUTOINCREMENT tables take their ids from blocks that are the local site's own (decision 0019).

Runs inside the caller's write transaction. SQLite's next id is one more than the greater one of `sqlite_sequence.seq` and the highest
id that is there, so after whatever raised one of the two, the sequence is set to where an own block begins. Nothing here decides
which row has a number: a wrong lane, or none, costs collisions, which decision 0012 settles. Invariant: of the rows only the highest
id is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping

import apsw

from crdtsql.base import Blocks, Lane, blocks_rule, identifier, memory, query
from crdtsql.capture import create_block_triggers
from crdtsql.sqlite import autoincrement
from crdtsql.store import Registry, Table, lanes


def has_sequences(registry: Registry) -> bool:
    """Tell whether any table of the file is AUTOINCREMENT, or was; without one nobody needs a lane."""
    return _has_sequences(registry.connection)


@memory.of_schema
def _has_sequences(connection: apsw.Connection) -> bool:
    return query.exists(connection, "main.sqlite_schema", "name = 'sqlite_sequence'")


def begin(registry: Registry) -> None:
    """Give the local site, which is new, a lane, if it was given none and others of its file have one; its ids go on there."""
    known, own = lanes.read(registry), _own(registry)
    if known and own not in known:
        start = int.from_bytes(own[:8])  # copies of one file know the same lanes
        free = blocks_rule.free_lane({lane.number for lane in known.values()}, start=start)
        lanes.write(registry, {own: Lane(free, 1)})
    place(registry)


def give(registry: Registry, site: bytes) -> None:
    """Give a site that begins with a copy of this file a lane, and take note of it here.

    Others may be giving lanes at the same time, so each begins to look elsewhere.
    """
    giver = _own_lane(registry).number
    known = lanes.read(registry)
    back = giver % 2 == 1
    start = -giver if back else 2 * giver + 1
    free = blocks_rule.free_lane({lane.number for lane in known.values()}, start=start, back=back)
    lanes.write(registry, {site: Lane(free, 1)})
    place(registry)


def meet(registry: Registry, told: Mapping[bytes, Lane]) -> None:
    """Take over what others say of lanes; of the sites in one lane the one with the smallest id stays, in a block that is new."""
    found = lanes.news(registry, told)
    if not found:
        return
    lanes.write(registry, found)
    known, own = lanes.read(registry), _own(registry)
    mine = known.get(own)
    clashing = sorted(site for site, lane in known.items() if mine is not None and lane.number == mine.number)
    if mine is not None and own != min(clashing):
        taken = {lane.number for lane in known.values()}
        moved = blocks_rule.free_lane(taken, skip=clashing.index(own) - 1)
        lanes.write(registry, {own: Lane(moved, mine.chosen + 1)})
    place(registry, afresh=not found.keys().isdisjoint(clashing))


def place(registry: Registry, *, afresh: bool = False) -> None:
    """Let the next id of each AUTOINCREMENT table be in a block of the local site's, if any other site is known.

    Args:
        afresh: in the next one, because another site may write to the present one.
    """
    if not has_sequences(registry):
        return
    blocks = blocks_rule.of_lane(_own_lane(registry).number)
    if _is_alone(registry):
        return
    for name, value in blocks.facts.items():
        if registry.get(name) != value:
            registry.set(name, value)
    tables = [table for table in registry.tables() if _takes_blocks(registry, table)]
    create_block_triggers(registry.connection, tables)
    for table in tables:
        _place(registry, table, blocks, afresh=afresh)


def _own(registry: Registry) -> bytes:
    return registry.site_id(registry.self_ordinal)


def _own_lane(registry: Registry) -> Lane:
    """Return the lane of the local site; choose one if it has none, such as in a file that an earlier version wrote."""
    known, own = lanes.read(registry), _own(registry)
    if own not in known:
        others = sorted(site for _, site, _ in registry.sites() if site not in known)
        free = blocks_rule.free_lane({lane.number for lane in known.values()}, skip=others.index(own))
        known[own] = Lane(free, 1)
        lanes.write(registry, {own: known[own]})
    return known[own]


def _is_alone(registry: Registry) -> bool:
    """Tell whether no other site is known; then its ids are nobody else's."""
    return len(registry.sites()) == 1 and len(lanes.read(registry)) < 2


def _takes_blocks(registry: Registry, table: Table) -> bool:
    return (
        table.is_numbered and not table.absent and autoincrement.may_jump(registry.connection, table.name, table.key[0])
    )


def _place(registry: Registry, table: Table, blocks: Blocks, *, afresh: bool) -> None:
    connection = registry.connection
    sequence = query.rows(connection, "SELECT seq FROM main.sqlite_sequence WHERE name = ?", (table.name,))
    (highest,) = query.first(connection, f"SELECT max({identifier(table.key[0])}) FROM {table.quoted}")
    last = max([0, *(number for (number,) in (*sequence, (highest,)) if isinstance(number, int))])
    stays = blocks.hold(last + 1) and not afresh
    following = last if stays else blocks.after(last)
    if following is None or (stays and len(sequence) < 2):
        return
    connection.execute("DELETE FROM main.sqlite_sequence WHERE name = ?", (table.name,))
    connection.execute("INSERT INTO main.sqlite_sequence (name, seq) VALUES (?, ?)", (table.name, following))
