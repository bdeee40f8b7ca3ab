"""What a row shows that lost its value in a UNIQUE index: nothing, NULL, or its text or number with a suffix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crdtsql import Replica
from crdtsql.base.errors import SchemaMismatchError, UsageError
from crdtsql.shown.deciding.marks import digits
from tests.support import state
from tests.support.peers import come_to_rest, read, replica, three, write

SCHEMA = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, mail TEXT UNIQUE, room INT, day TEXT, n, UNIQUE (room, day))"


def with_policies(folder: Path, **policies: str) -> list[Replica]:
    replicas = three(folder, SCHEMA)
    for one in replicas:
        for columns, policy in policies.items():
            assert one.set_unique("t", columns.split("_"), policy)
    return replicas


def shown(of: Replica) -> list[Any]:
    return read(of, "SELECT id, mail, room, day FROM t ORDER BY id")


@pytest.mark.parametrize("policy", ["null", "suffix"])
def test_losers_are_shown_and_get_their_values_back(tmp_path: Path, policy: str) -> None:
    """With null or suffix all rows are shown on every replica alike; the value returns when it is free, other updates count."""
    replicas = with_policies(tmp_path, mail=policy)
    for number, one in enumerate(replicas):
        write(one, f"INSERT INTO t (id, mail, n) VALUES ('{number}', 'm', {number})")
    come_to_rest(replicas)
    found = shown(replicas[0])
    assert [row[:2] for row in found][0] == ("0", "m")
    losers = [mail for _, mail, *_ in found[1:]]
    assert losers == [None, None] if policy == "null" else all(str(mail).startswith("m#") for mail in losers)
    assert len(set(losers)) == (1 if policy == "null" else 2)
    write(replicas[1], "UPDATE t SET n = 9 WHERE id = '2'; UPDATE t SET mail = 'new' WHERE id = '1'")
    write(replicas[2], "DELETE FROM t WHERE id = '0'")
    come_to_rest(replicas)
    assert [row[:2] for row in shown(replicas[0])] == [("1", "new"), ("2", "m")]
    shared = [state.shared(one.connection) for one in replicas]
    assert shared[0] == shared[1] == shared[2]
    assert replicas[0].connection.execute("SELECT n FROM t WHERE id = '2'").fetchall() == [(9,)]


def test_an_index_of_several_columns(tmp_path: Path) -> None:
    """All columns of the index show NULL, or the last one gets the suffix; an index without a policy still holds its losers."""
    replicas = with_policies(tmp_path, room_day="null")
    write(replicas[0], "INSERT INTO t VALUES ('a', 'm', 1, 'mon', 0)")
    write(replicas[1], "INSERT INTO t VALUES ('b', 'x', 1, 'mon', 0), ('c', 'm', 2, 'mon', 0)")
    come_to_rest(replicas)
    assert shown(replicas[2]) == [("a", "m", 1, "mon"), ("b", "x", None, None)]
    assert [(row.key, row.reason) for row in replicas[2].held()] == [(("b",), "masked"), (("c",), "unique")]
    for one in replicas:
        one.set_unique("t", ["room", "day"], "suffix")
    assert shown(replicas[2])[1][:3] == ("b", "x", 1)
    assert str(shown(replicas[2])[1][3]).startswith("mon#")
    for one in replicas:
        one.set_unique("T", ["ROOM", "day"], "hold")
    assert [row[0] for row in shown(replicas[2])] == ["a"]


@pytest.mark.parametrize(
    ("number", "shown_as"), [(3, 3), (0, 0), (-3, -3), (9_000_000, 9_000_000), (9_000_001, None), (1.5, None)]
)
def test_a_whole_number_gets_digits(tmp_path: Path, number: float, shown_as: int | None) -> None:
    """With suffix, a whole number that lost gets nine digits behind its own, if JavaScript has it exactly then; others are held."""
    replicas = three(tmp_path, "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, n UNIQUE)")
    for position, one in enumerate(replicas):
        one.set_unique("t", ["n"], "suffix")
        write(one, f"INSERT INTO t (id, n) VALUES ('{position}', {number})")
    come_to_rest(replicas)
    found = [read(one, "SELECT n FROM t ORDER BY id") for one in replicas]
    assert found[0] == found[1] == found[2]
    first, *losers = [value for (value,) in found[0]]
    assert first == number
    if shown_as is None:
        assert losers == []
    else:
        assert [int(loser / 10**9) for loser in losers] == [shown_as] * 2
        assert len({*losers}) == 2
        assert all(10**8 <= abs(loser) % 10**9 and abs(loser) < 2**53 for loser in losers)


def test_all_numbers_get_as_many_digits() -> None:
    """Nine digits go behind every number, so that what stands before them is the number that was lost."""
    assert all(10**8 <= digits([f"text{key}"]) < 10**9 for key in range(100))


def test_replicas_agree_on_the_policy(tmp_path: Path) -> None:
    """A changeset of a table with another policy is refused with the command that mends it; unknown names are refused."""
    one, other = (replica(tmp_path / f"{n}.db", SCHEMA, site=n) for n in (1, 2))
    one.set_unique("t", ["mail"], "null")
    write(one, "INSERT INTO t (id) VALUES ('a')")
    with pytest.raises(SchemaMismatchError, match=r"crdtsql unique .* t mail null`"):
        other.merge(one.export())
    other.set_unique("t", ["mail"], "null")
    other.merge(one.export())
    assert not other.set_unique("t", ["mail"], "null")
    with pytest.raises(UsageError, match="mail; room, day"):
        other.set_unique("t", ["room"], "null")
    with pytest.raises(UsageError, match="hold, null, suffix"):
        other.set_unique("t", ["mail"], "drop")
