"""Alter: run one statement that changes the schema, and let what crdtsql keeps follow it.

Runs inside the caller's write transaction, on a folded registry: our triggers are taken off the table, the statement runs, and
what it did is read from the table's shape before and after, so that SQLite alone decides what a statement means. The
statement itself is looked at only for what it is and which table and column it names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import apsw

from crdtsql.base import CannotAlterError, CannotEnableError, UsageError, caseless, naming, query, suggest
from crdtsql.capture import drop_triggers, enable
from crdtsql.evolve import reshape
from crdtsql.merge import parking
from crdtsql.sqlite import TableShape, indexsql, schema
from crdtsql.store import Field, Registry, Table, columns
from crdtsql.types import columntype

KNOWN = "ALTER TABLE, CREATE TABLE, DROP TABLE, CREATE INDEX, CREATE UNIQUE INDEX or DROP INDEX"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that changes the schema.

    Attributes:
        verb: its first words, in capitals, as in `KNOWN`.
        table: the table that it alters or drops, "" if none.
        column: the column that it drops, "" if none.
    """

    text: str
    verb: str
    table: str = ""
    column: str = ""


def parse(given: str) -> Statement:
    """Find out what a statement is.

    Raises:
        UsageError: it is not exactly one statement of a kind that is taken here.

    >>> parse('alter table main."my t" drop a -- gone').table
    'my t'
    """
    pieces = indexsql.tokens(given)
    while pieces and pieces[-1] in (" ", ";"):  # SQLite copies the end of ADD COLUMN into the schema, with its comment
        pieces.pop()
    tokens = [piece for piece in pieces if piece != " "]
    if ";" in tokens:
        raise UsageError("give one statement at a time, without another one behind its semicolon")
    words = [token.upper() for token in tokens]
    verb = next(
        (verb for verb in KNOWN.replace(" or ", ", ").split(", ") if words[: verb.count(" ") + 1] == verb.split()), ""
    )
    if not verb:
        raise UsageError(f"a statement here is one of {KNOWN}, not {' '.join(tokens[:3])[:60]!r}")
    rest = tokens[verb.count(" ") + 1 :]
    if verb == "DROP TABLE" and [token.upper() for token in rest[:2]] == ["IF", "EXISTS"]:
        rest = rest[2:]
    if verb not in ("ALTER TABLE", "DROP TABLE") or not rest:
        return Statement("".join(pieces), verb)
    if rest[1:2] == ["."] and len(rest) > 2:
        rest = rest[2:]
    column = ""
    if verb == "ALTER TABLE" and len(rest) > 2 and rest[1].upper() == "DROP":
        named = rest[3:] if rest[2].upper() == "COLUMN" and len(rest) > 3 else rest[2:]
        column = indexsql.unquoted(named[0]) if len(named) == 1 else ""
    return Statement("".join(pieces), verb, indexsql.unquoted(rest[0]), column)


def alter(registry: Registry, statement: Statement) -> list[str]:
    """Run a statement; return what was done, a line each.

    Raises:
        CannotAlterError: SQLite refuses it, or what comes of it can't be replicated.
    """
    here = (table for table in registry.tables() if not table.absent)
    table = next((table for table in here if caseless(table.name) == caseless(statement.table)), None)
    if table is None:
        _run(registry.connection, statement)
        return [f"ran: {_short(statement)}", *_renew(registry)]
    if statement.verb == "DROP TABLE":
        enable.disable(registry, table.name)
        _run(registry.connection, statement)
        gone = f"{table.name} is not replicated any more: its clocks, deleted rows and conflicts are gone"
        return [f"{gone}; run {enable.left(table.name)}", f"ran: {_short(statement)}"]
    return _alter_table(registry, statement, table)


def _short(statement: Statement) -> str:
    return " ".join(statement.text.split())


def _alter_table(registry: Registry, statement: Statement, table: Table) -> list[str]:
    connection = registry.connection
    before = reshape.shape_of(registry, table.name)
    names = {name for name, _ in schema.user_tables(connection)}
    field = next((field for field in table.fields if caseless(field.name) == caseless(statement.column)), None)
    done = []
    if field is not None:
        table, kept = reshape.park_column(registry, table, field)
        done.append(
            f"{table.name}.{field.name}: {kept:,} values are kept, and passed on to replicas that have the column"
        )
    drop_triggers(connection, table.name)
    _run(connection, statement)
    done.append(f"ran: {_short(statement)}")
    if schema.read(connection, table.name) is None:
        (name,) = {name for name, _ in schema.user_tables(connection)} - names
        done.append(f"{table.name} is called {name} now, and goes on as {table.uid!r} in changesets")
        table = reshape.rename_table(registry, table, name)
    after = reshape.shape_of(registry, table.name)
    done += _follow(registry, table, before, after, field)
    try:
        enable.check(connection, table.name)
        reshape.renew_triggers(registry, registry.table(table.name))
    except CannotEnableError as error:
        raise CannotAlterError(f"{table.name!r} could not be replicated after that: {error.reason}") from error
    return done


