"""The seeded bugs of references of which one end follows a row that gets another number."""

from __future__ import annotations

from tests.machines.mutants.kind import Mutant

MOVING = tuple(
    Mutant(name, "shown/left.py", find, put, tests="tests/numbers/test_left.py")
    for name, find, put in (
        (
            "what refers to a key that got another number is not looked at",
            "            connection.execute(statement)\n",
            "            pass\n",
        ),
        ("what followed a row that its end did not follow is not looked at", "    if of_rows:", "    if False:"),
        (
            "rows that are to be looked at are looked for under the keys that they had",
            "        if identifier(name) == column:",
            "        if False:",
        ),
    )
)
