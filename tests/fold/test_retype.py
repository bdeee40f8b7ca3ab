"""Columns that get another type: what is there stays, and replicas go on merging, whatever the order; old files are asked first."""

from __future__ import annotations

import random
import shutil
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica
from crdtsql.base.errors import SchemaMismatchError
from tests.support import state
from tests.support.peers import (
    START_MS,
    Clock,
    come_to_rest,
    fast_directory,
    in_memory,
    is_empty,
    merged_in_all_orders,
    rows,
    send,
    write,
)

NUMBERS, DOCUMENTS = "INTEGER", "TEXT"
CHAINS = (
    (NUMBERS, ("counter", "lww", "counter")),
    (NUMBERS, ("counter", "grow-counter", "counter")),
    (NUMBERS, ("register", "lww", "max")),
    (NUMBERS, ("lww", "register", "lww")),
    (NUMBERS, ("max", "min", "max")),
    (NUMBERS, ("min", "counter", "register")),
    (NUMBERS, ("grow-counter", "register", "grow-counter")),
    (DOCUMENTS, ("set", "lww", "set")),
    (DOCUMENTS, ("set", "grow-set", "register")),
    (DOCUMENTS, ("lww", "set", "lww")),
)
NAMES = [" to ".join(chain) for _, chain in CHAINS]
ADDS = ("counter", "grow-counter")
SETS = ("set", "grow-set")


def new_value(chance: random.Random, kind: str) -> str:
    """Return what an UPDATE may set a column of the type to, so that it stays a number, or an array."""
    if kind in ADDS:
        return f"ifnull(v, 0) + {chance.randrange(1, 100)}"
    if kind in SETS:
        return f"json_insert(ifnull(v, '[]'), '$[#]', {chance.randrange(6)})"
    return str(chance.randrange(1000))


def write_some(chance: random.Random, one: Replica, kind: str, declared: str) -> None:
    """Let a program insert, update, replace and delete a few rows in one transaction."""
    statements = []
    for _ in range(chance.randrange(1, 4)):
        key = chance.choice("xyz")
        whole = f"'[{chance.randrange(6)}, {chance.randrange(6)}]'" if declared == DOCUMENTS else chance.randrange(99)
        changed = (
            f"'[{chance.randrange(6)}]'" if declared == DOCUMENTS and kind not in SETS else new_value(chance, kind)
        )
        statements += chance.choices(
            (f"UPDATE t SET v = {changed} WHERE id = '{key}'",) * 5
            + (
                f"INSERT OR REPLACE INTO t VALUES ('{key}', {whole}, 'again')",
                f"DELETE FROM t WHERE id = '{key}'",
                f"UPDATE t SET other = {chance.randrange(9)}",
            )
        )
    write(one, *statements)


def of_type(folder: Path, declared: str, kind: str, granularity: str) -> list[Replica]:
    """Make three replicas of a table with three rows."""
    found = []
    for n in (1, 2, 3):
        connection = apsw.Connection(str(folder / f"{n}.db"))
        connection.execute(f"CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, v {declared}, other)")
        connection.close()
        found.append(Replica.open(folder / f"{n}.db", now=Clock(START_MS + n)))
        found[-1].enable("t", types={"v": kind} if kind != "lww" else {}, granularity=granularity)
    value = "'[1, 2]'" if declared == DOCUMENTS else "5"
    write(found[0], f"INSERT INTO t VALUES ('x', {value}, 'o'), ('y', NULL, 'o'), ('z', {value}, 'o')")
    come_to_rest(found)
    return found


def check_equal(replicas: list[Replica]) -> None:
    """Check that replicas with the same events hold the same."""
    found = [state.shared(one.connection) for one in replicas]
    assert all(one == found[0] for one in found)


def write_apart(chance: random.Random, replicas: list[Replica], kind: str, declared: str) -> None:
    """Write everywhere, with a few exchanges between."""
    for _ in range(6):
        for one in replicas:
            write_some(chance, one, kind, declared)
        if chance.random() < 0.4:
            send(*chance.sample(replicas, 2))


def merge_in_all_orders(replicas: list[Replica], since: dict[str, int], before: Replica) -> None:
    """Give copies from before what all wrote since, in all orders; then all must be equal."""
    deltas = [one.export(since) for one in replicas]
    come_to_rest(replicas)
    expected = state.shared(replicas[0].connection)
    for order, observer in merged_in_all_orders(before, deltas, Clock()):
        found = state.shared(observer.connection)
        assert found["rows"] == expected["rows"], order
        assert found["vector"] == expected["vector"], order


