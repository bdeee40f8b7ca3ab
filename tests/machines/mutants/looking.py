"""The seeded bugs of what only looks: the log of what came, figures for monitoring, verify, and how a watcher looks."""

from __future__ import annotations

from tests.machines.mutants.kind import Mutant

LOG = "tests/look/test_log.py"
VERIFY = "tests/verify"
OBSERVING = "tests/transports/test_observing.py"
LOOKING = (
    Mutant(
        "what came long ago is left out of the log, where arrivals share a number",
        "look/log.py",
        "return after if width == 1 else after // width * width - 1",
        "return after",
        tests=LOG,
    ),
    Mutant(
        "the log of a clone lists what it had",
        "replica/session.py",
        'self.registry.set("log_from", self.registry.number("batch"))',
        'self.registry.set("log_from", 0)',
        tests=LOG,
    ),
    Mutant(
        "the log leaves out the rows of large merges",
        "look/log.py",
        "if table.bulk > floor and self._found.wants(table.bulk):",
        "if table.bulk < floor and self._found.wants(table.bulk):",
        tests=LOG,
    ),
    Mutant(
        "the log leaves out a cell that another one than the writer of the row wrote",
        "look/log.py",
        'Sql(f" OR clock.{s} <> :without")',
        'Sql(f" OR 0 * clock.{s}")',
        tests=LOG,
    ),
    Mutant(
        "lag is the age of the newest change",
        "look/measures.py",
        "clock.to_ms(min(times)) if times",
        "clock.to_ms(max(times)) if times",
        tests=OBSERVING,
    ),
    Mutant(
        "lag does not see an older cell of a row that was written again",
        "look/measures.py",
        "for one in table.fields:",
        "for one in ():",
        tests=OBSERVING,
    ),
    Mutant(
        "a process forgets what others counted",
        "transports/observing/counting.py",
        "counts = _read(place)\n        counts.add(pending)",
        "counts = Counts()\n        counts.add(pending)",
        tests=OBSERVING,
    ),
    Mutant(
        "digests don't know the stamps of cells",
        "verify/reading.py",
        "found[width : width + count], cells, seen)",
        "found[width : width + count], (None,) * count, seen)",
        tests=VERIFY,
    ),
    Mutant(
        "digests don't know how the table shows a row",
        "verify/reading.py",
        "            if is_held or gone or not is_shown:\n",
        "            if gone and not is_held:\n",
        tests=VERIFY,
    ),
    Mutant(
        "digests don't know what counters are made of",
        "verify/reading.py",
        "        yield from self._parts(wants)",
        "        self._parts(wants)",
        tests=VERIFY,
    ),
    Mutant(
        "1 and 1.0 are one value to verify",
        "verify/compare.py",
        'if repr(cell[0]) != repr(other["cells"][name][0])}',
        'if cell[0] != other["cells"][name][0]}',
        tests=VERIFY,
    ),
    Mutant(
        "content is compared though one side lacks changes",
        "transports/observing/verifying.py",
        "        if found.vector != known.vector:\n",
        "        if found.vector == known.vector == {}:\n",
        tests=VERIFY,
    ),
    Mutant(
        "what was mended is not written by an event",
        "verify/mend.py",
        "            self._change(values)\n            self._count_as_written()",
        "            self._change(values)",
        tests=VERIFY,
    ),
    Mutant(
        "the earlier write of a cell counts when a row is mended",
        "verify/mend.py",
        "return stamps[0] > stamps[1]",
        "return stamps[0] < stamps[1]",
        tests=VERIFY,
    ),
    Mutant(
        "a delete that one side lost is taken back",
        "verify/mend.py",
        "if not any(stamp != other and causality.has_seen(other, stamp) for other, _ in heads)",
        "if not any(stamp != other and causality.has_seen(stamp, stamp) for other, _ in heads)",
        tests=VERIFY,
    ),
    Mutant(
        "digests of the file as it was are told",
        "verify/digests.py",
        "if memory is None or memory.state != state:",
        "if memory is None:",
        tests=VERIFY,
    ),
    Mutant(
        "a comparison goes by what an earlier one read",
        "verify/digests.py",
        "        _MEMORY.pop(registry.connection, None)",
        "        _MEMORY.get(registry.connection)",
        tests=VERIFY,
    ),
    Mutant(
        "a peer may name rows without end that differ",
        "verify/compare.py",
        "looked_at = all_of_table[:left]",
        "looked_at = all_of_table",
        tests=VERIFY,
    ),
    Mutant(
        "what was written since is compared though the schema is another one",
        "verify/marks.py",
        'return batch if now | {"batch": batch} == told else None',
        "return batch",
        tests=VERIFY,
    ),
    Mutant(
        "rows of large batches are left out of what was written since",
        "verify/marks.py",
        "if table.bulk > batch else later",
        "if table.bulk < 0 else later",
        tests=VERIFY,
    ),
    Mutant(
        "a pair that was found to differ counts as equal until then",
        "transports/observing/verifying.py",
        "looks.forget(replica, report.remote)",
        "pass",
        tests=VERIFY,
    ),
    Mutant(
        "a replica stands where it stood when it was first asked",
        "base/memory.py",
        "if key not in content or content[key][0] != version:",
        "if key not in content:",
        tests="tests/replica/test_standing.py",
    ),
    Mutant(
        "a file in which somebody writes is looked at as seldom as a quiet one",
        "transports/watch/pace.py",
        "return min(LONGEST_S, max(SHORTEST_S, SHARE * quiet_s))",
        "return LONGEST_S",
        tests="tests/transports/test_watching.py",
    ),
)
