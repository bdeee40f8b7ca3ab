"""Trusting: the verbs about keys: with which one this file signs, and which ones of others it believes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crdtsql.base import UsageError, suggest
from crdtsql.replica.session import Session
from crdtsql.replica.transactions import reading
from crdtsql.replica.turns import verb
from crdtsql.store import facts, retired

if TYPE_CHECKING:
    from crdtsql.trust import Signer
    from crdtsql.wire import Changeset, Sign

_SITE, _KEY = re.compile("[0-9a-f]{32}", re.ASCII), re.compile("[0-9a-f]{64}", re.ASCII)


class Trusting(Session):
    """The verbs about keys.

    Attributes:
        require_signed: `merge` takes changesets from trusted sites alone, as long as this replica is open, whatever the file says.
    """

    require_signed = False

    @verb
    def sign(self, *, rotate: bool = False, anew: bool = False) -> Signer:
        """Sign what this file exports from now on; return the site with its public key, which others trust.

        Needs `pip install 'crdtsql[signed]'`. Without `rotate` and `anew` a key that is there stays.

        Args:
            rotate: take another key, which the one so far signs, so that those who know that one follow.
            anew: take another key that nothing leads to, because the one so far is lost or stolen: others must trust it anew.

        Raises:
            CrdtsqlError: the key so far is not on this machine.
        """
        from crdtsql.trust import signers

        with self._changing(strict=False):
            if rotate and not anew:
                return signers.rotate(self.registry)
            found = None if anew else signers.own(self.registry)
            if found is not None:
                signers.signing(self.registry)
            return found or signers.begin(self.registry)

    @verb
    def trusted(self) -> list[Signer]:
        """List the sites whose keys are known, or that are revoked, this one's too."""
        from crdtsql.trust import signers

        with self._explained(), reading(self.connection):
            self.registry.require()
            return sorted(signers.read(self.registry).values(), key=lambda one: one.site)

    @verb
    def trust(self, site: str, key: str | None = None) -> Signer:
        """Believe a site, also where signatures are required.

        Args:
            site: its id.
            key: its public key, as `sign` returns it there; None for the one that it was seen to sign with.

        Raises:
            UsageError: that is no id or key, no key of it is known, or it is this file, which signs with another one.
        """
        from dataclasses import replace

        from crdtsql.trust import Signer, signers
        from crdtsql.wire import KeyStep

        name = self._site_id(site)
        if key is not None and not _KEY.fullmatch(key):
            raise UsageError(f"{key!r:.100} is no public key: {suggest.verb('sign')} prints it where the site is")
        with self._changing(strict=False):
            before = signers.read(self.registry).get(name, Signer(name))
            steps = before.steps
            if key is not None and bytes.fromhex(key) not in [step.key for step in steps[-1:]]:
                if name == self.registry.site_id(self.registry.self_ordinal):
                    chosen = f"{suggest.command('sign', self.path)} says with which one it signs"
                    raise UsageError(f"site {site} is {self.path} itself, which does not sign with that key: {chosen}")
                steps = (KeyStep(bytes.fromhex(key)),)
            if not steps:
                advice = f"{suggest.verb('sign')} prints it there, and --key takes it"
                raise UsageError(f"no key of site {site} is known to {self.path}: {advice}")
            forked = before.forked and before.until is not None
            pardoned = self.registry.vector().get(name, 0) if forked else before.pardoned
            after = replace(before, steps=steps, trusted=True, until=None, pardoned=pardoned)
            signers.write(self.registry, after)
            return after

    @verb
    def revoke(self, site: str) -> Signer:
        """Believe a site no more: what it wrote and is here stays, and nothing that it sends, or wrote since, is taken.

        Raises:
            UsageError: that is no id, or this file's.
        """
        from dataclasses import replace

        from crdtsql.trust import Signer, signers

        name = self._site_id(site)
        with self._changing(strict=False):
            if name == self.registry.site_id(self.registry.self_ordinal):
                raise UsageError(f"site {site} is {self.path} itself, which can't be revoked in its own file")
            before = signers.read(self.registry).get(name, Signer(name))
            until = retired.vector_with(self.registry, [name]).get(name, 0)
            after = replace(before, trusted=False, until=until)
            signers.write(self.registry, after)
            return after

    @verb
    def requires_signed(self) -> bool:
        """Tell whether this file takes changesets from trusted sites alone."""
        from crdtsql.trust import signers

        with self._explained(), reading(self.connection):
            self.registry.require()
            return bool(self.registry.number(signers.SIGNED_ONLY))

    @verb
    def set_requires_signed(self, required: bool) -> None:
        """Say whether this file takes changesets from trusted sites alone, from now on.

        Raises:
            UsageError: proofs are required, which are none without signatures.
        """
        from crdtsql.trust import chains, signers

        with self._changing(strict=False):
            if not required and chains.are_required(self.registry):
                off = suggest.command("trust", self.path, options=["--no-require-proofs"])
                raise UsageError(f"{self.path} requires proofs, which need signatures: run {off} first")
            self.registry.set(signers.SIGNED_ONLY, int(required))
            signers.guard(self.registry)

    def _site_id(self, site: str) -> bytes:
        """Read a site's id. Not a name, nor the first digits of an id: a stranger can have the same."""
        if not _SITE.fullmatch(site):
            raise UsageError(
                f"{site!r:.100} is no id of a site, 32 hex digits: {suggest.command('members', self.path)} lists those that are "
                "known, and names are not taken here, because anybody can choose them"
            )
        return bytes.fromhex(site)

    def _signing(self) -> Sign | None:
        """Return what signs an export; None if this file does not sign."""
        if not self.registry.number("signs"):
            return None
        from crdtsql.trust import signers

        return signers.signing(self.registry)

    def _believed(self, received: Changeset) -> Signer | None:
        """Check who sent a changeset; return what is to be kept of that site, None if nothing is new.

        Raises:
            UntrustedError: it is not signed as it must be, or that site is not believed.
        """
        if not (received.signature or self.require_signed or facts.is_guarded(self.connection)):
            return None
        from crdtsql.trust import check

        return check(self.registry, received, required=self.require_signed)

    def _note_signer(self, signer: Signer) -> None:
        from crdtsql.trust import signers

        signers.write(self.registry, signer)
