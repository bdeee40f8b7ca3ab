"""A number that is changed by adding: concurrent additions all count (theory: observed-reset counters, Weidner and Almeida 2022)."""

from __future__ import annotations

from dataclasses import replace

from crdtsql.base import Sql, fragment, integer
from crdtsql.types.celltypes.base import CellType, Kind
from crdtsql.types.exact import BOUND


def _invalid(value: Sql, affinity: str) -> Sql:
    if affinity == "REAL":
        return fragment("types/celltypes/invalid_real", value=value)
    return fragment("types/celltypes/invalid_integer", value=value, bound=integer(BOUND))


def _shrinks(old: Sql, new: Sql) -> Sql:
    return Sql(f"ifnull({new}, 0) < ifnull({old}, 0)")


COUNTER = CellType(
    "counter",
    "concurrent additions add up",
    Kind.TOTAL,
    takes="a number within plus and minus 2^62",
    affinities=("INTEGER", "REAL"),
    invalid=_invalid,
    show="types/celltypes/show_counter",
    valid_part="types/celltypes/valid_counter",
)
GROW_COUNTER = replace(COUNTER, name="grow-counter", summary="a counter that only grows", shrinks=_shrinks)
