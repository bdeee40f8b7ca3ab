"""Combining: the verbs by which a file takes over what another one has that it can't merge, as methods of `Replica`.

What each does between the steps that the session holds; each is one transaction.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from crdtsql.base import CannotCombineError, DatabaseError, UsageError, caseless
from crdtsql.replica.guarding import Claiming
from crdtsql.replica.opening import connect
from crdtsql.replica.transactions import Explained, ForeignKeys, Undo, foreign_keys
from crdtsql.replica.turns import verb

if TYPE_CHECKING:
    from crdtsql.combine import CombineReport, Gathered, UndoReport
    from crdtsql.rejoin import RejoinReport
    from crdtsql.wire import Spilled


class Combining(Claiming):
    """Combine this file with one that was filled separately, and take that back; or rejoin a replica that has compacted."""

    @verb
    def combine(
        self,
        other: str | os.PathLike[str],
        *,
        take: Literal["ours", "theirs"] = "ours",
        again: bool = False,
        dry_run: bool = False,
    ) -> CombineReport:
        """Let all rows of another SQLite file become rows here, in one transaction; the other file stays as it is.

        Rows with automatic numbers get numbers that are free here, all moved by one amount, and declared foreign keys follow.
        Rows whose key is a value of its own (text, several columns) are the same row if this file has the key. All else is as in a
        merge: rows that a constraint does not allow are held, UNIQUE policies count, and the rows go to other replicas.

        Args:
            take: which values rows have that are in both files with other ones; with 'theirs' those from here go to the conflict log.
            again: also if the other file was combined with this one before.
            dry_run: do it, say what was done, and undo it.

        Raises:
            CannotCombineError: the other file has met this one, was combined with it before, is this one, or has rows that
                can't come in.
            DatabaseError: it can't be opened, or is no SQLite database.
        """
        from crdtsql.combine import combine
        from crdtsql.shown import moved
        from crdtsql.wire import attached

        if take not in ("ours", "theirs"):
            raise UsageError(f"there is no side {take!r}; take 'ours' or 'theirs'")
        self.registry.require()
        gathered = self._gather(os.fspath(other))
        with attached(self.connection, "incoming") as database:
            self.connection.deserialize(database, gathered.content)
            with suppress(Undo), self._changing(ForeignKeys.OFF):
                moved.take_in(self.registry)
                report = combine(
                    self.registry,
                    gathered,
                    database,
                    self._now,
                    self._make_site,
                    self.on_progress,
                    take_theirs=take == "theirs",
                    again=again,
                )
                report.dry_run = dry_run
                if dry_run:
                    raise Undo
        return report

    def _gather(self, other: str) -> Gathered:
        from crdtsql.combine import gather
        from crdtsql.wire import no_such_file

        if not os.path.isfile(other):
            raise DatabaseError(no_such_file(other))
        if self._file and os.path.samefile(self._file, other):
            raise CannotCombineError(f"{other} is this file itself: name the one whose rows are to come in")
        wanted = {caseless(table.name) for table in self.registry.tables() if not table.absent}
        with Explained(other, self.lock_timeout):
            connection = connect(other, self.lock_timeout)
            try:
                return gather(connection, other, wanted)
            finally:
                connection.close()

    @verb
    def undo_combine(self, *, changed_too: bool = False, dry_run: bool = False) -> UndoReport:
        """Take back the last `combine`: delete the rows that it brought, here and, as they get to know of it, on the other replicas.

        Cells that took the other file's values get back those that are in the conflict log.

        Args:
            changed_too: rows that were changed since go too; else they stay, and the report names how many.
            dry_run: do it, say what was done, and undo it.

        Raises:
            CannotCombineError: there is nothing to take back.
        """
        from crdtsql.combine import undo
        from crdtsql.shown import moved
        from crdtsql.wire import attached

        self.registry.require()
        with attached(self.connection, "incoming") as database, suppress(Undo), self._changing(ForeignKeys.OFF):
            moved.take_in(self.registry)
            report = undo(
                self.registry,
                database,
                self._now,
                self._make_site,
                self.on_progress,
                self._fold,
                changed_too=changed_too,
            )
            report.dry_run = dry_run
            if dry_run:
                raise Undo
        return report

    @verb
    def rejoin(self, data: bytes | Spilled, *, anyway: bool = False) -> RejoinReport:
        """Take the present state of another replica as a new site, and write anew on top what was written here and is not there.

        For a replica that missed a compaction. A copy of the file as it was is written beside it first. Inserts are inserted, updates
        update rows that are shown, deletes delete what nobody wrote meanwhile, counters get what was added; what took a value's place
        unseen, and what could not be written, goes to the conflict log, and the report says so. All in one transaction.

        Args:
            data: a changeset with all that the other replica has, as its `export()` returns it.
            anyway: also if a third replica has writes of this file that the other one lacks, because it will never sync again: what it
                brings would be there twice. Also if the other one missed a compaction itself: what it lacks is gone then.

        Raises:
            InvalidChangesetError: it is damaged, cut off, of another version, or no changeset at all.
            CannotRejoinError: it has not all that the other replica has, that one missed a compaction itself, or a third one has
                writes of this file.
            ClockSkewError: its stamps are too far in the future.
            SchemaMismatchError: a table has another key, type or policy there, or is in this file and not replicated.
            ConstraintViolationError: rows of a table that is not replicated refer to rows that would go.
            UntrustedError: it is not signed as it must be, or that site is not believed.
            NotAllowedError: its sender may bring its own changes alone.
            UsageError: a transaction is open on the connection.
        """
        from crdtsql.merge import check_skew
        from crdtsql.rejoin import check, check_brought, check_present, copy_aside, rejoin
        from crdtsql.wire import attached, laid_open, unpack

        self._check_no_transaction()
        received = unpack(data)
        header = received.header
        with self._explained():
            self.registry.require()
            self._check_whole(received)
            check(self.registry, header)
            check_skew(header, self._now)
            self.on_progress("check", 0, 1)
            with (
                laid_open(self.connection, received) as database,
                attached(self.connection, "unsent", nested=True) as unsent,
                foreign_keys(self.connection, ForeignKeys.OFF),
                self._writing(),
                copy_aside(self._file, self._now(), self.lock_timeout) as copy,
            ):
                self._ready(header.vector)
                check(self.registry, header)
                if not anyway:
                    check_present(self.registry, header)
                    check_brought(self.registry, header)
                report = rejoin(
                    self.registry,
                    header,
                    database,
                    unsent,
                    self._now,
                    self.on_progress,
                    lambda: self._begin_as(self._make_site()),
                    self._fold,
                )
                self._come_further(strict=True)
                report.copy = copy
        return report

    def _check_no_transaction(self) -> None:
        if self.connection.in_transaction:
            raise UsageError(
                f"a transaction is open on the connection to {self.path}: COMMIT or ROLLBACK first; nothing was changed"
            )
