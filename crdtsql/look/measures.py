"""Measures: numbers about a file, for monitoring. Only reads a folded registry.

Lag is the age of the oldest change that one side has and the other one lacks; 0 where both have all. So it does not grow while nobody
writes, and it does not hide behind newer changes that went through.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from crdtsql.base import Sql, Vector, by_id, clock, fragment, joined, naming, query, reasons, sql
from crdtsql.compaction import retiring
from crdtsql.export import count_missing_rows, find_start, lacks_genesis, receiver_noted
from crdtsql.look.status import clock_sizes
from crdtsql.store import Registry, Table, retired


@dataclass(frozen=True, slots=True)
class Lag:
    """How far this file and another side are apart, by the vector that the other side was last known to have.

    Attributes:
        missing_there: rows with changes that the other side lacks.
        missing_here: sites of which the other side has changes that this file lacks; how many changes is not known.
        oldest_ms: when the oldest of all these changes was written, in milliseconds since 1970; of what is not here only the time of
            the newest is known, and that one counts. None if nobody lacks anything.
    """

    missing_there: int
    missing_here: int
    oldest_ms: int | None


@dataclass(frozen=True, slots=True)
class TableMeasures:
    """One replicated table.

    Attributes:
        conflicts, open_conflicts: entries of the conflict log, and those that nobody has resolved.
        held: reason -> rows that the table can't show, or not as they are.
        clock_bytes: pages of what crdtsql keeps for it; None if that was not asked for.
    """

    name: str
    conflicts: int
    open_conflicts: int
    held: dict[str, int]
    clock_bytes: int | None


@dataclass(frozen=True, slots=True)
class Measures:
    """The whole file.

    Attributes:
        conflicts_pruned: how many entries the conflict log has forgotten to stay within its limits.
        peers: what each other side is called -> how far it is apart; sites that answer by their id.
    """

    site: str
    conflicts_pruned: int
    tables: list[TableMeasures]
    peers: dict[str, Lag]


def measure(registry: Registry, others: Mapping[str, Vector], *, sizes: bool) -> Measures:
    """Measure a file.

    Args:
        others: what another side that is no site is called, such as a store -> its vector.
        sizes: read the size of every page run.
    """
    connection = registry.connection
    counted = query.rows(connection, sql("look/measures/conflicts"))
    conflicts = {table: (found, still_open) for table, found, still_open in counted}
    bytes_by_table = clock_sizes(registry) if sizes else {}
    tables = [
        TableMeasures(
            table.name, *conflicts.get(table.id, (0, 0)), _held(registry, table), bytes_by_table.get(table.name)
        )
        for table in registry.tables()
    ]
    vectors = {site.hex(): known for site, known in registry.peers().items()}
    vectors |= {name: dict(by_id(vector)) for name, vector in others.items()}
    own = registry.site_id(registry.self_ordinal).hex()
    peers = {name: lag(registry, vector) for name, vector in vectors.items() if name != own}
    return Measures(own, registry.number("conflicts_pruned"), tables, peers)


def lag(registry: Registry, known: Mapping[bytes, int]) -> Lag:
    """Measure how far another side with a vector is apart. Cost: where it lacks something, reads the rows that changed since then."""
    known, ours = retiring.full(registry, known), retired.vector_with(registry, known)
    beyond = [upto for site, upto in known.items() if upto > ours.get(site, 0)]
    lacks = any(upto > known.get(site, 0) for site, upto in ours.items())
    times = [*beyond, *(_missing_there(registry, known) if lacks else ())]
    rows = count_missing_rows(registry, known) if lacks else 0
    return Lag(rows, len(beyond), clock.to_ms(min(times)) if times else None)


def _missing_there(registry: Registry, known: Mapping[bytes, int]) -> list[int]:
    """Return the oldest event of each table that another side lacks; of those that were superseded none is known."""
    connection, found = registry.connection, []
    with receiver_noted(registry, known):
        start = find_start(connection)
        for table in registry.tables():
            everything = start is None or start <= table.bulk
            stamps = [(Sql("clock.t"), Sql("clock.s")), (Sql("clock.dot_t"), Sql("ifnull(clock.dot_s, clock.s)"))]
            for one in table.fields:
                t, s = (Sql(f"clock.{name}") for name in (naming.stamp_t(one.id), naming.stamp_s(one.id)))
                stamps.append((t, Sql(f"ifnull({s}, clock.s)")))
            missing = [fragment("look/measures/event_is_missing", t=t, s=s) for t, s in stamps]
            scope = Sql("1" if everything else "clock.seq >= :start")
            statement = sql("look/measures/oldest", oldest=joined(missing), clock=table.clock, scope=scope)
            row = query.first(connection, statement, None if everything else {"start": start})
            found += [event for event in row if event is not None]
            if table.genesis and lacks_genesis(registry, table, known):
                found.append(clock.to_event(table.genesis[0]))
    return found


def _held(registry: Registry, table: Table) -> dict[str, int]:
    """Count the rows that a table can't show, or not as they are, by the kind of reason."""
    counts: Counter[str] = Counter()
    slots = {"reason": query.as_bytes(Sql("held.reason")), "held": table.held, "is_kept": Sql(reasons.IS_KEPT)}
    for kind, reason, rows in query.rows(registry.connection, sql("look/measures/kept", **slots)):
        counts[reasons.read(query.to_show(kind, reason))[0]] += rows
    return dict(counts)
