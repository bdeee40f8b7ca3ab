"""The replica: one SQLite file, and the verbs that work on it.

The only room that knows an order of steps: recognize the file, lock it, fold, then do what was asked, commit. Every verb
is one transaction; whatever fails leaves the file as it was.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw

from crdtsql import blame, changes, changeset, clock, drift, enable, export, fold, identity, image, merge, schema, status
from crdtsql.clock import Now
from crdtsql.errors import BusyError, CannotEnableError, CrdtsqlError, DatabaseError, UsageError
from crdtsql.registry import Registry
from crdtsql.values import SqliteValue

log = logging.getLogger("crdtsql")
BUSY_TIMEOUT_MS = 10_000
Vector = Mapping[str, int]
"""A version vector: site id as 32 hex digits -> highest hlc seen of that site."""


Progress = Callable[[str, int, int], None]
"""Called during long work with (what, steps done, steps in all)."""


_SITE = re.compile("[0-9a-fA-F]{32}")


def _silent(_what: str, _done: int, _total: int) -> None:
    pass


def now_ms() -> int:
    """Return the present in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def new_site() -> bytes:
    """Make a random site id."""
    return secrets.token_bytes(16)


def parse_vector(text: str) -> dict[str, int]:
    """Read a version vector from JSON: `{"<site id>": hlc, ...}`.

    Raises:
        UsageError: the text is not one.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not a version vector: {error}; `crdtsql vector FILE` prints one") from error
    if not isinstance(found, dict) or not all(
        _SITE.fullmatch(site)
        and isinstance(hlc, int)
        and not isinstance(hlc, bool)
        and 0 <= hlc <= clock.HIGHEST_HLC
        for site, hlc in found.items()
    ):
        raise UsageError('not a version vector: {"<site id, 32 hex digits>": number, ...} is expected')
    return found


def _raw(vector: Vector) -> dict[bytes, int]:
    try:
        return {bytes.fromhex(site): hlc for site, hlc in vector.items()}
    except ValueError as error:
        raise UsageError(f"not a version vector: {error}") from error


class Replica:
    """One replicated SQLite file.

    Use as a context manager, or call `close`. Times and site ids come from `now` and `make_site`, so that tests own them.

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
        self.notices: list[str] = []
        self.on_progress: Progress = _silent
        self._now = now
        self._make_site = make_site

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], *, now: Now = now_ms, make_site: Callable[[], bytes] = new_site
    ) -> Replica:
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
            try:
                connection.set_busy_timeout(BUSY_TIMEOUT_MS)
                connection.set_progress_handler(lambda: False, 500_000)
                connection.execute("PRAGMA foreign_keys = OFF; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536")
                connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
                replica._recognize()
            except BaseException:
                connection.close()
                raise
        return replica

    @classmethod
    def on(
        cls, connection: apsw.Connection, *, now: Now = now_ms, make_site: Callable[[], bytes] = new_site
    ) -> Replica:
        """Work on a connection of the caller's, inside its transaction if it has one open."""
        replica = cls(connection, now=now, make_site=make_site)
        with explained(replica.path):
            replica._recognize()
        return replica

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def __enter__(self) -> Replica:
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

    def enable(self, *tables: str, all: bool = False) -> list[str]:  # noqa: A002 - the verb's own word
        """Make tables replicated; return their names as the database spells them.

        With `all`, every ordinary table that is not enabled yet; those that can't be are left out, with a notice.

        Raises:
            CannotEnableError: a named table can't be replicated; then none is.
        """
        if not tables and not all:
            raise UsageError("name the tables to enable, or ask for all")
        with self._writing():
            if not self.registry.exists:
                self.registry.create()
                self._begin_as(self._make_site())
            else:
                self._fold()
            names = list(tables)
            if all:
                names += [name for name in self._not_enabled() if name.lower() not in {n.lower() for n in tables}]
            enabled = []
            for name in names:
                try:
                    enabled.append(enable.enable(self.registry, name, self._now).name)
                except CannotEnableError as error:
                    if name in tables:
                        raise
                    self._notice(f"left out: {error}")
            if not self.registry.tables():
                raise CrdtsqlError(f"{self.path} has no table that can be enabled")
            drift.settle(self.registry)
            self._changed()
        return enabled

    def _not_enabled(self) -> list[str]:
        enabled = {table.name.lower() for table in self.registry.tables()}
        return [
            name
            for name, kind in schema.user_tables(self.connection)
            if kind == "table" and name.lower() not in enabled
        ]

    def disable(self, *tables: str) -> None:
        """Take everything of ours off tables; with the last one, off the file.

        Raises:
            NotEnabledError: a table is not replicated.
        """
        with self._writing():
            self.registry.require()
            fold.fold(self.registry, self._now)
            for name in tables:
                enable.disable(self.registry, name)
            if self.registry.exists:
                drift.settle(self.registry)
                self._changed()

    def vector(self) -> dict[str, int]:
        """Return the version vector: site id as hex -> hlc up to which all its events are here."""
        with self._folded(strict=False):
            return {site.hex(): upto for site, upto in self.registry.vector().items()}

    def export(self, since: Vector | None = None) -> bytes:
        """Return a changeset with all that a replica with the vector `since` lacks; everything if None.

        The changeset shows one committed state. What it holds is on disk before this returns.
        """
        receiver = _raw(since or {})
        with explained(self.path), export.attached(self.connection, "image") as database:
            with self._folded(receiver, durable=True):
                header = export.export(self.registry, receiver, self._now, database, self.on_progress)
            self.on_progress("compress", 1, 1)
            return changeset.pack(header, self.connection.serialize(database))

    def changes(self, since: Vector | None = None) -> list[changes.Change]:
        """List the cells that `export` would carry, one by one."""
        receiver = _raw(since or {})
        with explained(self.path), export.attached(self.connection, "image") as database, self._folded(receiver):
            header = export.export(self.registry, receiver, self._now, database, self.on_progress)
            return list(changes.changes(self.connection, header, database))

    def merge(self, data: bytes) -> merge.MergeReport:
        """Merge a changeset in one transaction, or not at all.

        Raises:
            InvalidChangesetError: it is damaged, cut off, of another version, or no changeset at all.
            MissingChangesError: it builds on changes that are not here.
            ClockDriftError: its stamps are too far in the future.
            SchemaMismatchError: it has tables or columns that are not replicated here.
            ConstraintViolationError: the merged rows would break a constraint of the receiving table.
        """
        received = changeset.unpack(data)
        header = received.header
        with explained(self.path):
            self.registry.require()
            with self._folded():
                merge.check_needs(self.registry, header)
                merge.check_drift(header, self._now)
                if not merge.brings_news(self.registry, header):
                    return merge.MergeReport(header.sender.hex(), known=True)
            with received.image() as content:
                self.on_progress("check", 0, 1)
                image.check(header, content)
                with export.attached(self.connection, "incoming") as database:
                    database = self._load(database, content)
                    with self._foreign_keys_off(), self._writing(durable=False):
                        self._ready(header.vector)
                        merge.check_needs(self.registry, header)
                        report = merge.merge(self.registry, header, database, self.on_progress)
                        self.registry.remember_peer(header.sender, header.vector)
                        drift.settle(self.registry)
                        self._changed()
        return report

    def _load(self, database: str, content: bytes | str) -> str:
        """Put an image into an attached database."""
        if isinstance(content, bytes):
            self.connection.deserialize(database, content)
        else:
            self.connection.execute(f"DETACH {database}")
            self.connection.execute(f"ATTACH ? AS {database}", (content,))
        return database

    def clone(self, path: str | os.PathLike[str]) -> None:
        """Write a second replica with a site id of its own to a path where no file is.

        Raises:
            DatabaseError: there is a file already.
        """
        target = Path(path)
        if not self._file:
            raise DatabaseError("an in-memory database can't be cloned; export from it instead")
        if target.exists():
            raise DatabaseError(f"{target}: there is a file already; clone to another path, or use `crdtsql sync`")
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
        try:
            with explained(str(target)), self._at_rest():
                self._copy_to(temporary)
            os.link(temporary, target)
        except FileExistsError as error:
            raise DatabaseError(f"{target}: there is a file already; clone to another path") from error
        except OSError as error:
            raise DatabaseError(f"{target}: it can't be written: {error.strerror}") from error
        finally:
            for suffix in ("", "-wal", "-shm", "-journal"):
                with suppress(OSError):
                    Path(f"{temporary}{suffix}").unlink()

    def _copy_to(self, path: Path) -> None:
        source, copy = apsw.Connection(self._file, flags=apsw.SQLITE_OPEN_READONLY), apsw.Connection(str(path))
        try:
            with copy.backup("main", source, "main") as backup:
                while not backup.done:
                    backup.step(1000)
            other = Replica(copy, now=self._now, make_site=self._make_site)
            with other._writing():
                other._begin_as(self._make_site())
                other.registry.remember_peer(self.registry.site_id(self.registry.self_ordinal), self.registry.vector())
                other._changed()
            copy.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            copy.close()
            source.close()

    def status(self) -> status.Status:
        """Describe the file: tables, sites, vector, sizes, peers."""
        with explained(self.path):
            self.registry.require()
            with self._reading():
                return status.status(self.registry)

    def blame(self, table: str, *key: SqliteValue) -> list[blame.CellOrigin]:
        """List who wrote each cell of a row, and when.

        Raises:
            UnknownRowError: there is no such row, shown or held.
        """
        with self._folded(strict=False):
            return blame.blame(self.registry, table, key)

    def remember_peer(self, site: str, vector: Vector) -> None:
        """Remember what a peer has, for `status`."""
        known = {bytes(peer): vector for peer, vector in self.registry.peers().items()}.get(bytes.fromhex(site), {})
        if any(upto > known.get(origin, 0) for origin, upto in _raw(vector).items()):
            with self._writing():
                self.registry.remember_peer(bytes.fromhex(site), _raw(vector))

    # -- the steps --------------------------------------------------------------------------------

    @property
    def _file(self) -> str:
        return self.connection.filename

    def _notice(self, text: str) -> None:
        self.notices.append(text)
        log.warning("%s", text)

    def _recognize(self) -> None:
        """Give the file a new site id if it was copied or restored."""
        if not self._file or not self.registry.exists:
            return
        self.registry.require()
        if identity.reason_for_new_site(self.registry, self._file) is None:
            return
        if self.connection.readonly("main"):
            return
        with self._writing():
            reason = identity.reason_for_new_site(self.registry, self._file)
            if reason is not None:
                self._become_new_site(reason)

    def _begin_as(self, site: bytes) -> None:
        self.registry.become(site)
        if self._file:
            identity.settle(self.registry, self._file)

    def _become_new_site(self, reason: str) -> None:
        before = self.registry.site_id(self.registry.self_ordinal).hex()
        self._begin_as(self._make_site())
        self._changed()
        after = self.registry.site_id(self.registry.self_ordinal).hex()
        self._notice(f"{self.path}: {reason}, so it goes on as a new site {after} (before: {before}); nothing is lost")

    def _changed(self) -> None:
        """Mark the running transaction as one that brings the replica further."""
        identity.advance(self.registry)

    def _fold(self) -> None:
        if fold.fold(self.registry, self._now):
            self._changed()
            ahead_ms = clock.to_ms(self.registry.number("clock")) - self._now()
            if ahead_ms > clock.MAXIMUM_DRIFT_MS:
                self._notice(
                    f"{self.path}: its clock is {ahead_ms / 60_000:,.0f} minutes ahead of this machine's; other replicas "
                    "will wait that long before they take its changes"
                )

    def _ready(self, peer_vector: Mapping[bytes, int], *, strict: bool = True) -> None:
        """Bring the file up to date inside a write transaction.

        A peer that knows more of this site than this file does proves that the file was rolled back. That is looked at
        before folding, so that writes since then get stamps of the new site.
        """
        mine = self.registry.site_id(self.registry.self_ordinal)
        if peer_vector.get(mine, 0) > self.registry.vector().get(mine, 0):
            self._become_new_site("a peer has later changes of it, so an older state of it was restored")
        if strict:
            drift.check(self.registry)
        try:
            self._fold()
        except apsw.SQLError:
            drift.check(self.registry)
            raise

    def _known(self) -> dict[bytes, int]:
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
        table may have been altered: what is sent or merged must be whole.
        """
        peer = peer_vector or {}
        with explained(self.path):
            self.registry.require()
            with self._reading():
                mine = self.registry.site_id(self.registry.self_ordinal)
                rolled_back = peer.get(mine, 0) > self.registry.vector().get(mine, 0)
                unsynced = durable and self.registry.number("unsynced") == 1 and not self.connection.readonly("main")
                moved = strict and drift.has_moved(self.registry)
                if not (fold.has_pending(self.connection) or moved or rolled_back or unsynced):
                    yield
                    return
            with self._writing():
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
                if not fold.has_pending(self.connection):
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
                with suppress(apsw.Error):
                    self.connection.execute("ROLLBACK TO crdtsql; RELEASE crdtsql" if nested else "ROLLBACK")
                raise
            if self._file and not nested and self.registry.exists and self.registry.number("generation") != generation:
                identity.write_note(self.registry)


    @contextmanager
    def _synchronous(self, durable: bool) -> Iterator[None]:
        if self.connection.in_transaction:
            yield
            return
        (before,) = self.connection.execute("PRAGMA synchronous").fetchone()
        (mode,) = self.connection.execute("PRAGMA journal_mode").fetchone()
        self.connection.execute(f"PRAGMA synchronous = {'NORMAL' if mode == 'wal' and not durable else 'FULL'}")
        try:
            yield
        finally:
            self.connection.execute(f"PRAGMA synchronous = {before}")

    @contextmanager
    def _foreign_keys_off(self) -> Iterator[None]:
        """Keep SQLite from enforcing foreign keys row by row, and from carrying out their actions a second time."""
        (enforced,) = self.connection.execute("PRAGMA foreign_keys").fetchone()
        if not enforced:
            yield
            return
        if self.connection.in_transaction:
            raise UsageError("a changeset can't be merged inside a transaction with foreign_keys on: commit it first")
        self.connection.execute("PRAGMA foreign_keys = OFF")
        try:
            yield
        finally:
            self.connection.execute("PRAGMA foreign_keys = ON")


def sync(first: Replica, second: Replica) -> tuple[merge.MergeReport, merge.MergeReport]:
    """Exchange changes both ways between two files; return what each of them merged, first's report first.

    Afterwards both have each other's changes. Both changesets are made before either is merged, so that both sides see, and
    log, what collided. Each way is a transaction of its own: if the second one fails, the first stays, and syncing again
    finishes the work.
    """
    if first.site == second.site:
        raise CrdtsqlError(f"{first.path} and {second.path} are the same replica (site {first.site})")
    known_to_first, known_to_second = first._known(), second._known()
    for replica, known in ((first, known_to_second), (second, known_to_first)):
        with replica._folded(known):
            pass
    for_second = first.export(second.vector())
    for_first = second.export(first.vector())
    into_second = second.merge(for_second)
    into_first = first.merge(for_first)
    first.remember_peer(second.site, second.vector())
    second.remember_peer(first.site, first.vector())
    return into_first, into_second


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
        raise DatabaseError(f"{path}: {error}") from error
    except UnicodeEncodeError as error:
        raise DatabaseError(
            f"{path!r}: SQLite takes paths, names and keys as UTF-8 only, and {error.object[-60:]!r} is not valid UTF-8"
        ) from error
    except UnicodeDecodeError as error:
        raise DatabaseError(
            f"{path} holds text that is not valid UTF-8 ({error.object[:20]!r}...), which can't be shown here: it is "
            "replicated as it is; to see it, SELECT CAST(column AS BLOB)"
        ) from error


__all__: list[Any] = ["Replica", "sync"]
