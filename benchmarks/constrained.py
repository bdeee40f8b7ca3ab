"""What constraints cost: integer ids, UNIQUE indexes and foreign keys, with collisions and without, and a large Chinook."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import apsw

from benchmarks.workloads import REPEATS, Bench, Result, timed
from crdtsql import Replica

SCHEMA = """
CREATE TABLE org (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE person (
  id INTEGER PRIMARY KEY,
  mail TEXT UNIQUE,
  code TEXT UNIQUE,
  org INTEGER REFERENCES org (id),
  boss INTEGER REFERENCES person (id),
  note TEXT
);
CREATE INDEX person_org ON person (org);
CREATE INDEX person_boss ON person (boss);
"""
TAGS = """
CREATE TABLE tag (id TEXT PRIMARY KEY NOT NULL, name TEXT UNIQUE);
CREATE TABLE note (id TEXT PRIMARY KEY NOT NULL, body TEXT, tag TEXT REFERENCES tag);
CREATE INDEX note_tag ON note (tag);
"""
ORGS = 100
COPIES = 100
NUMBERED = {
    "Artist": ("ArtistId",),
    "Genre": ("GenreId",),
    "MediaType": ("MediaTypeId",),
    "Album": ("AlbumId", "ArtistId"),
    "Track": ("TrackId", "AlbumId", "MediaTypeId", "GenreId"),
    "Employee": ("EmployeeId", "ReportsTo"),
    "Customer": ("CustomerId", "SupportRepId"),
    "Invoice": ("InvoiceId", "CustomerId"),
    "InvoiceLine": ("InvoiceLineId", "InvoiceId", "TrackId"),
    "Playlist": ("PlaylistId",),
    "PlaylistTrack": ("PlaylistId", "TrackId"),
}
Rows = list[tuple[object, ...]]


def constrained(bench: Bench) -> Iterator[Result]:
    """Merging rows into an empty table with constraints, and a few rows into a large file with many foreign keys."""
    rows = _rows(bench.count)
    plain = min(_plain(bench, rows) for _ in range(REPEATS))
    with _filled(bench, rows) as sender:
        changeset = sender.export()
    for work, limit, rivals in (
        ("merge, integer ids, 2 UNIQUE, 2 foreign keys", 3.0, 0),
        ("the same with 1 % UNIQUE collisions", 4.0, bench.count // 100),
    ):
        best = min(_merge(bench, changeset, rivals) for _ in range(REPEATS))
        yield Result(work, best / plain, "x", limit, f"{1000 * best:,.0f} ms, plain {1000 * plain:,.0f} ms")
    yield _united(bench)
    yield from _chinook(bench)


def _united(bench: Bench) -> Result:
    """Merging tags and what refers to them where 1 % of the tags are here too, under another key: `same` against `hold`."""
    spent: dict[str, float] = {}
    for policy in ("hold", "same"):
        with _tagged(bench, policy, bench.count, "t") as sender:
            changeset = sender.export()
        found = []
        for _ in range(REPEATS):
            with _tagged(bench, policy, bench.count // 100, "u") as receiver:
                found.append(timed(lambda receiver=receiver: receiver.merge(changeset)))  # type: ignore[misc]
        spent[policy] = min(found)
    ratio = spent["same"] / spent["hold"]
    note = f"{1000 * spent['same']:,.0f} ms, hold {1000 * spent['hold']:,.0f} ms"
    return Result("merge, 1 % of rows united by a UNIQUE value, against hold", ratio, "x", 1.3, note)


def _tagged(bench: Bench, policy: str, count: int, prefix: str) -> Replica:
    """Give a replica with tags, and one row for each that refers to it."""
    path = bench.path()
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = wal; PRAGMA synchronous = NORMAL").fetchall()
    connection.execute(TAGS).fetchall()
    replica = Replica.open(path)
    replica.enable(all=True)
    replica.set_unique("tag", ["name"], policy)
    with connection:
        connection.executemany(
            "INSERT INTO tag VALUES (?, ?)", ((f"{prefix}{n:07d}", f"tag {n}") for n in range(count))
        )
        connection.executemany(
            "INSERT INTO note VALUES (?, ?, ?)",
            ((f"{prefix}{n:07d}", f"note {n}", f"{prefix}{n:07d}") for n in range(count)),
        )
    connection.close()
    replica.vector()
    return replica


def _rows(count: int) -> Rows:
    return [
        (
            n,
            f"a{n * 7919 % count:07d}@example.org",
            f"code {n * 7907 % count}",
            n % ORGS + 1,
            n // 10 or None,
            f"note {n}",
        )
        for n in range(1, count + 1)
    ]


def _create(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = wal; PRAGMA synchronous = NORMAL").fetchall()
    connection.execute(SCHEMA).fetchall()
    return connection


def _insert(connection: apsw.Connection, rows: Rows) -> None:
    with connection:
        connection.executemany("INSERT INTO org VALUES (?, ?)", [(n, f"org {n}") for n in range(1, ORGS + 1)])
        connection.executemany("INSERT INTO person VALUES (?, ?, ?, ?, ?, ?)", rows)


def _plain(bench: Bench, rows: Rows) -> float:
    connection = _create(bench.path())
    connection.execute("PRAGMA foreign_keys = ON").fetchall()
    spent = timed(lambda: _insert(connection, rows))
    connection.close()
    return spent


def _filled(bench: Bench, rows: Rows) -> Replica:
    path = bench.path()
    connection = _create(path)
    replica = Replica.open(path)
    replica.enable(all=True)
    if rows:
        _insert(connection, rows)
    connection.close()
    replica.vector()
    return replica


def _merge(bench: Bench, changeset: bytes, rivals: int) -> float:
    with _filled(bench, []) as replica:
        if rivals:
            with replica.connection:
                replica.connection.executemany(
                    "INSERT INTO person (id, mail, code) VALUES (?, ?, ?)",
                    [(10**9 + n, f"a{n:07d}@example.org", f"rival {n}") for n in range(rivals)],
                )
            replica.vector()
        return timed(lambda: replica.merge(changeset))


def _chinook(bench: Bench) -> Iterator[Result]:
    """100 changed tracks, merged into a Chinook that is a hundred times as large."""
    source, other = bench.path(), bench.path()
    shutil.copyfile(str(files("crdtsql") / "ui" / "data" / "chinook.sqlite"), source)
    connection = apsw.Connection(str(source))
    connection.execute("PRAGMA journal_mode = wal").fetchall()
    rows = _multiply(connection)
    with Replica.open(source) as sender:
        sender.enable(all=True)
        with sender.clone(other) as receiver:
            spent = []
            for number in range(2 * REPEATS):
                first = 1 + 500 * number
                with connection:
                    connection.execute(
                        "UPDATE Track SET UnitPrice = UnitPrice + 1, GenreId = 1 WHERE TrackId BETWEEN ? AND ?",
                        (first, first + 99),
                    )
                changeset = sender.export(receiver.vector())
                spent.append(timed(lambda changeset=changeset: receiver.merge(changeset)))  # type: ignore[misc]
    connection.close()
    work = f"100 rows into Chinook x {COPIES} ({rows / 1e6:.1f} million rows)"
    yield Result(work, 1000 * min(spent), "ms", 30, f"median {1000 * sorted(spent)[len(spent) // 2]:.1f} ms")


def _multiply(connection: apsw.Connection) -> int:
    """Add copies of all rows, with numbers of their own; return how many rows there are then."""
    step, rows = 100_000, 0
    with connection:
        for table, numbered in NUMBERED.items():
            names = [str(name) for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))]
            values = ", ".join(f'"{n}" + copy.n * {step}' if n in numbered else f'"{n}"' for n in names)
            connection.execute(
                f"WITH RECURSIVE copy (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copy WHERE n < {COPIES - 1}) "
                f'INSERT INTO "{table}" SELECT {values} FROM "{table}" CROSS JOIN copy'
            )
            ((count,),) = connection.execute(f'SELECT count(*) FROM "{table}"').fetchall()
            rows += count
    return rows
