"""Random values for the columns of the simulation, and what ordinary SQL sets typed columns to."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from tests.machines.oracle import parts
from tests.machines.simulation.tables import Shape
from tests.support import edges

PLAIN = (
    None,
    0,
    1,
    1.0,
    -1,
    2.5,
    "",
    "x",
    "X",
    "y",
    b"",
    b"\x00\xff",
    2**63 - 1,
    -(2**63),
    "a\0b",
    float("inf"),
    "z" * 200,
)
NUMBERS = (0, 1, 1, 2, 5, -3, -1, 2**40) * 5 + edges.COUNTS
REALS = (0.0, 0.5, 1.0, -2.5, 1024.0) * 5 + edges.REAL_COUNTS
ELEMENTS = ("1", "1.0", '"1"', "true", '"a"', r'"\u0061"', '"b"', '"é"', "null", "-5", "1e3", '"say \\"x\\""', '""')
BIG = ("9007199254740993", "-9007199254740993", "9007199254740992.0", r'"a\u0000b"', "false", "0.1")
BOUND = (1, 1.0, "1", "a", "b", "c", "é", None, -5, 0.1, "a\0b", "a", "a", "b", "b", 1)
LEAVES = ("1", "1.0", '"a"', "null", "true", "[1,2]", '["x", {"y": 1}]', "{}", "[]", '"é"', '{"b":1}')
KEYS = ("a", "b", "a", "b", "c", "é", 'x"y', "")
PATHS = ("$.a", "$.a", "$.b", "$.a.b", "$.a.b", "$.a.c", "$.b.a.c", "$.c")
INVALID = ("x", "[[1]]", '{"a":', b"\x01", "", 3.25, edges.LIMIT + 1, "[", "[1] x")

Setting = tuple[str, tuple[Any, ...]]


def value(random: Random, shape: Shape, column: str) -> Any:
    """Return a value for a column, nearly always one that it takes."""
    kind = shape.types[column]
    while True:
        found = _value(random, kind, column in shape.reals)
        if found is not None or column not in shape.required:
            return found


def _value(random: Random, kind: str, real: bool) -> Any:
    if kind in ("lww", "register", *parts.EXTREMES):
        return random.choice(PLAIN)
    if random.random() < 0.02:
        return random.choice(INVALID)
    if random.random() < 0.1:
        return None
    if kind in parts.COUNTERS:
        return random.choice(REALS if real else NUMBERS)
    if kind in parts.SETS:
        return _array(random)
    return _object(random)


def _array(random: Random) -> str:
    elements = random.choices((*ELEMENTS, *BIG, *('"a"', '"b"', "1") * 6), k=random.choice((0, 1, 2, 2, 3, 5)))
    return f"[{random.choice((',', ', ')).join(elements)}]"


def _object(random: Random, depth: int = 0) -> str:
    keys = set(random.sample(KEYS, random.choice((0, 1, 2, 3)) if depth == 0 else random.choice((1, 1, 2))))
    members = [
        f"{json.dumps(key)}:{_object(random, depth + 1) if depth < 2 and random.random() < 0.35 else random.choice(LEAVES)}"
        for key in sorted(keys)
    ]
    return "{" + random.choice((",", " , ")).join(members) + "}"


def setting(random: Random, shape: Shape, column: str) -> Setting:
    """Return what an UPDATE sets a column to: an expression, and its bindings."""
    kind = shape.types[column]
    whole = "?", (value(random, shape, column),)
    if kind in parts.COUNTERS:
        step = random.choice(REALS if column in shape.reals else NUMBERS)
        return random.choice(
            (
                (f"{column} + ?", (step,)),
                (f"{column} + ?", (step,)),
                (f"ifnull({column}, 0) + ?", (step,)),
                (f"{column} - 1", ()),
                (f"{column} + 1", ()),
                whole,
            )
        )
    if kind in parts.SETS:
        return random.choice(
            (
                (f"json_insert({column}, '$[#]', ?)", (random.choice(BOUND),)),
                (f"json_insert(ifnull({column}, '[]'), '$[#]', ?)", (random.choice(BOUND),)),
                (f"json_remove({column}, '$[0]')", ()),
                (f"json_remove({column}, '$[#-1]')", ()),
                (f"replace({column}, ',', ' , ')", ()),
                whole,
            )
        )
    if kind == "map":
        return random.choice(
            (
                (f"json_set({column}, ?, ?)", (random.choice(PATHS), random.choice(BOUND))),
                (f"json_set(ifnull({column}, '{{}}'), ?, ?)", (random.choice(PATHS), random.choice(BOUND))),
                (f"json_set({column}, ?, json(?))", (random.choice(PATHS), random.choice(LEAVES))),
                (f"json_remove({column}, ?)", (random.choice(PATHS),)),
                (f"json_patch({column}, ?)", (_object(random),)),
                (f"json_pretty({column})", ()),
                whole,
            )
        )
    return whole


def is_taken(shape: Shape, column: str, new: Any) -> bool:
    """Tell whether a column's type takes a value."""
    kind = shape.types[column]
    if new is None or kind in ("lww", "register", *parts.EXTREMES):
        return True
    if kind in parts.COUNTERS:
        if column in shape.reals:
            return isinstance(new, (int, float)) and abs(new) <= parts.REAL_LIMIT
        return isinstance(new, int) and abs(new) <= parts.LIMIT
    if not isinstance(new, str):
        return False
    try:
        found = json.loads(new, parse_constant=int)
    except ValueError:
        return False
    if kind == "map":
        return isinstance(found, dict)
    return isinstance(found, list) and not any(isinstance(element, (list, dict)) for element in found)


def may_become(shape: Shape, column: str, old: Any, new: Any) -> bool:
    """Tell whether an UPDATE may change a column from one value to another."""
    if not is_taken(shape, column, new):
        return False
    kind = shape.types[column]
    if kind == "grow-counter":
        return bool(parts.number(new) >= parts.number(old))
    return kind != "grow-set" or parts.explode(kind, old).keys() <= parts.explode(kind, new).keys()
