"""Renumber: give rows other numbers, and let everything follow that holds a number.

Runs inside the caller's write transaction. No event comes of it, and no stamp changes: every replica that knows the same rows
does the same. In the file that is the user's table, what is kept of its rows, and the columns that follow, in
shown and in held rows, also where they are part of a key; in an attached image the same columns, before it is merged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import apsw

from crdtsql.base import (
    EMPTY,
    Contender,
    InvalidChangesetError,
    Sql,
    TemporaryTable,
    fragment,
    identifier,
    integer,
    naming,
    query,
    sql,
)
from crdtsql.capture import without_capture
from crdtsql.numbers import followers
from crdtsql.numbers.followers import Follower
from crdtsql.numbers.moves import END, Moves, Span
from crdtsql.shown import Side, left, moved, take_out
from crdtsql.sqlite import schema, writing
from crdtsql.store import FIRST_PARKED, FIRST_UPDATE_OP, Field, Registry, Table
from crdtsql.wire import Header, TableHeader, image

MOVED = TemporaryTable("_crdt_moved", "numbers/renumber/create_moved", read_by=("shown/left",))

_AS_IN_LOG = "+target"
"""A key is compared with the log's without its column's type: the log has none, and else its index could not be used."""
_NEVER = Sql("0")

MEANT, AWAITED = "numbers/renumber/meant", "numbers/renumber/awaited"
WRITTEN, UNCLAIMED = "numbers/renumber/written", "numbers/renumber/unclaimed"
"""The rules by which references outside of keys follow a row, each an SQL file."""
ALWAYS, EVERY = "1", "(1)"
"""The rules for keys: each that has the number follows, of the log what it wrote between two of its entries, or every entry."""
RIVALS = {MEANT: Sql("moved.born_s"), AWAITED: Sql("moved.holder_s"), UNCLAIMED: Sql("moved.holder_s")}
"""Whose events the writer of a reference must have seen, or not: the site of the row, or of who has its number."""


def here(registry: Registry, moves: Moves) -> None:
    """Renumber rows in the file."""
    found = followers.to_table(registry, moves.table) if moves.spans else []
    for _ in _waves(registry.connection, moves):
        _move_rows(registry, moves)
        _move_followers(registry, found, _Meant(moves.folding))


def rows_alone(registry: Registry, moves: Moves) -> None:
    """Renumber rows in the file; what refers to them does not follow yet."""
    for _ in _waves(registry.connection, moves):
        _move_rows(registry, moves)


def followers_alone(registry: Registry, moves: Moves, *, keys: bool = True) -> None:
    """Let what follows rows that were renumbered do so, also in `keys`."""
    every = followers.to_table(registry, moves.table) if moves.spans else []
    found = [one for one in every if keys or not one.position]
    for _ in _waves(registry.connection, moves):
        _move_followers(registry, found, _Meant(moves.folding))


def written_in_keys(registry: Registry, follower: Follower, table: Table, spans: Iterable[Span]) -> None:
    """Give numbers in the keys of a table others, each by what it is and when it was written, as `references_alone` does."""
    with _moved(registry.connection, [*spans]):
        _move_key(registry, follower, table, _Meant(rule=WRITTEN))


def foretold_here(registry: Registry, moves: Moves) -> None:
    """Give the numbers of rows that are known now to keys in this file that awaited them."""
    with _moved(registry.connection, [*moves.spans]):
        for follower in followers.to_table(registry, moves.table):
            if follower.table is not None and follower.position:
                _move_key(registry, follower, follower.table, _Meant(moves.folding, EVERY))


def foretold_there(registry: Registry, header: Header, database: str, moves: Moves) -> None:
    """Give the numbers of rows that are known here to keys in an attached image that await them."""
    columns = list(_image_references(registry, header, moves.table, _Meant(rule=EVERY)))
    with _moved(registry.connection, [*moves.spans]):
        for table, column, means in columns:
            _translate(registry.connection, Sql(f"{database}.{table}"), column, means)


def awaited(registry: Registry, moves: Moves) -> None:
    """Let references that were written before their row follow it to the number that it has here."""
    found = followers.to_table(registry, moves.table) if moves.spans else []
    for _ in _waves(registry.connection, moves):
        _move_followers(registry, [one for one in found if not one.position], _Meant(rule=AWAITED))


def _move_followers(registry: Registry, found: list[Follower], meant: _Meant) -> None:
    for follower in found:
        if follower.table is not None and follower.position:
            _move_key(registry, follower, follower.table, replace(meant, rule=ALWAYS))
        else:
            _move_value(registry, follower, meant)


def unclaimed(registry: Registry, header: Header, database: str, moves: Moves) -> None:
    """Let references in an attached image whose writers had not seen who has their number there mean other rows."""
    if not moves.spans:
        return
    columns = list(_image_references(registry, header, moves.table, _Meant(rule=UNCLAIMED)))
    for _ in _waves(registry.connection, moves):
        for table, column, means in columns:
            _translate(registry.connection, Sql(f"{database}.{table}"), column, means)


def incoming(registry: Registry, header: Header, database: str, moves: Moves) -> None:
    """Say what an attached image says in the numbers of this replica."""
    if not moves.spans:
        return
    connection = registry.connection
    columns = list(_image_columns(registry, header, moves.table))
    number = 1 + next(n for n, theirs in enumerate(header.tables) if theirs.uid == moves.table.uid)
    born = Sql(f"{database}.{image.born_table(number)}")
    for _ in _waves(connection, moves):
        for table, column, means in columns:
            _translate(connection, Sql(f"{database}.{table}"), column, means)
        connection.execute(sql("numbers/renumber/translate_born", born=born))


def references_alone(registry: Registry, follower: Follower, spans: Iterable[Span]) -> None:
    """Give references other numbers, each by what it is and when it was written: `birth` is the stamp of the reference itself."""
    with _moved(registry.connection, [*spans]):
        _move_value(registry, follower, _Meant(rule=WRITTEN))


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
def _moved(connection: apsw.Connection, spans: list[Span]) -> Iterator[None]:
    rows = [
        (span.old, span.first, span.last, span.new, span.last < END, span.birth.t, span.birth.s)
        + ((None, None) if span.holder is None else (span.holder.t, span.holder.s))
        + (span.known and span.first == 0,)
        for span in spans
    ]
    with MOVED.created(connection):
        connection.executemany(f"INSERT INTO temp._crdt_moved VALUES ({', '.join('?' * 10)})", rows)
        yield


def _waves(connection: apsw.Connection, moves: Moves) -> Iterator[None]:
    """Go through the moves so that no number is taken before it is free: nearly always all at once."""
    left = list(moves.spans)
    while left:
        taken = {span.old for span in left}
        stuck = {span.old for span in left if span.new in taken}
        free = [span for span in left if span.old not in stuck]
        if not free:
            raise InvalidChangesetError(
                f"not a sound changeset: rows of table {moves.table.name!r} want each other's numbers"
            )
        with _moved(connection, free):
            yield
        left = [span for span in left if span.old in stuck]


def _translate(connection: apsw.Connection, table: Sql, column: Sql, means: Sql) -> None:
    """Translate a column of a table of ours."""
    connection.execute(sql("numbers/renumber/translate", on_conflict=EMPTY, table=table, column=column, means=means))


def _translate_events(connection: apsw.Connection, column: Sql, means: Sql) -> None:
    """Translate a column of the log's entries, of which each may be judged by others: so all are judged before any is changed."""
    found = query.rows(connection, sql("numbers/renumber/find_events", column=column, means=means))
    connection.executemany(f"UPDATE temp._crdt_event SET {column} = ? WHERE seq = ?", found)


