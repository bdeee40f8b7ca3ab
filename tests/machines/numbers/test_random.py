"""Random histories of several replicas whose rows have automatic numbers, against an oracle that knows none."""

from __future__ import annotations

import random
from itertools import count
from pathlib import Path

import apsw
import pytest

from crdtsql import Replica
from tests.machines.numbers.shop import SCHEMA, Shop, Thing, Trade
from tests.support import seeds
from tests.support.peers import START_MS

SEEDS = seeds.chosen(24)


def open_trade(folder: Path, rng: random.Random) -> Trade:
    """Create three or four shops, some with rows that were there before."""
    clock, sites = count(START_MS), count(1)
    before = rng.random() < 0.6
    shops = []
    for number in range(rng.choice([3, 4])):
        path = folder / f"{number}.db"
        connection = apsw.Connection(str(path))
        connection.execute(SCHEMA)
        if before and number == 0:
            connection.execute("INSERT INTO artist VALUES (1, 'g1', 'old', NULL), (3, 'g3', 'old', 1)")
            connection.execute("INSERT INTO album VALUES (2, 'g2', 'old', 3)")
        connection.close()
        replica = Replica.open(
            path, now=lambda: next(clock), make_site=lambda: rng.randbytes(15) + bytes([next(sites)])
        )
        replica.enable(all=True)
        shops.append(Shop(replica))
    trade = Trade(shops, rng)
    if before:
        first, third = Thing("artist", "g1", True), Thing("artist", "g3", True)
        trade.note(shops[0], first, {"name": "old", "boss": None})
        trade.note(shops[0], third, {"name": "old", "boss": first})
        trade.note(shops[0], Thing("album", "g2", True), {"title": "old", "artist": third})
    return trade


def play(folder: Path, seed: int, steps: int = 60) -> None:
    """Play one history and compare all the way."""
    rng = random.Random(seed)
    trade = open_trade(folder, rng)
    try:
        for _ in range(steps):
            shop = trade.step()
            assert shop.found() == shop.expected(trade.order)
        trade.come_to_rest()
        for shop in trade.shops:
            assert shop.found() == shop.expected(trade.order)
            assert shop.rows() == trade.shops[0].rows()
            assert not shop.replica.connection.execute("PRAGMA foreign_key_check").fetchall()
    finally:
        for shop in trade.shops:
            shop.replica.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_keep_their_identity_and_references_follow(tmp_path: Path, seed: int) -> None:
    """Whatever is inserted under one number on several replicas, in whatever order it meets: rows stay apart, and refer to what
    they were made to refer to, at every moment and everywhere."""
    play(tmp_path, seed)
