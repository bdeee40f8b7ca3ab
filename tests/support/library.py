"""Prepare SQLite and Python for processes that compile many statements, and whose memory nobody measures."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from crdtsql.base import memory
from crdtsql.export import listing
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
def sparing() -> Iterator[None]:
    """Have changesets that are made within a block leave out sites that they need not list, as in a large group."""
    fewest, listing.FEWEST = listing.FEWEST, 0
    try:
        yield
    finally:
        listing.FEWEST = fewest


@contextmanager
def undone(connection: apsw.Connection) -> Iterator[None]:
    """Take back what a block writes, within another such block too; scratch tables that it created come back, empty as they are left.

    Those are the temporary ones, and those of the workbench. Where one comes or goes, SQLite compiles statements anew.
    """
    memory.forget_rows(connection)
    nested = connection.in_transaction
    connection.execute("SAVEPOINT undone" if nested else "BEGIN IMMEDIATE", can_cache=False)
    before = _schema_version(connection)
    try:
        yield
        created = _scratch_tables(connection)
    except BaseException:
        _roll_back(connection, before, nested)
        raise
    _roll_back(connection, before, nested)
    for name in created.keys() - _scratch_tables(connection).keys():
        connection.execute(created[name], can_cache=False)


def _roll_back(connection: apsw.Connection, before: int, nested: bool) -> None:
    """Take everything back; what was read of a schema that is as it was before still holds."""
    forget = memory.forget_rows if _schema_version(connection) == before else memory.forget
    forget(connection)
    connection.execute("ROLLBACK TO undone; RELEASE undone" if nested else "ROLLBACK", can_cache=False)


def _schema_version(connection: apsw.Connection) -> int:
    ((version,),) = connection.execute("PRAGMA main.schema_version").fetchall()
    return int(version)


def _scratch_tables(connection: apsw.Connection) -> dict[str, str]:
    """Return the statements that create the tables there are in which nothing stays: database and name -> statement."""
    listings = {"temp": "sqlite_temp_schema"}
    if workbench.NAME in connection.db_names():
        listings[workbench.NAME] = f"{workbench.NAME}.sqlite_schema"
    return {
        f"{database}.{name}": statement.replace("CREATE TABLE ", f"CREATE TABLE {database}.", 1)
        for database, listing in listings.items()
        for name, statement in connection.execute(f"SELECT name, sql FROM {listing} WHERE type = 'table'")
    }


def set_pragmas(connection: apsw.Connection, **values: int) -> None:
    """Set pragmas that are on or off where they are not so already: setting one makes SQLite compile all statements of a connection anew."""
    for name, value in values.items():
        if connection.execute(f"PRAGMA {name}").fetchall() != [(value,)]:
            connection.execute(f"PRAGMA {name} = {value}")
