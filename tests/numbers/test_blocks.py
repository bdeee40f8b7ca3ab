"""Programs keep the ids of AUTOINCREMENT tables that they were told, because each replica takes them from blocks of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica, sync
from crdtsql.base import Lane, blocks_rule
from crdtsql.base.errors import InvalidChangesetError
from crdtsql.store import lanes
from crdtsql.wire import unpack
from crdtsql.wire.parsing import read_header
from tests.support.forge import with_header
from tests.support.peers import START_MS, read, send

SCHEMA = "CREATE TABLE note (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT)"
Open = Callable[..., Replica]


@pytest.fixture
def files(tmp_path: Path) -> Any:
    """Give a function that makes replicas, one after the other, each with a greater site id unless one is given."""
    clock, numbers, opened = count(START_MS), count(1), []

    def make(schema: str = SCHEMA, site: int | None = None, **options: Any) -> Replica:
        number = next(numbers)
        path = tmp_path / f"{number}.db"
        ids = count(0)
        first = number if site is None else site
        connection = apsw.Connection(str(path))
        connection.execute(schema)
        connection.close()
        replica = Replica.open(path, now=lambda: next(clock), make_site=lambda: bytes([first, *([0] * 14), next(ids)]))
        replica.enable(all=True, **options)
        opened.append(replica)
        return replica

    yield make
    for replica in opened:
        replica.close()


def insert(to: Replica | Path, body: str = "x", table: str = "note") -> int:
    """Insert a row as a program does that knows nothing of us, and return the id that it is told."""
    path = str(to) if isinstance(to, Path) else to.path
    connection = apsw.Connection(path)
    try:
        connection.execute(f"INSERT INTO {table} (body) VALUES (?)", (body,))
        return connection.last_insert_rowid()
    finally:
        connection.close()


def script(to: Replica, statements: str) -> None:
    """Run a script as another program."""
    connection = apsw.Connection(to.path)
    connection.execute(statements)
    connection.close()


def clone(of: Replica, name: str) -> Replica:
    """Clone a replica into its folder."""
    return of.clone(Path(of.path).with_name(f"{name}.db"))


def lane(of: Replica) -> int:
    """Return a replica's own lane."""
    return lanes.read(of.registry)[bytes.fromhex(of.site)].number


def bodies(of: Replica) -> dict[int, str]:
    """Return what a replica shows, by id."""
    of.fold()
    return dict(read(of, "SELECT id, body FROM note"))


def test_clones_never_renumber(files: Open) -> None:
    """Clones of one file that write before they have met once, and in turns from then on, keep all ids, and their ids stay short."""
    a = files()
    told = {insert(a, "before"): "before"}
    replicas = [a, clone(a, "b"), clone(a, "c")]
    for turn in range(12):
        for number, replica in enumerate(replicas):
            body = f"{number} in turn {turn}"
            assert told.setdefault(insert(replica, body), body) == body
        first, second = replicas[turn % 3], replicas[(turn + 1) % 3]
        sync(first, second)
    for _ in range(2):
        sync(replicas[0], replicas[1])
        sync(replicas[1], replicas[2])
    assert [bodies(one) for one in replicas] == [told] * 3
    assert a.renumbered() == []
    assert max(told) < 200_000
    for one in replicas[1:]:
        one.close()


def test_a_file_that_is_alone_counts_on(files: Open) -> None:
    """While a file knows no other site, its ids are 1, 2, 3, also across a thousand, and nothing is written into sqlite_sequence."""
    a = files()
    assert [insert(a) for _ in range(3)] == [1, 2, 3]
    script(a, "UPDATE sqlite_sequence SET seq = 988")
    assert [insert(a) for _ in range(20)] == list(range(989, 1009))
    a.fold()
    assert read(a, "SELECT * FROM sqlite_sequence") == [("note", 1008)]


