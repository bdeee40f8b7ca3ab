"""Declared: a reference that was declared to crdtsql alone (decision 0022)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Declared:
    """What columns refer to: it is followed, and never enforced.

    Attributes:
        columns: the uids of the columns that refer.
        parent: the uid of the table that they refer to.
        targets: the uids of its columns.
    """

    columns: tuple[str, ...]
    parent: str
    targets: tuple[str, ...]
