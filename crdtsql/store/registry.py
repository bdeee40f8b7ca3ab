"""The registry: our own tables in a user's file, read and written.

Knows which tables are replicated, the sites, the version vector and the clock; knows no order of steps.
Invariants: `_crdt_site.upto` of the local site never exceeds the clock; no ordinal, and no column id of a table, is used again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import apsw

from crdtsql.base import (
    RETIRED,
    DamagedError,
    DatabaseError,
    Declared,
    NotEnabledError,
    OldNumbers,
    SqliteValue,
    caseless,
    clock,
    memory,
    naming,
    old_numbers,
    policy,
    query,
    sql,
    suggest,
)
from crdtsql.store import catalogue, damage, facts, progress
from crdtsql.store.catalogue import Registered
from crdtsql.store.tables import Field, Table, free_uid
from crdtsql.store.vectors import began, peers, seen, sites

if TYPE_CHECKING:
    from crdtsql.sqlite import TableShape

FORMAT = 11
UPGRADES = {
    2: "store/registry/upgrade_to_2", 3: "store/registry/upgrade_to_3", 4: "store/registry/upgrade_to_4",
    5: "store/registry/upgrade_to_5", 7: "store/registry/upgrade_to_7", 8: "store/registry/upgrade_to_8",
    10: "store/registry/upgrade_to_10", 11: "store/registry/upgrade_to_11",
}  # fmt: skip
"""What brings our tables to a format from the one before."""

LIMITS = {"conflicts_per_cell": 20, "conflicts_total": 10_000, "conflicts_bytes": 64 << 20}
"""How many entries the conflict log keeps of one cell and in all, and how many bytes of values, until somebody says otherwise."""


@memory.of_schema
def _log_key_count(connection: apsw.Connection) -> int:
    names = "SELECT count(*) FROM pragma_table_info('_crdt_log') WHERE name GLOB 'k[0-9]*'"
    return int(query.first(connection, names)[0])


def kept_index(table: str) -> str:
    """Write the statement for the index of the rows that are held for another reason than a delete."""
    return sql("store/registry/create_kept_index", index=naming.kept_index(table), held=naming.held(table))


class Registry:
    """Our tables in one file. All methods run inside the caller's transaction.

    Attributes:
        lacks_views: the views for people are missing or outdated, and to be made anew before the transaction ends (`capture.views`).
        stands_for: the file of which this is a copy that nobody keeps; "" if it is none.
        says_more: what every changeset says of this replica has become longer since somebody last set this to False.
    """

    def __init__(self, connection: apsw.Connection, given_path: str | None = None) -> None:
        self.connection = connection
        self.given_path = given_path
        self.stands_for = ""
        self.lacks_views = False
        self.says_more = False

    # -- the file ---------------------------------------------------------------------------------

    @property
    def exists(self) -> bool:
        """Tell whether crdtsql is set up in this file, and what it needs to go on is there."""
        return damage.is_sound(self.connection)

    def require(self) -> None:
        """Check that crdtsql is set up in this file, in a format that this version knows.

        Raises:
            NotEnabledError: it is not set up.
            DatabaseError: a newer version of crdtsql wrote the file, or an older one, and it can't be upgraded.
        """
        if self.connection.in_transaction:
            self._require()
        else:
            memory.of_content(self.connection, "required", self._require)

    def _require(self) -> None:
        if not self.exists:
            self.check_remains()
            raise NotEnabledError(
                f"{self.path} is not replicated yet: run {suggest.command('enable', self.path, options=['--all'])} first, or "
                "name tables in place of --all"
            )
        found = self.number("format")
        if found < FORMAT:
            raise DatabaseError(
                f"{self.path} has crdtsql format {found} and can't be written, so it can't be brought up to format {FORMAT} "
                "that this version reads: open it once with permission to write, or read a copy of it"
            )
        if found != FORMAT:
            lower = suggest.command("downgrade", self.path, options=["--to", str(FORMAT)])
            knows = f"{self.path} has crdtsql format {found}, this version knows format {FORMAT}"
            raise DatabaseError(f"{knows}: install a newer crdtsql, or let that one run {lower}")

    def check_remains(self) -> None:
        """Check that a file in which nothing is set up has nothing of ours in it.

        Raises:
            DamagedError: somebody has dropped or altered a part of what was.
        """
        found = damage.look(self.connection)
        if found:
            raise DamagedError(self.path, [str(one) for one in found], damage.advice(found, self.path))

    @property
    def path(self) -> str:
        """Return the file's path for messages, as it was given."""
        return self.given_path or self.connection.filename or ":memory:"

    def create(self) -> None:
        """Create our tables, without any site."""
        for statement in damage.statements().values():
            self.connection.execute(statement)
        self.lacks_views = True
        for name, value in (("format", FORMAT), ("clock", 0), ("batch", 0), ("unsettled", 0)):
            self.set(name, value)
        self._bound_conflicts()

    def upgrade(self) -> bool:
        """Bring our tables from an earlier format up to this one; return whether there was anything to do.

        The caller holds a write transaction, and marks the entries of the conflict log that it resolves afterwards.
        """
        found = self.number("format")
        if not 1 <= found < FORMAT:
            return False
        for number, name in UPGRADES.items():
            if found < number:
                self.connection.execute(sql(name))
        if found < 2:
            self._bound_conflicts()
        if found < 3:
            for (name,) in query.rows(self.connection, "SELECT name FROM _crdt_table"):
                self.connection.execute(kept_index(name))
        if found < 7:
            self.set("unforetold", 1)
            self.set("unsettled", 1)
        if found < 9 and self.get("agreement") is not None:
            self.set("totals_closed", self.vector().get(self.site_id(self.self_ordinal), 0))
        self.lacks_views = True
        memory.forget_rows(self.connection)
        self.set("format", FORMAT)
        self.count_columns()
        return True

    def _bound_conflicts(self) -> None:
        (last,) = query.first(self.connection, "SELECT ifnull(max(id), 0) FROM _crdt_conflict")
        for name, value in (*LIMITS.items(), ("conflicts_pruned", 0), ("conflicts_last", last)):
            self.set(name, value)

    def drop(self) -> None:
        """Remove everything of ours that is left."""
        damage.take_off(self.connection)

    def log_key_count(self) -> int:
        """Return how many key columns the log has."""
        return _log_key_count(self.connection)

    def widen_log(self, key_count: int) -> None:
        """Give the log and the conflict log room for keys of `key_count` columns."""
        present = self.log_key_count()
        for position in range(present + 1, key_count + 1):
            for table in ("_crdt_log", "_crdt_conflict"):
                self.connection.execute(f"ALTER TABLE {table} ADD COLUMN {naming.key(position)}")
        if key_count > present:
            self.lacks_views = True

    # -- single facts -----------------------------------------------------------------------------

    def get(self, name: str) -> SqliteValue:
        """Return a fact about this file, None if it was never set."""
        return facts.get(self.connection, name)

    def number(self, name: str) -> int:
        """Return a fact that is a number."""
        return found if isinstance(found := facts.get(self.connection, name), int) else 0

    def set(self, name: str, value: SqliteValue) -> None:
        """Store a fact about this file."""
        at_least = facts.SAID.get(name.partition(":")[0])
        if at_least is not None and len(str(value)) >= at_least:
            self.says_more |= len(str(value)) > len(str(self.get(name) or ""))
        facts.put(self.connection, name, value)

    def eras(self) -> dict[str, int]:
        """Return how often tables were disabled here while others stayed enabled: uid -> times."""
        return {uid: times for uid, times in facts.of_kind(self.connection, "era") if isinstance(times, int)}

    def set_era(self, uid: str, era: int) -> None:
        """Store how often the table with a uid was disabled."""
        self.set(f"era:{uid}", era)

    # -- sites and the version vector -------------------------------------------------------------

    @property
    def self_ordinal(self) -> int:
        """Return the local site's ordinal."""
        return self.number("self")

    def site_id(self, ordinal: int) -> bytes:
        """Return a site's id."""
        return memory.of_transaction(self.connection, ("site", ordinal), partial(self._read_site, ordinal))

    def _read_site(self, ordinal: int) -> bytes:
        return bytes(query.first(self.connection, "SELECT id FROM _crdt_site WHERE ordinal = ?", (ordinal,))[0])

    def add_site(self, site: bytes, upto: int = 0) -> int:
        """Return the ordinal of a site, giving it one if it is new."""
        statement = "SELECT ordinal FROM _crdt_site WHERE id = ?"
        if query.first(self.connection, statement, (site,)) is None:
            self.connection.execute(sql("store/registry/add_site"), (site, upto))
        self.says_more = True
        for kept in ("sites", "retired"):
            memory.forget_row(self.connection, kept)
        return int(query.first(self.connection, statement, (site,))[0])

    def add_sites(self, ids: Sequence[bytes]) -> list[int]:
        """Return the ordinals of sites, giving those that are new one each."""
        known = self.ordinals()
        return [known[site] if site in known else self.add_site(site) for site in ids]

    def become(self, site: bytes) -> int:
        """Make `site` the local site; the one before stays as a peer that was fully seen."""
        if RETIRED not in self.vector():  # then nothing asks the list of retired sites, which may be damaged
            self.connection.execute("INSERT OR IGNORE INTO _crdt_site (id, upto) VALUES (?, 0)", (site,))
        ordinal = self.add_site(site)
        self.set("self", ordinal)
        return ordinal

    def sites(self) -> Sequence[tuple[int, bytes, int]]:
        """List (ordinal, id, upto) of all sites."""
        return sites.known(self.connection).listed

    def ordinals(self) -> MappingProxyType[bytes, int]:
        """Return the ordinals of all sites by their ids."""
        return sites.known(self.connection).ordinals

    def vector(self) -> MappingProxyType[bytes, int]:
        """Return the version vector: site id -> highest hlc seen; sites without events are left out."""
        return sites.known(self.connection).vector

    def raise_vector(self, batch: int, entries: Iterable[tuple[int, int]]) -> None:
        """Raise entries (ordinal, hlc) of the vector, and the clock, and record that it happened in `batch`."""
        known = sites.known(self.connection)
        told = dict(sorted(entries))
        risen = {ordinal: told[ordinal] for ordinal, _, upto in known.some(told) if upto < told[ordinal]}
        for ordinal, upto in risen.items():
            self.connection.execute("UPDATE _crdt_site SET upto = ? WHERE ordinal = ?", (upto, ordinal))
            self.connection.execute(sql("store/registry/record_progress"), (batch, ordinal, upto))
        if risen:
            sites.replace(self.connection, known.raised(risen))
            self.set("clock", max(self.number("clock"), *risen.values()))

    def next_batch(self) -> int:
        """Number the next fold or merge."""
        self.set("batch", batch := self.number("batch") + 1)
        if batch % 256 == 0:
            progress.coarsen(self.connection, batch)
        return batch

    def tick(self, now_ms: int) -> int:
        """Take one stamp for an event of the local site."""
        hlc = max(self.number("clock") + 1, clock.from_ms(now_ms))
        self.set("clock", hlc)
        return hlc

    def record_merged(self, at: int, site: int | None = None) -> None:
        """Record what the local site, or another one, had merged before its event `at`, as far as that grew since the last record."""
        began.note(self, at, site)
        seen.record(self.connection, self.self_ordinal if site is None else site, at)

    def remember_peer(self, peer: bytes, vector: Mapping[bytes, int]) -> None:
        """Remember the vector that a peer was seen to have."""
        (ordinal,) = self.add_sites([peer])
        if ordinal == self.self_ordinal:
            return
        peers.remember(self.connection, ordinal, vector, self.ordinals())

    def peers(self) -> dict[bytes, dict[bytes, int]]:
        """Return the remembered vectors: peer's site id -> its vector."""
        return peers.every(self.connection)

    # -- tables -----------------------------------------------------------------------------------

    def tables(self) -> list[Table]:
        """List the replicated tables by name."""
        return catalogue.read(self.connection)

    def registered(self) -> Registered:
        """Return the replicated tables by name and uid; what is returned is not to be changed."""
        return catalogue.registered(self.connection)

    def table(self, name: str) -> Table:
        """Return one replicated table.

        Raises:
            NotEnabledError: the table is not replicated.
        """
        found = self.find(name)
        if found is None:
            raise NotEnabledError(catalogue.not_replicated(self.connection, self.path, name))
        return found

    def find(self, name: str) -> Table | None:
        """Return one replicated table, None if it is not replicated."""
        return catalogue.find(self.connection, name)

    def find_uid(self, uid: str) -> Table | None:
        """Return the replicated table with a uid, None if there is none."""
        return catalogue.find_uid(self.connection, uid)

    def not_enabled(self) -> list[str]:
        """List the user's ordinary tables that are not replicated, in files too where nothing is."""
        from crdtsql.sqlite import user_tables

        enabled = {caseless(table.name) for table in self.tables() if not table.absent} if self.exists else set()
        found = user_tables(self.connection)
        return [name for name, kind in found if kind == "table" and caseless(name) not in enabled]

    def present_table(self, name: str) -> Table:
        """Return one replicated table that is in this file.

        Raises:
            NotEnabledError: the table is not replicated, or not in this file.
        """
        table = self.table(name)
        if table.absent:
            raise NotEnabledError(
                f"table {name!r} is not in {self.path}, which only keeps its rows for other replicas: create it and run "
                f"{suggest.command('enable', self.path, table.name)}, or get it with {suggest.verb('schema pull')}, first"
            )
        return table

    def add_table(
        self,
        shape: TableShape,
        genesis: tuple[int, int] | None,
        types: Mapping[str, str] | None = None,
        identity: str = policy.BY_KEY,
    ) -> Table:
        """Register a table with the columns that it has now; `types` names those that are not `lww`."""
        genesis_t, genesis_s = genesis or (None, None)
        self.connection.execute(
            "INSERT INTO _crdt_table (name, key_count, identity, genesis_t, genesis_s, uid, columns) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (shape.name, len(shape.key), identity, genesis_t, genesis_s, self._table_uid(shape.name), shape.to_json()),
        )
        number = self.connection.last_insert_rowid()
        self.says_more = True
        catalogue.changed(self.connection)
        chosen = types or {}
        columns = [(number, -position, column.name, "lww") for position, column in enumerate(shape.key, 1)]
        columns += [
            (number, position, column.name, chosen.get(column.name, "lww"))
            for position, column in enumerate(shape.values)
        ]
        self.connection.executemany(
            "INSERT INTO _crdt_column (tbl, id, name, type, uid) VALUES (?, ?, ?, ?, ?)",
            [(*column, caseless(column[2])) for column in columns],
        )
        self.count_columns()
        return self.table(shape.name)

    def count_columns(self) -> None:
        """Write down how many columns are registered, so that it is noticed if one is not any more."""
        catalogue.changed(self.connection)
        (count,) = query.first(self.connection, "SELECT count(*) FROM _crdt_column")
        self.set("columns", count)

    def _table_uid(self, name: str) -> str:
        """Choose what a table is called in changesets: its name, unless another table was registered under it."""
        alike = "SELECT uid FROM _crdt_table WHERE substr(uid, 1, length(?1)) = ?1"
        return free_uid(caseless(name), {uid for (uid,) in query.rows(self.connection, alike, (caseless(name),))})

    def set_type(self, table: Table, field: Field, name: str) -> Table:
        """Register another type for a column."""
        self.connection.execute("UPDATE _crdt_column SET type = ? WHERE tbl = ? AND id = ?", (name, table.id, field.id))
        catalogue.changed(self.connection)
        return self.table(table.name)

    def adopt_genesis(self, table: Table, genesis: tuple[int, int]) -> None:
        """Say which genesis the rows without a clock row belong to."""
        self.connection.execute(
            "UPDATE _crdt_table SET genesis_t = ?, genesis_s = ? WHERE id = ?", (*genesis, table.id)
        )
        catalogue.changed(self.connection)

    def set_unique(self, table: Table, columns: tuple[str, ...], chosen: str) -> Table:
        """Register what a row shows that lost its value in a UNIQUE index over columns (their uids)."""
        found = {**table.unique, columns: chosen}
        kept = sorted((list(uids), name) for uids, name in found.items() if name != policy.HOLD)
        self.set(table.fact("unique"), json.dumps(kept) if kept else None)
        return self.table(table.name)

    def set_references(self, table: Table, references: Iterable[Declared]) -> Table:
        """Register what a table's columns refer to that the schema does not declare."""
        kept = [[list(one.columns), one.parent, list(one.targets)] for one in sorted({*references})]
        self.set(table.fact("references"), json.dumps(kept) if kept else None)
        return self.table(table.name)

    def add_old_numbers(self, table: Table, found: Iterable[OldNumbers]) -> None:
        """Register which genesis had which numbers, beside what is known already."""
        known = old_numbers.united((*table.old_numbers, *found))
        if known != table.old_numbers:
            self.set(table.fact("old_numbers"), json.dumps([one.to_json() for one in known]))

    def set_policies(self, table: Table, rows: str, granularity: str) -> Table:
        """Register how a table's rows live, and what an update stamps."""
        values = (rows, granularity, table.id)
        self.connection.execute("UPDATE _crdt_table SET rows = ?, granularity = ? WHERE id = ?", values)
        catalogue.changed(self.connection)
        return self.table(table.name)

    def seq_of(self, table: Table, batch: int, changed_rows: int) -> int | None:
        """Return the `seq` for the rows that a batch changes: None, outside of the index, if they are many.

        A batch that changes an eighth of a table and at least 5,000 rows is found sooner by a look at all rows than by an index.
        """
        if changed_rows < 5_000:
            return batch
        (rows,) = query.first(self.connection, f"SELECT count(*) FROM {table.clock}")
        if changed_rows * 8 < rows:
            return batch
        self.connection.execute("UPDATE _crdt_table SET bulk = ? WHERE id = ?", (batch, table.id))
        catalogue.changed(self.connection)
        return None
