"""Run a document's blocks, and judge what they did. Imports nothing of crdtsql, so that it can judge an installed wheel too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.docs.blocks import RUN, Block, matches, read

PLAY = Path(__file__).with_name("play.py")


def run(blocks: list[Block]) -> list[str]:
    """Run blocks in one folder; return what each printed, '' for those that don't run."""
    runnable = [block for block in blocks if block.kind in RUN]
    asked = [{"kind": block.kind, "text": block.text, "where": str(block)} for block in runnable]
    done = subprocess.run(
        [sys.executable, str(PLAY)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        env=os.environ,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed = dict.fromkeys(blocks, "")
    for block, result in zip(runnable, json.loads(done.stdout), strict=True):
        said = f"{block}\n{block.text}\n{result['output']}{result['errors']}"
        mark = block.kind.partition(" ")[2]
        assert (result["code"] != 0) == (mark == "fails"), said
        assert mark in ("fails", "notices") or not result["errors"], said
        printed[block] = result["output"] + result["errors"]
    return list(printed.values())


def check(page: Path) -> list[str]:
    """Run all blocks of a document, and compare what they print with what it shows; return what each printed."""
    blocks = read(page)
    printed = run(blocks)
    for number, block in enumerate(blocks):
        if block.kind == "json":
            json.loads(block.text)
        if block.kind == "text output":
            found = printed[number - 1]
            assert matches(block.text, found), f"{block}: the block before it printed\n{found}"
    return printed
