"""Have two replicas the same content, and where do they differ?"""

from crdtsql.verify.compare import Comparison, Look, RowDifference, TableComparison, compare
from crdtsql.verify.digests import answer
from crdtsql.verify.mend import Mended, mend

__all__ = ["Comparison", "Look", "Mended", "RowDifference", "TableComparison", "answer", "compare", "mend"]
