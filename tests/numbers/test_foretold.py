"""Keys that refer to rows which are not there yet: whose rows they are is not known before these are (decision 0031)."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from itertools import count
from pathlib import Path
from random import Random

import apsw
import pytest

from crdtsql import Replica
from crdtsql.base.errors import ConstraintViolationError, InvalidChangesetError
from crdtsql.wire.envelope import unpack
from crdtsql.wire.parsing import read_header
from tests.fold.test_homomorphism import compare, give
from tests.numbers.test_meant import SCHEMA, TICK_MS, make, on, rest, rows
from tests.support import seeds
from tests.support.library import connect
from tests.support.peers import START_MS
from tests.support.settled import assert_settled

SEEDS = seeds.chosen(40)

KEYED = "INSERT INTO k VALUES (2, 1, '{w}')"
QUERY = "SELECT k.v, p.name FROM k JOIN p ON p.id = k.p"


def held(replica: Replica) -> list[tuple[object, ...]]:
    """List what keeps rows out, with their values."""
    return sorted((row.key, row.reason, row.values["v"]) for row in replica.held("k"))


@pytest.mark.parametrize("meet", ["before", "after"])
def test_two_that_await_their_own(meet: str) -> None:
    """Two keys of the same numbers that await a row each are two, whether they meet before the rows are known or after."""
    a, b = make(1, 2)
    for name, replica in (("a", a), ("b", b)):
        replica.connection.execute(KEYED.format(w=f"of {name}"))
        replica.fold()
    if meet == "before":
        rest(a, b)
        assert held(a) == held(b) == [((2, 1), "foreign key", "of a"), ((2, 1), "foreign key", "of b")]
    for name, replica in (("a", a), ("b", b)):
        replica.connection.execute(f"INSERT INTO p VALUES (2, 'row of {name}')")
    rest(a, b)
    assert rows(a, QUERY) == rows(b, QUERY) == [("of a", "row of a"), ("of b", "row of b")]
    assert held(a) == []


def test_one_awaits_and_one_knew() -> None:
    """A key that awaits its writer's row meets one that means the row of that number: they are two on replicas that knew first and that did not."""
    a, b, c = make(1, 2, 3)
    b.connection.execute("INSERT INTO p VALUES (2, 'of b'); " + KEYED.format(w="child of b"))
    a.connection.execute(KEYED.format(w="child of a"))
    give(a, c)
    give(b, c)
    a.connection.execute("INSERT INTO p VALUES (2, 'of a')")
    rest(a, b, c)
    assert rows(a, QUERY) == [("child of a", "of a"), ("child of b", "of b")]


def test_one_awaits_and_never_inserts() -> None:
    """A key whose writer never inserts the row is shown under the number that was written, whoever has it."""
    a, b = make(1, 2)
    a.connection.execute(KEYED.format(w="child of a"))
    b.connection.execute("INSERT INTO p VALUES (2, 'of b')")
    rest(a, b)
    assert rows(a, QUERY) == rows(b, QUERY) == [("child of a", "of b")]
    a.connection.execute("UPDATE k SET v = 'written on' WHERE p = 2")
    rest(a, b)
    assert rows(b, QUERY) == [("written on", "of b")]
    b.connection.execute("DELETE FROM k WHERE p = 2; " + KEYED.format(w="child of b"))
    rest(a, b)
    assert rows(b, QUERY) == [("child of b", "of b")]


def test_one_awaits_and_an_older_row_comes() -> None:
    """A key that awaits meets another one whose row loses the number to an older one."""
    a, c, b = make(2, 1, 9)
    c.connection.execute("INSERT INTO p VALUES (2, 'of c')")
    a.connection.execute(KEYED.format(w="child of a"))
    b.connection.execute("INSERT INTO p VALUES (2, 'of b'); " + KEYED.format(w="child of b"))
    give(a, b)
    give(c, a)
    rest(a, b, c)
    assert rows(a, QUERY) == [("child of a", "of c"), ("child of b", "of b")]


@pytest.mark.parametrize("synced", [True, False])
def test_from_before_enabling(synced: bool) -> None:
    """A key from before enabling that led nowhere awaits the next row that its file inserts."""
    a, b = make(1, 2, before=KEYED.format(w="old"))
    if synced:
        give(a, b)
        give(b, a)
    a.connection.execute("INSERT INTO p VALUES (2, 'of a')")
    b.connection.execute("INSERT INTO p VALUES (2, 'of b')")
    rest(a, b)
    assert rows(a, QUERY) == [("old", "of a")]


