"""Which rows are shown, and how, of those that may not be shown as they are (decision 0017)?"""

from crdtsql.shown.deciding.ends import Ends
from crdtsql.shown.deciding.group import Group
from crdtsql.shown.deciding.turns import components

__all__ = ["Ends", "Group", "components"]
