"""References that are declared to crdtsql alone: they are followed as foreign keys are, and never enforced (decision 0022)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import apsw
import pytest

from crdtsql import Replica
from crdtsql.base.errors import ColumnTypeError, CrdtsqlError, NotEnabledError, SchemaMismatchError, UsageError
from tests.fold.test_homomorphism import give
from tests.support import state
from tests.support.library import connect
from tests.support.peers import START_MS
from tests.support.settled import assert_settled

SCHEMA = """
CREATE TABLE session (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE line (id TEXT PRIMARY KEY NOT NULL, session INTEGER, text TEXT);
CREATE TABLE history (session INTEGER NOT NULL, n INTEGER NOT NULL, source, PRIMARY KEY (session, n));
"""
LINES = "SELECT line.text, session.name FROM line JOIN session ON session.id = line.session ORDER BY 1"


def make(*numbers: int, schema: str = SCHEMA, declared: Sequence[str] = ()) -> list[Replica]:
    """Make replicas; a lower number has an earlier clock."""
    opened = []
    for number in numbers:
        connection = connect()
        connection.execute(schema)
        ticks, sites = count(START_MS + number * 1000, 10_000), count()
        replica = Replica.on(
            connection,
            now=lambda ticks=ticks: next(ticks),
            make_site=lambda number=number, sites=sites: bytes([number, *([0] * 14), next(sites)]),
        )
        replica.enable(all=True)
        for child in declared:
            replica.set_reference(child, "session.id")
        opened.append(replica)
    return opened


def begin(replica: Replica, who: str) -> None:
    """Let a program begin a session, which is number 1, and write a line of it."""
    replica.connection.execute(
        f"INSERT INTO session VALUES (1, '{who}'); INSERT INTO line (id, session, text) VALUES ('{who}', 1, 'by {who}')"
    )
    replica.fold()


def rest(*replicas: Replica) -> None:
    """Exchange everything, and check that all have everything alike."""
    for _ in range(2):
        for sender in replicas:
            give(sender, *(receiver for receiver in replicas if receiver is not sender))
    for replica in replicas:
        assert state.shared(replica.connection) == state.shared(replicas[0].connection)
        assert_settled(replica)


def read(replica: Replica, query: str) -> list[Any]:
    """Read rows."""
    return replica.connection.execute(query).fetchall()


def held(replica: Replica) -> list[tuple[Any, ...]]:
    """List the held rows: table, key, reason and detail."""
    return sorted((row.table, *row.key, row.reason, row.detail) for row in replica.held())


def test_a_declared_reference_follows_a_renumbered_row() -> None:
    """Where two replicas give one id to two rows, what refers to either goes on to refer to it, as with a foreign key."""
    a, b = make(1, 2, declared=["line.session"])
    begin(a, "a")
    begin(b, "b")
    rest(a, b)
    assert read(a, LINES) == [("by a", "a"), ("by b", "b")]


def test_declared_late_and_not_at_once() -> None:
    """It makes no difference that rows were renumbered before a reference was declared; taken back, it shows what was written."""
    a, b = make(1, 2)
    begin(a, "a")
    begin(b, "b")
    rest(a, b)
    assert read(a, LINES) == [("by a", "a"), ("by b", "a")]
    for replica in (a, b):
        assert replica.set_reference("line.session", "session.id")
        assert not replica.set_reference("LINE.session", "session.ID")
        assert read(replica, LINES) == [("by a", "a"), ("by b", "b")]
    rest(a, b)
    for replica in (a, b):
        assert replica.drop_reference("line.session")
        assert not replica.drop_reference("line.session")
        assert read(replica, LINES) == [("by a", "a"), ("by b", "a")]
    rest(a, b)


def test_values_that_nobody_shows_follow_too() -> None:
    """Held rows and the conflict log have the id that the row has now, also where the reference is declared late."""
    a, b, c = make(1, 2, 3)
    begin(a, "a")
    begin(b, "b")
    give(b, c)
    c.connection.execute("UPDATE line SET session = NULL WHERE id = 'b'")
    b.connection.execute("UPDATE line SET session = 2 WHERE id = 'b'")
    b.connection.execute("UPDATE line SET session = 1 WHERE id = 'b'; INSERT INTO line VALUES ('gone', 1, 'by b')")
    b.fold()
    b.connection.execute("DELETE FROM line WHERE id = 'gone'")
    rest(a, b, c)
    for replica in (a, b, c):
        replica.set_reference("line.session", "session.id")
    rest(a, b, c)
    (moved,) = read(a, "SELECT id FROM session WHERE name = 'b'")
    assert [row.values["session"] for row in b.held(deleted=True) if row.key == ("gone",)] == [*moved]
    assert moved[0] in {entry.won_value for entry in c.conflicts("line")}


@pytest.mark.parametrize("when", ["before its row", "with its row", "without a row", "for a row used again"])
def test_what_a_late_reference_means(when: str) -> None:
    """A number means the row that its writer knew, or else the next one that the writer inserts, also if it is declared afterwards."""
    schema = "CREATE TABLE session (id INTEGER PRIMARY KEY, name TEXT, up INTEGER)"
    a, b = make(1, 2, schema=schema)
    a.connection.execute("INSERT INTO session VALUES (1, 'a', NULL), (2, 'a2', NULL)")
    told = {
        "before its row": "INSERT INTO session VALUES (9, 'who', 1); INSERT INTO session VALUES (1, 'b', NULL)",
        "with its row": "INSERT INTO session VALUES (1, 'b', 1)",
        "without a row": "INSERT INTO session VALUES (9, 'who', 1)",
        "for a row used again": (
            "INSERT INTO session VALUES (2, 'gone', NULL), (8, 'who', 2); DELETE FROM session WHERE id = 2;"
            "INSERT INTO session VALUES (2, 'b', NULL), (9, 'who', 2)"
        ),
    }
    b.connection.execute(told[when])
    rest(a, b)
    for replica in (a, b):
        replica.set_reference("session.up", "session.id")
    rest(a, b)
    query = "SELECT row.name, up.name FROM session AS row JOIN session AS up ON up.id = row.up"
    expected = {"before its row": ("who", "b"), "with its row": ("b", "b"), "without a row": ("who", "a")}
    assert read(a, query) == [expected.get(when, ("who", "b"))]


def test_a_late_reference_to_a_row_from_before_enabling() -> None:
    """Rows that were there before a table was enabled are meant by those who knew them, and by those who knew no other row."""
    (a,) = make(1, schema=SCHEMA)
    before = SCHEMA + "INSERT INTO session VALUES (1, 'old'); INSERT INTO line VALUES ('old', 1, 'by old')"
    (b,), (c,) = make(2, schema=before), make(3)
    begin(a, "a")
    c.connection.execute("INSERT INTO line VALUES ('c', 1, 'by c')")
    rest(a, b, c)
    for replica in (a, b, c):
        replica.set_reference("line.session", "session.id")
    rest(a, b, c)
    assert read(a, LINES) == [("by a", "a"), ("by c", "old"), ("by old", "old")]


def test_text_that_refers_to_a_number() -> None:
    """A column of text that refers to an integer id holds the new id as text."""
    schema = "CREATE TABLE session (id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE line (id TEXT PRIMARY KEY, session TEXT, text)"
    a, b = make(1, 2, schema=schema)
    begin(a, "a")
    begin(b, "b")
    rest(a, b)
    for replica in (a, b):
        replica.set_reference("line.session", "session.id")
    rest(a, b)
    assert read(a, LINES) == [("by a", "a"), ("by b", "b")]
    assert read(a, "SELECT DISTINCT typeof(session) FROM line") == [("text",)]


def test_a_reference_that_leads_nowhere_stays_as_it_is() -> None:
    """Nothing is enforced: a row whose reference leads nowhere is shown, nothing is restored for it, and no delete goes further."""
    a, b = make(1, 2, declared=["line.session"])
    begin(a, "a")
    rest(a, b)
    a.connection.execute("DELETE FROM session")
    b.connection.execute("INSERT INTO line VALUES ('late', 1, 'late'), ('wild', 77, 'wild')")
    rest(a, b)
    assert read(b, "SELECT id, session FROM line ORDER BY id") == [("a", 1), ("late", 1), ("wild", 77)]
    assert read(b, "SELECT * FROM session") == []
    assert held(a) == held(b) == []


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    "change", ["DELETE FROM session WHERE id = 1", "UPDATE session SET name = 'else' WHERE id = 1"]
)
def test_a_declared_reference_shows_the_winner(change: str, late: bool) -> None:
    """Of rows that are one thing, what refers to the other one shows the winner, and its own again when they come apart."""
    a, b, c = replicas = make(1, 2, 3, declared=[] if late else ["line.session"])
    for replica, number in ((a, 1), (b, 2)):
        replica.set_unique("session", ["name"], "same")
        replica.connection.execute(
            f"INSERT INTO session VALUES ({number}, 'work'); INSERT INTO line VALUES ('{number}', {number}, 'text')"
        )
    c.set_unique("session", ["name"], "same")
    rest(a, b, c)
    if late:
        assert read(b, "SELECT id, session FROM line ORDER BY id") == [("1", 1), ("2", 2)]
        for replica in replicas:
            replica.set_reference("line.session", "session.id")
        rest(a, b, c)
    for replica in replicas:
        assert read(replica, "SELECT id, session FROM line ORDER BY id") == [("1", 1), ("2", 1)]
        assert held(replica) == [("line", "2", "masked", "session"), ("session", 2, "united", "name")]
    assert "is one with the row that is shown" in c.held("line")[0].release
    c.connection.execute(change)
    rest(a, b, c)
    for replica in replicas:
        assert read(replica, "SELECT id, session FROM line ORDER BY id") == [("1", 1), ("2", 2)]
        assert held(replica) == []
        replica.drop_reference("line.session")
    rest(a, b, c)


def test_references_of_several_columns() -> None:
    """Several columns together refer to several, and show the winner's."""
    schema = (
        "CREATE TABLE place (x INTEGER NOT NULL, y INTEGER NOT NULL, code TEXT UNIQUE, PRIMARY KEY (x, y)) WITHOUT ROWID;"
        "CREATE TABLE peg (id TEXT PRIMARY KEY NOT NULL, x INTEGER, y INTEGER)"
    )
    a, b = make(1, 2, schema=schema)
    for replica, n in ((a, 1), (b, 2)):
        replica.set_unique("place", ["code"], "same")
        assert replica.set_reference("peg.x, y", "place.x,y")
        replica.connection.execute(
            f"INSERT INTO place VALUES ({n}, {n}, 'p'); INSERT INTO peg VALUES ('{n}', {n}, {n})"
        )
        replica.fold()
    rest(a, b)
    assert read(b, "SELECT * FROM peg ORDER BY id") == [("1", 1, 1), ("2", 1, 1)]
    assert [one.names for one in a.references()] == [("peg.x,y", "place.x,y")]
    assert a.drop_reference("peg.x,y", "place.x,y")


def test_a_reference_within_its_own_table() -> None:
    """Rows of a tree follow the rows above them, renumbered or united, and stand where they lead nowhere."""
    schema = "CREATE TABLE dir (id INTEGER PRIMARY KEY, up INTEGER, name TEXT, UNIQUE (up, name))"
    a, b = make(1, 2, schema=schema)
    for replica, first in ((a, 1), (b, 1)):
        replica.set_unique("dir", ["up", "name"], "same")
        replica.set_reference("dir.up", "dir.id")
        replica.connection.execute(
            f"INSERT INTO dir VALUES ({first}, 0, 'src'), ({first + 1}, {first}, 'lib'), ({first + 2}, {first + 1}, 'f{id(replica)}')"
        )
        replica.fold()
    rest(a, b)
    assert read(b, "SELECT count(*) FROM dir") == [(4,)]
    assert read(b, "SELECT up FROM dir WHERE name IN ('src', 'lib') ORDER BY id") == [(0,), (1,)]
    assert read(b, "SELECT DISTINCT up FROM dir WHERE name LIKE 'f%'") == [(2,)]


def test_replicas_must_agree() -> None:
    """Who has declared a reference and who has not refuse each other's changesets, and each says what to run."""
    a, b = make(1, 2)
    begin(a, "a")
    a.set_reference("line.session", "session.id")
    with pytest.raises(SchemaMismatchError, match=r"run `crdtsql reference :memory: line.session session.id` here"):
        give(a, b)
    begin(b, "b")
    with pytest.raises(SchemaMismatchError, match=r"run `crdtsql reference :memory: line.session --drop` here"):
        give(b, a)
    b.set_reference("line.session", "session.id")
    rest(a, b)


def test_a_part_of_a_key() -> None:
    """A column that is part of a key follows too, if that is declared before rows of it met under one key."""
    a, b, c, d = make(1, 2, 3, 4)
    for replica in (a, b):
        replica.set_reference("history.session", "session.id")
    for replica in (a, b, c, d):
        begin(replica, "abcd"[[a, b, c, d].index(replica)])
        replica.connection.execute("INSERT INTO history VALUES (1, 1, (SELECT name FROM session))")
    rest(a, b)
    rest(c, d)
    query = "SELECT source, name FROM history JOIN session ON session.id = history.session ORDER BY 1"
    assert read(b, query) == [("a", "a"), ("b", "b")]
    for act in (lambda: c.set_reference("history.session", "session.id"), lambda: a.drop_reference("history.session")):
        with pytest.raises(UsageError, match="too late"):
            act()
    assert read(b, query) == [("a", "a"), ("b", "b")]
    assert c.references() == [] and len(a.references()) == 1


def test_what_a_replica_lacks_is_declared_with_it() -> None:
    """A column or table that a replica lacks is followed there from the first changeset on, and once the file has it."""
    a, b, c = make(1, 2, 3, declared=["line.session"])
    for replica in (a, b):
        replica.alter("ALTER TABLE line ADD COLUMN other INTEGER")
        replica.alter("CREATE TABLE mark (id TEXT PRIMARY KEY NOT NULL, session INTEGER)")
        replica.enable("mark")
        replica.set_reference("line.other", "session.id")
        replica.set_reference("mark.session", "session.id")
    for replica, who in ((a, "a"), (b, "b")):
        begin(replica, who)
        replica.connection.execute(f"UPDATE line SET other = 1; INSERT INTO mark VALUES ('{who}', 1)")
    give(b, c)
    give(a, c)
    assert [one.missing for one in c.references()] == ["line.other", "", "mark"]
    assert "ADD COLUMN" in " ".join(c.adopt_schema(a).statements)
    assert [one.missing for one in c.references()] == ["", "", ""]
    rest(a, b, c)
    query = "SELECT mark.id, session.name FROM mark JOIN session ON session.id = mark.session ORDER BY 1"
    assert read(c, query) == [("a", "a"), ("b", "b")]
    assert read(c, LINES.replace("line.session", "line.other")) == [("by a", "a"), ("by b", "b")]


def test_the_schema_of_another_file_has_it() -> None:
    """`schema diff` names the references that the other file has and this one lacks, `schema pull` declares them, `show` lists them."""
    a, b = make(1, 2, declared=["line.session"])
    b.drop_reference("line.session")
    assert b.schema_diff(a).statements == ["crdtsql reference :memory: line.session session.id"]
    assert [step.kind for step in b.adopt_schema(a).steps] == ["reference"]
    assert b.schema_diff(a).statements == []
    assert [table.references for table in b.describe_schema()] == [[], ["line.session refers to session.id"], []]
    begin(a, "a")
    begin(b, "b")
    rest(a, b)


def test_it_goes_along_with_the_schema() -> None:
    """New names of tables and columns change nothing; a column that is dropped sleeps; a foreign key takes its place."""
    a, b = make(1, 2, declared=["line.session"])
    a.alter("ALTER TABLE line RENAME COLUMN session TO at")
    a.alter("ALTER TABLE session RENAME TO sitting")
    assert [one.names for one in a.references()] == [("line.at", "sitting.id")]
    a.connection.execute("INSERT INTO sitting VALUES (1, 'a'); INSERT INTO line VALUES ('a', 1, 'by a')")
    begin(b, "b")
    give(a, b)
    give(b, a)
    assert sorted(read(b, LINES)) == [("by a", "a"), ("by b", "b")]
    b.alter("ALTER TABLE line DROP COLUMN session")
    assert [one.missing for one in b.references()] == ["line.session"]
    a.connection.execute("INSERT INTO line VALUES ('c', 1, 'by c')")
    give(a, b)
    give(b, a)
    b.disable("session")
    assert [one.missing for one in b.references()] == ["line.session, session"]
    assert b.drop_reference("line.session")


@pytest.mark.parametrize(
    ("child", "parent", "said"),
    [
        ("line", "session.id", "names no column"),
        ("nothing.a", "session.id", "not replicated"),
        ("line.sesion", "session.id", "session"),
        ("line.session", "session.id,name", "one column for each"),
        ("session.id", "session.id", "itself"),
        ("session.id", "history.n", "automatic number"),
        ("line.session", "line.text", "neither the key"),
        ("line.votes", "session.id", "column type"),
        ("child.session", "session.id", "declares already"),
        ("child.session", "mark.id", "can't follow two"),
    ],
)
def test_what_cannot_be_declared(child: str, parent: str, said: str) -> None:
    """What can't be followed is refused, with the reason and what to do."""
    (a,) = make(
        1,
        schema=SCHEMA.replace("text TEXT", "text TEXT, votes INTEGER")
        + "CREATE TABLE mark (id INTEGER PRIMARY KEY); CREATE TABLE child (id TEXT PRIMARY KEY NOT NULL, session REFERENCES session)",
    )
    a.set_type("line", "votes", "counter")
    with pytest.raises((UsageError, NotEnabledError), match=said) as found:
        a.set_reference(child, parent)
    assert isinstance(found.value, CrdtsqlError)
    assert a.references() == []


def test_a_declared_column_keeps_its_type() -> None:
    """A column that refers to rows can't be of a type that merges values, declared as it may be."""
    (a,) = make(1, declared=["line.session"])
    with pytest.raises(ColumnTypeError, match="refers to"):
        a.set_type("line", "session", "counter")


def test_combine_lets_declared_references_follow(tmp_path: Any) -> None:
    """Rows of another file get ids above those in use, and declared references to them follow."""
    a = make(1, declared=["line.session", "history.session"])[0]
    begin(a, "a")
    other = apsw.Connection(str(tmp_path / "other.db"))
    other.execute(SCHEMA)
    other.execute("INSERT INTO session VALUES (1, 'b'); INSERT INTO line VALUES ('b', 1, 'by b')")
    other.execute("INSERT INTO history VALUES (1, 1, 'by b')")
    other.close()
    a.combine(tmp_path / "other.db")
    assert read(a, LINES) == [("by a", "a"), ("by b", "b")]
    assert read(a, "SELECT session FROM history") == [(2,)]
