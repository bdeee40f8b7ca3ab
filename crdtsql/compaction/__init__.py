"""What may be forgotten, because everybody has it?"""

from typing import TYPE_CHECKING

from crdtsql.base import door

if TYPE_CHECKING:
    from crdtsql.compaction import fence, floor, rounds
    from crdtsql.compaction.report import CompactReport, TableCompacted
    from crdtsql.compaction.settled import Sweep
else:
    __getattr__ = door(__name__, {"report": "CompactReport TableCompacted", "settled": "Sweep"})

__all__ = ["CompactReport", "Sweep", "TableCompacted", "fence", "floor", "rounds"]
