"""The rules of the house, checked: layers, sizes, docstrings, SQL files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "crdtsql"
SQL = PACKAGE / "sql"
SOURCES = sorted(PACKAGE.rglob("*.py"))
TEMPLATES = sorted(SQL.rglob("*.sql"))


def room_of(source: Path) -> str:
    """Return the name by which the layers know a module: its own, or that of its package inside of ours."""
    return source.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(source: Path) -> set[str]:
    """Return the names of our modules that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "crdtsql":
            found |= {
                alias.name
                for alias in node.names
                if (PACKAGE / f"{alias.name}.py").exists() or (PACKAGE / alias.name).is_dir()
            }
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("crdtsql."):
            found.add(str(node.module).split(".")[1])
    return found


def documented_layers() -> dict[str, int]:
    """Read the table of layers in docs/ARCHITECTURE.md."""
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    layers = {}
    for number, names in re.findall(r"^    (\d+)  ([a-z_ ]+)$", text, re.MULTILINE):
        layers |= {name: int(number) for name in names.split()}
    return layers


def test_every_module_has_a_layer() -> None:
    """docs/ARCHITECTURE.md gives every module its layer, and names none that does not exist."""
    assert set(documented_layers()) == {room_of(source) for source in SOURCES} - {"__init__"}


@pytest.mark.parametrize("source", [s for s in SOURCES if room_of(s) != "__init__"], ids=room_of)
def test_imports_go_down(source: Path) -> None:
    """A module imports from lower layers only."""
    layers = documented_layers()
    room = room_of(source)
    for name in imports_of(source) - {room}:
        assert name == "__init__" or layers[name] < layers[room], f"{source.stem} imports {name}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_sizes(source: Path) -> None:
    """No module is much over 400 lines, no function over 60."""
    text = source.read_text(encoding="utf-8")
    assert text.count("\n") <= 450
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno <= 60, f"{source.stem}.{node.name}"


def functions_with_tests() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield all test functions of the tree."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield f"{path.name}::{node.name}", node


def test_tests_state_rules() -> None:
    """Every test says in its docstring which rule of the product it shows."""
    assert not [name for name, node in functions_with_tests() if not ast.get_docstring(node)]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_templates_are_used_once(path: Path) -> None:
    """Each SQL file is rendered in exactly one module."""
    name = path.relative_to(SQL).with_suffix("").as_posix()
    users = [source.stem for source in SOURCES if f'"{name}"' in source.read_text(encoding="utf-8")]
    pattern = re.sub(r"_[a-z]+$", "_", name)
    users += [s.stem for s in SOURCES if f'"{pattern}{{' in s.read_text(encoding="utf-8") and s.stem not in users]
    assert len(users) == 1, users


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_slots_are_safe(path: Path) -> None:
    """No slot stands in a comment or inside quotes, where a name with a newline or a quote would end it."""
    text = path.read_text(encoding="utf-8")
    for line in text.splitlines():
        comment = line.partition("--")[2]
        assert "${" not in comment, line
    for quoted in re.findall(r"'[^']*'", text):
        assert "${" not in quoted, quoted


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_templates_name_their_columns(path: Path) -> None:
    """No template selects *, so that an added column changes no statement."""
    assert not re.search(r"SELECT\s+\*|\.\*", path.read_text(encoding="utf-8"))
