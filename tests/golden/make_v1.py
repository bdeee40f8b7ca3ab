"""Make the golden files of changeset format 1: `python -m tests.golden.make_v1`.

They were made once, and are kept for ever as they are: a later version must read these very bytes. So this script refuses to
overwrite. It stays here to show what is in them, and as what the next format's files are made of (`make_v2.py`).

Times and site ids are handed in, and writers are ahead of that time, so that their stamps are cut to it: the same stamps every time.
"""

from __future__ import annotations

import json
import os
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

import apsw

from crdtsql import Replica
from crdtsql.base.values import to_json
from crdtsql.wire import envelope
from tests.support.forge import parts

FOLDER = Path(__file__).parent / "v1"
START_MS = 1_700_000_000_000
WIDE = [f"c{number}" for number in range(70)]
SCHEMA = [
    # genesis rows, partial updates, a deleted row, a row with several heads
    "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT, done INTEGER NOT NULL DEFAULT 0, due REAL)",
    # all value types, in columns that keep what they are given
    'CREATE TABLE "odd ""name" (id INTEGER PRIMARY KEY, "any value")',
    # a composite key, in another order than the columns, with a collation
    (
        "CREATE TABLE member (since INTEGER, person TEXT COLLATE NOCASE NOT NULL, team INTEGER NOT NULL, "
        "PRIMARY KEY (team, person)) WITHOUT ROWID"
    ),
    # two mask words
    f"CREATE TABLE wide (id INTEGER PRIMARY KEY, {', '.join(WIDE)})",
    # nothing but a key
    "CREATE TABLE tag (name TEXT PRIMARY KEY NOT NULL)",
]
TABLES = ["task", 'odd "name', "member", "wide", "tag"]
VALUES = [
    None, 0, 1, -1, 2**63 - 1, -(2**63), 0.0, 1.0, 0.1, -1e300, 5e-324, float("inf"), float("-inf"),
    "", "plain", "it's \"quoted\"", "näïve 日本 🙂", "a\0b", "12", b"", b"\0\x01\xff",
]  # fmt: skip


def main(target: Path = FOLDER) -> None:
    """Write the files."""
    if target.exists() and any(target.iterdir()):
        raise SystemExit(f"{target} is kept as it is; golden files are never made again")
    target.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CRDTSQL_STATE_DIR"] = folder
        _write(Path(folder), target)


def _write(folder: Path, target: Path) -> None:
    clock = count(START_MS, 1000)
    sites = iter(bytes([number]) * 16 for number in (0xA1, 0xB2, 0xC3))
    opening: dict[str, Any] = {"now": lambda: next(clock), "make_site": lambda: next(sites)}
    path = str(folder / "a.db")
    connection = apsw.Connection(path)
    for statement in SCHEMA:
        connection.execute(statement)
    _write_genesis(connection)
    connection.close()
    files: dict[str, bytes] = {}
    with Replica.open(path, **opening) as a:
        a.enable(*TABLES)
        _write_first(a.connection)
        files["base.crdt"] = a.export()
        base = a.vector()
        a.clone(folder / "b.db")
        with Replica.open(folder / "b.db", **opening) as b:
            _write_concurrently(a.connection, b.connection)
            a.vector(), b.vector()  # fold, a first
            a.merge(b.export(a.vector()))
        _write_last(a.connection)
        files["delta.crdt"] = a.export(base)
        files["whole.crdt"] = a.export()
        expected = {
            "format": envelope.unpack(files["base.crdt"]).version,
            "schema": SCHEMA,
            "tables": TABLES,
            "options": {"identity": None},
            "orders": [["base.crdt", "delta.crdt"], ["whole.crdt"], ["whole.crdt", "base.crdt", "delta.crdt"]],
            "headers": {name: envelope.unpack(data).header.to_json() for name, data in files.items()},
            "vector": a.vector(),
            "images": {name: read_image(data) for name, data in files.items()},
            "rows": {table: _rows(a.connection, table) for table in TABLES},
            "changes": [[to_json(part) for part in change] for change in a.changes()],
        }
    for name, data in files.items():
        (target / name).write_bytes(data)
    text = json.dumps(expected, indent=1, ensure_ascii=False) + "\n"
    (target / "expected.json").write_text(text, encoding="utf-8")


