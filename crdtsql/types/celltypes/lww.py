"""The default: the last writer wins, and what it overwrote concurrently goes to the conflict log."""

from __future__ import annotations

from crdtsql.types.celltypes.base import CellType, Kind

LWW = CellType("lww", "the latest write wins; concurrent ones are logged as conflicts", Kind.LWW)
