"""Hooks: what Datasette calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from datasette import hookimpl

from crdtsql.ui.datasette.asking import ask

if TYPE_CHECKING:
    from datasette.app import Datasette
    from datasette.utils.asgi import Request

OURS = "_crdt_"
MOST = 20
"""So many entries are shown."""
Extra = Callable[[], Awaitable[dict[str, Any]]]


@hookimpl(optionalhook=True)
def get_metadata(datasette: Datasette) -> dict[str, Any]:
    """Hide what is ours: Datasette 0.65 hides each table whose name begins with that of a hidden one.

    Datasette 1.0 has no such hook, and hides tables that begin with an underscore by itself.
    """
    return {"databases": {name: {"tables": {OURS: {"hidden": True}}} for name in datasette.databases}}


@hookimpl
def extra_template_vars(
    database: str | None, table: str | None, view_name: str, request: Request | None, datasette: Datasette
) -> Extra:
    """Give the pages of rows and tables what crdtsql knows of them."""

    async def extra() -> dict[str, Any]:
        if view_name not in ("row", "table") or request is None or not await _is_replicated(datasette, database, table):
            return {"crdtsql": None}
        path = str(datasette.get_database(database).path)
        if view_name == "table":
            held = await ask("held", path, f"--table={table}")
            return {"crdtsql": None if held is None else {"held": held[:MOST], "more": len(held) > MOST}}
        key = await _key(datasette, str(database), str(table), request)
        cells, conflicts, past = await asyncio.gather(
            ask("blame", path, "--", str(table), *key),
            ask("conflicts", path, f"--table={table}"),
            ask("log", path, f"--limit={MOST}", "--", str(table), *key),
        )
        if cells is None:
            return {"crdtsql": None}
        of_row = [one for one in conflicts or () if _parts(one["key"]) == list(key)]
        return {"crdtsql": {"cells": cells, "conflicts": of_row[:MOST], "past": past, "path": path}}

    return extra


async def _is_replicated(datasette: Datasette, database: str | None, table: str | None) -> bool:
    """Tell whether a page is about a replicated table of a file that may change."""
    if not database or not table:
        return False
    found = datasette.get_database(database)
    if not found.is_mutable or found.is_memory or "_crdt_table" not in await found.table_names():
        return False
    return table in {name for (name,) in (await found.execute("SELECT name FROM _crdt_table")).rows}


async def _key(datasette: Datasette, database: str, table: str, request: Request) -> tuple[str, ...]:
    """Return the key of the row that a page is about, in the key's order."""
    from datasette.utils import tilde_decode

    columns = await datasette.get_database(database).primary_keys(table)
    parts = tuple(tilde_decode(part) for part in request.url_vars["pks"].split(","))
    return parts if len(parts) == len(columns) else ()


def _parts(key: Any) -> list[str]:
    return [str(part) for part in (key if isinstance(key, list) else [key])]
