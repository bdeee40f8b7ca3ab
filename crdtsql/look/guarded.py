"""Guarded: what there is to know of a file that believes some sites alone, or lets them write some things alone. Only reads."""

from __future__ import annotations

from collections.abc import Iterator

from crdtsql.base import CrdtsqlError, suggest
from crdtsql.look.advice import BROKEN, NOTE, WATCH, Finding
from crdtsql.store import Registry
from crdtsql.trust import aside, permissions, signers


def findings(registry: Registry) -> Iterator[Finding]:
    """Say what was set aside, whether this file can sign, and which permissions hold against mistakes alone."""
    if not registry.exists or not signers.is_guarded(registry):
        return
    path, several = registry.path, aside.listed(registry)
    if several:
        yield Finding(
            WATCH,
            "aside",
            f"{len(several):,} changesets are set aside, because their sites may not write here what they have",
            suggest.plain_command("aside", path),
        )
    try:
        signers.signing(registry)
    except CrdtsqlError as error:
        yield Finding(BROKEN, "signing", str(error))
    if permissions.limits(registry) is not None and not registry.number(signers.SIGNED_ONLY):
        yield Finding(
            NOTE,
            "permissions",
            "some sites may not write all here, but who lies can write under another name: signatures are not required",
            suggest.plain_command("trust", path, options=["--require-signed"]),
        )
    for one in signers.read(registry).values():
        if one.forked and one.until is not None:
            yield Finding(
                WATCH,
                "fork",
                f"site {one.site.hex()} signed two things as link {one.forked} of its chain, so replicas that took the one and those "
                "that took the other differ",
                suggest.plain_command("trust", path),
            )
        if not one.trusted and one.until is None and registry.number(signers.SIGNED_ONLY):
            yield Finding(
                WATCH,
                "trust",
                f"site {one.site.hex()} signs, and is not trusted, so nothing is taken from it",
                suggest.plain_command("trust", path, one.site.hex(), options=["--key", one.key.hex()]),
            )
