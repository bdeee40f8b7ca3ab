"""Facts about a file: rows of `_crdt_meta`, by name. Those that nearly every operation asks for are read in one look.

Facts of one kind, one for each of many sites or tables, are called `<kind>:<what>`.
"""

from __future__ import annotations

from functools import partial

import apsw

from crdtsql.base import SqliteValue, joined, memory, query, text
from crdtsql.store import catalogue

GUARDED = "guarded"
READ_TOGETHER = frozenset(
    {
        "format", "self", "clock", "batch", "generation", "nonce", "schema_version", "severed", "unsettled", "unsynced", "named",
        "started", "guarded", "signs", "unseen", "purged", "agreement", "conflicts_per_cell", "conflicts_total", "conflicts_bytes",
        "conflicts_pruned", "conflicts_last",
    }
)  # fmt: skip
"""The facts that nearly every operation asks for."""
_LISTS = 1 << 18
SAID = {
    **dict.fromkeys(
        (
            "era",
            "name",
            "lane",
            "starts",
            "parked",
            "absent",
            "links",
            "unique",
            "references",
            "old_numbers",
            "agreement",
        ),
        0,
    ),
    "unseen": _LISTS,
    "purged": _LISTS,
}
"""The kinds of facts that every changeset says, and from which length on it must be looked at whether it can be said: lists that often
change are short."""
_READ_THEM = (
    f"SELECT name, value FROM main._crdt_meta WHERE name IN ({joined(text(name) for name in sorted(READ_TOGETHER))})"
)


def is_guarded(connection: apsw.Connection) -> bool:
    """Tell whether the file signs, knows of keys, or limits who may write what; it is not read again until somebody else writes."""
    return memory.of_others(connection, GUARDED, lambda: bool(get(connection, GUARDED)))


def guard(connection: apsw.Connection) -> None:
    """Note that it does."""
    put(connection, GUARDED, 1)
    memory.forget_of_others(connection, GUARDED)


def get(connection: apsw.Connection, name: str) -> SqliteValue:
    """Return a fact, None if it was never set."""
    if name in READ_TOGETHER and connection.in_transaction:
        together = memory.kept(connection, "facts")
        found: SqliteValue = (_together(connection) if together is None else together).get(name)
        return found
    return memory.of_transaction(connection, ("fact", name), partial(_read, connection, name))


def put(connection: apsw.Connection, name: str, value: SqliteValue) -> None:
    """Store a fact."""
    together = _together(connection) if name in READ_TOGETHER and connection.in_transaction else {}
    connection.execute("INSERT OR REPLACE INTO main._crdt_meta (name, value) VALUES (?, ?)", (name, value))
    memory.forget_row(connection, ("fact", name))
    together[name] = value
    kind, colon, _ = name.partition(":")
    if colon:
        memory.forget_row(connection, ("facts", kind))
    if kind in catalogue.READ:
        catalogue.changed(connection)


def drop(connection: apsw.Connection, name: str) -> None:
    """Forget a fact about a table."""
    connection.execute("DELETE FROM main._crdt_meta WHERE name = ?", (name,))
    memory.forget_row(connection, ("fact", name))
    memory.forget_row(connection, ("facts", name.partition(":")[0]))


def of_kind(connection: apsw.Connection, kind: str) -> list[tuple[str, SqliteValue]]:
    """Return all facts of a kind, each by what stands after the colon; what is returned is not to be changed."""
    return memory.of_transaction(connection, ("facts", kind), partial(_read_kind, connection, kind))


def _read_kind(connection: apsw.Connection, kind: str) -> list[tuple[str, SqliteValue]]:
    # The colon comes just before the semicolon, so these are the names that begin with the kind and a colon.
    statement = "SELECT substr(name, ?3), value FROM main._crdt_meta WHERE name > ?1 AND name < ?2"
    return query.rows(connection, statement, (f"{kind}:", f"{kind};", len(kind) + 2))


def state(connection: apsw.Connection) -> memory.State:
    """Return what tells the state of our tables from all others: each transaction that changes the replica draws a nonce.

    To note a peer that is new changes no more than which sites are known, and draws none.
    """
    (last,) = query.first(connection, "SELECT max(ordinal) FROM main._crdt_site")
    return drawn(connection), last


def drawn(connection: apsw.Connection) -> tuple[SqliteValue, SqliteValue]:
    """Return how far the file has come: a number that rises, and one by chance, which a restored file does not draw again."""
    return get(connection, "generation"), get(connection, "nonce")


def schema_has_moved(connection: apsw.Connection) -> bool:
    """Tell whether the schema was changed since the last look."""
    (version,) = query.first(connection, "PRAGMA main.schema_version")
    return bool(version != get(connection, "schema_version"))


def _read(connection: apsw.Connection, name: str) -> SqliteValue:
    row = query.first(connection, "SELECT value FROM main._crdt_meta WHERE name = ?", (name,))
    found: SqliteValue = row[0] if row else None
    return found


def _together(connection: apsw.Connection) -> dict[str, SqliteValue]:
    return memory.of_transaction(connection, "facts", lambda: dict(query.rows(connection, _READ_THEM)))
