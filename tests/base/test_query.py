"""Reading and writing rows."""

from __future__ import annotations

import apsw
import pytest

from crdtsql.base import query


@pytest.mark.parametrize("count", [0, 1, 2, query.AT_ONCE - 1, query.AT_ONCE, query.AT_ONCE + 1, 3 * query.AT_ONCE + 7])
def test_all_rows_are_inserted(count: int) -> None:
    """However many rows are inserted together, each is there once, in their order."""
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE known (number, name)")
    rows = [(number, f"name {number}") for number in range(count)]
    query.insert_all(connection, "known", rows)
    assert query.rows(connection, "SELECT number, name FROM known ORDER BY rowid") == rows
