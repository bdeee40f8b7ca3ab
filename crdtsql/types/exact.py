r"""Exact numbers: what a counter's parts add up to, however large or small they are.

SQLite's integers end at 2^63 and its reals round, so neither can hold every total. A sum is therefore kept as a whole number of units
of 2^-1074, the smallest real that there is, in which every integer and every finite real is a whole number: adding is exact, and no
order of adding matters. A total is stored as an ordinary number where one holds it exactly; where none does, as text `<m>p<e>`, which
is m times 2^e with m odd and in hexadecimal. Only what a table shows is rounded, and kept within the range that a counter has.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import apsw

from crdtsql.base import SqliteValue

BOUND = 1 << 62
"""An integer counter shows at most this, and at least minus this: beyond 2**63 SQLite turns an integer into an inexact real."""

REAL_BOUND = 1.7e308
"""The same of a REAL counter; the greatest real is a little above."""

_UNIT = 1074
_MOST_BITS = _UNIT + 1024 + 64
"""A total of 2^64 additions of the greatest real has no more."""

_TEXT = re.compile(r"(-?[0-9a-f]{1,600})p(-?[0-9]{1,4})", re.ASCII)


def read(value: SqliteValue) -> int:
    """Return a stored number in units; NULL counts as 0.

    Raises:
        ValueError: it is none.

    >>> read(3) == 3 << 1074, read("-1p70") == -1 << 70 + 1074
    (True, True)
    """
    if value is None:
        return 0
    if isinstance(value, int):
        return value << _UNIT
    if isinstance(value, float):
        numerator, denominator = value.as_integer_ratio()
        return numerator << (_UNIT + 1 - denominator.bit_length())
    found = _TEXT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"no number: {value!r:.40}")
    shift = int(found[2]) + _UNIT
    if not 0 <= shift <= _MOST_BITS:
        raise ValueError(f"no number that a counter can reach: {value!r:.40}")
    return int(found[1], 16) << shift


def write(units: int, real: bool) -> int | float | str:
    """Return how a number is stored; `real` says whether the column's affinity is REAL.

    >>> write(read(7), False), write(read(7), True), write(read(2**62) * 2, False), write(read(0.1) + read(0.2), True)
    (7, 7.0, '1p63', '26666666666667p-55')
    """
    held = _as_real(units) if real else _as_integer(units)
    return held if held is not None else _as_text(units)


def shown(units: int, real: bool) -> int | float:
    """Return what a table shows of a number; a column that is not REAL takes whole numbers alone, so its is the nearest.

    A total has a fraction there after the column was REAL, or where a changeset says so.

    >>> shown(read(2**62) * 2, False) == BOUND, shown(-read(1e308) * 2, True), shown(read(4.75), False)
    (True, -1.7e+308, 5)
    """
    if real:
        most = read(REAL_BOUND)
        return REAL_BOUND if units > most else -REAL_BOUND if units < -most else units / (1 << _UNIT)
    nearest = (units + (1 << _UNIT - 1)) >> _UNIT
    return max(-BOUND, min(nearest, BOUND))


def is_stored(value: SqliteValue) -> bool:
    """Tell whether a total can be stored like that: finite, and as text only where no number holds it.

    >>> is_stored(1.5), is_stored("1p63"), is_stored("2p62"), is_stored("1p1"), is_stored("1p9999"), is_stored(float("inf"))
    (True, True, False, False, False, False)
    """
    if isinstance(value, float):
        return abs(value) < float("inf")
    if not isinstance(value, str):
        return isinstance(value, int)
    try:
        units = read(value)
    except ValueError:
        return False
    if _as_real(units) is not None and _as_integer(units) is not None:
        return False
    return value == _as_text(units) and units.bit_length() <= _MOST_BITS


def number(value: SqliteValue) -> SqliteValue:
    """Return a stored total as Python has it: a whole number of any size, or the nearest real.

    >>> number("1p63"), number(write(read(0.1) + read(0.2), True)), number(5)
    (9223372036854775808, 0.30000000000000004, 5)
    """
    if not isinstance(value, str):
        return value
    units = read(value)
    return units >> _UNIT if not units & ((1 << _UNIT) - 1) else units / (1 << _UNIT)


def _as_integer(units: int) -> int | None:
    whole = units >> _UNIT
    return whole if whole << _UNIT == units and -(1 << 63) <= whole < 1 << 63 else None


def _as_real(units: int) -> float | None:
    try:
        nearest = units / (1 << _UNIT)
    except OverflowError:
        return None
    return nearest if read(nearest) == units else None


def _as_text(units: int) -> str:
    zeros = (units & -units).bit_length() - 1
    return f"{units >> zeros:x}p{zeros - _UNIT}"


class _Sum:
    """An aggregate for SQL over (added, taken off, whether the column is REAL)."""

    def __init__(self) -> None:
        self.units, self.real = 0, False

    def step(self, added: SqliteValue, taken: SqliteValue, real: SqliteValue) -> None:
        """Count a number that is added and one that is taken off; NULL is none."""
        self.units += read(added) - read(taken)
        self.real = bool(real)


class Total(_Sum):
    """The sum as it is stored."""

    def final(self) -> SqliteValue:
        """Return the sum."""
        return write(self.units, self.real)


class Shown(_Sum):
    """The sum as a table shows it."""

    def final(self) -> SqliteValue:
        """Return the sum."""
        return shown(self.units, self.real)


def register_functions(connection: apsw.Connection) -> None:
    """Give a connection the functions that counters need and SQLite lacks."""
    aggregates: dict[str, Callable[..., Any]] = {"_crdt_total": Total, "_crdt_counter": Shown}
    for name, aggregate in aggregates.items():
        connection.create_aggregate_function(name, aggregate, 3)
    add: Callable[..., SqliteValue] = _add
    is_total: Callable[..., bool] = is_stored
    connection.create_scalar_function("_crdt_add", add, 3, deterministic=True)
    connection.create_scalar_function("_crdt_is_total", is_total, 1, deterministic=True)


def _add(left: SqliteValue, right: SqliteValue, real: SqliteValue) -> SqliteValue:
    return write(read(left) + read(right), bool(real))
