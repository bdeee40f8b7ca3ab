"""The session: the one place that knows the steps around a verb, on one connection.

Opens the file and recognizes it. `_folded` holds what a verb that reads needs, `_changing` what a verb that changes something
needs: lock, drift, fold, commit or undo. Knows no verb. Whatever fails leaves the file as it was.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Self

import apsw

from crdtsql.base import ConstraintViolationError, DatabaseError, Now, Progress, memory, query, silent
from crdtsql.replica import steps
from crdtsql.replica.opening import check_alone, connect, new_site, now_ms
from crdtsql.replica.transactions import LOCK_TIMEOUT_S, Explained, ForeignKeys, foreign_keys, reading, synchronous
from crdtsql.replica.turns import Turnstile, undamaged, verb
from crdtsql.replica.waiting import Waiting
from crdtsql.store import FORMAT, Registry, Remedy, acting, copies, damage, has_pending, names, said, starts
from crdtsql.types import functions

log = logging.getLogger("crdtsql")

FOLDED_APART = 3
"""So many times what is left to fold is folded in a transaction of its own, before the file stays locked for what is to be read."""


class Session:
    """The steps around every verb: open, recognize, lock, fold, commit or undo.

    Attributes:
        notices: what a person should know of what happened; the logger `crdtsql` gets each too, at `notice_level`.
        on_progress: called during long work, with (what, steps done, steps in all).
        finished: how many transactions changed the file, those aside that only folded.
        finishing: one is being committed, so nobody can say whether it will have been.
        lock_timeout: how many seconds SQLite waits for a lock that another program holds.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        *,
        now: Now = now_ms,
        make_site: Callable[[], bytes] = new_site,
        lock_timeout: float | None = None,
    ) -> None:
        self.connection = connection
        (busy_timeout_ms,) = query.first(connection, "PRAGMA busy_timeout")
        self.lock_timeout = busy_timeout_ms / 1000 if lock_timeout is None else lock_timeout
        self.registry = Registry(connection)
        functions.register(connection)
        self.notices: list[str] = []
        self.notice_level = logging.WARNING
        self.on_progress: Progress = silent
        self.finished = 0
        self.finishing = False
        self._unsaid: list[str] = []
        self._turns = Turnstile(LOCK_TIMEOUT_S if lock_timeout is None else lock_timeout)
        self._waiting = Waiting(self.registry)
        self._nested = False
        self._now = now
        self._make_site = make_site

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        now: Now = now_ms,
        make_site: Callable[[], bytes] = new_site,
        lock_timeout: float = LOCK_TIMEOUT_S,
        called: str | None = None,
    ) -> Self:
        """Open an existing SQLite file.

        A file that turns out to be a copy, or restored, gets a new site id here.

        Args:
            called: the path of the file that people know, where this is a copy of it.
            lock_timeout: how many seconds to wait, now and later, for a file that another program has locked.

        Raises:
            UsageError: `lock_timeout` is no number of seconds.
            DatabaseError: there is no such file, or it is no SQLite database.
            BusyError: another program keeps it locked.
            UnsafeUseError: something else than apsw has it open in this process.
        """
        name = os.fspath(path)
        with Explained(called or name, lock_timeout):
            connection = connect(name, lock_timeout)
            try:
                replica = cls(connection, now=now, make_site=make_site, lock_timeout=lock_timeout)
                replica.registry.given_path = called or name
                connection.set_progress_handler(lambda: False, 500_000)
                # Without that, bound values have it compile again (fact 28).
                connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
                connection.execute(
                    "PRAGMA foreign_keys = OFF; PRAGMA synchronous = EXTRA; PRAGMA cache_size = -65536; PRAGMA temp_store = FILE"
                )
                replica._recognize()
            except BaseException:
                connection.close()
                raise
        return replica

    @classmethod
    def on(
        cls,
        connection: apsw.Connection,
        *,
        now: Now = now_ms,
        make_site: Callable[[], bytes] = new_site,
        called: str | None = None,
    ) -> Self:
        """Work on a connection of the caller's, inside its transaction if it has one open; on a copy of what is `called` so.

        Raises:
            UnsafeUseError: something else than apsw has its file open in this process.
        """
        replica = cls(connection, now=now, make_site=make_site)
        replica.registry.given_path = called or connection.filename or ":memory:"
        with replica._explained():
            check_alone(connection.filename, replica.path)
            replica._recognize()
        return replica

    def close(self) -> None:
        """Close the file, when no other thread is using it any more."""
        with nullcontext() if self._turns.is_foreign() else self._turns.take(self.path), self._explained():
            self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with suppress(DatabaseError) if kind is not None else nullcontext():  # what failed before says more
            self.close()

    def _explained(self) -> Explained:
        """Turn SQLite's errors in a block into ours, with what to do about them."""
        return Explained(self.registry.path, self.lock_timeout)

    @property
    def path(self) -> str:
        """Return the file's path as given to people."""
        return self.registry.path

    @path.setter
    def path(self, path: str) -> None:
        """Call the file by another path, where it is a copy of what people know."""
        self.registry.given_path = path

    @property
    @verb
    def site(self) -> str:
        """Return the local site's id, 32 hex digits."""
        with self._explained():
            return memory.of_content(self.connection, "own site", self._read_site)

    def _read_site(self) -> str:
        self.registry.require()
        return self.registry.site_id(self.registry.self_ordinal).hex()

    @property
    def _file(self) -> str:
        return self.connection.filename

    def _notice(self, text: str) -> None:
        self.notices.append(text)
        log.log(self.notice_level, "%s", text)

    def _recognize(self) -> None:
        """Give the file a new site id if it was copied or restored."""
        if not self.registry.exists:
            return
        self._upgrade()
        self.registry.require()
        if not self._file or not self._knows_its_sites():
            return
        word = self._operators_word()
        if copies.may_go_on(self.registry, self._file, word) or self.connection.readonly("main"):
            return
        with self._writing():
            reason = copies.reason_for_new_site(self.registry, self._file, word)
            if reason is not None:
                self._become_new_site(reason)
            elif not copies.may_go_on(self.registry, self._file, word):
                copies.start(self.registry, self._file, word)

    def _operators_word(self) -> str | None:
        """Return which replica this file is, as the operator of this process says; None if nothing is said."""
        return said.by_operator()

    def _knows_its_sites(self) -> bool:
        """Tell whether a new site could get an ordinal that no other one has; every verb says so where not."""
        found = [] if damage.fits(self.connection) else damage.look(self.connection)
        return not any(one.remedy == Remedy.DISABLE_ALL for one in found)

    def _upgrade(self) -> None:
        """Bring a file that an earlier version of crdtsql wrote up to this one's format, if it can be written."""
        if self.registry.number("format") >= FORMAT or self.connection.readonly("main"):
            return
        from crdtsql.evolve import upgrade

        with self._writing():
            upgrade(self.registry)

    def _begin_as(self, site: bytes) -> None:
        from crdtsql.numbers import blocks

        if self.registry.self_ordinal:
            starts.leave(self.registry)
        self.registry.become(site)
        acting.leave(self.connection)
        self.registry.set("log_from", self.registry.number("batch"))
        blocks.begin(self.registry)
        if self.registry.number("signs"):
            from crdtsql.trust import signers

            signers.begin_as_new_site(self.registry)
        if self._file:
            copies.start(self.registry, self._file, self._operators_word())

    def _become_new_site(self, reason: str) -> None:
        before = names.call(self.registry, self.registry.site_id(self.registry.self_ordinal))
        self._begin_as(self._make_site())
        self._changed()
        after = self.registry.site_id(self.registry.self_ordinal).hex()
        self._unsaid.append(
            f"{self.path}: {reason}, so it goes on as a new site {after} (before: {before}); {self._waiting.tell(reason)}"
        )

    def _changed(self) -> None:
        """Mark the running transaction as one that brings the replica further."""
        copies.advance(self.registry)

    def _fold(self) -> None:
        from crdtsql.evolve import drift

        moved = damage.has_moved(self.connection)
        folded, owed = self._waiting.fold(self._now, may_be_undone=self._nested), self.registry.number("unsettled")
        if owed:
            from crdtsql.numbers import foretelling

            foretelling.settle_owed(self.registry)
        if (folded or owed) and not moved:
            drift.mark_seen(self.registry)  # either may have dropped triggers and created them again
        if folded:
            self._changed()
            ahead = self._waiting.clock_ahead(self._now)
            if ahead is not None:
                self._notice(ahead)

    def _fold_if_possible(self) -> None:
        """Fold, unless that would leave rows of a table that is not replicated without the row they refer to.

        Then what is in the log waits, so that looking still works, and so do the ways out.
        """
        self.connection.execute("SAVEPOINT crdtsql_fold")
        try:
            self._fold()
        except ConstraintViolationError as error:
            query.roll_back_to(self.connection, "crdtsql_fold")
            self._notice(f"{self.path}: what was written is not folded yet: {error}")
        else:
            self.connection.execute("RELEASE crdtsql_fold")

    def _ready(self, peer_vector: Mapping[bytes, int], *, strict: bool = True) -> None:
        """Bring the file up to date inside a write transaction.

        A peer that knows more of this site than this file does proves that the file was rolled back. That is looked at
        before folding, so that writes since then get stamps of the new site.
        """
        from crdtsql.evolve import drift
        from crdtsql.numbers import blocks

        self._waiting.look_up()
        if self._waiting.went_on:
            self._become_new_site("another file went on with its log, or writes of it were lost")
        if self._waiting.is_behind(peer_vector):
            self._become_new_site(f"a peer has later changes of it, so {copies.RESTORED}")
        if drift.check(self.registry, strict=strict):  # else what is in the log waits for `repair`
            self._fold() if strict else self._fold_if_possible()
            blocks.place(self.registry)

    @verb
    def fold(self, peer_vector: Mapping[bytes, int] | None = None) -> None:
        """Fold what was written, and notice if a peer's vector proves that this file was rolled back."""
        with self._folded(peer_vector):
            pass

    @contextmanager
    def _changing(
        self,
        keys: ForeignKeys = ForeignKeys.AS_THEY_ARE,
        *,
        peer_vector: Mapping[bytes, int] | None = None,
        strict: bool = True,
        durable: bool = True,
        creating: bool = False,
    ) -> Iterator[None]:
        """Hold the steps around a verb that changes a file; the verb is the block.

        1. The file has replicated tables; with `creating` it gets our tables if it has none.
        2. Foreign keys are enforced as the verb needs it, and the write lock is taken.
        3. The file is brought up to date (`_ready`).
        4. The verb.
        5. What the verb wrote through triggers is folded, and the schema as it is now counts as seen.
        6. The file has come further; the transaction is committed. Whatever fails undoes all of it.

        Args:
            peer_vector: what a peer has, which may prove that this file was rolled back.
            strict: no replicated table may have been altered in a way that only a person can judge.
            durable: the commit survives a power cut.
        """
        with self._explained():
            if not creating:
                self.registry.require()
            with foreign_keys(self.connection, keys), self._writing(durable=durable):
                if self.registry.exists:
                    self._ready(peer_vector or {}, strict=strict)
                else:
                    self.registry.check_remains()
                    self.registry.create()
                    self._begin_as(self._make_site())
                yield
                if self.registry.exists:
                    self._come_further(strict=strict)

    def _come_further(self, *, strict: bool) -> None:
        """Fold what the verb wrote through triggers, and mark the transaction as one that brings the replica further."""
        from crdtsql.capture import views
        from crdtsql.evolve import drift
        from crdtsql.numbers import blocks

        views.restore(self.registry)
        if strict or drift.check(self.registry, strict=False):
            if has_pending(self.connection) or self.registry.number("unsettled"):
                self._fold() if strict else self._fold_if_possible()
            blocks.place(self.registry)
            drift.mark_seen(self.registry)
        self._changed()

    @contextmanager
    def _folded(
        self, peer_vector: Mapping[bytes, int] | None = None, *, durable: bool = False, strict: bool = True
    ) -> Iterator[None]:
        """Hold one state in which nothing is left to fold: a read transaction if possible, else a write transaction.

        What is left is folded in a transaction of its own. Only where others write again each time, or a peer lacks little, the file
        stays locked for them: a second transaction would cost a small sync a twentieth of its time.

        With `durable`, a power cut can't take that state back any more once the block has ended. With `strict`, no replicated
        table may have been altered in a way that only a person can judge: what is sent or merged must be whole. Else nothing is
        folded then.
        """
        peer = peer_vector or {}
        with self._explained(), self._undamaged():
            self.registry.require()
            left = 0 if self.connection.in_transaction or peer else FOLDED_APART
            while True:
                waits = has_pending(self.connection) and not self.connection.readonly("main")
                with nullcontext() if waits else reading(self.connection):
                    if not waits and self._is_up_to_date(peer, durable=durable, strict=strict):
                        yield
                        return
                with foreign_keys(self.connection, ForeignKeys.OFF_IF_POSSIBLE), self._writing(folding=True):
                    self._ready(peer, strict=strict)
                    if not left or not self._is_up_to_date(peer, durable=durable, strict=strict):
                        yield
                        return
                left -= 1

    def _is_up_to_date(self, peer: Mapping[bytes, int], *, durable: bool, strict: bool) -> bool:
        """Tell whether nothing is left to fold, to settle, or to take note of.

        Raises:
            DatabaseError: something is, that can't be left, and the file can't be written.
        """
        pending, moved = has_pending(self.connection), damage.has_moved(self.connection)
        if self.connection.readonly("main"):
            if pending or (moved and strict):
                what = "holds writes that no command has seen yet" if pending else "was altered"
                raise DatabaseError(
                    f"{self.path} {what}, and can't be written here (no permission for the file or its folder): run this where it "
                    "can be, or on a copy of it in a folder of yours"
                )
            return True
        mine = self.registry.site_id(self.registry.self_ordinal)
        rolled_back = peer.get(mine, 0) > self.registry.vector().get(mine, 0)
        unsynced = durable and self.registry.number("unsynced") == 1
        unsettled = self.registry.number("unsettled") and not query.enforces_keys(self.connection)
        return not (pending or moved or rolled_back or unsynced or unsettled)

    @contextmanager
    def _finishing(self, counts: bool = True) -> Iterator[None]:
        """Mark the step after which a change can't be undone any more."""
        self.finishing = True
        try:
            yield
            self.finished += counts
        finally:
            self.finishing = False

    @contextmanager
    def _writing(self, *, durable: bool = True, folding: bool = False) -> Iterator[None]:
        """Hold the write lock; commit at the end, or undo everything.

        Inside a transaction of the caller's (SQL functions) a savepoint takes its place. Under WAL, a power cut may undo a commit that
        is not `durable`; the next export makes up for it. With `folding`, the block only brings the file up to date.
        """
        nested = self.connection.in_transaction
        if not nested:
            check_alone(self._file, self.path)
            steps.load()
        with self._explained(), self._undamaged(), synchronous(self.connection, durable):
            self._nested = nested
            self.connection.execute("SAVEPOINT crdtsql" if nested else "BEGIN IMMEDIATE")
            try:
                memory.begin(self.connection, nested=nested)
                generation, note = self.registry.number("generation") if self.registry.exists else 0, None
                yield
                if self.registry.exists:
                    if self.registry.number("unsynced") == int(durable and not nested):
                        self.registry.set("unsynced", int(not durable or nested))
                    note = None if nested else copies.Note.since(self.registry, generation)
                with self._finishing(not folding):
                    self.connection.execute("RELEASE crdtsql" if nested else "COMMIT")
                if not nested:
                    memory.committed(self.connection)
            except BaseException:
                self._unsaid.clear()
                memory.forget(self.connection)
                with suppress(apsw.Error):
                    self.connection.execute("ROLLBACK TO crdtsql; RELEASE crdtsql" if nested else "ROLLBACK")
                raise
            finally:
                self._waiting.close()
            while self._unsaid:
                self._notice(self._unsaid.pop(0))
            if note is not None:
                note.write()

    def _undamaged(self) -> AbstractContextManager[None]:
        """Look whether something of ours is gone, where a block fails and nothing else explains it."""
        return undamaged(self.connection, self.path)
