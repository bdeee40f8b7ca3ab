"""How odd values fall into parts and are shown again, in odd tables; two replicas always show the same."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import pytest

from crdtsql import Replica
from crdtsql.types.celltypes import TYPES
from tests.machines.oracle import parts
from tests.machines.simulation.tables import TABLES
from tests.support import forge
from tests.support.library import connect
from tests.support.peers import send

PLAIN = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, v {declared}){suffix}"
DEEP = '{"a":' * 500 + "1" + "}" * 500
DEEP_ARRAY = '{"a":' + "[" * 900 + "]" * 900 + "}"


def pair(schema: str, types: dict[str, str], *rows: str, table: str = "t") -> tuple[Replica, Replica]:
    """Make two replicas in memory; the first one inserts rows, and the second one has them too."""
    made = []
    for _ in range(2):
        connection = connect()
        connection.execute(schema)
        replica = Replica.on(connection)
        replica.enable(table, types=types)
        made.append(replica)
    first, second = made
    for row in rows:
        first.connection.execute(row)
    send(first, second)
    return first, second


def content(replica: Replica, table: str = "t") -> list[tuple[Any, ...]]:
    """Read a table."""
    return replica.connection.execute(f'SELECT * FROM "{table}" ORDER BY 1').fetchall()


def exchange(first: Replica, second: Replica, table: str = "t") -> list[tuple[Any, ...]]:
    """Sync two replicas; return what both show."""
    send(first, second)
    send(second, first)
    assert content(first, table) == content(second, table)
    return content(first, table)


def merged(
    schema: str, types: dict[str, str], row: str, first: Sequence[str], second: Sequence[str], *, table: str = "t"
) -> list[tuple[Any, ...]]:
    """Write on both sides; return what both show after a sync."""
    a, b = pair(schema, types, row, table=table)
    for replica, statements in ((a, first), (b, second)):
        for statement in statements:
            replica.connection.execute(statement)
    return exchange(a, b, table)


def shown(kind: str, before: str, written: str) -> str:
    """Write a value over another one; return how both replicas show it, and check that writing that is no change."""
    a, b = pair(PLAIN.format(declared="TEXT", suffix=""), {"v": kind}, f"INSERT INTO t VALUES ('k', '{before}')")
    a.connection.execute("UPDATE t SET v = ?", (written,))
    ((_, found),) = exchange(a, b)
    parts = parts_of(a)
    a.connection.execute("UPDATE t SET v = ?", (f" {found} ",))
    assert exchange(a, b) == [("k", found)]
    assert parts_of(a) == parts, "a new spelling is no event on a part"
    return str(found)


def parts_of(replica: Replica) -> list[tuple[Any, ...]]:
    """Read the parts of all cells."""
    return replica.connection.execute("SELECT * FROM _crdt_parts_t ORDER BY 1, 2, 3, 4").fetchall()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("[]", "[]"),
        (' [ 1 ,\n\t"a" ] ', '[1,"a"]'),
        ("[null, null]", "[null]"),
        ('[true, "true", 1, false, null]', '[null,false,true,1,"true"]'),
        ('["\u00e9", "\\u00e9", "e\\u0301"]', '["e\u0301","\u00e9"]'),
        ('["\\ud83d\\ude00", "\N{GRINNING FACE}"]', '["\N{GRINNING FACE}"]'),
        ('["Z", "a", "é", "A", ""]', '["","A","Z","a","é"]'),
        ('["\\n", "\\u000a", "\\t"]', '["\\t","\\n"]'),
        ('["\\/", "/", "\\"", "\\\\"]', '["\\"","/","\\\\"]'),
        ('["a\\u0000b", "a"]', '["a","a\\u0000b"]'),
        ('["a,b", "[1]", "null", "it\'s", "$.a"]', '["$.a","[1]","a,b","it\'s","null"]'),
        ('[1, 1.0, "1", 1e0, 10e-1]', '[1,1.0,"1"]'),
        ('["10", "9", 10, 9, 1.5, -3]', '[-3,1.5,9,10,"10","9"]'),
        ("[-0.0, 0.0, 0, -0]", "[-0.0,0,0.0]"),
        ("[0.1, 0.30000000000000004, 0.3]", "[0.1,0.3,0.30000000000000004]"),
        ("[1e400, -1e400, 1e308]", "[-9e999,1e+308,9e999]"),
        ("[12345678901234567890]", "[1.2345678901234567e+19]"),
        ("[9223372036854775807, 9223372036854775808]", "[9.223372036854776e+18,9223372036854775807]"),
        ("[9007199254740993, 9007199254740992.0]", "[9007199254740992.0,9007199254740993]"),
    ],
)  # fmt: skip
def test_set_values(written: str, expected: str) -> None:
    """A set is shown sorted, without duplicates; equal text is one element, and each kind of number its own."""
    assert shown("set", '["other"]', written) == expected
    assert shown("grow-set", "[]", written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('{ "b" : 1 , "a" : [ 1, 2 ] }', '{"a":[1,2],"b":1}'),
        ('{"": 1}', '{"":1}'),
        ('{"a": {"": {"": 1}}}', '{"a":{"":{"":1}}}'),
        ('{"a.b": 1, "a": {"b": 2}, "$": 3, "[0]": 4, "#": 5}', '{"#":5,"$":3,"[0]":4,"a":{"b":2},"a.b":1}'),
        ('{"a\\"b": 1, "a,b": 2, "it\'s": 3}', '{"a\\"b":1,"a,b":2,"it\'s":3}'),
        ('{"\\"a\\",\\"b\\"": 1, "a": {"b": 2}}', '{"\\"a\\",\\"b\\"":1,"a":{"b":2}}'),
        ('{"a": 1, "\\u0061": 2}', '{"a":2}'),
        ('{"a": {"x": 1}, "a": {"x": 2, "y": 3}}', '{"a":{"x":2,"y":3}}'),
        ('{"\\u00e9": 1, "\\ud83d\\ude00": "\\ud83d\\ude00"}', '{"é":1,"\N{GRINNING FACE}":"\N{GRINNING FACE}"}'),
        ('{"a\\u0000b": "a\\u0000b", "\\n": "\\n"}', '{"\\n":"\\n","a\\u0000b":"a\\u0000b"}'),
        ('{"a": null, "b": true, "c": {}, "d": []}', '{"a":null,"b":true,"c":{},"d":[]}'),
        ('{"a": { "b": { } , "c": [ ] } }', '{"a":{"b":{},"c":[]}}'),
        ('{"a": -0.0, "b": 0.30000000000000004, "c": 1e400}', '{"a":-0.0,"b":0.30000000000000004,"c":9e999}'),
        ('{"a": 12345678901234567890, "b": 9007199254740993}', '{"a":1.2345678901234567e+19,"b":9007199254740993}'),
        ('{"a": [1e400, -0.0, {"z": 1, "b": 2}]}', '{"a":[1e400,-0.0,{"z":1,"b":2}]}'),
        (DEEP, DEEP),
        (DEEP_ARRAY, DEEP_ARRAY),
    ],
    ids=lambda text: text[:30],
)  # fmt: skip
def test_map_values(written: str, expected: str) -> None:
    """A map is shown with sorted keys; any key is a key, arrays are kept as they are, and deep nesting is no matter."""
    assert shown("map", '{"other":1}', written) == expected


@pytest.mark.parametrize(
    ("kind", "one", "other", "expected"),
    [
        ("max", 1, 1.5, 1.5),
        ("max", 2**62, 2.0**62 + 2**11, 2.0**62 + 2**11),
        ("max", float("inf"), 10, float("inf")),
        ("max", float("inf"), "", ""),
        ("max", "z", b"", b""),
        ("max", "Z", "a", "a"),
        ("max", "a", "é", "é"),
        ("max", None, -(2**63), -(2**63)),
        ("min", 1, 1.5, 1),
        ("min", "", b"", ""),
        ("min", "10", 9, 9),
        ("min", float("-inf"), -(2**63), float("-inf")),
        ("min", None, "z", "z"),
        ("register", b"\x00", "later", "later"),
        ("register", None, 1, 1),
    ],
)
def test_whole_values(kind: str, one: Any, other: Any, expected: Any) -> None:
    """Values of any storage class are compared as SQLite compares them; NULL is neither greatest nor smallest."""
    ticks = iter(range(10**12, 10**13))
    made = []
    for _ in range(2):
        connection = connect()
        connection.execute("CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, v)")
        made.append(Replica.on(connection, now=lambda: next(ticks)))
        made[-1].enable("t", types={"v": kind})
    a, b = made
    a.connection.execute("INSERT INTO t VALUES ('k', NULL)")
    send(a, b)
    a.connection.execute("UPDATE t SET v = ?", (one,))
    a.fold({})
    time.sleep(0.002)
    b.connection.execute("UPDATE t SET v = ?", (other,))
    ((_, found),) = exchange(a, b)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize("add", [0.2, -0.1, 1e16, 5e-324])
def test_real_counters_round_alike(add: float) -> None:
    """A REAL counter rounds as floating-point numbers do, to the same number on every replica."""
    steps = [f"UPDATE t SET v = v + {add!r}"]
    row = "INSERT INTO t VALUES ('k', 0.1)"
    ((_, found),) = merged(PLAIN.format(declared="REAL", suffix=""), {"v": "counter"}, row, steps * 3, steps)
    assert isinstance(found, float)
    assert found == pytest.approx(0.1 + 4 * add)


def test_big_sets_ship_what_changed() -> None:
    """One element added to a set of 10,000 takes well under a second, and its changeset holds that element alone."""
    elements = json.dumps([f"element {number}" for number in range(10_000)])
    schema = PLAIN.format(declared="TEXT", suffix="")
    a, b = pair(schema, {"v": "set"}, f"INSERT INTO t VALUES ('k', '{elements}')")
    for number in range(2):
        start = time.perf_counter()
        a.connection.execute(f"UPDATE t SET v = json_insert(v, '$[#]', 'new {number}')")
        data = a.export(b.vector())
        b.merge(data)
        assert time.perf_counter() - start < 2  # about a quarter of a second on a free machine
        assert len(data) < 2_500
        assert sent_parts(data) == [f'"new {number}"']
    assert content(a) == content(b)
    assert len(json.loads(content(a)[0][1])) == 10_002


def sent_parts(data: bytes) -> list[str]:
    """Return the parts of a changeset's only table that have heads of their own, and check that no value is with them."""
    image = connect()
    image.deserialize("main", forge.parts(data)[1])
    assert image.execute("SELECT count(*) FROM part_1 WHERE v IS NOT NULL").fetchone() == (0,)
    return [part for (part,) in image.execute("SELECT part FROM part_1 WHERE part <> ''")]


