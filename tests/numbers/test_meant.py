"""Which row a number means that is written before its row, between two rows of that number, or after them (decision 0016)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from itertools import count
from random import Random
from typing import Any

import apsw
import pytest

from crdtsql import Replica
from crdtsql.wire.envelope import unpack
from tests.fold import logs
from tests.fold.test_homomorphism import compare, give
from tests.support import seeds, state
from tests.support.library import connect
from tests.support.peers import START_MS, merged_in_all_orders

SEEDS = seeds.chosen(30)
TICK_MS = 10_000
SCHEMA = """
CREATE TABLE p (id INTEGER PRIMARY KEY, name);
CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p (id), what);
CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, p TEXT REFERENCES p (id));
CREATE TABLE k (p INTEGER NOT NULL REFERENCES p (id), n INTEGER NOT NULL, v, PRIMARY KEY (p, n)) WITHOUT ROWID;
CREATE TABLE d (k INTEGER, n INTEGER, v TEXT PRIMARY KEY NOT NULL, FOREIGN KEY (k, n) REFERENCES k (p, n));
"""
CHILDREN = {
    "a plain column": ("INSERT INTO c VALUES ({n}, {p}, '{w}')", "SELECT c.what, p.name FROM c JOIN p ON p.id = c.p"),
    "a column of text": ("INSERT INTO t VALUES ('{w}', '{p}')", "SELECT t.id, p.name FROM t JOIN p ON p.id = t.p"),
    "a part of the key": ("INSERT INTO k VALUES ({p}, {n}, '{w}')", "SELECT k.v, p.name FROM k JOIN p ON p.id = k.p"),
}


def make(*numbers: int, fill: str = "", before: str = "", schema: str = SCHEMA) -> list[Replica]:
    """Make replicas of one filled file; a lower number has an earlier clock."""
    opened = []
    for number in numbers:
        image, now_ms = enabled(number, schema, "" if opened else before)
        opened.append(on(state.opened(image), number, count(now_ms, TICK_MS), first_site=1))
    if fill:
        opened[0].connection.execute(fill)
    give(opened[0], *opened[1:])
    return opened


@cache
def enabled(number: int, schema: str, before: str) -> tuple[bytes, int]:
    """Return the image of a file whose tables were just enabled, and what its clock says next."""
    connection, ticks = connect(), count(START_MS + number * 1000, TICK_MS)
    connection.execute(schema)
    connection.execute(before)
    tables = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '@_%' ESCAPE '@'"
    )
    on(connection, number, ticks).enable(*(name for (name,) in tables.fetchall()))
    image = connection.serialize("main")
    connection.close()
    return image, next(ticks)


def on(connection: apsw.Connection, number: int, ticks: Iterator[int], *, first_site: int = 0) -> Replica:
    """Open a replica whose clock goes on with every look, and whose site ids begin with its number."""
    sites = count(first_site)
    return Replica.on(connection, now=lambda: next(ticks), make_site=lambda: bytes([number, *([0] * 14), next(sites)]))


def rest(*replicas: Replica) -> None:
    """Exchange everything, and check that all have everything alike and nothing dangles."""
    for _ in range(2):
        for sender in replicas:
            give(sender, *(receiver for receiver in replicas if receiver is not sender))
    first = state.shared(replicas[0].connection)
    for replica in replicas:
        found = state.shared(replica.connection)
        assert found == first
        assert replica.connection.execute("PRAGMA foreign_key_check").fetchall() == []


def rows(replica: Replica, query: str) -> list[tuple[Any, ...]]:
    """Read rows, sorted."""
    return sorted(replica.connection.execute(query).fetchall())


@pytest.mark.parametrize("synced", [True, False], ids=["the reference travels first", "all at once"])
@pytest.mark.parametrize("older", ["its own", "the other one"])
@pytest.mark.parametrize("how", CHILDREN)
def test_a_reference_before_its_row_means_its_writers_next_one(how: str, older: str, synced: bool) -> None:
    """A reference that is written before its row means the next row that its writer inserts, whichever keeps the number."""
    insert, query = CHILDREN[how]
    a, b, c = make(*((1, 2, 3) if older == "its own" else (2, 1, 3)))
    a.connection.execute(insert.format(n=1, p=2, w="child"))
    if synced:
        rest(a, b, c)
        assert rows(c, query) == []
    a.connection.execute("INSERT INTO p VALUES (2, 'of a')")
    b.connection.execute("INSERT INTO p VALUES (2, 'of b')")
    give(b, c)
    rest(a, b, c)
    assert rows(a, query) == rows(b, query) == rows(c, query) == [("child", "of a")]


@pytest.mark.parametrize("how", CHILDREN)
def test_a_reference_whose_writer_never_has_the_row_has_one_answer(how: str) -> None:
    """A reference whose writer never inserted the row means the row that keeps the number, on all replicas."""
    insert, query = CHILDREN[how]
    a, b, c = make(3, 1, 2)
    a.connection.execute(insert.format(n=1, p=2, w="child"))
    rest(a, b, c)
    c.connection.execute("INSERT INTO p VALUES (2, 'of c')")
    give(c, a)
    b.connection.execute("INSERT INTO p VALUES (2, 'of b')")
    rest(a, b, c)
    assert rows(a, query) == rows(b, query) == [("child", "of b")]


def test_a_reference_from_before_enabling_has_one_answer() -> None:
    """A reference that led nowhere when the table was enabled means the next row that its file inserts."""
    a, b = make(2, 1, before="INSERT INTO c VALUES (1, 2, 'child')")
    a.connection.execute("INSERT INTO p VALUES (2, 'of a')")
    b.connection.execute("INSERT INTO p VALUES (2, 'of b')")
    rest(a, b)
    query = CHILDREN["a plain column"][1]
    assert rows(a, query) == rows(b, query) == [("child", "of a")]


@pytest.mark.parametrize("folded", ["", "between", "after"])
@pytest.mark.parametrize("how", CHILDREN)
def test_a_number_used_again_on_both_sides_is_two_rows(how: str, folded: str) -> None:
    """DELETE and INSERT of one number on both sides, before any command or with one: two rows, each with its own children."""
    insert, query = CHILDREN[how]
    a, b = make(1, 2, fill="INSERT INTO p VALUES (1, 'one'), (2, 'two')")
    for name, replica in (("a", a), ("b", b)):
        replica.connection.execute("DELETE FROM p WHERE id = 2")
        if folded == "between":
            replica.fold()
        replica.connection.execute(f"INSERT INTO p (id, name) VALUES (2, 'new of {name}')")
        replica.connection.execute(insert.format(n=1, p=2, w=f"child of {name}"))
        if folded == "after":
            replica.fold()
    rest(a, b)
    expected = [("child of a", "new of a"), ("child of b", "new of b")]
    if how == "a plain column":  # whose own number is another one then
        assert rows(a, "SELECT count(*) FROM c") == [(2,)]
    assert rows(a, query) == rows(b, query) == expected
    assert rows(a, "SELECT name FROM p") == [("new of a",), ("new of b",), ("one",)]


def test_a_number_used_many_times_in_one_log() -> None:
    """Each row of a number that came and went within one log is a row of its own, with the children that were written in its time."""
    a, b = make(1, 2, fill="INSERT INTO p VALUES (5, 'first'); INSERT INTO c VALUES (1, 5, 'of first')")
    for n in (2, 3, 4):
        a.connection.execute(
            f"DELETE FROM p WHERE id = 5; INSERT INTO p VALUES (5, 'row {n}'); INSERT INTO c VALUES ({n}, 5, 'of row {n}')"
        )
    b.connection.execute("UPDATE p SET name = 'kept' WHERE id = 5")
    rest(a, b)
    assert rows(a, "SELECT name FROM p") == [("kept",), ("row 4",)]
    assert rows(a, CHILDREN["a plain column"][1]) == [("of first", "kept"), ("of row 4", "row 4")]
    assert {entry.reason for entry in a.held()} >= {"deleted"} or len(a.held()) >= 2


def test_what_refers_to_a_reference_follows_too() -> None:
    """A key that is made of a reference moves with it, and so does what refers to that key."""
    a, b = make(2, 1)
    a.connection.execute(
        "INSERT INTO k VALUES (2, 1, 'k'); INSERT INTO d VALUES (2, 1, 'd'); INSERT INTO p VALUES (2, 'of a')"
    )
    b.connection.execute("INSERT INTO p VALUES (2, 'of b')")
    rest(a, b)
    query = "SELECT d.v, k.v, p.name FROM d JOIN k ON k.p = d.k AND k.n = d.n JOIN p ON p.id = k.p"
    assert rows(a, query) == rows(b, query) == [("d", "k", "of a")]


@pytest.mark.parametrize(
    "statement", ["REPLACE INTO p VALUES (2, 'new')", "UPDATE OR REPLACE p SET id = 2, name = 'new' WHERE id = 1"]
)
@pytest.mark.parametrize("recursive", [0, 1])
@pytest.mark.parametrize("folded", [True, False])
def test_replacing_keeps_the_row(statement: str, recursive: int, folded: bool) -> None:
    """REPLACE over a row keeps it, whatever triggers it fires, of a row that was folded or not: its children stay."""
    a, b = make(1, 2, fill="INSERT INTO p VALUES (1, 'one')")
    a.connection.execute("INSERT INTO p VALUES (2, 'two'); INSERT INTO c VALUES (1, 2, 'child')")
    if folded:
        give(a, b)
    a.connection.execute(f"PRAGMA recursive_triggers = {recursive}; {statement}; PRAGMA recursive_triggers = 0")
    b.connection.execute("INSERT INTO p VALUES (9, 'else')")
    rest(a, b)
    assert rows(b, CHILDREN["a plain column"][1]) == [("child", "new")]


@pytest.mark.parametrize("action", ["SET NULL", "CASCADE"])
@pytest.mark.parametrize(
    "statement", ["REPLACE INTO p VALUES (2, NULL, 'new')", "UPDATE OR REPLACE p SET id = 2, name = 'new' WHERE id = 1"]
)
@pytest.mark.parametrize("recursive", [0, 1])
@pytest.mark.parametrize("children", [1, 120])
def test_what_a_replacement_takes_along_does_not_hide_it(
    action: str, statement: str, recursive: int, children: int
) -> None:
    """REPLACE keeps the row whatever foreign keys do to other rows on the way; another one who edits it meanwhile edits that row."""
    schema = f"CREATE TABLE p (id INTEGER PRIMARY KEY, up INTEGER REFERENCES p (id) ON DELETE {action}, name)"
    a, b = make(1, 2, schema=schema, fill="INSERT INTO p VALUES (1, NULL, 'one'), (2, NULL, 'two')")
    a.connection.execute(f"INSERT INTO p SELECT value + 10, 2, 'child' FROM json_each('{list(range(children))}')")
    give(a, b)
    a.connection.execute(
        f"PRAGMA foreign_keys = 1; PRAGMA recursive_triggers = {recursive}; {statement}; PRAGMA foreign_keys = 0"
    )
    b.connection.execute("UPDATE p SET up = 1 WHERE id = 2")
    rest(a, b)
    assert rows(b, "SELECT id FROM p WHERE name = 'new'") == [(2,)]
    assert rows(b, "SELECT id FROM p WHERE name = 'two'") == []


@pytest.mark.parametrize("seed", SEEDS)
def test_random_references_have_one_answer(seed: int) -> None:
    """Whatever programs write, foreign keys enforced or not, before, between and after: all replicas come to the same."""
    random = Random(seed)
    while True:
        tables = logs.Tables.choose(random)
        if "artist" in tables.names:
            break
    replicas = [tables.open(number) for number in (1, 2, 3)]
    story: list[str] = []
    for _ in range(random.choice((10, 25, 40))):
        number = random.randrange(3)
        what = random.choices(("write", "fold", "send"), (8, 2, 3))[0]
        if what == "write":
            story.append(f"{number}: {logs.write(random, tables, replicas[number].connection)}")
        elif what == "fold":
            replicas[number].fold()
            story.append(f"{number}: fold")
        else:
            other = random.choice([n for n in range(3) if n != number])
            give(replicas[number], replicas[other])
            story.append(f"{number}: to {other}")
    for _ in range(2):
        for sender in replicas:
            give(sender, *(receiver for receiver in replicas if receiver is not sender))
    compare(story, *replicas)
    for replica in replicas:
        assert replica.connection.execute("PRAGMA foreign_key_check").fetchall() == [], "\n".join(story)


@pytest.mark.parametrize("how", CHILDREN)
@pytest.mark.parametrize("first", [1, 2])
@pytest.mark.parametrize("seen", [True, False], ids=["it had seen both", "it had seen its own"])
def test_a_row_from_before_enabling_is_one_row_in_all_files(how: str, first: int, seen: bool) -> None:
    """A reference to a row that several files had before they were enabled means that row, whichever file its writer knows it from."""
    insert, query = CHILDREN[how]
    old = "INSERT INTO p VALUES (2, 'old')"
    (a,), (b,) = make(first, before=old), make(3 - first, before=old)
    renew = "DELETE FROM p WHERE id = 2; INSERT INTO p VALUES (2, 'new')"
    if not seen:
        a.connection.execute(renew)
    give(b, a)
    if seen:
        a.connection.execute(renew)
    a.fold()
    b.connection.execute(insert.format(n=1, p=2, w="child"))
    give(b, a)
    rest(a, b)
    (number,) = a.connection.execute("SELECT k1 FROM _crdt_born_p WHERE was = 2").fetchone()
    if seen:
        a.undelete("p", number)
        rest(a, b)
    assert rows(a, query) == rows(b, query) == [("child", "old")]


@pytest.mark.parametrize("how", CHILDREN)
@pytest.mark.parametrize("old", [True, False], ids=["the reference is from before enabling", "the reference is new"])
@pytest.mark.parametrize("order", ["aab", "aba", "baa", "all at once"])
@pytest.mark.parametrize("first", [1, 2])
def test_an_old_row_of_another_file_is_not_what_a_reference_awaited(
    how: str, old: bool, order: str, first: int
) -> None:
    """A reference before its row means its writer's next one also where another file had a row of that number before enabling."""
    insert, query = CHILDREN[how]
    child = insert.format(n=1, p=2, w="child")
    (a,), (b,) = make(first, before=child if old else ""), make(3 - first, before="INSERT INTO p VALUES (2, 'of b')")
    (c,) = make(3)
    if not old:
        a.connection.execute(child)
    sent = [a.export()]
    known = a.vector()
    a.connection.execute("INSERT INTO p VALUES (2, 'of a')")
    sent.append(a.export(known))
    if order == "all at once":
        give(b, c)
        give(a, c)
    else:
        for sender in order:
            c.merge(b.export() if sender == "b" else sent.pop(0))
    assert rows(c, query) == [("child", "of a")]
    rest(a, b, c)
    assert rows(a, query) == rows(b, query) == rows(c, query) == [("child", "of a")]