def test_the_first_of_its_writers_rows_is_meant() -> None:
    """A key that awaits a row means the first one that its writer inserts, also to who learns of that and later ones at once."""
    a, b = make(1, 2)
    a.connection.execute(KEYED.format(w="child"))
    give(a, b)
    for word in ("first", "second"):
        a.connection.execute(f"DELETE FROM p; INSERT INTO p VALUES (2, '{word}')")
        a.fold()
    b.connection.execute("INSERT INTO k VALUES (3, 1, 'else')")
    rest(a, b)
    assert rows(a, QUERY) == []
    a.undelete("p", next(row.key[0] for row in a.held("p", deleted=True) if row.values["name"] == "first"))
    rest(a, b)
    assert rows(a, QUERY) == rows(b, QUERY) == [("child", "first")]


def test_a_number_that_was_used_before() -> None:
    """A key that is shown with another's row awaits its own still, which its writer inserts under the number once the other one is deleted."""
    a, b = make(1, 2)
    a.connection.execute(KEYED.format(w="child"))
    b.connection.execute("INSERT INTO p VALUES (2, 'of b')")
    rest(a, b)
    assert rows(a, QUERY) == [("child", "of b")]
    a.connection.execute("UPDATE k SET v = 'kept'; DELETE FROM p; INSERT INTO p VALUES (2, 'of a')")
    rest(a, b)
    assert rows(a, QUERY) == rows(b, QUERY) == [("kept", "of a")]


def test_whoever_wrote_the_row_anew_the_key_follows() -> None:
    """A key that awaits its writer's row follows that, also if somebody who did not know it has written the row anew."""
    u, a, b, t = make(1, 2, 3, 4)
    u.connection.execute("INSERT INTO p VALUES (2, 'of u')")
    a.connection.execute(KEYED.format(w="child"))
    give(a, b)
    a.connection.execute("INSERT INTO p VALUES (2, 'of a')")
    a.fold()
    for n in range(9):
        t.connection.execute(f"INSERT INTO t VALUES ('{n}', NULL)")
        t.fold()
    t.connection.execute("INSERT INTO p VALUES (2, 'of t')")
    give(t, b)
    b.connection.execute("REPLACE INTO k VALUES (2, 1, 'by b')")
    give(b, a)
    assert rows(a, QUERY) == [("by b", "of a")]
    give(u, a)
    assert rows(a, QUERY) == [("by b", "of a")]
    rest(u, a, b, t)
    assert rows(t, QUERY) == [("by b", "of a")]


def test_a_file_of_an_earlier_format_is_brought_up(tmp_path: Path) -> None:
    """Keys in a file of format 6 await what they would have awaited, whatever the file has learnt since."""
    a, b, c = make(1, 2, 3)
    a.connection.execute(KEYED.format(w="child"))
    b.connection.execute("INSERT INTO p VALUES (2, 'of b'); INSERT INTO k VALUES (2, 2, 'knows')")
    give(a, c)
    for number, replica in enumerate((a, c)):
        path = tmp_path / f"{number}.db"
        path.write_bytes(replica.connection.serialize("main"))
        old = apsw.Connection(str(path))
        old.execute(
            "UPDATE _crdt_clock_k SET k1 = 2; UPDATE _crdt_held_k SET k1 = 2; DROP TABLE _crdt_foretold; DROP TABLE _crdt_retired;"
            "DROP VIEW crdt_actor; DROP VIEW crdt_attributions; DROP TABLE _crdt_acting; DROP TABLE _crdt_attribution; DROP TABLE _crdt_was;"
            "UPDATE _crdt_meta SET value = 6 WHERE name = 'format'"
        )
        old.close()
    with Replica.open(tmp_path / "0.db") as first, Replica.open(tmp_path / "1.db") as other:
        assert held(first) == held(other) == [((2, 1), "foreign key", "child")]
        keys = "SELECT k1 FROM _crdt_clock_k"
        assert rows(first, keys) == rows(other, keys) == rows(a, keys)
        give(b, other)
        assert rows(other, QUERY) == [("child", "of b"), ("knows", "of b")]


