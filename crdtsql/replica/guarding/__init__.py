"""The verbs that say whom a file believes, who may write what (decision 0039), and who works on what."""

from crdtsql.replica.guarding.chaining import Chaining
from crdtsql.replica.guarding.claiming import Claiming
from crdtsql.replica.guarding.permitting import Permitting
from crdtsql.replica.guarding.trusting import Trusting

__all__ = ["Chaining", "Claiming", "Permitting", "Trusting"]
