"""Stamps of a log's entries: read in chunks, cut into pieces, with clocks that go back, run ahead and stand still."""

from __future__ import annotations

import random

import apsw
import pytest

from crdtsql.base import Sql
from crdtsql.fold import pieces
from crdtsql.fold.pieces import Piece
from crdtsql.store import Logged, logged
from tests.support.library import connect

NOW_MS = 1_790_000_000_000
JULIAN_DAY_MS = 86_400_000


def filled(chance: random.Random, aged: bool) -> apsw.Connection:
    """Make a log with gaps, whose clocks jump; of the entries after the middle some were written by triggers of an older format."""
    connection = connect()
    connection.execute("CREATE TABLE _crdt_log (seq INTEGER PRIMARY KEY, at, op, tbl, detail, old, new, k1)")
    seq, ms = chance.randrange(1, 9), NOW_MS - 2_000
    for number in range(60):
        seq += chance.choice([1, 1, 1, 1, 3])
        ms += chance.choice([0, 0, 0, 1, 1, 7, -50, 400])
        at: float = (ms << 20) + chance.getrandbits(20)
        if aged and number > 30 and chance.random() < 0.5:
            at = ms / JULIAN_DAY_MS + 2440587.5
        connection.execute("INSERT INTO _crdt_log (seq, at, k1) VALUES (?, ?, ?)", (seq, at, number))
    return connection


@pytest.mark.parametrize("seed", range(12))
def test_stamps_rise_with_the_log_and_with_the_clocks_of_its_writers(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hlc is the entry before and one more, or the writer's time if that is later; a time ahead of who folded first is cut."""
    monkeypatch.setattr(logged, "CHUNK", 7)
    chance = random.Random(seed)
    connection = filled(chance, aged=seed % 3 == 0)
    entries = connection.execute(f"SELECT seq, {Logged.written_ms()} FROM _crdt_log ORDER BY seq").fetchall()
    seqs = [seq for seq, _ in entries]
    cuts = sorted(chance.sample(seqs, chance.randrange(3)))
    parts = [Piece(2 + place, NOW_MS - 500 * place, cut) for place, cut in enumerate(cuts)] + [Piece(1, NOW_MS)]
    clock, expected = (NOW_MS - chance.choice([5_000, 1_800])) << 16, []
    latest = clock + seqs[0] - 1
    for seq, ms in entries:
        part = next(part for part in parts if part.last is None or seq <= part.last)
        latest = max(latest + seq - (expected[-1][0] if expected else seqs[0] - 1), min(ms, part.now_ms) << 16)
        expected.append((seq, latest, part.site))
    read = Logged.read(connection)
    assert list(read.seqs) == seqs
    assert read.is_whole(connection)
    with pieces.EVENT.created(connection, log_keys=Sql("k1")):
        stamped = pieces.stamp(connection, Sql("k1"), read, parts, clock)
        assert connection.execute("SELECT seq, hlc, s FROM temp._crdt_event ORDER BY seq").fetchall() == expected
    for site, first, last in stamped.spans:
        found = [hlc for _, hlc, owner in expected if owner == site]
        assert (first, last) == (found[0], found[-1])
