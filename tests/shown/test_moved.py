"""A reference in a key is read as one to the winner too: the row stands under the key that it has for that (decision 0023)."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from crdtsql import Replica
from crdtsql.base import ConflictError, ConstraintViolationError, DamagedError
from tests.support import state
from tests.support.peers import come_to_rest, read, replica, send, three, two, write
from tests.support.settled import assert_settled

TAGS = """
CREATE TABLE tag (id TEXT PRIMARY KEY NOT NULL, name TEXT UNIQUE);
CREATE TABLE link (note TEXT NOT NULL, tag TEXT NOT NULL REFERENCES tag ON DELETE CASCADE ON UPDATE CASCADE, v INTEGER, w,
  PRIMARY KEY (note, tag)){rowid};
CREATE TABLE remark (id TEXT PRIMARY KEY NOT NULL, note TEXT, tag TEXT, FOREIGN KEY (note, tag) REFERENCES link ON DELETE SET NULL)
"""


def linked(folder: Path, rowid: str = "", *more: str) -> tuple[Replica, Replica]:
    """Let both sides create one tag and attach it, the second one to a note of its own; 'a' wins, and the link of 'b' is moved."""
    replicas = two(folder, TAGS.format(rowid=rowid))
    for one, key in zip(replicas, "ab", strict=True):
        one.set_unique("tag", ["name"], "same")
        write(one, f"INSERT INTO tag VALUES ('{key}', 'work'); INSERT INTO link VALUES ('n{key}', '{key}', 1, 1)")
        one.vector()
    if more:
        write(replicas[1], *more)
    come_to_rest([*replicas])
    return replicas


def links(of: Replica) -> list[Any]:
    return read(of, "SELECT note, tag, v FROM link ORDER BY note, tag")


def held(of: Replica) -> list[tuple[Any, ...]]:
    assert_settled(of)
    state.rows(of.connection)
    return sorted((row.table, *row.key, row.reason, row.detail) for row in of.held())


MOVED = [("link", "nb", "b", "masked", "tag"), ("tag", "b", "united", "name")]


@pytest.mark.parametrize("rowid", ["", " WITHOUT ROWID"])
def test_a_link_of_a_united_tag_stands_under_the_winners_key(tmp_path: Path, rowid: str) -> None:
    """Its key shows the winner, and its own one is held; once the union comes apart it stands under its own again."""
    one, other = linked(tmp_path, rowid)
    for found in (one, other):
        assert links(found) == [("na", "a", 1), ("nb", "a", 1)]
        assert held(found) == MOVED
    write(one, "UPDATE tag SET name = 'home'")
    come_to_rest([one, other])
    for found in (one, other):
        assert links(found) == [("na", "a", 1), ("nb", "b", 1)]
        assert held(found) == []


def test_two_links_of_one_note_are_united(tmp_path: Path) -> None:
    """A link that would stand under the key of one that is shown is one with it, and so is one of two that would stand under one key."""
    one, other = linked(tmp_path, "", "INSERT INTO link VALUES ('na', 'b', 2, 2)")
    assert links(one) == links(other) == [("na", "a", 1), ("nb", "a", 1)]
    assert ("link", "na", "b", "united", "note, tag") in held(one)
    third = one.clone(tmp_path / "third.db")
    write(third, "INSERT INTO tag VALUES ('c', 'job'); INSERT INTO link VALUES ('nb', 'c', 3, 3)")
    write(third, "UPDATE tag SET name = 'none' WHERE id = 'a'", "UPDATE tag SET name = 'work' WHERE id = 'c'")
    come_to_rest([one, other, third])
    for found in (one, other, third):
        assert [row for row in links(found) if row[0] == "nb"] == [("nb", "c", 3)], "c took the name on purpose"
        assert [row[:4] for row in held(found) if row[0] == "link"] == [
            ("link", "na", "b", "masked"),
            ("link", "nb", "b", "united"),
        ]


def test_a_held_row_keeps_its_key(tmp_path: Path) -> None:
    """A row that would stand under the key of one that is held itself is held, because that one will come back."""
    one, other = two(tmp_path, TAGS.format(rowid="") + "; CREATE UNIQUE INDEX link_v ON link (v)")
    for found, key in ((one, "a"), (other, "b")):
        found.set_unique("tag", ["name"], "same")
        write(found, f"INSERT INTO tag VALUES ('{key}', 'work')")
        found.vector()
    write(other, "INSERT INTO link VALUES ('x', 'b', 7, 0)")
    write(one, *(f"INSERT INTO tag VALUES ('a{n}', {n})" for n in range(9)))
    write(one, "INSERT INTO link VALUES ('n', 'a', 7, 1)")
    write(other, "INSERT INTO link VALUES ('n', 'b', 8, 2)")
    come_to_rest([one, other])
    for found in (one, other):
        assert links(found) == [("x", "a", 7)]
        assert ("link", "n", "a", "unique", "v") in held(found)
        assert ("link", "n", "b", "moved", "note, tag") in held(found)


WRITES = {
    "update": ("UPDATE link SET v = 5 WHERE note = 'nb' AND tag = 'a'", [("nb", "a", 5)], [("nb", "b", 5)]),
    "upsert": (
        "INSERT INTO link VALUES ('nb', 'a', 5, 5) ON CONFLICT DO UPDATE SET v = excluded.v",
        [("nb", "a", 5)],
        [("nb", "b", 5)],
    ),
    "replace": ("INSERT OR REPLACE INTO link VALUES ('nb', 'a', 5, 5)", [("nb", "a", 5)], [("nb", "b", 5)]),
    "ignore": ("INSERT OR IGNORE INTO link VALUES ('nb', 'a', 5, 5)", [("nb", "a", 1)], [("nb", "b", 1)]),
    "delete": ("DELETE FROM link WHERE note = 'nb'", [], []),
    "delete and insert": (
        "DELETE FROM link WHERE note = 'nb'; INSERT INTO link VALUES ('nb', 'a', 5, 5)",
        [("nb", "a", 5)],
        [("nb", "a", 5)],
    ),
    "another key": ("UPDATE link SET note = 'nc' WHERE note = 'nb'", [("nc", "a", 1)], [("nc", "a", 1)]),
    "update and delete": ("UPDATE link SET v = 5 WHERE note = 'nb'; DELETE FROM link WHERE note = 'nb'", [], []),
    "another row takes its place": (
        "INSERT INTO link VALUES ('z', 'a', 9, 9); UPDATE OR REPLACE link SET note = 'nb' WHERE note = 'z'",
        [("nb", "a", 9)],
        [("nb", "b", 9)],
    ),
}


@pytest.mark.parametrize("rowid", ["", " WITHOUT ROWID"])
@pytest.mark.parametrize("name", WRITES)
def test_a_write_where_a_row_stands_is_a_write_of_that_row(tmp_path: Path, name: str, rowid: str) -> None:
    """Everybody learns of it under the row's own key; what is inserted after a delete, or gets another key, is a row of that key."""
    statement, shown, apart = WRITES[name]
    one, other = linked(tmp_path, rowid)
    write(other, statement, foreign_keys=True)
    come_to_rest([one, other])
    for found in (one, other):
        assert [row for row in links(found) if row[0] != "na"] == shown
        held(found)
    write(one, "UPDATE tag SET name = 'home' WHERE id = 'a'")
    come_to_rest([one, other])
    for found in (one, other):
        assert [row for row in links(found) if row[0] != "na"] == apart
        held(found)


