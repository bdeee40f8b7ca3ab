"""Status: what is replicated in a file, how large it is, and how far the peers are behind. Only reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import apsw

from crdtsql.base import RETIRED, Sql, caseless, clock, policy, query, sql, vector_to_json
from crdtsql.compaction import due, floor, retiring
from crdtsql.evolve import drift
from crdtsql.export import count_missing_rows
from crdtsql.look import limited
from crdtsql.sqlite import schema
from crdtsql.store import Actor, Damage, Registry, Table, acting, damage, retired, said, starts
from crdtsql.trust import aside


@dataclass(frozen=True, slots=True)
class TableStatus:
    """One replicated table.

    Attributes:
        rows: rows that the table shows.
        changed_rows: rows with a clock row: changed, or received, since the table was enabled.
        held_rows: rows that are kept but not shown (deleted ones).
        conflicts: concurrent overwrites in the conflict log.
        open_conflicts: those of them that nobody has resolved.
        data_bytes: pages of the table and its indexes.
        clock_bytes: pages of its clocks, heads and held rows.
        problem: what is wrong with its capture, None if nothing is.
        row_policy: add-wins, delete-wins or grow-only.
        granularity: column or row.
        identity: what a row is: key or row.
        renumbered: rows that are shown under another number than they were inserted under.
        limited: counters that show their limit, because they add up to more (`doctor` names them).
    """

    name: str
    key: list[str]
    rows: int
    changed_rows: int
    held_rows: int
    conflicts: int
    open_conflicts: int
    data_bytes: int
    clock_bytes: int
    problem: str | None
    row_policy: str = policy.ADD_WINS
    granularity: str = policy.BY_COLUMN
    identity: str = policy.BY_KEY
    renumbered: int = 0
    limited: int = 0

    @property
    def clock_percent(self) -> float:
        """Return the size of the clocks in percent of the data."""
        return 100 * self.clock_bytes / self.data_bytes if self.data_bytes else 0.0


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """A peer as last seen.

    Attributes:
        missing_sites: from how many sites it lacks events that are here.
        missing_rows: how many rows an export for it would hold.
        behind_ms: time from the newest event it had to the newest it lacks, in milliseconds.
    """

    site: str
    missing_sites: int
    missing_rows: int
    behind_ms: int


@dataclass(frozen=True, slots=True)
class CompactionStatus:
    """What is known of compaction, once anybody asked for it.

    Attributes:
        keep_ms: what is younger is kept where the file is compacted by itself; None if it is not.
        floor_ms: up to which time all replicas have everything, in milliseconds since 1970; 0 if they never agreed.
        missing: the sites that the round which is open waits for, as hex; empty if none is open.
        is_done: all rows were looked at since the floor rose last.
    """

    keep_ms: int | None
    floor_ms: int
    missing: list[str]
    is_done: bool


@dataclass(frozen=True, slots=True)
class Status:
    """The whole file.

    Attributes:
        conflicts_per_cell: how many entries the conflict log keeps of one cell.
        conflicts_total: how many it keeps in all.
        conflicts_bytes: how many bytes of values it keeps.
        conflicts_pruned: how many it has forgotten so far, to stay within these limits.
        replica_id: which replica it is, as an operator said; None if nobody did.
        starts: how often it went on as its site because of that.
        compaction: None until anybody asks for one, as far as it is known here.
        own_bytes: pages of all tables that crdtsql keeps in the file.
        aside: how many changesets were refused by a permission, and set aside.
        acting: as whom writes to the file count now, None if nobody has said so.
    """

    path: str
    site: str
    vector: dict[str, int]
    sites: int
    log_rows: int
    log_bytes: int
    conflicts_per_cell: int
    conflicts_total: int
    conflicts_bytes: int
    conflicts_pruned: int
    tables: list[TableStatus]
    peers: list[PeerStatus]
    not_enabled: list[str] = field(default_factory=list)
    replica_id: str | None = None
    starts: int = 0
    compaction: CompactionStatus | None = None
    own_bytes: int = 0
    aside: int = 0
    acting: Actor | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the status as `--json` prints it."""
        found = asdict(self)
        for table, shown in zip(self.tables, found["tables"], strict=True):
            shown["clock_percent"] = round(table.clock_percent, 1)
        return found | {"vector": vector_to_json(self.vector)}


