"""The doors of the wings say to programs what they say to type checkers (base/doors.py)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "crdtsql"
DOORS = [path for path in sorted(PACKAGE.rglob("__init__.py")) if " = door(" in path.read_text(encoding="utf-8")]


def said_to_checkers(door: ast.If, wing: str) -> Iterator[tuple[str, str]]:
    """Yield the modules, and what each shows, that are imported where types are checked; modules show themselves."""
    for node in door.body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            if node.module != wing:
                yield str(node.module).removeprefix(f"{wing}."), alias.name


@pytest.mark.parametrize("path", DOORS, ids=lambda path: path.parent.name)
def test_a_door_says_one_thing(path: Path) -> None:
    """What a door imports when it is asked is what type checkers are told, and all that it lists can be had."""
    wing = ".".join(path.parent.relative_to(PACKAGE.parent).parts)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    (door,) = [node for node in tree.body if isinstance(node, ast.If)]
    (call,) = [node for node in ast.walk(door) if isinstance(node, ast.Call)]
    rooms = ast.literal_eval(call.args[1])
    said = {(room, name) for room, names in rooms.items() for name in names.split()}
    assert said == set(said_to_checkers(door, wing))
    assert not [name for room, name in said if (path.parent / f"{name}.py").exists() or (path.parent / name).is_dir()]


def test_some_doors_wait() -> None:
    """The wings that every command needs a part of are among them."""
    assert {path.parent.name for path in DOORS} >= {"crdtsql", "store", "sqlite", "replica", "transports"}
