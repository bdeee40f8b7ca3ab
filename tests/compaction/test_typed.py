"""Rows of typed columns go back to the genesis: what is shown takes the place of their parts (decision 0041)."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

from crdtsql import Replica
from crdtsql.compaction import retiring
from crdtsql.wire import envelope
from tests.support import peers
from tests.support.peers import Clock, exchange, write

TYPES = {"n": "counter", "r": "counter", "tags": "set", "conf": "map", "reg": "register", "top": "max"}
SCHEMA = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, n INTEGER, r REAL, tags TEXT, conf TEXT, reg, top)"
ROW = "INSERT INTO t VALUES ('k', 1, 1.0, '[\"a\",\"b\"]', '{\"a\":1,\"b\":2}', 'x', 3)"


def group(directory: Path, number: int = 2) -> list[Replica]:
    """Make replicas that have one row, to which each has written."""
    clock = Clock(step=1_000)
    first = peers.replica(directory / "1.db", SCHEMA, now=clock, site=1)
    for column, kind in TYPES.items():
        first.set_type("t", column, kind)
    first.compact(keep_ms=0)
    found = [first, *(first.clone(directory / f"{n}.db") for n in range(2, number + 1))]
    write(first, ROW)
    meet(*found)
    for n, replica in enumerate(found, 1):
        write(
            replica,
            f"UPDATE t SET n = n + {n}, r = r + {n}, tags = json_insert(tags, '$[#]', 'of {n}'), conf = json_set(conf, '$.of{n}', {n}), top = {n}",
        )
    meet(*found)
    return found


def meet(*replicas: Replica) -> None:
    """Let all have all."""
    for _ in range(2):
        for replica in replicas[1:]:
            exchange(replicas[0], replica)


def agree(*replicas: Replica) -> None:
    """Let all agree, without forgetting anything where they are told not to."""
    for _ in range(3):
        for replica in replicas:
            replica.compact(keep_ms=0)
        meet(*replicas)


def kept(replica: Replica) -> tuple[int, int]:
    """Count the clock rows and the parts that are kept."""
    return tuple(
        replica.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("_crdt_clock_t", "_crdt_parts_t")
    )  # type: ignore[return-value]


def shown(replica: Replica) -> list[tuple[object, ...]]:
    """Return the rows."""
    return replica.connection.execute("SELECT * FROM t ORDER BY id").fetchall()


def test_nothing_is_left_but_values(tmp_path: Path) -> None:
    """Rows of every type are forgotten but for what the table shows."""
    one, other = group(tmp_path)
    before = shown(one)
    agree(one, other)
    assert kept(one) == kept(other) == (0, 0)
    assert shown(one) == shown(other) == before
    assert one.verify(other).equal


@pytest.mark.parametrize("compacting", [(0,), (1,), (0, 1), (2,)])
def test_parts_meet_a_value_in_which_they_were_forgotten(tmp_path: Path, compacting: tuple[int, ...]) -> None:
    """Whoever forgot, and whoever did not: changes of one part leave the others as they are, and nothing is counted twice."""
    replicas = group(tmp_path, 3)
    before = shown(replicas[0])[0]
    sweeps = mock.patch("crdtsql.compaction.walk.Sweep.step", lambda self: False)
    for _ in range(3):
        for n, replica in enumerate(replicas):
            if n in compacting:
                replica.compact(keep_ms=0)
            else:
                with sweeps:
                    replica.compact(keep_ms=0)
        meet(*replicas)
    assert [kept(replica)[1] == 0 for replica in replicas] == [n in compacting for n in range(3)]
    for n, replica in enumerate(replicas):
        write(
            replica,
            f"UPDATE t SET n = n + {10 ** (n + 1)}, r = r + {10 ** (n + 1)}, conf = json_set(conf, '$.late{n}', 0)",
            f"UPDATE t SET tags = json_insert(tags, '$[#]', 'late {n}')",
        )
    write(replicas[0], 'UPDATE t SET tags = \'["b","late 0","of 1","of 2","of 3"]\'')
    write(replicas[1], "UPDATE t SET conf = json_remove(conf, '$.b')")
    meet(*replicas)
    assert len({repr(shown(replica)) for replica in replicas}) == 1
    _, n, r, tags, conf, reg, top = shown(replicas[0])[0]
    assert (n, r) == (before[1] + 1110, before[2] + 1110.0)  # type: ignore[operator]
    assert tags == '["b","late 0","late 1","late 2","of 1","of 2","of 3"]'
    assert conf == '{"a":1,"late0":0,"late1":0,"late2":0,"of1":1,"of2":2,"of3":3}'
    assert (reg, top) == ("x", 3)
    assert replicas[0].verify(replicas[2]).equal
    agree(*replicas)
    assert [kept(replica) for replica in replicas] == [(0, 0)] * 3


@pytest.mark.parametrize("forgetful", [0, 1])
def test_everything_arrives_once_more(tmp_path: Path, forgetful: int) -> None:
    """A changeset for whoever has nothing has parts too that the receiver has forgotten, or has where its sender forgot them."""
    replicas = group(tmp_path)
    with mock.patch("crdtsql.compaction.walk.Sweep.step", lambda self: False):
        agree(*replicas)
    replicas[forgetful].connection.execute("DELETE FROM _crdt_meta WHERE name = 'compacted'")
    replicas[forgetful].compact(keep_ms=0)
    assert [kept(replica)[1] == 0 for replica in replicas] == [n == forgetful for n in range(2)]
    before = shown(replicas[0])[0]
    for n, replica in enumerate(replicas):
        write(
            replica,
            f"UPDATE t SET n = n + 10, tags = json_insert(tags, '$[#]', 'new {n}'), conf = json_set(conf, '$.new{n}', 0)",
        )
    for _ in range(2):
        replicas[0].merge(replicas[1].export()), replicas[1].merge(replicas[0].export())
    assert shown(replicas[0]) == shown(replicas[1])
    _, n, _, tags, conf, *_ = shown(replicas[0])[0]
    assert n == before[1] + 20  # type: ignore[operator]
    assert tags == '["a","b","new 0","new 1","of 1","of 2"]'
    assert conf == '{"a":1,"b":2,"new0":0,"new1":0,"of1":1,"of2":2}'


def test_whoever_agrees_begins_another_total(tmp_path: Path) -> None:
    """Others may finish a round without telling whoever agreed to it."""
    one, other, third = group(tmp_path, 3)
    other.compact(keep_ms=0)
    one.merge(other.export()), third.merge(one.export()), other.merge(third.export())
    other.compact(keep_ms=0)
    assert kept(other)[1] == 0
    write(one, "UPDATE t SET n = n + 10")
    meet(one, other, third)
    assert [shown(replica)[0][1] for replica in (one, other, third)] == [1 + 1 + 2 + 3 + 10] * 3


def test_a_base_notes_each_total(tmp_path: Path) -> None:
    """A row that is replaced begins anew, whatever several totals of one site were."""
    one, other = group(tmp_path)
    one.compact(keep_ms=0)
    write(one, "UPDATE t SET n = n + 5")
    write(one, ROW.replace("INSERT", "INSERT OR REPLACE"))
    write(one, "UPDATE t SET n = n + 7")
    meet(one, other)
    assert [shown(replica)[0][1] for replica in (one, other)] == [8, 8]


def test_an_old_changeset_brings_no_element_back(tmp_path: Path) -> None:
    """What was removed after a compaction stays removed, whatever arrives again."""
    one, other = group(tmp_path)
    old = one.export()
    agree(one, other)
    write(other, "UPDATE t SET tags = '[]', conf = '{}'")
    exchange(one, other)
    one.merge(old), other.merge(old)
    assert [row[3:5] for replica in (one, other) for row in shown(replica)] == [("[]", "{}")] * 2


def test_what_was_added_between_two_syncs_is_counted_once(tmp_path: Path) -> None:
    """A replica that agrees to a cut in the middle of what it added begins another total, and its row is kept by who knows of that."""
    one, other = group(tmp_path)
    write(one, "UPDATE t SET n = n + 100")
    early = one.export(since=other.vector())
    write(one, "UPDATE t SET n = n + 1000")
    other.merge(early)
    other.compact(keep_ms=0)
    one.merge(other.export(since=one.vector()))
    one.compact(keep_ms=0)
    write(one, "UPDATE t SET n = n + 10000")
    agree(one, other)
    assert [row[1] for replica in (one, other) for row in shown(replica)] == [1 + 1 + 2 + 11100] * 2
    assert kept(one) == kept(other) == (0, 0)


def test_a_leaf_that_is_not_shown_is_kept(tmp_path: Path) -> None:
    """It is shown once what extends its path is removed."""
    one, other = group(tmp_path)
    write(one, "UPDATE t SET conf = json_set(conf, '$.p', 1)")
    write(other, "UPDATE t SET conf = json_set(conf, '$.p', json('{\"q\":2,\"r\":3}'))")
    meet(one, other)
    agree(one, other)
    assert kept(one)[1] and kept(other)[1]
    write(one, "UPDATE t SET conf = json_remove(conf, '$.p.q')")
    write(other, "UPDATE t SET conf = json_remove(conf, '$.p.r')")
    meet(one, other)
    assert '"p":1' in str(shown(one)[0][4])
    agree(one, other)
    assert kept(one) == kept(other) == (0, 0)


def test_a_sum_that_is_shown_rounded_is_kept(tmp_path: Path) -> None:
    """What is added later is added to the exact sum."""
    one, other = group(tmp_path)
    write(one, "UPDATE t SET r = r + 0.1")
    write(other, "UPDATE t SET r = r + 1e18")
    meet(one, other)
    agree(one, other)
    assert kept(one)[1] and kept(other)[1]
    write(one, "UPDATE t SET r = r - 1e18")
    meet(one, other)
    assert shown(one)[0][2] == pytest.approx(0.1)
    assert shown(one) == shown(other)


def test_what_an_ended_site_added_is_kept_for_a_year(tmp_path: Path) -> None:
    """It may come back with more; after a year it is told that nobody knows."""
    one, other, lost = group(tmp_path, 3)
    write(lost, "UPDATE t SET n = n + 1000")
    one.forget(lost.site)
    agree(one, other), agree(one, other)
    assert kept(one)[1] and kept(other)[1]
    assert not lost.rejoin(one.export()).logged
    assert shown(lost)[0][1] == 1 + 1 + 2 + 3 + 1000

    with mock.patch.object(retiring, "KEPT_MS", 0):
        write(one, "UPDATE t SET n = n + 1")
        agree(one, other)
    assert kept(one) == kept(other) == (0, 0)


def test_the_flag_says_that_typed_columns_may_have_been_forgotten(tmp_path: Path) -> None:
    """A reader that knows nothing of it refuses the changeset, and this one reads it."""
    one, other = group(tmp_path)
    flags = envelope.PREFIX.unpack(one.export()[: envelope.PREFIX.size])[2]
    assert flags & envelope.TYPED
    fresh = peers.replica(tmp_path / "9.db", SCHEMA.replace("reg", "regg"), site=9)
    assert not envelope.PREFIX.unpack(fresh.export()[: envelope.PREFIX.size])[2] & envelope.TYPED
