"""The verbs by which changes travel, and by which it is found out whether they did."""

from crdtsql.replica.exchanging.carried import Carried, carrier, carries
from crdtsql.replica.exchanging.sending import Sending
from crdtsql.replica.exchanging.verifying import Verifying

__all__ = ["Carried", "Sending", "Verifying", "carrier", "carries"]
