"""Between: the shown rows by which one candidate may come to refer to another.

Rows wait for those that they may come to refer to, through others too; so a row that stands between two candidates is one itself,
although nothing else is in its way. A reference that may show its default may come to refer to what that means. Only where
candidates may also wait for one another's values does that matter. Looks upward from them alone, never at what refers to them, nor at
values that shown rows may come to have: who has the value of a default refers to it too, and a row that loses the row that it refers
to is a candidate then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import product

from crdtsql.base import Sql, TemporaryTable, identifier, joined, sql
from crdtsql.shown import holding
from crdtsql.shown.deciding.candidates import Candidates
from crdtsql.shown.deciding.marks import Marks, defaults
from crdtsql.shown.holding import Side
from crdtsql.shown.references import Reference
from crdtsql.store import Registry

ABOVE = TemporaryTable("_crdt_above", "shown/deciding/between/create")


def take_out(
    registry: Registry,
    candidates: Mapping[int, Candidates],
    references: Sequence[Reference],
    own: Sequence[Reference],
) -> bool:
    """Take the rows out that stand between candidates; tell whether there were any.

    Args:
        references: those within the tables of the group.
        own: those of the tables of the group.
    """
    contested = sum(len(found.rows()) for found in candidates.values() if found.indexes)
    if contested < 2:
        return False
    sides = {side.table.id: side for found in references for side in (found.child, found.parent) if side}
    with ExitStack() as stack:
        for side in sides.values():
            slots = {"above": _above(side), "key_definitions": side.key_definitions, "keys": side.table.keys}
            stack.enter_context(ABOVE.of(side.table.id).created(registry.connection, **slots))
        marks = {number: Marks(side, own, ()) for number, side in sides.items()}
        looking = _Looking(registry, candidates, references, marks)
        if not looking.find():
            return False
        return sum(_take(registry, side) for side in sides.values()) > 0


def _take(registry: Registry, side: Side) -> bool:
    connection, keys = registry.connection, side.table.keys
    leading = f"SELECT {keys} FROM {_above(side)} WHERE leads"
    with side.out(connection):
        connection.execute(f"INSERT INTO {side.out_table} ({keys}) {leading}")
        if not connection.changes():
            return False
        holding.take_out(registry, side)
        return True


def _above(side: Side) -> Sql:
    return ABOVE.of(side.table.id).quoted


class _Looking:
    """One look upward."""

    def __init__(
        self,
        registry: Registry,
        candidates: Mapping[int, Candidates],
        references: Sequence[Reference],
        marks: Mapping[int, Marks],
    ) -> None:
        self.connection = registry.connection
        self.candidates = candidates
        self.references = references
        self.marks = marks

    def find(self) -> bool:
        """Find the shown rows above candidates, and mark those that lead to candidates; tell whether there are any."""
        if not self._run("shown/deciding/between/begin", self._begin()):
            return False
        depth = 0
        while self._run("shown/deciding/between/go_up", self._up(), depth):
            depth += 1
        if not self._run("shown/deciding/between/lead", self._lead()):
            return False
        while self._run("shown/deciding/between/lead_on", self._down()):
            pass
        return True

    def _run(self, name: str, slots: Iterator[dict[str, Sql]], depth: int | None = None) -> int:
        changes = 0
        for each in slots:
            self.connection.execute(sql(name, **each), None if depth is None else {"depth": depth})
            changes += self.connection.changes()
        return changes

    def _begin(self) -> Iterator[dict[str, Sql]]:
        for reference in self.references:
            found, parent = self.candidates.get(reference.child.table.id), reference.parent
            if found is not None and parent is not None:
                columns = [Sql(f"+child.{found.column(name)}") for name in reference.key.columns]
                for its in self._shown(parent, "parent", reference.key.parent_columns):
                    yield {
                        "above": _above(parent),
                        "keys": parent.table.keys,
                        "parent_keys": parent.table.key_columns_of("parent"),
                        "candidate": found.name,
                        "parent": parent.table.quoted,
                        "parent_is_child": _alike(its, columns),
                    }

    def _up(self) -> Iterator[dict[str, Sql]]:
        for reference in self.references:
            if (parent := reference.parent) is not None:
                names = {"keys": parent.table.keys, "parent_keys": parent.table.key_columns_of("parent")}
                for pair in self._pairs(reference, parent):
                    yield pair | names

    def _down(self) -> Iterator[dict[str, Sql]]:
        for reference in self.references:
            if (parent := reference.parent) is not None:
                child = reference.child.table
                names = {"child_keys": child.keys, "above_keys": child.keys_of("above")}
                for pair in self._pairs(reference, parent):
                    yield pair | names | {"parent_is_up": parent.table.row_has_key_of("parent", "up")}

    def _lead(self) -> Iterator[dict[str, Sql]]:
        for reference in self.references:
            child, parent = reference.child, reference.parent
            found = self.candidates.get(parent.table.id) if parent else None
            if found is not None:
                columns = [Sql(f"candidate.{found.column(name)}") for name in reference.key.parent_columns]
                for mine in self._shown(child, "child", reference.key.columns):
                    yield {
                        "keys": child.table.keys,
                        "above_keys": child.table.keys_of("above"),
                        "above": _above(child),
                        "child": child.table.quoted,
                        "child_is_above": child.table.row_has_key_of("child", "above"),
                        "candidate": found.name,
                        "candidate_is_child": _alike(columns, [Sql(f"+{column}") for column in mine]),
                    }

    def _pairs(self, reference: Reference, parent: Side) -> Iterator[dict[str, Sql]]:
        """Name the tables of a reference, those of shown rows and those of rows above candidates, for each form of both."""
        child = reference.child
        mine = self._shown(child, "child", reference.key.columns)
        its = self._shown(parent, "parent", reference.key.parent_columns)
        for columns, parent_columns in product(mine, its):
            yield {
                "above": _above(child),
                "above_parent": _above(parent),
                "child": child.table.quoted,
                "child_is_above": child.table.row_has_key_of("child", "above"),
                "parent": parent.table.quoted,
                "parent_is_child": _alike(parent_columns, [Sql(f"+{column}") for column in columns]),
            }

    def _shown(self, side: Side, alias: str, names: Sequence[str]) -> list[list[Sql]]:
        """Return what shown rows have in some columns, and what they may come to show there: defaults in place of some."""
        return [
            [shown.get(name, Sql(f"{alias}.{identifier(name)}")) for name in names]
            for shown in defaults(self.marks[side.table.id], names)
        ]


def _alike(left: Sequence[Sql], right: Sequence[Sql]) -> Sql:
    return joined((Sql(f"{one} = {other}") for one, other in zip(left, right, strict=True)), " AND ")
