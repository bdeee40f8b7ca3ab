"""Temporary tables: what modules hand to each other in SQL, inside one transaction.

SQL calls a table by its name, so no import shows who depends on it. Therefore each is declared once, by the module that owns it,
with the SQL file that creates it (whose comments say what the columns mean) and all other modules that use it. `tests/tidy`
compares these lists with all sources.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
        written_by: other modules that change its rows, as `wing/module`.
        read_by: other modules that only read it.
    """

    name: str
    definition: str
    written_by: tuple[str, ...] = ()
    read_by: tuple[str, ...] = ()

    @contextmanager
    def created(self, connection: apsw.Connection, **slots: Sql) -> Iterator[None]:
        """Keep the table for the length of a block; `slots` are those of its SQL file.

        SQLite drops no table while a statement around us reads, as in `SELECT crdt_import(body) FROM inbox`; then the table
        is emptied and put aside.
        """
        connection.execute(sql(self.definition, **slots))
        try:
            yield
        finally:
            name = identifier(self.name)
            try:
                connection.execute(f"DROP TABLE IF EXISTS temp.{name}")  # a ROLLBACK undoes its CREATE
            except apsw.LockedError:
                aside = identifier(f"{self.name}_{next(_leftovers)}")
                connection.execute(f"DELETE FROM temp.{name}")
                connection.execute(f"ALTER TABLE temp.{name} RENAME TO {aside}")
