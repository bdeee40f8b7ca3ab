"""Whoever changes what is kept in memory says so (base/memory.py)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "crdtsql"
WRITES = re.compile(r"(?:INTO|UPDATE|DELETE FROM) (?:main\.)?_crdt_(?:table|column|meta)\b")
WRITERS = [path for path in sorted(PACKAGE.rglob("*.py")) if WRITES.search(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("source", WRITERS, ids=lambda source: source.relative_to(PACKAGE).as_posix())
def test_whoever_writes_what_is_registered_says_so(source: Path) -> None:
    """A module that writes the tables, columns or facts that are registered has what was read of them forgotten."""
    assert re.search(r"catalogue\.changed\(|memory\.forget_rows?\(", source.read_text(encoding="utf-8"))


def test_who_writes_what_is_registered() -> None:
    """Some modules do, so the rule above is about something; what SQL files write of it is the upgrade alone."""
    assert {path.stem for path in WRITERS} >= {"registry", "columns", "shadows", "absent"}
    files = {path.stem for path in (PACKAGE / "sql").rglob("*.sql") if WRITES.search(path.read_text(encoding="utf-8"))}
    assert files == {"upgrade_to_3"}
