"""The examples run, quickly, and end with equal replicas."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(path for path in EXAMPLES.iterdir() if path.suffix in (".py", ".sh"))


def environment(path: str) -> dict[str, str]:
    """Put the commands of this Python installation in front."""
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{path}"}


def run(script: Path, folder: Path, path: str = os.environ["PATH"]) -> str:
    """Run an example in an empty folder; return what it printed."""
    (folder / "here").mkdir()
    interpreter = sys.executable if script.suffix == ".py" else shutil.which("bash")
    if interpreter is None:
        pytest.skip("no bash")
    done = subprocess.run(
        [interpreter, str(script)],
        cwd=folder / "here",
        env=environment(path) | {"TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_example(script: Path, tmp_path: Path) -> None:
    """An example exits with 0, says that the replicas are equal, is done within seconds, and leaves nothing behind."""
    start = time.perf_counter()
    printed = run(script, tmp_path)
    assert time.perf_counter() - start < 20  # about a second on a free machine
    assert "replicas are equal" in printed
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
    assert list((tmp_path / "here").iterdir()) == []


def test_shell_example_without_sqlite3(tmp_path: Path) -> None:
    """Without the sqlite3 shell, the shell example uses Python's sqlite3 module."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "env", "mktemp", "rm", "cat", "diff", "python3"):
        found = sys.executable if name == "python3" else shutil.which(name)
        if found is None:
            pytest.skip(f"no {name}")
        (tools / name).symlink_to(found)
    crdtsql = tools / "crdtsql"
    crdtsql.write_text(f"#!{sys.executable}\nfrom crdtsql.ui.cli import main\nmain()\n")
    crdtsql.chmod(0o755)
    script = EXAMPLES / "from_the_shell.sh"
    folder = tmp_path / "folder"
    folder.mkdir()
    done = subprocess.run(
        [str(tools / "bash"), str(script)],
        cwd=folder,
        env=os.environ | {"PATH": str(tools), "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Grace: 22 is shown, 20 was overwritten" in done.stdout
