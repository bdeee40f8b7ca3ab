"""Compaction goes through keys of every kind, also of text that is no UTF-8, which no program of ours can read as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from crdtsql import sync
from tests.support.peers import Clock, replica

ROWS = 1_500
KEY = "CAST(x'ff' || printf('%05d', {}) AS TEXT)"
COUNT = f"WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS} - 1) "


@pytest.mark.parametrize(
    ("schema", "key", "types"),
    [
        ("CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, a)", KEY.format("i"), {}),
        ("CREATE TABLE t (id PRIMARY KEY NOT NULL, a) WITHOUT ROWID", KEY.format("i"), {}),
        ("CREATE TABLE t (id TEXT COLLATE NOCASE PRIMARY KEY NOT NULL, a UNIQUE)", KEY.format("i"), {}),
        ("CREATE TABLE t (x, id TEXT, a INTEGER, PRIMARY KEY (x, id))", f"i % 7, {KEY.format('i')}", {"a": "counter"}),
        ("CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, a, up TEXT REFERENCES t)", KEY.format("i"), {}),
    ],
    ids=["text", "without rowid", "unique", "composite and typed", "referred to"],
)
def test_all_is_forgotten(tmp_path: Path, schema: str, key: str, types: dict[str, str]) -> None:
    """Rows and deleted rows lose their clocks, whatever their keys are; what the table shows stays."""
    with replica(tmp_path / "a.db", schema, now=Clock(step=1000), site=1) as a:
        for column, kind in types.items():
            a.set_type("t", column, kind)
        names = "x, id, a" if "x," in schema else "id, a"
        a.connection.execute(f"{COUNT}INSERT INTO t ({names}) SELECT {key}, i FROM n")
        a.connection.execute("DELETE FROM t WHERE a % 3 = 0")
        shown = a.connection.execute("SELECT count(*), sum(a), max(CAST(id AS BLOB)) FROM t").fetchall()
        kept = ROWS // 3 if "REFERENCES" in schema else 0  # deleted rows that others may refer to
        foreseen = a.compact(keep_ms=0, dry_run=True).tables["t"]
        assert foreseen.forgotten == ROWS // 3 - kept and foreseen.settled == ROWS - ROWS // 3 and foreseen.freed_bytes
        assert [*a.freeable_bytes()] == ["t"]
        a.compact(keep_ms=0)
        assert a.connection.execute("SELECT count(*) FROM _crdt_clock_t").get == kept
        assert a.connection.execute("SELECT count(*), sum(a), max(CAST(id AS BLOB)) FROM t").fetchall() == shown
        assert not a.doctor().broken


def test_two_replicas_forget(tmp_path: Path) -> None:
    """What one replica had seen of the other is looked up in all tables by their keys; what a sync would do is listed, too."""
    clock = Clock(step=1000)
    with replica(tmp_path / "a.db", "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, a)", now=clock, site=1) as a:
        a.connection.execute(f"{COUNT}INSERT INTO t SELECT {KEY.format('i')}, i FROM n")
        with a.clone(tmp_path / "b.db") as b:
            b._now = clock
            a.connection.execute("UPDATE t SET a = -1 WHERE a % 2 = 1 OR a = 2")
            b.connection.execute("DELETE FROM t WHERE a % 2 = 0")
            found = a.preview(b)
            assert found.there is not None and found.here.row_count == ROWS // 2 - 1
            assert found.there.row_count == found.cell_count == ROWS // 2 + 1
            for _ in range(3):
                sync(a, b)
                a.compact(keep_ms=0)
                b.compact(keep_ms=0)
            for one in (a, b):
                assert one.connection.execute("SELECT count(*), sum(a) FROM t").fetchall() == [
                    (ROWS // 2 + 1, -ROWS // 2 - 1)
                ]
                assert (
                    one.connection.execute("SELECT count(*) FROM _crdt_clock_t").get == 1
                )  # deleted and written at once
                assert not one.doctor().broken
