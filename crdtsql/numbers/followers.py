"""Followers: which columns hold the numbers of which table, as foreign keys and declared references say. Only reads.

A column that refers to a number holds that number too, and so on: the parts of a composite key that refer to rows, the foreign
keys that refer to that composite key. A column that holds the numbers of two tables at once can follow neither.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import apsw

from crdtsql.base import Sql, caseless, identifier, naming
from crdtsql.sqlite import schema
from crdtsql.store import Field, Registry, Table
from crdtsql.wire import TableHeader


@dataclass(frozen=True, slots=True)
class Follower:
    """A column that holds numbers of a table.

    Attributes:
        name: the table that has the column.
        table: the same as registered, None if it is not replicated.
        position: the column's place in the key, from 1; 0 outside of the key.
        field: the column as a value column, None if it is none.
    """

    name: str
    column: Sql
    table: Table | None
    position: int = 0
    field: Field | None = None


def to_table(registry: Registry, table: Table) -> list[Follower]:
    """List the columns that hold the numbers of a table, but for its own key."""
    return to_tables(registry, [table])[table.id]


def to_tables(registry: Registry, wanted: Sequence[Table]) -> dict[int, list[Follower]]:
    """List the columns that hold the numbers of tables, but for their own keys, by table; the schema is looked at once for all."""
    tables = {caseless(known.name): known for known in registry.tables()}
    numbered = [known for known in tables.values() if known.is_numbered]
    found: dict[int, list[Follower]] = {table.id: [] for table in wanted}
    own = {(caseless(table.name), caseless(table.key[0])) for table in wanted}
    for (name, column), held in sorted(_holders(registry, tables, numbered).items()):
        if len(held) == 1 and (name, column) not in own:
            (number,) = held
            follower = _follower(registry.connection, name, column, tables.get(name)) if number in found else None
            if follower is not None:
                found[number].append(follower)
    return found


def links(registry: Registry, tables: Sequence[Table]) -> dict[int, tuple[tuple[str, str, str], ...]]:
    """Return what the columns of tables refer to, as a changeset says it, by table; nothing where no numbers must follow."""
    registered = registry.registered()
    if not tables or not registered.numbered:
        return {}
    return {table.id: tuple(_links_of(registry, table, registered.by_name)) for table in tables}


def _links_of(registry: Registry, table: Table, tables: dict[str, Table]) -> list[tuple[str, str, str]]:
    found = [] if table.absent else _declared(registry.connection, tables, table.name)
    uids = {caseless(name): uid for name, uid in zip(table.names, table.uids, strict=True)}
    links = []
    for column, parent_name, target in found:
        parent = tables.get(parent_name)
        targets = {} if parent is None else dict(zip(map(caseless, parent.names), parent.uids, strict=True))
        if parent is not None and column in uids and target in targets:
            links.append((uids[column], parent.uid, targets[target]))
    kept = _kept(table, registry.registered().by_uid)
    return links + [(own, base.uid, uid) for own, base, uid in kept] + _learned(registry, table)


def _kept(table: Table, by_uid: Mapping[str, Table]) -> list[tuple[str, Table, str]]:
    """List what the columns of a history hold: (uid, the table whose history it is, uid of its column that had the value)."""
    base = by_uid.get(naming.with_history(table.uid)) if table.is_history else None
    if base is None:
        return []
    pairs = [(naming.kept_key(uid), uid) for uid in base.key_uids]
    pairs += [(naming.kept_value(field.uid), field.uid) for field in base.plain_fields]
    present = set(table.uids)
    return [(own, base, uid) for own, uid in pairs if own in present]


def learn(registry: Registry, table: Table, theirs: TableHeader) -> None:
    """Remember what the columns refer to that are not in the user's table, which can't declare it."""
    kept = {field.uid for field in table.parked}
    links = [list(link) for link in theirs.links if table.absent or link[0] in kept]
    if links and json.dumps(links) != registry.get(table.fact("links")):
        registry.set(table.fact("links"), json.dumps(links))


def learned(registry: Registry) -> tuple[tuple[str, str], ...]:
    """Return what is remembered of columns that are not in the user's tables, on which the followers depend beside the schema."""
    kept = [table for table in registry.registered().tables if table.absent or table.parked]
    return tuple((table.uid, str(registry.get(table.fact("links")))) for table in kept)


