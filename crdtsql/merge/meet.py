"""Meet: compare incoming rows with what this replica has, and decide what results.

Fills temporary tables and writes clocks, heads and the conflict log; never touches the user's table. The rules (Section 9
of the design; ORSWOT for rows, Bieniusa et al. 2012):

- A cell goes to the larger stamp: (hlc, site id).
- A row has heads: its latest events, adds and deletes. A head stays if both sides have it, or the side that lacks it has
  not seen it. The row lives while one of its heads is an add; in a delete-wins table while none is a delete.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from zlib import crc32

import apsw

from crdtsql.base import (
    InvalidChangesetError,
    Sql,
    SqliteValue,
    TemporaryTable,
    fragment,
    joined,
    naming,
    policy,
    query,
    rendered,
    sql,
)
from crdtsql.merge.arrival import Arrival, Pair
from crdtsql.store import Field, Registry
from crdtsql.wire import image, workbench

ARRIVED = TemporaryTable("_crdt_arrived", "merge/meet/create_arrived")
MET = TemporaryTable("_crdt_met", "merge/meet/create_met")
HEAD = TemporaryTable("_crdt_head", "merge/meet/create_head")
INCOMING_HEAD = TemporaryTable("_crdt_incoming_head", "merge/meet/create_incoming_head")

Values = dict[str, SqliteValue]


@contextmanager
def met(connection: apsw.Connection, arrival: Arrival) -> Iterator[None]:
    """Keep the temporary tables of what arrived, and of the rows that both sides have, for the length of a block."""
    slots = _met_slots(arrival)
    with ARRIVED.created(connection), _met(arrival).created(connection, met=met_of(arrival), **slots):
        yield


def met_of(arrival: Arrival) -> Sql:
    """Return the table of the rows that both sides have; tables of the user's of one form share it, others have one of their own."""
    return _met(arrival).quoted


@rendered
def _met(arrival: Arrival) -> TemporaryTable:
    return MET.of(crc32(repr(_met_slots(arrival)).encode()))


@rendered
def _met_slots(arrival: Arrival) -> dict[str, Sql]:
    return {
        "keys": arrival.shape.define_key(arrival.table.key_names),
        "won_words": arrival.word_names("won"),
        "clash_words": arrival.word_names("clash"),
    }


class ArrivedRows(NamedTuple):
    """How many incoming rows bring anything new.

    Attributes:
        fresh: those that are new here.
        living: those of them that are not deleted.
        known: those that are not new.
    """

    fresh: int
    living: int
    known: int


def arrive(connection: apsw.Connection, arrival: Arrival, values: Values) -> ArrivedRows:
    """Find the incoming rows that bring anything new, and count them."""
    foreseen = arrival.foreseen
    connection.execute(_arrive(arrival) if foreseen is None else _recognize(arrival), values)
    if foreseen is not None and not connection.changes():
        return ArrivedRows(foreseen.rows, foreseen.living, 0)
    fresh, living, known = query.first(connection, _count_arrived(arrival))
    return ArrivedRows(int(fresh), int(living), int(known))


@rendered
def _arrive(arrival: Arrival) -> str:
    return sql(
        "merge/meet/arrive",
        table=arrival.table.quoted,
        clock=arrival.table.clock,
        shown_is_incoming=arrival.is_key_of("shown", "incoming"),
        clock_is_incoming=arrival.table.same_keys("clock", "incoming"),
        head_is_incoming=arrival.table.same_keys("head", "incoming"),
        **arrival.head_slots,
    )


@rendered
def _recognize(arrival: Arrival) -> str:
    """Write the statement that finds out which rows with news are known here."""
    return sql(
        "merge/meet/recognize",
        arrived=arrival.arrived,
        table=arrival.table.quoted,
        clock=arrival.table.clock,
        shown_is_incoming=arrival.is_key_of("shown", "incoming"),
        clock_is_incoming=arrival.table.same_keys("clock", "incoming"),
        **arrival.image_slots,
    )


@rendered
def _count_arrived(arrival: Arrival) -> str:
    return sql("merge/meet/count_arrived", arrived=arrival.arrived)


