"""Which tables can be replicated, whatever their names and columns look like, and which are refused and why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import apsw
import pytest

from crdtsql import Replica
from crdtsql.base.errors import CannotEnableError
from crdtsql.base.sqltext import identifier
from tests.support import state
from tests.support.judge import Judge, Statement
from tests.support.library import connect
from tests.support.peers import fast_directory, send

NAMES = (
    "it's", 'say "so"', "two\nlines", "order", "select", "größe ☃", "a b", "brac]ket", "[both]", "`tick`", "new", "old", "rowid", "oid",
    "seq", "t", "s", "k1", "v0", "clock", "shown", "event", "met", "incoming", "held", "heads", "crdt_row", "excluded", "id", "_rowid_",
    "${table}", ":site", "?", "--", "/*", "a,b", "(", "100%", "\\", "gone", "dot_t", "c0_t", "main", "temp", "TABLE", "inserted", "detail",
    "a.b", "main.t", "%s", "{0}", "ÄÖ", "äö", "İ", "k", "NEW", "Old", "sqlite", "x'00'", "\t", "nul\u0001", "\u200b", "'", '"',
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A table, and statements to run in turn; K1, K2, K3 in them stand for key values."""

    name: str
    create: str
    statements: tuple[str, ...]
    table: str = "t"
    start: tuple[str, ...] = ()


def _quoted(name: str) -> str:
    return identifier(name).text


def _named(table: str, key: str, value: str, unique: str) -> Case:
    t, k, v, u = map(_quoted, (table, key, value, unique))
    plain = table.lower() not in ("new", "old")
    return Case(
        f"{table}, {key}",
        f"CREATE TABLE {t} ({v} TEXT, {k} TEXT PRIMARY KEY, {u} TEXT UNIQUE);"
        + (f"CREATE UNIQUE INDEX {_quoted('on ' + table)} ON {t} (lower({v}), {k}) WHERE {u} <> {k};" if plain else ""),
        (
            f"INSERT INTO {t} ({k}, {v}, {u}) VALUES ('k2', 'v2', 'u2'), ('k3', 'v3', 'u3')",
            f"UPDATE {t} SET {v} = 'V2' WHERE {k} = 'k2'",
            f"REPLACE INTO {t} ({k}, {v}, {u}) VALUES ('k4', 'v4', 'u3')",
            f"UPDATE {t} SET {k} = 'k5', {u} = 'u5' WHERE {k} = 'k2'",
            f"DELETE FROM {t} WHERE {k} = 'k1'",
            f"INSERT INTO {t} ({k}, {u}) VALUES ('k1', 'u1') ON CONFLICT DO UPDATE SET {v} = excluded.{k}",
        ),
        table,
        (f"INSERT INTO {t} ({k}, {v}) VALUES ('k0', 'old'), ('k1', 'v1')",),
    )


def _wide(count: int) -> Case:
    columns = [f"c{n}" for n in range(count)]
    updates = [
        f"UPDATE t SET c{n} = 'changed{n}' WHERE id = {n % 3}"
        for n in {0, count // 2, count - 1, min(59, count - 1), min(60, count - 1)}
    ]
    return Case(
        f"{count} columns",
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, {', '.join(columns)})",
        (
            f"INSERT INTO t (id, c{count - 1}) VALUES (1, 'one'), (2, 'two')",
            *updates,
            f"UPDATE t SET {', '.join(f'{name} = {number}' for number, name in enumerate(columns))} WHERE id = 2",
            "UPDATE t SET id = 9 WHERE id = 1",
            "DELETE FROM t WHERE id = 0",
        ),
        start=("INSERT INTO t (id) VALUES (0)",),
    )


_WRITES = (
    "INSERT INTO t VALUES ({2}), ({3})", "DELETE FROM t WHERE ({key}) = ({1})", "REPLACE INTO t VALUES ({2})",
    "UPDATE t SET {first} = {4} WHERE ({key}) = ({3})",
)  # fmt: skip


def _keys_only(name: str, create: str, key: str, values: dict[str, str]) -> Case:
    slots = {"key": key, "first": key.split(",")[0]}
    statements = [statement.replace("{key}", slots["key"]).replace("{first}", slots["first"]) for statement in _WRITES]
    for slot, literal in values.items():
        statements = [statement.replace(f"{{{slot}}}", literal) for statement in statements]
    return Case(name, create, tuple(statements), start=(f"INSERT INTO t VALUES ({values['1']})",))


