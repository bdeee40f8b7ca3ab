"""CONTRIBUTING.md tells the truth about the package's modules."""

from __future__ import annotations

import ast
import re
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def listed_modules() -> list[str]:
    """Return the modules in the order in which CONTRIBUTING.md lists them."""
    page = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    listing = page.split("crdtsql/ ")[1].split("tests/")[0].splitlines()[1:]
    return [name for line in listing for name in re.split(r" {2,}", line.strip())[0].split() if line.startswith("  ")]


def imports(path: Path) -> set[str]:
    """Return the names of our modules that a module imports when it is loaded."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module == "crdtsql":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("crdtsql."):
            found.add(str(node.module).split(".")[1])
    return {name for name in found if (PROJECT / "crdtsql" / f"{name}.py").exists()}


def test_every_module_is_listed() -> None:
    """The list of modules is complete, and has none that does not exist."""
    present = {path.stem for path in (PROJECT / "crdtsql").glob("*.py")} - {"__init__"}
    assert sorted(listed_modules()) == sorted(present)


def test_modules_import_only_what_stands_before_them() -> None:
    """A module imports only from modules that are listed before it."""
    order = {name: position for position, name in enumerate(listed_modules())}
    for name, position in order.items():
        late = {other for other in imports(PROJECT / "crdtsql" / f"{name}.py") if order[other] >= position}
        assert not late, name
