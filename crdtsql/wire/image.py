"""The image: the SQLite database inside a changeset, and the checks on one that comes from a stranger.

For the n-th table of the header (n = 1, 2, ...):

    row_n    k1, k2, ...    the row's key
             t, s           stamp of its insert: hlc (negative for genesis) and site ordinal
             dot_t, dot_s   its latest event; NULL where equal to t, s
             gone           1 if the row is deleted, else NULL
             many           1 if head_n has further heads of this row, else NULL
             p0, p1, ...    bit b of p<w> says that the cell of value column 60 * w + b is in the changeset
             v0, t0, s0 ... per value column: the cell's value and stamp; t, s NULL where equal to the row's
    head_n   k1, k2, ..., s, t, gone: further latest events of rows that were changed concurrently
    part_n   k1, k2, ..., col, part, s, t, gone, v, n: parts of typed cells (only if the table has typed columns); col is the
             position of the value column
    born_n   k1, born_t, born_s, root_t, root_s, generation, was: births of rows (only if the table has the identity `row`)

and once:

    merged   site, peer, at, upto: before its event `at`, site had merged the events of peer up to upto

The schema follows from the number of tables, keys, columns and sites alone, so a received image must have exactly the
text that this module writes; CHECK constraints and STRICT types in it let SQLite itself verify the content.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from crdtsql.base import (
    EMPTY,
    MOST_ATTEMPTS,
    WORD_BITS,
    InvalidChangesetError,
    Sql,
    TemporaryTable,
    clock,
    derive,
    fragment,
    integer,
    joined,
    policy,
    query,
    sql,
)
from crdtsql.wire.header import Header, TableHeader

SITE = TemporaryTable("site", "wire/image/create_site")
LARGEST = 2**63 - 1


def row_table(number: int) -> Sql:
    """Name the table of rows of the n-th table."""
    return Sql(f"row_{int(number)}")


def head_table(number: int) -> Sql:
    """Name the table of further heads of the n-th table."""
    return Sql(f"head_{int(number)}")


def part_table(number: int) -> Sql:
    """Name the table of parts of the n-th table."""
    return Sql(f"part_{int(number)}")


def born_table(number: int) -> Sql:
    """Name the table of births of the n-th table."""
    return Sql(f"born_{int(number)}")


def typed_columns(table: TableHeader) -> list[int]:
    """List the positions of a table's typed columns."""
    return [position for position, (_, kind) in enumerate(table.columns) if kind != "lww"]


def words(columns: int) -> list[Sql]:
    """Name the mask words of a table with so many value columns: p0, p1, ..."""
    count = 1 + max(columns - 1, 0) // WORD_BITS
    return [Sql(f"p{number}") for number in range(count)]


def cell(position: int) -> tuple[Sql, Sql, Sql]:
    """Name the columns of the cell at a position: value, hlc, site."""
    return Sql(f"v{int(position)}"), Sql(f"t{int(position)}"), Sql(f"s{int(position)}")


def tables(header: Header) -> list[Sql]:
    """Name the tables of a changeset's image, in the order of its CREATE statements."""
    found = [Sql("merged")]
    for number, table in enumerate(header.tables, 1):
        found += [row_table(number), head_table(number)]
        found += [part_table(number)] if typed_columns(table) else []
        found += [born_table(number)] if table.identity == policy.BY_BIRTH else []
    return found


def schema(header: Header, database: str = "main") -> list[str]:
    """Write the CREATE statements of a changeset's image."""
    return _schema(header, database, integer(max(header.highest, 1)), integer(max(len(header.sites), 1)))


def unbounded_schema(header: Header, database: str) -> list[str]:
    """Write CREATE statements like those of a changeset's image, but that hold stamps and sites of any changeset."""
    return _schema(header, database, integer(LARGEST), integer(LARGEST))


def _schema(header: Header, database: str, highest: Sql, sites: Sql) -> list[str]:
    prefix = EMPTY if database == "main" else Sql(f"{database}.")
    statements = [sql("wire/image/create_merged", prefix=prefix, highest=highest, sites=sites)]
    for number, table in enumerate(header.tables, 1):
        keys = joined(Sql(f"k{position} ANY NOT NULL") for position in range(1, len(table.key) + 1))
        cells = [
            fragment("wire/image/cell_definition", value=value, t=t, s=s, highest=highest, sites=sites)
            for value, t, s in (cell(position) for position in range(len(table.columns)))
        ]
        word_definitions = joined(Sql(f"{word} INTEGER NOT NULL") for word in words(len(table.columns)))
        statements.append(
            sql(
                "wire/image/create_row",
                prefix=prefix,
                name=row_table(number),
                keys=keys,
                words=word_definitions,
                cells=joined((Sql(f",\n  {definition}") for definition in cells), ""),
                highest=highest,
                sites=sites,
            )
        )
        statements.append(
            sql(
                "wire/image/create_head",
                prefix=prefix,
                name=head_table(number),
                keys=keys,
                highest=highest,
                sites=sites,
            )
        )
        if typed_columns(table):
            statements.append(
                sql(
                    "wire/image/create_part",
                    prefix=prefix,
                    name=part_table(number),
                    keys=keys,
                    key_columns=joined(Sql(f"k{position}") for position in range(1, len(table.key) + 1)),
                    last_column=integer(len(table.columns) - 1),
                    highest=highest,
                    sites=sites,
                )
            )
        if table.identity == policy.BY_BIRTH:
            name = born_table(number)
            statements.append(sql("wire/image/create_born", prefix=prefix, name=name, highest=highest, sites=sites))
    return statements


