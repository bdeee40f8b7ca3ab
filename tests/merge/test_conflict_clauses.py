"""Conflict clauses in CREATE TABLE statements: they speak to the programs that write a table, and no merge follows them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica
from crdtsql.base.errors import RolledBackError, WriteRefusedError
from tests.support import state
from tests.support.library import connect
from tests.support.peers import START_MS, come_to_rest, replica, send

TICK_MS = 1000
CLAUSES = ("REPLACE", "IGNORE", "FAIL", "ROLLBACK", "ABORT")
SCHEMA = """
CREATE TABLE up (id TEXT PRIMARY KEY{c} NOT NULL{c}, v);
CREATE TABLE t (
  k TEXT NOT NULL{c}, u TEXT UNIQUE{c}, p, q, low INTEGER NOT NULL{c} DEFAULT 0, high INTEGER NOT NULL{c} DEFAULT 9,
  up TEXT NOT NULL{c} DEFAULT 'p0' REFERENCES up ON DELETE SET NULL, name TEXT COLLATE NOCASE, g TEXT AS (lower(name)) UNIQUE{c},
  n INTEGER DEFAULT 0 CHECK (n < 10),
  CONSTRAINT twice UNIQUE (p, q){c}, CONSTRAINT bounds CHECK (low <= high){c}, PRIMARY KEY (k){c}
);
CREATE TABLE seen (k PRIMARY KEY{c}, times);
INSERT INTO up VALUES ('p0', 0), ('p1', 1);
INSERT INTO t (k, u, p, q, name) VALUES ('k1', 'u1', 1, 1, 'one'), ('k2', 'u2', 1, 2, 'two'), ('k3', 'u3', 1, 3, 'three');
"""
TRIGGERS = """
CREATE TRIGGER seen_insert AFTER INSERT ON t BEGIN INSERT OR IGNORE INTO seen VALUES (NEW.k, 0); END;
CREATE TRIGGER seen_update AFTER UPDATE ON t BEGIN INSERT OR REPLACE INTO seen VALUES (NEW.k, 1); END;
"""
HISTORIES = {
    "new rows want one value": [
        ("INSERT INTO t (k, u) VALUES ('a', 'same')", "INSERT INTO t (k, u) VALUES ('b', 'same')"),
        ("UPDATE t SET p = 7 WHERE u = 'same'", "UPDATE up SET v = 5"),
        ("DELETE FROM t WHERE u = 'same'", ""),
    ],
    "updates want one value": [
        ("UPDATE t SET u = 'same' WHERE k = 'k1'", "UPDATE t SET u = 'same' WHERE k = 'k2'"),
        ("", "UPDATE t SET u = 'free' WHERE u = 'same'"),
    ],
    "a new row and an update want one value": [
        ("INSERT INTO t (k, u, p, q) VALUES ('a', 'new', 2, 2)", "UPDATE t SET u = 'new', q = 5 WHERE k = 'k2'"),
    ],
    "rows exchange their values": [
        ("UPDATE t SET u = NULL WHERE k = 'k1'; UPDATE t SET u = 'u1' WHERE k = 'k2'; UPDATE t SET u = 'u2' WHERE k = 'k1'", ""),
    ],
    "a table constraint and a generated column": [
        ("UPDATE t SET q = 4 WHERE k = 'k1'", "UPDATE t SET q = 4 WHERE k = 'k2'"),
        ("UPDATE t SET name = 'SAME' WHERE k = 'k2'", "UPDATE t SET name = 'same' WHERE k = 'k3'"),
    ],
    "two updates break a check": [
        ("UPDATE t SET low = 8 WHERE k = 'k1'", "UPDATE t SET high = 3, name = 'x' WHERE k = 'k1'"),
        ("UPDATE t SET p = 3 WHERE k = 'k2'", ""),
    ],
    "a reference can't be shown as NULL": [
        ("UPDATE t SET up = 'p1' WHERE k = 'k1'; INSERT INTO t (k, up) VALUES ('a', 'p1')", "DELETE FROM up WHERE id = 'p1'"),
        ("INSERT INTO up VALUES ('p1', 'again')", ""),
    ],
    "a counter leaves its bounds": [
        ("UPDATE t SET n = n + 6", "UPDATE t SET n = n + 6 WHERE k <> 'k2'"),
        ("", "INSERT INTO t (k, n) VALUES ('late', 3)"),
    ],
}  # fmt: skip


def pair(clause: str, more: str = "", schemas: tuple[str, str] = (SCHEMA, SCHEMA)) -> tuple[Replica, Replica]:
    """Give two replicas of a schema whose constraints have a clause."""
    images, now_ms = enabled_pair(clause, more, schemas)
    clock = count(now_ms, TICK_MS)
    one, other = (on(state.opened(image), site, clock, first=1) for site, image in enumerate(images, 1))
    return one, other


@cache
def enabled_pair(clause: str, more: str, schemas: tuple[str, str]) -> tuple[list[bytes], int]:
    """Make two replicas that know each other's rows; return their images, and what their clock says next."""
    declared = f" ON CONFLICT {clause}" if clause else ""
    clock = count(START_MS, TICK_MS)
    found = []
    for site, schema in enumerate(schemas, 1):
        opened = on(connect(), site, clock)
        opened.connection.execute(schema.replace("{c}", declared) + more)
        opened.enable("up", identity="key")
        opened.enable("t", identity="key", types={"n": "counter"})
        found.append(opened)
    come_to_rest(found)
    return [one.connection.serialize("main") for one in found], next(clock)