def _follow(
    registry: Registry, table: Table, before: TableShape, after: TableShape, dropped: Field | None
) -> list[str]:
    """Register which columns were renamed, dropped or added."""
    done = []
    old, new = [column.name for column in before.columns], [column.name for column in after.columns]
    if len(old) == len(new):
        uids = dict(zip((*table.key, *(field.name for field in table.fields)), table.uids, strict=True))
        for was, now in zip(old, new, strict=True):
            if was != now and was in uids:
                columns.rename_column(registry, table, uids[was], now)
                done.append(f"{table.name}.{was} is called {now} now, and goes on as {uids[was]!r} in changesets")
    gone = [field for field in table.fields if field.name in set(old) - set(new) and len(new) < len(old)]
    for field in gone:
        if field != dropped:
            raise CannotAlterError(f"{table.name}.{field.name} would be lost: drop columns one at a time, by name")
        reshape.drop_column(registry, table, field)
    if dropped is not None and dropped not in gone:
        raise CannotAlterError(f"{table.name}.{dropped.name} was not dropped by the statement")
    if len(new) > len(old):
        for field in reshape.add_columns(registry, table, after):
            back = parking.unpark(registry, registry.table(table.name), field)
            known = f", with {back:,} values that other replicas wrote to it" if back else ""
            earlier = (
                ""
                if field.uid == caseless(field.name)
                else "; the table had another column of that name before, this one"
            )
            again = f"{earlier} goes as {field.uid!r} in changesets" if earlier else ""
            done.append(f"{table.name}.{field.name} is replicated{known}{again}")
    return done


def _run(connection: apsw.Connection, statement: Statement) -> None:
    """Run the statement, and make sure that it touched nothing of ours."""
    before = _ours(connection)
    try:
        connection.execute(statement.text)
    except apsw.SQLError as error:
        said = str(error).removeprefix("SQLError: ")
        raise CannotAlterError(
            f"SQLite refuses {_short(statement)[:200]!r}: {said}{_meant(connection, statement, said)}"
        ) from error
    except apsw.ConstraintError as error:
        raise CannotAlterError(f"the rows that are there don't allow {_short(statement)[:200]!r}: {error}") from error
    if _ours(connection) != before:
        raise CannotAlterError(f"{_short(statement)[:200]!r} would change what crdtsql keeps, or take one of its names")


def _meant(connection: apsw.Connection, statement: Statement, said: str) -> str:
    """Say which names there are where SQLite knows none of the kind."""
    found = re.match(r"no such (table|index|column): (.*)", said)
    if found is None:
        return ""
    kind, name = found[1], indexsql.unquoted(found[2]).removeprefix("main.")
    if kind == "column":
        shape = schema.read(connection, statement.table)
        known = [column.name for column in shape.columns] if shape else []
    else:
        rows = query.rows(connection, "SELECT name FROM main.sqlite_schema WHERE type = ? ORDER BY name", (kind,))
        known = [name for (name,) in rows if not naming.is_ours(name) and not name.startswith("sqlite_")]
    return f"; {suggest.instead(name, known, 'there are')}"


def _ours(connection: apsw.Connection) -> set[tuple[object, ...]]:
    rows = query.rows(connection, "SELECT type, name, tbl_name, sql FROM main.sqlite_schema")
    return {row for row in rows if naming.is_ours(row[1]) or naming.is_ours(row[2])}


def _renew(registry: Registry) -> list[str]:
    """Create the triggers anew of tables that an index was added to or taken from; return what was done."""
    connection, done = registry.connection, []
    for table in registry.tables() if registry.exists else []:
        if table.absent:
            continue
        shape = reshape.shape_of(registry, table.name)
        if not reshape.are_outdated(connection, table, shape):
            continue
        try:
            enable.check(connection, table.name)
            for field in table.typed_fields:
                column = next(column for column in shape.values if column.name == field.name)
                columntype.check(connection, shape, column, field.type)
        except CannotEnableError as error:
            raise CannotAlterError(f"{table.name!r} could not be replicated after that: {error.reason}") from error
        reshape.renew_triggers(registry, table)
        done.append(f"{table.name}: its triggers see the indexes that it has now")
    return done
