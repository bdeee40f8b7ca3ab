"""The seeded bugs of ended sites that leave vectors: too early, or without a word to those who still name them."""

from __future__ import annotations

from tests.machines.mutants.kind import Mutant

ROUNDS, RETIRING, RETIRED = "base/rules/rounds_rule.py", "compaction/retiring.py", "store/identity/retired.py"
BY_HISTORIES = tuple(
    Mutant(name, file, find, put, compaction=True)
    for name, file, find, put in (
        (
            "an ended site leaves the vector at once",
            ROUNDS,
            "        upto = self.floor.get(RETIRED, 0)\n",
            "        upto = max((end.hlc for end in self.ends.values()), default=0)\n",
        ),
        (
            "who had seen all ended sites had seen none of them",
            "compaction/seen.py",
            'registry.connection.execute(sql("compaction/seen/note_seen", image=image), values)',
            'sql("compaction/seen/note_seen", image=image)',
        ),
        (
            "the sender of a changeset has nothing of the sites that it names no more",
            RETIRING,
            "more = [(site, upto) for site, upto in vector.items() if site not in known]",
            "more: list[tuple[bytes, int]] = []",
        ),
        (
            "a site that stamps name leaves the file",
            "compaction/remnants.py",
            "                names.difference_update(sites)\n",
            "",
        ),
    )
)
EXAMPLES = "tests/compaction/test_retiring.py"
BY_EXAMPLES = tuple(
    Mutant(name, file, find, put, tests=EXAMPLES)
    for name, file, find, put in (
        (
            "nobody remembers which sites are retired",
            RETIRED,
            "        if row is not None:\n",
            "        if False:\n",
        ),
        (
            "a site that is named again was seen by nobody",
            "compaction/seen.py",
            "    if back:\n",
            "    if not back:\n",
        ),
        (
            "a changeset lists retired sites that nothing in it names",
            "export/listing.py",
            "    left -= {*_in_header(header)}\n",
            "    left = set()\n",
        ),
        (
            "a changeset whose vector does not name all sites has no flag",
            "wire/envelope.py",
            "| NAMELESS * nameless",
            "| 0 * nameless",
        ),
        (
            "a store in which old segments name a retired site never comes to rest",
            "transports/stores/visit.py",
            "        return retiring.in_full(self.replica.known(), self.over)\n",
            "        return self.replica.known()\n",
        ),
    )
)
BY_RULES = tuple(
    Mutant(name, ROUNDS, find, put, tests="tests/compaction/test_rounds.py")
    for name, find, put in (
        (
            "an ended site leaves the vector though not all have said that they have all",
            "        upto = self.floor.get(RETIRED, 0)\n",
            "        upto = self.complete\n",
        ),
        (
            "a vector speaks of ends though an earlier one is not known to all",
            "if first is None or end.hlc < first",
            "if self._is_old(end)",
        ),
        (
            "who ended a site that is named leaves the vector before it",
            "        return old - {end.by for site, end in self.ends.items() if site not in old}\n",
            "        return old\n",
        ),
    )
)
RETIRING_SITES = (*BY_HISTORIES, *BY_EXAMPLES, *BY_RULES)
