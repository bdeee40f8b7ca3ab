"""The verbs that keep the history of tables, look into it, and take back what it says."""

from typing import TYPE_CHECKING

from crdtsql.base import door

if TYPE_CHECKING:
    from crdtsql.replica.past.histories import Histories
else:
    __getattr__ = door(__name__, {"histories": "Histories"})

__all__ = ["Histories"]
