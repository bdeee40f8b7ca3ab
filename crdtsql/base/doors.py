"""Doors: a wing's `__init__` imports a room when somebody asks for what is in it, so that a command pays for what it uses.

`tests/tidy` compares what a door says to programs with what it says to type checkers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def door(wing: str, rooms: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a wing's `__getattr__` (PEP 562), which imports names from the modules of the wing that they stand in.

    A module itself needs no entry: `from wing import module` finds it by itself.

    Args:
        rooms: module -> the names that it shows, in one string.
    """
    places = {name: room for room, names in rooms.items() for name in names.split()}

    def find(name: str) -> Any:
        room = places.get(name)
        if room is None:
            raise AttributeError(f"module {wing!r} has no attribute {name!r}")
        found = getattr(import_module(f"{wing}.{room}"), name)
        setattr(sys.modules[wing], name, found)
        return found

    return find
