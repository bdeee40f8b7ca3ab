"""Export: collect what a receiver lacks into a changeset.

Works on a folded registry inside the caller's transaction, so that what is read is one committed state. What is sent is
decided by the receiver's version vector alone, never by who wrote it. A row is sent if one of its latest events is new
to the receiver; of its cells those whose stamp is.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

import apsw

from crdtsql.base import (
    EMPTY,
    WORD_BITS,
    Now,
    Progress,
    Sql,
    clock,
    fragment,
    identifier,
    integer,
    joined,
    naming,
    query,
    rendered,
    sql,
)
from crdtsql.compaction import floor, retiring
from crdtsql.conflicts import unseen
from crdtsql.export import acted, earlier, listing, parkedcells
from crdtsql.export.describing import describe, with_others
from crdtsql.export.receiving import receiver_noted
from crdtsql.numbers import archive, followers, foretelling
from crdtsql.purge import told
from crdtsql.shown import moved
from crdtsql.sqlite import writing
from crdtsql.store import Field, Registered, Registry, Table, lanes, names, retired, starts
from crdtsql.trust import signers
from crdtsql.types import TYPES, Kind, parts
from crdtsql.wire import Header, Site, TableHeader, image, workbench

MOST_ROWS_READ = 100
"""So many rows are looked at to find out of which columns their news are."""


def export(
    registry: Registry,
    receiver: Mapping[bytes, int],
    now: Now,
    database: str,
    on_progress: Progress,
    *,
    for_people: bool = False,
    only: Table | None = None,
) -> Header:
    """Fill an attached, empty database with a changeset's image and return its header.

    Args:
        receiver: the receiver's version vector: site id -> highest hlc seen; empty for one that has nothing.
        for_people: typed cells are given with their value, even if their parts say all.
        only: the one table to export; all if None.
    """
    receiver = retiring.full(registry, receiver)
    with receiver_noted(registry, receiver):
        tables, start = registry.tables() if only is None else [only], find_start(registry.connection)
        return fill(registry, tables, receiver, now, database, start, on_progress, for_people=for_people)


def count_missing_rows(registry: Registry, receiver: Mapping[bytes, int]) -> int:
    """Count the rows that an export for a receiver would hold, without exporting."""
    connection, receiver = registry.connection, retiring.full(registry, receiver)
    rows = 0
    with receiver_noted(registry, receiver):
        start = find_start(connection)
        if start is None:
            return 0
        for table in registry.tables():
            condition = fragment(
                "export/exporting/head_is_new", heads=table.heads, heads_is_clock=table.same_keys("heads", "clock")
            )
            scope = "1" if start <= table.bulk else f"clock.seq >= {int(start)}"
            (count,) = query.first(
                connection, f"SELECT count(*) FROM {table.clock} AS clock WHERE {scope} AND {condition}"
            )
            rows += count
            if lacks_genesis(registry, table, receiver):
                genesis = _Statements(table, 1, "main").count_genesis_rows(moved.is_moved(connection, table, "shown"))
                rows += query.first(connection, genesis)[0]
    return rows


def lacks_genesis(registry: Registry, table: Table, receiver: Mapping[bytes, int]) -> bool:
    """Tell whether a receiver lacks the rows of a table's genesis."""
    if table.genesis is None:
        return False
    t, s = table.genesis
    return receiver.get(registry.site_id(s), 0) < t & clock.EVENT_MASK


def fill(
    registry: Registry,
    tables: list[Table],
    receiver: Mapping[bytes, int],
    now: Now,
    database: str,
    start: int | None,
    on_progress: Progress,
    *,
    for_people: bool = False,
    others: Registered | None = None,
    apart_from: AbstractSet[bytes] = frozenset(),
) -> Header:
    """Fill empty tables of an image with what the noted receiver lacks; return the header.

    Args:
        start: what `find_start` returns.
        others: all tables, if only some are to be filled, those of the workbench.
        apart_from: the sites of which the receiver has something else than this file, for the workbench.
    """
    connection = registry.connection
    apart = None if others is None else listing.apart(registry, receiver, apart_from)
    sites = listing.of(registry, receiver, None) if apart is None else ()
    header = acted.counted(registry, say(registry, tables, receiver, now, sites))
    if others is None:
        for statement in image.schema(header, database):
            connection.execute(statement)
        with writing.unchecked(connection):
            _export_tables(registry, tables, receiver, database, start, on_progress, for_people)
    else:
        workbench.lay_out(connection, header, range(1, len(tables) + 1))
        _export_tables(registry, tables, receiver, database, start, on_progress, for_people)
    acted.tell(registry, header, Sql(database))
    counted = [_counted(connection, table, number, database) for number, table in enumerate(header.tables, 1)]
    header = replace(header, tables=tuple(counted), foretold=foretelling.told(connection, tuple(counted), database))
    header = header if others is None else with_others(connection, header, others)
    numbers = range(1, len(tables) + 1)
    if apart is not None:
        return listing.with_rest(registry, header, receiver, apart, database, numbers)
    return listing.without_unnamed(registry, header, database, numbers)


