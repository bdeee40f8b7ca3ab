"""Changesets with a correct checksum and hostile parts of typed cells."""

from __future__ import annotations

import os
from collections.abc import Iterator

import apsw
import pytest

from crdtsql import Replica
from crdtsql.base.errors import ChangesetError, CrdtsqlError
from tests.support import state
from tests.support.forge import as_image, with_header, with_sql
from tests.support.peers import fast_directory
from tests.support.victim import victim_of

SCHEMA = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, n INTEGER DEFAULT 0, s TEXT, m TEXT, r, x REAL, b TEXT)"
TYPES = {"n": "counter", "s": "set", "m": "map", "r": "register", "x": "grow-counter", "b": "max"}
"""The columns stand in this order: n is 0, s 1, m 2, r 3, x 4, b 5."""


@pytest.fixture(scope="module", params=["rows", "image"])
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[bytes, bytes]]:
    """Give a serialized victim and a valid changeset for it, in either format, in which every type has parts."""
    os.environ["CRDTSQL_STATE_DIR"] = str(tmp_path_factory.mktemp("state"))
    with fast_directory() as folder:
        connection = apsw.Connection(str(folder / "a.db"))
        connection.execute(SCHEMA)
        connection.execute("""INSERT INTO t VALUES ('k', 1, '["a","b"]', '{"a":1,"b":{"c":2}}', 'old', 1.5, 'a')""")
        connection.close()
        with Replica.open(folder / "a.db") as victim:
            victim.enable("t", types=TYPES)
            with victim.clone(folder / "b.db") as peer, victim.clone(folder / "c.db") as third:
                change = "UPDATE t SET n = n + 2, s = json_insert(s, '$[#]', ?), m = json_set(m, '$.b.d', ?), r = ?, x = x + 1, b = ?"
                for replica, word in ((peer, "p"), (third, "q")):
                    replica.connection.execute(change, (word, word, word, word))
                peer.connection.execute("""INSERT INTO t VALUES ('new', 5, '["x"]', '{"x":1}', 'new', 0.5, 'n')""")
                peer.merge(third.export(peer.vector()))
                peer.connection.execute("UPDATE t SET n = n + 1, s = json_remove(s, '$[0]')")
                data = peer.export(victim.vector())
            yield victim.connection.serialize("main"), data if request.param == "rows" else as_image(data)


def test_the_scene_is_valid(scene: tuple[bytes, bytes]) -> None:
    """The changeset that is forged below is taken as it is."""
    victim = victim_of(scene)
    assert not victim.merge(scene[1]).known
    assert victim.connection.execute("SELECT n, s FROM t WHERE id = 'k'").fetchone() == (6, '["b","p","q"]')


