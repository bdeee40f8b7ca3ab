"""Gossip: which of several remotes a replica tells of its news at once.

A few random ones are enough: each sync passes on what came from others, so n replicas are equal after some log n rounds, also where a
part of the syncs fails. All others are synced with at their regular times, and whoever has news is asked in any case.
Source: Demers et al., Epidemic algorithms for replicated database maintenance (1987): push and pull anti-entropy.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

FANOUT = 3
"""So many are told at once."""

Some = TypeVar("Some")


def to_tell(remotes: Sequence[Some], chance: Random) -> list[Some]:
    """Choose those that are told: all where there are few."""
    return list(remotes) if len(remotes) <= FANOUT else chance.sample(remotes, FANOUT)
