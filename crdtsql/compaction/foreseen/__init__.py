"""What would a compaction do, and free?"""

from crdtsql.compaction.foreseen.foreseeing import foresee

__all__ = ["foresee"]
