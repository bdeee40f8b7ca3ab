"""The image: the SQLite database that holds a changeset's content.

For the n-th table of the header (n = 1, 2, ...):

    row_n    k1, k2, ...    the row's key
             t, s           stamp of its insert: hlc (negative for genesis) and site ordinal
             dot_t, dot_s   its latest event; NULL where equal to t, s
             gone           1 if the row is deleted, else NULL
             many           1 if head_n has further heads of this row, else NULL
             p0, p1, ...    bit b of p<w> says that the cell of value column 60 * w + b is in the changeset
             v0, t0, s0 ... per value column: the cell's value and stamp; t, s NULL where equal to the row's
    head_n   k1, k2, ..., s, t, gone: further latest events of rows that were changed concurrently
    part_n   k1, k2, ..., col, part, s, t, gone, v, n: parts of typed cells (only if the table has typed columns); col is the
             position of the value column
    born_n   k1, born_t, born_s, root_t, root_s, generation, was: births of rows (only if the table has the identity `row`)

and once:

    merged   site, peer, at, upto: before its event `at`, site had merged the events of peer up to upto
    acted    site, since, upto, actor, session, run, note: who wrote the events of a site from one to another (only if the header
             counts them)

The schema follows from the number of tables, keys, columns and sites alone, so a received image must have exactly the
text that this module writes; CHECK constraints and STRICT types in it let SQLite itself verify the content.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

from crdtsql.base import EMPTY, WORD_BITS, Sql, clock, fragment, integer, joined, policy, sql
from crdtsql.wire.header import Header, TableHeader

ANY_NUMBER = integer(clock.HIGHEST_HLC)
"""What no stamp and no number of a site is above."""


def row_table(number: int) -> Sql:
    """Name the table of rows of the n-th table."""
    return Sql(f"row_{int(number)}")


def head_table(number: int) -> Sql:
    """Name the table of further heads of the n-th table."""
    return Sql(f"head_{int(number)}")


def part_table(number: int) -> Sql:
    """Name the table of parts of the n-th table."""
    return Sql(f"part_{int(number)}")


def born_table(number: int) -> Sql:
    """Name the table of births of the n-th table."""
    return Sql(f"born_{int(number)}")


def typed_columns(table: TableHeader) -> list[int]:
    """List the positions of a table's typed columns."""
    return [position for position, (_, kind) in enumerate(table.columns) if kind != "lww"]


def words(columns: int) -> list[Sql]:
    """Name the mask words of a table with so many value columns: p0, p1, ..."""
    count = 1 + max(columns - 1, 0) // WORD_BITS
    return [Sql(f"p{number}") for number in range(count)]


def cell(position: int) -> tuple[Sql, Sql, Sql]:
    """Name the columns of the cell at a position: value, hlc, site."""
    return Sql(f"v{int(position)}"), Sql(f"t{int(position)}"), Sql(f"s{int(position)}")


def columns(header: Header, numbers: Iterable[int]) -> dict[str, int]:
    """Say how many columns the tables of an image have that are of the n-th tables: name -> columns."""
    found = {"merged": 4, **({"acted": 7} if header.acted else {})}
    for number in numbers:
        keys, columns, typed, numbered = _form(header.tables[number - 1])
        found[str(row_table(number))] = keys + 6 + len(words(columns)) + 3 * columns
        found[str(head_table(number))] = keys + 3
        found |= {str(part_table(number)): keys + 7} if typed else {}
        found |= {str(born_table(number)): 7} if numbered else {}
    return found


def schema(header: Header, database: str = "main") -> list[str]:
    """Write the CREATE statements of a changeset's image."""
    highest, sites = integer(max(header.highest, 1)), integer(max((site.ordinal for site in header.sites), default=1))
    statements = [*_create_common(database, highest, sites, bool(header.acted)).values()]
    for number, table in enumerate(header.tables, 1):
        statements += _create_table(number, *_form(table), database, highest, sites).values()
    return statements


def unbounded(header: Header, numbers: Iterable[int], database: str) -> Mapping[str, str]:
    """Write CREATE statements like those of an image, for the n-th tables, that hold stamps and sites of any changeset.

    Return table of the image -> statement.
    """
    forms = tuple((number, *_form(header.tables[number - 1])) for number in numbers)
    return _unbounded(forms, database, bool(header.acted))


@lru_cache(maxsize=100)
def _unbounded(forms: tuple[tuple[int, int, int, bool, bool], ...], database: str, acted: bool) -> Mapping[str, str]:
    statements = {**_create_common(database, ANY_NUMBER, ANY_NUMBER, acted)}
    for form in forms:
        statements |= _create_table(*form, database, ANY_NUMBER, ANY_NUMBER)
    return MappingProxyType(statements)


def _form(table: TableHeader) -> tuple[int, int, bool, bool]:
    """Return what the tables of an image depend on: columns of the key, other columns, whether one is typed, whether numbered."""
    return len(table.key), len(table.columns), bool(typed_columns(table)), table.identity == policy.BY_BIRTH


def _prefix(database: str) -> Sql:
    return EMPTY if database == "main" else Sql(f"{database}.")


@lru_cache(maxsize=100)
def _create_common(database: str, highest: Sql, sites: Sql, acted: bool) -> Mapping[str, str]:
    slots = {"prefix": _prefix(database), "highest": highest, "sites": sites}
    found = {"merged": sql("wire/image/create_merged", **slots)}
    if acted:
        found["acted"] = sql("wire/image/create_acted", **slots)
    return MappingProxyType(found)


@lru_cache(maxsize=2_000)
def _create_table(
    number: int, keys: int, columns: int, typed: bool, numbered: bool, database: str, highest: Sql, sites: Sql
) -> Mapping[str, str]:
    names = [Sql(f"k{position}") for position in range(1, keys + 1)]
    cells = [
        fragment("wire/image/cell_definition", value=value, t=t, s=s, highest=highest, sites=sites)
        for value, t, s in map(cell, range(columns))
    ]
    bounds = {"prefix": _prefix(database), "highest": highest, "sites": sites}
    bounds_and_keys = bounds | {"keys": joined(Sql(f"{name} ANY NOT NULL") for name in names)}
    row, head, part, born = row_table(number), head_table(number), part_table(number), born_table(number)
    found = {
        row: sql(
            "wire/image/create_row",
            name=row,
            words=joined(Sql(f"{word} INTEGER NOT NULL") for word in words(columns)),
            cells=joined((Sql(f",\n  {definition}") for definition in cells), ""),
            **bounds_and_keys,
        ),
        head: sql("wire/image/create_head", name=head, **bounds_and_keys),
    }
    if typed:
        last, key_columns = integer(columns - 1), joined(names)
        found[part] = sql(
            "wire/image/create_part", name=part, key_columns=key_columns, last_column=last, **bounds_and_keys
        )
    if numbered:
        found[born] = sql("wire/image/create_born", name=born, **bounds)
    return MappingProxyType({str(name): statement for name, statement in found.items()})
