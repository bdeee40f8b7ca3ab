"""Views that any program may read: `crdt_conflicts`, `crdt_log` and `crdt_renumbered`.

The last two name our tables for all of the user's, and their columns. So whoever is about to create, drop or alter one of those drops
the views first (`drop`), and the session makes them anew before the transaction ends (`restore`). Nothing else writes for them.
"""

from __future__ import annotations

from crdtsql.base import Sql, fragment, identifier, integer, joined, naming, reasons, sql, text
from crdtsql.store import Registry, Table, damage

MOST_SELECTS = 400
"""SQLite allows 500 SELECTs in one UNION ALL."""
MOST_STAMPS = 33
"""SQLite allows a function 127 arguments, or 100 as the oldest versions do, and each stamp takes three."""


def drop(registry: Registry) -> None:
    """Drop the views, until `restore`: one of our tables is going to change."""
    for name in damage.VIEWS:
        registry.connection.execute(f"DROP VIEW IF EXISTS {name}")
    registry.lacks_views = True


def restore(registry: Registry) -> None:
    """Create the views again if they were dropped."""
    if registry.lacks_views:
        create(registry)


def create(registry: Registry) -> None:
    """Create the views; `crdt_log` only in files where it costs other programs little (`damage.MOST_LOGGED`)."""
    drop(registry)
    tables = [table for table in registry.tables() if table.key]  # a damaged registration may have lost the key
    connection = registry.connection
    parts = [fragment("capture/views/quoted_key_part", key=naming.key(n + 1)) for n in range(registry.log_key_count())]
    shown = {"winner_shown": _site_shown("winner"), "loser_shown": _site_shown("loser")}
    connection.execute(sql("capture/views/create_conflicts", quoted_key=joined(parts, " || ', ' || "), **shown))
    numbered = [_renumbered(table) for table in tables if table.is_numbered]
    nothing = fragment("capture/views/renumbered_of_none")
    connection.execute(sql("capture/views/create_renumbered", renumbered=_union(numbered or [nothing])))
    if len(tables) <= damage.MOST_LOGGED:
        logged = sql(
            "capture/views/create_log",
            changed=_union([_log(table) for table in tables] or [fragment("capture/views/log_of_none")]),
            row_is_new=fragment("capture/views/row_is_new"),
            head_is_new=fragment("capture/views/head_is_new"),
            stamp=fragment("capture/views/stamp"),
            site_name=_site_shown("site"),
            referenced=text(reasons.REFERENCED),
        )
        connection.execute(logged)
    registry.lacks_views = False


def _site_shown(alias: str) -> Sql:
    """Say how a row of `_crdt_site` is called for people: by its name and the first digits of its id, or by its id."""
    return fragment("capture/views/site_shown", site=identifier(alias))


def _union(parts: list[Sql]) -> Sql:
    """Bring parts together, in groups where they are too many for one UNION ALL."""
    if len(parts) > MOST_SELECTS:
        groups = [joined(parts[n : n + MOST_SELECTS], "\nUNION ALL\n") for n in range(0, len(parts), MOST_SELECTS)]
        parts = [Sql(f"SELECT * FROM (\n{group}\n)") for group in groups]
    return joined(parts, "\nUNION ALL\n")


def _renumbered(table: Table) -> Sql:
    return fragment(
        "capture/views/renumbered_of_table",
        name=text(table.name),
        clock=table.clock,
        born=table.born,
        clock_is_born=table.same_keys("clock", "born"),
    )


def _log(table: Table) -> Sql:
    stamps = [Sql(f"{one.id},{naming.stamp_t(one.id)},{naming.stamp_s(one.id)}") for one in table.fields]
    groups = [joined(stamps[n : n + MOST_STAMPS], ",") for n in range(0, len(stamps), MOST_STAMPS)]
    return fragment(
        "capture/views/log_of_table",
        id=integer(table.id),
        key=_key(table),
        clock=table.clock,
        held=table.held,
        stamps=joined((Sql(f"json_array({group})") for group in groups), ","),
        others=joined((Sql(f",{naming.stamp_s(one.id)}") for one in table.fields), ""),
    )


def _key(table: Table) -> Sql:
    """Write a key for people: as it is, or as SQL literals where it has several columns."""
    if len(table.key_names) == 1:
        return table.key_names[0]
    return joined((Sql(f"quote({key})") for key in table.key_names), " || ', ' || ")
