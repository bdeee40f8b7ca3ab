"""Signers: with which keys sites sign, which of them are believed, and the local site's own key (decision 0039).

What is known of a site is a fact of `_crdt_meta`, which never leaves the file. Private keys stand in the state directory, in a file
that only this user may read. A file that knows of no key, signs nothing and limits nobody is not `guarded`, and pays nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from crdtsql.base import CrdtsqlError, UsageError, suggest
from crdtsql.store import Registry, facts, secretfiles, state_directory
from crdtsql.wire import MAXIMUM_KEYS, KeyStep, Sign

KIND = "signer"
SIGNS, SIGNED_ONLY = "signs", "signed_only"
KEPT_SECRETS = 2
"""The private key before the last one stays until the file says which one counts."""


@dataclass(frozen=True, slots=True)
class Signer:
    """A site, and with which keys it signs, as far as it is known here.

    Attributes:
        site: its id.
        steps: its keys, the one that counts last; empty for a site that is only revoked.
        trusted: an operator said that the key is that site's. Else it is the first one that signed as that site.
        until: the site's last event that counts here; None for all.
        forked: of which link of its chain it signed two, the last time that it was believed no more because of that; 0 for none.
        pardoned: up to which event of it links count for no such proof, because an operator believed it again; 0 for none.
    """

    site: bytes
    steps: tuple[KeyStep, ...] = ()
    trusted: bool = False
    until: int | None = None
    forked: int = 0
    pardoned: int = 0

    @property
    def key(self) -> bytes:
        """Return the public key that counts, b"" for none."""
        return self.steps[-1].key if self.steps else b""

    def to_json(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        until = None if self.until is None else str(self.until)
        found = {"site": self.site.hex(), "key": self.key.hex(), "trusted": self.trusted, "until": until}
        return found | {"forked": self.forked}


def is_guarded(registry: Registry) -> bool:
    """Tell whether the file signs, knows of keys, or limits who may write what."""
    return facts.is_guarded(registry.connection)


def guard(registry: Registry) -> None:
    """Note that the file is guarded from now on."""
    if not is_guarded(registry):
        facts.guard(registry.connection)


def read(registry: Registry) -> dict[bytes, Signer]:
    """Return what is known of sites that sign, or are revoked."""
    found = {}
    for site, value in facts.of_kind(registry.connection, KIND) if is_guarded(registry) else ():
        with suppress(ValueError, TypeError, KeyError):  # what somebody else wrote there is as good as nothing
            said = json.loads(str(value))
            steps = tuple(
                KeyStep(bytes.fromhex(key), int(since), bytes.fromhex(proof)) for key, since, proof in said["keys"]
            )
            until = None if said["until"] is None else int(said["until"])
            of_chain = (int(said.get(name, 0)) for name in ("forked", "pardoned"))
            signer = Signer(bytes.fromhex(site), steps, said["trusted"] is True, until, *of_chain)
            found[signer.site] = signer
    return found


def write(registry: Registry, signer: Signer) -> None:
    """Keep what is known of a site."""
    said = {
        "keys": [[one.key.hex(), one.since, one.proof.hex()] for one in signer.steps],
        "trusted": signer.trusted,
        "until": signer.until,
        **({"forked": signer.forked} if signer.forked else {}),
        **({"pardoned": signer.pardoned} if signer.pardoned else {}),
    }
    registry.set(f"{KIND}:{signer.site.hex()}", json.dumps(said))
    guard(registry)


def own(registry: Registry) -> Signer | None:
    """Return what the local site signs with; None if it does not."""
    return read(registry).get(_own_site(registry)) if registry.number(SIGNS) else None


def told(registry: Registry) -> tuple[KeyStep, ...]:
    """Return the keys that a changeset carries: those of the local site."""
    found = own(registry)
    return found.steps if found else ()


def begin(registry: Registry) -> Signer:
    """Make a first key for the local site; what it exports is signed from then on."""
    from crdtsql.trust import ed25519

    secret = ed25519.new_secret()
    _keep_secret(_own_site(registry), secret)
    signer = Signer(_own_site(registry), (KeyStep(ed25519.public_of(secret)),), trusted=True)
    write(registry, signer)
    registry.set(SIGNS, 1)
    return signer


def begin_as_new_site(registry: Registry) -> None:
    """Give the local site, which is new, a key if the file signs; without the package for it, an export says what to do."""
    if registry.number(SIGNS):
        with suppress(CrdtsqlError, OSError):
            begin(registry)


def rotate(registry: Registry) -> Signer:
    """Make another key for the local site, signed by the one that counts.

    Raises:
        UsageError: it was rotated too often.
        CrdtsqlError: the key that counts is not on this machine.
    """
    from crdtsql.trust import ed25519

    before, site = own(registry), _own_site(registry)
    if before is None:
        return begin(registry)
    if len(before.steps) >= MAXIMUM_KEYS:
        raise UsageError(
            f"site {site.hex()} has had {MAXIMUM_KEYS} keys, which is the most: make one that others must trust anew with "
            f"{suggest.command('sign', registry.path, options=['--anew'])}"
        )
    old, secret = _secret(registry, before), ed25519.new_secret()
    since, public = registry.vector().get(site, 0), ed25519.public_of(secret)
    proof = ed25519.sign(old, ed25519.KEY, statement(site, since, public))
    _keep_secret(site, secret)
    after = replace(before, steps=(*before.steps, KeyStep(public, since, proof)))
    write(registry, after)
    return after


def statement(site: bytes, since: int, public: bytes) -> bytes:
    """Return what the key before signs of a key: whose it is, since which event, and the key itself."""
    return site + since.to_bytes(8) + public


def signing(registry: Registry, *, links: bool = False) -> Sign | None:
    """Return what signs changesets of the local site; None where the file does not sign.

    Args:
        links: what is signed are links of its chain.

    Raises:
        CrdtsqlError: its key is not on this machine.
    """
    if not registry.number(SIGNS):
        return None
    from crdtsql.trust import ed25519

    found = own(registry)
    if found is None:
        raise CrdtsqlError(
            f"{registry.path} signs what it exports, but its site {_own_site(registry).hex()} has no key: make one with "
            f"{suggest.command('sign', registry.path)}"
        )
    return partial(ed25519.sign, _secret(registry, found), ed25519.LINK if links else ed25519.CHANGESET)


def _own_site(registry: Registry) -> bytes:
    return registry.site_id(registry.self_ordinal)


def _path() -> Path:
    return state_directory() / "signing.json"


def _secrets(site: bytes) -> Sequence[bytes]:
    with suppress(ValueError, TypeError):
        return [bytes.fromhex(secret) for secret in secretfiles.read(_path(), "key").get(site.hex(), [])]
    return []


def _secret(registry: Registry, signer: Signer) -> bytes:
    """Return the private key that counts."""
    from crdtsql.trust import ed25519

    for secret in _secrets(signer.site):
        if len(secret) == len(signer.key) and ed25519.public_of(secret) == signer.key:
            return secret
    raise CrdtsqlError(
        f"the key with which {registry.path} signs is not in {_path()}: bring it back, or make another one with "
        f"{suggest.command('sign', registry.path, options=['--anew'])}, which others must trust anew; nothing was changed"
    )


def _keep_secret(site: bytes, secret: bytes) -> None:
    """Keep a private key, and the one before it: the file says which of both counts, and is written later."""
    with secretfiles.changing(_path(), "key") as kept:
        before = kept.get(site.hex(), [])
        kept[site.hex()] = [*before[-(KEPT_SECRETS - 1) :], secret.hex()]
