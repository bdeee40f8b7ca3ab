"""What tables show follows from the merged state alone: it always settles, whatever arrives again and whatever is known already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica
from crdtsql.base import ConstraintViolationError
from tests.support import state
from tests.support.peers import come_to_rest, replica, send
from tests.support.settled import assert_settled

OTHER = "CREATE TABLE other (k TEXT PRIMARY KEY NOT NULL, t TEXT);"


def write(to: Replica, statements: str, foreign_keys: bool = True) -> None:
    """Let a program write, and fold."""
    connection = apsw.Connection(to.connection.filename)
    connection.execute(f"PRAGMA foreign_keys = {foreign_keys}; BEGIN; {statements}; COMMIT")
    connection.close()
    to.vector()


def some(directory: Path, schema: str, count: int = 2, **options: Any) -> list[Replica]:
    return [replica(directory / f"{n}.db", schema, site=n, **options) for n in range(1, count + 1)]


def rows(of: Replica, table: str) -> list[Any]:
    return of.connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()


def reasons(of: Replica) -> dict[Any, str]:
    """Return why rows are held that are not only deleted."""
    return {key: reason for key, reason in state.held(of.connection).items() if reason != "deleted"}


def assert_sound(*replicas: Replica) -> None:
    """Check that every constraint holds, and that no row waits for a decision."""
    for one in replicas:
        assert one.connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert not one.connection.execute("PRAGMA foreign_key_check").fetchall()
        assert_settled(one)


def assert_alike(replicas: list[Replica]) -> None:
    """Exchange everything; then all show and hold the same."""
    come_to_rest(replicas)
    assert_sound(*replicas)
    assert all(state.shared(one.connection) == state.shared(replicas[0].connection) for one in replicas)


def seen(of: Replica) -> tuple[dict[str, list[str]], dict[Any, str]]:
    """Return what tables show, and why rows are held."""
    return {name: found for name, found in state.tables(of.connection).items() if name != "other"}, reasons(of)


def arrives_again(replicas: list[Replica]) -> None:
    """Let everything arrive again: as a whole, and what is new to the vectors of before, with news of another table."""
    before = [one.vector() for one in replicas]
    shown = [seen(one) for one in replicas]
    for number, one in enumerate(replicas):
        write(one, f"INSERT OR REPLACE INTO other VALUES ('o{number}', hex(randomblob(4)))")
    for sender in replicas:
        for receiver in replicas:
            if sender is not receiver:
                for since in (None, *before):
                    receiver.merge(sender.export(since))
                    assert_sound(receiver)
    assert [seen(one) for one in replicas] == shown


# -- merging always ends ---------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["SET NULL", "SET DEFAULT"])
@pytest.mark.parametrize("rest", ["", " WITHOUT ROWID"])
def test_two_references_to_the_own_table_and_a_unique_value(tmp_path: Path, action: str, rest: str) -> None:
    """A row of which one reference leads nowhere, and whose value a row has that it refers to, ends somewhere, everywhere alike."""
    schema = (
        "CREATE TABLE person (login TEXT PRIMARY KEY NOT NULL,"
        f" boss TEXT REFERENCES person ON DELETE {action}, deputy TEXT DEFAULT 'cem' REFERENCES person ON DELETE {action},"
        f" mail TEXT UNIQUE){rest};" + OTHER
    )
    replicas = some(tmp_path, schema, 3)
    write(
        replicas[0],
        "INSERT INTO person VALUES ('ann', NULL, NULL, 'one'), ('ben', NULL, NULL, 'two'), ('cem', NULL, NULL, '3')",
    )
    come_to_rest(replicas)
    write(replicas[0], "INSERT INTO person VALUES ('eve', 'ann', 'ben', 'same')")
    write(replicas[1], "DELETE FROM person WHERE login = 'ben'")
    write(replicas[1], "UPDATE person SET mail = 'same' WHERE login = 'ann'")
    write(replicas[2], "UPDATE person SET deputy = 'eve' WHERE login = 'cem'", foreign_keys=False)
    assert_alike(replicas)
    arrives_again(replicas)


def test_rows_that_ask_for_each_others_value_end_somewhere(tmp_path: Path) -> None:
    """Two tables that refer to each other in a circle, with defaults and UNIQUE values, settle, everywhere alike."""
    schema = (
        "CREATE TABLE boss (id TEXT PRIMARY KEY NOT NULL, office TEXT DEFAULT 'w0' REFERENCES office ON DELETE SET DEFAULT,"
        " name TEXT UNIQUE);"
        "CREATE TABLE office (id TEXT PRIMARY KEY NOT NULL, boss TEXT REFERENCES boss ON DELETE SET NULL, room INT UNIQUE);"
        + OTHER
    )
    replicas = some(tmp_path, schema, 3)
    write(
        replicas[0],
        "INSERT INTO office VALUES ('w0', NULL, 0), ('w1', NULL, 1); INSERT INTO boss VALUES ('b1', 'w1', 'x')",
    )
    come_to_rest(replicas)
    write(replicas[0], "INSERT INTO boss VALUES ('b2', 'w1', 'y'); UPDATE office SET boss = 'b2' WHERE id = 'w0'")
    write(replicas[1], "DELETE FROM office WHERE id = 'w1'; UPDATE boss SET name = 'y' WHERE id = 'b1'")
    write(
        replicas[2],
        "UPDATE office SET room = room + 7; INSERT INTO office VALUES ('w2', 'b1', 1); UPDATE boss SET office = 'w2' WHERE id = 'b1'",
        False,
    )
    assert_alike(replicas)
    arrives_again(replicas)


# -- known rows that arrive again ------------------------------------------------------------------

FAMILIES = {
    "masked": (
        (
            "CREATE TABLE p (id TEXT PRIMARY KEY NOT NULL);"
            "CREATE TABLE c (id TEXT PRIMARY KEY NOT NULL, ref TEXT REFERENCES p ON DELETE SET NULL, w TEXT);"
        ),
        "INSERT INTO c VALUES ('7', 'p1', 'z')",
        [("7", None, "z")],
    ),
    "masked with a default": (
        (
            "CREATE TABLE p (id TEXT PRIMARY KEY NOT NULL);"
            "CREATE TABLE c (id TEXT PRIMARY KEY NOT NULL, ref TEXT DEFAULT 'p0' REFERENCES p ON DELETE SET DEFAULT, w TEXT);"
        ),
        "INSERT INTO c VALUES ('7', 'p1', 'z')",
        [("7", "p0", "z")],
    ),
    "masked by two columns": (
        (
            "CREATE TABLE p (id TEXT NOT NULL, n INT NOT NULL DEFAULT 1, PRIMARY KEY (id, n)) WITHOUT ROWID;"
            "CREATE TABLE c (id TEXT PRIMARY KEY NOT NULL, ref TEXT, n INT, w TEXT,"
            " FOREIGN KEY (ref, n) REFERENCES p ON DELETE SET NULL);"
        ),
        "INSERT INTO c VALUES ('7', 'p1', 1, 'z')",
        [("7", None, None, "z")],
    ),
    "restored": (
        (
            "CREATE TABLE p (id TEXT PRIMARY KEY NOT NULL);"
            "CREATE TABLE c (id TEXT PRIMARY KEY NOT NULL, ref TEXT REFERENCES p ON DELETE RESTRICT);"
        ),
        "INSERT INTO c VALUES ('7', 'p1')",
        [("7", "p1")],
    ),
    "held": (
        (
            "CREATE TABLE p (id TEXT PRIMARY KEY NOT NULL);"
            "CREATE TABLE c (id TEXT PRIMARY KEY NOT NULL, ref TEXT REFERENCES p ON DELETE CASCADE);"
        ),
        "INSERT INTO c VALUES ('7', 'p1')",
        [],
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_known_rows_that_arrive_again_change_nothing(tmp_path: Path, family: str) -> None:
    """A row shown with NULL or a default, a parent that is shown again, and a held row stay, whatever full or older export arrives."""
    schema, insert, expected = FAMILIES[family]
    replicas = some(tmp_path, schema + OTHER, 3)
    write(replicas[0], "INSERT INTO p (id) VALUES ('p0'), ('p1')")
    come_to_rest(replicas)
    write(replicas[0], "DELETE FROM p WHERE id = 'p1'")
    write(replicas[1], insert)
    assert_alike(replicas)
    assert rows(replicas[2], "c") == expected
    arrives_again(replicas)


def test_a_chain_of_restored_parents_stays(tmp_path: Path) -> None:
    """Parents that are shown for a child's sake, and their own parents, stay when known rows arrive again, and go with the child."""
    schema = (
        "CREATE TABLE top (id TEXT PRIMARY KEY NOT NULL, v);"
        "CREATE TABLE mid (id TEXT PRIMARY KEY NOT NULL, top TEXT REFERENCES top ON DELETE RESTRICT,"
        " side TEXT REFERENCES top ON DELETE SET NULL);"
        "CREATE TABLE low (id INTEGER PRIMARY KEY, mid TEXT REFERENCES mid);" + OTHER
    )
    replicas = some(tmp_path, schema, 3, tables=("top", "mid", "other"))
    for one in replicas:
        one.enable("low", identity="row")
    write(replicas[0], "INSERT INTO top VALUES ('t', 0), ('s', 0)")
    come_to_rest(replicas)
    write(replicas[0], "INSERT INTO mid VALUES ('m', 't', 's')")
    send(replicas[0], replicas[1])
    write(replicas[0], "INSERT INTO low VALUES (1, 'm')")
    write(replicas[1], "DELETE FROM mid")
    write(replicas[2], "DELETE FROM top")
    assert_alike(replicas)
    assert rows(replicas[2], "mid") == [("m", "t", None)]
    assert rows(replicas[2], "top") == [("t", 0)]
    arrives_again(replicas)
    write(replicas[2], "DELETE FROM low")
    assert_alike(replicas)
    assert not rows(replicas[0], "mid")
    assert not rows(replicas[0], "top")


