"""One side of many conflicts at once: which are meant, what is taken, and what becomes of those that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from crdtsql import Replica
from crdtsql.base.errors import NotEnabledError, UsageError, WriteRefusedError
from tests.support import state
from tests.support.peers import Clock, come_to_rest, in_memory, rows, send, three, write

SCHEMA = """
CREATE TABLE t (id INTEGER PRIMARY KEY, a, b);
CREATE TABLE u (id INTEGER PRIMARY KEY, a);
"""


def clash(a: Replica, b: Replica, *statements: str) -> None:
    """Let b write on top of what a writes, neither knowing of the other, and send a what b has."""
    for statement in statements:
        write(a, statement.replace("?", "'of a'"))
        write(b, statement.replace("?", "'of another'"))
    send(b, a)


def begin(schema: str = SCHEMA, *rows: str, types: dict[str, str] | None = None) -> list[Replica]:
    """Give three replicas in memory that have the same rows; their clock goes on by a second with each look."""
    rows = rows or ("INSERT INTO t VALUES (1, 'x', 'x'), (2, 'x', 'x')", "INSERT INTO u VALUES (1, 'x')")

    def make(folder: Path) -> list[Replica]:
        made = three(folder, schema, now=Clock(step=1000))
        for one in made:
            for column, kind in (types or {}).items():
                one.set_type("t", column, kind)
        write(made[0], *rows)
        for other in made[1:]:
            send(made[0], other)
        return made

    return in_memory(("resolve all", schema, rows), make, Clock(step=1000))


@pytest.mark.parametrize("take", ["ours", "theirs"])
def test_all_are_answered_and_win_everywhere(take: str) -> None:
    """One side of all open conflicts is taken, and wins on every replica; a conflict that is resolved is left alone."""
    a, b, c = begin()
    clash(a, b, "UPDATE t SET a = ?", "UPDATE t SET b = ? WHERE id = 2", "UPDATE u SET a = ?")
    write(a, "UPDATE u SET a = 'by hand'")
    report = a.resolve_all(take)
    assert (report.take, report.resolved, report.columns) == (take, [1, 2, 3], {"t.a": 2, "t.b": 1})
    assert not report.failed and not report.deleted and not report.dry_run
    come_to_rest([a, b, c])
    side = {"ours": "of a", "theirs": "of another"}[take]
    for one in (a, b, c):
        assert rows(one) == [(1, side, "x"), (2, side, side)]
        assert one.connection.execute("SELECT a FROM u").get == "by hand"
        assert not one.conflicts(open_only=True)
    assert a.resolve_all(take).resolved == []


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, [1, 2, 3, 4]),
        ({"table": "T"}, [1, 2, 3]),
        ({"column": "A"}, [1, 2, 4]),
        ({"column": "t.a"}, [1, 2]),
        ({"table": "t", "column": "b"}, [3]),
        ({"table": "u", "column": "u.a"}, [4]),
        ({"site": "b"}, [1, 2, 3]),
        ({"site": "c"}, [4]),
        ({"site": "a"}, []),
        ({"site": "b", "column": "b"}, [3]),
        ({"table": "u", "site": "b"}, []),
    ],
)
def test_choices_combine(chosen: dict[str, str], expected: list[int]) -> None:
    """Table, column and site choose together, the same conflicts for looking as for resolving."""
    a, b, c = begin()
    clash(a, b, "UPDATE t SET a = ?", "UPDATE t SET b = ? WHERE id = 2")
    clash(a, c, "UPDATE u SET a = ?")
    if "site" in chosen:
        chosen = chosen | {"site": {"a": a, "b": b, "c": c}[chosen["site"]].site.upper()}
    assert [conflict.id for conflict in a.conflicts(**chosen)] == expected
    assert a.resolve_all("ours", **chosen).resolved == expected
    assert {conflict.id for conflict in a.conflicts(open_only=True)} == {1, 2, 3, 4} - {*expected}


def test_a_choice_of_nothing_known_is_refused() -> None:
    """An unknown table, column, site or side is refused with what there is, and nothing is changed."""
    a, b, _ = begin()
    clash(a, b, "UPDATE t SET a = ?")
    before = state.content(a.connection)
    for chosen, error, text in (
        ({"table": "tt"}, NotEnabledError, "tt"),
        ({"column": "aa"}, UsageError, "has no replicated column 'aa'; did you mean 'a'"),
        ({"table": "u", "column": "b"}, UsageError, "table 'u' has no replicated column 'b'"),
        ({"column": "id"}, UsageError, "'id'"),
        ({"site": "ff"}, UsageError, f"sites: .*{b.site}"),
    ):
        with pytest.raises(error, match=text):
            a.resolve_all("ours", **chosen)
    with pytest.raises(UsageError, match="'both'"):
        a.resolve_all("both")
    assert state.content(a.connection) == before


@pytest.mark.parametrize(("take", "expected"), [("ours", "of a"), ("theirs", "of 3")])
def test_of_several_in_one_cell(take: str, expected: str) -> None:
    """Of several conflicts of one cell `ours` is what was here before the first of them, `theirs` what came in last."""
    a, b, c = begin()
    write(a, "UPDATE t SET a = 'of a' WHERE id = 1")
    write(b, "UPDATE t SET a = 'of 2' WHERE id = 1")
    write(c, "UPDATE t SET a = 'of 3' WHERE id = 1")
    send(b, a)
    send(c, a)
    assert len(a.conflicts(open_only=True)) == 2
    report = a.resolve_all(take)
    assert report.resolved == [1, 2]
    assert rows(a)[0] == (1, expected, "x")


def test_an_answer_resolves_all_of_its_cell() -> None:
    """A conflict that was not chosen is resolved and reported with another one of its cell, because the answer has seen all values."""
    a, b, c = begin()
    clash(a, b, "UPDATE t SET a = ? WHERE id = 1")
    write(c, "UPDATE t SET a = 'of c' WHERE id = 1")
    send(c, a)
    assert a.resolve_all("theirs", site=c.site).resolved == [1, 2]
    assert rows(a)[0] == (1, "of c", "x")


def test_deleted_rows_are_left_out() -> None:
    """Conflicts in rows that are deleted stay open and are named."""
    a, b, _ = begin()
    clash(a, b, "UPDATE t SET a = ?")
    write(a, "DELETE FROM t WHERE id = 1")
    report = a.resolve_all("ours")
    assert (report.resolved, report.deleted) == ([2], [1])
    assert rows(a) == [(2, "of a", "x")]


def test_what_is_refused_stays_as_it_was() -> None:
    """What a constraint stands against stays open and is reported with the reason; the others are resolved in the same transaction."""
    a, b, _ = begin()
    clash(a, b, "UPDATE t SET a = ?")
    write(a, "CREATE TRIGGER refuse BEFORE UPDATE ON t WHEN NEW.id = 1 BEGIN SELECT raise(ABORT, 'not this one'); END")
    report = a.resolve_all("ours")
    assert report.resolved == [2]
    assert isinstance(report.failed[1], WriteRefusedError) and "not this one" in str(report.failed[1])
    assert report.to_json()["failed"][0]["kind"] == "WriteRefusedError"
    assert rows(a) == [(1, "of another", "x"), (2, "of a", "x")]


def test_answers_that_make_way_for_each_other() -> None:
    """An answer whose UNIQUE value another answer makes free is given after it, in whatever order they come."""
    unique = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE)"
    a, b, _ = begin(unique, "INSERT INTO t VALUES (1, 'o'), (2, 'p')")
    write(a, "UPDATE t SET a = 'q' WHERE id = 1", "UPDATE t SET a = 'm' WHERE id = 2")
    write(b, "UPDATE t SET a = 'v' WHERE id = 1", "UPDATE t SET a = 'q' WHERE id = 2")
    send(b, a)
    assert rows(a) == [(1, "v"), (2, "q")]
    report = a.resolve_all("ours")
    assert (report.resolved, report.failed) == ([1, 2], {})
    assert rows(a) == [(1, "q"), (2, "m")]


def test_leaves_of_maps() -> None:
    """Conflicts of leaves are answered leaf by leaf; a map that refuses its leaf is left wholly as it was, the others are not."""
    a, b, _ = begin(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, m TEXT)",
        """INSERT INTO t VALUES (1, '{"x":0,"y":0}'), (2, '{"x":0}'), (3, '{"x":0}')""",
        types={"m": "map"},
    )
    for one, name in ((a, "of a"), (b, "of b")):
        write(one, f"UPDATE t SET m = json_set(m, '$.x', '{name}')")
        write(one, f"UPDATE t SET m = json_set(m, '$.y', '{name}') WHERE id = 1")
    send(b, a)
    refuse = "BEFORE UPDATE ON t WHEN NEW.id = 2 AND NEW.m LIKE '%of a%' BEGIN SELECT raise(ABORT, 'no leaf of a'); END"
    write(a, f"CREATE TRIGGER refuse {refuse}")
    assert len(a.conflicts(open_only=True)) == 4
    report = a.resolve_all("ours")
    assert len(report.resolved) == 3
    assert ["no leaf of a" in str(error) for error in report.failed.values()] == [True]
    assert rows(a) == [(1, '{"x":"of a","y":"of a"}'), (2, '{"x":"of b"}'), (3, '{"x":"of a"}')]
    assert [conflict.key for conflict in a.conflicts(open_only=True)] == [(2,)]
    send(a, b)
    assert rows(b) == rows(a)


def test_a_dry_run_tells_and_changes_nothing() -> None:
    """A dry run reports what the real one does, and leaves rows and conflicts as they are."""
    a, b, _ = begin()
    clash(a, b, "UPDATE t SET a = ?")
    a.vector()
    before = state.content(a.connection)
    report = a.resolve_all("ours", dry_run=True)
    assert state.content(a.connection) == before
    assert report.dry_run and report.to_json() | {"dry_run": False} == a.resolve_all("ours").to_json()


def test_all_answers_are_one_transaction() -> None:
    """All answers are one commit, however many they are."""
    a, b, _ = begin()
    clash(a, b, "UPDATE t SET a = ?", "UPDATE u SET a = ?")
    a.vector()
    before = a.finished
    assert len(a.resolve_all("ours").resolved) == 3
    assert a.finished == before + 1
