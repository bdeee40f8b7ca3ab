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
PAGE_BYTES = 4096
MOST_ROWS = 1_000
MOST_BYTES = 1 << 20
"""Changesets of more rows than this, or of more bytes before they are compressed, are large."""
ROOM_BYTES = 64 << 20
"""What is collected here takes no more memory than that."""


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


class Bounded:
    """Lets so many rows that are put here in a block take no more than the room that there is; else the block ends by a TooBigError.

    SQLite is told so: it looks at the length of a value before it reads the value, and of each it may read no more than the share of
    a row. To look at the rows beforehand would cost each small changeset a statement for each table, and a generator half as much.
    """

    __slots__ = ("_before", "_connection", "_most")

    def __init__(self, connection: apsw.Connection, rows: int) -> None:
        self._connection, self._most = connection, min(2 * MOST_BYTES, ROOM_BYTES // max(rows, 1))

    def __enter__(self) -> None:
        self._before = self._connection.limit(apsw.SQLITE_LIMIT_LENGTH, self._most)

    def __exit__(self, *_: object) -> None:
        self._connection.limit(apsw.SQLITE_LIMIT_LENGTH, self._before)


def is_full(connection: apsw.Connection) -> bool:
    """Tell whether what was put here is more than a small changeset can hold; of parts nobody knows beforehand how many a row has."""
    (pages,) = query.first(connection, f"PRAGMA {NAME}.page_count")
    if pages * PAGE_BYTES <= ROOM_BYTES:
        return False
    (free,) = query.first(connection, f"PRAGMA {NAME}.freelist_count")
    return int(pages - free) * PAGE_BYTES > ROOM_BYTES


def abandon(connection: apsw.Connection) -> None:
    """Empty all that is here, whatever a statement that failed has left."""
    for name in _present(connection):
        connection.execute(f"DELETE FROM {NAME}.{name}")


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
