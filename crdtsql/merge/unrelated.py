"""Unrelated: tables that were filled separately, and whose rows meet for the first time.

A merge takes rows of equal keys for one row. Where the replicas share their history that is what was meant; where they don't, it may
be a mistake. This room finds out whether they do, from the sites that they know and from genesis stamps alone, and counts the rows
that would be written over. Who has met once is related from then on, and so is a copy from the beginning: it knows the site that
it was copied from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from crdtsql.base import RETIRED, FilledSeparatelyError, clock, fragment, joined, query, sql
from crdtsql.merge.arrival import Arrival
from crdtsql.store import Registry, Table, retired
from crdtsql.wire import Header


@dataclass(frozen=True, slots=True)
class Unrelated:
    """What this replica and the sender filled separately, before they met.

    Attributes:
        wholly: there is no site that both know, so that no table has a history in common.
        uids: tables that both sides enabled with rows, neither knowing of the other's.
        refused: rows of equal keys are to be refused.
    """

    wholly: bool
    uids: frozenset[str]
    refused: bool = False

    def has(self, table: Table) -> bool:
        """Tell whether both sides filled a table separately."""
        return self.wholly or table.uid in self.uids

    def __bool__(self) -> bool:
        return self.wholly or bool(self.uids)


def may_be(registry: Registry, vector: Mapping[bytes, int]) -> bool:
    """Tell from a vector alone whether this replica and one that has it may have filled something separately; `find` knows."""
    here = {ordinal: site for ordinal, site, _ in registry.sites()}
    return (vector.keys() - {RETIRED}).isdisjoint(here.values()) or any(
        table.genesis is not None and not _is_seen(table.genesis, here, vector) for table in registry.tables()
    )


def find(registry: Registry, header: Header, *, refuse: bool = False) -> Unrelated:
    """Find out what this replica and the sender of a changeset filled separately; before anything is merged."""
    ids, theirs = header.ids, header.vector
    ours, known = retired.vector_with(registry, ids.values()), registry.ordinals()
    wholly = not any((site in known or site in ours) and site != RETIRED for site in (*ids.values(), *header.unlisted))
    unseen = {table.uid for table in header.tables if table.genesis and not _is_seen(table.genesis, ids, ours)}
    if wholly or not unseen:
        return Unrelated(wholly, frozenset(), refuse)
    here = {ordinal: site for ordinal, site, _ in registry.sites()}
    uids = {
        table.uid
        for table in registry.tables()
        if table.uid in unseen and table.genesis and not _is_seen(table.genesis, here, theirs)
    }
    return Unrelated(wholly, frozenset(uids), refuse)


def _is_seen(genesis: tuple[int, int], ids: Mapping[int, bytes], vector: Mapping[bytes, int]) -> bool:
    """Tell whether a vector covers a genesis, whose site is an ordinal of `ids`."""
    hlc, ordinal = genesis
    return vector.get(ids[ordinal], 0) >= clock.to_event(hlc)


def check(registry: Registry, unrelated: Unrelated, arrivals: Iterable[Arrival], notices: list[str]) -> dict[str, int]:
    """Tell how many rows came in under the key of another one, in tables that were filled separately; they were counted.

    Args:
        notices: gets what to say of them.

    Raises:
        FilledSeparatelyError: there are, and they are refused.
    """
    found = {arrival.table.name: arrival.unrelated for arrival in arrivals if arrival.unrelated}
    if found:
        told = _tell(registry.path, found)
        if unrelated.refused:
            raise FilledSeparatelyError(f"{told}; nothing was changed", found, wholly=unrelated.wholly)
        notices.append(told)
    return found


def count(registry: Registry, unrelated: Unrelated, arrival: Arrival) -> int:
    """Count the rows of a table that came in under the key of another one, if it was filled separately.

    To be called when it is known which rows arrived, and before any of them is merged.
    """
    if not unrelated.has(arrival.table) or not arrival.pairs:
        return 0
    differs = [
        fragment("merge/unrelated/differs", value=pair.slots["value"], column=pair.column, **pair.sent)
        for pair in arrival.pairs
    ]
    statement = sql(
        "merge/unrelated/count_rows",
        arrived=arrival.arrived,
        table=arrival.table.quoted,
        shown_is_incoming=arrival.is_key_of("shown", "incoming"),
        differs=joined(differs, "\n    "),
        **arrival.image_slots,
    )
    (rows,) = query.first(registry.connection, statement)
    return int(rows)


def _tell(path: str, rows: dict[str, int]) -> str:
    named = ", ".join(f"{name!r}: {count:,}" for name, count in rows.items())
    return (
        f"{path} and the replica that the changes come from were filled separately, and have rows of equal keys with other values "
        f"({named}): a merge takes two such rows for one, column by column the later value wins, and the other one goes to the "
        "conflict log"
    )
