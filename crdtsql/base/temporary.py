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

from crdtsql.base.sqltext import Sql, identifier, sql

_leftovers = count(1)


@dataclass(frozen=True, slots=True)
class TemporaryTable:
    """A temporary table, and the modules that depend on it.

    Attributes:
        name: what statements call it, after `temp.`.
        definition: the SQL file that creates it, in the folder of the module that owns it.
        written_by: other modules that change its rows, as `wing/module`; a folder if its modules share their SQL.
        read_by: other modules that only read it.
    """

    name: str
    definition: str
    written_by: tuple[str, ...] = ()
    read_by: tuple[str, ...] = ()

    @property
    def quoted(self) -> Sql:
        """Return what statements call it."""
        return _quoted(self.name)

    def of(self, number: int) -> TemporaryTable:
        """Return the table of this kind for one of the user's tables; its SQL file takes the name as a slot.

        Only its owner can name it, so that all others come by it through an import.
        """
        return replace(self, name=f"{self.name}_{int(number)}")

    @contextmanager
    def created(self, connection: apsw.Connection, **slots: Sql) -> Iterator[None]:
        """Keep the table, empty at first, for the length of a block; `slots` are those of its SQL file.

        It stays on the connection afterwards, emptied: where a temporary table comes or goes, SQLite compiles every statement on
        temporary tables anew. A ROLLBACK undoes its CREATE, and brings other columns and rows back, so that is looked at each time.
        """
        definition = sql(self.definition, **slots)
        if self._is_there(connection, definition):
            self._empty(connection)
        else:
            make_room(connection, self.quoted)
            connection.execute(definition, can_cache=False)
        try:
            yield
        finally:
            self._empty(connection)

    def _is_there(self, connection: apsw.Connection, definition: str) -> bool:
        """Tell whether the table is there with these columns."""
        stored = connection.execute("SELECT sql FROM sqlite_temp_schema WHERE name = ?", (self.name,)).fetchone()
        return stored is not None and str(stored[0]).partition("(")[2] == definition.partition("(")[2]

    def _empty(self, connection: apsw.Connection) -> None:
        with suppress(apsw.SQLError):  # a ROLLBACK has taken it away
            connection.execute(f"DELETE FROM {self.quoted}")


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
