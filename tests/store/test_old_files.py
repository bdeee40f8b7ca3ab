"""Files of each file format so far, made by the last version that wrote it, open for ever: upgraded, in sync, and whole."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica
from crdtsql.store.registry import FORMAT
from tests.golden.make_file import FOLDER, SCHEMA
from tests.support import state
from tests.support.peers import START_MS, come_to_rest

FORMATS = sorted(int(path.name.removeprefix("v")) for path in FOLDER.iterdir())
LATER_MS = START_MS + 3_600_000


def unpacked(number: int, folder: Path) -> Path:
    """Put the file of a format into a folder."""
    path = folder / f"v{number}.db"
    path.write_bytes(lzma.decompress((FOLDER / f"v{number}" / "app.db.xz").read_bytes()))
    return path


def rows_of(replica: Replica) -> dict[str, Any]:
    """Return what the replicated tables show, as `expected.json` has it."""
    names = [name for (name,) in replica.connection.execute("SELECT name FROM _crdt_table ORDER BY name")]
    statement = 'SELECT * FROM "{}" ORDER BY 1, 2'
    return {
        name: [[repr(value) for value in row] for row in replica.connection.execute(statement.format(name))]
        for name in names
    }


def test_every_format_has_its_files() -> None:
    """Whoever raises the file format keeps the files of the one before: `tests/golden/make_file.py` makes them."""
    assert list(range(1, FORMAT + 1)) == FORMATS


@pytest.mark.parametrize("number", FORMATS)
def test_a_file_of_each_format_opens(number: int, tmp_path: Path) -> None:
    """It is upgraded, takes what waited and what its peer of that version sent, shows what that version showed, and is clean."""
    expected = json.loads((FOLDER / f"v{number}" / "expected.json").read_text(encoding="utf-8"))
    with Replica.open(unpacked(number, tmp_path), now=lambda: LATER_MS) as replica:
        assert replica.registry.number("format") == FORMAT
        replica.merge((FOLDER / f"v{number}" / "peer.crdt").read_bytes())
        assert rows_of(replica) == expected["rows"]
        assert replica.connection.execute("SELECT count(*) FROM _crdt_conflict").get == expected["conflicts"]
        assert not replica.doctor().broken
        assert replica.connection.execute("PRAGMA integrity_check").get == "ok"


@pytest.mark.parametrize("number", FORMATS)
def test_a_file_of_each_format_syncs_with_a_fresh_replica(number: int, tmp_path: Path) -> None:
    """What it exports makes an equal replica of an empty file, which writes and is heard."""
    with Replica.open(unpacked(number, tmp_path), now=lambda: LATER_MS) as old:
        fresh_path = tmp_path / "fresh.db"
        with old.clone(fresh_path) as fresh:
            fresh.connection.execute("UPDATE task SET n = n + 1; UPDATE doc SET votes = votes + 1; DELETE FROM pair")
            old.connection.execute("UPDATE task SET title = 'new' WHERE id = 't4'; UPDATE doc SET tags = '[]'")
            come_to_rest([old, fresh])
            assert state.shared(old.connection) == state.shared(fresh.connection)
            assert rows_of(old) == rows_of(fresh)
            assert not old.doctor().broken and not fresh.doctor().broken


@pytest.mark.parametrize("number", FORMATS)
def test_a_changeset_of_each_format_merges_into_an_empty_file(number: int, tmp_path: Path) -> None:
    """The whole file, as a changeset of that version, and its peer's changes after it, show what that version showed but for what waited."""
    path = tmp_path / "empty.db"
    connection = apsw.Connection(str(path))
    connection.execute(SCHEMA)
    connection.close()
    tables = [*json.loads((FOLDER / f"v{number}" / "expected.json").read_text(encoding="utf-8"))["rows"]]
    types = Replica.open(unpacked(number, tmp_path), now=lambda: LATER_MS)
    with types as old, Replica.open(path, now=lambda: LATER_MS) as replica:
        for name in tables:
            found = next(table for table in old.registry.tables() if table.name == name)
            replica.enable(name, types={field.name: field.type for field in found.fields if field.type != "lww"})
        for part in ("fresh", "peer", "fresh"):
            replica.merge((FOLDER / f"v{number}" / f"{part}.crdt").read_bytes())
        old.merge((FOLDER / f"v{number}" / "peer.crdt").read_bytes())
        come_to_rest([old, replica])
        assert rows_of(old) == rows_of(replica)
        assert not replica.doctor().broken
