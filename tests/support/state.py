"""Read what a replica holds, in a form that two replicas with the same events must have alike.

Site ordinals are translated to site ids, text to its bytes (it may be no valid UTF-8), and rows without a clock row are
shown with the genesis stamps that they stand for. Reading also checks what must hold inside of every replica.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import apsw

from crdtsql.base import reasons
from crdtsql.base.sqltext import identifier
from crdtsql.replica.transactions import reading
from crdtsql.store.registry import Registry
from crdtsql.store.tables import Table
from tests.machines.oracle import parts
from tests.support.library import connect

Stamp = tuple[int, bytes]
Exact = tuple[str, Any]
Head = tuple[str, Stamp, bool, Exact, int | None]
Version = tuple[int, int, int]


def exact(kind: str, value: Any) -> Exact:
    """Make a value comparable so that 1 and 1.0, 0.0 and -0.0, text and blob differ."""
    return kind, (struct.pack("<d", value) if kind == "real" else value)


def exact_of(value: Any) -> Exact:
    """Make a Python value comparable with what `rows` returns."""
    kind = {type(None): "null", int: "integer", float: "real", str: "text", bytes: "blob"}[type(value)]
    return exact(kind, value.encode(errors="surrogateescape") if isinstance(value, str) else value)


def _typed(column: str) -> str:
    return f"typeof({column}), CASE typeof({column}) WHEN 'text' THEN CAST({column} AS BLOB) ELSE {column} END"


def _value_of(stored: Exact) -> Any:
    """Undo `exact`."""
    kind, value = stored
    if kind == "real":
        return struct.unpack("<d", value)[0]
    return value.decode(errors="surrogateescape") if kind == "text" else value


def _pairs(row: tuple[Any, ...]) -> tuple[Exact, ...]:
    return tuple(exact(*row[n : n + 2]) for n in range(0, len(row), 2))


def _split(row: tuple[Exact, ...], at: int) -> tuple[tuple[Exact, ...], tuple[Exact, ...]]:
    return row[:at], row[at:]


@dataclass(frozen=True)
class RowState:
    """One row: whether it is shown, its insert's stamp, its heads, column -> (exact value, stamp), and typed column -> heads."""

    alive: bool
    born: Stamp
    heads: frozenset[tuple[int, bytes, bool]]
    cells: dict[str, tuple[Exact, Stamp]]
    heads_of: dict[str, frozenset[Head]]


Parts = dict[int, list[parts.Head]]
Rows = dict[tuple[str, tuple[Exact, ...]], RowState]


def exact_heads(kind: str, heads: Iterable[parts.Head]) -> frozenset[Head]:
    """Make heads of parts comparable; a counter's base that is NULL is 0."""
    found = set()
    for head in heads:
        value = None if head.value is parts.GONE else head.value
        if head.part == parts.WHOLE and kind in parts.COUNTERS and value is None:
            value = 0
        found.add((head.part, head.stamp, head.value is parts.GONE, exact_of(value), head.noted))
    return frozenset(found)


def _with_implied(kind: str, rows: list[parts.Head]) -> list[parts.Head]:
    """Add the heads that whole writes of a set or map imply: of each part of the value for which there are no rows."""
    if not parts.falls_into_parts(kind):
        return rows
    said = {head.part for head in rows}
    return rows + [
        parts.Head(part, whole.stamp, value)
        for whole in rows
        if whole.part == parts.WHOLE
        for part, value in parts.explode(kind, whole.value).items()
        if part not in said
    ]


