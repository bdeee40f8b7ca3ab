"""A register with several values: what was written concurrently stays until somebody writes who has seen it."""

from __future__ import annotations

from crdtsql.base import Sql
from crdtsql.types.celltypes.base import CellType, Kind

REGISTER = CellType(
    "register",
    "all concurrent values are kept until a later write; the latest is shown",
    Kind.WHOLE,
    show_order=Sql("part.t DESC, site.id DESC"),
    keeps_values=True,
)
