"""The types that a column can have: one module each, found here by name.

To add a type, write a module with a `CellType`, and name it in `TYPES`; the tables of cases in docs/TYPES.md are its tests.
"""

from __future__ import annotations

from crdtsql.types.celltypes.base import CellType, Kind
from crdtsql.types.celltypes.counter import COUNTER, GROW_COUNTER
from crdtsql.types.celltypes.jsonmap import MAP
from crdtsql.types.celltypes.jsonset import GROW_SET, SET
from crdtsql.types.celltypes.lww import LWW
from crdtsql.types.celltypes.maximum import MAX
from crdtsql.types.celltypes.minimum import MIN
from crdtsql.types.celltypes.register import REGISTER

TYPES: dict[str, CellType] = {
    kind.name: kind for kind in (LWW, REGISTER, MAX, MIN, COUNTER, GROW_COUNTER, SET, GROW_SET, MAP)
}

__all__ = ["TYPES", "CellType", "Kind"]
