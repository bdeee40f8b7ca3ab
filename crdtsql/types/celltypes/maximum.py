"""The greatest value ever written, such as a high score. SQLite's order of values counts; NULL is no value."""

from __future__ import annotations

from crdtsql.base import Sql
from crdtsql.types.celltypes.base import CellType, Kind

MAX = CellType(
    "max",
    "the greatest value written wins",
    Kind.WHOLE,
    show_order=Sql("part.v IS NULL, part.v DESC, part.t DESC, site.id DESC"),
    takes_best=True,
)
