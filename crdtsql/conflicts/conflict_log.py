"""Conflicts: the log of concurrent overwrites: read, kept up to date, and bounded.

A merge appends to it (`meet`). An entry is resolved while the cell's present value was written by an event that had seen both
of its events; fold and merge look at that for the cells that they changed. Knows nothing of how one resolves an entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from crdtsql.base import (
    Sql,
    SqliteValue,
    UnknownConflictError,
    UsageError,
    clock,
    fragment,
    identifier,
    joined,
    naming,
    query,
    sql,
    suggest,
    value_to_json,
)
from crdtsql.sqlite import schema
from crdtsql.store import Actor, Field, Registry, Table, Writers
from crdtsql.types import TYPES


@dataclass(frozen=True, slots=True)
class Conflict:
    """One concurrent overwrite, as a merge here found it.

    Attributes:
        id: its number in this file.
        key: the row's key, in the key's order.
        part: which part of the cell, '' for the cell as a whole.
        won_hlc: stamp of the write that won; negative if the value was there before the table was enabled.
        won_site: id of the site that wrote it, as hex.
        took: 'theirs' if the incoming value won, 'ours' if it did not.
        resolved_hlc: stamp of the write that resolved it, None while it is open.
        resolved_site: id of the site that wrote that.
        present: stamp (hlc, site id as hex) of the value that the cell has now.
        present_value: that value, which may be neither of the two: a later write; also of a row that is held.
        deleted: the row is deleted.
        won_by, lost_by: who wrote the values, and in which run, as the writers said it; None if nobody did.
    """

    id: int
    table: str
    key: tuple[SqliteValue, ...]
    column: str
    part: str
    won_value: SqliteValue
    won_hlc: int
    won_site: str
    lost_value: SqliteValue
    lost_hlc: int
    lost_site: str
    took: str
    resolved_hlc: int | None
    resolved_site: str | None
    present: tuple[int, str] | None
    deleted: bool
    won_by: Actor | None = None
    lost_by: Actor | None = None
    present_value: SqliteValue = None

    @property
    def resolved(self) -> bool:
        """Tell whether a write that had seen both values resolved it."""
        return self.resolved_hlc is not None

    @property
    def ours(self) -> SqliteValue:
        """Return the value that this replica had before the merge."""
        return self.lost_value if self.took == "theirs" else self.won_value

    @property
    def theirs(self) -> SqliteValue:
        """Return the value that came in."""
        return self.won_value if self.took == "theirs" else self.lost_value

    @property
    def ours_site(self) -> str:
        """Return the id of the site that wrote the value that this replica had before the merge."""
        return self.lost_site if self.took == "theirs" else self.won_site

    @property
    def theirs_site(self) -> str:
        """Return the id of the site that wrote the value that came in."""
        return self.won_site if self.took == "theirs" else self.lost_site

    @property
    def ours_by(self) -> Actor | None:
        """Return who wrote the value that this replica had before the merge, as the writer said it."""
        return self.lost_by if self.took == "theirs" else self.won_by

    @property
    def theirs_by(self) -> Actor | None:
        """Return who wrote the value that came in, as the writer said it."""
        return self.won_by if self.took == "theirs" else self.lost_by

    @property
    def has_third(self) -> bool:
        """Tell whether the cell has a value now that is of neither of the two writes."""
        return self.present not in (None, (self.won_hlc, self.won_site), (self.lost_hlc, self.lost_site))

    @property
    def present_mark(self) -> str:
        """Return a word for the value that the cell has now, for who wants to know later whether it still has it."""
        return "" if self.present is None else f"{self.present[0]}@{self.present[1]}"

    def to_json(self) -> dict[str, Any]:
        """Return the entry as `--json` prints it; a key of one column is the value itself."""
        key = [value_to_json(part) for part in self.key]
        return {
            "id": self.id,
            "table": self.table,
            "key": key[0] if len(key) == 1 else key,
            "column": self.column,
            "part": self.part,
            "won_value": value_to_json(self.won_value),
            "won_site": self.won_site,
            "won_hlc": str(self.won_hlc),
            "won_time": clock.show_time(self.won_hlc),
            "lost_value": value_to_json(self.lost_value),
            "lost_site": self.lost_site,
            "lost_hlc": str(self.lost_hlc),
            "lost_time": clock.show_time(self.lost_hlc),
            "took": self.took,
            "ours": value_to_json(self.ours),
            "theirs": value_to_json(self.theirs),
            "resolved": self.resolved,
            "resolved_site": self.resolved_site,
            "resolved_hlc": None if self.resolved_hlc is None else str(self.resolved_hlc),
            "resolved_time": None if self.resolved_hlc is None else clock.show_time(self.resolved_hlc),
            "deleted": self.deleted,
            "present_value": value_to_json(self.present_value),
            **{name: by.to_json() for name, by in (("won_by", self.won_by), ("lost_by", self.lost_by)) if by},
        }


def read(
    registry: Registry, table: str | None = None, *, open_only: bool = False, number: int | None = None
) -> list[Conflict]:
    """List the entries of the conflict log by number, oldest first.

    Raises:
        NotEnabledError: the table is not replicated.
    """
    tables = {known.id: known for known in registry.tables()}
    wanted = None if table is None else registry.table(table).id
    values = {"tbl": wanted, "id": number, "open_only": open_only}
    keys = joined(Sql(f"conflict.{naming.key(position)}") for position in range(1, registry.log_key_count() + 1))
    rows = query.rows_to_show(registry.connection, sql("conflicts/conflict_log/list", keys=keys), values)
    present: dict[int, tuple[int, bytes, int | None, SqliteValue]] = {}
    for tbl, col in sorted({row[14:16] for row in rows}):
        for field in tables[tbl].fields:
            if field.id == col:  # none if the column was dropped
                present |= _present(registry, tables[tbl], field, number)
    writers = Writers(registry)
    return [_conflict(row, present.get(row[0]), writers) for row in rows]


def find(registry: Registry, number: int) -> Conflict:
    """Return one entry.

    Raises:
        UnknownConflictError: there is none of that number.
    """
    found = read(registry, number=number)
    if not found:
        raise UnknownConflictError(
            f"{registry.path} has no conflict {number}: it was pruned, its table was disabled, or it never was; "
            f"{suggest.command('conflicts', registry.path)} lists them"
        )
    return found[0]


def _present(registry: Registry, table: Table, field: Field, number: int | None) -> dict[int, Any]:
    """Look which stamp, and which value, the cells of one column that are in the conflict log have now."""
    statement = sql(
        "conflicts/conflict_log/present",
        clock=table.clock,
        clock_is_entry=table.same_keys("clock", "entry"),
        t=naming.stamp_t(field.id),
        s=naming.stamp_s(field.id),
        table=table.quoted,
        held=table.held,
        key=identifier(table.key[0]),
        value=naming.value(field.id),
        column=identifier(field.name),
        shown_is_clock=table.row_has_key_of("shown", "clock"),
        held_is_clock=table.same_keys("held", "clock"),
    )
    rows = query.rows_to_show(registry.connection, statement, {"tbl": table.id, "col": field.id, "id": number})
    return {number: tuple(found) for number, *found in rows}


def _conflict(
    row: tuple[Any, ...], present: tuple[int, bytes, int | None, SqliteValue] | None, writers: Writers
) -> Conflict:
    number, table, key_count, column, part, won, won_t, won_s, lost, lost_t, lost_s, took, resolved, resolver = row[:14]
    return Conflict(
        id=number,
        table=table,
        key=tuple(row[16 : 16 + key_count]),
        column=column,
        part=part,
        won_value=won,
        won_hlc=won_t,
        won_site=won_s.hex(),
        lost_value=lost,
        lost_hlc=lost_t,
        lost_site=lost_s.hex(),
        took=took,
        resolved_hlc=resolved,
        resolved_site=None if resolver is None else resolver.hex(),
        present=None if present is None else (present[0], present[1].hex()),
        deleted=present is not None and present[2] == 1,
        won_by=writers.of(won_t, won_s.hex()),
        lost_by=writers.of(lost_t, lost_s.hex()),
        present_value=None if present is None else present[3],
    )


def record(registry: Registry, statement: str, values: Mapping[str, SqliteValue], skipped: int = 0) -> int:
    """Execute a statement that appends entries, numbered from `:last_conflict` on; return how many there were.

    Args:
        skipped: how many of them the statement leaves out, because they would be pruned.
    """
    last = registry.number("conflicts_last")
    registry.connection.execute(statement, {**values, "last_conflict": last, "skipped": skipped})
    recorded = registry.connection.changes() + skipped
    if recorded:
        registry.set("conflicts_last", last + recorded)
    if skipped:
        registry.set("conflicts_pruned", registry.number("conflicts_pruned") + skipped)
    return recorded


def mark_resolved_written(registry: Registry, table: Table, seq: SqliteValue) -> None:
    """Find out which entries the local writes of batch `seq` resolve: they have seen everything that is here."""
    _mark_resolved(registry, table, Sql("entry.resolved IS NULL"), seq, {})


def mark_resolved_merged(registry: Registry, table: Table, seq: SqliteValue, last: int) -> None:
    """Find out which entries up to the number `last` the cells that a merge wrote resolve, and which of them no longer."""
    _mark_resolved(registry, table, Sql("entry.id <= :last"), seq, {"last": last})


def mark_resolved_everything(registry: Registry) -> None:
    """Find out for the whole log which entries are resolved."""
    for table in registry.tables():
        _mark_resolved(registry, table, Sql("1"), None, {}, every=True)


def _mark_resolved(
    registry: Registry,
    table: Table,
    entries: Sql,
    seq: SqliteValue,
    values: dict[str, SqliteValue],
    *,
    every: bool = False,
) -> None:
    """Look at the entries of the rows of a batch, those of a bulk batch if `seq` is None.

    What a batch changed is found by its index, and then its entries by theirs; of a bulk batch the entries are looked at first.
    """
    connection = registry.connection
    entry_is_clock = table.same_keys("clock", "entry")
    if seq is None:
        rows = Sql("1") if every else Sql("clock.seq IS NULL")
        source = Sql(f"_crdt_conflict AS entry JOIN {table.clock} AS clock ON {entry_is_clock}")
    else:
        rows = Sql("clock.seq = :seq")
        source = Sql(f"{table.clock} AS clock CROSS JOIN _crdt_conflict AS entry ON {entry_is_clock}")
    values = values | {"tbl": table.id, "seq": seq}
    columns = query.rows(
        connection, f"SELECT DISTINCT entry.col FROM {source} WHERE entry.tbl = :tbl AND {entries} AND {rows}", values
    )
    kinds = {field.id: TYPES[field.type] for field in table.fields}
    for (col,) in columns:
        if col not in kinds:  # the column was dropped, which resolved its entries
            continue
        shared = {
            "source": source,
            "t": naming.stamp_t(col),
            "s": naming.stamp_s(col),
            "entries": entries,
            "rows": rows,
        }
        cells = [fragment("conflicts/conflict_log/mark_resolved_cells", **shared)]
        leaves = kinds[col].explode_sql(Sql("(SELECT 0 AS id, head.v AS value)"))
        if leaves is not None:
            head_is_clock = table.same_keys("head", "clock")
            cells.append(
                fragment(
                    "conflicts/conflict_log/mark_resolved_parts",
                    parts=table.parts,
                    head_is_clock=head_is_clock,
                    leaves=leaves,
                    **shared,
                )
            )
        for found in cells:
            statement = sql(
                "conflicts/conflict_log/mark_resolved",
                has_seen_won=has_seen(Sql("won_t"), Sql("won_s")),
                has_seen_lost=has_seen(Sql("lost_t"), Sql("lost_s")),
                cells=found,
            )
            connection.execute(statement, values | {"col": col})


def has_seen(hlc: Sql, site: Sql) -> Sql:
    """Say that the writer of an event with the stamp (t, s) had seen another one."""
    return fragment("conflicts/conflict_log/has_seen", hlc=hlc, site=site)


def set_limits(registry: Registry, per_cell: int | None, total: int | None, size: int | None) -> None:
    """Say how many entries are kept of one cell, and in all, and how many bytes of values.

    Raises:
        UsageError: a limit is negative.
    """
    for name, limit in (("conflicts_per_cell", per_cell), ("conflicts_total", total), ("conflicts_bytes", size)):
        if limit is not None:
            if not 0 <= limit < 1 << 63:
                raise UsageError(f"the conflict log can't keep {limit} entries or bytes: give a number from 0 on")
            registry.set(name, limit)


def limits(registry: Registry) -> tuple[int, int, int]:
    """Return how many entries are kept of one cell, and in all, and how many bytes of values."""
    return registry.number("conflicts_per_cell"), registry.number("conflicts_total"), registry.number("conflicts_bytes")


def prune(registry: Registry, tables: Iterable[Table]) -> int:
    """Forget the entries beyond the limits, resolved ones first, then the oldest; return how many.

    Args:
        tables: those that have new entries.
    """
    connection = registry.connection
    per_cell, total, size = limits(registry)
    pruned = 0
    for table in tables:
        shape = schema.read(connection, table.place)
        collations = [column.collation for column in shape.key] if shape else ["BINARY"] * len(table.key)
        grouping = joined(
            Sql(f"entry.{key} COLLATE {identifier(collation)}")
            for key, collation in zip(table.key_names, collations, strict=True)
        )
        connection.execute(
            sql("conflicts/conflict_log/prune_cells", grouping=grouping), {"tbl": table.id, "per_cell": per_cell}
        )
        pruned += connection.changes()
    count, held = query.first(
        connection, "SELECT count(*), total(octet_length(won)) + total(octet_length(lost)) FROM _crdt_conflict"
    )
    if count > total or held > size:
        connection.execute(sql("conflicts/conflict_log/prune_total"), {"total": total, "bytes": size})
        pruned += connection.changes()
    if pruned:
        registry.set("conflicts_pruned", registry.number("conflicts_pruned") + pruned)
    return pruned
