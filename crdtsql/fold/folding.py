"""Fold: turn what the triggers logged into clocks.

Runs first in every operation, inside its write transaction; what the tables show is settled at the end. All statements work on
whole sets of rows. Invariants: afterwards the log is empty; every row that changed has a clock row whose stamps are new
events of the local site; a row is marked as gone exactly if it is not in the user's table, nor held for another reason than
a delete. Folding an empty log writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import apsw

from crdtsql.base import Now, Sql, SqliteValue, fragment, joined, naming, query, rendered, sql
from crdtsql.conflicts import conflict_log, severed, unseen
from crdtsql.fold import attributing, byrow, foldparts, pieces, unsure
from crdtsql.fold.byrow import Events
from crdtsql.fold.pieces import Piece, Stamped
from crdtsql.history import record
from crdtsql.numbers import archive, births, foretelling
from crdtsql.purge import told
from crdtsql.shown import Scene, bearing, moved, note_folded, noting, settle, standins
from crdtsql.sqlite import schema
from crdtsql.store import FIRST_PARKED, Logged, Registry, Table, has_pending

SOME_EVENTS, MOST_EVENTS = 20, 1_000
"""From the first number of events on, or in a table with many columns, and up to the second, it is found out whether they change
stamps of a few columns alone: one more question, which does not pay for a single row."""


def fold(registry: Registry, now: Now, before: Sequence[Piece] = (), logged: Logged | None = None) -> int:
    """Fold the log; return how many events it held.

    The caller holds a write transaction. Cost: a few microseconds per event.

    Args:
        before: the parts that the log begins with and that were folded elsewhere before; the rest belongs to the local site.
        logged: when the entries were written, if that was read before.
    """
    connection = registry.connection
    if logged is None or not logged.is_whole(connection):
        if not has_pending(connection):
            return 0
        logged = Logged.read(connection)
    log_keys = joined(naming.key(position) for position in range(1, registry.log_key_count() + 1))
    with pieces.EVENT.created(connection, log_keys=log_keys), noting(registry):
        log_pieces = [*before, Piece(registry.self_ordinal, now())]
        stamped = pieces.stamp(connection, log_keys, logged, log_pieces, registry.number("clock"))
        attributing.attribute(registry, log_pieces)
        connection.execute("DELETE FROM main._crdt_log")
        births.take_out(registry)
        begun = births.Begun(registry)
        home = moved.Homecoming(registry, begun)
        home.begin()
        summary = byrow.summarize(connection)
        awaiting = foretelling.Foretelling(registry)
        awaiting.begin(summary)
        batch = registry.next_batch()
        _note_spans(registry, stamped, batch)
        tables = registry.registered().by_id
        scene = Scene(registry, set(summary))
        known = [(tables[number], events) for number, events in summary.items() if number in tables]
        _log_unseen(
            registry,
            stamped,
            [(table, events.updates) for table, events in known],
            any(events.removals for events in summary.values()),
            begun,
        )
        kept = [(side, standins.learn(registry, side)) for side in scene.sides]
        for table in (table for table, _ in known if table.unsure is not None):
            unsure.write_down(registry, table)
        home.show()
        births.keep(registry, [(table, events.removals) for table, events in known])
        awaiting.end(summary)
        gone = {table.id for table in home.name()}
        kept += [(side, standins.learn(registry, side)) for side in scene.sides if side.table.id in gone]
        told.note_folded(registry, [table for table, _ in known])
        recorded = record(registry, [(table, events.of(table), events.removals) for table, events in known])
        overwritten = unseen.find(registry, [table for table, _ in known])
        refused = [table for table, events in known if _fold_table(registry, table, stamped, batch, events, home)]
        if overwritten:
            unseen.follow(registry, overwritten)
        for side, held in kept:
            standins.relink(registry, side, held)
        awaiting.hold()
        archive.tidy(registry)
        _settle(registry, scene, [table for table, _ in known], surely=home.came or bool(awaiting.tables or refused))
    if recorded:
        fold(registry, now)
    return sum(events.count for events in summary.values())


def _note_spans(registry: Registry, stamped: Stamped, batch: int) -> None:
    for site, first, last in stamped.spans:
        registry.record_merged(first, site)
        registry.raise_vector(batch, [(site, last)])


def _settle(registry: Registry, scene: Scene, tables: Sequence[Table], *, surely: bool) -> None:
    """Decide what can be shown, `surely` or if the events of some tables have a bearing on that."""
    left = query.exists(registry.connection, "temp._crdt_dirty")
    if surely or (scene.sides and (left or bearing.of_log(scene, tables))):
        note_folded(registry)
        settle(registry)
    severed.open_again(registry)


def _log_unseen(
    registry: Registry,
    stamped: Stamped,
    tables: Sequence[tuple[Table, bool]],
    removals: bool,
    is_another: moved.IsAnother,
) -> None:
    """Put into the conflict log what the events took from a row without anybody seeing it; clocks and held rows are as before.

    Args:
        tables: what has events, and whether columns were updated.
        removals: whether any row was deleted.
    """
    unseen.record(registry, [table for table, _ in tables], stamped.site_of, is_another)
    for table, updates in tables:
        if removals and updates:
            severed.record_folded(registry, table, stamped.site_of)


def _fold_table(
    registry: Registry, table: Table, stamped: Stamped, batch: int, events: Events, home: moved.Homecoming
) -> bool:
    """Fold the events of a table; return whether rows wait for a decision, because the table does not allow what they must show."""
    connection = registry.connection
    shape = schema.read(connection, table.name)
    if shape is None:
        return False
    genesis_t, genesis_s = table.genesis or (None, None)
    values: dict[str, SqliteValue] = {
        "tbl": table.id,
        "self": registry.self_ordinal,
        "seq": registry.seq_of(table, batch, events.count),
        "genesis_t": genesis_t,
        "genesis_s": genesis_s,
        "look": bool(schema.other_triggers(connection, table.name)),
    }
    had_held = query.exists(connection, table.held)
    if had_held:
        release = sql(
            "fold/folding/release_held",
            held=table.held,
            clock=table.clock,
            clock_is_event=table.same_keys("clock", "event"),
        )
        connection.execute(release, {**values, "kept": json.dumps(home.held_on(table))})
    if table.parked and events.inserts:
        _write_parked_anew(connection, table)
    fields = foldparts.concerned(registry, table, events)
    if fields:
        with foldparts.refusing(registry, table, shape), byrow.kept(registry, table, shape, events) as rows:
            foldparts.fold_parts(registry, table, shape, fields, stamped, events)
            _fold_rows(registry, table, rows, stamped, events, values)
            refused = foldparts.hold_refused(registry, table, shape)
    else:
        refused = False
        _fold_rows(registry, table, byrow.grouped(table, shape, events), stamped, events, values)
    if events.removals:
        forget = sql(
            "fold/folding/forget_superseded_held",
            held=table.held,
            clock=table.clock,
            clock_is_held=table.same_keys("clock", table.held.text),
        )
        connection.execute(forget, values)
    home.hold(table)
    if values["look"]:
        _hold_unseen(connection, table, values)
    if query.exists(connection, table.heads):
        forget = sql(
            "fold/folding/forget_heads",
            heads=table.heads,
            clock=table.clock,
            keys=table.keys,
            heads_keys=table.keys_of("heads"),
            heads_is_event=table.same_keys("heads", "event"),
            clock_is_heads=table.same_keys("clock", "heads"),
        )
        connection.execute(forget, values)
    conflict_log.mark_resolved_written(registry, table, values["seq"])
    return refused


def _write_parked_anew(connection: apsw.Connection, table: Table) -> None:
    """Let an insert of a row that was deleted write its parked cells too, with what is kept of them, as whole values.

    Others may have forgotten the row, and this file has no other way to tell them of cells whose column it lacks (decision 0034).
    """
    slots = {
        "keys": table.keys,
        "came_back": fragment(
            "fold/folding/came_back",
            clock_keys=table.keys_of("clock"),
            clock=table.clock,
            clock_is_event=table.same_keys("clock", "event"),
        ),
    }
    values = {"tbl": table.id, "first_parked": FIRST_PARKED}
    if table.may_have_parts:
        connection.execute(sql("fold/folding/forget_parked_parts", parts=table.parts, **slots), values)
    event_is_parked = table.same_keys("event", "parked")
    connection.execute(
        sql("fold/folding/restamp_parked", parked=table.cells_parked, event_is_parked=event_is_parked, **slots),
        {"tbl": table.id},
    )


def _hold_unseen(connection: apsw.Connection, table: Table, values: dict[str, SqliteValue]) -> None:
    """Hold what vanished without a trace, with no values, because every row that is gone has a held row."""
    statement = sql(
        "fold/folding/hold_unseen",
        held=table.held,
        clock=table.clock,
        keys=table.keys,
        clock_keys=table.keys_of("clock"),
        clock_is_event=table.same_keys("clock", "event"),
    )
    connection.execute(statement, values)
    if connection.changes():
        clock_is_held = table.same_keys("clock", table.held.text)
        connection.execute(
            sql("fold/folding/link_unseen", held=table.held, clock=table.clock, clock_is_held=clock_is_held), values
        )


def _fold_rows(
    registry: Registry, table: Table, rows: Sql, stamped: Stamped, events: Events, values: dict[str, SqliteValue]
) -> None:
    """Fold the events of a table, grouped by row in `rows`, into its clocks."""
    connection, clock_is_event = registry.connection, table.same_keys("clock", "event")
    few = events.count <= MOST_EVENTS and (len(table.fields) >= naming.MANY_COLUMNS or events.count >= SOME_EVENTS)
    if few and not events.inserts and not events.removals and not values["look"]:
        slots = {"events_by_row": rows, "clock": table.clock, "clock_is_event": clock_is_event}
        if not query.rows(connection, sql("fold/folding/first_events", **slots), values):
            stamps = [
                fragment(
                    "fold/folding/stamp_written",
                    update=byrow.update_name(field),
                    site_of_update=stamped.site_of(f"event.{byrow.update_name(field)}"),
                    stamp_t=naming.stamp_t(field.id),
                    stamp_s=naming.stamp_s(field.id),
                )
                for field in events.of(table)
            ]
            statement = sql(
                "fold/folding/update_table",
                site_of_written=stamped.site_of("event.written"),
                stamps=joined(stamps, "\n"),
                **slots,
            )
            connection.execute(statement, values)
            return
    connection.execute(_fold_statement(table, rows, stamped, events), values)


@rendered
def _fold_statement(table: Table, rows: Sql, stamped: Stamped, events: Events) -> str:
    """Write the one statement that folds a table; `rows` are its events by row."""
    columns, updated = (
        [(naming.stamp_t(field.id), naming.stamp_s(field.id)) for field in table.fields],
        events.of(table),
    )
    stamps = joined(
        (
            fragment(
                "fold/folding/stamp_updated",
                update=byrow.update_name(field),
                site_of_update=stamped.site_of(byrow.update_name(field).text),
                stamp_t=t,
                stamp_s=s,
            )
            if field in updated
            else fragment("fold/folding/stamp_kept", stamp_t=t, stamp_s=s)
            for field, (t, s) in zip(table.fields, columns, strict=True)
        ),
        "\n",
    )
    return sql(
        "fold/folding/fold_table",
        clock=table.clock,
        table=table.quoted,
        keys=table.keys,
        event_keys=table.keys_of("event"),
        events_by_row=rows,
        shown_is_event=table.row_has_key_of("shown", "event"),
        clock_is_event=table.same_keys("clock", "event"),
        site_of_written=stamped.site_of("written"),
        site_of_latest=stamped.site_of("latest"),
        site_of_inserted=stamped.site_of("inserted"),
        site_of_first=stamped.site_of("coalesce(written, latest)"),
        updates=byrow.update_names(table, events),
        old_stamps=joined(
            (
                Sql(f", {old_t} AS {t}, {old_s} AS {s}")
                for (old_t, old_s), (t, s) in zip((field.clock_stamp for field in table.fields), columns, strict=True)
            ),
            "",
        ),
        stamp_columns=joined((Sql(f", {t}, {s}") for t, s in columns), ""),
        stamps=stamps,
    )
