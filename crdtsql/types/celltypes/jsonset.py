"""A set, as a JSON array of scalars: elements added or removed concurrently all count, and an addition beats a removal."""

from __future__ import annotations

from dataclasses import replace

from crdtsql.base import Sql, fragment
from crdtsql.types.celltypes.base import CellType, Kind


def _invalid(value: Sql, _affinity: str) -> Sql:
    return fragment("types/celltypes/invalid_set", value=value)


def _shrinks(old: Sql, new: Sql) -> Sql:
    return fragment("types/celltypes/set_shrinks", old=old, new=new)


SET = CellType(
    "set",
    "a JSON array of distinct scalars; elements are added and removed one by one",
    Kind.PARTS,
    takes="a JSON array of strings, numbers, true, false or null",
    affinities=("TEXT", "BLOB", "NUMERIC"),
    invalid=_invalid,
    explode="types/celltypes/explode_set",
    names="types/celltypes/list_names",
    show="types/celltypes/show_set",
    valid_part="types/celltypes/valid_set",
)
GROW_SET = replace(SET, name="grow-set", summary="a set whose elements are never removed", shrinks=_shrinks)
