"""Judge what capture and fold made of some statements, by the table before and after.

The table decides which rows live and which values they have; a judge looks at it between statements, and then compares the
folded clocks with what it saw.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import apsw

from crdtsql import Replica
from crdtsql.base.sqltext import identifier
from crdtsql.sqlite import schema
from crdtsql.store.tables import Table
from tests.support import state
from tests.support.state import Exact, RowState, exact

Key = tuple[str, tuple[Any, ...]]
Snapshot = dict[Key, dict[str, Exact]]


@dataclass(frozen=True)
class Statement:
    """A statement, and what a judge can't see from the outside.

    Attributes:
        reinserts: it may delete a row and insert it again.
        mixes: it may write a row more than once, or write a row and then remove it.
    """

    name: str
    sql: str
    reinserts: bool = False
    mixes: bool = False


def fold(replica: Replica) -> None:
    """Fold the log."""
    with replica._folded():
        pass


class Judge:
    """Watches one replica from a folded state on."""

    def __init__(self, replica: Replica, before: dict[Key, RowState] | None = None) -> None:
        self.replica = replica
        self.tables = replica.registry.tables()
        shapes = {table.name: schema.read(replica.connection, table.name) for table in self.tables}
        self.collations = {name: [c.collation for c in shape.key] for name, shape in shapes.items() if shape}
        self.queries = {table.name: _query(table) for table in self.tables}
        self.site = bytes.fromhex(replica.site)
        self.start(before)

    def start(self, before: dict[Key, RowState] | None = None) -> None:
        """Begin anew with what is folded now."""
        self.clock = self.replica.registry.number("clock")
        self.before = self._states() if before is None else before
        self.snapshots = [self._look()]
        self.masked = {
            self._key(table, key)
            for (table, key), reason in state.held(self.replica.connection).items()
            if reason.startswith("masked: ")
        }
        self.reinserts = self.mixes = False

    def run(self, statement: Statement) -> bool:
        """Execute a statement on the replica's own connection; tell whether it succeeded."""
        try:
            self.replica.connection.execute(statement.sql).fetchall()
            return True
        except apsw.ConstraintError:
            return False
        except apsw.SQLError as error:
            if "nested too deep" not in str(error):  # triggers of the user's that run for ever
                raise
            return False
        finally:
            self.look(statement)

    def look(self, statement: Statement) -> None:
        """Look at the tables after a statement."""
        self.snapshots.append(self._look())
        self.reinserts |= statement.reinserts
        self.mixes |= statement.mixes

    def check(self) -> None:
        """Fold, and compare the clocks with what was seen."""
        fold(self.replica)
        (left,) = self.replica.connection.execute("SELECT count(*) FROM _crdt_log").fetchone()
        assert not left, f"{left} events are left in the log"
        after = self._states()
        seen = {key for snapshot in self.snapshots for key in snapshot}
        for key in seen | after.keys():
            assert key in after or key in self.snapshots[0] == self.snapshots[-1], f"{key}: no state"
            if key not in seen and key not in self.before:
                assert not after[key].alive, f"{key}: a row that gave its number to another one is gone"
                continue
            try:
                self._check_row(key, after[key])
            except AssertionError as error:
                steps = [snapshot.get(key) for snapshot in self.snapshots]
                raise AssertionError(
                    f"{key}: {error}\nseen: {steps}\nbefore: {self.before.get(key)}\nafter: {after[key]}"
                ) from None

    def _check_row(self, key: Key, after: RowState) -> None:
        before = self.before.get(key)
        steps = [snapshot.get(key) for snapshot in self.snapshots]
        came = any(old is None and new is not None for old, new in pairwise(steps))
        changed = {
            name
            for old, new in pairwise(steps)
            if old is not None and new is not None
            for name in new
            if old[name] != new[name]
        }
        removed = any(old is not None and new is None for old, new in pairwise(steps))
        born_anew = before is None or after.born != before.born
        if came or changed or removed or born_anew or before is None:
            assert after.alive == (steps[-1] is not None), "what was written lives exactly if the table showed it"
        else:
            assert after.alive == before.alive, "nothing happened to it, but it lives or died"
        if came:
            assert self._is_new(after.born), "an inserted row has a new insert stamp"
        if born_anew:
            assert came or self.reinserts or self.mixes, "no statement inserted it, but its insert stamp changed"
            assert all(self._is_new(stamp) for _, stamp in after.cells.values()), (
                "a cell is older than its row's insert"
            )
        elif before is not None:
            for name, (_, stamp) in after.cells.items():
                if name in changed:
                    assert self._is_new(stamp), f"{name} changed without a new stamp"
                elif not self.mixes:
                    assert stamp == before.cells[name][1], f"{name} did not change but has another stamp"
        if came or changed or removed or born_anew:
            assert len(after.heads) == 1, "one latest event"
            t, s, gone = next(iter(after.heads))
            assert self._is_new((t, s)), "the latest event is new"
            assert gone == (not after.alive), "the latest event says whether it is gone"
        elif not self.mixes and before is not None:
            assert after == before, "nothing happened to it, but its state changed"
        last = next((step for step in reversed(steps) if step is not None), None)
        if not after.alive and last is not None and not self.mixes and key not in self.masked:
            assert {name: value for name, (value, _) in after.cells.items()} == last, "the held row has its last values"

    def _is_new(self, stamp: tuple[int, bytes]) -> bool:
        return stamp[0] > self.clock and stamp[1] == self.site

    def _states(self) -> dict[Key, RowState]:
        found = state.rows(self.replica.connection)
        judged = {self._key(table, key): row for (table, key), row in found.items()}
        assert len(judged) == len(found), "two rows of ours have one key"
        return judged

    def _look(self) -> Snapshot:
        found: Snapshot = {}
        for table in self.tables:
            width = len(table.key)
            for row in self.replica.connection.execute(self.queries[table.name]):
                stored = [exact(*row[n : n + 2]) for n in range(0, len(row), 2)]
                cells = dict(zip((field.name for field in table.fields), stored[width:], strict=True))
                found[self._key(table.name, tuple(stored[:width]))] = cells
        return found

    def _key(self, table: str, key: tuple[Exact, ...]) -> Key:
        return table, tuple(
            _comparable(*part, collation) for part, collation in zip(key, self.collations[table], strict=True)
        )


def _query(table: Table) -> str:
    names = [str(identifier(name)) for name in (*table.key, *(field.name for field in table.fields))]
    values = ", ".join(f"typeof({n}), CASE typeof({n}) WHEN 'text' THEN CAST({n} AS BLOB) ELSE {n} END" for n in names)
    return f"SELECT {values} FROM {table.quoted}"


def _comparable(kind: str, value: Any, collation: str) -> tuple[str, Any]:
    """Make keys equal that SQLite has for equal."""
    if kind == "real":
        return "number", struct.unpack("<d", value)[0]
    if kind == "text":
        return kind, value.lower() if collation == "NOCASE" else value.rstrip(b" ") if collation == "RTRIM" else value
    return ("number" if kind == "integer" else kind), value
