"""The workbench: the tables of an image, on a replica's own connection, that stay there and are emptied for the next changeset.

To attach a database and detach it again makes SQLite compile all statements of a connection anew, which costs more than a small
changeset. So the rows of a small one are collected here before they are sent, and put here before they are merged; for a large one,
its image itself is attached.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import apsw

from crdtsql.base import InvalidChangesetError, Sql, make_room, query
from crdtsql.wire import checking, image
from crdtsql.wire.header import Header
from crdtsql.wire.rows import Content

NAME = "crdt_workbench"
"""What the attached database is called."""
MOST_ROWS = 1_000
MOST_BYTES = 1 << 20
"""Changesets of more rows than this, or of more bytes before they are compressed, are large."""


def lay_out(connection: apsw.Connection, header: Header, numbers: Iterable[int]) -> None:
    """Lay out what an image has of a header's n-th tables, empty."""
    present = _present(connection)
    for name, statement in image.unbounded(header, numbers, NAME).items():
        if present.get(name) == statement.replace(f"{NAME}.", "", 1):
            connection.execute(f"DELETE FROM {NAME}.{name}")
        else:
            make_room(connection, Sql(f"{NAME}.{name}"))
            connection.execute(statement)


def _present(connection: apsw.Connection) -> dict[str, str]:
    """Return the statements that created the tables that are there; a ROLLBACK may have brought others back."""
    listing = f"SELECT name, sql FROM {NAME}.sqlite_schema WHERE type = 'table'"
    try:
        return dict(query.rows(connection, listing))
    except apsw.SQLError:
        connection.execute(f"ATTACH ':memory:' AS {NAME}")
        return {}


def provide(connection: apsw.Connection, header: Header, number: int, database: str) -> None:
    """Lay out the n-th table's, of which the changeset has no rows; a changeset that is an image has them all."""
    if database == NAME and not header.tables[number - 1].rows:
        lay_out(connection, header, [number])


def clear(connection: apsw.Connection, header: Header, numbers: Iterable[int]) -> None:
    """Empty the tables that were laid out, as far as a ROLLBACK left them."""
    for name in image.unbounded(header, numbers, NAME):
        with suppress(apsw.SQLError):
            connection.execute(f"DELETE FROM {NAME}.{name}")


def read(connection: apsw.Connection, header: Header) -> Content | None:
    """Read what is on the workbench, None if it has text that only SQLite can copy, because it is no UTF-8."""
    content: Content = {}
    for name in image.unbounded(header, header.numbers, NAME):
        try:
            found = query.rows(connection, f"SELECT * FROM {NAME}.{name}")
        except UnicodeDecodeError:
            return None
        if found:
            content[name] = found
    return content


@contextmanager
def filled(connection: apsw.Connection, header: Header, content: Content) -> Iterator[str]:
    """Keep the content of a changeset on the workbench for the length of a block, checked; yield the name of its database.

    Raises:
        InvalidChangesetError: it is not what an honest sender with that header has.
    """
    lay_out(connection, header, header.numbers)
    try:
        with _checking(connection):
            for name, rows in content.items():
                if rows:
                    marks = ", ".join("?" * len(rows[0]))
                    connection.executemany(f"INSERT INTO {NAME}.{name} VALUES ({marks})", rows)
            checking.check(header, connection, NAME)
        yield NAME
    finally:
        clear(connection, header, header.numbers)


@contextmanager
def _checking(connection: apsw.Connection) -> Iterator[None]:
    """Have constraints enforced for the length of a block, and say what breaks one."""
    (ignoring,) = query.first(connection, "PRAGMA ignore_check_constraints")
    if ignoring:
        connection.execute("PRAGMA ignore_check_constraints = OFF")
    try:
        yield
    except (apsw.ConstraintError, apsw.MismatchError, apsw.TooBigError) as error:
        raise InvalidChangesetError(f"not a sound changeset: its rows break a rule of their table ({error})") from error
    finally:
        if ignoring:
            connection.execute("PRAGMA ignore_check_constraints = ON")
