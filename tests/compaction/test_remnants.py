"""What is kept only as long as a stamp asks for it goes: what sites had seen of each other, and names of retired sites."""

from __future__ import annotations

from pathlib import Path

import pytest

from crdtsql import Replica
from crdtsql.compaction import Walk, retiring, stride
from crdtsql.store import Causality
from tests.compaction.test_retiring import NUMBERED, SCHEMA, agree, guest, known, pair
from tests.support.peers import exchange, rows, write


def records(replica: Replica) -> list[tuple[int, int, int, int]]:
    """Return what is known of what sites had seen."""
    found = replica.connection.execute("SELECT site, peer, at, upto FROM _crdt_merged ORDER BY 1, 2, 3")
    return [(int(a), int(b), int(c), int(d)) for a, b, c, d in found]  # type: ignore[arg-type]


def ordinal(replica: Replica, other: Replica) -> int:
    """Return what a replica calls the site of another one."""
    return {site: number for number, site, _ in replica.registry.sites()}[bytes.fromhex(other.site)]


def newest(replica: Replica, site: Replica) -> tuple[int, int]:
    """Return the newest event of a site that a replica has."""
    number = ordinal(replica, site)
    return {n: upto for n, _, upto in replica.registry.sites()}[number], number


def test_a_year_of_syncs_leaves_a_few(tmp_path: Path) -> None:
    """However often replicas synced, one record is left of each two; they are there again for whoever comes."""
    one, other, _ = pair(tmp_path)
    for number in range(40):
        write((one, other)[number % 2], f"UPDATE t SET v = 'v{number}' WHERE id = 1")
        exchange(one, other)
    assert len(records(one)) > 40
    agree(one, other)
    assert len(records(one)) <= 2 + 2 and len(records(other)) <= 2 + 2
    new = one.clone(tmp_path / "3.db")
    write(new, "UPDATE t SET v = 'new' WHERE id = 1")
    exchange(new, other, one)
    assert rows(one) == rows(other) == rows(new) and not one.conflicts()


def test_the_newest_record_stays(tmp_path: Path) -> None:
    """Who writes on without having got anything had seen what it had seen before, also where no stamp of it was kept."""
    one, other, _ = pair(tmp_path)
    agree(one, other)
    earlier = newest(one, one)
    write(other, "UPDATE t SET v = 'later' WHERE id = 1")
    one.merge(other.export(one.vector()))
    assert Causality(one.connection).has_seen(newest(one, other), earlier) == Causality(other.connection).has_seen(
        newest(other, other), newest(other, one)
    )
    assert Causality(one.connection).has_seen(newest(one, other), (earlier[0] - (3 << 20), earlier[1]))


def concurrent(one: Replica, other: Replica) -> list[tuple[int, int]]:
    """Write one cell on both sides, and go on elsewhere; return the stamps of the row, which are kept while the conflict is open."""
    write(one, "INSERT INTO t (id, v) VALUES (7, 'a')")
    exchange(one, other)
    write(one, "UPDATE t SET v = 'of one' WHERE id = 7")
    write(other, "UPDATE t SET v = 'of other' WHERE id = 7")
    exchange(one, other)
    for number in range(10):
        write((one, other)[number % 2], f"UPDATE t SET v = 'v{number}' WHERE id = 1")
        exchange(one, other)
    found = one.connection.execute(
        "SELECT won_t, won_s FROM _crdt_conflict UNION ALL SELECT lost_t, lost_s FROM _crdt_conflict"
    )
    return [(int(t), int(s)) for t, s in found]  # type: ignore[arg-type]


def test_what_a_kept_stamp_asks_for_stays(tmp_path: Path) -> None:
    """Of each stamp that is kept it is known as before what its writer had seen."""
    one, other, _ = pair(tmp_path)
    stamps = concurrent(one, other)
    events = [(at, site) for site, _, at, _ in records(one)] + stamps
    before = {(x, y): Causality(one.connection).has_seen(x, y) for x in stamps for y in events}
    assert {True, False} <= {*before.values()} and len(stamps) == 2
    count = len(records(one))
    agree(one, other)
    assert len(records(one)) < count - 5
    assert {(x, y): Causality(one.connection).has_seen(x, y) for x, y in before} == before


def test_a_stamp_that_comes_back_brings_what_its_writer_had_seen(tmp_path: Path) -> None:
    """A changeset for what its receiver had long ago brings stamps that are forgotten there, and what these ask for."""
    one, other, _ = pair(tmp_path)
    third = one.clone(tmp_path / "3.db")
    write(third, "INSERT INTO t (id, v) VALUES (3, 'three')")
    exchange(one, other, third)
    agree(one, other, third)
    write(third, "UPDATE t SET v = 'first' WHERE id = 3")
    exchange(third, one, other)
    past = one.vector()
    write(third, "UPDATE t SET v = 'second' WHERE id = 3")
    third.fold()
    asked = newest(third, third)[0]
    exchange(third, one, other)
    for number in range(6):
        write((one, other, third)[number % 3], f"UPDATE t SET w = 'w{number}' WHERE id = 1")
        exchange(one, other, third)
    one.compact(keep_ms=0)
    for giver, taker in ((one, other), (other, third), (third, one)):
        taker.merge(giver.export(taker.vector()))
    other_floor = other.registry.get("agreement")
    count = len(records(one))
    one.merge(other.export(one.vector()))
    one.compact(keep_ms=0)
    assert len(records(one)) < count and other.registry.get("agreement") == other_floor
    write(other, "UPDATE t SET w = 'news' WHERE id = 3")
    one.merge(other.export(past))
    assert rows(one) == rows(other)
    number, theirs = ordinal(one, third), ordinal(other, third)
    sites = {n: site for n, site, _ in other.registry.sites()}
    ours = {site: n for n, site, _ in one.registry.sites()}
    stamps = one.connection.execute("SELECT c0_t, c1_t, t FROM _crdt_clock_t WHERE k1 = 3").fetchall()
    asking = [(at, upto, ours[sites[p]]) for s, p, at, upto in records(other) if s == theirs and at <= asked]
    assert asking and asked in stamps[0], "a stamp came back, and what it asks for is known elsewhere"
    for _, upto, peer in asking:
        assert Causality(one.connection).has_seen((asked, number), (upto, peer))


