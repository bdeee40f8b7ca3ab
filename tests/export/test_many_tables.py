"""Files with many tables, and with tables of many columns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from crdtsql import Replica, sync
from tests.support import state
from tests.support.peers import fast_directory

TABLES = 120


@contextmanager
def counted(*replicas: Replica) -> Iterator[list[str]]:
    """Collect the statements that replicas run in a block."""
    found: list[str] = []
    for one in replicas:
        one.connection.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: found.append(event["sql"]))
    try:
        yield found
    finally:
        for one in replicas:
            one.connection.trace_v2(0, None)


def test_a_file_may_have_many_tables() -> None:
    """All tables of a file with many are enabled at once, show in status and doctor, and are synced; what did not change costs little."""
    with fast_directory() as folder:
        connection = apsw.Connection(str(folder / "a.db"))
        for n in range(TABLES):
            connection.execute(
                f"CREATE TABLE t{n} (id TEXT PRIMARY KEY, a, up TEXT REFERENCES t{max(n - 1, 0)}); INSERT INTO t{n} VALUES ('x', {n}, NULL)"
            )
        connection.close()
        one = Replica.open(folder / "a.db")
        assert len(one.enable(all=True)) == TABLES
        other = one.clone(folder / "b.db")
        assert [table.problem for table in one.status().tables] == [None] * TABLES
        assert len(other.doctor().tables) == TABLES
        sync(one, other)
        with counted(one, other) as statements:
            sync(one, other)
        assert len(statements) < 20 * TABLES
        one.connection.execute("UPDATE t7 SET a = 'one', up = 'x'; DELETE FROM t9")
        other.connection.execute("UPDATE t7 SET a = 'other'; INSERT INTO t8 VALUES ('y', 1, 'x')")
        with counted(one, other) as statements:
            sync(one, other)
        assert len(statements) < 200 * TABLES
        for n in range(TABLES):
            other.connection.execute(f"UPDATE t{n} SET a = 'all'")
        sync(one, other)
        assert state.shared(one.connection) == state.shared(other.connection)
        assert one.connection.execute("SELECT a FROM t7").fetchall() == [("all",)]
        one.close()
        other.close()


def test_a_table_may_have_500_columns() -> None:
    """Each column of a wide table merges on its own, typed ones too."""
    with fast_directory() as folder:
        connection = apsw.Connection(str(folder / "a.db"))
        columns = ", ".join(f"c{n} INTEGER DEFAULT 0" for n in range(500))
        connection.execute(f"CREATE TABLE w (id TEXT PRIMARY KEY, {columns}); INSERT INTO w (id) VALUES ('k')")
        connection.close()
        one = Replica.open(folder / "a.db")
        one.enable("w", types={"c3": "counter", "c444": "counter"})
        other = one.clone(folder / "b.db")
        for n in range(0, 500, 2):
            one.connection.execute(f"UPDATE w SET c{n} = c{n} + 1")
        for n in range(0, 500, 3):
            other.connection.execute(f"UPDATE w SET c{n} = c{n} + 2")
        one.connection.execute("UPDATE w SET c3 = c3 + 1")
        sync(one, other)
        assert one.vector() == other.vector()
        assert (
            one.connection.execute("SELECT * FROM w").fetchall()
            == other.connection.execute("SELECT * FROM w").fetchall()
        )
        found = one.connection.execute("SELECT * FROM w").fetchone()[1:]
        assert (found[3], found[444], found[2], found[9], found[1]) == (3, 3, 1, 2, 0)
        one.close()
        other.close()
