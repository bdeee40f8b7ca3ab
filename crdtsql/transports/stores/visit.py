"""Visit: one sync with a store: look, put there what it lacks, take what it has, tidy up (decision 0026 has the proof).

Nothing is locked, counted or listed in a manifest: what is missing where is decided by vectors, and what two replicas do at once does
no harm. Where nothing is new there is none (`rest.py`).
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from crdtsql.base import (
    RETIRED,
    Agreement,
    ChangesetError,
    FilledSeparatelyError,
    InvalidChangesetError,
    RejoinError,
    TooManyDeletesError,
    TransportError,
    suggest,
)
from crdtsql.compaction import retiring
from crdtsql.replica import Replica, SyncOptions, SyncReport, asked
from crdtsql.transports import scope
from crdtsql.transports.interface import Entry, Store
from crdtsql.transports.observing import counting
from crdtsql.transports.stores import fingerprints, floods, meeting, segments, upkeep
from crdtsql.transports.stores.fingerprints import Vector
from crdtsql.transports.stores.known import Seen, StoreCache
from crdtsql.transports.stores.outbox import Outbox
from crdtsql.transports.stores.reach import includes, join, joined, knows, plan, reach
from crdtsql.transports.stores.segments import Segment
from crdtsql.wire import bytes_of

KEPT_BYTES = 64 << 20
"""So much of what was read to learn its vectors is kept until it is merged."""
_BROKEN_MS = 24 * 3600 * 1000


class NotPutError(TransportError):
    """A file could not be put into the store, which may be there to be read all the same."""


@dataclass(slots=True)
class Visit:
    """A visit while it lasts.

    Attributes:
        found: the whole segments: stem -> segment.
        vector: what is reachable in the store from nothing.
        had: the replica's vector.
        site: the replica's site, as hex.
        due_ms: when there will be something to tidy up.
        unread: something that is listed is not there.
        came, gone: names that this visit put there, and deleted.
        over: ended sites that vectors need not name: last event, and end.
        refused: segments of writers who are not believed here, or not about others.
    """

    replica: Replica
    store: Store
    known: StoreCache
    options: SyncOptions
    report: SyncReport
    now_ms: int
    chance: random.Random = field(default_factory=random.Random)
    found: dict[str, Segment] = field(default_factory=dict)
    files: dict[str, tuple[str, ...]] = field(default_factory=dict)
    vector: dict[bytes, int] = field(default_factory=dict)
    had: dict[bytes, int] = field(default_factory=dict)
    site: str = ""
    due_ms: int | None = None
    unread: bool = False
    over: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    came: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    refused: list[Segment] = field(default_factory=list)
    _kept: dict[str, bytes] = field(default_factory=dict)
    _taken: dict[tuple[str, bool], bool] = field(default_factory=dict)

    def look(self, entries: Mapping[str, Entry]) -> None:
        """Find the segments that are whole; read those that are new, or whose files are not as they were."""
        self.known.load()
        self.files = segments.gather(entries)
        seen, kept_bytes = self.known.seen, 0
        before_stems = [stem for stem, one in seen.items() if one.segment is not None]
        marks = {
            stem: " ".join(f"{entries[name].size}:{entries[name].mark}" for name in names)
            for stem, names in self.files.items()
        }
        new = [stem for stem, mark in marks.items() if stem not in seen or seen[stem].marks != mark]
        for stem, data in self._read_many(new, entries):
            if data is None:  # it is listed, but not there, or not yet
                self.unread = True
                seen.pop(stem, None)
                continue
            segment = self._checked(stem, data)
            before = seen.get(stem)
            if before is not None and segment is not None and before.segment is not None:
                before.marks = marks[stem]
            else:
                seen[stem] = Seen(segment, marks[stem], covered_ms=0 if segment else self.now_ms)
            if segment and kept_bytes < KEPT_BYTES:
                self._kept[stem] = data
                kept_bytes += len(data)
        for stem in seen.keys() - self.files.keys():
            del seen[stem]
        self._name_all()
        left_out = {one.stem for one in self.refused}
        before_stems = [stem for stem in before_stems if stem not in left_out]
        self.vector = reach(self.found.values(), self._vector_before(before_stems))

    def _name_all(self) -> None:
        """Read all vectors so that they name the same ended sites: some were written when others did not leave these out yet."""
        whole = {stem: one.segment for stem, one in self.known.seen.items() if one.segment is not None}
        named = {site for one in whole.values() for site in (*one.upto, *one.needs)}
        self.over = asked(self.replica, retiring.ended_among, named) if RETIRED in named else {}
        read = {stem: self.in_full(one) for stem, one in whole.items()}
        self.found = {stem: one for stem, one in read.items() if self._is_taken(one)}
        self.refused = [one for stem, one in read.items() if stem not in self.found]

    def _is_taken(self, segment: Segment) -> bool:
        """Tell whether a segment counts here: its writer is believed, also about what it brings of others.

        What does not count leads nowhere, and covers nothing: else who is not believed could take the place of those who are.
        """
        writer = bytes.fromhex(segment.writer)
        others = any(site != writer and upto > segment.needs.get(site, 0) for site, upto in segment.upto.items())
        asked = segment.writer, others
        if asked not in self._taken:
            self._taken[asked] = self.replica.takes_from(segment.writer, others=others)
        return self._taken[asked]

    def in_full(self, segment: Segment) -> Segment:
        """Return a segment with the ended sites that its vectors need not name."""
        if not self.over:
            return segment
        needs, upto = (retiring.in_full(one, self.over) for one in (segment.needs, segment.upto))
        retired = self.over.keys() - self._agreed().ends.keys()
        return segment._replace(needs=needs, upto=upto, told=segment.told.without(retired))

    def present(self) -> dict[bytes, int]:
        """Return the replica's vector, with these sites."""
        return retiring.in_full(self.replica.known(), self.over)

    def _vector_before(self, stems: Collection[str]) -> dict[bytes, int]:
        """Return the vector that the last visit computed of these segments, if all of them are whole still; else an empty one."""
        facts = self.known.facts
        if facts.get("basis") == fingerprints.of_names(stems) and all(stem in self.found for stem in stems):
            return _read(facts.get("vector"))
        return {}

    def _read_many(self, stems: Sequence[str], entries: Mapping[str, Entry]) -> Iterator[tuple[str, bytes | None]]:
        """Return the bytes of segments, in order, None for one that is not there; what is too large for a segment is not read."""
        right = {stem for stem in stems if all(entries[name].size <= segments.PIECE_BYTES for name in self.files[stem])}
        found = self.store.get_many([name for stem in stems if stem in right for name in self.files[stem]])
        for stem in stems:
            pieces = [next(found) for _ in self.files[stem]] if stem in right else [b""]
            whole = [piece for piece in pieces if piece is not None]
            yield stem, b"".join(whole) if len(whole) == len(pieces) else None

    @staticmethod
    def _checked(stem: str, data: bytes | None) -> Segment | None:
        with suppress(InvalidChangesetError):
            return None if data is None else segments.checked(stem, data)
        return None

    def read(self, stem: str) -> bytes | None:
        """Return the bytes of a segment, None if one of its files is not there."""
        if stem in self._kept:
            return self._kept.pop(stem)
        pieces = list(self.store.get_many(self.files[stem]))
        whole = [piece for piece in pieces if piece is not None]
        return b"".join(whole) if len(whole) == len(pieces) else None

    def peek(self, stem: str) -> bytes | None:
        """Return the bytes of a segment as `read` does, and keep them for it."""
        data = self.read(stem)
        if data is not None and sum(map(len, self._kept.values())) < KEPT_BYTES:
            self._kept[stem] = data
        return data

    def peek_for(self, copy: Replica, segment: Segment) -> bytes | None:
        """Return the bytes of a segment as `peek` does; None as well if a copy of the replica lacks what it builds on."""
        return self.peek(segment.stem) if includes(retiring.in_full(copy.known(), self.over), segment.needs) else None

    def put(self, since: Vector) -> Segment:
        """Put a segment there that leads from a vector to this replica's; return it.

        From where what was forgotten here is not known yet, nothing but a snapshot leads here.
        """
        try:
            data = bytes_of(
                self.replica.export_spilled({site.hex(): upto for site, upto in since.items()}, bundled=False)
            )
        except RejoinError:
            data = bytes_of(self.replica.export_spilled(bundled=False))
        scope.check(data, self.options, self.replica.path)
        stem = segments.stem_of(self.replica.site, data)
        segment = segments.checked(stem, data)
        self.bring(segment, data)
        return segment

    def bring(self, segment: Segment, data: bytes) -> None:
        """Put the files of a segment there, and remember that they are."""
        files = segments.files_of(segment.stem, data, self.store.most_bytes)
        with Outbox.of(self.known.path).holding(segment.stem, data, needed=len(files) > 1):
            there = self.store.entries() if len(files) > 1 else {}
            try:
                for name, piece in files.items():
                    if name not in there or there[name].size != len(piece):
                        self.store.put(name, piece)
            except TransportError as error:
                raise NotPutError(str(error)) from error
        self.report.sent += 1
        self.report.sent_bytes += len(data)
        self.files[segment.stem] = tuple(files)
        self.came.update(files)
        self.found[segment.stem] = self.in_full(segment)
        self.known.seen[segment.stem] = Seen(segment, "")
        self.vector = reach(self.found.values(), self.vector)

    def publish(self) -> None:
        """Put there what the store lacks: own changes at once, what others wrote once they had time to do it themselves."""
        left = Outbox.of(self.known.path).waiting()
        if left is not None and includes(self.vector, left[0].needs) and not includes(self.vector, left[0].upto):
            self.bring(*left)
        best = join(_read(self.known.facts.get("best")), self.vector)
        own = bytes.fromhex(self.replica.site)
        behind = int(self.known.facts.get("behind", 0))
        if self.replica.requires_proofs():
            self._publish_own(own)
        elif includes(self.vector, self.had):
            behind = 0
        elif behind >= self.options.patience:
            self.put(self.vector)
            best, behind = dict(self.vector), 0
        else:
            if self.had.get(own, 0) > best.get(own, 0):
                best = join(best, self.put(best).upto)
            behind += self.chance.choice((0, 1, 1))
            self.report.put_off = not includes(self.vector, self.had)
        self.known.facts |= {"best": _written(best), "behind": behind}

    def _publish_own(self, own: bytes) -> None:
        """Put there what this replica wrote, link by link: where each speaks for itself alone, the others do that themselves."""
        lead = sorted((one.needs.get(own, 0), one.upto.get(own, 0)) for one in self.found.values())
        begin = max((needs for needs, _ in lead[:1]), default=0)
        for needs, upto in lead:
            begin = upto if needs <= begin < upto else begin
        for data in self.replica.own_links(after=begin):
            scope.check(data, self.options, self.replica.path)
            segment = segments.checked(segments.stem_of(self.replica.site, data), data)
            self.bring(segment, data)
            begin = segment.upto.get(own, 0)
        if self.had.get(own, 0) > begin:  # what is in no link, or was purged from one
            self.put({site: upto for site, upto in {**self.had, own: begin}.items() if upto})

    def take(self) -> None:
        """Merge what the store has and this replica lacks; what can't be merged is left out, and what builds on it."""
        path = plan(list(self.found.values()), self.had)
        limits = dict.fromkeys((one.stem for one in path), floods.check(self, path))
        # A merge says why these are refused, or takes what is their writer's own.
        path += [one for one in self.refused if not includes(self.had, one.upto)]
        for segment in path:
            if not self._has(segment.needs):
                continue  # something before it was left out
            data = self.read(segment.stem)
            if data is None or self._checked(segment.stem, data) is None:
                self.known.seen.pop(segment.stem, None)  # it went, or was damaged, since it was looked at
                self.found.pop(segment.stem, None)
                self.vector = reach(self.found.values(), {})
                continue
            scope.check(data, self.options, self.store.address)
            try:
                limit = limits.get(segment.stem, self.options.max_deletes)
                merged = counting.merge(
                    self.replica, data, refuse_unrelated=self.options.refuse_unrelated, max_deletes=limit
                )
                self.report.here.add(merged)
            except (FilledSeparatelyError, TooManyDeletesError):
                raise
            except ChangesetError as error:
                self.report.skipped.append(f"{segment.stem}: {error}")
            else:
                self.report.received += 1
                self.report.received_bytes += len(data)
        if RETIRED in self.replica.known():
            self._name_all()  # more sites may have been retired by what was taken
        self.had = self.present()

    def _has(self, needs: Vector) -> bool:
        """Tell whether the replica has all of a vector; what was taken before may have retired sites that it names."""
        if not includes(self.present(), needs) and RETIRED in self.replica.known():
            self._name_all()
        return includes(self.present(), needs)

    def learn(self) -> None:
        """Hear what was agreed on beside the changes, of which this replica has all that its writer had; agree."""
        for segment in {id(one.told): one for one in self._heard()}.values():
            mine, own = self._agreed(), bytes.fromhex(self.replica.site)
            waits = mine.is_open and own not in mine.acks and own not in mine.ends
            if knows(mine, segment.told) and not waits:
                continue
            data = self.read(segment.stem)
            if data is None or self._checked(segment.stem, data) is None:
                continue  # the next visit finds out
            try:
                counting.merge(self.replica, data, refuse_unrelated=self.options.refuse_unrelated)
            except ChangesetError as error:
                self.report.skipped.append(f"{segment.stem}: {error}")
            else:
                self.report.received += 1
                self.report.received_bytes += len(data)

    def _agreed(self) -> Agreement:
        return segments.told_in(self.replica.agreed())

    def _heard(self) -> list[Segment]:
        return [one for one in self.found.values() if one.told and includes(self.had, one.upto)]

    @property
    def is_said(self) -> bool:
        """Tell whether what this replica knows of what may be forgotten is told in the store.

        That it agreed itself need not be told where nobody waits for it, because it has not written anything yet.
        """
        mine, own = self._agreed(), bytes.fromhex(self.replica.site)
        if own not in mine.members(self.had):
            mine = replace(mine, acks=mine.acks - {own} or mine.acks)
        return not mine or knows(joined(one.told for one in self._heard()), mine)

    def tell(self) -> None:
        """Put a segment without changes there if nothing else tells what this replica has agreed to.

        Each one makes what the store tells strictly more, and all of it ends once all have agreed: so all come to rest.
        """
        if includes(self.vector, self.had) and includes(self.had, self.vector) and not self.is_said:
            self.put(self.vector)

    def rehearse(self) -> None:
        """Take what is there into a replica that is a copy, and say what would be put there."""
        if self.options.push and not includes(self.vector, self.had):
            since = {site.hex(): upto for site, upto in self.vector.items()}
            if self.options.tables is not None:
                scope.check(self.replica.export(since), self.options, self.replica.path)
            self.report.cells = self.replica.changes(since)
        if self.options.push and self.options.refuse_unrelated:
            meeting.check(self)
        if self.options.pull:
            self.take()

    def note(self, names: Collection[str], entries: Mapping[str, Entry]) -> None:
        """Note what the next visit, and `status`, want to know. Names that came from others meanwhile are news then."""
        reachable = reach(self.found.values(), self.had)
        waiting = [one for one in self.found.values() if not includes(reachable, one.needs)]
        self.report.waiting = len(waiting)
        missing = {
            site.hex(): upto for one in waiting for site, upto in one.needs.items() if upto > reachable.get(site, 0)
        }
        before = self.known.facts.get("waiting") or {}
        since_ms = before.get("since_ms", self.now_ms) if waiting else None
        broken = any(
            one.segment is None and self.now_ms - one.covered_ms < _BROKEN_MS for one in self.known.seen.values()
        )
        whole = includes(self.vector, self.had) and includes(self.had, self.vector)
        self.known.facts |= {
            "address": self.store.address,
            "vector": _written(self.vector),
            "basis": None if self.gone else fingerprints.of_names(self.found),
            "waiting": {"count": len(waiting), "since_ms": since_ms, "missing": missing},
            "seen_ms": self.now_ms,
            "looked_ms": self.now_ms,
            "rest": {
                "names": fingerprints.of_names((set(names) | self.came) - self.gone),
                "files": None if self.came or self.gone else fingerprints.of_files(entries),
                "vector": fingerprints.fingerprint(self.replica.known()),
                "agreement": fingerprints.of_text(self.replica.agreed()),
                "said": self.is_said,
                "due_ms": self.due_ms,
            }
            if whole and not broken and not self.unread
            else None,
        }


