"""Values that a column type does not take: refused by the triggers, by enable and by type, each time with nothing changed."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica
from crdtsql.base.errors import ColumnTypeError, SchemaMismatchError, UsageError
from crdtsql.types.celltypes import TYPES
from tests.support import command
from tests.support.library import connect, undone
from tests.support.peers import send

NUMBER = "must be a number within plus and minus 2^62"
ARRAY = "must be a JSON array of strings, numbers, true, false or null"
OBJECT = "must be a JSON object"
GROWS = "can only grow; use another type to shrink it"
DECLARED = {"counter": "INTEGER", "grow-counter": "INTEGER", "set": "TEXT", "grow-set": "TEXT", "map": "TEXT"}
SOUND = {"counter": "5", "grow-counter": "5", "set": "'[1]'", "grow-set": "'[1]'", "map": "'{}'"}
TAKES = {"counter": NUMBER, "grow-counter": NUMBER, "set": ARRAY, "grow-set": ARRAY, "map": OBJECT}
REFUSED = {
    "counter": ("'x'", "1.5", "x'00'", "''", "9e999", "4611686018427387905", "-4611686018427387905"),
    "set": ("'x'", "''", "'{}'", "'[[1]]'", "'[1, {}]'", "'[1'", "'[1,]'", "'null'", "1", "1.5", "x'5b5d'", "'[1] x'", "char(9)"),
    "map": ("'x'", "''", "'[]'", "'{'", "'{a:1}'", "'null'", "'\"a\"'", "1", "x'7b7d'", "'{} x'"),
}  # fmt: skip
REFUSED |= {"grow-counter": REFUSED["counter"], "grow-set": REFUSED["set"]}
TAKEN = {
    "counter": ("NULL", "'7'", "7.0", "-3", "4611686018427387904", "-4611686018427387904"),
    "grow-counter": ("6", "'7'", "4611686018427387904"),
    "set": ("NULL", "' [ 1 , 1 ] '", "'[]'", "'[1e400, -0.0, \"\\u0000\"]'"),
    "grow-set": ("'[1, 2]'", "'[2,1]'", "'[1,1]'"),
    "map": ("NULL", "' { } '", '\'{"a":[{"b":[]}]}\'', "'{\"\":null}'"),
}
SHRINKING = (
    ("grow-counter", "4"),
    ("grow-counter", "NULL"),
    ("grow-counter", "-5"),
    ("grow-set", "'[]'"),
    ("grow-set", "'[2]'"),
    ("grow-set", "'[1.0]'"),
    ("grow-set", "'[\"1\"]'"),
    ("grow-set", "NULL"),
)
STATEMENTS = {
    "insert": "INSERT INTO t (id, v) VALUES ('c', {bad})",
    "insert many": "INSERT INTO t (id, v) VALUES ('c', {good}), ('d', {bad}), ('e', {good})",
    "insert select": "INSERT INTO t (id, v) SELECT id || '2', CASE id WHEN 'b' THEN {bad} ELSE v END FROM t",
    "insert or replace": "INSERT OR REPLACE INTO t (id, v) VALUES ('a', {bad})",
    "upsert": "INSERT INTO t (id, v) VALUES ('a', {good}) ON CONFLICT DO UPDATE SET v = {bad}",
    "upsert inserts": "INSERT INTO t (id, v) VALUES ('c', {bad}) ON CONFLICT DO UPDATE SET v = {good}",
    "update": "UPDATE t SET v = {bad} WHERE id = 'a'",
    "update many": "UPDATE t SET o = 'y', v = CASE id WHEN 'b' THEN {bad} ELSE {good} END",
    "update with key": "UPDATE t SET id = 'z', v = {bad} WHERE id = 'a'",
}
POLICIES = ("IGNORE", "REPLACE", "FAIL", "ABORT", "ROLLBACK")


def replica_of(kind: str, declared: str | None = None, rest: str = "") -> Replica:
    """Make a replica in memory with two rows and a column `v` of a type."""
    connection = connect()
    connection.execute(f"CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, v {declared or DECLARED[kind]}{rest}, o)")
    connection.execute(f"INSERT INTO t VALUES ('a', {SOUND[kind]}, 'x'), ('b', {SOUND[kind]}, 'x')")
    replica = Replica.on(connection)
    replica.enable("t", types={"v": kind})
    return replica


@cache
def shared(kind: str) -> Replica:
    """Give the one replica with a column of a type, for tests that leave it as it was."""
    return replica_of(kind)


def rows(replica: Replica, statement: str = "SELECT * FROM t ORDER BY id") -> list[tuple[Any, ...]]:
    """Run a query."""
    return replica.connection.execute(statement).fetchall()


def check_refused(replica: Replica, statement: str, message: str) -> None:
    """Run a statement that must fail with a message and leave neither a change nor a log entry behind."""
    before = rows(replica), rows(replica, "SELECT * FROM _crdt_log"), rows(replica, "SELECT * FROM _crdt_held_t")
    with pytest.raises(apsw.ConstraintError) as caught:
        replica.connection.execute(statement)
    assert str(caught.value) == f"crdtsql: t.v is a {message}"
    after = rows(replica), rows(replica, "SELECT * FROM _crdt_log"), rows(replica, "SELECT * FROM _crdt_held_t")
    assert after == before


@pytest.mark.parametrize(("kind", "bad"), [(kind, bad) for kind in REFUSED for bad in REFUSED[kind]])
def test_refused_values(kind: str, bad: str) -> None:
    """A value that the type does not take is refused in INSERT and UPDATE, with a message that says what it takes."""
    replica = shared(kind)
    for name in ("insert", "update"):
        check_refused(replica, STATEMENTS[name].format(good=SOUND[kind], bad=bad), f"{kind} and {TAKES[kind]}")
    replica.fold({})
    assert rows(replica, "SELECT count(*) FROM _crdt_clock_t") == [(0,)]


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind in TAKEN for value in TAKEN[kind]])
def test_taken_values(kind: str, value: str) -> None:
    """NULL, numbers in the column's affinity, and JSON however it is spelled are taken."""
    replica = shared(kind)
    with undone(replica.connection):
        replica.connection.execute(f"INSERT INTO t (id, v) VALUES ('c', {value})")
        replica.connection.execute(f"UPDATE t SET v = {value} WHERE id = 'a'")
        replica.fold({})
        assert rows(replica, "SELECT count(*) FROM t") == [(3,)]