def test_undelete_takes_the_number_that_was_written() -> None:
    """A deleted row whose key awaited one is brought back by the key that people see, as a row of whoever has that number now."""
    schema = SCHEMA.replace("v, PRIMARY KEY (p, n)", "v, CHECK (p > 0), PRIMARY KEY (p, n)")
    a, b = make(1, 2, schema=schema)
    b.connection.execute("INSERT INTO p VALUES (2, 'of b')")
    a.connection.execute(KEYED.format(w="child"))
    rest(a, b)
    b.connection.execute("DELETE FROM k")
    give(b, a)
    assert [row.key for row in a.held("k", deleted=True)] == [(2, 1)]
    b.undelete("k", 2, 1)
    a.connection.execute("INSERT INTO p VALUES (9, 'of a')")
    rest(a, b)
    assert rows(a, QUERY) == rows(b, QUERY) == [("child", "of b")]
    assert held(a) == []


def test_a_file_without_the_table() -> None:
    """Keys that await rows are kept for a table that a file lacks, and are as elsewhere once it has it."""
    (a, b), (c,) = make(1, 2), make(3, schema=SCHEMA.split(";")[0])
    a.connection.execute(KEYED.format(w="of a"))
    b.connection.execute(KEYED.format(w="of b") + "; INSERT INTO p VALUES (2, 'row of b')")
    for sender in (a, b):
        give(sender, c)
    a.connection.execute("INSERT INTO p VALUES (2, 'row of a')")
    give(a, c)
    for statement in SCHEMA.split(";")[1:]:
        c.connection.execute(statement)
    c.enable("c", "t", "k", "d")
    rest(a, b, c)
    assert rows(c, QUERY) == rows(a, QUERY) == [("of a", "row of a"), ("of b", "row of b")]


def test_fold_is_refused_where_foreign_keys_are_in_the_way() -> None:
    """In a transaction under enforced foreign keys fold says which row is missing; afterwards it goes on."""
    schema = SCHEMA.replace("REFERENCES p (id), n", "REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED, n")
    (a,) = make(1, schema=schema)
    a.connection.execute("PRAGMA foreign_keys = 1; BEGIN; " + KEYED.format(w="child"))
    with pytest.raises(ConstraintViolationError, match="refers to row 2 of 'p', which is not there yet"):
        a.fold()
    a.connection.execute("INSERT INTO p VALUES (2, 'row'); COMMIT")
    a.fold()
    assert rows(a, QUERY) == [("child", "row")]


def test_a_changeset_says_what_its_keys_await() -> None:
    """The header says what foretold numbers stand for, and a flag that it does, so that earlier versions refuse the changeset; others are as before."""
    a, b = make(1, 2)
    a.connection.execute("INSERT INTO p VALUES (1, 'one')")
    plain = a.export(b.vector())
    assert (plain[10], unpack(plain).header.foretold) == (0, ())
    a.connection.execute(KEYED.format(w="child"))
    flagged = a.export(b.vector())
    header = unpack(flagged).header
    sites = {site.ordinal: site.id for site in header.sites}
    assert (flagged[10], [(uid, sites[site], n) for uid, site, n in header.foretold]) == (1, [("p", header.sender, 2)])


@pytest.mark.parametrize(
    "told", [[["p", 99, 2]], [["p", 1, 1 << 63]], [["p", 1, True]], [["p", 1, "2"]], [[7, 1, 2]], [["p"]], {}, 7]
)
def test_headers_that_say_what_can_not_be_are_refused(told: object) -> None:
    """A header whose awaited rows are of no site, or have no number, is refused."""
    (a,) = make(1)
    a.connection.execute(KEYED.format(w="child"))
    header = unpack(a.export()).header.to_json()
    with pytest.raises(InvalidChangesetError):
        read_header(json.dumps(header | {"foretold": told}).encode())


FAMILY = """
CREATE TABLE p (id INTEGER PRIMARY KEY, name);
CREATE TABLE k (p {type} NOT NULL REFERENCES p (id), n INTEGER NOT NULL, v, tags TEXT, CHECK (p {check}), PRIMARY KEY (p, n)) {rowid};
CREATE TABLE kk (p {type} NOT NULL, n INTEGER NOT NULL, m INTEGER NOT NULL, v, PRIMARY KEY (m, n, p), FOREIGN KEY (p, n) REFERENCES k (p, n)){strict};
CREATE TABLE d (id TEXT PRIMARY KEY NOT NULL, p {type}, n INTEGER, FOREIGN KEY (p, n) REFERENCES k (p, n) ON DELETE SET NULL);
"""


