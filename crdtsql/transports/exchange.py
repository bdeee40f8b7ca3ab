"""Exchange: how two replicas sync where both sides answer: one round trip if each knows what the other has, else two.

One sends its vector, and what the other one lacks as far as it knows; the other one merges that, and answers with its vector and
what the first one lacks. Both changesets are made before either is merged, so that both sides see, and log, what collided.
What one knows of the other may be old: then too much is sent, which does no harm, or the other one answers that something is
missing, and is asked once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from crdtsql.base import (
    CannotRejoinError,
    CrdtsqlError,
    MissingChangesError,
    NotAllowedError,
    TransportError,
    Vector,
    differing,
    write_limit,
)
from crdtsql.merge import MergeReport
from crdtsql.replica import Replica, Standing, SyncOptions, SyncReport, check_committed
from crdtsql.transports import cards, scope
from crdtsql.transports.interface import Peer, Request, Response
from crdtsql.transports.observing import counting, spotchecks

if TYPE_CHECKING:
    from crdtsql.wire import Spilled

ROUNDS = 3
"""So often a peer is asked in one sync: what it has, the exchange, and once more if it was restored in between."""


def answer(replica: Replica, request: Request) -> Response:
    """Response a request, on the side of the peer that was asked.

    Raises:
        CrdtsqlError: the request is this replica's own, its changeset can't be merged, or a transaction is open on its connection.
    """
    check_committed(replica)
    if request.site == replica.site:
        raise CrdtsqlError(f"{replica.path} and what syncs with it are the same replica (site {replica.site})")
    own = replica.shared_standing(request.vector)
    if request.order is not None:
        done = replica.ordered(request.order, request.through)
        return Response(*own, clock_ms=replica.time_ms(), answer=done)
    changeset: bytes | Spilled = b""
    merged, missing, waits = None, False, None
    if request.question is not None:
        told = "differing" in request.question
        answer = spotchecks.hear(replica, request.site, request.question) if told else replica.content(request.question)
        return Response(*replica.shared_standing(request.vector), clock_ms=replica.time_ms(), answer=answer)
    if request.pull and own.has_news_for(request.vector, request.lanes):
        changeset = replica.export_spilled(None if request.whole else request.vector)
    if request.changeset:
        try:
            limits = {"refuse_unrelated": request.refuse_unrelated, "max_deletes": request.max_deletes}
            merged = counting.merge(replica, request.changeset, **limits)
        except MissingChangesError:
            changeset, missing = b"", True
        except NotAllowedError as error:
            if not (error.waits and request.hears_waits):
                raise
            waits = str(error)
    counting.answered(replica, received=len(request.changeset), sent=len(changeset))
    if changeset or request.changeset:
        # The vector must not be later than what was sent and merged, or the rest would never be asked for.
        own = standing(replica, request.vector)
    return Response(*own, changeset, merged, missing, replica.time_ms(), waits=waits)


def sync_with_peer(replica: Replica, peer: Peer, options: SyncOptions) -> SyncReport:
    """Exchange changes with a peer."""
    kept = peer.known
    known = None if peer.asks_first else kept or cards.read(replica, peer.address)
    if known is None:
        known = ask(replica, peer)
    report, known, asked_ms, both_heard = exchange(replica, peer, known, options)
    news = replica.remember_peer(known.site, known.vector)
    if both_heard is None:  # what is new then is new to both, and neither gave it the other
        both_heard = news
    both_heard |= report.there is not None and report.there.repeated
    is_whole = options.pull and options.push
    site, here, _ = standing(replica, known.vector)
    moved = report.sent > 0 or report.received > 0
    if spotchecks.is_due(replica, site, peer.address, asked_ms, reason=both_heard, news=moved):
        if is_whole and known.vector == here:
            spotchecks.spot_check(replica, peer, known, report)
        elif both_heard:
            spotchecks.put_off(replica, peer.address)
    peer.acknowledge(site, here)
    if not peer.asks_first:
        peer.known = Response(known.site, known.vector, known.lanes)
        if peer.known != kept:
            cards.write(replica, peer.address, known)
    return report


class Exchanged(NamedTuple):
    """What came of an exchange.

    Attributes:
        report: what was done.
        known: what the peer said last.
        asked_ms: when it was asked for that, in milliseconds since 1970.
        both_heard: as `Replica.both_heard` said before anything was exchanged; None if nothing was.
    """

    report: SyncReport
    known: Response
    asked_ms: int
    both_heard: bool | None


def exchange(replica: Replica, peer: Peer, known: Response, options: SyncOptions) -> Exchanged:
    """Bring each side what it lacks, given what is known of the peer, and note nothing of it outside of the two files."""
    report = SyncReport(peer.address, MergeReport(known.site, known=True), MergeReport(replica.site, known=True))
    both_heard: bool | None = None
    for left in reversed(range(ROUNDS)):
        request = _request(replica, known, options)
        asked_ms = replica.time_ms()
        if peer.asks_first and not request.changeset and not (options.pull and _has_news(known, request)):
            break
        if both_heard is None:
            both_heard = replica.both_heard(known.site, request.vector, known.vector)
        guessed, known = known, peer.exchange(request)
        counting.clock_seen(replica, known.site, known.clock_ms, (asked_ms, replica.time_ms()))
        _check_other(replica, known, peer)
        _count(report, request, known)
        if known.missing:
            continue
        take(replica, known, report, options)
        if known.waits is None or known.vector == guessed.vector or not left:
            report.skipped += [] if known.waits is None else [known.waits]
            break  # else it was made for what the peer had before: what is made for what it has may not have to wait
    else:
        raise TransportError(f"{peer.address} says something else of what it has each time it is asked: sync again")
    return Exchanged(report, known, asked_ms, both_heard)


def ask(replica: Replica, peer: Peer) -> Response:
    """Ask a peer what it has; before anything is folded here, because its answer may prove that this file was restored."""
    found = peer.exchange(Request(*standing(replica, {}), pull=False))
    _check_other(replica, found, peer)
    return found


def order(replica: Replica, peer: Peer, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Have a peer do something with a claim; return what it answers.

    Raises:
        ClaimedError: it can't be done.
        TransportError: the peer can't be reached, or knows no claims.
    """
    found = peer.exchange(Request(*standing(replica, {}), pull=False, order=wanted))
    if found.answer is None or not {"claim", "claims"} & found.answer.keys():
        raise TransportError(
            f"{peer.address} knows no claims: nothing was done; an earlier version of crdtsql answers there"
        )
    return dict(found.answer)


