"""Fences: triggers that refuse a write of a row that somebody has claimed, unless its writer has shown the claim's token.

For any SQLite client; a writer shows a token by inserting it into the view `crdt_token`, in the transaction of its write. It counts
for one write of the row. A merge is not refused: while `_crdt_quiet` has a row these triggers do nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import apsw

from crdtsql.base import LOG_NOW_MS, Sql, fragment, identifier, joined, naming, sql, text
from crdtsql.store import Table, facts

CLAIMED, ALWAYS = "claimed", "always"
MODES = (CLAIMED, ALWAYS)
"""What a fence refuses without a token: writes of rows that are claimed; or every update and delete."""


def mode(connection: apsw.Connection, table: Table) -> str | None:
    """Return which fence a table has, None if it has none."""
    found = facts.get(connection, table.fact("fence"))
    return None if found is None else str(found)


def statements(connection: apsw.Connection, table: Table) -> Iterator[str]:
    """Yield the CREATE TRIGGER statements of a table's fence; nothing if it has none."""
    found = mode(connection, table)
    if found is None:
        return
    for event, rows in (("INSERT", ("NEW",)), ("UPDATE", ("OLD", "NEW")), ("DELETE", ("OLD",))):
        resources = joined(resource(table, row) for row in rows)
        refused = [fragment("capture/fences/is_claimed", resources=resources, now_ms=LOG_NOW_MS)]
        if found == ALWAYS and "OLD" in rows:
            refused.append(fragment("capture/fences/has_no_claim", resource=resource(table, "OLD")))
        slots = {"table": table.quoted, "event": Sql(event)}
        yield sql(
            "capture/fences/check",
            **slots,
            trigger=identifier(naming.trigger(table.name, f"fence_{event.lower()}")),
            is_refused=joined(refused, "\n  OR "),
            message=text(_message(table, found)),
        )
        yield sql(
            "capture/fences/use_up",
            **slots,
            trigger=identifier(naming.trigger(table.name, f"fenced_{event.lower()}")),
            resources=resources,
        )


def _message(table: Table, found: str) -> str:
    why = "rows of this table are written under a claim alone" if found == ALWAYS else "somebody has claimed this row"
    return (
        f"crdtsql: {table.name}: {why}, and the token of its claim was not shown, or is an old one: nothing was written; see "
        "crdt_claims, and INSERT INTO crdt_token VALUES (token) before the write, in its transaction"
    )


def resource(table: Table, row: str) -> Sql:
    """Write the expression that names a row as claims do: table/key, with the parts of a wider key one after the other."""
    parts = [Sql(f"{row}.{identifier(name)}") for name in table.key]
    named: Sql = text(table.name)
    for part in parts:
        named = fragment("capture/fences/resource", name=named, key=part)
    return named
