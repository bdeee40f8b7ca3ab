"""Rehearsal: what a sync would do, row by row. It is carried out between copies that nobody keeps, by the code that syncs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from crdtsql.base import FilledSeparatelyError, TooManyDeletesError, TransportError, UsageError, by_id, naming
from crdtsql.merge import MergeReport
from crdtsql.replica import Rehearsed, Replica, SyncOptions, SyncPreview, SyncReport, noted, rehearse_file
from crdtsql.transports import exchange, scope
from crdtsql.transports.addresses import named, parse
from crdtsql.transports.file import FilePeer
from crdtsql.transports.interface import Peer, Request, Store


def preview(replica: Replica, remote: Any, options: SyncOptions, limit: int | None) -> SyncPreview:
    """Say what a sync would do; if it would be refused as it is asked for, say why, and what it would do if it were not."""
    try:
        return _tried(replica, remote, options, limit)
    except (TooManyDeletesError, FilledSeparatelyError) as error:
        found = _tried(replica, remote, replace(options, max_deletes=None, refuse_unrelated=False), limit)
        found.stopped = str(error)
        return found


def _tried(replica: Replica, remote: Any, options: SyncOptions, limit: int | None) -> SyncPreview:
    with ExitStack() as stack:
        here = stack.enter_context(noted(stack.enter_context(replica.rehearsal())))
        here.require_signed = replica.require_signed
        there = stack.enter_context(_remote(replica, remote))
        if isinstance(there, Store):
            from crdtsql.transports.stores.rest import sync_with_store

            report, other = sync_with_store(here, there, options), None
        elif isinstance(there, Rehearsed):
            report, other = _with_file(here, there, options), there
        else:
            report, other = _with_peer(here, there, options), None
        shown = None if other is None or report.there is None else other.told(report.there, limit)
        cells = [cell for cell in report.cells if not naming.is_history(cell.table)]
        return SyncPreview(
            report.remote, here.told(report.here, limit), shown, cells[:limit], len(cells), skipped=report.skipped
        )


@contextmanager
def _remote(replica: Replica, remote: Any) -> Iterator[Rehearsed | Peer | Store]:
    """Give a copy of a remote that is a file, or what is at its address."""
    from crdtsql.transports import syncing

    if isinstance(remote, FilePeer):
        remote = remote.replica
    if isinstance(remote, Replica):
        with remote.rehearsal() as copy, noted(copy):
            copy.require_signed = remote.require_signed
            yield copy
        return
    if isinstance(remote, (str, os.PathLike)):
        address = parse(named(replica.remotes(), remote))
        if address.scheme == "file":
            with rehearse_file(address.path, lock_timeout=replica.lock_timeout) as copy, noted(copy):
                yield copy
            return
        with syncing.reached(replica, named(replica.remotes(), remote)) as opened:
            yield opened
        return
    if not isinstance(remote, (Peer, Store)):
        raise UsageError(f"{remote!r} is nothing to sync with")
    yield remote


def _with_file(here: Rehearsed, there: Rehearsed, options: SyncOptions) -> SyncReport:
    """Sync two copies."""
    peer = FilePeer(there)
    known = exchange.ask(here, peer)
    here.fold(by_id(known.vector))
    cells = here.changes(known.vector) if options.push and here.has_news_for(known.vector, known.lanes) else []
    report = exchange.exchange(here, peer, known, options).report
    report.cells = cells
    return report


def _with_peer(here: Rehearsed, peer: Peer, options: SyncOptions) -> SyncReport:
    """Take what a peer has into a copy, and list what would be sent."""
    known = exchange.ask(here, peer)
    here.fold(by_id(known.vector))
    report = SyncReport(peer.address, MergeReport(known.site, known=True))
    news = options.push and here.has_news_for(known.vector, known.lanes)
    if news:
        scope.check(here.export_spilled(known.vector), options, here.path)
        report.cells = here.changes(known.vector)
    if options.pull:
        found = peer.exchange(
            Request(*exchange.standing(here, known.vector), refuse_unrelated=options.refuse_unrelated)
        )
        if found.missing:
            raise TransportError(f"{peer.address} says something else of what it has each time it is asked: try again")
        exchange.take(here, found, report, options)
    return report