@pytest.mark.parametrize("granularity", ["column", "row"])
@pytest.mark.parametrize(("declared", "chain"), CHAINS, ids=NAMES)
def test_types_change_and_values_stay(declared: str, chain: tuple[str, ...], granularity: str) -> None:
    """A new type changes no value; afterwards replicas exchange by it, and hold the same in whatever order changes come."""
    for seed in range(2):
        chance = random.Random(f"{seed} {chain} {granularity}")
        with fast_directory() as folder, pytest.MonkeyPatch.context() as patch:
            patch.setenv("CRDTSQL_STATE_DIR", str(folder / "state"))
            replicas = in_memory(
                (declared, chain[0], granularity),
                partial(of_type, declared=declared, kind=chain[0], granularity=granularity),
                *(Clock(START_MS + n) for n in (1, 2, 3)),
            )
            for old, new in pairwise(chain):
                write_apart(chance, replicas, old, declared)
                come_to_rest(replicas)
                check_equal(replicas)
                retype_all(replicas, new)
            since = replicas[0].vector()
            (folder / "before.db").write_bytes(replicas[0].connection.serialize("main"))
            before = Replica.open(folder / "before.db", now=Clock(START_MS + 1))  # a site of its own, like any copy
            for one in replicas:
                write_some(chance, one, chain[-1], declared)
            merge_in_all_orders(replicas, since, before)
            check_equal(replicas)
            for one in (*replicas, before):
                one.close()


def retype_all(replicas: list[Replica], kind: str) -> None:
    """Give the column another type on one replica after the other; in between they refuse each other."""
    shown = rows(replicas[0])
    held = values_of(replicas[0])
    for number, one in enumerate(replicas):
        assert one.set_type("t", "v", kind)
        assert rows(one) == shown
        assert values_of(one) == held
        for other in replicas[number + 1 :]:
            data = one.export(other.vector())
            if not is_empty(data):
                refuses(other, data)
    come_to_rest(replicas)
    check_equal(replicas)
    assert all(rows(one) == shown and values_of(one) == held for one in replicas)


def values_of(one: Replica) -> dict[Any, Any]:
    """Return what all rows hold, deleted ones too."""
    return {
        key: (row.alive, {name: value for name, (value, _) in row.cells.items()})
        for key, row in state.rows(one.connection).items()
    }


def refuses(one: Replica, data: bytes) -> None:
    """Check that a replica refuses a changeset for the types of its columns, and is as it was."""
    content = state.content(one.connection)
    with pytest.raises(SchemaMismatchError, match="column t.v has the type .*nothing was changed"):
        one.merge(data)
    assert state.content(one.connection) == content


@pytest.mark.parametrize(("declared", "chain"), CHAINS, ids=NAMES)
def test_a_backup_from_before_is_refused_until_it_has_the_type(
    tmp_path: Path, declared: str, chain: tuple[str, ...]
) -> None:
    """A file of before a new type refuses, and is refused, with the command to run; once that was run, all are equal."""
    chance = random.Random(f"{chain}")
    replicas = of_type(tmp_path, declared, chain[0], "column")
    write_apart(chance, replicas, chain[0], declared)
    come_to_rest(replicas)
    shutil.copyfile(replicas[1].connection.filename, tmp_path / "kept.db")
    write_apart(chance, replicas, chain[0], declared)
    come_to_rest(replicas)
    retype_all(replicas, chain[1])
    write_apart(chance, replicas, chain[1], declared)
    come_to_rest(replicas)
    kept = Replica.open(tmp_path / "kept.db", now=Clock(START_MS + 4))
    write(kept, "INSERT OR REPLACE INTO t VALUES ('w', NULL, 'kept')")
    write(replicas[0], "INSERT OR REPLACE INTO t VALUES ('v', NULL, 'new')")
    refuses(kept, replicas[0].export(kept.vector()))
    refuses(replicas[0], kept.export(replicas[0].vector()))
    assert kept.set_type("t", "v", chain[1])
    everyone = [kept, *replicas]
    come_to_rest(everyone)
    check_equal(everyone)
    assert {row[0] for row in rows(kept)} >= {"v", "w"}
    write_apart(chance, everyone, chain[1], declared)
    come_to_rest(everyone)
    check_equal(everyone)
