"""Alone: whether it makes any difference when the values of a live row were written, which show what they are.

It does where another known row, shown or not, has one of its UNIQUE values: the older claim wins. And where the row that it refers to
has a delete: a reference that the delete had not seen brings that row back. Only reads; says it as SQL over a clock row `clock`.
"""

from __future__ import annotations

from collections.abc import Iterator

import apsw

from crdtsql.base import Sql, caseless, fragment, identifier, integer, joined, naming, query, sql
from crdtsql.numbers import followers
from crdtsql.sqlite import ForeignKey, UniqueIndex, schema
from crdtsql.store import Field, Registry, Table, catalogue

ALWAYS = Sql("1")


def references(connection: apsw.Connection, registry: Registry, table: Table) -> list[tuple[ForeignKey, Table | None]]:
    """List what a table refers to, declared in the schema or to crdtsql alone, each with the table that is replicated."""
    by_name = {caseless(one.name): one for one in registry.tables() if not one.absent}
    by_uid = {one.uid: one for one in by_name.values()}
    found = [(key, by_name.get(caseless(key.parent))) for key in schema.foreign_keys(connection, table.name)]
    for declared in table.references:
        parent = by_uid.get(declared.parent)
        columns, targets = table.names_of(declared.columns), parent and parent.names_of(declared.targets)
        if columns is not None:
            found.append((ForeignKey(columns, parent.name if parent else "", targets or ()), parent))
    return found


def can_be(connection: apsw.Connection, registry: Registry, table: Table) -> bool:
    """Tell whether rows of a table can be alone at all.

    Not where somebody refers to other columns than the key, or may do so in a table that is not in this file: what these were, and
    when that was, says what such a reference means.
    Nor where a table with UNIQUE values refers to itself, by others or at once: of rows that wait for one another the older claim goes
    first (decision 0017), whether or not they have a value in common.
    """
    tables = {caseless(one.name): one for one in registry.tables() if not one.absent}
    targets = {name: references(connection, registry, one) for name, one in tables.items()}
    keys = [key for found in targets.values() for key, parent in found if parent is not None and parent.id == table.id]
    keys += [
        key
        for name in schema.tables_with_foreign_keys(connection)
        for key in schema.foreign_keys(connection, name)
        if caseless(name) not in tables and caseless(key.parent) == caseless(table.name)
    ]
    if any(not _is_to_key(key, table) for key in keys):
        return False
    if any(not _can_be_told(key, parent) for key, parent in targets[caseless(table.name)]):
        return False
    if not schema.unique_indexes(connection, table.name):
        return True
    return table.name not in _reached(table.name, targets) and not any(one.absent for one in registry.tables())


def _is_to_key(key: ForeignKey, parent: Table) -> bool:
    return sorted(map(caseless, key.parent_columns)) == sorted(map(caseless, parent.key))


def _can_be_told(key: ForeignKey, parent: Table | None) -> bool:
    """Tell whether it can be said of a reference that it leads to a live row: to one that stands under the key that it is kept by."""
    return parent is not None and not parent.places and _is_to_key(key, parent)


def _reached(name: str, targets: dict[str, list[tuple[ForeignKey, Table | None]]]) -> set[str]:
    """Return the tables that a table refers to, by others too."""
    found: set[str] = set()
    pending = [name]
    while pending:
        for _, parent in targets.get(caseless(pending.pop()), []):
            if parent is not None and parent.name not in found:
                found.add(parent.name)
                pending.append(parent.name)
    return found


def is_alone(connection: apsw.Connection, registry: Registry, table: Table) -> Sql:
    """Say that the row of a clock row is shown, and alone; of a table whose rows can be."""
    uniques = schema.unique_indexes(connection, table.name)
    leading = references(connection, registry, table)
    terms = [*(_has_no_rival(table, one) for one in uniques), *_lead_to_live_rows(leading)]
    terms += [_means_its_number(field, parent) for field, parent in _followed(registry, table)]
    terms += _lost_no_references(connection, registry, table)
    if not terms:
        return ALWAYS
    return fragment(
        "compaction/alone/is_alone",
        table=table.quoted,
        shown_is_clock=table.row_has_key_of("shown", "clock"),
        terms=joined(terms, " AND "),
    )


def _lost_no_references(connection: apsw.Connection, registry: Registry, table: Table) -> Iterator[Sql]:
    """Say of a row that no noted entry of the log may be opened once it is shown: those of references that its delete set to NULL.

    Its birth says whether the delete had seen it.
    """
    for child in registry.tables() if registry.number("severed") else ():
        fields = {caseless(one.name): one for one in child.fields}
        for key in () if child.absent else schema.foreign_keys(connection, child.name):
            if caseless(key.parent) == caseless(table.name) and key.severs:
                for column, referenced in zip(key.columns, key.parent_columns, strict=True):
                    if caseless(column) in fields:
                        yield fragment(
                            "compaction/alone/lost_no_reference",
                            referenced=Sql(f"shown.{identifier(referenced)}"),
                            child=integer(child.id),
                            column=integer(fields[caseless(column)].id),
                        )


