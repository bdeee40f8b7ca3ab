"""Two files that were filled separately become one."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

import crdtsql
from crdtsql import Replica, errors, sync
from tests.support.peers import fast_directory, read, write
from tests.support.settled import assert_settled

SCHEMA = """
CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, boss INTEGER REFERENCES person(id));
CREATE TABLE tag (name TEXT PRIMARY KEY NOT NULL, colour TEXT);
CREATE TABLE tagged (person INTEGER REFERENCES person(id), tag TEXT REFERENCES tag(name), PRIMARY KEY (person, tag));
"""
APP = "INSERT INTO person VALUES (1, 'Ada', NULL), (2, 'Bob', 1); INSERT INTO tag VALUES ('work', 'red'); INSERT INTO tagged VALUES (1, 'work');"
OTHER = """
INSERT INTO person VALUES (1, 'Cleo', 2), (2, 'Dan', NULL), (5, 'Eve', 1);
INSERT INTO tag VALUES ('work', 'blue'), ('home', NULL);
INSERT INTO tagged VALUES (1, 'work'), (5, 'home');
"""
PEOPLE = "SELECT person.name, boss.name FROM person LEFT JOIN person AS boss ON boss.id = person.boss ORDER BY 1"
TAGS = (
    "SELECT person.name, tag.name, colour FROM tagged JOIN person ON id = person JOIN tag ON tag.name = tag ORDER BY 1"
)
Make = Callable[..., tuple[Replica, Path]]


def plain(path: Path, *scripts: str) -> Path:
    """Make a plain SQLite file."""
    connection = apsw.Connection(str(path))
    for script in scripts:
        connection.execute(script)
    connection.close()
    return path


def dump(of: Replica | Path, *tables: str) -> list[Any]:
    """Return all rows of tables."""
    return [sorted(read(of, f'SELECT * FROM "{table}"'), key=str) for table in tables]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Give what makes a replica and a plain file, of a schema and rows each."""

    def pair(app: str = APP, other: str = OTHER, schema: str = SCHEMA, other_schema: str = "") -> tuple[Replica, Path]:
        path = plain(tmp_path / "app.db", schema, app)
        replica = Replica.open(path)
        replica.enable(all=True)
        return replica, plain(tmp_path / "other.db", other_schema or schema, other)

    return pair


def sound(replica: Replica) -> None:
    """Check a file as any program, and as settling from scratch, would find it."""
    assert read(replica, "PRAGMA integrity_check") == [("ok",)] and not read(replica, "PRAGMA foreign_key_check")
    assert_settled(replica)


def test_numbers_and_references_follow(make: Make, tmp_path: Path) -> None:
    """Automatic ids move above those in use, all by one amount; references, also in keys and to the table itself, follow; it replicates."""
    app, other = make()
    peer, before = app.clone(tmp_path / "peer.db"), other.read_bytes()
    report = app.combine(other)
    assert read(app, "SELECT id, name FROM person ORDER BY id") == [
        (1, "Ada"), (2, "Bob"), (3, "Cleo"), (4, "Dan"), (7, "Eve"),
    ]  # fmt: skip
    assert read(app, PEOPLE) == [("Ada", None), ("Bob", "Ada"), ("Cleo", "Dan"), ("Dan", None), ("Eve", "Cleo")]
    assert read(app, TAGS) == [("Ada", "work", "red"), ("Cleo", "work", "red"), ("Eve", "home", None)]
    assert (report.tables["person"].added, report.tables["person"].inserted, report.inserted) == (2, 3, 6)
    assert (report.tables["tag"].rows, report.tables["tag"].differing, report.tables["tag"].inserted) == (2, 1, 1)
    sync(app, peer)
    assert dump(peer, "person", "tag", "tagged") == dump(app, "person", "tag", "tagged")
    assert other.read_bytes() == before
    for each in (app, peer):
        sound(each)


def test_ids_that_are_free_stay(make: Make) -> None:
    """Ids are only changed where they mean two rows: a file whose ids are above all that are in use keeps them."""
    app, other = make(other="INSERT INTO person VALUES (10, 'Fay', 10)")
    assert app.combine(other).tables["person"].added == 0
    assert read(app, "SELECT * FROM person WHERE id > 2") == [(10, "Fay", 10)]


