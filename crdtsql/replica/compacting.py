"""Compacting: the verbs that make a file smaller, and say who is waited for or what is kept for nobody here."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from crdtsql.base import RETIRED, BusyError, CrdtsqlError, UsageError, clock, memory, suggest
from crdtsql.replica.session import Session
from crdtsql.replica.transactions import Undo
from crdtsql.replica.turns import verb
from crdtsql.store import retired

if TYPE_CHECKING:
    from crdtsql.compaction import CompactReport, Walk
    from crdtsql.look import Stranger

KEEP_MS = 30 * 24 * 3600 * 1000
"""What is younger is never forgotten, unless somebody asks for it: it protects copies that nobody knows of."""
SAMPLED_ROWS = 4_000
HELD_S, FREE_S = 0.03, 0.06
"""After so long a compaction leaves the file alone, for so long at least: whoever waits to write looks again within that time."""


class Compacting(Session):
    """The verbs of compaction (decision 0034)."""

    _walk: Walk | None = None

    @verb
    def compact(self, *, keep_ms: int | None = None, dry_run: bool = False, once: bool = False) -> CompactReport:
        """Agree with the other replicas on what all of them have, and forget what nobody will ask for any more.

        What this replica agrees to travels with its next changesets; once all have agreed, each forgets for itself. A file that
        never exchanged anything agrees with itself. In bounded steps, each a transaction of its own, and with pauses: other programs
        may write meanwhile. From then on the file is compacted by itself while it is watched or served.

        Args:
            keep_ms: events younger than this many milliseconds are not forgotten. None: what was said last, or 30 days.
            dry_run: change nothing, and say what would be done.
            once: compact nothing by itself from then on.

        Raises:
            UsageError: `keep_ms` is negative.
        """
        from crdtsql.compaction import Walk, due

        if keep_ms is not None and keep_ms < 0:
            raise UsageError("what is younger than a negative time can't be kept: give a time of 0 or more")
        if dry_run:
            return self._foreseen(keep_ms)
        with self._changing(durable=False):
            keep = self._kept_ms(keep_ms)
            due.set_keep(self.registry, None if once else keep)
            report = self._agree(keep)
            walk = Walk.begin(self.registry)
        steps, more, held_s = len(walk.left), True, 0.0
        while more:
            self.on_progress("compact", steps - len(walk.left), steps)
            began = time.perf_counter()
            more = self._step(walk)
            held_s += time.perf_counter() - began
            if more and held_s > HELD_S:
                time.sleep(max(FREE_S, 2 * held_s))
                held_s = 0.0
        report.tables = walk.tables
        self._forget_names()
        return report

    def _forget_names(self) -> None:
        """Forget the retired sites that no stamp names any more; these are looked for without a lock, in vain if somebody writes.

        Not looked for if no stamp can have gone since they were last.
        """
        from crdtsql.compaction import floor, retiring
        from crdtsql.conflicts import unseen
        from crdtsql.purge import told

        with self._folded():
            if not retired.named(self.registry) or self.registry.get("names_looked") == self._looked():
                return
            is_told = any(self.registry.get(name) not in (None, "[]") for name in ("unseen", "purged"))
        if is_told:
            with self._changing(durable=False):
                is_settled = partial(floor.covers, self.registry, floor.read(self.registry).floor)
                unseen.forget(self.registry, is_settled)
                told.forget(self.registry, is_settled)
        with self._folded():
            looked, unnamed = self._looked(), retiring.find_unnamed(self.registry)
        with self._changing(durable=False):
            if self._looked() == looked:
                retiring.forget_names(self.registry, unnamed)
                self.registry.set("names_looked", looked)

    def _looked(self) -> str:
        """Name the state of all stamps: after which batch, and by which floor they were looked at."""
        return " ".join(map(str, (self.registry.number("batch"), self.registry.get("compacted"))))

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

    def _foreseen(self, keep_ms: int | None, most_rows: int | None = None) -> CompactReport:
        """Do what a compaction would do, in steps each of which is undone, and say what it was.

        Args:
            most_rows: look at about no more rows than that, and let them stand for all.
        """
        from crdtsql.compaction import foresee

        found: list[CompactReport] = []

        def attempt(work: Callable[[], bool]) -> bool:
            more = False
            with suppress(Undo), self._changing(durable=False):
                found.append(self._agree(keep))
                more = work()
                raise Undo
            return more

        with self._folded():
            keep = self._kept_ms(keep_ms)
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

    def _step(self, walk: Walk) -> bool:
        with self._changing(durable=False):
            began = time.perf_counter()
            more = walk.step()
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
            forgotten = floor.read(self.registry).floor
        walk, self._walk = self._walk, None  # what fails is begun anew
        if begins:
            with self._changing(durable=False):
                rounds.begin(self.registry, keep, self._now)
            return True
        if rests:
            return False
        if walk is None or walk.forgotten != forgotten:
            with self._folded():
                walk = Walk.begin(self.registry)
        if self._step(walk):
            self._walk = walk
            return True
        return False

    def _agree(self, keep_ms: int) -> CompactReport:
        from crdtsql.compaction import CompactReport, floor, rounds

        before = floor.read(self.registry).floor
        rounds.begin(self.registry, keep_ms, self._now)
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
            hlc = self.registry.tick(self._now())
            self.registry.record_merged(hlc)
            self.registry.raise_vector(self.registry.next_batch(), [(self.registry.self_ordinal, hlc)])
            rounds.end(self.registry, found[0], hlc)

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