@contextmanager
def checked(header: Header, image: bytes | str) -> Iterator[apsw.Connection]:
    """Check a received image before anything else touches it, and keep it open for the length of a block, to be read.

    Raises:
        InvalidChangesetError: it is no sound database, or not of the exact form that its header announces.
    """
    connection = (
        apsw.Connection(image, flags=apsw.SQLITE_OPEN_READONLY)
        if isinstance(image, str)
        else apsw.Connection(":memory:")
    )
    try:
        try:
            if isinstance(image, bytes):
                connection.deserialize("main", image)
            connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
            connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
            connection.config(apsw.SQLITE_DBCONFIG_ENABLE_VIEW, 0)
            connection.execute("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0")
            _check_content(header, connection)
        except apsw.Error as error:
            raise InvalidChangesetError(f"not a sound changeset: its content is no sound database ({error})") from error
        yield connection
    finally:
        connection.close()


def _check_content(header: Header, connection: apsw.Connection) -> None:
    # Compared as bytes: a stranger's text may be no UTF-8, or no text at all.
    found = query.rows(
        connection, "SELECT CAST(type AS BLOB), iif(typeof(sql) = 'text', CAST(sql AS BLOB), x'') FROM sqlite_schema"
    )
    if sorted(found) != sorted((b"table", statement.encode()) for statement in schema(header)):
        raise InvalidChangesetError("not a sound changeset: its tables are not those that its header announces")
    (verdict,) = query.first(connection, "PRAGMA quick_check(1)")
    if verdict != "ok":
        raise InvalidChangesetError(f"not a sound changeset: {verdict}")
    with SITE.created(connection):
        sites = [(site.ordinal, site.upto) for site in header.sites]
        connection.executemany("INSERT INTO temp.site (ordinal, upto) VALUES (?, ?)", sites)
        if query.rows(connection, sql("wire/image/merged_beyond_vector")):
            raise InvalidChangesetError(
                "not a sound changeset: it says of a site that it knew events that the sender's vector does not cover"
            )
        for number, table in enumerate(header.tables, 1):
            _check_table(header, connection, table, number)


def _check_born(header: Header, connection: apsw.Connection, table: TableHeader, number: int) -> None:
    """Check that keys are numbers, births are covered by the vector, and renumbered rows have numbers that they can have."""
    born = born_table(number)
    statement = sql("wire/image/births_beyond_vector", row=row_table(number), born=born, mask=integer(clock.EVENT_MASK))
    if query.rows(connection, statement):
        raise InvalidChangesetError(
            f"not a sound changeset: table {table.name!r} has births of rows that it does not have, or that its sender's vector "
            "does not cover"
        )
    sites = {site.ordinal: site.id for site in header.sites}
    for key, t, s, was in query.rows(connection, f"SELECT k1, born_t, born_s, was FROM {born} WHERE was IS NOT NULL"):
        if not 0 <= key - derive(t, sites[s], was) < MOST_ATTEMPTS:
            raise InvalidChangesetError(
                f"not a sound changeset: a row of table {table.name!r} has the number {key}, which it can't have got"
            )


def _check_table(header: Header, connection: apsw.Connection, table: TableHeader, number: int) -> None:
    row, head, mask = row_table(number), head_table(number), integer(clock.EVENT_MASK)
    rows, gone, first, last, many = query.first(
        connection,
        f"SELECT count(*), count(gone), ifnull(min(rowid), 1), ifnull(max(rowid), 1), count(many) FROM {row}",
    )
    if (rows, gone) != (table.rows, table.gone) or first < 1 or last > 2**40:
        raise InvalidChangesetError(f"not a sound changeset: table {table.name!r} has not as many rows as it says")
    cells = [
        fragment("wire/image/cell_beyond_vector", t=t, s=s, mask=mask)
        for _, t, s in (cell(position) for position in range(len(table.columns)))
    ]
    beyond_rows = sql("wire/image/events_beyond_vector", row=row, mask=mask, or_cells=joined(cells, "\n  "))
    beyond_heads = sql("wire/image/heads_beyond_vector", head=head, mask=mask)
    if query.rows(connection, beyond_rows) or query.rows(connection, beyond_heads):
        raise InvalidChangesetError(
            f"not a sound changeset: table {table.name!r} has events that its sender's vector does not cover"
        )
    if table.identity == policy.BY_BIRTH:
        _check_born(header, connection, table, number)
    keys = joined(Sql(f"k{position}") for position in range(1, len(table.key) + 1))
    if typed_columns(table):
        typed = joined(integer(position) for position in typed_columns(table))
        strays = sql("wire/image/stray_parts", part=part_table(number), row=row, keys=keys, typed_columns=typed)
        if query.rows(connection, strays):
            raise InvalidChangesetError(f"not a sound changeset: the parts of table {table.name!r} don't fit its rows")
    if many or query.exists(connection, head):
        kinds = [Sql("gone IS NULL"), Sql("gone = 1")]
        decides, does_not = reversed(kinds) if table.row_policy == policy.DELETE_WINS else kinds
        strays = sql("wire/image/stray_heads", head=head, row=row, keys=keys, decides=decides, does_not=does_not)
        if query.rows(connection, strays):
            raise InvalidChangesetError(f"not a sound changeset: the heads of table {table.name!r} don't fit its rows")
