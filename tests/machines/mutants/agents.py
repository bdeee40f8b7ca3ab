"""The seeded bugs of previews, claims, fences and arbitration: what is foretold wrong, is had by two, or is asked twice."""

from __future__ import annotations

from tests.machines.mutants.kind import Mutant

PREVIEW = "tests/replica/test_preview.py"
CLAIMS = "tests/claims/test_claims.py"
ARBITRATE = "tests/conflicts/test_arbitrate.py"
FLEET = "tests/mcp/test_fleet.py"
AGENTS = (
    Mutant(
        "agents that slept overwrite what came in meanwhile",
        "look/seen.py",
        "if (table.id, row) not in known)",
        "if not row)",
        tests=FLEET,
    ),
    Mutant(
        "what agents wrote at once is not logged",
        "merge/clashes.py",
        "    recorded, (_, total, _) = 0, conflict_log.limits(registry)\n",
        "    return 0\n    recorded, (_, total, _) = 0, conflict_log.limits(registry)\n",
        tests=FLEET,
    ),
    Mutant(
        "a preview does not see that a value has another type",
        "replica/trying/differences.py",
        "COLLATE BINARY AND typeof(old.{column}) = typeof(shown.{column})",
        "COLLATE BINARY",
        tests=PREVIEW,
    ),
    Mutant(
        "a preview of a file that waits folds without what the book says",
        "store/book.py",
        "if found.times and (file or registry.stands_for):",
        "if found.times and file:",
        tests=PREVIEW,
    ),
    Mutant(
        "the log that lies beside a file is emptied into it when it was looked at",
        "replica/trying/rehearsed.py",
        "source.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)",
        "pass",
        tests=PREVIEW,
    ),
    Mutant(
        "tokens follow the clock back",
        "claims/claiming.py",
        "max(registry.number(LAST), kept or 0, moment.now_ms - 1)",
        "moment.now_ms - 1",
        tests=CLAIMS,
    ),
    Mutant(
        "tokens come again after an older state was restored",
        "claims/claiming.py",
        "max(registry.number(LAST), kept or 0, moment.now_ms - 1)",
        "max(registry.number(LAST), kept or 0)",
        tests=CLAIMS,
    ),
    Mutant(
        "a claim counts in a restored file",
        "sql/claims/claiming/read.sql",
        "WHERE site = :site",
        "WHERE (site = :site OR 1)",
        tests=CLAIMS,
    ),
    Mutant(
        "a claim is held for ever where the clock was set back",
        "claims/claiming.py",
        "return min(self.until_ms - moment.now_ms, self.length_ms)",
        "return self.until_ms - moment.now_ms",
        tests=CLAIMS,
    ),
    Mutant(
        "an old token still renews",
        "claims/orders.py",
        "if order.token is not None and order.token != before.token:",
        "if order.token is not None and order.token > before.token:",
        tests=CLAIMS,
    ),
    Mutant(
        "a shown token counts until somebody takes it away",
        "sql/capture/fences/use_up.sql",
        "WHERE token IN (",
        "WHERE token < 0 AND token IN (",
        tests=CLAIMS,
    ),
    Mutant(
        "a fence refuses merges",
        "sql/capture/fences/check.sql",
        "AND NOT EXISTS (SELECT 1 FROM _crdt_quiet)",
        "AND NOT EXISTS (SELECT 1 FROM _crdt_quiet WHERE 0)",
        tests=CLAIMS,
    ),
    Mutant(
        "an order that comes twice is two claims",
        "claims/orders.py",
        "if order.nonce and order.nonce == before.nonce:",
        "if order.nonce and order.nonce != before.nonce and before.nonce == '':",
        tests=CLAIMS,
    ),
    Mutant(
        "a program is asked before that is noted",
        "replica/statements/arbitrating.py",
        "arbitrated.note(self.registry, conflict, arbitrated.ASKED, None, now_ms)",
        "pass",
        tests=ARBITRATE,
    ),
    Mutant(
        "an answer is not kept before it is carried out",
        "replica/statements/arbitrating.py",
        "if known is not None and known.state == arbitrated.ANSWERED:",
        "if known is not None and known.state == arbitrated.ANSWERED and retry:",
        tests=ARBITRATE,
    ),
    Mutant(
        "an answer overwrites what was written meanwhile",
        "replica/statements/arbitrating.py",
        "value=value, seen=conflict)",
        "value=value)",
        tests=ARBITRATE,
    ),
    Mutant(
        "an observer takes 1 for 1.0",
        "replica/statements/observing.py",
        "return tuple((type(value), value) for value in row)",
        "return row",
        tests="tests/replica/test_observe.py",
    ),
)
