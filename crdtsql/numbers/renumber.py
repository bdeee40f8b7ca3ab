"""Renumber: give rows other numbers, and let everything follow that holds a number.

Runs inside the caller's write transaction. No event comes of it, and no stamp changes: every replica that knows the same rows
does the same. In the file that is the user's table, what is kept of its rows, and the columns of declared foreign keys, in
shown and in held rows, also where they are part of a key; in an attached image the same columns, before it is merged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import apsw

from crdtsql.base import EMPTY, Contender, InvalidChangesetError, Sql, fragment, identifier, integer, naming, query, sql
from crdtsql.capture import without_capture
from crdtsql.numbers import followers
from crdtsql.numbers.followers import Follower
from crdtsql.shown import Side, take_out
from crdtsql.sqlite import schema, writing
from crdtsql.store import FIRST_PARKED, FIRST_UPDATE_OP, Registry, Table, temporary
from crdtsql.wire import Header, TableHeader, image

CREATE_MOVED = "CREATE TEMP TABLE _crdt_moved (old INTEGER PRIMARY KEY, new INTEGER NOT NULL, hidden INTEGER NOT NULL)"


@dataclass(frozen=True, slots=True)
class Moves:
    """Rows that get other numbers.

    Attributes:
        numbers: old number -> new number.
        hidden: those of the old numbers under which the user's table shows another row.
        folding: the log's events are not in the clocks yet; what they wrote is in terms of the new numbers.
    """

    table: Table
    numbers: Mapping[int, int]
    hidden: AbstractSet[int] = frozenset()
    folding: bool = False


def here(registry: Registry, moves: Moves) -> None:
    """Renumber rows in the file."""
    found = followers.to_table(registry, moves.table) if moves.numbers else []
    for _ in _waves(registry.connection, moves):
        _move_rows(registry, moves)
        _move_followers(registry, found, moves.folding)


def rows_alone(registry: Registry, moves: Moves) -> None:
    """Renumber rows in the file; what refers to them does not follow yet."""
    for _ in _waves(registry.connection, moves):
        _move_rows(registry, moves)


def followers_alone(registry: Registry, moves: Moves) -> None:
    """Let everything follow rows that were renumbered."""
    found = followers.to_table(registry, moves.table) if moves.numbers else []
    for _ in _waves(registry.connection, moves):
        _move_followers(registry, found, moves.folding)


def _move_followers(registry: Registry, found: list[Follower], folding: bool) -> None:
    for follower in found:
        if follower.table is not None and follower.position:
            _move_key(registry, follower, follower.table, folding)
        else:
            _move_value(registry, follower, folding)


def incoming(registry: Registry, header: Header, database: str, moves: Moves) -> None:
    """Say what an attached image says in the numbers of this replica."""
    if not moves.numbers:
        return
    connection = registry.connection
    columns = list(_image_columns(registry, header, moves.table))
    for _ in _waves(connection, moves):
        for table, column in columns:
            _translate(connection, Sql(f"{database}.{table}"), column)


def store(registry: Registry, table: Table, contender: Contender, number: int) -> None:
    """Write down the birth of a row, and the number that it asks for if it has another one."""
    values = {
        "number": number,
        "born_t": contender.birth.t,
        "born_s": contender.birth.s,
        "root_t": contender.root.t,
        "root_s": contender.root.s,
        "generation": contender.generation,
        "was": None if number == contender.number else contender.number,
    }
    registry.connection.execute(sql("numbers/renumber/store_born", born=table.born), values)


@contextmanager
def _moved(connection: apsw.Connection, rows: list[tuple[int, int, bool]]) -> Iterator[None]:
    with temporary(connection, "_crdt_moved", CREATE_MOVED):
        connection.executemany("INSERT INTO temp._crdt_moved (old, new, hidden) VALUES (?, ?, ?)", rows)
        yield


def _waves(connection: apsw.Connection, moves: Moves) -> Iterator[None]:
    """Go through the moves so that no number is taken before it is free: nearly always all at once."""
    left = dict(moves.numbers)
    while left:
        free = {old: new for old, new in left.items() if new not in left}
        if not free:
            raise InvalidChangesetError(
                f"not a sound changeset: rows of table {moves.table.name!r} want each other's numbers"
            )
        with _moved(connection, [(old, new, old in moves.hidden) for old, new in free.items()]):
            yield
        for old in free:
            del left[old]


def _translate(connection: apsw.Connection, table: Sql, column: Sql, condition: Sql = EMPTY) -> None:
    """Translate a column of a table of ours."""
    connection.execute(
        sql("numbers/renumber/translate", on_conflict=EMPTY, table=table, column=column, condition=condition)
    )


def _translate_shown(registry: Registry, table: Table | None, name: str, column: Sql, condition: Sql) -> None:
    """Translate a column of the user's table, if it has anything to translate, without capturing it.

    Rows that a constraint refuses with the new number wait among the held rows, which are translated next.
    """
    connection = registry.connection
    slots = {"table": identifier(name), "column": column, "condition": condition}
    if query.first(connection, sql("numbers/renumber/holds_moved", **slots)) is None:
        return
    with without_capture(connection, [] if table is None else [table]):
        connection.execute("SAVEPOINT crdt_move")
        try:
            translate = partial(sql, "numbers/renumber/translate", **slots)
            writing.prepare(connection, name, translate).execute(connection)
        except (apsw.ConstraintError, apsw.MismatchError):
            connection.execute("ROLLBACK TO crdt_move")
            shape = None if table is None else schema.read(connection, table.place)
            if table is None or shape is None:
                raise
            side = Side(table, shape)
            with side.out(connection):
                key_columns = table.key_columns_of("target")
                take = sql("numbers/renumber/take_out", key_columns=key_columns, keys=table.keys, **slots)
                connection.execute(take)
                take_out(registry, side)
        finally:
            connection.execute("RELEASE crdt_move")


def _is_held(table: Table) -> Sql:
    return fragment("numbers/renumber/is_held", clock=table.clock, clock_is_target=table.same_keys("clock", "target"))


def _ours(connection: apsw.Connection, table: Table) -> list[Sql]:
    """List the tables that keep rows of a table by key, the clocks last."""
    found = [table.heads]
    parts = f"_crdt_parts_{table.name}"
    if query.first(connection, "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?", (parts,)):
        found.append(table.parts)
    if table.parked:
        found.append(table.cells_parked)
    return [*found, table.clock]


def _move_rows(registry: Registry, moves: Moves) -> None:
    """Renumber the rows themselves: what is kept of them, and where the user's table shows them."""
    connection, table = registry.connection, moves.table
    key, column = table.key_names[0], identifier(table.key[0])
    _translate_shown(registry, table, table.name, column, fragment("numbers/renumber/is_shown", column=column))
    _translate(connection, table.held, key, Sql(f"AND {_is_held(table)}"))
    for ours in (*_ours(connection, table), table.born):
        _translate(connection, ours, key)
    _translate(connection, Sql("main._crdt_conflict"), key, Sql(f"AND target.tbl = {table.id}"))


