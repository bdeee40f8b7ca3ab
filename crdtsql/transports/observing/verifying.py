"""Verifying: compare a replica with a remote, and mend what differs.

Content says something only where both sides have the same changes; so vectors come first. Both sides answer the same questions
(`crdtsql/verify`), a round trip each, and say with each answer what they have: if that changes meanwhile, all is asked anew.

Where both stood when they were last found equal is kept (`looks.py`). Who asks for it gets a comparison of no more than what was
written since; all rows are read where that says nothing, or does not end with "equal".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from crdtsql.base import RETIRED, TransportError, UsageError, by_id, clock, suggest
from crdtsql.replica import Replica, SyncOptions, VerifyOptions, VerifyReport
from crdtsql.transports.exchange import ask, sync_with_peer
from crdtsql.transports.file import FilePeer
from crdtsql.transports.interface import Peer, Request, Response, Store
from crdtsql.transports.observing import counting, looks
from crdtsql.verify import Comparison, Look, RowDifference, begin, compare

Ask = Callable[[Mapping[str, Any]], Mapping[str, Any]]
T = TypeVar("T")

MOST_NAMED = 100
"""Of so many rows a spot check finds out in what they differ."""
TRIES = 3
"""So often a comparison begins anew if one side changes meanwhile, and so often a row is written anew that differs still."""


class _Changed(Exception):  # noqa: N818 - it ends one try
    """One side got other changes while it was compared."""


def verify(replica: Replica, remote: Peer | Store, options: VerifyOptions) -> VerifyReport:
    """Compare with a remote that is open, and mend what differs if that is wanted."""
    if options.take not in (None, "ours", "theirs"):
        raise UsageError(f"take ours or theirs, not {options.take!r}")
    if options.take and not options.repair:
        raise UsageError("take says what repair writes: repair too, or leave it out")
    if isinstance(remote, Peer):
        return _with_peer(replica, remote, options)
    if options.since_last:
        raise UsageError(
            f"{remote.address} is a store, of which a replica is rebuilt and read as a whole: leave out --since-last"
        )
    if options.repair:
        raise UsageError(
            f"{remote.address} is a store, which keeps changesets and writes no rows: verify with --repair against a replica; "
            f"what a store lacks, or was damaged there, {suggest.command('sync', replica.path, remote.address)} puts there again"
        )
    return _with_rebuilt(replica, remote, options.limit)


def _with_peer(replica: Replica, peer: Peer, options: VerifyOptions) -> VerifyReport:
    synced = replace(options, sync=True)
    report = _compared(replica, peer, synced if options.repair else options)
    written, rows = Counter[str](), 0
    while options.repair and report.rows:
        mended = replica.mend(report.rows, ask(replica, peer).site, take=options.take)
        left = {_called(row): why for row, why in mended.left}
        again = Counter(called for row in report.rows if (called := _called(row)) not in left)
        written += again
        rows += mended.rows
        if mended.rows:
            report = _compared(replica, peer, synced)
        stuck = [called for called in again if written[called] >= TRIES]
        report.mended, report.left = rows, [f"{called}: {why}" for called, why in left.items()]
        report.left += [
            f"{called}: it was written anew, and differs still: clone the file that is right" for called in stuck
        ]
        if stuck or not mended.rows:
            break
    if report.equal and report.since is None and replica.differing():
        replica.note_differing(ask(replica, peer).site, {})
        with suppress(TransportError):  # an earlier version knows no such question
            peer.exchange(Request(replica.site, _vector(replica), pull=False, question={"differing": {}}))
    if report.compared:
        counting.verified(replica, peer.address, report.differing)
    return report


def _called(row: RowDifference) -> str:
    return f"{row.table} {', '.join(map(str, row.key))}"


def _compared(replica: Replica, peer: Peer, options: VerifyOptions, *, lasting: bool = True) -> VerifyReport:
    """Compare, after a sync if that is wanted and needed; a peer that lasts can be compared again."""
    last = looks.read(replica, peer.address) if options.since_last else None
    for attempt in range(TRIES):
        known = ask(replica, peer)
        replica.fold(by_id(known.vector))
        here, there = _vector(replica), known.vector
        report = VerifyReport(peer.address)
        report.missing_here = _count_missing(here, there)
        report.missing_there = _count_missing(there, here)
        if report.compared:
            with suppress(_Changed):
                found = _compare(replica, peer, known, options.limit, last and last[0])
                report.tables, report.rows, report.more = found.tables, found.rows, found.more
                report.questions = found.questions
                if lasting:
                    _keep_look(replica, report, found, last)
                return report
        elif options.sync and attempt < TRIES - 1:
            sync_with_peer(replica, peer, SyncOptions())
        else:
            return report
    raise TransportError(
        f"{replica.path} and {peer.address} get changes faster than they can be compared: verify when less is written"
    )


def _count_missing(vector: Mapping[str, int], other: Mapping[str, int]) -> int:
    """Count the sites of which one side lacks changes; that it has all of ended ones is none, it says only that this is known."""
    return sum(upto > vector.get(site, 0) for site, upto in other.items() if site != RETIRED.hex())


def _keep_look(replica: Replica, report: VerifyReport, found: Comparison, last: tuple[Look, int] | None) -> None:
    """Keep where both stand if they are equal, and when all rows were last read."""
    read_ms = replica.time_ms()
    if last is not None and found.partly:
        read_ms = last[1]
        report.since = clock.show_time(clock.from_ms(read_ms))
    if found.looked is not None and report.equal:
        looks.keep(replica, report.remote, found.looked, read_ms)
    else:
        looks.forget(replica, report.remote)


def _compare(replica: Replica, peer: Peer, known: Response, limit: int, since: Look | None) -> Comparison:
    """Compare two sides that have the same changes.

    Raises:
        _Changed: they have not any more.
    """
    return _asking(replica, peer, known, lambda here, there: compare(here, there, limit, since))


def spot_check(replica: Replica, peer: Peer, known: Response, last: Look | None, *, whole: bool) -> Comparison | None:
    """Compare two sides that have the same changes by what was written since a look, if it counts; None if they changed meanwhile.

    Args:
        last: None if there was none.
        whole: read all rows where there was none, or it does not count; else only note where both stand.
    """
    with suppress(_Changed):
        if last is None and not whole:
            return Comparison(looked=_asking(replica, peer, known, begin), partly=True)
        return _asking(
            replica, peer, known, lambda here, there: compare(here, there, MOST_NAMED, last, unless_unknown=not whole)
        )
    return None


def _asking(replica: Replica, peer: Peer, known: Response, ask_both: Callable[[Ask, Ask], T]) -> T:
    """Have questions put to both sides while both have the same changes.

    Raises:
        _Changed: they have not any more.
    """

    def there(question: Mapping[str, Any]) -> Mapping[str, Any]:
        request = Request(replica.site, known.vector, pull=False, question=question)
        found = peer.exchange(request)
        if found.answer is None:
            raise TransportError(
                f"{peer.address} answers, but to no question about its content: install a later crdtsql there"
            )
        if found.vector != known.vector:
            raise _Changed
        return found.answer

    def here(question: Mapping[str, Any]) -> Mapping[str, Any]:
        found = replica.content(question)
        ours = _vector(replica)
        if _count_missing(ours, known.vector) or _count_missing(known.vector, ours):
            raise _Changed
        return found

    try:
        return ask_both(here, there)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise TransportError(f"{peer.address} does not answer as it must ({error!r})") from error


def _vector(replica: Replica) -> dict[str, int]:
    return {site.hex(): upto for site, upto in replica.known().items()}


def _with_rebuilt(replica: Replica, store: Store, limit: int) -> VerifyReport:
    """Compare with a replica that is made of nothing but what a store has, and thrown away."""
    from crdtsql.transports.stores.rebuilding import rebuilt

    with rebuilt(replica, store) as other:
        report = _compared(replica, FilePeer(other), VerifyOptions(limit=limit), lasting=False)
    report.remote = store.address
    if report.compared:
        counting.verified(replica, store.address, report.differing)
    return report
