"""Ordering: a large image has its rows in the order of their keys before anybody waits for a lock.

Rows come in the order in which their sender's table has them, and keys are often random. Whoever writes many of them in that order
looks up a page of an index for each, and reads and writes most pages many times: in order of their keys a million rows take a
quarter of the time.
"""

from __future__ import annotations

import apsw

from crdtsql.base import Sql, joined, query, sql
from crdtsql.wire import image
from crdtsql.wire.header import Header
from crdtsql.wire.room import having_room

MOST_ROWS = 20_000
"""Fewer rows stay as they are, so that values are not copied that are large."""


def put_in_order(header: Header, file: str) -> None:
    """Put the rows of an image in a file in order, where there are many; it was checked.

    Raises:
        DatabaseError: there is no room for that.
    """
    many = [number for number, table in enumerate(header.tables, 1) if table.rows >= MOST_ROWS]
    if not many:
        return
    connection = apsw.Connection(file, flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.execute("PRAGMA journal_mode = OFF").fetchall()  # alone, for it returns a row
        connection.execute("PRAGMA synchronous = OFF; PRAGMA ignore_check_constraints = ON")
        connection.execute("PRAGMA cache_size = -65536; PRAGMA temp_store = FILE")
        for number in many:
            _sort(connection, header, number)
    finally:
        connection.close()


def _sort(connection: apsw.Connection, header: Header, number: int) -> None:
    keys = [Sql(f"k{position}") for position in range(1, len(header.tables[number - 1].key) + 1)]
    slots = {"row": image.row_table(number), "keys": joined(keys)}
    before = joined(Sql(f"lag({key}) OVER (ORDER BY rowid)") for key in keys)
    if query.rows(connection, sql("wire/ordering/out_of_order", before=before, **slots)):
        definition = image.unbounded(header, [number], "main")[str(slots["row"])]
        columns = joined(Sql(name) for _, name, *_ in query.rows(connection, f"PRAGMA table_info({slots['row']})"))
        with having_room():
            connection.execute(f"ALTER TABLE {slots['row']} RENAME TO unordered")
            connection.execute(definition)
            connection.execute(sql("wire/ordering/sort", columns=columns, **slots))
            connection.execute("DROP TABLE unordered")
