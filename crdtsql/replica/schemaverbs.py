"""The verbs that change the schema, or mend what others changed, as methods of `Replica`.

What each does between the steps that the session holds; each is one transaction.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from crdtsql.base import CrdtsqlError, policy, query, suggest
from crdtsql.replica.session import Session
from crdtsql.replica.transactions import ForeignKeys, Undo, foreign_keys, reading
from crdtsql.replica.turns import verb
from crdtsql.store import FORMAT, Registry, acting, damage

if TYPE_CHECKING:
    from crdtsql.evolve import RepairReport, SchemaDiff, TableSchema
    from crdtsql.numbers import FollowedReference


class SchemaVerbs(Session):
    """Alter, repair, other types, and adopting another file's schema."""

    def _ready(self, peer_vector: Mapping[bytes, int], *, strict: bool = True) -> None:
        moved = strict and damage.has_moved(self.connection)
        super()._ready(peer_vector, strict=strict)
        if moved:
            self._show_created()

    def _fold(self) -> None:
        self._keep_up()
        super()._fold()

    def _come_further(self, *, strict: bool) -> None:
        self._keep_up()
        super()._come_further(strict=strict)

    def _keep_up(self) -> None:
        """Let histories follow what their tables, and other replicas, have."""
        registered = self.registry.registered() if self.registry.exists else None
        if registered is None or not (registered.recorded or registered.histories):
            return
        from crdtsql.replica.past import keeping

        keeping.follow(self.registry)
        self._unsaid += [f"{self.path}: {text}" for text in keeping.join(self.registry, self._now)]

    def _show_created(self) -> None:
        """Enable the tables for which rows are kept and that somebody has created meanwhile."""
        from crdtsql.evolve import appear, drift

        if not self.registry.exists:
            return
        enforced = query.enforces_keys(self.connection)
        for kept, found in appear.created(self.registry):
            problem = found or ("foreign keys are enforced on this connection" if enforced else None)
            if problem is None:
                appear.appear(self.registry, kept, self._now, appear.Options({}))
                drift.mark_seen(self.registry)
                self._changed()
                self._unsaid.append(
                    f"{self.path}: table {kept.name!r} was created here: the rows kept for it are in it now"
                )
            else:
                self._notice(
                    f"{self.path}: table {kept.name!r} is in this file, but not the rows kept for it ({problem}); run "
                    f"{suggest.command('enable', self.path, kept.name)}"
                )

    @verb
    def set_unique(self, table: str, columns: Sequence[str], policy: str) -> bool:
        """Say what a row shows that lost its value in the UNIQUE index over columns; do the same on every replica.

        `hold`: the row is held. `null`: it is shown with NULL in these columns. `suffix`: it is shown with `#` and some digits
        after its text in the last of them; a whole number with nine digits after its own. Return whether it was another policy before.

        Raises:
            NotEnabledError: the table is not replicated.
            UsageError: there is no such policy, or no UNIQUE index over just these columns.
        """
        from crdtsql.shown import set_policy

        with self._changing(ForeignKeys.OFF):
            return set_policy(self.registry, table, columns, policy)

    @verb
    def references(self) -> list[FollowedReference]:
        """List what columns refer to that was declared to crdtsql alone, by table and column."""
        from crdtsql.numbers import reference

        with self._folded(strict=False):
            return reference.references(self.registry)

    @verb
    def set_reference(self, child: str, parent: str) -> bool:
        """Declare to crdtsql alone what columns refer to, so that they follow; return whether that was not declared before.

        Both are `table.column`, or `table.a,b` for several columns. Where rows get other automatic ids, or are one with others (the
        UNIQUE policy `same`), the columns show that, as those of a foreign key do; but nothing is enforced. Do the same on every
        replica, before or after they have met.

        Raises:
            NotEnabledError: a table is not replicated, or not in this file.
            UsageError: there are no such columns, or they can't be followed.
        """
        from crdtsql.numbers import reference

        with self._changing(ForeignKeys.OFF):
            return reference.set_reference(self.registry, child, parent)

    @verb
    def drop_reference(self, child: str, parent: str | None = None) -> bool:
        """Take back what was declared of columns; return whether anything was. They show again what was written.

        Args:
            parent: only as referring to these columns.

        Raises:
            NotEnabledError: the table is not replicated.
            UsageError: it is too late, because the columns are part of a key and rows have got other ids.
        """
        from crdtsql.numbers import reference

        with self._changing(ForeignKeys.OFF):
            return reference.drop_reference(self.registry, child, parent)

    @verb
    def alter(self, statement: str, *, dry_run: bool = False) -> list[str]:
        """Run one statement that changes the schema, and let what is replicated follow it; return what was done, a line each.

        ALTER TABLE, CREATE and DROP TABLE, CREATE and DROP INDEX. Other replicas may do the same at any time, or never.

        Args:
            dry_run: do it, say what was done, and undo it.

        Raises:
            UsageError: it is not one such statement.
            CannotAlterError: SQLite refuses it, or what comes of it can't be replicated.
        """
        from crdtsql.evolve import alter
        from crdtsql.shown import moved

        parsed = alter.parse(statement)
        done: list[str] = []
        with suppress(Undo), self._changing(ForeignKeys.OFF):
            moved.take_in(self.registry)
            done = alter.alter(self.registry, parsed)
            if self.registry.exists:
                self.registry.set("unsettled", 1)
                self._fold()
            self._show_created()
            if dry_run:
                raise Undo
        return done

    @verb
    def repair(
        self, *, restamp: Collection[str] = (), accept: Collection[str] = (), dry_run: bool = False
    ) -> RepairReport:
        """Mend what was done to replicated tables without crdtsql, and find the writes that no trigger saw.

        Args:
            restamp: tables of which all that they show counts as written now, because values that were changed while the
                triggers were missing can't be told from old ones.
            accept: tables of which all that they show counts as it is, because nobody wrote to them while the triggers were missing.
            dry_run: do it, say what was done, and undo it.

        Raises:
            NotEnabledError: a table to restamp or to accept is not replicated.
        """
        from crdtsql.evolve import RepairReport, repair

        report = RepairReport()
        with self._explained(), suppress(Undo):
            self.registry.require()
            with (
                foreign_keys(self.connection, ForeignKeys.OFF),
                self._writing(),
            ):  # `repair` itself brings it up to date
                report = repair(self.registry, restamp, accept, self._fold)
                report.dry_run = dry_run
                self._show_created()
                if dry_run or not report.mended:
                    raise Undo
                if report.findings and self.registry.exists:
                    self._changed()
        return report

    @verb
    def set_ids(self, table: str, kind: str = policy.AUTOINCREMENT) -> bool:
        """Let a table with an INTEGER PRIMARY KEY hand out its ids by AUTOINCREMENT; return whether it did not before.

        Each replica takes ids from blocks of its own then, and programs keep those that they were told. Do the same on every replica.

        Raises:
            NotEnabledError: the table is not replicated, or not in this file.
            UsageError: there is no such way to hand out ids.
            CannotAlterError: the table can't have it, or it would be of no use.
        """
        from crdtsql.evolve import set_ids
        from crdtsql.shown import moved

        with self._changing(ForeignKeys.OFF):
            moved.take_in(self.registry)
            return set_ids(self.registry, table, kind)

    @verb
    def set_type(self, table: str, column: str, type: str) -> bool:  # noqa: A002 - the verb's own word
        """Give a column another type (docs/TYPES.md); return whether it had another one before.

        Other replicas must do the same before they can exchange changes of this table with this one again.

        Raises:
            ColumnTypeError: there is no such column or type, or the column can't have it.
        """
        from crdtsql.fold import retype
        from crdtsql.shown import moved

        with self._changing():
            moved.take_in(self.registry)
            return retype(self.registry, table, column, type, self._now)

    @verb
    def describe_schema(self) -> list[TableSchema]:
        """Describe the replicated tables: their statements, types and policies, and what is kept for what is not in the file."""
        from crdtsql.evolve import describe

        with self._folded(strict=False):
            return describe(self.registry)

    @verb
    def schema_diff(self, other: SchemaVerbs | str | os.PathLike[str]) -> SchemaDiff:
        """Find out what this file's schema lacks of the replicated tables of another file; change nothing.

        Raises:
            NotEnabledError: the other file has no replicated tables.
            CannotAdoptError: the other file's schema is not one that SQLite and crdtsql wrote.
        """
        from crdtsql.evolve import compare

        with self._source(other) as source, reading(self.connection):
            return compare(self.registry, source)

    @verb
    def adopt_schema(self, other: SchemaVerbs | str | os.PathLike[str], *, extras: bool = False) -> SchemaDiff:
        """Add the tables, columns and names that another file's schema has, in one transaction; return what was run.

        New tables are replicated as they are there, and what was kept for them, and for new columns, is shown. Nothing is dropped.

        Args:
            extras: run the CREATE statements of triggers on new tables, and of views, too.

        Raises:
            NotEnabledError: the other file has no replicated tables.
            CannotAdoptError: a statement is not sound, or SQLite refuses it; then nothing is changed.
            CannotAlterError: a table could not be replicated after a statement; then nothing is changed.
        """
        from crdtsql.evolve import adopt, compare
        from crdtsql.shown import moved

        with self._source(other) as source:
            with suppress(Undo), self._changing(ForeignKeys.OFF, creating=True):
                moved.take_in(self.registry)
                diff = compare(self.registry, source)
                if not (diff.steps or (extras and diff.extras)):
                    raise Undo
                adopt(self.registry, diff, self._now, extras=extras)
            return diff

    @verb
    def downgrade(self, to: int | None = None) -> bool:
        """Write the file in an earlier file format, for an earlier version of crdtsql; return whether it was in another one.

        Close it then: this version upgrades it again when it opens it.

        Args:
            to: the format (docs/FORMAT.md); by default the one before this version's.

        Raises:
            UsageError: there is no such format, or none that can be reached.
            CrdtsqlError: something in the file can't be said in that format; nothing was changed.
        """
        from crdtsql.evolve import downgrade

        with self._changing(ForeignKeys.OFF):
            said = acting.count(self.registry)
            changed = downgrade(self.registry, FORMAT - 1 if to is None else to)
        if changed and said:
            self._notice(
                f"{self.path}: format {FORMAT - 1 if to is None else to} can't say who wrote what in which run: {said:,} attributions "
                "were dropped; a replica of the present format keeps them"
            )
        return changed

    @contextmanager
    def schema_source(self) -> Iterator[Registry]:
        """Hold one state of this file from which another one takes over the schema."""
        with self._turns.take(self.path), self._folded():
            yield self.registry

    @contextmanager
    def _source(self, other: SchemaVerbs | str | os.PathLike[str]) -> Iterator[Registry]:
        if not isinstance(other, SchemaVerbs):
            with (
                type(self).open(
                    other, now=self._now, make_site=self._make_site, lock_timeout=self.lock_timeout
                ) as opened,
                opened.schema_source() as found,
            ):
                yield found
        elif other is self:
            raise CrdtsqlError(f"{self.path} is the same file: give another one to take the schema from")
        else:
            with other.schema_source() as found:
                yield found
