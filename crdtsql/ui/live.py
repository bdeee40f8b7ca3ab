"""The live part of the demo: two watchers, a folder and a server on this machine carry each write to all replicas.

office and laptop share a folder, laptop syncs with the server of shop: what one end writes passes through the other processes alone.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import apsw
from rich.console import Console

from crdtsql.base import CrdtsqlError, query
from crdtsql.replica import Replica

COMMAND = (sys.executable, "-m", "crdtsql")
PATIENCE_S = 60.0
LOOK_S = 0.001
SERVER_PARTS = ("starlette", "uvicorn", "sse_starlette", "httpx2")


def has_server() -> bool:
    """Tell whether the packages of the extra `http` are there."""
    return all(find_spec(name) for name in SERVER_PARTS)


class Live:
    """Processes that keep replicas in step, until it is closed.

    Raises:
        CrdtsqlError: one of them does not start.
    """

    def __init__(self, folder: Path, paths: dict[str, Path]) -> None:
        self._environment = os.environ | {"CRDTSQL_STATE_DIR": str(folder / "state")}
        self._paths = paths
        self._running: list[subprocess.Popen[str]] = []
        (folder / "team").mkdir(exist_ok=True)
        team = f"dir:{folder / 'team'}"
        remotes = {"office": {"team": team}, "laptop": {"team": team}}
        try:
            if has_server():
                remotes["laptop"]["shop"] = self._serve(paths["shop"])
            else:
                remotes["shop"] = {"team": team}
            for name, addresses in remotes.items():
                with Replica.open(paths[name]) as replica:
                    for remote, address in addresses.items():
                        replica.add_remote(remote, address)
                self._start("sync", str(paths[name]), "--watch", stdout=subprocess.DEVNULL)
        except BaseException:
            self.close()
            raise

    def _serve(self, path: Path) -> str:
        """Start the server of a file; return its address. Whoever starts from here on has a token for it."""
        made = subprocess.run(
            [*COMMAND, "token", "add", str(path), "laptop"],
            env=self._environment,
            text=True,
            capture_output=True,
            check=True,
        )
        self._environment["CRDTSQL_TOKEN"] = made.stdout.strip()
        server = self._start("serve", str(path), "--listen", "127.0.0.1:0", stdout=subprocess.PIPE)
        line = server.stdout.readline() if server.stdout is not None else ""
        if "http://" not in line:
            raise CrdtsqlError("the demo's server did not start")
        return line.split()[-1]

    def _start(self, *arguments: str, stdout: int) -> subprocess.Popen[str]:
        started = subprocess.Popen(
            [*COMMAND, *arguments], env=self._environment, stdout=stdout, stderr=subprocess.DEVNULL, text=True
        )
        self._running.append(started)
        return started

    def seen_in(self, name: str, artist: str) -> None:
        """Wait until a replica shows an artist.

        Raises:
            CrdtsqlError: it does not.
        """
        until = time.monotonic() + PATIENCE_S
        with contextlib.closing(apsw.Connection(str(self._paths[name]), flags=apsw.SQLITE_OPEN_READONLY)) as reader:
            reader.set_busy_timeout(1000)
            while not query.exists(reader, "Artist", "Name = ?", (artist,)):
                if time.monotonic() > until:
                    raise CrdtsqlError(f"what was written did not reach {name} within {PATIENCE_S:.0f} s")
                time.sleep(LOOK_S)

    def close(self) -> None:
        """Stop all of them, as a person would."""
        for process in self._running:
            process.terminate()
        for process in self._running:
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


@contextlib.contextmanager
def running(console: Console, folder: Path, paths: dict[str, Path]) -> Iterator[Live]:
    """Keep replicas in step within a block, and say how."""
    live = Live(folder, paths)
    try:
        console.print(
            "\nLive, each in a process of its own: office and laptop watch a folder that they share, "
            "laptop also a server that has shop."
            if has_server()
            else "\nLive, each in a process of its own: all three watch a folder that they share. "
            "With pip install 'crdtsql[http]' a server takes part too."
        )
        yield live
    finally:
        live.close()
