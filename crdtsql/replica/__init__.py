"""In which order do the steps of a verb run, under which lock?"""

from typing import TYPE_CHECKING

from crdtsql.base import door

if TYPE_CHECKING:
    from crdtsql.replica.answers import UNSET
    from crdtsql.replica.exchanging import carries
    from crdtsql.replica.replica import Replica
    from crdtsql.replica.reports import RowChange, Standing, SyncOptions, SyncReport, Told, VerifyOptions, VerifyReport
    from crdtsql.replica.statements import Expected, Observation, ResultChange
    from crdtsql.replica.transactions import LOCK_TIMEOUT_S
    from crdtsql.replica.trying import Rehearsed, SidePreview, SyncPreview, limit_of_each, noted, rehearse_file
    from crdtsql.replica.turns import asked, check_committed, data_version, verb
else:
    __getattr__ = door(
        __name__,
        {
            "answers": "UNSET",
            "exchanging": "carries",
            "replica": "Replica",
            "statements": "Expected Observation ResultChange",
            "reports": "RowChange Standing SyncOptions SyncReport Told VerifyOptions VerifyReport",
            "transactions": "LOCK_TIMEOUT_S",
            "trying": "SyncPreview Rehearsed SidePreview limit_of_each noted rehearse_file",
            "turns": "asked check_committed data_version verb",
        },
    )

__all__ = [
    "LOCK_TIMEOUT_S",
    "UNSET",
    "Expected",
    "Observation",
    "Rehearsed",
    "Replica",
    "ResultChange",
    "RowChange",
    "SidePreview",
    "Standing",
    "SyncOptions",
    "SyncPreview",
    "SyncReport",
    "Told",
    "VerifyOptions",
    "VerifyReport",
    "asked",
    "carries",
    "check_committed",
    "data_version",
    "limit_of_each",
    "noted",
    "rehearse_file",
    "verb",
]
