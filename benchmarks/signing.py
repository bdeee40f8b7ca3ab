"""Signatures: what they cost a small export and a small import, in CPU, so that the disk does not decide."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from unittest import mock

from benchmarks.workloads import Bench, Result
from crdtsql import Replica

STEPS, WARM, ROWS = 200, 20, 1000


def signing(bench: Bench) -> Iterator[Result]:
    """Compare changesets of one row that are not signed, signed by a site that must be trusted, and by one that may not write all."""
    with mock.patch.dict(os.environ, {"CRDTSQL_STATE_DIR": str(bench.path())}):
        kinds = [_pair(bench, signed=signed, limited=limited) for signed, limited in ((0, 0), (1, 0), (1, 1))]
        several = [[_step(*pair, number) for pair in kinds] for number in range(STEPS + WARM)][WARM:]
        plain, signed, limited = (
            [statistics.median(one) for one in zip(*of, strict=True)] for of in zip(*several, strict=True)
        )
    for what, place in (("export", 0), ("import", 1)):
        detail = f"{signed[place]:.2f} ms, without {plain[place]:.2f} ms; of a limited site {limited[place]:.2f} ms"
        yield Result(f"a signed {what} of one row, CPU", signed[place] / plain[place], "x", 1.5, detail)
    yield Result("what a signature adds to a changeset", signed[2] - plain[2], "B", 150)


def _pair(bench: Bench, *, signed: bool, limited: bool) -> tuple[Replica, Replica]:
    connection, path = bench.table(1, enabled=False)
    connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, body)")
    connection.executemany("INSERT INTO note VALUES (?, 'x')", [(n,) for n in range(ROWS)])
    connection.close()
    one = Replica.open(path)
    one.enable("note")
    other = one.clone(bench.path())
    if signed:
        other.trust(one.site, one.sign().key.hex())
        other.set_requires_signed(True)
    if limited:
        other.allow(one.site, tables=["note"], deletes=False)
    return one, other


def _step(one: Replica, other: Replica, number: int) -> tuple[float, float, float]:
    """Change a row, and carry it over; return the milliseconds of the export and of the import, and the bytes."""
    one.connection.execute("UPDATE note SET body = ? WHERE id = ?", (str(number), number % ROWS))
    vector = other.vector()
    began = time.process_time()
    data = one.export(vector)
    between = time.process_time()
    other.merge(data)
    return 1000 * (between - began), 1000 * (time.process_time() - between), len(data)
