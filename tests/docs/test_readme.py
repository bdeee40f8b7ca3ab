"""The README does what it says. `make wheel-test` runs this against an installed wheel, so nothing here imports crdtsql."""

from __future__ import annotations

from tests.docs.blocks import ROOT
from tests.docs.running import check


def test_readme() -> None:
    """Every block of the README works as written, one after the other, and shows what the text around it says."""
    printed = [text for text in check(ROOT / "README.md") if text]
    tour = "\n".join(printed)
    assert "enabled task\ncloned app.db to laptop.db" in printed[0]
    assert "1: task 't3' title: open, took theirs" in tour
    assert "won  'book a boat'" in tour and "lost 'book room 4'" in tour
    assert "app.db: 0 rows inserted, 1 updated, 0 deleted" in printed[-2]
    assert printed[-1] == "1 row updated in app.db\nwrite it today\n"
