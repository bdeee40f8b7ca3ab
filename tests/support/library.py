"""Prepare SQLite and Python for processes that compile many statements, and whose memory nobody measures."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from crdtsql.base import memory
from crdtsql.replica.opening import STATEMENTS
from crdtsql.wire import workbench

SLOT_BYTES, SLOTS = 1200, 400
"""Memory that each connection takes at once and hands out itself: enough for the parts of a large statement while it is compiled."""


def prepare() -> None:
    """Let SQLite ask for little memory at a time, and count none of it; must come before the first connection of a process."""
    apsw.shutdown()
    apsw.config(apsw.SQLITE_CONFIG_LOOKASIDE, SLOT_BYTES, SLOTS)
    apsw.config(apsw.SQLITE_CONFIG_MEMSTATUS, False)
    apsw.initialize()


def begin() -> None:
    """Prepare a process that was started to run histories, with all that they need loaded."""
    prepare()
    gc.freeze()


def connect(file: str = ":memory:") -> apsw.Connection:
    """Open a database as crdtsql does, with room for the compiled statements of whole merges; apsw has room for 100 by itself."""
    return apsw.Connection(file, statementcachesize=STATEMENTS)


def with_chance(connection: apsw.Connection, seed: int | str) -> None:
    """Let SQL's `random()` give the same numbers in every run."""
    chance = random.Random(seed)
    connection.create_scalar_function("random", lambda: chance.getrandbits(64) - (1 << 63), 0)


@contextmanager
def large() -> Iterator[None]:
    """Take every changeset that is made within a block for a large one, which has an image."""
    most, workbench.MOST_ROWS = workbench.MOST_ROWS, 0
    try:
        yield
    finally:
        workbench.MOST_ROWS = most


@contextmanager
def undone(connection: apsw.Connection) -> Iterator[None]:
    """Take back what a block writes; the temporary tables that it created come back, empty as whoever created them leaves them.

    Where a temporary table comes or goes, SQLite compiles all statements of a connection anew.
    """
    memory.forget_rows(connection)
    connection.execute("BEGIN IMMEDIATE")
    before = _schema_version(connection)
    try:
        yield
        created = _temporary_tables(connection)
    except BaseException:
        _roll_back(connection, before)
        raise
    _roll_back(connection, before)
    for name in created.keys() - _temporary_tables(connection).keys():
        connection.execute(created[name].replace("CREATE TABLE ", "CREATE TABLE temp.", 1))


def _roll_back(connection: apsw.Connection, before: int) -> None:
    """Take everything back; what was read of a schema that is as it was before still holds."""
    forget = memory.forget_rows if _schema_version(connection) == before else memory.forget
    forget(connection)
    connection.execute("ROLLBACK")


def _schema_version(connection: apsw.Connection) -> int:
    ((version,),) = connection.execute("PRAGMA main.schema_version").fetchall()
    return int(version)


def _temporary_tables(connection: apsw.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT name, sql FROM sqlite_temp_schema WHERE type = 'table'"))


def set_pragmas(connection: apsw.Connection, **values: int) -> None:
    """Set pragmas that are on or off where they are not so already: setting one makes SQLite compile all statements of a connection anew."""
    for name, value in values.items():
        if connection.execute(f"PRAGMA {name}").fetchall() != [(value,)]:
            connection.execute(f"PRAGMA {name} = {value}")
