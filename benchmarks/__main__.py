"""Run the benchmarks: python -m benchmarks [--rows N] [--only NAME] [--write FILE] [--crsqlite LIBRARY]."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import apsw

from benchmarks import (
    agents,
    constrained,
    gossiping,
    growth,
    histories,
    hub,
    idle,
    lasting,
    neighbours,
    peer,
    services,
    signing,
    stores,
    typed,
    verifying,
    workloads,
)
from benchmarks.workloads import Bench, Result

GROUPS = {
    "agents": agents.agents,
    "capture": workloads.capture,
    "exchange": workloads.exchange,
    "scale": workloads.scale,
    "typed": typed.typed,
    "constraints": constrained.constrained,
    "growth": growth.growth,
    "lasting": lasting.lasting,
    "stores": stores.stores,
    "gossip": gossiping.gossip,
    "history": histories.histories,
    "hub": hub.hub,
    "idle": idle.idle,
    "verify": verifying.verifying,
    "neighbours": neighbours.neighbours,
    "services": services.services,
    "signing": signing.signing,
}


def main() -> int:
    """Print the results, and write them to a file if asked; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the table (default 100,000)")
    parser.add_argument("--only", choices=GROUPS, help="one group of workloads")
    parser.add_argument("--write", type=Path, help="write the results to this file, as Markdown")
    parser.add_argument("--crsqlite", type=Path, help="library of cr-sqlite, to run the same work in the same run")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a figure is over its limit")
    options = parser.parse_args()
    os.environ.setdefault("CRDTSQL_STATE_DIR", "/nonexistent")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # processes are measured with their bytecode cached
    bench = Bench(options.rows)
    results = []
    for result in _run(bench, options.only, options.crsqlite):
        results.append(result)
        print(_line(result), flush=True)
    if options.write:
        options.write.write_text(_document(results, options.rows), encoding="utf-8")
    return int(options.check and not all(result.good for result in results))


def _run(bench: Bench, only: str | None, library: Path | None) -> Iterator[Result]:
    for name, group in GROUPS.items():
        if only in (None, name):
            yield from group(bench)
    if library:
        yield from peer.crsqlite(bench, library)


def _line(result: Result) -> str:
    mark = "ok  " if result.good else "OVER"
    limit = f"{mark} at most {_limit(result)}" if _limit(result) else ""
    return f"{result.work:58} {result.figure:8.2f} {result.unit:3} {limit:25} {result.detail}"


def _limit(result: Result) -> str:
    return "" if result.limit == float("inf") else f"{result.limit:g} {result.unit}"


def _document(results: list[Result], rows: int) -> str:
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"
    head = (
        f"`make bench`, {rows:,} rows, {dt.datetime.now(dt.UTC):%Y-%m-%d}; {machine}; Python {platform.python_version()}, "
        f"SQLite {apsw.sqlite_lib_version()}; best of {workloads.REPEATS}."
    )
    lines = [head, "", "| work | measured | at most | |", "|---|---|---|---|"]
    lines += [
        f"| {result.work} | {result.figure:.2f} {result.unit} | {_limit(result)} | {result.detail} |"
        for result in results
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
