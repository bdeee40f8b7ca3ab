"""What may be forgotten, because everybody has it?"""

from typing import TYPE_CHECKING

from crdtsql.base import door

if TYPE_CHECKING:
    from crdtsql.compaction import due, fence, floor, retiring, rounds, seen, silence
    from crdtsql.compaction.foreseen import foresee
    from crdtsql.compaction.report import CompactReport
    from crdtsql.compaction.stride import Stride
    from crdtsql.compaction.walk import Walk
else:
    __getattr__ = door(
        __name__,
        {
            "report": "CompactReport",
            "foreseen": "foresee",
            "stride": "Stride",
            "walk": "Walk",
        },
    )

__all__ = [
    "CompactReport",
    "Stride",
    "Walk",
    "due",
    "fence",
    "floor",
    "foresee",
    "retiring",
    "rounds",
    "seen",
    "silence",
]
