"""Reconciling: take in what copies of a database file have: conflict copies that a sync program made of the file itself, backups.

A copy is read from a copy of its own, so it stays as it is, with what lies beside it. What no crdtsql command has seen of its writes
is folded there, under a site of its own, or under those that the book says if it is in another file too; else the copy speaks with the
site that it has, and no site is made that nobody needs.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw

from crdtsql.base import DatabaseError, DeleteLimit, UsageError, by_id
from crdtsql.merge import MergeReport
from crdtsql.replica import Replica, asked
from crdtsql.store import Registry, has_pending, state_directory
from crdtsql.wire import no_such_file

BESIDE = ("", "-wal", "-journal")
"""What makes up a database: the file, and what SQLite may have left beside it."""


class Copied(Replica):
    """A replica on a copy, which has nothing to tell anybody."""

    def _notice(self, text: str) -> None:
        """Keep it, and tell nobody."""
        self.notices.append(text)

    def _operators_word(self) -> None:
        """Heed no operator: what is said is said of the file, not of its copies."""


def reconcile(
    replica: Replica,
    copies: Sequence[str | os.PathLike[str]],
    *,
    refuse_unrelated: bool,
    max_deletes: DeleteLimit | None,
    told: Callable[[str, MergeReport], None] | None = None,
) -> dict[str, MergeReport]:
    """Merge what copies of a file have; return what each brought, and tell of each as soon as it is merged."""
    paths = [os.fspath(copy) for copy in copies]
    for path in paths:
        if not os.path.isfile(path):
            raise DatabaseError(no_such_file(path))
        if replica.connection.filename and os.path.samefile(path, replica.connection.filename):
            raise UsageError(f"{path} is the file itself: name its copies")
    for path in paths if len(paths) > 1 else ():
        _look_at(path)
    found = {}
    for path in paths:
        with _opened(replica, path) as copy:
            replica.fold(by_id(copy.vector()))
            vector, lanes = replica.vector(), replica.lanes_known()
            if copy.has_news_for(vector, lanes):
                data = copy.export_spilled(vector)
                found[path] = replica.merge(data, refuse_unrelated=refuse_unrelated, max_deletes=max_deletes)
            else:
                found[path] = MergeReport(copy.site, known=True)
        if told is not None:
            told(path, found[path])
    return found


def _look_at(path: str) -> None:
    """Check that a copy is a replica that can be read, so that nothing is merged where a later one is none."""
    with _copied(path) as target, _in_memory(target, path) as copy:
        asked(copy, Registry.require)


@contextmanager
def _copied(path: str) -> Iterator[Path]:
    """Copy a copy, with what lies beside it."""
    with tempfile.TemporaryDirectory(prefix="crdtsql-") as folder:
        target = Path(folder) / os.path.basename(path)
        for suffix in BESIDE:
            try:
                shutil.copyfile(f"{path}{suffix}", f"{target}{suffix}")
            except FileNotFoundError:
                continue
            except OSError as error:
                raise DatabaseError(f"{path}: it can't be copied to {folder}: {error.strerror}") from error
        yield target


@contextmanager
def _opened(replica: Replica, path: str) -> Iterator[Replica]:
    """Open a copy of a copy."""
    with _copied(path) as target:
        if _has_pending(target):
            with Copied.open(target, lock_timeout=replica.lock_timeout, called=path) as copy:
                copy.fold()
                yield copy
                note = state_directory() / f"{copy.site}.json"
            with suppress(OSError):
                note.unlink()
            return
        with _in_memory(target, path) as copy:
            yield copy


@contextmanager
def _in_memory(target: Path, path: str) -> Iterator[Replica]:
    """Open what a file has in a database of this process; `path` is what it is called."""
    connection = apsw.Connection("")
    try:
        _load(target, connection, path)
        yield Copied.on(connection, called=path)
    finally:
        connection.close()


def _has_pending(path: Path) -> bool:
    """Tell whether there are writes in a file that no command has seen; no if it is no replica, which is said later."""
    connection = apsw.Connection(str(path))
    try:
        return has_pending(connection)
    except apsw.Error:
        return False
    finally:
        connection.close()


def _load(target: Path, connection: apsw.Connection, path: str) -> None:
    """Read a file into another connection's database."""
    source = apsw.Connection(str(target))
    try:
        source.execute("PRAGMA schema_version").fetchall()  # the words of an error in a backup say "not an error"
        with connection.backup("main", source, "main") as backup:
            while not backup.done:
                backup.step(1000)
        connection.execute("PRAGMA journal_mode = DELETE")
    except apsw.NotADBError as error:
        raise DatabaseError(
            f"{path} is not an SQLite database (or an encrypted one): name copies of this file alone"
        ) from error
    except apsw.Error as error:
        why = type(error).__name__ if str(error) == "not an error" else error
        raise DatabaseError(
            f"{path} is damaged, or can't be read ({why}): leave it out, or try sqlite3's .recover"
        ) from error
    finally:
        source.close()
