"""Traps of size, names and spelling."""

from __future__ import annotations

from pathlib import Path

import pytest

from crdtsql import Replica
from crdtsql.base.errors import SchemaMismatchError
from crdtsql.base.naming import WORD_BITS
from crdtsql.capture.enable import MAXIMUM_COLUMNS
from tests.support import state
from tests.support.peers import START_MS, come_to_rest, is_empty, replica, send, two, write


def equal(a: Replica, b: Replica) -> bool:
    return state.shared(a.connection) == state.shared(b.connection)


def test_many_rows_at_once_and_few_rows_after(tmp_path: Path) -> None:
    """Changes of thousands of rows travel like any others, together with and between small ones."""
    a, b = two(tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY, v, w)")
    c = replica(tmp_path / "c.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v, w)", site=3)
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000) "
    write(a, "INSERT INTO t VALUES (-1, 'first', 0)")
    send(a, b)
    write(a, many + "INSERT INTO t SELECT i, i, 0 FROM n")
    early = a.export(b.vector())
    write(a, "UPDATE t SET v = 'small' WHERE id < 10")
    write(b, "UPDATE t SET w = 1; INSERT INTO t VALUES (7, 'b', 'b')")
    b.merge(early)
    send(a, b)
    write(b, "DELETE FROM t WHERE id % 2")
    write(a, "UPDATE t SET w = 2 WHERE id % 3 = 0")
    write(b, "UPDATE t SET v = 'after' WHERE id = 4")
    send(b, c)
    send(a, c)
    come_to_rest([a, b, c])
    assert equal(a, b)
    assert equal(a, c)
    assert is_empty(a.export(c.vector()))
    assert a.connection.execute("SELECT count(*) FROM t").fetchall() == [(4000,)]


def test_tables_with_more_columns_than_a_mask_has_bits(tmp_path: Path) -> None:
    """Every column of a wide table is merged on its own, at the borders of the mask words as well."""
    columns = ", ".join(f"c{n}" for n in range(130))
    a, b = two(tmp_path, f"CREATE TABLE t (id INTEGER PRIMARY KEY, {columns})")
    write(a, "INSERT INTO t (id) VALUES (1)")
    send(a, b)
    edges = (0, 1, 58, 59, 60, 61, 119, 120, 121, 129)
    for n in edges:
        write(a if n % 2 else b, f"UPDATE t SET c{n} = {n}")
    write(a, "UPDATE t SET c64 = 'a'")
    write(b, "UPDATE t SET c64 = 'b', c128 = 'b'")
    come_to_rest([a, b])
    assert equal(a, b)
    found = a.connection.execute("SELECT * FROM t").fetchone()[1:]
    assert [found[n] for n in edges] == list(edges)
    assert (found[64], found[128]) == ("a", "b")  # the clock of a has counted further
    assert {row[2] for row in state.conflicts(a.connection)} == {"c64"}


def test_the_widest_table_that_can_be_enabled_can_be_sent() -> None:
    """Whatever table `enable` takes fits into a changeset, which needs three columns for each of its columns."""
    mask_words, row = MAXIMUM_COLUMNS // WORD_BITS + 1, 6
    assert 3 * MAXIMUM_COLUMNS + mask_words + row <= 2000


NAMES = (
    "incoming",
    "clock",
    "met",
    "target",
    "held",
    "shown",
    "head",
    "staged",
    "tried",
    'we"ird; --',
    "order",
    "main",
)


