"""What was ever written to a table, by whom, and how was it before?"""

from typing import TYPE_CHECKING

from crdtsql.base import door
from crdtsql.history.recording import record

if TYPE_CHECKING:
    from crdtsql.history import forgetting, tables
    from crdtsql.history.reading import HistoryEntry, KeptHistory, PastRow, as_of, entries, histories
    from crdtsql.history.undoing import Writes, undo
    from crdtsql.history.undone import UndoneRow, UndoneWrites
else:
    __getattr__ = door(
        __name__,
        {
            "reading": "HistoryEntry KeptHistory PastRow as_of entries histories",
            "undoing": "Writes undo",
            "undone": "UndoneRow UndoneWrites",
        },
    )

__all__ = [
    "HistoryEntry",
    "KeptHistory",
    "PastRow",
    "UndoneRow",
    "UndoneWrites",
    "Writes",
    "as_of",
    "entries",
    "forgetting",
    "histories",
    "record",
    "tables",
    "undo",
]