def _translate_shown(registry: Registry, table: Table | None, name: str, column: Sql, means: Sql) -> None:
    """Translate a column of the user's table, if it has anything to translate, without capturing it.

    Rows that a constraint refuses with the new number wait among the held rows, which are translated next.
    """
    connection = registry.connection
    slots = {"table": identifier(name), "column": column, "means": means}
    if query.first(connection, sql("numbers/renumber/holds_moved", **slots)) is None:
        return
    if table is not None:
        left.note(registry, table, column, means)
    with without_capture(connection, None if table is None else [table]):
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
                take = sql(
                    "numbers/renumber/take_out", key_columns=key_columns, keys=table.keys, out=side.out_table, **slots
                )
                connection.execute(take)
                take_out(registry, side)
        finally:
            connection.execute("RELEASE crdt_move")
    if table is not None:
        left.follow(registry, table, column)


def _ours(connection: apsw.Connection, table: Table) -> list[Sql]:
    """List the tables that keep rows of a table by key, the clocks last."""
    found = [table.heads]
    parts = f"_crdt_parts_{table.name}"
    if query.exists(connection, "main.sqlite_schema", "type = 'table' AND name = ?", (parts,)):
        found.append(table.parts)
    if table.parked:
        found.append(table.cells_parked)
    return [*found, table.clock]


