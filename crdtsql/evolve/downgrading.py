"""Downgrading: write a file so that an earlier version opens it, or say what stands in the way; in the caller's transaction.

Each step leads one format back. It knows what a file of the earlier format may hold; whatever else is found stands in the way, also
what a version after this one may add. Capture triggers and the log are the same in all formats that can be reached, so writes are
captured before the earlier version opens the file, too.
"""

from __future__ import annotations

from typing import NamedTuple

import apsw

from crdtsql.base import RETIRED, CrdtsqlError, UsageError, memory, query, suggest
from crdtsql.capture import views
from crdtsql.store import FORMAT, Registry, Table

BEFORE_COMPACTION = frozenset(
    {
        "absent", "batch", "block_every", "block_first", "clock", "cloned", "columns", "combined", "conflicts_bytes", "conflicts_last",
        "conflicts_per_cell", "conflicts_pruned", "conflicts_total", "era", "format", "generation", "home", "lane", "links",
        "log_from", "name", "named", "nonce", "old_numbers", "parked", "places", "promise", "purged", "references", "remote",
        "replica_id", "schema_version", "self", "severed", "started", "starts", "token", "triggers", "unique", "unseen", "unsettled",
        "unsure", "unsynced",
    }
)  # fmt: skip
"""The kinds of facts that all formats that can be reached have."""
CLAIMS = (
    ("VIEW", "crdt_claims"),
    ("VIEW", "crdt_token"),
    ("TABLE", "_crdt_claimed"),
    ("TABLE", "_crdt_token"),
    ("TABLE", "_crdt_arbitrated"),
)
"""What a file has of claims and arbitration, which earlier formats don't know; it goes where nothing is claimed."""
VIEWS_OF_9 = ("crdt_unseen_overwrites", "crdt_revision")
LAST_WITHOUT_HISTORIES = 10
NOTES = (
    "awaited",
    "began",
    "births",
    "chains",
    "claim_token",
    "fork",
    "heard",
    "history",
    "names_looked",
    "proven_only",
    "recorded",
    "totals_closed",
    "unforetold",
)
"""Facts that only say what was done already, and that can go."""


class StepBack(NamedTuple):
    """One format back.

    Attributes:
        facts: the kinds of facts that the earlier format has; None for all that this version writes.
        table: the table of ours that it lacks, if the later one always has it.
        holds: why the file can't go back where that table has rows, and what to do.
        births: whether births may have been put away.
        views: the views that it lacks.
        drops: tables of ours that it lacks and that go with what they hold, because nothing else depends on it.
    """

    facts: frozenset[str] | None
    table: str | None
    holds: str
    births: bool
    views: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()


COMPACTING = BEFORE_COMPACTION | {"agreement", "compact_keep_ms", "compacted", "rests"}
STEPS = {
    10: StepBack(None, None, "", births=True, views=("crdt_asof", "crdt_history"), drops=("_crdt_was",)),
    9: StepBack(
        None,
        None,
        "",
        births=True,
        views=("crdt_attributions", "crdt_actor"),
        drops=("_crdt_acting", "_crdt_attribution"),
    ),
    8: StepBack(COMPACTING | {"differs"}, None, "", births=True, views=VIEWS_OF_9),
    7: StepBack(
        COMPACTING,
        "_crdt_retired",
        "sites that were forgotten have left its vector, and nothing brings them back",
        births=True,
    ),
    6: StepBack(
        BEFORE_COMPACTION,
        "_crdt_foretold",
        "keys of its rows refer to rows that were not there when they were written: sync it with all its replicas, and "
        "delete such rows",
        births=False,
    ),
}
"""Format -> the step that leads to it from the next one."""


