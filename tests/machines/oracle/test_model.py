"""The model itself, against the definitions that it was written from."""

from __future__ import annotations

from typing import Any

import pytest

from tests.machines.oracle.events import Row
from tests.machines.oracle.model import DRIFT_MS, Replica, World
from tests.machines.oracle.parts import same

A, B, C = bytes([1] * 16), bytes([2] * 16), bytes([3] * 16)
ROW: Row = ("t", (1,))
NOW = 1_000_000


@pytest.fixture
def world() -> World:
    return World()


def write(replica: Replica, kind: str, now: int = NOW, row: Row = ROW, **values: Any) -> None:
    replica.write(kind, row, values)
    replica.fold(now)


def send(sender: Replica, receiver: Replica) -> None:
    receiver.merge(sender.export(receiver.vector))


def pair(world: World) -> tuple[Replica, Replica]:
    """Two replicas that both know one row, inserted by the first."""
    first, second = Replica(world, A), Replica(world, B)
    write(first, "insert", a=1, b=1)
    send(first, second)
    return first, second


def test_stamps_rise_and_do_not_fall_behind_the_clock(world: World) -> None:
    """Stamps of one site are strictly rising, never behind the machine's clock, however often it stands still or goes back."""
    replica = Replica(world, A)
    for now in (NOW, NOW, NOW - 5, NOW + 1):
        write(replica, "update", now, a=0)
    hlcs = [event.hlc for event in world.events]
    assert hlcs == sorted(set(hlcs))
    assert hlcs[0] == NOW << 16
    assert hlcs[-1] == (NOW + 1) << 16


def test_a_merge_raises_the_clock(world: World) -> None:
    """After a merge the next local write is later than everything merged."""
    first, second = Replica(world, A), Replica(world, B)
    write(first, "insert", NOW + 50, a=1)
    send(first, second)
    write(second, "update", NOW, a=2)
    assert second.rows[ROW].cells["a"][0] == 2


def test_concurrent_means_neither_had_seen_the_other(world: World) -> None:
    """Two events are concurrent exactly if neither writer had seen the other's event."""
    first, second = pair(world)
    write(first, "update", a=2)
    write(second, "update", a=3)
    inserted, left, right = world.events
    assert world.concurrent(left, right)
    assert not world.concurrent(inserted, left)
    assert world.happened_before(inserted, right)
    assert not world.concurrent(left, left)


def test_a_cell_goes_to_the_later_stamp_and_ties_to_the_greater_site(world: World) -> None:
    """Of two writes of a cell the later one shows; at the same hlc that of the greater site id, whoever delivers it."""
    first, second = pair(world)
    second.clock = first.clock
    write(first, "update", NOW + 1, a="first")
    write(second, "update", NOW + 1, a="second")
    assert world.events[-1].hlc == world.events[-2].hlc
    third = Replica(world, C)
    send(second, third)
    send(first, third)
    assert third.rows[ROW].cells["a"] == ("second", ((NOW + 1) << 16, B))


def test_columns_are_merged_one_by_one(world: World) -> None:
    """Concurrent updates of different columns of a row both stay."""
    first, second = pair(world)
    write(first, "update", a=2)
    write(second, "update", b=3)
    send(first, second)
    assert {c: value for c, (value, _) in second.rows[ROW].cells.items()} == {"a": 2, "b": 3}


def test_an_update_survives_a_concurrent_delete(world: World) -> None:
    """A row stays if somebody wrote it who had not seen its delete, with all its columns."""
    first, second = pair(world)
    write(first, "delete")
    write(second, "update", a=2)
    send(second, first)
    assert first.rows[ROW].alive
    assert {c: value for c, (value, _) in first.rows[ROW].cells.items()} == {"a": 2, "b": 1}


def test_a_delete_removes_what_it_saw(world: World) -> None:
    """A delete that has seen all writes of a row removes it; its values stay known."""
    first, second = pair(world)
    write(second, "update", a=2)
    send(second, first)
    write(first, "delete")
    send(first, second)
    assert not second.rows[ROW].alive
    assert second.rows[ROW].cells["a"][0] == 2


def test_a_delete_against_two_writers_removes_only_what_it_saw(world: World) -> None:
    """A delete that saw one of two concurrent writes leaves the row alive by the other."""
    first, second = pair(world)
    third = first.copy(C)
    write(second, "update", a=2)
    write(third, "update", b=2)
    send(second, first)
    write(first, "delete")
    send(third, first)
    assert first.rows[ROW].alive
    assert len(first.rows[ROW].heads) == 2


def test_two_deletes_keep_two_heads(world: World) -> None:
    """Concurrent deletes of two sites are both remembered until somebody who has seen both writes the row."""
    first, second = pair(world)
    write(first, "delete")
    write(second, "delete")
    send(first, second)
    assert {gone for _, _, gone in second.rows[ROW].heads} == {True}
    assert len(second.rows[ROW].heads) == 2
    write(second, "insert", a=5, b=5)
    assert second.rows[ROW].heads == {(second.clock, B, False)}


