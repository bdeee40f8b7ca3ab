"""Where a replica stands, as a sync asks."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import apsw
import pytest

from crdtsql import Replica, sync
from crdtsql.base import by_id
from tests.support import peers
from tests.support.peers import write

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)"


def test_it_is_read_again_once_anybody_wrote(tmp_path: Path) -> None:
    """While nobody writes, nothing but two look-ups runs; a write of any program, or a merge, is folded and told."""
    with peers.replica(tmp_path / "a.db", SCHEMA) as one, peers.replica(tmp_path / "b.db", SCHEMA) as other:
        write(one, "INSERT INTO task VALUES ('t1', 'one')")
        first = one.standing()
        said: list[str] = []
        one.connection.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: said.append(event["sql"]))
        assert one.standing() == first and all(text.startswith("PRAGMA") for text in said), said
        one.connection.trace_v2(0, None)
        program = sqlite3.connect(tmp_path / "a.db")
        with program:
            program.execute("UPDATE task SET title = 'two'")
        program.close()
        second = one.standing()
        assert second.vector[one.site] > first.vector[one.site] and second.site == one.site
        assert second.has_news_for(first.vector, first.lanes) and not first.has_news_for(second.vector, second.lanes)
        write(other, "INSERT INTO task VALUES ('t2', 'theirs')")
        sync(one, other)
        assert one.standing().vector == other.standing().vector == {**second.vector, **other.vector()}
        one.standing().vector.clear()
        assert one.standing().vector == other.vector()


def test_a_peer_proves_that_the_file_was_rolled_back(tmp_path: Path) -> None:
    """What a peer has of this site, and this file has not, makes it a new site, though nothing was written since the last look."""
    with peers.replica(tmp_path / "a.db", SCHEMA) as one:
        write(one, "INSERT INTO task VALUES ('t1', 'one')")
        one.vector()
        one.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        shutil.copy(tmp_path / "a.db", tmp_path / "kept")
        write(one, "UPDATE task SET title = 'two'")
        told, site = one.vector(), one.site
    for name in ("a.db", "a.db-wal", "a.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    shutil.copy(tmp_path / "kept", tmp_path / "a.db")
    with Replica.open(tmp_path / "a.db") as one:
        before = one.standing()
        assert before == one.standing()
        after = one.standing(told)
        assert after.site != site and after.site == one.site == one.standing().site


def test_what_a_sync_asks_for_costs_no_comparison_again(tmp_path: Path) -> None:
    """Two files that have met share what they say; that changes with the next write, and can't be changed by who gets it."""
    with peers.replica(tmp_path / "a.db", SCHEMA) as one, peers.replica(tmp_path / "b.db", SCHEMA) as other:
        for number in range(3):
            write(one, f"INSERT INTO task VALUES ('t{number}', 'one')")
            sync(one, other)
            sync(one, other)
            here, there = one.shared_standing({}), other.shared_standing({})
            assert here.vector.content is there.vector.content and here.vector == one.vector() == other.vector()
            assert one.shared_standing({}, folding=False).vector is here.vector
            with pytest.raises(TypeError):
                here.vector.clear()
            told = by_id(here.vector)
            assert (
                one.registry.peers()[bytes.fromhex(other.site)]
                == told
                == other.registry.peers()[bytes.fromhex(one.site)]
            )
        one.connection.execute("UPDATE task SET title = 'later'")
        assert one.shared_standing({}, folding=False).vector == here.vector != one.shared_standing({}).vector
        assert one.shared_standing({}).has_news_for(there.vector, there.lanes)
