"""Unions: which rows of tables that refer to each other are taken to be one with others, while that is found out (decision 0018).

Where rows refer to rows of the same group of tables, it changes what these show that they are united, and that in turn who is. So
unions are assumed, and all is decided again. Why it ends: each time a row is assumed to be united, or one is no more, and that
happens to each at most twice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from crdtsql.shown.deciding.turns import Outcome, Row


class Unions:
    """What is assumed.

    Args:
        tables: those whose rows are referred to from within the group.

    Attributes:
        assumed: the rows that are out from the beginning, and to which of the others references to them lead.
        loose: those to which references from within the group lead no more.
    """

    def __init__(self, tables: Collection[int]) -> None:
        self.tables = tables
        self.assumed: dict[Row, Outcome] = {}
        self.freed: set[Row] = set()
        self.loose: set[Row] = set()

    def learn(self, outcomes: Mapping[Row, Outcome], present: Collection[Row]) -> set[Row]:
        """Assume what was found, and no more what turned out wrong; return the rows of which something else is assumed now.

        Args:
            present: the rows that are out, and counted as there because they might be united.
        """
        united = {row: outcome for row, outcome in outcomes.items() if outcome.winner is not None}
        new = {row: outcome for row, outcome in united.items() if row[0] in self.tables and row not in self.loose}
        lost = {row: found.winner for row, found in self.assumed.items() if not _is_shown(found.winner, outcomes)}
        ghosts = {*present} - united.keys()
        self.loose |= ghosts
        for row, winner in lost.items():
            (self.freed if winner in new and row not in self.freed else self.loose).add(row)
            del self.assumed[row]
        self.assumed |= new
        return new.keys() | lost.keys() | ghosts


def _is_shown(row: Row | None, outcomes: Mapping[Row, Outcome]) -> bool:
    return row is not None and row in outcomes and outcomes[row].why is None
