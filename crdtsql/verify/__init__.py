"""Have two replicas the same content, and where do they differ?"""

from crdtsql.verify import apart
from crdtsql.verify.apart import Apart
from crdtsql.verify.compare import Comparison, Look, RowDifference, TableComparison, begin, compare
from crdtsql.verify.digests import answer
from crdtsql.verify.mend import Mended, mend

__all__ = [
    "Apart",
    "Comparison",
    "Look",
    "Mended",
    "RowDifference",
    "TableComparison",
    "answer",
    "apart",
    "begin",
    "compare",
    "mend",
]
