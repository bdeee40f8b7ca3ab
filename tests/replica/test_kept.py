"""What one operation read of a file the next one takes for true, as long as nobody committed anything in between."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from crdtsql import Replica
from crdtsql.base import CrdtsqlError


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Give a file with a replicated table."""
    name = str(tmp_path / "app.db")
    with Replica.open(_plain(name)) as replica:
        replica.enable("task")
    return name


def _plain(name: str) -> str:
    connection = apsw.Connection(name)
    connection.execute("PRAGMA journal_mode = WAL; CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)").fetchall()
    connection.close()
    return name


def _clone(replica: Replica, name: str) -> Replica:
    return replica.clone(Path(replica.path).with_name(name))


def _statements(replica: Replica) -> list[str]:
    """Note the statements that a replica runs from now on."""
    ran: list[str] = []
    replica.connection.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: ran.append(event["sql"]))
    return ran


def _write(connection: apsw.Connection, key: str) -> None:
    connection.execute("INSERT INTO task VALUES (?, ?)", (key, key))


def _stamps(replica: Replica) -> list[int]:
    return [hlc for (hlc,) in replica.connection.execute("SELECT t FROM _crdt_clock_task ORDER BY seq, t")]


def test_what_nobody_changed_is_not_read_again(path: str) -> None:
    """A replica that takes changeset after changeset reads no facts, no sites and no registration, while nobody else writes."""
    with Replica.open(path) as sender, _clone(sender, "b.db") as receiver:
        for key in ("a", "b"):
            _write(sender.connection, key)
            data = sender.export(receiver.vector())
            ran = _statements(receiver)
            receiver.merge(data)
        read = [
            one
            for one in ran
            if one.startswith("SELECT") and any(f"{name} " in f"{one} " for name in ("_crdt_meta", "_crdt_table"))
        ]
        assert read == []
        assert not [one for one in ran if "FROM _crdt_site ORDER BY" in one], ran
        assert receiver.vector() == sender.vector()


def test_nothing_is_compiled_again(path: str) -> None:
    """Of what an export and a merge of one row run, SQLite compiles nothing anew the next time but PRAGMAs that read a setting."""
    with Replica.open(path) as sender, _clone(sender, "b.db") as receiver:
        compiled: list[tuple[object, ...]] = []
        for replica in (sender, receiver):
            replica.connection.authorizer = lambda *about: compiled.append(about) or apsw.SQLITE_OK
        for key in ("a", "b", "c", "d"):
            _write(sender.connection, key)
            known = receiver.vector()
            compiled.clear()
            receiver.merge(sender.export(known))
        assert {action for action, *_ in compiled} <= {
            apsw.SQLITE_PRAGMA,
            apsw.SQLITE_TRANSACTION,
            apsw.SQLITE_SAVEPOINT,
        }


def test_two_replicas_of_one_file(path: str) -> None:
    """Two that have one file open see what the other one committed: no stamp is given twice, and nothing is lost."""
    with Replica.open(path) as one, Replica.open(path) as other:
        for number in range(6):
            mine = (one, other)[number % 2]
            _write(mine.connection, str(number))
            mine.fold()
        assert len(set(_stamps(one))) == 6
        assert one.vector() == other.vector()
        assert one.connection.execute("SELECT count(*) FROM _crdt_clock_task").fetchone() == (6,)


def _batch(replica: Replica) -> int:
    """Have a replica number a fold, and return the number."""
    _write(replica.connection, f"after {replica.connection.total_changes()}")
    replica.fold()
    (batch,) = replica.connection.execute("SELECT value FROM _crdt_meta WHERE name = 'batch'").fetchone()
    return int(batch)


RAISE = "UPDATE _crdt_meta SET value = value + 10 WHERE name = 'batch'"


def test_a_fact_that_was_set_in_between(path: str) -> None:
    """What the replica's own connection, or another program, changed of its facts between two operations the next one goes by."""
    with Replica.open(path) as replica:
        first = _batch(replica)
        assert _batch(replica) == first + 1
        replica.connection.execute(RAISE)
        assert _batch(replica) == first + 12
        other = apsw.Connection(path)
        other.execute(RAISE)
        other.close()
        assert _batch(replica) == first + 23


def test_a_registration_that_was_changed_in_between(path: str) -> None:
    """A table that another program replicates, or stops replicating, between two operations counts from the next one on."""
    with Replica.open(path) as replica, Replica.open(path) as other:
        replica.export()
        other.connection.execute("CREATE TABLE more (id TEXT PRIMARY KEY NOT NULL)")
        other.enable("more")
        assert [table.name for table in replica.status().tables] == ["more", "task"]
        replica.connection.execute("INSERT INTO more VALUES ('a')")
        assert {change.table for change in replica.changes()} == {"more"}
        other.disable("more")
        assert [table.name for table in replica.status().tables] == ["task"]


def test_what_an_operation_that_failed_had_changed(path: str) -> None:
    """What an operation that was undone had written into facts, the next one does not take for true."""
    with Replica.open(path) as sender, _clone(sender, "b.db") as receiver:
        (first,) = receiver.connection.execute("SELECT value FROM _crdt_meta WHERE name = 'batch'").fetchone()
        for number, (refused, batch) in enumerate([(False, first + 1), (True, first + 1), (False, first + 2)]):
            _write(sender.connection, str(number))
            data = sender.export(receiver.vector())
            if refused:
                receiver.connection.execute(
                    "CREATE TEMP TRIGGER no BEFORE INSERT ON main._crdt_clock_task BEGIN SELECT RAISE(ABORT, 'not now'); END"
                )
                with pytest.raises(CrdtsqlError):
                    receiver.merge(data)
                receiver.connection.execute("DROP TRIGGER temp.no")
            else:
                receiver.merge(data)
            assert receiver.connection.execute("SELECT value FROM _crdt_meta WHERE name = 'batch'").fetchone() == (
                batch,
            )


def test_what_a_caller_takes_back(path: str) -> None:
    """What a verb wrote into facts inside a transaction of its caller's is gone with it, whether that, or a savepoint of it, is undone."""
    with Replica.open(path) as replica:
        first = _batch(replica)
        replica.connection.execute("BEGIN")
        assert _batch(replica) == first + 1
        replica.connection.execute("SAVEPOINT inner")
        assert _batch(replica) == first + 2
        replica.connection.execute("ROLLBACK TO inner; RELEASE inner")
        assert _batch(replica) == first + 2
        limit = replica.status().conflicts_total
        replica.limit_conflicts(total=limit + 1)
        replica.connection.execute("ROLLBACK")
        assert replica.status().conflicts_total == limit
        assert _batch(replica) == first + 1


def test_a_database_that_takes_the_place_of_another() -> None:
    """A database that is deserialized into a replica's connection is read, though SQLite may number its commits as those before."""
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)")
    replica = Replica.on(connection)
    replica.enable("task")
    before = connection.serialize("main")
    first = _batch(replica)
    version = connection.data_version("main")
    connection.deserialize("main", before)
    while connection.data_version("main") < version - 1:  # `_batch` writes once before
        connection.execute("PRAGMA user_version = 1")
    assert _batch(replica) == first
