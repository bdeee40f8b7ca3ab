"""Capture: the triggers that write down which rows of a user's table changed.

Works from a table's registration and shape alone, and only renders SQL. The triggers use nothing newer than SQLite 3.35
and nothing but built-in functions. Each appends to tables with a rising key, because a statement whose triggers touch many
pages spills its journal to a file (docs/SQLITE_FACTS.md, 13).
"""

from __future__ import annotations

from collections.abc import Iterator

import apsw

from crdtsql.base import (
    EMPTY,
    LOG_TIME,
    Sql,
    blocks_rule,
    caseless,
    fragment,
    identifier,
    integer,
    joined,
    naming,
    policy,
    sql,
    text,
    verbatim,
)
from crdtsql.capture import fences, keeping
from crdtsql.sqlite import Column, ForeignKey, TableShape, UniqueIndex, autoincrement, schema
from crdtsql.store import FIRST_UPDATE_OP, Field, Table
from crdtsql.types import TYPES, Kind

BLOCK = "block"
ROWID_NAMES = ("rowid", "oid", "_rowid_")


def trigger_statements(connection: apsw.Connection, table: Table, shape: TableShape) -> Iterator[str]:
    """Yield the CREATE TRIGGER statements that capture a table."""
    columns = {column.name: column for column in shape.columns}
    key = [columns[name] for name in table.key]
    slots = _Slots(table, key)
    yield _insert_trigger(slots, columns)
    rekeys = {
        "trigger": slots.name("rekey"),
        "of_columns": _of_columns(shape, table.key),
        "any_changed": _any(_changed(column) for column in key),
    }
    if table.rows == policy.GROW_ONLY:
        yield from _refusing_triggers(table, rekeys)
    else:
        yield sql("capture/triggers/trigger_delete", trigger=slots.name("delete"), **slots.pick("old_keys", "held"))
        yield sql("capture/triggers/trigger_rekey", **rekeys, **slots.pick("old_keys", "new_keys", "held"))
    for word in range(table.words):
        stamping = {field: stamped for field, stamped in _by_stamp(table).items() if field.word == word}
        if stamping:
            yield _update_trigger(slots, word, stamping, columns)
    yield from _typed_triggers(slots, columns)
    yield from _severed_triggers(slots, columns, schema.foreign_keys(connection, table.name))
    yield _key_evict_trigger(slots, shape)
    if table.is_numbered:
        key_column = identifier(table.key[0])
        yield sql(
            "capture/triggers/trigger_replace",
            trigger=slots.name("replace"),
            key_column=key_column,
            **slots.pick("new_keys"),
        )
        if autoincrement.may_jump(connection, table.name, table.key[0]):
            yield block_trigger(table)
    for number, index in enumerate(schema.unique_indexes(connection, table.name)):
        yield from _index_evict_triggers(slots, shape, index, number)
    if not shape.has_rowid_key and not shape.without_rowid:
        yield from _rowid_evict_triggers(slots, shape)
    nullable = [column for column in key if not column.not_null and not shape.has_rowid_key and not shape.without_rowid]
    if nullable:
        yield from _null_key_triggers(slots, nullable)
    yield from _of_histories(slots)
    yield from fences.statements(connection, table)


def block_trigger(table: Table) -> str:
    """Write the trigger that goes on in another block of ids where one is used up (decision 0019)."""
    return sql(
        "capture/triggers/trigger_block",
        trigger=identifier(naming.trigger(table.name, BLOCK)),
        table=table.quoted,
        name=text(table.name),
        key_column=identifier(table.key[0]),
        size=integer(blocks_rule.SIZE),
        used_up=integer(blocks_rule.SIZE - blocks_rule.RESERVE),
        highest=integer(blocks_rule.HIGHEST),
    )


class _Slots:
    """The slot values that several triggers of one table share."""

    def __init__(self, table: Table, key: list[Column]) -> None:
        self.table = table
        names = [(key_name, identifier(column.name)) for key_name, column in zip(table.key_names, key, strict=True)]
        names += [(naming.value(field.id), identifier(field.name)) for field in table.fields]
        self.columns = joined(column for _, column in names)
        self.held_columns = joined(ours for ours, _ in names)
        self.old_columns = joined(Sql(f"OLD.{column}") for _, column in names)

    def name(self, what: str) -> Sql:
        return identifier(naming.trigger(self.table.name, what))

    def pick(self, *wanted: str) -> dict[str, Sql]:
        slots = {"table": self.table.quoted, "table_id": integer(self.table.id), "log_keys": self.table.keys}
        slots["log_time"] = LOG_TIME
        if "new_keys" in wanted:
            slots["new_keys"] = self.table.key_columns_of("NEW")
        if "old_keys" in wanted:
            slots["old_keys"] = self.table.key_columns_of("OLD")
        if "held" in wanted:
            slots |= {"held": self.table.held, "held_columns": self.held_columns, "old_columns": self.old_columns}
        if "evicted" in wanted:
            slots |= {"held": self.table.held, "held_columns": self.held_columns, "columns": self.columns}
            slots["keys"] = self.table.key_columns
        return slots