@pytest.mark.parametrize("how", CHILDREN)
@pytest.mark.parametrize("order", ["bca", "cab", "acb"])
def test_a_number_used_again_elsewhere_is_not_what_a_reference_awaited(how: str, order: str) -> None:
    """Such a reference means its writer's row also where somebody else deleted that old row, and used the number again."""
    insert, query = CHILDREN[how]
    (a,), (b,), (c, d) = make(1), make(2, before="INSERT INTO p VALUES (2, 'of b')"), make(3, 4)
    a.connection.execute(insert.format(n=1, p=2, w="child"))
    give(a, d)
    a.connection.execute("INSERT INTO p VALUES (2, 'of a')")
    give(b, c)
    c.connection.execute("DELETE FROM p; INSERT INTO p VALUES (2, 'of c')")
    for sender in order:
        give({"a": a, "b": b, "c": c}[sender], d)
    assert rows(d, query) == [("child", "of a")]
    rest(a, b, c, d)
    assert rows(a, query) == rows(d, query) == [("child", "of a")]


@pytest.mark.parametrize("how", CHILDREN)
@pytest.mark.parametrize("together", [True, False], ids=["all at once", "one by one"])
def test_who_uses_an_old_number_again_meant_the_old_row(how: str, together: bool) -> None:
    """Of a reference before its row, whose writer then used the number of an old row again, the old row is meant, whatever arrives when."""
    insert, query = CHILDREN[how]
    (a,), (b,), (c, d) = make(1), make(2, before="INSERT INTO p VALUES (2, 'of b')"), make(3, 4)
    a.connection.execute(insert.format(n=1, p=2, w="child"))
    give(a, d)
    give(b, a)
    if not together:
        give(b, d)
    for number, writer in enumerate((a, c, a)):
        writer.connection.execute(f"DELETE FROM p; INSERT INTO p VALUES (2, 'again {number}')")
        give(a, c)
        give(c, a)
        if not together:
            give(a, d)
    rest(a, b, c, d)
    assert all(rows(one, query) == [] for one in (a, b, c, d))