def say(
    registry: Registry, tables: list[Table], receiver: Mapping[bytes, int], now: Now, sites: tuple[Site, ...]
) -> Header:
    """Say in a header what a changeset says before it has any rows."""
    connection = registry.connection
    links = followers.links(registry, tables)
    headers = [replace(describe(connection, table), links=links.get(table.id, ())) for table in tables]
    return Header(
        registry.site_id(registry.self_ordinal),
        now(),
        sites,
        tuple(headers),
        registry.eras(),
        unseen.news(registry, receiver),
        lanes.told(registry),
        names=names.told(registry),
        starts=starts.told(registry, receiver),
        purges=told.news(registry, receiver),
        compaction=floor.read(registry),
        retired={} if receiver else {site: (*one,) for site, one in retired.every(registry).items()},
        keys=signers.told(registry),
    )


def _export_tables(
    registry: Registry,
    tables: list[Table],
    receiver: Mapping[bytes, int],
    database: str,
    start: int | None,
    on_progress: Progress,
    for_people: bool,
) -> None:
    if start is None:
        return
    registry.connection.execute(sql("export/exporting/merged", image=Sql(database)))
    earlier.tell(registry, receiver, Sql(database))
    for number, table in enumerate(tables, 1):
        on_progress(f"export {table.name}", number - 1, len(tables))
        _export_table(registry, table, number, start, receiver, database, for_people)


def find_start(connection: apsw.Connection) -> int | None:
    """Return the first batch that may have brought rows which the receiver lacks, None if it lacks nothing."""
    (start,) = query.first(connection, sql("export/exporting/find_start"))
    return None if start is None else int(start)


def _counted(connection: apsw.Connection, table: TableHeader, number: int, database: str) -> TableHeader:
    rows, gone = query.first(connection, f"SELECT count(*), count(gone) FROM {database}.{image.row_table(number)}")
    return replace(table, rows=rows, gone=gone)


def _export_table(
    registry: Registry,
    table: Table,
    number: int,
    start: int,
    receiver: Mapping[bytes, int],
    database: str,
    for_people: bool,
) -> None:
    connection = registry.connection
    of_genesis = lacks_genesis(registry, table, receiver)
    if start > table.bulk and not of_genesis and not _any_since(connection, table, start):
        return
    has_parts = parts.have_parts(connection, table)
    everything = start <= table.bulk
    sent = None if everything or of_genesis else _changed_fields(connection, table, start)
    statements = _statements(
        table, number, database, None if sent is None else frozenset(sent), has_parts and not for_people
    )
    connection.execute(statements.shown_rows(everything), None if everything else {"start": start})
    if everything or _any_held_since(connection, table, start):
        connection.execute(statements.held_rows(everything), None if everything else {"start": start})
    connection.execute(statements.heads())
    if has_parts:
        connection.execute(statements.parts())
    if table.genesis and of_genesis:
        t, s = table.genesis
        genesis_rows = statements.genesis_rows(moved.is_moved(connection, table, "shown"))
        connection.execute(genesis_rows, {"genesis_t": t, "genesis_s": s})
    parkedcells.send(connection, table, number, database)
    if table.is_numbered:
        connection.execute(statements.born())
        if not receiver:
            _send_births_alone(registry, table, statements)


def _send_births_alone(registry: Registry, table: Table, statements: _Statements) -> None:
    """Send the births of rows without clock rows, also where nothing else is left of a row; who has nothing lacks them all."""
    connection = registry.connection
    connection.execute(
        sql("export/exporting/births_alone", births=statements.births, born=table.born, clock=table.clock)
    )
    archive.give(connection, statements.births, archive.read(registry, table))


