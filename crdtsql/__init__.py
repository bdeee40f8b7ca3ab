"""crdtsql: ordinary SQLite tables become replicated ones.

>>> from crdtsql import Replica, sync            # doctest: +SKIP
>>> with Replica.open("app.db") as app:          # doctest: +SKIP
...     app.enable("task")
...     app.clone("other.db")
"""

from typing import TYPE_CHECKING

from crdtsql.base import door, errors
from crdtsql.base.errors import CrdtsqlError
from crdtsql.base.vectors.vector import Vector, parse_vector
from crdtsql.base.version import __version__

if TYPE_CHECKING:
    from crdtsql.merge.report import MergeReport
    from crdtsql.replica.reports import SyncReport
    from crdtsql.replica.statements.records import Expected
    from crdtsql.sqlite.statements import ReadLimits
    from crdtsql.store.identity.acting import Actor
    from crdtsql.transports.http import serve
    from crdtsql.transports.syncing import Replica, sync
    from crdtsql.ui.load import load
else:
    __getattr__ = door(
        __name__,
        {
            "merge.report": "MergeReport",
            "replica.reports": "SyncReport",
            "replica.statements.records": "Expected",
            "sqlite.statements": "ReadLimits",
            "store.identity.acting": "Actor",
            "transports.http": "serve",
            "transports.syncing": "Replica sync",
            "ui.load": "load",
        },
    )

__all__ = [
    "Actor",
    "CrdtsqlError",
    "Expected",
    "MergeReport",
    "ReadLimits",
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
