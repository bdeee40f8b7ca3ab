"""Permitting: the verbs that say who may write what, and what becomes of changesets that were refused because of that."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from crdtsql.base import NotAllowedError, UsageError, suggest
from crdtsql.replica.guarding.trusting import Trusting
from crdtsql.replica.transactions import reading
from crdtsql.replica.turns import verb
from crdtsql.replica.waiting import Proven
from crdtsql.store import facts, lanes, names

if TYPE_CHECKING:
    from crdtsql.trust import Permission, SetAside
    from crdtsql.wire import ChainLink, Changeset, Header, Spilled

log = logging.getLogger("crdtsql")


class Permitting(Trusting):
    """The verbs about permissions, and changesets that were set aside."""

    @verb
    def permissions(self) -> list[Permission]:
        """List what sites may write here that may not write anything."""
        from crdtsql.trust import permissions

        with self._explained(), reading(self.connection):
            self.registry.require()
            return sorted(permissions.read(self.registry).values(), key=lambda one: one.site)

    @verb
    def allow(self, site: str, *, tables: Collection[str] | None = None, deletes: bool = True) -> Permission:
        """Say what a site may write here from now on; it may bring its own changes alone then.

        What is here already stays. It holds against liars only where signatures are required (docs/SECURITY.md).

        Args:
            site: its id.
            tables: names of the tables that it may write; None for all.
            deletes: whether it may delete rows.

        Raises:
            UsageError: that is no id, or this file's.
            NotEnabledError: a table is not replicated.
        """
        from crdtsql.trust import Permission, permissions

        name = self._site_id(site)
        with self._changing(strict=False):
            if name == self.registry.site_id(self.registry.self_ordinal):
                raise UsageError(
                    f"site {site} is {self.path} itself, whose writes are here before anybody could refuse them"
                )
            uids = None if tables is None else tuple(sorted({self.registry.table(one).uid for one in tables}))
            permission = Permission(site, uids, deletes)
            permissions.write(self.registry, permission)
            return permission

    @verb
    def allow_all(self, site: str) -> None:
        """Let a site write anything again, and bring what others wrote.

        Raises:
            UsageError: that is no id.
        """
        from crdtsql.trust import permissions

        name = self._site_id(site)
        with self._changing(strict=False):
            permissions.clear(self.registry, name)

    @verb
    def aside(self) -> list[SetAside]:
        """List the changesets that were refused because of a permission, and set aside."""
        from crdtsql.trust import aside

        with self._explained(), reading(self.connection):
            self.registry.require()
            return aside.listed(self.registry)

    @verb
    def drop_aside(self, *numbers: int) -> None:
        """Forget changesets that were set aside.

        Raises:
            UsageError: there is none of a number.
        """
        from crdtsql.trust import aside

        with self._explained(), self._writing():
            self.registry.require()
            for number in numbers:
                aside.read(self.registry, number)
            aside.drop(self.registry, numbers)

    @verb
    def _read_aside(self, number: int) -> bytes:
        from crdtsql.trust import aside

        with self._explained(), reading(self.connection):
            self.registry.require()
            return aside.read(self.registry, number)

    @verb
    def takes_from(self, site: str, *, others: bool) -> bool:
        """Tell whether changesets that a site sends are taken here at all, as far as it is known without looking at them.

        Args:
            others: they bring what others wrote.
        """
        with self._explained():
            if not (self.require_signed or facts.is_guarded(self.connection)):
                return True
            from crdtsql.trust import permissions, signers

            name = bytes.fromhex(site)
            if name == self.registry.site_id(self.registry.self_ordinal):
                return True
            known = signers.read(self.registry).get(name)
            if known is not None and known.until is not None:
                return False
            required = self.require_signed or self.registry.number(signers.SIGNED_ONLY)
            if required and not (known is not None and known.trusted):
                return False
            return not others or not permissions.is_limited(self.registry, name)

    def _permitted(self, header: Header, database: str) -> Header:
        """Check that a changeset has nothing that its sites may not write here; return its header, as far as its sender may say it.

        Raises:
            NotAllowedError: it has.
        """
        if not facts.is_guarded(self.connection):
            return header
        from crdtsql.trust import permissions

        permissions.check(self.registry, header, database)
        header = self._own_words(header)
        from crdtsql.evolve import letgo

        for kind, name in letgo.give_way(self.registry, header):
            log.info(
                "%s forgot %s %r, which was kept for others: a trusted site has another one", self.path, kind, name
            )
        return header

    def _own_words(self, header: Header) -> Header:
        """Return what a changeset says, but for what a limited sender says of others."""
        if not facts.is_guarded(self.connection):
            return header
        from crdtsql.compaction import floor
        from crdtsql.trust import permissions

        return permissions.own_words(self.registry, header, floor.read(self.registry))

    def _claims(self, header: Header) -> Mapping[bytes, int]:
        """Return the vector of a changeset, which may prove that this file was rolled back; nothing if its sender is limited."""
        if facts.is_guarded(self.connection):
            from crdtsql.trust import permissions

            if permissions.is_limited(self.registry, header.sender):
                return {}
        return Proven(header.vector)

    def _has_words(self, header: Header) -> bool:
        """Tell whether a changeset says anything beside its events that is new here."""
        from crdtsql.compaction import rounds

        told = bool(lanes.news(self.registry, header.lanes) or names.news(self.registry, header.names))
        return told or rounds.has_news(self.registry, header.compaction)

    def _check_whole(self, received: Changeset) -> None:
        """Check that the sender of a changeset is believed, and may bring what others wrote.

        Raises:
            UntrustedError: it is not.
            NotAllowedError: it may not.
        """
        self._believed(received)
        if facts.is_guarded(self.connection):
            from crdtsql.trust import permissions

            permissions.check_unlimited(self.registry, received.header)

    def _set_aside(self, error: NotAllowedError, data: bytes | Spilled, link: ChainLink | None) -> NotAllowedError:
        """Set a changeset aside that was refused, as the link that it was, where that can be; return the error that says so."""
        from crdtsql.trust import aside
        from crdtsql.wire import Bundle, pack_bundle

        if error.waits or not self._file or self.connection.readonly("main"):
            return error
        with self._writing():
            kept = data if link is None else pack_bundle(Bundle(((link, data),)))
            number = aside.keep(self.registry, kept, str(error), self._now())
        listed = suggest.command("aside", self.path)
        told = (
            f"it was not set aside, because there is no room: {listed} lists what was"
            if number is None
            else f"it was set aside as {number}: {listed}"
        )
        return NotAllowedError(f"{error}; {told}", error.site, number)
