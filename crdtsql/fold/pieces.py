"""Pieces: which site each part of the log belongs to, and the stamps of its events.

A log is one piece, unless the file was copied with writes in it: those that were in the log when it was copied belong to the
site that folded them first (decision 0015). A stamp's site follows from its hlc, because both rise along the log.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import apsw

from crdtsql.base import Sql, TemporaryTable, integer, joined, naming, query, sql
from crdtsql.store import Registry

EVENT = TemporaryTable(
    "_crdt_event",
    "fold/pieces/create_event",
    written_by=("fold/foldparts", "numbers/renumber"),
    read_by=(
        "conflicts/severed",
        "conflicts/unseen",
        "fold/folding",
        "fold/unsure",
        "numbers/births",
        "numbers/contenders",
        "shown/settling",
        "shown/standins",
    ),
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the log.

    Attributes:
        site: ordinal of the site whose events they are.
        now_ms: what the clock of this machine said when they were folded first; a writer's clock ahead of it is cut.
        last: seq of its last entry; None for the part that ends with the log.
    """

    site: int
    now_ms: int
    last: int | None = None


def stamp(connection: apsw.Connection, log_keys: Sql, pieces: Sequence[Piece], clock: int) -> Stamped:
    """Fill `temp._crdt_event` from the log; return the sites of its stamps."""
    statement = sql(
        "fold/pieces/stamp_events",
        log_keys=log_keys,
        now_ms=_by_place(pieces, [piece.now_ms for piece in pieces]),
        site=_by_place(pieces, [piece.site for piece in pieces]),
    )
    connection.execute(statement, {"clock": clock})
    return Stamped(tuple(_spans(connection, pieces)))


def _spans(connection: apsw.Connection, pieces: Sequence[Piece]) -> Iterator[tuple[int, int, int]]:
    """Yield the site, the first and the last hlc of each piece that has entries; stamps rise along the log."""
    before = -1
    for piece in pieces:
        last = (1 << 63) - 1 if piece.last is None else piece.last
        found = query.first(connection, sql("fold/pieces/find_ends"), {"before": before, "last": last})
        if found[0] is not None:
            yield piece.site, found[0], found[1]
        before = last


def reached(registry: Registry, pieces: Sequence[Piece], site: int) -> int:
    """Return how far a site has come, with the parts of the log that are its own and were folded before."""
    (upto,) = query.first(registry.connection, "SELECT upto FROM _crdt_site WHERE ordinal = ?", (site,))
    if not any(piece.site == site for piece in pieces):
        return int(upto)
    log_keys = joined(naming.key(position) for position in range(1, registry.log_key_count() + 1))
    with EVENT.created(registry.connection, log_keys=log_keys):
        rest = Piece(0, pieces[-1].now_ms)
        spans = stamp(registry.connection, log_keys, [*pieces, rest], registry.number("clock")).spans
    return max(int(upto), *(last for owner, _, last in spans if owner == site))


def _by_place(pieces: Sequence[Piece], values: Sequence[int]) -> Sql:
    """Choose a value by the piece that an entry belongs to."""
    found = integer(values[-1])
    for piece, value in reversed(list(zip(pieces[:-1], values[:-1], strict=True))):
        found = Sql(f"CASE WHEN seq <= {piece.last} THEN {integer(value)} ELSE {found} END")
    return found


@dataclass(frozen=True, slots=True)
class Stamped:
    """The stamps of a log: (site's ordinal, first hlc, last hlc) of each piece that has events, in order."""

    spans: tuple[tuple[int, int, int], ...]

    def site_of(self, hlc: str) -> Sql:
        """Render the ordinal of the site that an hlc belongs to."""
        found = integer(self.spans[-1][0])
        for site, _, last in reversed(self.spans[:-1]):
            found = Sql(f"CASE WHEN {hlc} <= {last} THEN {site} ELSE {found} END")
        return found
