"""What is shown under constraints is decided row by row: by what a row shows in the end, and the same on every replica."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica
from tests.shown.test_shown_again import OTHER, arrives_again, assert_alike, assert_sound, reasons, rows, some, write
from tests.support import state
from tests.support.peers import Clock, come_to_rest, replica, send
from tests.support.settled import assert_settled


def in_all_orders(directory: Path, schema: str, replicas: list[Replica], base: Replica) -> list[Any]:
    """Merge what replicas wrote into copies of one file, in every order; return what it shows and holds, the same each time."""
    changes = [one.export(base.vector()) for one in replicas]
    found = []
    for number, order in enumerate(permutations(changes)):
        with base.clone(directory / f"order{number}.db") as receiver:
            for data in order:
                receiver.merge(data)
                assert_sound(receiver)
            found.append(state.shared(receiver.connection))
    assert all(one["rows"] == found[0]["rows"] for one in found), schema
    shown = [{key: value for key, value in one.items() if key != "merged"} for one in found]
    assert all(one == shown[0] for one in shown)
    return found


# -- CHECK -----------------------------------------------------------------------------------------

CHECKED = (
    "CREATE TABLE p (id TEXT PRIMARY KEY NOT NULL);"
    "CREATE TABLE c (id TEXT PRIMARY KEY NOT NULL, ref TEXT DEFAULT 'p0' REFERENCES p ON DELETE {}, w INT, CHECK ({}));"
    + OTHER
)


@pytest.mark.parametrize(
    ("action", "check"),
    [("SET NULL", "ref IS NOT NULL"), ("SET DEFAULT", "ref <> 'p0'"), ("SET DEFAULT", "ref <> 'p0' OR w > 0")],
)
def test_a_check_is_asked_of_what_is_shown(tmp_path: Path, action: str, check: str) -> None:
    """A row whose mask a CHECK refuses is held until what it refers to returns, on every replica, whichever change it saw first."""
    replicas = some(tmp_path, CHECKED.format(action, check), 3)
    write(replicas[0], "INSERT INTO p VALUES ('p0'), ('p1')")
    come_to_rest(replicas)
    write(replicas[0], "INSERT INTO c VALUES ('c1', 'p1', 0), ('c2', 'p1', 1)")
    write(replicas[1], "DELETE FROM p WHERE id = 'p1'")
    send(replicas[0], replicas[2])
    send(replicas[1], replicas[2])
    send(replicas[1], replicas[0])
    for one in (replicas[0], replicas[2]):
        assert str(reasons(one)["c", (("text", b"c1"),)]).startswith("check: ")
        assert_settled(one)
    write(replicas[1], "INSERT INTO p VALUES ('p1')")
    send(replicas[1], replicas[0])
    assert ("c1", "p1", 0) in rows(replicas[0], "c")
    assert_alike(replicas)
    assert not reasons(replicas[2])
    arrives_again(replicas)


def test_a_default_that_leads_nowhere_is_not_shown(tmp_path: Path) -> None:
    """Where the default refers to nothing either, the row is held, also one that was there before all replication."""
    schema = (
        "CREATE TABLE p (id TEXT PRIMARY KEY NOT NULL);"
        "CREATE TABLE c (id TEXT PRIMARY KEY NOT NULL, ref TEXT DEFAULT 'never' REFERENCES p ON DELETE SET DEFAULT);"
        "INSERT INTO p VALUES ('p1'); INSERT INTO c VALUES ('c1', 'p1');"
    )
    a, b = some(tmp_path, schema)
    come_to_rest([a, b])
    write(b, "DELETE FROM p", foreign_keys=False)
    send(b, a)
    assert rows(a, "c") == []
    assert_alike([a, b])


# -- values and marks ------------------------------------------------------------------------------


def test_a_suffix_depends_on_its_row_alone(tmp_path: Path) -> None:
    """Rows that lost a value show the same suffixes, whichever arrives first and whatever else is there; a row of that very text wins."""
    schema = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, name TEXT UNIQUE)"
    replicas = some(tmp_path, schema, 4)
    for one in replicas:
        one.set_unique("t", ["name"], "suffix")
    base = replicas[3]
    for number, one in enumerate(replicas[:3]):
        write(one, f"INSERT INTO t VALUES ('r{number}', 'x'), ('s{number}', 'y')")
    in_all_orders(tmp_path, schema, replicas[:3], base)
    come_to_rest(replicas)
    suffixed = [name for _, name in rows(base, "t") if "#" in name]
    assert len({*suffixed}) == 4
    write(base, f"DELETE FROM t WHERE id = 'r0'; INSERT INTO t VALUES ('new', '{suffixed[0]}#')")
    assert_alike(replicas)
    (taken,) = [name for _, name in rows(base, "t") if name.startswith("x#") and not name.endswith("#")]
    write(replicas[1], f"INSERT INTO t VALUES ('z', '{taken}-')")
    write(replicas[1], f"UPDATE OR IGNORE t SET name = '{taken}' WHERE id = 'z'")
    assert_alike(replicas)


def test_a_column_that_others_refer_to_gets_no_suffix(tmp_path: Path) -> None:
    """A value that a foreign key refers to, or that refers to one, is never changed: its row is held."""
    schema = (
        "CREATE TABLE u (id TEXT PRIMARY KEY NOT NULL, mail TEXT UNIQUE);"
        "CREATE TABLE n (id TEXT PRIMARY KEY NOT NULL, mail TEXT REFERENCES u (mail) ON DELETE SET NULL);" + OTHER
    )
    replicas = some(tmp_path, schema)
    for one in replicas:
        one.set_unique("u", ["mail"], "suffix")
    write(replicas[0], "INSERT INTO u VALUES ('a', 'm')")
    write(replicas[1], "INSERT INTO u VALUES ('b', 'm'); INSERT INTO n VALUES ('n', 'm')")
    assert_alike(replicas)
    assert rows(replicas[0], "u") == [("a", "m")]
    assert rows(replicas[0], "n") == [("n", "m")]
    arrives_again(replicas)


def test_references_that_share_a_column_are_masked_together(tmp_path: Path) -> None:
    """Where one of two references that share a column must show NULL, the other shows what is left, on every replica and in every order."""
    schema = (
        "CREATE TABLE cell (x INT NOT NULL, y INT NOT NULL, PRIMARY KEY (x, y)) WITHOUT ROWID;"
        "CREATE TABLE pin (id TEXT PRIMARY KEY NOT NULL, x INT DEFAULT 1, y INT DEFAULT 1, z INT,"
        " FOREIGN KEY (x, y) REFERENCES cell ON DELETE SET DEFAULT, FOREIGN KEY (z, y) REFERENCES cell (x, y) ON DELETE SET NULL)"
    )
    replicas = some(tmp_path, schema, 3)
    write(replicas[0], "INSERT INTO cell VALUES (1, 1), (1, 2), (2, 2)")
    come_to_rest(replicas)
    with replicas[0].clone(tmp_path / "base.db") as base:
        write(replicas[0], "INSERT INTO pin VALUES ('p', 2, 2, 1), ('q', 1, 2, 2)")
        write(replicas[1], "DELETE FROM cell WHERE x = 2")
        write(replicas[2], "DELETE FROM cell WHERE x = 1 AND y = 2")
        in_all_orders(tmp_path, schema, replicas, base)
    come_to_rest(replicas)
    assert rows(replicas[2], "pin") == [("p", 1, None, None), ("q", 1, None, None)]


# -- turns -----------------------------------------------------------------------------------------


def test_a_row_is_shown_whose_parent_is_shown_in_the_end(tmp_path: Path) -> None:
    """A row stays although the row that it refers to was in doubt: that one's rival lost its own parent to another row."""
    schema = (
        "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, up TEXT REFERENCES t ON DELETE CASCADE, u TEXT UNIQUE);" + OTHER
    )
    replicas = some(tmp_path, schema, 2)
    write(replicas[0], "INSERT INTO t VALUES ('s', NULL, '1')")
    write(replicas[0], "INSERT INTO t VALUES ('q', 'r', '2')", foreign_keys=False)
    write(replicas[1], "INSERT INTO t VALUES ('r', NULL, '1')")
    write(replicas[1], "INSERT INTO t VALUES ('p', NULL, '2'), ('x', 'p', '3'), ('y', 'x', NULL)")
    assert_alike(replicas)
    assert [row[0] for row in rows(replicas[0], "t")] == ["p", "s", "x", "y"]
    arrives_again(replicas)


