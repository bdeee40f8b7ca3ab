"""A map, as a JSON object: merged leaf by leaf, nested objects included; arrays inside are values."""

from __future__ import annotations

from crdtsql.base import Sql, fragment
from crdtsql.types.celltypes.base import CellType, Kind


def _invalid(value: Sql, _affinity: str) -> Sql:
    return fragment("types/celltypes/invalid_map", value=value)


MAP = CellType(
    "map",
    "a JSON object whose keys are merged one by one",
    Kind.PARTS,
    takes="a JSON object",
    affinities=("TEXT", "BLOB", "NUMERIC"),
    invalid=_invalid,
    explode="types/celltypes/explode_map",
    show="types/celltypes/show_map",
    keeps_values=True,
    valid_part="types/celltypes/valid_map",
)