def may_forget_references(connection: apsw.Connection, registry: Registry, table: Table) -> bool:
    """Tell whether references of rows of the genesis all mean the rows that have their numbers, and note that they do from now on.

    Then it makes no difference that others, whose stamps are forgotten while they do, can't be told from them.
    """
    followed = _followed(registry, table)
    if not followed or table.rests:
        return True
    if any(_any_means_another(connection, table, field, parent) for field, parent in followed):
        return False
    registry.set(table.fact("rests"), 1)
    catalogue.changed(connection)
    return True


def _followed(registry: Registry, table: Table) -> list[tuple[Field, Table]]:
    """List the value columns that hold automatic numbers, and of which table: these mean what their writer had seen."""
    return [
        (one.field, parent)
        for parent in registry.tables()
        if parent.is_numbered and not parent.absent
        for one in followers.to_table(registry, parent)
        if one.table is not None and one.table.id == table.id and one.field is not None and not one.position
    ]


def _means_its_number(field: Field, parent: Table) -> Sql:
    """Say that who wrote a number had seen the row that has it, or inserted that row."""
    t, s = _stamp(field)
    return fragment(
        "compaction/alone/means_its_number",
        number=Sql(f"shown.{identifier(field.name)}"),
        t=t,
        s=s,
        births=_births(parent, Sql(f"shown.{identifier(field.name)}")),
    )


def _any_means_another(connection: apsw.Connection, table: Table, field: Field, parent: Table) -> bool:
    t, s = _stamp(field)
    genesis_t, genesis_s = table.genesis or (None, None)
    statement = sql(
        "compaction/alone/any_means_another",
        table=table.quoted,
        column=identifier(field.name),
        held=table.held,
        value=naming.value(field.id),
        clock=table.clock,
        shown_is_clock=table.row_has_key_of("shown", "clock"),
        t=t,
        s=s,
        births=_births(parent, Sql("found.number")),
    )
    values = {"child_t": genesis_t, "child_s": genesis_s}
    return query.first(connection, statement, values) is not None


def _stamp(field: Field) -> tuple[Sql, Sql]:
    """Render the stamp of a cell whose row has the clock row `clock`."""
    t, s = naming.stamp_t(field.id), naming.stamp_s(field.id)
    return Sql(f"ifnull(clock.{t}, clock.t)"), Sql(f"ifnull(clock.{s}, clock.s)")


def _births(parent: Table, number: Sql) -> Sql:
    """Render the birth of the row that has a number, if it is shown as it is and lives."""
    genesis_t, genesis_s = parent.genesis or (0, 0)
    return fragment(
        "compaction/alone/births",
        parent=parent.quoted,
        key_column=identifier(parent.key[0]),
        number=number,
        clock=parent.clock,
        born=parent.born,
        table_id=Sql(str(parent.id)),
        genesis_t=Sql(str(genesis_t)),
        genesis_s=Sql(str(genesis_s)),
    )


def _has_no_rival(table: Table, index: UniqueIndex) -> Sql:
    """Say that no row which is not shown as it is has the values that a shown row has in an index."""
    names = dict(zip(map(caseless, table.key), table.key_names, strict=True))
    names |= {caseless(one.name): naming.value(one.id) for one in table.fields}
    columns = [column for column in index.columns if column is not None]
    pairs = zip(columns, index.collations, strict=True)
    return fragment(
        "compaction/alone/has_no_rival",
        values=joined(Sql(f"shown.{identifier(column)} COLLATE {identifier(how)}") for column, how in pairs),
        kept_values=joined(Sql(f"rival.{names[caseless(column)]}") for column in columns),
        held=table.held,
    )


def _lead_to_live_rows(leading: list[tuple[ForeignKey, Table | None]]) -> Iterator[Sql]:
    for key, parent in leading:
        if parent is None:
            continue
        pairs = list(zip(key.columns, key.parent_columns, strict=True))
        yield fragment(
            "compaction/alone/leads_to_live_row",
            leads_nowhere=joined((Sql(f"shown.{identifier(column)} IS NULL") for column in key.columns), " OR "),
            parent=parent.quoted,
            parent_is_meant=joined(
                (Sql(f"parent.{identifier(one)} = +shown.{identifier(mine)}") for mine, one in pairs), " AND "
            ),
            parent_clock=parent.clock,
            parent_has_clock=parent.row_has_key_of("parent", "known"),
        )
