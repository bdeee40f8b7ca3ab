"""Nobody alone takes more than half of the room that a file has for what it lacks, and what others passed on is nobody's fault."""

from __future__ import annotations

import random
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from crdtsql import Replica
from crdtsql.base.errors import CrowdedError, SchemaMismatchError
from crdtsql.export import kept
from crdtsql.merge import absent
from tests.support import links, seeds
from tests.support.forge import as_rows, signed, with_header
from tests.support.peers import Clock, replica, write
from tests.support.state import content

TASK = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT)"


def _peer(path: Path, site: int, tables: int = 0, prefix: str = "t") -> Replica:
    more = "".join(f";CREATE TABLE {prefix}{n} (id TEXT PRIMARY KEY NOT NULL, v)" for n in range(tables))
    one = replica(path, TASK + more, site=site, now=Clock(step=1))
    for number in range(tables):
        write(one, f"INSERT INTO {prefix}{number} VALUES ('k', 1)")
    return one


def _refuses(one: Replica, data: bytes, match: str, error: type[Exception] = CrowdedError) -> None:
    before = content(one.connection)
    with pytest.raises(error, match=match):
        one.merge(data)
    assert content(one.connection) == before


@pytest.fixture(autouse=True)
def _room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files keep a few tables and columns for others."""
    monkeypatch.setattr(kept, "MAXIMUM_TABLES", 3)
    monkeypatch.setattr(kept, "MAXIMUM_COLUMNS", 3)
    monkeypatch.setattr(absent, "MAXIMUM_TABLES", 6)


def test_one_peer_takes_half_of_the_room_for_tables(tmp_path: Path) -> None:
    """A peer with more tables of its own than that is refused, and leaves room for the others."""
    app, odd, other = (
        _peer(tmp_path / "app.db", 1),
        _peer(tmp_path / "odd.db", 2, 4),
        _peer(tmp_path / "other.db", 3, 3, "o"),
    )
    _refuses(
        app,
        odd.export(),
        "4 tables that are not in it and that site 02.* alone wrote, and keeps 3 of one peer: .*schema pull.*strangers",
    )
    app.merge(other.export())
    assert {one.name for one in app.strangers()} == {"o0", "o1", "o2"}


def test_instalments_count_together(tmp_path: Path) -> None:
    """What a peer sends bit by bit counts as what it sends at once; what is dropped does not count any more."""
    app, odd = _peer(tmp_path / "app.db", 1), _peer(tmp_path / "odd.db", 2, 3)
    app.merge(odd.export())
    odd.connection.execute("CREATE TABLE more (id TEXT PRIMARY KEY NOT NULL)")
    odd.enable("more")
    write(odd, "INSERT INTO more VALUES ('k')")
    _refuses(app, odd.export(app.vector()), "4 tables")
    app.drop_strangers("t0")
    app.merge(odd.export(app.vector()))
    assert {one.name for one in app.strangers()} == {"more", "t1", "t2"}


def test_one_peer_takes_half_of_the_room_for_columns(tmp_path: Path) -> None:
    """A peer with more columns of its own in a table than that is refused; those of two peers add up to more."""
    app = _peer(tmp_path / "app.db", 1)
    for site, columns in ((2, 4), (3, 3), (4, 2)):
        odd = _peer(tmp_path / f"{site}.db", site)
        for number in range(columns):
            odd.alter(f"ALTER TABLE task ADD COLUMN c{site}{number}")
        values = ", ".join(["1"] * columns)
        write(odd, f"INSERT INTO task VALUES ('{site}', 'x', {values})")
        if columns > 3:
            _refuses(app, odd.export(), "4 columns of table 'task'")
        else:
            app.merge(odd.export())
    assert len([one for one in app.strangers() if one.kind == "column"]) == 5


def test_long_names_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that are longer together than half of what a file may say are refused, in however few tables."""
    monkeypatch.setattr(kept, "MAXIMUM_BYTES", 100)
    app, odd = _peer(tmp_path / "app.db", 1), _peer(tmp_path / "odd.db", 2, 1, "n" * 120)
    _refuses(app, odd.export(), "names of 124 characters")
    app.merge(_peer(tmp_path / "other.db", 3, 1, "m" * 50).export())


def test_sites_with_one_key_are_one_peer(tmp_path: Path) -> None:
    """Whoever signs as several sites with one key has the room of one."""
    app = _peer(tmp_path / "app.db", 1)
    first, second = (signed(_peer(tmp_path / f"{n}.db", n, 2, f"p{n}_").export(), bytes(range(32))) for n in (2, 3))
    app.merge(first)
    _refuses(app, second, "4 tables")


