"""Make the golden files of changeset format 1 with typed columns: `python -m tests.golden.make_v1_types`.

Made once, like those of `make_v1.py`, and never again.
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
from tests.golden.make_v1 import START_MS, _rows, read_image

FOLDER = Path(__file__).parent / "v1-types"
TYPES = {
    "votes": "counter", "views": "grow-counter", "tags": "set", "seen": "grow-set", "meta": "map", "status": "register",
    "best": "max", "due": "min",
}  # fmt: skip
SCHEMA = [
    (
        "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT, votes INTEGER DEFAULT 0, views REAL DEFAULT 0, tags TEXT, "
        "seen TEXT DEFAULT '[]', meta TEXT, status TEXT, best INTEGER, due TEXT)"
    )
]
ROW = """('{0}', 'title', 1, 0.5, '["b", "a"]', '[1]', '{{"a":1,"b":{{"c":[1,2]}}}}', 'open', 5, '2030')"""


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
    connection = apsw.Connection(str(folder / "a.db"))
    connection.execute(f"{SCHEMA[0]}; INSERT INTO task VALUES {ROW.format('g1')}, {ROW.format('g2')}")
    connection.close()
    files: dict[str, bytes] = {}
    with Replica.open(folder / "a.db", **opening) as a:
        a.enable("task", types=TYPES, rows="delete-wins")
        a.connection.execute(f"INSERT INTO task VALUES {ROW.format('t1')}, {ROW.format('t2')}")
        files["base.crdt"] = a.export()
        base = a.vector()
        a.clone(folder / "b.db")
        with Replica.open(folder / "b.db", **opening) as b:
            for replica, word, number in ((a, "a", 2), (b, "b", 3)):
                _change(replica.connection, word, number)
                replica.vector()
            b.connection.execute(f"INSERT OR REPLACE INTO task VALUES {ROW.format('t2')}")
            a.connection.execute("DELETE FROM task WHERE id = 'g2'")
            a.vector(), b.vector()
            a.merge(b.export(a.vector()))
        a.connection.execute("UPDATE task SET votes = votes - 1, tags = json_remove(tags, '$[0]') WHERE id = 't1'")
        files["delta.crdt"] = a.export(base)
        files["whole.crdt"] = a.export()
        expected = {
            "format": envelope.unpack(files["base.crdt"]).version,
            "schema": SCHEMA,
            "tables": ["task"],
            "options": {"types": TYPES, "rows": "delete-wins"},
            "orders": [["base.crdt", "delta.crdt"], ["whole.crdt"], ["whole.crdt", "base.crdt", "delta.crdt"]],
            "headers": {name: envelope.unpack(data).header.to_json() for name, data in files.items()},
            "vector": a.vector(),
            "images": {name: read_image(data) for name, data in files.items()},
            "rows": {"task": _rows(a.connection, "task")},
            "changes": [[to_json(part) for part in change] for change in a.changes()],
        }
    for name, data in files.items():
        (target / name).write_bytes(data)
    text = json.dumps(expected, indent=1, ensure_ascii=False) + "\n"
    (target / "expected.json").write_text(text, encoding="utf-8")


def _change(connection: apsw.Connection, word: str, number: int) -> None:
    """Change every typed cell of every row."""
    connection.execute(
        "UPDATE task SET votes = votes + ?2, views = views + ?2, tags = json_insert(json_remove(tags, '$[0]'), '$[#]', ?1), "
        "seen = json_insert(seen, '$[#]', ?1), meta = json_set(meta, '$.b.' || ?1, ?2, '$.a', ?1), status = ?1, best = ?2 * 10, "
        "due = '2' || ?2",
        (word, number),
    )


if __name__ == "__main__":
    main()
