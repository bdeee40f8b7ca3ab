"""Selection: which entries of the conflict log are meant, by table, column and site. Only reads."""

from __future__ import annotations

from dataclasses import dataclass

from crdtsql.base import UsageError, caseless, suggest
from crdtsql.conflicts import conflict_log
from crdtsql.conflicts.conflict_log import Conflict
from crdtsql.store import Registry, Table


@dataclass(frozen=True, slots=True)
class Selection:
    """Those entries that fit everything that is given; all if nothing is.

    Attributes:
        table: of this table.
        column: of this column, as `column` or `table.column`.
        site: whose incoming value this site wrote, as hex.
        open_only: that nobody has resolved.
    """

    table: str | None = None
    column: str | None = None
    site: str | None = None
    open_only: bool = False


def select(registry: Registry, wanted: Selection) -> list[Conflict]:
    """List the entries that are meant, by number, oldest first.

    Raises:
        NotEnabledError: the table is not replicated.
        UsageError: no table has such a column, or no such site is known here.
    """
    table = None if wanted.table is None else registry.table(wanted.table)
    columns = None if wanted.column is None else _columns(registry, table, wanted.column)
    site = None if wanted.site is None else _site(registry, wanted.site)
    return [
        entry
        for entry in conflict_log.read(registry, wanted.table, open_only=wanted.open_only)
        if (columns is None or (entry.table, entry.column) in columns) and site in (None, entry.theirs_site)
    ]


def _columns(registry: Registry, table: Table | None, given: str) -> set[tuple[str, str]]:
    """Return the (table, column) that a column's name means."""
    tables = [table] if table else registry.tables()
    every = [(known.name, field.name) for known in tables for field in known.fields]
    found = {pair for pair in every if caseless(given) in (caseless(pair[1]), caseless(".".join(pair)))}
    if not found:
        where = f"table {table.name!r}" if table else registry.path
        known = suggest.instead(given, list(dict.fromkeys(column for _, column in every)), "columns with values")
        raise UsageError(f"{where} has no replicated column {given!r}; {known}")
    return found


def _site(registry: Registry, given: str) -> str:
    known = [site.hex() for _, site, _ in registry.sites()]
    if given.lower() not in known:
        raise UsageError(f"{registry.path} knows no site {given!r}; {suggest.instead(given, known, 'sites')}")
    return given.lower()
