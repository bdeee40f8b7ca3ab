"""A board to look at: a hub and a laptop that wrote at the same time."""

from __future__ import annotations

from pathlib import Path

from crdtsql import Replica, sync
from tests.support.command import make
from tests.support.hub import now_ms
from tests.support.peers import write

SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title, code UNIQUE);
CREATE TABLE secret (id INTEGER PRIMARY KEY, word);
"""


def board(folder: Path, title: str | None) -> Path:
    """Make the hub's file; with a title it has a conflict about that one, a held row, and changes of the laptop."""
    path = make(folder / "board.db", SCHEMA)
    with Replica.open(path, now=now_ms) as hub:
        hub.enable("task", "secret")
        if title is None:
            return path
        hub.keep_history("task")
        hub.set_name("hub")
        with hub.clone(folder / "laptop.db") as laptop:
            laptop.set_name("laptop")
            write(hub, "INSERT INTO task VALUES ('t1', 'first', 1), ('t2', 'second', 2)")
            sync(hub, laptop)
            write(hub, "UPDATE task SET title = ? WHERE id = 't1'", values=[title])
            write(hub, "INSERT INTO task VALUES ('t4', 'mine', 9)")
            with laptop.acting_as("agent-7", run="r42"):
                write(laptop, "UPDATE task SET title = 'theirs' WHERE id = 't1'")
                write(laptop, "INSERT INTO task VALUES ('t3', 'dup', 9)")
            sync(hub, laptop)
            sync(hub, laptop)
    return path