def on(connection: apsw.Connection, site: int, clock: Iterator[int], *, first: int = 0) -> Replica:
    """Open a replica whose site ids begin with a number, on a clock that goes on with every look."""
    ids = count(first)
    return Replica.on(connection, now=lambda: next(clock), make_site=lambda: bytes([site, *([0] * 14), next(ids)]))


def seen(of: Replica) -> dict[str, Any]:
    """Return all that a replica shows and holds."""
    shown = {name: of.connection.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall() for name in ("t", "up", "seen")}
    return {**shown, "held": state.held(of.connection), "state": state.shared(of.connection)}


def play(clause: str, triggers: str, history: str) -> list[dict[str, Any]]:
    """Play a history on two replicas; return what both show after each round."""
    a, b = pair(clause, triggers)
    found = []
    for written in HISTORIES[history]:
        for writer, statements in zip((a, b), written, strict=True):
            writer.connection.execute(f"PRAGMA foreign_keys = ON; {statements}; PRAGMA foreign_keys = OFF")
            writer.vector()
        come_to_rest([a, b])
        assert state.shared(a.connection) == state.shared(b.connection)
        found += [seen(a), seen(b)]
    return found


@pytest.mark.parametrize("triggers", ["", TRIGGERS], ids=["", "triggers"])
@pytest.mark.parametrize("history", HISTORIES)
def test_merging_does_not_depend_on_conflict_clauses(history: str, triggers: str) -> None:
    """Whatever ON CONFLICT clauses the constraints of a table have, a merge shows and holds what it does without any."""
    without = play("", triggers, history)
    assert any(reason != "deleted" for step in without for reason in step["held"].values()) or "exchange" in history
    turn = [*HISTORIES].index(history)
    for clause in {CLAUSES[0], CLAUSES[1 + turn % 3]}:
        assert play(clause, triggers, history) == without, clause


@pytest.mark.parametrize("triggers", ["", TRIGGERS], ids=["", "triggers"])
@pytest.mark.parametrize("clause", CLAUSES)
def test_null_from_a_schema_without_not_null_is_held(clause: str, triggers: str) -> None:
    """A NULL from a replica whose column allows it is held where the column is NOT NULL, with any conflict clause."""
    nullable = SCHEMA.replace("low INTEGER NOT NULL{c} DEFAULT 0", "low INTEGER DEFAULT 0")
    a, b = pair(clause, triggers, (SCHEMA, nullable))
    b.connection.execute("UPDATE t SET low = NULL WHERE k = 'k1'; INSERT INTO t (k, low) VALUES ('new', NULL)")
    send(b, a)
    assert a.connection.execute("SELECT k FROM t ORDER BY k").fetchall() == [("k2",), ("k3",)]
    assert {reason for reason in state.held(a.connection).values()} == {"check: NOT NULL constraint failed: t.low"}
    b.connection.execute("UPDATE t SET low = 1")
    send(b, a)
    assert a.connection.execute("SELECT k FROM t ORDER BY k").fetchall() == [("k1",), ("k2",), ("k3",), ("new",)]


