"""Taken: values that go with writes of a changeset though the tables of their writers did not show them.

The header names such writes (`conflicts/unseen.py` says where they come from). A replica that has the value puts it into its
conflict log when it takes the write. A typed cell is made of parts: it counts if the write that took its place knew one of them,
as `_crdt_merged` says, whatever was added since. Asked before the parts of both sides are joined.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import apsw

from crdtsql.base import Sql, SqliteValue, TemporaryTable, integer, query, rounds_rule, sql, text
from crdtsql.compaction import floor
from crdtsql.conflicts import unseen
from crdtsql.merge.arrival import Arrival, Pair
from crdtsql.store import Registry
from crdtsql.types import TYPES, Kind
from crdtsql.wire import Header, UnseenWrite

FORGOTTEN, SETTLED = -1, -2
"""Stand for the site of a value whose stamp may have been forgotten here; of one whose stamp the sender may have forgotten."""
UNSEEN = TemporaryTable("_crdt_unseen", "merge/taken/create_unseen", read_by=("merge/arrival",))
BELOW = TemporaryTable("_crdt_forgotten", "merge/taken/create_forgotten", read_by=("merge/arrival", "merge/mergeparts"))
TAKEN = TemporaryTable("_crdt_taken", "merge/taken/create_taken", read_by=("merge/arrival",))


@contextmanager
def comparing(connection: apsw.Connection) -> Iterator[None]:
    """Keep the temporary table of what either side may have forgotten for the length of a block."""
    with BELOW.created(connection):
        yield


def _forgotten(registry: Registry, header: Header) -> dict[bytes, int]:
    """Return up to where either side may have forgotten stamps; empty where none has."""
    return rounds_rule.most(floor.read(registry).floor, header.compaction.floor)


def note_forgotten(registry: Registry, header: Header) -> None:
    """Note it, by the ordinals of the sites, once they have some."""
    vector = _forgotten(registry, header)
    if not vector:
        return
    ordinals = registry.ordinals()
    below = floor.with_retired(registry, vector)
    known = [(ordinals[site], upto) for site, upto in below.items() if site in ordinals]
    query.insert_all(registry.connection, "temp._crdt_forgotten", known)


def may_have_forgotten(connection: apsw.Connection) -> bool:
    """Tell whether either side may have forgotten anything."""
    return query.exists(connection, "temp._crdt_forgotten")


@contextmanager
def noting(connection: apsw.Connection) -> Iterator[None]:
    """Keep the temporary tables of such writes, and of the typed cells that they take, for the length of a block."""
    with UNSEEN.created(connection), TAKEN.created(connection):
        yield


def note(registry: Registry, header: Header, local: dict[int, int]) -> None:
    """Note the writes of a changeset that took the place of values unseen, and remember them to pass them on.

    Args:
        local: changeset ordinal -> local ordinal.
    """
    if not header.unseen:
        return
    noted, writes = [], []
    below = _forgotten(registry, header)
    for one in header.unseen:
        since, lost = (one.since[0], local[one.since[1]]), one.lost and (one.lost[0], local[one.lost[1]])
        writes.append(UnseenWrite(one.hlc, local[one.site], one.uid, since, lost))
        value = {"t": one.hlc, "remote": one.site, "uid": one.uid}
        value |= {"since_t": since[0], "since_s": since[1], "since_remote": one.since[1]}
        for lost_t, lost_s in _stamps_here(registry, lost, below):
            noted.append(value | {"lost_t": lost_t, "lost_s": lost_s})
    if noted:
        registry.connection.executemany(sql("merge/taken/note_unseen"), noted)
        unseen.remember(registry, writes)


def _stamps_here(registry: Registry, lost: tuple[int, int] | None, below: Mapping[bytes, int]) -> list[tuple[int, int]]:
    """Return which stamp a value may have here that a write took the place of: another one where either side has forgotten it."""
    if lost is None:
        return [(0, 0)]
    if below and lost[0] < 0:
        return [(0, SETTLED)]
    return [lost, (0, FORGOTTEN)] if floor.covers(registry, below, *lost) else [lost]


def find_parts(connection: apsw.Connection, arrival: Arrival, values: dict[str, SqliteValue]) -> None:
    """Find the typed cells of one table of which this replica loses a part by such a write."""
    connection.execute("DELETE FROM temp._crdt_taken")
    for pair in arrival.pairs:
        if pair.field.type != "lww":
            connection.execute(_finding(arrival, pair), values)


def _finding(arrival: Arrival, pair: Pair) -> str:
    table = arrival.table
    (new_t, new_s), (old_t, old_s) = arrival.incoming_stamp(pair), arrival.local_stamp(pair.field)
    aliases = ("part", "base", "added", "clock")
    return sql(
        "merge/taken/find_parts",
        arrived=arrival.arrived,
        new_t=new_t,
        new_s=new_s,
        old_t=old_t,
        old_s=old_s,
        uid=text(pair.field.uid),
        col=integer(pair.field.id),
        is_counter=Sql("1" if TYPES[pair.field.type].kind is Kind.TOTAL else "0"),
        clock=table.clock,
        parts=table.parts,
        **{f"{alias}_is_incoming": table.same_keys(alias, "incoming") for alias in aliases},
        **pair.sent,
        **arrival.image_slots,
    )
