"""Compacting: the verbs that make a file smaller, and say who is waited for or what is kept for nobody here."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING

from crdtsql.base import RETIRED, BusyError, CrdtsqlError, UsageError, clock, memory, suggest
from crdtsql.replica.forgetting.breather import Breather
from crdtsql.replica.session import Session
from crdtsql.replica.transactions import Undo
from crdtsql.replica.turns import verb
from crdtsql.store import acting, retired

if TYPE_CHECKING:
    from crdtsql.compaction import CompactReport, Walk
    from crdtsql.look import Stranger

KEEP_MS = 30 * 24 * 3600 * 1000
"""What is younger is never forgotten, unless somebody asks for it: it protects copies that nobody knows of."""
SAMPLED_ROWS = 4_000
MOST_TRIMMED = 1_000
"""So many entries of a history are taken out in one transaction."""
FORESEEING_S = 0.05
"""After so long a dry run leaves the file alone: somebody waits for what it says."""
log = logging.getLogger("crdtsql")


class Compacting(Session):
    """The verbs of compaction (decision 0034)."""

    _walk: Walk | None = None

    @verb
    def compact(
        self, *, keep_ms: int | None = None, silent_ms: int | None = None, dry_run: bool = False, once: bool = False
    ) -> CompactReport:
        """Agree with the other replicas on what all of them have, and forget what nobody will ask for any more.

        What this replica agrees to travels with its next changesets; once all have agreed, each forgets for itself. A file that
        never exchanged anything agrees with itself. In bounded steps, each a transaction of its own, and with pauses: other programs
        may write meanwhile. From then on the file is compacted by itself while it is watched or served.

        Args:
            keep_ms: events younger than this many milliseconds are not forgotten. None: what was said last, or 30 days.
            silent_ms: end replicas, as `forget` does, that have not agreed for so many milliseconds, as far as this file knows, and of
                which nothing was heard meanwhile, if they are fewer than half; 0: none. It is remembered. None: what was said last;
                at first none is ended. Time in which this file was not compacted, nor watched or served, for a week does not count.
            dry_run: change nothing, and say what would be done.
            once: compact nothing by itself from then on.

        Raises:
            UsageError: `keep_ms` or `silent_ms` is negative.
        """
        from crdtsql.compaction import Walk, due, silence

        if keep_ms is not None and keep_ms < 0:
            raise UsageError("what is younger than a negative time can't be kept: give a time of 0 or more")
        if silent_ms is not None and silent_ms < 0:
            raise UsageError("nobody is silent for a negative time: give a time, or 0 to end nobody")
        if dry_run:
            return self._foreseen(keep_ms, silent_ms=silent_ms)
        with self._explained():
            self.registry.require()
        while self._trim_histories():
            pass
        with self._folded():
            keep, silent = self._kept_ms(keep_ms), self._silent_ms(silent_ms)
            rests = self._is_at_rest(keep, None if once else keep, silent)
            walk = Walk.begin(self.registry)
        if rests:
            report = self._report(walk.forgotten)
        else:
            with self._changing(durable=False):
                due.set_keep(self.registry, None if once else keep)
                silence.set_silent(self.registry, silent)
                report = self._agree(keep, silent)
                self._forget_told()
                walk = Walk.begin(self.registry)
        steps, more, breather = len(walk.left), True, Breather()
        while more:
            self.on_progress("compact", steps - len(walk.left), steps)
            with breather.held():
                more = self._step(walk, undo=rests)
        report.tables = walk.tables
        return report

    def _is_at_rest(self, keep: int, remembered: int | None, silent: int | None) -> bool:
        """Tell whether a compaction would find all as the last one left it, and agree to nothing new."""
        from crdtsql.compaction import due, silence

        return (
            due.keep_ms(self.registry) == remembered
            and silence.silent_ms(self.registry) == silent
            and not self._has_silent(silent)
            and due.has_looked(self.registry)
            and not due.is_worth_beginning(self.registry, keep, self._now)
        )

    def _forget_told(self) -> None:
        """Forget what changesets said of single writes that all members have."""
        from crdtsql.compaction import floor
        from crdtsql.conflicts import unseen
        from crdtsql.purge import told

        if any(self.registry.get(name) not in (None, "[]") for name in ("unseen", "purged")):
            is_settled = partial(floor.covers, self.registry, floor.read(self.registry).floor)
            unseen.forget(self.registry, is_settled)
            told.forget(self.registry, is_settled)

    @verb
    def agreed(self) -> str:
        """Return what is known of what may be forgotten, as JSON, "" for nothing; another text once anything else is agreed on."""
        with self._explained():
            return memory.of_content(self.connection, "agreed", lambda: str(self.registry.get("agreement") or ""))

    @verb
    def freeable_bytes(self, *, most_rows: int = SAMPLED_ROWS) -> dict[str, int]:
        """Say about how many bytes of the file `compact` would free now, by table, once VACUUM has given them back. Changes nothing.

        Nothing is said where the file can't be written, or another program keeps it locked.

        Args:
            most_rows: look at about no more rows than that, which stand for the others.
        """
        if self.connection.in_transaction or self.connection.readonly("main"):
            return {}
        try:
            report = self._foreseen(None, most_rows)
        except BusyError:
            return {}
        return {name: one.freed_bytes for name, one in report.tables.items() if one.freed_bytes is not None}

    def _foreseen(
        self, keep_ms: int | None, most_rows: int | None = None, *, silent_ms: int | None = None
    ) -> CompactReport:
        """Do what a compaction would do, in steps each of which is undone, and say what it was.

        Args:
            most_rows: look at about no more rows than that, and let them stand for all.
        """
        from crdtsql.compaction import foresee

        found: list[CompactReport] = []
        breather = Breather(FORESEEING_S, times=0)

        def attempt(work: Callable[[], bool]) -> bool:
            more = False
            with breather.held() if most_rows is None else nullcontext():
                with self._folded():
                    pass  # what others wrote meanwhile is folded once, and not anew in each step that is undone
                with suppress(Undo), self._changing(durable=False):
                    found.append(self._agree(keep, silent))
                    more = work()
                    raise Undo
            return more

        with self._folded():
            keep, silent = self._kept_ms(keep_ms), self._silent_ms(silent_ms)
        attempt(lambda: False)
        report = found[0]
        if report.floor_ms:
            report.tables = foresee(self.registry, attempt, most_rows)
        return report

    def _kept_ms(self, keep_ms: int | None) -> int:
        from crdtsql.compaction import due

        if keep_ms is not None:
            return keep_ms
        remembered = due.keep_ms(self.registry)
        return KEEP_MS if remembered is None else remembered

    def _silent_ms(self, silent_ms: int | None) -> int | None:
        from crdtsql.compaction import silence

        return silence.silent_ms(self.registry) if silent_ms is None else silent_ms or None

    def _has_silent(self, silent: int | None) -> bool:
        """Tell whether there is something to note, or to end, of those that are waited for."""
        from crdtsql.compaction import silence

        return silence.has_changed(self.registry, self._now) or bool(
            silent and silence.find(self.registry, silent, self._now)
        )

    def _end_silent(self, silent: int | None) -> list[str]:
        """Note who is waited for, and end those that have been silent for so long; return these."""
        from crdtsql.compaction import silence

        silence.note(self.registry, self._now)
        found = silence.find(self.registry, silent, self._now) if silent else []
        for site in found:
            self._end(site)
        if found:
            silence.note(self.registry, self._now)
        return [site.hex() for site in found]

    def _end(self, site: bytes, *, asked: bool = False) -> None:
        """Say by an event that a site writes no more; whoever acts now says it, if it was asked for."""
        from crdtsql.compaction import rounds

        hlc = self.registry.tick(self._now())
        self.registry.record_merged(hlc)
        if asked:
            acting.attribute_directly(self.registry, self.registry.self_ordinal, hlc, hlc)
        self.registry.raise_vector(self.registry.next_batch(), [(self.registry.self_ordinal, hlc)])
        rounds.end(self.registry, site, hlc)

    @contextmanager
    def _vouched(self, site: bytes) -> Iterator[None]:
        """Have all wait for a new site that is made in a block, if anybody asked for a compaction; no more if the block fails."""
        from crdtsql.compaction import rounds

        with self._folded():
            is_awaited = rounds.is_begun(self.registry) and not self.connection.readonly("main")
        if is_awaited:
            with self._changing(durable=False):
                rounds.vouch(self.registry, site)
        try:
            yield
        except BaseException:
            if is_awaited:
                with suppress(CrdtsqlError), self._changing():
                    self._end(site)
            raise

    def _step(self, walk: Walk, *, undo: bool = False) -> bool:
        """Do a step; with `undo` for what it says alone, so that the file stays as it is."""
        more = False
        with suppress(Undo), self._changing(durable=False):
            began = time.perf_counter()
            more = walk.step()
            if undo:
                raise Undo
        walk.stride.took(time.perf_counter() - began)
        return more

    @verb
    def compact_some(self) -> bool:
        """Do a little of what `compact` does, if it was called once: agree, begin a round that is due, or look at some rows.

        For whoever has nothing else to do; holds the file for some milliseconds. To find nothing costs microseconds while nobody
        writes.

        Returns:
            whether there is more to do now.
        """
        from crdtsql.compaction import Walk, due, floor, rounds

        with self._explained():
            self.registry.require()
            keep = memory.of_content(self.connection, "compact_keep_ms", partial(due.keep_ms, self.registry))
        if keep is None or self.connection.in_transaction or self.connection.readonly("main"):
            return False
        with self._folded():
            begins, rests = due.is_round_due(self.registry, keep, self._now), due.is_swept(self.registry)
            silent = self._silent_ms(None)
            waits = self._has_silent(silent)
            forgotten = floor.read(self.registry).floor
        walk, self._walk = self._walk, None  # what fails is begun anew
        if begins:
            self._trim_histories()
            with self._changing(durable=False):
                rounds.begin(self.registry, keep, self._now)
                self._end_silent(silent)
            return True
        if waits:
            with self._changing():
                ended = self._end_silent(silent)
            if ended:
                log.info("%s waits no more for sites that were silent: %s", self.path, ", ".join(ended))
        if rests:
            return False
        if walk is None or walk.forgotten != forgotten:
            with self._changing(durable=False):
                self._forget_told()
                walk = Walk.begin(self.registry)
        if self._step(walk):
            self._walk = walk
            return True
        return False

    def _trim_histories(self) -> int:
        """Take some entries out of histories that are older than these are kept for; return how many."""
        from crdtsql.history import forgetting

        if not any(table.history for table in self.registry.registered().recorded):
            return 0
        count = 0
        with suppress(Undo), self._changing(durable=False):
            count = forgetting.trim(self.registry, self._now(), MOST_TRIMMED)
            if not count:
                raise Undo
        return count

    def _agree(self, keep_ms: int, silent: int | None) -> CompactReport:
        from crdtsql.compaction import due, floor, rounds

        before = floor.read(self.registry).floor
        if due.is_worth_beginning(self.registry, keep_ms, self._now):
            rounds.begin(self.registry, keep_ms, self._now)
        ended = self._end_silent(silent)
        if ended and due.is_worth_beginning(self.registry, keep_ms, self._now):
            rounds.begin(self.registry, keep_ms, self._now)
        report = self._report(before)
        report.ended = ended
        return report

    def _report(self, before: Mapping[bytes, int]) -> CompactReport:
        """Say how far all agree, and who has yet to, as compared with a floor before."""
        from crdtsql.compaction import CompactReport, floor

        after = floor.read(self.registry)
        missing = after.missing(retired.told_vector(self.registry)) if after.is_open else set()
        newest = max(after.floor.values(), default=0)
        return CompactReport(clock.to_ms(newest), after.floor != before, sorted(site.hex() for site in missing))

    @verb
    def forget(self, site: str) -> None:
        """Say that another replica writes no more, so that nobody waits for it.

        What it wrote and anybody has stays, and reaches everybody. What it writes from now on is not taken from it: if it comes
        back it must rejoin.

        Raises:
            CrdtsqlError: there is no such site, it is this one, or it was ended already.
        """
        from crdtsql.compaction import floor, rounds

        with self._changing():
            over = {RETIRED, *retired.named(self.registry)}
            known = {one.hex(): one for _, one, _ in self.registry.sites() if one not in over}
            found = [one for name, one in known.items() if name.startswith(site.lower())] if site else []
            if len(found) != 1:
                lists = f"{suggest.command('members', self.path)} lists those that it knows"
                if not found:
                    raise CrdtsqlError(f"{self.path} knows no site {site!r:.60}: {lists}; nothing was changed")
                raise CrdtsqlError(
                    f"{len(found):,} sites that {self.path} knows begin with {site!r}: give more of the id; {lists}"
                )
            if found[0] == rounds.own_site(self.registry):
                raise CrdtsqlError(
                    f"site {found[0].hex()} is {self.path} itself, which can't be forgotten in its own file"
                )
            if found[0] in floor.read(self.registry).ends:
                raise CrdtsqlError(
                    f"site {found[0].hex()} was forgotten already: nobody waits for it; nothing was changed"
                )
            self._end(found[0], asked=True)

    @verb
    def drop_strangers(self, *names: str) -> list[Stranger]:
        """Forget what this file keeps for others, all if none is named; return what it was.

        It is not asked for again: others have it still, but whoever gets changes only from here will lack it. That is for what stands
        in the way, such as a table that somebody made up.

        Args:
            names: of strangers, as `strangers` lists them.

        Raises:
            UsageError: nothing of a name is kept.
        """
        from crdtsql.evolve import letgo
        from crdtsql.look import strangers

        with self._explained(), self._writing():
            self.registry.require()
            found = strangers(self.registry)
            known = [*dict.fromkeys(one.name for one in found)]
            unknown = next((name for name in names if name not in known), None)
            if unknown is not None:
                instead = suggest.instead(unknown, known, "what is kept for others")
                raise UsageError(f"nothing is kept for others under the name {unknown!r:.80}: {instead}")
            dropped = [one for one in found if not names or one.name in names]
            for one in dropped:
                letgo.drop(self.registry, one.kind, one.name)
            # Not before: it may be what was dropped that stands in the way of that.
            self._ready({}, strict=False)
            self._come_further(strict=False)
        return dropped
