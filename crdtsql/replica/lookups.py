"""Lookups: the verbs that tell what a file holds.

Each looks at one committed state in which nothing is left to fold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import apsw

from crdtsql.base import (
    RETIRED,
    CrdtsqlError,
    SharedVector,
    SqliteValue,
    Vector,
    by_id,
    differing,
    memory,
    query,
    written,
)
from crdtsql.replica.reports import Standing
from crdtsql.replica.session import Session
from crdtsql.replica.transactions import ForeignKeys, foreign_keys, reading
from crdtsql.replica.turns import verb
from crdtsql.store import damage, facts, has_pending, lanes, peers, retired, sites

if TYPE_CHECKING:
    from crdtsql.conflicts import Conflict
    from crdtsql.export import Change
    from crdtsql.look import CellOrigin, KnownMerge, LogEntry, Measures, Member, Report, Status, Stranger
    from crdtsql.numbers import Renumbered
    from crdtsql.shown import Difference, HeldRow


@dataclass(slots=True)
class _Remembered:
    """What a peer was seen to have.

    Attributes:
        told: what it has told of that before, if that can't change.
    """

    vector: Mapping[bytes, int]
    told: Mapping[bytes, int] | None = None


class Lookups(Session):
    """The verbs that tell what a file holds."""

    @contextmanager
    def _at_rest(self) -> Iterator[None]:
        """Hold the write lock on a committed state in which nothing is left to fold; changes nothing meanwhile."""
        while True:
            with self._folded():
                pass
            memory.forget_rows(self.connection)
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                if not has_pending(self.connection):
                    yield
                    return
            finally:
                self.connection.execute("ROLLBACK")

    @verb
    def known(self, peer: Mapping[bytes, int] | None = None) -> dict[bytes, int]:
        """Return the version vector as it was after the last fold.

        Args:
            peer: a vector to compare it with; then both name the same ended sites.
        """
        with self._explained():
            found = memory.of_content(self.connection, "vector", self._read_vector)
            return self._in_terms_of(peer or {}, found)

    def _read_vector(self) -> Mapping[bytes, int]:
        self.registry.require()
        with reading(self.connection):
            return retired.told_vector(self.registry)

    def _in_terms_of(self, peer: Mapping[bytes, int], vector: Mapping[bytes, int]) -> dict[bytes, int]:
        if not peer or not (RETIRED in vector or RETIRED in peer):
            return {**vector}
        from crdtsql.compaction import retiring

        with reading(self.connection):
            return {**retiring.told_in_terms_of(self.registry, peer)}

    @verb
    def both_heard(self, site: str, here: Vector, there: Vector) -> bool:
        """Tell whether this replica and a peer both have changes that neither had when they last met, if they ever did.

        They have these from others; or somebody told one of them that it has them, so that nobody gives it these any more.

        Args:
            here, there: what this replica and the peer have.
        """
        with self._explained():
            known = self._remembered(site)
            told, ours = (sites.read_vector(self.connection, vector) for vector in (there, here))
        news = () if told is known.told else differing(told, known.vector)
        return any(min(told[one], ours.get(one, 0)) > known.vector.get(one, 0) for one in news)

    @verb
    def remember_peer(self, site: str, vector: Vector) -> bool:
        """Remember what a peer has, for `status` and `both_heard`; tell whether it is more than it was known to have."""
        with self._explained():
            known, told = self._remembered(site), sites.read_vector(self.connection, vector)
        if told is known.told:
            return False
        if any(told[origin] > known.vector.get(origin, 0) for origin in differing(told, known.vector)):
            with self._writing():
                self.registry.remember_peer(bytes.fromhex(site), told)
            return True
        if isinstance(vector, SharedVector):
            known.told = told
        return False

    def _remembered(self, site: str) -> _Remembered:
        return memory.of_content(self.connection, ("peer", site), partial(self._read_peer, bytes.fromhex(site)))

    def _read_peer(self, site: bytes) -> _Remembered:
        with reading(self.connection):
            ordinal = self.registry.ordinals().get(site)
            return _Remembered({} if ordinal is None else peers.known(self.connection, ordinal))

    @verb
    def standing(self, peer_vector: Vector | None = None) -> Standing:
        """Fold what was written, and say who this replica is and what it has; while nobody writes to the file that costs microseconds.

        Args:
            peer_vector: what a peer has, which may prove that this file was rolled back.
        """
        found = self._shared_standing(peer_vector or {})
        return Standing(found.site, {**found.vector}, {**found.lanes})

    @verb
    def shared_standing(self, peer_vector: Vector, *, folding: bool = True) -> Standing:
        """Return what `standing` does, with a vector that can't be changed: a sync asks for it several times.

        Args:
            folding: without, it is where this replica stood after the last fold.
        """
        return self._shared_standing(peer_vector, folding=folding)

    def _shared_standing(self, peer_vector: Vector, *, folding: bool = True) -> Standing:
        with self._explained():
            peer = sites.read_vector(self.connection, peer_vector)
            if folding:
                # What waits to be settled waits while foreign keys are enforced.
                enforced = query.enforces_keys(self.connection)
                found = memory.of_content(self.connection, ("standing", enforced), partial(self._stand, peer))
                if peer.get(bytes.fromhex(found.site), 0) > found.vector.get(found.site, 0):
                    found = self._stand(peer)
            else:
                found = memory.of_content(self.connection, "stood", self._stood)
            if RETIRED in peer or RETIRED.hex() in found.vector:
                return found._replace(vector=written(self._in_terms_of(peer, by_id(found.vector))))
        return found

    def _stand(self, peer: Mapping[bytes, int]) -> Standing:
        with self._folded(peer):
            return self._where()

    def _stood(self) -> Standing:
        self.registry.require()
        with reading(self.connection):
            return self._where()

    def _where(self) -> Standing:
        site, vector = self.registry.site_id(self.registry.self_ordinal).hex(), retired.written_vector(self.registry)
        if facts.is_guarded(self.connection):
            from crdtsql.trust import chains

            if lacks := chains.unsigned_after(self.registry):
                vector = vector.raised(MappingProxyType({**vector.by_id, **lacks}), lacks)
        return Standing(site, vector, self._read_lanes())

    @verb
    def lanes_known(self) -> dict[str, int]:
        """Return what is known beside events: of which sites from which blocks they take their ids (site -> how often it has chosen
        them), and, by a fingerprint with the number 0, what was agreed on that may be forgotten.
        """
        with self._explained():
            return {**memory.of_content(self.connection, "lanes", self._read_lanes)}

    def _read_lanes(self) -> dict[str, int]:
        from crdtsql.compaction import floor

        found = {site.hex(): lane.chosen for site, lane in lanes.read(self.registry).items()}
        agreement = floor.read(self.registry)
        return found | ({agreement.fingerprint: 0} if agreement else {})

    @verb
    def status(self) -> Status:
        """Describe the file: tables, sites, vector, sizes, peers."""
        from crdtsql.look import status

        with self._explained():
            self.registry.require()
            with reading(self.connection):
                return status(self.registry)

    @verb
    def members(self) -> list[Member]:
        """List the sites that this file knows: its own, then the others, those that were heard of last first."""
        from crdtsql.look import members

        with self._folded(strict=False):
            return members(self.registry, self._now)

    @verb
    def strangers(self) -> list[Stranger]:
        """List what this file keeps for others because it does not have it: tables, columns, what was disabled, names of sites."""
        from crdtsql.look import strangers

        with self._explained(), reading(self.connection):
            self.registry.require()
            return strangers(self.registry)

    @verb
    def measures(self, others: Mapping[str, Vector] | None = None, *, sizes: bool = True) -> Measures:
        """Return numbers about the file, for monitoring: conflicts, held rows, and how far peers are apart, as they were last seen.

        Args:
            others: what another side is called, such as a store -> its vector.
            sizes: read also how many bytes crdtsql's own tables have, which takes long in large files.
        """
        from crdtsql.look import measure

        with self._folded(strict=False):
            return measure(self.registry, others or {}, sizes=sizes)

    def time_ms(self) -> int:
        """Return the present as this replica's clock has it, in milliseconds since 1970."""
        return self._now()

    @verb
    def doctor(self, *tables: str) -> Report:
        """Examine tables, all if none is named: can they be replicated, what do merges do with them, what is broken?

        Works on any SQLite file, and changes nothing.
        """
        from crdtsql.look import examine, guarded
        from crdtsql.verify import apart

        with self._explained():
            differing = self._shown_otherwise()
            with reading(self.connection):
                report = examine(self.registry, tables, differing)
                report.findings += [] if tables else [*apart.findings(self.registry), *guarded.findings(self.registry)]
                return report

    def _shown_otherwise(self) -> list[Difference]:
        """Settle everything from scratch, say what was shown otherwise, and undo it; nothing is said where that can't be done."""
        from crdtsql.shown import find_differences

        connection = self.connection
        if connection.in_transaction or connection.readonly("main") or not self.registry.exists:
            return []
        if damage.look(connection, deep=True):
            return []
        unsaid = list(self._unsaid)
        with foreign_keys(connection, ForeignKeys.OFF):
            try:
                memory.forget_rows(connection)
                connection.execute("BEGIN IMMEDIATE")
                self._nested = True  # all of it is undone, so nothing may be written down of it elsewhere
                self.registry.require()
                self._ready({}, strict=False)
                return [] if has_pending(connection) else find_differences(self.registry)
            except (apsw.Error, CrdtsqlError):
                return []  # what hinders it is among the other findings
            finally:
                self._unsaid = unsaid
                self._waiting.close()
                memory.forget(connection)
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @verb
    def blame(self, table: str, *key: SqliteValue) -> list[CellOrigin]:
        """List who wrote each cell of a row, and when.

        Raises:
            UnknownRowError: there is no such row, shown or held.
        """
        from crdtsql.look import blame

        with self._folded(strict=False):
            return blame(self.registry, table, key)

    @verb
    def log(
        self, table: str | None = None, *, after: int = 0, limit: int | None = 100, run: str | None = None
    ) -> list[LogEntry]:
        """List which rows show what came from other sites, the newest arrivals first; what was overwritten since then is left out.

        Args:
            after: only what arrived after this batch; `position()` tells it, and so does each entry.
            limit: at most so many, None for all.
            run: list what was written in this run instead, here or elsewhere, as writers said in `crdt_actor`.

        Raises:
            NotEnabledError: the table is not replicated.
        """
        from crdtsql.look import log

        with self._folded(strict=False):
            return log(self.registry, table, after, limit, run)

    @verb
    def merges(self, *, limit: int | None = 100) -> list[KnownMerge]:
        """List which sites had merged whose writes when they wrote on, the latest first.

        It tells of all replicas, as far as is known here. A merge after which its replica wrote nothing is not known elsewhere,
        and compaction forgets old ones.

        Args:
            limit: at most so many, None for all.
        """
        from crdtsql.look import merges

        with self._folded(strict=False):
            return merges(self.registry, limit)

    @verb
    def position(self) -> int:
        """Return the number of the last batch, after which `log` can go on later."""
        with self._folded(strict=False):
            return self.registry.number("batch")

    @verb
    def conflicts(
        self,
        table: str | None = None,
        *,
        open_only: bool = False,
        column: str | None = None,
        site: str | None = None,
    ) -> list[Conflict]:
        """List the concurrent overwrites that merges on this replica found, oldest first.

        Args:
            column: only those of this column, `column` or `table.column`.
            site: only those whose incoming value this site wrote.

        Raises:
            NotEnabledError: the table is not replicated.
            UsageError: no table has such a column, or no such site is known here.
        """
        from crdtsql.conflicts import Selection, select

        with self._folded(strict=False):
            return select(self.registry, Selection(table, column, site, open_only))

    @verb
    def changes(self, since: Vector | None = None) -> list[Change]:
        """List the cells that `export` would carry, one by one."""
        from crdtsql.export import changes, export
        from crdtsql.wire import attached

        receiver = by_id(since or {})
        with self._explained(), attached(self.connection, "image") as database, self._folded(receiver):
            header = export(self.registry, receiver, self._now, database, self.on_progress, for_people=True)
            return list(changes(self.connection, header, database))

    @verb
    def held(self, table: str | None = None, *, deleted: bool = False) -> list[HeldRow]:
        """List the rows that the tables can't show, or not as they are, with the reason and what would release them.

        Args:
            deleted: list also rows that are only deleted.

        Raises:
            NotEnabledError: the table is not replicated.
        """
        from crdtsql.shown import held

        with self._folded(strict=False):
            return held(self.registry, table, deleted=deleted)

    @verb
    def renumbered(self, table: str | None = None) -> list[Renumbered]:
        """List the rows that are shown under another number than they were inserted under, because another row keeps that one.

        Raises:
            NotEnabledError: the table is not replicated.
        """
        from crdtsql.numbers import renumbered

        with self._folded(strict=False):
            return renumbered.read(self.registry, table)

    @verb
    def conflict(self, number: int) -> Conflict:
        """Return one concurrent overwrite by its number.

        Raises:
            UnknownConflictError: there is none of that number.
        """
        from crdtsql.conflicts import conflict_log

        with self._folded(strict=False):
            return conflict_log.find(self.registry, number)

    @verb
    def limit_conflicts(self, *, per_cell: int | None = None, total: int | None = None, size: int | None = None) -> int:
        """Say how many entries the conflict log keeps of one cell, and in all, and how many bytes of values.

        Return how many were forgotten by that.

        Resolved entries are forgotten before open ones, and the oldest first.
        """
        from crdtsql.conflicts import conflict_log

        with self._changing(strict=False):
            conflict_log.set_limits(self.registry, per_cell, total, size)
            return conflict_log.prune(self.registry, self.registry.tables())
