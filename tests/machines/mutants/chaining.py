"""The seeded bugs of chains, and of passing on what others signed."""

from __future__ import annotations

from tests.machines.mutants.kind import Mutant

CHAINS = "tests/trust/test_chains.py"
CHAINING = tuple(
    Mutant(name, file, find, put, tests=tests)
    for name, file, find, put, tests in (
        (
            "a link is passed on to who lacks what it builds on",
            "trust/chains.py",
            "        if all(reached.get(other, 0) >= needed for other, needed in unpack(data).header.needs.items()):",
            "        if data:",
            CHAINS,
        ),
        (
            "proofs are required, and a site is believed about others",
            "trust/permissions.py",
            "    return lambda site: said.get(site) or (Permission(site.hex()) if site != own else None)",
            "    return lambda site: said.get(site) if own else None",
            CHAINS,
        ),
        (
            "anybody can say that a site signed two things",
            "replica/guarding/chaining.py",
            " and self._is_proof(fork):",
            ":",
            CHAINS,
        ),
        (
            "who hears of two links that exclude each other keeps it to itself",
            "trust/chains.py",
            "        found += fork\n",
            "        found += fork[:0]\n",
            CHAINS,
        ),
        (
            "a chain begins anew once its table is gone",
            "trust/chains.py",
            "        _write_own(registry, _own(registry)[0], link)\n",
            "        _write_own(registry, link.upto, None)\n",
            CHAINS,
        ),
        (
            "what was purged is passed on in links",
            "purge/erasing.py",
            "    chains.forget_changesets(registry)\n",
            "",
            CHAINS,
        ),
        (
            "what a file wrote is signed after others' changes came in",
            "replica/replica.py",
            "            if facts.is_guarded(self.connection):\n                self._seal()\n",
            "",
            CHAINS,
        ),
        (
            "links are taken, and not kept",
            "replica/guarding/chaining.py",
            "data if chains.are_kept(self.registry) else None",
            "None",
            CHAINS,
        ),
        (
            "links go while somebody lacks them",
            "trust/chains.py",
            "        if all(vector.get(site, 0) >= upto for vector in vectors)\n",
            "        if vectors is not None\n",
            CHAINS,
        ),
        (
            "links stay for ever",
            "replica/exchanging/sending.py",
            "                chains.tidy(self.registry, self._members(), self._now())\n",
            "",
            CHAINS,
        ),
        (
            "a file that keeps chains is written in a format that knows none",
            "evolve/downgrading.py",
            "    _check_chains(registry)\n",
            "",
            CHAINS,
        ),
        (
            "proofs can be required where nothing is signed",
            "replica/guarding/chaining.py",
            "            if required and not self.registry.number(signers.SIGNS):",
            "            if required and not self.path:",
            CHAINS,
        ),
        (
            "chains are ended though proofs are required",
            "replica/guarding/chaining.py",
            "            if not kept and chains.are_required(self.registry):",
            "            if not kept and not self.path:",
            CHAINS,
        ),
    )
)