def _write_genesis(connection: apsw.Connection) -> None:
    """Write the rows that are there before the tables are enabled."""
    connection.execute("INSERT INTO task VALUES ('g1', 'untouched', 0, 1.5), ('g2', 'renamed later', 0, NULL)")
    connection.execute("INSERT INTO task VALUES ('g3', 'deleted later', 1, 2)")
    connection.execute("INSERT INTO member VALUES (2001, 'Ada', 1)")
    connection.execute("INSERT INTO tag VALUES ('old')")


def _write_first(connection: apsw.Connection) -> None:
    """Write what is in base.crdt."""
    connection.execute("INSERT INTO task VALUES ('t1', 'both rename', 0, NULL), ('t2', 'one deletes', 0, 3.25)")
    connection.execute(
        "INSERT INTO task VALUES ('t3', 'plain', 0, 0.1), ('t4', 'gone soon', 1, 7), ('t5', 'both delete', 0, 1)"
    )
    for number, value in enumerate(VALUES, 1):
        connection.execute('INSERT INTO "odd ""name" VALUES (?, ?)', (number, value))
    connection.execute("INSERT INTO member VALUES (2002, 'Grace', 1), (2003, 'ada', 2)")
    connection.execute(
        "INSERT INTO wide (id, c0, c59, c60, c69) VALUES (1, 'first', 'last of p0', 'first of p1', 'last')"
    )
    connection.execute("INSERT INTO wide (id) VALUES (2)")
    connection.execute("INSERT INTO tag VALUES ('new'), ('brief')")


def _write_concurrently(a: apsw.Connection, b: apsw.Connection) -> None:
    """Write on two replicas that don't know of each other: rows with several heads."""
    a.execute("UPDATE task SET title = 'a renames' WHERE id = 't1'")
    b.execute("UPDATE task SET title = 'b renames', done = 1 WHERE id = 't1'")
    a.execute("DELETE FROM task WHERE id = 't2'")
    b.execute("UPDATE task SET due = 4.5 WHERE id = 't2'")
    a.execute("DELETE FROM task WHERE id = 't5'")
    b.execute("DELETE FROM task WHERE id = 't5'")
    b.execute("UPDATE wide SET c1 = 'b' WHERE id = 1")


def _write_last(connection: apsw.Connection) -> None:
    """Write what only delta.crdt and whole.crdt have: partial updates and deletes."""
    connection.execute("UPDATE task SET title = 'renamed' WHERE id = 'g2'")
    connection.execute("DELETE FROM task WHERE id IN ('g3', 't4')")
    connection.execute("UPDATE task SET due = NULL WHERE id = 't3'")
    connection.execute("UPDATE member SET person = 'ADA', since = 2004 WHERE team = 1 AND person = 'Ada'")
    connection.execute("UPDATE wide SET c60 = NULL, c69 = 70 WHERE id = 1")
    connection.execute("DELETE FROM tag WHERE name = 'brief'")


def read_image(data: bytes) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of an image as it is, by table; columns that are NULL are left out."""
    connection = apsw.Connection(":memory:")
    connection.deserialize("main", parts(data)[1])
    found = {}
    for (table,) in connection.execute("SELECT name FROM sqlite_schema ORDER BY name").fetchall():
        names = [name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))]
        rows = connection.execute(f"SELECT * FROM {table}").fetchall()
        found[table] = [{n: to_json(v) for n, v in zip(names, row, strict=True) if v is not None} for row in rows]
    connection.close()
    return found


def _rows(connection: apsw.Connection, table: str) -> list[list[Any]]:
    name = table.replace('"', '""')
    rows = [[to_json(value) for value in row] for row in connection.execute(f'SELECT * FROM "{name}"')]
    return sorted(rows, key=json.dumps)


if __name__ == "__main__":
    main()
