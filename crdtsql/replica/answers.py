"""Answers: the verbs that say what a cell or a row is to be after a collision, as methods of `Replica`.

What each does between the steps that the session holds; each is one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal

from crdtsql.base import SqliteValue, UsageError
from crdtsql.replica.session import Session
from crdtsql.replica.transactions import ForeignKeys, Undo
from crdtsql.replica.turns import verb

if TYPE_CHECKING:
    from crdtsql.conflicts import Conflict, ResolveReport


class Unset(Enum):
    """The type of a value that was not given, where None is one that can be."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


class Answers(Session):
    """Resolve conflicts, and bring deleted rows back."""

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Hold the steps around a verb that writes as a program does, with foreign keys enforced.

        What was written before is folded first: a row that stands under another key can't come home under foreign keys.
        """
        with self._folded():
            pass
        with self._changing(ForeignKeys.ON):
            yield

    @verb
    def resolve(
        self,
        number: int,
        take: Literal["ours", "theirs"] | None = None,
        *,
        value: SqliteValue | Literal[Unset.UNSET] = UNSET,
        again: bool = False,
        seen: Conflict | None = None,
    ) -> Conflict:
        """Resolve a conflict by a write that has seen both values, and so wins everywhere; return the entry as it is then.

        Args:
            take: 'ours' for the value that this replica had before the merge, 'theirs' for the one that came in.
            value: any other value, in place of `take`.
            again: write the cell also if the conflict is resolved.
            seen: the entry that the answer is for; if its cell was written since it was read, nothing is.

        Raises:
            UnknownConflictError: there is none of that number.
            ConflictResolvedError: it is resolved.
            ConflictError: its row is deleted, or its cell was written since `seen` was read.
            WriteRefusedError: a constraint of the table does not allow the value.
        """
        from crdtsql.conflicts import Answer, conflict_log, resolve

        if (take is None) == (value is UNSET):
            raise UsageError("say either which side to take, or which value")
        answer = Answer(take) if value is UNSET else Answer(value=value)
        with self._answering():
            resolve(self.registry, number, answer, self._fold, again=again, seen=seen)
            self._fold()
            return conflict_log.find(self.registry, number)

    @verb
    def resolve_all(
        self,
        take: Literal["ours", "theirs"],
        *,
        table: str | None = None,
        column: str | None = None,
        site: str | None = None,
        dry_run: bool = False,
    ) -> ResolveReport:
        """Take one side of all open conflicts, or of those that fit everything that is given, in one transaction.

        Those in deleted rows are left out. What a constraint stands against is left as it was, and reported; the others count.

        Args:
            take: 'ours' for the values that this replica had before the merges, 'theirs' for those that came in; of several conflicts
                of one cell the first 'ours', the last 'theirs'.
            column: `column` or `table.column`.
            site: only conflicts whose incoming value this site wrote.
            dry_run: do it, say what was done, and undo it.

        Raises:
            NotEnabledError: the table is not replicated.
            UsageError: no table has such a column, or no such site is known here.
        """
        from crdtsql.conflicts import Answer, Selection, resolve_all

        side = Answer(take)
        with suppress(Undo), self._answering():
            report = resolve_all(self.registry, side, Selection(table, column, site), self._fold)
            report.dry_run = dry_run
            if dry_run or not report.resolved:
                raise Undo
        return report

    @verb
    def undelete(self, table: str, *key: SqliteValue) -> None:
        """Bring a deleted row back with its last values; what is written to it elsewhere meanwhile still counts.

        Raises:
            UnknownRowError: there is no such row.
            NotDeletedError: it is not deleted.
            WriteRefusedError: a constraint of the table does not allow it.
        """
        from crdtsql.conflicts import undelete

        with self._answering():
            undelete(self.registry, table, key)
