"""The seeded bugs of signatures and permissions: whom a file believes, and what passes that may not."""

from __future__ import annotations

from tests.machines.mutants.kind import Mutant

TRUSTING = (
    *(
        Mutant(name, f"trust/{file}", find, put, tests="tests/trust/test_signing.py")
        for name, file, find, put in (
            ("any signature is right", "checking.py", "    if not sound:", "    if False:"),
            (
                "a key need not be signed by the one before",
                "checking.py",
                "for before, step in pairwise(steps):\n        said",
                "for before, step in ():\n        said",
            ),
            (
                "a signature can be taken off",
                "checking.py",
                "if before is not None and before.steps:\n            raise",
                "if False:\n            raise",
            ),
            (
                "a key that was only seen counts where signatures are required",
                "checking.py",
                "if required and not after.trusted:",
                "if False:",
            ),
            (
                "a file that requires signatures takes what has none",
                "checking.py",
                "        if required:\n",
                "        if False:\n",
            ),
            ("any key of a site that signs is taken", "checking.py", "after = after or replace(", "after = replace("),
            (
                "a key that was replaced counts for ever",
                "checking.py",
                "if later is not None and header",
                "if later is not None or header",
            ),
            (
                "what a revoked site wrote later is taken from others",
                "checking.py",
                "one.site or upto > one.until:",
                "one.site:",
            ),
            ("a revoked site may send on", "checking.py", "received.header.sender == one.site or upto", "upto"),
            (
                "a clone has the key of what it was copied from",
                "signers.py",
                "_keep_secret(_own_site(registry), secret)",
                "_keep_secret(bytes(16), secret)",
            ),
        )
    ),
    *(
        Mutant(name, f"trust/{file}", find, put, tests="tests/trust/test_permissions.py")
        for name, file, find, put in (
            (
                "a limited site may bring what others wrote",
                "permissions.py",
                "if site.upto > ours.get(site.id, 0)), None)",
                "if False), None)",
            ),
            (
                "a limited site may write cells as another",
                "permissions.py",
                'if query.first(connection, statement, {"site": own}):',
                "if False:",
            ),
            (
                "of many columns the first ones are looked at",
                "permissions.py",
                "for first in range(0, len(places), MASKS):",
                "for first in [0]:",
            ),
            (
                "a limited site may say in a history what others wrote",
                "permissions.py",
                "if _is_history(table) else None",
                "if False else None",
            ),
            (
                "the columns of a history are not looked at",
                "../sql/trust/permissions/find_entries.sql",
                "incoming.k2 IS NOT :id",
                "incoming.k2 IS NULL",
            ),
            ("deletes are not looked at", "permissions.py", "if allowed and permission.deletes:", "if allowed:"),
            (
                "a purge of a row that was written since is no delete",
                "permissions.py",
                "if purge.site == site.ordinal and purge.hlc > seen:",
                "if False:",
            ),
            (
                "a permission counts for what a site sends alone",
                "permissions.py",
                "if permission is not None:\n            seen",
                "if permission is not None and site.id == header.sender:\n            seen",
            ),
            (
                "a limited site that is not listed speaks for others",
                "permissions.py",
                "    if permission is None:\n        return\n    _check_own",
                "    if permission is None or header.sender not in [site.id for site in header.sites]:\n        return\n    _check_own",
            ),
            (
                "a permission that can't be read lets all through",
                "permissions.py",
                "permission = Permission(site, (), deletes=False)",
                "permission = Permission(site)",
            ),
            (
                "a limited site agrees for others to forget",
                "../base/rules/rounds_rule.py",
                "replace(told, acks=frozenset({site}), floor",
                "replace(told, floor",
            ),
            (
                "a limited site names others",
                "permissions.py",
                "names={site: name for site, name in header.names.items() if site == sender}",
                "names=header.names",
            ),
            ("one sender may fill what is set aside", "aside.py", "of_sender_left >= MAXIMUM_OF_SENDER or", ""),
            (
                "what is set aside grows without end",
                "aside.py",
                "sum(one.size_bytes for one in left) + len(data) > MAXIMUM_BYTES",
                "False",
            ),
            (
                "a later changeset takes the place of one that others can take",
                "aside.py",
                "return begins and",
                "return",
            ),
            (
                "a number of what was set aside is given again",
                "aside.py",
                "max(registry.number(LAST), ",
                "max(",
            ),
        )
    ),
    Mutant(
        "a sync fails where a limited site knows what others wrote",
        "transports/exchange.py",
        "if not (error.waits and request.hears_waits):",
        "if True:",
        tests="tests/trust/test_permissions.py",
    ),
    Mutant(
        "what a limited site puts into a store of others' changes stands for these",
        "transports/stores/visit.py",
        "stem: one for stem, one in read.items() if self._is_taken(one)",
        "stem: one for stem, one in read.items()",
        tests="tests/trust/test_permissions.py",
    ),
    Mutant(
        "anybody's word makes a file that requires signatures go on as a new site",
        "replica/waiting.py",
        "if self._registry.number(signers.SIGNED_ONLY) and not isinstance(peer_vector, Proven):",
        "if False:",
        tests="tests/trust/test_signing.py",
    ),
    Mutant(
        "a limited site can say that this file was rolled back",
        "replica/guarding/permitting.py",
        "if permissions.is_limited(self.registry, header.sender):\n                return {}",
        "if False:\n                return {}",
        tests="tests/trust/test_permissions.py",
    ),
    Mutant(
        "a limit that was said counts on the connections alone that did not say it",
        "base/memory.py",
        "    _of(connection).content.pop(key, None)\n",
        "    pass\n",
        tests="tests/trust/test_permissions.py",
    ),
    Mutant(
        "a limited site fills the file with sites that it made up",
        "trust/permissions.py",
        "if site.upto or site.id == sender or site.id in known_sites),",
        "if site.id),",
        tests="tests/trust/test_permissions.py",
    ),
    Mutant(
        "what a limited site says of others counts once they have brought that",
        "trust/permissions.py",
        "        _leave_out_others(registry.connection, header, own, database)\n",
        "        pass\n",
        tests="tests/trust/test_permissions.py",
    ),
    Mutant(
        "what a limited site put beside others' changes never comes",
        "trust/permissions.py",
        "if site.upto > ours.get(site.id, 0)), None)",
        "if ours is not None), None)",
        tests="tests/trust/test_permissions.py",
    ),
    Mutant(
        "what is tried once others' files were taken is held to no limit of deletes",
        "transports/stores/visit.py",
        "limits.get(segment.stem, self.options.max_deletes)",
        "limits.get(segment.stem)",
        tests="tests/trust/test_permissions.py",
    ),
    Mutant(
        "what is refused is not set aside",
        "replica/replica.py",
        "raise self._set_aside(error, data, link) from error",
        "raise",
        tests="tests/trust/test_permissions.py",
    ),
)
