"""What a replica accepts is such that others take it from there, though each changeset alone may be within all limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crdtsql import Replica
from crdtsql.base.errors import CrowdedError, InvalidChangesetError, SchemaMismatchError
from crdtsql.export import sendable
from crdtsql.wire.envelope import IMAGE, ROWS, unpack
from tests.support.forge import as_image, parts, seal, with_header, with_sql
from tests.support.peers import replica, two
from tests.support.state import content

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT)"
COUNTED = "CREATE TABLE sum (id TEXT PRIMARY KEY NOT NULL, n {}, v TEXT)"


def _with_task(one: Replica, key: str) -> bytes:
    one.connection.execute("INSERT INTO task VALUES (?, 'x')", (key,))
    return one.export()


def _refuses(one: Replica, data: bytes, error: type[Exception], match: str) -> None:
    before = content(one.connection)
    with pytest.raises(error, match=match):
        one.merge(data)
    assert content(one.connection) == before
    assert unpack(one.export()).header


def test_eras_add_up(tmp_path: Path) -> None:
    """A replica keeps only so many eras of tables that it lacks, whoever told of them; a changeset with more changes nothing."""
    one, other = two(tmp_path, SCHEMA)
    for first, key in ((0, "a"), (600, "b")):
        data = with_header(
            _with_task(other, key),
            lambda header, first=first: header.update(eras={f"t{first + n}": 1 for n in range(600)}),
        )
        if first:
            _refuses(
                one,
                data,
                CrowdedError,
                "1,200 tables were disabled which are not here, and 1,000 can be passed on: .*strangers",
            )
        else:
            one.merge(data)
    assert replica(tmp_path / "third.db", SCHEMA, site=3).merge(one.export()).tables


def test_sites_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica knows only so many sites, and refuses a changeset with more."""
    monkeypatch.setattr(sendable, "MAXIMUM_SITES", 100)
    one, other = two(tmp_path, SCHEMA)

    def with_sites(data: bytes, first: int) -> bytes:
        def add(header: dict[str, Any]) -> None:
            known = len(header["sites"])
            header["sites"] += [
                {"ordinal": known + n, "id": f"{first + n:032x}", "upto": 1, "needs": 0} for n in range(1, 61)
            ]

        return with_header(data, add)

    one.merge(with_sites(_with_task(other, "a"), 1 << 100))
    _refuses(one, with_sites(_with_task(other, "b"), 1 << 101), CrowdedError, "122 sites, and 100 can be passed on")
    assert replica(tmp_path / "third.db", SCHEMA, site=3).merge(one.export()).tables


def test_a_header_that_is_too_long_for_rows_goes_with_an_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small changeset of a replica that says much of sites and tables has an image, because a reader takes only so much with rows."""
    one, other = two(tmp_path, SCHEMA)
    assert unpack(_with_task(one, "a")).version == ROWS
    monkeypatch.setattr("crdtsql.export.collecting.MAXIMUM_ROWS_BYTES", 100)
    assert unpack(one.export()).version == IMAGE
    other.merge(one.export())


def test_what_is_said_of_tables_adds_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of tables and columns that this replica lacks are kept up to a length that others take."""
    monkeypatch.setattr(sendable, "MAXIMUM_SAID_BYTES", 5_000)
    one, other = two(tmp_path, SCHEMA)
    other.connection.execute("ALTER TABLE task ADD COLUMN more TEXT")
    other.connection.execute("UPDATE task SET more = 1")
    other.connection.execute("INSERT INTO task VALUES ('a', 'x', 'y')")

    def rename(header: dict[str, Any]) -> None:
        header["tables"][0]["columns"][1] |= {"name": "n" * 9_000}

    _refuses(
        one,
        with_header(other.export(), rename),
        CrowdedError,
        "bytes about sites and tables, and 5,000 can be passed on",
    )


