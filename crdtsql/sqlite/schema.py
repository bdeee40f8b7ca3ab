"""The shape of a user's table, as SQLite says it.

Knows nothing of what is replicated. Invariant: what is described here is what the database says now.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

import apsw

from crdtsql.base import Sql, caseless, is_ours, joined, memory, query, text, verbatim
from crdtsql.sqlite import indexsql, tablesql


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        declared: the declared type as written, "" if none.
        affinity: TEXT, NUMERIC, INTEGER, REAL or BLOB (datatype3.html, section 3.1).
        collation: BINARY, NOCASE or RTRIM.
        key_position: 1 for the first column of the primary key, 0 for a column outside of it.
        generated: its value is computed, so it is never written.
        default: the DEFAULT clause's value as written, None if there is none.
    """

    name: str
    declared: str
    affinity: str
    collation: str
    not_null: bool
    key_position: int
    generated: bool
    default: str | None = None

    @property
    def has_one_spelling(self) -> bool:
        """Tell whether two equal values of this column are always the same bytes."""
        return self.collation == "BINARY" and self.affinity in ("TEXT", "REAL", "INTEGER")

    @property
    def default_value(self) -> Sql:
        """Return the DEFAULT clause as an expression; a bare word in it is a string."""
        return Sql("NULL") if self.default is None else _default(self.default)


def _default(written: str) -> Sql:
    """Make an expression of a DEFAULT clause, in which a bare word is a string."""
    if re.fullmatch(r"(?i:CURRENT_(TIME|DATE|TIMESTAMP)|TRUE|FALSE|NULL)", written):
        return verbatim(written)
    if re.fullmatch(r"[^\W\d][\w$]*", written):
        return text(written)
    opening, closing = written[0], written[-1]
    if (opening, closing) in (('"', '"'), ("`", "`"), ("[", "]")):
        return text(written[1:-1].replace(closing * 2, closing) if closing != "]" else written[1:-1])
    return verbatim(f"({written})")


@dataclass(frozen=True, slots=True)
class UniqueIndex:
    """A UNIQUE index outside of the primary key; its terms are SQL."""

    name: str
    columns: tuple[str | None, ...]
    collations: tuple[str, ...]
    parts: indexsql.IndexParts | None

    @property
    def is_plain(self) -> bool:
        """Tell whether the index is over columns alone, all rows included."""
        return self.parts is None


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A declared foreign key; `parent_columns` are resolved to the parent's key where they were left out.

    `on_delete` is SQLite's word: NO ACTION, RESTRICT, SET NULL, SET DEFAULT or CASCADE.
    """

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    on_delete: str = "NO ACTION"

    @property
    def severs(self) -> bool:
        """Tell whether SQLite sets references to NULL, or to their default, when their row is deleted."""
        return self.on_delete in ("SET NULL", "SET DEFAULT")


@dataclass(frozen=True, slots=True)
class TableShape:
    """What a table looks like now."""

    name: str
    kind: str
    columns: tuple[Column, ...]
    without_rowid: bool
    strict: bool
    has_rowid_key: bool = False
    """Whether the key is the rowid itself, which can be updated under other names."""

    def __hash__(self) -> int:
        """Make what is kept by shape cheap to find, however many columns it has."""
        return hash((self.name, self.kind, len(self.columns)))

    def to_json(self) -> str:
        """Write (name, declared type) of all columns, in the table's order, as JSON."""
        return json.dumps([[column.name, column.declared] for column in self.columns])

    @property
    def key(self) -> tuple[Column, ...]:
        """Return the primary key's columns in the key's own order."""
        return tuple(sorted((c for c in self.columns if c.key_position), key=lambda c: c.key_position))

    def define_key(self, names: Iterable[Sql]) -> Sql:
        """Define columns of ours that take the key's values as the key itself does: `k1 TEXT COLLATE NOCASE, ...`."""
        return joined(
            Sql(f"{name} {column.affinity} COLLATE {column.collation}")
            for name, column in zip(names, self.key, strict=True)
        )

    @property
    def values(self) -> tuple[Column, ...]:
        """Return the columns that are neither key nor generated, in the table's order."""
        return tuple(c for c in self.columns if not c.key_position and not c.generated)


