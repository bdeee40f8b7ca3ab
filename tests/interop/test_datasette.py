"""The plugin in the real Datasette: what it hides, what it says of rows and tables, and that it stays away from other files.

CRDTSQL_DATASETTE names a Python that has another Datasette, and crdtsql: `make soak` tests the alpha of 1.0 so.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import apsw
import httpx2
import pytest

from crdtsql import Replica
from tests.page.board import board
from tests.page.test_browser import CHROMIUM, DRIVER, chromium, wait_for
from tests.support.hub import now_ms
from tests.support.peers import write


@contextmanager
def datasette(*arguments: str | Path) -> Iterator[str]:
    """Serve files with Datasette, in a process of its own."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [
        os.environ.get("CRDTSQL_DATASETTE", sys.executable),
        "-m",
        "datasette",
        "serve",
        *map(str, arguments),
        "--port",
        str(port),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        for _ in range(200):
            try:
                httpx2.get(f"http://127.0.0.1:{port}/-/versions.json", trust_env=False)
                break
            except httpx2.TransportError:
                assert process.poll() is None, process.stderr and process.stderr.read()
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=20)


def get(address: str) -> str:
    """Return a page."""
    found = httpx2.get(address, trust_env=False, timeout=30)
    assert found.status_code == 200, found.text
    return found.text


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a board with a conflict and a held row, in which some keys are odd."""
    path = board(tmp_path, "ours <em>")
    with Replica.open(path, now=now_ms) as app:
        write(app, "INSERT INTO task VALUES ('-o a/b,c%', 'odd', NULL)")
        write(app, "INSERT INTO secret VALUES (1, 'word')")
    return path


def test_what_it_adds(path: Path, tmp_path: Path) -> None:
    """Our tables are hidden; a row has its writers and conflicts, a table its held rows; a file that is not replicated has nothing."""
    plain = tmp_path / "plain.db"
    connection = apsw.Connection(str(plain))
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 2)")
    connection.close()
    with datasette(path, plain, "-i", tmp_path / "laptop.db") as address:
        tables = {one["name"]: one["hidden"] for one in json.loads(get(f"{address}/board.json"))["tables"]}
        assert tables["task"] is False and tables["secret"] is False
        assert all(hidden for name, hidden in tables.items() if name.startswith("_crdt_"))
        row = get(f"{address}/board/task/t1")
        assert "Who wrote it" in row and "Conflicts" in row and "ours &lt;em&gt;" in row and "theirs" in row
        assert "ours <em>" not in row and row.count("agent-7 (run r42)") >= 2, "of the cell, and of the conflict"
        past = row.partition("<h2>History</h2>")[2]
        assert past.index("theirs") < past.index("first") and "agent-7 (run r42) at laptop" in past
        assert "ours &lt;em&gt;" in past and "<h2>History</h2>" not in get(f"{address}/board/secret/1")
        assert "Who wrote it" in get(f"{address}/board/task/{quote('-o a/b,c%').replace('%', '~').replace('/', '~2F')}")
        assert "agent-7 (run r42)" in get(f"{address}/board/task")
        assert "Held rows" in get(f"{address}/board/task") and "Held rows" not in get(f"{address}/board/secret")
        assert "Who wrote it" not in get(f"{address}/plain/t/1")
        assert "Who wrote it" not in get(f"{address}/laptop/task/t1"), "a file that Datasette takes for unchanging"


@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")
def test_in_a_browser(path: Path, tmp_path: Path) -> None:
    """The part of a row's page that is ours is there for eyes."""
    with datasette(path) as address, chromium(tmp_path / "profile") as browser:
        browser.get(f"{address}/board/task/t1")
        ours = wait_for(browser, "id", "crdtsql")
        assert ours.is_displayed() and "title" in ours.text and "theirs" in ours.text
