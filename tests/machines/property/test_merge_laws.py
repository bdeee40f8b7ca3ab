"""The laws of merging, over every kind of value that SQLite can store."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from itertools import count, permutations
from typing import Any

import apsw
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from crdtsql import Replica
from tests.support import state
from tests.support.library import connect
from tests.support.peers import START_MS, is_empty

SCHEMA = """
CREATE TABLE plain (id PRIMARY KEY NOT NULL, a, b) WITHOUT ROWID;
CREATE TABLE named (id TEXT COLLATE NOCASE PRIMARY KEY NOT NULL, a TEXT COLLATE NOCASE, b REAL, c INT);
CREATE TABLE pair (x INTEGER, y BLOB, a NUMERIC, PRIMARY KEY (y, x)) WITHOUT ROWID;
"""
COLUMNS = {"plain": ("a", "b"), "named": ("a", "b", "c"), "pair": ("a",)}
KEYS = {"plain": ("id",), "named": ("id",), "pair": ("x", "y")}
VALUES = (
    "NULL", "0", "1", "1.0", "-0.0", "0.0", "9e999", "-9e999", "9223372036854775807", "-9223372036854775807 - 1",
    "0.1", "1e300", "4.9e-324", "''", "'a'", "'A'", "'a '", "x''", "x'00ff'", "x'61'", "'1'", "CAST(x'ff' AS TEXT)",
    "CAST(x'610062' AS TEXT)", "CAST(x'f09f9880' AS TEXT)", "CAST(x'eda080' AS TEXT)",
    "replace(hex(zeroblob(3000)), '0', 'q')", "zeroblob(1000)",
)  # fmt: skip
KEY_VALUES = {
    "plain": ("1", "1.0", "'1'", "x'31'", "''", "CAST(x'ff' AS TEXT)", "0.5"),
    "named": ("'k'", "'K'", "CAST(x'6b00' AS TEXT)", "CAST(x'ff' AS TEXT)"),
    "pair": ("1, x''", "1, 'a'", "-9223372036854775807 - 1, 1.0", "-9223372036854775807 - 1, 1"),
}


occurred: Counter[str] = Counter()


@dataclass
class Peer:
    """A replica in memory, of empty tables if there is no image of it; its own connection is the user's, too."""

    number: int
    now_ms: int = START_MS
    image: bytes | None = None
    replica: Replica = field(init=False)

    def __post_init__(self) -> None:
        ids = count(1 if self.image is None else 2)
        self.connection = connect() if self.image is None else state.opened(self.image)
        if self.image is None:
            self.connection.execute(SCHEMA)
        self.replica = Replica(
            self.connection,
            now=lambda: self.now_ms,
            make_site=lambda: bytes([255 - self.number, *([0] * 14), next(ids)]),
        )

    def write(self, statement: str) -> None:
        try:
            self.connection.execute(statement)
        except apsw.ConstraintError as error:
            assert "UNIQUE" in str(error)  # the user's statement failed, nothing was written

    def shared(self) -> dict[str, Any]:
        self.replica.vector()
        return state.shared(self.connection)

    def content(self) -> dict[str, Any]:
        self.replica.vector()
        return state.content(self.connection)

    def take(self, *changesets: bytes) -> Peer:
        for data in changesets:
            report = self.replica.merge(data)
            total = report.total
            occurred.update(
                {
                    "a row arrived": total.inserted > 0,
                    "a row changed": total.updated > 0,
                    "a row went": total.deleted > 0,
                    "cells were outlived": total.cells_lost > 0,
                    "concurrent values": total.concurrent > 0,
                    "nothing new": report.known,
                }
            )
        return self


@st.composite
def statements(draw: st.DrawFn) -> str:
    """One statement of some program."""
    table = draw(st.sampled_from(("plain", "plain", "named", "pair")))
    key = draw(st.sampled_from(KEY_VALUES[table]))
    columns = COLUMNS[table]
    names = ", ".join((*KEYS[table], *columns))
    values = ", ".join(draw(st.sampled_from(VALUES)) for _ in columns)
    where = f"({', '.join(KEYS[table])}) = ({key})"
    kind = draw(st.sampled_from(("insert", "replace", "update", "update", "update", "delete", "rekey", "every")))
    if kind == "insert":
        return f"INSERT INTO {table} ({names}) VALUES ({key}, {values})"
    if kind == "replace":
        return f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({key}, {values})"
    if kind == "delete":
        return f"DELETE FROM {table} WHERE {where}"
    if kind == "rekey":
        other = draw(st.sampled_from(KEY_VALUES[table]))
        return f"UPDATE {table} SET ({', '.join(KEYS[table])}) = ({other}) WHERE {where}"
    column, value = draw(st.sampled_from(columns)), draw(st.sampled_from(VALUES))
    return f"UPDATE {table} SET {column} = {value}" + ("" if kind == "every" else f" WHERE {where}")


