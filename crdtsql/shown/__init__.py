"""What does a table show of the merged state (decisions 0011 and 0017)?"""

from crdtsql.shown import bearing, foretold, left, moved, references, standins, strangers, vanishing
from crdtsql.shown.foretold import Foretold
from crdtsql.shown.held import HeldRow, held
from crdtsql.shown.holding import Side, any_kept, any_waits, count_kept, link_held, take_out
from crdtsql.shown.rows import RowsReport, set_rows
from crdtsql.shown.scratch import Difference, find_differences, settle_anew
from crdtsql.shown.settling import Scene, note_folded, noting, settle
from crdtsql.shown.uniquepolicy import set_policy

__all__ = [
    "Difference",
    "Foretold",
    "HeldRow",
    "RowsReport",
    "Scene",
    "Side",
    "any_kept",
    "any_waits",
    "bearing",
    "count_kept",
    "find_differences",
    "foretold",
    "held",
    "left",
    "link_held",
    "moved",
    "note_folded",
    "noting",
    "references",
    "set_policy",
    "set_rows",
    "settle",
    "settle_anew",
    "standins",
    "strangers",
    "take_out",
    "vanishing",
]
