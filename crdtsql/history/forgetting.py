"""Forgetting: take entries out of a history: those that are older than it is kept for, and those of rows that were purged.

Runs inside the caller's write transaction. Entries are deleted through the history's triggers, so that the delete travels; the
caller folds it. A row's last entries before the time from which on a history is kept stay, because they say how the row was at that
time; and all of them, while writes that did not know of each other need more than these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from crdtsql.base import Sql, SqliteValue, clock, identifier, joined, naming, query, sql
from crdtsql.history import reading, replaying, tables
from crdtsql.history.reading import HistoryEntry
from crdtsql.purge import Scope
from crdtsql.store import Registry, Table, facts

ERASING = "erasing"
"""The fact that lets entries be deleted; no transaction leaves it."""
Place = tuple[int, bytes, int]
MOST_DELETES = 100
"""After so many deletes of a row it is looked whether it is there, if entries of it are to go."""


def trim(registry: Registry, now_ms: int, most: int) -> int:
    """Delete entries that are older than their history is kept for; return how many, at most `most` of each table."""
    count = 0
    for table in registry.registered().recorded:
        history = tables.of(registry, table)
        if history is None or not table.history:
            continue
        keys = _kept_keys(table)
        statement = sql(
            "history/forgetting/find_old",
            history=history.quoted,
            keys=joined(keys),
            same_row=joined((Sql(f"later.{name} = entry.{name}") for name in keys), " AND "),
            is_gone=joined((Sql(f"gone.{name} = latest.{name}") for name in keys), " AND "),
        )
        before = clock.from_ms(max(0, now_ms - table.history))
        last: Place = (-1, b"", -1)
        while found := query.rows(
            registry.connection,
            statement,
            {"before": before, "most": most, "at": last[0], "site": last[1], "op": last[2]},
        ):
            places = _spare(registry, table, found, before)
            if places:
                _mark(registry, history, before)
                count += _delete(registry, history, places)
                break
            last = found[-1]
    return count


def _spare(registry: Registry, table: Table, places: Sequence[Place], before: int) -> list[Place]:
    """Return those entries, given in order, without which the rest says the same of their rows from a stamp on."""
    goes, needed = {(at, site.hex(), op) for at, site, op in places if isinstance(site, bytes)}, set()
    for row in reading.rows(registry, table, None, _Within(places[0][0], places[-1][0])):
        old = {entry.place for entry in row.entries} & goes
        rest = [entry for entry in row.entries if entry.place not in old]
        if len(rest) < len(row.entries) and not _says_same(table, row.entries, rest, before):
            needed |= old
    return [
        place
        for place in places
        if not (isinstance(place[1], bytes) and (place[0], place[1].hex(), place[2]) in needed)
    ]


def _says_same(table: Table, every: Sequence[HistoryEntry], rest: Sequence[HistoryEntry], before: int) -> bool:
    """Tell whether some entries of a row say what all do, at a stamp, after the next deletes, and now."""
    fields = {field.name: field for field in table.fields}
    deletes = [entry.hlc for entry in every if entry.did == "deleted" and entry.hlc > before]
    for moment in (before, *deletes[:MOST_DELETES], every[-1].hlc):
        one, other = (
            replaying.state(table, [entry for entry in some if entry.hlc <= moment]) for some in (every, rest)
        )
        if one is None or other is None or one.keys() != other.keys():
            if one is not other:
                return False
            continue
        for name, value in one.items():
            field = fields.get(name)
            is_added_to = field is not None and field.type in replaying.ADDED_TO
            if not (replaying.alike(field, value, other[name]) if field and is_added_to else value == other[name]):
                return False
    return True


@dataclass(frozen=True, slots=True)
class _Within:
    """The writes whose stamps lie within two times."""

    first: int
    last: int
    where = Sql("entry.at BETWEEN :first AND :last")

    @property
    def values(self) -> dict[str, SqliteValue]:
        """Return what that binds."""
        return {"first": self.first, "last": self.last}


def everything(registry: Registry, history: Table, now_ms: int) -> None:
    """Delete all entries of a history."""
    with erasing(registry):
        registry.connection.execute(f"DELETE FROM {history.quoted}")
    _mark(registry, history, clock.from_ms(now_ms))


def begun(registry: Registry, history: Table) -> None:
    """Add an entry that says nothing, if there is none: a history that has one is a table that others hear of."""
    if not query.exists(registry.connection, history.quoted):
        _add_mark(registry, history, 0)


def _mark(registry: Registry, history: Table, before: int) -> None:
    """Note that entries from before some hlc were taken out, in place of the marks that said so of earlier ones."""
    statement = f"SELECT at, site, op FROM {history.quoted} WHERE op = ? AND at < ?"
    _delete(registry, history, query.rows(registry.connection, statement, (tables.TRIMMED, before)))
    _add_mark(registry, history, before)


def _add_mark(registry: Registry, history: Table, before: int) -> None:
    own = registry.site_id(registry.self_ordinal)
    statement = f"INSERT OR IGNORE INTO {history.quoted} (at, site, op) VALUES (?, ?, ?)"
    registry.connection.execute(statement, (before, own, tables.TRIMMED))


def with_history(registry: Registry, scopes: Sequence[Scope]) -> list[Scope]:
    """Return those scopes whose table has a history."""
    names = {scope.table.name for scope in scopes if not scope.table.is_history}
    present = {name for name in names if tables.of(registry, registry.table(name)) is not None}
    return [scope for scope in scopes if scope.table.name in present]


def of_purged(registry: Registry, scopes: Sequence[Scope], most: int) -> tuple[dict[str, list[Place]], list[Scope]]:
    """Delete entries of rows that were purged.

    Args:
        scopes: of tables with a history: among these rows it is looked for some that were purged.
        most: delete so many entries at most.

    Returns:
        the keys of these entries by history, so that they can be purged too; and the scopes of which there may be more.
    """
    found: dict[str, list[Place]] = {}
    for number, (table, within, values) in enumerate(scopes):
        history = tables.of(registry, table)
        if history is None:
            continue
        statement = sql(
            "history/forgetting/find_purged",
            history=history.quoted,
            clock=table.clock,
            entry_is_clock=tables.key_is(table, "entry", "clock"),
            is_purged=table.is_purged,
            within=within,
        )
        places = query.rows(registry.connection, statement, values | {"most": most})
        if places:
            _delete(registry, history, places)
            found.setdefault(history.name, []).extend(places)
            most -= len(places)
        if most <= 0:
            return found, list(scopes[number:])
    return found, []


def _kept_keys(table: Table) -> list[Sql]:
    return [identifier(naming.kept_key(uid)) for uid in table.key_uids]


def _delete(registry: Registry, history: Table, places: list[Place]) -> int:
    if places:
        statement = f"DELETE FROM {history.quoted} WHERE at = ? AND site = ? AND op = ?"
        with erasing(registry):
            registry.connection.executemany(statement, places)
    return len(places)


@contextmanager
def erasing(registry: Registry) -> Iterator[None]:
    """Let entries be taken out in a block."""
    registry.set(ERASING, 1)
    yield
    facts.drop(registry.connection, ERASING)