def test_what_is_said_of_unseen_writes_adds_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Word of writes that overwrote something unseen counts too, of whatever column it says that."""
    monkeypatch.setattr(sendable, "MAXIMUM_SAID_BYTES", 5_000)
    one, other = two(tmp_path, SCHEMA)

    def add(header: dict[str, Any]) -> None:
        site = header["sites"][-1]
        header["unseen"] = [[site["upto"], site["ordinal"], f"{n}" + "u" * 9_900] for n in range(30)]

    _refuses(one, with_header(_with_task(other, "a"), add), CrowdedError, "bytes about sites and tables")


def test_a_name_that_nobody_would_take_from_here_is_refused(tmp_path: Path) -> None:
    """What a replica would say of a column is read as others will read it, before it is kept."""
    one, other = two(tmp_path, SCHEMA)
    name = "t" * 10_000
    one.alter(f"ALTER TABLE task RENAME COLUMN title TO {name}")
    other.alter("ALTER TABLE task ADD COLUMN more TEXT")
    other.connection.execute("INSERT INTO task VALUES ('a', 'x', 'y')")

    def rename(header: dict[str, Any]) -> None:
        header["tables"][0]["columns"][1] |= {"name": name, "uid": "more"}

    _refuses(
        one,
        with_header(other.export(), rename),
        InvalidChangesetError,
        "nobody would take from .* what it would say then",
    )


def test_parts_build_on_a_whole_that_is_here(tmp_path: Path) -> None:
    """Parts of a cell whose whole write is said to be known, and is not, are refused: nobody would take the cell from here."""
    schema = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, s TEXT, n INTEGER)"
    one = replica(tmp_path / "1.db", schema, site=1)
    one.set_type("t", "s", "set")
    other = one.clone(tmp_path / "2.db")
    other.connection.execute("INSERT INTO t VALUES ('k', '[1]', 1)")
    other.connection.execute("UPDATE t SET s = '[1,2]'")
    one.merge(other.export(one.vector()))
    other.connection.execute("UPDATE t SET s = '[1,2,3]'")
    data = other.export(one.vector())
    for script in (
        "UPDATE part_1 SET t = 2 WHERE part = ''",
        "UPDATE row_1 SET k1 = 'z', p0 = 0; UPDATE part_1 SET k1 = 'z'",
    ):
        for forged in (with_sql(data, script), with_sql(as_image(data), script)):
            _refuses(one, forged, InvalidChangesetError, "without the value that they are parts of")


def _summing(path: Path, affinity: str, site: int) -> Replica:
    one = replica(path, COUNTED.format(affinity), site=site)
    one.set_type("sum", "n", "counter")
    return one


@pytest.mark.parametrize("kind", ["absent", "parked"])
def test_counters_of_reals_are_kept_for_others(tmp_path: Path, kind: str) -> None:
    """A counter of real numbers is kept by a replica that lacks its table, or only the column, and passed on."""
    if kind == "absent":
        middle = replica(tmp_path / "middle.db", SCHEMA, site=1)
    else:
        middle = replica(tmp_path / "middle.db", "CREATE TABLE sum (id TEXT PRIMARY KEY NOT NULL, v TEXT)", site=1)
    one, other = _summing(tmp_path / "one.db", "REAL", 2), _summing(tmp_path / "other.db", "REAL", 3)
    for writer, key in ((one, "a"), (other, "b")):
        writer.connection.execute("INSERT INTO sum VALUES (?, 1.5, 'v')", (key,))
        writer.vector()
        writer.connection.execute("UPDATE sum SET n = n + 1")
        middle.merge(writer.export(middle.vector()))
    for reader in (one, other):
        reader.merge(middle.export(reader.vector()))
        assert reader.connection.execute("SELECT id, n FROM sum ORDER BY id").fetchall() == [("a", 2.5), ("b", 2.5)]


@pytest.mark.parametrize("kind", ["absent", "parked"])
def test_a_counter_that_is_kept_has_numbers_of_one_kind(tmp_path: Path, kind: str) -> None:
    """Real numbers don't join whole ones in a counter of a column that is only kept: nobody could take both from here."""
    if kind == "absent":
        middle = replica(tmp_path / "middle.db", SCHEMA, site=1)
    else:
        middle = replica(tmp_path / "middle.db", "CREATE TABLE sum (id TEXT PRIMARY KEY NOT NULL, v TEXT)", site=1)
    whole, real = _summing(tmp_path / "one.db", "INTEGER", 2), _summing(tmp_path / "other.db", "REAL", 3)
    whole.connection.execute("INSERT INTO sum VALUES ('a', 1, 'v')")
    middle.merge(whole.export())
    real.connection.execute("INSERT INTO sum VALUES ('b', 1.5, 'v')")
    _refuses(
        middle,
        real.export(),
        SchemaMismatchError,
        "sum.n is a counter of whole numbers here and of real ones in the changeset",
    )
    assert whole.merge(middle.export()).known


def test_an_image_has_no_list_of_other_tables(tmp_path: Path) -> None:
    """The list of tables without rows belongs to changesets of rows: an image has all tables of its sender."""
    one, other = two(tmp_path, SCHEMA)
    header, image = parts(_with_task(other, "a"))
    header["others"] = {"key": ["elsewhere"]}
    _refuses(one, seal(json.dumps(header).encode(), image), InvalidChangesetError, "has all tables of its sender")


def test_no_more_rows_are_awaited_than_there_are_keys(tmp_path: Path) -> None:
    """A changeset does not tell of awaited rows that none of its keys stands for."""
    one, other = two(tmp_path, SCHEMA)

    def add(header: dict[str, Any]) -> None:
        header["foretold"] = [["task", 1, n] for n in range(5)]

    _refuses(
        one,
        with_header(_with_task(other, "a"), add),
        InvalidChangesetError,
        "flags|more rows are awaited",
    )
