"""The replica: one SQLite file, and the verbs that work on it.

What a verb does between the steps that the session holds around every one. Each verb is one transaction; whatever fails leaves
the file as it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING

import apsw

from crdtsql.base import (
    CrdtsqlError,
    DatabaseError,
    DeleteLimit,
    NotAllowedError,
    UsageError,
    Vector,
    by_id,
    caseless,
    parse_limit,
    query,
    suggest,
    written,
)
from crdtsql.replica.combining import Combining
from crdtsql.replica.exchanging import Carried, Verifying
from crdtsql.replica.forgetting.compacting import Compacting
from crdtsql.replica.forgetting.emptying import empty_log
from crdtsql.replica.forgetting.purging import Purging
from crdtsql.replica.guarding import Chaining
from crdtsql.replica.lookups import Lookups
from crdtsql.replica.opening import connect
from crdtsql.replica.past import Histories
from crdtsql.replica.reports import Standing
from crdtsql.replica.schemaverbs import SchemaVerbs
from crdtsql.replica.statements import Actors, Arbitrating
from crdtsql.replica.transactions import Explained, ForeignKeys, Undo, reading
from crdtsql.replica.turns import verb
from crdtsql.store import Remedy, damage, facts, heard, names, retired, sites, starts

if TYPE_CHECKING:
    from pathlib import Path

    from crdtsql.capture import addkey
    from crdtsql.merge import MergeReport
    from crdtsql.shown import RowsReport, vanishing
    from crdtsql.trust import Signer
    from crdtsql.wire import ChainLink, Changeset, Header, Spilled


class Replica(
    SchemaVerbs, Actors, Arbitrating, Histories, Combining, Compacting, Purging, Chaining, Carried, Verifying, Lookups
):
    """One replicated SQLite file.

    Threads may share it: it does one thing at a time, and a verb that another thread's keeps waiting for longer than the busy timeout
    raises BusyError. A transaction on `connection` is not a thread's but the connection's: threads that write at the same time open a
    replica each. It is not carried through a fork, and no other SQLite library may have the file open in this process
    (UnsafeUseError).

    Use as a context manager, or call `close`. Times and site ids come from `now` and `make_site`, so that tests own them.

    Attributes:
        notices: what a person should know of what happened, such as that the file was found to be a copy; each is also
            logged as a warning of the logger `crdtsql`.
        on_progress: called during long work, with (what, steps done, steps in all).
    """

    @verb
    def enable(
        self,
        *tables: str,
        all: bool = False,  # noqa: A002 - the verb's own word
        types: Mapping[str, str] | None = None,
        rows: str | None = None,
        granularity: str | None = None,
        add_key: bool = False,
        identity: str | None = None,
        if_needed: bool = False,
    ) -> list[str]:
        """Make tables replicated; return the names of those that were not yet, as the database spells them.

        With `all`, every ordinary table that is not enabled yet; those that can't be are left out, with a notice, and stay
        wholly as they are.

        Args:
            types: column -> type (docs/TYPES.md), the column as `column` or `table.column`; the others are `lww`.
            rows: the row policy. `add-wins`, the default: a write survives a delete that did not know of it; `delete-wins`: the
                delete takes it along; `grow-only`: rows can't be deleted.
            granularity: what an UPDATE counts as written. `column`, the default: the columns that it changed; `row`: all, so that
                of concurrent updates of a row the later one wins as a whole.
            add_key: give tables without a usable primary key one first, as `key_plans` shows it.
            identity: what a row is. `row`: what one INSERT made; of rows that were inserted under one number on several replicas
                all but one get another number, and foreign keys follow. `key`: its primary key. None: `row` for tables with
                an INTEGER PRIMARY KEY, else `key`.
            if_needed: leave tables alone that are enabled already, if all that is given here is so.

        Raises:
            CannotEnableError: a named table can't be replicated, or is enabled already in another way; then none is.
            ColumnTypeError: a column can't have its type; then no table is enabled.
            UsageError: there is no such row policy or granularity, or the table is a history.
        """
        from crdtsql.evolve import Enabling, appear
        from crdtsql.look import notices
        from crdtsql.types import columntype

        if not tables and not all:
            raise UsageError("name the tables to enable, or ask for all")
        with self._explained(), self._undamaged():
            awaited = self.registry.exists and any(table.absent for table in self.registry.tables())
        keys = ForeignKeys.OFF if add_key or awaited else ForeignKeys.AS_THEY_ARE
        with suppress(Undo), self._changing(keys, strict=False, creating=True):
            names = [*tables, *(self._others(tables) if all else [])]
            by_table = columntype.by_table(names, types or {})
            options = {name: appear.Options(by_table[name], rows, granularity, identity) for name in names}
            enabling = Enabling(self.registry, self._now, options, tables, add_key, if_needed)
            enabled = enabling.run()
            if not self.registry.tables():
                raise CrdtsqlError(f"{self.path} has no table that can be enabled")
            self._unsaid += [*enabling.left_out, *notices(self.registry, enabled)]
            if if_needed and not enabled and not self._unsaid:
                raise Undo
        return enabled

    def _others(self, tables: tuple[str, ...]) -> Iterator[str]:
        """Yield the tables that are not enabled yet nor named, but for those that a module keeps which is not here."""
        from crdtsql.sqlite import schema

        named = {caseless(name) for name in tables}
        for name in self.registry.not_enabled():
            owner = schema.owner_of_unknown_module(self.connection, name)
            if owner is not None and caseless(name) not in named:
                self._unsaid.append(
                    f"left out: table {name!r} may belong to the virtual table {owner[0]!r}, whose module {owner[1]} is not here; "
                    f"if it is a table of yours, run {suggest.command('enable', self.path, name)}"
                )
            elif caseless(name) not in named:
                yield name

    @verb
    def key_plans(self, *tables: str, all: bool = False) -> list[addkey.KeyPlan]:  # noqa: A002 - as in enable
        """Say what `enable(add_key=True)` would do to tables that have no usable primary key; changes nothing."""
        from crdtsql.capture import addkey

        with self._explained(), reading(self.connection):
            names = dict.fromkeys([*tables, *(self.registry.not_enabled() if all else [])])
            return [found for name in names if (found := addkey.plan(self.connection, name))]

    @verb
    def disable(self, *tables: str, all: bool = False) -> list[str]:  # noqa: A002 - as in enable
        """Take everything of ours off tables, all with `all`; with the last one, off the file. Return their names.

        A table's history is not replicated any more either, and stays as a table.

        It always gets out: where what crdtsql needs in the file is gone itself, everything of ours leaves it, with a notice.

        Raises:
            NotEnabledError: a table is not replicated.
        """
        from crdtsql.capture import enable
        from crdtsql.evolve import rebuild
        from crdtsql.replica.past import keeping

        with self._explained(), self._writing():
            lost = damage.look(self.connection, deep=True)
            if any(one.remedy == Remedy.DISABLE_ALL for one in lost):
                damage.take_off(self.connection)
                self._unsaid.append(f"{self.path}: {lost[0]}: nothing is replicated in this file any more")
                return list(tables)
            self.registry.require()
            rebuild(self.registry, lost)
            if not damage.look(self.connection, deep=True):
                self._ready({}, strict=False)
            known = [table.name for table in self.registry.tables()]
            names = [*dict.fromkeys((*(one.table for one in lost if one.table), *known))] if all else list(tables)
            names += [] if all else keeping.leave(self.registry, names)
            for name in names:
                if self.registry.exists or name in known:
                    enable.disable(self.registry, name)
            if self.registry.exists and not damage.look(self.connection, deep=True):
                self._come_further(strict=False)
        return names

    @verb
    def set_rows(self, table: str, policy: str, *, granularity: str | None = None) -> RowsReport:
        """Change a table's row policy, and its granularity if one is given; do the same on every replica.

        Rows that were written and deleted concurrently go, or come back, as they do under the new policy. Replicas with different
        policies refuse each other's changesets until all were changed.

        Raises:
            NotEnabledError: the table is not replicated.
            UsageError: there is no such row policy or granularity.
            ConstraintViolationError: rows of a table that is not replicated refer to rows that would go.
        """
        from crdtsql.shown import set_rows

        with self._changing(ForeignKeys.OFF):
            self.registry.table(table).check_no_history()
            return set_rows(self.registry, table, policy, granularity)

    @verb
    def vector(self) -> dict[str, int]:
        """Return the version vector: site id as hex -> hlc up to which all its events are here."""
        with self._folded(strict=False):
            return written(retired.told_vector(self.registry))

    @verb
    def merge(
        self,
        data: bytes | Spilled,
        *,
        refuse_unrelated: bool = False,
        max_deletes: DeleteLimit | int | str | None = None,
    ) -> MergeReport:
        """Merge a changeset, bytes or what `export_spilled` returned, in one transaction, or not at all.

        Args:
            refuse_unrelated: raise instead where rows of equal keys have other values here and there, in tables that this replica
                and the sender filled separately; once they have met, nothing is refused any more.
            max_deletes: raise instead where more rows of a table would disappear: a number of rows, a share of the rows that it shows,
                such as "10%", or "half": half of them, but for fewer than 50. None, or "off": as many as there are.

        Raises:
            InvalidChangesetError: it is damaged, cut off, of another version, or no changeset at all.
            MissingChangesError: it builds on changes that are not here.
            ClockSkewError: its stamps are too far in the future.
            FilledSeparatelyError: there are such rows, and they are to be refused.
            TooManyDeletesError: more rows would disappear than may.
            ForkedSiteError: two files went on as one site, and the changeset knows another one of them than this replica.
            SchemaMismatchError: a table has another key, type or policy there, or is in this file and not replicated.
            RejoinError: this replica, or the one that it comes from, missed a compaction of the other one.
            CrowdedError: this replica would keep more for others than it can pass on.
            UntrustedError: it is not signed as it must be, or that site is not believed.
            NotAllowedError: a site may not write what it has here; it is set aside.
            ConstraintViolationError: rows of a table that is not replicated refer to rows that would go.
        """
        from crdtsql.wire import is_bundle

        if is_bundle(data):
            merge = partial(self._merge_one, refuse_unrelated=refuse_unrelated)
            return self._merge_bundle(data, parse_limit(max_deletes), merge)
        return self._merge_one(data, refuse_unrelated=refuse_unrelated, max_deletes=max_deletes)

    def _merge_one(
        self,
        data: bytes | Spilled,
        *,
        refuse_unrelated: bool,
        max_deletes: DeleteLimit | int | str | None,
        link: ChainLink | None = None,
    ) -> MergeReport:
        """Merge one changeset, which may be a link of a chain."""
        from crdtsql.compaction import fence
        from crdtsql.merge import MergeReport, check_lines, check_needs, check_skew
        from crdtsql.shown import vanishing
        from crdtsql.wire import unpack

        allowed = vanishing.Allowed(parse_limit(max_deletes))
        received = unpack(data, sites.packed_before(self.connection))
        header = received.header
        with self._explained():
            self.registry.require()
            signer = self._believed(received)
            link = self._checked_link(link, received)
            # The vector may prove that this file is an older state, which is to be known before what waits is stamped.
            with self._folded(self._claims(header)):
                check_lines(self.registry, header)
                fence.check(self.registry, header)
                check_needs(self.registry, header)
                check_skew(header, self._now)
                here = retired.vector_with(self.registry, header.vector)
                known, repeated = not header.has_news_for(here), header.repeats(here)
                told = signer is not None or link is not None or self._has_words(self._own_words(header))
            if facts.is_guarded(self.connection):
                self._seal()
            if known:
                if told:
                    self._check_held(link, received)
                    with self._changing(durable=False):
                        self.registry.says_more = False
                        self._learn(self._own_words(header), self._believed(received))
                        self._keep_link(link, data)
                return MergeReport(header.sender.hex(), known=True, repeated=repeated)
            self.on_progress("check", 0, 1)
            try:
                report = self._take_in(received, refuse_unrelated, allowed, lambda: self._keep_link(link, data))
            except NotAllowedError as error:
                raise self._set_aside(error, data, link) from error
            report.repeated = repeated
        return self._told_of(report)

    def take_aside(self, number: int) -> MergeReport:
        """Merge a changeset that was set aside, once its sites may write what it has; else it stays aside.

        Raises:
            UsageError: there is none of that number.
        """
        data = self._read_aside(number)
        report = self.merge(data)
        self.drop_aside(number)
        return report

    def _told_of(self, report: MergeReport) -> MergeReport:
        """Tell what there is to know of a merge, once it is committed."""
        for notice in report.notices:
            self._notice(notice)
        if any(one.purged for one in report.tables.values()) and not self.connection.in_transaction:
            empty_log(self.connection, self.lock_timeout)  # what was overwritten stands there too
        return report

    def _take_in(
        self, received: Changeset, refuse_unrelated: bool, allowed: vanishing.Allowed, keep: Callable[[], None]
    ) -> MergeReport:
        """Merge a changeset that has news, in a transaction; once more if it must be noted what a table shows.

        Args:
            keep: called in that transaction, once it is merged.
        """
        from crdtsql.shown import vanishing

        while True:
            try:
                return self._try_to_take_in(received, refuse_unrelated, allowed, keep)
            except vanishing.DoubtError as doubt:
                allowed = allowed._replace(noted=doubt.tables)

    def _try_to_take_in(
        self, received: Changeset, refuse_unrelated: bool, allowed: vanishing.Allowed, keep: Callable[[], None]
    ) -> MergeReport:
        from crdtsql.compaction import fence
        from crdtsql.merge import check_lines, check_needs, foreseen, merge
        from crdtsql.wire import laid_open

        header = received.header
        with (
            laid_open(self.connection, received) as database,
            foreseen(self.registry, header, database) as known,
            self._changing(ForeignKeys.OFF, peer_vector=self._claims(header), durable=False),
        ):
            check_lines(self.registry, header)
            fence.check(self.registry, header)
            check_needs(self.registry, header)
            fence.admit(self.registry, header, database)
            signer = self._believed(received)
            header = self._permitted(header, database)
            self.registry.says_more = False
            report = merge(
                self.registry,
                header,
                database,
                self.on_progress,
                refuse_unrelated=refuse_unrelated,
                allowed=allowed,
                foreseen=known,
            )
            starts.meet(self.registry, header.starts)
            self._learn(header, signer)
            keep()
            self.registry.remember_peer(header.sender, header.vector)
        return report

    def _learn(self, header: Header, signer: Signer | None) -> None:
        """Take over what a changeset says beside its events, once these are here, and who signed it."""
        from crdtsql.compaction import rounds
        from crdtsql.numbers import blocks

        if strange := (header.lanes.keys() | header.names.keys()) - self.registry.ordinals().keys():
            heard.note(self.registry, header.sender, (site.hex() for site in strange))
        blocks.meet(self.registry, header.lanes)
        names.meet(self.registry, header.names)
        rounds.meet(self.registry, header.compaction, header.retired)
        if signer is not None:
            self._note_signer(signer)
        if self.registry.says_more:
            from crdtsql.export import sendable

            sendable.check(self.registry, header.sender)

    @verb
    def clone(self, path: str | os.PathLike[str]) -> Replica:
        """Write a second replica with a site id of its own to a path where no file is, and open it.

        Raises:
            DatabaseError: there is a file already.
        """
        from pathlib import Path

        from crdtsql.numbers import blocks
        from crdtsql.wire import move_to_new, unfinished

        target = Path(path)
        if not self._file:
            raise DatabaseError("an in-memory database can't be cloned; export from it instead")
        if target.exists():
            raise DatabaseError(
                f"{target}: there is a file already; clone to another path, or use {suggest.verb('sync')}"
            )
        if not target.parent.is_dir():
            raise DatabaseError(f"{target}: it can't be written: there is no folder {target.parent}")
        site = self._make_site()
        with self._folded():
            has_blocks = blocks.has_sequences(self.registry)
        self._seal()
        if has_blocks and not self.connection.readonly("main"):
            with self._changing(durable=False):  # noted here too: the next clone gets another lane
                blocks.give(self.registry, site)
        try:
            with self._vouched(site), unfinished(target, 0o644) as temporary:
                with Explained(str(target), self.lock_timeout), self._at_rest():
                    self._copy_to(temporary, site)
                with self._finishing():
                    move_to_new(temporary, target)
        except FileExistsError as error:
            raise DatabaseError(f"{target}: there is a file already; clone to another path") from error
        except OSError as error:
            raise DatabaseError(f"{target}: it can't be written: {error.strerror}") from error
        return Replica.open(target, now=self._now, make_site=self._make_site, lock_timeout=self.lock_timeout)

    def _copy_to(self, path: Path, site: bytes) -> None:
        with closing(connect(self._file, self.lock_timeout)) as source, closing(apsw.Connection(str(path))) as copy:
            with copy.backup("main", source, "main") as backup:
                while not backup.done:
                    backup.step(1000)
            other = Replica(copy, now=self._now, make_site=self._make_site)
            with other._writing():
                other._begin_as(site)
                had = retired.told_vector(self.registry)
                other.registry.remember_peer(self.registry.site_id(self.registry.self_ordinal), had)
                other._changed()
            query.rows(copy, "PRAGMA wal_checkpoint(TRUNCATE)")

    def has_news_for(self, vector: Vector, lanes: Mapping[str, int]) -> bool:
        """Tell whether a changeset would bring a peer anything: events, or what it does not know of blocks of ids; this is folded.

        Args:
            lanes: the peer's `lanes_known()`.
        """
        known = {site.hex(): upto for site, upto in self.known(by_id(vector)).items()}
        return Standing(self.site, known, self.lanes_known()).has_news_for(vector, lanes)
