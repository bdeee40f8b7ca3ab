"""Shapes: what the tools give back, as JSON; clients get their schemas."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

Key = list[Any]
"""The parts of a row's key."""


class RowAt(TypedDict):
    """A row and its revision: another text after each write; `absent` if the row is not there."""

    table: str
    key: Key
    revision: str


class Found(TypedDict):
    """What a query gave back. Pass `seen` to `write`, so that it overwrites nothing that was written since."""

    columns: list[str]
    rows: list[list[Any]]
    complete: bool
    seen: str


class Wrote(TypedDict):
    """What a write did. `changes` counts rows; `written` names replicated ones, those of triggers too, with their revisions now."""

    changes: int
    columns: list[str]
    rows: list[list[Any]]
    written: list[RowAt]
    seen: str


class OpenConflict(TypedDict):
    """Two writes of one cell, neither of which had seen the other. `present_value` is there now, maybe a third; `present` names it."""

    number: int
    table: str
    key: Key
    column: str
    part: str
    ours: Any
    theirs: Any
    took: str
    ours_by: str
    theirs_by: str
    resolved: bool
    deleted: bool
    present_value: Any
    present: str


class Conflicts(TypedDict):
    """Entries of the conflict log, the oldest first; `more` says that there are others."""

    conflicts: list[OpenConflict]
    more: bool


class Cell(TypedDict):
    """A cell, and who wrote it last, when."""

    column: str
    value: Any
    by: str
    at: str


class Blamed(TypedDict):
    """A row, cell by cell."""

    table: str
    key: Key
    revision: str
    cells: list[Cell]


class Held(TypedDict):
    """A row that its table can't show, or not as it is: why, and what would release it."""

    table: str
    key: Key
    reason: str
    detail: str
    release: str
    by: str
    values: dict[str, Any]


class HeldRows(TypedDict):
    """Rows that tables can't show."""

    held: list[Held]
    more: bool


class Arrived(TypedDict):
    """A row that shows what came from another replica."""

    table: str
    key: Key
    did: str
    columns: list[str]
    by: str
    at: str


class Arrivals(TypedDict):
    """What came from others. Pass `position` the next time, to be told of what is new since."""

    rows: list[Arrived]
    position: int


class TableAt(TypedDict):
    """A replicated table."""

    name: str
    rows: int
    held_rows: int
    open_conflicts: int


class StateOfFile(TypedDict):
    """The state of the file, and of its replicas; `acting` says as whom writes to it count now, "" if nobody said so."""

    site: str
    name: str
    acting: str
    tables: list[TableAt]
    remotes: dict[str, str]
    peers_that_lack_changes: dict[str, int]


class Synced(TypedDict):
    """What syncing with one remote did: changesets that went and came, rows that changed here, cells that both sides had written."""

    remote: str
    sent: int
    received: int
    rows_here: int
    concurrent: int
    failed: str


class ClaimAt(TypedDict):
    """A claim. Whoever has the greatest token of a resource holds it, until it lapses and somebody takes it."""

    resource: str
    token: int
    holder: str
    state: str
    until: str
    left_ms: int


class Claims(TypedDict):
    """Claims that are held, or have lapsed."""

    claims: list[ClaimAt]


class WouldChange(TypedDict):
    """A row that a merge would change here."""

    table: str
    key: Key
    did: str
    columns: dict[str, Any]


class Preview(TypedDict):
    """What a sync would change here, how many cells would collide, rows be held, cells be sent; and why it would be refused."""

    remote: str
    here: list[WouldChange]
    collisions: int
    held: int
    more: bool
    cells_sent: int
    stopped: str


class PastWrite(TypedDict):
    """A write to a row: what it did to which columns; `before`: how the row was when its history first heard of it."""

    did: str
    values: dict[str, Any]
    by: str
    at: str


class RowHistory(TypedDict):
    """What was written to a row, the oldest first; `more` says that there were earlier writes."""

    table: str
    key: Key
    writes: list[PastWrite]
    more: bool


class UndoneAt(TypedDict):
    """A row that is as before: updated, deleted or inserted; of each column what it was until now, and what it is."""

    table: str
    key: Key
    did: str
    values: dict[str, Any]


class LeftAsItIs(TypedDict):
    """What the run wrote and stays, because somebody wrote on top, or nothing else can be; `column` is null for the row itself."""

    table: str
    key: Key
    column: str | None
    why: str


class UndoneRun(TypedDict):
    """What an undo did, or with `dry_run` would do; `unrecorded` counts rows of tables that have no history."""

    dry_run: bool
    undone: list[UndoneAt]
    left: list[LeftAsItIs]
    unrecorded: dict[str, int]
