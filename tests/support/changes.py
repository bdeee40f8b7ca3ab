"""Pairs of replicas whose schemas are about to change, and what other programs do to them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import apsw

from crdtsql import Replica
from tests.support.command import execute
from tests.support.peers import START_MS

TASK = "CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT, n INTEGER)"
ROWS = "INSERT INTO task VALUES ('g1', 'genesis', 1), ('g2', 'genesis', 2)"


@contextmanager
def pair(folder: Path, schema: str = f"{TASK}; {ROWS}", **options: Any) -> Iterator[tuple[Replica, Replica]]:
    """Make a file with replicated tables, and a clone; each step takes a millisecond."""
    connection = apsw.Connection(str(folder / "a.db"))
    connection.execute(schema)
    connection.close()
    moments = count(START_MS)
    with Replica.open(folder / "a.db", now=lambda: next(moments)) as one:
        one.enable(all=True, **options)
        with one.clone(folder / "b.db") as other:
            yield one, other


def shell(replica: Replica, script: str) -> None:
    """Run SQL in the `sqlite3` program: somebody who knows nothing of crdtsql."""
    execute(Path(replica.path), script)


def transform(replica: Replica, table: str, *options: str) -> None:
    """Rebuild a table as `sqlite-utils transform` does, which drops its triggers."""
    command = [sys.executable, "-m", "sqlite_utils", "transform", replica.path, table, *options]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def triggers(replica: Replica) -> list[tuple[Any, ...]]:
    """Return the triggers of a file."""
    return replica.connection.execute(
        "SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name"
    ).fetchall()


def fresh_triggers(replica: Replica, folder: Path) -> list[tuple[Any, ...]]:
    """Return the names of the triggers that a file has whose tables were enabled as they are now."""
    path = folder / "fresh.db"
    path.unlink(missing_ok=True)
    connection = apsw.Connection(str(path))
    for (statement,) in replica.connection.execute(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT GLOB '_crdt_*' AND name <> 'crdt_conflicts' "
        "AND tbl_name NOT GLOB '_crdt_*' AND name NOT GLOB 'sqlite_*' ORDER BY rowid"
    ).fetchall():
        connection.execute(statement)
    names = [table.name for table in replica.registry.tables()]
    with Replica.on(connection) as fresh:
        fresh.enable(*names)
        return [row[:2] for row in triggers(fresh)]