def narrow(connection: apsw.Connection, arrival: Arrival) -> None:
    """Find out which columns were sent, where they are many, or the changeset is large."""
    if arrival.image_slots["image"] != Sql(workbench.NAME) or len(arrival.pairs) >= naming.MANY_COLUMNS:
        words = image.words(len(arrival.header.columns))
        masks = [0] * len(words)
        for row in query.rows(connection, sql("merge/meet/sent_words", words=joined(words), **arrival.image_slots)):
            masks = [mask | word for mask, word in zip(masks, row, strict=True)]
        arrival.narrow(masks)


def meet(connection: apsw.Connection, arrival: Arrival, values: Values) -> None:
    """Compare the rows that both sides have, cell by cell and head by head."""
    connection.execute(_meet(arrival), values)
    rows, many, pairs = query.first(connection, sql("merge/meet/find_complex", met=met_of(arrival)))
    if rows > 1 and query.first(connection, _find_twice(arrival)):
        raise _one_row_twice(arrival)
    if many:
        _join_heads(connection, arrival)
    if pairs:
        _join_pairs(connection, arrival)


@rendered
def _meet(arrival: Arrival) -> str:
    newer = arrival.is_newer(
        new_t=Sql("incoming.t"),
        new_s=Sql("incoming.s"),
        old_t=Sql("ifnull(clock.t, :genesis_t)"),
        old_s=Sql("ifnull(clock.s, :genesis_s)"),
    )
    return sql(
        "merge/meet/meet",
        arrived=arrival.arrived,
        met=met_of(arrival),
        keys=arrival.table.keys,
        incoming_keys=arrival.table.keys_of("incoming"),
        won_words=arrival.word_names("won"),
        clash_words=arrival.word_names("clash"),
        won=arrival.bits("won"),
        clash=arrival.bits("clash"),
        row_is_newer=newer,
        add=Sql("in" if _deletes_win(arrival) else "old"),
        delete=Sql("old" if _deletes_win(arrival) else "in"),
        clock=arrival.table.clock,
        clock_is_incoming=arrival.table.same_keys("clock", "incoming"),
        **arrival.image_slots,
    )


@rendered
def _find_twice(arrival: Arrival) -> str:
    return sql("merge/meet/find_twice", met=met_of(arrival), keys=arrival.table.keys)


def _deletes_win(arrival: Arrival) -> bool:
    return arrival.table.rows == policy.DELETE_WINS


def _one_row_twice(arrival: Arrival) -> InvalidChangesetError:
    return InvalidChangesetError(
        f"not a sound changeset: rows of table {arrival.table.name!r} have the same key here "
        f"({', '.join(arrival.table.key)}); if the sender's key columns have other types or collations, make them alike"
    )


def _join_pairs(connection: apsw.Connection, arrival: Arrival) -> None:
    table = arrival.table
    connection.execute(
        sql(
            "merge/meet/store_pairs",
            met=met_of(arrival),
            heads=table.heads,
            keys=table.keys,
            met_keys=table.keys_of("met"),
        )
    )
    connection.execute(sql("merge/meet/join_pairs", met=met_of(arrival)))


def _join_heads(connection: apsw.Connection, arrival: Arrival) -> None:
    table = arrival.table
    with HEAD.created(connection), INCOMING_HEAD.created(connection):
        mine_is_met = table.same_keys("mine", "met")
        incoming = sql(
            "merge/meet/collect_incoming_heads",
            met=met_of(arrival),
            head_is_incoming=table.same_keys("head", "incoming"),
            **arrival.head_slots,
        )
        connection.execute(incoming)
        comes_later = Sql("gone IS NULL" if _deletes_win(arrival) else "gone IS NOT NULL")
        connection.execute(
            sql(
                "merge/meet/collect_heads",
                met=met_of(arrival),
                heads=table.heads,
                mine_is_met=mine_is_met,
                comes_later=comes_later,
            )
        )
        connection.execute(sql("merge/meet/join_heads", met=met_of(arrival)))
        forget = sql(
            "merge/meet/forget_old_heads",
            met=met_of(arrival),
            heads=table.heads,
            keys=table.keys,
            mine_keys=table.keys_of("mine"),
            mine_is_met=mine_is_met,
        )
        connection.execute(forget)
        connection.execute(
            sql(
                "merge/meet/store_heads",
                met=met_of(arrival),
                heads=table.heads,
                keys=table.keys,
                met_keys=table.keys_of("met"),
            )
        )