@pytest.mark.parametrize("suffix", ["", " STRICT", " WITHOUT ROWID", " STRICT, WITHOUT ROWID"])
@pytest.mark.parametrize("rest", ["", " NOT NULL", " CHECK (json_valid(v))", " NOT NULL DEFAULT '{}'"])
def test_tables_and_declarations(rest: str, suffix: str) -> None:
    """Typed columns merge in every kind of table, with constraints on the column or without."""
    schema = PLAIN.format(declared=f"TEXT{rest}", suffix=suffix)
    row = "INSERT INTO t VALUES ('k', '{0}')"
    sets = [[f"UPDATE t SET v = json_insert(v, '$[#]', {number})"] for number in (2, 3)]
    assert merged(schema, {"v": "set"}, row.format("[1]"), *sets) == [("k", "[1,2,3]")]
    maps = [[f"UPDATE t SET v = json_set(v, '$.{key}', 1)"] for key in "bc"]
    assert merged(schema, {"v": "map"}, row.format('{"a":1}'), *maps) == [("k", '{"a":1,"b":1,"c":1}')]


@pytest.mark.parametrize(
    ("kind", "declared"),
    [
        ("set", "JSON"), ("set", ""), ("set", "BLOB"), ("set", "JSON NOT NULL"), ("set", "VARCHAR(9)"),
        ("counter", "BIGINT"), ("counter", "REAL"), ("counter", "DOUBLE PRECISION NOT NULL DEFAULT 0"), ("counter", "TINYINT"),
    ],
)  # fmt: skip
def test_affinities(kind: str, declared: str) -> None:
    """A column may be declared as it is usual for its values; JSON makes the affinity NUMERIC."""
    schema = PLAIN.format(declared=declared, suffix="")
    base, step = ("'[1]'", "'[1,{}]'") if kind == "set" else ("1", "v + {}")
    steps = [[f"UPDATE t SET v = {step.format(number)}"] for number in (2, 3)]
    ((_, found),) = merged(schema, {"v": kind}, f"INSERT INTO t VALUES ('k', {base})", *steps)
    assert found == ("[1,2,3]" if kind == "set" else 6)


