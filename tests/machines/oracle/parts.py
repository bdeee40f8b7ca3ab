"""How values of column types fall into parts, and how parts are shown again: plain Python, nothing of crdtsql.

A part has a name: "" is the whole, "+" a site's running total, or "+1700" that of what it added from an hlc on; 32 hex digits, and perhaps "+1700", what a base had seen of it;
an element's JSON text, or a leaf's path as JSON strings with commas between.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any

Stamp = tuple[int, bytes]

WHOLE, TOTAL = "", "+"
TYPES = ("lww", "register", "max", "min", "set", "grow-set", "map", "counter", "grow-counter")
LIMIT, REAL_LIMIT = 1 << 62, 1.7e308
"""What a counter shows at most, of integers and of reals."""
SETS, COUNTERS, EXTREMES = ("set", "grow-set"), ("counter", "grow-counter"), ("max", "min")


class Gone:
    """The value of a part that an event removed."""

    def __repr__(self) -> str:
        return "GONE"


GONE = Gone()


@dataclass(frozen=True, slots=True)
class Head:
    """A latest event on a part.

    Attributes:
        value: what it wrote there; GONE if it removed the part.
        noted: for what a base had seen of a site: the hlc of that total.
    """

    part: str
    stamp: Stamp
    value: Any
    noted: int | None = None


def same(left: Any, right: Any) -> bool:
    """Tell whether two stored values are the same value of the same type; 0.0 and -0.0 differ."""
    return type(left) is type(right) and repr(left) == repr(right)


def alike(left: Any, right: Any) -> bool:
    """Tell whether SQL finds no difference between two values: 1 is 1.0 there."""
    return same(left, right) or (left == right and isinstance(left, (int, float)) and isinstance(right, (int, float)))


def falls_into_parts(kind: str) -> bool:
    """Tell whether a value of the type is more than one part."""
    return kind in SETS or kind == "map"


# -- values into parts ----------------------------------------------------------------------------


def text_of(value: Any) -> str:
    """Write a JSON value compactly, the same value always in the same way; half of a pair of surrogates stays an escape.

    Those from U+DC80 to U+DCFF stand for bytes that are no UTF-8. JSON has no word for infinity, but numbers that are read as it.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if "Infinity" in text:
        text = re.sub(
            r'"(?:[^"\\]|\\.)*"|Infinity', lambda found: "9e999" if found[0] == "Infinity" else found[0], text
        )
    return re.sub("[\ud800-\udc7f\udd00-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text)


def _parsed(text: str) -> Any:
    def integer(digits: str) -> int | float:
        number = int(digits)
        return number if -(2**63) <= number < 2**63 else float(digits)

    return json.loads(text, parse_int=integer)


def explode(kind: str, value: Any) -> dict[str, Any]:
    """Return the parts of a value of a set or map, the whole left out: part -> value."""
    if value is None:
        return {}
    if kind in SETS:
        return {text_of(element): None for element in _parsed(value)}
    return dict(_leaves(_parsed(value), ()))


def _leaves(value: Any, path: tuple[str, ...]) -> Iterable[tuple[str, str]]:
    if isinstance(value, dict) and (value or not path):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    else:
        yield ",".join(map(text_of, path)), text_of(value)


def path_of(part: str) -> tuple[str, ...]:
    """Return the keys of a leaf's path."""
    return tuple(json.loads(f"[{part}]"))


def extends(longer: str, shorter: str) -> bool:
    """Tell whether a path leads on from another."""
    first, second = path_of(longer), path_of(shorter)
    return len(first) > len(second) and first[: len(second)] == second


def number(value: Any) -> Fraction:
    """Return what a value counts in a counter; text, `<m>p<e>`, is a number that no integer and no real of SQLite's is."""
    if isinstance(value, str):
        odd, power = value.split("p")
        return int(odd, 16) * Fraction(2) ** int(power)
    return Fraction(0 if value is None else value)


def total(exact: Fraction, real: bool) -> Any:
    """Return how a total is stored."""
    if not real and exact.denominator == 1 and -(2**63) <= exact < 2**63:
        return int(exact)
    if real and abs(exact) < 2**1024 and Fraction(float(exact)) == exact:
        return float(exact)
    odd, power = exact.numerator, 1 - exact.denominator.bit_length()
    while odd % 2 == 0:
        odd, power = odd // 2, power + 1
    return f"{odd:x}p{power}"


def limited(exact: Fraction, real: bool) -> Any:
    """Return what a counter shows of its value."""
    most = REAL_LIMIT if real else LIMIT
    shown = max(-Fraction(most), min(exact, Fraction(most)))
    return float(shown) if real else floor(shown + Fraction(1, 2))


def extreme(kind: str, values: Iterable[Any]) -> Any:
    """Return the greatest (smallest) value in SQLite's order; NULL is none, and of equal ones the first stays."""
    best = None
    for value in values:
        if value is None:
            continue
        if best is None or (_order(value) > _order(best) if kind == "max" else _order(value) < _order(best)):
            best = value
    return best


def _order(value: Any) -> tuple[int, Any]:
    if isinstance(value, str):
        return 1, value.encode(errors="surrogateescape")
    return (2, value) if isinstance(value, bytes) else (0, value)


# -- parts into values ----------------------------------------------------------------------------


def sum_of(heads: Iterable[Head]) -> Fraction:
    """Return what a counter adds up to: its latest base, and what each site added since the base had seen of it."""
    exact = number(latest(head for head in heads if head.part == WHOLE).value)
    for added in filter(is_total, heads):
        noted = [
            head for head in heads if head.part == added.stamp[1].hex() + (added.part if added.part != TOTAL else "")
        ]
        exact += number(added.value) - (number(max(noted, key=lambda head: head.noted or 0).value) if noted else 0)
    return exact


def is_total(head: Head) -> bool:
    """Tell whether it is what a site added to a counter: all of it, or all since it agreed last that what it had added may be forgotten."""
    return head.part.startswith(TOTAL)


def is_implicit(heads: Collection[Head]) -> bool:
    """Tell whether all heads stem from one whole write."""
    return len({head.stamp for head in heads}) == 1 and not any(map(is_total, heads))


def latest(heads: Iterable[Head]) -> Head:
    """Return the head with the greatest stamp."""
    return max(heads, key=lambda head: head.stamp)


def live(heads: Iterable[Head]) -> dict[str, str]:
    """Return the elements or leaves that have a head that is not gone, with the value of the latest of these."""
    found: dict[str, Head] = {}
    for head in heads:
        if head.part != WHOLE and head.value is not GONE:
            held = found.get(head.part)
            found[head.part] = head if held is None else latest((held, head))
    return {part: head.value for part, head in found.items()}


def siblings(kind: str, heads: Iterable[Head]) -> Iterable[tuple[Head, Head]]:
    """Yield the values that stand beside the shown one in a register, or in a leaf of a map: (shown, other)."""
    if kind not in ("register", "map"):
        return
    by_part: dict[str, list[Head]] = {}
    for head in heads:
        if head.value is not GONE and (head.part == WHOLE) == (kind == "register"):
            by_part.setdefault(head.part, []).append(head)
    for found in by_part.values():
        shown = latest(found)
        yield from ((shown, other) for other in found if not alike(shown.value, other.value))


def visible(leaves: Mapping[str, str]) -> dict[str, str]:
    """Leave out the leaves in whose place there is an object."""
    return {part: value for part, value in leaves.items() if not any(extends(other, part) for other in leaves)}


def join(leaves: Mapping[str, str]) -> str:
    """Write a map that has these leaves."""
    return _object(visible(leaves))


def show(kind: str, heads: Collection[Head], real: bool = False) -> Any:
    """Return what a cell shows that does not stem from one whole write alone; `real` says whether its column has reals only."""
    wholes = sorted((head for head in heads if head.part == WHOLE), key=lambda head: head.stamp, reverse=True)
    if kind in SETS:
        return f"[{','.join(sorted(live(heads), key=_element_order))}]"
    if kind == "map":
        return join(live(heads))
    if kind in EXTREMES:
        return extreme(kind, (head.value for head in wholes))
    shown = wholes[0].value
    if kind in COUNTERS:
        return limited(sum_of(heads), real)
    return shown


def _element_order(text: str) -> tuple[Any, ...]:
    if text in ("null", "false", "true"):
        return ("null", "false", "true").index(text), 0, ""
    value = _parsed(text)
    return (4, 0, value) if isinstance(value, str) else (3, value, text)


def _object(leaves: Mapping[str, str]) -> str:
    tree: dict[str, Any] = {}
    for part, value in leaves.items():
        *way, last = path_of(part)
        inner = tree
        for key in way:
            inner = inner.setdefault(key, {})
        inner[last] = value
    return _written(tree)


def _written(tree: Mapping[str, Any]) -> str:
    return (
        "{"
        + ",".join(
            f"{text_of(key)}:{_written(value) if isinstance(value, dict) else value}"
            for key, value in sorted(tree.items())
        )
        + "}"
    )