def visit(visit: Visit, names: Collection[str], rules: upkeep.Rules | None, chance: random.Random | None) -> None:
    """Look, put there what the store lacks, take what it has, tidy up; nothing is put where what would be taken is refused.

    Args:
        names: what was listed when it was found that something is new.
        rules: by which old files go; None for those of the store.

    Raises:
        TransportError: something can't be put there; what is there has been taken, if it can be read.
    """
    visit.chance = chance or visit.chance
    entries = visit.store.entries()
    visit.look(entries)
    visit.replica.fold(visit.vector)
    visit.had, visit.site = visit.present(), visit.replica.site
    if visit.options.dry_run:
        visit.rehearse()
        return
    failed: TransportError | None = None
    if visit.options.push:
        if visit.options.refuse_unrelated:
            meeting.check(visit)
        try:
            visit.publish()
        except NotPutError as error:
            failed = error
    if visit.options.pull:
        visit.take()
        visit.learn()
    if visit.options.push and failed is None:
        try:
            visit.tell()
            visit.due_ms = upkeep.tidy(visit, rules or upkeep.rules_of(visit.store))
        except TransportError as error:
            failed = error
    visit.report.skipped.extend(visit.store.remarks())
    visit.note(names, entries)
    if failed is not None:
        raise TransportError(f"{failed}{_taken_all_the_same(visit)}") from failed


def _taken_all_the_same(visit: Visit) -> str:
    """Say of a sync that could not put anything what it took, and how to do that alone."""
    if not visit.options.pull:
        return ""
    words = ["--pull", *(["--tables", ",".join(visit.options.tables)] if visit.options.tables else [])]
    again = suggest.command("sync", visit.replica.path, visit.store.address, options=words)
    took = visit.report.received
    done = f"{took:,} changesets from there were taken all the same, and" if took else "nothing was taken;"
    left = "".join(f"; left out: {reason}" for reason in visit.report.skipped)
    return f"; {done} {again} only takes what is there{left}"


def _read(vector: Mapping[str, int] | None) -> dict[bytes, int]:
    return {bytes.fromhex(site): int(upto) for site, upto in (vector or {}).items()}


def _written(vector: Vector) -> dict[str, int]:
    return {site.hex(): upto for site, upto in vector.items()}
