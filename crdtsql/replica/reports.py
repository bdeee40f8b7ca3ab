"""What a sync or a comparison is asked to do, and what it did."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from crdtsql.base import HALF, CrdtsqlError, DeleteLimit, SqliteValue, Vector, by_id, differing, value_to_json

if TYPE_CHECKING:
    from crdtsql.export import Change
    from crdtsql.merge import MergeReport
    from crdtsql.replica.trying.previews import SyncPreview
    from crdtsql.verify import RowDifference, TableComparison


class Standing(NamedTuple):
    """What a sync asks of a replica in one look: where it stands.

    Attributes:
        site: its site id.
        vector: its version vector.
        lanes: of which sites it knows from which blocks they take their ids: site -> how often it has chosen them.
    """

    site: str
    vector: dict[str, int]
    lanes: dict[str, int]

    def has_news_for(self, vector: Vector, lanes: Mapping[str, int]) -> bool:
        """Tell whether a changeset would bring a peer anything: events, or what it does not know of blocks of ids.

        Args:
            lanes: the peer's.
        """
        others = differing(self.vector, vector)  # mostly none, of perhaps thousands
        known = by_id(vector) if others else {}
        return any(self.vector[site] > known.get(bytes.fromhex(site), 0) for site in others) or any(
            self.lanes[site] > lanes.get(site, -1) for site in differing(self.lanes, lanes)
        )


class RowChange(NamedTuple):
    """A row that a sync would change here.

    Attributes:
        did: inserted, updated or deleted.
        columns: name -> value afterwards, of the columns that differ; of a deleted row the values that go.
    """

    table: str
    key: tuple[SqliteValue, ...]
    did: str
    columns: dict[str, SqliteValue]

    def to_json(self) -> dict[str, Any]:
        """Return the row as `--json` prints it."""
        columns = {name: value_to_json(value) for name, value in self.columns.items()}
        return {
            "table": self.table,
            "key": [value_to_json(part) for part in self.key],
            "did": self.did,
            "columns": columns,
        }


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """How to sync.

    Attributes:
        pull: take what the remote has.
        push: give what it lacks.
        dry_run: change nothing, and say what would be changed.
        refuse_unrelated: as in `Replica.merge`.
        tables: refuse to give or take changes of others than these; None: all.
        patience: at how many polls of a store to wait until somebody else has put there what others wrote.
        max_deletes: how many rows of a table may disappear, here or there; None: all.
    """

    pull: bool = True
    push: bool = True
    dry_run: bool = False
    refuse_unrelated: bool = False
    tables: tuple[str, ...] | None = None
    patience: int = 0
    max_deletes: DeleteLimit | None = HALF


@dataclass(slots=True)
class SyncReport:
    """What a sync did; two files' can be unpacked: `here, there = sync(one, other)`.

    Attributes:
        remote: the remote's address.
        here: what this replica merged, of all changesets together.
        there: what a peer that answers merged; None if the remote is a store.
        sent, received: how many changesets went there, and came here.
        sent_bytes, received_bytes: their size.
        waiting: changesets in a store that build on what is not in it.
        put_off: the store lacks what others wrote, who were given time to put it there.
        skipped: changesets of a store that can't be merged here, and why; or of a peer one that waits for changes of others.
        differing: how many rows differ though both sides have the same changes, as far as that was looked at in this sync.
        rows: with `dry_run`, which rows would change here.
        cells: with `dry_run`, what would be sent.
        preview: with `dry_run`, all that is known of what would be done.
    """

    remote: str
    here: MergeReport
    there: MergeReport | None = None
    sent: int = 0
    sent_bytes: int = 0
    received: int = 0
    received_bytes: int = 0
    waiting: int = 0
    put_off: bool = False
    skipped: list[str] = field(default_factory=list)
    differing: int = 0
    rows: list[RowChange] = field(default_factory=list)
    cells: list[Change] = field(default_factory=list)
    preview: SyncPreview | None = None

    def __iter__(self) -> Iterator[MergeReport]:
        yield self.here
        if self.there is not None:
            yield self.there

    def to_json(self) -> dict[str, Any]:
        """Return the report as `--json` prints it, but for `here` and `there`, which are reports of their own."""
        counts = {name: getattr(self, name) for name in ("sent", "sent_bytes", "received", "received_bytes", "waiting")}
        return counts | {"skipped": self.skipped}


Told = Callable[[str, SyncReport | CrdtsqlError], None]
"""Hears what was done with a remote of that name, or why nothing could be."""


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """How to compare.

    Attributes:
        sync: sync first if one side lacks changes.
        repair: write rows that differ anew.
        take: `ours` or `theirs`: what counts where stamps don't say which value is right.
        limit: look at no more rows at a time.
        since_last: look at no more than what was written since both were last found equal.
    """

    sync: bool = False
    repair: bool = False
    take: str | None = None
    limit: int = 1_000
    since_last: bool = False


@dataclass(slots=True)
class VerifyReport:
    """What comparing a replica with a remote found.

    Attributes:
        remote: the remote's address.
        missing_here, missing_there: of how many sites one side lacks changes that the other has; if of any, nothing was compared.
        tables: those of both sides, with how many rows differ.
        rows: the rows that differ, and in what, after what was mended.
        more: more rows differ than were looked at.
        mended: how many rows were written anew.
        left: which rows were not, and why.
        questions: how many times the remote was asked.
        since: when all rows were last read, if only those that were written since were compared; None if all were read now.
    """

    remote: str
    missing_here: int = 0
    missing_there: int = 0
    tables: list[TableComparison] = field(default_factory=list)
    rows: list[RowDifference] = field(default_factory=list)
    more: bool = False
    mended: int = 0
    left: list[str] = field(default_factory=list)
    questions: int = 0
    since: str | None = None

    @property
    def compared(self) -> bool:
        """Tell whether both sides had the same changes, so that their content could be compared."""
        return not (self.missing_here or self.missing_there)

    @property
    def differing(self) -> int:
        """Return how many rows differ, as far as that was looked at."""
        return sum(table.differing for table in self.tables)

    @property
    def equal(self) -> bool:
        """Tell whether both sides have the same changes, and the same content in all tables that could be compared."""
        return self.compared and not self.differing

    def to_json(self) -> dict[str, Any]:
        """Return the report as `--json` prints it."""
        tables = [{"name": one.name, "differing": one.differing, "left_out": one.left_out} for one in self.tables]
        return {
            "remote": self.remote,
            "equal": self.equal,
            "compared": self.compared,
            "missing_here": self.missing_here,
            "missing_there": self.missing_there,
            "differing": self.differing,
            "more": self.more,
            "since": self.since,
            "mended": self.mended,
            "left": self.left,
            "tables": tables,
            "rows": [row.to_json() for row in self.rows],
        }