@pytest.mark.parametrize("how", CHILDREN)
@pytest.mark.parametrize("order", ["abc", "bac", "bca", "acb", "mabc", "bcma", "macb", "abmc"])
def test_a_reference_that_awaits_nothing_means_an_old_row(how: str, order: str) -> None:
    """A reference whose writer had seen no row of its number, and inserts none, means the row that a file had before enabling.

    Whoever deleted that one and used the number again, or inserted a row of that number elsewhere, and whatever arrives first.
    """
    insert, query = CHILDREN[how]
    (a,), (b,), (c, d, m) = make(1), make(2, before="INSERT INTO p VALUES (2, 'of b')"), make(3, 4, 5)
    a.connection.execute(insert.format(n=1, p=2, w="child"))
    m.connection.execute("INSERT INTO p VALUES (2, 'of m')")
    give(b, c)
    b.connection.execute("UPDATE p SET name = 'kept'")
    c.connection.execute("DELETE FROM p; INSERT INTO p VALUES (2, 'of c')")
    if "ma" in order:
        give(a, m)
    for sender in order:
        give({"a": a, "b": b, "c": c, "m": m}[sender], d)
    assert rows(d, query) == [("child", "kept")]
    rest(a, b, c, d, m)
    assert [rows(replica, query) for replica in (a, b, c, d, m)] == [[("child", "kept")]] * 5