def status(registry: Registry) -> Status:
    """Describe the file. Cost: reads the size of every page run, and counts rows."""
    connection = registry.connection
    sizes = _sizes(connection)
    lost = damage.look(connection)
    tables = [
        _table_status(registry, table, sizes, [one for one in lost if one.table in ("", table.name)])
        for table in registry.tables()
    ]
    known = {table.name for table in tables}
    tables += [
        TableStatus(one.table, [], 0, 0, 0, 0, 0, 0, 0, f"{one}: {damage.advice([one], registry.path)}")
        for one in lost
        if one.table and one.table not in known
    ]
    (log_rows,) = (0,) if lost else query.first(connection, "SELECT count(*) FROM _crdt_log")
    vector, over = retired.told_vector(registry), {RETIRED, *retired.named(registry)}
    return Status(
        path=registry.path,
        site=registry.site_id(registry.self_ordinal).hex(),
        vector={site.hex(): upto for site, upto in vector.items() if site not in over},
        sites=sum(site not in over for _, site, _ in registry.sites()),
        log_rows=log_rows,
        log_bytes=sizes.get("_crdt_log", 0),
        conflicts_per_cell=registry.number("conflicts_per_cell"),
        conflicts_total=registry.number("conflicts_total"),
        conflicts_bytes=registry.number("conflicts_bytes"),
        conflicts_pruned=registry.number("conflicts_pruned"),
        tables=tables,
        peers=[] if lost else [peer_status(registry, peer, known, vector) for peer, known in registry.peers().items()],
        not_enabled=registry.not_enabled(),
        replica_id=said.of_file(registry),
        starts=starts.count(registry),
        compaction=_compaction(registry, vector),
        own_bytes=sum(size for name, size in sizes.items() if name.startswith("_crdt_")),
        aside=len(aside.listed(registry)),
        acting=None if lost else acting.acting(connection),
    )


def _compaction(registry: Registry, vector: Mapping[bytes, int]) -> CompactionStatus | None:
    known, keep_ms = floor.read(registry), due.keep_ms(registry)
    if not known and keep_ms is None:
        return None
    newest = max(known.floor.values(), default=0)
    missing = known.missing(vector) if known.is_open else set()
    return CompactionStatus(
        keep_ms, clock.to_ms(newest), sorted(site.hex() for site in missing), due.is_swept(registry)
    )


def clock_sizes(registry: Registry) -> dict[str, int]:
    """Return how many bytes what crdtsql keeps for each table has. Cost: reads the size of every page run."""
    sizes = _sizes(registry.connection)
    return {table.name: _clock_bytes(table, sizes) for table in registry.tables()}


def _clock_bytes(table: Table, sizes: dict[str, int]) -> int:
    kept = ("clock", "held", "heads", "parts", "parked", "born", "moved")
    return sum(sizes.get(caseless(f"_crdt_{part}_{table.name}"), 0) for part in kept)


def _sizes(connection: apsw.Connection) -> dict[str, int]:
    """Return how many bytes each table has with its indexes, by lower-case name; one pass, because files may have many tables."""
    found: dict[str, int] = {}
    for table, size in query.rows(connection, sql("look/status/table_sizes")):
        found[caseless(table)] = found.get(caseless(table), 0) + size
    return found


def _count(connection: apsw.Connection, table: Sql) -> int:
    (count,) = query.first(connection, f"SELECT count(*) FROM {table}")
    return int(count)


def _damaged(registry: Registry, table: Table, sizes: dict[str, int], lost: list[Damage]) -> TableStatus:
    """Describe a table of which something that we keep is gone, and so can't be counted."""
    present = schema.read(registry.connection, table.place) is not None
    problem = f"{'; '.join(map(str, lost))}: {damage.advice(lost, registry.path)}"
    return TableStatus(
        table.name, list(table.key), _count(registry.connection, table.quoted) if present else 0, 0, 0, 0, 0,
        sizes.get(caseless(table.place), 0), 0, problem, table.rows, table.granularity, table.identity,
    )  # fmt: skip


def _table_status(registry: Registry, table: Table, sizes: dict[str, int], lost: list[Damage]) -> TableStatus:
    connection = registry.connection
    if lost:
        return _damaged(registry, table, sizes, lost)
    shape = schema.read(connection, table.place)
    present = shape is not None
    conflicts, resolved = query.first(
        connection, "SELECT count(*), count(resolved) FROM _crdt_conflict WHERE tbl = ?", (table.id,)
    )
    (held,) = query.first(connection, f"SELECT count(*) FROM {table.clock} WHERE gone = 1 OR held IS NOT NULL")
    (renumbered,) = query.first(connection, 'SELECT count(*) FROM crdt_renumbered WHERE "table" = ?', (table.name,))
    return TableStatus(
        name=table.name,
        key=list(table.key),
        rows=_count(connection, table.quoted) if present else 0,
        changed_rows=_count(connection, table.clock),
        held_rows=held,
        conflicts=conflicts,
        open_conflicts=conflicts - resolved,
        data_bytes=sizes.get(caseless(table.place), 0),
        clock_bytes=_clock_bytes(table, sizes),
        problem=drift.problem_of(registry, table),
        row_policy=table.rows,
        granularity=table.granularity,
        identity=table.identity,
        renumbered=renumbered,
        limited=0 if shape is None or table.absent else sum(1 for _ in limited.find(registry, table, shape)),
    )


def peer_status(registry: Registry, peer: bytes, known: dict[bytes, int], vector: Mapping[bytes, int]) -> PeerStatus:
    """Say what a peer lacks that was last known to have `known`, of what the vector has here."""
    known = {**retiring.full(registry, known)}
    behind = [(upto, known.get(site, 0)) for site, upto in vector.items() if known.get(site, 0) < upto]
    newest = max(known.values(), default=0)
    latest = max((upto for upto, _ in behind), default=0)
    gap = max(0, clock.to_ms(latest) - clock.to_ms(newest)) if behind else 0
    rows = count_missing_rows(registry, known) if behind else 0
    return PeerStatus(peer.hex(), len(behind), rows, gap)
