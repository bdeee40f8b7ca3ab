"""Walk: one look at all rows of a file, table by table, and at what is kept for their sake, in steps."""

from __future__ import annotations

from dataclasses import dataclass, field

from crdtsql.compaction import due, floor
from crdtsql.compaction.remnants import Remnants
from crdtsql.compaction.report import TableCompacted
from crdtsql.compaction.settled import Sweep
from crdtsql.compaction.stride import Stride
from crdtsql.store import Registry


@dataclass(slots=True)
class Walk:
    """Goes through the tables of a file; each step runs inside the caller's write transaction.

    Attributes:
        forgotten: the floor by which it began.
        left: the tables that it has not come to yet.
        tables: what was done, by table.
        stride: how many rows a step looks at.
    """

    registry: Registry
    forgotten: floor.Vector
    left: list[str]
    tables: dict[str, TableCompacted] = field(default_factory=dict)
    stride: Stride = field(default_factory=Stride)
    _sweep: Sweep | None = None
    _remnants: Remnants | None = None

    @staticmethod
    def begin(registry: Registry) -> Walk:
        """Begin with the first table."""
        names = [table.name for table in registry.tables() if not table.absent]
        return Walk(registry, floor.read(registry).floor, names)

    def step(self) -> bool:
        """Look at the next rows, in the end at what was kept for their sake; return whether there is more. The last step notes it."""
        if self._sweep is None and self.left:
            self._sweep = Sweep(self.registry, self.left.pop(0), self.stride)
            self.tables[self._sweep.name] = self._sweep.done
        if self._sweep is not None and not (self.forgotten and self._sweep.step()):
            self._sweep = None
        if self._sweep is not None or self.left:
            return True
        if not self.forgotten:
            return False
        if self._remnants is None:
            self._remnants = Remnants(self.registry, self.stride)
        if self._remnants.step():
            return True
        due.note_swept(self.registry, self.forgotten)
        if not any(counts.count() for counts in self.tables.values()):  # else what went may have been what kept others
            due.note_looked(self.registry)
        return False
