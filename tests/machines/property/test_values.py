"""Values of every kind through the whole of crdtsql: written, folded, sent, merged, and read again."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import apsw
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from crdtsql import Replica
from tests.support.library import connect
from tests.support.peers import START_MS
from tests.support.state import rows

INTEGERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.integers(-3, 3), st.sampled_from([2**53, 2**53 + 1, -(2**63)])
)
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.sampled_from(["1", "1.0", " 1", "1e0", "a", "A", "a ", "\0", "a\0b"]),
)
REALS = st.one_of(st.floats(allow_nan=False), st.sampled_from([0.0, -0.0, 1.0, float(2**53), 1e300, float("inf")]))
VALUES = st.one_of(st.none(), INTEGERS, REALS, TEXTS, st.binary(max_size=8))
KEYS = st.one_of(INTEGERS, REALS, TEXTS, st.binary(max_size=8))
TYPES = ["", "ANY", "TEXT", "INTEGER", "REAL", "NUMERIC", "BLOB", "VARCHAR(10)", "DECIMAL(5,2)"]


def _memory(kind: str, collation: str) -> Replica:
    connection = connect()
    connection.execute(f"CREATE TABLE t (k {kind} NOT NULL COLLATE {collation}, v {kind}, w, PRIMARY KEY (k))")
    opened = Replica.on(connection, now=lambda: START_MS)
    opened.enable("t")
    return opened


def _write(replica: Replica, key: Any, value: Any) -> None:
    statement = "INSERT INTO t VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET v = excluded.v, w = excluded.w"
    with suppress(apsw.MismatchError):  # an INTEGER PRIMARY KEY takes integers only
        replica.connection.execute(statement, (key, value, value))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(TYPES),
    st.sampled_from(["BINARY", "NOCASE", "RTRIM"]),
    st.lists(st.tuples(st.integers(0, 1), KEYS, VALUES, st.booleans()), min_size=1, max_size=8),
)
@example("", "NOCASE", [(0, "a", 1, True), (1, "A", 1.0, False)])
@example("", "BINARY", [(0, 1, b"", True), (1, 1.0, "", True), (0, "1", None, False)])
@example("INTEGER", "RTRIM", [(0, "1 ", -0.0, True), (1, 1, 0.0, True)])
def test_every_value_arrives_as_it_was_written(
    kind: str, collation: str, writes: list[tuple[int, Any, Any, bool]]
) -> None:
    """Two replicas that wrote any values under any keys show the same rows, to the byte and the type, after a sync."""
    pair = [_memory(kind, collation), _memory(kind, collation)]
    for who, key, value, fold in writes:
        _write(pair[who], key, value)
        if fold:
            pair[who].vector()
    data = [one.export(other.vector()) for one, other in (pair, pair[::-1])]
    pair[1].merge(data[0])
    pair[0].merge(data[1])
    assert rows(pair[0].connection) == rows(pair[1].connection)
    assert pair[0].vector() == pair[1].vector()
    for replica in pair:
        replica.changes()
        for (key,) in replica.connection.execute("SELECT k FROM t").fetchall():
            assert {cell.column for cell in replica.blame("t", key)} == {"v", "w"}
        replica.close()


def test_names_are_told_apart_as_sqlite_does() -> None:
    """SQLite knows the case of ASCII letters only: tables and columns that differ in another letter's case are two."""
    schema = 'CREATE TABLE "É" (id TEXT PRIMARY KEY, "ä" TEXT, "Ä" TEXT); CREATE TABLE "é" (id TEXT PRIMARY KEY)'
    pair = []
    for _ in range(2):
        connection = connect()
        connection.execute(schema)
        pair.append(Replica.on(connection, now=lambda: START_MS))
        assert sorted(pair[-1].enable(all=True)) == ["É", "é"]
    pair[0].connection.execute("""INSERT INTO "É" VALUES ('1', 'small', 'large'); INSERT INTO "é" VALUES ('2')""")
    pair[1].merge(pair[0].export())
    assert pair[1].connection.execute('SELECT "ä", "Ä" FROM "É"').fetchall() == [("small", "large")]
    assert rows(pair[0].connection) == rows(pair[1].connection)
