"""Random histories in which rows are deleted that others refer to: every reference tells which row its writer meant."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica
from crdtsql.base import DERIVED
from tests.support import seeds
from tests.support.peers import START_MS
from tests.support.settled import assert_settled

SCHEMA = """
CREATE TABLE artist (id INTEGER PRIMARY KEY, tag TEXT, boss INTEGER REFERENCES artist (id), meant TEXT);
CREATE TABLE album (id INTEGER PRIMARY KEY, tag TEXT, artist INTEGER REFERENCES artist ON DELETE SET NULL, meant TEXT);
CREATE TABLE credit (
  artist INTEGER NOT NULL REFERENCES artist (id), album INT NOT NULL REFERENCES album ON DELETE CASCADE, meant, meant_too,
  PRIMARY KEY (album, artist)
) WITHOUT ROWID;
"""
WRONG = """
SELECT 'boss', row.tag FROM artist AS row JOIN artist AS other ON other.id = row.boss WHERE other.tag <> row.meant
UNION ALL
SELECT 'album', row.tag FROM album AS row JOIN artist AS other ON other.id = row.artist WHERE other.tag <> row.meant
UNION ALL
SELECT 'artist of credit', row.meant FROM credit AS row JOIN artist AS other ON other.id = row.artist
WHERE other.tag <> row.meant
UNION ALL
SELECT 'album of credit', row.meant_too FROM credit AS row JOIN album AS other ON other.id = row.album
WHERE other.tag <> row.meant_too
"""
BIRTHS = """
SELECT born.k1, born.born_t, site.id, born.root_t, root.id, born.generation, born.was
FROM _crdt_born_{} AS born JOIN _crdt_site AS site ON site.ordinal = born.born_s JOIN _crdt_site AS root ON root.ordinal = born.root_s
ORDER BY born.k1
"""


def write(replica: Replica, rng: random.Random, numbers: Iterator[int]) -> None:
    """Let a program write one row, or a few under the number of a row that lost another one and next to it."""
    connection = replica.connection

    def some(table: str) -> Any:
        found = connection.execute(f"SELECT id, tag FROM {table} ORDER BY id").fetchall()
        return rng.choice([*found, (None, None)])

    what = rng.randrange(8)
    table, column = rng.choice([("artist", "boss"), ("album", "artist")])
    (other, meant), (row, _) = some("artist"), some(table)
    if what < 3:
        derived = connection.execute(f"SELECT k1 FROM _crdt_born_{table} WHERE k1 >= {DERIVED} ORDER BY k1").fetchall()
        chosen = [rng.randrange(1, 5)]
        if derived and rng.random() < 0.4:
            first = rng.choice(derived)[0]
            chosen = rng.sample((first, first + 1, first + 2), rng.choice((1, 2, 3)))
            if rng.random() < 0.5:
                connection.execute(f"DELETE FROM {table} WHERE id BETWEEN ? AND ?", (min(chosen), max(chosen)))
                if table == "artist" and other is not None and min(chosen) <= other <= max(chosen):
                    other, meant = None, None
        for number in chosen:
            there = connection.execute(f"SELECT tag FROM {table} WHERE id = ?", (number,)).fetchall()
            tag = there[0][0] if there else f"{table[:2]}{next(numbers)}"
            connection.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?)", (number, tag, other, meant))
    elif what < 5:
        connection.execute(f"UPDATE {table} SET {column} = ?, meant = ? WHERE id = ?", (other, meant, row))
    elif what < 6:
        connection.execute(f"DELETE FROM {table} WHERE id = ?", (row,))
    else:
        album, meant_too = some("album")
        if other is not None and album is not None:
            connection.execute("INSERT OR REPLACE INTO credit VALUES (?, ?, ?, ?)", (other, album, meant, meant_too))
    replica.fold()


def state_of(replica: Replica) -> list[Any]:
    """Return the tables, the renumbered rows and the births."""
    found = [
        replica.connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall()
        for table in ("artist", "album", "credit", "crdt_renumbered")
    ]
    return found + [replica.connection.execute(BIRTHS.format(table)).fetchall() for table in ("artist", "album")]


@pytest.mark.parametrize("seed", seeds.chosen(16))
def test_references_lead_to_the_rows_that_were_meant(tmp_path: Path, seed: int) -> None:
    """With rows deleted, held, shown again and numbers used again everywhere, no reference ever leads to another row."""
    rng, clock, sites, numbers = random.Random(seed), count(START_MS), count(1), count(1)
    replicas = []
    for number in range(3):
        connection = apsw.Connection(str(tmp_path / f"{number}.db"))
        connection.execute(SCHEMA)
        if number == 0 and seed % 2:
            connection.execute("INSERT INTO artist VALUES (1, 'g1', NULL, NULL), (2, 'g2', 1, 'g1')")
        connection.close()
        make_site = lambda: rng.randbytes(15) + bytes([next(sites)])  # noqa: E731
        replicas.append(Replica.open(tmp_path / f"{number}.db", now=lambda: next(clock), make_site=make_site))
        replicas[-1].enable(all=True)
    for _ in range(50):
        replica, other = rng.sample(replicas, 2)
        if rng.random() < 0.3:
            replica.merge(other.export(replica.vector()))
        else:
            write(replica, rng, numbers)
        assert replica.connection.execute(WRONG).fetchall() == []
        assert_settled(replica)
    for _ in range(2):
        for replica in rng.sample(replicas, 3):
            for other in rng.sample(replicas, 3):
                if other is not replica:
                    replica.merge(other.export(replica.vector()))
    for replica in replicas:
        assert replica.connection.execute(WRONG).fetchall() == []
        assert replica.connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert state_of(replica) == state_of(replicas[0])
    for replica in replicas:
        replica.close()
