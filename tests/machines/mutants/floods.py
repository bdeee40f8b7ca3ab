"""The seeded bugs of delete floods: what must count as a row that disappeared, and when rows are counted at all."""

from __future__ import annotations

from tests.machines.mutants.kind import Mutant

MERGE, WAYS = "tests/merge/test_deletes.py", "tests/transports/test_floods.py"
FLOODS = tuple(
    Mutant(name, file, find, put, tests=tests)
    for name, file, find, put, tests in (
        (
            "only deleted rows may be too many, not those that go with them",
            "shown/vanishing.py",
            "gone = deleted + stood_in + holds - stand_in",
            "gone = deleted",
            MERGE,
        ),
        (
            "a bound decides, though no row was counted",
            "shown/vanishing.py",
            "if doubtful - self.noted:",
            "if False:",
            MERGE,
        ),
        (
            "rows are counted by every merge",
            "shown/vanishing.py",
            "max(0, shown - came) + gone",
            "max(gone, came)",
            MERGE,
        ),
        (
            "rows that the table shows all the same have disappeared",
            "sql/shown/vanishing/vanished.sql",
            "  AND NOT EXISTS (SELECT 1 FROM ${table} AS shown WHERE ${shown_is_before})",
            "  AND 1 OR EXISTS (SELECT 1 FROM ${table} AS shown WHERE ${shown_is_before})",
            MERGE,
        ),
        (
            "a peer keeps to its own limit, whatever was let through",
            "transports/exchange.py",
            '"max_deletes": request.max_deletes}',
            '"max_deletes": "half"}',
            WAYS,
        ),
        (
            "the changesets of a store count one by one",
            "transports/stores/floods.py",
            "limit is None or len(path) < 2",
            "len(path) >= 0",
            WAYS,
        ),
        (
            "a changeset with too many deletes is left out of a store's, and the next ones are taken",
            "transports/stores/visit.py",
            "except (FilledSeparatelyError, TooManyDeletesError):",
            "except FilledSeparatelyError:",
            WAYS,
        ),
    )
)
