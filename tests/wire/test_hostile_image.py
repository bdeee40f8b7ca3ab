"""Changesets with a correct checksum and a hostile image or header."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Iterator
from typing import Any

import apsw
import pytest

from crdtsql.base import clock
from crdtsql.base.errors import ChangesetError, ClockSkewError, InvalidChangesetError, SchemaMismatchError
from crdtsql.wire.envelope import unpack
from tests.support.forge import Json, as_image, as_rows, seal, unconstrained, with_header, with_image, with_sql
from tests.support.victim import LATER_MS, keep, pair_of, twin

TASK = 2
"""The number of the table task in the changeset: pair is 1, visit 3."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[bytes, bytes]]:
    """Give a serialized victim and a valid changeset for it that has an image."""
    folder = tmp_path_factory.mktemp("image")
    os.environ["CRDTSQL_STATE_DIR"] = str(folder / "state")
    victim, peer = pair_of(folder)
    yield victim.connection.serialize("main"), as_image(peer.export(victim.vector()))
    peer.close()
    victim.close()


def _schema(script: str) -> Callable[[bytes], bytes]:
    return lambda data: with_sql(data, script)


def _header(change: Callable[[Json], Any]) -> Callable[[bytes], bytes]:
    def changed(data: bytes) -> bytes:
        def in_place(header: Json) -> None:
            change(header)

        return with_header(data, in_place)

    return changed


def _utf16(data: bytes) -> bytes:
    def convert(image: bytes) -> bytes:
        old, new = apsw.Connection(":memory:"), apsw.Connection(":memory:")
        old.deserialize("main", image)
        new.execute("PRAGMA encoding = 'UTF-16'")
        for (statement,) in old.execute("SELECT sql FROM sqlite_schema").fetchall():
            new.execute(statement)
        return new.serialize("main")

    return with_image(data, convert)


def _patched(offset: int, value: bytes) -> Callable[[bytes], bytes]:
    return lambda data: with_image(data, lambda image: image[:offset] + value + image[offset + len(value) :])


