"""Rounds: how replicas agree on what all of them have, without a coordinator (decision 0034).

Pure: knows no file. Vectors are maps: site id -> hlc, without entries of 0. Whoever joins what another replica says of a round must
have what that one has, or the joined cut would promise too much: that is the caller's part.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

Vector = Mapping[bytes, int]
T = TypeVar("T")
RETIRED = bytes(16)
"""The id under which a vector speaks of ended sites: it has all that those wrote whose end is at or before this entry (decision 0035).
In all else it is an entry like any other: it is agreed on in rounds, and who lacks it lacks something."""


class Ending(NamedTuple):
    """The event that ended a site: its hlc, and the site that said so."""

    hlc: int
    by: bytes


@dataclass(frozen=True, slots=True)
class Agreement:
    """What replicas tell each other of what may be forgotten.

    Attributes:
        number: of the round; the higher one counts.
        cut: what all that agreed had.
        acks: the sites that agreed; empty until somebody begins the round.
        known_ends: the ended sites that all of these knew of.
        floor: what may be forgotten: every event that can still come has seen all of it.
        ends: the ended sites, and what ended each.
        vouchers: a new site -> the site that it was copied from, which says so.
    """

    number: int = 0
    cut: Vector = field(default_factory=dict)
    acks: frozenset[bytes] = frozenset()
    known_ends: frozenset[bytes] = frozenset()
    floor: Vector = field(default_factory=dict)
    ends: Mapping[bytes, Ending] = field(default_factory=dict)
    vouchers: Mapping[bytes, bytes] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self != Agreement()

    def members(self, vector: Vector) -> set[bytes]:
        """Return the sites that must agree: all of a vector or vouched for, that nobody ended."""
        return {*vector, *self.vouchers} - self.ends.keys() - {RETIRED}

    def missing(self, vector: Vector) -> set[bytes]:
        """Return the sites without which the round can't be finished: ended ones too, until all that agreed know that they are."""
        settled = {site for site, end in self.ends.items() if site in self.known_ends or self._is_old(end)}
        return {*vector, *self.vouchers} - settled - self.acks - {RETIRED}

    def _is_old(self, end: Ending) -> bool:
        return self.floor.get(end.by, 0) >= end.hlc

    @property
    def complete(self) -> int:
        """Return up to which end whoever has this floor has all that ended sites wrote, and nobody will have more; 0 for none.

        All members knew of such an end when they agreed, so none takes anything of that site any more but from another member; and
        whoever has the floor has what each of them had. An end that comes before another one counts if both do.
        """
        first = min((end.hlc for end in self.ends.values() if not self._is_old(end)), default=None)
        return max((end.hlc for end in self.ends.values() if first is None or end.hlc < first), default=0)

    def retiring(self) -> set[bytes]:
        """Return the ended sites of which all members have agreed that they have all: none needs to be named any more."""
        upto = self.floor.get(RETIRED, 0)
        old = {site for site, end in self.ends.items() if end.hlc <= upto}
        return old - {end.by for site, end in self.ends.items() if site not in old}

    def without(self, sites: AbstractSet[bytes]) -> Agreement:
        """Return it without what it says of some sites."""
        if not sites:
            return self
        return replace(
            self,
            cut=_others(self.cut, sites),
            acks=self.acks - sites,
            known_ends=self.known_ends - sites,
            floor=_others(self.floor, sites),
            ends=_others(self.ends, sites),
            vouchers=_others(self.vouchers, sites),
        )

    @property
    def named(self) -> set[bytes]:
        """Return all sites that it speaks of, but for those of which it says only that they vouched for another one."""
        sites = {*self.cut, *self.acks, *self.known_ends, *self.floor, *self.ends, *self.vouchers}
        return sites | {end.by for end in self.ends.values()}

    @property
    def is_open(self) -> bool:
        """Tell whether somebody began the round."""
        return bool(self.acks)

    def joined(self, other: Agreement) -> Agreement:
        """Return what follows from what two replicas know."""
        ends = dict(self.ends)
        for site, end in other.ends.items():
            ends[site] = min(ends.get(site, end), end)
        floor = most(self.floor, other.floor)
        vouchers = _needed({site: min(one) for site, one in _both(self.vouchers, other.vouchers).items()}, floor)
        later, earlier = (self, other) if self.number >= other.number else (other, self)
        if later.number == earlier.number and later.acks and earlier.acks:
            later = replace(
                later,
                cut=least(later.cut, earlier.cut),
                acks=later.acks | earlier.acks,
                known_ends=later.known_ends & earlier.known_ends,
            )
        elif later.number == earlier.number and not later.acks:
            later = earlier
        return replace(later, floor=floor, ends=ends, vouchers=vouchers)

    def own_word(self, site: bytes, told: Agreement) -> Agreement:
        """Return what counts of what a site told that speaks for itself alone: that it agrees to a round.

        Once a site has finished a round it names nobody any more who agreed to it, itself neither. To who is in that round still, it
        says that it agreed itself: it had all that it has forgotten.
        """
        if site in told.acks:
            return replace(told, acks=frozenset({site}), floor={}, ends={}, vouchers={})
        if not self.acks or told.number <= self.number:
            return Agreement()
        known = self.known_ends & told.ends.keys()
        return Agreement(self.number, least(self.cut, told.floor), frozenset({site}), known)

    def agreed(self, site: bytes, vector: Vector) -> Agreement:
        """Return what follows where a site agrees to as much of the cut as it has; it begins the round if nobody did.

        A round that was agreed to by a site which did not know of an end begins anew.
        """
        fresh = self
        if self.acks and any(one not in self.known_ends and not self._is_old(end) for one, end in self.ends.items()):
            fresh = replace(self, number=self.number + 1, acks=frozenset())
        if not fresh.acks:
            fresh = replace(fresh, cut=dict(vector), known_ends=frozenset(self.ends))
        if site in fresh.acks or site in self.ends:
            return fresh if fresh.acks else self
        known = fresh.known_ends & self.ends.keys()
        return replace(fresh, cut=least(fresh.cut, vector), acks=fresh.acks | {site}, known_ends=known)

    def finished(self, vector: Vector) -> Agreement:
        """Return what follows once all members have agreed: the floor rises to the cut, and nobody has begun the next round yet."""
        if not self.acks or self.missing(vector):
            return self
        floor = most(self.floor, self.cut)
        return replace(
            self,
            number=self.number + 1,
            cut={},
            acks=frozenset(),
            known_ends=frozenset(),
            floor=floor,
            vouchers=_needed(self.vouchers, floor),
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON, with sites by their ids; what is empty is left out."""
        found: dict[str, Any] = {
            "round": self.number,
            "cut": _named(self.cut),
            "acks": sorted(site.hex() for site in self.acks),
            "known_ends": sorted(site.hex() for site in self.known_ends),
            "floor": _named(self.floor),
            "ends": {site.hex(): [end.hlc, end.by.hex()] for site, end in sorted(self.ends.items())},
            "vouchers": {site.hex(): by.hex() for site, by in sorted(self.vouchers.items())},
        }
        return {name: value for name, value in found.items() if value}

    @staticmethod
    def from_json(found: Mapping[str, Any]) -> Agreement:
        """Read what `to_json` wrote.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: it is none.
        """
        return Agreement(
            _number(found.get("round", 0)),
            _vector(found.get("cut", {})),
            frozenset(map(_site, found.get("acks", []))),
            frozenset(map(_site, found.get("known_ends", []))),
            _vector(found.get("floor", {})),
            {_site(site): Ending(_number(hlc), _site(by)) for site, (hlc, by) in found.get("ends", {}).items()},
            {_site(site): _site(by) for site, by in found.get("vouchers", {}).items()},
        )

    @property
    def fingerprint(self) -> str:
        """Return 32 hex digits that two replicas have alike if they know the same."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def covers(vector: Vector, other: Vector) -> bool:
    """Tell whether a vector has all that another one has."""
    return all(vector.get(site, 0) >= hlc for site, hlc in other.items())


def least(one: Vector, other: Vector) -> dict[bytes, int]:
    """Return what both vectors have."""
    return {site: min(hlc, other[site]) for site, hlc in one.items() if site in other}


def most(one: Vector, other: Vector) -> dict[bytes, int]:
    """Return what either vector has."""
    return {site: max(one.get(site, 0), other.get(site, 0)) for site in {**one, **other}}


def before(vector: Vector, hlc: int) -> dict[bytes, int]:
    """Return what a vector has of events up to a time; what these had seen is in it too, because clocks rise with what is seen."""
    return {site: min(upto, hlc) for site, upto in vector.items()}


def _others(found: Mapping[bytes, T], sites: AbstractSet[bytes]) -> dict[bytes, T]:
    return {site: value for site, value in found.items() if site not in sites}


def _needed(vouchers: Mapping[bytes, bytes], floor: Vector) -> dict[bytes, bytes]:
    """Return the vouchers for sites that not all members know yet by what they wrote."""
    return {site: by for site, by in vouchers.items() if site not in floor}


def _both(one: Mapping[bytes, bytes], other: Mapping[bytes, bytes]) -> dict[bytes, list[bytes]]:
    return {site: [by[site] for by in (one, other) if site in by] for site in {**one, **other}}


def _named(vector: Vector) -> dict[str, int]:
    return {site.hex(): hlc for site, hlc in sorted(vector.items())}


def _vector(found: Mapping[str, Any]) -> dict[bytes, int]:
    return {_site(site): _number(hlc) for site, hlc in found.items()}


def _number(found: Any) -> int:
    if type(found) is not int or not 0 <= found < 1 << 62:
        raise ValueError("a number of what may be forgotten is out of range")
    return found


def _site(found: Any) -> bytes:
    if not isinstance(found, str) or len(found) != 32 or found.strip("0123456789abcdef"):
        raise ValueError(f"{found!r:.50} is no site id")
    return bytes.fromhex(found)