Step = tuple[str, int, Any]
STEPS = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 3), st.lists(statements(), min_size=1, max_size=4)),
    st.tuples(st.just("send"), st.integers(0, 3), st.integers(0, 3)),
    st.tuples(st.just("wait"), st.integers(0, 3), st.sampled_from((0, 1, 70_000, -3))),
)
HISTORIES = st.tuples(
    st.integers(2, 4),
    st.lists(st.lists(statements(), max_size=3), min_size=4, max_size=4),
    st.lists(STEPS, max_size=14),
)
History = tuple[int, list[list[str]], list[Step]]
run_few = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def peers(history: History) -> list[Peer]:
    """Play a history: rows from before enable, then writes and merges."""
    number, genesis, steps = history
    found = [Peer(n, image=None if before else enabled(n)) for n, before in zip(range(number), genesis, strict=False)]
    for peer, before in zip(found, genesis, strict=False):
        for statement in before:
            peer.write(statement)
        if before:
            peer.replica.enable(*COLUMNS)
    for kind, who, what in steps:
        peer = found[who % number]
        if kind == "write":
            for statement in what:
                peer.write(statement)
        elif kind == "wait":
            peer.now_ms += what
        else:
            other = found[what % number]
            other.take(peer.replica.export(other.replica.vector()))
    return found


@cache
def enabled(number: int) -> bytes:
    """Return the image of a replica that has nothing yet."""
    peer = Peer(number)
    peer.replica.enable(*COLUMNS)
    return peer.connection.serialize("main")


def reader() -> Peer:
    """A replica that has nothing."""
    return Peer(9, now_ms=START_MS + 3_600_000, image=enabled(9))


ROW = "INSERT INTO plain (id, a, b) VALUES (1, 'a', 'b')"
EVERY_SITUATION = (
    2,
    [[ROW], [], [], []],
    [
        ("send", 0, 1),
        ("write", 0, ["UPDATE plain SET a = 1"]),
        ("write", 1, ["UPDATE plain SET a = 2"]),
        ("send", 0, 1),
        ("send", 1, 0),
        ("send", 1, 0),
        ("write", 1, ["DELETE FROM plain"]),
        ("send", 1, 0),
    ],
)
SPELLED_TWICE = (
    2,
    [
        ["INSERT INTO named (id, a, b, c) VALUES ('k', 'a', 1, 1)"],
        ["INSERT INTO named (id, a, b, c) VALUES ('K', 'A', 1.0, 1)"],
        [],
        [],
    ],
    [("send", 0, 1), ("write", 0, ["UPDATE named SET a = 'A'"]), ("send", 1, 0)],
)


@run_few
@given(HISTORIES)
@example(SPELLED_TWICE)
@example(EVERY_SITUATION)
def test_merging_is_commutative(history: History) -> None:
    """Whatever the order in which changesets arrive, the same tables, clocks, heads and held values result."""
    changesets = [peer.replica.export() for peer in peers(history)]
    results = [reader().take(*order).shared() for order in list(permutations(changesets))[:8]]
    assert all(result == results[0] for result in results)


@run_few
@given(HISTORIES)
def test_merging_is_associative(history: History) -> None:
    """It makes no difference which changes were merged with which before."""
    first, second, *rest = peers(history)
    third = rest[0] if rest else reader()
    left, right, other = (peer.replica.export() for peer in (first, second, third))
    pair = reader().take(left, right)
    other_pair = reader().take(right, other)
    assert (
        reader().take(pair.replica.export(), other).shared()
        == reader().take(left, other_pair.replica.export()).shared()
        == reader().take(left, right, other).shared()
    )


@run_few
@given(HISTORIES)
def test_merging_again_changes_nothing(history: History) -> None:
    """A changeset that was merged before changes nothing in the file: no clock, no `seq`, no batch, no note of it."""
    for peer in peers(history):
        changeset = peer.replica.export()
        receiver = reader().take(changeset)
        before = receiver.content()
        assert receiver.replica.merge(changeset).known
        assert peer.replica.merge(changeset).known
        assert receiver.content() == before


@run_few
@given(HISTORIES)
def test_replicas_come_to_rest(history: History) -> None:
    """Replicas that have exchanged everything are equal, have nothing to send, and syncing creates no events."""
    found = peers(history)
    for peer in found:
        peer.now_ms = START_MS + 3_600_000
    for _ in range(2):
        for sender in found:
            for receiver in found:
                receiver.take(sender.replica.export(receiver.replica.vector()))
    shared = [peer.shared() for peer in found]
    everything = [peer.replica.export() for peer in found]
    contents = [peer.content() for peer in found]
    assert all(one == shared[0] for one in shared)
    for sender in found:
        for receiver in found:
            data = sender.replica.export(receiver.replica.vector())
            assert is_empty(data)
            assert receiver.replica.merge(data).known
    assert all(peer.replica.merge(data).known for peer in found for data in everything)
    assert contents == [peer.content() for peer in found]


@run_few
@given(HISTORIES)
def test_small_steps_and_one_big_step_are_the_same(history: History) -> None:
    """A replica that got every change at once holds the same as one that got them as they were made."""
    _, genesis, steps = history
    follower = reader()
    writer = peers((1, genesis, []))[0]
    follower.take(writer.replica.export(follower.replica.vector()))
    for kind, _, what in steps:
        if kind == "write":
            for statement in what:
                writer.write(statement)
            follower.take(writer.replica.export(follower.replica.vector()))
    assert reader().take(writer.replica.export()).shared() == follower.shared() == writer.shared()


def test_every_situation_occurred() -> None:
    """The random histories have met every kind of merge."""
    assert all(occurred.values()), f"never occurred: {[name for name, count in occurred.items() if not count]}"