@pytest.mark.parametrize("order", ["ab", "ba"])
@pytest.mark.parametrize("when", ["early", "late"])
def test_a_declared_reference_awaits_its_writers_row_too(order: str, when: str) -> None:
    """A reference that was declared to crdtsql alone, late or early, means its writer's next row, whatever another file had before."""
    schema = SCHEMA.replace("REFERENCES p (id)", "")
    files = [
        make(1, schema=schema),
        make(2, schema=schema, before="INSERT INTO p VALUES (2, 'of b')"),
        make(3, schema=schema),
    ]
    a, b, c = (one for (one,) in files)
    if when == "early":
        for replica in (a, b, c):
            replica.set_reference("c.p", "p.id")
    a.connection.execute("INSERT INTO c VALUES (1, 2, 'child')")
    give(a, c)
    a.connection.execute("INSERT INTO p VALUES (2, 'of a')")
    for sender in order:
        give({"a": a, "b": b}[sender], c)
    rest(a, b, c)
    if when == "late":
        for replica in (a, b, c):
            replica.set_reference("c.p", "p.id")
    for replica in (a, b, c):
        assert rows(replica, CHILDREN["a plain column"][1]) == [("child", "of a")]


@pytest.mark.parametrize("how", CHILDREN)
@pytest.mark.parametrize("order", ["cb", "bc", "m"])
def test_a_reference_to_a_known_row_does_not_await_the_next_one(how: str, order: str) -> None:
    """A reference to a row goes on to mean it where its writer used the number again, and an old row of that number arrives too."""
    insert, query = CHILDREN[how]
    (b,), (c, d, m) = make(1, before="INSERT INTO p VALUES (2, 'of b')"), make(2, 3, 4)
    c.connection.execute("INSERT INTO p VALUES (2, 'first')")
    c.connection.execute(insert.format(n=1, p=2, w="child"))
    give(c, d)
    d.connection.execute("UPDATE p SET name = 'kept'")
    c.connection.execute("DELETE FROM p WHERE id = 2; INSERT INTO p VALUES (2, 'second')")
    give(c, m)
    give(b, m)
    for sender in order:
        give({"b": b, "c": c, "m": m}[sender], d)
    assert rows(d, query) == [("child", "kept")]
    rest(b, c, d, m)
    assert [rows(replica, query) for replica in (b, c, d, m)] == [[("child", "kept")]] * 4