@pytest.mark.parametrize("kind", DECLARED)
@pytest.mark.parametrize("name", STATEMENTS)
def test_refused_in_every_statement(name: str, kind: str) -> None:
    """A statement with one bad value among many rows changes nothing, whatever kind of statement it is."""
    check_refused(shared(kind), STATEMENTS[name].format(good=SOUND[kind], bad="'bad'"), f"{kind} and {TAKES[kind]}")


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("kind", DECLARED)
def test_no_conflict_clause_lets_bad_values_in(kind: str, policy: str) -> None:
    """OR IGNORE, OR REPLACE and their like don't let a bad value in, and don't skip its row silently."""
    replica = shared(kind)
    message = f"{kind} and {TAKES[kind]}"
    check_refused(replica, f"INSERT OR {policy} INTO t (id, v) VALUES ('c', {SOUND[kind]}), ('d', 'bad')", message)
    check_refused(replica, f"UPDATE OR {policy} t SET v = 'bad' WHERE id = 'a'", message)


def test_a_bad_value_that_is_not_stored_is_no_matter() -> None:
    """INSERT OR IGNORE, and an UPSERT that updates another column, may name a bad value that is not stored."""
    replica = replica_of("set")
    replica.connection.execute("INSERT OR IGNORE INTO t VALUES ('a', 'bad', 'y')")
    replica.connection.execute("INSERT INTO t VALUES ('a', 'bad', 'y') ON CONFLICT DO NOTHING")
    assert rows(replica, "SELECT * FROM _crdt_log") == []
    replica.connection.execute("INSERT INTO t VALUES ('a', 'bad', 'y') ON CONFLICT DO UPDATE SET o = excluded.o")
    assert rows(replica) == [("a", "[1]", "y"), ("b", "[1]", "x")]
    assert rows(replica, "SELECT count(*) FROM _crdt_log") == [(1,)]