def test_ids_below_one_and_derived_ones_come_in(make: Make) -> None:
    """Negative ids stay in order; numbers that rows got because they lost theirs are left alone, unless they are taken."""
    derived = (1 << 52) + 5
    app, other = make(
        app=f"INSERT INTO person VALUES (1, 'Ada', NULL), ({derived}, 'old', 1)",
        other=f"INSERT INTO person VALUES (-3, 'neg', NULL), (1, 'one', -3), ({derived}, 'big', 1)",
    )
    app.combine(other)
    assert read(app, PEOPLE) == [("Ada", None), ("big", "one"), ("neg", None), ("old", "Ada"), ("one", "neg")]
    assert read(app, "SELECT id FROM person WHERE name IN ('neg', 'one') ORDER BY id") == [(2,), (6,)]
    sound(app)


def test_ids_that_were_in_use_are_not_given_again(make: Make) -> None:
    """Ids of deleted rows, and those that AUTOINCREMENT has passed, count as in use."""
    schema = "CREATE TABLE note (id INTEGER PRIMARY KEY AUTOINCREMENT, body);"
    app, other = make(
        "INSERT INTO note VALUES (9, 'x'); DELETE FROM note; INSERT INTO note VALUES (1, 'a')",
        "INSERT INTO note VALUES (1, 'b')",
        schema,
    )
    app.combine(other)
    assert read(app, "SELECT id, body FROM note ORDER BY 1") == [(1, "a"), (10, "b")]


def test_ids_of_deleted_rows_are_not_given_again(make: Make) -> None:
    """An id that a row had which was deleted since counts as in use, also without AUTOINCREMENT: that row may come back."""
    app, other = make()
    write(app, "INSERT INTO person VALUES (9, 'gone', NULL)", "DELETE FROM person WHERE id = 9")
    app.combine(other)
    assert read(app, "SELECT id FROM person WHERE name = 'Cleo'") == [(10,)]
    app.undelete("person", 9)
    assert read(app, "SELECT name FROM person WHERE id = 9") == [("gone",)]


def test_a_row_that_is_held_here_is_here(make: Make) -> None:
    """A row of the other file whose key a held row has here is no new row: the held one keeps its values, or takes the other ones."""
    schema = "CREATE TABLE u (k TEXT PRIMARY KEY NOT NULL, mail TEXT UNIQUE);"
    app, other = make("INSERT INTO u VALUES ('a', 'm')", "INSERT INTO u VALUES ('b', 'other')", schema)
    app.combine(plain(other.with_name("held.db"), schema, "INSERT INTO u VALUES ('b', 'm')"))
    counts = app.combine(other).tables["u"]
    assert (counts.differing, counts.inserted, app.held()[0].values) == (1, 0, {"mail": "m"})
    app.combine(other, take="theirs", again=True)
    assert (read(app, "SELECT * FROM u ORDER BY k"), app.held()) == ([("a", "m"), ("b", "other")], [])


@pytest.mark.parametrize(("take", "colour", "conflicts"), [("ours", "red", 0), ("theirs", "blue", 1)])
def test_rows_of_one_key_with_other_values(make: Make, take: Any, colour: str, conflicts: int) -> None:
    """A row that both files have keeps its values, or takes the other file's, and then its own are in the conflict log."""
    app, other = make()
    app.combine(other, take=take)
    assert read(app, "SELECT colour FROM tag WHERE name = 'work'") == [(colour,)]
    found = app.conflicts()
    assert [(one.lost_value, one.column) for one in found] == [("red", "colour")] * conflicts
    assert app.notices == []
    with pytest.raises(errors.UsageError):
        app.combine(other, take="both")  # type: ignore[arg-type]


