"""Bundles: several changesets in one file, most as their authors signed them, each a link of its author's chain (decision 0049).

A bundle begins as a changeset does, with format 3, no flags, and lengths of its header and its body; the header is JSON, the body all
changesets one after another, and the checksum covers both. A bundle is not signed: whoever reads it checks each link by itself.
docs/FORMAT.md says the same at greater length.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from typing import Any

from crdtsql.base import ID_BYTES, InvalidChangesetError, clock
from crdtsql.wire.envelope import (
    BUNDLE,
    MAGIC,
    PREFIX,
    SIGNATURE_BYTES,
    check_lengths,
    check_ratio,
    digest_of,
    is_bearable,
    unknown_format,
)
from crdtsql.wire.spilled import Spilled, pieces_of, put_together

MAXIMUM_LINKS = 10_000
"""So many changesets are taken, and sent, at once; the next exchange brings the others."""
MAXIMUM_HEADS = 20_000
HASH_BYTES = 32
NOTHING_BEFORE = bytes(HASH_BYTES)
"""What the first link of a chain names as the one before."""


@dataclass(frozen=True, slots=True)
class ChainLink:
    """What a site signs of a changeset that has its own changes alone.

    Attributes:
        site: whose chain it is.
        number: which link of it: 1 is the first.
        since: the site's event after which it begins: never before the end of an earlier link.
        upto: the site's last event in it.
        before: the hash of the link before, `NOTHING_BEFORE` for none.
        content: the checksum of the changeset.
        signature: of `statement`.
    """

    site: bytes
    number: int
    since: int
    upto: int
    before: bytes
    content: bytes
    signature: bytes = b""

    @property
    def statement(self) -> bytes:
        """Return what is signed: 104 bytes."""
        numbers = b"".join(one.to_bytes(8) for one in (self.number, self.since, self.upto))
        return self.site + numbers + self.before + self.content

    @property
    def hash(self) -> bytes:
        """Return the hash that the next link names."""
        return blake2b(self.statement, digest_size=HASH_BYTES).digest()

    def to_json(self) -> list[Any]:
        """Return it as a bundle's header has it."""
        return [
            self.site.hex(),
            self.number,
            self.since,
            self.upto,
            self.before.hex(),
            self.content.hex(),
            self.signature.hex(),
        ]

    @staticmethod
    def from_json(found: Any) -> ChainLink:
        """Read one.

        Raises:
            InvalidChangesetError: it is none.
        """
        try:
            site, number, since, upto, *hashes = found
            before, content, signature = map(bytes.fromhex, hashes)
            link = ChainLink(bytes.fromhex(site), number, since, upto, before, content, signature)
        except (ValueError, TypeError) as error:
            raise _unsound("it has what is no link") from error
        lengths = len(link.site), len(before), len(content), len(signature)
        sound = lengths == (ID_BYTES, HASH_BYTES, HASH_BYTES, SIGNATURE_BYTES)
        counts = all(map(_is_count, (number, since, upto)))
        if not (sound and counts and number >= 1 and since < upto <= clock.HIGHEST_HLC):
            raise _unsound("it has what is no link")
        return link


@dataclass(frozen=True, slots=True)
class Bundle:
    """Several changesets.

    Attributes:
        changesets: each with its link, None for one that is no link of a chain; in an order in which they can be merged.
        heads: further links, without their changesets: what is known of chains, so that two that differ are noticed.
    """

    changesets: tuple[tuple[ChainLink | None, bytes | Spilled], ...]
    heads: tuple[ChainLink, ...] = ()


def is_bundle(data: bytes | Spilled) -> bool:
    """Tell whether bytes begin as a bundle does."""
    first = _prefix_of(data)
    return len(first) == PREFIX.size and first[:8] == MAGIC and PREFIX.unpack(first)[1] == BUNDLE


def _prefix_of(data: bytes | Spilled) -> bytes:
    return data.read(0, PREFIX.size) if isinstance(data, Spilled) else data[: PREFIX.size]


def unfolded_of(data: bytes | Spilled) -> int:
    """Return to how many bytes a changeset unfolds, as it says itself."""
    first = _prefix_of(data)
    return int(PREFIX.unpack(first)[5]) if len(first) == PREFIX.size else 0


