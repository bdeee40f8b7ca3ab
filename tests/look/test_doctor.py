"""`doctor` says what a schema means for replication, and what is broken; `enable --add-key` shows what it will do."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import COMMAND, execute, make, ok, query, refused, run

SCHEMA = """
CREATE TABLE Artist (ArtistId INTEGER PRIMARY KEY AUTOINCREMENT, Name TEXT UNIQUE);
CREATE TABLE albums (
  id INTEGER PRIMARY KEY, artist_id INTEGER, MainArtistId, artist TEXT, n INTEGER CHECK (n >= 0), twice AS (n * 2), up INTEGER REFERENCES albums (id),
  parent_id INTEGER, by INTEGER REFERENCES Artist ON DELETE CASCADE, low, high, CHECK (low < high), UNIQUE (low, artist)
);
CREATE TABLE track (id TEXT PRIMARY KEY, album_id INT REFERENCES albums (id) ON DELETE SET NULL, mail TEXT COLLATE NOCASE, gone REFERENCES nowhere);
CREATE TABLE ticket (id INT PRIMARY KEY, v ANY) STRICT;
CREATE TABLE log (what, at); CREATE TABLE diary (what, at);
CREATE TABLE visit (who TEXT PRIMARY KEY, log REFERENCES log (rowid), n);
CREATE VIEW loud AS SELECT upper(Name) FROM Artist;
CREATE VIEW torn AS SELECT x FROM absent;
CREATE VIRTUAL TABLE found USING fts5 (Name, content = 'Artist', content_rowid = 'ArtistId');
CREATE VIRTUAL TABLE alone USING fts5 (a);
CREATE UNIQUE INDEX track_mail ON track (lower(mail)) WHERE album_id IS NOT NULL;
CREATE TRIGGER artist_in AFTER INSERT ON Artist BEGIN INSERT INTO found (rowid, Name) VALUES (NEW.ArtistId, NEW.Name); END;
CREATE TRIGGER track_in AFTER INSERT ON track BEGIN UPDATE albums SET n = n + 1 WHERE id = NEW.album_id; INSERT INTO log VALUES (1, 2); END;
CREATE TRIGGER track_refuses BEFORE INSERT ON track WHEN NEW.mail = '' BEGIN SELECT RAISE(ABORT, 'no mail'); END;
CREATE TRIGGER loud_in INSTEAD OF INSERT ON loud BEGIN INSERT INTO Artist (Name) VALUES ('x'); END;
INSERT INTO albums (id, up, low, high) VALUES (1, 99, 1, 2);
INSERT INTO diary VALUES (1, 2);
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a file with a schema that has something of everything."""
    return make(tmp_path / "app.db", SCHEMA)


def findings(path: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    done = run("doctor", path, *arguments, "--json")
    assert done.returncode == code, done.stderr
    return dict(json.loads(done.stdout))


def texts(report: dict[str, Any], table: str) -> list[str]:
    (found,) = [entry for entry in report["tables"] if entry["name"] == table]
    return [
        f"{finding['level']} {finding['about']}: {finding['text']} -> {finding['fix']}" for finding in found["findings"]
    ]


EXPECTED = {
    "Artist": [
        "note identity: identity row: ",
        "note references: declared references to it follow when a row is renumbered: albums.by",
        "watch undeclared reference: albums.artist_id looks like a reference to Artist.ArtistId",
        "-> crdtsql reference {path} albums.artist_id Artist.ArtistId",
        "watch undeclared reference: albums.MainArtistId ",
        "note autoincrement: AUTOINCREMENT: each replica takes the numbers in 'ArtistId' from blocks of its own",
        "note rows: no rows yet",
        "note unique: UNIQUE (Name): when two replicas give one value to two rows, the row that had it first is shown, the other is held",
        "note trigger: trigger artist_in writes found: it also fires for what a merge brings",
    ],
    "albums": [
        "note references: declared references to it follow when a row is renumbered: albums.up and track.album_id",
        "undeclared reference: albums.parent_id looks like",
        ("note foreign key: (by) refers to Artist, ON DELETE CASCADE: when one replica deletes a row of Artist while another writes a row that "
        "refers to it, the deleted row stays deleted, and that row is held"),
        "note foreign key: (up) refers to albums, ON DELETE NO ACTION: ",
        "the deleted row is shown again",
        "watch check: CHECK (low < high) depends on high and low: ",
        "-> crdtsql enable {path} albums --granularity row",
        "note check: CHECK (n >= 0): if n becomes a counter",
        "note generated: twice: generated",
        "watch foreign key: 1 row without the row of albums that they refer to (rowid 1)",
    ],
    "track": [
        "note identity: identity key: rows of one (id) on two replicas are one row",
        "UNIQUE (lower(mail)) WHERE album_id IS NOT NULL: ",
        "(album_id) refers to albums, ON DELETE SET NULL",
        "that row is shown with NULL in place of the reference",
        "watch foreign key: (gone) refers to nowhere, which is no table of this file",
        "watch trigger: trigger track_in writes albums: that is captured and travels like any write, so merges leave this trigger out",
        "watch trigger: trigger track_in also writes log, which is not replicated",
        "watch trigger: trigger track_in counts in albums.n",
        "-> crdtsql enable {path} albums -c n=counter",
        "watch trigger: trigger track_refuses may refuse rows (RAISE)",
    ],
    "ticket": ["watch integer key: two replicas that both insert id = 7"],
    "log": ["refused table: it has no primary key", "-> crdtsql enable {path} log --add-key"],
    "visit": ["watch foreign key: foreign key mismatch", "(log) refers to log, which can't be enabled as it is"],
    "found": [
        "note virtual: a virtual table (fts5): it is not replicated itself",
        "watch virtual: its content is Artist, and no trigger there keeps it on DELETE and UPDATE",
        """INSERT INTO "found"("found") VALUES ('rebuild')""",
    ],
    "alone": ["watch virtual: no trigger fills it"],
}  # fmt: skip


@pytest.mark.parametrize("table", EXPECTED)
def test_what_a_schema_means_is_said_before_anything_is_enabled(path: Path, table: str) -> None:
    """For each table it is said whether it can be enabled, what names its rows, and what collisions will do; the file stays as it is."""
    before = path.read_bytes()
    report = findings(path)
    found = texts(report, table)
    for expected in EXPECTED[table]:
        assert any(expected.format(path=path) in text for text in found), (expected, found)
    assert path.read_bytes() == before


def test_what_is_not_a_reference_is_not_taken_for_one(path: Path) -> None:
    """Columns of text, declared references and keys of other tables are not named as undeclared references."""
    report = findings(path)
    named = [text for table in ("Artist", "albums") for text in texts(report, table) if "undeclared" in text]
    assert len(named) == 3, named


def test_the_file_as_a_whole(path: Path) -> None:
    """Versions, views, what does not compile, and triggers of views are said once, for the file."""
    report = findings(path)
    found = " | ".join(f"{finding['level']} {finding['text']}" for finding in report["findings"])
    for expected in (
        "need SQLite 3.37, for the STRICT tables",
        "views need nothing",
        "watch view torn does not work",
        "trigger loud_in on view loud",
    ):
        assert expected in found
    assert {table["name"] for table in report["tables"]} == {
        "Artist",
        "albums",
        "track",
        "ticket",
        "log",
        "visit",
        "found",
        "alone",
        "diary",
    }
    assert report["broken"] is False


def test_the_exit_code_says_what_to_do(path: Path) -> None:
    """It is 1 if a named table can't be enabled or a replicated one is broken, else 0."""
    findings(path, "log", code=1)
    findings(path, "track", "Artist")
    assert "there is no such table; tables in this file: " in refused("doctor", path, "nix")
    ok("enable", path, "track", "albums", "-c", "albums.n=counter")
    report = findings(path)
    assert any("CHECK (n >= 0) on the counter n" in text for text in texts(report, "albums"))
    execute(path, "DELETE FROM track; DROP TRIGGER _crdt_insert_track")
    report = findings(path, code=1)
    assert report["broken"] is True
    (broken,) = [text for text in texts(report, "track") if text.startswith("broken")]
    assert "capture triggers are gone" in broken
    shown = run("doctor", path).stdout.decode()
    assert "track: replicated" in shown
    assert "broken  capture: its capture triggers are gone" in shown
    assert "1 broken" in shown.splitlines()[-1]