def count_cells(connection: apsw.Connection, arrival: Arrival) -> list[tuple[Pair, int, int, int]]:
    """Count, per column that was sent: cells that win here, cells that were sent, concurrent writes."""
    if not arrival.sent:
        return []
    row = query.first(connection, _count_cells(arrival))
    triples = zip(row[0::3], row[1::3], row[2::3], strict=True)
    return [(pair, int(a), int(b), int(c)) for pair, (a, b, c) in zip(arrival.sent, triples, strict=True)]


@rendered
def _count_cells(arrival: Arrival) -> str:
    counts = [
        fragment("merge/meet/count_cell", won=pair.won, clash=pair.clash, bit=pair.bit, **pair.sent)
        for pair in arrival.sent
    ]
    return sql("merge/meet/count_cells", met=met_of(arrival), counts=joined(counts, ",\n  "), **arrival.image_slots)


class RowCounts(NamedTuple):
    """What becomes of the rows that arrived.

    Attributes:
        fresh: those that are new here and live.
        revived: those that come back.
        updated: those that are shown otherwise than they are, and change.
        deleted: those that go from the user's table.
        held: those that have a held row, whether they are shown or not.
    """

    fresh: int
    revived: int
    updated: int
    deleted: int
    held: int


def count_rows(connection: apsw.Connection, arrival: Arrival, arrived: ArrivedRows) -> RowCounts:
    """Count the rows that arrived by what becomes of them."""
    met = query.first(connection, _count_rows(arrival)) if arrived.known else (0, 0, 0, 0)
    return RowCounts(arrived.living, *met)


@rendered
def _count_rows(arrival: Arrival) -> str:
    return sql(
        "merge/meet/count_rows",
        met=met_of(arrival),
        held=arrival.table.held,
        changed=arrival.changed,
    )


def store_clocks(registry: Registry, arrival: Arrival, values: Values, arrived: ArrivedRows) -> None:
    """Write the clock rows that result; of known rows, cells of the `winning` columns alone may have won."""
    connection, table = registry.connection, arrival.table
    if arrived.fresh and not _are_of_genesis(arrival, values):
        clocks, heads = _store_fresh(arrival)
        try:
            connection.execute(clocks, values)
        except apsw.ConstraintError as error:
            raise _one_row_twice(arrival) from error
        connection.execute(heads)
    if arrived.known:
        clock_is_met = table.same_keys("clock", "met")
        births = sql("merge/meet/other_births", met=met_of(arrival), clock=table.clock, clock_is_met=clock_is_met)
        if arrival.is_narrow and not query.rows(connection, births):
            connection.execute(_update_met(arrival), values)
        else:
            connection.execute(_store_met(arrival), values)


def _are_of_genesis(arrival: Arrival, values: Values) -> bool:
    """Tell whether it is certain that all fresh rows are of the genesis that the table takes over, and need no clock rows."""
    return bool(values["adopted"] and arrival.foreseen and arrival.foreseen.are_whole and arrival.may_be_whole)


def _clock_slots(arrival: Arrival) -> dict[str, Sql]:
    stamps = [(naming.stamp_t(field.id), naming.stamp_s(field.id)) for field in _fields(arrival)]
    columns = joined((Sql(f", {t}, {s}") for t, s in stamps), "")
    return {"clock": arrival.table.clock, "keys": arrival.table.keys, "stamp_columns": columns, **arrival.image_slots}


@rendered
def _store_fresh(arrival: Arrival) -> tuple[str, str]:
    """Write the statements for the clock rows and the further heads of rows that are new here."""
    table = arrival.table
    clocks = sql(
        "merge/meet/store_fresh_clocks",
        arrived=arrival.arrived,
        incoming_keys=table.keys_of("incoming"),
        stamps=_fresh_stamps(arrival),
        is_whole=arrival.is_whole,
        **_clock_slots(arrival),
    )
    heads = sql(
        "merge/meet/store_fresh_heads",
        arrived=arrival.arrived,
        heads=table.heads,
        keys=table.keys,
        head_keys=table.keys_of("incoming"),
        head_is_incoming=table.same_keys("head", "incoming"),
        **arrival.head_slots,
    )
    return clocks, heads


