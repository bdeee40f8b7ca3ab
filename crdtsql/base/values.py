"""SQLite values as JSON and as text for people.

JSON has no blobs and no infinities, and many programs that read it have no whole numbers from 2^53 on, so these become one-key
objects: `{"blob": "<hex>"}`, `{"real": "inf"}` and `{"integer": "9007199254740992"}`. Text that is no UTF-8, which SQLite stores all
the same, is `{"text": "<hex>"}`. Everything else is itself.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

_WHOLE = re.compile("-?[0-9]{1,19}", re.ASCII)
_LOWER = {ord(upper): upper.lower() for upper in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
SqliteValue = None | int | float | str | bytes
EXACT = (1 << 53) - 1
"""Up to here a double holds every whole number (JavaScript's MAX_SAFE_INTEGER); programs of doubles round what is beyond."""


def caseless(name: str) -> str:
    """Fold a name's case as SQLite does, which knows the case of ASCII letters only.

    >>> caseless("Task"), caseless("TÄSK")
    ('task', 'tÄsk')
    """
    return name.lower() if name.isascii() else name.translate(_LOWER)


def to_json(value: Any) -> Any:
    """Turn one SQLite value into what `json.dumps` takes.

    >>> to_json(b"\\x01\\xff")
    {'blob': '01ff'}
    """
    if isinstance(value, bytes):
        return {"blob": value.hex()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"real": str(value)}
    if not is_utf8(value):
        return {"text": value.encode(errors="surrogateescape").hex()}
    return value


def is_utf8(value: SqliteValue) -> bool:
    """Tell whether a value is no text, or UTF-8 in the file; other text has lone surrogates here (`query.rows_to_show`).

    >>> is_utf8("é"), is_utf8("a" + chr(0xDCFF))
    (True, False)
    """
    if not isinstance(value, str) or value.isascii():
        return True
    return not any(0xDC80 <= ord(character) <= 0xDCFF for character in value)


def value_to_json(value: SqliteValue) -> Any:
    """Turn one SQLite value into what any program reads as it is from JSON, also one whose numbers are doubles.

    >>> value_to_json(7), value_to_json(2**60)
    (7, {'integer': '1152921504606846976'})
    """
    if isinstance(value, int) and abs(value) > EXACT:
        return {"integer": str(value)}
    return to_json(value)


def from_json(value: Any) -> SqliteValue:
    """Turn what `json.loads` gave into the SQLite value that the two above write like that; true and false are 1 and 0.

    Raises:
        ValueError: it stands for no SQLite value.

    >>> from_json({"blob": "01ff"}), from_json(None), from_json(True)
    (b'\\x01\\xff', None, 1)
    """
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return _of_64_bits(value)
    if isinstance(value, float) and math.isnan(value):
        raise ValueError("SQLite has no NaN")
    if value is None or isinstance(value, (float, str)):
        return value
    if isinstance(value, dict) and len(value) == 1:
        ((kind, written),) = value.items()
        if kind == "blob" and isinstance(written, str):
            return bytes.fromhex(written)
        if kind == "real" and written in ("inf", "-inf"):
            return float(written)
        if kind == "integer" and isinstance(written, str) and _WHOLE.fullmatch(written):
            return _of_64_bits(int(written))
    raise ValueError('a value is a string, a number, null, or {"blob": "<hex>"}; JSON text is given as a string')


def _of_64_bits(number: int) -> int:
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError("an integer has at most 64 bits")
    return number


def dumps(value: Any, indent: int | None = 2) -> str:
    """Write JSON as the command line prints it: indented, non-ASCII kept, no whole number from 2^53 on.

    >>> dumps({"n": [2**53 - 1, 2**60]}, None)
    '{"n": [9007199254740991, "1152921504606846976"]}'
    """
    return json.dumps(_exact(value), indent=indent, ensure_ascii=False, default=to_json)


def _exact(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _exact(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_exact(part) for part in value]
    return str(value) if isinstance(value, int) and abs(value) > EXACT else value


def key_to_json(key: tuple[SqliteValue, ...]) -> str:
    """Write a row's key as JSON: the value itself for a single column, else an array.

    >>> key_to_json(("t1",)), key_to_json((1, "a"))
    ('"t1"', '[1, "a"]')
    """
    parts = [value_to_json(part) for part in key]
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
    elif isinstance(value, str) and not is_utf8(value):
        shown = f"CAST(x'{value[:width].encode(errors='surrogateescape').hex()}' AS TEXT)"
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
