"""Checking: whether a changeset comes from whom it says, and whether that one is believed. Before anything else of it counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

from crdtsql.base import CrdtsqlError, UntrustedError, clock, suggest
from crdtsql.store import Registry
from crdtsql.trust import signers
from crdtsql.trust.signers import Signer
from crdtsql.wire import Changeset, KeyStep


def check(registry: Registry, received: Changeset, *, required: bool = False) -> Signer | None:
    """Check the signature of a changeset, and whose it is; return what is to be kept of its sender, None if nothing is new.

    Args:
        required: take it from a trusted site alone, as the file may say too.

    Raises:
        UntrustedError: it is not signed as it must be.
        CrdtsqlError: the package for that is not installed.
    """
    guarded = signers.is_guarded(registry)
    if not (guarded or required or received.signature):
        return None
    header, path = received.header, registry.path
    known = signers.read(registry)
    before = known.get(header.sender)
    _check_revoked(registry, received, known.values())
    required = required or bool(registry.number(signers.SIGNED_ONLY))
    if not received.signature:
        if before is not None and before.steps:
            raise UntrustedError(
                f"the changeset is not signed, and site {header.sender.hex()}, which it says sent it, signs what it sends: it was "
                "forged, or written by an earlier version; nothing was changed",
                header.sender.hex(),
            )
        if required:
            raise UntrustedError(
                f"the changeset of site {header.sender.hex()} is not signed, and {path} takes signed ones alone: nothing was "
                f"changed; run {suggest.verb('sign')} there, and then here {suggest.verb('trust')} with the key that it prints",
                header.sender.hex(),
            )
        return None
    if not required and not (before is not None and before.steps) and not can_check():
        return None  # nothing is known that it could break: as good as one that is not signed
    key = _check_signature(header.sender, header.keys, received.digest, received.signature)
    after = _followed(before, received, path) if before is not None and before.steps else None
    after = after or replace(before or Signer(header.sender), steps=header.keys, trusted=False)
    if required and not after.trusted:
        trust = suggest.command("trust", path, header.sender.hex(), options=["--key", key.hex()])
        raise UntrustedError(
            f"site {header.sender.hex()} signs with the key {key.hex()}, which {path} does not trust: nothing was changed; if that is "
            f"what {suggest.verb('sign')} prints there, run {trust}",
            header.sender.hex(),
            key.hex(),
        )
    return None if after == before else after


def can_check() -> bool:
    """Tell whether the package is installed that signatures need."""
    try:
        from crdtsql.trust import ed25519  # noqa: F401 - whether the package for it is there
    except CrdtsqlError:
        return False
    return True


def _check_revoked(registry: Registry, received: Changeset, known: Iterable[Signer]) -> None:
    """Check that a changeset has nothing of a site after it was revoked, and is not by one."""
    for one in known:
        if one.until is None:
            continue
        site, upto = one.site.hex(), received.header.vector.get(one.site, 0)
        if received.header.sender == one.site or upto > one.until:
            what = "is by" if received.header.sender == one.site else "has later changes of"
            when = clock.show_time(one.until) if one.until else "the beginning"
            why = f", because it signed two things as link {one.forked} of its chain" if one.forked else ""
            raise UntrustedError(
                f"the changeset {what} site {site}, which {registry.path} does not believe any more after {when}{why}: nothing was "
                f"changed; {suggest.command('trust', registry.path, site)} believes it again",
                site,
            )


@lru_cache(maxsize=8)
def _check_signature(sender: bytes, steps: tuple[KeyStep, ...], digest: bytes, signature: bytes) -> bytes:
    """Check that a changeset was signed with the last one of its keys, and each of them by the one before; return that key."""
    from crdtsql.trust import ed25519

    sound = ed25519.is_signed(steps[-1].key, ed25519.CHANGESET, digest, signature)
    for before, step in pairwise(steps):
        said = signers.statement(sender, step.since, step.key)
        sound = sound and ed25519.is_signed(before.key, ed25519.KEY, said, step.proof)
    if not sound:
        raise UntrustedError(
            f"the signature of the changeset is not that of site {sender.hex()}: it was forged, or changed on its way; nothing was "
            "changed; send it again",
            sender.hex(),
            steps[-1].key.hex(),
        )
    return steps[-1].key


def _followed(before: Signer, received: Changeset, path: str) -> Signer:
    """Return what is known of a sender that was known before, once the keys of its changeset are followed.

    Raises:
        UntrustedError: none of them leads to, or from, the key that is known.
    """
    header, steps = received.header, received.header.keys
    if before.key in [step.key for step in steps]:
        return replace(before, steps=steps)
    later = _step_after(before.steps, steps[-1].key)
    if later is not None and header.vector.get(header.sender, 0) <= later.since:
        return before  # from when that key counted
    why = "with a key that it has replaced" if later else "with another key than the one that is known"
    trust = suggest.command("trust", path, header.sender.hex(), options=["--key", steps[-1].key.hex()])
    raise UntrustedError(
        f"the changeset of site {header.sender.hex()} is signed {why} ({steps[-1].key.hex()}): it was forged, or the site has a "
        "new key that the one before did not sign; nothing was changed. If "
        f"{suggest.verb('sign')} prints that key there, run {trust}",
        header.sender.hex(),
        steps[-1].key.hex(),
    )


def _step_after(steps: tuple[KeyStep, ...], key: bytes) -> KeyStep | None:
    """Return the step that replaced a key; None if that key is not among those that were replaced."""
    for step, after in pairwise(steps):
        if step.key == key:
            return after
    return None
