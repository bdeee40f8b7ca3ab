"""Renaming: in which order names can be changed, where one wants a name that another one still has. Knows no file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from crdtsql.base import caseless


@dataclass(slots=True)
class Renames:
    """An order of renames.

    Attributes:
        steps: (name now, name afterwards), one after the other.
        blocked: name -> wanted name, where something has it that keeps it.
        taken: the names in lower case that are taken after the steps.
    """

    steps: list[tuple[str, str]] = field(default_factory=list)
    blocked: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)


def order(names: Iterable[str], wanted: Mapping[str, str]) -> Renames:
    """Find an order in which things get the names that they are wanted to have; all of `names` are taken at first.

    Names that are exchanged go by way of one that nobody has.

    >>> order(["k", "v", "w"], {"v": "w", "w": "x"}).steps
    [('w', 'x'), ('v', 'w')]
    >>> order(["a", "b"], {"a": "b", "b": "a"}).steps
    [('a', 'a_1'), ('b', 'a'), ('a_1', 'b')]
    >>> order(["a", "b"], {"a": "b"}).blocked
    {'a': 'b'}
    """
    found, pending = Renames(taken=set(map(caseless, names))), dict(wanted)
    while pending:
        free = [old for old, new in pending.items() if caseless(new) not in found.taken - {caseless(old)}]
        if free:
            _rename(found, free[0], pending.pop(free[0]))
            continue
        circle = _circle(pending)
        if not circle:
            found.blocked |= pending
            break
        new = pending.pop(circle)
        between = next(
            name for n in range(1, len(found.taken) + 2) if caseless(name := f"{circle}_{n}") not in found.taken
        )
        _rename(found, circle, between)
        pending[between] = new
    return found


def _rename(found: Renames, old: str, new: str) -> None:
    found.steps.append((old, new))
    found.taken.remove(caseless(old))
    found.taken.add(caseless(new))


def _circle(pending: Mapping[str, str]) -> str | None:
    """Return a name of those that want each other's names, if there are such."""
    holders = {caseless(old): old for old in pending}
    for first in pending:
        seen, name = {first}, first
        while (holder := holders.get(caseless(pending[name]))) is not None:
            if holder == first:
                return first
            if holder in seen:
                break
            seen.add(holder)
            name = holder
    return None
