"""What a seeded bug is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One wrong edit.

    Attributes:
        constrained: histories of tables with constraints must notice it.
        schemas: histories of schema changes must.
        compaction: histories in which replicas compact must.
        tests: these tests must, because it concerns what no history does; "" for histories.
    """

    name: str
    file: str
    find: str
    put: str
    constrained: bool = False
    schemas: bool = False
    compaction: bool = False
    tests: str = ""