def test_what_the_next_operation_takes_note_of_is_not_broken(path: Path) -> None:
    """A column that was added is said, with the command that takes note of it at once."""
    ok("enable", path, "track")
    execute(path, "ALTER TABLE track ADD COLUMN note TEXT")
    found = texts(findings(path), "track")
    assert any("column 'note' was added" in text and text.startswith("watch capture") for text in found), found
    ok("repair", path)
    assert not [text for text in texts(findings(path), "track") if " capture: " in text]


def test_held_rows_are_counted_by_reason(path: Path) -> None:
    """Rows that an enabled table does not show are counted, with the reason."""
    ok("enable", path, "track")
    execute(path, "INSERT INTO track (id) VALUES ('a'), ('b'); DELETE FROM track WHERE id = 'a'")
    ok("vector", path)
    assert any("note held: 1 held row: deleted" in text for text in texts(findings(path), "track"))


def test_any_name_can_be_examined(tmp_path: Path) -> None:
    """Tables and columns of any name are examined, and commands that are shown quote them."""
    schema = """CREATE TABLE "it's ""a"" b.c" ("x y" INTEGER PRIMARY KEY, "o'o" UNIQUE); CREATE TABLE "log 1" ("a;b");
    CREATE TRIGGER "t [1]" AFTER INSERT ON "it's ""a"" b.c" BEGIN INSERT INTO "log 1" VALUES (1); END"""
    path = make(tmp_path / "my app.db", schema)
    report = findings(path)
    assert any("writes log 1" in text for text in texts(report, """it's "a" b.c"""))
    assert any(text.endswith(f"crdtsql enable '{path}' 'log 1' --add-key") for text in texts(report, "log 1"))


