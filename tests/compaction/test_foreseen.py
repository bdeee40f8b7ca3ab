"""What a compaction would free, and who is waited for no more: what is told before anything is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica
from crdtsql.compaction import alone, due, stride
from crdtsql.compaction.report import TableCompacted
from crdtsql.replica.opening import now_ms
from tests.compaction.test_compact import NUMBERED, SCHEMA, call, pair
from tests.support import peers
from tests.support.peers import Clock, exchange, rows, write


def test_who_is_forgotten_is_named_beyond_doubt(tmp_path: Path) -> None:
    """Two sites of one name, or a beginning that several ids have, are asked about; of one that spoke lately that is said."""
    one, other = pair(tmp_path)
    third = one.clone(tmp_path / "3.db")
    write(third, "INSERT INTO t VALUES ('third', 1, 1)")
    for replica in (other, third):
        replica.set_name("bert")
        write(replica, "UPDATE t SET w = 'named' WHERE id = 'k3'")
    exchange(one, other, third)
    result = call("forget", one.path, "bert")
    assert result.exit_code == 2 and other.site in result.output and third.site in result.output
    result = call("forget", one.path, "")
    assert result.exit_code == 1 and f"crdtsql members {one.path}" in result.output
    result = call("forget", one.path, "0")
    assert result.exit_code == 1 and "begin with '0'" in result.output
    assert one.registry.get("agreement") is None
    with Replica.open(one.path) as now:
        site, *_ = [member.site for member in now.members() if not member.is_this_file]
        now.forget(site)
        now.set_name("")
        assert [member.compaction for member in now.members()].count("ended") == 1


def test_a_member_that_just_spoke(tmp_path: Path) -> None:
    """It can be forgotten, and it is said that it seems to be there."""
    one = peers.replica(tmp_path / "1.db", SCHEMA, now=now_ms)
    other = one.clone(tmp_path / "2.db")
    write(other, "INSERT INTO t VALUES ('k', 1, 1)")
    exchange(one, other)
    result = call("forget", one.path, other.site[:8])
    assert result.exit_code == 0 and "was heard of 0 minutes ago" in result.output


@pytest.mark.parametrize(
    ("schema", "identity"),
    [(SCHEMA, "key"), (NUMBERED, "row"), (SCHEMA.replace("w DEFAULT 'x'", "w INTEGER UNIQUE"), "key")],
)
@pytest.mark.parametrize("most_rows", [None, 2_000])
def test_what_is_estimated_is_freed(schema: str, identity: str, most_rows: int | None, tmp_path: Path) -> None:
    """A dry run, and samples too, say what the file shrinks by, within some per cent, and change nothing."""
    one = peers.replica(tmp_path / "1.db", schema, now=Clock(step=1_000), identity=identity)
    key = "value" if identity == "row" else "hex(randomblob(8))"
    series = "WITH series (value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM series WHERE value < 20000)"
    write(one, f"INSERT INTO t {series} SELECT {key}, 'title ' || value, value FROM series")
    write(one, "DELETE FROM t WHERE w % 5 = 0")
    write(one, "UPDATE t SET v = v || '!' WHERE w % 3 = 0")

    def size() -> int:
        one.connection.execute("VACUUM")
        return Path(one.path).stat().st_size

    before = size()
    if most_rows is None:
        foreseen = one.compact(keep_ms=0, dry_run=True).tables["t"]
    else:
        one.registry.set("compact_keep_ms", 0)
        foreseen = TableCompacted(freed_bytes=one.freeable_bytes(most_rows=most_rows)["t"])
    assert size() == before and one.registry.get("agreement") is None
    done = one.compact(keep_ms=0).tables["t"]
    freed = before - size()
    assert foreseen.freed_bytes == pytest.approx(freed, rel=0.05 if most_rows is None else 0.1)
    assert done.freed_bytes is None
    if most_rows is None:
        assert (foreseen.forgotten, foreseen.emptied) == (done.forgotten, done.emptied)
        assert (foreseen.settled, foreseen.shortened) == (done.settled, done.shortened)


def test_an_estimate_waits_for_nobody(tmp_path: Path) -> None:
    """Where another program keeps the file locked, or it can't be written, nothing is said."""
    one = peers.replica(tmp_path / "1.db", SCHEMA, now=Clock(step=1_000))
    write(one, "INSERT INTO t VALUES ('k', 1, 1)", "DELETE FROM t")
    one.close()
    with Replica.open(tmp_path / "1.db", lock_timeout=0.1) as again:
        assert "t" in again.freeable_bytes()
        other = apsw.Connection(again.path)
        other.execute("BEGIN IMMEDIATE")
        assert again.freeable_bytes() == {}
        other.execute("ROLLBACK")
        other.close()
        again.connection.execute("BEGIN")
        assert again.freeable_bytes() == {}
        again.connection.execute("COMMIT")


def test_births_without_clocks_are_gone_through_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Births that came with a changeset, of rows that need no clocks, are more than a step takes; a dry run comes to an end."""
    monkeypatch.setattr(stride, "FEWEST", 2)
    monkeypatch.setattr(stride, "MOST", 2)
    monkeypatch.setattr(stride, "FIRST", 2)
    one = peers.replica(tmp_path / "1.db", NUMBERED, now=Clock(step=1_000), identity="row")
    write(one, *(f"INSERT INTO t (id, v) VALUES ({n}, {n})" for n in range(9)))
    one.compact(keep_ms=0)
    fresh = peers.replica(tmp_path / "2.db", NUMBERED, now=Clock(step=1_000), site=2, identity="row")
    fresh.merge(one.export())
    born = "SELECT count(*) FROM _crdt_born_t"
    before = fresh.connection.execute(born).get
    assert before > 2
    fresh.compact(keep_ms=0, dry_run=True)
    assert fresh.connection.execute(born).get == before
    for replica in (fresh, one, fresh):
        replica.compact(keep_ms=0)
        exchange(one, fresh)
    fresh.compact(keep_ms=0)
    assert fresh.connection.execute(born).get == 0 and rows(fresh) == rows(one)


@pytest.mark.parametrize("most_rows", [None, 300])
def test_what_is_asked_of_all_rows_is_asked_once(
    most_rows: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether references may be forgotten is a look at a whole table while it is locked: a dry run in many steps does it once."""
    schema = (
        "CREATE TABLE p (id INTEGER PRIMARY KEY, v); CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p, v)"
    )
    one = peers.replica(tmp_path / "1.db", schema, now=Clock(step=1_000), identity="row")
    write(one, "INSERT INTO p (v) VALUES (1), (2)")
    numbers = "WITH n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
    write(one, f"{numbers} INSERT INTO c (p) SELECT 1 + i % 2 FROM n")
    looks, any_means_another = [], alone._any_means_another

    def looking(*arguments: Any) -> bool:
        looks.append(arguments)
        return any_means_another(*arguments)

    monkeypatch.setattr(alone, "_any_means_another", looking)
    if most_rows is None:
        assert one.compact(keep_ms=0, dry_run=True).tables["c"].settled == 2_000
    else:
        due.set_keep(one.registry, 0)
        assert one.freeable_bytes(most_rows=most_rows)["c"] > 0
    assert len(looks) == 1
