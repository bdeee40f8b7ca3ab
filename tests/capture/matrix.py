"""What the statement matrix is made of: key shapes, a schema with every kind of UNIQUE index and foreign key, statements."""

from __future__ import annotations

from dataclasses import dataclass, replace

from crdtsql import Replica
from tests.support.clauses import with_clauses
from tests.support.judge import Statement, fold
from tests.support.library import connect

TABLES = ("parent", "t", "child")


@dataclass(frozen=True)
class Shape:
    """How the middle table's key looks; `keys` are literals of eight keys, `respelled` another spelling of the first."""

    name: str
    columns: str
    key: tuple[str, ...]
    types: tuple[str, ...]
    keys: tuple[str, ...]
    clause: str = ""
    suffix: str = ""
    respelled: str = ""

    def fill(self, template: str) -> str:
        """Put keys into a statement: {key} the columns, {K1} .. {K8} literals, {R1} another spelling of {K1}."""
        slots = {f"K{n}": literal for n, literal in enumerate(self.keys, 1)}
        return template.format(key=", ".join(self.key), R1=self.respelled or self.keys[0], **slots)


def _one(name: str, declared: str, literals: str, **more: str) -> Shape:
    kind = declared.split(" ")[0] if declared else ""
    kind = "" if kind == "PRIMARY" else kind
    return Shape(name, f"id {declared}", ("id",), (kind,), tuple(literals.split(", ")), **more)


_WORDS = ", ".join(f"'k{n}'" for n in range(1, 9))
_NUMBERS = "1, 2, 3, 4, 5, 6, 7, 8"

SHAPES = {
    shape.name: shape
    for shape in (
        _one("text", "TEXT PRIMARY KEY", _WORDS),
        _one("integer", "INTEGER PRIMARY KEY", _NUMBERS),
        _one("integer_desc", "INTEGER PRIMARY KEY DESC", _NUMBERS),
        _one("blob", "BLOB PRIMARY KEY", "x'', x'02', x'0300', x'03', x'05', x'06', x'07', x'08'"),
        _one("nocase", "TEXT COLLATE NOCASE PRIMARY KEY", _WORDS, respelled="'K1'"),
        _one("real", "REAL PRIMARY KEY", "1, 1e300, -0.5, 4, 5, 6, 7.25, 8"),
        _one("untyped", "PRIMARY KEY", "1, '1', x'31', 4.5, 5, 6, 7, 8", respelled="1.0"),
        _one("strict", "TEXT PRIMARY KEY", _WORDS, suffix="STRICT"),
        _one("strict_integer", "INTEGER PRIMARY KEY", _NUMBERS, suffix="STRICT"),
        _one("without_rowid", "TEXT PRIMARY KEY", _WORDS, suffix="WITHOUT ROWID"),
        Shape(
            "composite",
            "second TEXT NOT NULL, first INTEGER NOT NULL",
            ("first", "second"),
            ("INTEGER", "TEXT"),
            tuple(f"{n // 3}, 's{n}'" for n in range(1, 9)),
            clause=", PRIMARY KEY (first, second)",
        ),
        Shape(
            "composite_without_rowid",
            "second TEXT COLLATE NOCASE, first INT",
            ("first", "second"),
            ("INT", "TEXT"),
            tuple(f"{n // 3}, 's{n}'" for n in range(1, 9)),
            clause=", PRIMARY KEY (first, second)",
            suffix="STRICT, WITHOUT ROWID",
            respelled="0, 'S1'",
        ),
    )
}

_COLUMNS = "a, n, c, u, p, q, w, live, e, x, d, par, opt"


def schema_of(shape: Shape) -> str:
    """Write the schema: parent <- t <- child."""
    anything = "ANY" if "STRICT" in shape.suffix else ""
    references = [f"t_{name}" for name in shape.key]
    declared = ", ".join(f"{name} {kind}" for name, kind in zip(references, shape.types, strict=True))
    return f"""
    CREATE TABLE parent (id TEXT PRIMARY KEY, v, rank INT UNIQUE);
    CREATE TABLE t (
      a TEXT, {shape.columns}, n {anything}, c TEXT COLLATE NOCASE, u TEXT UNIQUE, p INT, q TEXT, w TEXT, live INT,
      e TEXT, x TEXT, d TEXT NOT NULL DEFAULT 'd1' UNIQUE, g TEXT AS (lower(a)) UNIQUE,
      par TEXT REFERENCES parent (id) ON DELETE CASCADE ON UPDATE CASCADE,
      opt TEXT REFERENCES parent (id) ON DELETE SET NULL ON UPDATE SET DEFAULT
      {shape.clause}
    ) {shape.suffix};
    CREATE UNIQUE INDEX t_pair ON t (p, q);
    CREATE UNIQUE INDEX t_partial ON t (w) WHERE live;
    CREATE UNIQUE INDEX t_expression ON t (lower(e) DESC);
    CREATE UNIQUE INDEX t_nocase ON t (x COLLATE NOCASE);
    CREATE TABLE child (
      id INTEGER PRIMARY KEY, {declared}, note TEXT UNIQUE,
      FOREIGN KEY ({", ".join(references)}) REFERENCES t ({", ".join(shape.key)}) ON DELETE CASCADE ON UPDATE CASCADE
    );
    """