def test_a_long_chain_of_rows_settles(tmp_path: Path) -> None:
    """A row at the end of thousands that refer to one another, and whose value one of them has, is decided like any other."""
    schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, up INT REFERENCES t ON DELETE SET NULL, u UNIQUE);" + OTHER
    replicas = some(tmp_path, schema)
    chain = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
    write(replicas[0], f"{chain} INSERT INTO t SELECT i, nullif(i - 1, 0), i FROM n", foreign_keys=False)
    come_to_rest(replicas)
    write(replicas[0], "UPDATE t SET u = 'x' WHERE id = 1")
    write(replicas[1], "INSERT INTO t VALUES (5000, 3000, 'x'), (5001, 5000, 'y'); DELETE FROM t WHERE id = 1500")
    assert_alike(replicas)
    assert [row for row in rows(replicas[0], "t") if row[0] in (1, 1501, 5000)] == [(1, None, "x"), (1501, None, 1501)]


# -- stand-ins that are written --------------------------------------------------------------------


@pytest.mark.parametrize("how", ["update", "undelete"])
def test_a_restored_row_that_lives_again_has_its_own_values(tmp_path: Path, how: str) -> None:
    """A deleted row that is shown with a mask for a child's sake keeps the value behind the mask when somebody makes it live."""
    schema = (
        "CREATE TABLE e (id TEXT PRIMARY KEY NOT NULL);"
        "CREATE TABLE p (id TEXT PRIMARY KEY NOT NULL, friend TEXT REFERENCES e ON DELETE SET NULL, v);"
        "CREATE TABLE c (id TEXT PRIMARY KEY NOT NULL, p TEXT REFERENCES p);" + OTHER
    )
    replicas = some(tmp_path, schema, 3)
    write(replicas[0], "INSERT INTO e VALUES ('e'); INSERT INTO p VALUES ('p', 'e', 0)")
    come_to_rest(replicas)
    write(replicas[0], "INSERT INTO c VALUES ('c', 'p')")
    write(replicas[1], "DELETE FROM p; DELETE FROM e")
    assert_alike(replicas)
    assert rows(replicas[2], "p") == [("p", None, 0)]
    if how == "update":
        write(replicas[2], "UPDATE p SET v = 1")
    else:
        replicas[2].undelete("p", "p")
    assert_alike(replicas)
    assert rows(replicas[0], "p")[0][1] is None
    write(replicas[0], "INSERT INTO e VALUES ('e')")
    assert_alike(replicas)
    assert rows(replicas[1], "p") == [("p", "e", int(how == "update"))]


