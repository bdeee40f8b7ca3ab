"""Merges by which many rows disappear from a table, which are stopped before they are committed."""

from __future__ import annotations

from pathlib import Path

import pytest

from crdtsql import Replica, sync
from crdtsql.base import parse_limit
from crdtsql.base.errors import TooManyDeletesError, UsageError
from tests.support import peers
from tests.support.peers import rows, write

NUMBERS = "WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
T = "CREATE TABLE t (id INTEGER PRIMARY KEY, v, u UNIQUE);"
FAMILY = """
CREATE TABLE parent (id INTEGER PRIMARY KEY, v);
CREATE TABLE child (id INTEGER PRIMARY KEY, parent REFERENCES parent (id) ON DELETE CASCADE);
"""


def pair(folder: Path, schema: str, **options: str) -> tuple[Replica, Replica]:
    """Make two replicas that have met."""
    one = peers.replica(folder / "1.db", schema, site=1, now=peers.Clock(step=1), **options)
    return one, Replica.open(one.clone(folder / "2.db").path, now=one._now)


def filled(folder: Path, count: int, **options: str) -> tuple[Replica, Replica]:
    """Make two replicas with so many rows of one table, which each of them has written."""
    one, other = pair(folder, T, **options)
    write(one, NUMBERS.format(count) + "INSERT INTO t SELECT i, 'v' || i, NULL FROM n")
    sync(one, other)
    return one, other


def stopped(into: Replica, of: Replica, limit: int | str) -> TooManyDeletesError:
    """Merge what another replica has, which must be refused, and change nothing."""
    into.fold()
    before = into.connection.serialize("main")
    with pytest.raises(TooManyDeletesError) as caught:
        into.merge(of.export(into.vector()), max_deletes=limit)
    assert into.connection.serialize("main") == before
    return caught.value


@pytest.mark.parametrize(
    ("limit", "most"),
    [
        ("half", 100),
        (7, 7),
        ("7", 7),
        ("10%", 20),
        ("0%", 0),
        (0, 0),
        ("2.5%", 5),
        ("100%", 200),
        ("off", 200),
        (None, 200),
    ],
)
def test_a_limit_is_exact(tmp_path: Path, limit: int | str | None, most: int) -> None:
    """As many rows as a limit says may disappear, and not one more."""
    one, other = filled(tmp_path, 200)
    if most < 200:
        write(one, f"DELETE FROM t WHERE id <= {most + 1}")
        error = stopped(other, one, limit)  # type: ignore[arg-type]
        assert error.rows == {"t": (most + 1, 200)} and error.sites == {one.site: most + 1}
        assert error.keys == {"t": [(key,) for key in range(1, min(most + 1, 5) + 1)]}
        assert f"{most + 1} of 200 rows of table 't'" in str(error) and "--max-deletes off" in str(error)
        write(one, f"INSERT INTO t VALUES ({most + 1}, 'again', NULL)")
    else:
        write(one, "DELETE FROM t")
    other.merge(one.export(other.vector()), max_deletes=limit)
    assert len(rows(other)) == 200 - most


def test_small_tables_lose_half_of_their_rows_unasked(tmp_path: Path) -> None:
    """`half` is not for tables that lose fewer than 50 rows; an explicit share is for all."""
    one, other = filled(tmp_path, 49)
    write(one, "DELETE FROM t")
    assert stopped(other, one, "50%").rows == {"t": (49, 49)}
    other.merge(one.export(other.vector()), max_deletes="half")
    assert rows(other) == []


def test_what_this_side_deleted_itself_does_not_count(tmp_path: Path) -> None:
    """Rows that are gone here already disappear by no merge, whoever else deleted them too."""
    one, other = filled(tmp_path, 100)
    write(one, "DELETE FROM t WHERE id <= 60")
    other.connection.execute("DELETE FROM t WHERE id <= 55")
    error = stopped(other, one, 4)
    assert error.rows == {"t": (5, 45)} and error.sites == {one.site: 5}
    other.merge(one.export(other.vector()), max_deletes=5)
    assert len(rows(other)) == 40


