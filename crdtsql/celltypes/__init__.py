"""The types that a column can have: one module each, found here by name.

To add a type, write a module with a `CellType`, and name it in `TYPES`; the tables of cases in docs/TYPES.md are its tests.
"""

from __future__ import annotations

from crdtsql.celltypes.base import CellType, Kind
from crdtsql.celltypes.counter import COUNTER, GROW_COUNTER
from crdtsql.celltypes.jsonmap import MAP
from crdtsql.celltypes.jsonset import GROW_SET, SET
from crdtsql.celltypes.lww import LWW
from crdtsql.celltypes.maximum import MAX
from crdtsql.celltypes.minimum import MIN
from crdtsql.celltypes.register import REGISTER

TYPES: dict[str, CellType] = {
    kind.name: kind for kind in (LWW, REGISTER, MAX, MIN, COUNTER, GROW_COUNTER, SET, GROW_SET, MAP)
}

__all__ = ["TYPES", "CellType", "Kind"]
