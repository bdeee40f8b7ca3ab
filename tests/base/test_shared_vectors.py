"""Version vectors that are shared, and compared once."""

from __future__ import annotations

import copy
import json
import pickle
from types import MappingProxyType

import pytest

from crdtsql.base import SharedVector, by_id, differing

ONE, OTHER, THIRD = (bytes([number]) * 16 for number in (1, 2, 3))
VECTOR = {ONE: 5, OTHER: 7}


def shared(**more: int) -> SharedVector:
    """Return a shared vector with the two sites, and a third one if that is given."""
    return SharedVector(MappingProxyType(VECTOR | {THIRD: hlc for hlc in more.values()}))


def test_it_is_a_dict_that_can_not_be_changed() -> None:
    """Programs read it as any vector; to change it is refused, whatever the way, and a copy can be changed."""
    vector = shared()
    assert vector == {site.hex(): hlc for site, hlc in VECTOR.items()} and by_id(vector) == VECTOR
    assert json.loads(json.dumps(vector)) == vector
    changes = (
        lambda: vector.__setitem__(ONE.hex(), 9),
        lambda: vector.__delitem__(ONE.hex()),
        lambda: vector.update({ONE.hex(): 9}),
        lambda: vector.setdefault(THIRD.hex(), 9),
        lambda: vector.__ior__({ONE.hex(): 9}),
        lambda: vector.pop(ONE.hex()),
        vector.popitem,
        vector.clear,
    )
    for change in changes:
        with pytest.raises(TypeError, match="a copy"):
            change()
    assert by_id(vector) == VECTOR == dict(vector.by_id)
    for other in (dict(vector), copy.copy(vector), copy.deepcopy(vector), pickle.loads(pickle.dumps(vector))):  # noqa: S301
        assert type(other) is dict and other == vector
        other.clear()
    assert by_id(vector) == VECTOR


def test_what_was_found_equal_is_not_compared_again() -> None:
    """Equal vectors share their content, and so does what is compared with one of them later; others don't."""
    first, second, third = shared(), shared(), shared()
    assert first.content is not second.content
    assert differing(first, second) == differing(second, third) == []
    assert first.content is second.content is third.content
    longer = shared(third=1)
    assert differing(first, longer) == [] and longer.content is not first.content
    assert differing(longer, first) == [THIRD.hex()] and longer.content is not first.content


def test_one_that_rises_is_another_one() -> None:
    """What is raised keeps nothing of what was found of the one before, and changes nothing of that."""
    first, second = shared(), shared()
    assert differing(first, second) == []
    later = MappingProxyType(VECTOR | {OTHER: 8})
    raised = first.raised(later, {OTHER: 8})
    assert by_id(raised) == later == raised.by_id and by_id(first) == VECTOR
    assert differing(raised, first) == differing(second, raised) == [OTHER.hex()]
    assert raised.content is not first.content
