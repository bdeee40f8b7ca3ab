"""The smallest value ever written, such as a deadline. SQLite's order of values counts; NULL is no value."""

from __future__ import annotations

from crdtsql.base import Sql
from crdtsql.types.celltypes.base import CellType, Kind

MIN = CellType(
    "min",
    "the smallest value written wins",
    Kind.WHOLE,
    show_order=Sql("part.v IS NULL, part.v, part.t DESC, site.id DESC"),
    takes_best=True,
)
