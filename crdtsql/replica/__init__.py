"""In which order do the steps of a verb run, under which lock?"""

from typing import TYPE_CHECKING

from crdtsql.base import door

if TYPE_CHECKING:
    from crdtsql.replica.answers import UNSET
    from crdtsql.replica.carried import carries
    from crdtsql.replica.replica import Replica
    from crdtsql.replica.reports import RowChange, Standing, SyncOptions, SyncReport, Told, VerifyOptions, VerifyReport
    from crdtsql.replica.statements import Expected
    from crdtsql.replica.transactions import LOCK_TIMEOUT_S
    from crdtsql.replica.turns import check_committed
else:
    __getattr__ = door(
        __name__,
        {
            "answers": "UNSET",
            "carried": "carries",
            "replica": "Replica",
            "reports": "RowChange Standing SyncOptions SyncReport Told VerifyOptions VerifyReport",
            "statements": "Expected",
            "transactions": "LOCK_TIMEOUT_S",
            "turns": "check_committed",
        },
    )

__all__ = [
    "LOCK_TIMEOUT_S",
    "UNSET",
    "Expected",
    "Replica",
    "RowChange",
    "Standing",
    "SyncOptions",
    "SyncReport",
    "Told",
    "VerifyOptions",
    "VerifyReport",
    "carries",
    "check_committed",
]
