"""The verbs that run SQL of programs that hold no connection, tell what changes in a result, and have conflicts answered."""

from typing import TYPE_CHECKING

from crdtsql.base import door

if TYPE_CHECKING:
    from crdtsql.replica.statements.arbitrating import Arbitrating
    from crdtsql.replica.statements.observing import Observation, ResultChange
    from crdtsql.replica.statements.records import Executed, Expected, QueryResult, RowRevision
else:
    __getattr__ = door(
        __name__,
        {
            "arbitrating": "Arbitrating",
            "observing": "Observation ResultChange",
            "records": "Executed Expected QueryResult RowRevision",
        },
    )

__all__ = ["Arbitrating", "Executed", "Expected", "Observation", "QueryResult", "ResultChange", "RowRevision"]
