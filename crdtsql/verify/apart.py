"""Apart: the replicas that were found to have the same changes as this one, and other rows. Facts that never leave the file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from crdtsql.base import suggest
from crdtsql.look import BROKEN, WATCH, Finding
from crdtsql.store import Registry, facts, names

KIND = "differs"


class Apart(NamedTuple):
    """What was found about another replica.

    Attributes:
        at_ms: when, in milliseconds since 1970.
        told: the other replica says so; else it was found here.
        rows: table -> how many rows differ, as far as that was looked at.
    """

    at_ms: int
    told: bool
    rows: Mapping[str, int]

    def __str__(self) -> str:
        named = ", ".join(f"{name}: {count:,}" for name, count in self.rows.items())
        return f"{named}{', as that one says' if self.told else ''}"


def read(registry: Registry) -> dict[str, Apart]:
    """Return what was found and not mended yet: the other replica's site id -> what."""
    found = {}
    for site, value in facts.of_kind(registry.connection, KIND) if registry.exists else ():
        with suppress(ValueError, TypeError):  # what somebody else wrote there is as good as nothing
            at_ms, told, rows = json.loads(str(value))
            found[site] = Apart(int(at_ms), bool(told), {str(name): int(count) for name, count in rows.items()})
    return found


def note(registry: Registry, site: str, found: Apart | None) -> None:
    """Write down what was found about another replica; None if it is equal again."""
    registry.set(f"{KIND}:{site}", None if found is None else json.dumps(found))


def findings(registry: Registry) -> Iterator[Finding]:
    """Say of each such replica which tables differ, and what to do; what only that one says is to be watched."""
    for site, found in read(registry).items():
        yield Finding(
            WATCH if found.told else BROKEN,
            "differing",
            f"the replica {names.call(registry, bytes.fromhex(site))} has the same changes and other rows ({found}): one of both was "
            f"damaged, or was told something wrong; run {suggest.verb('verify')} with it, and --repair",
        )
