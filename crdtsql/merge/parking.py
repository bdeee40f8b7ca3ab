"""Parking: keep cells of columns that the user's table does not have, and show them once it has (docs/decisions/0013).

Runs inside the caller's write transaction. A parked cell is merged by its stamp, a typed one part by part, as a cell of the table
would be; so a replica that lacks a column passes on all that others write to it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import apsw

from crdtsql.base import (
    WORD_BITS,
    ColumnTypeError,
    SchemaMismatchError,
    Sql,
    SqliteValue,
    caseless,
    fragment,
    identifier,
    integer,
    joined,
    naming,
    query,
    sql,
    suggest,
)
from crdtsql.capture import enable, shadows, without_capture
from crdtsql.export import parkedcells
from crdtsql.merge import mergeparts
from crdtsql.merge.arrival import Arrival, Pair
from crdtsql.shown import Side, take_out
from crdtsql.sqlite import TableShape, default_value, schema, writing
from crdtsql.store import FIRST_PARKED, Field, Registry, Table, catalogue
from crdtsql.types import TYPES, columntype, parts
from crdtsql.wire import TableHeader, image


def admit(
    registry: Registry, table: Table, header: TableHeader, number: int, database: str, notices: list[str]
) -> Table:
    """Register the columns of an attached image whose cells must be parked; return the table with them.

    Raises:
        SchemaMismatchError: there are too many, or one is of a type that nobody knows, or of another one than here.
    """
    columns = {field.uid: field for field in table.parked}
    known = columns | {field.uid: field for field in table.fields}
    admitted = False
    for position, ((name, kind), uid) in enumerate(zip(header.columns, header.uids, strict=True)):
        old = known.get(uid)
        if (old is not None and old.type == kind) or not _was_sent(registry, header, number, database, position):
            continue
        _check(registry, table, old, name, kind)
        if old is None:
            _check_name(registry, table, name)
        if old is None and not table.is_history:  # which gets its columns when its table does
            notices.append(
                f"column {name!r} of table {table.name!r} is not in {registry.path}: its cells are kept and passed on; add it "
                f"with ALTER TABLE or {suggest.verb('schema pull')} to see them"
            )
        id_ = _next_id(columns) if old is None else old.id
        columns[uid] = known[uid] = Field(id_, name, kind, uid)
        admitted = True
    return _register(registry, table, columns) if admitted else table


def expect(registry: Registry, table: Table, wanted: Field) -> Table:
    """Let a column that is about to be added be another replica's, of its uid, name and type; return the table.

    Also one that was dropped here: somebody asks for it again.
    """
    registry.connection.execute(
        "UPDATE _crdt_column SET uid = uid || '~' || id WHERE tbl = ? AND uid = ? AND dropped", (table.id, wanted.uid)
    )
    catalogue.changed(registry.connection)
    columns = {field.uid: field for field in table.parked}
    id_ = columns[wanted.uid].id if wanted.uid in columns else _next_id(columns)
    kind = columns[wanted.uid].type if wanted.uid in columns else wanted.type
    first = {wanted.uid: Field(id_, wanted.name, kind, wanted.uid)}
    return _register(registry, table, first | {uid: field for uid, field in columns.items() if uid != wanted.uid})


def _was_sent(registry: Registry, header: TableHeader, number: int, database: str, position: int) -> bool:
    """Tell whether an image holds anything of a column."""
    slots = {"word": Sql(f"p{position // WORD_BITS}"), "incoming_bit": integer(position % WORD_BITS)}
    statement = sql("merge/parking/was_sent", image=Sql(database), row_table=image.row_table(number), **slots)
    if query.first(registry.connection, statement) is not None:
        return True
    if header.columns[position][1] == "lww":
        return False
    sent = Sql(f"{database}.{image.part_table(number)}")
    return query.exists(registry.connection, sent, "col = ?", (position,))


def _check(registry: Registry, table: Table, old: Field | None, name: str, kind: str) -> None:
    if kind not in TYPES:
        raise SchemaMismatchError(
            f"column {table.name}.{name} of the changeset has the type {kind!r:.40}, which this version of crdtsql does not know: "
            "nothing was changed; install the version that wrote it"
        )
    if old is None or (old.id >= FIRST_PARKED and not _has_parts(registry, table, old)):
        return
    kept = old.id >= FIRST_PARKED
    change = suggest.command("type", registry.path, f"{table.name}.{old.name}", kind)
    raise SchemaMismatchError(
        f"column {table.name}.{name} has the type {old.type} here and {kind} in the changeset: nothing was changed; "
        f"give it the same type on both replicas with {change} here, or give it the type "
        f"{old.type} there, then export again{suggest.forget_kept(registry.path, f'{table.name}.{old.name}') if kept else ''}"
    )


def _check_name(registry: Registry, table: Table, name: str) -> None:
    """Refuse a column whose name the table has for one that is not replicated: it would have nowhere to go."""
    registered = {caseless(other) for other in (*table.key, *(field.name for field in table.fields))}
    for column in shape_of(registry, table).columns:
        if caseless(column.name) == caseless(name) and caseless(name) not in registered:
            what = "generated" if column.generated else "not replicated"
            raise SchemaMismatchError(
                f"the changeset has a column {name!r} of table {table.name!r}, which is {what} here: nothing was changed; rename "
                "one of the two"
            )


def _has_parts(registry: Registry, table: Table, field: Field) -> bool:
    return table.may_have_parts and query.exists(registry.connection, table.parts, "col = ?", (field.id,))


def _next_id(columns: dict[str, Field]) -> int:
    return 1 + max((field.id for field in columns.values()), default=FIRST_PARKED - 1)


def _register(registry: Registry, table: Table, columns: dict[str, Field]) -> Table:
    count = len(table.key) + len(table.fields) + len(columns)
    if count > enable.MAXIMUM_COLUMNS:
        raise SchemaMismatchError(
            f"table {table.name!r} would have {count} columns with those of other replicas, at most {enable.MAXIMUM_COLUMNS} are "
            "possible: nothing was changed; add those columns here that are still in use, split the table, or see which are kept for "
            f"others with {suggest.command('strangers', registry.path)}"
        )
    table = parkedcells.register(registry, table, columns.values())
    shape = shape_of(registry, table)
    statement = sql(
        "merge/parking/create",
        parked=table.cells_parked,
        key_definitions=shadows.key_definitions(table, shape),
        key_columns=table.keys,
    )
    registry.connection.execute(statement)
    if table.may_have_parts:
        shadows.create_table(registry, table, shape, "parts")
    return table


def shape_of(registry: Registry, table: Table) -> TableShape:
    """Read the shape of the table that has a replicated table's rows."""
    shape = schema.read(registry.connection, table.place)
    if shape is None:
        raise SchemaMismatchError(f"replicated table {table.name!r} is gone from {registry.path}: restore it first")
    return shape