def three_files(older: str, schema: str = SCHEMA) -> list[Replica]:
    """Make two files that had a row of one number before they were enabled, a third one that inserted it since, and two empty ones."""
    files = [
        make(number, before=before, schema=schema)
        for number, before in (
            (1 if older == "a" else 2, "INSERT INTO p VALUES (2, 'old')"),
            (1 if older == "b" else 2, "INSERT INTO p VALUES (2, 'old')"),
            (3, ""),
            (4, ""),
            (5, ""),
        )
    ]
    files[2][0].connection.execute("INSERT INTO p VALUES (2, 'of c')")
    return [one for (one,) in files]


WRITERS = {
    "its own old row": "old",
    "the other one, by its new number": "of c",
    "the other one, as it has no old row": "of c",
}
"""Who writes the late reference, and which row it means."""


@pytest.mark.parametrize("older", ["a", "b"])
@pytest.mark.parametrize("writer", WRITERS)
def test_a_late_reference_means_what_its_writer_was_shown(writer: str, older: str) -> None:
    """Where two files had a row of one number when they were enabled, and a third one inserted it, a late reference has one answer.

    It means the row that its writer was shown under the number, whatever arrives first, and whichever genesis is remembered.
    """
    a, b, c, d, e = three_files(older)
    sent, number = [a.export(), b.export(), c.export()], 2
    late = e if "has no" in writer else b
    give(c, late)
    knew = late.vector()
    if "new number" in writer:
        (number,) = b.connection.execute("SELECT id FROM p WHERE name = 'of c'").fetchone()
    for insert, _ in CHILDREN.values():
        late.connection.execute(insert.format(n=1, p=number, w="child"))
    sent.append(late.export(knew))
    for order, replica in merged_in_all_orders(d, sent, lambda: START_MS + 100_000):
        for _, query in CHILDREN.values():
            assert rows(replica, query) == [("child", WRITERS[writer])], order
    rest(a, b, c, d, e)
    for replica in (a, b, c, d, e):
        assert rows(replica, CHILDREN["a plain column"][1]) == [("child", WRITERS[writer])]


