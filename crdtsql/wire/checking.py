"""Checking: why the content of a changeset may be trusted that comes from a stranger.

An image is checked on a connection of its own before anything else touches it, rows in empty tables that nothing else reads yet. That
a single table holds nothing that it can't is said by its constraints; what joins several is asked here, of both alike.
"""

from __future__ import annotations

from itertools import compress

import apsw

from crdtsql.base import (
    MOST_ATTEMPTS,
    InvalidChangesetError,
    Sql,
    TemporaryTable,
    clock,
    derive,
    fragment,
    integer,
    joined,
    naming,
    policy,
    query,
    rendered,
    sql,
)
from crdtsql.wire import image
from crdtsql.wire.header import Header, TableHeader

_MASK = integer(clock.EVENT_MASK)
LISTED = TemporaryTable("_crdt_listed", "wire/checking/create_listed", alone=True)

ENCODING_AT = slice(56, 60)
"""Where a database's header says how it stores text."""
UTF_8 = (1).to_bytes(4, "big")


def check_image(header: Header, content: bytes | str) -> None:
    """Check a received image, in memory or in a file, before anything else touches it.

    Raises:
        InvalidChangesetError: it is no sound database, or not of the exact form that its header announces.
    """
    if _encoding_of(content) != UTF_8:
        raise InvalidChangesetError("not a sound changeset: its content is no database of UTF-8")
    connection = (
        apsw.Connection(content, flags=apsw.SQLITE_OPEN_READONLY)
        if isinstance(content, str)
        else apsw.Connection(":memory:")
    )
    try:
        if isinstance(content, bytes):
            connection.deserialize("main", content)
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_VIEW, 0)
        connection.execute("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0")
        _check_form(header, connection)
        check(header, connection)
    except apsw.Error as error:
        raise InvalidChangesetError(f"not a sound changeset: its content is no sound database ({error})") from error
    finally:
        connection.close()


def _encoding_of(content: bytes | str) -> bytes:
    """Return how a database says that it stores text.

    A connection to the database alone takes some other values for UTF-8, too; beside another database SQLite refuses them, and
    everything else on that connection, until it is detached, which it refuses as well.
    """
    if isinstance(content, bytes):
        return content[ENCODING_AT]
    with open(content, "rb") as file:
        return file.read(ENCODING_AT.stop)[ENCODING_AT]


def _check_form(header: Header, connection: apsw.Connection) -> None:
    # Compared as bytes: a stranger's text may be no UTF-8, or no text at all.
    found = query.rows(
        connection, "SELECT CAST(type AS BLOB), iif(typeof(sql) = 'text', CAST(sql AS BLOB), x'') FROM sqlite_schema"
    )
    if sorted(found) != sorted((b"table", statement.encode()) for statement in image.schema(header)):
        raise InvalidChangesetError("not a sound changeset: its tables are not those that its header announces")
    (verdict,) = query.first(connection, "PRAGMA quick_check(1)")
    if verdict != "ok":
        raise InvalidChangesetError(f"not a sound changeset: {verdict}")


def check(header: Header, connection: apsw.Connection, database: str = "main") -> None:
    """Check what the constraints of single tables can't say.

    Raises:
        InvalidChangesetError: the content is not what an honest sender with that header has.
    """
    with LISTED.created(connection):
        sites = [(site.ordinal, site.upto) for site in header.sites]
        query.insert_all(connection, "temp._crdt_listed", sites)
        if query.rows(connection, sql("wire/checking/merged_beyond_vector", merged=Sql(f"{database}.merged"))):
            raise InvalidChangesetError(
                "not a sound changeset: it says of a site that it knew events that the sender's vector does not cover"
            )
        if header.acted:
            _check_acted(header, connection, Sql(f"{database}.acted"))
        for number, table in enumerate(header.tables, 1):
            if database == "main" or table.rows:
                _Checked(header, connection, table, number, database).check()


def _check_acted(header: Header, connection: apsw.Connection, acted: Sql) -> None:
    """Check who is said to have written events: as often as the header says, in text, and of what the vector covers."""
    try:
        rows = sum(1 for _ in connection.execute(sql("wire/checking/list_actors", acted=acted)))
    except UnicodeDecodeError:
        raise InvalidChangesetError("not a sound changeset: the name of an actor is no text") from None
    if rows != header.acted:
        raise InvalidChangesetError("not a sound changeset: it has not as many attributions as it says")
    if query.rows(connection, sql("wire/checking/acted_beyond_vector", acted=acted)):
        raise InvalidChangesetError(
            "not a sound changeset: it says who wrote events that the sender's vector does not cover"
        )


