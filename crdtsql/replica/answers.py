"""Answers: the verbs that write rows as a program does, after a collision or a delete, or if nobody wrote them meanwhile.

What each does between the steps that the session holds; each is one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal

from crdtsql.base import (
    RevisionError,
    SqliteValue,
    UnknownRowError,
    UsageError,
    clock,
    show_key,
    suggest,
)
from crdtsql.replica.session import Session
from crdtsql.replica.transactions import ForeignKeys, Undo, reading
from crdtsql.replica.turns import verb
from crdtsql.store import Actor, Table, acting, names

if TYPE_CHECKING:
    from crdtsql.conflicts import Conflict, ResolveReport


class Unset(Enum):
    """The type of a value that was not given, where None is one that can be."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


class Answers(Session):
    """Resolve conflicts, bring deleted rows back, and write rows that nobody wrote since."""

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
        actor: Actor | None = None,
    ) -> Conflict:
        """Resolve a conflict by a write that has seen both values, and so wins everywhere; return the entry as it is then.

        Args:
            take: 'ours' for the value that this replica had before the merge, 'theirs' for the one that came in.
            value: any other value, in place of `take`.
            again: write the cell also if the conflict is resolved.
            seen: the entry that the answer is for; if its cell was written since it was read, nothing is.
            actor: who says so, and in which run; for this write alone.

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
            with acting.for_now(self.connection, actor):
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
            PurgedError: its values were purged.
            WriteRefusedError: a constraint of the table does not allow it.
        """
        from crdtsql.conflicts import undelete

        with self._answering():
            undelete(self.registry, table, key)

    @verb
    def revision(self, table: str, *key: SqliteValue) -> str:
        """Return what the last write of a row is called in this file: another text after each write, and the same while there is none.

        `absent` if the table shows no such row, `0` if nobody wrote it since the table was enabled or compacted. The view
        `crdt_revision` says the same. It counts in this file alone.

        Raises:
            NotEnabledError: the table is not replicated.
            UsageError: the key has another number of parts.
        """
        from crdtsql.look import revision

        with self._folded(strict=False):
            return revision(self.registry, self.registry.present_table(table), key)

    @verb
    def key_of(self, table: str) -> tuple[str, ...]:
        """Return the columns of a table's primary key, in the key's order.

        Raises:
            NotEnabledError: the table is not replicated.
        """
        with self._explained(), reading(self.connection):
            self.registry.require()
            return self.registry.present_table(table).key

    @verb
    def write(
        self,
        table: str,
        *key: SqliteValue,
        values: Mapping[str, SqliteValue],
        if_revision: str | None = None,
        token: int | None = None,
        actor: Actor | None = None,
    ) -> str:
        """Write columns of a row: update it if the table shows it, else insert it; return its revision afterwards.

        Args:
            values: column -> value, without the key's columns; other columns stay as they are, or get their defaults.
            if_revision: write only if the row still has this revision; `absent` to insert only.
            token: that of the claim under which it is written; where the row is claimed, and its table has a fence, it must be.
            actor: who writes, and in which run, as `acting_as` says it; for this write alone.

        Raises:
            RevisionError: the row has another revision; nothing was written.
            ClaimedError: the token is not that of a claim of this row that is held.
            WriteRefusedError: a constraint of the table does not allow it.
            UsageError: there is no such column, the key has another number of parts, or the actor has no name that can be said.
            NotEnabledError: the table is not replicated.
        """
        from crdtsql.conflicts import writes
        from crdtsql.look import ABSENT_ROW, revision

        with self._answering():
            registered = self.registry.present_table(table)
            before = self._expect(registered, key, if_revision)
            writes.show(self.registry, registered, key, token)
            with acting.for_now(self.connection, actor):
                writes.put(self.registry, registered, key, values, is_there=before != ABSENT_ROW)
            self._fold()
            return revision(self.registry, self.registry.present_table(table), key)

    @verb
    def delete(
        self,
        table: str,
        *key: SqliteValue,
        if_revision: str | None = None,
        token: int | None = None,
        actor: Actor | None = None,
    ) -> None:
        """Delete a row.

        Args:
            if_revision: delete only if the row still has this revision.
            token, actor: as in `write`.

        Raises:
            RevisionError: the row has another revision; nothing was deleted.
            ClaimedError: the token is not that of a claim of this row that is held.
            UnknownRowError: the table does not show it.
            WriteRefusedError: a constraint of the table does not allow it.
            NotEnabledError: the table is not replicated.
        """
        from crdtsql.conflicts import writes
        from crdtsql.look import ABSENT_ROW

        with self._answering():
            registered = self.registry.present_table(table)
            before = self._expect(registered, key, if_revision)
            writes.show(self.registry, registered, key, token)
            with acting.for_now(self.connection, actor):
                writes.remove(self.registry, registered, key, is_there=before != ABSENT_ROW)

    def _expect(self, table: Table, key: Sequence[SqliteValue], wanted: str | None) -> str:
        """Return the revision of a row, if it is the one that is wanted."""
        from crdtsql.look import revision

        found = revision(self.registry, table, key)
        if wanted is None or wanted == found:
            return found
        look = suggest.command("blame", self.registry.path, table.name, *map(str, key))
        raise RevisionError(
            f"row {show_key(tuple(key))} of table {table.name!r} is not at revision {wanted} any more but at {found}"
            f"{self._last_writer(table, key)}: nothing was written; look at it ({look}), and write with "
            f"--if-revision {found} if you still want to",
            table.name,
            found,
        )

    def _last_writer(self, table: Table, key: Sequence[SqliteValue]) -> str:
        """Say which columns were written last, by whom and when; nothing if the row is gone without a trace."""
        from crdtsql.look import blame

        try:
            cells = blame(self.registry, table.name, key)
        except UnknownRowError:
            return ""
        newest = max((cell.hlc for cell in cells), default=0)
        last = [cell for cell in cells if cell.hlc == newest]
        if newest <= 0 or not last[0].shown:
            return ""
        site = names.call(self.registry, bytes.fromhex(last[0].site))
        by = site if last[0].by is None else f"{last[0].by} at {site}"
        return f" ({', '.join(cell.column for cell in last)} by {by}, {clock.show_time(newest)})"
