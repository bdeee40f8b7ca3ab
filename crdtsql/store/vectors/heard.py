"""Heard: who told of what has no writer: tables that were disabled elsewhere, and sites of which no event is here.

A fact of `_crdt_meta` each, which never leaves the file: who passed it on says nothing of who said it first.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from crdtsql.store import facts

if TYPE_CHECKING:
    from crdtsql.store.registry import Registry

KIND = "heard"


def note(registry: Registry, teller: bytes, names: Iterable[str]) -> None:
    """Note which site told of something first: the uid of a table, or the id of a site, as hex."""
    for name in names:
        if registry.get(f"{KIND}:{name}") is None:
            registry.set(f"{KIND}:{name}", teller.hex())


def read(registry: Registry) -> dict[str, str]:
    """Return who told of what: its name -> the id of the site."""
    return {name: teller for name, teller in facts.of_kind(registry.connection, KIND) if isinstance(teller, str)}


def forget(registry: Registry, name: str) -> None:
    """Forget who told of something."""
    facts.drop(registry.connection, f"{KIND}:{name}")
