"""The seeded bugs of purges."""

from __future__ import annotations

from tests.machines.mutants.kind import Mutant

BYTES = "tests/purge/test_bytes.py"
RULES = "tests/purge/test_purge.py"
STEPS = "tests/purge/test_steps.py"
PURGES = (
    Mutant(
        "a purge leaves the conflict log as it is",
        "sql/purge/erasing/forget_entries.sql",
        "WHERE won_seen AND lost_seen",
        "WHERE 0",
        tests=BYTES,
    ),
    Mutant(
        "a conflict keeps the one value that a purge had seen",
        "sql/purge/erasing/blank_entries.sql",
        "WHEN found.lost_seen THEN NULL",
        "WHEN 0 THEN NULL",
        tests="tests/purge",
    ),
    Mutant(
        "of two purges of one row one counts",
        "sql/purge/erasing/seen.sql",
        "max(lost_seen) AS lost_seen",
        "min(lost_seen) AS lost_seen",
        tests=RULES,
    ),
    Mutant(
        "a purge keeps the parts of typed cells",
        "sql/purge/purging/forget_parts.sql",
        "AND NOT (:keeps_totals AND part >= '+' AND part < ',')",
        "AND :keeps_totals AND part >= '+' AND part < ','",
        tests=BYTES,
    ),
    Mutant(
        "a purge keeps parked cells",
        "sql/purge/purging/blank_parked.sql",
        "SET v = NULL,",
        "SET v = parked.v,",
        tests=BYTES,
    ),
    Mutant(
        "a purge keeps the held row",
        "sql/purge/purging/blank_held.sql",
        "AND held.id = clock.held",
        "AND held.id = -clock.held",
        tests=BYTES,
    ),
    Mutant(
        "a purge keeps the heads that it has seen",
        "sql/purge/purging/forget_heads.sql",
        "WHERE tbl = :tbl)",
        "WHERE 0)",
    ),
    Mutant(
        "a purge that a write hides is not told",
        "fold/folding.py",
        "told.note_folded(registry, [table for table, _ in known])",
        "pass",
        tests=RULES,
    ),
    Mutant(
        "a purge that a merge hides is not told",
        "merge/purges.py",
        "told.note_hidden(registry, table)",
        "pass",
        tests=RULES,
    ),
    Mutant(
        "a purge that is told is not carried out",
        "merge/purges.py",
        "found += told.note_told(registry, listed)",
        "told.remember(registry, listed)",
        tests=RULES,
    ),
    Mutant(
        "what is purged is not overwritten",
        "sqlite/securely.py",
        "_ON = 1",
        "_ON = 0",
        tests=BYTES,
    ),
    Mutant(
        "a merge leaves purged values in the write-ahead log",
        "replica/replica.py",
        "empty_log(self.connection, self.lock_timeout)  #",
        "pass  #",
        tests=BYTES,
    ),
    Mutant(
        "a row that others refer to is purged",
        "purge/choosing.py",
        "if gone and reason == reasons.RESTORED:",
        "if gone and reason is None:",
        tests=RULES,
    ),
    Mutant(
        "a purged row is undeleted",
        "conflicts/undelete.py",
        "if found[1]:",
        "if not found:",
        tests=RULES,
    ),
    Mutant(
        "an undelete writes all anew though nobody forgot it, so what was purged comes back",
        "conflicts/undelete.py",
        "    if _may_be_forgotten(registry, heads):\n",
        "    if heads:\n",
        tests=RULES,
    ),
    Mutant(
        "a purge writes NULL where that is not allowed",
        "types/blanks.py",
        "if not column.not_null:",
        "if column.name:",
        tests=RULES,
    ),
    Mutant(
        "a purge of many rows does not look again at what a merge brought meanwhile",
        "purge/walking.py",
        "if not self._tables and self._comes_again and",
        "if False and",
        tests=STEPS,
    ),
    Mutant(
        "of many rows some are purged before others turn out to be unknown",
        "purge/walking.py",
        "            if self._given:\n                return True\n",
        "",
        tests=STEPS,
    ),
    Mutant(
        "a step of a purge goes on behind the rows that it left",
        "purge/walking.py",
        "self._after = end if last is None else last",
        "self._after = end",
        tests=STEPS,
    ),
    Mutant(
        "a purge goes on with rows that are deleted after it began",
        "purge/walking.py",
        'self._before = min(clock.from_ms(chosen.before_ms), registry.number("clock") + 1)',
        "self._before = clock.from_ms(chosen.before_ms)",
        tests=STEPS,
    ),
    Mutant(
        "while a purge waits for a reader nobody can write",
        "replica/forgetting/emptying.py",
        "min(lock_timeout, MOST_S)",
        "lock_timeout",
        tests=STEPS,
    ),
    Mutant(
        "the file stays locked while what waited in the log is read",
        "replica/session.py",
        "left = 0 if self.connection.in_transaction or peer else FOLDED_APART",
        "left = 0",
        tests="tests/replica/test_short_locks.py",
    ),
)