def test_generated_columns_follow() -> None:
    """A generated column that depends on a typed one is computed from the merged value."""
    schema = """CREATE TABLE t (
      id TEXT PRIMARY KEY NOT NULL, v TEXT, n AS (json_array_length(v)), m AS (json_array_length(v) + 1) STORED)"""
    steps = [[f"UPDATE t SET v = json_insert(v, '$[#]', {number})"] for number in (2, 3)]
    row = "INSERT INTO t VALUES ('k', '[1]')"
    assert merged(schema, {"v": "set"}, row, *steps) == [("k", "[1,2,3]", 3, 4)]


def test_full_text_index_follows() -> None:
    """The user's own triggers see merged values, so that a full-text index fits them."""
    schema = """CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
      CREATE VIRTUAL TABLE f USING fts5 (v, content = 't', content_rowid = 'id');
      CREATE TRIGGER i AFTER INSERT ON t BEGIN INSERT INTO f (rowid, v) VALUES (NEW.id, NEW.v); END;
      CREATE TRIGGER d AFTER DELETE ON t BEGIN INSERT INTO f (f, rowid, v) VALUES ('delete', OLD.id, OLD.v); END;
      CREATE TRIGGER u AFTER UPDATE ON t BEGIN
        INSERT INTO f (f, rowid, v) VALUES ('delete', OLD.id, OLD.v);
        INSERT INTO f (rowid, v) VALUES (NEW.id, NEW.v);
      END"""
    a, b = pair(schema, {"v": "set"}, """INSERT INTO t VALUES (1, '["zeta", "alpha"]')""")
    a.connection.execute("UPDATE t SET v = json_insert(v, '$[#]', 'beta')")
    b.connection.execute("UPDATE t SET v = json_remove(v, '$[1]')")
    assert exchange(a, b) == [(1, '["beta","zeta"]')]
    for replica in (a, b):
        replica.connection.execute("INSERT INTO f (f, rank) VALUES ('integrity-check', 1)")
        hits = [
            replica.connection.execute("SELECT rowid FROM f WHERE f MATCH ?", (w,)).fetchall()
            for w in ("beta", "alpha")
        ]
        assert hits == [[(1,)], []]


