"""The verbs that run SQL of programs without a connection, say who writes, tell what changes in a result, have conflicts answered."""

from typing import TYPE_CHECKING

from crdtsql.base import door

if TYPE_CHECKING:
    from crdtsql.replica.statements.actors import Actors
    from crdtsql.replica.statements.arbitrating import Arbitrating
    from crdtsql.replica.statements.observing import Observation, ResultChange
    from crdtsql.replica.statements.records import Executed, Expected, QueryResult, RowRevision
else:
    __getattr__ = door(
        __name__,
        {
            "actors": "Actors",
            "arbitrating": "Arbitrating",
            "observing": "Observation ResultChange",
            "records": "Executed Expected QueryResult RowRevision",
        },
    )

__all__ = ["Actors", "Arbitrating", "Executed", "Expected", "Observation", "QueryResult", "ResultChange", "RowRevision"]
