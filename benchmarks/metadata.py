"""How much of a file is metadata, before and after a compaction: `python -m benchmarks.metadata [ROWS]`.

Two tables with automatic numbers: orders have a UNIQUE value and refer to buyers. Rows are inserted, updated, and 90 of 100 orders
deleted. A third one has a counter, a set and a map in each row, all of which are changed. The file is alone, so it compacts at once. A
table of SQLite's has a page at least, however little is in it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import apsw

from crdtsql import Replica

SCHEMA = """
CREATE TABLE buyer (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT UNIQUE);
CREATE TABLE purchase (
  id INTEGER PRIMARY KEY, buyer INTEGER NOT NULL REFERENCES buyer (id) ON DELETE CASCADE, code TEXT NOT NULL UNIQUE, note TEXT
);
CREATE INDEX purchase_buyer ON purchase (buyer);
CREATE TABLE article (id TEXT PRIMARY KEY NOT NULL, name TEXT, stock INTEGER, tags TEXT, traits TEXT);
"""


IS_OURS = "name GLOB '_crdt_*' OR name GLOB 'sqlite_autoindex__crdt_*'"


SERIES = (
    "(WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < :rows) SELECT value FROM n)"
)
NOTE = "a note of some fifty characters, as people write"
CHANGES = (
    f"INSERT INTO buyer SELECT value, 'Buyer ' || value, 'buyer' || value || '@example.org' FROM {SERIES} WHERE value <= :rows / 20",
    f"INSERT INTO purchase SELECT value, 1 + value % (:rows / 20), hex(randomblob(8)), '{NOTE}' FROM {SERIES}",
    "UPDATE purchase SET note = note || ', changed' WHERE id % 3 = 0 AND :rows > 0",
    f"INSERT INTO article SELECT 'a' || value, '{NOTE}', value, '[\"new\"]', '{{\"size\":1}}' FROM {SERIES} WHERE value <= :rows / 4",
    "UPDATE article SET stock = stock - 1, tags = json_insert(tags, '$[#]', 'x'), traits = json_set(traits, '$.y', 2) WHERE :rows > 0",
    "DELETE FROM purchase WHERE id % 10 <> 0 AND :rows > 0",
)


def sizes(path: Path) -> tuple[int, int, int, int]:
    """Return the bytes of the pages of our tables and of the user's, and those of what is written in them, each with their indexes."""
    connection = apsw.Connection(str(path))
    statement = f"SELECT {IS_OURS}, sum(pgsize), sum(payload) FROM dbstat WHERE name <> 'sqlite_schema' GROUP BY 1"
    found = {ours: (pages, written) for ours, pages, written in connection.execute(statement)}
    connection.close()
    return found[1][0], found[0][0], found[1][1], found[0][1]


def measure(path: Path, rows: int) -> list[tuple[str, int, int, int, int]]:
    """Fill a file, change it, and compact it; return what was in it after each."""
    connection = apsw.Connection(str(path))
    connection.execute(SCHEMA)
    connection.close()
    replica = Replica.open(path)
    for table in ("buyer", "purchase"):
        replica.enable(table)
    replica.enable("article", types={"stock": "counter", "tags": "set", "traits": "map"})
    connection, found = replica.connection, []
    for statement in CHANGES:
        connection.execute(statement, {"rows": rows})
        replica.vector()
    connection.execute("VACUUM")
    found.append(("before", *sizes(path)))
    for _ in range(2):  # what deleted rows held back is looked at again once they are gone
        replica.compact(keep_ms=0)
    connection.execute("VACUUM")
    found.append(("after", *sizes(path)))
    replica.close()
    return found


def main() -> None:
    """Print the sizes."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with tempfile.TemporaryDirectory() as directory:
        for when, ours, theirs, ours_written, written in measure(Path(directory) / "app.db", rows):
            print(f"{when:8} pages: metadata {ours:12,} bytes, data {theirs:12,} bytes: {100 * ours / theirs:8.2f} %")
            print(
                f"{'':8} content:        {ours_written:12,} bytes, data {written:12,} bytes: {100 * ours_written / written:8.2f} %"
            )


if __name__ == "__main__":
    main()
