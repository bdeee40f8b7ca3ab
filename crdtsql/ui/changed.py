"""Changed: which rows merges changed, as the commands that merge, and `log`, tell programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crdtsql.look import LogEntry
    from crdtsql.replica import Replica


AT_MOST = 100
"""So many rows are listed, unless somebody says otherwise."""
AT_MOST_TOLD = 1_000
"""So many are listed in the report of a merge."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What came from others after a batch.

    Attributes:
        position: the number of the batch after which to go on.
        more: there is more than is listed.
    """

    position: int
    more: bool
    entries: list[LogEntry]

    def to_json(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        entries = [one.to_json() for one in self.entries]
        return {"position": self.position, "more": self.more, "entries": entries}


def changed_since(
    replica: Replica, after: int, table: str | None = None, limit: int = AT_MOST_TOLD, run: str | None = None
) -> Changed:
    """List what arrived after a batch, the newest first; or what was written in a run."""
    position = replica.position()
    found = replica.log(table, after=after, limit=limit + 1, run=run)
    return Changed(position, len(found) > limit, found[:limit])