def _of_columns(shape: TableShape, names: tuple[str, ...]) -> Sql:
    """Limit a trigger to updates that can change some columns; SQLite compares the names as the statement spells them."""
    columns = {column.name: column for column in shape.columns}
    if any(columns[name].generated for name in names):
        return EMPTY
    aliases = ROWID_NAMES if shape.has_rowid_key and shape.key[0].name in names else ()
    return Sql(f"OF {joined(identifier(name) for name in (*names, *aliases))}")


def _any(conditions: Iterator[Sql]) -> Sql:
    return joined(conditions, "\n  OR ")


def _changed(column: Column) -> Sql:
    """Compare old and new stored value; the type can only differ where equal values have several spellings."""
    compares_fully = column.affinity in ("TEXT", "REAL")
    name = "capture/triggers/changed_value" if compares_fully else "capture/triggers/changed_value_or_type"
    return fragment(name, column=identifier(column.name))


def _by_stamp(table: Table) -> dict[Field, list[Field]]:
    """Return the plain columns that have a bit in the log, each with the columns whose change sets it."""
    if table.granularity == policy.BY_ROW:
        return {table.stamped_with(field): [*table.fields] for field in table.plain_fields[:1]}
    return {field: [field] for field in table.plain_fields}


def _update_trigger(slots: _Slots, word: int, stamping: dict[Field, list[Field]], columns: dict[str, Column]) -> str:
    changes = [(field, _any(_changed(columns[other.name]) for other in stamped)) for field, stamped in stamping.items()]
    bits = [
        fragment("capture/triggers/mask_bit", changed=changed, bit=integer(field.bit)) for field, changed in changes
    ]
    every = slots.table.granularity == policy.BY_ROW  # its updates write all columns
    kept = {
        other: Sql("1") if every else _changed(columns[other.name]) for found in stamping.values() for other in found
    }
    return sql(
        "capture/triggers/trigger_update",
        keep=keeping.keep(slots.table, kept),
        trigger=slots.name("update" if word == 0 else f"update{word}"),
        of_columns=Sql(f"OF {joined(identifier(field.name) for stamped in stamping.values() for field in stamped)}")
        if slots.table.typed_fields
        else EMPTY,
        any_changed=_any(changed for _, changed in changes),
        mask=joined(bits, "\n    | "),
        op=integer(FIRST_UPDATE_OP + word),
        **slots.pick("new_keys"),
    )


def _of_histories(slots: _Slots) -> Iterator[str]:
    """Yield the triggers of tables that have a history, or that are one."""
    if slots.table.history is not None:
        yield _replaced_trigger(slots)
    if slots.table.is_history:
        yield from keeping.refusing_triggers(slots.table)


def _refusing_triggers(table: Table, rekeys: dict[str, Sql]) -> Iterator[str]:
    """Yield the triggers that let no row of a grow-only table go; a merge works without them."""

    def message(why: str) -> Sql:
        return text(f'crdtsql: rows of "{table.name}" can only be added (grow-only): {why}')

    refused = message(
        "a row can't be deleted; INSERT OR REPLACE of a row that is there deletes it if PRAGMA recursive_triggers is ON, "
        "use ON CONFLICT DO UPDATE"
    )
    trigger = identifier(naming.trigger(table.name, "delete"))
    yield sql("capture/triggers/trigger_refuse_delete", trigger=trigger, table=table.quoted, message=refused)
    refused = message(f"a row's key ({', '.join(table.key)}) can't be changed, insert another row")
    yield sql("capture/triggers/trigger_refuse_rekey", table=table.quoted, message=refused, **rekeys)
    refused = message("REPLACE can't delete another row that has the same UNIQUE value, change that row first")
    for event in ("insert", "update"):
        yield sql(
            "capture/triggers/trigger_kept",
            event=verbatim(event.upper()),
            trigger=identifier(naming.trigger(table.name, f"kept_{event}")),
            table=table.quoted,
            table_id=integer(table.id),
            shown_is_entry=table.row_has_key_of("shown", "entry"),
            message=refused,
        )


