"""Expressions of a schema that fail on the values of a merged row: the row is held, or the trigger left out, and the rest goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crdtsql import Replica
from tests.support.peers import all_equal, exchange, in_memory, read, replica, write

TABLE = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, v, w, n INTEGER{more});{besides}CREATE TABLE ok (id TEXT PRIMARY KEY NOT NULL)"
BAD = "UPDATE t SET v = '{bad' WHERE id = 'k'"
ASKED = "UPDATE t SET w = 'x' WHERE id = 'k'"
EXTRACT = "CASE WHEN w IS NOT NULL THEN json_extract(v, '$.a') END"
LEAST = "UPDATE t SET n = -9223372036854775807 - 1 WHERE id = 'k'"

REFUSING = {
    "a CHECK over malformed JSON": (f", CHECK ({EXTRACT} IS NOT 1)", "", BAD, "malformed JSON"),
    "a CHECK that overflows": (", CHECK (w IS NULL OR abs(n) >= 0)", "", LEAST, "integer overflow"),
    "a CHECK with a long pattern": (
        ", CHECK (w IS NULL OR w NOT LIKE v)", "", "UPDATE t SET v = hex(zeroblob(30000))", "LIKE or GLOB pattern too complex"
    ),
    "a stored generated column": (f", g AS ({EXTRACT}) STORED", "", BAD, "malformed JSON"),
    "a virtual generated column with an index": (f", g AS ({EXTRACT})", "CREATE INDEX i ON t (g);", BAD, "malformed JSON"),
    "a UNIQUE generated column": (f", g AS ({EXTRACT}) UNIQUE", "", BAD, "malformed JSON"),
    "a generated column that is too big": (
        ", g AS (CASE WHEN w IS NOT NULL THEN length(zeroblob(n)) END) STORED", "", "UPDATE t SET n = 9000000000", "string or blob too big"
    ),
    "an index on an expression": ("", f"CREATE INDEX i ON t ({EXTRACT});", BAD, "malformed JSON"),
    "a UNIQUE index on an expression": ("", f"CREATE UNIQUE INDEX i ON t (n, {EXTRACT});", BAD, "malformed JSON"),
    "a partial index": ("", f"CREATE UNIQUE INDEX i ON t (n) WHERE {EXTRACT};", BAD, "malformed JSON"),
}  # fmt: skip


def two_of(more: str, besides: str) -> list[Replica]:
    """Give two replicas of a table with two rows, and another table."""

    def make(folder: Path) -> list[Replica]:
        schema = TABLE.format(more=more, besides=besides)
        first = replica(folder / "a.db", schema, tables=("t", "ok"), site=1)
        write(first, "INSERT INTO t (id, v) VALUES ('k', '{}'), ('j', '{}')")
        return [first, first.clone(folder / "b.db")]

    return in_memory((__name__, more, besides), make, lambda: 1_700_000_000_000)


@pytest.mark.parametrize(("more", "besides", "change", "words"), REFUSING.values(), ids=REFUSING.keys())
def test_a_row_on_which_an_expression_fails_is_held(more: str, besides: str, change: str, words: str) -> None:
    """Neither change alone makes an expression fail; together they do, so the row is held on both replicas, and all else arrives."""
    first, second = two_of(more, besides)
    write(first, change, "UPDATE t SET v = 'first' WHERE id = 'j'", "INSERT INTO ok VALUES ('from the first')")
    write(second, ASKED, "INSERT INTO ok VALUES ('from the second')")
    exchange(first, second)
    assert all_equal([first, second])
    for one in (first, second):
        assert read(one, "SELECT count(*) FROM ok") == [(2,)]
        assert read(one, "SELECT id, v FROM t") == [("j", "first")]
        (held,) = one.held()
        assert (held.key, held.reason, held.detail) == (("k",), "check", words)
        assert held.values["w"] == "x"
        assert json.dumps(one.status().to_json())
    write(second, "INSERT INTO t (id, v, w, n) VALUES ('k', '{\"a\": 3}', NULL, 1)")
    exchange(first, second)
    assert all_equal([first, second])
    assert read(first, "SELECT id, w FROM t ORDER BY id") == [("j", None), ("k", None)]


FAILING = {
    "INSERT": ("AFTER INSERT ON t BEGIN INSERT INTO note SELECT value FROM json_each(NEW.v); END;", "UPDATE t SET v = 'bad' WHERE id = 'n'"),
    "UPDATE": ("AFTER UPDATE ON t WHEN NEW.w IS NOT NULL BEGIN INSERT INTO note VALUES (json(NEW.v)); END;", BAD),
    "DELETE": ("AFTER DELETE ON t BEGIN INSERT INTO note VALUES (OLD.id || json(OLD.v)); END;", "UPDATE t SET v = '{}' WHERE id = 'd'; DELETE FROM t WHERE id IN ('d', 'j')"),
    "a constraint elsewhere": ("AFTER INSERT ON t BEGIN INSERT INTO note VALUES (NEW.w); END;", "SELECT 1"),
    "a sum elsewhere": ("AFTER INSERT ON t BEGIN UPDATE note SET what = (SELECT sum(n) FROM t); END;", "SELECT 1"),
}  # fmt: skip


@pytest.mark.parametrize(("trigger", "change"), FAILING.values(), ids=FAILING.keys())
def test_a_trigger_that_fails_has_no_say(trigger: str, change: str) -> None:
    """What a trigger does elsewhere can fail over a merged row, which depends on what arrived first: the row is shown, or goes, all the same."""
    first, second = two_of("", f"CREATE TABLE note (what UNIQUE); CREATE TRIGGER noting {trigger}")
    write(first, "PRAGMA recursive_triggers = 0", "INSERT INTO t VALUES ('d', '{}', 1, 9223372036854775807)")
    exchange(first, second)
    second.connection.execute("DROP TRIGGER noting; UPDATE t SET v = 'bad' WHERE id = 'd'")
    second.connection.execute(f"CREATE TRIGGER noting {trigger}")
    exchange(second, first)
    write(first, "INSERT INTO t VALUES ('n', '{}', 2, -1)", change, "INSERT INTO ok VALUES ('from the first')")
    write(
        second,
        ASKED,
        "INSERT INTO t VALUES ('m', '{}', 2, 9223372036854775806)",
        "INSERT INTO ok VALUES ('from the second')",
    )
    exchange(first, second)
    assert all_equal([first, second])
    assert not first.held()
    assert read(first, "SELECT count(*) FROM ok") == [(2,)]
    assert read(second, "SELECT id FROM t ORDER BY id") == read(first, "SELECT id FROM t ORDER BY id")


def test_a_trigger_that_fails_over_one_row_sees_the_others() -> None:
    """Of several rows that a merge removes or shows, a trigger is left out for those alone over which it fails."""
    trigger = "AFTER DELETE ON t BEGIN INSERT INTO note SELECT OLD.id WHERE json(OLD.v) NOTNULL; END;"
    first, second = two_of("", f"CREATE TABLE note (what); CREATE TRIGGER noting {trigger}")
    write(second, "UPDATE t SET v = 'bad' WHERE id = 'k'")
    exchange(first, second)
    write(first, "UPDATE t SET v = '{}'", "DELETE FROM t")
    second.merge(first.export(second.vector()))
    assert read(second, "SELECT what FROM note") == [("j",)]
    assert all_equal([first, second])


def test_programs_may_write_what_an_index_leaves_out() -> None:
    """Where a partial index keeps its expression from rows on which it fails, programs go on writing such rows; REPLACE is still noticed."""
    index = "CREATE UNIQUE INDEX i ON t (n, json_extract(v, '$.a')) WHERE json_valid(v);"
    first, second = two_of("", index)
    write(
        first,
        "INSERT INTO t VALUES ('bad', '{bad', NULL, 1), ('good', '{\"a\": 1}', NULL, 1)",
        "UPDATE t SET n = 1 WHERE id = 'bad'",
    )
    write(second, "INSERT INTO t VALUES ('rival', '{\"a\": 1}', NULL, 1), ('worse', '}', NULL, 1)")
    exchange(first, second)
    assert all_equal([first, second])
    (held,) = first.held()
    assert (held.key in {("rival",), ("good",)}, held.reason) == (True, "unique")
    write(second, "INSERT OR REPLACE INTO t VALUES ('new', '{\"a\": 1}', NULL, 1)")
    exchange(first, second)
    assert all_equal([first, second])
    assert read(first, "SELECT id FROM t WHERE n = 1 ORDER BY id") == [("bad",), ("new",), ("worse",)]