def test_rows_that_go_with_others_count(tmp_path: Path) -> None:
    """A row of which the parent was deleted disappears, though nobody deleted it; so does one that a constraint refuses."""
    one, other = pair(tmp_path, FAMILY + T)
    write(one, NUMBERS.format(3) + "INSERT INTO parent SELECT i, i FROM n")
    write(one, NUMBERS.format(90) + "INSERT INTO child SELECT i, 1 + i % 3 FROM n")
    sync(one, other)
    write(one, "DELETE FROM parent WHERE id < 3", foreign_keys=True)
    write(other, NUMBERS.format(40) + "INSERT INTO child SELECT 100 + i, 1 FROM n")
    error = stopped(other, one, "60%")
    assert error.rows == {"parent": (2, 3), "child": (100, 130)}
    assert error.sites == {one.site: 62}
    assert stopped(other, one, "half").rows == {"child": (100, 130)}
    other.merge(one.export(other.vector()), max_deletes=100)
    assert len(rows(other, "child")) == 30
    # another row has the value that theirs have, is the earlier one, and is shown in their place
    write(one, NUMBERS.format(60) + "INSERT INTO t SELECT i, 1, 'u' || i FROM n")
    write(other, NUMBERS.format(60) + "INSERT INTO t SELECT 100 + i, 1, 'u' || i FROM n")
    other.merge(one.export(other.vector()), max_deletes=0)
    assert len(other.held()) >= 60 and len(rows(other)) == 60


def test_rows_that_never_were_here_do_not_disappear(tmp_path: Path) -> None:
    """Rows that arrive deleted, or held, take nothing from anybody; neither do rows that get another number."""
    one, other = pair(tmp_path, T, identity="row")
    write(one, NUMBERS.format(300) + "INSERT INTO t SELECT i, 'one', 'u' || i FROM n")
    write(one, "DELETE FROM t WHERE id > 100")
    write(other, NUMBERS.format(80) + "INSERT INTO t SELECT i, 'other', NULL FROM n")
    report = other.merge(one.export(other.vector()), max_deletes=0)
    assert report.total.renumbered == 80 and len(rows(other)) == 180
    third = peers.replica(tmp_path / "3.db", T, site=3, now=one._now, identity="row")
    third.merge(other.export(), max_deletes=0)
    assert len(rows(third)) == 180


def test_only_what_is_doubtful_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A merge below its limit notes no row, and is done once."""
    one, other = filled(tmp_path, 200)
    taken = []
    take_in = Replica._take_in
    monkeypatch.setattr(Replica, "_take_in", lambda self, *given: taken.append(given[2]) or take_in(self, *given))
    write(one, "DELETE FROM t WHERE id <= 100")
    other.merge(one.export(other.vector()), max_deletes="half")
    assert [allowed.noted for allowed in taken] == [frozenset()]


def test_a_merge_that_is_counted_is_as_any_other(tmp_path: Path) -> None:
    """What is merged after it was counted leaves what it leaves uncounted, numbers of rows included."""
    one, other = filled(tmp_path, 120, identity="row")
    write(other, "INSERT INTO t VALUES (230, 'mine', 'u7')")
    third = Replica.open(other.clone(tmp_path / "3.db").path, now=one._now)
    write(one, "DELETE FROM t WHERE id <= 60", NUMBERS.format(60) + "INSERT INTO t SELECT 200 + i, 1, 'u' || i FROM n")
    data = one.export(other.vector())
    assert other.merge(data, max_deletes="50%").to_json() == third.merge(data).to_json()
    assert peers.all_equal([other, third])


@pytest.mark.parametrize("given", ["", "ten", "-1", "101%", "nan%", "1e2", True, "5 %%", 1.5])
def test_what_is_no_limit(given: str) -> None:
    """What is no limit is refused, and says which there are."""
    with pytest.raises(UsageError, match="is no limit of deletes: give a number of rows"):
        parse_limit(given)
