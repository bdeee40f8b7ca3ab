"""Shared vectors: a file's version vector as others are told it, which never changes, so whoever asks gets the same one.

In a sync of two files both sides compare the same two vectors again and again, each of perhaps thousands of entries.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import compress
from operator import ne
from types import MappingProxyType
from typing import Any, NoReturn, Self, TypeVar

Site = TypeVar("Site", bytes, str)


class SharedVector(dict[str, int]):
    """A version vector, site id as 32 hex digits -> hlc, that can't be changed; `dict(vector)` is one that can.

    Attributes:
        by_id: the same by ids as bytes.
        content: one object for vectors that were found to be equal.
    """

    __slots__ = ("by_id", "content")

    def __init__(self, by_id: MappingProxyType[bytes, int]) -> None:
        """Write a vector, which must not change from then on."""
        super().__init__(zip(map(bytes.hex, by_id), by_id.values(), strict=True))
        self.by_id = by_id
        self.content = object()

    def raised(self, by_id: MappingProxyType[bytes, int], changed: Mapping[bytes, int]) -> Self:
        """Return another one, given what it is by ids, of which some entries differ from those of this one."""
        found = type(self).__new__(type(self))
        dict.update(found, self)
        dict.update(found, {site.hex(): upto for site, upto in changed.items()})
        found.by_id, found.content = by_id, object()
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        """Have it copied, and kept, as a dict."""
        return dict, (dict(self),)

    def _refuse(self, *_: object, **_more: object) -> NoReturn:
        raise TypeError("a version vector of a replica is shared, and can't be changed: change a copy, dict(vector)")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _refuse


def differing(vector: Mapping[Site, int], other: Mapping[Site, int | str]) -> list[Site]:
    """Return the sites of a vector of which another one says something else, or nothing."""
    if vector is other:
        return []
    shared = isinstance(vector, SharedVector) and isinstance(other, SharedVector)
    if shared and vector.content is other.content:  # type: ignore[attr-defined]
        return []
    found = list(compress(vector, map(ne, vector.values(), map(other.get, vector))))
    if shared and not found and len(vector) == len(other):
        other.content = vector.content  # type: ignore[attr-defined]
    return found
