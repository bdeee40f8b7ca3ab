"""The verbs that run SQL of programs that hold no connection to the file: agents, and clients of a server."""

from crdtsql.replica.statements.arbitrating import Arbitrating
from crdtsql.replica.statements.observing import Observation, ResultChange
from crdtsql.replica.statements.records import Executed, Expected, QueryResult, RowRevision

__all__ = ["Arbitrating", "Executed", "Expected", "Observation", "QueryResult", "ResultChange", "RowRevision"]
