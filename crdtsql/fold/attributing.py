"""Attributing: whose the events of the log are, of what their writers said in `crdt_actor` meanwhile (decision 0048).

A mark stands between two entries of the log. Invariant: afterwards one mark is left at most, which says as whom writes of now count.
"""

from __future__ import annotations

from collections.abc import Sequence

from crdtsql.base import query, sql
from crdtsql.fold.pieces import Piece
from crdtsql.store import Registry, acting

LAST = (1 << 63) - 1


def attribute(registry: Registry, pieces: Sequence[Piece]) -> None:
    """Note whose the events in `temp._crdt_event` are; the vector does not cover them yet.

    Args:
        pieces: the parts of the log. If this file is a copy, who wrote in the other one does not go on here.
    """
    connection = registry.connection
    if not query.exists(connection, "main._crdt_acting"):
        return
    marks = acting.marks(connection)
    if any(mark.left for mark in marks):
        marks += [acting.Said(piece.last, None) for piece in pieces if piece.last is not None]
        marks.sort(key=lambda mark: mark.after)
    reached = {ordinal: upto for ordinal, _, upto in registry.sites()}
    ends = [mark.after for mark in marks[1:]] + [LAST]
    for mark, last in zip(marks, ends, strict=True):
        if mark.actor is not None and mark.after < last:
            values = {"after": mark.after, "last": last}
            for site, since, upto, before in query.rows(connection, sql("fold/attributing/spans"), values):
                acting.attribute(registry, site, since, upto, mark.actor, before or reached.get(site, 0))
    acting.keep(connection)