def _insert_trigger(slots: _Slots, columns: dict[str, Column]) -> str:
    refused = [_refusals(slots.table, field, columns[field.name])[0] for field in slots.table.typed_fields]
    refusals = [_refusal(*found) for found in refused if found is not None]
    shared = {"trigger": slots.name("insert"), **slots.pick("new_keys")}
    if not refusals:
        return sql("capture/triggers/trigger_insert", **shared)
    return sql("capture/triggers/trigger_insert_checked", refusals=joined(refusals, "\n    "), **shared)


def _typed_triggers(slots: _Slots, columns: dict[str, Column]) -> Iterator[str]:
    """Yield the triggers of typed columns: they log the value before, of a counter also the one after, and refuse other values."""
    for field in slots.table.typed_fields:
        refusals = [
            _refusal(*found) for found in _refusals(slots.table, field, columns[field.name]) if found is not None
        ]
        old, is_total = Sql(f"OLD.{identifier(field.name)}"), TYPES[field.type].kind is Kind.TOTAL
        yield sql(
            "capture/triggers/trigger_update_typed",
            trigger=slots.name(f"typed{field.id}"),
            changed=_changed(columns[field.name]),
            old=Sql(f"CASE {joined(refusals, ' ')} ELSE {old} END") if refusals else old,
            new_name=Sql(", new") if is_total else EMPTY,
            new_value=Sql(f", NEW.{identifier(field.name)}") if is_total else EMPTY,
            mask=integer(1 << field.bit),
            op=integer(FIRST_UPDATE_OP + field.word),
            column=identifier(field.name),
            keep=keeping.keep(slots.table, {field: Sql("1")}),
            **slots.pick("new_keys"),
        )


def _severed_triggers(slots: _Slots, columns: dict[str, Column], keys: list[ForeignKey]) -> Iterator[str]:
    """Yield triggers for references that SQLite sets to NULL or a default when their row is deleted: they log the value before."""
    by_name = {caseless(field.name): field for field in slots.table.plain_fields}
    found = {
        caseless(name): key.on_delete
        for key in keys
        if key.on_delete in ("SET NULL", "SET DEFAULT")
        for name in key.columns
    }
    for name, action in sorted(found.items()):
        field = by_name.get(name)
        if field is None:
            continue
        column = identifier(field.name)
        severed = columns[field.name].default_value if action == "SET DEFAULT" else Sql("NULL")
        yield sql(
            "capture/triggers/trigger_update_typed",
            trigger=slots.name(f"severed{field.id}"),
            changed=Sql(f"NEW.{column} IS {severed} AND OLD.{column} IS NOT NULL AND OLD.{column} IS NOT NEW.{column}"),
            old=Sql(f"OLD.{column}"),
            new_name=EMPTY,
            new_value=EMPTY,
            mask=integer(1 << field.bit),
            op=integer(FIRST_UPDATE_OP + field.word),
            column=column,
            keep=keeping.keep(slots.table, {field: Sql("1")}),
            **slots.pick("new_keys"),
        )


def _refusals(table: Table, field: Field, column: Column) -> tuple[tuple[Sql, Sql] | None, tuple[Sql, Sql] | None]:
    """Return (condition, message) for values that a type does not take, and for updates that it does not take."""
    kind = TYPES[field.type]
    old, new = Sql(f"OLD.{identifier(field.name)}"), Sql(f"NEW.{identifier(field.name)}")
    invalid = shrinks = None
    if kind.invalid is not None:
        message = text(f"crdtsql: {table.name}.{field.name} is a {kind.name} and must be {kind.takes}")
        invalid = (kind.invalid(new, column.affinity), message)
    if kind.shrinks is not None:
        message = text(
            f"crdtsql: {table.name}.{field.name} is a {kind.name} and can only grow; use another type to shrink it"
        )
        shrinks = (kind.shrinks(old, new), message)
    return invalid, shrinks


def _refusal(condition: Sql, message: Sql) -> Sql:
    return fragment("capture/triggers/refuse", condition=condition, message=message)


def _index_evict_triggers(slots: _Slots, shape: TableShape, index: UniqueIndex, number: int) -> Iterator[str]:
    table = slots.table
    if not index.is_plain:
        yield from _evict_triggers(slots, str(number), table.quoted, table.quoted, EMPTY, _same_terms(shape, index))
        return
    columns = {column.name: column for column in shape.columns}
    names = [name for name in index.columns if name is not None]
    same = joined(
        (
            Sql(f"crdt_row.{identifier(name)} = {_stored(columns[name])} COLLATE {identifier(collation)}")
            for name, collation in zip(names, index.collations, strict=True)
        ),
        " AND ",
    )
    of_columns = _of_columns(shape, tuple(names))
    yield from _evict_triggers(
        slots, str(number), Sql(f"{table.quoted} AS crdt_row"), Sql("crdt_row"), of_columns, same
    )


