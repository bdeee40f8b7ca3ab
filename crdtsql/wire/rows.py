"""Rows: the content of a small changeset, row by row, as MessagePack.

To make an SQLite database of a few rows, and to check one, costs more than to merge them. So the content of a small changeset is
written as what the tables of its image would hold: a map from the name of each table that has rows to the list of them, each an
array of its values in the order of the table's columns. A reader puts them into empty tables like those of an image, whose
constraints refuse what an image's would, and asks of them what it asks of an image.
"""

from __future__ import annotations

from typing import Any

import msgpack

from crdtsql.base import InvalidChangesetError, SqliteValue
from crdtsql.wire import image
from crdtsql.wire.header import Header

Content = dict[str, list[tuple[SqliteValue, ...]]]
"""What a changeset holds: table of its image that has rows -> the rows, their values in the order of the table's columns."""

MAXIMUM_TABLES = 1_000
"""Tables that have rows; as each is laid out before its rows are looked at, more would be work for nothing."""

_VALUES = {type(None), int, float, str, bytes}


def encode(content: Content) -> bytes:
    """Write the content of a changeset."""
    packed: bytes = msgpack.packb(content)
    return packed


def decode(data: bytes | memoryview, header: Header) -> Content:
    """Read the content of a changeset.

    Args:
        header: what the changeset says about itself.

    Raises:
        InvalidChangesetError: the bytes are not the rows of the tables that the header announces, or these are too many.
    """
    if len(header.numbers) > MAXIMUM_TABLES:
        raise InvalidChangesetError(
            f"not a sound changeset: it has rows of {len(header.numbers):,} tables, and {MAXIMUM_TABLES:,} are taken in one"
        )
    columns = image.columns(header, header.numbers)
    try:
        found = msgpack.unpackb(data, use_list=False)
    except (ValueError, RecursionError, UnicodeDecodeError, msgpack.exceptions.UnpackException) as error:
        raise InvalidChangesetError(f"not a sound changeset: its rows can't be read ({error})") from error
    if not isinstance(found, dict) or not found.keys() <= columns.keys():
        raise InvalidChangesetError("not a sound changeset: its tables are not those that its header announces")
    for name, rows in found.items():
        if not isinstance(rows, tuple) or not _are_rows(rows, columns[name]):
            raise InvalidChangesetError(f"not a sound changeset: what it has of {name} is not rows of that table")
    return found


def _are_rows(rows: tuple[Any, ...], columns: int) -> bool:
    """Tell whether these are rows of so many values that SQLite can hold."""
    if not all(type(row) is tuple and len(row) == columns for row in rows):
        return False
    values = [value for row in rows for value in row]
    highest = max([value for value in values if type(value) is int], default=0)
    return highest < 1 << 63 and _VALUES.issuperset(map(type, values))