def family(random: Random) -> str:
    """Choose tables whose keys hold numbers, as text or not, and that refuse what no program writes."""
    if random.random() < 0.3:
        return FAMILY.format(type="TEXT", check="> ''", rowid="", strict="")
    return FAMILY.format(
        type="INTEGER", check="> 0", rowid=random.choice(("", "WITHOUT ROWID")), strict=random.choice(("", " STRICT"))
    ).replace("v, PRIMARY KEY (m", "v TEXT, PRIMARY KEY (m")


def statement(random: Random) -> str:
    """Write a statement of a program that does not look whether what it refers to is there."""
    p, other, n, m = (random.choice((1, 2)) for _ in range(4))
    word = random.choice("abcdef")
    return random.choices(
        (
            f"INSERT OR IGNORE INTO p VALUES ({p}, '{word}')",
            f"INSERT OR REPLACE INTO p VALUES ({p}, '{word}')",
            f"DELETE FROM p WHERE id = {p}",
            f"UPDATE OR IGNORE p SET id = {p} WHERE id = {other}",
            f"INSERT OR IGNORE INTO k VALUES ({p}, {n}, '{word}', '[1]')",
            f"INSERT OR REPLACE INTO k VALUES ({p}, {n}, '{word}', '[2]')",
            f"UPDATE k SET v = '{word}' WHERE p = {p}",
            f"UPDATE k SET tags = json_insert(tags, '$[#]', '{word}') WHERE n = {n}",
            f"DELETE FROM k WHERE p = {p} AND n = {n}",
            f"UPDATE OR IGNORE k SET p = {p} WHERE p = {other}",
            f"INSERT OR REPLACE INTO kk VALUES ({p}, {n}, {m}, '{word}')",
            f"DELETE FROM kk WHERE m = {m}",
            f"INSERT OR REPLACE INTO d VALUES ('{word}', {p}, {n})",
        ),
        (3, 1, 2, 0.5, 5, 2, 2, 1, 2, 1, 3, 1, 2),
    )[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_random_keys_have_one_answer(seed: int) -> None:
    """Whatever keys programs write before the rows that they refer to, or instead, all replicas come to the same, in any order."""
    random = Random(seed)
    schema, declared = family(random), random.random() < 0.25
    if declared:
        schema = re.sub(
            r" REFERENCES p \(id\)|, FOREIGN KEY \(p, n\) REFERENCES k \(p, n\)( ON DELETE SET NULL)?", "", schema
        )
    fills = [";".join(statement(random) for _ in range(random.choice((0, 0, 3)))) for _ in range(3)]
    together = random.random() < 0.5
    names = ("p", "k", "kk", "d")
    replicas = []
    for number, fill in enumerate(fills, 1):
        connection = connect()
        connection.execute(schema)
        connection.execute(fill)
        replica = on(connection, number, count(START_MS + number * 1000, TICK_MS))
        for name in names if together else random.sample(names, len(names)):
            replica.enable(name, types={"tags": "set"} if name == "k" else {})
        if declared:
            for columns, parent in (("k.p", "p.id"), ("kk.p,n", "k.p,n"), ("d.p,n", "k.p,n")):
                replica.set_reference(columns, parent)
        replicas.append(replica)
    story = [schema, *fills]
    late: list[tuple[int, bytes]] = []
    for _ in range(random.choice((8, 15, 30))):
        number = random.randrange(3)
        what = random.choices(("write", "fold", "send", "late", "arrive"), (8, 2, 3, 1, 1))[0]
        other = random.choice([n for n in range(3) if n != number])
        if what == "write":
            story.append(f"{number}: {statement(random)}")
            with suppress(apsw.ConstraintError):
                replicas[number].connection.execute(story[-1][3:])
        elif what == "fold":
            replicas[number].fold()
            story.append(f"{number}: fold")
        elif what == "send":
            give(replicas[number], replicas[other])
            story.append(f"{number}: to {other}")
        elif what == "late":
            late.append((other, replicas[number].export()))
            story.append(f"{number}: later to {other}")
        elif late:
            receiver, changeset = late.pop(random.randrange(len(late)))
            replicas[receiver].merge(changeset)
            story.append(f"late to {receiver}")
            assert_settled(replicas[receiver])
    for _ in range(2):
        for sender in replicas:
            give(sender, *(receiver for receiver in replicas if receiver is not sender))
            for replica in replicas:
                assert_settled(replica)
    compare(story, *replicas)
    for replica in replicas:
        shown = replica.connection.execute("SELECT p FROM k UNION SELECT p FROM kk").fetchall()
        assert all(int(p) > 0 for (p,) in shown)