def _key_evict_trigger(slots: _Slots, shape: TableShape) -> str:
    """Write the trigger for a row whose key another row takes; that row may itself vanish by a cascade, and leave none."""
    keys = slots.table.key
    same = joined((Sql(f"crdt_row.{identifier(name)} = NEW.{identifier(name)}") for name in keys), " AND ")
    return sql(
        "capture/triggers/trigger_evict_update",
        trigger=slots.name("evict_key"),
        of_columns=_of_columns(shape, keys),
        same_row=_same_row(slots, Sql("crdt_row")),
        source=Sql(f"{slots.table.quoted} AS crdt_row"),
        same_unique_key=same,
        **slots.pick("evicted"),
    )


def _replaced_trigger(slots: _Slots) -> str:
    """Write the trigger that keeps a row which an INSERT OR REPLACE of its own key overwrites: its history must know how it was."""
    pairs = zip(slots.table.key, slots.table.key, strict=True)
    same = joined((Sql(f"crdt_row.{identifier(own)} = NEW.{identifier(new)}") for own, new in pairs), " AND ")
    return sql(
        "capture/triggers/trigger_evict_insert",
        trigger=slots.name("kept_replaced"),
        source=Sql(f"{slots.table.quoted} AS crdt_row"),
        same_unique_key=same,
        **slots.pick("evicted"),
    )


def _rowid_evict_triggers(slots: _Slots, shape: TableShape) -> Iterator[str]:
    """Yield triggers for a rowid that is not the key, which a statement may give all the same, and so evict a row."""
    taken = {column.name.lower() for column in shape.columns}
    names = [name for name in ROWID_NAMES if name not in taken]
    if not names:
        return
    source, same = Sql(f"{slots.table.quoted} AS crdt_row"), Sql(f"crdt_row.{names[0]} = NEW.{names[0]}")
    yield from _evict_triggers(slots, "_rowid", source, Sql("crdt_row"), Sql(f"OF {', '.join(names)}"), same)


def _evict_triggers(slots: _Slots, suffix: str, source: Sql, row: Sql, of_columns: Sql, same: Sql) -> Iterator[str]:
    shared = slots.pick("evicted") | {"source": source, "same_unique_key": same}
    yield sql("capture/triggers/trigger_evict_insert", trigger=slots.name(f"evict_insert{suffix}"), **shared)
    yield sql(
        "capture/triggers/trigger_evict_update",
        trigger=slots.name(f"evict_update{suffix}"),
        of_columns=of_columns,
        same_row=_same_row(slots, row),
        **shared,
    )


def _same_row(slots: _Slots, row: Sql) -> Sql:
    return joined((Sql(f"{row}.{identifier(name)} IS OLD.{identifier(name)}") for name in slots.table.key), " AND ")


def _stored(column: Column) -> Sql:
    """Say what OR REPLACE stores for a column of the new row: it puts the default in place of a NULL that is not allowed."""
    new = Sql(f"NEW.{identifier(column.name)}")
    if not column.not_null or column.default is None:
        return new
    return Sql(f"ifnull({new}, {column.default_value})")


def _same_terms(shape: TableShape, index: UniqueIndex) -> Sql:
    """Compare an index's terms for the stored row and the new one, as written in the CREATE INDEX statement."""
    if index.parts is None:
        return EMPTY
    table = identifier(shape.name)
    new_row = joined(Sql(f"{_stored(column)} AS {identifier(column.name)}") for column in shape.columns)
    where = index.parts.where
    same = [
        fragment(
            "capture/triggers/same_term",
            left=verbatim(term),
            # SQLite computes no term of a row that is not in the index, and it might fail.
            expression=verbatim(f"CASE WHEN ({where}) THEN ({term}) END" if where else term),
            new_row=new_row,
            table=table,
        )
        for term in index.parts.terms
    ]
    if where:
        same.append(verbatim(f"({index.parts.where})"))
    return joined(same, " AND ")


def _null_key_triggers(slots: _Slots, nullable: list[Column]) -> Iterator[str]:
    names = ", ".join(column.name for column in nullable)
    message = text(
        f"crdtsql: the primary key {slots.table.name}.{names} must not be NULL, because it names the row on every replica"
    )
    any_null = joined((Sql(f"NEW.{identifier(column.name)} IS NULL") for column in nullable), " OR ")
    for event in ("insert", "update"):
        yield sql(
            f"capture/triggers/trigger_null_{event}",
            trigger=slots.name(f"null_{event}"),
            table=slots.table.quoted,
            any_key_null=any_null,
            message=message,
        )
