"""The seeded bugs of compaction where columns have types: how a value takes the place of its parts."""

from __future__ import annotations

from tests.machines.mutants.kind import Mutant

FOLD, MERGE, SPLIT = "fold/foldparts.py", "merge/mergeparts.py", "types/split.py"
EXAMPLES = "tests/compaction/test_typed.py"
TYPED = tuple(
    Mutant(name, file, find, put, tests=EXAMPLES)
    for name, file, find, put in (
        (
            "a site goes on with a total of which others may have forgotten a part",
            FOLD,
            'self.registry.number("totals_closed")',
            "0",
        ),
        (
            "only a round that was finished here closes totals",
            "compaction/rounds.py",
            "if (own in after.acks and (own not in before.acks or before.number != after.number)) or after.floor != before.floor:",
            "if after.floor != before.floor:",
        ),
        (
            "parts that either side may have forgotten are not the same",
            MERGE,
            "if forgets:\n            is_settled",
            "if False:\n            is_settled",
        ),
        (
            "parts stay where their row went back to the genesis",
            "compaction/settled.py",
            "*([table.parts] if table.may_have_parts else [])",
            "*[]",
        ),
        (
            "a base notes one total of each site",
            "sql/fold/foldparts/note_bases_seen.sql",
            "CASE total.part WHEN '+' THEN '' ELSE total.part END",
            "''",
        ),
        (
            "a leaf that is not shown is forgotten",
            SPLIT,
            'connection.execute(sql("types/split/find_hidden", **slots))',
            'sql("types/split/find_hidden", **slots)',
        ),
        (
            "a sum is forgotten that the table shows rounded",
            "sql/types/split/find_rounded.sql",
            "total.value IS NOT cell.value",
            "0",
        ),
        (
            "what an ended site added is forgotten at once",
            "compaction/retiring.py",
            "< KEPT_MS",
            "< 0",
        ),
        (
            "rows of typed columns have no flag once somebody asked for a compaction",
            "wire/envelope.py",
            "| TYPED * (typed and bool(header.compaction))",
            "| 0",
        ),
    )
)
TYPED += (
    Mutant(
        "what one site added goes where what another one added arrives without it",
        "sql/merge/mergeparts/drop_my_parts.sql",
        "CASE WHEN sent.part >= '+' AND sent.part < ',' THEN sent.s END",
        "NULL",
        compaction=True,
    ),
)
