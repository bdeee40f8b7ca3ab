"""The verbs that say whom a file believes, and who may write what (decision 0039)."""

from crdtsql.replica.guarding.permitting import Permitting
from crdtsql.replica.guarding.trusting import Trusting

__all__ = ["Permitting", "Trusting"]