def ask_for_all(replica: Replica, peer: Peer) -> bytes | Spilled:
    """Ask a peer for all that it has, as one that has nothing: what this file has seen may mean nothing there any more.

    Raises:
        CannotRejoinError: it has nothing.
    """
    found = peer.exchange(Request(replica.site, {}, whole=True))
    _check_other(replica, found, peer)
    if not found.changeset:
        raise CannotRejoinError(
            f"{peer.address} has no changes at all, so there is nothing to rejoin: take one that has"
        )
    return found.changeset


def _check_other(replica: Replica, found: Response, peer: Peer) -> None:
    if found.site == replica.site:
        raise CrdtsqlError(f"{replica.path} and {peer.address} are the same replica (site {replica.site})")


def _request(replica: Replica, known: Response, options: SyncOptions) -> Request:
    own = replica.shared_standing(known.vector)
    changeset: bytes | Spilled = b""
    if options.push and own.has_news_for(known.vector, known.lanes):
        changeset = replica.export_spilled(known.vector)
        scope.check(changeset, options, replica.path)
        own = standing(replica, known.vector)
    limits = options.refuse_unrelated, write_limit(options.max_deletes)
    return Request(*own, changeset, options.pull, *limits, hears_waits=True)


def _has_news(known: Response, request: Request) -> bool:
    """Tell whether a peer has what the asking replica lacks."""
    ours, news = request.vector, differing(known.vector, request.vector)  # mostly none, of perhaps thousands
    return any(known.vector[site] > ours.get(site, 0) for site in news) or any(
        chosen > request.lanes.get(site, -1) for site, chosen in known.lanes.items()
    )


def _count(report: SyncReport, request: Request, found: Response) -> None:
    report.sent += bool(request.changeset)
    report.sent_bytes += len(request.changeset)
    if found.merged is not None:
        report.there = found.merged


def take(replica: Replica, found: Response, report: SyncReport, options: SyncOptions) -> None:
    """Merge what a peer answered."""
    if found.changeset:
        report.received += 1
        report.received_bytes += len(found.changeset)
        scope.check(found.changeset, options, report.remote)
        limits = {"refuse_unrelated": options.refuse_unrelated, "max_deletes": options.max_deletes}
        try:
            report.here.add(counting.merge(replica, found.changeset, **limits))
        except NotAllowedError as error:
            if not error.waits:
                raise
            report.skipped.append(str(error))


def standing(replica: Replica, peer_vector: Vector) -> Standing:
    """Return where a replica stood after the last fold, for a peer with a vector."""
    return replica.shared_standing(peer_vector, folding=False)
