"""Rehearsed: a replica on a copy that nobody keeps. What is done there is done nowhere else: not in the file, nor beside it.

It knows what its file would: which writes in the log were folded before under which site, and whether the file would go on as a new
site. So what a merge does to it is what the merge would do to the file.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import apsw

from crdtsql.base import DeleteLimit, Now, query
from crdtsql.merge import MergeReport
from crdtsql.replica.opening import connect, new_site, now_ms
from crdtsql.replica.replica import Replica
from crdtsql.replica.transactions import LOCK_TIMEOUT_S, Explained, reading
from crdtsql.replica.trying import differences
from crdtsql.replica.trying.previews import SidePreview
from crdtsql.shown import vanishing
from crdtsql.store import copies

if TYPE_CHECKING:
    from crdtsql.wire import Spilled


class Rehearsed(Replica):
    """A replica on a copy."""

    _before: differences.Before | None = None

    def _notice(self, text: str) -> None:
        """Keep it, and tell nobody: nothing of that happened."""
        self.notices.append(text)

    def _begin_as(self, site: bytes) -> None:
        """Begin as another site, which makes no key outside of the file."""
        self.registry.set("signs", 0)
        super()._begin_as(site)

    def recognize_as(self, file: str) -> None:
        """Go on as a new site if a file would that is opened."""
        if not (self.registry.exists and self._knows_its_sites()):
            return
        reason = copies.reason_for_new_site(self.registry, file, self._operators_word())
        if reason is not None:
            with self._writing():
                self._become_new_site(reason)

    def note_rows(self, folder: str) -> None:
        """Note what the tables show now, in a file in a folder; before anything else is done."""
        with self._explained():
            self._before = differences.Before.of(self, folder)

    def merge(self, data: bytes | Spilled, **options: Any) -> MergeReport:
        """Merge, as in `Replica.merge`, and note what was held and what had collided before the first time."""
        if self._before is not None and not self._before.is_noted:
            self._before.note(self)
        return super().merge(data, **options)

    @contextmanager
    def within(self, limit: DeleteLimit) -> Iterator[None]:
        """Count the rows that disappear by all that is merged in a block.

        Raises:
            TooManyDeletesError: they are too many.
        """
        with self._explained():
            tables = self.registry.tables()
            names = frozenset(table.name for table in tables)
            with vanishing.guarded(self.registry, vanishing.Allowed(limit, names), tables) as guard:
                yield
                guard.count(names)

    def told(self, merged: MergeReport, limit: int | None) -> SidePreview:
        """Say what all that was done has changed, and merges reported; list at most so many of each kind."""
        side = SidePreview(self.path, merged)
        if self._before is not None:
            with self._folded(strict=False):
                pass
            with self._explained():
                self._before.compare(self, side, limit)
        return side


@contextmanager
def rehearse(
    source: apsw.Connection, path: str, stands_for: str, *, now: Now, make_site: Callable[[], bytes]
) -> Iterator[Rehearsed]:
    """Give a replica on a copy of what a connection shows, for the length of a block.

    Args:
        path: what it is called.
        stands_for: the file that it is a copy of; "" if of none.
    """
    copy = apsw.Connection("")
    try:
        with reading(source):
            differences.copy_all(source, copy)
        query.rows(copy, "PRAGMA journal_mode = DELETE")
        rehearsed = Rehearsed.on(copy, now=now, make_site=make_site)
        rehearsed.registry.given_path, rehearsed.registry.stands_for = path, stands_for
        yield rehearsed
    finally:
        copy.close()


@contextmanager
def rehearse_file(
    path: str | os.PathLike[str],
    *,
    now: Now = now_ms,
    make_site: Callable[[], bytes] = new_site,
    lock_timeout: float = LOCK_TIMEOUT_S,
) -> Iterator[Rehearsed]:
    """Give a replica on a copy of a file, which stays as it is byte for byte, with what lies beside it.

    Raises:
        DatabaseError: there is no such file, or it is no SQLite database.
        NotEnabledError: nothing is replicated in it.
    """
    name = os.fspath(path)
    with ExitStack() as stack, Explained(name, lock_timeout):
        source = connect(name, lock_timeout)
        try:
            with suppress(OSError):
                if os.path.getsize(f"{source.filename}-wal"):  # whoever closes it last would empty it into the file
                    source.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            file = source.filename
            copied = rehearse(source, name, file, now=now, make_site=make_site)
            rehearsed = stack.enter_context(copied)
            rehearsed.recognize_as(file)
        finally:
            source.close()
        rehearsed.lock_timeout = lock_timeout
        rehearsed.registry.require()
        yield rehearsed


@contextmanager
def noted(rehearsed: Rehearsed) -> Iterator[Rehearsed]:
    """Have a rehearsed replica note what it shows before anything is done, for the length of a block."""
    with tempfile.TemporaryDirectory(prefix="crdtsql-") as folder:
        rehearsed.note_rows(folder)
        yield rehearsed
