"""Anew: make unsent writes once more, on top of the other replica's state, by statements that are captured.

Runs inside the caller's write transaction, with foreign keys off. No write is forced: a row that is gone is not brought back, what
somebody wrote unseen is not deleted, what a constraint refuses is left. What can't be made is told, with why. As what one write needs
may be what another one does, all are tried until none succeeds any more; and what would refer to a row that is not there is found by
doing all of it, and undoing that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import apsw

from crdtsql.base import DERIVED, Sql, SqliteValue, WriteRefusedError, identifier, joined, policy, query, sql
from crdtsql.conflicts import rowwrite
from crdtsql.rejoin import dangling
from crdtsql.rejoin.births import Numbers, inserted
from crdtsql.rejoin.cells import Assignment, Cells, Unknown, bound, same
from crdtsql.rejoin.present import PresentRow, SeenBefore, look, where_key
from crdtsql.rejoin.report import RejoinedTable
from crdtsql.rejoin.unsent import Reach, UnsentRow
from crdtsql.store import Field, Registry, Stamp, Table
from crdtsql.types import TYPES

GONE = "the row is not there any more"
ABSENT_TABLE = "its table is not in this file"
PARKED = "its column is not in this file"
WRITTEN = "somebody wrote to the row meanwhile"


class Refused(Exception):  # noqa: N818 - it ends one write
    """A write that can't be made, with why."""


@dataclass(frozen=True, slots=True)
class RowStep:
    """One row's write, or a part of it.

    Attributes:
        key, values: with the numbers that rows have now.
        fields: the columns that are written; none of a delete.
        why: why it can't be made, "" if it may be.
    """

    row: UnsentRow
    key: tuple[SqliteValue, ...]
    values: Mapping[Field, SqliteValue]
    fields: tuple[Field, ...]
    why: str = ""

    @property
    def table(self) -> Table:
        """Return the table of the row."""
        return self.row.table


@dataclass(frozen=True, slots=True)
class Collision:
    """A value whose place one of ours took, which had not seen it."""

    table: Table
    key: tuple[SqliteValue, ...]
    field: Field
    value: SqliteValue
    stamp: Stamp


@dataclass(slots=True)
class Remade:
    """What became of the steps."""

    done: list[RowStep] = field(default_factory=list)
    refused: list[RowStep] = field(default_factory=list)
    collisions: list[Collision] = field(default_factory=list)
    tables: dict[str, RejoinedTable] = field(default_factory=dict)


class _Rehearsal:
    """A block whose writes can be undone."""

    undo = False


@contextmanager
def _rehearsal(connection: apsw.Connection) -> Iterator[_Rehearsal]:
    """Run a block in a savepoint, which is undone if the block says so."""
    found = _Rehearsal()
    with query.savepoint(connection, "crdtsql_anew"):
        connection.execute("SAVEPOINT crdtsql_rehearsal")
        yield found
        if found.undo:
            query.roll_back_to(connection, "crdtsql_rehearsal")
        else:
            connection.execute("RELEASE crdtsql_rehearsal")