def rows_of(shape: Shape, verb: str = "INSERT") -> str:
    """Write the rows: K1 to K3 and their family."""
    family = {1: "'P1', NULL", 2: "'P1', 'P2'", 3: "'P2', 'P2'"}
    rows = [
        f"{verb} INTO parent VALUES ('P1', 'one', 1), ('P2', 'two', 2), ('P3', 'three', 3);",
        *(row_of(shape, n, family[n], verb) for n in (1, 2, 3)),
        *(
            shape.fill(f"{verb} INTO child VALUES ({child}, {{K{n}}}, 'note{child}');")
            for child, n in ((1, 1), (2, 1), (3, 3), (4, 2))
        ),
    ]
    return "\n".join(rows)


def row_of(shape: Shape, n: int, family: str = "NULL, NULL", verb: str = "INSERT") -> str:
    """Write one row of the middle table."""
    return shape.fill(
        f"{verb} INTO t ({{key}}, {_COLUMNS}) VALUES ({{K{n}}}, 'a{n}', {n}, 'c{n}', 'u{n}', 1, 'q{n}', 'w{n}', 1, "
        f"'E{n}', 'x{n}', 'd{n}', {family});"
    )


def replica_of(shape: Shape, file: str = ":memory:", clauses: str = "") -> Replica:
    """Make a folded replica that has genesis rows, rows of its own, changed rows and a deleted one."""
    connection = connect(file)
    connection.execute(with_clauses(schema_of(shape), clauses))
    connection.execute(rows_of(shape))
    replica = Replica.on(connection)
    replica.enable(*TABLES, identity="key")  # a judge knows rows by their keys
    connection.execute(row_of(shape, 4) + row_of(shape, 5))
    fold(replica)
    connection.execute(shape.fill("UPDATE t SET a = 'A2' WHERE ({key}) = ({K2}); DELETE FROM t WHERE ({key}) = ({K5})"))
    fold(replica)
    return replica


def _row(key: str, **cells: str) -> str:
    names = ["{key}", *cells]
    return f"INTO t ({', '.join(names)}) VALUES ({', '.join([f'{{{key}}}', *cells.values()])})"


_NEW = _row("K7", a="'a7'", u="'u7'", d="'d7'")
_OF1, _OF2 = "WHERE ({key}) = ({K1})", "WHERE ({key}) = ({K2})"
_REPLACE, _MIXED = {"reinserts": True}, {"reinserts": True, "mixes": True}


