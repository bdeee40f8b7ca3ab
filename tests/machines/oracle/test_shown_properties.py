"""What decision 0017 promises of what tables show, over random states: it is sound, whole, and the same however it is computed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from tests.machines.oracle.events import Row
from tests.machines.oracle.model import Replica, World
from tests.machines.oracle.rules import Check, Record, Reference, Rules, Unique, circles, refers
from tests.machines.oracle.shown import Shown

STATES = int(os.environ.get("CRDTSQL_STATES", "400"))
KEYS = (1, 2, 3)
VALUES = ("x", "y", None)
ACTIONS = ("NO ACTION", "CASCADE", "SET NULL", "SET DEFAULT")


def _table(random: Random, names: tuple[str, ...]) -> Rules:
    """Make up the constraints of a table with two references, which may be one of two columns, and two values."""
    references = [
        Reference((column,), random.choice(names), ("id",), random.choice(ACTIONS), enforced=random.random() < 0.8)
        for column in ("r", "s")
    ]
    if random.random() < 0.2:
        references[0] = Reference(("r", "s"), random.choice(names), ("id", "u"), random.choice(ACTIONS))
    elif random.random() < 0.2:
        references[0] = Reference(("s",), random.choice(names), ("u",), random.choice(ACTIONS))
    policies = random.choices(("hold", "null", "suffix", "same"), (3, 1, 1, 3), k=3)
    indexed = (("u",), ("v", "r"), ("s",))
    uniques = [Unique(", ".join(of), of, policy=policy) for of, policy in zip(indexed, policies, strict=True)]
    checks = [
        Check("CHECK r", lambda record: record["r"] != 2),
        Check("CHECK s", lambda record: record["s"] is not None),
    ]
    return Rules(
        uniques=tuple(one for one in uniques if random.random() < 0.6),
        references=tuple(references[: random.choice((1, 2, 2))]),
        checks=tuple(one for one in checks if random.random() < 0.2),
        defaults={"r": random.choice((None, 1)), "s": random.choice((None, 2))},
        required=frozenset({"r"} if random.random() < 0.2 else ()),
    )


def _state(random: Random) -> Shown:
    """Let three replicas write without any constraint, and meet now and then."""
    names = ("t", "p")[: random.choice((1, 2))]
    rules = {name: _table(random, names) for name in names}
    world = World()
    replicas = [Replica(world, bytes([n] * 16)) for n in range(3)]
    for number in range(random.randint(4, 16)):
        one = random.choice(replicas)
        row: Row = (random.choice(names), (random.choice(KEYS),))
        kind = random.choice(("insert", "insert", "insert", "update", "delete"))
        values: dict[str, Any] = {
            "u": random.choice(VALUES), "v": random.choice(VALUES), "r": random.choice((*KEYS, None)), "s": random.choice((*KEYS, "x", None)),
        }  # fmt: skip
        if kind == "update":
            values = dict(random.sample(sorted(values.items()), 2))
        known = one.rows.get(row)
        if (kind == "insert") == (known is not None and known.alive):
            continue
        one.write(kind, row, {} if kind == "delete" else values)
        one.fold(1_000 + number)
        if random.random() < 0.25:
            for other in replicas:
                other.known |= one.known
    return Shown(world, replicas[0].known | replicas[1].known | replicas[2].known, rules)


def _breaks(now: Shown, row: Row, record: Record) -> bool:
    """Tell whether a row can't be shown like that beside the others."""
    others = {other: found for other, found in now.view.shown.items() if other != row}
    values = {value for other, found in others.items() for value in now._values(other, found)}
    return (
        bool(now._values(row, record) & values)
        or not all(check.holds(record) for check in now.rules[row[0]].checks)
        or any(
            reference.enforced
            and all(record[column] is not None for column in reference.columns)
            and not any(refers(record, reference, p, found) for p, found in (*others.items(), (row, record)))
            and not now._was_found_so(row, reference)
            for reference in now.rules[row[0]].references
        )
    )


def _alone(now: Shown) -> Iterator[Row]:
    """Yield the rows that are part of no circle."""
    yield from (row for unit in circles(now.parents) if len(unit) == 1 for row in unit)


@pytest.mark.parametrize("seed", range(4))
def test_every_constraint_holds(seed: int) -> None:
    """No shown row breaks a constraint beside the other shown rows, however concurrent writes came together."""
    random = Random(seed)
    for _ in range(STATES):
        now = _state(random)
        for row, record in now.view.shown.items():
            assert not _breaks(now, row, record), (row, record, now.view)


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_held_that_could_be_shown(seed: int) -> None:
    """A held row outside of circles has a shown row in its way, or lacks one that it refers to, however it might be shown."""
    random = Random(seed)
    for _ in range(STATES):
        now = _state(random)
        for row in _alone(now):
            if row not in now.view.shown:
                assert _breaks(now, row, now.records[row]), (row, now.view)


@pytest.mark.parametrize("seed", range(4))
def test_united_rows_lead_to_shown_ones(seed: int) -> None:
    """The winner of a union is shown, and whoever could be read as referring to it does so."""
    random = Random(seed)
    for _ in range(STATES):
        now = _state(random)
        for row, union in now.united.items():
            assert row not in now.view.shown
            assert union.winner in now.view.shown, (row, union, now.view)


@pytest.mark.parametrize("seed", range(2))
def test_what_is_shown_does_not_depend_on_the_order(seed: int) -> None:
    """The same events known in another order, or constraints declared in another one, show the same."""
    random = Random(seed)
    for _ in range(STATES // 2):
        now = _state(random)
        assert _backwards(now).view == now.view


def _backwards(now: Shown) -> Shown:
    """Compute what is shown again from constraints that are declared in the opposite order."""
    rules = {
        name: Rules(
            uniques=found.uniques[::-1],
            references=found.references[::-1],
            checks=found.checks[::-1],
            defaults=found.defaults,
            required=found.required,
        )
        for name, found in reversed(now.rules.items())
    }
    known = sum(1 << event.number for event in now.world.events if event.stamp in now.events)
    return Shown(now.world, known, rules)
