"""Waiting: the writes in a file's log, and what the book says of them, for the length of one transaction (decision 0015)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING

import apsw

from crdtsql.base import Now, UntrustedError, clock, query, suggest
from crdtsql.store import Registry, copies, has_pending

if TYPE_CHECKING:
    from crdtsql.fold import Piece
    from crdtsql.store import Book


class Proven(Mapping[bytes, int]):
    """A vector that a changeset has whose sender is believed: the word of nobody else proves that a file was rolled back."""

    def __init__(self, vector: Mapping[bytes, int]) -> None:
        self._vector = vector

    def __getitem__(self, site: bytes) -> int:
        return self._vector[site]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._vector)

    def __len__(self) -> int:
        return len(self._vector)


class Waiting:
    """The writes that wait in the log of a file."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._book: Book | None = None
        self._is_used = False

    def look_up(self) -> None:
        """Open the book on the log, which stays locked until `close`."""
        from crdtsql.store import Book

        if self._book is None and has_pending(self._registry.connection):
            self._book = Book.open(self._registry)
            self._is_used = False

    def close(self) -> None:
        """Close the book; after the commit."""
        if self._book is not None:
            self._book.close()
        self._book = None

    @property
    def went_on(self) -> bool:
        """Tell whether other writes than these were folded under this file's site after those that both logs begin with."""
        site = self._registry.site_id(self._registry.self_ordinal)
        return self._book is not None and self._book.went_on_as(site)

    def is_behind(self, peer_vector: Mapping[bytes, int]) -> bool:
        """Tell whether a peer knows more of this site than this file, with the writes in the log that were folded before.

        Raises:
            UntrustedError: it says so, and signatures are required: only a signed changeset proves that.
        """
        from crdtsql.fold import reached
        from crdtsql.trust import signers

        mine = self._registry.self_ordinal
        known = peer_vector.get(self._registry.site_id(mine), 0)
        if known <= self._registry.vector().get(self._registry.site_id(mine), 0):
            return False
        if self._book is not None and known <= reached(self._registry, self._book.logged, self._pieces(), mine):
            return False
        if self._registry.number(signers.SIGNED_ONLY) and not isinstance(peer_vector, Proven):
            site, path = self._registry.site_id(mine).hex(), self._registry.path
            raise UntrustedError(
                f"a peer claims to have later changes of {path} (site {site}) than it has itself, as if it had been restored from an "
                f"older state; it takes nobody's word for that without a signature, and nothing was changed: if it was restored, "
                f"{suggest.verb('export')} a changeset of a trusted replica, and run {suggest.command('import', path, 'CHANGESET')}; "
                "else that peer lies",
                site,
            )
        return True

    def fold(self, now: Now, *, may_be_undone: bool) -> int:
        """Fold the log so that each write belongs to the site that folded it first, and write that down; return how many there were.

        Args:
            may_be_undone: a caller may still take back the writes, so that the book must not have them.
        """
        from crdtsql.fold import fold
        from crdtsql.store import Folded

        book, moment = self._book, now()
        if book is None or self._is_used:  # what a verb of ours wrote in this transaction is in no other file
            return fold(self._registry, now)
        folded = fold(self._registry, lambda: moment, self._pieces(), book.logged)
        before = book.begins()
        count = len(book.times) - sum(piece.count for piece in before)
        own = Folded(self._registry.site_id(self._registry.self_ordinal), moment, count)
        if not may_be_undone:
            book.write([*before, own] if count > 0 else before)
        self._is_used = True
        return folded

    def _pieces(self) -> list[Piece]:
        """Return the parts of the log that were folded before, with the sites' ordinals here."""
        from crdtsql.fold import Piece

        place, found = 0, []
        if self._book is None:
            return []
        for piece in self._book.begins():
            place += piece.count
            found.append(Piece(self._registry.add_site(piece.site), piece.now_ms, self._book.logged.seqs[place - 1]))
        return found

    def clock_ahead(self, now: Now) -> str | None:
        """Say how far the file's clock is ahead of this machine's, None if others take its changes all the same."""
        ahead_ms = clock.to_ms(self._registry.number("clock")) - now()
        if ahead_ms <= clock.MAXIMUM_SKEW_MS:
            return None
        return (
            f"{self._registry.path}: its clock is {ahead_ms / 60_000:,.0f} minutes ahead of this machine's; other replicas "
            "will wait that long before they take its changes"
        )

    def tell(self, reason: str) -> str:
        """Say what a file may lack that goes on as a new site, and what becomes of the writes in it that have no stamps yet."""
        lost = copies.loss(reason)
        try:
            (count,) = query.first(self._registry.connection, "SELECT count(*) FROM main._crdt_log")
            if not count:
                return lost
            waiting = self._tell(reason, count)
        except apsw.SQLError:  # somebody dropped or altered the log
            waiting = f"the log of writes in it can't be read: {suggest.command('doctor', self._registry.path)}"
        return waiting if lost == copies.NOTHING else f"{lost}; {waiting}"

    def _tell(self, reason: str, count: int) -> str:
        from crdtsql.store import Book

        with closing(Book.open(self._registry)) if self._book is None else nullcontext(self._book) as book:
            known = sum(piece.count for piece in book.begins())
        if known:
            return f"{known:,} of the {count:,} writes in it that had no stamps yet were folded before, and count once"
        unseen = f"{count:,} writes in it had not been seen by any command of crdtsql"
        if reason == copies.ELSEWHERE:
            return (
                f"{unseen}: if the file that it comes from has them too, they will be there twice; before the next copy run "
                f"{suggest.verb('vector')} on that file, or use {suggest.verb('clone')}"
            )
        return f"{unseen}: those that another file has too count once if both are used on this machine by this user, else twice"
