"""Referred: whether anything may still bring a deleted row back, or mean it. Only reads; says it as SQL over a clock row `clock`.

A reference that the delete had not seen brings a row back where the foreign key keeps parents; one that is written later, with foreign
keys off, does so too. Elsewhere, as with ON DELETE CASCADE, a row is only meant by what refers to it now.
"""

from __future__ import annotations

from collections.abc import Iterator

import apsw

from crdtsql.base import Sql, caseless, fragment, identifier, joined, naming
from crdtsql.sqlite import ForeignKey, schema
from crdtsql.store import Registry, Table

LETS_GO = ("CASCADE", "SET NULL", "SET DEFAULT")
"""The actions of foreign keys that never bring a row back."""


def keeps_deleted(connection: apsw.Connection, registry: Registry, table: Table) -> bool:
    """Tell whether deleted rows of a table must stay, whatever refers to them now."""
    tables = {caseless(one.name): one for one in registry.tables()}
    referring = list(_foreign_keys_to(connection, table))
    if any(one.parent == table.uid for other in tables.values() for one in other.references):
        return True
    if referring and any(one.absent or one.parked for one in tables.values()):
        return True
    return any(not _lets_go(table, tables.get(caseless(name)), key) for name, key in referring)


def _lets_go(table: Table, child: Table | None, key: ForeignKey) -> bool:
    if child is None or child.places or key.on_delete not in LETS_GO:
        return False
    known = set(map(caseless, child.names))
    if sorted(map(caseless, key.parent_columns)) != sorted(map(caseless, table.key)) or not known.issuperset(
        map(caseless, key.columns)
    ):
        return False
    # A number in a key stands for the next row of it where none is known that had it (decision 0031).
    return not (table.is_numbered and set(map(caseless, key.columns)) & set(map(caseless, child.key)))


def _foreign_keys_to(connection: apsw.Connection, table: Table) -> Iterator[tuple[str, ForeignKey]]:
    for name in schema.tables_with_foreign_keys(connection):
        for key in schema.foreign_keys(connection, name):
            if caseless(key.parent) == caseless(table.name):
                yield name, key


def is_not_meant(connection: apsw.Connection, registry: Registry, table: Table) -> Sql:
    """Say that no known row, shown, held or dead, refers to the row of a clock row; of a table whose deleted rows need not stay."""
    tables = {caseless(one.name): one for one in registry.tables()}
    terms = [_is_not_in(table, tables[caseless(name)], key) for name, key in _foreign_keys_to(connection, table)]
    return joined(terms, " AND ") if terms else Sql("1")


def _is_not_in(table: Table, child: Table, key: ForeignKey) -> Sql:
    own = dict(zip(map(caseless, table.key), table.key_names, strict=True))
    names = dict(zip(map(caseless, child.key), child.key_names, strict=True))
    names |= {caseless(one.name): naming.value(one.id) for one in child.fields}
    return fragment(
        "compaction/referred/is_not_in",
        key=joined(Sql(f"clock.{own[caseless(column)]}") for column in key.parent_columns),
        columns=joined(Sql(f"child.{identifier(column)}") for column in key.columns),
        child=child.quoted,
        kept_columns=joined(Sql(f"kept.{names[caseless(column)]}") for column in key.columns),
        held=child.held,
    )
