"""A file is written for an earlier version, or it is said what stands in the way."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from crdtsql import CrdtsqlError, Replica
from crdtsql.base import RETIRED
from crdtsql.base.errors import UsageError
from crdtsql.evolve.downgrading import STEPS
from crdtsql.store.registry import FORMAT
from tests.golden.make_file import FOLDER
from tests.store.test_old_files import FORMATS, LATER_MS, rows_of, unpacked
from tests.support import state
from tests.support.command import ok, refused
from tests.support.peers import come_to_rest

OURS = "SELECT name, sql FROM sqlite_schema WHERE name GLOB '_crdt_*' OR name GLOB 'crdt_*' ORDER BY name"
FACT = "INSERT OR REPLACE INTO _crdt_meta (name, value) VALUES ('{}', {})"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a file of the present format."""
    path = unpacked(FORMAT, tmp_path)
    Replica.open(path, now=lambda: LATER_MS).close()
    return path


def schema_of(path: Path) -> dict[str, str]:
    """Return the statements of all that is ours, without the spaces that differ between versions."""
    connection = apsw.Connection(str(path))
    found = {name: " ".join(str(said).split()) for name, said in connection.execute(OURS)}
    connection.close()
    return found


@pytest.mark.parametrize("to", STEPS)
def test_it_has_what_a_file_of_that_format_has(to: int, tmp_path: Path) -> None:
    """It has the tables, triggers and views of the file that the last version of the format made, and no fact that this version lacks."""
    new, old = unpacked(FORMAT, tmp_path), unpacked(to, tmp_path)
    with Replica.open(new, now=lambda: LATER_MS) as replica:
        shown = rows_of(replica)
        assert replica.downgrade(to)
    assert schema_of(new) == schema_of(old)
    connection = apsw.Connection(str(new))
    assert connection.execute("SELECT value FROM _crdt_meta WHERE name = 'format'").get == to
    kinds = {str(name).partition(":")[0] for (name,) in connection.execute("SELECT name FROM _crdt_meta")}
    allowed = STEPS[to].facts  # None for a format that knows all facts of the present one
    assert allowed is None or kinds <= allowed
    connection.execute("UPDATE task SET title = 'of another program' WHERE id = 't1'")
    connection.close()
    with Replica.open(new, now=lambda: LATER_MS) as replica:
        shown["task"] = [
            [*row[:1], "'of another program'", *row[2:]] if row[0] == "'t1'" else row for row in shown["task"]
        ]
        assert replica.registry.number("format") == FORMAT and rows_of(replica) == shown
        assert not replica.doctor().broken


@pytest.mark.parametrize("number", FORMATS)
@pytest.mark.parametrize("to", STEPS)
def test_files_of_all_formats_go_back_and_come_again(number: int, to: int, tmp_path: Path) -> None:
    """A file that was upgraded is written for the earlier version, upgraded again, and still merges with everybody."""
    path = unpacked(number, tmp_path)
    with Replica.open(path, now=lambda: LATER_MS) as replica:
        replica.downgrade(to)
    with Replica.open(path, now=lambda: LATER_MS) as replica, replica.clone(tmp_path / "clone.db") as clone:
        replica.merge((FOLDER / f"v{number}" / "peer.crdt").read_bytes())
        come_to_rest([replica, clone])
        assert state.shared(replica.connection) == state.shared(clone.connection)


@pytest.mark.parametrize(
    ("statement", "to", "why"),
    [
        (f"INSERT INTO _crdt_retired VALUES (x'{'07' * 16}', 5, 6)", 7, "forgotten have left its vector"),
        (f"INSERT INTO _crdt_site (id, upto) VALUES (x'{RETIRED.hex()}', 5)", 7, "forgotten have left its vector"),
        (
            "INSERT INTO _crdt_foretold (uid, site, number) VALUES ('note', 1, 3)",
            6,
            "refer to rows that were not there",
        ),
        (FACT.format("compacted", 1), 6, "it was compacted"),
        ("CREATE TABLE _crdt_births (tbl, first, last, packed)", 6, "it was compacted"),
        (FACT.format("differs:00", 1), 7, "differs from another replica"),
        (FACT.format("signed", 1), 7, "says 'signed'"),
    ],
)
def test_what_stands_in_the_way(statement: str, to: int, why: str, file: Path) -> None:
    """What the earlier format has no words for is named, and the file stays as it is."""
    with Replica.open(file, now=lambda: LATER_MS) as replica:
        replica.connection.execute(statement)
        content = state.content(replica.connection)
        with pytest.raises(CrdtsqlError, match=why):
            replica.downgrade(to)
        assert state.content(replica.connection) == content


def test_the_command(file: Path) -> None:
    """It says which format the file is in now, and which ones there are."""
    assert f"can't be written in format 5: formats {min(STEPS)} to {FORMAT} can be" in refused(
        "downgrade", file, "--to", "5", code=2
    )
    with pytest.raises(UsageError), Replica.open(file) as replica:
        replica.downgrade(FORMAT + 1)
    assert "was in file format" in ok("downgrade", file, "--to", str(FORMAT))
    assert f"is in file format {FORMAT - 1}" in ok("downgrade", file)