def _move_rows(registry: Registry, moves: Moves) -> None:
    """Renumber the rows themselves: what is kept of them, what the log says of them, and where the user's table shows them."""
    connection, table = registry.connection, moves.table
    key, column, older = table.key_names[0], identifier(table.key[0]), Sql("moved.first = 0")
    _translate_shown(registry, table, table.name, column, fragment("numbers/renumber/is_shown"))
    kept = fragment("numbers/renumber/is_kept", clock=table.clock, clock_is_target=table.same_keys("clock", "target"))
    _translate(connection, table.held, key, kept)
    for ours in (*_ours(connection, table), table.born):
        _translate(connection, ours, key, older)
    _translate(connection, Sql("main._crdt_conflict"), key, Sql(f"{older} AND target.tbl = {table.id}"))
    if moves.folding:
        connection.execute(sql("numbers/renumber/move_events"), {"tbl": table.id})
        connection.execute(sql("numbers/renumber/move_removed", held=table.held), {"tbl": table.id})


@dataclass(frozen=True, slots=True)
class _Meant:
    """Says in SQL which of the rows in `temp._crdt_moved` a reference means.

    Attributes:
        folding: the log's entries count, which are not in the clocks yet.
        rule: which references follow. In keys: ALWAYS, EVERY, WRITTEN. Elsewhere: MEANT, those that mean the row; AWAITED, of these
            only those that were written before it; WRITTEN, those that were written with the stamp that stands there as a row's
            birth; UNCLAIMED, those whose writer had not seen the row that has the number.
    """

    folding: bool = False
    rule: str = MEANT

    def by_stamp(self, t: Sql, s: Sql, source: Sql = EMPTY, settled: Sql = _NEVER) -> Sql:
        """Judge by the stamp with which the reference was written; where it is `settled`, that was forgotten."""
        if self.rule in (ALWAYS, EVERY):
            return Sql(self.rule)
        slots = {"t": t, "s": s, "source": source}
        if self.rule in RIVALS:
            slots |= {"seen_of_it": seen_of(RIVALS[self.rule]), "settled": settled}
        return fragment(self.rule, **slots)

    def by_clock(self, table: Table, field: Field | None, clock_is_target: Sql) -> Sql:
        """Judge by the stamps of the clock row, as far as the log did not write the reference."""
        t, s = stamp_by_clock(table, field)
        source = fragment("numbers/renumber/stamp_of_clock", clock=table.clock, clock_is_target=clock_is_target)
        return self.by_stamp(t, s, source, _is_settled(table, t, s))

    def by_log(self, table: Table, target_is_event: Sql, writes: Sql, before: Sql, by_clock: Sql) -> Sql:
        """Judge by the entry of the log that wrote the reference last, or else by the clock row."""
        if not self.folding or self.rule == EVERY:
            return by_clock
        slots = {
            "table_id": integer(table.id),
            "target_is_event": target_is_event,
            "writes": writes,
            "before": before,
        }
        place = fragment("numbers/renumber/is_written_between", **slots)
        written = fragment("numbers/renumber/was_written", **slots)
        return Sql(f"{place} AND ({written} OR {by_clock})")


