"""The session: the steps around every verb, on one connection.

Opens the file and recognizes it, folds before anything is read, and holds the transactions. Knows no verb.
Whatever fails leaves the file as it was.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Self

import apsw

from crdtsql.base import (
    BusyError,
    ConstraintViolationError,
    DatabaseError,
    Now,
    Progress,
    UsageError,
    clock,
    query,
    silent,
)
from crdtsql.capture import addkey, shadows
from crdtsql.conflicts import conflict_log
from crdtsql.evolve import drift
from crdtsql.fold import fold, has_pending
from crdtsql.shown import noting, settle
from crdtsql.store import FORMAT, Registry, copies
from crdtsql.types import parts

log = logging.getLogger("crdtsql")
BUSY_TIMEOUT_MS = 10_000
_ONLY_PROGRAMS_HAVE = re.compile(r"(?:no such|unknown) (?:function|collation|module)")


def now_ms() -> int:
    """Return the present in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def new_site() -> bytes:
    """Make a random site id."""
    return secrets.token_bytes(16)


class Session:
    """The steps around every verb: open, recognize, lock, fold, commit or undo.

    Attributes:
        notices: what a person should know of what happened, such as that the file was found to be a copy; each is also
            logged as a warning of the logger `crdtsql`.
        on_progress: called during long work, with (what, steps done, steps in all).
    """

    def __init__(
        self,
        connection: apsw.Connection,
        *,
        now: Now = now_ms,
        make_site: Callable[[], bytes] = new_site,
    ) -> None:
        self.connection = connection
        self.registry = Registry(connection)
        parts.register_functions(connection)
        addkey.register_functions(connection)
        self.notices: list[str] = []
        self.on_progress: Progress = silent
        self._unsaid: list[str] = []
        self._now = now
        self._make_site = make_site

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], *, now: Now = now_ms, make_site: Callable[[], bytes] = new_site
    ) -> Self:
        """Open an existing SQLite file.

        A file that turns out to be a copy, or restored, gets a new site id here.

        Raises:
            DatabaseError: there is no such file, or it is no SQLite database.
            BusyError: another program keeps it locked.
        """
        name = os.fspath(path)
        if not os.path.isfile(name):
            raise DatabaseError(f"{name}: no such file; crdtsql works on SQLite files that exist")
        if not os.access(name, os.R_OK):
            raise DatabaseError(f"{name}: no permission to read it")
        writable = os.access(name, os.W_OK)
        with explained(name):
            connection = apsw.Connection(
                name, flags=apsw.SQLITE_OPEN_READWRITE if writable else apsw.SQLITE_OPEN_READONLY
            )
            replica = cls(connection, now=now, make_site=make_site)
            replica.registry.given_path = name
            try:
                connection.set_busy_timeout(BUSY_TIMEOUT_MS)
                connection.set_progress_handler(lambda: False, 500_000)
                connection.execute(
                    "PRAGMA foreign_keys = OFF; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY"
                )
                query.first(connection, "SELECT count(*) FROM sqlite_schema")
                replica._recognize()
            except BaseException:
                connection.close()
                raise
        return replica

    @classmethod
    def on(cls, connection: apsw.Connection, *, now: Now = now_ms, make_site: Callable[[], bytes] = new_site) -> Self:
        """Work on a connection of the caller's, inside its transaction if it has one open."""
        replica = cls(connection, now=now, make_site=make_site)
        with explained(replica.path):
            replica._recognize()
        return replica

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def path(self) -> str:
        """Return the file's path as given to people."""
        return self.registry.path

    @property
    def site(self) -> str:
        """Return the local site's id, 32 hex digits."""
        with explained(self.path):
            self.registry.require()
            return self.registry.site_id(self.registry.self_ordinal).hex()

    # -- the verbs --------------------------------------------------------------------------------

    # -- the steps --------------------------------------------------------------------------------

    @property
    def _file(self) -> str:
        return self.connection.filename

    def _notice(self, text: str) -> None:
        self.notices.append(text)
        log.warning("%s", text)

    def _recognize(self) -> None:
        """Give the file a new site id if it was copied or restored."""
        if not self.registry.exists:
            return
        self._upgrade()
        self.registry.require()
        if not self._file:
            return
        if copies.reason_for_new_site(self.registry, self._file) is None:
            return
        if self.connection.readonly("main"):
            return
        with self._writing():
            reason = copies.reason_for_new_site(self.registry, self._file)
            if reason is not None:
                self._become_new_site(reason)

    def _upgrade(self) -> None:
        """Bring a file that an earlier version of crdtsql wrote up to this one's format, if it can be written."""
        if self.registry.number("format") >= FORMAT or self.connection.readonly("main"):
            return
        with self._writing():
            moved = drift.has_moved(self.registry)
            if self.registry.upgrade():
                shadows.create_renumbered_view(self.registry)
                conflict_log.mark_resolved_everything(self.registry)
                if not moved:
                    drift.see(self.registry)
                    drift.mark_seen(self.registry)

    def _begin_as(self, site: bytes) -> None:
        self.registry.become(site)
        if self._file:
            copies.remember_home(self.registry, self._file)

    def _become_new_site(self, reason: str) -> None:
        before = self.registry.site_id(self.registry.self_ordinal).hex()
        self._begin_as(self._make_site())
        self._changed()
        after = self.registry.site_id(self.registry.self_ordinal).hex()
        self._unsaid.append(
            f"{self.path}: {reason}, so it goes on as a new site {after} (before: {before}); nothing is lost"
        )

    def _changed(self) -> None:
        """Mark the running transaction as one that brings the replica further."""
        copies.advance(self.registry)

    def _fold(self) -> None:
        moved = drift.has_moved(self.registry)
        folded = fold(self.registry, self._now)
        if self.registry.number("unsettled"):
            self.registry.set("unsettled", 0)
            with noting(self.registry):
                settle(self.registry, everything=True)
        if folded:
            self._changed()
            if not moved:
                drift.mark_seen(self.registry)  # fold may have dropped triggers and created them again
            ahead_ms = clock.to_ms(self.registry.number("clock")) - self._now()
            if ahead_ms > clock.MAXIMUM_SKEW_MS:
                self._notice(
                    f"{self.path}: its clock is {ahead_ms / 60_000:,.0f} minutes ahead of this machine's; other replicas "
                    "will wait that long before they take its changes"
                )

    def _fold_if_possible(self) -> None:
        """Fold, unless that would leave rows of a table that is not replicated without the row they refer to.

        Then what is in the log waits, so that looking still works, and so do the ways out.
        """
        self.connection.execute("SAVEPOINT crdtsql_fold")
        try:
            self._fold()
        except ConstraintViolationError as error:
            self.connection.execute("ROLLBACK TO crdtsql_fold")
            self._notice(f"{self.path}: what was written is not folded yet: {error}")
        self.connection.execute("RELEASE crdtsql_fold")

    def _ready(self, peer_vector: Mapping[bytes, int], *, strict: bool = True) -> None:
        """Bring the file up to date inside a write transaction.

        A peer that knows more of this site than this file does proves that the file was rolled back. That is looked at
        before folding, so that writes since then get stamps of the new site.
        """
        mine = self.registry.site_id(self.registry.self_ordinal)
        if peer_vector.get(mine, 0) > self.registry.vector().get(mine, 0):
            self._become_new_site("a peer has later changes of it, so an older state of it was restored")
        if drift.check(self.registry, strict=strict):  # else what is in the log waits for `repair`
            self._fold() if strict else self._fold_if_possible()

    def fold(self, peer_vector: Mapping[bytes, int] | None = None) -> None:
        """Fold what was written, and notice if a peer's vector proves that this file was rolled back."""
        with self._folded(peer_vector):
            pass

    def known(self) -> dict[bytes, int]:
        """Return the version vector as it was after the last fold."""
        with explained(self.path):
            self.registry.require()
            return self.registry.vector()

    @contextmanager
    def _folded(
        self, peer_vector: Mapping[bytes, int] | None = None, *, durable: bool = False, strict: bool = True
    ) -> Iterator[None]:
        """Hold one state in which nothing is left to fold: a read transaction if possible, else a write transaction.

        With `durable`, a power cut can't take that state back any more once the block has ended. With `strict`, no replicated
        table may have been altered in a way that only a person can judge: what is sent or merged must be whole. Else nothing is
        folded then.
        """
        peer = peer_vector or {}
        with explained(self.path):
            self.registry.require()
            with self._reading():
                mine = self.registry.site_id(self.registry.self_ordinal)
                rolled_back = peer.get(mine, 0) > self.registry.vector().get(mine, 0)
                unsynced = durable and self.registry.number("unsynced") == 1 and not self.connection.readonly("main")
                moved = drift.has_moved(self.registry) and (strict or not self.connection.readonly("main"))
                unsettled = (
                    self.registry.number("unsettled") and not query.first(self.connection, "PRAGMA foreign_keys")[0]
                )
                if not (has_pending(self.connection) or moved or rolled_back or unsynced or unsettled):
                    yield
                    return
            with self._foreign_keys_off(if_possible=True), self._writing():
                self._ready(peer, strict=strict)
                yield

    @contextmanager
    def _at_rest(self) -> Iterator[None]:
        """Hold the write lock on a committed state in which nothing is left to fold; changes nothing meanwhile."""
        while True:
            with self._folded():
                pass
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                if not has_pending(self.connection):
                    yield
                    return
            finally:
                self.connection.execute("ROLLBACK")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Hold one committed state. Ends with COMMIT, because an attached image may be filled meanwhile."""
        if self.connection.in_transaction:
            yield
            return
        self.connection.execute("BEGIN")
        try:
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            with suppress(apsw.Error):
                self.connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _writing(self, *, durable: bool = True) -> Iterator[None]:
        """Hold the write lock; commit at the end, or undo everything.

        Inside a transaction of the caller's (SQL functions) a savepoint takes its place. Under WAL, a commit that is not
        `durable` may be undone by a power cut; the file remembers that, and the next export makes up for it.
        """
        with explained(self.path), self._synchronous(durable):
            nested = self.connection.in_transaction
            self.connection.execute("SAVEPOINT crdtsql" if nested else "BEGIN IMMEDIATE")
            generation = self.registry.number("generation") if self.registry.exists else 0
            try:
                yield
                if self.registry.exists and self.registry.number("unsynced") == int(durable and not nested):
                    self.registry.set("unsynced", int(not durable or nested))
                self.connection.execute("RELEASE crdtsql" if nested else "COMMIT")
            except BaseException:
                self._unsaid.clear()
                with suppress(apsw.Error):
                    self.connection.execute("ROLLBACK TO crdtsql; RELEASE crdtsql" if nested else "ROLLBACK")
                raise
            while self._unsaid:
                self._notice(self._unsaid.pop(0))
            if self._file and not nested and self.registry.exists and self.registry.number("generation") != generation:
                copies.write_note(self.registry)

    @contextmanager
    def _synchronous(self, durable: bool) -> Iterator[None]:
        if self.connection.in_transaction:
            yield
            return
        (before,) = query.first(self.connection, "PRAGMA synchronous")
        (mode,) = query.first(self.connection, "PRAGMA journal_mode")
        self.connection.execute(f"PRAGMA synchronous = {'NORMAL' if mode == 'wal' and not durable else 'FULL'}")
        try:
            yield
        finally:
            self.connection.execute(f"PRAGMA synchronous = {before}")

    @contextmanager
    def _foreign_keys_off(self, *, if_possible: bool = False) -> Iterator[None]:
        """Keep SQLite from enforcing foreign keys row by row, and from carrying out their actions a second time."""
        (enforced,) = query.first(self.connection, "PRAGMA foreign_keys")
        if not enforced or (if_possible and self.connection.in_transaction):
            yield
            return
        if self.connection.in_transaction:
            raise UsageError(
                "no merge and no other row policy inside a transaction with foreign_keys on: commit it first"
            )
        self.connection.execute("PRAGMA foreign_keys = OFF")
        try:
            yield
        finally:
            self.connection.execute("PRAGMA foreign_keys = ON")

    @contextmanager
    def _foreign_keys_on(self) -> Iterator[None]:
        """Have SQLite enforce foreign keys on what is written; inside a transaction of the caller's it is the caller's choice."""
        (enforced,) = query.first(self.connection, "PRAGMA foreign_keys")
        if enforced or self.connection.in_transaction:
            yield
            return
        self.connection.execute("PRAGMA foreign_keys = ON")
        try:
            yield
        finally:
            self.connection.execute("PRAGMA foreign_keys = OFF")


def _advice(path: str, message: str) -> str:
    """Say what to do where a table of the user's calls what only the program that defines it has."""
    if not _ONLY_PROGRAMS_HAVE.search(message):
        return ""
    return f"; `{shlex.join(['crdtsql', 'doctor', path])}` says what calls it"