def fill_defaults(registry: Registry, arrival: Arrival) -> None:
    """Give rows that begin here the table's own default in columns that their sender does not have."""
    kept = set(arrival.header.parked)
    for pair in arrival.pairs:
        if arrival.header.columns[pair.position][0] in kept:
            default = _default(registry, arrival, pair.field)
            slots = {"value": pair.slots["value"], **pair.sent, **arrival.image_slots}
            registry.connection.execute(sql("merge/parking/fill_default", **slots), {"default": default})


def _default(registry: Registry, arrival: Arrival, field: Field) -> SqliteValue:
    column = next(column for column in arrival.shape.columns if column.name == field.name)
    return default_value(registry.connection, column, arrival.shape.strict)


def merge_cells(registry: Registry, arrival: Arrival, values: dict[str, SqliteValue]) -> None:
    """Merge what arrived for columns that the user's table does not have.

    Raises:
        InvalidChangesetError: a value or a part is not what the column's type takes.
    """
    table = arrival.table
    for pair in arrival.parked:
        typed = pair.field.type != "lww"
        if typed:
            _merge_parts(registry, arrival, pair, values)
        value, t, s = image.cell(pair.position)
        statement = sql(
            "merge/parking/merge_cells",
            arrived=arrival.arrived,
            parked=table.cells_parked,
            keys=table.keys,
            incoming_keys=table.keys_of("incoming"),
            value=value,
            t=t,
            s=s,
            newer=fragment("merge/parking/newer"),
            **pair.sent,
            **arrival.image_slots,
        )
        registry.connection.execute(statement, {"col": pair.field.id, "merged": typed})


