"""Drive other programs, each in a process of its own, and look at what they left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from crdtsql import Replica
from tests.programs import observe
from tests.support import command


def python(
    script: str, *arguments: str | Path, folder: Path, interpreter: str | Path = sys.executable, **environment: str
) -> Any:
    """Run a Python script in a folder; return what it prints as JSON, None if it prints nothing."""
    done = subprocess.run(
        [str(interpreter), "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | environment,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


def replicate(path: Path, *names: str) -> list[Path]:
    """Enable every table of a file, and clone it."""
    command.ok("enable", path, "--all")
    copies = [path.with_name(f"{name}.db") for name in names]
    for copy in copies:
        command.ok("clone", path, copy)
    return [path, *copies]


def sync(*paths: Path) -> None:
    """Give each file the changes of all others."""
    first, *others = paths
    for _ in range(2):
        for other in others:
            command.ok("sync", first, other)


def check(*paths: Path) -> None:
    """All constraints and full-text indexes hold in each file, and all files are equal."""
    replicas = [Replica.open(path) for path in paths]
    try:
        for replica in replicas:
            assert not observe.broken(replica.connection), replica.path
        for other in replicas[1:]:
            assert not observe.differences(replicas[0].connection, other.connection)
    finally:
        for replica in replicas:
            replica.close()


def held(path: Path) -> dict[str, list[str]]:
    """Return the reasons for which rows are held, table by table, but for deleted ones."""
    found: dict[str, list[str]] = {}
    with Replica.open(path) as replica:
        for table, _, reason in observe.held(replica.connection):
            if not observe.is_of_deleted(reason):
                found.setdefault(table, []).append(reason)
    return found
