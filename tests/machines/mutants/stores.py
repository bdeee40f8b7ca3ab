"""The seeded bugs of stores: the naive variants of the protocol, each of which looks as if it worked."""

from __future__ import annotations

from tests.machines.mutants.kind import Mutant

RANDOM, VISIT = "tests/machines/stores/test_random.py", "tests/transports/test_visit.py"
AGREEING = "tests/transports/test_agreeing.py"
REACH = "tests/transports/test_reach.py"
STORES = tuple(
    Mutant(name, f"transports/stores/{file}.py", find, put, tests=tests)
    for name, file, find, put, tests in (
        (
            "a segment goes that alone says what was agreed on",
            "reach",
            "    if not knows(wide.told, narrow.told):\n",
            "    if False:\n",
            AGREEING,
        ),
        (
            "what was agreed on is told again and again",
            "visit",
            "and includes(self.had, self.vector) and not self.is_said:",
            "and includes(self.had, self.vector):",
            AGREEING,
        ),
        (
            "who has not written anything tells that it agreed",
            "visit",
            "        if own not in mine.members(self.had):\n",
            "        if False:\n",
            RANDOM,
        ),
        (
            "a store where nothing is said is left at rest",
            "rest",
            '    if tells and not rest["said"]:\n',
            "    if False:\n",
            AGREEING,
        ),
        (
            "a store's vector is the maximum over its segments",
            "reach",
            "            if not includes(reached, one.needs):\n",
            "            if start and not includes(reached, one.needs):\n",
            RANDOM,
        ),
        (
            "a segment covers what needs less",
            "reach",
            "not (includes(narrow.needs, wide.needs) and includes(wide.upto, narrow.upto))",
            "not includes(wide.upto, narrow.upto)",
            REACH,
        ),
        (
            "what everybody here has is deleted",
            "upkeep",
            "        wide = covered(list(visit.found.values()))\n        since, times",
            "        wide = dict.fromkeys(visit.found, max(visit.found.values(), default=None))\n        since, times",
            RANDOM,
        ),
        (
            "of two segments that do the same each covers the other",
            "reach",
            "    return not same or (",
            "    return True or same or (",
            RANDOM,
        ),
        (
            "what was whole is never looked at again",
            "visit",
            "if stem not in seen or seen[stem].marks != mark]",
            "if stem not in seen]",
            RANDOM,
        ),
        (
            "what was reachable is taken for reachable though segments went",
            "visit",
            'if facts.get("basis") == fingerprints.of_names(stems) and all(stem in self.found for stem in stems):',
            'if facts.get("basis") == fingerprints.of_names(stems):',
            RANDOM,
        ),
        (
            "a vector is believed whatever segments it was computed of",
            "visit",
            'if facts.get("basis") == fingerprints.of_names(stems) and all(stem in self.found for stem in stems):',
            "if True:",
            RANDOM,
        ),
        (
            "what others put during a visit is taken for seen",
            "visit",
            "fingerprints.of_names((set(names) | self.came) - self.gone)",
            "fingerprints.of_names(self.store.names())",
            VISIT,
        ),
        (
            "what others wrote is never put",
            "visit",
            "elif behind >= self.options.patience:",
            "elif behind >= 1_000_000:",
            RANDOM,
        ),
        (
            "everything is put at each visit",
            "visit",
            "        elif includes(self.vector, self.had):\n            behind = 0\n        elif",
            "        elif",
            RANDOM,
        ),
        (
            "a restored replica is not told what the store has of it",
            "visit",
            "    visit.replica.fold(visit.vector)\n",
            "    visit.replica.fold()\n",
            VISIT,
        ),
        (
            "segments are taken in any order",
            "reach",
            "            if not includes(reached, one.needs):\n                waiting.append(one)\n            else:\n",
            "            if True:\n",
            RANDOM,
        ),
        (
            "a segment that went is still counted",
            "visit",
            "            del seen[stem]\n",
            "            pass\n",
            RANDOM,
        ),
        (
            "who is refused has put his rows there already",
            "visit",
            "            meeting.check(visit)\n",
            "            pass\n",
            VISIT,
        ),
        (
            "an own segment that is damaged is deleted before its content is there again",
            "upkeep",
            "    if not includes(visit.vector, visit.had):\n        return\n",
            "",
            VISIT,
        ),
        (
            "compaction begins where the newest segment does",
            "upkeep",
            "return meet([one.needs for one in short]) if",
            "return short[-1].needs if",
            VISIT,
        ),
    )
)
