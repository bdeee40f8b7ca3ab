"""One person's notes on two laptops and a server: what is written on either laptop is on the other one a moment later.

Run it: `python examples/two_laptops_and_a_server/notes.py`; it needs `pip install 'crdtsql[http]'`. The server runs `crdtsql serve`,
each laptop `crdtsql sync notes.db --watch` beside the program that writes the notes and knows nothing of that. In between the
server is switched off: both go on writing, and catch up by themselves once it is back.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from crdtsql import Replica

WRITER = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=30); c.executescript(sys.argv[2]); c.close()"
SCHEMA = """CREATE TABLE note (
  id TEXT PRIMARY KEY NOT NULL DEFAULT (lower(hex(randomblob(8)))),
  title TEXT NOT NULL,
  body TEXT NOT NULL DEFAULT ''
)"""
PATIENCE_S = 60.0


def crdtsql(*words: str | Path) -> str:
    """Run a command; return what it prints."""
    command = [sys.executable, "-m", "crdtsql", *map(str, words)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@contextmanager
def running(*words: str | Path, **more: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command until the end of the block, and end it as Ctrl-C does."""
    command = [sys.executable, "-m", "crdtsql", *map(str, words)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ | more
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def server(database: Path, port: int) -> Iterator[None]:
    """Serve the file until the end of the block; give back control once it listens."""
    with running("serve", database, "--listen", f"127.0.0.1:{port}", "--json") as process:
        text = ""
        while process.stdout and not text.endswith("}\n"):
            text += process.stdout.readline()
        assert json.loads(text)
        yield


def write(laptop: Path, statement: str) -> None:
    """Let a program write that knows nothing of crdtsql."""
    subprocess.run([sys.executable, "-c", WRITER, str(laptop), statement], check=True)


def notes(database: Path) -> list[tuple[object, ...]]:
    """Read all notes."""
    with Replica.open(database) as replica:
        return replica.connection.execute("SELECT title, body FROM note ORDER BY title").fetchall()


def wait_for(laptop: Path, title: str) -> float:
    """Wait until a note is there; return after how many milliseconds that was."""
    begin = time.monotonic()
    while (title,) not in [(found,) for found, _ in notes(laptop)]:
        if time.monotonic() - begin > PATIENCE_S:
            raise SystemExit(f"{title!r} did not arrive")
        time.sleep(0.03)
    return 1000 * (time.monotonic() - begin)


def prepare(folder: Path, address: str) -> tuple[Path, list[Path]]:
    """Make the server's file, and a copy for each laptop, which call the server `home` (`crdtsql remote add`)."""
    center = folder / "server" / "notes.db"
    laptops = [folder / name / "notes.db" for name in ("desk", "bag")]
    for path in (center, *laptops):
        path.parent.mkdir()
    center.touch()
    with Replica.open(center) as replica:
        replica.connection.execute(SCHEMA)
        replica.enable("note")
        for path in laptops:
            with replica.clone(path) as laptop:
                laptop.add_remote("home", address)
    return center, laptops


def story(folder: Path) -> int:
    """Write on both laptops, with the server and without it; return 0 if all end with the same."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    center, (desk, bag) = prepare(folder, f"http://127.0.0.1:{port}/notes")
    with ExitStack() as opened:
        with server(center, port):
            for path in (desk, bag):
                token = crdtsql("token", "add", center, path.parent.name).strip()
                opened.enter_context(running("sync", path, "--watch", CRDTSQL_TOKEN=token))
            write(desk, "INSERT INTO note (title) VALUES ('from the desk')")
            wait_for(bag, "from the desk")  # the watchers have started by now
            write(bag, "INSERT INTO note (title) VALUES ('from the bag')")
            print(f"a note of one laptop is on the other one after {wait_for(desk, 'from the bag'):.0f} ms")
        print("the server is off; both go on writing")
        write(desk, "UPDATE note SET body = 'milk' WHERE title = 'from the bag'")
        write(bag, "INSERT INTO note (title) VALUES ('written on the train')")
        with server(center, port):
            wait_for(desk, "written on the train")
            while not notes(center) == notes(desk) == notes(bag):
                time.sleep(0.03)
            print("the server is back, and so is what was written meanwhile")
            print("\n".join(f"  {title}: {body or '-'}" for title, body in notes(bag)))
    equal = notes(center) == notes(desk) == notes(bag) and len(notes(bag)) == 3
    print("all replicas are equal" if equal else "the replicas differ")
    return 0 if equal else 1


def main() -> int:
    """Tell the story in a folder that goes afterwards."""
    with tempfile.TemporaryDirectory(prefix="two-laptops-") as name:
        os.environ["CRDTSQL_STATE_DIR"] = str(Path(name) / "state")  # so that the example leaves nothing behind
        return story(Path(name))


if __name__ == "__main__":
    sys.exit(main())
