"""Births: which number a row has here before, and there after, the file takes another replica's state.

A number is only what a row is shown under (decision 0012), so a key, or a reference, that holds one is translated by the birth of the
row that it means. Writes nothing but where births stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from crdtsql.base import identifier, query, sql
from crdtsql.numbers import archive, followers
from crdtsql.rejoin.unsent import UnsentRow
from crdtsql.store import Field, Registry, Table

Birth = tuple[int, int, int]
"""hlc and site of a row's birth, and the number that it asked for; of a row of the genesis the first two are 0."""


class Followed:
    """Which columns hold the numbers of which table."""

    def __init__(self, registry: Registry) -> None:
        self._keys: dict[tuple[int, int], Table] = {}
        self._fields: dict[tuple[int, int], Table] = {}
        for table in registry.tables():
            if not table.is_numbered or table.absent:
                continue
            self._keys[table.id, 1] = table
            for one in followers.to_table(registry, table):
                if one.table is not None and one.position:
                    self._keys[one.table.id, one.position] = table
                elif one.table is not None and one.field is not None:
                    self._fields[one.table.id, one.field.id] = table

    def of_key(self, table: Table, position: int) -> Table | None:
        """Return the table whose numbers a column of a key holds; the first has the position 1."""
        return self._keys.get((table.id, position))

    def of_field(self, table: Table, field: Field) -> Table | None:
        """Return the table whose numbers a value column holds."""
        return self._fields.get((table.id, field.id))

    def numbers_in(self, row: UnsentRow) -> list[tuple[Table, int]]:
        """List the numbers that a row's key and its values hold."""
        found = [(self.of_key(row.table, place), value) for place, value in enumerate(row.key, 1)]
        found += [(self.of_field(row.table, one), value) for one, value in row.values.items()]
        return [(table, value) for table, value in found if table is not None and isinstance(value, int)]


class Numbers:
    """The rows that the numbers in unsent writes mean, and the numbers that they have there.

    Made before the file is emptied.
    """

    def __init__(self, registry: Registry, rows: Sequence[UnsentRow]) -> None:
        self._registry, self.followed = registry, Followed(registry)
        self._births: dict[tuple[int, int], Birth] = {}
        self._given: dict[tuple[int, int], int] = {}
        found = {pair for row in rows for pair in self.followed.numbers_in(row)}
        for table in {one for one, _ in found}:
            archive.take_out(registry, table, [number for one, number in found if one.id == table.id])
        for table, number in found:
            birth = self._birth(table, number)
            if birth is not None:
                self._births[table.id, number] = birth

    def give(self, table: Table, before: int, number: int) -> None:
        """Say under which number a row is inserted anew that had another one."""
        self._given[table.id, before] = number

    def is_known(self, table: Table, number: int) -> bool:
        """Tell whether a number meant a row here."""
        return (table.id, number) in self._births

    def now(self, table: Table, number: int) -> int | None:
        """Return which number a row has there; None if it is not known there."""
        if (table.id, number) in self._given:
            return self._given[table.id, number]
        birth = self._births.get((table.id, number))
        return number if birth is None else self._find(table, birth)

    def _birth(self, table: Table, number: int) -> Birth | None:
        connection = self._registry.connection
        statement = sql("rejoin/births/birth", clock=table.clock, born=table.born)
        found = query.first(connection, statement, {"number": number})
        if found is not None:
            t, s, asked = found
            return (0, 0, asked) if t < 0 else (t, s, asked)
        shown = query.exists(connection, table.quoted, f"{identifier(table.key[0])} = ?", (number,))
        return (0, 0, number) if shown else None

    def _find(self, table: Table, birth: Birth) -> int | None:
        connection, (t, s, asked) = self._registry.connection, birth
        values = {"t": t, "s": s, "asked": asked}
        at_home = query.first(
            connection, sql("rejoin/births/birth", clock=table.clock, born=table.born), {"number": asked}
        )
        if at_home is not None and (at_home[:2] == (t, s) if t else at_home[0] < 0 and at_home[2] == asked):
            return asked
        name = "rejoin/births/find" if t else "rejoin/births/find_genesis"
        found = query.first(connection, sql(name, clock=table.clock, born=table.born), values)
        if found is not None:
            return int(found[0])
        if t or query.exists(connection, table.clock, "k1 = ?", (asked,)):
            return None
        return asked if query.exists(connection, table.quoted, f"{identifier(table.key[0])} = ?", (asked,)) else None


def inserted(rows: Iterable[UnsentRow]) -> dict[int, list[UnsentRow]]:
    """Return the rows with numbers that are inserted, by table."""
    found: dict[int, list[UnsentRow]] = {}
    for row in rows:
        if row.did == "insert" and row.table.is_numbered:
            found.setdefault(row.table.id, []).append(row)
    return found
