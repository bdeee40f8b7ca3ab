"""Sites that come, write one row, and are forgotten: what a changeset and a sync of one row cost before they retire, and after.

`python -m benchmarks.forgotten [SITES]`. Each is a copy of one image of the file, as where a container is started anew each time.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import apsw

from crdtsql import Replica, sync

SCHEMAS = {
    "a text key": "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, v)",
    "automatic ids": "CREATE TABLE t (id INTEGER PRIMARY KEY, v)",
}
KEYS = {"a text key": "'{0}'", "automatic ids": "NULL"}
Insert = Callable[[Replica], None]
OURS = ("_crdt_site", "_crdt_merged", "_crdt_peer")


def main() -> None:
    """Measure both kinds of table, and print a table."""
    logging.getLogger("crdtsql").setLevel(logging.ERROR)
    sites = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print("| table | sites | changeset of one row | sync of one row | rows of sites, records of what was seen, peers |")
    print("|---|---|---|---|---|")
    for kind, schema in SCHEMAS.items():
        with tempfile.TemporaryDirectory() as folder:
            os.environ["CRDTSQL_STATE_DIR"] = folder
            _measure(Path(folder), kind, schema, sites)


def _measure(folder: Path, kind: str, schema: str, sites: int) -> None:
    moments = count(1_700_000_000_000, 10)
    connection = apsw.Connection(f"{folder}/1.db")
    connection.execute(schema)
    connection.close()
    numbers = count()

    def insert(replica: Replica) -> None:
        key = KEYS[kind].format(next(numbers))
        replica.connection.execute(f"INSERT INTO t VALUES ({key}, 'some text')")

    with Replica.open(folder / "1.db", now=lambda: next(moments)) as one:
        one.enable("t")
        one.compact(keep_ms=0)
        with one.clone(folder / "2.db") as other:
            for replica in (one, other):
                insert(replica)
                sync(one, other)
            one.clone(folder / "image.db").close()
            _tell(kind, "none", one, other, insert)
            for _ in range(sites):
                _come_and_go(one, folder, lambda: next(moments), insert)
            one.forget(next(member.site for member in one.members() if not member.wrote_hlc))
            sync(one, other)
            _tell(kind, f"{sites:,}, forgotten", one, other, insert)
            for _ in range(4):
                for replica in (one, other):
                    replica.compact(keep_ms=0)
                sync(one, other)
            for replica in (one, other):
                replica.compact(keep_ms=0)
            _tell(kind, f"{sites:,}, retired", one, other, insert)


def _come_and_go(one: Replica, folder: Path, now: Callable[[], int], insert: Insert) -> None:
    shutil.copy(folder / "image.db", folder / "guest.db")
    with Replica.open(folder / "guest.db", now=now) as guest:
        insert(guest)
        one.merge(guest.export(one.vector()))
        site = guest.site
    for suffix in ("", "-wal", "-shm"):
        (folder / f"guest.db{suffix}").unlink(missing_ok=True)
    one.forget(site)


def _tell(kind: str, what: str, one: Replica, other: Replica, insert: Insert) -> None:
    best = float("inf")
    for _ in range(7):
        insert(one)
        size = len(one.export(other.vector()))
        began = time.perf_counter()
        sync(one, other)
        best = min(best, time.perf_counter() - began)
    rows = [one.connection.execute(f"SELECT count(*) FROM {table}").get for table in OURS]
    counts = ", ".join(f"{n:,}" for n in rows)
    print(f"| {kind} | {what} | {size:,} bytes | {best * 1000:.1f} ms | {counts} |", flush=True)


if __name__ == "__main__":
    main()
