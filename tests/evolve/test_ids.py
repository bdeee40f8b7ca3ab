"""A table that is there gets AUTOINCREMENT, and with it ids that stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica, sync
from crdtsql.base.errors import CannotAlterError, NotEnabledError, UsageError
from tests.support.peers import Clock, read, replica, write

SCHEMA = """
CREATE TABLE note ("id of" INTEGER /* the key */ PRIMARY KEY ASC ON CONFLICT FAIL, body TEXT UNIQUE -- no comma
, upper AS (upper(body)));
CREATE TABLE reply (id INTEGER PRIMARY KEY, note REFERENCES note ("id of"));
CREATE INDEX by_body ON note (body COLLATE NOCASE);
CREATE TABLE seen (body);
CREATE TRIGGER see AFTER INSERT ON note BEGIN INSERT INTO seen VALUES (NEW.body); END;
CREATE VIEW shout AS SELECT upper FROM note;
INSERT INTO note ("id of", body) VALUES (3, 'g'), (9, 'h');
"""


def two(folder: Path, schema: str = SCHEMA, **options: Any) -> tuple[Replica, Replica]:
    """Make a replica and its clone."""
    clock = Clock(step=1)
    a = replica(folder / "a.db", schema, tables=("note",), now=clock, site=1, identity=options.get("identity", "row"))
    return a, a.clone(folder / "b.db")


def insert(to: Replica, body: str) -> int:
    """Insert a note as another program does, and return the id that it is told."""
    connection = apsw.Connection(to.path)
    connection.execute("INSERT INTO note (body) VALUES (?)", (body,))
    number = connection.last_insert_rowid()
    connection.close()
    return number


def test_a_table_gets_autoincrement_and_keeps_all_it_has(tmp_path: Path) -> None:
    """Rows, indexes, triggers, views, references, stamps and what is not yet folded stay; from then on ids that were told stay too."""
    a, b = two(tmp_path)
    insert(a, "before")
    clocks = read(a, "SELECT * FROM _crdt_clock_note")
    objects = "SELECT type, name, tbl_name FROM sqlite_schema WHERE name <> 'sqlite_sequence' AND name NOT GLOB '_crdt_block_*' ORDER BY 2"
    before = read(a, objects), read(a, "SELECT * FROM note")
    assert [one.set_ids("note") for one in (a, b)] == [True, True]
    assert (read(a, objects), read(a, "SELECT * FROM note")) == before
    assert read(a, "SELECT * FROM _crdt_clock_note WHERE k1 <> 10") == clocks
    assert read(a, "PRAGMA integrity_check") == [("ok",)]
    sync(a, b)
    told = {}
    for turn in range(3):
        for one in (a, b):
            body = f"{one.path} {turn}"
            told[insert(one, body)] = body
        sync(a, b)
    for one in (a, b):
        assert told.items() <= dict(read(one, 'SELECT "id of", body FROM note')).items()
        assert one.renumbered() == []
        assert not one.doctor().broken
    assert [one.set_ids("note") for one in (a, b)] == [False, False]
    write(a, "INSERT INTO note (body) VALUES ('seen')")
    assert ("seen",) in read(a, "SELECT body FROM seen")
    b.close()
    a.close()


def test_a_key_of_the_table_constraint(tmp_path: Path) -> None:
    """The word is put into PRIMARY KEY (id) as well, also under DEFENSIVE, and where there was a table with it before."""
    schema = "CREATE TABLE old (id INTEGER PRIMARY KEY AUTOINCREMENT); CREATE TABLE note (id INTEGER, body, PRIMARY KEY (id)) STRICT"
    a, b = two(tmp_path, schema.replace("body,", "body TEXT,"))
    a.connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    assert a.set_ids("note")
    assert a.connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, -1) == 1
    assert b.set_ids("note")
    assert len({insert(one, "x") for one in (a, b)}) == 2
    b.close()
    a.close()


REFUSED = {
    "text": ("CREATE TABLE note (id TEXT PRIMARY KEY NOT NULL, body)", {}, "is not one INTEGER PRIMARY KEY"),
    "two": (
        "CREATE TABLE note (id INTEGER, n INTEGER, body, PRIMARY KEY (id, n))",
        {"identity": "key"},
        "is not one INTEGER",
    ),
    "without rowid": (
        "CREATE TABLE note (id INTEGER PRIMARY KEY, body) WITHOUT ROWID",
        {"identity": "key"},
        "is not one INTEGER",
    ),
    "key": ("CREATE TABLE note (id INTEGER PRIMARY KEY, body)", {"identity": "key"}, "identity key"),
    "check": ("CREATE TABLE note (id INTEGER PRIMARY KEY CHECK (id < 100), body)", {}, "a CHECK names 'id'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_tables_that_can_not_have_it(tmp_path: Path, name: str) -> None:
    """A table for which AUTOINCREMENT makes no sense is refused with the reason, and stays as it is."""
    schema, options, reason = REFUSED[name]
    identity = options.get("identity", "key" if name == "text" else "row")
    a, b = two(tmp_path, schema, identity=identity)
    before = read(a, "SELECT name, sql FROM sqlite_schema")
    with pytest.raises(CannotAlterError, match=reason):
        a.set_ids("note")
    assert read(a, "SELECT name, sql FROM sqlite_schema") == before
    with pytest.raises(UsageError, match="no way 'random'"):
        a.set_ids("note", "random")
    with pytest.raises(NotEnabledError):
        a.set_ids("other")
    b.close()
    a.close()


def test_no_id_is_given_again(tmp_path: Path) -> None:
    """From then on the id of a row that is deleted is not given to another one, by programs that had the file open before either."""
    clock = Clock(step=1)
    alone = replica(tmp_path / "a.db", SCHEMA, tables=("note",), now=clock, site=1, identity="row")
    program = apsw.Connection(alone.path)
    program.execute("SELECT * FROM note").fetchall()
    assert alone.set_ids("note")
    program.execute("DELETE FROM note WHERE body = 'h'; INSERT INTO note (body) VALUES ('i')")
    assert program.last_insert_rowid() == 10
    program.execute("DELETE FROM note WHERE body = 'i'; INSERT INTO note (body) VALUES ('j')")
    assert program.last_insert_rowid() == 11
    program.close()
    alone.close()
