"""Chaining: the verbs about chains of links (decision 0049), and taking in what others signed of their own changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from crdtsql.base import (
    ChangesetError,
    DeleteLimit,
    FilledSeparatelyError,
    MissingChangesError,
    NotAllowedError,
    TooManyDeletesError,
    UntrustedError,
    UsageError,
    suggest,
)
from crdtsql.replica.exchanging.sending import Sending
from crdtsql.replica.transactions import reading
from crdtsql.replica.turns import verb
from crdtsql.replica.waiting import Proven

if TYPE_CHECKING:
    from crdtsql.merge import MergeReport
    from crdtsql.trust import Fork
    from crdtsql.wire import ChainLink, Changeset, Spilled


class Chaining(Sending):
    """Keep chains, require them, and take bundles of their links."""

    @verb
    def chains(self) -> bool:
        """Tell whether this file signs what it writes as a chain of links, and keeps those of others, to pass them on."""
        from crdtsql.trust import chains

        with self._explained(), reading(self.connection):
            self.registry.require()
            return chains.are_kept(self.registry)

    @verb
    def set_chains(self, kept: bool) -> None:
        """Say whether this file signs what it writes from now on as a chain of links, and keeps those of others, to pass them on.

        Raises:
            UsageError: it does not sign; or proofs are required here.
        """
        from crdtsql.trust import chains

        with self._changing(strict=False):
            if kept:
                self._check_signs()
            if not kept and chains.are_required(self.registry):
                off = suggest.command("trust", self.path, options=["--no-require-proofs"])
                raise UsageError(f"{self.path} requires proofs, which its own changes need too: run {off} first")
            chains.begin(self.registry) if kept else chains.end(self.registry)

    @verb
    def requires_proofs(self) -> bool:
        """Tell whether this file takes changes from their authors alone, or as these signed them."""
        from crdtsql.trust import chains

        with self._explained(), reading(self.connection):
            self.registry.require()
            return chains.are_required(self.registry)

    @verb
    def set_requires_proofs(self, required: bool) -> None:
        """Say whether this file takes changes from their authors alone, or as these signed them, whoever passes them on.

        With it signatures are required, and chains are kept.

        Raises:
            UsageError: it does not sign.
        """
        from crdtsql.trust import chains, signers

        with self._changing(strict=False):
            if required:
                self._check_signs()
                self.registry.set(signers.SIGNED_ONLY, 1)
                chains.begin(self.registry)
            self.registry.set(chains.PROVEN_ONLY, int(required))
            signers.guard(self.registry)

    def _check_signs(self) -> None:
        from crdtsql.trust import signers

        if not self.registry.number(signers.SIGNS):
            raise UsageError(
                f"{self.path} does not sign what it exports: run {suggest.command('sign', self.path)} first"
            )

    def _merge_bundle(
        self, data: bytes | Spilled, limit: DeleteLimit | None, merge: Callable[..., MergeReport]
    ) -> MergeReport:
        """Merge the changesets of a bundle, each in a transaction of its own; what can't be merged leaves out what builds on it.

        Args:
            limit: how many rows may disappear by all together.
            merge: merges one of them, given how many rows may disappear by it, and its link.

        Raises:
            ChangesetError: one could not be merged; the others were. If third sites alone are why, the error says that it waits.
        """
        from crdtsql.merge import MergeReport
        from crdtsql.replica.trying.flooding import limit_of_each
        from crdtsql.trust import chains
        from crdtsql.wire import read_bundle, unpack

        bundle = read_bundle(data)
        with self._explained():
            self.registry.require()
        latest: dict[bytes, Changeset] = {}
        told: dict[ChainLink, bytes] = {}
        gone, sender = 0, ""
        for link, one in bundle.changesets:  # one at a time: together they may be more than memory has room for
            received = unpack(one)
            if link is not None:
                chains.check_content(link, received)
                told[link] = received.header.keys[-1].key if received.header.keys else b""
            gone, sender = gone + sum(table.gone for table in received.header.tables), received.header.sender.hex()
            if len(received.header.keys) > 1:
                latest[received.header.sender] = replace(received, body=memoryview(b""))
        self._hear_keys(latest.values())
        self._hear_heads({**chains.some_of_each(bundle.heads), **told})
        limit = limit_of_each(self, limit, gone, lambda _: (one for _, one in bundle.changesets))
        report, refused = MergeReport(sender, known=True), list[ChangesetError]()
        for link, one in bundle.changesets:
            try:
                report.add(merge(one, max_deletes=limit, link=link))
            except (FilledSeparatelyError, TooManyDeletesError):
                raise
            except ChangesetError as error:
                refused.append(error)
        if chains.are_kept(self.registry) and not report.known:
            self._tidy_links()
        if refused:
            raise _most_telling(refused, sender)
        return report

    def _hear_keys(self, latest: Iterable[Changeset]) -> None:
        """Learn with which keys sites signed before the one that is known, as what they signed with that says.

        Who was told the newest key of a site alone gets what it signed with earlier ones before what it signed with that.
        """
        from crdtsql.trust import signers

        with self._explained():
            known = signers.read(self.registry)
        for received in latest:
            with suppress(ChangesetError):  # each is looked at again when its turn comes
                signer = self._believed(received) if received.header.sender in known else None
                if signer is not None:
                    with self._writing():
                        self._note_signer(signer)

    def _hear_heads(self, links: Mapping[ChainLink, bytes]) -> None:
        """Look whether what is told of chains, and what is known of them, exclude each other; if so, that site is believed no more.

        Args:
            links: each with the key that its changeset names, b"" where it came without one.

        Raises:
            UntrustedError: it is this file's own site.
        """
        from crdtsql.trust import chains, signers

        with self._folded(self._proven_of_own(links), strict=False):
            found, known = chains.find_forks(self.registry, links), signers.read(self.registry)
            own = found.pop(self.registry.site_id(self.registry.self_ordinal), None)
        for site, fork in found.items():
            if not (known[site].forked and known[site].until is not None):
                self._quarantine(fork)
        if own is not None:
            name = own.first.site.hex()
            raise UntrustedError(
                f"two files sign as site {name}, and one of them is {self.path}: a copy of it was restored, or its key stolen. Make "
                f"a clone of the one that you keep ({suggest.command('clone', self.path, 'NEW')}), which is a site of its own, and "
                "have others trust that",
                name,
            )

    def _proven_of_own(self, links: Iterable[ChainLink]) -> Proven:
        """Return up to which event this file's own site has signed links, which may prove that the file was rolled back.

        That is to be known before what waits in its log is stamped.
        """
        from crdtsql.trust import chains

        own = self.registry.site_id(self.registry.self_ordinal)
        known = self.registry.vector().get(own, 0)
        later = [one for one in links if one.site == own and one.upto > known and chains.is_signed(self.registry, one)]
        return Proven({own: max(one.upto for one in later)} if later else {})

    def _quarantine(self, fork: Fork) -> None:
        """Believe a site no more of which two links exclude each other."""
        from crdtsql.trust import chains

        site, number = fork.first.site.hex(), fork.first.number
        with self._writing():
            chains.quarantine(self.registry, fork)
        again = suggest.command("trust", self.path, site)
        self._notice(
            f"{self.path}: site {site} has signed two things as link {number} of its chain, so replicas that took the one and "
            f"replicas that took the other differ: nothing more is taken that it wrote; {again} believes it again"
        )

    def _checked_link(self, link: ChainLink | None, received: Changeset) -> ChainLink | None:
        """Check that a link is signed by the one who signed the changeset; return it, None if it can't be checked here.

        As a changeset's signature, which nobody checks without the package for that where no key is known.

        Raises:
            UntrustedError: it is not.
        """
        from crdtsql.trust import can_check, chains

        if link is None or not can_check():
            return None
        key = received.header.keys[-1].key if received.header.keys else b""
        if not key or not chains.is_signed_with(key, link):
            raise UntrustedError(
                f"link {link.number} of the chain of site {link.site.hex()} is not signed with its key: it was forged, or changed on "
                "its way; nothing of it was taken; send it again",
                link.site.hex(),
                key.hex(),
            )
        return link

    def _check_held(self, link: ChainLink | None, received: Changeset) -> None:
        """Check what a link holds that is to be kept though all its changes are here: whoever lacks these takes it from here.

        Raises:
            InvalidChangesetError: nobody would take it.
        """
        from crdtsql.wire import laid_open

        if link is not None:
            with laid_open(self.connection, received):
                pass

    def _keep_link(self, link: ChainLink | None, data: bytes | Spilled) -> None:
        """Keep a link that was merged, to be passed on; inside of that transaction."""
        if link is None:
            return
        from crdtsql.trust import chains

        chains.keep(self.registry, link, data if chains.are_kept(self.registry) else None, self._now())


def _most_telling(refused: Sequence[ChangesetError], sender: str) -> ChangesetError:
    """Return the error that says why something of a bundle was left out.

    Whoever passes on what third sites signed, that are not believed here, did nothing wrong: so the others go on to exchange what they
    have.
    """
    for error in refused:
        waits = error.waits if isinstance(error, NotAllowedError) else False
        third = isinstance(error, UntrustedError) and error.site != sender
        if not (waits or third or isinstance(error, MissingChangesError)):
            return error
    first = refused[0]
    if not isinstance(first, NotAllowedError | UntrustedError):
        return first
    more = f"; {len(refused) - 1:,} more were left out" if len(refused) > 1 else ""
    return NotAllowedError(f"{first}{more}; what else came with it was taken", first.site, waits=True)
