"""The seeded bugs of encrypted stores: which ring counts, and what may lie there in clear."""

from __future__ import annotations

from tests.machines.mutants.kind import Mutant

FOLDER = "transports/secrecy"
ENCRYPTED = tuple(
    Mutant(name, f"{FOLDER}/{file}", find, put, tests="tests/transports/secrecy")
    for name, file, find, put in (
        (
            "a ring has the version that its name says",
            "ring.py",
            "_signed(version, body))\n        inside",
            "_signed(outside['version'], body))\n        inside",
        ),
        ("a ring of any group counts", "ring.py", "if group is not None and signer != group:", "if False:"),
        (
            "what lies there in clear is taken",
            "sealed.py",
            "return found\n        if data",
            "return found or data\n        if data",
        ),
        ("a lost ring is not put back", "sealed.py", "self.within.put(own, self._known.ring)", "pass"),
        ("a removed device gets the new key", "readers.py", "(*ring.keys, rings.new_key()), left)", "ring.keys, left)"),
    )
)
