"""A process that is killed while it changes a schema."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import pytest

from crdtsql import Replica
from tests.support.changes import TASK
from tests.support.command import begin, execute, make, ok, query
from tests.support.peers import exchange

ROWS = [(f"{n:05x}", f"title {n}", n) for n in range(20_000)]
KILLS = 4


@pytest.mark.parametrize(
    "change", ["ALTER TABLE task DROP COLUMN n", "ALTER TABLE task RENAME TO job", "DROP TABLE task"]
)
def test_a_change_is_whole_or_not_at_all(change: str, tmp_path: Path) -> None:
    """Wherever it is killed, the file is sound, and has the old schema or the new one, with all that belongs to it."""
    path = make(tmp_path / "app.db", f"{TASK}; CREATE TABLE other (id TEXT PRIMARY KEY)", ROWS)
    ok("enable", path, "--all")
    execute(path, "UPDATE task SET n = n + 1; DELETE FROM task WHERE rowid % 10 = 0; INSERT INTO other VALUES ('x')")
    ok("vector", path)
    whole = tmp_path / "whole.db"
    shutil.copyfile(path, whole)
    began = time.monotonic()
    ok("alter", whole, change)
    duration = time.monotonic() - began
    names = [set(_names(file)) for file in (path, whole)]
    choice = random.Random(1)
    for number in range(KILLS):
        copy = tmp_path / f"killed{number}.db"
        shutil.copyfile(path, copy)
        process = begin("alter", copy, change)
        if process.wait(choice.uniform(0, duration)) is None:
            process.kill()
        assert query(copy, "PRAGMA integrity_check") == [("ok",)]
        found = set(_names(copy))
        assert found in names
        if found == names[0]:
            ok("alter", copy, change)
        assert set(_names(copy)) == names[1]
        with Replica.open(copy) as one:
            assert not one.repair().findings
            with one.clone(tmp_path / f"clone{number}.db") as other:
                exchange(one, other)


def _names(path: Path) -> list[tuple[str, ...]]:
    return query(path, "SELECT type, name, tbl_name FROM sqlite_schema")