@pytest.mark.parametrize("triggers", ["", TRIGGERS], ids=["", "triggers"])
@pytest.mark.parametrize("clause", CLAUSES)
def test_undelete_and_resolve_are_refused_under_any_clause(clause: str, triggers: str) -> None:
    """A row that is brought back, and an answer to a conflict, take nothing from another row, with any conflict clause."""
    a, b = pair(clause, triggers)
    a.connection.execute(
        "DELETE FROM t WHERE k = 'k1'; UPDATE t SET u = 'u1' WHERE k = 'k2'; UPDATE t SET p = 2 WHERE k = 'k3'"
    )
    b.connection.execute("UPDATE t SET p = 3 WHERE k = 'k3'")
    send(b, a)
    (conflict,) = [found.id for found in a.conflicts() if found.column == "p"]
    a.connection.execute("INSERT INTO t (k, p, q) VALUES ('other', 9, 3)")
    before = seen(a)["t"]
    with pytest.raises(WriteRefusedError, match="UNIQUE"):
        a.undelete("t", "k1")
    with pytest.raises(WriteRefusedError, match="UNIQUE"):
        a.resolve(conflict, value=9)
    assert seen(a)["t"] == before


@pytest.mark.parametrize("clause", CLAUSES)
def test_columns_that_appear_are_shown_under_any_clause(clause: str) -> None:
    """A column with a clause that is added late shows what others wrote to it; rows that it can't show are held."""
    a, b = pair(clause)
    b.alter(f"ALTER TABLE t ADD COLUMN late TEXT NOT NULL ON CONFLICT {clause} DEFAULT 'x' CHECK (late <> 'bad')")
    b.connection.execute("UPDATE t SET late = 'new' WHERE k <> 'k3'")
    send(b, a)
    a.alter(f"ALTER TABLE t ADD COLUMN late TEXT NOT NULL ON CONFLICT {clause} DEFAULT 'x' CHECK (late <> 'new')")
    assert a.connection.execute("SELECT k, late FROM t").fetchall() == [("k3", "x")]
    assert [key for (table, key), reason in state.held(a.connection).items() if table == "t"] == [
        (("text", b"k1"),),
        (("text", b"k2"),),
    ]


@pytest.mark.parametrize("clause", CLAUSES)
def test_numbers_move_under_any_clause(tmp_path: Path, clause: str) -> None:
    """Rows that get other numbers, and what refers to them, take no row's place, with any conflict clause."""
    schema = (
        f"CREATE TABLE note (id INTEGER PRIMARY KEY ON CONFLICT {clause}, v);"
        f"CREATE TABLE tag (id TEXT PRIMARY KEY ON CONFLICT {clause} NOT NULL ON CONFLICT {clause},"
        f" note INTEGER REFERENCES note UNIQUE ON CONFLICT {clause});"
    )
    a, b = (replica(tmp_path / f"{site}.db", schema, site=site, identity="row", tables=("note",)) for site in (1, 2))
    for peer, name in ((a, "a"), (b, "b")):
        peer.enable("tag")
        peer.connection.execute(f"INSERT INTO note (v) VALUES ('{name}'); INSERT INTO tag VALUES ('{name}', 1)")
        peer.vector()
    come_to_rest([a, b])
    for peer in (a, b):
        assert peer.connection.execute(
            "SELECT tag.id, v FROM tag JOIN note ON note.id = tag.note ORDER BY 1"
        ).fetchall() == [
            ("a", "a"),
            ("b", "b"),
        ]


def test_a_derived_table_that_rolls_back_is_named() -> None:
    """A merge that a trigger's own writes roll back changes nothing, and says so."""
    derived = """
    CREATE TABLE once (k PRIMARY KEY ON CONFLICT ROLLBACK);
    CREATE TRIGGER once AFTER UPDATE ON t BEGIN INSERT INTO once VALUES (1); END;
    """
    a, b = pair("", derived)
    b.connection.execute("UPDATE t SET low = 1 WHERE k = 'k1'")
    a.connection.execute("INSERT INTO once VALUES (1)")
    before = seen(a)
    with pytest.raises(RolledBackError, match="once"):
        send(b, a)
    assert seen(a) == before