def _heads_of(table: Table, cells: dict[str, tuple[Exact, Stamp]], explicit: Parts) -> dict[str, frozenset[Head]]:
    """Return the heads of a row's typed cells, and check that a cell that has parts shows what they say."""
    found = {}
    for field in table.fields:
        if field.type == "lww":
            continue
        stored, stamp = cells[field.name]
        value = _value_of(stored)
        heads = _with_implied(field.type, explicit.get(field.id, [parts.Head(parts.WHOLE, stamp, value)]))
        found[field.name] = exact_heads(field.type, heads)
        if field.id not in explicit:
            continue
        # A base notes totals that were forgotten since then.
        assert not parts.is_implicit(heads) or any(head.noted is not None for head in heads), (
            f"{table.name}.{field.name}: a cell of one whole write has parts: {heads}"
        )
        says = parts.show(field.type, heads, isinstance(value, float))
        assert exact_of(says) == stored, f"{table.name}.{field.name} shows {value!r}, its parts say {says!r}"
    return found


def _parts(connection: apsw.Connection, table: Table, sites: dict[int, bytes]) -> dict[tuple[Exact, ...], Parts]:
    """Read the parts of a table: key as the clock spells it -> column -> heads."""
    if all(field.type == "lww" for field in table.fields):
        return {}
    name = identifier(f"_crdt_parts_{table.name}")
    keys = ", ".join(_typed(f"clock.{key}") for key in table.key_names)
    found: dict[tuple[Exact, ...], Parts] = {}
    total = 0
    for row in connection.execute(
        f"SELECT part.col, CAST(part.part AS BLOB), part.s, part.t, part.gone, part.n, {_typed('part.v')}, {keys} "
        f"FROM {name} AS part JOIN {table.clock} AS clock ON {table.same_keys('clock', 'part')}"
    ):
        col, part, s, t, gone, noted = row[:6]
        assert gone in (None, 1), f"{table.name}: gone is 1 or NULL: {row}"
        value, *key = _pairs(row[6:])
        head = parts.Head(
            part.decode(errors="surrogateescape"), (t, sites[s]), parts.GONE if gone else _value_of(value), noted
        )
        found.setdefault(tuple(key), {}).setdefault(col, []).append(head)
        total += 1
    (count,) = connection.execute(f"SELECT count(*) FROM {name}").fetchone()
    assert count == total, f"{table.name}: {count - total} parts belong to no row"
    return found


_read: WeakKeyDictionary[apsw.Connection, tuple[Version, Rows]] = WeakKeyDictionary()


def version(connection: apsw.Connection) -> Version:
    """Return what no write leaves as it is: of other connections, of the schema, of this one."""
    ((of_others,),) = connection.execute("PRAGMA data_version").fetchall()
    ((of_schema,),) = connection.execute("PRAGMA schema_version").fetchall()
    return of_others, of_schema, connection.total_changes()


def rows(connection: apsw.Connection) -> Rows:
    """Return the state of every row, shown or held, of every replicated table: (table, key) -> state.

    Where nothing was written since they were read, they are as they were; what is being written may be rolled back.
    """
    if connection.txn_state("main") == apsw.SQLITE_TXN_WRITE:
        return _read_rows(connection)
    with reading(connection):
        now = version(connection)
        before = _read.get(connection)
        if before is None or before[0] != now:
            before = _read[connection] = now, _read_rows(connection)
    return before[1]


def _read_rows(connection: apsw.Connection) -> Rows:
    registry = Registry(connection)
    found: Rows = {}
    with reading(connection):
        sites = {ordinal: site for ordinal, site, _ in registry.sites()}
        for table in registry.tables():
            moved = _moved(connection, table)
            _check(connection, table, moved)
            found |= _clocked(connection, table, sites) | _genesis(connection, table, sites, moved)
    return found


