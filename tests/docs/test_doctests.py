"""The examples in the docstrings."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import crdtsql

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(crdtsql.__path__, "crdtsql.")
    if not module.name.endswith("__main__")
)


@pytest.mark.parametrize("name", ["crdtsql", *MODULES])
def test_the_examples_are_true(name: str) -> None:
    """Every example in a docstring gives what it says."""
    assert doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS).failed == 0


def test_there_are_examples() -> None:
    """The small functions that others build on show an example."""
    examples = 0
    for name in (
        "crdtsql.base.values",
        "crdtsql.base.clock",
        "crdtsql.base.sqltext",
        "crdtsql.base.naming",
        "crdtsql.sqlite.schema",
    ):
        finder = doctest.DocTestFinder()
        examples += sum(len(found.examples) for found in finder.find(importlib.import_module(name)))
    assert examples >= 10
