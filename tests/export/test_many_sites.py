"""What an export costs in a file that many sites wrote to."""

from __future__ import annotations

import apsw

from crdtsql import Replica


def _steps(sites: int) -> int:
    """Return how many steps SQLite takes to export one row from a file in which so many sites wrote, each after all before it."""
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE task (id INTEGER PRIMARY KEY, title)")
    replica = Replica.on(connection)
    replica.enable("task", identity="key")
    connection.execute("BEGIN")
    for number in range(sites):
        replica.registry.become(number.to_bytes(16))
        connection.execute("INSERT INTO task VALUES (?, ?)", (number, number))
        replica.fold()
    connection.execute("COMMIT")
    vector = replica.vector()
    connection.execute("UPDATE task SET title = 'new' WHERE id = 1")
    replica.fold()
    steps: list[int] = []
    connection.trace_v2(
        apsw.SQLITE_TRACE_PROFILE, lambda event: steps.append(event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"])
    )
    assert len(replica.export(vector)) > 0
    connection.trace_v2(0, None)
    return sum(steps)


def test_an_export_takes_time_by_the_number_of_sites() -> None:
    """One changed row costs in proportion to the sites that ever wrote, and not to what each of them had seen of all others."""
    assert _steps(90) < 3.5 * _steps(30)