# -- tables that are not replicated ----------------------------------------------------------------

STRANGER = (
    "CREATE TABLE p (id TEXT PRIMARY KEY NOT NULL, u UNIQUE);"
    "CREATE TABLE c (id TEXT PRIMARY KEY NOT NULL, p TEXT REFERENCES p ON DELETE CASCADE, u UNIQUE);"
    "CREATE TABLE g (id TEXT PRIMARY KEY NOT NULL, c TEXT REFERENCES c ON DELETE CASCADE)"
)


def strangers(directory: Path) -> list[Replica]:
    """Make two replicas that know a parent and its child."""
    replicas = some(directory, STRANGER, tables=("p", "c"))
    write(
        replicas[0],
        "INSERT INTO p VALUES ('p1', 1), ('p2', 2); INSERT INTO c VALUES ('c1', 'p1', NULL), ('c2', 'p2', NULL)",
    )
    come_to_rest(replicas)
    return replicas


def refused(action: Any) -> None:
    with pytest.raises(ConstraintViolationError, match="rows of table 'g', which is not replicated, .* rows 'g1'"):
        action()


def test_a_merge_that_settles_a_strangers_parent_away_is_refused(tmp_path: Path) -> None:
    """A merge after which a row would be held that a row of a plain table refers to is refused, and changes nothing."""
    a, b = strangers(tmp_path)
    write(a, "INSERT INTO c VALUES ('c3', 'p1', NULL); INSERT INTO g VALUES ('g1', 'c3')")
    write(b, "DELETE FROM p WHERE id = 'p1'")
    before = state.content(a.connection)
    refused(lambda: send(b, a))
    assert state.content(a.connection) == before
    write(a, "DELETE FROM g")
    send(b, a)
    assert_sound(a)


