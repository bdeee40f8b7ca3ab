"""The seeded bugs fit the package as it is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.machines.mutants.catalogue import MUTANTS
from tests.machines.mutants.kind import Mutant

PACKAGE = Path(__file__).parents[2] / "crdtsql"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: str(mutant.name))
def test_mutant_can_be_seeded(mutant: Mutant) -> None:
    """Each seeded bug changes one place, and leaves a package that loads: only a wrong result can give it away."""
    text = (PACKAGE / mutant.file).read_text(encoding="utf-8")
    assert text.count(mutant.find) == 1
    changed = text.replace(mutant.find, mutant.put)
    assert changed != text
    if mutant.file.endswith(".py"):
        ast.parse(changed)
    else:
        slots = re.compile(r"\$\{[a-z_0-9]+\}")
        assert set(slots.findall(changed)) == set(slots.findall(text)), "a slot would be missing"


def test_mutants_are_enough() -> None:
    """There are at least 20 seeded bugs, each with a name of its own."""
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 20
