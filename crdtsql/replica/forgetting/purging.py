"""Purging: the verbs that let values of deleted rows, and names of actors, be forgotten."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from crdtsql.base import SqliteValue, UsageError, clock, query, suggest
from crdtsql.replica.forgetting.breather import Breather
from crdtsql.replica.forgetting.emptying import empty_log
from crdtsql.replica.session import Session
from crdtsql.replica.transactions import Undo
from crdtsql.replica.turns import verb
from crdtsql.sqlite import securely
from crdtsql.store import acting

if TYPE_CHECKING:
    from crdtsql.purge import PurgeReport, PurgeWalk, Scope


class Purging(Session):
    """Let values of deleted rows be forgotten, and names."""

    @verb
    def purge(
        self,
        table: str | None = None,
        keys: Iterable[SqliteValue | Sequence[SqliteValue]] | None = None,
        *,
        deleted_before: datetime | timedelta | None = None,
        dry_run: bool = False,
        vacuum: bool = False,
    ) -> PurgeReport:
        """Purge deleted rows: their values are overwritten in the file, conflict log included, and on every replica that merges this.

        In steps, each a transaction of its own, with pauses between them, so that other programs write meanwhile, unless a transaction
        is open on the connection. What is cut off has purged fewer rows; the same again does the others. Rows that are named are all
        looked up before one is purged.

        The keys stay. A write elsewhere that did not know of the purge counts as ever, and brings the row back with what it wrote.
        Older copies of the values may be left in free pages of the file until a VACUUM.

        Args:
            table: the table; None, with `deleted_before`, for all.
            keys: of the rows: a value each; where the key has several columns, a tuple each, or all parts one after the other.
            deleted_before: all rows that were deleted before then, or longer ago than that; in place of `keys`.
            dry_run: do it, say what was done, and undo it.
            vacuum: rewrite the file afterwards, so that older copies of the values are gone too. Takes as long as a copy of the file.

        Raises:
            NotEnabledError: the table is not replicated.
            UnknownRowError: there is no such row.
            NotDeletedError: a named row is not deleted.
            CannotPurgeError: rows refer to a named row, or rows of the table are never deleted.
            UsageError: neither keys nor a time are given, or both.
            BusyError: another program does not let go of the file; with `vacuum`, the rows were purged all the same.
        """
        from crdtsql.purge import Chosen, PurgeWalk

        if (keys is None) == (deleted_before is None) or (keys is not None and table is None):
            raise UsageError("say which rows to purge: a table and keys, or when they were deleted")
        if vacuum and self.connection.in_transaction:
            raise UsageError(f"no VACUUM while a transaction is open on the connection to {self.path}: COMMIT it first")
        before = None if deleted_before is None else clock.moment_ms(deleted_before, self._now())
        walk = PurgeWalk(self.registry, Chosen(table, tuple(_parts(key) for key in keys or ()), before), self._now)
        walk.report.dry_run = dry_run
        breather, more = Breather(), True
        with securely.erasing(self.connection), self._telling(walk.report):
            while more:
                more = self._purge_some(walk, breather)
                scopes = self._with_history(walk)
                while scopes:
                    scopes = self._purge_entries(scopes, walk.stride.rows, breather)
        self._clear(walk.report, vacuum=vacuum)
        return walk.report

    def _purge_some(self, walk: PurgeWalk, breather: Breather) -> bool:
        """Do a step of a purge; return whether there may be more."""
        more, began = False, 0.0
        with self._folded():
            pass  # once, and not in a step that is undone
        with self._held(breather), suppress(Undo), self._changing():
            began = time.perf_counter()
            more = walk.step()
            if walk.report.dry_run or not walk.purged:
                raise Undo
        walk.stride.took(time.perf_counter() - began)
        return more

    def _held(self, breather: Breather) -> AbstractContextManager[None]:
        """Hold the file for the length of a block; inside a transaction of the caller's nobody is let in between."""
        return nullcontext() if self.connection.in_transaction else breather.held()

    @contextmanager
    def _telling(self, report: PurgeReport) -> Iterator[None]:
        """Say how far a purge came if it fails."""
        nested = self.connection.in_transaction
        try:
            yield
        except BaseException:
            if report.rows and not report.dry_run and not nested:
                self._notice(
                    f"{self.path}: {report.rows:,} rows were purged before that; the same purge again does the others"
                )
            raise

    def _with_history(self, walk: PurgeWalk) -> list[Scope]:
        """Return the rows that a step looked at, if entries of a history may be about them."""
        from crdtsql.history import forgetting

        return [] if walk.report.dry_run else forgetting.with_history(self.registry, walk.scopes)

    def _purge_entries(self, scopes: list[Scope], most: int, breather: Breather) -> list[Scope]:
        """Purge some of what histories have of rows that were purged; return the rows of which they may have more."""
        from crdtsql.history import forgetting
        from crdtsql.purge import Chosen, PurgeWalk

        left: list[Scope] = []
        with self._held(breather), suppress(Undo), self._changing():
            found, left = forgetting.of_purged(self.registry, scopes, most)
            if not found:
                raise Undo
            self._fold()
            for name, places in found.items():
                walk = PurgeWalk(self.registry, Chosen(name, tuple(places)), self._now)
                while walk.step():
                    pass
        return left

    @verb
    def purge_actor(self, actor: str, *, dry_run: bool = False, vacuum: bool = False) -> PurgeReport:
        """Let this file forget an actor's name, with its sessions and notes: what it wrote stays, as `forgotten`'s, and so do runs.

        It does not travel: do it on every replica. What others send of events that are known here does not bring the name again.

        Args:
            dry_run: say what would be done, and do nothing.
            vacuum: rewrite the file afterwards, so that older copies of the name are gone too.

        Raises:
            UsageError: that actor writes now, or a transaction is open on the connection.
            BusyError: another program does not let go of the file; with `vacuum`, the name was purged all the same.
        """
        from crdtsql.purge import PurgeReport
        from crdtsql.trust import chains

        if vacuum and self.connection.in_transaction:
            raise UsageError(f"no VACUUM while a transaction is open on the connection to {self.path}: COMMIT it first")
        report = PurgeReport(dry_run=dry_run)
        with suppress(Undo), securely.erasing(self.connection), self._changing():
            now = acting.acting(self.connection)
            if now is not None and now.actor == actor:
                end = suggest.sqlite("DELETE FROM crdt_actor", self.path)
                raise UsageError(f"what is written to {self.path} counts as {actor}'s now: end that before ({end})")
            report.attributions = acting.forget_name(self.registry, actor)
            if dry_run or not report.attributions:
                raise Undo
            chains.forget_changesets(self.registry)
        self._clear(report, vacuum=vacuum)
        return report

    def _clear(self, report: PurgeReport, *, vacuum: bool) -> None:
        """Let nothing of what was overwritten stand in the write-ahead log, nor, if wanted, in free pages; say what is left."""
        if self.connection.in_transaction:
            is_done = report.rows or report.attributions
            report.log_left = bool(is_done) and query.first(self.connection, "PRAGMA journal_mode")[0] == "wal"
            return
        if report.dry_run:
            return
        if vacuum:
            try:
                query.rows(self.connection, "VACUUM")
            except BaseException:
                again = suggest.sqlite("VACUUM", self.path)
                self._notice(f"{self.path}: all of it was purged before that, but VACUUM was not done: {again} does it")
                raise
            report.vacuumed = True
        report.log_left = not empty_log(self.connection, self.lock_timeout)


def _parts(key: SqliteValue | Sequence[SqliteValue]) -> tuple[SqliteValue, ...]:
    return (key,) if key is None or isinstance(key, (str, bytes, int, float)) else tuple(key)
