"""Strangers: what a file keeps for others, because it does not have it itself. Only reads a folded registry.

Replicas of one team have other tables and columns from time to time, and what they write there is kept and passed on. Whoever sends
changesets can say anything of what is not here, so this is also where a stranger can leave something behind: a table under the
name of one that is still to come, or word of tables that were disabled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from crdtsql.base import query
from crdtsql.export import kept, parkedcells
from crdtsql.store import Registry, Table, heard, lanes, names

TABLE, COLUMN, ERA, SITE = "table", "column", "era", "site"


@dataclass(frozen=True, slots=True)
class Stranger:
    """Something that a file keeps for others.

    Attributes:
        kind: `table`: one that is not in this file; `column`: one that a table here does not have; `era`: how often a table was
            disabled elsewhere that is not replicated here; `site`: the name or the blocks of ids of a site of which no event is here.
        name: of the table, the column as `table.column`, the table's uid, or the site's id: `drop_strangers` takes it.
        says: what is said of it: the columns with their types, the type, how often, or the site's name.
        rows: how many rows or cells there are; 0 for the others.
        sites: ids of the sites that wrote them last; of an era or a site the one that told of it first, if that is known.
    """

    kind: str
    name: str
    says: str
    rows: int = 0
    sites: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        return asdict(self)


def strangers(registry: Registry) -> list[Stranger]:
    """List what is kept for others. Cost: counts the rows."""
    tables = registry.tables()
    found = [_absent(registry, table) for table in tables if table.absent]
    found += [_parked(registry, table, position) for table in tables for position in range(len(table.parked))]
    here = {table.uid for table in tables}
    told = heard.read(registry)
    found += [
        Stranger(ERA, uid, f"disabled {times}x", sites=_teller(told, uid))
        for uid, times in sorted(registry.eras().items())
        if uid not in here
    ]
    return [*found, *_sites(registry, told)]


def _absent(registry: Registry, table: Table) -> Stranger:
    (rows,) = query.first(registry.connection, f"SELECT count(*) FROM {table.quoted}")
    columns = [f"{name} (key)" for name in table.key] + [f"{field.name} {field.type}" for field in table.fields]
    return Stranger(TABLE, table.name, ", ".join(columns), rows, _ids(registry, kept.table_writers(registry, table)))


def _parked(registry: Registry, table: Table, position: int) -> Stranger:
    field = table.parked[position]
    name, cells = f"{table.name}.{field.name}", parkedcells.count_cells(registry.connection, table, field)
    return Stranger(COLUMN, name, field.type, cells, _ids(registry, kept.column_writers(registry, table, field)))


def _ids(registry: Registry, ordinals: frozenset[int]) -> tuple[str, ...]:
    return tuple(sorted(registry.site_id(ordinal).hex() for ordinal in ordinals))


def _teller(told: Mapping[str, str], name: str) -> tuple[str, ...]:
    return (told[name],) if name in told else ()


def _sites(registry: Registry, told: Mapping[str, str]) -> Iterator[Stranger]:
    """List the sites of which something is known, but no event: a clone that wrote nothing yet, or none at all."""
    known = {site for _, site, _ in registry.sites()}
    called = names.read(registry)
    for site in sorted({*called, *lanes.read(registry)} - known):
        yield Stranger(SITE, site.hex(), called.get(site, ("", 0))[0], sites=_teller(told, site.hex()))
