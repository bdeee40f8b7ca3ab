"""Undo: take back the last combination, by deletes that travel like any.

Runs inside the caller's write transaction, on a folded registry, with an empty database attached. Writes the image of a changeset
of a new site that has seen everything here and deletes the rows which the combination brought, shown or held, and merges it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import replace

from crdtsql.base import CannotCombineError, Now, Progress, Sql, fragment, integer, joined, query, sql
from crdtsql.combine.combining import FACT, combinations
from crdtsql.combine.report import UndoReport
from crdtsql.conflicts import Answer, Selection, resolve_all
from crdtsql.export import describe
from crdtsql.merge import merge
from crdtsql.store import Registry, Table, acting
from crdtsql.types import TYPES, Kind
from crdtsql.wire import Header, Site, image


def undo(
    registry: Registry,
    database: str,
    now: Now,
    make_site: Callable[[], bytes],
    on_progress: Progress,
    fold: Callable[[], object],
    *,
    changed_too: bool,
) -> UndoReport:
    """Delete the rows that the last combination brought, and give cells back that took its values.

    Args:
        changed_too: rows that were changed since go too; else they stay.

    Raises:
        CannotCombineError: there is no combination to take back.
    """
    found = combinations(registry)
    if not found:
        raise CannotCombineError(f"{registry.path} was not combined with another file, or that was taken back already")
    last, report = found[-1], UndoReport(found[-1]["path"])
    if last["taken"]:  # before the rows go that these values may refer to
        answered = resolve_all(registry, Answer("ours"), Selection(site=last["taken"]), fold)
        report.restored, report.failed = len(answered.resolved), len(answered.failed)
        report.kept, report.site = _not_logged(registry, last.get("written", ())), last["taken"]
        fold()
    ordinal = registry.add_site(make_site())
    base = began = registry.tick(now())
    given = {"born": registry.add_site(bytes.fromhex(last["born"])), "changed_too": changed_too}
    headers = []
    for table in registry.tables():
        deleted, changed = query.first(registry.connection, sql("combine/undo/count", **_slots(table)), given)
        headers.append(replace(describe(registry.connection, table), rows=deleted, gone=deleted))
        report.deleted |= {table.name: deleted} if deleted else {}
        report.changed |= {table.name: changed} if changed else {}
    upto = base + sum(header.rows for header in headers)
    sites = [Site(number, site, upto if number == ordinal else seen, 0) for number, site, seen in registry.sites()]
    header = Header(registry.site_id(ordinal), now(), tuple(sites), tuple(headers), registry.eras())
    for statement in image.schema(header, database):
        registry.connection.execute(statement)
    for number, table in enumerate(registry.tables(), 1):
        base = _delete(registry, table, number, database, given | {"base": base, "site": ordinal})
    merge(registry, header, database, on_progress)
    acting.attribute_directly(registry, ordinal, began, upto)
    registry.set(FACT, json.dumps(found[:-1]))
    return report


def _not_logged(registry: Registry, tables: Collection[str]) -> list[str]:
    """List the columns of tables whose cells merge without a conflict, so that nothing tells what they were before."""
    return [
        f"{table.name}.{field.name}"
        for table in registry.tables()
        for field in table.fields
        if table.name in tables and not (TYPES[field.type].kind is Kind.LWW or TYPES[field.type].keeps_values)
    ]


def _slots(table: Table) -> dict[str, Sql]:
    born_s = fragment("combine/undo/born_site", born=table.born) if table.is_numbered else Sql("clock.s")
    changed = fragment("combine/undo/changed", heads=table.heads, heads_is_clock=table.same_keys("heads", "clock"))
    return {"clock": table.clock, "born_s": born_s, "changed": changed}


def _delete(registry: Registry, table: Table, number: int, database: str, given: dict[str, int]) -> int:
    """Write the deletes of one table into the image; return the last hlc that was used."""
    connection = registry.connection
    words = image.words(len(table.fields) + len(table.parked))
    slots = {"image": Sql(database), "row_table": image.row_table(number)}
    statement = sql(
        "combine/undo/delete",
        keys=table.keys,
        clock_keys=table.keys_of("clock"),
        words=joined(words),
        masks=joined(integer(0) for _ in words),
        **slots,
        **_slots(table),
    )
    connection.execute(statement, given)
    deleted = connection.changes()
    if table.is_numbered:
        connection.execute(sql("combine/undo/born", born=table.born, born_table=image.born_table(number), **slots))
    return given["base"] + deleted
