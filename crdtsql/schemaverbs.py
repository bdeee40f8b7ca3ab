"""The verbs that change the schema, or mend what others changed, as methods of `Replica`.

They know the order of their steps, as `replica` does for the others; each is one transaction.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from crdtsql import alter, drift, repair
from crdtsql.session import Session, explained


class _Undo(Exception):  # noqa: N818 - no error: it ends a transaction that was only tried
    """Everything was tried, and is to be undone."""


class SchemaVerbs(Session):
    """Alter and repair."""

    def alter(self, statement: str, *, dry_run: bool = False) -> list[str]:
        """Run one statement that changes the schema, and let what is replicated follow it; return what was done, a line each.

        ALTER TABLE, CREATE and DROP TABLE, CREATE and DROP INDEX. Other replicas may do the same at any time, or never.

        Args:
            dry_run: do it, say what was done, and undo it.

        Raises:
            UsageError: it is not one such statement.
            CannotAlterError: SQLite refuses it, or what comes of it can't be replicated.
        """
        parsed = alter.parse(statement)
        done: list[str] = []
        with explained(self.path), suppress(_Undo):
            self.registry.require()
            with self._foreign_keys_off(), self._writing():
                self._ready({})
                done = alter.alter(self.registry, parsed)
                if dry_run:
                    raise _Undo
                if self.registry.exists:
                    drift.settle(self.registry)
                    self._changed()
        return done

    def repair(self, *, restamp: Collection[str] = (), dry_run: bool = False) -> repair.RepairReport:
        """Mend what was done to replicated tables without crdtsql, and find the writes that no trigger saw.

        Args:
            restamp: tables of which all that they show counts as written now, because values that were changed while the
                triggers were missing can't be told from old ones.
            dry_run: do it, say what was done, and undo it.

        Raises:
            NotEnabledError: a table to restamp is not replicated.
        """
        report = repair.RepairReport()
        with explained(self.path), suppress(_Undo):
            self.registry.require()
            with self._foreign_keys_off(), self._writing():
                report = repair.repair(self.registry, restamp, self._fold)
                report.dry_run = dry_run
                if dry_run or not report.mended:
                    raise _Undo
                if report.findings and self.registry.exists:
                    self._changed()
        return report