def test_rows_with_equal_values_are_the_same_row(make: Make) -> None:
    """A row of a key of its own that both files have alike is nothing to do, as this table's columns store its values."""
    app, other = make(
        "INSERT INTO t VALUES ('a', 1, 'x')", "INSERT INTO t VALUES ('a', '1', 'x')", "CREATE TABLE t (k TEXT PRIMARY KEY NOT NULL, n INTEGER, s TEXT);", "CREATE TABLE T (K TEXT PRIMARY KEY, N TEXT, s);",
    )  # fmt: skip
    counts = app.combine(other).tables["t"]
    assert (counts.same, counts.differing, counts.inserted) == (1, 0, 0)


def test_constraints_hold(make: Make) -> None:
    """Rows that a UNIQUE, a CHECK or a reference does not allow are held, not refused, and come back when they can."""
    schema = "CREATE TABLE u (k TEXT PRIMARY KEY NOT NULL, mail TEXT UNIQUE, n INTEGER CHECK (n > 0) NOT NULL, up TEXT REFERENCES u(k));"
    loose = "CREATE TABLE u (k TEXT, mail TEXT, n, up TEXT);"
    app, other = make(
        "INSERT INTO u VALUES ('a', 'm', 1, NULL)",
        "INSERT INTO u VALUES ('b', 'm', 1, 'a'), ('c', 'c', -1, NULL), ('d', 'd', NULL, NULL), ('e', 'e', 1, 'nobody'), ('f', 'f', 2, 'a')",
        schema, loose,
    )  # fmt: skip
    counts = app.combine(other).tables["u"]
    assert (counts.inserted, counts.held) == (5, 4)
    assert sorted((row.key, row.reason) for row in app.held()) == [
        (("b",), "unique"), (("c",), "check"), (("d",), "check"), (("e",), "foreign key"),
    ]  # fmt: skip
    write(app, "UPDATE u SET mail = 'other' WHERE k = 'a'")
    assert read(app, "SELECT mail FROM u WHERE k = 'b'") == [("m",)]
    sound(app)


def test_policies_and_types_count(make: Make) -> None:
    """UNIQUE policies and column types are those of this file; values that a type does not take are refused by name."""
    schema = "CREATE TABLE p (k TEXT PRIMARY KEY NOT NULL, nick TEXT UNIQUE, n INTEGER, tags TEXT);"
    app, other = make("INSERT INTO p VALUES ('a', 'x', 1, '[]')", "INSERT INTO p VALUES ('b', 'x', 5, '[1]')", schema)
    app.set_unique("p", ["nick"], "suffix")
    app.set_type("p", "n", "counter")
    app.set_type("p", "tags", "set")
    app.combine(other)
    write(app, "UPDATE p SET n = n + 1, tags = '[1,2]' WHERE k = 'b'")
    ((nick, n, tags),) = read(app, "SELECT nick, n, tags FROM p WHERE k = 'b'")
    assert nick.startswith("x#") and n == 6 and tags == "[1,2]"
    app.undo_combine(changed_too=True)
    plain(other, "UPDATE p SET tags = 'none'")
    with pytest.raises(errors.CannotCombineError, match=r"p\.tags is a set"):
        app.combine(other)


def test_natural_keys_unite(make: Make) -> None:
    """Under the UNIQUE policy `same` rows of both files with one natural key are one thing, which the rows of both refer to; undo parts them."""
    schema = (
        "CREATE TABLE topic (id INTEGER PRIMARY KEY, name TEXT UNIQUE);"
        "CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT, topic INTEGER REFERENCES topic(id));"
    )
    rows = "INSERT INTO topic VALUES (1, '%s'), (2, 'work'); INSERT INTO note (body, topic) VALUES ('%s', 2), ('%s alone', 1)"
    app, other = make(rows.replace("%s", "app"), rows.replace("%s", "other"), schema)
    app.set_unique("topic", ["name"], "same")
    app.combine(other)
    shown = "SELECT body, name FROM note JOIN topic ON topic.id = topic ORDER BY 1"
    assert read(app, shown) == [("app", "work"), ("app alone", "app"), ("other", "work"), ("other alone", "other")]
    assert read(app, "SELECT count(*) FROM topic") == [(3,)]
    sound(app)
    assert app.undo_combine().deleted == {"note": 2, "topic": 2}
    assert read(app, shown) == [("app", "work"), ("app alone", "app")] and not app.held()
    sound(app)