def _any_held_since(connection: apsw.Connection, table: Table, start: int) -> bool:
    return query.exists(connection, table.clock, "seq >= ? AND (gone = 1 OR held IS NOT NULL)", (start,))


def _changed_fields(connection: apsw.Connection, table: Table, start: int) -> set[int] | None:
    """Return the ids of the columns of which the receiver may lack cells; None, for all, if it takes long to find out."""
    if len(table.fields) < naming.MANY_COLUMNS:
        return None
    upto = dict(query.rows(connection, "SELECT ordinal, upto FROM temp._crdt_receiver"))
    stamps = joined(
        (Sql(f", {name}") for field in table.fields for name in (naming.stamp_t(field.id), naming.stamp_s(field.id))),
        "",
    )
    statement = f"SELECT t, s{stamps} FROM {table.clock} WHERE seq >= ? LIMIT {MOST_ROWS_READ + 1}"
    rows = query.rows(connection, statement, (start,))
    if len(rows) > MOST_ROWS_READ:
        return None
    found: set[int] = set()
    for t, s, *cells in rows:
        if (t & clock.EVENT_MASK) > upto.get(s, clock.HIGHEST_HLC):
            return None
        for field, cell_t, cell_s in zip(table.fields, cells[::2], cells[1::2], strict=True):
            if cell_t is not None and (
                cell_t == clock.ABSENT or (cell_t & clock.EVENT_MASK) > upto.get(cell_s, clock.HIGHEST_HLC)
            ):
                found.add(field.id)
    return found


def _any_since(connection: apsw.Connection, table: Table, start: int) -> bool:
    return query.exists(connection, table.clock, "seq >= ?", (start,))


@rendered
def _statements(table: Table, number: int, database: str, sent: frozenset[int] | None, split: bool) -> _Statements:
    return _Statements(table, number, database, sent, split=split)


