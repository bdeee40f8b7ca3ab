"""Gather: read all rows of another file that may be wanted here, in one committed state, and let go of it.

What is gathered is an SQLite database in memory, whose tables have no types: `raw_1 (c0, c1, ...)`. Whether the other file is a
replica itself makes no difference to its rows; ours of its tables are left aside. Writes nothing to the other file.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import apsw

from crdtsql.base import Sql, caseless, identifier, joined, naming, query, reasons
from crdtsql.sqlite import TableShape, schema


@dataclass(frozen=True, slots=True)
class GatheredTable:
    """A table of the other file.

    Attributes:
        raw: the name of the table that has its rows.
        columns: lower-case name -> (name there, name in `raw`).
        rows: how many there are.
    """

    raw: Sql
    columns: dict[str, tuple[str, Sql]]
    rows: int


@dataclass(frozen=True, slots=True)
class Gathered:
    """What another file has.

    Attributes:
        path: the other file.
        content: an SQLite database with its rows.
        tables: lower-case name -> table, of those that are wanted.
        others: name -> rows, of its other tables that have any.
        sites: the sites that it knows, if it is a replica.
        held: how many rows it can't show, or not as they are, if it is a replica.
    """

    path: str
    content: bytes
    tables: dict[str, GatheredTable]
    others: dict[str, int]
    sites: frozenset[bytes]
    held: int


def gather(connection: apsw.Connection, path: str, wanted: Collection[str]) -> Gathered:
    """Read the wanted tables of another file, on a connection of its own.

    Args:
        wanted: lower-case names.
    """
    connection.execute("PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; ATTACH ':memory:' AS raw")
    tables, others, held = dict[str, GatheredTable](), dict[str, int](), 0
    connection.execute("BEGIN")
    for name, kind in schema.user_tables(connection):
        shape = schema.read(connection, name) if kind == "table" else None
        if shape is None:
            continue
        if caseless(name) in wanted:
            tables[caseless(name)] = _read(connection, shape, Sql(f"raw_{len(tables) + 1}"))
            held += _held(connection, name)
        else:
            others[name] = _count(connection, identifier(name))
    connection.execute("COMMIT")
    left = {name: rows for name, rows in others.items() if rows}
    return Gathered(path, connection.serialize("raw"), tables, left, _sites(connection), held)


def _read(connection: apsw.Connection, shape: TableShape, raw: Sql) -> GatheredTable:
    columns = {
        caseless(column.name): (column.name, Sql(f"c{position}")) for position, column in enumerate(shape.columns)
    }
    connection.execute(f"CREATE TABLE raw.{raw} ({joined(short for _, short in columns.values())})")
    names = joined(identifier(name) for name, _ in columns.values())
    connection.execute(f"INSERT INTO raw.{raw} SELECT {names} FROM main.{identifier(shape.name)}")
    return GatheredTable(raw, columns, connection.changes())


def _count(connection: apsw.Connection, table: Sql, condition: str = "1") -> int:
    (rows,) = query.first(connection, f"SELECT count(*) FROM main.{table} WHERE {condition}")
    return int(rows)


def _is_there(connection: apsw.Connection, name: str) -> bool:
    return query.exists(connection, "main.sqlite_schema", "type = 'table' AND name = ? COLLATE NOCASE", (name,))


def _held(connection: apsw.Connection, name: str) -> int:
    kept = f"_crdt_held_{name}"
    return _count(connection, naming.held(name), reasons.IS_KEPT) if _is_there(connection, kept) else 0


def _sites(connection: apsw.Connection) -> frozenset[bytes]:
    if not _is_there(connection, "_crdt_site"):
        return frozenset()
    return frozenset(
        bytes(site) for (site,) in query.rows(connection, "SELECT id FROM main._crdt_site WHERE id <> zeroblob(16)")
    )
