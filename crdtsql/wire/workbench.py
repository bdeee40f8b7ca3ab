"""The workbench: the tables of an image, on a replica's own connection, that stay there and are emptied for the next changeset.

To attach a database and detach it again makes SQLite compile all statements of a connection anew, which costs more than a small
changeset. So the rows of a small one are collected here and then copied into an image, and a received image's are copied here
before they are merged; for a large one, its image itself is attached.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import apsw

from crdtsql.base import Sql, SqliteValue, make_room, query
from crdtsql.wire import image
from crdtsql.wire.header import Header

NAME = "crdt_workbench"
"""What the attached database is called."""
MOST_ROWS = 1_000
MOST_BYTES = 1 << 20
"""Changesets of more rows than this, or whose image is larger, are large."""

Content = dict[str, tuple[list[str], list[tuple[SqliteValue, ...]]]]
"""What an image holds: table that has rows -> the names of its columns, and the rows."""


def lay_out(connection: apsw.Connection, header: Header) -> None:
    """Lay out the tables of a header's image, empty."""
    present = _present(connection)
    for name, statement in zip(map(str, image.tables(header)), image.unbounded_schema(header, NAME), strict=True):
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


def clear(connection: apsw.Connection, header: Header) -> None:
    """Empty the tables that were laid out, as far as a ROLLBACK left them."""
    for name in image.tables(header):
        with suppress(apsw.SQLError):
            connection.execute(f"DELETE FROM {NAME}.{name}")


def read(connection: apsw.Connection, header: Header, database: str = "main") -> Content | None:
    """Read an image, None if it has text that only SQLite can copy, because it is no UTF-8."""
    content: Content = {}
    for name in map(str, image.tables(header)):
        cursor = connection.execute(f"SELECT {_rowid(name)}* FROM {database}.{name}")
        try:
            content[name] = [column for column, _ in cursor.get_description()], cursor.fetchall()
        except apsw.ExecutionCompleteError:  # no rows
            continue
        except UnicodeDecodeError:
            return None
    return content


def _rowid(name: str) -> str:
    """Return the column that a merge knows the rows of a table by, where it has one beside those that it shows."""
    return "rowid, " if name.startswith("row_") else ""


def fill(connection: apsw.Connection, content: Content, database: str = "main") -> None:
    """Write what an image holds into empty tables like its own."""
    for name, (columns, rows) in content.items():
        marks = ", ".join("?" * len(columns))
        values = f"({', '.join(columns)}) VALUES ({marks})"
        connection.executemany(f"INSERT INTO {database}.{name} {values}", rows)


@contextmanager
def filled(connection: apsw.Connection, header: Header, content: Content) -> Iterator[str]:
    """Keep what an image holds on the workbench for the length of a block; yield the name of its database."""
    lay_out(connection, header)
    try:
        fill(connection, content, NAME)
        yield NAME
    finally:
        clear(connection, header)


def holds(header: Header, content: bytes | str) -> bool:
    """Tell whether an image is small enough to be merged from the workbench."""
    return (
        len(content) <= MOST_BYTES
        and isinstance(content, bytes)
        and sum(table.rows for table in header.tables) <= MOST_ROWS
    )


def press(header: Header, content: Content) -> bytes:
    """Make the image that holds something."""
    made = apsw.Connection(":memory:")
    try:
        for statement in image.schema(header):
            made.execute(statement)
        fill(made, content)
        return bytes(made.serialize("main"))
    finally:
        made.close()
