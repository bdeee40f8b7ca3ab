"""Distrust: what another side tells of rows is looked at before anybody goes by it, or writes what it says.

Only the form can be checked: whether it is true is what verify asks. The forms are those that `digests.py` gives.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_HLC = re.compile(r"-?[0-9]{1,19}")
_SITE = re.compile(r"([0-9a-f]{32})?")
_DIGEST = re.compile(r"[0-9a-f]{32}")


def is_mark(told: Any) -> bool:
    """Tell whether that may be a mark (`marks.py`), which is kept for the side that made it."""
    return (
        isinstance(told, dict)
        and told.keys() == {"site", "batch", "is"}
        and type(told["batch"]) is int
        and all(isinstance(told[what], str) and _DIGEST.fullmatch(told[what]) for what in ("site", "is"))
    )


def is_hash_in(bucket: str, where: Any) -> bool:
    """Tell whether that is the hash of a key in a bucket."""
    return isinstance(where, str) and where.startswith(bucket) and re.fullmatch("[0-9a-f]{16}", where) is not None


def is_told(told: Any, width: int, columns: Sequence[str]) -> bool:
    """Tell whether that says something of the rows and parts of one hash.

    Args:
        width: how many columns the key has.
        columns: those that were asked about.
    """
    return (
        isinstance(told, dict)
        and isinstance(told.get("rows"), list)
        and isinstance(told.get("parts"), list)
        and all(isinstance(row, dict) and _is_row(row, width, columns) for row in told["rows"])
        and all(_is_part(part, columns) for part in told["parts"])
    )


def _is_row(row: dict[str, Any], width: int, columns: Sequence[str]) -> bool:
    cells: Any
    key: Any
    cells, otherwise, heads, key = (row.get(what) for what in ("cells", "otherwise", "heads", "key"))
    return (
        all(type(row.get(what)) is bool for what in ("deleted", "shown", "held", "moved"))
        and _is_list(key, width)
        and all(map(_is_value, key))
        and _is_stamp(row.get("born"))
        and isinstance(heads, list)
        and all(_is_list(head, 3) and _is_stamp(head[:2]) and type(head[2]) is bool for head in heads)
        and len({(head[1], head[2]) for head in heads}) == len(heads)
        and _is_of(columns, cells)
        and all(_is_list(cell, 3) and _is_value(cell[0]) and _is_stamp(cell[1:]) for cell in cells.values())
        and (otherwise is None or (_is_of(columns, otherwise) and all(map(_is_value, otherwise.values()))))
    )


def _is_part(part: Any, columns: Sequence[str]) -> bool:
    return _is_list(part, 2) and part[0] in columns and isinstance(part[1], str) and bool(_DIGEST.fullmatch(part[1]))


def _is_of(columns: Sequence[str], found: Any) -> bool:
    return isinstance(found, dict) and found.keys() == set(columns)


def _is_list(found: Any, length: int) -> bool:
    return isinstance(found, list) and len(found) == length


def _is_stamp(found: Any) -> bool:
    return (
        _is_list(found, 2)
        and all(isinstance(one, str) for one in found)
        and _HLC.fullmatch(found[0]) is not None
        and _SITE.fullmatch(found[1]) is not None
    )


def _is_value(found: Any) -> bool:
    """Tell whether that is what `value_to_json` makes of one."""
    if isinstance(found, dict):
        return len(found) == 1 and all(
            kind in ("blob", "real", "integer", "text") and isinstance(written, str) for kind, written in found.items()
        )
    return found is None or isinstance(found, (int, float, str))
