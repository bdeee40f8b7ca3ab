"""What agents ask for: revisions, who writes, rows as they were, runs that are taken back, and a write by MCP."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

from benchmarks import data
from benchmarks.workloads import Bench, Result
from crdtsql import Replica

LOOKS = 2_000
TURNS = 5
CALLS = 300
INFINITE = float("inf")
LOOK_UP = "SELECT revision FROM crdt_revision WHERE tbl = 'task' AND key = ?"
PAST = """
import datetime, pathlib, re, sys, time
from crdtsql import Replica
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1])
with Replica.open(sys.argv[1]) as replica:
    replica.vector()
    size, begin = peak(), time.process_time()
    if sys.argv[2] == "as_of":
        moment = datetime.datetime.fromtimestamp(int(sys.argv[3]) / 1000, datetime.UTC)
        count = len(replica.as_of("task", moment))
    else:
        count = len(replica.undo(run="r1", dry_run=True).undone)
    print(count, time.process_time() - begin, (peak() - size) / 1024)
"""


def agents(bench: Bench) -> Iterator[Result]:
    """The figures that agents were promised."""
    rows = data.rows(bench.count, 5)
    yield _revision(bench, rows)
    yield _attribution(bench, rows)
    yield from _past(bench, rows)
    yield _by_mcp(bench, rows)


def _revision(bench: Bench, rows: list[tuple[object, ...]]) -> Result:
    connection, _ = bench.filled(5, True, rows)
    keys = [row[0] for row in random.Random(1).sample(rows, min(LOOKS, len(rows)))]
    begin = time.process_time()
    for key in keys:
        assert connection.execute(LOOK_UP, (key,)).get
    spent = 1000 * (time.process_time() - begin) / len(keys)
    connection.close()
    return Result(f"the revision of a row of {len(rows):,}, CPU", spent, "ms", 0.1, "by the view, from any client")


def _attribution(bench: Bench, rows: list[tuple[object, ...]]) -> Result:
    def insert(said: bool) -> float:
        connection, _ = bench.table(5, True)
        begin = time.process_time()
        with connection:
            if said:
                connection.execute("INSERT INTO crdt_actor (actor, run) VALUES ('agent-7', 'r42')")
            connection.executemany("INSERT INTO task VALUES (?, ?, ?, ?, ?, ?)", rows)
            if said:
                connection.execute("DELETE FROM crdt_actor")
        spent = time.process_time() - begin
        connection.close()
        return spent

    pairs = [(insert(False), insert(True)) for _ in range(TURNS)]
    plain, said = min(one for one, _ in pairs), min(one for _, one in pairs)
    return Result(
        "captured inserts by an actor, CPU",
        said / plain,
        "x",
        1.05,
        f"{1000 * said:.0f} ms, nobody's {1000 * plain:.0f} ms",
    )


def _past(bench: Bench, rows: list[tuple[object, ...]]) -> Iterator[Result]:
    connection, path = bench.table(5, True)
    with Replica.open(path) as replica:
        replica.keep_history("task")
        data.insert(connection, rows)
        replica.vector()
        time.sleep(0.01)
        moment = replica.time_ms()
        time.sleep(0.01)
        with replica.acting_as("bot", run="r1"):
            connection.execute("UPDATE task SET c2 = c2 + 1, c4 = c4 || 'x'")
            connection.execute("DELETE FROM task WHERE id GLOB '*5'")
            replica.vector()
    connection.close()
    for what, said in (("as_of", "as they were"), ("undo", "of a run, taken back")):
        command = [sys.executable, "-c", PAST, str(path), what, str(moment)]
        count, seconds, size = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        yield Result(
            f"{int(count):,} rows {said}, CPU",
            float(seconds),
            "s",
            INFINITE,
            f"{float(size):.0f} MiB of memory, the answer included",
        )


def _by_mcp(bench: Bench, rows: list[tuple[object, ...]]) -> Result:
    connection, path = bench.filled(5, True, rows)
    connection.close()
    times = asyncio.run(_writes(path))
    slow = quantiles(times, n=100)[98]
    return Result(
        "write of a row by MCP, over stdio, p50",
        1000 * sorted(times)[len(times) // 2],
        "ms",
        5,
        f"p99 {1000 * slow:.1f} ms",
    )


async def _writes(path: Path) -> list[float]:
    from mcp import Client, StdioServerParameters
    from mcp.client.stdio import stdio_client

    server = StdioServerParameters(
        command=sys.executable, args=["-m", "crdtsql", "mcp", str(path)], env=dict(os.environ)
    )
    times = []
    async with Client(stdio_client(server)) as client:
        for number in range(CALLS):
            statement = "INSERT INTO task (id, c0) VALUES (?, 'by an agent')"
            begin = time.perf_counter()
            found = await client.call_tool(
                "write", {"sql": statement, "parameters": [f"new {number}"], "actor": "agent-7"}
            )
            times.append(time.perf_counter() - begin)
            assert not found.is_error, found.content
    return times[CALLS // 10 :]
