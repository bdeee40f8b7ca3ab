"""Five replicas over HTTP, all of which are written to while they sync, come to have the same."""

from __future__ import annotations

import random
import threading
from contextlib import ExitStack
from pathlib import Path

from crdtsql import Replica
from tests.support import hub, peers

SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title, votes INTEGER NOT NULL DEFAULT 0);
CREATE TABLE note (id INTEGER PRIMARY KEY, task TEXT, text);
"""
WRITES = (
    "INSERT OR IGNORE INTO task (id, title) VALUES ('{key}', 'title {other}')",
    "UPDATE OR IGNORE task SET title = 'title {other}' WHERE id = '{key}'",
    "UPDATE task SET votes = votes + {other} WHERE id >= '{key}'",
    "DELETE FROM task WHERE id = '{key}'",
    "INSERT INTO note (task, text) SELECT id, 'on {other}' FROM task WHERE id = '{key}'",
    "UPDATE note SET text = text || '{other}' WHERE task = '{key}'",
)
ROUNDS = 12


def write(path: str | Path, chance: random.Random) -> None:
    """Write something, as any program does."""
    for _ in range(chance.randrange(1, 4)):
        hub.execute(path, chance.choice(WRITES).format(key=f"t{chance.randrange(6)}", other=chance.randrange(9)))


def test_five_replicas_converge(tmp_path: Path) -> None:
    """Four clients and their server end with equal tables, clocks and held rows, whatever was written to any of them meanwhile."""
    hub.execute(tmp_path / "app.db", SCHEMA)
    with Replica.open(tmp_path / "app.db") as center:
        center.enable(all=True, types={"task.votes": "counter"})
        for number in range(4):
            center.clone(tmp_path / f"{number}.db").close()
    failed: list[BaseException] = []
    with hub.serving(tmp_path / "app.db") as server:
        server.grant(tmp_path / "app.db")
        address = server.address("app.db")

        def client(number: int) -> None:
            chance, path = random.Random(number), tmp_path / f"{number}.db"
            try:
                with Replica.open(path) as replica:
                    for _ in range(ROUNDS):
                        write(chance.choice([path, path, tmp_path / "app.db"]), chance)
                        replica.sync(address)
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=client, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed
        with ExitStack() as opened:
            replicas = [opened.enter_context(Replica.open(tmp_path / f"{number}.db")) for number in range(4)]
            for replica in [*replicas, *replicas]:
                replica.sync(address)
            assert all(replica.sync(address).here.known for replica in replicas)
            replicas.append(opened.enter_context(Replica.open(tmp_path / "app.db")))
            assert peers.all_equal(replicas)
            assert peers.read(replicas[0], "SELECT count(*) FROM task") > [(0,)]