@pytest.mark.parametrize(("kind", "less"), SHRINKING)
def test_growing_types_never_shrink(kind: str, less: str) -> None:
    """An UPDATE that takes something off a growing type is refused in every form; INSERT OR REPLACE begins anew."""
    replica = replica_of(kind)
    for statement in (
        f"UPDATE t SET v = {less}",
        f"UPDATE OR IGNORE t SET v = {less} WHERE id = 'b'",
        f"INSERT INTO t (id, v) VALUES ('a', {SOUND[kind]}) ON CONFLICT DO UPDATE SET v = {less}",
    ):
        check_refused(replica, statement, f"{kind} and {GROWS}")
    replica.connection.execute(f"INSERT OR REPLACE INTO t VALUES ('a', {less}, 'z')")
    assert rows(replica, "SELECT count(*) FROM _crdt_log") == [(1,)]


@pytest.mark.parametrize("value", ["'x'", "9e999", "-9e999", "x'00'", "1.75e308"])
def test_real_counters_take_finite_numbers(value: str) -> None:
    """A counter declared REAL takes finite numbers only."""
    check_refused(replica_of("counter", "REAL"), f"UPDATE t SET v = {value}", f"counter and {NUMBER}")


def test_a_transaction_goes_on_after_a_refusal() -> None:
    """A refused statement is undone alone; what the transaction did before and does after is kept and captured."""
    replica = replica_of("counter")
    replica.connection.execute("BEGIN")
    replica.connection.execute("UPDATE t SET v = v + 1 WHERE id = 'a'")
    check_refused(replica, "UPDATE t SET v = 'x' WHERE id = 'b'", f"counter and {NUMBER}")
    replica.connection.execute("UPDATE t SET v = v + 1 WHERE id = 'b'")
    replica.connection.execute("COMMIT")
    assert rows(replica, "SELECT count(*) FROM _crdt_log") == [(2,)]
    assert rows(replica, "SELECT v FROM t") == [(6,), (6,)]