def test_what_is_passed_on_is_not_ones_own(tmp_path: Path) -> None:
    """A replica that keeps as much as it can for others is taken as a whole by everybody, also by one that has some of it already."""
    app = _peer(tmp_path / "app.db", 1)
    odd = [_peer(tmp_path / f"{site}.db", site, 3, f"p{site}_") for site in (2, 3)]
    for peer in odd:
        app.merge(peer.export())
    for number in (4, 5):
        other = _peer(tmp_path / f"{number}.db", number)
        if number == 5:
            other.merge(odd[1].export())
        other.merge(app.export())
        assert len(other.strangers()) == 6
    assert not app.doctor().broken


def test_strangers_say_who_told(tmp_path: Path) -> None:
    """Of tables that were disabled elsewhere, and of sites, it is said who told of them first; that goes with them."""
    app, odd, other = (_peer(tmp_path / f"{site}.db", site) for site in (1, 2, 3))
    told = {"eras": {"invoice": 3}, "names": {"00" * 15 + "77": ["nobody", 1]}}
    for peer in (odd, other):
        write(peer, f"INSERT INTO task VALUES ('{peer.site}', 'x')")
        app.merge(with_header(peer.export(), lambda header: header.update(told)))
    assert [(one.kind, one.sites) for one in app.strangers()] == [("era", (odd.site,)), ("site", (odd.site,))]
    app.drop_strangers()
    assert not app.connection.execute("SELECT * FROM _crdt_meta WHERE name GLOB 'heard:*'").fetchall()


def _trusting(app: Replica, peer: Replica) -> None:
    app.trust(peer.site, peer.sign().key.hex())


@pytest.mark.parametrize("what", ["key", "type", "column", "era"])
def test_what_strangers_made_up_gives_way_to_a_trusted_site(tmp_path: Path, what: str) -> None:
    """A table, column or era that only sites wrote that nobody trusts does not stand in the way of the same of a trusted one."""
    app = replica(tmp_path / "app.db", TASK, site=1, now=Clock(step=1))
    orders = {
        "key": "(number TEXT PRIMARY KEY NOT NULL, total)",
        "type": "(id TEXT PRIMARY KEY NOT NULL, total INTEGER)",
    }.get(what)
    odd = replica(
        tmp_path / "odd.db", TASK + (f";CREATE TABLE orders {orders}" if orders else ""), site=2, now=Clock(step=1)
    )
    real = replica(
        tmp_path / "real.db",
        TASK + ";CREATE TABLE orders (id TEXT PRIMARY KEY NOT NULL, total INTEGER)",
        site=3,
        now=Clock(step=1),
    )
    if what == "column":
        for peer, kind in ((odd, "counter"), (real, "max")):
            peer.alter("ALTER TABLE task ADD COLUMN price INTEGER")
            peer.set_type("task", "price", kind)
            write(peer, f"INSERT INTO task VALUES ('{peer.site}', 'x', 3)")
            write(peer, "UPDATE task SET price = price + 1")
    else:
        if what == "type":
            odd.set_type("orders", "total", "counter")
        write(odd, "INSERT INTO orders VALUES ('1', 1)" if orders else "INSERT INTO task VALUES ('1', 'x')")
        write(odd, "UPDATE orders SET total = total + 1" if orders else "UPDATE task SET title = 'y'")
        write(real, "INSERT INTO orders VALUES ('r', 5)")
    data = odd.export()
    app.merge(with_header(data, lambda header: header.update(eras={"orders": 2})) if what == "era" else data)
    _trusting(app, real)
    data = real.export()
    untrusting = replica(tmp_path / "other.db", TASK, site=4, now=Clock(step=1))
    untrusting.sign()
    untrusting.merge(app.export())
    with pytest.raises(SchemaMismatchError, match="strangers|disabled"):
        untrusting.merge(data)
    app.merge(data)
    fresh = replica(
        tmp_path / "fresh.db",
        TASK + ";CREATE TABLE orders (id TEXT PRIMARY KEY NOT NULL, total INTEGER)",
        site=5,
        now=Clock(step=1),
    )
    fresh.merge(app.export())
    assert not app.doctor().broken
    if what == "column":
        assert [one.says for one in app.strangers() if one.kind == "column"] == ["max"]
    else:
        assert fresh.connection.execute("SELECT * FROM orders").fetchall() == [("r", 5)]