def test_a_merge_that_lets_a_strangers_parent_lose_its_value_is_refused(tmp_path: Path) -> None:
    """A row that a row of a plain table refers to does not lose its UNIQUE value to one that arrives."""
    a, b = strangers(tmp_path)
    write(a, "INSERT INTO c VALUES ('c4', NULL, 'x')")
    write(b, "INSERT INTO c VALUES ('c3', NULL, 'x'); INSERT INTO g VALUES ('g1', 'c3')")
    refused(lambda: send(a, b))
    assert_sound(b)


def test_another_policy_that_settles_a_strangers_parent_away_is_refused(tmp_path: Path) -> None:
    """`rows` and `unique` change nothing if a row of a plain table would be left without the row it refers to."""
    a, b = strangers(tmp_path)
    write(a, "INSERT INTO g VALUES ('g1', 'c1')")
    write(a, "UPDATE p SET u = 3 WHERE id = 'p1'")
    write(b, "DELETE FROM p WHERE id = 'p1'", foreign_keys=False)
    send(b, a)
    assert rows(a, "p") == [("p1", 3), ("p2", 2)]
    refused(lambda: a.set_rows("p", "delete-wins"))
    assert_sound(a)
    a.set_unique("c", ["u"], "null")
    b.set_unique("c", ["u"], "null")
    write(b, "INSERT INTO c VALUES ('c4', 'p2', 'x')")
    write(a, "INSERT INTO c VALUES ('c5', 'p2', 'x')")
    send(b, a)
    (masked,) = (row.key[0] for row in a.held("c") if row.reason == "masked")
    write(a, f"DELETE FROM g; INSERT INTO g VALUES ('g1', '{masked}')")
    refused(lambda: a.set_unique("c", ["u"], "hold"))
    assert_sound(a)