def test_columns_and_tables_that_only_one_file_has(make: Make) -> None:
    """Columns that the other file lacks get their defaults; its own columns and tables are reported, with how much was left out."""
    app, other = make(
        "INSERT INTO t VALUES ('a', 1, 2)", "INSERT INTO t VALUES ('b', 1, 'lost'), ('c', 2, NULL); INSERT INTO log VALUES (1)",
        "CREATE TABLE t (k TEXT PRIMARY KEY NOT NULL, n, more INTEGER DEFAULT 7);",
        "CREATE TABLE t (k TEXT PRIMARY KEY, n, extra); CREATE TABLE log (line); CREATE TABLE empty (x);",
    )  # fmt: skip
    report = app.combine(other)
    assert read(app, "SELECT * FROM t ORDER BY k") == [("a", 1, 2), ("b", 1, 7), ("c", 2, 7)]
    assert (report.left_out, report.tables["t"].left_out) == ({"log": 1}, {"extra": 1})


def test_a_replica_can_be_the_other_file(make: Make) -> None:
    """The other file may be a replica: what it shows comes in, what it holds is counted, ours of its tables are left aside."""
    app, other = make()
    with Replica.open(other) as there:
        there.enable(all=True)
        with there.clone(other.with_name("third.db")) as third:
            write(there, "DELETE FROM tag WHERE name = 'home'")
            write(third, "INSERT INTO tagged VALUES (2, 'home')")
            sync(there, third)
        there.connection.execute("INSERT INTO person (name) VALUES ('not folded yet')")
    report = app.combine(other)
    assert "not folded yet" in [name for name, _ in read(app, PEOPLE)]
    assert report.held_there == 1 and not report.left_out
    sound(app)


def test_files_that_have_met_are_to_be_synced(make: Make, tmp_path: Path) -> None:
    """A copy of this file, or a replica that has met it, is refused with the command that brings them together."""
    app, other = make()
    app.clone(tmp_path / "peer.db").close()
    with pytest.raises(errors.CannotCombineError, match="crdtsql sync"):
        app.combine(tmp_path / "peer.db")
    for name in ("app.db", "link.db"):
        if name == "link.db":
            (tmp_path / name).symlink_to(tmp_path / "app.db")
        with pytest.raises(errors.CannotCombineError, match="this file itself"):
            app.combine(tmp_path / name)
    app.combine(other)
    with pytest.raises(errors.CannotCombineError, match="--undo"):
        app.combine(other)
    assert app.combine(other, again=True).tables["person"].alike == 0
    assert len(read(app, "SELECT 1 FROM person")) == 8


def test_a_copy_of_plain_files_is_noticed(make: Make) -> None:
    """Rows that equal one under the same automatic id are counted: perhaps one file is a copy of the other."""
    app, other = make(other=APP)
    assert app.combine(other, dry_run=True).tables["person"].alike == 2


@pytest.mark.parametrize(
    ("other_schema", "rows", "why"),
    [
        ("CREATE TABLE person (name TEXT);", "INSERT INTO person VALUES ('x')", "no column 'id'"),
        ("CREATE TABLE person (id TEXT, name TEXT);", "INSERT INTO person VALUES ('x', 'x')", "no integer"),
        ("CREATE TABLE tag (name TEXT, colour TEXT);", "INSERT INTO tag VALUES (NULL, 'x')", "is NULL"),
        ("CREATE TABLE tag (name TEXT, colour TEXT);", "INSERT INTO tag VALUES ('a', 1), ('a', 2)", "the same in several rows"),
        ("CREATE TABLE another (name TEXT);", "INSERT INTO another VALUES ('x')", "none of the tables"),
    ],
)  # fmt: skip
def test_what_can_not_come_in_is_refused_as_a_whole(make: Make, other_schema: str, rows: str, why: str) -> None:
    """Rows without a key that this file takes are refused by table; nothing is changed."""
    app, other = make(other=rows, other_schema=other_schema)
    before = app.connection.serialize("main")
    with pytest.raises(errors.CannotCombineError, match=why):
        app.combine(other)
    assert app.connection.serialize("main") == before