def _learned(registry: Registry, table: Table) -> list[tuple[str, str, str]]:
    present = {field.uid for field in table.parked} | (set(table.uids) if table.absent else set())
    if not present:
        return []
    found = json.loads(str(registry.get(table.fact("links")) or "[]"))
    return [(uid, parent, target) for uid, parent, target in found if uid in present]


def _declared(connection: apsw.Connection, tables: dict[str, Table], name: str) -> list[tuple[str, str, str]]:
    """List (column, parent, parent's column) of a table's foreign keys, in lower case."""
    found = []
    for key in schema.foreign_keys(connection, name):
        parent = tables.get(caseless(key.parent))
        targets = key.parent_columns or (parent.key if parent is not None else ())
        for column, target in zip(key.columns, targets, strict=False):
            found.append((caseless(column), caseless(key.parent), caseless(target)))
    return found


def _column(table: Table, uid: str) -> tuple[str, str]:
    """Name a column by (table, column), one that the table lacks by its uid after a NUL."""
    names = dict(zip(table.uids, map(caseless, table.names), strict=True))
    return caseless(table.name), names.get(uid, f"\0{uid}")


def _holders(registry: Registry, tables: dict[str, Table], numbered: list[Table]) -> dict[tuple[str, str], set[int]]:
    """Return which tables' numbers each column holds: (table, column) -> ids of tables."""
    holders = {(caseless(table.name), caseless(table.key[0])): {table.id} for table in numbered}
    links: list[tuple[tuple[str, str], tuple[str, str]]] = []
    for name, kind in schema.user_tables(registry.connection):
        declared = _declared(registry.connection, tables, name) if kind == "table" else []
        links += [((caseless(name), column), (parent_name, target)) for column, parent_name, target in declared]
    by_uid = {table.uid: table for table in tables.values()}
    for table in tables.values():
        for uid, parent_uid, target in _learned(registry, table):
            if parent_uid in by_uid:
                links.append((_column(table, uid), _column(by_uid[parent_uid], target)))
        links += [(_column(table, own), _column(base, uid)) for own, base, uid in _kept(table, by_uid)]
        for one in table.references:
            if one.parent in by_uid:
                pairs = zip(one.columns, one.targets, strict=True)
                links += [(_column(table, uid), _column(by_uid[one.parent], target)) for uid, target in pairs]
    moving = True
    while moving:
        moving = False
        for child, parent in links:
            found = holders.get(parent, set()) - holders.get(child, set())
            if found:
                holders.setdefault(child, set()).update(found)
                moving = True
    return holders


def _follower(connection: apsw.Connection, name: str, column: str, table: Table | None) -> Follower | None:
    """Describe a column; None if its values can't be rewritten: those of typed columns have a life of their own."""
    if table is not None and column[:1] == "\0":
        kept = next((field for field in table.parked if field.uid == column[1:] and field.type == "lww"), None)
        return None if kept is None else Follower(table.name, identifier(kept.name), table, field=kept)
    shape = schema.read(connection, name if table is None else table.place)
    found = next((part for part in shape.columns if caseless(part.name) == column), None) if shape else None
    if shape is None or found is None or found.generated:
        return None
    quoted = identifier(found.name)
    if table is None:
        return Follower(shape.name, quoted, None)
    for position, part in enumerate(table.key, 1):
        if caseless(part) == column:
            return Follower(shape.name, quoted, table, position)
    field = next((field for field in table.fields if caseless(field.name) == column), None)
    if field is not None and field.type != "lww":
        return None
    return Follower(shape.name, quoted, table, field=field)
