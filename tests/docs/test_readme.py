"""The README's tour does what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
SHELL = """#!/bin/sh
exec {python} -c 'import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for row in connection.execute(sys.argv[2]):
    print("|".join("" if value is None else str(value) for value in row))' "$@"
"""


def tour() -> list[str]:
    """Return the commands of the tour, one block each."""
    return re.findall(r"```sh tour\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def run_tour(folder: Path) -> list[str]:
    """Run the blocks in one folder, as typed; return what each printed. A missing sqlite3 shell is replaced."""
    tools = folder / "bin"
    tools.mkdir()
    if shutil.which("sqlite3") is None:
        (tools / "sqlite3").write_text(SHELL.format(python=sys.executable), encoding="utf-8")
        (tools / "sqlite3").chmod(0o755)
    path = os.pathsep.join([str(tools), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "CRDTSQL_STATE_DIR": str(folder / "state")}
    printed = []
    for block in tour():
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block], cwd=folder, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        assert not done.stderr, f"{block}\n{done.stderr}"
        printed.append(done.stdout)
    return printed


def test_tour(tmp_path: Path) -> None:
    """Every command of the README's tour works as written and shows what the text around it says."""
    printed = run_tour(tmp_path)
    assert len(printed) == 9
    after_sync = printed[3]
    assert after_sync.count("t1|write the annual report|done|0\n") == 2
    assert after_sync.count("t3|book a room|open|0\n") == 2
    assert "t2|" not in after_sync
    assert "t3|status|claimed|blocked|" in printed[4]
    assert (
        "resolved conflict 1" in printed[5] and "t2|call Ada|" in printed[5] and "t3|book a room|blocked|" in printed[5]
    )
    assert "t1|3\n" in printed[6]
    assert "3 rows" in printed[7] and "3 updated" in printed[7]
    assert "disabled task" in printed[8]