def _check(connection: apsw.Connection, table: Table, moved: str) -> None:
    shown = (
        f"EXISTS (SELECT 1 FROM {table.quoted} AS shown WHERE {table.row_has_key_of('shown', 'clock')} AND NOT {moved})"
    )
    if moved != "0":
        stands = f"{table.moved} AS moved JOIN {table.quoted} AS shown ON {table.row_has_key_of('shown', 'moved')}"
        shown = f"({shown} OR EXISTS (SELECT 1 FROM {stands} WHERE moved.held = clock.held))"
        _check_moved(connection, table)
    reason = f"(SELECT reason FROM {table.held} AS held WHERE held.id = clock.held)"
    stands_in = f"({reason} = 'deleted, shown: referenced' OR {reason} GLOB 'masked: *')"
    more = f"EXISTS (SELECT 1 FROM {table.heads} AS heads WHERE {table.same_keys('heads', 'clock')})"
    rules = {
        "a row is shown or held, and both only if it stands in": f"{shown} <> (clock.held IS NULL OR {stands_in})",
        "a deleted row is held as deleted, another for another reason": f"clock.held IS NOT NULL AND (clock.gone IS 1) <> ({reason} GLOB 'deleted*')",
        "a deleted row is held": "clock.gone IS 1 AND clock.held IS NULL",
        "no row waits": f"clock.held IS NOT NULL AND {reason} GLOB '*waiting'",
        "many says whether there are further heads": f"(clock.many IS 1) <> {more}",
        "its batch is known": "seq > (SELECT value FROM _crdt_meta WHERE name = 'batch')",
        **{
            f"a cell's stamp differs from its row's, or is NULL ({start})": " OR ".join(
                f"(c{f.id}_t = clock.t AND c{f.id}_s = clock.s) OR (c{f.id}_t IS NULL) <> (c{f.id}_s IS NULL)"
                for f in table.fields[start : start + 100]
            )
            for start in range(0, len(table.fields), 100)
        },
    }
    flags = ", ".join(f"({condition}) IS TRUE" for condition in rules.values())
    broken = " OR ".join(f"({condition})" for condition in rules.values())
    for row in connection.execute(f"SELECT {flags}, {table.keys} FROM {table.clock} AS clock WHERE {broken}"):
        wrong = [rule for rule, flag in zip(rules, row, strict=False) if flag]
        raise AssertionError(f"{table.name}: {row[len(rules) :]}: {wrong}")
    (strays,) = connection.execute(
        f"SELECT count(*) FROM {table.held} WHERE id NOT IN (SELECT held FROM {table.clock} WHERE held IS NOT NULL)"
    ).fetchone()
    assert not strays, f"{table.name}: {strays} held rows belong to no row"
    (strays,) = connection.execute(
        f"SELECT count(*) FROM {table.heads} AS heads WHERE NOT EXISTS "
        f"(SELECT 1 FROM {table.clock} AS clock WHERE {table.same_keys('clock', 'heads')})"
    ).fetchone()
    assert not strays, f"{table.name}: {strays} heads belong to no row"


def _moved(connection: apsw.Connection, table: Table) -> str:
    """Say that a row `shown` stands under another key than its own."""
    name = f"_crdt_moved_{table.name}"
    if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (name,)).fetchone():
        return "0"
    return f"EXISTS (SELECT 1 FROM {table.moved} AS moved WHERE {table.row_has_key_of('shown', 'moved')})"


def _check_moved(connection: apsw.Connection, table: Table) -> None:
    """Check that moved rows, deleted ones that are shown among them, are shown, and stand under no live row's key."""
    alive = f"EXISTS (SELECT 1 FROM {table.clock} AS clock WHERE {table.same_keys('clock', 'moved')} AND clock.gone IS NULL)"
    there = f"EXISTS (SELECT 1 FROM {table.quoted} AS shown WHERE {table.row_has_key_of('shown', 'moved')})"
    may_move = f"(held.reason GLOB 'masked: *' OR held.reason = '{reasons.RESTORED}')"
    own = f"EXISTS (SELECT 1 FROM {table.held} AS held WHERE held.id = moved.held AND {may_move})"
    wrong = connection.execute(
        f"SELECT * FROM {table.moved} AS moved WHERE {alive} OR NOT {there} OR NOT {own}"
    ).fetchall()
    assert not wrong, f"{table.name}: {wrong} stand under keys of live rows, or are not shown"


