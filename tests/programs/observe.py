"""What two replicas must have alike, and what must hold in each after every merge."""

from __future__ import annotations

from typing import Any

import apsw

from crdtsql.store.registry import Registry
from tests.programs.shape import quoted

Row = tuple[Any, ...]
Held = list[tuple[str, str, str]]


def tables(connection: apsw.Connection) -> dict[str, list[str]]:
    """Return all rows of all replicated tables, in a form that tells 1 from 1.0."""
    return {table.name: _rows(connection, table.name) for table in Registry(connection).tables()}


def _rows(connection: apsw.Connection, table: str) -> list[str]:
    names = [name for (name,) in connection.execute("SELECT name FROM pragma_table_xinfo(?)", (table,))]
    rows = connection.execute(f"SELECT {', '.join(map(quoted, names))} FROM {quoted(table)}")
    return sorted(map(repr, rows))


def held(connection: apsw.Connection) -> Held:
    """Return the held rows: (table, key and values, reason)."""
    found = []
    for table in Registry(connection).tables():
        values = [*map(str, table.key_names), *(f"v{field.id}" for field in table.fields)]
        rows = connection.execute(
            f"SELECT held.reason, {', '.join(f'held.{value}' for value in values)} FROM {table.clock} AS clock "
            f"JOIN {table.held} AS held ON held.id = clock.held"
        )
        found += [(table.name, repr(row[1:]), str(row[0])) for row in rows]
    return sorted(found)


def is_of_deleted(reason: str) -> bool:
    """Tell whether a held row is not in the table because somebody deleted it."""
    return reason == "deleted"


def broken(connection: apsw.Connection) -> list[str]:
    """Return what is wrong with a file: constraints that don't hold, indexes that don't fit their tables."""
    problems = [f"integrity: {text}" for (text,) in connection.execute("PRAGMA integrity_check") if text != "ok"]
    problems += [f"foreign key: {row}" for row in connection.execute("PRAGMA foreign_key_check")]
    indexes = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%USING fts%'"
    ).fetchall()
    for (name,) in indexes:
        connection.execute("SAVEPOINT look")
        try:
            connection.execute(f"INSERT INTO {quoted(name)} ({quoted(name)}, rank) VALUES ('integrity-check', 1)")
        except apsw.Error as error:
            problems.append(f"full-text index {name}: {error}")
        finally:
            connection.execute("ROLLBACK TO look; RELEASE look")
    return problems


def differences(first: apsw.Connection, second: apsw.Connection) -> list[str]:
    """Return how two replicas that have each other's events differ."""
    ours, theirs = tables(first), tables(second)
    found = []
    for name in ours:
        found += [f"{name}: only the first has {row}" for row in sorted(set(ours[name]) - set(theirs[name]))]
        found += [f"{name}: only the second has {row}" for row in sorted(set(theirs[name]) - set(ours[name]))]
    ours_held, theirs_held = held(first), held(second)
    found += [f"only the first holds {row}" for row in ours_held if row not in theirs_held]
    found += [f"only the second holds {row}" for row in theirs_held if row not in ours_held]
    return found