_GENERATED = (
    "INSERT INTO t (id, a) VALUES ('k2', 'b'), ('k3', 'c')", "UPDATE t SET a = 'B2' WHERE id = 'k2'",
    "UPDATE OR REPLACE t SET a = 'C' WHERE id = 'k1'", "REPLACE INTO t (id, a) VALUES ('k4', 'b2')", "UPDATE t SET id = 'k9' WHERE id = 'k4'",
)  # fmt: skip
CASES = [
    *(_wide(count) for count in (1, 60, 61, 121, 200, 480)),
    _keys_only("one key column", "CREATE TABLE t (id TEXT PRIMARY KEY)", "id", {"1": "'a'", "2": "'b'", "3": "'c'", "4": "'d'"}),
    _keys_only("an integer key alone", "CREATE TABLE t (id INTEGER PRIMARY KEY)", "id", {"1": "1", "2": "2", "3": "3", "4": "4"}),
    _keys_only(
        "a table of pairs",
        "CREATE TABLE t (left TEXT, right INT, PRIMARY KEY (right, left)) WITHOUT ROWID",
        "left, right",
        {"1": "'a', 1", "2": "'a', 2", "3": "'b', 1", "4": "'c'"},
    ),
    _keys_only("strict keys", "CREATE TABLE t (id ANY PRIMARY KEY) STRICT", "id", {"1": "1", "2": "'1'", "3": "x'31'", "4": "2.5"}),
    _keys_only("untyped keys", "CREATE TABLE t (id PRIMARY KEY)", "id", {"1": "1", "2": "'1'", "3": "x'31'", "4": "2.5"}),
    _keys_only("real keys", "CREATE TABLE t (id REAL PRIMARY KEY)", "id", {"1": "1", "2": "0.1", "3": "9e999", "4": "-1e-300"}),
    _keys_only("a descending key", "CREATE TABLE t (id INTEGER PRIMARY KEY DESC)", "id", {"1": "1", "2": "2", "3": "3", "4": "4"}),
    Case("virtual columns", "CREATE TABLE t (id TEXT PRIMARY KEY, a TEXT, g AS (lower(a)) UNIQUE)", _GENERATED, start=("INSERT INTO t (id, a) VALUES ('k1', 'a')",)),
    Case("stored columns", "CREATE TABLE t (g AS (lower(a)) STORED UNIQUE, id TEXT PRIMARY KEY, a TEXT)", _GENERATED, start=("INSERT INTO t (id, a) VALUES ('k1', 'a')",)),
    Case(
        "only a generated column beside the key",
        "CREATE TABLE t (id TEXT PRIMARY KEY, g AS (lower(id)) UNIQUE)",
        ("INSERT INTO t VALUES ('b')", "REPLACE INTO t VALUES ('B')", "UPDATE OR REPLACE t SET id = 'A' WHERE id = 'B'"),
        start=("INSERT INTO t VALUES ('a')",),
    ),
    Case(
        "values of every type",
        "CREATE TABLE t (id TEXT PRIMARY KEY, v)",
        (
            "INSERT INTO t VALUES ('a', 9223372036854775807), ('b', -1e999), ('c', x''), ('d', ''), ('e', NULL), ('f', 5e-324)",
            "UPDATE t SET v = CASE id WHEN 'a' THEN 1 WHEN 'd' THEN x'' ELSE v END",
            "UPDATE t SET v = 1.0 WHERE id = 'a'",
            "UPDATE t SET v = CAST(x'ff00fe' AS TEXT) WHERE id = 'b'",
            "UPDATE t SET v = 'a' || char(0) || 'b' WHERE id = 'c'",
        ),
    ),
    Case(
        "keys in another case",
        "CREATE TABLE t (id TEXT COLLATE NOCASE PRIMARY KEY, v)",
        ("INSERT INTO t VALUES ('b', 1)", "UPDATE t SET id = 'A' WHERE id = 'a'", "REPLACE INTO t VALUES ('B', 2)", "DELETE FROM t WHERE id = 'A'"),
        start=("INSERT INTO t VALUES ('a', 1)",),
    ),
    Case(
        "keys with blanks at the end",
        "CREATE TABLE t (id TEXT COLLATE RTRIM PRIMARY KEY, v)",
        ("UPDATE t SET id = 'a  ', v = 2", "REPLACE INTO t VALUES ('a', 3)", "INSERT INTO t VALUES ('b ', 4)", "UPDATE t SET id = 'b'  WHERE v = 4"),
        start=("INSERT INTO t VALUES ('a', 1)",),
    ),
    Case(
        "defaults in odd spelling",
        """CREATE TABLE t (id TEXT PRIMARY KEY, a NOT NULL DEFAULT word UNIQUE, b NOT NULL DEFAULT "quo""ted" UNIQUE,
           c NOT NULL DEFAULT (1 + 1) UNIQUE, d NOT NULL DEFAULT [x y] UNIQUE, e NOT NULL DEFAULT true UNIQUE, f NOT NULL DEFAULT -1 UNIQUE)""",
        tuple(f"REPLACE INTO t ({', '.join(('id', *'abcdef'))}) VALUES ('{c}', {', '.join('NULL' if n == c else repr(n + c) for n in 'abcdef')})" for c in "abcdef"),
        start=("INSERT INTO t (id) VALUES ('k1')",),
    ),
]  # fmt: skip


