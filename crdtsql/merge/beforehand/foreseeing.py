"""Foreseeing: what of a large changeset is found out before the file is locked.

Which rows bring news follows from the changeset, and from what the replica has of the changeset's sites. Others may write meanwhile,
but that makes news of nothing, and only another merge can take them in. So the rows with news are listed while nobody waits, and the
list counts unless there was such a merge. What the file says of each row is looked up under the lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import apsw

from crdtsql.base import WORD_BITS, Sql, TemporaryTable, integer, joined, query, sql
from crdtsql.store import Registry, retired
from crdtsql.wire import Header, TableHeader, image

if TYPE_CHECKING:
    from crdtsql.merge.arrival import Arrival

NEWS = TemporaryTable("_crdt_news", "merge/beforehand/foreseeing/create_news")
COVERED = TemporaryTable("_crdt_covered", "merge/beforehand/foreseeing/create_covered")
MANY_ROWS = 20_000
"""Tables of fewer rows are done so soon that no list is worth a table of its own."""


@dataclass(frozen=True, slots=True)
class ForeseenRows:
    """What is known of the rows of one table.

    Attributes:
        news: the table that lists those that bring news.
        rows: how many these are.
        living: how many of them are not deleted.
        are_whole: all are as the sender's table was enabled with, and all their cells were sent.
    """

    news: Sql
    rows: int
    living: int
    are_whole: bool


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What was found out of a changeset.

    Attributes:
        sites: what the changeset calls a site -> up to which event the sender has all of it, and up to which this replica had.
        tables: number of a table -> what is known of its rows.
    """

    sites: Mapping[int, tuple[int, int]]
    tables: Mapping[int, ForeseenRows]

    def tell(self, connection: apsw.Connection, arrivals: Iterable[Arrival]) -> None:
        """Tell it to arrivals, if the same rows bring news now; the sites of the changeset are mapped."""
        if not self.tables:
            return
        now = dict(query.rows(connection, "SELECT remote, seen FROM temp._crdt_from"))
        if all(min(upto, now.get(site, 0)) == min(upto, covered) for site, (upto, covered) in self.sites.items()):
            for arrival in arrivals:
                if arrival.number in self.tables:
                    arrival.foresee(self.tables[arrival.number])


NOTHING = Foreseen({}, {})


@contextmanager
def foreseen(registry: Registry, header: Header, database: str) -> Iterator[Foreseen]:
    """Find out what can be known of the large tables of an attached, checked image, and keep it for the length of a block."""
    large = [number for number, table in enumerate(header.tables, 1) if table.rows >= MANY_ROWS]
    if not large:
        yield NOTHING
        return
    connection, ours = registry.connection, retired.vector_with(registry, (site.id for site in header.sites))
    sites = {site.ordinal: (site.upto, ours.get(site.id, 0)) for site in header.sites}
    with ExitStack() as kept:
        with COVERED.created(connection):
            covered = [(site, upto) for site, (_, upto) in sites.items()]
            query.insert_all(connection, "temp._crdt_covered", covered)
            found = {}
            for number in large:
                news = NEWS.of(number)
                kept.enter_context(news.created(connection, news=news.quoted))
                found[number] = _look_at(connection, header.tables[number - 1], number, Sql(database), news.quoted)
        yield Foreseen(sites, found)


def _look_at(connection: apsw.Connection, table: TableHeader, number: int, database: Sql, news: Sql) -> ForeseenRows:
    slots = {"image": database, "row_table": image.row_table(number)}
    keys = [Sql(f"k{position}") for position in range(1, len(table.key) + 1)]
    find_news = sql(
        "merge/beforehand/foreseeing/find_news",
        news=news,
        head_table=image.head_table(number),
        head_is_incoming=joined((Sql(f"head.{key} = incoming.{key}") for key in keys), " AND "),
        **slots,
    )
    connection.execute(find_news)
    rows, gone = query.first(connection, f"SELECT count(*), count(gone) FROM {news}")
    written = table.genesis is None or query.first(
        connection,
        sql("merge/beforehand/foreseeing/find_written", is_whole=_is_whole(len(table.columns)), **slots),
        dict(zip(("genesis_t", "genesis_s"), table.genesis, strict=True)),
    )
    return ForeseenRows(news, rows, rows - gone, not written)


def _is_whole(columns: int) -> Sql:
    """Say that all cells of a row were sent."""
    sizes = [min(WORD_BITS, columns - first) for first in range(0, columns, WORD_BITS)]
    masks = [integer((1 << size) - 1) for size in sizes]
    whole = [Sql(f"{word} & {mask} = {mask}") for word, mask in zip(image.words(columns), masks, strict=False)]
    return joined(whole or [Sql("1")], " AND ")