def affinity_of(declared: str, strict: bool) -> str:
    """Derive a column's affinity from its declared type (datatype3.html, section 3.1).

    >>> affinity_of("VARCHAR(10)", False), affinity_of("ANY", True), affinity_of("DECIMAL", False)
    ('TEXT', 'BLOB', 'NUMERIC')
    """
    kind = declared.upper()
    if strict and kind == "ANY":
        return "BLOB"
    if "INT" in kind:
        return "INTEGER"
    if any(word in kind for word in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if not kind or "BLOB" in kind:
        return "BLOB"
    if any(word in kind for word in ("REAL", "FLOA", "DOUB")):
        return "REAL"
    return "NUMERIC"


def user_tables(connection: apsw.Connection) -> list[tuple[str, str]]:
    """List (name, kind) of the user's tables and views; kind is table, view, virtual or shadow."""
    rows = connection.execute(
        "SELECT name, type FROM pragma_table_list WHERE schema = 'main' ORDER BY name COLLATE NOCASE"
    )
    return [(name, kind) for name, kind in rows if not is_ours(name) and not name.lower().startswith("sqlite_")]


def owner_of_unknown_module(connection: apsw.Connection, table: str) -> tuple[str, str] | None:
    """Return the virtual table, and its module, that may keep a table, of modules that this connection does not have.

    SQLite itself names a virtual table's own tables by it (`docs_content` of `docs`), and asks the module which they are.
    """
    owners = [found for found in _virtual_tables(connection) if caseless(table).startswith(f"{caseless(found[0])}_")]
    if not owners:
        return None
    known = {caseless(name) for (name,) in query.rows(connection, "SELECT name FROM pragma_module_list")}
    return next((found for found in owners if caseless(found[1]) not in known), None)


@memory.of_schema
def _virtual_tables(connection: apsw.Connection) -> list[tuple[str, str]]:
    """List the virtual tables with their modules."""
    found = query.rows(connection, "SELECT name, sql FROM main.sqlite_schema WHERE type = 'table' AND rootpage = 0")
    read = ((name, tablesql.module_of(statement)) for name, statement in found)
    return [(name, module) for name, module in read if module]


@memory.of_schema
def read(connection: apsw.Connection, table: str) -> TableShape | None:
    """Read the shape of a table of the main database, None if there is no such table."""
    found = query.first(
        connection,
        "SELECT name, type, wr, strict FROM pragma_table_list(?1) WHERE schema = 'main' AND name = ?1 COLLATE NOCASE",
        (table,),
    )
    return None if found is None else _read(connection, *found)


def read_all(connection: apsw.Connection, tables: Iterable[str]) -> dict[str, TableShape]:
    """Read the shapes of many tables: lower-case name -> shape; SQLite looks at all tables once, not once for each."""
    wanted = {caseless(table) for table in tables}
    return {name: _read(connection, *row) for name, row in _list(connection).items() if name in wanted}


@memory.of_schema
def _list(connection: apsw.Connection) -> dict[str, tuple[str, str, int, int]]:
    """List all tables: lower-case name -> what `_read` asks for. SQLite lists them in any order."""
    found = query.rows(connection, "SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = 'main'")
    return {caseless(row[0]): row for row in found}


@memory.of_schema
def _read(connection: apsw.Connection, name: str, kind: str, without_rowid: int, strict: int) -> TableShape:
    columns = []
    if kind == "table":
        for column, declared, not_null, key_position, hidden, default in connection.execute(
            """SELECT name, type, "notnull", pk, hidden, dflt_value FROM pragma_table_xinfo(?, 'main') ORDER BY cid""",
            (name,),
        ):
            collation = connection.column_metadata("main", name, column)[1]
            columns.append(
                Column(
                    name=column,
                    declared=declared,
                    affinity=affinity_of(declared, bool(strict)),
                    collation=collation.upper(),
                    not_null=bool(not_null),
                    key_position=key_position,
                    generated=hidden in (2, 3),
                    default=default,
                )
            )
    has_key = any(column.key_position for column in columns)
    has_rowid_key = has_key and not without_rowid and not _has_key_index(connection, name)
    return TableShape(name, kind, tuple(columns), bool(without_rowid), bool(strict), has_rowid_key)


def _has_key_index(connection: apsw.Connection, table: str) -> bool:
    """Tell whether the primary key is an index of its own; INTEGER PRIMARY KEY is not, INTEGER PRIMARY KEY DESC is."""
    return query.exists(connection, "pragma_index_list(?, 'main')", "origin = 'pk'", (table,))


@memory.of_schema
def unique_indexes(connection: apsw.Connection, table: str) -> list[UniqueIndex]:
    """List a table's UNIQUE indexes other than its primary key, by name."""
    found = []
    for name, partial in query.rows(
        connection,
        """SELECT name, partial FROM pragma_index_list(?, 'main') WHERE "unique" AND origin <> 'pk' ORDER BY name""",
        (table,),
    ):
        terms = query.rows(
            connection, "SELECT name, coll FROM pragma_index_xinfo(?, 'main') WHERE key ORDER BY seqno", (name,)
        )
        columns = tuple(column for column, _ in terms)
        parts = None
        if partial or None in columns:
            parts = indexsql.parse(definition(connection, "index", name))
        found.append(UniqueIndex(name, columns, tuple(collation for _, collation in terms), parts))
    return found


@memory.of_schema
def foreign_keys(connection: apsw.Connection, table: str) -> list[ForeignKey]:
    """List the foreign keys that a table declares."""
    by_id: dict[int, list[tuple[str, str, str | None, str]]] = {}
    for number, *parts in query.rows(
        connection,
        """SELECT id, "table", "from", "to", on_delete FROM pragma_foreign_key_list(?, 'main') ORDER BY id, seq""",
        (table,),
    ):
        by_id.setdefault(number, []).append(tuple(parts))
    found = []
    for columns in by_id.values():
        parent, _, _, on_delete = columns[0]
        targets = tuple(target for _, _, target, _ in columns if target is not None)
        if not targets:
            shape = read(connection, parent)
            targets = tuple(column.name for column in shape.key) if shape else ()
        found.append(ForeignKey(tuple(column for _, column, _, _ in columns), parent, targets, on_delete))
    return found


@memory.of_schema
def tables_with_foreign_keys(connection: apsw.Connection) -> list[str]:
    """List the tables that declare a foreign key."""
    rows = connection.execute(
        "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND sql LIKE '%REFERENCES%' ORDER BY name"
    )
    return [name for (name,) in rows]


def generated(connection: apsw.Connection, shape: TableShape) -> dict[str, str]:
    """Return the expressions of a table's generated columns, in the table's order."""
    if not any(column.generated for column in shape.columns):
        return {}
    return indexsql.generated(definition(connection, "table", shape.name))


@memory.of_schema
def definition(connection: apsw.Connection, kind: str, name: str) -> str:
    """Return the CREATE statement of a table, index, trigger or view; "" if there is none."""
    statement = "SELECT sql FROM main.sqlite_schema WHERE type = ? AND name = ? COLLATE NOCASE"
    found = query.first(connection, statement, (kind, name))
    return str(found[0]) if found and found[0] is not None else ""


@memory.of_schema
def triggers(connection: apsw.Connection, table: str) -> dict[str, str]:
    """Return the triggers on a table, ours too: name -> CREATE statement."""
    statement = "SELECT name, sql FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE"
    return dict(query.rows(connection, statement, (table,)))


@memory.of_schema
def triggers_by_table(connection: apsw.Connection) -> dict[str, dict[str, str]]:
    """Return the triggers on all tables, in one pass over the schema: lower-case table -> name -> CREATE statement."""
    found: dict[str, dict[str, str]] = {}
    for table, name, statement in query.rows(
        connection, "SELECT tbl_name, name, sql FROM main.sqlite_schema WHERE type = 'trigger'"
    ):
        found.setdefault(caseless(table), {})[name] = statement
    return found


def other_triggers(connection: apsw.Connection, table: str) -> list[str]:
    """List the triggers on a table that are not ours."""
    return sorted(name for name in triggers(connection, table) if not is_ours(name))


def has_temporary_triggers(connection: apsw.Connection) -> bool:
    """Tell whether this connection has triggers that no other one sees."""
    return query.exists(connection, "sqlite_temp_schema", "type = 'trigger'")


@memory.of_schema
def tables_with_other_triggers(connection: apsw.Connection) -> set[str]:
    """Return the lower-case names of the tables that have triggers that are not ours; one pass over the schema."""
    rows = connection.execute("SELECT name, tbl_name FROM sqlite_schema WHERE type = 'trigger'")
    return {caseless(table) for name, table in rows if not is_ours(name)}
