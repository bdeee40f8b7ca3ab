"""Purging: let the values of deleted rows be forgotten, here now, and wherever the event comes.

Runs inside the caller's write transaction, on a folded registry. A purge is an ordinary event of this site on a row that is deleted:
it deletes the row once more, and writes all of its cells with a blank value, a typed cell as a whole. So it travels and merges as
any other event, and needs no format of its own: a delete whose stamp is also that of cells is one. What it had not seen stays. Knows
nothing of pages and of the write-ahead log: the caller has SQLite overwrite what is deleted meanwhile.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from crdtsql.base import (
    Now,
    Sql,
    SqliteValue,
    joined,
    naming,
    query,
    sql,
)
from crdtsql.purge import erasing, told
from crdtsql.sqlite import TableShape, schema
from crdtsql.store import Field, Registry, Table, acting
from crdtsql.trust import chains
from crdtsql.types import TYPES, Kind, blank, parts


@dataclass(slots=True)
class PurgeReport:
    """What a purge did, or would do.

    Attributes:
        tables: table -> how many rows were purged.
        already: rows that were chosen and purged before, and not written since; they are left as they are.
        referenced: rows that were deleted in time and are left as they are, because rows that the delete had not seen refer to them.
        conflicts: entries of the conflict log that went with the rows.
        dry_run: nothing was changed.
        log_left: another program reads the file, or a transaction is open, so the write-ahead log could not be emptied yet: values may
            stand in it until the last connection to the file is closed.
        vacuumed: older copies of the values are gone from the file too.
        attributions: ranges of events that had the actor's name, where that was purged.
    """

    tables: dict[str, int] = field(default_factory=dict)
    already: int = 0
    referenced: int = 0
    conflicts: int = 0
    dry_run: bool = False
    log_left: bool = False
    vacuumed: bool = False
    attributions: int = 0

    @property
    def rows(self) -> int:
        """Return how many rows were purged."""
        return sum(self.tables.values())

    def to_json(self) -> dict[str, Any]:
        """Return the report as `--json` prints it."""
        return {"rows": self.rows} | asdict(self)


def purge_noted(registry: Registry, table: Table, rows: int, now: Now) -> int:
    """Write the events of the rows of a table that were noted; return how many entries of the conflict log went with them."""
    connection, batch = registry.connection, registry.next_batch()
    first = registry.tick(now())
    registry.record_merged(first)
    connection.execute("UPDATE temp._crdt_purge SET t = ?1 + id - 1, s = ?2", (first, registry.self_ordinal))
    _Purge(registry, table, registry.seq_of(table, batch, rows)).run()
    erased = erasing.erase(registry, table)
    chains.forget_changesets(registry)
    told.remember(registry, ())
    (last,) = query.first(connection, "SELECT max(t) FROM temp._crdt_purge")
    acting.attribute_directly(registry, registry.self_ordinal, first, last)
    registry.raise_vector(batch, [(registry.self_ordinal, last)])
    return erased


class _Purge:
    """The purge of the noted rows of one table."""

    def __init__(self, registry: Registry, table: Table, seq: SqliteValue) -> None:
        self._connection, self._table = registry.connection, table
        self._shape = schema.read(registry.connection, table.name)
        self._values: dict[str, SqliteValue] = {"tbl": table.id, "seq": seq}
        self._clock_is_purge = table.same_keys("clock", "purge")

    def _execute(self, name: str, values: dict[str, SqliteValue] | None = None, **slots: Sql) -> None:
        self._connection.execute(sql(name, **slots), self._values | (values or {}))

    def run(self) -> None:
        """Blank the rows, and stamp them."""
        table, shape = self._table, self._shape
        if shape is None:
            return
        blanks = {f"b{field.id}": blank(self._connection, shape, field.name, field.type) for field in table.fields}
        self._execute(
            "purge/purging/blank_held",
            blanks,
            held=table.held,
            settings=joined(Sql(f"{naming.value(field.id)} = :b{field.id}") for field in table.fields),
            clock=table.clock,
            clock_is_purge=self._clock_is_purge,
        )
        if table.parked:
            parked_is_purge = table.same_keys("parked", "purge")
            self._execute("purge/purging/blank_parked", parked=table.cells_parked, parked_is_purge=parked_is_purge)
        if parts.have_parts(self._connection, table):
            for field in (*table.typed_fields, *table.parked):
                self._forget_parts(shape, field)
        self._execute("purge/purging/forget_heads", heads=table.heads, keys=table.keys)
        stamps = joined(
            (
                Sql(f", {naming.stamp_t(field.id)} = purge.t, {naming.stamp_s(field.id)} = purge.s")
                for field in table.fields
            ),
            "",
        )
        self._execute("purge/purging/stamp", clock=table.clock, stamps=stamps, clock_is_purge=self._clock_is_purge)

    def _forget_parts(self, shape: TableShape, field: Field) -> None:
        """Let a typed cell be one whole write. Of a counter the totals stay, because their sites go on from them."""
        table, counts = self._table, TYPES[field.type].kind is Kind.TOTAL
        values: dict[str, SqliteValue] = {"col": field.id, "keeps_totals": counts}
        shared = {"parts": table.parts, "keys": table.keys}
        self._execute("purge/purging/forget_parts", values, **shared)
        if not counts:
            return
        shared |= {"purge_keys": table.keys_of("purge"), "total_is_purge": table.same_keys("total", "purge")}
        self._execute("purge/purging/note_totals", values, **shared)
        self._execute("purge/purging/note_base", values, **shared)
        if field in table.fields:
            values["zero"] = 0.0 if parts.is_real(shape, field) else 0
            self._execute(
                "purge/purging/show_counted",
                values,
                held=table.held,
                value=naming.value(field.id),
                clock=table.clock,
                clock_is_purge=self._clock_is_purge,
                parts=table.parts,
                total_is_purge=shared["total_is_purge"],
            )
