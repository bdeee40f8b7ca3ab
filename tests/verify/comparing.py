"""What tests of comparing share: replicas that have met, damage to them, and a peer behind messages."""

from __future__ import annotations

from pathlib import Path

from crdtsql import Replica, sync
from crdtsql.replica import VerifyReport
from crdtsql.transports import Peer, Request, Response, answer
from crdtsql.transports.messages import pack_request, pack_response, unpack_request, unpack_response
from tests.support import peers
from tests.support.peers import Clock, write

SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT, votes INTEGER, n);
CREATE TABLE pair (a INTEGER, b TEXT COLLATE NOCASE, v, PRIMARY KEY (b, a)) WITHOUT ROWID;
CREATE TABLE tag (id TEXT PRIMARY KEY NOT NULL, name TEXT UNIQUE);
CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT);
"""


def make(folder: Path) -> list[Replica]:
    """Make three replicas with counters, held, deleted and numbered rows, which have met."""
    clock = Clock(step=1)
    one, other, third = found = peers.three(folder, SCHEMA, now=clock, tables=("task", "pair", "tag"))
    for replica in found:
        replica.enable("note")
        replica.set_type("task", "votes", "counter")
    write(one, "INSERT INTO task VALUES ('t1', 'one', 1, 1), ('t2', 'two', 2, NULL), ('t3', 'x', 3, 3)")
    write(
        one,
        "INSERT INTO tag VALUES ('a', 'same')",
        "INSERT INTO note VALUES (1, 'b')",
        "INSERT INTO pair VALUES (1, 'B', 2)",
    )
    sync(one, other)
    write(other, "UPDATE task SET votes = votes + 5 WHERE id = 't1'", "DELETE FROM task WHERE id = 't3'")
    write(other, "INSERT INTO tag VALUES ('b', 'again')", "INSERT INTO note VALUES (2, 'theirs')")
    write(
        one, "UPDATE task SET votes = votes + 2, title = 'uno' WHERE id = 't1'", "INSERT INTO tag VALUES ('c', 'again')"
    )
    write(one, "INSERT INTO note VALUES (2, 'ours')", "UPDATE pair SET v = 3")
    sync(one, other)
    sync(one, third)
    sync(one, other)
    return found


def damage(replica: Replica, statement: str) -> None:
    """Change a file past all triggers."""
    replica.connection.execute(f"INSERT INTO _crdt_quiet VALUES (1); {statement}; DELETE FROM _crdt_quiet")


def told(report: VerifyReport) -> list[tuple[str, tuple[object, ...], str, tuple[str, ...]]]:
    """Return what a report says of rows."""
    return [(row.table, row.key, row.what, row.columns) for row in report.rows]


class Wire(Peer):
    """A replica behind messages, whose bytes are counted; what it answers can be changed."""

    def __init__(self, replica: Replica) -> None:
        self.address, self.replica, self.sizes = "wire:", replica, list[int]()

    def exchange(self, request: Request) -> Response:
        """Bring the bytes there and back."""
        asks = pack_request(request)
        answers = pack_response(self.changed(request, answer(self.replica, unpack_request(asks))))
        self.sizes.append(len(asks) + len(answers))
        return unpack_response(answers, self.address)

    def changed(self, _request: Request, found: Response) -> Response:
        """Leave an answer as it is."""
        return found
