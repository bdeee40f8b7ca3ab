"""Changesets with a correct checksum that say of rows' births what can't be."""

from __future__ import annotations

import os
from collections.abc import Iterator

import apsw
import pytest

from crdtsql import Replica
from crdtsql.base.errors import ChangesetError, InvalidChangesetError
from tests.support import state
from tests.support.forge import as_image, with_header, with_sql
from tests.support.peers import fast_directory
from tests.support.victim import victim_of

SCHEMA = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE TABLE c (id TEXT PRIMARY KEY NOT NULL, t REFERENCES t (id))"
)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[bytes, bytes]]:
    """Give a serialized victim and a valid changeset for it with renumbered, replaced and used numbers."""
    os.environ["CRDTSQL_STATE_DIR"] = str(tmp_path_factory.mktemp("state"))
    with fast_directory() as folder:
        opened = []
        for name in "abc":
            connection = apsw.Connection(str(folder / f"{name}.db"))
            connection.execute(SCHEMA)
            connection.close()
            opened.append(Replica.open(folder / f"{name}.db"))
            opened[-1].enable("t", "c")
        victim, peer, third = opened
        victim.connection.execute("INSERT INTO t VALUES (1, 'mine'), (4, 'mine')")
        for replica in (peer, third):
            replica.connection.execute(
                "INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, 'z'); INSERT INTO c VALUES (hex(randomblob(4)), 1)"
            )
            replica.fold()
        peer.connection.execute("REPLACE INTO t VALUES (2, 'replaced'); DELETE FROM t WHERE id = 3")
        peer.fold()
        peer.connection.execute("INSERT INTO t VALUES (3, 'again')")
        peer.merge(third.export(peer.vector()))
        data = peer.export(victim.vector())
        victim.fold()
        yield victim.connection.serialize("main"), data
        for replica in opened:
            replica.close()


def test_the_scene_is_valid(scene: tuple[bytes, bytes]) -> None:
    """The changeset that is forged below is taken as it is."""
    victim = victim_of(scene)
    victim.merge(scene[1])
    assert victim.connection.execute("SELECT count(*) FROM t").fetchone() == (8,)
    assert victim.connection.execute("PRAGMA foreign_key_check").fetchall() == []


HOSTILE = {
    "a birth of a row that is not there": "INSERT INTO born_2 SELECT 99, born_t, born_s, root_t, root_s, generation, NULL FROM born_2 LIMIT 1",
    "a birth that the vector does not cover": "UPDATE born_2 SET born_t = (SELECT max(born_t) FROM born_2) + (1 << 40)",
    "a birth at the beginning of time": "UPDATE born_2 SET born_t = 0",
    "a birth of an unknown site": "UPDATE born_2 SET born_s = 99",
    "a root that the vector does not cover": "UPDATE born_2 SET root_t = root_t + (1 << 40) WHERE generation",
    "a root that is younger than the row": "UPDATE born_2 SET root_t = born_t + 1 WHERE generation",
    "a number used again without a root": "UPDATE born_2 SET generation = 5 WHERE generation = 0",
    "a root of a first row": "UPDATE born_2 SET generation = 0 WHERE generation",
    "a negative generation": "UPDATE born_2 SET generation = -1",
    "a number that does not follow from the birth": "UPDATE born_2 SET was = was + 1 WHERE was < 3; UPDATE born_2 SET was = 77 WHERE was = 3 AND generation; UPDATE born_2 SET born_t = born_t - 1, root_t = root_t - 1 WHERE was NOTNULL",
    "a number that a row claims and has": "UPDATE born_2 SET was = k1",
    "a key that is no number": "UPDATE row_2 SET k1 = 'seven' WHERE k1 = 2",
    "a key that is a fraction": "UPDATE row_2 SET k1 = 2.5 WHERE k1 = 2",
}
OF_AN_IMAGE = {
    "no births at all": "DROP TABLE born_2",
    "text for a birth": "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'was INTEGER', 'was TEXT') WHERE name = 'born_2'",
}


@pytest.mark.parametrize("script", (HOSTILE | OF_AN_IMAGE).values(), ids=HOSTILE | OF_AN_IMAGE)
def test_hostile_births_in_an_image_are_refused(scene: tuple[bytes, bytes], script: str) -> None:
    """What can't be is refused with a clear error, and nothing is changed."""
    victim = victim_of(scene)
    before = state.content(victim.connection)
    with pytest.raises(InvalidChangesetError):
        victim.merge(with_sql(as_image(scene[1]), script))
    assert state.content(victim.connection) == before


@pytest.mark.parametrize("script", HOSTILE.values(), ids=HOSTILE)
def test_hostile_births_in_rows_are_refused(scene: tuple[bytes, bytes], script: str) -> None:
    """What can't be is refused with a clear error, and nothing is changed."""
    victim = victim_of(scene)
    before = state.content(victim.connection)
    with pytest.raises(InvalidChangesetError):
        victim.merge(with_sql(scene[1], script))
    assert state.content(victim.connection) == before


LIES = {
    "two rows with one birth": "UPDATE row_2 SET t = (SELECT t FROM row_2 WHERE k1 = 1), s = (SELECT s FROM row_2 WHERE k1 = 1) WHERE k1 = 2; DELETE FROM born_2 WHERE k1 = 2",
    "renumbered rows for no reason": "DELETE FROM row_2 WHERE k1 IN (1, 3); DELETE FROM born_2 WHERE k1 NOT IN (SELECT k1 FROM row_2)",
    "rows with each other's numbers": "UPDATE row_2 SET k1 = 10 - k1 WHERE k1 < 10; UPDATE born_2 SET k1 = 10 - k1 WHERE k1 < 10",
    "births forgotten": "DELETE FROM born_2",
}


@pytest.mark.parametrize("script", LIES.values(), ids=LIES)
def test_lies_break_nothing(scene: tuple[bytes, bytes], script: str) -> None:
    """What only the sender can know may be a lie: it is taken as a whole or refused as a whole."""
    victim = victim_of(scene)
    before = state.content(victim.connection)
    try:
        victim.merge(with_sql(scene[1], script))
    except ChangesetError:
        assert state.content(victim.connection) == before
    else:
        assert victim.connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert victim.connection.execute("SELECT count(*) FROM t WHERE v = 'mine'").fetchone() == (2,)


def test_unknown_identities_are_refused(scene: tuple[bytes, bytes]) -> None:
    """An identity that this version does not know is not guessed at."""

    def change(header: dict[str, object]) -> None:
        for table in header["tables"]:  # type: ignore[attr-defined]
            table["identity"] = "guess"

    with pytest.raises(InvalidChangesetError, match="identity"):
        victim_of(scene).merge(with_header(scene[1], change))