def test_concurrent_writes_where_a_row_stands_and_where_it_was_written(tmp_path: Path) -> None:
    """Writes of a moved row merge column by column with those of replicas that show it under its own key."""
    one, other = linked(tmp_path)
    third = one.clone(tmp_path / "third.db")
    write(third, "UPDATE tag SET name = 'home' WHERE id = 'a'")
    assert [row[:2] for row in links(third)][1:] == [("nb", "b")]
    write(third, "UPDATE link SET v = 2 WHERE tag = 'b'")
    write(one, "UPDATE link SET w = 3 WHERE note = 'nb' AND tag = 'a'")
    come_to_rest([one, other, third])
    for found in (one, other, third):
        assert read(found, "SELECT * FROM link WHERE note = 'nb'") == [("nb", "b", 2, 3)]
        assert held(found) == []


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize(
    "before", ["UPDATE link SET v = 5 WHERE note = 'nb'", "REPLACE INTO link VALUES ('nb', 'a', 5, 1)"]
)
def test_who_inserts_the_own_key_of_a_moved_row_writes_it_anew(
    tmp_path: Path, before: str, written: bool, folded: bool
) -> None:
    """What stood under the other key goes, and its values are in the conflict log; or, if it is written after that, is a row of its own."""
    one, other = linked(tmp_path)
    statements = [before, "INSERT INTO link VALUES ('nb', 'b', 8, 8)"]
    statements += ["UPDATE link SET w = 6 WHERE note = 'nb' AND tag = 'a'"] if written else []
    for some in [[statement] for statement in statements] if folded else [statements]:
        write(other, *some)
    come_to_rest([one, other])
    anew, parted = (8, 6 if written else 8), written and not folded
    for found in (one, other):
        assert read(found, "SELECT * FROM link WHERE note = 'nb'") == [("nb", "a", *((5, 6) if parted else anew))]
        held(found)
    lost = {(entry.column, value) for entry in other.conflicts() for value in (entry.ours, entry.theirs)}
    assert (("v", 5) in lost) == (not parted)


