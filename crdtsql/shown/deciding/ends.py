"""Ends: which row stands where another one was referred to, of the tables where that may be (decision 0018).

A row that is united with another one leads to that; a row that is shown with a reference read otherwise leads to what it shows now.
Decides nothing. A table's ends are known once it is decided; while it is decided, they are those that are assumed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from crdtsql.base import Sql, TemporaryTable, caseless, joined, policy, sql
from crdtsql.shown.holding import Side
from crdtsql.shown.references import Reference
from crdtsql.store import Registry

ENDS = TemporaryTable("_crdt_end", "shown/deciding/ends/create")


@dataclass(frozen=True, slots=True)
class End:
    """A row that leads to another one, or to itself: ids of held rows, and its rank."""

    row: int
    rank: int
    winner: int


class Ends:
    """The ends of all tables of a scene."""

    def __init__(self, registry: Registry, sides: Sequence[Side], references: Sequence[Reference]) -> None:
        self.connection = registry.connection
        self.references = [found for found in references if is_readable(found)]
        leading = {side.table.id for side in sides if policy.SAME in side.table.unique.values()}
        while more := {found.child.table.id for found in self.references if _parent(found) in leading} - leading:
            leading |= more
        self.sides = {side.table.id: side for side in sides if side.table.id in leading}

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep the tables for the length of a block."""
        with ExitStack() as stack:
            for number, side in self.sides.items():
                slots = {
                    "ends": self.of(side),
                    "end_definitions": side.shape.define_key(keys(side)),
                    "columns": side.definitions,
                }
                stack.enter_context(ENDS.of(number).created(self.connection, **slots))
            yield

    def of(self, side: Side) -> Sql:
        """Return the table with a table's ends."""
        return ENDS.of(side.table.id).quoted

    def read_by(self, side: Side) -> list[Reference]:
        """Return the references of a table that may be read otherwise, in an order that is the same in all files."""
        found = [one for one in self.references if one.child is side and _parent(one) in self.sides]
        return sorted(
            found, key=lambda one: [*map(caseless, (*one.key.columns, one.key.parent, *one.key.parent_columns))]
        )

    def put(self, side: Side, candidates: Sql, found: Iterable[End]) -> None:
        """Say which rows of a table lead to which of its candidates, and forget what was said before."""
        table = side.table
        self.connection.execute(f"DELETE FROM {self.of(side)}")
        statement = sql(
            "shown/deciding/ends/keep",
            ends=self.of(side),
            end_keys=joined(keys(side)),
            columns=joined(side.held_columns),
            winner_keys=table.keys_of("winner"),
            truth_columns=joined(Sql(f"truth.{name}") for name in side.held_columns),
            held=table.held,
            candidate=candidates,
        )
        values = ({"id": end.row, "rank": end.rank, "winner": end.winner} for end in found)
        self.connection.executemany(statement, values)


def keys(side: Side) -> list[Sql]:
    """Return what a table of ends calls the key of the row that stands for another one."""
    return [Sql(f"e{position}") for position in range(1, len(side.table.key) + 1)]


def is_readable(reference: Reference) -> bool:
    """Tell whether the columns of a reference can show another row than the one that was referred to.

    Those of a key can, and then the row stands under that key (decision 0023); but a number that only is shown for a row can't.
    """
    is_kept = reference.is_kept and len(reference.lost_columns) == len(reference.key.columns)
    is_number = reference.child.table.is_numbered and moves_key(reference)
    return reference.parent is not None and is_kept and not is_number


def moves_key(reference: Reference) -> bool:
    """Tell whether a reference has a column of its own table's key."""
    return bool({*map(caseless, reference.child.table.key)} & {*map(caseless, reference.key.columns)})


def _parent(reference: Reference) -> int:
    return reference.parent.table.id if reference.parent is not None else 0
