"""The ledger of random histories names tests that there are, and adds up what ran clean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.machines import ledger
from tests.support import seeds


@pytest.mark.parametrize("name", ledger.GENERATORS)
def test_generators_are_there(name: str) -> None:
    """Each generator is a test that takes its seeds from where the ledger says which ones to run."""
    generator = ledger.GENERATORS[name]
    path, _, function = generator.node.partition("::")
    text = (ledger.ROOT / path).read_text(encoding="utf-8")
    assert f"def {function}" in text and "seeds.chosen(" in text
    assert generator.variable == "CRDTSQL_SEEDS" or f'"{generator.variable}")' in text


def test_every_generator_is_named() -> None:
    """No test that takes its seeds from there is left out."""
    found = {
        str(path.relative_to(ledger.ROOT))
        for path in (ledger.ROOT / "tests").rglob("test_*.py")
        if "seeds.chosen(" in path.read_text(encoding="utf-8") and path.name != Path(__file__).name
    }
    assert found == {generator.node.partition("::")[0] for generator in ledger.GENERATORS.values()}


def test_runs_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that ran clean counts for its commit, one that failed does not, and no seed is run twice."""
    path = tmp_path / "histories.json"
    ledger.Ledger(path).note("a", "plain", 1_000_000, 120, clean=True)
    ledger.Ledger(path).note("b", "plain", 1_000_120, 120, clean=True)
    ledger.Ledger(path).note("b", "plain", 1_000_240, 120, clean=False)
    found = ledger.Ledger(path)
    assert found.clean == {"a": {"plain": 120}, "b": {"plain": 120}} and found.next == {"plain": 1_000_360}
    assert found.failed == json.loads(path.read_text())["failed"] == [["b", "plain", 1_000_240, 120]]
    monkeypatch.setenv("CRDTSQL_FIRST", "7")
    monkeypatch.setenv("CRDTSQL_SEEDS", "2")
    assert seeds.chosen(5) == range(7, 9) and seeds.chosen(5, "CRDTSQL_PURGES") == range(7, 12)
