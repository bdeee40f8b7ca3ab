"""The seeded bugs of what only looks: the log of what came, figures for monitoring."""

from __future__ import annotations

from tests.machines.mutants.kind import Mutant

LOG = "tests/look/test_log.py"
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
        'Sql(f" OR clock.{s} <> :self")',
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
)