def test_user_triggers_count() -> None:
    """What a trigger of the user's adds to a counter counts, once for each write that fired it."""
    schema = """CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, w INTEGER);
      CREATE TRIGGER u AFTER UPDATE OF w ON t BEGIN UPDATE t SET v = v + 1 WHERE id = NEW.id; END"""
    writes = [[f"UPDATE t SET w = {number}"] for number in (1, 2)]
    ((_, found, _),) = merged(schema, {"v": "counter"}, "INSERT INTO t VALUES (1, 0, 0)", *writes)
    assert found == 2


@pytest.mark.parametrize("suffix", ["", " WITHOUT ROWID"])
def test_composite_keys(suffix: str) -> None:
    """Parts belong to the row of the whole key, in the key's order and collation."""
    schema = f"CREATE TABLE t (a TEXT COLLATE NOCASE, b INT, v TEXT, n INTEGER, PRIMARY KEY (b, a)){suffix}"
    row = "INSERT INTO t VALUES ('K', 1, '[1]', 0), ('K', 2, '[1]', 0), ('L', 1, '[1]', 0)"
    first = ["UPDATE t SET v = '[1,2]', n = n + 1 WHERE (a, b) = ('k', 1)"]
    second = ["UPDATE t SET v = '[1,3]', n = n + 10 WHERE b = 1"]
    found = merged(schema, {"v": "set", "n": "counter"}, row, first, second)
    assert sorted(found) == [("K", 1, "[1,2,3]", 11), ("K", 2, "[1]", 0), ("L", 1, "[1,3]", 10)]