def test_ids_go_on_where_they_were_while_nobody_else_writes(files: Open) -> None:
    """Merges that bring no higher ids, and the only writer's own syncs, leave the next id where it is."""
    a = files()
    b = clone(a, "b")
    for number in range(1, 6):
        assert insert(a) == number
        sync(a, b)
    assert insert(b) == 5001
    sync(a, b)
    assert insert(a) == 10001
    b.close()


def test_a_block_that_is_used_up(files: Open) -> None:
    """A program that inserts for days without any command of ours goes from one own block to the next, and is never told another's id."""
    a = files()
    b = clone(a, "b")
    own = blocks_rule.of_lane(lane(b))
    ids = []
    for _ in range(3):
        ids += [insert(b) for _ in range(30)]
        script(b, "UPDATE sqlite_sequence SET seq = seq + 950")
    assert all(own.hold(number) for number in ids)
    assert ids == sorted(ids)
    assert len({number // 1000 for number in ids}) > 2
    b.fold()
    assert len(read(b, "SELECT * FROM sqlite_sequence")) == 1
    assert insert(b) > ids[-1]
    b.close()


def test_one_statement_of_thousands_of_rows(files: Open) -> None:
    """SQLite counts on within a statement, across blocks; the next statement is in an own block again, without any command of ours."""
    a = files()
    b = clone(a, "b")
    script(
        b,
        "INSERT INTO note (body) WITH n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 4000) SELECT i FROM n",
    )
    assert read(b, "SELECT min(id), max(id) FROM note") == [(5001, 9000)]
    assert insert(b) == 15001
    sync(a, b)
    assert insert(a) == 20001
    assert a.renumbered() == []
    b.close()


def test_strangers_keep_their_ids_once_they_have_met(files: Open) -> None:
    """Files that were enabled each by itself have one lane; from their first meeting on each has its own, whatever they wrote before."""
    for order in (1, -1):
        strangers = [files() for _ in range(4)]
        for one in strangers:
            insert(one, "before")
        for one, other in list(zip(strangers, strangers[1:], strict=False))[::order] * 3:
            sync(one, other)
        assert len({lane(one) for one in strangers}) == 4
        before = len(strangers[0].renumbered())
        told = {insert(one, f"of {number}"): f"of {number}" for number, one in enumerate(strangers)}
        for one, other in list(zip(strangers, strangers[1:], strict=False)) * 3:
            sync(one, other)
        assert told.items() <= bodies(strangers[0]).items()
        assert len(strangers[0].renumbered()) == before


@pytest.mark.parametrize("sites", [(1, 2), (2, 1)])
def test_who_hears_first_makes_way(files: Open, sites: tuple[int, int]) -> None:
    """Of two in one lane, of which only one has heard of the other, both may write at once: who heard goes to another block."""
    a, b = (files(site=site) for site in sites)
    insert(a, "first")
    send(a, b)
    told = {insert(one, body): body for one, body in ((b, "of b"), (a, "of a"))}
    assert len(told) == 2
    send(b, a)
    send(a, b)
    assert lane(a) != lane(b)
    assert [lane(one) for one in sorted((a, b), key=lambda one: one.site)] == [0, 1]
    assert told.items() <= bodies(a).items()
    assert bodies(a) == bodies(b)


def test_a_copied_file_takes_a_lane_of_its_own(files: Open, tmp_path: Path) -> None:
    """A file that cp copied is another site from the next command on, and its ids come from other blocks."""
    a = files()
    insert(a, "before")
    a.fold()
    (tmp_path / "copy.db").write_bytes(Path(a.path).read_bytes())
    with Replica.open(tmp_path / "copy.db", now=a._now) as copy:
        told = {insert(one, body): body for one, body in ((a, "of a"), (copy, "of the copy"))}
        assert len(told) == 2
        assert lane(copy) != lane(a)
        sync(a, copy)
        assert bodies(a) == bodies(copy) == {1: "before", **told}


def test_clones_of_clones(files: Open) -> None:
    """Files that were cloned from two files which have not met since have different lanes."""
    a = files()
    b = clone(a, "b")
    others = [clone(one, name) for one, name in ((a, "c"), (b, "d"), (a, "e"))]
    assert len({lane(one) for one in (a, b, *others)}) == 5
    for one in (b, *others):
        one.close()


def test_what_is_known_of_a_lane_is_not_taken_back(files: Open) -> None:
    """A changeset that was written before its site chose another lane says what was: the later lane stays known."""
    a, b = files(), files()
    old = b.export()
    for _ in range(2):
        sync(a, b)
    known = lanes.read(a.registry)
    assert [lane(a), lane(b), known[bytes.fromhex(b.site)]] == [0, 1, Lane(1, 2)]
    a.merge(old)
    assert lanes.read(a.registry) == known


def test_lanes_that_are_news_alone(files: Open) -> None:
    """A changeset without any event still says which lanes there are; merging it again changes nothing."""
    a, b = files(), files()
    for one, other in ((a, b), (b, a)):
        report = one.merge(other.export(one.vector()))
        assert report.known
    assert [lane(a), lane(b)] == [0, 1]
    assert a.merge(b.export()).known
    assert lanes.read(a.registry) == lanes.read(b.registry)
    before = read(a, "SELECT * FROM _crdt_meta")
    assert a.merge(b.export()).known
    assert read(a, "SELECT * FROM _crdt_meta") == before


def test_what_a_program_did_to_the_sequence(files: Open) -> None:
    """Ids that a program chose itself, a sequence that it reset or raised, and deleted rows: the next command finds an own block."""
    a = files()
    b = clone(a, "b")
    own = blocks_rule.of_lane(lane(b))
    for statements in (
        "INSERT INTO note VALUES (4321, 'chosen')",
        "UPDATE sqlite_sequence SET seq = 77777",
        "DELETE FROM note; DELETE FROM sqlite_sequence",
        "INSERT INTO sqlite_sequence VALUES ('note', 31000)",
        "UPDATE sqlite_sequence SET seq = 'many'",
        "VACUUM",
        "ALTER TABLE note RENAME TO memo",
    ):
        script(b, statements)
        sync(a, b)
        told = insert(b, statements, "memo" if "RENAME" in statements else "note")
        assert own.hold(told), statements
    b.close()


LEFT_ALONE = {
    "plain": ("CREATE TABLE note (id INTEGER PRIMARY KEY, body)", {}, ""),
    "identity key": (SCHEMA, {"identity": "key"}, ""),
    "checked": ("CREATE TABLE note (id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id < 900), body)", {}, ""),
    "full": (SCHEMA, {}, f"INSERT INTO note VALUES ({2**63 - 500}, 'high')"),
}


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_tables_that_are_left_alone(files: Open, name: str) -> None:
    """A table whose ids are not AUTOINCREMENT, are its rows, are bounded by a CHECK, or have no room, is not touched."""
    schema, options, first = LEFT_ALONE[name]
    a = files(schema, **options)
    script(a, first)
    b = clone(a, "b")
    expected = 2**63 - 499 if name == "full" else 1
    assert insert(b) == expected
    b.close()


def test_numbers_beyond_2_to_the_52(files: Open) -> None:
    """After a collision the two replicas go on above the highest number, and don't collide again."""
    a, b = files(), files()
    for one in (a, b):
        insert(one, "first")
    sync(a, b)
    told = {insert(one, body): body for one, body in ((a, "of a"), (b, "of b"))}
    assert min(told) > 2**52
    sync(a, b)
    assert told.items() <= bodies(a).items()
    assert len(a.renumbered()) == 1


def test_a_reader_writes_nothing(files: Open) -> None:
    """Looking at a file, and merging what is known, leaves the sequence and our facts as they are."""
    a = files()
    b = clone(a, "b")
    insert(a)
    sync(a, b)
    for one in (a, b):
        one.export()  # what was merged is durable from then on, which is noted
    facts = "SELECT name, value FROM _crdt_meta UNION ALL SELECT name, seq FROM sqlite_sequence"
    before = [read(one, facts) for one in (a, b)]
    for one in (a, b):
        one.status()
        one.doctor()
        one.export()
    sync(a, b)
    assert [read(one, facts) for one in (a, b)] == before
    b.close()


def test_files_of_earlier_versions(files: Open) -> None:
    """Replicas that know each other since an earlier version, which knew no lanes, take different ones without a word between them."""
    a = files()
    b = clone(a, "b")
    insert(b)
    sync(a, b)
    for one in (a, b):
        script(
            one, "DELETE FROM _crdt_meta WHERE name GLOB 'lane:*' OR name GLOB 'block_*'; DROP TRIGGER _crdt_block_note"
        )
    for one in (a, b):
        one.merge((b if one is a else a).export())
        with one._changing():
            pass
    assert lane(a) != lane(b)
    for one in (a, b):
        assert read(one, "SELECT count(*) FROM sqlite_schema WHERE name = '_crdt_block_note'") == [(1,)]
        assert not one.doctor().broken
    told = {insert(one, body): body for one, body in ((a, "a"), (b, "b"))}
    assert len(told) == 2
    sync(a, b)
    assert told.items() <= bodies(b).items()
    b.close()


@pytest.mark.parametrize(
    "told",
    [
        {"00": [1, 1]},
        {"00" * 16: [blocks_rule.LANES, 1]},
        {"00" * 16: [-1, 1]},
        {"00" * 16: 3},
        {"00" * 16: [1.5, 1]},
        [1],
    ],
)
def test_hostile_lanes(files: Open, told: Any) -> None:
    """Lanes that no honest sender says are refused with the changeset."""
    header = unpack(files().export()).header.to_json() | {"lanes": told}
    with pytest.raises(InvalidChangesetError):
        read_header(json.dumps(header).encode())


def test_lanes_of_more_sites_than_there_are_lanes(files: Open) -> None:
    """Where each lane is taken, sites share one, and nothing fails."""
    a = files()
    sites = {n.to_bytes(16): Lane(n % blocks_rule.LANES, 1) for n in range(1, blocks_rule.LANES + 2)}
    with a._changing():
        lanes.write(a.registry, sites)
    b = clone(a, "b")
    told = {insert(a, "of a"): "of a", insert(b, "of b"): "of b"}
    sync(a, b)
    assert len(bodies(a)) == 2
    assert len(told) >= 1
    b.close()


def test_a_table_that_comes_later(files: Open) -> None:
    """A table that is enabled when others are known has own blocks from its first row on."""
    a = files("CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT)")
    insert(a)
    b = clone(a, "b")
    for one in (a, b):
        one.alter("CREATE TABLE other (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT)")
        one.enable("other")
    told = [insert(one, "x", "other") for one in (a, b)]
    assert len({*told}) == 2
    b.close()


def test_the_header_is_passed_on_to_readers_that_ignore_it(files: Open) -> None:
    """A changeset without lanes, as an earlier version writes it, merges as ever."""
    a = files()
    b = clone(a, "b")
    insert(a, "x")
    without = with_header(a.export(b.vector()), lambda header: {**header, "lanes": {}})
    assert not b.merge(without).known
    assert bodies(b) == {1: "x"}
    b.close()


def test_clones_of_a_file_that_can_not_be_written(files: Open) -> None:
    """A clone of a file that can't be written takes a lane by itself; a clone of one without AUTOINCREMENT changes nothing in it."""
    a = files()
    b = clone(a, "b")
    a.close()
    source = apsw.Connection(a.path, flags=apsw.SQLITE_OPEN_READONLY)
    reader = Replica.on(source, now=b._now, make_site=lambda: bytes(range(16)))
    c = clone(reader, "c")
    assert len({lane(one) for one in (reader, b, c)}) == 3
    source.close()
    plain = files("CREATE TABLE note (id INTEGER PRIMARY KEY, body)")
    before = Path(plain.path).read_bytes()
    clone(plain, "plain").close()
    assert Path(plain.path).read_bytes() == before
    b.close()
    c.close()
