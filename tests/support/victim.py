"""A replica that receives what strangers send, and the promise that it is none the worse for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from crdtsql import CrdtsqlError, Replica
from crdtsql.base.errors import DatabaseError
from tests.support.peers import START_MS, replica
from tests.support.state import content, opened, rows

SCHEMA = """
CREATE TABLE task (
  id TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL, n INTEGER CHECK (n < 1000), x REAL, loud AS (upper(title)), mail TEXT UNIQUE
);
CREATE TABLE visit (id INTEGER PRIMARY KEY, task TEXT REFERENCES task (id), body BLOB);
CREATE TABLE pair (a INTEGER, b TEXT COLLATE NOCASE, v ANY, PRIMARY KEY (a, b)) STRICT, WITHOUT ROWID;
CREATE TABLE mine (id INTEGER PRIMARY KEY, secret TEXT);
"""
TABLES = ("pair", "task", "visit")
FILL = """
INSERT INTO task (id, title, n, x, mail) VALUES ('t1', 'one', 1, 1.5, 'a@x'), ('t2', 'two', 2, NULL, 'b@x'),
  ('t3', 'three', 3, -0.0, NULL);
INSERT INTO visit VALUES (1, 't1', x'00ff'), (2, 't2', NULL), (7, NULL, 'text');
INSERT INTO pair VALUES (1, 'a', 1), (1, 'b', 2.5), (2, 'a', x'01');
"""
WRITES = """
INSERT INTO task (id, title, n, mail) VALUES ('t4', 'four', 4, 'd@x');
UPDATE task SET title = 'TWO', n = 22 WHERE id = 't2';
DELETE FROM task WHERE id = 't3';
DELETE FROM visit WHERE id = 7;
INSERT INTO visit VALUES (9, 't4', 'nine');
UPDATE pair SET v = 'two' WHERE a = 1 AND b = 'b';
DELETE FROM pair WHERE a = 2;
"""
ANSWERS = """
UPDATE task SET title = 'uno' WHERE id = 't1';
UPDATE task SET x = 3 WHERE id = 't3';
UPDATE pair SET v = NULL WHERE a = 2;
INSERT INTO task (id, title) VALUES ('t5', 'five');
DELETE FROM visit WHERE id = 2;
"""
UNWRITTEN = "SELECT id FROM visit LEFT JOIN _crdt_clock_visit AS clock ON clock.k1 = id WHERE coalesce(clock.c0_t, clock.t, -1) < 0"
"""Visits whose task nobody wrote since the table was enabled: such a reference to nothing stays as it is, on every replica."""
LATER_MS = START_MS + 60_000


def pair_of(folder: Path, later: bool = True) -> tuple[Replica, Replica]:
    """Make a victim with rows, and a peer with news and further heads for it."""
    folder.mkdir(parents=True, exist_ok=True)
    victim = replica(folder / "victim.db", SCHEMA + FILL, tables=TABLES, site=1)
    victim.clone(folder / "peer.db")
    moment = LATER_MS if later else START_MS
    peer = Replica.open(folder / "peer.db", now=lambda: moment)
    third_path = folder / "third.db"
    victim.clone(third_path)
    third = Replica.open(third_path, now=lambda: moment)
    peer.connection.execute(WRITES)
    third.connection.execute(
        "UPDATE task SET x = 7 WHERE id = 't3'; UPDATE task SET n = 5 WHERE id = 't2'; DELETE FROM pair WHERE a = 2"
    )
    peer.merge(third.export(peer.vector()))
    third.close()
    victim.connection.execute(ANSWERS)
    victim.vector()
    return victim, peer


def keep(victim: Replica, data: bytes) -> CrdtsqlError | None:
    """Hand bytes to a replica: they are refused and change nothing, or applied and leave it sound. Return the refusal.

    Anything but a CrdtsqlError goes through, so that the test fails with it.
    """
    before = content(victim.connection)
    try:
        victim.merge(data)
    except CrdtsqlError as error:
        assert content(victim.connection) == before, f"refused with {error!r}, yet changed"
        assert str(error).strip()
        return error
    check_sound(victim)
    return None


def check_sound(victim: Replica) -> None:
    """Check a replica from the inside, and that all verbs still work on it."""
    assert victim.connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    dangling = {rowid for _, rowid, *_ in victim.connection.execute("PRAGMA foreign_key_check")}
    assert dangling <= {id_ for (id_,) in victim.connection.execute(UNWRITTEN)}, (
        "a reference that somebody wrote is not held"
    )
    assert victim.connection.execute("SELECT count(*) FROM mine").fetchall() == [(0,)]
    rows(victim.connection)
    victim.status()
    assert victim.export()
    try:
        victim.changes()
    except DatabaseError as error:
        assert "not valid UTF-8" in str(error)


@contextmanager
def refused(victim: Replica, match: str | None = None) -> Iterator[None]:
    """Expect a refusal that changes nothing."""
    before = content(victim.connection)
    with pytest.raises(CrdtsqlError, match=match):
        yield
    assert content(victim.connection) == before


def twin(image: bytes) -> Replica:
    """Make a replica in memory from a serialized one, so that each attack meets the same victim."""
    connection = apsw.Connection(":memory:")
    connection.deserialize("main", image)
    return Replica.on(connection, now=lambda: LATER_MS)


def victim_of(scene: tuple[bytes, bytes]) -> Replica:
    """Make a victim anew, in memory, of a serialized one; the other one of the two is a changeset for it."""
    return Replica.on(opened(scene[0]))