def test_other_spelling_of_a_key() -> None:
    """A row whose NOCASE key is spelled anew, and so inserted anew, keeps what others added meanwhile."""
    schema = "CREATE TABLE t (id TEXT COLLATE NOCASE PRIMARY KEY NOT NULL, v TEXT, n INTEGER)"
    first, second = ["UPDATE t SET id = 'k', n = 5"], ["UPDATE t SET v = '[1,2]', n = n + 1"]
    found = merged(schema, {"v": "set", "n": "counter"}, "INSERT INTO t VALUES ('K', '[1]', 0)", first, second)
    assert found == [("k", "[1,2]", 6)]


@pytest.mark.parametrize(
    "names",
    [
        ("order", "group", "select", "by'x\"y"),
        ("k1", "value", "part", "whole"),
        ("s", "t", "v", "n"),
        ("rowid", "col", "gone", "cell"),
        ("a b", "", "ü", "id"),
    ],
)
def test_names(names: tuple[str, str, str, str]) -> None:
    """Columns may have any name: keywords, names with quotes, the names that parts have themselves."""
    key, tags, votes, meta = ('"' + name.replace('"', '""') + '"' for name in names)
    schema = f'CREATE TABLE "table" ({key} TEXT PRIMARY KEY NOT NULL, {tags} TEXT, {votes} INTEGER, {meta} TEXT)'
    writes = [
        [f"""UPDATE "table" SET {tags} = '[1,{n}]', {votes} = {votes} + {n}, {meta} = '{{"x{n}":{n}}}'"""]
        for n in (2, 3)
    ]
    row = """INSERT INTO "table" VALUES ('k', '[1]', 0, '{}')"""
    types = dict(zip(names[1:], ("set", "counter", "map"), strict=True))
    assert merged(schema, types, row, *writes, table="table") == [("k", "[1,2,3]", 5, '{"x2":2,"x3":3}')]


def test_columns_of_many_types_in_one_update() -> None:
    """One UPDATE of several typed columns is merged column by column."""
    schema = (
        "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, a INTEGER, b TEXT, c TEXT, d INTEGER, e INTEGER, f TEXT, g TEXT)"
    )
    types = {"a": "counter", "b": "set", "c": "map", "d": "max", "e": "min", "f": "register"}
    row = "INSERT INTO t VALUES ('k', 1, '[]', '{}', 5, 5, 'r', 'w')"
    write = "UPDATE t SET a = a + {0}, b = '[{0}]', c = '{{\"k{0}\":1}}', d = {0}, e = {0}"
    first, second = [write.format(3)], [write.format(7), "UPDATE t SET g = 'x'"]
    assert merged(schema, types, row, first, second) == [("k", 11, "[3,7]", '{"k3":1,"k7":1}', 7, 3, "r", "x")]


def test_many_rows_keep_apart() -> None:
    """Rows that were changed in one batch keep their parts apart."""
    schema = PLAIN.format(declared="TEXT", suffix="")
    numbers = ",".join(map(str, range(1, 501)))
    row = f"INSERT INTO t SELECT 'k' || value, '[' || value || ']' FROM json_each('[{numbers}]')"
    steps = [[f"UPDATE t SET v = json_insert(v, '$[#]', substr(id, 2) * {factor})"] for factor in (1000, -1000)]
    found = merged(schema, {"v": "set"}, row, *steps)
    assert len(found) == 500
    for key, value in found:
        number = int(key[1:])
        assert json.loads(value) == [-1000 * number, number, 1000 * number]


def test_the_oracle_knows_every_type() -> None:
    """A type of the package is one of the oracle, and there are columns of it in the simulation; neither knows another one."""
    assert set(TYPES) == set(parts.TYPES)
    assert {kind for table in TABLES.values() for kind in table.types.values()} == set(TYPES)