def test_a_row_stands_under_the_key_of_a_deleted_one_until_that_comes_back(tmp_path: Path) -> None:
    """A deleted row has no claim to its key; brought back, it is shown, and the other one is one with it."""
    one, other = linked(tmp_path)
    write(one, "DELETE FROM link WHERE note = 'nb'", "INSERT INTO link VALUES ('nb', 'a', 2, 2)")
    write(one, "DELETE FROM link WHERE note = 'nb'")
    one.vector()
    write(other, "UPDATE link SET v = 4 WHERE note = 'nb'")
    come_to_rest([one, other])
    for found in (one, other):
        assert links(found)[1:] == [("nb", "a", 4)], "the delete of the row of 'b' had not seen the write"
        assert held(found) == MOVED
    write(one, "INSERT INTO link VALUES ('x', 'a', 0, 0)")
    third = one.clone(tmp_path / "third.db")
    write(third, "DELETE FROM link WHERE note = 'nb'", "INSERT INTO link VALUES ('nb', 'a', 6, 6)")
    third.vector()
    write(one, "UPDATE link SET w = 7 WHERE note = 'nb'")
    come_to_rest([one, other, third])
    for found in (one, other, third):
        assert [row for row in links(found) if row[0] == "nb"] == [("nb", "a", 6)]
        assert ("link", "nb", "b", "united", "note, tag") in held(found)


def test_what_refers_to_a_moved_row_shows_its_key(tmp_path: Path) -> None:
    """A reference to a link by its whole key is read as well, and leads to its own key again once the union has come apart."""
    one, other = linked(tmp_path, "", "INSERT INTO remark VALUES ('r', 'nb', 'b')")
    assert read(one, "SELECT * FROM remark") == [("r", "nb", "a")]
    assert ("remark", "r", "masked", "tag") in held(one)
    write(one, "INSERT INTO remark VALUES ('s', 'nb', 'a')", foreign_keys=True)
    come_to_rest([one, other])
    write(one, "UPDATE tag SET name = 'home' WHERE id = 'a'")
    come_to_rest([one, other])
    for found in (one, other):
        assert read(found, "SELECT * FROM remark") == [("r", "nb", "b"), ("s", None, None)]
        assert [row[:2] for row in held(found)] == [("remark", "s")]
        assert read(found, "PRAGMA foreign_key_check") == []


PROFILES = """
CREATE TABLE user (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE profile (user INTEGER PRIMARY KEY REFERENCES user ON DELETE CASCADE, v)
"""