def _check_and_exchange(case: Case) -> None:
    """Judge each statement, and keep a clone and a replica of its own up to date in both directions."""
    with fast_directory() as directory:
        connection = apsw.Connection(str(directory / "first.db"))
        connection.execute(case.create)
        connection.execute(";".join(case.start))
        first = Replica.on(connection)
        first.enable(case.table)
        first.clone(directory / "clone.db")
        clone = Replica.open(directory / "clone.db")
        empty = connect()
        empty.execute(case.create)
        other = Replica.on(empty)
        other.enable(case.table)
        judge = Judge(first)
        for number, statement in enumerate(case.statements):
            if number % 3 == 2:  # let another replica write this one
                clone.connection.execute(statement)
                send(clone, first)
                judge.start()
                continue
            judge.start()
            assert judge.run(Statement(case.name, statement, reinserts=True)), statement
            judge.check()
            send(first, clone)
            _agree(first, clone)
        send(first, other)
        _agree(first, other)
        _agree(first, clone)
        for replica in (first, clone, other):
            assert replica.connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            replica.close()


def _agree(one: Replica, two: Replica) -> None:
    assert state.shared(one.connection) == state.shared(two.connection)


@pytest.mark.parametrize("name", NAMES)
def test_names_may_be_anything(name: str) -> None:
    """A table or a column may have any name that SQLite takes."""
    position = NAMES.index(name)
    key, value, unique = (NAMES[position - n] for n in (1, 2, 3))
    ours = name.startswith("crdt_")  # then it is no table that a user may have
    _check_and_exchange(_named("plain" if ours else name, key, value, unique))
    _check_and_exchange(_named("plain" if ours else name, name, name + "2", name + "3"))