def _inserts() -> list[Statement]:
    clash = _row("K7", a="'a7'", u="'u1'", d="'d7'")
    same_key = _row("K1", a="'other'", d="'d1'")
    found = [
        Statement("insert", f"INSERT {_NEW}"),
        Statement("insert deleted key", "INSERT " + _row("K5", a="'back'", d="'d5'")),
    ]
    for clause in ("REPLACE", "IGNORE", "ABORT", "FAIL", "ROLLBACK"):
        more = _REPLACE if clause == "REPLACE" else {}
        found += [
            Statement(f"insert or {clause} new", f"INSERT OR {clause} {_NEW}"),
            Statement(f"insert or {clause} same key", f"INSERT OR {clause} {same_key}", **more),
            Statement(f"insert or {clause} same unique", f"INSERT OR {clause} {clash}", **more),
        ]
    evicting = {
        "composite": {"p": "1", "q": "'q2'"},
        "partial": {"w": "'w1'", "live": "1"},
        "outside of partial": {"w": "'w1'", "live": "0"},
        "expression": {"e": "'e4'"},
        "nocase": {"x": "'X3'"},
        "default": {"d": "NULL"},
        "generated": {"a": "'a2'"},
        "several": {"u": "'u1'", "e": "'e2'", "x": "'X3'", "w": "'w4'", "live": "1"},
    }
    for name, cells in evicting.items():
        into = _row("K7", **({"d": "'d7'"} | cells))
        found.append(Statement(f"replace by {name}", f"REPLACE {into}", **_REPLACE))
    found += [
        Statement("replace by unique on existing key", "REPLACE " + _row("K2", u="'u1'", d="'d9'"), **_REPLACE),
        Statement("replace by other spelling", "REPLACE " + _row("R1", a="'again'", d="'d1'"), **_REPLACE),
        Statement("upsert update", f"INSERT {same_key} ON CONFLICT ({{key}}) DO UPDATE SET a = excluded.a, n = n + 0"),
        Statement("upsert update by unique", f"INSERT {clash} ON CONFLICT (u) DO UPDATE SET n = 'upserted'"),
        Statement("upsert update nothing", f"INSERT {same_key} ON CONFLICT DO UPDATE SET a = a"),
        Statement("upsert update where false", f"INSERT {same_key} ON CONFLICT DO UPDATE SET a = 'no' WHERE 0"),
        Statement("upsert nothing", f"INSERT {same_key} ON CONFLICT DO NOTHING"),
        Statement("upsert nothing by unique", f"INSERT {clash} ON CONFLICT DO NOTHING"),
        Statement("upsert new", f"INSERT {_NEW} ON CONFLICT DO UPDATE SET a = 'x'"),
        Statement(
            "upsert rekey", f"INSERT {same_key} ON CONFLICT ({{key}}) DO UPDATE SET ({{key}}) = ({{K6}})", **_REPLACE
        ),
        Statement("insert select", "INSERT INTO t ({key}, a, d) SELECT {K6}, 'b' || v, id FROM parent WHERE id = 'P3'"),
        Statement("replace select", "REPLACE INTO t ({key}, u, d) SELECT {key}, u, d FROM t WHERE true", **_REPLACE),
        Statement("insert returning", f"INSERT {_NEW} RETURNING *"),
        Statement("replace returning", f"REPLACE {clash} RETURNING u", **_REPLACE),
    ]
    return found


def _updates() -> list[Statement]:
    found = [
        Statement("update", f"UPDATE t SET a = 'b', n = n {_OF1}"),
        Statement("update all", "UPDATE t SET n = 'all', q = q || '!'"),
        Statement("update nothing", "UPDATE t SET a = a, n = n, u = u, ({key}) = ({key})"),
        Statement("update no row", "UPDATE t SET a = 'none' WHERE 0"),
        Statement("update from", "UPDATE t SET n = parent.v FROM parent WHERE parent.id = t.par"),
        Statement("update returning", f"UPDATE t SET c = 'r' {_OF2} RETURNING *"),
        Statement("null to value", "UPDATE t SET opt = 'P3' WHERE opt IS NULL"),
        Statement("value to null", "UPDATE t SET a = NULL, n = NULL, e = NULL"),
        Statement("1 to 1.0", "UPDATE t SET n = n + 0.0"),
        Statement("1 to '1'", "UPDATE t SET n = CAST(n AS TEXT)"),
        Statement(
            "text to blob",
            "UPDATE t SET n = CAST(u AS BLOB) WHERE u = 'u1'; UPDATE t SET n = CAST(n AS TEXT) WHERE u = 'u1'",
            mixes=True,
        ),
        Statement("other case", "UPDATE t SET c = upper(c), x = upper(x), e = lower(e)"),
        Statement("rekey", f"UPDATE t SET ({{key}}) = ({{K6}}) {_OF1}", **_REPLACE),
        Statement("rekey and update", f"UPDATE t SET ({{key}}) = ({{K5}}), a = 'moved', n = 0 {_OF2}", **_REPLACE),
        Statement("respell key", f"UPDATE t SET ({{key}}) = ({{R1}}) {_OF1}", **_REPLACE),
        Statement("rekey returning", f"UPDATE t SET ({{key}}) = ({{K8}}) {_OF1} RETURNING *", **_REPLACE),
    ]
    for clause in ("REPLACE", "IGNORE", "ABORT", "FAIL", "ROLLBACK"):
        more = _REPLACE if clause == "REPLACE" else {}
        found += [
            Statement(f"update or {clause} unique", f"UPDATE OR {clause} t SET u = 'u1', n = 'took' {_OF2}", **more),
            Statement(f"update or {clause} key", f"UPDATE OR {clause} t SET ({{key}}) = ({{K1}}) {_OF2}", **_REPLACE),
            Statement(
                f"update or {clause} all to one",
                f"UPDATE OR {clause} t SET x = 'one', n = 'one'",
                **(_MIXED if more else {}),
            ),
        ]
    for name, change in {
        "composite": "q = 'q1'",
        "expression": "e = 'e1'",
        "partial": "w = 'w1'",
        "nocase": "x = 'X1'",
        "generated": "a = 'A1'",
        "default": "d = NULL",
    }.items():
        found.append(Statement(f"update or replace by {name}", f"UPDATE OR REPLACE t SET {change} {_OF2}", **_REPLACE))
    return found