def test_files_that_are_none(make: Make, tmp_path: Path) -> None:
    """A file that is missing, locked or no database, and a file that is not replicated, are refused in words."""
    app, other = make()
    (tmp_path / "text.db").write_text("no database at all, but long enough to be read as one" * 20)
    for name in ("missing.db", "text.db"):
        with pytest.raises(errors.DatabaseError, match=name):
            app.combine(tmp_path / name)
    app.lock_timeout = 0
    holder = apsw.Connection(str(other))
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(errors.BusyError, match=r"other\.db"):
        app.combine(other)
    holder.close()
    with Replica.open(other) as there, pytest.raises(errors.NotEnabledError):
        there.combine(tmp_path / "app.db")


def test_a_dry_run_changes_nothing(make: Make) -> None:
    """A dry run reports what would come in, and leaves the file as it was, byte by byte."""
    app, other = make()
    before = app.connection.serialize("main")
    report = app.combine(other, dry_run=True)
    assert (report.dry_run, report.inserted, app.connection.serialize("main")) == (True, 6, before)
    assert app.combine(other).to_json() == {**report.to_json(), "dry_run": False, "site": app.registry.site_id(2).hex()}


@pytest.mark.parametrize("take", ["ours", "theirs"])
def test_undo_takes_all_of_it_back(make: Make, tmp_path: Path, take: Any) -> None:
    """Undo deletes the rows that came in, shown or held, on all replicas, and gives overwritten values back."""
    app, other = make()
    with app.clone(tmp_path / "peer.db") as peer:
        before = dump(app, "person", "tag", "tagged")
        app.combine(other, take=take)
        sync(app, peer)
        assert app.undo_combine(dry_run=True).dry_run and dump(app, "person", "tag", "tagged") != before
        report = app.undo_combine()
        assert (report.deleted, report.changed) == ({"person": 3, "tag": 1, "tagged": 2}, {})
        assert report.restored == (take == "theirs")
        sync(app, peer)
        for each in (app, peer):
            assert dump(each, "person", "tag", "tagged") == before
            assert not each.held()
            sound(each)
    with pytest.raises(errors.CannotCombineError, match="taken back already"):
        app.undo_combine()
    assert app.combine(other).inserted == 6


def test_undo_keeps_what_was_changed_since(make: Make) -> None:
    """Rows that somebody changed since stay, and are counted by table, unless they are to go too."""
    app, other = make()
    app.combine(other)
    write(app, "UPDATE person SET name = 'Cleopatra' WHERE name = 'Cleo'", "DELETE FROM person WHERE name = 'Eve'")
    report = app.undo_combine(dry_run=True)
    assert (report.deleted["person"], report.changed) == (1, {"person": 1})
    report = app.undo_combine(changed_too=True)
    assert (report.deleted["person"], report.changed) == (2, {})
    assert read(app, PEOPLE) == [("Ada", None), ("Bob", "Ada")]


def test_undo_takes_back_what_came_over_a_deleted_row(make: Make) -> None:
    """A row whose key was deleted here comes in, and goes again with undo: that delete is no change since."""
    app, other = make()
    write(app, "DELETE FROM tagged", "DELETE FROM tag")
    assert app.combine(other).tables["tag"].inserted == 2
    report = app.undo_combine()
    assert (report.deleted["tag"], report.changed, read(app, "SELECT * FROM tag"), app.held()) == (2, {}, [], [])


def test_undo_restores_references_before_their_rows_go(make: Make) -> None:
    """A value that came from the other file may refer to a row that came with it: undo gives the earlier one back, and nothing is held."""
    schema = "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE k (c TEXT PRIMARY KEY NOT NULL, p INTEGER REFERENCES p(id));"
    app, other = make(
        "INSERT INTO k VALUES ('a', NULL)", "INSERT INTO p VALUES (1); INSERT INTO k VALUES ('a', 1)", schema
    )
    app.combine(other, take="theirs")
    assert read(app, "SELECT p FROM k") == [(1,)]
    report = app.undo_combine()
    assert (report.restored, report.failed, read(app, "SELECT p FROM k"), app.held()) == (1, 0, [(None,)], [])