HOSTILE = {
    "a part of a column that is not there": "UPDATE part_1 SET col = 6 WHERE col = 5",
    "a negative column": "UPDATE part_1 SET col = -1 WHERE col = 5",
    "a part of a row that is not there": "UPDATE part_1 SET k1 = 'nobody' WHERE col = 0",
    "no whole among the parts": "DELETE FROM part_1 WHERE col = 1 AND part = ''",
    "an event that the sender does not cover": "UPDATE part_1 SET t = t + (1 << 40) WHERE part = '+'",
    "an event number 0": "UPDATE part_1 SET t = 0 WHERE part = '+'",
    "a site that is not there": "UPDATE part_1 SET s = 99 WHERE part = '+'",
    "a total that is text": "UPDATE part_1 SET v = 'much' WHERE part = '+'",
    "a total that is a blob": "UPDATE part_1 SET v = x'00' WHERE part = '+'",
    "a total that is NULL": "UPDATE part_1 SET v = NULL WHERE part = '+'",
    "a total that is infinite": "UPDATE part_1 SET v = 9e999 WHERE part = '+' AND col = 4",
    "a total that is no number": "UPDATE part_1 SET v = 'fp' WHERE part = '+' AND col = 0",
    "a total of more than all counters together": "UPDATE part_1 SET v = '1p1089' WHERE part = '+' AND col = 0",
    "a total less than all reals": "UPDATE part_1 SET v = '1p-1075' WHERE part = '+' AND col = 4",
    "a total whose power is huge": "UPDATE part_1 SET v = '1p999999999' WHERE part = '+'",
    "a total that an integer holds": "UPDATE part_1 SET v = '3p0' WHERE part = '+' AND col = 0",
    "a total that is even": "UPDATE part_1 SET v = '2p64' WHERE part = '+' AND col = 0",
    "a total in capitals": "UPDATE part_1 SET v = 'FFFFFFFFFFFFFFFFFFFFFF' || 'p1' WHERE part = '+' AND col = 0",
    "a total with zeros before it": "UPDATE part_1 SET v = '01p64' WHERE part = '+' AND col = 0",
    "a total with a sign too many": "UPDATE part_1 SET v = '--1p64' WHERE part = '+' AND col = 0",
    "a total with NUL": "UPDATE part_1 SET v = '1p64' || char(0) WHERE part = '+' AND col = 0",
    "a total with an odd digit": "UPDATE part_1 SET v = '1p6' || char(1636) WHERE part = '+' AND col = 0",
    "a total of megabytes": "UPDATE part_1 SET v = hex(zeroblob(1000000)) || '1p64' WHERE part = '+' AND col = 0",
    "a base beyond all reals": "UPDATE part_1 SET v = '1p1030' WHERE part = '' AND col = 4",
    "a base near infinity": "UPDATE part_1 SET v = 1.75e308 WHERE part = '' AND col = 4",
    "a base that is no total": "UPDATE part_1 SET v = '1p64' WHERE part = '' AND col = 0",
    "a value beyond the range": "UPDATE row_1 SET v0 = 4611686018427387905 WHERE k1 = 'new'",
    "a base that is text": "UPDATE part_1 SET v = 'x' WHERE part = '' AND col = 0",
    "a total seen of no site": "INSERT INTO part_1 SELECT k1, 0, 'me', s, t, NULL, 1, 1 FROM part_1 WHERE part = '' AND col = 0 LIMIT 1",
    "a total seen in the future": "INSERT INTO part_1 SELECT k1, 0, '00112233445566778899aabbccddeeff', s, t, NULL, 1, t + (1 << 40) FROM part_1 WHERE part = '' AND col = 0 LIMIT 1",
    "an element that is no JSON": "UPDATE part_1 SET part = 'x' WHERE col = 1 AND part <> ''",
    "an element that is an array": "UPDATE part_1 SET part = '[1]' WHERE col = 1 AND part = '\"p\"'",
    "an element with spaces": "UPDATE part_1 SET part = ' 1 ' WHERE col = 1 AND part = '\"p\"'",
    "an element with a value": "UPDATE part_1 SET v = 1 WHERE col = 1 AND part <> ''",
    "a whole set that is none": "UPDATE part_1 SET v = '{}' WHERE col = 1 AND part = ''",
    "a whole that is gone": "UPDATE part_1 SET gone = 1 WHERE part = ''",
    "gone is 2": "UPDATE part_1 SET gone = 2 WHERE gone = 1",
    "a path that is no JSON": "UPDATE part_1 SET part = 'a' WHERE col = 2 AND part <> ''",
    "a path of numbers": "UPDATE part_1 SET part = '1,2' WHERE col = 2 AND part <> ''",
    "a path that leaves its brackets": "UPDATE part_1 SET part = '\"a\"],[\"b\"' WHERE col = 2 AND part <> ''",
    "a leaf that is no JSON": "UPDATE part_1 SET v = '}{' WHERE col = 2 AND part <> ''",
    "a leaf that is a number of SQLite's": "UPDATE part_1 SET v = 1 WHERE col = 2 AND part <> ''",
    "a register with elements": "UPDATE part_1 SET part = '+' WHERE col = 3",
    "a part that is a blob": "UPDATE part_1 SET part = x'00' WHERE col = 1 AND part <> ''",
    "a value that is no set": "UPDATE row_1 SET v1 = 'no set' WHERE k1 = 'new'",
    "a value that is no map": "UPDATE row_1 SET v2 = '[]' WHERE k1 = 'new'",
    "a value that is no number": "UPDATE row_1 SET v0 = 'x' WHERE k1 = 'new'",
    "a real number in an integer counter": "UPDATE row_1 SET v0 = 1.5 WHERE k1 = 'new'",
    "an integer in a real counter": "UPDATE row_1 SET v4 = 1 WHERE k1 = 'new'",
}  # fmt: skip
OF_AN_IMAGE = {
    "a NULL part": "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'part TEXT NOT NULL', 'part TEXT') WHERE name = 'part_1'",
    "an index on parts": "CREATE INDEX extra ON part_1 (v)",
    "no table of parts": "DROP TABLE part_1",
}  # fmt: skip


