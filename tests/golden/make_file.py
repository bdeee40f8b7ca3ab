"""Make the golden file of a file format: `python -m tests.golden.make_file`, with the package of a release that writes this format.

Made once for each file format by the last version that wrote it, and never again: a later version must open these very files. In `v<format>/`
are `app.db.xz`, the file; `peer.crdt`, what another replica of that version wrote since; `fresh.crdt`, the whole file as a changeset; and
`expected.json`: what that version's tables show of the file after the merge of `peer.crdt`.

It must run with versions of long ago, so it names nothing but what all of them have, and leaves out what a version does not know.
"""

from __future__ import annotations

import inspect
import json
import lzma
import os
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

import apsw

from crdtsql.replica import Replica

FOLDER = Path(__file__).parent / "files"
START_MS = 1_700_000_000_000
TYPES = {
    "votes": "counter", "views": "grow-counter", "tags": "set", "seen": "grow-set", "meta": "map", "status": "register",
    "best": "max", "due": "min",
}  # fmt: skip
SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT, n INTEGER NOT NULL DEFAULT 0);
CREATE TABLE doc (id TEXT PRIMARY KEY NOT NULL, votes INTEGER DEFAULT 0, views REAL DEFAULT 0, tags TEXT,
  seen TEXT DEFAULT '[]', meta TEXT, status TEXT, best INTEGER, due TEXT);
CREATE TABLE artist (id TEXT PRIMARY KEY NOT NULL, name TEXT UNIQUE);
CREATE TABLE album (id TEXT PRIMARY KEY NOT NULL, artist TEXT NOT NULL REFERENCES artist (id), title TEXT);
CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT);
CREATE TABLE line (id INTEGER PRIMARY KEY AUTOINCREMENT, note INTEGER REFERENCES note (id), words TEXT);
CREATE TABLE pair (a INTEGER, b TEXT COLLATE NOCASE, v, PRIMARY KEY (a, b)) WITHOUT ROWID;
"""
GENESIS = """
INSERT INTO task VALUES ('t1', 'one', 1), ('t2', 'two', 2), ('t3', 'three', 3), ('t4', 'four', 4);
INSERT INTO doc (id, tags, meta) VALUES ('d1', '["a", "b"]', '{"a":1}'), ('d2', '[]', '{}');
INSERT INTO artist VALUES ('r1', 'Ana'), ('r2', 'Bo');
INSERT INTO album VALUES ('m1', 'r1', 'First');
INSERT INTO pair VALUES (1, 'x', 'both'), (2, 'Y', x'00ff');
"""
NUMBERED = "INSERT INTO note VALUES (1, 'first'), (2, 'second'); INSERT INTO line (note, words) VALUES (1, 'genesis');"
WRITES = """
UPDATE task SET title = 'of {0}', n = n + {1} WHERE id = 't1';
UPDATE pair SET v = 'of {0}' WHERE a = 1;
UPDATE doc SET votes = votes + {1}, views = views + {1}, tags = json_insert(tags, '$[#]', '{0}'), seen = json_insert(seen, '$[#]', '{0}'),
  meta = json_set(meta, '$.{0}', {1}), status = 'of {0}', best = {1}, due = '{1}';
INSERT INTO task VALUES ('new {0}', 'by {0}', {1});
"""
HELD_WRITES = "INSERT INTO artist VALUES ('r {0}', 'same name');"
NUMBERED_WRITES = "INSERT INTO note VALUES (3, 'by {0}'); INSERT INTO line (note, words) VALUES (3, 'by {0}');"


def main() -> None:
    """Write the files."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CRDTSQL_STATE_DIR"] = folder
        _write(Path(folder))


def _write(folder: Path) -> None:
    clock = count(START_MS, 1000)
    sites = iter(bytes([number]) * 16 for number in (0xA1, 0xB2, 0xC3))
    opening: dict[str, Any] = {"now": lambda: next(clock), "make_site": lambda: next(sites)}
    connection = apsw.Connection(str(folder / "a.db"))
    connection.execute("PRAGMA page_size = 1024")
    connection.execute(SCHEMA + GENESIS + NUMBERED)
    connection.close()
    knows = inspect.signature(Replica.enable).parameters
    with Replica.open(folder / "a.db", **opening) as a:
        wanted = ["task", "artist", "album", "pair"]
        numbered = "ids" in knows or "identity" in knows
        if "types" in knows:
            a.enable(*wanted)
            a.enable("doc", types=TYPES)
        else:
            a.enable(*wanted, "doc")
        if numbered:
            a.enable("note", "line")
        holds = a.connection.execute("SELECT value FROM _crdt_meta WHERE name = 'format'").get > 2
        writes = WRITES + (NUMBERED_WRITES if numbered else "") + (HELD_WRITES if holds else "")
        a.clone(folder / "b.db")
        with Replica.open(folder / "b.db", **opening) as b:
            if holds:
                a.connection.execute("PRAGMA foreign_keys = ON; DELETE FROM artist WHERE id = 'r2'")
                b.connection.execute("INSERT INTO album VALUES ('m2', 'r2', 'of a deleted artist')")
            for replica, word, number in ((a, "a", 5), (b, "b", 7)):
                replica.connection.execute(writes.format(word, number))
                replica.vector()
            a.connection.execute("DELETE FROM task WHERE id = 't2'")
            b.connection.execute("UPDATE task SET title = 'meanwhile' WHERE id = 't2'")
            b.connection.execute("DELETE FROM task WHERE id = 't3'")
            a.vector(), b.vector()
            a.merge(b.export(a.vector()))
            b.connection.execute(
                "UPDATE task SET title = 'later of b' WHERE id IN ('t1', 't4'); UPDATE doc SET votes = votes + 100"
            )
            peer = b.export(a.vector())
        fresh = a.export()
        # what waits: written while nothing of ours runs
        a.connection.execute(
            "UPDATE task SET title = 'waits' WHERE id = 't4'; INSERT INTO task VALUES ('t9', 'waits', 9)"
        )
        a.connection.execute("DELETE FROM pair WHERE a = 2; UPDATE doc SET votes = votes + 1000 WHERE id = 'd1'")
        found = a.connection.execute("SELECT value FROM _crdt_meta WHERE name = 'format'").get
    connection = apsw.Connection(str(folder / "a.db"))
    connection.execute("PRAGMA journal_mode = DELETE; VACUUM")
    connection.close()
    target = FOLDER / f"v{found}"
    if target.exists():
        raise SystemExit(f"{target} is kept as it is; golden files are never made again")
    target.mkdir(parents=True)
    (target / "app.db.xz").write_bytes(lzma.compress((folder / "a.db").read_bytes(), preset=9))
    (target / "peer.crdt").write_bytes(peer)
    (target / "fresh.crdt").write_bytes(fresh)
    with Replica.open(folder / "a.db", **opening) as a:
        a.merge(peer)
        tables = [name for (name,) in a.connection.execute("SELECT name FROM _crdt_table ORDER BY name").fetchall()]
        rows = {
            name: [
                [repr(value) for value in row] for row in a.connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2")
            ]  # noqa: S608 - names of above
            for name in tables
        }
        expected = {"rows": rows, "conflicts": a.connection.execute("SELECT count(*) FROM _crdt_conflict").get}
    (target / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