def test_a_key_that_is_a_reference_to_a_renumbered_row(tmp_path: Path) -> None:
    """A row whose whole key is an automatic id of another table follows it, and stands under the winner's id if it is united."""
    one, other = two(tmp_path, PROFILES, tables=("profile",))
    for found in (one, other):
        found.enable("user", identity="row")
        found.set_unique("user", ["name"], "same")
    write(one, "INSERT INTO user VALUES (9, 'zoe')")
    come_to_rest([one, other])
    write(one, "INSERT INTO user VALUES (1, 'ann'), (2, 'bob'); INSERT INTO profile VALUES (2, 'of bob')")
    write(other, "INSERT INTO user VALUES (1, 'bob'), (2, 'cy'); INSERT INTO profile VALUES (2, 'of cy')")
    come_to_rest([one, other])
    names = "SELECT name, v FROM profile JOIN user ON user.id = profile.user ORDER BY name"
    for found in (one, other):
        assert read(found, names) == [("bob", "of bob"), ("cy", "of cy")]
        assert [row[0] for row in held(found) if row[2:] == ("masked", "user")] == ["profile"]
    write(one, "UPDATE profile SET v = 'new' WHERE v = 'of bob'")
    write(
        other,
        "INSERT INTO user (name) VALUES ('dan'); INSERT INTO profile SELECT id, 'of dan' FROM user WHERE name = 'dan'",
    )
    come_to_rest([one, other])
    for found in (one, other):
        assert read(found, names) == [("bob", "new"), ("cy", "of cy"), ("dan", "of dan")]
        held(found)


ELSEWHERE = {
    "updated before": (["UPDATE tie SET v = 30 WHERE label = 3"], [], [(2, 1, 46, 0, None), (3, 1, 30, 5, '["c"]')]),
    "updated after": (
        [],
        ["UPDATE tie SET v = 40, n2 = n2 + 2, s = json_insert(s, '$[#]', 'b') WHERE label = 3"],
        [(2, 1, 46, 0, None), (3, 1, 40, 7, '["b","c"]')],
    ),
    "updated twice": (
        ["UPDATE tie SET v = 30, n2 = n2 + 1, s = json_insert(s, '$[#]', 'b') WHERE label = 3"],
        [
            "UPDATE tie SET n2 = n2 + 2, s = json_insert(s, '$[#]', 'a') WHERE label = 3",
            "UPDATE tie SET v = 50 WHERE label = 2",
        ],
        [(2, 1, 50, 0, None), (3, 1, 30, 8, '["a","b","c"]')],
    ),
    "replaced before": (
        ["REPLACE INTO tie VALUES (3, 1, 30, 7, '[\"b\"]')"],
        [],
        [(2, 1, 46, 0, None), (3, 1, 30, 7, '["b"]')],
    ),
    "replaced and updated": (
        ["UPDATE tie SET v = 20, n2 = n2 + 1", "REPLACE INTO tie VALUES (3, 1, 30, 7, '[\"b\"]')"],
        ["UPDATE tie SET n2 = n2 + 2, s = json_insert(s, '$[#]', 'a') WHERE label = 3"],
        [(2, 1, 46, 0, None), (3, 1, 30, 9, '["a","b"]')],
    ),
    "replaced after": (
        ["UPDATE tie SET v = 20, n2 = n2 + 1"],
        ["REPLACE INTO tie VALUES (3, 1, 30, 7, '[\"b\"]')"],
        [(2, 1, 46, 0, None), (3, 1, 30, 7, '["b"]')],
    ),
    "replaced and deleted": (
        ["REPLACE INTO tie VALUES (3, 1, 30, 7, '[\"b\"]')"],
        ["DELETE FROM tie WHERE label = 3"],
        [(2, 1, 46, 0, None)],
    ),
    "deleted": (["UPDATE tie SET v = 30 WHERE label = 3"], ["DELETE FROM tie WHERE label = 3"], [(2, 1, 46, 0, None)]),
    "deleted and inserted": (
        ["UPDATE tie SET v = 30 WHERE label = 3"],
        ["DELETE FROM tie WHERE label = 3", "INSERT INTO tie VALUES (3, 1, 60, 6, NULL)"],
        [(2, 1, 46, 0, None), (3, 1, 60, 6, None)],
    ),
}