@pytest.mark.parametrize("script", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_parts_change_nothing(scene: tuple[bytes, bytes], script: str) -> None:
    """Parts that no replica writes are refused with a clear error, and nothing is changed."""
    victim = victim_of(scene)
    before = state.content(victim.connection)
    try:
        forged = with_sql(scene[1], script)
    except apsw.ConstraintError:
        return  # the image's own keys and types can't hold it
    with pytest.raises(CrdtsqlError) as caught:
        victim.merge(forged)
    assert len(str(caught.value).splitlines()) == 1
    assert state.content(victim.connection) == before


def test_totals_of_any_size_are_taken(scene: tuple[bytes, bytes]) -> None:
    """Totals that replicas can come to, each by additions within its range, are taken; the counter shows its limit."""
    for total in ("9223372036854775807", "'1p64'", "'7fffffffffffffffp3'"):
        victim = victim_of(scene)
        victim.merge(with_sql(scene[1], f"UPDATE part_1 SET v = {total} WHERE part = '+' AND col = 0"))
        assert victim.connection.execute("SELECT n, s FROM t WHERE id = 'k'").fetchone() == (1 << 62, '["b","p","q"]')


def test_a_fraction_in_an_integer_counter_is_rounded_and_counted_on(scene: tuple[bytes, bytes]) -> None:
    """A table shows only what can be written there again, whatever the total is: else no program could count in that row any more."""
    victim = victim_of(scene)
    forged = "UPDATE part_1 SET v = 1.5 WHERE (k1, s) = (SELECT k1, s FROM part_1 WHERE part = '+' AND col = 0 ORDER BY k1, s LIMIT 1) AND part = '+' AND col = 0"
    victim.merge(with_sql(scene[1], forged))
    (before,) = victim.connection.execute("SELECT n FROM t WHERE id = 'k'").fetchone()
    assert type(before) is int
    victim.connection.execute("UPDATE t SET n = n + 1")
    victim.export()
    assert victim.connection.execute("SELECT n FROM t WHERE id = 'k'").get == before + 1


@pytest.mark.parametrize("script", OF_AN_IMAGE.values(), ids=OF_AN_IMAGE.keys())
def test_tables_of_parts_of_another_form_change_nothing(scene: tuple[bytes, bytes], script: str) -> None:
    """An image whose tables of parts are not those that its header announces is refused."""
    victim = victim_of(scene)
    before = state.content(victim.connection)
    with pytest.raises(CrdtsqlError):
        victim.merge(with_sql(as_image(scene[1]), script))
    assert state.content(victim.connection) == before


@pytest.mark.parametrize("kind", ["sequence", "", "LWW", "counter'"])
def test_unknown_types_are_refused(scene: tuple[bytes, bytes], kind: str) -> None:
    """A changeset with a type that this version does not know, or that the column does not have here, is refused."""

    def change(header: dict[str, object]) -> None:
        header["tables"][0]["columns"][0]["type"] = kind  # type: ignore[index]

    with pytest.raises(ChangesetError):
        victim_of(scene).merge(with_header(scene[1], change))
