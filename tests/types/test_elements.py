"""Sets that are taken apart without a row for each element are what the SQL of the type says."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from crdtsql import Replica
from crdtsql.base import Sql
from crdtsql.merge import mergeparts
from crdtsql.types import elements, functions
from crdtsql.types.celltypes import TYPES
from tests.support.library import connect
from tests.support.peers import send

PIECES = (
    "a", "b", "é", r"\u00e9", r"\"", r"\\", r"\n", r"\ud83d", r"\ude00", "\U0001f600", " ", ",", "',", "[", "]", "0", "1",
    "\ud7ff", "\ue000", r"\/", "\x7f",
)  # fmt: skip
SCALARS = (
    "null", "true", "false", "-0", "0", "-0.0", "0.0", "1", "1.0", "1e0", "10", "9", "-3", "1E2", "1e400", "-1e400", "2.5",
    "99999999999999999999", "9223372036854775807", "123456789012345678", "1234567890123456789",
)  # fmt: skip
NO_SETS = (
    "{}",
    "[[1]]",
    "nul",
    "[1",
    '["a" "b"]',
    "[01]",
    "[NaN]",
    "[Infinity]",
    "",
    " [1] ",
    "[1,]",
    "[.5]",
    '["\t"]',
)


def _element(chance: random.Random) -> str:
    if chance.random() < 0.5:
        return '"' + "".join(chance.choices(PIECES, k=chance.randrange(4))) + '"'
    return chance.choice(SCALARS)


def _values() -> list[bytes]:
    chance = random.Random(7)
    found = [value.encode() for value in NO_SETS]
    for _ in range(2_000):
        separator = chance.choice([",", ", ", " ,\n"])
        value = f"[{separator.join(_element(chance) for _ in range(chance.randrange(7)))}]".encode()
        if chance.random() < 0.1:
            place = chance.randrange(len(value) + 1)
            value = value[:place] + chance.choice([b"\xff", b"\xed\xa0\xbd", b"\xed\xb8\x80"]) + value[place:]
        found.append(value)
    return found


def test_names_are_those_that_the_split_gives() -> None:
    """Whether a set's text is looked at as it is or split by SQL, its elements have the same names."""
    connection = connect()
    functions.register(connection)
    value = Sql("CAST(?1 AS TEXT)")
    split = f"SELECT CAST(part AS BLOB) FROM ({TYPES['set'].explode_sql(Sql(f'(SELECT 1 AS id, {value} AS value)'))})"
    names = f"SELECT {TYPES['set'].names_sql(value)}"
    plain = 0
    for text in _values():
        expected = {bytes(name) for (name,) in connection.execute(split, (text,))}
        (listed,) = connection.execute(names, (text,)).fetchall()[0]
        assert {name.encode("latin-1") for name in elements._listed(listed)} == expected, text
        plain += elements.plain(text)
    assert 100 < plain < 1_900


def test_a_set_is_shown_in_the_order_of_its_values() -> None:
    """Null comes before false, true, numbers by value, and strings by their bytes; each is shown once."""
    connection = connect()
    kinds = ("null", "false", "true")

    def key(name: str) -> tuple[Any, ...]:
        if name in kinds:
            return kinds.index(name), 0.0, b"", name
        read = json.loads(name)
        if not isinstance(read, str):
            return 3, float(read), name.encode(), name
        return 4, 0.0, read.encode("utf-8", "surrogatepass"), name

    chance = random.Random(8)
    names = [
        "null",
        "true",
        "false",
        "1",
        "1.0",
        "10",
        "9",
        "-3",
        "2.5",
        '"a"',
        '"a b"',
        '"a\\"b"',
        '"é"',
        '"\ue000"',
        '"\\ud83d"',
    ]
    for _ in range(300):
        found = chance.choices(names, k=chance.randrange(9))
        shown = elements.array(f"[{','.join(found)}]".encode()).decode()
        assert shown == f"[{','.join(sorted(set(found), key=key))}]"
    connection.close()


def _history(seed: int) -> list[Any]:
    """Write and sync at random; return what the replicas show and keep in the end."""
    chance = random.Random(seed)
    replicas = []
    for _ in range(3):
        connection = connect()
        connection.execute("CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, v TEXT, w TEXT)")
        replica = Replica.on(connection)
        replica.enable("t", types={"v": "set", "w": "grow-set"})
        replicas.append(replica)
    replicas[0].connection.execute("""INSERT INTO t VALUES ('x', '["b", "a", 1]', '[]'), ('y', NULL, '["q"]')""")
    for replica in replicas[1:]:
        send(replicas[0], replica)
    for _ in range(60):
        replica = chance.choice(replicas)
        name = chance.choice(["a", "b", "c", "d", 1, 2.5, None, 'q"'])
        statement, values = chance.choice([
            ("UPDATE t SET v = json_insert(v, '$[#]', ?1) WHERE ?1 IS NOT NULL", (name,)),
            ("UPDATE t SET w = json_insert(ifnull(w, '[]'), '$[#]', ?1)", (name,)),
            ("UPDATE t SET v = json_remove(v, '$[0]') WHERE ?1 IS ?1", (name,)),
            ("UPDATE t SET v = json_array(?1, 'z') WHERE id = 'x'", (name,)),
            ("INSERT OR REPLACE INTO t VALUES ('x', json_array(?1), '[\"q\"]')", (name,)),
            ("DELETE FROM t WHERE id = 'y' AND ?1 = 'a'", (name,)),
        ])  # fmt: skip
        replica.connection.execute(statement, values)
        if chance.random() < 0.6:
            one, other = chance.sample(replicas, 2)
            send(one, other)
    found = []
    for _ in range(2):
        for one in replicas:
            for other in replicas:
                if one is not other:
                    send(one, other)
    for replica in replicas:
        found.append(replica.connection.execute("SELECT * FROM t ORDER BY id").fetchall())
        parts = "SELECT k1, col, part, gone, v FROM _crdt_parts_t ORDER BY 1, 2, 3, 4, 5"
        found.append(replica.connection.execute(parts).fetchall())
    return found


@pytest.mark.parametrize("seed", range(12))
def test_looking_at_what_was_sent_alone_gives_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a merge of a few elements makes of a set is what a merge makes that compares all of its parts."""
    monkeypatch.setattr(mergeparts, "LARGE_BYTES", 0)
    narrow = _history(seed)
    assert narrow[:2] == narrow[2:4] == narrow[4:]
    monkeypatch.setattr(mergeparts.Merge, "may_be_narrow", False)
    assert _history(seed) == narrow
