"""Claims in a file: the table of them, which is there once somebody claims something, and the fences of tables.

Everything here runs inside the caller's write transaction, so of two that claim one thing one comes first. A claim counts in the file
in which it was made, under the site that the file was then: a copy of it, or a restored state, begins without claims.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import apsw

from crdtsql.base import LOG_NOW_MS, UsageError, memory, query, sql
from crdtsql.capture import fences
from crdtsql.claims.records import COMPLETED, HELD, LAPSED, Claim, Moment
from crdtsql.store import Registry, Table, facts

LAST = "claim_token"
LONGEST = 500
"""So many characters a resource's or a holder's name has at most."""
SHORTEST_MS, LONGEST_MS = 1, 366 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Kept:
    """A row of `_crdt_claimed`, whose file says what its columns mean."""

    resource: str
    token: int
    holder: str
    through: str
    site: int
    state: str
    taken_ms: int
    until_ms: int
    length_ms: int
    boot: str
    up_ms: int
    nonce: str

    def left_ms(self, moment: Moment) -> int:
        """Return how long until it lapses: by the machine's own time if it is up since then, else by the clock.

        A clock that was set back makes no claim last longer than it was claimed for.
        """
        if self.boot and self.boot == moment.boot:
            return self.up_ms + self.length_ms - moment.up_ms
        return min(self.until_ms - moment.now_ms, self.length_ms)

    def renewed(self, moment: Moment, length_ms: int) -> Kept:
        """Return it as it is when it begins to count now."""
        until_ms = moment.now_ms + length_ms
        return replace(self, until_ms=until_ms, length_ms=length_ms, boot=moment.boot, up_ms=moment.up_ms)

    def told(self, moment: Moment) -> Claim:
        """Say what is known of it at a moment."""
        left_ms = self.left_ms(moment)
        state = LAPSED if self.state == HELD and left_ms <= 0 else self.state
        return Claim(
            self.resource, self.token, self.holder, self.through, state, self.taken_ms, self.until_ms, max(0, left_ms)
        )


@memory.of_schema
def is_there(connection: apsw.Connection) -> bool:
    """Tell whether anything was ever claimed in this file, or a table fenced."""
    return query.exists(connection, "main.sqlite_schema", "type = 'table' AND name = '_crdt_claimed'")


def set_up(registry: Registry) -> None:
    """Make the tables and views of claims, if they are not all there."""
    connection = registry.connection
    wanted = {"_crdt_claimed", "_crdt_token", *views()}
    rows = query.rows(connection, "SELECT name FROM main.sqlite_schema WHERE name GLOB '*crdt_*'")
    if wanted <= {name for (name,) in rows}:
        return
    connection.execute(sql("claims/claiming/create_claims"))
    connection.execute(sql("claims/claiming/create_tokens"))
    create_views(connection)


def views() -> dict[str, str]:
    """Return the CREATE statements of the views of claims and of their triggers, by name, in the order of making them."""
    return {
        "crdt_claims": sql("claims/claiming/create_view", now_ms=LOG_NOW_MS),
        "crdt_token": sql("claims/claiming/create_token_view"),
        "_crdt_token_insert": sql("claims/claiming/create_token_insert", now_ms=LOG_NOW_MS),
        "_crdt_token_delete": sql("claims/claiming/create_token_delete"),
    }


def create_views(connection: apsw.Connection) -> None:
    """Create the views of claims and their triggers anew."""
    for view in ("crdt_claims", "crdt_token"):
        connection.execute(f"DROP VIEW IF EXISTS main.{view}")
    for statement in views().values():
        connection.execute(statement)


def read(registry: Registry, resource: str | None = None) -> list[Kept]:
    """Return what is kept of claims of this file's site: of one resource, or of all."""
    if not is_there(registry.connection):
        return []
    values = {"site": registry.self_ordinal, "resource": resource}
    return [Kept(*row) for row in query.rows(registry.connection, sql("claims/claiming/read"), values)]


def listed(registry: Registry, moment: Moment, *, every: bool) -> list[Claim]:
    """List the claims, by resource: those that are held or lapsed, or the last one of everything."""
    found = [kept.told(moment) for kept in read(registry)]
    return [claim for claim in found if every or claim.state in (HELD, LAPSED)]


def put(registry: Registry, kept: Kept) -> None:
    """Keep a claim in place of the one before."""
    values: dict[str, Any] = {name: getattr(kept, name) for name in Kept.__slots__}
    registry.connection.execute(sql("claims/claiming/put"), values)


def next_token(registry: Registry, moment: Moment) -> int:
    """Draw a token: greater than all that this file knows of, and not below the time in milliseconds.

    So tokens grow on also if the clock is set back, and if the table is emptied, or an older state of the file restored, as long as
    the clock is right then.
    """
    (kept,) = query.first(registry.connection, "SELECT max(token) FROM main._crdt_claimed")
    token = max(registry.number(LAST), kept or 0, moment.now_ms - 1) + 1
    registry.set(LAST, token)
    return token


def name_of(registry: Registry, resource: str) -> str:
    """Return how a resource is kept: what is a table's row has the names of table and row as the database spells them.

    Raises:
        UsageError: it is no name.
    """
    if not (0 < len(resource) <= LONGEST and resource.isprintable()):
        raise UsageError(f"{resource!r:.80} is no name of something to claim: say TABLE/KEY, or another short name")
    table, slash, key = resource.partition("/")
    known = registry.find(table) if slash else None
    return resource if known is None else _spelled(registry, known, key) or f"{known.name}/{key}"


def _spelled(registry: Registry, table: Table, key: str) -> str | None:
    """Return how a row that the table shows is named, None if it shows none with such a key: equal keys need not be the same text."""
    parts = [key] if len(table.key) == 1 else key.split("/")
    if table.absent or len(parts) != len(table.key):
        return None
    statement = f"SELECT {fences.resource(table, 'shown')} FROM {table.quoted} AS shown WHERE {table.has_given_key}"
    found = query.rows(registry.connection, statement, parts)
    return str(found[0][0]) if found else None


def is_done(kept: Kept) -> bool:
    """Tell whether what was claimed is completed, so that nobody need do it again."""
    return kept.state == COMPLETED


def fence(registry: Registry, table: Table, mode: str | None) -> bool:
    """Give a table a fence, or take it away with None; return whether it had another one. The caller renews its triggers.

    Raises:
        UsageError: there is no such fence.
    """
    if mode is not None and mode not in fences.MODES:
        raise UsageError(f"there is no fence {mode!r}: say {' or '.join(fences.MODES)}")
    before = fences.mode(registry.connection, table)
    if before == mode:
        return False
    if mode is None:
        facts.drop(registry.connection, table.fact("fence"))
    else:
        set_up(registry)
        facts.put(registry.connection, table.fact("fence"), mode)
    return True
