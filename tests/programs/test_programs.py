"""Files of well-known programs: random offline writes, random merges, and everything that must be true afterwards.

CRDTSQL_SEEDS=600 runs more of them; CRDTSQL_SEED=17 runs one seed of each program again.
"""

from __future__ import annotations

import os
import re
from collections import Counter

import pytest

from tests.programs import network
from tests.support.peers import fast_directory

SEEDS = max(2, int(os.environ.get("CRDTSQL_SEEDS", "0")) // 30)
ONE_SEED = os.environ.get("CRDTSQL_SEED")
CHOSEN = range(SEEDS) if ONE_SEED is None else [int(ONE_SEED)]
LEAST_ACCEPTED = 0.35
"""So many of the statements must be accepted, or the writer does not fit the schema."""
VARIETY = (
    r"WITHOUT ROWID", r"\) STRICT", r"AUTOINCREMENT", r"GENERATED ALWAYS AS .* STORED", r"AS \(.*\) VIRTUAL", r"CREATE VIEW",
    r"INSTEAD OF INSERT", r"USING fts5 .*content=", r"USING fts5 \(title, special_features\)", r"DEFERRABLE INITIALLY DEFERRED",
    r"ON DELETE CASCADE", r"ON DELETE RESTRICT", r"ON DELETE NO ACTION", r"ON DELETE SET NULL", r"ON DELETE SET DEFAULT",
    r"ON UPDATE CASCADE", r"ON UPDATE SET NULL", r"ON UPDATE SET DEFAULT", r"ON UPDATE NO ACTION", r"ON CONFLICT REPLACE",
    r"CREATE UNIQUE INDEX .* WHERE", r"CREATE UNIQUE INDEX .*\(.*lower\(", r"UNIQUE INDEX .*COLLATE NOCASE", r"COLLATE RTRIM",
    r"CHECK \(json_valid", r"RAISE\(ABORT", r"AFTER UPDATE OF", r"REFERENCES issue \(id\)[^;]*REFERENCES issue \(id\)",
    r"INTEGER PRIMARY KEY REFERENCES", r"PRIMARY KEY \(\w+, \w+, \w+, \w+\)", r"`\w+`", r'"Order Details"',
)  # fmt: skip
"""What the schemas must have among them."""


@pytest.mark.parametrize("program", network.NAMES)
def test_a_programs_file_converges(program: str) -> None:
    """Replicas of a program's file keep all constraints at each merge, become equal, and lose no row."""
    outcomes: Counter[tuple[str, bool]] = Counter()
    for seed in CHOSEN:
        with fast_directory() as directory:
            outcomes += network.run(directory, program, seed, lax=0.2 if seed % 3 == 2 else 0.0).outcomes
    accepted = sum(count for (_, done), count in outcomes.items() if done)
    assert accepted >= LEAST_ACCEPTED * outcomes.total(), outcomes


@pytest.mark.parametrize("program", network.NAMES)
def test_every_table_can_be_enabled(program: str) -> None:
    """Every table of these schemas that has a primary key can be replicated, whatever its indexes, triggers and names."""
    with fast_directory() as directory:
        found = network.network(directory, program, 0, "a")
        (peer,) = found.peers
        try:
            assert {table.name for table in peer.replica.registry.tables()} == set(found.ledger.shapes)
        finally:
            peer.close()


def test_the_programs_differ() -> None:
    """The schemas have among them every kind of table, key, constraint, index, trigger and view that programs use."""
    schemas = "\n".join(path.read_text(encoding="utf-8") for path in network.PROGRAMS.glob("*.sql"))
    assert not [kind for kind in VARIETY if not re.search(kind, schemas)]