@pytest.mark.parametrize("name", NAMES)
def test_tables_and_columns_may_have_any_name(tmp_path: Path, name: str) -> None:
    """Names that mean something to SQL, or to crdtsql's own statements, are names like any others."""
    quoted = '"' + name.replace('"', '""') + '"'
    schema = f"CREATE TABLE {quoted} ({quoted} TEXT PRIMARY KEY NOT NULL, k1, t, s, gone, id UNIQUE, won0)"
    a, b = two(tmp_path, schema)
    write(a, f"INSERT INTO {quoted} VALUES ('x', 1, 2, 3, 4, 5, 6), ('y', 1, 2, 3, 4, 55, 6)")
    send(a, b)
    write(
        a,
        f"UPDATE {quoted} SET id = NULL WHERE {quoted} = 'x'; UPDATE {quoted} SET id = 5, k1 = 0 WHERE {quoted} = 'y'",
    )
    write(b, f"DELETE FROM {quoted} WHERE {quoted} = 'x'; UPDATE {quoted} SET t = 9, won0 = 0")
    come_to_rest([a, b])
    assert equal(a, b)
    found = a.connection.execute(f"SELECT * FROM {quoted} ORDER BY 1").fetchall()
    assert found == [("x", 1, 2, 3, 4, None, 6), ("y", 0, 9, 3, 4, 5, 0)]


@pytest.mark.parametrize(
    ("key", "first", "second"),
    [("TEXT COLLATE NOCASE", "'a'", "'A'"), ("BLOB", "1", "1.0"), ("TEXT COLLATE RTRIM", "'a'", "'a  '")],
)
@pytest.mark.parametrize("rest", ["v", "v, u UNIQUE"])
def test_one_key_in_two_spellings_is_one_row(tmp_path: Path, key: str, first: str, second: str, rest: str) -> None:
    """Keys that the column holds for equal are one row; the spelling of the latest insert shows everywhere."""
    now = [START_MS]
    a, b = (
        replica(
            tmp_path / f"{n}.db", f"CREATE TABLE t (id {key} PRIMARY KEY NOT NULL, {rest})", site=n, now=lambda: now[0]
        )
        for n in (1, 2)
    )
    write(a, f"INSERT INTO t (id, v) VALUES ({first}, 'a')")
    now[0] += 1
    write(b, f"INSERT INTO t (id, v) VALUES ({second}, 'b')")
    come_to_rest([a, b])
    assert equal(a, b)
    spelled = a.connection.execute(f"SELECT count(*), quote(id) = quote({second}) FROM t").fetchall()
    assert spelled == [(1, 1)]
    write(a, "DELETE FROM t")
    now[0] += 1
    write(b, f"UPDATE t SET id = {first}")
    come_to_rest([a, b])
    assert equal(a, b)
    assert b.connection.execute(f"SELECT count(*), quote(id) = quote({first}) FROM t").fetchall() == [(1, 1)]


BORDERS = [0, 0.0, 0, "0", b"0", None, 2**63 - 1, float(2**63), "a\0b", "a\0c", float("inf"), -float("inf")]


def test_every_stored_value_arrives_as_it_is(tmp_path: Path) -> None:
    """A write that changes only the type of a value is a change like any other."""
    a, b = two(tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
    write(a, "INSERT INTO t VALUES (1, 'x')")
    for value in BORDERS:
        write(a, "UPDATE t SET v = ?", values=(value,))
        send(a, b)
        assert equal(a, b), value


def test_a_table_that_forgot_its_history_is_not_relayed(tmp_path: Path) -> None:
    """A replica that disabled and enabled one table of several exchanges nothing until the others did the same."""
    schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE TABLE other (id INTEGER PRIMARY KEY)"
    now = [START_MS]
    a, b, c = (replica(tmp_path / f"{n}.db", schema, site=n, now=lambda: now[0]) for n in (1, 2, 3))
    write(c, "INSERT INTO t VALUES (1, 'early, from c')")
    now[0] += 1000
    write(a, "INSERT INTO t VALUES (1, 'late, from a')")
    send(a, b)
    b.disable("t")
    b.enable("t")
    with pytest.raises(SchemaMismatchError, match="'t' was disabled on this replica"):
        send(c, b)
    write(b, "INSERT INTO other VALUES (1)")
    with pytest.raises(SchemaMismatchError, match="'t' was disabled on the sender"):
        send(b, c)
    for one in (a, c):
        now[0] += 1000
        one.disable("t")
        one.enable("t")
    come_to_rest([a, b, c])
    assert equal(a, b)
    assert equal(b, c)
    assert a.connection.execute("SELECT v FROM t").fetchall() == [("early, from c",)]
