"""Version vectors as people and programs exchange them: JSON, site ids as hex, stamps as strings of digits.

Stamps are far above 2^53, where programs whose numbers are doubles begin to round; a rounded vector is one that nobody has. So they
are written as strings; numbers are read too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from types import MappingProxyType

from crdtsql.base import clock, suggest
from crdtsql.base.errors import UsageError
from crdtsql.base.vectors.shared import differing

Vector = Mapping[str, int | str]
"""A version vector: site id as 32 hex digits -> highest hlc seen of that site, as a number or its digits."""

_SITE = re.compile("[0-9a-fA-F]{32}")
_DIGITS = re.compile("[0-9]{1,19}")


def parse_vector(text: str) -> dict[str, int]:
    """Read a version vector from JSON: `{"<site id>": "<hlc>", ...}`.

    Raises:
        UsageError: the text is not one.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not a version vector: {error}; {suggest.verb('vector')} prints one") from error
    return {site.hex(): hlc for site, hlc in by_id(found).items()}


def by_id(vector: Vector) -> dict[bytes, int]:
    """Return a vector with site ids as bytes and stamps as numbers.

    Raises:
        UsageError: it is not one.
    """
    if isinstance(vector, dict) and {*map(type, vector.values())} == {int} and {*map(type, vector)} == {str}:
        with suppress(ValueError):  # there may be thousands, most of which were read before
            if 0 <= min(vector.values()) <= max(vector.values()) <= clock.HIGHEST_HLC:
                return dict(zip(map(_id_of, vector), vector.values(), strict=True))
    found = {}
    for site, hlc in vector.items() if isinstance(vector, Mapping) else [("", 0)]:
        if not isinstance(site, str) or not _SITE.fullmatch(site) or not _is_hlc(hlc):
            raise UsageError('not a version vector: {"<site id, 32 hex digits>": "<number>", ...} is expected')
        found[bytes.fromhex(site)] = int(hlc)
    return found


def like(vector: Vector, other: Mapping[str, int], found: MappingProxyType[bytes, int]) -> dict[bytes, int]:
    """Return what `by_id` does, of a vector that may be much like another one, of which it is known.

    There may be thousands of entries, and those that are alike need no second look.

    Args:
        other: with ids as 32 lower-case hex digits.
        found: the same, by ids as bytes.

    Raises:
        UsageError: it is not one.
    """
    if not isinstance(vector, dict):
        return by_id(vector)
    read, others = found.copy(), differing(other, vector)
    for site in others:
        del read[bytes.fromhex(site)]
    alike = len(other) - len(others)
    if len(vector) > alike:
        read |= by_id({site: vector[site] for site in vector.keys() - other.keys()})
        read |= by_id({site: vector[site] for site in others if site in vector})
    return read


@lru_cache(maxsize=50_000)
def _id_of(site: str) -> bytes:
    if not _SITE.fullmatch(site):
        raise ValueError(site)
    return bytes.fromhex(site)


def written(vector: Mapping[bytes, int]) -> dict[str, int]:
    """Return a vector with site ids as hex."""
    return dict(zip(map(_hex_of, vector), vector.values(), strict=True))


@lru_cache(maxsize=50_000)
def _hex_of(site: bytes) -> str:
    return site.hex()


def vector_to_json(vector: Vector) -> dict[str, str]:
    """Return a vector as JSON has it.

    >>> vector_to_json({"a1" * 16: 111411200524288001})
    {'a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1': '111411200524288001'}
    """
    return {site: str(hlc) for site, hlc in vector.items()}


def _is_hlc(hlc: object) -> bool:
    if isinstance(hlc, str):
        return bool(_DIGITS.fullmatch(hlc)) and int(hlc) <= clock.HIGHEST_HLC
    return isinstance(hlc, int) and not isinstance(hlc, bool) and 0 <= hlc <= clock.HIGHEST_HLC