LOOKS = "CREATE TRIGGER look BEFORE UPDATE ON tie BEGIN SELECT 1; END"
UNIQUE = "CREATE UNIQUE INDEX tie_v ON tie (v)"


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("more", ["", LOOKS, UNIQUE], ids=["", "looks", "unique"])
@pytest.mark.parametrize("name", ELSEWHERE)
def test_the_number_in_a_moved_rows_key_is_used_again(tmp_path: Path, name: str, more: str, at_once: bool) -> None:
    """Who uses the number of a united row again begins another row; what is written to the one that stands elsewhere stays its own."""
    before, after, expected = ELSEWHERE[name]
    _use_the_number_again(tmp_path, before, after, expected, more, at_once=at_once)


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("before", [[], ["UPDATE tie SET n2 = n2 + 1"]])
def test_a_moved_row_is_evicted_after_its_number_was_used_again(
    tmp_path: Path, before: list[str], at_once: bool
) -> None:
    """REPLACE deletes it where it stands, by another row's value."""
    after, expected = ["REPLACE INTO tie VALUES (3, 9, 10, 1, NULL)"], [(2, 1, 46, 0, None), (3, 9, 10, 1, None)]
    one = _use_the_number_again(tmp_path, before, after, expected, UNIQUE, at_once=at_once)
    assert [row[:1] for row in held(one)] == [("label",)]


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("early", [True, False])
def test_what_a_moved_row_was_in_the_way_of_is_no_write_of_it(tmp_path: Path, early: bool, at_once: bool) -> None:
    """So it stays deleted if another replica deletes it meanwhile."""
    met, expected = ["INSERT OR IGNORE INTO tie VALUES (3, 9, 10, 1, NULL)"], [(2, 1, 46, 0, None)]
    before, after = (met, []) if early else ([], met)
    _use_the_number_again(tmp_path, before, after, expected, UNIQUE, at_once=at_once, meanwhile="DELETE FROM tie")


def _use_the_number_again(
    folder: Path,
    before: list[str],
    after: list[str],
    expected: list[Any],
    more: str,
    *,
    at_once: bool,
    meanwhile: str = "",
) -> Replica:
    """Insert rows under the number of a united label, and of the tie that stands elsewhere for it; compare the ties that are shown."""
    ddl = """CREATE TABLE label (id INTEGER PRIMARY KEY, name UNIQUE);
    CREATE TABLE tie (label INTEGER NOT NULL REFERENCES label, n INTEGER NOT NULL, v, n2 INTEGER, s TEXT, PRIMARY KEY (label, n));"""
    one, other = two(folder, ddl + more, tables=("label",), identity="row")
    for found, number in ((one, 3), (other, 2)):
        found.enable("tie", types={"n2": "counter", "s": "set"})
        found.set_unique("label", ["name"], "same")
        write(found, f"INSERT INTO label VALUES ({number}, 'x')")
        found.vector()
    write(other, "INSERT INTO tie VALUES (2, 1, 10, 5, '[\"c\"]')")
    come_to_rest([one, other])
    ties = "SELECT label, n, v, n2, s FROM tie ORDER BY label, n"
    assert read(one, ties) == read(other, ties) == [(3, 1, 10, 5, '["c"]')]
    again = ["INSERT INTO label VALUES (2, 'y')", "INSERT INTO tie VALUES (2, 1, 46, 0, NULL)"]
    for statements in [[*before, *again, *after]] if at_once else [before, *zip(again), after]:
        write(one, *statements)
    held(one)
    assert one.conflicts() == []
    write(other, meanwhile)
    come_to_rest([one, other])
    assert held(one) == held(other)
    assert read(one, ties) == read(other, ties) == expected
    return one


def test_three_replicas_in_any_order(tmp_path: Path) -> None:
    """Links of three tags of one name come to the same on every found, whichever met first."""
    replicas = three(tmp_path, TAGS.format(rowid=" WITHOUT ROWID"))
    for number, one in enumerate(replicas):
        one.set_unique("tag", ["name"], "same")
        write(
            one, f"INSERT INTO tag VALUES ('{number}', 'work'); INSERT INTO link VALUES ('n', '{number}', {number}, 0)"
        )
        write(one, f"INSERT INTO link VALUES ('n{number}', '{number}', {number}, 0)")
        one.vector()
    changes = [one.export({}) for one in replicas]
    found = []
    for order in permutations(range(3)):
        receiver = replicas[order[0]].clone(tmp_path / f"{order}.db")
        for number in order[1:]:
            receiver.merge(changes[number])
        held(receiver)
        found.append({name: value for name, value in state.shared(receiver.connection).items() if name != "merged"})
    assert all(one == found[0] for one in found)
    assert len(links(receiver)) == 4


