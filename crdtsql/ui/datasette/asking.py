"""Asking: what a command of ours says of a file, for a process that must not open it by our SQLite library."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

SECONDS = 10


async def ask(*words: str) -> Any:
    """Run a command of ours and return what it prints as JSON; None if it fails, which its own users see why."""
    command = [sys.executable, "-m", "crdtsql", words[0], "--json", *words[1:]]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        printed, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        return None
    return None if process.returncode else json.loads(printed)
