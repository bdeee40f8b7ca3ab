"""The seeded bugs of rejoining: what comes back, is lost, or is there twice."""

from __future__ import annotations

from tests.machines.mutants.kind import Mutant

EXAMPLES = "tests/rejoin/test_rejoin.py"
COMPACTION = "tests/rejoin/test_compaction.py"
REJOINING = (
    Mutant(
        "a file says who wrote events that it has no more",
        "sql/export/acted/tell.sql",
        "min(known.upto, site.upto)",
        "known.upto",
        tests=EXAMPLES,
    ),
    Mutant(
        "the state to rejoin is let go of before it was taken",
        "replica/combining.py",
        'attached(self.connection, "unsent", nested=True)',
        'attached(self.connection, "unsent")',
        tests="tests/rejoin/test_ways.py",
    ),
    Mutant(
        "a row that was deleted there is updated all the same, as what is shown for others' sake",
        "rejoin/anew.py",
        "if present.values is None or present.gone:\n            raise Refused(GONE)",
        "if present.values is None:\n            return",
        tests=EXAMPLES,
    ),
    Mutant(
        "a row is deleted that somebody wrote to there",
        "rejoin/anew.py",
        "if not seen and not self._is_as_it_was(step, present):",
        "if not seen and self._is_as_it_was(step, present):",
        tests=EXAMPLES,
    ),
    Mutant(
        "a row is deleted that somebody refers to there",
        "rejoin/anew.py",
        "if child is not None:",
        "if child is not None and False:",
        tests=EXAMPLES,
    ),
    Mutant(
        "what refers to a row that is gone is written",
        "rejoin/anew.py",
        "rehearsal.undo = bool(lacking)\n            if not lacking:",
        "rehearsal.undo = False\n            if True:",
        tests=EXAMPLES,
    ),
    Mutant(
        "all that was ever added to a counter counts once more",
        "rejoin/cells.py",
        "exact.read(known[0] if known else None)",
        "exact.read(None)",
        tests=EXAMPLES,
    ),
    Mutant(
        "what was sent is written anew",
        "rejoin/unsent.py",
        "return event > self.sent.get(site, 0) and",
        "return",
        tests=EXAMPLES,
    ),
    Mutant(
        "writes of other sites are written anew as this file's",
        "rejoin/unsent.py",
        "(site in self.own or uid not in self.tables)",
        "True",
        tests=EXAMPLES,
    ),
    Mutant(
        "a row takes the number that another one has there",
        "rejoin/births.py",
        "return number if birth is None else self._find(table, birth)",
        "return number",
        tests=EXAMPLES,
    ),
    Mutant(
        "references do not follow a row that gets another number",
        "rejoin/anew.py",
        "values[one] = self._numbers.now(parent, value)",
        "values[one] = value",
        tests=EXAMPLES,
    ),
    Mutant(
        "a value that nobody here had seen is not logged",
        "rejoin/anew.py",
        "if not self._seen.has(step.table, stamp) and not same(",
        "if self._seen.has(step.table, stamp) and not same(",
        tests=EXAMPLES,
    ),
    Mutant(
        "a write that can't be made now is not tried again",
        "rejoin/anew.py",
        "if len(left) == len(waiting) and len(apart) == len(left):",
        "if left:",
        tests=EXAMPLES,
    ),
    Mutant(
        "what the user's triggers wrote is written a second time",
        "capture/quiet.py",
        "statements = _take_off(connection, unwanted | gentle.keys())",
        "statements = _take_off(connection, gentle.keys())",
        tests=EXAMPLES,
    ),
    Mutant(
        "entries of the conflict log speak of events that nobody has",
        "rejoin/rejoining.py",
        "carry_over(registry, moment, _sent(registry, own, reach.sent))",
        "carry_over(registry, moment, {})",
        tests=EXAMPLES,
    ),
    Mutant(
        "entries of the conflict log that were resolved elsewhere stay open",
        "rejoin/collisions.py",
        "conflict_log.mark_resolved_everything(registry)",
        "pass",
        tests=EXAMPLES,
    ),
    Mutant(
        "an entry that was open is resolved by writing anew what had won",
        "rejoin/collisions.py",
        "if present is not None and present[1] == registry.site_id(self_ordinal).hex():",
        "if False:",
        tests=EXAMPLES,
    ),
    Mutant(
        "a third replica may bring what is written anew",
        "rejoin/rejoining.py",
        "if unsent and peer not in over:",
        "if unsent and peer in over:",
        tests=EXAMPLES,
    ),
    Mutant(
        "after a compaction, what looks like a genesis counts as seen",
        "rejoin/present.py",
        "if t < 0 and (self.compacted or self.geneses.get(table.id) != stamp):",
        "if t < 0 and self.geneses.get(table.id) != stamp:",
        tests=COMPACTION,
    ),
    Mutant(
        "the site that a file was is not ended",
        "rejoin/rejoining.py",
        "rounds.end(registry, before, moment)",
        "pass",
        tests=COMPACTION,
    ),
    Mutant(
        "the state of a replica that missed a compaction itself is taken",
        "rejoin/rejoining.py",
        "if is_ended or not rounds_rule.covers(retiring.full(registry, header.vector), mine.floor):",
        "if False:",
        tests=COMPACTION,
    ),
    Mutant(
        "the old vector stays",
        "rejoin/emptying.py",
        'connection.execute("UPDATE main._crdt_site SET upto = 0")',
        "pass",
        tests=EXAMPLES,
    ),
)
