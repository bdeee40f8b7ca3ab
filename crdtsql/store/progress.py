"""Progress: how exactly a file remembers which batch raised its vector to what."""

from __future__ import annotations

import apsw

from crdtsql.base import sql

PROGRESS_DETAIL = ((512, 16), (4_096, 256), (65_536, 4_096))
"""From which age (in batches) on how many batches share one entry of `_crdt_progress`: an export for a peer that was away
for long begins somewhat too early, which costs time, but never leaves anything out."""


def coarsen(connection: apsw.Connection, batch: int) -> None:
    """Let old batches share entries, once some more are old."""
    for age, width in PROGRESS_DETAIL:
        values = {"before": (batch - age) // width * width, "width": width}
        connection.execute(sql("store/progress/coarsen"), values)
        connection.execute(sql("store/progress/forget_coarse"), values)
