"""The Chinook music shop with all its tables, written by the sqlite3 shell, with and without AUTOINCREMENT."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import crdtsql
from crdtsql import Replica
from tests.programs import network, tools
from tests.programs.survival import Ledger
from tests.programs.writer import Writer
from tests.support import command
from tests.support.peers import fast_directory

CHINOOK = Path(crdtsql.__file__).parent / "ui" / "data" / "chinook.sqlite"
OFFICE = """
PRAGMA foreign_keys = ON;
BEGIN;
INSERT INTO Artist (Name) VALUES ('Nina');
INSERT INTO Album (Title, ArtistId) VALUES ('Little Girl', last_insert_rowid());
INSERT INTO Track (Name, AlbumId, MediaTypeId, Milliseconds, UnitPrice) VALUES ('Good Bait', last_insert_rowid(), 1, 327000, 0.99);
COMMIT;
DELETE FROM PlaylistTrack WHERE TrackId = 7;
DELETE FROM InvoiceLine WHERE TrackId = 7;
DELETE FROM Track WHERE TrackId = 7;
UPDATE Customer SET Email = 'luis@example.org' WHERE CustomerId = 1;
INSERT INTO Playlist (Name) VALUES ('Office');
"""
SHOP = """
PRAGMA foreign_keys = ON;
BEGIN;
INSERT INTO Artist (Name) VALUES ('Chet');
INSERT INTO Album (Title, ArtistId) VALUES ('Sings', last_insert_rowid());
INSERT INTO Track (Name, AlbumId, MediaTypeId, Milliseconds, UnitPrice) VALUES ('All the Things You Were', last_insert_rowid(), 1, 166000, 0.99);
INSERT INTO PlaylistTrack VALUES (1, last_insert_rowid());
COMMIT;
INSERT INTO Invoice (CustomerId, InvoiceDate, Total) VALUES (1, '2024-05-01', 0.99);
INSERT INTO InvoiceLine (InvoiceId, TrackId, UnitPrice, Quantity) VALUES (last_insert_rowid(), 7, 0.99, 1);
UPDATE Customer SET City = 'Lisbon' WHERE CustomerId = 1;
INSERT INTO Playlist (Name) VALUES ('Shop');
"""


def chinook(path: Path, autoincrement: bool) -> Path:
    """Write the shop to a file, as it is published or with AUTOINCREMENT in every table of an integer key."""
    if not autoincrement:
        shutil.copy(CHINOOK, path)
        return path
    schema = subprocess.run(["sqlite3", CHINOOK, ".schema"], capture_output=True, text=True, check=True).stdout
    names = re.findall(r"CREATE TABLE \[(\w+)\]", schema)
    schema = re.sub(
        r"(CREATE TABLE \[\w+\]\s*\(\s*\[(\w+)\]) INTEGER\s+NOT NULL([^;]*?),\s*CONSTRAINT \[\w+\] PRIMARY KEY\s+\(\[\2\]\)",
        r"\1 INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL\3",
        schema,
    )
    copy = "".join(f"INSERT INTO {name} SELECT * FROM old.{name};" for name in names)
    command.execute(path, f"ATTACH '{CHINOOK}' AS old; BEGIN; {schema} {copy} COMMIT;")
    return path


def ask(path: Path, statement: str) -> list[str]:
    """Ask the sqlite3 shell."""
    done = subprocess.run(["sqlite3", path, statement], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize("autoincrement", [False, True])
def test_two_offices_of_the_music_shop(tmp_path: Path, autoincrement: bool) -> None:
    """New rows of one number are kept side by side with all that refers to them, and a sold track comes back."""
    office, shop = tools.replicate(chinook(tmp_path / "office.db", autoincrement), "shop")
    command.execute(office, OFFICE)
    command.execute(shop, SHOP)
    tools.sync(office, shop)
    tools.check(office, shop)
    for path in (office, shop):
        albums = (
            "SELECT Artist.Name, Album.Title, Track.Name FROM Track JOIN Album USING (AlbumId) JOIN Artist USING (ArtistId) "
            "WHERE Artist.Name IN ('Nina', 'Chet') ORDER BY 1"
        )
        assert ask(path, albums) == ["Chet|Sings|All the Things You Were", "Nina|Little Girl|Good Bait"]
        assert ask(path, "SELECT count(*) FROM Playlist WHERE Name IN ('Office', 'Shop')") == ["2"]
        assert ask(path, "SELECT Email, City FROM Customer WHERE CustomerId = 1") == ["luis@example.org|Lisbon"]
        listed = "SELECT Name FROM PlaylistTrack JOIN Track USING (TrackId) WHERE PlaylistId = 1 AND Name = 'All the Things You Were'"
        assert ask(path, listed) == ["All the Things You Were"]
        sold = (
            "SELECT Track.Name FROM InvoiceLine JOIN Invoice USING (InvoiceId) JOIN Track USING (TrackId) "
            "WHERE InvoiceDate = '2024-05-01'"
        )
        assert ask(path, sold) == ask(CHINOOK, "SELECT Name FROM Track WHERE TrackId = 7")


@pytest.mark.parametrize("autoincrement", [False, True])
def test_random_writes_to_the_music_shop(autoincrement: bool) -> None:
    """Random writes to every table of the shop converge; nothing that somebody inserted vanishes."""
    with fast_directory() as directory:
        paths = tools.replicate(chinook(directory / "a.db", autoincrement), "b", "c")
        writers = [Writer(str(path), path.stem, 1) for path in paths]
        with Replica.open(paths[0]) as replica:
            ledger = Ledger(writers[0].shapes, network.named_by_key(replica))
        for writer in writers:
            before = ledger.look(writer.connection)
            writer.burst(40)
            ledger.note(before, ledger.look(writer.connection), writer.name)
            writer.close()
        tools.sync(*paths)
        tools.check(*paths)
        with Replica.open(paths[0]) as replica:
            assert not ledger.missing(replica.connection)