class Capacity:
    """How many changesets a bundle may still take: as many as its readers do, who bound how many bytes all unfold to together."""

    def __init__(self) -> None:
        self._left, self._size, self._unfolded = MAXIMUM_LINKS, 0, 0

    def takes(self, data: bytes | Spilled) -> bool:
        """Tell whether there is room for another changeset; if so, it takes that."""
        size, unfolded = self._size + len(data), self._unfolded + unfolded_of(data)
        if not self._left or not is_bearable(size, unfolded):
            return False
        self._left, self._size, self._unfolded = self._left - 1, size, unfolded
        return True


def pack_bundle(bundle: Bundle) -> bytes | Spilled:
    """Write a bundle."""
    items = [[None if link is None else link.to_json(), len(data)] for link, data in bundle.changesets]
    head = json.dumps(
        {"changesets": items, "heads": [one.to_json() for one in bundle.heads]}, separators=(",", ":")
    ).encode()
    length = sum(len(data) for _, data in bundle.changesets)
    prefix = PREFIX.pack(MAGIC, BUNDLE, 0, len(head), length, length, b"")[:-32]

    def body() -> chain[bytes | memoryview]:
        return chain.from_iterable(pieces_of(data) for _, data in bundle.changesets)

    return put_together(chain([prefix, digest_of(chain([prefix, head], body())), head], body()))


def read_bundle(data: bytes | Spilled) -> Bundle:
    """Read a bundle; what its changesets hold, and whether links are signed, is not looked at.

    Raises:
        InvalidChangesetError: it is cut off, damaged, or none.
    """
    first = _prefix_of(data)
    _, version, flags, head_length, body_length, unfolded, digest = PREFIX.unpack(first)
    if version != BUNDLE or flags:
        raise unknown_format(version, flags)
    check_lengths(len(data), version, flags, (head_length, body_length, unfolded))
    start = PREFIX.size + head_length
    rest = data.part(PREFIX.size) if isinstance(data, Spilled) else memoryview(data)[PREFIX.size :]
    if digest_of(chain([first[: PREFIX.size - 32]], pieces_of(rest))) != digest:
        raise InvalidChangesetError("the changeset was damaged on its way (its checksum differs): send it again")
    head = data.read(PREFIX.size, start) if isinstance(data, Spilled) else data[PREFIX.size : start]
    items, heads = _read_head(head)
    found, at = [], start
    for link, length in items:
        end = at + length
        if end > len(data):
            raise _unsound("its changesets are longer than the whole")
        found.append((link, data.part(at, end) if isinstance(data, Spilled) else data[at:end]))
        at = end
    if at != len(data):
        raise _unsound("its changesets are shorter than the whole")
    check_ratio(len(data) - start, sum(unfolded_of(one) for _, one in found))
    return Bundle(tuple(found), heads)


def _read_head(head: bytes) -> tuple[list[tuple[ChainLink | None, int]], tuple[ChainLink, ...]]:
    try:
        found = json.loads(head)
        changesets, heads = found["changesets"], found["heads"]
        items = [(link, length) for link, length in changesets]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _unsound("its header is none") from error
    if not isinstance(heads, list) or len(items) > MAXIMUM_LINKS or len(heads) > MAXIMUM_HEADS:
        raise _unsound(f"it has {len(items):,} changesets, at most {MAXIMUM_LINKS:,} are taken")
    if not items or not all(_is_count(length) for _, length in items):
        raise _unsound("it has no changesets")
    links = [(None if link is None else ChainLink.from_json(link), length) for link, length in items]
    return links, tuple(ChainLink.from_json(one) for one in heads)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _unsound(why: str) -> InvalidChangesetError:
    return InvalidChangesetError(f"not a sound bundle of changesets: {why}")


def parts_of(data: bytes | Spilled) -> Sequence[bytes | Spilled]:
    """Return the changesets of a bundle; what is none is a changeset itself.

    Raises:
        InvalidChangesetError: it begins as a bundle, and is none that is sound.
    """
    return [one for _, one in read_bundle(data).changesets] if is_bundle(data) else [data]
