"""The seeded bugs of purges."""

from __future__ import annotations

from tests.machines.mutants.kind import Mutant

BYTES = "tests/purge/test_bytes.py"
RULES = "tests/purge/test_purge.py"
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
        "securely.empty_log(self.connection)  #",
        "pass  #",
        tests=BYTES,
    ),
    Mutant(
        "a row that others refer to is purged",
        "purge/purging.py",
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
)
