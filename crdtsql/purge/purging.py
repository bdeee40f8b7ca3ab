"""Purging: let the values of deleted rows be forgotten, here now, and wherever the event comes.

Runs inside the caller's write transaction, on a folded registry. A purge is an ordinary event of this site on a row that is deleted:
it deletes the row once more, and writes all of its cells with a blank value, a typed cell as a whole. So it travels and merges as
any other event, and needs no format of its own: a delete whose stamp is also that of cells is one. What it had not seen stays. Knows
nothing of pages and of the write-ahead log: the caller has SQLite overwrite what is deleted meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from crdtsql.base import (
    CannotPurgeError,
    NotDeletedError,
    Now,
    Sql,
    SqliteValue,
    UnknownRowError,
    UsageError,
    clock,
    identifier,
    joined,
    naming,
    policy,
    query,
    reasons,
    show,
    show_key,
    sql,
    suggest,
)
from crdtsql.purge import erasing, told
from crdtsql.sqlite import TableShape, schema
from crdtsql.store import Field, Registry, Table, acting
from crdtsql.types import TYPES, Kind, blank, parts

_MOST_KEYS = 1_000
"""So many keys of deleted rows are looked at for one that was perhaps meant."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which rows are to be purged: those of these keys, or, where `before_ms` is given, all that were deleted before that time.

    Where the key has several columns, its parts may also be given one after the other.
    """

    table: str | None = None
    keys: tuple[tuple[SqliteValue, ...], ...] = ()
    before_ms: int | None = None


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


def purge(registry: Registry, chosen: Chosen, now: Now) -> PurgeReport:
    """Purge rows; all that are named, or none.

    Key parts given as text are compared with the key's own type, so `"7"` finds the integer 7.

    Raises:
        NotEnabledError: the table is not replicated.
        UnknownRowError: there is no such row.
        NotDeletedError: a named row is not deleted.
        CannotPurgeError: a named row is shown because others refer to it, or nothing of the table can be purged.
        UsageError: a key has another number of parts.
    """
    report = PurgeReport()
    tables = [registry.present_table(chosen.table)] if chosen.table else [t for t in registry.tables() if not t.absent]
    if chosen.table:
        _check_table(tables[0])
    with erasing.noting(registry):
        for table in tables:
            if chosen.before_ms is None:
                _note_named(registry, table, chosen.keys, report)
            else:
                _note_old(registry, table, clock.from_ms(chosen.before_ms), report)
        if report.rows:
            _purge(registry, [table for table in tables if report.tables.get(table.name)], report, now)
    return report


def _check_table(table: Table) -> None:
    """Check that rows of a table can be deleted, and have values.

    Raises:
        CannotPurgeError: they can't.
    """
    if table.rows == policy.GROW_ONLY:
        raise CannotPurgeError(f"table {table.name!r} is grow-only: its rows can't be deleted, and so not be purged")
    if not table.fields:
        raise CannotPurgeError(
            f"table {table.name!r} has no columns but its key, which stays: there is nothing to purge"
        )


def _whole(table: Table, keys: list[tuple[SqliteValue, ...]]) -> Iterable[tuple[SqliteValue, ...]]:
    """Put keys together that were given part by part.

    Raises:
        UsageError: a key has another number of parts.
    """
    width = len(table.key)
    if all(len(key) == 1 for key in keys) and len(keys) % width == 0:
        parts_in_turn = iter([part for (part,) in keys])
        return zip(*[parts_in_turn] * width, strict=True)
    if any(len(key) != width for key in keys):
        raise UsageError(f"the key of {table.name!r} is ({', '.join(table.key)}): give {width} value(s) for each row")
    return keys


def _row(registry: Registry, table: Table, key: tuple[SqliteValue, ...]) -> tuple[tuple[SqliteValue, ...], bool]:
    """Return the key of a deleted row as the file has it, and whether the row was purged already."""
    connection = registry.connection
    what = f"row {show_key(key)} of table {table.name!r}"
    is_row = joined((Sql(f"clock.{part} = ?{n}") for n, part in enumerate(table.key_names, 1)), " AND ")
    slots = {"keys": table.keys_of("clock"), "clock": table.clock, "held": table.held}
    row = query.first(
        connection,
        sql("purge/purging/find_row", is_row=is_row, is_purged=table.is_purged, **slots),
        key,
    )
    gone, reason, is_purged, *own = row or (None, None, 0)
    if gone and reason == reasons.RESTORED:
        held = suggest.command("held", registry.path, options=["--table", table.name])
        raise CannotPurgeError(
            f"{what} can't be purged: rows refer to it that its delete had not seen, so it is shown still ({held}); change or delete "
            "these rows first"
        )
    if gone:
        return tuple(own), bool(is_purged)
    if query.exists(connection, table.quoted, table.has_given_key, key):
        equal = " AND ".join(
            f"{identifier(name)} = {show(part, 1000)}" for name, part in zip(table.key, key, strict=True)
        )
        delete = suggest.sqlite(f"DELETE FROM {table.quoted} WHERE {equal}", registry.path)
        raise NotDeletedError(f"{what} is not deleted: nothing was purged; delete it first: {delete}")
    if row is not None:
        held = suggest.command("held", registry.path, options=["--table", table.name])
        raise NotDeletedError(f"{what} is not deleted, only held: nothing was purged; {held} says what releases it")
    raise UnknownRowError(
        f"table {table.name!r} has no row {show_key(key)}, deleted or not{_meant(registry, table, key)}"
    )


def _meant(registry: Registry, table: Table, key: tuple[SqliteValue, ...]) -> str:
    """Say which deleted row was perhaps meant."""
    deleted = query.rows_to_show(
        registry.connection, f"SELECT {table.keys} FROM {table.clock} WHERE gone = 1 LIMIT {_MOST_KEYS}"
    )
    near = suggest.meant(show_key(key), [show_key(tuple(other)) for other in deleted])
    return f": did you mean {near}?" if near else ""


def _note_old(registry: Registry, table: Table, before: int, report: PurgeReport) -> None:
    """Note the rows that were deleted before an hlc and not purged."""
    if table.rows == policy.GROW_ONLY or not table.fields:
        return
    connection, values = registry.connection, {"tbl": table.id, "before": before}
    slots = {"clock": table.clock, "held": table.held, "is_purged": table.is_purged}
    referenced, already = query.first(connection, sql("purge/purging/count_left", **slots), values)
    report.referenced += int(referenced)
    report.already += int(already)
    noted = sql("purge/purging/note_old", keys=table.keys, clock_keys=table.keys_of("clock"), **slots)
    connection.execute(noted, values)
    _count(table, connection.changes(), report)


def _note_named(registry: Registry, table: Table, keys: Iterable[tuple[SqliteValue, ...]], report: PurgeReport) -> None:
    """Note rows by their keys, unless they were purged already."""
    found: dict[tuple[SqliteValue, ...], None] = {}
    again: set[tuple[SqliteValue, ...]] = set()
    for key in _whole(table, list(keys)):
        own, is_purged = _row(registry, table, key)
        again.add(own) if is_purged else found.setdefault(own)
    report.already = len(again)
    marks = joined(Sql("?") for _ in table.key)
    statement = f"INSERT INTO temp._crdt_purge (tbl, {table.keys}) VALUES ({table.id}, {marks})"
    registry.connection.executemany(statement, list(found))
    _count(table, len(found), report)


def _count(table: Table, rows: int, report: PurgeReport) -> None:
    if rows:
        report.tables[table.name] = rows


def _purge(registry: Registry, tables: Sequence[Table], report: PurgeReport, now: Now) -> None:
    """Write the events of the rows that were noted."""
    connection, batch = registry.connection, registry.next_batch()
    first = registry.tick(now())
    registry.record_merged(first)
    connection.execute("UPDATE temp._crdt_purge SET t = ?1 + id - 1, s = ?2", (first, registry.self_ordinal))
    for table in tables:
        _Purge(registry, table, registry.seq_of(table, batch, report.tables[table.name])).run()
        report.conflicts += erasing.erase(registry, table)
    told.remember(registry, ())
    (last,) = query.first(connection, "SELECT max(t) FROM temp._crdt_purge")
    acting.attribute_directly(registry, registry.self_ordinal, first, last)
    registry.raise_vector(batch, [(registry.self_ordinal, last)])


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
