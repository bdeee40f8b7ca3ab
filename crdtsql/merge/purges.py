"""Purges: what a merge does besides where a changeset says that the values of deleted rows are to be forgotten.

A purge is a delete that stamps cells too (`purge/purging.py`), so the values themselves go by the rules of merging. Besides, SQLite
overwrites what it deletes meanwhile, and the conflict log forgets what the purge had seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from crdtsql.base import Sql, joined, policy, query, rendered, sql, suggest
from crdtsql.merge.arrival import Arrival
from crdtsql.merge.report import MergeReport, TableReport
from crdtsql.purge import erasing, told
from crdtsql.sqlite import securely
from crdtsql.store import Registry
from crdtsql.trust import chains
from crdtsql.wire import Header, PurgedRow, image


@contextmanager
def carried_out(
    registry: Registry, header: Header, local: Mapping[int, int], arrivals: Sequence[Arrival], report: MergeReport
) -> Iterator[None]:
    """Merge in a block, and let what purges had seen be forgotten; keys in the image are those of this replica already.

    Args:
        local: changeset ordinal -> local ordinal.
    """
    listed, finding = _news(registry, header, local), [(arrival, _finding(registry, arrival)) for arrival in arrivals]
    if not listed and not told.any_known(registry) and not any(statements for _, statements in finding):
        yield
        return
    with erasing.noting(registry):
        found = +Counter({arrival.table.name: _find(registry, arrival, statements) for arrival, statements in finding})
        if listed:
            found += told.note_told(registry, listed)
        if found or told.any_known(registry):
            for arrival in arrivals:
                _note_shown(registry, arrival)
        if not query.exists(registry.connection, "temp._crdt_purge"):
            yield
            return
        told.remember(registry, ())
        with securely.erasing(registry.connection):
            yield
            for table in erasing.concerned(registry):
                erasing.erase(registry, table)
                told.note_hidden(registry, table)
            if found:
                chains.forget_changesets(registry)
    for name, rows in found.items():
        report.tables.setdefault(name, TableReport()).purged = rows
    if found:
        report.notices.append(_notice(registry, sum(found.values())))


def _news(registry: Registry, header: Header, local: Mapping[int, int]) -> list[PurgedRow]:
    """List the purges that the header names and that are new here, by local ordinals."""
    if not header.purges:
        return []
    vector = registry.vector()
    seen = {local[site.ordinal]: upto for site in header.sites if (upto := vector.get(site.id, 0))}
    news = [one._replace(site=local[one.site]) for one in header.purges if one.hlc > seen.get(local[one.site], 0)]
    numbered = {table.uid for table in header.tables if table.identity == policy.BY_BIRTH}
    numbered |= header.others.get(policy.BY_BIRTH, frozenset())
    return [one if one.uid not in numbered else _with_local_root(one, local) for one in news]


def _with_local_root(one: PurgedRow, local: Mapping[int, int]) -> PurgedRow:
    number, t, s = (*one.key, None, None)[:3]
    return one._replace(key=(number, t, local.get(s) if isinstance(s, int) else None))


def _note_shown(registry: Registry, arrival: Arrival) -> None:
    """Note the purges that rows show here before the merge, which may take the place of their delete."""
    rows = Sql(f"{arrival.image_slots['image']}.{arrival.image_slots['row_table']}")
    told.note_shown(registry, arrival.table, rows)


def _notice(registry: Registry, rows: int) -> str:
    return (
        f"{registry.path}: another replica purged the values of {rows:,} deleted row{'' if rows == 1 else 's'}, and they are "
        f"overwritten here; older copies of them may be left in free pages: {suggest.sqlite('VACUUM', registry.path)} clears these"
    )


def _finding(registry: Registry, arrival: Arrival) -> list[str]:
    """Write the statements that find the rows that are purged by events which are new here; none if nothing says that any is."""
    statements = []
    if arrival.header.columns and arrival.header.gone:
        statements.append(_find_first(arrival))
    heads = Sql(f"{arrival.image_slots['image']}.{image.head_table(arrival.number)}")
    if arrival.header.columns and query.exists(registry.connection, heads, "gone = 1"):
        statements.append(_find_further(arrival))
    return statements


def _find(registry: Registry, arrival: Arrival, statements: Sequence[str]) -> int:
    """Note the rows that these statements find; return how many there are."""
    found = 0
    for statement in statements:
        registry.connection.execute(statement, {"tbl": arrival.table.id})
        found += registry.connection.changes()
    return found


@rendered
def _find_first(arrival: Arrival) -> str:
    return sql("merge/purges/find_first", **_slots(arrival, "incoming.dot_t", "incoming.dot_s"))


@rendered
def _find_further(arrival: Arrival) -> str:
    return sql(
        "merge/purges/find_further",
        further_is_incoming=arrival.table.same_keys("further", "incoming"),
        head_table=image.head_table(arrival.number),
        **_slots(arrival, "further.t", "further.s"),
    )


def _slots(arrival: Arrival, t: str, s: str) -> dict[str, Sql]:
    cells = [image.cell(position) for position in range(len(arrival.header.columns))]
    stamps_cells = joined(
        (Sql(f"(incoming.{cell_t} = {t} AND incoming.{cell_s} = {s})") for _, cell_t, cell_s in cells), " OR "
    )
    keys = {"keys": arrival.table.keys, "incoming_keys": arrival.table.keys_of("incoming")}
    return {"stamps_cells": stamps_cells, **keys, **arrival.image_slots}
