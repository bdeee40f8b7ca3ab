"""Executing: the verbs `query` and `execute`: what was read says what was seen, and what is written may not undo what was not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from crdtsql.base import RevisionError, SqliteValue, UsageError, show_key, suggest
from crdtsql.replica.answers import Answers
from crdtsql.replica.statements.records import Executed, Expected, QueryResult, RowRevision
from crdtsql.replica.turns import verb
from crdtsql.sqlite import ReadLimits, statements
from crdtsql.store import Actor, acting

if TYPE_CHECKING:
    from crdtsql.replica.statements.observing import Observation

MOST_WRITTEN = 1000
"""So many of the rows that a statement wrote are named."""


class Executing(Answers):
    """Run statements of programs that may do no more than read, or write rows."""

    @verb
    def query(
        self,
        statement: str,
        parameters: statements.Parameters = (),
        *,
        limits: ReadLimits | None = None,
        tables: Sequence[str] | None = None,
    ) -> QueryResult:
        """Run one SELECT, and say what was seen. Nothing else is run: SQLite asks about each step that it would take.

        Args:
            parameters: a sequence for `?`, a mapping for `:name`.
            limits: how many rows it may give (1,000), how many bytes (4 MiB), and how long it may take (10 seconds).
            tables: it may read no others; None for all.

        Raises:
            StatementError: it is not one SELECT, SQLite refuses it, or it goes beyond the limits.
            UsageError: the parameters do not fit.
        """
        from crdtsql.look import seen

        with self._folded(strict=False):
            found = statements.run(self.connection, statement, parameters, limits or ReadLimits(), tables=tables)
            return QueryResult(found.columns, found.rows, found.complete, seen.mark(self.registry))

    def observe(
        self,
        statement: str,
        parameters: statements.Parameters = (),
        *,
        key: Sequence[str] | None = None,
        initial: bool = False,
        limits: ReadLimits | None = None,
        tables: Sequence[str] | None = None,
    ) -> Observation:
        """Look at the result of one SELECT whenever anybody has committed; `for` and `async for` give what has changed in it.

        It has a connection of its own, which can only read, until it is closed; use it as a context manager.

        Args:
            key: the columns that say which row is which; None for the primary key of the table, if all rows are of one and have
                it, else whole rows are told apart.
            initial: give the rows that are there as added first.
            limits: how many rows the result may have (10,000, which are kept), how many bytes, and how long it may take.
            tables: it may read no others; None for all.

        Raises:
            StatementError: it is not one SELECT, SQLite refuses it, or it goes beyond the limits.
            UsageError: the parameters do not fit, or the key is none; or the database is in memory.
        """
        from crdtsql.replica.statements.observing import Observation

        if not self._file:
            raise UsageError("a database in memory has nobody else who writes to it: observe a file")
        options: dict[str, Any] = {"key": key, "initial": initial, "limits": limits, "tables": tables}
        return Observation(self._file, statement, parameters, **options, lock_timeout=self.lock_timeout)

    @verb
    def execute(
        self,
        statement: str,
        parameters: statements.Parameters = (),
        *,
        seen: str | None = None,
        expect: Iterable[Expected] = (),
        token: int | None = None,
        actor: Actor | None = None,
        limits: ReadLimits | None = None,
        tables: Sequence[str] | None = None,
    ) -> Executed:
        """Run one INSERT, UPDATE or DELETE, with foreign keys enforced, unless it would overwrite what the writer has not seen.

        Args:
            parameters: a sequence for `?`, a mapping for `:name`.
            seen: what `query` or `execute` said was seen: nothing is written if the statement writes a row that anybody wrote since.
                "" says that nothing was seen: then only rows that are new may be written. None for no such check.
            expect: rows that must still have a revision, such as those on whose values the write is based; they count as seen.
            token: that of the claim of the row that is written, for the fence of its table.
            actor: who writes, and in which run, as `acting_as` says it; for this statement alone.
            limits: as of `query`, for what RETURNING gives back.
            tables: it may touch no others; None for all.

        Raises:
            RevisionError: a row was written since it was seen; nothing was written.
            StatementError: it is something else, SQLite refuses it, it goes beyond the limits, or `seen` counts no more.
            UsageError: the parameters do not fit, `seen` is no such mark, or the actor has no name that can be said.
            ClaimedError: the token is not that of a claim that is held.
            NotEnabledError: a table of `expect` is not replicated.
        """
        from crdtsql.conflicts import executing
        from crdtsql.look import revision
        from crdtsql.look import seen as marks

        run, registry = statements.run, self.registry
        with self._answering():
            known = set()
            for table, key, wanted in expect:
                expected = registry.present_table(table)
                self._expect(expected, key, wanted)
                known.add((expected.id, tuple(key)))
            after, before = executing.position(self.connection), self.connection.total_changes()
            if token is not None:
                executing.show_token(registry, token)
            with acting.for_now(self.connection, actor):
                found = executing.execute(
                    self.connection,
                    lambda: run(
                        self.connection, statement, parameters, limits or ReadLimits(), writes=True, tables=tables
                    ),
                )
            changes = self.connection.changes() if self.connection.total_changes() > before else 0
            if seen is not None:
                self._check_seen(seen, after, known)
            written = executing.written(registry, after, MOST_WRITTEN)
            self._fold()
            revisions = (RowRevision(table.name, key, revision(registry, table, key)) for table, key in written)
            return Executed(found.columns, found.rows, found.complete, changes, tuple(revisions), marks.mark(registry))

    def _check_seen(self, seen: str, after: int, known: Collection[tuple[int, tuple[SqliteValue, ...]]]) -> None:
        """Check that the rows that were just written are as their writer had seen them."""
        from crdtsql.look import revision
        from crdtsql.look import seen as marks

        for table, key in marks.unseen(self.registry, seen, after, known):
            look = suggest.command("blame", self.registry.path, table.name, *map(str, key))
            since = "was written since it was seen" if seen else "was not seen before it was written"
            raise RevisionError(
                f"row {show_key(key)} of table {table.name!r} {since}{self._last_writer(table, key)}: "
                f"nothing was written; look at it ({look}), and write again with what is seen then",
                table.name,
                revision(self.registry, table, key),
            )
