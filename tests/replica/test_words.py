"""The words of the Python API."""

from __future__ import annotations

from pathlib import Path

import apsw

import crdtsql
from crdtsql import Replica
from tests.ui.test_sql_functions import SCHEMA


def test_python_words(tmp_path: Path) -> None:
    """Clone returns the open copy, and sync takes replicas or paths."""
    connection = apsw.Connection(str(tmp_path / "a.db"))
    connection.execute(SCHEMA)
    with Replica.open(tmp_path / "a.db") as a:
        a.enable("task")
        with a.clone(tmp_path / "b.db") as b:
            connection.execute("INSERT INTO task VALUES ('x', 'X', 1)")
            into_a, into_b = crdtsql.sync(a, b)
            assert (into_a.total.inserted, into_b.total.inserted) == (0, 1)
    connection.execute("UPDATE task SET n = 2")
    into_b, into_a = crdtsql.sync(tmp_path / "b.db", str(tmp_path / "a.db"))
    assert (into_a.total.updated, into_b.total.updated) == (0, 1)
    connection.close()
