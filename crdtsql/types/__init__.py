"""How does a typed cell fall into parts, and how are parts shown?"""

from typing import TYPE_CHECKING

from crdtsql.base import door

if TYPE_CHECKING:
    from crdtsql.types import columntype, exact, functions, parts
    from crdtsql.types.celltypes import TYPES, CellType, Kind
else:
    __getattr__ = door(
        __name__,
        {
            "celltypes": "TYPES CellType Kind",
        },
    )

__all__ = [
    "TYPES",
    "CellType",
    "Kind",
    "columntype",
    "exact",
    "functions",
    "parts",
]
