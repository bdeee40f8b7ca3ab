"""What is in this file, and what does its schema mean for merging? Reads only."""

from crdtsql.look import guarded, seen
from crdtsql.look.advice import BROKEN, WATCH, Finding
from crdtsql.look.blame import CellOrigin, blame
from crdtsql.look.doctor import Report, TableFindings, examine, notices
from crdtsql.look.log import Graph, LogEntry, graph, log, writer, writer_at
from crdtsql.look.measures import Measures, measure
from crdtsql.look.members import KnownMerge, Member, lanes, members, merges
from crdtsql.look.revisions import ABSENT as ABSENT_ROW
from crdtsql.look.revisions import revision
from crdtsql.look.status import CompactionStatus, Status, status
from crdtsql.look.strangers import Stranger, strangers

__all__ = [
    "ABSENT_ROW",
    "BROKEN",
    "WATCH",
    "CellOrigin",
    "CompactionStatus",
    "Finding",
    "Graph",
    "KnownMerge",
    "LogEntry",
    "Measures",
    "Member",
    "Report",
    "Status",
    "Stranger",
    "TableFindings",
    "blame",
    "examine",
    "graph",
    "guarded",
    "lanes",
    "log",
    "measure",
    "members",
    "merges",
    "notices",
    "revision",
    "seen",
    "status",
    "strangers",
    "writer",
    "writer_at",
]
