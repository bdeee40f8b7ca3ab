"""The logs of `llm` on two machines: all prompts of both can be searched, and conversations gone on with, on either.

Run it: `pip install llm llm-echo`, then `python examples/llm_logs.py`. It calls the command `crdtsql`, so that may be installed
elsewhere. `llm-echo` is a model that only repeats what it is asked, so nothing leaves this machine.

llm numbers fragments, tools and parts of messages, and finds them by their content: so rows of one content are said to be one. What it
notes of its own migrations stays out, because each machine migrates its file by itself (docs/AGENTS.md).
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SAME = {"fragments": "hash", "tools": "hash", "parts": "message_hash,position"}


def crdtsql(*words: str | Path) -> str:
    """Run a command of crdtsql."""
    return subprocess.run(["crdtsql", *map(str, words)], check=True, capture_output=True, text=True).stdout


def llm(home: Path, *words: str | Path) -> str:
    """Run a command of llm whose logs are in a folder."""
    home.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "llm", *map(str, words)]
    environment = os.environ | {"LLM_USER_PATH": str(home)}
    return subprocess.run(
        command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment
    ).stdout


def prompts(home: Path) -> list[str]:
    """Return what was asked, as llm shows it."""
    return [one["prompt"] for one in json.loads(llm(home, "logs", "list", "-n", "0", "--json"))]


def main() -> None:
    """Ask on a desk and a laptop, both offline, and bring the logs together."""
    if importlib.util.find_spec("llm") is None or importlib.util.find_spec("llm_echo") is None:
        print("llm is not installed here: pip install llm llm-echo")
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CRDTSQL_STATE_DIR"] = str(Path(folder) / "state")  # so that the example leaves nothing behind
        desk, laptop, text = (Path(folder) / name for name in ("desk", "laptop", "text.txt"))
        text.write_text("a long text that both ask about", encoding="utf-8")
        llm(desk, "-m", "echo", "which way is north?")
        crdtsql("enable", desk / "logs.db", "--all")
        crdtsql("disable", desk / "logs.db", "_llm_migrations")
        for table, columns in SAME.items():
            crdtsql("unique", desk / "logs.db", table, columns, "same")
        laptop.mkdir()
        crdtsql("clone", desk / "logs.db", laptop / "logs.db")
        llm(desk, "-m", "echo", "how many words?", "-f", text)
        llm(laptop, "-m", "echo", "in which language?", "-f", text)
        llm(laptop, "-m", "echo", "-c", "and who wrote it?")
        crdtsql("sync", desk / "logs.db", laptop / "logs.db")
        print(
            f"{len(prompts(desk))} prompts, and those about north:",
            llm(desk, "logs", "-q", "north", "--short").count("north"),
        )
        llm(desk, "-m", "echo", "-c", "thanks")
        crdtsql("sync", desk / "logs.db", laptop / "logs.db")
        if prompts(desk) != prompts(laptop) or len(prompts(desk)) != 5:
            sys.exit("the replicas differ")
        print("the replicas are equal")


if __name__ == "__main__":
    main()