def downgrade(registry: Registry, to: int) -> bool:
    """Write the file in format `to`; return whether it was in another one.

    Raises:
        UsageError: there is no such format, or none that can be reached.
        CrdtsqlError: something in the file can't be said in that format.
    """
    if to == FORMAT:
        return False
    if to not in STEPS:
        raise UsageError(
            f"{registry.path} can't be written in format {to}: formats {min(STEPS)} to {FORMAT} can be; of earlier ones the triggers "
            "captured otherwise"
        )
    _check_chains(registry)
    for number in range(FORMAT - 1, to - 1, -1):
        _check(registry, number)
    connection = registry.connection
    views.without_actors(registry, arrivals_alone=to == LAST_WITHOUT_HISTORIES)
    for number in range(FORMAT - 1, to - 1, -1):
        for view in STEPS[number].views:
            connection.execute(f"DROP VIEW IF EXISTS {view}")
        for table in (*STEPS[number].drops, *filter(None, [STEPS[number].table])):
            connection.execute(f"DROP TABLE {table}")
    for kind, name in (*CLAIMS, ("TABLE", "_crdt_link")):
        connection.execute(f"DROP {kind} IF EXISTS {name}")
    for name in NOTES:
        connection.execute("DELETE FROM _crdt_meta WHERE name = ?1 OR name GLOB ?1 || ':*'", (name,))
    memory.forget_rows(connection)
    registry.set("format", to)
    return True


def _check_chains(registry: Registry) -> None:
    if registry.number("chains"):
        no_chain = suggest.command("sign", registry.path, options=["--no-chain"])
        _refuse(
            registry,
            FORMAT - 1,
            f"it signs its changes as a chain, which that format does not know: {no_chain} ends it",
        )


def _check(registry: Registry, number: int) -> None:
    connection, step = registry.connection, STEPS[number]
    kept = next((table for table in registry.tables() if table.is_history), None)
    if number == LAST_WITHOUT_HISTORIES and kept is not None:
        disable = suggest.command("disable", registry.path, kept.name)
        drop = suggest.sqlite(f"DROP TABLE {kept.quoted}", registry.path)
        _refuse(
            registry,
            number,
            f"it has {kept.name!r}, a history, which that format does not know: {disable} and {drop}, on all replicas, take it off",
        )
    if step.facts is None:
        return
    if (step.table is not None and query.exists(connection, step.table)) or (
        step.table == "_crdt_retired" and RETIRED in registry.vector()
    ):
        _refuse(registry, number, step.holds)
    if any(_has_segments(connection, table) for table in registry.tables()):
        _refuse(
            registry,
            number,
            "what was added to its counters is told apart by when their replicas agreed to a compaction",
        )
    if query.exists(connection, "sqlite_schema", "name = '_crdt_aside'"):
        _refuse(
            registry, number, f"changesets were set aside in it: {suggest.command('aside', registry.path)} lists them"
        )
    if query.exists(connection, "sqlite_schema", "name = '_crdt_claimed'") and query.exists(
        connection, "_crdt_claimed", "state = 'held' AND site = ?", (registry.self_ordinal,)
    ):
        claims = suggest.command("claims", registry.path)
        _refuse(registry, number, f"there are claims in it, which that format does not know: {claims} lists them")
    names = [name.partition(":")[0] for (name,) in query.rows(connection, "SELECT name FROM _crdt_meta ORDER BY name")]
    unknown = next((name for name in names if name not in (step.facts or ()) and name not in NOTES), None)
    births = "SELECT count(*) FROM sqlite_schema WHERE name = '_crdt_births'"
    if unknown == "differs":
        _refuse(
            registry, number, "it differs from another replica, and that format can't note it: verify --repair first"
        )
    if unknown in ("agreement", "compacted", "compact_keep_ms", "rests") or (
        not step.births and query.first(connection, births)[0]
    ):
        _refuse(registry, number, "it was compacted, or its replicas agreed to that, and nothing takes that back")
    if unknown is not None:
        _refuse(registry, number, f"it says {unknown!r}, which that format does not know")


def _has_segments(connection: apsw.Connection, table: Table) -> bool:
    """Tell whether a site's total of a counter has a beginning, which formats before 9 don't know."""
    return table.may_have_parts and query.exists(connection, table.parts, "part GLOB '+?*'")


def _refuse(registry: Registry, number: int, why: str) -> None:
    anew = suggest.command("disable", registry.path, options=["--all"])
    raise CrdtsqlError(
        f"{registry.path} can't be written in format {number}: {why}; nothing was changed. To begin anew with an earlier "
        f"version, as another replica: {anew}"
    )