def test_names_that_differ_in_the_case_of_letters_beyond_ascii_are_two() -> None:
    """SQLite folds the case of ASCII letters only, so ä and Ä are two columns, and two tables."""
    _check_and_exchange(
        Case(
            "ä",
            'CREATE TABLE "Ä" ("é" TEXT PRIMARY KEY, "É" TEXT, "ß" UNIQUE, "ẞ"); CREATE TABLE "ä" (id TEXT PRIMARY KEY, v);',
            (
                """INSERT INTO "Ä" VALUES ('k2', 'big', 2, 'x')""",
                """UPDATE "Ä" SET "É" = 'changed' WHERE "é" = 'k1'""",
                """UPDATE "Ä" SET "ß" = 5, "ẞ" = 'other'  WHERE "é" = 'k1'""",
                """REPLACE INTO "Ä" VALUES ('k3', 'é', 5, 'z')""",
                """UPDATE "Ä" SET "é" = 'k9' WHERE "É" = 'big'""",
            ),
            "Ä",
            ("""INSERT INTO "Ä" VALUES ('k1', 'v', 1, 1)""",),
        )
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_shapes_are_captured_and_converge(case: Case) -> None:
    """Tables of every shape are captured, and replicas of them converge in both directions."""
    _check_and_exchange(case)


REFUSED = {
    "no primary key": ("CREATE TABLE t (a)", "no primary key.*--pk"),
    "NULL in its key": (
        "CREATE TABLE t (id TEXT PRIMARY KEY); INSERT INTO t VALUES (NULL)",
        "'id' is NULL in some rows.*UPDATE t SET id",
    ),
    "NULL in half of its key": (
        "CREATE TABLE t (a, b, PRIMARY KEY (b, a)); INSERT INTO t VALUES (1, NULL)",
        "'b' is NULL in some rows",
    ),
    "NULL in a descending key": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY DESC); INSERT INTO t VALUES (NULL)",
        "'id' is NULL in some rows",
    ),
    "a view": ("CREATE VIEW t AS SELECT 1 AS id", "it is a view; enable the tables that it reads from"),
    "a virtual table": ("CREATE VIRTUAL TABLE t USING fts5(a)", "virtual table.*enable the ordinary table"),
    "a shadow table": ("CREATE VIRTUAL TABLE x USING fts5(a)", "virtual table or belongs to one", "x_data"),
    "no table": ("CREATE TABLE other (id INTEGER PRIMARY KEY)", "there is no such table; tables in this file: other"),
    "a table of SQLite's": (
        "CREATE TABLE x (id INTEGER PRIMARY KEY AUTOINCREMENT)",
        "not a table of yours",
        "sqlite_sequence",
    ),
    "too many columns": (
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, {', '.join(f'c{n}' for n in range(1000))})",
        "1001 columns, at most 600",
    ),
    "new with an expression": (
        'CREATE TABLE "new" (id TEXT PRIMARY KEY, a); CREATE UNIQUE INDEX i ON "new" (lower(a))',
        "rename the table",
        "new",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_replicated_is_refused(case: str) -> None:
    """A table that can't be replicated is refused with the reason and what to do, and nothing is changed."""
    create, message, *table = REFUSED[case]
    connection = connect()
    connection.execute(create)
    before = connection.execute("SELECT * FROM sqlite_schema").fetchall()
    with pytest.raises(CannotEnableError, match=f"(?s){message}"):
        Replica.on(connection).enable(*table or ["t"])
    assert connection.execute("SELECT * FROM sqlite_schema").fetchall() == before


def test_an_unknown_collation_is_refused() -> None:
    """A column whose collation only one program knows is refused, because other programs could not write the table."""
    connection = connect()
    connection.create_collation("own", lambda a, b: (a > b) - (a < b))
    connection.execute("CREATE TABLE t (id TEXT COLLATE own PRIMARY KEY)")
    with pytest.raises(CannotEnableError, match="'id' has the collation OWN"):
        Replica.on(connection).enable("t")


@pytest.mark.parametrize(
    "create", ["id TEXT PRIMARY KEY, v", "id, v, PRIMARY KEY (v, id)", "id INTEGER PRIMARY KEY DESC, v"]
)
@pytest.mark.parametrize("verb", ["INSERT INTO", "INSERT OR IGNORE INTO", "INSERT OR REPLACE INTO", "UPDATE OR IGNORE"])
def test_a_null_key_is_refused(create: str, verb: str) -> None:
    """A row without a key is refused whatever the statement, with a message that says which column, and leaves nothing."""
    connection = connect()
    connection.execute(f"CREATE TABLE t ({create}); INSERT INTO t VALUES (1, 1)")
    Replica.on(connection).enable("t")
    before = connection.execute("SELECT * FROM t").fetchall()
    statement = f"{verb} t SET id = NULL" if verb.startswith("UPDATE") else f"{verb} t (v) VALUES (5)"
    with pytest.raises(apsw.ConstraintError, match=r"the primary key t\..*id must not be NULL"):
        connection.execute(statement)
    assert connection.execute("SELECT * FROM t").fetchall() == before
    assert connection.execute("SELECT count(*) FROM _crdt_log").fetchone() == (0,)


def test_all_leaves_out_what_can_not_be_replicated(tmp_path: Path) -> None:
    """Enabling all tables takes those that can be replicated and says which it left out."""
    connection = apsw.Connection(str(tmp_path / "file.db"))
    connection.execute("CREATE TABLE good (id TEXT PRIMARY KEY); CREATE TABLE bad (a); CREATE VIEW v AS SELECT 1")
    replica = Replica.on(connection)
    assert replica.enable(all=True) == ["good"]
    assert [notice for notice in replica.notices if "bad" in notice]
    replica.close()
