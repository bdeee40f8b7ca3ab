"""Rounds: what replicas agree on, computed alone; checked against a model that knows what each of them has seen."""

from __future__ import annotations

import dataclasses
import random

import pytest

from crdtsql.base import RETIRED, Agreement
from crdtsql.base.rules import rounds_rule
from crdtsql.base.rules.rounds_rule import Ending

A, B, C, D = (bytes([n]) * 16 for n in (1, 2, 3, 4))


def test_a_replica_alone_agrees_with_itself() -> None:
    """A round is finished at once where nobody else must agree; the floor is what the replica had."""
    found = Agreement().agreed(A, {A: 5}).finished({A: 5})
    assert (found.floor, found.number, found.is_open) == ({A: 5}, 1, False)


def test_all_members_must_agree() -> None:
    """The floor is what all of them had when they agreed."""
    begun = Agreement().agreed(A, {A: 5, B: 3})
    assert begun.missing({A: 5, B: 3}) == {B} and begun.finished({A: 5, B: 3}) == begun
    both = begun.agreed(B, {A: 4, B: 9})
    assert both.finished({A: 5, B: 9}).floor == {A: 4, B: 3}


def test_who_was_cloned_must_agree_before_it_wrote_anything() -> None:
    """A clone is a member from the moment on at which somebody vouches for it."""
    begun = Agreement(vouchers={C: A}).agreed(A, {A: 5})
    assert begun.missing({A: 5}) == {C}


def test_an_end_begins_the_round_anew() -> None:
    """Who agreed without knowing of an end may have taken something of that site since: its word does not count."""
    begun = Agreement().agreed(A, {A: 5, B: 3, C: 1}).agreed(B, {A: 5, B: 3, C: 1})
    ended = begun.joined(Agreement(ends={C: Ending(6, A)}))
    assert ended.missing({A: 6, B: 3, C: 1}) == {C}
    again = ended.agreed(A, {A: 6, B: 3, C: 1})
    assert (again.number, again.acks) == (1, {A}) and again.missing({A: 6, B: 3, C: 1}) == {B}
    assert again.agreed(B, {A: 6, B: 3, C: 1}).finished({A: 6, B: 3, C: 1}).floor == {A: 6, B: 3, C: 1}


def test_an_ended_site_agrees_to_nothing() -> None:
    """Its word would not count."""
    found = Agreement(ends={B: Ending(6, A)})
    assert found.agreed(B, {A: 6, B: 3}) == found


def test_joining_is_a_lattice() -> None:
    """It does not matter in which order, or how often, what replicas say is joined."""
    chance = random.Random(7)

    def some() -> Agreement:
        found = Agreement(chance.randrange(3), vouchers={C: chance.choice((A, B))} if chance.random() < 0.3 else {})
        for site in chance.sample((A, B, C), chance.randrange(4)):
            found = found.agreed(site, {one: chance.randrange(1, 9) for one in (A, B, C)})
        if chance.random() < 0.3:
            found = found.joined(Agreement(ends={C: Ending(chance.randrange(1, 9), chance.choice((A, B)))}))
        return found

    for _ in range(2_000):
        one, two, three = some(), some(), some()
        assert one.joined(one) == one
        assert one.joined(two) == two.joined(one)
        assert one.joined(two).joined(three) == one.joined(two.joined(three))
        assert Agreement.from_json(one.to_json()) == one


