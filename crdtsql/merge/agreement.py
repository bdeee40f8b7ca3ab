"""Agreement: refuse a changeset whose sender says something else of how a table's rows live, what they show and what they refer to.

What replicas show is computed from that, so it is the same on all of them, or they don't exchange the table. Reads only.
"""

from __future__ import annotations

from collections.abc import Iterator

from crdtsql.base import SchemaMismatchError, policy, suggest
from crdtsql.numbers import reference
from crdtsql.store import Registered, Registry, Table, unlisted
from crdtsql.wire import Header, TableHeader


def check(registry: Registry, header: Header) -> None:
    """Check that both sides say the same of how rows live and what an update stamps.

    Raises:
        SchemaMismatchError: a table has another identity, row policy, granularity or policy of a UNIQUE index than here, or refers to
            something else.
    """
    replicated = registry.registered()
    for theirs in (*header.tables, *_differing(replicated, header)):
        table = replicated.by_uid.get(theirs.uid)
        forget = suggest.forget_kept(registry.path, table.name) if table is not None and table.absent else ""
        if table is not None and table.identity != theirs.identity:
            disable = suggest.command("disable", registry.path, table.name)
            enable_ = suggest.command("enable", registry.path, table.name, options=["--identity", theirs.identity])
            raise SchemaMismatchError(
                f"table {table.name!r} has the identity {table.identity} here and {theirs.identity} in the changeset: nothing was "
                f"changed; choose one for all replicas, for example run {disable} and {enable_} here, "
                f"export again and import again{forget}"
            )
        if table is not None and dict(table.unique) != dict(theirs.unique):
            raise _other_unique(registry, table, dict(theirs.unique), forget)
        if table is not None and (table.references or theirs.references):
            _check_references(registry, table, theirs, forget)
        if table is None or (table.rows, table.granularity) == (theirs.row_policy, theirs.granularity):
            continue
        there = suggest.command(
            "rows", registry.path, table.name, theirs.row_policy, options=["--granularity", theirs.granularity]
        )
        raise SchemaMismatchError(
            f"table {table.name!r} is {table.rows} by {table.granularity} here and {theirs.row_policy} by "
            f"{theirs.granularity} in the changeset: nothing was changed; choose one for all replicas, for example "
            f"{there}, export again and import again{forget}"
        )


def _differing(replicated: Registered, header: Header) -> Iterator[TableHeader]:
    """Describe the sender's tables without rows that are as usual there, and not here."""
    for identity, uids in header.others.items():
        for uid in sorted((uids - replicated.plain[identity]) & replicated.by_uid.keys()):
            yield unlisted.describe(replicated.by_uid[uid], header, identity)


def _other_unique(
    registry: Registry, table: Table, theirs: dict[tuple[str, ...], str], forget: str
) -> SchemaMismatchError:
    ours = dict(table.unique)
    columns = min(found for found in ours.keys() | theirs.keys() if ours.get(found) != theirs.get(found))
    here, there = ours.get(columns, policy.HOLD), theirs.get(columns, policy.HOLD)
    names = dict(zip(table.uids, table.names, strict=True))
    named = [names.get(uid, uid) for uid in columns]
    change = suggest.command("unique", registry.path, table.name, ",".join(named), there)
    return SchemaMismatchError(
        f"rows of table {table.name!r} that lost a value in UNIQUE ({', '.join(named)}) get the policy {here} here and {there} in the "
        f"changeset: nothing was changed; choose one for all replicas, for example {change}, export again and import again{forget}"
    )


def _check_references(registry: Registry, table: Table, theirs: TableHeader, forget: str) -> None:
    for one in reference.differing(table, theirs):
        child, parent = reference.describe(registry, table, one).names
        declare = suggest.command("reference", registry.path, child, parent)
        drop = suggest.command("reference", registry.path, child, options=["--drop"])
        if one in table.references:
            told, ways = (
                "here (declared to crdtsql), and not in the changeset",
                f"{drop} here, or the first of this there: {declare}",
            )
        else:
            told, ways = (
                "in the changeset (declared to crdtsql), and not here",
                f"{declare} here, or the same with --drop there",
            )
        raise SchemaMismatchError(
            f"{child} refers to {parent} {told}: nothing was changed; choose one for all replicas: run {ways}, "
            f"export again and import again{forget}"
        )