def test_a_file_in_utf16_is_refused_as_a_whole(tmp_path: Path) -> None:
    """The encoding of a file is said once, with what to do."""
    path = make(tmp_path / "wide.db", "PRAGMA encoding = 'UTF-16'; CREATE TABLE t (id TEXT PRIMARY KEY)")
    report = findings(path)
    assert [finding["about"] for finding in report["findings"] if finding["level"] == "refused"] == ["encoding"]
    assert not report["tables"][0]["can_enable"]


# -- enable --add-key -----------------------------------------------------------------------------


def test_an_added_key_is_shown_first(path: Path) -> None:
    """Without --yes and without a terminal, the statements and what they mean are shown, and nothing is changed."""
    before = path.read_bytes()
    done = run("enable", path, "diary", "--add-key")
    assert done.returncode == 2
    assert b"give --yes to add these keys" in done.stderr
    shown = done.stdout.decode()
    assert "SELECT * shows one column more" in shown
    assert (
        'CREATE TABLE diary (what, at, "id" TEXT PRIMARY KEY NOT NULL DEFAULT (lower(hex(randomblob(16)))));' in shown
    )
    assert path.read_bytes() == before
    assert "enabled diary" in ok("enable", path, "diary", "--add-key", "--yes")
    assert query(path, "SELECT what, at, length(id) FROM diary") == [(1, 2, 32)]


@pytest.mark.parametrize(("answer", "enabled"), [("y", True), ("n", False)])
def test_an_added_key_is_asked_for_on_a_terminal(path: Path, answer: str, enabled: bool) -> None:
    """On a terminal the answer decides."""
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "enable", path, "diary", "--add-key"], stdin=child, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    os.close(child)
    os.write(parent, f"{answer}\n".encode())
    output, _ = process.communicate(timeout=60)
    os.close(parent)
    assert (b"enabled diary" in output) == enabled
    assert process.returncode == (0 if enabled else 1)
    assert (query(path, "SELECT count(*) FROM sqlite_schema WHERE name = '_crdt_clock_diary'") == [(1,)]) == enabled


def test_tables_with_a_key_are_enabled_as_they_are(path: Path) -> None:
    """--add-key asks nothing and changes nothing where there is a key."""
    before = query(path, "SELECT sql FROM sqlite_schema WHERE name = 'track'")
    assert ok("enable", path, "track", "--add-key").startswith("enabled track")
    assert query(path, "SELECT sql FROM sqlite_schema WHERE name = 'track'") == before


def test_references_in_keys_to_united_rows(tmp_path: Path) -> None:
    """doctor recommends to unite rows that others refer to from their keys as from other columns, and has nothing to say once they are."""
    schema = "CREATE TABLE tag (id TEXT PRIMARY KEY NOT NULL, name TEXT UNIQUE); CREATE TABLE n (id TEXT PRIMARY KEY NOT NULL, tag REFERENCES tag);"
    link = "CREATE TABLE link (note TEXT NOT NULL, tag TEXT NOT NULL REFERENCES tag, PRIMARY KEY (note, tag))"
    path = make(tmp_path / "app.db", schema + link)
    (warning,) = [text for text in texts(findings(path), "tag") if "natural key" in text]
    assert "link.tag" in warning and "n.tag" in warning
    ok("enable", path, "--all")
    ok("unique", path, "tag", "name", "same")
    assert not [
        text for table in ("tag", "link", "n") for text in texts(findings(path), table) if "natural key" in text
    ]
