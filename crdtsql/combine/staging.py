"""Staging: lay the rows of the other file beside the tables here, with the numbers that they will have.

Runs inside the caller's write transaction, on a folded registry. Each row stands in a table of the attached database as the table
here would store it: `staged_1 (k1, ..., mine, v0, ...)`. Automatic numbers that are used here are moved above them, all by one
amount, and so are the references to them; the merge takes care of the rest. Writes nothing to the user's tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import apsw

from crdtsql.base import CannotCombineError, Sql, caseless, identifier, joined, query, sql, suggest
from crdtsql.combine.gather import Gathered, GatheredTable
from crdtsql.combine.report import CombinedTable
from crdtsql.numbers import archive, followers
from crdtsql.sqlite import TableShape, schema
from crdtsql.store import Field, Registry, Table
from crdtsql.types import TYPES

FIRST_DERIVED = 1 << 52
"""Numbers from here on were given to rows that lost theirs: they are left alone."""


@dataclass(slots=True)
class Staged:
    """The rows of one table.

    Attributes:
        fields: the value columns that both files have; the n-th is `v<n>`.
        name: the table that has the rows, with the name of its database.
        report: what is known of them so far.
    """

    table: Table
    shape: TableShape
    fields: list[Field]
    name: Sql
    report: CombinedTable = field(default_factory=CombinedTable)

    @property
    def values(self) -> list[Sql]:
        """Return v0, v1, ...: the columns of the values."""
        return [Sql(f"v{position}") for position in range(len(self.fields))]

    @property
    def slots(self) -> dict[str, Sql]:
        """Return the slots of statements that compare staged rows with those here."""
        pairs = zip(self.values, self.fields, strict=True)
        differs = [Sql(f"WHEN staged.{value} IS NOT shown.{identifier(field.name)} THEN 1") for value, field in pairs]
        return {
            "staged": self.name,
            "table": self.table.quoted,
            "shown_is_staged": self.table.row_has_key_of("shown", "staged"),
            "differs": joined([*differs, Sql("WHEN 0 THEN 0")], " "),
        }


def stage(registry: Registry, gathered: Gathered, database: str) -> list[Staged]:
    """Stage all rows of tables that both files have.

    Raises:
        CannotCombineError: a table of the other file has no such key, or values that this one can't take.
    """
    here = {caseless(table.name): table for table in registry.tables() if not table.absent}
    staged = [
        _stage_table(registry, gathered.path, here[name], found, database, number)
        for number, (name, found) in enumerate(gathered.tables.items(), 1)
        if name in here
    ]
    if not staged:
        raise CannotCombineError(
            f"{gathered.path} has none of the tables that are replicated in {registry.path}: nothing was changed; "
            f"{suggest.command('status', registry.path)} lists these"
        )
    by_name = {caseless(one.table.name): one for one in staged}
    numbered = [one for one in staged if one.table.is_numbered]
    for one in numbered:
        (one.report.alike,) = query.first(registry.connection, sql("combine/staging/count_alike", **one.slots))
    for one in numbered:
        _move_numbers(registry, one, by_name)
    for one in staged:
        if not one.table.is_numbered:
            _find_mine(registry.connection, one)
    return staged


def _stage_table(
    registry: Registry, path: str, table: Table, found: GatheredTable, database: str, number: int
) -> Staged:
    connection = registry.connection
    shape = schema.read(connection, table.name)
    lacking = [name for name in table.key if caseless(name) not in found.columns]
    if shape is None or lacking:
        key = suggest.command("enable", path, table.name, options=["--add-key"])
        raise CannotCombineError(
            f"table {table.name!r} of {path} has no column {', '.join(map(repr, lacking))}, which names its rows in {registry.path}: "
            f"nothing was changed; give it one, for example with {key}"
        )
    fields = [field for field in table.fields if caseless(field.name) in found.columns]
    staged = Staged(table, shape, fields, Sql(f"{database}.staged_{number}"))
    affinities = {caseless(column.name): column.affinity for column in shape.columns}
    typed = [Sql(f", {v} {affinities[caseless(f.name)]}") for v, f in zip(staged.values, fields, strict=True)]
    keys, values = shape.define_key(table.key_names), joined(typed, "")
    connection.execute(sql("combine/staging/create_staged", staged=staged.name, keys=keys, values=values))
    statement = sql(
        "combine/staging/stage",
        staged=staged.name,
        keys=table.keys,
        values=joined((Sql(f", {value}") for value in staged.values), ""),
        raw_keys=joined(found.columns[caseless(name)][1] for name in table.key),
        raw_values=joined((Sql(f", {found.columns[caseless(f.name)][1]}") for f in fields), ""),
        raw=Sql(f"{database}.{found.raw}"),
    )
    connection.execute(statement)
    _check(connection, path, staged)
    staged.report.rows = found.rows
    known = {caseless(column.name) for column in shape.columns}
    staged.report.left_out = _left_out(connection, found, known, database)
    return staged


def _left_out(connection: apsw.Connection, found: GatheredTable, known: set[str], database: str) -> dict[str, int]:
    """Count the values of columns that the table here lacks."""
    counts = dict[str, int]()
    for key, (name, short) in found.columns.items():
        if key not in known:
            (values,) = query.first(connection, f"SELECT count({short}) FROM {database}.{found.raw}")
            counts |= {name: values} if values else {}
    return counts


def _check(connection: apsw.Connection, path: str, staged: Staged) -> None:
    """Check that each row has a key that the table here takes, for itself, and values that its columns' types take."""
    table, problem = staged.table, None
    if query.exists(connection, staged.name, joined((Sql(f"{key} IS NULL") for key in table.key_names), " OR ")):
        problem = "is NULL in some rows"
    elif staged.shape.has_rowid_key and query.exists(connection, staged.name, "typeof(k1) <> 'integer'"):
        problem = "is no integer in some rows"
    elif query.first(connection, sql("combine/staging/find_twice", staged=staged.name, keys=table.keys)):
        problem = "is the same in several rows, as its columns compare values here"
    if problem is not None:
        raise CannotCombineError(
            f"the key ({', '.join(table.key)}) of table {table.name!r} {problem} of {path}: nothing was changed; give each of these "
            "rows a key of its own there"
        )
    affinities = {caseless(column.name): column.affinity for column in staged.shape.columns}
    for value, found in zip(staged.values, staged.fields, strict=True):
        kind = TYPES[found.type]
        if kind.invalid is not None and query.exists(
            connection, staged.name, kind.invalid(value, affinities[caseless(found.name)])
        ):
            raise CannotCombineError(
                f"column {table.name}.{found.name} is a {kind.name} in this file, and must be {kind.takes}, which some rows of {path} "
                "are not: nothing was changed; correct them there"
            )


