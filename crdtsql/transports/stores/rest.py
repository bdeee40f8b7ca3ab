"""Rest: one sync with a store: a look whether it and the replica are as the last visit left them, and a visit if not.

Nearly all syncs end here, and many of them are a process of their own: nothing that a visit needs is imported before there is one.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from crdtsql.base import Now, TransportError, suggest
from crdtsql.merge import MergeReport
from crdtsql.replica import Replica, SyncOptions, SyncReport
from crdtsql.transports import cards
from crdtsql.transports.interface import Store
from crdtsql.transports.stores import fingerprints
from crdtsql.transports.stores.known import StoreCache

if TYPE_CHECKING:
    import random

    from crdtsql.transports.stores.upkeep import Rules

LOOK_CLOSER_MS = 600 * 1000
"""So often the files are looked at though their names are the same."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def sync_with_store(
    replica: Replica,
    store: Store,
    options: SyncOptions,
    *,
    rules: Rules | None = None,
    now: Now = _now_ms,
    chance: random.Random | None = None,
) -> SyncReport:
    """Sync a replica with a store; old files go by its rules unless others are given."""
    with closing(StoreCache(cards.place(replica, store.identity, "stores"))) as known:
        try:
            return _sync(replica, store, known, options, rules, now(), chance)
        finally:
            if not options.dry_run:
                known.save()


def _sync(
    replica: Replica,
    store: Store,
    known: StoreCache,
    options: SyncOptions,
    rules: Rules | None,
    now_ms: int,
    chance: random.Random | None,
) -> SyncReport:
    report = SyncReport(store.address, MergeReport("", known=True))
    _begin(store, known.facts, options)
    names = store.names()
    look_closer_ms = rules.look_closer_ms if rules else LOOK_CLOSER_MS
    closely = now_ms - int(known.facts.get("looked_ms", 0)) >= look_closer_ms
    if options.dry_run or not _is_at_rest(
        replica, store, known.facts, names, now_ms, closely=closely, tells=options.push
    ):
        from crdtsql.transports.stores import visit

        visit.visit(visit.Visit(replica, store, known, options, report, now_ms), names, rules, chance)
    else:
        report.waiting = int((known.facts.get("waiting") or {}).get("count", 0))
    return report


def _begin(store: Store, facts: Mapping[str, Any], options: SyncOptions) -> None:
    """Make sure that there is a store.

    Raises:
        TransportError: there is none, and it must not become one.
    """
    if store.exists():
        return
    if facts.get("seen_ms"):
        raise TransportError(
            f"{store.address} was a store when it was last seen, and is empty now: mount it; if it was emptied on purpose, use "
            "another one"
        )
    if options.dry_run or not options.push:
        raise TransportError(
            f"{store.address} is empty: {suggest.verb('sync')} makes it a store when it may put something there"
        )
    store.begin()


def _is_at_rest(
    replica: Replica,
    store: Store,
    facts: dict[str, Any],
    names: Collection[str],
    now_ms: int,
    *,
    closely: bool,
    tells: bool,
) -> bool:
    """Tell whether both sides are as the last visit left them, and nothing is due.

    Args:
        closely: look at the files too, not only at their names.
        tells: this sync would put something there.
    """
    rest = facts.get("rest")
    if not rest or rest["names"] != fingerprints.of_names(names):
        return False
    if tells and not rest["said"]:
        return False
    if rest["due_ms"] is not None and now_ms >= rest["due_ms"]:
        return False
    if closely:
        if rest["files"] != fingerprints.of_files(store.entries()):
            return False
        facts["looked_ms"] = now_ms
    replica.fold({bytes.fromhex(site): int(upto) for site, upto in (facts.get("vector") or {}).items()})
    return bool(
        rest["vector"] == fingerprints.fingerprint(replica.known())
        and rest["agreement"] == fingerprints.of_text(replica.agreed())
    )
