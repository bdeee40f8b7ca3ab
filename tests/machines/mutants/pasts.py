"""Seeded bugs of histories, of rows as they were, and of undoing."""

from __future__ import annotations

from tests.machines.mutants.kind import Mutant

EXAMPLES, UNDO, RANDOM = (
    "tests/history/test_history.py",
    "tests/history/test_undo.py",
    "tests/history/test_random_histories.py",
)

PASTS = (
    Mutant(
        "a history does not know of an INSERT OR REPLACE what it replaced",
        "capture/triggers.py",
        "    if slots.table.history is not None:\n        yield",
        "    if slots.table.absent:\n        yield",
        tests=EXAMPLES,
    ),
    Mutant(
        "an update tells the value that stands there at the end",
        "sql/history/recording/replaced.sql",
        "wrote.seq > ${after}\n      ORDER",
        "wrote.seq < ${after}\n      ORDER",
        tests=EXAMPLES,
    ),
    Mutant(
        "how a row was comes with each write",
        "sql/history/recording/from_first.sql",
        'WHERE step.seq = step."row"',
        "WHERE 1",
        tests=EXAMPLES,
    ),
    Mutant(
        "an entry does not say what its writer had seen",
        "sql/history/recording/seen.sql",
        "WHERE head.s <> step.s AND",
        "WHERE head.s = step.s AND",
        tests=RANDOM,
    ),
    Mutant(
        "a row at a time is gone if anybody deleted it",
        "history/replaying.py",
        "else not all(gone)",
        "else not any(gone)",
        tests=RANDOM,
    ),
    Mutant(
        "numbers in a history do not follow their rows",
        "numbers/followers.py",
        "        links += [(_column(table, own), _column(base, uid)) for own, base, uid in _kept(table, by_uid)]\n",
        "",
        tests=RANDOM,
    ),
    Mutant(
        "an undo writes over what somebody wrote since",
        "history/undoing.py",
        "        if top not in self.chosen:\n",
        "        if top is None:\n",
        tests=UNDO,
    ),
    Mutant(
        "an undo deletes a row that somebody wrote to",
        "history/undoing.py",
        "            if later:\n",
        "            if not self.entries:\n",
        tests=UNDO,
    ),
    Mutant(
        "an undo takes rows along that refer to what it deletes",
        "history/undoing.py",
        "        if referring is not None:\n",
        "        if referring is None and False:\n",
        tests=UNDO,
    ),
    Mutant(
        "a purge leaves what a history has",
        "replica/forgetting/purging.py",
        "while scopes:",
        "while False:",
        tests=EXAMPLES,
    ),
    Mutant(
        "what was taken out of a history is asked for all the same",
        "history/reading.py",
        'max(registry.number(table.fact("recorded")), trimmed[0] or 0)',
        'registry.number(table.fact("recorded"))',
        tests=EXAMPLES,
    ),
    Mutant(
        "who ended a history is asked again",
        "replica/past/keeping.py",
        'registry.get(table.fact("history")) is not None',
        "table.history is not None",
        tests=EXAMPLES,
    ),
)
