"""Sendable: what a replica says of itself in every changeset is what others take.

Each changeset that is merged may be within all limits, and all of them together not: then every changeset from here would be refused
by everybody. So before a merge is committed with which this replica says more than before, the header of what it would send is read as
others will read it. Rows need no such look: that of what is merged each is sound is checked where it is merged.
"""

from __future__ import annotations

from crdtsql.base import CrowdedError, InvalidChangesetError, query, suggest
from crdtsql.export import kept, listing
from crdtsql.export.exporting import say
from crdtsql.store import Registry
from crdtsql.wire import MAXIMUM_FORETOLD, MAXIMUM_SITES, header_bytes, read_header

MAXIMUM_ERAS = 1_000
"""How many tables that are not here may have been disabled elsewhere."""
MAXIMUM_SAID_BYTES = 8 << 20
"""How long the header of a changeset from here may be, before it has any rows; a reader takes twice as much."""


def check(registry: Registry, sender: bytes) -> None:
    """Check that others take what a changeset from here says beside its rows. Cost: that of reading its header.

    Args:
        sender: who sent what was merged just now.

    Raises:
        CrowdedError: it is too much, or too much of it is that sender's.
        InvalidChangesetError: it is nothing that an honest sender says.
    """
    registry.says_more = False
    kept.check_share(registry, sender)
    sites = len(registry.sites())
    if sites > MAXIMUM_SITES:
        raise _crowded(registry, f"{sites:,} sites", "sites", MAXIMUM_SITES)
    here = {table.uid for table in registry.tables()}
    disabled = sum(uid not in here for uid in registry.eras())
    if disabled > MAXIMUM_ERAS:
        raise _crowded(registry, f"that {disabled:,} tables were disabled which are not here", "eras", MAXIMUM_ERAS)
    (awaited,) = query.first(registry.connection, "SELECT count(*) FROM main._crdt_foretold")
    if awaited > MAXIMUM_FORETOLD:
        raise _crowded(registry, f"{awaited:,} rows that keys await", "foretold", MAXIMUM_FORETOLD)
    head = header_bytes(say(registry, registry.tables(), {}, lambda: 0, listing.of(registry, {}, None)))
    if len(head) > MAXIMUM_SAID_BYTES:
        raise _crowded(registry, f"{len(head):,} bytes about sites and tables", "bytes", MAXIMUM_SAID_BYTES)
    try:
        read_header(head)
    except InvalidChangesetError as error:
        raise InvalidChangesetError(
            f"the changeset is refused, because nobody would take from {registry.path} what it would say then ({error}): nothing was "
            "changed"
        ) from error


def _crowded(registry: Registry, what: str, kind: str, most: int) -> CrowdedError:
    return CrowdedError(
        f"with the changeset {registry.path} would keep {what}, and {most:,} can be passed on: nothing was changed; see what it keeps "
        f"for others with {suggest.command('strangers', registry.path)}",
        kind,
        most,
    )
