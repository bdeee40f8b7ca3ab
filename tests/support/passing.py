"""Replicas that pass on what a stranger sent them, and the promise that others take it from them.

A stranger's changeset may say what no honest replica says. What is accepted of it must be such that everybody takes all that the
receiver exports from then on: else one changeset, sent once, cuts the receiver off from all others for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from pathlib import Path

import apsw

from crdtsql import CrdtsqlError, Replica
from crdtsql.base.errors import RejoinError
from tests.support import links
from tests.support.forge import as_image
from tests.support.library import sparing
from tests.support.peers import START_MS, Clock, fast_directory
from tests.support.state import opened
from tests.support.victim import LATER_MS

SCHEMA = """
CREATE TABLE typed (id TEXT PRIMARY KEY NOT NULL, n INTEGER DEFAULT 0, s TEXT, m TEXT, r, x REAL, b TEXT, w TEXT UNIQUE);
CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT, up INTEGER REFERENCES note (id));
CREATE TABLE job (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT);
CREATE TABLE pair (a INTEGER, b TEXT COLLATE NOCASE, v ANY, PRIMARY KEY (a, b)) STRICT, WITHOUT ROWID;
CREATE TABLE calm (id TEXT PRIMARY KEY NOT NULL, v TEXT, u INTEGER);
"""
MORE = """
CREATE TABLE extra (id TEXT PRIMARY KEY NOT NULL, n INTEGER, s TEXT, v);
ALTER TABLE calm ADD COLUMN late TEXT; ALTER TABLE calm ADD COLUMN many TEXT; ALTER TABLE calm ADD COLUMN sum INTEGER;
"""
"""What the peer has and the receiver lacks."""
TYPES = {"n": "counter", "s": "set", "m": "map", "r": "register", "x": "grow-counter", "b": "max"}
TABLES = ("typed", "note", "job", "pair", "calm")
FILL = """
INSERT INTO typed VALUES ('k', 1, '["a","b"]', '{"a":1,"b":{"c":2}}', 'old', 1.5, 'a', 'w1'), ('l', 2, '[]', '{}', NULL, 0.5, 'b', 'w2');
INSERT INTO note VALUES (1, 'one', NULL), (2, 'two', 1);
INSERT INTO job (title) VALUES ('first'), ('second');
INSERT INTO pair VALUES (1, 'a', 1), (1, 'b', 2.5), (2, 'a', x'01');
INSERT INTO calm VALUES ('c1', 'v', 1), ('c2', 'w', 2);
"""
COUNTED = "UPDATE typed SET n = n + 2, s = json_insert(s, '$[#]', '{0}'), m = json_set(m, '$.{0}', '{0}'), r = '{0}', x = x + 1, b = '{0}'"
WRITES = (
    COUNTED.format("p"),
    """INSERT INTO typed VALUES ('new', 5, '["x"]', '{"x":1}', 'new', 0.5, 'n', 'w3')""",
    "INSERT INTO note (id, body, up) VALUES (3, 'peer', 2), (4, 'peers', 3)",
    "INSERT INTO job (title) VALUES ('of the peer')",
    "DELETE FROM pair WHERE a = 2; UPDATE pair SET v = 'two' WHERE b = 'b'",
    "UPDATE calm SET u = 5, late = 'l', many = '[1]', sum = 3 WHERE id = 'c1'",
    "INSERT INTO calm VALUES ('c3', 'n', 3, 'late', '[2,3]', 4)",
    """INSERT INTO extra VALUES ('e1', 1, '["e"]', 1.5), ('e2', 2, '[]', x'00')""",
)
THIRD = (
    COUNTED.format("q"),
    "INSERT INTO note (id, body) VALUES (3, 'third'); INSERT INTO typed (id, w) VALUES ('other', 'w3')",
    "INSERT INTO job (title) VALUES ('of the third')",
    "UPDATE pair SET v = 'zwei' WHERE a = 2; DELETE FROM calm WHERE id = 'c2'; DELETE FROM typed WHERE id = 'l'",
)
ANSWERS = (
    COUNTED.format("v"),
    "INSERT INTO note (id, body) VALUES (3, 'victim')",
    "INSERT INTO job (title) VALUES ('of the victim')",
    "UPDATE pair SET v = 'deux' WHERE a = 2; UPDATE calm SET v = 'vv' WHERE id = 'c2'",
)


@dataclass(frozen=True)
class Passing:
    """Receivers with changesets for them, and those who take what they pass on.

    Attributes:
        others: who receives from them, each serialized: one that has the same tables and no rows, one that has some of the rows, and
            one that has none of the tables.
        changesets: a receiver, serialized, and an honest changeset for it, in either format: a small and a complete one for one that
            lacks columns and a table, and a small one for one that keeps them for others already; the last also without sites that
            the receiver knows.
    """

    others: dict[str, bytes]
    changesets: list[tuple[bytes, bytes]]


def _write(one: Replica, *statements: str) -> None:
    for statement in statements:
        one.connection.execute(statement)
        one.vector()


def _new(path: Path, schema: str, site: int, *tables: str) -> Replica:
    connection = apsw.Connection(str(path))
    connection.execute(schema)
    connection.close()
    ids = count(site)
    opened = Replica.open(path, now=lambda: START_MS, make_site=lambda: bytes([next(ids)]) * 16)
    types = {f"typed.{name}": kind for name, kind in TYPES.items()} if "typed" in tables else {}
    opened.enable(*tables, types=types)
    return opened


def make() -> Passing:
    """Make a receiver that has met concurrent writes, and honest changesets for it with all that a changeset can hold."""
    with fast_directory() as folder:
        victim = _new(folder / "victim.db", SCHEMA + FILL, 1, *TABLES)
        victim.keep_history("calm")
        victim.keep_history("note")
        with victim.clone(folder / "calm.db") as calm:  # a site that has come to rest
            _write(calm, "INSERT INTO job (title) VALUES ('calm')")
            victim.merge(calm.export(victim.vector()))
        victim.clone(folder / "peer.db").close()
        victim.clone(folder / "third.db").close()
        with victim.clone(folder / "old.db") as old:
            others = {"old": old.connection.serialize("main")}
        for name, schema, tables in (
            ("empty", SCHEMA, TABLES),
            ("bare", "CREATE TABLE own (id TEXT PRIMARY KEY NOT NULL)", ("own",)),
        ):
            with _new(folder / f"{name}.db", schema, 9, *tables) as other:
                others[name] = other.connection.serialize("main")
        with (
            Replica.open(folder / "peer.db", now=lambda: LATER_MS) as peer,
            Replica.open(folder / "third.db", now=lambda: LATER_MS) as third,
        ):
            for statement in MORE.split(";")[:-1]:
                peer.alter(statement) if "ALTER" in statement else peer.connection.execute(statement)
            peer.enable("extra", types={"n": "counter", "s": "set"})
            peer.set_type("calm", "many", "set")
            peer.set_type("calm", "sum", "counter")
            peer.set_name("the peer")
            _write(third, *THIRD)
            with peer.acting_as("bot", session="s1", run="r1", note="why"):
                _write(peer, *WRITES)
            with victim.acting_as("ada"):
                _write(victim, *ANSWERS)
            peer.merge(third.export(peer.vector()))
            early = victim.connection.serialize("main")
            found = [(early, peer.export(victim.vector())), (early, peer.export())]
            # From then on it knows cells of which parts come, and keeps columns and a table for others.
            victim.merge(found[0][1])
            with peer.acting_as("other"):
                _write(
                    peer,
                    COUNTED.format("w"),
                    "UPDATE calm SET many = '[1,4]', sum = sum + 1",
                    "UPDATE extra SET n = n + 1, s = '[]'",
                )
            later = victim.connection.serialize("main")
            found.append((later, peer.export(victim.vector())))
            with sparing():
                spared = later, peer.export(victim.vector())
        victim.close()
    return Passing(others, [*found, spared, *((one, as_image(data)) for one, data in found)])


def receiver(image: bytes) -> Replica:
    """Open a serialized replica in memory."""
    return Replica.on(opened(image), now=lambda: LATER_MS)


def check_passes_on(victim: Replica, scene: Passing, *names: str) -> None:
    """Check that everybody, or those of these names, take what a replica exports, and that doctor finds nothing in it.

    Word that a table was disabled which is not here may stand against it, until it is dropped; and word that something was forgotten,
    which whoever lacks it gets by rejoining.
    """
    found = victim.doctor()
    assert not found.broken, [finding for table in found.tables for finding in table.findings]
    for name in names or scene.others:
        other = receiver(scene.others[name])
        try:
            _pass_on(victim, other, name)
        except RejoinError as error:
            assert name == "old" and not error.here, f"{name} refuses it: {error}"
        except CrdtsqlError as error:
            eras = [one.name for one in victim.strangers() if one.kind == "era"]
            if not (eras and "it only heard of that" in str(error)):
                raise AssertionError(f"{name} refuses it: {error}") from error
            victim.drop_strangers(*eras)
            _pass_on(victim, other, name)
        other.connection.close()


def _pass_on(victim: Replica, other: Replica, name: str) -> None:
    other.merge(victim.export(other.vector() if name == "old" else None))
    assert not other.export(victim.vector(), skip_empty=True), name


def chained() -> tuple[Replica, Replica]:
    """Make two replicas that require proofs, the first of which has written links that the other one lacks; in memory."""
    clock, made = Clock(step=1), []
    for site in (1, 2):
        connection = apsw.Connection(":memory:")
        connection.execute(SCHEMA)
        made.append(Replica.on(connection, now=clock, make_site=lambda site=site: bytes([site, *([0] * 15)])))
        made[-1].enable(*TABLES, types={f"typed.{name}": kind for name, kind in TYPES.items()})
    author, receiver = made
    links.introduced(author, receiver)
    for script in (FILL, *WRITES[:5]):
        author.connection.execute(script)
        author.export({})
    return author, receiver