class _Statements:
    """The statements that export one table into an attached image."""

    def __init__(
        self, table: Table, number: int, database: str, sent: AbstractSet[int] | None = None, *, split: bool = False
    ) -> None:
        """Prepare them for the columns that have the ids `sent`, for all if None."""
        self.table = table
        self.split = split
        self.sent = [(n, field) for n, field in enumerate(table.fields) if sent is None or field.id in sent]
        self.part_table = image.part_table(number)
        self.born_table = image.born_table(number)
        self.births = Sql(f"{database}.{self.born_table}")
        self.slots = {"image": Sql(database), "row_table": image.row_table(number), "keys": table.keys}
        self.head_table = image.head_table(number)
        self.cells = [image.cell(position) for position, _ in self.sent]
        self.words = image.words(len(table.fields) + len(table.parked))
        self.conditions = [
            fragment("export/exporting/cell_is_new", t=naming.stamp_t(field.id), s=naming.stamp_s(field.id))
            for _, field in self.sent
        ]

    def _masks(self, conditions: list[Sql]) -> Sql:
        masks = []
        for word in range(len(self.words)):
            bits = [
                Sql(f"(({condition}) << {position % WORD_BITS})")
                for (position, _), condition in zip(self.sent, conditions, strict=True)
                if position // WORD_BITS == word
            ]
            masks.append(joined(bits, " | ") if bits else integer(0))
        return joined(masks, ",\n  ")

    def _rows(self, name: str, everything: bool, values: list[Sql], **slots: Sql) -> str:
        cells = []
        for (_, field), value, new in zip(self.sent, values, self.conditions, strict=True):
            t, s = naming.stamp_t(field.id), naming.stamp_s(field.id)
            stamps = [fragment("export/exporting/cell_stamp", t=t, s=s, stamp=stamp) for stamp in (t, s)]
            # A cell that nobody wrote travels unstamped, so that a new row starts with the same default everywhere.
            wanted = Sql(f"({new} OR clock.{t} = {clock.ABSENT}){self._and_wanted(field)}")
            cells.append(Sql(f", CASE WHEN {wanted} THEN {value} END, {joined(stamps)}"))
        head_is_new = fragment(
            "export/exporting/head_is_new",
            heads=self.table.heads,
            heads_is_clock=self.table.same_keys("heads", "clock"),
        )
        return sql(
            name,
            clock=self.table.clock,
            words=joined(self.words),
            cell_columns=joined((Sql(f", {value}, {t}, {s}") for value, t, s in self.cells), ""),
            masks=self._masks(self.conditions),
            cells=joined(cells, "\n  "),
            scope=Sql("1") if everything else Sql("clock.seq >= :start"),
            head_is_new=head_is_new,
            **self.slots,
            **slots,
        )

    def _and_wanted(self, field: Field) -> Sql:
        """Leave out the value of a cell if the receiver can make it of the parts that travel."""
        if not self.split or field.type == "lww":
            return EMPTY
        condition = fragment(
            "export/exporting/value_is_wanted",
            parts=self.table.parts,
            part_is_clock=self.table.same_keys("part", "clock"),
            col=integer(field.id),
        )
        return Sql(f" AND {condition}")

    @rendered
    def parts(self) -> str:
        """Write the statement for the parts of the typed cells of the rows that were sent."""
        positions = joined(
            Sql(f"({field.id}, {position}, {int(TYPES[field.type].kind is Kind.PARTS)})")
            for position, field in enumerate((*self.table.fields, *self.table.parked))
            if field.type != "lww"
        )
        return sql(
            "export/exporting/parts",
            part_table=self.part_table,
            sent_keys=self.table.keys_of("sent"),
            parts=self.table.parts,
            part_is_sent=self.table.same_keys("part", "sent"),
            positions=Sql(f"SELECT column1 AS id, column2 AS position, column3 AS splits FROM (VALUES {positions})"),
            **self.slots,
        )

    @rendered
    def shown_rows(self, everything: bool) -> str:
        """Write the statement for the rows that the user's table shows."""
        values = [Sql(f"shown.{identifier(field.name)}") for _, field in self.sent]
        return self._rows(
            "export/exporting/shown_rows",
            everything,
            values,
            table=self.table.quoted,
            user_keys=self.table.key_columns_of("shown"),
            shown_is_clock=self.table.row_has_key_of("shown", "clock"),
        )

    @rendered
    def held_rows(self, everything: bool) -> str:
        """Write the statement for rows that are deleted or held."""
        values = [Sql(f"shown.{naming.value(field.id)}") for _, field in self.sent]
        keys = joined(Sql(f"ifnull(shown.{key}, clock.{key})") for key in self.table.key_names)
        return self._rows("export/exporting/held_rows", everything, values, held=self.table.held, held_keys=keys)

    @rendered
    def heads(self) -> str:
        """Write the statement for the further heads of the rows that were sent."""
        return sql(
            "export/exporting/heads",
            head_table=self.head_table,
            incoming_keys=self.table.keys_of("sent"),
            heads=self.table.heads,
            heads_is_sent=self.table.same_keys("heads", "sent"),
            **self.slots,
        )

    @rendered
    def born(self) -> str:
        """Write the statement for the births of the rows that were sent."""
        slots = {name: self.slots[name] for name in ("image", "row_table")}
        return sql("export/exporting/born", born_table=self.born_table, born=self.table.born, **slots)

    def genesis_rows(self, stands_elsewhere: Sql) -> str:
        """Write the statement for the rows that nobody wrote since the table was enabled.

        Args:
            stands_elsewhere: says that what the table shows is a row of another key.
        """
        values = [Sql(f", shown.{identifier(field.name)}") for field in self.table.fields]
        return sql(
            "export/exporting/genesis_rows",
            table=self.table.quoted,
            clock=self.table.clock,
            words=joined(self.words),
            value_columns=joined((Sql(f", {value}") for value, _, _ in self.cells), "") if values else EMPTY,
            user_keys=self.table.key_columns_of("shown"),
            masks=self._masks([integer(not field.late) for field in self.table.fields]),
            values=joined(values, ""),
            clock_is_shown=self._clock_is_shown,
            stands_elsewhere=stands_elsewhere,
            **self.slots,
        )

    @property
    def _clock_is_shown(self) -> Sql:
        pairs = zip(self.table.key_names, self.table.key, strict=True)
        return joined((Sql(f"clock.{key} = shown.{identifier(name)}") for key, name in pairs), " AND ")

    def count_genesis_rows(self, stands_elsewhere: Sql) -> str:
        """Write the statement that counts the rows that nobody wrote since the table was enabled."""
        return sql(
            "export/exporting/count_genesis_rows",
            table=self.table.quoted,
            clock=self.table.clock,
            clock_is_shown=self._clock_is_shown,
            stands_elsewhere=stands_elsewhere,
        )
