"""Foreseeing: what a compaction would do and free, found out by doing it in steps each of which is undone.

So it follows whatever rule there is. In large tables that may be done with some rows alone, which stand for the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

from crdtsql.base import query
from crdtsql.compaction.foreseen.weighing import Weighing, can_weigh, file_bytes
from crdtsql.compaction.report import TableCompacted
from crdtsql.compaction.settled import Sweep
from crdtsql.compaction.stride import Stride
from crdtsql.store import Registry

FEWEST_ROWS, ROWS_EACH = 100, 100
"""So many rows of a table are looked at at least, and about so many in one place of it."""

Attempt = Callable[[Callable[[], bool]], bool]
"""Runs work inside a write transaction that is undone, and returns what it returned."""


def foresee(registry: Registry, attempt: Attempt, most_rows: int | None) -> dict[str, TableCompacted]:
    """Say what would be done to each table.

    Args:
        most_rows: look at about no more rows than that.
    """
    connection = registry.connection
    counts = {
        one.name: int(query.first(connection, f"SELECT count(*) FROM {one.clock}")[0])
        for one in registry.tables()
        if not one.absent
    }
    total, found, weighings = sum(counts.values()), {}, {}
    for name, rows in counts.items():
        wanted = rows if most_rows is None or total <= most_rows else max(FEWEST_ROWS, most_rows * rows // total)
        weighing = Weighing(connection, name)
        found[name] = (
            _sample(registry, name, attempt, weighing, rows, wanted)
            if wanted < rows
            else _all(registry, name, attempt, weighing)
        )
        weighings[name] = weighing
    if can_weigh(connection):
        for name, freed in file_bytes(connection, weighings).items():
            found[name].freed_bytes = freed
    return found


def _all(registry: Registry, name: str, attempt: Attempt, weighing: Weighing) -> TableCompacted:
    sweep = Sweep(registry, name, which="all", is_tried=True)
    while attempt(partial(_step, sweep, weighing)):
        pass
    return sweep.done


def _sample(
    registry: Registry, name: str, attempt: Attempt, weighing: Weighing, rows: int, wanted: int
) -> TableCompacted:
    """Look at some places of a table, each in the middle of an equal part."""
    places = max(1, wanted // ROWS_EACH)
    done, each, may_rest = TableCompacted(), wanted // places, None
    for place in range(places):
        sweep = Sweep(registry, name, Stride(each), "all", is_tried=True, may_rest=may_rest)
        sweep.skip(rows * (2 * place + 1) // (2 * places) - each // 2)
        attempt(partial(_step, sweep, weighing))
        may_rest = sweep.may_rest
        done.add(sweep.done)
        done.kept = sweep.done.kept
    times = rows / (places * each)
    weighing.scale(times)
    return replace(
        done,
        forgotten=round(done.forgotten * times),
        emptied=round(done.emptied * times),
        settled=round(done.settled * times),
        shortened=round(done.shortened * times),
    )


def _step(sweep: Sweep, weighing: Weighing) -> bool:
    began = time.perf_counter()
    with weighing if can_weigh(sweep.registry.connection) else nullcontext():
        more = sweep.step()
    sweep.stride.took(time.perf_counter() - began)
    return more