@pytest.mark.parametrize("seed", range(60))
def test_what_can_still_come_has_seen_the_floor(seed: int) -> None:
    """In a model of writers that meet at random, nobody takes in an event that had not seen the receiver's floor."""
    chance = random.Random(seed)
    sites = [bytes([n]) * 16 for n in range(1, chance.randrange(3, 6))]
    vectors: dict[bytes, dict[bytes, int]] = {site: {site: 1} for site in sites}
    known = {site: Agreement() for site in sites}
    seen_by: dict[tuple[bytes, int], dict[bytes, int]] = {(site, 1): {} for site in sites}
    for site in sites[1:]:  # all know each other before anything is forgotten
        for other in sites:
            vectors[other] = rounds_rule.most(vectors[other], vectors[site])
    vectors = {site: {one: 1 for one in sites} for site in sites}
    clock = 1
    for _ in range(300):
        one, other = chance.sample(sites, 2)
        what = chance.random()
        if what < 0.4:
            clock += 1
            seen_by[one, clock] = dict(vectors[one])
            vectors[one][one] = clock
        elif what < 0.6:
            known[one] = known[one].agreed(one, vectors[one]).finished(vectors[one])
        else:
            news = [
                (site, hlc) for site, hlc in seen_by if vectors[one].get(site, 0) < hlc <= vectors[other].get(site, 0)
            ]
            assert rounds_rule.covers(vectors[one], known[other].floor) or not news
            assert all(rounds_rule.covers(seen_by[event], known[one].floor) for event in news)
            vectors[one] = rounds_rule.most(vectors[one], vectors[other])
            known[one] = known[one].joined(known[other])
            if known[one].is_open:
                known[one] = known[one].agreed(one, vectors[one])
            known[one] = known[one].finished(vectors[one])
            assert rounds_rule.covers(vectors[one], known[one].floor)
    assert seed or any(one.floor for one in known.values())


def test_an_end_is_complete_once_the_floor_has_it() -> None:
    """All members knew of the end when they agreed, and who has the floor has what each of them had."""
    known = Agreement(ends={C: Ending(6, A)}, floor={A: 5, B: 3, C: 4})
    assert known.complete == 0
    assert dataclasses.replace(known, floor={A: 6, B: 3, C: 1}).complete == 6


def test_an_end_waits_for_those_before_it() -> None:
    """What a vector says of ended sites it says of all that were ended up to then."""
    ends = {D: Ending(7, A), C: Ending(6, B)}
    assert Agreement(ends=ends, floor={A: 7, B: 6}).complete == 7
    assert Agreement(ends=ends, floor={A: 6, B: 6}).complete == 6
    assert Agreement(ends=ends, floor={A: 7, B: 5}).complete == 0


def test_a_site_is_named_until_all_have_said_that_they_have_all() -> None:
    """The floor must say so; and who ended a site is named as long as that one is."""
    ends = {C: Ending(6, A), A: Ending(9, B)}
    assert Agreement(ends=ends, floor={A: 6, B: 9, C: 4}).retiring() == set()
    assert Agreement(ends=ends, floor={A: 6, B: 9, C: 4, RETIRED: 6}).retiring() == {C}
    assert Agreement(ends={C: Ending(9, A), A: Ending(6, B)}, floor={A: 9, B: 9, RETIRED: 6}).retiring() == set()
    left = Agreement(ends=ends, floor={A: 6, C: 4, RETIRED: 6}, acks=frozenset({C, B}), cut={C: 4}).without({C})
    assert left == Agreement(ends={A: ends[A]}, floor={A: 6, RETIRED: 6}, acks=frozenset({B}))


def test_the_entry_of_ended_sites_is_no_member() -> None:
    """Nobody waits for it, and a cut has it like any other."""
    found = Agreement().agreed(A, {A: 5, RETIRED: 3})
    assert found.missing({A: 5, RETIRED: 3}) == set() and found.members({A: 5, RETIRED: 3}) == {A}
    assert found.finished({A: 5, RETIRED: 3}).floor == {A: 5, RETIRED: 3}


def test_a_voucher_goes_once_all_know_the_site() -> None:
    """A site in the floor has written something that all members have."""
    found = Agreement(vouchers={C: A}).agreed(A, {A: 5, C: 1}).agreed(C, {A: 5, C: 1})
    assert found.finished({A: 5, C: 1}).vouchers == {}
    assert Agreement(floor={C: 1}).joined(Agreement(vouchers={C: A, B: A})).vouchers == {B: A}
