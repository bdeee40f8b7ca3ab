"""How changes get from one pair to another: by syncs, by changesets, by old ones; and what becomes of who missed a compaction."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crdtsql import Replica
from crdtsql.base.errors import MissingChangesError, RejoinError
from crdtsql.wire import unpack
from tests.machines.compaction import checks, verbs
from tests.machines.compaction.pairs import Pair
from tests.support.library import sparing

if TYPE_CHECKING:
    from tests.machines.compaction.history import History

PARCELS = 16
"""How many old changesets are kept."""


@dataclass
class Parcel:
    """A changeset that was exported by a pair, in both worlds."""

    sender: str
    data: list[bytes]


def sync(history: History) -> None:
    """Sync two pairs both ways."""
    if len(history.pairs) > 1:
        one, other = history.pick(2)
        history.tell(f"  sync {one.name} and {other.name}")
        if history.random.random() < 0.3 and sync_by_verb(history, one, other):
            return
        if deliver(history, export(history, one, other), other) and deliver(history, export(history, other, one), one):
            history.occurred["syncs"] += 1


def sync_by_verb(history: History, one: Pair, other: Pair) -> bool:
    """Sync two pairs by one call; tell whether nobody was refused. What was taken nevertheless the twins take as well."""
    for pair in (one, other):
        pair.both(Replica.fold)
    vectors = {pair.name: _events(pair) for pair in (one, other)}
    try:
        one.one.do(lambda replica: replica.sync(other.one.replica))
    except RejoinError as error:
        history.tell(f"    sync was refused: {error}")
        took = [pair for pair in (one, other) if _events(pair) != vectors[pair.name]]
        assert len(took) < 2, f"both took what the other had, and yet one is refused: {error}"
        for pair in took:
            source = other if pair is one else one
            since = pair.twin.do(Replica.vector)
            data = source.twin.do(lambda replica: replica.export(since))
            pair.twin.do(lambda replica: replica.merge(data))
        history.check(one, other)
        history.occurred["a sync by one call was refused"] += 1
        return False
    one.twin.do(lambda replica: replica.sync(other.twin.replica))
    history.occurred["syncs by one call"] += 1
    history.check(one, other)
    return True


def send(history: History) -> None:
    """Send a changeset one way."""
    if len(history.pairs) > 1:
        one, other = history.pick(2)
        history.tell(f"  send {one.name} -> {other.name}")
        deliver(history, export(history, one, other), other)


def send_old(history: History) -> None:
    """Merge a changeset of long ago."""
    if history.parcels:
        (pair,) = history.pick(1)
        parcel = history.random.choice(history.parcels)
        history.tell(f"  an old changeset of {parcel.sender} -> {pair.name}")
        deliver(history, parcel, pair, old=True)


def export(history: History, sender: Pair, receiver: Pair) -> Parcel | None:
    """Export what a receiver lacks, sometimes more; None if the sender refuses, because somebody missed a compaction."""
    vectors = receiver.both(Replica.vector)
    past = history.past.setdefault(receiver.name, [])
    past.append(vectors)
    how = history.random.random()
    if how < 0.15:
        vectors = [{}, {}]
    elif how < 0.3:
        before = history.random.choice(past)
        with suppress(RejoinError):
            sender.one.do(lambda replica: replica.export(before[0]))
            vectors = before
    data = []
    for side, since in zip(sender.sides, vectors, strict=True):
        try:
            with sparing() if len(history.parcels) % 3 else nullcontext():
                data.append(side.do(lambda replica, since=since: replica.export(since)))
        except RejoinError as error:
            assert side is sender.one, f"a twin that never compacts was refused: {error}"
            missed(history, error, sender, receiver)
            return None
    parcel = Parcel(sender.name, data)
    if history.random.random() < 0.4:
        history.parcels.append(parcel)
        if len(history.parcels) > PARCELS:
            history.parcels.pop(history.random.randrange(PARCELS))
    return parcel


def deliver(history: History, parcel: Parcel | None, receiver: Pair, *, old: bool = False) -> bool:
    """Merge a changeset; tell whether it was taken."""
    if parcel is None:
        return False
    folding = checks.has_pending(receiver)
    before = checks.seen(receiver.one.replica), _events(receiver)
    history.watch.merges(receiver, parcel.data[0], old=old)
    seen, vector = verbs.seen(receiver.one.replica), receiver.one.replica.registry.vector()
    reports = []
    for side, data in zip(receiver.sides, parcel.data, strict=True):
        try:
            reports.append(side.do(lambda replica, data=data: replica.merge(data)))
        except RejoinError as error:
            assert side is receiver.one, f"a twin that never compacts was refused: {error}"
            after = checks.seen(side.replica), _events(receiver)
            assert folding or after == before, "what was refused changed something"
            known = {**side.replica.registry.vector(), **verbs.retired(side.replica)}
            news = [site for site, upto in unpack(data).header.vector.items() if upto > known.get(site, 0)]
            assert error.here or news, f"{receiver.name} was refused what brings nothing: {error}"
            missed(history, error, receiver, next((p for p in history.pairs if p.name == parcel.sender), None), old=old)
            return False
        except MissingChangesError as error:
            reports.append(type(error).__name__)
    known = [report if isinstance(report, str) else report.known for report in reports]
    told = receiver.one.replica.known()
    over = bool(verbs.ended(receiver.one.replica)) or bytes.fromhex(verbs.GONE) in told
    ends = known == [False, True] and over  # that a site is ended is an event too, and so is that all have all of it
    assert known[0] == known[1] or ends, f"merged: {known[0]}; on the twin: {known[1]}"
    if known[1] is True:
        after = checks.seen(receiver.one.replica)
        assert folding or after == before[0], f"merging what is known changed {receiver.name}"
        assert folding or ends or _events(receiver) == before[1]
    history.tell(
        f"    {parcel.sender} -> {receiver.name}: {'nothing new' if known[0] is True else known[0] or 'merged'}"
    )
    back = verbs.seen(receiver.one.replica) - seen
    history.occurred["what a site had seen came back"] += any(at <= vector.get(site, 0) for site, _, at, _ in back)
    history.check(receiver)
    history.watch.merged(receiver, known[0], old=old)
    return not isinstance(known[0], str)


def _events(pair: Pair) -> dict[bytes, int]:
    """Return the vector of a replica, by the sites that wrote something."""
    return {site: upto for site, upto in pair.one.replica.registry.vector().items() if site.hex() != verbs.GONE}


def missed(history: History, error: RejoinError, raised_by: Pair, other: Pair | None, *, old: bool = False) -> None:
    """Let whoever missed a compaction go, on both sides.

    One that rejoins may log more, and leave more undeleted, than its twin, because it can't tell what others had seen of what they
    forgot: `tests/rejoin` has histories of that.
    """
    history.occurred["RejoinErrors"] += 1
    history.occurred["RejoinErrors for an old changeset"] += old
    history.tell(f"    refused: {error}")
    for pair in (raised_by, other):
        if pair is not None:
            pair.both(Replica.fold)
    out = verbs.who_missed(error, raised_by, other)
    ends = {site for pair in (raised_by, other) if pair is not None for site in verbs.ended(pair.one.replica)}
    if not old and not ends and other is not None and {raised_by.name, other.name} <= history.healthy:
        raise AssertionError(f"{raised_by.name} and {other.name} should know of each other: {error}")
    if old and out is not raised_by:
        return  # what is refused is only an old changeset
    if out is not None:
        retire(history, out)


def retire(history: History, pair: Pair) -> None:
    """Take a pair out of the history."""
    history.tell(f"    {pair.name} is out")
    history.retired.append(pair.site)
    history.pairs.remove(pair)
    pair.close()
