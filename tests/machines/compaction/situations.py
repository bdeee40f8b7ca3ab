"""The situations that the histories must have met; a random test that never meets one shows nothing about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from crdtsql import Replica
from crdtsql.store.registry import Registry
from crdtsql.wire import unpack
from tests.machines.compaction import verbs
from tests.machines.compaction.pairs import Pair
from tests.support import state

Row = tuple[str, tuple[state.Exact, ...]]

REQUIRED = (
    "rounds finished",
    "rounds finished with three members or more",
    "rows purged",
    "rows back to genesis",
    "RejoinErrors",
    "RejoinErrors for an old changeset",
    "an old changeset brought nothing after a compaction",
    "a newcomer came after a compaction",
    "a clone was made after a compaction",
    "a copy was made after a compaction",
    "a backup was restored",
    "a replica was lost",
    "a site that is gone was forgotten",
    "a site that comes back was forgotten",
    "a row that was compacted on one side only was written",
    "a row that was purged was inserted again",
    "update against a concurrent delete after a compaction",
    "a late column was written",
    "undeletes",
    "undelete of a row that may be purged",
    "conflicts were resolved",
    "a table got another policy after a compaction",
    "syncs by one call",
    "a sync by one call was refused",
    "verify",
    "equal vectors",
    "equal vectors, compacted differently",
    "a table was settled wholly in the end",
    "a site was retired",
    "what a site had seen was forgotten",
    "what a site had seen came back",
    "a retired site left a file",
    "a retired site is named by stamps in the end",
    "an old changeset named a retired site",
    "a newcomer came after a site was retired",
    "a file wrote after a site was retired there",
    "a file that names a retired site met one that does not",
    "a history: on",
    "a history: off",
    "a history: drop",
    "rows undone",
)


def stamps(pair: Pair) -> dict[Row, bool]:
    """Return the rows that have a clock row: whether they are deleted."""
    connection, found = pair.one.replica.connection, {}
    for table in Registry(connection).tables():
        width = len(table.key)
        keys = ", ".join(map(str, table.key_names))
        for gone, *key in connection.execute(f"SELECT gone, {keys} FROM {table.clock}"):
            assert len(key) == width
            found[table.name, tuple(map(state.exact_of, key))] = gone == 1
    return found


class Watch:
    """Counts what a history meets."""

    def __init__(self, occurred: Counter[str]) -> None:
        self.occurred = occurred
        self.purged: set[tuple[str, Row]] = set()
        self.floors: dict[str, dict[bytes, int]] = {}
        self.over: dict[str, set[bytes]] = {}

    def wrote(self, pair: Pair, before: dict[Row, bool], pairs: Iterable[Pair]) -> None:
        """Count rows that a program wrote, and that were compacted here or elsewhere only."""
        pair.both(Replica.fold)
        if not self._compacted(pair):
            return
        written = stamps(pair).keys() - before.keys()
        for other in pairs:
            if other is not pair:
                self.occurred["a row that was compacted on one side only was written"] += bool(
                    written & stamps(other).keys()
                )
        self.occurred["a file wrote after a site was retired there"] += bool(verbs.retired(pair.one.replica))
        self.occurred["a row that was purged was inserted again"] += any(
            (pair.name, row) in self.purged for row in written
        )

    def _compacted(self, pair: Pair) -> bool:
        return bool(verbs.floor(pair.one.replica))

    def looked(self, pair: Pair) -> None:
        """Count rounds that were finished since a replica was looked at last."""
        now = verbs.floor(pair.one.replica)
        if now != self.floors.get(pair.name, {}):
            self.floors[pair.name] = now
            self.occurred["rounds finished"] += 1
            self.occurred["rounds finished with three members or more"] += verbs.members(pair.one.replica) >= 3
        over = {*verbs.retired(pair.one.replica)}
        self.occurred["a site was retired"] += len(over - self.over.get(pair.name, set()))
        self.over[pair.name] = over

    def merges(self, pair: Pair, data: bytes, *, old: bool) -> None:
        """Count what a changeset names that is to be merged."""
        over = {*verbs.retired(pair.one.replica)}
        if over:
            told = {site.id for site in unpack(data).header.sites}
            here = {bytes(site) for (site,) in pair.one.replica.connection.execute("SELECT id FROM _crdt_site")}
            self.occurred["an old changeset named a retired site"] += old and bool(told & over)
            self.occurred["a file that names a retired site met one that does not"] += bool((told & over) - here)

    def merged(self, pair: Pair, known: object, *, old: bool) -> None:
        """Count what a merge met."""
        self.occurred["merges"] += known is False
        if not self._compacted(pair):
            return
        self.occurred["merges after a compaction"] += known is False
        self.occurred["an old changeset brought nothing after a compaction"] += old and known is True
        for row in state.rows(pair.one.replica.connection).values():
            kinds = {gone for _, _, gone in row.heads}
            self.occurred["update against a concurrent delete after a compaction"] += len(kinds) == 2

    def compacted(self, pair: Pair, before: dict[Row, bool], pairs: Iterable[Pair]) -> None:
        """Count what a compaction removed of what was stamped before."""
        here = {bytes(site) for (site,) in pair.one.replica.connection.execute("SELECT id FROM _crdt_site")}
        self.occurred["a retired site left a file"] += bool(verbs.retired(pair.one.replica).keys() - here)
        removed = {row: gone for row, gone in before.items() if row not in stamps(pair)}
        self.purged |= {(pair.name, row) for row, gone in removed.items() if gone}
        self.occurred["rows purged"] += sum(removed.values())
        self.occurred["rows back to genesis"] += sum(not gone for gone in removed.values())
        vector = pair.one.replica.known()
        for other in pairs if verbs.floor(pair.one.replica) else ():
            if other is not pair and other.one.replica.known() == vector:
                self.occurred["equal vectors, compacted differently"] += stamps(pair).keys() != stamps(other).keys()

    def ended(self, pairs: Sequence[Pair]) -> None:
        """Count the tables of which no stamp is left anywhere in the end, though they have rows."""
        stamped = {table for pair in pairs for table, _ in stamps(pair)}
        filled = {table for table in pairs[0].habits.tables if pairs[0].writer.rows(table)}
        self.occurred["a table was settled wholly in the end"] += bool(filled - stamped)
