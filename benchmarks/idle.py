"""What watchers and a server cost while nothing happens."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks.hub import made, serving
from benchmarks.workloads import Bench, Result
from crdtsql import Replica

LIMIT_PERCENT = 1.0
SETTLE_S, SECONDS = 10.0, 20.0


def idle(bench: Bench) -> Iterator[Result]:
    """A watcher of a folder, one of a server, and that server; Linux only."""
    if not Path("/proc/self/io").exists():
        return
    before = os.environ.get("CRDTSQL_STATE_DIR")
    os.environ["CRDTSQL_STATE_DIR"] = str(bench.path().with_suffix(".state"))
    server, folder, one, other = made(bench.path()), bench.path().with_suffix(".team"), bench.path(), bench.path()
    folder.mkdir()
    try:
        with Replica.open(server) as replica:
            replica.clone(one).close()
            replica.clone(other).close()
        with ExitStack() as running:
            process, (address,) = running.enter_context(serving(server))
            processes = {
                "a watcher of a folder": _watch(running, one, f"dir:{folder}"),
                "a watcher of a server": _watch(running, other, address),
                "the server": process.pid,
            }
            time.sleep(SETTLE_S)
            began = {name: _spent(number) for name, number in processes.items()}
            time.sleep(SECONDS)
            for name, number in processes.items():
                seconds, written = (now - then for now, then in zip(_spent(number), began[name], strict=True))
                percent, detail = 100 * seconds / SECONDS, f"of a core; {written:,.0f} B written to the disk"
                yield Result(f"nothing happens: {name}", percent, "%", LIMIT_PERCENT, detail)
    finally:
        os.environ["CRDTSQL_STATE_DIR"] = before or ""


def _watch(running: ExitStack, path: Path, address: str) -> int:
    command = [sys.executable, "-m", "crdtsql", "sync", str(path), address, "--watch"]
    process = running.enter_context(subprocess.Popen(command, stdout=subprocess.DEVNULL))
    running.callback(process.terminate)
    return process.pid


def _spent(number: int) -> tuple[float, float]:
    """Return the seconds of a core that a process took so far, and the bytes that it had written to a disk."""
    process = Path(f"/proc/{number}")
    times = (process / "stat").read_text().rpartition(")")[2].split()
    written = dict(line.split(": ") for line in (process / "io").read_text().splitlines())["write_bytes"]
    return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK"), float(written)
