"""Enabling: tables are made replicated, all together where that is possible, each wholly or not at all.

Runs inside the caller's write transaction. What can't be replicated is left out, unless it was named.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import apsw

from crdtsql.base import CannotEnableError, ChangesetError, Now, caseless, naming, policy, query, suggest
from crdtsql.capture import Followers, addkey, enable, views
from crdtsql.evolve import appear, drift
from crdtsql.numbers import foretelling
from crdtsql.store import Registry, damage


@dataclass(slots=True)
class Enabling:
    """Tables that are to be enabled.

    Attributes:
        options: table -> how.
        named: those that must not be left out.
        add_key: give tables without a usable primary key one first.
        if_needed: leave those alone that are enabled just so.
        left_out: what was left out, and why.
    """

    registry: Registry
    now: Now
    options: Mapping[str, appear.Options]
    named: Collection[str]
    add_key: bool = False
    if_needed: bool = False
    left_out: list[str] = field(default_factory=list)

    def run(self) -> list[str]:
        """Enable them; return the names of those that were not yet, as the database spells them.

        Raises:
            CannotEnableError, ChangesetError: one that was named can't be.
            ColumnTypeError: a column can't have its type.
        """
        named = next((name for name in self.options if naming.is_history(name)), None)
        if named is not None and named in self.named:
            raise CannotEnableError(named, f"it has the history of another table: {suggest.verb('history')} begins one")
        self.options = {name: chosen for name, chosen in self.options.items() if not naming.is_history(name)}
        known = self.registry.tables()
        as_registered = not known or not damage.has_moved(self.registry.connection)
        enabled = self._all()
        if enabled:
            foretelling.adopt_and_settle(self.registry, enabled)
        if enabled and as_registered and not self.add_key:
            # What was done here is registered, so nobody need look at all tables again.
            drift.settle_again(self.registry)
            views.restore(self.registry)
            drift.mark_seen(self.registry)
        return enabled

    def _all(self) -> list[str]:
        awaited = any(table.absent for table in self.registry.tables())
        spelled_once = len({caseless(name) for name in self.options}) == len(self.options)
        if len(self.options) > 1 and spelled_once and not awaited and not self.add_key:
            enabled = self._together()
            if enabled is not None:
                return enabled
        return self._one_by_one()

    def _together(self) -> list[str] | None:
        """Enable them step by step for all; None, and nothing is done, if one can't be that seemed sound."""
        connection, plans, left_out = self.registry.connection, [], []
        followers = Followers(connection)
        for name, chosen in self.options.items():
            if self._is_so(name, chosen):
                continue
            try:
                plans.append(self._plan(name, chosen, followers))
            except CannotEnableError as error:
                if name in self.named:
                    raise
                left_out.append(f"left out: {error}")
        try:
            with query.savepoint(connection, "crdt_enable_together"):
                tables = enable.carry_out(self.registry, plans, self.now) if plans else []
        except (CannotEnableError, apsw.SQLError, apsw.CorruptError, apsw.AuthError):
            return None
        self.left_out += left_out
        return [table.name for table in tables]

    def _one_by_one(self) -> list[str]:
        enabled = []
        for name, chosen in self.options.items():
            if self._is_so(name, chosen):
                continue
            try:
                enabled.append(self._one(name, chosen))
            except (CannotEnableError, ChangesetError) as error:
                if name in self.named:
                    raise
                self.left_out.append(f"left out: {error}")
        return enabled

    def _one(self, name: str, chosen: appear.Options) -> str:
        """Enable one table, which may be one whose rows wait for it; return its name."""
        connection = self.registry.connection
        try:
            with query.savepoint(connection, "crdt_enable"):
                if self.add_key:
                    addkey.add_key(connection, name)
                kept = appear.waiting(self.registry, name)
                if kept is not None:
                    return appear.appear(self.registry, kept, self.now, chosen).name
                found = self._plan(name, chosen, Followers(connection))
                return enable.carry_out(self.registry, [found], self.now)[0].name
        except apsw.SQLError as error:
            raise CannotEnableError(name, str(error).removeprefix("SQLError: ")) from error

    def _is_so(self, name: str, chosen: appear.Options) -> bool:
        """Tell whether a table can be left alone; it must not be enabled in another way."""
        found = self.registry.find(name) if self.if_needed else None
        if found is None or found.absent:
            return False
        enable.check_same(self.registry, found, chosen.types, chosen.rows, chosen.granularity, chosen.identity)
        return True

    def _plan(self, name: str, chosen: appear.Options, followers: Followers) -> enable.Plan:
        rows = policy.ADD_WINS if chosen.rows is None else chosen.rows
        granularity = policy.BY_COLUMN if chosen.granularity is None else chosen.granularity
        try:
            return enable.plan(self.registry, name, followers, chosen.types, rows, granularity, chosen.identity)
        except apsw.SQLError as error:
            raise CannotEnableError(name, str(error).removeprefix("SQLError: ")) from error
