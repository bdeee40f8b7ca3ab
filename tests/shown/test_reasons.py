"""Each reason for which a row is held, by a scene that brings it about and the words that name it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from crdtsql import Replica
from crdtsql.base import reasons, suggest
from crdtsql.shown.held import _release
from tests.support.library import connect
from tests.support.peers import come_to_rest, replica, send, two, write

ROW = "CREATE TABLE t (id INTEGER PRIMARY KEY, {column})"
FAMILY = "CREATE TABLE parent (id INTEGER PRIMARY KEY); CREATE TABLE t (id INTEGER PRIMARY KEY, p REFERENCES parent {action})"


def other_schema(folder: Path, column: str, value: str, more: str = "", suffix: str = "") -> Replica:
    """Let a replica get a row from one whose table takes any value."""
    sender = replica(folder / "1.db", ROW.format(column="n"), site=1)
    receiver = replica(folder / "2.db", f"{ROW.format(column=column)} {suffix}; {more}", tables=("t",), site=2)
    write(sender, f"INSERT INTO t VALUES (1, {value})")
    send(sender, receiver)
    return receiver


def taken_twice(folder: Path, policy: str = "hold") -> Replica:
    """Let two rows get one UNIQUE value, the second one later."""
    replicas = two(folder, ROW.format(column="u TEXT UNIQUE"))
    for number, one in enumerate(replicas):
        one.set_unique("t", ["u"], policy)
        write(one, f"INSERT INTO t VALUES ({number}, 'x')")
    come_to_rest([*replicas])
    return replicas[0]


def deleted_and_referred_to(folder: Path, action: str) -> Replica:
    """Let one replica delete a parent while the other one refers to it."""
    one, other = two(folder, FAMILY.format(action=action))
    write(one, "INSERT INTO parent VALUES (1)")
    send(one, other)
    write(one, "DELETE FROM parent")
    write(other, "INSERT INTO t VALUES (1, 1)")
    come_to_rest([one, other])
    return one


def deleted(folder: Path) -> Replica:
    """Delete a row."""
    one, _ = two(folder, ROW.format(column="n"))
    write(one, "INSERT INTO t VALUES (1, 1)")
    write(one, "DELETE FROM t")
    return one


LINKS = """
CREATE TABLE tag (id INTEGER PRIMARY KEY, name UNIQUE);
CREATE TABLE t (tag INTEGER PRIMARY KEY REFERENCES tag, n UNIQUE)
"""


def of_one_thing(folder: Path) -> Replica:
    """Let two replicas create one tag, each with a row of its own; that of the winner can't be shown, for another row has its value."""
    one, other = two(folder, LINKS)
    for found in (one, other):
        found.set_unique("tag", ["name"], "same")
    write(other, "INSERT INTO tag VALUES (3, 'job'); INSERT INTO t VALUES (3, 5)")
    write(one, *(f"INSERT INTO tag VALUES ({n}, {n})" for n in range(4, 14)), "INSERT INTO tag VALUES (1, 'work')")
    write(one, "INSERT INTO t VALUES (1, 5)")
    for _ in range(9):
        write(other, "UPDATE tag SET name = name || 'b'")
    write(other, "INSERT INTO tag VALUES (2, 'work'); INSERT INTO t VALUES (2, 6)")
    come_to_rest([one, other])
    return one


REFUSE = "CREATE TRIGGER no BEFORE INSERT ON t BEGIN SELECT RAISE(ABORT, 'not this one'); END"
Found = tuple[str, str, str]
SCENES: dict[str, tuple[Callable[[Path], Replica], Found] | tuple[Callable[[Path], Replica], Found, Found, Found]] = {
    "a UNIQUE value": (taken_twice, ("t", "unique", "u")),
    "a UNIQUE value that means one thing": (partial(taken_twice, policy="same"), ("t", "united", "u")),
    "a key that another row has": (
        of_one_thing,
        ("t", "unique", "n"),
        ("t", "moved", "tag"),
        ("tag", "united", "name"),
    ),
    "no parent": (
        partial(deleted_and_referred_to, action="ON DELETE CASCADE"),
        ("t", "foreign key", "parent"),
    ),
    "a CHECK": (
        partial(other_schema, column="n CONSTRAINT small CHECK (n < 10)", value="50"),
        ("t", "check", "CHECK constraint failed: small"),
    ),
    "NOT NULL": (
        partial(other_schema, column="n NOT NULL", value="NULL"),
        ("t", "check", "NOT NULL constraint failed: t.n"),
    ),
    "a STRICT type": (
        partial(other_schema, column="n INTEGER", value="'text'", suffix="STRICT"),
        ("t", "check", "cannot store TEXT value in INTEGER column t.n"),
    ),
    "a trigger": (partial(other_schema, column="n", value="1", more=REFUSE), ("t", "trigger", "not this one")),
    "a mask": (partial(taken_twice, policy="null"), ("t", "masked", "u")),
    "a masked reference": (
        partial(deleted_and_referred_to, action="ON DELETE SET NULL"),
        ("t", "masked", "p"),
    ),
    "a stand-in": (partial(deleted_and_referred_to, action=""), ("parent", "referenced", "")),
    "a delete": (deleted, ("t", "deleted", "")),
}


@pytest.mark.parametrize("name", SCENES)
def test_a_held_row_says_why(tmp_path: Path, name: str) -> None:
    """A row that its table can't show as it is is held, and `held` names the reason, and what would release it."""
    scene, *expected = SCENES[name]
    held = [row for row in scene(tmp_path).held(deleted=True) if row.reason != reasons.DELETED or name == "a delete"]
    assert [(row.table, row.reason, row.detail) for row in held] == expected
    assert all(row.release for row in held)


def test_every_reason_has_a_scene() -> None:
    """No reason is without a test: a new kind comes with a scene here."""
    assert {kind for _, *found in SCENES.values() for _, kind, _ in found} == set(reasons.KINDS)


def test_every_reason_says_what_to_do() -> None:
    """Each kind of reason has words of its own for what a person can do, and none only says where to look."""
    connection = connect()
    connection.execute(f"{FAMILY.format(action='')}; ALTER TABLE t ADD COLUMN u")
    found = Replica.on(connection)
    found.enable("parent", "t")
    table = found.registry.table("t")
    details = {reasons.FOREIGN_KEY: "parent", reasons.MASKED: "p", reasons.UNIQUE: "u"}
    words = {
        kind: _release(found.registry, table, None, kind, details.get(kind, ""), (1,), {"p": 7, "u": 1})
        for kind in (*reasons.KINDS, "table")
    }
    assert len(set(words.values())) == len(words)
    assert not [kind for kind, text in words.items() if suggest.command("status", found.path) in text]