def _merge_parts(registry: Registry, arrival: Arrival, pair: Pair, values: dict[str, SqliteValue]) -> None:
    connection, table = registry.connection, arrival.table
    part_table = Sql(f"{arrival.image_slots['image']}.{image.part_table(arrival.number)}")
    sent = query.exists(connection, part_table, "col = ?", (pair.position,))
    pair = replace(pair, field=next(known for known in parkedcells.listed(table) if known.id == pair.field.id))
    kept = fragment("merge/parking/kept_values", parked=table.cells_parked, col=integer(pair.field.id))
    laid = mergeparts.with_numbers(connection, arrival, pair, kept)
    merging = _MergeParked(registry, laid, pair, values, sent, parts.have_parts(connection, table))
    merging.check()
    merging.run()


class _MergeParked(mergeparts.Merge):
    """The merge of one typed column whose cells are parked: mine is what is parked, and conflicts of it are not logged."""

    def _collect(self) -> None:
        table = self.table
        value, t, s = image.cell(self.pair.position)
        self._execute(
            "merge/parking/collect_cells",
            arrived=self.arrival.arrived,
            keys=table.keys,
            incoming_keys=table.keys_of("incoming"),
            theirs_split=self.theirs_split,
            mine_split=self.mine_split,
            parked=table.cells_parked,
            mine_is_incoming=table.same_keys("mine", "incoming"),
            value=value,
            t=t,
            s=s,
            **self.pair.sent,
            **self.arrival.image_slots,
        )

    def _record_siblings(self) -> int:
        return 0


def park(registry: Registry, table: Table, field: Field, *, lost: bool = False) -> Table:
    """Keep the cells of a column that is about to leave the user's table; the caller drops it, here and from our tables.

    Return the table with the column among the parked ones.

    Args:
        lost: it has left the user's table already, so that only the cells of held rows are left.
    """
    connection = registry.connection
    columns = {known.uid: known for known in table.parked}
    kept = columns[field.uid] = Field(_next_id(columns), field.name, field.type, field.uid)
    table = _register(registry, table, columns)
    genesis_t, genesis_s = table.genesis or (None, None)
    values: dict[str, SqliteValue] = {"col": kept.id, "genesis_t": genesis_t, "genesis_s": genesis_s}
    slots = {
        "parked": table.cells_parked,
        "keys": table.keys,
        "clock": table.clock,
        "table": table.quoted,
        "column": identifier(table.key[0] if lost else field.name),
        "shown_is_clock": Sql("0") if lost else table.row_has_key_of("shown", "clock"),
    }
    statement = sql(
        "merge/parking/park",
        clock_keys=table.keys_of("clock"),
        row_marker=identifier(table.key[0]),
        held=table.held,
        held_value=naming.value(field.id),
        t=naming.stamp_t(field.id),
        s=naming.stamp_s(field.id),
        **slots,
    )
    connection.execute(statement, values)
    if lost:
        slots = {"parked": table.cells_parked, "keys": table.keys, "clock": table.clock}
        connection.execute(sql("merge/parking/forget_shown", **slots), values)
    elif table.genesis is not None and not field.late:
        connection.execute(sql("merge/parking/park_genesis", user_keys=table.key_columns_of("shown"), **slots), values)
    _move_parts(registry, table, field, kept)
    return table


def unpark(registry: Registry, table: Table, field: Field) -> int:
    """Show the parked cells of a column that was registered just now; return how many there are.

    Of a cell that nobody parked nothing is changed. The caller creates the triggers anew afterwards, because the column gets the
    type that it has on the other replicas.

    Raises:
        ColumnTypeError: the column can't have that type.
    """
    kept = next((known for known in table.parked if known.uid == field.uid), None)
    if kept is None:
        return 0
    connection = registry.connection
    count = parkedcells.count_cells(connection, table, kept)
    if kept.type != field.type:
        shape = shape_of(registry, table)
        column = next(c for c in shape.columns if c.name == field.name)
        try:
            columntype.check(connection, shape, column, kept.type)
        except ColumnTypeError as error:
            raise error.advised(suggest.forget_kept(registry.path, f"{table.name}.{kept.name}")) from error
        table = registry.set_type(table, field, kept.type)
        shadows.create_table(registry, table, shape, "parts")
    if count:
        _write_cells(registry, table, field, kept)
    _move_parts(registry, table, kept, field)
    connection.execute(f"DELETE FROM {table.cells_parked} WHERE col = ?", (kept.id,))
    left = [known for known in table.parked if known.uid != field.uid]
    parkedcells.register(registry, table, left)
    if not left:
        connection.execute(f"DROP TABLE {table.cells_parked}")
    return count


