"""SQLite values as JSON and as text for people.

JSON has no blobs and no infinities, so these become one-key objects: `{"blob": "<hex>"}` and
`{"real": "inf"}`. Everything else is itself.
"""

from __future__ import annotations

import json
import math
from typing import Any

_LOWER = {ord(upper): upper.lower() for upper in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
SqliteValue = None | int | float | str | bytes


def caseless(name: str) -> str:
    """Fold a name's case as SQLite does, which knows the case of ASCII letters only.

    >>> caseless("Task"), caseless("TÄSK")
    ('task', 'tÄsk')
    """
    return name.translate(_LOWER)


def to_json(value: Any) -> Any:
    """Turn one SQLite value into what `json.dumps` takes.

    >>> to_json(b"\\x01\\xff")
    {'blob': '01ff'}
    """
    if isinstance(value, bytes):
        return {"blob": value.hex()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"real": str(value)}
    return value


def from_json(value: Any) -> SqliteValue:
    """Turn what `json.loads` gave into the SQLite value that `to_json` writes like that; true and false are 1 and 0.

    Raises:
        ValueError: it stands for no SQLite value.

    >>> from_json({"blob": "01ff"}), from_json(None), from_json(True)
    (b'\\x01\\xff', None, 1)
    """
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise ValueError("an integer has at most 64 bits")
    if isinstance(value, float) and math.isnan(value):
        raise ValueError("SQLite has no NaN")
    if value is None or isinstance(value, (int, float, str)):
        return value
    if isinstance(value, dict) and len(value) == 1:
        ((kind, written),) = value.items()
        if kind == "blob" and isinstance(written, str):
            return bytes.fromhex(written)
        if kind == "real" and written in ("inf", "-inf"):
            return float(written)
    raise ValueError('a value is a string, a number, null, or {"blob": "<hex>"}; JSON text is given as a string')


def dumps(value: Any) -> str:
    """Write JSON as the command line prints it: indented, non-ASCII kept."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=to_json)


def key_to_json(key: tuple[SqliteValue, ...]) -> str:
    """Write a row's key as JSON: the value itself for a single column, else an array.

    >>> key_to_json(("t1",)), key_to_json((1, "a"))
    ('"t1"', '[1, "a"]')
    """
    parts = [to_json(part) for part in key]
    return json.dumps(parts[0] if len(parts) == 1 else parts, ensure_ascii=False)


def show(value: SqliteValue, width: int = 60) -> str:
    """Write a value for a person, in SQL's notation, shortened to `width` characters.

    >>> show("it's"), show(None), show(b"\\x01")
    ("'it''s'", 'NULL', "x'01'")
    """
    if value is None:
        shown = "NULL"
    elif isinstance(value, bytes):
        shown = f"x'{value[:width].hex()}'"
    elif isinstance(value, str):
        shown = "'" + value.replace("'", "''") + "'"
    else:
        shown = str(value)
    shown = printable(shown)
    return shown if len(shown) <= width else shown[: width - 1] + "…"


def printable(text: str) -> str:
    """Replace what a terminal might take for a command: names and values may come from strangers.

    >>> printable("a\\x1b[2Jb")
    'a\N{REPLACEMENT CHARACTER}[2Jb'
    """
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def show_key(key: tuple[SqliteValue, ...]) -> str:
    """Write a row's key for a person: `t1`, or `(1, 'a')` for several columns."""
    if len(key) == 1:
        return show(key[0])
    return "(" + ", ".join(show(part) for part in key) + ")"
