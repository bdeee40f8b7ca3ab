"""Kept: what a file keeps for others because it does not have it, who wrote it, and how much of it is one peer's. Only reads."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from crdtsql.base import CrowdedError, Sql, joined, naming, query, suggest
from crdtsql.store import Field, Registry, Table
from crdtsql.trust import signers

MAXIMUM_TABLES = 200
"""How many tables that are not here may be one peer's: half of what a file keeps."""
MAXIMUM_COLUMNS = 300
"""How many columns of a table that are not here may be one peer's: half of what a table has."""
MAXIMUM_BYTES = 4 << 20
"""How long the names of these may be together: half of what a file says."""


def table_writers(registry: Registry, table: Table) -> frozenset[int]:
    """Return the sites that wrote a table which is not here, as far as its rows show it. Cost: reads its clock rows."""
    stamps = joined([Sql("s"), Sql("dot_s"), *(naming.stamp_s(field.id) for field in table.fields)])
    rows = query.rows(registry.connection, f"SELECT DISTINCT {stamps} FROM {table.clock}")
    writers = {ordinal for row in rows for ordinal in row if ordinal is not None}
    return frozenset(writers | ({table.genesis[1]} if table.genesis else set()))


def column_writers(registry: Registry, table: Table, field: Field) -> frozenset[int]:
    """Return the sites that wrote the cells of a column which is not here. Cost: reads these."""
    statement = f"SELECT DISTINCT s FROM {table.cells_parked} WHERE col = ?"
    return frozenset(ordinal for (ordinal,) in query.rows(registry.connection, statement, (field.id,)))


def check_share(registry: Registry, sender: bytes) -> None:
    """Check that what a sender alone wrote takes no more than half of the room that there is for what is not here.

    What others wrote too, and what it passes on, is not its own: so nobody is refused for what was taken elsewhere. Cost: next to
    nothing where so much is not kept at all.

    Raises:
        CrowdedError: it does.
    """
    absent = [table for table in registry.tables() if table.absent]
    parked = [table for table in registry.tables() if table.parked]
    wide = [table for table in parked if len(table.parked) > MAXIMUM_COLUMNS]
    is_long = (
        sum(map(_length, absent)) + sum(len(field.name) for table in parked for field in table.parked) > MAXIMUM_BYTES
    )
    if not (len(absent) > MAXIMUM_TABLES or wide or is_long):
        return
    own = _sites_of(registry, sender)
    tables = [table for table in absent if _is_of(table_writers(registry, table), own)]
    if len(tables) > MAXIMUM_TABLES:
        raise _crowded(registry, sender, f"{len(tables):,} tables", "tables", MAXIMUM_TABLES)
    length = sum(map(_length, tables))
    for table in parked:
        columns = [field for field in table.parked if _is_of(column_writers(registry, table, field), own)]
        if len(columns) > MAXIMUM_COLUMNS:
            raise _crowded(
                registry, sender, f"{len(columns):,} columns of table {table.name!r}", "columns", MAXIMUM_COLUMNS
            )
        length += sum(len(field.name) for field in columns)
    if length > MAXIMUM_BYTES:
        raise _crowded(
            registry, sender, f"tables and columns with names of {length:,} characters", "bytes", MAXIMUM_BYTES
        )


def _length(table: Table) -> int:
    return len(table.name) + sum(len(name) for name in (*table.key, *(field.name for field in table.fields)))


def _is_of(writers: AbstractSet[int], own: AbstractSet[int]) -> bool:
    return bool(writers) and writers <= own


def _sites_of(registry: Registry, sender: bytes) -> frozenset[int]:
    """Return the sites of one peer: those that sign with the sender's key, or the sender alone."""
    known = signers.read(registry)
    key = known[sender].key if sender in known else b""
    same = {site for site, one in known.items() if key and one.key == key} | {sender}
    return frozenset(ordinal for site, ordinal in registry.ordinals().items() if site in same)


def _crowded(registry: Registry, sender: bytes, what: str, kind: str, most: int) -> CrowdedError:
    return CrowdedError(
        f"with the changeset {registry.path} would keep {what} that are not in it and that site {sender.hex()} alone wrote, and keeps "
        f"{most:,} of one peer: nothing was changed; get what you use with {suggest.verb('schema pull')}, or see what is kept with "
        f"{suggest.command('strangers', registry.path)}",
        kind,
        most,
    )
