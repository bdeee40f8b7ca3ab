"""Attaching: how the content of a changeset comes to stand beside the user's tables, where SQL reads it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import apsw

from crdtsql.base import query
from crdtsql.wire import checking, envelope, ordering, rows, workbench
from crdtsql.wire.room import temporary
from crdtsql.wire.spilled import view_of

PREFIX = "crdt_attached_"
_numbers = count(1)


@contextmanager
def attached(
    connection: apsw.Connection, purpose: str, *, nested: bool = False, file: str | None = None
) -> Iterator[str]:
    """Attach an empty database for the length of a block, in memory or in a file; yield its name.

    While a statement or, for a `nested` one, the transaction around us runs, SQLite refuses to detach; what is left then is
    detached the next time.
    """
    names = [name for _, name, _ in query.rows(connection, "PRAGMA database_list") if name.startswith(PREFIX)]
    left = [name for name in names if nested or not _detach(connection, name)]
    name = f"{PREFIX}{purpose}_{next(_numbers)}" if left else f"{PREFIX}{purpose}"
    connection.execute(f"ATTACH ? AS {name}", (file or ":memory:",))
    try:
        yield name
    finally:
        _detach(connection, name)


@contextmanager
def attached_file(connection: apsw.Connection, purpose: str) -> Iterator[tuple[str, str]]:
    """Attach an empty database in a temporary file for the length of a block; yield its name and the file.

    What is written to it is in the file once the transaction is committed. Its journal is in memory, where it needs no room, since all
    pages are new.
    """
    with (
        temporary() as file,
        attached(connection, purpose, file=file.name) as name,
    ):
        connection.execute(f"PRAGMA {name}.journal_mode = MEMORY").fetchall()
        yield name, file.name


def _detach(connection: apsw.Connection, name: str) -> bool:
    try:
        connection.execute(f"DETACH {name}")
    except apsw.SQLError:
        return False
    return True


@contextmanager
def laid_open(connection: apsw.Connection, changeset: envelope.Changeset) -> Iterator[str]:
    """Check what a changeset holds, and keep it beside the user's tables for the length of a block; yield the name of its database.

    Raises:
        InvalidChangesetError: it is not what an honest sender with that header has.
    """
    header = changeset.header
    if changeset.version == envelope.ROWS:
        content = rows.decode(view_of(changeset.body), header)
        with workbench.filled(connection, header, content) as database:
            yield database
        return
    with changeset.image() as file:
        checking.check_image(header, file)
        if isinstance(file, str):
            ordering.put_in_order(header, file)
        with attached(connection, "incoming") as database:
            if isinstance(file, bytes):
                connection.deserialize(database, file)
            else:
                connection.execute(f"DETACH {database}")
                connection.execute(f"ATTACH ? AS {database}", (file,))
            yield database