FORMS = {
    "an extra table": _schema("CREATE TABLE extra (a)"),
    "a view": _schema("CREATE VIEW extra AS SELECT 1"),
    "an endless view": _schema("CREATE VIEW extra AS WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i FROM n) SELECT i FROM n"),
    "a trigger": _schema("CREATE TRIGGER extra AFTER INSERT ON row_1 BEGIN DELETE FROM row_2; END"),
    "an index": _schema("CREATE INDEX extra ON row_1 (t)"),
    "an index without text": _schema("CREATE TABLE extra (a UNIQUE, b UNIQUE); CREATE INDEX more ON extra (a, b)"),
    "a virtual table": _schema("CREATE VIRTUAL TABLE extra USING fts5 (a)"),
    "statistics": _schema("ANALYZE"),
    "a table less": lambda data: with_sql(data, "DROP TABLE head_1", recount=False),
    "other text": _schema("UPDATE sqlite_schema SET sql = replace(sql, 'STRICT', 'strict')"),
    "other types": _schema("UPDATE sqlite_schema SET sql = replace(sql, 'gone INTEGER CHECK (gone = 1)', 'gone')"),
    "no text": _schema("UPDATE sqlite_schema SET sql = NULL WHERE name = 'row_1'"),
    "text that is no text": _schema("UPDATE sqlite_schema SET sql = CAST(sql AS BLOB)"),
    "broken UTF-8": _schema("UPDATE sqlite_schema SET sql = CAST(x'ff' || sql AS TEXT) WHERE name = 'row_1'"),
    "a broken name": _schema("UPDATE sqlite_schema SET name = CAST(x'ff00' AS TEXT) WHERE name = 'row_1'"),
    "another kind": _schema("UPDATE sqlite_schema SET type = 'index' WHERE name = 'row_1'"),
    "a shared root page": _schema("UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'row_1')"),
    "a root page that is not there": _schema("UPDATE sqlite_schema SET rootpage = 4000000 WHERE name = 'row_1'"),
    "a doubled table": _schema("INSERT INTO sqlite_schema SELECT * FROM sqlite_schema WHERE name = 'row_1'"),
    "UTF-16": _utf16,
    "WAL mode": _patched(18, b"\2\2"),
    "a future file format": _patched(18, b"\7\7"),
    "another page size": _patched(16, b"\x02\x00"),
    "more pages than there are": _patched(28, b"\x7f\xff\xff\xff"),
    "a freelist of itself": _patched(32, struct.pack(">II", 1, 1)),
    "no database": lambda data: with_image(data, lambda image: bytes(len(image))),
    "an empty image": lambda data: with_image(data, lambda image: b""),
    "a cut image": lambda data: with_image(data, lambda image: image[: len(image) // 2]),
    "an image and a half": lambda data: with_image(data, lambda image: image + image[: len(image) // 2]),
}  # fmt: skip


@pytest.mark.parametrize("what", FORMS)
def test_an_image_of_another_form_is_refused(scene: tuple[bytes, bytes], what: str) -> None:
    """An image that is not exactly the database that its header announces is refused."""
    error = keep(twin(scene[0]), FORMS[what](scene[1]))
    if error is None:
        assert what in ("UTF-16", "an image and a half")
    else:
        assert isinstance(error, InvalidChangesetError)


FUTURE = clock.from_ms(10_413_792_000_000)
LATER = clock.from_ms(LATER_MS + 250_000)
ROWS = {
    "a key twice": "INSERT INTO row_2 SELECT * FROM row_2 WHERE k1 = 't4'",
    "a known key twice": "INSERT INTO row_2 SELECT * FROM row_2 WHERE k1 = 't2'",
    "a key twice but for its spelling":
        "INSERT INTO row_1 SELECT k1, upper(k2), t, s, dot_t, dot_s, gone, many, p0, v0, t0, s0 FROM row_1",
    "a NULL key": "UPDATE row_2 SET k1 = NULL WHERE k1 = 't4'",
    "a stamp beyond the vector": f"UPDATE row_2 SET t = {LATER}",
    "a far future stamp": f"UPDATE row_2 SET t = {FUTURE}",
    "a latest event beyond the vector": f"UPDATE row_2 SET dot_t = {LATER}, dot_s = s",
    "a cell beyond the vector": "UPDATE row_2 SET t0 = (SELECT max(t, ifnull(dot_t, 0)) + 100 FROM row_2), s0 = 1",
    "a stamp of zero": "UPDATE row_2 SET t = 0",
    "a cell stamp of zero": "UPDATE row_2 SET t0 = 0, s0 = 1",
    "the lowest stamp": "UPDATE row_2 SET t = -9223372036854775808",
    "the highest stamp": "UPDATE row_2 SET t = 9223372036854775807",
    "a genesis of the future": f"UPDATE row_2 SET t = {LATER} - 4611686018427387904",
    "site 0": "UPDATE row_2 SET s = 0",
    "a site that is not listed": "UPDATE row_2 SET s = 99",
    "a negative site": "UPDATE row_2 SET dot_s = -1",
    "half a stamp": "UPDATE row_2 SET dot_t = NULL, dot_s = 1",
    "half a cell stamp": "UPDATE row_2 SET t0 = 5, s0 = NULL",
    "text for a stamp": "UPDATE row_2 SET t = 'x'",
    "a real for a stamp": "UPDATE row_2 SET t = 1.5",
    "gone of another kind": "UPDATE row_2 SET gone = 7",
    "many without heads": "UPDATE row_2 SET many = 1; DELETE FROM head_2",
    "heads without many": "UPDATE row_2 SET many = NULL",
    "heads of no row": "INSERT INTO head_2 SELECT 'nobody', s, t, gone FROM row_2 LIMIT 1",
    "the same head twice": "INSERT INTO head_2 SELECT * FROM head_2",
    "two heads of one site": "INSERT INTO head_2 SELECT k1, s, t - 1, 1 FROM head_2",
    "a head that is the row's own":
        "INSERT INTO head_2 SELECT k1, ifnull(dot_s, s), ifnull(dot_t, t), NULL FROM row_2; UPDATE row_2 SET many = 1",
    "a head beyond the vector": f"INSERT INTO head_2 SELECT k1, s, {LATER}, NULL FROM row_2; UPDATE row_2 SET many = 1",
    "a head of no site": "INSERT INTO head_2 SELECT k1, 77, t, 1 FROM row_2; UPDATE row_2 SET many = 1",
    "a head without a key": "INSERT INTO head_2 SELECT NULL, s, t, 1 FROM row_2",
    "merged beyond the vector": f"INSERT INTO merged VALUES (1, 2, {LATER}, 5)",
    "merged up to beyond the vector": f"INSERT INTO merged SELECT 1, 2, 3, {LATER}",
    "merged of no site": "INSERT INTO merged VALUES (50, 51, 5, 5)",
    "merged with itself": "INSERT INTO merged SELECT 1, 1, 4, 3",
    "merged with zero": "INSERT INTO merged VALUES (1, 2, 0, 0)",
    "a negative rowid": "UPDATE row_2 SET rowid = -5 WHERE k1 = 't4'",
    "a huge rowid": "UPDATE row_2 SET rowid = 9223372036854775807 WHERE k1 = 't4'",
    "a mask of all bits": "UPDATE row_2 SET p0 = -1",
    "a mask of no bits": "UPDATE row_2 SET p0 = 0",
    "a mask that is text": "UPDATE row_2 SET p0 = 'all'",
    "rows that are gone and have no value": "UPDATE row_2 SET gone = 1, v0 = NULL, v1 = NULL",
    "text for a number": "UPDATE row_2 SET v1 = 'many'",
    "a blob for text": "UPDATE row_2 SET v0 = x'00ff'",
    "text that is not UTF-8": "UPDATE row_2 SET v0 = CAST(x'fffe41' AS TEXT)",
    "a key that is not UTF-8": "UPDATE row_2 SET k1 = CAST(x'fffe41' AS TEXT) WHERE k1 = 't4'",
    "a NUL in text": "UPDATE row_2 SET v0 = 'a' || char(0) || 'b'",
    "NULL for a value that must not be": "UPDATE row_2 SET v0 = NULL",
    "a value that fails its CHECK": "UPDATE row_2 SET v1 = 1000000",
    "an integer too large to add": "UPDATE row_2 SET v2 = 9223372036854775807",
    "infinity": "UPDATE row_2 SET v2 = 9e999, v0 = -9e999",
    "a key of another type": "UPDATE row_2 SET k1 = x'00ff' WHERE k1 = 't4'",
    "text for an integer key": "UPDATE row_3 SET k1 = 'nine' WHERE k1 = 9",
    "a real for an integer key": "UPDATE row_3 SET k1 = 9.5 WHERE k1 = 9",
    "text for a STRICT integer key": "UPDATE row_1 SET k1 = 'one'",
    "a duplicate UNIQUE value": "UPDATE row_2 SET v3 = 'a@x'",
    "a child without a parent": "UPDATE row_3 SET v0 = 'nobody'",
    "no rows": "DELETE FROM row_1; DELETE FROM row_2; DELETE FROM row_3; DELETE FROM head_1; DELETE FROM head_2; DELETE FROM head_3",
}  # fmt: skip
ACCEPTABLE = {
    "a mask of all bits", "a mask of no bits", "rows that are gone and have no value", "text that is not UTF-8",
    "a key that is not UTF-8", "a NUL in text", "a blob for text", "a key of another type", "an integer too large to add",
    "infinity", "no rows", "a real for an integer key", "a genesis of the future",
}  # fmt: skip
"""What a user of the sender could have written, or what a sender may say; the rest must be refused."""
HELD = {
    "text for a number", "NULL for a value that must not be", "a value that fails its CHECK", "text for an integer key",
    "a duplicate UNIQUE value", "a child without a parent",
}  # fmt: skip
"""What the receiver's constraints do not allow: the rows are held."""


ONLY_IN_AN_IMAGE = {"a negative rowid", "a huge rowid", "text that is not UTF-8", "a key that is not UTF-8"}
"""What rows can't say."""


@pytest.mark.parametrize(
    ("format_", "what"),
    [("image", what) for what in ROWS] + [("rows", what) for what in ROWS if what not in ONLY_IN_AN_IMAGE],
)
@pytest.mark.parametrize("edit", [with_sql, unconstrained], ids=["by SQL", "by hand"])
def test_wrong_rows_are_refused(
    scene: tuple[bytes, bytes], format_: str, what: str, edit: Callable[[bytes, str], bytes]
) -> None:
    """Rows that no sender can have are refused, those that break a constraint are held; the receiver stays sound."""
    try:
        data = edit(scene[1] if format_ == "image" else as_rows(scene[1]), ROWS[what])
    except apsw.Error:
        pytest.skip("SQLite itself does not let this be written")
    receiver = twin(scene[0])
    error = keep(receiver, data)
    assert error is None or isinstance(error, ChangesetError), error
    if what in HELD:
        assert error is None
        assert receiver.held()
    elif what not in ACCEPTABLE:
        assert error is not None


@pytest.mark.parametrize("old", [1.5, -0.25], ids=["a value", "a key"])
def test_a_value_that_is_not_a_number_does_no_harm(scene: tuple[bytes, bytes], old: float) -> None:
    """A NaN in the image's bytes, which SQLite reads as NULL, is refused or stored as NULL."""
    column = "v2" if old == 1.5 else "k1"
    data = unconstrained(scene[1], f"UPDATE row_2 SET {column} = 1234.5678 WHERE k1 = 't4'")
    nan = struct.pack(">d", float("nan"))
    spoiled = with_image(data, lambda image: image.replace(struct.pack(">d", 1234.5678), nan))
    assert spoiled != data
    victim = twin(scene[0])
    error = keep(victim, spoiled)
    assert isinstance(error, InvalidChangesetError) or (old == 1.5 and error is None)


@pytest.mark.parametrize("encoding", [0, 2, 3, 4, 5, 65536, 65537])
@pytest.mark.parametrize(
    "filler", ["", "UPDATE row_2 SET v0 = hex(randomblob(12000000)) WHERE k1 = 't4'"], ids=["small", "large"]
)
def test_another_text_encoding_is_refused(scene: tuple[bytes, bytes], filler: str, encoding: int) -> None:
    """An image that says that its text is not UTF-8, in whatever way, does no harm to the connection that reads it."""
    honest = with_sql(scene[1], filler) if filler else scene[1]
    spoiled = with_image(honest, lambda image: image[:56] + encoding.to_bytes(4, "big") + image[60:])
    victim = twin(scene[0])
    for _ in range(2):
        assert isinstance(keep(victim, spoiled), InvalidChangesetError)
    assert keep(victim, honest) is None


def test_a_large_image_is_checked_too(scene: tuple[bytes, bytes]) -> None:
    """An image that is unfolded to a file is refused for the same reasons, and leaves no file behind."""
    filler = "UPDATE row_2 SET v0 = hex(randomblob(12000000)) WHERE k1 = 't4';"
    assert keep(twin(scene[0]), with_sql(scene[1], filler)) is None
    for script in (
        "CREATE VIEW extra AS SELECT 1",
        "UPDATE row_2 SET t = 'x'",
        "INSERT INTO row_2 SELECT * FROM row_2",
    ):
        assert isinstance(keep(twin(scene[0]), unconstrained(scene[1], filler + script)), ChangesetError)
    wal = with_image(with_sql(scene[1], filler), lambda image: image[:18] + b"\2\2" + image[20:])
    keep(twin(scene[0]), wal)


def _deep(depth: int) -> Callable[[bytes], bytes]:
    def nested(data: bytes) -> bytes:
        return seal(b"[" * depth + b"]" * depth, b"")

    return nested


def _raw(head: bytes) -> Callable[[bytes], bytes]:
    return lambda data: seal(head, b"x")


def _site(**values: Any) -> Callable[[bytes], bytes]:
    return _header(lambda header: header["sites"][0].update(values))


def _table(**values: Any) -> Callable[[bytes], bytes]:
    return _header(lambda header: header["tables"][TASK - 1].update(values))


COLUMNS = [{"name": name, "type": "lww"} for name in ("title", "n", "x", "mail")]
WRONG = (None, True, -1, 1.5, 1e999, "1", [], {}, [1], 10**30, 2**63, 2**62, "\ud800", "a\0b", "x" * 1_000_000)
HEADERS = {
    "no JSON": _raw(b"{"),
    "not UTF-8": _raw(b'{"a": "\xff"}'),
    "a list": _raw(b"[]"),
    "a number": _raw(b"7"),
    "null": _raw(b"null"),
    "empty": _raw(b""),
    "an empty object": _raw(b"{}"),
    "deep": _deep(100_000),
    "a very long number": _raw(b'{"created_ms": ' + b"9" * 100_000 + b"}"),
    "a BOM": _raw(b"\xef\xbb\xbf{}"),
    "UTF-16": _raw('{"a": 1}'.encode("utf-16")),
    "a site twice": _header(lambda header: header["sites"][1].update(id=header["sites"][0]["id"])),
    "an ordinal twice": _header(lambda header: header["sites"][1].update(ordinal=1)),
    "no sites": _header(lambda header: header.update(sites=[])),
    "more needed than given": _site(needs=2**61),
    "a site of the year 2300": _site(upto=FUTURE),
    "a table twice": _header(lambda header: header["tables"].append(header["tables"][0])),
    "a table more": _header(lambda header: header["tables"].append(header["tables"][0] | {"name": "more"})),
    "a table less": _header(lambda header: header["tables"].pop()),
    "no key": _table(key=[]),
    "another key": _table(key=["title"], columns=[{"name": "id", "type": "lww"}, *COLUMNS[1:]]),
    "a longer key": _table(key=["id", "more"]),
    "a key column twice": _table(key=["id", "ID"]),
    "a column twice": _table(columns=[*COLUMNS[:3], COLUMNS[0]]),
    "a generated column": _table(columns=[*COLUMNS[:3], {"name": "loud", "type": "lww"}]),
    "an unknown type": _table(columns=[*COLUMNS[:3], {"name": "mail", "type": "counter"}]),
    "3000 columns": _table(columns=[{"name": f"c{n}", "type": "lww"} for n in range(3000)]),
    "1900 columns": _table(columns=[{"name": f"c{n}", "type": "lww"} for n in range(1900)]),
    "a wrong number of rows": _table(rows=1),
    "a wrong number of gone rows": _table(gone=7),
    "an unknown row policy": _table(row_policy="last-wins"),
    "another row policy": _table(row_policy="delete-wins"),
    "another granularity": _table(granularity="row"),
    "a positive genesis": _table(genesis=[5, 1]),
    "a genesis of no site": _table(genesis=[-5, 9]),
    "a genesis too low": _table(genesis=[-(2**62), 1]),
    "a genesis of the future": _table(genesis=[LATER - 2**62, 1]),
    **{
        f"table {name!r}": _table(name=name)
        for name in (
            "sqlite_master", "sqlite_schema", "sqlite_sequence", "_crdt_meta", "_crdt_site", "_crdt_clock_task",
            "_crdt_held_task", "crdt_conflicts", "mine", "", "t" * 9_000,
        )
    },
    **{f"table {value!r:.20}": _table(name=value) for value in WRONG if value != "1"},
    **{f"upto {value!r:.20}": _site(upto=value) for value in WRONG},
    **{f"id {value!r:.20}": _site(id=value) for value in (*WRONG, "G" * 32, "A" * 32, "0" * 31)},
    **{f"{name} {value!r:.20}": _header(lambda h, n=name, v=value: h.update({n: v}))
       for name in ("sites", "tables", "sender") for value in WRONG},  # type: ignore[misc]
    **{f"{name} {value!r:.20}": _table(**{name: value})
       for name in ("key", "columns", "rows", "gone", "row_policy", "granularity") for value in WRONG},
    **{f"genesis {value!r:.20}": _table(genesis=value)
       for value in (*WRONG[1:], [1, 2, 3], ["a", "b"], {"a": 1, "b": 2}, "ab", [None, None])},
    **{f"references {value!r:.40}": _table(references=value)
       for value in (
           None, 1, "ab", {}, [1], [[]], ["abc"], [["n", "task", "x"]], [[["title"], "task", []]], [[[], "task", []]],
           [[["no such"], "task", ["id"]]], [[["title"], 7, ["id"]]], [[["title"], "task", [None]]], [[["title"], "task", ["id"]]],
           [[["title"], "task", ["id"]]] * 3000,
       )},
    **{f"old numbers {value!r:.40}": _table(old_numbers=value)
       for value in (
           None, 1, "ab", {}, [1], [[]], [[-5, 1]], [[-5, 9, [[1, 2]]]], [[-5, 1, [[1, 2]]]], [[LATER - 2**62, 1, [[1, 2]]]],
           *([[1 - 2**62, 1, ranges]] for ranges in (
               None, 1, "ab", [1], [[1]], [[1, 2, 3]], [[2, 1]], [[3, 4], [1, 2]], [[1, "2"]], [[None, 2]], [[True, 2]], [[1.0, 2]],
               [[-(2**63) - 1, 1]], [[1, 2**63]], [[2 * n, 2 * n] for n in range(20_001)],
           )),
       )},
    **{f"column {value!r:.20}": _table(columns=[*COLUMNS[:3], {"name": value, "type": "lww"}]) for value in WRONG if value != "1"},
}  # fmt: skip
KEPT = {
    **{
        f"column {name!r}": _table(columns=[*COLUMNS[:3], {"name": name, "type": "lww"}])
        for name in ("more", "rowid", "1", '"; DROP TABLE task; --', "'; DROP TABLE task; --", "k1", "t", "", "\n")
    },
    **{
        f"table {name!r}": _header(lambda header, n=name: header["tables"][2].update(name=n))  # type: ignore[misc]
        for name in (
            "row_1", "pragma_table_list", "dbstat", "main.task", "temp.task", '"; DROP TABLE task; --',
            "'; DROP TABLE task; --", "task\n", "no such", "1", "merged", "\u00e4\u00d6",
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("what", KEPT)
def test_what_is_not_in_the_file_is_kept_beside_it(scene: tuple[bytes, bytes], what: str) -> None:
    """Tables and columns under any name that are not in the file are kept, and passed on under the same name."""
    victim = twin(scene[0])
    before = victim.connection.execute("SELECT name FROM sqlite_schema WHERE name NOT GLOB '_crdt_*'").fetchall()
    data = KEPT[what](scene[1])
    assert keep(victim, data) is None
    after = victim.connection.execute("SELECT name FROM sqlite_schema WHERE name NOT GLOB '_crdt_*'").fetchall()
    assert after == before
    sent, passed = unpack(data).header, unpack(victim.export()).header
    assert {table.uid for table in sent.tables if table.rows} <= {table.uid for table in passed.tables}
    assert {uid for table in sent.tables for uid in table.uids} <= {
        uid for table in passed.tables for uid in table.uids
    }


@pytest.mark.parametrize("what", HEADERS)
def test_a_wrong_header_is_refused(scene: tuple[bytes, bytes], what: str) -> None:
    """A header with anything that no sender writes is refused, and its message stays short enough to read."""
    error = keep(twin(scene[0]), HEADERS[what](scene[1]))
    assert isinstance(error, ChangesetError), error
    assert len(str(error)) < 2000 or "t" * 9_000 in str(error)


def test_a_header_may_say_more_than_this_version_knows(scene: tuple[bytes, bytes]) -> None:
    """Unknown keys of the header are ignored."""
    data = with_header(scene[1], lambda header: header | {"new": [1, {"a": None}], "created_ms": 0})
    assert keep(twin(scene[0]), data) is None


def test_the_error_says_what_is_wrong(scene: tuple[bytes, bytes]) -> None:
    """A future stamp, an unknown table and another key each have an error of their own."""
    assert isinstance(keep(twin(scene[0]), HEADERS["a site of the year 2300"](scene[1])), ClockSkewError)
    assert isinstance(keep(twin(scene[0]), HEADERS["table 'mine'"](scene[1])), SchemaMismatchError)
    assert isinstance(keep(twin(scene[0]), HEADERS["a generated column"](scene[1])), SchemaMismatchError)
    assert json.dumps(str(keep(twin(scene[0]), HEADERS["a table twice"](scene[1]))))