def _move_value(registry: Registry, follower: Follower, folding: bool) -> None:
    """Let a column outside of a key follow, but where an event that is about to be folded wrote it."""
    connection, table, field = registry.connection, follower.table, follower.field
    if table is None or field is None:
        _translate_shown(registry, table, follower.name, follower.column, EMPTY)
        return
    if field.id >= FIRST_PARKED:
        _translate(connection, table.cells_parked, Sql("v"), Sql(f"AND target.col = {field.id}"))
        return
    shown = held = EMPTY
    if folding:
        stamped = table.stamped_with(field)
        slots = {
            "table_id": integer(table.id),
            "op": integer(FIRST_UPDATE_OP + stamped.word),
            "bit": integer(stamped.bit),
        }
        shown = fragment(
            "numbers/renumber/was_not_written", target_is_event=table.row_has_key_of("target", "event"), **slots
        )
        held = fragment("numbers/renumber/was_not_written", target_is_event=table.same_keys("target", "event"), **slots)
    _translate_shown(registry, table, follower.name, follower.column, shown)
    _translate(connection, table.held, naming.value(field.id), held)
    for logged in ("won", "lost"):
        of_column = Sql(f"AND target.tbl = {table.id} AND target.col = {field.id}")
        _translate(connection, Sql("main._crdt_conflict"), Sql(logged), of_column)


def _move_key(registry: Registry, follower: Follower, table: Table, folding: bool) -> None:
    """Let a column of a key follow, with all that is kept under that key.

    While folding, a row that was inserted since belongs to the new number, and what the log says of the key before that
    belongs to the row that moves.
    """
    connection, key = registry.connection, table.key_names[follower.position - 1]
    held, shown = _is_held(table), EMPTY
    if folding:
        table_id = integer(table.id)
        removed = fragment(
            "numbers/renumber/was_removed", table_id=table_id, removal_is_event=table.same_keys("event", "removal")
        )
        held = Sql(f"({held} OR {removed})")
        shown = fragment(
            "numbers/renumber/was_not_inserted",
            table_id=table_id,
            target_is_event=table.row_has_key_of("target", "event"),
        )
    _translate_shown(registry, table, follower.name, follower.column, shown)
    _translate(connection, table.held, key, Sql(f"AND {held}"))
    for ours in _ours(connection, table):
        _translate(connection, ours, key)
    _translate(connection, Sql("main._crdt_conflict"), key, Sql(f"AND target.tbl = {table.id}"))
    if folding:
        same = table.same_keys("event", "target")
        before = fragment("numbers/renumber/is_before_insert", table_id=integer(table.id), target_is_event=same)
        _translate(connection, Sql("temp._crdt_event"), key, before)


def _image_columns(registry: Registry, header: Header, table: Table) -> Iterator[tuple[Sql, Sql]]:
    """List where an image holds numbers of a table."""
    numbers = {theirs.uid: (number, theirs) for number, theirs in enumerate(header.tables, 1)}
    number, theirs = numbers[table.uid]
    key = table.key_names[0]
    for name in _keyed(number, theirs):
        yield name, key
    yield image.born_table(number), key
    for follower in followers.to_table(registry, table):
        child = follower.table
        if child is None or child.uid not in numbers:
            continue
        number, theirs = numbers[child.uid]
        if follower.position:
            for name in _keyed(number, theirs):
                yield name, child.key_names[follower.position - 1]
        elif follower.field is not None and follower.field.uid in theirs.uids:
            value, _, _ = image.cell(theirs.uids.index(follower.field.uid))
            yield image.row_table(number), value


def _keyed(number: int, theirs: TableHeader) -> list[Sql]:
    parts = [image.part_table(number)] if image.typed_columns(theirs) else []
    return [image.row_table(number), image.head_table(number), *parts]
