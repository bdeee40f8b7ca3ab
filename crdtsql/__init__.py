"""crdtsql: ordinary SQLite tables become replicated ones.

>>> from crdtsql import Replica, sync            # doctest: +SKIP
>>> with Replica.open("app.db") as app:          # doctest: +SKIP
...     app.enable("task")
...     app.clone("other.db")
"""

from crdtsql.base import errors
from crdtsql.base.errors import CrdtsqlError
from crdtsql.base.vector import Vector, parse_vector
from crdtsql.base.version import __version__
from crdtsql.merge.merging import MergeReport
from crdtsql.replica.carried import SyncReport
from crdtsql.replica.replica import Replica
from crdtsql.transports.http import serve
from crdtsql.transports.syncing import sync
from crdtsql.ui.load import load

__all__ = [
    "CrdtsqlError",
    "MergeReport",
    "Replica",
    "SyncReport",
    "Vector",
    "__version__",
    "errors",
    "load",
    "parse_vector",
    "serve",
    "sync",
]