def test_a_compaction_comes_to_rest(tmp_path: Path) -> None:
    """Once there is nothing to do it changes nothing in the file, and asks nobody for anything; a write is heeded again."""
    one, other, clock = pair(tmp_path)
    agree(one, other)
    one.compact(keep_ms=0)
    first = one.compact(keep_ms=0)
    state = [(one.registry.get(name)) for name in ("agreement", "generation", "compacted", "names_looked")]
    version = one.connection.execute("PRAGMA data_version").fetchall()
    for _ in range(3):
        clock.ms += 60_000
        assert one.compact(keep_ms=0).to_json() == first.to_json() | {"raised": False}
    assert [(one.registry.get(name)) for name in ("agreement", "generation", "compacted", "names_looked")] == state
    assert one.connection.execute("PRAGMA data_version").fetchall() == version
    write(one, "UPDATE t SET v = 'again' WHERE id = 1")
    one.compact(keep_ms=0)
    assert one.registry.get("agreement") != state[0]


@pytest.mark.parametrize("keep_days", [0, 30])
def test_a_young_file_comes_to_rest_too(tmp_path: Path, keep_days: int) -> None:
    """What is kept for some days lets the cut rise with the time, which is no reason to begin a round each minute."""
    one, other, clock = pair(tmp_path)
    day_ms = 24 * 3600 * 1000
    clock.ms += 60 * day_ms
    for _ in range(3):
        write(one, "UPDATE t SET v = v || '.' WHERE id = 1")
        exchange(one, other)
        one.compact(keep_ms=keep_days * day_ms)
        exchange(one, other)
    begun = set()
    for _ in range(20):
        clock.ms += 60_000
        one.compact(keep_ms=keep_days * day_ms)
        exchange(one, other)
        begun.add(str(one.registry.get("agreement")))
    assert len(begun) <= 2


@pytest.mark.parametrize("schema", [SCHEMA, NUMBERED])
def test_names_go_while_a_file_is_idle(tmp_path: Path, schema: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever compacts a little at a time forgets retired sites too, in steps; one that births name stays."""
    monkeypatch.setattr(stride, "FIRST", 2)
    monkeypatch.setattr(stride, "MOST", 2)
    one, other, clock = pair(tmp_path, schema)
    gone = [
        guest(one, tmp_path / f"g{number}.db", f"INSERT INTO t (id, v) VALUES ({number + 10}, 'g')")
        for number in range(3)
    ]
    for _ in range(8):
        exchange(one, other)
        clock.ms += 2 * 3600 * 1000
        for replica in (one, other):
            while replica.compact_some():
                pass
    assert all((site in known(one)) == (schema == NUMBERED) for site in gone) and not {*gone} & {*one.vector()}
    assert not one.doctor().broken and one.verify(other).equal


def test_it_begins_again_where_somebody_wrote(tmp_path: Path) -> None:
    """A stamp may have moved to where was looked already: what is forgotten goes by stamps of one moment."""
    one, other, _ = pair(tmp_path)
    for number in range(20):
        write((one, other)[number % 2], f"UPDATE t SET v = 'v{number}' WHERE id = 1")
        exchange(one, other)
    for _ in range(3):
        for replica in (one, other):
            with replica._changing():
                replica._agree(0, None)
        exchange(one, other)
    before = records(one)
    walk = Walk.begin(one.registry)
    for number in range(10):
        if not one._step(walk):
            break
        write(one, f"UPDATE t SET w = 'w{number}' WHERE id = 1")
    assert {*before} <= {*records(one)}, "each step met another state"
    while one._step(walk):
        pass
    assert len(records(one)) < len(before) - 10


def test_all_stamps_are_looked_at(tmp_path: Path) -> None:
    """Each column that names a site goes with one that says when, but for those of which it is known that there is none."""
    one, _, _ = pair(tmp_path, NUMBERED)
    found = {one.name: one for one in retiring.stamped(one.registry)}
    assert {"_crdt_clock_t", "_crdt_heads_t", "_crdt_born_t", "_crdt_conflict", "_crdt_table"} <= found.keys()
    assert all(len(one.sites) == len(one.times) for name, one in found.items() if name != "_crdt_foretold")
    assert {*zip(found["_crdt_conflict"].sites, found["_crdt_conflict"].times, strict=True)} == {
        ("won_s", "won_t"),
        ("lost_s", "lost_t"),
        ("resolved_s", "resolved"),
    }