@rendered
def _find_beyond(row: Sql, head: Sql, stamped: tuple[int, ...]) -> tuple[str, str]:
    """Write the statements that find rows and heads with events that the vector does not cover."""
    cells = [fragment("wire/checking/cell_beyond_vector", t=t, s=s, mask=_MASK) for _, t, s in map(image.cell, stamped)]
    rows = sql("wire/checking/events_beyond_vector", row=row, mask=_MASK, or_cells=joined(cells, "\n  "))
    return rows, sql("wire/checking/heads_beyond_vector", head=head, mask=_MASK)


class _Checked:
    """One table of a changeset, to be checked."""

    def __init__(
        self, header: Header, connection: apsw.Connection, table: TableHeader, number: int, database: str
    ) -> None:
        self.header = header
        self.connection = connection
        self.table = table
        self.row = Sql(f"{database}.{image.row_table(number)}")
        self.head = Sql(f"{database}.{image.head_table(number)}")
        self.part = Sql(f"{database}.{image.part_table(number)}")
        self.born = Sql(f"{database}.{image.born_table(number)}")
        self.key = [Sql(f"k{position}") for position in range(1, len(table.key) + 1)]
        self.keys = joined(self.key)

    def _refuse(self, why: str) -> InvalidChangesetError:
        return InvalidChangesetError(f"not a sound changeset: {why}")

    def check(self) -> None:
        """Check counts, stamps, births, parts and heads."""
        table, connection = self.table, self.connection
        rows, gone, first, last, many = query.first(
            connection,
            f"SELECT count(*), count(gone), ifnull(min(rowid), 1), ifnull(max(rowid), 1), count(many) FROM {self.row}",
        )
        if (rows, gone) != (table.rows, table.gone) or first < 1 or last > 2**40:
            raise self._refuse(f"table {table.name!r} has not as many rows as it says")
        beyond_rows, beyond_heads = _find_beyond(self.row, self.head, tuple(self._stamped_columns()))
        if query.rows(connection, beyond_rows) or query.rows(connection, beyond_heads):
            raise self._refuse(f"table {table.name!r} has events that its sender's vector does not cover")
        if table.identity == policy.BY_BIRTH:
            self._check_born()
        if image.typed_columns(table):
            self._check_parts()
        if many or query.exists(connection, self.head):
            self._check_heads()

    def _stamped_columns(self) -> list[int]:
        """Return the positions of the columns of which a cell has a stamp of its own, which of many are few."""
        every = list(range(len(self.table.columns)))
        if len(every) < naming.MANY_COLUMNS:
            return every
        counts = joined(Sql(f"count({t})") for _, t, _ in map(image.cell, every))
        return list(compress(every, query.first(self.connection, f"SELECT {counts} FROM {self.row}")))

    def _check_born(self) -> None:
        """Check that keys are numbers, births are covered by the vector, and renumbered rows have numbers that they can have."""
        forgotten = integer(1 if self.header.compaction.floor else 0)
        slots = {"row": self.row, "born": self.born, "mask": _MASK, "may_be_forgotten": forgotten}
        statement = sql("wire/checking/births_beyond_vector", **slots)
        if query.rows(self.connection, statement):
            raise self._refuse(
                f"table {self.table.name!r} has births of rows that it does not have, or that its sender's vector does not cover"
            )
        sites = {site.ordinal: site.id for site in self.header.sites}
        renumbered = f"SELECT k1, born_t, born_s, was FROM {self.born} WHERE was IS NOT NULL"
        for key, t, s, was in query.rows(self.connection, renumbered):
            if not 0 <= key - derive(t, sites[s], was) < MOST_ATTEMPTS:
                raise self._refuse(f"a row of table {self.table.name!r} has the number {key}, which it can't have got")

    def _check_parts(self) -> None:
        typed = joined(map(integer, image.typed_columns(self.table)))
        part_is_sent = joined((Sql(f"part.{key} = sent.{key}") for key in self.key), " AND ")
        slots = {"part": self.part, "row": self.row, "keys": self.keys, "typed_columns": typed}
        if query.rows(self.connection, sql("wire/checking/stray_parts", part_is_sent=part_is_sent, **slots)):
            raise self._refuse(f"the parts of table {self.table.name!r} don't fit its rows")

    def _check_heads(self) -> None:
        kinds = [Sql("gone IS NULL"), Sql("gone = 1")]
        decides, does_not = reversed(kinds) if self.table.row_policy == policy.DELETE_WINS else kinds
        slots = {"head": self.head, "row": self.row, "keys": self.keys, "decides": decides, "does_not": does_not}
        if query.rows(self.connection, sql("wire/checking/stray_heads", **slots)):
            raise self._refuse(f"the heads of table {self.table.name!r} don't fit its rows")
