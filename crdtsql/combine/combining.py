"""Combining: merge the rows of a file that was filled separately as what a new site inserted.

Runs inside the caller's write transaction, on a folded registry, with what was gathered attached. Writes the image of a changeset that
the other file would have sent if it were a replica in which somebody had just inserted all of its rows, and merges it: so
constraints, policies and references count as in any merge, and the other replicas get the rows as they get any. Rows whose key is
here already keep the values from here, or take the others as what a second new site wrote, so that what they replace is in the
conflict log.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from crdtsql.base import (
    WORD_BITS,
    CannotCombineError,
    Now,
    Progress,
    Sql,
    integer,
    joined,
    sql,
    suggest,
)
from crdtsql.combine.gather import Gathered
from crdtsql.combine.report import CombineReport
from crdtsql.combine.staging import Staged, stage
from crdtsql.export import describe
from crdtsql.merge import merge
from crdtsql.store import Registry, acting
from crdtsql.wire import Header, Site, TableHeader, image

FACT = "combined"
"""The combinations of this file that were not taken back, oldest first, as JSON."""
BORN, OWN, TAKEN = 1, 2, 3
"""What the image calls the site of new rows, the local one, and that of values which rows from here take."""


def combine(
    registry: Registry,
    gathered: Gathered,
    database: str,
    now: Now,
    make_site: Callable[[], bytes],
    on_progress: Progress,
    *,
    take_theirs: bool,
    again: bool,
) -> CombineReport:
    """Let all rows of another file become rows here.

    Args:
        database: an attached database with what was gathered; the image comes beside it.
        take_theirs: rows that are in both files with other values take those of the other file.
        again: the other file may have been combined with this one before.

    Raises:
        CannotCombineError: the other file has met this one, or rows that can't come in.
    """
    _check_strange(registry, gathered, again=again)
    staged = stage(registry, gathered, database)
    born, taken = make_site(), make_site()
    base = began = registry.tick(now())
    header = _header(registry, staged, born, taken, base, now, take_theirs=take_theirs)
    for statement in image.schema(header, database):
        registry.connection.execute(statement)
    for number, one in enumerate(staged, 1):
        base = _fill(registry, one, number, database, base, take_theirs=take_theirs)
    merged = merge(registry, header, database, on_progress)
    for site in (site for site in header.sites if site.upto):
        acting.attribute_directly(registry, registry.add_site(site.id), began, site.upto)
    report = CombineReport(gathered.path, born.hex(), "theirs" if take_theirs else "ours")
    report.left_out, report.held_there = gathered.others, gathered.held
    for one in staged:
        counts = merged.of(one.table.name)
        one.report.inserted, one.report.held = counts.inserted, counts.held
        report.tables[one.table.name] = one.report
    written = [name for name, table in report.tables.items() if table.differing] if take_theirs else []
    _remember(registry, gathered.path, born, taken if take_theirs else None, written)
    return report


def _check_strange(registry: Registry, gathered: Gathered, *, again: bool) -> None:
    """Check that a file has nothing in common with this one."""
    if gathered.sites & {site for _, site, _ in registry.sites()}:
        raise CannotCombineError(
            f"{gathered.path} and {registry.path} have met, or one is a copy of the other: nothing was changed; bring them together "
            f"with {suggest.command('sync', registry.path, gathered.path)}"
        )
    path = os.path.realpath(gathered.path)
    if not again and any(found["path"] == path for found in combinations(registry)):
        back = suggest.command("combine", registry.path, options=["--undo"])
        raise CannotCombineError(
            f"{gathered.path} was combined with {registry.path} before, and all rows with automatic numbers would be there twice: "
            f"nothing was changed; take that back with {back}, or give --again"
        )


def combinations(registry: Registry) -> list[dict[str, Any]]:
    """List what was combined with this file and not taken back, oldest first."""
    return list(json.loads(str(registry.get(FACT) or "[]")))


def keep_combinations(registry: Registry, kept: list[dict[str, Any]]) -> None:
    """Forget all combinations but some, as `combinations` lists them."""
    if kept != combinations(registry):
        registry.set(FACT, json.dumps(kept) if kept else None)


def _remember(registry: Registry, path: str, born: bytes, taken: bytes | None, written: list[str]) -> None:
    found = {
        "path": os.path.realpath(path),
        "born": born.hex(),
        "taken": taken.hex() if taken else "",
        "written": written,  # the tables with rows that took values
    }
    registry.set(FACT, json.dumps([*combinations(registry), found]))


def _header(
    registry: Registry, staged: list[Staged], born: bytes, taken: bytes, base: int, now: Now, *, take_theirs: bool
) -> Header:
    tables, upto = [], base
    for one in staged:
        rows = one.report.rows - one.report.same - (0 if take_theirs else one.report.differing)
        tables.append(_describe(registry, one, rows))
        upto += rows
    sites = [Site(BORN, born, upto, 0), Site(OWN, registry.site_id(registry.self_ordinal), 0, 0)]
    sites += [Site(TAKEN, taken, upto, 0)] if take_theirs else []
    return Header(born, now(), tuple(sites), tuple(tables), registry.eras())


def _describe(registry: Registry, one: Staged, rows: int) -> TableHeader:
    """Describe a table as a changeset does that has the columns of both files."""
    return replace(
        describe(registry.connection, one.table),
        columns=tuple((field.name, field.type) for field in one.fields),
        given_uids=(*one.table.key_uids, *(field.uid for field in one.fields)),
        parked=(),
        genesis=None,
        rows=rows,
    )


def _fill(registry: Registry, one: Staged, number: int, database: str, base: int, *, take_theirs: bool) -> int:
    """Write the rows of one table into the image; return the last hlc that was used."""
    words = image.words(len(one.fields))
    lengths = [min(WORD_BITS, len(one.fields) - WORD_BITS * word) for word in range(len(words))]
    values = joined((Sql(f", {value}") for value in one.values), "")
    statement = sql(
        "combine/combining/fill_image",
        image=Sql(database),
        row_table=image.row_table(number),
        keys=one.table.keys,
        words=joined(words),
        masks=joined(integer((1 << length) - 1) for length in lengths),
        values=values,
        staged_values=values,
        staged=one.name,
    )
    given = {"base": base, "born": BORN, "taken": TAKEN, "take_theirs": take_theirs}
    registry.connection.execute(statement, given)
    return base + registry.connection.changes()
