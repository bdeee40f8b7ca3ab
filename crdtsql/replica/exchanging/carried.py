"""Carried: the verbs of syncing, and the place where the transports say that they carry them.

A replica knows no transport: they stand above it. `carries` is called by them when they are imported.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from crdtsql.base import DeleteLimit, UsageError, parse_limit, suggest
from crdtsql.replica.session import Session
from crdtsql.replica.turns import verb
from crdtsql.store import remotes

if TYPE_CHECKING:
    from crdtsql.look import LogEntry
    from crdtsql.merge import MergeReport
    from crdtsql.replica.reports import SyncOptions, SyncReport, Told, VerifyOptions, VerifyReport
    from crdtsql.replica.trying import Rehearsed, SyncPreview


class Carrier(Protocol):
    """What carries out every sync."""

    def sync(self, replica: Any, remote: Any, options: SyncOptions) -> SyncReport:
        """Sync a replica with a remote."""

    def preview(self, replica: Any, remote: Any, options: SyncOptions, limit: int | None) -> SyncPreview:
        """Say what a sync would do."""

    def claim(self, replica: Any, remote: Any, order: Mapping[str, Any]) -> dict[str, Any]:
        """Ask a remote to do something with a claim; return what it answers."""

    def reconcile(
        self,
        replica: Any,
        copies: Sequence[str | os.PathLike[str]],
        *,
        refuse_unrelated: bool,
        max_deletes: DeleteLimit | None,
        told: Callable[[str, MergeReport], None] | None,
    ) -> dict[str, MergeReport]:
        """Merge what copies of a file have."""

    def verify(self, replica: Any, remote: Any, options: VerifyOptions) -> VerifyReport:
        """Compare with a remote."""

    def watch(
        self,
        replica: Any,
        remotes: Sequence[Any],
        stop: threading.Event,
        *,
        on_change: Callable[[list[LogEntry]], None] | None,
        told: Told | None,
        options: SyncOptions,
    ) -> None:
        """Sync as soon as there is news, until the event is set."""


_CARRIERS: list[Carrier] = []


def carrier() -> Carrier:
    """Return what carries out every sync."""
    return _CARRIERS[0]


def carries(carrier: Carrier) -> None:
    """Let somebody carry out every sync from now on."""
    _CARRIERS[:] = [carrier]


class Carried(Session):
    """Sync with remotes, by whatever carries it."""

    def sync(
        self,
        remote: Session | str | os.PathLike[str] | object,
        *,
        pull: bool = True,
        push: bool = True,
        dry_run: bool = False,
        refuse_unrelated: bool = False,
        tables: Sequence[str] | None = None,
        max_deletes: DeleteLimit | int | str | None = "half",
    ) -> SyncReport:
        """Exchange changes with a remote: another replica, the name of a remote, a path or an address, or a transport of yours.

        Each way is a transaction of its own: if the second one fails, the first stays, and syncing again finishes the work.

        Args:
            pull: take what the remote has.
            push: give what it lacks.
            dry_run: change nothing; the report says what would be changed.
            refuse_unrelated: as in `merge`.
            tables: refuse to give or take changes of other tables than these. Nothing is left out of what is given or taken.
            max_deletes: as in `merge`, for this side and for a replica on the other one; of a store's changesets as a whole.

        Raises:
            TooManyDeletesError: more rows of a table would disappear, here or there.
            UsageError: there is no way to such an address.
            TransportError: the remote can't be reached, or is none; or there are changes of other tables.
        """
        from crdtsql.replica.reports import SyncOptions

        chosen = None if tables is None else tuple(tables)
        limit = parse_limit(max_deletes)
        options = SyncOptions(pull, push, dry_run, refuse_unrelated, chosen, max_deletes=limit)
        return _CARRIERS[0].sync(self, remote, options)

    def preview(
        self,
        remote: Session | str | os.PathLike[str] | object,
        *,
        pull: bool = True,
        push: bool = True,
        refuse_unrelated: bool = False,
        tables: Sequence[str] | None = None,
        max_deletes: DeleteLimit | int | str | None = "half",
        limit: int | None = 1_000,
    ) -> SyncPreview:
        """Say what a sync with a remote would do: rows that would change, what would collide, and what could not be shown.

        Nothing is changed, here or there: what waits in a file's log is folded in a copy of the file. A remote that is a file, or a
        replica, is looked at in the same way; of any other the cells are listed that would be sent there.

        Args:
            limit: list at most so many of each kind, None for all; counts are whole.

        Other arguments are as in `sync`, and so are the errors; but for too many deletes, and files that were filled separately:
        `stopped` says then why the sync would be refused, and the rest what it would do if it were let through.
        """
        from crdtsql.replica.reports import SyncOptions

        chosen = None if tables is None else tuple(tables)
        options = SyncOptions(pull, push, True, refuse_unrelated, chosen, max_deletes=parse_limit(max_deletes))
        return _CARRIERS[0].preview(self, remote, options, limit)

    def watch(
        self,
        *remotes: Session | str | os.PathLike[str] | object,
        on_change: Callable[[list[LogEntry]], None] | None = None,
        stop: threading.Event | None = None,
        told: Told | None = None,
        pull: bool = True,
        push: bool = True,
        refuse_unrelated: bool = False,
        tables: Sequence[str] | None = None,
        max_deletes: DeleteLimit | int | str | None = "half",
    ) -> None:
        """Sync with remotes as soon as there is news on either side, until an event is set; or with all that have names.

        Writes of any program to the file are noticed. A remote that fails is tried again, later each time. One thread does that; give
        it a replica of its own. What a function that is called here raises ends it.

        Args:
            on_change: called with the rows that came from other sites since it was called last, as `log` lists them, the newest first.
            stop: when to end; without, it goes on until the process is told to.
            told: called with a remote's name, and the report of a sync in which something moved, or the error for which one failed.
            refuse_unrelated: as in `merge`; a remote that is refused fails, and is tried again.
            tables, max_deletes: as in `sync`; a remote from which too many deletes come fails, and is tried again.

        Raises:
            UsageError: there is no way to such an address, or no remote has a name.
        """
        from crdtsql.replica.reports import SyncOptions

        chosen = None if tables is None else tuple(tables)
        limit = parse_limit(max_deletes)
        options = SyncOptions(pull, push, refuse_unrelated=refuse_unrelated, tables=chosen, max_deletes=limit)
        _CARRIERS[0].watch(self, remotes, stop or threading.Event(), on_change=on_change, told=told, options=options)

    def reconcile(
        self,
        *copies: str | os.PathLike[str],
        refuse_unrelated: bool = False,
        max_deletes: DeleteLimit | int | str | None = None,
        told: Callable[[str, MergeReport], None] | None = None,
    ) -> dict[str, MergeReport]:
        """Merge what copies of this file have, such as conflict copies that a sync program made of it; return what each brought.

        The copies stay as they are; no program may be writing to them. To do it again does no harm. All of them are looked at before
        anything is merged; what else can't be merged then stops at that copy, and what came before it stays.

        Args:
            refuse_unrelated, max_deletes: as in `merge`.
            told: called with the path of each copy, and what it brought, as soon as it is merged.

        Raises:
            DatabaseError: there is no such file, or it is no SQLite database.
            NotEnabledError: nothing is replicated in a copy.
            UsageError: a copy is this file itself.
        """
        limit = parse_limit(max_deletes)
        return _CARRIERS[0].reconcile(self, copies, refuse_unrelated=refuse_unrelated, max_deletes=limit, told=told)

    def verify(
        self,
        remote: Session | str | os.PathLike[str] | object,
        *,
        sync: bool = False,
        repair: bool = False,
        take: str | None = None,
        limit: int = 1_000,
        since_last: bool = False,
    ) -> VerifyReport:
        """Compare what this replica and a remote hold; both must have the same changes, or nothing is compared.

        Equal changes mean equal content, so what is found is damage, or a fault. A store is compared by rebuilding a replica from it.

        Args:
            sync: sync first if one side lacks changes.
            repair: sync, and write rows that differ anew here, as follows from their stamps; then sync and compare again.
            take: with `repair`, `ours` or `theirs`: what counts where stamps don't say which value is right.
            limit: look at no more rows than that at a time.
            since_last: look at no more than what was written since both were last found equal, if that is equal too. Then damage to
                other rows goes unseen, and writes that no trigger saw; `since` in the report says when all were last read.

        Raises:
            UsageError: there is no way to such an address; or a store is to be repaired, or not to be read as a whole.
            TransportError: the remote can't be reached, is none, or does not know how to answer.
        """
        from crdtsql.replica.reports import VerifyOptions

        return _CARRIERS[0].verify(self, remote, VerifyOptions(sync, repair, take, limit, since_last))

    @verb
    def names(self) -> dict[str, str]:
        """Return what sites are called, as far as it is known here: site id -> name."""
        from crdtsql.store import names

        with self._explained():
            self.registry.require()
            return {site.hex(): name for site, (name, _) in names.read(self.registry).items() if name}

    @verb
    def set_name(self, name: str) -> None:
        """Call the local site by a name, with "" by none; others learn of it with the next changes that they get from here.

        Raises:
            UsageError: it is no name.
        """
        from crdtsql.store import names

        with self._changing(strict=False):
            names.give(self.registry, name)

    @verb
    def remotes(self) -> dict[str, str]:
        """Return the remotes that have names in this file: name -> address."""
        with self._explained():
            self.registry.require()
            return remotes.read(self.registry)

    @verb
    def add_remote(self, name: str, address: str) -> None:
        """Call an address by a name, for `sync`; it is kept in the file, and does not travel.

        Raises:
            UsageError: the name is none, or is another address's, or a password stands in the address.
        """
        with self._changing(strict=False):
            before = remotes.read(self.registry).get(name)
            if before not in (None, address):
                again = suggest.command("remote remove", self.path, name)
                raise UsageError(f"remote {name} is {before} already: take another name, or run {again} first")
            remotes.write(self.registry, name, address)

    @verb
    def remove_remote(self, name: str) -> None:
        """Forget the name of a remote; the remote stays as it is.

        Raises:
            UsageError: there is none of that name.
        """
        with self._changing(strict=False):
            known = remotes.read(self.registry)
            if name not in known:
                raise UsageError(
                    f"there is no remote {name!r}: {suggest.instead(name, [*known], 'remotes of this file')}"
                )
            remotes.forget(self.registry, name)

    @contextmanager
    def rehearsal(self) -> Iterator[Rehearsed]:
        """Give a replica on a copy of the file, for the length of a block: what is done there is done nowhere else.

        The file itself is only read: what waits in its log is folded in the copy.
        """
        from crdtsql.replica.trying import rehearse

        with ExitStack() as stack:
            with self._explained():
                self.registry.require()
                file = self._file or self.registry.stands_for
                copied = rehearse(self.connection, self.path, file, now=self._now, make_site=self._make_site)
                rehearsed = stack.enter_context(copied)
            yield rehearsed
