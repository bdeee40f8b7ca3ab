"""Sending: the verbs that make changesets of what a receiver lacks; and links of a chain of what this file wrote (decision 0049)."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from crdtsql.base import Vector
from crdtsql.replica.guarding.permitting import Permitting
from crdtsql.replica.turns import verb
from crdtsql.store import facts, retired, sites

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crdtsql.wire import Spilled


class Sending(Permitting):
    """Export, and sign what was written as a link of the chain, before anybody can have it."""

    def export(self, since: Vector | None = None, *, skip_empty: bool = False) -> bytes:
        """Return a changeset with all that a replica with the vector `since` lacks; everything if None.

        The changeset shows one committed state. What it holds is on disk before this returns. A file that keeps chains returns a
        bundle of several, where it has any that their authors signed.

        Args:
            skip_empty: return no bytes at all, instead of an empty changeset, if there is nothing to send.
        """
        from crdtsql.wire import bytes_of

        return bytes_of(self.export_spilled(since, skip_empty=skip_empty))

    @verb
    def export_spilled(
        self, since: Vector | None = None, *, skip_empty: bool = False, bundled: bool = True
    ) -> bytes | Spilled:
        """Return what `export` does, but a changeset of more than 4 MiB stands in a temporary file, and not in memory.

        Args:
            bundled: a file that keeps chains may return a bundle; else it returns one changeset that it signs itself.
        """
        with self._explained():
            self.registry.require()
        receiver = sites.read_vector(self.connection, since or {})
        if not (facts.is_guarded(self.connection) and self._seal()) or not bundled or since is None:
            return self._changeset(receiver, skip_empty=skip_empty)
        return self._bundle(receiver, skip_empty=skip_empty)

    @verb
    def own_links(self, *, after: int = 0) -> list[bytes]:
        """Return the changesets that this file's site has signed as links of its chain, and that are kept, in order.

        Args:
            after: an event: only links that have later ones.
        """
        from crdtsql.trust import chains

        with self._explained():
            self.registry.require()
        self._seal()
        with self._explained():
            return chains.changesets_of(self.registry, self.registry.site_id(self.registry.self_ordinal), after)

    def _changeset(self, receiver: Mapping[bytes, int], *, skip_empty: bool = False) -> bytes | Spilled:
        """Make a changeset of all that a receiver lacks."""
        from crdtsql.compaction import fence
        from crdtsql.export import collect

        alone = not self.connection.in_transaction
        with self._explained(), ExitStack() as attachments:
            with self._folded(receiver, durable=True):
                fence.check_receiver(self.registry, receiver)
                sign = self._signing()
                collected = collect(self.registry, receiver, self._now, attachments, self.on_progress, alone=alone)
            if skip_empty and not collected.header.has_news_for(receiver):
                return b""
            self.on_progress("compress", 1, 1)
            return collected.pack(self.connection, sign)

    def _bundle(self, receiver: Mapping[bytes, int], *, skip_empty: bool) -> bytes | Spilled:
        """Make a bundle of what a receiver lacks: links, as their authors signed them, and a changeset with the rest."""
        from crdtsql.trust import chains
        from crdtsql.wire import Bundle, Capacity, pack_bundle

        room = Capacity()
        with self._explained():
            links = list(chains.lacking(self.registry, receiver, room))
            heads = chains.heads(self.registry)
        if not links:
            return self._changeset(receiver, skip_empty=skip_empty)
        reached = {**receiver, **{link.site: link.upto for link, _ in links}}
        rest = self._changeset(reached)
        return pack_bundle(Bundle((*links, (None, rest)) if room.takes(rest) else tuple(links), heads))

    def _seal(self) -> bool:
        """Sign what this file wrote since the last link as the next one of its chain; tell whether it keeps chains.

        Before anything of it leaves, and before anything of others comes in: so that whoever has seen a part of a link has seen all of
        it, and no two links wait for each other.
        """
        from crdtsql.trust import chains

        with self._explained():
            if not chains.are_kept(self.registry):
                return False
            if self.connection.in_transaction or self.connection.readonly("main"):
                return True
            while self._has_more_to_seal():
                pass
        return True

    def _has_more_to_seal(self) -> bool:
        """Sign one more link, if there is anything to sign; tell whether somebody else was faster, so that it must be looked again."""
        from crdtsql.trust import chains, signers
        from crdtsql.wire import unpack

        with self._folded():
            own, since = self.registry.site_id(self.registry.self_ordinal), chains.sealed_upto(self.registry)
            vector = retired.told_vector(self.registry)
        if vector.get(own, 0) <= since:
            return False
        data = self._changeset({site: upto for site, upto in {**vector, own: since}.items() if upto})
        received = unpack(data)
        if received.header.sender != own or any(
            one.id != own and one.upto > one.needs for one in received.header.sites
        ):
            return True
        with self._writing():
            if chains.sealed_upto(self.registry) != since or signers.told(self.registry) != received.header.keys:
                return True
            link, sign = chains.following(self.registry, received), signers.signing(self.registry, links=True)
            if sign is not None:
                link = replace(link, signature=sign(link.statement))
                chains.keep(self.registry, link, data, self._now())
                chains.go_on(self.registry, link)
                chains.tidy(self.registry, self._members(), self._now())
        return False

    def _tidy_links(self) -> None:
        """Forget links that nobody needs any more, also where nothing is written that would be signed, as on a hub."""
        from crdtsql.trust import chains

        with self._explained(), self._writing(durable=False):
            chains.tidy(self.registry, self._members(), self._now())

    def _members(self) -> set[bytes]:
        """Return the sites that take part here, but for this one and those that ended."""
        from crdtsql.compaction import retiring

        wrote = {site for _, site, upto in self.registry.sites() if upto}
        own = self.registry.site_id(self.registry.self_ordinal)
        return (wrote | self.registry.peers().keys()) - retiring.ends(self.registry).keys() - {own}
