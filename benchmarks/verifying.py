"""What comparing two replicas costs: all rows, one that differs, and only what was written since the last look."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import apsw

from benchmarks import data
from benchmarks.hub import serving
from benchmarks.workloads import REPEATS, Bench, Result, timed
from crdtsql import Replica
from crdtsql.replica import VerifyReport
from crdtsql.transports import Peer, Request, Response, answer
from crdtsql.transports.messages import pack_request, pack_response, unpack_request, unpack_response

EVERYTHING, ONE_ROW_B, SHARE_PERCENT = 20.0, 10_000.0, 2.0


class Counted(Peer):
    """A replica behind messages, whose bytes are counted."""

    def __init__(self, replica: Replica) -> None:
        self.address, self.replica, self.bytes = "counted:", replica, 0

    def exchange(self, request: Request) -> Response:
        """Bring the bytes there and back."""
        asks = pack_request(request)
        answers = pack_response(answer(self.replica, unpack_request(asks)))
        self.bytes += len(asks) + len(answers)
        return unpack_response(answers, self.address)


def verifying(bench: Bench) -> Iterator[Result]:
    """Two files that were cloned; what the other side spends counts too."""
    before = os.environ.get("CRDTSQL_STATE_DIR")
    os.environ["CRDTSQL_STATE_DIR"] = str(bench.path().with_suffix(".state"))
    connection, path = bench.filled(5, True, data.rows(bench.count, 5))
    connection.close()
    other = bench.path()
    try:
        with Replica.open(path) as replica:
            replica.clone(other).close()
        yield from _all_rows(bench, path, other)
        yield from _since_last(path, other, "two files")
        with serving(other) as (_, (address,)):
            yield from _since_last(path, address, "HTTP")
        yield _one_row(path, other)
    finally:
        os.environ["CRDTSQL_STATE_DIR"] = before or ""


def _compared(path: Path, remote: Path | str, *, since_last: bool = False) -> float:
    """Return how long a comparison of equal replicas takes, with both files open."""
    with ExitStack() as opened:
        replica = opened.enter_context(Replica.open(path))
        there = opened.enter_context(Replica.open(remote)) if isinstance(remote, Path) else remote
        found: list[VerifyReport] = []
        spent = timed(lambda: found.append(replica.verify(there, since_last=since_last)))
        assert found[0].equal
        assert (found[0].since is not None) == since_last
        return spent


def _all_rows(bench: Bench, *paths: Path) -> Iterator[Result]:
    pairs = [(sum(timed(lambda path=path: _read(path)) for path in paths), _compared(*paths)) for _ in range(REPEATS)]
    plain, ours = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
    detail = f"{1000 * ours:,.0f} ms, reading both tables {1000 * plain:,.0f} ms"
    yield Result(f"verify of {bench.count:,} equal rows, two files", ours / plain, "x", EVERYTHING, detail)


def _read(path: Path) -> None:
    connection = apsw.Connection(str(path))
    for _ in connection.execute("SELECT * FROM task"):
        pass
    connection.close()


def _since_last(path: Path, remote: Path | str, way: str) -> Iterator[Result]:
    """What it takes of the time that reading all rows takes."""
    all_s = min(_compared(path, remote) for _ in range(REPEATS))
    for rows in (0, 1, 100):
        found = []
        for _ in range(REPEATS):
            with Replica.open(path) as replica:
                replica.connection.execute(
                    "UPDATE task SET c2 = c2 + 1 WHERE rowid IN (SELECT rowid FROM task LIMIT ?)", (rows,)
                )
                replica.sync(remote)
            found.append(_compared(path, remote, since_last=True))
        detail = f"{1000 * min(found):,.1f} ms, all rows {1000 * all_s:,.0f} ms"
        work = f"verify --since-last, {way}, {rows} rows written"
        yield Result(work, 100 * min(found) / all_s, "%", SHARE_PERCENT, detail)


def _one_row(path: Path, other: Path) -> Result:
    with Replica.open(path) as replica, Replica.open(other) as there:
        there.connection.execute(
            "INSERT INTO _crdt_quiet VALUES (1); UPDATE task SET c0 = 'damaged' WHERE rowid = 77; DELETE FROM _crdt_quiet"
        )
        peer = Counted(there)
        found: list[VerifyReport] = []
        spent = timed(lambda: found.append(replica.verify(peer)))
        assert found[0].differing == 1
    detail = f"{found[0].questions} questions, {1000 * spent:,.0f} ms"
    return Result("verify finds one row that differs, exchanging", peer.bytes, "B", ONE_ROW_B, detail)