def _move_numbers(registry: Registry, one: Staged, staged: Mapping[str, Staged]) -> None:
    """Move the automatic numbers of one table above those that are used here, and the references to them."""
    connection, table = registry.connection, one.table
    slots = {"table": table.quoted, "key": identifier(table.key[0]), "clock": table.clock, "born": table.born}
    (here,) = query.first(connection, sql("combine/staging/highest_here", **slots), {"limit": FIRST_DERIVED})
    forgotten = max((number for number, _, _ in archive.read(registry, table) if number < FIRST_DERIVED), default=None)
    here = max((one for one in (here, forgotten) if one is not None), default=None)
    given = _sequence(connection, table.name)
    here = given if here is None or (given is not None and given > here) else here
    low, high = query.first(connection, f"SELECT min(k1), max(k1) FROM {one.name} WHERE k1 < {FIRST_DERIVED}")
    if here is None or low is None or low > here or high + here - min(low, 1) + 1 >= FIRST_DERIVED:
        return
    one.report.added = here - min(low, 1) + 1
    columns = [(one.name, Sql("k1"))]
    for follower in followers.to_table(registry, table):
        other = staged.get(caseless(follower.name))
        if other is None:
            continue
        if follower.position:
            columns.append((other.name, other.table.key_names[follower.position - 1]))
        elif follower.field is not None and follower.field in other.fields:
            columns.append((other.name, other.values[other.fields.index(follower.field)]))
    for name, column in columns:
        statement = sql("combine/staging/add_to_numbers", staged=name, column=column)
        connection.execute(statement, {"added": one.report.added, "limit": FIRST_DERIVED})


def _sequence(connection: apsw.Connection, table: str) -> int | None:
    """Return the last number that AUTOINCREMENT gave to a row of a table."""
    if not query.exists(connection, "main.sqlite_schema", "name = 'sqlite_sequence'"):
        return None
    found = query.first(connection, "SELECT seq FROM main.sqlite_sequence WHERE name = ?", (table,))
    return found[0] if found and isinstance(found[0], int) and found[0] < FIRST_DERIVED else None


def _find_mine(connection: apsw.Connection, one: Staged) -> None:
    """Find the rows whose key a row has here."""
    connection.execute(sql("combine/staging/find_mine", **one.slots))
    held_is_staged = one.table.same_keys("held", "staged")
    connection.execute(
        sql("combine/staging/find_held", staged=one.name, held=one.table.held, held_is_staged=held_is_staged)
    )
    one.report.same, one.report.differing = query.first(
        connection, f"SELECT count(*) FILTER (WHERE mine = 0), count(*) FILTER (WHERE mine = 1) FROM {one.name}"
    )
