"""crdtsql: ordinary SQLite tables become replicated ones.

>>> from crdtsql import Replica, sync            # doctest: +SKIP
>>> with Replica.open("app.db") as app:          # doctest: +SKIP
...     app.enable("task")
...     app.clone("other.db")
"""

from crdtsql.errors import CrdtsqlError
from crdtsql.load import load
from crdtsql.merge import MergeReport
from crdtsql.replica import Replica, sync
from crdtsql.vector import Vector, parse_vector

__version__ = "0.1.0"
__all__ = ["CrdtsqlError", "MergeReport", "Replica", "Vector", "__version__", "load", "parse_vector", "sync"]
