"""Rows that several replicas insert under one number stay several rows, and everything that refers to them follows."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica, sync
from crdtsql.base.errors import CannotEnableError, MissingChangesError, SchemaMismatchError, UsageError
from tests.support.peers import START_MS, come_to_rest, read, send, write

SCHEMA = """
CREATE TABLE artist (id INTEGER PRIMARY KEY, name TEXT, boss REFERENCES artist (id));
CREATE TABLE track (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT, artist INTEGER REFERENCES artist ON DELETE SET NULL);
CREATE TABLE playlist_track (playlist TEXT, track INTEGER REFERENCES track (id), note, PRIMARY KEY (playlist, track)) WITHOUT ROWID;
"""
FIRST_DERIVED = 2**52

Open = Callable[..., Replica]


@pytest.fixture
def shop(tmp_path: Path) -> Any:
    """Give a function that opens replicas, one after the other, on one clock that goes on with every look."""
    clock, numbers, opened = count(START_MS, 10), count(1), []

    def make(schema: str = SCHEMA, **options: Any) -> Replica:
        number = next(numbers)
        path = tmp_path / f"{number}.db"
        connection = apsw.Connection(str(path))
        connection.execute(schema)
        connection.close()
        ids = count(0)
        replica = Replica.open(path, now=lambda: next(clock), make_site=lambda: bytes([number, *([0] * 14), next(ids)]))
        replica.enable(all=True, **options)
        opened.append(replica)
        return replica

    yield make
    for replica in opened:
        replica.close()


def dump(replica: Replica) -> list[Any]:
    """Return all tables and the renumbered rows."""
    return [
        read(replica, f"SELECT * FROM {t} ORDER BY 1, 2")
        for t in ("artist", "track", "playlist_track", "crdt_renumbered")
    ]


TITLES = "SELECT track.title, artist.name FROM track LEFT JOIN artist ON artist.id = track.artist ORDER BY 1"


def test_two_rows_of_one_number_stay_two(shop: Open) -> None:
    """Two replicas insert 7: the older row keeps the number, the other one gets the same number above 2^52 on both."""
    a, b = shop(), shop()
    write(a, "INSERT INTO artist VALUES (7, 'of a', NULL)")
    write(b, "INSERT INTO artist VALUES (7, 'of b', 7)")
    into_a, into_b = sync(a, b)
    ((first, older, _), (second, newer, boss)) = read(a, "SELECT * FROM artist ORDER BY id")
    assert (first, older, newer) == (7, "of a", "of b")
    assert FIRST_DERIVED <= second < 2**53
    assert boss == second
    assert dump(a) == dump(b)
    assert (into_a.total.renumbered, into_b.total.renumbered) == (1, 1)
    assert into_a.to_json()["renumbered"] == 1
    assert [(row.table, row.old, row.new) for row in a.renumbered()] == [("artist", 7, second)]
    assert a.renumbered("artist") == b.renumbered()
    assert a.renumbered("track") == []
    assert [table.renumbered for table in a.status().tables] == [1, 0, 0]
    assert all(report.known for report in sync(a, b))


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_any_order_gives_the_same_numbers(shop: Open, order: tuple[int, ...]) -> None:
    """Four replicas insert one number; a fifth merges their changesets in any order, and has what all others have."""
    writers = [shop() for _ in range(4)]
    for number, writer in enumerate(writers):
        write(
            writer,
            f"INSERT INTO artist VALUES (1, 'artist {number}', 1)",
            f"INSERT INTO track VALUES (1, 'track {number}', 1)",
            f"INSERT INTO playlist_track VALUES ('p', 1, 'note {number}')",
        )
    changesets = [writer.export() for writer in writers]
    reader = shop()
    for number in order:
        reader.merge(changesets[number])
    assert read(reader, TITLES) == [(f"track {number}", f"artist {number}") for number in range(4)]
    assert read(reader, "SELECT name FROM artist WHERE id = 1") == [("artist 0",)]
    assert read(
        reader, "SELECT p.note, t.title FROM playlist_track AS p JOIN track AS t ON t.id = p.track ORDER BY 1"
    ) == [(f"note {number}", f"track {number}") for number in range(4)]
    for writer in writers:
        for data in changesets:
            writer.merge(data)
        assert dump(writer) == dump(reader)


def test_children_follow_wherever_they_are_written(shop: Open) -> None:
    """References written before or after the collision, by any replica, refer to the row that their writer saw."""
    a, b, c = shop(), shop(), shop()
    write(a, "INSERT INTO artist VALUES (1, 'of a', NULL)")
    write(b, "INSERT INTO artist VALUES (1, 'of b', NULL)", "INSERT INTO track VALUES (1, 'before, at b', 1)")
    send(b, c)
    write(c, "INSERT INTO track VALUES (10, 'at c, that knows b alone', 1)")
    send(a, b)
    write(b, "INSERT INTO track VALUES (20, 'after, of a', 1)")
    write(b, "INSERT INTO track SELECT 21, 'after, of b', id FROM artist WHERE name = 'of b'")
    send(c, a)
    write(c, "UPDATE track SET title = 'again' WHERE id = 10", "INSERT INTO track VALUES (30, 'late, at c', 1)")
    come_to_rest([a, b, c])
    come_to_rest([a, b, c])
    assert read(a, TITLES) == [
        ("after, of a", "of a"),
        ("after, of b", "of b"),
        ("again", "of b"),
        ("before, at b", "of b"),
        ("late, at c", "of b"),
    ]
    assert dump(a) == dump(b) == dump(c)


def test_an_update_by_its_old_number_finds_the_row(shop: Open) -> None:
    """A replica that does not know of the collision updates the row under its old number, and deletes and revives it too."""
    a, b, c = shop(), shop(), shop()
    write(a, "INSERT INTO artist VALUES (1, 'of a', NULL)")
    write(b, "INSERT INTO artist VALUES (1, 'of b', NULL)")
    send(b, c)
    sync(a, b)
    write(c, "UPDATE artist SET name = 'of b, at c' WHERE id = 1")
    send(c, a)
    assert read(a, "SELECT name FROM artist ORDER BY id") == [("of a",), ("of b, at c",)]
    write(c, "DELETE FROM artist WHERE id = 1")
    send(c, a)
    assert read(a, "SELECT id, name FROM artist") == [(1, "of a")]
    assert a.renumbered() == []
    c.undelete("artist", 1)
    come_to_rest([a, b, c])
    assert read(b, "SELECT name FROM artist ORDER BY id") == [("of a",), ("of b, at c",)]
    assert dump(a) == dump(b) == dump(c)


def test_a_number_used_again_is_a_new_row(shop: Open) -> None:
    """A row inserted under the number of a deleted one is new: a concurrent update brings the old one back beside it."""
    a = shop()
    write(a, "INSERT INTO artist VALUES (7, 'old', NULL)")
    b = a.clone(Path(a.path).with_name("b.db"))
    write(a, "DELETE FROM artist WHERE id = 7")
    write(a, "INSERT INTO artist VALUES (7, 'new', NULL)")
    assert a.renumbered() == []
    write(b, "UPDATE artist SET name = 'updated' WHERE id = 7", "INSERT INTO track VALUES (1, 'of the old one', 7)")
    sync(a, b)
    assert read(a, "SELECT name FROM artist ORDER BY id") == [("new",), ("updated",)]
    assert read(a, TITLES) == [("of the old one", "updated")]
    assert dump(a) == dump(b)
    assert [row.old for row in a.renumbered()] == [7]
    b.close()


def test_a_number_used_again_on_both_sides(shop: Open) -> None:
    """Both replicas delete 7 and insert another 7: two new rows, and the older one of them keeps the number."""
    a = shop()
    write(a, "INSERT INTO artist VALUES (7, 'old', NULL)")
    b = a.clone(Path(a.path).with_name("b.db"))
    for replica in (a, b):
        write(replica, "DELETE FROM artist WHERE id = 7")
    write(b, "INSERT INTO artist VALUES (7, 'new of b', NULL)")
    write(a, "INSERT INTO artist VALUES (7, 'new of a', NULL)", "INSERT INTO track VALUES (1, 't', 7)")
    sync(a, b)
    assert read(a, "SELECT name FROM artist ORDER BY id") == [("new of b",), ("new of a",)]
    assert read(b, TITLES) == [("t", "new of a")]
    assert dump(a) == dump(b)
    b.close()


def test_replace_keeps_the_row(shop: Open) -> None:
    """INSERT OR REPLACE over a row that is there, written or from before enabling, is that row, whatever triggers it fires."""
    a = shop(SCHEMA + "INSERT INTO artist VALUES (1, 'g1', NULL), (2, 'g2', NULL);")
    write(a, "INSERT INTO artist VALUES (3, 'x', NULL)")
    b = a.clone(Path(a.path).with_name("b.db"))
    write(a, *(f"INSERT OR REPLACE INTO artist VALUES ({n}, 'replaced {n}', NULL)" for n in (1, 3)))
    write(
        a,
        "PRAGMA recursive_triggers = 1; REPLACE INTO artist VALUES (2, 'replaced 2', NULL); PRAGMA recursive_triggers = 0",
    )
    write(b, "UPDATE artist SET boss = 1")
    sync(a, b)
    assert read(a, "SELECT id, name, boss FROM artist") == [(n, f"replaced {n}", 1) for n in (1, 2, 3)]
    write(b, "INSERT OR REPLACE INTO artist VALUES (1, 'once more', NULL)")
    sync(a, b)
    assert read(a, "SELECT count(*) FROM artist") == [(3,)]
    assert dump(a) == dump(b)
    b.close()


def test_a_new_key_is_a_new_row(shop: Open) -> None:
    """An UPDATE of the number deletes the row and inserts one; two replicas that choose one number have two rows."""
    a = shop()
    write(a, "INSERT INTO artist VALUES (1, 'one', NULL), (2, 'two', NULL)")
    b = a.clone(Path(a.path).with_name("b.db"))
    write(a, "UPDATE artist SET id = 9 WHERE id = 1")
    write(b, "UPDATE artist SET id = 9 WHERE id = 2")
    sync(a, b)
    assert read(a, "SELECT name FROM artist ORDER BY id") == [("one",), ("two",)]
    assert read(a, "SELECT id FROM artist WHERE name = 'one'") == [(9,)]
    assert dump(a) == dump(b)
    b.close()


def test_rows_from_before_enabling_are_matched_by_number(shop: Open) -> None:
    """Two files with equal rows that are enabled each by itself have these rows once; they keep their numbers against new rows."""
    filled = SCHEMA + "INSERT INTO artist VALUES (1, 'g', NULL);"
    a, b, empty = shop(filled), shop(filled), shop()
    write(empty, "INSERT INTO artist VALUES (1, 'new', NULL)", "INSERT INTO track VALUES (1, 't', 1)")
    come_to_rest([empty, a, b])
    come_to_rest([empty, a, b])
    assert read(a, "SELECT name FROM artist ORDER BY id") == [("g",), ("new",)]
    assert read(a, TITLES) == [("t", "new")]
    assert dump(a) == dump(b) == dump(empty)


def test_automatic_numbers_go_on_above(shop: Open) -> None:
    """After a collision AUTOINCREMENT goes on above the highest number, also on both sides at once."""
    a, b = shop(), shop()
    for replica in (a, b):
        write(replica, "INSERT INTO track (title) VALUES ('first')")
    sync(a, b)
    for name, replica in (("a", a), ("b", b)):
        write(replica, f"INSERT INTO track (title) VALUES ('second of {name}')")
    sync(a, b)
    assert read(a, "SELECT count(*), count(DISTINCT title) FROM track") == [(4, 3)]
    assert dump(a) == dump(b)


def test_a_deleted_derived_number_used_again(shop: Open) -> None:
    """A number that a row got after a collision can be used again like any other."""
    a, b = shop(), shop()
    for name, replica in (("a", a), ("b", b)):
        write(replica, f"INSERT INTO artist VALUES (1, 'of {name}', NULL)")
    sync(a, b)
    c = a.clone(Path(a.path).with_name("c.db"))
    ((number,),) = read(a, "SELECT max(id) FROM artist")
    write(a, f"DELETE FROM artist WHERE id = {number}")
    write(a, f"INSERT INTO artist VALUES ({number}, 'again', NULL)")
    write(c, f"UPDATE artist SET name = 'kept' WHERE id = {number}")
    sync(a, b)
    sync(b, c)
    sync(a, b)
    assert read(a, "SELECT name FROM artist ORDER BY id") == [("of a",), ("again",), ("kept",)]
    assert dump(a) == dump(b) == dump(c)
    c.close()


def test_typed_cells_and_conflicts_move_along(shop: Open) -> None:
    """Parts of typed cells, held values and the conflict log go with the row to its new number."""
    schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, name, n INTEGER DEFAULT 0, tags TEXT)"
    options = {"types": {"n": "counter", "tags": "set"}}
    a, b = shop(schema, **options), shop(schema, **options)
    write(b, """INSERT INTO t VALUES (1, 'of b', 1, '["x"]')""")
    c = b.clone(Path(b.path).with_name("c.db"))
    for name, replica in (("b", b), ("c", c)):
        write(replica, "UPDATE t SET n = n + 10", f"UPDATE t SET name = 'by {name}'")
        write(replica, f"""UPDATE t SET tags = '["x","{name}"]'""")
    sync(b, c)
    a._now = b._now
    write(a, "INSERT INTO t VALUES (1, 'of a', 5, NULL)")
    other = shop(schema, **options)
    other._now = lambda: START_MS - 1000
    write(other, "INSERT INTO t VALUES (1, 'older', 7, NULL)")
    send(other, b)
    ((number,),) = read(b, "SELECT id FROM t WHERE id > 1")
    assert read(b, "SELECT n, tags FROM t WHERE id > 1") == [(21, '["b","c","x"]')]
    assert [(entry.key, entry.column) for entry in b.conflicts()] == [((number,), "name")]
    write(c, "UPDATE t SET n = n + 100")
    write(b, f"UPDATE t SET n = n + 1000 WHERE id = {number}")
    sync(b, c)
    assert read(c, "SELECT n FROM t ORDER BY id") == [(7,), (1121,)]
    b.resolve(b.conflicts()[0].id, value="resolved")
    sync(b, c)
    assert read(c, "SELECT name FROM t WHERE id > 1") == [("resolved",)]
    c.close()


def test_clones_and_copies_go_on(shop: Open) -> None:
    """A clone knows which rows were renumbered, and so what others mean by their old numbers."""
    a, b, c = shop(), shop(), shop()
    for name, replica in (("a", a), ("b", b)):
        write(replica, f"INSERT INTO artist VALUES (1, 'of {name}', NULL)")
    send(b, c)
    sync(a, b)
    clone = a.clone(Path(a.path).with_name("clone.db"))
    write(c, "INSERT INTO track VALUES (1, 't', 1)")
    send(c, clone)
    assert read(clone, TITLES) == [("t", "of b")]
    come_to_rest([a, b, c, clone])
    come_to_rest([a, b, c, clone])
    assert dump(a) == dump(b) == dump(c) == dump(clone)
    clone.close()


def test_a_child_may_come_before_its_parent_collides(shop: Open) -> None:
    """Deltas that carry a child alone are read in terms of what their sender showed then."""
    a, b, c = shop(), shop(), shop()
    write(b, "INSERT INTO artist VALUES (1, 'of b', NULL)")
    send(b, c)
    first = c.vector()
    write(b, "INSERT INTO track VALUES (1, 'delta', 1)")
    delta = b.export(first)
    write(a, "INSERT INTO artist VALUES (1, 'of a', NULL)")
    a._now = lambda: START_MS - 5000
    older = shop()
    older._now = lambda: START_MS - 5000
    write(older, "INSERT INTO artist VALUES (1, 'older', NULL)")
    send(older, c)
    send(a, c)
    c.merge(delta)
    assert read(c, TITLES) == [("delta", "of b")]
    with pytest.raises(MissingChangesError):
        a.merge(delta)


def test_a_row_whose_new_number_a_check_refuses_is_held(shop: Open) -> None:
    """If a CHECK does not allow the new number, the row is held, and everything else is merged."""
    schema = (
        "CREATE TABLE t (id INTEGER PRIMARY KEY CHECK (id < 1000), name); CREATE TABLE u (id INTEGER PRIMARY KEY, v)"
    )
    a, b = shop(schema), shop(schema)
    for name, replica in (("a", a), ("b", b)):
        write(replica, f"INSERT INTO t VALUES (1, 'of {name}')", f"INSERT INTO u VALUES (1, 'of {name}')")
    sync(a, b)
    for replica in (a, b):
        assert read(replica, "SELECT id, name FROM t") == [(1, "of a")]
        assert read(replica, "SELECT v FROM u ORDER BY id") == [("of a",), ("of b",)]


def test_references_stored_as_text_and_twice_removed_follow(shop: Open) -> None:
    """A reference in a TEXT column, one to a column that refers itself, and one of a composite key follow too."""
    schema = """
    CREATE TABLE p (id INTEGER PRIMARY KEY, name);
    CREATE TABLE q (p TEXT PRIMARY KEY REFERENCES p (id), v) WITHOUT ROWID;
    CREATE TABLE r (id TEXT PRIMARY KEY, q TEXT REFERENCES q (p));
    CREATE TABLE profile (id INTEGER PRIMARY KEY REFERENCES p (id), v);
    """
    a, b = shop(schema), shop(schema)
    for name, replica in (("a", a), ("b", b)):
        write(
            replica,
            f"INSERT INTO p VALUES (1, 'of {name}')",
            f"INSERT INTO q VALUES (1, 'of {name}')",
            f"INSERT INTO r VALUES ('of {name}', '1')",
            f"INSERT INTO profile VALUES (1, 'of {name}')",
        )
    sync(a, b)
    query = """SELECT p.name, q.v, r.id, profile.v, typeof(r.q) FROM r JOIN q ON q.p = r.q JOIN p ON p.id = q.p
    JOIN profile ON profile.id = p.id ORDER BY 1"""
    for replica in (a, b):
        assert read(replica, query) == [("of a",) * 4 + ("text",), ("of b",) * 4 + ("text",)]
    assert [table.identity for table in a.status().tables] == ["row", "key", "key", "key"]


def test_unique_indexes_on_references_do_not_break(shop: Open) -> None:
    """A UNIQUE index on a column that refers to renumbered rows stands nothing in the way."""
    schema = (
        "CREATE TABLE p (id INTEGER PRIMARY KEY, n); CREATE TABLE c (id TEXT PRIMARY KEY, p UNIQUE REFERENCES p (id))"
    )
    a, b = shop(schema), shop(schema)
    for name, replica in (("a", a), ("b", b)):
        for number in range(1, 6):
            write(replica, f"INSERT INTO p VALUES ({number}, '{name}{number}')")
            write(replica, f"INSERT INTO c VALUES ('{name}{number}', {number})")
    sync(a, b)
    wrong = "SELECT c.id, p.n FROM c LEFT JOIN p ON p.id = c.p WHERE p.n IS NOT c.id"
    for replica in (a, b):
        assert read(replica, wrong) == []
        assert read(replica, "SELECT count(*) FROM c") == [(10,)]


def test_parked_cells_move_along(shop: Open) -> None:
    """Cells of a column that this replica does not have go with their row to its new number, and on to others."""
    narrow, wide = "CREATE TABLE t (id INTEGER PRIMARY KEY, v)", "CREATE TABLE t (id INTEGER PRIMARY KEY, v, extra)"
    older, a, middle, other = shop(narrow), shop(wide), shop(narrow), shop(wide)
    write(older, "INSERT INTO t VALUES (1, 'older')")
    write(a, "INSERT INTO t VALUES (1, 'of a', 'kept')")
    send(a, middle)
    send(older, middle)
    assert read(middle, "SELECT v FROM t ORDER BY id") == [("older",), ("of a",)]
    send(middle, other)
    assert read(other, "SELECT v, extra FROM t ORDER BY id") == [("older", None), ("of a", "kept")]


def test_triggers_of_the_user_fire_for_renumbered_rows(shop: Open) -> None:
    """A search index that triggers keep has the new number."""
    schema = """CREATE TABLE t (id INTEGER PRIMARY KEY, body);
    CREATE TABLE seen (id, body);
    CREATE TRIGGER put AFTER INSERT ON t BEGIN INSERT INTO seen VALUES (NEW.id, NEW.body); END;
    CREATE TRIGGER change AFTER UPDATE ON t BEGIN UPDATE seen SET id = NEW.id, body = NEW.body WHERE id = OLD.id; END"""
    a, b = shop(schema + ";"), shop(schema + ";")
    for replica in (a, b):
        with suppress(Exception):
            replica.disable("seen")
    write(a, "INSERT INTO t VALUES (1, 'of a')")
    write(b, "INSERT INTO t VALUES (1, 'of b')")
    send(a, b)
    assert read(b, "SELECT id, body FROM seen ORDER BY id") == read(b, "SELECT id, body FROM t ORDER BY id")


def test_what_an_identity_can_be(shop: Open) -> None:
    """`row` is for automatic numbers and is the default there; `key` makes one row of equal numbers; others are refused."""
    schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE TABLE k (id TEXT PRIMARY KEY)"
    a, b = shop(schema, identity="key"), shop(schema)
    assert [table.identity for table in a.status().tables] == ["key", "key"]
    assert [table.identity for table in b.status().tables] == ["key", "row"]
    for replica in (a, b):
        write(replica, "INSERT INTO t VALUES (1, 1)")
    with pytest.raises(SchemaMismatchError, match="--identity row"):
        a.merge(b.export())
    with pytest.raises(SchemaMismatchError, match="--identity key"):
        b.merge(a.export())
    b.disable("k", "t")
    for wrong in ("row", "rows"):
        with pytest.raises((CannotEnableError, UsageError), match="identity"):
            b.enable("k", identity=wrong)
    assert b.enable("t", identity="row") == ["t"]
    b.disable("t")
    assert read(b, "SELECT name FROM sqlite_schema WHERE name GLOB '*crdt*'") == []


def test_equal_numbers_are_one_row_by_key(shop: Open) -> None:
    """With the identity `key` two rows of one number are one row, and nothing is renumbered."""
    schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, v)"
    a, b = shop(schema, identity="key"), shop(schema, identity="key")
    write(a, "INSERT INTO t VALUES (1, 'of a')")
    write(b, "INSERT INTO t VALUES (1, 'of b')")
    sync(a, b)
    assert read(a, "SELECT * FROM t") == read(b, "SELECT * FROM t") == [(1, "of b")]
    assert a.renumbered() == []
