"""Books outside of the file: how many are kept."""

from __future__ import annotations

import os
import time
from pathlib import Path

import apsw
import pytest

from crdtsql import Replica
from crdtsql.store import book


def test_old_books_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the books, the newest are kept, as many and as much as there may be; the one that was just written always."""
    monkeypatch.setenv("CRDTSQL_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(book, "FORGET_EVERY", 1)
    monkeypatch.setattr(book, "KEPT_LOGS", 3)
    connection = apsw.Connection(str(tmp_path / "app.db"))
    connection.execute("CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL)")
    connection.close()
    logs, written = tmp_path / "state" / "logs", list[str]()
    with Replica.open(tmp_path / "app.db") as replica:
        replica.enable("task")
        for number in range(6):
            replica.connection.execute("INSERT INTO task VALUES (?)", (str(number),))
            replica.fold()
            (new,) = {*os.listdir(logs)} - {*written}
            written.append(new)
            before = time.time() - 100 + number  # what the file system says of it is too coarse
            os.utime(logs / new, (before, before))
            written = [name for name in written if (logs / name).exists()]
            assert len(written) == min(number + 1, 3) and written[-1] == new
        monkeypatch.setattr(book, "KEPT_BYTES", 1)
        replica.connection.execute("INSERT INTO task VALUES ('last')")
        replica.fold()
    assert len(os.listdir(logs)) == 1