def _clocked(connection: apsw.Connection, table: Table, sites: dict[int, bytes]) -> Rows:
    stamps = ", ".join(f"clock.c{field.id}_t, clock.c{field.id}_s" for field in table.fields) or "NULL"
    pairs = [(f"shown.{identifier(name)}", f"held.k{n}") for n, name in enumerate(table.key, 1)]
    pairs += [(f"shown.{identifier(field.name)}", f"held.v{field.id}") for field in table.fields]
    values = ", ".join(_typed(f"iif(clock.held IS NOT NULL, {held}, {shown})") for shown, held in pairs)
    count, width = len(table.fields), len(table.key)
    explicit = _parts(connection, table, sites)
    found: Rows = {}
    for row in connection.execute(
        f"SELECT clock.t, clock.s, ifnull(clock.dot_t, clock.t), ifnull(clock.dot_s, clock.s), clock.gone, "
        f"(SELECT json_group_array(json_array(t, s, gone)) FROM {table.heads} AS heads WHERE {table.same_keys('heads', 'clock')}), "
        f"{stamps}, {', '.join(_typed(f'clock.{key}') for key in table.key_names)}, {values} FROM {table.clock} AS clock "
        f"LEFT JOIN {table.quoted} AS shown ON {table.row_has_key_of('shown', 'clock')} "
        f"LEFT JOIN {table.held} AS held ON held.id = clock.held"
    ):
        t, s, dot_t, dot_s, gone, more = row[:6]
        cells = row[6 : 6 + max(2 * count, 1)]
        key, stored = _split(_pairs(row[6 + max(2 * count, 1) :]), width)
        born = (t, sites[s])
        heads = {(dot_t, sites[dot_s], gone == 1)}
        if more != "[]":
            heads |= {(a, sites[b], c == 1) for a, b, c in json.loads(more)}
        values_of = {
            field.name: (stored[width + n], born if cells[2 * n] is None else (cells[2 * n], sites[cells[2 * n + 1]]))
            for n, field in enumerate(table.fields)
        }
        heads_of = _heads_of(table, values_of, explicit.get(key, {}))
        found[table.name, stored[:width]] = RowState(gone is None, born, frozenset(heads), values_of, heads_of)
    return found


def _genesis(connection: apsw.Connection, table: Table, sites: dict[int, bytes], moved: str) -> Rows:
    names = [*table.key, *(field.name for field in table.fields)]
    values = ", ".join(_typed(f"shown.{identifier(name)}") for name in names)
    width = len(table.key)
    found: Rows = {}
    for row in connection.execute(
        f"SELECT {values} FROM {table.quoted} AS shown WHERE NOT EXISTS "
        f"(SELECT 1 FROM {table.clock} AS clock WHERE {table.row_has_key_of('shown', 'clock')}) "
        f"AND NOT {moved}"
    ):
        stored = _pairs(row)
        assert table.genesis is not None, f"{table.name}: {stored[:width]} has neither clock nor genesis"
        stamp = (table.genesis[0], sites[table.genesis[1]])
        cells = {field.name: (stored[width + n], stamp) for n, field in enumerate(table.fields)}
        found[table.name, stored[:width]] = RowState(
            True, stamp, frozenset({(*stamp, False)}), cells, _heads_of(table, cells, {})
        )
    return found


def merged(connection: apsw.Connection) -> set[tuple[bytes, bytes, int, int]]:
    """Return who had merged what: (site, peer, at, upto)."""
    sites = {ordinal: site for ordinal, site, _ in Registry(connection).sites()}
    return {
        (sites[site], sites[peer], at, upto)
        for site, peer, at, upto in connection.execute("SELECT site, peer, at, upto FROM _crdt_merged")
    }


