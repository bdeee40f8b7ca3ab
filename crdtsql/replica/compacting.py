"""Compacting: the verbs that make a file smaller, and say who is waited for."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from crdtsql.base import CrdtsqlError, UsageError, clock
from crdtsql.replica.session import Session
from crdtsql.replica.transactions import Undo
from crdtsql.replica.turns import verb

if TYPE_CHECKING:
    from crdtsql.compaction import CompactReport, TableCompacted

KEEP_MS = 30 * 24 * 3600 * 1000
"""What is younger is never forgotten, unless somebody asks for it: it protects copies that nobody knows of."""


class Compacting(Session):
    """The verbs of compaction (decision 0034)."""

    @verb
    def compact(self, *, keep_ms: int = KEEP_MS, dry_run: bool = False) -> CompactReport:
        """Agree with the other replicas on what all of them have, and forget what nobody will ask for any more.

        What this replica agrees to travels with its next changesets; once all have agreed, each forgets for itself. A file that
        never exchanged anything agrees with itself. In bounded steps, each a transaction of its own: other programs may write
        meanwhile.

        Args:
            keep_ms: events younger than this many milliseconds are not forgotten.
            dry_run: change nothing, and say what would be done.

        Raises:
            UsageError: `keep_ms` is negative.
        """
        from crdtsql.compaction import CompactReport, Sweep

        if keep_ms < 0:
            raise UsageError("what is younger than a negative time can't be kept: give a time of 0 or more")
        if dry_run:
            report = CompactReport()
            with suppress(Undo), self._changing(durable=False):
                report = self._agree(keep_ms)
                for name in self._names():
                    report.tables[name] = self._swept(name)
                raise Undo
            return report
        with self._changing(durable=False):
            report = self._agree(keep_ms)
            names = self._names()
        for number, name in enumerate(names):
            self.on_progress(f"compact {name}", number, len(names))
            sweep, more = Sweep(self.registry, name), bool(report.floor_ms)
            while more:
                with self._changing(durable=False):
                    more = sweep.step()
            report.tables[name] = sweep.done
        return report

    def _names(self) -> list[str]:
        return [table.name for table in self.registry.tables() if not table.absent]

    def _swept(self, name: str) -> TableCompacted:
        from crdtsql.compaction import Sweep, floor

        sweep = Sweep(self.registry, name)
        while floor.read(self.registry).floor and sweep.step():
            pass
        return sweep.done

    def _agree(self, keep_ms: int) -> CompactReport:
        from crdtsql.compaction import CompactReport, floor, rounds

        before = floor.read(self.registry).floor
        rounds.begin(self.registry, keep_ms, self._now)
        after = floor.read(self.registry)
        missing = after.missing(self.registry.vector()) if after.is_open else set()
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
            known = {one.hex(): one for _, one, _ in self.registry.sites()}
            found = [one for name, one in known.items() if name.startswith(site.lower())] if site else []
            if len(found) != 1:
                raise CrdtsqlError(f"{self.path} knows {'no site' if not found else f'{len(found)} sites'} {site!r}")
            if found[0] == rounds.own_site(self.registry):
                raise CrdtsqlError(
                    f"site {found[0].hex()} is {self.path} itself, which can't be forgotten in its own file"
                )
            if found[0] in floor.read(self.registry).ends:
                raise CrdtsqlError(f"site {found[0].hex()} was forgotten already")
            hlc = self.registry.tick(self._now())
            self.registry.record_merged(hlc)
            self.registry.raise_vector(self.registry.next_batch(), [(self.registry.self_ordinal, hlc)])
            rounds.end(self.registry, found[0], hlc)
