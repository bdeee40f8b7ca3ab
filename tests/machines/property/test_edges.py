"""Random writes of values at the edge, in a table whose own expressions fail on some of them: whatever they are, syncs go on.

CRDTSQL_SEEDS=500 runs more of them.
"""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from pathlib import Path
from random import Random

import apsw
import pytest

from crdtsql import Replica, sync
from tests.support import seeds
from tests.support.edges import LITERALS
from tests.support.peers import START_MS, all_equal, exchange, in_memory, read, replica

SEEDS = seeds.chosen(10)
SCHEMA = """
CREATE TABLE t (
  id PRIMARY KEY NOT NULL, v, w, n INTEGER, x REAL, s TEXT, m TEXT, r, hi, num NUMERIC,
  part AS (CASE WHEN w IS NOT NULL AND n > 3 THEN json_extract(v, '$.a') END),
  size AS (CASE WHEN x > 2 THEN abs(num) END) STORED,
  CHECK (w IS NULL OR x IS NULL OR v NOT LIKE w)
);
CREATE UNIQUE INDEX t_part ON t (part, num);
CREATE UNIQUE INDEX t_valid ON t (json_extract(v, '$.a'), w) WHERE json_valid(v) AND w > 0;
CREATE INDEX t_first ON t (CASE WHEN r IS NOT NULL THEN json_extract(v, '$[0]') END);
CREATE TABLE note (what UNIQUE);
CREATE TRIGGER t_in AFTER INSERT ON t BEGIN INSERT INTO note SELECT json(NEW.v) WHERE NEW.num IS NOT NULL; END;
CREATE TRIGGER t_up AFTER UPDATE ON t BEGIN INSERT INTO note SELECT sum(abs(num)) FROM t; END;
CREATE TRIGGER t_out AFTER DELETE ON t BEGIN INSERT INTO note SELECT abs(OLD.num) WHERE OLD.w IS NULL; END;
CREATE TABLE ok (id TEXT PRIMARY KEY NOT NULL);
"""
TYPES = {"n": "counter", "x": "counter", "s": "set", "m": "map", "r": "register", "hi": "max"}
COLUMNS = ("v", "w", "n", "x", "s", "m", "r", "hi", "num")


def replicas() -> list[Replica]:
    """Give three replicas of the table with a few rows."""

    def make(folder: Path) -> list[Replica]:
        first = replica(
            folder / "a.db", SCHEMA + "DROP TRIGGER t_in; DROP TRIGGER t_up; DROP TRIGGER t_out", tables=("ok",), site=1
        )
        first.enable("t", types=TYPES, identity="key")
        for statement in SCHEMA.split("\n"):
            if statement.startswith("CREATE TRIGGER"):
                first.connection.execute(statement)
        first.connection.execute(
            "INSERT INTO t (id, v, n, x, s, m) VALUES (1, '{\"a\": 1}', 0, 0, '[]', '{}'), ('k', NULL, 0, 0, '[]', '{}')"
        )
        first.fold()
        return [first, first.clone(folder / "b.db"), first.clone(folder / "c.db")]

    return in_memory(__name__, make, lambda: START_MS)


def statement(random: Random) -> str:
    """Return a statement of a program."""
    literal = lambda: random.choice(LITERALS)  # noqa: E731
    key = random.choice(("1", "'k'", "'l'", literal()))
    verb = random.choices(("UPDATE", "INSERT OR REPLACE", "INSERT OR IGNORE", "DELETE"), (8, 2, 2, 1))[0]
    if verb == "DELETE":
        return f"DELETE FROM t WHERE id = {key}"
    if verb == "UPDATE":
        chosen = random.sample(COLUMNS, random.choice((1, 1, 2)))
        settings = (
            random.choice((f"{name} = {literal()}", f"{name} = {literal()}", f"{name} = {name} + {literal()}"))
            for name in chosen
        )
        return f"UPDATE OR IGNORE t SET {', '.join(settings)} WHERE id = {key}"
    return f"{verb} INTO t (id, {', '.join(COLUMNS)}) VALUES ({key}, {', '.join(literal() if random.random() < 0.4 else 'NULL' for _ in COLUMNS)})"


@pytest.mark.parametrize("seed", SEEDS)
def test_no_value_stops_a_sync(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    """Every sync goes through, replicas with the same events are equal, and whatever is held, contested or shown can be told."""
    caplog.set_level(logging.CRITICAL, "crdtsql")
    random, every = Random(seed), replicas()
    for step in range(12):
        one, other = random.sample(every, 2)
        for _ in range(random.choice((1, 2, 4))):
            with suppress(apsw.Error):  # the table, or one of its expressions, refuses it on the spot
                one.connection.execute(statement(random))
        one.connection.execute("INSERT INTO ok VALUES (?)", (f"{seed} {step}",))
        if random.random() < 0.6:
            sync(one, other)
    exchange(*every)
    assert all_equal(every)
    assert read(every[0], "SELECT count(*) FROM ok") == [(12,)]
    for one in every[:2]:
        for told in (one.held(deleted=True), one.conflicts(), [one.status(), one.doctor()]):
            assert json.dumps([record.to_json() for record in told], ensure_ascii=False).encode()
