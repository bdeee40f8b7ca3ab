"""The seeded bugs of chains, and of passing on what others signed."""

from __future__ import annotations

from tests.machines.mutants.kind import Mutant

CHAINS = "tests/trust/test_chains.py"
ATTACKS = "tests/trust/test_chain_attacks.py"
CHAINING = tuple(
    Mutant(name, file, find, put, tests=tests)
    for name, file, find, put, tests in (
        (
            "a link is passed on to who lacks what it builds on",
            "trust/chains.py",
            "if one is None or not rounds_rule.covers(reached, one[2].needs):",
            "if one is None:",
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
            "trust/chains.py",
            "link.upto > signer.pardoned and _is_signed_by(signer, link))",
            "link.upto > signer.pardoned)",
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
            "    _write_own(registry, _own(registry)[0], link)\n",
            "    _write_own(registry, link.upto, None)\n",
            CHAINS,
        ),
        (
            "what was purged is passed on in links",
            "purge/purging.py",
            "    chains.forget_changesets(registry)\n",
            "",
            CHAINS,
        ),
        (
            "what was purged elsewhere is passed on in links",
            "merge/purges.py",
            "            if found:\n                chains.forget_changesets(registry)\n",
            "",
            CHAINS,
        ),
        (
            "links go with each merge once anything was purged",
            "merge/purges.py",
            "            if found:\n                chains.forget_changesets(registry)\n",
            "            chains.forget_changesets(registry)\n",
            CHAINS,
        ),
        (
            "a key that was replaced counts for nothing",
            "replica/guarding/chaining.py",
            "        self._hear_keys(latest.values())\n",
            "",
            CHAINS,
        ),
        (
            "a store gets what others wrote where each speaks for itself alone",
            "transports/stores/visit.py",
            "        if self.replica.requires_proofs():\n            self._publish_own(own)\n        elif",
            "        if",
            CHAINS,
        ),
        (
            "a link that a later key signed than the one that is known is not passed on",
            "trust/chains.py",
            "if leads or _is_signed_by(signer, link) else None",
            "if _is_signed_by(signer, link) else None",
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
            "links that are passed on alone stay for ever",
            "replica/guarding/chaining.py",
            "        if chains.are_kept(self.registry) and not report.known:\n            self._tidy_links()\n",
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
            "        if not self.registry.number(signers.SIGNS):",
            "        if not self.path:",
            CHAINS,
        ),
        (
            "chains are ended though proofs are required",
            "replica/guarding/chaining.py",
            "            if not kept and chains.are_required(self.registry):",
            "            if not kept and not self.path:",
            CHAINS,
        ),
        (
            "a site's chain goes on from whatever link of it is brought back",
            "trust/chains.py",
            '    registry.connection.execute(sql("trust/chains/keep"), values)\n',
            '    registry.connection.execute(sql("trust/chains/keep"), values)\n    go_on(registry, link)\n',
            ATTACKS,
        ),
        (
            "a later link takes the place of those before it",
            "trust/chains.py",
            "    if first.number == second.number or second.since < first.upto:",
            "    if first.number == second.number:",
            ATTACKS,
        ),
        (
            "numbers of links may have gaps",
            "trust/chains.py",
            "    return (follows or touches) and not",
            "    return follows and not",
            ATTACKS,
        ),
        (
            "the same proof counts again after a pardon",
            "trust/chains.py",
            "    counting = (link for link in chain if link.upto > signer.pardoned and",
            "    counting = (link for link in chain if",
            ATTACKS,
        ),
        (
            "what a stolen key signed is passed on",
            "trust/chains.py",
            " if leads or _is_signed_by(signer, link) else None",
            "",
            ATTACKS,
        ),
        (
            "a restored file stamps what waits before it looks at its own links",
            "replica/guarding/chaining.py",
            "self._folded(self._proven_of_own(links), strict=False)",
            "self._folded(strict=False)",
            ATTACKS,
        ),
        (
            "one site that is not believed ends every sync of the others",
            "replica/guarding/chaining.py",
            "        third = isinstance(error, UntrustedError) and error.site != sender",
            "        third = False",
            ATTACKS,
        ),
        (
            "a bundle may unfold to anything",
            "wire/bundles.py",
            "    check_ratio(len(data) - start, sum(unfolded_of(one) for _, one in found))\n",
            "",
            "tests/wire/test_hostile_bundles.py",
        ),
        (
            "more is sent at once than is taken",
            "wire/bundles.py",
            "        if not self._left or not is_bearable(size, unfolded):",
            "        if not size:",
            "tests/wire/test_hostile_bundles.py",
        ),
    )
)