def _others() -> list[Statement]:
    return [
        Statement("delete", f"DELETE FROM t {_OF1}"),
        Statement("delete returning", f"DELETE FROM t {_OF2} RETURNING *"),
        Statement("delete all", "DELETE FROM t"),
        Statement("delete parent", "DELETE FROM parent WHERE id = 'P2'", mixes=True),
        Statement("delete all parents", "DELETE FROM parent", mixes=True),
        Statement("replace parent", "REPLACE INTO parent VALUES ('P1', 'again', 9)", **_REPLACE),
        Statement("replace parent by unique", "REPLACE INTO parent VALUES ('P9', 'nine', 2)", **_MIXED),
        Statement("rename parent", "UPDATE parent SET id = 'P8' WHERE id = 'P2'", reinserts=True),
        Statement("update or replace parent", "UPDATE OR REPLACE parent SET rank = 1 WHERE id = 'P3'", **_MIXED),
        Statement("insert defaults", "INSERT INTO child DEFAULT VALUES"),
        Statement("with and update", "WITH x (v) AS (VALUES ('w')) UPDATE t SET n = (SELECT v FROM x) WHERE u = 'u3'"),
        Statement("with and delete", "WITH x (v) AS (VALUES ('u3')) DELETE FROM t WHERE u IN (SELECT v FROM x)"),
        Statement("insert child", "INSERT INTO child VALUES (9, {K4}, 'note9')"),
        Statement("replace child by unique", "REPLACE INTO child VALUES (9, {K1}, 'note3')", **_REPLACE),
        Statement("undone", f"SAVEPOINT one; DELETE FROM t {_OF1}; ROLLBACK TO one; RELEASE one"),
        Statement(
            "half undone",
            f"SAVEPOINT one; UPDATE t SET a = 'kept' {_OF1}; SAVEPOINT two; REPLACE {_NEW}; UPDATE t SET u = NULL; "
            "DELETE FROM child; ROLLBACK TO two; RELEASE one",
        ),
    ]


def rowid_statements(shape: Shape) -> list[Statement]:
    """List the forms that only tables with a rowid know."""
    if "WITHOUT" in shape.suffix:
        return []
    moves = shape.name in ("integer", "strict_integer")
    insert = "INSERT OR REPLACE INTO t (rowid, {key}, d) SELECT rowid, {K7}, 'd7' FROM t WHERE ({key}) = ({K2})"
    inserts = [] if moves else [Statement("insert or replace rowid", shape.fill(insert), **_REPLACE)]
    return [
        *inserts,
        Statement("update rowid", f"UPDATE t SET rowid = 70 {shape.fill(_OF1)}", reinserts=moves),
        Statement(
            "update _rowid_ and cells", f"UPDATE t SET _rowid_ = 80, a = 'm' {shape.fill(_OF2)}", reinserts=moves
        ),
        Statement(
            "update or replace oid",
            f"UPDATE OR REPLACE t SET oid = (SELECT rowid FROM t {shape.fill(_OF1)}) {shape.fill(_OF2)}",
            **_REPLACE,
        ),
    ]


STATEMENTS = [*_inserts(), *_updates(), *_others()]
SECONDS = (
    "update",
    "replace by several",
    "rekey and update",
    "delete",
    "upsert update",
    "insert or IGNORE same unique",
    "update or REPLACE key",
    "insert or REPLACE same key",
    "delete all",
    "update nothing",
)


def statements(shape: Shape, clauses: str = "") -> list[Statement]:
    """List every statement for one shape; where constraints say REPLACE, each may do what OR REPLACE does."""
    filled = [Statement(s.name, shape.fill(s.sql), s.reinserts, s.mixes) for s in STATEMENTS] + rowid_statements(shape)
    if "REPLACE" not in clauses:
        return filled
    return [replace(one, reinserts=True, mixes=one.mixes or " all" in one.name) for one in filled]