def test_a_genesis_loses_to_every_write_and_to_a_later_genesis(world: World) -> None:
    """A row that was there before enable is older than every write; of two such rows the table enabled later wins whole."""
    first, second = Replica(world, A), Replica(world, B)
    first.enable({ROW: {"a": 1, "b": 1}}, NOW + 10)
    second.enable({ROW: {"a": 2, "b": 2}}, NOW)
    third = Replica(world, C)
    write(third, "insert", 1, a=3, b=3)
    send(first, second)
    assert {c: value for c, (value, _) in second.rows[ROW].cells.items()} == {"a": 1, "b": 1}
    send(third, second)
    assert {c: value for c, (value, _) in second.rows[ROW].cells.items()} == {"a": 3, "b": 3}


def test_an_empty_table_has_no_genesis(world: World) -> None:
    """Enabling an empty table is no event."""
    replica = Replica(world, A)
    replica.enable({}, NOW)
    assert replica.vector == {}


def test_merging_is_a_union(world: World) -> None:
    """Merging is commutative, associative and idempotent."""
    first, second = pair(world)
    third = second.copy(C)
    write(first, "update", a=2)
    write(second, "delete")
    write(third, "update", a=4)
    orders = ([first, second, third], [third, first, second, second], [second, third, first, third])
    results = []
    for order in orders:
        reader = Replica(world, bytes(16))
        for sender in order:
            send(sender, reader)
        results.append((reader.rows, reader.vector))
    assert all(result == results[0] for result in results)


def test_a_changeset_needs_what_it_leaves_out(world: World) -> None:
    """A changeset made for somebody who knows more is refused by one who does not know that."""
    first, second = pair(world)
    write(first, "update", a=2)
    changeset = first.export(second.vector)
    assert changeset.rows == 1
    assert second.export(second.vector).rows == 0
    assert Replica(world, C).verdict(changeset, NOW) == "missing"
    assert second.verdict(changeset, NOW) == "merge"
    second.merge(changeset)
    assert second.verdict(changeset, NOW) == "known"


def test_a_changeset_from_the_future_waits(world: World) -> None:
    """A stamp of more than five minutes ahead makes the changeset wait; exactly five minutes are taken."""
    first, second = pair(world)
    write(first, "update", NOW + DRIFT_MS + 1, a=2)
    changeset = first.export(second.vector)
    assert second.verdict(changeset, NOW) == "drift"
    assert second.verdict(changeset, NOW + 1) == "merge"


def test_clashes_are_concurrent_values_that_differ(world: World) -> None:
    """Two concurrent writes of a cell clash where they meet, but not if they wrote the same value."""
    first, second = pair(world)
    write(first, "update", a=2, b=7)
    write(second, "update", a=3, b=7)
    found = second.clashes(first.export(second.vector))
    assert {(clash.row, clash.column) for clash in found} == {(ROW, "a")}


def test_a_copy_is_another_site_with_the_same_knowledge(world: World) -> None:
    """A copied file knows what the file knew; what both write after that is concurrent, each under a site of its own."""
    first, _ = pair(world)
    copied = first.copy(C)
    assert (copied.known, copied.vector, copied.rows) == (first.known, first.vector, first.rows)
    write(copied, "update", a=8)
    write(first, "update", a=9)
    of_copied, of_first = world.events[-2:]
    assert (of_copied.site, of_first.site) == (C, A)
    assert world.concurrent(of_copied, of_first)


@pytest.mark.parametrize("order", [(A, C), (C, A)])
def test_a_write_that_waits_is_one_event_in_every_copy(world: World, order: tuple[bytes, bytes]) -> None:
    """A write that waits in the log of a copied file is one event, of the site that folds it first; later ones are each site's."""
    first, _ = pair(world)
    first.write("update", ROW, {"a": 9})
    replicas = {A: first, C: first.copy(C)}
    earlier, later = (replicas[site] for site in order)
    earlier.fold(NOW)
    later.fold(NOW + 5)
    inserted, waited = world.events
    assert (waited.site, waited.writes) == (earlier.site, {ROW: {"a": 9}})
    assert world.happened_before(inserted, waited)
    assert earlier.known == later.known and earlier.clock == later.clock
    assert later.verdict(earlier.export({}), NOW) == earlier.verdict(later.export({}), NOW) == "known"
    write(later, "update", b=7)
    write(earlier, "update", b=8)
    of_later, of_earlier = world.events[2:]
    assert (of_later.site, of_earlier.site) == (later.site, earlier.site)
    assert world.happened_before(waited, of_later) and world.happened_before(waited, of_earlier)
    assert world.concurrent(of_later, of_earlier)


@pytest.mark.parametrize("order", [(A, C), (C, A)])
def test_what_is_written_to_a_copy_after_a_waiting_write_is_its_own(world: World, order: tuple[bytes, bytes]) -> None:
    """Two copies whose logs begin alike share that beginning, whichever folds first; the writes after it are concurrent."""
    first, _ = pair(world)
    first.write("update", ROW, {"a": 9})
    replicas = {A: first, C: first.copy(C)}
    for replica in replicas.values():
        replica.write("update", ROW, {"b": int.from_bytes(replica.site[:1], "big")})
    for site in order:
        replicas[site].fold(NOW)
    _, waited, second, third = world.events
    assert [event.site for event in (waited, second, third)] == [order[0], *order]
    assert world.concurrent(second, third)
    assert all(world.happened_before(waited, event) for event in (second, third))


def test_values_are_compared_with_their_type() -> None:
    """1 and 1.0, 0.0 and -0.0, text and blob are different values."""
    assert same(1, 1)
    assert not same(1, 1.0)
    assert not same(0.0, -0.0)
    assert not same("a", b"a")
