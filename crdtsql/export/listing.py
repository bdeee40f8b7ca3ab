"""Listing: which sites a changeset lists. Those of the vector, and of the retired ones only those that something in it names.

Reads the tables that were filled for it. Costs nothing in a file that knows no retired site.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import apsw

from crdtsql.base import joined, policy, query
from crdtsql.store import Registry, retired
from crdtsql.wire import Header, TableHeader, image


def without_unnamed(registry: Registry, header: Header, database: str, numbers: Iterable[int]) -> Header:
    """Return the header without the retired sites that nothing names.

    The last site, and the one of the highest event, stay: the schema of an image says what none of it is above.

    Args:
        database: where the image, or the workbench, is.
        numbers: the tables that were filled.
    """
    named = retired.named(registry)
    left = {site.ordinal for site in header.sites if site.id in named} if named else set()
    if not left:
        return header
    left -= {max(site.ordinal for site in header.sites), max(header.sites, key=lambda site: site.upto).ordinal}
    left -= {*_in_header(header)}
    for statement in _statements(header, numbers, database):
        if left:
            left -= _ordinals(registry.connection, statement)
    return replace(header, sites=tuple(site for site in header.sites if site.ordinal not in left))


def _ordinals(connection: apsw.Connection, statement: str) -> set[int]:
    return {ordinal for row in query.rows(connection, statement) for ordinal in row}


def _in_header(header: Header) -> Iterator[int]:
    """Name the ordinals that stand in the header."""
    yield from (ordinal for _, ordinal in header.geneses.values())
    yield from (one.site for one in header.purges)
    yield from (site for _, site, _ in header.foretold)
    for write in header.unseen:
        yield from (write.site, write.since[1], *(() if write.lost is None else (write.lost[1],)))
    for table in header.tables:
        yield from () if table.genesis is None else (table.genesis[1],)
        yield from (one.s for one in table.old_numbers)


def _statements(header: Header, numbers: Iterable[int], database: str) -> Iterator[str]:
    """Write statements that find the ordinals in the tables that were filled."""
    yield f"SELECT DISTINCT site, peer FROM {database}.merged"
    if header.acted:
        yield f"SELECT DISTINCT site FROM {database}.acted"
    for number in numbers:
        table: TableHeader = header.tables[number - 1]
        cells = joined([image.cell(position)[2] for position in range(len(table.columns))])
        stamps = f"s, dot_s, {cells}" if table.columns else "s, dot_s"
        yield f"SELECT DISTINCT {stamps} FROM {database}.{image.row_table(number)}"
        yield f"SELECT DISTINCT s FROM {database}.{image.head_table(number)}"
        if image.typed_columns(table):
            yield f"SELECT DISTINCT s FROM {database}.{image.part_table(number)}"
        if table.identity == policy.BY_BIRTH:
            yield f"SELECT DISTINCT born_s, root_s FROM {database}.{image.born_table(number)}"