@pytest.mark.parametrize("older", ["a", "b"])
@pytest.mark.parametrize("writer", WRITERS)
def test_a_reference_that_is_declared_late_means_that_row_too(writer: str, older: str) -> None:
    """It does so as well if it was declared to crdtsql alone, after all have met."""
    a, b, c, d, e = three_files(older, SCHEMA.replace("REFERENCES p (id)", ""))
    give(a, d)
    give(b, d)
    late, number = e if "has no" in writer else b, 2
    give(c, d, late)
    if "new number" in writer:
        (number,) = b.connection.execute("SELECT id FROM p WHERE name = 'of c'").fetchone()
    late.connection.execute(f"INSERT INTO c VALUES (1, {number}, 'child')")
    give(late, d)
    rest(a, b, c, d, e)
    for replica in (a, b, c, d, e):
        replica.set_reference("c.p", "p.id")
        assert rows(replica, CHILDREN["a plain column"][1]) == [("child", WRITERS[writer])]


def test_what_an_old_row_was_is_told_where_it_is_contested_alone() -> None:
    """A changeset says which genesis had a number only if a row born since asked for it too, and whoever learns that passes it on."""
    a, b, c, d, _ = three_files("a")
    give(a, b)
    assert "old_numbers" not in json.dumps(inspect(b))
    give(c, d, b)
    assert "old_numbers" not in json.dumps(inspect(d))
    told = {table["name"]: table["old_numbers"] for table in inspect(b)["tables"] if "old_numbers" in table}
    assert [(name, ranges) for name, found in told.items() for *_, ranges in found] == [("p", [[2, 2]])]
    give(b, d)
    assert "old_numbers" in json.dumps(inspect(d))


def inspect(replica: Replica) -> dict[str, Any]:
    """Return the header of what a replica would send to one that knows nothing."""
    return unpack(replica.export()).header.to_json()
