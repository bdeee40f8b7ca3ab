"""Temporary tables: what modules hand to each other in SQL, inside one transaction.

SQL calls a table by its name, so no import shows who depends on it. Therefore each is declared once, by the module that owns it,
with the SQL file that creates it (whose comments say what the columns mean) and all other modules that use it. `tests/tidy`
compares these lists with all sources.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count

import apsw

from crdtsql.base.sqltext import Sql, identifier, joined, sql, template

_leftovers = count(1)
_declared: dict[str, TemporaryTable] = {}
"""All that modules have declared so far, by their definition."""


@dataclass(frozen=True, slots=True)
class TemporaryTable:
    """A temporary table, and the modules that depend on it.

    Attributes:
        name: what statements call it, after `temp.`.
        definition: the SQL file that creates it, in the folder of the module that owns it.
        written_by: other modules that change its rows, as `wing/module`; a folder if its modules share their SQL.
        read_by: other modules that only read it.
        alone: it brings no others along, because there are connections that need no other.
    """

    name: str
    definition: str
    written_by: tuple[str, ...] = ()
    read_by: tuple[str, ...] = ()
    alone: bool = False

    def __post_init__(self) -> None:
        _declared.setdefault(self.definition, self)

    @property
    def quoted(self) -> Sql:
        """Return what statements call it."""
        return _quoted(self.name)

    def of(self, number: int) -> TemporaryTable:
        """Return the table of this kind for one of the user's tables; its SQL file takes the name as a slot.

        Only its owner can name it, so that all others come by it through an import.
        """
        return _numbered(self, int(number))

    @contextmanager
    def created(self, connection: apsw.Connection, **slots: Sql) -> Iterator[None]:
        """Keep the table, empty at first, for the length of a block; `slots` are those of its SQL file.

        It stays on the connection afterwards, emptied: where a temporary table comes or goes, SQLite compiles every statement of the
        connection anew. So one that comes brings all others along that need no further slots. A ROLLBACK undoes their CREATE, and
        brings other columns and rows back, so that is looked at each time.
        """
        if not self._emptied(connection, slots):
            _create(connection, self, slots)
        try:
            yield
        finally:
            with suppress(apsw.Error):  # where it can't be done now, whoever needs it next does it
                self._empty(connection)

    def _emptied(self, connection: apsw.Connection, slots: dict[str, Sql]) -> bool:
        """Empty the table, if it is there with these columns; one without slots has no others."""
        definition = sql(self.definition, **slots)
        if slots:
            stored = connection.execute("SELECT sql FROM sqlite_temp_schema WHERE name = ?", (self.name,)).fetchone()
            if stored is None or str(stored[0]).partition("(")[2] != definition.partition("(")[2]:
                return False
        return self._empty(connection)

    def _empty(self, connection: apsw.Connection) -> bool:
        """Delete all rows; tell whether the table is there, for a ROLLBACK may have taken it away."""
        try:
            connection.execute(f"DELETE FROM {self.quoted}")
        except apsw.SQLError:
            return False
        return True


def _create(connection: apsw.Connection, table: TemporaryTable, slots: dict[str, Sql]) -> None:
    """Create a table, and others that are not there either, as far as its slots are all that they need."""
    present = {found for (found,) in connection.execute("SELECT name FROM sqlite_temp_schema")}
    if table.name in present:
        make_room(connection, table.quoted)
    wanted = [one for one in _declared.values() if one.name not in present and one.definition != table.definition]
    found = [template(one.definition) for one in (*([] if table.alone else wanted), table)]
    these = [one.render(**{slot: slots[slot] for slot in one.slots}) for one in found if one.slots <= slots.keys()]
    connection.execute(joined(these, ";\n").text, can_cache=False)


@lru_cache(maxsize=4096)
def _numbered(family: TemporaryTable, number: int) -> TemporaryTable:
    return replace(family, name=f"{family.name}_{number}")


@lru_cache(maxsize=4096)
def _quoted(name: str) -> Sql:
    return Sql(f"temp.{identifier(name)}")


def make_room(connection: apsw.Connection, table: Sql) -> None:
    """Drop a table that has other columns than are needed, if there is one.

    SQLite drops no table while a statement around us reads, as in `SELECT crdt_import(body) FROM inbox`; then it is put aside.
    """
    try:
        connection.execute(f"DROP TABLE IF EXISTS {table}", can_cache=False)
    except apsw.LockedError:
        connection.execute(f"ALTER TABLE {table} RENAME TO {identifier(f'_crdt_left_{next(_leftovers)}')}")
