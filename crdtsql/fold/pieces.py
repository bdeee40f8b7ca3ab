"""Pieces: which site each part of the log belongs to, and the stamps of its events.

A log is one piece, unless the file was copied with writes in it: those that were in the log when it was copied belong to the
site that folded them first (decision 0015). A stamp's site follows from its hlc, because both rise along the log.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import NamedTuple

import apsw

from crdtsql.base import Formed, Sql, TemporaryTable, integer, query, sql
from crdtsql.store import CHANCE_BITS, Logged, Registry

EVENT = TemporaryTable(
    "_crdt_event",
    "fold/pieces/create_event",
    written_by=("fold/foldparts", "numbers/foretelling", "numbers/renumber", "shown/moved"),
    read_by=(
        "conflicts/severed",
        "conflicts/unseen",
        "fold/attributing",
        "fold/byrow",
        "fold/folding",
        "fold/unsure",
        "history/recording",
        "numbers/births",
        "numbers/contenders",
        "purge/told",
        "shown/bearing",
        "shown/settling",
        "shown/standins",
    ),
)


STRETCH = TemporaryTable("_crdt_stretch", "fold/pieces/create_stretch")


class Stretch(NamedTuple):
    """A part of a piece in which hlc rises as seq does: the first and the last seq, hlc minus seq, and the site's ordinal."""

    first: int
    last: int
    more: int
    s: int


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


def stamp(connection: apsw.Connection, log_keys: Sql, logged: Logged, pieces: Sequence[Piece], clock: int) -> Stamped:
    """Fill `temp._crdt_event` from the log; return the sites of its stamps."""
    parts = _stretches(logged, pieces, clock)
    statement = sql("fold/pieces/stamp_events", log_keys=log_keys, written_ms=Logged.written_ms())
    with STRETCH.created(connection):
        connection.executemany("INSERT INTO temp._crdt_stretch VALUES (?, ?, ?, ?)", chain.from_iterable(parts))
        connection.execute(statement)
    return _stamped(parts)


def _stretches(logged: Logged, pieces: Sequence[Piece], clock: int) -> list[list[Stretch]]:
    """Return for each piece that has entries the parts of it in which hlc rises as seq does.

    hlc rises by at least one with each entry, and never falls behind the writer's clock; a writer's clock ahead of the
    machine's is cut. So hlc minus seq is a running maximum, which only a later millisecond can raise.
    """
    found: list[list[Stretch]] = []
    moments, place = logged.moments(), 0
    for piece in pieces:
        end = len(logged) if piece.last is None else bisect_right(logged.seqs, piece.last)
        if end <= place:
            continue
        seqs = logged.seqs[place:end]
        begins, enough = [(seqs[0], clock)], -1 << 127
        for seq, at in zip(seqs, islice(moments, end - place), strict=True):
            if at < enough:
                continue
            more = (min(at >> CHANCE_BITS, piece.now_ms) << 16) - seq
            if more > clock:
                clock = more
                begins.append((seq, more))
            enough = (((clock + seq) >> 16) + 1) << CHANCE_BITS
        if begins[1:] and begins[1][0] == seqs[0]:
            del begins[0]
        ends = [*(seq - 1 for seq, _ in begins[1:]), seqs[-1]]
        found.append([Stretch(first, last, more, piece.site) for (first, more), last in zip(begins, ends, strict=True)])
        place = end
    return found


def _stamped(parts: Sequence[Sequence[Stretch]]) -> Stamped:
    return Stamped(tuple((part[0].s, part[0].first + part[0].more, part[-1].last + part[-1].more) for part in parts))


def reached(registry: Registry, logged: Logged, pieces: Sequence[Piece], site: int) -> int:
    """Return how far a site has come, with the parts of the log that are its own and were folded before."""
    (upto,) = query.first(registry.connection, "SELECT upto FROM _crdt_site WHERE ordinal = ?", (site,))
    spans = _stamped(_stretches(logged, pieces, registry.number("clock"))).spans
    return max([int(upto), *(last for owner, _, last in spans if owner == site)])


@dataclass(frozen=True, slots=True)
class Stamped(Formed):
    """The stamps of a log: (site's ordinal, first hlc, last hlc) of each piece that has events, in order."""

    spans: tuple[tuple[int, int, int], ...]

    @property
    def form(self) -> Hashable:
        """Return what tells the sites apart."""
        return self.spans[:-1], self.spans[-1][0]

    def site_of(self, hlc: str) -> Sql:
        """Render the ordinal of the site that an hlc belongs to."""
        found = integer(self.spans[-1][0])
        for site, _, last in reversed(self.spans[:-1]):
            found = Sql(f"CASE WHEN {hlc} <= {last} THEN {site} ELSE {found} END")
        return found
