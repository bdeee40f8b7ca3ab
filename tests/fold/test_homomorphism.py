"""Fold is a homomorphism: to whoever saw the first part of a log folded, the whole log is that part and then the rest."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from crdtsql import Replica
from tests.fold.logs import Tables, write
from tests.support import seeds, state

SEEDS = seeds.chosen(40)


def give(sender: Replica, *receivers: Replica) -> None:
    """Send each receiver what it lacks."""
    for receiver in receivers:
        receiver.merge(sender.export(receiver.vector()))


def compare(story: list[str], *replicas: Replica) -> None:
    """Check that replicas with the same events have everything alike."""
    expected: dict[str, Any] = state.shared(replicas[0].connection)
    for number, replica in enumerate(replicas[1:], 1):
        found = state.shared(replica.connection)
        for what, value in expected.items():
            if found[what] != value:
                left, right = value, found[what]
                if isinstance(left, dict):
                    names = [name for name in left.keys() | right.keys() if left.get(name) != right.get(name)]
                    left, right = ({name: side.get(name) for name in names} for side in (left, right))
                raise AssertionError(f"{number}: {what} differs\n{left}\n{right}\n" + "\n".join(story))


@pytest.mark.parametrize("seed", SEEDS)
def test_fold_is_a_homomorphism(seed: int) -> None:
    """What a file folds of a log in one go, and a copy in two goes as the same site, is the same to everybody who saw either."""
    random = Random(seed)
    tables = Tables.choose(random)
    first = tables.open(1)
    other = tables.open(2)
    late = tables.open(3)
    tables.begin(first, other)
    story: list[str] = []
    for _ in range(random.choice((1, 2, 4))):
        for _ in range(random.choice((0, 2, 4))):
            story.append("first: " + write(random, tables, first.connection))
            if random.random() < 0.4:
                story.append("other: " + write(random, tables, other.connection))
        if random.random() < 0.7:
            story.append("-- exchange")
            give(other, first)
            give(first, other)
        story.append("-- cut")
        first.fold()
        for _ in range(random.choice((1, 2, 4, 7))):
            story.append("first: " + write(random, tables, first.connection))
        copy = tables.open(9, image=first.connection.serialize("main"))
        copy.fold()
        story.append("-- copy folds")
        for _ in range(random.choice((1, 2, 4, 7))):
            story.append("first: " + write(random, tables, first.connection))
        give(copy, other)
        first.fold()
        give(first, copy)
        compare(story, first, copy)
        give(first, other)
        give(other, first)
        compare(story, first, other)
        give(first, late)
        give(late, first)
    compare(story, first, other, late)
