"""Values that were purged stand nowhere in a file any more, nor in those of other replicas: its bytes are looked through."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from crdtsql import Replica, sync
from tests.support.peers import Clock, send, write

SECRET = b"UNUTTERABLE"
TYPES = {
    "votes": "counter",
    "tags": "set",
    "doc": "map",
    "reg": "register",
    "hi": "max",
    "lo": "min",
    "grown": "grow-set",
}
COLUMNS = "title TEXT, must TEXT NOT NULL, votes INTEGER, tags TEXT, doc TEXT, reg, hi, lo, grown TEXT, big"


def secrets(of: Replica | Path) -> int:
    """Count how often the secret stands in a file and what belongs to it."""
    path = str(of) if isinstance(of, Path) else of.path
    files = [Path(f"{path}{suffix}") for suffix in ("", "-wal", "-journal")]
    return sum(file.read_bytes().count(SECRET) for file in files if file.exists())


def vacuum(replica: Replica) -> None:
    """Let a file be written anew."""
    replica.connection.execute("VACUUM")
    replica.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def base(folder: Path, key: str, journal: str, identity: str = "key") -> tuple[Replica, Replica]:
    """Make two replicas in which a row with secrets in all columns was written on both sides and deleted on one."""
    connection = apsw.Connection(str(folder / "a.db"))
    connection.execute(f"PRAGMA journal_mode = {journal}; CREATE TABLE t ({key}, {COLUMNS})").fetchall()
    connection.close()
    a = Replica.open(folder / "a.db", now=Clock(step=1000))
    a.enable("t", types=TYPES, identity=identity)
    b = a.clone(folder / "b.db")
    b.connection.execute(f"PRAGMA journal_mode = {journal}").fetchall()
    s = SECRET.decode()
    values = (
        f"""'{s}1', '{s}2', 7, '["{s}3"]', '{{"{s}4": "{s}5"}}', '{s}6', '{s}7', '{s}8', '["{s}9"]', '{s * 2000}'"""
    )
    write(a, f"INSERT INTO t VALUES (1, {values})")
    sync(a, b)
    change = f"""UPDATE t SET title = '{s}a', votes = votes + 1, tags = '["{s}b"]', doc = '{{"{s}4": "{s}c"}}', reg = '{s}d'"""
    write(a, change)
    write(b, change.replace(s, f"{s}of b "))
    sync(a, b)
    assert a.conflicts() and a.connection.execute("SELECT count(*) FROM _crdt_parts_t").get
    write(a, "DELETE FROM t")
    sync(a, b)
    return a, b


@pytest.mark.parametrize("journal", ["wal", "delete"])
@pytest.mark.parametrize(("key", "identity"), [("id TEXT PRIMARY KEY", "key"), ("id INTEGER PRIMARY KEY", "row")])
def test_no_byte_is_left(tmp_path: Path, journal: str, key: str, identity: str) -> None:
    """After a purge and a VACUUM no value of the row stands in the file, and none in a replica that got the purge: of no column type."""
    a, b = base(tmp_path, key, journal, identity)
    assert secrets(a) and secrets(b)
    report = a.purge("t", ["1"], vacuum=True)
    assert report.tables == {"t": 1} and report.conflicts and report.vacuumed and not report.log_left
    assert not secrets(a)
    assert secrets(b)
    merged = sync(a, b).there
    assert merged.tables["t"].purged == 1 and "VACUUM" in merged.notices[0]
    vacuum(b)
    assert not secrets(b)
    assert not a.conflicts() and not b.conflicts()
    assert a.verify(b).equal
    third = b.clone(tmp_path / "c.db")
    assert not secrets(third)


def test_what_is_overwritten_is_zeroed(tmp_path: Path) -> None:
    """Held values are overwritten in the file at once, without a VACUUM, here and where the purge arrives, and stand in no log."""
    a, b = base(tmp_path, "id TEXT PRIMARY KEY", "wal")
    for one in (a, b):
        vacuum(one)
        assert secrets(one) > 2000
    a.purge("t", ["1"])
    assert secrets(a) == 0
    sync(a, b)
    assert secrets(b) == 0
    for one in (a, b):
        assert one.connection.execute("PRAGMA secure_delete").get == 0


def test_parked_cells_are_purged(tmp_path: Path) -> None:
    """Cells of a column that a file only keeps for others go as well, typed ones too, on the file that purges and on others."""
    a, b = base(tmp_path, "id TEXT PRIMARY KEY", "wal")
    for column in ("big", "tags", "votes"):
        b.alter(f"ALTER TABLE t DROP COLUMN {column}")
    b.purge("t", ["1"], vacuum=True)
    assert not secrets(b)
    sync(a, b)
    vacuum(a)
    assert not secrets(a)
    assert a.held(deleted=True)[0].values["big"] is None
    c = b.clone(tmp_path / "c.db")
    sync(c, a)
    assert a.verify(c).equal


def test_a_placeholder_forgets(tmp_path: Path) -> None:
    """A replica that only keeps a table for others overwrites purged values all the same."""
    a, _ = base(tmp_path, "id TEXT PRIMARY KEY", "wal")
    apsw.Connection(str(tmp_path / "d.db")).execute("CREATE TABLE other (id TEXT PRIMARY KEY)")
    d = Replica.open(tmp_path / "d.db", now=Clock(step=1000))
    d.enable("other")
    send(a, d)
    assert secrets(d)
    a.purge("t", ["1"])
    send(a, d)
    vacuum(d)
    assert not secrets(d)


def test_a_reader_keeps_the_log(tmp_path: Path) -> None:
    """While another program reads the file, the log can't be emptied: that is said, and once it is gone a second purge does it."""
    a, _ = base(tmp_path, "id TEXT PRIMARY KEY", "wal")
    a.connection.set_busy_timeout(10)
    reader = apsw.Connection(a.path)
    reader.execute("BEGIN; SELECT count(*) FROM t").fetchall()
    assert a.purge("t", ["1"]).log_left
    assert secrets(a)
    reader.close()
    again = a.purge("t", ["1"], vacuum=True)
    assert (again.already, again.log_left) == (1, False)
    assert not secrets(a)