# -- what a row may come to refer to ---------------------------------------------------------------


def test_a_row_waits_for_what_a_shown_row_may_refer_to_by_default(tmp_path: Path) -> None:
    """A shown row may come to refer to its default: two rows that it leads to one another by that have one turn, the same on all replicas."""
    schema = (
        "CREATE TABLE ship (id TEXT PRIMARY KEY NOT NULL, captain TEXT DEFAULT 's1' REFERENCES sailor ON DELETE SET DEFAULT);"
        "CREATE TABLE sailor (id TEXT PRIMARY KEY NOT NULL, ship TEXT REFERENCES ship, rank INT, UNIQUE (ship, rank));"
        + OTHER
    )
    replicas = some(tmp_path, schema, 3)
    write(replicas[0], "INSERT INTO sailor VALUES ('s2', NULL, 1); INSERT INTO ship VALUES ('h2', 's2')")
    come_to_rest(replicas)
    write(replicas[0], "INSERT INTO sailor VALUES ('s3', 'h2', 1)")
    write(replicas[1], "INSERT INTO sailor VALUES ('s1', 'h2', 1)")
    write(replicas[2], "INSERT INTO sailor VALUES ('s4', 'h2', 2)")
    in_all_orders(tmp_path, schema, replicas[:2], replicas[2])
    assert_alike(replicas)
    assert rows(replicas[0], "sailor") == [("s1", "h2", 1), ("s2", None, 1), ("s4", "h2", 2)]


def test_a_row_waits_for_a_shown_row_that_may_have_its_value_by_default(tmp_path: Path) -> None:
    """A shown row may come to have its default, and then the value of another one: that one waits for it, and for what it refers to."""
    schema = (
        "CREATE TABLE ship (id TEXT PRIMARY KEY NOT NULL, captain TEXT DEFAULT 's1' UNIQUE REFERENCES sailor ON DELETE SET DEFAULT,"
        " name TEXT UNIQUE);"
        "CREATE TABLE sailor (id TEXT PRIMARY KEY NOT NULL, ship TEXT REFERENCES ship, rank INT UNIQUE);" + OTHER
    )
    replicas = some(tmp_path, schema, 3, now=Clock(step=1000))
    a, b, _ = replicas
    write(a, "INSERT INTO sailor VALUES ('s1', NULL, 9), ('s2', NULL, 5), ('s3', NULL, 6)")
    write(a, "INSERT INTO ship VALUES ('h2', 's2', 'sea')")
    come_to_rest(replicas)
    write(a, "UPDATE sailor SET rank = 1 WHERE id = 's3'")
    write(b, "UPDATE sailor SET rank = 1 WHERE id = 's2'")
    write(a, "INSERT INTO ship VALUES ('h1', 's1', 'sun'); UPDATE sailor SET ship = 'h1' WHERE id = 's3'")
    write(b, "INSERT INTO ship VALUES ('h9', NULL, 'sun')")
    assert_alike(replicas)
    assert rows(a, "ship") == [("h1", "s1", "sun"), ("h2", "s2", "sea")]
    assert rows(a, "sailor") == [("s1", None, 9), ("s2", None, 1)]