class Anew:
    """The unsent writes, made again."""

    def __init__(self, registry: Registry, numbers: Numbers, seen: SeenBefore, reach: Reach) -> None:
        self._registry, self._numbers, self._seen = registry, numbers, seen
        self._connection, self._cells = registry.connection, Cells(registry, reach)

    def write(self, rows: Iterable[UnsentRow]) -> Remade:
        """Make all writes that can be made."""
        rows = list(rows)
        self._give_numbers(rows)
        order = {"delete": 0, "insert": 1, "update": 2, "undelete": 3}
        steps = [step for row in sorted(rows, key=lambda row: order[row.did]) for step in self._steps(row)]
        while True:
            with _rehearsal(self._connection) as rehearsal:
                outcome = self._make(steps)
                lacking = self._dangling(outcome.done)
                rehearsal.undo = bool(lacking)
            if not lacking:
                return outcome
            steps = [part for step in steps for part in _without(step, lacking.get(id(step.row), {}))]

    # -- which numbers ----------------------------------------------------------------------------

    def _give_numbers(self, rows: list[UnsentRow]) -> None:
        """Choose the number of each row that is inserted: its own, if no other row has it, or had it."""
        for new in inserted(rows).values():
            table, taken = new[0].table, set[int]()
            key = identifier(table.key[0])
            united = {id(row): one for row in new if (one := self._united(row)) is not None}
            for row in new:
                (number,) = row.key
                if id(row) in united:
                    continue
                if query.exists(self._connection, table.quoted, f"{key} = ?", (number,)) or query.exists(
                    self._connection, table.clock, "k1 = ?", (number,)
                ):
                    taken.add(int(str(number)))
            wanted = {int(str(row.key[0])) for row in new}
            following = self._last_number(table, wanted)
            for row in new:
                number = int(str(row.key[0]))
                if id(row) in united:
                    self._numbers.give(table, number, united[id(row)])
                    continue
                if number in taken:
                    following += 1
                self._numbers.give(table, number, following if number in taken else number)

    def _united(self, row: UnsentRow) -> int | None:
        """Return the number of the row there with which an inserted one is one thing (the UNIQUE policy `same`)."""
        table = row.table
        for uids, chosen in table.unique.items():
            found = [one for one in table.fields if one.uid in uids]
            if chosen != policy.SAME or len(found) < len(uids):
                continue
            where = where_key([identifier(one.name) for one in found])
            statement = f"SELECT {identifier(table.key[0])} FROM {table.quoted} WHERE {where}"
            number = query.first(self._connection, statement, tuple(row.values.get(one) for one in found))
            if number is not None:
                return int(number[0])
        return None

    def _last_number(self, table: Table, wanted: set[int]) -> int:
        """Return a number after which all are free: of an AUTOINCREMENT table where the file's own block goes on."""
        key = identifier(table.key[0])
        (shown,) = query.first(self._connection, f"SELECT max({key}) FROM {table.quoted} WHERE {key} < ?", (DERIVED,))
        (known,) = query.first(self._connection, f"SELECT max(k1) FROM {table.clock} WHERE k1 < {DERIVED}")
        last = [0, shown or 0, known or 0, *(number for number in wanted if number < DERIVED)]
        if query.exists(self._connection, "main.sqlite_schema", "name = 'sqlite_sequence'"):
            statement = "SELECT seq FROM main.sqlite_sequence WHERE name = ?"
            last += [seq for (seq,) in query.rows(self._connection, statement, (table.name,)) if isinstance(seq, int)]
        return max(last)

    def _steps(self, row: UnsentRow) -> list[RowStep]:
        """Translate the numbers in a row's key and values; what means a row that is not known there can't be written."""
        values, lost = dict(row.values), dict[Field | None, str]()
        key = tuple(self._number(row.table, value, place) for place, value in enumerate(row.key, 1))
        for one, value in row.values.items():
            parent = self._numbers.followed.of_field(row.table, one)
            if parent is not None and isinstance(value, int):
                values[one] = self._numbers.now(parent, value)
                if values[one] is None:
                    lost[one] = f"it refers to row {value} of table {parent.name!r}, which is not there"
        whole = RowStep(row, key, values, tuple(one for one in row.fields if one not in row.table.parked))
        parked = [replace(whole, fields=(one,), why=PARKED) for one in row.fields if one in row.table.parked]
        if row.table.absent:
            return [replace(whole, key=row.key, why=ABSENT_TABLE)]
        if None in key and None not in row.key:
            return [] if row.did == "delete" else [replace(whole, key=row.key, why=GONE)]
        if parked and row.did == "update" and not whole.fields:
            return parked
        return [*_without(whole, lost), *parked]

    def _number(self, table: Table, value: SqliteValue, place: int) -> SqliteValue:
        parent = self._numbers.followed.of_key(table, place)
        return self._numbers.now(parent, value) if parent is not None and isinstance(value, int) else value

    # -- writing ----------------------------------------------------------------------------------

    def _make(self, steps: list[RowStep]) -> Remade:
        """Make the steps until none of those that are left can be made."""
        outcome = Remade(refused=[step for step in steps if step.why])
        waiting = [step for step in steps if not step.why]
        while waiting:
            left = [tried for step in waiting if (tried := self._try(step, outcome)) is not None]
            apart = [part for step in left for part in _apart(step)]
            if len(left) == len(waiting) and len(apart) == len(left):
                outcome.refused += _together(left)
                break
            waiting = apart if len(left) == len(waiting) else [replace(step, why="") for step in left]
        return outcome

    def _try(self, step: RowStep, outcome: Remade) -> RowStep | None:
        """Make a step; return it with why if it can't be made now."""
        counts = outcome.tables.setdefault(step.table.name, RejoinedTable())
        try:
            present = look(self._registry, step.table, step.key)
            if step.row.did == "delete":
                self._delete(step, present, counts)
            elif step.row.did == "insert":
                self._insert(step, present, counts, outcome)
            else:
                self._change(step, present, counts, outcome)
        except WriteRefusedError as error:
            return replace(step, why=error.constraint)
        except Refused as refused:
            return replace(step, why=str(refused))
        outcome.done.append(step)
        return None

    def _delete(self, step: RowStep, present: PresentRow, counts: RejoinedTable) -> None:
        if present.values is None or present.gone:
            return
        seen = all(self._seen.has(step.table, head) for head in present.heads)
        if not seen and not self._is_as_it_was(step, present):
            raise Refused(WRITTEN)
        child = dangling.child_of(self._registry, step.table, step.key)
        if child is not None:
            raise Refused(f"a row of table {child!r} refers to it")
        where = where_key([identifier(name) for name in step.table.key])
        statement = sql("rejoin/anew/delete", table=step.table.quoted, where=where)
        self._connection.execute(statement, step.key)
        counts.deleted += 1

    def _is_as_it_was(self, step: RowStep, present: PresentRow) -> bool:
        """Tell whether a row of which stamps say nothing has the values that it had when it was deleted."""
        if not self._seen.compacted or any(t >= 0 and not self._seen.has(step.table, (t, s)) for t, s in present.heads):
            return False
        return present.values == step.row.shown

    def _insert(self, step: RowStep, present: PresentRow, counts: RejoinedTable, outcome: Remade) -> None:
        if present.values is not None:
            self._update(step, present, counts, outcome)
            return
        table = step.table
        given = [*step.key, *(step.values[one] for one in step.fields)]
        marks = [bound(value) for value in given]
        names = [*table.key, *(one.name for one in step.fields)]
        statement = partial(
            sql,
            "rejoin/anew/insert",
            table=table.quoted,
            columns=joined(identifier(name) for name in names),
            values=joined(mark for mark, _ in marks),
        )
        self._execute(step, statement, [value for _, value in marks])
        counts.inserted += 1

    def _change(self, step: RowStep, present: PresentRow, counts: RejoinedTable, outcome: Remade) -> None:
        if present.values is None or present.gone:
            raise Refused(GONE)
        self._update(step, present, counts, outcome)

    def _update(self, step: RowStep, present: PresentRow, counts: RejoinedTable, outcome: Remade) -> None:
        assignments, unknown = list[Assignment](), list[Field]()
        for one in step.fields:
            try:
                found = self._cells.assign(step.row, one, step.values.get(one), step.key, present)
            except Unknown:
                unknown.append(one)
                continue
            assignments += [] if found is None else [found]
        if unknown and len(step.fields) == 1:
            raise Refused("nobody there knows any more how much of what was added here had been sent")
        if unknown:
            raise Refused("")  # each column for itself
        if not assignments:
            return
        sets = (Sql(f"{identifier(one.field.name)} = {one.expression}") for one in assignments)
        where = where_key([identifier(name) for name in step.table.key])
        table = step.table.quoted
        statement = partial(sql, "rejoin/anew/update", table=table, assignments=joined(sets), where=where)
        self._execute(step, statement, [*(value for one in assignments for value in one.values), *step.key])
        counts.updated += 1
        counts.counted += sum(assignment.field in step.row.totals for assignment in assignments)
        for found in assignments:
            self._note_collision(step, present, found.field, outcome)

    def _note_collision(self, step: RowStep, present: PresentRow, one: Field, outcome: Remade) -> None:
        """Note the value that was in a cell, if nobody here had seen it; what both sides add to is merged."""
        if one not in step.values or TYPES[one.type].takes_best or present.values is None:
            return
        stamp = present.stamps[one]
        if not self._seen.has(step.table, stamp) and not same(present.values[one], step.values[one]):
            outcome.collisions.append(Collision(step.table, step.key, one, present.values[one], stamp))

    def _execute(self, step: RowStep, statement: partial[str], values: list[SqliteValue]) -> None:
        rowwrite.write(self._connection, step.table, step.key, statement, tuple(values))

    def _dangling(self, done: list[RowStep]) -> dict[int, dict[Field | None, str]]:
        """Find what now refers to rows that are not there: by row, its columns; None stands for all of a row that was inserted."""
        found: dict[int, dict[Field | None, str]] = {}
        for step in done:
            if step.row.did not in ("insert", "update"):
                continue
            by_name = {one.name: one for one in step.fields}
            for columns, parent in dangling.parents_missing(self._registry, step.table, step.key):
                why = f"it refers to a row of table {parent!r} that is not there"
                lost: list[Field | None] = [by_name[name] for name in columns if name in by_name]
                lost = [None] if step.row.did == "insert" else lost
                if lost:
                    found.setdefault(id(step.row), {}).update(dict.fromkeys(lost, why))
        return found


def _without(step: RowStep, lost: Mapping[Field | None, str]) -> list[RowStep]:
    """Split off what can't be written of a step: some columns of an update, all of an insert."""
    if step.why or not lost:
        return [step]
    if step.row.did == "insert":
        return [replace(step, why=next(iter(lost.values())))]
    rest = tuple(one for one in step.fields if one not in lost)
    parts = [replace(step, fields=(one,), why=lost[one]) for one in step.fields if one in lost]
    return [replace(step, fields=rest), *parts] if rest else parts


def _apart(step: RowStep) -> list[RowStep]:
    """Split an update that can't be made as a whole into its columns."""
    if step.row.did == "insert" or len(step.fields) < 2:
        return [step]
    return [replace(step, fields=(one,), why="") for one in step.fields]


def _together(steps: Iterable[RowStep]) -> list[RowStep]:
    """Put columns of one row together again that can't be written for the same reason."""
    found: dict[tuple[int, str], RowStep] = {}
    for step in steps:
        before = found.get((id(step.row), step.why))
        fields = step.fields if before is None else (*before.fields, *step.fields)
        found[id(step.row), step.why] = replace(step, fields=fields)
    return [*found.values()]
