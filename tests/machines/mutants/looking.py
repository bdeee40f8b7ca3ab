"""The seeded bugs of what only looks: the log of what came."""

from __future__ import annotations

from tests.machines.mutants.kind import Mutant

LOG = "tests/look/test_log.py"
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
)
