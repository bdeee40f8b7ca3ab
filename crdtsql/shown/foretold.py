"""Foretold: numbers that stand in keys for rows which were not known when the keys were written (decision 0031).

A key of which a column refers to a table with automatic numbers, under a number that no row had, means the next row that its writer
inserts under that number. Until that one is known, the key has the foretold number, which follows from the site, the number and the
table; so the keys of two writers are two. People are shown the number that was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import apsw

from crdtsql.base import Sql, foretell, fragment, joined, query, text
from crdtsql.store import Registry, Table


class Foretold(NamedTuple):
    """A row that a key awaits: the next one that a site, by its ordinal, inserts under a number of the table with a uid."""

    uid: str
    site: int
    number: int


def any_foretold(connection: apsw.Connection) -> bool:
    """Tell whether any key may have such a number."""
    return query.exists(connection, "main._crdt_foretold")


def keep(registry: Registry, awaited: Iterable[Foretold]) -> dict[Foretold, int]:
    """Return the numbers that stand for some rows, and remember what they mean."""
    found = {one: foretell(registry.site_id(one.site), one.number, one.uid) for one in awaited}
    rows = [(number, *one) for one, number in found.items()]
    registry.connection.executemany("INSERT OR IGNORE INTO main._crdt_foretold VALUES (?, ?, ?, ?)", rows)
    return found


def forget(registry: Registry, numbers: Iterable[int]) -> None:
    """Forget numbers in whose place the keys have those of the rows now."""
    rows = [(number,) for number in numbers]
    registry.connection.executemany("DELETE FROM main._crdt_foretold WHERE id = ?", rows)


def is_in_key(connection: apsw.Connection, table: Table, alias: str) -> Sql:
    """Say that a row has a foretold number in its key."""
    if table.is_numbered or not any_foretold(connection):
        return Sql("0")
    return joined(
        (fragment("shown/foretold/is_foretold", number=Sql(f"{alias}.{key}")) for key in table.key_names), " OR "
    )


def as_read(number: Sql, numbered: Sequence[Table]) -> Sql:
    """Render what a number in a key is read as: a foretold one as what was written, or the number of the row of a genesis that had it.

    Args:
        numbered: all tables with automatic numbers.
    """
    lost = [fragment("shown/foretold/lost", uid=text(table.uid), born=table.born) for table in numbered]
    old = joined([*lost, Sql("NULL")], ", ")
    return fragment("shown/foretold/as_read", number=number, old=old)


def as_written(number: Sql) -> Sql:
    """Render what was written in a key where a foretold number may stand."""
    return fragment("shown/foretold/as_written", number=number)