def _move_parts(registry: Registry, table: Table, old: Field, new: Field) -> None:
    if old.type != "lww":
        registry.connection.execute(f"UPDATE {table.parts} SET col = ? WHERE col = ?", (new.id, old.id))


def _write_cells(registry: Registry, table: Table, field: Field, kept: Field) -> None:
    """Write parked cells to the clocks, the held rows and the user's table."""
    connection = registry.connection
    genesis_t, genesis_s = table.genesis or (None, None)
    values: dict[str, SqliteValue] = {
        "col": kept.id,
        "genesis_t": genesis_t,
        "genesis_s": genesis_s,
        "seq": registry.next_batch(),
    }
    ours = {"parked": table.cells_parked, "clock": table.clock}
    clock_is_parked = table.same_keys("clock", "parked")
    if table.genesis is not None and field.late:
        statement = sql(
            "merge/parking/unpark_genesis",
            keys=table.keys,
            parked_keys=table.keys_of("parked"),
            table=table.quoted,
            shown_is_parked=table.row_has_key_of("shown", "parked"),
            clock_is_parked=clock_is_parked,
            **ours,
        )
        connection.execute(statement, values)
    stamps = {"t": naming.stamp_t(field.id), "s": naming.stamp_s(field.id)}
    connection.execute(sql("merge/parking/unpark_clocks", clock_is_parked=clock_is_parked, **stamps, **ours), values)
    with without_capture(connection, [table]):
        _show_cells(registry, table, field, kept)
    value = naming.value(field.id)
    statement = sql("merge/parking/unpark_held", held=table.held, value=value, clock_is_parked=clock_is_parked, **ours)
    connection.execute(statement, values)
    registry.set("unsettled", 1)


def _show_cells(registry: Registry, table: Table, field: Field, kept: Field) -> None:
    """Write parked cells to the user's table; rows that it does not take with them are held until it is settled."""
    connection = registry.connection
    slots = {
        "table": table.quoted,
        "column": identifier(field.name),
        "shown_is_parked": table.row_has_key_of("shown", "parked"),
        "parked": table.cells_parked,
    }
    unpark = partial(sql, "merge/parking/unpark_shown", **slots)
    write = writing.prepare(connection, table.name, partial(unpark, which=Sql("1")))
    if _takes(connection, write, (kept.id,)):
        return
    which = joined((Sql(f"parked.{key} = ?{n}") for n, key in enumerate(table.key_names, 2)), " AND ")
    write = writing.prepare(connection, table.name, partial(unpark, which=which))
    keys = query.rows(connection, f"SELECT {table.keys} FROM {table.cells_parked} WHERE col = ?", (kept.id,))
    side = Side(table, shape_of(registry, table))
    with side.out(connection):
        marks = joined(Sql("?") for _ in table.key)
        refused = [key for key in keys if not _takes(connection, write, (kept.id, *key))]
        connection.executemany(f"INSERT INTO {side.out_table} ({table.keys}) VALUES ({marks})", refused)
        take_out(registry, side)


def _takes(connection: apsw.Connection, write: writing.Write, values: tuple[SqliteValue, ...]) -> bool:
    """Run a statement unless a constraint of the table refuses it; tell whether it was run."""
    connection.execute("SAVEPOINT crdt_unpark")
    try:
        write.execute(connection, values)
    except (apsw.ConstraintError, apsw.MismatchError):
        connection.execute("ROLLBACK TO crdt_unpark; RELEASE crdt_unpark")
        return False
    connection.execute("RELEASE crdt_unpark")
    return True
