"""The examples run, quickly, and end with equal replicas."""

from __future__ import annotations

import os
import resource
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import Block
from tests.docs.running import run

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(path for path in EXAMPLES.rglob("*") if path.suffix in (".py", ".sh"))


def play(script: str, tools: tuple[str, ...] = ()) -> str:
    """Run a shell example in an empty folder, with some tools alone if any are named; return what it printed.

    It must leave nothing behind, neither where it runs nor among the temporary files.
    """
    path = "$OLDPWD/tools" if tools else "$PATH"
    block = f"""mkdir here temporary tools
for name in {" ".join(tools)}; do ln -s "$(command -v $name)" tools/$name; done
cd here
env PATH="{path}" TMPDIR="$OLDPWD/temporary" bash {shlex.quote(str(EXAMPLES / script))}
find . ../temporary -mindepth 1 -exec echo left behind: {{}} \\;
"""
    (printed,) = run([Block(f"examples/{script}", 1, "sh", block)])
    assert "left behind" not in printed
    return printed


def execute(script: Path, folder: Path) -> str:
    """Run a Python example in an empty folder; return what it printed."""
    (folder / "here").mkdir()
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=folder / "here",
        env=os.environ | {"TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert [path.name for path in folder.iterdir()] == ["here"]
    assert list((folder / "here").iterdir()) == []
    return done.stdout


def spent() -> float:
    """Return how many seconds of computing the programs took that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_example(script: Path, tmp_path: Path) -> None:
    """An example exits with 0, says that the replicas are equal, takes seconds of computing, and leaves nothing behind.

    One that drives another program says so where that is not installed: `make soak` installs it, and runs the example.
    """
    start = spent()
    printed = execute(script, tmp_path) if script.suffix == ".py" else play(script.name)
    assert spent() - start < 20  # one to three on a free machine
    if "is not installed here: pip install" in printed:
        pytest.skip(printed.strip())
    assert "replicas are equal" in printed


def test_shell_example_without_sqlite3() -> None:
    """Without the sqlite3 shell, the shell example uses Python's sqlite3 module."""
    printed = play("from_the_shell.sh", ("bash", "env", "mktemp", "rm", "cat", "diff", "python3", "crdtsql"))
    assert "Grace: 22 is shown, 20 was overwritten" in printed
