"""Split: cells of typed columns whose parts say more than what is shown, so that their rows keep them (decision 0041).

The value that is shown takes the place of the parts. So it must be all that they say: exactly the sum of a counter, with every leaf of
a map, and as the table shows it. And what an ended site added stays for a year: the site may come back with more, and only the total
says how much of that had arrived. Only reads what is kept; costs what it costs to show the cells of a step that have parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from zlib import crc32

import apsw

from crdtsql.base import Sql, SqliteValue, TemporaryTable, fragment, identifier, integer, joined, sql
from crdtsql.sqlite import schema
from crdtsql.store import Field, Table
from crdtsql.types import parts
from crdtsql.types.celltypes import Kind

SPLIT = TemporaryTable("_crdt_split_cell", "types/split/create_split_cell")
SAYS_MORE = TemporaryTable("_crdt_says_more", "types/split/create_says_more")


@contextmanager
def found(
    connection: apsw.Connection,
    table: Table,
    within: Sql,
    bound: Mapping[str, SqliteValue],
    remembered: Sequence[int],
) -> Iterator[Sql | None]:
    """Find the rows of a step that must keep their parts; yield what says so of a clock row `clock`, None if none has any.

    Args:
        within: the condition of the step, over `clock`, with its values `bound`.
        remembered: the ordinals of sites of which the totals are kept apart.
    """
    shape = schema.read(connection, table.name)
    if shape is None or not parts.have_parts(connection, table):
        yield None
        return
    keys = shape.define_key(table.key_names)
    number = crc32(str(keys).encode())
    split, says_more = SPLIT.of(number), SAYS_MORE.of(number)
    with (
        split.created(connection, cells=split.quoted, keys=keys),
        says_more.created(connection, rows=says_more.quoted, keys=keys),
    ):
        for field in table.typed_fields:
            with parts.working(connection):
                _collect(connection, table, field, shape, split.quoted, within, bound)
                _compare(connection, table, field, shape, split.quoted, says_more.quoted, remembered)
                connection.execute(f"DELETE FROM {split.quoted}")
        slots = {"rows": says_more.quoted, "row_is_clock": table.same_keys("kept", "clock")}
        yield fragment("types/split/says_more", **slots)


def _collect(
    connection: apsw.Connection,
    table: Table,
    field: Field,
    shape: schema.TableShape,
    cells: Sql,
    within: Sql,
    bound: Mapping[str, SqliteValue],
) -> None:
    """Find the cells of a column that have parts, and what their parts say."""
    values = dict(bound) | {"col": field.id}
    slots = {"cells": cells, "parts": table.parts}
    statement = sql(
        "types/split/collect",
        keys=table.keys,
        clock_keys=table.keys_of("clock"),
        column=identifier(field.name),
        clock=table.clock,
        table=table.quoted,
        shown_is_clock=table.row_has_key_of("shown", "clock"),
        part_is_clock=table.same_keys("part", "clock"),
        within=within,
        **slots,
    )
    connection.execute(statement, values)
    load = sql("types/split/load", part_is_cell=table.same_keys("part", "cell"), **slots)
    connection.execute(load, {"col": field.id})
    parts.imply(connection, parts.kind_of(field), "mine")
    parts.show(connection, field, shape)


def _compare(
    connection: apsw.Connection,
    table: Table,
    field: Field,
    shape: schema.TableShape,
    cells: Sql,
    rows: Sql,
    remembered: Sequence[int],
) -> None:
    slots = {"cells": cells, "rows": rows, "keys": table.keys}
    connection.execute(sql("types/split/find_others", **slots))
    connection.execute(sql("types/split/find_hidden", **slots))
    if parts.kind_of(field).kind is Kind.TOTAL:
        exactly = parts.kind_of(field).exact_sql()
        real = parts.is_real(shape, field)
        connection.execute(sql("types/split/find_rounded", exactly=exactly, **slots), {"real": real})
        connection.execute(sql("types/split/find_ended", ended=joined(map(integer, remembered)), **slots))