def held(connection: apsw.Connection) -> dict[tuple[str, tuple[Exact, ...]], str]:
    """Return why rows are held: (table, key) -> reason."""
    found = {}
    for table in Registry(connection).tables():
        keys = ", ".join(_typed(key) for key in map(str, table.key_names))
        for reason, *row in connection.execute(f"SELECT reason, {keys} FROM {table.held}"):
            found[table.name, _pairs(tuple(row))] = reason
    return found


def tables(connection: apsw.Connection) -> dict[str, list[str]]:
    """Return what the user's replicated tables show."""
    found = {}
    for table in Registry(connection).tables():
        values = ", ".join(
            _typed(str(identifier(name))) for name in (*table.key, *(field.name for field in table.fields))
        )
        found[table.name] = sorted(map(repr, map(_pairs, connection.execute(f"SELECT {values} FROM {table.quoted}"))))
    return found


def shared(connection: apsw.Connection) -> dict[str, Any]:
    """Return all that two replicas with the same events must have alike."""
    with reading(connection):
        return {
            "rows": rows(connection),
            "held": held(connection),
            "tables": tables(connection),
            "vector": Registry(connection).vector(),
            "merged": merged(connection),
        }


def opened(image: bytes) -> apsw.Connection:
    """Open a serialized database in memory, where there is no write-ahead log: bytes 18 and 19 say whether a file has one."""
    connection = connect()
    if image:
        connection.deserialize("main", image[:18] + b"\1\1" + image[20:])
    return connection


class Content:
    """Everything that a file holds, ours and the user's: equal if its bytes are, or else if the tables in them are."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.image = connection.serialize("main") or b""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Content) and (self.image == other.image or self.tables == other.tables)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self.tables)

    @cached_property
    def tables(self) -> dict[str, Any]:
        """What the tables hold, by their names."""
        connection = opened(self.image)
        try:
            return _everything(connection)
        finally:
            connection.close()


def content(connection: apsw.Connection) -> Content:
    """Return everything that the file holds: nothing was changed if this is the same before and after."""
    return Content(connection)


def _everything(connection: apsw.Connection) -> dict[str, Any]:
    found: dict[str, Any] = {
        "schema": connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchall()
    }
    for (name,) in connection.execute(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow')"
    ).fetchall():
        if name == "sqlite_schema":
            continue
        columns = [row[0] for row in connection.execute("SELECT name FROM pragma_table_xinfo(?)", (name,))]
        values = ", ".join(_typed(str(identifier(column))) for column in columns)
        found[name] = sorted(map(repr, map(_pairs, connection.execute(f"SELECT {values} FROM {identifier(name)}"))))
    return found


def conflicts(connection: apsw.Connection, after: int = 0) -> list[tuple[Any, ...]]:
    """Return the conflict log: (table, key, column, winning stamp, winning value, losing stamp, losing value, part, settled).

    References that went with their row are noted in it, and are no conflict while the row is gone.
    """
    registry = Registry(connection)
    sites = {ordinal: site for ordinal, site, _ in registry.sites()}
    tables = {table.id: table for table in registry.tables()}
    found = []
    for (number,) in connection.execute("SELECT DISTINCT tbl FROM _crdt_conflict").fetchall():
        table = tables[number]
        fields = {field.id: field.name for field in table.fields}
        keys = ", ".join(_typed(f"k{n}") for n in range(1, len(table.key) + 1))
        for row in connection.execute(
            f"SELECT col, part, won_t, won_s, lost_t, lost_s, resolved IS NOT NULL, {_typed('won')}, {_typed('lost')}, {keys} "
            "FROM _crdt_conflict WHERE tbl = ? AND id > ? AND NOT (took = 'severed' AND resolved IS won_t AND resolved_s IS won_s)",
            (number, after),
        ):
            col, part, won_t, won_s, lost_t, lost_s, settled = row[:7]
            won, lost, *key = _pairs(row[7:])
            stamps = (won_t, sites[won_s]), (lost_t, sites[lost_s])
            found.append((table.name, tuple(key), fields[col], stamps[0], won, stamps[1], lost, part, bool(settled)))
    return found
