"""Combining: the verbs that bring in what a file has that was filled separately, and take that back, as methods of `Replica`.

What each does between the steps that the session holds; each is one transaction.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from crdtsql.base import CannotCombineError, DatabaseError, UsageError, caseless
from crdtsql.replica.opening import connect
from crdtsql.replica.session import Session
from crdtsql.replica.transactions import ForeignKeys, Undo, explained
from crdtsql.replica.turns import verb

if TYPE_CHECKING:
    from crdtsql.combine import CombineReport, Gathered, UndoReport


class Combining(Session):
    """Combine this file with another one."""

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
        with explained(other, self.lock_timeout):
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
