"""Histories: keep what is written to tables, look at it, and take writes back."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from crdtsql.base import SqliteValue, UsageError, clock, suggest
from crdtsql.replica.session import Session
from crdtsql.replica.transactions import ForeignKeys, Undo
from crdtsql.replica.turns import verb
from crdtsql.store import Actor, acting, names

if TYPE_CHECKING:
    from crdtsql.history import HistoryEntry, KeptHistory, PastRow, UndoneWrites


class Histories(Session):
    """The history of tables."""

    @verb
    def keep_history(self, table: str, *, keep: timedelta | None = None) -> bool:
        """Keep all that is written to a table from now on, here and on all replicas that hear of it; return whether that is new.

        What was kept travels like rows, with who wrote it.

        Args:
            keep: for how long; None for ever. Compactions of this file then take older entries out, on all replicas.

        Raises:
            NotEnabledError: the table is not replicated, or not in this file.
            UsageError: it is a history itself, or the time is none.
            CannotEnableError: it has too many columns.
        """
        from crdtsql.replica.past import keeping

        keep_ms = 0 if keep is None else keep // timedelta(milliseconds=1)
        if keep is not None and keep_ms < 1:
            raise UsageError("a history is kept for some time, such as 90 days: give a longer one, or none for ever")
        with self._changing(ForeignKeys.OFF):
            is_new = keeping.begin(self.registry, table, keep_ms, self._now)
            keeping.tell(self.registry, table)
            return is_new

    @verb
    def end_history(self, table: str, *, drop: bool = False) -> bool:
        """Keep no more of what is written to a table in this file; return whether anything was kept. Other replicas go on.

        Args:
            drop: take out what was kept, here and on all replicas that hear of this.

        Raises:
            NotEnabledError: the table is not replicated, or not in this file.
        """
        from crdtsql.replica.past import keeping

        with self._changing(ForeignKeys.OFF):
            return keeping.end(self.registry, table, self._now, drop=drop)

    @verb
    def histories(self) -> list[KeptHistory]:
        """List the histories that this file has, by table."""
        from crdtsql.history import histories

        with self._folded(strict=False):
            return histories(self.registry)

    @verb
    def has_history(self, table: str) -> bool:
        """Tell whether this file has a history of a table, of which `history` and `as_of` can tell.

        Raises:
            NotEnabledError: the table is not replicated.
        """
        from crdtsql.history import tables

        with self._folded(strict=False):
            return tables.of(self.registry, self.registry.table(table)) is not None

    @verb
    def history(self, table: str, *key: SqliteValue, limit: int | None = None) -> list[HistoryEntry]:
        """List what was written to a row, in the order of the stamps; without a key, to all rows of the table.

        Args:
            limit: the last so many, None for all.

        Raises:
            NotEnabledError: the table is not replicated.
            UsageError: it has no history, or the key another number of parts.
        """
        from crdtsql.history import entries

        with self._folded(strict=False):
            return entries(self.registry, self.registry.table(table), key or None, limit)

    @verb
    def as_of(self, table: str, moment: datetime | timedelta, *key: SqliteValue) -> list[PastRow]:
        """Return the rows of a table as they were, or the one with a key: none if it was not there.

        That is what merging all writes up to then gives, as far as they are here now, by the clocks of those who wrote.

        Args:
            moment: when, without a time zone in UTC; or how long ago.

        Raises:
            NotEnabledError: the table is not replicated.
            UsageError: it has no history, or that begins later; or the key has another number of parts.
        """
        from crdtsql.history import as_of

        with self._folded(strict=False):
            return as_of(self.registry, self.registry.table(table), self._last_hlc(moment), key or None)

    def _last_hlc(self, moment: datetime | timedelta) -> int:
        return clock.from_ms(clock.moment_ms(moment, self._now()) + 1) - 1

    @verb
    def undo(
        self,
        *,
        run: str | None = None,
        actor: str | None = None,
        site: str | None = None,
        since: datetime | timedelta | None = None,
        tables: Collection[str] | None = None,
        by: Actor | None = None,
        dry_run: bool = False,
    ) -> UndoneWrites:
        """Write back how rows were before some writes, where those are still on top; the rest is listed and stays.

        Rows that the writes made are deleted, those that they deleted come back. Of counters, sets and maps what they changed is
        taken back, whoever wrote since then. What it writes are ordinary writes, which travel.

        Args:
            run, actor, site: whose writes, as `history` tells them; all that is given must hold. A site may be given by its name.
            since: only those from then on, or not longer ago.
            tables: only rows of these.
            by: who undoes; None for whoever writes counts as now.
            dry_run: do it, say what was done, and undo it.

        Raises:
            NotEnabledError: a table is not replicated.
            UsageError: neither a run, nor an actor, nor a site is given; or the site is not known.
        """
        from crdtsql.history import UndoneWrites, Writes, undo

        report = UndoneWrites()
        with suppress(Undo), self._changing(ForeignKeys.ON):
            known = None if site is None else self._site(site)
            writes = Writes(
                run, actor, known, None if since is None else clock.from_ms(clock.moment_ms(since, self._now()))
            )
            with acting.for_now(self.connection, by):
                report = undo(self.registry, writes, tables)
            report.dry_run = dry_run
            if dry_run or not report.undone:
                raise Undo
        return report

    def _site(self, given: str) -> str:
        """Return the id of a site, given by it or by its name."""
        named = [site.hex() for site, (text, _) in names.read(self.registry).items() if text and text == given]
        known = {site.hex() for _, site, _ in self.registry.sites()}
        begun = [site for site in sorted(known) if given and site.startswith(given.lower())]
        begun = named or begun
        if len(begun) == 1:
            return begun[0]
        if len(given) == 32 and set(given.lower()) <= set("0123456789abcdef"):
            return given.lower()  # one that was forgotten here, of which a history tells
        lists = f"{suggest.command('members', self.path)} lists them"
        if begun:
            raise UsageError(
                f"{len(begun):,} sites that {self.path} knows are called {given!r}, or begin so: give more of the id; {lists}"
            )
        raise UsageError(f"{self.path} knows no site {given!r:.60}: {lists}")
