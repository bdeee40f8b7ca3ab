"""How does a changeset get into the clocks and the tables?"""

from typing import TYPE_CHECKING

from crdtsql.base import door

if TYPE_CHECKING:
    from crdtsql.merge import parking, unrelated
    from crdtsql.merge.absent import set_uids
    from crdtsql.merge.beforehand.foreseeing import foreseen
    from crdtsql.merge.merging import check_lines, check_needs, check_skew, merge
    from crdtsql.merge.report import MergeReport
else:
    __getattr__ = door(
        __name__,
        {
            "absent": "set_uids",
            "beforehand.foreseeing": "foreseen",
            "merging": "check_lines check_needs check_skew merge",
            "report": "MergeReport",
        },
    )

__all__ = [
    "MergeReport",
    "check_lines",
    "check_needs",
    "check_skew",
    "foreseen",
    "merge",
    "parking",
    "set_uids",
    "unrelated",
]