@rendered
def _store_met(arrival: Arrival) -> str:
    return sql(
        "merge/meet/store_met_clocks",
        met=met_of(arrival),
        met_keys=arrival.table.keys_of("met"),
        clock_is_met=arrival.table.same_keys("clock", "met"),
        stamps=_met_stamps(arrival),
        **_clock_slots(arrival),
    )


@rendered
def _update_met(arrival: Arrival) -> str:
    return sql(
        "merge/meet/update_met_clocks",
        met=met_of(arrival),
        clock=arrival.table.clock,
        clock_is_met=arrival.table.same_keys("clock", "met"),
        stamps=_changed_stamps(arrival),
        **arrival.image_slots,
    )


def _fields(arrival: Arrival) -> list[Field]:
    return [*(pair.field for pair in arrival.pairs), *arrival.local_only]


def _fresh_stamps(arrival: Arrival) -> Sql:
    stamps = []
    for pair in arrival.pairs:
        _, t, s = image.cell(pair.position)
        sent = pair.sent
        stamps.append(fragment("merge/meet/fresh_stamp", word=sent["word"], bit=sent["incoming_bit"], t=t, s=s))
    stamps += [Sql(", -4611686018427387904, :self") for _ in arrival.local_only]
    return joined(stamps, "\n  ")


def _met_stamps(arrival: Arrival) -> Sql:
    """Render the stamps of all cells of met rows, as `, t, s` each."""
    stamps = [_met_stamp(arrival, pair) for pair in arrival.pairs]
    for field in arrival.local_only:
        old_t, old_s = arrival.local_stamp(field)
        stamps.append(fragment("merge/meet/met_stamp", new_t=old_t, new_s=old_s))
    return joined((Sql(f", {stamp}") for stamp in stamps), "\n  ")


def _changed_stamps(arrival: Arrival) -> Sql:
    """Render the stamps of the cells that may change, as `, (t, s) = (...)` each."""
    changed = [pair for pair in arrival.sent if pair.field.type != "lww" or pair in arrival.winning]
    stamps = [
        (naming.stamp_t(pair.field.id), naming.stamp_s(pair.field.id), _met_stamp(arrival, pair)) for pair in changed
    ]
    return joined((Sql(f", ({t}, {s}) = ({stamp})") for t, s, stamp in stamps), "\n  ")


def _met_stamp(arrival: Arrival, pair: Pair) -> Sql:
    """Render hlc and site of a cell of a met row as they are after the merge."""
    slots = pair.slots
    if pair.field.type != "lww":
        return _typed_stamp(arrival, pair)
    new_t, new_s = old_t, old_s = arrival.local_stamp(pair.field)
    if pair in arrival.winning:
        new_t = fragment("merge/meet/met_stamp_t", won=pair.won, bit=pair.bit, t=slots["t"], old_t=old_t)
        new_s = fragment("merge/meet/met_stamp_s", won=pair.won, bit=pair.bit, s=slots["s"], old_s=old_s)
    return fragment("merge/meet/met_stamp", new_t=new_t, new_s=new_s)


def _typed_stamp(arrival: Arrival, pair: Pair) -> Sql:
    """Take the later stamp of a typed cell, whose value is merged and not taken from one side."""
    slots = pair.slots
    in_t, in_s = arrival.incoming_stamp(pair)
    old_t, old_s = arrival.local_stamp(pair.field)
    newer = arrival.is_newer(new_t=in_t, new_s=in_s, old_t=old_t, old_s=old_s)
    new_t = fragment("merge/meet/typed_stamp_t", newer=newer, old_t=old_t, t=slots["t"], **pair.sent)
    new_s = fragment("merge/meet/typed_stamp_s", newer=newer, old_s=old_s, s=slots["s"], **pair.sent)
    return fragment("merge/meet/met_stamp", new_t=new_t, new_s=new_s)
