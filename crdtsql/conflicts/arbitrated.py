"""Arbitrated: about which conflicts a program was asked, and what it answered, so that it is asked about none twice.

Runs inside the caller's write transaction. What is to be asked is noted and committed before the program runs, and its answer before
it is carried out: so whatever is interrupted, nothing is asked again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from crdtsql.base import CrdtsqlError, dumps, from_json, query, sql
from crdtsql.conflicts.conflict_log import Conflict
from crdtsql.conflicts.resolve import Answer
from crdtsql.store import Registry

ASKED, ANSWERED, SKIPPED, FAILED, RESOLVED = "asked", "answered", "skipped", "failed", "resolved"
DAY_MS = 24 * 3600 * 1000
KEPT = 100_000
"""So many are remembered, the conflict log keeps fewer."""


@dataclass(slots=True)
class ArbitrateReport:
    """What became of open conflicts about which a program was to be asked.

    Attributes:
        asked: how many times it was asked.
        resolved: the numbers of those that it resolved.
        skipped: of those that it left for later.
        failed: number -> what was wrong with its answer, or stood against it.
        left: of those about which it was asked before, and which it did not settle.
        spent: no more may be asked today.
        answers: with `dry_run`, number -> what it answered.
        dry_run: nothing was changed.
    """

    asked: int = 0
    resolved: list[int] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    failed: dict[int, CrdtsqlError] = field(default_factory=dict)
    left: list[int] = field(default_factory=list)
    spent: bool = False
    answers: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    dry_run: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the report as `--json` prints it."""
        return {
            "asked": self.asked,
            "resolved": self.resolved,
            "skipped": self.skipped,
            "failed": [{"id": number, **error.to_json()} for number, error in self.failed.items()],
            "left": self.left,
            "spent": self.spent,
            "answers": [{"id": number, **answer} for number, answer in self.answers.items()],
            "dry_run": self.dry_run,
        }


class NotedClash(NamedTuple):
    """What is noted of a conflict."""

    state: str
    answer: str | None


def set_up(registry: Registry) -> None:
    """Make the table, if it is not there."""
    registry.connection.execute(sql("conflicts/arbitrated/create"))


def known(registry: Registry, conflict: Conflict) -> NotedClash | None:
    """Return what is noted of a conflict, None if nothing is."""
    statement = "SELECT state, answer FROM main._crdt_arbitrated WHERE clash = ?"
    row = query.first(registry.connection, statement, (_clash(conflict),))
    return None if row is None else NotedClash(*row)


def asked_since(registry: Registry, since_ms: int) -> int:
    """Return how many conflicts a program was asked about since then."""
    statement = "SELECT count(*) FROM main._crdt_arbitrated WHERE at_ms > ?"
    return int(query.first(registry.connection, statement, (since_ms,))[0])


def note(registry: Registry, conflict: Conflict, state: str, answer: str | None, now_ms: int) -> None:
    """Note what has become of a conflict."""
    values = {"clash": _clash(conflict), "conflict": conflict.id, "at_ms": now_ms, "state": state, "answer": answer}
    registry.connection.execute(sql("conflicts/arbitrated/note"), values)
    registry.connection.execute(sql("conflicts/arbitrated/forget_old"), {"most": KEPT})


def read_answer(found: Any) -> Answer | None:
    """Read what a program answers: a side, a value, or None for later.

    Raises:
        ValueError: it is none of them.
    """
    if found == {"skip": True}:
        return None
    if found in ({"take": "ours"}, {"take": "theirs"}):
        return Answer(found["take"])
    if isinstance(found, Mapping) and found.keys() == {"value"}:
        return Answer(value=from_json(found["value"]))
    raise ValueError("it is none of them")


def written(found: Mapping[str, Any]) -> str:
    """Write an answer as it is kept."""
    return dumps(found, None)


def read_written(text: str | None) -> Answer | None:
    """Read an answer that was kept."""
    return read_answer(json.loads(text or "null"))


def _clash(conflict: Conflict) -> str:
    """Name a conflict by what collided: numbers of the log may come again where an older state of the file was restored."""
    stamps = sorted([(conflict.won_hlc, conflict.won_site), (conflict.lost_hlc, conflict.lost_site)])
    named = [conflict.table, [repr(part) for part in conflict.key], conflict.column, conflict.part, stamps]
    return hashlib.blake2b(json.dumps(named).encode(), digest_size=16).hexdigest()
