"""Limited: counters that add up to more than their column can show. Only reads."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from crdtsql.base import Sql, SqliteValue, identifier, joined, query, show, show_key, sql, suggest
from crdtsql.look.advice import WATCH, Finding
from crdtsql.sqlite import TableShape
from crdtsql.store import Field, Registry, Table
from crdtsql.types import TYPES, Kind, exact, parts


@dataclass(frozen=True, slots=True)
class Limited:
    """A cell that shows its counter's limit because the exact sum is beyond it."""

    field: Field
    key: tuple[SqliteValue, ...]
    shown: float
    total: SqliteValue


def find(registry: Registry, table: Table, shape: TableShape) -> Iterator[Limited]:
    """List such cells of the rows that a table shows. Cost: reads the table once for each counter."""
    if not parts.have_parts(registry.connection, table):
        return
    for field in table.typed_fields:
        if TYPES[field.type].kind is Kind.TOTAL:
            yield from _of_column(registry, table, shape, field)


def _of_column(registry: Registry, table: Table, shape: TableShape, field: Field) -> Iterator[Limited]:
    real = parts.is_real(shape, field)
    statement = sql(
        "look/limited/find",
        column=identifier(field.name),
        parts=table.parts,
        table=table.quoted,
        key_columns=table.key_columns_of("shown"),
        shown_is_part=table.row_has_key_of("shown", "part"),
        seen_is_part=table.same_keys("seen", "part"),
        later_is_part=table.same_keys("later", "part"),
    )
    values = {"col": field.id, "real": real, "most": exact.REAL_BOUND if real else exact.BOUND}
    for shown, total, *key in query.rows(registry.connection, statement, values):
        if exact.read(total) != exact.read(shown):
            yield Limited(field, tuple(key), shown, exact.number(total))


def findings(registry: Registry, table: Table, shape: TableShape) -> Iterator[Finding]:
    """Say for each such cell what is to be done."""
    for cell in find(registry, table, shape):
        name = f"{table.name}.{cell.field.name}"
        said = (
            f"{name} of row {show_key(cell.key)} adds up to {_written(cell.total)}, beyond the range of a {cell.field.type}, and "
            f"shows {show(cell.shown)}; what is added or taken off still counts"
        )
        if cell.field.type == "grow-counter":
            advice = suggest.plain_command("type", registry.path, name, "counter")
            yield Finding(WATCH, "counter", f"{said}; only as a counter it can be brought down", advice)
            continue
        yield Finding(
            WATCH, "counter", f"{said}; each UPDATE to 0 takes off what is shown", _bring_down(registry, table, cell)
        )


def _written(total: SqliteValue) -> str:
    return str(total) if isinstance(total, int) and abs(total) < 10**24 else f"{Decimal(total):.3e}"  # type: ignore[arg-type]


def _bring_down(registry: Registry, table: Table, cell: Limited) -> str:
    literals = query.first(
        registry.connection, f"SELECT {joined(Sql(f'quote(?{n})') for n in range(1, len(cell.key) + 1))}", cell.key
    )
    where = " AND ".join(f"{identifier(name)} = {value}" for name, value in zip(table.key, literals, strict=True))
    update = f"UPDATE {table.quoted} SET {identifier(cell.field.name)} = 0 WHERE {where}"
    return shlex.join(["sqlite3", registry.path, update])
