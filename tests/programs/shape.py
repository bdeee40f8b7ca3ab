"""What a plain connection can tell about a schema: tables, keys, references, unique columns, and which values checks mention.

Knows nothing of crdtsql; its own tables are left out by their names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import apsw

LENGTH = re.compile(r"length\s*\(\s*[\"`\[]?(\w+)[\"`\]]?\s*\)\s*(=|==|>=|>|<=|<)\s*(\d+)", re.IGNORECASE)
LITERAL = re.compile(r"'((?:[^']|'')*)'|(?<![\w.])(-?\d+(?:\.\d+)?)(?![\w.])")


@dataclass
class Column:
    """A column, and what its checks hint at."""

    name: str
    declared: str
    not_null: bool
    default: str | None
    key_position: int
    generated: bool
    literals: list[Any] = field(default_factory=list)
    length: int | None = None
    collation: str = "BINARY"
    """That of the primary key's index."""

    @property
    def kind(self) -> str:
        """Return the affinity, by SQLite's own rule."""
        declared = self.declared.upper()
        if "INT" in declared:
            return "integer"
        if any(word in declared for word in ("CHAR", "CLOB", "TEXT")):
            return "text"
        if "BLOB" in declared:
            return "blob"
        if any(word in declared for word in ("REAL", "FLOA", "DOUB")):
            return "real"
        return "numeric" if declared else "any"


@dataclass
class Reference:
    """A foreign key."""

    columns: list[str]
    parent: str
    parent_columns: list[str]


@dataclass
class Shape:
    """A table, or a view that can be inserted into."""

    name: str
    columns: list[Column]
    references: list[Reference] = field(default_factory=list)
    uniques: list[tuple[list[str], list[str]]] = field(default_factory=list)
    """UNIQUE indexes over all rows: their columns, and how ON CONFLICT names them."""
    has_rowid_key: bool = False
    mark: str | None = None
    """A text column that nothing depends on: writers mark each row there, so that it can be followed."""
    is_view: bool = False

    @property
    def key(self) -> list[str]:
        """Return the primary key in its own order."""
        found = sorted((c for c in self.columns if c.key_position), key=lambda c: c.key_position)
        return [column.name for column in found]

    @property
    def written(self) -> list[Column]:
        """Return the columns that can be written."""
        return [column for column in self.columns if not column.generated]


def quoted(name: str) -> str:
    """Quote a name."""
    return '"' + name.replace('"', '""') + '"'


def balanced(text: str, start: int) -> str:
    """Return what stands between the parenthesis at `start` and its end."""
    depth = 0
    for at in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if not depth:
            return text[start + 1 : at]
    return text[start + 1 :]


def read(connection: apsw.Connection) -> list[Shape]:
    """Read all tables with a primary key, and all views with an INSTEAD OF INSERT trigger, in the schema's order."""
    found = []
    rows = connection.execute(
        "SELECT listed.name, listed.type, schema.sql FROM sqlite_schema AS schema JOIN pragma_table_list AS listed "
        "ON listed.name = schema.name AND listed.schema = 'main' WHERE listed.type IN ('table', 'view') "
        r"AND listed.name NOT LIKE '\_crdt\_%' ESCAPE '\' AND listed.name NOT LIKE 'crdt\_%' ESCAPE '\' "
        "AND listed.name NOT LIKE 'sqlite%' ORDER BY schema.rowid"
    ).fetchall()
    for name, kind, statement in rows:
        if kind == "view":
            if _can_insert(connection, name):
                found.append(Shape(name, _columns(connection, name), is_view=True))
            continue
        shape = _table(connection, name, statement)
        if shape.key:
            found.append(shape)
    return found


def _can_insert(connection: apsw.Connection, view: str) -> bool:
    triggers = connection.execute("SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?", (view,))
    return any(re.search(r"INSTEAD\s+OF\s+INSERT", statement, re.IGNORECASE) for (statement,) in triggers)


def _columns(connection: apsw.Connection, table: str) -> list[Column]:
    return [
        Column(name, declared, bool(not_null), default, key_position, hidden in (2, 3))
        for name, declared, not_null, default, key_position, hidden in connection.execute(
            'SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?)', (table,)
        )
    ]


def _table(connection: apsw.Connection, name: str, statement: str) -> Shape:
    shape = Shape(name, _columns(connection, name))
    shape.references = _references(connection, name)
    depended: set[str] = {column for reference in shape.references for column in reference.columns}
    has_key_index = False
    for index, origin, partial in connection.execute(
        'SELECT name, origin, partial FROM pragma_index_list(?) WHERE "unique" ORDER BY seq', (name,)
    ).fetchall():
        terms = connection.execute("SELECT name, coll FROM pragma_index_xinfo(?) WHERE key", (index,)).fetchall()
        columns = [column for column, _ in terms]
        if origin == "pk":
            has_key_index = True
            for column in shape.columns:
                column.collation = dict(terms).get(column.name, "BINARY")
        if None in columns or partial:
            (sql,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (index,)).fetchone()
            depended |= {column.name for column in shape.columns if _names(sql, column.name)}
        else:
            named = [quoted(c) + ("" if collation == "BINARY" else f" COLLATE {collation}") for c, collation in terms]
            shape.uniques.append((columns, named))
        depended |= {column for column in columns if column}
    (without_rowid,) = connection.execute(
        "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?", (name,)
    ).fetchone()
    shape.has_rowid_key = len(shape.key) == 1 and not has_key_index and not without_rowid
    if shape.has_rowid_key:  # ON CONFLICT does not find an index that the rowid is part of
        shape.uniques = [unique for unique in shape.uniques if shape.key[0] not in unique[0]]
    depended |= set(shape.key) | _hints(statement, shape.columns)
    computed = " ".join(re.findall(r"\bAS\s*\(.*", statement))
    for column in shape.columns:
        free = column.kind == "text" and not column.generated and column.name not in depended
        if free and not _names(computed, column.name) and "DATE" not in column.name.upper():
            shape.mark = column.name
            break
    return shape


def _references(connection: apsw.Connection, table: str) -> list[Reference]:
    by_id: dict[int, Reference] = {}
    for number, parent, child_column, parent_column in connection.execute(
        'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq', (table,)
    ).fetchall():
        reference = by_id.setdefault(number, Reference([], parent, []))
        reference.columns.append(child_column)
        if parent_column is not None:
            reference.parent_columns.append(parent_column)
    for reference in by_id.values():
        if not reference.parent_columns:
            keys = connection.execute("SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk", (reference.parent,))
            reference.parent_columns = [name for (name,) in keys]
    return list(by_id.values())


def _names(sql: str, column: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(column)}(?!\w)", sql, re.IGNORECASE) is not None


def _hints(statement: str, columns: list[Column]) -> set[str]:
    """Take from each CHECK which literals it compares its columns with; return the columns that it names."""
    named = set()
    for match in re.finditer(r"\bCHECK\s*(?=\()", statement, re.IGNORECASE):
        check = balanced(statement, match.end())
        for column in columns:
            if not _names(check, column.name):
                continue
            named.add(column.name)
            lengths = {name.lower(): (operator, int(n)) for name, operator, n in LENGTH.findall(check)}
            if column.name.lower() in lengths:
                operator, n = lengths[column.name.lower()]
                column.length = n + {">": 1, "<": -1}.get(operator, 0)
            elif "json" in check.lower():
                column.literals += ["{}", "[]", '{"a": 1}', '["x"]']
            else:
                for text, number in LITERAL.findall(check):
                    column.literals.append(text if not number else float(number) if "." in number else int(number))
    return named