# -- schemas and policies in between ---------------------------------------------------------------


def test_settling_goes_on_after_schemas_and_policies_change(tmp_path: Path) -> None:
    """A new UNIQUE index, another row policy, a table that is disabled and enabled again: what is shown follows from what is known."""
    schema = (
        "CREATE TABLE p (id TEXT PRIMARY KEY NOT NULL, u);"
        "CREATE TABLE c (id TEXT PRIMARY KEY NOT NULL, p TEXT REFERENCES p ON DELETE SET NULL, up TEXT REFERENCES c ON DELETE SET NULL);"
        + OTHER
    )
    replicas = some(tmp_path, schema)
    write(
        replicas[0],
        "INSERT INTO p VALUES ('p1', 1), ('p2', 1); INSERT INTO c VALUES ('c1', 'p1', NULL), ('c2', 'p2', 'c1')",
    )
    come_to_rest(replicas)
    write(replicas[0], "DELETE FROM p WHERE id = 'p1'")
    write(replicas[1], "UPDATE p SET u = 2 WHERE id = 'p1'")
    assert_alike(replicas)
    for one in replicas:
        one.set_rows("p", "delete-wins")
        assert_settled(one)
    assert_alike(replicas)
    assert rows(replicas[0], "c") == [("c1", None, None), ("c2", "p2", "c1")]
    for one in replicas:
        one.alter("CREATE UNIQUE INDEX c_p ON c (p)")
        assert_settled(one)
    write(replicas[0], "UPDATE c SET p = 'p2' WHERE id = 'c2'")
    write(
        replicas[1],
        "INSERT INTO c VALUES ('c3', NULL, 'c2'); UPDATE c SET p = NULL WHERE id = 'c2'; UPDATE c SET p = 'p2' WHERE id = 'c3'",
    )
    assert_alike(replicas)
    for one in replicas:
        one.alter("DROP INDEX c_p")
        assert_settled(one)
    for one in replicas:
        one.disable("other")
        one.enable("other")
        assert_settled(one)
    arrives_again(replicas)


# -- doctor and repair -----------------------------------------------------------------------------


def damaged(directory: Path) -> Replica:
    """Make a file as versions before decision 0017 could leave it: a masked row is in no table, and a restored one is gone."""
    schema = (
        "CREATE TABLE p (id TEXT PRIMARY KEY NOT NULL);"
        "CREATE TABLE c (id TEXT PRIMARY KEY NOT NULL, p TEXT REFERENCES p ON DELETE SET NULL);"
        "CREATE TABLE d (id TEXT PRIMARY KEY NOT NULL, p TEXT REFERENCES p);" + OTHER
    )
    a, b = some(directory, schema)
    write(a, "INSERT INTO p VALUES ('p1'), ('p2')")
    come_to_rest([a, b])
    write(a, "DELETE FROM p")
    write(b, "INSERT INTO c VALUES ('c1', 'p1'); INSERT INTO d VALUES ('d1', 'p2')")
    send(b, a)
    assert (rows(a, "p"), rows(a, "c")) == ([("p2",)], [("c1", None)])
    with a.connection:
        before = a.connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, -1)
        a.connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        a.connection.execute("DELETE FROM c; UPDATE _crdt_held_c SET reason = 'waiting'")
        a.connection.execute("DELETE FROM p; UPDATE _crdt_held_p SET reason = 'deleted'")
        a.connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, before)
    return a


def test_doctor_finds_what_is_shown_otherwise_and_repair_mends_it(tmp_path: Path) -> None:
    """A row that is shown or held otherwise than follows from what is known is broken; `repair` shows what must be shown."""
    a = damaged(tmp_path)
    content = state.content(a.connection)
    report = a.doctor()
    assert state.content(a.connection) == content
    assert report.broken
    found = {(t.name, f.text.partition(" ")[0]) for t in report.tables for f in t.findings if f.about == "shown"}
    assert found == {("c", "1"), ("p", "1")}
    repaired = a.repair()
    assert {(f.table, f.rows) for f in repaired.findings} == {("c", 1), ("p", 1)}
    assert (rows(a, "p"), rows(a, "c")) == ([("p2",)], [("c1", None)])
    assert_sound(a)
    assert not a.doctor().broken
    assert not a.repair().findings


def test_doctor_takes_writes_that_wait_into_account(tmp_path: Path) -> None:
    """What programs wrote since the last command is no fault, and doctor leaves it waiting."""
    one = replica(tmp_path / "a.db", "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, u UNIQUE)", site=1)
    connection = apsw.Connection(one.connection.filename)
    connection.execute("INSERT INTO t VALUES ('a', 1)")
    connection.close()
    assert not one.doctor().broken
    assert one.connection.execute("SELECT count(*) FROM _crdt_log").fetchone() == (1,)
