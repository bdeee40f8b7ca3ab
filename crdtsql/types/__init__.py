"""How does a typed cell fall into parts, and how are parts shown?"""

from crdtsql.types import columntype, exact, parts
from crdtsql.types.celltypes import TYPES, CellType, Kind

__all__ = [
    "TYPES",
    "CellType",
    "Kind",
    "columntype",
    "exact",
    "parts",
]