def test_the_shell_shows_the_message(tmp_path: Path) -> None:
    """The sqlite3 shell shows which column refused the value, and what it takes."""
    if shutil.which("sqlite3") is None:
        pytest.skip("no sqlite3 shell")
    file = command.make(tmp_path / "app.db", "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, v TEXT, n INTEGER)")
    command.ok("enable", file, "t", "-c", "v=set", "-c", "n=grow-counter")
    command.execute(file, "INSERT INTO t VALUES ('a', '[1]', 5)")
    for statement, message in (
        ("UPDATE t SET v = '{}'", f"crdtsql: t.v is a set and {ARRAY}"),
        ("INSERT OR IGNORE INTO t VALUES ('b', '[]', 0.5)", f"crdtsql: t.n is a grow-counter and {NUMBER}"),
        ("UPDATE t SET n = n - 1", f"crdtsql: t.n is a grow-counter and {GROWS}"),
    ):
        done = subprocess.run(["sqlite3", file, statement], capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert message in done.stderr
    assert command.query(file, "SELECT * FROM t") == [("a", "[1]", 5)]
    assert command.query(file, "SELECT count(*) FROM _crdt_log") == [(1,)]


# -- enable and type --------------------------------------------------------------------------------

TABLE = """
CREATE TABLE parent (id INTEGER PRIMARY KEY, v INTEGER);
CREATE TABLE t (
  id TEXT PRIMARY KEY NOT NULL, text TEXT, number INTEGER, real REAL, any, json JSON, flag BOOLEAN,
  made INTEGER AS (number + 1), one INTEGER UNIQUE, up INTEGER REFERENCES parent, label TEXT
);
CREATE UNIQUE INDEX both ON t (number, label) WHERE label IS NOT NULL;
INSERT INTO t (id, text, number, json) VALUES ('r1', '[1]', 1, '[]'), ('r2', 'no', 2, '{}')
"""
WRONG = (
    ("missing=counter", "there is no such column; columns that can have a type: text, number, real, any, json, flag, one, up, label"),
    ("number=vote", f"there is no type 'vote'; types: {', '.join(TYPES)}"),
    ("id=register", "it belongs to the primary key, which names the row and has no type"),
    ("made=counter", "it is generated, so it is never written and has no type"),
    ("text=counter", "a counter needs a column of affinity INTEGER or REAL, and it is declared as TEXT (affinity TEXT)"),
    ("flag=grow-counter", "a grow-counter needs a column of affinity INTEGER or REAL, and it is declared as BOOLEAN (affinity NUMERIC)"),
    ("any=counter", "a counter needs a column of affinity INTEGER or REAL, and it is declared as no type (affinity BLOB)"),
    ("real=set", "a set needs a column of affinity TEXT or BLOB or NUMERIC, and it is declared as REAL (affinity REAL)"),
    ("number=map", "a map needs a column of affinity TEXT or BLOB or NUMERIC, and it is declared as INTEGER (affinity INTEGER)"),
    ("one=counter", "it is UNIQUE, which merged values of a counter can't keep; drop that index"),
    ("number=grow-counter", "it is UNIQUE, which merged values of a grow-counter can't keep; drop that index"),
    ("label=set", "it is UNIQUE, which merged values of a set can't keep; drop that index"),
    ("up=counter", "it is a foreign key, which a counter can't be"),
    ("text=set", f"a set {ARRAY}, and row 'r2' has 'no': change it first"),
    ("json=map", f"a map {OBJECT}, and row 'r1' has '[]': change it first"),
)  # fmt: skip


def everything(connection: apsw.Connection) -> list[tuple[Any, ...]]:
    """Read the schema and our own tables."""
    found = connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
    for (name,) in connection.execute(
        r"SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE '\_crdt%' ESCAPE '\'"
    ).fetchall():
        found += connection.execute(f'SELECT * FROM "{name}" ORDER BY 1').fetchall()
    return [tuple(row) for row in found]


@pytest.mark.parametrize(("wanted", "reason"), WRONG, ids=lambda text: text if "=" in text[:20] else "")
def test_wrong_types_are_refused(wanted: str, reason: str) -> None:
    """A column that can't have a type is refused, by enable and later, with the reason; nothing is changed."""
    column, kind = wanted.split("=")
    connection = connect()
    connection.execute(TABLE)
    replica = Replica.on(connection)
    before = everything(connection)
    with pytest.raises(ColumnTypeError) as caught:
        replica.enable("t", types={"label": "register", column: kind})
    assert str(caught.value) == f"column t.{column}: {reason}"
    assert (caught.value.table, caught.value.column) == ("t", column)
    assert everything(connection) == before
    replica.enable("t")
    before = everything(connection)
    with pytest.raises(ColumnTypeError) as caught:
        replica.set_type("t", column, kind)
    assert str(caught.value) == f"column t.{column}: {reason}"
    assert [row for row in everything(connection) if row[0] != "generation"] == [
        row for row in before if row[0] != "generation"
    ]


def test_types_of_several_tables() -> None:
    """With several tables a column is named with its table; if one of them can't be enabled so, none is."""
    connection = connect()
    connection.execute(TABLE)
    replica = Replica.on(connection)
    with pytest.raises(UsageError, match="which table has the column 'number'"):
        replica.enable("t", "parent", types={"number": "max"})
    with pytest.raises(ColumnTypeError):
        replica.enable("parent", "t", types={"parent.v": "counter", "t.up": "counter"})
    assert not replica.connection.execute("SELECT 1 FROM sqlite_schema WHERE name GLOB '_crdt*'").fetchall()
    assert replica.enable("PARENT", "t", types={"Parent.V": "counter", "t.NUMBER": "register"}) == ["parent", "t"]
    found = connection.execute("SELECT name, type FROM _crdt_column WHERE type <> 'lww' ORDER BY name").fetchall()
    assert found == [("number", "register"), ("v", "counter")]


def test_deleted_rows_count_for_a_new_type() -> None:
    """A deleted row can come back, so its value must be one of the new type too."""
    connection = connect()
    connection.execute(
        "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, v TEXT); INSERT INTO t VALUES ('a', 'no'), ('b', '[]')"
    )
    replica = Replica.on(connection)
    replica.enable("t")
    connection.execute("DELETE FROM t WHERE id = 'a'")
    with pytest.raises(ColumnTypeError, match="the deleted row 'a' has 'no'"):
        replica.set_type("t", "v", "set")
    assert rows(replica, "SELECT type FROM _crdt_column WHERE name = 'v'") == [("lww",)]


FAMILIES = {
    "INTEGER": ("5", "v + 1", "v + 2", ("lww", "register", "max", "min", "counter", "grow-counter")),
    "TEXT": ("'[1]'", "json_insert(v, '$[#]', 2)", "json_insert(v, '$[#]', 3)", ("lww", "register", "max", "min", "set", "grow-set")),
    "JSON": ("'{\"a\":1}'", "json_set(v, '$.b', 2)", "json_set(v, '$.c', 3)", ("lww", "register", "max", "min", "map")),
}  # fmt: skip
PAIRS = [
    (declared, old, new) for declared, family in FAMILIES.items() for old, new in itertools.permutations(family[3], 2)
]


def peers(declared: str, kind: str) -> tuple[Replica, Replica]:
    """Make two replicas with the same three rows."""
    made = []
    for _ in range(2):
        connection = connect()
        connection.execute(f"CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, v {declared})")
        made.append(Replica.on(connection))
        made[-1].enable("t", types={"v": kind})
    base = FAMILIES[declared][0]
    made[0].connection.execute(f"INSERT INTO t VALUES ('a', {base}), ('b', {base}), ('gone', {base})")
    send(*made)
    return made[0], made[1]


def update(declared: str, first: Replica, second: Replica) -> None:
    """Change all rows on both sides, and sync."""
    for replica, step in ((first, FAMILIES[declared][1]), (second, FAMILIES[declared][2])):
        replica.connection.execute(f"UPDATE t SET v = {step} WHERE id <> 'b'")
    send(first, second)
    send(second, first)
    assert rows(first) == rows(second)


@pytest.mark.parametrize(("declared", "old", "new"), PAIRS)
def test_a_new_type_keeps_values(declared: str, old: str, new: str) -> None:
    """Changing the type keeps what every row shows; with the same type everywhere, replicas go on merging by it."""
    first, second = peers(declared, old)
    update(declared, first, second)
    first.connection.execute("DELETE FROM t WHERE id = 'gone'")
    send(first, second)
    before = rows(first)
    assert len(before) == 2
    for replica in (first, second):
        assert replica.set_type("t", "v", new)
        assert not replica.set_type("t", "v", new)
        assert rows(replica) == before
    send(first, second)
    send(second, first)
    assert rows(first) == rows(second) == before
    update(declared, first, second)
    if new in ("counter", "grow-counter"):
        assert rows(first)[0][1] == before[0][1] + 3


@pytest.mark.parametrize("lagging", [0, 1])
@pytest.mark.parametrize(
    ("declared", "old", "new"), [pair for pair in PAIRS if "lww" in pair or pair[1:] == ("set", "grow-set")]
)
def test_different_types_are_refused_and_mended(declared: str, old: str, new: str, lagging: int) -> None:
    """Replicas whose types differ refuse each other, saying what to run; once it was run, they go on and are equal."""
    both = peers(declared, old)
    changed, other = both[1 - lagging], both[lagging]
    changed.set_type("t", "v", new)
    for replica, step in zip(both, FAMILIES[declared][1:3], strict=True):
        replica.connection.execute(f"UPDATE t SET v = {step}")
    other.fold({})
    before = rows(other)
    with pytest.raises(SchemaMismatchError) as caught:
        send(changed, other)
    message = str(caught.value)
    assert f"column t.v has the type {old} here and {new} in the changeset: nothing was changed" in message
    assert f"`crdtsql type {other.path} t.v {new}` here, or give it the type {old} there" in message
    assert rows(other) == before
    with pytest.raises(SchemaMismatchError, match=f"crdtsql type {changed.path} t.v {old}"):
        send(other, changed)
    other.set_type("t", "v", new)
    send(changed, other)
    send(other, changed)
    assert rows(changed) == rows(other)


def test_the_command_that_the_message_names_mends_it(tmp_path: Path) -> None:
    """What the message about different types says to run is a command, and mends it."""
    app = command.make(tmp_path / "app.db", "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, v INTEGER)", [("a", 5)], "t")
    laptop = tmp_path / "laptop.db"
    command.ok("enable", app, "t", "-c", "v=counter")
    command.ok("clone", app, laptop)
    command.ok("type", app, "t.v", "max")
    for file, step in ((app, 1), (laptop, 2)):
        command.execute(file, f"UPDATE t SET v = v + {step}")
    message = command.refused("sync", app, laptop)
    assert f"`crdtsql type {laptop} t.v max`" in message
    command.ok("type", laptop, "t.v", "max")
    command.ok("sync", app, laptop)
    assert command.query(app, "SELECT * FROM t") == command.query(laptop, "SELECT * FROM t") == [("a", 7)]


def test_every_type_is_covered_here() -> None:
    """The tests of refusals and of new types know every type that there is."""
    assert {kind for family in FAMILIES.values() for kind in family[3]} == set(TYPES)
    assert DECLARED.keys() == {name for name, kind in TYPES.items() if kind.invalid is not None}
