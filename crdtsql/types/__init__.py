"""How does a typed cell fall into parts, and how are parts shown?"""

from typing import TYPE_CHECKING

from crdtsql.base import door

if TYPE_CHECKING:
    from crdtsql.types import columntype, exact, functions, parts, split
    from crdtsql.types.blanks import blank
    from crdtsql.types.celltypes import TYPES, CellType, Kind
else:
    __getattr__ = door(
        __name__,
        {
            "blanks": "blank",
            "celltypes": "TYPES CellType Kind",
        },
    )

__all__ = [
    "TYPES",
    "CellType",
    "Kind",
    "blank",
    "columntype",
    "exact",
    "functions",
    "parts",
    "split",
]
