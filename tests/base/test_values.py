"""Values as JSON and as text."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crdtsql.base import values

VALUES = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text(), st.binary(max_size=100)
)


def _from_json(found: Any) -> Any:
    if isinstance(found, dict):
        ((kind, text),) = found.items()
        return bytes.fromhex(text) if kind == "blob" else float(text)
    return found


@given(VALUES)
def test_json_keeps_every_value(value: Any) -> None:
    """A value written as JSON can be read back: same value, same type, infinities and blobs too."""
    read = _from_json(json.loads(json.dumps(values.to_json(value), allow_nan=False)))
    assert type(read) is type(value)
    assert read == value
    if isinstance(value, float):
        assert math.copysign(1, read) == math.copysign(1, value)


@given(VALUES, VALUES)
def test_keys_as_json_are_distinct(one: Any, other: Any) -> None:
    """A key of one column is the value itself, of several an array; different keys never look alike."""
    single = values.key_to_json((one,))
    assert values.key_to_json((one, other)) == f"[{single}, {values.key_to_json((other,))}]"
    if (type(one), repr(one)) != (type(other), repr(other)):
        assert single != values.key_to_json((other,))


@given(VALUES, st.integers(5, 100))
def test_shown_values_are_short_and_harmless(value: Any, width: int) -> None:
    """A value shown to a person is one line, at most as wide as asked for, without control characters."""
    shown = values.show(value, width)
    assert 0 < len(shown) <= width
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "NULL"),
        (7, "7"),
        (1.0, "1.0"),
        ("", "''"),
        ("it's", "'it''s'"),
        (b"", "x''"),
        (b"\x00\xff", "x'00ff'"),
        ("a\nb", "'a\ufffdb'"),
    ],
)
def test_values_are_shown_as_sql_writes_them(value: Any, shown: str) -> None:
    """Values are shown in SQL's notation."""
    assert values.show(value) == shown


def test_long_values_are_cut_with_an_ellipsis() -> None:
    """A value too long to show ends with an ellipsis."""
    assert values.show("x" * 100, 10) == "'xxxxxxxx…"
    assert len(values.show(bytes(10**6))) == 60


def test_keys_are_shown_bare_or_in_parentheses() -> None:
    """A key of one column is shown as its value, of several in parentheses."""
    assert values.show_key(("a",)) == "'a'"
    assert values.show_key((1, "a", None)) == "(1, 'a', NULL)"


@given(st.lists(VALUES))
def test_output_for_programs_is_json(rows: list[Any]) -> None:
    """What --json prints is JSON by the book, whatever the values are."""

    def refuse(text: str) -> None:
        raise AssertionError(text)

    read = json.loads(values.dumps({"rows": [values.to_json(value) for value in rows]}), parse_constant=refuse)
    assert len(read["rows"]) == len(rows)
