"""Rows: change how a replicated table's rows live, later than when it was enabled.

Runs inside the caller's write transaction, on a folded registry, with foreign keys not enforced. No event comes of it: a row's
heads stay what they are, and another one of them may be the first now, so that the row goes or comes back. Hence replicas with
equal vectors and equal policies have equal tables, whenever each of them changed its policy.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

import apsw

from crdtsql import enable, naming, policy, query, quiet, schema
from crdtsql.errors import ConstraintViolationError, NotEnabledError
from crdtsql.registry import Registry, temporary
from crdtsql.schema import TableShape
from crdtsql.sqltext import Sql, identifier, joined, sql
from crdtsql.tables import Table
from crdtsql.values import SqliteValue, show_key

MOST_ROWS_NAMED = 5


@dataclass(frozen=True, slots=True)
class RowsReport:
    """What another row policy did to a table.

    Attributes:
        table: the table's name as the database spells it.
        deleted: rows that went from the user's table to the held rows.
        revived: rows that came back from there.
    """

    table: str
    deleted: int = 0
    revived: int = 0


def set_rows(registry: Registry, name: str, rows: str, granularity: str | None) -> RowsReport:
    """Change a table's row policy, and its granularity if one is given.

    Raises:
        NotEnabledError: the table is not replicated.
        UsageError: there is no such row policy or granularity.
        ConstraintViolationError: rows that go or come back would break a constraint of the table.
    """
    connection, table = registry.connection, registry.table(name)
    stamps = granularity or table.granularity
    enable.check_policies(rows, stamps)
    shape = schema.read(connection, table.place)
    if shape is None:
        raise NotEnabledError(
            f"table {table.name!r} is not in {registry.path} any more: restore it, then run this again"
        )
    report = RowsReport(table.name)
    if (rows == policy.DELETE_WINS) != (table.rows == policy.DELETE_WINS):
        with quiet.without_capture(connection, [table]):
            report = _turn(connection, table, shape, rows)
    if table.absent:
        registry.set_policies(table, rows, stamps)
    elif (rows, stamps) != (table.rows, table.granularity):
        enable.drop_triggers(connection, table.name)
        enable.create_triggers(connection, registry.set_policies(table, rows, stamps), shape)
    return report


def _turn(connection: apsw.Connection, table: Table, shape: TableShape, rows: str) -> RowsReport:
    """Make the newest head of the kind that decides now the first one, and show or hold the rows accordingly."""
    gone = 1 if rows == policy.DELETE_WINS else None
    (held_base,) = query.first(connection, f"SELECT ifnull(max(id), 0) FROM {table.held}")
    values: dict[str, SqliteValue] = {"gone": gone, "old_gone": None if gone else 1, "held_base": held_base}
    keys = joined(
        Sql(f"{key} {column.affinity} COLLATE {column.collation}")
        for key, column in zip(table.key_names, shape.key, strict=True)
    )
    definition = f"CREATE TEMP TABLE _crdt_turned (id INTEGER PRIMARY KEY, {keys}, t, s, old_t, old_s, old_held)"
    ours = {"clock": table.clock, "heads": table.heads, "keys": table.keys}
    with temporary(connection, "_crdt_turned", definition):
        found = sql(
            "rows/find_turned",
            clock_keys=table.keys_of("clock"),
            clock_is_heads=table.same_keys("clock", "heads"),
            **ours,
        )
        connection.execute(found, values)
        (count,) = query.first(connection, "SELECT count(*) FROM temp._crdt_turned")
        if not count:
            return RowsReport(table.name)
        before = _orphans(connection, table)
        connection.execute(sql("rows/forget_first_heads", heads=table.heads, keys=table.keys))
        connection.execute(sql("rows/store_old_heads", heads=table.heads, keys=table.keys), values)
        if gone:
            _hide(connection, table, values)
        else:
            _revive(connection, table, count)
        clocks = sql("rows/turn_clocks", clock=table.clock, clock_is_turned=table.same_keys("clock", "turned"))
        connection.execute(clocks, values)
        _check_orphans(table, rows, _orphans(connection, table) - before)
    return RowsReport(table.name, deleted=count if gone else 0, revived=0 if gone else count)


def _held_columns(table: Table) -> list[Sql]:
    return [*table.key_names, *(naming.value(field.id) for field in table.fields)]


def _hide(connection: apsw.Connection, table: Table, values: dict[str, SqliteValue]) -> None:
    fields = [Sql(f"shown.{identifier(field.name)}") for field in table.fields]
    hold = sql(
        "rows/hold_turned",
        held=table.held,
        held_columns=joined(_held_columns(table)),
        shown_columns=joined([table.key_columns_of("shown"), *fields]),
        table=table.quoted,
        shown_is_turned=table.row_has_key_of("shown", "turned"),
    )
    connection.execute(hold, values)
    connection.execute(sql("rows/remove_turned", table=table.quoted, key_columns=table.key_columns, keys=table.keys))


def _revive(connection: apsw.Connection, table: Table, count: int) -> None:
    show = sql(
        "rows/show_turned",
        table=table.quoted,
        columns=joined([table.key_columns, *(identifier(field.name) for field in table.fields)]),
        held=table.held,
        held_columns=joined(Sql(f"held.{column}") for column in _held_columns(table)),
    )
    try:
        connection.execute(show, {"first": 1, "last": count})
    except (apsw.ConstraintError, apsw.MismatchError) as error:
        raise _refusal(connection, table, show, count, error) from error
    connection.execute(sql("rows/forget_turned", held=table.held))


def _refusal(
    connection: apsw.Connection, table: Table, show: str, count: int, error: apsw.Error
) -> ConstraintViolationError:
    """Name the rows that the table does not take back, found by writing one after the other."""
    constraint = str(error).removeprefix("ConstraintError: ")
    keys: list[tuple[SqliteValue, ...]] = []
    for number in range(1, count + 1):
        try:
            connection.execute(show, {"first": number, "last": number})
        except (apsw.ConstraintError, apsw.MismatchError):
            keys += query.rows(connection, f"SELECT {table.keys} FROM temp._crdt_turned WHERE id = ?", (number,))
        if len(keys) == MOST_ROWS_NAMED:
            break
    return ConstraintViolationError(
        f"table {table.name!r} does not take back rows that live under another row policy ({constraint}; rows "
        f"{', '.join(map(show_key, keys))}): nothing was changed; change the rows that are in their way, then run this again",
        table.name,
        constraint,
        [*keys],
    )


Orphans = Counter[tuple[str, int | None, str]]


def _orphans(connection: apsw.Connection, table: Table) -> Orphans:
    """Find rows without the row they refer to, in the table and those that refer to it: (table, rowid, parent)."""
    found: Orphans = Counter()
    for child in {table.name, *schema.referencing_tables(connection, table.name)}:
        with suppress(apsw.SQLError):  # a foreign key that SQLite can't check
            checked = query.rows(connection, f"PRAGMA main.foreign_key_check({identifier(child)})")
            found.update((name, rowid, parent) for name, rowid, parent, _ in checked)
    return found


def _check_orphans(table: Table, rows: str, orphans: Orphans) -> None:
    if not orphans:
        return
    child, _, parent = min(orphans, key=str)
    rowids = [rowid for name, rowid, _ in orphans if name == child and rowid is not None][:MOST_ROWS_NAMED]
    named = f"rowid {', '.join(map(str, rowids))}" if rowids else f"{sum(orphans.values())} rows"
    raise ConstraintViolationError(
        f"making table {table.name!r} {rows} would leave rows of table {child!r} without the row of {parent!r} they refer to "
        f"({named}): nothing was changed; change or delete these rows, then run this again",
        child,
        f"FOREIGN KEY REFERENCES {parent}",
        [(rowid,) for rowid in rowids],
    )