def _is_settled(table: Table, t: Sql, s: Sql) -> Sql:
    """Say that a stamp is the genesis of a table, and that this may stand for one that was forgotten."""
    if not table.rests or table.genesis is None:
        return _NEVER
    return Sql(f"({t} = {table.genesis[0]} AND {s} = {table.genesis[1]})")


def seen_of(site: Sql) -> Sql:
    """Render up to where the writer of a `reference` had seen the events of a site when it wrote that."""
    return fragment("numbers/renumber/seen_of", site=site)


def stamp_by_clock(table: Table, field: Field | None) -> tuple[Sql, Sql]:
    """Say when a cell, or with no field a key, was written whose clock row is `clock`, or which is of the genesis without one."""
    t, s = Sql("clock.t"), Sql("clock.s")
    if field is not None:
        t = Sql(f"ifnull(clock.{naming.stamp_t(field.id)}, {t})")
        s = Sql(f"ifnull(clock.{naming.stamp_s(field.id)}, {s})")
    if table.genesis is not None:
        t, s = Sql(f"ifnull({t}, {table.genesis[0]})"), Sql(f"ifnull({s}, {table.genesis[1]})")
    return t, s


def _move_value(registry: Registry, follower: Follower, meant: _Meant) -> None:
    """Let a column outside of a key follow."""
    connection, table, field = registry.connection, follower.table, follower.field
    if table is None or field is None:
        if meant.rule != AWAITED:
            _translate_shown(registry, table, follower.name, follower.column, Sql("1"))
        return
    by_target = meant.by_stamp(Sql("target.t"), Sql("target.s"))
    if field.id >= FIRST_PARKED:
        _translate(connection, table.cells_parked, Sql("v"), Sql(f"target.col = {field.id} AND {by_target}"))
        return
    stamped = table.stamped_with(field)
    writes = Sql(
        f"(event.op = 1 OR (event.op = {FIRST_UPDATE_OP + stamped.word} AND (event.detail >> {stamped.bit}) & 1))"
    )
    by_clock = meant.by_clock(table, field, table.row_has_key_of("target", "clock"))
    means = meant.by_log(table, table.row_has_key_of(_AS_IN_LOG, "event"), writes, EMPTY, by_clock)
    _translate_shown(registry, table, follower.name, follower.column, means)
    before = fragment("numbers/renumber/before_removal", table_id=integer(table.id))
    by_clock = meant.by_clock(table, field, table.same_keys("clock", "target"))
    means = meant.by_log(table, table.same_keys(_AS_IN_LOG, "event"), writes, before, by_clock)
    _translate(connection, table.held, naming.value(field.id), means)
    for logged in ("won", "lost"):
        of_column = Sql(f"target.tbl = {table.id} AND target.col = {field.id}")
        t, s = Sql(f"target.{logged}_t"), Sql(f"target.{logged}_s")
        by_entry = meant.by_stamp(t, s, settled=_is_settled(table, t, s))
        _translate(connection, Sql("main._crdt_conflict"), Sql(logged), Sql(f"{of_column} AND {by_entry}"))