def test_deleting_the_winner_deletes_what_stands_under_its_key(tmp_path: Path) -> None:
    """ON DELETE CASCADE deletes the links that show the winner, that of the other tag too; the other tag comes back."""
    one, other = linked(tmp_path)
    write(one, "DELETE FROM tag WHERE id = 'a'", foreign_keys=True)
    come_to_rest([one, other])
    for found in (one, other):
        assert read(found, "SELECT id FROM tag") == [("b",)]
        assert links(found) == []
        assert held(found) == []


def test_a_new_replica_and_a_schema_change(tmp_path: Path) -> None:
    """A full export says of a moved row what it is; a new column of its table can be filled where it stands."""
    one, other = linked(tmp_path)
    third = one.clone(tmp_path / "third.db")
    assert held(third) == MOVED
    one.alter("ALTER TABLE link ADD COLUMN z")
    assert held(one) == MOVED
    write(one, "UPDATE link SET z = 3 WHERE note = 'nb'")
    write(other, "ALTER TABLE link ADD COLUMN z", "UPDATE link SET z = 2 WHERE note = 'na'")
    come_to_rest([one, other, third])
    for found in (one, other):
        assert read(found, "SELECT note, tag, z FROM link ORDER BY note") == [("na", "a", 2), ("nb", "a", 3)]
        assert held(found) == MOVED
    one.alter("ALTER TABLE link RENAME TO linked")
    write(one, "UPDATE linked SET v = 9 WHERE note = 'nb'")
    assert [(row.table, row.key) for row in one.held() if row.reason == "masked"] == [("linked", ("nb", "b"))]
    come_to_rest([one, other, third])
    assert links(other)[1:] == [("nb", "a", 9)]


def test_rows_that_no_trigger_saw_are_no_moved_ones(tmp_path: Path) -> None:
    """`repair` takes what stands under another key for what it is."""
    one, other = linked(tmp_path)
    write(Path(one.path), 'DROP TRIGGER "_crdt_insert_link"', "INSERT INTO link VALUES ('x', 'a', 0, 0)")
    one.repair()
    come_to_rest([one, other])
    for found in (one, other):
        assert links(found) == [("na", "a", 1), ("nb", "a", 1), ("x", "a", 0)]
        assert held(found) == MOVED


def test_looking_at_a_moved_row(tmp_path: Path) -> None:
    """`blame` finds it under both keys; a conflict of it is resolved by a write where it stands, and `resolve` says so."""
    one, other = linked(tmp_path)
    write(one, "UPDATE link SET v = 2 WHERE note = 'nb'")
    write(other, "UPDATE link SET v = 3 WHERE note = 'nb'")
    come_to_rest([one, other])
    by_place, by_key = one.blame("link", "nb", "a"), one.blame("link", "nb", "b")
    assert [(cell.column, cell.value, cell.hlc) for cell in by_place] == [(c.column, c.value, c.hlc) for c in by_key]
    (entry,) = one.conflicts()
    assert entry.key == ("nb", "b")
    with pytest.raises(ConflictError, match=r"shown under the key .*'a'"):
        one.resolve(entry.id, take="ours")
    write(one, "UPDATE link SET v = 4 WHERE note = 'nb'")
    assert [found.resolved_hlc is None for found in one.conflicts()] == [False]
    send(one, other)
    assert links(other)[1:] == [("nb", "a", 4)]


def test_a_full_export_has_no_row_of_a_place(tmp_path: Path) -> None:
    """Who gets everything, rows from before the tables were enabled too, gets a moved row under its own key alone."""
    rows = "; INSERT INTO tag VALUES ('z', 'old'); INSERT INTO link VALUES ('nz', 'z', 0, 0)"
    one = replica(tmp_path / "1.db", TAGS.format(rowid="") + rows, site=1)
    other, fresh = (replica(tmp_path / f"{n}.db", TAGS.format(rowid=""), site=n) for n in (2, 3))
    for number, found in enumerate((one, other, fresh)):
        found.set_unique("tag", ["name"], "same")
        if found is not fresh:
            write(
                found,
                f"INSERT INTO tag VALUES ('{number}', 'work'); INSERT INTO link VALUES ('n{number}', '{number}', 1, 1)",
            )
    come_to_rest([one, other])
    moved = [row for row in held(one) if row[3] == "masked"]
    assert len(moved) == 1
    fresh.merge(one.export({}))
    assert links(fresh) == links(one)
    assert held(fresh) == held(one)


