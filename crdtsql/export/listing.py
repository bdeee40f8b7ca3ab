"""Listing: which sites a changeset lists. Those of the vector, and of the retired ones only those that something in it names.

Where there are many that wrote nothing, or of which the receiver said to have what is here, these are listed only if something names
them; of those that wrote a digest says what is here of them (decision 0052). Reads the tables that were filled for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

import apsw

from crdtsql.base import RETIRED, joined, policy, query
from crdtsql.store import Registry, retired, sites
from crdtsql.wire import Header, Site, TableHeader, image

FEWEST = 32
"""From so many sites on that need not be listed it pays to leave them out."""


def of(registry: Registry, receiver: Mapping[bytes, int], ordinals: Iterable[int] | None) -> tuple[Site, ...]:
    """List sites, given their ordinals, or all, as a changeset for a receiver with that vector does."""
    known = sites.known(registry.connection)
    found = known.listed if ordinals is None else known.some(sorted(ordinals))
    return tuple(Site(*site, min(site[2], receiver.get(site[1], 0))) for site in found)


def apart(registry: Registry, receiver: Mapping[bytes, int], differing: AbstractSet[bytes]) -> set[int] | None:
    """Return the ordinals of the sites that must be listed, even if nothing names them; None if all are.

    Args:
        differing: the sites of which the receiver has something else than this file.
    """
    vector, ordinals = registry.vector(), registry.ordinals()
    if len(ordinals) < FEWEST or RETIRED in vector or RETIRED in receiver:
        return None
    if len(vector) == len(differing):  # nothing may say then that both have met
        return None
    return {registry.self_ordinal, *(ordinals[site] for site in differing)}


def with_rest(
    registry: Registry,
    header: Header,
    receiver: Mapping[bytes, int],
    apart: AbstractSet[int],
    database: str,
    numbers: Sequence[int],
) -> Header:
    """Return the header with those sites that must be listed, and those that something names; with all, if few others are left.

    Args:
        apart: what `apart` returned.
        database: where the workbench is.
        numbers: the tables that were filled.
    """
    wanted = {*apart}.union(
        _in_header(header),
        *(_ordinals(registry.connection, statement) for statement in _statements(header, numbers, database)),
    )
    if len(registry.ordinals()) - len(wanted) >= FEWEST:
        listed, packed = of(registry, receiver, wanted), sites.known(registry.connection).packed
        return replace(header, sites=listed, rest=packed.without(site.id for site in listed))
    return replace(header, sites=of(registry, receiver, None))


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
    return {ordinal for row in query.rows(connection, statement) for ordinal in row if ordinal is not None}


def _in_header(header: Header) -> Iterator[int]:
    """Name the ordinals that stand in the header."""
    yield from (ordinal for _, ordinal in header.geneses.values())
    for (
        one
    ) in header.purges:  # of rows that are numbered the key names a site too; what else is a number there does no harm
        yield from (one.site, *(part for part in one.key if isinstance(part, int)))
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