@contextmanager
def explained(path: str) -> Iterator[None]:
    """Turn SQLite's errors into ours, with what to do about them."""
    try:
        yield
    except apsw.BusyError as error:
        raise BusyError(
            f"{path} is locked by another program for more than {BUSY_TIMEOUT_MS / 1000:g} seconds: close its "
            "transaction, then run this again"
        ) from error
    except apsw.NotADBError as error:
        raise DatabaseError(f"{path} is not an SQLite database (or an encrypted one)") from error
    except apsw.ReadOnlyError as error:
        raise DatabaseError(f"{path} can't be written: no permission for the file or its folder") from error
    except apsw.FullError as error:
        raise DatabaseError(f"{path}: the disk is full; nothing was changed") from error
    except apsw.CorruptError as error:
        raise DatabaseError(f"{path} is damaged ({error}): restore a backup, or try sqlite3's .recover") from error
    except (apsw.CantOpenError, apsw.IOError) as error:
        raise DatabaseError(f"{path} can't be opened or read: {error}") from error
    except apsw.Error as error:
        raise DatabaseError(f"{path}: {error}{_advice(path, str(error))}") from error
    except UnicodeEncodeError as error:
        raise DatabaseError(
            f"{path!r}: SQLite takes paths, names and keys as UTF-8 only, and {error.object[-60:]!r} is not valid UTF-8"
        ) from error
    except UnicodeDecodeError as error:
        raise DatabaseError(
            f"{path} holds text that is not valid UTF-8 ({error.object[:20]!r}...), which can't be shown here: it is "
            "replicated as it is; to see it, SELECT CAST(column AS BLOB)"
        ) from error