def test_a_write_that_settles_a_strangers_parent_away_waits(tmp_path: Path) -> None:
    """A write of this file's that would do so is not folded, and everything but an exchange still works, so that there is a way out."""
    a, b = strangers(tmp_path)
    write(a, "INSERT INTO g VALUES ('g1', 'c1')")
    connection = apsw.Connection(a.connection.filename)
    connection.execute("DELETE FROM p WHERE id = 'p1'")
    connection.close()
    refused(lambda: a.export())
    assert not a.held()
    assert a.vector() == b.vector()
    a.enable("g")
    a.export()
    assert_sound(a)
    assert [(row.table, row.key) for row in a.held()] == [("c", ("c1",)), ("g", ("g1",))]


def test_what_dangled_before_hinders_nobody(tmp_path: Path) -> None:
    """Rows of a plain table that referred to nothing before a merge are no reason to refuse it."""
    a, b = strangers(tmp_path)
    write(a, "INSERT INTO g VALUES ('g1', 'c1')")
    write(a, "DELETE FROM c WHERE id = 'c1'", foreign_keys=False)
    write(b, "UPDATE c SET u = 5 WHERE id = 'c2'; INSERT INTO c VALUES ('c7', NULL, 6)")
    send(b, a)
    assert rows(a, "g") == [("g1", "c1")]


def test_a_settling_that_is_owed_is_done_once(tmp_path: Path) -> None:
    """After a change of the schema all held rows are looked at again, once, also where that takes triggers off for a moment."""
    schema = "CREATE TABLE c (id TEXT PRIMARY KEY NOT NULL, u UNIQUE);" + OTHER
    a, b = some(tmp_path, schema)
    write(a, "INSERT INTO c VALUES ('c1', 1)")
    write(b, "INSERT INTO c VALUES ('c2', 1)")
    send(a, b)
    assert reasons(b)
    write(b, "CREATE TRIGGER copies AFTER INSERT ON c BEGIN INSERT INTO other VALUES (NEW.id, 'copied'); END")
    b.vector()
    settled = state.content(b.connection)
    b.vector()
    assert b.merge(a.export()).known
    assert state.content(b.connection) == settled