def _move_key(registry: Registry, follower: Follower, table: Table, meant: _Meant) -> None:
    """Let a column of a key follow, with all that is kept under that key: the insert of the row wrote it.

    A number in a key is that of a row which who wrote it knew, or a foretold one (decision 0031); so it follows whenever that was.
    """
    connection, key = registry.connection, table.key_names[follower.position - 1]
    with without_capture(connection, [table]):
        moved.lift(connection, table)
    table_id, inserts = integer(table.id), Sql("event.op = 1")
    by_clock = meant.by_clock(table, None, table.row_has_key_of("target", "clock"))
    means = meant.by_log(table, table.row_has_key_of(_AS_IN_LOG, "event"), inserts, EMPTY, by_clock)
    _translate_shown(registry, table, follower.name, follower.column, means)
    same = table.same_keys("clock", "target")
    kept = fragment("numbers/renumber/is_kept", clock=table.clock, clock_is_target=same)
    by_clock = meant.by_clock(table, None, same)
    held = Sql(f"{kept} AND {by_clock}")
    if meant.folding:
        before = fragment("numbers/renumber/before_removal", table_id=table_id)
        removed = fragment("numbers/renumber/is_removed", table_id=table_id)
        in_log = meant.by_log(table, table.same_keys(_AS_IN_LOG, "event"), inserts, before, by_clock)
        held = Sql(f"(({held}) OR ({removed} AND {in_log}))")
    _translate(connection, table.held, key, held)
    if meant.folding:
        up_to = Sql("AND event.seq <= target.seq")
        in_log = meant.by_log(table, table.same_keys("event", "target"), inserts, up_to, by_clock)
        _translate_events(connection, key, Sql(f"target.tbl = {table.id} AND {in_log}"))
    _translate(
        connection, Sql("main._crdt_conflict"), key, Sql(f"target.tbl = {table.id} AND moved.first = 0 AND {by_clock}")
    )
    for ours in _ours(connection, table):
        _translate(connection, ours, key, Sql(f"moved.first = 0 AND {by_clock}"))


def _image_columns(registry: Registry, header: Header, table: Table) -> Iterator[tuple[Sql, Sql, Sql]]:
    """List where an image holds numbers of a table, and which of the moved rows are meant there."""
    numbers = {theirs.uid: (number, theirs) for number, theirs in enumerate(header.tables, 1)}
    number, theirs = numbers[table.uid]
    key, every = table.key_names[0], Sql("1")
    for name in _keyed(number, theirs):
        yield name, key, every
    yield from _image_references(registry, header, table, _Meant())


def _image_references(
    registry: Registry, header: Header, table: Table, meant: _Meant
) -> Iterator[tuple[Sql, Sql, Sql]]:
    numbers = {theirs.uid: (number, theirs) for number, theirs in enumerate(header.tables, 1)}
    for follower in followers.to_table(registry, table):
        child = follower.table
        if child is None or child.uid not in numbers:
            continue
        number, theirs = numbers[child.uid]
        if not theirs.rows:
            continue
        rows = image.row_table(number)
        if follower.position and meant.rule != UNCLAIMED:
            for name in _keyed(number, theirs):
                yield name, child.key_names[follower.position - 1], Sql(ALWAYS)
        elif meant.rule != EVERY and follower.field is not None and follower.field.uid in theirs.uids:
            value, t, s = image.cell(theirs.uids.index(follower.field.uid))
            when, there = Sql(f"ifnull(target.{t}, target.t)"), Sql(f"ifnull(target.{s}, target.s)")
            settled = _NEVER
            if theirs.rests and theirs.genesis is not None:
                settled = Sql(f"({when} = {theirs.genesis[0]} AND {there} = {theirs.genesis[1]})")
            yield rows, value, meant.by_stamp(when, _local(there), settled=settled)


def _local(remote: Sql) -> Sql:
    """Render the ordinal here of a site that a changeset has under a number."""
    return Sql(f"(SELECT local FROM temp._crdt_from WHERE remote = {remote})")


def _keyed(number: int, theirs: TableHeader) -> list[Sql]:
    parts = [image.part_table(number)] if image.typed_columns(theirs) else []
    return [image.row_table(number), image.head_table(number), *parts]
