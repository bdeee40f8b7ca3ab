"""Collisions: what rejoining puts into the conflict log, and what becomes of the entries that are there.

Runs inside the caller's write transaction, once what was written anew is folded. An entry that speaks of events of this file's own
that the other replica never got speaks of the moment of rejoining instead, which whatever is written here later has seen. Which
entries are resolved follows from what is there now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from crdtsql.base import SqliteValue, joined, query, sql
from crdtsql.conflicts import conflict_log
from crdtsql.rejoin.anew import Collision, RowStep
from crdtsql.rejoin.cells import Cells, bound
from crdtsql.rejoin.present import PresentRow, look
from crdtsql.rejoin.report import Unwritten
from crdtsql.store import Field, Registry, Stamp, Table


def carry_over(registry: Registry, moment: int, own: Mapping[int, int]) -> None:
    """Let the entries that were there say what they said.

    Args:
        moment: the hlc of rejoining, taken by the new site before its first write.
        own: up to where the other replica has the events of the sites that this file was.
    """
    connection, self_ordinal = registry.connection, registry.self_ordinal
    for site, sent in own.items():
        values = {"site": site, "sent": sent, "at": moment, "self": self_ordinal}
        connection.execute(sql("rejoin/collisions/move_own"), values)
    rows = query.rows(
        connection,
        "SELECT id FROM _crdt_conflict WHERE won_t = ? AND won_s = ? AND resolved IS NULL",
        (moment, self_ordinal),
    )
    for (number,) in rows:  # what won, and was written anew, is what is there now
        present = conflict_log.find(registry, number).present
        if present is not None and present[1] == registry.site_id(self_ordinal).hex():
            connection.execute("UPDATE _crdt_conflict SET won_t = ? WHERE id = ?", (present[0], number))
    conflict_log.mark_resolved_everything(registry)


class Logging:
    """New entries of the conflict log."""

    def __init__(self, registry: Registry, cells: Cells, moment: int) -> None:
        self._registry, self._cells = registry, cells
        self._moment: Stamp = (moment, registry.self_ordinal)

    def collided(self, collisions: Iterable[Collision]) -> int:
        """Log the values whose place ours took; return how many."""
        count = 0
        for one in collisions:
            present = look(self._registry, one.table, one.key)
            if present.values is not None:
                won = (present.values[one.field], present.stamps[one.field])
                self._keep(one.table, one.key, one.field, won, (one.value, one.stamp), "ours")
                count += 1
        return count

    def refused(self, steps: Sequence[RowStep]) -> list[Unwritten]:
        """Log the values that were not written, and tell of all writes that were not made."""
        found = []
        for step in steps:
            numbers, values = list[int](), dict[str, SqliteValue]()
            present = None if step.table.absent else look(self._registry, step.table, step.key)
            for one in step.fields:
                values[one.name] = value = self._lost(step, one)
                if present is not None and one in step.table.fields:
                    lost = (value, self._moment)
                    numbers.append(self._keep(step.table, step.key, one, self._won(present, one), lost, "theirs"))
            row = step.row
            found.append(Unwritten(row.table.name, row.key, row.did, values, step.why, tuple(numbers)))
        return found

    def _lost(self, step: RowStep, one: Field) -> SqliteValue:
        if one in step.row.totals:
            return self._cells.added(step.row, one, step.key, None)
        return step.row.values[one] if one in step.row.values else step.row.shown.get(one)

    def _won(self, present: PresentRow, one: Field) -> tuple[SqliteValue, Stamp]:
        """Return what is there in place of a value."""
        if present.values is not None and not present.gone:
            return present.values[one], present.stamps[one]
        return None, present.heads[0] if present.heads else self._moment

    def _keep(
        self,
        table: Table,
        key: tuple[SqliteValue, ...],
        one: Field,
        won: tuple[SqliteValue, Stamp],
        lost: tuple[SqliteValue, Stamp],
        took: str,
    ) -> int:
        won_mark, won_value = bound(won[0])
        lost_mark, lost_value = bound(lost[0])
        marks = [bound(value) for value in key]
        statement = sql(
            "rejoin/collisions/keep",
            keys=table.keys,
            won=won_mark,
            lost=lost_mark,
            key_values=joined(mark for mark, _ in marks),
        )
        number = self._registry.number("conflicts_last") + 1
        self._registry.set("conflicts_last", number)
        values = (number, table.id, one.id, *won[1], won_value, *lost[1], lost_value, took)
        self._registry.connection.execute(statement, (*values, *(value for _, value in marks)))
        return number
