"""What is found out of a changeset before the file is locked changes nothing of what a merge does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crdtsql import Replica
from crdtsql.merge.beforehand import foreseeing
from crdtsql.merge.beforehand.foreseeing import Foreseen
from tests.support.peers import Clock, replica, write
from tests.support.state import conflicts, held, merged, rows

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT, done INTEGER)"
ROWS = "WITH n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 50) INSERT INTO task SELECT 'r' || i, 'row ' || i, 0 FROM n"
WRITES = (
    "UPDATE task SET done = 1 WHERE rowid % 3 = 0",
    "DELETE FROM task WHERE rowid % 5 = 0",
    "INSERT INTO task VALUES ('new', 'one', 0)",
)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Take all changesets for large ones; say of each merge whether what was foreseen counted."""
    found: list[bool] = []
    tell = Foreseen.tell

    def noting(self: Foreseen, connection: object, arrivals: list[object]) -> None:
        tell(self, connection, arrivals)  # type: ignore[arg-type]
        found.append(any(arrival.foreseen for arrival in arrivals))  # type: ignore[attr-defined]

    monkeypatch.setattr(foreseeing, "MANY_ROWS", 1)
    monkeypatch.setattr(Foreseen, "tell", noting)
    return found


def _filled(path: Path, site: int, *, before: bool) -> Replica:
    """Make a replica with rows, that are there before the table is enabled, or come afterwards."""
    one = replica(path, f"{SCHEMA}; {ROWS}" if before else SCHEMA, site=site, now=Clock(step=0))
    if not before:
        write(one, ROWS)
    return one


def _state(one: Replica) -> list[object]:
    """Say what a replica holds, with its clock rows as they are."""
    clocks = one.connection.execute("SELECT * FROM _crdt_clock_task ORDER BY k1").fetchall()
    return [clocks, *(read(one.connection) for read in (rows, merged, held, conflicts))]


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(
    "owns", [(), ("INSERT INTO task VALUES ('own', 'mine', 1)",), ("INSERT INTO task VALUES ('r7', 'mine', 1)",)]
)
def test_it_is_merged_as_without(
    before: bool, owns: tuple[str, ...], tmp_path: Path, counted: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that are new, known, changed or deleted are merged, and counted, as where nothing is foreseen."""
    one = _filled(tmp_path / "one.db", 1, before=before)
    others = [replica(tmp_path / f"{name}.db", SCHEMA, site=2, now=Clock(step=0)) for name in ("with", "without")]
    for other in others:
        write(other, *owns)
    for statements in ((), WRITES[:1], WRITES[1:]):
        write(one, *statements)
        data, reports = one.export(others[0].vector()), []
        for other, many in zip(others, (1, 1_000_000), strict=True):
            monkeypatch.setattr(foreseeing, "MANY_ROWS", many)
            reports.append({**other.merge(data).to_json(), "notices": []})  # they name the file
        assert reports[0] == reports[1]
        assert _state(others[0]) == _state(others[1])
    assert counted == [True, False] * 3


def test_a_merge_in_between_is_noticed(tmp_path: Path, counted: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the same changes come in by another way before the file is locked, they are no news any more."""
    one = _filled(tmp_path / "one.db", 1, before=False)
    two, expected = (
        replica(tmp_path / f"{name}.db", SCHEMA, site=2, now=Clock(step=0)) for name in ("two", "expected")
    )
    first = one.export()
    write(one, *WRITES)
    second = one.export()
    foreseen: Callable[..., object] = foreseeing.foreseen

    @contextmanager
    def late(*arguments: object) -> Iterator[object]:
        with foreseen(*arguments) as known:  # type: ignore[attr-defined]
            monkeypatch.setattr("crdtsql.merge.foreseen", foreseen)
            with Replica.open(tmp_path / "two.db", now=Clock(step=0)) as again:
                again.merge(first)
            yield known

    monkeypatch.setattr("crdtsql.merge.foreseen", late, raising=False)
    report = two.merge(second)
    expected.merge(first)
    assert report.to_json() == expected.merge(second).to_json()
    assert _state(two)[1:] == _state(expected)[1:]
    assert counted[:2] == [True, False]
