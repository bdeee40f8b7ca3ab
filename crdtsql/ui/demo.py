"""The demo: the main job on the Chinook music shop, with writers that know nothing of crdtsql.

Three replicas are written offline by separate processes (Python's sqlite3 module, and the sqlite3 shell where it is
installed), two of them change the same rows during a partition, then a ring of syncs brings them together. At the end
they stay in step by themselves (live.py).
"""

from __future__ import annotations

import hashlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.resources import as_file, files
from pathlib import Path

import apsw
from rich.console import Console
from rich.table import Table
from rich.text import Text

from crdtsql.base import CrdtsqlError, identifier, integer, query, show, sql, text
from crdtsql.merge import MergeReport
from crdtsql.replica import Replica
from crdtsql.sqlite import user_tables
from crdtsql.transports import sync
from crdtsql.ui import live

NAMES = ("office", "laptop", "shop")
LIVE_WRITES = 3
PYTHON_WRITER = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.executescript(sys.stdin.read()); c.close()"


def run(console: Console, keep: Path | None, seed: int | None) -> bool:
    """Run the demo and print what happens; return whether all replicas ended equal."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        return _run(console, keep, seed)
    with tempfile.TemporaryDirectory(prefix="crdtsql-demo-") as folder:
        return _run(console, Path(folder), seed)


def _run(console: Console, folder: Path, seed: int | None) -> bool:
    start = time.perf_counter()
    paths = {name: folder / f"{name}.db" for name in NAMES}
    for path in paths.values():
        for suffix in ("", "-wal", "-shm", "-journal"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
    with as_file(files("crdtsql") / "ui" / "data" / "chinook.sqlite") as chinook:
        shutil.copyfile(chinook, paths["office"])
    paths["office"].chmod(0o644)
    _prepare(console, paths)
    chance = random.Random(seed)
    console.print("\nOffline: each replica is written by programs that don't know crdtsql.")
    _table(console, ["replica", "written by", "rows changed"], [_write(path, chance) for path in paths.items()])
    _ring(console, paths, "Sync in a ring: office <-> laptop <-> shop <-> office")
    console.print("\nPartition: office and laptop change the same invoices without seeing each other.")
    _table(console, ["replica", "written by", "rows changed"], _clash(paths))
    _ring(console, paths, "Sync in a ring again")
    _collisions(console, paths["laptop"])
    _live(console, folder, paths)
    equal = _digests(console, paths)
    console.print(
        f"\n{'All replicas are equal' if equal else 'THE REPLICAS DIFFER'} after {time.perf_counter() - start:.1f} s."
    )
    return equal


def _table(console: Console, columns: list[str], rows: list[list[str]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def _prepare(console: Console, paths: dict[str, Path]) -> None:
    begin = time.perf_counter()
    with Replica.open(paths["office"]) as office:
        tables = office.enable(all=True)
        enabled = time.perf_counter()
        rows = sum(table.rows for table in office.status().tables)
        console.print(
            f"Chinook: {len(tables)} tables with {rows:,} rows enabled in {1000 * (enabled - begin):.0f} ms, "
            "foreign keys and all."
        )
        begin = time.perf_counter()
        for name in NAMES[1:]:
            office.clone(paths[name]).close()
        console.print(f"Cloned to laptop and shop in {1000 * (time.perf_counter() - begin):.0f} ms.")


def _write(path: tuple[str, Path], chance: random.Random) -> list[str]:
    """Write one replica: new customers with invoices, price changes, deletions, all by plain SQL."""
    name, file = path
    base = {"office": 10_000, "laptop": 20_000, "shop": 30_000}[name]
    statements = ["BEGIN;"]
    for number in range(base, base + 40):
        names = {"last_name": text(f"From {name} {number}"), "email": text(f"ada{number}@example.org")}
        statements.append(sql("ui/demo/new_customer", number=integer(number), **names) + ";")
        cents = integer(chance.randrange(100, 2000))
        statements.append(sql("ui/demo/new_invoice", number=integer(number), cents=cents) + ";")
    tracks = sorted(chance.sample(range(1, 3500), 200))
    numbers = ", ".join(str(track) for track in tracks)
    column = {"office": "UnitPrice = 1.49", "laptop": "Composer = 'from the laptop'", "shop": "Milliseconds = 0"}[name]
    statements.append(f"UPDATE Track SET {column} WHERE TrackId IN ({numbers});")
    playlist = {"office": 1, "laptop": 8, "shop": 5}[name]
    statements.append(f"DELETE FROM PlaylistTrack WHERE PlaylistId = {playlist} AND TrackId % 7 = 0;")
    statements.append("COMMIT;")
    return [name, _execute(file, "\n".join(statements), name == "shop"), _pending(file)]


def _clash(paths: dict[str, Path]) -> list[list[str]]:
    writes = {
        "office": [
            "UPDATE Invoice SET Total = Total + 1, BillingCity = 'Oslo' WHERE InvoiceId <= 30;",
            "UPDATE Artist SET Name = upper(Name) WHERE ArtistId <= 20;",
        ],
        "laptop": [
            "UPDATE Invoice SET BillingCity = 'Lima', BillingCountry = 'Peru' WHERE InvoiceId <= 20;",
            "DELETE FROM InvoiceLine WHERE InvoiceId = 5;",
        ],
        "shop": ["UPDATE InvoiceLine SET Quantity = 2 WHERE InvoiceId = 5;"],
    }
    return [
        [name, _execute(paths[name], "\n".join(statements), name == "laptop"), _pending(paths[name])]
        for name, statements in writes.items()
    ]


def _execute(file: Path, statements: str, prefer_shell: bool) -> str:
    """Run SQL in a process of its own; return which program it was."""
    shell = shutil.which("sqlite3") if prefer_shell else None
    # The shell does not wait for a lock by itself, and somebody may be merging just now.
    command = (
        [shell, "-cmd", ".timeout 10000", str(file)] if shell else [sys.executable, "-c", PYTHON_WRITER, str(file)]
    )
    done = subprocess.run(command, input=statements, text=True, check=False, capture_output=True)
    if done.returncode:
        raise CrdtsqlError(f"{command[0]} could not write {file}: {done.stderr.strip()}")
    return "the sqlite3 shell" if shell else "Python's sqlite3"


def _pending(file: Path) -> str:
    with Replica.open(file) as replica:
        return f"{replica.status().log_rows:,}"


def _ring(console: Console, paths: dict[str, Path], title: str) -> None:
    console.print(f"\n{title} (rows: + inserted, ~ updated, - deleted; cells: collided)")
    rows = []
    for one, other in (("office", "laptop"), ("laptop", "shop"), ("shop", "office"), ("office", "laptop")):
        begin = time.perf_counter()
        with Replica.open(paths[one]) as first, Replica.open(paths[other]) as second:
            into_first, into_second = sync(first, second)
        spent = f"{1000 * (time.perf_counter() - begin):.0f} ms"
        rows.append([f"{one} <-> {other}", _summary(into_first), _summary(into_second), spent])
    _table(console, ["between", "merged into the first", "merged into the second", "time"], rows)


def _summary(report: MergeReport) -> str:
    total = report.total
    if report.known:
        return "nothing new"
    text = f"{total.inserted}+ {total.updated}~ {total.deleted}-"
    return text + (f", {total.concurrent} collided" if total.concurrent else "")


def _collisions(console: Console, file: Path) -> None:
    connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
    rows = query.rows(
        connection, 'SELECT "table", "key", "column", won_value, lost_value FROM crdt_conflicts ORDER BY id LIMIT 5'
    )
    (count,) = query.first(connection, "SELECT count(*) FROM crdt_conflicts")
    connection.close()
    console.print(
        f"\nCollided on the laptop: {count} cells; nothing is lost, the values stay in crdt_conflicts. The first:"
    )
    shown = [[table, show(key), column, show(won), show(lost)] for table, key, column, won, lost in rows]
    _table(console, ["table", "key", "column", "won", "lost"], shown)


def _live(console: Console, folder: Path, paths: dict[str, Path]) -> None:
    """Write while others watch, and say how long each write took to be readable elsewhere."""
    rows = []
    with live.running(console, folder, paths) as processes:
        writers = ("office", "shop")
        for number in range(-1, LIVE_WRITES):  # the first ones wait until all have started
            for name in writers:
                artist = f"Written live by {name} {number}"
                writer = _execute(paths[name], f"INSERT INTO Artist (Name) VALUES ({text(artist)});", prefer_shell=True)
                begin = time.perf_counter()
                reached = []
                for other in dict.fromkeys(("laptop", *writers)):
                    if other != name:
                        processes.seen_in(other, artist)
                        reached.append(f"{other} {1000 * (time.perf_counter() - begin):.0f} ms")
                if number >= 0:
                    rows.append([name, writer, ", ".join(reached)])
    _table(console, ["written in", "by", "readable elsewhere after"], rows)


def _digests(console: Console, paths: dict[str, Path]) -> bool:
    digests = {name: _digest(path) for name, path in paths.items()}
    console.print("\nDigest of all rows of all tables")
    _table(console, ["replica", "SHA-256"], [[name, digest] for name, digest in digests.items()])
    return len(set(digests.values())) == 1


def _digest(file: Path) -> str:
    """Hash the user's tables, rows in the order of all their columns."""
    connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
    digest = hashlib.sha256()
    for name, kind in user_tables(connection):
        if kind != "table":
            continue
        digest.update(name.encode())
        columns = [column for (column,) in connection.execute("SELECT name FROM pragma_table_info(?)", (name,))]
        ordered = ", ".join(str(identifier(column)) for column in columns)
        for row in connection.execute(f"SELECT {ordered} FROM {identifier(name)} ORDER BY {ordered}"):
            digest.update(repr(row).encode())
    connection.close()
    return digest.hexdigest()