def test_a_moved_row_whose_other_reference_leads_nowhere(tmp_path: Path) -> None:
    """It is held like any row that was written with such a reference."""
    schema = """
        CREATE TABLE note (id TEXT PRIMARY KEY NOT NULL); CREATE TABLE tag (id TEXT PRIMARY KEY NOT NULL, name TEXT UNIQUE);
        CREATE TABLE link (note TEXT NOT NULL REFERENCES note, tag TEXT NOT NULL REFERENCES tag, PRIMARY KEY (note, tag))
    """
    one, other = two(tmp_path, schema)
    for found, key in ((one, "a"), (other, "b")):
        found.set_unique("tag", ["name"], "same")
        write(found, f"INSERT INTO tag VALUES ('{key}', 'work')")
    write(other, "INSERT INTO link VALUES ('nowhere', 'b')")
    come_to_rest([one, other])
    for found in (one, other):
        assert read(found, "SELECT * FROM link") == []
        assert ("link", "nowhere", "b", "foreign key", "note") in held(found)
    write(one, "INSERT INTO note VALUES ('nowhere')")
    come_to_rest([one, other])
    for found in (one, other):
        assert read(found, "SELECT * FROM link") == [("nowhere", "a")]


def test_typed_columns_of_a_moved_row(tmp_path: Path) -> None:
    """What is added to a counter where the row stands adds to what is added elsewhere."""
    one, other = linked(tmp_path)
    for found in (one, other):
        found.set_type("link", "v", "counter")
    write(one, "UPDATE link SET v = v + 10 WHERE note = 'nb' AND tag = 'a'")
    write(other, "UPDATE link SET v = v + 100 WHERE note = 'nb' AND tag = 'a'")
    come_to_rest([one, other])
    for found in (one, other):
        assert links(found)[1:] == [("nb", "a", 111)]
        assert held(found) == MOVED


def test_foreign_keys_that_stay_enforced(tmp_path: Path) -> None:
    """Inside of a transaction in which they can't be switched off a write to a moved row waits; nothing is lost or shown otherwise."""
    one, other = linked(tmp_path)
    one.connection.execute("PRAGMA foreign_keys = ON; BEGIN")
    one.connection.execute("UPDATE link SET v = 7 WHERE note = 'nb'")
    with pytest.raises(ConstraintViolationError, match="foreign keys are enforced"):
        one.export({})
    one.connection.execute("COMMIT; PRAGMA foreign_keys = OFF")
    come_to_rest([one, other])
    for found in (one, other):
        assert links(found)[1:] == [("nb", "a", 7)]
        assert held(found) == MOVED


def test_files_without_united_rows_have_no_table_for_moved_ones(tmp_path: Path) -> None:
    """The table of moved rows is made with the first one."""
    one, _ = two(tmp_path, TAGS.format(rowid=""))
    write(one, "INSERT INTO tag VALUES ('a', 'work'); INSERT INTO link VALUES ('n', 'a', 1, 1)")
    one.vector()
    assert read(one, "SELECT name FROM sqlite_schema WHERE name GLOB '_crdt_moved_*'") == []


@pytest.mark.parametrize("statement", ["DROP TABLE _crdt_moved_link", "DELETE FROM _crdt_moved_link"])
def test_it_is_noticed_that_nothing_says_any_more_which_row_stands_where(tmp_path: Path, statement: str) -> None:
    """Where the table of ours is dropped or emptied, `doctor` calls it broken and names the way out, and what the table shows stays."""
    one, other = linked(tmp_path)
    before = links(one)
    one.connection.execute(statement)
    report = one.doctor()
    assert report.broken
    assert "which rows are shown under other keys than their own" in str(report)
    if statement.startswith("DROP"):
        with pytest.raises(DamagedError, match=r"disable .* link"):
            other.merge(one.export(other.vector()))
    one.disable("link")
    assert links(one) == before
