"""Syncing: one way in for all remotes, whatever is given: a replica, a path, an address, or a remote that is open.

Whoever gets `Replica` from here gets one that can sync.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from crdtsql.base import (
    CrdtsqlError,
    DeleteLimit,
    RejoinError,
    TransportError,
    UsageError,
    naming,
    parse_limit,
    suggest,
)
from crdtsql.replica import Replica, SyncOptions, SyncReport, Told, carries, check_committed
from crdtsql.transports import scope
from crdtsql.transports.addresses import LOCAL, Address, named, opener, parse
from crdtsql.transports.interface import Context, Peer, Store

if TYPE_CHECKING:
    from crdtsql.look import LogEntry
    from crdtsql.merge import MergeReport
    from crdtsql.replica import SyncPreview, VerifyOptions, VerifyReport
    from crdtsql.wire import Spilled

__all__ = ["Replica", "carry_out", "probe", "reached", "sync", "watch", "whole"]


def sync(
    first: Replica | str | os.PathLike[str],
    second: Replica | str | os.PathLike[str] | Peer | Store,
    *,
    pull: bool = True,
    push: bool = True,
    dry_run: bool = False,
    refuse_unrelated: bool = False,
    tables: Sequence[str] | None = None,
    max_deletes: DeleteLimit | int | str | None = "half",
) -> SyncReport:
    """Exchange changes both ways between a replica and a remote: another file, or what an address names (docs/TRANSPORTS.md).

    A path is opened for the time of the exchange. `into_first, into_second = sync(first, second)` unpacks what each of two files
    merged. The rest is as in `Replica.sync`.
    """
    chosen, limit = None if tables is None else tuple(tables), parse_limit(max_deletes)
    options = SyncOptions(pull, push, dry_run, refuse_unrelated, chosen, max_deletes=limit)
    if isinstance(first, Replica):
        return carry_out(first, second, options)
    with Replica.open(first) as opened:
        return carry_out(opened, second, options)


def carry_out(replica: Replica, remote: Any, options: SyncOptions) -> SyncReport:
    """Sync a replica with a remote: another replica, the name of a remote, a path, an address, or one that is open."""
    if not (options.pull or options.push):
        raise UsageError("a sync that neither pulls nor pushes does nothing")
    scope.check_names(replica, options)
    if options.dry_run:
        return preview(replica, remote, options, None).as_report()
    with ExitStack() as stack:
        return _with_open(replica, _opened(replica, remote, stack), options)


def preview(replica: Replica, remote: Any, options: SyncOptions, limit: int | None) -> SyncPreview:
    """Say what a sync with a remote would do."""
    from crdtsql.transports import rehearsal

    if not (options.pull or options.push):
        raise UsageError("a sync that neither pulls nor pushes does nothing")
    scope.check_names(replica, options)
    check_committed(replica)
    return rehearsal.preview(replica, remote, options, limit)


def _opened(replica: Replica, remote: Any, stack: ExitStack) -> Any:
    """Open a remote, until the stack ends, if it is not open already."""
    if isinstance(remote, Replica):
        from crdtsql.transports.file import FilePeer

        return FilePeer(remote)
    if isinstance(remote, (str, os.PathLike)):
        return stack.enter_context(reached(replica, named(replica.remotes(), remote)))
    return remote


@contextmanager
def _reached_for(replica: Replica, remote: Any) -> Iterator[Peer | Store]:
    """Open a remote for the length of a block: another replica, the name of one, a path, an address, or one that is open."""
    with ExitStack() as stack:
        found = _opened(replica, remote, stack)
        if not isinstance(found, (Peer, Store)):
            raise UsageError(f"{remote!r} is no remote")
        yield found


def _with_open(replica: Replica, remote: Any, options: SyncOptions) -> SyncReport:
    """Sync with a remote that is open."""
    check_committed(replica)
    with _naming_who_rejoins(replica, remote):
        if isinstance(remote, Peer):
            from crdtsql.transports.exchange import sync_with_peer

            report = sync_with_peer(replica, remote, options)
        elif isinstance(remote, Store):
            from crdtsql.transports.stores.rest import sync_with_store

            report = sync_with_store(replica, remote, options)
        else:
            raise UsageError(f"{remote!r} is nothing to sync with")
    if report.received_bytes or report.sent_bytes:
        from crdtsql.transports.observing import counting

        counting.synced(replica, report)
    return report


@contextmanager
def _naming_who_rejoins(replica: Replica, remote: Any) -> Iterator[None]:
    """Have an error that one of two replicas must rejoin say the command for it, where that one is a file of this machine."""
    try:
        yield
    except RejoinError as error:
        other = remote.address if error.path == replica.path else replica.path
        missed, up_to_date = (error.path, other) if error.here else (other, error.path)
        paths = {replica.path, getattr(getattr(remote, "replica", None), "path", None)}
        if missed not in paths:
            raise
        raise error.advised(suggest.command("rejoin", missed, up_to_date)) from error


def reached(replica: Replica, address: str | os.PathLike[str], token: str | None = None) -> Peer | Store:
    """Open the remote of an address; show a server the token, or the one that is kept for the address."""
    found = parse(address)
    remote = opener(found)(found, Context(replica.lock_timeout, token))
    if isinstance(remote, Store):
        from crdtsql.transports.secrecy.sealed import Sealed

        try:
            return Sealed(remote)
        except BaseException:
            remote.close()
            raise
    return remote


def watch(
    replica: Replica,
    remotes: Sequence[Any],
    stop: threading.Event,
    *,
    on_change: Callable[[list[LogEntry]], None] | None,
    told: Told | None,
    options: SyncOptions,
) -> None:
    """Sync with remotes as soon as there is news, until the event is set; with those that have names if none is given."""
    from crdtsql.transports.watch.watching import Watcher

    scope.check_names(replica, options)
    check_committed(replica)
    known = replica.remotes()
    wanted: dict[str, Any] = {}
    for remote in remotes or known:
        if not isinstance(remote, (str, os.PathLike, Replica, Peer, Store)):
            raise UsageError(f"{remote!r} is nothing to sync with")
        wanted[str(getattr(remote, "address", getattr(remote, "path", remote)))] = remote
    if not wanted:
        raise UsageError(
            f"{replica.path} has no remotes: say which to watch, or name one with {suggest.verb('remote add')}"
        )
    hears = told if on_change is None else _telling_changes(replica, on_change, told)
    ready: dict[str, Peer | Store] = {}
    try:
        for name, remote in wanted.items():
            if (opened := _reached_now(replica, remote, known)) is not None:
                ready[name] = opened
        lines = {name: partial(_line, replica, remote, known, name, ready) for name, remote in wanted.items()}
        Watcher(replica, lines, _with_open, options=options, told=hears).run(stop)
    finally:
        for left in ready.values():
            left.close()


def _reached_now(replica: Replica, remote: Any, known: Mapping[str, str]) -> Peer | Store | None:
    """Open the remote of an address before any is watched; None if it can't be reached yet.

    Raises:
        UsageError: it never can.
    """
    if not isinstance(remote, (str, os.PathLike)):
        return None
    try:
        return reached(replica, named(known, remote))
    except UsageError:
        raise
    except CrdtsqlError:  # the watcher tries that again, and tells of it
        return None


def _telling_changes(replica: Replica, on_change: Callable[[list[LogEntry]], None], told: Told | None) -> Told:
    """Tell also which rows came from others since the last time."""
    position = replica.position()

    def tell(name: str, what: SyncReport | CrdtsqlError) -> None:
        nonlocal position
        if told is not None:
            told(name, what)
        if isinstance(what, SyncReport) and (came := replica.log(after=position, limit=None)):
            position = max(entry.batch for entry in came)
            on_change(came)

    return tell


def _line(
    replica: Replica, remote: Any, known: Mapping[str, str], name: str, ready: dict[str, Peer | Store]
) -> Peer | Store:
    """Open a remote that is watched; at first one may be open already."""
    if name in ready:
        return ready.pop(name)
    if isinstance(remote, Replica):
        from crdtsql.transports.file import FilePeer

        return FilePeer(remote)
    if isinstance(remote, (Peer, Store)):
        return remote
    return reached(replica, named(known, remote))


class _Carrier:
    """What a replica calls, which knows no transport."""

    sync = staticmethod(carry_out)
    preview = staticmethod(preview)

    @staticmethod
    def claim(replica: Replica, remote: Any, order: Mapping[str, Any]) -> dict[str, Any]:
        """Have a remote do something with a claim."""
        from crdtsql.transports import exchange

        with _reached_for(replica, remote) as there:
            if not isinstance(there, Peer):
                raise UsageError(
                    f"{there.address} only keeps files, and answers nothing, so it can't say who claims what: give a server, or a "
                    "file that all share"
                )
            try:
                return exchange.order(replica, there, order)
            except (LookupError, TypeError, ValueError) as error:
                raise TransportError(f"{there.address}: what it says of claims is not valid ({error})") from error

    watch = staticmethod(watch)

    @staticmethod
    def verify(replica: Replica, remote: Any, options: VerifyOptions) -> VerifyReport:
        """Compare with a remote."""
        from crdtsql.transports.observing.verifying import verify

        check_committed(replica)
        with _reached_for(replica, remote) as there:
            return verify(replica, there, options)

    @staticmethod
    def reconcile(
        replica: Replica,
        copies: Sequence[str | os.PathLike[str]],
        *,
        refuse_unrelated: bool,
        max_deletes: DeleteLimit | None,
        told: Callable[[str, MergeReport], None] | None,
    ) -> dict[str, MergeReport]:
        """Merge what copies of a file have."""
        from crdtsql.transports.reconciling import reconcile

        check_committed(replica)
        return reconcile(replica, copies, refuse_unrelated=refuse_unrelated, max_deletes=max_deletes, told=told)


carries(_Carrier())


def probe(replica: Replica, text: str, token: str | None = None) -> tuple[str, str]:
    """Look whether a replica can sync with a remote; return its address, from whatever folder that is used, and what it is.

    An empty place becomes a store.

    Raises:
        UsageError: there is no way to such an address.
        TransportError: it can't be reached, or is none.
    """
    from crdtsql.transports.exchange import ask

    address = parse(text)
    if address.scheme in LOCAL:
        address = Address(text, address.scheme, os.path.abspath(address.path))
    absolute = f"{address.scheme}:{address.rest}"
    with reached(replica, absolute, token) as remote:
        if isinstance(remote, Peer):
            return absolute, f"a replica, site {naming.call_site(ask(replica, remote).site, replica.names())}"
        what = "a store" if remote.exists() else "a new store"
        if what == "a new store":
            remote.begin()
        return absolute, ": ".join(filter(None, (what, remote.probe())))


def whole(replica: Replica, remote: Any) -> bytes | Spilled:
    """Return a changeset with all that a remote has, for a replica that is to rejoin it; nothing changes on either side.

    Args:
        remote: as in `sync`.

    Raises:
        UsageError: there is no way to such an address.
        TransportError: the remote can't be reached, or is none.
        CannotRejoinError: it has nothing.
    """
    check_committed(replica)
    with _reached_for(replica, remote) as there:
        if isinstance(there, Peer):
            from crdtsql.transports.exchange import ask_for_all

            return ask_for_all(replica, there)
        from crdtsql.transports.stores.rebuilding import rebuilt

        with rebuilt(replica, there) as other:
            return other.export_spilled()
