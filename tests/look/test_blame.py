"""Who wrote the cells of a row, and when."""

from __future__ import annotations

from pathlib import Path

from tests.support.command import execute, ok, refused
from tests.ui.test_cli import app, plain  # noqa: F401, fixtures


def test_blame_finds_rows_by_any_kind_of_key(app: Path) -> None:  # noqa: F811
    """A key part is given as text and finds integers too; a deleted row is said to be one."""
    execute(app, "UPDATE pair SET v = 'new'; DELETE FROM task WHERE id = 't1'")
    assert "'new'" in ok("blame", app, "pair", "1", "a")
    assert ok("blame", app, "task", "t1").startswith("this row is deleted; these are its last values")
    assert "has no row '7', shown or held" in refused("blame", app, "task", "7")
    assert "give 2 value(s)" in refused("blame", app, "pair", "1", code=2)
    assert "is not replicated" in refused("blame", app, "nokey", "1")
    refused("blame", app, "task", code=2)