@pytest.mark.parametrize("may", [{"tables": ["task"]}, {"deletes": False}])
def test_nothing_gives_way_to_who_may_not_delete_it(tmp_path: Path, may: dict[str, Any]) -> None:
    """A trusted site that may write some tables alone, or delete nothing, can't have a table forgotten by sending another one without rows."""
    app = _peer(tmp_path / "app.db", 1)
    other, limited = _peer(tmp_path / "other.db", 2, 1), _peer(tmp_path / "limited.db", 3)
    app.merge(other.export())
    _trusting(app, limited)
    app.allow(limited.site, **may)
    write(limited, "INSERT INTO task VALUES ('new', 'x')")
    another = {"name": "t0", "key": ["number"], "columns": [], "genesis": None, "rows": 0, "gone": 0}
    data = with_header(as_rows(limited.export()), lambda header: header["tables"].append(another))
    app.merge(signed(data, links.secret(limited)))
    assert [(one.name, one.rows) for one in app.strangers()] == [("t0", 1)]


def test_what_a_trusted_site_wrote_stays(tmp_path: Path) -> None:
    """A table that a trusted site wrote too does not give way: then two who are believed differ, and a person decides."""
    app = _peer(tmp_path / "app.db", 1)
    peers = [
        replica(
            tmp_path / f"{site}.db",
            f"{TASK};CREATE TABLE orders ({key} TEXT PRIMARY KEY NOT NULL)",
            site=site,
            now=Clock(step=1),
        )
        for site, key in ((2, "number"), (3, "id"))
    ]
    for peer in peers:
        _trusting(app, peer)
        write(peer, "INSERT INTO orders VALUES ('k')")
    app.merge(peers[0].export())
    _refuses(app, peers[1].export(), "primary key", SchemaMismatchError)


@pytest.mark.parametrize(
    ("own", "written_over"),
    [
        ("INSERT INTO orders VALUES ('k', 'x', 'y')", "UPDATE orders SET v = 'odd'"),
        ("UPDATE orders SET v = 'x'", "UPDATE orders SET w = 'odd'"),
    ],
)
def test_what_a_trusted_site_wrote_stays_once_others_wrote_on(tmp_path: Path, own: str, written_over: str) -> None:
    """A stranger who writes to rows of a trusted site's table that is only kept does not make it one that gives way."""
    orders = f"{TASK};CREATE TABLE orders (id TEXT PRIMARY KEY NOT NULL, v, w)"
    app, trusted = _peer(tmp_path / "app.db", 1), replica(tmp_path / "2.db", orders, site=2, now=Clock(step=1))
    odd, another = (
        replica(tmp_path / "3.db", orders, site=3, now=Clock(step=1)),
        replica(
            tmp_path / "4.db",
            f"{TASK};CREATE TABLE orders (number TEXT PRIMARY KEY NOT NULL)",
            site=4,
            now=Clock(step=1),
        ),
    )
    if own.startswith("UPDATE"):
        write(odd, "INSERT INTO orders VALUES ('k', 'o', 'o')")
        trusted.merge(odd.export())
    write(trusted, own)
    odd.merge(trusted.export())
    write(odd, written_over)
    app.merge(odd.export())
    _trusting(app, trusted)
    _trusting(app, another)
    write(another, "INSERT INTO orders VALUES ('k')")
    _refuses(app, another.export(), "primary key", SchemaMismatchError)


@pytest.mark.parametrize("seed", seeds.chosen(8, "CRDTSQL_SHARES"))
def test_random_crowds_are_passed_on(seed: int, tmp_path: Path) -> None:
    """Whoever sends what to whom: who is refused has more than a peer may, or all have; what was accepted, a fresh replica takes as a whole."""
    choice, numbers = random.Random(seed), count()
    peers = [_peer(tmp_path / f"{site}.db", site) for site in range(1, 6)]
    made: Counter[str] = Counter()
    for _ in range(40):
        peer, other = choice.sample(peers, 2)
        if choice.random() < 0.4:
            name = f"t{next(numbers)}"
            peer.connection.execute(f"CREATE TABLE {name} (id TEXT PRIMARY KEY NOT NULL, v)")
            peer.enable(name)
            write(peer, f"INSERT INTO {name} VALUES ('k', 1)")
            made[peer.site] += 1
            continue
        before = content(other.connection)
        lacks = {table.name for table in peer.registry.tables()} - {table.name for table in other.registry.tables()}
        lacked = {one.name: one.sites for one in other.strangers()} | {name: () for name in lacks}
        try:
            other.merge(peer.export(other.vector()))
        except CrowdedError:
            assert made[peer.site] > 3
            assert content(other.connection) == before
            continue
        except SchemaMismatchError:
            assert len(lacked) > 6
            assert content(other.connection) == before
            continue
        assert not other.doctor().broken
        assert len(other.strangers()) <= 6
        fresh = replica(tmp_path / f"fresh{next(numbers)}.db", TASK, site=100)
        own = [one for one in other.registry.tables() if not one.absent]
        if len(own) - 1 <= 3 and len(other.registry.tables()) - 1 <= 6:
            fresh.merge(other.export())