def test_undo_lets_a_row_stay_that_others_refer_to(make: Make) -> None:
    """References that were written since never dangle after undo: what they refer to is shown as long as they do."""
    app, other = make()
    app.combine(other)
    write(app, "INSERT INTO person VALUES (100, 'new', 4)")
    app.undo_combine()
    assert ("new", "Dan") in read(app, PEOPLE)
    sound(app)


def test_undo_goes_back_one_by_one(make: Make, tmp_path: Path) -> None:
    """Each undo takes back one combination, the last first."""
    app, other = make()
    app.combine(other)
    app.combine(plain(tmp_path / "more.db", SCHEMA, "INSERT INTO person VALUES (1, 'More', NULL)"))
    assert app.undo_combine().deleted == {"person": 1}
    assert app.undo_combine().deleted == {"person": 3, "tag": 1, "tagged": 2}


def test_two_chinooks() -> None:
    """Two music shops of 15,607 rows become one in under a second of work, with each track in its own album."""
    with fast_directory() as folder:
        for name in ("app.db", "other.db"):
            shutil.copy(Path(crdtsql.__file__).parent / "ui" / "data" / "chinook.sqlite", folder / name)
        with Replica.open(folder / "app.db") as app:
            app.enable(all=True)
            begin = time.process_time()
            report = app.combine(folder / "other.db")
            assert time.process_time() - begin < 1
            assert report.inserted == 15_607
            albums = "SELECT Album.Title, count(*) / 2 FROM Track JOIN Album USING (AlbumId) GROUP BY 1 ORDER BY 1"
            assert read(app, albums) == read(folder / "other.db", albums.replace("/ 2", ""))
            assert not read(app, "PRAGMA foreign_key_check")


TYPED = "CREATE TABLE t (k TEXT PRIMARY KEY NOT NULL, n INTEGER, s TEXT, r, j TEXT, u TEXT UNIQUE);"
TYPES = {"n": "counter", "s": "set", "r": "register", "j": "map"}


def typed(make: Make, unique: str) -> tuple[Replica, Path]:
    """Combine two files that have one row with other values, and take theirs."""
    mine = "INSERT INTO t VALUES ('x', 5, '[1]', 'mine', '{\"q\": 1}', 'a'), ('w', 0, '[]', '', '{}', 'taken')"
    app, other = make(mine, f"INSERT INTO t VALUES ('x', 9, '[2]', 'theirs', '{{\"q\": 2}}', '{unique}')", TYPED)
    for column, kind in TYPES.items():
        app.set_type("t", column, kind)
    app.combine(other, take="theirs")
    return app, other


def test_undo_says_which_columns_keep_what_came_in(make: Make) -> None:
    """Undo gives registers and maps back like any value, and names the columns that merge without a conflict, which stay."""
    app, _ = typed(make, "a")
    report = app.undo_combine()
    assert (report.restored, report.failed, report.kept) == (2, 0, ["t.n", "t.s"])
    assert read(app, "SELECT n, s, r, j FROM t WHERE k = 'x'") == [(9, "[1,2]", "mine", '{"q":1}')]


def test_values_of_a_held_row_are_taken_back_later(make: Make) -> None:
    """What undo can't write because its row is held is open in the conflict log, under the site that it names, and can be resolved later."""
    app, _ = typed(make, "taken")
    assert [row.reason for row in app.held()] == ["unique"]
    report = app.undo_combine()
    assert (report.restored, report.failed) == (0, 3)
    with pytest.raises(errors.ConflictError, match="'x' of table 't' is held.*crdtsql held"):
        app.resolve(app.conflicts(open_only=True)[0].id, "ours")
    write(app, "UPDATE t SET u = 'free' WHERE k = 'w'")
    answered = app.resolve_all("ours", site=report.site)
    assert (len(answered.resolved), answered.failed, app.held()) == (3, {}, [])
    assert read(app, "SELECT r, j, u FROM t WHERE k = 'x'") == [("mine", '{"q":1}', "a")]
